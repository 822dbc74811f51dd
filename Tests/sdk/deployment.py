"""Databases and servers that a test starts, uses and stops."""

import configparser
import csv
import io
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import uuid
from pathlib import Path

import boto3
import botocore.session
from botocore.config import Config

from signing import Credentials, Sender

DEADLINE = 30.0
ACCOUNT = "123456789012"
REGION = "us-east-1"
_BOTOCORE = botocore.session.get_session()


def until(condition, what, deadline=DEADLINE):
    """Waits until `condition()` is true and returns its value; fails after the deadline, saying what was waited for, a text or what makes it."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {deadline} s: {what() if callable(what) else what}"
        time.sleep(0.01)


def clean_environment(**more):
    """The environment without anything that would configure a server, the SDK or the CLI."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WEIR_", "AWS_", "PG"))}
    return kept | more


def binary():
    path = os.environ.get("WEIR_BINARY")
    assert path, "WEIR_BINARY is not set: run these tests through ops/test, or set it to the path of the weir program"
    assert os.access(path, os.X_OK), f"WEIR_BINARY is {path}, which is not a program"
    return str(Path(path).resolve())


def run_weir(*arguments, environment=None, input=None):
    """Runs a command of the program to its end."""
    return subprocess.run(
        [binary(), *map(str, arguments)], env=clean_environment(**(environment or {})), input=input,
        capture_output=True, text=True, timeout=DEADLINE,
    )


