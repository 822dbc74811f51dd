-- Signaling channels, the configurations of streams, edge configurations, and keys that belong to one thing.

ALTER TABLE account_usage ADD COLUMN channel_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account_usage ADD CONSTRAINT account_usage_channel_count CHECK (channel_count >= 0);

-- The configurations as the API writes them, in JSON; NULL where there is none.
ALTER TABLE stream ADD COLUMN image_generation_configuration TEXT COLLATE "C";
ALTER TABLE stream ADD COLUMN notification_configuration TEXT COLLATE "C";

-- The one thing that a key speaks for; NULL for a key of the whole account.
ALTER TABLE access_key ADD COLUMN thing_arn TEXT COLLATE "C";

-- change_token and event_sequence: as in stream.
-- media_storage_stream_arn: the stream that media storage is ENABLED for, NULL where it is DISABLED. No stream has two channels.
CREATE TABLE channel (
    account TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    arn TEXT COLLATE "C" NOT NULL,
    creation_time BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    channel_type TEXT COLLATE "C" NOT NULL,
    message_ttl_seconds BIGINT NOT NULL,
    media_storage_stream_arn TEXT COLLATE "C",
    tag_count BIGINT NOT NULL,
    change_token TEXT COLLATE "C" NOT NULL,
    event_sequence BIGINT NOT NULL,
    CONSTRAINT channel_pkey PRIMARY KEY (account, region, name),
    CONSTRAINT channel_status CHECK (status IN ('CREATING', 'ACTIVE', 'UPDATING', 'DELETING')),
    CONSTRAINT channel_type CHECK (channel_type IN ('SINGLE_MASTER', 'FULL_MESH')),
    CONSTRAINT channel_message_ttl CHECK (message_ttl_seconds BETWEEN 5 AND 120),
    CONSTRAINT channel_tag_limit CHECK (tag_count BETWEEN 0 AND 50)
);
CREATE UNIQUE INDEX channel_media_storage_stream ON channel (media_storage_stream_arn) WHERE media_storage_stream_arn IS NOT NULL;

-- What a stream's edge agent is to do, and how far it is. Whoever changes a row has locked its stream before.
-- configuration: the EdgeConfig of the API, in JSON. revision: new with each accepted update and deletion; the agent's words name it.
-- deadline: when the agent's next word is due; NULL where none is. The recorder_ and uploader_ columns: the agent's last reports on its jobs.
CREATE TABLE edge_configuration (
    account TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    stream_name TEXT COLLATE "C" NOT NULL,
    stream_arn TEXT COLLATE "C" NOT NULL,
    hub_device_arn TEXT COLLATE "C" NOT NULL,
    configuration TEXT COLLATE "C" NOT NULL,
    revision TEXT COLLATE "C" NOT NULL,
    sync_status TEXT COLLATE "C" NOT NULL,
    failed_status_details TEXT COLLATE "C",
    creation_time BIGINT NOT NULL,
    last_updated_time BIGINT NOT NULL,
    deadline BIGINT,
    recorder_status TEXT COLLATE "C",
    recorder_details TEXT COLLATE "C",
    recorder_collected_at BIGINT,
    recorder_updated_at BIGINT,
    uploader_status TEXT COLLATE "C",
    uploader_details TEXT COLLATE "C",
    uploader_collected_at BIGINT,
    uploader_updated_at BIGINT,
    change_token TEXT COLLATE "C" NOT NULL,
    CONSTRAINT edge_configuration_pkey PRIMARY KEY (account, region, stream_name),
    CONSTRAINT edge_configuration_sync_status CHECK (
        sync_status IN ('SYNCING', 'ACKNOWLEDGED', 'IN_SYNC', 'SYNC_FAILED', 'DELETING', 'DELETE_FAILED', 'DELETING_ACKNOWLEDGED')),
    CONSTRAINT edge_configuration_awaited CHECK (
        (sync_status IN ('SYNCING', 'ACKNOWLEDGED', 'DELETING', 'DELETING_ACKNOWLEDGED')) = (deadline IS NOT NULL))
);
CREATE INDEX edge_configuration_hub ON edge_configuration (account, region, hub_device_arn, stream_name);
CREATE INDEX edge_configuration_deadline ON edge_configuration (deadline) WHERE deadline IS NOT NULL;

ALTER TABLE task DROP CONSTRAINT task_kind;
ALTER TABLE task ADD CONSTRAINT task_kind CHECK (kind IN ('activate-stream', 'remove-stream', 'activate-channel', 'remove-channel'));
