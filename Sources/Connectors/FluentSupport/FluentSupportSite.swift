// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Migration
internal import TicketModel

/// What is known of a site after its pre-flight: all that planning needs, so that it needs no requests.
struct FluentSupportSite: Sendable {
    /// A mailbox that people work in, or ours.
    struct Mailbox: Hashable, Sendable {
        var id: Int
        var name: String
        var isDefault: Bool
        /// Whether a migration made it to stage tickets: nobody works in it.
        var isOurs = false
        /// Which of its e-mails are on; empty where the login may not see it.
        var mails: [String: Bool] = [:]
    }

    /// The address of every staging mailbox, by which it is known from a mailbox of people's.
    static let stagingAddress = "ticketferry-staging@no-address.invalid"

    /// The id of the migration's own agent record and its address in lower case.
    var me: (id: Int, email: String) = (0, "")
    /// Ids by address, in lower case.
    var agents: [String: Int] = [:]
    /// Agents whose own login works.
    var logins: Set<String> = []
    var mailboxes: [Mailbox] = []
    /// Ids by title.
    var tags: [String: Int] = [:]
    /// Ids by title.
    var products: [String: Int] = [:]
    var statuses: Set<String> = ["new", "active", "closed"]
    var priorities: Set<String> = ["normal", "medium", "critical"]
    var maxFileSize = 2 << 20
    var fileTypes: Set<String> = ["images", "csv", "documents", "zip", "json"]
    var zone = FluentSupportZone(identifier: "UTC", offset: 0)
    var policy = NotificationPolicy.stage
    /// Whether mailboxes and their e-mails may be changed with this login.
    var canMute = false
    /// Routes of the Pro add-on that the REST index lists: `ticket-tags`, `saved-replies`.
    var routes: Set<String> = []
    /// By title, where the add-on is there.
    var savedReplies: Set<String> = []
    /// What the catalogue's steps make before the first ticket: `tag vip`, `product Shop`.
    var promised: Set<String> = []
    /// Whether answers give `message_id` back; where not, a marker stands in the text.
    var keepsMessageID = true
    /// The staging mailbox, where it is there already.
    var staging: Mailbox?
    /// What a request of the pre-flight took on average.
    var requestTime = Duration.milliseconds(100)

    /// The e-mails of a mailbox that are on for one of these keys.
    func mails(in mailbox: Mailbox?, _ keys: [String]) -> Int {
        guard let mailbox else { return 0 }
        return keys.count { mailbox.mails[$0] ?? true }
    }
}

/// The site's clock: what its columns hold and its `property` route takes.
struct FluentSupportZone: Hashable, Sendable {
    private var zone: TimeZone

    /// By the name that the REST index gives, else by its offset in hours.
    init(identifier: String?, offset: Double) {
        let named = identifier.flatMap { $0.isEmpty ? nil : TimeZone(identifier: $0) }
        zone = named ?? TimeZone(secondsFromGMT: Int(offset * 3600)) ?? .gmt
    }

    /// Its name.
    var name: String { zone.identifier }

    /// `YYYY-MM-DD HH:MM:SS` on the site's clock: the only form that the site understands (ISO 8601 is answered with 200
    /// and changes nothing).
    func local(_ time: Timestamp) -> String {
        let date = Date(timeIntervalSince1970: Double(time.seconds))
        let shifted = Timestamp(seconds: time.seconds + Int64(zone.secondsFromGMT(for: date)))
        return String(shifted.description.prefix(19)).replacing("T", with: " ")
    }

    /// Reads a column: with an offset as it stands, else on the site's clock.
    ///
    /// Nil for no time, also `0000-00-00 …`.
    func time(_ text: String?) -> Timestamp? {
        guard let text, !text.isEmpty, !text.hasPrefix("0000") else { return nil }
        if let time = Timestamp(text) { return time }
        guard let local = Timestamp("\(text)Z") else { return nil }
        var seconds = local.seconds
        // Two rounds settle the offset also next to a change of the clocks.
        for _ in 0..<2 {
            let offset = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds)))
            seconds = local.seconds - Int64(offset)
        }
        return Timestamp(seconds: seconds)
    }
}
