"""Receivers that fail, in every way there is: what is tried again, what is given up, what is remembered of it, and who else has to wait."""

import datetime
import email.utils
import re
import threading
import time

import pytest

import receivers
from calls import accepted, fresh
from deployment import ACCOUNT, REGION, until
from events import Notifications, check_order, check_webhook, kinds, stream_destination
from receivers import OK, Receiver, answer, scripted

TARGET_OF_REDIRECT = "https://localhost:1/"


class Failing:
    """A receiver that fails at first, and the status that the record of the attempt must tell; or one that cannot be reached at all."""

    def __init__(self, way=None, status=None, context=None, url=lambda receiver: receiver.url()):
        self.way, self.status, self.context, self.url = way, status, context, url


FAILURES = {
    "500": Failing(answer(500), 500),
    "503 with a reason": Failing(answer(503, body=b"out of order"), 503),
    "429": Failing(answer(429), 429),
    "404": Failing(answer(404), 404),
    "a large refusal": Failing(answer(500, body=b"x" * 10_000_000), 500),
    "301": Failing(answer(301, {"Location": TARGET_OF_REDIRECT}), 301),
    "307": Failing(answer(307, {"Location": TARGET_OF_REDIRECT}), 307),
    "304": Failing(answer(304), 304),
    "hangs before the head": Failing(receivers.hang),
    "hangs in the head": Failing(receivers.hang_in_head),
    "slow bytes": Failing(receivers.slow(204)),
    "closes": Failing(receivers.close),
    "closes in the head": Failing(receivers.close_in_head),
    "resets": Failing(receivers.reset),
    "resets in the head": Failing(receivers.reset_in_head),
    "an endless head": Failing(receivers.endless_head),
    "no HTTP": Failing(receivers.garbage),
    "hangs after the head of a failure": Failing(receivers.hang_after_head(500)),
    "an endless failure": Failing(receivers.endless_body(500)),
    "resets half-way in a failure": Failing(receivers.close_in_body(500)),
    "refuses connections": Failing(),
    "a certificate of another name": Failing(context=lambda authority: authority.context(("elsewhere.example.com",))),
    "an expired certificate": Failing(context=lambda authority: authority.context(lifetime=datetime.timedelta(days=-1))),
    "a certificate of an unknown authority": Failing(context=lambda authority: authority.stranger().context()),
    "no TLS": Failing(context=lambda authority: None, url=lambda receiver: receiver.url(scheme="https")),
}
# A success is one by its head; what comes after it is not waited for beyond the time there is for an attempt.
SUCCESSES = {
    "200": answer(200), "201 with a body": answer(201, body=b"thanks"), "202": answer(202), "299": answer(299),
    "hangs after the head": receivers.hang_after_head(200), "an endless answer": receivers.endless_body(200),
    "ends half-way in the body": receivers.close_in_body(200), "slow body": receivers.slow_body(200),
}
# These refuse before there is a request.
WITHOUT_REQUEST = {name for name, failing in FAILURES.items() if failing.way is None}


class Attempt:
    """What became of one event, which was for one receiver: its id, the state and number of attempts, and those that failed, each as its status,
    its duration in milliseconds and what is said of it."""

    def __init__(self, receiver, delivery, failed):
        self.receiver = receiver
        self.destination, self.event_id, state, attempts = delivery
        self.state = state, int(attempts)
        self.failed = [(int(status) if status else None, int(duration), error) for _, status, duration, error in failed]


