// SPDX-License-Identifier: Apache-2.0
import Mustache
public import TicketModel

/// The line that names the original author and date of a message, in the user's words: a Mustache template.
///
/// It is given `author` and `date` and nothing else, so that it cannot name fields or addresses. Plain text: escaping for
/// HTML is left to whoever puts it there.
public struct HeaderTemplate: Sendable {
    private let template: MustacheTemplate?

    /// `Originally written by Ada Okafor on 2024-06-01 12:00 UTC`, without what is not known.
    public static let standard = HeaderTemplate(template: try? MustacheTemplate(string: Self.standardText))

    static let standardText = "Originally written by {{{author}}}{{#date}} on {{{date}}}{{/date}}"
    private init(template: MustacheTemplate?) { self.template = template }

    /// Compiles a template.
    ///
    /// - Throws: `Diagnostic` `mapping.bad-header` for what is no Mustache, or never names the author.
    public init(_ text: String, file: String) throws {
        let location = SourceLocation(file: file, line: 1)
        do {
            // Both spellings are plain text here.
            let plain = text.split(separator: "\n", omittingEmptySubsequences: true).joined(separator: " ")
            template = try MustacheTemplate(string: Self.unescaped(plain))
        } catch {
            throw Diagnostic(
                code: "mapping.bad-header", "the header is no Mustache template: \(error)", at: location,
                remedy: "write a line such as: \(Self.standardText)")
        }
        let probe = "ferry-probe-author"
        guard render(author: probe, date: nil).contains(probe) else {
            throw Diagnostic(
                code: "mapping.bad-header", "the header does not name the author of a message without a date",
                at: location,
                remedy: "add {{author}} outside of {{#date}}…{{/date}}")
        }
    }

    /// `{{author}}` and `{{date}}` as `{{{…}}}`: Mustache would escape them for HTML.
    private static func unescaped(_ text: String) -> String {
        var result = text
        for name in ["author", "date"] {
            result = replace("{{\(name)}}", with: "{{{\(name)}}}", in: result)
        }
        return result
    }

    private static func replace(_ old: String, with new: String, in text: String) -> String {
        var out: [UInt8] = []
        let bytes = Array(text.utf8), old = Array(old.utf8)
        var at = 0
        while at < bytes.count {
            let isTriple = (at > 0 && bytes[at - 1] == UInt8(ascii: "{"))
            if !isTriple, at + old.count <= bytes.count, bytes[at..<at + old.count].elementsEqual(old) {
                out.append(contentsOf: new.utf8)
                at += old.count
            } else {
                out.append(bytes[at])
                at += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// The line for a message.
    ///
    /// One line, without control characters.
    public func line(for message: Message) -> String {
        render(author: Self.name(of: message.author), date: message.createdAt)
    }

    private func render(author: String, date: Timestamp?) -> String {
        var values = ["author": author]
        if let date {
            let text = date.description
            values["date"] = "\(text.prefix(10)) \(text.dropFirst(11).prefix(5)) UTC"
        }
        let line = template?.render(values) ?? author
        return String(
            String.UnicodeScalarView(line.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }

    /// A name that is no address: the person's own, else what stands before the `@`, else what they are.
    static func name(of person: Person?) -> String {
        if let person {
            let name = Person(name: person.name, givenName: person.givenName, familyName: person.familyName).displayName
            if let name, !name.utf8.contains(UInt8(ascii: "@")) { return name }
            if let local = (person.email ?? name)?.split(separator: "@").first { return String(local) }
            if let role = person.role {
                return ["customer": "a customer", "agent": "an agent"][role.rawValue] ?? "the system"
            }
            if let id = person.id { return "person \(id)" }
        }
        return "an unknown author"
    }
}
