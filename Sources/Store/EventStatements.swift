import SQL

/// Statements on the rows that tell what happened.
enum EventStatements {
    /// One event of the stream in its present state, or in the status $8 where that is given.
    static let insertForStream = Statement<Void>(
        "event.insert-for-stream",
        """
        INSERT INTO event (resource_arn, sequence, type, account, region, status, version, change_token, key_id, request_id, occurred_at)
        SELECT arn, event_sequence, $5, account, region, coalesce($8, status), version, change_token, $6, $7, now_ms()
        FROM stream WHERE account = $1 AND region = $2 AND name = $3 AND change_token = $4
        """)

    /// One event for each stream that was activated under the lease $1 with the token $2.
    static let insertForActivated = Statement<Void>(
        "event.insert-for-activated",
        """
        INSERT INTO event (resource_arn, sequence, type, account, region, status, version, change_token, key_id, request_id, occurred_at)
        SELECT stream.arn, stream.event_sequence, 'StreamStatusChange', stream.account, stream.region, stream.status, stream.version,
            stream.change_token, task.key_id, task.request_id, now_ms()
        FROM task JOIN stream ON stream.account = task.account AND stream.region = task.region AND stream.name = task.name
            AND stream.arn = task.resource_arn
        WHERE task.lease_token = $1 AND task.kind = 'activate-stream' AND stream.change_token = $2
        """)

    /// At most $2 of the events that are older than $1 milliseconds: the first rows of the primary key.
    static let removeOld = Statement(
        "event.remove-old",
        """
        DELETE FROM event WHERE (occurred_at, resource_arn, sequence) IN
            (SELECT occurred_at, resource_arn, sequence FROM event WHERE occurred_at < (SELECT now_ms()) - CAST($1 AS BIGINT)
            ORDER BY occurred_at LIMIT CAST($2 AS BIGINT))
        RETURNING sequence
        """
    ) { row throws(DatabaseError) in try row.integer() }

    /// The events of a resource since $2, in their order: a range of the primary key.
    static let list = Statement(
        "event.list",
        "SELECT sequence, type, status, version FROM event WHERE occurred_at >= $2 AND resource_arn = $1 ORDER BY sequence"
    ) { row throws(DatabaseError) in
        EventRecord(sequence: try row.integer(), type: try row.text(), status: try row.text(), version: try row.text())
    }

    static let all: [StatementText] = [insertForStream.text, insertForActivated.text, removeOld.text, list.text]
}

/// Something that happened to a resource.
public struct EventRecord: Sendable, Hashable {
    /// Counts from 1 for each resource, without gaps.
    public let sequence: Int64
    /// The operation that was accepted, or `StreamStatusChange`.
    public let type: String
    /// The resource's status after it; DELETED once the resource is gone.
    public let status: String
    public let version: String
}
