// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import TicketModel
internal import Transport

extension SmartsuppTarget {
    func plan(
        catalogue: [CatalogueEntry], creating: Set<CatalogueEntry.Kind>, identity: MigrationIdentity,
        progress: TicketProgress
    ) async -> TicketPlan {
        var planner = SmartsuppCataloguePlanner(
            site: site, contacts: contacts, options: options, hasKey: account != nil, creating: creating,
            identity: identity)
        let plan = planner.make(catalogue)
        // Their words wait for them: the catalogue goes before the tickets.
        let coming = plan.steps.filter { $0.payload["op"]?.string == "user" }
            .compactMap { $0.payload["body"]?["email"]?.string?.lowercased() }
        learn(coming: Set(coming))
        return plan
    }

    /// A step of the catalogue.
    func applyCatalogue(_ step: Step, receipts: [WriteKey: Receipt]) async -> Outcome {
        let payload = step.payload
        if payload["op"]?.string == "contact" {
            switch await findOrMake(payload["contact"] ?? .object([]), marker: payload["person"]?.string ?? "") {
            case .success(let contact): return .understood(Receipt(id: "contact:\(contact.id)"), losses: contact.losses)
            case .failed(let outcome): return outcome
            }
        }
        guard let account else { return .rejected(missingTicket(step)) }
        if payload["op"]?.string == "takeBack" { return await takeBack(step, account) }
        if payload["op"]?.string == "account" {
            let sent = await account.send("accounts/create", payload["body"] ?? .object([]))
            return Self.outcome(sent, step, self)
        }
        guard let id = accountID(step, receipts) else {
            return .rejected(missingTicket(step))
        }
        let base = "accounts/\(PercentEncoding.encode(id))"
        switch payload["op"]?.string {
        case "user": return await makeUser(step, base, account)
        case "trigger":
            return Self.outcome(
                await account.send("\(base)/triggers/create", payload["body"] ?? .object([])), step, self)
        case "hours":
            let sent = await account.send("\(base)/officehours/update", payload["body"] ?? .object([]))
            if let failure = sent.failure { return failure }
            return .understood(Self.receipt(id, step), losses: [])
        default: return .rejected(missingTicket(step))
        }
    }

    /// The password is in the file before it is sent; the payload, and so plan and journal, never have it.
    private func makeUser(_ step: Step, _ base: String, _ account: SmartsuppAccountAPI) async -> Outcome {
        var body = step.payload["body"] ?? .object([])
        guard let path = options.passwords, let email = body["email"]?.string else {
            return .rejected(missingTicket(step))
        }
        let password: Secret
        do { password = try SmartsuppPasswords(path: path).password(of: email) } catch {
            return .rejected(Self.diagnostic(error, step))
        }
        body["password"] = .string(password.reveal())
        return Self.outcome(await account.send("\(base)/users/create", body, secret: password), step, self)
    }

    private static func outcome(_ sent: Sent, _ step: Step, _ target: SmartsuppTarget) -> Outcome {
        guard case .understood(let json) = sent else { return sent.failure ?? .rejected(target.missingTicket(step)) }
        guard let id = json["id"]?.text, !id.isEmpty else { return .uncertain(target.oddAnswer(step)) }
        return .understood(Self.receipt(id, step), losses: [])
    }

    /// A receipt whose id no conversation has: the journal knows what it made by these.
    private static func receipt(_ id: String, _ step: Step) -> Receipt {
        Receipt(id: "\(step.payload["op"]?.string ?? ""):\(id)")
    }

    /// The account of a step: the one given, else the one that was made for it.
    private func accountID(_ step: Step, _ receipts: [WriteKey: Receipt]) -> String? {
        options.account ?? step.needs.first.flatMap { receipts[$0]?.id }.map { String($0.dropFirst("account:".count)) }
    }

