"""kill -9 in the middle of creates, updates and deletes: what was acknowledged is there, once, and comes to rest.

WEIR_KILL_ROUNDS says how often; the default is short.
"""

import http.client
import os
import random
import threading
import time

import pytest

import agent
import edge
import model
from calls import call, wait_active, wait_channel
from deployment import until
from edge import Hub, configuration
from signing import connect, read_response

ROUNDS = int(os.environ.get("WEIR_KILL_ROUNDS", "10"))
CREATORS = 6
CHANGERS = 2


class Ledger:
    """What was asked of the server and what it acknowledged, over all its lives."""

    def __init__(self):
        self.lock = threading.Lock()
        self.asked = set()
        # Acknowledged, or seen after a restart: from then on they may not vanish.
        self.arns = {}
        self.delete_asked, self.deleted = set(), set()
        self.version_before, self.updated = {}, set()
        self.refused = []

    def check(self, infos):
        names = [info["StreamName"] for info in infos]
        assert len(set(names)) == len(names)
        assert len({info["StreamARN"] for info in infos}) == len(infos)
        found = {info["StreamName"]: info for info in infos}
        assert set(found) <= self.asked
        lost = [name for name in self.arns if name not in found and name not in self.delete_asked]
        assert not lost
        for name, info in found.items():
            assert self.arns.setdefault(name, info["StreamARN"]) == info["StreamARN"]
            assert name not in self.deleted or info["Status"] == "DELETING", name
            values = info.get("DeviceName"), info.get("MediaType")
            if name in self.version_before:
                changed = info["Version"] != self.version_before[name]
                assert values == (("camera", "video/h264") if changed else (None, None)), name
                assert changed or name not in self.updated, name
            else:
                assert values == (None, None)


class Storm:
    """Creates streams, and changes those that earlier storms left ACTIVE, until the server goes away."""

    def __init__(self, server, credentials, ledger, round, active):
        self._server, self._credentials, self._ledger = server, credentials, ledger
        self.acknowledged = 0
        self._threads = [
            threading.Thread(target=self._run, args=(self._creations(f"r{round:03}-w{writer}"),)) for writer in range(CREATORS)
        ] + [threading.Thread(target=self._run, args=(self._changes(active[start::CHANGERS]),)) for start in range(CHANGERS)]

    def _creations(self, prefix):
        for number in range(100_000):
            name = f"{prefix}-{number:05}"
            self._ledger.asked.add(name)

            def keep(answer, name=name):
                self._ledger.arns[name] = answer.json["StreamARN"]

            yield "/createStream", {"StreamName": name, "Tags": {"name": name}}, keep

    def _changes(self, infos):
        for index, info in enumerate(infos):
            name = info["StreamName"]
            if index % 2:
                self._ledger.delete_asked.add(name)
                yield "/deleteStream", {"StreamARN": info["StreamARN"]}, lambda _, name=name: self._ledger.deleted.add(name)
            elif name not in self._ledger.version_before:
                self._ledger.version_before[name] = info["Version"]
                body = {"StreamName": name, "CurrentVersion": info["Version"], "DeviceName": "camera", "MediaType": "video/h264"}
                yield "/updateStream", body, lambda _, name=name: self._ledger.updated.add(name)

    def _run(self, calls):
        sender = self._server.sender(self._credentials)
        try:
            connection = connect(sender.port)
        except OSError:
            return  # The server was killed before this one came to it.
        with connection:
            for path, body, keep in calls:
                raw = sender.raw(path, body)
                try:
                    connection.sendall(raw)
                    answer = read_response(connection)
                except Exception:
                    # The server was killed: the connection ends in one of many ways, at any place of an answer.
                    return
                with self._ledger.lock:
                    if answer.status == 200:
                        keep(answer)
                        self.acknowledged += 1
                    else:
                        self._ledger.refused.append((path, body, answer.status, answer.body))

    def kill_after(self, count):
        for thread in self._threads:
            thread.start()
        until(lambda: self.acknowledged >= count, f"{count} calls were acknowledged")
        self._server.process.kill()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()
        self._server.wait()


def listed(client):
    return [info for page in client.get_paginator("list_streams").paginate() for info in page["StreamInfoList"]]


