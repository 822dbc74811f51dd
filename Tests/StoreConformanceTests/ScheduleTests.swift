import SQL
import Seeded
import Store
import TestSupport
import Testing

/// Many callers, agents and workers at once, doing anything to a few streams and channels: whatever the order, what is left must be consistent.
@Suite struct ScheduleTests {
    private static let names = ["a", "b", "c"]
    private static let hubs = [Fixture.hub, Fixture.hub + "2"]

    /// How often what was done, by the type of the event that tells of it.
    private struct Tally {
        private(set) var counts: [String: Int] = [:]

        mutating func count(_ type: String, _ isAccepted: Bool) {
            if isAccepted { counts[type, default: 0] += 1 }
        }

        mutating func add(_ type: String, _ number: Int) {
            if number > 0 { counts[type, default: 0] += number }
        }

        mutating func add(_ other: Tally) {
            counts.merge(other.counts, uniquingKeysWith: +)
        }
    }

    /// What an operator may do to either kind.
    private static func change(
        _ store: Store, _ key: ResourceKey, _ seed: UInt64, _ generator: inout SeededGenerator, _ tally: inout Tally
    ) async throws {
        let number = Int.random(in: 0..<12, using: &generator)
        let tags = (number..<number + 6).map { TagRecord(key: "k\($0)", value: "\(seed)") }
        switch Int.random(in: 0..<6, using: &generator) {
        case 0, 1:
            let creation = try await store.createResource(
                key, tags: tags, quota: 2, activationDelay: Int64(number % 2), .fresh(key.kind.createOperation))
            tally.count(key.kind.createOperation, creation.word == "created")
        case 2:
            guard let state = try await store.state(key) else { return }
            switch key.kind {
            case .stream:
                let update = StreamUpdate.expecting(state.version, retentionChangeInHours: number % 3 == 0 ? -24 : number % 3 == 1 ? 24 : 0)
                tally.count(
                    "UpdateStream", try await store.updateStream(key, update, activationDelay: 0, .fresh("UpdateStream")).word == "accepted"
                )
            case .channel:
                let change = try await store.update(key, expecting: state.version, .fresh("UpdateSignalingChannel"))
                tally.count("UpdateSignalingChannel", change.word == "accepted")
            }
        case 3:
            let change = try await store.delete(key, expectedVersion: nil, removalDelay: 0, .fresh("Delete"))
            tally.count("Delete", change.word == "accepted")
        case 4: tally.count("Tag", try await store.setTags(key, tags, .fresh("Tag")).word == "accepted")
        default: tally.count("Untag", try await store.removeTags(key, keys: tags.map(\.key), .fresh("Untag")).word == "accepted")
        }
    }

    /// What an operator may do besides: configurations, mappings and edge configurations.
    private static func configure(
        _ store: Store, _ stream: ResourceKey, _ channel: ResourceKey, _ generator: inout SeededGenerator, _ tally: inout Tally
    ) async throws {
        switch Int.random(in: 0..<6, using: &generator) {
        case 0:
            let change = try await store.setImageGeneration(stream, "{}", needsRetention: true, .fresh("Image"))
            tally.count("Image", change.word == "accepted")
        case 1:
            let change = try await store.setNotification(stream, nil, destination: nil, needsRetention: false, .fresh("Notification"))
            tally.count("Notification", change.word == "accepted")
        case 2:
            guard let arn = try await store.stream(stream)?.arn else { return }
            let change = try await store.enableMediaStorage(channel, stream: stream, streamARN: arn, .fresh("Enable"))
            tally.count("Enable", change.word == "accepted")
        case 3: tally.count("Disable", try await store.disableMediaStorage(channel, .fresh("Disable")).word == "accepted")
        case 4:
            let hub = hubs[Int.random(in: 0..<2, using: &generator)]
            let change = try await store.startEdgeConfigurationUpdate(
                stream, hubDeviceARN: hub, configuration: "{}", revision: Fixture.token(), timeout: 5, .fresh("StartEdge"))
            tally.count("StartEdge", change.word == "accepted")
        default:
            let change = try await store.deleteEdgeConfiguration(stream, revision: Fixture.token(), timeout: 5, .fresh("DeleteEdge"))
            tally.count("DeleteEdge", change.word == "accepted")
        }
    }

