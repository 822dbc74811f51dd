import Identity
import SQL
import Store
import Synchronization
import TestSupport
import Testing

@testable import Gateway

/// A database that finds nothing from some moment on, at once: a million looks into a real one take half a minute.
private final class HoldingOne: Database {
    let isEmpty = Atomic(false)
    private let database: any Database

    init(_ database: any Database) { self.database = database }

    func read<Output>(_ statement: Statement<Output>, _ arguments: [SQLValue]) async throws(DatabaseError) -> [Output] {
        isEmpty.load(ordering: .relaxed) ? [] : try await database.read(statement, arguments)
    }

    func write(_ batch: Batch) async throws(DatabaseError) -> BatchResult { try await database.write(batch) }
}

@Suite struct KeyRingTests {
    @Test func `a million unknown ids are ten thousand in memory, and push no key out that is in use`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let holder = HoldingOne(database.database)
            let keys = AccessKeys(store: Store(holder), masterKey: try #require(MasterKey(Array(repeating: 1, count: 32))))
            let ring = KeyRing(keys)
            let key = try await keys.create(account: Fixture.account, description: "test")
            #expect(try await ring.key(key.id, token: nil, now: 0)?.secret == key.secret)
            holder.isEmpty.store(true, ordering: .relaxed)
            var (found, most) = (0, 0)
            for number in 0..<1_000_000 {
                if try await ring.key("AKIA\(number)", token: nil, now: 1) != nil { found += 1 }
                if number % 1000 == 0 { most = max(most, ring.count) }
            }
            #expect(found == 0)
            #expect(most <= 10_000)
            #expect(ring.hasSigned(key.id))
            #expect(try await ring.key(key.id, token: nil, now: 1)?.secret == key.secret)
            #expect(!ring.hasSigned("AKIA999999"))
        }
    }

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
