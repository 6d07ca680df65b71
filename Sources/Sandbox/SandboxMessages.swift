// SPDX-License-Identifier: Apache-2.0

public import TicketModel

/// One request as a practice helpdesk sees it, from a socket or from a call in the same process.
public struct SandboxRequest: Sendable, Hashable {
    /// One `name=value` of the query, decoded.
    public struct QueryItem: Sendable, Hashable {
        /// What stands before the `=`.
        public var name: String
        /// What stands behind it.
        public var value: String

        /// Pairs a name with its value.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The method in capitals.
    public var method: String
    /// The path, percent-encoding undone.
    public var path: String
    /// The query, in its order.
    public var query: [QueryItem]
    /// Header fields; names in lower case.
    public var headers: [String: String]
    /// The body, whole.
    public var body: [UInt8]

    /// Makes a request; the names of header fields are lowered.
    public init(
        _ method: String, _ path: String, query: [QueryItem] = [], headers: [String: String] = [:], body: [UInt8] = []
    ) {
        self.method = method.uppercased()
        self.path = path
        self.query = query
        self.headers = Dictionary(headers.map { ($0.key.lowercased(), $0.value) }, uniquingKeysWith: { $1 })
        self.body = body
    }

    /// Makes a request from a target as it stands in HTTP (`/path?a=b`), percent-encoding undone.
    public init(_ method: String, target: String, headers: [String: String] = [:], body: [UInt8] = []) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        self.init(
            method, PercentCoding.decode(parts[0], plusIsBlank: false),
            query: parts.count > 1 ? PercentCoding.form(parts[1]) : [], headers: headers, body: body)
    }
}

/// What a practice helpdesk answers.
public struct SandboxResponse: Sendable, Hashable {
    /// The status code.
    public var status: Int
    /// Header fields in the order they are sent.
    public var headers: [String: String]
    /// The body, whole.
    public var body: [UInt8]

    /// Makes an answer of bytes.
    public init(status: Int, headers: [String: String] = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// Makes an answer of JSON with the content type that WordPress and most others send.
    public init(status: Int = 200, json: JSON, headers: [String: String] = [:]) {
        var headers = headers
        headers["Content-Type"] = "application/json; charset=UTF-8"
        self.init(status: status, headers: headers, body: json.canonicalBytes())
    }
}

/// An e-mail that the real helpdesk would have sent.
public struct SandboxMail: Sendable, Hashable, Codable {
    /// The address it would have gone to.
    public var to: String
    /// What made it, in the helpdesk's own word.
    public var kind: String
    /// The ticket it is about.
    public var ticket: Int

    /// Notes a mail.
    public init(to: String, kind: String, ticket: Int) {
        self.to = to
        self.kind = kind
        self.ticket = ticket
    }
}

/// Percent-encoding as queries and forms use it.
package enum PercentCoding {
    /// Undoes percent-encoding; a `%` that starts none stays, bytes that are not UTF-8 become U+FFFD.
    package static func decode(_ text: some StringProtocol, plusIsBlank: Bool) -> String {
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var i = 0
        while i < bytes.count {
            if bytes[i] == UInt8(ascii: "%"), i + 2 < bytes.count, let high = hex(bytes[i + 1]),
                let low = hex(bytes[i + 2])
            {
                out.append(high << 4 | low)
                i += 3
            } else {
                out.append(plusIsBlank && bytes[i] == UInt8(ascii: "+") ? 0x20 : bytes[i])
                i += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Reads `a=b&c=d`.
    package static func form(_ text: some StringProtocol) -> [SandboxRequest.QueryItem] {
        text.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return SandboxRequest.QueryItem(
                decode(parts[0], plusIsBlank: true), parts.count > 1 ? decode(parts[1], plusIsBlank: true) : "")
        }
    }

    /// Encodes everything but letters, digits and `-_.~`.
    package static func encode(_ text: String, plusForBlank: Bool = false) -> String {
        var out: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "~"):
                out.append(byte)
            case 0x20 where plusForBlank: out.append(UInt8(ascii: "+"))
            default: out += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func hex(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
