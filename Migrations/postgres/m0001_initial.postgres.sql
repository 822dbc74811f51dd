-- Streams, their tags, the work that waits, what happened, and who may call.
-- Times are milliseconds since the epoch. Text that is compared or paged over has the byte order of SQLite.

-- The database's clock, which every statement uses: instances need not agree on the time.
CREATE FUNCTION now_ms() RETURNS BIGINT LANGUAGE sql VOLATILE
    AS $$ SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) $$;

-- What belongs to the deployment as a whole: facts written once, by whoever comes first.
CREATE TABLE deployment (
    name TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    CONSTRAINT deployment_pkey PRIMARY KEY (name)
);

-- secret_sealed: the secret, encrypted under the deployment's master key.
CREATE TABLE access_key (
    id TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    secret_sealed TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT access_key_pkey PRIMARY KEY (id),
    CONSTRAINT access_key_status CHECK (status IN ('ACTIVE', 'DISABLED'))
);

-- One row for each account and region that ever had a stream. Creating and removing a stream lock it first, in this order:
-- so the quota is exact and ARNs stay unique when the clock steps back (no stream is created at or before last_deleted_creation_time).
CREATE TABLE account_usage (
    account TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    stream_count BIGINT NOT NULL,
    last_deleted_creation_time BIGINT NOT NULL,
    change_token TEXT COLLATE "C" NOT NULL,
    CONSTRAINT account_usage_pkey PRIMARY KEY (account, region),
    CONSTRAINT account_usage_stream_count CHECK (stream_count >= 0)
);

-- change_token is new with each accepted change and each transition; whoever wrote it knows by it that the change is in.
-- event_sequence counts the stream's events.
CREATE TABLE stream (
    account TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    arn TEXT COLLATE "C" NOT NULL,
    creation_time BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    device_name TEXT COLLATE "C",
    media_type TEXT COLLATE "C",
    kms_key_id TEXT COLLATE "C" NOT NULL,
    data_retention_in_hours BIGINT NOT NULL,
    default_storage_tier TEXT COLLATE "C" NOT NULL,
    tag_count BIGINT NOT NULL,
    change_token TEXT COLLATE "C" NOT NULL,
    event_sequence BIGINT NOT NULL,
    CONSTRAINT stream_pkey PRIMARY KEY (account, region, name),
    CONSTRAINT stream_status CHECK (status IN ('CREATING', 'ACTIVE', 'UPDATING', 'DELETING')),
    CONSTRAINT stream_retention CHECK (data_retention_in_hours BETWEEN 0 AND 87600),
    CONSTRAINT stream_storage_tier CHECK (default_storage_tier IN ('HOT', 'WARM')),
    CONSTRAINT stream_tag_limit CHECK (tag_count BETWEEN 0 AND 50)
);

CREATE TABLE tag (
    resource_arn TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    CONSTRAINT tag_pkey PRIMARY KEY (resource_arn, key)
);

-- Work that a change asked for. available_at: when it is due or, once claimed, when its lease ends and another may claim it; rows lie in
-- its order, in which they are claimed.
-- lease_token: new with each claim, so that a worker that was away too long finds nothing of its own to finish.
CREATE TABLE task (
    resource_arn TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    key_id TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    available_at BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    lease_token TEXT COLLATE "C",
    CONSTRAINT task_pkey PRIMARY KEY (available_at, resource_arn, kind),
    CONSTRAINT task_kind CHECK (kind IN ('activate-stream', 'remove-stream'))
);
CREATE INDEX task_lease ON task (lease_token) WHERE lease_token IS NOT NULL;

-- What happened to a resource, one row for each accepted change and each transition, written in the same transaction. Rows lie in the order
-- of time, so that new ones and those to be removed are each together; sequence counts those of one resource.
CREATE TABLE event (
    resource_arn TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    change_token TEXT COLLATE "C" NOT NULL,
    key_id TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    occurred_at BIGINT NOT NULL,
    CONSTRAINT event_pkey PRIMARY KEY (occurred_at, resource_arn, sequence)
);

-- Answers of mutations, for clients that lost one and ask again.
CREATE TABLE answered_mutation (
    key_id TEXT COLLATE "C" NOT NULL,
    invocation_id TEXT COLLATE "C" NOT NULL,
    operation TEXT COLLATE "C" NOT NULL,
    body_hash TEXT COLLATE "C" NOT NULL,
    answer TEXT COLLATE "C" NOT NULL,
    answered_at BIGINT NOT NULL,
    CONSTRAINT answered_mutation_pkey PRIMARY KEY (key_id, invocation_id, operation, body_hash)
);
CREATE INDEX answered_mutation_answered ON answered_mutation (answered_at);
