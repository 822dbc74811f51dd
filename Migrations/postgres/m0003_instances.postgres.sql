-- The instances that run, and lately ran, on this database. requests_per_second and leased_tasks: as of the last heartbeat.
CREATE TABLE instance (
    id TEXT COLLATE "C" NOT NULL,
    host TEXT COLLATE "C" NOT NULL,
    process_id BIGINT NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    roles TEXT COLLATE "C" NOT NULL,
    schema_version BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    heartbeat_at BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    requests_per_second BIGINT NOT NULL,
    leased_tasks BIGINT NOT NULL,
    CONSTRAINT instance_pkey PRIMARY KEY (id),
    CONSTRAINT instance_status CHECK (status IN ('RUNNING', 'DRAINING', 'STOPPED'))
);
