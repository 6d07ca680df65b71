// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import TicketModel
internal import Transport

/// Finds out why a login does not work, where the plugin answers all causes with the same 401.
enum FluentSupportPreflight {
    /// Who the login is.
    struct Login {
        var agent: (id: Int, email: String)
        var permissions: Set<String>
    }

    /// The site's REST index; switches the API to `?rest_route=` where only that answers.
    static func index(_ api: inout FluentSupportAPI) async throws -> JSON {
        var answer = try await call { try await api.get("", api: FluentSupportAPI.index) }
        if answer.json?["namespaces"] == nil, !api.client.base.usesRouteQuery {
            var other = api
            other.useRouteQuery()
            let second = try await call { try await other.get("", api: FluentSupportAPI.index) }
            if second.json?["namespaces"] != nil {
                api = other
                answer = second
            }
        }
        guard let index = answer.json, let names = index["namespaces"]?.array else {
            if answer.isSuccess || answer.json == nil { throw answer.problem }
            throw FluentSupportAPI.diagnostic(of: answer, client: api.client)
        }
        guard names.contains(where: { $0.string == "fluent-support/v2" }) else {
            throw Diagnostic(
                code: "fluent-support.not-installed", "this WordPress site has no Fluent Support with its REST API",
                subject: answer.request, remedy: "check `url`; install and switch on the plugin Fluent Support there",
                cause: .refused)
        }
        return index
    }

    /// Who the login is; explains a refusal.
    static func login(_ api: FluentSupportAPI, index: JSON) async throws -> Login {
        let answer = try await call { try await api.get("me") }
        if answer.status == 401 { throw await unauthorized(api, index: index, request: answer.request) }
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

    /// The cause of a 401: passwords switched off (the REST index tells), the header dropped on the way (the same
    /// password works in an XML-RPC body), or the password itself.
    private static func unauthorized(_ api: FluentSupportAPI, index: JSON, request: String) async -> Diagnostic {
        func make(_ code: String, _ message: String, _ remedy: String) -> Diagnostic {
            Diagnostic(code: "fluent-support.\(code)", message, subject: request, remedy: remedy, cause: .refused)
        }
        guard index["authentication"]?["application-passwords"] != nil else {
            return make(
                "passwords-off", "the site has WordPress's application passwords switched off (HTTP 401)",
                "allow application passwords: a security plugin mostly switches them off, and plain http without TLS does; then make one at \(api.authorizePage)"
            )
        }
        switch await xmlRPC(api) {
        case .works:
            return make(
                "header-dropped",
                "the password is right, but the site's web server drops the Authorization header (HTTP 401)",
                "have the web server pass it on: Apache: `CGIPassAuth On`, or `SetEnvIf Authorization \"(.*)\" HTTP_AUTHORIZATION=$1` in .htaccess"
            )
        case .wrongPassword:
            return make(
                "wrong-password",
                "Fluent Support refused the login: user name or application password is wrong (HTTP 401)",
                "make a new application password at \(api.authorizePage) and put it into the migration's secret; nothing was written"
            )
        case .unknown:
            return make(
                "unauthorized",
                "Fluent Support refused the login (HTTP 401): wrong user or password, or a web server that drops the Authorization header",
                "make a new application password at \(api.authorizePage); if that does not help, look whether the web server passes the Authorization header on; nothing was written"
            )
        }
    }

    private enum Probe {
        case works, wrongPassword, unknown
    }

    private static func xmlRPC(_ api: FluentSupportAPI) async -> Probe {
        guard case .basic(let user, let password) = api.client.authentication else { return .unknown }
        let body =
            "<?xml version=\"1.0\"?><methodCall><methodName>wp.getUsersBlogs</methodName><params>"
            + "<param><value><string>\(escaped(user))</string></value></param>"
            + "<param><value><string>\(escaped(password.reveal()))</string></value></param></params></methodCall>"
        let call = APICall(
            .post, "xmlrpc.php", body: .raw(Array(body.utf8), type: "text/xml"), effect: .read, api: .plain(""))
        guard let answer = try? await api.client.call(call), case .notJSON(_, _, let words) = answer.answer else {
            return .unknown
        }
        if words.contains("isAdmin") || words.contains("blogid") { return .works }
        if words.contains("faultCode"), words.contains("403") { return .wrongPassword }
        return .unknown
    }

    private static func escaped(_ text: String) -> String {
        var out = ""
        for character in text {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            default: out.append(character)
            }
        }
        return out
    }

    private static func call(_ request: () async throws -> APIAnswer) async throws -> APIAnswer {
        do { return try await request() } catch let failure as HTTPFailure { throw failure.diagnostic }
    }
}
