import SQL
import SQLiteDriver
import Testing

@Suite("A failure")
struct FailureTests {
    @Test func `of a constraint is told by its name or its columns`() async throws {
        let temporary = try TemporaryDatabase()
        let database = temporary.database
        _ = try await database.write(Items.insert(1, "one"))
        _ = try await database.write(one(Items.insertPair, ["a", "b"]))
        func kindOf<Output>(_ statement: Statement<Output>, _ arguments: [SQLValue]) async -> DatabaseError.Kind? {
            await kind { _ = try await database.write(one(statement, arguments)) }
        }
        #expect(await kindOf(Items.insert, [2, "two", 1000]) == .constraint("item_size"))
        #expect(await kindOf(Items.insert, [1, "two", nil]) == .constraint("item.id"))
        #expect(await kindOf(Items.insert, [2, "one", nil]) == .constraint("item.name"))
        #expect(await kindOf(Items.insertPair, ["a", "b"]) == .constraint("pair.a, pair.b"))
        #expect(await kindOf(Items.insertPart, [7, "part"]) == .constraint("foreign_key"))
        #expect(await kindOf(Items.insertLater, [7]) == .constraint("foreign_key"))
        #expect(await kindOf(Items.insert, [2, nil, nil]) == .mistake)
        #expect(await kindOf(Items.insert, [2, "two", "text"]) == .mistake)
        #expect(try await temporary.items() == ["one"])
    }

    @Test func `names the statement and never an argument`() async throws {
        let temporary = try TemporaryDatabase()
        let database = temporary.database
        _ = try await database.write(Items.insert(1, "secret"))
        let unique = await error { _ = try await database.write(Items.insert(2, "secret")) }
        #expect(unique?.message == "item.insert: UNIQUE constraint failed: item.name (SQLite code 2067)")
        let path = Statement<Void>("json.path", "SELECT json_extract('{}', $1)")
        let json = await error { _ = try await database.read(path, ["secret"]) }
        #expect(json?.kind == .mistake)
        #expect(json?.message.hasPrefix("json.path: ") == true)
        #expect(json?.message.contains("secret") == false)
    }
}
