"""Answers that get lost: the SDK sends the call again, and it has been done exactly once."""

import socket
import threading

import pytest

import edge
import model
from calls import call, denied, fresh, wait_active, wait_channel
from deployment import read_credentials, run_weir, until
from edge import Hub, configuration
from signing import connect, invocation


class CuttingProxy:
    """Forwards each connection's requests. The answers to the next `cuts` requests are awaited and thrown away with the connection."""

    def __init__(self, port):
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cuts = 0
        self.seen = 0
        self.swallowed = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connect(self._target) as server:
            while request := self._message(connection):
                self.seen += 1
                server.sendall(request)
                answer = self._message(server)
                if self.cuts > 0:
                    self.cuts -= 1
                    self.swallowed.append(answer)
                    return
                connection.sendall(answer)

    @staticmethod
    def _message(connection):
        """The bytes of one whole HTTP message, or none at the end."""
        data = b""
        while b"\r\n\r\n" not in data:
            part = connection.recv(65536)
            if not part:
                return b""
            data += part
        head, body = data.split(b"\r\n\r\n", 1)
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        while len(body) < length:
            body += connection.recv(65536)
        return head + b"\r\n\r\n" + body

    def close(self):
        # Wakes the thread out of accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(30)


@pytest.fixture
def proxy(server):
    proxy = CuttingProxy(server.port)
    yield proxy
    proxy.close()


@pytest.fixture(params=["standard", "adaptive", "legacy"])
def retrying(request, server, proxy):
    client = server.client(endpoint=f"http://127.0.0.1:{proxy.port}", retries={"mode": request.param, "max_attempts": 3})
    yield client
    client.close()


def cut(proxy, count, call):
    """Makes a call whose first answers are lost, and answers what the SDK made of it."""
    proxy.cuts, proxy.seen, proxy.swallowed = count, 0, []
    answer = call()
    assert proxy.seen == count + 1 and answer["ResponseMetadata"]["RetryAttempts"] == count
    assert all(lost.startswith(b"HTTP/1.1 200") for lost in proxy.swallowed), proxy.swallowed
    return answer


@pytest.mark.parametrize("lost", [1, 2])
def test_create(proxy, retrying, client, name, lost):
    answer = cut(proxy, lost, lambda: retrying.create_stream(StreamName=name, Tags={"a": "1"}))
    info = wait_active(client, name)
    assert answer["StreamARN"] == info["StreamARN"]
    assert info["StreamARN"].encode() in proxy.swallowed[0]
    listed = client.list_streams(StreamNameCondition={"ComparisonValue": name})["StreamInfoList"]
    assert [found["StreamName"] for found in listed].count(name) == 1


def test_update(proxy, retrying, client, new_stream):
    info = new_stream()
    cut(proxy, 1, lambda: retrying.update_stream(StreamName=info["StreamName"], CurrentVersion=info["Version"], DeviceName="d"))
    changed = wait_active(client, info["StreamName"])
    assert changed["DeviceName"] == "d" and changed["Version"] != info["Version"]


def test_update_of_retention_is_applied_once(proxy, retrying, client, new_stream):
    info = new_stream(DataRetentionInHours=1)
    cut(proxy, 2, lambda: retrying.update_data_retention(
        StreamName=info["StreamName"], CurrentVersion=info["Version"], Operation="INCREASE_DATA_RETENTION", DataRetentionChangeInHours=5))
    assert wait_active(client, info["StreamName"])["DataRetentionInHours"] == 6


def test_update_of_storage(proxy, retrying, client, new_stream):
    info = new_stream()
    cut(proxy, 1, lambda: retrying.update_stream_storage_configuration(
        StreamName=info["StreamName"], CurrentVersion=info["Version"], StreamStorageConfiguration={"DefaultStorageTier": "WARM"}))
    assert wait_active(client, info["StreamName"])["Version"] != info["Version"]


