"""Tags of streams and channels by ARN: one set of rules for both, and for streams the same tags that TagStream has."""

import pytest

from calls import accepted, arn, call, denied, fresh
from deployment import until

RESOURCES = ["stream", "channel"]


@pytest.fixture(params=RESOURCES)
def resource(request, new_stream, new_channel):
    """The ARN of an ACTIVE stream or channel without tags."""
    return new_stream()["StreamARN"] if request.param == "stream" else new_channel()["ChannelARN"]


def pairs(tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tags_of(sender, resource):
    return accepted(sender, "ListTagsForResource", {"ResourceARN": resource})["Tags"]


def tagging(resource, tags):
    return {"ResourceARN": resource, "Tags": tags if isinstance(tags, list) else pairs(tags)}


def tag(sender, resource, tags):
    return accepted(sender, "TagResource", tagging(resource, tags))


def untag(sender, resource, keys):
    return accepted(sender, "UntagResource", {"ResourceARN": resource, "TagKeyList": keys})


def test_tags(client, resource):
    assert call(client, "ListTagsForResource", ResourceARN=resource) == {"Tags": {}}
    assert call(client, "TagResource", **tagging(resource, {"a": "1", "b": "2"})) == {}
    assert call(client, "TagResource", **tagging(resource, {"b": "3", "c": ""})) == {}
    assert call(client, "ListTagsForResource", ResourceARN=resource) == {"Tags": {"a": "1", "b": "3", "c": ""}}
    assert call(client, "UntagResource", ResourceARN=resource, TagKeyList=["a", "absent", "a"]) == {}
    assert call(client, "ListTagsForResource", ResourceARN=resource) == {"Tags": {"b": "3", "c": ""}}


def test_a_stream_has_the_same_tags_by_either_way(sender, new_stream):
    info = new_stream(Tags={"made": "with"})
    name, stream = info["StreamName"], info["StreamARN"]
    tag(sender, stream, {"by": "resource"})
    accepted(sender, "TagStream", {"StreamName": name, "Tags": {"and": "stream"}})
    expected = {"made": "with", "by": "resource", "and": "stream"}
    assert tags_of(sender, stream) == accepted(sender, "ListTagsForStream", {"StreamName": name})["Tags"] == expected
    accepted(sender, "UntagStream", {"StreamName": name, "TagKeyList": ["by"]})
    untag(sender, stream, ["made"])
    assert tags_of(sender, stream) == accepted(sender, "ListTagsForStream", {"StreamName": name})["Tags"] == {"and": "stream"}


def test_a_stream_and_a_channel_of_one_name_have_tags_of_their_own(sender, new_stream, new_channel):
    stream = new_stream()
    channel = new_channel(stream["StreamName"])
    tag(sender, stream["StreamARN"], {"of": "stream"})
    tag(sender, channel["ChannelARN"], {"of": "channel"})
    assert tags_of(sender, stream["StreamARN"]) == {"of": "stream"} and tags_of(sender, channel["ChannelARN"]) == {"of": "channel"}


@pytest.mark.parametrize("second", ["1", "2"], ids=["same value", "other value"])
def test_a_key_that_is_given_twice(sender, resource, second):
    """A list can hold a key twice, where a map could not: nobody knows which is meant."""
    tag(sender, resource, {"kept": "1"})
    twice = [{"Key": "twice", "Value": "1"}, {"Key": "other", "Value": "1"}, {"Key": "twice", "Value": second}]
    assert "twice" in denied(sender, "TagResource", tagging(resource, twice), "InvalidArgumentException")
    assert tags_of(sender, resource) == {"kept": "1"}


@pytest.mark.parametrize("tags, error, words", [
    ([{"Key": "twice", "Value": "1"}] * 2, "InvalidArgumentException", "twice"),
    ([{"Key": "aws:x", "Value": "1"}], "InvalidArgumentException", "aws:"),
    ([{"Key": "a*", "Value": "1"}], "ValidationException", "tags.1.member.key"),
], ids=["twice", "reserved", "pattern"])
def test_a_channel_is_not_made_with_wrong_tags(sender, tags, error, words):
    name = fresh("channel")
    assert words in denied(sender, "CreateSignalingChannel", {"ChannelName": name, "Tags": tags}, error)
    denied(sender, "DescribeSignalingChannel", {"ChannelName": name}, "ResourceNotFoundException", 404)


def test_keys_that_are_only_canonically_equivalent_are_different_keys(sender, resource):
    tags = {"\u212b": "angstrom sign", "\u00c5": "letter", "\u1100\u1161": "jamo", "\uac00": "syllable", "𝒜": "wide"}
    tag(sender, resource, tags)
    assert tags_of(sender, resource) == tags
    untag(sender, resource, ["\u00c5", "\u1100\u1161"])
    del tags["\u00c5"], tags["\u1100\u1161"]
    assert tags_of(sender, resource) == tags


@pytest.mark.parametrize("key", ["aws:", "aws:x", "AWS:x", "aWS:cloudformation:stack-name"])
def test_reserved_keys(sender, resource, key):
    message = denied(sender, "TagResource", tagging(resource, {"fine": "1", key: "2"}), "InvalidArgumentException")
    assert key in message and "aws:" in message
    assert tags_of(sender, resource) == {}


def test_fifty_after_the_change(sender, resource):
    fifty = {f"k{index:02}": str(index) for index in range(50)}
    tag(sender, resource, fifty)
    # Overwriting is not adding.
    overwritten = dict.fromkeys(fifty, "new")
    tag(sender, resource, overwritten)
    assert tags_of(sender, resource) == overwritten
    # One more is too many, and then nothing of the call is done.
    message = denied(sender, "TagResource", tagging(resource, {"k00": "lost", "k50": "x"}), "TagsPerResourceExceededLimitException")
    assert "50" in message and resource.split("/")[1] in message
    assert tags_of(sender, resource) == overwritten
    # Where one goes, one can come.
    untag(sender, resource, ["k49"])
    tag(sender, resource, {"k00": "kept", "k50": "x"})
    assert len(tags_of(sender, resource)) == 50
    untag(sender, resource, sorted(tags_of(sender, resource)))
    assert tags_of(sender, resource) == {}


def test_a_channel_with_fifty_tags_from_the_start(sender, new_channel):
    fifty = {f"k{index:02}": str(index) for index in range(50)}
    channel = new_channel(Tags=pairs(fifty))["ChannelARN"]
    assert tags_of(sender, channel) == fifty
    denied(sender, "TagResource", tagging(channel, {"more": "1"}), "TagsPerResourceExceededLimitException")


def test_a_broken_tag_keeps_the_others_out(sender, resource):
    tag(sender, resource, {"kept": "1"})
    for broken in ({"b*": "2"}, {"b": "*"}, {"b": "x" * 257}, {"b" * 129: "2"}):
        denied(sender, "TagResource", tagging(resource, {"a": "1"} | broken), "ValidationException")
    denied(sender, "UntagResource", {"ResourceARN": resource, "TagKeyList": ["kept", "*"]}, "ValidationException")
    assert tags_of(sender, resource) == {"kept": "1"}


def test_tags_are_listed_in_the_byte_order_of_their_keys(sender, resource):
    keys = ["b", "B", "a", "𝒜", "\uff21", "é", "_", "-", "10", "9"]
    tag(sender, resource, dict.fromkeys(keys, ""))
    assert list(tags_of(sender, resource)) == sorted(keys, key=str.encode)


def test_no_page_of_tags_follows(sender, resource):
    tag(sender, resource, {"a": "1"})
    assert accepted(sender, "ListTagsForResource", {"ResourceARN": resource, "NextToken": ""}) == {"Tags": {"a": "1"}}
    for token in ("AAAA", "x", "="):
        assert "NextToken" in denied(sender, "ListTagsForResource", {"ResourceARN": resource, "NextToken": token}, "InvalidArgumentException")


CALLS = {"TagResource": {"Tags": pairs({"a": "1"})}, "UntagResource": {"TagKeyList": ["a"]}, "ListTagsForResource": {}}


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("kind", RESOURCES)
def test_which_resource(sender, operation, kind):
    """Unlike the tag operations of streams these have no InvalidResourceFormatException."""
    def body(resource):
        return CALLS[operation] | {"ResourceARN": resource}

    assert "not found" in denied(sender, operation, body(arn(kind, "nobody")), "ResourceNotFoundException", 404)
    foreign = arn(kind, account="210987654321")
    assert foreign in denied(sender, operation, body(foreign), "AccessDeniedException", 403)
    for wrong in (arn(kind, region="eu-west-1"), arn(kind, partition="aws-cn"), arn("image"), arn("streams")):
        assert wrong in denied(sender, operation, body(wrong), "InvalidArgumentException")


def test_tags_neither_change_version_nor_status(client, sender, new_channel):
    info = new_channel()
    tag(sender, info["ChannelARN"], {"a": "1"})
    untag(sender, info["ChannelARN"], ["a"])
    assert call(client, "DescribeSignalingChannel", ChannelName=info["ChannelName"])["ChannelInfo"] == info


def test_tags_of_a_deleted_channel_do_not_come_back(sender, new_channel):
    info = new_channel(Tags=pairs({"old": "1"}))
    accepted(sender, "DeleteSignalingChannel", {"ChannelARN": info["ChannelARN"]})
    made = until(lambda: sender.call("/createSignalingChannel", {"ChannelName": info["ChannelName"]}).json.get("ChannelARN"), "the name is free")
    assert tags_of(sender, made) == {}
