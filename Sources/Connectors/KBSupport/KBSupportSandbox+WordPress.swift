// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Sandbox
internal import TicketModel

extension KBSupportSandbox {
    /// WordPress's own routes: users, terms, files.
    func core(_ call: Call, _ rest: [String], _ user: User?) throws -> Answer {
        let isGet = call.request.method == "GET"
        switch rest.first {
        case "users": return try people(call, rest.dropFirst().first, user)
        case "media":
            if rest.count > 1 { return try media(one: rest[1], call, user) }
            return isGet ? try media(call, user) : try upload(call, user)
        case "ticket_categories", "ticket_tag", "ticket_sources":
            if rest.count > 1 { return try term(one: rest[1], rest[0], call, user) }
            return try terms(rest[0], call, user)
        case "ticket_departments" where isOn("departments-on"): return try terms(rest[0], call, user)
        default: throw Failure.noRoute
        }
    }

    // MARK: Users

    private func people(_ call: Call, _ id: String?, _ user: User?) throws -> Answer {
        guard let user else {
            throw Failure(status: 401, code: "rest_not_logged_in", message: "You are not currently logged in.")
        }
        let mayEdit = user.role == "administrator"
        let isEdit = call["context"]?.plainText == "edit"
        func shape(_ one: User, own: Bool) -> JSON {
            var out: JSON = ["id": JSON(one.id), "name": .string(one.name), "slug": .string(one.login)]
            guard isEdit else { return out }
            out["username"] = .string(one.login)
            out["first_name"] = .string(one.first)
            out["last_name"] = .string(one.last)
            out["email"] = .string(one.email)
            out["roles"] = [.string(one.role)]
            if own { out["capabilities"] = abilities(one) }
            return out
        }
        if id == "me" { return Answer(body: shape(user, own: true)) }
        let refusal = Failure(
            status: 403, code: "rest_forbidden_context", message: "Sorry, you are not allowed to edit this user.")
        if isEdit, !mayEdit { throw refusal }
        if let id {
            guard let one = users.first(where: { String($0.id) == id }) else {
                throw Failure(status: 404, code: "rest_user_invalid_id", message: "Invalid user ID.")
            }
            return Answer(body: shape(one, own: false))
        }
        let (page, perPage) = try paging(call)
        let roles = Set((call["roles"]?.texts ?? []).flatMap { $0.split(separator: ",").map(String.init) })
        if !roles.isEmpty, !mayEdit { throw refusal }
        let all = users.filter { roles.isEmpty || roles.contains($0.role) }
        let rows = all.dropFirst((page - 1) * perPage).prefix(perPage).map { shape($0, own: false) }
        return Answer(body: .array(Array(rows)), headers: totals(all.count, perPage))
    }

    private func abilities(_ user: User) -> JSON {
        var names = ["read", user.role]
        if user.isAgent { names += ["edit_tickets", "edit_others_tickets", "publish_tickets"] }
        if user.isAgent, !isOn("uploads-off") { names.append("upload_files") }
        if user.isAgent { names += ["delete_others_tickets", "delete_published_tickets"] }
        if user.isUnfiltered {
            names += ["unfiltered_html", "edit_posts", "delete_published_posts", "delete_ticket_terms"]
        }
        return .object(names.map { JSON.Member($0, true) })
    }

    // MARK: Terms

