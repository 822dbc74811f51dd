import SQL

/// Statements on streams alone; those shared with channels are `ResourceStatements.stream`.
enum StreamStatements {
    static let columns = """
        name, arn, creation_time, status, version, device_name, media_type, kms_key_id, data_retention_in_hours, default_storage_tier
        """

    private static func record(_ row: inout Row) throws(DatabaseError) -> StreamRecord {
        StreamRecord(
            name: try row.text(), arn: try row.text(), creationTime: try row.integer(), status: try row.value(), version: try row.text(),
            deviceName: try row.optionalText(), mediaType: try row.optionalText(), kmsKeyID: try row.text(),
            dataRetentionInHours: try row.integer(), defaultStorageTier: try row.text())
    }

    private static func arn(_ row: inout Row) throws(DatabaseError) -> String { try row.text() }

    /// Uses the primary key.
    static let find = Statement(
        "stream.find",
        """
        SELECT \(columns) FROM stream
        WHERE account = $1 AND region = $2 AND name = $3 AND (CAST($4 AS BIGINT) IS NULL OR creation_time = $4)
        """,
        decode: record)

    /// The names from $3 up to and without $4, in byte order: a range of the primary key.
    static let list = Statement(
        "stream.list",
        """
        SELECT \(columns) FROM stream
        WHERE account = $1 AND region = $2 AND name >= $3 AND name < $4
        ORDER BY name LIMIT CAST($5 AS BIGINT)
        """,
        decode: record)

    /// Inserts the stream if it was counted. The creation time is evaluated once: the ARN ends in it.
    static let insert = Statement(
        "stream.insert",
        """
        WITH moment AS MATERIALIZED (
            SELECT CASE WHEN last_deleted_creation_time >= now_ms() THEN last_deleted_creation_time + 1 ELSE now_ms() END AS creation_time
            FROM account_usage WHERE account = $1 AND region = $2 AND change_token = $4
        )
        INSERT INTO stream (account, region, name, arn, creation_time, status, version, device_name, media_type, kms_key_id,
            data_retention_in_hours, default_storage_tier, tag_count, change_token, event_sequence, changed_at)
        SELECT $1, $2, $3, CAST($5 AS TEXT) || creation_time, creation_time, 'CREATING', $6, $7, $8, $9, CAST($10 AS BIGINT), $11,
            CAST($12 AS BIGINT), $4, 1, creation_time
        FROM moment
        RETURNING arn
        """,
        decode: arn)

    /// Accepts an update of an ACTIVE stream that has the expected version, $6.
    static let update = Statement(
        "stream.update",
        """
        UPDATE stream SET status = 'UPDATING', version = $7, change_token = $4, event_sequence = event_sequence + 1, changed_at = now_ms(),
            device_name = coalesce($8, device_name), media_type = coalesce($9, media_type),
            data_retention_in_hours = data_retention_in_hours + coalesce(CAST($10 AS BIGINT), 0),
            default_storage_tier = coalesce($11, default_storage_tier)
        WHERE account = $1 AND region = $2 AND name = $3 AND (CAST($5 AS BIGINT) IS NULL OR creation_time = $5)
            AND status = 'ACTIVE' AND version = $6
        RETURNING arn
        """,
        decode: arn)

    /// The configurations of a stream, in JSON.
    static let configurations = Statement(
        "stream.configurations",
        """
        SELECT image_generation_configuration, notification_configuration FROM stream
        WHERE account = $1 AND region = $2 AND name = $3 AND (CAST($4 AS BIGINT) IS NULL OR creation_time = $4)
        """
    ) { row throws(DatabaseError) in
        StreamConfigurations(imageGeneration: try row.optionalText(), notification: try row.optionalText())
    }

    static let setImageGeneration = configure("image-generation", "image_generation_configuration = $6")

    /// $8 is the destination that the configuration names while it is ENABLED: one that is there, or of fewer than $9 of the account in the region.
    /// The lock on the account's row makes the count exact. What happens to the stream is told there too where $10 is 1.
    static let setNotification = configure(
        "notification",
        """
        notification_configuration = $6, fragment_destination = $8,
            notification_destination = CASE WHEN CAST($10 AS BIGINT) = 1 THEN CAST($8 AS TEXT) END
        """,
        condition: """
            AND (CAST($8 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM destination WHERE id = $8)
                OR (SELECT count(*) FROM destination WHERE origin = 'STREAM' AND account = $1 AND region = $2) < CAST($9 AS BIGINT))
            """)

    /// Accepts a configuration, $6, of an ACTIVE stream, which must keep media where $7 is 1. NULL removes the configuration.
    private static func configure(_ name: String, _ assignment: String, condition: String = "")
        -> Statement<String>
    {
        Statement(
            "stream.set-\(name)",
            """
            UPDATE stream SET \(assignment), change_token = $4, event_sequence = event_sequence + 1, changed_at = now_ms()
            WHERE account = $1 AND region = $2 AND name = $3 AND (CAST($5 AS BIGINT) IS NULL OR creation_time = $5)
                AND status = 'ACTIVE' AND (CAST($7 AS BIGINT) = 0 OR data_retention_in_hours > 0) \(condition)
            RETURNING arn
            """,
            decode: arn)
    }

    static let all: [StatementText] = [
        find.text, list.text, insert.text, update.text, configurations.text, setImageGeneration.text, setNotification.text,
    ]
}
