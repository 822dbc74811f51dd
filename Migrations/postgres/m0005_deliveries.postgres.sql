-- Who is told of events, and what of it is done.

-- When the resource last changed in a way that counted an event, which happened then.
ALTER TABLE stream ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE channel ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;

-- The destination that the stream's notification configuration names while it is ENABLED.
ALTER TABLE stream ADD COLUMN notification_destination TEXT COLLATE "C";

-- Where events go: what operators subscribe (account, types and resource_prefix narrow it, NULL does not; types is ',A,B,'), and what the
-- notification configurations of streams name (one row for each account, region and target; account and region are theirs).
-- PAUSED: what happens is kept for later. DISABLED: what happens from then on is not kept.
-- failing_since and failed_at: the first and the last of the present row of failures. retry_at: nothing is sent before.
CREATE TABLE destination (
    id TEXT COLLATE "C" NOT NULL,
    origin TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    target TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C",
    region TEXT COLLATE "C",
    types TEXT COLLATE "C",
    resource_prefix TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    status_reason TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    failing_since BIGINT,
    failed_at BIGINT,
    failures BIGINT NOT NULL,
    retry_at BIGINT NOT NULL,
    CONSTRAINT destination_pkey PRIMARY KEY (id),
    CONSTRAINT destination_origin CHECK (origin IN ('SUBSCRIPTION', 'STREAM')),
    CONSTRAINT destination_kind CHECK (kind IN ('WEBHOOK', 'SNS', 'FILE')),
    CONSTRAINT destination_status CHECK (status IN ('ACTIVE', 'PAUSED', 'DISABLED'))
);
CREATE INDEX destination_subscription ON destination (id) WHERE origin = 'SUBSCRIPTION';

-- An event on its way to a destination. DEAD: given up. replayed: sent again because an operator asked for it. Rows lie in the order of
-- time, as those of event do; each keeps its event from being removed. failing_since: when the first attempt had failed.
CREATE TABLE delivery (
    destination_id TEXT COLLATE "C" NOT NULL,
    resource_arn TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    occurred_at BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    replayed BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    failing_since BIGINT,
    finished_at BIGINT,
    last_status BIGINT,
    last_error TEXT COLLATE "C",
    CONSTRAINT delivery_pkey PRIMARY KEY (occurred_at, resource_arn, sequence, destination_id),
    CONSTRAINT delivery_state CHECK (state IN ('PENDING', 'DELIVERED', 'DEAD')),
    CONSTRAINT delivery_finished CHECK ((state = 'PENDING') = (finished_at IS NULL)),
    CONSTRAINT delivery_replayed CHECK (replayed IN (0, 1))
);
CREATE INDEX delivery_pending ON delivery (destination_id, resource_arn, sequence) WHERE state = 'PENDING';
CREATE INDEX delivery_finished ON delivery (finished_at) WHERE finished_at IS NOT NULL;

-- The events of one resource that wait for one destination, which are sent one after the other. Whoever adds one locks the row, as whoever
-- takes one away does. enqueued: counts those that were ever added. available_at and lease_token: as in task.
CREATE TABLE delivery_queue (
    destination_id TEXT COLLATE "C" NOT NULL,
    resource_arn TEXT COLLATE "C" NOT NULL,
    enqueued BIGINT NOT NULL,
    available_at BIGINT NOT NULL,
    lease_token TEXT COLLATE "C",
    CONSTRAINT delivery_queue_pkey PRIMARY KEY (destination_id, resource_arn)
);
CREATE INDEX delivery_queue_available ON delivery_queue (destination_id, available_at);
CREATE INDEX delivery_queue_lease ON delivery_queue (lease_token) WHERE lease_token IS NOT NULL;

-- Attempts that failed.
CREATE TABLE delivery_attempt (
    destination_id TEXT COLLATE "C" NOT NULL,
    resource_arn TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    http_status BIGINT,
    error TEXT COLLATE "C" NOT NULL,
    CONSTRAINT delivery_attempt_pkey PRIMARY KEY (resource_arn, sequence, destination_id, ended_at, attempt)
);
CREATE INDEX delivery_attempt_ended ON delivery_attempt (ended_at);

-- What webhooks are signed with, encrypted under the master key. owner: an account, for the destinations of its streams, or the id of a
-- subscription. The two newest of an owner are in use, so that receivers can change over.
CREATE TABLE webhook_secret (
    owner TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    secret_sealed TEXT COLLATE "C" NOT NULL,
    CONSTRAINT webhook_secret_pkey PRIMARY KEY (owner, created_at)
);