    private func terms(_ name: String, _ call: Call, _ user: User?) throws -> Answer {
        let isEdit = call["context"]?.plainText == "edit"
        func shape(_ row: JSON) -> JSON { self.shape(term: row, name) }
        if call.request.method == "POST" {
            guard let user, user.isUnfiltered else {
                throw Failure(
                    status: user == nil ? 401 : 403, code: "rest_cannot_create",
                    message: "Sorry, you are not allowed to create terms in this taxonomy.")
            }
            let wanted = Self.termName(call["name"]?.plainText ?? "")
            if let known = term(wanted, in: name) {
                throw Failure(
                    status: 400, code: "term_exists",
                    message: "A term with the name provided already exists with this parent.",
                    data: [.init("term_id", JSON(known))])
            }
            let id = makeTerm(wanted, in: name)
            return Answer(status: 201, body: shape(tables[name][id] ?? .null))
        }
        if isEdit, user?.isUnfiltered != true {
            throw Failure(
                status: 403, code: "rest_forbidden_context",
                message: "Sorry, you are not allowed to edit terms in this taxonomy.")
        }
        let (page, perPage) = try paging(call)
        let all = tables[name].all.sorted { ($0["name"]?.string ?? "") < ($1["name"]?.string ?? "") }
        let rows = all.dropFirst((page - 1) * perPage).prefix(perPage).map(shape)
        return Answer(body: .array(Array(rows)), headers: totals(all.count, perPage))
    }

    private func shape(term row: JSON, _ taxonomy: String) -> JSON {
        let id = row["id"]?.int ?? 0
        let count = tables["posts"].all.count { post in
            (post["terms"]?[taxonomy]?.array ?? []).contains { $0.int == id }
        }
        return [
            "id": JSON(id), "count": JSON(count), "name": row["name"] ?? "", "slug": row["slug"] ?? "",
            "taxonomy": .string(taxonomy),
        ]
    }

    private func term(one id: String, _ taxonomy: String, _ call: Call, _ user: User?) throws -> Answer {
        guard let id = Int(id), let row = tables[taxonomy][id] else {
            throw Failure(status: 404, code: "rest_term_invalid", message: "Term does not exist.")
        }
        let shown = shape(term: row, taxonomy)
        switch call.request.method {
        case "GET": return Answer(body: shown)
        case "DELETE":
            guard user?.isUnfiltered == true else {
                throw Failure.cannotDelete("term", isKnown: user != nil)
            }
            guard call["force"]?.phpTruth == true else {
                throw Failure(
                    status: 501, code: "rest_trash_not_supported",
                    message: "Terms do not support trashing. Set 'force=true' to delete.")
            }
            tables[taxonomy][id] = nil
            for var post in tables["posts"].all.map(Post.init) where post.terms[taxonomy]?.contains(id) == true {
                post.terms[taxonomy]?.removeAll { $0 == id }
                store(post)
            }
            return Answer(body: ["deleted": true, "previous": shown])
        default: throw Failure.noRoute
        }
    }

