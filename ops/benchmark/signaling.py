"""Signaling: Weir's WebSockets beside NIO's own, which send back what they get (ops/benchmark/sockets). Both get the same frames from this process."""

import json
import resource
import socket
import statistics
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

from programs import Program, free_port, run

IDLE = 10_000
# Messages in a second; a socket may send 200 candidates.
RATE = 150


def upgrade(port: int, target: str, source: str = "127.0.0.1") -> socket.socket:
    """A WebSocket that is open."""
    opened = socket.create_connection(("127.0.0.1", port), 30, source_address=(source, 0))
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.sendall(
        f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += opened.recv(4096) or fail(f"{target} was not answered")
    head.startswith(b"HTTP/1.1 101") or fail(head.decode())
    return opened


def fail(why: str):
    raise RuntimeError(why)


def text(payload: bytes) -> bytes:
    """A frame as clients send it, under the mask of zeros, which changes nothing."""
    size = len(payload)
    return bytes([0x81]) + (bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")) + bytes(4) + payload


def receive(reading: socket.socket) -> None:
    """Reads one message, however it is cut."""
    read = b""
    while len(read) < 2:
        read += reading.recv(65536) or fail("the connection has ended")
    size = read[1] & 0x7F
    whole = 4 + int.from_bytes(read[2:4], "big") if size == 126 else 2 + size
    while len(read) < whole:
        read += reading.recv(65536) or fail("the connection has ended")


def latencies(sending: socket.socket, reading: socket.socket, frame: bytes, seconds: float) -> list[float]:
    """Microseconds from one end to the other, one message after the other, fewer in a second than a socket may send."""
    found, end = [], time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        sending.sendall(frame)
        receive(reading)
        found.append((time.perf_counter() - start) * 1e6)
        time.sleep(max(0, start + 1 / RATE - time.perf_counter()))
    return found


class Signaling:
    """A Weir, or two on one Postgres, with a channel."""

    def __init__(self, binary: Path, folder: Path, databases: str | None = None, instances: int = 1):
        self.folder = folder / f"signaling-{instances}"
        self.folder.mkdir()
        common = ["--data-dir", str(self.folder), "--auth", "none", "--log-requests", "false", "--roles", "control,signaling,worker"]
        common += ["--connections", "12000", "--connections-per-address", "12000"]
        if databases:
            common += ["--database", databases]
            run(binary, "migrate", *common[:2], *common[-2:])
        self.programs, self.ports = [], []
        for number in range(instances):
            port = free_port()
            program = Program([str(binary), "serve", "--port", str(port), *common], folder / f"signaling-{instances}-{number}.log")
            program.wait_for(port, "/ready", {200})
            self.programs.append(program)
            self.ports.append(port)
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports[0]}/createSignalingChannel", json.dumps({"ChannelName": "bench"}).encode())
        with urllib.request.urlopen(request) as answer:
            self.arn = json.load(answer)["ChannelARN"]
        time.sleep(2)

    def peer(self, client: str = "", at: int = 0, source: str = "127.0.0.1") -> socket.socket:
        """Without signatures the account and the region are those of the server."""
        query = {"X-Amz-ChannelARN": self.arn} | ({"X-Amz-ClientId": client} if client else {})
        return upgrade(self.ports[at], f"/{'viewer' if client else 'master'}?{urlencode(query)}", source)

    def stop(self) -> None:
        for program in reversed(self.programs):
            program.process.kill()
            program.stop()


def idle_memory(program: Program, open_one) -> float:
    """KiB of resident memory for each of many sockets that say nothing."""
    before = program.memory()
    count = min(IDLE, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200)
    sockets = [open_one(number) for number in range(count)]
    time.sleep(1)
    after = program.memory()
    for each in sockets:
        each.close()
    return (after - before) * 1024 / count


def measure(bench, binary: Path, reference: Path, folder: Path) -> None:
    """Adds the lines of signaling to the report of a run."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    port = free_port()
    echo = Program([str(reference), str(port)], folder / "sockets.log")
    end = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.monotonic() < end or fail("the reference does not listen")
    weir = Signaling(binary, folder)
    payload = b"A" * 1364
    frame = text(b'{"action":"ICE_CANDIDATE","messagePayload":"' + payload + b'"}')
    bare, master, viewer = upgrade(port, "/"), weir.peer(), weir.peer("phone")
    for _ in range(bench.rounds):
        theirs, ours = latencies(bare, bare, frame, bench.seconds / 4), latencies(viewer, master, frame, bench.seconds / 4)
        bench.report.compare("signaling: viewer to master, p50 / bare echo", 1.5, statistics.median(ours) / statistics.median(theirs), at_most=True)
    theirs = idle_memory(echo, lambda number: upgrade(port, "/", f"127.0.{1 + number // 5000}.1"))
    ours = idle_memory(weir.programs[0], lambda number: weir.peer(f"v{number}", source=f"127.0.{1 + number // 5000}.1"))
    bench.report.compare("signaling: memory of an idle socket / bare echo", 1.5, ours / theirs, at_most=True)
    for each in (bare, master, viewer):
        each.close()
    weir.stop()
    echo.stop()
    several = Signaling(binary, folder, bench.cluster().database("weir_signaling"), instances=2)
    master, viewer = several.peer(), several.peer("phone", at=1)
    # A first message makes the link.
    latencies(viewer, master, frame, 0.1)
    found = sorted(latencies(viewer, master, frame, bench.seconds))
    bench.report.compare("signaling: across instances, p50", 2, found[len(found) // 2] / 1000, at_most=True, unit=" ms")
    bench.report.compare("signaling: across instances, p99", 20, found[len(found) * 99 // 100] / 1000, at_most=True, unit=" ms")
    several.stop()
