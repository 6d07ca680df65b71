// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import Testing
import TicketModel

@testable import Connectors

/// What deleting does on the real plugin, as it was measured.
@Suite struct FluentSupportDeletionTests {
    private static func rows(_ site: Site, _ table: String) async -> [JSON] {
        await site.sandbox.dump()[table]?.array ?? []
    }

    @Test func `A deleted ticket takes responses and files with it, and leaves the links to its tags`() async throws {
        let site = try await Site()
        let id = try await site.ticket()
        let file = try await site.upload("a.txt", Array("hello\nworld".utf8), ticket: id)
        try await site.ask(
            "POST", "/tickets/\(id)/responses",
            ["content": "a", "attachments": .array([file.body["attachments"]?[0] ?? .null])], as: "ada")
        try await site.ask(
            "POST", "/tickets/bulk-actions",
            ["bulk_action": "assign_tags", "ticket_ids": .array([JSON(id)]), "tag_ids": [1, 2]])
        let mails = await site.sandbox.mails().count
        let deleted = try await site.ask("DELETE", "/tickets/\(id)/delete")
        #expect(deleted.status == 200 && deleted.body["message"] == "Ticket has been deleted successfully")
        for table in ["tickets", "responses", "attachments"] {
            #expect(await Self.rows(site, table).isEmpty, "\(table)")
        }
        #expect(await Self.rows(site, "tagLinks").count == 2)
        #expect(await site.sandbox.mails().count == mails)
        let again = try await site.ask("DELETE", "/tickets/\(id)/delete")
        #expect(again.status == 404)
        #expect(
            again.body["message"]?.string == "No query results for model [FluentSupport\\App\\Models\\Ticket] \(id)")
        let bulk = try await site.ask(
            "POST", "/tickets/bulk-actions", ["bulk_action": "delete_tickets", "ticket_ids": .array([JSON(id)])])
        #expect(bulk.status == 200 && bulk.body["message"] == "0 tickets have been deleted")
    }

    @Test func `A tag goes from a ticket without moving its date, also one that is not there`() async throws {
        let later = Mutexed(0.0)
        let site = try await Site(Site.options(clock: Clock { later.value }))
        let id = try await site.ticket()
        try await site.ask("POST", "/tickets/\(id)/tags", ["tag_id": 1])
        let before = try await site.ask("GET", "/tickets/\(id)").body["ticket"]?["updated_at"]
        later.value = 60
        let first = try await site.ask("DELETE", "/tickets/\(id)/tags/1")
        #expect(first.body["tags"]?.array?.count == 1, "the answer shows the tags before")
        let second = try await site.ask("DELETE", "/tickets/\(id)/tags/1")
        #expect(second.status == 200 && second.body["tags"]?.array?.isEmpty == true)
        #expect(await Self.rows(site, "tagLinks").isEmpty)
        #expect(try await site.ask("GET", "/tickets/\(id)").body["ticket"]?["updated_at"] == before)
        #expect(try await site.ask("DELETE", "/tickets/999/tags/1").status == 404)
    }

    @Test func `A deleted customer takes their tickets with them`() async throws {
        let site = try await Site()
        let id = try await site.ticket()
        let ticket = try await site.ask("GET", "/tickets/\(id)").body["ticket"]
        let customer = try #require(ticket?["customer_id"]?.int)
        let deleted = try await site.ask("DELETE", "/customers/\(customer)")
        #expect(deleted.status == 200 && deleted.body["message"] == "Customer Deleted Successfully")
        #expect(await Self.rows(site, "tickets").isEmpty)
        #expect(try await site.ask("DELETE", "/customers/\(customer)").status == 404)
        #expect(try await site.ask("GET", "/customers/\(customer)").body["customer"]?.isNull == true)
    }

    @Test func `A product is deleted whether it is there or not`() async throws {
        let site = try await Site()
        let made = try await site.ask("POST", "/products", ["title": "Shop"])
        let id = try #require(made.body["product"]?["id"]?.int)
        for _ in 0..<2 {
            let deleted = try await site.ask("DELETE", "/products/\(id)")
            #expect(deleted.status == 200 && deleted.body["message"] == "Product has been deleted")
        }
        #expect(await Self.rows(site, "products").isEmpty)
    }
}
