// SPDX-License-Identifier: Apache-2.0
import Dumps
import Formats
import Foundation
import Mapping
import Migration
import Testing
import TicketModel

private let rowsAMessage = """
    ticketferry-mapping: 1
    read:
      format: csv
      bodies: text
      zone: UTC
      tickets: {each: row, key: Ticket, onRepeat: POLICY, subject: Subject, tags: {from: Tags, split: ";"}}
      messages: [{each: row, of: Ticket, key: Message, kind: {const: reply}, body: Text, createdAt: Date}]
    """

private func csv(_ rows: [String]) -> String {
    (["Ticket,Subject,Tags,Message,Text,Date"] + rows).joined(separator: "\n") + "\n"
}

private func lines(_ rows: [String], policy: String = "first", limit: Int? = nil) throws -> Converted {
    try withFolder { folder in
        let path = folder.appending(path: "in.csv").path
        try csv(rows).write(toFile: path, atomically: true, encoding: .utf8)
        return try convert([path], plan(rowsAMessage.replacing("POLICY", with: policy)), limit: limit)
    }
}

private let whole = """
    ticketferry-mapping: 1
    read:
      format: csv
      bodies: text
      tickets:
        each: row
        key: id
        subject: subject
        number: number
        status: status
        requester: {email: mail, name: name}
        participants: [{email: others}]
        tags: {from: tags, split: ";"}
        url: url
      messages: [{each: row, opens: true, of: id, author: {is: requester}, body: text}]
    """

/// Keeps nothing.
private struct Deaf: DiagnosticSink {
    func emit(_ diagnostic: Diagnostic) {}
}

@Suite struct AssemblerTests {
    @Test func whatTheMapperTellsOfPlacesGivesTheBytesOfLookingForThem() throws {
        var generator = Seeded(state: 7)
        var rows = ["id,subject,number,status,mail,name,others,tags,url,text,messages,zebra"]
        for i in 0..<500 {
            // Any cell may be empty, so that every member is missing somewhere, also the last before each place.
            let cells = (0..<11).map { _ in
                ["", "", "a", "\"\"\"}\"", "b;c", "é,"].randomElement(using: &generator) ?? ""
            }
            rows.append("\(i)," + cells.map { $0.hasPrefix("\"") ? $0 : "\"\($0)\"" }.joined(separator: ","))
        }
        let plan = try plan(whole)
        let reader = try CSVReader(
            MemoryByteSource(Array(rows.joined(separator: "\n").utf8), name: "in.csv"), diagnostics: Deaf())
        var mapper = RecordMapper(plan: plan)
        var assembled = 0
        while let block = try reader.nextBlock() {
            let made = try mapper.fragments(of: block, firstOrdinal: UInt64(assembled), sets: [0])
            for key in Set(made.fragments.map(\.record)) {
                let fragments = made.fragments.filter { $0.record == key }
                var blind = fragments
                for i in blind.indices { blind[i].places = nil }
                #expect(fragments.contains { $0.places != nil })
                #expect(try line(fragments, made.bytes, plan) == line(blind, made.bytes, plan))
                assembled += 1
            }
        }
        #expect(assembled == 500)
    }

    private func line(_ fragments: [Fragment], _ bytes: [UInt8], _ plan: ReadPlan) throws -> String {
        var assembler = Assembler(ticketRepeat: plan.ticketRepeat, messageRepeat: plan.messageRepeat) { _, line in
            SourceLocation(file: "in.csv", line: Int(line))
        }
        var out: [UInt8] = []
        try bytes.withUnsafeBytes { bytes in
            try fragments.withUnsafeBufferPointer { _ = try assembler.assemble($0, of: bytes, to: &out) }
        }
        return String(decoding: out, as: UTF8.self)
    }

