// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import Foundation
internal import Migration
internal import Sandbox
internal import TicketModel

/// A small migration with all that steps are made of, a delta after it, and what an `undo` then takes back.
///
/// Two tickets of one customer who is new, replies of customer and agent, notes, a file, tags, an assignee, a closed
/// one, what only a migration note can hold; then a ticket more, messages more and a status that changed.
struct CrashScenario: Sendable {
    /// Of the first run, then of the delta; in the order of the listing.
    let tickets: [[Ticket]]
    let catalogue: [CatalogueEntry]
    let files: [String: ResolvedFile]
    let folder: String
    /// Of all tickets.
    var ids: [String] { tickets.joined().map(\.id).reduce(into: []) { if !$0.contains($1) { $0.append($1) } } }

    /// Makes it from a seed, which says in which order tickets are listed and which words they hold.
    init(seed: UInt64) throws {
        folder = Self.root + "/ticketferry-matrix-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var files: [String: ResolvedFile] = [:]
        for name in ["first words.txt", "second words.txt"] {
            let bytes = Data("the bytes of \(name), made from \(seed)\n".utf8)
            let path = "\(folder)/\(name)"
            try bytes.write(to: URL(fileURLWithPath: path))
            files[name] = ResolvedFile(
                name: name, mediaType: "text/plain", path: path, size: bytes.count,
                sha256: SHA256.hash(data: bytes).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
                    .joined()
            )
        }
        self.files = files
        var random = SandboxRandom(seed: seed)
        let words = ["calm", "brisk", "amber", "hollow", "silver", "narrow", "early", "quiet"].shuffled(using: &random)
        let first = [Self.alpha(words), Self.beta(words), Self.gamma(words), Self.omega(words)]
        let second = [
            Self.alpha(words), Self.betaLater(words), Self.gamma(words), Self.omega(words), Self.delta(words),
        ]
        let order = first.map(\.id).shuffled(using: &random)
        func place(_ ticket: Ticket) -> Int { order.firstIndex(of: ticket.id) ?? order.count }
        tickets = [first, second].map { $0.sorted { place($0) < place($1) } }
        catalogue = [
            CatalogueEntry(.tag, id: "t1", name: "refunds and returns"),
            CatalogueEntry(.product, id: "p1", name: "Widget of the old desk"),
            CatalogueEntry(.agent, id: "a9", name: "Noor Haddad", email: "noor@new.example"),
            CatalogueEntry(.savedReply, id: "s1", name: "Thanks", details: ["content": "Thank you for your words."]),
            CatalogueEntry(.customer, id: "k9", name: "Quiet Customer", email: "quiet@cust.example"),
        ]
    }

    /// Removes its files and all that was put beside them.
    func remove() { try? FileManager.default.removeItem(atPath: folder) }

    /// Memory where there is a folder in it: what is durable there need not wait for a disk.
    private static var root: String {
        var isFolder: ObjCBool = false
        let shared = "/dev/shm"
        let isThere = FileManager.default.fileExists(atPath: shared, isDirectory: &isFolder) && isFolder.boolValue
        return isThere && FileManager.default.isWritableFile(atPath: shared) ? shared : NSTemporaryDirectory()
    }

    // MARK: Tickets

    private static let agent = Person(id: "a1", role: .agent, name: "Ada Okafor", email: "ada@lab.example")
    private static let other = Person(id: "a2", role: .agent, name: "Grace O'Hara", email: "grace@old.example")
    private static func customer(_ name: String, _ email: String) -> Person {
        Person(id: email, role: .customer, name: name, email: email)
    }
    private static let pat = customer("Pat Newcomer", "pat@cust.example")
    private static let sam = customer("Sam Second", "sam@cust.example")

    private static func ticket(_ id: String, _ subject: String, _ requester: Person, _ at: Int64) -> Ticket {
        var ticket = Ticket(id: id)
        ticket.number = "N-\(id)"
        ticket.subject = subject
        ticket.requester = requester
        ticket.createdAt = Timestamp(seconds: at)
        ticket.updatedAt = Timestamp(seconds: at + 9000)
        return ticket
    }

