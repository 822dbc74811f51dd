import SQL

/// Statements on roles and their aliases; those on what is attached to roles are `GrantStatements.role`.
enum RoleStatements {
    static let insert = Statement<Void>(
        "iam-role.insert",
        """
        INSERT INTO iam_role (account, name, id, trust, longest_session, policy_count, created_at)
        VALUES ($1, $2, $3, $4, $5, 0, now_ms())
        """)

    private static let rows = """
        SELECT r.account, r.name, r.id, r.trust, r.longest_session, r.created_at, r.revoked_at, now_ms(), p.policy_name
        FROM iam_role r LEFT JOIN iam_role_policy p ON p.account = r.account AND p.role_name = r.name
        """

    /// A row for each policy of a role, or one without.
    private static func row(_ row: inout Row) throws(DatabaseError) -> RoleRecord {
        RoleRecord(
            account: try row.text(), name: try row.text(), id: try row.text(), trust: try row.text(), longestSession: try row.integer(),
            createdAt: try row.integer(), revokedAt: try row.optionalInteger(), readAt: try row.integer(),
            policies: try row.optionalText().map { [$0] } ?? [])
    }

    static let find = Statement(
        "iam-role.find", rows + " WHERE r.account = $1 AND r.name = $2 ORDER BY p.policy_name", decode: row)

    static let list = Statement("iam-role.list", rows + " ORDER BY r.account, r.name, p.policy_name", decode: row)

    static let setTrust = Statement(
        "iam-role.set-trust", "UPDATE iam_role SET trust = $3 WHERE account = $1 AND name = $2 RETURNING name", decode: text)

    static let revoke = Statement(
        "iam-role.revoke", "UPDATE iam_role SET revoked_at = now_ms() WHERE account = $1 AND name = $2 RETURNING name", decode: text)

    /// The foreign key refuses a role that is not there.
    static let insertAlias = Statement<Void>(
        "iam-role-alias.insert",
        "INSERT INTO iam_role_alias (account, name, role_name, lifetime, created_at) VALUES ($1, $2, $3, $4, now_ms())")

    static let removeAlias = Statement(
        "iam-role-alias.remove", "DELETE FROM iam_role_alias WHERE account = $1 AND name = $2 RETURNING name", decode: text)

    private static func alias(_ row: inout Row) throws(DatabaseError) -> RoleAliasRecord {
        RoleAliasRecord(account: try row.text(), name: try row.text(), role: try row.text(), lifetime: try row.integer())
    }

    static let findAlias = Statement(
        "iam-role-alias.find", "SELECT account, name, role_name, lifetime FROM iam_role_alias WHERE account = $1 AND name = $2",
        decode: alias)

    static let listAliases = Statement(
        "iam-role-alias.list", "SELECT account, name, role_name, lifetime FROM iam_role_alias ORDER BY account, name", decode: alias)

    private static func text(_ row: inout Row) throws(DatabaseError) -> String { try row.text() }

    static let all: [StatementText] = [
        insert.text, find.text, list.text, setTrust.text, revoke.text, insertAlias.text, removeAlias.text, findAlias.text, listAliases.text,
    ]
}
