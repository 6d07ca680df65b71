// SPDX-License-Identifier: Apache-2.0
package import TicketModel

/// What is in a source, for a terminal and as JSON.
package struct CensusText {
    private let census: TicketCensus
    private let style: Style
    private let width: Int

    /// Prepares the lines of a census.
    package init(_ census: TicketCensus, style: Style, width: Int) {
        self.census = census
        self.style = style
        self.width = width
    }

    /// Counts, values of each field with bars, oddities.
    package var lines: [String] {
        var lines = [style.bold(TerminalText.counted(census.tickets, "ticket")) + span]
        for (kind, count) in census.messages.sorted(by: Self.order) {
            lines.append("  \(TerminalText.count(count)) × \(kind)")
        }
        if census.attachments > 0 {
            let size = census.attachmentBytes > 0 ? ", \(TerminalText.bytes(census.attachmentBytes)) known" : ""
            lines.append("  \(TerminalText.counted(census.attachments, "file"))\(size)")
        }
        for field in [
            "status", "priority", "assignee", "department", "product", "mailbox", "channel", "type", "tag",
            "custom field",
        ] {
            guard let values = census.values[field] else { continue }
            lines += bars(field, values)
        }
        if !census.oddities.isEmpty {
            lines += ["", style.bold("Look at")]
            lines += census.oddities.sorted(by: Self.order).map {
                style.yellow("  \(TerminalText.count($0.value)) \($0.key)")
            }
        }
        return lines
    }

    private var span: String {
        guard let earliest = census.earliest, let latest = census.latest else { return "" }
        return ", created \(String(earliest.description.prefix(10))) to \(String(latest.description.prefix(10)))"
    }

    private static func order(_ a: (key: String, value: Int), _ b: (key: String, value: Int)) -> Bool {
        (-a.value, a.key) < (-b.value, b.key)
    }

    private func bars(_ field: String, _ values: [String: Int]) -> [String] {
        let shown = values.sorted(by: Self.order).prefix(12)
        let most = shown.first?.value ?? 1
        let nameWidth = min(32, shown.map { TerminalText.width(TerminalText.safe($0.key)) }.max() ?? 0)
        let barWidth = max(4, min(30, width - nameWidth - 16))
        var lines = ["", style.bold(field) + " (\(TerminalText.counted(values.count, "value")))"]
        for (name, count) in shown {
            let text = TerminalText.clipped(TerminalText.safe(name), to: nameWidth)
            let padding = String(repeating: " ", count: max(0, nameWidth - TerminalText.width(text)))
            let bar = String(repeating: "█", count: max(1, count * barWidth / max(1, most)))
            lines.append("  \(text)\(padding)  \(style.dim(bar)) \(TerminalText.count(count))")
        }
        if values.count > shown.count { lines.append("  … and \(values.count - shown.count) more") }
        return lines
    }

    /// The `--json` of `inspect`.
    package static func json(of census: TicketCensus) -> JSON {
        func counts(_ values: [String: Int]) -> JSON { .object(values.map { JSON.Member($0.key, JSON($0.value)) }) }
        return [
            "tickets": JSON(census.tickets), "messages": counts(census.messages),
            "mostMessages": JSON(census.mostMessages), "attachments": JSON(census.attachments),
            "attachmentBytes": JSON(census.attachmentBytes),
            "values": .object(census.values.map { JSON.Member($0.key, counts($0.value)) }),
            "earliest": JSON(census.earliest?.description), "latest": JSON(census.latest?.description),
            "oddities": counts(census.oddities),
        ]
    }
}
