import SQL

/// A destination for which events wait although it is disabled, or gone: then there is no reason.
struct AbandonedDestination: Sendable {
    let id: String
    let reason: String?
}

/// Statements on events that are on their way.
enum DeliveryStatements {
    private static let eventColumns = """
        event.resource_arn, event.sequence, event.type, event.account, event.region, event.status, event.version, event.key_id,
        event.request_id, event.occurred_at, event.detail
        """

    private static func event(_ row: inout Row) throws(DatabaseError) -> Event {
        Event(
            resourceARN: try row.text(), sequence: try row.integer(), type: try row.text(), account: try row.text(),
            region: try row.text(), status: try row.text(), version: try row.text(), keyID: try row.text(), requestID: try row.text(),
            occurredAt: try row.integer(), detail: try row.optionalText())
    }

    private static func text(_ row: inout Row) throws(DatabaseError) -> String { try row.text() }

    /// Destination, resource and lease token of a queue whose lease was ended, as arguments name it.
    private static func key(_ row: inout Row) throws(DatabaseError) -> [SQLValue] { row.values }

    /// Every destination for which something waits, by a loose scan of the index: one step for each destination.
    private static let waitingDestinations = """
        WITH RECURSIVE waiting(destination_id) AS (
            SELECT min(destination_id) FROM delivery_queue
            UNION ALL
            SELECT (SELECT min(delivery_queue.destination_id) FROM delivery_queue
                WHERE delivery_queue.destination_id > waiting.destination_id)
            FROM waiting WHERE waiting.destination_id IS NOT NULL
        )
        """

    /// The destinations that may be sent to and that have events which are due.
    static let due = Statement(
        "delivery.due",
        """
        \(waitingDestinations)
        SELECT \(DestinationStatements.columns), CAST(0 AS BIGINT)
        FROM waiting JOIN destination ON destination.id = waiting.destination_id
        WHERE destination.status = 'ACTIVE' AND destination.retry_at <= (SELECT now_ms())
            AND EXISTS (SELECT 1 FROM delivery_queue WHERE delivery_queue.destination_id = waiting.destination_id
                AND delivery_queue.available_at <= (SELECT now_ms()))
        """,
        decode: DestinationStatements.record)

    /// The destinations for which events wait although they are disabled or gone, and the reason: NULL for those that are gone.
    static let abandoned = Statement(
        "delivery.abandoned",
        """
        \(waitingDestinations)
        SELECT waiting.destination_id, CASE WHEN destination.id IS NULL THEN NULL ELSE coalesce(destination.status_reason, 'disabled') END
        FROM waiting LEFT JOIN destination ON destination.id = waiting.destination_id
        WHERE waiting.destination_id IS NOT NULL AND (destination.id IS NULL OR destination.status = 'DISABLED')
        """
    ) { row throws(DatabaseError) in AbandonedDestination(id: try row.text(), reason: try row.optionalText()) }

    private static func queue(_ row: inout Row) throws(DatabaseError) -> LeasedQueue {
        LeasedQueue(
            destinationID: try row.text(), resourceARN: try row.text(), enqueued: try row.integer(), leasedUntil: try row.integer())
    }

    // Each event goes through the next four. These tables fill and empty all the time, so what Postgres knows of them is often wrong, and with it its
    // choice of an index or of the order of a join. The texts leave it no choice: a row is found by its whole key, before which nothing else can be
    // put (a LIMIT sees to it), or by where it lies.

    /// Leases at most $4 queues of the destination $1, if it may be sent to, under $2 for $3 milliseconds.
    static let claim = Statement(
        "delivery.claim",
        """
        WITH due AS MATERIALIZED (
            SELECT destination_id, resource_arn /*postgres , ctid AS place */ FROM delivery_queue
            WHERE destination_id = $1 AND available_at <= (SELECT now_ms())
                AND EXISTS (SELECT 1 FROM destination WHERE id = $1 AND status = 'ACTIVE' AND retry_at <= (SELECT now_ms()))
            ORDER BY available_at LIMIT CAST($4 AS BIGINT)
            /*postgres FOR UPDATE SKIP LOCKED */
        )
        UPDATE delivery_queue SET lease_token = $2, available_at = now_ms() + CAST($3 AS BIGINT)
        FROM due WHERE delivery_queue.destination_id = due.destination_id AND delivery_queue.resource_arn = due.resource_arn
            /*postgres AND delivery_queue.ctid = due.place */
        RETURNING delivery_queue.destination_id, delivery_queue.resource_arn, delivery_queue.enqueued, delivery_queue.available_at
        """,
        decode: queue)

