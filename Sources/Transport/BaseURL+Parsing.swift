// SPDX-License-Identifier: Apache-2.0
internal import Foundation
package import TicketModel

extension BaseURL {
    /// Reads what a user typed as a helpdesk's address.
    ///
    /// Without a scheme it is `https`, on this machine `http`. A plain `http` address elsewhere is warned of, not
    /// refused: some helpdesks stand in a local network.
    ///
    /// - Returns: the base and what the user should know about it.
    /// - Throws: a ``Diagnostic`` (`url.invalid`, `url.scheme`, `url.login`); it never repeats a login.
    package static func parse(_ text: String, api: APIPath) throws -> (base: BaseURL, warnings: [Diagnostic]) {
        var typed = text.trimmed
        if typed.count > 1, let first = typed.first, first == typed.last, "\"'".contains(first) {
            typed = String(typed.dropFirst().dropLast())
        }
        if let scheme = typed.range(of: "://") {
            let name = typed[..<scheme.lowerBound].lowercased()
            guard name == "http" || name == "https" else {
                throw Diagnostic(
                    code: "url.scheme", "an address of a helpdesk begins with https://, not with \(shown(name))://",
                    remedy: "write the address as the browser shows it", cause: .badInput)
            }
        } else {
            let host = typed.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
            let isLocal = EndpointURL("http://\(host)")?.isLoopback ?? false
            typed = "\(isLocal ? "http" : "https")://\(typed)"
        }
        typed = try withASCIIHost(typed)
        guard let url = EndpointURL(typed) else { throw invalid(typed) }

        var warnings: [Diagnostic] = []
        if url.scheme == "http", !url.isLoopback {
            warnings.append(
                Diagnostic(
                    .warning, code: "url.unencrypted", "the login and all tickets travel unencrypted to \(url.host)",
                    remedy: "write https:// if the site has it", cause: .refused))
        }
        return (normalised(url, api: api), warnings)
    }

    /// Takes off what belongs to the API or to the site's own pages.
    private static func normalised(_ url: EndpointURL, api: APIPath) -> BaseURL {
        var site = url
        let items = (url.query ?? "").split(separator: "&")
        let usesRoute = api.route != nil && items.contains { $0 == "rest_route" || $0.hasPrefix("rest_route=") }
        site.query = nil
        var parts = url.path.split(separator: "/").map(String.init)
        if api.route != nil, let page = parts.firstIndex(where: { ["wp-admin", "wp-login.php"].contains($0) }) {
            parts.removeSubrange(page...)
        }
        var script: String?
        if parts.last == "index.php" { script = parts.removeLast() }
        let apiParts = PercentEncoding.tidy(api.path).split(separator: "/").map(String.init)
        for length in stride(from: min(apiParts.count, parts.count), to: 0, by: -1)
        where parts.suffix(length) == apiParts.prefix(length) {
            parts.removeLast(length)
            break
        }
        // Sites whose links go through index.php answer at /index.php/wp-json as well.
        if parts.last == "index.php", !usesRoute { parts.removeLast() }
        site.path = "/" + parts.map { $0 + "/" }.joined() + (usesRoute ? script ?? "" : "")
        return BaseURL(site: site, api: api, usesRouteQuery: usesRoute)
    }

    /// A host with letters beyond ASCII in the form that the network knows (`xn--…`).
    private static func withASCIIHost(_ typed: String) throws -> String {
        guard let start = typed.range(of: "://")?.upperBound else { throw invalid(typed) }
        let end = typed[start...].firstIndex { "/?#".contains($0) } ?? typed.endIndex
        let authority = typed[start..<end]
        if authority.contains("@") {
            throw Diagnostic(
                code: "url.login", "the address carries a login",
                remedy: "take it out of `url` and give `username` and `password` as secrets", cause: .badInput)
        }
        if authority.utf8.allSatisfy({ $0 < 0x80 }) { return typed }
        guard let encoded = URLComponents(string: "https://\(authority)")?.encodedHost,
            encoded.utf8.allSatisfy({ $0 < 0x80 }), !encoded.contains("%")
        else { throw invalid(typed) }
        let port = authority.firstIndex(of: ":").map { String(authority[$0...]) } ?? ""
        return typed.replacingCharacters(in: start..<end, with: encoded + port)
    }

    private static func invalid(_ typed: String) -> Diagnostic {
        Diagnostic(
            code: "url.invalid", "`\(shown(typed))` is not an address of a site",
            remedy: "write it as the browser shows it: https://help.example.com", cause: .badInput)
    }

    /// What was typed, short and without control characters; without a query, in which a key may stand, and without
    /// what stands before an `@`, which may be a login.
    private static func shown(_ text: String) -> String {
        let end = text.unicodeScalars.lastIndex(of: "@").map { text.unicodeScalars.index(after: $0) }
        let text = end.map { "•••@" + String(text.unicodeScalars[$0...]) } ?? text
        return String(text.prefix { $0 != "?" }.prefix(100).filter { !$0.isNewline && ($0.asciiValue ?? 32) >= 32 })
    }
}
