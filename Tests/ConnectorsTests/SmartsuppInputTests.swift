// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPTypes
import Migration
import Sandbox
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite("Wrong inputs for Smartsupp")
struct SmartsuppInputTests {
    let logins = [
        SandboxLogin(user: "any", password: "good-token"), SandboxLogin(user: "key", password: "good-key"),
        SandboxLogin(user: "other", password: "other-token"),
    ]

    @Test(
        "a wrong token, one of another account, a wrong key, an account that is not there: each says what to do",
        arguments: [
            (["token": "wrong-token"], "smartsupp.unauthorized", ExitCause.refused),
            (["token": "other-token"], "smartsupp.forbidden", .refused),
            (["apiKey": "wrong-key", "account": "1001"], "smartsupp.account-unauthorized", .refused),
            (["apiKey": "good-key", "account": "4711"], "smartsupp.no-account", .badInput),
            (["apiKey": "other-token", "account": "1001"], "smartsupp.account-forbidden", .refused),
        ])
    func refused(given: [String: String], code: String, cause: ExitCause) async throws {
        var options: [String: OptionValue] = [:]
        for (name, value) in given { options[name] = name == "account" ? .text(value) : .secret(Secret(value)) }
        let bench = try SmartsuppBench(tickets: 2, logins: logins)
        let target = try await bench.target(options)
        let error = await #expect(throws: Diagnostic.self) { try await target.prepare(policy: nil, sink: Notes()) }
        #expect(error?.code == code && error?.cause == cause)
        #expect(error?.remedy.isEmpty == false)
        let source = try await bench.source(options)
        let other = await #expect(throws: Diagnostic.self) {
            _ = try await source.list(since: nil, after: nil)
            _ = try await source.catalogue()
        }
        #expect(other?.code == code)
        for secret in given.values where secret != "1001" && secret != "4711" {
            #expect("\(error as Any) \(other as Any) \(bench.log.all)".contains(secret) == false)
        }
    }

    @Test(
        "a good token and key are taken, with and without the API's path in the address",
        arguments: [
            "http://127.0.0.1", "http://127.0.0.1/", "http://127.0.0.1/v2", "http://127.0.0.1/v2/",
        ])
    func taken(url: String) async throws {
        let bench = try SmartsuppBench(tickets: 2, logins: logins)
        let options: [String: OptionValue] = ["apiKey": .secret(Secret("good-key")), "account": .text("1001")]
        try await bench.target(url: url, options).prepare(policy: nil, sink: Notes())
        #expect(try await bench.source(url: url, options).list(since: nil, after: nil).stubs.count == 2)
    }

    @Test("a plain http address is warned of, and the default is https")
    func unencrypted() async throws {
        let notes = Notes()
        let options: [String: OptionValue] = [
            "url": .text("http://api.smartsupp.com/v2"), "token": .secret(Secret("t-o-k-e-n")),
        ]
        let openSource = try #require(Smartsupp.helpdesk.descriptor.openSource)
        let source = try await openSource(OpenContext(options: options, folder: "/tmp", file: "test.yaml", sink: notes))
        #expect(notes.all.map(\.code) == ["url.unencrypted"])
        await source.close()
        let openTarget = try #require(Smartsupp.helpdesk.descriptor.openTarget)
        let target = try await openTarget(
            OpenContext(
                options: ["token": .secret(Secret("t-o-k-e-n"))], folder: "/tmp", file: "test.yaml", sink: notes))
        #expect(await target.address.hasPrefix("https://api.smartsupp.com/v2"))
        #expect(notes.all.count == 1)
        await target.close()
    }

    @Test(
        "options that cannot hold are refused before anything is sent",
        arguments: [
            (["url": OptionValue.text("http://127.0.0.1")], "smartsupp.options"),
            (["url": .text("sandbox:"), "settle": .text("0")], "smartsupp.settle"),
        ])
    func options(given: [String: OptionValue], code: String) async throws {
        let context = OpenContext(options: given, folder: "/tmp", file: "test.yaml", sink: Notes())
        let open = try #require(Smartsupp.helpdesk.descriptor.openTarget)
        let error = await #expect(throws: Diagnostic.self) { _ = try await open(context) }
        #expect(error?.code == code && error?.cause == .badInput)
    }

    @Test("an unknown zone is refused with the nearest known one")
    func zone() async throws {
        let context = OpenContext(
            options: ["url": .text("sandbox:"), "timezone": .text("Europe/Prag")], folder: "/tmp", file: "test.yaml",
            sink: Notes())
        let open = try #require(Smartsupp.helpdesk.descriptor.openSource)
        let error = await #expect(throws: Diagnostic.self) { _ = try await open(context) }
        #expect(error?.code == "smartsupp.timezone")
    }

    @Test("a web page or another API instead of Smartsupp's is no empty list")
    func otherSite() async throws {
        for answer in [
            SandboxResponse(
                status: 200, headers: ["Content-Type": "text/html"], body: Array("<!DOCTYPE html><html></html>".utf8)),
            SandboxResponse(json: ["hello": "world"]),
        ] {
            let bench = try SmartsuppBench(observer: { moment, request, _ in
                moment == .arrived && request.path.hasSuffix("search") ? .answer(answer) : .goOn
            })
            let source = try await bench.source()
            await #expect(throws: Diagnostic.self) { _ = try await source.list(since: nil, after: nil) }
        }
    }
}
