import SQL

/// Statements on events that are on their way.
enum DeliveryStatements {
    private static let eventColumns = """
        event.resource_arn, event.sequence, event.type, event.account, event.region, event.status, event.version, event.key_id,
        event.request_id, event.occurred_at
        """

    private static func event(_ row: inout Row) throws(DatabaseError) -> TellingEvent {
        TellingEvent(
            resourceARN: try row.text(), sequence: try row.integer(), type: try row.text(), account: try row.text(),
            region: try row.text(), status: try row.text(), version: try row.text(), keyID: try row.text(), requestID: try row.text(),
            occurredAt: try row.integer())
    }

    private static func text(_ row: inout Row) throws(DatabaseError) -> String { try row.text() }

    /// The destinations that have work which is due and that may be sent to. A loose scan of the index: one step for each destination.
    static let due = Statement(
        "delivery.due",
        """
        WITH RECURSIVE waiting(id) AS (
            SELECT min(destination_id) FROM delivery_queue
            UNION ALL
            SELECT (SELECT min(destination_id) FROM delivery_queue WHERE destination_id > waiting.id) FROM waiting
            WHERE waiting.id IS NOT NULL
        )
        SELECT destination.id FROM waiting JOIN destination ON destination.id = waiting.id
        WHERE destination.status = 'ACTIVE' AND destination.retry_at <= (SELECT now_ms())
            AND EXISTS (SELECT 1 FROM delivery_queue WHERE delivery_queue.destination_id = waiting.id
                AND delivery_queue.available_at <= (SELECT now_ms()))
        """,
        decode: text)

    /// Leases at most $4 queues of the destination $1 under $2 for $3 milliseconds.
    static let claim = Statement(
        "delivery.claim",
        """
        WITH due AS MATERIALIZED (
            SELECT destination_id, resource_arn FROM delivery_queue
            WHERE destination_id = $1 AND available_at <= (SELECT now_ms()) ORDER BY available_at LIMIT CAST($4 AS BIGINT)
            /*postgres FOR UPDATE SKIP LOCKED */
        )
        UPDATE delivery_queue SET lease_token = $2, available_at = now_ms() + CAST($3 AS BIGINT), attempt = delivery_queue.attempt + 1
        FROM due WHERE delivery_queue.destination_id = due.destination_id AND delivery_queue.resource_arn = due.resource_arn
        RETURNING delivery_queue.destination_id, delivery_queue.resource_arn, delivery_queue.enqueued, delivery_queue.attempt
        """
    ) { row throws(DatabaseError) in
        LeasedQueue(
            destinationID: try row.text(), resourceARN: try row.text(), enqueued: try row.integer(), attempt: try row.integer())
    }

    /// What waits in the queues that are leased under $1, at most $2 events, each resource's in their order.
    static let waiting = Statement(
        "delivery.waiting",
        """
        SELECT delivery.destination_id, \(eventColumns), delivery.replayed
        FROM delivery_queue
            JOIN delivery ON delivery.destination_id = delivery_queue.destination_id
                AND delivery.resource_arn = delivery_queue.resource_arn AND delivery.state = 'PENDING'
            JOIN event ON event.occurred_at = delivery.occurred_at AND event.resource_arn = delivery.resource_arn
                AND event.sequence = delivery.sequence
        WHERE delivery_queue.lease_token = $1
        ORDER BY delivery.destination_id, delivery.resource_arn, delivery.sequence LIMIT CAST($2 AS BIGINT)
        """
    ) { row throws(DatabaseError) in
        WaitingEvent(destinationID: try row.text(), event: try event(&row), isReplay: try row.integer() == 1)
    }

    /// The event $3 of the resource $2 has arrived at the destination $1, with the status $4.
    static let deliver = Statement<Void>(
        "delivery.deliver",
        """
        UPDATE delivery SET state = 'DELIVERED', attempts = attempts + 1, finished_at = now_ms(), last_status = CAST($4 AS BIGINT),
            last_error = NULL
        WHERE destination_id = $1 AND resource_arn = $2 AND sequence = CAST($3 AS BIGINT) AND state = 'PENDING'
        """)

    /// It has not; the last attempt is told. With $6 it is given up.
    static let fail = Statement<Void>(
        "delivery.fail",
        """
        UPDATE delivery SET attempts = attempts + 1, last_status = CAST($4 AS BIGINT), last_error = $5,
            state = CASE WHEN CAST($6 AS BIGINT) = 1 THEN 'DEAD' ELSE state END,
            finished_at = CASE WHEN CAST($6 AS BIGINT) = 1 THEN now_ms() ELSE finished_at END
        WHERE destination_id = $1 AND resource_arn = $2 AND sequence = CAST($3 AS BIGINT) AND state = 'PENDING'
        """)

