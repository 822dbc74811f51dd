"""Masters and viewers of many channels, on all instances, that go on talking while instances are killed; and what must hold of what they sent and got.

A viewer sends an offer and candidates, the master an answer and candidates, each with a number. A message is accepted once a ping that was sent after it
was answered. It must arrive where its recipient was connected before it was sent and stays so, on an instance that lives; and in order.
"""

import asyncio
import base64
import json
import random
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import websockets

sys.path.append(str(Path(__file__).resolve().parent.parent / "sdk"))
from signaling import presigned  # noqa: E402
from signing import Credentials, Sender  # noqa: E402

from stack import REGION  # noqa: E402

CANDIDATES = 3
# How long a message may take to one who was there all the while: an instance without a link looks into the mailbox once a second, after five at most.
LATEST = 10.0
# What an instance has taken in so short a time before it died may have been on its wire.
WIRE = 1.0
# When an instance that said nothing counts as dead, and one second more.
STALE = 15.0 + 1.0


@dataclass
class Connection:
    """One connection of a client, from its first moment to its last."""

    client: str
    index: int
    instance: int
    opened: float
    closed: float = float("inf")
    socket: object = None
    # (sender's connection, number, when)
    received: list = field(default_factory=list)


@dataclass
class Message:
    """accepted: when the sender knew that it was; None where the connection ended before."""

    sender: int
    recipient: str
    number: int
    sent: float
    accepted: float | None = None


@dataclass
class Facts:
    """connections: by their number. kills: (instance, when). looks: (when, what the database says of each instance's connections, what is so)."""

    connections: list = field(default_factory=list)
    messages: list = field(default_factory=list)
    kills: list = field(default_factory=list)
    looks: list = field(default_factory=list)


def has_died(facts, instance, first, last):
    return any(killed == instance and first <= at <= last for killed, at in facts.kills)


def due(facts):
    """(message, connection) for each message that must have arrived."""
    by_client = defaultdict(list)
    for connection in facts.connections:
        by_client[connection.client].append(connection)
    for message in facts.messages:
        if message.accepted is None or has_died(facts, facts.connections[message.sender].instance, message.sent, message.accepted + WIRE):
            continue
        for connection in by_client[message.recipient]:
            stays = connection.opened < message.sent and connection.closed > message.accepted + LATEST
            if stays and not has_died(facts, connection.instance, message.sent, message.accepted + LATEST):
                yield message, connection


def arrivals(facts):
    """When each message first came, by the sender's connection, its number and the recipient."""
    found = {}
    for connection in facts.connections:
        for sender, number, at in connection.received:
            found.setdefault((sender, number, connection.client), at)
    return found


def check_lost(facts):
    """What was accepted for one who was there, on an instance that lives, has arrived."""
    came = arrivals(facts)
    return [
        f"message {message.number} of {facts.connections[message.sender].client} (instance {facts.connections[message.sender].instance}), sent at "
        f"{message.sent:.2f}, did not come to {message.recipient} on instance {connection.instance}, there since {connection.opened:.2f}"
        for message, connection in due(facts) if (message.sender, message.number, message.recipient) not in came]


def check_order(facts):
    """What comes from one connection to another comes in the order in which it was sent."""
    violations = []
    for connection in facts.connections:
        last, seen = {}, set()
        for sender, number, at in connection.received:
            if (sender, number) in seen:
                continue
            seen.add((sender, number))
            if number < last.get(sender, -1):
                violations.append(f"message {number} of {facts.connections[sender].client} came to {connection.client} after {last[sender]}, at {at:.2f}")
            last[sender] = number
    return violations


def check_routes(facts):
    """Once an instance that was killed is known to be dead, the database has each connection that there is, where it is, and no other."""
    return [f"at {at:.2f} the database has {told} connections by instance, and there are {there}" for at, told, there in facts.looks if told != there]


CHECKS = {"lost messages": check_lost, "order of messages": check_order, "routes": check_routes}


def check(facts):
    return {name: violations for name, function in CHECKS.items() if (violations := function(facts))}


