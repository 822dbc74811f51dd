"""Where events go: what streams name themselves, topics, subscriptions with their filters, files, secrets, and the networks that are allowed."""

import json
import re

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from calls import accepted, denied, fresh
from deployment import ACCOUNT, REGION, run_weir, until
from events import Notifications, Tail, check_event, check_order, check_webhook, kinds, stream_destination
from receivers import answer

OTHER_ACCOUNT = "210987654321"


def configure(server, name, uri, status="ENABLED", sender=None):
    accepted(sender or server.calls, "UpdateNotificationConfiguration", {
        "StreamName": name, "NotificationConfiguration": {"Status": status, "DestinationConfig": {"Uri": uri}}})


def tag(server, name, key="a"):
    accepted(server.calls, "TagStream", {"StreamName": name, "Tags": {key: "1"}})


@pytest.fixture
def stream(telling):
    """An ACTIVE stream that keeps media."""

    def make():
        name = fresh("stream")
        accepted(telling.calls, "CreateStream", {"StreamName": name, "DataRetentionInHours": 1})
        until(lambda: described(telling, name)["Status"] == "ACTIVE", "ACTIVE")
        return described(telling, name)

    return make


def described(server, name):
    answer = server.calls.call("/describeStream", {"StreamName": name})
    return answer.json["StreamInfo"] if answer.status == 200 else None


def prefix(name):
    return f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/{name}"


# --- what a stream names itself ---


def test_the_destination_of_a_stream(telling, receiver, stream):
    """It is told what happens to this stream, signed with a secret of its own; another stream may name it too."""
    sink = receiver()
    one, two, silent = stream(), stream(), stream()
    for info in (one, two):
        configure(telling, info["StreamName"], sink.url())
    for info in (one, two, silent):
        tag(telling, info["StreamName"])
    events = sink.wait(4)
    for info in (one, two):
        own = [event for event in events if event["subject"] == info["StreamARN"]]
        assert kinds(own) == [("UpdateNotificationConfiguration", "ACTIVE"), ("TagStream", "ACTIVE")]
        assert [event["data"]["sequence"] for event in own] == [3, 4]
    assert len(sink.requests) == 4
    secret, = telling.notifications.secrets(stream_destination(sink.url()))
    for request in sink.requests:
        check_webhook(request, secret)


def test_no_receiver_can_forge_for_another(telling, receiver, stream):
    """Two URIs of one account have nothing in common."""
    one, two = receiver(), receiver()
    for sink in (one, two):
        configure(telling, stream()["StreamName"], sink.url())
        sink.wait(1)
    secrets = [telling.notifications.secrets(stream_destination(sink.url()))[0] for sink in (one, two)]
    assert secrets[0] != secrets[1] and set(secrets) <= set(telling.notifications.secrets(ACCOUNT))
    assert not signed(two.requests[0], secrets[:1]) and signed(two.requests[0], secrets[1:])


@pytest.mark.parametrize("how", ["DISABLED", "removed", "elsewhere"])
def test_what_was_accepted_before_still_goes(telling, receiver, stream, how):
    """And nothing that was accepted afterwards, though nothing could be sent in between."""
    sink, elsewhere = receiver(), receiver()
    name = stream()["StreamName"]
    sink.close_door()
    configure(telling, name, sink.url())
    tag(telling, name, "before")
    if how == "removed":
        accepted(telling.calls, "UpdateNotificationConfiguration", {"StreamName": name, "NotificationConfiguration": None})
    elif how == "DISABLED":
        configure(telling, name, sink.url(), "DISABLED")
    else:
        configure(telling, name, elsewhere.url())
    tag(telling, name, "after")
    sink.open_door()
    expected = [("UpdateNotificationConfiguration", "ACTIVE"), ("TagStream", "ACTIVE")]
    assert kinds(sink.wait(2)) == expected
    id = stream_destination(sink.url())
    until(lambda: telling.notifications.deliveries(id, "PENDING") == 0, "nothing waits")
    assert telling.notifications.deliveries(id) == 2 and kinds(sink.events) == expected
    if how == "elsewhere":
        assert kinds(elsewhere.wait(2)) == expected


