// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import Sandbox
internal import TicketModel
internal import Transport

/// KB Support, the WordPress plugin: its descriptor and how it is opened.
package enum KBSupport {
    /// All of it.
    package static let helpdesk = Helpdesk(
        name: "kb-support",
        summary:
            "KB Support (WordPress plugin), by its REST API and WordPress's XML-RPC; tickets are read and written",
        options: [
            ConnectorOption("url", "the site's address, or `sandbox:` for the built-in imitation", required: true),
            ConnectorOption(
                "username", "a WordPress administrator or support manager, by login name or e-mail", required: true),
            ConnectorOption("password", "that user's application password", kind: .secret, required: true),
            ConnectorOption(
                "xmlrpc",
                "auto: WordPress's XML-RPC is tried and used where the site allows it (who wrote replies; dates, authors, tags and silence when writing); off: never",
                kind: .choice, choices: ["auto", "off"]),
            ConnectorOption(
                "settle",
                "seconds that the site may still work on a request whose answer got lost: so long a write that is not found is waited for before it is sent again; default: 60",
                kind: .number, side: .target),
        ],
        features: [
            "statuses new, open, hold, closed and those of add-ons; no priorities",
            "each ticket sends 2 e-mails when it is made, each reply by REST 1, each closing by REST 1; by XML-RPC none; nothing of it can be muted by an API",
            "by XML-RPC: dates of tickets and replies, agents and customers with accounts as authors, tags",
            "files by WordPress's media library, of the types that WordPress takes; every one of them is public",
            "an HTML comment at the end of each text is the key of tickets and replies",
            "how verify goes: texts byte by byte, dates, tags, files by their bytes; who wrote a reply by XML-RPC alone; counted besides by XML-RPC",
            "how undo goes: by XML-RPC tickets and replies are deleted for good, without an e-mail, by REST their files and new tags; the customers that KB Support made stay and are listed, so do its own log lines; without XML-RPC tickets stay as they are, since closing them would send e-mails",
            "a delta asks for the tickets that changed last and stops at the last run's",
        ],
        deviations: [
            .init(
                check: "notes",
                reason: "no API reads or writes KB Support's notes: a WordPress export has them, none is ever written"),
            .init(
                check: "e-mails",
                reason:
                    "no API mutes KB Support: the plan counts them, and nothing is sent without --allow-notifications"),
            .init(
                check: "authors without an account",
                reason: "only WordPress accounts can be authors: a header line names everybody else"),
            .init(
                check: "dates without XML-RPC",
                reason: "REST takes no dates: the header line of replies names the time where there is one"),
            .init(
                check: "replies dated after the day of the run",
                reason: "WordPress would hide them until then: they get the time of the run"),
            .init(check: "participants and custom fields", reason: "no API sets them"),
            .init(check: "date of change", reason: "every write moves it, and none can set it"),
            .init(
                check: "customers without an address",
                reason: "the plugin demands one: an undeliverable address under .invalid stands for it"),
        ],
        api: KBSupportAPI.plugin,
        practice: Helpdesk.Practice(
            switches: KBSupportSandbox.switches,
            introduction: [
                "any login will do: admin, the manager mona, the agents ada, bruno and chiyo, the customers liwei and dana, with any password",
                "as many tickets as --seed says; 2 e-mails for each new ticket, 1 for each reply and each closing",
            ],
            open: { try await KBSupportSandbox.open($0) }),
        page: { site, id in
            Int(id).flatMap { WordPressSite.adminPage("post.php?post=\($0)&action=edit", of: site) }
        },
        source: { context, connection in
            KBSupportSource(
                api: try api(context, connection), usesXMLRPC: context.text("xmlrpc") != "off", sink: context.sink)
        },
        target: { context, connection in
            KBSupportTarget(
                api: try api(context, connection),
                options: KBSupportTarget.Options(
                    usesXMLRPC: context.text("xmlrpc") != "off", settleTime: try context.settleTime(of: "kb-support")))
        })

    /// The API with the login of a migration file; nothing is sent.
    ///
    /// - Throws: a `Diagnostic` for an option that cannot hold.
    private static func api(_ context: OpenContext, _ connection: Connection) throws -> KBSupportAPI {
        guard let user = context.text("username"), let password = context.secret("password") else {
            throw Diagnostic(
                code: "kb-support.options", "kb-support needs `username` and `password`", subject: context.file,
                remedy: "add the missing ones to the migration file", cause: .badInput)
        }
        return KBSupportAPI(client: connection.client(.basic(user: user, password)))
    }
}
