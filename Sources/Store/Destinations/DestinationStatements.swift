import SQL

/// Statements on where events go.
enum DestinationStatements {
    static let columns = """
        destination.id, destination.origin, destination.kind, destination.target, destination.account, destination.region, destination.types,
        destination.resource_prefix, destination.status, destination.status_reason, destination.created_at, destination.failing_since,
        destination.failures, destination.content_type, destination.headers_sealed
        """

    static func record(_ row: inout Row) throws(DatabaseError) -> DestinationRecord {
        let id = try row.text()
        let (origin, kind) = (try row.value(DestinationOrigin.self), try row.value(DestinationKind.self))
        let target = try row.text()
        let (account, region, types, prefix) = (
            try row.optionalText(), try row.optionalText(), try row.optionalText(), try row.optionalText()
        )
        let status = try row.value(DestinationStatus.self)
        return DestinationRecord(
            id: id, origin: origin, kind: kind, target: target, account: account, region: region,
            types: types.map { $0.split(separator: ",").map(String.init) }, resourcePrefix: prefix, status: status,
            statusReason: try row.optionalText(), createdAt: try row.integer(), failingSince: try row.optionalInteger(),
            failures: try row.integer(), contentType: try row.optionalText(), headersSealed: try row.optionalText(),
            pending: try row.integer())
    }

    /// Every destination, with how many events wait for it: at most $1 are counted.
    static let list = Statement(
        "destination.list",
        """
        SELECT \(columns), (SELECT count(*) FROM (SELECT 1 FROM delivery WHERE delivery.destination_id = destination.id
            AND delivery.state = 'PENDING' LIMIT CAST($1 AS BIGINT)) AS waiting)
        FROM destination ORDER BY created_at, id
        """,
        decode: record)

    static let find = Statement(
        "destination.find", "SELECT \(columns), CAST(0 AS BIGINT) FROM destination WHERE id = $1", decode: record)

    static let insertSubscription = Statement<Void>(
        "destination.insert-subscription",
        """
        INSERT INTO destination (id, origin, kind, target, account, region, types, resource_prefix, status, created_at, failures, retry_at,
            content_type, headers_sealed)
        VALUES ($1, 'SUBSCRIPTION', $2, $3, $4, NULL, $5, $6, 'ACTIVE', now_ms(), 0, 0, $7, $8)
        """)

    /// Adds the destination $5 of the stream that was just configured, unless it exists.
    static let insertForStream = Statement<Void>(
        "destination.insert-for-stream",
        """
        INSERT INTO destination (id, origin, kind, target, account, region, status, created_at, failures, retry_at, used_at)
        SELECT $5, 'STREAM', $6, $7, account, region, 'ACTIVE', now_ms(), 0, 0, now_ms()
        FROM stream WHERE account = $1 AND region = $2 AND name = $3 AND change_token = $4
        ON CONFLICT (id) DO UPDATE SET used_at = excluded.used_at
        """)

    /// One row if a stream of the account $1 in the region $2 may name the destination $3; an account may have $4.
    static let room = Statement(
        "destination.room",
        """
        SELECT CAST(1 AS BIGINT) WHERE EXISTS (SELECT 1 FROM destination WHERE id = $3)
            OR (SELECT count(*) FROM destination WHERE origin = 'STREAM' AND account = $1 AND region = $2) < CAST($4 AS BIGINT)
        """
    ) { row throws(DatabaseError) in try row.integer() }

    // What no stream names any more. `used_at` is set by whoever names a destination, in the row itself: a statement that waited for that row sees
    // it, while it may not see the stream.

    private static let unused = """
        origin = 'STREAM' AND used_at < (SELECT now_ms()) - CAST($1 AS BIGINT) AND created_at < (SELECT now_ms()) - CAST($1 AS BIGINT)
            AND (SELECT stream.name FROM stream WHERE stream.notification_destination = destination.id LIMIT 1) IS NULL
            AND (SELECT stream.name FROM stream WHERE stream.fragment_destination = destination.id LIMIT 1) IS NULL
        """

    /// Disables those that no stream has named for $1 milliseconds and that fail, $2 times in a row by now: what waits for them is given up.
    static let disableUnused = Statement<Void>(
        "destination.disable-unused",
        """
        UPDATE destination SET status = 'DISABLED', status_reason = 'no stream names it any more, and it fails'
        WHERE \(unused) AND status = 'ACTIVE' AND failures >= CAST($2 AS BIGINT)
        """)

    /// Removes those that no stream has named for $1 milliseconds and that nothing waits for.
    static let removeUnused = Statement<Void>(
        "destination.remove-unused",
        """
        DELETE FROM destination WHERE \(unused)
            AND (SELECT delivery_queue.resource_arn FROM delivery_queue WHERE delivery_queue.destination_id = destination.id LIMIT 1) IS NULL
        """)

    /// Enables a disabled destination that a stream names again.
    static let enableForStream = Statement<Void>(
        "destination.enable-for-stream",
        """
        UPDATE destination SET status = 'ACTIVE', status_reason = NULL, failing_since = NULL, failures = 0, retry_at = 0
        WHERE id = $5 AND status = 'DISABLED'
            AND EXISTS (SELECT 1 FROM stream WHERE account = $1 AND region = $2 AND name = $3 AND change_token = $4)
        """)

