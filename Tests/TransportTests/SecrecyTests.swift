// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPTypes
import Testing
import TicketModel
import Transport

@Suite("No secret in any text", .timeLimit(.minutes(1)))
struct SecrecyTests {
    static let password = "s3cr3t p4ss+w\"rd/é"
    static var forms: [String] {
        [
            password, PercentEncoding.encode(password), Data(password.utf8).base64EncodedString(),
            Data("ada:\(password)".utf8).base64EncodedString(), #"s3cr3t p4ss+w\"rd/é"#, "s3cr3t",
        ]
    }

    static let logins: [Authentication] = [
        .basic(user: "ada", Secret(password)), .bearer(Secret(password)),
        .header(HTTPField.Name("X-Api-Key")!, Secret(password)),
    ]

    @Test("a secret prints, interpolates, dumps and reflects as dots")
    func secret() {
        let secret = Secret(Self.password)
        var dumped = ""
        dump(secret, to: &dumped)
        dump(Self.logins, to: &dumped)
        let texts = ["\(secret)", String(reflecting: secret), String(describing: [secret]), "\(Self.logins)", dumped]
        for text in texts { #expect(!text.contains("s3cr3t"), "\(text)") }
        #expect(secret.reveal() == Self.password)
    }

    /// All that the client can give as text for one script.
    func texts(_ login: Authentication, _ step: Scripted.Step, path: String = "t", effect: APICall.Effect) async throws
        -> [String]
    {
        let bench = try Bench(Scripted([step]), login: login, retries: .never)
        var texts: [String] = []
        do {
            let call = APICall(
                effect == .read ? .get : .post, path, query: [("api_key", Self.password), ("page", "1")],
                body: effect == .read ? .none : .form([("password", Self.password)]))
            let answer = try await bench.client.call(call)
            texts += [answer.request, "\(answer.answer)", answer.noise ?? "", answer.problem.description]
        } catch let failure as HTTPFailure {
            texts += ["\(failure)", failure.diagnostic.description, failure.detail, failure.request ?? ""]
        }
        texts += bench.log.exchanges.map(\.line) + bench.log.exchanges.map { "\($0)" }
        return texts
    }

    @Test("errors, answers and log lines hold none, even where the server gives it back", arguments: logins)
    func outputs(login: Authentication) async throws {
        let header = login == Self.logins[0] ? "Basic " + Self.forms[3] : Self.password
        let echo = "you sent \(Self.password) as \(header) or \(PercentEncoding.encode(Self.password))"
        var steps: [Scripted.Step] = [
            .answer(200, [:], "<html><title>\(echo)</title>"), .answer(500, [:], echo),
            .answer(200, [:], "Warning: \(echo)\n{}"), .answer(200, [:], "{\"cut\":\"\(echo)"),
            .answer(302, [.location: "https://y.example/?token=\(PercentEncoding.encode(Self.password))"]),
            .answer(302, [.location: "https://y.example/\(PercentEncoding.encode(Self.password))"]),
            .answer(302, [.location: "/x?next=\(PercentEncoding.encode(Self.password))"]),
            .failure(HTTPFailure(.uncertain, .connectionLost, echo)),
        ]
        steps += HTTPFailure.Reason.allCases.map { .failure(.uncertain, $0) }
        for step in steps {
            for effect in [APICall.Effect.read, .write] {
                for text in try await texts(login, step, effect: effect) {
                    for form in Self.forms { #expect(!text.contains(form), "\(text)") }
                }
            }
        }
    }

    @Test("a log line is time, method, path, status, time taken and bytes; no fields, no bodies")
    func line() async throws {
        let bench = try Bench(Scripted([.answer(200, [:], "{\"text\":\"private words\"}")]), login: Self.logins[0])
        _ = try await bench.client.call(
            APICall(.post, "t", query: [("q", "x"), ("access_token", "abc")], body: .json(["body": "private words"])))
        #expect(
            bench.log.exchanges.map(\.line) == [
                "1994-11-06T08:49:37.000Z POST /api/t?q=x&access_token=••• 200 0 ms 24+24 B"
            ])
    }
}
