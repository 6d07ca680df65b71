// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
import Mapping
import Migration
import Sandbox
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite("Fluent Support's catalogue")
struct FluentSupportCatalogueTests {
    private static func site(_ switches: Set<String> = [], tickets: Int = 0) async throws -> FluentSupportSandbox {
        var options = SandboxOptions(tickets: tickets)
        options.switches = switches
        return try await FluentSupportSandbox.open(options)
    }

    private static func api(_ site: FluentSupportSandbox, refusing path: String? = nil) throws -> FluentSupportAPI {
        var transport: any HTTPTransport = InProcessTransport(site)
        if let path { transport = Refusing(inner: transport, path: path) }
        let (base, _) = try BaseURL.parse("http://127.0.0.1", api: FluentSupportAPI.plugin)
        return FluentSupport.api(
            Connection(base: base, transport: transport, pacer: Pacer(PacingCurve(ceiling: 8))),
            user: "admin", password: Secret("any"))
    }

    /// A source with a catalogue and one ticket that needs it.
    private struct Shop: TicketSource {
        var entries: [CatalogueEntry]
        func identity() async throws -> String? { "shop" }
        func catalogue() async throws -> [CatalogueEntry] { entries }
        func list(since: Timestamp?, after: Cursor?) async throws -> Page {
            var ticket = Ticket(id: "1")
            ticket.subject = "Where is it?"
            ticket.product = "Kettle"
            ticket.tags = ["fragile"]
            ticket.requester = Person(role: .customer, email: "zoe@x.example")
            var message = Message(kind: .reply)
            message.author = ticket.requester
            message.body = .text("It did not come.")
            ticket.messages = [message]
            return Page(stubs: [Stub(id: "1", line: CanonicalLine(ticket))], next: nil)
        }
        func fetch(_ stub: Stub) async throws -> CanonicalLine { try #require(stub.line) }
        func file(for attachment: TicketModel.Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
            .failure(FileUnavailable("none"))
        }
        func losses() async -> [Loss] { [] }
        func readReport() async -> ReadReport { ReadReport() }
    }

    private static let entries = [
        CatalogueEntry(.agent, id: "1", name: "Ada", email: "ada@lab.example"),
        CatalogueEntry(.agent, id: "2", name: "Gone", email: "gone@x.example"),
        CatalogueEntry(.customer, id: "1", name: "Zoë Ünal", email: "zoe@x.example"),
        CatalogueEntry(.customer, id: "2", name: "zoë  ünal", email: "zoe@y.example"),
        CatalogueEntry(.product, id: "1", name: "Kettle"), CatalogueEntry(.tag, id: "1", name: "fragile"),
        CatalogueEntry(.tag, id: "2", name: "VIP"),
        CatalogueEntry(.savedReply, id: "1", name: "Thanks", details: ["content": "<p>Thank you!</p>"]),
    ]

    private static func migrate(
        into site: FluentSupportSandbox, journal: MemoryJournal, creating: Set<CatalogueEntry.Kind>,
        refusing: String? = nil
    ) async throws -> (PlanSummary, RunReport) {
        var setup = MigrationSetup(
            name: "m", source: Shop(entries: entries),
            mapping: TicketMapping { ticket in
                (WriteMapping.none.draft(of: ticket, header: .standard))
            }, sink: Notes())
        setup.creating = creating
        let plan = try await Planner(setup: setup, target: FluentSupportTarget(api: api(site)), journal: journal).plan()
        let run = try await Runner(
            setup: setup, target: FluentSupportTarget(api: api(site, refusing: refusing)), journal: journal,
            options: RunOptions()
        ).migrate()
        return (plan, run)
    }

    @Test("is matched, made before the tickets where the mapping says so, once, and its lacks are listed")
    func made() async throws {
        let site = try await Self.site(["pro"])
        let journal = MemoryJournal()
        let (plan, run) = try await Self.migrate(into: site, journal: journal, creating: [.product, .tag, .savedReply])
        #expect(plan.catalogue.create == ["product Kettle", "tag fragile", "savedReply Thanks"])
        #expect(plan.catalogue.missing.map(\.value) == ["gone@x.example"])
        #expect(plan.catalogue.doubles.map { $0.map(\.email) } == [["zoe@x.example", "zoe@y.example"]])
        #expect(plan.digest == run.plan?.digest)
        #expect(run.counts.created == 1)
        #expect(run.failures.isEmpty)
        let state = await site.state
        #expect(state.products.all.map(\.title) == ["Kettle"])
        #expect(state.tags.all.map(\.title).filter { $0 == "fragile" }.count == 1)
        #expect(state.savedReplies.all.map(\.content) == ["<p>Thank you!</p>"])
        #expect(state.tickets.all.map(\.productID) == [1])
        #expect(state.tagLinks.count == 1)
        #expect(try await JournalReader(journal).status().counts.created == 1)
        let (again, second) = try await Self.migrate(
            into: site, journal: journal, creating: [.product, .tag, .savedReply])
        #expect(again.isEmpty)
        #expect(second.counts.unchanged == 1)
        #expect(again.gone.isEmpty)
        #expect(await site.state.products.count == 1)
    }

