// SPDX-License-Identifier: Apache-2.0
internal import Connectors
internal import Migration
internal import Sandbox
internal import TicketModel

/// The exam that every connector sits: check by check, each on practice sites of its own.
package struct Exam: Sendable {
    /// Who sits it.
    package let examinee: Examinee
    /// How the connector reaches its practice site.
    package let wire: Wire
    /// Whether a third of the tickets will do: for the many settings of switches.
    package let isShort: Bool

    /// Prepares an exam; nothing is opened yet.
    package init(_ examinee: Examinee, over wire: Wire = .inProcess, isShort: Bool = false) {
        self.examinee = examinee
        self.wire = wire
        self.isShort = isShort
    }

    /// Hostile tickets, fewer in a short exam.
    func hostile(_ count: Int, seed: UInt64) -> [Ticket] {
        let all = HostileTickets.make(count, seed: seed)
        // Every third, so that what differs by number stays as mixed as it is.
        return isShort ? all.enumerated().filter { $0.offset % 3 == 1 }.map(\.element) : all
    }

    /// Sits one check.
    ///
    /// A check that fails is good where the connector declares it as a deviation; a declared one that passes is stale
    /// and fails.
    package func sit(_ check: ExamCheck) async -> ExamResult {
        let helpdesk = examinee.helpdesk
        if check.needsSource && helpdesk.source == nil || check.needsTarget && helpdesk.target == nil {
            return .notApplicable
        }
        let deviation = helpdesk.deviations.first(where: { one in
            let holds = one.switches.isEmpty || !one.switches.isDisjoint(with: examinee.switches)
            return one.check == check.rawValue && holds
        })
        let found: [String]
        do {
            found = try await examine(check)
        } catch let failure as ExamFailure {
            found = [failure.description]
        } catch let diagnostic as Diagnostic {
            found = ["it ended with \(diagnostic)"]
        } catch {
            found = ["it ended with an error that is no diagnostic: \(error)"]
        }
        switch (found.isEmpty, deviation) {
        case (true, nil): return .passed
        // Under several switches another one may hide what a declared one does.
        case (true, let deviation?) where !deviation.switches.isEmpty && examinee.switches.count > 1: return .passed
        case (true, .some): return .failed(["the declared deviation is stale: the check would pass"])
        case (false, nil): return .failed(found)
        case (false, let deviation?): return .deviates(deviation.reason)
        }
    }

    private func examine(_ check: ExamCheck) async throws -> [String] {
        switch check {
        case .listing: try await listing()
        case .resuming: try await resuming()
        case .rereading: try await rereading()
        case .zones: try await zones()
        case .pageSizes: try await pageSizes()
        case .throttled: try await throttled()
        case .unavailable: try await unavailable()
        case .brokenAnswers: try await brokenAnswers()
        case .revokedKey: try await revokedKey()
        case .unknownFields: try await unknownFields()
        case .absentFields: try await absentFields()
        case .looseTypes: try await looseTypes()
        case .hostileText: try await hostileText()
        case .roundTrip: try await roundTrip()
        case .writtenOnce: try await writtenOnce()
        case .lostBefore: try await lostConnections(at: .arrived)
        case .lostAfter: try await lostConnections(at: .committed)
        case .privateNotes: try await privateNotes()
        case .mails: try await mails()
        case .dryRun: try await dryRun()
        case .secrets: try await secrets()
        case .abilities: try await abilities()
        case .planIsResult: try await planIsResult()
        }
    }

    // MARK: What the checks share

    /// Does something on a practice site and closes it.
    func onSite<Value>(
        tickets: Int = 0, zone: String? = nil, time: ExamTime = ExamTime(), observer: SandboxObserver? = nil,
        _ body: (ExamSite) async throws -> Value
    ) async throws -> Value {
        var examinee = examinee
        if let zone { examinee.timeZone = zone }
        let site = try await ExamSite(examinee, tickets: tickets, over: wire, time: time, observer: observer)
        do {
            let value = try await body(site)
            await site.close()
            return value
        } catch {
            await site.close()
            throw error
        }
    }

    /// A migration on a site's clock.
    func pair(_ site: ExamSite) -> PairRun { PairRun(clock: site.time, sink: site.heard) }

    /// Writes tickets and reads them back.
    func compared(_ tickets: [Ticket], on site: ExamSite) async throws -> PairRun.Outcome {
        site.expect(tickets)
        return try await pair(site).compare(MemorySource(tickets), to: site.target().0) {
            await site.learnCustomers()
            return try await site.source().0
        }
    }

    /// Reads all; an error has to be a diagnostic that says what to do and is no bug of ours.
    func attempt(
        _ site: ExamSite, _ opening: ExamSite.Opening
    ) async throws -> Result<[String: CanonicalLine], Diagnostic> {
        do {
            return .success(try await site.readAll(opening))
        } catch let diagnostic as Diagnostic {
            if diagnostic.remedy.isEmpty { throw ExamFailure("a diagnostic says not what to do: \(diagnostic)") }
            if diagnostic.cause == .bug { throw ExamFailure("it takes the site's trouble for a bug: \(diagnostic)") }
            return .failure(diagnostic)
        }
    }

    /// What of two readings is not the same, a line a ticket.
    static func differences(
        _ found: [String: CanonicalLine], _ wanted: [String: CanonicalLine], _ when: String
    ) -> [String] {
        var out: [String] = []
        for (id, line) in wanted.sorted(by: { $0.key < $1.key }) {
            guard let other = found[id] else {
                out.append("\(when): ticket \(id) is missing")
                continue
            }
            if other != line {
                out.append("\(when): ticket \(id) differs: \(firstDifference(other.bytes, line.bytes))")
            }
        }
        for id in found.keys.sorted() where wanted[id] == nil { out.append("\(when): ticket \(id) is too many") }
        return out
    }

    private static func firstDifference(_ a: [UInt8], _ b: [UInt8]) -> String {
        let same = zip(a, b).prefix { $0 == $1 }.count
        func around(_ bytes: [UInt8]) -> String {
            String(decoding: bytes.dropFirst(max(0, same - 40)).prefix(120), as: UTF8.self)
        }
        return "“\(around(a))” instead of “\(around(b))”"
    }
}
