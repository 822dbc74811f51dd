"""Postgres as people run it: TLS, several hosts and failover, a pooler, roles with few rights, and what the program says at its start when
something is wrong. Each on servers of its own, which ops/postgres starts."""

import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from deployment import DEADLINE, Database, Server, clean_environment, run_weir, until
# The whole store behind a pooler: the fixtures `engine` and `server` below take the place of the usual ones.
from test_channels import *  # noqa: F403
from test_operations import *  # noqa: F403
from test_paging import *  # noqa: F403
from test_tags import *  # noqa: F403

SCRIPTS = Path(__file__).resolve().parents[2] / "ops"


class OwnServers:
    """Postgres servers and poolers that only one test uses. Their folder can be entered by the user they run as."""

    def __init__(self):
        self._root = tempfile.mkdtemp(prefix="weir-servers-")
        os.chmod(self._root, 0o711)
        self._names = []
        self._weirs = []

    def folder(self, name):
        return Path(self._root) / name

    def start(self, name, *settings):
        return self._make(name, "start", settings)

    def standby(self, name, primary):
        return self._make(name, "standby", [self.folder(primary)])

    def pooler(self, name, server, *settings):
        return self._make(name, "pooler", [self.folder(server), *settings])

    def promote(self, name):
        self._run("promote", name)

    def signal(self, name, signal):
        self._run("signal", name, signal)

    def weir(self, database, *flags):
        """A `weir serve` on a database, with a folder of its own."""
        folder = Path(tempfile.mkdtemp(dir=self._root))
        server = Server(folder, database, *flags)
        self._weirs.append(server)
        return server

    def close(self):
        for server in self._weirs:
            server.close_senders()
            server.kill()
        for name in reversed(self._names):
            self._run("stop", name)
        shutil.rmtree(self._root)

    def _make(self, name, command, arguments):
        if name not in self._names:
            self._names.append(name)
        return self._run(command, name, *arguments)

    def _run(self, command, name, *arguments):
        # By way of a file: a server goes on holding what it inherits.
        with tempfile.TemporaryFile("w+") as output:
            words = [SCRIPTS / "postgres", command, self.folder(name), *arguments]
            done = subprocess.run(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=120)
            output.seek(0)
            text = output.read()
        assert done.returncode == 0, text
        return text.strip()


