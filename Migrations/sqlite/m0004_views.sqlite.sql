-- Views for people who look into the database: times as text, what belongs together in one row, nothing secret.
-- Both engines have the same views with the same columns and values. NAME_at: UTC in ISO 8601 with milliseconds; NAME_ms: the same time as the
-- tables hold it, for conditions that are to use an index; is_NAME: 1 or 0; NAME_seconds: whole seconds.

-- The time at which the statement began.
CREATE VIEW clock AS
SELECT strftime('%Y-%m-%dT%H:%M:%S', ms / 1000, 'unixepoch') || printf('.%03dZ', ms % 1000) AS utc, ms
FROM (SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) AS ms) AS present;

-- waiting_task: what a stream in passing waits for, and since when it is passing. A resource has at most one task.
-- MATERIALIZED, since SQLite makes no index for the time of a query on a table without row ids, and would read all tasks for each stream.
-- mapped_channel_: the channel whose media it stores.
CREATE VIEW streams AS
WITH waiting AS MATERIALIZED (SELECT resource_arn, kind, created_at, attempt FROM task)
SELECT stream.account, stream.region, stream.name, stream.arn, stream.status, stream.version,
    strftime('%Y-%m-%dT%H:%M:%S', stream.creation_time / 1000, 'unixepoch') || printf('.%03dZ', stream.creation_time % 1000) AS created_at,
    stream.data_retention_in_hours AS retention_hours, stream.default_storage_tier AS storage_tier,
    stream.device_name, stream.media_type, stream.kms_key_id, stream.tag_count, stream.event_sequence AS event_count,
    json_extract(stream.image_generation_configuration, '$.Status') AS image_generation,
    json_extract(stream.notification_configuration, '$.Status') AS notification,
    (SELECT channel.name FROM channel WHERE channel.media_storage_stream_arn = stream.arn) AS mapped_channel_name,
    (SELECT channel.arn FROM channel WHERE channel.media_storage_stream_arn = stream.arn) AS mapped_channel_arn,
    (SELECT edge_configuration.sync_status FROM edge_configuration WHERE edge_configuration.account = stream.account
        AND edge_configuration.region = stream.region AND edge_configuration.stream_name = stream.name) AS edge_sync_status,
    waiting.kind AS waiting_task,
    strftime('%Y-%m-%dT%H:%M:%S', waiting.created_at / 1000, 'unixepoch') || printf('.%03dZ', waiting.created_at % 1000) AS waiting_since_at,
    ((SELECT ms FROM clock) - waiting.created_at) / 1000 AS waiting_seconds,
    waiting.attempt AS waiting_attempts
FROM stream LEFT JOIN waiting ON waiting.resource_arn = stream.arn;

-- waiting_: as in streams.
CREATE VIEW channels AS
WITH waiting AS MATERIALIZED (SELECT resource_arn, kind, created_at, attempt FROM task)
SELECT channel.account, channel.region, channel.name, channel.arn, channel.status, channel.version,
    strftime('%Y-%m-%dT%H:%M:%S', channel.creation_time / 1000, 'unixepoch') || printf('.%03dZ', channel.creation_time % 1000) AS created_at,
    channel.channel_type, channel.message_ttl_seconds, channel.tag_count, channel.event_sequence AS event_count,
    CASE WHEN channel.media_storage_stream_arn IS NULL THEN 'DISABLED' ELSE 'ENABLED' END AS media_storage,
    substr(channel.media_storage_stream_arn, instr(channel.media_storage_stream_arn, '/') + 1,
        instr(substr(channel.media_storage_stream_arn, instr(channel.media_storage_stream_arn, '/') + 1) || '/', '/') - 1)
        AS media_storage_stream_name,
    channel.media_storage_stream_arn,
    waiting.kind AS waiting_task,
    strftime('%Y-%m-%dT%H:%M:%S', waiting.created_at / 1000, 'unixepoch') || printf('.%03dZ', waiting.created_at % 1000) AS waiting_since_at,
    ((SELECT ms FROM clock) - waiting.created_at) / 1000 AS waiting_seconds,
    waiting.attempt AS waiting_attempts
