import SQL
import SQLiteDriver
import Testing

@Suite("A statement")
struct StatementTests {
    private static func echo(_ name: String, _ sql: String) -> Statement<[SQLValue]> {
        Statement(name, sql) { row throws(DatabaseError) in row.values }
    }

    @Test func `has its parameters bound by number, not by place`() async throws {
        let temporary = try TemporaryDatabase()
        let echo = Self.echo("echo", "SELECT $3, $1, $2, $1, $10, $4, $5, $6, $7, $8, $9")
        let arguments = (1...10).map { SQLValue.text("argument \($0)") }
        let rows = try await temporary.database.read(echo, arguments)
        #expect(rows == [[3, 1, 2, 1, 10, 4, 5, 6, 7, 8, 9].map { SQLValue.text("argument \($0)") }])
    }

    @Test(arguments: [0, 1, 3])
    func `refuses another number of arguments`(count: Int) async throws {
        let temporary = try TemporaryDatabase()
        let two = Self.echo("two", "SELECT $1, $2")
        let arguments = Array(repeating: SQLValue.text("secret"), count: count)
        let read = await error { _ = try await temporary.database.read(two, arguments) }
        #expect(read?.kind == .mistake)
        #expect(read?.message == "two takes 2 arguments, not \(count)")
        #expect(await kind { _ = try await temporary.database.write(one(two, arguments)) } == .mistake)
    }

    @Test(arguments: [
        "SELECT $1::bigint", "SELECT ?", "SELECT $2", "SELECT :one", "SELECT 1; SELECT 2", "", "-- nothing", "SELEC 1",
        "SELECT x FROM nowhere",
    ])
    func `is refused when it is wrong`(sql: String) async throws {
        let temporary = try TemporaryDatabase()
        let wrong = Self.echo("wrong", sql)
        let failure = await error { _ = try await temporary.database.read(wrong, sql.contains("1::") ? [1] : []) }
        #expect(failure?.kind == .mistake)
        #expect(failure?.message.hasPrefix("wrong") == true)
    }

    @Test func `may end with a semicolon and a comment, and skips what only Postgres reads`() async throws {
        let temporary = try TemporaryDatabase()
        let rows = try await temporary.database.read(Self.echo("ends", "SELECT $1 /*postgres FOR UPDATE */ ; -- the end"), [1])
        #expect(rows == [[1]])
    }

    @Test func `under the name of another is refused`() async throws {
        let temporary = try TemporaryDatabase { $0.readers = 1 }
        #expect(try await temporary.database.read(Self.echo("same", "SELECT 1"), []) == [[1]])
        #expect(await kind { _ = try await temporary.database.read(Self.echo("same", "SELECT 2"), []) } == .mistake)
    }

    @Test func `that changes the database is refused as a read`() async throws {
        let temporary = try TemporaryDatabase()
        #expect(await kind { _ = try await temporary.database.read(Items.insert, [1, "one", nil]) } == .mistake)
        #expect(try await temporary.items() == [])
    }

    @Test(arguments: ["SELECT 1.5", "SELECT x'00'"])
    func `with a REAL or a BLOB in its answer is refused`(sql: String) async throws {
        let temporary = try TemporaryDatabase()
        #expect(await kind { _ = try await temporary.database.read(Self.echo("type", sql), []) } == .mistake)
        #expect(await kind { _ = try await temporary.database.write(one(Self.echo("type", sql))) } == .mistake)
        #expect(await kind { _ = try temporary.database.migrationConnection().query(sql) } == .mistake)
    }

    @Test(arguments: ["", "plain", "a\0b\0", "\0", "łódź 日本語 👩‍👩‍👧‍👦 e\u{301}", String(repeating: "x", count: 100_000)])
    func `gives text back as it took it`(text: String) async throws {
        let temporary = try TemporaryDatabase()
        let database = temporary.database
        _ = try await database.write(Items.insert(1, text))
        let stored = try await temporary.items()
        #expect(stored.map { Array($0.utf8) } == [Array(text.utf8)])
        let length = Self.echo("length", "SELECT length(CAST(name AS BLOB)) FROM item WHERE name = $1")
        #expect(try await database.read(length, [.text(text)]) == [[.integer(Int64(text.utf8.count))]])
    }

    @Test func `gives integers and NULL back as it took them`() async throws {
        let temporary = try TemporaryDatabase()
        let values: [SQLValue] = [.integer(.min), .integer(.max), 0, -1, .null]
        #expect(try await temporary.database.read(Self.echo("values", "SELECT $1, $2, $3, $4, $5"), values) == [values])
    }

    @Test func `forgets its arguments from one run to the next`() async throws {
        let temporary = try TemporaryDatabase { $0.readers = 1 }
        let echo = Self.echo("echo", "SELECT $1")
        #expect(try await temporary.database.read(echo, ["first"]) == [["first"]])
        #expect(try await temporary.database.read(echo, [nil]) == [[nil]])
    }

    @Test func `whose decoder fails says which statement it was and leaves the connection usable`() async throws {
        let temporary = try TemporaryDatabase { $0.readers = 1 }
        let wrong = Statement<Int64>("wrong.type", "SELECT 'secret'") { row throws(DatabaseError) in try row.integer() }
        let failure = await error { _ = try await temporary.database.read(wrong, []) }
        #expect(failure?.kind == .mistake)
        #expect(failure?.message == "wrong.type: column 1 is not an integer")
        #expect(try await temporary.items() == [])
    }

    @Test func `reads the clock it was given`() async throws {
        let time = SettableTime(1_700_000_000_123)
        let temporary = try TemporaryDatabase { $0.clock = { time.value } }
        let database = temporary.database
        #expect(try await database.read(Items.now, []) == [1_700_000_000_123])
        time.value = 1_700_000_000_128
        var batch = Batch()
        let now = batch.add(Items.now, [])
        #expect(try await database.write(batch).rows(now) == [1_700_000_000_128])
        #expect(try database.migrationConnection().query("SELECT now_ms()").map(\.values) == [[1_700_000_000_128]])
    }

    @Test func `reads the real time otherwise`() async throws {
        let temporary = try TemporaryDatabase()
        let seconds = Self.echo("seconds", "SELECT now_ms() / 1000 - CAST(strftime('%s', 'now') AS INTEGER)")
        let difference = try await temporary.database.read(seconds, [])
        #expect([[[0]], [[1]], [[-1]]].contains(difference))
    }
}