    /// Sets the status $2 for the reason $3; ACTIVE forgets the failures.
    static let setStatus = Statement(
        "destination.set-status",
        """
        UPDATE destination SET status = $2, status_reason = $3, retry_at = CASE WHEN $2 = 'ACTIVE' THEN 0 ELSE retry_at END,
            failing_since = CASE WHEN $2 = 'ACTIVE' THEN NULL ELSE failing_since END,
            failures = CASE WHEN $2 = 'ACTIVE' THEN 0 ELSE failures END
        WHERE id = $1 AND status <> $2
        RETURNING id
        """
    ) { row throws(DatabaseError) in try row.text() }

    static let remove = Statement(
        "destination.remove", "DELETE FROM destination WHERE id = $1 AND origin = 'SUBSCRIPTION' RETURNING id"
    ) { row throws(DatabaseError) in try row.text() }

    static let removeSecrets = Statement("webhook-secret.remove", "DELETE FROM webhook_secret WHERE owner = $1 RETURNING owner") {
        row throws(DatabaseError) in try row.text()
    }

    /// Records attempts: some succeeded where $2 is 1, and $3 failed after the last success.
    static let note = Statement<Void>(
        "destination.note",
        """
        UPDATE destination SET failures = CAST($3 AS BIGINT) + CASE WHEN CAST($2 AS BIGINT) = 1 THEN 0 ELSE failures END,
            failing_since = CASE WHEN CAST($3 AS BIGINT) = 0 THEN NULL WHEN CAST($2 AS BIGINT) = 1 THEN now_ms()
                ELSE coalesce(failing_since, now_ms()) END,
            failed_at = CASE WHEN CAST($3 AS BIGINT) = 0 THEN NULL ELSE now_ms() END
        WHERE id = $1 AND (CAST($3 AS BIGINT) > 0 OR failures > 0)
        """)

    /// Nothing is sent for $2 milliseconds.
    static let holdBack = Statement<Void>(
        "destination.hold-back",
        """
        UPDATE destination SET retry_at = now_ms() + CAST($2 AS BIGINT) WHERE id = $1 AND retry_at < now_ms() + CAST($2 AS BIGINT)
        """)

    /// Ends the quiet of destinations that were to be quiet for more than $1 milliseconds from now.
    static let releaseLate = Statement<Void>(
        "destination.release-late", "UPDATE destination SET retry_at = 0 WHERE retry_at > (SELECT now_ms()) + CAST($1 AS BIGINT)")

    /// The destinations whose attempts all failed, from the first failure to the last, for $1 milliseconds.
    static let failing = Statement(
        "destination.failing",
        """
        SELECT \(columns), CAST(0 AS BIGINT) FROM destination
        WHERE status = 'ACTIVE' AND failed_at - failing_since >= CAST($1 AS BIGINT)
        """,
        decode: record)

    /// Pauses the destination $1, by the change $3, if its attempts still all fail.
    static let pauseFailing = Statement(
        "destination.pause-failing",
        """
        UPDATE destination SET status = 'PAUSED', status_reason = 'every attempt failed for too long', change_token = $3
        WHERE id = $1 AND status = 'ACTIVE' AND failed_at - failing_since >= CAST($2 AS BIGINT)
        RETURNING id
        """
    ) { row throws(DatabaseError) in try row.text() }

    private static let paused = EventName.destinationPaused.rawValue

    /// Tells under the ARN $2 that the change $3 has paused the destination $1, at the moment $4.
    static let insertPausedEvent = Statement<Void>(
        "event.insert-for-paused-destination",
        """
        INSERT INTO event (resource_arn, sequence, type, account, region, status, version, change_token, key_id, request_id, occurred_at)
        SELECT CAST($2 AS TEXT), CAST($4 AS BIGINT), '\(paused)', coalesce(account, ''), coalesce(region, ''), status, '', change_token, '', '',
            CAST($4 AS BIGINT)
        FROM destination WHERE id = $1 AND change_token = $3
        """)

    /// The two newest secrets of an owner, the newest first.
    static let secrets = Statement(
        "webhook-secret.find", "SELECT secret_sealed, created_at FROM webhook_secret WHERE owner = $1 ORDER BY created_at DESC LIMIT 2"
    ) { row throws(DatabaseError) in
        WebhookSecretRecord(secretSealed: try row.text(), createdAt: try row.integer())
    }

    static let insertSecret = Statement(
        "webhook-secret.insert",
        """
        INSERT INTO webhook_secret (owner, created_at, secret_sealed) VALUES ($1, now_ms(), $2)
        ON CONFLICT (owner, created_at) DO NOTHING
        RETURNING owner
        """
    ) { row throws(DatabaseError) in try row.text() }

    /// Only the two newest are in use.
    static let removeOldSecrets = Statement<Void>(
        "webhook-secret.remove-old",
        """
        DELETE FROM webhook_secret WHERE owner = $1 AND created_at NOT IN
            (SELECT created_at FROM webhook_secret WHERE owner = $1 ORDER BY created_at DESC LIMIT 2)
        """)

    static let all: [StatementText] = [
        list.text, find.text, insertSubscription.text, insertForStream.text, enableForStream.text, setStatus.text, remove.text,
        removeSecrets.text, room.text, disableUnused.text, removeUnused.text, note.text, holdBack.text, releaseLate.text, failing.text,
        pauseFailing.text,
        insertPausedEvent.text, secrets.text,
        insertSecret.text, removeOldSecrets.text,
    ]
}

/// A secret that webhooks are signed with, as it is stored.
public struct WebhookSecretRecord: Sendable, Hashable {
    /// Encrypted under the deployment's master key.
    public let secretSealed: String
    /// Milliseconds since the epoch.
    public let createdAt: Int64

    /// Whether it stands in place of the derived secret: programs of schema 6 and older made one at the first use.
    public var isFirst: Bool { createdAt == 0 }
}
