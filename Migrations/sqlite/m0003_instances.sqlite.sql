-- The instances that run, and lately ran, on this database. requests_per_second and leased_tasks: as of the last heartbeat.
CREATE TABLE instance (
    id TEXT NOT NULL,
    host TEXT NOT NULL,
    process_id INTEGER NOT NULL,
    version TEXT NOT NULL,
    roles TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    heartbeat_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    requests_per_second INTEGER NOT NULL,
    leased_tasks INTEGER NOT NULL,
    CONSTRAINT instance_pkey PRIMARY KEY (id),
    CONSTRAINT instance_status CHECK (status IN ('RUNNING', 'DRAINING', 'STOPPED'))
) STRICT, WITHOUT ROWID;
