"""What is told of each change and transition: that it is told, that it is true, and in which order."""

import time

import edge
import model
from calls import accepted, call, denied, fresh, wait_active
from cases import SECRET
from deployment import ACCOUNT, REGION, until
from events import OF_RESOURCES, check_order, check_webhook, kinds, milliseconds
from receivers import OK, answer, scripted
from signing import invocation


class Story:
    """What is done to one resource, as the events that must tell it."""

    def __init__(self, server, kind):
        self.server, self.kind, self.name = server, kind, fresh(kind)
        self.told = []
        self.arn = None

    def tell(self, operation, status, answer, sender):
        """An event that a call leads to; its version is that of the resource afterwards."""
        self.told.append([operation, status, None, sender.credentials.access_key, answer.headers["x-amzn-RequestId"]])

    def call(self, operation, status, sender=None, then=None, **members):
        """A call that is told, and in `then` the status that it leads to by and by."""
        sender = sender or self.server.calls
        answer = sender.call(model.path(operation), members)
        assert answer.status == 200, (operation, answer.body)
        self.tell(operation, status, answer, sender)
        if then:
            self.tell("StreamStatusChange" if self.kind == "stream" else "ChannelStatusChange", then, answer, sender)
        return answer

    def describe(self):
        operation, member = ("DescribeStream", "StreamInfo") if self.kind == "stream" else ("DescribeSignalingChannel", "ChannelInfo")
        name = {"StreamName" if self.kind == "stream" else "ChannelName": self.name}
        answer = self.server.calls.call(model.path(operation), name)
        return answer.json[member] if answer.status == 200 else None

    def rest(self):
        """Waits until the resource is ACTIVE or gone, and writes its version into what was told since the last time."""
        status = "Status" if self.kind == "stream" else "ChannelStatus"
        info = until(lambda: (lambda info: (info is None or info[status] == "ACTIVE") and (info, ))(self.describe()), f"{self.name} rests")[0]
        version = info["Version"] if info else self.told[0][2]
        for event in self.told:
            event[2] = event[2] or version
        return info


