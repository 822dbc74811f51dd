"""The edge agent's side: every transition and refusal by raw calls under a thing's key, and the agent program itself from end to end."""

import contextlib
import json
import select
import signal
import time

import pytest

import agent
import cases
import edge
import model
from calls import accepted, arn, call, denied, wait_active
from cases import THING
from deployment import ACCOUNT, REGION, until
from edge import AWAITED, STATUSES, AgentProcess, Hub, configuration, in_environment, lead, start
from signing import at_once, connect, read_response

@pytest.fixture(scope="module")
def shared_hub(server):
    """For tests that look at one stream."""
    return Hub(server)


@pytest.fixture
def hub(server):
    """For tests that look at everything there is to do."""
    return Hub(server)


@pytest.fixture
def stream(new_stream):
    return new_stream(DataRetentionInHours=1)


def status(client, stream):
    return edge.describe(client, stream)["SyncStatus"]


def is_deleted(client, stream):
    """Whether the stream has no edge configuration any more."""
    try:
        edge.describe(client, stream)
        return False
    except client.exceptions.StreamEdgeConfigurationNotFoundException:
        return True


# What the agent says of the present revision, in each status: the status after it, none where the configuration is gone, or the refusal.
REFUSED = "refused"
WORDS = {
    "acknowledge": ("AcknowledgeEdgeConfiguration", {}),
    "succeeded": ("ReportEdgeConfigurationResult", {"Result": "SUCCEEDED"}),
    "failed": ("ReportEdgeConfigurationResult", {"Result": "FAILED", "FailedStatusDetails": "no camera"}),
}
TRANSITIONS = {
    "SYNCING": {"acknowledge": "ACKNOWLEDGED", "succeeded": REFUSED, "failed": "SYNC_FAILED"},
    "ACKNOWLEDGED": {"acknowledge": "ACKNOWLEDGED", "succeeded": "IN_SYNC", "failed": "SYNC_FAILED"},
    "IN_SYNC": {"acknowledge": REFUSED, "succeeded": "IN_SYNC", "failed": REFUSED},
    "SYNC_FAILED": {"acknowledge": REFUSED, "succeeded": REFUSED, "failed": "SYNC_FAILED"},
    "DELETING": {"acknowledge": "DELETING_ACKNOWLEDGED", "succeeded": REFUSED, "failed": "DELETE_FAILED"},
    "DELETING_ACKNOWLEDGED": {"acknowledge": "DELETING_ACKNOWLEDGED", "succeeded": None, "failed": "DELETE_FAILED"},
    "DELETE_FAILED": {"acknowledge": REFUSED, "succeeded": REFUSED, "failed": "DELETE_FAILED"},
}


@pytest.mark.parametrize("before, word", [(before, word) for before in STATUSES for word in WORDS])
def test_transitions(client, shared_hub, stream, before, word):
    revision = lead(client, shared_hub, stream, before)
    described = edge.describe(client, stream)
    after = TRANSITIONS[before][word]
    operation, members = WORDS[word]
    body = shared_hub.body(stream, Revision=revision, **members)
    if after == REFUSED:
        message = denied(shared_hub.sender, operation, body, "ResourceInUseException")
        assert before in message
        assert edge.describe(client, stream) == described
        return
    assert accepted(shared_hub.sender, operation, body) == ({"SyncStatus": after} if after else {})
    if after is None:
        assert is_deleted(client, stream)
        return
    changed = edge.describe(client, stream)
    assert changed["SyncStatus"] == after and changed["EdgeConfig"] == described["EdgeConfig"]
    details = "no camera" if word == "failed" and before in AWAITED else described.get("FailedStatusDetails")
    assert changed.get("FailedStatusDetails") == details
    # Said again it is so already; nobody is told otherwise because an answer was lost.
    if after == before:
        assert changed["CreationTime"] == described["CreationTime"]


@pytest.mark.parametrize("before", STATUSES)
def test_a_stale_revision(client, shared_hub, stream, before):
    revision = lead(client, shared_hub, stream, before)
    described = edge.describe(client, stream)
    for operation, members in WORDS.values():
        message = shared_hub.refuse(operation, stream, "VersionMismatchException", Revision="another", **members)
        assert stream["StreamName"] in message or stream["StreamARN"] in message
        shared_hub.refuse(operation, stream, "VersionMismatchException", Revision=revision.swapcase(), **members)
    assert edge.describe(client, stream) == described


