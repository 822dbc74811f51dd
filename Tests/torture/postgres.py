"""Postgres servers that are killed, restarted, replicated and promoted."""

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import time
from pathlib import Path

from processes import Process, clean_environment, free_port, run, until

OWNER = "postgres" if os.geteuid() == 0 else None
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 100
shared_buffers = 64MB
wal_keep_size = 512MB
wal_sender_timeout = 5s
wal_receiver_timeout = 5s
wal_retrieve_retry_interval = 200ms
"""


def binaries():
    """The folder of the newest installed server's programs."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists() and int(path.parent.name) >= 15]
    if not found:
        raise RuntimeError("no Postgres server of version 15 or newer is installed (Debian: apt-get install postgresql)")
    return max(found, key=lambda path: int(path.parent.name))


class Server:
    """One server, durable as a real one is; its port stays the same over all its lives."""

    def __init__(self, folder, name, password):
        self.name, self.port, self.password = name, free_port(), password
        self.folder = Path(folder) / name
        self.data = self.folder / "data"
        self.folder.mkdir(mode=0o700)
        if OWNER:
            shutil.chown(self.folder, OWNER, OWNER)
        self._programs = binaries()
        self._process = None

    @property
    def url(self):
        return f"postgres://postgres:{self.password}@127.0.0.1:{self.port}/postgres"

    @property
    def process_id(self):
        return self._process.id

    def initialise(self):
        password = self.folder / "password"
        password.touch(mode=0o600)
        password.write_text(self.password)
        if OWNER:
            shutil.chown(password, OWNER, OWNER)
        self._run(
            "initdb", "-D", self.data, "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "--auth=scram-sha-256", f"--pwfile={password}")
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)

    def copy(self, primary):
        """Makes it a standby of `primary`, from a fresh copy; what it held before is gone."""
        if self.data.exists():
            shutil.rmtree(self.data)
        self._run(
            "pg_basebackup", "-D", self.data, "-R", "--no-sync", "--checkpoint=fast", "-X", "stream", "-d",
            f"{primary.url}?application_name={self.name}")

    def start(self):
        self._process = Process(
            [self._programs / "postgres", "-D", self.data, "-p", str(self.port)], self.folder / "log", user=OWNER, cwd=self.folder)

    def wait_until_up(self):
        until(self.is_up, f"Postgres {self.name} takes connections:\n{self._process.tail(500)}", pause=0.1)

    def is_up(self):
        try:
            return self.sql("SELECT 1") == "1"
        except RuntimeError:
            return False

    def stop(self, mode):
        """Ends it: `fast` finishes nothing but writes a checkpoint, `immediate` is a crash, `kill` does not even let it notice."""
        number = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}[mode]
        self._process.end(number, deadline=60)
        # Those whose server process was killed notice it a moment later; until then they may not be joined by another.
        until(lambda: not self._has_children(), f"all processes of Postgres {self.name} have ended")

    def _has_children(self):
        needle = str(self.data)
        for path in Path("/proc").glob("[0-9]*/cwd"):
            try:
                if os.readlink(path) == needle:
                    return True
            except OSError:
                continue
        return False

    @contextlib.contextmanager
    def left_behind(self):
        """Has a standby receive nothing meanwhile, nor what it has missed afterwards."""
        receiver = next(number for number in self.processes() if b"walreceiver" in Path(f"/proc/{number}/cmdline").read_bytes())
        os.kill(receiver, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(receiver, signal.SIGTERM)
            os.kill(receiver, signal.SIGCONT)

    def promote(self):
        self.sql("SELECT pg_promote(wait => true)")

    def sql(self, text, database="postgres"):
        """Runs SQL as the superuser and answers what psql prints, one line for each row."""
        return run("psql", self.url.rsplit("/", 1)[0] + "/" + database, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text,
                   PGCONNECT_TIMEOUT="5").strip()

    def processes(self):
        """The ids of all its processes."""
        needle = str(self.data)
        found = []
        for path in Path("/proc").glob("[0-9]*/cwd"):
            try:
                if os.readlink(path) == needle:
                    found.append(int(path.parent.name))
            except OSError:
                continue
        return found

    def _run(self, program, *arguments):
        run(self._programs / program, *arguments, user=OWNER)


class Cluster:
    """A primary and, as `replicated`, a standby that confirms every commit before it is acknowledged. Where it is not `synchronous` it does not, and
    is behind when the primary is lost: a set-up that loses what was acknowledged, to show that this is seen."""

    DATABASE = "weir"

    def __init__(self, folder, replicated, synchronous=True):
        self._synchronous = synchronous
        password = secrets.token_hex(12)
        self.servers = [Server(folder, name, password) for name in (["one", "two"] if replicated else ["one"])]
        self.primary = self.servers[0]
        self.primary.initialise()
        self.primary.start()
        self.primary.wait_until_up()
        self.primary.sql(f"CREATE DATABASE {self.DATABASE}")
        if replicated:
            self.replicate()

    @property
    def standby(self):
        return next((server for server in self.servers if server is not self.primary), None)

    def url(self, addresses):
        """What an instance connects to, given the address of each server as it sees them."""
        hosts = ",".join(f"{host}:{port}" for host, port in addresses)
        return f"postgres://postgres:{self.primary.password}@{hosts}/{self.DATABASE}?target_session_attrs=read-write"

    @property
    def direct_url(self):
        return self.url([("127.0.0.1", server.port) for server in self.servers])

    def sql(self, text):
        return self.primary.sql(text, self.DATABASE)

    def rows(self, table):
        """All rows of a table, as dictionaries."""
        return [json.loads(line) for line in self.sql(f"SELECT row_to_json(t) FROM {table} t").splitlines()]

    # MARK: What happens to it

    def restart(self, mode):
        self.primary.stop(mode)
        self.primary.start()
        self.primary.wait_until_up()

    def fail_over(self, mode):
        """The primary is lost for good, and the standby, which has all that was acknowledged, takes its place. It serves alone until
        `replicate` has made another standby: where it waited for one, it would acknowledge nothing."""
        standby = self.standby
        if self._synchronous:
            self.primary.stop(mode)
        else:
            with standby.left_behind():
                time.sleep(1)
                self.primary.stop("immediate")
        self.primary = standby
        self.primary.promote()
        self._confirm_by("")

    def replicate(self):
        """Makes the other server a standby. From then on commits wait for it; returns once it has everything."""
        standby = self.standby
        standby.copy(self.primary)
        standby.start()
        standby.wait_until_up()
        if not self._synchronous:
            return
        self._confirm_by("*")
        count = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        until(lambda: self.primary.sql(count) == "1", "the standby is synchronous", pause=0.1)
        position = self.primary.sql("SELECT pg_current_wal_insert_lsn()")
        self.wait_until_replicated(position)

    def wait_until_replicated(self, position=None):
        """Waits until the standby has everything up to a position of the log, or up to now."""
        if not self.standby or not self._synchronous:
            return
        position = position or self.primary.sql("SELECT pg_current_wal_insert_lsn()")
        until(
            lambda: self.primary.sql(f"SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND flush_lsn >= '{position}'") == "1",
            "the standby has everything", pause=0.1)

    def _confirm_by(self, names):
        # One call for each: ALTER SYSTEM takes no part in a transaction.
        self.primary.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self.primary.sql("SELECT pg_reload_conf()")

    def stop(self):
        for server in self.servers:
            if server._process and server._process.is_running:
                server.stop("immediate")
