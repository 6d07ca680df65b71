// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
public import Sandbox
public import TicketModel

/// A practice site: WordPress with the free Fluent Support 2.0.1, as it was measured over HTTP, oddities included.
///
/// What it does where nothing was measured follows the plugin's routes and messages; the Pro add-on's routes are absent.
/// Requests are handled one after another, each whole: the answer leaves after its change is in the state file.
public actor FluentSupportSandbox: SandboxHelpdesk {
    var state: State
    let options: SandboxOptions
    let zone: TimeZone
    private var log: SandboxLog?
    /// The bytes of files where there is no state file to lie beside.
    var looseFiles: [String: [UInt8]] = [:]
    var random: SandboxRandom
    var index: Index

    /// Opens a practice site: with a state file the one that is in it, else a new one.
    ///
    /// A new site is set up like a small help desk: the administrator `admin` and the agents Ada, Bruno and Chiyo with
    /// their WordPress users, one mailbox "Support", five tags, and as many made-up tickets as `options.tickets` says.
    /// With `options.fresh` it is as right after installation: one WordPress user and nothing else.
    ///
    /// - Throws: a `Diagnostic` when the state file cannot be used, or the time zone is unknown.
    public static func open(_ options: SandboxOptions = SandboxOptions()) async throws -> FluentSupportSandbox {
        guard let zone = TimeZone(identifier: options.timeZone) else {
            throw Diagnostic(
                code: "sandbox.unknown-zone", "there is no time zone `\(options.timeZone)`",
                remedy: "name one of the tz database, such as Europe/Berlin or UTC", cause: .usage)
        }
        var state = State()
        var log: SandboxLog?
        if let path = options.state {
            let (opened, entries) = try SandboxLog.open(path)
            do {
                for entry in entries { try state.restore(entry) }
            } catch {
                opened.close()
                throw Diagnostic(
                    code: "sandbox.state-unreadable", "the state file \(path) is not one of this sandbox: \(error)",
                    remedy: "give --state another file, or delete this one to start anew", cause: .machine)
            }
            log = opened
        }
        let sandbox = FluentSupportSandbox(state: state, options: options, zone: zone, log: log)
        try await sandbox.start()
        return sandbox
    }

    private init(state: State, options: SandboxOptions, zone: TimeZone, log: SandboxLog?) {
        self.state = state
        self.options = options
        self.zone = zone
        self.log = log
        index = Index(state)
        random = SandboxRandom(seed: options.seed ^ UInt64(state.tickets.last) << 20 ^ UInt64(state.responses.last))
    }

    private func start() throws {
        if state.users.isEmpty { setUp() }
        _ = try state.takeEntries()
        if let old = log { log = try old.replace(with: try state.allEntries()) }
    }

    /// Changes the tables as a test needs them; durable like a request.
    func edit(_ change: @Sendable (inout State) -> Void) throws {
        change(&state)
        index = Index(state)
        try commit()
    }

    /// See ``SandboxHelpdesk/respond(to:)``.
    ///
    /// A full disk is answered with 500, and the change is lost with the process.
    public func respond(to request: SandboxRequest) async -> SandboxResponse {
        var response = answer(request)
        do {
            try commit()
        } catch {
            response = SandboxResponse(status: 500, json: ["message": .string("\(error)")])
        }
        return response
    }

    private func commit() throws {
        let entries = try state.takeEntries()
        try log?.append(entries)
    }

    /// See ``SandboxHelpdesk/mails()``; the kinds are the keys of the plugin's e-mail settings.
    public func mails() async -> [SandboxMail] { Array(state.mails.all) }

    /// See ``SandboxHelpdesk/dump()``: an object with one array for each table.
    public func dump() async -> JSON {
        let entries = (try? state.allEntries()) ?? []
        var tables: [(String, [JSON])] = []
        for entry in entries {
            if tables.last?.0 != entry.table { tables.append((entry.table, [])) }
            if let row = entry.row, let json = try? JSON(parsing: row) { tables[tables.count - 1].1.append(json) }
        }
        return .object(tables.map { JSON.Member($0.0, .array($0.1)) })
    }

    /// See ``SandboxHelpdesk/close()``.
    public func close() async {
        log?.close()
        log = nil
    }

    /// See ``SandboxHelpdesk/route(of:)``.
    public nonisolated func route(of request: SandboxRequest) -> String {
        Call.restPath(request).split(separator: "/").map { Int($0) == nil ? String($0) : "{id}" }
            .joined(separator: "/")
    }
}

// MARK: - Clocks and chance

extension FluentSupportSandbox {
    /// Now, in seconds since 1970.
    var seconds: Int { Int(options.now().timeIntervalSince1970.rounded(.down)) }

    /// Now in the site's zone, as the database writes it.
    var localNow: String { local(seconds) }

    /// A moment in the site's zone, `YYYY-MM-DD HH:MM:SS`.
    func local(_ seconds: Int) -> String {
        let offset = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds)))
        return CivilTime(seconds + offset).text(separator: " ")
    }

    /// A time of the database as the API shows those that it shows with a zone: UTC, `+00:00`.
    func iso(_ local: String?) -> JSON {
        guard let local, let wall = CivilTime.seconds(local) else { return local.map { .string($0) } ?? .null }
        var offset = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(wall)))
        offset = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(wall - offset)))
        return .string(CivilTime(wall - offset).text(separator: "T") + "+00:00")
    }

    /// So many hexadecimal digits of chance.
    func token(_ length: Int) -> String {
        var out = ""
        while out.utf8.count < length {
            let part = String(random.next(), radix: 16)
            out += String(repeating: "0", count: 16 - part.utf8.count) + part
        }
        return String(out.prefix(length))
    }

    static func md5(_ text: String) -> String { hex(Insecure.MD5.hash(data: Array(text.utf8))) }

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

/// A time of day on a calendar without a zone, in seconds counted as if it were UTC.
struct CivilTime: Sendable {
    var seconds: Int

    init(_ seconds: Int) { self.seconds = seconds }

    /// `YYYY-MM-DD` and `HH:MM:SS` with something between them.
    func text(separator: String) -> String {
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let rest = seconds - days * 86_400
        let (year, month, day) = Self.date(days)
        func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
        let digits = String(year)
        let padded = String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
        return
            "\(padded)-\(two(month))-\(two(day))\(separator)\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))"
    }

    /// Reads `YYYY-MM-DD HH:MM:SS` and nothing else.
    static func seconds(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count == 19, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"), bytes[10] == 0x20,
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":")
        else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            guard bytes[range].allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return Int(String(decoding: bytes[range], as: UTF8.self))
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16), let second = number(17..<19), (1...12).contains(month),
            (1...31).contains(day),
            hour < 24, minute < 60, second < 60
        else { return nil }
        return days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
    }

    // The proleptic Gregorian calendar counted from 1970-03-01, in eras of 400 years.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let z = days + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let m = (5 * dayOfYear + 2) / 153
        let month = m < 10 ? m + 3 : m - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * m + 2) / 5 + 1)
    }
}
