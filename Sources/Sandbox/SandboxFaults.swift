// SPDX-License-Identifier: Apache-2.0

import TicketModel

/// What goes wrong on purpose, and how often.
///
/// The grammar is a list of rules with commas between them:
///
///     429=0.05              answers 429 with Retry-After: 1, nothing done (any status from 400 to 599)
///     429=0.05@100ms        the same with a shorter wait asked for, in fractions of a second
///     504-after=0.01        does the work, then answers 504
///     drop-before=0.01      closes the connection, nothing done
///     drop-after=0.03       does the work, then closes the connection without an answer
///     truncate=0.01         does the work, then cuts the answer in the middle
///     html=0.01             answers a firewall's HTML page with 403, nothing done
///     html-after=0.01       does the work, then answers an HTML page with 200
///     hold=0.02@3s          does the work, then holds the answer back for that long
///     latency=20ms          every answer takes that much longer
///
/// Chances are from 0 to 1 and add up to at most 1 (`latency` apart). Which request meets which fault follows from the
/// seed, from the request's own bytes and from how many times the same bytes came: parallel runs meet the same faults
/// in whatever order their requests arrive, and a repeated request draws anew.
public struct SandboxFaults: Sendable, Hashable {
    /// One thing that can go wrong.
    public enum Fault: Sendable, Hashable {
        case status(Int, retryAfter: Duration = .seconds(1))
        case statusAfter(Int)
        case dropBefore, dropAfter, truncate
        case html, htmlAfter
        case hold(Duration)
    }

    /// The chances, in the order of the text.
    public var rules: [Rule]
    /// How much longer every answer takes.
    public var latency: Duration
    /// What the draws come from.
    public var seed: UInt64

    /// A fault and its chance.
    public struct Rule: Sendable, Hashable {
        /// What goes wrong.
        public var fault: Fault
        /// From 0 to 1.
        public var chance: Double
    }

    /// No faults.
    public init(seed: UInt64 = 1, latency: Duration = .zero) {
        rules = []
        self.latency = latency
        self.seed = seed
    }

    /// Reads the grammar above.
    ///
    /// - Throws: a ``Diagnostic`` with the code `sandbox.bad-faults` that names the rule.
    public init(parsing text: String, seed: UInt64 = 1) throws {
        self.init(seed: seed)
        for part in text.split(separator: ",") where !part.allSatisfy({ $0 == " " }) {
            let rule = part.split(separator: "=", maxSplits: 1).map { $0.trimmingBlanks() }
            guard rule.count == 2 else { throw Self.bad(part) }
            if rule[0] == "latency" {
                guard let duration = Duration(sandbox: rule[1]) else { throw Self.bad(part) }
                latency = duration
                continue
            }
            let amount = rule[1].split(separator: "@", maxSplits: 1).map(String.init)
            guard let chance = Double(amount[0]), (0...1).contains(chance) else { throw Self.bad(part) }
            let fault: Fault
            switch rule[0] {
            case "drop-before": fault = .dropBefore
            case "drop-after": fault = .dropAfter
            case "truncate": fault = .truncate
            case "html": fault = .html
            case "html-after": fault = .htmlAfter
            case "hold":
                guard let duration = Duration(sandbox: amount.count > 1 ? amount[1] : "2s") else {
                    throw Self.bad(part)
                }
                fault = .hold(duration)
            default:
                let after = rule[0].hasSuffix("-after")
                guard let status = Int(rule[0].dropLast(after ? 6 : 0)), (400...599).contains(status) else {
                    throw Self.bad(part)
                }
                guard let pause = Duration(sandbox: amount.count > 1 ? amount[1] : "1s") else { throw Self.bad(part) }
                fault = after ? .statusAfter(status) : .status(status, retryAfter: pause)
            }
            rules.append(Rule(fault: fault, chance: chance))
        }
        guard rules.reduce(0, { $0 + $1.chance }) <= 1.000_001 else { throw Self.bad(text[...]) }
    }

    /// The fault that a request meets the `occurrence`-th time (from 0) that its bytes come; nil: none.
    public func fault(for request: SandboxRequest, occurrence: Int) -> Fault? {
        guard !rules.isEmpty else { return nil }
        var random = SandboxRandom(
            seed: seed ^ Self.fingerprint(request) &+ UInt64(occurrence) &* 0x9E37_79B9_7F4A_7C15)
        var draw = Double(random.next() >> 11) / Double(1 << 53)
        for rule in rules {
            if draw < rule.chance { return rule.fault }
            draw -= rule.chance
        }
        return nil
    }

    /// A hash of what a request asks; the same in every process.
    package static func fingerprint(_ request: SandboxRequest) -> UInt64 {
        var hash = FNV()
        hash.add(request.method.utf8)
        hash.add(request.path.utf8)
        for item in request.query {
            hash.add(item.name.utf8)
            hash.add(item.value.utf8)
        }
        hash.add(request.body)
        return hash.value
    }

    private static func bad(_ part: Substring) -> Diagnostic {
        Diagnostic(
            code: "sandbox.bad-faults", "the faults `\(part)` are not understood",
            remedy: "write rules such as 429=0.05, 504-after=0.01, drop-before=0.01, drop-after=0.03, truncate=0.01, "
                + "html=0.01, hold=0.02@3s, latency=20ms, with commas between them and chances that add up to at most 1",
            cause: .usage)
    }
}

/// A small generator whose numbers follow from its seed alone (SplitMix64).
public struct SandboxRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Starts at a seed.
    public init(seed: UInt64) { state = seed }

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// FNV-1a over bytes, 64 bits: for checksums of a state file and for draws, not for safety.
package struct FNV: Sendable {
    package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    package init() {}

    package mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        value = (value ^ 0xFF) &* 0x0000_0100_0000_01B3
    }
}

extension Duration {
    /// Reads `20ms`, `3s`, `1.5s` or `2m`.
    package init?(sandbox text: String) {
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60)]
        for (unit, seconds) in units where text.hasSuffix(unit) {
            guard let number = Double(text.dropLast(unit.count)), number >= 0, number.isFinite else { return nil }
            self = .milliseconds(Int64(number * seconds * 1000))
            return
        }
        return nil
    }
}

extension StringProtocol {
    /// Without blanks at its ends.
    package func trimmingBlanks() -> String {
        var rest = self[...]
        while let first = rest.first, first == " " || first == "\t" { rest = rest.dropFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest = rest.dropLast() }
        return String(rest)
    }
}
