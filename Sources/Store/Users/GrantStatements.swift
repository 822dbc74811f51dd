import SQL

/// Statements on what is attached to users, and those on what is attached to roles.
struct GrantStatements: Sendable {
    static let user = GrantStatements("user")
    static let role = GrantStatements("role")

    /// What is attached goes with it, and keys of a user, and aliases of a role.
    let remove: Statement<String>
    /// Locks the holder until the batch ends, so that its policies are counted one change after the other.
    let lock: Statement<Void>
    /// The foreign keys refuse a holder or a policy that is not there.
    let attach: Statement<Void>
    let detach: Statement<String>
    /// A constraint refuses more than ten.
    let recount: Statement<Void>
    let insertTag: Statement<Void>
    /// Everything that is attached to a holder, each with its name: policies first.
    let grants: Statement<(isTag: Bool, name: String, text: String)>

    private init(_ holder: String) {
        let table = "iam_\(holder)"
        let name = "\(holder)_name"
        remove = Statement(
            "iam-\(holder).remove", "DELETE FROM \(table) WHERE account = $1 AND name = $2 RETURNING name", decode: Self.text)
        lock = Statement("iam-\(holder).lock", "UPDATE \(table) SET policy_count = policy_count WHERE account = $1 AND name = $2")
        attach = Statement(
            "iam-\(holder).attach",
            """
            INSERT INTO \(table)_policy (account, \(name), policy_name) VALUES ($1, $2, $3)
            ON CONFLICT (account, \(name), policy_name) DO NOTHING
            """)
        detach = Statement(
            "iam-\(holder).detach",
            "DELETE FROM \(table)_policy WHERE account = $1 AND \(name) = $2 AND policy_name = $3 RETURNING policy_name", decode: Self.text)
        recount = Statement(
            "iam-\(holder).recount",
            """
            UPDATE \(table) SET policy_count = (
                SELECT count(*) FROM \(table)_policy p WHERE p.account = \(table).account AND p.\(name) = \(table).name)
            WHERE account = $1 AND name = $2
            """)
        insertTag = Statement(
            "iam-\(holder).insert-tag", "INSERT INTO \(table)_tag (account, \(name), key, value) VALUES ($1, $2, $3, $4)")
        grants = Statement(
            "iam-\(holder).grants",
            """
            SELECT CAST(0 AS BIGINT) AS kind, policy.name, policy.document
            FROM \(table)_policy JOIN policy ON policy.account = \(table)_policy.account AND policy.name = \(table)_policy.policy_name
            WHERE \(table)_policy.account = $1 AND \(table)_policy.\(name) = $2
            UNION ALL
            SELECT CAST(1 AS BIGINT) AS kind, key, value FROM \(table)_tag WHERE account = $1 AND \(name) = $2
            ORDER BY 1, 2
            """
        ) { row throws(DatabaseError) in (isTag: try row.integer() == 1, name: try row.text(), text: try row.text()) }
    }

    private static func text(_ row: inout Row) throws(DatabaseError) -> String { try row.text() }

    private var texts: [StatementText] {
        [remove.text, lock.text, attach.text, detach.text, recount.text, insertTag.text, grants.text]
    }

    static let all: [StatementText] = user.texts + role.texts
}
