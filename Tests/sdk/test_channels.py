"""Signaling channels through boto3 and on the wire: exact answers and refusals, states, versions, names and endpoints."""

import datetime
import re

import pytest

from calls import UUID, VERSION, accepted, arn, call, denied, fresh, refused, wait_channel
from deployment import ACCOUNT, REGION, until

LONG = "3600000"
BOTH = {"Protocols": ["WSS", "HTTPS"], "Role": "MASTER"}


def ttl(seconds):
    return {"MessageTtlSeconds": seconds}


def by_arn(info, version=None):
    """A call of each operation that takes a channel's ARN alone."""
    version = version or info["Version"]
    return {
        "DescribeSignalingChannel": {"ChannelARN": info["ChannelARN"]},
        "DescribeMediaStorageConfiguration": {"ChannelARN": info["ChannelARN"]},
        "GetSignalingChannelEndpoint": {"ChannelARN": info["ChannelARN"]},
        "ListTagsForResource": {"ResourceARN": info["ChannelARN"]},
        "TagResource": {"ResourceARN": info["ChannelARN"], "Tags": [{"Key": "a", "Value": "1"}]},
        "UntagResource": {"ResourceARN": info["ChannelARN"], "TagKeyList": ["b"]},
        "UpdateMediaStorageConfiguration": {"ChannelARN": info["ChannelARN"], "MediaStorageConfiguration": {"Status": "DISABLED"}},
        "UpdateSignalingChannel": {"ChannelARN": info["ChannelARN"], "CurrentVersion": version, "SingleMasterConfiguration": ttl(30)},
        "DeleteSignalingChannel": {"ChannelARN": info["ChannelARN"]},
    }


BY_ARN = sorted(by_arn({"ChannelARN": "", "Version": "v"}))
# Those that a channel must not be DELETING for; they are answered as if it were gone.
NEED_LIFE = {"GetSignalingChannelEndpoint", "TagResource", "UntagResource"}
# Those that a channel must be ACTIVE for.
NEED_ACTIVE = {"UpdateMediaStorageConfiguration", "UpdateSignalingChannel", "DeleteSignalingChannel"}


def describe(client, name):
    return call(client, "DescribeSignalingChannel", ChannelName=name)["ChannelInfo"]


def is_gone(client, name):
    return not call(client, "ListSignalingChannels", ChannelNameCondition={"ComparisonValue": name})["ChannelInfoList"]


def test_create_describe_list_with_everything(client):
    name = fresh("channel")
    before = datetime.datetime.now(datetime.timezone.utc)
    created = call(
        client, "CreateSignalingChannel", ChannelName=name, ChannelType="SINGLE_MASTER", SingleMasterConfiguration=ttl(5),
        Tags=[{"Key": "site", "Value": "north"}, {"Key": "empty", "Value": ""}])
    channel_arn = created["ChannelARN"]
    assert created == {"ChannelARN": channel_arn}
    tail = re.fullmatch(rf"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:channel/{name}/(\d+)", channel_arn)[1]
    info = wait_channel(client, name)
    described = dict(info)
    assert VERSION.fullmatch(described.pop("Version"))
    time = described.pop("CreationTime")
    assert round(time.timestamp() * 1000) == int(tail) and abs((time - before).total_seconds()) < 10
    assert described == {
        "ChannelName": name, "ChannelARN": channel_arn, "ChannelType": "SINGLE_MASTER", "ChannelStatus": "ACTIVE",
        "SingleMasterConfiguration": ttl(5)}
    assert call(client, "DescribeSignalingChannel", ChannelARN=channel_arn)["ChannelInfo"] == info
    assert call(client, "DescribeSignalingChannel", ChannelName=name, ChannelARN=channel_arn)["ChannelInfo"] == info
    condition = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": name}
    assert call(client, "ListSignalingChannels", ChannelNameCondition=condition) == {"ChannelInfoList": [info]}
    assert call(client, "ListTagsForResource", ResourceARN=channel_arn) == {"Tags": {"site": "north", "empty": ""}}


def test_create_with_the_name_alone_takes_the_defaults(client, new_channel):
    info = new_channel()
    assert (info["ChannelType"], info["SingleMasterConfiguration"]) == ("SINGLE_MASTER", ttl(60))
    assert call(client, "ListTagsForResource", ResourceARN=info["ChannelARN"]) == {"Tags": {}}


def test_create_with_an_empty_configuration_takes_the_default(new_channel):
    assert new_channel(SingleMasterConfiguration={}, Tags=[])["SingleMasterConfiguration"] == ttl(60)


