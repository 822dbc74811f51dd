"""Edge configurations as an operator sets, follows and deletes them; what the agent does is in test_edge_agent.py."""

import datetime
import re

import pytest

import agent
import edge
import model
from calls import STREAM_NOT_FOUND, accepted, arn, call, denied, fresh, refused, wait_active
from cases import LONGEST_SCHEDULE, SECRET, SHORTEST_SCHEDULE, THING, sample
from deployment import ACCOUNT, read_credentials, run_weir, until
from edge import AWAITED, SETTLED, STATUSES, Hub, configuration, lead, start

LONG = "3600000"
SCHEDULE = {"ScheduleExpression": "0 0 6-20 ? * MON-FRI", "DurationInSeconds": 600}
FULL = {
    "RecorderConfig": {
        "MediaSourceConfig": {"MediaUriSecretArn": SECRET + "gate", "MediaUriType": "FILE_URI"}, "ScheduleConfig": SCHEDULE},
    "UploaderConfig": {"ScheduleConfig": {"ScheduleExpression": "0 0 22 * * ?", "DurationInSeconds": 3600}},
    "DeletionConfig": {
        "EdgeRetentionInHours": 720, "LocalSizeConfig": {"MaxLocalMediaSizeInMB": 2_000_000, "StrategyOnFullSize": "DENY_NEW_MEDIA"},
        "DeleteAfterUpload": False},
}
OPERATIONS = ["StartEdgeConfigurationUpdate", "DescribeEdgeConfiguration", "DeleteEdgeConfiguration"]


@pytest.fixture(scope="module")
def hub(server):
    return Hub(server)


@pytest.fixture
def stream(new_stream):
    """A stream that keeps media."""
    return new_stream(DataRetentionInHours=1)


def body_of(operation, hub_arn, **stream):
    return stream | ({"EdgeConfig": configuration(hub_arn)} if operation == "StartEdgeConfigurationUpdate" else {})


def listed(client, hub, **members):
    """All configurations of a device, over all pages, by the name of their stream."""
    found, token = [], None
    while True:
        page = call(client, "ListEdgeAgentConfigurations", HubDeviceArn=hub.arn, **members, **({"NextToken": token} if token else {}))
        found += page["EdgeConfigs"]
        token = page.get("NextToken")
        if not token:
            return found


def test_never_configured(client, stream):
    message = refused(
        client, "DescribeEdgeConfiguration", "StreamEdgeConfigurationNotFoundException", 404, StreamName=stream["StreamName"])
    assert stream["StreamName"] in message
    refused(client, "DeleteEdgeConfiguration", "StreamEdgeConfigurationNotFoundException", 404, StreamARN=stream["StreamARN"])


def test_a_configuration_from_start_to_end(client, hub, stream):
    before = datetime.datetime.now(datetime.timezone.utc)
    started = start(client, stream, hub, **FULL)
    created = started["CreationTime"]
    assert abs((created - before).total_seconds()) < 10 and started["LastUpdatedTime"] == created
    expected = {
        "StreamName": stream["StreamName"], "StreamARN": stream["StreamARN"], "CreationTime": created, "LastUpdatedTime": created,
        "SyncStatus": "SYNCING", "EdgeConfig": configuration(hub.arn, **FULL)}
    assert started == expected
    assert edge.describe(client, stream) == expected
    assert call(client, "DescribeEdgeConfiguration", StreamARN=stream["StreamARN"]) == expected
    assert hub.settle(stream) == "IN_SYNC"
    assert edge.describe(client, stream) == expected | {"SyncStatus": "IN_SYNC", "LastUpdatedTime": edge.describe(client, stream)["LastUpdatedTime"]}
    again = start(client, stream, hub)
    assert again["CreationTime"] == created and again["LastUpdatedTime"] > created
    assert (again["SyncStatus"], again["EdgeConfig"]) == ("SYNCING", configuration(hub.arn))
    assert hub.settle(stream) == "IN_SYNC"
    edge.delete(client, stream)
    assert edge.describe(client, stream)["SyncStatus"] == "DELETING"
    assert hub.settle(stream) is None
    refused(client, "DescribeEdgeConfiguration", "StreamEdgeConfigurationNotFoundException", 404, StreamName=stream["StreamName"])
    # The stream has nothing of all this in its status or version.
    assert call(client, "DescribeStream", StreamName=stream["StreamName"])["StreamInfo"] == stream
    # And a new configuration is a new one.
    assert start(client, stream, hub)["CreationTime"] > created


