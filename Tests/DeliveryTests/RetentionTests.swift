import SQL
import Store
import TestSupport
import Testing

@testable import Delivery

@Suite struct RetentionTests {
    @Test(arguments: Engine.allCases) func `what waits is kept, and what is told of it with it`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("open")
            try await store.subscribe("shut")
            _ = try await store.setDestinationStatus("shut", .paused, reason: nil)
            _ = try await store.create(.named("gate"))
            try await store.retag("gate", 2)
            let isDown = ScriptedTransport { $0.sequence == 2 ? PostAnswer(status: 500) : PostAnswer(status: 200) }
            try await running([Courier(store, isDown, settings: .test(attempts: 1))]) {
                try await eventually("told") { try await store.pendingDeliveries(limit: 10) == 3 }
            }
            func clean(_ age: Int64) async throws -> [Int] {
                [
                    try await store.removeDeliveries(olderThan: age, limit: 100),
                    try await store.removeAttempts(olderThan: age, limit: 100),
                    try await store.removeEvents(olderThan: age, limit: 100),
                ]
            }
            try database.clock.advance(by: 1000)
            #expect(try await clean(1000) == [0, 0, 0])
            try database.clock.advance(by: 1)
            // Bounded.
            #expect(try await store.removeDeliveries(olderThan: 1000, limit: 2) == 2)
            #expect(try await clean(1000) == [1, 1, 0])
            _ = try await store.setDestinationStatus("shut", .active, reason: nil)
            let transport = ScriptedTransport()
            try await running([Courier(store, transport)]) {
                try await eventually("told late") { transport.delivered.count == 3 }
                try await eventually("finished") { try await store.pendingDeliveries(limit: 10) == 0 }
            }
            // As long as is remembered what became of it, an event can be sent again.
            #expect(try await store.removeEvents(olderThan: 1000, limit: 100) == 0)
            try database.clock.advance(by: 1001)
            #expect(try await clean(1000) == [3, 0, 3])
        }
    }

    @Test(arguments: Engine.allCases) func `a replay and the removal of what is old leave no event without its row`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            for number in 0..<30 { _ = try await store.create(.named("gate-\(number)")) }
            let keys = try await store.events(after: nil, since: 0, limit: 100).map(\.key)
            try await running([Courier(store, ScriptedTransport())]) {
                try await eventually("told") { try await store.pendingDeliveries(limit: 10) == 0 }
            }
            try database.clock.advance(by: 10)
            try await withThrowingTaskGroup { group in
                group.addTask { for key in keys { _ = try await store.replay(key, to: "all") } }
                group.addTask {
                    for _ in 0..<10 {
                        _ = try await store.removeDeliveries(olderThan: 5, limit: 7)
                        _ = try await store.removeEvents(olderThan: 5, limit: 7)
                    }
                }
                try await group.waitForAll()
            }
            #expect(
                try database.rows(
                    """
                    SELECT count(*) FROM delivery WHERE NOT EXISTS (SELECT 1 FROM event WHERE event.occurred_at = delivery.occurred_at
                        AND event.resource_arn = delivery.resource_arn AND event.sequence = delivery.sequence)
                    """) == [[.integer(0)]])
        }
    }
}
