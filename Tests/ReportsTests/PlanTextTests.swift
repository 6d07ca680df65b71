// SPDX-License-Identifier: Apache-2.0
import Migration
import Reports
import Testing
import TicketModel

@Suite("The text of a plan that sends nothing")
struct PlanTextTests {
    private func text(_ change: (inout PlanSummary) -> Void) -> String {
        var summary = PlanSummary()
        change(&summary)
        return PlanText(summary, style: Style(colours: false), width: 200).lines.joined(separator: "\n")
    }

    private static let all = "Nothing to do: the target holds all of it."

    @Test("says that all is there only where it is")
    func nothing() {
        #expect(text { ($0.unchanged, $0.listed) = (4, 4) }.contains(Self.all))
        let others: [(String, (inout PlanSummary) -> Void)] = [
            ("the source lists no tickets", { _ in }),
            ("the selection leaves out all 4 tickets of the source", { $0.listed = 4 }),
            ("no longer in the target: 1 ticket.", { ($0.unchanged, $0.listed, $0.goneFromTarget) = (4, 4, ["1"]) }),
            ("what can go is in the target", { ($0.unchanged, $0.skip, $0.listed) = (4, 1, 5) }),
            ("all that the source lists now", { ($0.unchanged, $0.listed, $0.gone) = (4, 4, ["9"]) }),
        ]
        for (words, change) in others {
            let said = text(change)
            #expect(said.contains(words) && !said.contains(Self.all), "\(said)")
        }
    }

    @Test("says before any number that the journal is missing, and what to do, and counts nothing as new that is there")
    func lostJournal() {
        let lost = Diagnostic(
            code: "journal.lost", "the target already holds 4 tickets", remedy: "`ticketferry migrate a.yaml --adopt`")
        for (create, counts) in [
            (4, "4 tickets: 4 in the target already"), (6, "4 in the target already, 2 to create"),
        ] {
            let said = text { summary in
                (summary.create, summary.listed, summary.steps) = (create, create, 9)
                (summary.unknownInTarget, summary.lostJournal) = (4, lost)
            }
            #expect(said.hasPrefix("error: the target already holds 4 tickets [journal.lost]\n  fix: "), "\(said)")
            #expect(said.contains(counts) && !said.contains("Costs"), "\(said)")
        }
    }

    @Test("names the texts that changed in the source by message and ticket")
    func changedTexts() {
        let said = text { summary in
            (summary.unchanged, summary.listed, summary.changedTexts) = (3, 3, 2)
            summary.changedTextsNamed = [("42", "reply m3"), ("43", "ticket")]
        }
        #expect(said.contains("(reply m3 of 42, the opening text of 43)"), "\(said)")
    }
}
