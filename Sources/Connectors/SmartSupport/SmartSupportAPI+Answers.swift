// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import HTTPTypes
internal import TicketModel
internal import Transport

/// The envelope of answers, whose inside the document does not tell: all shapes that are likely are understood.
extension SmartSupportAPI {
    /// What stands under `data`, else the whole: absent and null alike.
    static func data(_ json: JSON) -> JSON { json["data"].flatMap { $0.isNull ? nil : $0 } ?? json }

    /// The rows of a list; nil where there is none at all, which is no empty list.
    ///
    /// `data` itself, or what stands under one of the names, `items`, `data` and the like.
    static func rows(_ json: JSON, _ names: [String]) -> [JSON]? {
        var places = [json]
        if let data = json["data"] { places.insert(data, at: 0) }
        for place in places {
            if let list = place.array { return list }
            for name in names + ["items", "data", "results", "records", "rows", "list"] {
                if let list = place[name]?.array { return list }
                if let inner = place[name], inner.members != nil,
                    let list = inner["items"]?.array ?? inner["data"]?.array
                {
                    return list
                }
            }
        }
        guard let members = data(json).members else { return nil }
        // PHP writes an empty list as `{}` at times, and one with gaps as an object by number.
        if members.isEmpty { return total(json) == 0 ? [] : nil }
        if members.allSatisfy({ Int($0.key) != nil && $0.value.members != nil }) { return members.map(\.value) }
        return nil
    }

    /// One thing: `data` itself, or under one of the names.
    static func row(_ json: JSON, _ names: [String]) -> JSON? {
        let data = data(json)
        for place in [data, json] {
            for name in names + ["item"] {
                if let inner = place[name], inner.members != nil { return inner }
            }
        }
        if let first = data.array?.first, data.array?.count == 1, first.members != nil { return first }
        if let inner = data["data"], inner["id"] != nil { return inner }
        return data.members != nil && names.contains(where: { id(data, $0) != nil }) ? data : nil
    }

    /// The id of a row, a number or a string.
    static func id(_ row: JSON, _ kind: String) -> String? {
        let text = row["id"]?.text ?? row["\(kind)_id"]?.text ?? row["ID"]?.text
        return text?.isEmpty == false ? text : nil
    }

    /// How many there are in all, under whichever name.
    static func total(_ answer: APIAnswer) -> Int? {
        answer.json.flatMap { total($0) }
            ?? HTTPField.Name("X-WP-Total").flatMap { answer.fields[$0] }.flatMap { Int($0) }
    }

    /// How many there are in all, as the body tells.
    private static func total(_ json: JSON) -> Int? {
        let meta = [json["meta"], data(json)["meta"], json["pagination"], data(json)["pagination"], data(json), json]
        let names = ["total", "total_items", "total_count", "total_tickets", "totalItems", "found", "count"]
        for place in meta.compactMap({ $0 }) {
            for inner in [place, place["pagination"], place["paging"]].compactMap({ $0 }) {
                for name in names { if let count = inner[name]?.int { return count } }
            }
        }
        return nil
    }

    /// The first text under one of the names that is not empty.
    static func text(_ json: JSON, _ names: [String]) -> String? {
        for name in names {
            if let text = json[name]?.text, !text.isEmpty { return text }
        }
        return nil
    }

    /// The departments that a refusal names.
    static func allowedDepartments(_ json: JSON) -> [SmartSupportSite.Named]? {
        let list =
            json["allowed_departments"] ?? json["data"]?["allowed_departments"] ?? json["meta"]?["allowed_departments"]
            ?? json["additional_data"]?["allowed_departments"]
        if let array = list?.array {
            return array.compactMap { entry in
                if let name = entry.string { return SmartSupportSite.Named(name: name) }
                guard let name = text(entry, ["name", "title", "label", "slug"]) else { return nil }
                return SmartSupportSite.Named(name: name, id: id(entry, "department"), slug: entry["slug"]?.string)
            }
        }
        // `{"1": "Support"}`
        return list?.members?.compactMap { member in
            let name = member.value.string ?? text(member.value, ["name", "title", "label"])
            return name.map { SmartSupportSite.Named(name: $0, id: Int(member.key) == nil ? nil : member.key) }
        }
    }

    // MARK: Writing

    /// A refusal with the JSON that came with it.
    struct Refusal: Sendable {
        var status: Int
        var json: JSON
        var diagnostic: Diagnostic
    }