    @Test("an entry that the site refuses fails the run, the tickets still go, and the next run makes it")
    func refused() async throws {
        let site = try await Self.site(["pro"])
        let journal = MemoryJournal()
        let (_, run) = try await Self.migrate(
            into: site, journal: journal, creating: [.savedReply], refusing: "saved-replies")
        #expect(run.catalogueFailure != nil && run.exitCause == .someFailed)
        #expect(run.counts.created == 1 && run.counts.failed == 0)
        let (_, second) = try await Self.migrate(into: site, journal: journal, creating: [.savedReply])
        #expect(second.exitCause == nil)
        #expect(await site.state.savedReplies.count == 1)
    }

    @Test("an entry that the site refuses keeps none of the others away")
    func refusedFirst() async throws {
        let site = try await Self.site(["pro"])
        let journal = MemoryJournal()
        let kinds: Set<CatalogueEntry.Kind> = [.product, .tag, .savedReply]
        let (_, first) = try await Self.migrate(into: site, journal: journal, creating: kinds, refusing: "products")
        #expect(first.catalogueFailure != nil && first.exitCause == .someFailed)
        #expect(await site.state.savedReplies.count == 1)
        #expect(await site.state.products.count == 0)
        #expect(await site.state.tags.all.map(\.title).filter { $0 == "fragile" }.count == 1)
        #expect(await journal.ticket(CatalogueEntry.ticketID)?.ticket.state == .failed)
        let (_, last) = try await Self.migrate(into: site, journal: journal, creating: kinds)
        #expect(last.exitCause == nil)
        #expect(await site.state.products.count == 1)
        #expect(await site.state.tags.all.map(\.title).filter { $0 == "fragile" }.count == 1)
        #expect(await journal.ticket(CatalogueEntry.ticketID)?.ticket.state == .complete)
    }

    /// Refuses what is posted to a path.
    private struct Refusing: HTTPTransport {
        var inner: any HTTPTransport
        var path: String
        func send(
            _ request: OutgoingRequest, deadline: Duration, into sink: any ResponseSink
        ) async throws -> HTTPResponse {
            guard request.method == .post, request.url.path.hasSuffix(path) else {
                return try await inner.send(request, deadline: deadline, into: sink)
            }
            let head = HTTPResponse(status: .init(code: 422), headerFields: [.contentType: "application/json"])
            try await sink.receive(Array(#"{"message":"not that one"}"#.utf8), of: head)
            return head
        }
    }

    @Test("is only matched unless the mapping says otherwise; the free plugin makes products alone")
    func matched() async throws {
        let site = try await Self.site()
        let (plan, run) = try await Self.migrate(into: site, journal: MemoryJournal(), creating: [])
        #expect(plan.catalogue.create.isEmpty)
        #expect(plan.catalogue.missing.map(\.value) == ["gone@x.example", "Kettle", "fragile", "Thanks"])
        #expect(run.counts.created == 1)
        #expect(run.plan?.lossKinds.keys.contains { $0.field == "product" } == true)
        #expect(await site.state.products.isEmpty)
        let other = try await Self.site()
        let (free, _) = try await Self.migrate(
            into: other, journal: MemoryJournal(), creating: [.product, .tag, .savedReply])
        #expect(free.catalogue.create == ["product Kettle"])
        #expect(await other.state.products.count == 1)
    }

    @Test("is read whole, without the keys to customers' portals, and the reports agree with the listing")
    func read() async throws {
        let site = try await Self.site(["pro"], tickets: 130)
        let notes = Notes()
        let source = FluentSupportSource(api: try Self.api(site), sink: notes)
        let entries = try await source.catalogue()
        let state = await site.state
        func count(_ kind: CatalogueEntry.Kind) -> Int { entries.count { $0.kind == kind } }
        #expect(count(.agent) == 4)
        #expect(count(.customer) == state.persons.all.filter(\.isCustomer).count)
        #expect(count(.tag) == 5)
        #expect(count(.mailbox) == 1)
        #expect(count(.automaticMessage) == 1)
        #expect(!entries.contains { $0.details["hash"] != nil })
        #expect(try await source.catalogue() == entries)
        var cursor: Cursor?
        repeat { cursor = try await source.list(since: nil, after: cursor).next } while cursor != nil
        #expect(notes.all.isEmpty)
        try await source.crossCheck(listed: 3, Self.api(site))
        #expect(notes.all.map(\.code) == ["fluent-support.fewer-than-reported"])
    }
}
