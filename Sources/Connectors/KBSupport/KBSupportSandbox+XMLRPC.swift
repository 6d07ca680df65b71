// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Sandbox
internal import TicketModel

extension KBSupportSandbox {
    /// What XML-RPC says when it does not do as asked.
    private struct Fault: Error {
        var code: Int
        var text: String
    }

    /// `xmlrpc.php`: the login stands in the body, so a dropped header does not matter here.
    func xmlRPC(_ request: SandboxRequest) -> SandboxResponse {
        if isOn("xmlrpc-off") {
            return SandboxResponse(
                status: 403, headers: ["Content-Type": "text/html"],
                body: Array("<!DOCTYPE html><html><title>403 Forbidden</title></html>".utf8))
        }
        let body: [UInt8]
        do {
            guard request.method == "POST", case .call(let method, let parameters)? = XMLRPC.read(request.body) else {
                throw Fault(code: -32700, text: "parse error. not well formed")
            }
            body = XMLRPC.answer(try call(method, parameters, request))
        } catch let fault as Fault {
            body = XMLRPC.fault(fault.code, fault.text)
        } catch {
            body = XMLRPC.fault(500, "\(error)")
        }
        return SandboxResponse(status: 200, headers: ["Content-Type": "text/xml; charset=UTF-8"], body: body)
    }

    private func call(_ method: String, _ parameters: [JSON], _ request: SandboxRequest) throws -> JSON {
        if method == "system.multicall" {
            guard !isOn("no-multicall") else {
                throw Fault(code: -32601, text: "server error. requested method system.multicall does not exist.")
            }
            return .array((parameters.first?.array ?? []).map { one($0, request) })
        }
        var rest = parameters[...]
        if method != "wp.getUsersBlogs" { rest = rest.dropFirst() }
        let name = rest.popFirst()?.text ?? ""
        guard let user = login(name, rest.popFirst()?.text ?? "") else {
            throw Fault(code: 403, text: "Incorrect username or password.")
        }
        switch method {
        case "wp.getUsersBlogs":
            let site = "http://\(request.headers["host"] ?? "127.0.0.1")/"
            return [["isAdmin": .bool(user.role == "administrator"), "url": .string(site), "blogid": "1"]]
        case "wp.getPosts":
            guard user.isAgent else {
                throw Fault(code: 401, text: "Sorry, you are not allowed to edit posts in this post type.")
            }
            return list(rest.popFirst() ?? .object([]), rest.popFirst())
        case "wp.getPost":
            guard user.isAgent else { throw Fault(code: 401, text: "Sorry, you are not allowed to edit this post.") }
            guard let found = rest.popFirst()?.int.flatMap(post) else {
                throw Fault(code: 404, text: "Invalid post ID.")
            }
            return shape(found, rest.popFirst())
        case "wp.newPost":
            guard user.isAgent else {
                throw Fault(code: 401, text: "Sorry, you are not allowed to post on this site.")
            }
            return .string(String(try new(rest.popFirst() ?? .object([]), user).id))
        case "wp.deletePost":
            guard let found = rest.popFirst()?.int.flatMap(post) else {
                throw Fault(code: 404, text: "Invalid post ID.")
            }
            guard user.isAgent, user.isUnfiltered || found.type != "attachment" else {
                throw Fault(code: 401, text: "Sorry, you are not allowed to delete this post.")
            }
            remove(found)
            return true
        case "wp.editPost":
            guard user.isAgent else { throw Fault(code: 401, text: "Sorry, you are not allowed to edit this post.") }
            guard let found = rest.popFirst()?.int.flatMap(post) else {
                throw Fault(code: 404, text: "Invalid post ID.")
            }
            try edit(found, rest.popFirst() ?? .object([]), user)
            return true
        default: throw Fault(code: -32601, text: "server error. requested method \(method) does not exist.")
        }
    }

    /// One of many calls: its answer in a list of one, or its fault.
    private func one(_ call: JSON, _ request: SandboxRequest) -> JSON {
        do {
            let method = call["methodName"]?.string ?? ""
            guard method != "system.multicall" else {
                throw Fault(code: -32600, text: "Recursive calls to system.multicall are forbidden")
            }
            return [try self.call(method, call["params"]?.array ?? [], request)]
        } catch {
            let fault = error as? Fault ?? Fault(code: 500, text: "\(error)")
            return ["faultCode": JSON(fault.code), "faultString": .string(fault.text)]
        }
    }

    // MARK: Reading