def test_the_last_events_of_a_deleted_stream(telling, receiver, stream):
    """They go to the destination that it had, which was down all the while; a stream of the same name that comes after it is told nowhere."""
    sink = receiver()
    info = stream()
    name = info["StreamName"]
    configure(telling, name, sink.url())
    sink.wait(1)
    sink.close_door()
    accepted(telling.calls, "DeleteStream", {"StreamARN": info["StreamARN"]})
    until(lambda: described(telling, name) is None, "it is gone")
    again = accepted(telling.calls, "CreateStream", {"StreamName": name})["StreamARN"]
    until(lambda: described(telling, name)["Status"] == "ACTIVE", "ACTIVE")
    sink.open_door()
    assert kinds(sink.wait(3))[1:] == [("DeleteStream", "DELETING"), ("StreamStatusChange", "DELETED")]
    id = stream_destination(sink.url())
    until(lambda: telling.notifications.deliveries(id, "PENDING") == 0, "nothing waits")
    assert telling.notifications.deliveries(id) == 3
    assert {event["subject"] for event in sink.events} == {info["StreamARN"]} and again != info["StreamARN"]


def test_http_is_refused_unless_allowed(sqlite_deployments, delivering, receiver):
    sink = receiver(context=None)
    server = sqlite_deployments.server(*delivering(delivery_allow_http="false"))
    server.calls = server.sender()
    accepted(server.calls, "CreateStream", {"StreamName": "plain", "DataRetentionInHours": 1})
    until(lambda: described(server, "plain")["Status"] == "ACTIVE", "ACTIVE")
    message = denied(server.calls, "UpdateNotificationConfiguration", {
        "StreamName": "plain", "NotificationConfiguration": {"Status": "ENABLED", "DestinationConfig": {"Uri": sink.url()}}}, "InvalidArgumentException")
    assert "http://" in message
    assert "http" in Notifications(server).refused("subscriptions", "add", sink.url())
    assert server.database.query("SELECT count(*) FROM destination") == ["0"]


def test_http_where_it_is_allowed(telling, receiver, stream, subscribe):
    sink, subscribed = receiver(context=None), receiver(context=None)
    name = stream()["StreamName"]
    subscription = subscribe(telling, subscribed, "--prefix", prefix(name) + "/")
    configure(telling, name, sink.url())
    sink.wait(1), subscribed.wait(1)
    check_webhook(subscribed.requests[0], subscription.secret)


# --- topics ---


def check_message(envelope, topic):
    """Fails unless it is a lifecycle message as SNS hands it on; returns the event."""
    assert (envelope["Type"], envelope["TopicArn"], envelope["Subject"]) == ("Notification", topic.arn, "Kinesis Video Streams Lifecycle")
    event = check_event(json.loads(envelope["Message"]))
    assert envelope["MessageAttributes"] == {"type": {"Type": "String", "Value": event["type"]}}
    return event


def test_a_topic_that_streams_name(telling, topics, stream):
    topic = topics.topic(fresh("topic"))
    info = stream()
    configure(telling, info["StreamName"], topic.arn)
    tag(telling, info["StreamName"])
    accepted(telling.calls, "DeleteStream", {"StreamARN": info["StreamARN"]})
    events = [check_message(envelope, topic) for envelope in topic.wait(4)]
    # A queue that is no FIFO promises no order, so it is not looked at.
    assert sorted(kinds(events)) == sorted([
        ("UpdateNotificationConfiguration", "ACTIVE"), ("TagStream", "ACTIVE"), ("DeleteStream", "DELETING"), ("StreamStatusChange", "DELETED")])
    assert {event["subject"] for event in events} == {info["StreamARN"]}


