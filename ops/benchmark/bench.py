"""Measures Weir beside bare references, in one run, and prints what came of it against the targets. Started by ops/bench."""

import argparse
import http.client
import json
import os
import re
import resource
import shutil
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import behind_haproxy
import data
import identity
import media
import playback
import signaling
from load import CONNECTIONS, Played, Statements, pgbench, pgbench_arguments, play
from programs import Nginx, Postgres, Program, Weir, free_port, run, stop_everything
from signing import Signer

REPOSITORY = Path(__file__).parent.parent.parent
STREAMS = 1000
MANY_STREAMS = 1_000_000
GROUPS = ["describe", "create", "tag", "list", "start", "idle", "stream", "moto", "deliver", "cluster", "media", "playback", "signaling", "identity"]
IDLE_CONNECTIONS = 9000


@dataclass
class Line:
    """A line of the table: what was aimed at, and what came out in each round."""

    name: str
    target: float
    at_most: bool
    values: list[float] = field(default_factory=list)
    unit: str = ""

    def text(self) -> list[str]:
        median = statistics.median(self.values)
        met = median <= self.target if self.at_most else median >= self.target
        sign = "<=" if self.at_most else ">="
        spread = f"{min(self.values):.2f} - {max(self.values):.2f}"
        return [self.name, f"{sign} {self.target:g}{self.unit}", f"{median:.2f}{self.unit}", spread, "met" if met else "MISSED", ""]


@dataclass
class Speed:
    """What a load came to in all rounds."""

    name: str
    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def text(self) -> list[str]:
        def median(values: list[float], digits: int) -> str:
            return f"{statistics.median(values):,.{digits}f}" if values else ""
        return [self.name, median(self.rates, 0), median(self.p50, 2), median(self.p99, 2), median(self.processor, 1)]


class Report:
    """Everything measured so far."""

    def __init__(self):
        self.lines: dict[str, Line] = {}
        self.speeds: dict[str, Speed] = {}
        self.shares: dict[str, behind_haproxy.Shares] = {}
        self.notes: list[str] = []

    def compare(self, name: str, target: float, value: float, at_most: bool = False, unit: str = "") -> None:
        self.lines.setdefault(name, Line(name, target, at_most, unit=unit)).values.append(value)

    def played(self, name: str, played: Played, processor: float | None = None) -> None:
        """Keeps what a load came to; `processor` is the time in seconds that the server used for it."""
        self.rate(name, played.rate)
        self.speeds[name].p50.append(played.p50)
        self.speeds[name].p99.append(played.p99)
        if processor is not None:
            self.speeds[name].processor.append(processor / played.requests * 1e6)

    def rate(self, name: str, rate: float) -> None:
        self.speeds.setdefault(name, Speed(name)).rates.append(rate)

    def print(self) -> None:
        table(["line of the design", "target", "median", "min - max", "verdict", "what limits it"], [line.text() for line in self.lines.values()])
        table(["load, 32 connections", "per second", "p50 ms", "p99 ms", "processor us"], [speed.text() for speed in self.speeds.values()])
        table(behind_haproxy.HEAD, [shares.text() for shares in self.shares.values()])
        print("Processor: time that the server used for a request. A busy machine changes it less than the rate, but it does.")
        print("A create's includes its transition; Postgres's own processes and wrk are not counted.\n")
        for note in self.notes:
            print("- " + note)


def table(head: list[str], rows: list[list[str]]) -> None:
    if not rows:
        return
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    print()
    for row in [head, ["-" * width for width in widths], *rows]:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
    print(flush=True)