def test_delete(proxy, retrying, client, new_stream):
    info = new_stream()
    cut(proxy, 1, lambda: retrying.delete_stream(StreamARN=info["StreamARN"], CurrentVersion=info["Version"]))
    until(lambda: info["StreamARN"] not in [found["StreamARN"] for found in client.list_streams()["StreamInfoList"]], "gone")


def test_tags(proxy, retrying, client, new_stream):
    info = new_stream()
    cut(proxy, 1, lambda: retrying.tag_stream(StreamName=info["StreamName"], Tags={"a": "1", "b": "2"}))
    cut(proxy, 1, lambda: retrying.untag_stream(StreamName=info["StreamName"], TagKeyList=["a"]))
    assert client.list_tags_for_stream(StreamName=info["StreamName"])["Tags"] == {"b": "2"}


def test_channels(proxy, retrying, client):
    name = fresh("channel")
    made = cut(proxy, 1, lambda: retrying.create_signaling_channel(ChannelName=name))
    info = wait_channel(client, name)
    assert made["ChannelARN"] == info["ChannelARN"]
    cut(proxy, 1, lambda: retrying.update_signaling_channel(
        ChannelARN=info["ChannelARN"], CurrentVersion=info["Version"], SingleMasterConfiguration={"MessageTtlSeconds": 5}))
    assert wait_channel(client, name)["SingleMasterConfiguration"] == {"MessageTtlSeconds": 5}


@pytest.fixture
def retention(new_stream):
    return new_stream(DataRetentionInHours=1)


@pytest.fixture
def once(sender):
    """Makes a call twice under one invocation id: the second time it must do nothing and answer as before."""

    def send(operation, body):
        header = invocation()
        first = sender.call(model.path(operation), body, header)
        assert first.status == 200, first.body
        again = sender.call(model.path(operation), body, header)
        assert (again.status, again.body) == (200, first.body), again.body
        return first.json if first.body else None

    return send


def test_a_channel_that_is_made_twice(sender, client, once):
    name = fresh("channel")
    assert once("CreateSignalingChannel", {"ChannelName": name, "Tags": [{"Key": "a", "Value": "1"}]})["ChannelARN"]
    denied(sender, "CreateSignalingChannel", {"ChannelName": name, "Tags": [{"Key": "a", "Value": "1"}]}, "ResourceInUseException")
    assert wait_channel(client, name)


def test_changes_of_a_channel_that_are_sent_twice(sender, client, new_channel, once):
    info = new_channel()
    channel = {"ChannelARN": info["ChannelARN"]}
    update = channel | {"CurrentVersion": info["Version"], "SingleMasterConfiguration": {"MessageTtlSeconds": 7}}
    once("UpdateSignalingChannel", update)
    changed = wait_channel(client, info["ChannelName"])
    assert changed["Version"] != info["Version"]
    denied(sender, "UpdateSignalingChannel", update, "VersionMismatchException")
    once("TagResource", {"ResourceARN": info["ChannelARN"], "Tags": [{"Key": "a", "Value": "1"}]})
    once("UntagResource", {"ResourceARN": info["ChannelARN"], "TagKeyList": ["a"]})
    once("DeleteSignalingChannel", channel | {"CurrentVersion": changed["Version"]})
    until(lambda: sender.call("/describeSignalingChannel", channel).status == 404, "gone")


def test_configurations_that_are_sent_twice(client, retention, once):
    name = {"StreamName": retention["StreamName"]}
    images = {
        "Status": "ENABLED", "ImageSelectorType": "SERVER_TIMESTAMP", "DestinationConfig": {"Uri": "s3://b", "DestinationRegion": "us-east-1"},
        "SamplingInterval": 200, "Format": "PNG"}
    once("UpdateImageGenerationConfiguration", name | {"ImageGenerationConfiguration": images})
    once("UpdateNotificationConfiguration", name | {"NotificationConfiguration": None})
    assert call(client, "DescribeImageGenerationConfiguration", **name) == {"ImageGenerationConfiguration": images}


