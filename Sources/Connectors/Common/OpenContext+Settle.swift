// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import TicketModel

extension OpenContext {
    /// The option `settle`: how long a site may go on with a request whose answer got lost; a minute where it is left out.
    ///
    /// - Throws: a `Diagnostic` for a number that is no time.
    func settleTime(of connector: String) throws -> Duration {
        guard text("settle") != nil else {
            // The imitation in this process dies with it: nothing of an earlier run can still be at work.
            return .seconds(text("url")?.hasPrefix("sandbox:") == true ? 1 : 60)
        }
        guard let seconds = number("settle"), (1...86_400).contains(seconds) else {
            throw Diagnostic(
                code: "\(connector).settle", "`settle` takes whole seconds from 1 to 86400", subject: file,
                remedy: "leave it out (60), or write the longest time that the site's PHP may run", cause: .badInput)
        }
        return .seconds(seconds)
    }
}