@pytest.fixture(scope="module")
def attempts(telling, authority):
    """A stream for each way to fail or to succeed, and what became of the event that it was given a destination, by way; all at once."""
    made = {}
    try:
        arns = {}
        for number, name in enumerate(FAILURES | SUCCESSES):
            arns[name] = accepted(telling.calls, "CreateStream", {"StreamName": f"way-{number}", "DataRetentionInHours": 1})["StreamARN"]
        destinations = {}
        for name, stream_arn in arns.items():
            failing = FAILURES.get(name) or Failing()
            context = (failing.context or (lambda authority: authority.context()))(authority)
            way = SUCCESSES.get(name)
            respond = (lambda request, way=way: way) if way else scripted(failing.way) if failing.way else lambda request: OK
            receiver = made[name] = Receiver(context, respond)
            if name == "refuses connections":
                receiver.close_door()
            uri = failing.url(receiver)
            until(lambda: accepted(telling.calls, "DescribeStream", {"StreamARN": stream_arn})["StreamInfo"]["Status"] == "ACTIVE", "ACTIVE")
            accepted(telling.calls, "UpdateNotificationConfiguration", {
                "StreamARN": stream_arn, "NotificationConfiguration": {"Status": "ENABLED", "DestinationConfig": {"Uri": uri}}})
            destinations[name] = stream_destination(uri)
        # Certificates do not get better: what never gets a request is given up.
        until(lambda: telling.notifications.waiting() == 0, "all of them have come to an end", 60)
        deliveries = telling.database.rows(
            "SELECT destination_id, resource_arn || '/' || sequence || '@' || occurred_at, state, attempts FROM delivery")
        failed = telling.database.rows("SELECT destination_id, http_status, duration_ms, error FROM delivery_attempt ORDER BY ended_at")
        found = {}
        for name, id in destinations.items():
            delivery, = (row for row in deliveries if row[0] == id)
            found[name] = Attempt(made[name], delivery, [row for row in failed if row[0] == id])
        yield found
    finally:
        for receiver in made.values():
            receiver.close()


@pytest.mark.parametrize("name", [name for name in FAILURES if name not in WITHOUT_REQUEST])
def test_a_failure_is_tried_again(telling, attempts, name):
    attempt, failing = attempts[name], FAILURES[name]
    requests = attempt.receiver.requests
    assert [request.id for request in requests] == [attempt.event_id] * 2
    assert len({request.body for request in requests}) == 1
    secret, = telling.notifications.secrets(attempt.destination)
    for request in requests:
        check_webhook(request, secret)
    (status, duration, error), = attempt.failed
    assert status == failing.status or failing.status is None
    # Two seconds are what an attempt may take here; the machine may be busy.
    assert duration < 6000 and error
    assert attempt.state == ("DELIVERED", 2)


@pytest.mark.parametrize("name", sorted(WITHOUT_REQUEST))
def test_a_receiver_that_cannot_be_reached_gets_nothing(attempts, name):
    """Whoever has not proved who they are is not told anything."""
    attempt = attempts[name]
    assert attempt.receiver.requests == []
    assert name == "refuses connections" or attempt.receiver.connections >= 2
    failed = attempt.failed
    assert [status for status, _, _ in failed] == [None] * 3 and all(error for _, _, error in failed)
    assert attempt.state == ("DEAD", 3)
    # For people, and not from where the program was built.
    assert not re.search(r"\.(cc|c|swift)\b", failed[-1][2]) and len(failed[-1][2]) < 200, failed
    if "certificate" in name:
        assert re.search("certificate", failed[-1][2], re.IGNORECASE)


@pytest.mark.parametrize("name", ["500", "hangs before the head", "refuses connections"])
def test_failed_attempts_are_shown(telling, attempts, name):
    shown = telling.notifications.show(attempts[name].event_id)
    for status, _, error in attempts[name].failed:
        assert error in shown and str(status or "") in shown
    assert attempts[name].state[0] in shown


@pytest.mark.parametrize("name", SUCCESSES)
def test_a_success_is_one_by_its_status(attempts, name):
    attempt = attempts[name]
    assert [request.id for request in attempt.receiver.requests] == [attempt.event_id]
    assert attempt.failed == [] and attempt.state == ("DELIVERED", 1)


@pytest.mark.parametrize("name", ["an endless head", "an endless failure", "an endless answer"])
def test_answers_without_end_are_not_read(attempts, name):
    """What the receiver could write is what fits between two programs, not what it has."""
    assert attempts[name].receiver.most_poured < 32 << 20


def test_time_outs_are_told_as_such(attempts):
    for name in ("hangs before the head", "hangs in the head", "slow bytes"):
        (_, duration, error), = attempts[name].failed
        assert 1900 <= duration and re.search("time|second", error, re.IGNORECASE), (name, duration, error)


# --- what a receiver asks for ---


