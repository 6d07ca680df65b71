import Testing
// SPDX-License-Identifier: Apache-2.0
import TicketModel

@testable import Mapping

private func failure(_ yaml: String) -> Diagnostic? {
    do {
        _ = try MappingFile(yaml: Array(yaml.utf8), file: "m.yaml")
        return nil
    } catch { return error as? Diagnostic }
}

@Suite struct `Mapping files` {
    @Test(arguments: [
        ("read: {format: csv, tickets: {each: row, key: Id, subjct: A}}", "mapping.unknown-key", 1, 51, "`subject`"),
        ("reed: {}", "mapping.unknown-key", 1, 1, "`read`"),
        ("read:\n  format: cvs\n", "mapping.unknown-word", 2, 11, "`csv`"),
        ("read:\n  format: csv\n  tickets: {each: rows, key: Id}\n", "mapping.unknown-set", 3, 19, "`row`"),
        ("read:\n  format: csv\n  tickets: {key: Id}\n", "mapping.key-missing", 3, 12, "each"),
        (
            "read:\n  format: csv\n  tickets: {each: row, key: Id, requester: Mail}\n", "mapping.bad-person", 3, 44,
            "email"
        ),
        (
            "read:\n  format: csv\n  tickets: {each: row, key: Id, createdAt: {from: D, format: dd.QQ}}\n",
            "mapping.bad-date-pattern", 3, 62, "yyyy"
        ),
        (
            "read:\n  format: csv\n  zone: Europe/Berln\n  tickets: {each: row, key: Id}\n", "mapping.unknown-zone", 3,
            9, "Europe/Berlin"
        ),
        (
            "read:\n  format: csv\n  tickets: {each: row, key: Id, subject: {ref: peple, by: X, take: name}}\n",
            "mapping.unknown-table", 3, 48, "tables"
        ),
        (
            "read: {format: csv, tickets: {each: row, key: Id}}\nwords: {status: {a: opn}}", "mapping.unknown-word", 2,
            21, "`open`"
        ),
        ("read: [", "mapping.syntax", 2, 1, "YAML"), ("", "mapping.empty", nil, nil, "ticketferry-mapping"),
        ("ticketferry-mapping: 2\nread: {}", "mapping.version", 1, 22, "newer"),
        ("write: {status: {opne: active}}", "mapping.unknown-key", 1, 18, "`open`"),
        ("write: {product: {from: departmnt}}", "mapping.unknown-path", 1, 25, "`department`"),
        ("write: {assignee: {a@x.example: nobody}}", "mapping.bad-person", 1, 33, "unassigned"),
        ("write: {tags: tags, tags: tags}", "mapping.syntax", 1, nil, "YAML"),
    ])
    func `say what is wrong, where, and what is near`(
        yaml: String, code: String, line: Int?, column: Int?, remedy: String
    ) throws {
        let diagnostic = try #require(failure(yaml))
        #expect(diagnostic.code == code)
        #expect(diagnostic.location?.line == line)
        if let column { #expect(diagnostic.location?.column == column) }
        #expect(diagnostic.remedy.contains(remedy), "\(diagnostic.remedy)")
    }

    @Test func `tables that need each other are an error, others are ordered into passes`() throws {
        let tables = { (a: String, b: String) in
            """
            read:
              format: csv
              tables: {a: {each: row, key: K, v: \(a)}, b: {each: row, key: K, v: \(b)}}
              tickets: {each: row, key: K}
            """
        }
        let file = try MappingFile(yaml: Array(tables("{ref: b, by: K, take: v}", "V").utf8), file: "m.yaml")
        #expect(file.read?.tablePasses == [[1], [0]])
        #expect(failure(tables("{ref: b, by: K, take: v}", "{ref: a, by: K, take: v}"))?.code == "mapping.table-circle")
    }

    @Test(arguments: ShippedMapping.names)
    func `shipped ones decode`(name: String) throws {
        let file = try ShippedMapping.named(name)
        #expect(file.name == name)
        #expect((file.read != nil) != name.contains("-to-"))
    }

    @Test func `a shipped name with a slip is told the near one`() {
        #expect { try ShippedMapping.named("kb-support-wrx") } throws: {
            ($0 as? Diagnostic)?.remedy.contains("`kb-support-wxr`") == true
        }
    }

    @Test func `sets with a pattern take their files, the others the rest`() throws {
        let plan = try #require(try ShippedMapping.named("kb-support-csv").read)
        #expect(plan.sets(forFile: "x/kbs-customers.csv").map { plan.sets[$0].name } == ["customer"])
        #expect(plan.sets(forFile: "x/anything.csv").map { plan.sets[$0].name } == ["row"])
    }
}
