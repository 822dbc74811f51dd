"""Weir as operators run it: several instances behind HAProxy on one Postgres, and where the processor's time goes."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from load import Played
from programs import Program, Weir, free_port

CONFIGURATION = Path(__file__).parent.parent / "haproxy.cfg"
PARTS = ["HAProxy", "Weir", "Postgres"]


class Cluster:
    """Some instances on one migrated database, and HAProxy before them."""

    def __init__(self, binary: Path, folder: Path, name: str, url: str, instances: int):
        program = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if not program:
            raise RuntimeError("haproxy is not installed (Debian: apt-get install haproxy)")
        self.postgres = folder / "postgres" / "data"
        key = folder / f"{name}.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(32))
        self.url = url
        self.instances = [Weir(binary, folder, f"{name}-{number}", url) for number in range(1, instances + 1)]
        for weir in self.instances:
            weir.options += ["--master-key-file", str(key), "--log-requests", "false"]
            weir.start()
        self.port = free_port()
        # By `env`: programs are started without any variable of Weir's.
        assignments = [f"WEIR_{number}=127.0.0.1:{weir.port}" for number, weir in enumerate(self.instances, 1)] + [f"WEIR_BIND=127.0.0.1:{self.port}"]
        self.haproxy = Program(["env", *assignments, program, "-db", "-f", str(CONFIGURATION)], folder / f"{name}-haproxy.log")
        self.haproxy.wait_for(self.port, "/ready", {200})

    def key(self) -> tuple[str, str]:
        return self.instances[0].key()

    def processor_times(self) -> dict[str, float]:
        """Seconds of processor time that each part has used."""
        servers = [path.parent for path in Path("/proc").glob("[0-9]*/cwd") if _link(path) == str(self.postgres)]
        return {
            "HAProxy": self.haproxy.processor_time(), "Weir": sum(weir.program.processor_time() for weir in self.instances),
            "Postgres": sum(_processor_time(process) for process in servers)}

    def stop(self) -> None:
        self.haproxy.stop()
        for weir in self.instances:
            weir.stop()


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _processor_time(process: Path) -> float:
    try:
        fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Shares:
    """What a load through HAProxy came to in all rounds."""

    name: str
    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    # Processor time for a request in microseconds, by part.
    used: dict[str, list[float]] = field(default_factory=lambda: {part: [] for part in PARTS})

    def add(self, played: Played, before: dict[str, float], after: dict[str, float]) -> None:
        self.rates.append(played.rate)
        self.p50.append(played.p50)
        self.p99.append(played.p99)
        for part in PARTS:
            self.used[part].append((after[part] - before[part]) / played.requests * 1e6)

    def text(self) -> list[str]:
        used = {part: median(self.used[part]) for part in PARTS}
        whole = sum(used.values()) or 1
        return [
            self.name, f"{median(self.rates):,.0f}", f"{median(self.p50):.2f}", f"{median(self.p99):.2f}",
            *(f"{used[part]:.0f} us, {used[part] / whole:.0%}" for part in PARTS)]


HEAD = ["through HAProxy, 32 connections", "per second", "p50 ms", "p99 ms", *PARTS]