def test_an_edge_configuration_that_is_started_twice(server, sender, client, retention, once):
    """Another call would be refused while it is SYNCING; the same one is not, and the agent is not troubled twice."""
    hub = Hub(server)
    body = {"StreamName": retention["StreamName"], "EdgeConfig": configuration(hub.arn)}
    started = once("StartEdgeConfigurationUpdate", body)
    assert started["SyncStatus"] == "SYNCING"
    denied(sender, "StartEdgeConfigurationUpdate", body, "ResourceInUseException")
    assert hub.settle(retention) == "IN_SYNC"
    once("DeleteEdgeConfiguration", {"StreamName": retention["StreamName"]})
    denied(sender, "DeleteEdgeConfiguration", {"StreamName": retention["StreamName"]}, "ResourceInUseException")
    assert edge.describe(client, retention)["SyncStatus"] == "DELETING"
    revision = hub.revision(retention)
    for operation, members in (("AcknowledgeEdgeConfiguration", {}), ("ReportEdgeConfigurationResult", {"Result": "FAILED"})):
        header = invocation()
        answers = [hub.sender.call(model.path(operation), hub.body(retention, Revision=revision, **members), header) for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 200] and answers[0].body == answers[1].body


def test_a_lost_answer_to_a_deleted_stream(server, client, new_stream):
    """Sent again when the stream is gone already: it is the same call still."""
    info = new_stream()
    header = invocation()
    with server.sender() as sender:
        assert sender.call("/deleteStream", {"StreamARN": info["StreamARN"]}, header).status == 200
        until(lambda: sender.call("/describeStream", {"StreamName": info["StreamName"]}).status == 404, "gone")
        assert sender.call("/deleteStream", {"StreamARN": info["StreamARN"]}, header).status == 200
        assert sender.call("/deleteStream", {"StreamARN": info["StreamARN"]}, invocation()).status == 404


@pytest.mark.parametrize("difference", ["invocation", "body", "operation", "key", "region"])
def test_what_makes_another_call(deployments, difference):
    """The five of key, region, operation, invocation id and body make a call; where one differs it is another."""
    server = deployments.server()
    other_key = None
    if difference == "key":
        made = run_weir("keys", "create", "--data-dir", server.folder, *server.database.flags)
        other_key = read_credentials(made.stdout, "weir-123456789012")
    header = invocation()
    with server.sender() as sender, server.sender(other_key) as other:
        first = sender.call("/createStream", {"StreamName": "one"}, header)
        assert first.status == 200
        again = sender.call("/createStream", {"StreamName": "one"}, header)
        assert (again.status, again.body) == (200, first.body)
        match difference:
            case "invocation":
                answer = sender.call("/createStream", {"StreamName": "one"}, invocation())
            case "body":
                answer = sender.call("/createStream", {"StreamName": "one", "DeviceName": "d"}, header)
            case "key":
                answer = other.call("/createStream", {"StreamName": "one"}, header)
            case "region":
                with server.sender(region="eu-west-1") as elsewhere:
                    answer = elsewhere.call("/createStream", {"StreamName": "one"}, header)
                assert answer.status == 200 and ":eu-west-1:" in answer.json["StreamARN"]
                return
            case "operation":
                answer = sender.call("/tagStream", {"StreamName": "one"}, header)
                assert answer.error == "ValidationException"
                return
        assert (answer.status, answer.error) == (400, "ResourceInUseException")


def test_a_retry_outlives_the_server(deployments):
    server = deployments.server()
    header = invocation()
    with server.sender() as sender:
        first = sender.call("/createStream", {"StreamName": "one"}, header)
    server.kill()
    server = deployments.again(server)
    with server.sender() as sender:
        assert sender.call("/createStream", {"StreamName": "one"}, header).body == first.body


def test_a_refused_call_may_succeed_when_it_is_made_again(sender, name):
    """Only what was done is kept: a refusal is not an answer for ever."""
    header = invocation()
    assert sender.call("/tagStream", {"StreamName": name, "Tags": {"a": "1"}}, header).status == 404
    assert sender.call("/createStream", {"StreamName": name}).status == 200
    assert sender.call("/tagStream", {"StreamName": name, "Tags": {"a": "1"}}, header).status == 200
