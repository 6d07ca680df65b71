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
    /// The pauses before a file is asked for again after what may pass: a lost connection, a gateway's error, a page.
    private static let patience: ArraySlice<Duration> = [.seconds(1), .seconds(2), .seconds(4), .seconds(8)]
    /// The pauses before a file is asked for again after 429 without a time: beyond the minute of Fluent Support's limit.
    private static let throttledPatience: ArraySlice<Duration> = [
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
            let handle = FileHandle(forUpdatingAtPath: path)
        else { throw disk(path) }
        defer { try? handle.close() }
        var pauses = Self.patience
        var throttledPauses = Self.throttledPatience
        while true {
            let trouble: String
            do {
                try handle.truncate(atOffset: 0)
                let head = try await client.download(
                    url, into: FileSink(handle, limit: Self.limit), allowsPrivateAddresses: allowsPrivateAddresses)
                switch head.status.code {
                case 200..<300:
                    let data = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
                    let start = String(decoding: data.prefix(4096), as: UTF8.self)
                    if data.count < 4096, let reason = refusal(start) {
                        return failure(FileUnavailable(reason), path)
                    }
                    guard !Self.isPage(start, of: head, instead: attachment) else {
                        trouble = "the site showed a web page instead of the file"
                        break
                    }
                    let file = ResolvedFile(
                        name: attachment.name ?? "file", mediaType: attachment.mediaType, path: path, size: data.count,
                        sha256: Digest.hex(SHA256.hash(data: data)))
                    return .success(file)
                case 429:
                    guard let pause = throttledPauses.popFirst() else { throw throttled(client) }
                    try await clock.sleep(for: pause)
                    continue
                case let status where status >= 500 || status == 408: trouble = "the site answered HTTP \(status)"
                case let status: return failure(FileUnavailable("the site answered HTTP \(status)"), path)
                }
            } catch let failed as HTTPFailure {
                guard failed.mayPass else { return failure(FileUnavailable(failed.detail), path) }
                trouble = failed.detail
            }
            guard let pause = pauses.popFirst() else {
                return failure(FileUnavailable("\(trouble), each of \(Self.patience.count + 1) times"), path)
            }
            try await clock.sleep(for: pause)
        }
    }

    private func failure(_ reason: FileUnavailable, _ path: String) -> Result<ResolvedFile, FileUnavailable> {
        try? FileManager.default.removeItem(atPath: path)
        return .failure(reason)
    }

    private func throttled(_ client: APIClient) -> Diagnostic {
        Diagnostic(
            code: "attachments.throttled", "the site gives out no more files for now (HTTP 429)",
            subject: client.base.site.origin, remedy: "run the same command again in some minutes",
            cause: .unavailable)
    }

    /// Whether a firewall's, a cache's or a login's page came in a file's place, with a status of success.
    private static func isPage(_ start: String, of head: HTTPResponse, instead attachment: Attachment) -> Bool {
        guard head.headerFields[.contentType]?.lowercased().hasPrefix("text/html") == true else { return false }
        if attachment.mediaType?.lowercased().contains("html") == true { return false }
        let isNamedPage = [attachment.name, attachment.url].contains { name in
            let name = name?.lowercased() ?? ""
            return [".html", ".htm", ".xhtml", ".shtml"].contains(where: name.hasSuffix)
        }
        if isNamedPage { return false }
        let text = start.drop { $0.isWhitespace || $0 == "\u{FEFF}" }.prefix(16).lowercased()
        return text.hasPrefix("<!doctype html") || text.hasPrefix("<html")
    }

    /// The hash of a stored file's bytes, fetched afresh: a file may change between two looks.
    static func sha256(
        of stored: StoredFile, allowsOtherHosts: Bool, client: APIClient,
        refusal: @escaping @Sendable (String) -> String? = { _ in nil }
    ) async throws -> Result<String, FileUnavailable> {
        let fetcher = AttachmentFetcher(allowsOtherHosts: allowsOtherHosts)
        defer { fetcher.close() }
        var attachment = Attachment()
        (attachment.name, attachment.url) = (stored.name, stored.locator)
        return try await fetcher.file(for: attachment, client: client, refusal: refusal).map(\.sha256)
    }

    /// Removes what was fetched.
    func close() {
        if let folder = state.withLock({ $0.folder }) { try? FileManager.default.removeItem(atPath: folder) }
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

extension HTTPFailure {
    /// Whether another try of a download may go better.
    fileprivate var mayPass: Bool {
        switch reason {
        case .timeout, .connectionLost, .unreachable, .malformed: true
        default: false
        }
    }
}
