// SPDX-License-Identifier: Apache-2.0
package import Migration
internal import Synchronization
internal import TicketModel
internal import Transport

/// Writes tickets into Fluent Support; see the `+Topic` files for its pre-flight, plans, steps and look-ups.
package final class FluentSupportTarget: TicketTarget {
    /// The connector's own options.
    package struct Options: Hashable, Sendable {
        /// The mailbox that all tickets go to; nil: by the ticket's own, else the default one.
        package var mailbox: String?
        /// Whether all dates go to the finishing file (`dates: finish`).
        package var datesInFile: Bool
        /// The staging mailbox's name.
        package var staging: String
        /// Whether that name is this migration's alone: a mailbox of that name is ours also when the journal was lost.
        package var ownsStaging: Bool
        /// The database's prefix, for the finishing file.
        package var tablePrefix: String
        /// How long the site may still work on a request whose answer got lost.
        package var settleTime: Duration

        /// Sets options; see the properties.
        package init(
            mailbox: String? = nil, datesInFile: Bool = false, staging: String = "Ticketferry staging",
            tablePrefix: String = "wp_", settleTime: Duration = .seconds(60), ownsStaging: Bool = false
        ) {
            self.ownsStaging = ownsStaging
            self.mailbox = mailbox
            self.datesInFile = datesInFile
            self.staging = staging
            self.tablePrefix = tablePrefix
            self.settleTime = settleTime
        }

        /// The staging mailbox's name for one migration, so that two that run at once do not share one.
        ///
        /// Letters that WordPress would store otherwise are left out; the digest tells names apart that differ in those.
        package static func staging(of migration: String) -> String {
            guard !migration.isEmpty else { return "Ticketferry staging" }
            let plain = migration.utf8.map { $0.isNameByte || $0 == UInt8(ascii: "-") ? $0 : UInt8(ascii: " ") }
            let words = String(decoding: plain, as: UTF8.self).split(separator: " ").joined(separator: " ").prefix(40)
            return
                (["Ticketferry staging"] + (words.isEmpty ? [] : [words.trimmingBlanks])
                + ["(\(Digest.of([migration]).prefix(8)))"]).joined(separator: " ")
        }
    }

    private struct State {
        var api: FluentSupportAPI
        var site: FluentSupportSite?
        /// Tickets that this process put into the staging mailbox.
        var staged: Set<Int> = []
        /// The newest customer before the first write of the migration; nil where nobody looked.
        var newestCustomer: Int?
    }

    let options: Options
    private let state: Mutex<State>

    /// Wraps an API; nothing is sent before ``prepare(policy:sink:)``.
    package init(api: FluentSupportAPI, options: Options = Options()) {
        self.options = options
        state = Mutex(State(api: api))
    }

    /// The API as the pre-flight left it (with or without pretty links).
    var api: FluentSupportAPI {
        get { state.withLock { $0.api } }
        set { state.withLock { $0.api = newValue } }
    }

    /// What the pre-flight found; a plain site before it.
    var site: FluentSupportSite { state.withLock { $0.site } ?? FluentSupportSite() }

    /// Keeps what the pre-flight found.
    func learn(_ site: FluentSupportSite) { state.withLock { $0.site = site } }

    /// Notes where the staging mailbox is, or that it is gone.
    func learn(staging: FluentSupportSite.Mailbox?) { state.withLock { $0.site?.staging = staging } }

    /// Whether this process put a ticket into the staging mailbox: what the journal says of it may be long past.
    func isStaged(_ ticket: Int) -> Bool { state.withLock { $0.staged.contains(ticket) } }

    /// Notes that a ticket is in the staging mailbox, or out of it.
    func learn(staged: Bool, ticket: Int) {
        state.withLock {
            if staged { $0.staged.insert(ticket) } else { $0.staged.remove(ticket) }
        }
    }

    /// The newest customer before the first write of the migration; nil where nobody looked.
    var newestCustomer: Int? { state.withLock { $0.newestCustomer } }

    /// Notes which customer was the newest before the first write of the migration.
    func learn(newestCustomer id: Int?) { state.withLock { $0.newestCustomer = id } }

    /// Notes what the catalogue's steps are going to make.
    func learn(promised: Set<String>) { state.withLock { $0.site?.promised = promised } }

    /// Notes the id of something that the catalogue's steps made or found.
    func learn(entry kind: String, title: String, id: Int) {
        state.withLock {
            switch kind {
            case CatalogueEntry.Kind.tag.rawValue: $0.site?.tags[title] = id
            case CatalogueEntry.Kind.product.rawValue: $0.site?.products[title] = id
            default: break
            }
        }
    }

    /// Notes that answers do not give `message_id` back: markers stand in the texts from now on.
    func learnMarkersInTexts() { state.withLock { $0.site?.keepsMessageID = false } }

    package var address: String { get async { api.address } }

    package var features: TargetFeatures {
        get async {
            let site = site
            var policies: [NotificationPolicy] = [.allow, .refuse]
            if site.canMute { policies = [.stage, .mute] + policies }
            return TargetFeatures(
                notes: true, notificationPolicies: policies, settleTime: options.settleTime,
                maxFileSize: site.maxFileSize, keepsOneNamePerAddress: true, finishingHead: finishingHead,
                listsCheaply: true, requestTime: site.requestTime)
        }
    }

    private var finishingHead: [String] {
        let prefix = options.tablePrefix
        return [
            "-- Fluent Support's API cannot set these dates. Each line touches one row that Ticketferry wrote, by its id and",
            "-- its message_id, and may be run again. Make a backup, then: mysql DATABASE < THIS-FILE (or wp db query).",
            "-- Times are on the site's clock (\(site.zone.name)). The tables' prefix is \(prefix) (`tablePrefix` in the migration).",
        ]
    }

    package func close() async { await api.client.transport.close() }
}
