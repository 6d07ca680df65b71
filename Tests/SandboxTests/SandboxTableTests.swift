// SPDX-License-Identifier: Apache-2.0
import Sandbox
import Testing
import TicketModel

@Suite("A table of a practice site")
struct SandboxTableTests {
    @Test func `An index follows what is added, changed and deleted`() {
        var table = SandboxTable<JSON>()
        func ids(_ ticket: String) -> [Int] { table.rows(where: "ticket", is: ticket).compactMap { $0["id"]?.int } }
        for id in [3, 1] { table[id] = ["id": JSON(id), "ticket": 7] }
        #expect(ids("7") == [1, 3])
        _ = table.insert { ["id": JSON($0), "ticket": "7"] }
        table[2] = ["id": 2, "ticket": 7]
        #expect(ids("7") == [1, 2, 3, 4], "in the order of the ids, numbers and texts alike")
        table[1]?["ticket"] = 8
        table[3] = nil
        table[4] = ["id": 4]
        #expect(ids("7") == [2] && ids("8") == [1] && ids("9").isEmpty)
    }

    @Test func `An index in which case does not count is another one`() {
        var table = SandboxTable<JSON>()
        _ = table.insert { ["id": JSON($0), "email": "Zoe@x.example"] }
        #expect(table.rows(where: "email", is: "zoe@x.example").isEmpty)
        #expect(table.rows(where: "email", isLike: "ZOE@x.example").count == 1)
    }
}