class OwnDatabase(Database):
    """A fresh database, with the schema of this program, on a server that is not the tests' usual one."""

    def __init__(self, administration, migrated=True):
        self._own = administration
        super().__init__("postgres", None)
        if migrated:
            self.migrate()

    def _administration(self):
        return self._own

    def migrate(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run_weir("migrate", "--data-dir", folder, "--database", self.url)
        assert done.returncode == 0, done.stderr

    def reached(self, url, *flags):
        """The same by another way."""
        self.flags = ["--database", url, *flags]
        return self


def by(url, user=None, password=None, host=None, port=None, database=None, query=None):
    """The URL with some of its parts changed."""
    parts = urlsplit(url)
    name, secret = quote(user or parts.username, safe=""), quote(password or parts.password, safe="")
    address = f"{host or parts.hostname}:{port or parts.port}"
    return f"postgres://{name}:{secret}@{address}/{database or parts.path[1:]}" + (f"?{query}" if query else "")


def several(*urls):
    """One URL for servers that share their passwords and databases."""
    first = urlsplit(urls[0])
    addresses = ",".join(f"{urlsplit(url).hostname}:{urlsplit(url).port}" for url in urls)
    return f"postgres://{first.username}:{first.password}@{addresses}{first.path}"


def psql(url, sql):
    done = subprocess.run(
        ["psql", url, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql], capture_output=True, text=True, timeout=DEADLINE,
        env=clean_environment())
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip()


def start_error(folder, url, *words, command="serve", flags=()):
    """The start fails with one line, which holds `words` and no password, and nothing of the program's inside."""
    port = ["--port", "0"] if command == "serve" else []
    done = run_weir(command, "--data-dir", folder, *port, "--database", url, *flags)
    assert done.returncode == 1, done
    lines = [line for line in done.stderr.strip().split("\n") if "was given as a flag" not in line and "open files" not in line]
    assert len(lines) == 1 and lines[0].startswith("Error: ") and not done.stdout, done
    for word in words:
        assert word in lines[0], lines[0]
    assert not re.search(r"DatabaseError|Failure\(|Optional|swift|postgres://", lines[0], re.IGNORECASE), lines[0]
    for secret in {urlsplit(url).password or "", "hunter2"} - {""}:
        assert secret not in lines[0], lines[0]
    return lines[0]


@pytest.fixture
def servers():
    made = OwnServers()
    yield made
    made.close()


@pytest.fixture(scope="module")
def primary():
    """A server that the tests of this module share; each has databases of its own. Its folder is `primary`."""
    made = OwnServers()
    made.url = made.start("primary")
    yield made
    made.close()


# --- a pooler ---


@pytest.fixture(scope="module")
def engine():
    return "postgres"


@pytest.fixture(scope="module")
def server(primary):
    """An instance behind PgBouncer in transaction mode, which has fewer sessions than the instance has connections."""
    pooled = primary.pooler("pooler", "primary", "default_pool_size=3")
    database = OwnDatabase(primary.url)
    return primary.weir(
        database.reached(by(pooled, database=database.name), "--postgres-prepared-statements", "false", "--postgres-connections", "6"))


def test_sessions_behind_the_pooler_are_shared_and_left_as_they_were(primary, server, sender):
    assert sender.call("/listStreams").status == 200
    assert int(server.database.query(
        f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{server.database.name}' AND pid <> pg_backend_pid()")[0]) <= 3
    assert psql(server.database.flags[1], "SHOW statement_timeout") == "0"


def test_migrations_need_the_server_itself(primary, tmp_path):
    pooled = primary.pooler("pooler-of-migrations", "primary")
    database = OwnDatabase(primary.url, migrated=False)
    url = by(pooled, database=database.name)
    start_error(tmp_path, url, "goes through a pooler", "server's own address", command="migrate")
    assert psql(database.url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "0"
    start_error(tmp_path, url, "lacks the migrations", "weir migrate", flags=["--postgres-prepared-statements", "false"])
    start_error(tmp_path, url + "?options=-csearch_path%3Dweir", "unsupported startup parameter")


# --- TLS ---


@pytest.fixture(scope="module")
def encrypted():
    """A server that takes encrypted connections only, with a certificate for db.weir.test."""
    made = OwnServers()
    made.url = made.start("server", "tls=db.weir.test")
    made.port = urlsplit(made.url).port
    yield made
    made.close()


def verified(encrypted, database, authority, host="db.weir.test"):
    url = by(database.url, host=host, port=encrypted.port)
    return url + f"?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={authority}"


def test_verified_tls(encrypted):
    database = OwnDatabase(encrypted.url, migrated=False)
    url = verified(encrypted, database, encrypted.folder("server") / "tls/ca.pem")
    database.url = url
    database.migrate()
    server = encrypted.weir(database.reached(url))
    with server.sender() as sender:
        assert sender.call("/createStream", {"StreamName": "encrypted"}).status == 200
    assert database.query(
        "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'weir'") == ["t"]
    assert urlsplit(url).password not in server.log


def test_a_server_that_cannot_prove_who_it_is(encrypted, tmp_path):
    database = OwnDatabase(encrypted.url)
    right = encrypted.folder("server") / "tls/ca.pem"
    wrong = tmp_path / "other.pem"
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", tmp_path / "other.key",
         "-out", wrong, "-days", "2", "-subj", "/CN=somebody else"], capture_output=True, timeout=DEADLINE)
    assert done.returncode == 0
    for command in "serve", "migrate":
        start_error(tmp_path, verified(encrypted, database, wrong), "certificate verify failed", command=command)
        start_error(
            tmp_path, verified(encrypted, database, right, host="other.weir.test"), "db.weir.test", 'does not match host name "other.weir.test"',
            command=command)
        start_error(tmp_path, verified(encrypted, database, tmp_path / "none.pem"), "none.pem", "does not exist", command=command)
        start_error(tmp_path, database.url + "?sslmode=disable", "no encryption", command=command)


# --- what is wrong at the start ---


def test_unreachable(tmp_path):
    start_error(tmp_path, "postgres://weir:hunter2@127.0.0.1:1/weir", "127.0.0.1", "port 1", "refused")
    start_error(tmp_path, "postgres://weir:hunter2@127.0.0.1:1,127.0.0.1:2/weir", "port 1", "port 2")
    start_error(tmp_path, "postgres://weir:hunter2@no-such-host.invalid/weir", "no-such-host.invalid")
    start_error(tmp_path, "host=127.0.0.1 port=1 user=weir password=hunter2", "port 1", command="migrate")


def test_a_host_that_does_not_answer(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        before = time.monotonic()
        start_error(tmp_path, f"postgres://weir:hunter2@127.0.0.1:{silent.getsockname()[1]}/weir", "timeout expired")
        assert time.monotonic() - before < 15


def test_wrong_password_database_and_encoding(primary, tmp_path):
    start_error(tmp_path, by(primary.url, password="hunter2hunter2"), "password authentication failed", "postgres")
    start_error(tmp_path, by(primary.url, database="nowhere"), '"nowhere"', "does not exist")
    psql(primary.url, "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")
    start_error(tmp_path, by(primary.url, database="latin"), "LATIN1", "UTF8")


def test_old_schema(primary, tmp_path):
    database = OwnDatabase(primary.url, migrated=False)
    start_error(tmp_path, database.url, "lacks the migrations [1, ", "weir migrate")
    database.migrate()
    psql(database.url, "DELETE FROM schema_migration WHERE version = (SELECT max(version) FROM schema_migration)")
    start_error(tmp_path, database.url, "lacks the migrations [", "weir migrate")
    psql(database.url, "INSERT INTO schema_migration VALUES (99, 'future', 'x', 99, 0)")
    psql(database.url, "DELETE FROM schema_migration WHERE version = 1")
    start_error(tmp_path, database.url, "not made by any release")


def test_only_a_standby(servers, tmp_path):
    servers.start("primary")
    url = servers.standby("standby", "primary")
    start_error(tmp_path, url, "read-only")
    start_error(tmp_path, url, "read-only", command="migrate")


def test_a_server_that_is_too_old(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=pretend_old, args=[listener], daemon=True).start()
        url = f"postgres://weir:hunter2@127.0.0.1:{listener.getsockname()[1]}/weir"
        start_error(tmp_path, url, "version 14.9", "15 or newer")


def pretend_old(listener):
    """Lets everybody in as a server of version 14 would."""
    def message(kind, body):
        return kind + struct.pack("!I", len(body) + 4) + body

    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            while (start := connection.recv(4096)) and start[4:8] in (struct.pack("!I", 80877103), struct.pack("!I", 80877104)):
                connection.sendall(b"N")  # no TLS, no GSS
            parameters = {b"server_version": b"14.9", b"server_encoding": b"UTF8", b"client_encoding": b"UTF8",
                          b"in_hot_standby": b"off", b"default_transaction_read_only": b"off"}
            connection.sendall(
                message(b"R", struct.pack("!I", 0)) + b"".join(message(b"S", k + b"\0" + v + b"\0") for k, v in parameters.items())
                + message(b"K", struct.pack("!II", 1, 1)) + message(b"Z", b"I"))
            while connection.recv(4096):
                pass


# --- roles ---


class Roles:
    """Three roles of one database, with names that no other test uses, made by the script."""

    def __init__(self, administration, prefix):
        self.database = OwnDatabase(administration, migrated=False)
        self.names = {role: f"{prefix}_{role}" for role in ("owner", "service", "admin")}
        self.passwords = {role: f"{role}'s \"hunter2\"" for role in self.names}

    def apply(self, *flags, by_whom=None):
        names = [word for role, name in self.names.items() for word in ("-v", f"{role}={name}")]
        environment = {f"{role.upper()}_PASSWORD": password for role, password in self.passwords.items()}
        done = subprocess.run(
            ["psql", by_whom or self.database.url, "-X", *names, *flags, "-f", str(SCRIPTS / "postgres-roles.sql")], capture_output=True,
            text=True, timeout=DEADLINE, env=clean_environment(**environment))
        assert done.returncode == 0 and not done.stderr, done
        return done.stdout

    def url(self, role):
        return by(self.database.url, user=self.names[role], password=self.passwords[role])

    def migrate(self, folder):
        return run_weir("migrate", "--data-dir", folder, "--database", self.url("owner"))


def everything(url):
    """What the roles' rights are made of."""
    return psql(url, """
        SELECT nspname, nspacl FROM pg_namespace WHERE nspname !~ '^pg_'; SELECT relname, relowner, relacl FROM pg_class WHERE relacl IS NOT NULL
        ORDER BY 1; SELECT proname, proowner, proacl FROM pg_proc WHERE proname = 'now_ms'; SELECT * FROM pg_default_acl ORDER BY 1;
        SELECT setrole, setconfig FROM pg_db_role_setting ORDER BY 1; SELECT datacl FROM pg_database WHERE datname = current_database()""")


def test_roles_with_as_few_rights_as_their_work_takes(primary, tmp_path):
    roles = Roles(primary.url, "few")
    assert "weir migrate as few_owner" in roles.apply()
    done = roles.migrate(tmp_path)
    assert done.returncode == 0, done.stderr
    # The migrations' tables are the service's already; the administrator's views need the script again, and once is enough.
    roles.database.reached(roles.url("service"))
    server = primary.weir(roles.database)
    assert "as they should be" in roles.apply()
    once = everything(roles.database.url)
    roles.apply()
    assert everything(roles.database.url) == once

    with server.sender() as sender:
        assert sender.call("/createStream", {"StreamName": "mine", "Tags": {"a": "b"}}).status == 200
        assert sender.call("/describeStream", {"StreamName": "mine"}).status == 200
        until(lambda: sender.call("/describeStream", {"StreamName": "mine"}).json["StreamInfo"]["Status"] == "ACTIVE", "active")
        arn = sender.call("/describeStream", {"StreamName": "mine"}).json["StreamInfo"]["StreamARN"]
        assert sender.call("/deleteStream", {"StreamARN": arn}).status == 200
        until(lambda: sender.call("/describeStream", {"StreamName": "mine"}).status == 404, "gone")
    server.key("--account", "210987654321")
    for statement in (
        "CREATE TABLE other (a int)", "ALTER TABLE stream ADD COLUMN a int", "DROP TABLE stream", "TRUNCATE stream", "CREATE TEMP TABLE a (a int)",
        "INSERT INTO schema_migration VALUES (99, '', '', 1, 1)", "DELETE FROM schema_migration", "CREATE SCHEMA other",
        "CREATE OR REPLACE FUNCTION now_ms() RETURNS BIGINT LANGUAGE sql AS 'SELECT 1'",
    ):
        assert re.search("permission denied|must be owner", psql(roles.url("service"), statement)), statement
    assert "permission denied" in psql(roles.url("service"), f"SET ROLE {roles.names['owner']}")
    done = run_weir("migrate", "--data-dir", tmp_path, "--database", roles.url("service"))
    assert done.returncode == 0 and "current" in done.stdout

    tables = roles.database.query("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
    assert {"access_key", "deployment", "stream"} <= set(tables)
    for table in tables:
        assert "permission denied" in psql(roles.url("admin"), f"SELECT * FROM {table}"), table
    assert "permission denied" in psql(roles.url("admin"), "SET TRANSACTION READ WRITE; CREATE TABLE other (a int)")
    # What the owner shows in views, the administrator sees, and what a view leaves out stays out of reach.
    psql(roles.url("owner"), "CREATE VIEW shown AS SELECT id, now_ms() AS now FROM access_key")
    assert "permission denied" in psql(roles.url("admin"), "SELECT * FROM shown")
    roles.apply()
    assert psql(roles.url("admin"), "SELECT count(*) FROM shown") == "2"
    for view in roles.database.query("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'"):
        text = psql(roles.url("admin"), f"SELECT * FROM {view}")
        assert "permission denied" not in text and "ERROR" not in text, (view, text)
        for secret in roles.database.query(
                "SELECT secret_sealed FROM access_key UNION ALL SELECT value FROM deployment WHERE name = 'master-key-proof'"):
            assert secret not in text, view

    # A table of a later migration is the service's without another run.
    psql(roles.url("owner"), "CREATE TABLE later (a int)")
    assert psql(roles.url("service"), "INSERT INTO later VALUES (1) RETURNING a") == "1"
    log = (primary.folder("primary") / "log").read_text()
    assert "hunter2" not in log and server.is_running


def test_roles_over_tables_that_are_there_by_somebody_who_is_no_superuser(primary, tmp_path):
    """A deployment that began with one role for everything, on a server whose superuser is somebody else."""
    psql(primary.url, "CREATE ROLE manager LOGIN CREATEROLE PASSWORD 'hunter2'")
    roles = Roles(primary.url, "late")
    psql(primary.url, f"ALTER DATABASE {roles.database.name} OWNER TO manager")
    manager = by(roles.database.url, user="manager", password="hunter2")
    assert run_weir("migrate", "--data-dir", tmp_path, "--database", manager).returncode == 0
    for _ in range(2):
        assert "as they should be" in roles.apply(by_whom=manager)
    assert roles.database.query("SELECT DISTINCT relowner::regrole FROM pg_class WHERE relnamespace = 'public'::regnamespace") == ["late_owner"]
    assert "current" in roles.migrate(tmp_path).stdout
    server = primary.weir(roles.database.reached(roles.url("service")))
    with server.sender() as sender:
        assert sender.call("/createStream", {"StreamName": "mine"}).status == 200


def test_roles_in_a_schema_of_their_own_and_behind_a_pooler(primary, tmp_path):
    roles = Roles(primary.url, "own")
    for _ in range(2):
        roles.apply("-v", "schema=Weir's", "-v", "connections=7")
        assert roles.migrate(tmp_path).returncode == 0
    assert roles.database.query("SELECT DISTINCT nspname FROM pg_class c JOIN pg_namespace n ON relnamespace = n.oid WHERE relname = 'stream'") == ["Weir's"]
    assert roles.database.query("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'own_service'") == ["7"]
    pooled = primary.pooler("pooler-of-roles", "primary")
    url = by(pooled, user="own_service", password=roles.passwords["service"], database=roles.database.name)
    server = primary.weir(roles.database.reached(url, "--postgres-prepared-statements", "false"))
    with server.sender() as sender:
        assert sender.call("/createStream", {"StreamName": "mine"}).status == 200


def test_missing_rights_are_told_at_the_start(primary, tmp_path):
    database = OwnDatabase(primary.url)
    psql(primary.url, "CREATE ROLE nobody LOGIN PASSWORD 'hunter2'")
    url = by(database.url, user="nobody", password="hunter2")
    start_error(tmp_path, url, "SELECT on schema_migration", "SELECT, INSERT, UPDATE, DELETE on stream", "postgres-roles.sql")
    psql(database.url, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO nobody")
    psql(database.url, "REVOKE UPDATE, DELETE ON stream FROM nobody")
    assert "lacks UPDATE, DELETE on stream. " in start_error(tmp_path, url)
    psql(database.url, "GRANT ALL ON stream TO nobody; REVOKE EXECUTE ON FUNCTION now_ms() FROM PUBLIC")
    start_error(tmp_path, url, "lacks EXECUTE on now_ms(). ")
    psql(database.url, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    start_error(tmp_path, url, "lacks USAGE on schema public. ")
    start_error(tmp_path, url, "no schema has been selected", command="migrate")
    psql(database.url, "REVOKE CONNECT ON DATABASE " + database.name + " FROM PUBLIC")
    start_error(tmp_path, url, "permission denied for database")


# --- failover ---


@pytest.fixture
def replicated(servers):
    """A primary that acknowledges a commit when its standby has it, and an instance that knows both."""
    first = servers.start("primary")
    second = servers.standby("standby", "primary")
    database = OwnDatabase(first)
    servers.admin = first
    psql(first, "ALTER SYSTEM SET synchronous_standby_names = '*'")
    psql(first, "SELECT pg_reload_conf()")
    until(lambda: psql(first, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1", "the standby is synchronous")
    servers.weir_server = servers.weir(database.reached(several(by(first, database=database.name), second)))
    return servers


@pytest.mark.parametrize("signal", ["KILL", "STOP"])
def test_what_was_acknowledged_survives_a_failover(replicated, note, signal):
    """The primary's machine dies, or does not answer any more; the standby is promoted."""
    server = replicated.weir_server
    acknowledged, refusals, longest, done = [], [], [0.0], threading.Event()
    recovered = []

    def create(worker):
        with server.sender() as sender:
            turn = 0
            while not done.is_set():
                turn += 1
                name, before = f"{worker}-{turn}", time.monotonic()
                answer = sender.call("/createStream", {"StreamName": name})
                longest[0] = max(longest[0], time.monotonic() - before)
                if answer.status == 200:
                    acknowledged.append(name)
                else:
                    refusals.append((answer.status, answer.error))

    workers = [threading.Thread(target=create, args=[number]) for number in range(4)]
    for worker in workers:
        worker.start()
    try:
        until(lambda: len(acknowledged) > 50, "writes are acknowledged")
        fault = time.monotonic()
        replicated.signal("primary", signal)
        replicated.promote("standby")
        before = len(acknowledged)
        until(lambda: len(acknowledged) > before + 50, "writes are acknowledged again", deadline=60)
        recovered.append(time.monotonic() - fault)
    finally:
        done.set()
        for worker in workers:
            worker.join(60)
    assert not any(worker.is_alive() for worker in workers), "a request hangs"
    note(f"failover after SIG{signal}: {recovered[0]:.1f} s until 50 more writes, longest request {longest[0]:.1f} s, {len(refusals)} refused")
    assert set(refusals) <= {(503, "ServiceUnavailable")}, set(refusals)
    assert recovered[0] < 30 and longest[0] < 30
    client = server.client()

    def streams():
        return [stream for page in client.get_paginator("list_streams").paginate() for stream in page["StreamInfoList"]]

    assert not set(acknowledged) - {stream["StreamName"] for stream in streams()}
    until(lambda: all(stream["Status"] == "ACTIVE" for stream in streams()), "every transition has ended on the new primary")
    client.close()


def test_a_change_that_only_the_primary_has_is_not_acknowledged(replicated):
    """Neither at once nor to the client that asks again: the primary shows it, and a failover would lose it."""
    server = replicated.weir_server
    replicated.signal("standby", "STOP")
    waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'weir'"
    answers = []

    def create():
        with server.sender() as sender:
            answers.append(sender.call("/createStream", {"StreamName": "doubtful"}, headers={"amz-sdk-invocation-id": "the-same"}))

    stop = threading.Event()

    def cancel():
        # As an administrator does who wonders why everything hangs.
        while not stop.is_set():
            psql(replicated.admin, f"SELECT pg_cancel_backend(pid) {waiting}")
            time.sleep(0.05)

    canceller = threading.Thread(target=cancel)
    canceller.start()
    try:
        for _ in range(2):
            create()
    finally:
        stop.set()
        canceller.join()
    assert server.database.query("SELECT name FROM stream") == ["doubtful"]
    assert [(answer.status, answer.error) for answer in answers] == [(503, "ServiceUnavailable")] * 2
    replicated.signal("standby", "CONT")
    create()
    assert answers[-1].status == 200
    replicated.signal("primary", "KILL")
    replicated.promote("standby")
    with server.sender() as sender:
        until(lambda: sender.call("/describeStream", {"StreamName": "doubtful"}).status == 200, "it is there, on the new primary")


def test_a_restart_of_the_server_costs_time_and_no_error(servers):
    database = OwnDatabase(servers.start("server"))
    server = servers.weir(database)
    answers, done = [], threading.Event()

    def ask():
        with server.sender() as sender:
            while not done.is_set():
                answers.append(sender.call("/listStreams").status)

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        for _ in range(3):
            before = len(answers)
            until(lambda: len(answers) > before + 20, "answers")
            servers._run("stop", "server")
            servers.start("server")
    finally:
        done.set()
        asker.join(60)
    assert set(answers) == {200}
    with server.sender() as sender:
        assert sender.call("/createStream", {"StreamName": "after"}).status == 200
    assert server.log.count("cannot connect to Postgres") <= 3
