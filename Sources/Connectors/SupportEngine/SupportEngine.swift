// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import Sandbox
internal import TicketModel
internal import Transport

/// SupportEngine, the PHP helpdesk: its descriptor and how it is opened.
package enum SupportEngine {
    /// What a server with an old connection to its database does to texts.
    private static let noEmoji =
        "a server whose database connection has no emoji answers 500 to a text with one, and nothing tells it before: such tickets fail one by one"

    /// All of it.
    package static let helpdesk = Helpdesk(
        name: "supportengine",
        summary: "SupportEngine, by its API: the tickets of a list of addresses are read, tickets and replies written",
        options: [
            ConnectorOption(
                "url", "the site's address, with or without /api, or `sandbox:` for the built-in imitation",
                required: true),
            ConnectorOption("token", "the API token of SupportEngine's settings", kind: .secret, required: true),
            ConnectorOption(
                "emails",
                "the customers' addresses: a file with one a line, a CSV (`emailsColumn`) or a NAME.catalogue.jsonl; a source must have it, since there is no list of all tickets; a target looks there for what a lost journal forgot",
                kind: .path),
            ConnectorOption(
                "addresses",
                "the customers' addresses themselves, where they are few: separated by commas, or one a line; beside `emails` or in its place"
            ),
            ConnectorOption("emailsColumn", "the column of the addresses, where `emails` is a CSV"),
            ConnectorOption(
                "bodies", "what the texts of this helpdesk are: plain text, or HTML", kind: .choice,
                choices: ["text", "html"]),
            ConnectorOption(
                "category", "the category of tickets whose department is none of SupportEngine's; default: none",
                side: .target),
            ConnectorOption(
                "limits",
                "standard: 255 characters in a line, 65535 bytes in a text, longer texts go on in replies; off: the server's columns are larger",
                kind: .choice, side: .target, choices: ["standard", "off"]),
            ConnectorOption(
                "changes",
                "stop: the run ends when the server stores a text otherwise than it was sent; accept: such changes are losses",
                kind: .choice, side: .target, choices: ["stop", "accept"]),
            ConnectorOption(
                "settle",
                "seconds that the server may still work on a request whose answer got lost; default: 60",
                kind: .number, side: .target),
        ],
        features: [
            "reads the tickets of each address of a file: texts, replies, custom fields by name, categories where the server tells them",
            "an address that gives nothing is listed; a ticket that several addresses show comes once",
            "times have no zone in the API: a source needs `zone:`",
            "replies come without authors, agents' with the number alone; there are no notes",
            "writes subject, text, customer, company, category, priority (low, medium, high), custom fields and replies",
            "author and date of each message stand in a line above it; the last line of each is our mark, `[ferry-…]`",
            "a note is never written: it stays in the archive",
            "status, dates, files, tags and assignees have no place in the API: the archive keeps them",
            "the first ticket is read back before the second is sent; so is each kind of text and each longer one",
            "no e-mails: the API sends none",
            "a lost journal: an address is looked at before a ticket is made for it; `--adopt` looks at those of `emails` and `addresses`, and without them takes tickets over one by one",
            "how verify goes: a view of each ticket, texts and properties byte by byte; neither dates nor replies' authors, which the server does not keep; no count besides the lists",
            "how undo goes: nothing can be taken back, since the API neither deletes nor closes; the tickets are listed, and stay",
        ],
        deviations: [
            .init(
                check: "plan-is-result",
                reason:
                    "what is read back to prove that the server keeps its texts comes on top of the plan's requests: the first ticket, each new kind of text, each longer one; no mails, and nothing is changed by it"
            ),
            .init(check: "round-trip", reason: noEmoji, switches: ["utf8mb3"]),
            .init(check: "lost-after", reason: noEmoji, switches: ["utf8mb3"]),
        ],
        api: SupportEngineAPI.path,
        practice: Helpdesk.Practice(
            switches: SupportEngineSandbox.switches,
            introduction: [
                "any token will do; the API is at /api/",
                "the agents ada, bruno and chiyo @lab.example, three categories, two custom fields",
            ],
            tellsZone: false,
            options: { customers in ["addresses": .text(customers.map { "\($0)\n" }.joined())] },
            open: { try await SupportEngineSandbox.open($0) }),
        source: { context, connection in
            let addresses = try addresses(context)
            guard !addresses.all.isEmpty else {
                throw Diagnostic(
                    code: "supportengine.emails", "supportengine as a source needs `emails`", subject: context.file,
                    remedy:
                        "name a file with the customers' addresses, one a line, or write them as `addresses`: the API has no list of all tickets",
                    cause: .badInput)
            }
            return SupportEngineSource(
                api: try api(context, connection),
                options: SupportEngineSource.Options(
                    addresses: addresses, zone: try zone(context), isHTML: context.text("bodies") == "html",
                    perPage: max(1, connection.pageSize ?? 32)),
                sink: context.sink)
        },
        target: { context, connection in
            SupportEngineTarget(
                api: try api(context, connection),
                options: SupportEngineTarget.Options(
                    isHTML: context.text("bodies") == "html", hasLimits: context.text("limits") != "off",
                    acceptsChanges: context.text("changes") == "accept", category: context.text("category"),
                    addresses: try addresses(context).all, settleTime: try context.settleTime(of: "supportengine")))
        })

    /// The addresses of a migration file: those of the file `emails`, then those of `addresses`.
    ///
    /// - Throws: a `Diagnostic` for a file that cannot be used.
    private static func addresses(_ context: OpenContext) throws -> SupportEngineAddresses {
        let file = try context.text("emails").map {
            try SupportEngineAddresses(path: $0, column: context.text("emailsColumn")).all
        }
        let text = context.text("addresses") ?? ""
        let isLines = text.contains(where: \.isNewline)
        let own = text.split { isLines ? $0.isNewline : $0 == "," }.map(String.init)
        return SupportEngineAddresses((file ?? []) + own)
    }

    /// The zone of the server's clock; nil where the migration does not say.
    ///
    /// - Throws: a `Diagnostic` for a name that nobody knows.
    private static func zone(_ context: OpenContext) throws -> Zone? {
        guard let name = context.text("zone") else { return nil }
        guard let zone = Zone.named(name) else {
            throw Diagnostic(
                code: "supportengine.zone", "there is no time zone `\(name)`", subject: context.file,
                remedy: Zone.nearest(to: name).map { "did you mean \($0)?" }
                    ?? "name one of the tz database, such as Europe/Berlin", cause: .badInput)
        }
        return zone
    }

    /// The API with the token of a migration file; nothing is sent.
    ///
    /// - Throws: a `Diagnostic` where there is none.
    private static func api(_ context: OpenContext, _ connection: Connection) throws -> SupportEngineAPI {
        guard let token = context.secret("token") else {
            throw Diagnostic(
                code: "supportengine.options", "supportengine needs `token`", subject: context.file,
                remedy: "add the API token of SupportEngine's settings to the migration file", cause: .badInput)
        }
        return SupportEngineAPI(client: connection.client(.bearer(token)))
    }
}
