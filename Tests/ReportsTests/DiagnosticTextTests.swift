// SPDX-License-Identifier: Apache-2.0
import Reports
import Testing
import TicketModel

@Suite("A diagnostic for a terminal")
struct DiagnosticTextTests {
    private static let command = "`ticketferry resolve /srv/move/acme.yaml 1042 not-written`"
    private static let subject = "GET https://help.example.com/wp-json/fluent-support/v2/tickets/1042/responses?page=1"
    private let diagnostic = Diagnostic(
        code: "run.ticket-gone",
        "ticket 77 is no longer in the target: somebody deleted it there after the last run had ended in good order",
        at: SourceLocation(file: "/srv/a move/acme.yaml", line: 12, column: 3), subject: Self.subject,
        remedy:
            "to have it written anew: \(Self.command), then `ticketferry migrate /srv/move/acme.yaml`; or do nothing")

    private func lines(_ diagnostic: Diagnostic, width: Int?, colours: Bool = false) -> [String] {
        DiagnosticText(diagnostic, style: Style(colours: colours), width: width).lines
    }

    @Test("keeps to the columns and says the same", arguments: [40, 80, 120])
    func isWrapped(width: Int) {
        let found = lines(diagnostic, width: width)
        let long = found.filter { TerminalText.width($0) > width }
        // What has to be copied is a line of its own where it does not fit.
        #expect(long.allSatisfy { $0.contains("`ticketferry ") || $0.contains(Self.subject) }, "\(long)")
        #expect(found.count > 4)
        func words(_ text: String) -> [Substring] { text.split { $0 == " " || $0 == "\n" } }
        #expect(words(found.joined(separator: " ")) == words(diagnostic.description))
    }

    @Test("breaks no place, address or command", arguments: [30, 80])
    func isCopyable(width: Int) {
        let found = lines(diagnostic, width: width)
        for whole in [
            Self.command, "`ticketferry migrate /srv/move/acme.yaml`", "/srv/a move/acme.yaml:12:3:",
            "  at:  \(Self.subject)",
        ] {
            #expect(found.contains { $0.contains(whole) }, "\(whole) in \(found)")
        }
    }

    @Test("has its remedy set in, and a mark that nothing closes is no command")
    func isSetIn() {
        var plain = diagnostic
        (plain.location, plain.subject) = (nil, nil)
        plain.message = "a title with one ` mark"
        plain.remedy = "one two three four five six"
        #expect(
            lines(plain, width: 20) == [
                "error: a title with", "  one ` mark", "  [run.ticket-gone]", "  fix: one two three",
                "       four five six",
            ])
    }

    @Test("is one line each in logs, and safe everywhere")
    func isPlainInLogs() {
        #expect(lines(diagnostic, width: nil).joined(separator: "\n") == diagnostic.description)
        var hostile = diagnostic
        hostile.message = "a\u{1B}[31mb"
        for width in [nil, 80] { #expect(!lines(hostile, width: width).joined().contains("\u{1B}")) }
        let coloured = lines(diagnostic, width: 80, colours: true)
        #expect(coloured.filter { $0.contains("\u{1B}[31m") }.count == coloured.firstIndex { $0.hasPrefix("  at:") })
    }
}
