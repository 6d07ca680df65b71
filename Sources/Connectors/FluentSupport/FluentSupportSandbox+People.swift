// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// Everything under `/customers`.
    func customers(_ call: Call, _ parts: [String]) throws -> JSON {
        try require(call, "fst_sensitive_data")
        switch (call.request.method, parts.first.flatMap { Int($0) }, parts.count) {
        case ("GET", nil, 0): return try listCustomers(call)
        case ("POST", nil, 0): return try createCustomer(call)
        case ("GET", let id?, 1):
            return ["customer": customer(id).map { shape($0) } ?? .null]
        case ("PUT", let id?, 1): return try updateCustomer(call, id)
        case ("DELETE", let id?, 1):
            guard let person = customer(id) else { throw Failure.notFound("Customer", String(id)) }
            for ticket in state.tickets.all.filter({ $0.customerID == id }) { remove(ticket) }
            state.persons[id] = nil
            index.emails[person.email.lowercased()]?.removeAll { $0 == id }
            return ["message": "Customer Deleted Successfully"]
        default: throw Failure.noRoute
        }
    }

    private func newestFirst(_ a: Person, _ b: Person) -> Bool {
        let (x, y) = (a["created_at"] ?? "", b["created_at"] ?? "")
        return x == y ? a.id < b.id : x > y
    }

    private func listCustomers(_ call: Call) throws -> JSON {
        var rows = state.persons.all.filter(\.isCustomer)
        if let search = call.field("search"), !search.isEmpty {
            let pattern = Like(search)
            let columns = ["first_name", "last_name", "email", "address_line_1", "address_line_2", "country"]
            rows = rows.filter { person in
                person.id == Int(search) || columns.contains { person[$0].map(pattern.matches) ?? false }
                    || pattern.matches(person.fullName)
            }
        }
        if let status = call.field("status"), !status.isEmpty, status != "all" {
            rows = rows.filter { $0["status"] == status }
        }
        rows.sort(by: newestFirst)
        var tickets: [Int: Int] = [:]
        for ticket in state.tickets.all { if let id = ticket.customerID { tickets[id, default: 0] += 1 } }
        let written = responsesByPerson()
        return [
            "customers": try paginate(rows, call, path: "customers", table: "wp_fs_persons", order: "") { person in
                var row = shape(person)
                row["total_tickets"] = JSON(tickets[person.id] ?? 0)
                row["total_responses"] = JSON(written[person.id]?.count ?? 0)
                return row
            }
        ]
    }

    /// What each person wrote: how much, and in how many tickets.
    private func responsesByPerson() -> [Int: (count: Int, tickets: Set<Int>)] {
        var written: [Int: (count: Int, tickets: Set<Int>)] = [:]
        for response in state.responses.all {
            written[response.personID, default: (0, [])].count += 1
            written[response.personID, default: (0, [])].tickets.insert(response.ticketID)
        }
        return written
    }

    /// The columns of a customer that a request may set.
    private static let settable = [
        "first_name", "last_name", "email", "title", "avatar", "status", "ip_address", "last_ip_address",
        "address_line_1", "address_line_2", "city", "zip", "state", "country", "note", "user_id", "description",
        "remote_uid",
    ]

    func customerColumns(_ given: JSON) -> [String: String] {
        var columns: [String: String] = [:]
        for column in Self.settable {
            if let text = given[column]?.plainText, given[column]?.phpTruth == true {
                columns[column] = Text.field(text)
            }
        }
        return columns
    }

    private func validateCustomer(_ call: Call, unique: Bool) throws {
        var problems: [JSON.Member] = []
        let email = call.field("email") ?? ""
        if email.isEmpty {
            problems.append(.init("email", ["required": "The email field is required."]))
        } else if !Self.isEmail(email) {
            problems.append(.init("email", ["email": "The email must be a valid email address."]))
        } else if unique, !persons(email: email).isEmpty {
            problems.append(.init("email", ["unique": "The email has already been taken."]))
        }
        if (call.field("first_name") ?? "").isEmpty {
            problems.append(.init("first_name", ["required": "The first name field is required."]))
        }
        if !problems.isEmpty { throw Failure(status: 422, body: .object(problems)) }
    }

    /// `POST /customers`: without a `status` the customer has none, and their portal is closed to them.
    private func createCustomer(_ call: Call) throws -> JSON {
        try validateCustomer(call, unique: true)
        let person = insertPerson(customerColumns(call.parameters), agent: false)
        return ["message": "Customer has been added", "customer": shape(person)]
    }

    /// `PUT /customers/{id}`: every field that is not sent becomes NULL, the type of the person and the hash too.
    ///
    /// A person without a type is neither customer nor agent: gone from every list, and the answer says 423.
    private func updateCustomer(_ call: Call, _ id: Int) throws -> JSON {
        try validateCustomer(call, unique: false)
        let email = call.field("email") ?? ""
        func conflict(_ message: String) -> Failure {
            Failure(
                status: 423,
                body: [
                    "message": .string(message),
                    "errors": ["email": ["unique": "Email address has been assigned to other customer"]],
                ])
        }
        guard var person = customer(id) else { throw conflict(Failure.text("Customer", String(id))) }
        if persons(email: email).contains(where: { $0.id != id && $0.isCustomer }) {
            throw conflict("Email address has been assigned to other customer")
        }
        index.emails[person.email.lowercased()]?.removeAll { $0 == id }
        var columns = customerColumns(call.parameters)
        columns["person_type"] = call.field("person_type")
        columns["hash"] = nil
        columns["created_at"] = person["created_at"]
        columns["last_response_at"] = person["last_response_at"]
        columns["updated_at"] = localNow
        person.columns = columns
        state.persons[id] = person
        index.emails[email.lowercased(), default: []].append(id)
        guard person.isCustomer else { throw conflict(Failure.text("Customer", String(id))) }
        return ["message": "Customer has been updated", "customer": shape(person)]
    }

    /// `GET /tickets/search-contact`.
    func searchContact(_ call: Call) -> JSON {
        let pattern = Like(call.field("search") ?? "")
        let found = state.persons.all.filter { person in
            person.isCustomer && (pattern.matches(person.email) || pattern.matches(person.fullName))
        }
        return ["customers": .array(found.prefix(20).map { shape($0) })]
    }

    /// Everything under `/agents`.
    func agents(_ call: Call, _ parts: [String]) throws -> JSON {
        try require(call, "fst_sensitive_data")
        switch (call.request.method, parts.first.flatMap { Int($0) }, parts.count) {
        case ("GET", nil, 0): return try listAgents(call)
        case ("POST", nil, 0): return try createAgent(call)
        case ("PUT", let id?, 1):
            guard var person = agent(id) else { throw Failure.notFound("Agent", String(id)) }
            for column in ["first_name", "last_name", "title"] { person[column] = call.field(column) }
            person.permissions = call["permissions"]?.texts ?? []
            person["updated_at"] = localNow
            state.persons[id] = person
            return ["message": "Support Staff has been updated", "agent": shape(person)]
        case ("DELETE", let id?, 1): return try deleteAgent(call, id)
        default: throw Failure.noRoute
        }
    }

    private func listAgents(_ call: Call) throws -> JSON {
        var rows = state.persons.all.filter(\.isAgent)
        if let search = call.field("search"), !search.isEmpty {
            let pattern = Like(search)
            rows = rows.filter { pattern.matches($0.email) || pattern.matches($0.fullName) }
        }
        rows.sort(by: newestFirst)
        let written = responsesByPerson()
        let page = try paginate(rows, call, path: "agents", table: "wp_fs_persons", order: "") { person in
            var row = shape(person)
            let administrator = person.userID.flatMap { state.users[$0] }?.isAdministrator == true
            let permissions = administrator ? Self.allPermissions : person.permissions ?? []
            row["permissions"] = .array(permissions.map { .string($0) })
            if let user = person.userID {
                row["user_profile"] = .string("\(call.site)/wp-admin/user-edit.php?user_id=\(user)")
            }
            row["replies_count"] = JSON(written[person.id]?.count ?? 0)
            row["interactions_count"] = JSON(written[person.id]?.tickets.count ?? 0)
            for key in ["telegram_chat_id", "slack_user_id", "whatsapp_number"] { row[key] = "" }
            let restricted = person.restricted ?? []
            row["restrictions"] = [
                "restrictedBusinessBoxes": .array(restricted.map { JSON($0) }),
                "businessBoxRestrictions": .bool(!restricted.isEmpty),
            ]
            return row
        }
        return [
            "agents": page, "permissions": [:],
            "businessBoxes": .array(state.mailboxes.all.map { ["id": JSON($0.id), "name": .string($0.name)] }),
        ]
    }

    /// `POST /agents`: needs a WordPress user with that address, and no person who has it.
    private func createAgent(_ call: Call) throws -> JSON {
        let email = call.field("email") ?? ""
        guard !email.isEmpty else { throw Failure.invalid("email", "required", "Email is required") }
        guard let user = state.users.all.first(where: { $0.email.lowercased() == email.lowercased() }) else {
            throw Failure.message("Sorry, Connected user could not be found with the provided email address")
        }
        guard persons(email: email).isEmpty else {
            throw Failure.message(
                "Sorry, Another agent/person exist with the same email address. Please use a different email address")
        }
        var columns = ["email": email, "title": call.field("title") ?? "", "user_id": String(user.id)]
        columns["first_name"] = call.field("first_name").flatMap { $0.isEmpty ? nil : $0 } ?? user.firstName
        columns["last_name"] = call.field("last_name").flatMap { $0.isEmpty ? nil : $0 } ?? user.lastName
        let person = insertPerson(columns, agent: true, permissions: call["permissions"]?.texts ?? [])
        return ["message": "Support Staff has been added", "agent": shape(person)]
    }

    private func deleteAgent(_ call: Call, _ id: Int) throws -> JSON {
        let fallback = call.int("fallback_agent_id")
        if fallback == id { throw Failure.message("Old Agent and New agent is same person") }
        guard let person = agent(id) else { throw Failure.message(Failure.text("Agent", String(id))) }
        guard agent(fallback) != nil else { throw Failure.message("Fallback agent could not be found") }
        for var response in Array(state.responses.all) where response.personID == id {
            response.personID = fallback
            state.responses[response.id] = response
        }
        for var ticket in Array(state.tickets.all) where ticket.agentID == id {
            ticket["agent_id"] = String(fallback)
            ticket["updated_at"] = localNow
            state.tickets[ticket.id] = ticket
        }
        state.persons[id] = nil
        index.emails[person.email.lowercased()]?.removeAll { $0 == id }
        return ["message": "Support Staff has been deleted"]
    }
}
