// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import TicketModel

extension SupportEngineTarget {
    /// Looks at the addresses of `emails`, `addresses` and of the tickets planned so far; says so where it can only be a
    /// part: the API has no list of all tickets.
    func inventory() async throws -> [FoundTicket] {
        let api = api
        if options.addresses.isEmpty { warnOfPart() }
        let lists = try await addresses.mapAtOnce { email in (email, try await api.list(email)) }
        var seen: Set<String> = []
        let tickets = lists.flatMap { email, rows in
            rows.compactMap { $0["id"]?.text }.filter { seen.insert($0).inserted }.map { (id: $0, email: email) }
        }
        return try await tickets.mapAtOnce { id, email -> FoundTicket? in
            guard let whole = try await api.view(id, email: email),
                let marker = whole["ticket"]?["message"]?.string.flatMap(SupportEngineText.marker(in:))
            else { return nil }
            return FoundTicket(
                digest: marker.digest, generation: marker.generation,
                receipt: Receipt(
                    id: id, details: ["email": whole["ticket"]?["email"] ?? .string(email)],
                    stored: Self.fingerprint(of: whole)))
        }.compactMap(\.self)
    }

    /// Once in a run.
    private func warnOfPart() {
        takeSink()?.emit(
            Diagnostic(
                .note, code: "supportengine.no-emails",
                "without `emails` tickets of earlier runs are not searched for all at once: each is looked for at its own address before it is made, and taken over where it is there",
                subject: api.address,
                remedy:
                    "nothing needs to be done for `migrate`; for `--adopt` and for a `verify` without the journal name the customers' addresses in `emails`",
                cause: .badInput))
    }

    func lookUp(_ step: Step, receipts: [WriteKey: Receipt]) async throws -> LookUp {
        if step.payload["op"]?.string == "create" { return try await lookUpTicket(step) }
        guard let ticket = step.needs.first.flatMap({ receipts[$0] }) else { return .notFound }
        guard let whole = try await api.view(ticket.id, email: Self.email(of: ticket, step)) else {
            return .cannotTell(gone(step, ticket.id))
        }
        let ids = Self.markers(in: whole)[step.key.marker] ?? []
        if ids.count > 1 { return .cannotTell(several(step, ids)) }
        if let id = ids.first { return .found(receipt(of: step, id: id, in: whole)) }
        let text = step.payload["message"]?.string ?? ""
        let near = (whole["replies"]?.array ?? []).filter { Self.couldBe($0["message"]?.string ?? "", text) }
        return near.isEmpty ? .notFound : .cannotTell(mutilated(step, near.compactMap { $0["id"]?.text }))
    }

    /// ``lookUp(_:receipts:)`` of a ticket, with the failure as a value.
    func found(_ step: Step) async -> Result<LookUp, Diagnostic> {
        do { return .success(try await lookUpTicket(step)) } catch {
            return .failure(error as? Diagnostic ?? missingTicket(step))
        }
    }

    /// Lists the address, and views the tickets whose subject may be ours: by the marker alone it is told.
    private func lookUpTicket(_ step: Step) async throws -> LookUp {
        let api = api
        let form = Self.form(of: step)
        func value(_ name: String) -> String { form.first { $0.name == name }?.value ?? "" }
        let (email, subject, message) = (value("user_email"), value("subject"), value("message"))
        var ours: [(id: String, whole: JSON)] = []
        var near: [String] = []
        for row in try await api.list(email) {
            guard let id = row["id"]?.text else { continue }
            // Subjects of forms are all alike: each ticket of ours is viewed once in a run.
            if let known = marker(ofTicket: id), known != step.key.marker { continue }
            let there = row["subject"]?.text ?? ""
            guard there == subject || Self.mayBeCut(there, subject) else { continue }
            guard let whole = try await api.view(id, email: email) else { continue }
            let text = whole["ticket"]?["message"]?.string ?? ""
            if let (digest, generation) = SupportEngineText.marker(in: text) {
                learn(marker: "ferry-\(digest)-\(generation)-", ofTicket: id)
            }
            if SupportEngineText.carries(text, step.key) {
                ours.append((id, whole))
            } else if Self.couldBe(text, message) {
                near.append(id)
            }
        }
        if ours.count > 1 { return .cannotTell(several(step, ours.map(\.id))) }
        if let (id, whole) = ours.first {
            var receipt = Receipt(id: id, details: Self.details(of: step), stored: Self.fingerprint(of: whole))
            receipt.losses = Self.changes(form, whole).map(\.loss)
            return .found(receipt)
        }
        return near.isEmpty ? .notFound : .cannotTell(mutilated(step, near))
    }

