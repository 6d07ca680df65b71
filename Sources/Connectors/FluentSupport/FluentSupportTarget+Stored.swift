// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
package import Migration
internal import TicketModel
internal import Transport

/// Reading back what the plugin holds: for `verify` and `undo`.
extension FluentSupportTarget {
    /// One request for a ticket; one more where a text comes rendered in a way that has no way back.
    ///
    /// The single ticket gives texts with paragraphs and links added. Where `content_hash` proves the text worked out
    /// of that, it is exact. The opening text and the last message are read raw from the list where it is not proven;
    /// other messages are compared as ``FluentSupportRendering/comparable(_:)`` then, which finds each change that
    /// people can see, but not one of paragraphs alone. Editing leaves the hash stale: a message whose date of change is
    /// not its date has a proof of its own.
    package func stored(ticket: Receipt) async throws -> StoredTicket? {
        let api = api
        guard let id = Int(ticket.id), let all = try await whole(id, api) else { return nil }
        var reader = FluentSupportStoredReader(site: site, all: all)
        // The list that was read before may show other bytes than the rendered text could be made of.
        let listed = ticket.details["raw"]?.string
        if reader.wantsRow || listed != nil && listed != reader.openingProof {
            let rows =
                try await api.read("tickets", [("per_page", "5"), ("search", "id:\(id)")])["tickets"]?["data"]?.array
                ?? []
            reader.row = rows.first { $0["id"]?.int == id }
        }
        var stored = reader.ticket(url: api.page(ofTicket: id))
        stored.fingerprint = fingerprint(of: all)
        return stored
    }

    /// What ``storedFingerprint(ticket:)`` gives for a ticket as the plugin shows it.
    func fingerprint(of all: JSON) -> String {
        fingerprint(ofRow: all["ticket"] ?? .null)
    }

    package func expectation(of plan: TicketPlan) async -> ExpectedTicket {
        FluentSupportExpectation(plan: plan, site: site).ticket
    }

    /// Downloads a file; nil where the site says that it is gone.
    ///
    /// The plugin gives out some 30 files a minute to one address and answers 429 after that: waited for, up to two
    /// minutes a file.
    package func sha256(of file: StoredFile) async throws -> Result<String, FileUnavailable> {
        try await AttachmentFetcher.sha256(of: file, allowsOtherHosts: false, client: api.client) { text in
            // The plugin says that a file is gone with status 200.
            text.contains("could not be found") ? "the site says that the file could not be found" : nil
        }
    }

    /// The plugin's own reports count tickets by status; those of a status that it does not know are in none.
    package func independentCount() async throws -> Int? {
        let answer: APIAnswer
        do { answer = try await api.get("reports") } catch let failure as HTTPFailure { throw failure.diagnostic }
        guard answer.isSuccess, let reports = answer.json?["overall_reports"] else { return nil }
        let counts = ["new_tickets", "active_tickets", "closed_tickets"].compactMap { reports[$0]?["count"]?.int }
        return counts.isEmpty ? nil : counts.reduce(0, +)
    }
}

/// Makes what a target holds of the single ticket's answer.
struct FluentSupportStoredReader {
    let site: FluentSupportSite
    /// The answer to the single ticket.
    let all: JSON
    /// Of the list, where it was asked for: its texts are raw.
    var row: JSON?

    private typealias Text = (text: String, proof: String?)

    init(site: FluentSupportSite, all: JSON) {
        self.site = site
        self.all = all
    }

    /// The hash of the opening text; nil where it is not proven.
    var openingProof: String? { text(all["ticket"] ?? .null, raw: nil, isEdited: false).proof }

    /// Whether the opening text or that of the last message is not proven, so that the list's row helps.
    var wantsRow: Bool {
        guard openingProof != nil else { return true }
        guard let last = responses.last, last["conversation_type"]?.string != "internal_info" else { return false }
        return text(last, raw: nil, isEdited: false).proof == nil
    }

    /// In the order of their ids, the plugin's own.
    private var responses: [JSON] {
        (all["responses"]?.array ?? all["ticket"]?["responses"]?.array ?? [])
            .sorted { ($0["id"]?.int ?? 0) < ($1["id"]?.int ?? 0) }
    }

