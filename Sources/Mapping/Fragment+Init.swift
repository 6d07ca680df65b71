// SPDX-License-Identifier: Apache-2.0

extension Fragment {
    /// Makes a fragment; see the properties.
    ///
    /// For assembling what was spilled, and for tests.
    package init(
        _ kind: Kind, flags: Flags = [], ruleIndex: UInt16 = 0, kindOfRecord: UInt32 = 0, record: UInt64,
        part: UInt32 = 0,
        line: UInt32 = 1, seconds: Int64 = 0, nanoseconds: UInt32 = 0, ticketKey: Range<Int>,
        messageKey: Range<Int>? = nil,
        payload: Range<Int>, places: HeadPlaces? = nil
    ) {
        self.init(
            kind: kind, flags: flags, ruleIndex: ruleIndex, kindOfRecord: kindOfRecord, record: record, part: part,
            line: line, ticketKey: ticketKey, messageKey: messageKey, payload: payload, seconds: seconds,
            nanoseconds: nanoseconds, places: places)
    }
}
