// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import TicketModel

extension SupportEnginePlanner {
    /// The steps that make the ticket and its replies, oldest first.
    ///
    /// Never a note: posted as a reply it would be public.
    mutating func messages(_ form: [(String, String)], keys: [String]) {
        let opening = ticket.openingIndex(
            keys, first: ticket.publicFirst, progress: progress, createKey: createKey)
        let texts: [String]
        if let opening {
            texts = self.texts(opening, key: createKey)
            author(opening, isOpening: true)
        } else {
            texts = ["\(ticket.placeholder)\n\(SupportEngineText.marker(createKey))"]
            // A text that the source does not have any more stays in the ticket.
            if progress.done[createKey]?.receipt.details["opening"]?.string ?? "" == "" {
                book.lose(
                    "messages[]", nil, "what opened the ticket is not public; the subject stands for it", .substitute)
            }
        }
        create(form, texts, openingKey: opening.map { keys[$0] } ?? "")
        for (index, message) in ticket.messages.enumerated() where index != opening {
            switch message.kind {
            case .reply:
                let key = key("message:\(keys[index])")
                let texts = self.texts(index, key: key)
                append(texts[0], key: key, name: "reply \(keys[index])")
                parts(texts, of: keys[index])
                author(index, isOpening: false)
                date(message)
            case .note:
                book.lose(
                    "messages[]", "note", "SupportEngine has no internal notes, and a note is never made public",
                    .archive)
            case .event:
                book.lose("messages[]", "event", "SupportEngine's API takes no system lines", .archive)
            }
        }
    }

    private mutating func create(_ form: [(String, String)], _ texts: [String], openingKey: String) {
        var members = form.map { JSON.Member($0.0, .string($0.1)) }
        members.append(.init("message", .string(texts[0])))
        plan.steps.append(
            Step(
                key: createKey, verb: .create, name: "ticket",
                // Looked for before it is sent: there is no key that the server would compare.
                requests: 2, undo: .impossible,
                payload: ["op": "create", "form": .object(members), "opening": .string(openingKey)], value: "open"))
        parts(texts, of: "~opening")
        if !openingKey.isEmpty, let message = ticket.messages.first(where: { $0.kind == .reply }) { date(message) }
    }

    private mutating func append(_ text: String, key: WriteKey, name: String) {
        plan.steps.append(
            Step(
                key: key, verb: .append, name: name, needs: [createKey], undo: .impossible,
                payload: ["op": "reply", "email": .string(email), "message": .string(text)]))
    }

    /// What of a long text goes into replies of its own.
    private mutating func parts(_ texts: [String], of name: String) {
        guard texts.count > 1 else { return }
        for (number, text) in texts.enumerated().dropFirst() {
            append(text, key: key("part:\(name):\(number + 1)"), name: "part \(number + 1) of \(name)")
        }
        changed[
            "SupportEngine holds \(SupportEngineText.textLimit) bytes in one text: the rest follows in replies",
            default: 0] += 1
        book.lose(
            "messages[]", "reply", "a text over the limit goes on in \(texts.count - 1) more replies", .substitute)
    }

    /// A message's text as it is sent: the header line, the words, our marker; several where it is too long for one.
    private mutating func texts(_ index: Int, key: WriteKey) -> [String] {
        let message = ticket.messages[index]
        for (place, file) in message.attachments.enumerated() {
            book.lose(
                "messages[].attachments[]", file.name ?? "file \(place + 1)", "SupportEngine's API takes no files",
                .archive)
        }
        var text = content(message)
        let end = text.reversed().prefix { $0.isNewline }.count
        if end > 0, end < text.count {
            changed["line breaks at the end are left out: our mark follows", default: 0] += 1
        }
        text.removeLast(end)
        if text.isEmpty {
            text = options.isHTML ? SupportEngineText.html(text: ticket.placeholder) : ticket.placeholder
            book.lose(
                "messages[].body", nil, "SupportEngine demands a text; the subject stands for it", .substitute)
        }
        let line = draft.authorships.indices.contains(index) ? draft.authorships[index].header : ""
        let head: String =
            if line.isEmpty {
                ""
            } else if options.isHTML {
                "<p><em>\(WordPressSite.escaped(line))</em></p>\n"
            } else {
                "\(line)\n\n"
            }
        hasHeader = hasHeader || !head.isEmpty
        let tail = "\n\(SupportEngineText.marker(key))"
        let room = SupportEngineText.textLimit - head.utf8.count - tail.utf8.count - 32
        guard options.hasLimits, text.utf8.count > room, room > 1024 else { return [head + text + tail] }
        let pieces = SupportEngineText.pieces(text, limit: room)
        let name = key.part == "ticket" ? "~opening" : String(key.part.dropFirst("message:".count))
        return pieces.enumerated().map { number, piece in
            let own = number == 0 ? key : self.key("part:\(name):\(number + 1)")
            return "\(head)(\(number + 1)/\(pieces.count))\n\(piece)\n\(SupportEngineText.marker(own))"
        }
    }

    /// The words of a message in the form that the server's texts have.
    private mutating func content(_ message: Message) -> String {
        switch (message.body, options.isHTML) {
        case (nil, _): return ""
        case (.text(let text)?, false): return text
        case (.html(let html, let breaks)?, false):
            let plain = SupportEngineText.plain(html: html, lineBreaks: breaks)
            if SupportEngineText.words(html: html, lineBreaks: breaks) != SupportEngineText.tidy(plain) {
                changed["HTML is written as plain text; `bodies: html` keeps it as it is", default: 0] += 1
            }
            return plain
        case (.html(let html, false)?, true): return html
        case (.html(let html, true)?, true):
            if !html.isEmpty { changed["line breaks are written as HTML", default: 0] += 1 }
            return SupportEngineText.html(withBreaks: html)
        case (.text(let text)?, true):
            if !text.isEmpty { changed["plain text is written as HTML (`bodies: html`)", default: 0] += 1 }
            return SupportEngineText.html(text: text)
        }
    }

    /// The server keeps no author of a reply, and the ticket's own text is the customer's.
    private mutating func author(_ index: Int, isOpening: Bool) {
        let author = ticket.messages[index].author
        if isOpening {
            guard author.map(ticket.isRequester) != true, !comesBack(author) else { return }
            book.named(author, reason: "SupportEngine shows the customer as the writer of a ticket's first text")
        } else if author != nil {
            book.named(author, reason: "SupportEngine keeps no author of a reply that comes by its API")
        }
    }

    /// Whether the customer whom the ticket is made with is that author.
    private func comesBack(_ author: Person?) -> Bool {
        guard let author, author.email == email else { return false }
        return author.role == .agent || Self.name(of: author) == name
    }

    private mutating func date(_ message: Message) {
        guard !book.losses.contains(where: { $0.field == "messages[].createdAt" }) else { return }
        book.lose(
            "messages[].createdAt", message.createdAt?.description, "SupportEngine's API sets no dates",
            message.createdAt == nil ? .substitute : .header)
    }
}
