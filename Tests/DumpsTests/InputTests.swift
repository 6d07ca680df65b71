// SPDX-License-Identifier: Apache-2.0
import Dumps
import Foundation
import Mapping
import Migration
import Testing
import TicketModel

@Suite struct InputTests {
    private func code(_ paths: [String]) -> String? {
        do {
            _ = try InputSet(paths, diagnostics: Said())
            return nil
        } catch let diagnostic as Diagnostic {
            #expect(!diagnostic.remedy.isEmpty)
            return diagnostic.code
        } catch {
            return "\(error)"
        }
    }

    @Test func badInputsAreNamed() throws {
        try withFolder { folder in
            func make(_ name: String, _ bytes: [UInt8]) throws -> String {
                let url = folder.appending(path: name)
                try Data(bytes).write(to: url)
                return url.path
            }
            #expect(code([]) == "input.none")
            #expect(code([folder.path + "/nope.csv"]) == "input.missing")
            #expect(code([folder.path + "/*.csv"]) == "input.no-match")
            #expect(code([folder.path]) == "input.no-dumps")
            let contents: [([UInt8], String?)] = [
                ([], "input.empty"), ([0x50, 0x4B, 3, 4], "input.binary"),
                ((0..<250).map { UInt8($0) }, "input.binary"),
                (Array("id\n1\n".utf8), nil), ([0xFF, 0xFE] + "id\n1\n".utf8.flatMap { [$0, 0] }, nil),
            ]
            for (i, (bytes, expected)) in contents.enumerated() {
                let path = try make("\(i).csv", bytes)
                #expect(code([path]) == expected)
            }
        }
    }

    @Test func foldersAndPatternsComeInOrderAndOnce() throws {
        try withFolder { folder in
            for name in ["b.csv", "a.csv", ".hidden.csv", "x.catalogue.jsonl", "readme.md"] {
                try "id\n1\n".write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
            }
            let inputs = try InputSet([folder.path, folder.path + "/*.csv"], diagnostics: Said())
            #expect(inputs.files.map { $0.name.split(separator: "/").last } == ["a.csv", "b.csv"])
        }
    }

    @Test(arguments: ["/etc/passwd", "../secret", "a/../../secret", "link", "", "a//b", "a\0b", "folder"])
    func aFileOutsideOfTheFolderIsNeverTaken(name: String) throws {
        try withFolder { top in
            let folder = top.appending(path: "files")
            try FileManager.default.createDirectory(
                at: folder.appending(path: "folder"), withIntermediateDirectories: true)
            try "s".write(to: top.appending(path: "secret"), atomically: true, encoding: .utf8)
            try "x".write(to: folder.appending(path: "ok.txt"), atomically: true, encoding: .utf8)
            try FileManager.default.createSymbolicLink(
                at: folder.appending(path: "link"), withDestinationURL: top.appending(path: "secret"))
            let files = try AttachmentFolder(path: folder.path)
            #expect(throws: FileUnavailable.self) { try files.resolve(name).get() }
            let inside = try files.resolve("ok.txt").get()
            #expect(inside.hasSuffix("ok.txt"))
        }
    }

    @Test func canonicalLinesGoThroughAndWrongOnesAreNamed() throws {
        try withFolder { folder in
            let path = folder.appending(path: "in.jsonl").path
            try "{\"id\":\"2\",\"messages\":[]}\n{ \"messages\":[], \"id\":\"1\" }".write(
                toFile: path, atomically: true, encoding: .utf8)
            #expect(try convert([path], nil).lines == [#"{"id":"2","messages":[]}"#, #"{"id":"1","messages":[]}"#])
            try "{\"id\":\"2\",\"messages\":[]}\n{\"id\":\"1\",\"mess".write(
                toFile: path, atomically: true, encoding: .utf8)
            let error = #expect(throws: Diagnostic.self) { try convert([path], nil) }
            #expect(error?.code == "jsonl.cut-off")
            #expect(error?.location?.line == 2)
        }
    }

    @Test func aDumpIsASourceOfPages() async throws {
        let source = DumpSource(
            DumpJob(
                plan: try shipped("kb-support-wxr"), files: try AttachmentFolder(path: sample("kb-support/uploads"))),
            paths: [sample("kb-support/wordpress.wxr.xml")], diagnostics: Said())
        var ids: [String] = []
        var cursor: Cursor?
        repeat {
            let page = try await source.list(since: nil, after: cursor)
            #expect(page.total == 60)
            ids += page.stubs.map(\.id)
            cursor = page.next
        } while cursor != nil
        #expect(Set(ids).count == 60)
        let line = try await source.fetch(Stub(id: ids[3]))
        #expect(line.id == ids[3])
        let file = try #require(try line.ticket().messages.flatMap(\.attachments).first)
        let resolved = try await source.file(for: file).get()
        #expect(resolved.sha256 == file.sha256)
    }
}
