// SPDX-License-Identifier: Apache-2.0

extension ReadPlan {
    /// Whether all of a ticket is sure to stand in one record: then tickets stream in the order of the input.
    ///
    /// So it is when every maker takes from one set and finds its ticket by the very path that the ticket's maker has for
    /// its key, and a key that comes twice is an error. Any other plan may scatter a ticket over records.
    package var keepsTicketsInOneRecord: Bool {
        let heads = rules.makers.filter { $0.kind == .ticket }
        guard let first = heads.first, case .path(let key) = first.ticketKey.source, key.ups == 0, first.scope.each.isEmpty,
            ticketRepeat.allSatisfy({ $0 == .fail })
        else { return false }
        return rules.makers.allSatisfy { maker in
            guard maker.scope.set == first.scope.set, case .path(let path) = maker.ticketKey.source else { return false }
            let rule = maker.ticketKey
            let isPlain =
                rule.when.isEmpty && rule.split.isEmpty && rule.map == nil && rule.conversion == nil
                && rule.otherwise == nil && rule.formats.isEmpty
            // From a nested element the path first goes up to the record.
            return isPlain && path.steps == key.steps && path.ups == maker.scope.each.count
                && (maker.kind != .ticket || maker.scope.each.isEmpty)
        }
    }

    /// Whether the mapping reads what this tool itself wrote, with its defused cells and base64 texts.
    package var readsOwnWriting: Bool { name.hasPrefix("ticketferry-") }
}
