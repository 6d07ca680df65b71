// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Migration
internal import Sandbox
internal import TicketModel

/// A practice site: Smartsupp's API v2 and its account API v1 as the document and the field notes have them.
///
/// Nothing of the real service was measured; what is left open is a switch. Requests are handled one after another, each
/// whole: the answer leaves after its change is in the state file.
actor SmartsuppSandbox: SandboxHelpdesk {
    /// What the documents leave open.
    static let switches: [ConnectorDescriptor.PracticeSwitch] = [
        .init("content-as-strings", "messages give their content as a plain string; markup is gone"),
        .init("no-ext-id-in-answers", "answers tell no ext_id of messages"),
        .init("ids-as-numbers", "ids are numbers, contacts and visitors with the same ones"),
        .init("small-pages", "pages hold 7 rows, whatever is asked for"),
        .init("cursor-as-string", "the cursor is an opaque text instead of a list with the last row's time"),
        .init("contacts-without-email", "no contact of the made-up chats has an address"),
        .init("totals-absent", "answers do not count all rows"),
        .init("no-message-cursor", "messages come in one page of 200 at most, without a cursor"),
        .init("duplicate-on-page-boundaries", "each page begins with the last row of the one before"),
        .init("rate-limited", "every tenth request is answered with 429 and Retry-After: 1"),
        .init("camel-case", "fields are spelled createdAt instead of created_at"),
        .init("embedded-contacts", "conversations bring their contact along"),
        .init("variables-as-list", "variables are a list of key, label and value"),
        .init("unknown-fields", "all things have fields that nobody foresaw, and null ones"),
        .init("empty-answers", "closing and deleting are answered with 204 and nothing"),
    ]

    /// The account of the practice site.
    static let accountID = 1001

    var tables: SandboxTables
    let options: SandboxOptions
    private var requests = 0

    /// Opens a practice site: with a state file the one that is in it, else a new one with three agents, and as many
    /// made-up chats as the options say.
    ///
    /// - Throws: a `Diagnostic` when the state file cannot be used.
    init(_ options: SandboxOptions) throws {
        self.options = options
        tables = try SandboxTables(state: options.state)
        if tables.isEmpty {
            var made = tables
            Self.setUp(&made, now: Self.milliseconds(options.now()), fresh: options.fresh)
            SmartsuppSeed.fill(
                &made, count: options.tickets, seed: options.seed,
                hasEmails: !options.switches.contains("contacts-without-email"))
            try made.commit()
            tables = made
        }
    }

    private static func setUp(_ tables: inout SandboxTables, now: Int, fresh: Bool) {
        tables["accounts"][accountID] = ["id": JSON(accountID), "title": "Practice", "lang": "en"]
        let people = [("ada", "Ada Okafor", "admin"), ("bruno", "Bruno Díaz", "agent"), ("chiyo", "千代 Sato", "agent")]
        for (login, name, role) in fresh ? Array(people.prefix(1)) : people {
            _ = tables["agents"].insert { id in
                [
                    "id": JSON(id), "account": JSON(accountID), "role": .string(role), "fullname": .string(name),
                    "email": .string("\(login)@lab.example"), "avatar": "", "note": "",
                ]
            }
        }
        guard !fresh else { return }
        _ = tables["triggers"].insert { id in
            [
                "id": JSON(id), "account": JSON(accountID), "active": true, "name": "1st visit greeting",
                "description": "Greets who is new", "event": "onload", "only_once": true, "constraints": "all",
                "conditions": [["name": "delay_site", "value": 60]],
                "actions": [["name": "message", "agent_nick": "Support", "message": "Hello & welcome <3"]],
            ]
        }
    }

    static func milliseconds(_ date: Date) -> Int { Int((date.timeIntervalSince1970 * 1000).rounded(.down)) }

    func has(_ name: String) -> Bool { options.switches.contains(name) }

    func respond(to request: SandboxRequest) async -> SandboxResponse {
        requests += 1
        let isCurrent = request.path.hasPrefix("/v2/")
        if has("rate-limited"), requests.isMultiple(of: 10) {
            return SandboxResponse(
                status: 429,
                json: isCurrent
                    ? ["code": "too_many_requests", "message": "Too many requests"]
                    : ["error": "LimitError", "message": "Too many requests"],
                headers: ["Retry-After": "1"])
        }
        var response: SandboxResponse
        do {
            response = isCurrent ? try current(request) : try old(request)
        } catch let failure as Failure {
            response = SandboxResponse(status: failure.status, json: failure.body)
        } catch {
            response = SandboxResponse(status: 500, json: ["code": "internal", "message": .string("\(error)")])
        }
        do { try tables.commit() } catch {
            response = SandboxResponse(status: 500, json: ["code": "internal", "message": .string("\(error)")])
        }
        return response
    }

    /// Changes the tables as a test needs them; durable like a request.
    func edit(_ change: @Sendable (inout SandboxTables) -> Void) throws {
        change(&tables)
        try tables.commit()
    }

    /// Every agent's or bot's message to a contact with an address, and a word to each new user: the worst that the service
    /// may do.
    func mails() async -> [SandboxMail] {
        tables["mails"].all.map { row in
            SandboxMail(
                to: row["to"]?.string ?? "", kind: row["kind"]?.string ?? "", ticket: row["ticket"]?.int ?? 0)
        }
    }

    func dump() async -> JSON { tables.dump() }

    func close() async { tables.close() }

    nonisolated func route(of request: SandboxRequest) -> String {
        request.path.split(separator: "/").map { part in
            part.contains(where: \.isNumber) && part != "v2" ? "{id}" : String(part)
        }.joined(separator: "/")
    }

    /// An answer that is an error.
    struct Failure: Error {
        var status: Int
        var body: JSON

        static func current(_ status: Int, _ code: String, _ message: String) -> Failure {
            Failure(status: status, body: ["code": .string(code), "message": .string(message)])
        }

        static func old(_ status: Int, _ error: String, _ message: String) -> Failure {
            Failure(status: status, body: ["error": .string(error), "message": .string(message)])
        }
    }

    /// Whether a secret is one of the site's; any is where no logins were given.
    ///
    /// - Returns: nil for a wrong one, false for one of another account (the user `other`), else true.
    func admits(_ secret: String?) -> Bool? {
        guard let secret, !secret.isEmpty else { return nil }
        guard let logins = options.logins else { return true }
        guard let login = logins.first(where: { $0.password == secret }) else { return nil }
        return login.user != "other"
    }
}
