import SQL
import Testing

@testable import SQLiteDriver

@Suite("Waiting")
struct WaitingTests {
    /// A database whose only reader is held at the gate while `body` runs.
    private func withHeldReader(
        waitingReads: Int = 100,
        _ body: @Sendable @escaping (TemporaryDatabase, Gate) async throws -> Void
    ) async throws {
        let gate = Gate()
        let temporary = try TemporaryDatabase { configuration in
            configuration.clock = gate.pass
            configuration.readers = 1
            configuration.waitingReads = waitingReads
        }
        gate.shut()
        let holder = Task(executorPreference: ThreadPerJob()) { try await temporary.database.read(Items.now, []) }
        try await eventually("the reader is held") { gate.waiting == 1 }
        do {
            try await body(temporary, gate)
        } catch {
            gate.open()
            throw error
        }
        gate.open()
        #expect(try await holder.value == [0])
    }

    @Test func `reads are served when a connection comes back`() async throws {
        try await withHeldReader { temporary, gate in
            let database = temporary.database
            try await withThrowingTaskGroup(of: [Int64].self) { group in
                for _ in 0..<50 { group.addTask { try await database.read(Items.count, []) } }
                try await eventually("all wait") { database.readers.waitingCount == 50 }
                gate.open()
                for try await rows in group { #expect(rows == [0]) }
            }
            #expect(database.readers.waitingCount == 0)
        }
    }

    @Test func `too many reads are told so`() async throws {
        try await withHeldReader(waitingReads: 2) { temporary, gate in
            let database = temporary.database
            async let first = database.read(Items.count, [])
            async let second = database.read(Items.count, [])
            try await eventually("both wait") { database.readers.waitingCount == 2 }
            #expect(await kind { _ = try await database.read(Items.count, []) } == .overloaded)
            gate.open()
            let rows = try await (first, second)
            #expect(rows == ([0], [0]))
        }
    }

    @Test func `a cancelled read waits no longer and costs no connection`() async throws {
        try await withHeldReader { temporary, gate in
            let database = temporary.database
            let first = Task { try await database.read(Items.count, []) }
            try await eventually("it waits") { database.readers.waitingCount == 1 }
            let second = Task { try await database.read(Items.count, []) }
            try await eventually("both wait") { database.readers.waitingCount == 2 }
            first.cancel()
            #expect(await kind { _ = try await first.value } == .unavailable)
            #expect(database.readers.waitingCount == 1)
            let cancelledBefore = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await database.read(Items.count, [])
            }
            #expect(await kind { _ = try await cancelledBefore.value } == .unavailable)
            gate.open()
            #expect(try await second.value == [0])
            #expect(try await database.read(Items.count, []) == [0])
        }
    }

    @Test func `close ends the reads that wait and lets the running one finish`() async throws {
        try await withHeldReader { temporary, gate in
            let database = temporary.database
            let waiting = Task { try await database.read(Items.count, []) }
            try await eventually("it waits") { database.readers.waitingCount == 1 }
            database.close()
            #expect(await kind { _ = try await waiting.value } == .unavailable)
            #expect(await kind { _ = try await database.read(Items.count, []) } == .unavailable)
            // Its connection is still open, so the file is still in use.
            #expect(await kind { _ = try SQLiteDatabase(path: temporary.directory.database) } == .unavailable)
        }
    }

