"""Many callers at once, at one server and at two on one database: what must happen once happens once."""

import collections
import os

import pytest

from calls import call, wait_active, wait_channel
from cases import THING
from deployment import until
from edge import Hub, configuration
from signing import at_once, invocation

CALLERS = int(os.environ.get("WEIR_CONCURRENT_CALLERS", "200"))


@pytest.fixture(params=[("sqlite", 1), ("postgres", 1), ("postgres", 2)], ids=["sqlite", "postgres", "postgres-two-instances"])
def topology(request):
    """The engine, and how many instances run on one database: SQLite is for one."""
    return request.param


@pytest.fixture
def engine(topology):
    return topology[0]


@pytest.fixture
def start(deployments, topology):
    """Starts the instances with the given flags."""

    def start(*flags):
        first = deployments.server(*flags)
        return [first] + [deployments.beside(first) for _ in range(topology[1] - 1)]

    return start


@pytest.fixture
def instances(start):
    return start()


def tally(answers):
    return collections.Counter((answer.status, answer.error) for answer in answers)


def burst(instances, calls):
    """Sends each (path, body) as a call of its own, by turns to the instances."""
    requests = []
    senders = [server.sender(instances[0].credentials) for server in instances]
    for index, (path, body) in enumerate(calls):
        sender = senders[index % len(senders)]
        requests.append((sender.port, sender.raw(path, body, invocation())))
    return at_once(requests)


def names(client, **members):
    return [info["StreamName"] for page in client.get_paginator("list_streams").paginate(**members) for info in page["StreamInfoList"]]


def test_creating_one_name(instances):
    answers = burst(instances, [("/createStream", {"StreamName": "one", "DeviceName": f"d{index}"}) for index in range(CALLERS)])
    assert tally(answers) == {(200, ""): 1, (400, "ResourceInUseException"): CALLERS - 1}
    winner = next(index for index, answer in enumerate(answers) if answer.status == 200)
    client = instances[-1].client(instances[0].credentials)
    info = wait_active(client, "one")
    assert info["StreamARN"] == answers[winner].json["StreamARN"] and info["DeviceName"] == f"d{winner}"
    assert names(client) == ["one"]
    client.close()


def test_updating_with_one_version(instances):
    client = instances[0].client()
    client.create_stream(StreamName="one")
    version = wait_active(client, "one")["Version"]
    answers = burst(instances, [
        ("/updateStream", {"StreamName": "one", "CurrentVersion": version, "DeviceName": f"d{index}"}) for index in range(CALLERS)])
    counted = tally(answers)
    assert counted.pop((200, "")) == 1
    assert set(counted) <= {(400, "VersionMismatchException"), (400, "ResourceInUseException")} and counted.total() == CALLERS - 1
    winner = next(index for index, answer in enumerate(answers) if answer.status == 200)
    info = wait_active(client, "one")
    assert info["DeviceName"] == f"d{winner}" and info["Version"] != version
    client.close()


def test_changing_the_retention_with_one_version(instances):
    client = instances[0].client()
    client.create_stream(StreamName="one")
    version = wait_active(client, "one")["Version"]
    answers = burst(instances, [
        ("/updateDataRetention", {
            "StreamName": "one", "CurrentVersion": version, "Operation": "INCREASE_DATA_RETENTION", "DataRetentionChangeInHours": 1})
        for _ in range(CALLERS)])
    assert tally(answers)[(200, "")] == 1
    assert wait_active(client, "one")["DataRetentionInHours"] == 1
    client.close()


def test_deleting_at_once(instances):
    client = instances[0].client()
    arn = client.create_stream(StreamName="one")["StreamARN"]
    wait_active(client, "one")
    counted = tally(burst(instances, [("/deleteStream", {"StreamARN": arn})] * CALLERS))
    assert counted.pop((200, "")) == 1
    assert set(counted) <= {(400, "ResourceInUseException"), (404, "ResourceNotFoundException")} and counted.total() == CALLERS - 1
    until(lambda: names(client) == [], "gone")
    client.close()


def test_quota(start):
    instances = start("--stream-quota", "100")
    calls = [("/createStream", {"StreamName": f"s{index:03}"}) for index in range(CALLERS)]
    answers = burst(instances, calls)
    assert tally(answers) == {(200, ""): 100, (400, "AccountStreamLimitExceededException"): CALLERS - 100}
    client = instances[-1].client(instances[0].credentials)
    made = [body["StreamName"] for (_, body), answer in zip(calls, answers) if answer.status == 200]
    assert names(client) == made and len(made) == 100
    # The count is right still: one goes, one comes, and no more.
    client.delete_stream(StreamARN=wait_active(client, made[0])["StreamARN"])
    until(lambda: len(names(client)) == 99, "gone")
    counted = tally(burst(instances, [("/createStream", {"StreamName": f"t{index}"}) for index in range(20)]))
    assert counted == {(200, ""): 1, (400, "AccountStreamLimitExceededException"): 19}
    client.close()


def test_fifty_tags_under_competition(instances):
    client = instances[0].client()
    client.create_stream(StreamName="one")
    answers = burst(instances, [("/tagStream", {"StreamName": "one", "Tags": {f"k{index}": "v"}}) for index in range(CALLERS)])
    assert tally(answers) == {(200, ""): 50, (400, "TagsPerResourceExceededLimitException"): CALLERS - 50}
    kept = {f"k{index}" for index, answer in enumerate(answers) if answer.status == 200}
    assert set(client.list_tags_for_stream(StreamName="one")["Tags"]) == kept
    client.close()


