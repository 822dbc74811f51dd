-- Users: who calls under policies. A key that belongs to none still may do everything in its account.

-- policy_count: of those that are attached, at most 10.
CREATE TABLE iam_user (
    account TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    policy_count BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    CONSTRAINT iam_user_pkey PRIMARY KEY (account, name),
    CONSTRAINT iam_user_policy_limit CHECK (policy_count BETWEEN 0 AND 10)
);

-- Policies read them as aws:PrincipalTag/KEY.
CREATE TABLE iam_user_tag (
    account TEXT COLLATE "C" NOT NULL,
    user_name TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    CONSTRAINT iam_user_tag_pkey PRIMARY KEY (account, user_name, key),
    CONSTRAINT iam_user_tag_user FOREIGN KEY (account, user_name) REFERENCES iam_user (account, name) ON DELETE CASCADE
);

-- document: a policy in IAM's JSON language, as it was put.
CREATE TABLE policy (
    account TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    CONSTRAINT policy_pkey PRIMARY KEY (account, name)
);

CREATE TABLE iam_user_policy (
    account TEXT COLLATE "C" NOT NULL,
    user_name TEXT COLLATE "C" NOT NULL,
    policy_name TEXT COLLATE "C" NOT NULL,
    CONSTRAINT iam_user_policy_pkey PRIMARY KEY (account, user_name, policy_name),
    CONSTRAINT iam_user_policy_user FOREIGN KEY (account, user_name) REFERENCES iam_user (account, name) ON DELETE CASCADE,
    CONSTRAINT iam_user_policy_policy FOREIGN KEY (account, policy_name) REFERENCES policy (account, name)
);

CREATE INDEX iam_user_policy_of ON iam_user_policy (account, policy_name);

-- user_name: who calls with the key; NULL for the whole account, or a thing. expires_at: from when on it signs nothing more; NULL for never.
ALTER TABLE access_key
    ADD COLUMN user_name TEXT COLLATE "C",
    ADD COLUMN expires_at BIGINT,
    ADD CONSTRAINT access_key_holder CHECK (thing_arn IS NULL OR user_name IS NULL),
    ADD CONSTRAINT access_key_user FOREIGN KEY (account, user_name) REFERENCES iam_user (account, name) ON DELETE CASCADE;

CREATE INDEX access_key_of_user ON access_key (account, user_name);

DROP VIEW access_keys;

-- Without their secrets. thing_arn, user_name: the one thing, or the user, that a key speaks for.
CREATE VIEW access_keys AS
SELECT id, account, status, thing_arn, user_name, description,
    utc_text(created_at) COLLATE "C" AS created_at,
    utc_text(expires_at) COLLATE "C" AS expires_at
FROM access_key;

CREATE VIEW users AS
SELECT account, name, policy_count,
    utc_text(created_at) COLLATE "C" AS created_at
FROM iam_user;

CREATE VIEW user_tags AS SELECT account, user_name, key, value FROM iam_user_tag;

CREATE VIEW user_policies AS SELECT account, user_name, policy_name FROM iam_user_policy;

CREATE VIEW policies AS
SELECT account, name, document,
    utc_text(created_at) COLLATE "C" AS created_at,
    utc_text(changed_at) COLLATE "C" AS changed_at
FROM policy;

-- Administrators read the views. ops/postgres-roles.sql makes the role and may run before or after.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'weir_admin') THEN
        GRANT SELECT ON access_keys, users, user_tags, user_policies, policies TO weir_admin;
    END IF;
END
$$;