    /// Sends a request that writes; what was refused comes with the API's own words.
    func send(_ call: APICall) async -> (sent: Sent, refusal: Refusal?) {
        var refusal: Refusal?
        var sent = await client.send(call) { answer in
            let sent = Self.proof(of: answer, client: client)
            if case .refused(let status, let diagnostic) = sent, let json = answer.json {
                refusal = Refusal(status: status, json: json, diagnostic: diagnostic)
            }
            return sent
        }
        // A customer's hour, rather than the site's moment: asked a few times within it, not many in a row.
        if call.path == "tickets", case .notNow(let diagnostic, let pause) = sent, diagnostic.code == "http.throttled" {
            sent = .notNow(diagnostic, max(pause, .seconds(900)))
        }
        return (sent, refusal)
    }

    private static func proof(of answer: APIAnswer, client: APIClient) -> Sent {
        let diagnostic = diagnostic(of: answer, client: client)
        guard let json = answer.json else {
            // A proxy's word that the body is too long: it was not passed on.
            return answer.status == 413 ? .refused(status: 413, diagnostic) : .uncertain(diagnostic)
        }
        if answer.isSuccess {
            if json["success"]?.bool == false { return .refused(status: answer.status, diagnostic) }
            return json.members != nil ? .understood(json) : .uncertain(diagnostic)
        }
        switch answer.status {
        // Timed out, in conflict, locked, too early, closed by the client: the first request may still be at work.
        case 408, 409, 423, 425, 499: return .uncertain(diagnostic)
        case 400...499 where isSubmissionLimit(json): return .notNow(diagnostic, answer.retryAfter ?? .seconds(900))
        case 400...499 where json["message"]?.string != nil && json["code"] != nil:
            return .refused(status: answer.status, diagnostic)
        default: return .uncertain(diagnostic)
        }
    }

    /// Whether a refusal says that a customer has sent in enough for this hour.
    private static func isSubmissionLimit(_ json: JSON) -> Bool {
        let words = "\(json["code"]?.string ?? "") \(json["message"]?.string ?? "")".lowercased()
        return words.contains("per hour") || words.contains("submission") && words.contains("limit")
            || words.contains("too many") || words.contains("rate_limit") || words.contains("rate limit")
    }

    /// Whether a refusal is about who is named as the author.
    static func isAboutAuthor(_ refusal: Refusal) -> Bool {
        guard refusal.status == 400 || refusal.status == 404 || refusal.status == 422 else { return false }
        let words = "\(refusal.json["code"]?.string ?? "") \(refusal.json["message"]?.string ?? "")".lowercased()
        return words.contains("author") || words.contains("user")
    }

    // MARK: Words

    /// What an answer that is no success says, in this connector's words.
    static func diagnostic(of answer: APIAnswer, client: APIClient) -> Diagnostic {
        guard let json = answer.json else { return answer.problem }
        let said = oneLine(client.redact(json["message"]?.string ?? json["error"]?.string ?? json.string ?? ""))
        let words = said.isEmpty ? "" : ": “\(said)”"
        func make(_ code: String, _ text: String, _ remedy: String, _ cause: ExitCause) -> Diagnostic {
            Diagnostic(
                code: "smart-support.\(code)", "\(text) (HTTP \(answer.status))\(words)", subject: answer.request,
                remedy: remedy, cause: cause)
        }
        switch answer.status {
        case 200..<300:
            return make(
                "odd-answer", "Smart Support gave an answer that was not understood",
                "compare the plugin's version with `ticketferry connectors smart-support`", .unavailable)
        case 401:
            return make(
                "wrong-key", "Smart Support refused the key",
                "make a new key in Smart Support > Settings > Advanced > API and put it into the migration's secret; "
                    + "if that does not help, try `keyHeader: x-api-key`, or have the web server pass on the "
                    + "Authorization header; nothing was written", .refused)
        case 403:
            return make(
                "forbidden", "the key may not do this in Smart Support",
                "give the key the scopes for tickets, replies and internal notes, and see that the REST API is enabled",
                .refused)
        case 404 where json["code"]?.string == "rest_no_route":
            return make(
                "no-route", "Smart Support has no such route", "switch the plugin on, and update it if it is old",
                .refused)
        case 404, 410:
            return make(
                "not-there", "something that the request names is not there", "run `ticketferry plan` to see what is",
                .someFailed)
        case 429:
            return make(
                "limit", "Smart Support asks for a pause", "write `submissionsPerHour`, or run the same command later",
                .unavailable)
        case 400..<500 where isSubmissionLimit(json):
            return make(
                "limit", "Smart Support takes no more from this customer for now",
                "write the site's limit as `submissionsPerHour`, or raise it in Smart Support > Settings",
                .unavailable)
        case 500...:
            return make(
                "server-error", "Smart Support failed",
                "look into the site's error log, then run the same command again", .unavailable)
        default:
            return make(
                "refused", "Smart Support refused the request",
                "compare the message with the ticket and the site's settings", .someFailed)
        }
    }

    /// Short, without control characters.
    static func oneLine(_ text: String) -> String {
        let line = text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }
        return String(String(String.UnicodeScalarView(line)).prefix(240))
    }
}