def test_kill_in_a_storm(deployments):
    chance = random.Random(20171115)
    server = deployments.server()
    credentials = server.credentials
    ledger = Ledger()
    active = []
    for round in range(ROUNDS):
        Storm(server, credentials, ledger, round, active).kill_after(chance.randint(1, 150))
        assert not ledger.refused
        server = deployments.again(server)
        client = server.client(credentials)
        infos = listed(client)
        client.close()
        ledger.check(infos)
        active = [info for info in infos if info["Status"] == "ACTIVE" and info["StreamName"] not in ledger.version_before]
        chance.shuffle(active)
        active = active[:40]
    assert ledger.deleted and ledger.updated or ROUNDS < 5

    # Work that a killed server had taken up is taken up by another when its lease ends.
    client = server.client(credentials)
    infos = until(lambda: (lambda all: all if {info["Status"] for info in all} == {"ACTIVE"} else None)(listed(client)), "all is at rest")
    client.close()
    ledger.check(infos)
    assert not ledger.deleted & {info["StreamName"] for info in infos}
    with server.sender(credentials) as sender:
        for info in chance.sample(infos, min(50, len(infos))):
            answer = sender.call("/listTagsForStream", {"StreamARN": info["StreamARN"]})
            assert answer.json == {"Tags": {"name": info["StreamName"]}}
    assert server.database.query("SELECT stream_count FROM account_usage") == [str(len(infos))]
    assert server.database.query("SELECT count(*) FROM tag") == [str(len(infos))]
    assert server.database.query("SELECT count(*) FROM task") == ["0"]


TOPIC = "arn:aws:sns:us-east-1:123456789012:topic-"


class Owner:
    """Changes one thing again and again, until the server goes away. What is found after that is what was acknowledged last, or what was under way."""

    def __init__(self, first):
        self.acknowledged = self.pending = first
        self.count = 0

    def run(self, operator, thing, steps):
        """Each call under the key that may make it."""
        with operator, thing:
            try:
                for operation, body, state in steps:
                    self.pending = state
                    answer = (thing if operation in agent.OPERATIONS else operator).call(model.path(operation), body)
                    assert answer.status == 200, (operation, body, answer.body)
                    self.acknowledged = state
                    self.count += 1
            except (OSError, ValueError, http.client.HTTPException):
                # The server was killed: the connection ends in one of many ways, at any place of an answer.
                return

    def check(self, found):
        assert found in (self.acknowledged, self.pending), (found, self.acknowledged, self.pending)
        self.acknowledged = self.pending = found


def notifications(stream, state):
    """A configuration that counts."""
    while True:
        state += 1
        configuration = {"Status": "ENABLED", "DestinationConfig": {"Uri": f"{TOPIC}{state}"}}
        yield "UpdateNotificationConfiguration", {"StreamName": stream["StreamName"], "NotificationConfiguration": configuration}, state


def tags(channel, state):
    while True:
        state += 1
        yield "TagResource", {"ResourceARN": channel["ChannelARN"], "Tags": [{"Key": "n", "Value": str(state)}]}, state


def mappings(channel, stream, state):
    while True:
        state = not state
        wanted = {"Status": "ENABLED", "StreamARN": stream["StreamARN"]} if state else {"Status": "DISABLED"}
        yield "UpdateMediaStorageConfiguration", {"ChannelARN": channel["ChannelARN"], "MediaStorageConfiguration": wanted}, state


def channels(state):
    """As many as there are, by the number of the last."""
    while True:
        state += 1
        yield "CreateSignalingChannel", {"ChannelName": f"made-{state:06}"}, state


def order(hub, stream, state):
    """The operator's part of an edge configuration: a new one whenever the agent is done with the last."""
    while True:
        state += 1
        wanted = configuration(hub.arn, DeletionConfig={"EdgeRetentionInHours": state % 720 + 1})
        yield "StartEdgeConfigurationUpdate", {"StreamName": stream["StreamName"], "EdgeConfig": wanted}, (state, "SYNCING")
        revision = hub.revision(stream)
        body = hub.body(stream, Revision=revision)
        yield "AcknowledgeEdgeConfiguration", body, (state, "ACKNOWLEDGED")
        yield "ReportEdgeConfigurationResult", body | {"Result": "SUCCEEDED"}, (state, "IN_SYNC")


def resumed(hub, stream, state):
    """Takes up an edge configuration where it stands, then goes on with new ones."""
    number, status = state

    def body(**members):
        return hub.body(stream, Revision=hub.revision(stream), **members)

    if status == "SYNCING":
        yield "AcknowledgeEdgeConfiguration", body(), (number, "ACKNOWLEDGED")
    if status in ("SYNCING", "ACKNOWLEDGED"):
        yield "ReportEdgeConfigurationResult", body(Result="SUCCEEDED"), (number, "IN_SYNC")
    yield from order(hub, stream, number)


