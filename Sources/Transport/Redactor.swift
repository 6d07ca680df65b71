// SPDX-License-Identifier: Apache-2.0
internal import Foundation
package import TicketModel

/// Takes secrets out of texts that are shown or logged.
package struct Redactor: Sendable {
    private let forms: [String]

    /// Knows secrets in every form in which an answer could give them back: as they are, in Base64 as `Basic` sends
    /// them, percent-encoded, escaped for HTML, and for JSON both in our way and in PHP's.
    package init(_ secrets: [Secret]) {
        var forms: Set<String> = []
        // Shorter ones would blot out ordinary words, and are no secrets.
        for text in secrets.map({ $0.reveal() }) where text.utf8.count >= 4 {
            let encoded = PercentEncoding.encode(text)
            let inJSON = String(JSON.string(text).canonicalText.dropFirst().dropLast())
            let slashed = inJSON.replacingOccurrences(of: "/", with: "\\/")
            forms.formUnion([
                text, encoded, Self.lowerEscapes(encoded), encoded.replacingOccurrences(of: "%20", with: "+"),
            ])
            forms.formUnion([text.replacingOccurrences(of: " ", with: "+"), Data(text.utf8).base64EncodedString()])
            forms.formUnion([inJSON, slashed, Self.ascii(slashed), Self.ascii(inJSON)])
            forms.formUnion(["&#039;", "&#39;", "&apos;", "'"].map { Self.html(text, apostrophe: $0) })
        }
        self.forms = forms.sorted { ($0.utf8.count, $0) > ($1.utf8.count, $1) }
    }

    private static func html(_ text: String, apostrophe: String) -> String {
        [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", apostrophe)]
            .reduce(text) { $0.replacingOccurrences(of: $1.0, with: $1.1) }
    }

    private static func lowerEscapes(_ encoded: String) -> String {
        let parts = encoded.split(separator: "%", omittingEmptySubsequences: false)
        return (parts.prefix(1) + parts.dropFirst().map { $0.prefix(2).lowercased() + $0.dropFirst(2) })
            .joined(separator: "%")
    }

    /// With `\uXXXX` for all that is not ASCII.
    private static func ascii(_ text: String) -> String {
        text.utf16.map { unit in
            let hex = String(unit, radix: 16)
            return unit < 0x80
                ? String(UnicodeScalar(UInt8(unit))) : "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        }.joined()
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
            || ["sig", "sign", "securesign", "pwd", "pw", "code", "hash", "hmac", "jwt", "nonce", "otp"].contains(name)
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

extension Redactor: CustomStringConvertible, CustomReflectable {
    /// What it takes out of texts is never in one itself.
    package var description: String { "•••" }

    /// Nothing of it shows.
    package var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
