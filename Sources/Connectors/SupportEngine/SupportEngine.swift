// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import Sandbox
internal import TicketModel
internal import Transport

/// SupportEngine, the PHP helpdesk: its descriptor and how it is opened.
package enum SupportEngine {
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
            "the first ticket is read back before the second is sent; so is each kind of text and each longer one",
            "no e-mails: the API sends none",
            "nothing can be taken back: the API deletes nothing",
        ],
        deviations: [
            .init(
                check: "listing of all tickets",
                reason: "the API lists the tickets of one address: those of the file `emails`"),
            .init(check: "internal notes", reason: "the system has none; a reply is public"),
            .init(check: "authors of replies", reason: "the API keeps none: header line"),
            .init(check: "dates", reason: "the API sets none: header line and archive"),
            .init(check: "status", reason: "the API opens every ticket and closes none: archive"),
            .init(check: "files", reason: "the API takes none: archive"),
            .init(
                check: "a lost journal",
                reason:
                    "tickets are found by address alone: before each is made, its address is looked at; `--adopt` looks at those of `emails`"
            ),
            .init(
                check: "counts of requests",
                reason: "what is read back to prove the server's honesty comes on top, a few requests a run"),
            .init(check: "undo", reason: "the API deletes nothing"),
        ],
        api: SupportEngineAPI.path,
        practice: Helpdesk.Practice(
            switches: SupportEngineSandbox.switches,
            introduction: [
                "any token will do; the API is at /api/",
                "the agents ada, bruno and chiyo @lab.example, three categories, two custom fields",
            ],
            open: { try await SupportEngineSandbox.open($0) }),
        source: { context, connection in
            guard let path = context.text("emails") else {
                throw Diagnostic(
                    code: "supportengine.emails", "supportengine as a source needs `emails`", subject: context.file,
                    remedy: "name a file with the customers' addresses, one a line: the API has no list of all tickets",
                    cause: .badInput)
            }
            return SupportEngineSource(
                api: try api(context, connection),
                options: SupportEngineSource.Options(
                    addresses: try SupportEngineAddresses(path: path, column: context.text("emailsColumn")),
                    zone: try zone(context), isHTML: context.text("bodies") == "html"),
                sink: context.sink)
        },
        target: { context, connection in
            SupportEngineTarget(
                api: try api(context, connection),
                options: SupportEngineTarget.Options(
                    isHTML: context.text("bodies") == "html", hasLimits: context.text("limits") != "off",
                    acceptsChanges: context.text("changes") == "accept", category: context.text("category"),
                    addresses: try context.text("emails").map {
                        try SupportEngineAddresses(path: $0, column: context.text("emailsColumn")).all
                    } ?? [],
                    settleTime: try settleTime(context)))
        })

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
                code: "supportengine.settle", "`settle` takes whole seconds from 1 to 86400", subject: context.file,
                remedy: "leave it out (60), or write the longest time that the site's PHP may run", cause: .badInput)
        }
        return .seconds(seconds)
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
