// SPDX-License-Identifier: Apache-2.0
internal import Formats
internal import Mapping
internal import TicketModel

extension InputSet {
    /// A file of the set, opened for a plan.
    struct Opened {
        let reader: any RecordReader
        /// By the reader's set: the index in the plan's.
        let sets: [Int]
    }

    /// Opens a file for a plan; nil when none of the plan's sets stands in it.
    func open(_ file: File, for plan: ReadPlan, diagnostics: any DiagnosticSink) throws -> Opened? {
        let sets = plan.sets(forFile: file.name)
        guard !sets.isEmpty else { return nil }
        switch plan.format {
        case .csv:
            let reader = try CSVReader(
                try file.open(), dialect: try CSVDialect(plan.csv, mapping: plan.name),
                options: .init(defused: plan.readsOwnWriting), diagnostics: diagnostics)
            return Opened(reader: reader, sets: sets)
        case .xml:
            guard file.look == .xml else {
                throw Diagnostic(
                    code: "xml.not-xml", "this is no XML, and the mapping \(plan.name) reads XML",
                    at: SourceLocation(file: file.name, line: 1, column: 1),
                    remedy: "name the XML file, or another mapping with --mapping")
            }
            let reader = try XMLReader(
                try file.open(), sets: sets.map { plan.sets[$0].at ?? "/" },
                options: .init(namespaces: plan.namespaces, base64: plan.readsOwnWriting))
            return Opened(reader: reader, sets: sets)
        case .jsonl:
            throw Diagnostic(
                code: "mapping.format", "records of JSON Lines other than canonical tickets are not read yet",
                subject: "the mapping \(plan.name)", remedy: "convert them to CSV or XML first")
        }
    }
}

extension CSVDialect {
    /// The dialect as a mapping says it; what it does not say is found by looking.
    init(_ told: ReadPlan.CSVDialect, mapping: String) throws {
        func fail(_ key: String, _ value: String, _ remedy: String) -> Diagnostic {
            Diagnostic(
                code: "mapping.bad-value", "`\(key): \(value)` is not known", subject: "the mapping \(mapping)",
                remedy: remedy)
        }
        func byte(_ key: String, _ value: String?) throws -> UInt8? {
            guard let value else { return nil }
            if value == "tab" || value == "\\t" { return 0x09 }
            guard value.utf8.count == 1 else { throw fail(key, value, "give one ASCII character, or `tab`") }
            return value.utf8.first
        }
        self.init()
        delimiter = try byte("delimiter", told.delimiter)
        if let label = told.encoding, label.lowercased() != "utf-16" {
            guard let encoding = TextEncoding(label: label) else {
                throw fail("encoding", label, "one of utf-8, utf-16, windows-1252, iso-8859-1")
            }
            self.encoding = encoding
        }
        quote = told.quote == "none" ? CSVDialect.Quote.none : try byte("quote", told.quote).map { .byte($0) }
        switch told.escape {
        case nil: break
        case "\\", "backslash": escape = .backslash
        case "both": escape = .both
        default: escape = .doubled
        }
        header = told.header
        skip = told.skip
    }
}