    private static func message(
        _ kind: Message.Kind, _ id: String, _ author: Person, _ at: Int64, _ text: String, file: String? = nil
    ) -> Message {
        var message = Message(kind: kind)
        message.id = id
        message.author = author
        message.createdAt = Timestamp(seconds: at)
        message.body = .text(kind == .note ? "\(HostileTickets.privateWord) \(text)" : text)
        if let file {
            var attachment = Attachment()
            attachment.name = file
            message.attachments = [attachment]
        }
        return message
    }

    private static func alpha(_ w: [String]) -> Ticket {
        let at: Int64 = 1_700_000_000
        var ticket = ticket("alpha", "The \(w[0]) first one", pat, at)
        ticket.status = .closed
        ticket.priority = .high
        ticket.tags = ["refunds and returns"]
        ticket.assignee = agent
        ticket.closedAt = Timestamp(seconds: at + 8000)
        ticket.customFields = ["Order number": .string("ordered \(w[7])")]
        ticket.messages = [
            message(.reply, "m1", pat, at, "alpha begins \(w[1])", file: "first words.txt"),
            message(.reply, "m2", agent, at + 60, "alpha is answered \(w[2])"),
            message(.note, "m3", agent, at + 120, "alpha is whispered about \(w[3])"),
            message(.reply, "m4", pat, at + 120, "alpha goes on \(w[4])", file: "second words.txt"),
        ]
        return ticket
    }

    private static func beta(_ w: [String]) -> Ticket {
        let at: Int64 = 1_700_100_000
        var ticket = ticket("beta", "The \(w[1]) second one", pat, at)
        ticket.status = .open
        ticket.priority = .normal
        ticket.department = "Sales of the old desk"
        ticket.messages = [
            message(.reply, "m1", pat, at, "beta begins \(w[5])"),
            message(.reply, "m2", other, at, "beta is answered by who left \(w[6])"),
        ]
        return ticket
    }

    private static func betaLater(_ w: [String]) -> Ticket {
        let at: Int64 = 1_700_200_000
        var ticket = beta(w)
        ticket.status = .closed
        ticket.updatedAt = Timestamp(seconds: at + 9000)
        ticket.messages += [
            message(.note, "m3", agent, at, "beta is whispered about later \(w[0])"),
            message(.reply, "m4", pat, at + 60, "beta goes on later \(w[1])"),
            message(.reply, "m5", agent, at + 120, "beta ends later \(w[2])"),
        ]
        return ticket
    }

    private static func gamma(_ w: [String]) -> Ticket {
        let at: Int64 = 1_700_300_000
        var ticket = ticket("gamma", "The \(w[2]) third one", sam, at)
        ticket.status = .pending
        ticket.priority = .urgent
        ticket.messages = [
            message(.reply, "m1", sam, at, "gamma begins \(w[3])"),
            message(.note, "m2", other, at + 1, "gamma is whispered about \(w[4])"),
        ]
        return ticket
    }

    /// A ticket that nobody answered, with the subject of another.
    private static func omega(_ w: [String]) -> Ticket {
        let at: Int64 = 1_700_000_000
        var ticket = ticket("omega", "The \(w[2]) third one", sam, at)
        ticket.status = .resolved
        ticket.messages = [message(.reply, "m1", sam, at, "omega begins and ends \(w[6])")]
        return ticket
    }

    private static func delta(_ w: [String]) -> Ticket {
        let at: Int64 = 1_700_400_000
        var ticket = ticket("delta", "The \(w[3]) one that came later", pat, at)
        ticket.status = .new
        ticket.tags = ["refunds and returns"]
        ticket.messages = [
            message(.reply, "m1", pat, at, "delta begins \(w[0])"),
            message(.reply, "m2", agent, at + 60, "delta is answered \(w[1])"),
        ]
        return ticket
    }
}
