// SPDX-License-Identifier: Apache-2.0
import Testing
import TicketModel

@testable import Transport

@Suite struct `What an answer's body is` {
    private static let warning =
        "<br />\n<b>Warning</b>:  Undefined array key \"x[0\" in <b>/srv/a.php</b> on line <b>3</b><br />\n"
    private static let bom = "\u{FEFF}"

    @Test(arguments: [
        #"{"id":1}"#, " \r\n[1,2]\n", "\"a sentence\"", "0", "null", bom + #"{"id":1}"#, "\n" + bom + bom + " {} ",
    ])
    func `JSON is taken whatever stands before it that says nothing`(body: String) {
        let (answer, noise) = JSONAnswer.read(Array(body.utf8), status: 200)
        #expect(answer.isSuccess)
        #expect(noise == nil)
    }

    @Test(
        arguments: [
            (warning + #"{"id":1}"#, "Undefined array key"), (warning + bom + #"{"id":1}"#, "Undefined array key"),
            ("Notice: Trying {closure}() [x] in /a.php on line 7\n" + #"{"id":1}"#, "Trying"),
            ("PHP Warning:  unmatched [ in /a.php\n" + #"{"id":1}"#, "unmatched"),
            ("WordPress database error: [Table 'x' is missing]\nSELECT {\n" + #"{"id":1}"#, "Table"),
            (#"{"id":1}"# + "\n" + warning, "Undefined array key"),
            ("Deprecated: x in y " + #"{"id":1}"#, "Deprecated"),
            (#"<br /><b>Warning</b>: x in [line] y {"id":1}"#, "line"),
            ("Deprecated: a\n" + #"{"id":1}"# + warning, "Deprecated"),
        ] as [(String, String)])
    func `PHP's messages around the JSON are noted and do not hide it`(body: String, said: String) {
        let (answer, noise) = JSONAnswer.read(Array(body.utf8), status: 201)
        #expect(answer.json?["id"] == .number("1"))
        #expect(answer.status == 201)
        #expect(noise?.contains(said) == true)
    }

    @Test(
        arguments: [
            ("", .empty), ("  \n\u{FEFF}", .empty),
            ("<!DOCTYPE html><html><head><title>Sorry &amp; closed</title></head>", .html),
            ("<html lang=de>{}</html>", .html),
            ("<div><html>x", .html), ("<!-- cache --> {\"id\":1}", .html), ("<?xml version='1.0'?><a/>", .html),
            (#"{"id":1,"list":[{"a":1},{"a":2}"#, .truncated), (#"{"id":"1"#, .truncated), ("[", .truncated),
            (#"{"a":"\""#, .truncated),
            (warning + #"{"list":[{"id":1},{"id":2}"#, .truncated), (warning + #"[{"id":1}"#, .truncated),
            (warning + #"{"list":[{"id":1},"#, .truncated),
            (#"<b>Notice</b>: x [3] {"a":{"b":1}"#, .truncated), ("<b>Notice</b>: x {\"a\":\n[1,2]", .truncated),
            ("<b>Notice</b>: Undefined offset: [3]", .phpError), (warning, .phpError),
            ("Fatal error: Uncaught Error in {closure}() [x]", .phpError),
            (#"[{"id":1}<b>Fatal error</b>: Uncaught Error ]"#, .other),
            (#"Notice: x"# + "\n" + #"[{"id":1}"# + warning + "]", .phpError),
            ("Service unavailable", .other), (#"{"id":1} and more"#, .other), (#"ok {"id":1}"#, .other), ("-", .other),
        ] as [(String, JSONAnswer.NotJSON)])
    func `what is no JSON is named, and no scrap in it passes for an answer`(body: String, kind: JSONAnswer.NotJSON) {
        let (answer, _) = JSONAnswer.read(Array(body.utf8), status: 200)
        guard case .notJSON(kind, status: 200, _) = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(!answer.isSuccess)
    }

    @Test func `a JSON list that breaks off anywhere, behind a message or not, is never taken for a shorter answer`() {
        let json = #"{"total":2,"data":[{"id":1,"tags":["a","b"]},{"id":2,"text":"x } ] \" y"}]}"#
        for prefix in ["", Self.warning, Self.bom] {
            for length in 1..<json.utf8.count {
                let body = Array(prefix.utf8) + json.utf8.prefix(length)
                #expect(JSONAnswer.read(body, status: 200).answer.json == nil, "\(prefix) cut after \(length) bytes")
            }
        }
    }

    @Test func `an excerpt is a page's title or its first words, on one line and short`() {
        #expect(Excerpt.plain(Array("<html><title lang=x>Be\n back</title><p>no".utf8)[...]) == "Be back")
        #expect(Excerpt.plain(Array("a\u{1B}[31m\r\nb\u{0} <b>c</b>".utf8)[...]) == "a[31m b c")
        #expect(Excerpt.plain(Array(String(repeating: "word ", count: 100).utf8)[...]).count == 200)
        #expect(Excerpt.plain([0xFF, 0x41][...]) == "\u{FFFD}A")
    }
}
