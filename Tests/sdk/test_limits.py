"""Endpoints as advertised, quotas and rates."""

import json

import pytest

import cases
import model
from calls import arn
from deployment import ACCOUNT, until
from edge import Hub
from signing import at_once

REFUSED = (400, "ClientLimitExceededException")


def test_configured_endpoints(sqlite_deployments):
    server = sqlite_deployments.server("--advertised-data", "https://media.example.com", "--advertised-archive", "http://archive.example.com:8443")
    with server.sender() as sender:
        sender.call("/createStream", {"StreamName": "s"})
        for api in ("PUT_MEDIA", "GET_MEDIA"):
            answer = sender.call("/getDataEndpoint", {"StreamName": "s", "APIName": api})
            assert answer.json == {"DataEndpoint": "https://media.example.com"}
        for api in ("LIST_FRAGMENTS", "GET_MEDIA_FOR_FRAGMENT_LIST", "GET_HLS_STREAMING_SESSION_URL", "GET_DASH_STREAMING_SESSION_URL", "GET_CLIP", "GET_IMAGES"):
            answer = sender.call("/getDataEndpoint", {"StreamName": "s", "APIName": api})
            assert answer.json == {"DataEndpoint": "http://archive.example.com:8443"}


@pytest.mark.parametrize("host", ["kvs.example.com", "kvs.example.com:8443", "[::1]:80", "127.0.0.1"])
def test_the_host_that_the_client_used_is_echoed(server, sender, new_stream, host):
    name = new_stream()["StreamName"]
    sender_of_host = server.sender()
    sender_of_host.host = host
    with sender_of_host as other:
        answer = other.call("/getDataEndpoint", {"StreamName": name, "APIName": "PUT_MEDIA"})
    echoed = host if host in ("kvs.example.com:8443", "[::1]:80") else f"{host}:{server.port}"
    assert answer.json == {"DataEndpoint": f"http://{echoed}"}


def answers(server, sender, path, body, count):
    return [(answer.status, answer.error, answer) for answer in at_once([(server.port, sender.raw(path, body)) for _ in range(count)])]


def test_documented_rates_in_profile_aws(sqlite_deployments):
    """A bucket holds one second's worth; 200 in well under a second overflow it."""
    server = sqlite_deployments.server("--profile", "aws")
    with server.sender() as sender:
        for name in ("one", "two"):
            assert sender.call("/createStream", {"StreamName": name}).status == 200
        per_stream = answers(server, sender, "/describeStream", {"StreamName": "one"}, 40)
        refused = [answer for status, error, answer in per_stream if (status, error) == REFUSED]
        assert len(refused) >= 25 and sum(status == 200 for status, _, _ in per_stream) == 40 - len(refused) >= 5
        assert {answer.message for answer in refused} == {"Limit exceeded on number of requests for DescribeStream API for resource 'one'"}
        assert sender.call("/describeStream", {"StreamName": "two"}).status == 200
        per_account = answers(server, sender, "/listStreams", {}, 200)
        refused = [answer for status, error, answer in per_account if (status, error) == REFUSED]
        assert refused and sum(status == 200 for status, _, _ in per_account) == 200 - len(refused) >= 50
        assert {answer.message for answer in refused} == {"Limit exceeded on number of requests for ListStreams API"}


# How often a second, by account and by resource where that counts. Developer guides, "Control plane API service quotas".
RATES = {
    "CreateSignalingChannel": (50, None), "CreateStream": (50, None), "DeleteEdgeConfiguration": (10, 1), "DeleteSignalingChannel": (50, 5),
    "DeleteStream": (50, 5), "DescribeEdgeConfiguration": (50, 5), "DescribeImageGenerationConfiguration": (50, 5),
    "DescribeMappedResourceConfiguration": (50, 5), "DescribeMediaStorageConfiguration": (50, 5), "DescribeNotificationConfiguration": (50, 5),
    "DescribeSignalingChannel": (300, 5), "DescribeStream": (300, 5), "DescribeStreamStorageConfiguration": (50, 5), "GetDataEndpoint": (300, 5),
    "GetSignalingChannelEndpoint": (300, None), "ListEdgeAgentConfigurations": (50, None), "ListSignalingChannels": (50, None),
    "ListStreams": (50, None), "ListTagsForResource": (50, 5), "ListTagsForStream": (50, 5), "StartEdgeConfigurationUpdate": (10, 1),
    "TagResource": (50, 5), "TagStream": (50, 5), "UntagResource": (50, 5), "UntagStream": (50, 5), "UpdateDataRetention": (50, 5),
    "UpdateImageGenerationConfiguration": (50, 5), "UpdateMediaStorageConfiguration": (10, 5), "UpdateNotificationConfiguration": (50, 5),
    "UpdateSignalingChannel": (50, 5), "UpdateStream": (50, 5), "UpdateStreamStorageConfiguration": (50, 5),
}


def call_about(operation, name, account):
    """A call about a stream or channel of this name, which there is not."""
    body = json.loads(json.dumps(cases.sample(model.operation(operation).input_shape)).replace(ACCOUNT, account))
    named = {
        "StreamName": name, "ChannelName": name, "StreamARN": arn("stream", name, account=account), "NextToken": "",
        "ChannelARN": arn("channel", name, account=account), "ResourceARN": arn("channel", name, account=account)}
    return model.path(operation), body | {member: value for member, value in named.items() if member in body}


