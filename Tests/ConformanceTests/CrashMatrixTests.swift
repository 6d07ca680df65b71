// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Connectors
import Foundation
import Migration
import Sandbox
import Testing
import TicketModel

/// Every connector, every step, every moment: what dies there is started again and ends as if nothing had happened.
///
/// Each kind of step at each moment once; `TICKETFERRY_MATRIX=all` strikes every single step at each.
///
/// `TICKETFERRY_MATRIX_TABLE=PATH` writes the table to PATH, a file for each connector and kind;
/// `TICKETFERRY_MATRIX_SEED=N` plays another scenario; `TICKETFERRY_MATRIX_ONLY=TEXT` plays the cells whose line has
/// that text in it.
@Suite struct CrashMatrixTests {
    static let environment = ProcessInfo.processInfo.environment
    static let seed = environment["TICKETFERRY_MATRIX_SEED"].flatMap { UInt64($0) } ?? 1

    @Test(arguments: Examinee.all)
    func `Dying anywhere and starting again ends as if nothing had happened`(examinee: Examinee) async throws {
        try await play(examinee, "crashes") { $0.crashes }
    }

    @Test(arguments: Examinee.all)
    func `Answers that prove nothing leave no write out and none twice`(examinee: Examinee) async throws {
        try await play(examinee, "answers") { $0.answers }
    }

    private func play(_ examinee: Examinee, _ name: String, _ choose: (CrashMatrix) -> [CrashCell]) async throws {
        let began = ContinuousClock.now
        let matrix = try await CrashMatrix(
            MatrixSetting.prepared(examinee), seed: Self.seed, middle: MatrixSetting.middle(of: examinee),
            isLeftover: MatrixSetting.leftovers(of: examinee), besides: MatrixSetting.besides(of: examinee))
        defer { matrix.close() }
        let only = Self.environment["TICKETFERRY_MATRIX_ONLY"]
        let all = choose(matrix)
        let chosen = Self.environment["TICKETFERRY_MATRIX"] == "all" || only != nil ? all : matrix.sample(of: all)
        let cells = chosen.filter { only == nil || $0.description.contains(only ?? "") }
        let table = CrashTable()
        await withTaskGroup(of: Void.self) { group in
            var rest = cells.makeIterator()
            func next() {
                guard let cell = rest.next() else { return }
                group.addTask { table.note(await matrix.play(cell), of: cell) }
            }
            for _ in 0..<ProcessInfo.processInfo.activeProcessorCount { next() }
            for await _ in group { next() }
        }
        let sums = table.sums()
        if let path = Self.environment["TICKETFERRY_MATRIX_TABLE"] {
            try table.write(to: "\(path).\(examinee.helpdesk.name).\(name).md")
            print(
                "\(examinee) \(name) of \(all.count): \(sums) in \(ContinuousClock.now - began); steps \(matrix.steps)")
            for line in table.aside.prefix(20) { print("set aside: \(line)") }
        }
        #expect(sums.cells > 0 || only != nil, "there is nothing to try")
        let words = table.bad.prefix(12).joined(separator: "\n")
        #expect(
            sums.losses + sums.doubles + sums.leaks + sums.mails == 0,
            "\(examinee): \(table.bad.count) of \(sums.cells) cells\n\(words)")
    }
}

/// What a connector's practice site needs for the whole scenario.
enum MatrixSetting {
    /// With all that a catalogue can be made of.
    static func prepared(_ examinee: Examinee) -> Examinee {
        var examinee = examinee
        switch examinee.helpdesk.name {
        case "fluent-support": examinee.switches = ["pro"]
        case "smartsupp":
            let passwords = NSTemporaryDirectory() + "ticketferry-matrix-\(UUID().uuidString).passwords"
            let usual = examinee.helpdesk.practice.options
            examinee.helpdesk.practice.options = { customers in
                usual(customers).merging(["account": .text("1001"), "passwords": .text(passwords)]) { $1 }
            }
        default: break
        }
        return examinee
    }

    /// What nobody sees and the helpdesk takes away by itself.
    static func leftovers(of examinee: Examinee) -> @Sendable (String, JSON) -> Bool {
        switch examinee.helpdesk.name {
        // A file that was sent and never attached: the plugin's hourly task deletes it after two hours.
        case "fluent-support": { table, row in table == "attachments" && row["status"]?.string == "in-active" }
        // A field without a value: its row and none are shown alike.
        case "supportengine": { table, row in table == "custom_field_values" && row["value"]?.string == "" }
        default: { _, _ in false }
        }
    }

    /// The tables of what is made besides tickets.
    static func besides(of examinee: Examinee) -> Set<String> {
        switch examinee.helpdesk.name {
        case "fluent-support": ["persons", "products", "savedReplies", "tags"]
        case "kb-support": ["ticket_tag"]
        case "smartsupp": ["agents", "triggers"]
        default: []
        }
    }

    /// How its target dies in the middle of a request; nil where it does all or nothing.
    static func middle(of examinee: Examinee) -> (@Sendable (any SandboxHelpdesk, JSON) async -> Bool)? {
        guard examinee.helpdesk.name == "supportengine" else { return nil }
        // The ticket's row is there, those of its custom fields are not yet.
        return { site, before in
            func rows(_ dump: JSON) -> [Int] { (dump["custom_field_values"]?.array ?? []).compactMap { $0["id"]?.int } }
            let made = Set(rows(await site.dump())).subtracting(rows(before))
            guard !made.isEmpty else { return false }
            try? await (site as? SupportEngineSandbox)?.edit { tables in
                for id in made { tables["custom_field_values"][id] = nil }
            }
            return true
        }
    }
}
