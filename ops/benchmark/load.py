"""Load: prepared requests played by wrk, and Weir's own SQL statements played by pgbench."""

import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from programs import clean_environment

HERE = Path(__file__).parent
CONNECTIONS = 32
THREADS = 2


@dataclass
class Played:
    """What a load came to. Latencies in milliseconds; `ended` in seconds of the monotonic clock."""

    rate: float
    requests: int
    seconds: float
    ended: float
    p50: float
    p99: float


def play(port: int, requests: list[bytes], seconds: int, once: bool = False, strict: bool = True) -> Played:
    """Plays requests against a server at 32 connections for some seconds, over and over or each only once.

    Raises where one was answered with anything but success or, being `strict`, a connection broke; and where they ran out.
    """
    # In memory: writing them to the disk would slow down the server's own writes.
    with tempfile.TemporaryDirectory(prefix="weir-bench-", dir="/dev/shm") as folder:
        for thread in range(THREADS):
            Path(folder, f"requests.{thread + 1}").write_bytes(b"".join(request + b"\0" for request in requests[thread::THREADS]))
        done = subprocess.run(
            ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(HERE / "play.lua"),
             f"http://127.0.0.1:{port}", "--", f"{folder}/requests", "once" if once else "again"],
            capture_output=True, text=True, env=clean_environment())
    if done.returncode != 0 or "{" not in done.stdout:
        raise RuntimeError(f"wrk failed with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    counted = json.loads(done.stdout.splitlines()[-1])
    if counted["refused"] or (strict and counted["broken"]):
        raise RuntimeError(f"not every request succeeded: {counted}")
    if counted["ran_out"]:
        raise RuntimeError(f"too few requests were prepared: all {len(requests)} were played before the time was up")
    duration = counted["microseconds"] / 1e6
    return Played(
        counted["requests"] / duration, counted["requests"], duration, counted["ended"], counted["p50"] / 1000, counted["p99"] / 1000)


@dataclass
class Executed:
    """A statement that the server was sent, with its arguments; None for NULL."""

    name: str
    text: str
    arguments: list[str | None]


class Statements:
    """What Weir sends to Postgres for a call, as the log of a server tells it that logs every statement: so the reference runs what Weir runs."""

    def __init__(self, log: str):
        entries = re.findall(r"^[-\d]+ [:.\d]+ \w+ \[\d+\] (\w+):  (.*(?:\n\t.*)*)", log, re.M)
        self._executed: list[Executed] = []
        for (kind, text), (following, detail) in zip(entries, [*entries[1:], ("", "")]):
            if kind == "LOG" and (found := re.match(r"execute ([a-z-]+\.[a-z-]+): (.*)", text, re.S)):
                arguments = re.findall(r"\$\d+ = (?:(NULL)|'((?:[^']|'')*)')", detail if following == "DETAIL" else "")
                values = [None if null else value.replace("''", "'") for null, value in arguments]
                self._executed.append(Executed(found[1], " ".join(found[2].split()), values))
        # The arguments that stay the same from call to call, by the variables that they become.
        self.constants: dict[str, str] = {}

    def last(self, name: str, argument: str | None = None) -> Executed:
        """The last of this name, of those with this argument if one is given."""
        return [done for done in self._executed if done.name == name and (argument is None or argument in done.arguments)][-1]

    def those_with(self, argument: str) -> list[Executed]:
        """All that have this argument, in their order."""
        return [done for done in self._executed if argument in done.arguments]

    def script(self, executed: list[Executed], variables: dict[str, str]) -> str:
        """Statements for pgbench: arguments that `variables` names become those variables, the others constants."""
        def replaced(done: Executed) -> str:
            return re.sub(r"\$(\d+)", lambda found: self._argument(done.arguments[int(found[1]) - 1], variables), done.text)
        return "".join(replaced(done) + ";\n" for done in executed)

    def _argument(self, value: str | None, variables: dict[str, str]) -> str:
        if value is None:
            return "NULL"
        if value in variables:
            return f":{variables[value]}"
        # An ARN up to the creation time has the name in it.
        for known, variable in variables.items():
            if value.endswith(f"/{known}/"):
                return f"(CAST({self._constant(value.removesuffix(known + '/'))} AS TEXT) || CAST(:{variable} AS TEXT) || '/')"
        return self._constant(value)

    def _constant(self, value: str) -> str:
        names = {known: name for name, known in self.constants.items()}
        name = names.get(value) or f"constant{len(self.constants) + 1}"
        self.constants[name] = value
        return f":{name}"


def pgbench_arguments(url: str, script: Path, connections: int, seconds: int, variables: dict[str, str]) -> list[str]:
    definitions = [part for name, value in variables.items() for part in ("-D", f"{name}={value}")]
    return ["pgbench", "-n", "-M", "prepared", "-c", str(connections), "-j", str(min(connections, THREADS)), "-T", str(seconds),
            "-f", str(script), *definitions, url]


def pgbench(url: str, script: Path, connections: int, seconds: int, variables: dict[str, str]) -> float:
    """Runs a script over and over; answers transactions per second. Raises where one failed."""
    done = subprocess.run(
        pgbench_arguments(url, script, connections, seconds, variables), capture_output=True, text=True, env=clean_environment())
    rate = re.search(r"tps = ([\d.]+) \(without", done.stdout)
    failed = re.search(r"failed transactions: (\d+)", done.stdout)
    if done.returncode != 0 or not rate or (failed and int(failed[1])):
        raise RuntimeError(f"pgbench failed with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return float(rate[1])
