// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import TicketModel
package import Transport

/// Smart Support's REST API with one key.
///
/// Which header form the key goes in and whether the site has pretty links is found out by ``connect()``.
package struct SmartSupportAPI: Sendable {
    /// The plugin's own API.
    package static let plugin = APIPath.wordPress("smart-support/v1")

    /// What carries requests.
    package var client: APIClient
    /// The other form of the key, where it may be tried.
    var other: Authentication?
    /// The zone that the migration file names.
    var zone: String?

    /// Pairs a client with what it may fall back on.
    init(client: APIClient, other: Authentication? = nil, zone: String? = nil) {
        self.client = client
        self.other = other
        self.zone = zone
    }

    /// What stands before the plugin: WordPress.
    static let wordPress = WordPressSite(
        connector: "smart-support", plugin: "Smart Support", namespace: "smart-support/v1")

    /// The site's address, without login.
    package var address: String { WordPressSite.address(of: client) }

    /// Where people see a ticket in WordPress' administration, as far as can be told.
    func page(ofTicket id: String) -> String {
        "\(WordPressSite.folder(of: client))wp-admin/admin.php?page=smart-support&ticket=\(PercentEncoding.encode(id))"
    }

    /// What the first answers told.
    struct Greeting: Sendable {
        /// The plugin's version, where it tells it.
        var version: String?
        /// The clock of the site.
        var clock: SmartSupportClock
        /// What is odd about the clock; nil for nothing.
        var warning: Diagnostic?
    }

    /// Makes sure that this is the plugin, that the key works, and which clock the site goes by.
    ///
    /// - Throws: a `Diagnostic` for everything that stands in the way.
    mutating func connect() async throws -> Greeting {
        var index: JSON?
        var answer = try await client.read(APICall(.get, "ping"))
        if answer.status == 401, answer.json != nil, let other {
            var second = client
            second.authentication = other
            let again = try await second.read(APICall(.get, "ping"))
            if again.status != 401 {
                client = second
                answer = again
            }
        }
        if answer.json == nil || answer.status == 404 {
            // What stands in the way is told by WordPress itself; it may also be that only ?rest_route= works.
            let before = client.base.usesRouteQuery
            index = try await Self.wordPress.index(&client)
            if client.base.usesRouteQuery != before {
                let greeting = try await connect()
                return greeting
            }
            if answer.status == 404 { throw Self.another(answer, said: nil) }
        }
        guard answer.isSuccess, let json = answer.json else {
            throw answer.json == nil ? answer.problem : Self.diagnostic(of: answer, client: client)
        }
        if index == nil { index = try await wordPressIndex() }
        try Self.identify(json, index: index, answer)
        let (clock, warning) = SmartSupportClock.find(
            ping: json, index: index, date: answer.fields[.date], wanted: zone, subject: answer.request)
        let data = Self.data(json)
        return Greeting(
            version: Self.text(data, ["version", "plugin_version"]), clock: clock, warning: warning)
    }

    /// The site's REST index, which names its zone; nil where it is not shown, as some security plugins have it.
    private func wordPressIndex() async throws -> JSON? {
        let answer = try await client.read(APICall(.get, "", api: .wordPress("")))
        if answer.status == 429 || answer.status >= 500 {
            throw answer.json == nil ? answer.problem : Self.diagnostic(of: answer, client: client)
        }
        return answer.isSuccess ? answer.json : nil
    }

    /// Throws where the answer is another plugin's: the namespace is used by an unrelated one (field notes).
    private static func identify(_ json: JSON, index: JSON?, _ answer: APIAnswer) throws {
        let data = data(json)
        var names: [String] = []
        for place in [data, json] {
            for key in ["plugin", "plugin_name", "name", "product", "app", "service"] {
                if let name = place[key]?.string ?? place[key]?["name"]?.string { names.append(name) }
            }
        }
        let isNamed = names.contains { name in
            name.lowercased().filter(\.isLetter).contains("smartsupport")
        }
        if !names.isEmpty, !isNamed { throw another(answer, said: names.first) }
        // Without its inside the envelope's words have to do.
        let says = json["message"]?.string?.lowercased().filter(\.isLetter).contains("smartsupport") ?? false
        let isEnvelope = json["success"]?.bool == true && (json["data"]?.isNull == false || says)
        if names.isEmpty, !isEnvelope { throw another(answer, said: nil) }
        let routes = (index?["routes"]?.members ?? []).map(\.key).filter { $0.hasPrefix("/smart-support/v1/") }
        if !routes.isEmpty, !routes.contains(where: { $0.hasPrefix("/smart-support/v1/tickets") }) {
            throw another(answer, said: names.first)
        }
    }

    private static func another(_ answer: APIAnswer, said: String?) -> Diagnostic {
        let who = said.map { ": it says that it is “\(Self.oneLine($0))”" } ?? ""
        return Diagnostic(
            code: "smart-support.other-plugin",
            "another plugin answers under smart-support/v1 on this site\(who)", subject: answer.request,
            remedy: "check `url`; install the helpdesk plugin Smart Support there and enable its REST API "
                + "(Smart Support > Settings > Advanced > API), and switch the other one off",
            cause: .refused)
    }

    // MARK: Reading

    /// Reads and demands a JSON answer of success.
    ///
    /// - Throws: a `Diagnostic` in this connector's words.
    func read(_ path: String, _ query: [(name: String, value: String)] = []) async throws -> JSON {
        let answer = try await client.read(APICall(.get, path, query: query))
        guard answer.isSuccess, let json = answer.json, json["success"]?.bool != false else {
            throw Self.diagnostic(of: answer, client: client)
        }
        return json
    }

    /// The rows of a list; an answer of unknown shape is no empty list.
    ///
    /// - Throws: a `Diagnostic` in this connector's words.
    func rows(
        _ path: String, _ query: [(name: String, value: String)], _ names: [String]
    ) async throws -> [JSON] {
        let answer = try await client.read(APICall(.get, path, query: query))
        guard answer.isSuccess, let json = answer.json, json["success"]?.bool != false,
            let rows = Self.rows(json, names)
        else { throw Self.diagnostic(of: answer, client: client) }
        return rows
    }

    /// One ticket; nil when it is gone.
    func ticket(_ id: String) async throws -> JSON? {
        let path = "tickets/\(PercentEncoding.encode(id))"
        let answer = try await client.read(APICall(.get, path))
        if answer.status == 404 || answer.status == 410, let json = answer.json, json["code"]?.string != "rest_no_route"
        {
            return nil
        }
        guard answer.isSuccess, let json = answer.json, let row = Self.row(json, ["ticket"]) else {
            throw Self.diagnostic(of: answer, client: client)
        }
        return row
    }

    /// The replies of a ticket; with `internal` asks for notes, too.
    ///
    /// - Returns: nil where the key may not ask for notes (403).
    func replies(_ id: String, notes: Bool) async throws -> [JSON]? {
        let path = "tickets/\(PercentEncoding.encode(id))/replies"
        let answer = try await client.read(
            APICall(.get, path, query: notes ? [("include_internal", "true")] : []))
        if notes, answer.status == 403, answer.json != nil { return nil }
        guard answer.isSuccess, let json = answer.json, let rows = Self.rows(json, ["replies"]) else {
            throw Self.diagnostic(of: answer, client: client)
        }
        return rows
    }
}
