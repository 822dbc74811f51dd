import SQL

/// Statements on users, and on the policies that are attached to them.
enum UserStatements {
    static let insert = Statement<Void>(
        "iam-user.insert", "INSERT INTO iam_user (account, name, policy_count, created_at) VALUES ($1, $2, 0, now_ms())")

    /// Its keys, tags and attachments go with it.
    static let remove = Statement("iam-user.remove", "DELETE FROM iam_user WHERE account = $1 AND name = $2 RETURNING name", decode: text)

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

    /// Locks a user until the batch ends, so that its policies are counted one change after the other.
    static let lock = Statement<Void>(
        "iam-user.lock", "UPDATE iam_user SET policy_count = policy_count WHERE account = $1 AND name = $2")

    /// The foreign keys refuse a user or a policy that is not there.
    static let attach = Statement<Void>(
        "iam-user.attach",
        """
        INSERT INTO iam_user_policy (account, user_name, policy_name) VALUES ($1, $2, $3)
        ON CONFLICT (account, user_name, policy_name) DO NOTHING
        """)

    static let detach = Statement(
        "iam-user.detach",
        "DELETE FROM iam_user_policy WHERE account = $1 AND user_name = $2 AND policy_name = $3 RETURNING policy_name", decode: text)

    /// The constraint `iam_user_policy_limit` refuses more than ten.
    static let recount = Statement<Void>(
        "iam-user.recount",
        """
        UPDATE iam_user SET policy_count = (
            SELECT count(*) FROM iam_user_policy p WHERE p.account = iam_user.account AND p.user_name = iam_user.name)
        WHERE account = $1 AND name = $2
        """)

    static let insertTag = Statement<Void>(
        "iam-user.insert-tag", "INSERT INTO iam_user_tag (account, user_name, key, value) VALUES ($1, $2, $3, $4)")

    /// Everything that is attached to a user, each with its name: policies first.
    static let grants = Statement(
        "iam-user.grants",
        """
        SELECT CAST(0 AS BIGINT) AS kind, policy.name, policy.document
        FROM iam_user_policy JOIN policy ON policy.account = iam_user_policy.account AND policy.name = iam_user_policy.policy_name
        WHERE iam_user_policy.account = $1 AND iam_user_policy.user_name = $2
        UNION ALL
        SELECT CAST(1 AS BIGINT) AS kind, key, value FROM iam_user_tag WHERE account = $1 AND user_name = $2
        ORDER BY 1, 2
        """
    ) { row throws(DatabaseError) in (isTag: try row.integer() == 1, name: try row.text(), text: try row.text()) }

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
            changed_at
        FROM policy ORDER BY account, name
        """
    ) { row throws(DatabaseError) in
        PolicySummary(account: try row.text(), name: try row.text(), users: try row.integer(), changedAt: try row.integer())
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
            (SELECT count(*) FROM policy p WHERE p.account = a.account)
        FROM (SELECT account FROM access_key UNION SELECT account FROM iam_user UNION SELECT account FROM policy) AS a
        ORDER BY a.account
        """
    ) { row throws(DatabaseError) in
        AccountSummary(account: try row.text(), users: try row.integer(), activeKeys: try row.integer(), policies: try row.integer())
    }

    private static func text(_ row: inout Row) throws(DatabaseError) -> String { try row.text() }

    static let all: [StatementText] = [
        insert.text, remove.text, list.text, lock.text, attach.text, detach.text, recount.text, insertTag.text, grants.text,
        putPolicy.text, findPolicy.text, listPolicies.text, removePolicy.text, accounts.text,
    ]
}
