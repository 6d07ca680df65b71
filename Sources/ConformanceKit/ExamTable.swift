// SPDX-License-Identifier: Apache-2.0
internal import Connectors
internal import Foundation
internal import Synchronization

/// What every connector made of every check, for people: a table in Markdown.
package final class ExamTable: Sendable {
    private let results = Mutex<[String: [ExamCheck: ExamResult]]>([:])

    /// Nothing sat yet.
    package init() {}

    /// Notes a result.
    package func note(_ result: ExamResult, of examinee: Examinee, in check: ExamCheck) {
        results.withLock { $0[examinee.description, default: [:]][check] = result }
    }

    /// ExamCheck by connector, then the declared deviations.
    package var markdown: String {
        let all = results.withLock { $0 }
        let names = Registry.helpdesks.map(\.name).filter { all[$0] != nil }
        let columns = names + all.keys.filter { !names.contains($0) }.sorted()
        var lines = [
            "| check | " + columns.joined(separator: " | ") + " |", "|---|" + columns.map { _ in "---|" }.joined(),
        ]
        var deviations: [String] = []
        for check in ExamCheck.allCases {
            let cells = columns.map { name -> String in
                switch all[name]?[check] {
                case .passed: return "yes"
                case .failed: return "**NO**"
                case .deviates(let reason):
                    deviations.append("- \(name), `\(check.rawValue)`: \(reason)")
                    return "deviates"
                case .notApplicable, nil: return "–"
                }
            }
            lines.append("| `\(check.rawValue)`: \(check.sentence) | " + cells.joined(separator: " | ") + " |")
        }
        if !deviations.isEmpty { lines += ["", "Declared deviations:", ""] + deviations }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Writes the table.
    ///
    /// - Throws: where the file cannot be written.
    package func write(to path: String) throws {
        try Data(markdown.utf8).write(to: URL(fileURLWithPath: path))
    }
}
