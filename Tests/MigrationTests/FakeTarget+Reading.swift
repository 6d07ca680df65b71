// SPDX-License-Identifier: Apache-2.0
import Migration
import Synchronization
import TicketModel

extension FakeTarget {
    func stored(ticket: Receipt) async throws -> StoredTicket? {
        try plug.point()
        return helpdesk.state.withLock { $0.tickets.first { $0.id == ticket.id } }.map { stored in
            var opening = StoredMessage(id: stored.id, kind: .reply, text: stored.subject)
            opening.digest = WriteKey.parse(marker: stored.marker)?.digest
            let parts = stored.parts.enumerated().map { i, part in
                let marker = part.prefix { $0 != " " }
                return StoredMessage(
                    id: "\(stored.id)-\(i + 1)", digest: WriteKey.parse(marker: String(marker))?.digest, kind: .reply,
                    text: String(part.dropFirst(marker.count + 1)))
            }
            return StoredTicket(
                id: stored.id, properties: stored.properties, tags: stored.tags, messages: [opening] + parts,
                fingerprint: stored.properties["status"])
        }
    }

    func expectation(of plan: TicketPlan) async -> ExpectedTicket {
        var expected = ExpectedTicket()
        for step in plan.steps {
            switch step.verb {
            case .create, .append:
                let text = step.payload["text"]?.string ?? step.payload["subject"]?.string ?? ""
                expected.messages.append(
                    ExpectedMessage(name: step.name, digest: step.key.digest, kind: .reply, texts: [text]))
            case .set:
                if let tag = step.payload["tag"]?.string { expected.tags.insert(tag) }
                if step.name == "status" { expected.properties["status"] = step.payload["status"]?.text }
            default: break
            }
        }
        return expected
    }

    func undo(_ written: WrittenTicket, stored: StoredTicket, identity: MigrationIdentity) async -> UndoPlan {
        let ticket = written.record.id
        let create = identity.key(ticket: ticket, part: "ticket")
        return UndoPlan(
            .deleted,
            steps: [
                Step(
                    key: identity.key(ticket: ticket, part: "undo:ticket"), verb: .delete, name: "ticket",
                    needs: [create], undo: .impossible, payload: [:])
            ])
    }
}
