// SPDX-License-Identifier: Apache-2.0
package import TicketModel

/// The write half of a mapping: canonical tickets to what the target should hold.
package struct WriteMapping: Sendable {
    /// What becomes of somebody.
    enum Choice: Sendable, Hashable {
        case keep, unassigned, header
        case placeholder(String)
        case agent(String)
    }

    /// Equal mappings have equal names here, for fingerprints and reports.
    package var name: String
    var status: [WriteRule]?
    var priority: [WriteRule]?
    /// The ticket's own texts: `product`, `department`, ….
    var texts: [(field: String, rules: [WriteRule])] = []
    var tags: [WriteRule]?
    var customFields: [(name: String, rules: [WriteRule])]?
    /// By address in small letters.
    var assignees: [String: Choice] = [:]
    var otherAssignees: Choice = .keep
    var authors: [String: Choice] = [:]
    var otherAuthors: Choice = .keep
    /// The kinds of the catalogue that are made in the target where they are missing; all others are only matched.
    package var creating: Set<CatalogueEntry.Kind> = []
    var redactsEmails = false
    var redactsNames = false

    /// A mapping that changes nothing: the connectors' own defaults.
    package static let none = WriteMapping(name: "none")

    init(name: String) { self.name = name }

    static let texts = [
        "subject", "type", "channel", "department", "product", "mailbox", "brand", "language", "organization", "number",
    ]

    /// All labels that the mapping may give to a field of the target (`status`, `priority`, `product` …), so that a
    /// `check` can hold them against what the target has.
    ///
    /// Texts that come from tickets are not among them.
    package func labels(of field: String) -> [String] {
        let rules: [WriteRule] =
            switch field {
            case "status": status ?? []
            case "priority": priority ?? []
            default: texts.first { $0.field == field }?.rules ?? []
            }
        var found: Set<String> = []
        for rule in rules { rule.collectLabels(&found) }
        return found.sorted()
    }

    /// All addresses of agents of the target that the mapping names.
    package var agentEmails: [String] {
        var found: Set<String> = []
        for choice in Array(assignees.values) + Array(authors.values) + [otherAssignees, otherAuthors] {
            if case .agent(let email) = choice { found.insert(email) }
        }
        return found.sorted()
    }
}

/// A rule over the canonical ticket.
///
/// Rules yield texts; a field of the target takes the first, a list all.
struct WriteRule: Sendable {
    indirect enum Source: Sendable {
        case path([String])
        case constant(String)
        case text([TextPiece])
        case first([WriteRule])
    }
    enum TextPiece: Sendable {
        case text(String)
        case path([String])
    }
    enum Outcome: Sendable {
        case keep, omit
        case text(String)
    }
    enum Test: Sendable {
        case equals(String), glob(Glob), present, absent
        indirect case anyOf([Test])
        indirect case not(Test)
    }

    var source: Source
    var when: [(path: [String], test: Test)] = []
    var split: String?
    var map: [String: Outcome]?
    var otherwise: Outcome = .keep
    var conversion: Conversion?
    var fallback: [WriteRule] = []

    func collectLabels(_ found: inout Set<String>) {
        if let map {
            for outcome in Array(map.values) + [otherwise] {
                if case .text(let text) = outcome { found.insert(text) }
            }
        } else if case .constant(let text) = source {
            found.insert(text)
        }
        if case .first(let rules) = source { for rule in rules { rule.collectLabels(&found) } }
        for rule in fallback { rule.collectLabels(&found) }
    }
}
