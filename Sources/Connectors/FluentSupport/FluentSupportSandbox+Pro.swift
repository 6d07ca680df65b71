// SPDX-License-Identifier: Apache-2.0

import Sandbox
import TicketModel

/// The routes of the Pro add-on as the vendor's document has them (they were not measured), behind the switch `pro`; and
/// the reports, which the free plugin has.
extension FluentSupportSandbox {
    /// The name of the switch.
    static let pro = "pro"

    var hasPro: Bool { options.switches.contains(Self.pro) }

    /// What the REST index says of the add-on's routes.
    var proRoutes: JSON {
        guard hasPro else { return [:] }
        return .object(
            ["ticket-tags", "saved-replies", "workflows"].map {
                .init("/fluent-support/v2/\($0)", ["methods": ["GET"]])
            })
    }

    /// Everything under `/ticket-tags`.
    func ticketTags(_ call: Call, _ parts: [String]) throws -> JSON {
        try require(call, "fst_manage_settings")
        switch (call.request.method, parts.first.flatMap { Int($0) }) {
        case ("DELETE", let id?):
            state.tags[id] = nil
            return ["message": "Tag has been deleted"]
        case ("GET", nil):
            return [
                "tags": try paginate(
                    Array(state.tags.all), call, path: "ticket-tags", table: "wp_fs_taggables", order: "",
                    shape: { Self.shape($0) })
            ]
        case ("POST", nil):
            let title = try title(call)
            let now = localNow
            let tag = state.tags.insert { Tag(id: $0, title: title, slug: Text.slug(title), createdAt: now) }
            return ["message": "Tag has been added", "tag": Self.shape(tag)]
        default: throw Failure.noRoute
        }
    }

    /// Everything under `/saved-replies`.
    func savedReplies(_ call: Call, _ parts: [String]) throws -> JSON {
        try require(call, "fst_manage_saved_replies")
        switch (call.request.method, parts.first.flatMap { Int($0) }) {
        case ("DELETE", let id?):
            state.savedReplies[id] = nil
            return ["message": "Selected Reply Template has been deleted"]
        case ("GET", nil):
            return try paginate(
                Array(state.savedReplies.all), call, path: "saved-replies", table: "wp_fs_saved_replies", order: "",
                shape: { Self.shape($0) })
        case ("POST", nil):
            let title = try title(call)
            let content = Text.edited(call["content"]?.plainText ?? "")
            let now = localNow
            let reply = state.savedReplies.insert { SavedReply(id: $0, title: title, content: content, createdAt: now) }
            return ["message": "Reply Template has been created", "reply": Self.shape(reply)]
        default: throw Failure.noRoute
        }
    }

    /// `/workflows`: one that answers new tickets, so that there is something to list.
    func workflows(_ call: Call) throws -> JSON {
        try require(call, "fst_manage_workflows")
        let workflow: JSON = [
            "id": 1, "created_by": "1", "priority": "10", "title": "Thank for a new ticket",
            "trigger_key": "fluent_support/ticket_created", "trigger_type": "automatic", "settings": "",
            "status": "published", "created_at": "2024-01-02 10:00:00", "updated_at": "2024-01-02 10:00:00",
        ]
        return [
            "workflows": try paginate(
                [workflow], call, path: "workflows", table: "wp_fs_workflows", order: "", shape: { $0 })
        ]
    }

    /// `/reports`: tickets by status, those of a status that the plugin does not know left out.
    func reports(_ call: Call) throws -> JSON {
        try require(call, "fst_view_all_reports", "administrator")
        func count(_ title: String, _ count: Int) -> JSON { ["title": .string(title), "count": JSON(count)] }
        func tickets(_ status: String) -> Int { state.tickets.all.reduce(0) { $0 + ($1.status == status ? 1 : 0) } }
        return [
            "overall_reports": [
                "new_tickets": count("New Tickets", tickets("new")),
                "active_tickets": count("Active Tickets", tickets("active")),
                "closed_tickets": count("Closed Tickets", tickets("closed")),
                "responses": count(
                    "Responses", state.responses.all.reduce(0) { $0 + ($1.kind == "response" ? 1 : 0) }),
            ]
        ]
    }

    private func title(_ call: Call) throws -> String {
        let title = call.field("title") ?? ""
        guard !title.isEmpty else { throw Failure.invalid("title", "required", "Title is required") }
        return title
    }

    private static func shape(_ tag: Tag) -> JSON {
        [
            "id": JSON(tag.id), "tag_type": "ticket_tag", "title": .string(tag.title), "slug": .string(tag.slug),
            "description": "", "created_at": .string(tag.createdAt),
        ]
    }

    private static func shape(_ reply: SavedReply) -> JSON {
        [
            "id": JSON(reply.id), "created_by": "1", "mailbox_id": .null, "product_id": "0",
            "title": .string(reply.title), "content": .string(reply.content), "created_at": .string(reply.createdAt),
            "updated_at": .string(reply.createdAt), "person": .null, "product": .null,
        ]
    }

    /// A row of the add-on's saved replies.
    struct SavedReply: Codable, Sendable {
        var id: Int
        var title: String
        var content: String
        var createdAt: String
    }
}