def test_topics_are_told_of_fragments_only_unless_the_operator_says_so(deployments, delivering, topics, receiver):
    """Subscribers of a topic expect fragments. A web server that the stream names, and a topic that the operator subscribes, are told all the same."""
    topic, subscribed, sink = topics.topic(fresh("topic")), topics.topic(fresh("topic")), receiver()
    server = deployments.server(*delivering(lifecycle_notifications=None))
    server.calls = server.sender()
    notifications = Notifications(server)
    notifications.subscribe(subscribed.arn, "--types", "TagStream,UpdateNotificationConfiguration")
    for name in ("one", "two"):
        accepted(server.calls, "CreateStream", {"StreamName": name, "DataRetentionInHours": 1})
        until(lambda: described(server, name)["Status"] == "ACTIVE", "ACTIVE")
    configure(server, "one", topic.arn)
    configure(server, "two", sink.url())
    tag(server, "one"), tag(server, "two")
    assert len(sink.wait(2)) == 2
    assert len([check_message(envelope, subscribed) for envelope in subscribed.wait(4)]) == 4
    notifications.settle()
    assert topic.receive() == []
    assert server.database.query(f"SELECT count(*) FROM delivery WHERE destination_id = '{stream_destination(topic.arn)}'") == ["0"]


def test_a_fifo_topic_keeps_the_order(telling, topics, subscribe, stream):
    topic = topics.topic(fresh("topic") + ".fifo")
    infos = [stream(), stream()]
    for info in infos:
        subscribe(telling, topic.arn, "--prefix", info["StreamARN"])
    for number in range(5):
        for info in infos:
            tag(telling, info["StreamName"], str(number))
    events = [check_message(envelope, topic) for envelope in topic.wait(10)]
    for info in infos:
        sequences = [int(event["sequence"]) for event in events if event["subject"] == info["StreamARN"]]
        assert len(sequences) == 5 and sequences == sorted(sequences)


def test_a_topic_in_another_region(telling, topics, subscribe):
    """The call is signed for the topic's region, where SNS would not know it otherwise."""
    topic = topics.topic(fresh("topic"), region="eu-west-1")
    name = fresh("stream")
    subscribe(telling, topic.arn, "--prefix", prefix(name) + "/", "--types", "CreateStream")
    accepted(telling.calls, "CreateStream", {"StreamName": name})
    assert kinds([check_message(topic.wait(1)[0], topic)]) == [("CreateStream", "CREATING")]


def test_a_topic_that_is_not_there_or_refuses(telling, topics, subscribe, deployments, delivering):
    """SNS says why, and so does the record."""
    name, missing = fresh("stream"), f"arn:aws:sns:{REGION}:{ACCOUNT}:missing"
    subscription = subscribe(telling, missing, "--prefix", prefix(name) + "/", "--types", "CreateStream")
    accepted(telling.calls, "CreateStream", {"StreamName": name})
    error = until(lambda: telling.database.rows(f"SELECT error FROM delivery_attempt WHERE destination_id = '{subscription.id}'"), "the attempt is recorded")[0][0]
    assert "NotFound" in error

    # A wrong secret key: the signature is checked for real.
    topic = topics.topic(fresh("topic"))
    server = deployments.server(*delivering(sns_secret_access_key="wrong"))
    id = Notifications(server).subscribe(topic.arn).id
    with server.sender() as sender:
        accepted(sender, "CreateStream", {"StreamName": name})
    error = until(lambda: server.database.rows(f"SELECT error FROM delivery_attempt WHERE destination_id = '{id}'"), "the attempt is recorded")[0][0]
    assert "SignatureDoesNotMatch" in error
    assert topic.receive() == []


# --- subscriptions ---