def test_every_change_is_told_as_it_was(telling, receiver, subscribe):
    """All that can happen to a stream and a channel, with who did it and by which request, in the order in which it happened."""
    sink = receiver()
    subscription = subscribe(telling, sink)
    begun = time.time()
    stream, channel = Story(telling, "stream"), Story(telling, "channel")
    name, channel_name = stream.name, channel.name

    stream.arn = stream.call("CreateStream", "CREATING", then="ACTIVE", StreamName=name, Tags={"a": "1"}).json["StreamARN"]
    stream.rest()
    for operation, members in {
        "TagStream": {"StreamName": name, "Tags": {"b": "2"}}, "UntagStream": {"StreamName": name, "TagKeyList": ["b"]},
        "TagResource": {"ResourceARN": stream.arn, "Tags": [{"Key": "c", "Value": "3"}]},
        "UntagResource": {"ResourceARN": stream.arn, "TagKeyList": ["c"]},
    }.items():
        stream.call(operation, "ACTIVE", **members)
    for operation, members in {
        "UpdateDataRetention": {"Operation": "INCREASE_DATA_RETENTION", "DataRetentionChangeInHours": 24},
        "UpdateStream": {"MediaType": "video/h264"},
        "UpdateStreamStorageConfiguration": {"StreamStorageConfiguration": {"DefaultStorageTier": "WARM"}},
    }.items():
        version = stream.rest()["Version"]
        stream.call(operation, "UPDATING", then="ACTIVE", StreamName=name, CurrentVersion=version, **members)
        assert stream.rest()["Version"] != version
    images = model_sample("UpdateImageGenerationConfiguration", "ImageGenerationConfiguration")
    stream.call("UpdateImageGenerationConfiguration", "ACTIVE", StreamName=name, ImageGenerationConfiguration=images)
    stream.call("UpdateNotificationConfiguration", "ACTIVE", StreamName=name, NotificationConfiguration={
        "Status": "DISABLED", "DestinationConfig": {"Uri": "https://example.com/"}})
    hub = edge.Hub(telling)
    configuration = edge.configuration(hub.arn)
    assert SECRET in str(configuration)
    stream.call("StartEdgeConfigurationUpdate", "SYNCING", StreamName=name, EdgeConfig=configuration)
    at = {"StreamARN": stream.arn}
    revision = {"Revision": hub.revision(at)}
    change = "EdgeConfigurationStatusChange"
    for operation, status, members in [
        ("AcknowledgeEdgeConfiguration", "ACKNOWLEDGED", {}), ("ReportEdgeConfigurationResult", "IN_SYNC", {"Result": "SUCCEEDED"}),
    ]:
        stream.tell(change, status, answered(hub.sender, operation, hub.body(at, **revision, **members)), hub.sender)
    stream.call("DeleteEdgeConfiguration", "DELETING", StreamName=name)
    revision = {"Revision": hub.revision(at)}
    for operation, status, members in [
        ("AcknowledgeEdgeConfiguration", "DELETING_ACKNOWLEDGED", {}), ("ReportEdgeConfigurationResult", "DELETED", {"Result": "SUCCEEDED"}),
    ]:
        stream.tell(change, status, answered(hub.sender, operation, hub.body(at, **revision, **members)), hub.sender)

    channel.arn = channel.call("CreateSignalingChannel", "CREATING", then="ACTIVE", ChannelName=channel_name).json["ChannelARN"]
    version = channel.rest()["Version"]
    channel.call("UpdateSignalingChannel", "UPDATING", then="ACTIVE", ChannelARN=channel.arn, CurrentVersion=version,
                 SingleMasterConfiguration={"MessageTtlSeconds": 30})
    assert channel.rest()["Version"] != version
    channel.call("TagResource", "ACTIVE", ResourceARN=channel.arn, Tags=[{"Key": "c", "Value": "3"}])
    channel.call("UntagResource", "ACTIVE", ResourceARN=channel.arn, TagKeyList=["c"])
    channel.call("UpdateMediaStorageConfiguration", "ACTIVE", ChannelARN=channel.arn, MediaStorageConfiguration={
        "Status": "ENABLED", "StreamARN": stream.arn})
    channel.call("UpdateMediaStorageConfiguration", "ACTIVE", ChannelARN=channel.arn, MediaStorageConfiguration={"Status": "DISABLED"})
    stream.rest()
    stream.call("DeleteStream", "DELETING", then="DELETED", StreamARN=stream.arn)
    version = stream.told[-3][2]
    stream.told[-2][2] = stream.told[-1][2] = version
    assert stream.rest() is None
    version = channel.rest()["Version"]
    channel.call("DeleteSignalingChannel", "DELETING", then="DELETED", ChannelARN=channel.arn)
    channel.told[-2][2] = channel.told[-1][2] = version
    assert channel.rest() is None

    told = {f"weir.kinesisvideo.{event[0]}" for story in (stream, channel) for event in story.told}
    # A mapping goes with its stream only where a program of an earlier version let a mapped stream be deleted.
    assert told == OF_RESOURCES - {"weir.kinesisvideo.MediaStorageConfigurationChange"}
    events = sink.wait(len(stream.told) + len(channel.told))
    ended = time.time()
    for story in (stream, channel):
        own = [event for event in events if event["subject"] == story.arn]
        found = [[event["type"].removeprefix("weir.kinesisvideo."), *map(event["data"].get, ("status", "version", "keyId", "requestId"))] for event in own]
        assert found == story.told
        assert {(event["data"]["account"], event["data"]["region"]) for event in own} == {(ACCOUNT, REGION)}
    assert len(events) == len(stream.told) + len(channel.told)
    check_order(events)
    # The database's clock is this machine's.
    assert all(begun - 5 < milliseconds(event["time"]) / 1000 < ended + 5 for event in events)
    for request in sink.requests:
        check_webhook(request, subscription.secret)

    # The same is told to those who look.
    tail = telling.notifications.tail("--since", "10m")
    assert [event for event in tail if event["subject"] == stream.arn] == [event for event in events if event["subject"] == stream.arn]
    shown = telling.notifications.show(events[-1]["id"])
    everything = "\n".join([
        *(f"{request.headers} {request.body.decode()}" for request in sink.requests), str(tail), shown, telling.log,
        telling.notifications.done("subscriptions", "list"), *telling.database.query("SELECT * FROM destination")])
    secrets = {telling.credentials.secret_key, hub.credentials.secret_key, subscription.secret, subscription.secret.removeprefix("whsec_"), SECRET}
    assert not [secret for secret in secrets if secret in everything]


def answered(sender, operation, body):
    answer = sender.call(model.path(operation), body)
    assert answer.status == 200, (operation, answer.body)
    return answer


def model_sample(operation, member):
    from cases import sample
    return sample(model.operation(operation).input_shape.members[member])


