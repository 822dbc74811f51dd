import Foundation
import SQL
import Testing

@testable import SQLiteDriver

@Suite("A database file")
struct LifecycleTests {
    @Test func `keeps what was written when it is opened again`() async throws {
        let temporary = try TemporaryDatabase()
        _ = try await temporary.database.write(Items.insert(1, "one"))
        temporary.database.close()
        let again = try SQLiteDatabase(path: temporary.directory.database)
        #expect(try await again.read(Items.names, []) == ["one"])
    }

    @Test func `keeps what was answered when the process is lost`() async throws {
        let temporary = try TemporaryDatabase()
        for index in 1...20 { _ = try await temporary.database.write(Items.insert(Int64(index), "item \(index)")) }
        // What a killed process leaves: the file and its log as they are, nothing closed.
        let copy = try TemporaryDirectory()
        try FileManager.default.copyItem(atPath: temporary.directory.database, toPath: copy.database)
        try FileManager.default.copyItem(atPath: temporary.directory.database + "-wal", toPath: copy.database + "-wal")
        let recovered = try SQLiteDatabase(path: copy.database)
        #expect(try await recovered.read(Items.names, []) == (1...20).map { "item \($0)" })
    }

    @Test func `is for its owner only, with its companions`() async throws {
        let temporary = try TemporaryDatabase()
        _ = try await temporary.database.write(Items.insert(1, "one"))
        for name in ["test.db", "test.db-wal", "test.db-shm", "test.db.lock"] {
            #expect(try temporary.directory.mode(name) == 0o600, "\(name)")
        }
    }

    @Test func `has one user at a time`() async throws {
        let temporary = try TemporaryDatabase()
        let link = temporary.directory.path + "/link.db"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: temporary.directory.database)
        for path in [temporary.directory.database, link] {
            let refusal = await error { _ = try SQLiteDatabase(path: path) }
            #expect(refusal?.kind == .unavailable)
            #expect(refusal?.message.contains("another weir already uses") == true)
            #expect(refusal?.message.contains("several instances need Postgres") == true)
        }
        // The refused opener has not loosened anything.
        _ = try await temporary.database.write(Items.insert(1, "one"))
        temporary.database.close()
        let next = try SQLiteDatabase(path: link)
        #expect(try await next.read(Items.names, []) == ["one"])
    }

    @Test func `is free again when its object goes out of use`() throws {
        let directory = try TemporaryDirectory()
        for _ in 0..<3 { _ = try SQLiteDatabase(path: directory.database) }
    }

    @Test func `in a directory that is not there is unavailable`() async throws {
        let directory = try TemporaryDirectory()
        let failure = await error { _ = try SQLiteDatabase(path: directory.path + "/missing/test.db") }
        #expect(failure?.kind == .unavailable)
        #expect(failure?.message.contains("missing/test.db: No such file or directory") == true)
    }

    @Test func `that is something else is unavailable, and untouched`() async throws {
        let directory = try TemporaryDirectory()
        let text = Data("this is not a database, although it has the name of one".utf8)
        try text.write(to: URL(filePath: directory.database))
        #expect(await kind { _ = try SQLiteDatabase(path: directory.database) } == .unavailable)
        #expect(try Data(contentsOf: URL(filePath: directory.database)) == text)
    }

    @Test func `is refused to everybody after close`() async throws {
        let temporary = try TemporaryDatabase()
        let database = temporary.database
        database.close()
        database.close()
        #expect(await kind { _ = try await database.read(Items.names, []) } == .unavailable)
        #expect(await kind { _ = try await database.write(Items.insert(1, "one")) } == .unavailable)
        #expect(await kind { _ = try database.migrationConnection() } == .unavailable)
        #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.directory.path).sorted() == ["test.db", "test.db.lock"])
    }

    @Test func `finishes the writes that wait before it is closed`() async throws {
        let gate = Gate()
        let temporary = try TemporaryDatabase { configuration in
            configuration.clock = gate.pass
            configuration.groupSize = 4
        }
        let database = temporary.database
        gate.shut()
        async let held = database.write(one(Items.now))
        try await eventually("the writer is held") { gate.waiting == 1 }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 1...10 { group.addTask { _ = try await database.write(Items.insert(Int64(index), "item \(index)")) } }
            try await eventually("all wait") { database.writer.waitingCount == 10 }
            Thread.detachNewThread { database.close() }
            try await eventually("it is closed to new calls") { database.writer.isClosed }
            #expect(await kind { _ = try await database.write(Items.insert(11, "late")) } == .unavailable)
            gate.open()
            try await group.waitForAll()
        }
        _ = try await held
        database.close()
        let again = try SQLiteDatabase(path: temporary.directory.database)
        #expect(try await again.read(Items.names, []).count == 10)
    }

    @Test func `does not let its log grow for ever`() async throws {
        let temporary = try TemporaryDatabase()
        let database = temporary.database
        let text = String(repeating: "x", count: 1_000_000)
        var largest = 0
        for index in 1...100 {
            _ = try await database.write(Items.insert(Int64(index), "\(index) \(text)"))
            _ = try await database.write(one(Statement<Void>("item.delete", "DELETE FROM item")))
            let attributes = try FileManager.default.attributesOfItem(atPath: temporary.directory.database + "-wal")
            largest = max(largest, try #require(attributes[.size] as? Int))
        }
        // 32 MiB are due for a checkpoint, and one batch comes on top.
        #expect(largest > 16 << 20)
        #expect(largest < 40 << 20)
    }
}

