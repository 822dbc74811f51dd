"""Floods: one account, or anybody, does for some seconds what costs a server most, and a second account and the operator's probes must hardly notice.

Started by ops/torture --floods, for ten seconds of each kind, and shorter by test_floods.py. The flood is a process of its own, from another address
of loopback than the probes, so that neither Python's lock nor the limit of connections for one address makes the probes wait.
"""

import argparse
import contextlib
import http.client
import multiprocessing
import os
import re
import resource
import socket
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field

from calls import wait_active, wait_channel
from cases import THING
from deployment import Deployments, until
from signaling import presigned
from signing import read_response

ATTACKER = "127.0.0.2"
VICTIM_ACCOUNT = "999988887777"
STREAMS = 300
# The most that is left of a flood of any kind, and the least that is left of the second account's calls.
LIVE_SECONDS = 1.0
ANSWERED = 0.8
MEMORY = 100 << 20
REST_SECONDS = 30.0


# The kinds. Each is given the port and the bytes of the request that it is about, if any, and goes on until its process is ended.


def open_socket(port):
    connection = socket.create_connection(("127.0.0.1", port), 5, source_address=(ATTACKER, 0))
    connection.settimeout(5)
    return connection


def in_threads(count, use):
    """Has so many threads do the same again and again, whatever the server does about it."""

    def run(number):
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                use(number)

    for number in range(count):
        threading.Thread(target=run, args=(number,), daemon=True).start()
    threading.Event().wait()


def idle_connections(port, _):
    """As many connections as the client's descriptors allow, up to two thousand."""
    held = []

    def use(_):
        if len(held) < 2000:
            held.append(open_socket(port))
        else:
            time.sleep(0.1)

    in_threads(4, use)


def slow_bodies(port, _):
    """Bodies of a MiB of which most is sent, and then a byte now and then."""

    def use(_):
        with open_socket(port) as connection:
            connection.sendall(b"POST /listStreams HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n" + b" " * 1_000_000)
            while True:
                time.sleep(0.1)
                connection.sendall(b" ")

    in_threads(100, use)


def unread_answers(port, request):
    """Large lists, one after the other, of which nothing is read."""

    def use(_):
        with open_socket(port) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            while True:
                connection.sendall(request)

    in_threads(100, use)


def anonymous_requests(port, _):
    """Requests without a signature, many at a time."""

    def use(_):
        with open_socket(port) as connection:
            some = b"POST /listStreams HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" * 50
            while True:
                connection.sendall(some)
                assert connection.recv(1 << 20)

    in_threads(8, use)


def signed(port, request):
    """The same signed request again and again, each answer read."""

    def use(_):
        with open_socket(port) as connection:
            while True:
                connection.sendall(request)
                if read_response(connection).headers.get("Connection") == "close":
                    return

    in_threads(8, use)


def long_polls(port, request):
    """Polls that are sent and left alone at once, and some that are held."""

    def use(number):
        with open_socket(port) as connection:
            connection.sendall(request)
            if number < 4:
                read_response(connection)

    in_threads(8, use)


def wrong_signatures(port, request):
    """Requests for WebSockets that somebody else signed, many at a time."""

    def use(_):
        with open_socket(port) as connection:
            while True:
                connection.sendall(request * 20)
                assert connection.recv(1 << 20)

    in_threads(8, use)


def socket_messages(port, requests):
    """A master and viewers who read nothing, each of whom sends something else that it should not, as fast as it goes."""
    heads = [head + b"\r\n\r\n" for head in requests.split(b"\r\n\r\n")[:-1]]

    def use(number):
        with open_socket(port) as connection:
            connection.sendall(heads[number])
            while True:
                connection.sendall(HOSTILE[number])

    in_threads(len(heads), use)


def frame(first, data):
    """A frame under the mask of zeros, which changes nothing."""
    size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 127]) + len(data).to_bytes(8, "big")
    return bytes([first]) + size + bytes(4) + data


def text(action, payload):
    return frame(0x81, b'{"action":"%s","messagePayload":"%s","recipientClientId":"v1","correlationId":"c"}' % (action, payload))


# By the place of the peer, of whom the first is the master.
HOSTILE = [
    text(b"SDP_ANSWER", b"A" * 40_000), text(b"ICE_CANDIDATE", b"cA==") * 100, text(b"ICE_CANDIDATE", b"not base64") * 100,
    frame(0x81, b'{"action":' * 20 + b"[" * 1000) * 100, frame(0x01, b"") + frame(0x00, b"") * 2000, frame(0x01, b"x" * 40_000) + frame(0x00, b"x" * 40_000),
    frame(0x81, b"x" * 100_000), frame(0x89, b"ping") * 1000,
]

KINDS = {
    "idle connections": idle_connections, "slow bodies": slow_bodies, "unread answers": unread_answers, "anonymous requests": anonymous_requests,
    "broken bodies": signed, "long polls": long_polls, "large lists": signed, "wrong signatures": wrong_signatures, "socket messages": socket_messages,
}