def test_filters(telling, receiver, subscribe):
    """By account, by type, by prefix, and by all of them; others are not told."""
    names = fresh("filtered")
    key = telling.key("--account", OTHER_ACCOUNT)
    sinks = {name: receiver() for name in ("all", "account", "other account", "types", "prefix", "everything", "nothing")}
    own = prefix(names)
    subscribe(telling, sinks["all"])
    subscribe(telling, sinks["account"], "--account", ACCOUNT)
    subscribe(telling, sinks["other account"], "--account", OTHER_ACCOUNT)
    subscribe(telling, sinks["types"], "--types", "TagStream,UntagStream")
    subscribe(telling, sinks["prefix"], "--prefix", own + "-a")
    subscribe(telling, sinks["everything"], "--account", ACCOUNT, "--types", "CreateStream,StreamStatusChange", "--prefix", own + "-b/")
    subscribe(telling, sinks["nothing"], "--account", OTHER_ACCOUNT, "--prefix", own)
    with telling.sender(key) as other:
        for sender in (telling.calls, other):
            for name in (f"{names}-a", f"{names}-b"):
                accepted(sender, "CreateStream", {"StreamName": name})
                accepted(sender, "TagStream", {"StreamName": name, "Tags": {"a": "1"}})
                accepted(sender, "UntagStream", {"StreamName": name, "TagKeyList": ["a"]})
    counts = {"all": 16, "account": 8, "other account": 8, "types": 8, "prefix": 4, "everything": 2, "nothing": 0}
    found = {name: sinks[name].wait(count) for name, count in counts.items()}
    until(lambda: not telling.database.query(f"SELECT 1 FROM delivery WHERE state = 'PENDING' AND resource_arn LIKE '%:stream/{names}-%'"), "nothing waits")
    assert {name: len(sinks[name].events) for name in counts} == counts
    check_order(found["all"])
    assert {event["data"]["account"] for event in found["account"]} == {ACCOUNT}
    assert {event["data"]["account"] for event in found["other account"]} == {OTHER_ACCOUNT}
    assert {event["type"] for event in found["types"]} == {"weir.kinesisvideo.TagStream", "weir.kinesisvideo.UntagStream"}
    assert all(event["subject"].startswith(own + "-a/") for event in found["prefix"])
    assert [event["subject"].startswith(own + "-b/") for event in found["everything"]] == [True] * 2


def test_pause_and_resume(telling, receiver, subscribe):
    """A paused one misses nothing."""
    sink, other = receiver(), receiver()
    name = fresh("stream")
    subscription = subscribe(telling, sink, "--prefix", prefix(name) + "/")
    subscribe(telling, other, "--prefix", prefix(name) + "/")
    accepted(telling.calls, "CreateStream", {"StreamName": name})
    sink.wait(2)
    telling.notifications.done("subscriptions", "pause", subscription.id)
    assert "PAUSED" in telling.notifications.row(subscription.id)
    for number in range(5):
        tag(telling, name, f"k{number}")
    other.wait(7)
    assert len(sink.requests) == 2
    assert telling.notifications.deliveries(subscription.id, "PENDING") == 5
    telling.notifications.done("subscriptions", "resume", subscription.id)
    assert "ACTIVE" in telling.notifications.row(subscription.id)
    check_order(sink.wait(7))


def test_remove(telling, receiver, subscribe):
    """Nothing is sent any more, what waited included."""
    sink, other = receiver(), receiver()
    name = fresh("stream")
    subscription = telling.notifications.subscribe(sink.url(), "--prefix", prefix(name) + "/")
    subscribe(telling, other, "--prefix", prefix(name) + "/")
    accepted(telling.calls, "CreateStream", {"StreamName": name})
    sink.wait(2)
    telling.notifications.done("subscriptions", "pause", subscription.id)
    tag(telling, name)
    other.wait(3)
    telling.notifications.done("subscriptions", "remove", subscription.id)
    tag(telling, name, "b")
    other.wait(4)
    assert subscription.id not in telling.notifications.done("subscriptions", "list")
    assert telling.notifications.deliveries(subscription.id, "PENDING") == 0 and len(sink.requests) == 2
    for command in ("pause", "resume", "remove", "test"):
        assert subscription.id in telling.notifications.refused("subscriptions", command, subscription.id)


