// SPDX-License-Identifier: Apache-2.0

/// A question of the exam; its raw value is what a declared deviation names.
package enum ExamCheck: String, Sendable, CaseIterable {
    case listing, resuming, rereading, zones
    case pageSizes = "page-sizes"
    case throttled, unavailable
    case brokenAnswers = "broken-answers"
    case revokedKey = "revoked-key"
    case unknownFields = "unknown-fields"
    case absentFields = "absent-fields"
    case looseTypes = "loose-types"
    case hostileText = "hostile-text"
    case roundTrip = "round-trip"
    case writtenOnce = "written-once"
    case lostBefore = "lost-before"
    case lostAfter = "lost-after"
    case privateNotes = "private-notes"
    case mails
    case dryRun = "dry-run"
    case secrets, abilities
    case planIsResult = "plan-is-result"

    /// What a connector has to do to pass, in one sentence.
    package var sentence: String {
        switch self {
        case .listing: "every ticket that was there at the start is listed, while others are added and touched"
        case .resuming: "from every cursor a new source gives exactly the rest"
        case .rereading: "reading twice gives the same bytes"
        case .zones: "times are right around the changes of summer time, whatever zone the site has"
        case .pageSizes: "the listing is the same with pages of one, of three and of far too many"
        case .throttled: "429 is waited for, with seconds and with a date, and nothing is missing after it"
        case .unavailable: "500, 502 and 503 that pass change nothing, those that stay end with a diagnostic"
        case .brokenAnswers: "cut, empty, foreign and dirty answers never make tickets fewer or other"
        case .revokedKey: "a key that is revoked in the middle ends with a refusal, never with a part"
        case .unknownFields: "members that nobody knows change nothing but extras"
        case .absentFields: "absent and null members are alike, invent nothing and make nothing public"
        case .looseTypes: "numbers as strings and strings as numbers read the same"
        case .hostileText: "texts, subjects and names arrive as they left, or the loss is declared"
        case .roundTrip: "each leaf that does not come back is a declared loss, and each loss is such a leaf"
        case .writtenOnce: "a second run and an adopted journal write nothing again"
        case .lostBefore: "writes whose connection is lost before they arrive are there once in the end"
        case .lostAfter: "writes whose answer is lost are there once in the end"
        case .privateNotes: "no private word becomes public, and none reaches a system without notes"
        case .mails: "under each policy exactly the mails of the plan are sent"
        case .dryRun: "plan and check change nothing"
        case .secrets: "no secret stands in any log, diagnostic or journal"
        case .abilities: "what is declared is there: sides, notes, policies, switches"
        case .planIsResult: "requests, mails, changes and losses of the plan are those of the run"
        }
    }

    /// Whether a connector needs to be read from to sit it.
    package var needsSource: Bool {
        switch self {
        case .mails, .dryRun, .abilities, .planIsResult: false
        default: true
        }
    }

    /// Whether a connector needs to be written to to sit it.
    package var needsTarget: Bool {
        switch self {
        case .resuming, .rereading, .zones, .pageSizes, .throttled, .unavailable, .brokenAnswers, .revokedKey,
            .unknownFields, .absentFields, .looseTypes, .abilities, .secrets:
            false
        default: true
        }
    }
}

/// What became of one check of one connector.
package enum ExamResult: Sendable, Hashable, CustomStringConvertible {
    case passed
    /// With what was found, a line each.
    case failed([String])
    /// It does not pass, and says so with a reason.
    case deviates(String)
    /// It has not the side that this is about.
    case notApplicable

    /// Whether the exam goes on.
    package var isGood: Bool { if case .failed = self { false } else { true } }

    package var description: String {
        switch self {
        case .passed: "passed"
        case .failed(let why): "failed: " + why.joined(separator: "\n")
        case .deviates(let reason): "deviates: \(reason)"
        case .notApplicable: "–"
        }
    }
}
