import SQL

/// Statements on channels alone; those shared with streams are `ResourceStatements.channel`.
enum ChannelStatements {
    private static let columns = "name, arn, creation_time, status, version, channel_type, message_ttl_seconds, media_storage_stream_arn"

    private static func record(_ row: inout Row) throws(DatabaseError) -> ChannelRecord {
        ChannelRecord(
            name: try row.text(), arn: try row.text(), creationTime: try row.integer(), status: try row.value(), version: try row.text(),
            channelType: try row.text(), messageTtlSeconds: try row.integer(), mediaStorageStreamARN: try row.optionalText())
    }

    private static func arn(_ row: inout Row) throws(DatabaseError) -> String { try row.text() }

    /// Uses the primary key.
    static let find = Statement(
        "channel.find",
        """
        SELECT \(columns) FROM channel
        WHERE account = $1 AND region = $2 AND name = $3 AND (CAST($4 AS BIGINT) IS NULL OR creation_time = $4)
        """,
        decode: record)

    /// The names from $3 up to and without $4, in byte order: a range of the primary key.
    static let list = Statement(
        "channel.list",
        """
        SELECT \(columns) FROM channel
        WHERE account = $1 AND region = $2 AND name >= $3 AND name < $4
        ORDER BY name LIMIT CAST($5 AS BIGINT)
        """,
        decode: record)

    /// Inserts the channel if it was counted. The creation time is evaluated once: the ARN ends in it.
    static let insert = Statement(
        "channel.insert",
        """
        WITH moment AS MATERIALIZED (
            SELECT CASE WHEN last_deleted_creation_time >= now_ms() THEN last_deleted_creation_time + 1 ELSE now_ms() END AS creation_time
            FROM account_usage WHERE account = $1 AND region = $2 AND change_token = $4
        )
        INSERT INTO channel (account, region, name, arn, creation_time, status, version, channel_type, message_ttl_seconds,
            media_storage_stream_arn, tag_count, change_token, event_sequence, changed_at)
        SELECT $1, $2, $3, CAST($5 AS TEXT) || creation_time, creation_time, 'CREATING', $6, $7, CAST($8 AS BIGINT), NULL,
            CAST($9 AS BIGINT), $4, 1, creation_time
        FROM moment
        RETURNING arn
        """,
        decode: arn)

    /// Accepts an update of an ACTIVE channel that has the expected version, $6.
    static let update = Statement(
        "channel.update",
        """
        UPDATE channel SET status = 'UPDATING', version = $7, change_token = $4, event_sequence = event_sequence + 1, changed_at = now_ms(),
            message_ttl_seconds = CAST($8 AS BIGINT)
        WHERE account = $1 AND region = $2 AND name = $3 AND (CAST($5 AS BIGINT) IS NULL OR creation_time = $5)
            AND status = 'ACTIVE' AND version = $6
        RETURNING arn
        """,
        decode: arn)

    /// Has an ACTIVE channel store its media in the stream $6, which is ACTIVE and keeps media, and which the batch has locked. The
    /// unique index `channel_media_storage_stream` refuses a second channel of one stream.
    static let enableMediaStorage = Statement(
        "channel.enable-media-storage",
        """
        UPDATE channel SET media_storage_stream_arn = $6, change_token = $4, event_sequence = event_sequence + 1, changed_at = now_ms()
        WHERE account = $1 AND region = $2 AND name = $3 AND (CAST($5 AS BIGINT) IS NULL OR creation_time = $5)
            AND status = 'ACTIVE' AND (media_storage_stream_arn IS NULL OR media_storage_stream_arn = $6)
            AND EXISTS (SELECT 1 FROM stream WHERE stream.account = $1 AND stream.region = $2 AND stream.name = $7 AND stream.arn = $6
                AND stream.status = 'ACTIVE' AND stream.data_retention_in_hours > 0)
        RETURNING arn
        """,
        decode: arn)

    /// Has an ACTIVE channel store its media nowhere.
    static let disableMediaStorage = Statement(
        "channel.disable-media-storage",
        """
        UPDATE channel SET media_storage_stream_arn = NULL, change_token = $4, event_sequence = event_sequence + 1, changed_at = now_ms()
        WHERE account = $1 AND region = $2 AND name = $3 AND (CAST($5 AS BIGINT) IS NULL OR creation_time = $5)
            AND status = 'ACTIVE'
        RETURNING arn
        """,
        decode: arn)

    /// The ARN of the channel that stores its media in the stream $1.
    static let mappedTo = Statement(
        "channel.mapped-to", "SELECT arn FROM channel WHERE media_storage_stream_arn = $1", decode: arn)

    // A stream that is removed takes the mapping of its channel with it, in this order: lock the channel and count an event, write the event, remove
    // the mapping. The mapping goes last, since the other statements find the channel by it.

    static let countUnmapping = Statement<Void>(
        "channel.count-unmapping",
        """
        UPDATE channel SET change_token = $4, event_sequence = event_sequence + 1, changed_at = now_ms() WHERE media_storage_stream_arn IN
            (SELECT arn FROM stream WHERE account = $1 AND region = $2 AND name = $3 AND change_token = $4)
        """)

    private static let unmapped = """
        channel.change_token = $4 AND channel.media_storage_stream_arn IN
            (SELECT arn FROM stream WHERE account = $1 AND region = $2 AND name = $3 AND change_token = $4)
        """
    private static let unmappedEvent = EventName.mediaStorageConfigurationChange.rawValue

    static let insertUnmappingEvent = Statement<Void>(
        "event.insert-for-unmapped-channel",
        """
        INSERT INTO event (resource_arn, sequence, type, account, region, status, version, change_token, key_id, request_id, occurred_at)
        SELECT arn, event_sequence, '\(unmappedEvent)', account, region, status, version, change_token, $5, $6, changed_at
        FROM channel WHERE \(unmapped)
        """)

    static let insertUnmappingDeliveries = Statement<Void>(
        "delivery.insert-for-unmapped-channel",
        DeliveryTargets.insert(table: "channel", condition: unmapped, type: "'\(unmappedEvent)'"))

    static let enqueueUnmappingDeliveries = Statement<Void>(
        "delivery.enqueue-for-unmapped-channel",
        DeliveryTargets.enqueue(table: "channel", condition: unmapped))

    static let unmap = Statement<Void>(
        "channel.unmap",
        """
        UPDATE channel SET media_storage_stream_arn = NULL WHERE media_storage_stream_arn IN
            (SELECT arn FROM stream WHERE account = $1 AND region = $2 AND name = $3 AND change_token = $4)
        """)

    static let all: [StatementText] = [
        find.text, list.text, insert.text, update.text, enableMediaStorage.text, disableMediaStorage.text, mappedTo.text,
        countUnmapping.text, insertUnmappingEvent.text, insertUnmappingDeliveries.text,
        enqueueUnmappingDeliveries.text, unmap.text,
    ]
}
