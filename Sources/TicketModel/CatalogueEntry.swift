// SPDX-License-Identifier: Apache-2.0

/// Something that a helpdesk has beside its tickets: an agent, a tag, a saved reply.
///
/// The catalogue goes before the tickets. It is matched to what the target has; what is missing is created only where
/// the API can and the mapping says so.
public struct CatalogueEntry: Hashable, Sendable {
    /// What it is; the word of the catalogue file.
    public enum Kind: String, Sendable, CaseIterable {
        case agent, customer, organization, department, category, product, mailbox, tag, field, savedReply
        /// Sent by the helpdesk on its own: triggers, workflows. Always created switched off.
        case automaticMessage
        case officeHours
    }

    /// What it is.
    public var kind: Kind
    /// In the source; unique within its kind.
    public var id: String
    /// As people see it.
    public var name: String
    /// Of a person.
    public var email: String?
    /// A short name that URLs use, where the source has one.
    public var slug: String?
    /// All else, as the source gave it.
    public var details: JSON

    /// Names an entry; see the properties.
    public init(
        _ kind: Kind, id: String, name: String, email: String? = nil, slug: String? = nil, details: JSON = .null
    ) {
        self.kind = kind
        self.id = id
        self.name = name
        self.email = email
        self.slug = slug
        self.details = details
    }

    /// One line of a catalogue file: canonical bytes, absent values left out.
    public var line: [UInt8] {
        var members: [JSON.Member] = [
            .init("kind", .string(kind.rawValue)), .init("id", .string(id)), .init("name", .string(name)),
        ]
        if let email { members.append(.init("email", .string(email))) }
        if let slug { members.append(.init("slug", .string(slug))) }
        if !details.isNull { members.append(.init("details", details)) }
        return JSON.object(members).canonicalBytes()
    }
}
