"""Tags: reserved keys, fifty after the change, all or nothing, keys by their scalars."""

import pytest

import model
from deployment import until


def tags_of(sender, name):
    return sender.call("/listTagsForStream", {"StreamName": name}).json["Tags"]


def tag(sender, name, tags):
    return sender.call("/tagStream", {"StreamName": name, "Tags": tags})


def untag(sender, name, keys):
    return sender.call("/untagStream", {"StreamName": name, "TagKeyList": keys})


@pytest.mark.parametrize("key", ["aws:", "aws:x", "AWS:x", "Aws:x", "aWS:cloudformation:stack-name"])
def test_reserved_keys(sender, new_stream, name, key):
    existing = new_stream()["StreamName"]
    answer = tag(sender, existing, {"fine": "1", key: "2"})
    assert (answer.status, answer.error) == (400, "InvalidArgumentException")
    assert key in answer.message and "aws:" in answer.message
    assert tags_of(sender, existing) == {}
    answer = sender.call("/createStream", {"StreamName": name, "Tags": {"fine": "1", key: "2"}})
    assert (answer.status, answer.error) == (400, "InvalidArgumentException")
    assert sender.call("/describeStream", {"StreamName": name}).status == 404


@pytest.mark.parametrize("key", ["aws", "awsx:", "x-aws:y", " aws:x", "aws :x"])
def test_keys_that_only_look_reserved(sender, new_stream, key):
    name = new_stream()["StreamName"]
    assert tag(sender, name, {key: "1"}).status == 200
    assert tags_of(sender, name) == {key: "1"}


def test_fifty_after_the_change(sender, new_stream):
    fifty = {f"k{index:02}": str(index) for index in range(50)}
    name = new_stream(Tags=fifty)["StreamName"]
    assert tags_of(sender, name) == fifty
    # Overwriting is not adding.
    overwritten = {key: "new" for key in fifty}
    assert tag(sender, name, overwritten).status == 200
    assert tag(sender, name, {"k07": "again"}).status == 200
    overwritten["k07"] = "again"
    assert tags_of(sender, name) == overwritten
    # One more is too many, and then nothing of the call is done.
    answer = tag(sender, name, {"k00": "lost", "k50": "x"})
    assert (answer.status, answer.error) == (400, "TagsPerResourceExceededLimitException")
    assert name in answer.message and "50" in answer.message
    assert tags_of(sender, name) == overwritten
    # Where one goes, one can come.
    assert untag(sender, name, ["k49"]).status == 200
    assert tag(sender, name, {"k00": "kept", "k50": "x"}).status == 200
    assert len(tags_of(sender, name)) == 50
    assert untag(sender, name, sorted(tags_of(sender, name))).status == 200
    assert tags_of(sender, name) == {}


def test_a_broken_tag_keeps_the_others_out(sender, new_stream):
    name = new_stream(Tags={"kept": "1"})["StreamName"]
    for broken in ({"a": "1", "b*": "2"}, {"a": "1", "b": "*"}, {"a": "1", "b": "x" * 257}, {"a": "1", "b" * 129: "2"}):
        assert tag(sender, name, broken).error == "ValidationException"
    assert untag(sender, name, ["kept", "*"]).error == "ValidationException"
    assert tags_of(sender, name) == {"kept": "1"}


def test_keys_that_are_only_canonically_equivalent_are_different_keys(sender, new_stream):
    """Five spellings that Unicode calls equivalent, each with scalars of its own that the pattern allows."""
    tags = {
        "\u212b": "angstrom sign", "\u00c5": "letter", "\u2126": "ohm sign", "\u03a9": "omega", "\u1100\u1161": "jamo", "\uac00": "syllable",
        "\u2000": "en quad", "\u2002": "en space",
    }
    shape = model.operation("TagStream").input_shape.members["Tags"]
    assert not model.violations(shape, tags)
    name = new_stream(Tags=tags)["StreamName"]
    assert tags_of(sender, name) == tags
    assert untag(sender, name, ["\u00c5", "\u1100\u1161"]).status == 200
    del tags["\u00c5"], tags["\u1100\u1161"]
    assert tags_of(sender, name) == tags
    assert tag(sender, name, {"\u2126": "new"}).status == 200
    assert tags_of(sender, name) == tags | {"\u2126": "new"}


def test_values_are_kept_to_the_scalar(sender, new_stream):
    tags = {"a": "", "b": " ", "c": "\u212b\u2126", "d": "日本", "e": "𝒜" * 256, "f": "_.:/=+-@", "Key": "1", "key": "2", "key ": "3", " key": "4"}
    name = new_stream(Tags=tags)["StreamName"]
    assert tags_of(sender, name) == tags


def test_tags_are_listed_in_the_byte_order_of_their_keys(sender, new_stream):
    keys = ["b", "B", "a", "𝒜", "\uff21", "é", "_", "-", "10", "9"]
    name = new_stream(Tags={key: "" for key in keys})["StreamName"]
    assert list(tags_of(sender, name)) == sorted(keys, key=lambda key: key.encode())


def test_untagging_what_is_not_there(sender, new_stream):
    name = new_stream(Tags={"a": "1"})["StreamName"]
    assert untag(sender, name, ["b", "A", "a ", "a", "a"]).status == 200
    assert tags_of(sender, name) == {}


def test_tags_of_a_deleted_stream_do_not_come_back(sender, client, new_stream):
    info = new_stream(Tags={"old": "1"})
    client.delete_stream(StreamARN=info["StreamARN"])
    until(lambda: sender.call("/createStream", {"StreamName": info["StreamName"]}).status == 200, "the name is free")
    assert tags_of(sender, info["StreamName"]) == {}


def test_no_page_of_tags_follows(sender, new_stream):
    name = new_stream(Tags={"a": "1"})["StreamName"]
    assert sender.call("/listTagsForStream", {"StreamName": name, "NextToken": ""}).json == {"Tags": {"a": "1"}}
    for token in ("AAAA", "x", "="):
        answer = sender.call("/listTagsForStream", {"StreamName": name, "NextToken": token})
        assert (answer.status, answer.error) == (400, "InvalidArgumentException")
        assert "NextToken" in answer.message
