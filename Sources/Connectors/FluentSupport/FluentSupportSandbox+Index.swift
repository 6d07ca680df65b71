// SPDX-License-Identifier: Apache-2.0

import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// What a database would have indexes for.
    ///
    /// Made again from the tables at the start; not stored.
    struct Index: Sendable {
        /// Ids of responses by ticket, ascending.
        var responses: [Int: [Int]] = [:]
        /// Ids of tag links by ticket, ascending.
        var tagLinks: [Int: [Int]] = [:]
        /// Ids of attachments by ticket, ascending; unused uploads under their ticket too.
        var attachments: [Int: [Int]] = [:]
        /// Ids of attachments by hash.
        var files: [String: Int] = [:]
        /// Ids of persons by lower-case e-mail, ascending.
        var emails: [String: [Int]] = [:]

        init(_ state: State) {
            for response in state.responses.all { responses[response.ticketID, default: []].append(response.id) }
            for link in state.tagLinks.all { tagLinks[link.ticketID, default: []].append(link.id) }
            for attachment in state.attachments.all {
                if let ticket = attachment.ticketID { attachments[ticket, default: []].append(attachment.id) }
                files[attachment.fileHash] = attachment.id
            }
            for person in state.persons.all { emails[person.email.lowercased(), default: []].append(person.id) }
        }
    }

    // MARK: - Rows together with their indexes

    func responses(of ticket: Int) -> [Response] { (index.responses[ticket] ?? []).compactMap { state.responses[$0] } }

    func insertResponse(_ make: (Int) -> Response) -> Response {
        let response = state.responses.insert(make)
        index.responses[response.ticketID, default: []].append(response.id)
        return response
    }

    func removeResponse(_ response: Response) {
        state.responses[response.id] = nil
        index.responses[response.ticketID]?.removeAll { $0 == response.id }
    }

    func tagLinks(of ticket: Int) -> [TagLink] { (index.tagLinks[ticket] ?? []).compactMap { state.tagLinks[$0] } }

    /// Puts a tag on a ticket unless it is there; the tag need not exist.
    func link(ticket: Int, tag: Int) {
        guard !tagLinks(of: ticket).contains(where: { $0.tagID == tag }) else { return }
        let link = state.tagLinks.insert { TagLink(id: $0, ticketID: ticket, tagID: tag) }
        index.tagLinks[ticket, default: []].append(link.id)
    }

    func unlink(ticket: Int, tag: Int) {
        for link in tagLinks(of: ticket) where link.tagID == tag {
            state.tagLinks[link.id] = nil
            index.tagLinks[ticket]?.removeAll { $0 == link.id }
        }
    }

    func attachments(of ticket: Int) -> [Attachment] {
        (index.attachments[ticket] ?? []).compactMap { state.attachments[$0] }
    }

    func persons(email: String) -> [Person] {
        (index.emails[email.lowercased()] ?? []).compactMap { state.persons[$0] }
    }

    func customer(email: String) -> Person? { persons(email: email).first { $0.isCustomer } }

    func customer(_ id: Int?) -> Person? { id.flatMap { state.persons[$0] }.flatMap { $0.isCustomer ? $0 : nil } }

    func agent(_ id: Int?) -> Person? { id.flatMap { state.persons[$0] }.flatMap { $0.isAgent ? $0 : nil } }

    /// Adds a person; absent and empty columns are NULL, but an agent's title.
    func insertPerson(_ columns: [String: String], agent: Bool, permissions: [String]? = nil) -> Person {
        let now = localNow
        let hash = token(32)
        let person = state.persons.insert { id in
            var all = columns.filter { !$0.value.isEmpty || (agent && $0.key == "title") }
            all["person_type"] = agent ? "agent" : "customer"
            all["status"] = columns["status"] ?? (agent ? "active" : nil)
            all["hash"] = hash
            all["created_at"] = now
            all["updated_at"] = now
            return Person(id: id, columns: all, permissions: permissions)
        }
        index.emails[person.email.lowercased(), default: []].append(person.id)
        return person
    }
}