    /// The events in the queues of the destination $3 that are leased under $1 until a moment from $4 to $5: the first $2 events of each, in
    /// their order.
    static let waiting = Statement(
        "delivery.waiting",
        """
        WITH leased AS MATERIALIZED (
            SELECT destination_id, resource_arn, coalesce((SELECT later.sequence FROM delivery AS later
                    WHERE later.destination_id = delivery_queue.destination_id AND later.resource_arn = delivery_queue.resource_arn
                        AND later.state = 'PENDING' ORDER BY later.sequence LIMIT 1 OFFSET CAST($2 AS BIGINT)),
                9223372036854775807) AS beyond
            FROM delivery_queue
            WHERE destination_id = $3 AND available_at BETWEEN CAST($4 AS BIGINT) AND CAST($5 AS BIGINT) AND lease_token = $1
        )
        SELECT delivery.destination_id, \(eventColumns), delivery.attempts,
            now_ms() - delivery.failing_since, delivery.replayed
        FROM leased
            JOIN /*postgres LATERAL (SELECT * FROM delivery
                    WHERE destination_id = leased.destination_id AND resource_arn = leased.resource_arn AND state = 'PENDING'
                    ORDER BY sequence LIMIT CAST($2 AS BIGINT)) AS */
                delivery ON delivery.destination_id = leased.destination_id AND delivery.resource_arn = leased.resource_arn
                    AND delivery.state = 'PENDING' AND delivery.sequence < leased.beyond
            JOIN /*postgres LATERAL (SELECT * FROM event
                    WHERE occurred_at = delivery.occurred_at AND resource_arn = delivery.resource_arn AND sequence = delivery.sequence
                    LIMIT 1) AS */
                event ON event.occurred_at = delivery.occurred_at AND event.resource_arn = delivery.resource_arn
                AND event.sequence = delivery.sequence
        ORDER BY delivery.destination_id, delivery.resource_arn, delivery.sequence
        """
    ) { row throws(DatabaseError) in
        WaitingEvent(
            destinationID: try row.text(), event: try event(&row), attempts: try row.integer(), failingFor: try row.optionalInteger() ?? 0,
            isReplay: try row.integer() == 1)
    }

    private static let one = """
        occurred_at = CAST($1 AS BIGINT) AND resource_arn = $2 AND sequence = CAST($3 AS BIGINT) AND destination_id = $4
        """

    /// The event ($1, $2, $3) has arrived at the destination $4, with the status $5.
    static let deliver = Statement<Void>(
        "delivery.deliver",
        """
        UPDATE delivery SET state = 'DELIVERED', attempts = attempts + 1, finished_at = now_ms(), last_status = CAST($5 AS BIGINT),
            last_error = NULL
        WHERE \(one) AND state = 'PENDING'
        """,
        forMany: """
            UPDATE delivery SET state = 'DELIVERED', attempts = attempts + 1, finished_at = now_ms(), last_status = found.status,
                last_error = NULL
            FROM (SELECT waiting.ctid AS place, given.status
                FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS TEXT[]), CAST($3 AS BIGINT[]), CAST($4 AS TEXT[]), CAST($5 AS BIGINT[]))
                        AS given (occurred_at, resource_arn, sequence, destination_id, status)
                    CROSS JOIN LATERAL (SELECT ctid FROM delivery
                        WHERE occurred_at = given.occurred_at AND resource_arn = given.resource_arn AND sequence = given.sequence
                            AND destination_id = given.destination_id AND finished_at IS NULL LIMIT 1) AS waiting) AS found
            WHERE delivery.ctid = found.place AND finished_at IS NULL
            """)