def test_full_mesh_is_refused(client):
    name = fresh("channel")
    message = refused(client, "CreateSignalingChannel", "InvalidArgumentException", 400, ChannelName=name, ChannelType="FULL_MESH")
    assert "FULL_MESH" in message and "SINGLE_MASTER" in message
    refused(client, "DescribeSignalingChannel", "ResourceNotFoundException", 404, ChannelName=name)


def test_the_answer_on_the_wire(sender):
    """The wrapper comes first, and numbers are numbers: small clients look no further."""
    name = fresh("channel")
    created = sender.call("/createSignalingChannel", {"ChannelName": name})
    assert list(created.json) == ["ChannelARN"] and UUID.fullmatch(created.headers["x-amzn-RequestId"])
    answer = sender.call("/describeSignalingChannel", {"ChannelName": name})
    assert list(answer.json) == ["ChannelInfo"] and answer.headers["Content-Length"] == str(len(answer.body))
    assert re.search(rb'"CreationTime":(\d+\.\d{3}|\d+(\.\d{1,2})?)[,}]', answer.body)
    assert re.search(rb'"MessageTtlSeconds":60[,}]', answer.body)
    for path, body in (("/getSignalingChannelEndpoint", {"ChannelARN": created.json["ChannelARN"]}), ("/listSignalingChannels", {})):
        answer = sender.call(path, body)
        assert answer.status == 200 and next(iter(answer.json)) in ("ResourceEndpointList", "ChannelInfoList")


def test_update(client, new_channel):
    info = new_channel()
    name = info["ChannelName"]
    body = by_arn(info)["UpdateSignalingChannel"]
    assert call(client, "UpdateSignalingChannel", **body) == {}
    changed = wait_channel(client, name)
    assert changed["Version"] != info["Version"] and VERSION.fullmatch(changed["Version"])
    assert changed == info | {"SingleMasterConfiguration": ttl(30), "Version": changed["Version"]}
    message = refused(client, "UpdateSignalingChannel", "VersionMismatchException", 400, **body)
    assert name in message and info["Version"] in message
    assert describe(client, name) == changed


def test_an_update_to_the_same_takes_a_new_version(client, new_channel):
    info = new_channel()
    call(client, "UpdateSignalingChannel", **by_arn(info)["UpdateSignalingChannel"] | {"SingleMasterConfiguration": ttl(60)})
    changed = wait_channel(client, info["ChannelName"])
    assert changed == info | {"Version": changed["Version"]} and changed["Version"] != info["Version"]


@pytest.mark.parametrize("configuration", [None, {}, {"MessageTtlSeconds": None}])
def test_an_update_without_a_time_is_refused(sender, client, new_channel, configuration):
    """The model leaves it open; there is nothing else that could be updated."""
    info = new_channel()
    body = by_arn(info)["UpdateSignalingChannel"] | {"SingleMasterConfiguration": configuration}
    assert "MessageTtlSeconds" in denied(sender, "UpdateSignalingChannel", body, "InvalidArgumentException")
    assert describe(client, info["ChannelName"]) == info


def test_delete(client, new_channel):
    info = new_channel(Tags=[{"Key": "a", "Value": "1"}])
    name = info["ChannelName"]
    message = refused(
        client, "DeleteSignalingChannel", "VersionMismatchException", 400, ChannelARN=info["ChannelARN"], CurrentVersion="other")
    assert name in message and "other" in message
    assert call(client, "DeleteSignalingChannel", ChannelARN=info["ChannelARN"], CurrentVersion=info["Version"]) == {}
    until(lambda: is_gone(client, name), "the channel is gone")
    refused(client, "DescribeSignalingChannel", "ResourceNotFoundException", 404, ChannelName=name)


def test_a_name_is_used_again(sender, client, new_channel):
    """The old ARN stays unknown to every operation, and the new channel has nothing of the old one."""
    info = new_channel(Tags=[{"Key": "old", "Value": "1"}], SingleMasterConfiguration=ttl(99))
    name, old = info["ChannelName"], info["ChannelARN"]
    call(client, "DeleteSignalingChannel", ChannelARN=old)
    new = until(lambda: sender.call("/createSignalingChannel", {"ChannelName": name}).json.get("ChannelARN"), "the name is free")
    assert int(new.rsplit("/", 1)[1]) > int(old.rsplit("/", 1)[1])
    current = wait_channel(client, name)
    assert current["ChannelARN"] == new and current["Version"] != info["Version"] and current["SingleMasterConfiguration"] == ttl(60)
    assert call(client, "ListTagsForResource", ResourceARN=new) == {"Tags": {}}
    for operation, body in by_arn({"ChannelARN": old, "Version": current["Version"]}).items():
        denied(sender, operation, body, "ResourceNotFoundException", 404)
    assert describe(client, name) == current


