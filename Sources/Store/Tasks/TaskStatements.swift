import SQL

/// What a task asks for.
public enum TaskKind: Sendable, Hashable {
    /// End CREATING or UPDATING.
    case activate(ResourceKind)
    /// Remove a resource that is DELETING, and everything that belongs to it.
    case remove(ResourceKind)
}

extension TaskKind: RawRepresentable, CaseIterable {
    public static let allCases: [TaskKind] = ResourceKind.allCases.flatMap { [.activate($0), .remove($0)] }

    public init?(rawValue: String) {
        switch rawValue {
        case "activate-stream": self = .activate(.stream)
        case "remove-stream": self = .remove(.stream)
        case "activate-channel": self = .activate(.channel)
        case "remove-channel": self = .remove(.channel)
        default: return nil
        }
    }

    /// As it is stored.
    public var rawValue: String {
        switch self {
        case .activate(.stream): "activate-stream"
        case .remove(.stream): "remove-stream"
        case .activate(.channel): "activate-channel"
        case .remove(.channel): "remove-channel"
        }
    }

    var resource: ResourceKind {
        switch self {
        case .activate(let kind), .remove(let kind): kind
        }
    }
}

/// A task that was claimed.
public struct TaskRecord: Sendable {
    public let kind: TaskKind
    public let key: ResourceKey
    public let resourceARN: String
    public let keyID: String
    public let requestID: String
    /// How often it was claimed, this time included.
    public let attempt: Int64
}

/// Statements on the work that waits.
enum TaskStatements {
    /// Claims, under the lease $1 for $2 milliseconds, at most $3 tasks that are due and at most $3 that are due in more than $4 milliseconds: only a
    /// clock that was ahead can have put these off so far. Instances that claim at once get different tasks.
    /// The clock is asked in a subquery: once, so that the index is searched; asked for each row, it would have to be read in full.
    static let claim = Statement(
        "task.claim",
        """
        WITH due AS MATERIALIZED (
            SELECT available_at, resource_arn, kind FROM task WHERE available_at <= (SELECT now_ms()) ORDER BY available_at LIMIT CAST($3 AS BIGINT)
            /*postgres FOR UPDATE SKIP LOCKED */
        ), ahead AS MATERIALIZED (
            SELECT available_at, resource_arn, kind FROM task WHERE available_at > (SELECT now_ms()) + CAST($4 AS BIGINT)
            ORDER BY available_at LIMIT CAST($3 AS BIGINT)
            /*postgres FOR UPDATE SKIP LOCKED */
        ), wanted AS MATERIALIZED (SELECT * FROM due UNION ALL SELECT * FROM ahead)
        UPDATE task SET lease_token = $1, available_at = now_ms() + CAST($2 AS BIGINT), attempt = task.attempt + 1
        FROM wanted WHERE task.available_at = wanted.available_at AND task.resource_arn = wanted.resource_arn AND task.kind = wanted.kind
        RETURNING task.kind, task.account, task.region, task.name, task.resource_arn, task.key_id, task.request_id, task.attempt
        """
    ) { row throws(DatabaseError) in
        let kind = try row.value(TaskKind.self)
        return TaskRecord(
            kind: kind, key: ResourceKey(kind.resource, account: try row.text(), region: try row.text(), name: try row.text()),
            resourceARN: try row.text(), keyID: try row.text(), requestID: try row.text(), attempt: try row.integer())
    }

    static let remove = Statement<Void>("task.remove", "DELETE FROM task WHERE resource_arn = $1 AND kind = $2 AND lease_token = $3")

    /// Milliseconds until the next task is due; zero or less where one is due.
    static let nextDue = Statement(
        "task.next-due", "SELECT available_at - now_ms() FROM task ORDER BY available_at LIMIT 1"
    ) { row throws(DatabaseError) in try row.integer() }

    /// The number of tasks, and of those overdue by more than five seconds, the time of a lease; each is counted up to $1.
    static let counts = Statement(
        "task.counts",
        """
        SELECT (SELECT count(*) FROM (SELECT 1 FROM task LIMIT CAST($1 AS BIGINT)) AS waiting),
            (SELECT count(*) FROM (SELECT 1 FROM task WHERE available_at < (SELECT now_ms()) - 5000 LIMIT CAST($1 AS BIGINT)) AS overdue)
        """
    ) { row throws(DatabaseError) in
        TaskCounts(waiting: try row.integer(), overdue: try row.integer())
    }

    /// For each kind of task, how many of the first $1 wait, and the age of the oldest.
    static let backlog = Statement(
        "task.backlog",
        """
        SELECT \(TaskKind.allCases.map(backlogColumns).joined(separator: ", "))
        FROM (SELECT kind, created_at FROM task ORDER BY available_at LIMIT CAST($1 AS BIGINT)) AS waiting
        """
    ) { row throws(DatabaseError) in
        var kinds: [TaskBacklog] = []
        for kind in TaskKind.allCases {
            kinds.append(TaskBacklog(kind: kind, count: try row.integer(), oldestAge: try row.optionalInteger() ?? 0))
        }
        return kinds
    }

    private static func backlogColumns(_ kind: TaskKind) -> String {
        let filter = "FILTER (WHERE kind = '\(kind.rawValue)')"
        return "count(*) \(filter), (SELECT now_ms()) - min(created_at) \(filter)"
    }

    static let all: [StatementText] = [claim.text, remove.text, nextDue.text, counts.text, backlog.text]
}