@pytest.mark.parametrize("members", [
    {}, FULL, {"DeletionConfig": {}}, {"DeletionConfig": {"LocalSizeConfig": {}, "DeleteAfterUpload": True}},
    {"DeletionConfig": {"EdgeRetentionInHours": 1}}, {"UploaderConfig": FULL["UploaderConfig"]},
])
def test_what_is_set_is_answered(client, hub, stream, members):
    """Nothing is added, nothing is lost: false, empty and absent are three things."""
    wanted = configuration(hub.arn, **members)
    assert start(client, stream, hub, **members)["EdgeConfig"] == wanted
    assert edge.describe(client, stream)["EdgeConfig"] == wanted
    assert [found["EdgeConfig"] for found in listed(client, hub) if found["StreamName"] == stream["StreamName"]] == [wanted]


def test_the_secret_is_known_to_the_caller_alone(deployments):
    """The ARN comes back in answers to who set it; no refusal and no line of the log has it."""
    server = deployments.server("--log-level", "trace")
    client = server.client()
    call(client, "CreateStream", StreamName="s", DataRetentionInHours=1)
    stream = wait_active(client, "s")
    hub = Hub(server)
    marks = []

    def secret(text):
        marks.append(f"mark{len(marks)}mark")
        return {"MediaSourceConfig": {"MediaUriSecretArn": text.replace("MARK", marks[-1]), "MediaUriType": "RTSP_URI"}}

    with server.sender() as sender:
        def body(text, **members):
            return {"StreamName": "s", "EdgeConfig": configuration(hub.arn, RecorderConfig=secret(text) | members)}

        for text in ("MARK", SECRET + "MARK/path", SECRET + "MARK " + "x" * 3000, "arn:aws:ssm:us-east-1:123456789012:secret:MARK"):
            message = denied(sender, "StartEdgeConfigurationUpdate", body(text), "ValidationException")
            assert marks[-1] not in message and "edgeConfig.recorderConfig.mediaSourceConfig.mediaUriSecretArn" in message
        wrong_schedule = {"ScheduleConfig": {"ScheduleExpression": "not a schedule", "DurationInSeconds": 600}}
        assert marks[-1] not in denied(sender, "StartEdgeConfigurationUpdate", body(SECRET + "MARK", **wrong_schedule), "InvalidArgumentException")
        wrong_type = {"ScheduleConfig": []}
        assert marks[-1] not in denied(sender, "StartEdgeConfigurationUpdate", body(SECRET + "MARK", **wrong_type), "SerializationException")
        started = accepted(sender, "StartEdgeConfigurationUpdate", body(SECRET + "MARK"))
        assert marks[-1] in str(started)
        assert marks[-1] not in denied(sender, "StartEdgeConfigurationUpdate", body(SECRET + "MARK"), "ResourceInUseException")
    assert hub.settle(stream) == "IN_SYNC"
    client.close()
    server.terminate()
    assert "StartEdgeConfigurationUpdate" in server.log
    assert not [mark for mark in marks if mark in server.log]


def test_enabled_needs_retention(client, hub, new_stream):
    info = new_stream()
    message = refused(
        client, "StartEdgeConfigurationUpdate", "NoDataRetentionException", 400, StreamName=info["StreamName"], EdgeConfig=configuration(hub.arn))
    assert info["StreamName"] in message
    refused(client, "DescribeEdgeConfiguration", "StreamEdgeConfigurationNotFoundException", 404, StreamName=info["StreamName"])