def describe(facts):
    came = arrivals(facts)
    duration = facts.messages[-1].sent - facts.messages[0].sent
    required = list(due(facts))
    delays = sorted(
        came[key] - message.sent for message, _ in required if (key := (message.sender, message.number, message.recipient)) in came)
    doubled = sum(len(connection.received) - len({(sender, number) for sender, number, _ in connection.received}) for connection in facts.connections)
    yield (
        f"signaling: {len({connection.client for connection in facts.connections})} clients, {len(facts.connections)} connections, "
        f"{len(facts.messages)} messages ({len(facts.messages) / duration:.0f} a second), {len(came)} arrived, {doubled} twice, {len(facts.kills)} kills")
    if delays:
        yield (
            f"{len(required)} had to arrive: delay p50 {delays[len(delays) // 2] * 1000:.1f} ms, p99 {delays[len(delays) * 99 // 100] * 1000:.1f} ms, "
            f"longest {delays[-1]:.2f} s")
    for instance, at in facts.kills:
        gone = {each.client for each in facts.connections if each.instance == instance and each.opened <= at <= each.closed}
        back = {}
        for each in facts.connections:
            if each.client in gone and each.opened > at:
                back.setdefault(each.client, each.opened)
        yield f"  kill of instance {instance}: {len(gone)} connections, {len(back)} back, the last after {max(back.values(), default=at) - at:.1f} s"


