// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Connectors
import Migration
import Sandbox
import Testing
import TicketModel

/// The helpdesk that was written by the guide sits the exam of all others; and the exam finds what it is broken by.
@Suite struct ParrotDeskTests {
    @Test(arguments: ExamCheck.allCases)
    func `The made-up helpdesk passes the exam`(check: ExamCheck) async {
        let result = await Exam(Examinee(ParrotDesk.helpdesk)).sit(check)
        #expect(result == .passed, "\(check.rawValue): \(check.sentence)\n\(result)")
    }

    @Test func `It passes with its switch and refuses where it has to`() async {
        let strings = Exam(Examinee(ParrotDesk.helpdesk, switches: ["texts-of-numbers"]))
        for check in SwitchSetting.checks { #expect(await strings.sit(check) == .passed, "\(check.rawValue)") }
        #expect(await Exam(Examinee(ParrotDesk.helpdesk, switches: ["closed-api"])).refuses() == .passed)
        #expect(await !Exam(Examinee(ParrotDesk.helpdesk)).refuses().isGood)
    }

    @Test func `A declared deviation is good where the check fails and stale where it passes`() async {
        var helpdesk = ParrotDesk.helpdesk
        helpdesk.deviations = [.init(check: ExamCheck.rereading.rawValue, reason: "made up")]
        #expect(await !Exam(Examinee(helpdesk)).sit(.rereading).isGood)
        helpdesk.source = { _, _ in MemorySource([HostileTickets.plain(1)]) }
        #expect(await Exam(Examinee(helpdesk)).sit(.rereading) == .deviates("made up"))
        helpdesk.deviations = []
        #expect(await !Exam(Examinee(helpdesk)).sit(.rereading).isGood)
        // A name that is no check of the exam excuses nothing.
        helpdesk.deviations = [.init(check: "reading twice", reason: "made up")]
        #expect(await !Exam(Examinee(helpdesk)).sit(.rereading).isGood)
    }
}
