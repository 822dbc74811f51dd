"""Media storage: which stream holds a channel's media, seen from both, and undone when either is deleted."""

import pytest

import model
from calls import STREAM_NOT_FOUND, accepted, arn, call, denied, refused, wait_active, wait_channel
from deployment import until

LONG = "3600000"
DISABLED = {"MediaStorageConfiguration": {"Status": "DISABLED"}}


@pytest.fixture
def pair(new_stream, new_channel):
    """An ACTIVE stream that keeps media, and an ACTIVE channel."""
    return new_stream(DataRetentionInHours=1), new_channel()


def enable(client, channel, stream_arn):
    return call(
        client, "UpdateMediaStorageConfiguration", ChannelARN=channel["ChannelARN"],
        MediaStorageConfiguration={"Status": "ENABLED", "StreamARN": stream_arn})


def enabling(channel, **configuration):
    return {"ChannelARN": channel["ChannelARN"], "MediaStorageConfiguration": {"Status": "ENABLED"} | configuration}


def storage(client, channel):
    answer = call(client, "DescribeMediaStorageConfiguration", ChannelARN=channel["ChannelARN"])
    assert call(client, "DescribeMediaStorageConfiguration", ChannelName=channel["ChannelName"]) == answer
    return answer


def mapped(client, stream):
    """The ARNs of the channels that a stream is mapped to."""
    answer = call(client, "DescribeMappedResourceConfiguration", StreamARN=stream["StreamARN"])
    assert call(client, "DescribeMappedResourceConfiguration", StreamName=stream["StreamName"], MaxResults=1) == answer
    assert list(answer) == ["MappedResourceConfigurationList"]
    assert all(sorted(item) == ["ARN", "Type"] and item["Type"] == "CHANNEL" for item in answer["MappedResourceConfigurationList"])
    return [item["ARN"] for item in answer["MappedResourceConfigurationList"]]


def test_never_configured(client, pair):
    """The WebRTC SDKs ask at every start, and stop at an error."""
    stream, channel = pair
    assert storage(client, channel) == DISABLED
    assert mapped(client, stream) == []


def test_enabled_and_disabled(client, pair):
    stream, channel = pair
    assert enable(client, channel, stream["StreamARN"]) == {}
    assert storage(client, channel) == {"MediaStorageConfiguration": {"Status": "ENABLED", "StreamARN": stream["StreamARN"]}}
    assert mapped(client, stream) == [channel["ChannelARN"]]
    # Once more is no other mapping.
    assert enable(client, channel, stream["StreamARN"]) == {}
    assert mapped(client, stream) == [channel["ChannelARN"]]
    # Neither has a new version or another status.
    assert wait_active(client, stream["StreamName"]) == stream and wait_channel(client, channel["ChannelName"]) == channel
    for _ in range(2):
        assert call(client, "UpdateMediaStorageConfiguration", ChannelARN=channel["ChannelARN"], **DISABLED) == {}
        assert storage(client, channel) == DISABLED and mapped(client, stream) == []


def test_disabled_with_a_stream(client, pair):
    """The stream says nothing then; the mapping is undone all the same."""
    stream, channel = pair
    enable(client, channel, stream["StreamARN"])
    call(
        client, "UpdateMediaStorageConfiguration", ChannelARN=channel["ChannelARN"],
        MediaStorageConfiguration={"Status": "DISABLED", "StreamARN": stream["StreamARN"]})
    assert storage(client, channel) == DISABLED and mapped(client, stream) == []


@pytest.mark.parametrize("stream_arn", [{}, {"StreamARN": None}, {"StreamARN": ""}], ids=["absent", "null", "empty"])
def test_disabled_without_a_stream(sender, client, pair, stream_arn):
    """Both can be deleted then. boto3 sends no empty ARN, other clients do."""
    stream, channel = pair
    enable(client, channel, stream["StreamARN"])
    answer = sender.call(
        model.path("UpdateMediaStorageConfiguration"),
        {"ChannelARN": channel["ChannelARN"], "MediaStorageConfiguration": {"Status": "DISABLED", **stream_arn}})
    assert (answer.status, answer.body) == (200, b"")
    assert storage(client, channel) == DISABLED and mapped(client, stream) == []
    client.delete_stream(StreamARN=stream["StreamARN"])
    client.delete_signaling_channel(ChannelARN=channel["ChannelARN"])


