"""A whole deployment on this machine: Postgres, instances, HAProxy, and between them whatever can be cut."""

import atexit
import configparser
import http.client
import os
import secrets
import signal
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "sdk"))
from stores import SeaweedFS  # noqa: E402

from network import Namespace
from postgres import Cluster
from processes import Process, free_port, run, until
from proxies import Link, Proxies

REPOSITORY = Path(__file__).resolve().parent.parent.parent
ACCOUNT = "123456789012"
REGION = "us-east-1"
FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


class Stack:
    """Everything, started and ready once it is made.

    store: instances keep media in an S3-compatible store that they share. replicated: a standby confirms each commit, or does not where it is not `synchronous`. cuttable: proxies stand before each instance and before
    the database. partitionable: each instance has a network of its own. shiftable: each instance has a clock that can be set. flags: of weir serve.
    """

    def __init__(
        self, binary, folder, flags=(), instances=3, replicated=False, cuttable=False, partitionable=False, shiftable=False, synchronous=True,
        seed="0", store=False,
    ):
        self.binary, self.folder = Path(binary).resolve(), Path(folder)
        self.master_key = self.folder / "master.key"
        self.master_key.touch(mode=0o600)
        self.master_key.write_bytes(secrets.token_bytes(32))
        self.proxies = None
        self.instances = []
        self.haproxy = None
        self.store = Objects(self.folder / "store") if store else None
        self.postgres = Cluster(self.folder, replicated, synchronous)
        self._weir("migrate", data_dir=self.folder)
        if shiftable and not FAKETIME:
            raise RuntimeError("jumps of the clock need libfaketime (Debian: apt-get install faketime)")
        for number in range(1, instances + 1):
            self.instances.append(Instance(self, number, flags, cuttable, partitionable, shiftable))
        if cuttable:
            self.proxies = Proxies([link for instance in self.instances for link in instance.links], self.folder, seed)
        for instance in self.instances:
            # The first makes the first access key; the others find it.
            instance.start()
            instance.wait_until_ready()
        self._start_haproxy()
        self.key = read_credentials(self.instances[0].folder / "credentials", "weir")

    def _start_haproxy(self):
        self.port, self.statistics_port = free_port(), free_port()
        environment = {f"WEIR_{instance.number}": f"{instance.web[0]}:{instance.web[1]}" for instance in self.instances}
        environment |= {"WEIR_BIND": f"127.0.0.1:{self.port}", "WEIR_STATISTICS": f"127.0.0.1:{self.statistics_port}"}
        program = next((path for path in ("/usr/sbin/haproxy", "/usr/local/sbin/haproxy", "/usr/bin/haproxy") if os.access(path, os.X_OK)), None)
        if not program:
            raise RuntimeError("HAProxy is not installed (Debian: apt-get install haproxy)")
        self.haproxy = Process([program, "-db", "-f", REPOSITORY / "ops/haproxy.cfg"], self.folder / "haproxy.log", environment)
        until(lambda: is_ready("127.0.0.1", self.port), "HAProxy finds instances that are ready", pause=0.05)

    def _weir(self, *arguments, data_dir):
        return run(
            self.binary, *arguments, "--data-dir", data_dir, "--master-key-file", self.master_key, WEIR_DATABASE=self.postgres.direct_url)

    def thing_key(self, name):
        """A new access key of an edge agent, and the ARN of its thing."""
        arn = f"arn:aws:iot:{REGION}:{ACCOUNT}:thing/{name}"
        text = self._weir("keys", "create", "--thing", arn, data_dir=self.folder)
        return read_credentials(text, f"weir-{name}"), arn

    def wait_until_ready(self):
        """Waits until every instance is, and HAProxy knows."""
        for instance in self.instances:
            instance.wait_until_ready()
        until(lambda: self._ready_servers() == len(self.instances), "HAProxy finds every instance ready", pause=0.1)

    def _ready_servers(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.statistics_port, timeout=5)
        try:
            connection.request("GET", "/;csv")
            rows = connection.getresponse().read().decode().splitlines()
            return sum(row.startswith("weir,weir-") and ",UP," in row for row in rows)
        finally:
            connection.close()

    def stop(self):
        """Answers what went wrong with the programs while they ran."""
        troubles = []
        if self.haproxy:
            if not self.haproxy.is_running:
                troubles.append(f"HAProxy ended with {self.haproxy.code}:\n{self.haproxy.tail()}")
            self.haproxy.end()
        for instance in self.instances:
            instance.ask_to_end()
        for instance in self.instances:
            troubles += instance.remove()
        if self.proxies:
            self.proxies.stop()
        if self.store:
            self.store.kill()
        self.postgres.stop()
        return troubles


class Objects(SeaweedFS):
    """The store of media, which is ended with everything else."""

    def __init__(self, folder):
        folder.mkdir(mode=0o700)
        atexit.register(self.kill)
        super().__init__(folder)