def test_test(telling, receiver, subscribe):
    """A test event is sent at once, and the answer printed."""
    sink = receiver()
    subscription = subscribe(telling, sink, "--types", "DeleteStream")
    assert "204" in telling.notifications.done("subscriptions", "test", subscription.id)
    request, = sink.requests
    event = check_webhook(request, subscription.secret)
    assert event["type"] == "weir.kinesisvideo.Test" and subscription.id in event["subject"]
    sink.respond = lambda request: answer(418)
    done = telling.notifications.run("subscriptions", "test", subscription.id)
    assert "418" in done.stdout + done.stderr and done.returncode != 0
    sink.close_door()
    done = telling.notifications.run("subscriptions", "test", subscription.id)
    assert done.returncode != 0 and "refused" in (done.stdout + done.stderr).lower()


TARGETS = [
    "", "localhost", "ftp://example.com/", "https://", "https:///path", "https://exa mple.com/", "arn:aws:sns:us-east-1:123456789012",
    "arn:aws:sqs:us-east-1:123456789012:queue", "file:", "file:relative/path", "javascript:alert(1)", "https://user:password@example.com/",
]
FILTERS = [("--account", "12"), ("--types", "NoSuchType"), ("--prefix", ""), ("--unknown", "x"), ("--types",)]


def test_targets_and_filters_that_are_none(sqlite_deployments):
    notifications = Notifications(sqlite_deployments.server())
    for arguments in [(target,) for target in TARGETS] + [("https://example.com/", *filters) for filters in FILTERS]:
        said = notifications.refused("subscriptions", "add", *arguments)
        assert said.startswith("Error: ") and "whsec_" not in said and "user:password" not in said
    assert notifications.subscribe("https://example.com/").id in notifications.done("subscriptions", "list").splitlines()[1]
    assert len(notifications.done("subscriptions", "list").splitlines()) == 2


# --- files ---


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_file(telling, subscribe, tmp_path):
    """JSON lines, appended; a file that is rotated away is made anew."""
    path, rotated = tmp_path / "events.jsonl", tmp_path / "events.jsonl.1"
    path.write_text('{"kept":true}\n')
    name = fresh("stream")
    subscription = subscribe(telling, f"file:{path}", "--prefix", prefix(name) + "/")
    assert subscription.secret is None
    accepted(telling.calls, "CreateStream", {"StreamName": name})
    until(lambda: len(lines(path)) == 3, "three lines")
    path.rename(rotated)
    tag(telling, name, "a"), tag(telling, name, "b")
    until(lambda: len(lines(path)) == 2, "two lines in the new one")
    kept, *events = lines(rotated) + lines(path)
    assert kept == {"kept": True}
    for event in events:
        check_event(event)
    check_order(events)
    assert kinds(events) == [("CreateStream", "CREATING"), ("StreamStatusChange", "ACTIVE")] + [("TagStream", "ACTIVE")] * 2


def test_a_file_that_cannot_be_written(telling, subscribe, tmp_path):
    """It is a receiver that is down: what waits is written once it can be."""
    folder = tmp_path / "later"
    name = fresh("stream")
    subscription = subscribe(telling, f"file:{folder / 'events.jsonl'}", "--prefix", prefix(name) + "/", "--types", "CreateStream")
    accepted(telling.calls, "CreateStream", {"StreamName": name})
    error = until(lambda: telling.database.rows(f"SELECT error FROM delivery_attempt WHERE destination_id = '{subscription.id}'"), "a failed attempt")[0][0]
    assert error
    # What is wrong is shown, although it is ACTIVE.
    def shown(words):
        return next((line for line in telling.notifications.done(*words).splitlines() if subscription.id in line and error in line), "")
    assert re.search(r"ACTIVE .* 20\d\d-\d\d-\d\dT\S+Z  ", until(lambda: shown(["subscriptions", "list"]), "the reason is listed"))
    folder.mkdir()
    until(lambda: lines(folder / "events.jsonl"), "it is written")
    until(lambda: not shown(["subscriptions", "list"]), "it fails no longer")


