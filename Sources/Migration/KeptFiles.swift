// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Synchronization
internal import TicketModel

/// The files that an archive has already, by the address that they came from: they are not fetched again.
///
/// Read at the first question; memory grows with the number of attachments, about 100 bytes each.
final class KeptFiles: Sendable {
    private struct Kept {
        var sha256: String
        var size: Int
    }

    private let folder: String
    private let known = Mutex<[String: Kept]?>(nil)

    /// - Parameter folder: the archive's; need not be there.
    init(folder: String) { self.folder = folder }

    /// The file of an address; nil where the archive has none, or one of another size than the source tells.
    func file(for attachment: Attachment) -> ResolvedFile? {
        guard let url = attachment.url else { return nil }
        let kept = known.withLock { known in
            let all = known ?? Self.read(folder)
            known = all
            return all[url]
        }
        guard let kept, attachment.size == nil || attachment.size == kept.size,
            attachment.sha256 == nil || attachment.sha256 == kept.sha256,
            FilesFolder(path: folder + "/files").has(kept.sha256)
        else { return nil }
        return ResolvedFile(
            name: attachment.name ?? "file", mediaType: attachment.mediaType,
            path: folder + "/files/" + kept.sha256, size: kept.size, sha256: kept.sha256)
    }

    /// What is no archive of ours has nothing to give.
    private static func read(_ folder: String) -> [String: Kept] {
        var found: [String: Kept] = [:]
        try? ArchiveStore.forEachLine(of: folder) { line in
            guard let ticket = try? line.ticket() else { return }
            for attachment in ticket.messages.flatMap(\.attachments) {
                guard let url = attachment.url, let sha256 = attachment.sha256, let size = attachment.size,
                    attachment.file == sha256
                else { continue }
                found[url] = Kept(sha256: sha256, size: size)
            }
        }
        return found
    }
}

extension Ticket {
    /// Notes at an attachment where its bytes are kept.
    mutating func note(_ file: ResolvedFile, at place: (message: Int, attachment: Int)) {
        guard messages.indices.contains(place.message),
            messages[place.message].attachments.indices.contains(place.attachment)
        else { return }
        var attachment = messages[place.message].attachments[place.attachment]
        // The path goes, so the name in it stays.
        if attachment.file != nil { attachment.name = attachment.name ?? file.name }
        attachment.file = file.sha256
        attachment.sha256 = file.sha256
        attachment.size = file.size
        messages[place.message].attachments[place.attachment] = attachment
    }
}