class Database:
    """A fresh database of one engine."""

    def __init__(self, engine, folder):
        self.engine = engine
        if engine == "sqlite":
            self.flags = ["--database", f"sqlite:{folder}/weir.db"]
            self.path = Path(folder) / "weir.db"
        else:
            self.name = "weir_" + uuid.uuid4().hex
            self._sql(f"CREATE DATABASE {self.name}")
            base, _, query = self._administration().partition("?")
            self.url = base.rsplit("/", 1)[0] + "/" + self.name + ("?" + query if query else "")
            self.flags = ["--database", self.url]

    def drop(self):
        if self.engine == "postgres":
            self._sql(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    def query(self, sql):
        """Runs SQL in this database, and returns the rows as text."""
        if self.engine == "sqlite":
            return ["|".join(row) for row in self.rows(sql)]
        return self._sql(sql, self.url).split()

    def rows(self, sql):
        """Runs SQL in this database, and returns the rows with their columns as text, NULL as ''."""
        if self.engine == "sqlite":
            import sqlite3

            connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
            try:
                return [["" if value is None else str(value) for value in row] for row in connection.execute(sql)]
            finally:
                connection.close()
        return list(csv.reader(io.StringIO(self._sql(sql, self.url, "--csv"))))

    @staticmethod
    def _administration():
        url = os.environ.get("WEIR_TEST_POSTGRES")
        assert url, "WEIR_TEST_POSTGRES is not set: run these tests through ops/test, which starts a Postgres and names it there"
        return url

    def _sql(self, sql, url=None, form="-A"):
        done = subprocess.run(
            ["psql", url or self._administration(), "-X", "-q", form, "-t", "-v", "ON_ERROR_STOP=1", "-c", sql],
            capture_output=True, text=True, timeout=DEADLINE, env=clean_environment(),
        )
        assert done.returncode == 0, f"psql: {done.stderr}"
        return done.stdout


class Server:
    """A running `weir serve`. Its folder and database outlive it, so that another can be started on them."""

    def __init__(self, folder, database, *flags, environment=None, port=0, output=subprocess.DEVNULL, wrapped_by=()):
        """`wrapped_by` are the words of a command that becomes the one given to it."""
        self.folder = Path(folder)
        self.database = database
        self.flags = [str(flag) for flag in flags]
        self._lines = []
        self._senders = []
        self._logged = threading.Condition()
        self.process = subprocess.Popen(
            [*wrapped_by, binary(), "serve", "--data-dir", str(folder), "--port", str(port), *database.flags, *self.flags],
            stderr=subprocess.PIPE, stdout=output, stdin=subprocess.DEVNULL, text=True, errors="replace",
            env=clean_environment(**(environment or {})),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            line = self.logged(r"listening on (https?)://(.*):(\d+)$")
        except AssertionError:
            self.kill()
            raise
        self.scheme, self.port = line[1], int(line[3])
        self.endpoint = f"{self.scheme}://127.0.0.1:{self.port}"

    def _read(self):
        for line in self.process.stderr:
            with self._logged:
                self._lines.append(line)
                self._logged.notify_all()
        with self._logged:
            self._ended = True
            self._logged.notify_all()

    _ended = False

    @property
    def log(self):
        return "".join(self._lines)

    def logged(self, pattern, deadline=DEADLINE):
        """Waits for a line of the log."""
        found = None

        def look():
            nonlocal found
            found = re.search(pattern, self.log, re.MULTILINE)
            return found or self._ended

        with self._logged:
            self._logged.wait_for(look, deadline)
        assert found, f"the server did not log {pattern!r}; it logged:\n{self.log}"
        return found

    @property
    def credentials_file(self):
        return self.folder / "credentials"

    @property
    def credentials(self):
        return read_credentials(self.credentials_file.read_text(), "weir")

    def key(self, *flags):
        """A new access key, made beside the running server."""
        done = run_weir("keys", "create", "--data-dir", self.folder, *self.database.flags, *flags)
        assert done.returncode == 0, done.stderr
        return read_credentials(done.stdout)

    def sender(self, credentials=None, region=REGION):
        """Sends requests of any form, well signed unless told otherwise. Closed with the deployment at the latest."""
        sender = Sender(self.port, credentials or self.credentials, region)
        self._senders.append(sender)
        return sender

    def close_senders(self):
        for sender in self._senders:
            sender.close()

    def client(self, credentials=None, region=REGION, endpoint=None, **options):
        """A boto3 client that does not retry unless told otherwise; of another service where `service` names it."""
        credentials = credentials or self.credentials
        retries = options.pop("retries", {"total_max_attempts": 1})
        return boto3.Session(botocore_session=_BOTOCORE).client(
            options.pop("service", "kinesisvideo"), endpoint_url=endpoint or self.endpoint, region_name=region, aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key, aws_session_token=credentials.token,
            config=Config(retries=retries, max_pool_connections=64, **options.pop("config", {})),
            **options,
        )

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        return self.wait()

    def wait(self):
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        self.process.stderr.close()
        return code

    @property
    def is_running(self):
        return self.process.poll() is None


def read_credentials(text, profile=None):
    """Those of a profile, or of the first there is."""
    parser = configparser.ConfigParser()
    parser.read_string(text)
    section = parser[profile or parser.sections()[0]]
    return Credentials(section["aws_access_key_id"], section["aws_secret_access_key"])


class Deployments:
    """Starts servers on fresh databases of one engine, and cleans up after them."""

    def __init__(self, engine, root):
        self.engine = engine
        self._root = root
        self._databases = []
        self._servers = []
        self._count = 0

    def folder(self):
        self._count += 1
        folder = Path(self._root) / f"deployment-{self._count}"
        folder.mkdir(mode=0o700)
        return folder

    def database(self, folder):
        database = Database(self.engine, folder)
        self._databases.append(database)
        if self.engine == "postgres":
            done = run_weir("migrate", "--data-dir", folder, *database.flags)
            assert done.returncode == 0, done.stderr
        return database

    def server(self, *flags, **options):
        """A server on a database of its own."""
        folder = self.folder()
        return self.start(folder, self.database(folder), *flags, **options)

    def start(self, folder, database, *flags, **options):
        server = Server(folder, database, *flags, **options)
        self._servers.append(server)
        return server

    def again(self, server, *flags, port=0):
        """A server on the folder and database of one that has ended."""
        assert not server.is_running
        return self.start(server.folder, server.database, *(flags or server.flags), port=port)

    def beside(self, server, *flags, **options):
        """Another instance of the same deployment: the same database and master key, another data folder."""
        folder = self.folder()
        shutil.copy(server.folder / "master.key", folder / "master.key")
        other = self.start(folder, server.database, *(flags or server.flags), **options)
        return other

    def close(self):
        for server in self._servers:
            server.close_senders()
            server.kill()
        for database in self._databases:
            database.drop()
        crashed = [server.process.returncode for server in self._servers if server.process.returncode not in (0, -signal.SIGKILL, -signal.SIGTERM)]
        assert not crashed, f"servers ended with {crashed}"
