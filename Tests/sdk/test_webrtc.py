"""WebRTC peers that really exchange media: aiortc as master and as viewer, directly and through coturn."""

import asyncio
import base64
import hmac
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack

from browser import chromium
from calls import call, fresh, wait_channel
from deployment import DEADLINE, clean_environment, until
from signaling import Peers, api


@pytest.fixture
def channel():
    def make(server):
        client, name = server.client(), fresh("channel")
        arn = call(client, "CreateSignalingChannel", ChannelName=name)["ChannelARN"]
        wait_channel(client, name)
        return arn

    return make


def encoded(description):
    return base64.b64encode(json.dumps({"type": description.type, "sdp": description.sdp}).encode()).decode()


def decoded(message, only):
    """What a peer sent, with candidates of one kind alone where that is asked."""
    description = json.loads(base64.b64decode(message["messagePayload"]))
    lines = description["sdp"].split("\r\n")
    if only:
        lines = [line for line in lines if not line.startswith("a=candidate:") or f" typ {only}" in line]
    assert any(line.startswith("a=candidate:") for line in lines), "there is no candidate"
    return RTCSessionDescription("\r\n".join(lines), description["type"])


def connection(server, arn):
    """A peer connection with the ICE servers that the deployment tells."""
    servers = api(server).get_ice_server_config(ChannelARN=arn)["IceServerList"]
    return RTCPeerConnection(
        RTCConfiguration([RTCIceServer(each["Uris"], each["Username"], each["Password"]) for each in servers]))


async def seen(seeing, viewer, master, only=None):
    """Has a viewer ask for what a master sends, and see three pictures. Returns the kinds of the candidates that they come by. `master` answers."""
    loop = asyncio.get_running_loop()
    seeing.addTransceiver("video", direction="recvonly")
    tracks = asyncio.Queue()
    seeing.on("track", tracks.put_nowait)
    await seeing.setLocalDescription(await seeing.createOffer())
    viewer.send("SDP_OFFER", encoded(seeing.localDescription))
    await master()
    await seeing.setRemoteDescription(decoded(await loop.run_in_executor(None, viewer.message), only))
    track = await tracks.get()
    frames = [await track.recv() for _ in range(3)]
    assert all(frame.width > 0 for frame in frames) and frames[0].pts != frames[2].pts
    ice = seeing.getTransceivers()[0].receiver.transport.transport._connection
    return {pair.remote_candidate.type for pair in ice._nominated.values()}


async def exchange(server, arn, only=None):
    """Has a viewer see what a master sends. Returns the kinds of the candidates that the viewer's media comes by."""
    peers = Peers(server)
    loop = asyncio.get_running_loop()
    master, viewer = peers.master(arn), peers.viewer(arn, "phone")
    sending, seeing = connection(server, arn), connection(server, arn)
    sending.addTrack(VideoStreamTrack())

    async def answer():
        offer = await loop.run_in_executor(None, master.message)
        await sending.setRemoteDescription(decoded(offer, only))
        await sending.setLocalDescription(await sending.createAnswer())
        master.send("SDP_ANSWER", encoded(sending.localDescription), to=offer["senderClientId"])

    try:
        return await seen(seeing, viewer, answer, only)
    finally:
        await sending.close()
        await seeing.close()
        peers.close()


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, DEADLINE))


def test_a_viewer_sees_what_the_master_sends(sqlite_deployments, channel):
    server = sqlite_deployments.server()
    assert run(exchange(server, channel(server)))


EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "webrtc"


@contextmanager
def example_master(server):
    """docs/webrtc/master.py as it runs, once viewers may come; the value is the ARN of its channel."""
    example = subprocess.Popen(
        [sys.executable, EXAMPLES / "master.py", "example"], stdout=subprocess.PIPE, text=True,
        env=clean_environment(
            AWS_SHARED_CREDENTIALS_FILE=str(server.credentials_file), AWS_PROFILE="weir", AWS_ENDPOINT_URL=server.endpoint,
            AWS_EC2_METADATA_DISABLED="true"))
    try:
        arn = example.stdout.readline().strip()
        assert example.stdout.readline().startswith("connected")
        yield arn
    finally:
        example.kill()
        example.wait(DEADLINE)
        example.stdout.close()


def test_the_master_of_the_example(sqlite_deployments):
    """It makes its channel, waits for viewers, and sends them a picture."""
    server = sqlite_deployments.server()

    async def watch(arn):
        peers, seeing = Peers(server), connection(server, arn)
        try:
            return await seen(seeing, peers.viewer(arn, "phone"), lambda: asyncio.sleep(0))
        finally:
            await seeing.close()
            peers.close()

    with example_master(server) as arn:
        assert run(watch(arn))