    @Test func ticketsAreOrderedByIdAndMessagesByTimeThenId() throws {
        let tickets = try lines([
            "10,b,,3,third,2024-01-02 00:00:00", "9,a,,1,x,2024-01-01 00:00:00", "10,b,,10,tie,2024-01-01 00:00:00",
            "10,b,,9,first,2024-01-01 00:00:00",
        ]).tickets()
        #expect(tickets.map(\.id) == ["9", "10"])
        #expect(tickets[1].messages.map(\.id) == ["9", "10", "3"])
    }

    @Test func theSameRecordsInAnyOrderGiveTheSameBytesWhateverTheLimit() throws {
        var generator = Seeded(state: 42)
        var rows: [String] = []
        for i in 0..<400 {
            let ticket = Int.random(in: 0..<40, using: &generator)
            let second = Int.random(in: 10..<14, using: &generator)
            rows.append("\(ticket),s,b;a,\(i),text \(i),2024-01-01 00:00:\(second)")
        }
        let plain = try lines(rows).lines
        #expect(plain.count == Set(rows.map { $0.prefix { $0 != "," } }).count)
        for limit in [nil, 0, 1, 500, 5000] {
            rows.shuffle(using: &generator)
            #expect(try lines(rows, limit: limit).lines == plain)
        }
    }

    @Test func aRepeatedTicketGoesByItsMakersPolicy() throws {
        let rows = [
            "1,one,a,1,x,2024-01-01 00:00:00", "1,,,2,y,2024-01-02 00:00:00", "1,three,b,3,z,2024-01-03 00:00:00",
        ]
        #expect(try lines(rows, policy: "first").tickets()[0].subject == "one")
        #expect(try lines(rows, policy: "first").tickets()[0].tags == ["a"])
        #expect(try lines(rows, policy: "last").tickets()[0].subject == "three")
        #expect(try lines(rows, policy: "last").tickets()[0].tags == ["b"])
        #expect(try lines(rows, policy: "fill").tickets()[0].subject == "one")
        #expect(try lines(rows, policy: "fill").tickets()[0].tags == ["a", "b"])
        let ambiguous = try lines(rows, policy: "ambiguous")
        #expect(ambiguous.lines.isEmpty)
        #expect(ambiguous.outcome.result.report.leftAside.values.reduce(0, +) == 3)
        let error = #expect(throws: Diagnostic.self) { try lines(rows, policy: "fail") }
        #expect(error?.code == "dump.repeated-ticket")
        #expect(error?.location?.line == 3)
    }

    @Test func aMessageThatComesTwiceIsAnErrorWithItsPlace() throws {
        let rows = ["1,a,,7,x,2024-01-01 00:00:00", "1,a,,7,y,2024-01-02 00:00:00"]
        let error = #expect(throws: Diagnostic.self) { try lines(rows) }
        #expect(error?.code == "dump.repeated-message")
        #expect(error?.location?.line == 3)
    }

    @Test func onePerRecordStreamsInTheOrderOfTheInputAndRefusesDoubles() throws {
        let yaml = """
            ticketferry-mapping: 1
            read:
              format: csv
              bodies: text
              tickets: {each: row, key: id, subject: s}
              messages: [{each: row, of: id, opens: true, body: t}]
            """
        try withFolder { folder in
            let path = folder.appending(path: "in.csv").path
            try "id,s,t\n30,a,x\n4,b,y\n7,c,z\n".write(toFile: path, atomically: true, encoding: .utf8)
            let streams = try plan(yaml).keepsTicketsInOneRecord
            #expect(streams)
            #expect(try convert([path], plan(yaml)).tickets().map(\.id) == ["30", "4", "7"])
            try "id,s,t\n30,a,x\n4,b,y\n30,c,z\n".write(toFile: path, atomically: true, encoding: .utf8)
            let error = #expect(throws: Diagnostic.self) { try convert([path], plan(yaml)) }
            #expect(error?.code == "dump.repeated-ticket")
            #expect(error?.location?.line == 4)
        }
        let scattered = [try shipped("kb-support-wxr"), try plan(rowsAMessage.replacing("POLICY", with: "last"))]
        #expect(scattered.allSatisfy { !$0.keepsTicketsInOneRecord })
    }
}