class Signals:
    """The clients. rate: conversations that begin in a second, each of an offer, an answer and three candidates for either."""

    def __init__(self, stack, seed, channels, rate):
        self._stack, self._rate = stack, rate
        self._chance = random.Random(f"{seed}-signals")
        self._credentials = Credentials(*stack.key)
        self._channels = {}
        self._count = channels
        self._now = {}
        self._numbers = Counter()
        self._is_over = False
        self._admit = asyncio.Semaphore(40)
        self.facts = Facts()
        self.troubles = []

    async def run(self, seconds, every=20.0, report=lambda line: None):
        """Connects everybody, kills an instance every so often, and takes everybody away again."""
        await asyncio.to_thread(self._make_channels)
        report(f"{self._count} channels are there")
        clients = [(channel, role) for channel in self._channels for role in ("master", "viewer-1", "viewer-2")]
        living = [asyncio.create_task(self._live(channel, role, number)) for number, (channel, role) in enumerate(clients)]
        end = time.monotonic() + 180
        while len(self._now) < len(clients) and time.monotonic() < end:
            await asyncio.sleep(0.2)
        report(f"{len(self._now)} of {len(clients)} clients are connected")
        talking = asyncio.create_task(self._talk())
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await asyncio.sleep(every - STALE)
            await self._kill(report)
        await asyncio.sleep(LATEST)
        talking.cancel()
        await asyncio.sleep(LATEST)
        self._is_over = True
        for task in living:
            task.cancel()
        await asyncio.gather(*living, return_exceptions=True)

    async def _kill(self, report):
        """Kills an instance, starts it again, and looks at the routes when it counts as dead."""
        # One that has clients: an instance that was started anew has none at first.
        used = {connection.instance for connection in self._now.values()}
        instance = self._chance.choice([instance for instance in self._stack.instances if instance.number in used])
        at = time.monotonic()
        self.facts.kills.append((instance.number, at))
        await asyncio.to_thread(instance.kill)
        await asyncio.sleep(self._chance.choice([0, 0.5, 2]))
        await asyncio.to_thread(instance.start)
        await asyncio.to_thread(instance.wait_until_ready)
        await asyncio.sleep(max(at + STALE - time.monotonic(), 0))
        told, there = await asyncio.to_thread(self._told), self._there()
        if told != there:
            # Who connects in this very moment is in one of the two only.
            await asyncio.sleep(0.5)
            told, there = await asyncio.to_thread(self._told), self._there()
        self.facts.looks.append((time.monotonic(), told, there))
        report(f"killed instance {instance.number}; {time.monotonic() - at:.1f} s later the database has {told}, and there are {there}")

    def _told(self):
        rows = self._stack.postgres.sql(
            "SELECT count(*) FROM presence JOIN instance ON instance.id = presence.instance AND instance.heartbeat_at > now_ms() - 15000 "
            "GROUP BY presence.instance")
        return sorted(int(row) for row in rows.split())

    def _there(self):
        return sorted(Counter(connection.instance for connection in self._now.values()).values())

    def _make_channels(self):
        sender = Sender(self._stack.port, self._credentials, REGION)
        for number in range(self._count):
            answer = sender.call("/createSignalingChannel", {"ChannelName": f"channel-{number}"}, {"Content-Type": "application/json"})
            assert answer.status == 200, answer.body
            self._channels[f"channel-{number}"] = answer.json["ChannelARN"]
        for name in self._channels:
            while sender.call("/describeSignalingChannel", {"ChannelName": name}).json["ChannelInfo"]["ChannelStatus"] != "ACTIVE":
                time.sleep(0.05)

    # MARK: A client

    async def _live(self, channel, role, number):
        client, tried = f"{channel}/{role}", 0
        while not self._is_over:
            # At first spread evenly, then to any.
            place = number if not tried else self._chance.randrange(len(self._stack.instances))
            instance = self._stack.instances[place % len(self._stack.instances)]
            try:
                async with self._admit, asyncio.timeout(20):
                    target = presigned(
                        SimpleNamespace(port=instance.port, credentials=self._credentials), self._channels[channel],
                        None if role == "master" else role)
                    socket = await websockets.connect(
                        f"ws://127.0.0.1:{instance.port}{target}", ping_interval=None, compression=None, close_timeout=1, max_queue=None)
            except (OSError, TimeoutError, websockets.WebSocketException):
                tried += 1
                await asyncio.sleep(0.2 + self._chance.random())
                continue
            connection = Connection(client, len(self.facts.connections), instance.number, time.monotonic(), socket=socket)
            self.facts.connections.append(connection)
            self._now[client] = connection
            try:
                async for text in socket:
                    if text:
                        await self._take(connection, json.loads(text))
            except (OSError, websockets.WebSocketException):
                pass
            finally:
                connection.closed, connection.socket = time.monotonic(), None
                if self._now.get(client) is connection:
                    del self._now[client]
            tried += 1
            await asyncio.sleep(self._chance.random())

    async def _take(self, connection, message):
        if message["messageType"] not in ("SDP_OFFER", "SDP_ANSWER", "ICE_CANDIDATE"):
            if message["messageType"] == "STATUS_RESPONSE":
                self.troubles.append(f"{connection.client} was told {message}")
            return
        sender, number = json.loads(base64.b64decode(message["messagePayload"]))
        connection.received.append((sender, number, time.monotonic()))
        if message["messageType"] == "SDP_OFFER":
            asyncio.create_task(self._say(connection, "SDP_ANSWER", message["senderClientId"]))

    async def _say(self, connection, kind, to=None):
        """A description and candidates, and then a ping, whose answer says that they were taken."""
        channel, index = connection.client.split("/")[0], connection.index
        sent = []
        try:
            for action in [kind] + ["ICE_CANDIDATE"] * CANDIDATES:
                self._numbers[index] += 1
                message = Message(index, f"{channel}/{to or 'master'}", self._numbers[index], time.monotonic())
                body = {"action": action, "messagePayload": base64.b64encode(json.dumps([index, message.number]).encode()).decode()}
                self.facts.messages.append(message)
                sent.append(message)
                await connection.socket.send(json.dumps(body | ({"recipientClientId": to} if to else {})))
            await asyncio.wait_for(await connection.socket.ping(), LATEST)
            for message in sent:
                message.accepted = time.monotonic()
        except (OSError, AttributeError, TimeoutError, websockets.WebSocketException):
            pass

    async def _talk(self):
        """Viewers in turn, each some while after the last time: an offer makes those before it void."""
        viewers = [f"{channel}/viewer-{number}" for number in (1, 2) for channel in self._channels]
        self._chance.shuffle(viewers)
        due = time.monotonic()
        while True:
            for viewer in viewers:
                due += 1 / self._rate
                await asyncio.sleep(max(due - time.monotonic(), 0))
                connection = self._now.get(viewer)
                if connection:
                    asyncio.create_task(self._say(connection, "SDP_OFFER"))
