// SPDX-License-Identifier: Apache-2.0
internal import Synchronization
package import TicketModel

/// Keeps all that a connector says: diagnostics and lines for the log.
package final class Heard: DiagnosticSink {
    private let said = Mutex<[Diagnostic]>([])
    private let logged = Mutex<[String]>([])

    /// Nothing heard yet.
    package init() {}

    package func emit(_ diagnostic: Diagnostic) { said.withLock { $0.append(diagnostic) } }

    /// Takes a line of the log.
    package func log(_ line: String) { logged.withLock { $0.append(line) } }

    /// In the order in which they were said.
    package var diagnostics: [Diagnostic] { said.withLock { $0 } }

    /// In the order in which they were written.
    package var lines: [String] { logged.withLock { $0 } }
}