def test_a_revision_is_over_with_the_next_order(client, shared_hub, stream):
    first = lead(client, shared_hub, stream, "IN_SYNC")
    start(client, stream, shared_hub)
    second = shared_hub.revision(stream)
    assert second != first
    for operation, members in WORDS.values():
        shared_hub.refuse(operation, stream, "VersionMismatchException", Revision=first, **members)
    assert shared_hub.settle(stream) == "IN_SYNC"
    edge.delete(client, stream)
    assert shared_hub.revision(stream) not in (first, second)
    shared_hub.refuse("ReportEdgeConfigurationResult", stream, "VersionMismatchException", Revision=second, Result="SUCCEEDED")
    assert status(client, stream) == "DELETING"


@pytest.mark.parametrize("operation, members", [*WORDS.values(), ("ReportEdgeAgentStatus", {"RecorderStatus": {"Status": "SUCCESS"}})])
def test_no_such_configuration(client, server, shared_hub, stream, operation, members):
    """Of no stream, of a stream without one, of another device's, and of one that has been deleted."""
    if operation != "ReportEdgeAgentStatus":
        members = members | {"Revision": "r"}
    not_found = ("StreamEdgeConfigurationNotFoundException", 404)
    shared_hub.refuse(operation, {"StreamARN": arn(name="nobody")}, *not_found, **members)
    shared_hub.refuse(operation, stream, *not_found, **members)
    lead(client, Hub(server), stream, "SYNCING")
    shared_hub.refuse(operation, stream, *not_found, **members)


def test_details_without_a_failure(client, shared_hub, stream):
    revision = lead(client, shared_hub, stream, "ACKNOWLEDGED")
    message = shared_hub.refuse(
        "ReportEdgeConfigurationResult", stream, "InvalidArgumentException", Revision=revision, Result="SUCCEEDED", FailedStatusDetails="x")
    assert "FailedStatusDetails" in message
    assert status(client, stream) == "ACKNOWLEDGED"


def test_a_failure_without_details(client, shared_hub, stream):
    revision = lead(client, shared_hub, stream, "ACKNOWLEDGED")
    assert shared_hub.report(stream, revision, "FAILED") == "SYNC_FAILED"
    assert edge.describe(client, stream)["SyncStatus"] == "SYNC_FAILED"


@pytest.mark.parametrize("operation, members", [
    ("ReportEdgeConfigurationResult", {"Result": "FAILED", "FailedStatusDetails": "a\0b"}),
    ("ReportEdgeAgentStatus", {"RecorderStatus": {"Status": "SUCCESS", "JobStatusDetails": "\0"}}),
])
def test_a_character_that_cannot_be_kept(client, shared_hub, stream, operation, members):
    """The same on both engines, although only one of them could not."""
    revision = lead(client, shared_hub, stream, "ACKNOWLEDGED")
    members = members | ({"Revision": revision} if "Result" in members else {})
    assert "U+0000" in shared_hub.refuse(operation, stream, "InvalidArgumentException", **members)
    assert status(client, stream) == "ACKNOWLEDGED"


def test_details_are_kept_to_the_scalar(client, shared_hub, stream):
    details = "日本 😀 e\u0301 " + "x" * 1000
    revision = lead(client, shared_hub, stream, "SYNCING")
    shared_hub.report(stream, revision, "FAILED", FailedStatusDetails=details)
    assert edge.describe(client, stream)["FailedStatusDetails"] == details
    listed = call(client, "ListEdgeAgentConfigurations", HubDeviceArn=shared_hub.arn, MaxResults=10)["EdgeConfigs"]
    assert all("FailedStatusDetails" in found for found in listed if found["SyncStatus"] == "SYNC_FAILED" and found["StreamName"] == stream["StreamName"])


# --- what there is to do ---


@pytest.mark.parametrize("before", STATUSES)
def test_what_is_fetched_in_each_status(client, hub, stream, before):
    revision = lead(client, hub, stream, before)
    stream_arn = stream["StreamARN"]
    order = {
        "StreamName": stream["StreamName"], "StreamARN": stream_arn, "Revision": revision, "SyncStatus": before, "EdgeConfig": configuration(hub.arn)}
    nothing = ({}, [])
    to_do = ({stream_arn: order}, [])
    failed = before in ("SYNC_FAILED", "DELETE_FAILED")
    assert hub.fetch() == (nothing if failed else to_do)
    assert hub.fetch(held=[(stream_arn, "old")]) == (nothing if failed else to_do)
    # Who has it in this revision has nothing to do where it is settled, and still has to act where it is not.
    assert hub.fetch(held=[(stream_arn, revision)]) == (to_do if before in AWAITED else nothing)


