// SPDX-License-Identifier: Apache-2.0
internal import Migration
package import Sandbox
package import TicketModel

/// The crash matrix of one connector: every step, every moment, each cell a migration of its own from one seed.
///
/// A process dies by throwing from everything it touches; what it left in the practice site and on the disk stays. Then
/// the same command is given again, as a person would, until nothing is left to do, and the end is compared with that of
/// an undisturbed run, row for row.
package struct CrashMatrix: Sendable {
    /// Who is tried.
    package let examinee: Examinee
    /// What the scenario and its order come from.
    package let seed: UInt64
    private let scenario: CrashScenario
    private let middle: (@Sendable (_ site: any SandboxHelpdesk, _ before: JSON) async -> Bool)?
    private let policy: NotificationPolicy?
    private let hasNotes: Bool
    private let isLeftover: CrashPicture.Leftover
    private let besides: Set<String>
    /// After each command.
    private let undisturbed: [CrashPicture]
    /// That the journal shows after each command, by ticket and field.
    private let losses: [Set<String>]
    private let points: [[CrashPlug.Point]]

    /// Runs the scenario undisturbed, and notes each request and each commit.
    ///
    /// - Parameters:
    ///   - examinee: who is tried.
    ///   - seed: what the scenario comes from.
    ///   - middle: takes back what the target would not have made yet, had it died in the middle of the request that was
    ///     done last (`before` is the dump before it); false where that request makes one thing, or the site is not one
    ///     that it can change. Nil where the target does all or nothing.
    ///   - isLeftover: whether a row of a table is nothing that anybody sees and the helpdesk itself takes away.
    ///   - besides: the tables of what a migration makes besides tickets.
    /// - Throws: what the undisturbed run throws; `ExamFailure` where it is not clean.
    package init(
        _ examinee: Examinee, seed: UInt64 = 1,
        middle: (@Sendable (_ site: any SandboxHelpdesk, _ before: JSON) async -> Bool)? = nil,
        isLeftover: @escaping @Sendable (_ table: String, _ row: JSON) -> Bool = { _, _ in false },
        besides: Set<String> = []
    ) async throws {
        self.examinee = examinee
        self.seed = seed
        self.middle = middle
        self.isLeftover = isLeftover
        self.besides = besides
        scenario = try CrashScenario(seed: seed)
        let site = try await ExamSite(examinee)
        let (target, _) = try await site.target()
        try await target.prepare(policy: .allow, sink: site.heard)
        let features = await target.features
        policy = features.notificationPolicies.first { $0 != .refuse }
        hasNotes = features.notes
        await site.close()
        let world = try await CrashWorld(
            examinee, scenario: scenario, policy: policy, middle: middle, records: true)
        var points: [[CrashPlug.Point]] = []
        var pictures: [CrashPicture] = []
        var losses: [Set<String>] = []
        for command in 0...scenario.tickets.count {
            let (end, plug) = try await world.process(command)
            guard case .ended(let ending) = end, ending.isDone else {
                throw ExamFailure("the undisturbed run \(command) ended with \(end): \(world.site.heard.diagnostics)")
            }
            points.append(plug.points)
            let picture = try await CrashPicture(world.site, notes: hasNotes, isLeftover: isLeftover)
            guard picture.leaks.isEmpty else { throw ExamFailure("the undisturbed run leaks: \(picture.leaks)") }
            pictures.append(picture)
            losses.append(try await world.losses(of: scenario.ids))
        }
        self.points = points
        undisturbed = pictures
        self.losses = losses
        await world.close()
    }

    /// Removes the files that it made.
    package func close() { scenario.remove() }

    // MARK: Cells

    /// Each step's kind with how many requests of it write, for people.
    package var steps: [String: Int] {
        var out: [String: Int] = [:]
        for point in points.joined() where point.isWrite { out[point.label.step, default: 0] += 1 }
        return out
    }

    private func cell(
        _ command: Int, _ step: String, _ moment: String, _ strikes: [CrashStrike]
    ) -> CrashCell {
        CrashCell(
            connector: examinee.description, step: step, moment: moment, command: command, strikes: strikes, seed: seed)
    }

    /// All crashes: of one process, and of a second one while it recovers.
    package var crashes: [CrashCell] {
        var out: [CrashCell] = []
        for (command, points) in points.enumerated() {
            for point in points {
                switch point.kind {
                case .request(let n): out += cells(command, point, request: n)
                case .commit(let n): out += cells(command, point, commit: n, among: points)
                }
            }
        }
        return out
    }

    private func cells(_ command: Int, _ point: CrashPlug.Point, request n: Int) -> [CrashCell] {
        let step = point.label.step
        var out = [cell(command, step, "before the request", [CrashStrike(.request(n), .before)])]
        guard point.isWrite else { return out }
        let lost = CrashStrike(.request(n), .after)
        out += [
            cell(command, step, "after it is done, before the answer", [lost]),
            cell(command, step, "done 5 s after the death", [CrashStrike(.request(n), .late(5))]),
            cell(command, step, "done 5 s before the settle time ends", [CrashStrike(.request(n), .late(55))]),
            cell(command, step, "after it is done, and the journal is gone", [CrashStrike(.request(n), .gone)]),
        ]
        if point.hasMiddle {
            out.append(cell(command, step, "in the middle of it", [CrashStrike(.request(n), .middle)]))
            out.append(
                cell(
                    command, step, "in the middle of it, then dies again",
                    [CrashStrike(.request(n), .middle), CrashStrike(.recovery(1), .after)]))
        }
        for again in 0..<Self.again {
            out.append(
                cell(
                    command, step, "dies again while it recovers",
                    [lost, CrashStrike(.recovery(again), again % 2 == 0 ? .before : .after)]))
        }
        for lookUp in 0..<2 {
            for moment in [CrashMoment.before, .after] {
                out.append(
                    cell(command, step, "dies again in the look-up", [lost, CrashStrike(.lookUp(lookUp), moment)]))
            }
        }
        out.append(
            cell(
                command, step, "done 5 s after the death, dies again in the look-up",
                [CrashStrike(.request(n), .late(5)), CrashStrike(.lookUp(0), .after)]))
        for adoption in stride(from: n % 3, to: 9, by: 3) {
            out.append(
                cell(
                    command, step, "journal gone, dies again while it is rebuilt",
                    [CrashStrike(.request(n), .gone), CrashStrike(.adoption(adoption), .after)]))
        }
        return out
    }

    /// How many places of a recovery are struck.
    private static let again = 8

    private func cells(
        _ command: Int, _ point: CrashPlug.Point, commit n: Int, among points: [CrashPlug.Point]
    ) -> [CrashCell] {
        let step = point.label.step
        let place = CrashPlace.commit(n)
        let what = point.hasReceipt ? "the receipt" : "the commit"
        var out = [
            cell(command, step, "before \(what) is durable", [CrashStrike(place, .before)]),
            cell(command, step, "after \(what) is durable", [CrashStrike(place, .after)]),
            cell(command, step, "journal gone after the commit", [CrashStrike(place, .gone)]),
        ]
        // The log up to each frame of this commit, and up to the ends of the two before it.
        let earlier = points.compactMap { other -> Int? in
            guard case .commit(let m) = other.kind, m < n, m >= n - 2 else { return nil }
            return other.frames.before
        }
        let isGrown = point.frames.after > point.frames.before
        var cuts = Set(isGrown ? Array(point.frames.before..<point.frames.after) : [])
        cuts.formUnion(earlier.filter { $0 < point.frames.after })
        for frames in cuts.sorted() {
            out.append(cell(command, step, "WAL cut after a frame", [CrashStrike(place, .cut(frames: frames))]))
        }
        if let frames = earlier.min() {
            let lost = CrashStrike(place, .cut(frames: frames))
            for recovery in [0, 1, 3] {
                out.append(
                    cell(command, step, "WAL cut, then stopped early", [lost, CrashStrike(.recovery(recovery), .stop)]))
            }
            out.append(
                cell(command, step, "WAL cut, then dies again", [lost, CrashStrike(.recovery(2), .after)]))
        }
        if isGrown {
            for frame in Set([point.frames.before, point.frames.after - 1]).sorted() {
                out.append(cell(command, step, "WAL frame torn", [CrashStrike(place, .torn(frame: frame))]))
            }
        }
        return out
    }

    /// The answers that prove nothing, one at each write.
    package var answers: [CrashCell] {
        var out: [CrashCell] = []
        for (command, points) in points.enumerated() {
            for point in points where point.isWrite {
                guard case .request(let n) = point.kind else { continue }
                for answer in CrashAnswer.allCases {
                    out.append(
                        cell(command, point.label.step, answer.words, [CrashStrike(.request(n), .answer(answer))]))
                }
            }
        }
        return out
    }

    /// Of cells that differ only in which of a kind's steps is struck, those of one step, which the seed chooses: each
    /// step's kind with each moment is there.
    package func sample(of cells: [CrashCell]) -> [CrashCell] {
        let groups = Dictionary(grouping: cells) { "\($0.step), \($0.moment)" }
        return groups.sorted { $0.key < $1.key }.flatMap { group in
            let steps = Dictionary(grouping: group.value) { "\($0.command) \($0.strikes[0].place)" }
            let names = steps.keys.sorted()
            var random = SandboxRandom(seed: group.key.utf8.reduce(seed) { $0 &* 31 &+ UInt64($1) })
            return names.randomElement(using: &random).flatMap { steps[$0] } ?? []
        }
    }

    // MARK: Playing

    /// Plays a cell to its end.
    package func play(_ cell: CrashCell) async -> CrashVerdict {
        var verdict = CrashVerdict()
        do {
            let world = try await CrashWorld(examinee, scenario: scenario, policy: policy, middle: middle)
            try await play(cell, in: world, &verdict)
            await world.close()
        } catch {
            verdict.losses.append("it ended with \(error)")
        }
        return verdict
    }

    private func play(_ cell: CrashCell, in world: CrashWorld, _ verdict: inout CrashVerdict) async throws {
        var adopts = false
        // The later commands after a crash of an earlier one, every now and then: they go by the same journal.
        let place = cell.strikes.first?.place.number ?? 0
        let delta = scenario.tickets.count - 1
        let last =
            place.isMultiple(of: 8) ? delta + 1 : place.isMultiple(of: 4) ? max(delta, cell.command) : cell.command
        for command in 0...last {
            var strikes = command == cell.command ? cell.strikes : []
            var reason = ""
            var attempt = 0
            giving: while true {
                attempt += 1
                guard attempt <= 12 else {
                    verdict.losses.append("after \(attempt) runs of command \(command) it is not done: \(reason)")
                    return
                }
                verdict.runs += 1
                let strike = strikes.isEmpty ? nil : strikes.removeFirst()
                let (end, plug) = try await world.process(command, strike: strike, adopts: adopts)
                if plug.fell { verdict.fell += 1 }
                switch end {
                case .died: continue giving
                case .refused(let diagnostic):
                    reason = "\(diagnostic)"
                    if diagnostic.code == "journal.lost" { adopts = true }
                    // Where all is deleted, there is nothing left to rebuild a journal from.
                    if diagnostic.code == "undo.nothing", adopts { break giving }
                    if diagnostic.code == "undo.nothing" { adopts = true }
                case .ended(let ending):
                    // A catalogue that failed is said, and the tickets go on.
                    if ending.isDone, try await world.isCatalogueDone() { break giving }
                    reason = ending.words
                    if !ending.setAside.isEmpty, attempt > 3 {
                        verdict.setAside = ending.setAside
                        break giving
                    }
                }
            }
        }
        try await finish(cell, world, after: last, &verdict)
    }

    private func finish(
        _ cell: CrashCell, _ world: CrashWorld, after command: Int, _ verdict: inout CrashVerdict
    ) async throws {
        await world.deliver(all: true)
        verdict.adopted = world.tally.value.adopted
        verdict.sentAgain = world.tally.value.sentAgain
        let isOpen = cell.strikes.contains { strike in
            switch strike.moment {
            // A file that the target says to refuse is a loss, whatever it did with it.
            case .middle, .gone, .answer(.refused400), .answer(.refused422), .answer(.refusedHere): true
            default: false
            }
        }
        let excused = Set(verdict.setAside.map { String($0.prefix { $0 != ":" }) })
        if excused.isEmpty {
            world.tally.change { $0.writes = 0 }
            let (end, _) = try await world.process(command)
            let writes = world.tally.value.writes
            if writes > 0 { verdict.doubles.append("a run that had nothing to do wrote \(writes) times") }
            switch end {
            case .ended(let ending):
                if !ending.borrowed.isEmpty { verdict.losses.append("still borrowed: \(ending.borrowed)") }
            case .refused(let diagnostic) where diagnostic.code == "undo.nothing": break
            default: verdict.losses.append("the last run ended with \(end)")
            }
        }
        let picture = try await CrashPicture(world.site, notes: hasNotes, isLeftover: isLeftover)
        // An `undo` knows what was made besides tickets by the receipts alone: not without the journal, not what the target
        // said to refuse and made, and not whose it is where it was found by its name.
        let isUndone = command == scenario.tickets.count
        let open = isUndone && (isOpen || cell.command < command) ? besides : []
        picture.judge(against: undisturbed[command], into: &verdict, excused: excused, open: open)
        guard isOpen, !verdict.losses.isEmpty else { return }
        // What the target did not do, or nobody can know without the journal: the journal has to show it.
        let shown = try await world.losses(of: scenario.ids)
        verdict.declare(shown.subtracting(losses[command]))
    }
}
