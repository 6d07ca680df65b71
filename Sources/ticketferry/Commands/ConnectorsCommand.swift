// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Connectors
import Migration
import Reports
import TicketModel

/// `ticketferry connectors [NAME]`: the registry, in words.
struct ConnectorsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connectors",
        abstract: "What can be read and written; with a name: its options, abilities and limits.",
        discussion: """
            Example:
              ticketferry connectors
              ticketferry connectors fluent-support
            """)

    @Argument(help: "The connector to tell about.")
    var name: String?

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let console = Console(options)
        guard let name else { return list(console) }
        guard let connector = Registry.connectors.first(where: { $0.name == name }) else {
            throw Failure.unknownConnector(name)
        }
        if console.json { console.print(json: json(of: connector)) } else { describe(connector, console) }
    }

    private func list(_ console: Console) {
        if console.json {
            console.print(json: ["version": 1, "connectors": .array(Registry.connectors.map(json(of:)))])
            return
        }
        var table = TextTable(["connector", "source", "target", "sandbox", "what"])
        for connector in Registry.connectors {
            table.add([
                connector.name, connector.openSource == nil ? "–" : "yes", !connector.isTarget ? "–" : "yes",
                connector.sandbox == nil ? "–" : "yes", connector.summary,
            ])
        }
        table.lines(width: console.width, style: console.style).forEach { console.print($0) }
    }

    private func describe(_ connector: ConnectorDescriptor, _ console: Console) {
        let style = console.style
        console.print(style.bold(connector.name) + "  " + connector.summary)
        let sides = [("source", connector.openSource != nil), ("target", connector.isTarget)]
        console.print("As: " + sides.filter(\.1).map(\.0).joined(separator: ", "))
        section("Options in a migration file", console)
        for option in connector.options {
            var marks = [option.kind.rawValue]
            if option.required { marks.append("required") }
            if option.side != .both { marks.append("\(option.side.rawValue) only") }
            console.print("  \(style.bold(option.name)) \(style.dim("(" + marks.joined(separator: ", ") + ")"))")
            var help = option.help
            if !option.choices.isEmpty { help += " One of: \(option.choices.joined(separator: ", "))." }
            wrapped(help, console)
        }
        if !connector.features.isEmpty {
            section("Abilities and limits", console)
            connector.features.forEach { wrapped("- " + $0, console) }
        }
        if !connector.deviations.isEmpty {
            section("Where it departs from the others", console)
            connector.deviations.forEach { wrapped("- \($0.check): \($0.reason)", console) }
        }
        if !connector.switches.isEmpty {
            section("Switches of its practice site (`ticketferry sandbox \(connector.name) --switch NAME`)", console)
            connector.switches.forEach { wrapped("- \($0.name): \($0.help)", console) }
        }
        section("Example", console)
        console.print("  \(connector.openTarget == nil ? "source" : "target"):")
        console.print("    connector: \(connector.name)")
        for option in connector.options where option.required || option.kind == .secret {
            console.print("    \(option.name): \(example(of: option))")
        }
    }

    private func section(_ title: String, _ console: Console) {
        console.print()
        console.print(console.style.bold(title))
    }

    private func wrapped(_ text: String, _ console: Console) {
        for line in TerminalText.wrapped(text, width: console.width - 4) { console.print("    " + line) }
    }

    private func example(of option: ConnectorOption) -> String {
        switch option.kind {
        case .secret: "${HELPDESK_\(option.name.uppercased())}"
        case .secrets: "{ada@example.com: file:ada.secret}"
        case .choice: option.choices.first ?? "…"
        case .flag: "true"
        case .number: "1"
        case .path, .paths: "dump/"
        case .text: option.name == "url" ? "https://help.example.com" : "…"
        }
    }

    private func json(of connector: ConnectorDescriptor) -> JSON {
        [
            "name": .string(connector.name),
            "summary": .string(connector.summary),
            "source": .bool(connector.openSource != nil),
            "target": .bool(connector.isTarget),
            "sandbox": .bool(connector.sandbox != nil),
            "features": .array(connector.features.map { .string($0) }),
            "deviations": .array(
                connector.deviations.map { ["check": .string($0.check), "reason": .string($0.reason)] }),
            "switches": .array(
                connector.switches.map { ["name": .string($0.name), "help": .string($0.help)] }),
            "options": .array(
                connector.options.map {
                    [
                        "name": .string($0.name), "help": .string($0.help), "kind": .string($0.kind.rawValue),
                        "required": .bool($0.required), "side": .string($0.side.rawValue),
                        "choices": .array($0.choices.map { .string($0) }),
                    ]
                }),
        ]
    }
}