def test_streams_that_are_gone(sender, client, hub, new_stream):
    """The agent forgets those that the deployment does not know for it any more, and no others."""
    kept, undone, deleted = (new_stream(DataRetentionInHours=1) for _ in range(3))
    held = [(found["StreamARN"], lead(client, hub, found, "IN_SYNC")) for found in (kept, undone, deleted)]
    assert hub.fetch(held) == ({}, [])
    edge.delete(client, undone)
    assert hub.settle(undone) is None
    accepted(sender, "DeleteStream", {"StreamARN": deleted["StreamARN"]})
    gone = {undone["StreamARN"], deleted["StreamARN"]}
    until(lambda: set(hub.fetch(held)[1]) == gone, "both are removed")
    unknown = arn(name="never-was")
    found, removed = hub.fetch([*held, (unknown, "r")])
    assert found == {} and sorted(removed) == sorted([*gone, unknown])


def test_a_configuration_that_went_to_another_device(server, client, hub, stream):
    revision = lead(client, hub, stream, "IN_SYNC")
    edge.delete(client, stream)
    hub.settle(stream)
    other = Hub(server)
    start(client, stream, other)
    assert hub.fetch([(stream["StreamARN"], revision)]) == ({}, [stream["StreamARN"]])
    assert list(other.fetch()[0]) == [stream["StreamARN"]]


def test_a_stream_held_twice(client, hub, stream):
    revision = lead(client, hub, stream, "IN_SYNC")
    assert hub.fetch([(stream["StreamARN"], revision), (stream["StreamARN"], revision)]) == ({}, [])
    assert set(hub.fetch([(arn(name="nobody"), "r")] * 2)[1]) == {arn(name="nobody")}


def test_waiting_in_vain(hub):
    begun = time.monotonic()
    assert hub.fetch() == ({}, [])
    assert time.monotonic() - begun < 0.9
    begun = time.monotonic()
    assert hub.fetch(wait=1) == ({}, [])
    assert 0.9 < time.monotonic() - begun < 5


@pytest.mark.parametrize("event", ["start", "delete", "delete stream"])
def test_waiting_ends_when_there_is_something_to_do(client, sender, server, hub, stream, event):
    """Long before the twenty seconds are over."""
    held = []
    if event != "start":
        held = [{"StreamARN": stream["StreamARN"], "Revision": lead(client, hub, stream, "IN_SYNC")}]
    body = {"HubDeviceArn": hub.arn, "HeldConfigurations": held, "WaitTimeInSeconds": 20}
    raw = hub.sender.raw(model.path("FetchEdgeConfigurations"), body)
    with server.sender(hub.credentials) as other:
        # The server has taken up the wait when it answers what was sent after it.
        begun = time.monotonic()
        with waiting(server, raw) as answer:
            accepted(other, "FetchEdgeConfigurations", {"HubDeviceArn": hub.arn, "HeldConfigurations": held})
            match event:
                case "start":
                    start(client, stream, hub)
                case "delete":
                    edge.delete(client, stream)
                case "delete stream":
                    accepted(sender, "DeleteStream", {"StreamARN": stream["StreamARN"]})
            found = answer()
    assert time.monotonic() - begun < 10
    model.check_output("FetchEdgeConfigurations", found)
    if event == "delete stream":
        assert found == {"EdgeConfigurations": [], "RemovedStreamARNs": [stream["StreamARN"]]}
    else:
        expected = "SYNCING" if event == "start" else "DELETING"
        assert [(order["StreamARN"], order["SyncStatus"]) for order in found["EdgeConfigurations"]] == [(stream["StreamARN"], expected)]


class waiting:
    """A request that is under way: gives a function that waits for its answer."""

    def __init__(self, server, raw):
        self._connection = connect(server.port)
        self._connection.sendall(raw)

    def __enter__(self):
        def answer():
            response = read_response(self._connection)
            assert response.status == 200, response.body
            return response.json

        return answer

    def __exit__(self, *_):
        self._connection.close()

    def fileno(self):
        return self._connection.fileno()


def test_of_many_waits_for_one_thing_one_is_left(client, server, hub, stream):
    """A newer one ends the older, which is told that there is nothing to do: an agent comes back before its last connection is known to be gone."""
    raw = hub.sender.raw(model.path("FetchEdgeConfigurations"), {"HubDeviceArn": hub.arn, "WaitTimeInSeconds": 20})
    with contextlib.ExitStack() as stack:
        # They reach the server in any order: whichever is the last is left.
        left = {wait: stack.enter_context(wait) for wait in [waiting(server, raw) for _ in range(10)]}
        while len(left) > 1:
            answered, _, _ = select.select(list(left), [], [], 10)
            assert answered, f"{len(left)} wait, though each ends the older"
            for wait in answered:
                assert left.pop(wait)()["EdgeConfigurations"] == []
        start(client, stream, hub)
        (answer,) = left.values()
        assert [order["StreamARN"] for order in answer()["EdgeConfigurations"]] == [stream["StreamARN"]]


