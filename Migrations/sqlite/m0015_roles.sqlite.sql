-- Roles: who calls with temporary credentials that were made from one may do what its policies allow.
-- id: random, so that one that is made anew under an old name is another. trust: a policy of who may take it on. longest_session: in seconds.
-- policy_count: of those that are attached, at most 10. revoked_at: credentials made before then are refused; NULL where none are.
CREATE TABLE iam_role (
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    id TEXT NOT NULL,
    trust TEXT NOT NULL,
    longest_session INTEGER NOT NULL,
    policy_count INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    CONSTRAINT iam_role_pkey PRIMARY KEY (account, name),
    CONSTRAINT iam_role_policy_limit CHECK (policy_count BETWEEN 0 AND 10),
    CONSTRAINT iam_role_session CHECK (longest_session BETWEEN 3600 AND 43200)
) STRICT, WITHOUT ROWID;

-- Policies read them as aws:PrincipalTag/KEY.
CREATE TABLE iam_role_tag (
    account TEXT NOT NULL,
    role_name TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT iam_role_tag_pkey PRIMARY KEY (account, role_name, key),
    CONSTRAINT iam_role_tag_role FOREIGN KEY (account, role_name) REFERENCES iam_role (account, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE iam_role_policy (
    account TEXT NOT NULL,
    role_name TEXT NOT NULL,
    policy_name TEXT NOT NULL,
    CONSTRAINT iam_role_policy_pkey PRIMARY KEY (account, role_name, policy_name),
    CONSTRAINT iam_role_policy_role FOREIGN KEY (account, role_name) REFERENCES iam_role (account, name) ON DELETE CASCADE,
    CONSTRAINT iam_role_policy_policy FOREIGN KEY (account, policy_name) REFERENCES policy (account, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX iam_role_policy_of ON iam_role_policy (account, policy_name);

-- Names by which devices ask for credentials of a role. lifetime: of those credentials, in seconds.
CREATE TABLE iam_role_alias (
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    role_name TEXT NOT NULL,
    lifetime INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT iam_role_alias_pkey PRIMARY KEY (account, name),
    CONSTRAINT iam_role_alias_lifetime CHECK (lifetime BETWEEN 900 AND 43200),
    CONSTRAINT iam_role_alias_role FOREIGN KEY (account, role_name) REFERENCES iam_role (account, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX iam_role_alias_of ON iam_role_alias (account, role_name);

CREATE VIEW roles AS
SELECT account, name, id, trust, longest_session, policy_count,
    strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000, 'unixepoch') || printf('.%03dZ', created_at % 1000) AS created_at,
    strftime('%Y-%m-%dT%H:%M:%S', revoked_at / 1000, 'unixepoch') || printf('.%03dZ', revoked_at % 1000) AS revoked_at
FROM iam_role;

CREATE VIEW role_tags AS SELECT account, role_name, key, value FROM iam_role_tag;

CREATE VIEW role_policies AS SELECT account, role_name, policy_name FROM iam_role_policy;

CREATE VIEW role_aliases AS
SELECT account, name, role_name, lifetime,
    strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000, 'unixepoch') || printf('.%03dZ', created_at % 1000) AS created_at
FROM iam_role_alias;
