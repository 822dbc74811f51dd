import CSQLite
import Foundation
import Locking
import SQL
import Testing

@testable import SQLiteDriver

@Suite("A failing disk", .serialized)
struct FailingDiskTests {
    @Test(arguments: [
        (SQLITE_IOERR | 4 << 8, true, DatabaseError.Kind.outcomeUnknown),
        (SQLITE_IOERR | 3 << 8, false, .outcomeUnknown),
        (SQLITE_FULL, false, .unavailable),
    ])
    func `at the commit fails the whole group and nothing after it`(code: Int32, isFlush: Bool, expected: DatabaseError.Kind) async throws {
        FailingFileSystem.register
        let gate = Gate()
        let temporary = try TemporaryDatabase { configuration in
            configuration.fileSystem = FailingFileSystem.name
            configuration.clock = gate.pass
        }
        let database = temporary.database
        _ = try await database.write(Items.insert(1, "one"))
        gate.shut()
        async let held = database.write(one(Items.now))
        try await eventually("the writer is held") { gate.waiting == 1 }
        let kinds = try await withThrowingTaskGroup(of: DatabaseError.Kind?.self) { group in
            // One of them would fail by itself: what it met is gone with the others.
            for id: Int64 in [2, 2, 3, 4, 5] {
                group.addTask { await kind { _ = try await database.write(Items.insert(id, "item \(id)")) } }
            }
            try await eventually("all wait") { database.writer.waitingCount == 5 }
            FailingFileSystem.failure.withLock { $0 = .init(code: code, isFlush: isFlush) }
            gate.open()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        FailingFileSystem.failure.withLock { $0 = nil }
        _ = try await held
        #expect(kinds == Array(repeating: expected, count: 5))
        #expect(try await temporary.items() == ["one"])
        _ = try await database.write(Items.insert(2, "two"))
        #expect(try await temporary.items() == ["one", "two"])
        database.close()
        let again = try SQLiteDatabase(path: temporary.directory.database)
        #expect(try await again.read(Items.names, []) == ["one", "two"])
    }

    @Test func `that is full fails one batch of a group, and works again when there is room`() async throws {
        let gate = Gate()
        let temporary = try TemporaryDatabase { $0.clock = gate.pass }
        let database = temporary.database
        let limit = Statement<Void>("limit", "PRAGMA max_page_count = 20")
        let noLimit = Statement<Void>("noLimit", "PRAGMA max_page_count = 1000000")
        _ = try await database.write(one(limit))
        gate.shut()
        async let held = database.write(one(Items.now))
        try await eventually("the writer is held") { gate.waiting == 1 }
        async let small: BatchResult = database.write(Items.insert(1, "small"))
        try await eventually("the first waits") { database.writer.waitingCount == 1 }
        async let large = kind { _ = try await database.write(Items.insert(2, String(repeating: "x", count: 1_000_000))) }
        try await eventually("the second waits") { database.writer.waitingCount == 2 }
        gate.open()
        _ = try await (held, small)
        let outcome = await large
        #expect(outcome == .unavailable)
        #expect(try await temporary.items() == ["small"])
        _ = try await database.write(one(noLimit))
        _ = try await database.write(Items.insert(2, String(repeating: "x", count: 1_000_000)))
        #expect(try await temporary.items().count == 2)
    }

    @Test func `gets what a commit appends to the log in one call, before the write returns`() async throws {
        FailingFileSystem.register
        let temporary = try TemporaryDatabase { $0.fileSystem = FailingFileSystem.name }
        _ = try await temporary.database.write(Items.insert(1, "one"))
        let before = FailingFileSystem.writes.withLock { $0 }
        var batch = Items.insert(2, "two")
        batch.add(Items.increment, [])
        _ = try await temporary.database.write(batch)
        #expect(FailingFileSystem.writes.withLock { $0 } == before + 1)
        #expect(try await itemsAfterKill(of: temporary) == ["one", "two"])
    }

    @Test(arguments: [SQLiteDatabase.Configuration.Durability.full, .normal])
    func `keeps what others commit after a transaction larger than the cache that was undone`(
        durability: SQLiteDatabase.Configuration.Durability
    ) async throws {
        FailingFileSystem.register
        let temporary = try TemporaryDatabase { configuration in
            configuration.fileSystem = FailingFileSystem.name
            configuration.durability = durability
            configuration.cacheSize = 0
            configuration.isAlone = false
        }
        let database = temporary.database
        var configuration = SQLiteDatabase.Configuration()
        configuration.isAlone = false
        let other = try SQLiteDatabase(path: temporary.directory.database, configuration: configuration)
        _ = try await database.write(Items.insert(1, "one"))
        let large = String(repeating: "x", count: 200_000)
        var batch = Batch()
        for id: Int64 in 3...20 { batch.add(Items.insert, [.integer(id), .text("\(id) \(large)"), nil]) }
        batch.add(Statement<Void>("item.shorten", "UPDATE item SET name = substr(name, 1, 100000)"), [])
        var undone = batch
        undone.add(Items.insert, [1, "one again", nil])
        let before = FailingFileSystem.writes.withLock { $0 }
        #expect(await kind { _ = try await database.write(undone) } == .constraint("item.id"))
        // Nothing was in the log before its commit, so nothing can be written later.
        #expect(FailingFileSystem.writes.withLock { $0 } == before)
        _ = try await other.write(Items.insert(2, "two"))
        #expect(try await temporary.items() == ["one", "two"])
        _ = try await database.write(Items.insert(21, "last"))
        #expect(try await itemsAfterKill(of: temporary) == ["one", "two", "last"])
        _ = try await database.write(batch)
        #expect(try await itemsAfterKill(of: temporary).map(\.utf8.count) == [3, 3] + Array(repeating: 100_000, count: 18) + [4])
    }

    /// The items that a program finds which starts after this one was killed now: SQLite rebuilds what it knows of the log from the log alone.
    private func itemsAfterKill(of temporary: TemporaryDatabase) async throws -> [String] {
        let copy = try TemporaryDirectory()
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(atPath: temporary.directory.database + suffix, toPath: copy.database + suffix)
        }
        let database = try SQLiteDatabase(path: copy.database)
        let check = Statement<String>("check", "PRAGMA integrity_check") { row throws(DatabaseError) in try row.text() }
        #expect(try await database.read(check, []) == ["ok"])
        return try await database.read(Items.names, [])
    }
}