def test_a_thousand_at_once(sqlite_deployments):
    """The rest comes when the agent asks again."""
    server = sqlite_deployments.server()
    hub, client = Hub(server), server.client()
    total = 1050
    with server.sender() as sender:
        for part in range(0, total, 150):
            names = [f"s{number:04}" for number in range(part, min(total, part + 150))]
            at_once([(server.port, sender.raw("/createStream", {"StreamName": name, "DataRetentionInHours": 1})) for name in names])
            for name in names:
                until(lambda: sender.call("/describeStream", {"StreamName": name}).json["StreamInfo"]["Status"] == "ACTIVE", "ACTIVE")
            answers = at_once([
                (server.port, sender.raw("/startEdgeConfigurationUpdate", {"StreamName": name, "EdgeConfig": configuration(hub.arn)})) for name in names])
            assert {answer.status for answer in answers} == {200}
    first, removed = hub.fetch()
    assert len(first) == 1000 and removed == []
    raws = []
    for stream_arn, order in first.items():
        body = {"HubDeviceArn": hub.arn, "StreamARN": stream_arn, "Revision": order["Revision"], "Result": "FAILED"}
        raws.append((server.port, hub.sender.raw(model.path("ReportEdgeConfigurationResult"), body)))
    for part in range(0, len(raws), 100):
        assert {answer.status for answer in at_once(raws[part:part + 100])} == {200}
    second, _ = hub.fetch()
    assert len(second) == total - 1000 and not set(second) & set(first)
    client.close()


# --- statuses of the jobs ---


def test_the_status_of_the_jobs(client, shared_hub, stream):
    lead(client, shared_hub, stream, "IN_SYNC")
    assert "EdgeAgentStatus" not in edge.describe(client, stream)
    before = time.time()
    recorder = {"Status": "SUCCESS", "JobStatusDetails": "recording", "LastCollectedTime": 1705489836.421}
    assert accepted(shared_hub.sender, "ReportEdgeAgentStatus", shared_hub.body(stream, RecorderStatus=recorder)) is None
    found = edge.describe(client, stream)["EdgeAgentStatus"]
    assert list(found) == ["LastRecorderStatus"]
    last = found["LastRecorderStatus"]
    assert (last["RecorderStatus"], last["JobStatusDetails"], round(last["LastCollectedTime"].timestamp(), 3)) == ("SUCCESS", "recording", 1705489836.421)
    assert abs(last["LastUpdatedTime"].timestamp() - before) < 10
    # The other comes beside it; without a time it is collected now, without details there are none.
    accepted(shared_hub.sender, "ReportEdgeAgentStatus", shared_hub.body(stream, UploaderStatus={"Status": "USER_ERROR"}))
    both = edge.describe(client, stream)["EdgeAgentStatus"]
    assert both["LastRecorderStatus"] == last
    uploader = both["LastUploaderStatus"]
    assert uploader["UploaderStatus"] == "USER_ERROR" and "JobStatusDetails" not in uploader
    assert abs(uploader["LastCollectedTime"].timestamp() - before) < 10 and uploader["LastUpdatedTime"] >= last["LastUpdatedTime"]
    # Both at once, and each replaces what was there.
    accepted(shared_hub.sender, "ReportEdgeAgentStatus", shared_hub.body(
        stream, RecorderStatus={"Status": "SYSTEM_ERROR", "JobStatusDetails": ""}, UploaderStatus={"Status": "SUCCESS", "LastCollectedTime": 0}))
    both = edge.describe(client, stream)["EdgeAgentStatus"]
    assert both["LastRecorderStatus"]["RecorderStatus"] == "SYSTEM_ERROR" and both["LastRecorderStatus"].get("JobStatusDetails", "") == ""
    assert both["LastUploaderStatus"]["UploaderStatus"] == "SUCCESS" and both["LastUploaderStatus"]["LastCollectedTime"].timestamp() == 0
    assert status(client, stream) == "IN_SYNC"


@pytest.mark.parametrize("members", [{}, {"RecorderStatus": None, "UploaderStatus": None}])
def test_the_status_of_no_job(client, shared_hub, stream, members):
    lead(client, shared_hub, stream, "IN_SYNC")
    message = shared_hub.refuse("ReportEdgeAgentStatus", stream, "InvalidArgumentException", **members)
    assert "RecorderStatus" in message and "UploaderStatus" in message


@pytest.mark.parametrize("before", STATUSES)
def test_jobs_have_a_status_whatever_the_configuration_has(client, shared_hub, stream, before):
    lead(client, shared_hub, stream, before)
    accepted(shared_hub.sender, "ReportEdgeAgentStatus", shared_hub.body(stream, UploaderStatus={"Status": "SUCCESS"}))
    found = edge.describe(client, stream)
    assert found["SyncStatus"] == before and list(found["EdgeAgentStatus"]) == ["LastUploaderStatus"]


