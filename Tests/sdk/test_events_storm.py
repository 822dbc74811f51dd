"""Three instances on one Postgres, receivers that fail a third of the time, and instances that are killed: every event arrives.

WEIR_EVENT_CHANGES says how many changes there are; the default is short.
"""

import os
import random
import threading
import time

from calls import accepted
from deployment import until
from events import Notifications, by_resource, check_event, check_order
from receivers import answer, close_in_head, hang, reset, sometimes
from signing import connect, read_response

CHANGES = int(os.environ.get("WEIR_EVENT_CHANGES", "300"))
IS_SHORT = CHANGES <= 1000
INSTANCES = 3
WRITERS = 6
STREAMS = max(40, CHANGES // 25)
# Most fail at once. Those that hang cost an attempt's time each.
WAYS = [answer(500), answer(503), answer(429), reset, close_in_head] * 4 + [hang]


class Fleet:
    """Instances that are killed and started again at random."""

    def __init__(self, deployments, servers, chance):
        self._deployments, self._chance = deployments, chance
        self.servers = list(servers)
        self.credentials = servers[0].credentials
        self.kills = 0
        self._stop = threading.Event()
        self._faults = []
        self._thread = threading.Thread(target=self._run)

    def start(self):
        self._thread.start()

    def stop(self):
        """All instances run again."""
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive() and not self._faults, self._faults

    def _run(self):
        try:
            while not self._stop.wait(self._chance.uniform(0.2, 1.5)):
                index = self._chance.randrange(INSTANCES)
                self.servers[index].kill()
                self.kills += 1
                self._stop.wait(self._chance.uniform(0, 0.5))
                self.servers[index] = self._deployments.again(self.servers[index])
        except BaseException as fault:
            self._faults.append(fault)


class Writer:
    """Changes streams of its own, through whatever instance there is, until enough changes were accepted."""

    def __init__(self, fleet, number, count):
        self._fleet, self._count = fleet, count
        self._chance = random.Random(number)
        self._streams = [f"w{number}-s{index}" for index in range(max(1, STREAMS // WRITERS))]
        self.accepted = 0
        self.statuses = set()
        self._thread = threading.Thread(target=self._run)

    def start(self):
        self._thread.start()

    def join(self, deadline):
        self._thread.join(deadline)
        assert not self._thread.is_alive(), f"{self.accepted} of {self._count} changes were accepted; {self.statuses}"

    def _bodies(self):
        for name in self._streams:
            yield "/createStream", {"StreamName": name, "DataRetentionInHours": 1}
        for number in range(10 * self._count):
            name = self._chance.choice(self._streams)
            yield self._chance.choice([
                ("/tagStream", {"StreamName": name, "Tags": {"n": str(number)}}), ("/untagStream", {"StreamName": name, "TagKeyList": ["n"]})])

    def _run(self):
        connection = None
        for path, body in self._bodies():
            while self.accepted < self._count:
                try:
                    if connection is None:
                        server = self._chance.choice(self._fleet.servers)
                        connection, sender = connect(server.port), server.sender(self._fleet.credentials)
                    connection.sendall(sender.raw(path, body))
                    status = read_response(connection).status
                except Exception:
                    # The instance was killed; whether it had accepted the change is told by the events.
                    if connection:
                        connection.close()
                    connection = None
                    continue
                self.statuses.add(status)
                if status == 200:
                    self.accepted += 1
                if status in (200, 400):
                    # 400: a stream that was made by the call whose answer was lost.
                    break
        if connection:
            connection.close()


def test_storm(postgres_deployments, delivering, receiver, note):
    chance = random.Random(20171115)
    flags = delivering(delivery_attempts=40, delivery_timeout_seconds=1, postgres_connections=2, log_requests="false")
    first = postgres_deployments.server(*flags)
    notifications = Notifications(first)
    fleet = Fleet(postgres_deployments, [first, *(postgres_deployments.beside(first) for _ in range(INSTANCES - 1))], chance)
    # A short run spares each event after three failures in a row, so that none has to wait for long.
    spared = 3 if IS_SHORT else None
    secure, plain = (
        receiver(sometimes(1 / 3, seed, WAYS, spared), **options) for seed, options in [(1, {}), (2, {"context": None})])
    ids = [notifications.subscribe(sink.url()).id for sink in (secure, plain)]
    writers = [Writer(fleet, number, -(-CHANGES // WRITERS)) for number in range(WRITERS)]
    begun = time.monotonic()
    fleet.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60 + CHANGES / 5)
    written = time.monotonic()
    # They are killed while they deliver too.
    until(lambda: fleet.kills >= 3 and min(len(sink.events) for sink in (secure, plain)) > CHANGES / 2, "half of it is delivered", 60 + CHANGES)
    fleet.stop()
    assert sum(writer.accepted for writer in writers) >= CHANGES
    assert set().union(*(writer.statuses for writer in writers)) <= {200, 400, 503}

    # Streams come to rest, and then everything arrives.
    until(lambda: first.database.query("SELECT count(*) FROM task") == ["0"], "all streams are at rest", 120)
    count = int(first.database.query("SELECT count(*) FROM event")[0])
    assert count >= CHANGES
    deadline = 90 if IS_SHORT else 3600
    for sink in (secure, plain):
        sink.wait(count, deadline)
    delivered = time.monotonic()
    notifications.settle(120)

    known = set(first.database.query("SELECT resource_arn || '/' || sequence || '@' || occurred_at FROM event"))
    assert len(known) == count
    for id, sink in zip(ids, (secure, plain)):
        assert {event["id"] for event in sink.events} == known
        assert first.database.query(f"SELECT count(*) FROM delivery WHERE destination_id = '{id}' AND state = 'DELIVERED'") == [str(count)]
        # By the first arrival of each, whether it was accepted or not.
        check_order(sink.arrivals)
        check_order(sink.events)
        bodies = {}
        for request in sink.requests:
            assert bodies.setdefault(request.id, request.body) == request.body
        for event in sink.events:
            check_event(event)
        duplicates = len(sink.accepted) - count
        failed = len(sink.requests) - len(sink.accepted)
        assert failed > count / 5
        note(f"storm of {sum(writer.accepted for writer in writers)} changes, {fleet.kills} kills: {count} events, {len(sink.requests)} requests, "
             f"{failed} failed, {duplicates} duplicates; written in {written - begun:.1f} s, all delivered {delivered - written:.1f} s later")
    assert len(by_resource(secure.events)) >= WRITERS


def test_kills_of_one_on_sqlite(sqlite_deployments, delivering, receiver, note):
    """The same with one instance that is killed again and again, and what waits in its file."""
    chance = random.Random(20180222)
    server = sqlite_deployments.server(*delivering(delivery_attempts=40, delivery_timeout_seconds=1))
    sink = receiver(sometimes(1 / 3, 3, [answer(500), reset], 3))
    id = Notifications(server).subscribe(sink.url()).id
    credentials, changes = server.credentials, 0
    for life in range(2):
        with server.sender(credentials) as sender:
            for number in range(chance.randint(5, 30)):
                accepted(sender, "CreateStream", {"StreamName": f"s{life}-{number}"})
                changes += 1
        server.kill()
        server = sqlite_deployments.again(server)
    until(lambda: server.database.query("SELECT count(*) FROM task") == ["0"], "all streams are at rest")
    count = int(server.database.query("SELECT count(*) FROM event")[0])
    assert count == 2 * changes
    sink.wait(count, 90)
    until(lambda: Notifications(server).deliveries(id, "DELIVERED") == count, "it is written down")
    assert len(sink.events) == count
    check_order(sink.events)
    check_order(sink.arrivals)
    note(f"{count} events of one instance that was killed twice: {len(sink.accepted) - count} duplicates")
