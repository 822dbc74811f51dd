-- Three roles with as few rights as their work takes, in one database. Can be run again at any time, and has to be once after the first
-- `weir migrate` and after each upgrade that adds views for administrators; it changes only what is not as it should be.
--
--   weir_owner     owns the tables: for `weir migrate`, and nothing else
--   weir_service   for `weir serve`, `weir keys` and `weir status`: reads and writes rows, changes no table
--   weir_admin     for people: reads the views, and no table: access keys and master key proofs stay out of reach
--
-- As a superuser (or a role that may create roles and owns the database), connected to Weir's database:
--
--   export OWNER_PASSWORD=... SERVICE_PASSWORD=... ADMIN_PASSWORD=...
--   psql "postgres://postgres@db.example.lan/weir" -f ops/postgres-roles.sql
--
-- A role without such a variable keeps the password it has; a new one then has none, and logs in by certificate or not at all. Other names:
-- -v owner=... -v service=... -v admin=...; another schema than public: -v schema=...; how many sessions the service may have in all, over
-- all instances (--postgres-connections each, and a few for starting): -v connections=100.
--
-- What others could do in this database by PUBLIC's rights (connect, make temporary tables, call functions of this owner) they cannot any
-- more. Tables that another role made for Weir before become the owner's.

\set ON_ERROR_STOP on
\set QUIET on
\pset tuples_only on
\pset format unaligned
\if :{?owner} \else \set owner weir_owner \endif
\if :{?service} \else \set service weir_service \endif
\if :{?admin} \else \set admin weir_admin \endif
\if :{?schema} \else \set schema public \endif
\if :{?connections} \else \set connections 100 \endif
\getenv owner_password OWNER_PASSWORD
\getenv service_password SERVICE_PASSWORD
\getenv admin_password ADMIN_PASSWORD
SELECT rolsuper AS is_superuser FROM pg_roles WHERE rolname = current_user \gset

BEGIN;
SET LOCAL client_min_messages = warning;
-- Passwords are to stand in no log.
\if :is_superuser
    SET LOCAL log_statement = 'none';
    SET LOCAL log_min_error_statement = 'panic';
    SET LOCAL log_min_duration_statement = -1;
\endif

-- The roles.
SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY[:'owner', :'service', :'admin']) AS name
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
\if :{?owner_password}
    ALTER ROLE :"owner" PASSWORD :'owner_password';
\endif
\if :{?service_password}
    ALTER ROLE :"service" PASSWORD :'service_password';
\endif
\if :{?admin_password}
    ALTER ROLE :"admin" PASSWORD :'admin_password';
\endif
ALTER ROLE :"service" CONNECTION LIMIT :connections;
-- Only members may act for the owner, as the rest of this script does.
\if :is_superuser
\else
    GRANT :"owner" TO CURRENT_USER;
\endif

-- What a session finds. The service's limits are for poolers and for people at a prompt: weir sets its own.
SELECT format('ALTER ROLE %I IN DATABASE %I SET %s', role, current_database(), setting) FROM (VALUES
    (:'owner', format('search_path = %I', :'schema')),
    (:'service', format('search_path = %I', :'schema')),
    (:'service', 'default_transaction_isolation = ''read committed'''),
    (:'service', 'statement_timeout = ''5s'''),
    (:'service', 'lock_timeout = ''1s'''),
    (:'service', 'idle_in_transaction_session_timeout = ''5s'''),
    (:'admin', format('search_path = %I', :'schema')),
    (:'admin', 'default_transaction_read_only = on'),
    (:'admin', 'statement_timeout = ''60s''')) AS wanted (role, setting) \gexec

-- The database and the schema.
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()) \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I, %I, %I', current_database(), :'owner', :'service', :'admin') \gexec
CREATE SCHEMA IF NOT EXISTS :"schema";
REVOKE ALL ON SCHEMA :"schema" FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA :"schema" TO :"owner";
GRANT USAGE ON SCHEMA :"schema" TO :"service", :"admin";

-- Whatever else the maker of Weir's tables made here becomes the owner's.
SELECT to_regclass(format('%I.schema_migration', :'schema')) IS NOT NULL AS is_migrated \gset
\if :is_migrated
    SELECT relowner::regrole::text AS maker, relowner::regrole::text <> quote_ident(:'owner') AS is_other
        FROM pg_class WHERE oid = to_regclass(format('%I.schema_migration', :'schema')) \gset
    \if :is_other
        SELECT format('ALTER %s %s OWNER TO %I', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass, :'owner')
            FROM pg_class c WHERE relnamespace = quote_ident(:'schema')::regnamespace AND relowner = :'maker'::regrole AND relkind IN ('r', 'p', 'v', 'S')
                AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype IN ('a', 'i')) \gexec
        SELECT format('ALTER FUNCTION %s OWNER TO %I', p.oid::regprocedure, :'owner')
            FROM pg_proc p WHERE pronamespace = quote_ident(:'schema')::regnamespace AND proowner = :'maker'::regrole \gexec
    \endif
\endif

-- What later migrations make.
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA :"schema" GRANT EXECUTE ON FUNCTIONS TO :"service", :"admin";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA :"schema" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"service";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA :"schema" GRANT USAGE ON SEQUENCES TO :"service";

-- What is there: the service has the rows of every table, and only reads which migrations were applied; the administrator has the views.
SELECT format('REVOKE ALL ON %s FROM PUBLIC, %I', c.oid::regclass, :'admin')
    FROM pg_class c WHERE relnamespace = quote_ident(:'schema')::regnamespace AND relowner = quote_ident(:'owner')::regrole AND relkind IN ('r', 'p') \gexec
SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', c.oid::regclass, :'service')
    FROM pg_class c WHERE relnamespace = quote_ident(:'schema')::regnamespace AND relowner = quote_ident(:'owner')::regrole AND relkind IN ('r', 'p') \gexec
SELECT format('REVOKE INSERT, UPDATE, DELETE ON %s FROM %I', to_regclass(format('%I.schema_migration', :'schema')), :'service')
    WHERE :'is_migrated'::boolean \gexec
SELECT format('GRANT SELECT ON %s TO %I, %I', c.oid::regclass, :'service', :'admin')
    FROM pg_class c WHERE relnamespace = quote_ident(:'schema')::regnamespace AND relowner = quote_ident(:'owner')::regrole AND relkind = 'v' \gexec
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', p.oid::regprocedure)
    FROM pg_proc p WHERE pronamespace = quote_ident(:'schema')::regnamespace AND proowner = quote_ident(:'owner')::regrole \gexec
SELECT format('GRANT EXECUTE ON FUNCTION %s TO %I, %I', p.oid::regprocedure, :'service', :'admin')
    FROM pg_proc p WHERE pronamespace = quote_ident(:'schema')::regnamespace AND proowner = quote_ident(:'owner')::regrole \gexec
COMMIT;

SELECT CASE WHEN :'is_migrated'::boolean THEN 'The roles are as they should be.'
    ELSE format('The roles are there. Run weir migrate as %s, and then this once more: it gives %s the views.', :'owner', :'admin') END;
