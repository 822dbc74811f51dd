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

    private static func notify(_ store: Store, _ name: String, _ target: String?) async throws {
        let change = try await store.setNotification(
            .named(name), target.map { "{\"\($0)\"}" }, destination: target.map { StreamDestination(kind: .webhook, target: $0) },
            needsRetention: target != nil, .fresh("UpdateNotificationConfiguration"))
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
            // Both are of one account and are signed with its secrets.
            #expect(try await store.destinations().map(\.secretOwner) == [Fixture.account, Fixture.account])
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
                    "LimitReached", subjectARN: "arn:limit/streams", account: Fixture.account, region: Fixture.region, status: "REACHED",
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
