// SPDX-License-Identifier: Apache-2.0
package import TicketModel

/// An error, a warning or a note, in the form that all have, for a terminal or a log.
package struct DiagnosticText {
    private let diagnostic: Diagnostic
    private let style: Style
    private let width: Int?

    /// Prepares the lines of a diagnostic.
    ///
    /// Without a width lines are not broken, for logs and scripts.
    package init(_ diagnostic: Diagnostic, style: Style, width: Int?) {
        self.diagnostic = diagnostic
        self.style = style
        self.width = width
    }

    /// The message with place and code, what it is about, and what to do.
    ///
    /// Places, paths, addresses and commands are never broken, so that they can be copied.
    package var lines: [String] {
        let lines = diagnostic.description.split(separator: "\n", omittingEmptySubsequences: false).map {
            TerminalText.safe(String($0))
        }
        guard let width else { return [paint(lines[0])] + lines.dropFirst() }
        return head(lines[0], width).map(paint)
            + lines.dropFirst().flatMap { line in
                if line.hasPrefix("  at:") { return [line] }
                return TerminalText.wrapped(
                    line, width: width, indent: String(line.prefix { $0 == " " }), hanging: "     ")
            }
    }

    private func head(_ line: String, _ width: Int) -> [String] {
        let place = diagnostic.location.map { TerminalText.safe("\($0):") } ?? ""
        let words = (place.isEmpty ? [] : [place]) + TerminalText.words(of: String(line.dropFirst(place.count)))
        return TerminalText.wrapped(words, width: width, indent: "", hanging: "  ")
    }

    private func paint(_ line: String) -> String {
        switch diagnostic.severity {
        case .error: style.red(line)
        case .warning: style.yellow(line)
        case .note: style.dim(line)
        }
    }
}
