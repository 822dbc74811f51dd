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


class Statements:
    """The SQL of Weir's statements, taken out of the sources, so that the reference runs what Weir runs."""

    def __init__(self, sources: Path):
        self.texts: dict[str, str] = {}
        constants = {}
        for file in sorted(sources.glob("*Statements.swift")):
            source = file.read_text()
            constants |= {name: text.strip() for name, text in re.findall(r'static let (\w+) = """\n(.*?)"""', source, re.S)}
            for name, long, short in re.findall(r'Statement(?:<\w+>)?\(\s*"([a-z.-]+)",\s*(?:"""\n(.*?)"""|"([^"]*)")', source, re.S):
                text = " ".join((long or short).split())
                text = re.sub(r"\\\((\w+)\)", lambda found: constants[found[1]], text)
                self.texts[name] = re.sub(r"/\*postgres (.*?)\*/", r"\1", text)

    def of(self, name: str, arguments: list[str]) -> str:
        """The statement for pgbench: each `$n` becomes the `:variable` that the argument names, or the argument itself, being NULL or in parentheses."""
        def argument(found: re.Match) -> str:
            value = arguments[int(found[1]) - 1]
            return value if value == "NULL" or value.startswith("(") else ":" + value
        return re.sub(r"\$(\d+)", argument, self.texts[name]) + ";\n"


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
