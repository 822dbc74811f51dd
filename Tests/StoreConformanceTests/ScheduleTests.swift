import SQL
import Store
import TestSupport
import Testing

/// Many callers and workers at once, doing anything to a few streams: whatever the order, what is left must be consistent.
@Suite struct ScheduleTests {
    private static let names = ["a", "b", "c"]

    /// One caller's operations; answers how many changes of each operation were accepted.
    private static func caller(_ store: Store, seed: UInt64, operations: Int) async throws -> [String: Int] {
        var generator = SeededGenerator(seed: seed)
        var accepted: [String: Int] = [:]
        for _ in 0..<operations {
            let key = ResourceKey.named(names[Int.random(in: 0..<names.count, using: &generator)])
            let number = Int.random(in: 0..<12, using: &generator)
            let tags = (number..<number + 6).map { TagRecord(key: "k\($0)", value: "\(seed)") }
            let operation: String
            let isAccepted: Bool
            switch Int.random(in: 0..<6, using: &generator) {
            case 0, 1:
                operation = "CreateStream"
                let creation = try await store.createStream(
                    .named(key.name, tags: tags), quota: 2, activationDelay: Int64(number % 2), .fresh(operation))
                isAccepted = creation.word == "created"
            case 2:
                operation = "UpdateStream"
                guard let version = try await store.stream(key)?.version else { continue }
                isAccepted =
                    try await store.updateStream(key, .expecting(version), activationDelay: 0, .fresh(operation)).word == "accepted"
            case 3:
                operation = "DeleteStream"
                isAccepted = try await store.delete(key, expectedVersion: nil, removalDelay: 0, .fresh(operation)).word == "accepted"
            case 4:
                operation = "TagStream"
                isAccepted = try await store.setTags(key, tags, .fresh(operation)).word == "accepted"
            default:
                operation = "UntagStream"
                isAccepted = try await store.removeTags(key, keys: tags.map(\.key), .fresh(operation)).word == "accepted"
            }
            if isAccepted { accepted[operation, default: 0] += 1 }
        }
        return accepted
    }

    /// A worker whose leases end as soon as the clock moves, so that others claim what it is at; answers how many transitions it made.
    private static func worker(_ store: Store, seed: UInt64, rounds: Int) async throws -> Int {
        var generator = SeededGenerator(seed: seed)
        var transitions = 0
        for _ in 0..<rounds {
            let lease = Fixture.token()
            let tasks = try await store.claimTasks(leaseToken: lease, lease: 1, limit: Int.random(in: 1...3, using: &generator))
            if Bool.random(using: &generator) { await Task.yield() }
            transitions += try await store.activate(.stream, leaseToken: lease, changeToken: Fixture.token())
            for task in tasks where task.kind == .remove(.stream) {
                if try await store.remove(task, leaseToken: lease, changeToken: Fixture.token()) { transitions += 1 }
            }
        }
        return transitions
    }

    /// Callers, workers and a clock that moves, all at once; answers the accepted changes of each operation and the transitions.
    private static func run(_ store: Store, _ clock: TestClock, _ seed: UInt64) async throws -> ([String: Int], Int) {
        try await withThrowingTaskGroup(of: ([String: Int], Int).self) { group in
            for number in 0..<8 as Range<UInt64> {
                group.addTask { (try await caller(store, seed: seed * 100 + number, operations: 40), 0) }
            }
            for number in 0..<3 as Range<UInt64> {
                group.addTask { ([:], try await worker(store, seed: seed * 1000 + number, rounds: 60)) }
            }
            group.addTask {
                for _ in 0..<40 {
                    try clock.advance(by: 1)
                    await Task.yield()
                }
                return ([:], 0)
            }
            var (accepted, transitions): ([String: Int], Int) = ([:], 0)
            for try await part in group {
                accepted.merge(part.0, uniquingKeysWith: +)
                transitions += part.1
            }
            return (accepted, transitions)
        }
    }

    @Test(arguments: Engine.allCases, [1, 2, 3] as [UInt64]) func `any schedule leaves a consistent whole`(_ engine: Engine, _ seed: UInt64)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            var (accepted, transitions) = try await Self.run(store, database.clock, seed)
            try database.clock.advance(by: 1000)
            let pending = try database.rows("SELECT kind FROM task").count
            try await store.finishTasks()
            transitions += pending

            #expect(try database.rows("SELECT DISTINCT status FROM stream WHERE status <> 'ACTIVE'") == [])
            #expect(try database.rows("SELECT kind FROM task") == [])
            #expect(
                try database.rows("SELECT stream_count - (SELECT count(*) FROM stream) FROM account_usage") == [[0]])
            #expect(
                try database.rows(
                    "SELECT name FROM stream WHERE tag_count <> (SELECT count(*) FROM tag WHERE tag.resource_arn = stream.arn)") == [])
            #expect(try database.rows("SELECT key FROM tag WHERE resource_arn NOT IN (SELECT arn FROM stream)") == [])
            // Without gaps, and as many as the stream counted.
            #expect(
                try database.rows(
                    "SELECT resource_arn FROM event GROUP BY resource_arn HAVING min(sequence) <> 1 OR max(sequence) <> count(*)") == [])
            #expect(
                try database.rows(
                    """
                    SELECT name FROM stream WHERE event_sequence <> (SELECT count(*) FROM event WHERE event.resource_arn = stream.arn)
                    """) == [])
            // One for each change that was accepted and for each transition.
            for row in try database.migrationConnection().query("SELECT type, count(*) FROM event GROUP BY type ORDER BY type") {
                var row = row
                let (type, count) = (try row.text(), try row.integer())
                if type == "StreamStatusChange" { accepted[type] = transitions }
                #expect(accepted.removeValue(forKey: type) == Int(count), "\(type)")
            }
            #expect(accepted.isEmpty)
            #expect(
                try database.rows("SELECT resource_arn FROM event WHERE status = 'DELETED' GROUP BY resource_arn HAVING count(*) > 1") == []
            )
        }
    }
}
