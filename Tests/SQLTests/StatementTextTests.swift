import SQL
import Testing

@Suite struct StatementTextTests {
    @Test(arguments: [
        ("SELECT 1", "SELECT 1"),
        ("SELECT 1 /*postgres FOR UPDATE */", "SELECT 1 FOR UPDATE "),
        ("/*postgres a *//*postgres b */", "a b "),
        ("x /*postgres a */ y /*postgres b*/ z", "x a  y b z"),
        ("x /* a comment */ y", "x /* a comment */ y"),
        ("x /*postgresa */ y", "x /*postgresa */ y"),
        ("x /*postgres never closed", "x /*postgres never closed"),
        ("*/ x /*postgres a */", "*/ x a "),
        ("", ""),
    ]) func `what only Postgres takes is unwrapped for Postgres`(_ sql: String, _ expected: String) {
        let text = StatementText(name: "name", sql: sql)
        #expect(text.postgresSQL == expected)
        #expect(text.sql == sql)
    }

    @Test func `a text for many is Postgres's only`() {
        let text = StatementText(name: "name", sql: "one /*postgres a */", forMany: "many")
        #expect(text.postgresSQL == "many")
        #expect(text.sql == "one /*postgres a */")
    }
}

@Suite struct BatchTests {
    private static let integers = Statement("integers", "-") { row throws(DatabaseError) in try row.integer() }
    private static let texts = Statement("texts", "-") { row throws(DatabaseError) in try row.text() }

    @Test func `a reference finds the rows of its own statement`() throws {
        var batch = Batch()
        let first = batch.add(Self.integers, [1])
        batch.add(Self.texts, ["unread"])
        let third = batch.add(Self.texts, [])
        #expect(batch.steps.map(\.statement.name) == ["integers", "texts", "texts"])
        #expect(batch.steps.map(\.arguments) == [[1], ["unread"], []])
        let result = BatchResult(rows: [[Row([1]), Row([2])], [Row([nil])], []])
        #expect(try result.rows(first) == [1, 2])
        #expect(try result.rows(third) == [])
    }

    @Test func `a row that cannot be decoded is thrown as a mistake`() {
        var batch = Batch()
        let only = batch.add(Self.integers, [])
        let error = #expect(throws: DatabaseError.self) { try BatchResult(rows: [[Row(["text"])]]).rows(only) }
        #expect(error?.kind == .mistake)
    }
}