def test_create_of_a_name_in_use(client, new_channel):
    name = new_channel()["ChannelName"]
    assert name in refused(client, "CreateSignalingChannel", "ResourceInUseException", 400, ChannelName=name)


def test_a_stream_and_a_channel_may_have_one_name(client, new_stream, new_channel):
    stream = new_stream()
    channel = new_channel(stream["StreamName"])
    call(client, "DeleteSignalingChannel", ChannelARN=channel["ChannelARN"])
    until(lambda: is_gone(client, channel["ChannelName"]), "the channel is gone")
    assert call(client, "DescribeStream", StreamName=stream["StreamName"])["StreamInfo"] == stream


@pytest.mark.parametrize("operation", BY_ARN)
def test_unknown_channel(sender, operation):
    body = by_arn({"ChannelARN": arn("channel", "nobody"), "Version": "v"})[operation]
    assert "not found" in denied(sender, operation, body, "ResourceNotFoundException", 404)


@pytest.mark.parametrize("operation", BY_ARN)
def test_arn_of_another_account(sender, new_channel, operation):
    """Denied in the same words whether or not there is such a channel in one's own account."""
    info = new_channel()
    time = info["ChannelARN"].rsplit("/", 1)[1]
    for foreign in (arn("channel", info["ChannelName"], account="210987654321", time=time), arn("channel", "nobody", account="210987654321")):
        message = denied(sender, operation, by_arn({"ChannelARN": foreign, "Version": "v"})[operation], "AccessDeniedException", 403)
        assert message.startswith(f"User: arn:aws:iam::{ACCOUNT}:user/")
        assert f"is not authorized to perform: kinesisvideo:{operation} on resource: {foreign}" in message


@pytest.mark.parametrize("operation", BY_ARN)
@pytest.mark.parametrize("wrong", [
    arn("channel", region="eu-west-1"), arn("channel", partition="aws-cn"), arn("image"), arn("stream"),
], ids=["region", "partition", "type", "stream"])
def test_arn_of_another_region_or_type(sender, operation, wrong):
    body = by_arn({"ChannelARN": wrong, "Version": "v"})[operation]
    if "ResourceARN" in body and ":stream/" in wrong:
        denied(sender, operation, body, "ResourceNotFoundException", 404)
    else:
        assert wrong in denied(sender, operation, body, "InvalidArgumentException")


@pytest.mark.parametrize("operation", ["DescribeSignalingChannel", "DescribeMediaStorageConfiguration"])
def test_name_arn_or_both(sender, new_channel, operation):
    one, other = new_channel(), new_channel()
    message = denied(sender, operation, {}, "InvalidArgumentException")
    assert "ChannelName" in message and "ChannelARN" in message
    message = denied(sender, operation, {"ChannelName": one["ChannelName"], "ChannelARN": other["ChannelARN"]}, "InvalidArgumentException")
    assert one["ChannelName"] in message and other["ChannelARN"] in message
    accepted(sender, operation, {"ChannelName": one["ChannelName"], "ChannelARN": one["ChannelARN"]})
    denied(sender, operation, {"ChannelName": "nobody"}, "ResourceNotFoundException", 404)


def test_regions_and_accounts_are_apart(deployments):
    server = deployments.server()
    mine, elsewhere = server.client(), server.client(region="eu-west-1")
    theirs = server.client(server.key("--account", "210987654321"))
    arns = {}
    for client, place in ((mine, "us-east-1:123456789012"), (elsewhere, "eu-west-1:123456789012"), (theirs, "us-east-1:210987654321")):
        assert call(client, "ListSignalingChannels") == {"ChannelInfoList": []}
        arns[client] = call(client, "CreateSignalingChannel", ChannelName="shared")["ChannelARN"]
        assert f":{place}:channel/shared/" in arns[client]
        wait_channel(client, "shared")
    refused(theirs, "DeleteSignalingChannel", "AccessDeniedException", 403, ChannelARN=arns[mine])
    call(elsewhere, "DeleteSignalingChannel", ChannelARN=arns[elsewhere])
    until(lambda: is_gone(elsewhere, "shared"), "gone")
    assert describe(mine, "shared")["ChannelARN"] == arns[mine] and describe(theirs, "shared")["ChannelARN"] == arns[theirs]
    for client in arns:
        client.close()