def test_what_is_refused_or_repeated_is_not_told(telling, receiver, subscribe):
    sink = receiver()
    name = fresh("stream")
    subscribe(telling, sink, "--prefix", f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/{name}/")
    sender, client = telling.calls, telling.client()
    twice = invocation()
    for _ in range(2):
        # An SDK that lost the answer sends the same again.
        assert sender.call("/createStream", {"StreamName": name}, headers=twice).status == 200
    version = wait_active(client, name)["Version"]
    denied(sender, "CreateStream", {"StreamName": name}, "ResourceInUseException")
    denied(sender, "UpdateStream", {"StreamName": name, "CurrentVersion": "stale"}, "VersionMismatchException")
    denied(sender, "UpdateStream", {"StreamName": name}, "ValidationException")
    denied(sender, "TagStream", {"StreamName": name, "Tags": {f"t{i}": "" for i in range(50)} | {"aws:x": ""}}, "ValidationException")
    call(client, "TagStream", StreamName=name, Tags={f"t{i}": "" for i in range(50)})
    denied(sender, "TagStream", {"StreamName": name, "Tags": {"more": ""}}, "TagsPerResourceExceededLimitException")
    for operation in ("DescribeStream", "ListTagsForStream"):
        accepted(sender, operation, {"StreamName": name})
    update = {"StreamName": name, "CurrentVersion": version}
    for _ in range(2):
        assert sender.call("/updateStream", update, headers=twice).status == 200
    wait_active(client, name)
    arn = call(client, "DescribeStream", StreamName=name)["StreamInfo"]["StreamARN"]
    call(client, "DeleteStream", StreamARN=arn)
    client.close()
    events = sink.wait(7)
    until(lambda: not telling.database.query(f"SELECT 1 FROM delivery WHERE resource_arn = '{arn}' AND state = 'PENDING'"), "nothing waits")
    assert kinds(sink.events) == kinds(events) == [
        ("CreateStream", "CREATING"), ("StreamStatusChange", "ACTIVE"), ("TagStream", "ACTIVE"), ("UpdateStream", "UPDATING"),
        ("StreamStatusChange", "ACTIVE"), ("DeleteStream", "DELETING"), ("StreamStatusChange", "DELETED"),
    ]
    check_order(events)
    assert telling.database.query(f"SELECT count(*) FROM event WHERE resource_arn = '{arn}'") == ["7"]


def test_what_is_told_is_already_true(telling, receiver, subscribe):
    """Whoever looks when an event arrives finds what it tells, or something later."""
    sender = telling.sender()
    found = []

    def look(request):
        event = request.event
        described = sender.call("/describeStream", {"StreamARN": event["subject"]})
        tags = sender.call("/listTagsForStream", {"StreamARN": event["subject"]})
        found.append((event["type"].removeprefix("weir.kinesisvideo."), event["data"], described, tags))
        return OK

    name = fresh("stream")
    sink = receiver(look)
    subscribe(telling, sink, "--prefix", f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/{name}/")
    client = telling.client()
    call(client, "CreateStream", StreamName=name)
    sink.wait(2)
    call(client, "TagStream", StreamName=name, Tags={"a": "1"})
    sink.wait(3)
    call(client, "UpdateStream", StreamName=name, CurrentVersion=wait_active(client, name)["Version"])
    sink.wait(5)
    call(client, "DeleteStream", StreamARN=wait_active(client, name)["StreamARN"])
    sink.wait(7)
    client.close()
    assert kinds(sink.events)[-1] == ("StreamStatusChange", "DELETED")
    for kind, data, described, tags in found:
        match kind, data["status"]:
            case "StreamStatusChange", "DELETED":
                assert described.status == 404
            case "StreamStatusChange", "ACTIVE":
                assert (described.json["StreamInfo"]["Status"], described.json["StreamInfo"]["Version"]) == ("ACTIVE", data["version"])
            case "DeleteStream", _:
                assert described.status == 404 or described.json["StreamInfo"]["Status"] == "DELETING"
            case "TagStream", _:
                assert tags.json["Tags"] == {"a": "1"}
            case _:
                assert described.json["StreamInfo"]["Version"] == data["version"]


def test_what_is_sent_again_is_the_same(telling, receiver, subscribe):
    """The id and the bytes; each attempt is signed for its own moment."""
    sink = receiver(scripted(answer(500), answer(503)))
    name = fresh("stream")
    subscription = subscribe(telling, sink, "--prefix", f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/{name}/", "--types", "CreateStream")
    accepted(telling.calls, "CreateStream", {"StreamName": name})
    event, = sink.wait(1)
    assert [request.status for request in sink.requests] == [500, 503, 204]
    assert len({(request.id, request.body) for request in sink.requests}) == 1
    for request in sink.requests:
        assert check_webhook(request, subscription.secret) == event
    moments = [int(request.headers["webhook-timestamp"]) for request in sink.requests]
    assert moments == sorted(moments) and abs(moments[-1] - time.time()) < 60