    /// Counts the attempt $8 as failed; where $7 is 1 the event is given up. The guard on `attempts` counts each attempt once.
    static let fail = Statement<Void>(
        "delivery.fail",
        """
        UPDATE delivery SET attempts = attempts + 1, last_status = CAST($5 AS BIGINT), last_error = $6,
            failing_since = coalesce(failing_since, now_ms()),
            state = CASE WHEN CAST($7 AS BIGINT) = 1 THEN 'DEAD' ELSE state END,
            finished_at = CASE WHEN CAST($7 AS BIGINT) = 1 THEN now_ms() ELSE finished_at END
        WHERE \(one) AND state = 'PENDING' AND attempts = CAST($8 AS BIGINT) - 1
        """)

    /// Keeps the failed attempt $5 of the event ($1, $2, $3) at the destination $4. Runs before the attempt is counted.
    static let insertAttempt = Statement<Void>(
        "delivery.insert-attempt",
        """
        INSERT INTO delivery_attempt (resource_arn, sequence, destination_id, attempt, ended_at, duration_ms, http_status, error)
        SELECT resource_arn, sequence, destination_id, CAST($5 AS BIGINT), now_ms(), CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($8 AS TEXT)
        FROM delivery WHERE \(one) AND state = 'PENDING' AND attempts = CAST($5 AS BIGINT) - 1
        ON CONFLICT (resource_arn, sequence, destination_id, ended_at, attempt) DO NOTHING
        """)

    /// Removes the queue that is leased under $3, if nothing was added since it held $4.
    static let removeQueue = Statement(
        "delivery.remove-queue",
        """
        DELETE FROM delivery_queue WHERE destination_id = $1 AND resource_arn = $2 AND lease_token = $3 AND enqueued = CAST($4 AS BIGINT)
        RETURNING resource_arn
        """,
        decode: text)

    /// Gives the queue that is leased under $3 back, to be taken again $4 milliseconds from now.
    static let releaseQueue = Statement<Void>(
        "delivery.release-queue",
        """
        UPDATE delivery_queue SET lease_token = NULL, available_at = now_ms() + CAST($4 AS BIGINT)
        WHERE destination_id = $1 AND resource_arn = $2 AND lease_token = $3
        """)

    // The same for a batch with many queues, which must not wait for a row while it holds others: a row that somebody else holds is left alone.
    // The row is looked up by itself and not joined, which Postgres would plan anew each time. The order and the range stand for equality: only the
    // primary key has that order, and not the index that has the destination's other queues.

    static let removeFreeQueue = Statement(
        "delivery.remove-free-queue",
        """
        DELETE FROM delivery_queue WHERE destination_id = $1 AND resource_arn = $2 AND lease_token = $3 AND enqueued = CAST($4 AS BIGINT)
        RETURNING destination_id, resource_arn, CAST($3 AS TEXT)
        """,
        forMany: """
            DELETE FROM delivery_queue WHERE ctid = ANY (ARRAY(
                SELECT leased.ctid
                FROM unnest(CAST($1 AS TEXT[]), CAST($2 AS TEXT[]), CAST($3 AS TEXT[]), CAST($4 AS BIGINT[]))
                        AS given (destination_id, resource_arn, lease_token, enqueued)
                    CROSS JOIN LATERAL (SELECT ctid FROM delivery_queue
                        WHERE destination_id = given.destination_id
                            AND resource_arn BETWEEN given.resource_arn AND given.resource_arn
                            AND lease_token = given.lease_token AND enqueued = given.enqueued
                        ORDER BY destination_id, resource_arn LIMIT 1 FOR UPDATE SKIP LOCKED) AS leased))
            RETURNING destination_id, resource_arn, lease_token
            """,
        decode: key)

    static let releaseFreeQueue = Statement(
        "delivery.release-free-queue",
        """
        UPDATE delivery_queue SET lease_token = NULL, available_at = now_ms() + CAST($4 AS BIGINT)
        WHERE destination_id = $1 AND resource_arn = (SELECT resource_arn FROM delivery_queue
            WHERE destination_id = $1 AND resource_arn = $2 AND lease_token = $3
            /*postgres FOR UPDATE SKIP LOCKED */)
        RETURNING destination_id, resource_arn, CAST($3 AS TEXT)
        """,
        decode: key)

    /// Makes due now each queue of the destination $1 that is due in more than $2 milliseconds: a clock that ran ahead has left it.
    static let releaseLate = Statement<Void>(
        "delivery.release-late",
        """
        UPDATE delivery_queue SET available_at = now_ms()
        WHERE destination_id = $1 AND available_at > (SELECT now_ms()) + CAST($2 AS BIGINT)
        """)

