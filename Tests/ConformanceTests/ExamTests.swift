// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Connectors
import Foundation
import Migration
import Sandbox
import Testing

/// The exam of every connector of the registry.
///
/// `TICKETFERRY_EXAM_WIRE=socket` sits it over real sockets; `TICKETFERRY_EXAM_TABLE=PATH` writes its table.
@Suite struct ExamTests {
    static let environment = ProcessInfo.processInfo.environment
    static let wire: Wire = environment["TICKETFERRY_EXAM_WIRE"] == "socket" ? .socket : .inProcess

    @Test(arguments: Examinee.all, ExamCheck.allCases)
    func `A connector passes the check or declares why not`(examinee: Examinee, check: ExamCheck) async {
        let result = await Exam(examinee, over: Self.wire).sit(check)
        #expect(result.isGood, "\(examinee), \(check.rawValue): \(check.sentence)\n\(result)")
    }

    @Test(arguments: Examinee.all)
    func `A connector passes over a real socket`(examinee: Examinee) async {
        for check in [ExamCheck.rereading, .roundTrip, .lostAfter] {
            let result = await Exam(examinee, over: .socket).sit(check)
            #expect(result.isGood, "\(examinee), \(check.rawValue): \(check.sentence)\n\(result)")
        }
    }

    @Test(arguments: SwitchSetting.all)
    func `A connector passes under each switch of its practice site and under ten random combinations`(
        setting: SwitchSetting
    ) async {
        let exam = Exam(setting.examinee, isShort: true)
        guard !setting.refuses else {
            let result = await exam.refuses()
            #expect(result.isGood, "\(setting): it has to refuse\n\(result)")
            return
        }
        for check in SwitchSetting.checks {
            let result = await exam.sit(check)
            #expect(result.isGood, "\(setting), \(check.rawValue): \(check.sentence)\n\(result)")
        }
    }

    @Test(.enabled(if: environment["TICKETFERRY_EXAM_TABLE"] != nil))
    func `The exam's table is written`() async throws {
        let table = ExamTable()
        for examinee in Examinee.all {
            for check in ExamCheck.allCases {
                table.note(await Exam(examinee, over: Self.wire).sit(check), of: examinee, in: check)
            }
        }
        try table.write(to: Self.environment["TICKETFERRY_EXAM_TABLE"] ?? "exam.md")
    }
}

/// A practice site with some of its switches on.
struct SwitchSetting: Sendable, CustomStringConvertible {
    var examinee: Examinee
    var refuses = false

    var description: String { examinee.description }

    /// What a switch can spoil: reading, writing, mails and what is private.
    static let checks: [ExamCheck] = [
        .rereading, .resuming, .roundTrip, .lostAfter, .privateNotes, .mails, .planIsResult,
    ]

    /// Each switch alone, and ten combinations of those that are not to be refused.
    static let all: [SwitchSetting] = Examinee.all.flatMap { settings(of: $0) }

    private static func settings(of examinee: Examinee) -> [SwitchSetting] {
        let switches = examinee.helpdesk.practice.switches
        var out = switches.map { one in
            var examinee = examinee
            examinee.switches = [one.name]
            return SwitchSetting(examinee: examinee, refuses: one.refuses)
        }
        let usable = switches.filter { !$0.refuses }.map(\.name).sorted()
        guard usable.count > 1 else { return out }
        var random = SandboxRandom(seed: 20_261_121)
        var seen = Set(usable.map { Set([$0]) })
        for _ in 0..<200 where out.count < switches.count + 10 {
            let chosen = Set(usable.filter { _ in Bool.random(using: &random) })
            guard !chosen.isEmpty, seen.insert(chosen).inserted else { continue }
            var examinee = examinee
            examinee.switches = chosen
            out.append(SwitchSetting(examinee: examinee))
        }
        return out
    }
}