    func ticket(url: String) -> StoredTicket {
        let single = all["ticket"] ?? .null
        var ticket = StoredTicket(id: single["id"]?.text ?? "", url: url)
        let names = [
            "title": "subject", "status": "status", "client_priority": "priority", "priority": "internalPriority",
            "source": "channel",
        ]
        for (column, name) in names { ticket.properties[name] = single[column]?.text }
        for (column, name) in Self.moments {
            if let time = site.zone.same(single[column]?.string) { ticket.properties[name] = time.description }
        }
        ticket.properties["requester"] = Self.name(of: single["customer"])
        ticket.properties["assignee"] = Self.name(of: single["agent"]) ?? ""
        ticket.properties["mailbox"] = single["mailbox"]?["name"]?.string
        ticket.properties["product"] = single["product"]?["title"]?.string
        ticket.tags = Set((single["tags"]?.array ?? []).compactMap { $0["title"]?.string })
        let raw = row?["content"]?.string
        let opening = text(single, raw: raw, isEdited: false)
        ticket.messages = [
            StoredMessage(
                id: ticket.id, digest: digest(of: single, raw ?? opening.text), kind: .reply,
                author: Self.name(of: single["customer"]), text: opening.text, proof: opening.proof,
                createdAt: site.zone.same(single["created_at"]?.string), files: files(single))
        ]
        let last = row?["preview_response"]
        for response in responses {
            let kind = response["conversation_type"]?.string
            // Lines that the plugin wrote when we gave the ticket to an agent.
            if kind == "internal_info", response["person_id"]?.int == site.me.id { continue }
            let isLast = last?["id"]?.int != nil && last?["id"]?.int == response["id"]?.int
            let isEdited = isEdited(response)
            let text = text(response, raw: isLast ? last?["content"]?.string : nil, isEdited: isEdited)
            ticket.messages.append(
                StoredMessage(
                    id: response["id"]?.text ?? "", digest: digest(of: response, text.text),
                    kind: kind == "response" ? .reply : kind == "internal_info" ? .event : .note,
                    author: Self.name(of: response["person"]), text: text.text, proof: text.proof,
                    createdAt: site.zone.same(response["created_at"]?.string), files: files(response)))
        }
        return ticket
    }

    /// The columns that hold a moment, by the names of their properties.
    static let moments = [
        "created_at": "createdAt", "updated_at": "updatedAt", "resolved_at": "resolvedAt",
        "last_agent_response": "lastAgentResponse", "last_customer_response": "lastCustomerResponse",
        "waiting_since": "waitingSince",
    ]

    /// The stored text with its hash, else what can be compared of the rendered one.
    private func text(_ json: JSON, raw: String?, isEdited: Bool) -> Text {
        if let raw { return (raw, FluentSupportText.md5(raw)) }
        let rendered = json["content"]?.string ?? ""
        if json["conversation_type"]?.string == "internal_info" {
            return (FluentSupportRendering.plain(rendered), nil)
        }
        let hash = json["content_hash"]?.string
        if let exact = FluentSupportRendering.stored(rendered, hash: hash) { return (exact, hash) }
        let edited = isEdited ? "edited \(json["updated_at"]?.string ?? "")" : nil
        return (FluentSupportRendering.comparable(rendered), edited)
    }

    /// Whether a response was changed after it was made; its two dates are set one after the other.
    private func isEdited(_ json: JSON) -> Bool {
        guard let made = site.zone.same(json["created_at"]?.string),
            let changed = site.zone.same(json["updated_at"]?.string)
        else { return false }
        return abs(changed.seconds - made.seconds) > 1
    }

    private func digest(of json: JSON, _ text: String) -> String? {
        if let marker = json["message_id"]?.string, !marker.isEmpty { return WriteKey.parse(marker: marker)?.digest }
        return FluentSupportTarget.marker(inText: text)?.digest
    }

    /// The e-mail in lower case, else the name.
    private static func name(of person: JSON?) -> String? {
        guard let person, person.members != nil else { return nil }
        if let email = person["email"]?.string, !email.isEmpty { return email.lowercased() }
        let names = [person["first_name"], person["last_name"]].compactMap { $0?.string }.joined(separator: " ")
        return names.trimmingBlanks.isEmpty ? nil : names.trimmingBlanks
    }

    private func files(_ json: JSON) -> [StoredFile] {
        (json["attachments"]?.array ?? []).map {
            StoredFile(
                name: $0["title"]?.string ?? "", size: $0["file_size"]?.int, locator: $0["secureUrl"]?.string)
        }
    }
}

extension FluentSupportZone {
    /// Reads a column to the moment that the site's clock shows: an hour that the clock shows twice is always the same
    /// one.
    func same(_ text: String?) -> Timestamp? { time(time(text).map(local)) }
}
