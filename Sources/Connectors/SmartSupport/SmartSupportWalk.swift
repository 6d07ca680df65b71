// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import TicketModel
internal import Transport

/// Goes through the list of tickets so that none is missed while others are made, touched and deleted.
///
/// The list moves: a touched ticket goes to its end, and all behind it move up. So pages are not counted but begun anew,
/// from the last date of change seen, less an overlap; only where more tickets share a date than a page holds are pages
/// counted, and such a stretch is read until two readings give the same tickets. A site that does not sort or filter as the
/// document says is found out by what it answers and read page by page, as a whole, in the same way.
///
/// The filter may go by another clock than the dates that are shown. So each stretch must begin with a ticket that ended the
/// one before, at its date, else something may lie between them; and before a first filter is believed, the site's latest
/// ticket must pass it. Where that fails all is read without the filter.
struct SmartSupportWalk {
    /// Where a walk stands; its text is a cursor, good in any process.
    struct Place: Hashable {
        /// The place in the list of customers, where there is one.
        var customer = 0
        /// Whether pages are counted from the beginning to the end.
        var isPlain = false
        /// The local time from which the list is asked for, counted as if it were UTC.
        var from: Int64?
        var page = 1
        /// The page's size that is asked for; 0: none.
        var size = 100
        /// The tickets of this reading of the stretch, and of the one before.
        var seen: UInt64 = 0
        var before: UInt64?
        /// The last page, to find out a site that gives its last page again and again.
        var last: UInt64 = 0
        var readings = 0
        /// The last tickets of the stretch before, one of which this one must begin with.
        var anchors: [UInt64] = []

        init() {}

        /// Reads a cursor; nil for a text that is none.
        init?(text: String) {
            let parts = text.split(separator: " ", omittingEmptySubsequences: false)
            guard parts.count == 10, let customer = Int(parts[0]), let page = Int(parts[3]), let size = Int(parts[4]),
                let seen = UInt64(parts[5]), let last = UInt64(parts[7]), let readings = Int(parts[8])
            else { return nil }
            (self.customer, self.page, self.size, self.seen, self.last) = (customer, page, size, seen, last)
            isPlain = parts[1] == "pages"
            from = Int64(parts[2])
            before = UInt64(parts[6])
            self.readings = readings
            anchors = parts[9].split(separator: ",").compactMap { UInt64($0) }
        }

        var text: String {
            let ends = anchors.isEmpty ? "-" : anchors.map(String.init).joined(separator: ",")
            let parts: [String] = [
                String(customer), isPlain ? "pages" : "dates", from.map(String.init) ?? "-", String(page), String(size),
                String(seen), before.map(String.init) ?? "-", String(last), String(readings), ends,
            ]
            return parts.joined(separator: " ")
        }

        /// The stretch again from its first page, after a reading that found these.
        fileprivate func again(after seen: UInt64) -> Place {
            var place = self
            (place.page, place.seen, place.before, place.last) = (1, 0, seen, 0)
            place.readings += 1
            return place
        }

        /// From that time on, beginning with one of these.
        fileprivate func advanced(to time: Int64, anchors: [UInt64] = []) -> Place {
            var place = self
            place.anchors = anchors
            (place.from, place.page, place.seen, place.before, place.last, place.readings) = (time, 1, 0, nil, 0, 0)
            return place
        }

        /// Whether nothing was read yet but from that time on.
        fileprivate func isFirst(_ since: Int64) -> Bool {
            !isPlain && page == 1 && readings == 0 && from == since && anchors.isEmpty
        }

        /// All pages, from the first.
        fileprivate func plain(from: Int64?) -> Place {
            var place = advanced(to: 0)
            place.from = from
            place.isPlain = true
            return place
        }
    }

    /// One page.
    struct Step {
        var rows: [JSON]
        /// Nil at the end.
        var next: Place?
        var total: Int?
    }

    /// Dates have a grain of one second, and a change may be seen a moment after its date.
    static let overlap: Int64 = 2
    /// How often a stretch is read that changes all the time.
    private static let readings = 5
    private static let sizes = [100, 50, 20, 10, 5, 0]

    let api: SmartSupportAPI
    let clock: SmartSupportClock
    /// How many rows a page is asked for first.
    var pageSize = 100
    /// The filters of every request.
    var filters: [(name: String, value: String)] = []
    /// The customers whose tickets are listed; nil: all tickets.
    var customers: [String]?
    /// The local time before which nothing is asked for.
    var since: Int64?

    /// Where the walk begins; nil for no customers at all.
    var start: Place? {
        var place = Place()
        place.size = max(1, pageSize)
        guard let customers else {
            place.from = since
            return place
        }
        return customers.isEmpty ? nil : place.plain(from: nil)
    }

    /// The page at a place.
    func step(_ place: Place) async throws -> Step {
        if let since, place.isFirst(since), try await !filterHolds() {
            return Step(rows: [], next: place.plain(from: nil))
        }
        guard let (rows, total) = try await page(place) else {
            // The size was refused: a smaller one, from the stretch's first page.
            var smaller = place.plain(from: place.from)
            smaller.isPlain = place.isPlain
            smaller.size = Self.sizes.first { $0 < place.size } ?? 0
            return Step(rows: [], next: smaller)
        }
        let next = place.isPlain ? afterPlain(place, rows) : after(place, rows)
        // What a site that does not filter gives beside: not asked for.
        let kept = rows.filter { row in
            guard let since, let wall = wall(row) else { return true }
            return wall >= since
        }
        return Step(rows: kept, next: next, total: total)
    }

