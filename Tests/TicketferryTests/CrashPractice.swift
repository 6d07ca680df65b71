// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The practice helpdesk as a process of its own, which lives on while the tool is killed.
final class Practice {
    private let running: Running
    let url: String
    private let port: UInt16

    /// Starts `ticketferry sandbox fluent-support` in the tool's folder.
    ///
    /// - Parameters:
    ///   - tool: the folder that its state lies in.
    ///   - faults: in the sandbox's words; drawn from the seed 1, always the same.
    /// - Throws: where it does not start.
    init(_ tool: Tool, faults: String? = nil) throws {
        var arguments = ["sandbox", "fluent-support", "--json", "--state", "site-\(UUID().uuidString).state"]
        if let faults { arguments += ["--faults", faults] }
        running = try tool.start(arguments)
        try running.waitForOutput("\n")
        let said = try #require(
            try JSONSerialization.jsonObject(with: Data(running.outputSoFar.utf8)) as? [String: Any])
        url = try #require(said["url"] as? String)
        port = try #require(URL(string: url)?.port.flatMap(UInt16.init(exactly:)))
    }

    /// Ends the process that this value started.
    func stop() {
        guard running.isRunning else { return }
        running.signal(SIGTERM)
        let end = Date().addingTimeInterval(5)
        while running.isRunning, Date() < end { usleep(5_000) }
        if running.isRunning { running.signal(SIGKILL) }
    }

    /// What `/_sandbox/requests` counts.
    struct Counts {
        var arrived = 0
        var committed = 0
        var answered = 0
        /// By `METHOD route`.
        var routes: [String: Int] = [:]

        /// Requests that are not reads.
        var writes: Int { routes.filter { !$0.key.hasPrefix("GET ") }.values.reduce(0, +) }
        /// Requests for which the plan counts: those of tickets, not those of mailboxes.
        var ofTickets: Int {
            routes.filter { !$0.key.hasPrefix("GET ") && !$0.key.contains("mailboxes") }.values.reduce(0, +)
        }

        /// Those since an earlier count.
        static func - (now: Counts, before: Counts) -> Counts {
            var out = Counts(
                arrived: now.arrived - before.arrived, committed: now.committed - before.committed,
                answered: now.answered - before.answered)
            for (route, count) in now.routes where count != before.routes[route] {
                out.routes[route] = count - (before.routes[route] ?? 0)
            }
            return out
        }
    }

    /// The counts since the start.
    func counts() throws -> Counts {
        let page = try page("/_sandbox/requests")
        return Counts(
            arrived: page["arrived"] as? Int ?? 0, committed: page["committed"] as? Int ?? 0,
            answered: page["answered"] as? Int ?? 0, routes: page["routes"] as? [String: Int] ?? [:])
    }

    /// How many e-mails a real site would have sent.
    func mails() throws -> Int { try #require(try page("/_sandbox/mails")["count"] as? Int) }

    /// All that the site holds.
    func site() throws -> PracticeSite { PracticeSite(try page("/_sandbox/state")) }

    /// Waits until no request is at work any more.
    func settle() throws {
        var last = try counts()
        let end = Date().addingTimeInterval(10)
        while last.arrived != last.answered, Date() < end {
            usleep(20_000)
            last = try counts()
        }
    }

    private func page(_ path: String) throws -> [String: Any] {
        let bytes = try ask("GET", path)
        return try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any])
    }

    /// Deletes a ticket, as an agent does.
    ///
    /// - Parameter id: in the helpdesk.
    /// - Throws: where it does not answer.
    func deleteTicket(_ id: String) throws { _ = try ask("DELETE", "/wp-json/fluent-support/v2/tickets/\(id)/delete") }

    /// One request over a socket of its own: no client library whose pools would outlive the test.
    private func ask(_ method: String, _ path: String) throws -> Data {
        let handle = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(handle >= 0)
        defer { close(handle) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(handle, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(connected == 0, "the practice helpdesk is gone")
        // Any login will do: `admin:any`.
        let fields = "Host: 127.0.0.1\r\nConnection: close\r\nAuthorization: Basic YWRtaW46YW55\r\n"
        let request = Array("\(method) \(path) HTTP/1.1\r\n\(fields)\r\n".utf8)
        try #require(send(handle, request, request.count, Int32(MSG_NOSIGNAL)) == request.count)
        var answer = Data()
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(handle, &buffer, buffer.count, 0)
            if count <= 0 { break }
            answer.append(contentsOf: buffer[..<count])
            if let whole = Self.body(of: answer) { return whole }
        }
        return try #require(Self.body(of: answer), "\(path) was not answered in full")
    }

    private static func body(of answer: Data) -> Data? {
        guard let head = answer.range(of: Data("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: answer[..<head.lowerBound], as: UTF8.self).lowercased()
        guard let line = lines.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix("content-length:") }),
            let length = Int(line.dropFirst("content-length:".count).filter(\.isNumber))
        else { return nil }
        let body = answer[head.upperBound...]
        return body.count >= length ? Data(body.prefix(length)) : nil
    }
}

/// What a practice site holds, told without ids, hashes and the clock: equal for equal sites however they came about.
struct PracticeSite {
    /// By the ticket's own mark, a line for each thing, in an order that does not depend on when it was written.
    let tickets: [String: [String]]
    let people: [String]
    let mailboxes: [String]
    let mails: Int
    /// All marks of tickets and messages, doubles too.
    let marks: [String]
    let files: Int