    /// Looks for a thing of the catalogue: users and contacts by address, triggers by name.
    func lookUpCatalogue(_ step: Step, receipts: [WriteKey: Receipt]) async throws -> LookUp {
        let body = step.payload["body"] ?? .null
        if step.payload["op"]?.string == "contact" {
            // Trying again looks for the contact first.
            return .notFound
        }
        // What deletes is simply sent again.
        guard let account, step.verb != .delete else { return .notFound }
        if step.payload["op"]?.string == "account" {
            return .cannotTell(
                Diagnostic(
                    code: "smartsupp.account-in-doubt",
                    "nobody can tell whether the account was made, and it costs money",
                    remedy: "ask Smartsupp; then write its id into `account` and leave `createAccount` out",
                    cause: .someFailed))
        }
        guard let id = accountID(step, receipts) else { return .notFound }
        let rows: [JSON]
        switch step.payload["op"]?.string {
        case "user":
            rows = try await account.users(id).filter {
                $0["email"]?.text?.lowercased() == body["email"]?.string?.lowercased()
            }
        case "trigger": rows = try await account.triggers(id).filter { $0["name"]?.text == body["name"]?.string }
        default: return .notFound
        }
        guard let found = rows.first?["id"]?.text else { return .notFound }
        return .found(Self.receipt(found, step))
    }
}

/// Makes the steps of a catalogue: pure.
struct SmartsuppCataloguePlanner {
    let site: SmartsuppSite
    let contacts: SmartsuppContacts
    let options: SmartsuppTarget.Options
    let hasKey: Bool
    let creating: Set<CatalogueEntry.Kind>
    let identity: MigrationIdentity

    private var plan = TicketPlan()
    private var accountKey: WriteKey?

    init(
        site: SmartsuppSite, contacts: SmartsuppContacts, options: SmartsuppTarget.Options, hasKey: Bool,
        creating: Set<CatalogueEntry.Kind>, identity: MigrationIdentity
    ) {
        self.site = site
        self.contacts = contacts
        self.options = options
        self.hasKey = hasKey
        self.creating = creating
        self.identity = identity
    }

    private func key(_ part: String) -> WriteKey { identity.key(ticket: CatalogueEntry.ticketID, part: part) }

    /// The whole plan; call once.
    mutating func make(_ entries: [CatalogueEntry]) -> TicketPlan {
        let byAccount: Set<CatalogueEntry.Kind> = [.agent, .savedReply, .automaticMessage, .officeHours]
        if options.account == nil, options.createsAccount, hasKey,
            entries.contains(where: { byAccount.contains($0.kind) && creating.contains($0.kind) })
        {
            let key = key("account")
            accountKey = key
            step(
                "account", key, .create, "account \(identity.migration)",
                ["title": .string(identity.migration), "lang": "en"])
        }
        var names: Set<String> = []
        var emails: Set<String> = []
        for entry in entries {
            switch entry.kind {
            case .agent:
                if let email = entry.email?.lowercased(), !emails.insert(email).inserted { continue }
                agent(entry)
            case .customer: customer(entry)
            case .savedReply, .automaticMessage:
                guard site.triggers[entry.name] == nil else { continue }
                guard names.insert(entry.name).inserted else {
                    lose(entry, "another trigger has this name")
                    continue
                }
                trigger(entry)
            case .officeHours: hours(entry)
            case .organization, .department, .category, .product, .mailbox, .tag, .field:
                lose(entry, "Smartsupp's documented APIs make none")
            }
        }
        return plan
    }

    private mutating func lose(_ entry: CatalogueEntry, _ reason: String) {
        plan.losses.append(
            Loss(field: "catalogue.\(entry.kind.rawValue)", value: entry.name, reason: reason, fallback: .archive))
    }

    private mutating func step(
        _ op: String, _ key: WriteKey, _ verb: Step.Verb, _ name: String, _ body: JSON
    ) {
        plan.steps.append(
            Step(
                key: key, verb: verb, name: name, needs: accountKey.map { $0 == key ? [] : [$0] } ?? [],
                // Whether a new user is sent an invitation is not documented: it is counted.
                mails: op == "user" ? 1 : 0, undo: op == "user" || op == "trigger" ? .delete : .impossible,
                payload: ["op": .string(op), "body": body]))
    }

    /// Why the account API cannot be used for an entry; nil: it can.
    private func obstacle(_ entry: CatalogueEntry) -> String? {
        if !creating.contains(entry.kind) {
            return "Smartsupp has none of this name, and the migration does not make them"
        }
        if !hasKey { return "only the account API makes them, and there is no `apiKey`" }
        if options.account == nil, accountKey == nil {
            return "only the account API makes them, and there is no `account`"
        }
        return nil
    }

