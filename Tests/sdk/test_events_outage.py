"""Hours and days, by a clock that the tests move: receivers that are down for long, destinations that are paused, events that grow old; see
`ageing.py`."""

import statistics
import time

import pytest

from calls import accepted
from deployment import until
from events import Notifications, ShiftedClock, check_order

HOUR = 3600


@pytest.fixture
def shifted(postgres_deployments, delivering):
    """A server on a database whose clock the test moves."""

    def make(**flags):
        folder = postgres_deployments.folder()
        database = postgres_deployments.database(folder)
        clock = ShiftedClock(database)
        server = postgres_deployments.start(folder, database, *delivering(**flags))
        return server, clock, Notifications(server)

    return make


def latency(sender, name, number):
    begun = time.perf_counter()
    accepted(sender, "TagStream", {"StreamName": name, "Tags": {f"t{number % 40}": str(number)}})
    return time.perf_counter() - begun


def test_a_receiver_that_is_down_for_an_hour(shifted, receiver, subscribe, note):
    """Nothing is lost with the attempts there are by default, and whoever calls the API does not notice."""
    server, clock, notifications = shifted(delivery_attempts=None)
    down, other = receiver(), receiver()
    id = subscribe(server, down).id
    subscribe(server, other)
    names = [f"s{number}" for number in range(6)]
    begun = time.monotonic()
    with server.sender() as sender:
        for name in names:
            accepted(sender, "CreateStream", {"StreamName": name})
        down.wait(2 * len(names))
        while_up, while_down = [], []

        def measure(latencies):
            """Changes, until nothing that is due for the receiver has not been tried; each has the instance look for it."""
            while True:
                for _ in range(4):
                    latencies.append(latency(sender, names[len(latencies) % len(names)], len(latencies)))
                if is_attempted(server, id):
                    return

        while len(while_up) < 120:
            measure(while_up)
        notifications.settle()

        down.close_door()
        passed, step = 0, 1.0
        while passed < HOUR:
            assert time.monotonic() < begun + 120
            # Whatever has become due is tried before time goes on.
            clock.advance(step)
            passed += step
            measure(while_down)
            step = min(step * 1.5, 300)
        assert server.database.query(f"SELECT count(*) FROM delivery WHERE destination_id = '{id}' AND state = 'DEAD'") == ["0"]
        count = int(server.database.query("SELECT count(*) FROM event")[0])
        assert len(other.wait(count)) == count > 2 * len(names) + 200
        assert len(down.events) < count

        down.open_door()
        # The longest that an attempt may have been put off is an hour.
        clock.advance(HOUR)
        events = down.wait(count)
    assert len(events) == count
    check_order(events)
    until(lambda: notifications.deliveries(id, "DELIVERED") == count, "it is written down")
    up, slow_up = statistics.median(while_up), statistics.quantiles(while_up, n=10)[-1]
    below, slow_below = statistics.median(while_down), statistics.quantiles(while_down, n=10)[-1]
    note(f"TagStream with the receiver up: median {up * 1000:.1f} ms, p90 {slow_up * 1000:.1f} ms; with it down for an hour: "
         f"{below * 1000:.1f} ms, {slow_below * 1000:.1f} ms")
    assert below < 2.5 * up and slow_below < 4 * slow_up


def is_attempted(server, id):
    """Whether nothing that is due for a destination has not been tried."""
    return server.database.query(
        f"SELECT count(*) FROM delivery_queue JOIN destination ON destination.id = destination_id WHERE destination_id = '{id}' "
        "AND (lease_token IS NOT NULL OR available_at <= now_ms() AND retry_at <= now_ms())") == ["0"]


def test_a_destination_that_fails_for_days_is_paused(ageing):
    ageing.wait("failing_for_days")


def test_what_was_delivered_grows_old_and_what_waits_does_not(ageing):
    ageing.wait("growing_old")