    private static func caller(_ store: Store, seed: UInt64, operations: Int) async throws -> Tally {
        var generator = SeededGenerator(seed: seed)
        var tally = Tally()
        for _ in 0..<operations {
            let stream = ResourceKey.named(names[Int.random(in: 0..<names.count, using: &generator)])
            let channel = ResourceKey.named(names[Int.random(in: 0..<names.count, using: &generator)], kind: .channel)
            if Bool.random(using: &generator) {
                try await change(store, Bool.random(using: &generator) ? stream : channel, seed, &generator, &tally)
            } else {
                try await configure(store, stream, channel, &generator, &tally)
            }
        }
        return tally
    }

    /// Where an agent may take a configuration from a status; those at rest it leaves alone.
    private static let moves: [EdgeStatus: [Store.EdgeMove]] = [
        .syncing: [.awaiting(status: .acknowledged, timeout: 5), .settled(status: .syncFailed, details: "d")],
        .acknowledged: [.settled(status: .inSync, details: nil), .settled(status: .syncFailed, details: "d")],
        .deleting: [.awaiting(status: .deletingAcknowledged, timeout: 5), .settled(status: .deleteFailed, details: "d")],
        .deletingAcknowledged: [.gone, .settled(status: .deleteFailed, details: "d")],
    ]

