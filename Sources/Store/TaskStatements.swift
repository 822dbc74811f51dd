import SQL

/// What a task asks for.
public enum TaskKind: String, Sendable, CaseIterable {
    /// End CREATING or UPDATING.
    case activateStream = "activate-stream"
    /// Remove a stream that is DELETING, and everything that belongs to it.
    case removeStream = "remove-stream"
}

/// A task that was claimed.
public struct TaskRecord: Sendable {
    public let kind: TaskKind
    public let key: StreamKey
    public let resourceARN: String
    public let keyID: String
    public let requestID: String
    /// How often it was claimed, this time included.
    public let attempt: Int64
}

/// Statements on the work that waits.
enum TaskStatements {
    /// Asks for work of the kind $5 on the stream, due $8 milliseconds from now.
    static let insertForStream = Statement<Void>(
        "task.insert-for-stream",
        """
        INSERT INTO task (resource_arn, kind, account, region, name, key_id, request_id, created_at, available_at, attempt, lease_token)
        SELECT arn, $5, account, region, name, $6, $7, now_ms(), now_ms() + CAST($8 AS BIGINT), 0, NULL
        FROM stream WHERE account = $1 AND region = $2 AND name = $3 AND change_token = $4
        """)

    /// Claims at most $3 tasks that are due, under the lease $1 for $2 milliseconds. Instances that claim at once get different tasks.
    /// The clock is asked in a subquery: once, so that the index is searched; asked for each row, it would have to be read in full.
    static let claim = Statement(
        "task.claim",
        """
        WITH due AS MATERIALIZED (
            SELECT available_at, resource_arn, kind FROM task WHERE available_at <= (SELECT now_ms()) ORDER BY available_at LIMIT CAST($3 AS BIGINT)
            /*postgres FOR UPDATE SKIP LOCKED */
        )
        UPDATE task SET lease_token = $1, available_at = now_ms() + CAST($2 AS BIGINT), attempt = task.attempt + 1
        FROM due WHERE task.available_at = due.available_at AND task.resource_arn = due.resource_arn AND task.kind = due.kind
        RETURNING task.kind, task.account, task.region, task.name, task.resource_arn, task.key_id, task.request_id, task.attempt
        """
    ) { row throws(DatabaseError) in
        let kind = try row.text()
        guard let kind = TaskKind(rawValue: kind) else { throw DatabaseError(.mistake, "unknown kind of task \(kind)") }
        return TaskRecord(
            kind: kind, key: StreamKey(account: try row.text(), region: try row.text(), name: try row.text()),
            resourceARN: try row.text(), keyID: try row.text(), requestID: try row.text(), attempt: try row.integer())
    }

    /// Keeps the activations under the lease $1 from being claimed by others until they are finished: between two statements of a batch,
    /// a lease that has ended could be taken over.
    static let lockActivations = Statement<Void>(
        "task.lock-activations",
        "SELECT resource_arn FROM task WHERE lease_token = $1 AND kind = 'activate-stream' /*postgres FOR UPDATE */")

    /// Every activation under the lease $1 is done, or was done by another.
    static let removeActivations = Statement<Void>(
        "task.remove-activations", "DELETE FROM task WHERE lease_token = $1 AND kind = 'activate-stream'")

    static let remove = Statement<Void>("task.remove", "DELETE FROM task WHERE resource_arn = $1 AND kind = $2 AND lease_token = $3")

    /// How many milliseconds until the next task is due; zero or less where one is.
    static let nextDue = Statement(
        "task.next-due", "SELECT available_at - now_ms() FROM task ORDER BY available_at LIMIT 1"
    ) { row throws(DatabaseError) in try row.integer() }

    static let all: [StatementText] = [
        insertForStream.text, claim.text, lockActivations.text, removeActivations.text, remove.text, nextDue.text,
    ]
}
