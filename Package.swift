// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// A library target of Weir. The list of dependencies is the list of allowed imports: the build refuses any other.
func library(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let collections: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let coreMetrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let certificates: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioExtras: Target.Dependency = .product(name: "NIOExtras", package: "swift-nio-extras")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioWebSocket: Target.Dependency = .product(name: "NIOWebSocket", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")

let package = Package(
    name: "weir",
    products: [.executable(name: "weir", targets: ["Weir"]), .executable(name: "weir-frames", targets: ["WeirFrames"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .executableTarget(
            name: "Weir",
            dependencies: [
                "Audit", "CMalloc", "Client", "Contract", "ControlPlane", "Delivery", "Devices", "EdgeAgent", "Files", "FragmentStore",
                "Frames",
                "Gateway",
                "IPAddresses", "Identity", "Links", "Locking",
                "Matroska", "MediaClient", "MediaPlane",
                "Migrations", "ObjectStore",
                "Policies", "PostgresDriver", "Prometheus", "SQL", "SQLiteDriver", "Settings", "SignalingPlane", "Store", "TokenPlane",
                "Workers",
                httpClient, lifecycle, logging, nioCore, nioPosix, nioSSL,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                argumentParser,
            ],
            swiftSettings: strict
        ),
        library(
            "Settings",
            [
                "Contract", "ControlPlane", "Delivery", "Files", "IPAddresses", "MediaPlane", "ObjectStore", "Signing", argumentParser,
                logging,
            ]),
        library(
            "Audit",
            ["Contract", "Files", "Locking", "Prometheus", "SQL", "Store", coreMetrics, crypto, lifecycle, logging]),
        library(
            "Gateway",
            [
                "Audit", "Contract", "ControlPlane", "IPAddresses", "Identity", "Locking", "Planes", "Prometheus", collections, coreMetrics,
                crypto,
                lifecycle, logging, nioCore, nioExtras, nioHTTP1, nioPosix, nioSSL, nioWebSocket,
            ], resources: ["html", "css", "js"].map { .embedInCode("Watch/watch.\($0)") }),
        library(
            "SignalingPlane",
            [
                "Contract", "Identity", "Links", "Locking", "Planes", "Prometheus", "Store", collections, coreMetrics, crypto, lifecycle,
                logging,
                nioCore, nioHTTP1, nioPosix,
            ]),
        library(
            "Links",
            ["Locking", "Prometheus", collections, coreMetrics, crypto, lifecycle, logging, nioCore, nioPosix, nioSSL]),
        library("TokenPlane", ["Contract", "Identity", "Planes", "Policies", "SQL", "Store"]),
        library("Planes", ["Contract", "Identity", nioCore, nioHTTP1]),
        library("Workers", ["ControlPlane", "Locking", "Prometheus", "SQL", "Store", coreMetrics, lifecycle, logging]),
        library("ControlPlane", ["Contract", "Identity", "Locking", "Planes", "SQL", "Store", crypto]),
        library("Identity", ["Contract", "Locking", "Policies", "SQL", "Store", crypto]),
        library("Devices", ["Identity", "Store", asn1, certificates, crypto]),
        library("Policies", ["Contract", "IPAddresses"]),
        library(
            "Delivery",
            [
                "Contract", "IPAddresses", "Locking", "SQL", "Signing", "Store", crypto, httpClient, lifecycle, logging, nioCore, nioHTTP1,
                nioPosix, nioSSL,
            ]),
        library("EdgeAgent", ["Client", "Contract", "Files", "Locking", "Signing", crypto, lifecycle, logging]),
        library("Client", ["Contract", "Files", "Locking", "Signing", httpClient, nioCore, nioHTTP1, nioSSL]),
        library("MediaClient", ["Client", "Contract", "Locking", "Matroska", "Signing", nioCore]),
        library("Signing", [crypto]),
        library("ObjectStore", ["Signing", crypto, httpClient, nioCore, nioHTTP1, nioPosix, nioSSL]),
        library("Contract", []),
        library("Store", ["IPAddresses", "SQL", crypto]),
        library("IPAddresses", []),
        library(
            "FragmentStore",
            ["Locking", "ObjectStore", "Prometheus", "SQL", "Store", "CPack", coreMetrics, crypto, lifecycle, logging, nioCore, nioPosix]),
        .target(name: "CMalloc"),
        .target(name: "CPack"),
        library("SQLiteDriver", ["Locking", "Prometheus", "SQL", "CSQLite"]),
        library("PostgresDriver", ["Locking", "Prometheus", "SQL", "CPostgres", logging]),
        library("SQL", ["Prometheus", coreMetrics]),
        library("Prometheus", ["Locking", coreMetrics]),
        library("Files", []),
        library("Locking", []),
        library("Matroska", []),
        library(
            "MediaPlane",
            [
                "Contract", "FragmentStore", "Frames", "Identity", "Links", "Locking", "Matroska", "MediaFormats",
                "ObjectStore", "Planes",
                "Prometheus", "SQL",
                "Store", collections, coreMetrics, crypto, lifecycle, logging, nioCore, nioHTTP1,
            ]),
        library("MediaFormats", []),
        library("Frames", ["Locking", "Prometheus", coreMetrics, lifecycle, nioCore, nioPosix]),
        // Pictures out of frames: the only program that links a codec, and no part of `swift build --product weir`.
        .executableTarget(
            name: "WeirFrames", cSettings: [.treatAllWarnings(as: .error)],
            linkerSettings: ["avcodec", "avutil", "swscale", "jpeg", "png"].map { .linkedLibrary($0) }),
        .target(
            name: "Migrations", dependencies: ["SQL"], path: "Migrations", exclude: ["README.md"],
            resources: [.embedInCode("postgres"), .embedInCode("sqlite")], swiftSettings: strict),
        tests("ContractTests", ["Contract", "Seeded"]),
        tests(
            "DeliveryTests",
            [
                "Contract", "Delivery", "IPAddresses", "Locking", "SQL", "Seeded", "Signing", "Store", "TestSupport", crypto, lifecycle,
                logging,
                nioCore,
                nioPosix, nioSSL,
            ]),
        tests("EdgeAgentTests", ["Client", "Contract", "EdgeAgent", "Locking", "Signing", "TestSupport", crypto, logging]),
        tests("FilesTests", ["Files"]),
        tests(
            "FragmentStoreTests",
            ["FragmentStore", "Locking", "ObjectStore", "SQL", "Seeded", "Store", "TestSupport", "CPack", logging, nioCore]),
        tests("SettingsTests", ["Contract", "ControlPlane", "Delivery", "Files", "Settings", argumentParser]),
        tests("ObjectStoreTests", ["Locking", "ObjectStore", "Signing", "TestSupport", nioCore, nioHTTP1, nioPosix]),
        tests("SigningTests", ["Contract", "Signing", crypto]),
        tests(
            "GatewayTests",
            [
                "Audit", "Contract", "ControlPlane", "Gateway", "Identity", "Locking", "Planes", "Prometheus", "SQL", "Seeded", "Signing",
                "Store",
                "TestSupport",
                coreMetrics, crypto, lifecycle, logging, nioCore, nioEmbedded, nioHTTP1, nioPosix, nioSSL,
            ]),
        tests("SQLiteDriverTests", ["Locking", "Prometheus", "SQL", "SQLiteDriver", "CSQLite"]),
        tests("PostgresDriverTests", ["Locking", "Prometheus", "SQL", "PostgresDriver", logging]),
        tests("MatroskaTests", ["Matroska", "Seeded"]),
        tests(
            "MediaPlaneTests",
            [
                "Contract", "FragmentStore", "Frames", "Identity", "Links", "Locking", "Matroska", "MediaFormats", "MediaPlane",
                "ObjectStore", "Planes",
                "Policies",
                "SQL", "Signing", "Store", "TestSupport", crypto, logging, nioCore, nioHTTP1,
            ]),
        tests("MediaFormatsTests", ["Matroska", "MediaFormats", "Seeded"]),
        tests("FramesTests", ["Frames", nioCore]),
        tests("MediaClientTests", ["Client", "Contract", "Locking", "Matroska", "MediaClient", "Seeded", nioCore, nioHTTP1, nioPosix]),
        tests("PrometheusTests", ["Prometheus", coreMetrics]),
        tests("SQLTests", ["Migrations", "SQL", "TestSupport"]),
        tests("StoreConformanceTests", ["Migrations", "SQL", "Seeded", "Store", "TestSupport", "CSQLite"]),
        tests(
            "ControlPlaneTests",
            [
                "Contract", "ControlPlane", "FragmentStore", "Identity", "MediaFormats", "MediaPlane", "Planes", "Policies", "SQL",
                "Seeded", "SignalingPlane", "Store", "TestSupport", "TokenPlane", logging, nioHTTP1,
            ]),
        tests("IdentityTests", ["Contract", "Identity", "Policies", "SQL", "Store", "TestSupport"]),
        tests("DevicesTests", ["Devices", "Identity", "SQL", "Store", "TestSupport", nioSSL]),
        tests("PoliciesTests", ["Contract", "Policies"]),
        tests(
            "SignalingPlaneTests",
            [
                "Contract", "Identity", "Links", "Locking", "Planes", "Prometheus", "SQL", "Seeded", "SignalingPlane", "Store",
                "TestSupport",
                logging, nioCore, nioHTTP1, nioPosix,
            ]),
        tests("LinksTests", ["Links", "Locking", collections, crypto, logging, nioCore, nioPosix, nioSSL]),
        tests(
            "AuditTests",
            ["Audit", "Contract", "Identity", "Locking", "Prometheus", "SQL", "Store", "TestSupport", crypto, lifecycle, logging]),
        tests("WorkersTests", ["Locking", "Prometheus", "SQL", "Store", "TestSupport", "Workers", lifecycle, logging]),
        .target(name: "Seeded", path: "Tests/Seeded", swiftSettings: strict),
        .target(
            name: "TestSupport",
            dependencies: ["Locking", "Migrations", "PostgresDriver", "SQL", "SQLiteDriver", "Store", lifecycle, logging],
            path: "Tests/TestSupport", swiftSettings: strict),
        // Deliveries beside the bare HTTP client, for ops/bench: never shipped, and no part of `swift build --product weir`.
        .executableTarget(
            name: "DeliveryReference",
            dependencies: [
                "Delivery", "Migrations", "PostgresDriver", "SQL", "SQLiteDriver", "Store", httpClient, lifecycle, logging, nioCore,
                nioHTTP1,
                nioPosix,
            ],
            path: "ops/benchmark/delivery", swiftSettings: strict),
        // Fragments into packs without HTTP, for ops/bench.
        .executableTarget(
            name: "MediaStoreReference",
            dependencies: [
                "FragmentStore", "Migrations", "PostgresDriver", "Prometheus", "SQL", "SQLiteDriver", "Store", logging, nioCore,
            ],
            path: "ops/benchmark/media-store", swiftSettings: strict),
        // WebSockets that send back what they get, for ops/bench.
        .executableTarget(
            name: "SocketReference", dependencies: ["Locking", nioCore, nioHTTP1, nioPosix, nioWebSocket], path: "ops/benchmark/sockets",
            swiftSettings: strict),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    ]
)
