// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// One request, from who asks to what is answered; commits nothing.
    func answer(_ request: SandboxRequest) -> SandboxResponse {
        var call = Call(request, site: options.url)
        guard Call.isREST(request) else { return page(call) }
        do {
            (call.user, call.agent, call.permissions) = identify(request)
            return SandboxResponse(json: try route(call), headers: Self.headers(call))
        } catch let failure as Created {
            return SandboxResponse(status: 201, json: failure.body, headers: Self.headers(call))
        } catch let failure as Failure {
            return SandboxResponse(status: failure.status, json: failure.body, headers: Self.headers(call))
        } catch {
            return SandboxResponse(status: 500, json: ["message": .string("\(error)")])
        }
    }

    /// The one answer of WordPress' own routes that is neither 200 nor a failure.
    struct Created: Error { var body: JSON }

    private static func headers(_ call: Call) -> [String: String] {
        ["Link": "<\(call.site)/wp-json/>; rel=\"https://api.w.org/\""]
    }

    private func route(_ call: Call) throws -> JSON {
        let parts = call.path.split(separator: "/").map(String.init)
        if parts.isEmpty { return index(call) }
        if parts.starts(with: ["wp", "v2"]) { return try wordpress(call, Array(parts.dropFirst(2))) }
        guard parts.starts(with: ["fluent-support", "v2"]) else { throw Failure.noRoute }
        let rest = Array(parts.dropFirst(2))
        switch rest.first {
        case "tickets": return try tickets(call, Array(rest.dropFirst()))
        case "customer-portal": return try portal(call, Array(rest.dropFirst()))
        case "mailboxes": return try mailboxes(call, Array(rest.dropFirst()))
        case "customers": return try customers(call, Array(rest.dropFirst()))
        case "agents": return try agents(call, Array(rest.dropFirst()))
        case "products": return try products(call, Array(rest.dropFirst()))
        case "settings": return try settings(call, Array(rest.dropFirst()))
        case "ticket-tags" where hasPro && rest.count <= 2: return try ticketTags(call, Array(rest.dropFirst()))
        case "saved-replies" where hasPro && rest.count <= 2: return try savedReplies(call, Array(rest.dropFirst()))
        case "workflows" where hasPro && rest.count == 1 && call.request.method == "GET": return try workflows(call)
        case "reports" where rest.count == 1 && call.request.method == "GET": return try reports(call)
        case "me" where rest.count == 1 && call.request.method == "GET": return try me(call)
        case "ticket_file_upload" where rest.count == 1 && call.request.method == "POST": return try upload(call)
        default: throw Failure.noRoute
        }
    }

    /// Who a request comes from.
    ///
    /// Any login is taken unless the site was opened with a list; one whose name is known is that user, every other the
    /// administrator.
    private func identify(_ request: SandboxRequest) -> (User?, Person?, Set<String>) {
        let login = Self.credentials(request)
        func known(_ name: String) -> User? {
            let name = name.lowercased()
            return state.users.all.first { $0.login.lowercased() == name || $0.email.lowercased() == name }
        }
        var user: User?
        if let logins = options.logins {
            guard let login, let found = known(login.user) else { return (nil, nil, []) }
            let password = Self.withoutBlanks(login.password)
            let made = state.passwords.all.contains {
                $0.userID == found.id && Self.withoutBlanks($0.password) == password
            }
            let listed = logins.contains {
                known($0.user)?.id == found.id && Self.withoutBlanks($0.password) == password
            }
            guard made || listed else { return (nil, nil, []) }
            user = found
        } else {
            user = login.flatMap { known($0.user) } ?? state.users.all.first { $0.isAdministrator }
        }
        guard let user else { return (nil, nil, []) }
        let agent = state.persons.all.first { $0.isAgent && $0.userID == user.id }
        let permissions = user.isAdministrator ? Self.allPermissions : agent?.permissions ?? []
        return (user, agent, Set(permissions))
    }

    private static func credentials(_ request: SandboxRequest) -> SandboxLogin? {
        guard let field = request.headers["authorization"], field.lowercased().hasPrefix("basic ") else { return nil }
        guard let data = Data(base64Encoded: field.dropFirst(6).trimmingBlanks()) else { return nil }
        let parts = String(decoding: data, as: UTF8.self).split(
            separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        return parts.count == 2 ? SandboxLogin(user: String(parts[0]), password: String(parts[1])) : nil
    }

    /// WordPress shows its passwords in groups of four and takes them with and without the blanks.
    static func withoutBlanks(_ password: String) -> String { password.filter { !$0.isWhitespace } }

    /// What an administrator may do, in the order in which the site lists it.
    static let allPermissions = [
        "fst_view_dashboard", "fst_manage_own_tickets", "fst_manage_unassigned_tickets", "fst_manage_other_tickets",
        "fst_delete_tickets", "fst_assign_agents", "fst_manage_settings", "fst_sensitive_data", "fst_manage_workflows",
        "fst_run_workflows", "fst_view_all_reports", "fst_manage_saved_replies", "fst_view_activity_logs",
        "fst_merge_tickets", "fst_split_ticket", "fst_agent_today_performance", "fst_approve_draft_reply",
        "administrator",
    ]

    /// The permissions of an agent who may do everything with tickets but delete them.
    static let agentPermissions = [
        "fst_view_dashboard", "fst_manage_own_tickets", "fst_manage_unassigned_tickets", "fst_manage_other_tickets",
        "fst_assign_agents", "fst_sensitive_data",
    ]

    /// - Throws: 401 or 403 unless one of the permissions is there.
    func require(_ call: Call, _ permissions: String...) throws {
        guard permissions.contains(where: { call.can($0) }) else {
            throw Failure.forbidden(loggedIn: call.user != nil)
        }
    }

    /// The agent who asks.
    ///
    /// - Throws: the plugin's 500 for a login that may but is no agent.
    func requireAgent(_ call: Call) throws -> Person {
        guard let agent = call.agent else { throw Failure.crash("Call to a member function getMeta() on null") }
        return agent
    }
}
