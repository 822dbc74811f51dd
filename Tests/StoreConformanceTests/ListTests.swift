import SQL
import Store
import TestSupport
import Testing

@Suite struct ListTests {
    /// In byte order; a language would order them otherwise.
    private static let names = [
        "-", "-a", ".", "0", "00", "A", "B", "Z", "_", "_a", "a", "a-", "a-b", "a.b", "aB", "a_b", "aa", "ab", "b", "zz",
    ]

    private static func list(
        _ store: Store, _ kind: ResourceKind, account: String = Fixture.account, prefix: String = "", after: String? = nil,
        limit: Int = 1000
    ) async throws -> [String] {
        let region = Fixture.region
        return switch kind {
        case .stream:
            try await store.streams(account: account, region: region, prefix: prefix, after: after, limit: limit).map(\.name)
        case .channel:
            try await store.channels(account: account, region: region, prefix: prefix, after: after, limit: limit).map(\.name)
        }
    }

    /// A store with these names, of the kind that is listed; the other kind has one more.
    private static func withNames(_ engine: Engine, _ kind: ResourceKind, _ body: (Store) async throws -> Void) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            for name in Self.names.reversed() { _ = try await store.createResource(.named(name, kind: kind), .fresh()) }
            _ = try await store.createResource(.named("a-other-account", kind: kind, account: "111122223334"), .fresh())
            _ = try await store.createResource(.named("a-other-region", kind: kind, region: "eu-west-2"), .fresh())
            for other in ResourceKind.allCases where other != kind {
                _ = try await store.createResource(.named("a-other", kind: other), .fresh())
            }
            try await body(store)
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `a list is in byte order, of one kind, account and region`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await Self.withNames(engine, kind) { store in
            #expect(try await Self.list(store, kind) == Self.names)
            let (account, region) = (Fixture.account, Fixture.region)
            switch kind {
            case .stream:
                let first = try await store.streams(account: account, region: region, prefix: "", after: nil, limit: 1).first
                #expect(try await store.stream(.named("-")) == first)
            case .channel:
                let first = try await store.channels(account: account, region: region, prefix: "", after: nil, limit: 1).first
                #expect(try await store.channel(.named("-", kind: .channel)) == first)
            }
            #expect(try await Self.list(store, kind, account: "999999999999").isEmpty)
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `pages of any size make the whole list`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await Self.withNames(engine, kind) { store in
            for prefix in ["", "a", "a-", "_", "zz", "zzz", "A"] {
                let expected = Self.names.filter { $0.hasPrefix(prefix) }
                for limit in [1, 2, 3, 7, 20, 21] {
                    var listed: [String] = []
                    while listed.count <= expected.count {
                        let page = try await Self.list(store, kind, prefix: prefix, after: listed.last, limit: limit)
                        #expect(page.count <= limit)
                        if page.isEmpty { break }
                        listed += page
                    }
                    #expect(listed == expected, "prefix \(prefix), limit \(limit)")
                }
            }
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases)
    func `a page resumes after a name, there or not, inside the prefix or not`(_ engine: Engine, _ kind: ResourceKind) async throws {
        try await Self.withNames(engine, kind) { store async throws in
            #expect(try await Self.list(store, kind, after: "a") == Array(Self.names.suffix(9)))
            #expect(try await Self.list(store, kind, after: "a!") == Array(Self.names.suffix(9)))
            #expect(try await Self.list(store, kind, prefix: "a", after: "_") == Self.names.filter { $0.hasPrefix("a") })
            #expect(try await Self.list(store, kind, prefix: "a", after: "aB") == ["a_b", "aa", "ab"])
            #expect(try await Self.list(store, kind, prefix: "a", after: "b") == [])
            #expect(try await Self.list(store, kind, after: "zz") == [])
        }
    }
}