    static let insertAttempt = Statement<Void>(
        "delivery.insert-attempt",
        """
        INSERT INTO delivery_attempt (destination_id, resource_arn, sequence, attempt, ended_at, duration_ms, http_status, error)
        VALUES ($1, $2, CAST($3 AS BIGINT), CAST($4 AS BIGINT), now_ms(), CAST($5 AS BIGINT), CAST($6 AS BIGINT), $7)
        ON CONFLICT (destination_id, resource_arn, sequence, attempt, ended_at) DO NOTHING
        """)

    /// Removes the queue that is leased under $3, if nothing was added since it held $4.
    static let removeQueue = Statement<Void>(
        "delivery.remove-queue",
        """
        DELETE FROM delivery_queue WHERE destination_id = $1 AND resource_arn = $2 AND lease_token = $3 AND enqueued = CAST($4 AS BIGINT)
        """)

    /// Gives the queue that is leased under $3 back, to be taken again $4 milliseconds from now. With $5 the first that waits is another.
    static let releaseQueue = Statement<Void>(
        "delivery.release-queue",
        """
        UPDATE delivery_queue SET lease_token = NULL, available_at = now_ms() + CAST($4 AS BIGINT),
            attempt = CASE WHEN CAST($5 AS BIGINT) = 1 THEN 0 ELSE attempt END
        WHERE destination_id = $1 AND resource_arn = $2 AND lease_token = $3
        """)

    // What operators see and do.

    /// The events from the moment $1 on after the event ($1, $2, $3), at most $4 of them, in the order of time.
    static let tail = Statement(
        "event.tail",
        """
        SELECT \(eventColumns) FROM event
        WHERE occurred_at >= CAST($1 AS BIGINT) AND (occurred_at, resource_arn, sequence) > (CAST($1 AS BIGINT), $2, CAST($3 AS BIGINT))
        ORDER BY occurred_at, resource_arn, sequence LIMIT CAST($4 AS BIGINT)
        """,
        decode: event)

    static let findEvent = Statement(
        "event.find",
        "SELECT \(eventColumns) FROM event WHERE occurred_at = CAST($1 AS BIGINT) AND resource_arn = $2 AND sequence = CAST($3 AS BIGINT)",
        decode: event)

    static let deliveries = Statement(
        "delivery.list-of-event",
        """
        SELECT delivery.destination_id, delivery.state, delivery.attempts, delivery.replayed, delivery.finished_at, delivery.last_status,
            delivery.last_error
        FROM destination JOIN delivery ON delivery.destination_id = destination.id
        WHERE delivery.resource_arn = $1 AND delivery.sequence = CAST($2 AS BIGINT) ORDER BY delivery.destination_id
        """
    ) { row throws(DatabaseError) in
        DeliveryRecord(
            destinationID: try row.text(), state: try row.text(), attempts: try row.integer(), isReplay: try row.integer() == 1,
            finishedAt: try row.optionalInteger(), lastStatus: try row.optionalInteger(), lastError: try row.optionalText())
    }

    static let attempts = Statement(
        "delivery.attempts-of-event",
        """
        SELECT delivery_attempt.destination_id, delivery_attempt.attempt, delivery_attempt.ended_at, delivery_attempt.duration_ms,
            delivery_attempt.http_status, delivery_attempt.error
        FROM destination JOIN delivery_attempt ON delivery_attempt.destination_id = destination.id
        WHERE delivery_attempt.resource_arn = $1 AND delivery_attempt.sequence = CAST($2 AS BIGINT)
        ORDER BY delivery_attempt.ended_at, delivery_attempt.destination_id
        """
    ) { row throws(DatabaseError) in
        FailedAttempt(
            destinationID: try row.text(), attempt: try row.integer(), endedAt: try row.integer(), duration: try row.integer(),
            httpStatus: try row.optionalInteger(), error: try row.text())
    }

    /// Sends the event again to the destination $1, whether it has arrived or was given up. Nothing where it still waits.
    static let replay = Statement(
        "delivery.replay",
        """
        UPDATE delivery SET state = 'PENDING', replayed = 1, finished_at = NULL
        WHERE destination_id = $1 AND resource_arn = $2 AND sequence = CAST($3 AS BIGINT) AND state <> 'PENDING'
        RETURNING destination_id
        """,
        decode: text)

