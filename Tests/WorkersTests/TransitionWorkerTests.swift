import SQL
import ServiceLifecycle
import Store
import TestSupport
import Testing

@testable import Workers

@Suite struct TransitionWorkerTests {
    private static func status(_ store: Store, _ name: String = "gate", _ kind: ResourceKind = .stream) async throws -> String? {
        try await store.state(.named(name, kind: kind))?.status.rawValue
    }

    private static func claims(_ faults: FaultInjectingDatabase) -> Int {
        faults.writes.filter { $0.contains("task.claim") }.count
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `resources are created, updated and removed after a hint`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let signal = WorkSignal()
            let key = ResourceKey.named("gate", kind: kind)
            try await running([TransitionWorker(store: store, signal: signal, logger: .quiet)]) {
                _ = try await store.createResource(key, .fresh("Create"))
                signal.raise()
                try await eventually("ACTIVE") { try await store.state(key)?.status == .active }
                let created = try #require(try await store.state(key))
                _ = try await store.update(key, expecting: created.version, .fresh("Update"))
                signal.raise()
                try await eventually("ACTIVE again") { try await store.state(key)?.status == .active }
                _ = try await store.delete(key, expectedVersion: nil, removalDelay: 0, .fresh("Delete"))
                signal.raise()
                try await eventually("gone") { try await store.state(key) == nil }
                let change = kind.statusChangeEvent.rawValue
                #expect(
                    try await store.events(of: created.arn).map { "\($0.sequence) \($0.type) \($0.status)" } == [
                        "1 Create CREATING", "2 \(change) ACTIVE", "3 Update UPDATING", "4 \(change) ACTIVE", "5 Delete DELETING",
                        "6 \(change) DELETED",
                    ])
                #expect(try await store.nextTaskDue() == nil)
            }
        }
    }

    @Test(arguments: Engine.allCases) func `one claim holds everything, a stream's mapping and edge configuration included`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            let signal = WorkSignal()
            let stream = try await store.createActive("gate")
            let channel = try await store.createActiveChannel("door")
            try await store.createActive(.named("old", kind: .channel))
            try await store.startEdge("gate")
            _ = try await store.delete(.named("gate"), expectedVersion: nil, removalDelay: 0, .fresh())
            try database.map("door", stream.arn)
            _ = try await store.delete(.named("old", kind: .channel), expectedVersion: nil, removalDelay: 0, .fresh())
            for kind in ResourceKind.allCases { _ = try await store.createResource(.named("new", kind: kind), .fresh()) }
            faults.reset()
            try await running([TransitionWorker(store: store, signal: signal, logger: .quiet)]) {
                try await eventually("all is done") { try await store.nextTaskDue() == nil }
            }
            for kind in ResourceKind.allCases { #expect(try await Self.status(store, "new", kind) == "ACTIVE") }
            #expect(try await store.stream(.named("gate")) == nil)
            #expect(try await store.channel(.named("old", kind: .channel)) == nil)
            #expect(try await store.channel(.named("door", kind: .channel)) == channel)
            #expect(try await store.edgeConfiguration(.named("gate")) == nil)
            #expect(try await store.events(of: channel.arn).map(\.type).last == "MediaStorageConfigurationChange")
            #expect(try database.rows("SELECT stream_count, channel_count FROM account_usage") == [[1, 2]])
            // The activations are ended by the batch that claims them, each removal is a batch of its own.
            let activating = faults.writes.filter { $0.contains("stream.activate-leased") || $0.contains("channel.activate-leased") }
            #expect(activating.allSatisfy { $0.first == "task.claim" })
            #expect(faults.writes.filter { $0.contains { $0.hasSuffix(".claim-removal") } }.count == 2)
        }
    }

    @Test func `a hint is taken at once`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let store = Store(database.database)
            let signal = WorkSignal()
            // It looks by itself once an hour, so every round depends on its hint.
            let hour = 3_600_000
            try await running([TransitionWorker(store: store, signal: signal, logger: .quiet, lookInterval: hour...hour)]) {
                for number in 0..<20 {
                    _ = try await store.create(.named("gate-\(number)"))
                    signal.raise()
                    try await eventually("ACTIVE") { try await Self.status(store, "gate-\(number)") == "ACTIVE" }
                }
            }
        }
    }

    @Test func `more than one claim holds is worked off at once too`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let store = Store(database.database)
            try Fixture.bulk(10_000, in: database)
            try await running([TransitionWorker(store: store, signal: WorkSignal(), logger: .quiet)]) {
                let start = ContinuousClock.now
                try await eventually("all is done") { try await store.nextTaskDue() == nil }
                // A claim is a few hundred tasks: a worker that waited for the next look after each would need half a second for each.
                #expect(ContinuousClock.now - start < .seconds(15))
            }
        }
    }

    @Test(arguments: Engine.allCases) func `work is found without a hint, also once it becomes due`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            try await running([TransitionWorker(store: store, signal: WorkSignal(), logger: .quiet)]) {
                try await eventually("the worker looks by itself") { Self.claims(faults) > 0 }
                _ = try await store.create(.named("gate"))
                _ = try await store.createStream(.named("slow"), quota: .max, activationDelay: 60_000, .fresh("CreateStream"))
                try await eventually("ACTIVE") { try await Self.status(store) == "ACTIVE" }
                let seen = Self.claims(faults)
                try await eventually("the worker looks again") { Self.claims(faults) > seen }
                #expect(try await Self.status(store, "slow") == "CREATING")
                try database.clock.advance(by: 60_000)
                try await eventually("ACTIVE") { try await Self.status(store, "slow") == "ACTIVE" }
            }
        }
    }

    @Test func `a failing database is waited for, and reported once`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            let signal = WorkSignal()
            let book = LogBook()
            _ = try await store.create(.named("gate"))
            faults.inject(.failBefore(.unavailable), on: "task.claim", times: 3)
            try await running([TransitionWorker(store: store, signal: signal, logger: book.logger)]) {
                for failure in 1...3 {
                    signal.raise()
                    try await eventually("failure \(failure)") { Self.claims(faults) >= failure }
                }
                signal.raise()
                try await eventually("ACTIVE") { try await Self.status(store) == "ACTIVE" }
                try await eventually("the recovery is reported") { book.lines.count == 2 }
                #expect(book.lines == ["warning: transitions wait", "notice: transitions are worked off again"])
            }
        }
    }

    @Test(
        arguments: [FaultInjectingDatabase.Fault.failBefore(.unavailable), .loseAnswer, .loseCall],
        ["task.remove-stream-activations", "stream.claim-removal", "task.remove-channel-activations", "channel.claim-removal"])
    func `what failed halfway is done once its lease ends, and once only`(
        _ fault: FaultInjectingDatabase.Fault, _ statement: String
    ) async throws {
        try await TestDatabase.with(.sqlite) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            let signal = WorkSignal()
            var (created, removed): ([ResourceKind: String], [ResourceKind: String]) = ([:], [:])
            for kind in ResourceKind.allCases {
                removed[kind] = try await store.createActive(.named("removed", kind: kind)).arn
            }
            for kind in ResourceKind.allCases {
                _ = try await store.delete(.named("removed", kind: kind), expectedVersion: nil, removalDelay: 0, .fresh())
                _ = try await store.createResource(.named("created", kind: kind), .fresh())
                created[kind] = try await store.state(.named("created", kind: kind))?.arn
            }
            faults.inject(fault, on: statement)
            try await running([TransitionWorker(store: store, signal: signal, logger: .quiet)]) {
                try await eventually("the fault") { faults.isSpent }
                // What the same claim held besides may have to wait for the lease too.
                try await eventually("all is done") {
                    try database.clock.advance(by: 15_000)
                    signal.raise()
                    return try await store.nextTaskDue() == nil
                }
                for kind in ResourceKind.allCases {
                    #expect(try await Self.status(store, "created", kind) == "ACTIVE")
                    #expect(try await Self.status(store, "removed", kind) == nil)
                    #expect(try await store.events(of: created[kind] ?? "").map(\.status) == ["CREATING", "ACTIVE"])
                    #expect(
                        try await store.events(of: removed[kind] ?? "").map(\.status) == ["CREATING", "ACTIVE", "DELETING", "DELETED"])
                }
            }
        }
    }

    @Test(arguments: Engine.allCases) func `what cannot be ended waits for its lease, and others get their turn`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            let signal = WorkSignal()
            _ = try await store.createChannel(.named("door"))
            // Once together with the claim, once after it.
            faults.inject(.failBefore(.mistake), on: "channel.activate-leased", times: 2)
            try await running([TransitionWorker(store: store, signal: signal, logger: .quiet)]) {
                try await eventually("the faults") { faults.isSpent }
                try await eventually("it waits") { try await (store.nextTaskDue() ?? 0) > 0 }
                #expect(try database.rows("SELECT attempt FROM task") == [[1]])
                _ = try await store.create(.named("gate"))
                signal.raise()
                try await eventually("ACTIVE") { try await Self.status(store) == "ACTIVE" }
                #expect(try await Self.status(store, "door", .channel) == "CREATING")
                try database.clock.advance(by: 5000)
                signal.raise()
                try await eventually("ACTIVE too") { try await Self.status(store, "door", .channel) == "ACTIVE" }
            }
        }
    }

    @Test(arguments: Engine.allCases) func `many workers on thousands of tasks make each transition once`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let (created, removed) = (3000, 400)
            try Fixture.bulk(created, in: database)
            try Fixture.bulk(removed, in: database, account: "444455556666")
            try database.execute(
                """
                UPDATE stream SET status = 'DELETING' WHERE account = '444455556666';
                UPDATE task SET kind = 'remove-stream' WHERE account = '444455556666'
                """)
            let workers = (0..<4).map { _ in TransitionWorker(store: store, signal: WorkSignal(), logger: .quiet) }
            try await running(workers) {
                try await eventually("all is done") { try await store.nextTaskDue() == nil }
            }
            #expect(
                try database.rows("SELECT account, status, count(*) FROM stream GROUP BY account, status")
                    == [[.text(Fixture.account), "ACTIVE", .integer(Int64(created))]])
            #expect(
                try database.rows(
                    "SELECT type, status, count(*), count(DISTINCT resource_arn) FROM event GROUP BY type, status ORDER BY type, status")
                    == [
                        ["CreateStream", "CREATING", .integer(Int64(created + removed)), .integer(Int64(created + removed))],
                        ["StreamStatusChange", "ACTIVE", .integer(Int64(created)), .integer(Int64(created))],
                        ["StreamStatusChange", "DELETED", .integer(Int64(removed)), .integer(Int64(removed))],
                    ])
            #expect(try database.rows("SELECT count(*) FROM event WHERE sequence NOT IN (1, 2)") == [[0]])
            #expect(try database.rows("SELECT stream_count FROM account_usage ORDER BY account") == [[.integer(Int64(created))], [0]])
            #expect(try database.rows("SELECT count(*) FROM tag") == [[.integer(Int64(2 * created))]])
        }
    }

    @Test(arguments: ["task.remove-stream-activations", "stream.claim-removal"])
    func `a worker that is asked to stop finishes what it has claimed`(
        _ statement: String
    ) async throws {
        try await TestDatabase.with(.sqlite) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            _ = try await store.createActive("removed")
            _ = try await store.delete(.named("removed"), expectedVersion: nil, removalDelay: 0, .fresh("DeleteStream"))
            _ = try await store.create(.named("created"))
            let gate = Gate()
            faults.inject(.hold(gate), on: statement)
            let group = ServiceGroup(services: [TransitionWorker(store: store, signal: WorkSignal(), logger: .quiet)], logger: .quiet)
            async let stopped: Void = group.run()
            try await eventually("the worker is at it") { gate.arrived == 1 }
            await group.triggerGracefulShutdown()
            gate.open()
            try await stopped
            #expect(try await Self.status(store, "created") == "ACTIVE")
            #expect(try await store.stream(.named("removed")) == nil)
            // Nothing runs on: what comes later stays.
            let seen = Self.claims(faults)
            _ = try await store.create(.named("later"))
            #expect(try await Self.status(store, "later") == "CREATING")
            #expect(Self.claims(faults) == seen)
        }
    }

    @Test func `hints that nobody has taken are one`() async {
        let signal = WorkSignal()
        for _ in 0..<5 { signal.raise() }
        var hints = signal.hints.makeAsyncIterator()
        #expect(await hints.next() != nil)
        let more = Task {
            var hints = signal.hints.makeAsyncIterator()
            return await hints.next() != nil
        }
        more.cancel()
        #expect(await !more.value)
    }
}
