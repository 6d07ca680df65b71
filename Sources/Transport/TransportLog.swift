// SPDX-License-Identifier: Apache-2.0

/// Hears of every exchange; the tool writes it to the migration's `.log` file.
package protocol TransportLog: Sendable {
    /// Takes one exchange, after its end. Cheap, never fails, may be called from any task.
    func record(_ exchange: LoggedExchange)
}

/// One exchange as a log may hold it: no header, no body, no secret.
package struct LoggedExchange: Sendable, Hashable {
    /// Its start, in seconds since 1970.
    package var time: Double
    package var method: String
    /// `https://host`, without path.
    package var origin: String
    /// Path and query, with `•••` for values of secret-looking names.
    package var path: String
    /// The status, or nil where no answer came.
    package var status: Int?
    /// The reason of a failure: `timeout`.
    package var failure: String?
    package var milliseconds: Int
    /// Bytes of the bodies, after decompression.
    package var sent: Int
    package var received: Int
    /// Which try it was, from 1.
    package var attempt: Int

    /// One line, without its line break: time, method, path, status, milliseconds, bytes out and in, and the try where
    /// it was not the first.
    package var line: String {
        let outcome = status.map(String.init) ?? failure ?? "–"
        let again = attempt > 1 ? " try \(attempt)" : ""
        return
            "\(HTTPDate.timestamp(time)) \(method) \(path) \(outcome) \(milliseconds) ms \(sent)+\(received) B\(again)"
    }
}
