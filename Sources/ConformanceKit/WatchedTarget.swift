// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import TicketModel

/// A target whose steps are held against what they said they cost; steps come one after another.
final class WatchedTarget: RelayingTarget {
    private struct Tally {
        var requests = 0
        var mails = 0
        var complaints: [String] = []
    }

    let inner: any TicketTarget
    private let countRequests: @Sendable () -> Int
    private let countMails: @Sendable () async -> Int
    private let tally = ExamNotes(Tally())

    init(
        _ inner: any TicketTarget, requests: @escaping @Sendable () -> Int, mails: @escaping @Sendable () async -> Int
    ) {
        self.inner = inner
        countRequests = requests
        countMails = mails
    }

    /// Requests of all steps.
    var requests: Int { tally.value.requests }
    /// Mails of all steps.
    var mails: Int { tally.value.mails }
    /// Steps that cost something else than they said.
    var complaints: [String] { tally.value.complaints }

    func apply(_ step: Step, receipts: [WriteKey: Receipt]) async -> Outcome {
        let (requests, mails) = (countRequests(), await countMails())
        let outcome = await inner.apply(step, receipts: receipts)
        let (sent, told) = (countRequests() - requests, await countMails() - mails)
        tally.change { tally in
            tally.requests += sent
            tally.mails += told
            if sent != step.requests {
                tally.complaints.append(
                    "\(step.key.ticket): \(step.name) says \(step.requests) requests and takes \(sent)")
            }
            if told != step.mails {
                tally.complaints.append("\(step.key.ticket): \(step.name) says \(step.mails) mails and sends \(told)")
            }
        }
        return outcome
    }

    func applyBatch(_ steps: [Step], receipts: [WriteKey: Receipt]) async -> Outcome {
        let (requests, mails) = (countRequests(), await countMails())
        let outcome = await inner.applyBatch(steps, receipts: receipts)
        let (sent, told) = (countRequests() - requests, await countMails() - mails)
        tally.change { tally in
            tally.requests += sent
            tally.mails += told
        }
        return outcome
    }
}