def test_standard_output(sqlite_deployments, delivering, tmp_path):
    path = tmp_path / "output"
    with path.open("wb") as output:
        server = sqlite_deployments.server(*delivering(), output=output)
    Notifications(server).subscribe("-")
    with server.sender() as sender:
        for number in range(20):
            accepted(sender, "CreateStream", {"StreamName": f"s{number}"})
    until(lambda: path.read_bytes().count(b"\n") >= 40, "forty lines")
    events = lines(path)
    for event in events:
        check_event(event)
    assert len(events) == 40
    check_order(events)


# --- secrets ---


def test_rotation(telling, receiver, subscribe, stream):
    """The two newest are valid, so that receivers can change over; the one before them is not any more."""
    subscribed, named = receiver(), receiver()
    name = stream()["StreamName"]
    subscription = subscribe(telling, subscribed, "--prefix", prefix(name) + "/")
    configure(telling, name, named.url())
    subscribed.wait(1), named.wait(1)
    destination = stream_destination(named.url())
    of_stream = telling.notifications.secrets(destination)
    assert telling.notifications.secrets(subscription.id) == [subscription.secret]
    telling.notifications.done("webhook-secrets", "rotate", subscription.id)
    newer, old = telling.notifications.secrets(subscription.id)
    assert old == subscription.secret != newer
    # That of the stream's destination once, with all of its account; the subscription's twice.
    telling.notifications.done("webhook-secrets", "rotate", subscription.id)
    telling.notifications.done("webhook-secrets", "rotate", ACCOUNT)
    active, active_of_stream = telling.notifications.secrets(subscription.id), telling.notifications.secrets(destination)
    assert active[1] == newer and active[0] not in (newer, old)
    assert active_of_stream[1:] == of_stream and active_of_stream[0] not in of_stream
    # Whoever sends may know the secrets of a moment ago only.
    for sink, secrets in ((subscribed, active), (named, active_of_stream)):
        until(lambda: signed(sink.requests[-1], secrets) or nudge(telling, name, sink), "both signatures")
        check_webhook(sink.requests[-1], *secrets)
    check_webhook(subscribed.requests[0], old)


def signed(request, secrets):
    try:
        for secret in secrets:
            Webhook(secret).verify(request.body, request.headers)
        return True
    except WebhookVerificationError:
        return False


def nudge(telling, name, sink):
    """One more event."""
    count = len(sink.events)
    tag(telling, name)
    sink.wait(count + 1)
    return False


def test_secrets_are_sealed_and_each_owner_has_its_own(telling, receiver, subscribe):
    sink = receiver()
    one, two = subscribe(telling, sink), subscribe(telling, sink)
    assert one.secret != two.secret and all(re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret) for secret in (one.secret, two.secret))
    stored = str(telling.database.query("SELECT * FROM webhook_secret"))
    for secret in (one.secret, two.secret):
        assert secret not in stored and secret.removeprefix("whsec_") not in stored and secret not in telling.log
    assert "999999999999999" in telling.notifications.refused("webhook-secrets", "show", "999999999999999")


def test_headers_and_a_content_type(telling, receiver, tmp_path):
    """They go with each attempt, and are shown by nothing; what would break a request is refused without its value."""
    sink = receiver()
    file = tmp_path / "headers"
    file.write_text("X-Team: cameras\nX-Token: 5ecret-in-a-file\n")
    name = fresh("stream")
    subscription = telling.notifications.subscribe(
        sink.url(), "--prefix", prefix(name) + "/", "--header", "Authorization: Bearer 5ecret", "--headers-file", file,
        "--content-type", "application/json; charset=utf-8")
    accepted(telling.calls, "CreateStream", {"StreamName": name})
    sink.wait(2)
    assert "204" in telling.notifications.done("subscriptions", "test", subscription.id)
    for request in sink.requests:
        assert request.headers["authorization"] == "Bearer 5ecret" and request.headers["content-type"] == "application/json; charset=utf-8"
        assert (request.headers["x-team"], request.headers["x-token"]) == ("cameras", "5ecret-in-a-file")
        assert signed(request, [subscription.secret])
    shown = telling.notifications.done("subscriptions", "list") + telling.log + str(telling.database.query("SELECT * FROM destination"))
    assert "5ecret" not in shown
    telling.notifications.done("subscriptions", "remove", subscription.id)
    for arguments in (("--header", "Host: 5ecret"), ("--header", "X: 5ecret\r\nY: 1"), ("--header", "5ecret"), ("--content-type", "json"),
                      ("--header", "webhook-signature: v1,5ecret"), ("--headers-file", tmp_path / "nowhere")):
        assert "5ecret" not in telling.notifications.refused("subscriptions", "add", sink.url(), *arguments)
    assert "URLs only" in telling.notifications.refused("subscriptions", "add", "-", "--header", "X: 1")


