// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Migration
internal import TicketModel

/// What the steps of a ticket leave in the plugin, worked out of the steps alone.
///
/// Not foretold: who has a ticket that the source gives nobody and an agent of ours answered (the plugin assigns it, the
/// finishing file takes that back), and what other plugins of the site do to texts.
struct FluentSupportExpectation {
    private let site: FluentSupportSite
    /// Times on the site's clock that the finishing file sets, by the marker of their row.
    private var dates: [String: String] = [:]
    private(set) var ticket = ExpectedTicket()

    init(plan: TicketPlan, site: FluentSupportSite) {
        self.site = site
        for line in plan.finishing { read(line) }
        ticket.datesInFile = !dates.isEmpty
        for step in plan.steps { take(step) }
        let answers = plan.steps.contains { $0.payload["op"]?.string == "response" }
        // An agent's answer makes a new ticket active.
        if answers, ticket.properties["status"] == "new" { ticket.properties["status"] = "active" }
        if answers, ticket.properties["assignee"] == "" { ticket.properties["assignee"] = nil }
    }

    private mutating func take(_ step: Step) {
        switch step.payload["op"]?.string {
        case "create": create(step)
        case "response", "note", "customer": append(step)
        case "tag": if let title = step.payload["title"]?.string { ticket.tags.insert(title) }
        case "property": set(step.payload["name"]?.string ?? "", step.payload["value"] ?? .null)
        default: break
        }
    }

    private mutating func create(_ step: Step) {
        let customer = step.payload["customer"]?["email"]?.string?.lowercased()
        ticket.properties["requester"] = customer
        ticket.properties["assignee"] = ""
        for field in step.payload["ticket"]?.members ?? [] where field.key != "content" { set(field.key, field.value) }
        set("mailbox_id", step.payload["mailbox"] ?? .null)
        let sent = step.payload["ticket"]?["content"]?.string ?? ""
        ticket.messages.append(message(step, sent: sent, place: .body, kind: .reply, author: customer))
    }

    private mutating func append(_ step: Step) {
        let op = step.payload["op"]?.string
        let author =
            op == "customer" ? step.payload["email"]?.string : step.payload["as"]?.string ?? site.me.email
        ticket.messages.append(
            message(
                step, sent: step.payload["content"]?.string ?? "", place: op == "customer" ? .customer : .agent,
                kind: op == "note" ? .note : .reply, author: author?.lowercased()))
    }

    private func message(
        _ step: Step, sent: String, place: FluentSupportText.Place, kind: Message.Kind, author: String?
    ) -> ExpectedMessage {
        let plain = FluentSupportText.stored(sent: sent, place: place)
        // Without `message_id` the marker stands in the text, but for the very first one.
        let exact = site.keepsMessageID ? [plain] : [plain + FluentSupportTarget.textMarker(step.key), plain]
        var texts: [String] = []
        for text in exact.flatMap({ [$0, FluentSupportRendering.comparable($0)] }) where !texts.contains(text) {
            texts.append(text)
        }
        return ExpectedMessage(
            name: step.name, digest: step.key.digest, kind: kind, author: author, texts: texts,
            proofs: exact.map(FluentSupportText.md5), createdAt: site.zone.same(dates[step.key.marker]),
            files: step.files.map {
                ExpectedFile(names: FluentSupportFile.names(of: $0.name), size: $0.size, sha256: $0.sha256)
            })
    }

    private mutating func set(_ column: String, _ value: JSON) {
        if let name = FluentSupportStoredReader.moments[column] {
            ticket.properties[name] = site.zone.same(value.string)?.description
            return
        }
        switch column {
        case "title":
            ticket.properties["subject"] = value.string.map { FluentSupportText.stored(sent: $0, place: .title) }
        case "status", "product": ticket.properties[column] = value.string
        case "client_priority": ticket.properties["priority"] = value.string
        case "priority": ticket.properties["internalPriority"] = value.string
        case "source": ticket.properties["channel"] = value.string
        case "agent_id":
            ticket.properties["assignee"] = site.agents.filter { $0.value == value.int }.keys.min()
        case "mailbox_id":
            ticket.properties["mailbox"] = value.int.flatMap { id in site.mailboxes.first { $0.id == id }?.name }
        default: break
        }
    }

    /// A line of the finishing file as the planner writes it: the row's marker and the date that it gets.
    private mutating func read(_ line: String) {
        guard let mark = Self.quoted(line, after: "message_id = '") else { return }
        let date =
            line.contains("fs_conversations SET created_at = '")
            ? Self.quoted(line, after: "SET created_at = '")
            : line.contains("SET created_at = LEAST") ? Self.quoted(line, after: "COALESCE(created_at, '") : nil
        if let date { dates[mark] = date }
    }

    private static func quoted(_ line: String, after words: String) -> String? {
        guard let start = line.range(of: words), let end = line[start.upperBound...].firstIndex(of: "'") else {
            return nil
        }
        return String(line[start.upperBound..<end])
    }
}

extension FluentSupportText {
    /// What the site stores of a sent text: the way back from ``sent`` to ``stored``.
    static func stored(sent: String, place: Place) -> String {
        let slashes = place == .customer ? 4 : 2
        let bytes = Array(sent.utf8)
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var i = 0
        func starts(_ text: String) -> Bool { bytes[i...].starts(with: text.utf8) }
        while i < bytes.count {
            switch bytes[i] {
            case UInt8(ascii: "\\"):
                out.append(bytes[i])
                i += slashes
            case UInt8(ascii: "&") where place != .agent && place != .title && starts("&amp;"):
                out.append(bytes[i])
                i += 5
            case UInt8(ascii: "&") where place == .body && starts("&lt;"):
                out.append(UInt8(ascii: "<"))
                i += 4
            case let byte:
                out.append(byte)
                i += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}

extension FluentSupportFile {
    /// The names that the site may show for a file.
    static func names(of name: String) -> Set<String> { [name, FluentSupportSandbox.Text.fileName(name)] }
}
