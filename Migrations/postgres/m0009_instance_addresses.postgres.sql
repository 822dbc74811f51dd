-- Where clients reach an instance by itself, as it tells; NULL where it tells none.
ALTER TABLE instance ADD COLUMN address TEXT COLLATE "C";

-- is_alive: as `weir status` has it: it has not stopped, and was heard of in the last fifteen seconds.
CREATE OR REPLACE VIEW instances AS
SELECT id, host, process_id, version, roles, schema_version, status,
    CASE WHEN status <> 'STOPPED' AND (SELECT ms FROM clock) - heartbeat_at < 15000 THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END AS is_alive,
    utc_text(started_at) COLLATE "C" AS started_at,
    (heartbeat_at - started_at) / 1000 AS uptime_seconds,
    utc_text(heartbeat_at) COLLATE "C" AS heartbeat_at,
    ((SELECT ms FROM clock) - heartbeat_at) / 1000 AS heartbeat_age_seconds,
    requests_per_second, leased_tasks, address
FROM instance;
