// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

/// The settings that every Swift target of ours shares.
///
/// CI (which sets `CI`) turns warnings into errors.
let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ] + (Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)])

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")

let package = Package(
    name: "ticketferry",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "ticketferry", targets: ["ticketferry"]),
        .library(
            name: "Ticketferry",
            targets: ["TicketModel", "Formats", "Mapping", "Dumps", "Migration", "Journal", "Connectors"]),
        .library(name: "ConformanceKit", targets: ["ConformanceKit"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.100.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.26.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.30.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swhitty/FlyingFox", .upToNextMinor(from: "0.27.1")),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
        .target(name: "TicketModel", dependencies: [crypto]),
        .target(name: "Formats", dependencies: ["TicketModel", "CLibXML2"]),
        .target(
            name: "ShippedMappings", path: "mappings", exclude: ["README.md"], resources: [.embedInCode("shipped")]),
        .target(
            name: "Mapping",
            dependencies: [
                "TicketModel", "Formats", "ShippedMappings", .product(name: "Yams", package: "Yams"), mustache, crypto,
            ]),
        .target(name: "Dumps", dependencies: ["TicketModel", "Formats", "Mapping", "Migration", crypto]),
        .target(
            name: "Transport",
            dependencies: [
                "TicketModel", httpTypes, .product(name: "AsyncHTTPClient", package: "async-http-client"),
                // The types in AsyncHTTPClient's own signatures; they come with it.
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOHTTPCompression", package: "swift-nio-extras"),
            ]),
        .target(name: "Migration", dependencies: ["TicketModel", "Mapping", crypto]),
        .target(
            name: "Journal", dependencies: ["TicketModel", "Migration", .product(name: "GRDB", package: "GRDB.swift")]),
        .target(
            name: "Sandbox",
            dependencies: ["TicketModel", httpTypes, .product(name: "FlyingFox", package: "FlyingFox")]),
        .target(
            name: "Connectors",
            dependencies: ["TicketModel", "Mapping", "Dumps", "Migration", "Transport", "Sandbox", crypto, httpTypes]),
        .target(
            name: "ConformanceKit",
            dependencies: [
                "TicketModel", "Mapping", "Migration", "Journal", "Transport", "Sandbox", "Connectors", crypto,
                httpTypes,
            ]),
        .target(name: "Reports", dependencies: ["TicketModel", "Migration"]),
        .executableTarget(
            name: "ticketferry",
            dependencies: [
                "TicketModel", "Formats", "Mapping", "Dumps", "Transport", "Migration", "Journal", "Sandbox",
                "Connectors", "Reports", argumentParser, crypto,
            ]),
        .testTarget(
            name: "ConformanceTests",
            dependencies: [
                "ConformanceKit", "TicketModel", "Mapping", "Dumps", "Migration", "Transport", "Sandbox", "Connectors",
                httpTypes,
            ]),
        .testTarget(
            name: "ConnectorsTests",
            dependencies: [
                "TicketModel", "Mapping", "Migration", "Transport", "Sandbox", "Connectors", "ConformanceKit",
                httpTypes, crypto,
            ]),
        .testTarget(
            name: "DumpsTests", dependencies: ["Dumps", "Formats", "Mapping", "Migration", "TicketModel", crypto],
            exclude: ["Fixtures"]),
        .testTarget(name: "FormatsTests", dependencies: ["Formats", "TicketModel"]),
        .testTarget(
            name: "JournalTests",
            dependencies: ["TicketModel", "Migration", "Journal", .product(name: "GRDB", package: "GRDB.swift")]),
        .testTarget(name: "MappingTests", dependencies: ["TicketModel", "Formats", "Mapping"]),
        .testTarget(name: "MigrationTests", dependencies: ["TicketModel", "Mapping", "Migration", "Journal"]),
        .testTarget(name: "ReportsTests", dependencies: ["Migration", "Reports"], exclude: ["Golden"]),
        .testTarget(
            name: "SandboxTests",
            dependencies: ["TicketModel", "Migration", "Sandbox", "Connectors"],
            exclude: ["Exchanges", "Measured"]),
        .testTarget(name: "TicketModelTests", dependencies: ["TicketModel"]),
        .testTarget(name: "TicketferryTests", dependencies: ["ticketferry"]),
        .testTarget(
            name: "TransportTests",
            dependencies: [
                "TicketModel", "Transport", httpTypes, .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
    ],
    swiftLanguageModes: [.v6])

for target in package.targets where target.type != .system && target.type != .plugin {
    target.swiftSettings = (target.swiftSettings ?? []) + settings
}
