// SPDX-License-Identifier: Apache-2.0

/// An absolute `http` or `https` address in its parts, already encoded, without fragment and without login.
package struct EndpointURL: Hashable, Sendable {
    /// `http` or `https`, in lower case.
    package var scheme: String
    /// The host in lower case; an IPv6 address without its brackets.
    package var host: String
    /// The port where one was written that is not the scheme's own.
    package var port: Int?
    /// The path, percent-encoded, with its first slash.
    package var path: String
    /// The query, percent-encoded, without its question mark.
    package var query: String?

    /// Puts an address together from parts that are encoded already.
    package init(scheme: String, host: String, port: Int? = nil, path: String = "/", query: String? = nil) {
        self.scheme = scheme
        self.host = host
        self.port = port == Self.usualPort(of: scheme) ? nil : port
        self.path = path
        self.query = query
    }

    /// Reads an absolute address; nil for other schemes, no host, a bad port or a login in the address.
    package init?(_ text: String) {
        guard let colon = text.range(ofText: "://") else { return nil }
        let scheme = text[..<colon.lowerBound].lowercased()
        guard scheme == "http" || scheme == "https" else { return nil }
        let rest = text[colon.upperBound...].prefix { $0 != "#" }
        let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "\\" } ?? rest.endIndex
        guard let authority = Authority(rest[..<end]) else { return nil }
        let tail = rest[end...]
        let mark = tail.firstIndex(of: "?")
        let path = String(tail[..<(mark ?? tail.endIndex)])
        self.init(
            scheme: scheme, host: authority.host, port: authority.port,
            path: PercentEncoding.tidy(path.isEmpty ? "/" : path),
            query: mark.map { PercentEncoding.tidy(String(tail[tail.index(after: $0)...])) })
    }

    /// The whole address as it is requested.
    package var text: String { origin + path + (query.map { "?\($0)" } ?? "") }

    /// Scheme, host and port: what a login belongs to.
    package var origin: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return "\(scheme)://\(name)\(port.map { ":\($0)" } ?? "")"
    }

    /// The address that an answer's `Location` names, seen from this one; nil where it makes no sense.
    package func resolving(_ location: String) -> EndpointURL? {
        let location = location.trimmed
        if location.isEmpty { return nil }
        if location.hasPrefix("//") { return EndpointURL("\(scheme):\(location)") }
        if location.contains("://"), let name = location.range(ofText: "://"),
            Self.isScheme(location[..<name.lowerBound])
        {
            return EndpointURL(location)
        }
        if location.hasPrefix("/") { return EndpointURL(origin + location) }
        if location.hasPrefix("?") { return EndpointURL(origin + path + location) }
        let folder = path[...(path.lastIndex(of: "/") ?? path.startIndex)]
        return EndpointURL(origin + folder + location)
    }

    private static func usualPort(of scheme: String) -> Int { scheme == "http" ? 80 : 443 }

    private static func isScheme(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: ".") }
    }
}

/// Host and port of an address.
struct Authority {
    var host: String
    var port: Int?

    /// Reads `host`, `host:port` and `[v6]:port`; nil where a login stands before it or anything is odd.
    init?(_ text: some StringProtocol) {
        guard !text.isEmpty, !text.contains("@") else { return nil }
        var host = text.lowercased()
        var rest = Substring()
        if host.hasPrefix("[") {
            guard let close = host.firstIndex(of: "]") else { return nil }
            rest = host[host.index(after: close)...]
            host = String(host[host.index(after: host.startIndex)..<close])
            guard host.contains(":"), host.utf8.allSatisfy({ $0.isHexDigit || $0 == 0x3A || $0 == 0x2E }) else {
                return nil
            }
        } else {
            if let colon = host.firstIndex(of: ":") {
                rest = host[colon...]
                host = String(host[..<colon])
            }
            let allowed: (UInt8) -> Bool = { $0.isLetterOrDigit || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F }
            guard !host.isEmpty, host.utf8.allSatisfy(allowed), !host.hasPrefix("."), !host.contains("..") else {
                return nil
            }
        }
        self.host = host
        if rest.isEmpty || rest == ":" { return }
        guard rest.first == ":", let port = UInt16(rest.dropFirst()), port > 0 else { return nil }
        self.port = Int(port)
    }
}

extension EndpointURL {
    /// Whether the host is this very machine: `localhost`, `*.localhost`, 127.0.0.0/8 and `::1`.
    package var isLoopback: Bool {
        // A dot at the end is the root's name: resolvers take the host as if it were not there.
        let name = host.hasSuffix(".") ? String(host.dropLast()) : host
        if name == "localhost" || name.hasSuffix(".localhost") || name == "::1" { return true }
        return ipv4?.first == 127
    }

    /// Whether the host is written as an address that no public server has, or is this machine.
    ///
    /// It looks at the text alone: a public name that resolves to a private address is not seen here.
    package var isPrivateAddress: Bool {
        if isLoopback { return true }
        if host.contains(":") {
            // By the first group, since zeros may be written out (`0:0:0:0:0:0:0:1`): all that begins with zeros, every
            // IPv4 address in IPv6's clothes (64:ff9b::, 2002::), unique local, link-local, site-local and multicast.
            let group = host.prefix { $0 != ":" }
            guard let first = group.isEmpty ? 0 : UInt16(group, radix: 16) else { return true }
            return first == 0 || first == 0x64 || first == 0x2002 || first >> 9 == 0xFC00 >> 9 || first >= 0xFE80
        }
        guard let ip = ipv4 else {
            // A host of digits only (`2130706433`, `0x7f.1`) is an address in a form that resolvers understand.
            return host.split(separator: ".").last.map { $0.allSatisfy(\.isNumber) || $0.hasPrefix("0x") } ?? true
        }
        switch (ip[0], ip[1]) {
        case (0, _), (10, _), (127, _), (169, 254), (192, 168): return true
        case (172, 16...31), (100, 64...127), (198, 18...19), (224..., _): return true
        default: return false
        }
    }

    private var ipv4: [UInt8]? {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        // `0177` is no 177: resolvers read it as octal.
        let bytes = parts.compactMap { part in UInt8(part).flatMap { String($0) == part ? $0 : nil } }
        return parts.count == 4 && bytes.count == 4 ? bytes : nil
    }
}
