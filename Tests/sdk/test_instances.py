"""Several instances on one Postgres: that they know of each other, share the rates out, work in roles, and leave in order."""

import re
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest

from deployment import run_weir, until


def status(server):
    """What `weir status` prints: rows by process id, and the lines below them."""
    done = run_weir("status", "--data-dir", server.folder, *server.database.flags, "--port", server.port, *server.flags)
    assert done.returncode == 0, done.stderr
    table, mark, rest = done.stdout.partition("instances alive")
    heads, *lines = table.splitlines()
    rows = [dict(zip(heads.split(), re.split(r"  +", line.strip()))) for line in lines]
    return {int(row["PID"]): row for row in rows}, mark + rest


def page(server, path):
    try:
        with urllib.request.urlopen(server.endpoint + path, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_status_lists_the_instances(deployments):
    first = deployments.server()
    pid = first.process.pid
    rows, rest = until(lambda: (s := status(first))[0] and s, "the instance is listed")
    assert rows[pid]["STATUS"] == "RUNNING" and rows[pid]["ROLES"] == "archive,control,media,signaling,worker"
    assert "serving the API: 1" in rest and "tasks waiting: 0, overdue: 0" in rest and rest.endswith("near a limit: nobody\n")
    for column in ("CONNECTIONS", "FILES"):
        used, allowed = rows[pid][column].split(" of ")
        assert 0 < int(used) < int(allowed)
    if deployments.engine == "postgres":
        second = deployments.beside(first, "--roles", "worker")
        until(lambda: second.process.pid in status(first)[0], "the second is listed")
        rows, rest = status(first)
        assert rows[second.process.pid]["ROLES"] == "worker"
        assert "instances alive: 2, serving the API: 1" in rest
        second.terminate()
        assert status(first)[0][second.process.pid]["STATUS"] == "STOPPED"
    first.terminate()
    assert status(first)[0][pid]["STATUS"] == "STOPPED"


def test_status_tells_who_is_near_a_limit(deployments):
    """From four fifths of it on: events that wait, streams, channels, destinations, and an instance's connections."""
    server = deployments.server("--stream-quota", "5", "--channel-quota", "5", "--destination-limit", "5", "--outbox-limit", "10",
                                "--connections", "40", "--delivery-networks", "127.0.0.0/8", "--delivery-allow-http", "true")
    other = server.key("--account", "999988887777")
    with server.sender() as sender, server.sender(other) as second:
        for number in range(4):
            for caller, count in ((sender, 4), (second, 3)):
                if number < count:
                    assert caller.call("/createStream", {"StreamName": f"s{number}", "DataRetentionInHours": 1}).status == 200
                    assert caller.call("/createSignalingChannel", {"ChannelName": f"c{number}"}).status == 200
        assert "CREATING" not in until(lambda: settled(sender), "all are ACTIVE")
        near = near_limits(server)
        assert sorted((what, whose, used, allowed) for what, whose, used, allowed in near) == [
            ("channels", "123456789012 in us-east-1", "4", "5"), ("streams", "123456789012 in us-east-1", "4", "5")]
        for number in range(4):
            configuration = {"DestinationConfig": {"Uri": f"http://127.0.0.1:9/{number}"}, "Status": "ENABLED"}
            changed = sender.call("/updateNotificationConfiguration", {"StreamName": f"s{number}", "NotificationConfiguration": configuration})
            assert changed.status == 200, changed.body
        while len([row for row in near_limits(server) if row[0] == "events that wait"]) == 0:
            assert sender.call("/tagStream", {"StreamName": "s0", "Tags": {"a": "b"}}).status == 200
        near = {what: (whose, used, allowed) for what, whose, used, allowed in near_limits(server)}
        assert near["notification destinations"] == ("123456789012 in us-east-1", "4", "5")
        whose, used, allowed = near["events that wait"]
        assert whose == "123456789012" and int(used) >= 8 and allowed == "10"
        held = [socket.create_connection(("127.0.0.1", server.port), source_address=(f"127.0.0.{number // 10 + 2}", 0)) for number in range(31)]
        try:
            row = until(lambda: [row for row in near_limits(server) if row[0] == "connections"], "its connections are near their limit")[0]
            assert row[1].startswith("instance ") and int(row[2]) >= 32 and row[3] == "40"
        finally:
            for connection in held:
                connection.close()


def settled(sender):
    answer = sender.call("/listStreams", {}).body.decode() + sender.call("/listSignalingChannels", {}).body.decode()
    return "CREATING" not in answer and answer


def near_limits(server):
    """The rows of `weir status` below the number of those who are near a limit."""
    _, _, rows = status(server)[1].partition("near a limit: ")
    return [tuple(re.split(r"  +", line.strip())) for line in rows.splitlines()[2:]]


def test_endpoints_lead_to_instances(postgres_deployments):
    """Each instance tells where it is reached itself; a stream's endpoint is that of one of them, whoever is asked."""
    addresses = ["http://kvs-1.example.com:7080", "http://kvs-2.example.com:7080"]
    flags = ["--advertised-data", "instance", "--advertised-wss", "instance"]
    first = postgres_deployments.server(*flags, "--instance-address", addresses[0])
    second = postgres_deployments.beside(first, *flags, "--instance-address", addresses[1])
    with first.sender() as one, second.sender(first.credentials) as two:
        names = [f"s{number}" for number in range(20)]
        for name in names:
            assert one.call("/createStream", {"StreamName": name}).status == 200

        def endpoints(sender):
            return [sender.call("/getDataEndpoint", {"StreamName": name, "APIName": "PUT_MEDIA"}).json["DataEndpoint"] for name in names]

        until(lambda: set(endpoints(one)) == set(addresses), "both are told")
        assert endpoints(one) == endpoints(two)
        channel = one.call("/createSignalingChannel", {"ChannelName": "c"}).json["ChannelARN"]
        asked = {"ChannelARN": channel, "SingleMasterChannelEndpointConfiguration": {"Protocols": ["WSS"], "Role": "MASTER"}}
        found = one.call("/getSignalingChannelEndpoint", asked).json["ResourceEndpointList"]
        assert found[0]["ResourceEndpoint"].replace("ws://", "http://").removesuffix("/master") in addresses
        second.terminate()
        assert set(endpoints(one)) == {addresses[0]}


def test_roles(postgres_deployments):
    """An instance for calls leaves the rest to one that works in the background, which takes no calls."""
    api = postgres_deployments.server("--roles", "api")
    client = api.client()
    client.create_stream(StreamName="left")
    # Nobody activates it while there is no worker; another call goes all the way meanwhile.
    assert client.describe_stream(StreamName="left")["StreamInfo"]["Status"] == "CREATING"
    worker = postgres_deployments.beside(api, "--roles", "worker")
    until(lambda: client.describe_stream(StreamName="left")["StreamInfo"]["Status"] == "ACTIVE", "ACTIVE")
    with worker.sender(api.credentials) as sender:
        answer = sender.call("/listStreams")
        assert (answer.status, answer.error) == (503, "ServiceUnavailable")
        assert "role control" in answer.message
    assert page(worker, "/ready")[0] == 200 and page(worker, "/live")[0] == 200


@pytest.mark.parametrize("roles", ["", "api,", "both", "api;worker"])
def test_unknown_roles_are_refused(tmp_path, roles):
    done = run_weir("serve", "--data-dir", tmp_path / "data", "--port", "0", "--roles", roles)
    assert done.returncode != 0 and "roles: must be" in done.stderr


def test_rates_are_shared_out(postgres_deployments):
    """The documented 50 ListStreams a second of an account hold for three instances together, within a tenth."""
    first = postgres_deployments.server("--profile", "aws")
    servers = [first, postgres_deployments.beside(first), postgres_deployments.beside(first)]
    until(lambda: "serving the API: 3" in status(first)[1], "all three are known")
    # Each learns of the others with its own next heartbeat, within six seconds; until then it admits more. Both are seen by what is admitted.
    rate = 50
    admitted, ended = [], []

    def load(server):
        with server.sender(first.credentials) as sender:
            while not ended:
                if sender.call("/listStreams", {"MaxResults": 1}).status == 200:
                    admitted.append(time.monotonic())

    threads = [threading.Thread(target=load, args=(server,)) for server in servers]
    for thread in threads:
        thread.start()
    try:
        def is_shared():
            """The last three seconds, in which every bucket was empty."""
            now = time.monotonic()
            if now - start < 3:
                return False
            count = sum(1 for moment in admitted if now - 3 <= moment)
            return 0.9 * rate * 3 <= count <= 1.1 * rate * 3

        start = time.monotonic()
        until(is_shared, "three instances admit 50 calls a second, within a tenth")
    finally:
        ended.append(True)
        for thread in threads:
            thread.join()


def test_draining(deployments):
    """Readiness fails first, calls are answered for as long as a load balancer needs to notice, then the instance ends, within its bound."""
    server = deployments.server("--drain-seconds", "3", "--stop-seconds", "5")
    client = server.client()
    client.create_stream(StreamName="before")
    start = time.monotonic()
    server.process.terminate()
    until(lambda: page(server, "/ready") == (503, "not ready: draining\n"), "not ready")
    assert page(server, "/live")[0] == 200
    client.create_stream(StreamName="meanwhile")
    until(lambda: client.describe_stream(StreamName="meanwhile")["StreamInfo"]["Status"] == "ACTIVE", "ACTIVE")
    assert server.wait() == 0
    assert time.monotonic() - start < 3 + 5 + 2
    again = deployments.again(server)
    assert sorted(s["StreamName"] for s in again.client().list_streams()["StreamInfoList"]) == ["before", "meanwhile"]
    assert again.database.query("SELECT count(*) FROM task") == ["0"]


def test_a_long_poll_does_not_hold_up_the_end(deployments):
    server = deployments.server("--stop-seconds", "30")
    thing = "arn:aws:iot:us-east-1:123456789012:thing/hub"
    from deployment import read_credentials

    made = run_weir("keys", "create", "--thing", thing, "--data-dir", server.folder, *server.database.flags)
    credentials = read_credentials(made.stdout, "weir-hub")
    answers = []

    def poll():
        with server.sender(credentials) as sender:
            answers.append(sender.call("/edgeAgent/fetchEdgeConfigurations", {"HubDeviceArn": thing, "WaitTimeInSeconds": 20}))

    thread = threading.Thread(target=poll)
    thread.start()
    until(lambda: 'operation="FetchEdgeConfigurations"' not in page(server, "/metrics")[1], "under way")
    start = time.monotonic()
    server.process.terminate()
    thread.join()
    assert answers[0].status == 200 and answers[0].json == {"EdgeConfigurations": [], "RemovedStreamARNs": []}
    assert server.wait() == 0
    assert time.monotonic() - start < 10
