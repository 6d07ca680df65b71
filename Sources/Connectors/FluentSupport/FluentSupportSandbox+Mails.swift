// SPDX-License-Identifier: Apache-2.0

import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// The kinds of e-mail of a mailbox, in the order in which the API lists them.
    enum Mail: String, CaseIterable {
        case createdToCustomer = "ticket_created_email_to_customer"
        case repliedByAgent = "ticket_replied_by_agent_email_to_customer"
        case closedByAgent = "ticket_closed_by_agent_email_to_customer"
        case createdToAdmin = "ticket_created_email_to_admin"
        case repliedByCustomer = "ticket_replied_by_customer_email_to_admin"
        case agentChanged = "ticket_agent_on_change"
        case createdByAgent = "ticket_created_by_agent_email_to_customer"

        /// What a new mailbox has.
        ///
        /// The texts say what the plugin's say, in words of our own.
        var standard: EmailConfig {
            let (title, subject, body, status): (String, String, String, String) =
                switch self {
                case .createdToCustomer:
                    (
                        "Ticket Created (To Customer)", Self.reply,
                        "<p>Dear <strong>{{customer.full_name}}</strong>,</p><p>we have your request "
                            + "(<a href=\"{{ticket.public_url}}\">#{{ticket.id}}</a>).</p><hr /><p>{{business.name}}</p>",
                        "no"
                    )
                case .repliedByAgent:
                    (
                        "Replied by Agent (To Customer)", Self.reply,
                        "<p>Dear <strong>{{customer.full_name}}</strong>,</p><p>there is an answer to "
                            + "\"{{ticket.title}}\" (<a href=\"{{ticket.public_url}}\">#{{ticket.id}}</a>).</p>"
                            + "<hr /><p>{{business.name}}</p>",
                        "yes"
                    )
                case .closedByAgent:
                    (
                        "Ticket Closed by Agent (To Customer)", Self.reply,
                        "<p>Dear <strong>{{customer.full_name}}</strong>,</p><p>your ticket {{ticket.title}} is closed."
                            + "</p><p>{{business.name}}</p>",
                        "no"
                    )
                case .createdToAdmin:
                    (
                        "Ticket Created (To Admin)", "New Ticket: {{ticket.title}} #{{ticket.id}}",
                        "<p>{{customer.full_name}} wrote <a href=\"{{ticket.admin_url}}\">{{ticket.title}}</a></p>"
                            + "<p>{{ticket.content}}</p>",
                        "yes"
                    )
                case .repliedByCustomer:
                    (
                        "Replied by Customer (To Agent/Admin)", "New Response: {{ticket.title}} #{{ticket.id}}",
                        "<p>{{customer.full_name}} answered in <a href=\"{{ticket.admin_url}}\">{{ticket.title}}</a></p>"
                            + "<p>{{response.content}}</p>",
                        "yes"
                    )
                case .agentChanged:
                    (
                        "Ticket Agent Change (To Agent)", "Ticket Agent Change: {{ticket.title}} #{{ticket.id}}",
                        "<p>Dear {{agent.full_name}},</p><p><a href=\"{{ticket.admin_url}}\">#{{ticket.id}}</a> is yours."
                            + "</p>",
                        "yes"
                    )
                case .createdByAgent:
                    (
                        "Ticket Created by Agent (To Customer)", Self.reply,
                        "<p>Dear <strong>{{customer.full_name}}</strong>,</p><p>{{agent.full_name}} opened a ticket for "
                            + "you: <a href=\"{{ticket.public_url}}\">here</a></p>",
                        "no"
                    )
                }
            return EmailConfig(
                key: rawValue, title: title, subject: subject, body: body, status: status, canEditSubject: "yes",
                sendAttachments: "no")
        }

        private static let reply = "Re: {{ticket.title}} #{{ticket.id}}"
    }

    /// What a mailbox has for a kind of e-mail.
    func config(_ mail: Mail, _ mailbox: Mailbox) -> EmailConfig { mailbox.emails[mail.rawValue] ?? mail.standard }

    /// Counts a mail if the ticket's mailbox sends that kind and the address is one.
    func send(_ mail: Mail, about ticket: Ticket, to address: (Mailbox) -> String?) {
        guard let mailbox = ticket.mailboxID.flatMap({ state.mailboxes[$0] }), config(mail, mailbox).status == "yes",
            let to = address(mailbox), Self.isEmail(to)
        else { return }
        _ = state.mails.insert { _ in SandboxMail(to: to, kind: mail.rawValue, ticket: ticket.id) }
    }

    /// A ticket was made, by a customer or, for one, by an agent.
    func mailCreated(_ ticket: Ticket, customer: Person, byAgent: Bool) {
        send(.createdToCustomer, about: ticket) { _ in customer.email }
        send(.createdToAdmin, about: ticket) { $0.adminEmail }
        if byAgent { send(.createdByAgent, about: ticket) { _ in customer.email } }
    }

    /// An agent wrote to the customer; a blocked customer gets nothing.
    func mailAgentReplied(_ ticket: Ticket) {
        guard let customer = customer(ticket.customerID), customer["status"] != "inactive" else { return }
        send(.repliedByAgent, about: ticket) { _ in customer.email }
    }

    func mailCustomerReplied(_ ticket: Ticket) {
        let agent = agent(ticket.agentID)
        send(.repliedByCustomer, about: ticket) { agent?.email ?? $0.adminEmail }
    }

    func mailClosed(_ ticket: Ticket) {
        guard let customer = customer(ticket.customerID), customer["status"] != "inactive" else { return }
        send(.closedByAgent, about: ticket) { _ in customer.email }
    }

    /// Nobody is told of what they gave to themselves.
    func mailAssigned(_ ticket: Ticket, to agent: Person, by user: User?) {
        guard agent.userID != user?.id else { return }
        send(.agentChanged, about: ticket) { _ in agent.email }
    }

    /// Whether a text could be an address.
    static func isEmail(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        return parts.count == 2 && !parts[0].isEmpty && parts[1].contains(".") && !parts[1].hasSuffix(".")
            && !parts[1].hasPrefix(".") && !text.contains(where: \.isWhitespace)
    }
}
