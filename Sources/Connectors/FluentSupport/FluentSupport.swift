// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
package import Migration
internal import Sandbox
package import TicketModel
package import Transport

/// Fluent Support, the WordPress plugin: its descriptor and how it is opened.
package enum FluentSupport {
    /// What the registry lists.
    package static let descriptor = ConnectorDescriptor(
        name: "fluent-support",
        summary: "Fluent Support (WordPress plugin), by its REST API; tickets are read and written",
        options: [
            ConnectorOption("url", "the site's address, or `sandbox:` for the built-in imitation", required: true),
            ConnectorOption("username", "a WordPress user who is an agent, by login name or e-mail", required: true),
            ConnectorOption("password", "that user's application password", kind: .secret, required: true),
            ConnectorOption(
                "mailbox",
                "the mailbox that all tickets go to; default: the one of the ticket's mailbox's name, else the site's default",
                side: .target),
            ConnectorOption(
                "dates",
                "rest: what the API can set, the rest in the finishing file; finish: all in the finishing file, fewer requests",
                kind: .choice, side: .target, choices: ["rest", "finish"]),
            ConnectorOption(
                "agents", "application passwords of agents by e-mail: their replies are written as them",
                kind: .secrets,
                side: .target),
            ConnectorOption(
                "staging",
                "the name of the muted mailbox that tickets go through, made for this migration; default: Ticketferry staging and the migration's name",
                side: .target),
            ConnectorOption(
                "tablePrefix", "the site's database prefix, for the finishing file; default: wp_", side: .target),
            ConnectorOption(
                "settle",
                "seconds that the site may still work on a request whose answer got lost: so long a write that is not found is waited for before it is sent again; default: 60",
                kind: .number, side: .target),
        ],
        features: [
            "statuses new, active, closed; priorities normal, medium, critical",
            "notes stay notes; agents with a login of their own and the ticket's customer write as themselves",
            "tickets are born with status, assignee and times; dates are set through `property`",
            "message_id is the key of tickets and messages",
            "a muted staging mailbox, or the mute of mailboxes, given back at the end",
            "files of the types that the site accepts, 2 MB each unless it says otherwise",
            "content_hash proves each text that was stored",
        ],
        deviations: [
            .init(
                check: "dates of messages",
                reason: "no route of the API sets the date of a reply or note: finishing file"),
            .init(
                check: "replies of third persons",
                reason: "only the ticket's customer and agents can write: an agent's reply names them"),
            .init(check: "system lines", reason: "the API writes no events: they stand in the migration note"),
            .init(
                check: "new tags and custom fields",
                reason: "the free plugin has no route that makes them: migration note"),
            .init(
                check: "customers without an address",
                reason: "the plugin demands one: an undeliverable address under .invalid stands for it"),
            .init(
                check: "unassigned tickets with agents' replies",
                reason: "the plugin assigns them to who replies first and cannot be told otherwise: finishing file"),
        ],
        openSource: { context in FluentSupportSource(api: try await api(context), sink: context.sink) },
        openTarget: { context in
            FluentSupportTarget(
                api: try await api(context),
                options: FluentSupportTarget.Options(
                    mailbox: context.text("mailbox"), datesInFile: context.text("dates") == "finish",
                    staging: context.text("staging") ?? FluentSupportTarget.Options.staging(of: context.migration),
                    tablePrefix: context.text("tablePrefix") ?? "wp_", settleTime: try settleTime(context),
                    ownsStaging: context.text("staging") == nil && !context.migration.isEmpty))
        },
        sandbox: { try await FluentSupportSandbox.launch($0) })

    /// How long a request may go on after its answer got lost.
    ///
    /// - Throws: a `Diagnostic` for a number that is no time.
    private static func settleTime(_ context: OpenContext) throws -> Duration {
        guard context.text("settle") != nil else {
            // The imitation in this process dies with it: nothing of an earlier run can still be at work.
            return .seconds(context.text("url")?.hasPrefix("sandbox:") == true ? 1 : 60)
        }
        guard let seconds = context.number("settle"), (1...86_400).contains(seconds) else {
            throw Diagnostic(
                code: "fluent-support.settle", "`settle` takes whole seconds from 1 to 86400", subject: context.file,
                remedy: "leave it out (60), or write the longest time that the site's PHP may run", cause: .badInput)
        }
        return .seconds(seconds)
    }

    /// The API of the options of a migration file; nothing is sent.
    ///
    /// - Throws: a `Diagnostic` for an address or option that cannot hold.
    static func api(_ context: OpenContext) async throws -> FluentSupportAPI {
        let pacer = Pacer(PacingCurve(ceiling: context.concurrency, perMinute: context.requestsPerMinute))
        if let url = context.text("url"), url.hasPrefix("sandbox:") {
            let file = String(url.dropFirst("sandbox:".count))
            let path = file.isEmpty || file.hasPrefix("/") ? file : "\(context.folder)/\(file)"
            let sandbox = try await FluentSupportSandbox.open(SandboxOptions(state: path.isEmpty ? nil : path))
            let (base, _) = try BaseURL.parse("http://127.0.0.1", api: FluentSupportAPI.plugin)
            return api(
                base: base, user: context.text("username") ?? "admin",
                password: context.secret("password") ?? Secret("any"),
                agents: context.secrets("agents"), transport: inProcess(sandbox), pacer: pacer, log: context.log)
        }
        guard let url = context.text("url"), let user = context.text("username"),
            let password = context.secret("password")
        else {
            throw Diagnostic(
                code: "fluent-support.options", "fluent-support needs `url`, `username` and `password`",
                subject: context.file,
                remedy: "add the missing ones to the migration file", cause: .badInput)
        }
        let prefix = context.text("tablePrefix") ?? "wp_"
        guard prefix.utf8.allSatisfy(\.isNameByte) else {
            throw Diagnostic(
                code: "fluent-support.table-prefix", "a table prefix has only letters, digits and underscores",
                subject: context.file,
                remedy: "copy `$table_prefix` from the site's wp-config.php", cause: .badInput)
        }
        let (base, warnings) = try BaseURL.parse(url, api: FluentSupportAPI.plugin)
        for warning in warnings { context.sink.emit(warning) }
        return api(
            base: base, user: user, password: password, agents: context.secrets("agents"),
            transport: AsyncHTTPClientTransport(connections: context.concurrency),
            pacer: pacer, log: context.log)
    }

    /// Asks a practice site in this process.
    package static func inProcess(_ sandbox: FluentSupportSandbox) -> InProcessTransport {
        InProcessTransport { request, body in
            var headers: [String: String] = [:]
            for field in request.fields { headers[field.name.canonicalName] = field.value }
            let target = request.url.path + (request.url.query.map { "?\($0)" } ?? "")
            let answer = await sandbox.respond(
                to: Sandbox.SandboxRequest(request.method.rawValue, target: target, headers: headers, body: body))
            var fields = HTTPFields()
            for (name, value) in answer.headers {
                if let name = HTTPField.Name(name) { fields[name] = value }
            }
            return IncomingResponse(status: answer.status, fields: fields, body: answer.body)
        }
    }

    /// The API over a given transport: also for sandboxes in this process.
    package static func api(
        base: BaseURL, user: String, password: Secret, agents: [String: Secret], transport: any HTTPTransport,
        pacer: Pacer, log: @escaping @Sendable (String) -> Void = { _ in }
    ) -> FluentSupportAPI {
        let client = APIClient(
            base: base, authentication: .basic(user: user, password), transport: transport, pacer: pacer,
            version: "0.1",
            log: LineLog(line: log))
        var logins: [String: APIClient] = [:]
        for (email, secret) in agents {
            var copy = client
            // WordPress takes a user's e-mail as the user name.
            copy.authentication = .basic(user: email, secret)
            logins[email.lowercased()] = copy
        }
        return FluentSupportAPI(client: client, agents: logins)
    }

    private struct LineLog: TransportLog {
        var line: @Sendable (String) -> Void
        func record(_ exchange: LoggedExchange) { line(exchange.line) }
    }
}
