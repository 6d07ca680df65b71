// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// Asks the machine's resolver.
enum HostLookup {
    /// All addresses of a host as digits, IPv4 first; empty where the name is not known.
    ///
    /// Blocks a thread of its own queue, not one of the concurrency pool.
    static func addresses(of host: String) async -> [String] {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: resolve(host)) }
        }
    }

    private static func resolve(_ host: String) -> [String] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        // One entry an address instead of one for each kind of socket.
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [(family: Int32, text: String)] = []
        var entry = list
        while let one = entry?.pointee {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            if getnameinfo(one.ai_addr, one.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 {
                // A link-local address names its interface after a `%`.
                let digits = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                found.append((one.ai_family, String(decoding: digits.prefix { $0 != 0x25 }, as: UTF8.self)))
            }
            entry = one.ai_next
        }
        return found.filter { $0.family == AF_INET }.map(\.text) + found.filter { $0.family != AF_INET }.map(\.text)
    }
}
