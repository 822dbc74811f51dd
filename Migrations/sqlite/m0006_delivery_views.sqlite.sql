-- Who changed the row last, by which the rest of a batch knows whether it was this batch.
ALTER TABLE destination ADD COLUMN change_token TEXT;

-- What was given up, which operators look for and send again.
CREATE INDEX delivery_dead ON delivery (occurred_at, resource_arn, sequence, destination_id) WHERE state = 'DEAD';

-- What was leased is found by the destination and the end of its lease.
DROP INDEX delivery_queue_lease;

-- Views of deliveries for people who look into the database, as those of events and tasks.

-- target: the ARN of a topic or the path of a file; of a webhook only the host (and port), since the rest of a URL may be as good as a password.
-- waiting_queues: how many resources have events that wait for it. retry_at: NULL where nothing holds it back.
CREATE VIEW destinations AS
SELECT id, origin, kind,
    CASE WHEN kind = 'WEBHOOK' THEN substr(authority, instr(authority, '@') + 1) ELSE target END AS target,
    account, region, trim(types, ',') AS types, resource_prefix, status, status_reason,
    strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000, 'unixepoch') || printf('.%03dZ', created_at % 1000) AS created_at,
    (SELECT count(*) FROM delivery_queue WHERE delivery_queue.destination_id = parts.id) AS waiting_queues,
    failures,
    strftime('%Y-%m-%dT%H:%M:%S', failing_since / 1000, 'unixepoch') || printf('.%03dZ', failing_since % 1000) AS failing_since_at,
    strftime('%Y-%m-%dT%H:%M:%S', failed_at / 1000, 'unixepoch') || printf('.%03dZ', failed_at % 1000) AS failed_at,
    strftime('%Y-%m-%dT%H:%M:%S', nullif(retry_at, 0) / 1000, 'unixepoch') || printf('.%03dZ', nullif(retry_at, 0) % 1000) AS retry_at
FROM (
    SELECT destination.*,
        substr(rest, 1, instr(replace(replace(rest, '?', '/'), '#', '/') || '/', '/') - 1) AS authority
    FROM (SELECT *, substr(target, instr(target, '://') + 3) AS rest FROM destination) AS destination
) AS parts;

-- An event on its way to one destination. state: PENDING, DELIVERED, or DEAD where it was given up. Conditions on occurred_at_ms search the
-- primary key, as those of events do.
CREATE VIEW deliveries AS
SELECT strftime('%Y-%m-%dT%H:%M:%S', occurred_at / 1000, 'unixepoch') || printf('.%03dZ', occurred_at % 1000) AS occurred_at, resource_arn, sequence,
    (SELECT event.type FROM event WHERE event.occurred_at = delivery.occurred_at AND event.resource_arn = delivery.resource_arn
        AND event.sequence = delivery.sequence) AS type,
    destination_id, state, attempts, replayed AS is_replayed,
    strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000, 'unixepoch') || printf('.%03dZ', created_at % 1000) AS created_at,
    strftime('%Y-%m-%dT%H:%M:%S', failing_since / 1000, 'unixepoch') || printf('.%03dZ', failing_since % 1000) AS failing_since_at,
    strftime('%Y-%m-%dT%H:%M:%S', finished_at / 1000, 'unixepoch') || printf('.%03dZ', finished_at % 1000) AS finished_at,
    last_status AS last_http_status, last_error, occurred_at AS occurred_at_ms
FROM delivery;

-- The events of one resource that wait for one destination. state: as in tasks.
CREATE VIEW delivery_queues AS
SELECT destination_id, resource_arn,
    CASE WHEN available_at > (SELECT ms FROM clock) THEN CASE WHEN lease_token IS NULL THEN 'SCHEDULED' ELSE 'LEASED' END
        ELSE CASE WHEN lease_token IS NULL THEN 'DUE' ELSE 'LEASE_ENDED' END END AS state,
    strftime('%Y-%m-%dT%H:%M:%S', available_at / 1000, 'unixepoch') || printf('.%03dZ', available_at % 1000) AS available_at,
    CASE WHEN available_at < (SELECT ms FROM clock) THEN ((SELECT ms FROM clock) - available_at) / 1000 ELSE 0 END AS overdue_seconds,
    lease_token, available_at AS available_at_ms
FROM delivery_queue;

-- Attempts that failed, the last one of each delivery included.
CREATE VIEW delivery_attempts AS
SELECT strftime('%Y-%m-%dT%H:%M:%S', ended_at / 1000, 'unixepoch') || printf('.%03dZ', ended_at % 1000) AS ended_at, destination_id, resource_arn, sequence, attempt,
    duration_ms AS duration_milliseconds, http_status, error, ended_at AS ended_at_ms
FROM delivery_attempt;
