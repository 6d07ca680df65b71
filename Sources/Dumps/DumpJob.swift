// SPDX-License-Identifier: Apache-2.0
package import Mapping
package import Migration
package import TicketModel

/// How a dump is to be read.
package struct DumpJob {
    /// The mapping's read half; nil for canonical JSON Lines.
    package var plan: ReadPlan?
    /// The zone of times without one; stands over the mapping's.
    package var zone: Zone?
    /// The folder where the files of attachments lie.
    package var files: AttachmentFolder?
    /// How many bytes of fragments, and as many of tables, are held in memory before they go to disk.
    package var memoryLimit = 48 << 20
    /// Takes records that cannot be read instead of ending the run; nil: the first one ends it.
    package var rejects: (any RejectSink)?

    /// A job with the usual limits.
    package init(plan: ReadPlan?, zone: Zone? = nil, files: AttachmentFolder? = nil) {
        self.plan = plan
        self.zone = zone
        self.files = files
    }
}

/// Takes what could not be converted.
package protocol RejectSink: AnyObject {
    /// Takes a record or ticket with the reason.
    func reject(_ reason: Diagnostic) throws
}

/// How far a run is.
package struct DumpProgress: Sendable {
    /// What is done now.
    package enum Phase: Sendable {
        /// Tables are read, which tickets look things up in.
        case tables
        /// Records are read.
        case reading
        /// What was scattered is put together.
        case sorting
    }
    package var phase = Phase.reading
    /// Bytes read in this pass.
    package var bytes = 0
    /// Bytes of the whole input.
    package var bytesInAll = 0
    package var records = 0
    package var tickets = 0

    /// Nothing done yet.
    package init() {}
}

/// What came of reading a dump.
package struct DumpResult: Sendable {
    /// How many tickets were given.
    package var tickets = 0
    /// How many records or tickets were rejected.
    package var rejected = 0
    /// Where every record went.
    package var report = ReadReport()
    /// What the dump cannot tell, each once.
    package var losses: [Loss] = []
    /// What identifies the source, if the dump tells.
    package var identity: String?
    /// How many bytes of fragments went to disk: 0 where all was in one record, or small.
    package var spilled = 0

    /// Nothing read yet.
    package init() {}
}
