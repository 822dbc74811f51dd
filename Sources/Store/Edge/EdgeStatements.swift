import SQL

/// Statements on edge configurations. Those that change one take the stream's account, region and name as $1 to $3 and the change token as $4.
/// Their batch has locked the stream before, so that whoever changes a configuration, its stream or both at once does so one after the other.
enum EdgeStatements {
    private static let columns = """
        account, region, stream_name, stream_arn, hub_device_arn, configuration, revision, sync_status, failed_status_details, creation_time,
        last_updated_time, recorder_status, recorder_details, recorder_collected_at, recorder_updated_at,
        uploader_status, uploader_details, uploader_collected_at, uploader_updated_at
        """

    private static func record(_ row: inout Row) throws(DatabaseError) -> EdgeRecord {
        EdgeRecord(
            key: ResourceKey(.stream, account: try row.text(), region: try row.text(), name: try row.text()), streamARN: try row.text(),
            hubDeviceARN: try row.text(), configuration: try row.text(), revision: try row.text(), status: try row.value(),
            failedStatusDetails: try row.optionalText(), creationTime: try row.integer(), lastUpdatedTime: try row.integer(),
            recorder: try report(&row), uploader: try report(&row))
    }

    private static func report(_ row: inout Row) throws(DatabaseError) -> EdgeRecord.JobReport? {
        let status = try row.optionalText()
        let details = try row.optionalText()
        let collectedAt = try row.optionalInteger()
        let updatedAt = try row.optionalInteger()
        return status.map { EdgeRecord.JobReport(status: $0, details: details, collectedAt: collectedAt, updatedAt: updatedAt) }
    }

    private static func arn(_ row: inout Row) throws(DatabaseError) -> String { try row.text() }

    /// Of the incarnation whose ARN is $4, or of any. Uses the primary key.
    static let find = Statement(
        "edge.find",
        """
        SELECT \(columns) FROM edge_configuration
        WHERE account = $1 AND region = $2 AND stream_name = $3 AND (CAST($4 AS TEXT) IS NULL OR stream_arn = $4)
        """,
        decode: record)

    /// At most $5 of the thing $3, by the names of their streams, after $4: a range of an index.
    static let listOfHub = Statement(
        "edge.list-of-hub",
        """
        SELECT \(columns) FROM edge_configuration
        WHERE account = $1 AND region = $2 AND hub_device_arn = $3 AND stream_name > $4
        ORDER BY stream_name LIMIT CAST($5 AS BIGINT)
        """,
        decode: record)

    /// The number of changes of the edge configurations of the thing $3; no row where it has none. Uses the primary key.
    static let changesOfHub = Statement(
        "edge.changes-of-hub",
        "SELECT changes FROM edge_hub WHERE account = $1 AND region = $2 AND hub_device_arn = $3",
        decode: { row throws(DatabaseError) in try row.integer() })

    /// At most $1 of those whose agent has said nothing for too long.
    static let listOverdue = Statement(
        "edge.list-overdue",
        """
        SELECT \(columns) FROM edge_configuration WHERE deadline <= (SELECT now_ms()) ORDER BY deadline LIMIT CAST($1 AS BIGINT)
        """,
        decode: record)

    /// Accepts a configuration, $7, of an ACTIVE stream that keeps media, for the thing $6, under the revision $8; the agent's next word is due
    /// $9 milliseconds from now. One that is at work, or that another thing has, is left alone.
    static let start = Statement(
        "edge.start",
        """
        INSERT INTO edge_configuration (account, region, stream_name, stream_arn, hub_device_arn, configuration, revision, sync_status,
            creation_time, last_updated_time, deadline, change_token)
        SELECT account, region, name, arn, $6, $7, $8, 'SYNCING', now_ms(), now_ms(), now_ms() + CAST($9 AS BIGINT), $4
        FROM stream
        WHERE account = $1 AND region = $2 AND name = $3 AND (CAST($5 AS BIGINT) IS NULL OR creation_time = $5)
            AND status = 'ACTIVE' AND data_retention_in_hours > 0
        ON CONFLICT (account, region, stream_name) DO UPDATE SET configuration = excluded.configuration, revision = excluded.revision,
            sync_status = 'SYNCING', failed_status_details = NULL, last_updated_time = excluded.last_updated_time,
            deadline = excluded.deadline, change_token = excluded.change_token
        WHERE edge_configuration.sync_status IN ('IN_SYNC', 'SYNC_FAILED', 'DELETE_FAILED')
            AND edge_configuration.hub_device_arn = excluded.hub_device_arn
        RETURNING stream_arn
        """,
        decode: arn)

