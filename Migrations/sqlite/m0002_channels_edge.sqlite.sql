-- Signaling channels, the configurations of streams, edge configurations, and keys that belong to one thing.

ALTER TABLE account_usage ADD COLUMN channel_count INTEGER NOT NULL DEFAULT 0
    CONSTRAINT account_usage_channel_count CHECK (channel_count >= 0);

-- The configurations as the API writes them, in JSON; NULL where there is none.
ALTER TABLE stream ADD COLUMN image_generation_configuration TEXT;
ALTER TABLE stream ADD COLUMN notification_configuration TEXT;

-- The one thing that a key speaks for; NULL for a key of the whole account.
ALTER TABLE access_key ADD COLUMN thing_arn TEXT;

-- change_token and event_sequence: as in stream.
-- media_storage_stream_arn: the stream that media storage is ENABLED for, NULL where it is DISABLED. No stream has two channels.
CREATE TABLE channel (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    arn TEXT NOT NULL,
    creation_time INTEGER NOT NULL,
    status TEXT NOT NULL,
    version TEXT NOT NULL,
    channel_type TEXT NOT NULL,
    message_ttl_seconds INTEGER NOT NULL,
    media_storage_stream_arn TEXT,
    tag_count INTEGER NOT NULL,
    change_token TEXT NOT NULL,
    event_sequence INTEGER NOT NULL,
    CONSTRAINT channel_pkey PRIMARY KEY (account, region, name),
    CONSTRAINT channel_status CHECK (status IN ('CREATING', 'ACTIVE', 'UPDATING', 'DELETING')),
    CONSTRAINT channel_type CHECK (channel_type IN ('SINGLE_MASTER', 'FULL_MESH')),
    CONSTRAINT channel_message_ttl CHECK (message_ttl_seconds BETWEEN 5 AND 120),
    CONSTRAINT channel_tag_limit CHECK (tag_count BETWEEN 0 AND 50)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX channel_media_storage_stream ON channel (media_storage_stream_arn) WHERE media_storage_stream_arn IS NOT NULL;

-- What a stream's edge agent is to do, and how far it is. Whoever changes a row has locked its stream before.
-- configuration: the EdgeConfig of the API, in JSON. revision: new with each accepted update and deletion; the agent's words name it.
-- deadline: when the agent's next word is due; NULL where none is. The recorder_ and uploader_ columns: the agent's last reports on its jobs.
CREATE TABLE edge_configuration (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    stream_name TEXT NOT NULL,
    stream_arn TEXT NOT NULL,
    hub_device_arn TEXT NOT NULL,
    configuration TEXT NOT NULL,
    revision TEXT NOT NULL,
    sync_status TEXT NOT NULL,
    failed_status_details TEXT,
    creation_time INTEGER NOT NULL,
    last_updated_time INTEGER NOT NULL,
    deadline INTEGER,
    recorder_status TEXT,
    recorder_details TEXT,
    recorder_collected_at INTEGER,
    recorder_updated_at INTEGER,
    uploader_status TEXT,
    uploader_details TEXT,
    uploader_collected_at INTEGER,
    uploader_updated_at INTEGER,
    change_token TEXT NOT NULL,
    CONSTRAINT edge_configuration_pkey PRIMARY KEY (account, region, stream_name),
    CONSTRAINT edge_configuration_sync_status CHECK (
        sync_status IN ('SYNCING', 'ACKNOWLEDGED', 'IN_SYNC', 'SYNC_FAILED', 'DELETING', 'DELETE_FAILED', 'DELETING_ACKNOWLEDGED')),
    CONSTRAINT edge_configuration_awaited CHECK (
        (sync_status IN ('SYNCING', 'ACKNOWLEDGED', 'DELETING', 'DELETING_ACKNOWLEDGED')) = (deadline IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX edge_configuration_hub ON edge_configuration (account, region, hub_device_arn, stream_name);
CREATE INDEX edge_configuration_deadline ON edge_configuration (deadline) WHERE deadline IS NOT NULL;

-- SQLite changes no constraint: the table is made anew.
CREATE TABLE new_task (
    resource_arn TEXT NOT NULL,
    kind TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    key_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    lease_token TEXT,
    CONSTRAINT task_pkey PRIMARY KEY (available_at, resource_arn, kind),
    CONSTRAINT task_kind CHECK (kind IN ('activate-stream', 'remove-stream', 'activate-channel', 'remove-channel'))
) STRICT, WITHOUT ROWID;
INSERT INTO new_task (resource_arn, kind, account, region, name, key_id, request_id, created_at, available_at, attempt, lease_token)
    SELECT resource_arn, kind, account, region, name, key_id, request_id, created_at, available_at, attempt, lease_token FROM task;
DROP TABLE task;
ALTER TABLE new_task RENAME TO task;
CREATE INDEX task_lease ON task (lease_token) WHERE lease_token IS NOT NULL;
