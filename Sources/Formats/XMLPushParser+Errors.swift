// SPDX-License-Identifier: Apache-2.0

import CLibXML2
import TicketModel

extension XMLPushParser {
    /// Takes an error of libxml2 and makes one of ours of it, unless it can be read over.
    func reported(_ error: xmlError) {
        guard failure == nil, let context else { return }
        let isUnknownEntity = error.code == Int32(XML_WAR_UNDECLARED_ENTITY.rawValue)
        // A prefix without a declaration is strange but readable.
        guard error.level == XML_ERR_FATAL || isUnknownEntity || error.code == Int32(XML_ERR_NO_MEMORY.rawValue)
        else { return }
        var line = Int(error.line)
        var column = Int(error.int2)
        var atEnd = false
        if let input = context.pointee.input?.pointee, let cur = input.cur, let base = input.base {
            line = Int(input.line)
            column = self.column(of: cur, base: base, otherwise: Int(input.col))
            atEnd = cur >= input.end
        }
        let message = error.message.map { String(cString: $0) } ?? ""
        let open = context.pointee.name.map { String(cString: $0) }
        let end = SourceLocation(file: fileName, line: fedLines + 1 + skippedLines, column: fedColumn + 1)
        let facts = XMLFault(
            code: error.code, message: message, openElement: open, records: completeRecords,
            isCutOff: isEnding && hasRoot && (atEnd || XMLFault.endings.contains(error.code)),
            place: SourceLocation(file: fileName, line: max(1, line) + skippedLines, column: column), end: end)
        fail(isEnding && !hasRoot && atEnd ? noElement() : facts.diagnostic)
    }

    func refuseEntity(_ name: UnsafePointer<UInt8>?) {
        let name = name.map { String(cString: $0) } ?? ""
        fail(
            Diagnostic(
                code: "xml.entity-declaration",
                "the document declares an entity (`\(name)`), which exports never do and attacks do",
                at: here(), remedy: "look at where the file comes from; remove the declaration if you trust it"))
    }

    /// A default is put into every element of its name: a few bytes that become gigabytes.
    func refuseDefaults() {
        fail(
            Diagnostic(
                code: "xml.attribute-default", "the document declares default values of attributes", at: here(),
                remedy: "remove the `<!ATTLIST …>` declarations from the start of the file"))
    }

    func unknownEntity(_ name: UnsafePointer<UInt8>?) {
        let name = name.map { String(cString: $0) } ?? ""
        fail(
            Diagnostic(
                code: "xml.undeclared-entity", "`&\(name);` is not one of the five entities of XML", at: here(),
                remedy: "replace it by the character itself, or by `&#…;`"))
    }

    func tooLarge() -> Diagnostic {
        Diagnostic(
            code: "xml.record-too-large",
            "one record has more than \(limits.recordBytes >> 20) MB (after \(completeRecords) complete ones)",
            at: here(),
            remedy: "check the path of the set in the mapping: it should name the element that repeats")
    }

    func noElement() -> Diagnostic {
        Diagnostic(
            code: "xml.empty", "there is no element in the file",
            at: SourceLocation(file: fileName, line: 1, column: 1),
            remedy: "check that this is the export, and export it again if it is empty")
    }
}
