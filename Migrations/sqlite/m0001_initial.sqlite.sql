-- Streams, their tags, the work that waits, what happened, and who may call.
-- Times are milliseconds since the epoch.

-- now_ms(), the clock that every statement uses, is registered by the driver.

-- What belongs to the deployment as a whole: facts written once, by whoever comes first.
CREATE TABLE deployment (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT deployment_pkey PRIMARY KEY (name)
) STRICT, WITHOUT ROWID;

-- secret_sealed: the secret, encrypted under the deployment's master key.
CREATE TABLE access_key (
    id TEXT NOT NULL,
    account TEXT NOT NULL,
    secret_sealed TEXT NOT NULL,
    status TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT access_key_pkey PRIMARY KEY (id),
    CONSTRAINT access_key_status CHECK (status IN ('ACTIVE', 'DISABLED'))
) STRICT, WITHOUT ROWID;

-- One row for each account and region that ever had a stream. Creating and removing a stream lock it first, in this order:
-- so the quota is exact and ARNs stay unique when the clock steps back (no stream is created at or before last_deleted_creation_time).
CREATE TABLE account_usage (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    stream_count INTEGER NOT NULL,
    last_deleted_creation_time INTEGER NOT NULL,
    change_token TEXT NOT NULL,
    CONSTRAINT account_usage_pkey PRIMARY KEY (account, region),
    CONSTRAINT account_usage_stream_count CHECK (stream_count >= 0)
) STRICT, WITHOUT ROWID;

-- change_token is new with each accepted change and each transition; whoever wrote it knows by it that the change is in.
-- event_sequence counts the stream's events.
CREATE TABLE stream (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    arn TEXT NOT NULL,
    creation_time INTEGER NOT NULL,
    status TEXT NOT NULL,
    version TEXT NOT NULL,
    device_name TEXT,
    media_type TEXT,
    kms_key_id TEXT NOT NULL,
    data_retention_in_hours INTEGER NOT NULL,
    default_storage_tier TEXT NOT NULL,
    tag_count INTEGER NOT NULL,
    change_token TEXT NOT NULL,
    event_sequence INTEGER NOT NULL,
    CONSTRAINT stream_pkey PRIMARY KEY (account, region, name),
    CONSTRAINT stream_status CHECK (status IN ('CREATING', 'ACTIVE', 'UPDATING', 'DELETING')),
    CONSTRAINT stream_retention CHECK (data_retention_in_hours BETWEEN 0 AND 87600),
    CONSTRAINT stream_storage_tier CHECK (default_storage_tier IN ('HOT', 'WARM')),
    CONSTRAINT stream_tag_limit CHECK (tag_count BETWEEN 0 AND 50)
) STRICT, WITHOUT ROWID;

CREATE TABLE tag (
    resource_arn TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT tag_pkey PRIMARY KEY (resource_arn, key)
) STRICT, WITHOUT ROWID;

-- Work that a change asked for. available_at: when it is due or, once claimed, when its lease ends and another may claim it; rows lie in
-- its order, in which they are claimed.
-- lease_token: new with each claim, so that a worker that was away too long finds nothing of its own to finish.
CREATE TABLE task (
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
    CONSTRAINT task_kind CHECK (kind IN ('activate-stream', 'remove-stream'))
) STRICT, WITHOUT ROWID;
CREATE INDEX task_lease ON task (lease_token) WHERE lease_token IS NOT NULL;

-- What happened to a resource, one row for each accepted change and each transition, written in the same transaction. Rows lie in the order
-- of time, so that new ones and those to be removed are each together; sequence counts those of one resource.
CREATE TABLE event (
    resource_arn TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    type TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    status TEXT NOT NULL,
    version TEXT NOT NULL,
    change_token TEXT NOT NULL,
    key_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    CONSTRAINT event_pkey PRIMARY KEY (occurred_at, resource_arn, sequence)
) STRICT, WITHOUT ROWID;

-- Answers of mutations, for clients that lost one and ask again.
CREATE TABLE answered_mutation (
    key_id TEXT NOT NULL,
    invocation_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    answer TEXT NOT NULL,
    answered_at INTEGER NOT NULL,
    CONSTRAINT answered_mutation_pkey PRIMARY KEY (key_id, invocation_id, operation, body_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX answered_mutation_answered ON answered_mutation (answered_at);