def test_the_status_of_jobs_goes_with_the_configuration(client, shared_hub, stream):
    lead(client, shared_hub, stream, "IN_SYNC")
    accepted(shared_hub.sender, "ReportEdgeAgentStatus", shared_hub.body(stream, UploaderStatus={"Status": "SUCCESS"}))
    edge.delete(client, stream)
    shared_hub.settle(stream)
    start(client, stream, shared_hub)
    assert "EdgeAgentStatus" not in edge.describe(client, stream)


# --- who may call ---


def agent_bodies(hub_arn, stream_arn):
    one = {"HubDeviceArn": hub_arn, "StreamARN": stream_arn}
    return {
        "FetchEdgeConfigurations": {"HubDeviceArn": hub_arn},
        "AcknowledgeEdgeConfiguration": one | {"Revision": "r"},
        "ReportEdgeConfigurationResult": one | {"Revision": "r", "Result": "SUCCEEDED"},
        "ReportEdgeAgentStatus": one | {"RecorderStatus": {"Status": "SUCCESS"}},
    }


@pytest.mark.parametrize("operation", agent.OPERATIONS)
def test_the_key_of_an_operator(sender, client, shared_hub, stream, operation):
    lead(client, shared_hub, stream, "SYNCING")
    denied(sender, operation, agent_bodies(shared_hub.arn, stream["StreamARN"])[operation], "AccessDeniedException", 403)
    assert status(client, stream) == "SYNCING"


@pytest.mark.parametrize("operation", agent.OPERATIONS)
def test_the_key_of_another_thing(client, server, shared_hub, hub, stream, operation):
    """Also one whose name begins like the thing's, and the same name elsewhere."""
    lead(client, hub, stream, "SYNCING")
    for thing in (hub.arn, shared_hub.arn + "x", shared_hub.arn[:-1], shared_hub.arn.replace(REGION, "eu-west-1"), THING + "nobody",
                  shared_hub.arn.replace(ACCOUNT, "210987654321")):
        message = denied(shared_hub.sender, operation, agent_bodies(thing, stream["StreamARN"])[operation], "AccessDeniedException", 403)
        assert thing in message
    assert status(client, stream) == "SYNCING"


@pytest.mark.parametrize("operation", model.OPERATIONS)
def test_the_key_of_a_thing_is_for_nothing_else(shared_hub, operation):
    """Refused whatever is asked for, also of its own configurations."""
    body = cases.sample(model.operation(operation).input_shape)
    body |= {"HubDeviceArn": shared_hub.arn} if operation == "ListEdgeAgentConfigurations" else {}
    answer = shared_hub.sender.call(model.path(operation), body)
    assert (answer.status, answer.error) == (403, "AccessDeniedException"), answer.body


@pytest.mark.parametrize("operation", [operation for operation in agent.OPERATIONS if operation != "FetchEdgeConfigurations"])
def test_streams_of_others(shared_hub, operation):
    """The ARN of another account is denied, one of another region or kind is wrong."""
    body = agent_bodies(shared_hub.arn, "")[operation]
    for wrong, error, status_code in (
        (arn(account="210987654321"), "AccessDeniedException", 403), (arn(region="eu-west-1"), "InvalidArgumentException", 400),
        (arn("channel"), "InvalidArgumentException", 400),
    ):
        assert wrong in denied(shared_hub.sender, operation, body | {"StreamARN": wrong}, error, status_code)


def test_held_streams_of_others(shared_hub):
    """What cannot be this device's is no stream that is gone: the agent is told that it is mistaken, not to forget it."""
    for wrong, error, status_code in (
        (arn(account="210987654321"), "AccessDeniedException", 403), (arn(region="eu-west-1"), "InvalidArgumentException", 400),
        (arn("channel"), "InvalidArgumentException", 400),
    ):
        held = [{"StreamARN": wrong, "Revision": "r"}]
        body = {"HubDeviceArn": shared_hub.arn, "HeldConfigurations": held}
        assert wrong in denied(shared_hub.sender, "FetchEdgeConfigurations", body, error, status_code)


def test_another_region_than_the_things(client, server, hub, stream):
    """An agent that signs for a wrong region must not be told to forget what it holds."""
    revision = lead(client, hub, stream, "IN_SYNC")
    with server.sender(hub.credentials, region="eu-west-1") as sender:
        held = [{"StreamARN": stream["StreamARN"], "Revision": revision}]
        message = denied(sender, "FetchEdgeConfigurations", {"HubDeviceArn": hub.arn, "HeldConfigurations": held}, "InvalidArgumentException")
        assert hub.arn in message and "eu-west-1" in message
        for operation, body in agent_bodies(hub.arn, stream["StreamARN"]).items():
            denied(sender, operation, body, "InvalidArgumentException")


