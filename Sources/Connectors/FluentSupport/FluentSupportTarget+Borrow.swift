// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
package import Migration
internal import TicketModel
internal import Transport

extension FluentSupportTarget {
    package func borrowings() async throws -> [Borrowing] {
        let api = api
        let site = site
        switch try await policy() {
        case .allow, .refuse: return []
        case .stage:
            let now = try await stagingMailbox(api)
            return [
                Borrowing(
                    name: "staging mailbox \(options.staging)",
                    summary: "a mailbox “\(options.staging)” with all its e-mails off is made; nobody works in it",
                    before: now.map { ["id": JSON($0.id)] } ?? .null,
                    during: ["kind": "staging", "name": .string(options.staging)])
            ]
        case .mute:
            // All of them, whatever `mailbox` says: tickets of an earlier run stand where people moved them.
            var out: [Borrowing] = []
            for mailbox in liveMailboxes(site) {
                out.append(
                    Borrowing(
                        name: "mailbox \(mailbox.id) e-mails",
                        summary:
                            "all e-mails of the mailbox “\(mailbox.name)” are off: also those of people who work there meanwhile",
                        before: .array(try await emailConfigs(of: mailbox.id, api)),
                        during: ["kind": "mute", "mailbox": JSON(mailbox.id)]))
            }
            return out
        }
    }

    package func borrow(_ borrowing: Borrowing) async throws {
        let api = api
        guard borrowing.during["kind"]?.string == "staging" else {
            return try await mute(borrowing.during["mailbox"]?.int ?? 0, api)
        }
        var mailbox = try await stagingMailbox(api)
        if mailbox == nil {
            let body: JSON = [
                "business": [
                    "name": .string(options.staging), "email": .string(FluentSupportSite.stagingAddress),
                    "box_type": "web",
                ]
            ]
            // Found by name or made: after a lost answer the next run finds it.
            let sent = await api.send(APICall(.post, "mailboxes", body: .json(body)))
            guard case .understood(let json) = sent, let id = json["mailbox"]?["id"]?.int else {
                throw Self.thrown(sent)
            }
            mailbox = FluentSupportSite.Mailbox(id: id, name: options.staging, isDefault: false, isOurs: true)
        }
        guard let mailbox else { return }
        try await mute(mailbox.id, api)
        learn(staging: mailbox)
    }

    package func giveBack(_ borrowing: Borrowing) async throws -> GiveBack {
        let api = api
        if borrowing.during["kind"]?.string == "staging" { return try await removeStaging(borrowing, api) }
        let id = borrowing.during["mailbox"]?.int ?? 0
        let now = try await emailConfigs(of: id, api)
        var failed: (keys: [String], reason: Diagnostic)?
        for before in borrowing.before.array ?? [] where before["status"]?.string != "no" {
            // What is on by now somebody switched on. Only the status was ours: texts that people changed meanwhile stay.
            guard let key = before["key"]?.string, let status = before["status"],
                var config = now.first(where: { $0["key"]?.string == key }), config["status"]?.string == "no"
            else { continue }
            config["status"] = status
            do {
                try await put(config, key: key, mailbox: id, api)
            } catch let diagnostic as Diagnostic {
                failed = ((failed?.keys ?? []) + [key], failed?.reason ?? diagnostic)
            }
        }
        guard let failed else { return .givenBack }
        throw Diagnostic(
            code: "fluent-support.still-muted",
            "these e-mails of mailbox \(id) are still off: \(failed.keys.joined(separator: ", ")): \(failed.reason.message)",
            subject: api.address, remedy: "run `ticketferry restore`, or switch them on by hand",
            cause: failed.reason.cause)
    }

    /// Removes the staging mailbox that this migration made; left alone with its e-mails off while tickets are in it.
    private func removeStaging(_ borrowing: Borrowing, _ api: FluentSupportAPI) async throws -> GiveBack {
        let name = borrowing.during["name"]?.string ?? options.staging
        // It was there before us: another run, whose journal this is not, may have its tickets on the way to it.
        let isOwn = options.ownsStaging && name == options.staging
        guard borrowing.before.isNull || isOwn else { return .givenBack }
        let boxes = try await api.read("mailboxes")["mailboxes"]?.array ?? []
        // More than one where a request that made it went on after its run had died, and the next run made another.
        let all = boxes.filter { $0["name"]?.string == name && Self.isOurs($0) }
        for ours in all {
            let outcome = try await removeStaging(ours, name: name, among: boxes, api)
            guard case .givenBack = outcome else { return outcome }
        }
        learn(staging: nil)
        return .givenBack
    }

