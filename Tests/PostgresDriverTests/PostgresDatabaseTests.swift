import Locking
import Prometheus
import SQL
import Testing

@testable import PostgresDriver

/// The driver against a real server.
@Suite struct PostgresDatabaseTests {
    private let server: TestServer
    private static let items =
        "CREATE TABLE item (id text COLLATE \"C\" PRIMARY KEY, amount bigint, CONSTRAINT amount_range CHECK (amount < 100));"

    init() throws {
        server = try TestServer()
    }

    private static let insert = Statement<Void>("insert", "INSERT INTO item (id, amount) VALUES ($1, $2)")
    private static let select = Statement("select", "SELECT id, amount FROM item WHERE id = $1") { row throws(DatabaseError) in
        (try row.text(), try row.optionalInteger())
    }
    private static let count = Statement("count", "SELECT count(*) FROM item") { row throws(DatabaseError) in try row.integer() }
    private static let wait = Statement<Void>("wait", "SELECT 1 FROM (SELECT pg_sleep(CAST($1 AS BIGINT))) AS slept")
    /// Waits for a lock that the test holds.
    private static let lock = Statement<Void>("lock", "SELECT 1 FROM (SELECT pg_advisory_xact_lock(CAST($1 AS BIGINT))) AS locked")

    private static func batch(_ steps: (Statement<Void>, [SQLValue])...) -> Batch {
        var batch = Batch()
        for (statement, arguments) in steps { batch.add(statement, arguments) }
        return batch
    }

    // MARK: Values

    @Test(arguments: [true, false]) func `values come back as they went in`(_ prepared: Bool) async throws {
        let echo = Statement(
            "echo", "SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS VARCHAR), CAST($4 AS INT), CAST($5 AS TEXT) IS NULL"
        ) {
            row throws(DatabaseError) in row.values
        }
        try await server.withSchema("", { $0.preparedStatements = prepared }) { database, _ in
            let values: [[SQLValue]] = [
                ["", 0, "plain", 1, nil], [nil, nil, nil, nil, "x"], ["日本語 🎏 e\u{301}\n\t'\"\\", .integer(.max), "$1", .integer(-5), ""],
                [.text(String(repeating: "é", count: 40_000)), .integer(.min), "\u{1}", 0, nil],
            ]
            for sent in values {
                let received = try await database.read(echo, sent)
                #expect(received.count == 1)
                #expect(received.first == Array(sent.prefix(4)) + [sent[4] == nil ? 1 : 0])
            }
        }
    }

    @Test(arguments: [true, false]) func `repeated runs of a statement with a text for many are one`(_ prepared: Bool) async throws {
        let many = Statement(
            "insert-many", "only SQLite's",
            forMany: "INSERT INTO item (id, amount) SELECT * FROM unnest(CAST($1 AS TEXT[]), CAST($2 AS BIGINT[])) RETURNING id, amount"
        ) { row throws(DatabaseError) in row.values }
        try await server.withSchema(Self.items, { $0.preparedStatements = prepared }) { database, _ in
            let items: [[SQLValue]] = [
                ["", 0], ["NULL", nil], ["{a,\"b\"}", 2], ["\\", .integer(-3)], ["日本語 🎏 e\u{301}\n\t'\"\\ ,", 4], [" ", .integer(.min)],
            ]
            var batch = Batch()
            let runs = items.prefix(4).map { batch.add(many, $0) }
            batch.add(Self.insert, ["between", 5])
            let others = items.suffix(2).map { batch.add(many, $0) }
            let result = try await database.write(batch)
            #expect(try runs.map { try result.rows($0) } == [Array(items.prefix(4)), [], [], []])
            #expect(try others.map { try result.rows($0) } == [Array(items.suffix(2)), []])
            #expect(try await database.read(Self.count, []) == [7])
            // One that fails takes all with it.
            let error = try await failure { () throws(DatabaseError) in
                var batch = Batch()
                for id in ["new", "", "other"] { batch.add(many, [.text(id), 1]) }
                _ = try await database.write(batch)
            }
            #expect(error.kind == .constraint("item_pkey"))
            for wrong: [[SQLValue]] in [[["a", 1], ["b"]], [["a\u{0}", 1]]] {
                let error = try await failure { () throws(DatabaseError) in
                    var batch = Batch()
                    for arguments in wrong { batch.add(many, arguments) }
                    _ = try await database.write(batch)
                }
                #expect(error.kind == .mistake)
            }
            #expect(try await database.read(Self.count, []) == [7])
        }
    }

