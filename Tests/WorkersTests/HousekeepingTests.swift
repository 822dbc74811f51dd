import SQL
import ServiceLifecycle
import Store
import TestSupport
import Testing

@testable import Workers

@Suite struct HousekeepingTests {
    @Test(arguments: Engine.allCases) func `what is too old goes in bounded batches, the rest stays`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            try Fixture.bulk(2500, in: database)
            try database.clock.advance(by: Store.answerRetention)
            let young = try await store.create(.named("young"))
            _ = try await store.setTags(.named("young"), [], .fresh("TagStream", invocation: "young"))
            try await Housekeeping(store: store, eventRetention: Store.answerRetention, logger: .quiet).cleanUp()
            // On the edge, nothing is too old.
            #expect(try database.rows("SELECT count(*) FROM event") == [[2502]])
            #expect(try database.rows("SELECT count(*) FROM answered_mutation") == [[2501]])
            try database.clock.advance(by: 1)
            faults.reset()
            try await Housekeeping(store: store, eventRetention: Store.answerRetention, logger: .quiet).cleanUp()
            #expect(try database.rows("SELECT resource_arn FROM event") == [[.text(young)], [.text(young)]])
            #expect(try database.rows("SELECT invocation_id FROM answered_mutation") == [["young"]])
            #expect(
                faults.writes == [["delivery.remove-old"], ["delivery.remove-old-attempts"]]
                    + Array(repeating: ["event.remove-old"], count: 3) + Array(repeating: ["mutation.remove-old"], count: 3) + [
                        ["mailbox.remove-expired"], ["presence.remove-lost"], ["instance.remove-old"],
                    ])
        }
    }

    @Test func `events are kept as long as configured, answers for ten minutes`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let store = Store(database.database)
            _ = try await store.create(.named("gate"))
            _ = try await store.setTags(.named("gate"), [], .fresh("TagStream", invocation: "i"))
            #expect(try database.rows("SELECT count(*) FROM answered_mutation") == [[1]])
            try database.clock.advance(by: 600_001)
            let housekeeping = Housekeeping(store: store, eventRetention: 700_000, logger: .quiet)
            try await housekeeping.cleanUp()
            #expect(try database.rows("SELECT count(*) FROM answered_mutation") == [[0]])
            #expect(try database.rows("SELECT count(*) FROM event") == [[2]])
            try database.clock.advance(by: 100_000)
            try await housekeeping.cleanUp()
            #expect(try database.rows("SELECT count(*) FROM event") == [[0]])
        }
    }

    @Test func `housekeeping stops when it is asked to`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let start = ContinuousClock.now
            try await running([Housekeeping(store: Store(database.database), eventRetention: 1, logger: .quiet)]) {}
            // It looks about once a minute, and does not sleep that minute out.
            #expect(ContinuousClock.now - start < .seconds(40))
        }
    }
}
