// SPDX-License-Identifier: Apache-2.0
import Mapping
import Testing
import TicketModel

@testable import Migration

@Suite("Where the target keeps one name per address")
struct RequesterNamesTests {
    private func draft(_ email: String?, given: String? = nil, family: String? = nil, name: String? = nil) -> Draft {
        var ticket = Ticket(id: "1")
        ticket.requester = Person(name: name, givenName: given, familyName: family, email: email)
        return Draft(ticket: ticket)
    }

    @Test("the first ticket's name stands for all, and the others' are losses")
    func first() {
        let names = RequesterNames()
        names.learn(draft("Zoe@x.example"))
        names.learn(draft("zoe@x.example", given: "Zoë", family: "Ünal"))
        names.learn(draft("ZOE@x.example", name: "Max Doe"))
        names.learn(draft(nil, name: "Nobody"))
        var other = draft("ZOE@x.example", name: "Max Doe")
        let loss = names.settle(&other)
        #expect(loss?.field == "requester.name")
        #expect(loss?.value == "Max Doe")
        #expect(other.ticket.requester?.displayName == "Zoë Ünal")
        #expect(other.ticket.requester?.email == "ZOE@x.example")
        var same = draft("zoe@x.example", given: "Zoë", family: "Ünal")
        #expect(names.settle(&same) == nil)
        var nameless = draft("zoe@x.example")
        #expect(names.settle(&nameless) == nil)
        #expect(nameless.ticket.requester?.givenName == "Zoë")
        var addressless = draft(nil, name: "Nobody")
        #expect(names.settle(&addressless) == nil)
        #expect(addressless.ticket.requester?.displayName == "Nobody")
    }
}
