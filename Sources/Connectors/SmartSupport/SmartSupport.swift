// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import Migration
internal import Sandbox
internal import TicketModel
internal import Transport

/// Smart Support, the WordPress plugin: its descriptor and how it is opened.
package enum SmartSupport {
    /// All of it.
    package static let helpdesk = Helpdesk(
        name: "smart-support",
        summary: "Smart Support (WordPress plugin), by its REST API; tickets are read and written",
        options: options,
        features: [
            "reads tickets, replies and internal notes (with a key that may see them), by date of change for deltas",
            "the address of the site, of its REST API, or with ?rest_route= will do; both header forms of the key",
            "writes tickets with customer, department, product, agent, priority and status, then replies and notes",
            "statuses new, open, closed, delayed (pending and on hold); priorities low, medium, high, urgent",
            "an uncertain write is found again by the marker in the last line of its text",
            "agents, products and departments have no look-up: name them in the migration file, or they are learnt from "
                + "the tickets that the site has",
            "the API sets no date and takes no tags, custom fields, files or system lines: what fits stands in the "
                + "migration note, files stay in the archive",
            "undo: the API deletes nothing, and closing may e-mail the customer: a closed ticket stays closed and gets "
                + "“[taken back]” before its subject, any other is left as it is and listed; users made stay",
            "e-mails cannot be muted, and the API tells neither its mail settings nor its customers: the plan counts one "
                + "for each ticket, assignment, public reply and change of status, and a welcome for each customer who "
                + "has no ticket there; internal notes and changes of subject, priority, department and product are "
                + "taken to e-mail nobody, which no document says",
            "our migration note goes before all private texts, and the first note of each ticket is read back: where it "
                + "came out public no private text follows, and where the key is not shown it a note whose answer gets "
                + "lost is set aside, never sent again",
            "verify reads texts byte for byte; with a key that is not shown internal notes it finds them missing",
            "a last line with a marker stands in every text, the only key that the API can search",
            "a key without the scope for notes is not shown them and may not write them: they stay in the archive, and "
                + "the run says so",
        ],
        deviations: deviations,
        api: SmartSupportAPI.plugin,
        practice: Helpdesk.Practice(
            switches: SmartSupportSandbox.switches,
            introduction: [
                "any key will do, in X-Smart-Support-API-Key or as a bearer",
                "agents ada, bruno and chiyo at lab.example (ids 2, 3, 4), departments Support, Billing and Sales, "
                    + "products Shop and App, and as many tickets as --seed says",
            ],
            options: { _ in
                [
                    "agents": .text(SmartSupportSandbox.agents),
                    "departments": .text(SmartSupportSandbox.departments),
                    "products": .text(SmartSupportSandbox.products),
                ]
            },
            open: { try await SmartSupportSandbox.open($0) }),
        page: { site, id in
            WordPressSite.adminPage("admin.php?page=smart-support&ticket=\(PercentEncoding.encode(id))", of: site)
        },
        source: { context, connection in
            var options = try filters(context)
            options.pageSize = connection.pageSize
            return SmartSupportSource(api: try api(context, connection), options: options, sink: context.sink)
        },
        target: { context, connection in
            SmartSupportTarget(
                api: try api(context, connection), options: try targetOptions(context), clock: context.clock)
        })

    /// What a site does that its API does not tell beforehand.
    private static let deviations: [ConnectorDescriptor.Deviation] =
        ["mails", "plan-is-result"].map {
            .init(
                check: $0,
                reason:
                    "no route tells whether changes of status and agent are e-mailed: the plan counts as if they were",
                switches: ["quiet-changes"])
        }
        + ["mails", "plan-is-result"].map {
            .init(
                check: $0, reason: "no route tells whether new customers are welcomed: the plan counts as if they were",
                switches: ["no-welcome"])
        }
        + ["private-notes", "plan-is-result"].map {
            .init(
                check: $0,
                reason: "that a key lacks the scope for notes shows with the first note refused: the notes stay in the "
                    + "archive, which the plan did not know", switches: ["no-notes-scope"])
        }

    private static let options: [ConnectorOption] = [
        ConnectorOption("url", "the site's address, or `sandbox:` for the built-in imitation", required: true),
        ConnectorOption(
            "apiKey", "the key of Smart Support > Settings > Advanced > API", kind: .secret, required: true),
        ConnectorOption(
            "keyHeader",
            "how the key is sent; default: x-api-key (X-Smart-Support-API-Key), and bearer where that is refused",
            kind: .choice, choices: ["x-api-key", "bearer"]),
        ConnectorOption(
            "zone", "the site's time zone, where neither /ping nor WordPress tells it: Europe/Berlin"),
        ConnectorOption("status", "reads only tickets of this status", side: .source),
        ConnectorOption(
            "state", "a source reads only tickets of this state; a target makes tickets with it (default: opened)"),
        ConnectorOption("priority", "reads only tickets of this priority", side: .source),
        ConnectorOption("departmentID", "reads only tickets of the department of this id", side: .source),
        ConnectorOption("productID", "reads only tickets of the product of this id", side: .source),
        ConnectorOption("agentID", "reads only tickets of the agent of this id", side: .source),
        ConnectorOption("customerID", "reads only tickets of the customer of this user id", side: .source),
        ConnectorOption("customerEmail", "reads only tickets of the customer of this address", side: .source),
        ConnectorOption(
            "search", "reads only tickets whose subject, message or number has this text", side: .source),
        ConnectorOption(
            "customers",
            "a file of addresses, one a line: only the tickets of these customers are read, customer by customer",
            kind: .path, side: .source),
        ConnectorOption(
            "bodies", "what texts are: html (the default) or text", kind: .choice, side: .source,
            choices: ["html", "text"]),
        ConnectorOption(
            "agents",
            "the site's agents, by address and user id: ada@example.com=25, bruno@example.com; the first one writes "
                + "notes and what nobody else can, and only one with an id can be assigned", side: .target),
        ConnectorOption(
            "departments", "the site's departments, by name and id: Support=1, Billing=2", side: .target),
        ConnectorOption("products", "the site's products, by name and id: Shop=1, App=2", side: .target),
        ConnectorOption(
            "department", "where tickets go whose own department is not there; by id, slug or exact name",
            side: .target),
        ConnectorOption(
            "notes",
            "write (the default); again: also those that a key without the scope left out in an earlier run; archive: none",
            kind: .choice, side: .target, choices: ["write", "again", "archive"]),
        ConnectorOption(
            "submissionsPerHour",
            "how many tickets of one customer the site takes within an hour; a run waits where there are more",
            kind: .number, side: .target),
        ConnectorOption(
            "settle",
            "seconds that the site may still work on a request whose answer got lost: so long a write that is not found is waited for before it is sent again; default: 60",
            kind: .number, side: .target),
    ]

    // MARK: Opening

    /// The API with the key of a migration file; nothing is sent.
    ///
    /// - Throws: a `Diagnostic` for an option that cannot hold.
    static func api(_ context: OpenContext, _ connection: Connection) throws -> SmartSupportAPI {
        guard let key = context.secret("apiKey"), !key.isEmpty else {
            throw Diagnostic(
                code: "smart-support.options", "smart-support needs `apiKey`", subject: context.file,
                remedy: "make a key in Smart Support > Settings > Advanced > API and add `apiKey: ${NAME}`",
                cause: .badInput)
        }
        return api(connection, key: key, header: context.text("keyHeader"), zone: context.text("zone"))
    }

    /// The API over a connection: also to sandboxes in this process.
    ///
    /// `header` is `x-api-key`, `bearer`, or nil for the first with the second where it is refused.
    static func api(
        _ connection: Connection, key: Secret, header: String? = nil, zone: String? = nil
    ) -> SmartSupportAPI {
        let own = HTTPField.Name("X-Smart-Support-API-Key").map { Authentication.header($0, key) } ?? .bearer(key)
        let isBearer = header == "bearer"
        return SmartSupportAPI(
            client: connection.client(isBearer ? .bearer(key) : own), other: header == nil ? .bearer(key) : nil,
            zone: zone)
    }

    /// The filters of the document, as they stand in a query, and the customers of a list.
    private static func filters(_ context: OpenContext) throws -> SmartSupportSource.Options {
        var options = SmartSupportSource.Options()
        for (name, parameter) in [
            ("status", "status"), ("state", "state"), ("priority", "priority"), ("departmentID", "department_id"),
            ("productID", "product_id"), ("agentID", "agent_id"), ("customerID", "user_id"),
            ("customerEmail", "customer_email"), ("search", "search"),
        ] {
            if let value = context.text(name), !value.isEmpty { options.filters.append((parameter, value)) }
        }
        options.areTexts = context.text("bodies") == "text"
        if let path = context.text("customers") { options.customers = try addresses(path) }
        return options
    }

    private static func targetOptions(_ context: OpenContext) throws -> SmartSupportTarget.Options {
        var options = SmartSupportTarget.Options()
        let isPractice = context.text("url")?.hasPrefix("sandbox:") == true
        options.agents = SmartSupportSite.pairs(
            context.text("agents") ?? (isPractice ? SmartSupportSandbox.agents : "")
        ).map { (email: $0.name, id: $0.id) }
        options.departments = SmartSupportSite.pairs(
            context.text("departments") ?? (isPractice ? SmartSupportSandbox.departments : ""))
        options.products = SmartSupportSite.pairs(
            context.text("products") ?? (isPractice ? SmartSupportSandbox.products : ""))
        options.department = context.text("department")
        options.state = context.text("state")
        options.notes = context.text("notes").flatMap(SmartSupportTarget.Options.Notes.init) ?? .write
        if context.text("submissionsPerHour") != nil {
            guard let count = context.number("submissionsPerHour"), count > 0 else {
                throw Diagnostic(
                    code: "smart-support.submissions", "`submissionsPerHour` takes a whole number above 0",
                    subject: context.file,
                    remedy: "write the number of Smart Support > Settings, or leave it out where there is no limit",
                    cause: .badInput)
            }
            options.submissionsPerHour = count
        }
        // The imitation in this process dies with it: nothing of an earlier run can still be at work.
        options.settleTime = .seconds(isPractice ? 1 : 60)
        if context.text("settle") != nil {
            guard let seconds = context.number("settle"), (1...86_400).contains(seconds) else {
                throw Diagnostic(
                    code: "smart-support.settle", "`settle` takes whole seconds from 1 to 86400", subject: context.file,
                    remedy: "leave it out (60), or write the longest time that the site's PHP may run", cause: .badInput
                )
            }
            options.settleTime = .seconds(seconds)
        }
        return options
    }
}
