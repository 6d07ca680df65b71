// SPDX-License-Identifier: Apache-2.0

extension ReadPlan {
    /// Whether all of a ticket is sure to stand in one record: then tickets stream in the order of the input.
    ///
    /// So it is when every maker takes from one set and finds its ticket by the very path that the ticket's maker has for
    /// its key, and a key that comes twice is an error. Any other plan may scatter a ticket over records.
    package var keepsTicketsInOneRecord: Bool {
        let heads = rules.makers.filter { $0.kind == .ticket }
        guard let first = heads.first, ticketRepeat.allSatisfy({ $0 == .fail }) else { return false }
        return rules.makers.allSatisfy { maker in
            maker.scope.set == first.scope.set && (maker.kind != .ticket || maker.scope.each.isEmpty)
                && maker.ticketKey.finds(first.ticketKey, ups: maker.scope.each.count)
        }
    }

    /// Whether the mapping reads what this tool itself wrote, with its defused cells and base64 texts.
    package var readsOwnWriting: Bool { isOwnFormat }
}

extension Rule {
    /// Whether it yields, from so many elements further down, what the other yields at the record; false where that is
    /// not plain to see.
    fileprivate func finds(_ other: Rule, ups: Int) -> Bool {
        for rule in [self, other] {
            guard rule.when.isEmpty, rule.split.isEmpty, rule.map == nil, rule.formats.isEmpty, rule.otherwise == nil
            else {
                return false
            }
        }
        guard conversion == other.conversion else { return false }
        switch (source, other.source) {
        case (.path(let mine), .path(let theirs)):
            // From a nested element the path first goes up to the record.
            return mine.steps == theirs.steps && theirs.ups == 0 && mine.ups == ups
        case (.first(let mine), .first(let theirs)):
            return mine.count == theirs.count && zip(mine, theirs).allSatisfy { $0.finds($1, ups: ups) }
        default: return false
        }
    }
}
