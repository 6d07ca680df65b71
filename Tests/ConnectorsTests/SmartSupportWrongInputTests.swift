// SPDX-License-Identifier: Apache-2.0
import Migration
import Sandbox
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite("Wrong inputs of Smart Support")
struct SmartSupportWrongInputTests {
    @Test(
        "what stands in the way is named, with the exit code that it deserves",
        arguments: [
            ([], "bad-key-77", "smart-support.wrong-key", ExitCause.refused),
            (["bearer-only"], "bad-key-77", "smart-support.wrong-key", .refused),
            (["plugin-absent"], SmartSupportBench.key, "smart-support.not-installed", .refused),
            (["other-plugin"], SmartSupportBench.key, "smart-support.other-plugin", .refused),
            (["maintenance"], SmartSupportBench.key, "smart-support.maintenance", .unavailable),
            (["html-pages"], SmartSupportBench.key, "http.html-page", .unavailable),
        ] as [([String], String, String, ExitCause)])
    func refusals(_ switches: [String], _ key: String, _ code: String, _ cause: ExitCause) async throws {
        // A site that is out of order for a while is none of its switches.
        let page: SandboxResponse? =
            switch switches.first {
            case "maintenance":
                .html(503, "Maintenance", "Briefly unavailable for scheduled maintenance. Check back in a minute.")
            case "html-pages": .html(200, "Checking your browser", "One moment, please.")
            default: nil
            }
        let bench = try await SmartSupportBench.open(
            page == nil ? Set(switches) : [], tickets: 2,
            observer: { moment, _, _ in
                if moment == .arrived, let page { .answer(page) } else { .goOn }
            })
        let source = SmartSupportSource(api: try bench.api(key), sink: Notes())
        let reading = await #expect(throws: Diagnostic.self) { _ = try await source.list(since: nil, after: nil) }
        #expect(reading?.code == code)
        #expect(reading?.cause == cause)
        #expect(reading?.remedy.isEmpty == false)
        #expect(reading?.description.contains(key) == false)
        let target = SmartSupportTarget(api: try bench.api(key))
        let writing = await #expect(throws: Diagnostic.self) { try await target.prepare(policy: .allow, sink: Notes()) }
        #expect(writing?.code == code)
    }

    @Test(
        "warnings of PHP and a byte order mark before the JSON, a sub-folder, and both forms of the key are no trouble",
        arguments: [
            "http://127.0.0.1", "http://127.0.0.1/blog/", "http://127.0.0.1/wp-json/smart-support/v1/",
            "http://127.0.0.1/?rest_route=/",
        ])
    func fine(_ url: String) async throws {
        for switches in [["php-noise"], ["bearer-only"], ["bearer-only", "php-noise", "ping-without-time"]] {
            let bench = try await SmartSupportBench.open(Set(switches), tickets: 2)
            let source = SmartSupportSource(api: try bench.api(url: url), sink: Notes())
            #expect(try await bench.ids(source).count == 2)
        }
        let bench = try await SmartSupportBench.open(["bearer-only"])
        let fixed = SmartSupportSource(api: try bench.api(header: "x-api-key"), sink: Notes())
        let error = await #expect(throws: Diagnostic.self) { _ = try await fixed.list(since: nil, after: nil) }
        #expect(error?.code == "smart-support.wrong-key")
        let bearer = SmartSupportSource(api: try bench.api(header: "bearer"), sink: Notes())
        #expect(try await bearer.list(since: nil, after: nil).stubs.isEmpty)
    }

    @Test("plain http is warned of, and what an option cannot hold is refused")
    func options() async throws {
        let notes = Notes()
        func context(_ more: [String: OptionValue]) -> OpenContext {
            OpenContext(
                options: ["url": .text("http://help.example.com"), "apiKey": .secret(Secret("k"))].merging(more) { $1 },
                folder: "/", file: "migration.yaml", sink: notes)
        }
        let descriptor = SmartSupport.helpdesk.descriptor
        _ = try await descriptor.openSource?(context([:]))
        #expect(notes.all.contains { $0.code == "url.unencrypted" })
        for (name, value, code) in [
            ("settle", "0", "smart-support.settle"), ("submissionsPerHour", "0", "smart-support.submissions"),
        ] {
            let error = await #expect(throws: Diagnostic.self) {
                _ = try await descriptor.openTarget?(context([name: .text(value)]))
            }
            #expect(error?.code == code)
            #expect(error?.cause == .badInput)
        }
        let error = await #expect(throws: Diagnostic.self) {
            _ = try await descriptor.openSource?(context(["customers": .text("/nowhere/list.txt")]))
        }
        #expect(error?.code == "smart-support.customers")
    }

    @Test("the pre-flight names the settings that the API cannot show, once")
    func warnings() async throws {
        let bench = try await SmartSupportBench.open()
        let notes = Notes()
        let target = try bench.target()
        for _ in 0..<2 { try await target.prepare(policy: .allow, sink: notes) }
        #expect(
            notes.all.map(\.code) == [
                "smart-support.auto-assign", "smart-support.auto-close", "smart-support.user-approval",
                "smart-support.submission-limit",
            ])
    }
}

extension SandboxResponse {
    /// A page for people where JSON is asked for.
    fileprivate static func html(_ status: Int, _ title: String, _ text: String) -> SandboxResponse {
        SandboxResponse(
            status: status, headers: ["Content-Type": "text/html; charset=UTF-8"],
            body: Array("<!DOCTYPE html><html><head><title>\(title)</title></head><body>\(text)</body></html>".utf8))
    }
}
