// SPDX-License-Identifier: Apache-2.0
import Testing
import TicketModel
import Transport

@Suite("Bodies as sites really send them")
struct JSONAnswerTests {
    static let warning =
        "<br />\n<b>Warning</b>:  Undefined array key \"x\" in <b>/www/{a}.php</b> on line <b>[12]</b><br />\n"

    @Test(
        "JSON is found behind marks, blanks and PHP's messages",
        arguments: [
            "{\"id\":1}", "\u{FEFF}{\"id\":1}", "\u{FEFF}\u{FEFF}\r\n {\"id\":1}\n", warning + "{\"id\":1}",
            warning + warning + "{\"id\":1}", "{\"id\":1}\n" + warning, "{\"id\":1}" + warning + warning,
            "Notice: Undefined index: y in /www/b.php on line 3\n{\"id\":1}",
            "PHP Deprecated:  f(): [x] in /www/c.php on line 1\n{\"id\":1}\n",
            "<br /><b>Warning</b>: x in [line] y {\"id\":1}", "\u{FEFF}" + warning + "\u{FEFF}{\"id\":1}",
            "<div id=\"error\"><p class=\"wpdberror\"><strong>WordPress database error:</strong> [no line]<br />"
                + "<code>SELECT</code></p></div>{\"id\":1}",
        ])
    func finds(body: String) {
        let (answer, noise) = JSONAnswer.read(Array(body.utf8), status: 200)
        #expect(answer == .json(status: 200, ["id": 1]))
        #expect((noise != nil) == body.contains("line"))
    }

    @Test("empty values and brackets in strings are read whole, and scalars that stand alone")
    func values() {
        #expect(JSONAnswer.read(Array((Self.warning + "{}").utf8), status: 200).answer.json == [:])
        #expect(JSONAnswer.read(Array((Self.warning + "[ ]").utf8), status: 200).answer.json == [])
        #expect(JSONAnswer.read(Array("\"gone\"".utf8), status: 422).answer == .json(status: 422, "gone"))
        let tricky = Self.warning + "{\"a\":\"]}\\\"{\"}"
        #expect(JSONAnswer.read(Array(tricky.utf8), status: 200).answer.json?["a"] == "]}\"{")
    }

    @Test(
        "what is no JSON is told apart",
        arguments: [
            ("", JSONAnswer.NotJSON.empty), ("\u{FEFF}\n ", .empty),
            ("<!DOCTYPE html><html><head><title>Hi</title></head>{\"id\":1}</html>", .html),
            ("<html>{\"id\":1}", .html), ("  <HTML lang=en><body>", .html), ("<!-- theme --><div>", .html),
            ("<div class=x>\n<html>", .html),
            ("{\"id\":1,\"list\":[1,2", .truncated), ("[{\"id\":1},{\"id", .truncated), ("{", .truncated),
            (warning + "{\"id\":1,\"te", .truncated), ("<b>Notice</b>: x [3] {\"a\":{\"b\":1}", .truncated),
            ("<b>Notice</b>: x [3]", .phpError), ("<b>Notice</b>: x {\"a\":\n[1,2]", .truncated),
            (
                "<br />\n<b>Fatal error</b>:  Uncaught TypeError: x in /www/a.php:3\nStack trace:\n#0 {main}\n  thrown",
                .phpError
            ),
            ("PHP Fatal error: Allowed memory size", .phpError), ("pong", .other), ("{\"id\":1}{\"id\":2}", .other),
            ("see [1]", .other), ("{\"id\":01x}", .other), ("{not json", .other),
        ])
    func tellsApart(body: String, expected: JSONAnswer.NotJSON) {
        let answer = JSONAnswer.read(Array(body.utf8), status: 200).answer
        guard case .notJSON(let kind, 200, _) = answer else {
            Issue.record("read as \(answer)")
            return
        }
        #expect(kind == expected)
    }

    @Test("every beginning of an answer is truncated, never a smaller answer")
    func everyPrefix() {
        let whole = Array((Self.warning + "{\"a\":\n[{\"b\":\"}]\"},\n[1,2]\n],\"c\":\n{\"d\":\"e\\\\\"}}").utf8)
        let start = Array(Self.warning.utf8).count
        for length in (start + 1)..<whole.count {
            #expect(JSONAnswer.read(Array(whole[..<length]), status: 200).answer.json == nil)
        }
        #expect(JSONAnswer.read(whole, status: 200).answer.json != nil)
    }

    @Test("an excerpt is the page's title, on one line, without tags and controls")
    func excerpts() {
        let page = "<html><head><title>Access\n denied\u{1B}[31m</title></head><body>long</body></html>"
        guard case .notJSON(_, _, let excerpt) = JSONAnswer.read(Array(page.utf8), status: 403).answer else {
            Issue.record("read as JSON")
            return
        }
        #expect(excerpt == "Access denied[31m")
    }

    @Test("a hostile body of brackets is read in bounded time")
    func brackets() {
        let body = Array((Self.warning + String(repeating: "[{", count: 200_000)).utf8)
        let time = ContinuousClock().measure { _ = JSONAnswer.read(body, status: 200) }
        #expect(time < .seconds(20))
    }
}