    private mutating func agent(_ entry: CatalogueEntry) {
        let email = entry.email?.lowercased() ?? ""
        if site.agents[email] != nil || site.users[email] != nil { return }
        guard let address = entry.email, SmartsuppPlanner.isAddress(address) else {
            return lose(entry, "a user logs in by an address, and this agent has none")
        }
        if let obstacle = obstacle(entry) { return lose(entry, obstacle) }
        guard options.passwords != nil else {
            return lose(entry, "a user needs a password, and there is no file for it (`passwords`)")
        }
        let role = entry.details["role"]?.text == "admin" ? "admin" : "agent"
        step(
            "user", key("agent:\(entry.id)"), .create, "agent \(address)",
            ["role": .string(role), "email": .string(address), "fullname": .string(entry.name)])
    }

    private mutating func customer(_ entry: CatalogueEntry) {
        guard creating.contains(.customer) else {
            return lose(entry, "contacts are made with their first conversation only")
        }
        var person: [JSON.Member] = []
        if let email = entry.email, SmartsuppPlanner.isAddress(email) { person.append(.init("email", .string(email))) }
        if !entry.name.isEmpty, entry.name != entry.email { person.append(.init("name", .string(entry.name))) }
        if let phone = entry.details["phone"]?.text, !phone.isEmpty { person.append(.init("phone", .string(phone))) }
        let marker = identity.key(ticket: SmartsuppTarget.contactTicket, part: "contact:\(entry.id)").marker
        let known = person.first { $0.key == "email" }?.value.string?.lowercased() ?? marker
        if contacts.id(known) != nil { return }
        let foreseen = contacts.foresee(known, .object(person), owner: "catalogue:\(entry.id)")
        plan.steps.append(
            Step(
                key: key("customer:\(entry.id)"), verb: .create, name: "customer \(entry.name)",
                requests: foreseen.requests, undo: .impossible,
                payload: ["op": "contact", "contact": .object(person), "person": .string(marker)],
                exclusive: ["contact \(known)"]))
    }

    private mutating func trigger(_ entry: CatalogueEntry) {
        if let obstacle = obstacle(entry) { return lose(entry, obstacle) }
        var body: JSON = ["active": false, "name": .string(entry.name)]
        let details = entry.details
        if let actions = details["actions"]?.array, let event = details["event"]?.text {
            // A trigger of Smartsupp itself: as it is, but switched off.
            body["event"] = .string(event)
            body["actions"] = .array(actions)
            body["conditions"] = details["conditions"] ?? []
            if let text = details["description"]?.text { body["description"] = .string(text) }
            if details["active"]?.bool == true || details["active"]?.text == "1" {
                lose(entry, "triggers are made switched off: switch it on in Smartsupp when it may be sent")
            }
        } else {
            guard let text = Self.text(of: details) else {
                return lose(entry, "it has no text that a trigger could send")
            }
            body["description"] = .string("Carried over from another helpdesk")
            body["event"] = "onload"
            body["conditions"] = []
            body["actions"] = [["name": "message", "agent_nick": "Support", "message": .string(text)]]
            if entry.kind == .automaticMessage {
                lose(entry, "when it was sent has no words here: the trigger has its text alone, switched off")
            }
        }
        step(
            "trigger", key("\(entry.kind.rawValue):\(entry.id)"), .create, "\(entry.kind.rawValue) \(entry.name)", body)
    }

    private static func text(of details: JSON) -> String? {
        for name in ["message", "content", "text", "body", "html"] {
            guard let text = details[name]?.text, !text.isEmpty else { continue }
            return SmartsuppText.plain(text, lineBreaks: true).text
        }
        return nil
    }

    private mutating func hours(_ entry: CatalogueEntry) {
        if let obstacle = obstacle(entry) { return lose(entry, obstacle) }
        guard entry.details["days"]?.array != nil, entry.details["config"]?.array != nil else {
            return lose(entry, "these office hours are not told in a form that Smartsupp takes")
        }
        var body: JSON = [:]
        for name in ["active", "days", "timezone", "config"] {
            if let value = entry.details[name] { body[name] = value }
        }
        step("hours", key("officeHours:\(entry.id)"), .set, "office hours", body)
    }
}
