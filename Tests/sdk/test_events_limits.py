"""Limits that are reached are told, and what happens when more waits for receivers than may."""



from calls import accepted
from deployment import ACCOUNT, REGION, until
from events import Notifications, check_order, check_webhook, kinds, milliseconds
from signing import at_once

REACHED = "weir.kinesisvideo.LimitReached"


def limits(sink):
    return [event for event in sink.events if event["type"] == REACHED]


def test_limits_reached_are_told_once_in_a_minute(deployments, delivering, receiver, subscribe):
    """The stream quota, the documented rate of an operation, the tags of a stream, and the channels; however often they are run into."""
    server = deployments.server(*delivering(profile="aws", stream_quota=1, channel_quota=1))
    sink = receiver()
    subscription = subscribe(server, sink, "--types", "LimitReached")
    with server.sender() as sender:
        accepted(sender, "CreateStream", {"StreamName": "only"})
        accepted(sender, "CreateSignalingChannel", {"ChannelName": "only"})
        refused = {}
        for _ in range(3):
            for what, path, body in [
                ("streams", "/createStream", {"StreamName": "more"}), ("channels", "/createSignalingChannel", {"ChannelName": "more"}),
            ]:
                answer = sender.call(path, body)
                assert answer.error.endswith("LimitExceededException"), answer.body
                refused.setdefault(what, set()).add(answer.headers["x-amzn-RequestId"])
        accepted(sender, "TagStream", {"StreamName": "only", "Tags": {f"t{i}": "" for i in range(50)}})
        for _ in range(2):
            answer = sender.call("/tagStream", {"StreamName": "only", "Tags": {"more": ""}})
            assert answer.error == "TagsPerResourceExceededLimitException"
            refused.setdefault("tags", set()).add(answer.headers["x-amzn-RequestId"])
        answers = at_once([(server.port, sender.raw("/listStreams", {})) for _ in range(200)])
        refused["rate"] = {answer.headers["x-amzn-RequestId"] for answer in answers if answer.error == "ClientLimitExceededException"}
        assert len(refused["rate"]) > 50
        told = {id: what for what, ids in refused.items() for id in ids}
        until(lambda: {told.get(event["data"]["requestId"]) for event in limits(sink)} == set(refused), lambda: f"all four; {limits(sink)}")
        accepted(sender, "UntagStream", {"StreamName": "only", "TagKeyList": ["t0"]})
    Notifications(server).settle()
    events = limits(sink)
    assert len(sink.events) == len(events)
    for request in sink.requests:
        check_webhook(request, subscription.secret)
    subjects = {event["subject"] for event in events}
    assert len(subjects) == 4 and all(subject.startswith(f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:limit/") for subject in subjects)
    # Once for each limit and minute; the minute may have changed in between.
    assert all(milliseconds(event["time"]) % 60_000 == 0 for event in events)
    assert len({(event["subject"], event["time"]) for event in events}) == len(events) <= 8
    assert all(event["data"]["keyId"] == server.credentials.access_key and event["data"]["requestId"] in told for event in events)


def test_a_protective_rate_is_told(sqlite_deployments, delivering, receiver, subscribe):
    server = sqlite_deployments.server(*delivering(protective_rate=5))
    sink = receiver()
    subscribe(server, sink)
    with server.sender() as sender:
        at_once([(server.port, sender.raw("/listStreams", {})) for _ in range(50)])
    event = sink.wait(1)[0]
    assert event["type"] == REACHED and event["subject"].startswith(f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:limit/")
    Notifications(server).settle()
    assert 1 <= len(sink.events) <= 2


def mutations(stream_arn):
    """One of each kind that could be accepted now."""
    return {
        "/createStream": {"StreamName": "another"}, "/createSignalingChannel": {"ChannelName": "another"},
        "/tagStream": {"StreamARN": stream_arn, "Tags": {"a": "1"}}, "/untagStream": {"StreamARN": stream_arn, "TagKeyList": ["a"]},
        "/TagResource": {"ResourceARN": stream_arn, "Tags": [{"Key": "a", "Value": "1"}]},
        "/updateImageGenerationConfiguration": {"StreamARN": stream_arn},
        "/updateNotificationConfiguration": {
            "StreamARN": stream_arn,
            "NotificationConfiguration": {"Status": "ENABLED", "DestinationConfig": {"Uri": "https://127.0.0.1:1/"}}},
    }


def test_back_pressure(deployments, delivering, receiver, subscribe):
    """Changes are refused while too much waits, with the reason; what can be looked at can be looked at, and nothing that was accepted is dropped."""
    sink = receiver()
    server = deployments.server(*delivering(outbox_limit=5, delivery_attempts=30))
    notifications = Notifications(server)
    subscribe(server, sink)
    with server.sender() as sender:
        first = accepted(sender, "CreateStream", {"StreamName": "first"})["StreamARN"]
        sink.wait(2)
        sink.close_door()
        tags = 0

        def is_refused():
            nonlocal tags
            answer = sender.call("/tagStream", {"StreamName": "first", "Tags": {f"t{tags % 40}": "1"}})
            tags += answer.status == 200
            return answer.status != 200 and answer

        refusal = until(is_refused, "changes are refused")
        assert (refusal.status, refusal.error) == (503, "ServiceUnavailable")
        assert "5 events wait" in refusal.message and "outbox-limit" in refusal.message
        assert tags >= 4
        kept = notifications.waiting()
        for path, body in mutations(first).items():
            answer = sender.call(path, body)
            assert (answer.status, answer.error, answer.message) == (503, "ServiceUnavailable", refusal.message), path
        # What is wrong is told as such all the same, or also refused; it is never accepted.
        assert sender.call("/describeStream", {"StreamName": "first"}).json["StreamInfo"]["Status"] == "ACTIVE"
        for path, body in {
            "/listStreams": {}, "/listTagsForStream": {"StreamName": "first"}, "/describeNotificationConfiguration": {"StreamName": "first"},
            "/getDataEndpoint": {"StreamName": "first", "APIName": "PUT_MEDIA"}, "/listSignalingChannels": {},
        }.items():
            assert sender.call(path, body).status == 200, path
        assert sender.call("/describeStream", {"StreamName": "another"}).status == 404
        assert notifications.waiting() == kept
        # Another account's changes are made, and so is what makes less.
        with server.sender(server.key("--account", "210987654321")) as other:
            accepted(other, "CreateStream", {"StreamName": "others"})
        accepted(sender, "UpdateNotificationConfiguration", {"StreamName": "first", "NotificationConfiguration": None})
        sink.open_door()
        until(lambda: sender.call("/createStream", {"StreamName": "another"}).status == 200, "changes are accepted again")
    events = sink.wait(2 + tags + 1 + 2 + 2)
    notifications.settle()
    check_order(events)
    assert kinds(events).count(("TagStream", "ACTIVE")) == tags
    assert notifications.deliveries(events_of(notifications), "DEAD") == 0
    assert [str(len(sink.events))] == server.database.query("SELECT count(*) FROM event")


def events_of(notifications):
    return notifications.done("subscriptions", "list").split()[0]
