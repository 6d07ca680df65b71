// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import TicketModel
internal import Transport

/// A WordPress site before a plugin's API is spoken to: finds out what stands in the way, and why a login fails.
///
/// WordPress answers every cause of a failed login with one 401; how they are told apart is in the field notes of Fluent
/// Support, section 1.
struct WordPressSite: Sendable {
    /// The connector's name, the area of its diagnostics.
    let connector: String
    /// The plugin's name for people.
    let plugin: String
    /// The namespace of its REST API: `fluent-support/v2`.
    let namespace: String

    /// The site's REST index; switches the client to `?rest_route=` where only that answers.
    ///
    /// Any login or none will do.
    /// - Throws: a `Diagnostic` for a site that is no WordPress, in maintenance, or without the plugin.
    func index(_ client: inout APIClient) async throws -> JSON {
        let call = APICall(.get, "", api: .wordPress(""))
        var answer = try await client.read(call)
        if answer.json?["namespaces"] == nil, !client.base.usesRouteQuery {
            var other = client
            other.base.usesRouteQuery = true
            let second = try await other.read(call)
            if second.json?["namespaces"] != nil {
                client = other
                answer = second
            }
        }
        guard let index = answer.json, let names = index["namespaces"]?.array else {
            throw isInMaintenance(answer) ? maintenance(answer) : answer.problem
        }
        guard names.contains(where: { $0.string == namespace }) else {
            throw make(
                "not-installed", "this WordPress site has no \(plugin) with its REST API", answer.request,
                "check `url`; install and switch on the plugin \(plugin) there")
        }
        return index
    }

    /// Why the plugin answered a login with 401: passwords switched off (the REST index tells), the header dropped on the
    /// way (the same password works in an XML-RPC body), or the password itself.
    func unauthorized(_ client: APIClient, index: JSON, request: String) async -> Diagnostic {
        let page = authorizePage(of: client)
        guard index["authentication"]?["application-passwords"] != nil else {
            return make(
                "passwords-off", "the site has WordPress's application passwords switched off (HTTP 401)", request,
                "allow application passwords: a security plugin mostly switches them off, and plain http without TLS does; then make one at \(page)"
            )
        }
        switch await xmlRPC(client) {
        case .works:
            return make(
                "header-dropped",
                "the password is right, but the site's web server drops the Authorization header (HTTP 401)", request,
                "have the web server pass it on: Apache: `CGIPassAuth On`, or `SetEnvIf Authorization \"(.*)\" HTTP_AUTHORIZATION=$1` in .htaccess"
            )
        case .wrongPassword:
            return make(
                "wrong-password",
                "\(plugin) refused the login: user name or application password is wrong (HTTP 401)", request,
                "make a new application password at \(page) and put it into the migration's secret; nothing was written"
            )
        case .unknown:
            return make(
                "unauthorized",
                "\(plugin) refused the login (HTTP 401): wrong user or password, or a web server that drops the Authorization header",
                request,
                "make a new application password at \(page); if that does not help, look whether the web server passes the Authorization header on; nothing was written"
            )
        }
    }

    /// Where an application password is approved in the browser.
    func authorizePage(of client: APIClient) -> String {
        "\(Self.folder(of: client))wp-admin/authorize-application.php?app_name=Ticketferry"
    }

    /// The site's address with a slash at its end, without a script's name.
    static func folder(of client: APIClient) -> String {
        let text = address(of: client)
        guard !text.hasSuffix("/") else { return text }
        return text.hasSuffix(".php") ? String(text[...(text.lastIndex(of: "/") ?? text.startIndex)]) : text + "/"
    }

    /// A page for the team, from the address that a user typed; nil for what is no address (`sandbox:`).
    static func adminPage(_ page: String, of typed: String) -> String? {
        guard !typed.hasPrefix("sandbox:"), var url = try? BaseURL.parse(typed, api: .wordPress("")).base.site else {
            return nil
        }
        url.query = nil
        let text = url.text
        let folder = text.hasSuffix(".php") ? String(text[...(text.lastIndex(of: "/") ?? text.startIndex)]) : text
        return folder + (folder.hasSuffix("/") ? "" : "/") + "wp-admin/" + page
    }

    /// The site's address without login and query.
    static func address(of client: APIClient) -> String {
        var url = client.base.site
        url.query = nil
        return url.text
    }

    /// What names a site as a source: host, port where it has one, and folder, whatever of it stands in the address.
    static func identity(of client: APIClient) -> String {
        let site = client.base.site
        let path = site.path.split(separator: "/").filter { !$0.hasSuffix(".php") }.joined(separator: "/")
        return site.host + (site.port.map { ":\($0)" } ?? "") + (path.isEmpty ? "" : "/\(path)")
    }

    private func isInMaintenance(_ answer: APIAnswer) -> Bool {
        guard answer.status == 503, case .notJSON(_, _, let words) = answer.answer else { return false }
        return words.lowercased().contains("maintenance")
    }

    private func maintenance(_ answer: APIAnswer) -> Diagnostic {
        Diagnostic(
            code: "\(connector).maintenance", "the site is in maintenance (HTTP 503)", subject: answer.request,
            remedy:
                "wait until its update is done, or remove a forgotten .maintenance file, then run the command again",
            cause: .unavailable)
    }

    private func make(_ code: String, _ message: String, _ request: String, _ remedy: String) -> Diagnostic {
        Diagnostic(code: "\(connector).\(code)", message, subject: request, remedy: remedy, cause: .refused)
    }

    private enum Probe {
        case works, wrongPassword, unknown
    }

    private func xmlRPC(_ client: APIClient) async -> Probe {
        guard case .basic(let user, let password) = client.authentication else { return .unknown }
        let body =
            "<?xml version=\"1.0\"?><methodCall><methodName>wp.getUsersBlogs</methodName><params>"
            + "<param><value><string>\(Self.escaped(user))</string></value></param>"
            + "<param><value><string>\(Self.escaped(password.reveal()))</string></value></param></params></methodCall>"
        let call = APICall(
            .post, "xmlrpc.php", body: .raw(Array(body.utf8), type: "text/xml"), effect: .read, api: .plain(""))
        guard let answer = try? await client.call(call), case .notJSON(_, _, let words) = answer.answer else {
            return .unknown
        }
        if words.contains("isAdmin") || words.contains("blogid") { return .works }
        if words.contains("faultCode"), words.contains("403") { return .wrongPassword }
        return .unknown
    }

    /// Text for XML and HTML: `&`, `<` and `>` escaped.
    static func escaped(_ text: String) -> String {
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
}
