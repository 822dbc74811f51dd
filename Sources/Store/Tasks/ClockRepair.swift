public import SQL

/// Rows that are due later than they ever may be: a clock that was ahead, and was put right since, has put them off.
public struct RowsAhead: Sendable, Hashable {
    /// Activations and removals that are due in more than their longest wait.
    public let tasks: Int64
    /// Queues of deliveries, by resource and destination, that wait longer than any back-off.
    public let queues: Int64
    /// Destinations that are quiet for longer than a receiver may ask for.
    public let pauses: Int64

    public var isEmpty: Bool { tasks == 0 && queues == 0 && pauses == 0 }
}

extension Store {
    /// The longest that a delivery, or a destination that asked for quiet, waits: an hour, in milliseconds; twice as long counts as ahead.
    private static let longestPause: Int64 = 2 * 60 * 60 * 1000

    /// Counts what a clock that was ahead has put off; tasks by the longest wait that the configuration gives them, in milliseconds.
    public func rowsAhead(longestWait: Int64) async throws(DatabaseError) -> RowsAhead? {
        try await database.read(
            ClockRepairStatements.count, [.integer(longestWait), .integer(Self.longestPause)]
        ).first
    }

    /// Makes all of that due now.
    public func freeRowsAhead(longestWait: Int64) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(ClockRepairStatements.freeTasks, [.integer(longestWait)])
        batch.add(ClockRepairStatements.freeQueues, [.integer(Self.longestPause)])
        batch.add(ClockRepairStatements.freePauses, [.integer(Self.longestPause)])
        _ = try await write(batch)
    }
}

/// Statements on rows that are due later than they may be. Queues are searched destination after destination, as their index has them.
enum ClockRepairStatements {
    static let count = Statement(
        "clock-repair.count",
        """
        SELECT (SELECT count(*) FROM task WHERE available_at > (SELECT now_ms()) + CAST($1 AS BIGINT)) AS tasks,
            (SELECT count(*) FROM destination JOIN delivery_queue ON delivery_queue.destination_id = destination.id
                AND delivery_queue.available_at > (SELECT now_ms()) + CAST($2 AS BIGINT)) AS queues,
            (SELECT count(*) FROM destination WHERE retry_at > (SELECT now_ms()) + CAST($2 AS BIGINT)) AS pauses
        """
    ) { row throws(DatabaseError) in
        RowsAhead(tasks: try row.integer(), queues: try row.integer(), pauses: try row.integer())
    }

    static let freeTasks = Statement<Void>(
        "clock-repair.free-tasks",
        "UPDATE task SET available_at = now_ms() WHERE available_at > (SELECT now_ms()) + CAST($1 AS BIGINT)")

    static let freeQueues = Statement<Void>(
        "clock-repair.free-queues",
        """
        UPDATE delivery_queue SET available_at = now_ms() WHERE (destination_id, resource_arn) IN (
            SELECT ahead.destination_id, ahead.resource_arn FROM destination JOIN delivery_queue AS ahead
            ON ahead.destination_id = destination.id AND ahead.available_at > (SELECT now_ms()) + CAST($1 AS BIGINT))
        """)

    static let freePauses = Statement<Void>(
        "clock-repair.free-pauses",
        "UPDATE destination SET retry_at = now_ms() WHERE retry_at > (SELECT now_ms()) + CAST($1 AS BIGINT)")

    static let all: [StatementText] = [count.text, freeTasks.text, freeQueues.text, freePauses.text]
}