FROM channel LEFT JOIN waiting ON waiting.resource_arn = channel.arn;

-- Whose tag it is, read from the ARN.
CREATE VIEW tags AS
SELECT substr(after_region, 1, instr(after_region, ':') - 1) AS account, region,
    substr(after_region, instr(after_region, ':') + 1, instr(after_region, '/') - instr(after_region, ':') - 1) AS resource_type,
    substr(after_type, 1, instr(after_type, '/') - 1) AS name,
    key, value, resource_arn
FROM (
    SELECT substr(after_service, 1, instr(after_service, ':') - 1) AS region,
        substr(after_service, instr(after_service, ':') + 1) AS after_region,
        substr(after_service, instr(after_service, '/') + 1) || '/' AS after_type,
        key, value, resource_arn
    FROM (SELECT substr(resource_arn, instr(resource_arn, ':kinesisvideo:') + 14) AS after_service, key, value, resource_arn FROM tag)
);

-- Without the configuration itself, which names secrets. is_overdue: the agent has not said what it should have said by deadline_at.
CREATE VIEW edge_configurations AS
SELECT account, region, stream_name, stream_arn,
    substr(hub_device_arn, instr(hub_device_arn, '/') + 1) AS hub_device_name,
    hub_device_arn,
    sync_status, failed_status_details,
    strftime('%Y-%m-%dT%H:%M:%S', creation_time / 1000, 'unixepoch') || printf('.%03dZ', creation_time % 1000) AS created_at,
    strftime('%Y-%m-%dT%H:%M:%S', last_updated_time / 1000, 'unixepoch') || printf('.%03dZ', last_updated_time % 1000) AS updated_at,
    strftime('%Y-%m-%dT%H:%M:%S', deadline / 1000, 'unixepoch') || printf('.%03dZ', deadline % 1000) AS deadline_at,
    CASE WHEN deadline <= (SELECT ms FROM clock) THEN 1 ELSE 0 END AS is_overdue,
    recorder_status, recorder_details,
    CASE WHEN recorder_collected_at >= 0 THEN
        strftime('%Y-%m-%dT%H:%M:%S', recorder_collected_at / 1000, 'unixepoch') || printf('.%03dZ', recorder_collected_at % 1000)
        END AS recorder_collected_at,
    strftime('%Y-%m-%dT%H:%M:%S', recorder_updated_at / 1000, 'unixepoch') || printf('.%03dZ', recorder_updated_at % 1000) AS recorder_updated_at,
    uploader_status, uploader_details,
    CASE WHEN uploader_collected_at >= 0 THEN
        strftime('%Y-%m-%dT%H:%M:%S', uploader_collected_at / 1000, 'unixepoch') || printf('.%03dZ', uploader_collected_at % 1000)
        END AS uploader_collected_at,
    strftime('%Y-%m-%dT%H:%M:%S', uploader_updated_at / 1000, 'unixepoch') || printf('.%03dZ', uploader_updated_at % 1000) AS uploader_updated_at
FROM edge_configuration;

-- Conditions on occurred_at_ms search the primary key. An event is never older than its resource, whose ARN ends in the time of its creation.
CREATE VIEW events AS
SELECT strftime('%Y-%m-%dT%H:%M:%S', occurred_at / 1000, 'unixepoch') || printf('.%03dZ', occurred_at % 1000) AS occurred_at, account, region,
    substr(after_account, 1, instr(after_account, '/') - 1) AS resource_type,
    substr(after_type, 1, instr(after_type, '/') - 1) AS name,
    sequence, type, status, version, key_id, request_id, resource_arn, occurred_at AS occurred_at_ms
