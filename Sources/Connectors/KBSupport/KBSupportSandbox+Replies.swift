// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Sandbox
internal import TicketModel

extension KBSupportSandbox {
    func replies(_ call: Call, _ rest: [String], _ user: User) throws -> Answer {
        if rest.count == 1, let id = Int(rest[0]), call.request.method == "GET" {
            guard user.isAgent else { throw Failure.forbidden }
            guard let reply = post(id), reply.type == "kbs_ticket_reply", let ticket = post(reply.parent) else {
                throw Failure.noPost
            }
            return Answer(body: shape(reply: reply, of: ticket, call))
        }
        guard rest.count == 2, rest[0] == "ticket", let id = Int(rest[1]) else { throw Failure.noRoute }
        guard user.isAgent else { throw Failure.forbidden }
        guard let ticket = post(id), ticket.type == "kbs_ticket" else { throw Failure.noPost }
        switch call.request.method {
        case "GET":
            let (page, perPage) = try paging(call)
            let all = posts("kbs_ticket_reply", below: id).filter { $0.status == "publish" }
                .sorted { $0.date == $1.date ? $0.id > $1.id : $0.date > $1.date }
            if page > 1, (page - 1) * perPage >= all.count, !all.isEmpty {
                throw Failure(
                    status: 400, code: "rest_post_invalid_page_number",
                    message: "The page number requested is larger than the number of pages available.")
            }
            let rows = all.dropFirst((page - 1) * perPage).prefix(perPage)
            return Answer(
                body: .array(rows.map { shape(reply: $0, of: ticket, call) }), headers: totals(all.count, perPage))
        case "POST":
            let reply = try write(call, ticket, user)
            return Answer(body: shape(reply: reply, of: post(id) ?? ticket, call))
        default: throw Failure.noRoute
        }
    }

    /// Neither author nor files: the plugin's answer has none.
    private func shape(reply: Post, of ticket: Post, _ call: Call) -> JSON {
        let base = "\(call.site)/wp-json/kbs/v1"
        let customer = ticket.meta["customer"]?.int ?? 0
        func related(_ address: String) -> JSON { [["embeddable": true, "href": .string(address)]] }
        let number = ticket.meta["number"] ?? JSON(ticket.id)
        return .object(
            [.init("id", JSON(reply.id))] + times(reply) + [
                .init("status", .string(reply.status)), .init("content", text(reply.content, isBody: true)),
                .init("ticket_sources", .array((reply.terms["ticket_sources"] ?? []).map { JSON($0) })),
                .init(
                    "ticket_data",
                    [
                        "ID": JSON(ticket.id), "number": number, "key": ticket.meta["key"] ?? "",
                        "status": .string(ticket.status),
                    ]),
                .init(
                    "_links",
                    [
                        "self": [["href": .string("\(base)/replies/\(reply.id)")]],
                        "collection": related("\(base)/replies/ticket/\(ticket.id)"),
                        "ticket": related("\(call.site)/wp-json/wp/v2/tickets/\(ticket.id)"),
                        "customer": related("\(base)/customers/\(customer)"),
                    ]),
            ])
    }

    private func write(_ call: Call, _ ticket: Post, _ user: User) throws -> Post {
        guard let content = call["reply_content"]?.plainText, !content.isEmpty, content != "0" else {
            throw Failure(status: 400, code: "required_fields", message: "Required fields missing.")
        }
        var ticket = ticket
        var reply = Post()
        reply.type = "kbs_ticket_reply"
        reply.status = "publish"
        reply.title = "Reply to ticket \(ticket.id)"
        reply.content = stored(content, user)
        reply.parent = ticket.id
        // Any user may be named; nobody is the login.
        let named = call["reply_author"]?.plainText.flatMap { Int($0) } ?? 0
        reply.author = named == 0 ? user.id : named
        (reply.date, reply.modified) = (seconds, seconds)
        reply.terms["ticket_sources"] = [4]
        if let agent = call["agent"]?.plainText.flatMap(agent) { reply.meta["_kbs_reply_agent_id"] = JSON(agent) }
        reply.meta["_kbs_reply_customer_id"] = ticket.meta["customer"] ?? 0
        reply = store(reply)
        if !user.isUnfiltered {
            // The plugin saves the ticket under the agent's rights: its own text is filtered again.
            ticket.content = String(
                decoding: FluentSupportSandbox.PostHTML.clean(Array(ticket.content.utf8)), as: UTF8.self)
            ticket.title = String(
                decoding: FluentSupportSandbox.PostHTML.clean(Array(ticket.title.utf8)), as: UTF8.self)
        }
        if ticket.status == "closed" { ticket.status = "open" }
        let closes = call["close_ticket"]?.phpTruth == true
        if closes {
            // The closing is told in the reply's own e-mail.
            ticket.status = "closed"
            reply.meta["_kbs_reply_resolution"] = 1
            store(reply)
        } else if let status = call["ticket_status"]?.plainText, statuses.contains(status), status != "new" {
            set(status, of: &ticket)
        }
        ticket.modified = seconds
        store(ticket)
        mail(to: ticket.meta["email"]?.string ?? "", "ticket_reply", ticket: ticket.id)
        return reply
    }
}
