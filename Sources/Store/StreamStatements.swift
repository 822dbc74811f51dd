import SQL

/// Statements on streams. Those that change one take the stream's account, region and name as $1 to $3, so that they use the primary key,
/// and depend on the guarded statement before them through the change token as $4.
enum StreamStatements {
    static let columns = """
        name, arn, creation_time, status, version, device_name, media_type, kms_key_id, data_retention_in_hours, default_storage_tier
        """

    private static func record(_ row: inout Row) throws(DatabaseError) -> StreamRecord {
        StreamRecord(
            name: try row.text(), arn: try row.text(), creationTime: try row.integer(), status: try row.text(), version: try row.text(),
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

    /// Counts the stream against the quota, $4, and leaves the change's token, $3, where there was room. Locks the account's row in the region.
    static let count = Statement<Void>(
        "stream.count",
        """
        INSERT INTO account_usage (account, region, stream_count, last_deleted_creation_time, change_token)
        VALUES ($1, $2, 1, 0, $3)
        ON CONFLICT (account, region) DO UPDATE SET stream_count = account_usage.stream_count + 1, change_token = excluded.change_token
        WHERE account_usage.stream_count < CAST($4 AS BIGINT)
        """)

    /// Inserts the stream if it was counted. The creation time is evaluated once: the ARN ends in it.
    static let insert = Statement(
        "stream.insert",
        """
        WITH moment AS MATERIALIZED (
            SELECT CASE WHEN last_deleted_creation_time >= now_ms() THEN last_deleted_creation_time + 1 ELSE now_ms() END AS creation_time
            FROM account_usage WHERE account = $1 AND region = $2 AND change_token = $4
        )
        INSERT INTO stream (account, region, name, arn, creation_time, status, version, device_name, media_type, kms_key_id,
            data_retention_in_hours, default_storage_tier, tag_count, change_token, event_sequence)
        SELECT $1, $2, $3, CAST($5 AS TEXT) || creation_time, creation_time, 'CREATING', $6, $7, $8, $9, CAST($10 AS BIGINT), $11,
            CAST($12 AS BIGINT), $4, 1
        FROM moment
        RETURNING arn
        """,
        decode: arn)

    /// Accepts an update of an ACTIVE stream that has the expected version, $6.
    static let update = Statement(
        "stream.update",
        """
        UPDATE stream SET status = 'UPDATING', version = $7, change_token = $4, event_sequence = event_sequence + 1,
            device_name = coalesce($8, device_name), media_type = coalesce($9, media_type),
            data_retention_in_hours = data_retention_in_hours + coalesce(CAST($10 AS BIGINT), 0),
            default_storage_tier = coalesce($11, default_storage_tier)
        WHERE account = $1 AND region = $2 AND name = $3 AND (CAST($5 AS BIGINT) IS NULL OR creation_time = $5)
            AND status = 'ACTIVE' AND version = $6
        RETURNING arn
        """,
        decode: arn)

    /// Accepts the deletion of an ACTIVE stream that has the expected version, $6, or whatever its version where that is NULL.
    static let delete = Statement(
        "stream.delete",
        """
        UPDATE stream SET status = 'DELETING', change_token = $4, event_sequence = event_sequence + 1
        WHERE account = $1 AND region = $2 AND name = $3 AND (CAST($5 AS BIGINT) IS NULL OR creation_time = $5)
            AND status = 'ACTIVE' AND (CAST($6 AS TEXT) IS NULL OR version = $6)
        RETURNING arn
        """,
        decode: arn)

    /// Accepts a change of the tags of a stream that is not DELETING, and locks it until they are changed.
    static let touch = Statement(
        "stream.touch",
        """
        UPDATE stream SET change_token = $4, event_sequence = event_sequence + 1
        WHERE account = $1 AND region = $2 AND name = $3 AND (CAST($5 AS BIGINT) IS NULL OR creation_time = $5)
            AND status <> 'DELETING'
        RETURNING arn
        """,
        decode: arn)

    /// Counts the tags anew; the constraint `stream_tag_limit` refuses more than 50.
    static let recountTags = Statement<Void>(
        "stream.recount-tags",
        """
        UPDATE stream SET tag_count = (SELECT count(*) FROM tag WHERE tag.resource_arn = stream.arn)
        WHERE account = $1 AND region = $2 AND name = $3 AND change_token = $4
        """)

    /// The ARN, if the change $4 is among the events of the last minute: how a lost commit is recognised. No batch takes longer than that.
    static let changed = Statement(
        "stream.changed",
        """
        SELECT stream.arn FROM event JOIN stream ON stream.arn = event.resource_arn
        WHERE event.occurred_at >= (SELECT now_ms()) - 60000 AND event.change_token = $4
            AND stream.account = $1 AND stream.region = $2 AND stream.name = $3
        """,
        decode: arn)

    /// Ends CREATING and UPDATING for every stream whose task is leased under $1, and leaves the token $2 in each.
    static let activateLeased = Statement(
        "stream.activate-leased",
        """
        UPDATE stream SET status = 'ACTIVE', change_token = $2, event_sequence = stream.event_sequence + 1
        FROM task
        WHERE task.lease_token = $1 AND task.kind = 'activate-stream'
            AND stream.account = task.account AND stream.region = task.region AND stream.name = task.name AND stream.arn = task.resource_arn
            AND stream.status IN ('CREATING', 'UPDATING')
        RETURNING stream.arn
        """,
        decode: arn)

    /// Locks the account's row in the region: creating and removing streams take turns here, and always lock it before a stream.
    static let lockUsage = Statement<Void>(
        "stream.lock-usage", "SELECT stream_count FROM account_usage WHERE account = $1 AND region = $2 /*postgres FOR UPDATE */")

    /// Marks a DELETING stream whose task is leased under $6 as the one to be removed.
    static let claimRemoval = Statement(
        "stream.claim-removal",
        """
        UPDATE stream SET change_token = $4, event_sequence = event_sequence + 1
        WHERE account = $1 AND region = $2 AND name = $3 AND arn = $5 AND status = 'DELETING'
            AND EXISTS (SELECT 1 FROM task WHERE task.resource_arn = $5 AND task.kind = 'remove-stream' AND task.lease_token = $6)
        RETURNING arn
        """,
        decode: arn)

    /// Takes the stream off the count, and keeps its creation time from being used again.
    static let uncount = Statement<Void>(
        "stream.uncount",
        """
        UPDATE account_usage SET stream_count = stream_count - 1,
            last_deleted_creation_time = CASE WHEN removed.creation_time > last_deleted_creation_time THEN removed.creation_time
                ELSE last_deleted_creation_time END
        FROM (SELECT account, region, creation_time FROM stream WHERE account = $1 AND region = $2 AND name = $3 AND change_token = $4) AS removed
        WHERE account_usage.account = removed.account AND account_usage.region = removed.region
        """)

    static let removeTags = Statement<Void>(
        "stream.remove-tags",
        """
        DELETE FROM tag WHERE resource_arn IN
            (SELECT arn FROM stream WHERE account = $1 AND region = $2 AND name = $3 AND change_token = $4)
        """)

    static let remove = Statement<Void>(
        "stream.remove", "DELETE FROM stream WHERE account = $1 AND region = $2 AND name = $3 AND change_token = $4")

    static let all: [StatementText] = [
        find.text, list.text, count.text, insert.text, update.text, delete.text, touch.text, recountTags.text, changed.text,
        activateLeased.text, lockUsage.text, claimRemoval.text, uncount.text, removeTags.text, remove.text,
    ]
}
