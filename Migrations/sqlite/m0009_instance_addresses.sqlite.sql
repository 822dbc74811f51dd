-- Where clients reach an instance by itself, as it tells; NULL where it tells none.
ALTER TABLE instance ADD COLUMN address TEXT;

DROP VIEW instances;
-- is_alive: as `weir status` has it: it has not stopped, and was heard of in the last fifteen seconds.
CREATE VIEW instances AS
SELECT id, host, process_id, version, roles, schema_version, status,
    CASE WHEN status <> 'STOPPED' AND (SELECT ms FROM clock) - heartbeat_at < 15000 THEN 1 ELSE 0 END AS is_alive,
    strftime('%Y-%m-%dT%H:%M:%S', started_at / 1000, 'unixepoch') || printf('.%03dZ', started_at % 1000) AS started_at,
    (heartbeat_at - started_at) / 1000 AS uptime_seconds,
    strftime('%Y-%m-%dT%H:%M:%S', heartbeat_at / 1000, 'unixepoch') || printf('.%03dZ', heartbeat_at % 1000) AS heartbeat_at,
    ((SELECT ms FROM clock) - heartbeat_at) / 1000 AS heartbeat_age_seconds,
    requests_per_second, leased_tasks, address
FROM instance;
