/// The name and the text of a statement, without its result type: what a driver prepares and runs.
///
/// The text is written once for both engines, with `$1 ... $n` as parameters. What only Postgres takes stands in a
/// conditional comment, `/*postgres FOR UPDATE */`: a comment to SQLite, unwrapped for Postgres. Casts are written
/// `CAST($1 AS BIGINT)`, since SQLite takes `$1::bigint` as the name of another, unbound parameter.
/// The SQL function `now_ms()` is the database's clock on both engines: milliseconds since the epoch.
public struct StatementText: Sendable, Hashable {
    /// Unique among all statements; prepared statements, errors and metrics carry it.
    public let name: String
    /// The text as written, conditional comments included.
    public let sql: String
    /// Postgres's text of a statement that batches run many times in a row: it does all of that at once. `$1 ... $n` are arrays there, with an
    /// element for each run. No run may depend on one before it. The rows of all come together, in no order.
    public let forMany: String?

    /// A statement's text under its unique name.
    public init(name: String, sql: String, forMany: String? = nil) {
        self.name = name
        self.sql = sql
        self.forMany = forMany
    }

    /// What is sent to Postgres: the text for many where there is one, else the text with what is in `/*postgres ... */` unwrapped.
    public var postgresSQL: String {
        if let forMany { return forMany }
        var result = ""
        var rest = Substring(sql)
        while let open = rest.firstRange(of: "/*postgres "), let close = rest[open.upperBound...].firstRange(of: "*/") {
            result += rest[..<open.lowerBound]
            result += rest[open.upperBound..<close.lowerBound]
            rest = rest[close.upperBound...]
        }
        return result + rest
    }
}

/// A statement and how each of its rows is read.
public struct Statement<Output: Sendable>: Sendable {
    /// What is prepared and run.
    public let text: StatementText
    /// Reads one row, column after column.
    public let decode: @Sendable (inout Row) throws(DatabaseError) -> Output

    /// A statement that returns rows.
    public init(
        _ name: String, _ sql: String, forMany: String? = nil, decode: @escaping @Sendable (inout Row) throws(DatabaseError) -> Output
    ) {
        text = StatementText(name: name, sql: sql, forMany: forMany)
        self.decode = decode
    }
}

extension Statement where Output == Void {
    /// A statement whose rows, if any, nobody reads.
    public init(_ name: String, _ sql: String, forMany: String? = nil) {
        self.init(name, sql, forMany: forMany) { _ throws(DatabaseError) in }
    }
}
