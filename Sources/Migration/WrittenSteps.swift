// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// What the journal can add to a difference that was found without it: when and as what a message was written.
struct WrittenSteps {
    private var records: [String: (step: Step, record: StepRecord)] = [:]

    /// Pairs the steps of a plan with what the journal has of them.
    init(_ steps: [Step], journalled: [StepRecord]) {
        let done = Dictionary(
            journalled.filter { $0.state == .done }.map { ($0.part, $0) }, uniquingKeysWith: { first, _ in first })
        for step in steps where step.verb == .create || step.verb == .append {
            if let record = done[step.key.part] { records[step.name] = (step, record) }
        }
    }

    /// Whether a date is the one of the writing, so that the finishing file has not been run since: that of a message which
    /// came after the file was run the last time.
    func waits(_ difference: Difference) -> Bool {
        guard difference.kind == .date, let record = records[difference.part]?.record,
            let found = difference.found.flatMap({ Timestamp($0) })
        else { return false }
        // A request may take its time, and clocks differ; the dates of tickets are older than that.
        return abs(found.seconds - record.sentAt.seconds) <= 600
    }

    /// A text that the source changed after it was written differs by design, and still differs: the reason is said.
    func explained(_ difference: Difference) -> Difference {
        guard difference.kind == .text, let (step, record) = records[difference.part], !record.fingerprint.isEmpty,
            !step.holdsText(of: record.fingerprint)
        else { return difference }
        var difference = difference
        difference.found = "as it was written, and the source changed since"
        return difference
    }
}