def check_status(sender, client, info, status, refusals):
    """Each operation in this status: refused as told, or done. What changes the status comes last."""
    for operation, body in by_arn(info).items():
        if operation in refusals:
            message = denied(sender, operation, body, refusals[operation], 404 if refusals[operation] == "ResourceNotFoundException" else 400)
            assert refusals[operation] != "ResourceInUseException" or info["ChannelName"] in message
        else:
            accepted(sender, operation, body)
    denied(sender, "CreateSignalingChannel", {"ChannelName": info["ChannelName"]}, "ResourceInUseException")
    assert describe(client, info["ChannelName"]) == info and info["ChannelStatus"] == status
    assert call(client, "ListSignalingChannels") == {"ChannelInfoList": [info]}


def test_creating(deployments):
    server = deployments.server("--minimum-creating-ms", LONG)
    client = server.client()
    with server.sender() as sender:
        call(client, "CreateSignalingChannel", ChannelName="new")
        check_status(sender, client, describe(client, "new"), "CREATING", dict.fromkeys(NEED_ACTIVE, "ResourceInUseException"))
    client.close()


def test_updating(deployments):
    server = deployments.server("--minimum-updating-ms", LONG)
    client = server.client()
    with server.sender() as sender:
        call(client, "CreateSignalingChannel", ChannelName="busy")
        before = wait_channel(client, "busy")
        call(client, "UpdateSignalingChannel", **by_arn(before)["UpdateSignalingChannel"])
        info = describe(client, "busy")
        assert info == before | {"ChannelStatus": "UPDATING", "SingleMasterConfiguration": ttl(30), "Version": info["Version"]}
        assert info["Version"] != before["Version"]
        check_status(sender, client, info, "UPDATING", dict.fromkeys(NEED_ACTIVE, "ResourceInUseException"))
    client.close()


def test_deleting(deployments):
    server = deployments.server("--minimum-deleting-ms", LONG)
    client = server.client()
    with server.sender() as sender:
        call(client, "CreateSignalingChannel", ChannelName="old", Tags=[{"Key": "a", "Value": "1"}])
        before = wait_channel(client, "old")
        call(client, "DeleteSignalingChannel", ChannelARN=before["ChannelARN"])
        info = describe(client, "old")
        assert info == before | {"ChannelStatus": "DELETING"}
        refusals = dict.fromkeys(NEED_ACTIVE, "ResourceInUseException") | dict.fromkeys(NEED_LIFE, "ResourceNotFoundException")
        check_status(sender, client, info, "DELETING", refusals)
        assert call(client, "ListTagsForResource", ResourceARN=info["ChannelARN"]) == {"Tags": {"a": "1"}}
    client.close()


def test_endpoints_are_those_that_were_called(server, client, new_channel):
    channel_arn = new_channel()["ChannelARN"]
    host = f"127.0.0.1:{server.port}"
    for role in ("MASTER", "VIEWER"):
        urls = {"WSS": f"ws://{host}/{role.lower()}", "HTTPS": f"http://{host}"}
        answers = {protocol: {"Protocol": protocol, "ResourceEndpoint": url} for protocol, url in urls.items()}
        for protocols in (["WSS"], ["HTTPS"], ["WSS", "HTTPS"], ["HTTPS", "WSS"], ["WSS", "WSS", "HTTPS", "WSS"]):
            found = call(
                client, "GetSignalingChannelEndpoint", ChannelARN=channel_arn,
                SingleMasterChannelEndpointConfiguration={"Protocols": protocols, "Role": role})["ResourceEndpointList"]
            assert sorted(found, key=str) == sorted((answers[protocol] for protocol in set(protocols)), key=str)
    for configuration in ({}, {"SingleMasterChannelEndpointConfiguration": {}}, {"SingleMasterChannelEndpointConfiguration": {"Role": "VIEWER"}}):
        found = call(client, "GetSignalingChannelEndpoint", ChannelARN=channel_arn, **configuration)["ResourceEndpointList"]
        assert {endpoint["Protocol"] for endpoint in found} == {"WSS", "HTTPS"}


