// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import HTTPTypes
internal import TicketModel
package import Transport

/// Fluent Support's REST API: the migration's own login and those of agents, over one pace.
///
/// Both generations of the plugin are spoken to by the paths that the real one has (the vendor's document names some that
/// do not exist); see `FluentSupportAPI+Answers` for what an answer means.
package struct FluentSupportAPI: Sendable {
    /// The plugin's own API.
    static let plugin = APIPath.wordPress("fluent-support/v2")

    /// The migration's login.
    package var client: APIClient
    /// Agents' own logins by address, in lower case.
    package var agents: [String: APIClient]
    /// Routes of the Pro add-on that the site's REST index lists.
    var routes: Set<String> = []

    /// Pairs the logins.
    package init(client: APIClient, agents: [String: APIClient] = [:]) {
        self.client = client
        self.agents = agents
    }

    /// What stands before the plugin: WordPress.
    static let wordPress = WordPressSite(
        connector: "fluent-support", plugin: "Fluent Support", namespace: "fluent-support/v2")

    /// The site's address, without login.
    package var address: String { WordPressSite.address(of: client) }

    /// Where an application password is made in the browser.
    var authorizePage: String { Self.wordPress.authorizePage(of: client) }

    /// Where people see a ticket.
    func page(ofTicket id: Int) -> String {
        "\(WordPressSite.folder(of: client))wp-admin/admin.php?page=fluent-support#/tickets/\(id)/view"
    }

    /// Switches all logins to `?rest_route=` for sites without pretty links.
    mutating func useRouteQuery() {
        client.base.usesRouteQuery = true
        for key in agents.keys { agents[key]?.base.usesRouteQuery = true }
    }

    /// Reads; the answer is of whatever status.
    func get(
        _ path: String, _ query: [(name: String, value: String)] = [], as agent: String? = nil, api: APIPath? = nil
    ) async throws -> APIAnswer {
        try await login(agent).call(APICall(.get, path, query: query, api: api))
    }

    /// Reads and demands a JSON answer of success.
    ///
    /// - Throws: a `Diagnostic` in this connector's words.
    func read(_ path: String, _ query: [(name: String, value: String)] = []) async throws -> JSON {
        let answer: APIAnswer
        do { answer = try await get(path, query) } catch let failure as HTTPFailure { throw failure.diagnostic }
        guard answer.isSuccess, let json = answer.json else { throw Self.diagnostic(of: answer, client: client) }
        return json
    }

    /// The client of an agent where there is one, else the migration's own.
    func login(_ agent: String?) -> APIClient { agent.flatMap { agents[$0] } ?? client }

    /// Uploads one file for a ticket (nil: for one that is about to be created).
    ///
    /// The field `ticket_id` matters: without it a response ignores the file without a word.
    func upload(path: String, name: String, type: String, size: Int, ticket: Int?, as agent: String?) async -> Sent {
        var parts: [MultipartPart] = ticket.map { [.field("ticket_id", String($0))] } ?? []
        parts.append(.file("file", fileName: name, type: type, .file(URL(fileURLWithPath: path), size: size)))
        return await send(
            APICall(.post, "ticket_file_upload", body: .multipart(parts), deadline: .seconds(600)), as: agent)
    }

    /// Pages of a listing by id, as many at a time as the site gives without harm.
    func tickets(page: Int, perPage: Int = 1000) async throws -> JSON {
        try await read(
            "tickets",
            [
                ("per_page", String(perPage)), ("page", String(page)), ("order_by", "id"), ("order_type", "ASC"),
            ])["tickets"] ?? .null
    }
}
