"""Image generation and notifications: what is kept and answered, what prose forbids, and when retention matters."""

import pytest

from calls import STREAM_NOT_FOUND, accepted, arn, call, denied, refused, wait_active
from deployment import REGION, until

LONG = "3600000"
IMAGES = {
    "Status": "ENABLED", "ImageSelectorType": "PRODUCER_TIMESTAMP", "DestinationConfig": {"Uri": "s3://pictures/of the gate/", "DestinationRegion": REGION},
    "SamplingInterval": 3000, "Format": "JPEG", "FormatConfig": {"JPEGQuality": "85"}, "WidthPixels": 320, "HeightPixels": 240,
}
LEAST_IMAGES = {
    "Status": "DISABLED", "ImageSelectorType": "SERVER_TIMESTAMP", "DestinationConfig": {"Uri": "s3://b", "DestinationRegion": REGION},
    "SamplingInterval": 200, "Format": "PNG",
}
NOTIFICATIONS = {"Status": "ENABLED", "DestinationConfig": {"Uri": f"arn:aws:sns:{REGION}:123456789012:events"}}


class Kind:
    """One of the two configurations, which work alike."""

    def __init__(self, name, full, least):
        self.member, self.full, self.least = name, full, least
        self.update, self.describe = f"Update{name}", f"Describe{name}"

    def set(self, client, info, configuration):
        return call(client, self.update, StreamName=info["StreamName"], **{self.member: configuration})

    def found(self, client, info):
        answer = call(client, self.describe, StreamName=info["StreamName"])
        assert call(client, self.describe, StreamARN=info["StreamARN"]) == answer
        return answer


KINDS = {
    "images": Kind("ImageGenerationConfiguration", IMAGES, LEAST_IMAGES),
    "notifications": Kind("NotificationConfiguration", NOTIFICATIONS, NOTIFICATIONS | {"Status": "DISABLED"}),
}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture
def keeping(new_stream):
    """A stream that keeps media."""
    return new_stream(DataRetentionInHours=1)


def test_never_configured(client, kind, new_stream):
    assert kind.found(client, new_stream()) == {}


def test_what_is_set_is_answered(client, kind, keeping):
    """Nothing is added, nothing is lost; the new one replaces all of the old one."""
    for configuration in (kind.full, kind.least, kind.full | {"Status": "DISABLED"}, kind.full):
        assert kind.set(client, keeping, configuration) == {}
        assert kind.found(client, keeping) == {kind.member: configuration}
    # Neither status nor version of the stream change.
    assert wait_active(client, keeping["StreamName"]) == keeping


def test_the_two_do_not_touch_each_other(client, keeping):
    images, notifications = KINDS.values()
    images.set(client, keeping, IMAGES)
    notifications.set(client, keeping, NOTIFICATIONS)
    assert images.found(client, keeping) == {images.member: IMAGES}
    call(client, images.update, StreamName=keeping["StreamName"])
    assert images.found(client, keeping) == {} and notifications.found(client, keeping) == {notifications.member: NOTIFICATIONS}


@pytest.mark.parametrize("how", ["absent", "null"])
def test_absent_or_null_deletes(sender, client, kind, keeping, how):
    kind.set(client, keeping, kind.full)
    body = {"StreamARN": keeping["StreamARN"]} | ({kind.member: None} if how == "null" else {})
    for _ in range(2):
        accepted(sender, kind.update, body)
        assert kind.found(client, keeping) == {}
    # On the wire it is an object with nothing in it.
    assert sender.call(f"/{kind.describe[:1].lower()}{kind.describe[1:]}", {"StreamName": keeping["StreamName"]}).body == b"{}"


def test_enabled_needs_retention(sender, client, kind, new_stream):
    info = new_stream()
    message = denied(sender, kind.update, {"StreamName": info["StreamName"], kind.member: kind.full}, "NoDataRetentionException")
    assert info["StreamName"] in message
    assert kind.found(client, info) == {}
    # What is not enabled needs none, and neither does taking it away.
    assert kind.set(client, info, kind.least) == {}
    assert kind.found(client, info) == {kind.member: kind.least}
    denied(sender, kind.update, {"StreamName": info["StreamName"], kind.member: kind.full}, "NoDataRetentionException")
    assert kind.found(client, info) == {kind.member: kind.least}
    accepted(sender, kind.update, {"StreamName": info["StreamName"], kind.member: None})
    assert kind.found(client, info) == {}


