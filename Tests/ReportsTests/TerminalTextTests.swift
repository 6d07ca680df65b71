// SPDX-License-Identifier: Apache-2.0
import Migration
import Reports
import Testing
import TicketModel

@Suite("Text on terminals")
struct TerminalTextTests {
    @Test("loses what a terminal would obey")
    func isSafe() {
        #expect(
            TerminalText.safe("a\u{1B}[31mb\u{7}\u{9B}c\nd\u{202E}e") == "a\u{FFFD}[31mb\u{FFFD}\u{FFFD}c d\u{FFFD}e")
        #expect(TerminalText.safe("Größe 👍🏽 إلغاء 请") == "Größe 👍🏽 إلغاء 请")
    }

    @Test("what undo and verify say is broken at blanks, within the columns")
    func isWrapped() {
        var undo = UndoReport()
        (undo.gone, undo.besides) = (5, 5)
        undo.remains = ["lines in the site's log of what was done to the tickets, which no route of its API can delete"]
        var verification = Verification()
        (verification.tickets, verification.independentCount) = (60_000, 60_000)
        for width in [40, 80, 120] {
            let texts = [
                UndoText(undo, isPlan: true, style: Style(colours: false), width: width).lines,
                VerifyText(verification, style: Style(colours: false), width: width).lines,
            ]
            for lines in texts {
                #expect(lines.allSatisfy { TerminalText.width($0) <= width }, "\(lines)")
                #expect(
                    lines.joined(separator: " ").contains(
                        lines == texts[0] ? "nothing else uses them" : "found by their marks"))
            }
        }
    }

    @Test("what failed in a run names the migration's file, and its remedies are broken at blanks")
    func runNamesItsFile() {
        var report = RunReport(state: .stopped)
        (report.losses, report.undoBegan) = (3, "2026-11-21T06:00:00Z")
        report.stoppedBy = Diagnostic(
            code: "run.brake", "stopped",
            remedy: "look at the log, mend what it names, then `ticketferry migrate a.yaml`")
        let lines = RunText(report, file: "a.yaml", style: Style(colours: false), width: 40).lines
        let said = lines.joined(separator: "\n")
        #expect(said.contains("`ticketferry show a.yaml ID`") && said.contains("`ticketferry undo a.yaml`"), "\(said)")
        #expect(
            lines.suffix(3) == [
                "  fix: look at the log, mend what it", "       names, then", "       `ticketferry migrate a.yaml`",
            ], "\(said)")
    }

    @Test("is measured in columns and clipped to them")
    func isMeasured() {
        #expect(TerminalText.width("请求") == 4)
        #expect(TerminalText.width("e\u{301}") == 1)
        #expect(TerminalText.clipped("请求退款", to: 5) == "请求…")
        #expect(TerminalText.clipped("short", to: 5) == "short")
        #expect(TerminalText.clipped("longer", to: 5) == "long…")
    }

    @Test("says counts, sizes and durations for people")
    func saysAmounts() {
        #expect(TerminalText.count(41_233) == "41,233")
        #expect(TerminalText.count(-1_000) == "-1,000")
        #expect(TerminalText.counted(1, "reply", "replies") == "1 reply")
        #expect(TerminalText.counted(2, "reply", "replies") == "2 replies")
        #expect(TerminalText.bytes(999) == "999 bytes")
        #expect(TerminalText.bytes(1_450_000) == "1.5 MB")
        #expect(TerminalText.duration(seconds: 0.2) == "less than a second")
        #expect(TerminalText.duration(seconds: 200) == "3 min 20 s")
        #expect(TerminalText.duration(seconds: 7_500) == "2 h 5 min")
    }

    @Test("stands in tables that fit the width")
    func standsInTables() {
        var table = TextTable(["id", "subject", "n"], alignments: [.right, .left, .right])
        table.add(["1", "A subject that is much too long for the table", "12"])
        table.add(["12", "Short", "3"])
        let lines = table.lines(width: 30, style: Style(colours: false))
        #expect(lines.map(TerminalText.width).max() == 30)
        #expect(lines[2] == "12  Short                    3")
        #expect(table.lines(width: 100, style: Style(colours: false))[1].contains("for the table  12"))
    }
}
