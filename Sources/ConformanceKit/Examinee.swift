// SPDX-License-Identifier: Apache-2.0
package import Connectors
package import Migration
internal import Sandbox
internal import TicketModel

/// A connector that sits the exam: its helpdesk, and what its practice site and its two sides are opened with.
package struct Examinee: Sendable, CustomStringConvertible {
    /// What is examined.
    package var helpdesk: Helpdesk
    /// The switches of the practice site that are on.
    package var switches: Set<String>
    /// The zone of the practice site.
    package var timeZone: String

    /// The user of the practice site's strict login.
    package static let user = "admin"
    /// Its password or key: never to be seen in any output.
    package static let secret = "xZ9-k3y-T0p5ecret-42"

    /// Takes a helpdesk.
    package init(_ helpdesk: Helpdesk, switches: Set<String> = [], timeZone: String = "Europe/Berlin") {
        self.helpdesk = helpdesk
        self.switches = switches
        self.timeZone = timeZone
    }

    /// All connectors of the registry.
    package static var all: [Examinee] { Registry.helpdesks.map { Examinee($0) } }

    /// The name, with the switches that are on.
    package var description: String {
        switches.isEmpty ? helpdesk.name : "\(helpdesk.name) with \(switches.sorted().joined(separator: ", "))"
    }

    /// The options of one side: the address, a login for what asks for one, and what the practice site wants set.
    package func options(_ side: ConnectorOption.Side, url: String, customers: [String]) -> [String: OptionValue] {
        var out: [String: OptionValue] = [:]
        for option in helpdesk.options where option.side == .both || option.side == side {
            switch option.kind {
            case .secret: out[option.name] = .secret(Secret(Self.secret))
            case .choice where option.required: out[option.name] = option.choices.first.map { .text($0) }
            case .text where option.required: out[option.name] = .text(Self.user)
            default: break
            }
        }
        let names = Set(helpdesk.options.filter { $0.side == .both || $0.side == side }.map(\.name))
        for (name, value) in helpdesk.practice.options(customers) where names.contains(name) { out[name] = value }
        if side == .source, !helpdesk.practice.tellsZone { out["zone"] = .text(timeZone) }
        out["url"] = .text(url)
        return out
    }

    /// The logins that the practice site accepts: those of the options.
    var logins: [SandboxLogin] {
        var out: [SandboxLogin] = [SandboxLogin(user: Self.user, password: Self.secret)]
        for value in helpdesk.practice.options([]).values {
            switch value {
            case .secret(let secret): out.append(SandboxLogin(user: Self.user, password: secret.reveal()))
            case .secrets(let secrets):
                for (name, secret) in secrets.sorted(by: { $0.key < $1.key }) {
                    out.append(SandboxLogin(user: name, password: secret.reveal()))
                }
            default: break
            }
        }
        if case .text(let user)? = helpdesk.practice.options([])["username"] { out[0].user = user }
        return out
    }

    /// All texts that no output may hold.
    var secrets: [String] { Set(logins.map(\.password)).sorted() }
}