def watch_in_a_browser(server, arn, folder, relay):
    """Opens docs/webrtc/viewer.html, signs and connects there, and waits until the picture moves. Returns what there is to see."""
    fields = {"endpoint": server.endpoint, "key": server.credentials.access_key, "secret": server.credentials.secret_key, "arn": arn}
    with chromium(folder) as viewer:
        viewer.open(f"{(EXAMPLES / 'viewer.html').as_uri()}#{urlencode(fields)}")
        viewer(f"document.querySelector('[name=relay]').checked = {json.dumps(relay)}; document.querySelector('button').click()")
        said = "document.querySelector('output').textContent"
        until(lambda: viewer(said) == "connected", lambda: viewer(said))
        video = "document.querySelector('video')"
        until(lambda: viewer(f"{video}.videoWidth") == 640, "the picture is as large as the master sends it")
        frames = f"{video}.getVideoPlaybackQuality().totalVideoFrames"
        first = viewer(frames)
        until(lambda: viewer(frames) > first + 10, "the picture moves")
        return viewer.picture()


def test_a_browser_sees_the_picture(sqlite_deployments, tmp_path):
    server = sqlite_deployments.server("--cors-origins", "null")
    with example_master(server) as arn:
        watch_in_a_browser(server, arn, tmp_path, relay=False)


class Coturn:
    """coturn on loopback, with the secret that it shares with the server under test."""

    def __init__(self, folder, *secrets):
        program = shutil.which("turnserver")
        assert program, "coturn is missing: ops/install test gets it"
        self.port = free_port()
        file = folder / "turnserver.conf"
        file.write_text("\n".join([
            "use-auth-secret", *(f"static-auth-secret={secret}" for secret in secrets), "realm=weir.test", "listening-ip=127.0.0.1", "relay-ip=127.0.0.1",
            f"listening-port={self.port}", "no-cli", "no-tls", "no-dtls", "no-multicast-peers", "fingerprint",
            # In tests alone: the peers are on this machine.
            "allow-loopback-peers", f"userdb={folder}/turn.db", f"pidfile={folder}/turn.pid", "log-file=stdout", "simple-log",
        ]))
        file.chmod(0o600)
        self.log = open(folder / "turn.log", "w")
        self.process = subprocess.Popen([program, "-c", str(file)], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        try:
            until(self.answers, "coturn answers")
        except AssertionError:
            self.close()
            raise

    def answers(self):
        with socket.socket() as asking:
            asking.settimeout(1)
            return asking.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self):
        self.process.terminate()
        self.process.wait(DEADLINE)
        self.log.close()


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def coturn(tmp_path):
    made = []

    def start(*secrets):
        made.append(Coturn(tmp_path, *secrets))
        return made[-1]

    yield start
    for each in made:
        each.close()


def relayed(sqlite_deployments, tmp_path, coturn, *flags):
    secret = tmp_path / "secret"
    secret.write_text("north\n")
    secret.chmod(0o600)
    return sqlite_deployments.server(
        "--turn-servers", f"turn:127.0.0.1:{coturn.port}?transport=udp", "--turn-secret-file", secret, *flags)


def test_media_goes_through_coturn(sqlite_deployments, tmp_path, coturn, channel):
    """The peers tell each other of relayed candidates alone."""
    server = relayed(sqlite_deployments, tmp_path, coturn("north"))
    assert run(exchange(server, channel(server), only="relay")) == {"relay"}


def test_a_new_secret_takes_the_place_of_the_old_one(sqlite_deployments, tmp_path, coturn, channel):
    """coturn takes both for a while; Weir tells credentials of the new one once it is told to."""
    server = relayed(sqlite_deployments, tmp_path, coturn("north", "south"))
    arn = channel(server)

    def told():
        return api(server).get_ice_server_config(ChannelARN=arn)["IceServerList"][0]

    def made_by(secret, server):
        return server["Password"] == base64.b64encode(hmac.digest(secret, server["Username"].encode(), "sha1")).decode()

    assert made_by(b"north", told())
    assert run(exchange(server, arn, only="relay")) == {"relay"}
    new = tmp_path / "new"
    new.write_text("south\nnorth\n")
    new.chmod(0o600)
    new.rename(tmp_path / "secret")
    server.process.send_signal(signal.SIGHUP)
    server.logged("read certificates, TURN secret and log level again")
    assert made_by(b"south", told())
    assert run(exchange(server, arn, only="relay")) == {"relay"}
    # A file that says nothing leaves the secret as it is.
    (tmp_path / "secret").write_text("\n")
    server.process.send_signal(signal.SIGHUP)
    server.logged("nothing was read again")
    assert made_by(b"south", told())
    assert "south" not in server.log


def test_coturn_refuses_credentials_of_another_secret(sqlite_deployments, tmp_path, coturn, channel):
    """So that the test above would fail if the credentials were wrong."""
    server = relayed(sqlite_deployments, tmp_path, coturn("south"))
    with pytest.raises(AssertionError, match="no candidate"):
        run(exchange(server, channel(server), only="relay"))


def test_a_browser_sees_the_picture_through_coturn(sqlite_deployments, tmp_path, coturn):
    """The browser offers relayed candidates alone."""
    turn = coturn("north")
    server = relayed(sqlite_deployments, tmp_path, turn, "--cors-origins", "null")
    with example_master(server) as arn:
        picture = watch_in_a_browser(server, arn, tmp_path, relay=True)
        if kept := os.environ.get("WEIR_SCREENSHOT"):
            Path(kept).write_bytes(picture)
