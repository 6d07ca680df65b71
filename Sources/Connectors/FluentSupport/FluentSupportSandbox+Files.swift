// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// `POST /ticket_file_upload`: one file in the field `file`; the hash in the answer serves once.
    func upload(_ call: Call) throws -> JSON {
        guard let user = call.user else { throw Failure.forbidden(loggedIn: false) }
        let person = call.agent ?? state.persons.all.first { $0.userID == user.id }
        guard let file = call.files.first(where: { $0.field == "file" }) else {
            if call.files.isEmpty { return ["attachments": []] }
            throw Failure(status: 422, body: ["file": ["mimetypes": .string(refusal)]])
        }
        let limit = Double(business["max_file_size"]?.plainText ?? "") ?? 2
        var problems: [JSON.Member] = []
        if Double(file.bytes.count) > limit * 1024 * 1024 {
            let megabytes = String(format: "%.1f", limit)
            problems.append(
                .init(
                    "max",
                    .string(
                        "The file cannot be more than \(megabytes)MB. Please upload somewhere like Dropbox/Google Drive "
                            + "and paste the link in the response")))
        }
        let type = Self.mediaType(of: file.bytes, named: file.name)
        if type == nil || !accepts(type ?? "") { problems.append(.init("mimetypes", .string(refusal))) }
        if !problems.isEmpty { throw Failure(status: 422, body: ["file": .object(problems)]) }
        guard let person else { throw Failure.message("You do not have permission to upload a file") }
        let digest = Self.hex(SHA256.hash(data: file.bytes))
        guard keep(file.bytes, digest) else { throw Failure.message("The file could not be saved") }
        let ticket = call.int("ticket_id")
        let (hash, now, at) = (token(32), localNow, seconds)
        let row = state.attachments.insert {
            Attachment(
                id: $0, ticketID: ticket == 0 ? nil : ticket, personID: person.id, responseID: nil,
                fileType: type ?? "", title: Text.fileName(file.name), fileHash: hash, status: "in-active",
                sha256: digest, size: file.bytes.count, createdAt: now, uploadedAt: at, lost: false)
        }
        if let ticket = row.ticketID { index.attachments[ticket, default: []].append(row.id) }
        index.files[hash] = row.id
        return ["attachments": [.string(hash)]]
    }

    private var refusal: String {
        let names = ["images": "Photos", "csv": "CSV", "documents": "PDF/Docs", "zip": "Zip", "json": "JSON"]
        let accepted = Set(business["accepted_file_types"]?.texts ?? [])
        let order = ["images", "csv", "documents", "zip", "json"].filter { accepted.contains($0) }
        return "Only \(order.compactMap { names[$0] }.joined(separator: ", ")) files are allowed."
    }

    private func accepts(_ type: String) -> Bool {
        let groups = [
            "image/png": "images", "image/gif": "images", "image/jpeg": "images", "image/webp": "images",
            "text/csv": "csv", "text/plain": "csv", "application/pdf": "documents", "application/msword": "documents",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "documents",
            "application/zip": "zip",
        ]
        guard let group = groups[type] else { return false }
        return business["accepted_file_types"]?.texts.contains(group) == true
    }

    /// What the site takes a file for, by its bytes and the ending of its name together; nil: neither or both in doubt.
    static func mediaType(of bytes: [UInt8], named name: String) -> String? {
        let parts = name.split(separator: ".")
        guard parts.count > 1 || name.hasPrefix("."), let ending = parts.last?.lowercased() else { return nil }
        func starts(_ head: String) -> Bool { bytes.starts(with: head.utf8) }
        let zip = bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) || bytes.starts(with: [0x50, 0x4B, 0x05, 0x06])
        switch ending {
        case "png": return bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) ? "image/png" : nil
        case "gif": return starts("GIF8") ? "image/gif" : nil
        case "jpg", "jpeg": return bytes.starts(with: [0xFF, 0xD8, 0xFF]) ? "image/jpeg" : nil
        case "webp": return starts("RIFF") ? "image/webp" : nil
        case "pdf": return starts("%PDF-") ? "application/pdf" : nil
        case "zip": return zip ? "application/zip" : nil
        case "doc": return bytes.starts(with: [0xD0, 0xCF, 0x11, 0xE0]) ? "application/msword" : nil
        case "docx":
            return zip ? "application/vnd.openxmlformats-officedocument.wordprocessingml.document" : nil
        case "csv": return looksLikeText(bytes) ? "text/csv" : nil
        // A comma in each line is taken for CSV, which does not go with the ending.
        case "txt": return looksLikeText(bytes) && !looksLikeCSV(bytes) ? "text/plain" : nil
        default: return nil
        }
    }

    private static func looksLikeText(_ bytes: [UInt8]) -> Bool {
        bytes.count > 2 && !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
    }

    private static func looksLikeCSV(_ bytes: [UInt8]) -> Bool {
        let lines = bytes.split(separator: 0x0A)
        return lines.count > 1 && lines.allSatisfy { $0.contains(UInt8(ascii: ",")) }
    }

    /// Takes uploads for a ticket or a response; the others are ignored without a word.
    ///
    /// Of an upload older than two hours only the row is left, the hourly cleaning has its bytes.
    @discardableResult
    func attach(
        _ hashes: [String], to ticket: Int, response: Int?, person: Int, anyTicket: Bool
    ) -> [Attachment] {
        let wanted = Set(hashes)
        let rows = wanted.compactMap { index.files[$0] }.sorted().compactMap { state.attachments[$0] }
        var taken: [Attachment] = []
        for var row in rows where row.status == "in-active" && (anyTicket || row.ticketID == ticket) {
            if let old = row.ticketID, old != ticket { index.attachments[old]?.removeAll { $0 == row.id } }
            if row.ticketID != ticket {
                index.attachments[ticket, default: []].append(row.id)
                index.attachments[ticket]?.sort()
            }
            row.ticketID = ticket
            row.personID = person
            row.responseID = response
            row.status = "active"
            row.lost = seconds - row.uploadedAt > 7200
            state.attachments[row.id] = row
            taken.append(row)
        }
        return taken
    }

    func removeAttachment(_ row: Attachment) {
        state.attachments[row.id] = nil
        index.files[row.fileHash] = nil
        if let ticket = row.ticketID { index.attachments[ticket]?.removeAll { $0 == row.id } }
    }

    /// What is not REST: downloads at `/index.php?fst_file=…`, and a front page.
    func page(_ call: Call) -> SandboxResponse {
        func text(_ status: Int, _ body: String) -> SandboxResponse {
            SandboxResponse(
                status: status, headers: ["Content-Type": "text/html; charset=UTF-8"], body: Array(body.utf8))
        }
        guard let hash = call["fst_file"]?.plainText else {
            return call.request.path == "/" || call.path == "index.php"
                ? text(200, "<!DOCTYPE html><html><body><h1>Practice site</h1></body></html>")
                : text(404, "<!DOCTYPE html><html><body><h1>Not Found</h1></body></html>")
        }
        guard let row = index.files[hash].flatMap({ state.attachments[$0] }), !row.lost, let bytes = bytes(row.sha256)
        else { return text(200, "File could not be found") }
        guard call["secure_sign"]?.plainText == Self.md5("\(row.fileHash) \(options.seed)") else {
            return text(200, "Sorry, Your secure sign is invalid, Please reload the page and get new signed url")
        }
        return SandboxResponse(
            status: 200,
            headers: ["Content-Type": row.fileType, "Content-Disposition": "inline; filename=\"\(row.title)\""],
            body: bytes)
    }

    // MARK: - Bytes beside the state file

    private func keep(_ bytes: [UInt8], _ digest: String) -> Bool {
        guard let state = options.state else {
            looseFiles[digest] = bytes
            return true
        }
        let folder = URL(fileURLWithPath: "\(state).files", isDirectory: true)
        let file = folder.appendingPathComponent(digest)
        if FileManager.default.fileExists(atPath: file.path) { return true }
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data(bytes).write(to: file, options: .atomic)
            return true
        } catch {
            return false
        }
    }

    /// The bytes of a file by their SHA-256.
    func bytes(_ digest: String) -> [UInt8]? {
        guard let state = options.state else { return looseFiles[digest] }
        return FileManager.default.contents(atPath: "\(state).files/\(digest)").map { Array($0) }
    }
}
