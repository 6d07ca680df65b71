// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Mapping

@Test func `a star stands for any run of bytes`() {
    #expect(Glob("*fs_tickets").matches(Array("wp_fs_tickets".utf8)))
    #expect(!Glob("*fs_tickets").matches(Array("wp_fs_tickets2".utf8)))
    #expect(Glob("a?c*").matches(Array("aüc".utf8)))
    #expect(Glob("*customers*").matches(file: "exports/kbs-customers.csv"))
    #expect(!Glob("*customers*").matches(file: "customers/tickets.csv"))
}
