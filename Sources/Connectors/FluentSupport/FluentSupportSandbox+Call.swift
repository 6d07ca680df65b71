// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// One request on its way: who asks and what, parameters of query and body as one tree.
    struct Call {
        let request: SandboxRequest
        /// The path behind `/wp-json/` (or in `rest_route`), without slashes at its ends.
        let path: String
        /// Query and body together, as PHP reads them; the body wins.
        let parameters: JSON
        /// Files of a multipart body by field.
        let files: [UploadedFile]
        /// The address of the site, without a slash at its end.
        let site: String
        var user: User?
        /// The agent that the login is, and only if it is one.
        var agent: Person?
        var permissions: Set<String> = []

        subscript(key: String) -> JSON? { parameters[key] }

        func can(_ permission: String) -> Bool { permissions.contains(permission) }

        /// A parameter as one line of text, as most are read.
        func field(_ key: String) -> String? { parameters[key]?.plainText.map { Text.field($0) } }

        func int(_ key: String) -> Int { parameters[key]?.phpInt ?? 0 }
    }

    /// A file as it came in a form.
    struct UploadedFile {
        var field: String
        var name: String
        var bytes: [UInt8]
    }

    /// An answer that is not 200.
    struct Failure: Error {
        var status: Int
        var body: JSON

        /// WordPress' answer to somebody who may not.
        static func forbidden(loggedIn: Bool) -> Failure {
            Failure(
                status: loggedIn ? 403 : 401,
                body: [
                    "code": "rest_forbidden", "message": "Sorry, you are not allowed to do that.",
                    "data": ["status": JSON(loggedIn ? 403 : 401)],
                ])
        }

        static let noRoute = Failure(
            status: 404,
            body: [
                "code": "rest_no_route", "message": "No route was found matching the URL and request method.",
                "data": ["status": 404, "wpfluent": ["env": "production"]],
            ])

        /// What a controller says when it caught something: a bare string.
        static func bare(_ text: String) -> Failure { Failure(status: 422, body: .string(text)) }

        /// A model that is missing where the controller catches it.
        static func missing(_ model: String, _ id: String) -> Failure { bare(text(model, id)) }

        /// A model that is missing where nobody catches it.
        static func notFound(_ model: String, _ id: String) -> Failure {
            Failure(
                status: 404, body: ["message": .string(text(model, id)), "data": ["wpfluent": ["env": "production"]]])
        }

        static func message(_ text: String, status: Int = 422) -> Failure {
            Failure(status: status, body: ["message": .string(text)])
        }

        static func crash(_ text: String) -> Failure { message(text, status: 500) }

        static func invalid(_ field: String, _ rule: String, _ text: String) -> Failure {
            Failure(status: 422, body: .object([.init(field, .object([.init(rule, .string(text))]))]))
        }

        static func text(_ model: String, _ id: String) -> String {
            "No query results for model [FluentSupport\\App\\Models\\\(model)] \(id)"
        }
    }
}

extension FluentSupportSandbox.Call {
    /// The REST path of a request, whichever of the two forms it has, in a sub-folder or not.
    static func restPath(_ request: SandboxRequest) -> String {
        if let route = request.query.first(where: { $0.name == "rest_route" }) { return trimmed(route.value) }
        if let range = request.path.range(of: "/wp-json") { return trimmed(String(request.path[range.upperBound...])) }
        return trimmed(request.path)
    }

    static func isREST(_ request: SandboxRequest) -> Bool {
        request.query.contains { $0.name == "rest_route" } || request.path.contains("/wp-json")
    }

    private static func trimmed(_ path: String) -> String {
        path.split(separator: "/").joined(separator: "/")
    }

    init(_ request: SandboxRequest, site: String?) {
        self.request = request
        path = Self.restPath(request)
        var parameters = JSON.object([])
        for item in request.query where item.name != "rest_route" { parameters.set(php: item.name, item.value) }
        let type = request.headers["content-type"] ?? ""
        var files: [FluentSupportSandbox.UploadedFile] = []
        if type.lowercased().hasPrefix("multipart/form-data") {
            for part in Self.parts(request.body, type: type) {
                if let name = part.file {
                    files.append(.init(field: part.name, name: name, bytes: part.bytes))
                } else {
                    parameters.set(php: part.name, String(decoding: part.bytes, as: UTF8.self))
                }
            }
        } else if !request.body.isEmpty {
            if let json = try? JSON(parsing: request.body), let members = json.members {
                for member in members { parameters[member.key] = member.value }
            } else if !type.lowercased().contains("json") {
                for item in PercentCoding.form(String(decoding: request.body, as: UTF8.self)) {
                    parameters.set(php: item.name, item.value)
                }
            }
        }
        self.parameters = parameters
        self.files = files
        let folder = request.path.range(of: "/wp-json").map { String(request.path[..<$0.lowerBound]) } ?? ""
        self.site = site ?? "http://\(request.headers["host"] ?? "127.0.0.1")\(folder)"
    }

