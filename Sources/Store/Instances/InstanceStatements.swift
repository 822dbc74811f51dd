import SQL

/// Statements on the instances of the deployment.
enum InstanceStatements {
    /// Tells that the instance $1 lives, and how it is.
    static let beat = Statement<Void>(
        "instance.beat",
        """
        INSERT INTO instance (id, host, process_id, version, roles, schema_version, started_at, heartbeat_at, status, requests_per_second,
            leased_tasks, address, link_address)
        VALUES ($1, $2, CAST($3 AS BIGINT), $4, $5, CAST($6 AS BIGINT), now_ms(), now_ms(), $7, CAST($8 AS BIGINT), CAST($9 AS BIGINT), $10, $11)
        ON CONFLICT (id) DO UPDATE SET heartbeat_at = now_ms(), status = excluded.status,
            requests_per_second = excluded.requests_per_second, leased_tasks = excluded.leased_tasks
        """)

    /// The instance $1 is gone.
    static let markStopped = Statement(
        "instance.mark-stopped", "UPDATE instance SET status = 'STOPPED' WHERE id = $1 AND status <> 'STOPPED' RETURNING id"
    ) { row throws(DatabaseError) in try row.text() }

    /// Every instance with the age of its last heartbeat, the longest running first.
    static let list = Statement(
        "instance.list",
        """
        SELECT id, host, process_id, version, roles, schema_version, started_at, now_ms() - heartbeat_at, status, requests_per_second,
            leased_tasks, address, link_address
        FROM instance ORDER BY started_at, id
        """
    ) { row throws(DatabaseError) in
        InstanceRecord(
            id: try row.text(), host: try row.text(), processID: try row.integer(), version: try row.text(), roles: try row.text(),
            schemaVersion: try row.integer(), startedAt: try row.integer(), heartbeatAge: try row.integer(), status: try row.value(),
            requestsPerSecond: try row.integer(), leasedTasks: try row.integer(), address: try row.optionalText(),
            linkAddress: try row.optionalText())
    }

    /// Those that have said nothing for $1 milliseconds.
    static let removeOld = Statement(
        "instance.remove-old", "DELETE FROM instance WHERE heartbeat_at < (SELECT now_ms()) - CAST($1 AS BIGINT) RETURNING id"
    ) { row throws(DatabaseError) in try row.text() }

    /// The newest migration, and the oldest schema version whose programs it lets run.
    static let schema = Statement(
        "schema.newest", "SELECT version, oldest_compatible FROM schema_migration ORDER BY version DESC LIMIT 1"
    ) { row throws(DatabaseError) in
        SchemaState(version: try row.integer(), oldestCompatible: try row.integer())
    }

    static let all: [StatementText] = [beat.text, markStopped.text, list.text, removeOld.text, schema.text]
}