@Suite("A migration connection")
struct MigrationConnectionTests {
    @Test func `runs scripts and answers rows while the database is in use`() async throws {
        let temporary = try TemporaryDatabase()
        let migration = try temporary.database.migrationConnection()
        #expect(migration.engine == .sqlite)
        _ = try await temporary.database.write(Items.insert(1, "one"))
        try migration.execute("BEGIN IMMEDIATE; CREATE TABLE extra (a TEXT) STRICT; INSERT INTO extra SELECT name FROM item; COMMIT;")
        #expect(try migration.query("SELECT a, 1, NULL FROM extra").map(\.values) == [["one", 1, nil]])
        let extra = Statement<String>("extra", "SELECT a FROM extra") { row throws(DatabaseError) in try row.text() }
        #expect(try await temporary.database.read(extra, []) == ["one"])
    }

    @Test func `is followed by statements prepared before`() async throws {
        let temporary = try TemporaryDatabase { $0.readers = 1 }
        let all = Statement<[SQLValue]>("counter.all", "SELECT * FROM counter") { row throws(DatabaseError) in row.values }
        #expect(try await temporary.database.read(all, []) == [[0]])
        try temporary.database.migrationConnection().execute("ALTER TABLE counter ADD COLUMN note TEXT DEFAULT 'new'")
        #expect(try await temporary.database.read(all, []) == [[0, "new"]])
    }

    @Test func `tells what is wrong with a script, which can be rolled back`() async throws {
        let temporary = try TemporaryDatabase()
        let migration = try temporary.database.migrationConnection()
        let failure = await error { try migration.execute("BEGIN; CREATE TABLE extra (a TEXT); INSERT INTO nowhere VALUES (1); COMMIT;") }
        #expect(failure?.kind == .mistake)
        #expect(failure?.message.contains("no such table: nowhere") == true)
        try migration.execute("ROLLBACK")
        #expect(try migration.query("SELECT name FROM sqlite_schema WHERE name = 'extra'").isEmpty)
        #expect(await kind { try migration.execute("INSERT INTO counter VALUES (NULL)") } == .mistake)
        #expect(await kind { _ = try migration.query("SELECT $1") } == .mistake)
    }

    @Test func `keeps the file locked while it is open`() async throws {
        let temporary = try TemporaryDatabase()
        var migration: (any MigrationConnection)? = try temporary.database.migrationConnection()
        temporary.database.close()
        #expect(await kind { _ = try SQLiteDatabase(path: temporary.directory.database) } == .unavailable)
        #expect(try migration?.query("SELECT value FROM counter").map(\.values) == [[0]])
        migration = nil
        _ = try SQLiteDatabase(path: temporary.directory.database)
    }

    @Test(arguments: ["test.db", "test.db-wal", "test.db-shm"])
    func `that goes from its place is not read and takes no change until it is back`(_ name: String) async throws {
        let temporary = try TemporaryDatabase()
        let path = temporary.directory.path + "/" + name
        _ = try await temporary.database.write(Items.insert(1, "one"))
        #expect(temporary.database.checkFiles() == nil)
        try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
        #expect(temporary.database.checkFiles()?.contains("is gone") == true)
        #expect(await error { _ = try await temporary.items() }?.kind == .unavailable)
        #expect(await error { _ = try await temporary.database.write(Items.insert(2, "two")) }?.kind == .unavailable)

        // Another file under its name is not it.
        try Data().write(to: URL(filePath: path))
        #expect(temporary.database.checkFiles()?.contains("another file") == true)
        #expect(await error { _ = try await temporary.database.write(Items.insert(2, "two")) }?.kind == .unavailable)

        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: path + ".away", toPath: path)
        #expect(temporary.database.checkFiles() == nil)
        _ = try await temporary.database.write(Items.insert(2, "two"))
        #expect(try await temporary.items() == ["one", "two"])
    }

    @Test func `stays locked though the file of its lock was removed`() async throws {
        let temporary = try TemporaryDatabase()
        for name in ["test.db", "test.db-wal", "test.db-shm", "test.db.lock"] {
            try FileManager.default.removeItem(atPath: temporary.directory.path + "/" + name)
        }
        #expect(temporary.database.checkFiles() != nil)
        let refusal = await error { _ = try SQLiteDatabase(path: temporary.directory.database) }
        #expect(refusal?.message.contains("another weir already uses") == true)
    }
}