    private static func parts(_ body: [UInt8], type: String) -> [(name: String, file: String?, bytes: [UInt8])] {
        guard let mark = type.range(of: "boundary=") else { return [] }
        let boundary = type[mark.upperBound...].split(separator: ";").first.map(String.init) ?? ""
        let line = Array("--\(boundary.replacingOccurrences(of: "\"", with: ""))".utf8)
        let data = Data(body)
        var out: [(name: String, file: String?, bytes: [UInt8])] = []
        var at = data.range(of: Data(line))?.upperBound
        while let start = at, let next = data.range(of: Data([0x0D, 0x0A] + line), in: start..<data.endIndex) {
            at = next.upperBound
            let part = data[start..<next.lowerBound]
            guard let gap = part.range(of: Data([0x0D, 0x0A, 0x0D, 0x0A])) else { continue }
            let head = String(decoding: part[..<gap.lowerBound], as: UTF8.self)
            func parameter(_ name: String) -> String? {
                guard let range = head.range(of: "\(name)=\"") else { return nil }
                return head[range.upperBound...].firstIndex(of: "\"").map { String(head[range.upperBound..<$0]) }
            }
            let file = parameter("filename").map { $0.replacingOccurrences(of: "%22", with: "\"") }
            out.append((parameter("; name") ?? "", file, Array(part[gap.upperBound...])))
        }
        return out
    }
}

extension JSON {
    /// Sets a parameter as PHP names it: `a[b][]=c`.
    mutating func set(php name: String, _ value: String) {
        guard let bracket = name.firstIndex(of: "["), name.hasSuffix("]") else {
            self[name] = .string(value)
            return
        }
        let keys = name[bracket...].split(separator: "]").map { String($0.dropFirst()) }
        let root = String(name[..<bracket])
        var tree = self[root] ?? .object([])
        tree.put(keys[...], value)
        self[root] = tree
    }

    private mutating func put(_ keys: ArraySlice<String>, _ value: String) {
        guard let key = keys.first else { return self = .string(value) }
        if key.isEmpty || (array != nil && Int(key) != nil) {
            var elements = array ?? []
            var element = JSON.object([])
            element.put(keys.dropFirst(), value)
            elements.append(element)
            self = .array(elements)
        } else {
            if members == nil { self = .object([]) }
            var inner = self[key] ?? .object([])
            inner.put(keys.dropFirst(), value)
            self[key] = inner
        }
    }

    /// A value as PHP turns it into text; nil for null and for trees.
    var plainText: String? {
        switch self {
        case .string(let text), .number(let text): text
        case .bool(let value): value ? "1" : ""
        default: nil
        }
    }

    /// A value as PHP's `intval` reads it.
    var phpInt: Int {
        if case .array(let elements) = self { return elements.isEmpty ? 0 : 1 }
        guard let text = plainText else { return 0 }
        let bare = text.trimmingBlanks()
        let sign = bare.hasPrefix("-") ? 1 : 0
        let digits = bare.dropFirst(sign).prefix { $0.isASCII && $0.isNumber }
        return (Int(digits) ?? 0) * (sign == 1 ? -1 : 1)
    }

    /// Whether PHP takes the value for true.
    var phpTruth: Bool {
        switch self {
        case .null: false
        case .bool(let value): value
        case .number(let text): (Double(text) ?? 0) != 0
        case .string(let text): !text.isEmpty && text != "0"
        case .array(let elements): !elements.isEmpty
        case .object(let members): !members.isEmpty
        }
    }

    /// The texts of a list, or of a single value taken for a list of one.
    var texts: [String] {
        if let elements = array { return elements.compactMap(\.plainText) }
        if let members { return members.compactMap(\.value.plainText) }
        return plainText.map { [$0] } ?? []
    }
}