def one_stream(telling, subscribe, sink, *filters):
    """A subscription to one stream that there is not yet: its name."""
    name = fresh("stream")
    return name, subscribe(telling, sink, "--prefix", f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/{name}", *filters)


def create(telling, name):
    return accepted(telling.calls, "CreateStream", {"StreamName": name})["StreamARN"]


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_holds_for_the_whole_destination(telling, receiver, subscribe, form):
    """Also for the events of other resources, and of those that happen meanwhile."""
    seconds = 2

    def busy(request):
        if len(sink.requests) > 0:
            return OK
        if form == "seconds":
            return answer(429, {"Retry-After": str(seconds)})
        # A date has whole seconds: this one is at least as far away.
        return answer(503, {"Retry-After": email.utils.format_datetime(
            datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds + 1), usegmt=True)})

    sink = receiver(busy)
    name, subscription = one_stream(telling, subscribe, sink, "--types", "CreateStream")
    create(telling, name)
    # The answer has to be read and written down before others can respect it.
    until(lambda: telling.database.query(f"SELECT 1 FROM destination WHERE id = '{subscription.id}' AND retry_at > 0"), "it is written down")
    assert len(sink.requests) == 1
    create(telling, f"{name}-other")
    sink.wait(2)
    first, *others = sink.requests
    assert len(others) == 2 and min(request.at for request in others) - first.at >= seconds - 0.2


def test_410_disables(telling, receiver, subscribe):
    sink = receiver(scripted(answer(410)))
    name, subscription = one_stream(telling, subscribe, sink)
    arn = create(telling, name)
    until(lambda: "DISABLED" in telling.notifications.row(subscription.id), "the destination is disabled")
    assert "410" in telling.notifications.row(subscription.id)
    until(lambda: telling.database.query(f"SELECT count(*) FROM event WHERE resource_arn = '{arn}'") == ["2"], "the stream is ACTIVE")
    until(lambda: telling.notifications.deliveries(subscription.id, "PENDING") == 0, "what waited for it is given up")
    kept = telling.notifications.deliveries(subscription.id)
    # What happens from now on is not kept for it.
    accepted(telling.calls, "TagStream", {"StreamName": name, "Tags": {"a": "1"}})
    assert telling.notifications.deliveries(subscription.id) == kept
    assert len(sink.requests) == 1
    telling.notifications.done("subscriptions", "resume", subscription.id)
    accepted(telling.calls, "UntagStream", {"StreamName": name, "TagKeyList": ["a"]})
    until(lambda: ("UntagStream", "ACTIVE") in kinds(sink.events), "events flow again")
    assert ("TagStream", "ACTIVE") not in kinds(sink.events)


# --- dead letters and replays ---


