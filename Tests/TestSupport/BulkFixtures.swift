public import SQL

extension Fixture {
    /// Puts `count` streams called `bulk-000001` and so on into the database, CREATING, with two tags each, their tasks due and their first
    /// events told, as if they had been created one by one.
    public static func bulk(_ count: Int, in database: TestDatabase, account: String = account) throws(DatabaseError) {
        let numbers = "WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < \(count))"
        let streams =
            "SELECT name, arn, i FROM (SELECT 'bulk-' || substr(CAST(1000000 + i AS TEXT), 2) AS name, 'arn:bulk:\(account):' || i AS arn, i FROM numbers)"
            + " AS bulk"
        let now = database.clock.now
        try database.execute(
            """
            \(numbers) INSERT INTO stream SELECT '\(account)', '\(region)', name, arn, \(now) + i, 'CREATING', 'v' || i, NULL, NULL, 'key', 0,
                'HOT', 2, 'bulk' || i, 1, NULL, NULL, \(now), NULL, NULL FROM (\(streams)) AS s;
            \(numbers) INSERT INTO tag SELECT arn, 'even', 'x' FROM (\(streams)) AS s;
            \(numbers) INSERT INTO tag SELECT arn, 'odd', 'y' FROM (\(streams)) AS s;
            \(numbers) INSERT INTO task SELECT arn, 'activate-stream', '\(account)', '\(region)', name, 'AKIA', 'request', \(now), \(now), 0, NULL
                FROM (\(streams)) AS s;
            \(numbers) INSERT INTO event SELECT arn, 1, 'CreateStream', '\(account)', '\(region)', 'CREATING', 'v' || i, 'bulk' || i, 'AKIA',
                'request', \(now), NULL, NULL, NULL FROM (\(streams)) AS s;
            \(numbers) INSERT INTO answered_mutation SELECT 'AKIA\(account)', 'invocation' || i, 'CreateStream', 'hash', arn, \(now) FROM (\(streams)) AS s;
            INSERT INTO account_usage VALUES ('\(account)', '\(region)', \(count), 0, 'bulk', 0)
            """)
    }

    /// Puts `count` channels into the database, each storing its media in the stream of `bulk` with its number, and as many edge configurations,
    /// overdue, for a hundred things.
    public static func bulkChannelsAndEdges(_ count: Int, in database: TestDatabase) throws(DatabaseError) {
        let numbers = "WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < \(count))"
        let name = "'bulk-' || substr(CAST(1000000 + i AS TEXT), 2)"
        let now = database.clock.now
        try database.execute(
            """
            \(numbers) INSERT INTO channel SELECT '\(account)', '\(region)', \(name), 'arn:channel:' || i, \(now) + i, 'ACTIVE', 'v' || i,
                'SINGLE_MASTER', 60, 'arn:bulk:\(account):' || i, 0, 'channel' || i, 1, \(now), 0 FROM numbers;
            \(numbers) INSERT INTO edge_configuration (account, region, stream_name, stream_arn, hub_device_arn, configuration, revision,
                    sync_status, creation_time, last_updated_time, deadline, change_token)
                SELECT '\(account)', '\(region)', \(name), 'arn:bulk:\(account):' || i, 'hub' || (i % 100), '{}', 'r' || i, 'SYNCING', 0, 0,
                \(now) + i, 'edge' || i FROM numbers
            """)
    }

    /// Puts media of the `count` streams of `bulk` into the index: for each a fragment in a pack that is OPEN, and an extent in one that is SEALED.
    public static func bulkMedia(_ count: Int, in database: TestDatabase) throws(DatabaseError) {
        let numbers = "WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < \(count))"
        let now = database.clock.now
        try database.execute(
            """
            \(numbers) INSERT INTO media_stream SELECT i, 'arn:bulk:\(account):' || i, '\(account)', '\(region)',
                'bulk-' || substr(CAST(1000000 + i AS TEXT), 2), \(now) + i, 1, 'instance' || i, \(now), NULL, 1, \(now), 1000, 1, 10, 'media' || i, 1,
                \(now), \(now), NULL FROM numbers;
            \(numbers) INSERT INTO pack
            (id, store_id, tier, retention_hours, state, created_at, committed_bytes, first_server_ms, last_server_ms, check_at, freed)
            SELECT i, 'store', 'HOT', 24, 'OPEN', \(now), 1000, \(now), \(now), 0, 0 FROM numbers;
            \(numbers) INSERT INTO pack
            (id, store_id, tier, retention_hours, state, created_at, committed_bytes, first_server_ms, last_server_ms, check_at, freed)
            SELECT i + \(count), 'store', 'HOT', 24, 'SEALED', \(now), 1000, \(now), \(now), \(now) + i, i % 2
                FROM numbers;
            \(numbers) INSERT INTO fragment SELECT i, 2, \(now), 0, \(now), 960, 10, 0, i, '152+10', 'hash', '160+4' FROM numbers;
            \(numbers) INSERT INTO extent SELECT i, 1, 1, \(now), \(now), \(now), \(now), \(now), 1, 10, 0, 0, i + \(count), 800, 100 FROM numbers;
            \(numbers) INSERT INTO image_work SELECT i, 2, \(now), 0, 'store', 0, 200, '{}', 'key', 'request', \(now), \(now) + i - \(count) / 2, 1,
                'lease', NULL FROM numbers
            """)
    }
}