def test_what_waits_can_be_dropped(telling, receiver, subscribe):
    """At once, whatever the status; what comes afterwards is sent, and what was dropped can be sent again."""
    sink = receiver()
    name = fresh("stream")
    subscription = subscribe(telling, sink, "--prefix", prefix(name) + "/")
    telling.notifications.done("subscriptions", "pause", subscription.id)
    accepted(telling.calls, "CreateStream", {"StreamName": name})
    until(lambda: telling.notifications.deliveries(subscription.id, "PENDING") == 2, "two wait")
    assert ": 2." in telling.notifications.done("subscriptions", "drop", subscription.id)
    assert telling.notifications.deliveries(subscription.id, "DEAD") == 2 and not sink.events
    telling.notifications.done("subscriptions", "resume", subscription.id)
    tag(telling, name)
    assert kinds(sink.wait(1)) == [("TagStream", "ACTIVE")]
    telling.notifications.done("events", "replay", "--dead", "--destination", subscription.id)
    assert kinds(sink.wait(3))[1:] == [("CreateStream", "CREATING"), ("StreamStatusChange", "ACTIVE")]


def test_nothing_foreign_moves_the_cursor(telling, subscribe):
    """What a stranger names, and what an operator does, is shown escaped."""
    said = telling.notifications.refused("subscriptions", "pause", "a\x1b[2J\u202e")
    assert "\x1b" not in said and "\u202e" not in said and "u{1B}" in said
    name = fresh("stream")
    subscription = telling.notifications.subscribe("file:/nowhere/\x1b[2J", "--prefix", prefix(name) + "/")
    try:
        accepted(telling.calls, "CreateStream", {"StreamName": name})
        event = until(lambda: telling.notifications.tail("--prefix", prefix(name) + "/", "--since", "1h"), "an event")[0]
        until(lambda: "cannot be opened" in telling.notifications.show(event["id"]), "it fails")
        shown = telling.notifications.done("subscriptions", "list") + telling.notifications.show(event["id"]) + telling.log
        assert "\x1b" not in shown and "u{1B}" in telling.notifications.row(subscription.id)
    finally:
        telling.notifications.done("subscriptions", "remove", subscription.id)


# --- networks ---

