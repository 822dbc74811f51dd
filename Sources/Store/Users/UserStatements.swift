import SQL

/// Statements on users and policies; those on what is attached to users are `GrantStatements.user`.
enum UserStatements {
    static let insert = Statement<Void>(
        "iam-user.insert", "INSERT INTO iam_user (account, name, policy_count, created_at) VALUES ($1, $2, 0, now_ms())")

    static let list = Statement(
        "iam-user.list",
        """
        SELECT u.account, u.name,
            (SELECT count(*) FROM access_key k WHERE k.account = u.account AND k.user_name = u.name AND k.status = 'ACTIVE'
                AND (k.expires_at IS NULL OR k.expires_at > now_ms())),
            u.created_at, p.policy_name
        FROM iam_user u LEFT JOIN iam_user_policy p ON p.account = u.account AND p.user_name = u.name
        ORDER BY u.account, u.name, p.policy_name
        """
    ) { row throws(DatabaseError) in
        ListRow(
            account: try row.text(), name: try row.text(), activeKeys: try row.integer(), createdAt: try row.integer(),
            policy: try row.optionalText())
    }

    /// A row for each policy of a user, or one without.
    struct ListRow: Sendable {
        let account: String
        let name: String
        let activeKeys: Int64
        let createdAt: Int64
        let policy: String?
    }

    static let putPolicy = Statement<Void>(
        "policy.put",
        """
        INSERT INTO policy (account, name, document, created_at, changed_at) VALUES ($1, $2, $3, now_ms(), now_ms())
        ON CONFLICT (account, name) DO UPDATE SET document = excluded.document, changed_at = excluded.changed_at
        """)

    static let findPolicy = Statement("policy.find", "SELECT document FROM policy WHERE account = $1 AND name = $2", decode: text)

    static let listPolicies = Statement(
        "policy.list",
        """
        SELECT account, name, (SELECT count(*) FROM iam_user_policy p WHERE p.account = policy.account AND p.policy_name = policy.name),
            (SELECT count(*) FROM iam_role_policy p WHERE p.account = policy.account AND p.policy_name = policy.name), changed_at
        FROM policy ORDER BY account, name
        """
    ) { row throws(DatabaseError) in
        PolicySummary(
            account: try row.text(), name: try row.text(), users: try row.integer(), roles: try row.integer(),
            changedAt: try row.integer())
    }

    /// The foreign keys refuse to remove one that is attached.
    static let removePolicy = Statement(
        "policy.remove", "DELETE FROM policy WHERE account = $1 AND name = $2 RETURNING name", decode: text)

    static let accounts = Statement(
        "account.list",
        """
        SELECT a.account,
            (SELECT count(*) FROM iam_user u WHERE u.account = a.account),
            (SELECT count(*) FROM access_key k WHERE k.account = a.account AND k.status = 'ACTIVE'
                AND (k.expires_at IS NULL OR k.expires_at > now_ms())),
            (SELECT count(*) FROM iam_role r WHERE r.account = a.account),
            (SELECT count(*) FROM policy p WHERE p.account = a.account)
        FROM (SELECT account FROM access_key UNION SELECT account FROM iam_user UNION SELECT account FROM iam_role
            UNION SELECT account FROM policy) AS a
        ORDER BY a.account
        """
    ) { row throws(DatabaseError) in
        AccountSummary(
            account: try row.text(), users: try row.integer(), activeKeys: try row.integer(), roles: try row.integer(),
            policies: try row.integer())
    }

    private static func text(_ row: inout Row) throws(DatabaseError) -> String { try row.text() }

    static let all: [StatementText] = [
        insert.text, list.text, putPolicy.text, findPolicy.text, listPolicies.text, removePolicy.text, accounts.text,
    ]
}
