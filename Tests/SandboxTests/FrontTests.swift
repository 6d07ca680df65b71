// SPDX-License-Identifier: Apache-2.0

import Foundation
import Migration
import Sandbox
import Testing
import TicketModel

@testable import Connectors

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Faults, counts, observers and the server.
@Suite struct FrontTests {
    private func request(_ number: Int) -> SandboxRequest {
        SandboxRequest(
            "POST", "\(Site.api)/tickets", headers: ["content-type": "application/json"],
            body: Array(#"{"ticket":{"title":"t\#(number)","content":"c"},"newCustomer":{"email":"a@b.example"}}"#.utf8)
        )
    }

    @Test func `The grammar of faults is read, and what is wrong in it is named`() throws {
        let faults = try SandboxFaults(
            parsing:
                "429=0.05, 504-after=0.01,drop-before=0.1,drop-after=0.03,truncate=0.01,html=0.01,hold=0.02@3s,latency=20ms"
        )
        #expect(faults.rules.count == 7)
        #expect(faults.latency == .milliseconds(20))
        #expect(faults.rules.last?.fault == .hold(.seconds(3)))
        for bad in ["nonsense", "429", "429=2", "200=0.1", "hold=0.1@x", "429=0.6,502=0.6"] {
            #expect(throws: Diagnostic.self, "\(bad)") { try SandboxFaults(parsing: bad) }
        }
    }

    @Test func `The same seed gives the same faults in any order, another seed others, and about as many as asked`()
        throws
    {
        let spec = "429=0.1,drop-after=0.1"
        let faults = try SandboxFaults(parsing: spec, seed: 7)
        func all(_ faults: SandboxFaults, _ order: [Int]) -> [Int: SandboxFaults.Fault] {
            Dictionary(
                uniqueKeysWithValues: order.compactMap { n in
                    faults.fault(for: request(n), occurrence: 0).map { (n, $0) }
                })
        }
        let some = all(faults, Array(0..<2000))
        #expect(some == all(faults, Array((0..<2000).reversed())))
        #expect(some != all(try SandboxFaults(parsing: spec, seed: 8), Array(0..<2000)))
        #expect((300...500).contains(some.count))
    }

    @Test func `Faults before the work do nothing, faults after it have done all`() async throws {
        for (spec, done) in [
            ("429=1", 0), ("drop-before=1", 0), ("html=1", 0), ("504-after=1", 1), ("drop-after=1", 1),
            ("truncate=1", 1), ("html-after=1", 1),
        ] {
            let site = try await Site()
            let front = SandboxFront(site.sandbox, faults: try SandboxFaults(parsing: spec))
            let reply = await front.reply(to: request(1))
            #expect(await site.sandbox.dump()["tickets"]?.array?.count == done, "\(spec)")
            if case .answer(let response) = reply { #expect(spec.contains("html") || response.status >= 400) }
        }
    }

    @Test func `An observer holds answers back and drops connections, and counts are kept`() async throws {
        let site = try await Site()
        let moments = Mutexed<[SandboxMoment]>([])
        let front = SandboxFront(site.sandbox) { moment, _, _ in
            moments.change { $0.append(moment) }
            return moment == .committed ? .drop : .goOn
        }
        #expect(await front.reply(to: request(1)) == .dropped)
        #expect(moments.value == [.arrived, .committed])
        #expect(await front.requestCounts() == ["POST fluent-support/v2/tickets": 1])
        let page = try await front.exchange(SandboxRequest("GET", "/_sandbox/mails"))
        #expect(try JSON(parsing: page.body)["count"]?.int == 1)
    }

    @Test func `Over a socket: answers arrive, dropped and cut ones do not, state and mails are shown`() async throws {
        let site = try await Site(SandboxOptions())
        let verdict = Mutexed<Bool>(false)
        let front = SandboxFront(site.sandbox) { moment, request, _ in
            moment == .committed && request.path.hasSuffix("/me") && verdict.value ? .drop : .goOn
        }
        try await SandboxServer.serve(front) { port in
            let base = "http://127.0.0.1:\(port)"
            func get(_ path: String) async throws -> (Int, String) {
                let (status, body) = try await send(URLRequest(url: try #require(URL(string: base + path))))
                return (status, String(decoding: body, as: UTF8.self))
            }
            let index = try await get("/wp-json/")
            #expect(index.0 == 200 && index.1.contains("\(base)/wp-admin/authorize-application.php"))
            #expect(try await get("/?rest_route=/fluent-support/v2/me").0 == 200)
            #expect(try await get("/index.php?fst_file=x").1 == "File could not be found")
            verdict.value = true
            await #expect(throws: (any Error).self) { _ = try await get("\(Site.api)/me") }
            verdict.value = false
            #expect(try await get("\(Site.api)/me").0 == 200)
            #expect(try await get("/_sandbox/state").1.contains("\"tickets\""))
            var upload = URLRequest(url: try #require(URL(string: "\(base)\(Site.api)/tickets")))
            upload.httpMethod = "POST"
            upload.setValue("application/json", forHTTPHeaderField: "Content-Type")
            let long = String(repeating: "x", count: 2_200_000)
            upload.httpBody = Data(
                #"{"ticket":{"title":"t","content":"\#(long)"},"newCustomer":{"email":"a@b.example"}}"#.utf8)
            #expect(try await send(upload).0 == 200)
        }
        let cutting = SandboxFront(site.sandbox, faults: try SandboxFaults(parsing: "truncate=1"))
        try await SandboxServer.serve(cutting) { port in
            let url = try #require(URL(string: "http://127.0.0.1:\(port)\(Site.api)/me"))
            await #expect(throws: (any Error).self) { _ = try await send(URLRequest(url: url)) }
        }
    }

    private func send(_ request: URLRequest) async throws -> (Int, Data) {
        var request = request
        request.timeoutInterval = 20
        let (body, response) = try await URLSession.shared.data(for: request)
        return ((response as? HTTPURLResponse)?.statusCode ?? 0, body)
    }
}

extension FrontTests {
    @Test func `A launched sandbox says where it listens, and its port closes when it is stopped`() async throws {
        let launch = try #require(FluentSupport.helpdesk.descriptor.sandbox)
        let sandbox = try await launch(SandboxLaunch(seed: 3, faults: "latency=1ms"))
        let url = try #require(URL(string: sandbox.url + Site.api + "/tickets"))
        let running = Task { try await sandbox.run() }
        let (body, _) = try await URLSession.shared.data(from: url)
        #expect(try JSON(parsing: Array(body))["tickets"]?["total"]?.int == 3)
        await sandbox.stop()
        _ = await running.result
        await #expect(throws: (any Error).self) { _ = try await URLSession.shared.data(from: url) }
        await #expect(throws: Diagnostic.self) {
            _ = try await launch(SandboxLaunch(faults: "bad"))
        }
    }
}