class Instance:
    """One `weir serve`, over all its lives."""

    def __init__(self, stack, number, flags, cuttable, partitionable, shiftable):
        self._stack, self.number, self._flags = stack, number, [str(flag) for flag in flags]
        self.folder = stack.folder / f"weir-{number}"
        self.folder.mkdir(mode=0o700)
        self._log = stack.folder / f"weir-{number}.log"
        self._namespace = Namespace(number) if partitionable else None
        self.port = free_port()
        inside = self._namespace.links["web"].inside if self._namespace else "127.0.0.1"
        gateway = self._namespace.links["sql"].outside if self._namespace else "127.0.0.1"
        servers = stack.postgres.servers
        self.links = []
        self._store = ("127.0.0.1", stack.store.port) if stack.store else None
        self.web = self._own = (inside, self.port)
        databases = [("127.0.0.1", server.port) for server in servers]
        if cuttable:
            self.web = ("127.0.0.1", free_port())
            databases = [(gateway, free_port(gateway)) for _ in servers]
            self.links = [Link(self.web_link, *self.web, *self._own, begins="POST")]
            if stack.store:
                self._store = (gateway, free_port(gateway))
                self.links.append(Link(self.store_link, *self._store, "127.0.0.1", stack.store.port, begins="PUT"))
            self.links += [
                Link(f"{self.sql_link}-{server.name}", *address, "127.0.0.1", server.port) for server, address in zip(servers, databases)]
        elif partitionable:
            raise ValueError("an instance in a network of its own reaches the database through a proxy only")
        self._database = stack.postgres.url(databases)
        self._clock = stack.folder / f"clock-{number}" if shiftable else None
        self._process = None
        # The codes that it may have ended with: it is ended on purpose only.
        self._troubles = []
        if self._clock:
            self.set_clock(0)

    @property
    def web_link(self):
        return f"web-{self.number}"

    @property
    def sql_link(self):
        return f"sql-{self.number}"

    @property
    def store_link(self):
        return f"store-{self.number}"

    def sql_links(self):
        return [link.name for link in self.links if link.name.startswith(self.sql_link)]

    @property
    def id(self):
        return self._process.id

    def start(self):
        if self._stack.proxies:
            self._stack.proxies.accept(self.web_link)
        environment = {"WEIR_DATABASE": self._database}
        flags = self._flags
        if self._store:
            environment |= self._stack.store.environment
            flags = [*flags, "--media-store", "s3://media/site-1", "--media-store-endpoint", "http://{}:{}".format(*self._store)]
        prefix = list(self._namespace.prefix) if self._namespace else []
        if self._clock:
            # Only the time of day is another: what measures durations goes on, as it does where somebody sets the clock.
            environment |= {
                "FAKETIME_TIMESTAMP_FILE": str(self._clock), "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
            # The library changes the environment of the first program that loads it, and a Swift program whose environment was changed before
            # it began does not find its arguments: so another program is the first.
            prefix += ["env", f"LD_PRELOAD={FAKETIME[0]}", "env"]
        self._process = Process(
            [*prefix, self._stack.binary, "serve", "--host", self._own[0], "--port", str(self.port), "--plain-http-beyond-loopback", "true",
             "--data-dir", self.folder, "--master-key-file", self._stack.master_key, *flags], self._log, environment)

    def is_ready(self):
        return is_ready(*self._own)

    def wait_until_ready(self, deadline=60):
        """Waits until it is ready, and starts it again where it has ended, as a service manager does: it may have found no database."""
        end = time.monotonic() + deadline
        while not self.is_ready():
            if not self._process.is_running:
                time.sleep(0.3)
                self.start()
            if time.monotonic() > end:
                raise TimeoutError(f"instance {self.number} is not ready within {deadline} s: {why_not_ready(*self._own)}\n{self._process.tail()}")
            time.sleep(0.02)

    def kill(self):
        """As kill -9 does."""
        if not self._process.is_running:
            self._troubles.append(f"instance {self.number} had ended by itself with {self._process.code}:\n{self._process.tail()}")
        self._process.end(signal.SIGKILL)
        self._ended()

    def terminate(self):
        """Asks it to finish and to end; returns its code."""
        code = self._process.end(signal.SIGTERM)
        self._ended()
        return code

    def _ended(self):
        if self._stack.proxies:
            self._stack.proxies.refuse(self.web_link)
        for name in (f"faketime_shm_{self.id}", f"sem.faketime_sem_{self.id}"):
            Path("/dev/shm", name).unlink(missing_ok=True)

    def pause(self):
        self._process.send(signal.SIGSTOP)

    def resume(self):
        self._process.send(signal.SIGCONT)

    def set_clock(self, seconds):
        """Has its clock go wrong by so many seconds, within about a second from now."""
        new = self._clock.with_suffix(".new")
        new.write_text(f"{seconds:+d}s\n")
        new.replace(self._clock)

    def cut_from_database(self, direction):
        self._namespace.cut("sql", direction)

    def cut_from_clients(self, direction):
        self._namespace.cut("web", direction)

    def heal(self):
        self._namespace.heal()

    def ask_to_end(self):
        self.resume()
        if not self._process.is_running:
            self._troubles.append(f"instance {self.number} had ended by itself with {self._process.code}:\n{self._process.tail()}")
        self._process.send(signal.SIGTERM)

    def remove(self):
        """Answers what went wrong with it, from start to end."""
        if code := self.terminate():
            self._troubles.append(f"instance {self.number} ended with {code} when it was asked to:\n{self._process.tail()}")
        if self._namespace:
            self._namespace.remove()
        return self._troubles


def is_ready(host, port):
    return why_not_ready(host, port) is None


def why_not_ready(host, port):
    """What an instance says of that; None where it is ready."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/ready")
        response = connection.getresponse()
        return None if response.status == 200 else response.read().decode().strip()
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()


def read_credentials(source, profile):
    """Key id and secret of a profile, from a file or a text."""
    parser = configparser.ConfigParser()
    parser.read_string(source.read_text() if isinstance(source, Path) else source)
    return parser[profile]["aws_access_key_id"], parser[profile]["aws_secret_access_key"]
