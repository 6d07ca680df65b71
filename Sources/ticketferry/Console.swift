// SPDX-License-Identifier: Apache-2.0
import Foundation
import Reports
import Synchronization
import TicketModel

/// The two streams of a command: results on standard output, progress and diagnostics on standard error.
///
/// Diagnostics that say the same are printed once and counted; ``finish()`` says the counts.
final class Console: DiagnosticSink {
    let json: Bool
    let quiet: Bool
    let verbose: Bool
    /// Columns of the terminal, 100 where there is none.
    let width: Int
    /// How standard output is coloured.
    let style: Style
    /// How standard error is coloured.
    let errorStyle: Style
    /// Whether somebody sits at a terminal and can answer.
    let interactive: Bool
    /// Columns of the terminal that standard error is, 80 where it does not tell; nil where it is none: logs and scripts get
    /// diagnostics in lines that are not broken.
    private let errorWidth: Int?
    let progress: ProgressLine

    private struct Seen {
        var diagnostic: Diagnostic
        var count: Int
    }
    private let seen = Mutex<[String: Seen]>([:])

    init(_ options: GlobalOptions) {
        json = options.json
        quiet = options.quiet
        verbose = options.verbose
        let plain = options.noColor || !(ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
        let outIsTerminal = isatty(STDOUT_FILENO) == 1
        let errorIsTerminal = isatty(STDERR_FILENO) == 1
        style = Style(colours: outIsTerminal && !plain)
        errorStyle = Style(colours: errorIsTerminal && !plain)
        interactive = isatty(STDIN_FILENO) == 1 && errorIsTerminal
        width = Self.columns(of: [STDOUT_FILENO, STDERR_FILENO]) ?? 100
        errorWidth = errorIsTerminal ? Self.columns(of: [STDERR_FILENO]) ?? 80 : nil
        progress = ProgressLine(terminal: errorIsTerminal, quiet: options.quiet, width: width)
    }

    /// Prints a line of a result.
    func print(_ line: String = "") {
        Self.write(line + "\n", to: STDOUT_FILENO)
    }

    /// Prints the JSON of a result: canonical bytes and a line break.
    func print(json value: JSON) {
        print(value.canonicalText)
    }

    /// Says something on standard error, unless `--quiet`.
    func say(_ line: String) {
        guard !quiet else { return }
        progress.clear()
        Self.write(line + "\n", to: STDERR_FILENO)
    }

    func emit(_ diagnostic: Diagnostic) {
        if quiet && diagnostic.severity == .note { return }
        let first = seen.withLock { seen in
            let key = "\(diagnostic.code)\u{0}\(diagnostic.message)"
            if seen[key] != nil {
                seen[key]!.count += diagnostic.count
                return false
            }
            seen[key] = Seen(diagnostic: diagnostic, count: diagnostic.count)
            return true
        }
        if first { show(diagnostic) }
    }

    /// Prints an error or a warning in the form that all have.
    func show(_ diagnostic: Diagnostic) {
        progress.clear()
        let lines = DiagnosticText(diagnostic, style: errorStyle, width: errorWidth).lines
        Self.write(lines.joined(separator: "\n") + "\n", to: STDERR_FILENO)
    }

    /// All that was emitted so far, each once with its count.
    var diagnostics: [Diagnostic] {
        seen.withLock { seen in
            seen.values.map { entry in
                var diagnostic = entry.diagnostic
                diagnostic.count = entry.count
                return diagnostic
            }
        }.sorted { ($0.code, $0.message) < ($1.code, $1.message) }
    }

    /// Takes the progress line away and says how often the repeated diagnostics came.
    func finish() {
        progress.clear()
        let repeated = seen.withLock { $0.values.filter { $0.count > $0.diagnostic.count } }
        for entry in repeated.sorted(by: { $0.diagnostic.code < $1.diagnostic.code }) {
            say(errorStyle.dim("\(TerminalText.count(entry.count)) times: \(entry.diagnostic.message)"))
        }
    }

    /// Asks a yes-or-no question on standard error; no is the default.
    ///
    /// Only where ``interactive``.
    func confirm(_ question: String) -> Bool {
        progress.clear()
        Self.write("\(question) [y/N] ", to: STDERR_FILENO)
        guard let answer = readLine(strippingNewline: true) else { return false }
        return ["y", "yes"].contains(answer.lowercased())
    }

    /// Of the first stream that is a terminal and tells.
    private static func columns(of streams: [Int32]) -> Int? {
        var size = winsize()
        for stream in streams
        where ioctl(stream, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 20 {
            return Int(size.ws_col)
        }
        return nil
    }

    /// Writes all bytes; false when the disk is full or nobody reads any more.
    @discardableResult
    static func write(_ text: String, to stream: Int32) -> Bool {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Foundation.write(stream, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { return false }
            bytes = bytes.dropFirst(written)
        }
        return true
    }
}
