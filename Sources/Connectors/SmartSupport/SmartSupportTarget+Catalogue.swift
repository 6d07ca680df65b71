// SPDX-License-Identifier: Apache-2.0
package import Migration
package import TicketModel

extension SmartSupportTarget {
    /// Matches agents, departments and products to those that are known; the API makes none of them.
    package func plan(
        catalogue: [CatalogueEntry], creating: Set<CatalogueEntry.Kind>, identity: MigrationIdentity,
        progress: TicketProgress
    ) async -> TicketPlan {
        let site = site
        var plan = TicketPlan()
        for entry in catalogue {
            let reason: String?
            switch entry.kind {
            // Made with their first ticket.
            case .customer: reason = nil
            case .agent:
                reason =
                    site.isAgent(entry.email)
                    ? nil : "Smart Support's API tells and makes no agents: write those who are there in `agents`"
            case .department, .product:
                let all = entry.kind == .product ? site.products : site.departments
                let isThere = [entry.name, entry.slug].compactMap { $0 }
                    .contains { SmartSupportSite.find($0, in: all) != nil }
                reason =
                    isThere
                    ? nil
                    : "Smart Support has no such \(entry.kind.rawValue) as far as is known (it has: \(SmartSupportSite.list(all)))"
            default: reason = "Smart Support's API has no place for it"
            }
            if let reason {
                plan.losses.append(
                    Loss(
                        field: "catalogue.\(entry.kind.rawValue)", value: entry.email ?? entry.name, reason: reason,
                        fallback: .archive))
            }
        }
        return plan
    }
}