def test_creating_one_channel(instances):
    bodies = [{"ChannelName": "one", "SingleMasterConfiguration": {"MessageTtlSeconds": 5 + index % 100}} for index in range(CALLERS)]
    answers = burst(instances, [("/createSignalingChannel", body) for body in bodies])
    assert tally(answers) == {(200, ""): 1, (400, "ResourceInUseException"): CALLERS - 1}
    winner = next(index for index, answer in enumerate(answers) if answer.status == 200)
    client = instances[-1].client(instances[0].credentials)
    info = wait_channel(client, "one")
    assert info["ChannelARN"] == answers[winner].json["ChannelARN"]
    assert info["SingleMasterConfiguration"] == bodies[winner]["SingleMasterConfiguration"]
    client.close()


def test_channel_quota(start):
    """As exact as that of streams, and apart from it."""
    instances = start("--channel-quota", "10", "--stream-quota", "5")
    calls = [(f"/create{kind}", {name: f"n{index}"}) for index in range(CALLERS // 2) for kind, name in (
        ("SignalingChannel", "ChannelName"), ("Stream", "StreamName"))]
    counted = tally(burst(instances, calls))
    assert counted == {
        (200, ""): 15, (400, "AccountChannelLimitExceededException"): CALLERS // 2 - 10, (400, "AccountStreamLimitExceededException"): CALLERS // 2 - 5}


def test_one_stream_for_many_channels(instances):
    """And one channel for many streams: whatever the order, no resource has two partners."""
    client = instances[-1].client(instances[0].credentials)
    count = 12
    for index in range(count):
        call(client, "CreateStream", StreamName=f"s{index}", DataRetentionInHours=1)
        call(client, "CreateSignalingChannel", ChannelName=f"c{index}")
    streams = [wait_active(client, f"s{index}")["StreamARN"] for index in range(count)]
    channels = [wait_channel(client, f"c{index}")["ChannelARN"] for index in range(count)]

    def enabling(channel, stream):
        return "/updateMediaStorageConfiguration", {"ChannelARN": channel, "MediaStorageConfiguration": {"Status": "ENABLED", "StreamARN": stream}}

    answers = burst(instances, [enabling(channel, stream) for channel in channels for stream in streams])
    assert set(tally(answers)) == {(200, ""), (400, "ResourceInUseException")}
    mapped = {}
    for stream in streams:
        for item in call(client, "DescribeMappedResourceConfiguration", StreamARN=stream)["MappedResourceConfigurationList"]:
            mapped[item["ARN"]] = stream
    assert len(mapped) == len(set(mapped.values())) > 0
    for channel in channels:
        found = call(client, "DescribeMediaStorageConfiguration", ChannelARN=channel)["MediaStorageConfiguration"]
        assert found.get("StreamARN") == mapped.get(channel)
    # What was accepted is what there is.
    accepted = {(channel, stream) for (channel, stream), answer in zip(
        ((channel, stream) for channel in channels for stream in streams), answers) if answer.status == 200}
    assert accepted == set(mapped.items())
    client.close()


def test_starting_one_edge_configuration(instances):
    """One is accepted, and what it set is what the agent is told."""
    client = instances[-1].client(instances[0].credentials)
    call(client, "CreateStream", StreamName="one", DataRetentionInHours=1)
    stream = wait_active(client, "one")
    hub = Hub(instances[0])
    bodies = [
        {"StreamName": "one", "EdgeConfig": configuration(hub.arn if index % 2 else THING + "other", DeletionConfig={"EdgeRetentionInHours": index + 1})}
        for index in range(CALLERS)]
    answers = burst(instances, [("/startEdgeConfigurationUpdate", body) for body in bodies])
    assert tally(answers) == {(200, ""): 1, (400, "ResourceInUseException"): CALLERS - 1}
    winner = next(index for index, answer in enumerate(answers) if answer.status == 200)
    assert call(client, "DescribeEdgeConfiguration", StreamName="one")["EdgeConfig"] == bodies[winner]["EdgeConfig"]
    agent = hub if winner % 2 else Hub(instances[0], name="other")
    assert [order["EdgeConfig"] for order in agent.fetch()[0].values()] == [bodies[winner]["EdgeConfig"]]
    assert agent.settle(stream) == "IN_SYNC"
    client.close()


def test_one_call_made_many_times(instances):
    """The same call under one invocation id: one stream, and one answer for all."""
    senders = [server.sender(instances[0].credentials) for server in instances]
    header = invocation()
    requests = [(senders[index % len(senders)].port, senders[index % len(senders)].raw("/createStream", {"StreamName": "one"}, header)) for index in range(50)]
    answers = at_once(requests)
    assert tally(answers) == {(200, ""): 50}
    assert len({answer.json["StreamARN"] for answer in answers}) == 1


def test_what_one_instance_did_another_sees_at_once(instances):
    one, two = instances[0].client(), instances[-1].client(instances[0].credentials)
    for index in range(50):
        name = f"s{index}"
        arn = one.create_stream(StreamName=name)["StreamARN"]
        assert two.describe_stream(StreamName=name)["StreamInfo"]["StreamARN"] == arn
        two.tag_stream(StreamName=name, Tags={"a": str(index)})
        assert one.list_tags_for_stream(StreamName=name)["Tags"] == {"a": str(index)}
    one.close()
    two.close()
