-- Roles: who calls with temporary credentials that were made from one may do what its policies allow.
-- id: random, so that one that is made anew under an old name is another. trust: a policy of who may take it on. longest_session: in seconds.
-- policy_count: of those that are attached, at most 10. revoked_at: credentials made before then are refused; NULL where none are.
CREATE TABLE iam_role (
    account TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    trust TEXT COLLATE "C" NOT NULL,
    longest_session BIGINT NOT NULL,
    policy_count BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    CONSTRAINT iam_role_pkey PRIMARY KEY (account, name),
    CONSTRAINT iam_role_policy_limit CHECK (policy_count BETWEEN 0 AND 10),
    CONSTRAINT iam_role_session CHECK (longest_session BETWEEN 3600 AND 43200)
);

-- Policies read them as aws:PrincipalTag/KEY.
CREATE TABLE iam_role_tag (
    account TEXT COLLATE "C" NOT NULL,
    role_name TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    CONSTRAINT iam_role_tag_pkey PRIMARY KEY (account, role_name, key),
    CONSTRAINT iam_role_tag_role FOREIGN KEY (account, role_name) REFERENCES iam_role (account, name) ON DELETE CASCADE
);

CREATE TABLE iam_role_policy (
    account TEXT COLLATE "C" NOT NULL,
    role_name TEXT COLLATE "C" NOT NULL,
    policy_name TEXT COLLATE "C" NOT NULL,
    CONSTRAINT iam_role_policy_pkey PRIMARY KEY (account, role_name, policy_name),
    CONSTRAINT iam_role_policy_role FOREIGN KEY (account, role_name) REFERENCES iam_role (account, name) ON DELETE CASCADE,
    CONSTRAINT iam_role_policy_policy FOREIGN KEY (account, policy_name) REFERENCES policy (account, name)
);

CREATE INDEX iam_role_policy_of ON iam_role_policy (account, policy_name);

-- Names by which devices ask for credentials of a role. lifetime: of those credentials, in seconds.
CREATE TABLE iam_role_alias (
    account TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    role_name TEXT COLLATE "C" NOT NULL,
    lifetime BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT iam_role_alias_pkey PRIMARY KEY (account, name),
    CONSTRAINT iam_role_alias_lifetime CHECK (lifetime BETWEEN 900 AND 43200),
    CONSTRAINT iam_role_alias_role FOREIGN KEY (account, role_name) REFERENCES iam_role (account, name) ON DELETE CASCADE
);

CREATE INDEX iam_role_alias_of ON iam_role_alias (account, role_name);

CREATE VIEW roles AS
SELECT account, name, id, trust, longest_session, policy_count,
    utc_text(created_at) COLLATE "C" AS created_at,
    utc_text(revoked_at) COLLATE "C" AS revoked_at
FROM iam_role;

CREATE VIEW role_tags AS SELECT account, role_name, key, value FROM iam_role_tag;

CREATE VIEW role_policies AS SELECT account, role_name, policy_name FROM iam_role_policy;

CREATE VIEW role_aliases AS
SELECT account, name, role_name, lifetime,
    utc_text(created_at) COLLATE "C" AS created_at
FROM iam_role_alias;

-- Administrators read the views. ops/postgres-roles.sql makes the role and may run before or after.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'weir_admin') THEN
        GRANT SELECT ON roles, role_tags, role_policies, role_aliases TO weir_admin;
    END IF;
END
$$;