def test_enabled_needs_a_stream(sender, client, pair):
    _, channel = pair
    for configuration in ({}, {"StreamARN": None}):
        assert "StreamARN" in denied(sender, "UpdateMediaStorageConfiguration", enabling(channel, **configuration), "InvalidArgumentException")
    assert storage(client, channel) == DISABLED


@pytest.mark.parametrize("wrong, error, status", [
    (arn("stream", "nobody"), "ResourceNotFoundException", 404),
    (arn("stream", account="210987654321"), "AccessDeniedException", 403),
    (arn("stream", region="eu-west-1"), "InvalidArgumentException", 400),
    (arn("channel"), "InvalidArgumentException", 400),
], ids=["unknown", "account", "region", "channel"])
def test_a_stream_that_cannot_be_used(sender, client, pair, wrong, error, status):
    _, channel = pair
    message = denied(sender, "UpdateMediaStorageConfiguration", enabling(channel, StreamARN=wrong), error, status)
    assert error == "ResourceNotFoundException" or wrong in message
    assert storage(client, channel) == DISABLED


def test_the_arn_of_a_deleted_stream(sender, client, new_stream, pair):
    """A new stream under the same name is not the one that was meant."""
    old, channel = pair
    name = old["StreamName"]
    call(client, "DeleteStream", StreamARN=old["StreamARN"])
    until(lambda: sender.call("/createStream", {"StreamName": name, "DataRetentionInHours": 1}).status == 200, "the name is free")
    wait_active(client, name)
    denied(sender, "UpdateMediaStorageConfiguration", enabling(channel, StreamARN=old["StreamARN"]), "ResourceNotFoundException", 404)


def test_no_data_retention(client, new_stream, new_channel):
    stream, channel = new_stream(), new_channel()
    message = refused(
        client, "UpdateMediaStorageConfiguration", "NoDataRetentionException", 400, **enabling(channel, StreamARN=stream["StreamARN"]))
    assert stream["StreamName"] in message
    # To switch off is always allowed, whatever stream is named.
    call(
        client, "UpdateMediaStorageConfiguration", ChannelARN=channel["ChannelARN"],
        MediaStorageConfiguration={"Status": "DISABLED", "StreamARN": stream["StreamARN"]})
    assert storage(client, channel) == DISABLED


def test_lowering_the_retention_to_nothing_is_allowed(client, pair):
    stream, channel = pair
    enable(client, channel, stream["StreamARN"])
    call(
        client, "UpdateDataRetention", StreamName=stream["StreamName"], CurrentVersion=stream["Version"], Operation="DECREASE_DATA_RETENTION",
        DataRetentionChangeInHours=1)
    assert wait_active(client, stream["StreamName"])["DataRetentionInHours"] == 0
    assert mapped(client, stream) == [channel["ChannelARN"]]


def test_one_channel_one_stream(client, pair, new_stream, new_channel):
    """The refusal names what is in the way, on either side."""
    stream, channel = pair
    enable(client, channel, stream["StreamARN"])
    other_stream, other_channel = new_stream(DataRetentionInHours=1), new_channel()
    for busy_channel, busy_stream, named in (
        (other_channel, stream, channel["ChannelARN"]), (channel, other_stream, stream["StreamARN"]),
    ):
        message = refused(
            client, "UpdateMediaStorageConfiguration", "ResourceInUseException", 400, **enabling(busy_channel, StreamARN=busy_stream["StreamARN"]))
        assert named in message
    assert storage(client, other_channel) == DISABLED and mapped(client, other_stream) == []
    assert mapped(client, stream) == [channel["ChannelARN"]]
    # To disable the other one does not touch this pair; to disable this one sets both free.
    call(client, "UpdateMediaStorageConfiguration", ChannelARN=other_channel["ChannelARN"], **DISABLED)
    assert mapped(client, stream) == [channel["ChannelARN"]]
    call(client, "UpdateMediaStorageConfiguration", ChannelARN=channel["ChannelARN"], **DISABLED)
    enable(client, other_channel, stream["StreamARN"])
    enable(client, channel, other_stream["StreamARN"])
    assert mapped(client, stream) == [other_channel["ChannelARN"]] and mapped(client, other_stream) == [channel["ChannelARN"]]


