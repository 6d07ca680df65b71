// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import Synchronization
internal import TicketModel

/// How fast a customer's tickets go, and what is said about steps that do not go.
extension SmartSupportTarget {
    // MARK: Pace

    /// How long a customer's next ticket has to wait; nil: not at all.
    func wait(for customer: String) -> Duration? {
        guard let most = options.submissionsPerHour else { return nil }
        let now = clock.elapsed()
        let hour = Duration.seconds(3600)
        return state.withLock { state in
            let recent = (state.submissions[customer] ?? []).filter { now - $0 < hour }
            state.submissions[customer] = recent
            guard recent.count >= most else { return nil }
            return hour - (now - recent[recent.count - most]) + .seconds(1)
        }
    }

    func note(submissionOf customer: String) {
        guard options.submissionsPerHour != nil else { return }
        let now = clock.elapsed()
        state.withLock { $0.submissions[customer, default: []].append(now) }
    }

    func forget(submissionOf customer: String) {
        state.withLock { state in
            if state.submissions[customer]?.isEmpty == false { state.submissions[customer]?.removeLast() }
        }
    }

    func learn(departments: [SmartSupportSite.Named]) {
        state.withLock { state in
            state.site?.departments = departments
            state.site?.hasAllDepartments = true
        }
    }

    // MARK: Diagnostics

    func limit(_ customer: String) -> Diagnostic {
        Diagnostic(
            code: "smart-support.paced",
            "a customer's tickets go at most \(options.submissionsPerHour ?? 0) an hour (`submissionsPerHour`)",
            subject: customer, remedy: "wait, or raise the limit in Smart Support > Settings and in the migration file",
            cause: .unavailable)
    }

    func unknownDepartment(
        _ name: String, _ allowed: [SmartSupportSite.Named], _ said: Diagnostic
    ) -> Diagnostic {
        Diagnostic(
            options.department == nil ? .warning : .error, code: "smart-support.unknown-department",
            "Smart Support has no department “\(name)”; it has: \(SmartSupportSite.list(allowed))",
            subject: said.subject,
            remedy: "map it to one of these, or make it in Smart Support and write its name and id in `departments`",
            cause: .badInput)
    }

    /// A note that customers can read: the API has no way to take it back.
    func exposed(_ step: Step, ticket: String) -> Diagnostic {
        Diagnostic(
            code: "smart-support.note-public",
            "Smart Support stored the internal “\(step.name)” of ticket \(ticket) as a public message",
            subject: api.page(ofTicket: ticket),
            remedy:
                "delete it there by hand now, find out which plugin of the site changes notes, then decide with `ticketferry resolve`",
            cause: .refused)
    }

    func missingTicket(_ step: Step) -> Diagnostic {
        Diagnostic(
            code: "smart-support.no-ticket", "what “\(step.name)” needs is not known",
            remedy: "run the same command again",
            cause: .bug)
    }

    func oddAnswer(_ step: Step) -> Diagnostic {
        Diagnostic(
            code: "smart-support.odd-answer", "Smart Support's answer to “\(step.name)” was not understood",
            subject: api.address, remedy: "run the same command again: what was written is looked up first",
            cause: .unavailable)
    }
}