def test_lowering_the_retention_to_nothing_is_allowed(client, hub, stream):
    start(client, stream, hub)
    call(
        client, "UpdateDataRetention", StreamName=stream["StreamName"], CurrentVersion=stream["Version"], Operation="DECREASE_DATA_RETENTION",
        DataRetentionChangeInHours=1)
    wait_active(client, stream["StreamName"])
    assert hub.settle(stream) == "IN_SYNC"
    refused(
        client, "StartEdgeConfigurationUpdate", "NoDataRetentionException", 400, StreamName=stream["StreamName"], EdgeConfig=configuration(hub.arn))
    edge.delete(client, stream)


@pytest.mark.parametrize("status", ["CREATING", "UPDATING", "DELETING"])
def test_a_stream_that_is_not_active(deployments, status):
    """Described and listed in any status; set in none but ACTIVE; deleted as long as the stream is not DELETING."""
    server = deployments.server(f"--minimum-{status.lower()}-ms", LONG)
    client, hub = server.client(), Hub(server)
    with server.sender() as sender:
        accepted(sender, "CreateStream", {"StreamName": "s", "DataRetentionInHours": 1})
        stream = call(client, "DescribeStream", StreamName="s")["StreamInfo"]
        if status != "CREATING":
            stream = wait_active(client, "s")
            lead(client, hub, stream, "IN_SYNC")
            if status == "UPDATING":
                accepted(sender, "UpdateStream", {"StreamName": "s", "CurrentVersion": stream["Version"]})
            else:
                accepted(sender, "DeleteStream", {"StreamARN": stream["StreamARN"]})
        message = denied(sender, "StartEdgeConfigurationUpdate", body_of(OPERATIONS[0], hub.arn, StreamName="s"), "ResourceInUseException")
        assert "stream s" in message and status in message
        if status == "CREATING":
            denied(sender, "DescribeEdgeConfiguration", {"StreamName": "s"}, "StreamEdgeConfigurationNotFoundException", 404)
        else:
            assert edge.describe(client, stream)["SyncStatus"] == "IN_SYNC"
            assert len(listed(client, hub)) == 1
        if status == "UPDATING":
            edge.delete(client, stream)
            assert hub.settle(stream) is None
        if status == "DELETING":
            assert denied(sender, "DeleteEdgeConfiguration", {"StreamName": "s"}, "ResourceNotFoundException", 404) == STREAM_NOT_FOUND
    client.close()


@pytest.mark.parametrize("expression", [
    "0 0 0 ? * * *", "0 0 6-20 ? * MON-FRI", "0 0 22 * * ?", "0 0/5 14,18 * * ?", "0 15 10 L * ?", "0 15 10 L-3 * ?", "0 15 10 LW * ? 2030-2035",
    "0 15 10 ? * 6L", "0 15 10 ? * 6#3", "0 0 12 1/5 * ?", "0 0 0 ? * fri-mon", "0 0\t0 ?  *  *", "0 11 11 11 11 ?", "0 0 12 15W * ?",
    LONGEST_SCHEDULE, SHORTEST_SCHEDULE,
])
def test_schedules(client, hub, stream, expression):
    """Kept to the character."""
    schedule = {"ScheduleExpression": expression, "DurationInSeconds": 60}
    start(client, stream, hub, UploaderConfig={"ScheduleConfig": schedule})
    assert edge.describe(client, stream)["EdgeConfig"]["UploaderConfig"] == {"ScheduleConfig": schedule}