def test_documented_rates_of_each_operation(sqlite_deployments):
    """Each has a bucket of its own, for each resource where resources count; what comes through finds that there is no such resource."""
    assert sorted(RATES) == model.OPERATIONS
    server = sqlite_deployments.server("--profile", "aws")
    one, many = ACCOUNT, "210987654321"
    senders = {one: server.sender(), many: server.sender(server.key("--account", many))}
    failures = []

    def burst(operation, account, names):
        """How many calls came through, and what the others were told."""
        found = at_once([(server.port, senders[account].raw(*call_about(operation, name, account))) for name in names])
        refused = [answer.message for answer in found if (answer.status, answer.error) == REFUSED]
        assert all(answer.status in (200, 400, 404) for answer in found), [answer.body for answer in found if answer.status == 403][:1]
        return len(found) - len(refused), set(refused)

    for operation, (per_account, per_resource) in RATES.items():
        of_account = f"Limit exceeded on number of requests for {operation} API"
        of_resource = f"{of_account} for resource 'one'"
        if per_resource:
            through, messages = burst(operation, one, ["one"] * 40)
            if not (per_resource <= through < 20 and of_resource in messages and messages <= {of_account, of_resource}):
                failures.append((operation, "of one resource", through, messages))
        if per_account <= 50:
            through, messages = burst(operation, many, [f"n{number}" for number in range(per_account * 2)])
            if not (per_account <= through < per_account * 2 and messages == {of_account}):
                failures.append((operation, "of the account", through, messages))
    assert not failures, "\n".join(map(str, failures))


def test_rates_of_agents(sqlite_deployments):
    """The service publishes no API for agents, and so no rates: 300 a second for the account, 5 for a stream."""
    server = sqlite_deployments.server("--profile", "aws")
    hub = Hub(server)
    stream = {"StreamARN": arn(name="nobody")}
    bodies = {
        "AcknowledgeEdgeConfiguration": {"Revision": "r"}, "ReportEdgeConfigurationResult": {"Revision": "r", "Result": "FAILED"},
        "ReportEdgeAgentStatus": {"RecorderStatus": {"Status": "SUCCESS"}}}
    for operation, members in bodies.items():
        found = answers(server, hub.sender, model.path(operation), hub.body(stream, **members), 40)
        refused = [answer.message for status, error, answer in found if (status, error) == REFUSED]
        assert 20 < len(refused) <= 35 and set(refused) == {f"Limit exceeded on number of requests for {operation} API for resource 'nobody'"}
    found = answers(server, hub.sender, model.path("FetchEdgeConfigurations"), {"HubDeviceArn": hub.arn}, 450)
    refused = [answer.message for status, error, answer in found if (status, error) == REFUSED]
    assert 0 < len(refused) <= 150 and set(refused) == {"Limit exceeded on number of requests for FetchEdgeConfigurations API"}


def test_no_documented_rates_otherwise(server, sender, new_stream):
    name = new_stream()["StreamName"]
    assert {status for status, _, _ in answers(server, sender, "/describeStream", {"StreamName": name}, 200)} == {200}


def test_protective_rate(sqlite_deployments):
    server = sqlite_deployments.server("--protective-rate", "10")
    with server.sender() as sender:
        found = answers(server, sender, "/listStreams", {}, 100)
        refused = [answer for status, error, answer in found if (status, error) == (400, "ThrottlingException")]
        assert refused and sum(status == 200 for status, _, _ in found) == 100 - len(refused) >= 10
        assert list(refused[0].json) == ["Message"] and "10" in refused[0].message
    # The SDKs wait and try again.
    client = server.client(retries={"mode": "standard", "max_attempts": 10})
    for _ in range(30):
        client.list_streams()
    client.close()


@pytest.mark.parametrize("flags, quota", [(["--stream-quota", "3"], 3), (["--stream-quota", "1", "--profile", "aws"], 1)])
def test_stream_quota(deployments, flags, quota):
    server = deployments.server(*flags)
    with server.sender() as sender:
        for index in range(quota):
            assert sender.call("/createStream", {"StreamName": f"s{index}"}).status == 200
        answer = sender.call("/createStream", {"StreamName": "more"})
        assert (answer.status, answer.error) == (400, "AccountStreamLimitExceededException")
        assert str(quota) in answer.message
        assert sender.call("/describeStream", {"StreamName": "more"}).status == 404
        # A name in use is told as such, and another region has a quota of its own.
        with server.sender(region="eu-west-1") as other:
            assert other.call("/createStream", {"StreamName": "more"}).status == 200
        # What is deleted makes room once it is gone.
        until(lambda: sender.call("/describeStream", {"StreamName": "s0"}).json["StreamInfo"]["Status"] == "ACTIVE", "ACTIVE")
        arn = sender.call("/describeStream", {"StreamName": "s0"}).json["StreamInfo"]["StreamARN"]
        assert sender.call("/deleteStream", {"StreamARN": arn}).status == 200
        until(lambda: sender.call("/createStream", {"StreamName": "more"}).status == 200, "room")
