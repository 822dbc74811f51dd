-- Who changed what, and who was refused. Each record is one line of JSON under the code of the one before; docs/audit.md has the form.

-- A run of records of one process. first_, last_: the oldest record that is still kept and the newest one, under seals that only the holders of the
-- master key can make. place: the host and the file, where there is one; is_in_table: whether audit_record has them too.
CREATE TABLE audit_chain (
    number BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    place TEXT COLLATE "C" NOT NULL,
    is_in_table BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    is_oldest BIGINT NOT NULL,
    first_sequence BIGINT NOT NULL,
    first_previous TEXT COLLATE "C" NOT NULL,
    first_seal TEXT COLLATE "C" NOT NULL,
    last_sequence BIGINT NOT NULL,
    last_code TEXT COLLATE "C" NOT NULL,
    last_seal TEXT COLLATE "C" NOT NULL,
    changed_at BIGINT NOT NULL,
    ended_at BIGINT,
    CONSTRAINT audit_chain_pkey PRIMARY KEY (number),
    CONSTRAINT audit_chain_flags CHECK (is_in_table IN (0, 1) AND is_oldest IN (0, 1)),
    CONSTRAINT audit_chain_sequences CHECK (first_sequence >= 1 AND last_sequence >= 0)
);

CREATE UNIQUE INDEX audit_chain_id ON audit_chain (id);

-- line: the record. What stands beside it is read from it, to be searched.
CREATE TABLE audit_record (
    chain TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    event_at BIGINT NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    principal TEXT COLLATE "C" NOT NULL,
    event_name TEXT COLLATE "C" NOT NULL,
    resource TEXT COLLATE "C" NOT NULL,
    error_code TEXT COLLATE "C" NOT NULL,
    line TEXT COLLATE "C" NOT NULL,
    CONSTRAINT audit_record_pkey PRIMARY KEY (chain, sequence)
);

CREATE INDEX audit_record_at ON audit_record (event_at, chain, sequence);

CREATE VIEW audit_records AS
SELECT utc_text(event_at) COLLATE "C" AS event_at, event_at AS event_ms,
    account, principal, event_name, resource, error_code, chain, sequence, line
FROM audit_record;

CREATE VIEW audit_chains AS
SELECT number, id, place, is_in_table, first_sequence, last_sequence,
    utc_text(started_at) COLLATE "C" AS started_at,
    utc_text(ended_at) COLLATE "C" AS ended_at
FROM audit_chain;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'weir_admin') THEN
        GRANT SELECT ON audit_records, audit_chains TO weir_admin;
    END IF;
END
$$;
