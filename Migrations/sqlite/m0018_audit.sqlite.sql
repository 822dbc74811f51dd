-- Who changed what, and who was refused. Each record is one line of JSON under the code of the one before; docs/audit.md has the form.

-- A run of records of one process. first_, last_: the oldest record that is still kept and the newest one, under seals that only the holders of the
-- master key can make. place: the host and the file, where there is one; is_in_table: whether audit_record has them too.
CREATE TABLE audit_chain (
    number INTEGER NOT NULL,
    id TEXT NOT NULL,
    place TEXT NOT NULL,
    is_in_table INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    is_oldest INTEGER NOT NULL,
    first_sequence INTEGER NOT NULL,
    first_previous TEXT NOT NULL,
    first_seal TEXT NOT NULL,
    last_sequence INTEGER NOT NULL,
    last_code TEXT NOT NULL,
    last_seal TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    ended_at INTEGER,
    CONSTRAINT audit_chain_pkey PRIMARY KEY (number),
    CONSTRAINT audit_chain_flags CHECK (is_in_table IN (0, 1) AND is_oldest IN (0, 1)),
    CONSTRAINT audit_chain_sequences CHECK (first_sequence >= 1 AND last_sequence >= 0)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX audit_chain_id ON audit_chain (id);

-- line: the record. What stands beside it is read from it, to be searched.
CREATE TABLE audit_record (
    chain TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    event_at INTEGER NOT NULL,
    account TEXT NOT NULL,
    principal TEXT NOT NULL,
    event_name TEXT NOT NULL,
    resource TEXT NOT NULL,
    error_code TEXT NOT NULL,
    line TEXT NOT NULL,
    CONSTRAINT audit_record_pkey PRIMARY KEY (chain, sequence)
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_record_at ON audit_record (event_at, chain, sequence);

CREATE VIEW audit_records AS
SELECT strftime('%Y-%m-%dT%H:%M:%S', event_at / 1000, 'unixepoch') || printf('.%03dZ', event_at % 1000) AS event_at, event_at AS event_ms,
    account, principal, event_name, resource, error_code, chain, sequence, line
FROM audit_record;

CREATE VIEW audit_chains AS
SELECT number, id, place, is_in_table, first_sequence, last_sequence,
    strftime('%Y-%m-%dT%H:%M:%S', started_at / 1000, 'unixepoch') || printf('.%03dZ', started_at % 1000) AS started_at,
    strftime('%Y-%m-%dT%H:%M:%S', ended_at / 1000, 'unixepoch') || printf('.%03dZ', ended_at % 1000) AS ended_at
FROM audit_chain;