    /// The agent of a thing, of which two may run at once.
    private static func agent(_ store: Store, hub: String, seed: UInt64, rounds: Int) async throws -> Tally {
        var generator = SeededGenerator(seed: seed)
        var tally = Tally()
        for _ in 0..<rounds {
            let all = try await store.edgeConfigurations(
                account: Fixture.account, region: Fixture.region, hubDeviceARN: hub, after: nil, limit: 10)
            for found in all {
                guard let moves = moves[found.status] else { continue }
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: _ = try await store.extendEdgeDeadline(found, timeout: 5)
                case 1:
                    let job = EdgeRecord.JobReport(status: "SUCCESS", details: nil, collectedAt: nil)
                    _ = try await store.reportEdgeJobs(
                        found.key, streamARN: found.streamARN, hubDeviceARN: hub, recorder: job, uploader: nil)
                default:
                    let move = moves[Int.random(in: 0..<moves.count, using: &generator)]
                    tally.count(
                        EventName.edgeConfigurationStatusChange.rawValue,
                        try await store.moveEdgeConfiguration(found, move, .fresh(EventName.edgeConfigurationStatusChange.rawValue)))
                }
            }
            await Task.yield()
        }
        return tally
    }

    /// Fails what is overdue, as any number of instances do.
    private static func watch(_ store: Store, rounds: Int) async throws -> Tally {
        var tally = Tally()
        for _ in 0..<rounds {
            for found in try await store.overdueEdgeConfigurations(limit: 10) {
                let isDeletion = found.status == .deleting || found.status == .deletingAcknowledged
                let isFailed = try await store.moveEdgeConfiguration(
                    found, .settled(status: isDeletion ? .deleteFailed : .syncFailed, details: "late"), onlyOverdue: true,
                    .fresh(EventName.edgeConfigurationStatusChange.rawValue))
                tally.count(EventName.edgeConfigurationStatusChange.rawValue, isFailed)
            }
            await Task.yield()
        }
        return tally
    }

    /// A worker whose leases end as soon as the clock moves, so that others claim what it is at.
    private static func worker(_ store: Store, seed: UInt64, rounds: Int) async throws -> Tally {
        var generator = SeededGenerator(seed: seed)
        var tally = Tally()
        for _ in 0..<rounds {
            let lease = Fixture.token()
            let tasks = try await store.claimTasks(leaseToken: lease, lease: 1, limit: Int.random(in: 1...3, using: &generator))
            if Bool.random(using: &generator) { await Task.yield() }
            for kind in ResourceKind.allCases {
                tally.add(kind.statusChangeEvent.rawValue, try await store.activate(kind, leaseToken: lease, changeToken: Fixture.token()))
            }
            for task in tasks {
                switch task.kind {
                case .activate: break
                case .remove(let kind):
                    tally.count(
                        kind.statusChangeEvent.rawValue, try await store.remove(task, leaseToken: lease, changeToken: Fixture.token()))
                }
            }
        }
        return tally
    }

    /// Callers, agents, workers and a clock that moves, all at once.
    private static func run(_ store: Store, _ clock: TestClock, _ seed: UInt64) async throws -> Tally {
        try await withThrowingTaskGroup(of: Tally.self) { group in
            for number in 0..<8 as Range<UInt64> {
                group.addTask { try await caller(store, seed: seed * 100 + number, operations: 60) }
            }
            for number in 0..<4 as Range<UInt64> {
                group.addTask { try await agent(store, hub: hubs[Int(number % 2)], seed: seed * 10_000 + number, rounds: 40) }
            }
            for number in 0..<3 as Range<UInt64> {
                group.addTask { try await worker(store, seed: seed * 1000 + number, rounds: 60) }
            }
            for _ in 0..<2 { group.addTask { try await watch(store, rounds: 40) } }
            group.addTask {
                for _ in 0..<60 {
                    try clock.advance(by: 1)
                    await Task.yield()
                }
                return Tally()
            }
            return try await group.reduce(into: Tally()) { $0.add($1) }
        }
    }

    @Test(arguments: Engine.allCases, [1, 2, 3, 4] as [UInt64]) func `any schedule leaves a consistent whole`(
        _ engine: Engine, _ seed: UInt64
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            var tally = try await Self.run(store, database.clock, seed)
            try database.clock.advance(by: 1000)
            for kind in ResourceKind.allCases {
                tally.add(kind.statusChangeEvent.rawValue, try database.rows("SELECT 1 FROM task WHERE kind LIKE '%-\(kind)'").count)
            }
            try await store.finishTasks()
            // Nobody waits for an agent for ever either.
            tally.add(try await Self.watch(store, rounds: 1))

            #expect(faults.conflicts == 0)
            try Self.expectRest(database)
            try Self.expectOwners(database)
            try Self.expectEvents(database, tally)
            try Self.expectMappings(database)
            try Self.expectEdges(database)
        }
    }

    /// Nothing is under way, and everything is counted.
    private static func expectRest(_ database: TestDatabase) throws {
        for kind in ResourceKind.allCases {
            #expect(try database.rows("SELECT DISTINCT status FROM \(kind) WHERE status <> 'ACTIVE'") == [])
            #expect(try database.rows("SELECT \(kind)_count - (SELECT count(*) FROM \(kind)) FROM account_usage") == [[0]])
            #expect(
                try database.rows(
                    "SELECT name FROM \(kind) WHERE tag_count <> (SELECT count(*) FROM tag WHERE tag.resource_arn = \(kind).arn)") == [])
        }
        #expect(try database.rows("SELECT kind FROM task") == [])
        #expect(try database.rows("SELECT stream_name FROM edge_configuration WHERE deadline IS NOT NULL") == [])
    }

    /// Nothing outlives what it belongs to.
    private static func expectOwners(_ database: TestDatabase) throws {
        #expect(
            try database.rows(
                "SELECT key FROM tag WHERE resource_arn NOT IN (SELECT arn FROM stream) AND resource_arn NOT IN (SELECT arn FROM channel)")
                == [])
        #expect(try database.rows("SELECT stream_name FROM edge_configuration WHERE stream_arn NOT IN (SELECT arn FROM stream)") == [])
        #expect(
            try database.rows(
                """
                SELECT name FROM channel WHERE media_storage_stream_arn IS NOT NULL
                    AND media_storage_stream_arn NOT IN (SELECT arn FROM stream)
                """) == [])
    }

    /// Without gaps, as many as each resource counted, one for each change that was accepted and for each transition.
    private static func expectEvents(_ database: TestDatabase, _ tally: Tally) throws {
        #expect(
            try database.rows(
                "SELECT resource_arn FROM event GROUP BY resource_arn HAVING min(sequence) <> 1 OR max(sequence) <> count(*)") == [])
        for kind in ResourceKind.allCases {
            #expect(
                try database.rows(
                    "SELECT name FROM \(kind) WHERE event_sequence <> (SELECT count(*) FROM event WHERE event.resource_arn = \(kind).arn)")
                    == [])
        }
        #expect(
            try database.rows(
                """
                SELECT resource_arn FROM event WHERE status = 'DELETED' AND type <> '\(EventName.edgeConfigurationStatusChange.rawValue)'
                GROUP BY resource_arn HAVING count(*) > 1
                """) == [])
        var told: [String: Int] = [:]
        for row in try database.migrationConnection().query("SELECT type, count(*) FROM event GROUP BY type") {
            var row = row
            told[try row.text()] = Int(try row.integer())
        }
        // Nobody asked for these: `expectMappings` follows them.
        told["MediaStorageConfigurationChange"] = nil
        #expect(told == tally.counts)
    }

    /// The events of each resource, in their order: type and status.
    private static func histories(_ database: TestDatabase) throws -> [String: [(type: String, status: String)]] {
        var histories: [String: [(type: String, status: String)]] = [:]
        for row in try database.migrationConnection().query("SELECT resource_arn, type, status FROM event ORDER BY resource_arn, sequence")
        {
            var row = row
            histories[try row.text(), default: []].append((type: try row.text(), status: try row.text()))
        }
        return histories
    }

    /// No stream has two channels, and the events of a channel tell whether it is mapped: each unmapping by a removal ends a mapping.
    private static func expectMappings(_ database: TestDatabase) throws {
        #expect(
            try database.rows(
                """
                SELECT media_storage_stream_arn FROM channel WHERE media_storage_stream_arn IS NOT NULL
                GROUP BY media_storage_stream_arn HAVING count(*) > 1
                """) == [])
        var mapped: Set<String> = []
        for (arn, events) in try histories(database) {
            for event in events {
                switch event.type {
                case "Enable": mapped.insert(arn)
                case "Disable": mapped.remove(arn)
                case "MediaStorageConfigurationChange": #expect(mapped.remove(arn) != nil, "\(arn) was not mapped")
                case "ChannelStatusChange": if event.status == "DELETED" { mapped.remove(arn) }
                default: break
                }
            }
        }
        var stored: Set<String> = []
        for row in try database.migrationConnection().query("SELECT arn FROM channel WHERE media_storage_stream_arn IS NOT NULL") {
            var row = row
            stored.insert(try row.text())
        }
        #expect(mapped == stored)
    }

    /// The events of a stream tell the status of its edge configuration: each step is told, once, in the order in which it was made.
    private static func expectEdges(_ database: TestDatabase) throws {
        var statuses: [String: String] = [:]
        for (arn, events) in try histories(database) {
            for event in events {
                let before = statuses[arn]
                switch event.type {
                case "StartEdge":
                    #expect([nil, "IN_SYNC", "SYNC_FAILED", "DELETE_FAILED"].contains(before))
                    statuses[arn] = "SYNCING"
                case "DeleteEdge":
                    #expect(["IN_SYNC", "SYNC_FAILED", "DELETE_FAILED"].contains(before))
                    statuses[arn] = "DELETING"
                case EventName.edgeConfigurationStatusChange.rawValue:
                    let next = (before.flatMap(EdgeStatus.init).flatMap { moves[$0] } ?? []).map { move in
                        switch move {
                        case .awaiting(let status, _), .settled(let status, _): status.rawValue
                        case .gone: "DELETED"
                        }
                    }
                    #expect(next.contains(event.status), "\(before ?? "none") to \(event.status)")
                    statuses[arn] = event.status == "DELETED" ? nil : event.status
                case "StreamStatusChange": if event.status == "DELETED" { statuses[arn] = nil }
                default: break
                }
            }
        }
        var stored: [String: String] = [:]
        for row in try database.migrationConnection().query("SELECT stream_arn, sync_status FROM edge_configuration") {
            var row = row
            stored[try row.text()] = try row.text()
        }
        #expect(statuses == stored)
    }
}
