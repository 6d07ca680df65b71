// SPDX-License-Identifier: Apache-2.0
import Reports
import Testing
import TicketModel

@testable import Migration

@Suite("The text of a plan that sends nothing")
struct PlanTextTests {
    private func text(_ change: (inout PlanSummary) -> Void) -> String {
        var summary = PlanSummary()
        change(&summary)
        return PlanText(summary, style: Style(colours: false), width: 200).lines.joined(separator: "\n")
    }

    private static func change() async throws -> TicketChange {
        var change = TicketChange(id: "7", number: nil, action: .conflict)
        change.isLeftToPeople = true
        change.edits = ["priority is “high”", "1 message added"]
        change.keptBack = [
            FieldChange(name: "status", before: "active", after: "closed"),
            FieldChange(name: "tag new", before: nil, after: nil),
        ]
        change.fields =
            [
                FieldChange(name: "reply 1x", before: nil, after: nil),
                FieldChange(name: "same", before: "a", after: "a"),
            ]
            + (1...14).map { FieldChange(name: "p\($0)", before: nil, after: "v\($0)") }
        change.changedTexts = ["ticket", "the customer"]
        return change
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

    @Test("names a change of a ticket whole: nothing hides what comes after it")
    func wholeChange() async throws {
        let change = try await Self.change()
        let lines = PlanText.lines(of: change, style: Style(colours: false), width: 60)
        let said = lines.map { $0.trimmingPrefix("    ") }.joined(separator: " ")
        #expect(lines.allSatisfy { $0.count <= 60 } && lines.count > 2 && lines[0].hasPrefix("! 7: "), "\(lines)")
        #expect(said.contains("edited by people in the target: priority is “high”, 1 message added · "))
        #expect(said.contains("kept back of the source: status: active → closed, tag new · "))
        #expect(said.contains("p1: – → v1 · "))
        #expect(said.contains("p12: – → v12 · and 2 more · "), "\(said)")
        #expect(said.contains("the customer changed in the source, stays"))
        #expect(!said.contains("reply 1x: –") && !said.contains("same"), "\(said)")
    }

    @Test("counts one thing as one, and a short time without “about”")
    func singular() {
        let said = text { summary in
            (summary.create, summary.steps, summary.requests, summary.listed) = (1, 1, 1, 1)
            summary.remapped = 1
        }
        #expect(
            said.contains("1 ticket: 1 to create") && said.contains("Costs 1 request, less than a second,"), "\(said)")
        #expect(!said.contains("1 tickets") && !said.contains("about less"), "\(said)")
        #expect(text { ($0.create, $0.steps, $0.seconds) = (2, 2, 4.2) }.contains("about 4 s"))
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
