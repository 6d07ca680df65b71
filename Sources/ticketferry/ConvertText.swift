// SPDX-License-Identifier: Apache-2.0
import Dumps
import Migration
import Reports
import TicketModel

/// What a conversion tells.
enum ConvertText {
    /// The losses that reading brought, a row each.
    static func losses(_ losses: [Loss], style: Style, width: Int) -> [String] {
        guard !losses.isEmpty else { return [] }
        var table = TextTable(["what", "how many", "why"])
        for loss in losses { table.add([loss.field, loss.value ?? "", loss.reason]) }
        return ["", style.bold("What the dump does not tell")]
            + table.lines(width: width - 2, style: style).map { "  " + $0 }
    }

    /// The `--json` of a conversion.
    static func json(of outcome: Converter.Outcome, output: String) -> JSON {
        let result = outcome.result
        return [
            "version": 1, "output": .string(output), "mapping": JSON(outcome.mapping),
            "catalogue": JSON(outcome.catalogue), "tickets": JSON(result.tickets), "rejected": JSON(result.rejected),
            "records": records(result.report), "losses": .array(result.losses.map(\.json)),
        ]
    }

    /// Where the records went.
    static func records(_ report: ReadReport) -> JSON {
        [
            "read": JSON(report.read), "inTickets": JSON(report.inTickets), "inTables": JSON(report.inTables),
            "leftAside": .object(report.leftAside.map { JSON.Member($0.key, JSON($0.value)) }),
            "timesWithoutZone": JSON(report.timesWithoutZone),
            "unmappedLabels": .object(
                report.unmappedLabels.map { field, labels in
                    JSON.Member(field, .object(labels.map { JSON.Member($0.key, JSON($0.value)) }))
                }),
        ]
    }
}