def test_kill_in_a_storm_of_configurations(deployments):
    """Configurations, tags, mappings, new channels and an edge configuration, each changed by one who knows what was acknowledged."""
    chance = random.Random(20240229)
    server = deployments.server()
    credentials = server.credentials
    client = server.client(credentials)
    for name in ("one", "two", "three"):
        call(client, "CreateStream", StreamName=name, DataRetentionInHours=1)
    one, two, three = (wait_active(client, name) for name in ("one", "two", "three"))
    call(client, "CreateSignalingChannel", ChannelName="channel")
    channel = wait_channel(client, "channel")
    hub = Hub(server)
    edge.lead(client, hub, three, "IN_SYNC")
    owners = {"notifications": Owner(0), "tags": Owner(0), "mappings": Owner(False), "channels": Owner(0), "edge": Owner((0, "IN_SYNC"))}
    client.close()

    def state_of_edge(found):
        hours = found["EdgeConfig"].get("DeletionConfig", {}).get("EdgeRetentionInHours", 1)
        last = max(owners["edge"].acknowledged[0], owners["edge"].pending[0])
        return next(number for number in range(last, -1, -1) if number % 720 + 1 == hours), found["SyncStatus"]

    for _ in range(max(3, ROUNDS // 2)):
        hub = Hub(server, name=hub.arn.rsplit("/", 1)[1], credentials=hub.credentials)
        before = {name: owner.acknowledged for name, owner in owners.items()}
        runs = {
            "notifications": notifications(one, before["notifications"]), "tags": tags(channel, before["tags"]),
            "mappings": mappings(channel, two, before["mappings"]), "channels": channels(before["channels"]),
            "edge": resumed(hub, three, before["edge"]),
        }
        failures = []

        def run(name, steps):
            try:
                owners[name].run(server.sender(credentials), server.sender(hub.credentials), steps)
            except AssertionError as failure:
                failures.append(failure)

        threads = [threading.Thread(target=run, args=item) for item in runs.items()]
        goal = sum(owner.count for owner in owners.values()) + chance.randint(5, 200)
        for thread in threads:
            thread.start()
        until(lambda: failures or sum(owner.count for owner in owners.values()) >= goal, f"{goal} calls were acknowledged")
        server.process.kill()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
        server.wait()
        hub.sender.close()
        assert not failures, failures

        server = deployments.again(server)
        client = server.client(credentials)
        found = call(client, "DescribeNotificationConfiguration", StreamName="one")
        owners["notifications"].check(int(found["NotificationConfiguration"]["DestinationConfig"]["Uri"].removeprefix(TOPIC)) if found else 0)
        owners["tags"].check(int(call(client, "ListTagsForResource", ResourceARN=channel["ChannelARN"])["Tags"].get("n", 0)))
        enabled = call(client, "DescribeMediaStorageConfiguration", ChannelName="channel")["MediaStorageConfiguration"]["Status"] == "ENABLED"
        owners["mappings"].check(enabled)
        mapped = call(client, "DescribeMappedResourceConfiguration", StreamName="two")["MappedResourceConfigurationList"]
        assert [item["ARN"] for item in mapped] == ([channel["ChannelARN"]] if enabled else [])
        made = [info for page in client.get_paginator("list_signaling_channels").paginate() for info in page["ChannelInfoList"]]
        names = [info["ChannelName"] for info in made if info["ChannelName"] != "channel"]
        assert names == [f"made-{number + 1:06}" for number in range(len(names))]
        owners["channels"].check(len(names))
        owners["edge"].check(state_of_edge(edge.describe(client, three)))
        assert server.database.query("SELECT channel_count FROM account_usage") == [str(len(made))]
        client.close()
    assert all(owner.count for owner in owners.values()), {name: owner.count for name, owner in owners.items()}
    client = server.client(credentials)
    wait_channel(client, f"made-{owners['channels'].acknowledged:06}")
    until(lambda: server.database.query("SELECT count(*) FROM task") == ["0"], "all work is done")
    client.close()


@pytest.mark.parametrize("way", ["kill", "terminate"])
def test_a_restart_keeps_everything_and_is_ready_soon(deployments, way):
    server = deployments.server()
    client = server.client()
    client.create_stream(StreamName="kept", DeviceName="d", MediaType="a/b", DataRetentionInHours=7, Tags={"a": "1"})
    before = until(lambda: (lambda info: info if info["Status"] == "ACTIVE" else None)(client.describe_stream(StreamName="kept")["StreamInfo"]), "ACTIVE")
    client.close()
    getattr(server, way)()
    begun = time.monotonic()
    server = deployments.again(server)
    client = server.client()
    assert client.describe_stream(StreamName="kept")["StreamInfo"] == before
    assert time.monotonic() - begun < 5
    assert client.list_tags_for_stream(StreamName="kept")["Tags"] == {"a": "1"}
    client.close()
