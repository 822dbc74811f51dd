"""Versions and states: what changes a version, and what each state allows. Minimum durations make the states last long enough to look at."""

import time

import pytest

import model
from calls import wait_active
from deployment import until

NOT_FOUND = "The requested stream is not found or not active."
LONG = "3600000"


def versioned(info):
    return {"StreamName": info["StreamName"], "CurrentVersion": info["Version"]}


def updates(info):
    return {
        "UpdateStream": versioned(info) | {"MediaType": "video/h265"},
        "UpdateDataRetention": versioned(info) | {"Operation": "INCREASE_DATA_RETENTION", "DataRetentionChangeInHours": 1},
        "UpdateStreamStorageConfiguration": versioned(info) | {"StreamStorageConfiguration": {"DefaultStorageTier": "WARM"}},
    }


def always(name):
    """Calls that work in CREATING, ACTIVE and UPDATING."""
    return {
        "TagStream": {"StreamName": name, "Tags": {"a": "1"}},
        "UntagStream": {"StreamName": name, "TagKeyList": ["b"]},
        "ListTagsForStream": {"StreamName": name},
        "GetDataEndpoint": {"StreamName": name, "APIName": "PUT_MEDIA"},
        "DescribeStreamStorageConfiguration": {"StreamName": name},
    }


def send(sender, operation, body):
    return sender.call(model.path(operation), body)


def describe(client, name):
    return client.describe_stream(StreamName=name)["StreamInfo"]


@pytest.mark.parametrize("operation", ["UpdateStream", "UpdateDataRetention", "UpdateStreamStorageConfiguration"])
def test_an_update_takes_a_new_version_and_an_old_one_is_refused(sender, client, new_stream, operation):
    info = new_stream()
    body = updates(info)[operation]
    assert send(sender, operation, body).status == 200
    changed = wait_active(client, info["StreamName"])
    assert changed["Version"] != info["Version"]
    answer = send(sender, operation, body)
    assert (answer.status, answer.error) == (400, "VersionMismatchException")
    assert info["StreamName"] in answer.message and info["Version"] in answer.message
    assert describe(client, info["StreamName"]) == changed


def test_an_update_without_changes_takes_a_new_version(sender, client, new_stream):
    info = new_stream(DeviceName="d", MediaType="a/b", DataRetentionInHours=3)
    assert send(sender, "UpdateStream", versioned(info)).status == 200
    changed = wait_active(client, info["StreamName"])
    assert changed == info | {"Version": changed["Version"]} and changed["Version"] != info["Version"]


def test_tags_do_not_change_the_version(sender, client, new_stream):
    info = new_stream()
    for operation, body in always(info["StreamName"]).items():
        assert send(sender, operation, body).status == 200
    assert describe(client, info["StreamName"]) == info


def test_the_ladder_of_versions_has_no_repeats(client, new_stream):
    info = new_stream()
    seen = {info["Version"]}
    for _ in range(10):
        client.update_stream(**versioned(info))
        info = wait_active(client, info["StreamName"])
        assert info["Version"] not in seen
        seen.add(info["Version"])


def test_a_stream_becomes_active_quickly(client, name):
    """Seconds would be a poll where a wake-up was meant."""
    client.create_stream(StreamName=name)
    until(lambda: describe(client, name)["Status"] == "ACTIVE", "ACTIVE", deadline=1.0)


def test_creating(deployments):
    server = deployments.server("--minimum-creating-ms", LONG)
    client = server.client()
    with server.sender() as sender:
        arn = client.create_stream(StreamName="new", Tags={"b": "2"})["StreamARN"]
        info = describe(client, "new")
        assert info["Status"] == "CREATING"
        assert client.list_streams()["StreamInfoList"] == [info]
        for operation, body in always("new").items():
            assert send(sender, operation, body).status == 200, operation
        assert client.list_tags_for_stream(StreamName="new")["Tags"] == {"a": "1"}
        for operation, body in (updates(info) | {"DeleteStream": {"StreamARN": arn}, "CreateStream": {"StreamName": "new"}}).items():
            answer = send(sender, operation, body)
            assert (answer.status, answer.error) == (400, "ResourceInUseException"), operation
            assert "new" in answer.message
        assert describe(client, "new") == info
    client.close()


def test_updating(deployments):
    server = deployments.server("--minimum-updating-ms", LONG)
    client = server.client()
    with server.sender() as sender:
        arn = client.create_stream(StreamName="busy")["StreamARN"]
        before = wait_active(client, "busy")
        assert send(sender, "UpdateStream", updates(before)["UpdateStream"]).status == 200
        info = describe(client, "busy")
        assert info == before | {"Status": "UPDATING", "MediaType": "video/h265", "Version": info["Version"]}
        assert info["Version"] != before["Version"]
        for operation, body in always("busy").items():
            assert send(sender, operation, body).status == 200, operation
        for operation, body in (updates(info) | {"DeleteStream": {"StreamARN": arn}}).items():
            answer = send(sender, operation, body)
            assert (answer.status, answer.error) == (400, "ResourceInUseException"), operation
        assert describe(client, "busy") == info
    client.close()


