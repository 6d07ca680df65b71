// SPDX-License-Identifier: Apache-2.0

/// Looks through a whole XML document without knowing its sets: every path of elements and attributes, from the root.
package final class XMLSurvey: XMLPushParser {
    private var survey: Survey
    private var names: XMLNames
    /// For each open element its path.
    private var open: [Int] = []
    /// For each open element the start of its text, and its full length.
    private var texts: [(text: [UInt8], length: Int)] = []

    /// Opens a document; see ``XMLReader`` for the options, ``Survey`` for the limits.
    ///
    /// - Throws: `Diagnostic` `xml.not-xml`, or what the source throws.
    package init(
        _ source: any ByteSource, namespaces: [String: String] = [:], encoding: TextEncoding? = nil,
        survey: Survey = Survey(), limits: Limits = Limits()
    ) throws {
        self.survey = survey
        names = XMLNames(namespaces: namespaces)
        try super.init(source, encoding: encoding, limits: limits)
    }

    /// Reads to the end and gives what there is.
    ///
    /// - Throws: `Diagnostic` for a document that cannot be read on, as ``XMLReader``.
    package func run() throws -> Survey {
        while feed() {}
        try throwFailure()
        return survey
    }

    override func elementStarted(
        _ local: UnsafePointer<UInt8>, _ prefix: UnsafePointer<UInt8>?, _ uri: UnsafePointer<UInt8>?,
        _ attributes: XMLAttributes
    ) {
        let above = open.last ?? -1
        let isKnown = open.isEmpty || above >= 0
        let name = names.index(local, prefix, uri, isAttribute: false)
        let path = isKnown ? survey.index(names.names[Int(name)], under: above) : -1
        open.append(path)
        texts.append(([], 0))
        guard path >= 0 else { return }
        for k in 0..<attributes.count {
            guard let name = attributes.name(k, in: &names) else { continue }
            let index = survey.index(names.names[Int(name)], under: path)
            _ = attributes.withValue(k) {
                survey.add(index, UnsafeBufferPointer(start: $0, count: $1), fullLength: $1)
            }
        }
    }

    override func characters(_ text: UnsafePointer<UInt8>, _ count: Int) {
        guard !texts.isEmpty else { return }
        let top = texts.count - 1
        texts[top].length += count
        let room = survey.lengthLimit + 4 - texts[top].text.count
        if room > 0 { texts[top].text.append(contentsOf: UnsafeBufferPointer(start: text, count: min(room, count))) }
    }

    override func elementEnded() {
        let path = open.removeLast()
        let (text, length) = texts.removeLast()
        text.withUnsafeBufferPointer { survey.add(path, $0, fullLength: length) }
    }
}