@pytest.mark.parametrize("path", ["/edgeAgent", "/edgeAgent/", "/edgeAgent/FetchEdgeConfigurations", "/fetchEdgeConfigurations"])
def test_paths_that_are_near(shared_hub, path):
    answer = shared_hub.sender.call(path, {"HubDeviceArn": shared_hub.arn})
    assert (answer.status, answer.error) == (404, "UnknownOperationException")


def test_a_word_that_is_said_twice(client, shared_hub, stream):
    """An answer that was lost is no trouble: what is so already is accepted, and what is gone is not found, which tells the agent that it is done."""
    start(client, stream, shared_hub)
    revision = shared_hub.revision(stream)
    for _ in range(2):
        assert shared_hub.acknowledge(stream, revision) == "ACKNOWLEDGED"
    for _ in range(2):
        assert shared_hub.report(stream, revision, "SUCCEEDED") == "IN_SYNC"
    edge.delete(client, stream)
    revision = shared_hub.revision(stream)
    shared_hub.acknowledge(stream, revision)
    assert shared_hub.report(stream, revision, "SUCCEEDED") is None
    shared_hub.refuse(
        "ReportEdgeConfigurationResult", stream, "StreamEdgeConfigurationNotFoundException", 404, Revision=revision, Result="SUCCEEDED")


# --- time ---


@pytest.mark.parametrize("before", sorted(AWAITED))
def test_an_agent_that_says_nothing(deployments, before):
    server = deployments.server("--edge-timeout-seconds", "1")
    client, hub = server.client(), Hub(server)
    call(client, "CreateStream", StreamName="s", DataRetentionInHours=1)
    stream = wait_active(client, "s")
    begun = time.monotonic()
    revision = lead(client, hub, stream, before)
    failed = "DELETE_FAILED" if before.startswith("DELETING") else "SYNC_FAILED"
    until(lambda: status(client, stream) == failed, failed, deadline=10)
    assert time.monotonic() - begun > 0.9
    found = edge.describe(client, stream)
    assert found["FailedStatusDetails"]
    hub.refuse("AcknowledgeEdgeConfiguration", stream, "ResourceInUseException", Revision=revision)
    assert hub.fetch() == ({}, [])
    # And then it can be asked for again.
    if failed == "SYNC_FAILED":
        start(client, stream, hub)
        assert hub.settle(stream) == "IN_SYNC"
    else:
        edge.delete(client, stream)
        assert hub.settle(stream) is None
    client.close()


def test_a_word_gives_the_agent_its_time_again(sqlite_deployments):
    """Acknowledged every so often, a configuration outlives the time of one word several times over."""
    server = sqlite_deployments.server("--edge-timeout-seconds", "2")
    client, hub = server.client(), Hub(server)
    call(client, "CreateStream", StreamName="s", DataRetentionInHours=1)
    stream = wait_active(client, "s")
    revision = lead(client, hub, stream, "ACKNOWLEDGED")
    begun = time.monotonic()

    def acknowledged():
        assert hub.acknowledge(stream, revision) == "ACKNOWLEDGED"
        # A wait of the server's own paces this without a sleep.
        hub.fetch([(arn(name="nobody"), "r")], wait=1)
        return time.monotonic() - begun > 4.5

    until(acknowledged, "more than twice the time")
    until(lambda: status(client, stream) == "SYNC_FAILED", "SYNC_FAILED", deadline=10)
    client.close()


# --- the program ---


@pytest.fixture
def agents():
    """Starts agent programs and ends them."""
    started = []

    def run(*arguments, **environment):
        started.append(AgentProcess(*arguments, **environment))
        return started[-1]

    yield run
    for process in started:
        process.end()


