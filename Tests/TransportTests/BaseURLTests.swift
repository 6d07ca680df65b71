// SPDX-License-Identifier: Apache-2.0
import Testing
import TicketModel

@testable import Transport

@Suite struct `Addresses of helpdesks` {
    private static let wordPress = APIPath.wordPress("help/v1")

    @Test(arguments: [
        ("help.example.com", "https://help.example.com/wp-json/help/v1/tickets"),
        ("https://help.example.com", "https://help.example.com/wp-json/help/v1/tickets"),
        ("  https://help.example.com/ \n", "https://help.example.com/wp-json/help/v1/tickets"),
        ("'https://Help.Example.com:443/'", "https://help.example.com/wp-json/help/v1/tickets"),
        ("https://help.example.com/wp-json", "https://help.example.com/wp-json/help/v1/tickets"),
        ("https://help.example.com/wp-json/help/v1/", "https://help.example.com/wp-json/help/v1/tickets"),
        ("https://help.example.com/blog", "https://help.example.com/blog/wp-json/help/v1/tickets"),
        ("https://help.example.com/blog/wp-json/", "https://help.example.com/blog/wp-json/help/v1/tickets"),
        ("https://help.example.com/wp-admin/admin.php?page=x", "https://help.example.com/wp-json/help/v1/tickets"),
        ("https://help.example.com/#fragment", "https://help.example.com/wp-json/help/v1/tickets"),
        ("https://help.example.com/index.php/wp-json/", "https://help.example.com/wp-json/help/v1/tickets"),
        ("https://help.example.com/?rest_route=/", "https://help.example.com/?rest_route=/help/v1/tickets"),
        (
            "https://help.example.com/a/index.php?rest_route=/help/v1",
            "https://help.example.com/a/index.php?rest_route=/help/v1/tickets"
        ),
        ("localhost:8080", "http://localhost:8080/wp-json/help/v1/tickets"),
        ("127.0.0.1:8080/sub/", "http://127.0.0.1:8080/sub/wp-json/help/v1/tickets"),
        ("https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443/wp-json/help/v1/tickets"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/wp-json/help/v1/tickets"),
    ])
    func `whatever a user types names the same endpoint`(typed: String, endpoint: String) throws {
        let parsed = try BaseURL.parse(typed, api: Self.wordPress)
        #expect(parsed.base.endpoint("/tickets").text == endpoint)
        #expect(parsed.warnings.isEmpty)
    }

    @Test func `a plain API keeps its folder and needs no path at all`() throws {
        #expect(
            try BaseURL.parse("x.example/desk/api/", api: .plain("/api/")).base.endpoint("t").text
                == "https://x.example/desk/api/t")
        #expect(try BaseURL.parse("x.example", api: .plain("")).base.endpoint("t/").text == "https://x.example/t/")
    }

    @Test func `unencrypted addresses elsewhere are warned of`() throws {
        let parsed = try BaseURL.parse("http://desk.example", api: .plain("api"))
        #expect(parsed.warnings.map(\.code) == ["url.unencrypted"])
        #expect(try BaseURL.parse("http://localhost", api: .plain("api")).warnings.isEmpty)
    }

    @Test func `names and values of the query are encoded byte by byte`() throws {
        let query = [("status[]", "a b"), ("q", "50% + ü&x=/?#")]
        let plain = try BaseURL.parse("x.example", api: Self.wordPress).base.endpoint("t", query: query)
        #expect(plain.query == "status%5B%5D=a%20b&q=50%25%20%2B%20%C3%BC%26x%3D%2F%3F%23")
        let routed = try BaseURL.parse("x.example/?rest_route=/", api: Self.wordPress).base.endpoint(
            "t/a%2Fb", query: query)
        #expect(routed.query == "rest_route=/help/v1/t/a/b&status%5B%5D=a%20b&q=50%25%20%2B%20%C3%BC%26x%3D%2F%3F%23")
    }

    @Test(arguments: [
        ("ftp://desk.example", "url.scheme"), ("javascript://x", "url.scheme"),
        ("https://", "url.invalid"), ("", "url.invalid"), ("https://a b.example", "url.invalid"),
        ("https://desk.example:99999", "url.invalid"), ("https://desk..example", "url.invalid"),
        ("https://ann:hunter22@desk.example", "url.login"), ("ann:hunter22@desk.example/x", "url.login"),
        ("https://ann:hunter22@\u{301}desk.example", "url.invalid"),
    ])
    func `what is no address of a helpdesk is refused without repeating a login`(typed: String, code: String) {
        let error = #expect(throws: Diagnostic.self) { try BaseURL.parse(typed, api: Self.wordPress) }
        #expect(error?.code == code)
        #expect(error.map { "\($0)".contains("hunter22") } == false)
    }

    @Test(arguments: [
        ("https://other.example/x?y=1#z", "https://other.example/x?y=1"),
        ("//other.example/x", "https://other.example/x"),
        ("/x y?a[]=%20", "https://a.example/x%20y?a%5B%5D=%20"), ("z", "https://a.example/b/z"),
        ("?q=1", "https://a.example/b/c?q=1"),
        ("/login?to=http://b.example/", "https://a.example/login?to=http://b.example/"),
        ("/\\evil.example/", "https://a.example/%5Cevil.example/"),
        ("\\\\evil.example", "https://a.example/b/%5C%5Cevil.example"),
    ])
    func `a location is seen from the address that gave it`(location: String, target: String) {
        #expect(EndpointURL("https://a.example/b/c?d=e")?.resolving(location)?.text == target)
    }

    @Test(arguments: ["", "  ", "ftp://b.example/", "https://user@b.example/", "https:///x", "//"])
    func `a location that makes no sense leads nowhere`(location: String) {
        #expect(EndpointURL("https://a.example/b")?.resolving(location) == nil)
    }

    @Test(arguments: [
        "localhost", "localhost.", "a.localhost", "127.0.0.1", "127.1", "0177.0.0.1", "0x7f.0.0.1", "2130706433",
        "10.0.0.7",
        "172.31.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:10.0.0.1]", "[0:0:0:0:0:ffff:a00:1]", "[fd12::1]", "[fe80::1]", "[febf::1]", "[64:ff9b::a00:1]",
        "[2002:a00:1::]", "[ff02::1]", "127.0.0.1.",
    ])
    func `private addresses are seen in all their clothes`(host: String) throws {
        #expect(try #require(EndpointURL("http://\(host)/")).isPrivateAddress)
    }

    @Test(arguments: [
        "example.com", "8.8.8.8", "172.32.0.1", "11.0.0.1", "[2001:db8::1]", "[2a00::1]", "10.example",
        "localhost.example",
    ])
    func `public addresses are none`(host: String) throws {
        #expect(try #require(EndpointURL("http://\(host)/")).isPrivateAddress == false)
    }
}
