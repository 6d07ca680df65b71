// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import Foundation
internal import HTTPTypes
internal import Migration
internal import Synchronization
internal import TicketModel
internal import Transport

/// Fetches the files of attachments into a private folder of this process, each address once.
///
/// The login goes to the helpdesk's own host only; private addresses other than that host are refused unless the
/// migration file allows them (`privateAddresses`); no name that a helpdesk tells becomes part of a path.
final class AttachmentFetcher: Sendable {
    private struct State {
        var folder: String?
        /// What came of each address: asked once in a process, so that a run does what its plan said.
        var asked: [String: Task<Result<ResolvedFile, FileUnavailable>, any Error>] = [:]
    }

    /// The largest file that is fetched, in bytes.
    static let limit = 2 << 30
    /// The pauses before a file is asked for again after 429 without a time: beyond the minute of Fluent Support's limit.
    private static let patience: ArraySlice<Duration> = [
        .seconds(5), .seconds(10), .seconds(20), .seconds(30), .seconds(60),
    ]

    private let allowsPrivateAddresses: Bool
    /// Whether a host beside the helpdesk's own may be asked.
    private let allowsOtherHosts: Bool
    private let clock: any RunClock
    private let state = Mutex(State())

    init(allowsPrivateAddresses: Bool = false, allowsOtherHosts: Bool = true, clock: any RunClock = SystemRunClock()) {
        self.allowsPrivateAddresses = allowsPrivateAddresses
        self.allowsOtherHosts = allowsOtherHosts
        self.clock = clock
    }

    /// The file at an attachment's address.
    ///
    /// `refusal` looks at a small answer of success and says why it is no file, for helpdesks that say so with 200.
    /// - Throws: a `Diagnostic` where this machine cannot keep it, or the helpdesk asks for a longer pause.
    func file(
        for attachment: Attachment, client: APIClient, refusal: @escaping @Sendable (String) -> String? = { _ in nil }
    ) async throws -> Result<ResolvedFile, FileUnavailable> {
        guard let text = attachment.url, let url = EndpointURL(text) else {
            return .failure(
                FileUnavailable(attachment.url == nil ? "it has no address" : "its address is no web address"))
        }
        guard allowsOtherHosts || url.host == client.base.site.host else {
            return .failure(FileUnavailable("its address leads to another host (\(url.host))"))
        }
        let (asked, isFirst) = state.withLock { state in
            if let known = state.asked[text] { return (known, false) }
            let made = Task { try await self.fetch(url, attachment, client: client, refusal: refusal) }
            state.asked[text] = made
            return (made, true)
        }
        do {
            var result = try await asked.value
            if case .success(var file) = result {
                file.name = attachment.name ?? file.name
                file.mediaType = attachment.mediaType ?? file.mediaType
                result = .success(file)
            }
            return result
        } catch {
            // A pause that was asked for, or a full disk: the next ticket tries again.
            if isFirst { state.withLock { $0.asked[text] = nil } }
            throw error
        }
    }

    private func fetch(
        _ url: EndpointURL, _ attachment: Attachment, client: APIClient, refusal: @Sendable (String) -> String?
    ) async throws -> Result<ResolvedFile, FileUnavailable> {
        let path = try folder() + "/" + UUID().uuidString
        guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
            let handle = FileHandle(forWritingAtPath: path)
        else { throw disk(path) }
        defer { try? handle.close() }
        let status: Int
        do {
            status = try await download(url, into: handle, client: client)
        } catch let failure as HTTPFailure {
            try? FileManager.default.removeItem(atPath: path)
            return .failure(FileUnavailable(failure.detail))
        }
        if status == 429 {
            throw Diagnostic(
                code: "attachments.throttled", "the site gives out no more files for now (HTTP 429)",
                subject: client.base.site.origin, remedy: "run the same command again in some minutes",
                cause: .unavailable)
        }
        guard (200..<300).contains(status) else {
            try? FileManager.default.removeItem(atPath: path)
            return .failure(FileUnavailable("the site answered HTTP \(status)"))
        }
        let data = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
        if data.count < 4096, let reason = refusal(String(decoding: data, as: UTF8.self)) {
            return .failure(FileUnavailable(reason))
        }
        let file = ResolvedFile(
            name: attachment.name ?? "file", mediaType: attachment.mediaType, path: path, size: data.count,
            sha256: Digest.hex(SHA256.hash(data: data)))
        return .success(file)
    }

    /// Removes what was fetched.
    func close() {
        if let folder = state.withLock({ $0.folder }) { try? FileManager.default.removeItem(atPath: folder) }
    }

    /// The status of the last answer; a failed one leaves nothing in the file.
    private func download(_ url: EndpointURL, into handle: FileHandle, client: APIClient) async throws -> Int {
        var patience = Self.patience
        while true {
            let head = try await client.download(
                url, into: FileSink(handle, limit: Self.limit), allowsPrivateAddresses: allowsPrivateAddresses)
            guard head.status.code == 429, let pause = patience.popFirst() else { return head.status.code }
            try await clock.sleep(for: pause)
        }
    }

    private func folder() throws -> String {
        try state.withLock { state in
            if let folder = state.folder { return folder }
            let temporary = FileManager.default.temporaryDirectory
            Self.removeLeftovers(in: temporary)
            let owner = ProcessInfo.processInfo.processIdentifier
            let url = temporary.appendingPathComponent("ticketferry-files-\(owner)-\(UUID().uuidString)")
            do {
                try FileManager.default.createDirectory(
                    at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } catch { throw disk(url.path) }
            state.folder = url.path
            return url.path
        }
    }

    /// Removes what processes of ours left that were killed.
    private static func removeLeftovers(in folder: URL) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        where name.hasPrefix("ticketferry-files-") {
            let path = folder.appendingPathComponent(name).path
            let owner = try? FileManager.default.attributesOfItem(atPath: path)[.ownerAccountID] as? NSNumber
            guard let process = name.split(separator: "-").dropFirst(2).first.flatMap({ Int32($0) }),
                owner?.uint32Value == getuid(), kill(process, 0) != 0, errno == ESRCH
            else { continue }
            try? FileManager.default.removeItem(atPath: path)
        }
    }

    private func disk(_ path: String) -> Diagnostic {
        Diagnostic(
            code: "attachments.disk", "no file can be made in \(path)", remedy: "make room or allow writing there",
            cause: .machine)
    }
}
