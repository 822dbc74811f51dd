import SQL

/// Statements on the answers of calls that are kept for clients that make the same call again.
enum MutationStatements {
    /// Violates the primary key where the call was answered before, so that its batch changes nothing.
    static let refuseRepetition = Statement<Void>(
        "mutation.refuse-repetition",
        """
        INSERT INTO answered_mutation (key_id, invocation_id, operation, body_hash, answer, answered_at)
        SELECT key_id, invocation_id, operation, body_hash, answer, answered_at FROM answered_mutation
        WHERE key_id = $1 AND invocation_id = $2 AND operation = $3 AND body_hash = $4
        """)

    /// At most $2 of those that are older than $1 milliseconds. The clock is asked once, as in `TaskStatements.claim`.
    static let removeOld = Statement(
        "mutation.remove-old",
        """
        DELETE FROM answered_mutation WHERE (key_id, invocation_id, operation, body_hash) IN
            (SELECT key_id, invocation_id, operation, body_hash FROM answered_mutation
            WHERE answered_at < (SELECT now_ms()) - CAST($1 AS BIGINT) ORDER BY answered_at LIMIT CAST($2 AS BIGINT))
        RETURNING answered_at
        """
    ) { row throws(DatabaseError) in try row.integer() }

    static let all: [StatementText] = [refuseRepetition.text, removeOld.text]
}
