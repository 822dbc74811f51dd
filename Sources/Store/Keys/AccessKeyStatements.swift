import SQL

/// An access key as it is stored.
public struct AccessKeyRecord: Sendable, Hashable {
    public let id: String
    public let account: String
    /// The one thing that it speaks for; nil where it may do anything in the account.
    public let thingARN: String?
    /// Encrypted under the deployment's master key.
    public let secretSealed: String
    public let isActive: Bool
    public let description: String
    /// Milliseconds since the epoch.
    public let createdAt: Int64
}

/// Statements on access keys and on what belongs to the deployment.
enum AccessKeyStatements {
    private static let columns = "id, account, thing_arn, secret_sealed, status, description, created_at"

    private static func record(_ row: inout Row) throws(DatabaseError) -> AccessKeyRecord {
        AccessKeyRecord(
            id: try row.text(), account: try row.text(), thingARN: try row.optionalText(), secretSealed: try row.text(),
            isActive: try row.text() == "ACTIVE",
            description: try row.text(), createdAt: try row.integer())
    }

    static let find = Statement(
        "access-key.find", "SELECT \(columns) FROM access_key WHERE id = $1",
        decode: record)

    static let list = Statement(
        "access-key.list", "SELECT \(columns) FROM access_key ORDER BY created_at, id",
        decode: record)

    static let insert = Statement<Void>(
        "access-key.insert",
        """
        INSERT INTO access_key (id, account, secret_sealed, status, description, created_at, thing_arn)
        VALUES ($1, $2, $3, 'ACTIVE', $4, now_ms(), $5)
        """)

    static let disable = Statement(
        "access-key.disable", "UPDATE access_key SET status = 'DISABLED' WHERE id = $1 RETURNING id"
    ) { row throws(DatabaseError) in try row.text() }

    static let findFact = Statement(
        "deployment.find", "SELECT value FROM deployment WHERE name = $1"
    ) { row throws(DatabaseError) in try row.text() }

    static let insertFact = Statement<Void>("deployment.insert", "INSERT INTO deployment (name, value) VALUES ($1, $2)")

    static let all: [StatementText] = [find.text, list.text, insert.text, disable.text, findFact.text, insertFact.text]
}