    private func list(_ filter: JSON, _ fields: JSON?) -> JSON {
        var found = posts(filter["post_type"]?.string ?? "post")
        switch filter["post_status"]?.string {
        case "any": found.removeAll { ["trash", "auto-draft"].contains($0.status) }
        case let status?: found.removeAll { $0.status != status }
        case nil: found.removeAll { !["publish", "private", "draft", "pending", "future"].contains($0.status) }
        }
        let isAscending = filter["order"]?.string?.uppercased() == "ASC"
        found.sort { isAscending ? $0.id < $1.id : $0.id > $1.id }
        let number = filter["number"]?.int ?? 10
        return .array(found.dropFirst(filter["offset"]?.int ?? 0).prefix(number).map { shape($0, fields) })
    }

    private func shape(_ post: Post, _ fields: JSON?) -> JSON {
        let fields = Set((fields?.array ?? []).compactMap(\.string))
        func date(_ seconds: Int) -> JSON {
            .string(CivilTime(seconds).text(separator: "T").replacing("-", with: ""))
        }
        var custom: [JSON] = []
        if post.type == "kbs_ticket_reply" {
            for member in post.meta.members ?? [] {
                custom.append(["id": "1", "key": .string(member.key), "value": .string(member.value.text ?? "")])
            }
        }
        let all: [JSON.Member] = [
            .init("post_id", .string(String(post.id))), .init("post_title", .string(post.title)),
            .init("post_date_gmt", date(post.date)), .init("post_modified_gmt", date(post.modified)),
            .init("post_status", .string(post.status)), .init("post_type", .string(post.type)),
            .init("post_author", .string(String(post.author))), .init("post_content", .string(post.content)),
            .init("post_parent", .string(String(post.parent))), .init("custom_fields", .array(custom)),
        ]
        let isWhole = fields.isEmpty || fields.contains("post")
        return .object(all.filter { isWhole || fields.contains($0.key) })
    }

    // MARK: Writing

    private func new(_ content: JSON, _ user: User) throws -> Post {
        var post = Post()
        post.type = content["post_type"]?.string ?? "post"
        guard ["kbs_ticket_reply", "kbs_ticket", "kbs_company"].contains(post.type) else {
            throw Fault(code: 403, text: "Invalid post type.")
        }
        post.status = "draft"
        post.author = user.id
        (post.date, post.modified) = (seconds, seconds)
        post.parent = content["post_parent"]?.int ?? 0
        for field in content["custom_fields"]?.array ?? [] {
            guard let key = field["key"]?.string else { continue }
            // Keys of tickets that begin with an underscore are protected; those of replies pass.
            if post.type != "kbs_ticket", let value = field["value"]?.text { post.meta[key] = .string(value) }
        }
        try take(content, into: &post, user)
        if post.type == "kbs_company" { post.slug = FluentSupportSandbox.Text.slug(post.title) }
        return store(post)
    }

    private func edit(_ post: Post, _ content: JSON, _ user: User) throws {
        var post = post
        try take(content, into: &post, user)
        post.modified = seconds
        store(post)
    }

    /// Texts as they are: XML-RPC takes no slashes off, and nothing is capitalized.
    private func take(_ content: JSON, into post: inout Post, _ user: User) throws {
        func filtered(_ text: String) -> String {
            user.isUnfiltered
                ? text : String(decoding: FluentSupportSandbox.PostHTML.clean(Array(text.utf8)), as: UTF8.self)
        }
        if let title = content["post_title"]?.string {
            post.title = KBSupportText.title(filtered(title), KBSupportSite())
        }
        if let text = content["post_content"]?.string { post.content = filtered(text) }
        if let author = content["post_author"]?.int {
            guard author == 0 || users.contains(where: { $0.id == author }) else {
                throw Fault(code: 404, text: "Invalid author ID.")
            }
            post.author = author == 0 ? user.id : author
        }
        if let date = content["post_date_gmt"]?.string { post.date = Self.seconds(date) ?? post.date }
        if let status = content["post_status"]?.string { post.status = status }
        // What is published for a later day is hidden until then.
        if post.status == "publish", post.date > seconds { post.status = "future" }
        for member in content["terms_names"]?.members ?? [] where member.key == "ticket_tag" {
            post.terms["ticket_tag"] = (member.value.array ?? []).compactMap(\.string).map { name in
                let stored = Self.termName(name)
                return term(stored, in: "ticket_tag") ?? makeTerm(stored, in: "ticket_tag")
            }
        }
    }

    /// `20210203T04:05:06`.
    private static func seconds(_ date: String) -> Int? {
        guard date.utf8.count >= 17 else { return nil }
        let text = Array(date.prefix(17))
        let day = "\(String(text[0..<4]))-\(String(text[4..<6]))-\(String(text[6..<8]))"
        return CivilTime.seconds("\(day) \(String(text[9...]))")
    }
}