    init(_ state: [String: Any]) {
        func rows(_ name: String) -> [[String: Any]] { state[name] as? [[String: Any]] ?? [] }
        func columns(_ row: [String: Any]) -> [String: String] { row["columns"] as? [String: String] ?? [:] }
        func byID(_ name: String, _ value: ([String: Any]) -> String) -> [Int: String] {
            Dictionary(rows(name).map { ($0["id"] as? Int ?? 0, value($0)) }, uniquingKeysWith: { a, _ in a })
        }
        let persons = byID("persons") { columns($0)["email"] ?? "?" }
        let boxes = byID("mailboxes") { $0["name"] as? String ?? "?" }
        let tags = byID("tags") { $0["title"] as? String ?? "?" }
        let products = byID("products") { $0["title"] as? String ?? "?" }
        func named(_ id: Any?, _ names: [Int: String]) -> String {
            let number = (id as? Int) ?? (id as? String).flatMap { Int($0) }
            return number.map { names[$0] ?? "#\($0)" } ?? "nobody"
        }
        let responses = Dictionary(grouping: rows("responses")) { $0["ticketID"] as? Int ?? 0 }
        let links = Dictionary(grouping: rows("tagLinks")) { $0["ticketID"] as? Int ?? 0 }
        let taken = rows("attachments").filter { $0["status"] as? String == "active" }
        let attached = Dictionary(grouping: taken) { $0["ticketID"] as? Int ?? 0 }
        let marksOfResponses = byID("responses") { $0["messageID"] as? String ?? "unmarked" }
        var out: [String: [String]] = [:]
        var marks: [String] = []
        for row in rows("tickets") {
            let id = row["id"] as? Int ?? 0
            let ticket = columns(row)
            let mark = ticket["message_id"] ?? "unmarked"
            marks.append(mark)
            var lines = [
                "customer \(named(ticket["customer_id"], persons))", "agent \(named(ticket["agent_id"], persons))",
                "mailbox \(named(ticket["mailbox_id"], boxes))", "product \(named(ticket["product_id"], products))",
            ]
            for name in Self.told { lines.append("\(name) \(ticket[name] ?? "NULL")") }
            for response in responses[id] ?? [] {
                let of = response["messageID"] as? String ?? "unmarked"
                // Lines that the plugin writes itself carry no mark; how many there are depends on repeated requests.
                if response["contentHash"] == nil { continue }
                marks.append(of)
                let author = named(response["personID"], persons)
                lines.append("\(response["kind"] ?? "") \(of) by \(author): \(response["content"] ?? "")")
            }
            lines += (links[id] ?? []).map { "tag \(named($0["tagID"], tags))" }.sorted()
            lines += (attached[id] ?? []).map { file in
                let on = file["responseID"] is Int ? named(file["responseID"], marksOfResponses) : "the ticket"
                let told = ["title", "fileType", "size", "sha256"].map { "\(file[$0] ?? "")" }
                return "file \(told.joined(separator: " ")) on \(on)"
            }.sorted()
            out[mark, default: []] += lines
        }
        tickets = out
        self.marks = marks
        files = taken.count
        people = rows("persons").map { row in
            let person = columns(row)
            return ["email", "first_name", "last_name", "person_type", "user_id"].map { person[$0] ?? "NULL" }
                .joined(separator: " ")
        }.sorted()
        mailboxes = rows("mailboxes").map { row in
            let mails = row["emails"] as? [String: [String: Any]] ?? [:]
            let off = mails.filter { $0.value["status"] as? String == "no" }.keys.sorted().joined(separator: ",")
            return "\(row["name"] ?? "") off: \(off)"
        }.sorted()
        mails = rows("mails").count
    }

    /// Columns of a ticket that must not depend on how the run went, the dates among them that the API can set.
    private static let told = [
        "title", "content", "status", "priority", "client_priority", "source", "privacy", "created_at", "updated_at",
        "last_agent_response", "last_customer_response", "waiting_since", "resolved_at", "response_count",
    ]

    /// Marks that stand more than once.
    var doubles: [String] {
        Dictionary(grouping: marks) { $0 }.filter { $0.value.count > 1 || $0.key == "unmarked" }.keys.sorted()
    }

    /// In what it differs from another site; empty: equal.
    func differences(from other: PracticeSite) -> [String] {
        var out: [String] = []
        for mark in Set(tickets.keys).union(other.tickets.keys).sorted() {
            let (mine, theirs) = (tickets[mark] ?? [], other.tickets[mark] ?? [])
            if mine == theirs { continue }
            if mine.isEmpty || theirs.isEmpty {
                out.append("\(mark): \(mine.isEmpty ? "missing" : "too many")")
                continue
            }
            for line in mine where !theirs.contains(line) { out.append("\(mark): only here: \(line)") }
            for line in theirs where !mine.contains(line) { out.append("\(mark): only there: \(line)") }
            if Set(mine) == Set(theirs) { out.append("\(mark): another order or number of lines") }
        }
        if people != other.people { out.append("people: \(Set(people).symmetricDifference(other.people).sorted())") }
        if mailboxes != other.mailboxes { out.append("mailboxes: \(mailboxes) instead of \(other.mailboxes)") }
        return out
    }
}
