// SPDX-License-Identifier: Apache-2.0
package import Migration
internal import Synchronization
internal import TicketModel
internal import Transport

/// Writes tickets into Smart Support; see the `+Topic` files for its pre-flight, steps and look-ups.
package final class SmartSupportTarget: TicketTarget {
    /// The connector's own options.
    package struct Options: Sendable {
        /// What becomes of internal notes.
        package enum Notes: String, Sendable {
            case write, again, archive
        }

        /// Agents with their user ids where they are known; the first one writes what nobody else can.
        package var agents: [(email: String, id: String?)] = []
        var departments: [SmartSupportSite.Named] = []
        var products: [SmartSupportSite.Named] = []
        /// Where tickets go whose own department is not there.
        package var department: String?
        /// The state that tickets are made with; nil: the site's default.
        package var state: String?
        /// What becomes of internal notes.
        package var notes = Notes.write
        /// How many tickets of one customer the site takes within an hour; nil: as many as come.
        package var submissionsPerHour: Int?
        /// How long the site may still work on a request whose answer got lost.
        package var settleTime = Duration.seconds(60)

        /// The defaults: nobody and nothing is known beforehand.
        package init() {}
    }

    struct State {
        var api: SmartSupportAPI
        var site: SmartSupportSite?
        var sink: (any DiagnosticSink)?
        /// What was said already: the pre-flight runs more than once.
        var said: Set<String> = []
        /// When each customer's tickets were sent, by the steady clock.
        var submissions: [String: [Duration]] = [:]
        /// The first planned ticket of each customer whom the site does not know yet: theirs is the welcome.
        var newcomers: [String: String] = [:]
        /// Whether a note of this run was read back and is private.
        var isPrivacyProven = false
        /// Whether the key is shown internal notes.
        var sight = Sight.unknown
        /// The site's latest tickets, to find a note in that the key sees; empty once they were looked at.
        var recent: [String] = []
        /// Why no note follows; nil: notes may go.
        var barred: String?
    }

    /// Whether a key is shown internal notes.
    enum Sight {
        case unknown, seen, hidden
    }

    let options: Options
    let clock: any RunClock
    let state: Mutex<State>
    let gate = SmartSupportNoteGate()

    /// Wraps an API; nothing is sent before ``prepare(policy:sink:)``.
    package init(api: SmartSupportAPI, options: Options = Options(), clock: any RunClock = SystemRunClock()) {
        self.options = options
        self.clock = clock
        state = Mutex(State(api: api))
    }

    /// The API as the pre-flight left it.
    var api: SmartSupportAPI { state.withLock { $0.api } }

    /// What the pre-flight found; a site of which nothing is known before it.
    var site: SmartSupportSite { state.withLock { $0.site } ?? SmartSupportSite() }

    /// Whether internal notes can be written, as far as is known.
    var hasNotes: Bool { options.notes != .archive && site.service != nil && site.takesNotes }

    /// Says something once.
    func say(_ diagnostic: Diagnostic) {
        let sink = state.withLock { state in
            state.said.insert(diagnostic.code + diagnostic.message).inserted ? state.sink : nil
        }
        sink?.emit(diagnostic)
    }

    package var address: String { get async { api.address } }

    package var features: TargetFeatures {
        get async {
            TargetFeatures(
                notes: hasNotes, notificationPolicies: [.refuse, .allow], settleTime: options.settleTime,
                maxFileSize: 0, keepsOneNamePerAddress: true, requestTime: site.requestTime)
        }
    }

    package func policy() async throws -> NotificationPolicy {
        let policy = site.policy
        guard policy == .refuse || policy == .allow else {
            throw Diagnostic(
                code: "smart-support.cannot-mute", "Smart Support's API has no way to mute its e-mails",
                subject: api.address,
                remedy: "switch the e-mails off in Smart Support > Settings for the time of the run, then "
                    + "`notifications: allow` with --allow-notifications",
                cause: .refused)
        }
        return policy
    }

    package func borrowings() async throws -> [Borrowing] { [] }

    package func borrow(_ borrowing: Borrowing) async throws {}

    package func giveBack(_ borrowing: Borrowing) async throws -> GiveBack { .givenBack }

    package func preparations() async throws -> [String] {
        var lines = ["customers whom WordPress does not know yet are made as its users with their first ticket"]
        if let count = options.submissionsPerHour {
            lines.append("at most \(count) tickets of one customer are written within an hour")
        }
        return lines
    }

    package func close() async { await api.client.transport.close() }
}
