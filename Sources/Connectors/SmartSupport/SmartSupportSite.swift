// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import TicketModel

/// What is known of a site after its pre-flight: all that planning needs, so that it needs no requests.
///
/// Agents, departments and products have no look-up route (field notes): they are those of the migration file and of the
/// tickets that the site has.
struct SmartSupportSite: Sendable {
    /// A department or product.
    struct Named: Hashable, Sendable {
        var name: String
        var id: String?
        var slug: String?

        init(name: String, id: String? = nil, slug: String? = nil) {
            self.name = name
            self.id = id
            self.slug = slug
        }
    }

    var clock = SmartSupportClock(zone: .init(name: "UTC", offset: 0), isFixed: true)
    /// Ids by address in lower case; nil for an agent whose id is not known.
    var agents: [String: String?] = [:]
    /// The address of the agent who writes notes and what nobody else can.
    var service: String?
    var departments: [Named] = []
    var products: [Named] = []
    /// Whether the departments are all that there are: a refusal told them.
    var hasAllDepartments = false
    /// Addresses of customers who have tickets there, in lower case: none of them is welcomed again.
    var customers: Set<String> = []
    var policy = NotificationPolicy.refuse
    /// False once a note was refused.
    var takesNotes = true
    /// What a request of the pre-flight took on average.
    var requestTime = Duration.milliseconds(100)

    static let statuses = ["new", "open", "closed", "delayed"]
    static let priorities = ["low", "medium", "high", "urgent"]

    func isAgent(_ email: String?) -> Bool { email.map { agents[$0.lowercased()] != nil } ?? false }

    /// The id of an agent; nil where it is not known.
    func agentID(_ email: String) -> String? { agents[email.lowercased()] ?? nil }

    /// A department or product by its exact name, its slug or id, else by its name in any case.
    static func find(_ text: String, in all: [Named]) -> Named? {
        all.first { $0.name == text } ?? all.first { $0.slug == text } ?? all.first { $0.id == text }
            ?? all.first { $0.name.lowercased() == text.lowercased() }
    }

    /// The names of a list, for people.
    static func list(_ all: [Named]) -> String {
        all.isEmpty ? "none" : all.map(\.name).sorted().joined(separator: ", ")
    }

    /// Adds what is not there yet, and ids and slugs that were not known.
    static func learn(_ new: Named, into all: inout [Named]) {
        guard let i = all.firstIndex(where: { $0.name == new.name || ($0.id != nil && $0.id == new.id) }) else {
            all.append(new)
            return
        }
        all[i].id = all[i].id ?? new.id
        all[i].slug = all[i].slug ?? new.slug
    }

    /// Reads `Support=1, Billing`.
    static func pairs(_ text: String) -> [Named] {
        text.split(separator: ",").compactMap { part in
            let halves = part.split(separator: "=", omittingEmptySubsequences: false).map(\.trimmingBlanks)
            guard let last = halves.last else { return nil }
            if halves.count > 1, Int(last) != nil {
                return Named(name: halves.dropLast().joined(separator: "="), id: last)
            }
            let name = part.trimmingBlanks
            return name.isEmpty ? nil : Named(name: name)
        }
    }

    /// Takes agents, departments, products and customers out of a ticket of the site.
    mutating func learn(from row: JSON) {
        let ticket = SmartSupportTicketReader(clock: clock).ticket(row, replies: [])
        if let email = ticket.requester?.email { customers.insert(email.lowercased()) }
        if let email = ticket.assignee?.email?.lowercased(), agents[email] == nil || agentID(email) == nil {
            agents[email] = .some(ticket.assignee?.id)
        }
        func named(_ kind: String, _ name: String?) -> Named? {
            guard let name else { return nil }
            let id = row["\(kind)_id"]?.text ?? row[kind].flatMap { SmartSupportAPI.id($0, kind) }
            return Named(
                name: name, id: id, slug: row["\(kind)_slug"]?.string ?? row[kind]?["slug"]?.string)
        }
        if let one = named("department", ticket.department) { Self.learn(one, into: &departments) }
        if let one = named("product", ticket.product) { Self.learn(one, into: &products) }
    }
}
