import SQL

/// An access key as it is stored.
public struct AccessKeyRecord: Sendable, Hashable {
    public let id: String
    public let account: String
    /// The one thing that it speaks for; nil where it speaks for a user or may do anything in the account.
    public let thingARN: String?
    /// The user of the account that it speaks for.
    public let user: String?
    /// Encrypted under the deployment's master key.
    public let secretSealed: String
    /// Whether it may sign calls: it was not disabled, and has not expired.
    public let isActive: Bool
    public let description: String
    /// Milliseconds since the epoch.
    public let createdAt: Int64
    /// From when on it signs nothing more, in milliseconds since the epoch; nil for never.
    public let expiresAt: Int64?
}

/// Statements on access keys and on what belongs to the deployment.
enum AccessKeyStatements {
    private static let columns = """
        id, account, thing_arn, user_name, secret_sealed,
        CAST(CASE WHEN status = 'ACTIVE' AND (expires_at IS NULL OR expires_at > now_ms()) THEN 1 ELSE 0 END AS BIGINT),
        description, created_at, expires_at
        """

    private static func record(_ row: inout Row) throws(DatabaseError) -> AccessKeyRecord {
        AccessKeyRecord(
            id: try row.text(), account: try row.text(), thingARN: try row.optionalText(), user: try row.optionalText(),
            secretSealed: try row.text(), isActive: try row.integer() == 1, description: try row.text(), createdAt: try row.integer(),
            expiresAt: try row.optionalInteger())
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
        INSERT INTO access_key (id, account, secret_sealed, status, description, created_at, thing_arn, user_name, expires_at)
        VALUES ($1, $2, $3, 'ACTIVE', $4, now_ms(), $5, $6, now_ms() + CAST($7 AS BIGINT))
        """)

    /// Makes a key with the id $1 and the secret $2 for whom the active key $3 speaks for.
    static let insertSuccessor = Statement(
        "access-key.insert-successor",
        """
        INSERT INTO access_key (id, account, secret_sealed, status, description, created_at, thing_arn, user_name, expires_at)
        SELECT $1, account, $2, 'ACTIVE', description, now_ms(), thing_arn, user_name, NULL FROM access_key
        WHERE id = $3 AND status = 'ACTIVE' AND (expires_at IS NULL OR expires_at > now_ms())
        RETURNING id
        """
    ) { row throws(DatabaseError) in try row.text() }

    /// Has a key sign nothing more after $2 milliseconds, unless it ends sooner.
    static let expire = Statement(
        "access-key.expire",
        """
        UPDATE access_key SET expires_at = CASE WHEN expires_at < now_ms() + CAST($2 AS BIGINT) THEN expires_at
            ELSE now_ms() + CAST($2 AS BIGINT) END
        WHERE id = $1 RETURNING id
        """
    ) { row throws(DatabaseError) in try row.text() }

    static let disable = Statement(
        "access-key.disable", "UPDATE access_key SET status = 'DISABLED' WHERE id = $1 RETURNING id"
    ) { row throws(DatabaseError) in try row.text() }

    static let findFact = Statement(
        "deployment.find", "SELECT value FROM deployment WHERE name = $1"
    ) { row throws(DatabaseError) in try row.text() }

    static let insertFact = Statement<Void>("deployment.insert", "INSERT INTO deployment (name, value) VALUES ($1, $2)")

    static let all: [StatementText] = [
        find.text, list.text, insert.text, insertSuccessor.text, expire.text, disable.text, findFact.text, insertFact.text,
    ]
}
