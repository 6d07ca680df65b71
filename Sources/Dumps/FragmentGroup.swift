// SPDX-License-Identifier: Apache-2.0
package import Mapping

/// All fragments of one ticket over one buffer, in the order of the input.
package struct FragmentGroup {
    /// Keys and payloads.
    package var bytes: [UInt8] = []
    /// The fragments; their ranges are in ``bytes``.
    package var fragments: [Fragment] = []

    /// A group of nothing.
    package init() {}

    /// Forgets all, keeps the memory.
    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        fragments.removeAll(keepingCapacity: true)
    }

    /// What a fragment is besides its bytes, as it lies in a spill file.
    private struct Header: BitwiseCopyable {
        var seconds: Int64
        var record: UInt64
        var part: UInt32
        var line: UInt32
        var kindOfRecord: UInt32
        var nanoseconds: UInt32
        var messageKeyLength: Int32
        var ruleIndex: UInt16
        var kind: UInt8
        var flags: UInt8
    }

    /// Appends a fragment to a sorter's item: the header, the message's key, the payload.
    ///
    /// The ticket's key is the item's.
    static func write(_ fragment: Fragment, of bytes: UnsafeRawBufferPointer, to out: inout [UInt8]) {
        let header = Header(
            seconds: fragment.seconds, record: fragment.record, part: fragment.part, line: fragment.line,
            kindOfRecord: fragment.kindOfRecord, nanoseconds: fragment.nanoseconds,
            messageKeyLength: fragment.messageKey.map { Int32($0.count) } ?? -1, ruleIndex: fragment.ruleIndex,
            kind: fragment.kind.rawValue, flags: fragment.flags.rawValue)
        withUnsafeBytes(of: header) { out.append(contentsOf: $0) }
        if let key = fragment.messageKey { out.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[key])) }
        out.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[fragment.payload]))
    }

    /// Appends a fragment that ``write(_:of:to:)`` wrote.
    mutating func append(key: UnsafeRawBufferPointer, item: UnsafeRawBufferPointer) {
        let header = item.loadUnaligned(as: Header.self)
        let size = MemoryLayout<Header>.size
        let keyStart = bytes.count
        bytes.append(contentsOf: key)
        let restStart = bytes.count
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: item[size...]))
        let payloadStart = restStart + max(0, Int(header.messageKeyLength))
        guard let kind = Fragment.Kind(rawValue: header.kind) else { return }
        fragments.append(
            Fragment(
                kind, flags: Fragment.Flags(rawValue: header.flags), ruleIndex: header.ruleIndex,
                kindOfRecord: header.kindOfRecord, record: header.record, part: header.part, line: header.line,
                seconds: header.seconds, nanoseconds: header.nanoseconds, ticketKey: keyStart..<restStart,
                messageKey: header.messageKeyLength < 0 ? nil : restStart..<payloadStart,
                payload: payloadStart..<bytes.count))
    }

    /// Appends a fragment of another buffer.
    mutating func append(_ fragment: Fragment, of other: UnsafeRawBufferPointer) {
        var copy = fragment
        func take(_ range: Range<Int>) -> Range<Int> {
            let start = bytes.count
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: other[range]))
            return start..<bytes.count
        }
        copy.ticketKey = take(fragment.ticketKey)
        copy.messageKey = fragment.messageKey.map(take)
        copy.payload = take(fragment.payload)
        fragments.append(copy)
    }
}