    static let enqueueReplay = Statement<Void>(
        "delivery.enqueue-replay",
        """
        INSERT INTO delivery_queue (destination_id, resource_arn, enqueued, available_at, attempt, lease_token)
        SELECT destination_id, resource_arn, 1, now_ms(), 0, CAST(NULL AS TEXT) FROM delivery
        WHERE destination_id = $1 AND resource_arn = $2 AND sequence = CAST($3 AS BIGINT) AND state = 'PENDING'
        ON CONFLICT (destination_id, resource_arn) DO UPDATE SET enqueued = delivery_queue.enqueued + 1
        """)

    /// How many events wait: at most $1 are counted.
    static let countPending = Statement(
        "delivery.count-pending",
        """
        SELECT count(*) FROM (SELECT 1 FROM delivery WHERE state = 'PENDING' LIMIT CAST($1 AS BIGINT)) AS waiting
        """
    ) { row throws(DatabaseError) in try row.integer() }

    // Events that no resource counts: of limits and of destinations. The primary key sees to it that there is one of each.

    static let insertEvent = Statement(
        "event.insert",
        """
        INSERT INTO event (resource_arn, sequence, type, account, region, status, version, change_token, key_id, request_id, occurred_at)
        VALUES ($1, 1, $2, $3, $4, $5, '', $6, $7, $8, CAST($9 AS BIGINT))
        ON CONFLICT (occurred_at, resource_arn, sequence) DO NOTHING
        RETURNING resource_arn
        """,
        decode: text)

    private static let told =
        "told.occurred_at = CAST($2 AS BIGINT) AND told.arn = $1 AND told.event_sequence = 1 AND told.change_token = $3"
    private static let toldSource = """
        (SELECT resource_arn AS arn, sequence AS event_sequence, occurred_at, occurred_at AS changed_at, account, type, change_token FROM event) AS told
        """
    static let insertEventDeliveries = Statement<Void>(
        "delivery.insert-for-event",
        DeliveryTargets.insert(table: "told", source: toldSource, condition: told, type: "told.type"))
    static let enqueueEventDeliveries = Statement<Void>(
        "delivery.enqueue-for-event",
        DeliveryTargets.enqueue(table: "told", source: toldSource, condition: told, type: "told.type"))

    // Retention, in bounded batches.

    static let removeOld = Statement(
        "delivery.remove-old",
        """
        DELETE FROM delivery WHERE (destination_id, resource_arn, sequence) IN
            (SELECT destination_id, resource_arn, sequence FROM delivery
            WHERE finished_at < (SELECT now_ms()) - CAST($1 AS BIGINT) ORDER BY finished_at LIMIT CAST($2 AS BIGINT))
        RETURNING sequence
        """
    ) { row throws(DatabaseError) in try row.integer() }

    static let removeOldAttempts = Statement(
        "delivery.remove-old-attempts",
        """
        DELETE FROM delivery_attempt WHERE (destination_id, resource_arn, sequence, attempt, ended_at) IN
            (SELECT destination_id, resource_arn, sequence, attempt, ended_at FROM delivery_attempt
            WHERE ended_at < (SELECT now_ms()) - CAST($1 AS BIGINT) ORDER BY ended_at LIMIT CAST($2 AS BIGINT))
        RETURNING sequence
        """
    ) { row throws(DatabaseError) in try row.integer() }

    /// What belonged to a subscription that was removed: at most $2 rows of each.
    static let removeDeliveriesOf = Statement(
        "delivery.remove-of-destination",
        """
        DELETE FROM delivery WHERE (destination_id, resource_arn, sequence) IN
            (SELECT destination_id, resource_arn, sequence FROM delivery WHERE destination_id = $1 LIMIT CAST($2 AS BIGINT))
        RETURNING sequence
        """
    ) { row throws(DatabaseError) in try row.integer() }

    static let removeQueuesOf = Statement(
        "delivery.remove-queues-of-destination",
        """
        DELETE FROM delivery_queue WHERE (destination_id, resource_arn) IN
            (SELECT destination_id, resource_arn FROM delivery_queue WHERE destination_id = $1 LIMIT CAST($2 AS BIGINT))
        RETURNING enqueued
        """
    ) { row throws(DatabaseError) in try row.integer() }

    static let all: [StatementText] = [
        due.text, claim.text, waiting.text, deliver.text, fail.text, insertAttempt.text, removeQueue.text, releaseQueue.text, tail.text,
        findEvent.text, deliveries.text, attempts.text, replay.text, enqueueReplay.text, countPending.text, insertEvent.text,
        insertEventDeliveries.text, enqueueEventDeliveries.text, removeOld.text, removeOldAttempts.text, removeDeliveriesOf.text,
        removeQueuesOf.text,
    ]
}
