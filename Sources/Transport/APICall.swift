// SPDX-License-Identifier: Apache-2.0
package import Foundation
package import HTTPTypes
package import TicketModel

/// One call of an API, as a connector says it.
package struct APICall: Sendable {
    /// What a call does to the helpdesk: reads are retried and follow redirects, writes are not.
    package enum Effect: Sendable, Hashable {
        case read, write
    }

    /// The body of a call.
    package enum Body: Sendable {
        case none
        /// JSON in its canonical bytes, as `application/json`.
        case json(JSON)
        /// Names and values as `application/x-www-form-urlencoded`.
        case form([(name: String, value: String)])
        /// Fields and files as `multipart/form-data`; files are read as they are sent.
        case multipart([MultipartPart])
        /// Bytes as they are, with their media type.
        case raw([UInt8], type: String)
    }

    package var method: HTTPRequest.Method
    /// The path below the API, its variable parts encoded by ``PercentEncoding/encode(_:keeping:)``.
    package var path: String
    /// Names and values of the query, not encoded.
    package var query: [(name: String, value: String)]
    package var body: Body
    /// Fields beside those of the client.
    package var fields: HTTPFields
    package var effect: Effect
    /// How long one try may take; nil for the client's own.
    package var deadline: Duration?
    /// Another API path on the same site; nil for the client's own.
    package var api: APIPath?

    /// Says a call.
    ///
    /// Without `effect`, GET and HEAD read and everything else writes: say `.read` for a search by POST,
    /// `.write` for a GET that deletes.
    package init(
        _ method: HTTPRequest.Method = .get, _ path: String, query: [(name: String, value: String)] = [],
        body: Body = .none, fields: HTTPFields = [:], effect: Effect? = nil, deadline: Duration? = nil,
        api: APIPath? = nil
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.body = body
        self.fields = fields
        self.effect = effect ?? (method == .get || method == .head ? .read : .write)
        self.deadline = deadline
        self.api = api
    }
}

/// A field or a file of a multipart form.
package struct MultipartPart: Sendable {
    /// Where the contents come from.
    package enum Contents: Sendable {
        case text(String)
        case bytes([UInt8])
        /// A file on disk and its size in bytes.
        case file(URL, size: Int)
    }

    package var name: String
    /// The file's name as the server sees it; nil for plain fields.
    package var fileName: String?
    /// The media type; nil for plain fields.
    package var type: String?
    package var contents: Contents

    /// A plain field.
    package static func field(_ name: String, _ value: String) -> MultipartPart {
        MultipartPart(name: name, fileName: nil, type: nil, contents: .text(value))
    }

    /// A file.
    package static func file(
        _ name: String, fileName: String, type: String = "application/octet-stream", _ contents: Contents
    ) -> MultipartPart {
        MultipartPart(name: name, fileName: fileName, type: type, contents: contents)
    }
}

extension APICall.Body {
    /// The bytes that are sent and their media type.
    func encoded(dice: Dice) -> (body: OutgoingBody, type: String?) {
        switch self {
        case .none: (.empty, nil)
        case .json(let json): (.bytes(json.canonicalBytes()), "application/json")
        case .form(let items): (.bytes(PercentEncoding.form(items)), "application/x-www-form-urlencoded")
        case .raw(let bytes, let type): (.bytes(bytes), type)
        case .multipart(let parts): Self.multipart(parts, boundary: Self.boundary(dice))
        }
    }

    /// 128 random bits: no file contains them by accident or on purpose.
    private static func boundary(_ dice: Dice) -> String {
        "ferry-" + String(dice.next(), radix: 36) + String(dice.next(), radix: 36)
    }

    private static func multipart(_ parts: [MultipartPart], boundary: String) -> (OutgoingBody, String) {
        var out: [OutgoingBody.Part] = []
        var run: [UInt8] = []
        for part in parts {
            run += "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(quoted(part.name))\"".utf8
            if let fileName = part.fileName { run += "; filename=\"\(quoted(fileName))\"".utf8 }
            if let type = part.type { run += "\r\nContent-Type: \(type.filter { !$0.isNewline })".utf8 }
            run += "\r\n\r\n".utf8
            switch part.contents {
            case .text(let text): run += text.utf8
            case .bytes(let bytes): run += bytes
            case .file(let url, let size):
                out += [.bytes(run), .file(url, size: size)]
                run = []
            }
            run += "\r\n".utf8
        }
        run += "--\(boundary)--\r\n".utf8
        return (OutgoingBody(parts: out + [.bytes(run)]), "multipart/form-data; boundary=\(boundary)")
    }

    /// Names as browsers write them (WHATWG's multipart encoding): the three characters that would end the name are
    /// percent-encoded, all others are plain UTF-8.
    private static func quoted(_ name: String) -> String {
        var out = ""
        for scalar in name.unicodeScalars {
            switch scalar {
            case "\"": out += "%22"
            case "\r": out += "%0D"
            case "\n": out += "%0A"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
