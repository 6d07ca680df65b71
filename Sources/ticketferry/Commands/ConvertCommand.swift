// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Dumps
import Mapping
import Migration
import Reports
import TicketModel

/// `ticketferry convert INPUT… OUTPUT`: one dump into another, no network.
struct ConvertCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Turns one dump into another: canonical JSON Lines, CSV or XML; no network.",
        discussion: """
            Without --mapping the dump is recognised by looking at it. Files, folders and globs are one input; `-` is \
            standard input or output. The output appears when it is complete; a catalogue lies beside JSON Lines.

            Example:
              ticketferry convert export.xml tickets.jsonl
              ticketferry convert old/*.csv tickets.jsonl --mapping my-mapping.yaml --zone Europe/Berlin
              ticketferry convert tickets.jsonl tickets.csv
            """)

    @Argument(help: "Files, folders or globs, then the output: a path or `-`.", completion: .file())
    var paths: [String]

    @Option(help: "The mapping: the name of a shipped one, or a path.")
    var mapping: String?

    @Option(help: "The input's format: csv, xml or jsonl; found by looking if left out.")
    var from: ReadFormat?

    @Option(help: "The output's format: csv, xml or jsonl; by the output's ending if left out.")
    var to: WriteFormat?

    @Option(help: "The zone of times that have none: Europe/Berlin.")
    var zone: String?

    @Option(help: "Where records that cannot be converted are listed; without it the first one ends the run.")
    var rejects: String?

    @Option(help: "The folder where the attachments' files lie: adds their sizes and hashes.")
    var files: String?

    @OptionGroup var options: GlobalOptions

    /// A format to read.
    enum ReadFormat: String, CaseIterable, ExpressibleByArgument { case csv, xml, jsonl }
    /// A format to write.
    enum WriteFormat: String, CaseIterable, ExpressibleByArgument { case csv, xml, jsonl }

    func validate() throws {
        guard paths.count >= 2 else {
            throw ValidationError("convert needs an input and an output: ticketferry convert export.xml tickets.jsonl")
        }
        if format == nil {
            throw ValidationError(
                "the format of `\(paths.last!)` is not told by its ending: add --to jsonl, csv or xml")
        }
    }

    private var format: Converter.Target? {
        if let to { return Converter.Target(rawValue: to.rawValue) }
        return paths.last == "-" ? .jsonl : paths.last.flatMap { Converter.Target(path: $0) }
    }

    func run() async throws {
        let console = Console(options)
        let stop = StopSignal()
        let signals = Signals { stop.stop() }
        defer { withExtendedLifetime(signals) {} }
        let inputs = try InputSet(Array(paths.dropLast()), diagnostics: console)
        let job = try DumpOpening.job(
            for: inputs, mapping: mapping, format: from?.rawValue, zone: zone, files: files, sink: console)
        let output = paths[paths.count - 1]
        let outcome = try Converter(job, to: format ?? .jsonl).run(
            inputs, to: output, rejects: rejects, diagnostics: console
        ) { state in
            if stop.isStopped { throw Failure.interruptedConversion }
            console.progress.update(state.line)
        }
        console.progress.clear()
        report(outcome, output: output, console)
        console.finish()
        if outcome.result.rejected > 0 { throw ExitCode(ExitCause.someFailed.rawValue) }
    }

    private func report(_ outcome: Converter.Outcome, output: String, _ console: Console) {
        let result = outcome.result
        if console.json && output != "-" {
            console.print(json: ConvertText.json(of: outcome, output: output))
            return
        }
        // With `-` standard output holds the tickets, so the report goes to standard error.
        let width = console.width
        let style = output == "-" ? console.errorStyle : console.style
        var lines = [
            style.bold(TerminalText.counted(result.tickets, "ticket")) + " into \(output)"
                + (outcome.mapping.map { " by the mapping \($0)" } ?? "")
        ]
        if let catalogue = outcome.catalogue { lines.append("People, tags and the like in \(catalogue)") }
        if result.rejected > 0 {
            lines.append(
                style.red("\(TerminalText.counted(result.rejected, "record")) rejected, listed in \(rejects ?? "")"))
        }
        lines += ReadReportText(result.report, style: style, width: width).lines
        lines += ConvertText.losses(result.losses, style: style, width: width)
        for line in lines { if output == "-" { console.say(line) } else { console.print(line) } }
    }
}

extension DumpProgress {
    /// The progress line of reading a dump.
    var line: ProgressLine.State {
        let label =
            switch phase {
            case .tables: "reading tables"
            case .reading: "reading"
            case .sorting: "putting tickets together"
            }
        return ProgressLine.State(label: label, done: bytes, total: bytesInAll, unit: "bytes")
    }
}
