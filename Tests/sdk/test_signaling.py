"""Masters and viewers over WebSockets: how they connect, what they tell each other, and how they part."""

import base64
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from calls import call, fresh, wait_channel
from deployment import DEADLINE, clean_environment, run_weir, until
from signaling import CLOSE, TEXT, Peer, Peers, Refused, api, presigned, stun
from signing import read_response

ROOT = Path(__file__).resolve().parents[2]
OFFER, ANSWER, CANDIDATE = "SDP_OFFER", "SDP_ANSWER", "ICE_CANDIDATE"


@pytest.fixture
def peers_of():
    """Connects peers to a server, until the test ends."""
    made = []

    def make(server):
        made.append(Peers(server))
        return made[-1]

    yield make
    for peers in made:
        peers.close()


@pytest.fixture
def peers(server, peers_of):
    return peers_of(server)


@pytest.fixture
def arn(new_channel):
    return new_channel()["ChannelARN"]


def channel(client, **members):
    name = fresh("channel")
    arn = call(client, "CreateSignalingChannel", ChannelName=name, **members)["ChannelARN"]
    wait_channel(client, name)
    return arn


def channel_of(server, **members):
    client = server.client()
    try:
        return channel(client, **members)
    finally:
        client.close()


def failure(peer):
    """The next message, which must tell of a failure."""
    message = peer.message()
    assert message["messageType"] == "STATUS_RESPONSE" and message["messagePayload"] == "e30=", message
    status = message["statusResponse"]
    assert status["success"] is False and isinstance(status["statusCode"], str)
    return status


def refusal(connect):
    with pytest.raises(Refused) as refused:
        connect()
    assert refused.value.headers["date"] and refused.value.headers["x-amzn-requestid"]
    return refused.value


# --- messages ---


def test_a_master_and_viewers_talk(peers, arn):
    master, phone, tablet = peers.master(arn), peers.viewer(arn, "phone"), peers.viewer(arn, "tablet")
    # As the JavaScript SDK writes, and as the C SDK does.
    phone.send(OFFER, "cGhvbmU=")
    assert master.message() == {"messagePayload": "cGhvbmU=", "messageType": OFFER, "senderClientId": "phone"}
    tablet.text(json.dumps({"action": OFFER, "RecipientClientId": "", "MessagePayload": "dGFi", "CorrelationId": "1", "IceServerList": []}))
    assert master.message() == {"messagePayload": "dGFi", "messageType": OFFER, "senderClientId": "tablet"}
    master.send(ANSWER, "YW5z", to="tablet", correlation="2")
    assert tablet.message() == {"messagePayload": "YW5z", "messageType": ANSWER}
    # Some viewers name a recipient, or who they are: neither counts.
    phone.send(CANDIDATE, "Y2Fu", to="phone", senderClientId="somebody")
    assert master.message() == {"messagePayload": "Y2Fu", "messageType": CANDIDATE, "senderClientId": "phone"}
    assert phone.nothing() and tablet.nothing() and master.nothing()
    for peer in (master, phone, tablet):
        peer.close()


