// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import TicketModel
internal import Transport

/// Logs in to the plugin.
enum FluentSupportPreflight {
    /// Who the login is.
    struct Login {
        var agent: (id: Int, email: String)
        var permissions: Set<String>
    }

    /// The site's REST index; switches the API to `?rest_route=` where only that answers.
    static func index(_ api: inout FluentSupportAPI) async throws -> JSON {
        let index = try await FluentSupportAPI.wordPress.index(&api.client)
        if api.client.base.usesRouteQuery { api.useRouteQuery() }
        let all = Set((index["routes"]?.members ?? []).map(\.key))
        api.routes = Set(
            ["ticket-tags", "saved-replies", "workflows"].filter { all.contains("/fluent-support/v2/\($0)") })
        return index
    }

    /// Who the login is; explains a refusal.
    static func login(_ api: FluentSupportAPI, index: JSON) async throws -> Login {
        let answer = try await api.client.read(APICall(.get, "me"))
        if answer.status == 401 {
            throw await FluentSupportAPI.wordPress.unauthorized(api.client, index: index, request: answer.request)
        }
        guard answer.isSuccess, let me = answer.json, me.members != nil else {
            throw FluentSupportAPI.diagnostic(of: answer, client: api.client)
        }
        guard let person = me["person"], let id = person["id"]?.int, let email = person["email"]?.string else {
            throw Diagnostic(
                code: "fluent-support.no-agent",
                "the login \(me["email"]?.string ?? "") works in WordPress but is no agent of Fluent Support: every ticket would answer with an error",
                subject: answer.request,
                remedy:
                    "add this user under Fluent Support > Settings > Support Staff, also when it is an administrator",
                cause: .refused)
        }
        let permissions = Set((me["permissions"]?.array ?? []).compactMap(\.string))
        return Login(agent: (id, email.lowercased()), permissions: permissions)
    }
}
