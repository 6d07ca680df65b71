// SPDX-License-Identifier: Apache-2.0
internal import Foundation
package import TicketModel

/// Takes secrets out of texts that are shown or logged.
package struct Redactor: Sendable {
    private let forms: [String]

    /// Knows secrets in every form in which an answer could give them back: as they are, in Base64 as `Basic` sends
    /// them, percent-encoded and escaped for JSON.
    package init(_ secrets: [Secret]) {
        var forms: Set<String> = []
        // Shorter ones would blot out ordinary words, and are no secrets.
        for text in secrets.map({ $0.reveal() }) where text.utf8.count >= 4 {
            forms.formUnion([text, PercentEncoding.encode(text), text.replacingOccurrences(of: " ", with: "+")])
            forms.insert(Data(text.utf8).base64EncodedString())
            forms.insert(String(JSON.string(text).canonicalText.dropFirst().dropLast()))
        }
        self.forms = forms.sorted { $0.utf8.count > $1.utf8.count }
    }

    /// The text with `•••` for each secret.
    package func clean(_ text: String) -> String {
        forms.reduce(text) { $1.isEmpty ? $0 : $0.replacingOccurrences(of: $1, with: "•••") }
    }

    /// Whether a name of a query item or a field speaks of a secret.
    package static func isSecretName(_ name: some StringProtocol) -> Bool {
        let name = name.lowercased().filter { $0.isLetter }
        return ["key", "token", "pass", "secret", "auth", "signature", "credential", "session"].contains {
            name.contains($0)
        }
            || ["sig", "pwd", "code", "hash", "nonce"].contains(name)
    }

    /// An address with `•••` for the values of secret-looking names.
    package static func redacted(_ url: EndpointURL) -> String { url.origin + redactedPath(url) }

    /// Path and query with `•••` for the values of secret-looking names.
    package static func redactedPath(_ url: EndpointURL) -> String {
        guard let query = url.query else { return url.path }
        let items = query.split(separator: "&", omittingEmptySubsequences: false).map { item in
            guard let equals = item.firstIndex(of: "=") else { return String(item) }
            let name = PercentEncoding.decode(item[..<equals], plusIsBlank: true)
            return isSecretName(name) ? "\(item[..<equals])=•••" : String(item)
        }
        return "\(url.path)?\(items.joined(separator: "&"))"
    }
}