@pytest.mark.parametrize("host", ["kvs.example.com", "kvs.example.com:8443", "[::1]:80", "[::1]"])
def test_the_host_that_the_client_used_is_echoed(server, new_channel, host):
    """Where it names no port, as some official clients do not, with the port that the connection came in on."""
    channel_arn = new_channel()["ChannelARN"]
    other = server.sender()
    other.host = host
    with other:
        found = accepted(other, "GetSignalingChannelEndpoint", {"ChannelARN": channel_arn, "SingleMasterChannelEndpointConfiguration": BOTH})
    echoed = host if host in ("kvs.example.com:8443", "[::1]:80") else f"{host}:{server.port}"
    assert {endpoint["ResourceEndpoint"] for endpoint in found["ResourceEndpointList"]} == {f"ws://{echoed}/{BOTH['Role'].lower()}", f"http://{echoed}"}


def test_webrtc_needs_media_storage(client, new_stream, new_channel):
    channel = new_channel()["ChannelARN"]
    asked = {"SingleMasterChannelEndpointConfiguration": {"Protocols": ["WSS", "WEBRTC"], "Role": "MASTER"}, "ChannelARN": channel}
    assert "WEBRTC" in refused(client, "GetSignalingChannelEndpoint", "InvalidArgumentException", 400, **asked)
    stream = new_stream(DataRetentionInHours=1)["StreamARN"]
    call(client, "UpdateMediaStorageConfiguration", ChannelARN=channel, MediaStorageConfiguration={"Status": "ENABLED", "StreamARN": stream})
    found = call(client, "GetSignalingChannelEndpoint", **asked)["ResourceEndpointList"]
    assert {endpoint["Protocol"] for endpoint in found} == {"WSS", "WEBRTC"}
    call(client, "UpdateMediaStorageConfiguration", ChannelARN=channel, MediaStorageConfiguration={"Status": "DISABLED"})
    refused(client, "GetSignalingChannelEndpoint", "InvalidArgumentException", 400, **asked)


def test_configured_endpoints(sqlite_deployments):
    configured = {"WSS": "wss://signaling.example.com", "HTTPS": "https://rest.example.com:8443", "WEBRTC": "https://webrtc.example.com"}
    server = sqlite_deployments.server(*(part for protocol, url in configured.items() for part in (f"--advertised-{protocol.lower()}", url)))
    client = server.client()
    channel = call(client, "CreateSignalingChannel", ChannelName="c")["ChannelARN"]
    stream = call(client, "CreateStream", StreamName="s", DataRetentionInHours=1)["StreamARN"]
    wait_channel(client, "c")
    until(lambda: call(client, "DescribeStream", StreamName="s")["StreamInfo"]["Status"] == "ACTIVE", "ACTIVE")
    call(client, "UpdateMediaStorageConfiguration", ChannelARN=channel, MediaStorageConfiguration={"Status": "ENABLED", "StreamARN": stream})
    found = call(
        client, "GetSignalingChannelEndpoint", ChannelARN=channel,
        SingleMasterChannelEndpointConfiguration={"Protocols": list(configured), "Role": "VIEWER"})["ResourceEndpointList"]
    assert {endpoint["Protocol"]: endpoint["ResourceEndpoint"] for endpoint in found} == configured
    client.close()


@pytest.mark.parametrize("flags, quota", [(["--channel-quota", "3"], 3), (["--channel-quota", "1", "--profile", "aws", "--stream-quota", "1"], 1)])
def test_channel_quota(deployments, flags, quota):
    server = deployments.server(*flags)
    client = server.client()
    with server.sender() as sender:
        for index in range(quota):
            accepted(sender, "CreateSignalingChannel", {"ChannelName": f"c{index}"})
        message = denied(sender, "CreateSignalingChannel", {"ChannelName": "more"}, "AccountChannelLimitExceededException")
        assert str(quota) in message
        denied(sender, "DescribeSignalingChannel", {"ChannelName": "more"}, "ResourceNotFoundException", 404)
        # Streams have a quota of their own, and so has another region; a name in use is told as such.
        accepted(sender, "CreateStream", {"StreamName": "more"})
        denied(sender, "CreateSignalingChannel", {"ChannelName": "c0"}, "ResourceInUseException")
        with server.sender(region="eu-west-1") as other:
            accepted(other, "CreateSignalingChannel", {"ChannelName": "more"})
        # What is deleted makes room once it is gone.
        call(client, "DeleteSignalingChannel", ChannelARN=wait_channel(client, "c0")["ChannelARN"])
        until(lambda: sender.call("/createSignalingChannel", {"ChannelName": "more"}).status == 200, "room")
    client.close()
