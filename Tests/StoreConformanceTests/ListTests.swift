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
        _ store: Store, prefix: String = "", after: String? = nil, limit: Int = 1000
    ) async throws -> [String] {
        try await store.streams(account: Fixture.account, region: Fixture.region, prefix: prefix, after: after, limit: limit).map(\.name)
    }

    private static func withNames(_ engine: Engine, _ body: (Store) async throws -> Void) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            for name in Self.names.reversed() { _ = try await store.create(.named(name)) }
            _ = try await store.create(.named("a-other-account", account: "111122223334"))
            _ = try await store.create(.named("a-other-region", region: "eu-west-2"))
            try await body(store)
        }
    }

    @Test(arguments: Engine.allCases) func `streams come in byte order, only those of the account and region`(_ engine: Engine) async throws
    {
        try await Self.withNames(engine) { store in
            #expect(try await Self.list(store) == Self.names)
            let first = try await store.streams(account: Fixture.account, region: Fixture.region, prefix: "", after: nil, limit: 1).first
            #expect(try await store.stream(.named("-")) == first)
            #expect(try await store.streams(account: "999999999999", region: Fixture.region, prefix: "", after: nil, limit: 9).isEmpty)
        }
    }

    @Test(arguments: Engine.allCases) func `pages of any size make the whole list`(_ engine: Engine) async throws {
        try await Self.withNames(engine) { store in
            for prefix in ["", "a", "a-", "_", "zz", "zzz", "A"] {
                let expected = Self.names.filter { $0.hasPrefix(prefix) }
                for limit in [1, 2, 3, 7, 20, 21] {
                    var listed: [String] = []
                    while true {
                        let page = try await Self.list(store, prefix: prefix, after: listed.last, limit: limit)
                        #expect(page.count <= limit)
                        if page.isEmpty { break }
                        listed += page
                    }
                    #expect(listed == expected, "prefix \(prefix), limit \(limit)")
                }
            }
        }
    }

    @Test(arguments: Engine.allCases) func `a page resumes after a name, there or not, inside the prefix or not`(_ engine: Engine)
        async throws
    {
        try await Self.withNames(engine) { store async throws in
            #expect(try await Self.list(store, after: "a") == Array(Self.names.suffix(9)))
            #expect(try await Self.list(store, after: "a!") == Array(Self.names.suffix(9)))
            #expect(try await Self.list(store, prefix: "a", after: "_") == Self.names.filter { $0.hasPrefix("a") })
            #expect(try await Self.list(store, prefix: "a", after: "aB") == ["a_b", "aa", "ab"])
            #expect(try await Self.list(store, prefix: "a", after: "b") == [])
            #expect(try await Self.list(store, after: "zz") == [])
        }
    }
}
