import SQL

/// Statements on the rows that tell what happened.
enum EventStatements {
    /// At most $2 of the events that are older than $1 milliseconds, whose deliveries are gone: the first rows of the primary key.
    static let removeOld = Statement(
        "event.remove-old",
        """
        DELETE FROM event WHERE (occurred_at, resource_arn, sequence) IN
            (SELECT occurred_at, resource_arn, sequence FROM event WHERE occurred_at < (SELECT now_ms()) - CAST($1 AS BIGINT)
                AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.occurred_at < (SELECT now_ms()) - CAST($1 AS BIGINT)
                    AND delivery.occurred_at = event.occurred_at AND delivery.resource_arn = event.resource_arn
                    AND delivery.sequence = event.sequence)
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

    static let all: [StatementText] = [removeOld.text, list.text]
}

/// Something that happened to a resource.
public struct EventRecord: Sendable, Hashable {
    /// Counts from 1 for each resource, without gaps.
    public let sequence: Int64
    /// The operation that was accepted, or what happened without one, such as `StreamStatusChange`.
    public let type: String
    /// The resource's status after it, or that of the edge configuration which the event is about; DELETED once it is gone.
    public let status: String
    public let version: String
}
