import SQL
import Store
import TestSupport
import Testing

@Suite struct HousekeepingTests {
    @Test(arguments: Engine.allCases) func `only what is too old is removed, the oldest first, in bounded batches`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try Fixture.bulk(10, in: database)
            try database.execute(
                "UPDATE event SET occurred_at = occurred_at + CAST(substr(version, 2) AS BIGINT);"
                    + "UPDATE answered_mutation SET answered_at = answered_at + CAST(substr(invocation_id, 11) AS BIGINT)")
            // At 8 and an age of 3, those from before 5 are too old.
            try database.clock.advance(by: 8)
            func left(_ table: String, _ time: String) throws -> [Int64] {
                try database.rows("SELECT \(time) - \(TestClock.start) FROM \(table) ORDER BY 1").compactMap {
                    if case .integer(let value)? = $0.first { value } else { nil }
                }
            }
            #expect(try await store.removeEvents(olderThan: 3, limit: 3) == 3)
            #expect(try left("event", "occurred_at") == Array(4...10))
            #expect(try await store.removeEvents(olderThan: 3, limit: 3) == 1)
            #expect(try await store.removeEvents(olderThan: 3, limit: 3) == 0)
            #expect(try left("event", "occurred_at") == Array(5...10))
            #expect(try await store.removeAnsweredMutations(olderThan: 3, limit: 3) == 3)
            #expect(try await store.removeAnsweredMutations(olderThan: 3, limit: 3) == 1)
            #expect(try await store.removeAnsweredMutations(olderThan: 3, limit: 3) == 0)
            #expect(try left("answered_mutation", "answered_at") == Array(5...10))
        }
    }

    @Test(arguments: Engine.allCases) func `events that come later go on counting`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let arn = try await store.createActive("gate").arn
            try database.clock.advance(by: 1)
            #expect(try await store.removeEvents(olderThan: 0, limit: 10) == 2)
            _ = try await store.setTags(.named("gate"), [TagRecord(key: "a", value: "")], .fresh("TagStream"))
            #expect(try await store.events(of: arn).map(\.sequence) == [3])
        }
    }
}
