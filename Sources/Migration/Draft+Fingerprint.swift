// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import TicketModel

extension Draft {
    /// Of what the mapping made of a ticket, with what it left out: no setting of a target and no other ticket changes it.
    ///
    /// - Parameter losses: the mapping's own.
    /// - Returns: a text that ``isFingerprint(_:)`` knows.
    func fingerprint(losses: [Loss]) -> String {
        var texts = [CanonicalLine(ticket).fingerprint.text, status ?? "", priority ?? ""]
        switch assignee {
        case .unassigned: texts.append("nobody")
        case .agent(let email): texts.append("agent \(email)")
        case .named(let name): texts.append("named \(name)")
        }
        for authorship in authorships {
            switch authorship.choice {
            case .asWritten: texts.append("as written")
            case .header: texts.append("header")
            case .placeholder(let name): texts.append("placeholder \(name)")
            case .agent(let email): texts.append("agent \(email)")
            }
            texts.append(authorship.header)
        }
        for loss in losses { texts += [loss.field, loss.value ?? "", loss.reason, loss.fallback.rawValue] }
        return Self.prefix + Fingerprint(ofTexts: texts).text
    }

    /// Tells it from the fingerprints of steps that journals of earlier versions hold, which say nothing of the mapping alone.
    private static let prefix = "mapped:"

    /// Whether a text is a ``fingerprint(losses:)``.
    static func isFingerprint(_ text: String) -> Bool { text.hasPrefix(prefix) }
}