@pytest.mark.parametrize("expression, word", [
    ("60 0 0 ? * * *", "seconds"), ("0 60 0 ? * *", "minutes"), ("0 0 24 ? * *", "hours"), ("0 0 0 32 * ?", "day of month"), ("0 0 0 0 * ?", "day of month"),
    ("0 0 0 ? 13 *", "month"), ("0 0 0 ? * 8 *", "day of week"), ("0 0 0 ? * FUN", "day of week"), ("0 0 0 ? * * 1969", "year"),
    ("0 0 0 ? * * 2100", "year"), ("0 0 0 * * * *", "day of month"), ("0 0 0 ? * ? *", "day of month"), ("0 0/0 0 ? * *", "minutes"),
    ("0 0 0 ? * MON#6", "day of week"), ("0 0 0 30 2 ? *", "day of month"), ("0 0 0 ? JAN", "fields"), ("0 0 0 ? * * * *", "fields"),
    ("not a schedule", "fields"), ("every five minutes or so", "fields"), ("0 0 0 ? * \u0661", "day of week"), ("0 5,,6 0 ? * *", "minutes"), ("0 0 10pm ? * *", "hours"),
    ("           ", "fields"),
])
@pytest.mark.parametrize("owner", ["RecorderConfig", "UploaderConfig"])
def test_schedules_that_are_none(sender, hub, stream, expression, word, owner):
    """The message says whose schedule it is, which part is wrong, and why; nothing is kept."""
    schedule = {"ScheduleConfig": {"ScheduleExpression": expression, "DurationInSeconds": 60}}
    wanted = configuration(hub.arn)
    wanted[owner] = wanted.get(owner, {}) | schedule
    message = denied(
        sender, "StartEdgeConfigurationUpdate", {"StreamName": stream["StreamName"], "EdgeConfig": wanted}, "InvalidArgumentException")
    assert owner in message and "ScheduleExpression" in message and "Quartz" in message and word in message
    denied(sender, "DescribeEdgeConfiguration", {"StreamName": stream["StreamName"]}, "StreamEdgeConfigurationNotFoundException", 404)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_which_stream(sender, client, hub, new_stream, operation):
    """By name, by ARN, or both, which must then mean the same."""
    one, other = new_stream(DataRetentionInHours=1), new_stream(DataRetentionInHours=1)
    if operation != "StartEdgeConfigurationUpdate":
        lead(client, hub, one, "IN_SYNC")
    message = denied(sender, operation, body_of(operation, hub.arn), "InvalidArgumentException")
    assert "StreamName" in message and "StreamARN" in message
    denied(
        sender, operation, body_of(operation, hub.arn, StreamName=one["StreamName"], StreamARN=other["StreamARN"]), "InvalidArgumentException")
    accepted(sender, operation, body_of(operation, hub.arn, StreamName=one["StreamName"], StreamARN=one["StreamARN"]))
    for body in ({"StreamName": "nobody"}, {"StreamARN": arn(name="nobody")}):
        assert denied(sender, operation, body_of(operation, hub.arn, **body), "ResourceNotFoundException", 404) == STREAM_NOT_FOUND
    foreign = arn(name=one["StreamName"], account="210987654321")
    assert foreign in denied(sender, operation, body_of(operation, hub.arn, StreamARN=foreign), "AccessDeniedException", 403)
    for wrong in (arn(region="eu-west-1"), arn(partition="aws-cn"), arn("channel")):
        assert wrong in denied(sender, operation, body_of(operation, hub.arn, StreamARN=wrong), "InvalidArgumentException")


@pytest.mark.parametrize("operation", [*OPERATIONS, "ListEdgeAgentConfigurations"])
def test_the_region_where_it_is_not_offered(server, operation):
    hub_arn = THING.replace("us-east-1", "af-south-1") + "hub"
    with server.sender(region="af-south-1") as sender:
        body = {"HubDeviceArn": hub_arn} if operation.startswith("List") else body_of(operation, hub_arn, StreamName="nobody")
        assert "af-south-1" in denied(sender, operation, body, "AccessDeniedException", 403)


@pytest.mark.parametrize("operation", agent.OPERATIONS)
def test_the_region_where_agents_have_nothing_to_do(server, operation):
    thing = THING.replace("us-east-1", "af-south-1") + "hub"
    with server.sender(server.key("--thing", thing), region="af-south-1") as sender:
        body = sample(model.operation(operation).input_shape) | {"HubDeviceArn": thing}
        assert "af-south-1" in denied(sender, operation, body, "AccessDeniedException", 403)


@pytest.mark.parametrize("operation", ["StartEdgeConfigurationUpdate", "ListEdgeAgentConfigurations"])
def test_a_device_of_another_account_or_region(sender, stream, operation):
    for hub_arn, error, status in (
        (THING.replace(ACCOUNT, "210987654321") + "hub", "AccessDeniedException", 403),
        (THING.replace("us-east-1", "eu-west-1") + "hub", "InvalidArgumentException", 400),
    ):
        body = {"HubDeviceArn": hub_arn} if operation.startswith("List") else body_of(operation, hub_arn, StreamName=stream["StreamName"])
        assert hub_arn in denied(sender, operation, body, error, status)