    private func removeStaging(
        _ ours: JSON, name: String, among boxes: [JSON], _ api: FluentSupportAPI
    ) async throws -> GiveBack {
        guard let id = ours["id"]?.int else { return .givenBack }
        let held = try await api.read("tickets", [("per_page", "1"), ("filters[mailbox_id][]", String(id))])[
            "tickets"]?["total"]?.int
        let count = max(held ?? 1, ours["tickets_count"]?.int ?? 0)
        // Without the mailbox its tickets would go to one that is not muted, half-written as they are.
        if count > 0 {
            return .stillNeeded("the mailbox “\(name)” still holds \(count.counted("ticket")), all its e-mails off")
        }
        if ours["is_default"]?.string == "yes" { return .changedMeanwhile(["mailbox": .string(name)]) }
        let other = boxes.first { $0["is_default"]?.string == "yes" } ?? boxes.first { $0["id"]?.int != id }
        guard let fallback = other?["id"]?.int else { return .changedMeanwhile(["mailbox": .string(name)]) }
        let sent = await api.send(
            APICall(.delete, "mailboxes/\(id)", body: .json(["fallback_id": JSON(fallback)])))
        guard case .understood = sent else { throw Self.thrown(sent) }
        // The plugin answers refusals with 200 here: only the list tells.
        let left = try await api.read("mailboxes")["mailboxes"]?.array ?? []
        if left.contains(where: { $0["id"]?.int == id }) { return .changedMeanwhile(["mailbox": .string(name)]) }
        return .givenBack
    }

    private func stagingMailbox(_ api: FluentSupportAPI) async throws -> FluentSupportSite.Mailbox? {
        let boxes = try await api.read("mailboxes")["mailboxes"]?.array ?? []
        guard let box = boxes.first(where: { $0["name"]?.string == options.staging }), let id = box["id"]?.int else {
            return nil
        }
        guard Self.isOurs(box) else { throw notOurs() }
        return FluentSupportSite.Mailbox(id: id, name: options.staging, isDefault: false, isOurs: true)
    }

    /// Switches all e-mails of a mailbox off, and reads that they are.
    private func mute(_ mailbox: Int, _ api: FluentSupportAPI) async throws {
        for config in try await emailConfigs(of: mailbox, api) where config["status"]?.string != "no" {
            guard let key = config["key"]?.string else { continue }
            var off = config
            off["status"] = "no"
            try await put(off, key: key, mailbox: mailbox, api)
        }
        if let loud = try await emailConfigs(of: mailbox, api).first(where: { $0["status"]?.string != "no" }) {
            throw Diagnostic(
                code: "fluent-support.not-muted",
                "the e-mail “\(loud["title"]?.string ?? "")” of mailbox \(mailbox) could not be switched off",
                subject: api.address, remedy: "switch it off by hand, or use an administrator's login", cause: .refused)
        }
    }

    private func put(_ config: JSON, key: String, mailbox: Int, _ api: FluentSupportAPI) async throws {
        let sent = await api.send(
            APICall(
                .put, "mailboxes/\(mailbox)/email_settings",
                body: .json(["email_type": .string(key), "email_settings": config])))
        guard case .understood = sent else { throw Self.thrown(sent) }
    }

    /// What a request that was not understood throws where there is no step.
    static func thrown(_ sent: Sent) -> Diagnostic {
        switch sent {
        case .refused(_, let diagnostic), .notNow(let diagnostic, _), .uncertain(let diagnostic): diagnostic
        case .understood:
            Diagnostic(
                code: "fluent-support.odd-answer", "Fluent Support's answer was not understood",
                remedy: "run the same command again", cause: .unavailable)
        }
    }
}
