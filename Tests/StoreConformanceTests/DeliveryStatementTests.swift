import SQL
import Store
import TestSupport
import Testing

/// How the engines find what is on its way, with many events that have arrived, some that wait, and a destination with a backlog.
@Suite struct DeliveryStatementTests {
    private static let tables = ["event", "delivery", "delivery_queue", "delivery_attempt"]

    private static let statements = Store.statements.filter { statement in
        tables.contains { statement.sql.contains(" \($0) ") || statement.sql.contains(" \($0)\n") } || statement.name.contains("deliver")
    }

    /// These go through a whole index from one end, and stop at a limit: no search, but bounded.
    private static let bounded: Set = ["delivery.count-pending", "delivery.backlog"]
    /// An operator has these look through all queues, by hand.
    private static let byHand: Set = ["clock-repair.count", "clock-repair.free-queues"]
    /// These ask an index for its first entry, destination after destination.
    private static let loose: Set = ["delivery.due", "delivery.abandoned"]
    /// These are run for each event, and leave Postgres no choice.
    private static let forEachEvent: Set = ["delivery.claim", "delivery.waiting", "delivery.deliver", "delivery.remove-free-queue"]
    /// These look through the events since a moment.
    private static let sinceMoment: Set = ["event.list", "stream.changed", "channel.changed", "edge.changed"]

    /// Puts `count` events into the database, of as many streams, all told to two destinations, of which one has taken all and one a half.
    private static func fill(_ count: Int, in database: TestDatabase) async throws {
        let store = Store(database.database)
        try Fixture.bulk(count, in: database)
        for id in ["good", "slow"] {
            try await store.addSubscription(
                NewSubscription(id: id, kind: .webhook, target: "https://\(id)", account: nil, types: nil, resourcePrefix: nil))
        }
        let now = database.clock.now
        try database.execute(
            """
            INSERT INTO delivery SELECT 'good', resource_arn, sequence, occurred_at, 'DELIVERED', 1, 0, \(now), NULL, \(now), 200, NULL FROM event;
            INSERT INTO delivery SELECT 'slow', resource_arn, sequence, occurred_at,
                CASE WHEN resource_arn LIKE '%1' THEN 'PENDING' ELSE 'DELIVERED' END, 1, 0, \(now), NULL,
                CASE WHEN resource_arn LIKE '%1' THEN NULL ELSE CAST(\(now) AS BIGINT) END, 200, NULL FROM event;
            INSERT INTO delivery_queue SELECT destination_id, resource_arn, 1, \(now), resource_arn FROM delivery WHERE state = 'PENDING';
            INSERT INTO delivery_attempt SELECT destination_id, resource_arn, sequence, 1, \(now), 5, 500, 'error' FROM delivery
            """)
    }

    private static func parameterCount(_ sql: String) -> Int {
        sql.matches(of: /\$(\d+)/).compactMap { Int($0.1) }.max() ?? 0
    }

    /// A literal that a parameter of any type can have.
    private static func anything(_ statement: StatementText) -> String { statement.forMany == nil ? "'5'" : "'{5}'" }

    @Test func `they are all found`() {
        #expect(Self.statements.count > 35)
        for name in Self.bounded.union(Self.loose).union(["delivery.claim", "event.remove-old", "delivery.insert-for-stream"]) {
            #expect(Self.statements.contains { $0.name == name }, "\(name)")
        }
    }

