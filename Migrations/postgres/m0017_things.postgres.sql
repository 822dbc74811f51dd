-- Devices that prove by certificates who they are.

-- Authorities that certify devices; the newest signs, all are trusted until they end. id: the serial number of its certificate, in hexadecimal.
-- certificate: in PEM. key_sealed: its private key, encrypted under the master key.
CREATE TABLE device_authority (
    id TEXT COLLATE "C" NOT NULL,
    certificate TEXT COLLATE "C" NOT NULL,
    key_sealed TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT device_authority_pkey PRIMARY KEY (id)
);

CREATE TABLE thing (
    account TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT thing_pkey PRIMARY KEY (account, name)
);

-- Certificates of things; one that has no row here is refused, whoever signed it. id: SHA-256 of it in DER, in hexadecimal. serial: in hexadecimal.
-- revoked_at: NULL where it is not.
CREATE TABLE thing_certificate (
    id TEXT COLLATE "C" NOT NULL,
    serial TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    thing_name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    CONSTRAINT thing_certificate_pkey PRIMARY KEY (id),
    CONSTRAINT thing_certificate_thing FOREIGN KEY (account, thing_name) REFERENCES thing (account, name)
);

CREATE UNIQUE INDEX thing_certificate_serial ON thing_certificate (serial);

CREATE INDEX thing_certificate_of ON thing_certificate (account, thing_name);

CREATE VIEW things AS
SELECT account, name,
    utc_text(created_at) COLLATE "C" AS created_at
FROM thing;

CREATE VIEW thing_certificates AS
SELECT id, serial, account, thing_name,
    utc_text(created_at) COLLATE "C" AS created_at,
    utc_text(expires_at) COLLATE "C" AS expires_at,
    utc_text(revoked_at) COLLATE "C" AS revoked_at
FROM thing_certificate;

-- Without the keys.
CREATE VIEW device_authorities AS
SELECT id, certificate,
    utc_text(created_at) COLLATE "C" AS created_at,
    utc_text(expires_at) COLLATE "C" AS expires_at
FROM device_authority;

-- Administrators read the views. ops/postgres-roles.sql makes the role and may run before or after.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'weir_admin') THEN
        GRANT SELECT ON things, thing_certificates, device_authorities TO weir_admin;
    END IF;
END
$$;