    /// Accepts the deletion of a configuration that is not at work, of a stream that is not DELETING, under the revision $6; the agent's next
    /// word is due $7 milliseconds from now.
    static let delete = Statement(
        "edge.delete",
        """
        UPDATE edge_configuration SET sync_status = 'DELETING', revision = $6, failed_status_details = NULL, last_updated_time = now_ms(),
            deadline = now_ms() + CAST($7 AS BIGINT), change_token = $4
        WHERE account = $1 AND region = $2 AND stream_name = $3 AND sync_status IN ('IN_SYNC', 'SYNC_FAILED', 'DELETE_FAILED')
            AND EXISTS (SELECT 1 FROM stream WHERE stream.account = $1 AND stream.region = $2 AND stream.name = $3
                AND (CAST($5 AS BIGINT) IS NULL OR stream.creation_time = $5) AND stream.status <> 'DELETING')
        RETURNING stream_arn
        """,
        decode: arn)

    /// Moves the configuration of the stream $5 in the revision $6 from the status $7 to the status $8, with the details $9. The agent's next
    /// word is due $10 milliseconds from now, or never where that is NULL. Where $11 is 1, only if the last one is overdue.
    static let move = Statement(
        "edge.move",
        """
        UPDATE edge_configuration SET sync_status = $8, failed_status_details = $9, deadline = now_ms() + CAST($10 AS BIGINT), change_token = $4
        WHERE account = $1 AND region = $2 AND stream_name = $3 AND stream_arn = $5 AND revision = $6 AND sync_status = $7
            AND (CAST($11 AS BIGINT) = 0 OR deadline <= now_ms())
        RETURNING stream_arn
        """,
        decode: arn)

    /// Removes the configuration that `move` left this change's token in.
    static let remove = Statement<Void>(
        "edge.remove",
        "DELETE FROM edge_configuration WHERE account = $1 AND region = $2 AND stream_name = $3 AND change_token = $4")

    /// Gives the agent $7 milliseconds more for its next word on the revision $5, in the status $6.
    static let extendDeadline = Statement(
        "edge.extend-deadline",
        """
        UPDATE edge_configuration SET deadline = now_ms() + CAST($7 AS BIGINT)
        WHERE account = $1 AND region = $2 AND stream_name = $3 AND stream_arn = $4 AND revision = $5 AND sync_status = $6
        RETURNING stream_arn
        """,
        decode: arn)

    /// Keeps what the agent of the thing $5 reports on the recorder ($6 status, $7 details, $8 when) and on the uploader ($9, $10, $11).
    static let report = Statement(
        "edge.report",
        """
        UPDATE edge_configuration SET
            recorder_details = CASE WHEN CAST($6 AS TEXT) IS NULL THEN recorder_details ELSE $7 END,
            recorder_collected_at = CASE WHEN CAST($6 AS TEXT) IS NULL THEN recorder_collected_at
                ELSE coalesce(CAST($8 AS BIGINT), now_ms()) END,
            recorder_updated_at = CASE WHEN CAST($6 AS TEXT) IS NULL THEN recorder_updated_at ELSE now_ms() END,
            recorder_status = coalesce($6, recorder_status),
            uploader_details = CASE WHEN CAST($9 AS TEXT) IS NULL THEN uploader_details ELSE $10 END,
            uploader_collected_at = CASE WHEN CAST($9 AS TEXT) IS NULL THEN uploader_collected_at
                ELSE coalesce(CAST($11 AS BIGINT), now_ms()) END,
            uploader_updated_at = CASE WHEN CAST($9 AS TEXT) IS NULL THEN uploader_updated_at ELSE now_ms() END,
            uploader_status = coalesce($9, uploader_status)
        WHERE account = $1 AND region = $2 AND stream_name = $3 AND stream_arn = $4 AND hub_device_arn = $5
        RETURNING stream_arn
        """,
        decode: arn)

    /// Has the stream count the event of a change of its configuration.
    static let touchStream = Statement<Void>(
        "edge.touch-stream",
        """
        UPDATE stream SET change_token = $4, event_sequence = event_sequence + 1, changed_at = now_ms()
        WHERE account = $1 AND region = $2 AND name = $3 AND EXISTS (
            SELECT 1 FROM edge_configuration AS edge
            WHERE edge.account = $1 AND edge.region = $2 AND edge.stream_name = $3 AND edge.change_token = $4)
        """)

    static let removeOfStream = Statement<Void>(
        "edge.remove-of-stream",
        """
        DELETE FROM edge_configuration WHERE account = $1 AND region = $2 AND stream_name = $3 AND stream_arn IN
            (SELECT arn FROM stream WHERE account = $1 AND region = $2 AND name = $3 AND change_token = $4)
        """)

    static let all: [StatementText] = [
        find.text, listOfHub.text, changesOfHub.text, listOverdue.text, start.text, delete.text, move.text, remove.text,
        extendDeadline.text, report.text, touchStream.text, removeOfStream.text,
    ]
}