def test_lowering_the_retention_to_nothing_is_allowed(client, kind, keeping):
    kind.set(client, keeping, kind.full)
    call(
        client, "UpdateDataRetention", StreamName=keeping["StreamName"], CurrentVersion=keeping["Version"], Operation="DECREASE_DATA_RETENTION",
        DataRetentionChangeInHours=1)
    assert wait_active(client, keeping["StreamName"])["DataRetentionInHours"] == 0
    assert kind.found(client, keeping) == {kind.member: kind.full}


def test_deleting_the_stream_takes_it_away(sender, client, kind, keeping):
    kind.set(client, keeping, kind.full)
    call(client, "DeleteStream", StreamARN=keeping["StreamARN"])
    until(lambda: sender.call("/createStream", {"StreamName": keeping["StreamName"]}).status == 200, "the name is free")
    assert call(client, kind.describe, StreamName=keeping["StreamName"]) == {}
    refused(client, kind.describe, "ResourceNotFoundException", 404, StreamARN=keeping["StreamARN"])


def test_another_region(sender, client, keeping):
    """Images go to a bucket of the stream's own region."""
    elsewhere = IMAGES | {"DestinationConfig": {"Uri": "s3://b", "DestinationRegion": "eu-west-1"}}
    message = denied(sender, "UpdateImageGenerationConfiguration", {"StreamName": keeping["StreamName"], "ImageGenerationConfiguration": elsewhere},
                     "InvalidArgumentException")
    assert "DestinationRegion" in message and "eu-west-1" in message and REGION in message
    assert KINDS["images"].found(client, keeping) == {}


@pytest.mark.parametrize("interval, is_allowed", [(-1, False), (0, False), (199, False), (200, True), (2**31 - 1, True)])
def test_sampling_interval(sender, keeping, interval, is_allowed):
    """The least stands in prose, so it is no ValidationException."""
    body = {"StreamName": keeping["StreamName"], "ImageGenerationConfiguration": IMAGES | {"SamplingInterval": interval}}
    if is_allowed:
        accepted(sender, "UpdateImageGenerationConfiguration", body)
    else:
        message = denied(sender, "UpdateImageGenerationConfiguration", body, "InvalidArgumentException")
        assert "SamplingInterval" in message and "200" in message


@pytest.mark.parametrize("quality, is_allowed", [
    ("1", True), ("80", True), ("100", True), ("0", False), ("101", False), ("high", False), ("8_0", False), ("99999999999999999999", False), ("1e1", False),
])
def test_quality(sender, client, keeping, quality, is_allowed):
    configuration = IMAGES | {"FormatConfig": {"JPEGQuality": quality}}
    body = {"StreamName": keeping["StreamName"], "ImageGenerationConfiguration": configuration}
    if is_allowed:
        accepted(sender, "UpdateImageGenerationConfiguration", body)
        assert KINDS["images"].found(client, keeping)["ImageGenerationConfiguration"] == configuration
    else:
        message = denied(sender, "UpdateImageGenerationConfiguration", body, "InvalidArgumentException")
        assert "JPEGQuality" in message and "100" in message
        assert KINDS["images"].found(client, keeping) == {}


@pytest.mark.parametrize("size", [{"WidthPixels": 1}, {"HeightPixels": 1}, {"WidthPixels": 3840, "HeightPixels": 2160}, {}])
def test_sizes(client, keeping, size):
    """Either may be given alone."""
    configuration = {name: value for name, value in IMAGES.items() if not name.endswith("Pixels")} | size
    KINDS["images"].set(client, keeping, configuration)
    assert KINDS["images"].found(client, keeping) == {"ImageGenerationConfiguration": configuration}


def test_prose_counts_where_nothing_is_enabled_too(sender, new_stream):
    body = {"StreamName": new_stream()["StreamName"], "ImageGenerationConfiguration": LEAST_IMAGES | {"SamplingInterval": 199}}
    denied(sender, "UpdateImageGenerationConfiguration", body, "InvalidArgumentException")


TOPIC = NOTIFICATIONS["DestinationConfig"]["Uri"]


