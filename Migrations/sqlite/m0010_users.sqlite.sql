-- Users: who calls under policies. A key that belongs to none still may do everything in its account.

-- policy_count: of those that are attached, at most 10.
CREATE TABLE iam_user (
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    policy_count INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    CONSTRAINT iam_user_pkey PRIMARY KEY (account, name),
    CONSTRAINT iam_user_policy_limit CHECK (policy_count BETWEEN 0 AND 10)
) STRICT, WITHOUT ROWID;

-- Policies read them as aws:PrincipalTag/KEY.
CREATE TABLE iam_user_tag (
    account TEXT NOT NULL,
    user_name TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT iam_user_tag_pkey PRIMARY KEY (account, user_name, key),
    CONSTRAINT iam_user_tag_user FOREIGN KEY (account, user_name) REFERENCES iam_user (account, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- document: a policy in IAM's JSON language, as it was put.
CREATE TABLE policy (
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    CONSTRAINT policy_pkey PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE iam_user_policy (
    account TEXT NOT NULL,
    user_name TEXT NOT NULL,
    policy_name TEXT NOT NULL,
    CONSTRAINT iam_user_policy_pkey PRIMARY KEY (account, user_name, policy_name),
    CONSTRAINT iam_user_policy_user FOREIGN KEY (account, user_name) REFERENCES iam_user (account, name) ON DELETE CASCADE,
    CONSTRAINT iam_user_policy_policy FOREIGN KEY (account, policy_name) REFERENCES policy (account, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX iam_user_policy_of ON iam_user_policy (account, policy_name);

-- user_name: who calls with the key; NULL for the whole account, or a thing. expires_at: from when on it signs nothing more; NULL for never.
DROP VIEW access_keys;

CREATE TABLE new_access_key (
    id TEXT NOT NULL,
    account TEXT NOT NULL,
    secret_sealed TEXT NOT NULL,
    status TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    thing_arn TEXT,
    user_name TEXT,
    expires_at INTEGER,
    CONSTRAINT access_key_pkey PRIMARY KEY (id),
    CONSTRAINT access_key_status CHECK (status IN ('ACTIVE', 'DISABLED')),
    CONSTRAINT access_key_holder CHECK (thing_arn IS NULL OR user_name IS NULL),
    CONSTRAINT access_key_user FOREIGN KEY (account, user_name) REFERENCES iam_user (account, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

INSERT INTO new_access_key (id, account, secret_sealed, status, description, created_at, thing_arn)
SELECT id, account, secret_sealed, status, description, created_at, thing_arn FROM access_key;

DROP TABLE access_key;

ALTER TABLE new_access_key RENAME TO access_key;

CREATE INDEX access_key_of_user ON access_key (account, user_name);

-- Without their secrets. thing_arn, user_name: the one thing, or the user, that a key speaks for.
CREATE VIEW access_keys AS
SELECT id, account, status, thing_arn, user_name, description,
    strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000, 'unixepoch') || printf('.%03dZ', created_at % 1000) AS created_at,
    strftime('%Y-%m-%dT%H:%M:%S', expires_at / 1000, 'unixepoch') || printf('.%03dZ', expires_at % 1000) AS expires_at
FROM access_key;

CREATE VIEW users AS
SELECT account, name, policy_count,
    strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000, 'unixepoch') || printf('.%03dZ', created_at % 1000) AS created_at
FROM iam_user;

CREATE VIEW user_tags AS SELECT account, user_name, key, value FROM iam_user_tag;

CREATE VIEW user_policies AS SELECT account, user_name, policy_name FROM iam_user_policy;

CREATE VIEW policies AS
SELECT account, name, document,
    strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000, 'unixepoch') || printf('.%03dZ', created_at % 1000) AS created_at,
    strftime('%Y-%m-%dT%H:%M:%S', changed_at / 1000, 'unixepoch') || printf('.%03dZ', changed_at % 1000) AS changed_at
FROM policy;
