// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Connectors
import Dumps
import Formats
import Migration
import Reports
import TicketModel

/// `ticketferry inspect INPUT…|MIGRATION`: what is in a source.
struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "What is in a dump or in a migration's source: counts, columns or elements, values, oddities.",
        discussion: """
            Sends nothing but reads, and writes nothing.

            Example:
              ticketferry inspect export.xml
              ticketferry inspect tickets.csv customers.csv --columns
              ticketferry inspect acme.yaml
            """)

    @Argument(help: "Files, folders or globs; or one migration file (.yaml).", completion: .file())
    var inputs: [String]

    @Option(help: "The mapping to read a dump by: a shipped one's name, or a path.")
    var mapping: String?

    @Option(help: "The zone of times that have none.")
    var zone: String?

    @Flag(help: "Shows the columns or elements of the files and their values.")
    var columns = false

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let console = Console(options)
        let stop = StopSignal()
        let signals = Signals { stop.stop() }
        defer { withExtendedLifetime(signals) {} }
        if inputs.count == 1, [".yaml", ".yml"].contains(where: { inputs[0].lowercased().hasSuffix($0) }) {
            try await inspect(migration: inputs[0], console, stop)
        } else {
            try inspectDump(console, stop)
        }
        console.finish()
    }

    private func inspectDump(_ console: Console, _ stop: StopSignal) throws {
        let files = try InputSet(inputs, diagnostics: console)
        var surveys: [DumpSurvey] = []
        var census = TicketCensus()
        var result: DumpResult?
        do {
            let job = try DumpOpening.job(
                for: files, mapping: mapping, format: nil, zone: zone, files: nil, sink: console)
            result = try job.forEachTicket(in: files, diagnostics: console) { state in
                if stop.isStopped { throw Failure.interruptedConversion }
                console.progress.update(state.line)
            } _: {
                census.add($0)
            }
        } catch let diagnostic as Diagnostic where diagnostic.code == "input.unrecognised" {
            // Nobody knows what its records are; what stands in it can be shown all the same.
            console.emit(diagnostic)
        }
        if columns || result == nil { surveys = try files.files.map { try DumpSurvey.run($0, diagnostics: console) } }
        console.progress.clear()
        if console.json {
            console.print(json: json(census, result?.report, surveys))
            return
        }
        if let result {
            CensusText(census, style: console.style, width: console.width).lines.forEach { console.print($0) }
            ReadReportText(result.report, style: console.style, width: console.width).lines.forEach {
                console.print($0)
            }
            ConvertText.losses(result.losses, style: console.style, width: console.width).forEach { console.print($0) }
        }
        for survey in surveys { show(survey, console) }
    }

    private func inspect(migration: String, _ console: Console, _ stop: StopSignal) async throws {
        let file = try MigrationFile.read(migration, connectors: Registry.connectors)
        try await file.warnOfBorrowed(console)
        let source = try await OpenedMigration.source(of: file, log: LogFile(path: file.log), console: console)
        var census = TicketCensus()
        var cursor: Cursor?
        repeat {
            let page = try await source.list(since: nil, after: cursor)
            for stub in page.stubs {
                if stop.isStopped { throw Failure.interruptedConversion }
                let line = if let line = stub.line { line } else { try await source.fetch(stub) }
                census.add(try line.ticket())
                console.progress.update(
                    ProgressLine.State(label: "reading", done: census.tickets, total: page.total, unit: "tickets"))
            }
            cursor = page.next
        } while cursor != nil
        console.progress.clear()
        let report = await source.readReport()
        if console.json {
            console.print(json: json(census, report, []))
        } else {
            CensusText(census, style: console.style, width: console.width).lines.forEach { console.print($0) }
            ReadReportText(report, style: console.style, width: console.width).lines.forEach { console.print($0) }
        }
    }

    private func show(_ survey: DumpSurvey, _ console: Console) {
        console.print()
        var head = console.style.bold(survey.file) + ": \(survey.format), \(TerminalText.bytes(survey.size))"
        if let rows = survey.rows { head += ", \(TerminalText.counted(rows, "row"))" }
        console.print(head)
        if let dialect = survey.dialect { console.print("  " + console.style.dim(TerminalText.safe(dialect))) }
        var table = TextTable(
            ["path", "filled", "of", "longest", "values"], alignments: [.left, .right, .right, .right])
        for path in survey.survey.paths {
            let values = path.values.sorted { (-$0.value, $0.key) < (-$1.value, $1.key) }.prefix(4).map(\.key)
            table.add([
                path.path, TerminalText.count(path.filled), TerminalText.count(path.count),
                TerminalText.count(path.longest), values.joined(separator: " | "),
            ])
        }
        table.lines(width: console.width - 2, style: console.style).forEach { console.print("  " + $0) }
    }

    private func json(_ census: TicketCensus, _ report: ReadReport?, _ surveys: [DumpSurvey]) -> JSON {
        [
            "version": 1, "census": CensusText.json(of: census), "records": report.map(ConvertText.records) ?? .null,
            "files": .array(
                surveys.map { survey in
                    [
                        "file": .string(survey.file), "format": .string(survey.format), "bytes": JSON(survey.size),
                        "rows": survey.rows.map { JSON($0) } ?? .null,
                        "paths": .array(
                            survey.survey.paths.map {
                                [
                                    "path": .string($0.path), "count": JSON($0.count), "filled": JSON($0.filled),
                                    "longest": JSON($0.longest),
                                ]
                            }),
                    ]
                }),
        ]
    }
}
