// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import Sandbox
internal import TicketModel
internal import Transport

/// Smartsupp, the chat service: its descriptor and how it is opened.
package enum Smartsupp {
    /// All of it.
    package static let helpdesk = Helpdesk(
        name: "smartsupp",
        summary: "Smartsupp (chat service), by its API v2, its account API v1 and the files of its old POST hook",
        options: [
            ConnectorOption(
                "url",
                "the API's address, or `sandbox:` for the built-in imitation; default: https://api.smartsupp.com/v2"),
            ConnectorOption("token", "the access token of the API v2; not needed with `path`", kind: .secret),
            ConnectorOption(
                "path",
                "files, folders or patterns of JSON that the old POST hook sent, one chat or many a file: read instead of the API",
                kind: .paths, side: .source),
            ConnectorOption(
                "accountUrl", "the address of the account API v1; default: the host of `url`, https://api.smartsupp.com"
            ),
            ConnectorOption(
                "apiKey", "the key of the account API v1: for users, triggers and office hours", kind: .secret),
            ConnectorOption(
                "account", "the id of the account; names the source, and is where users and triggers are"),
            ConnectorOption(
                "createAccount",
                "makes a new account for the catalogue where `account` is not given. This costs money", kind: .flag,
                side: .target),
            ConnectorOption(
                "passwords", "the file (mode 0600) that passwords of new users are written to; they are shown nowhere",
                kind: .path, side: .target),
            ConnectorOption(
                "settle",
                "seconds that Smartsupp may still work on a request whose answer got lost; default: 60",
                kind: .number, side: .target),
            ConnectorOption(
                "timezone", "the zone of times that come without one, such as Europe/Prague", side: .source),
        ],
        features: [
            "chats of the old hook's JSON files, or conversations, messages and contacts by the API v2",
            "a conversation is closed or stays open; no other status can be set",
            "ext_id is the key of conversations and messages: what got lost is found by it",
            "a customer without an address stays one without: no address is made up",
            "agents of the account, matched by e-mail, and the chat's contact write as themselves; all others as the bot, named in the line above",
            "subject, tags, custom fields and names of department, product and so on are kept in the chat's variables",
            "e-mails: whether Smartsupp mails an agent's message to a contact with an address, or an invitation to a new user, is not documented; each is counted as one mail, and nothing can be muted: such a run needs `notifications: allow` and --allow-notifications. That a contact's words, a closing and a deletion are mailed to nobody is taken for granted, which no document says either",
            "undo: no documented route deletes or marks a conversation: it is closed and stays, and so do contacts, office hours and an account; users and triggers that the account API made are deleted, a user only while no conversation names them, a trigger only while it is switched off",
            "after such an undo a lost journal cannot be rebuilt: nothing shows in Smartsupp that a conversation was taken back",
            "verify compares texts byte for byte, with their markup where answers show it",
            "the contacts are listed once before a plan, and who asks first gives a new contact its name: so requests are counted exactly, unless contacts come meanwhile",
            "catalogue: contacts as customers; users, switched-off triggers and office hours by the account API, with generated passwords in a file",
            "a delta reads the whole list of conversations (the search's filters by date are not documented) and fetches those that changed",
        ],
        deviations: [
            .init(
                check: "notes",
                reason: "the documented API writes no notes: they stay in the archive and are never sent"),
            .init(check: "dates", reason: "no date can be set: a line above each text names author and date"),
            .init(check: "attachments", reason: "no documented route takes files: they stay in the archive"),
            .init(check: "system lines", reason: "the API writes no events: they stay in the archive"),
            .init(check: "assignees, priorities, ratings", reason: "no documented route sets them: archive"),
            .init(
                check: "statuses pending and on hold",
                reason: "a conversation can only be closed: the others stay open"),
            .init(
                check: "the first text of another than the customer",
                reason: "a conversation begins with its contact's words: the line above names who wrote them"),
            .init(
                check: "plan-is-result",
                reason:
                    "where answers show a message's text alone, only they tell that its markup is gone: a loss of the run",
                switches: ["content-as-strings"]),
            .init(
                check: "plan-is-result",
                reason: "a request that is told to wait (429) is sent once more, and nobody knows before how often",
                switches: ["rate-limited"]),
            .init(
                check: "undo",
                reason: "no documented route deletes or marks a conversation: it can only be closed"),
        ],
        api: SmartsuppAPI.path,
        practice: Helpdesk.Practice(
            switches: SmartsuppSandbox.switches,
            introduction: [
                "any token and any apiKey will do, unless --login says which; account 1001",
                "the agents ada, bruno and chiyo, and as many made-up chats as --seed says",
            ],
            open: { try SmartsuppSandbox($0) }),
        defaultURL: "https://api.smartsupp.com/v2",
        source: { context, connection in
            let clock = try clock(context)
            let paths = context.list("path")
            if !paths.isEmpty {
                return SmartsuppHookSource(
                    paths: paths, clock: clock, sink: context.sink, client: connection.client(.none))
            }
            return SmartsuppSource(
                api: try api(context, connection, pageSize: connection.pageSize),
                account: try account(context, connection), clock: clock,
                accountID: context.text("account"), sink: context.sink)
        },
        target: { context, connection in
            let options = SmartsuppTarget.Options(
                settleTime: try settleTime(context), account: context.text("account"),
                createsAccount: context.flag("createAccount"), passwords: context.text("passwords"))
            return SmartsuppTarget(
                api: try api(context, connection), account: try account(context, connection), options: options)
        })

    private static func isSandbox(_ context: OpenContext) -> Bool {
        context.text("url")?.hasPrefix("sandbox:") == true
    }

    /// How long a request may go on after its answer got lost.
    private static func settleTime(_ context: OpenContext) throws -> Duration {
        // The imitation in this process dies with it: nothing of an earlier run can still be at work.
        guard context.text("settle") != nil else { return .seconds(isSandbox(context) ? 1 : 60) }
        guard let seconds = context.number("settle"), (1...86_400).contains(seconds) else {
            throw Diagnostic(
                code: "smartsupp.settle", "`settle` takes whole seconds from 1 to 86400", subject: context.file,
                remedy: "leave it out (60), or write how long Smartsupp may work on one request", cause: .badInput)
        }
        return .seconds(seconds)
    }

    private static func clock(_ context: OpenContext) throws -> SmartsuppClock {
        guard let name = context.text("timezone") ?? context.text("zone") else { return SmartsuppClock(zone: nil) }
        guard let zone = Zone.named(name) else {
            let near = Zone.nearest(to: name).map { ": did you mean \($0)?" } ?? ""
            throw Diagnostic(
                code: "smartsupp.timezone", "there is no time zone “\(name)”\(near)", subject: context.file,
                remedy: "write one such as Europe/Prague or UTC", cause: .badInput)
        }
        return SmartsuppClock(zone: zone, name: name)
    }

    /// The API v2 with the token of a migration file; nothing is sent.
    private static func api(
        _ context: OpenContext, _ connection: Connection, pageSize: Int? = nil
    ) throws -> SmartsuppAPI {
        guard let token = context.secret("token") ?? (isSandbox(context) ? Secret("sandbox") : nil) else {
            throw Diagnostic(
                code: "smartsupp.options", "smartsupp needs `token`", subject: context.file,
                remedy:
                    "make an access token in Smartsupp and add `token: ${NAME}`; files of the old hook need only `path`",
                cause: .badInput)
        }
        var api = SmartsuppAPI(client: connection.client(.bearer(token)))
        if let pageSize { api.pageSize = min(max(1, pageSize), SmartsuppAPI.searchSize) }
        return api
    }

    /// The account API, where the migration file has its key; nothing is sent.
    private static func account(_ context: OpenContext, _ connection: Connection) throws -> SmartsuppAccountAPI? {
        guard let key = context.secret("apiKey") else { return nil }
        var connection = connection
        if let url = context.text("accountUrl"), !isSandbox(context) {
            let (base, warnings) = try BaseURL.parse(url, api: .plain(""))
            for warning in warnings { context.sink.emit(warning) }
            connection.base = base
        }
        return SmartsuppAccountAPI(connection: connection, key: key)
    }
}