    @Test func `a text that Postgres cannot hold is a mistake and is not sent`() async throws {
        try await server.withSchema(Self.items) { database, _ in
            let error = try await failure { () throws(DatabaseError) in
                try await database.write(Self.batch((Self.insert, ["a\u{0}secret", 1])))
            }
            #expect(error.kind == .mistake && !error.message.contains("secret"))
            #expect(try await database.read(Self.count, []) == [0])
        }
    }

    @Test(arguments: [true, false]) func `the wrong number of arguments is a mistake`(_ prepared: Bool) async throws {
        try await server.withSchema(Self.items, { $0.preparedStatements = prepared }) { database, _ in
            for arguments: [SQLValue] in [[], ["a"], ["a", 1, 2], Array(repeating: 1, count: 70_000)] {
                let error = try await failure { () throws(DatabaseError) in try await database.write(Self.batch((Self.insert, arguments))) }
                #expect(error.kind == .mistake)
                #expect(error.message.contains("insert"))
            }
            #expect(try await database.read(Self.count, []) == [0])
            #expect(database.statistics().reconnects == 0)
        }
    }

    @Test func `a type without a portable counterpart is a mistake`() async throws {
        try await server.withSchema("") { database, _ in
            let numeric = Statement("numeric", "SELECT 1.5") { row throws(DatabaseError) in row.values }
            let error = try await failure { () throws(DatabaseError) in try await database.read(numeric, []) }
            #expect(error.kind == .mistake && error.message.contains("numeric") && error.message.contains("column 1"))
        }
    }

    @Test func `an empty batch is done at once`() async throws {
        let database = try server.database("postgres://nobody@127.0.0.1:1/none")
        _ = try await database.write(Batch())
        await database.close()
    }

    // MARK: Batches

