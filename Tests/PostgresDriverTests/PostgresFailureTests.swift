import SQL
import Testing

@testable import PostgresDriver

@Suite struct PostgresFailureTests {
    private static func failure(_ sqlState: String, fatal: Bool = false) -> PostgresFailure {
        PostgresFailure(sqlState: sqlState, isFatal: fatal, isFromServer: true, constraint: "name", message: "secret text")
    }

    @Test(arguments: [
        ("23505", DatabaseError.Kind.constraint("name")), ("23514", .constraint("name")), ("23503", .constraint("name")),
        ("23P01", .constraint("name")),
        ("23502", .mistake), ("40001", .conflict), ("40P01", .conflict), ("55P03", .conflict), ("57014", .unavailable),
        ("57P01", .unavailable),
        ("57P02", .unavailable), ("57P03", .unavailable), ("08006", .unavailable), ("08P01", .mistake), ("53300", .unavailable),
        ("53100", .unavailable),
        ("25006", .unavailable), ("42601", .mistake), ("22P02", .mistake), ("XX000", .mistake),
    ]) func `a SQLSTATE has its kind`(_ sqlState: String, _ kind: DatabaseError.Kind) {
        #expect(Self.failure(sqlState).error(in: "s").kind == kind)
    }

    @Test(arguments: ["25P03", "28P01", "3D000", "42501", "XX000", "08P01"])
    func `an error that ends the session says nothing of the statement`(
        _ sqlState: String
    ) {
        #expect(Self.failure(sqlState, fatal: true).error(in: "s").kind == .unavailable)
    }

    @Test(arguments: ["22P02", "22001", "23505", "23514", "P0001", "XX000"]) func `text that may quote an argument is not shown`(
        _ sqlState: String
    ) {
        let message = Self.failure(sqlState).error(in: "statement_name").message
        #expect(!message.contains("secret"))
        #expect(message.contains(sqlState) && message.contains("statement_name"))
    }

    @Test(arguments: ["42P01", "40P01", "57014"]) func `text that cannot quote an argument is shown`(_ sqlState: String) {
        #expect(Self.failure(sqlState).error(in: "s").message.contains("secret text"))
    }
}
