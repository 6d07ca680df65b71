// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import TicketModel

/// What the steps of a ticket leave in KB Support, computed from their payloads alone.
struct KBSupportExpectation {
    let site: KBSupportSite

    /// The ticket as it must be when all steps are done.
    func ticket(_ plan: TicketPlan) -> ExpectedTicket {
        var out = ExpectedTicket()
        guard let create = plan.steps.first(where: { $0.verb == .create }) else { return out }
        let edit = plan.steps.first { $0.payload["op"]?.string == "edit" }
        let body = create.payload["body"] ?? .null
        out.properties = properties(body, edit: edit?.payload)
        for step in plan.steps { take(step, body, into: &out.properties) }
        out.tags = Set(
            (edit?.payload["tags"]?.array ?? []).compactMap(\.string)
                .map { KBSupportText.comparable(tag: HTMLEntities.decode($0)) })
        var messages = [(step: create, message: opening(create, body, edit: edit?.payload))]
        // By their dates, as they are shown; those that got the time of the run come last, in the order of writing.
        let replies = plan.steps.filter { $0.verb == .append }.map { (step: $0, message: reply($0)) }
        messages += replies.enumerated().sorted { a, b in
            let (x, y) = (a.element.message.createdAt?.seconds ?? .max, b.element.message.createdAt?.seconds ?? .max)
            return x == y ? a.offset < b.offset : x < y
        }.map(\.element)
        for step in plan.steps where step.verb == .attach {
            guard let file = step.files.first,
                let place = messages.firstIndex(where: { $0.step.key == step.needs.last })
            else { continue }
            messages[place].message.files.append(
                ExpectedFile(
                    names: [file.name, KBSupportText.comparable(fileName: file.name, site)], size: file.size,
                    sha256: file.sha256))
        }
        out.messages = messages.map(\.message)
        return out
    }

    // MARK: Properties

    private func properties(_ body: JSON, edit: JSON?) -> [String: String] {
        func sent(_ name: String) -> String { KBSupportText.unslashed(body[name]?.string ?? "") }
        var out = ["requester.email": body["customer_email"]?.string?.lowercased() ?? ""]
        // By REST with a capital letter; the title of the later step is as it is.
        let title = edit?["title"]?.string ?? KBSupportText.capitalized(sent("ticket_title"))
        out["subject"] = KBSupportText.title(title, site)
        let names = ["customer_first", "customer_last"].map { KBSupportText.capitalized(sent($0)) }
        out["requester.name"] = names.joined(separator: " ").trimmingBlanks
        if let agent = body["agent_id"]?.int { out["assignee"] = site.author(account: agent) }
        if let id = body["post_category"]?.int { out["category"] = site.categories[id] ?? String(id) }
        if let id = body["department"]?.int { out["department"] = site.departments[id] ?? String(id) }
        return out
    }

    private func take(_ step: Step, _ body: JSON, into properties: inout [String: String]) {
        switch step.payload["op"]?.string {
        case "status", "state": properties["status"] = step.payload["status"]?.string
        case "update":
            if let agent = step.payload["body"]?["agent"]?.int { properties["assignee"] = site.author(account: agent) }
        default: break
        }
    }

    // MARK: Messages

    private func opening(_ step: Step, _ body: JSON, edit: JSON?) -> ExpectedMessage {
        let text =
            edit?["content"]?.string
            ?? KBSupportText.capitalized(KBSupportText.unslashed(body["ticket_content"]?.string ?? ""))
        return ExpectedMessage(
            name: step.name, digest: step.key.digest, kind: .reply,
            author: body["customer_email"]?.string?.lowercased(),
            texts: [KBSupportText.html(text, site)], createdAt: Self.time(edit?["date"]))
    }

    private func reply(_ step: Step) -> ExpectedMessage {
        ExpectedMessage(
            name: step.name, digest: step.key.digest, kind: .reply,
            // REST does not tell who wrote a reply.
            author: site.hasXMLRPC ? site.author(account: step.payload["author"]?.int ?? site.me.id) : nil,
            texts: [KBSupportText.html(step.payload["content"]?.string ?? "", site)],
            createdAt: Self.time(step.payload["date"]))
    }

    /// `20210203T04:05:06`.
    private static func time(_ value: JSON?) -> Timestamp? {
        guard let text = value?.string, text.utf8.count >= 17 else { return nil }
        let day = Array(text.prefix(8))
        return Timestamp("\(String(day[0..<4]))-\(String(day[4..<6]))-\(String(day[6..<8]))\(text.dropFirst(8))Z")
    }
}
