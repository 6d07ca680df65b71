// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Dumps
import Foundation
import TicketModel

/// Hostile tickets as files.
enum PairFiles {
    /// Writes `tickets.FORMAT` into a folder.
    static func write(_ tickets: [Ticket], as format: String, in folder: String) throws {
        var bytes: [UInt8] = []
        for ticket in tickets { bytes += CanonicalLine(ticket).bytes + [0x0A] }
        let lines = "\(folder)/tickets.jsonl"
        try Data(bytes).write(to: URL(fileURLWithPath: lines))
        guard format != "jsonl", let target = Converter.Target(path: "x.\(format)") else { return }
        let sink = Heard()
        let inputs = try InputSet([lines], diagnostics: sink)
        let job = try DumpOpening.job(
            for: inputs, mapping: nil, folder: folder, format: "jsonl", zone: nil, files: nil, sink: sink)
        _ = try Converter(job, to: target).run(inputs, to: "\(folder)/tickets.\(format)", diagnostics: sink)
    }
}
