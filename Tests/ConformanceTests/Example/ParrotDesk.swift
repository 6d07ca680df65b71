import HTTPTypes
import Migration
import Sandbox
import TicketModel
import Transport

// SPDX-License-Identifier: Apache-2.0
@testable import Connectors

/// A made-up HTTP helpdesk, written by the guide "Writing a connector": its descriptor and how it is opened.
///
/// Parrot Desk speaks JSON below `/api`, wants a key in a header, has public messages and private ones, takes dates and
/// authors as they are given, and knows no tags, fields or priorities.
enum ParrotDesk {
    static let helpdesk = Helpdesk(
        name: "parrot-desk",
        summary: "Parrot Desk, a helpdesk that does not exist; tickets are read and written",
        options: [
            ConnectorOption("url", "the site's address", required: true),
            ConnectorOption("key", "the API key", kind: .secret, required: true),
        ],
        features: [
            "statuses open and closed, no priorities", "notes stay notes; every author and date is kept",
            "`ref` is the key of tickets and messages", "mails are muted request by request",
            "subjects of at most 100 characters",
        ],
        deviations: [], api: .plain("api"),
        practice: Helpdesk.Practice(
            switches: [
                .init("texts-of-numbers", "ids are written as strings"),
                .init("closed-api", "the API is switched off in the settings", refuses: true),
            ],
            introduction: ["any key will do"], open: { try ParrotDeskSandbox($0) }),
        source: { context, connection in
            ParrotDeskSource(api: try api(context, connection), pageSize: connection.pageSize ?? 100)
        },
        target: { context, connection in ParrotDeskTarget(api: try api(context, connection)) })

    private static func api(_ context: OpenContext, _ connection: Connection) throws -> ParrotDeskAPI {
        guard let key = context.secret("key"), let name = HTTPField.Name("X-Parrot-Key") else {
            throw Diagnostic(
                code: "parrot-desk.options", "parrot-desk needs a `key`", subject: context.file,
                remedy: "add it to the migration file", cause: .badInput)
        }
        return ParrotDeskAPI(client: connection.client(.header(name, key)))
    }
}

/// Parrot Desk's routes, and what its answers prove.
struct ParrotDeskAPI: Sendable {
    var client: APIClient

    /// Reads; anything but JSON of success is thrown in this connector's words.
    func read(_ path: String, _ query: [(name: String, value: String)] = []) async throws -> JSON {
        let answer = try await client.read(APICall(.get, path, query: query))
        guard answer.isSuccess, let json = answer.json else { throw problem(answer) }
        return json
    }

    /// Writes; only JSON that holds what was made is understood, only the API's own 4xx proves that nothing was made.
    func write(_ path: String, _ body: JSON, makes name: String) async -> Sent {
        await client.send(APICall(.post, path, body: .json(body))) { answer in
            if answer.isSuccess, let json = answer.json, json[name]?["id"] != nil { return .understood(json) }
            if (400..<500).contains(answer.status), answer.json?["error"] != nil {
                return .refused(status: answer.status, problem(answer))
            }
            return .uncertain(problem(answer))
        }
    }

    /// An answer that was JSON and not what the document shows.
    func odd(_ what: String) -> Diagnostic {
        Diagnostic(
            code: "parrot-desk.odd-answer", "Parrot Desk's \(what) was not understood",
            subject: client.base.site.origin,
            remedy: "run the same command again; if it goes on, look for a proxy that changes answers",
            cause: .unavailable)
    }

    private func problem(_ answer: APIAnswer) -> Diagnostic {
        guard answer.status == 401 || answer.status == 403 else { return answer.problem }
        return Diagnostic(
            code: "parrot-desk.unauthorized", "Parrot Desk refused the key (HTTP \(answer.status))",
            subject: answer.request, remedy: "make a new key in Parrot Desk under Settings > API, or switch the API on",
            cause: .refused)
    }
}
