// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Sandbox
internal import TicketModel

extension SmartSupportSandbox {
    /// An answer that is not success.
    struct Failure: Error {
        var status: Int
        var code: String
        var message: String
        var more: [JSON.Member] = []

        init(_ status: Int, _ code: String, _ message: String, _ more: [JSON.Member] = []) {
            (self.status, self.code, self.message, self.more) = (status, code, message, more)
        }

        var json: JSON {
            .object(
                [.init("success", false), .init("code", .string(code)), .init("message", .string(message))] + more)
        }
    }

    /// The REST path of a request, whichever of the two forms it has, in a sub-folder or not.
    static func restPath(_ request: SandboxRequest) -> String {
        var path = request.path
        if let route = request.query.first(where: { $0.name == "rest_route" }) {
            path = route.value
        } else if let range = request.path.range(of: "/wp-json") {
            path = String(request.path[range.upperBound...])
        }
        return path.split(separator: "/").joined(separator: "/")
    }

    func answer(_ request: SandboxRequest) -> SandboxResponse {
        let isRoute = request.query.contains { $0.name == "rest_route" }
        guard isRoute || (!has("plain-links") && request.path.contains("/wp-json")) else {
            return page(request.path == "/" ? 200 : 404, "Practice site", "Nothing here.")
        }
        var response: SandboxResponse
        do {
            let (status, json) = try route(request, Self.restPath(request))
            response = SandboxResponse(status: status, json: json)
        } catch let failure as Failure {
            response = SandboxResponse(status: failure.status, json: failure.json)
            if failure.code == "rest_no_route" {
                response = SandboxResponse(
                    status: 404,
                    json: [
                        "code": "rest_no_route", "message": .string(failure.message), "data": ["status": 404],
                    ])
            }
        } catch {
            response = SandboxResponse(status: 500, json: ["message": .string("\(error)")])
        }
        response.headers["Date"] = date
        if has("php-noise") {
            let noise =
                "\u{FEFF}<br />\n<b>Warning</b>: Undefined array key \"x\" in <b>/srv/wp/a.php</b> on line <b>3</b><br />\n"
            response.body = Array(noise.utf8) + response.body
        }
        return response
    }

    private func page(_ status: Int, _ title: String, _ text: String) -> SandboxResponse {
        SandboxResponse(
            status: status, headers: ["Content-Type": "text/html; charset=UTF-8"],
            body: Array("<!DOCTYPE html><html><head><title>\(title)</title></head><body>\(text)</body></html>".utf8))
    }

    /// The time as HTTP writes it.
    private var date: String {
        let time = Timestamp(seconds: Int64(seconds)).civil
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
        return "\(days[(seconds / 86_400) % 7]), \(two(time.day)) \(months[time.month - 1]) \(time.year) "
            + "\(two(time.hour)):\(two(time.minute)):\(two(time.second)) GMT"
    }

    // MARK: Routes

    private func route(_ request: SandboxRequest, _ path: String) throws -> (Int, JSON) {
        let noRoute = Failure(404, "rest_no_route", "No route was found matching the URL and request method.")
        if path.isEmpty { return (200, index) }
        var parts = path.split(separator: "/").map(String.init)
        guard parts.starts(with: ["smart-support", "v1"]), !has("plugin-absent") else { throw noRoute }
        parts.removeFirst(2)
        if has("other-plugin") {
            guard parts == ["ping"] else { throw noRoute }
            return (200, ["ok": true, "plugin": "AI Chat Assistant", "version": "0.9"])
        }
        try authenticate(request)
        let body = (try? JSON(parsing: request.body)) ?? .object([])
        let id = parts.count > 1 ? Int(parts[1]) : nil
        switch (request.method, parts.first, parts.count) {
        case ("GET", "ping", 1): return (200, ping)
        case ("GET", "tickets", 1): return (200, try list(request, user: nil))
        case ("POST", "tickets", 1): return (201, try create(body))
        case ("GET", "customers", 3) where parts[2] == "tickets":
            guard let user = user(email: parts[1]) else {
                throw Failure(404, "customer_not_found", "Customer not found.")
            }
            return (200, try list(request, user: user["id"]?.int))
        case (_, "tickets", 2...3):
            guard let id, let ticket = tables["tickets"][id] else {
                throw Failure(404, "ticket_not_found", "Ticket not found.")
            }
            return try single(request, ticket, id, parts.count == 3 ? parts[2] : nil, body, noRoute)
        default: throw noRoute
        }
    }