    /// Whether a stored subject may be what is left of one that was sent; generous, since the marker decides.
    private static func mayBeCut(_ stored: String, _ sent: String) -> Bool { plain(sent).starts(with: plain(stored)) }

    private static func plain(_ text: String) -> [UInt8] {
        text.utf8.filter { $0 < 0x80 && $0 != UInt8(ascii: "?") }
    }

    /// Whether a stored text may be what is left of one that was sent: cut, or with letters become question marks.
    static func couldBe(_ stored: String, _ sent: String) -> Bool {
        guard SupportEngineText.marker(in: stored) == nil else { return false }
        let (a, b) = (plain(stored), plain(sent))
        // The marker is ASCII and last: what has it not is shorter.
        return !a.isEmpty && a.count <= b.count && b.starts(with: a)
            && stored.utf8.count * 4 >= min(sent.utf8.count, 64)
    }

    func adopt(_ steps: [Step], ticket: Receipt) async throws -> [WriteKey: Receipt] {
        guard let first = steps.first, let whole = try await api.view(ticket.id, email: Self.email(of: ticket, first))
        else { return [:] }
        let found = Self.markers(in: whole)
        var out: [WriteKey: Receipt] = [:]
        for step in steps {
            if step.payload["op"]?.string == "create" {
                var receipt = Receipt(
                    id: ticket.id, details: Self.details(of: step), stored: Self.fingerprint(of: whole))
                receipt.losses = Self.changes(Self.form(of: step), whole).map(\.loss)
                out[step.key] = receipt
            } else if let ids = found[step.key.marker], let id = ids.first, ids.count == 1 {
                out[step.key] = receipt(of: step, id: id, in: whole)
            }
        }
        return out
    }

    func storedFingerprint(ticket: Receipt) async throws -> String? {
        try await whole(ticket).map(Self.fingerprint(of:))
    }

    /// Of what people change in a ticket; replies are not among it.
    static func fingerprint(of whole: JSON) -> String {
        var texts: [String] = []
        for name in ["subject", "status", "priority", "email", "name", "company", "category_id"] {
            texts += [name, whole["ticket"]?[name]?.text ?? ""]
        }
        for field in (whole["custom_fields"]?.members ?? []).sorted(by: { $0.key < $1.key }) {
            texts += [field.key, field.value["value"]?.text ?? ""]
        }
        return Digest.of(texts)
    }

    /// The ids of a ticket's replies by the marker in their last line.
    static func markers(in whole: JSON) -> [String: [String]] {
        var out: [String: [String]] = [:]
        for reply in whole["replies"]?.array ?? [] {
            guard let text = reply["message"]?.string, let id = reply["id"]?.text,
                let (digest, generation) = SupportEngineText.marker(in: text)
            else { continue }
            out["ferry-\(digest)-\(generation)-", default: []].append(id)
        }
        return out
    }

    private func receipt(of step: Step, id: String, in whole: JSON) -> Receipt {
        var receipt = Receipt(id: id)
        let row = whole["replies"]?.array?.first { $0["id"]?.text == id }
        if let change = Self.change("messages[].body", step.payload["message"]?.string ?? "", row?["message"]?.string) {
            receipt.losses = [change.loss]
        }
        return receipt
    }

    private func several(_ step: Step, _ ids: [String]) -> Diagnostic {
        Diagnostic(
            code: "supportengine.several",
            "SupportEngine holds “\(step.name)” more than once: \(ids.joined(separator: ", "))", subject: api.address,
            remedy: "delete all but one there, then decide with `ticketferry resolve`", cause: .someFailed)
    }

    private func mutilated(_ step: Step, _ ids: [String]) -> Diagnostic {
        Diagnostic(
            code: "supportengine.unmarked",
            "SupportEngine holds something like “\(step.name)” without our mark (\(ids.joined(separator: ", "))): cut by the server, or somebody else's",
            subject: api.address, remedy: "look at it there, then decide with `ticketferry resolve`", cause: .someFailed
        )
    }
}
