"""Signaling: Weir's WebSockets beside NIO's own, which send back what they get or pass it on (ops/benchmark/sockets). Both get the same frames from this
process."""

import json
import multiprocessing
import re
import resource
import selectors
import socket
import statistics
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

from programs import Program, free_port, run

IDLE = 10_000
# Messages of a socket in a second; it may send 200 candidates.
RATE = 150
# Viewers that send in turn, on all event loops.
VIEWERS = 16
# Between two instances: messages in a second, and the channels that they are spread over.
FLOW = 2000
CHANNELS = 16
PAYLOAD = 1364


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


def candidate(payload: bytes) -> bytes:
    return text(b'{"action":"ICE_CANDIDATE","messagePayload":"' + payload.ljust(PAYLOAD, b"A") + b'"}')


def median_latency(senders: list[socket.socket], reading: socket.socket | None, seconds: float) -> float:
    """Microseconds from each sender in turn to the end where it is read, by default its own: one message after the other, as often as each sender may."""
    frame, found, start = candidate(b""), [], time.perf_counter()
    while (now := time.perf_counter()) < start + seconds:
        sending = senders[len(found) % len(senders)]
        sending.sendall(frame)
        receive(reading or sending)
        found.append((time.perf_counter() - now) * 1e6)
        time.sleep(max(0, start + len(found) / (RATE * len(senders)) - time.perf_counter()))
    return statistics.median(found)


def read_flow(sockets: list[socket.socket], count: int, found) -> None:
    """Reads so many messages that say when they were sent, in nanoseconds; gives back what each took, in milliseconds. A process of its own runs it."""
    waiting, latencies, end = selectors.DefaultSelector(), [], time.monotonic() + 60
    for each in sockets:
        waiting.register(each, selectors.EVENT_READ)
    rest = dict.fromkeys(sockets, b"")
    while len(latencies) < count and time.monotonic() < end:
        for key, _ in waiting.select(1):
            data = rest[key.fileobj] + key.fileobj.recv(1 << 20)
            now, read = time.perf_counter_ns(), 0
            for sent in re.finditer(rb'"messagePayload":"(\d{20})', data):
                latencies.append((now - int(sent[1])) / 1e6)
                read = sent.end()
            rest[key.fileobj] = data[read:]
    found.send(sorted(latencies))


def flow(senders: list[socket.socket], receivers: list[socket.socket], seconds: float) -> list[float]:
    """Has messages flow from each sender to its receiver, evenly in time. Returns what they took in milliseconds, the quickest first."""
    count = int(FLOW * seconds)
    here, there = multiprocessing.Pipe()
    reading = multiprocessing.get_context("fork").Process(target=read_flow, args=(receivers, count, there))
    reading.start()
    start = time.perf_counter() + 0.2
    for number in range(count):
        time.sleep(max(0, start + number / FLOW - time.perf_counter()))
        senders[number % len(senders)].sendall(candidate(b"%020d" % time.perf_counter_ns()))
    found = here.recv()
    reading.join()
    len(found) == count or fail(f"{count} messages were sent, {len(found)} came")
    return found


class Signaling:
    """A Weir, or two on one Postgres, with channels."""

    def __init__(self, binary: Path, folder: Path, databases: str | None = None, instances: int = 1, channels: int = 1):
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
        self.arns = [self.create(f"bench-{number}") for number in range(channels)]
        time.sleep(2)

    def create(self, name: str) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports[0]}/createSignalingChannel", json.dumps({"ChannelName": name}).encode())
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["ChannelARN"]

    def peer(self, client: str = "", at: int = 0, source: str = "127.0.0.1", channel: int = 0) -> socket.socket:
        """Without signatures the account and the region are those of the server."""
        query = {"X-Amz-ChannelARN": self.arns[channel]} | ({"X-Amz-ClientId": client} if client else {})
        return upgrade(self.ports[at], f"/{'viewer' if client else 'master'}?{urlencode(query)}", source)

    def statements(self) -> float:
        """What the instances have asked the database so far."""
        pages = [urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode() for port in self.ports]
        return sum(float(re.search(r"^weir_database_group_size_sum (.*)$", page, re.MULTILINE)[1]) for page in pages)

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
    measure_one(bench, binary, reference, folder)
    measure_two(bench, binary, folder)


def measure_one(bench, binary: Path, reference: Path, folder: Path) -> None:
    port = free_port()
    bare = Program([str(reference), str(port)], folder / "sockets.log")
    end = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.monotonic() < end or fail("the reference does not listen")
    weir = Signaling(binary, folder)
    echoes, receiver = [upgrade(port, "/") for _ in range(VIEWERS)], upgrade(port, "/receiver")
    senders = [upgrade(port, "/sender") for _ in range(VIEWERS)]
    master, viewers = weir.peer(), [weir.peer(f"phone-{number}") for number in range(VIEWERS)]
    for _ in range(bench.rounds):
        # Two send seldom enough that the processor has slept and forgotten meanwhile, on either side.
        for count in (VIEWERS, 2):
            echo, passed_on = median_latency(echoes[:count], None, bench.seconds / 4), median_latency(senders[:count], receiver, bench.seconds / 4)
            ours = median_latency(viewers[:count], master, bench.seconds / 4)
            line = f"signaling: viewer to master, {RATE * count} messages a second, p50"
            bench.report.compare(f"{line} / bare echo", 1.5, ours / echo, at_most=True)
            # An echo never leaves its event loop; this goes from socket to socket, as Weir's messages do.
            bench.report.compare(f"{line} / bare socket to socket", 1.5, ours / passed_on, at_most=True)
    theirs = idle_memory(bare, lambda number: upgrade(port, "/", f"127.0.{1 + number // 5000}.1"))
    ours = idle_memory(weir.programs[0], lambda number: weir.peer(f"v{number}", source=f"127.0.{1 + number // 5000}.1"))
    bench.report.compare("signaling: memory of an idle socket / bare echo", 1.5, ours / theirs, at_most=True)
    for each in (*echoes, receiver, *senders, master, *viewers):
        each.close()
    weir.stop()
    bare.stop()


def measure_two(bench, binary: Path, folder: Path) -> None:
    """Masters on one instance, viewers on the other."""
    weir = Signaling(binary, folder, bench.cluster().database("weir_signaling"), instances=2, channels=CHANNELS)
    masters = [weir.peer(channel=number) for number in range(CHANNELS)]
    viewers = [weir.peer("phone", at=1, channel=number) for number in range(CHANNELS)]
    # The first messages make the link.
    flow(viewers, masters, 0.1)
    for _ in range(bench.rounds):
        before = weir.statements()
        found = flow(viewers, masters, bench.seconds)
        asked = weir.statements() - before
        across = f"signaling: across instances, {FLOW} messages a second, "
        bench.report.compare(across + "p50", 2, found[len(found) // 2], at_most=True, unit=" ms")
        bench.report.compare(across + "p99", 20, found[len(found) * 99 // 100], at_most=True, unit=" ms")
        # None is a message's own: the workers of both instances ask a few times in a second, whatever happens.
        bench.report.compare(across + "statements each", 0.05, asked / len(found), at_most=True)
    for each in (*masters, *viewers):
        each.close()
    weir.stop()
