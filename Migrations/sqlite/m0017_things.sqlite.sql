-- Devices that prove by certificates who they are.

-- Authorities that certify devices; the newest signs, all are trusted until they end. id: the serial number of its certificate, in hexadecimal.
-- certificate: in PEM. key_sealed: its private key, encrypted under the master key.
CREATE TABLE device_authority (
    id TEXT NOT NULL,
    certificate TEXT NOT NULL,
    key_sealed TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    CONSTRAINT device_authority_pkey PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE thing (
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT thing_pkey PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

-- Certificates of things; one that has no row here is refused, whoever signed it. id: SHA-256 of it in DER, in hexadecimal. serial: in hexadecimal.
-- revoked_at: NULL where it is not.
CREATE TABLE thing_certificate (
    id TEXT NOT NULL,
    serial TEXT NOT NULL,
    account TEXT NOT NULL,
    thing_name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    CONSTRAINT thing_certificate_pkey PRIMARY KEY (id),
    CONSTRAINT thing_certificate_thing FOREIGN KEY (account, thing_name) REFERENCES thing (account, name)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX thing_certificate_serial ON thing_certificate (serial);

CREATE INDEX thing_certificate_of ON thing_certificate (account, thing_name);

CREATE VIEW things AS
SELECT account, name,
    strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000, 'unixepoch') || printf('.%03dZ', created_at % 1000) AS created_at
FROM thing;

CREATE VIEW thing_certificates AS
SELECT id, serial, account, thing_name,
    strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000, 'unixepoch') || printf('.%03dZ', created_at % 1000) AS created_at,
    strftime('%Y-%m-%dT%H:%M:%S', expires_at / 1000, 'unixepoch') || printf('.%03dZ', expires_at % 1000) AS expires_at,
    strftime('%Y-%m-%dT%H:%M:%S', revoked_at / 1000, 'unixepoch') || printf('.%03dZ', revoked_at % 1000) AS revoked_at
FROM thing_certificate;

-- Without the keys.
CREATE VIEW device_authorities AS
SELECT id, certificate,
    strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000, 'unixepoch') || printf('.%03dZ', created_at % 1000) AS created_at,
    strftime('%Y-%m-%dT%H:%M:%S', expires_at / 1000, 'unixepoch') || printf('.%03dZ', expires_at % 1000) AS expires_at
FROM device_authority;
