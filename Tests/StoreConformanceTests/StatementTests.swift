import SQL
import Store
import TestSupport
import Testing

/// Every statement, as the engines see it.
@Suite struct StatementTests {
    /// Those whose number of rows grows with the use of the service.
    private static let growing = [
        "stream", "tag", "task", "event", "answered_mutation", "account_usage", "channel", "edge_configuration",
        "media_stream", "pack", "fragment", "extent", "image_work",
    ]
    /// These read the first row or rows of an index in its order, or a bounded number of any, and stop.
    private static let inOrderWithLimit: Set = ["task.next-due", "task.counts", "task.backlog", "image.backlog"]
    /// What is asked for all there is, now and then.
    private static let readsAll: Set = ["media.account-bytes"]

    private static func parameterCount(_ sql: String) -> Int {
        sql.matches(of: /\$(\d+)/).compactMap { Int($0.1) }.max() ?? 0
    }

    @Test func `names are unique, and no text holds what only one engine takes`() {
        #expect(Store.statements.count > 30)
        #expect(Set(Store.statements.map(\.name)).count == Store.statements.count)
        for statement in Store.statements {
            #expect(!statement.sql.contains("::"), "\(statement.name)")
            #expect(!statement.sql.contains(";"), "\(statement.name)")
        }
    }

    @Test func `SQLite searches growing tables by an index`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            try Fixture.bulk(2000, in: database)
            try Fixture.bulkChannelsAndEdges(2000, in: database)
            try Fixture.bulkMedia(2000, in: database)
            try database.execute("ANALYZE")
            for statement in Store.statements where !Self.readsAll.contains(statement.name) {
                let explain = Statement("explain.\(statement.name)", "EXPLAIN QUERY PLAN " + statement.sql) { row throws(DatabaseError) in
                    row.values
                }
                var batch = Batch()
                let plan = batch.add(explain, Array(repeating: .null, count: Self.parameterCount(statement.sql)))
                let steps = try await database.database.write(batch).rows(plan).compactMap { values -> String? in
                    if case .text(let detail)? = values.last { detail } else { nil }
                }
                for step in steps where Self.growing.contains(where: { step.hasPrefix("SCAN \($0)") && !step.hasPrefix("SCAN \($0)_") }) {
                    // A scan of a table that lies in its key's order names no index; that nothing is sorted is checked below.
                    #expect(Self.inOrderWithLimit.contains(statement.name), "\(statement.name): \(step)")
                }
                #expect(
                    !steps.contains { $0.contains("TEMP B-TREE") && Self.inOrderWithLimit.contains(statement.name) }, "\(statement.name)")
            }
        }
    }

    @Test func `Postgres prepares every statement and searches growing tables by an index`() async throws {
        try await TestDatabase.with(.postgres) { database in
            try Fixture.bulk(2000, in: database)
            try Fixture.bulkChannelsAndEdges(2000, in: database)
            try Fixture.bulkMedia(2000, in: database)
            let connection = try database.migrationConnection()
            try database.analyze(connection)
            try connection.execute("SET enable_seqscan = off")
            for (number, statement) in Store.statements.enumerated() {
                try connection.execute("PREPARE s\(number) AS \(statement.postgresSQL)")
                let count = Self.parameterCount(statement.sql)
                let argument = statement.forMany == nil ? "'5'" : "'{5}'"
                let arguments = count == 0 ? "" : "(\(Array(repeating: argument, count: count).joined(separator: ", ")))"
                // Without knowing the arguments, the planner takes any LIMIT for a tenth of the table; then it keeps to the plan that knows them.
                let modes = statement.sql.contains("LIMIT CAST") ? ["force_custom_plan"] : ["force_custom_plan", "force_generic_plan"]
                for mode in modes {
                    try connection.execute("SET plan_cache_mode = \(mode)")
                    var plan: [String] = []
                    for row in try connection.query("EXPLAIN EXECUTE s\(number)\(arguments)") {
                        var row = row
                        plan.append(try row.text())
                    }
                    if !Self.readsAll.contains(statement.name) { Self.expectSearches(plan, in: statement) }
                }
            }
        }
    }

    private static func expectSearches(_ plan: [String], in statement: StatementText) {
        for (index, line) in plan.enumerated() where line.contains("Scan") && growing.contains(where: { "\(line) ".contains(" on \($0) ") })
        {
            #expect(!line.contains("Seq Scan"), "\(statement.name): \(line)")
            let depth = line.prefix { $0 == " " }.count
            let details = plan[(index + 1)...].prefix { $0.prefix { $0 == " " }.count > depth }
            let isSearch = details.contains { $0.contains("Index Cond") }
            #expect(isSearch || inOrderWithLimit.contains(statement.name), "\(statement.name): \(plan)")
        }
        // A range of the account's streams is for lists only; whatever is about one stream finds it by its whole key.
        let others = ["account_usage_pkey", "edge_hub_pkey"]
        for line in plan
        where line.contains("Index Cond") && line.contains("region =")
            && !plan.contains(where: { line in others.contains { line.contains($0) } })
        {
            #expect(line.contains("name ") || line.contains("channel "), "\(statement.name): \(line)")
        }
    }
}