    /// Whether the filter by date goes by the clock that the site shows: its latest ticket must pass a filter from its own
    /// date on. A site without tickets proves nothing, and needs nothing.
    private func filterHolds() async throws -> Bool {
        var latest = Place()
        latest.size = 0
        guard let rows = try await page(latest, order: "DESC")?.rows, let newest = rows.first,
            let id = SmartSupportAPI.id(newest, "ticket"), let wall = wall(newest)
        else { return false }
        latest.from = wall - Self.overlap
        return try await page(latest)?.rows.contains { SmartSupportAPI.id($0, "ticket") == id } ?? false
    }

    // MARK: Where to go on

    private func after(_ place: Place, _ rows: [JSON]) -> Place? {
        if place.page == 1, place.readings == 0, !place.anchors.isEmpty, let from = place.from {
            // Something may lie between the stretches.
            let isJoined = rows.contains { row in
                (wall(row).map { $0 <= from + Self.overlap } ?? false)
                    && place.anchors.contains(Self.hash(SmartSupportAPI.id(row, "ticket") ?? ""))
            }
            if !isJoined { return place.plain(from: nil) }
        }
        if rows.isEmpty {
            if place.page == 1 || place.before == place.seen || place.readings >= Self.readings { return nil }
            return place.again(after: place.seen)
        }
        let walls = rows.compactMap(wall)
        guard walls.count == rows.count, let first = walls.first, let last = walls.last,
            zip(walls, walls.dropFirst()).allSatisfy({ $0 <= $1 }), place.from.map({ first >= $0 }) ?? true
        else { return place.plain(from: since) }
        // A first page of one single date proves no order.
        if place.page == 1, place.from == since, first == last { return place.plain(from: since) }
        let edge = last - Self.overlap
        let ends = zip(rows, walls).filter { $0.1 == last }.suffix(4)
            .map { Self.hash(SmartSupportAPI.id($0.0, "ticket") ?? "") }
        guard let from = place.from, edge <= from else {
            guard place.page > 1, let from = place.from else { return place.advanced(to: edge, anchors: ends) }
            let stretch = zip(rows, walls).filter { $0.1 <= from + Self.overlap }.map(\.0)
            let seen = place.seen &+ Self.sum(stretch)
            if place.before == seen || place.readings >= Self.readings {
                return place.advanced(to: edge, anchors: ends)
            }
            return place.again(after: seen)
        }
        var next = place
        next.page += 1
        next.seen = place.seen &+ Self.sum(rows)
        next.last = Self.order(rows)
        // A site that has no further page and gives its last one again.
        if next.last == place.last {
            return place.before == place.seen || place.readings >= Self.readings ? nil : place.again(after: place.seen)
        }
        return next
    }

    private func afterPlain(_ place: Place, _ rows: [JSON]) -> Place? {
        let order = Self.order(rows)
        guard rows.isEmpty || order == place.last else {
            var next = place
            next.page += 1
            next.seen = place.seen &+ Self.sum(rows)
            next.last = order
            return next
        }
        if place.seen != 0, place.before != place.seen, place.readings < Self.readings {
            return place.again(after: place.seen)
        }
        guard let customers, place.customer + 1 < customers.count else { return nil }
        var next = place.plain(from: nil)
        next.customer += 1
        return next
    }

    private func wall(_ row: JSON) -> Int64? {
        for name in SmartSupportTicketReader.updatedNames {
            if let wall = clock.wall(row[name]) { return wall }
        }
        return nil
    }

    /// Of the ids, whatever their order.
    private static func sum(_ rows: [JSON]) -> UInt64 {
        rows.reduce(0) { $0 &+ hash(SmartSupportAPI.id($1, "ticket") ?? "") }
    }

    /// Of the ids in their order.
    private static func order(_ rows: [JSON]) -> UInt64 {
        rows.isEmpty ? 0 : hash(rows.map { SmartSupportAPI.id($0, "ticket") ?? "" }.joined(separator: ","))
    }

    /// FNV-1a: the same in every process.
    private static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    // MARK: Asking

    /// The rows of a page; nil where its size is refused.
    private func page(_ place: Place, order: String = "ASC") async throws -> (rows: [JSON], total: Int?)? {
        var query: [(name: String, value: String)] = [("page", String(place.page))]
        if place.size > 0 { query.append(("per_page", String(place.size))) }
        var path = "tickets"
        if let customers {
            guard customers.indices.contains(place.customer) else { return ([], nil) }
            path = "customers/\(PercentEncoding.encode(customers[place.customer]))/tickets"
        } else {
            query += filters + [("orderby", "updated_at"), ("order", order)]
            if let from = place.from { query.append(("updated_after", SmartSupportClock.text(wall: from))) }
        }
        let answer = try await api.client.read(APICall(.get, path, query: query))
        if answer.isSuccess, let json = answer.json, let rows = SmartSupportAPI.rows(json, ["tickets"]),
            // A row that nobody can ask for is an answer that is not understood.
            rows.allSatisfy({ SmartSupportAPI.id($0, "ticket") != nil })
        {
            return (rows, SmartSupportAPI.total(answer))
        }
        if let json = answer.json {
            let words = "\(json["code"]?.string ?? "") \(json["message"]?.string ?? "")".lowercased()
            // A customer who is not there has no tickets.
            if customers != nil, answer.status == 404, json["code"]?.string != "rest_no_route" { return ([], nil) }
            if place.page > 1, answer.status == 400 || answer.status == 404, words.contains("page"),
                !words.contains("per_page")
            {
                return ([], nil)
            }
            if answer.status == 400, place.size > 0 { return nil }
        }
        throw SmartSupportAPI.diagnostic(of: answer, client: api.client)
    }
}