@pytest.mark.parametrize("status", STATUSES)
def test_start_in_each_status(client, hub, stream, status):
    lead(client, hub, stream, status)
    before = edge.describe(client, stream)
    if status in AWAITED:
        message = refused(
            client, "StartEdgeConfigurationUpdate", "ResourceInUseException", 400, StreamName=stream["StreamName"],
            EdgeConfig=configuration(hub.arn, **FULL))
        assert stream["StreamName"] in message and f"is {status}" in message
        assert edge.describe(client, stream) == before
    else:
        assert ("FailedStatusDetails" in before) == (status != "IN_SYNC")
        started = start(client, stream, hub, **FULL)
        assert started["SyncStatus"] == "SYNCING" and "FailedStatusDetails" not in started
        assert edge.describe(client, stream) == started
        assert started["CreationTime"] == before["CreationTime"] and started["LastUpdatedTime"] >= before["LastUpdatedTime"]


@pytest.mark.parametrize("status", sorted(SETTLED))
def test_another_device_while_one_is_configured(client, server, hub, stream, status):
    lead(client, hub, stream, status)
    other = Hub(server, credentials=hub.credentials)
    message = refused(
        client, "StartEdgeConfigurationUpdate", "ResourceInUseException", 400, StreamName=stream["StreamName"], EdgeConfig=configuration(other.arn))
    assert hub.arn in message and stream["StreamName"] in message
    assert edge.describe(client, stream)["EdgeConfig"]["HubDeviceArn"] == hub.arn and listed(client, other) == []
    # Once the first is deleted the other may have it.
    edge.delete(client, stream)
    assert hub.settle(stream) is None
    assert start(client, stream, other)["EdgeConfig"]["HubDeviceArn"] == other.arn


@pytest.mark.parametrize("status", STATUSES)
def test_delete_in_each_status(client, hub, stream, status):
    revision = lead(client, hub, stream, status)
    before = edge.describe(client, stream)
    if status in AWAITED:
        message = refused(client, "DeleteEdgeConfiguration", "ResourceInUseException", 400, StreamName=stream["StreamName"])
        assert stream["StreamName"] in message and f"is {status}" in message
        assert edge.describe(client, stream) == before
    else:
        edge.delete(client, stream)
        after = edge.describe(client, stream)
        assert after["SyncStatus"] == "DELETING" and "FailedStatusDetails" not in after
        assert after["EdgeConfig"] == before["EdgeConfig"] and after["CreationTime"] == before["CreationTime"]
        assert hub.revision(stream) != revision
        assert hub.settle(stream) is None


def test_deleting_the_stream_takes_everything_away(sender, client, server, stream):
    """In whatever status the configuration is; a new stream of the name has none."""
    hub = Hub(server)
    lead(client, hub, stream, "ACKNOWLEDGED")
    accepted(sender, "DeleteStream", {"StreamARN": stream["StreamARN"]})
    body = {"StreamName": stream["StreamName"], "DataRetentionInHours": 1}
    until(lambda: sender.call("/createStream", body).status == 200, "the name is free")
    again = wait_active(client, stream["StreamName"])
    refused(client, "DescribeEdgeConfiguration", "StreamEdgeConfigurationNotFoundException", 404, StreamName=stream["StreamName"])
    denied(sender, "DescribeEdgeConfiguration", {"StreamARN": stream["StreamARN"]}, "ResourceNotFoundException", 404)
    assert listed(client, hub) == [] and hub.fetch() == ({}, [])
    start(client, again, hub)
    assert [found["StreamARN"] for found in listed(client, hub)] == [again["StreamARN"]]


@pytest.fixture(scope="module")
def many(server, client):
    """A device with twelve configurations, and their streams' names in byte order."""
    hub = Hub(server)
    names = [f"many-{mark}" for mark in ("A", "B", "Z", "_", "a", "b", "c", "d", "e", "f", "z", "zz")]
    for name in reversed(names):
        call(client, "CreateStream", StreamName=name, DataRetentionInHours=1)
    for name in reversed(names):
        wait_active(client, name)
        start(client, {"StreamName": name}, hub)
    return hub, names


