// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import Sandbox
package import TicketModel
internal import Transport

/// Fluent Support, the WordPress plugin: its descriptor and how it is opened.
package enum FluentSupport {
    /// All of it.
    package static let helpdesk = Helpdesk(
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
            "undo deletes tickets with their responses, files and links to tags, and customers whom it made and nothing else uses",
            "undo leaves lines of the activity log, empty folders of files, and when older customers wrote last",
            "verify downloads files at the plugin's pace: some 30 a minute",
            "dates of replies and notes: no route of the API sets them; they go into the finishing file",
            "replies of third persons: only the ticket's customer and agents can write; an agent's reply names them",
            "system lines: the API writes no events; they stand in the migration note",
            "new tags and custom fields: the free plugin has no route that makes them; migration note",
            "customers without an address: one under .invalid stands for it, since the plugin demands one",
            "unassigned tickets with agents' replies: the plugin gives them to who replies first; finishing file",
            "new tickets with agents' replies: the plugin makes them active",
            "dates: finish: a ticket whose agent the finishing file takes away counts as edited by people after that",
        ],
        deviations: [],
        api: FluentSupportAPI.plugin,
        practice: Helpdesk.Practice(
            switches: [.init(FluentSupportSandbox.pro, "has the Pro add-on: tags and saved replies can be made")],
            introduction: [
                "any login will do: admin, or the agents ada, bruno and chiyo, with any password",
                "one mailbox Support, five tags, and as many tickets as --seed says",
            ],
            open: { try await FluentSupportSandbox.open($0) }),
        source: { context, connection in
            FluentSupportSource(
                api: try api(context, connection), sink: context.sink, perPage: connection.pageSize ?? 200)
        },
        target: { context, connection in
            FluentSupportTarget(
                api: try api(context, connection),
                options: FluentSupportTarget.Options(
                    mailbox: context.text("mailbox"), datesInFile: context.text("dates") == "finish",
                    staging: context.text("staging") ?? FluentSupportTarget.Options.staging(of: context.migration),
                    tablePrefix: context.text("tablePrefix") ?? "wp_", settleTime: try settleTime(context),
                    ownsStaging: context.text("staging") == nil && !context.migration.isEmpty))
        })

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

    /// The API with the logins of a migration file; nothing is sent.
    ///
    /// - Throws: a `Diagnostic` for an option that cannot hold.
    static func api(_ context: OpenContext, _ connection: Connection) throws -> FluentSupportAPI {
        guard let user = context.text("username"), let password = context.secret("password") else {
            throw Diagnostic(
                code: "fluent-support.options", "fluent-support needs `username` and `password`",
                subject: context.file, remedy: "add the missing ones to the migration file", cause: .badInput)
        }
        guard (context.text("tablePrefix") ?? "wp_").utf8.allSatisfy(\.isNameByte) else {
            throw Diagnostic(
                code: "fluent-support.table-prefix", "a table prefix has only letters, digits and underscores",
                subject: context.file,
                remedy: "copy `$table_prefix` from the site's wp-config.php", cause: .badInput)
        }
        return api(connection, user: user, password: password, agents: context.secrets("agents"))
    }

    /// The API over a connection: also to sandboxes in this process.
    package static func api(
        _ connection: Connection, user: String, password: Secret, agents: [String: Secret] = [:]
    ) -> FluentSupportAPI {
        let client = connection.client(.basic(user: user, password))
        var logins: [String: APIClient] = [:]
        for (email, secret) in agents {
            var copy = client
            // WordPress takes a user's e-mail as the user name.
            copy.authentication = .basic(user: email, secret)
            logins[email.lowercased()] = copy
        }
        return FluentSupportAPI(client: client, agents: logins)
    }
}