@pytest.mark.parametrize("name, uri", [
    ("images", "s3://pictures/日本/😀"), ("images", "x:" + "a" * 253), ("images", "s3:bucket"), ("images", "s3://a\0\n\x7f"),
    ("notifications", "arn:aws:sns:us-east-1:123456789012:日本 😀"), ("notifications", TOPIC.ljust(255, "x")),
    ("notifications", "https://hooks.invalid:8443/a?b=c&d=%20"),
])
def test_an_address_is_kept_to_the_scalar(client, keeping, name, uri):
    kind = KINDS[name]
    configuration = kind.full | {"Status": "DISABLED", "DestinationConfig": kind.full["DestinationConfig"] | {"Uri": uri}}
    kind.set(client, keeping, configuration)
    assert kind.found(client, keeping) == {kind.member: configuration}


@pytest.mark.parametrize("uri", [
    "s3://bucket/prefix", "http://hooks.invalid/", "mailto:a", "HTTPS://hooks.invalid", "arn:aws:sqs:us-east-1:123456789012:queue",
    "arn:aws:sns:us-east-1:123456789012", "arn:aws:sns::123456789012:topic", "arn:aws:sns:us-east-1:123456789012:"])
@pytest.mark.parametrize("status", ["ENABLED", "DISABLED"])
def test_where_notifications_cannot_go(sender, client, keeping, uri, status):
    """A topic, or a web server over TLS; nothing is kept that could never be told anything."""
    configuration = {"Status": status, "DestinationConfig": {"Uri": uri}}
    body = {"StreamName": keeping["StreamName"], "NotificationConfiguration": configuration}
    message = denied(sender, "UpdateNotificationConfiguration", body, "InvalidArgumentException")
    assert "Uri" in message and uri in message
    assert KINDS["notifications"].found(client, keeping) == {}


@pytest.mark.parametrize("update", [False, True], ids=["describe", "update"])
def test_which_stream(sender, kind, new_stream, update):
    """By name, by ARN, or both, which must then mean the same."""
    operation = kind.update if update else kind.describe
    one, other = new_stream(), new_stream()
    message = denied(sender, operation, {}, "InvalidArgumentException")
    assert "StreamName" in message and "StreamARN" in message
    denied(sender, operation, {"StreamName": one["StreamName"], "StreamARN": other["StreamARN"]}, "InvalidArgumentException")
    accepted(sender, operation, {"StreamName": one["StreamName"], "StreamARN": one["StreamARN"]})
    for body in ({"StreamName": "nobody"}, {"StreamARN": arn(name="nobody")}):
        assert denied(sender, operation, body, "ResourceNotFoundException", 404) == STREAM_NOT_FOUND
    foreign = arn(name=one["StreamName"], account="210987654321")
    assert foreign in denied(sender, operation, {"StreamARN": foreign}, "AccessDeniedException", 403)
    for wrong in (arn(region="eu-west-1"), arn(partition="aws-cn"), arn("channel")):
        assert wrong in denied(sender, operation, {"StreamARN": wrong}, "InvalidArgumentException")


@pytest.mark.parametrize("status", ["CREATING", "UPDATING", "DELETING"])
def test_a_stream_that_is_not_active(deployments, status):
    """Described in any status, changed in none but ACTIVE."""
    server = deployments.server(f"--minimum-{status.lower()}-ms", LONG)
    client = server.client()
    with server.sender() as sender:
        stream = call(client, "CreateStream", StreamName="s", DataRetentionInHours=1)["StreamARN"]
        kept = {}
        if status != "CREATING":
            version = wait_active(client, "s")["Version"]
            for kind in KINDS.values():
                accepted(sender, kind.update, {"StreamName": "s", kind.member: kind.full})
                kept[kind.member] = kind.full
            if status == "UPDATING":
                accepted(sender, "UpdateStream", {"StreamName": "s", "CurrentVersion": version})
            else:
                accepted(sender, "DeleteStream", {"StreamARN": stream})
        for kind in KINDS.values():
            found = {kind.member: kept[kind.member]} if kept else {}
            for body in ({"StreamName": "s", kind.member: kind.full}, {"StreamName": "s", kind.member: None}):
                message = denied(sender, kind.update, body, "ResourceInUseException")
                assert "stream s" in message and status in message
            assert accepted(sender, kind.describe, {"StreamName": "s"}) == found
    client.close()