def test_deleting(deployments):
    server = deployments.server("--minimum-deleting-ms", LONG)
    client = server.client()
    with server.sender() as sender:
        arn = client.create_stream(StreamName="old", Tags={"b": "2"})["StreamARN"]
        before = wait_active(client, "old")
        client.delete_stream(StreamARN=arn)
        info = describe(client, "old")
        assert info == before | {"Status": "DELETING"}
        assert client.list_streams()["StreamInfoList"] == [info]
        assert send(sender, "DescribeStreamStorageConfiguration", {"StreamName": "old"}).status == 200
        for operation in ("TagStream", "UntagStream", "GetDataEndpoint"):
            answer = send(sender, operation, always("old")[operation])
            assert (answer.status, answer.error, answer.message) == (404, "ResourceNotFoundException", NOT_FOUND), operation
        for operation, body in (updates(info) | {"DeleteStream": {"StreamARN": arn}, "CreateStream": {"StreamName": "old"}}).items():
            answer = send(sender, operation, body)
            assert (answer.status, answer.error) == (400, "ResourceInUseException"), operation
            assert "old" in answer.message
        assert describe(client, "old") == info
        assert client.list_tags_for_stream(StreamName="old")["Tags"] == {"b": "2"}
    client.close()


def test_minimum_durations_are_kept(deployments):
    server = deployments.server("--minimum-creating-ms", "300", "--minimum-updating-ms", "300", "--minimum-deleting-ms", "300")
    client = server.client()
    for change in (
        lambda: client.create_stream(StreamName="slow"),
        lambda: client.update_stream(**versioned(describe(client, "slow"))),
    ):
        change()
        begun = time.monotonic()
        until(lambda: describe(client, "slow")["Status"] == "ACTIVE", "ACTIVE", deadline=5)
        assert time.monotonic() - begun >= 0.25
    client.delete_stream(StreamARN=describe(client, "slow")["StreamARN"])
    begun = time.monotonic()
    until(lambda: not client.list_streams()["StreamInfoList"], "gone", deadline=5)
    assert time.monotonic() - begun >= 0.25
    client.close()


@pytest.mark.parametrize("hours, status", [(0, 200), (1, 200), (87_600, 200), (87_601, 400), (2**31 - 1, 400)])
def test_retention_of_a_new_stream(sender, client, name, hours, status):
    answer = send(sender, "CreateStream", {"StreamName": name, "DataRetentionInHours": hours})
    assert answer.status == status
    if status == 200:
        assert wait_active(client, name)["DataRetentionInHours"] == hours
    else:
        assert answer.error == "InvalidArgumentException"
        assert "DataRetentionInHours" in answer.message and "87600" in answer.message
        assert send(sender, "DescribeStream", {"StreamName": name}).status == 404


@pytest.mark.parametrize("start, operation, change, end", [
    (0, "INCREASE", 87_600, 87_600),
    (0, "INCREASE", 87_601, None),
    (87_599, "INCREASE", 1, 87_600),
    (87_600, "INCREASE", 1, None),
    (87_600, "DECREASE", 87_600, 0),
    (24, "DECREASE", 24, 0),
    (24, "DECREASE", 25, None),
    (0, "DECREASE", 1, None),
    (24, "INCREASE", 2**31 - 1, None),
    (24, "DECREASE", 2**31 - 1, None),
])
def test_bounds_of_retention(sender, client, new_stream, start, operation, change, end):
    info = new_stream(DataRetentionInHours=start)
    answer = send(sender, "UpdateDataRetention", versioned(info) | {
        "Operation": f"{operation}_DATA_RETENTION", "DataRetentionChangeInHours": change})
    if end is None:
        assert (answer.status, answer.error) == (400, "InvalidArgumentException")
        assert info["StreamName"] in answer.message and str(start) in answer.message
        assert describe(client, info["StreamName"]) == info
    else:
        assert answer.status == 200
        assert wait_active(client, info["StreamName"])["DataRetentionInHours"] == end


def test_a_wrong_version_is_told_before_the_bounds(sender, new_stream):
    info = new_stream()
    answer = send(sender, "UpdateDataRetention", {
        "StreamName": info["StreamName"], "CurrentVersion": "other", "Operation": "DECREASE_DATA_RETENTION", "DataRetentionChangeInHours": 1})
    assert answer.error == "VersionMismatchException"


def test_versions_differ_in_case(sender, new_stream):
    info = new_stream()
    other = info["Version"].swapcase()
    answer = send(sender, "UpdateStream", {"StreamName": info["StreamName"], "CurrentVersion": other})
    assert answer.error == "VersionMismatchException"


@pytest.mark.parametrize("key", ["k", "arn:aws:kms:us-east-1:123456789012:key/x", " spaced ", "日本 😀", "'; DROP TABLE stream; --", "a" * 2048])
def test_a_key_is_echoed_as_given(client, name, key):
    client.create_stream(StreamName=name, KmsKeyId=key)
    assert describe(client, name)["KmsKeyId"] == key


def test_a_key_that_cannot_be_kept(sender, name):
    """The same on both engines, although only one of them could not."""
    answer = send(sender, "CreateStream", {"StreamName": name, "KmsKeyId": "a\0b"})
    assert (answer.status, answer.error) == (400, "InvalidArgumentException") and "KmsKeyId" in answer.message
    assert send(sender, "DescribeStream", {"StreamName": name}).status == 404
