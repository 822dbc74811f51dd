"""What takes hours and days, by a clock that is moved, and minutes of the real one, since instances look after such things about once in a minute.

It runs in the background while other tests do.
"""

import tempfile
import threading
from pathlib import Path

from calls import accepted
from deployment import Deployments, until
from events import Notifications, ShiftedClock, kinds
from receivers import OK, Authority, Receiver, answer

HOUR = 3600
# Instances look once in 45 to 75 seconds; the machine may be busy.
LOOKED = 150


class Ageing:
    """Both stories, each with a deployment of its own. Whoever waits for one gets its failure."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="weir-ageing-")
        root = Path(self._folder.name)
        self._authority = Authority(root / "authority")
        self._faults = {}
        self._threads = {}
        for story in (self.failing_for_days, self.growing_old):
            (root / story.__name__).mkdir()
            self._threads[story.__name__] = threading.Thread(target=self._run, args=(story, root / story.__name__))
        for thread in self._threads.values():
            thread.start()

    def _run(self, story, folder):
        deployments, receivers = Deployments("postgres", folder), []

        def receiver(respond=lambda request: OK):
            receivers.append(Receiver(self._authority.context(), respond))
            return receivers[-1]

        def server(*flags):
            database = deployments.database(home := deployments.folder())
            clock = ShiftedClock(database)
            server = deployments.start(home, database, "--delivery-networks", "127.0.0.0/8", "--delivery-ca-file", self._authority.file,
                                       "--delivery-attempts", 100, *flags)
            return server, clock, Notifications(server)

        try:
            try:
                story(server, receiver)
            finally:
                deployments.close()
                for made in receivers:
                    made.close()
        except BaseException as fault:
            self._faults[story.__name__] = fault

    def wait(self, name):
        self._threads[name].join(2 * LOOKED)
        assert not self._threads[name].is_alive()
        if name in self._faults:
            raise self._faults[name]

    def close(self):
        for thread in self._threads.values():
            thread.join(2 * LOOKED)
        self._folder.cleanup()

    @staticmethod
    def failing_for_days(start, receiver):
        """A destination that does nothing but fail is paused, and others are told so; what happens meanwhile is kept. One success is enough."""
        server, clock, notifications = start("--delivery-pause-hours", 5)
        broken, shaky, operator = receiver(lambda request: answer(500)), receiver(), receiver()
        id = notifications.subscribe(broken.url(), "--types", "CreateStream,TagStream").id
        shaky_id = notifications.subscribe(shaky.url(), "--types", "TagStream").id
        notifications.subscribe(operator.url(), "--types", "DestinationPaused")
        with server.sender() as sender:
            accepted(sender, "CreateStream", {"StreamName": "s"})
            for round in range(3):
                shaky.respond = lambda request: answer(500)
                seen = len(shaky.requests)
                accepted(sender, "TagStream", {"StreamName": "s", "Tags": {"a": str(round)}})
                until(lambda: len(shaky.requests) > seen and broken.requests, "failures")
                clock.advance(HOUR)
                shaky.respond = lambda request: OK
                clock.advance(HOUR)
                shaky.wait(round + 1)
            event, = operator.wait(1, LOOKED)
            assert event["type"] == "weir.kinesisvideo.DestinationPaused" and id in event["subject"]
            assert event["data"]["status"] == "PAUSED"
            assert "PAUSED" in notifications.row(id) and "ACTIVE" in notifications.row(shaky_id)
            sent = len(broken.requests)
            accepted(sender, "TagStream", {"StreamName": "s", "Tags": {"a": "more"}})
            shaky.wait(4)
            clock.advance(2 * HOUR)
            accepted(sender, "TagStream", {"StreamName": "s", "Tags": {"a": "and more"}})
            shaky.wait(5)
            assert notifications.deliveries(id, "PENDING") == 6 and len(broken.requests) == sent
            broken.respond = lambda request: OK
            notifications.done("subscriptions", "resume", id)
            clock.advance(HOUR)
            assert [kind for kind, _ in kinds(broken.wait(6))] == ["CreateStream"] + ["TagStream"] * 5
        notifications.settle()
        assert len(operator.events) == 1

    @staticmethod
    def growing_old(start, receiver):
        """What was delivered is removed with its event after the retention, what waits is not."""
        server, clock, notifications = start("--delivery-pause-hours", 10_000, "--event-retention-hours", 24)
        sink, down = receiver(), receiver()
        down.close_door()
        delivered = notifications.subscribe(sink.url()).id
        waiting = notifications.subscribe(down.url(), "--types", "TagStream").id
        with server.sender() as sender:
            accepted(sender, "CreateStream", {"StreamName": "s"})
            sink.wait(2)
            accepted(sender, "TagStream", {"StreamName": "s", "Tags": {"a": "1"}})
            sink.wait(3)
            until(lambda: notifications.deliveries(delivered, "DELIVERED") == 3, "it is written down")
            clock.advance(30 * HOUR)
            until(lambda: notifications.deliveries(delivered) == 0 and server.database.query("SELECT type FROM event") == ["TagStream"],
                  "what was delivered is gone", LOOKED)
            assert notifications.deliveries(waiting, "PENDING") == 1
            down.open_door()
            clock.advance(2 * HOUR)
            assert kinds(down.wait(1)) == [("TagStream", "ACTIVE")]
