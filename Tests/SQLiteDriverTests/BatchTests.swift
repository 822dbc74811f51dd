import SQL
import Testing

@testable import SQLiteDriver

@Suite("A batch")
struct BatchTests {
    @Test func `is all or nothing`() async throws {
        let temporary = try TemporaryDatabase()
        var batch = Items.insert(1, "first")
        batch.add(Items.insert, [2, "second", nil])
        batch.add(Items.insert, [3, "first", nil])
        #expect(await kind { _ = try await temporary.database.write(batch) } == .constraint("item.name"))
        #expect(try await temporary.items() == [])
        _ = try await temporary.database.write(Items.insert(1, "first"))
        #expect(try await temporary.items() == ["first"])
    }

    @Test func `answers the rows of each statement`() async throws {
        let temporary = try TemporaryDatabase()
        var batch = Batch()
        let first = batch.add(Items.increment, [])
        batch.add(Items.insert, [1, "one", nil])
        let names = batch.add(Items.names, [])
        let second = batch.add(Items.increment, [])
        let result = try await temporary.database.write(batch)
        #expect(try result.rows(first) == [1])
        #expect(try result.rows(names) == ["one"])
        #expect(try result.rows(second) == [2])
    }

    @Test func `leaves out what follows on a statement that changed nothing`() async throws {
        let temporary = try TemporaryDatabase()
        let rename = Statement<Void>("item.rename", "UPDATE item SET name = $2 WHERE id = $1")
        _ = try await temporary.database.write(Items.insert(1, "one"))
        for (id, count) in [(2, []), (1, [1])] as [(Int64, [Int64])] {
            var batch = Batch()
            let renamed = batch.add(rename, [.integer(id), "other"])
            let counted = batch.add(Items.increment, [], after: renamed)
            let countedAgain = batch.add(Items.increment, [], after: counted)
            let result = try await temporary.database.write(batch)
            #expect(try result.rows(counted) == count)
            #expect(try result.rows(countedAgain) == count.map { $0 + 1 })
        }
    }

    @Test func `of nothing changes nothing`() async throws {
        let temporary = try TemporaryDatabase()
        _ = try await temporary.database.write(Batch())
        #expect(try await temporary.items() == [])
    }

    @Test func `that fails leaves the others of its group alone`() async throws {
        let gate = Gate()
        let temporary = try TemporaryDatabase { $0.clock = gate.pass }
        let database = temporary.database
        gate.shut()
        async let held = database.write(one(Items.now))
        try await eventually("the writer is held") { gate.waiting == 1 }
        // They wait together while the writer is held, so they are one group.
        let outcomes = try await withThrowingTaskGroup(of: (Int, DatabaseError.Kind?).self) { group in
            for index in 0..<20 {
                group.addTask {
                    var batch = Items.insert(Int64(index), "item \(index)")
                    switch index % 5 {
                    case 1: batch.add(Items.insert, [.integer(Int64(index) + 100), "big", 1000])
                    case 2: batch.add(Items.insertLater, [999])
                    case 3: batch.add(Items.insert, [1])
                    default: break
                    }
                    return (index, await kind { _ = try await database.write(batch) })
                }
            }
            try await eventually("all wait") { database.writer.waitingCount == 20 }
            gate.open()
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        _ = try await held
        for index in 0..<20 {
            switch index % 5 {
            case 1: #expect(outcomes[index] == .constraint("item_size"))
            case 2: #expect(outcomes[index] == .constraint("foreign_key"))
            case 3: #expect(outcomes[index] == .mistake)
            default: #expect(outcomes[index] == nil)
            }
        }
        #expect(try await temporary.items() == (0..<20).filter { [0, 4].contains($0 % 5) }.map { "item \($0)" })
    }

    @Test func `that ends the group's transaction does not take the others with it`() async throws {
        let gate = Gate()
        let temporary = try TemporaryDatabase { $0.clock = gate.pass }
        let database = temporary.database
        gate.shut()
        async let held = database.write(one(Items.now))
        try await eventually("the writer is held") { gate.waiting == 1 }
        let rollback = Statement<Void>("item.rollback", "INSERT OR ROLLBACK INTO item (id, name) VALUES (1, $1)")
        async let first: BatchResult = database.write(Items.insert(1, "one"))
        try await eventually("the first waits") { database.writer.waitingCount == 1 }
        async let second = kind { _ = try await database.write(one(rollback, ["another one"])) }
        try await eventually("the second waits") { database.writer.waitingCount == 2 }
        async let third: BatchResult = database.write(Items.insert(3, "three"))
        try await eventually("the third waits") { database.writer.waitingCount == 3 }
        gate.open()
        _ = try await (held, first, third)
        let outcome = await second
        #expect(outcome == .constraint("item.id"))
        #expect(try await temporary.items() == ["one", "three"])
    }

    @Test func `of 64 concurrent writers each counts once`() async throws {
        let temporary = try TemporaryDatabase()
        let database = temporary.database
        let seen = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for _ in 0..<64 {
                group.addTask {
                    var seen: [Int64] = []
                    for _ in 0..<25 {
                        var batch = Batch()
                        let value = batch.add(Items.increment, [])
                        seen += try await database.write(batch).rows(value)
                    }
                    return seen
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(seen.sorted() == Array(1...1600))
        #expect(try await database.read(Items.count, []) == [1600])
    }
}
