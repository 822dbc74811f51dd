import Identity
import SQL
import Store
import TestSupport
import Testing

@testable import Gateway

@Suite struct KeyRingTests {
    @Test func `thirty thousand unknown ids are ten thousand in memory, and push no key out that is in use`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let keys = AccessKeys(store: Store(database.database), masterKey: try #require(MasterKey(Array(repeating: 1, count: 32))))
            let ring = KeyRing(keys)
            let key = try await keys.create(account: Fixture.account, description: "test")
            #expect(try await ring.key(key.id, token: nil, now: 0)?.secret == key.secret)
            for number in 0..<30_000 { #expect(try await ring.key("AKIA\(number)", token: nil, now: 1) == nil) }
            #expect(ring.count <= 10_000)
            #expect(ring.hasSigned(key.id))
            #expect(!ring.hasSigned("AKIA29999"))
        }
    }

    /// What differs between a key that nobody has and a wrong secret is the work for the signature, not a look at the database: neither is looked for again.
    @Test func `an unknown id and a known one are each looked for once`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let keys = AccessKeys(store: Store(database.database), masterKey: try #require(MasterKey(Array(repeating: 1, count: 32))))
            let ring = KeyRing(keys)
            let key = try await keys.create(account: Fixture.account, description: "test")
            #expect(try await ring.key(key.id, token: nil, now: 0) != nil)
            #expect(try await ring.key("AKIANOBODY", token: nil, now: 0) == nil)
            try database.execute("DELETE FROM access_key")
            #expect(try await ring.key(key.id, token: nil, now: 4) != nil)
            #expect(try await ring.key("AKIANOBODY", token: nil, now: 4) == nil)
            #expect(try await ring.key(key.id, token: nil, now: 6) == nil)
        }
    }
}