def held(folder, stream):
    """What the agent has written for a stream; none where it has nothing."""
    path = folder / f"{stream['StreamName']}.json"
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def test_the_agent_from_end_to_end(client, hub, server, stream, agents, tmp_path):
    folder = tmp_path / "edge"
    program = agents(hub.arn, folder, server.endpoint, **in_environment(hub.credentials))
    # It waits already when the configuration comes.
    program.until(lambda: any("following" in line for line in program.log), "the agent follows its thing")
    wanted = configuration(hub.arn, **{"DeletionConfig": {"DeleteAfterUpload": False}})
    start(client, stream, hub, DeletionConfig={"DeleteAfterUpload": False})
    program.until(lambda: status(client, stream) == "IN_SYNC", "IN_SYNC")
    kept = held(folder, stream)
    assert kept["StreamARN"] == stream["StreamARN"] and kept["EdgeConfig"] == wanted
    assert program.files() == [f"{stream['StreamName']}.json"]
    assert hub.fetch([(stream["StreamARN"], kept["Revision"])]) == ({}, [])

    # What the recorder says comes up in the description.
    report = {"Status": "USER_ERROR", "JobStatusDetails": "no such camera", "LastCollectedTime": 1705489836.5}
    (folder / f"{stream['StreamName']}.recorder-status.json").write_text(json.dumps(report))
    last = program.until(lambda: edge.describe(client, stream).get("EdgeAgentStatus"), "the recorder's status")["LastRecorderStatus"]
    assert (last["RecorderStatus"], last["JobStatusDetails"], last["LastCollectedTime"].timestamp()) == ("USER_ERROR", "no such camera", 1705489836.5)

    # A new configuration takes the place of the old one.
    start(client, stream, hub)
    program.until(lambda: status(client, stream) == "IN_SYNC", "IN_SYNC again")
    assert held(folder, stream)["EdgeConfig"] == configuration(hub.arn) and held(folder, stream)["Revision"] != kept["Revision"]

    # Deleted by the operator: with its media.
    media = folder / f"{stream['StreamName']}.media"
    (media / "2026").mkdir(parents=True)
    (media / "2026" / "fragment.mkv").write_bytes(b"x" * 1000)
    edge.delete(client, stream)
    program.until(lambda: is_deleted(client, stream), "the configuration is gone")
    assert program.files() == []
    secret = configuration(hub.arn)["RecorderConfig"]["MediaSourceConfig"]["MediaUriSecretArn"]
    assert program.end() == 0
    text = "".join(program.log)
    assert hub.credentials.secret_key not in text and secret not in text


def test_the_agent_when_the_stream_is_deleted(client, sender, hub, server, stream, agents, tmp_path):
    """The configuration goes; the media stays, as nobody asked for that."""
    folder = tmp_path / "edge"
    program = agents(hub.arn, folder, server.endpoint, **in_environment(hub.credentials))
    start(client, stream, hub)
    program.until(lambda: status(client, stream) == "IN_SYNC", "IN_SYNC")
    (folder / f"{stream['StreamName']}.media").mkdir()
    accepted(sender, "DeleteStream", {"StreamARN": stream["StreamARN"]})
    program.until(lambda: program.files() == [f"{stream['StreamName']}.media"], "the configuration is forgotten")


def test_the_agent_restores_what_its_folder_lost(client, hub, server, stream, agents, tmp_path):
    folder = tmp_path / "edge"
    program = agents(hub.arn, folder, server.endpoint, **in_environment(hub.credentials))
    start(client, stream, hub)
    program.until(lambda: status(client, stream) == "IN_SYNC", "IN_SYNC")
    kept = held(folder, stream)
    program.end(kill=True)
    (folder / f"{stream['StreamName']}.json").unlink()
    program = agents(hub.arn, folder, server.endpoint, **in_environment(hub.credentials))
    program.until(lambda: held(folder, stream) == kept, "the same again")
    assert status(client, stream) == "IN_SYNC"


def test_the_agent_finds_its_key_in_a_profile(client, server, stream, agents, tmp_path):
    """As `weir keys create` prints it."""
    thing = THING + "profiled"
    hub = Hub(server, name="profiled")
    path = tmp_path / "credentials"
    path.write_text(f"[weir-profiled]\naws_access_key_id = {hub.credentials.access_key}\naws_secret_access_key = {hub.credentials.secret_key}\n")
    path.chmod(0o600)
    program = agents(thing, tmp_path / "edge", server.endpoint, AWS_SHARED_CREDENTIALS_FILE=str(path), AWS_PROFILE="weir-profiled")
    start(client, stream, hub)
    program.until(lambda: status(client, stream) == "IN_SYNC", "IN_SYNC")


def test_a_hangup_has_the_agent_read_its_key_again(client, server, stream, agents, tmp_path):
    """A key that cannot be read leaves the one in use; a new one is used from the next call on."""
    hub = Hub(server, name="renewed")
    path = tmp_path / "credentials"

    def write(credentials, mode=0o600):
        path.write_text(f"[default]\naws_access_key_id = {credentials.access_key}\naws_secret_access_key = {credentials.secret_key}\n")
        path.chmod(mode)

    write(hub.credentials)
    program = agents(hub.arn, tmp_path / "edge", server.endpoint, AWS_SHARED_CREDENTIALS_FILE=str(path))
    start(client, stream, hub)
    program.until(lambda: status(client, stream) == "IN_SYNC", "IN_SYNC")
    other = server.key("--thing", hub.arn)
    write(other, 0o644)
    program.process.send_signal(signal.SIGHUP)
    program.until(lambda: any("nothing was read again" in line and "0644" in line for line in program.log), "it says why")
    write(other)
    program.process.send_signal(signal.SIGHUP)
    program.until(lambda: any("read the access key" in line for line in program.log), "it says so")
    client.delete_edge_configuration(StreamARN=stream["StreamARN"])
    program.until(lambda: program.files() == [], "deleted")
    server.logged(f"operation=ReportEdgeConfigurationResult .*key={other.access_key}")


