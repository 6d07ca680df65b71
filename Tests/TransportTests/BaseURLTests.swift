// SPDX-License-Identifier: Apache-2.0
import Testing
import TicketModel
import Transport

@Suite("Addresses as users type them")
struct BaseURLTests {
    static let api = APIPath.wordPress("help/v1")

    @Test(
        "every usual way to write a site names the same API",
        arguments: [
            ("help.example.com", "https://help.example.com/wp-json/help/v1/tickets?page=2"),
            ("https://help.example.com", "https://help.example.com/wp-json/help/v1/tickets?page=2"),
            (" HTTPS://Help.Example.COM:443/ ", "https://help.example.com/wp-json/help/v1/tickets?page=2"),
            ("https://help.example.com/wp-json", "https://help.example.com/wp-json/help/v1/tickets?page=2"),
            ("https://help.example.com/wp-json/help/v1/", "https://help.example.com/wp-json/help/v1/tickets?page=2"),
            ("https://help.example.com/wp-json/help", "https://help.example.com/wp-json/help/v1/tickets?page=2"),
            ("https://help.example.com/wp-admin/index.php", "https://help.example.com/wp-json/help/v1/tickets?page=2"),
            ("https://x.example/blog", "https://x.example/blog/wp-json/help/v1/tickets?page=2"),
            ("x.example/blog/wp-json/", "https://x.example/blog/wp-json/help/v1/tickets?page=2"),
            ("https://x.example:8443/a/b/#top", "https://x.example:8443/a/b/wp-json/help/v1/tickets?page=2"),
            ("https://x.example/?rest_route=/", "https://x.example/?rest_route=/help/v1/tickets&page=2"),
            (
                "https://x.example/blog/index.php?rest_route=/help/v1/",
                "https://x.example/blog/index.php?rest_route=/help/v1/tickets&page=2"
            ),
            ("https://x.example/index.php", "https://x.example/wp-json/help/v1/tickets?page=2"),
            ("localhost:8080", "http://localhost:8080/wp-json/help/v1/tickets?page=2"),
            ("127.0.0.1", "http://127.0.0.1/wp-json/help/v1/tickets?page=2"),
            ("https://[::1]:8080/x", "https://[::1]:8080/x/wp-json/help/v1/tickets?page=2"),
        ])
    func normalises(typed: String, expected: String) throws {
        let (base, warnings) = try BaseURL.parse(typed, api: Self.api)
        #expect(base.endpoint("/tickets", query: [("page", "2")]).text == expected)
        #expect(warnings.isEmpty)
    }

    @Test("an API that is not of WordPress keeps its path, with or without it in the address")
    func plainAPI() throws {
        for typed in ["https://api.x.example/v2", "https://api.x.example", "https://api.x.example/v2/"] {
            let base = try BaseURL.parse(typed, api: .plain("/v2/")).base
            #expect(base.endpoint("contacts").text == "https://api.x.example/v2/contacts")
        }
        let bare = try BaseURL.parse("https://x.example/support", api: .plain("")).base
        #expect(bare.endpoint("list.php").text == "https://x.example/support/list.php")
    }

    @Test("values of a query arrive as they left, in both forms of the address")
    func encodes() throws {
        for typed in ["https://x.example", "https://x.example/?rest_route=/"] {
            let base = try BaseURL.parse(typed, api: Self.api).base
            let url = base.endpoint(
                "tags/" + PercentEncoding.encode("a/b c&d"), query: [("q", "plus+tag@x.example & é"), ("ids[]", "1")])
            #expect(url.text.hasSuffix("q=plus%2Btag%40x.example%20%26%20%C3%A9&ids[]=1"))
            #expect(!url.text.contains("c&d"))
        }
    }

    @Test("an unencrypted address elsewhere is warned of, not one on this machine")
    func warnsOfHTTP() throws {
        let warned = try BaseURL.parse("http://help.example.com", api: Self.api).warnings
        #expect(warned.map(\.code) == ["url.unencrypted"])
        #expect(try BaseURL.parse("http://127.0.0.1:9/", api: Self.api).warnings.isEmpty)
    }

    @Test(
        "what is no address is refused with a remedy, and a login in it is never repeated",
        arguments: [
            ("", "url.invalid"), ("https://", "url.invalid"), ("ftp://x.example", "url.scheme"),
            ("https://ada:hunter2secret@x.example", "url.login"), ("https://x.example:99999", "url.invalid"),
            ("https://x y.example", "url.invalid"),
        ])
    func refuses(typed: String, code: String) throws {
        let error = #expect(throws: Diagnostic.self) { try BaseURL.parse(typed, api: Self.api) }
        #expect(error?.code == code)
        #expect(error?.remedy.isEmpty == false)
        #expect(error?.description.contains("hunter2secret") == false)
    }

    @Test(
        "a redirect's target is resolved against the request",
        arguments: [
            ("/b", "https://x.example/b"), ("c?d=1", "https://x.example/a/c?d=1"), ("?q", "https://x.example/a/b?q"),
            ("//y.example/z", "https://y.example/z"), ("http://y.example", "http://y.example/"),
            ("/b c", "https://x.example/b%20c"),
            ("/login?to=http://y.example/", "https://x.example/login?to=http://y.example/"),
        ])
    func resolves(location: String, expected: String) throws {
        let url = try #require(EndpointURL("https://x.example/a/b"))
        #expect(url.resolving(location)?.text == expected)
    }

    @Test(
        "private addresses are seen in every spelling",
        arguments: [
            ("http://localhost/", true), ("http://10.1.2.3/", true), ("http://172.31.0.1/", true),
            ("http://[::1]/", true),
            ("http://[fe80::1]/", true), ("http://[::ffff:10.0.0.1]/", true), ("http://2130706433/", true),
            ("http://0x7f.1/", true), ("http://169.254.169.254/", true), ("http://172.32.0.1/", false),
            ("https://x.example/", false), ("https://[2001:db8::1]/", false), ("https://8.8.8.8/", false),
        ])
    func privateAddresses(text: String, expected: Bool) throws {
        #expect(try #require(EndpointURL(text)).isPrivateAddress == expected)
    }
}