    /// A name as WordPress stores it: one line, special characters as references.
    static func termName(_ name: String) -> String {
        let bytes = Array(FluentSupportSandbox.Text.field(name).utf8)
        var out: [UInt8] = []
        for (i, byte) in bytes.enumerated() {
            switch byte {
            case UInt8(ascii: "<"): out += "&lt;".utf8
            case UInt8(ascii: ">"): out += "&gt;".utf8
            case UInt8(ascii: "&"):
                // A reference that is one already stays.
                let tail = bytes[(i + 1)...].prefix(12)
                let end = tail.firstIndex(of: UInt8(ascii: ";")) ?? tail.startIndex
                let isReference =
                    end > tail.startIndex
                    && tail[..<end].allSatisfy { $0.isLetter || $0.isDigit || $0 == UInt8(ascii: "#") }
                out += (isReference ? "&" : "&amp;").utf8
            default: out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// The id of a term by its stored name, without regard to case.
    func term(_ name: String, in taxonomy: String) -> Int? {
        tables[taxonomy].all.first { $0["name"]?.string?.lowercased() == name.lowercased() }?["id"]?.int
    }

    @discardableResult
    func makeTerm(_ name: String, in taxonomy: String) -> Int {
        // All taxonomies share one sequence of ids.
        let last = ["ticket_sources", "ticket_tag", "ticket_categories", "ticket_departments"].map { tables[$0].last }
        let id = max(4, (last.max() ?? 0)) + 1
        tables[taxonomy][id] = [
            "id": JSON(id), "name": .string(name), "slug": .string(FluentSupportSandbox.Text.slug(name)),
        ]
        return id
    }

    // MARK: Files

    func url(of file: Post, _ call: Call) -> String {
        "\(call.site)/wp-content/uploads/\(file.meta["file"]?.string ?? "")"
    }

    private func media(_ call: Call, _ user: User?) throws -> Answer {
        let isEdit = call["context"]?.plainText == "edit"
        if isEdit, user?.isUnfiltered != true {
            throw Failure(
                status: 403, code: "rest_forbidden_context",
                message: "Sorry, you are not allowed to edit posts in this post type.")
        }
        let (page, perPage) = try paging(call)
        let parents = Self.ids(call["parent"])
        var all = parents.isEmpty ? posts("attachment") : Set(parents).flatMap { posts("attachment", below: $0) }
        if let slug = call["slug"]?.plainText { all.removeAll { $0.slug != slug } }
        let isAscending = call["order"]?.plainText == "asc"
        all.sort { isAscending ? $0.id < $1.id : $0.id > $1.id }
        if page > 1, (page - 1) * perPage >= all.count, !all.isEmpty {
            throw Failure(
                status: 400, code: "rest_post_invalid_page_number",
                message: "The page number requested is larger than the number of pages available.")
        }
        let rows = all.dropFirst((page - 1) * perPage).prefix(perPage).map { shape(file: $0, call, isEdit: isEdit) }
        return Answer(body: .array(rows), headers: totals(all.count, perPage))
    }

    private func media(one id: String, _ call: Call, _ user: User?) throws -> Answer {
        guard let file = Int(id).flatMap(post), file.type == "attachment" else { throw Failure.noPost }
        let shown = shape(file: file, call, isEdit: call["context"]?.plainText == "edit")
        switch call.request.method {
        case "GET": return Answer(body: shown)
        case "DELETE":
            // Agents may upload and not delete.
            guard user?.isUnfiltered == true else { throw Failure.cannotDelete("post", isKnown: user != nil) }
            guard call["force"]?.phpTruth == true else {
                throw Failure(
                    status: 501, code: "rest_trash_not_supported",
                    message: "The post does not support trashing. Set 'force=true' to delete.")
            }
            remove(file)
            let path = file.meta["file"]?.string
            for row in tables["files"].all where row["path"]?.string == path {
                if let id = row["id"]?.int { tables["files"][id] = nil }
            }
            return Answer(body: ["deleted": true, "previous": shown])
        default: throw Failure.noRoute
        }
    }

    func shape(file: Post, _ call: Call, isEdit: Bool) -> JSON {
        let address = JSON.string(url(of: file, call))
        let link = JSON.string("\(call.site)/?attachment_id=\(file.id)")
        let mime = file.meta["mime"]?.string ?? ""
        var title: JSON = ["rendered": .string(Self.texturized(file.title))]
        if isEdit { title["raw"] = .string(file.title) }
        return .object(
            [.init("id", JSON(file.id))] + Array(times(file).prefix(2)) + [.init("guid", ["rendered": address])]
                + Array(times(file).suffix(2)) + [
                    .init("slug", .string(file.slug)), .init("status", "inherit"), .init("type", "attachment"),
                    .init("link", link), .init("title", title), .init("author", JSON(file.author)),
                    .init("comment_status", "open"), .init("ping_status", "closed"), .init("template", ""),
                    .init("meta", []), .init("description", ["rendered": ""]), .init("caption", ["rendered": ""]),
                    .init("alt_text", ""), .init("media_type", .string(mime.hasPrefix("image/") ? "image" : "file")),
                    .init("mime_type", .string(mime)),
                    .init("media_details", ["filesize": file.meta["size"] ?? 0, "sizes": .object([])]),
                    .init("post", JSON(file.parent)), .init("source_url", address),
                ])
    }

    /// Quotes and dashes as WordPress shows them.
    private static func texturized(_ text: String) -> String {
        text.replacing(" & ", with: " &#038; ").replacing("--", with: "&#8212;").replacing("'", with: "&#8217;")
    }

    private func upload(_ call: Call, _ user: User?) throws -> Answer {
        guard let user, user.isAgent, !isOn("uploads-off") else {
            throw Failure(
                status: user == nil ? 401 : 403, code: "rest_cannot_create",
                message: "Sorry, you are not allowed to create posts as this user.")
        }
        guard let file = call.files.first(where: { $0.field == "file" }) else {
            throw Failure(status: 400, code: "rest_upload_no_data", message: "No data supplied.")
        }
        func refused(_ message: String) -> Failure {
            Failure(status: 500, code: "rest_upload_unknown_error", message: message)
        }
        if file.bytes.isEmpty { throw refused("File is empty. Please upload something more substantial.") }
        guard let mime = Self.mediaType(of: file) else {
            throw refused("Sorry, you are not allowed to upload this file type.")
        }
        let parent = call.int("post")
        guard parent == 0 || post(parent) != nil else {
            throw Failure(status: 400, code: "rest_invalid_param", message: "Invalid parent type.")
        }
        var row = Post()
        row.type = "attachment"
        row.status = "inherit"
        let name = unusedName(FluentSupportSandbox.Text.fileName(file.name))
        row.title = call["title"]?.plainText ?? name
        row.parent = parent
        row.author = user.id
        let now = seconds
        let at = call["date_gmt"]?.plainText.flatMap { CivilTime.seconds($0.replacing("T", with: " ")) } ?? now
        (row.date, row.modified) = (at, at)
        row.slug = unusedSlug(call["slug"]?.plainText ?? FluentSupportSandbox.Text.slug(name))
        let path = "\(CivilTime(now).text(separator: " ").prefix(7).replacing("-", with: "/"))/\(name)"
        row.meta = ["file": .string(path), "mime": .string(mime), "size": JSON(file.bytes.count)]
        row = store(row)
        let bytes = Data(file.bytes).base64EncodedString()
        _ = tables["files"].insert {
            ["id": JSON($0), "path": .string(path), "mime": .string(mime), "bytes": .string(bytes)]
        }
        var shown = shape(file: row, call, isEdit: true)
        shown["title"] = ["raw": .string(row.title), "rendered": .string(Self.texturized(row.title))]
        return Answer(
            status: 201, body: shown, headers: ["Location": "\(call.site)/wp-json/wp/v2/media/\(row.id)"])
    }

    /// What WordPress takes a file for; nil where ending and bytes are not of one type that it knows.
    private static func mediaType(of file: FluentSupportSandbox.UploadedFile) -> String? {
        let parts = file.name.split(separator: ".")
        guard parts.count > 1, let ending = parts.last?.lowercased() else { return nil }
        switch ending {
        case "png", "gif", "jpg", "jpeg", "webp", "pdf", "zip", "doc", "docx":
            return FluentSupportSandbox.mediaType(of: file.bytes, named: file.name)
        case "txt": return "text/plain"
        case "csv": return "text/csv"
        case "ics": return "text/calendar"
        case "mp3": return "audio/mpeg"
        case "mp4": return "video/mp4"
        case "xlsx", "xls", "odt", "ods", "ppt", "pptx", "rtf", "gz", "tar": return "application/\(ending)"
        default: return nil
        }
    }

    private func unusedName(_ name: String) -> String {
        let taken = Set(
            posts("attachment").compactMap { $0.meta["file"]?.string?.split(separator: "/").last.map(String.init) })
        if !taken.contains(name) { return name }
        let dot = name.lastIndex(of: ".") ?? name.endIndex
        var number = 1
        while taken.contains("\(name[..<dot])-\(number)\(name[dot...])") { number += 1 }
        return "\(name[..<dot])-\(number)\(name[dot...])"
    }

    private func unusedSlug(_ slug: String) -> String {
        var bare = slug.lowercased()
        while bare.hasSuffix("-") { bare.removeLast() }
        let taken = Set(posts("attachment").map(\.slug))
        if !taken.contains(bare) { return bare }
        var number = 2
        while taken.contains("\(bare)-\(number)") { number += 1 }
        return "\(bare)-\(number)"
    }
}