    @Test func `SQLite searches what is on its way by an index, and sorts none of it`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            try await Self.fill(2000, in: database)
            try database.execute("ANALYZE")
            for statement in Self.statements {
                var batch = Batch()
                let explain = Statement("explain-deliveries.\(statement.name)", "EXPLAIN QUERY PLAN " + statement.sql) {
                    row throws(DatabaseError) in row.values
                }
                let plan = batch.add(explain, Array(repeating: .null, count: Self.parameterCount(statement.sql)))
                let steps = try await database.database.write(batch).rows(plan).compactMap { values -> String? in
                    if case .text(let detail)? = values.last { detail } else { nil }
                }
                for step in steps {
                    let scanned = Self.tables.first { "\(step) ".hasPrefix("SCAN \($0) ") }
                    #expect(scanned == nil || Self.bounded.union(Self.byHand).contains(statement.name), "\(statement.name): \(step)")
                    // What a claim holds is sorted, and nothing that grows.
                    let mayBeSorted = ["delivery.waiting", "event.list"].contains(statement.name)
                    #expect(
                        !step.contains("TEMP B-TREE") || mayBeSorted || !statement.name.hasPrefix("delivery"), "\(statement.name): \(step)")
                }
            }
        }
    }

    @Test func `Postgres searches what is on its way by an index`() async throws {
        try await TestDatabase.with(.postgres) { database in
            try await Self.fill(2000, in: database)
            let connection = try database.migrationConnection()
            try database.analyze(connection)
            try connection.execute("SET enable_seqscan = off")
            for (number, statement) in Self.statements.enumerated() {
                try connection.execute("PREPARE d\(number) AS \(statement.postgresSQL)")
                let count = Self.parameterCount(statement.sql)
                let arguments = count == 0 ? "" : "(\(Array(repeating: Self.anything(statement), count: count).joined(separator: ", ")))"
                let modes = statement.sql.contains("LIMIT CAST") ? ["force_custom_plan"] : ["force_custom_plan", "force_generic_plan"]
                for mode in modes {
                    try connection.execute("SET plan_cache_mode = \(mode)")
                    let plan = try connection.query("EXPLAIN EXECUTE d\(number)\(arguments)").map { row in
                        if case .text(let line)? = row.values.first { line } else { "" }
                    }
                    Self.expectSearches(plan, in: statement)
                }
            }
        }
    }

    /// A queue is empty most of the time, and then reading all of it costs nothing. Sessions of the driver keep their plans, so they must not plan so.
    @Test func `Postgres plans no read of a whole table while the tables are empty`() async throws {
        try await TestDatabase.with(.postgres) { database in
            let connection = try database.migrationConnection()
            for table in Self.tables { try connection.execute("VACUUM ANALYZE \(table)") }
            for statement in Self.statements where !Self.byHand.contains(statement.name) {
                let text = (1...20).reversed().reduce(statement.postgresSQL) { $0.replacing("$\($1)", with: Self.anything(statement)) }
                let explain = Statement("explain-empty.\(statement.name)", "EXPLAIN \(text)") { row throws(DatabaseError) in try row.text()
                }
                var batch = Batch()
                let plan = batch.add(explain, [])
                let lines = try await database.database.write(batch).rows(plan)
                let scans = lines.filter { line in line.contains("Scan") && Self.tables.contains { "\(line) ".contains(" on \($0) ") } }
                #expect(!scans.contains { $0.contains("Seq Scan") }, "\(statement.name): \(lines)")
                guard Self.forEachEvent.contains(statement.name) else { continue }
                Self.expectSearches(lines, in: statement)
                #expect(statement.name == "delivery.waiting" || lines.contains { $0.contains("Tid Scan") }, "\(statement.name): \(lines)")
                guard statement.forMany != nil else { continue }
                // These are found by their whole key, or by where they lie.
                #expect(
                    scans.count == 2 && scans.allSatisfy { $0.contains("Tid Scan") || $0.contains("_pkey") }, "\(statement.name): \(lines)")
            }
        }
    }

    private static func expectSearches(_ plan: [String], in statement: StatementText) {
        for (index, line) in plan.enumerated() where line.contains("Scan") && tables.contains(where: { "\(line) ".contains(" on \($0) ") })
        {
            #expect(!line.contains("Seq Scan") || byHand.contains(statement.name), "\(statement.name): \(line)")
            let depth = line.prefix { $0 == " " }.count
            let details = plan[(index + 1)...].prefix { $0.prefix { $0 == " " }.count > depth }
            let isSearch = details.contains { $0.contains("Index Cond") || $0.contains("TID Cond") }
            // The first entry of an index stands under a limit of one.
            let isFirst = loose.contains(statement.name) && index > 0 && plan[index - 1].contains("Limit")
            #expect(isSearch || isFirst || bounded.union(byHand).contains(statement.name), "\(statement.name): \(plan)")
        }
    }
}