# Names and numbers of this machine. The server's resolver decides what they mean; whatever it is, it is not public.
UNUSUAL = ["2130706433", "0x7f000001", "127.1", "0177.0.0.1", "localhost."]
LOCAL = ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]"] + UNUSUAL
PRIVATE = ["10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "[fd00::1]", "[fe80::1]", "224.0.0.1", "[64:ff9b::7f00:1]", "255.255.255.255"]


def test_only_public_addresses_unless_told_otherwise(sqlite_deployments, delivering, receiver):
    """No connection is made to anything else, whatever it is called and whoever names it; the record says what to change."""
    server = sqlite_deployments.server(*delivering(delivery_networks=None, delivery_attempts=1))
    server.calls = server.sender()
    notifications, sink = Notifications(server), receiver(context=None)
    hosts = {fresh("stream"): host for host in LOCAL + PRIVATE}
    for name in hosts:
        accepted(server.calls, "CreateStream", {"StreamName": name, "DataRetentionInHours": 1})
    ids, refused = {}, {}
    for name, host in hosts.items():
        until(lambda: described(server, name)["Status"] == "ACTIVE", "ACTIVE")
        answer = server.calls.call("/updateNotificationConfiguration", {
            "StreamName": name, "NotificationConfiguration": {"Status": "ENABLED", "DestinationConfig": {"Uri": sink.url(host)}}})
        # Refusing the configuration is as good.
        if answer.status == 200:
            ids[host] = stream_destination(sink.url(host))
        else:
            assert (answer.status, answer.error) == (400, "InvalidArgumentException")
            refused[host] = answer.message
    assert {"127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254"} <= set(ids)
    ids["subscribed"] = notifications.subscribe(sink.url("127.0.0.1")).id
    tag(server, next(iter(hosts)))
    notifications.settle()
    assert sink.connections == 0
    for host, id in ids.items():
        rows = server.database.rows(f"SELECT http_status, error FROM delivery_attempt WHERE destination_id = '{id}'")
        assert rows and {status for status, _ in rows} == {""}, host
        assert notifications.deliveries(id, "DELIVERED") == 0, host
        # The resolver may not take the unusual ones for addresses.
        assert all("delivery-networks" in error for _, error in rows) or host in UNUSUAL, rows
    assert all(refused.values())


def test_a_list_of_networks(sqlite_deployments, delivering, receiver):
    """What is not on it is refused, `public` included."""
    server = sqlite_deployments.server(*delivering(delivery_networks="10.0.0.0/8,127.0.0.2/32,::1/128", delivery_attempts=1))
    notifications = Notifications(server)
    sink = receiver(context=None)
    ids = [notifications.subscribe(sink.url(host)).id for host in ("127.0.0.1", "198.51.100.7")]
    with server.sender() as sender:
        accepted(sender, "CreateStream", {"StreamName": "s"})
    notifications.settle()
    assert sink.connections == 0
    for id in ids:
        assert "delivery-networks" in server.database.rows(f"SELECT error FROM delivery_attempt WHERE destination_id = '{id}'")[0][0]


@pytest.mark.parametrize("networks", ["private", "127.0.0.0/33", "10.0.0.0/8,,", "300.0.0.0/8", "127.0.0.1/8"])
def test_networks_that_are_none(sqlite_deployments, networks):
    folder = sqlite_deployments.folder()
    done = run_weir("serve", "--data-dir", folder, "--port", "0", "--delivery-networks", networks)
    assert done.returncode != 0 and "delivery-networks" in done.stderr


# --- looking in ---


def test_tail(telling):
    """What happened, what happens, and of it what is asked for."""
    name, key = fresh("stream"), telling.key("--account", OTHER_ACCOUNT)
    accepted(telling.calls, "CreateStream", {"StreamName": name})
    tails = {
        "all": Tail(telling, "--prefix", prefix(name) + "/", "--since", "1h"),
        "types": Tail(telling, "--prefix", prefix(name) + "/", "--types", "TagStream", "--since", "1h"),
        "account": Tail(telling, "--account", OTHER_ACCOUNT, "--since", "1h"),
    }
    tails["all"].wait(2)
    tag(telling, name)
    with telling.sender(key) as other:
        arn = accepted(other, "CreateStream", {"StreamName": name})["StreamARN"]
    found = {"all": tails["all"].wait(3), "types": tails["types"].wait(1)}
    until(lambda: [event for event in tails["account"].lines if event["subject"] == arn][1:], "both of the other account")
    for tail in tails.values():
        tail.end()
    assert kinds(found["all"]) == [("CreateStream", "CREATING"), ("StreamStatusChange", "ACTIVE"), ("TagStream", "ACTIVE")]
    assert kinds(found["types"]) == [("TagStream", "ACTIVE")]
    for event in found["all"] + found["types"]:
        check_event(event)
    check_order(found["all"])
    assert {event["data"]["account"] for event in tails["account"].lines} == {OTHER_ACCOUNT}
    assert telling.notifications.tail("--prefix", prefix(name) + "/", "--since", "1h") == found["all"]
