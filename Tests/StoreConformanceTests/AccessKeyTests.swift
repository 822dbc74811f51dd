import SQL
import TestSupport
import Testing

@testable import Store

@Suite struct AccessKeyTests {
    @Test(arguments: Engine.allCases) func `access keys are added once, listed by age and disabled`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            func add(_ id: String) async throws -> Bool {
                try await store.addAccessKey(id: id, account: "1", secretSealed: "sealed-\(id)", description: "for \(id)")
            }
            #expect(try await add("b"))
            try database.clock.advance(by: 5)
            #expect(try await add("Z"))
            #expect(try await add("a"))
            #expect(try await !add("a"))
            #expect(try await store.accessKeys().map(\.id) == ["b", "Z", "a"])
            let expected = AccessKeyRecord(
                id: "a", account: "1", thingARN: nil, user: nil, secretSealed: "sealed-a", isActive: true, description: "for a",
                createdAt: TestClock.start + 5, expiresAt: nil)
            #expect(try await store.accessKey("a") == expected)
            #expect(try await store.accessKey("c") == nil)
            #expect(try await store.disableAccessKey("a"))
            #expect(try await store.disableAccessKey("a"))
            #expect(try await !store.disableAccessKey("c"))
            #expect(try await store.accessKey("a")?.isActive == false)
            #expect(try await store.accessKey("b")?.isActive == true)
        }
    }

    @Test(arguments: Engine.allCases) func `a key that is added with a fact is added while the fact is new`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            func add(_ id: String) async throws -> Bool {
                try await store.addAccessKey(id: id, account: "1", secretSealed: "s", description: "", unlessFact: "first")
            }
            #expect(try await store.fact("first") == nil)
            let added = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<10 { group.addTask { try await add("key\(number)") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(added.filter { $0 }.count == 1)
            #expect(try await store.accessKeys().map(\.id) == [store.fact("first")])
            // The fact outlives the key, and a key that cannot be added leaves no fact.
            try database.execute("DELETE FROM deployment")
            let id = try #require(try await store.accessKeys().first?.id)
            #expect(try await !add(id))
            #expect(try await store.fact("first") == nil)
        }
    }

    @Test(arguments: Engine.allCases) func `a fact is written once`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database async throws in
            let store = Store(database.database)
            #expect(try await store.addFact("name", "first"))
            #expect(try await !store.addFact("name", "second"))
            #expect(try await store.addFact("Name", "third"))
            #expect(try await store.fact("name") == "first")
        }
    }

    @Test func `a failure is no refusal`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let faults = FaultInjectingDatabase(database.database)
            for kind in [DatabaseError.Kind.unavailable, .constraint("never_heard_of")] {
                faults.inject(.failBefore(kind))
                let error = await #expect(throws: DatabaseError.self) { try await Store(faults).addFact("name", "value") }
                #expect(error?.kind == kind)
            }
        }
    }
}