    @Test func `cancellation at any moment neither loses a connection nor an answer`() async throws {
        let temporary = try TemporaryDatabase { $0.readers = 1 }
        let database = temporary.database
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<2000 {
                group.addTask {
                    let task = Task(executorPreference: globalConcurrentExecutor) { try await database.read(Items.count, []) }
                    if index % 2 == 0 { task.cancel() }
                    let failure = await kind { _ = try await task.value }
                    #expect(failure == nil || index % 2 == 0 && failure == .unavailable)
                }
            }
        }
        #expect(database.readers.waitingCount == 0)
        #expect(try await database.read(Items.count, []) == [0])
    }

    @Test func `reads go on while the writer is in its transaction, and see what was committed`() async throws {
        let gate = Gate()
        let temporary = try TemporaryDatabase { $0.clock = gate.pass }
        let database = temporary.database
        gate.shut()
        var batch = one(Items.increment)
        batch.add(Items.now, [])
        let held = batch
        async let writing = database.write(held)
        try await eventually("the writer is held") { gate.waiting == 1 }
        #expect(try await database.read(Items.count, []) == [0])
        gate.open()
        _ = try await writing
        #expect(try await database.read(Items.count, []) == [1])
    }

    @Test func `readers never see a part of a batch`() async throws {
        let temporary = try TemporaryDatabase()
        let database = temporary.database
        let counts = Statement<[SQLValue]>("item.counts", "SELECT count(*) % 3, max(id) FROM item") { row throws(DatabaseError) in
            row.values
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for index in 0..<100 {
                    var batch = Batch()
                    for part in 0..<3 { batch.add(Items.insert, [.integer(Int64(index * 3 + part)), .text("\(index) \(part)"), nil]) }
                    _ = try await database.write(batch)
                }
            }
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<300 {
                        let rows = try await database.read(counts, [])
                        #expect(rows.first?.first == 0)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await database.read(counts, []) == [[0, 299]])
    }

    @Test func `too many writes are told so, and none of the others is lost`() async throws {
        let gate = Gate()
        let temporary = try TemporaryDatabase { configuration in
            configuration.clock = gate.pass
            configuration.waitingWrites = 5
        }
        let database = temporary.database
        gate.shut()
        async let held = database.write(one(Items.now))
        try await eventually("the writer is held") { gate.waiting == 1 }
        let outcomes = try await withThrowingTaskGroup(of: DatabaseError.Kind?.self) { group in
            for _ in 0..<20 { group.addTask { await kind { _ = try await database.write(one(Items.increment)) } } }
            var outcomes: [DatabaseError.Kind?] = []
            for _ in 0..<15 { outcomes.append(try #require(try await group.next())) }
            #expect(database.writer.waitingCount == 5)
            gate.open()
            for try await outcome in group { outcomes.append(outcome) }
            return outcomes
        }
        _ = try await held
        #expect(outcomes.prefix(15).allSatisfy { $0 == .overloaded })
        #expect(outcomes.suffix(5).allSatisfy { $0 == nil })
        #expect(try await database.read(Items.count, []) == [5])
    }

    @Test func `a write that waited too long is not run`() async throws {
        let gate = Gate()
        let temporary = try TemporaryDatabase { configuration in
            configuration.clock = gate.pass
            configuration.writeDeadline = .seconds(1)
        }
        let database = temporary.database
        gate.shut()
        async let held = database.write(one(Items.now))
        try await eventually("the writer is held") { gate.waiting == 1 }
        async let late = kind { _ = try await database.write(one(Items.increment)) }
        try await eventually("it waits") { database.writer.waitingCount == 1 }
        let deadline = ContinuousClock.now + .seconds(1)
        try await eventually("its deadline passes") { ContinuousClock.now > deadline }
        async let inTime: BatchResult = database.write(one(Items.increment))
        try await eventually("the next waits") { database.writer.waitingCount == 2 }
        gate.open()
        let outcome = await late
        #expect(outcome == .unavailable)
        _ = try await (held, inTime)
        #expect(try await database.read(Items.count, []) == [1])
    }

    @Test func `for another's lock ends in a conflict`() async throws {
        let temporary = try TemporaryDatabase { $0.busyTimeout = .milliseconds(20) }
        let database = temporary.database
        let other = try database.migrationConnection()
        try other.execute("BEGIN IMMEDIATE")
        #expect(await kind { _ = try await database.write(one(Items.increment)) } == .conflict)
        try other.execute("COMMIT")
        _ = try await database.write(one(Items.increment))
        #expect(try await database.read(Items.count, []) == [1])
    }
}
