// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Takes settings of the target and gives them back: in the journal before the change, with the value before.
struct Borrowed: Sendable {
    let target: any TicketTarget
    let journal: any Journal
    let clock: any RunClock
    let sink: any DiagnosticSink
    /// How long the target may still work on what a dead run sent.
    var settleTime = Duration.zero
    /// Whether the run was asked to stop: nothing is waited for then.
    var isStopping: @Sendable () -> Bool = { false }

    /// Takes what a run needs.
    ///
    /// What an earlier run still holds is kept with the value that stood before *that* run.
    func take(_ wanted: [Borrowing]) async throws {
        let open = Dictionary(
            try await journal.borrowings(open: true).map { ($0.borrowing.name, $0) }, uniquingKeysWith: { a, _ in a })
        for borrowing in wanted {
            if let record = open[borrowing.name] {
                let held = record.borrowing
                // The run that took it may have died over it: what it made is to be found before it is made again.
                let left = settleTime - .seconds(clock.now().seconds - record.since.seconds)
                _ = try await clock.sleep(for: min(left, settleTime), unless: isStopping)
                // Taken again without being given back first: between the two the target would send e-mails.
                var again = borrowing
                again.before = held.before
                try await patiently { try await target.borrow(again) }
            } else {
                try await journal.record([.borrowed(borrowing, since: clock.now())])
                try await patiently { try await target.borrow(borrowing) }
            }
        }
    }

    /// Taking and giving back change nothing when they are repeated: one gateway's error must not leave e-mails off.
    private func patiently<Value>(_ body: () async throws -> Value) async throws -> Value {
        var attempt = 0
        while true {
            attempt += 1
            do {
                return try await body()
            } catch let diagnostic as Diagnostic where diagnostic.cause == .unavailable && attempt < 4 {
                try await clock.sleep(for: Patience.backOff(attempt))
            }
        }
    }

    /// Notes as borrowed what the journal does not show, so that it is given back.
    func note(_ wanted: [Borrowing]) async throws {
        let open = Set(try await journal.borrowings(open: true).map(\.borrowing.name))
        let now = clock.now()
        try await journal.record(wanted.filter { !open.contains($0.name) }.map { .borrowed($0, since: now) })
    }

    /// Gives back all that the journal shows as borrowed, the last first; what fails stays in the journal and is said.
    func giveBackAll() async {
        let open: [BorrowingRecord]
        do {
            open = try await journal.borrowings(open: true)
        } catch {
            return sink.emit(.notGivenBack("what was borrowed", error))
        }
        for record in open.reversed() {
            let borrowing = record.borrowing
            do {
                let outcome: String
                switch try await patiently({ try await target.giveBack(borrowing) }) {
                case .givenBack: outcome = "given back"
                case .changedMeanwhile(let now):
                    outcome = "changed meanwhile: \(now.canonicalText)"
                    sink.emit(
                        Diagnostic(
                            .warning, code: "borrowed.changed-meanwhile",
                            "somebody changed “\(borrowing.name)” during the run; it is left as it is now",
                            remedy: "check it in the target; before the run it was \(borrowing.before.canonicalText)"))
                case .stillNeeded(let why):
                    sink.emit(
                        Diagnostic(
                            .warning, code: "borrowed.still-needed", "“\(borrowing.name)” stays for now: \(why)",
                            remedy: "run `ticketferry migrate` to go on: it goes when these tickets are complete"))
                    continue
                }
                try await journal.record([.givenBack(name: borrowing.name, until: clock.now(), outcome: outcome)])
            } catch {
                sink.emit(.notGivenBack("“\(borrowing.name)”", error))
            }
        }
    }
}

extension Diagnostic {
    fileprivate static func notGivenBack(_ what: String, _ error: any Error) -> Diagnostic {
        let reason = (error as? Diagnostic)?.message ?? "\(error)"
        return Diagnostic(
            code: "borrowed.not-given-back", "\(what) could not be given back: \(reason)",
            remedy: "run `ticketferry restore` as soon as the target answers", cause: .unavailable)
    }
}