def page(client, hub, **members):
    answer = call(client, "ListEdgeAgentConfigurations", HubDeviceArn=hub.arn, **members)
    return [found["StreamName"] for found in answer["EdgeConfigs"]], answer.get("NextToken")


def test_a_device_that_nobody_has_named(client):
    assert call(client, "ListEdgeAgentConfigurations", HubDeviceArn=THING + fresh("hub")) == {"EdgeConfigs": []}


def test_pages_of_a_device(client, many):
    hub, names = many
    first, token = page(client, hub)
    assert first == names[:5] and token
    second, token = page(client, hub, NextToken=token)
    assert second == names[5:10] and token
    assert page(client, hub, NextToken=token) == (names[10:], None)
    assert page(client, hub, MaxResults=10)[0] == names[:10]
    for size in (1, 4, 6, 10):
        assert [found["StreamName"] for found in listed(client, hub, MaxResults=size)] == names
    assert page(client, hub, NextToken="")[0] == names[:5]
    for found in listed(client, hub):
        described = edge.describe(client, found)
        assert described.pop("EdgeAgentStatus", None) is None and described == found


def test_tokens_of_another_device(sender, client, server, many):
    hub, names = many
    _, token = page(client, hub)
    other = THING + "other"
    for body in ({"HubDeviceArn": other, "NextToken": token}, {"HubDeviceArn": hub.arn, "NextToken": token[:-4]},
                 {"HubDeviceArn": hub.arn, "NextToken": "AAAA"}):
        assert "NextToken" in denied(sender, "ListEdgeAgentConfigurations", body, "InvalidArgumentException")
    of_streams = accepted(sender, "ListStreams", {"MaxResults": 1})["NextToken"]
    denied(sender, "ListEdgeAgentConfigurations", {"HubDeviceArn": hub.arn, "NextToken": of_streams}, "InvalidArgumentException")


def test_pages_while_configurations_come_and_go(client, server, new_stream):
    hub = Hub(server)
    marks = fresh("moving")
    streams = {mark: new_stream(f"{marks}-{mark}", DataRetentionInHours=1) for mark in "abcdefg"}
    for mark in "bdf":
        start(client, streams[mark], hub)
    first, token = page(client, hub, MaxResults=2)
    assert first == [f"{marks}-b", f"{marks}-d"]
    for mark in "aceg":
        start(client, streams[mark], hub)
    for mark in "bdf":
        hub.settle(streams[mark])
        edge.delete(client, streams[mark])
        assert hub.settle(streams[mark]) is None
    second, token = page(client, hub, MaxResults=1, NextToken=token)
    assert second == [f"{marks}-e"]
    assert page(client, hub, NextToken=token) == ([f"{marks}-g"], None)


@pytest.mark.parametrize("thing", ["hub", THING, THING + "a/b", THING.replace(":iot:", ":kinesisvideo:") + "a", THING.replace(ACCOUNT, "12") + "a", SECRET + "a"])
def test_a_key_for_what_is_no_thing(server, thing):
    done = run_weir("keys", "create", "--data-dir", server.folder, *server.database.flags, "--thing", thing)
    assert done.returncode != 0 and "thing" in done.stderr and not done.stdout


def test_the_profile_of_a_thing(server):
    """As an AWS credentials file has it, so that the agent finds it as AWS tools find theirs."""
    done = run_weir("keys", "create", "--data-dir", server.folder, *server.database.flags, "--thing", THING + "gate-hub")
    assert done.returncode == 0 and done.stdout.startswith("[weir-gate-hub]\n")
    key = read_credentials(done.stdout, "weir-gate-hub")
    keys = run_weir("keys", "list", "--data-dir", server.folder, *server.database.flags).stdout
    line = next(line for line in keys.splitlines() if key.access_key in line)
    assert re.search(rf"{ACCOUNT}  ACTIVE ", line) and THING + "gate-hub" in line and key.secret_key not in keys