    @Test(arguments: [true, false]) func `a batch is all or nothing and others are untouched by its failure`(_ prepared: Bool) async throws
    {
        try await server.withSchema(Self.items, { ($0.preparedStatements, $0.connections) = (prepared, 1) }) { database, _ in
            let outcomes = await withTaskGroup(of: (Int, DatabaseError?).self) { group in
                for number in 0..<100 {
                    group.addTask {
                        // Every third fails at its second statement.
                        let amount: SQLValue = number % 3 == 0 ? 100 : 1
                        let batch = Self.batch(
                            (Self.insert, [.text("\(number) a"), 1]), (Self.insert, [.text("\(number) b"), amount]),
                            (Self.insert, [.text("\(number) c"), 1]))
                        do throws(DatabaseError) {
                            _ = try await database.write(batch)
                            return (number, nil)
                        } catch {
                            return (number, error)
                        }
                    }
                }
                return await group.reduce(into: [:]) { $0[$1.0] = .some($1.1) }
            }
            for (number, error) in outcomes { #expect(error?.kind == (number % 3 == 0 ? .constraint("amount_range") : nil)) }
            for number in 0..<100 {
                let rows = try await database.read(Self.select, [.text("\(number) a")]).count
                #expect(rows == (number % 3 == 0 ? 0 : 1))
            }
            #expect(try await database.read(Self.count, []) == [66 * 3])
            #expect(database.statistics().reconnects == 0)
        }
    }

    @Test func `a batch's statements see what those before them did, and answer their rows`() async throws {
        try await server.withSchema(Self.items) { database, _ in
            let add = Statement("add", "UPDATE item SET amount = amount + 1 WHERE id = $1 RETURNING amount") { row throws(DatabaseError) in
                try row.integer()
            }
            var batch = Batch()
            batch.add(Self.insert, ["a", 5])
            let first = batch.add(add, ["a"])
            let none = batch.add(add, ["b"])
            let second = batch.add(add, ["a"])
            let result = try await database.write(batch)
            #expect(try result.rows(first) == [6])
            #expect(try result.rows(none) == [])
            #expect(try result.rows(second) == [7])
        }
    }

    @Test func `sixty-four writers lose no update`() async throws {
        try await server.withSchema("\(Self.items) CREATE TABLE total (n bigint NOT NULL); INSERT INTO total VALUES (0);") {
            database, admin in
            let add = Statement<Void>("add", "UPDATE total SET n = n + 1")
            try await withThrowingTaskGroup { group in
                for writer in 0..<64 {
                    group.addTask {
                        for turn in 0..<20 {
                            _ = try await database.write(Self.batch((add, []), (Self.insert, [.text("\(writer)/\(turn)"), 1])))
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try admin.integer("SELECT n FROM total") == 1280)
            #expect(try admin.integer("SELECT count(*) FROM item") == 1280)
        }
    }

    @Test func `constraints are named and arguments are not told`() async throws {
        let ddl = """
            \(Self.items)
            CREATE TABLE part (item text COLLATE "C" CONSTRAINT part_of REFERENCES item, code text NOT NULL CONSTRAINT code_unique UNIQUE);
            CREATE TABLE late (item text CONSTRAINT late_check REFERENCES item DEFERRABLE INITIALLY DEFERRED);
            """
        try await server.withSchema(ddl) { database, admin in
            _ = try await database.write(Self.batch((Self.insert, ["here", 1])))
            let part = Statement<Void>("part", "INSERT INTO part VALUES ($1, $2)")
            let late = Statement<Void>("late", "INSERT INTO late VALUES ($1)")
            let cases: [(Batch, DatabaseError.Kind)] = [
                (Self.batch((Self.insert, ["here", 2])), .constraint("item_pkey")),
                (Self.batch((Self.insert, ["secret", 200])), .constraint("amount_range")),
                (Self.batch((part, ["secret", "x"])), .constraint("part_of")),
                (Self.batch((part, ["here", "secret"]), (part, ["here", "secret"])), .constraint("code_unique")),
                // Refused at the commit, after every statement has succeeded.
                (Self.batch((Self.insert, ["other", 1]), (late, ["secret"])), .constraint("late_check")),
                (Self.batch((part, ["here", nil])), .mistake),
                (Self.batch((Self.insert, ["secret", "secret"])), .mistake),
                (Self.batch((Statement<Void>("wrong", "SELEKT 1"), [])), .mistake),
            ]
            for (batch, kind) in cases {
                let error = try await failure { () throws(DatabaseError) in try await database.write(batch) }
                #expect(error.kind == kind)
                #expect(!error.message.contains("secret") && error.message.contains("SQLSTATE"))
            }
            #expect(try admin.integer("SELECT count(*) FROM item") == 1)
            #expect(try admin.integer("SELECT count(*) FROM part") == 0)
            #expect(database.statistics().reconnects == 0)
        }
    }

    @Test func `large batches and large results pass each other without a deadlock`() async throws {
        try await server.withSchema(Self.items, { $0.connections = 1 }) { database, admin in
            // Each statement sends and answers much more than the socket's buffers hold.
            let echo = Statement("echo", "INSERT INTO item (id) VALUES ($1) RETURNING repeat('y', 100000)") { row throws(DatabaseError) in
                try row.text()
            }
            var batch = Batch()
            let padding = String(repeating: "x", count: 2_000)
            let references = (0..<2_600).map { batch.add(echo, [.text("\($0) \(padding)")]) }
            let result = try await database.write(batch)
            for reference in references { #expect(try result.rows(reference).first?.utf8.count == 100_000) }
            #expect(try admin.integer("SELECT count(*) FROM item") == 2_600)

            let one = Statement("one", "SELECT CAST($1 AS TEXT), CAST($1 AS TEXT), CAST($1 AS TEXT), CAST($1 AS TEXT)") {
                row throws(DatabaseError) in row.values
            }
            let text = SQLValue.text(String(repeating: "z", count: 5_000_000))
            #expect(try await database.read(one, [text]) == [[text, text, text, text]])

            let many = Statement("many", "SELECT n, repeat('w', 200) FROM generate_series(1, 100000) AS n") { row throws(DatabaseError) in
                try row.integer()
            }
            #expect(try await database.read(many, []).reduce(0, +) == 5_000_050_000)
            // More than the kernel takes at once, with nothing to read before all of it has arrived.
            let length = Statement("length", "SELECT octet_length(CAST($1 AS TEXT))") { row throws(DatabaseError) in try row.integer() }
            #expect(try await database.read(length, [.text(String(repeating: "v", count: 60_000_000))]) == [60_000_000])
            // A stalled connection would have been given up and the reads sent again.
            #expect(database.statistics().reconnects == 0)
        }
    }

    // MARK: Prepared statements

    @Test func `statements the server has forgotten are prepared again`() async throws {
        try await server.withSchema(Self.items, { $0.connections = 1 }) { database, _ in
            _ = try await database.write(Self.batch((Self.insert, ["a", 1])))
            #expect(try await database.read(Self.count, []) == [1])
            _ = try await database.write(Self.batch((Statement<Void>("forget", "DEALLOCATE ALL"), [])))
            _ = try await database.write(Self.batch((Self.insert, ["b", 1]), (Self.insert, ["c", 1])))
            #expect(try await database.read(Self.count, []) == [3])
            #expect(database.statistics().reconnects == 0)
        }
    }

    @Test func `statements survive a change of their table`() async throws {
        try await server.withSchema(Self.items) { database, admin in
            let all = Statement("all", "SELECT * FROM item") { row throws(DatabaseError) in row.values.count }
            _ = try await database.write(Self.batch((Self.insert, ["a", 1])))
            let widths = [2, 3, 4]
            for width in widths {
                try await withThrowingTaskGroup(of: [Int].self) { group in
                    for _ in 0..<64 { group.addTask { try await database.read(all, []) } }
                    for try await rows in group { #expect(rows == [width]) }
                }
                try admin.execute("ALTER TABLE item ADD COLUMN more\(width) text")
            }
            #expect(database.statistics().reconnects == 0)
        }
    }

    // MARK: Time limits, queue and cancellation

    @Test func `a statement that takes too long fails as unavailable, and the connection stays`() async throws {
        try await server.withSchema(Self.items, { ($0.connections, $0.statementTimeout) = (1, .milliseconds(100)) }) { database, _ in
            let batch = Self.batch((Self.insert, ["a", 1]), (Self.wait, [60]))
            let error = try await failure { () throws(DatabaseError) in try await database.write(batch) }
            #expect(error.kind == .unavailable)
            #expect(try await database.read(Self.count, []) == [0])
            #expect(database.statistics().reconnects == 0)
        }
    }

    @Test func `a lock that takes too long is a conflict`() async throws {
        try await server.withSchema(Self.items, { $0.lockTimeout = .milliseconds(50) }) { database, admin in
            try admin.execute("BEGIN; LOCK TABLE item")
            let error = try await failure { () throws(DatabaseError) in try await database.write(Self.batch((Self.insert, ["a", 1]))) }
            #expect(error.kind == .conflict)
            try admin.execute("ROLLBACK")
            _ = try await database.write(Self.batch((Self.insert, ["a", 1])))
        }
    }

    /// Runs `body` while the only connection waits for a lock, then lets it go and expects its request to have succeeded.
    private func withBusyConnection(
        _ configure: (inout PostgresDatabase.Configuration) -> Void,
        _ body: (PostgresDatabase) async throws -> Void
    ) async throws {
        try await server.withSchema(
            Self.items,
            {
                $0.connections = 1
                configure(&$0)
            }
        ) { database, admin in
            let key = Int64.random(in: 0 ..< .max)
            try admin.execute("SELECT pg_advisory_lock(\(key))")
            async let busy = database.write(Self.batch((Self.lock, [.integer(key)]), (Self.insert, ["busy", 1])))
            try await eventually("the request is with the server") {
                database.statistics().inFlight == 1 && database.statistics().queued == 0
            }
            try await body(database)
            try admin.execute("SELECT pg_advisory_unlock(\(key))")
            _ = try await busy
            #expect(try admin.integer("SELECT count(*) FROM item") == 1)
        }
    }

    // MARK: What shares a transaction

    /// The number of the transaction; fails with a zero.
    private static let transaction = Statement("transaction", "SELECT CAST(pg_current_xact_id() AS TEXT), 10 / CAST($1 AS BIGINT)") {
        row throws(DatabaseError) in try row.text()
    }

    private static func outcome<Value>(_ body: () async throws(DatabaseError) -> Value) async -> Result<Value, DatabaseError> {
        do throws(DatabaseError) { return .success(try await body()) } catch { return .failure(error) }
    }

    /// Inserts a row after locking, as it says, another; returns its transaction.
    private static func insert(_ id: String, _ amount: SQLValue, _ database: PostgresDatabase) async throws(DatabaseError) -> String? {
        var batch = Batch(firstLock: "row")
        batch.add(insert, [.text(id), amount])
        let transaction = batch.add(transaction, [1])
        return try await database.write(batch).rows(transaction).first
    }

    @Test(arguments: [nil, 3])
    func `batches that lock the same row first share a commit, and one that fails fails alone`(_ failing: Int?) async throws {
        try await server.withSchema(Self.items, { $0.queueDeadline = .seconds(60) }) { database, admin in
            let key = Int64.random(in: 0 ..< .max)
            try admin.execute("SELECT pg_advisory_lock(\(key))")
            let busy = Task {
                var batch = Batch(firstLock: "row")
                batch.add(Self.lock, [.integer(key)])
                _ = try await database.write(batch)
            }
            try await eventually("the first is with the server") { database.statistics().inFlight == 1 }
            let tasks = (0..<8).map { (number: Int) in
                Task {
                    await Self.outcome { () throws(DatabaseError) in
                        try await Self.insert("\(number)", number == failing ? 100 : 1, database)
                    }
                }
            }
            try await eventually("all others wait for it, though connections have nothing to do") { database.statistics().queued == 8 }
            // What locks another row first does not wait.
            _ = try await database.write(Self.batch((Self.insert, ["other", 1])))
            #expect(database.statistics().queued == 8)
            try admin.execute("SELECT pg_advisory_unlock(\(key))")
            try await busy.value
            var outcomes: [Result<String?, DatabaseError>] = []
            for task in tasks { outcomes.append(await task.value) }
            let transactions = Set(outcomes.compactMap { try? $0.get() })
            if let failing {
                #expect(throws: DatabaseError.self) { try outcomes[failing].get() }
                #expect(transactions.count == 7)
                #expect(try admin.integer("SELECT count(*) FROM item") == 8)
            } else {
                #expect(transactions.count == 1)
                #expect(try admin.integer("SELECT count(*) FROM item") == 9)
            }
        }
    }

    @Test(arguments: [nil, 3]) func `reads that wait share a transaction, and one that fails fails alone`(_ failing: Int?) async throws {
        var tasks: [Task<Result<[String], DatabaseError>, Never>] = []
        try await withBusyConnection({ $0.queueDeadline = .seconds(60) }) { database in
            tasks = (0..<8).map { (number: Int) in
                Task {
                    await Self.outcome { () throws(DatabaseError) in
                        try await database.read(Self.transaction, [number == failing ? 0 : 1])
                    }
                }
            }
            try await eventually("eight reads wait") { database.statistics().queued == 8 }
        }
        var outcomes: [Result<[String], DatabaseError>] = []
        for task in tasks { outcomes.append(await task.value) }
        let transactions = Set(outcomes.compactMap { try? $0.get() })
        if let failing {
            #expect(throws: DatabaseError.self) { try outcomes[failing].get() }
            #expect(transactions.count == 7)
        } else {
            #expect(transactions.count == 1)
        }
    }

    @Test func `a read waits for small reads and for no other`() async throws {
        try await server.withSchema(Self.items, { $0.connections = 2 }) { database, admin in
            let key = Int64.random(in: 0 ..< .max)
            try admin.execute("SELECT pg_advisory_lock(\(key))")
            let slow = Task { try await database.read(Self.lock, [.integer(key)]) }
            try await eventually("the slow read is with the server") { database.statistics().inFlight == 1 }
            for _ in 0..<3 { #expect(try await database.read(Self.count, []) == [0]) }
            try admin.execute("SELECT pg_advisory_unlock(\(key))")
            _ = try await slow.value
        }
    }

    @Test func `a request no connection takes in time fails without being sent`() async throws {
        try await withBusyConnection({ $0.queueDeadline = .milliseconds(100) }) { database in
            let start = ContinuousClock.now
            let error = try await failure { () throws(DatabaseError) in try await database.write(Self.batch((Self.insert, ["late", 1]))) }
            #expect(error.kind == .unavailable)
            #expect(ContinuousClock.now - start >= .milliseconds(100))
            #expect(database.statistics().queued == 0)
        }
    }

    @Test func `groups, connections and what waits are told`() async throws {
        let registry = Registry()
        try await withBusyConnection({ ($0.metrics, $0.queueDeadline) = (registry, .seconds(60)) }) { database in
            let waiting = (0..<3).map { _ in Task { try await database.read(Self.count, []) } }
            try await eventually("three requests wait") { database.statistics().queued == 3 }
            let text = registry.text()
            #expect(text.contains("weir_database_waiting{for=\"connection\"} 3.0\n"))
            #expect(text.contains("weir_database_in_flight 1.0\n"))
            #expect(text.contains("weir_database_connections 1.0\n"))
            #expect(text.contains("weir_database_connections_limit 1.0\n"))
            #expect(text.contains("weir_database_reconnects_total 0.0\n"))
            #expect(text.contains("weir_database_group_size_sum 1.0\n"))
            for task in waiting { task.cancel() }
            for task in waiting { _ = await task.result }
        }
        #expect(registry.text().contains("weir_database_wait_seconds_count{for=\"connection\"} 1\n"))
    }

    @Test func `a full queue refuses at once, and callers that are cancelled make room`() async throws {
        try await withBusyConnection({ ($0.queueLimit, $0.queueDeadline) = (3, .seconds(60)) }) { database in
            let waiting = (0..<3).map { _ in
                Task { try await failure { () throws(DatabaseError) in try await database.read(Self.count, []) } }
            }
            try await eventually("three requests wait") { database.statistics().queued == 3 }
            let refused = try await failure { () throws(DatabaseError) in try await database.read(Self.count, []) }
            #expect(refused.kind == .overloaded)
            for (index, task) in waiting.enumerated() {
                task.cancel()
                #expect(try await task.value.kind == .unavailable)
                #expect(database.statistics().queued == 2 - index)
            }
        }
    }

    @Test func `a caller that is cancelled already sends nothing, and one whose request was sent gets its answer`() async throws {
        try await server.withSchema(Self.items, { $0.connections = 1 }) { database, admin in
            let key = Int64.random(in: 0 ..< .max)
            try admin.execute("SELECT pg_advisory_lock(\(key))")
            let sent = Task { try await database.write(Self.batch((Self.lock, [.integer(key)]), (Self.insert, ["sent", 1]))) }
            try await eventually("the request is with the server") { database.statistics().inFlight == 1 }
            sent.cancel()
            let unsent = Task {
                while !Task.isCancelled { await Task.yield() }
                return try await failure { () throws(DatabaseError) in try await database.write(Self.batch((Self.insert, ["unsent", 1]))) }
            }
            unsent.cancel()
            #expect(try await unsent.value.kind == .unavailable)
            try admin.execute("SELECT pg_advisory_unlock(\(key))")
            _ = try await sent.value
            #expect(try admin.query("SELECT id FROM item").map(\.values) == [["sent"]])
        }
    }

    @Test func `closing lets what was sent finish and ends what waits`() async throws {
        try await server.withSchema(Self.items, { ($0.connections, $0.queueDeadline) = (1, .seconds(60)) }) { database, admin in
            let key = Int64.random(in: 0 ..< .max)
            try admin.execute("SELECT pg_advisory_lock(\(key))")
            let sent = Task { try await database.write(Self.batch((Self.lock, [.integer(key)]), (Self.insert, ["sent", 1]))) }
            try await eventually("the request is with the server") { database.statistics().inFlight == 1 }
            let waiting = Task { try await failure { () throws(DatabaseError) in try await database.read(Self.count, []) } }
            try await eventually("a request waits") { database.statistics().queued == 1 }
            let closing = Task { await database.close() }
            #expect(try await waiting.value.kind == .unavailable)
            let refused = try await failure { () throws(DatabaseError) in try await database.read(Self.count, []) }
            #expect(refused.kind == .unavailable)
            try admin.execute("SELECT pg_advisory_unlock(\(key))")
            _ = try await sent.value
            await closing.value
            #expect(try admin.integer("SELECT count(*) FROM item") == 1)
            #expect(database.statistics().connectionsUp == 0)
        }
    }

    // MARK: Connections

    @Test func `errors of connecting are clear, come at once and keep the password`() async throws {
        let cases: [(String, String)] = [
            (try server.url(password: "wrong-hunter2"), "password authentication failed"),
            (try server.url(database: "no_such_database"), "no_such_database"),
            ("postgres://someone:wrong-hunter2@127.0.0.1:1/postgres", "127.0.0.1"),
            ("postgres://someone:wrong-hunter2@no-such-host.invalid/postgres", "no-such-host.invalid"),
        ]
        var patient = PostgresDatabase.Configuration()
        patient.queueDeadline = .seconds(60)
        for (url, text) in cases {
            let database = try server.database(url, patient)
            try await eventually("the first attempt has failed") {
                let error = try await failure { () throws(DatabaseError) in try await database.read(Self.count, []) }
                #expect(error.kind == .unavailable)
                #expect(!error.message.contains("hunter2"))
                return error.message.contains(text)
            }
            // From now on nobody waits for the queue's deadline.
            let start = ContinuousClock.now
            for _ in 0..<100 { _ = try await failure { () throws(DatabaseError) in try await database.read(Self.count, []) } }
            #expect(ContinuousClock.now - start < .seconds(30))
            #expect { try database.migrationConnection() } throws: {
                guard let error = $0 as? DatabaseError else { return false }
                return error.kind == .unavailable && error.message.contains(text) && !error.message.contains("hunter2")
            }
            await database.close()
        }
    }

    @Test func `a database of another encoding is refused`() async throws {
        let database = try server.database(server.url)
        let admin = try database.migrationConnection()
        let name = "latin_\(UInt64.random(in: 0 ..< .max))"
        try admin.execute("CREATE DATABASE \(name) ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")
        let other = try server.database(try server.url(database: name))
        let error = try await failure { () throws(DatabaseError) in try await other.read(Self.count, []) }
        #expect(error.kind == .unavailable && error.message.contains("SQL_ASCII"))
        await other.close()
        await database.close()
        try admin.execute("DROP DATABASE \(name)")
    }

    @Test(arguments: [true, false]) func `the session is set up as configured`(_ prepared: Bool) async throws {
        try await server.withSchema(
            "",
            {
                ($0.preparedStatements, $0.statementTimeout, $0.lockTimeout) = (prepared, .milliseconds(7_500), .seconds(2))
            }
        ) { database, admin in
            let setting = Statement("setting", "SELECT current_setting($1)") { row throws(DatabaseError) in try row.text() }
            let expected: [SQLValue: String] = [
                "statement_timeout": "7500ms", "lock_timeout": "2s", "client_encoding": "UTF8", "standard_conforming_strings": "on",
                "default_transaction_isolation": "read committed", "idle_in_transaction_session_timeout": "7500ms",
                "enable_seqscan": "off", "jit": "off",
            ]
            for (name, value) in expected {
                let actual = try await database.read(setting, [name])
                #expect(actual == [value])
            }
            let unlimited = try admin.query("SHOW statement_timeout").map(\.values)
            #expect(unlimited == [["0"]])
            #expect(try admin.query("SHOW enable_seqscan").map(\.values) == [["on"]])
        }
    }

    @Test func `a connection that was ended while idle is replaced unnoticed`() async throws {
        try await server.withSchema(Self.items) { database, admin in
            try await eventually("all are connected") { database.statistics().connectionsUp == 4 }
            for round in 1...3 {
                try admin.terminateConnections()
                try await eventually("all are connected again") {
                    database.statistics().connectionsUp == 4 && database.statistics().reconnects == 4 * round
                }
                _ = try await database.write(Self.batch((Self.insert, [.text("\(round)"), 1])))
            }
        }
    }

    @Test func `backends ended under load cost no read, and every write is what it was said to be`() async throws {
        try await server.withSchema(Self.items) { database, admin in
            let ledger = Ledger()
            try await eventually("all are connected") { database.statistics().connectionsUp == 4 }
            try await withThrowingTaskGroup { group in
                for reader in 0..<16 {
                    group.addTask {
                        while !ledger.isDone && !Task.isCancelled {
                            _ = try await database.read(Self.count, [])
                            ledger.noteRead(by: reader)
                        }
                    }
                }
                for writer in 0..<16 {
                    group.addTask {
                        for turn in 0... {
                            let id = "\(writer)/\(turn)"
                            do throws(DatabaseError) {
                                _ = try await database.write(
                                    Self.batch((Self.insert, [.text(id), 1]), (Self.insert, [.text("\(id)+"), 1])))
                                ledger.note(id, nil)
                            } catch {
                                ledger.note(id, error.kind)
                            }
                            if ledger.isDone || Task.isCancelled { break }
                        }
                    }
                }
                for round in 1...10 {
                    try admin.terminateConnections()
                    let before = ledger.progress
                    // Every reader has finished whatever the kill could have hit.
                    try await eventually("everyone goes on") {
                        let statistics = database.statistics()
                        return statistics.connectionsUp == 4 && statistics.reconnects == 4 * round && ledger.hasAdvanced(since: before)
                    }
                }
                ledger.finish()
                try await group.waitForAll()
            }
            let present = Set(try admin.query("SELECT id FROM item").map(\.values))
            var counts: [String: Int] = [:]
            for (id, kind) in ledger.outcomes {
                let (first, second) = (present.contains([.text(id)]), present.contains([.text("\(id)+")]))
                #expect(first == second, "\(id) was torn apart")
                switch kind {
                case nil: #expect(first, "\(id) was acknowledged and is gone")
                case .unavailable: #expect(!first, "\(id) was refused and is there")
                case .outcomeUnknown: break
                case .constraint, .conflict, .overloaded, .mistake: Issue.record("\(id) ended as \(String(describing: kind))")
                }
                counts["\(String(describing: kind))", default: 0] += 1
            }
            #expect(counts["nil", default: 0] >= 16)
        }
    }

    @Test func `a migration connection runs scripts and sees one row set`() async throws {
        try await server.withSchema(Self.items) { _, admin in
            #expect(admin.engine == .postgres)
            try admin.execute("INSERT INTO item VALUES ('a', 1); INSERT INTO item VALUES ('b', NULL)")
            #expect(try admin.query("SELECT id, amount FROM item ORDER BY id").map(\.values) == [["a", 1], ["b", nil]])
            #expect { try admin.execute("INSERT INTO item VALUES ('c', 1); INSERT INTO item VALUES ('a', 1)") } throws: {
                ($0 as? DatabaseError)?.kind == .constraint("item_pkey")
            }
            #expect(try admin.integer("SELECT count(*) FROM item") == 2)
            #expect { try admin.query("SELEKT") } throws: { ($0 as? DatabaseError)?.kind == .mistake }
            #expect { try admin.execute("SELECT pg_terminate_backend(pg_backend_pid())") } throws: {
                ($0 as? DatabaseError)?.kind == .outcomeUnknown
            }
            #expect { try admin.query("SELECT 1") } throws: { ($0 as? DatabaseError)?.kind == .unavailable }
        }
    }
}

extension MigrationConnection {
    /// Ends every connection of the test's schema but this one.
    func terminateConnections() throws {
        _ = try query(
            """
            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE application_name = current_setting('application_name') AND pid <> pg_backend_pid()
            """)
    }
}

/// What readers and writers have seen so far.
private final class Ledger: Sendable {
    private struct State {
        var reads: [Int: Int] = [:]
        var outcomes: [String: DatabaseError.Kind?] = [:]
        var isDone = false
    }

    private let state = Lock(State())

    var isDone: Bool { state.withLock { $0.isDone } }
    var progress: [Int: Int] { state.withLock { $0.reads } }
    var outcomes: [String: DatabaseError.Kind?] { state.withLock { $0.outcomes } }

    func noteRead(by reader: Int) { state.withLock { $0.reads[reader, default: 0] += 1 } }
    func note(_ id: String, _ kind: DatabaseError.Kind?) { state.withLock { $0.outcomes[id] = .some(kind) } }
    func finish() { state.withLock { $0.isDone = true } }

    /// Every reader has finished two reads since, of which the second began after it.
    func hasAdvanced(since before: [Int: Int]) -> Bool {
        state.withLock { state in (0..<16).allSatisfy { state.reads[$0, default: 0] >= before[$0, default: 0] + 2 } }
    }
}