def progress(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


class Bench:
    """One run: its folder, its programs and its report."""

    def __init__(self, options: argparse.Namespace, folder: Path):
        self.options, self.folder = options, folder
        self.seconds, self.rounds = (1, 3) if options.quick else (4, 5)
        self.report = Report()
        self.scripts: dict[str, Path] = {}
        self.constants: dict[str, str] = {}
        self.postgres: Postgres | None = None
        self.signer: Signer | None = None
        self.echo_port = free_port()
        self.pgbench_connections: dict[str, int] = {}

    # MARK: Starting

    def run(self) -> None:
        wanted = [group for group in GROUPS if self.options.only in (None, group)]
        if any(group in wanted for group in ("describe", "create", "tag")):
            self.start_echo()
        if any(group in wanted for group in ("describe", "create", "tag")):
            self.fixed_size()
        if any(group in wanted for group in ("list", "start")):
            self.growing_size("list" in wanted, "start" in wanted)
        if "idle" in wanted:
            self.idle()
        if "stream" in wanted:
            self.stream()
        if "moto" in wanted:
            self.moto()
        if "deliver" in wanted:
            self.deliver()
        if "cluster" in wanted:
            self.clusters()
        if "media" in wanted:
            media.measure(self, self.options.weir, self.folder)
        if "playback" in wanted:
            playback.measure(self, self.options.weir, self.folder)
        if "signaling" in wanted:
            signaling.measure(self, self.options.weir, self.options.sockets, self.folder)
        if "identity" in wanted:
            identity.measure(self, self.options.weir, self.folder)
        self.report.print()

    def start_echo(self) -> None:
        self.echo_program = Program([str(self.options.echo), str(self.echo_port)], self.folder / "echo.log")
        self.echo_program.wait_for(self.echo_port, "/", {404})
        self.nginx = Nginx(self.folder)

    def cluster(self) -> Postgres:
        if not self.postgres:
            progress("starting Postgres")
            self.postgres = Postgres(self.options.postgres, self.folder)
        return self.postgres

    def weir(self, name: str, streams: int, on_postgres: bool) -> Weir:
        """A Weir with that many streams, ready for requests."""
        progress(f"filling {name} with {streams:,} streams")
        url = self.cluster().database("weir_" + name) if on_postgres else None
        weir = Weir(self.options.weir, self.folder, name.replace("_", "-"), url)
        if url:
            weir.migrate()
            data.fill_postgres(url, streams)
        else:
            weir.start()
            weir.stop()
            data.fill_sqlite(weir.sqlite, streams)
        weir.start()
        weir.url = url
        return weir

    def sign(self, weir: Weir, path: str, bodies: list[bytes], spread: bool = False) -> list[bytes]:
        """Signs bodies for a Weir, in the last ten seconds where that makes the same body another request."""
        signer = Signer(*weir.key(), data.REGION, weir.port)
        signer.check()
        now = time.time()
        times = [now - index % 10 for index in range(len(bodies))] if spread else None
        return signer.requests(path, bodies, times)

    def expect(self, port: int, request: bytes, member: str | None) -> dict:
        """Makes one request; answers its body, which must be a success and have a member."""
        head, content = request.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST", first.split()[1], content, headers)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        if response.status != 200 or (member and member not in json.loads(answer)):
            raise RuntimeError(f"{first} on port {port} was answered {response.status} {answer[:300]!r}")
        return json.loads(answer) if answer else {}

    # MARK: Loads

    def measure(self, name: str, program: Program, port: int, requests: list[bytes], once: bool = False) -> Played:
        before = program.processor_time()
        played = play(port, requests, self.seconds, once)
        self.report.played(name, played, program.processor_time() - before)
        return played

    def echo(self, weir: Weir) -> float:
        """The reference: it gets the very bytes that Weir gets."""
        requests = self.sign(weir, "/describeStream", data.describes(STREAMS, 2))
        return self.measure("echo", self.echo_program, self.echo_port, requests).rate

    def limit(self, weir: Weir) -> None:
        """What the machine and the load allow: the same bytes to nginx."""
        self.measure("nginx, a constant", self.nginx, self.nginx.port, self.sign(weir, "/describeStream", data.describes(STREAMS, 2)))

    def describe(self, weir: Weir, label: str) -> Played:
        requests = self.sign(weir, "/describeStream", data.describes(STREAMS, 10), spread=True)
        self.expect(weir.port, requests[0], "StreamInfo")
        return self.measure(f"DescribeStream, {label}", weir.program, weir.port, requests)

    def create(self, weir: Weir, label: str, at_most_per_second: float) -> float:
        """Creates as many streams as it can; answers how many became ACTIVE in a second, from the first request to the last transition."""
        count = int(at_most_per_second * (self.seconds + 0.5)) + 1000
        requests = self.sign(weir, "/createStream", data.creates(count))
        self.expect(weir.port, requests.pop(), "StreamARN")
        before = self.active(weir)
        used = weir.program.processor_time()
        played = play(weir.port, requests, self.seconds, once=True)
        while self.count(weir, "SELECT count(*) FROM (SELECT 1 FROM task LIMIT 1) AS waiting"):
            if time.monotonic() > played.ended + 60:
                raise RuntimeError("streams are still CREATING a minute after the load")
            time.sleep(0.002)
        ended = time.monotonic()
        made = self.active(weir) - before
        others = self.count(weir, "SELECT count(*) FROM stream WHERE status <> 'ACTIVE'")
        if made < played.requests or others:
            raise RuntimeError(f"{played.requests} creates were answered, {made} streams became ACTIVE, {others} are not")
        rate = made / (played.seconds + ended - played.ended)
        name = f"CreateStream to ACTIVE, {label}"
        self.report.played(name, played, weir.program.processor_time() - used)
        # Slower than wrk saw it, which does not wait for the transitions.
        self.report.speeds[name].rates[-1] = rate
        return rate

    def active(self, weir: Weir) -> int:
        return self.count(weir, "SELECT count(*) FROM stream WHERE status = 'ACTIVE'")

    def count(self, weir: Weir, query: str) -> int:
        if weir.url:
            return int(Postgres.sql(weir.url, query))
        connection = sqlite3.connect(f"file:{weir.sqlite}?mode=ro", uri=True)
        try:
            return connection.execute(query).fetchone()[0]
        finally:
            connection.close()

    # MARK: pgbench

    def learn_statements(self, weir: Weir) -> None:
        """Makes one call of each kind with every statement logged, and writes the scripts that do the same: each batch one pipeline."""
        database, name = weir.url.rsplit("/", 1)[1], "2" * 16
        Postgres.sql(self.cluster().url, f"ALTER DATABASE {database} SET log_statement = 'all'")
        weir.start()
        self.expect(weir.port, self.sign(weir, "/createStream", [data.body(StreamName=name)])[0], "StreamARN")
        self.settle(weir.url)
        self.expect(weir.port, self.sign(weir, "/describeStream", [data.body(StreamName=name)])[0], "StreamInfo")
        weir.stop()
        Postgres.sql(self.cluster().url, f"ALTER DATABASE {database} RESET log_statement")
        statements = Statements((self.cluster().folder / "log").read_text(errors="replace"))

        insertion, event = statements.last("stream.insert", name), statements.last("event.insert-for-stream", name)
        token, version = insertion.arguments[3], insertion.arguments[5]
        request, invocation = event.arguments[6], event.arguments[8]
        lease, activation = statements.last("stream.activate-leased").arguments
        drawn = "".join(
            f"\\set {variable} random(1000000000000000, 9000000000000000)\n"
            for variable in ("name", "token", "version", "call", "request", "lease"))
        created = {name: "name", token: "token", version: "version", invocation: "call", request: "request"}
        claim, *finish = statements.those_with(lease)
        texts = {
            "describe": f"\\set n random(0, {STREAMS - 1})\n\\set name {data.FIRST} + :n * {data.RANGE // STREAMS}\n"
            + statements.script([statements.last("stream.find", name)], {name: "name"}),
            "create": drawn + pipeline(statements.script(statements.those_with(token), created)),
            "activate": drawn + pipeline(statements.script([claim], {lease: "lease"}))
            + pipeline(statements.script(finish, {lease: "lease", activation: "token"})),
        }
        for script, text in texts.items():
            self.scripts[script] = self.folder / f"{script}.sql"
            self.scripts[script].write_text(text)
        self.constants = statements.constants

    def pgbench_describe(self, url: str, connections: int, seconds: int) -> float:
        return pgbench(url, self.scripts["describe"], connections, seconds, self.constants)

    def pgbench_create(self, url: str, connections: int, seconds: int) -> float:
        """Creates from many connections while one other activates what waits, as Weir's worker does; counts like `create`."""
        before = int(Postgres.sql(url, "SELECT count(*) FROM stream"))
        worker = Program(pgbench_arguments(url, self.scripts["activate"], 1, 600, self.constants), self.folder / "pgbench-activate.log")
        began = time.monotonic()
        pgbench(url, self.scripts["create"], connections, seconds, self.constants)
        while int(Postgres.sql(url, "SELECT count(*) FROM (SELECT 1 FROM task LIMIT 1) AS waiting")):
            time.sleep(0.002)
        ended = time.monotonic()
        worker.stop()
        made, others = Postgres.sql(url, "SELECT count(*), count(*) FILTER (WHERE status <> 'ACTIVE') FROM stream").split("|")
        if int(others):
            raise RuntimeError(f"pgbench left {others} streams that are not ACTIVE")
        return (int(made) - before) / (ended - began)

    def fastest(self, load: Callable[[str, int, int], float], name: str, url: str) -> int:
        """The number of connections with which pgbench is fastest, as the hardest to compare with: one, as many as Weir has, or the load's."""
        rates = {connections: load(url, connections, 1) for connections in (1, 4, CONNECTIONS)}
        best = max(rates, key=lambda connections: rates[connections])
        self.report.notes.append(
            f"pgbench {name}: {best} connections; " + ", ".join(f"{connections}: {rate:,.0f}/s" for connections, rate in rates.items()))
        return best

    # MARK: Groups

    def fixed_size(self) -> None:
        """The loads that are compared with the echo and with pgbench, at 1,000 streams."""
        def wants(group: str) -> bool:
            return self.options.only in (None, group)
        report = self.report
        sqlite = self.weir("sqlite", STREAMS, False)
        time.sleep(2)
        idle = sqlite.program.memory()
        report.compare("memory, idle", 40, idle, at_most=True, unit=" MiB")
        creating = self.weir("sqlite_create", STREAMS, False) if wants("create") else None
        postgres = postgres_creating = reference = None
        if wants("describe"):
            postgres = self.weir("postgres", STREAMS, True)
        if wants("create"):
            postgres_creating = self.weir("postgres_create", STREAMS, True)
        if wants("describe") or wants("create"):
            reference = self.weir("reference", STREAMS, True)
            reference.stop()
            self.learn_statements(reference)
        progress("warming up")
        self.echo(sqlite)
        if wants("describe"):
            self.describe(sqlite, "SQLite")
            self.describe(postgres, "Postgres")
            find_best = self.fastest(self.pgbench_describe, "DescribeStream", reference.url)
        if wants("create"):
            create_best = self.fastest(self.pgbench_create, "CreateStream", reference.url)
        report.speeds.clear()
        flushes = []
        for number in range(1, self.rounds + 1):
            progress(f"round {number} of {self.rounds}")
            if wants("describe"):
                self.limit(sqlite)
                echo = self.echo(sqlite)
                described = self.describe(sqlite, "SQLite")
                report.compare("DescribeStream, SQLite / echo", 1.0, described.rate / echo)
                processor = {name: self.report.speeds[name].processor[-1] for name in ("echo", "DescribeStream, SQLite")}
                report.compare(
                    "DescribeStream, SQLite: processor time of echo / of Weir", 1.0, processor["echo"] / processor["DescribeStream, SQLite"])
                report.compare("DescribeStream, SQLite: p99 / p50", 4, described.p99 / described.p50, at_most=True)
                bench = self.pgbench_describe(reference.url, find_best, self.seconds)
                report.rate("pgbench, statement of DescribeStream", bench)
                described = self.describe(postgres, "Postgres")
                report.compare("DescribeStream, Postgres / echo", 0.60, described.rate / echo)
                report.compare("DescribeStream, Postgres / pgbench", 0.60, described.rate / bench)
            if wants("create"):
                flushes.append(flush_time(self.folder))
                echo = self.echo(creating)
                report.compare("CreateStream to ACTIVE, SQLite / echo", 0.40, self.create(creating, "SQLite", 0.8 * echo) / echo)
                bench = self.pgbench_create(reference.url, create_best, self.seconds)
                report.rate("pgbench, statements of CreateStream to ACTIVE", bench)
                created = self.create(postgres_creating, "Postgres", max(2.5 * bench, 0.8 * echo))
                report.compare("CreateStream to ACTIVE, Postgres / pgbench", 1.3, created / bench)
            if wants("tag"):
                requests = self.sign(sqlite, "/tagStream", data.tags(STREAMS, int(40_000 * self.seconds)))
                self.expect(sqlite.port, requests.pop(), None)
                self.measure("TagStream, SQLite", sqlite.program, sqlite.port, requests, once=True)
        if flushes:
            report.notes.append("flush of a page before the creates of each round: " + ", ".join(f"{flush:.2f} ms" for flush in flushes))
        weirs = [weir for weir in (sqlite, creating, postgres, postgres_creating) if weir]
        for weir in weirs:
            report.compare(f"memory, most under load, {weir.name}", 150, weir.program.memory("VmHWM"), at_most=True, unit=" MiB")
            report.notes.append(f"{weir.name}: {weir.program.memory():.0f} MiB resident after the load")
            weir.stop()

    def growing_size(self, wants_pages: bool, wants_start: bool) -> None:
        """Pages and the start, at 1,000 and at 1,000,000 streams."""
        report = self.report
        for engine in ("SQLite", "Postgres") if wants_pages else ("SQLite",):
            on_postgres = engine == "Postgres"
            few = self.weir(f"few_{engine.lower()}", STREAMS, on_postgres)
            many = self.weir(f"many_{engine.lower()}", MANY_STREAMS, on_postgres)
            if wants_start and not on_postgres:
                for weir, count in ((few, STREAMS), (many, MANY_STREAMS)):
                    for _ in range(5):
                        weir.stop()
                        report.compare(f"ready after start, {count:,} streams", 0.3, weir.start(), at_most=True, unit=" s")
                time.sleep(2)
                report.compare("memory, idle, 1,000,000 streams", 40, many.program.memory(), at_most=True, unit=" MiB")
            if wants_pages:
                self.pages(few, many, engine)
            few.stop()
            many.stop()

    def pages(self, few: Weir, many: Weir, engine: str) -> None:
        sizes = {"1,000": (few, self.plain_pages(few, 8)), "1,000,000": (many, self.plain_pages(many, 100))}
        for number in range(1, self.rounds + 1):
            progress(f"pages on {engine}, round {number} of {self.rounds}")
            for kind in ("plain", "by prefix"):
                rates = {}
                for size, (weir, plain) in sizes.items():
                    bodies = plain if kind == "plain" else data.prefixed_pages(STREAMS if weir is few else MANY_STREAMS)
                    requests = self.sign(weir, "/listStreams", bodies * 4, spread=True)
                    answer = self.expect(weir.port, requests[0], "NextToken")
                    if len(answer["StreamInfoList"]) != data.PAGE:
                        raise RuntimeError(f"a page of {data.PAGE} holds {len(answer['StreamInfoList'])} streams")
                    rates[size] = self.measure(f"ListStreams, {kind}, {engine}, {size} streams", weir.program, weir.port, requests).rate
                self.report.compare(
                    f"ListStreams, {kind}, {engine}: time at 1,000,000 / at 1,000", 1.3, rates["1,000"] / rates["1,000,000"], at_most=True)

    def plain_pages(self, weir: Weir, count: int) -> list[bytes]:
        """Requests for the first pages, found by following their tokens."""
        bodies = [data.body(MaxResults=data.PAGE)]
        while len(bodies) < count:
            answer = self.expect(weir.port, self.sign(weir, "/listStreams", bodies[-1:])[0], "NextToken")
            bodies.append(data.body(MaxResults=data.PAGE, NextToken=answer["NextToken"]))
        return bodies

    def clusters(self) -> None:
        """Describing and creating through HAProxy with one, two and three instances, and the share of the processor that each part takes."""
        for count in (1, 2, 3):
            progress(f"{count} instances behind HAProxy")
            url = self.cluster().database(f"cluster_{count}")
            Weir(self.options.weir, self.folder, f"cluster-{count}-migration", url).migrate()
            data.fill_postgres(url, STREAMS)
            running = behind_haproxy.Cluster(self.options.weir, self.folder, f"cluster-{count}", url, count)
            signer = Signer(*running.key(), data.REGION, running.port)
            describes = data.describes(STREAMS, 10)
            self.expect(running.port, signer.requests("/describeStream", describes[:1])[0], "StreamInfo")
            play(running.port, signer.requests("/describeStream", describes), 1)
            label = f"{count} instance" + ("s" if count > 1 else "")
            for number in range(1, self.rounds + 1):
                progress(f"{label}, round {number} of {self.rounds}")
                self.through(running, f"DescribeStream, {label}", signer.requests("/describeStream", describes), once=False)
                self.through(running, f"CreateStream, {label}", signer.requests("/createStream", data.creates(8000 * self.seconds)), once=True)
                self.settle(running.url)
            running.stop()

    def through(self, running: behind_haproxy.Cluster, name: str, requests: list[bytes], once: bool) -> None:
        before = running.processor_times()
        played = play(running.port, requests, self.seconds, once)
        self.report.shares.setdefault(name, behind_haproxy.Shares(name)).add(played, before, running.processor_times())

    @staticmethod
    def settle(url: str) -> None:
        """Waits until every transition is over."""
        end = time.monotonic() + 60
        while int(Postgres.sql(url, "SELECT count(*) FROM (SELECT 1 FROM task LIMIT 1) AS waiting")):
            if time.monotonic() > end:
                raise RuntimeError("streams are still CREATING a minute after the load")
            time.sleep(0.01)

    def idle(self) -> None:
        """Connections that do nothing, from two addresses, and the same once each has asked something."""
        weir = self.weir("idle", STREAMS, False)
        time.sleep(2)
        before = weir.program.memory()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
        connections = []
        try:
            for number in range(IDLE_CONNECTIONS):
                connection = socket.socket()
                connection.bind((f"127.0.0.{1 + number % 2}", 0))
                connection.connect(("127.0.0.1", weir.port))
                connections.append(connection)
            end = time.monotonic() + 10
            while int(re.search(r"^weir_connections_open (\d+)", self.page(weir), re.MULTILINE)[1]) < IDLE_CONNECTIONS:
                if time.monotonic() > end:
                    raise RuntimeError("not all connections were taken")
            fresh = weir.program.memory()
            for connection in connections:
                connection.sendall(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            for connection in connections:
                connection.recv(4096)
            used = weir.program.memory()
        finally:
            for connection in connections:
                connection.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for name, memory in (("fresh", fresh), ("used once", used)):
            self.report.compare(f"memory of an idle connection, {name}", 12, (memory - before) * 1024 / IDLE_CONNECTIONS, at_most=True, unit=" KiB")
        weir.stop()

    @staticmethod
    def page(weir: Weir) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", weir.port, timeout=10)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def stream(self) -> None:
        """A gigabyte each way through the gateway, plain and over TLS: the tests of streaming with more to stream."""
        environment = {"WEIR_STREAM_MEGABYTES": "1024"}
        printed = run("env", *(f"{name}={value}" for name, value in environment.items()), "swift", "test", "--package-path", REPOSITORY,
                      "--filter", "an echo of many megabytes")
        self.report.notes += re.findall(r"^echo.*$", printed, re.MULTILINE)

    def moto(self) -> None:
        """What people use today to develop against: moto's server, which checks no signature and forgets everything when it ends."""
        progress("starting moto")
        port = free_port()
        program = Program([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], self.folder / "moto.log")
        program.wait_for(port, "/moto-api/", {200})
        weir = self.weir("beside_moto", STREAMS, False)
        signer = Signer("AKIAAAAAAAAAAAAAAAAA", "unused", data.REGION, port)
        names = [data.body(StreamName=data.name(index, STREAMS)) for index in range(STREAMS)]
        for request in signer.requests("/createStream", names[:100]):
            self.expect(port, request, "StreamARN")
        for _ in range(3):
            played = play(port, signer.requests("/describeStream", names[:100]), self.seconds, strict=False)
            self.report.played("moto, DescribeStream", played)
            ours = self.describe(weir, "SQLite, beside moto")
            self.report.compare("DescribeStream, SQLite / moto", 1, ours.rate / played.rate)
            played = play(port, signer.requests("/createStream", data.creates(5000 * self.seconds)), self.seconds, once=True, strict=False)
            self.report.played("moto, CreateStream", played)
            ours = self.create(weir, "SQLite, beside moto", 20_000)
            self.report.compare("CreateStream to ACTIVE, SQLite / moto", 1, ours / played.rate)
        self.report.notes.append("moto verifies no signature, keeps nothing on a disk and closes each connection after its answer.")

    def deliver(self) -> None:
        """Events to one webhook that answers at once, beside the bare HTTP client which posts the same bodies to it."""
        events = 2500 * self.seconds
        for engine in ("SQLite", "Postgres"):
            for number in range(1, self.rounds + 1):
                progress(f"deliveries on {engine}, round {number} of {self.rounds}")
                database = [self.cluster().database(f"deliveries_{number}")] if engine == "Postgres" else []
                printed = run("env", f"TMPDIR={self.folder}", self.options.delivery, str(events), *database)
                bare, delivered = (float(rate) for rate in re.search(r"bare client: (\d+)/s, deliveries: (\d+)/s", printed).groups())
                self.report.rate(f"bare HTTP client, beside {engine}", bare)
                self.report.rate(f"events to a webhook, {engine}", delivered)
                self.report.compare(f"events to a webhook, {engine} / bare HTTP client", 0.45, delivered / bare)
        self.report.notes.append("Receiver and sender share a process, for the bare client as for the deliveries.")


def pipeline(script: str) -> str:
    return f"\\startpipeline\n{script}\\endpipeline\n"


def flush_time(folder: Path) -> float:
    """Milliseconds that writing a page to the disk for good takes here: what bounds every durable write."""
    times = []
    with open(folder / "flush", "wb", buffering=0) as file:
        for _ in range(100):
            file.write(b"\0" * 4096)
            began = time.monotonic()
            os.fdatasync(file.fileno())
            times.append(time.monotonic() - began)
    return statistics.median(times) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(prog="ops/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short loads and three rounds: about two minutes")
    parser.add_argument("--only", choices=GROUPS, help="only this group of lines")
    parser.add_argument("--part", choices=media.PARTS, help="with --only media: only this part of it")
    parser.add_argument(
        "--folder", default="/var/tmp", help="where the data is put; a folder in memory shows what the processor alone would allow")
    parser.add_argument("--weir", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--echo", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--delivery", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--media-store", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--sockets", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--postgres", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.weir:
        return  # Without programs only the words are looked at.
    # Not by default /tmp, which may be memory, where a durable write costs nothing.
    folder = Path(tempfile.mkdtemp(prefix="weir-bench-", dir=options.folder))
    # The user postgres has to pass through.
    folder.chmod(0o711)
    print(f"cores: {os.cpu_count()}, load before the run: {os.getloadavg()[0]:.1f}, flush of a page: {flush_time(folder):.2f} ms")
    bench = Bench(options, folder)
    try:
        bench.run()
    finally:
        if bench.postgres:
            bench.postgres.stop()
        stop_everything()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