def test_a_dead_letter_lets_later_events_pass_and_can_be_sent_again(telling, receiver, subscribe):
    poisoned = set()

    def spoiled(request):
        if request.event["type"].endswith(".TagStream") and not request.event.get("replayed"):
            poisoned.add(request.id)
            return answer(500, body=b"cannot digest this")
        return OK

    sink, other = receiver(spoiled), receiver()
    name, subscription = one_stream(telling, subscribe, sink)
    prefix = ["--prefix", f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/{name}/"]
    subscribe(telling, other, *prefix)
    create(telling, name)
    sink.wait(2)
    accepted(telling.calls, "TagStream", {"StreamName": name, "Tags": {"a": "1"}})
    accepted(telling.calls, "UntagStream", {"StreamName": name, "TagKeyList": ["a"]})
    sink.wait(3)
    bad, = poisoned
    # Three attempts, then the later one, and no more of it.
    assert [request.id == bad for request in sink.requests] == [False, False, True, True, True, False]
    assert kinds(sink.events) == [("CreateStream", "CREATING"), ("StreamStatusChange", "ACTIVE"), ("UntagStream", "ACTIVE")]
    check_order(sink.arrivals)
    other.wait(4)
    shown = telling.notifications.show(bad)
    assert "DEAD" in shown and subscription.id in shown and shown.count("500") >= 3
    assert "DELIVERED" in shown

    # To this destination only, marked, under the same id.
    telling.notifications.done("events", "replay", bad, "--destination", subscription.id)
    sink.wait(4)
    last = sink.requests[-1]
    assert last.id == bad and last.headers["weir-replay"] == "true"
    event = check_webhook(last, subscription.secret)
    original = next(request.event for request in sink.requests if request.id == bad)
    assert event == original | {"replayed": True}
    until(lambda: telling.notifications.deliveries(subscription.id, "DELIVERED") == 4, "it is written down")
    assert "DEAD" not in telling.notifications.show(bad)

    # To everybody who was to be told, delivered before or not.
    telling.notifications.done("events", "replay", bad)
    until(lambda: len(sink.requests) == 8 and len(other.requests) == 5, "both got it again")
    assert [request.id for request in (sink.requests[-1], other.requests[-1])] == [bad] * 2
    assert other.requests[-1].event == event

    # What comes after a replay is no replay.
    accepted(telling.calls, "TagResource", {"ResourceARN": event["subject"], "Tags": [{"Key": "k", "Value": "v"}]})
    sink.wait(5)
    assert "replayed" not in sink.requests[-1].event and "weir-replay" not in sink.requests[-1].headers


def test_all_dead_letters_are_sent_again(telling, receiver, subscribe):
    is_down = threading.Event()
    is_down.set()

    def down(request):
        return answer(500) if is_down.is_set() and not request.event["type"].endswith(".CreateStream") else OK

    sink, other = receiver(down), receiver(down)
    name, subscription = one_stream(telling, subscribe, sink)
    prefix = ["--prefix", f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/{name}/"]
    another = subscribe(telling, other, *prefix)
    create(telling, name)
    accepted(telling.calls, "TagStream", {"StreamName": name, "Tags": {"a": "1"}})
    accepted(telling.calls, "UntagStream", {"StreamName": name, "TagKeyList": ["a"]})
    for id in subscription.id, another.id:
        until(lambda: telling.notifications.deliveries(id, "DEAD") == 3, "all but the first are given up")
    is_down.clear()
    replay = ["events", "replay", "--dead", "--destination", subscription.id]
    assert "nothing" in telling.notifications.done(*replay, "--since", "0s").lower()
    assert ": 1," in telling.notifications.done(*replay, "--types", "TagStream", "--since", "1h")
    sink.wait(2)
    assert [kind for kind, _ in kinds(sink.events)[1:]] == ["TagStream"]
    assert ": 2," in telling.notifications.done(*replay)
    sink.wait(4)
    assert {kind for kind, _ in kinds(sink.events)[2:]} == {"StreamStatusChange", "UntagStream"}
    # In the order of the stream.
    assert int(sink.events[2]["sequence"]) < int(sink.events[3]["sequence"])
    assert all(request.headers["weir-replay"] == "true" for request in sink.requests[-3:])
    until(lambda: telling.notifications.deliveries(subscription.id, "DELIVERED") == 4, "it is written down")
    assert "nothing" in telling.notifications.done(*replay).lower()
    # The other one is none of its business, until nothing is said of destinations.
    assert len(other.events) == 1
    assert ": 3," in telling.notifications.done("events", "replay", "--dead", *prefix)
    other.wait(4)
    for arguments, said in (
        [["--destination", "sub-none"], "sub-none"], [["--since", "yesterday"], "--since"], [["--types", "Nothing"], "--types"], [["--account", "1"], "--account"],
    ):
        assert said in telling.notifications.refused("events", "replay", "--dead", *arguments)


def test_replaying_what_is_not_there(telling):
    missing = f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/none/1500000000000/1@1500000000000"
    for command in ("replay", "show"):
        assert missing in telling.notifications.refused("events", command, missing)
        assert "ARN/SEQUENCE@MILLISECONDS" in telling.notifications.refused("events", command, "nonsense")


# --- who has to wait ---


def test_a_slow_receiver_slows_only_itself(deployments, delivering, receiver, subscribe):
    """One that never answers holds a bounded number of connections, and keeps nobody else waiting, however much waits for it."""
    server = deployments.server(*delivering(delivery_timeout_seconds=300))
    slow, fast = receiver(lambda request: receivers.hang), receiver()
    for sink in (slow, fast):
        subscribe(server, sink, "--types", "CreateStream,StreamStatusChange")
    streams = 100
    with server.sender() as sender:
        for number in range(streams):
            accepted(sender, "CreateStream", {"StreamName": f"s{number}"})
    check_order(fast.wait(2 * streams))
    assert slow.accepted == []
    assert 1 <= slow.most_at_once < streams
    assert len(slow.requests) == slow.most_at_once
    server.kill()


def test_order_holds_across_failures_of_one_resource(telling, receiver, subscribe):
    """While the first waits for its next attempt, the others of its resource do too; another resource's do not."""
    blocked = []

    def first_fails(request):
        if request.event["type"].endswith(".CreateStream") and "-other" not in request.event["subject"] and not blocked:
            blocked.append(request)
            return answer(500)
        return OK

    sink = receiver(first_fails)
    name, _ = one_stream(telling, subscribe, sink)
    create(telling, name)
    create(telling, f"{name}-other")
    check_order(sink.wait(4))
    check_order(sink.arrivals)
    assert len(sink.requests) == 5 and blocked


# --- who sends ---


def test_a_receiver_that_closes_after_each_answer(telling, receiver, subscribe):
    """Announced, that is no failure; unannounced, it is at most one more attempt."""
    polite, rude = receiver(lambda request: answer(200, {"Connection": "close"}, then_closes=True)), receiver(lambda request: answer(200, then_closes=True))
    name, subscription = one_stream(telling, subscribe, polite)
    subscribe(telling, rude, "--prefix", f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/{name}")
    create(telling, name)
    for number in range(8):
        accepted(telling.calls, "TagStream", {"StreamName": name, "Tags": {f"t{number}": ""}})
    for sink in (polite, rude):
        check_order(sink.wait(10))
        check_order(sink.arrivals)
    assert len(polite.requests) == 10
    assert telling.database.query(f"SELECT count(*) FROM delivery_attempt WHERE destination_id = '{subscription.id}'") == ["0"]


@pytest.mark.parametrize("state", ["answers", "hangs"])
def test_a_stop_in_the_middle(sqlite_deployments, delivering, receiver, subscribe, state):
    """It ends soon, whatever the receiver does, and what was not delivered is delivered after the next start, in order."""
    server = sqlite_deployments.server(*delivering(delivery_timeout_seconds=5))
    sink = receiver((lambda request: receivers.hang) if state == "hangs" else None)
    subscribe(server, sink)
    with server.sender() as sender:
        for number in range(30):
            accepted(sender, "CreateStream", {"StreamName": f"s{number}"})
    until(lambda: sink.requests, "a request")
    begun = time.monotonic()
    assert server.terminate() == 0
    assert time.monotonic() - begun < 9
    sink.respond = lambda request: OK
    server = sqlite_deployments.again(server)
    count = int(until(lambda: server.database.query("SELECT count(*) FROM task") == ["0"] and server.database.query("SELECT count(*) FROM event"), "rest")[0])
    assert count == 60
    check_order(sink.wait(count))
    check_order(sink.arrivals)


def test_only_workers_send(postgres_deployments, delivering, receiver, subscribe):
    """An instance for calls leaves deliveries to one that works in the background."""
    api = postgres_deployments.server(*delivering(roles="api"))
    sink = receiver()
    subscribe(api, sink)
    with api.sender() as sender:
        accepted(sender, "CreateStream", {"StreamName": "s"})
    assert sink.requests == []
    postgres_deployments.beside(api, *delivering(roles="worker"))
    check_order(sink.wait(2))


def test_three_instances_send_each_event_once(postgres_deployments, delivering, receiver, subscribe):
    """Nothing more is promised than at least once; but while nothing fails, nobody is told twice."""
    first = postgres_deployments.server(*delivering(delivery_timeout_seconds=10))
    servers = [first, *(postgres_deployments.beside(first) for _ in range(2))]
    sinks = [receiver(), receiver()]
    for sink in sinks:
        subscribe(first, sink)
    senders = [server.sender(first.credentials) for server in servers]
    for number in range(12):
        accepted(senders[number % 3], "CreateStream", {"StreamName": f"s{number}"})
    for number in range(48):
        accepted(senders[number % 3], "TagStream", {"StreamName": f"s{number % 12}", "Tags": {"n": str(number)}})
    for sink in sinks:
        check_order(sink.wait(72))
    Notifications(first).settle()
    assert [len(sink.requests) for sink in sinks] == [72, 72]
