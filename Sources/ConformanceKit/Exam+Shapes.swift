// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import TicketModel
internal import Transport

extension Exam {
    private static let unknown = "ferryUnknownMember"

    func unknownFields() async throws -> [String] {
        try await onSite(tickets: 5) { site in
            let usual = try await site.readAll().mapValues(Self.withoutExtras)
            let found = try await site.readAll(
                ExamSite.Opening { request, _, next in
                    Self.changingJSON(try await next(request)) { json in
                        if case .object(let members) = json {
                            let more = JSON.Member(Self.unknown, ["a": [1, .null], "b": "c"])
                            return .object(members + [more])
                        }
                        return json
                    }
                })
            return Self.differences(try found.mapValues(Self.withoutExtras), usual, "with unknown members")
        }
    }

    func looseTypes() async throws -> [String] {
        try await onSite(tickets: 5) { site in
            let usual = try await site.readAll().mapValues(Self.withoutExtras)
            var out: [String] = []
            let asText = try await site.readAll(
                ExamSite.Opening { request, _, next in
                    Self.changingJSON(try await next(request)) { json in
                        if case .number(let text) = json { return .string(text) }
                        return json
                    }
                })
            out += Self.differences(try asText.mapValues(Self.withoutExtras), usual, "numbers as strings")
            let asNumber = try await site.readAll(
                ExamSite.Opening { request, _, next in
                    Self.changingJSON(try await next(request)) { json in
                        guard case .string(let text) = json, let number = Int(text), String(number) == text else {
                            return json
                        }
                        return .number(text)
                    }
                })
            out += Self.differences(try asNumber.mapValues(Self.withoutExtras), usual, "strings as numbers")
            return out
        }
    }

    /// Takes each member of the answers away, one name at a time, and sets it to null.
    func absentFields() async throws -> [String] {
        try await onSite(tickets: 2) { site in
            let names = ExamNotes(Set<String>())
            let usual = try await site.readAll(
                ExamSite.Opening { request, _, next in
                    let answer = try await next(request)
                    if let json = try? JSON(parsing: answer.body) {
                        let found = Self.memberNames(json)
                        names.change { $0.formUnion(found) }
                    }
                    return answer
                }
            ).mapValues { try $0.ticket() }
            var out: [String] = []
            for name in names.value.sorted() where !name.contains("/") {
                // What stays is told at once: no need to try again and again.
                let retries = RetryPolicy(attempts: 1)
                let absent = try await attempt(
                    site,
                    ExamSite.Opening(retries: retries) { request, _, next in
                        Self.changingJSON(try await next(request), with: name) { json in
                            guard case .object(let members) = json else { return json }
                            return .object(members.filter { $0.key != name })
                        }
                    })
                let null = try await attempt(
                    site,
                    ExamSite.Opening(retries: retries) { request, _, next in
                        Self.changingJSON(try await next(request), with: name) { json in
                            guard case .object(let members) = json else { return json }
                            return .object(members.map { $0.key == name ? JSON.Member(name, .null) : $0 })
                        }
                    })
                switch (absent, null) {
                case (.success(let a), .success(let b)):
                    out += Self.differences(b, a, "`\(name)`: null is not as absent")
                    for (id, line) in a { out += Self.inventions(try line.ticket(), usual[id], without: name) }
                case (.failure, .failure): break
                case (.success, .failure(let why)): out.append("`\(name)`: absent reads, null does not: \(why)")
                case (.failure(let why), .success): out.append("`\(name)`: null reads, absent does not: \(why)")
                }
            }
            return out
        }
    }

    /// Times that were not there, and private messages that are public.
    private static func inventions(_ found: Ticket, _ usual: Ticket?, without name: String) -> [String] {
        guard let usual else { return [] }
        var out: [String] = []
        let known =
            ([usual.createdAt, usual.updatedAt, usual.resolvedAt, usual.closedAt] + usual.messages.map(\.createdAt))
            .compactMap { $0?.seconds }
        let now =
            [found.createdAt, found.updatedAt, found.resolvedAt, found.closedAt] + found.messages.map(\.createdAt)
        for time in now.compactMap(\.self) {
            // Without the site's zone, its offset is what is left to go by.
            let isTold = known.contains { ($0 - time.seconds) % 900 == 0 && abs($0 - time.seconds) <= 14 * 3600 }
            if !isTold { out.append("without `\(name)`, ticket \(found.id) has the time \(time) that nobody told") }
        }
        let hidden = Set(usual.messages.filter { $0.kind != .reply }.compactMap(\.id))
        for message in found.messages where message.kind == .reply && message.id.map(hidden.contains) == true {
            out.append("without `\(name)`, the private message \(message.id ?? "") of ticket \(found.id) is public")
        }
        return out
    }

    // MARK: JSON

    /// An answer whose JSON is changed from its leaves up; other answers as they are.
    ///
    /// With a name, answers in which it does not stand are left as they are.
    static func changingJSON(
        _ answer: IncomingResponse, with name: String? = nil, _ change: (JSON) -> JSON
    ) -> IncomingResponse {
        if let name, answer.body.firstRange(of: Array("\"\(name)\"".utf8)) == nil { return answer }
        guard let json = try? JSON(parsing: answer.body) else { return answer }
        var answer = answer
        answer.body = changed(json, change).canonicalBytes()
        return answer
    }

    private static func changed(_ json: JSON, _ change: (JSON) -> JSON) -> JSON {
        switch json {
        case .array(let all): change(.array(all.map { changed($0, change) }))
        case .object(let members): change(.object(members.map { JSON.Member($0.key, changed($0.value, change)) }))
        default: change(json)
        }
    }

    private static func memberNames(_ json: JSON) -> Set<String> {
        switch json {
        case .array(let all): all.reduce(into: []) { $0.formUnion(memberNames($1)) }
        case .object(let members):
            members.reduce(into: []) {
                $0.insert($1.key)
                $0.formUnion(memberNames($1.value))
            }
        default: []
        }
    }

    /// Extras hold answers as they are; a map of fields has the unknown member as one more.
    private static func withoutExtras(_ line: CanonicalLine) throws -> CanonicalLine {
        var ticket = try line.ticket()
        ticket.extras = []
        ticket.customFields = ticket.customFields.filter { !$0.key.contains(unknown) }
        for i in ticket.messages.indices { ticket.messages[i].extras = [] }
        return CanonicalLine(ticket)
    }
}