FROM (
    SELECT substr(resource_arn, instr(resource_arn, ':kinesisvideo:') + 16 + length(region) + length(account)) AS after_account,
        substr(resource_arn, instr(resource_arn, '/') + 1) || '/' AS after_type,
        account, region, sequence, type, status, version, key_id, request_id, resource_arn, occurred_at
    FROM event
);

-- state: SCHEDULED until available_at, then DUE until a worker claims it, which makes it LEASED until available_at; LEASE_ENDED where that
-- worker has not finished it by then, so that any other may claim it. Tasks with the same lease_token were claimed together.
-- overdue_seconds: how long nobody has claimed it although anybody might.
CREATE VIEW tasks AS
SELECT account, region,
    substr(kind, instr(kind, '-') + 1) AS resource_type,
    name, kind,
    CASE WHEN available_at > (SELECT ms FROM clock) THEN CASE WHEN lease_token IS NULL THEN 'SCHEDULED' ELSE 'LEASED' END
        ELSE CASE WHEN lease_token IS NULL THEN 'DUE' ELSE 'LEASE_ENDED' END END AS state,
    strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000, 'unixepoch') || printf('.%03dZ', created_at % 1000) AS created_at,
    ((SELECT ms FROM clock) - created_at) / 1000 AS age_seconds,
    strftime('%Y-%m-%dT%H:%M:%S', available_at / 1000, 'unixepoch') || printf('.%03dZ', available_at % 1000) AS available_at,
    CASE WHEN available_at < (SELECT ms FROM clock) THEN ((SELECT ms FROM clock) - available_at) / 1000 ELSE 0 END AS overdue_seconds,
    attempt AS attempts, lease_token, key_id, request_id, resource_arn, available_at AS available_at_ms
FROM task;

-- is_alive: as `weir status` has it: it has not stopped, and was heard of in the last fifteen seconds.
CREATE VIEW instances AS
SELECT id, host, process_id, version, roles, schema_version, status,
    CASE WHEN status <> 'STOPPED' AND (SELECT ms FROM clock) - heartbeat_at < 15000 THEN 1 ELSE 0 END AS is_alive,
    strftime('%Y-%m-%dT%H:%M:%S', started_at / 1000, 'unixepoch') || printf('.%03dZ', started_at % 1000) AS started_at,
    (heartbeat_at - started_at) / 1000 AS uptime_seconds,
    strftime('%Y-%m-%dT%H:%M:%S', heartbeat_at / 1000, 'unixepoch') || printf('.%03dZ', heartbeat_at % 1000) AS heartbeat_at,
    ((SELECT ms FROM clock) - heartbeat_at) / 1000 AS heartbeat_age_seconds,
    requests_per_second, leased_tasks
FROM instance;

-- The quotas are those that the service documents (profile aws); which ones hold is each instance's configuration.
CREATE VIEW accounts AS
SELECT account, region, stream_count, 10000 AS documented_stream_quota, stream_count * 100 / 10000 AS stream_quota_percent,
    channel_count, documented_channel_quota, channel_count * 100 / documented_channel_quota AS channel_quota_percent
FROM (
    SELECT account, region, stream_count, channel_count,
        CASE WHEN region IN ('us-east-1', 'us-west-2') THEN 10000 ELSE 5000 END AS documented_channel_quota
    FROM account_usage
) AS quota;

-- Without their secrets. thing_arn: the one thing that a key speaks for.
CREATE VIEW access_keys AS
SELECT id, account, status, thing_arn, description,
    strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000, 'unixepoch') || printf('.%03dZ', created_at % 1000) AS created_at
FROM access_key;

CREATE VIEW schema_migrations AS
SELECT version, name, oldest_compatible,
    strftime('%Y-%m-%dT%H:%M:%S', applied_at / 1000, 'unixepoch') || printf('.%03dZ', applied_at % 1000) AS applied_at
FROM schema_migration;