    // The end of what waits for a destination that is gone or wants no more, one queue after the other.

    /// At most $2 queues of the destination $1, leased or not.
    static let queues = Statement(
        "delivery.queues",
        "SELECT destination_id, resource_arn, enqueued, available_at FROM delivery_queue WHERE destination_id = $1 LIMIT CAST($2 AS BIGINT)",
        decode: queue)

    static let giveUp = Statement<Void>(
        "delivery.give-up",
        """
        UPDATE delivery SET state = 'DEAD', finished_at = now_ms(), last_error = $3
        WHERE destination_id = $1 AND resource_arn = $2 AND state = 'PENDING' AND \(isUnwanted)
        """)

    static let forget = Statement<Void>(
        "delivery.forget",
        "DELETE FROM delivery WHERE destination_id = $1 AND resource_arn = $2 AND state = 'PENDING' AND \(isUnwanted)")

    /// Removes the queue, under whatever lease, if nothing was added since it held $3.
    static let removeAbandonedQueue = Statement(
        "delivery.remove-abandoned-queue",
        """
        DELETE FROM delivery_queue WHERE destination_id = $1 AND resource_arn = $2 AND enqueued = CAST($3 AS BIGINT) AND \(isUnwanted)
        RETURNING resource_arn
        """,
        decode: text)

    /// False where the destination was enabled again in the meantime.
    private static let isUnwanted = "NOT EXISTS (SELECT 1 FROM destination WHERE id = $1 AND status <> 'DISABLED')"

    // The end of what waits for any other, where an operator wants it.

    /// At most $3 queues of the destination $1 after that of $2, leased or not, in the order of their resources.
    static let queuesAfter = Statement(
        "delivery.queues-after",
        """
        SELECT destination_id, resource_arn, enqueued, available_at FROM delivery_queue WHERE destination_id = $1 AND resource_arn > $2
        ORDER BY destination_id, resource_arn LIMIT CAST($3 AS BIGINT)
        """,
        decode: queue)

    /// Gives up the first $4 events of a queue for the reason $3.
    static let drop = Statement(
        "delivery.drop",
        """
        UPDATE delivery SET state = 'DEAD', finished_at = now_ms(), last_error = $3
        WHERE destination_id = $1 AND resource_arn = $2 AND state = 'PENDING' AND sequence IN (SELECT waiting.sequence
            FROM delivery AS waiting WHERE waiting.destination_id = $1 AND waiting.resource_arn = $2 AND waiting.state = 'PENDING'
            ORDER BY waiting.destination_id, waiting.resource_arn, waiting.sequence LIMIT CAST($4 AS BIGINT))
        RETURNING resource_arn
        """,
        decode: text)

