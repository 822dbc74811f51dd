-- Views for people who look into the database: times as text, what belongs together in one row, nothing secret.
-- Both engines have the same views with the same columns and values. NAME_at: UTC in ISO 8601 with milliseconds; NAME_ms: the same time as the
-- tables hold it, for conditions that are to use an index; is_NAME: 1 or 0; NAME_seconds: whole seconds.

-- A time as text; NULL where it lies outside the years that have four digits.
CREATE FUNCTION utc_text(milliseconds BIGINT) RETURNS TEXT LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN milliseconds BETWEEN 0 AND 253402300799999 THEN
        to_char(TIMESTAMP 'epoch' + milliseconds * INTERVAL '1 millisecond', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END
$$;

-- The time at which the statement began.
CREATE VIEW clock AS
SELECT utc_text(ms) COLLATE "C" AS utc, ms
FROM (SELECT CAST(floor(extract(epoch FROM statement_timestamp()) * 1000) AS BIGINT) AS ms) AS present;

-- waiting_task: what a stream in passing waits for, and since when it is passing. A resource has at most one task.
-- mapped_channel_: the channel whose media it stores.
CREATE VIEW streams AS
SELECT stream.account, stream.region, stream.name, stream.arn, stream.status, stream.version,
    utc_text(stream.creation_time) COLLATE "C" AS created_at,
    stream.data_retention_in_hours AS retention_hours, stream.default_storage_tier AS storage_tier,
    stream.device_name, stream.media_type, stream.kms_key_id, stream.tag_count, stream.event_sequence AS event_count,
    (CAST(stream.image_generation_configuration AS JSON) ->> 'Status') COLLATE "C" AS image_generation,
    (CAST(stream.notification_configuration AS JSON) ->> 'Status') COLLATE "C" AS notification,
    (SELECT channel.name FROM channel WHERE channel.media_storage_stream_arn = stream.arn) AS mapped_channel_name,
    (SELECT channel.arn FROM channel WHERE channel.media_storage_stream_arn = stream.arn) AS mapped_channel_arn,
    (SELECT edge_configuration.sync_status FROM edge_configuration WHERE edge_configuration.account = stream.account
        AND edge_configuration.region = stream.region AND edge_configuration.stream_name = stream.name) AS edge_sync_status,
    task.kind AS waiting_task,
    utc_text(task.created_at) COLLATE "C" AS waiting_since_at,
    ((SELECT ms FROM clock) - task.created_at) / 1000 AS waiting_seconds,
    task.attempt AS waiting_attempts
FROM stream LEFT JOIN task ON task.resource_arn = stream.arn;

-- waiting_: as in streams.
CREATE VIEW channels AS
SELECT channel.account, channel.region, channel.name, channel.arn, channel.status, channel.version,
    utc_text(channel.creation_time) COLLATE "C" AS created_at,
    channel.channel_type, channel.message_ttl_seconds, channel.tag_count, channel.event_sequence AS event_count,
    (CASE WHEN channel.media_storage_stream_arn IS NULL THEN 'DISABLED' ELSE 'ENABLED' END) COLLATE "C" AS media_storage,
    split_part(channel.media_storage_stream_arn, '/', 2) AS media_storage_stream_name,
    channel.media_storage_stream_arn,
    task.kind AS waiting_task,
    utc_text(task.created_at) COLLATE "C" AS waiting_since_at,
    ((SELECT ms FROM clock) - task.created_at) / 1000 AS waiting_seconds,
    task.attempt AS waiting_attempts
FROM channel LEFT JOIN task ON task.resource_arn = channel.arn;

-- Whose tag it is, read from the ARN.
CREATE VIEW tags AS
SELECT split_part(resource_arn, ':', 5) AS account, split_part(resource_arn, ':', 4) AS region,
    split_part(split_part(resource_arn, ':', 6), '/', 1) AS resource_type,
    split_part(resource_arn, '/', 2) AS name,
    key, value, resource_arn
FROM tag;

-- Without the configuration itself, which names secrets. is_overdue: the agent has not said what it should have said by deadline_at.
CREATE VIEW edge_configurations AS
SELECT account, region, stream_name, stream_arn,
    split_part(hub_device_arn, '/', 2) AS hub_device_name,
    hub_device_arn,
    sync_status, failed_status_details,
    utc_text(creation_time) COLLATE "C" AS created_at,
    utc_text(last_updated_time) COLLATE "C" AS updated_at,
    utc_text(deadline) COLLATE "C" AS deadline_at,
    CASE WHEN deadline <= (SELECT ms FROM clock) THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END AS is_overdue,
    recorder_status, recorder_details,
    utc_text(recorder_collected_at) COLLATE "C" AS recorder_collected_at,
    utc_text(recorder_updated_at) COLLATE "C" AS recorder_updated_at,
    uploader_status, uploader_details,
    utc_text(uploader_collected_at) COLLATE "C" AS uploader_collected_at,
    utc_text(uploader_updated_at) COLLATE "C" AS uploader_updated_at
FROM edge_configuration;

-- Conditions on occurred_at_ms search the primary key. An event is never older than its resource, whose ARN ends in the time of its creation.
CREATE VIEW events AS
SELECT utc_text(occurred_at) COLLATE "C" AS occurred_at, account, region,
    split_part(split_part(resource_arn, ':', 6), '/', 1) AS resource_type,
    split_part(resource_arn, '/', 2) AS name,
    sequence, type, status, version, key_id, request_id, resource_arn, occurred_at AS occurred_at_ms
FROM event;

-- state: SCHEDULED until available_at, then DUE until a worker claims it, which makes it LEASED until available_at; LEASE_ENDED where that
-- worker has not finished it by then, so that any other may claim it. Tasks with the same lease_token were claimed together.
-- overdue_seconds: how long nobody has claimed it although anybody might.
CREATE VIEW tasks AS
SELECT account, region,
    split_part(kind, '-', 2) AS resource_type,
    name, kind,
    (CASE WHEN available_at > (SELECT ms FROM clock) THEN CASE WHEN lease_token IS NULL THEN 'SCHEDULED' ELSE 'LEASED' END
        ELSE CASE WHEN lease_token IS NULL THEN 'DUE' ELSE 'LEASE_ENDED' END END) COLLATE "C" AS state,
    utc_text(created_at) COLLATE "C" AS created_at,
    ((SELECT ms FROM clock) - created_at) / 1000 AS age_seconds,
    utc_text(available_at) COLLATE "C" AS available_at,
    CASE WHEN available_at < (SELECT ms FROM clock) THEN ((SELECT ms FROM clock) - available_at) / 1000 ELSE CAST(0 AS BIGINT) END AS overdue_seconds,
    attempt AS attempts, lease_token, key_id, request_id, resource_arn, available_at AS available_at_ms
FROM task;

-- is_alive: as `weir status` has it: it has not stopped, and was heard of in the last fifteen seconds.
CREATE VIEW instances AS
SELECT id, host, process_id, version, roles, schema_version, status,
    CASE WHEN status <> 'STOPPED' AND (SELECT ms FROM clock) - heartbeat_at < 15000 THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END AS is_alive,
    utc_text(started_at) COLLATE "C" AS started_at,
    (heartbeat_at - started_at) / 1000 AS uptime_seconds,
    utc_text(heartbeat_at) COLLATE "C" AS heartbeat_at,
    ((SELECT ms FROM clock) - heartbeat_at) / 1000 AS heartbeat_age_seconds,
    requests_per_second, leased_tasks
FROM instance;

-- The quotas are those that the service documents (profile aws); which ones hold is each instance's configuration.
CREATE VIEW accounts AS
SELECT account, region, stream_count, CAST(10000 AS BIGINT) AS documented_stream_quota, stream_count * 100 / 10000 AS stream_quota_percent,
    channel_count, documented_channel_quota, channel_count * 100 / documented_channel_quota AS channel_quota_percent
FROM (
    SELECT account, region, stream_count, channel_count,
        CASE WHEN region IN ('us-east-1', 'us-west-2') THEN CAST(10000 AS BIGINT) ELSE CAST(5000 AS BIGINT) END AS documented_channel_quota
    FROM account_usage
) AS quota;

-- Without their secrets. thing_arn: the one thing that a key speaks for.
CREATE VIEW access_keys AS
SELECT id, account, status, thing_arn, description,
    utc_text(created_at) COLLATE "C" AS created_at
FROM access_key;

CREATE VIEW schema_migrations AS
SELECT version, name COLLATE "C" AS name, oldest_compatible,
    utc_text(applied_at) COLLATE "C" AS applied_at
FROM schema_migration;

-- Administrators read the views, and none of the tables that hold secrets. ops/postgres-roles.sql makes the role and may run before or after.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'weir_admin') THEN
        GRANT SELECT ON clock, streams, channels, tags, edge_configurations, events, tasks, instances, accounts, access_keys, schema_migrations
            TO weir_admin;
        GRANT EXECUTE ON FUNCTION utc_text(BIGINT) TO weir_admin;
        REVOKE ALL ON access_key, deployment FROM weir_admin;
    END IF;
END
$$;
