// SPDX-License-Identifier: Apache-2.0
package import Formats
internal import Mapping
package import TicketModel

/// What stands in the files of a dump, before any mapping: columns or elements, their values.
package struct DumpSurvey {
    package var file: String
    package var size: Int
    /// `csv`, `xml` or `jsonl`.
    package var format: String
    /// The dialect of a CSV in words: `delimiter ; quote " utf-8`.
    package var dialect: String?
    /// Rows of a CSV; nil for others.
    package var rows: Int?
    package var survey: Survey

    /// Looks through one file, streaming.
    ///
    /// - Throws: `Diagnostic` for a file that cannot be read on.
    package static func run(_ file: InputSet.File, diagnostics: any DiagnosticSink) throws -> DumpSurvey {
        switch file.look {
        case .xml:
            return DumpSurvey(
                file: file.name, size: file.size, format: "xml", dialect: nil, rows: nil,
                survey: try XMLSurvey(try file.open()).run())
        case .json:
            return DumpSurvey(
                file: file.name, size: file.size, format: "jsonl", dialect: nil, rows: nil, survey: Survey())
        case .text:
            let reader = try CSVReader(try file.open(), diagnostics: diagnostics)
            var survey = Survey()
            while let block = try reader.nextBlock() { survey.add(block) }
            return DumpSurvey(
                file: file.name, size: file.size, format: "csv", dialect: words(for: reader.dialect),
                rows: reader.recordsRead,
                survey: survey)
        }
    }
}

extension DumpSurvey {
    /// A dialect in words: `cells end with ;, quoted with ", windows-1252`.
    private static func words(for dialect: CSVDialect) -> String {
        func byte(_ byte: UInt8) -> String { byte == 9 ? "tab" : String(UnicodeScalar(byte)) }
        var words = ["cells end with \(dialect.delimiter.map(byte) ?? ",")"]
        switch dialect.quote {
        case .byte(let quote): words.append("quoted with \(byte(quote))")
        default: words.append("not quoted")
        }
        if let encoding = dialect.encoding { words.append("\(encoding)") }
        if dialect.header == false { words.append("without a header") }
        if let skip = dialect.skip, skip > 0 { words.append("\(skip) lines above the header") }
        return words.joined(separator: ", ")
    }
}

extension DumpJob {
    /// Reads the dump and hands every ticket to `body`.
    ///
    /// - Throws: `Diagnostic`, and what `body` or `progress` throws.
    package func forEachTicket(
        in inputs: InputSet, diagnostics: any DiagnosticSink, progress: @escaping (DumpProgress) throws -> Void,
        _ body: (Ticket) throws -> Void
    ) throws -> DumpResult {
        let spool = try LineSpool()
        let result = try DumpRun(self, inputs: inputs, diagnostics: diagnostics, progress: progress).run(into: spool)
        try spool.forEach { line in try body(try CanonicalLine(trusted: Array(line)).ticket()) }
        return result
    }
}
