import SQL
import Store
import TestSupport
import Testing

@testable import Delivery

/// Who is told of what, decided in the batch of the change.
@Suite struct FanOutTests {
    /// Destination, stream or channel, sequence of everything that is on its way.
    private static func waiting(_ database: TestDatabase) throws -> [String] {
        try database.rows("SELECT destination_id, resource_arn, sequence FROM delivery ORDER BY destination_id, resource_arn, sequence").map
        {
            guard case .text(let destination) = $0[0], case .text(let arn) = $0[1], case .integer(let sequence) = $0[2] else { return "?" }
            return "\(destination) \(arn.split(separator: "/").dropFirst().first ?? arn[...]) \(sequence)"
        }
    }

    @Test(arguments: Engine.allCases) func `filters choose by account, type and resource`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            try await store.subscribe("account", account: Fixture.account)
            try await store.subscribe("other-account", account: "999999999999")
            try await store.subscribe("types", types: ["CreateSignalingChannel", "StreamStatusChange"])
            // Not a part of a name: "Status" is none, and "Stream" does not begin what "Stream..." does.
            try await store.subscribe("part-of-type", types: ["Stream", "CreateStr", "Change"])
            try await store.subscribe("prefix", prefix: "arn:aws:kinesisvideo:\(Fixture.region):\(Fixture.account):stream/gate")
            try await store.subscribe("other-prefix", prefix: "arn:aws:kinesisvideo:\(Fixture.region):\(Fixture.account):stream/gates")
            // Characters that a pattern would take for something.
            try await store.subscribe("pattern", prefix: "arn:aws:kinesisvideo:%")
            _ = try await store.createActive("gate")
            _ = try await store.createChannel(.named("door"))
            _ = try await store.create(.named("gate", account: "999999999999"))
            #expect(
                try Self.waiting(database) == [
                    "account door 1", "account gate 1", "account gate 2",
                    "all door 1", "all gate 1", "all gate 2", "all gate 1",
                    "other-account gate 1",
                    "prefix gate 1", "prefix gate 2",
                    "types door 1", "types gate 2",
                ])
        }
    }

    @Test(arguments: Engine.allCases) func `a paused destination keeps what happens, a disabled one does not`(_ engine: Engine) async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("paused")
            try await store.subscribe("disabled")
            #expect(try await store.setDestinationStatus("paused", .paused, reason: nil))
            #expect(try await store.setDestinationStatus("disabled", .disabled, reason: "gone"))
            #expect(try await !store.setDestinationStatus("disabled", .disabled, reason: "gone"))
            _ = try await store.create(.named("gate"))
            #expect(try Self.waiting(database) == ["paused gate 1"])
            #expect(try await store.dueDestinations().isEmpty)
            #expect(try await store.claimQueues(of: "paused", leaseToken: "t", lease: 1000, limit: 9).isEmpty)
            #expect(try await store.setDestinationStatus("paused", .active, reason: nil))
            #expect(try await store.dueDestinations().map(\.id) == ["paused"])
        }
    }

    private static func notify(_ store: Store, _ name: String, _ target: String?, limit: Int64 = .max)
        async throws
    {
        let change = try await store.setNotification(
            .named(name), target.map { "{\"\($0)\"}" }, destination: target.map { StreamDestination(kind: .webhook, target: $0) },
            destinationLimit: limit, needsRetention: target != nil, .fresh("UpdateNotificationConfiguration"))
        guard case .accepted = change else { throw Refused(what: "\(name) is not configured") }
    }

    @Test(arguments: Engine.allCases) func `a stream's events go to the destination that it had when they were accepted`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let transport = ScriptedTransport()
            _ = try await store.createActive("gate")
            _ = try await store.createActive("yard")
            try await Self.notify(store, "gate", "http://127.0.0.1/first")
            try await store.retag("gate", 2)
            try await Self.notify(store, "gate", "http://127.0.0.1/second")
            try await store.retag("gate")
            try await Self.notify(store, "gate", nil)
            try await store.retag("gate")
            try await Self.notify(store, "gate", "http://127.0.0.1/first")
            try await store.retag("yard")
            // The last events of a stream that is gone.
            _ = try await store.delete(.named("gate"), expectedVersion: nil, removalDelay: 0, .fresh("DeleteStream"))
            try await store.finishTasks()
            #expect(try await store.stream(.named("gate")) == nil)
            try await running([try Courier(store, transport)]) {
                try await eventually("delivered") { transport.delivered.count == 8 }
            }
            #expect(transport.delivered(to: "first").map(\.sequence) == [3, 4, 5, 10, 11, 12])
            #expect(transport.delivered(to: "second").map(\.sequence) == [6, 7])
            #expect(try await store.pendingDeliveries(limit: 10) == 0)
            #expect(try await store.destinations().map(\.origin) == [.stream, .stream])
        }
    }

    @Test(arguments: Engine.allCases) func `an account's streams name so many destinations in a region, however many ask at once`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            for number in 0..<12 { _ = try await store.createActive("gate-\(number)") }
            let changes = try await atOnce(12) { number in
                try await store.setNotification(
                    .named("gate-\(number)"), "{}", destination: StreamDestination(kind: .webhook, target: "https://\(number)"),
                    destinationLimit: 5, needsRetention: false, .fresh("UpdateNotificationConfiguration"))
            }
            #expect(changes.count(where: { if case .accepted = $0 { true } else { false } }) == 5)
            #expect(changes.count(where: { if case .tooManyDestinations = $0 { true } else { false } }) == 7)
            #expect(try await store.destinations().count == 5)
            // One that is there may be named by all.
            let target = try #require(try await store.destinations().first).target
            for number in 0..<12 { try await Self.notify(store, "gate-\(number)", target, limit: 5) }
        }
    }

    @Test(arguments: Engine.allCases) func `a destination that no stream names any more goes once nothing waits for it`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            for name in ["gate", "yard"] { _ = try await store.createActive(name) }
            try await Self.notify(store, "gate", "https://one")
            try await Self.notify(store, "yard", "https://two")
            try await store.subscribe("kept")
            try database.clock.advance(by: 1000)
            func look() async throws -> [String] {
                try await store.removeUnusedDestinations(olderThan: 1000, failures: 8)
                try await store.abandonUndeliverable()
                return try await store.destinations(counting: 10).map { "\($0.target) \($0.status.rawValue) \($0.pending)" }.sorted()
            }
            try database.clock.advance(by: 1)
            let all = ["http://127.0.0.1/kept ACTIVE 0", "https://one ACTIVE 1", "https://two ACTIVE 1"]
            #expect(try await look() == all)
            // Not as long as something waits for it...
            try await Self.notify(store, "gate", nil)
            #expect(try await look() == ["http://127.0.0.1/kept ACTIVE 1"] + all.dropFirst())
            // ...unless it fails all the time.
            let id = try #require(try await store.destinations().first { $0.target == "https://one" }).id
            try await store.noteAttempts(of: id, succeeded: false, failuresSince: 8)
            #expect(try await look() == ["http://127.0.0.1/kept ACTIVE 1", "https://one DISABLED 0", "https://two ACTIVE 1"])
            #expect(
                try database.rows("SELECT last_error FROM delivery WHERE state = 'DEAD'") == [
                    [.text("no stream names it any more, and it fails")]
                ])
            #expect(try await look() == ["http://127.0.0.1/kept ACTIVE 1", "https://two ACTIVE 1"])
            // One that was named a moment ago stays, though the stream cannot be seen yet.
            try await Self.notify(store, "gate", "https://one")
            try database.execute("UPDATE stream SET notification_destination = NULL, fragment_destination = NULL")
            try database.execute("DELETE FROM delivery_queue; DELETE FROM delivery")
            #expect(try await look() == ["http://127.0.0.1/kept ACTIVE 0", "https://one ACTIVE 0"])
        }
    }

    @Test(arguments: Engine.allCases) func `what waits for a destination can be dropped, and sent again`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            for id in ["one", "two"] { try await store.subscribe(id) }
            for name in ["a", "b", "c"] {
                _ = try await store.create(.named(name))
                try await store.retag(name, 2)
            }
            let leased = try #require(try await store.claimQueues(of: "one", leaseToken: "t", lease: 60_000, limit: 1).first)
            #expect(try await store.dropDeliveries(of: "one", because: "dropped") == 9)
            #expect(try await store.dropDeliveries(of: "one", because: "dropped") == 0)
            #expect(try database.rows("SELECT DISTINCT destination_id FROM delivery_queue") == [[.text("two")]])
            #expect(
                try database.rows("SELECT destination_id, state, last_error, count(*) FROM delivery GROUP BY 1, 2, 3 ORDER BY 1") == [
                    [.text("one"), .text("DEAD"), .text("dropped"), .integer(9)], [.text("two"), .text("PENDING"), .null, .integer(9)],
                ])
            // Whoever was at it is too late, and nobody is in the way of what comes.
            try await store.finishQueue(FinishedQueue(leased, leaseToken: "t", QueueOutcome(hasMore: true)))
            try await store.retag("a")
            let letter = try #require(try await store.deadLetters(after: nil, since: 0, limit: 1).first)
            #expect(try await store.replay(letter.event.key, to: "one"))
            let transport = ScriptedTransport()
            try await running([try Courier(store, transport)]) {
                try await eventually("all that waits arrives") { try await store.pendingDeliveries(limit: 1) == 0 }
            }
            #expect(transport.delivered(to: "one").count == 2)
        }
    }

    @Test(arguments: Engine.allCases) func `naming a disabled destination again enables it`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            _ = try await store.createActive("gate")
            try await Self.notify(store, "gate", "http://127.0.0.1/first")
            let id = try #require(try await store.destinations().first?.id)
            _ = try await store.setDestinationStatus(id, .disabled, reason: "answered 410")
            try await store.retag("gate")
            #expect(try Self.waiting(database).count == 1)
            try await Self.notify(store, "gate", "http://127.0.0.1/first")
            let destination = try #require(try await store.destination(id))
            #expect(destination.status == .active && destination.statusReason == nil)
            #expect(try Self.waiting(database).count == 2)
            // An operator's pause stays.
            _ = try await store.setDestinationStatus(id, .paused, reason: "by an operator")
            try await Self.notify(store, "gate", "http://127.0.0.1/first")
            #expect(try await store.destination(id)?.status == .paused)
        }
    }

    @Test(arguments: Engine.allCases) func `a channel whose stream goes is told of`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("all", types: ["MediaStorageConfigurationChange"])
            let stream = try await store.createActive("gate")
            let channel = try await store.createActiveChannel("door")
            _ = try await store.delete(.named("gate"), expectedVersion: nil, removalDelay: 0, .fresh("DeleteStream"))
            try database.map("door", stream.arn)
            try await store.finishTasks()
            #expect(try Self.waiting(database) == ["all door 3"])
            #expect(try database.rows("SELECT count(*) FROM delivery_queue WHERE resource_arn = '\(channel.arn)'") == [[.integer(1)]])
        }
    }

    @Test(arguments: Engine.allCases) func `what no resource counts is told once for each moment`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            try await store.subscribe("account", account: Fixture.account)
            try await store.subscribe("none", types: ["CreateStream"])
            func tell(_ moment: Int64) async throws -> Bool {
                try await store.tell(
                    .limitReached, subjectARN: "arn:limit/streams", account: Fixture.account, region: Fixture.region, status: "REACHED",
                    keyID: "AKIA", requestID: "r", at: moment, token: Fixture.token())
            }
            #expect(try await tell(60_000))
            #expect(try await !tell(60_000))
            #expect(try await tell(120_000))
            #expect(
                try Self.waiting(database) == [
                    "account streams 60000", "account streams 120000", "all streams 60000", "all streams 120000",
                ])
        }
    }
}