def test_payloads_arrive_unchanged(peers, arn):
    master, viewer = peers.master(arn), peers.viewer(arn, "phone")
    odd = base64.b64encode(b'{"type":"offer","sdp":"v=0","more":{"of":["theirs",1]}}\xff').decode()
    viewer.send(OFFER, odd)
    assert master.message()["messagePayload"] == odd
    # Offers of browsers are larger than the documented 10 KB.
    large = base64.b64encode(bytes(range(256)) * 51)[:13014 // 4 * 4].decode()
    viewer.send(OFFER, large)
    assert master.message()["messagePayload"] == large
    # Android's are URL-safe, without padding.
    viewer.send(OFFER, base64.urlsafe_b64encode(b"\xff\xfe\xfd\xfc").decode().rstrip("="))
    assert master.message()["messagePayload"] == base64.b64encode(b"\xff\xfe\xfd\xfc").decode()


def test_what_is_no_message_is_ignored_or_told(peers, arn):
    master, viewer = peers.master(arn), peers.viewer(arn, "phone")
    for text in ("", "ping", "[]", "{", '{"action":"PING"}', '{"action":"SDP_OFFER","action":"SDP_OFFER"}'):
        viewer.text(text)
    assert viewer.nothing()
    viewer.text('{"action":"PING","correlationId":"p"}')
    assert failure(viewer)["correlationId"] == "p"
    for payload in ("", "a", "not base64", "cA=", 1):
        viewer.send(OFFER, payload, correlation="c")
        assert "base64" in failure(viewer)["description"]
    viewer.send(OFFER, "cA==")
    assert master.message()["messageType"] == OFFER and master.nothing()
    # RFC 6455, section 8.1.
    viewer.text(b'{"action":"\xff\xfe"}')
    assert viewer.goodbye()[0] == 1007 and master.nothing()


def test_what_is_out_of_place_is_told_where_asked(peers, arn):
    master, viewer = peers.master(arn), peers.viewer(arn, "phone")
    for peer, action, to in ((master, OFFER, "phone"), (master, ANSWER, ""), (master, ANSWER, None), (viewer, ANSWER, None)):
        peer.send(action, to=to)
        assert peer.nothing()
        peer.send(action, to=to, correlation="a.b-c_1")
        status = failure(peer)
        assert status["correlationId"] == "a.b-c_1" and (status["statusCode"], status["errorType"]) == ("400", "InvalidArgumentException")
        assert "AWS_DEFAULT_SINGLE_MASTER" not in json.dumps(status)
    assert master.nothing() and viewer.nothing()


def test_a_channel_that_stores_its_media_has_no_viewers(peers, client, arn):
    stream = call(client, "CreateStream", StreamName=fresh("stream"), DataRetentionInHours=1)["StreamARN"]
    until(lambda: call(client, "DescribeStream", StreamARN=stream)["StreamInfo"]["Status"] == "ACTIVE", "ACTIVE")
    call(client, "UpdateMediaStorageConfiguration", ChannelARN=arn, MediaStorageConfiguration={"Status": "ENABLED", "StreamARN": stream})
    master, viewer = peers.master(arn), peers.viewer(arn, "phone")
    viewer.send(OFFER, correlation="1")
    assert "MediaStorageConfiguration" in failure(viewer)["description"]
    assert master.nothing()


def test_media_storage_that_changes_while_peers_are_connected(peers, client, arn):
    """Those who are connected are told as those who connect now."""
    stream = call(client, "CreateStream", StreamName=fresh("stream"), DataRetentionInHours=1)["StreamARN"]
    until(lambda: call(client, "DescribeStream", StreamARN=stream)["StreamInfo"]["Status"] == "ACTIVE", "ACTIVE")
    master, viewer = peers.master(arn), peers.viewer(arn, "phone")

    def is_refused():
        viewer.send(CANDIDATE, correlation="1")
        answered = select.select([master.socket, viewer.socket], [], [], DEADLINE)[0]
        if viewer.socket in answered:
            return bool(failure(viewer))
        return master.message()["messageType"] != CANDIDATE

    assert not is_refused()
    call(client, "UpdateMediaStorageConfiguration", ChannelARN=arn, MediaStorageConfiguration={"Status": "ENABLED", "StreamARN": stream})
    until(is_refused, "viewers are refused")
    call(client, "UpdateMediaStorageConfiguration", ChannelARN=arn, MediaStorageConfiguration={"Status": "DISABLED", "StreamARN": stream})
    until(lambda: not is_refused(), "viewers meet the master again")


def test_fragments_and_pings(peers, arn):
    master, viewer = peers.master(arn), peers.viewer(arn, "phone")
    text = json.dumps({"action": OFFER, "messagePayload": "cA=="}).encode()
    viewer.frame(TEXT, text[:10], last=False)
    assert viewer.nothing()
    viewer.frame(0, text[10:20], last=False)
    viewer.frame(0, text[20:])
    assert master.message()["messageType"] == OFFER


# --- who is not there ---


def test_what_waits_is_delivered_in_order_and_first(peers, arn):
    viewer = peers.viewer(arn, "phone")
    viewer.send(OFFER, "b2xk")
    viewer.send(CANDIDATE, "b2xkMQ==")
    # A new offer begins anew: what belonged to the old one is forgotten.
    viewer.send(OFFER, "bmV3")
    for number in range(5):
        viewer.send(CANDIDATE, base64.b64encode(b"%d" % number).decode())
    assert viewer.nothing()
    until(lambda: peers.server.database.query(f"SELECT count(*) FROM mailbox WHERE channel = '{arn.split('/')[1]}'") == ["6"], "all wait")
    master = peers.master(arn)
    viewer.send(CANDIDATE, "bGF0ZQ==")
    expected = ["bmV3", *(base64.b64encode(b"%d" % number).decode() for number in range(5)), "bGF0ZQ=="]
    assert [master.message()["messagePayload"] for _ in expected] == expected
    assert master.nothing()
    # Once, and to nobody else.
    assert peers.master(arn).nothing()


def test_a_master_gets_all_that_waited_at_once(peers, arn):
    """More than a client may leave unread of what is sent to it now: 240 messages, 640 KiB."""
    viewers = [peers.viewer(arn, f"phone-{number}") for number in range(8)]
    payload = base64.b64encode(bytes(2048)).decode()
    for viewer in viewers:
        for _ in range(30):
            viewer.send(CANDIDATE, payload)
        assert viewer.nothing()
    until(lambda: peers.server.database.query(f"SELECT count(*) FROM mailbox WHERE channel = '{arn.split('/')[1]}'") == ["240"], "all wait")
    master = peers.master(arn)
    viewers[0].send(CANDIDATE, "bGFzdA==")
    assert [master.message()["messagePayload"] for _ in range(241)] == [payload] * 240 + ["bGFzdA=="]


def test_offers_while_the_master_connects_are_not_lost(peers, client):
    """Whatever the moment: sent before, while and after the master connects, each arrives once and in order."""
    arn = channel(client)
    viewer = peers.viewer(arn, "phone")
    for number in range(10):
        first, second = f"{number:02d}", f"{number + 50:02d}"
        viewer.send(CANDIDATE, base64.b64encode(first.encode()).decode())
        master = peers.master(arn)
        viewer.send(CANDIDATE, base64.b64encode(second.encode()).decode())
        got = [base64.b64decode(master.message()["messagePayload"]).decode() for _ in range(2)]
        assert got == [first, second]
        master.close()


def test_what_waits_too_long_is_forgotten(peers, client):
    arn = channel(client, SingleMasterConfiguration={"MessageTtlSeconds": 5})
    viewer = peers.viewer(arn, "phone")
    viewer.send(OFFER)
    name = arn.split("/")[1]
    rows = lambda: peers.server.database.rows(f"SELECT expires_at FROM mailbox WHERE channel = '{name}'")
    until(rows, "it waits")
    until(lambda: time.time() * 1000 > int(rows()[0][0]) + 100, "its time is over")
    assert peers.master(arn).nothing()


def test_no_more_waits_than_may(peers, arn):
    viewer = peers.viewer(arn, "phone")
    for number in range(50):
        viewer.send(CANDIDATE)
    viewer.send(CANDIDATE, correlation="one-more")
    status = failure(viewer)
    assert status["correlationId"] == "one-more" and status["errorType"] == "ClientLimitExceededException"
    master = peers.master(arn)
    assert len([master.message() for _ in range(50)]) == 50 and master.nothing()


# --- who is who ---


@pytest.mark.parametrize(
    "path, host, client_id, sender", [
        ("/master", None, "phone", None), ("/viewer", None, "phone", "phone"), ("/", "m-1234.example.com", "MASTER", None),
        ("/", "v-1234.example.com", "phone", "phone"), ("/", None, None, None), ("/", None, "MASTER", None), ("/", None, "phone", "phone"),
        ("//master", None, None, None),
    ])
def test_roles(peers, arn, path, host, client_id, sender):
    """By path, by host, or by the ClientId; `sender` is who a viewer is."""
    other = peers.viewer(arn, "other") if sender is None else peers.master(arn)
    peer = Peer(peers.server, presigned(peers.server, arn, client_id, path, host), host)
    if sender is None:
        peer.send(ANSWER, to="other")
        assert "senderClientId" not in other.message()
    else:
        peer.send(OFFER)
        assert other.message()["senderClientId"] == sender
    peer.close()


def test_a_newer_connection_takes_over(peers, arn):
    first, viewer = peers.master(arn), peers.viewer(arn, "phone")
    second = peers.master(arn)
    viewer.send(OFFER)
    assert second.message()["messageType"] == OFFER
    first.send(ANSWER, to="phone", correlation="1")
    assert "newer" in failure(first)["description"]
    assert viewer.nothing() and first.nothing()
    # The newest goes: whoever believes to be connected is told to come again.
    second.close()
    assert first.goodbye() == (1001, [])
    # Two wait at most.
    masters = [peers.master(arn) for _ in range(4)]
    assert masters[0].goodbye() == (1001, [])
    assert all(master.nothing() for master in masters[1:])


def test_the_same_viewer_again(peers, arn):
    master, first = peers.master(arn), peers.viewer(arn, "phone")
    second = peers.viewer(arn, "phone")
    master.send(ANSWER, to="phone")
    assert second.message()["messageType"] == ANSWER and first.nothing()


# --- who may connect ---


def test_refusals_say_why(peers, server, client, arn, new_channel):
    def refused(**how):
        how = {"arn": arn, "client": None, "path": "/master"} | how
        answer = refusal(lambda: Peer(server, presigned(server, **how), how.get("host")))
        return answer.status, answer.type, answer.message

    stranger = server.key("--account", "999988887777")
    status, kind, message = refused(credentials=stranger)
    assert (status, kind) == (403, "AccessDeniedException") and "kinesisvideo:ConnectAsMaster" in message
    assert "kinesisvideo:ConnectAsViewer" in refused(credentials=stranger, path="/viewer", client="phone")[2]
    thing = server.key("--thing", "arn:aws:iot:us-east-1:123456789012:thing/t")
    assert refused(credentials=thing)[:2] == (403, "AccessDeniedException")
    assert refused(arn=arn[:-1])[:2] == (404, "ResourceNotFoundException")
    assert refused(arn=arn.replace("channel/", "stream/"))[:2] == (400, "InvalidArgumentException")
    assert refused(arn=arn.replace("us-east-1", "eu-west-1"))[:2] == (400, "InvalidArgumentException")
    assert refused(arn="door")[:2] == (400, "InvalidArgumentException")
    assert refused(arn="")[:2] == (400, "InvalidArgumentException")
    # 1024 characters are as many as the reference has for an ARN.
    assert refused(arn=re.sub("channel/[^/]*", "channel/" + "a" * 1024, arn))[:2] == (400, "InvalidArgumentException")
    for client_id in (None, "not an id", "a" * 257, "AWS_me", "aws_me"):
        assert refused(path="/viewer", client=client_id)[:2] == (400, "InvalidArgumentException"), client_id
    # Whoever may be a viewer alone does not become the master so.
    for path, host in (("/viewer", None), ("/", "v-1234.example.com")):
        assert refused(path=path, host=host, **{"X-Amz-ClientId": ""})[:2] == (400, "InvalidArgumentException")
    # Which of two would be meant is not for the server to guess, though both are signed.
    assert refused(path="/viewer", client=["phone", "tablet"])[:2] == (400, "MalformedHttpRequestException")
    assert refused(arn=[arn, arn])[:2] == (400, "MalformedHttpRequestException")
    assert refused(expires=604_801)[:2] == (403, "IncompleteSignatureException")
    gone = new_channel()
    call(client, "DeleteSignalingChannel", ChannelARN=gone["ChannelARN"])
    assert refused(arn=gone["ChannelARN"])[:2] == (404, "ResourceNotFoundException")


def test_signatures(server, arn):
    good = presigned(server, arn, path="/master", expires=604_800)
    Peer(server, good).close()
    # They are used again when a client reconnects.
    Peer(server, good).close()
    # Clients sign the host without its port, too.
    Peer(server, presigned(server, arn, path="/master", host="127.0.0.1")).close()
    for bad, kind in (
        (re.sub("X-Amz-Signature=.", lambda found: found[0][:-1] + ("0" if found[0][-1] != "0" else "1"), good), "InvalidSignatureException"),
        (good.replace("us-east-1%3A", "us-east-2%3A"), "InvalidSignatureException"),
        (re.sub("X-Amz-Date=[0-9]{8}T", lambda found: "X-Amz-Date=20200101T", good), "InvalidSignatureException"),
        (good.replace("%", "%25"), "IncompleteSignatureException"), ("/master?X-Amz-ChannelARN=" + arn, "MissingAuthenticationTokenException"),
    ):
        answer = refusal(lambda: Peer(server, bad))
        assert (answer.status, answer.type) == (403, kind), answer.message
        assert answer.message


def test_nothing_secret_is_logged(deployments, peers_of):
    server = deployments.server("--log-level", "trace")
    arn = channel_of(server)
    peers = peers_of(server)
    master, viewer = peers.master(arn), peers.viewer(arn, "phone")
    viewer.send(OFFER, "c2VjcmV0LXBheWxvYWQ=")
    assert master.message()["messagePayload"] == "c2VjcmV0LXBheWxvYWQ="
    refusal(lambda: Peer(server, presigned(server, arn + "1", path="/master")))
    master.close()
    viewer.close()
    until(lambda: server.log.count("socket_ended") == 2, "both have ended")
    assert "X-Amz-Signature" not in server.log and "c2VjcmV0" not in server.log
    assert re.search(r"status=101 .*operation=ConnectAsMaster .*resource=channel", server.log)
    assert re.search(r"socket_ended .*operation=ConnectAsViewer .*messages_in=1 .*close=1000", server.log)


# --- how they part ---


def test_deleting_the_channel_disconnects(peers, client, arn):
    master = peers.master(arn)
    call(client, "DeleteSignalingChannel", ChannelARN=arn)
    assert master.goodbye() == (1001, [])
    name = arn.split("/")[1]
    until(lambda: peers.server.database.query(f"SELECT client FROM presence WHERE channel = '{name}'") == [], "it is out of the database")


def test_a_channel_that_is_made_anew_is_another(peers, client, arn):
    """Who is connected to the former one meets nobody of the new one, and is disconnected even where its name is connected there."""
    master, viewer = peers.master(arn), peers.viewer(arn, "phone")
    call(client, "DeleteSignalingChannel", ChannelARN=arn)
    create = lambda: peers.server.sender().call("/createSignalingChannel", {"ChannelName": arn.split("/")[1]})
    anew = until(lambda: create().json.get("ChannelARN"), "the name is free")
    newer = peers.master(anew)
    viewer.send(OFFER, "b2xk")
    assert newer.nothing()
    assert master.goodbye()[0] == 1001 and viewer.goodbye()[0] == 1001
    peers.viewer(anew, "phone").send(OFFER, "bmV3")
    assert newer.message()["messagePayload"] == "bmV3"


@pytest.mark.parametrize("leave", [Peer.close, Peer.vanish])
def test_whoever_leaves_is_out_of_the_database(peers, arn, leave):
    name = arn.split("/")[1]
    present = lambda: peers.server.database.query(f"SELECT client FROM presence WHERE channel = '{name}' AND client <> ''")
    viewer = peers.viewer(arn, "phone")
    assert present() == ["phone"]
    leave(viewer)
    until(lambda: present() == [], "it is out")


def test_a_server_that_stops_tells_its_clients(deployments, peers_of):
    server = deployments.server("--signaling-grace-seconds", "2")
    arn = channel_of(server)
    peers = peers_of(server)
    master, embedded = peers.master(arn), peers.viewer(arn, "phone", headers=["Sec-WebSocket-Protocol: wss"])
    assert "sec-websocket-protocol" not in embedded.headers
    server.process.send_signal(signal.SIGTERM)
    # GO_AWAY brings clients that offer a sub-protocol to a halt, so they are disconnected only.
    assert embedded.goodbye() == (1001, [])
    assert master.goodbye() == (1001, [{"messagePayload": "e30=", "messageType": "GO_AWAY"}])
    for peer in (embedded, master):
        peer.socket.close()
    assert server.wait() == 0
    assert server.database.query("SELECT client FROM presence") == []


def test_operators_see_who_is_connected(peers, server, arn):
    peers.master(arn)
    peers.viewer(arn, "phone")
    flags = ["--data-dir", server.folder, *server.database.flags]
    for named in (arn, arn.split("/")[1]):
        done = run_weir("channels", "connections", named, *flags)
        heads, *rows = [line.split() for line in done.stdout.splitlines()]
        assert heads == ["ROLE", "CLIENT", "INSTANCE", "SINCE"] and [row[0] for row in rows] == ["MASTER", "VIEWER"], done.stderr
        assert rows[1][1] == "phone" and rows[0][-2] == rows[1][-2]
    assert "connected to channels:" in run_weir("status", *flags).stdout
    done = run_weir("channels", "connections", "nowhere", *flags)
    assert done.returncode != 0 and "nowhere" in done.stderr


def told_of(server, arn):
    """The types of the events of a channel that tell of peers, in order."""
    rows = server.database.rows(f"SELECT type FROM event WHERE resource_arn = '{arn}' AND type LIKE '%onnected' ORDER BY sequence")
    return [row[0] for row in rows]


@pytest.mark.parametrize("viewers", ["false", "true"])
def test_events_tell_of_peers(deployments, peers_of, viewers):
    server = deployments.server("--viewer-events", viewers)
    arn, peers = channel_of(server), peers_of(server)
    first = peers.master(arn)
    peers.viewer(arn, "phone").close()
    second = peers.master(arn)
    # The first has no place to lose any more.
    first.close()
    second.vanish()
    expected = ["MasterConnected", "ViewerConnected", "ViewerDisconnected", "MasterConnected", "MasterDisconnected"]
    if viewers == "false":
        expected = [name for name in expected if name.startswith("Master")]
    # A viewer's leaving is written beside what the others do.
    until(lambda: sorted(told_of(server, arn)) == sorted(expected), lambda: told_of(server, arn))
    assert [name for name in told_of(server, arn) if name.startswith("Master")] == [name for name in expected if name.startswith("Master")]


def test_policies_say_who_may_connect(peers, server, client, arn):
    """A user may do what its policies say, by the channel's ARN and tags."""
    name = fresh("signals")

    def weir(*words, document=None):
        done = run_weir(*words, "--data-dir", server.folder, *server.database.flags, input=document)
        assert done.returncode == 0, done.stderr

    call(client, "TagResource", ResourceARN=arn, Tags=[{"Key": "site", "Value": "north"}])
    weir("policy", "put", name, "-", document=json.dumps({"Statement": [
        {"Effect": "Allow", "Action": "kinesisvideo:ConnectAsViewer", "Resource": arn},
        {"Effect": "Allow", "Action": "kinesisvideo:GetIceServerConfig", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/site": "north"}}},
    ]}))
    weir("users", "create", name, "--policy", name)
    user = server.key("--user", name)
    peers.viewer(arn, "phone", credentials=user)
    refused = refusal(lambda: peers.master(arn, credentials=user))
    assert (refused.status, refused.type) == (403, "AccessDeniedException")
    assert refused.message.endswith(f"is not authorized to perform: kinesisvideo:ConnectAsMaster on resource: {arn}")
    other = channel(client)
    assert refusal(lambda: peers.viewer(other, "phone", credentials=user)).status == 403
    signaling = api(server, user)
    assert signaling.get_ice_server_config(ChannelARN=arn)["IceServerList"]
    for refuse in (
        lambda: signaling.get_ice_server_config(ChannelARN=other),
        lambda: signaling.send_alexa_offer_to_master(ChannelARN=arn, SenderClientId="echo", MessagePayload="cA=="),
    ):
        with pytest.raises(ClientError) as denied:
            refuse()
        assert denied.value.response["Error"]["Code"] == "AccessDeniedException"


# --- limits ---


@pytest.fixture(scope="module")
def strict(engine, tmp_path_factory):
    """A server that keeps to the documented limits."""
    from deployment import Deployments

    made = Deployments(engine, tmp_path_factory.mktemp("strict"))
    yield made.server("--profile", "aws")
    made.close()


def patiently(connect):
    """Connects, more slowly where the server says so."""

    def attempt():
        try:
            return connect()
        except Refused as refused:
            assert (refused.status, refused.type) == (400, "ClientLimitExceededException")
            assert "number of connections" in refused.message
            return None

    return until(attempt, "it is admitted")


def test_ten_viewers(strict, peers_of):
    arn, peers = channel_of(strict), peers_of(strict)
    viewers = [patiently(lambda: peers.viewer(arn, f"v{number}")) for number in range(10)]

    def eleventh():
        try:
            return peers.viewer(arn, "v10")
        except Refused as refused:
            assert (refused.status, refused.type) == (400, "ClientLimitExceededException")
            return "10 viewers" in refused.message and refused.message

    assert "10 viewers" in until(eleventh, "it is refused")
    # A viewer that comes again is counted once, and one that goes makes room at once.
    patiently(lambda: peers.viewer(arn, "v3")).close()
    viewers[0].vanish()
    until(lambda: isinstance(eleventh(), Peer), "there is room")


def test_connections_of_a_channel_in_a_second(strict, peers_of):
    arn, peers = channel_of(strict), peers_of(strict)
    refused = []
    for number in range(12):
        try:
            peers.viewer(arn, "phone")
        except Refused as answer:
            refused.append((answer.status, answer.type))
    assert refused and set(refused) == {(400, "ClientLimitExceededException")}
    # Masters have a rate of their own: a crowd of viewers keeps no camera away.
    peers.master(arn)


def test_messages_of_a_client_in_a_second(strict, peers_of):
    arn, peers = channel_of(strict), peers_of(strict)
    viewer = patiently(lambda: peers.viewer(arn, "phone"))
    for _ in range(30):
        viewer.send(OFFER, correlation="x")
    status = failure(viewer)
    assert status["errorType"] == "ClientLimitExceededException" and "in a second" in status["description"]
    # Candidates have a rate of their own.
    viewer.send(CANDIDATE)


def test_large_payloads(strict, peers, arn, peers_of):
    strict_arn, strict_peers = channel_of(strict), peers_of(strict)
    viewer = patiently(lambda: strict_peers.viewer(strict_arn, "phone"))
    viewer.send(OFFER, base64.b64encode(bytes(10_240)).decode(), correlation="fits")
    assert viewer.nothing()
    viewer.send(OFFER, base64.b64encode(bytes(10_241)).decode(), correlation="large")
    assert failure(viewer)["correlationId"] == "large"
    relaxed = peers.viewer(arn, "phone")
    relaxed.send(OFFER, base64.b64encode(bytes(49_152)).decode(), correlation="fits", recipientClientId="m" * 256)
    assert relaxed.nothing()
    relaxed.send(OFFER, base64.b64encode(bytes(49_153)).decode(), correlation="large")
    assert failure(relaxed)["correlationId"] == "large"
    relaxed.frame(TEXT, bytes(81_921))
    assert relaxed.goodbye()[0] == 1009


def test_a_viewer_who_floods_costs_only_itself(peers, arn):
    master, flooding, other = peers.master(arn), peers.viewer(arn, "flooding"), peers.viewer(arn, "other")
    for _ in range(2000):
        flooding.send(CANDIDATE, "eA==")
    other.send(OFFER, "b3RoZXI=")
    got = 0
    while (message := master.message())["senderClientId"] != "other":
        got += 1
    assert message["messagePayload"] == "b3RoZXI=" and 0 < got < 2000
    assert flooding.nothing()


def test_ten_thousand_wrong_signatures(sqlite_deployments, peers_of):
    """Whoever signs wrongly is refused each time, late at first; whoever is connected stays so, and whoever signs well from the same address is let in."""
    server = sqlite_deployments.server("--failed-signatures", "100")
    arn, peers = channel_of(server), peers_of(server)
    master = peers.master(arn)
    wrong = re.sub("Signature=.{16}", "Signature=" + "0" * 16, presigned(server, arn, path="/master"))
    request = (
        f"GET {wrong} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n").encode()

    def refused(_):
        with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as connection:
            connection.sendall(request)
            answer = read_response(connection)
            return answer.status, answer.headers["x-amzn-errortype"]

    with ThreadPoolExecutor(20) as threads:
        found = Counter(threads.map(refused, range(10_000)))
    # From the hundredth on without a look at the key.
    assert set(found) == {(403, "InvalidSignatureException"), (400, "ThrottlingException")} and found[403, "InvalidSignatureException"] >= 100, found
    peers.viewer(arn, "phone").send(OFFER)
    assert master.message()["senderClientId"] == "phone"


# --- requests ---


def test_ice_servers(server, arn):
    client = api(server)
    [found] = client.get_ice_server_config(ChannelARN=arn, ClientId="phone", Service="TURN", Username="me")["IceServerList"]
    assert found["Ttl"] == 300 and len(found["Uris"]) == 1
    expiry, _, rest = found["Username"].partition(":")
    assert 0 < int(expiry) - time.time() <= 301 and base64.b64decode(rest).decode() == "v1:" + arn
    assert found["Uris"] == [f"stun:127.0.0.1:{server.port}"]
    seen, own = stun(found["Uris"][0])
    assert seen == own
    for wrong in (arn[:-1], arn.replace("channel/", "stream/")):
        with pytest.raises(client.exceptions.ClientError) as refused:
            client.get_ice_server_config(ChannelARN=wrong)
        assert refused.value.response["Error"]["Code"] in ("ResourceNotFoundException", "InvalidArgumentException")


def test_turn_servers(sqlite_deployments, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("north\nold\n")
    secret.chmod(0o600)
    first, second = "turn:turn.example.com:3478?transport=udp", "turn:turn.example.com:3478?transport=tcp"
    server = sqlite_deployments.server(
        "--turn-servers", f"{first},{second};turn:other.example.com", "--turn-secret-file", secret, "--stun-bind", "none")
    arn = channel_of(server)
    found = api(server).get_ice_server_config(ChannelARN=arn)["IceServerList"]
    assert [each["Uris"] for each in found] == [[first, second], ["turn:other.example.com"]]
    import hashlib
    import hmac

    expected = base64.b64encode(hmac.new(b"north", found[0]["Username"].encode(), hashlib.sha1).digest()).decode()
    assert found[0]["Password"] == expected
    assert "answering STUN" not in server.log and "north" not in server.log


def test_alexa(peers, server, arn):
    import threading

    client, master = api(server), peers.master(arn)
    answers = []
    asking = threading.Thread(
        target=lambda: answers.append(
            client.send_alexa_offer_to_master(ChannelARN=arn, SenderClientId="echo", MessagePayload="b2ZmZXI=").get("Answer")))
    asking.start()
    offer = master.message()
    assert (offer["messageType"], offer["messagePayload"]) == (OFFER, "b2ZmZXI=")
    # Candidates go nowhere; the answer goes back.
    master.send(CANDIDATE, "Y2Fu", to=offer["senderClientId"])
    master.send(ANSWER, "YW5z", to=offer["senderClientId"])
    asking.join(30)
    assert answers == ["YW5z"]


def test_alexa_waits_for_the_master_and_then_gives_up(server, client, peers_of):
    import threading

    arn = channel(client, SingleMasterConfiguration={"MessageTtlSeconds": 5})
    peers, answers = peers_of(server), []
    asking = threading.Thread(
        target=lambda: answers.append(
            api(server).send_alexa_offer_to_master(ChannelARN=arn, SenderClientId="echo", MessagePayload="b2ZmZXI=").get("Answer")))
    asking.start()
    until(lambda: server.database.query(f"SELECT sender FROM mailbox WHERE channel = '{arn.split('/')[1]}'"), "the offer waits")
    master = peers.master(arn)
    assert master.message()["messageType"] == OFFER
    asking.join(30)
    assert answers == [None]


def test_alexa_of_a_channel_that_is_deleted(server, client):
    import threading

    arn = channel(client, SingleMasterConfiguration={"MessageTtlSeconds": 120})
    refusals = []

    def ask():
        with pytest.raises(ClientError) as refused:
            api(server).send_alexa_offer_to_master(ChannelARN=arn, SenderClientId="echo", MessagePayload="b2ZmZXI=")
        refusals.append(refused.value.response["Error"]["Code"])

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: server.database.query(f"SELECT sender FROM mailbox WHERE channel = '{arn.split('/')[1]}'"), "the offer waits")
    call(client, "DeleteSignalingChannel", ChannelARN=arn)
    # Long before the time for which the channel would keep the offer.
    asking.join(30)
    assert refusals == ["ResourceNotFoundException"]


REQUESTS = {
    "/v1/get-ice-server-config": {"ClientId": "phone"}, "/v1/send-alexa-offer-to-master": {"SenderClientId": "echo", "MessagePayload": "cA=="}}


@pytest.mark.parametrize("path", REQUESTS)
def test_requests_of_strangers(server, sender, arn, path):
    """Who may not, and what is not there."""
    body = REQUESTS[path]
    for key in (server.key("--account", "999988887777"), server.key("--thing", "arn:aws:iot:us-east-1:123456789012:thing/t")):
        with server.sender(key) as stranger:
            answer = stranger.call(path, body | {"ChannelARN": arn})
            assert (answer.status, answer.error) == (403, "AccessDeniedException")
    for wrong, status, error in (
        (arn[:-1], 404, "ResourceNotFoundException"), (arn.replace("us-east-1", "eu-west-1"), 400, "InvalidArgumentException"),
        (arn.replace("channel/", "stream/"), 400, "InvalidArgumentException"),
    ):
        answer = sender.call(path, body | {"ChannelARN": wrong})
        assert (answer.status, answer.error) == (status, error), answer.message
    if "MessagePayload" in body:
        answer = sender.call(path, body | {"ChannelARN": arn, "MessagePayload": "a"})
        assert (answer.status, answer.error) == (400, "InvalidArgumentException")


@pytest.mark.parametrize("path", REQUESTS)
def test_rates_of_requests(strict, path):
    arn = channel_of(strict).rsplit("/", 1)[0] + "/1"
    with strict.sender() as sender:
        found = [sender.call(path, REQUESTS[path] | {"ChannelARN": arn}) for _ in range(20)]
    assert {(answer.status, answer.error) for answer in found} == {(404, "ResourceNotFoundException"), (400, "ClientLimitExceededException")}


def test_storage_sessions_are_refused_with_a_word(sender, arn):
    for path in ("/joinStorageSession", "/joinStorageSessionAsViewer"):
        answer = sender.call(path, {"channelArn": arn, "clientId": "phone"})
        assert answer.status == 404 and "PutMedia" in answer.message


# --- behind balancers ---


@contextmanager
def haproxy(port, instance, *flags):
    """HAProxy with ops/haproxy.cfg before one instance."""
    program = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")
    assert program, "haproxy is missing: ops/install test gets it"
    process = subprocess.Popen(
        [program, "-db", "-f", ROOT / "ops" / "haproxy.cfg", *flags], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=clean_environment(WEIR_BIND=f"127.0.0.1:{port}", WEIR_1=f"127.0.0.1:{instance}"))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def come(connect, what):
    """Connects, as soon as something between lets it."""

    def attempt():
        try:
            return connect()
        except (OSError, Refused):
            return None

    return until(attempt, what)


def test_a_reload_of_haproxy_keeps_websockets(sqlite_deployments, peers_of):
    """Those of before stay with the old process; who comes then comes over the new one."""
    server = sqlite_deployments.server()
    arn = channel_of(server)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    way_in = SimpleNamespace(port=port, credentials=server.credentials)
    peers = peers_of(way_in)

    with haproxy(port, server.port) as old:
        master = come(lambda: peers.master(arn), "HAProxy lets it in")
        viewers = [peers.viewer(arn, f"v{number}") for number in range(100)]
        with haproxy(port, server.port, "-sf", str(old.pid)):
            newcomer = come(lambda: peers.viewer(arn, "newcomer"), "the new HAProxy lets it in")
            for number, viewer in enumerate([*viewers, newcomer]):
                viewer.send(CANDIDATE, numbered([number])[0])
            assert sorted(master.message()["messagePayload"] for _ in range(101)) == sorted(numbered(range(101)))
            assert old.poll() is None


@contextmanager
def nginx(port, instance, folder):
    """nginx with ops/nginx.conf before one instance; it logs to `folder`."""
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    assert program, "nginx is missing: ops/install test gets it"
    site = (ROOT / "ops" / "nginx.conf").read_text()
    for here, there in (("10.0.0.11:7080", f"127.0.0.1:{instance}"), ("listen 7080", f"listen 127.0.0.1:{port}"), ("/var/log/nginx", str(folder))):
        assert here in site
        site = site.replace(here, there)
    site = re.sub(r"server 10\.0\.0\.1[23]:.*", "", site)
    own = "".join(f"{each}_temp_path {folder}/{each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    configuration = folder / "nginx.conf"
    configuration.write_text(f"daemon off; pid {folder}/nginx.pid; events {{}} http {{ {own} {site} }}")
    process = subprocess.Popen(
        [program, "-e", folder / "error.log", "-c", configuration], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def test_nginx_passes_websockets_and_logs_no_query(sqlite_deployments, peers_of, tmp_path):
    server = sqlite_deployments.server()
    arn = channel_of(server)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    peers = peers_of(SimpleNamespace(port=port, credentials=server.credentials))
    with nginx(port, server.port, tmp_path):
        master = come(lambda: peers.master(arn), "nginx lets it in")
        viewer, other = peers.viewer(arn, "phone"), peers.viewer(arn, "tablet", path="/")
        viewer.send(OFFER, "b25l")
        assert master.message() == {"messagePayload": "b25l", "messageType": OFFER, "senderClientId": "phone"}
        master.send(ANSWER, "dHdv", to="tablet")
        assert other.message()["messagePayload"] == "dHdv"
        assert refusal(lambda: peers.viewer(arn, "AWS_me")).type == "InvalidArgumentException"
        for peer in (master, viewer, other):
            peer.close()
    log = (tmp_path / "weir.log").read_text()
    assert log.count("GET /viewer") == 2 and "X-Amz" not in log


# --- several instances ---


def turns(server, arn):
    """How many connections and messages of a channel the database has counted."""
    return int(server.database.rows(f"SELECT signaling_sequence FROM channel WHERE arn = '{arn}'")[0][0])


def numbered(numbers):
    return [base64.b64encode(b"%d" % number).decode() for number in numbers]


def test_a_message_to_somebody_connected_elsewhere_costs_no_statement(postgres_deployments, peers_of):
    first = postgres_deployments.server()
    second = postgres_deployments.beside(first)
    arn, peers = channel_of(first), peers_of(first)
    master, viewer = peers.master(arn), peers.viewer(arn, "phone", server=second)
    assert turns(first, arn) == 2
    sent = numbered(range(100))
    for payload in sent:
        viewer.send(CANDIDATE, payload)
    assert [master.message()["messagePayload"] for _ in sent] == sent
    for payload in sent:
        master.send(CANDIDATE, payload, to="phone")
    assert [viewer.message()["messagePayload"] for _ in sent] == sent
    assert turns(first, arn) == 2
    # A master that was there later is found by way of the database, once.
    tablet = peers.viewer(arn, "tablet")
    newer = peers.master(arn, server=second)
    tablet.send(OFFER, "b25l")
    assert newer.message()["messagePayload"] == "b25l"
    before = turns(first, arn)
    for payload in sent:
        tablet.send(CANDIDATE, payload)
    assert [newer.message()["messagePayload"] for _ in sent] == sent
    assert turns(first, arn) == before


def test_peers_on_two_instances(postgres_deployments, peers_of):
    first = postgres_deployments.server()
    second = postgres_deployments.beside(first)
    arn = channel_of(first)
    peers = peers_of(first)
    master, viewer = peers.master(arn), peers.viewer(arn, "phone", server=second)
    viewer.send(OFFER, "b25l")
    for payload in numbered(range(3)):
        viewer.send(CANDIDATE, payload)
    assert [master.message()["messagePayload"] for _ in range(4)] == ["b25l", *numbered(range(3))]
    master.send(ANSWER, "YW5z", to="phone")
    assert viewer.message() == {"messagePayload": "YW5z", "messageType": ANSWER}
    # A newer master elsewhere takes over, and the old one learns of it.
    newer = peers.master(arn, server=second)
    until(lambda: superseded(master), "it is superseded")
    viewer.send(OFFER, "dHdv")
    assert newer.message()["messagePayload"] == "dHdv"
    # When the newest leaves, over whatever instance, the old one may come again.
    newer.close()
    assert master.goodbye()[0] == 1001
    # An instance that dies takes its connections with it.
    second.kill()
    again = peers.viewer(arn, "phone")
    again.send(OFFER, "dHJl")
    third = peers.master(arn)
    assert third.message()["messagePayload"] == "dHJl"


def test_nothing_is_lost_or_overtaken_while_a_master_moves(postgres_deployments, peers_of):
    """A viewer sends without a break while the master connects over one instance and the other; each message arrives, once, in order."""
    first = postgres_deployments.server()
    second = postgres_deployments.beside(first)
    arn, peers = channel_of(first), peers_of(first)
    viewer = peers.viewer(arn, "phone")
    masters = [peers.master(arn, server=second)]
    for number in range(200):
        viewer.send(CANDIDATE, numbered([number])[0])
        if number % 50 == 49:
            masters.append(peers.master(arn, server=(first, second)[number // 50 % 2]))
    got = [[] for _ in masters]

    def all_got():
        for read, master in zip(got, masters):
            read += there(master)
        return sum(got, []) == numbered(range(200))

    until(all_got, lambda: [[base64.b64decode(payload) for payload in read] for read in got])


def test_nothing_is_lost_by_a_drain(postgres_deployments, peers_of):
    """Viewers send on while the instance of their masters stops. Each master comes to the other instance once it is told to go, and gets every message, once, in
    order."""
    staying = postgres_deployments.server("--signaling-grace-seconds", "2")
    leaving = postgres_deployments.beside(staying)
    peers, received, has_moved = peers_of(staying), {}, set()

    def follow(arn):
        master = received[arn][0]
        for got in iter(lambda: master.read(), None):
            if got[0] == TEXT and json.loads(got[1])["messageType"] != "GO_AWAY":
                received[arn].append(base64.b64decode(json.loads(got[1])["messagePayload"]).decode())
                if received[arn][-1] == "last":
                    return
                continue
            if got[0] == TEXT:
                master.frame(CLOSE, b"\x03\xe8")
                received[arn] += [base64.b64decode(message["messagePayload"]).decode() for message in master.goodbye()[1]]
            master.socket.close()
            master = peers.master(arn, server=staying)
            has_moved.add(arn)

    arns = [channel_of(staying) for _ in range(10)]
    for arn in arns:
        received[arn] = [peers.master(arn, server=leaving)]
    viewers = {arn: peers.viewer(arn, "phone") for arn in arns}
    with ThreadPoolExecutor(len(arns)) as threads:
        following = [threads.submit(follow, arn) for arn in arns]
        number, since = 0, None
        while since is None or number < since + 20:
            for viewer in viewers.values():
                viewer.send(CANDIDATE, numbered([number])[0])
                assert viewer.nothing()
            number += 1
            if number == 20:
                leaving.process.send_signal(signal.SIGTERM)
            if since is None and (len(has_moved) == len(arns) or any(each.done() for each in following)):
                since = number
        for viewer in viewers.values():
            viewer.send(CANDIDATE, base64.b64encode(b"last").decode())
        for each in following:
            each.result(DEADLINE)
    assert leaving.wait() == 0
    for arn in arns:
        assert received[arn][1:] == [*map(str, range(number)), "last"]


def there(peer):
    """The payloads of what is there for a peer now."""
    mark = b"there?"
    peer.frame(9, mark)
    payloads = []
    while (read := peer.read()) != (10, mark):
        payloads.append(json.loads(read[1])["messagePayload"])
    return payloads


def superseded(peer):
    """Whether the peer is told that it was replaced."""
    peer.send(CANDIDATE, to="nobody", correlation="x")
    mark = b"superseded?"
    peer.frame(9, mark)
    told = False
    while (read := peer.read()) != (10, mark):
        told = told or "newer" in json.loads(read[1])["statusResponse"]["description"]
    return told
