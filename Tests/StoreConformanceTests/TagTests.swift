import SQL
import Store
import TestSupport
import Testing

@Suite struct TagTests {
    private static func tags(_ range: Range<Int>, _ value: String = "v") -> [TagRecord] {
        range.map { TagRecord(key: "k\($0)", value: value) }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `tags are set, overwritten and removed`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate", kind: kind)
            #expect(try await store.setTags(key, Self.tags(0..<1), .fresh()).word == "not found")
            #expect(try await store.removeTags(key, keys: ["k0"], .fresh()).word == "not found")
            #expect(try await store.tags(key) == nil)
            let before = try await store.createActive(key)
            let otherKey = ResourceKey.named("other", kind: kind)
            let other = try await store.createActive(otherKey, tags: Self.tags(0..<3))
            #expect(try await store.tagList(key) == [])
            #expect(try await store.setTags(key, Self.tags(0..<3), .fresh("TagStream")).word == "accepted")
            #expect(try await store.setTags(key, Self.tags(2..<4, "w"), .fresh("TagStream")).word == "accepted")
            #expect(try await store.tagList(key) == ["k0=v", "k1=v", "k2=w", "k3=w"])
            #expect(try await store.removeTags(key, keys: ["k0", "k3", "absent"], .fresh("UntagStream")).word == "accepted")
            #expect(try await store.tagList(key) == ["k1=v", "k2=w"])
            #expect(try database.rows("SELECT tag_count FROM \(kind) WHERE name = 'gate'") == [[2]])
            #expect(try await store.tagList(otherKey) == ["k0=v", "k1=v", "k2=v"])
            // Tags change neither status nor version.
            #expect(try await store.state(key) == before)
            #expect(try await store.history(before.arn).suffix(3) == ["TagStream ACTIVE", "TagStream ACTIVE", "UntagStream ACTIVE"])
            #expect(try await store.history(other.arn).count == 2)
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `tags come in byte order, in every script`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let keys = ["a", "B", "_", ".", "-", "Z", "a b", "ab", "A", "0", "é", "e\u{301}", "z", "日本", "🎏", "ﬀ"]
            let key = ResourceKey.named("gate", kind: kind)
            try await store.createActive(key, tags: keys.map { TagRecord(key: $0, value: "") })
            let listed = try await store.tags(key)?.tags.map(\.key) ?? []
            #expect(listed.map { Array($0.utf8) } == keys.map { Array($0.utf8) }.sorted { $0.lexicographicallyPrecedes($1) })
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `there are 50 tags at most after the change, all or nothing`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate", kind: kind)
            let arn = try await store.createActive(key, tags: Self.tags(0..<48)).arn
            #expect(try await store.setTags(key, Self.tags(46..<51, "new"), .fresh()).word == "too many tags")
            #expect(try await store.tagList(key)?.contains { $0.hasSuffix("=new") } == false)
            #expect(try await store.tagList(key)?.count == 48)
            #expect(try await store.setTags(key, Self.tags(46..<50, "new"), .fresh()).word == "accepted")
            #expect(try await store.setTags(key, Self.tags(0..<50, "newer"), .fresh()).word == "accepted")
            #expect(try await store.tagList(key)?.filter { $0.hasSuffix("=newer") }.count == 50)
            #expect(try await store.setTags(key, [TagRecord(key: "one more", value: "")], .fresh()).word == "too many tags")
            #expect(try await store.removeTags(key, keys: ["k0"], .fresh()).word == "accepted")
            #expect(try await store.setTags(key, [TagRecord(key: "one more", value: "")], .fresh()).word == "accepted")
            #expect(try await store.history(arn).count == 6)
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `the limit holds among many at once`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate", kind: kind)
            let arn = try await store.createActive(key).arn
            let words = try await atOnce(14) { number in
                try await store.setTags(key, Self.tags(number * 5..<number * 5 + 5), .fresh()).word
            }
            #expect(words.filter { $0 == "accepted" }.count == 10)
            #expect(words.filter { $0 == "too many tags" }.count == 4)
            #expect(try await store.tagList(key)?.count == 50)
            #expect(try database.rows("SELECT tag_count FROM \(kind)") == [[50]])
            #expect(try await store.history(arn).count == 12)
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `tags change in every status but DELETING`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate", kind: kind)
            _ = try await store.createResource(key, .fresh())
            for status in ["CREATING", "ACTIVE", "UPDATING"] {
                try database.execute("UPDATE \(kind) SET status = '\(status)'")
                #expect(try await store.setTags(key, [TagRecord(key: status, value: "")], .fresh()).word == "accepted")
                #expect(try await store.removeTags(key, keys: [status], .fresh()).word == "accepted")
                #expect(try await store.state(key)?.status.rawValue == status)
            }
            try database.execute("UPDATE \(kind) SET status = 'DELETING'")
            #expect(try await store.setTags(key, Self.tags(0..<1), .fresh()).word == "refused: DELETING")
            #expect(try await store.removeTags(key, keys: ["k0"], .fresh()).word == "refused: DELETING")
            #expect(try await store.tagList(key) == [])
        }
    }
}