def flood(kind, port, request):
    """The process of a flood. It opens files as far as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, most), most))
    KINDS[kind](port, request)


# What must hold meanwhile and afterwards.


@dataclass
class Seen:
    """What the probes saw of one flood."""

    live: list = field(default_factory=list)
    calls: int = 0
    answered: int = 0
    memory: int = 0
    rest: float = 0.0

    def troubles(self, idle):
        if max(self.live) > LIVE_SECONDS:
            yield f"/live took {max(self.live):.2f} s"
        if self.answered < ANSWERED * self.calls:
            yield f"a second account had {self.answered} of its {self.calls} calls answered"
        if self.memory > idle.memory + MEMORY:
            yield f"memory rose from {idle.memory >> 20} to {self.memory >> 20} MiB"

    def __str__(self):
        return (
            f"/live {max(self.live) * 1000:.0f} ms at most, {self.answered} of {self.calls} calls of a second account answered, "
            f"{self.memory >> 20} MiB at most, at rest after {self.rest:.1f} s")


@dataclass
class Rest:
    """A server that has nothing to do."""

    memory: int
    descriptors: int


class Target:
    """A server with two accounts, one of which has what makes its answers and bodies large."""

    def __init__(self, server, streams=STREAMS):
        self.server = server
        attacker = server.client()
        for number in range(streams):
            attacker.create_stream(StreamName=f"{'s' * 240}-{number:05}", MediaType="video/" + "h" * 120, DeviceName="d" * 128)
        wait_active(attacker, f"{'s' * 240}-{streams - 1:05}")
        arn = attacker.create_signaling_channel(ChannelName="flood")["ChannelARN"]
        wait_channel(attacker, "flood")
        attacker.close()
        self.victim = server.sender(server.key("--account", VICTIM_ACCOUNT))
        sender, agent = server.sender(), server.sender(server.key("--thing", THING + "flood"))
        broken = b'{"Tags":[' + b",".join([b"{}"] * 340_000) + b"]}"
        # Signed again for each flood, since a signature grows old.
        self._requests = {
            "unread answers": lambda: sender.raw("/listStreams", {}),
            "broken bodies": lambda: sender.raw("/tagResource", broken),
            "long polls": lambda: agent.raw("/edgeAgent/fetchEdgeConfigurations", {"HubDeviceArn": THING + "flood", "WaitTimeInSeconds": 20}),
            "large lists": lambda: sender.raw("/listStreams", {"MaxResults": 10_000}),
            "wrong signatures": lambda: self._upgrade(arn, "", "wrong"),
            "socket messages": lambda: b"".join(self._upgrade(arn, f"v{number}" if number else "") for number in range(len(HOSTILE))),
        }

    def _upgrade(self, arn, client, spoiled=""):
        target = presigned(self.server, arn, client, "/viewer" if client else "/master")
        return (
            f"GET {target}{spoiled} HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n").encode()

    def request(self, kind):
        return self._requests.get(kind, bytes)()

    @property
    def memory(self):
        with open(f"/proc/{self.server.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) << 10

    @property
    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.process.pid}/fd"))

    def page(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def metric(self, pattern):
        """The sum of what a metric shows."""
        return sum(float(value) for value in re.findall(rf"^{pattern} (\S+)$", self.page("/metrics"), re.MULTILINE))

    def at_rest(self):
        """Whether no connection, request or body of anybody is left, but for the probe's own."""
        return (
            self.metric("weir_connections_open") <= 2 and self.metric("weir_requests_in_flight") <= 1
            and self.metric(r"weir_held_bytes\{[^}]*\}") == 0)

    def idle(self):
        until(self.at_rest, "the server is at rest", REST_SECONDS)
        return Rest(self.memory, self.descriptors)

    def withstand(self, kind, seconds):
        """What was seen of a flood of a kind."""
        seen = Seen()
        process = multiprocessing.get_context("spawn").Process(target=flood, args=(kind, self.server.port, self.request(kind)), daemon=True)
        process.start()
        try:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                begun = time.monotonic()
                assert self.page("/live") == "live\n"
                seen.live.append(time.monotonic() - begun)
                seen.calls += 1
                seen.answered += self.victim.call("/listStreams", {}).status == 200
                seen.memory = max(seen.memory, self.memory)
                time.sleep(0.02)
            assert process.is_alive(), f"the flood of {kind} ended by itself"
        finally:
            process.kill()
            process.join()
        ended = time.monotonic()
        self.victim.close()
        until(self.at_rest, f"the server is at rest after {kind}", REST_SECONDS)
        seen.rest = time.monotonic() - ended
        assert self.server.is_running
        return seen


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=10, help="how long each flood lasts")
    seconds = options.parse_args().seconds
    failed = False
    with tempfile.TemporaryDirectory(prefix="weir-floods-", dir="/var/tmp") as folder:
        deployments = Deployments("sqlite", folder)
        try:
            target = Target(deployments.server(), streams=2000)
            idle = target.idle()
            print(f"idle: {idle.memory >> 20} MiB, {idle.descriptors} descriptors", flush=True)
            for kind in KINDS:
                seen = target.withstand(kind, seconds)
                troubles = list(seen.troubles(idle))
                failed = failed or bool(troubles)
                print(f"{'FAILED' if troubles else 'passed'} {kind}: {seen}{''.join('; ' + trouble for trouble in troubles)}", flush=True)
        finally:
            deployments.close()
    sys.exit(failed)


if __name__ == "__main__":
    main()