    private func single(
        _ request: SandboxRequest, _ ticket: JSON, _ id: Int, _ part: String?, _ body: JSON, _ noRoute: Failure
    ) throws -> (Int, JSON) {
        switch (request.method, part) {
        case ("GET", nil): return (200, envelope("Ticket retrieved.", one(shape(ticket: ticket), "ticket")))
        case ("PATCH", nil):
            return (
                200,
                try change(
                    id, body, ["subject", "status", "state", "priority", "department_id", "product_id", "agent_id"])
            )
        case ("PUT", "status"), ("PATCH", "status"): return (200, try change(id, body, ["status"], isNeeded: true))
        case ("PUT", "priority"), ("PATCH", "priority"):
            return (200, try change(id, body, ["priority"], isNeeded: true))
        case ("PUT", "assign"), ("PATCH", "assign"): return (200, try change(id, body, ["agent_id"], isNeeded: true))
        case ("POST", "close"): return (200, try change(id, ["status": "closed"], ["status"]))
        case ("POST", "reopen"): return (200, try change(id, ["status": "open"], ["status"]))
        case ("GET", "replies"):
            let wants = ["true", "1"].contains(request.query.first { $0.name == "include_internal" }?.value ?? "")
            let rows = tables["replies"].rows(where: "ticket", is: String(id))
                .filter { $0["internal"]?.bool != true || (wants && !has("no-notes-scope")) }
            return (200, envelope("Replies retrieved.", many(rows.map(shape(reply:)), "replies")))
        case ("POST", "replies"), ("POST", "reply"): return (201, try reply(id, body))
        default: throw noRoute
        }
    }

    private var index: JSON {
        let offset = Double(zone.secondsFromGMT(for: options.now())) / 3600
        var names: [JSON] = ["oembed/1.0", "wp/v2"]
        var routes: [JSON.Member] = [.init("/", .object([])), .init("/wp/v2", .object([]))]
        if !has("plugin-absent") {
            names.append("smart-support/v1")
            let paths =
                has("other-plugin")
                ? ["ping", "chats"]
                : ["ping", "tickets", "tickets/(?P<id>[\\d]+)", "customers/(?P<email>[^/]+)/tickets"]
            routes += paths.map { .init("/smart-support/v1/\($0)", .object([])) }
        }
        return [
            "name": "Practice site", "url": .string(options.url ?? "http://127.0.0.1"), "namespaces": .array(names),
            "gmt_offset": .number(String(offset)), "timezone_string": .string(zone.identifier),
            "routes": .object(routes), "authentication": .object([]),
        ]
    }

    private var ping: JSON {
        var data: JSON = ["plugin": "Smart Support", "version": "2.4.1"]
        if !has("ping-without-time") { data["server_time"] = .string(local(seconds)) }
        return envelope("Smart Support REST API is working.", data)
    }

    private func authenticate(_ request: SandboxRequest) throws {
        var key = has("bearer-only") ? nil : request.headers["x-smart-support-api-key"]
        if key == nil, let header = request.headers["authorization"], header.hasPrefix("Bearer ") {
            key = String(header.dropFirst(7))
        }
        let isRight = options.logins.map { logins in logins.contains { $0.password == key } } ?? (key?.isEmpty == false)
        guard isRight else { throw Failure(401, "invalid_api_key", "Missing or invalid API key.") }
    }
}