def test_an_agent_with_a_wrong_key_changes_nothing(client, server, hub, stream, agents, tmp_path):
    program = agents(hub.arn, tmp_path / "edge", server.endpoint, **in_environment(server.credentials))
    start(client, stream, hub)
    program.until(lambda: any("AccessDenied" in line for line in program.log), "refused")
    assert program.process.poll() is None and program.files() == [] and status(client, stream) == "SYNCING"


def test_an_agent_without_what_it_needs(server, agents, tmp_path):
    """It says what is missing, and ends."""
    for thing, environment, word in (
        ("no thing", in_environment(server.credentials), "thing"),
        (THING + "a", {"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}, "AWS_ACCESS_KEY_ID"),
    ):
        program = agents(thing, tmp_path / "edge", server.endpoint, **environment)
        assert program.process.wait(30) not in (0, None)
        program.end()
        assert word in "".join(program.log)


# --- kill -9 ---


def test_nothing_is_lost_when_the_server_is_killed(deployments):
    """After each word that was acknowledged, to the operator or to the agent, the server is killed; another finds everything as it was said."""
    server = deployments.server()
    client, hub = server.client(), Hub(server)
    call(client, "CreateStream", StreamName="s", DataRetentionInHours=1)
    stream = wait_active(client, "s")

    def reborn():
        nonlocal server, client, hub
        before = None if is_deleted(client, stream) else edge.describe(client, stream)
        client.close()
        hub.sender.close()
        server.kill()
        server = deployments.again(server)
        client, hub = server.client(), Hub(server, name=hub.arn.rsplit("/", 1)[1], credentials=hub.credentials)
        assert (None if is_deleted(client, stream) else edge.describe(client, stream)) == before

    start(client, stream, hub)
    reborn()
    revision = hub.revision(stream)
    assert hub.acknowledge(stream, revision) == "ACKNOWLEDGED"
    reborn()
    accepted(hub.sender, "ReportEdgeAgentStatus", hub.body(stream, RecorderStatus={"Status": "SUCCESS", "JobStatusDetails": "well"}))
    reborn()
    assert edge.describe(client, stream)["EdgeAgentStatus"]["LastRecorderStatus"]["JobStatusDetails"] == "well"
    assert hub.report(stream, revision, "SUCCEEDED") == "IN_SYNC"
    reborn()
    assert hub.fetch([(stream["StreamARN"], revision)]) == ({}, [])
    edge.delete(client, stream)
    reborn()
    revision = hub.revision(stream)
    assert hub.acknowledge(stream, revision) == "DELETING_ACKNOWLEDGED"
    reborn()
    assert hub.report(stream, revision, "FAILED", FailedStatusDetails="busy") == "DELETE_FAILED"
    reborn()
    edge.delete(client, stream)
    reborn()
    assert hub.settle(stream) is None
    reborn()
    client.close()


def test_a_timeout_outlives_the_server(sqlite_deployments):
    """The time of an agent runs on while no server does."""
    server = sqlite_deployments.server("--edge-timeout-seconds", "1")
    client, hub = server.client(), Hub(server)
    call(client, "CreateStream", StreamName="s", DataRetentionInHours=1)
    stream = wait_active(client, "s")
    lead(client, hub, stream, "SYNCING")
    client.close()
    server.kill()
    server = sqlite_deployments.again(server)
    client = server.client()
    until(lambda: status(client, stream) == "SYNC_FAILED", "SYNC_FAILED", deadline=10)
    client.close()


def test_the_agent_outlives_the_server(deployments, agents, tmp_path):
    """Killed while the agent works, the server comes back at the same address, and everything comes to its end."""
    server = deployments.server()
    client, hub = server.client(), Hub(server)
    names = [f"s{number}" for number in range(6)]
    for name in names:
        call(client, "CreateStream", StreamName=name, DataRetentionInHours=1)
    streams = [wait_active(client, name) for name in names]
    program = agents(hub.arn, tmp_path / "edge", server.endpoint, **in_environment(hub.credentials))

    def reborn():
        nonlocal server, client
        client.close()
        server.kill()
        server = deployments.again(server, port=server.port)
        client = server.client()

    for stream in streams:
        start(client, stream, hub)
    reborn()
    program.until(lambda: {status(client, stream) for stream in streams} == {"IN_SYNC"}, "all are IN_SYNC")
    assert all(held(tmp_path / "edge", stream) for stream in streams)
    for stream in streams:
        edge.delete(client, stream)
    reborn()
    program.until(lambda: all(is_deleted(client, stream) for stream in streams), "all are gone")
    assert not [stream for stream in streams if held(tmp_path / "edge", stream)]
    client.close()
