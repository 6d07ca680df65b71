// SPDX-License-Identifier: Apache-2.0
package import TicketModel

/// A request that got no answer that could be understood, and what that says about the server's state.
///
/// Whoever writes looks at ``certainty`` alone: `notSent` may be sent again, `uncertain` must be looked up first.
package struct HTTPFailure: Error, Sendable, Hashable {
    /// What is known about the request's arrival.
    package enum Certainty: Sendable, Hashable {
        /// No byte of the request has left this machine: nothing was done.
        case notSent
        /// It may have arrived, wholly or in part, and may still be at work.
        case uncertain
    }

    /// What happened, as far as what to do about it differs.
    package enum Reason: String, Sendable, Hashable, CaseIterable {
        /// The host's name is not known.
        case unknownHost = "unknown-host"
        /// Nobody listens there, or the network does not lead there.
        case unreachable
        /// The TLS handshake failed: a certificate, mostly.
        case tls
        /// It took longer than its deadline.
        case timeout
        /// The connection broke, before or within the answer.
        case connectionLost = "connection-lost"
        /// The answer is longer than allowed.
        case tooLarge = "answer-too-large"
        /// The answer breaks HTTP's rules or its compression is damaged.
        case malformed = "malformed-answer"
        /// A file that was to be sent cannot be read.
        case file
        /// The request itself cannot be sent (a header that is none).
        case invalidRequest = "invalid-request"
        /// A redirect to another host, or from https to http.
        case redirectElsewhere = "redirect-elsewhere"
        /// A redirect of a request that writes.
        case redirectedWrite = "redirected-write"
        /// Redirects without end, or to nowhere.
        case redirectLoop = "redirect-loop"
        /// The task was cancelled while the request was under way.
        case cancelled
    }

    package var certainty: Certainty
    package var reason: Reason
    /// Details in words, without secrets.
    package var detail: String
    /// The request: `GET https://…`, without secrets.
    ///
    /// Set by the client.
    package var request: String?
    /// What to do, where it depends on the answer.
    package var advice: String?

    /// Describes a failure; `detail` must hold no secret.
    package init(
        _ certainty: Certainty, _ reason: Reason, _ detail: String, request: String? = nil, advice: String? = nil
    ) {
        self.certainty = certainty
        self.reason = reason
        self.detail = detail
        self.request = request
        self.advice = advice
    }

    static var cancelled: HTTPFailure {
        HTTPFailure(.uncertain, .cancelled, "the request was cancelled while it was under way")
    }

    static func tooLarge(limit: Int) -> HTTPFailure {
        HTTPFailure(.uncertain, .tooLarge, "the answer is longer than \(limit) bytes")
    }
}

extension HTTPFailure: CustomStringConvertible {
    package var description: String { diagnostic.description }

    /// As users read it, with the code `http.REASON`.
    package var diagnostic: Diagnostic {
        Diagnostic(code: "http.\(reason.rawValue)", detail, subject: request, remedy: advice ?? remedy, cause: cause)
    }

    private var remedy: String {
        switch reason {
        case .unknownHost: "check the host in `url`, and this machine's name service"
        case .unreachable: "check `url` and its port, and whether a firewall stands between"
        case .tls: "check the site's certificate in a browser; `url` must name the host that it was made for"
        case .timeout: "try again when the helpdesk is less busy, or with a lower `concurrency`"
        case .connectionLost: "run the same command again; if it goes on, ask the site's host for its error log"
        case .tooLarge: "look at this address in a browser: it answers with more than tickets need"
        case .malformed: "check with the site's host whether a proxy or plugin changes its answers"
        case .file: "put the file back and run the same command again"
        case .invalidRequest: "check the secrets and options in the migration file for line breaks"
        case .redirectElsewhere, .redirectedWrite, .redirectLoop:
            "write the address that the site redirects to as `url`"
        case .cancelled: "run the same command again to go on"
        }
    }

    private var cause: ExitCause {
        switch reason {
        case .file: .machine
        case .cancelled: .interrupted
        case .redirectElsewhere: .refused
        case .redirectedWrite, .redirectLoop, .invalidRequest: .badInput
        default: .unavailable
        }
    }
}
