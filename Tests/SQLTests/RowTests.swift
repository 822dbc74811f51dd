import SQL
import Testing

@Suite struct RowTests {
    @Test func `columns are read in their order`() throws {
        var row = Row(["a", 1, nil, "b", nil, 2])
        #expect(try row.text() == "a")
        #expect(try row.integer() == 1)
        #expect(try row.optionalText() == nil)
        #expect(try row.optionalText() == "b")
        #expect(try row.optionalInteger() == nil)
        #expect(try row.optionalInteger() == 2)
    }

    private typealias Read = @Sendable (inout Row) throws(DatabaseError) -> Void

    private static let wrong: [(SQLValue, Read, String)] = [
        (1, { row throws(DatabaseError) in _ = try row.text() }, "text"),
        (nil, { row throws(DatabaseError) in _ = try row.text() }, "text"),
        (1, { row throws(DatabaseError) in _ = try row.optionalText() }, "text or NULL"),
        ("secret", { row throws(DatabaseError) in _ = try row.integer() }, "an integer"),
        (nil, { row throws(DatabaseError) in _ = try row.integer() }, "an integer"),
        ("secret", { row throws(DatabaseError) in _ = try row.optionalInteger() }, "an integer or NULL"),
    ]

    @Test(arguments: wrong.indices) func `another type is a mistake that tells the column and not the value`(_ index: Int) throws {
        let (value, read, expected) = Self.wrong[index]
        var row = Row(["first", value])
        _ = try row.text()
        let error = #expect(throws: DatabaseError.self) { try read(&row) }
        #expect(error?.kind == .mistake)
        #expect(error?.message == "column 2 is not \(expected)")
    }

    @Test func `reading past the last column is a mistake`() throws {
        var row = Row(["only"])
        _ = try row.text()
        let error = #expect(throws: DatabaseError.self) { try row.optionalText() }
        #expect(error?.kind == .mistake)
        #expect(error?.message.contains("1 columns") == true)
    }

    @Test func `a value that may be missing becomes NULL`() {
        #expect(SQLValue.text(String?.none) == .null)
        #expect(SQLValue.text(String?.some("x")) == "x")
        #expect(SQLValue.integer(Int64?.none) == .null)
        #expect(SQLValue.integer(Int64?.some(7)) == 7)
    }
}