    /// Removes the queue, under whatever lease, if nothing was added since it held $3.
    static let removeDroppedQueue = Statement<Void>(
        "delivery.remove-dropped-queue",
        "DELETE FROM delivery_queue WHERE destination_id = $1 AND resource_arn = $2 AND enqueued = CAST($3 AS BIGINT)"
    )

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
        SELECT destination_id, state, attempts, replayed, finished_at, last_status, last_error FROM delivery
        WHERE occurred_at = CAST($1 AS BIGINT) AND resource_arn = $2 AND sequence = CAST($3 AS BIGINT) ORDER BY destination_id
        """
    ) { row throws(DatabaseError) in
        let id = try row.text()
        return DeliveryRecord(
            destinationID: id, state: try row.value(), attempts: try row.integer(), isReplay: try row.integer() == 1,
            finishedAt: try row.optionalInteger(), lastStatus: try row.optionalInteger(), lastError: try row.optionalText())
    }

    static let attempts = Statement(
        "delivery.attempts-of-event",
        """
        SELECT destination_id, attempt, ended_at, duration_ms, http_status, error FROM delivery_attempt
        WHERE resource_arn = $1 AND sequence = CAST($2 AS BIGINT) ORDER BY destination_id, ended_at, attempt
        """
    ) { row throws(DatabaseError) in
        FailedAttempt(
            destinationID: try row.text(), attempt: try row.integer(), endedAt: try row.integer(), duration: try row.integer(),
            httpStatus: try row.optionalInteger(), error: try row.text())
    }

    /// Why the newest attempt at the destination $1 that failed since $2 did.
    static let lastFailure = Statement(
        "delivery.last-failure",
        """
        SELECT error FROM delivery_attempt WHERE destination_id = $1 AND ended_at >= CAST($2 AS BIGINT)
        ORDER BY ended_at DESC LIMIT CAST(1 AS BIGINT)
        """,
        decode: text)

    /// At most $5 events that were given up, of destinations that exist, after ($1, $2, $3, $4) in the order of time.
    static let dead = Statement(
        "delivery.dead",
        """
        SELECT delivery.destination_id, \(eventColumns) FROM delivery
            JOIN event ON event.occurred_at = delivery.occurred_at AND event.resource_arn = delivery.resource_arn
                AND event.sequence = delivery.sequence
        WHERE delivery.state = 'DEAD' AND delivery.occurred_at >= CAST($1 AS BIGINT)
            AND (delivery.occurred_at, delivery.resource_arn, delivery.sequence, delivery.destination_id)
                > (CAST($1 AS BIGINT), $2, CAST($3 AS BIGINT), $4)
            AND EXISTS (SELECT 1 FROM destination WHERE destination.id = delivery.destination_id)
        ORDER BY delivery.occurred_at, delivery.resource_arn, delivery.sequence, delivery.destination_id LIMIT CAST($5 AS BIGINT)
        """
    ) { row throws(DatabaseError) in DeadLetter(destinationID: try row.text(), event: try event(&row)) }

    /// Sends the event ($1, $2, $3) to the destination $4 again if it has arrived or was given up; matches no row where it still waits.
    static let replay = Statement(
        "delivery.replay",
        """
        UPDATE delivery SET state = 'PENDING', replayed = 1, attempts = 0, failing_since = NULL, finished_at = NULL WHERE \(one) AND state <> 'PENDING'
        RETURNING destination_id
        """,
        decode: text)

    static let enqueueReplay = Statement<Void>(
        "delivery.enqueue-replay",
        """
        INSERT INTO delivery_queue (destination_id, resource_arn, enqueued, available_at, lease_token)
        SELECT destination_id, resource_arn, 1, now_ms(), CAST(NULL AS TEXT) FROM delivery WHERE \(one) AND state = 'PENDING'
        ON CONFLICT (destination_id, resource_arn) DO UPDATE SET enqueued = delivery_queue.enqueued + 1
        """)

    static let now = Statement("clock.now", "SELECT now_ms()") { row throws(DatabaseError) in try row.integer() }

    /// How many events wait: at most $1 are counted.
    static let countPending = Statement(
        "delivery.count-pending",
        """
        SELECT count(*) FROM
            (SELECT 1 FROM delivery WHERE state = 'PENDING' ORDER BY destination_id, resource_arn, sequence LIMIT CAST($1 AS BIGINT)) AS waiting
        """
    ) { row throws(DatabaseError) in try row.integer() }

    /// How many of the first $1 events wait for destinations of each status, and for destinations that are gone, and the age of the oldest.
    static let backlog = Statement(
        "delivery.backlog",
        """
        SELECT \(DeliveryBacklog.statuses.map(backlogColumns).joined(separator: ", "))
        FROM (SELECT destination_id, occurred_at FROM delivery WHERE state = 'PENDING'
                ORDER BY destination_id, resource_arn, sequence LIMIT CAST($1 AS BIGINT)) AS waiting
            LEFT JOIN destination ON destination.id = waiting.destination_id
        """
    ) { row throws(DatabaseError) in
        var statuses: [DeliveryBacklog] = []
        for status in DeliveryBacklog.statuses {
            statuses.append(DeliveryBacklog(status: status, count: try row.integer(), oldestAge: try row.optionalInteger() ?? 0))
        }
        return statuses
    }

    private static func backlogColumns(_ status: DestinationStatus?) -> String {
        let filter = "FILTER (WHERE destination.status \(status.map { "= '\($0.rawValue)'" } ?? "IS NULL"))"
        return "count(*) \(filter), (SELECT now_ms()) - min(occurred_at) \(filter)"
    }

    /// The first queue after that of ($1, $2), by destination and resource.
    static let nextQueue = Statement(
        "delivery.next-queue",
        """
        SELECT destination_id, resource_arn, enqueued, available_at FROM delivery_queue WHERE (destination_id, resource_arn) > ($1, $2)
        ORDER BY destination_id, resource_arn LIMIT 1
        """,
        decode: queue)

    /// How many events of the resources from $2 to below $3 wait for the destination $1: at most $4 are counted. Those of media, whose subject is
    /// a part of a stream, wait in bounds of their own.
    static let countPendingOf = Statement(
        "delivery.count-pending-of",
        """
        SELECT count(*) FROM (SELECT 1 FROM delivery WHERE destination_id = $1 AND resource_arn >= $2 AND resource_arn < $3
            AND state = 'PENDING' AND resource_arn NOT LIKE '%:stream/%/%/%' ORDER BY destination_id, resource_arn, sequence LIMIT CAST($4 AS BIGINT)) AS waiting
        """
    ) { row throws(DatabaseError) in try row.integer() }

    // Events that no resource counts: of limits and of destinations. The primary key sees to it that there is one of each; the moment is the
    // sequence number too, so that those of one subject are in order.

    static let insertEvent = Statement(
        "event.insert",
        """
        INSERT INTO event (resource_arn, sequence, type, account, region, status, version, change_token, key_id, request_id, occurred_at)
        VALUES ($1, CAST($9 AS BIGINT), $2, $3, $4, $5, '', $6, $7, $8, CAST($9 AS BIGINT))
        ON CONFLICT (occurred_at, resource_arn, sequence) DO NOTHING
        RETURNING resource_arn
        """,
        decode: text)

    private static let told = """
        told.changed_at = CAST($2 AS BIGINT) AND told.arn = $1 AND told.event_sequence = CAST($2 AS BIGINT) AND told.change_token = $3
        """
    private static let toldSource = """
        (SELECT resource_arn AS arn, sequence AS event_sequence, occurred_at AS changed_at, account, type, change_token FROM event) AS told
        """
    static let insertEventDeliveries = Statement<Void>(
        "delivery.insert-for-event",
        DeliveryTargets.insert(table: "told", source: toldSource, condition: told, type: "told.type"))
    static let enqueueEventDeliveries = Statement<Void>(
        "delivery.enqueue-for-event",
        DeliveryTargets.enqueue(table: "told", source: toldSource, condition: told))

    // Retention, in bounded batches.

    static let removeOld = Statement(
        "delivery.remove-old",
        """
        DELETE FROM delivery WHERE finished_at IS NOT NULL AND (occurred_at, resource_arn, sequence, destination_id) IN
            (SELECT occurred_at, resource_arn, sequence, destination_id FROM delivery
            WHERE finished_at < (SELECT now_ms()) - CAST($1 AS BIGINT) ORDER BY finished_at LIMIT CAST($2 AS BIGINT))
        RETURNING sequence
        """
    ) { row throws(DatabaseError) in try row.integer() }

    static let removeOldAttempts = Statement(
        "delivery.remove-old-attempts",
        """
        DELETE FROM delivery_attempt WHERE (resource_arn, sequence, destination_id, ended_at, attempt) IN
            (SELECT resource_arn, sequence, destination_id, ended_at, attempt FROM delivery_attempt
            WHERE ended_at < (SELECT now_ms()) - CAST($1 AS BIGINT) ORDER BY ended_at LIMIT CAST($2 AS BIGINT))
        RETURNING sequence
        """
    ) { row throws(DatabaseError) in try row.integer() }

    static let all: [StatementText] = [
        due.text, abandoned.text, claim.text, waiting.text, deliver.text, fail.text, insertAttempt.text, removeQueue.text,
        releaseQueue.text, removeFreeQueue.text, releaseFreeQueue.text, queues.text, giveUp.text, forget.text, removeAbandonedQueue.text,
        releaseLate.text, queuesAfter.text, drop.text, removeDroppedQueue.text, nextQueue.text, countPendingOf.text, tail.text,
        findEvent.text, deliveries.text, attempts.text, lastFailure.text,
        dead.text, replay.text, enqueueReplay.text, now.text, countPending.text, backlog.text,
        insertEvent.text, insertEventDeliveries.text, enqueueEventDeliveries.text, removeOld.text, removeOldAttempts.text,
    ]
}
