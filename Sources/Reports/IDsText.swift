// SPDX-License-Identifier: Apache-2.0
internal import Foundation
package import Migration
internal import TicketModel

/// Where tickets went, as a table or as redirects: line by line, whatever the ids hold.
///
/// Redirects go by path and query as a browser sends them. A page that differs from others only behind a `#` cannot be
/// redirected: browsers keep that to themselves.
package struct IDsText {
    /// How it is written.
    package enum Format: String, CaseIterable, Sendable {
        /// A header and a row a ticket, all quoted, defused for spreadsheets.
        case csv
        /// `{"tickets":[…],"version":1}`.
        case json
        /// A `map` of `$request_uri`.
        case nginx
        /// A text file for `RewriteMap`.
        case apache
    }

    private let format: Format
    private var isFirst = true
    /// Hashes of the addresses that stand already: the first of equal ones counts.
    private var taken = Set<Int>()
    /// Hashes of addresses that differ from another only in upper and lower case.
    private let clashing: Set<Int>
    /// Tickets without a redirect, with the reason for people.
    package private(set) var without: [String: Int] = [:]

    /// Starts.
    ///
    /// - Parameters:
    ///   - format: how it is written.
    ///   - clashing: for nginx, what ``Clashes`` found in a first pass.
    package init(_ format: Format, clashing: Set<Int> = []) {
        self.format = format
        self.clashing = clashing
    }

    /// What stands before all tickets.
    package var head: String {
        switch format {
        case .csv: "\"number\",\"id\",\"target id\",\"target url\",\"source url\",\"state\"\r\n"
        case .json: "{\"tickets\":["
        case .nginx:
            """
            # Redirects of moved tickets. Include this file inside `http { }` and write in the old site's `server { }`:
            #     if ($ticketferry) { return 301 $ticketferry; }
            # If nginx asks for it: map_hash_max_size 65536; map_hash_bucket_size 512;
            map $request_uri $ticketferry {
                default "";

            """
        case .apache:
            """
            # Redirects of moved tickets. Keep this as a file and write in the old site's <VirtualHost>:
            #     RewriteEngine On
            #     RewriteMap ticketferry "txt:/etc/apache2/ticketferry.txt"
            #     RewriteCond %{THE_REQUEST} "^[A-Z]+ ([^ ]+) HTTP"
            #     RewriteCond ${ticketferry:%1} "^(.+)$"
            #     RewriteRule ^ %1 [R=301,L,NE,QSD]

            """
        }
    }

    /// What stands behind all tickets.
    package var tail: String {
        switch format {
        case .csv, .apache: ""
        case .json: "],\"version\":1}\n"
        case .nginx: "}\n"
        }
    }

    /// A ticket; empty where it has no redirect.
    package mutating func line(_ ticket: MovedTicket) -> String {
        switch format {
        case .csv:
            let cells = [
                ticket.number ?? "", ticket.id, ticket.targetID, ticket.targetURL ?? "", ticket.sourceURL ?? "",
                ticket.state.rawValue,
            ]
            return cells.map(Self.cell).joined(separator: ",") + "\r\n"
        case .json:
            defer { isFirst = false }
            return (isFirst ? "" : ",\n") + ticket.json.canonicalText
        case .nginx, .apache: return redirect(ticket) ?? ""
        }
    }

    private mutating func redirect(_ ticket: MovedTicket) -> String? {
        guard let source = ticket.sourceURL, let from = WebAddress(source) else {
            without["the address of its old page is not known", default: 0] += 1
            return nil
        }
        guard let target = ticket.targetURL.flatMap({ WebAddress($0) }) else {
            without["the target does not tell the address of its page", default: 0] += 1
            return nil
        }
        guard !from.hasFragment else {
            without["its old page differs from others only behind a #, which browsers do not send", default: 0] += 1
            return nil
        }
        guard from.request != "/" else {
            without["its old page is the whole site's", default: 0] += 1
            return nil
        }
        guard taken.insert(from.request.hashValue).inserted else {
            without["its old page has the address of another's", default: 0] += 1
            return nil
        }
        if format == .apache { return "\(from.request) \(target.whole)\n" }
        // Strings are compared without regard to case; what would clash goes as an expression, which is not.
        let isClashing = clashing.contains(from.request.lowercased().hashValue)
        let key = isClashing ? "~^\(Self.literal(from.request))$" : from.request
        return "    \"\(key)\" \"\(target.whole)\";\n"
    }

    /// For an expression, inside quotes of nginx: all but letters and digits by their number.
    private static func literal(_ text: String) -> String {
        var out = ""
        for byte in text.utf8 {
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "=")
            out += isPlain ? String(UnicodeScalar(byte)) : "\\x" + WebAddress.hex(byte)
        }
        return out
    }

    /// Quoted, and defused for spreadsheets.
    private static func cell(_ text: String) -> String {
        let risky = text.unicodeScalars.first.map { "=+-@\t\r\n".unicodeScalars.contains($0) } ?? false
        return "\"" + (risky ? "'" : "") + text.replacing("\"", with: "\"\"") + "\""
    }

    /// Finds the addresses that differ only in upper and lower case.
    package struct Clashes {
        private var exact: [Int: Int] = [:]
        /// Hashes of the addresses in lower case.
        package private(set) var found = Set<Int>()

        /// Nothing yet.
        package init() {}

        /// Takes a ticket.
        package mutating func add(_ ticket: MovedTicket) {
            guard let from = ticket.sourceURL.flatMap({ WebAddress($0) }), !from.hasFragment else { return }
            let (request, folded) = (from.request.hashValue, from.request.lowercased().hashValue)
            if let other = exact[folded] {
                if other != request { found.insert(folded) }
            } else {
                exact[folded] = request
            }
        }
    }
}

/// An address of the web in the bytes that a browser sends: everything else is percent-encoded, so that nothing in it
/// means anything to a configuration.
struct WebAddress {
    /// Path and query.
    let request: String
    /// Whether there is something behind a `#`.
    let hasFragment: Bool
    /// All of it.
    let whole: String

    /// Nil for what is no http or https address with a host.
    init?(_ text: String) {
        guard let colon = text.range(of: "://") else { return nil }
        let scheme = text[..<colon.lowerBound].lowercased()
        guard scheme == "http" || scheme == "https" else { return nil }
        let rest = text[colon.upperBound...]
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let host = rest[..<end]
        let isPlain = host.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || "-._:[]".utf8.contains($0)
        }
        guard !host.isEmpty, isPlain else { return nil }
        let parts = rest[end...].split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts.first.map(String.init) ?? ""
        hasFragment = parts.count > 1 && !parts[1].isEmpty
        request = (path.hasPrefix("/") ? "" : "/") + Self.encoded(path)
        whole = "\(scheme)://\(host)" + request + (hasFragment ? "#" + Self.encoded(String(parts[1])) : "")
    }

    /// Keeps what may stand in an address and means nothing to nginx and Apache; `%` stays where it encodes something.
    private static func encoded(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var out = ""
        for (i, byte) in bytes.enumerated() {
            let isPercent =
                byte == UInt8(ascii: "%") && i + 2 < bytes.count && isHex(bytes[i + 1]) && isHex(bytes[i + 2])
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || plain.contains(byte)
            out += isPlain || isPercent ? String(UnicodeScalar(byte)) : "%" + hex(byte)
        }
        return out
    }

    private static let plain = Set("-._~/?&=+,:@!*".utf8)

    private static func isHex(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }

    /// Two digits, upper case.
    static func hex(_ byte: UInt8) -> String {
        let digits = Array("0123456789ABCDEF")
        return "\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
    }
}
