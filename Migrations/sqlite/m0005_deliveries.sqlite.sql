-- Who is told of events, and what of it is done.

-- When the resource last changed in a way that counted an event, which happened then.
ALTER TABLE stream ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channel ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;

-- The destination that the stream's notification configuration names while it is ENABLED.
ALTER TABLE stream ADD COLUMN notification_destination TEXT;

-- Where events go: what operators subscribe (account, types and resource_prefix narrow it, NULL does not; types is ',A,B,'), and what the
-- notification configurations of streams name (one row for each account, region and target; account and region are theirs).
-- PAUSED: what happens is kept for later. DISABLED: what happens from then on is not kept.
-- failing_since and failed_at: the first and the last of the present row of failures. retry_at: nothing is sent before.
CREATE TABLE destination (
    id TEXT NOT NULL,
    origin TEXT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    account TEXT,
    region TEXT,
    types TEXT,
    resource_prefix TEXT,
    status TEXT NOT NULL,
    status_reason TEXT,
    created_at INTEGER NOT NULL,
    failing_since INTEGER,
    failed_at INTEGER,
    failures INTEGER NOT NULL,
    retry_at INTEGER NOT NULL,
    CONSTRAINT destination_pkey PRIMARY KEY (id),
    CONSTRAINT destination_origin CHECK (origin IN ('SUBSCRIPTION', 'STREAM')),
    CONSTRAINT destination_kind CHECK (kind IN ('WEBHOOK', 'SNS', 'FILE')),
    CONSTRAINT destination_status CHECK (status IN ('ACTIVE', 'PAUSED', 'DISABLED'))
) STRICT, WITHOUT ROWID;
CREATE INDEX destination_subscription ON destination (id) WHERE origin = 'SUBSCRIPTION';

-- An event on its way to a destination. DEAD: given up. replayed: sent again because an operator asked for it. Rows lie in the order of
-- time, as those of event do; each keeps its event from being removed. failing_since: when the first attempt had failed.
CREATE TABLE delivery (
    destination_id TEXT NOT NULL,
    resource_arn TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    replayed INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    failing_since INTEGER,
    finished_at INTEGER,
    last_status INTEGER,
    last_error TEXT,
    CONSTRAINT delivery_pkey PRIMARY KEY (occurred_at, resource_arn, sequence, destination_id),
    CONSTRAINT delivery_state CHECK (state IN ('PENDING', 'DELIVERED', 'DEAD')),
    CONSTRAINT delivery_finished CHECK ((state = 'PENDING') = (finished_at IS NULL)),
    CONSTRAINT delivery_replayed CHECK (replayed IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_pending ON delivery (destination_id, resource_arn, sequence) WHERE state = 'PENDING';
CREATE INDEX delivery_finished ON delivery (finished_at) WHERE finished_at IS NOT NULL;

-- The events of one resource that wait for one destination, which are sent one after the other. Whoever adds one locks the row, as whoever
-- takes one away does. enqueued: counts those that were ever added. available_at and lease_token: as in task.
CREATE TABLE delivery_queue (
    destination_id TEXT NOT NULL,
    resource_arn TEXT NOT NULL,
    enqueued INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    lease_token TEXT,
    CONSTRAINT delivery_queue_pkey PRIMARY KEY (destination_id, resource_arn)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_queue_available ON delivery_queue (destination_id, available_at);
CREATE INDEX delivery_queue_lease ON delivery_queue (lease_token) WHERE lease_token IS NOT NULL;

-- Attempts that failed.
CREATE TABLE delivery_attempt (
    destination_id TEXT NOT NULL,
    resource_arn TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    http_status INTEGER,
    error TEXT NOT NULL,
    CONSTRAINT delivery_attempt_pkey PRIMARY KEY (resource_arn, sequence, destination_id, ended_at, attempt)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_attempt_ended ON delivery_attempt (ended_at);

-- What webhooks are signed with, encrypted under the master key. owner: an account, for the destinations of its streams, or the id of a
-- subscription. The two newest of an owner are in use, so that receivers can change over.
CREATE TABLE webhook_secret (
    owner TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    secret_sealed TEXT NOT NULL,
    CONSTRAINT webhook_secret_pkey PRIMARY KEY (owner, created_at)
) STRICT, WITHOUT ROWID;