def test_neither_side_is_deleted_while_it_is_mapped(client, pair):
    stream, channel = pair
    enable(client, channel, stream["StreamARN"])
    for operation, arn, what in (("DeleteStream", stream, "stream"), ("DeleteSignalingChannel", channel, "channel")):
        member = f"{what.capitalize()}ARN"
        message = refused(client, operation, "ResourceInUseException", 400, **{member: arn[member]})
        assert message == f"Disable MediaStorageConfiguration to delete the {what}"
    assert mapped(client, stream) == [channel["ChannelARN"]]
    call(client, "UpdateMediaStorageConfiguration", ChannelARN=channel["ChannelARN"], **DISABLED)
    call(client, "DeleteStream", StreamARN=stream["StreamARN"])
    call(client, "DeleteSignalingChannel", ChannelARN=channel["ChannelARN"])


@pytest.mark.parametrize("status", ["CREATING", "UPDATING", "DELETING"])
@pytest.mark.parametrize("kind", ["stream", "channel"])
def test_a_resource_that_is_not_active(deployments, status, kind):
    """Its partner has been ACTIVE since an earlier life of the server."""
    server = deployments.server()
    client = server.client()

    partner = "channel" if kind == "stream" else "stream"
    arns = {partner: MAKE[partner](client)}
    WAIT[partner](client, partner)
    client.close()
    server.terminate()
    server = deployments.again(server, f"--minimum-{status.lower()}-ms", LONG)
    client = server.client()
    arns[kind] = MAKE[kind](client)
    if status != "CREATING":
        UPSET[kind, status](client, arns[kind], WAIT[kind](client, kind)["Version"])
    message = refused(
        client, "UpdateMediaStorageConfiguration", "ResourceInUseException", 400, ChannelARN=arns["channel"],
        MediaStorageConfiguration={"Status": "ENABLED", "StreamARN": arns["stream"]})
    assert f"{kind} {kind} is {status}" in message
    # Whatever its status, each tells what it is mapped to.
    assert storage(client, {"ChannelARN": arns["channel"], "ChannelName": "channel"}) == DISABLED
    assert mapped(client, {"StreamARN": arns["stream"], "StreamName": "stream"}) == []
    client.close()


MAKE = {
    "stream": lambda client: call(client, "CreateStream", StreamName="stream", DataRetentionInHours=1)["StreamARN"],
    "channel": lambda client: call(client, "CreateSignalingChannel", ChannelName="channel")["ChannelARN"],
}
WAIT = {"stream": wait_active, "channel": wait_channel}
UPSET = {
    ("stream", "UPDATING"): lambda client, arn, version: call(client, "UpdateStream", StreamARN=arn, CurrentVersion=version),
    ("stream", "DELETING"): lambda client, arn, version: call(client, "DeleteStream", StreamARN=arn),
    ("channel", "UPDATING"): lambda client, arn, version: call(
        client, "UpdateSignalingChannel", ChannelARN=arn, CurrentVersion=version, SingleMasterConfiguration={"MessageTtlSeconds": 60}),
    ("channel", "DELETING"): lambda client, arn, version: call(client, "DeleteSignalingChannel", ChannelARN=arn),
}


def test_the_mapping_of_which_stream(sender, new_stream):
    one, other = new_stream(), new_stream()
    operation = "DescribeMappedResourceConfiguration"
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


def test_no_page_of_mappings_follows(sender, client, pair):
    stream, channel = pair
    enable(client, channel, stream["StreamARN"])
    name = {"StreamName": stream["StreamName"]}
    assert accepted(sender, "DescribeMappedResourceConfiguration", name | {"NextToken": ""})["MappedResourceConfigurationList"]
    for token in ("AAAA", "x", "="):
        assert "NextToken" in denied(sender, "DescribeMappedResourceConfiguration", name | {"NextToken": token}, "InvalidArgumentException")
