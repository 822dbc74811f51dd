"""`weir media put` and `weir media get`: files that real muxers made go in and come back frame for frame, whatever happens to the connection."""

import json
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

import media
from deployment import Deployments, binary, clean_environment, run_weir, until

FFMPEG = ["ffmpeg", "-v", "error", "-y", "-bitexact"]
PICTURE = ["-f", "lavfi", "-i", "testsrc=s=128x96:r=25:d=6"]
SOUND = ["-f", "lavfi", "-i", "sine=440:r=48000:d=6"]
H264 = ["-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-bf", "2"]
AAC = ["-c:a", "aac", "-b:a", "32k"]


def make(path, *words):
    subprocess.run([*FFMPEG, *words, str(path)], check=True, timeout=60)
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A file of each kind that people have."""
    folder = tmp_path_factory.mktemp("clips")
    h264 = make(folder / "h264.mkv", *PICTURE, *SOUND, *H264, *AAC)
    laced = folder / "laced.mkv"
    subprocess.run(["mkvmerge", "-q", "-o", str(laced), str(h264)], check=True, timeout=60)
    return {
        "h264": h264,
        # Open groups of pictures, and references among the pictures that are shown before those they follow.
        "h265": make(folder / "h265.mkv", *PICTURE, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "keyint=50:bframes=3:log-level=error"),
        "audio": make(folder / "audio.mkv", *SOUND, *AAC),
        "webm": make(folder / "vp8.webm", *PICTURE, *SOUND, "-c:v", "libvpx", "-deadline", "realtime", "-g", "50", "-c:a", "libopus"),
        "laced": laced,
        # Sound that ends before the pictures do.
        "short sound": make(folder / "short.mkv", *PICTURE, "-f", "lavfi", "-i", "sine=440:r=48000:d=3", *H264, *AAC),
    }


def environment(server, **more):
    key = server.credentials
    own = {
        "AWS_ACCESS_KEY_ID": key.access_key, "AWS_SECRET_ACCESS_KEY": key.secret_key, "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server.endpoint}
    return clean_environment(**own | more)


def start(server, verb, *words, more={}, **options):
    return subprocess.Popen(
        [binary(), "media", verb, *map(str, words)], env=environment(server, **more), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        **options)


def run(server, verb, *words, input=None, **more):
    """`more`: environment variables."""
    with start(server, verb, *words, more=more, stdin=subprocess.PIPE) as process:
        output, errors = process.communicate(input, timeout=120)
    return process.returncode, output, errors.decode()


def frames(data):
    """Of each stream, the hashes of its packets in the order of the decoder."""
    found = {}
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", "pipe:", "-map", "0", "-c", "copy", "-f", "framemd5", "-"], input=data, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    for line in done.stdout.decode().splitlines():
        if line and not line.startswith("#"):
            # What follows is about data beside the packet, such as what of a sound is to be left out.
            stream, _, _, _, size, digest, *_ = (part.strip() for part in line.split(","))
            found.setdefault(stream, []).append((size, digest))
    return found


def times(path_or_data):
    """Presentation times of the first stream's packets, from the first one on, in milliseconds."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "0", "-show_entries", "packet=pts_time", "-of", "json", "pipe:"], input=path_or_data,
        capture_output=True, timeout=60, check=True)
    found = [float(packet["pts_time"]) for packet in json.loads(done.stdout)["packets"]]
    return [round((time - min(found)) * 1000) for time in found]


def listed(server, stream):
    client = media.media_client(server, stream, "LIST_FRAGMENTS")
    pages = client.get_paginator("list_fragments").paginate(StreamName=stream)
    return [fragment for page in pages for fragment in page["Fragments"]]


@pytest.fixture(scope="module")
def engine():
    """What clients do has nothing to do with the engine; one test below looks at the other one."""
    return "sqlite"


@pytest.fixture(scope="module")
def server(engine, tmp_path_factory):
    """Ends what is read soon after the last fragment."""
    made = Deployments(engine, tmp_path_factory.mktemp("shared"))
    yield made.server("--get-media-idle-seconds", "1")
    made.close()


@pytest.fixture
def stream(new_stream):
    return new_stream(DataRetentionInHours=24)["StreamName"]


@pytest.mark.parametrize("kind", ["h264", "h265", "audio", "webm", "laced", "short sound"])
def test_a_file_goes_in_and_comes_back_frame_for_frame(server, stream, clips, kind):
    source = clips[kind].read_bytes()
    before = time.time()
    status, _, told = run(server, "put", "--stream", stream, clips[kind])
    assert status == 0, told
    assert re.search(rf"{stream}: stored \d+ fragments, \d+\.\d MB", told)
    status, back, told = run(server, "get", "--stream", stream)
    assert status == 0, told
    if kind == "short sound":
        # The file that comes back has a second document, of pictures only; players that read one document see the first.
        assert all(frames(source)[name][:len(part)] == part for name, part in frames(back).items())
    else:
        assert frames(back) == frames(source)
        assert times(back) == times(source)
    fragments = sorted(listed(server, stream), key=lambda fragment: fragment["FragmentNumber"])
    assert before - 1 < fragments[0]["ProducerTimestamp"].timestamp() < time.time()
    starts = [fragment["ProducerTimestamp"] for fragment in fragments]
    assert starts == sorted(set(starts)) and len(starts) >= 3


def test_a_file_on_postgres(postgres_deployments, clips):
    server = postgres_deployments.server("--get-media-idle-seconds", "1")
    server.client().create_stream(StreamName="gate-7", DataRetentionInHours=24)
    assert run(server, "put", "--stream", "gate-7", clips["h264"])[0] == 0
    check_once(server, "gate-7", clips["h264"])


def test_a_pipe_goes_in(server, stream, clips):
    """As a camera comes: over a pipe, with the time of its first frame."""
    recording = clips["h264"].read_bytes()
    words = ["ffmpeg", "-v", "error", "-i", str(clips["h264"]), "-c", "copy", "-f", "matroska", "-"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as muxing, \
            start(server, "put", "--stream", stream, "-", stdin=muxing.stdout) as process:
        _, told = process.communicate(timeout=120)
        assert muxing.wait(30) == 0 and process.returncode == 0, told
    _, back, _ = run(server, "get", "--stream", stream)
    assert frames(back) == frames(recording)


def test_the_time_of_a_file(server, stream, clips):
    assert run(server, "put", "--stream", stream, clips["audio"], "--start", "2026-01-02T03:04:05Z")[0] == 0
    first = min(fragment["ProducerTimestamp"] for fragment in listed(server, stream))
    assert first.isoformat() == "2026-01-02T03:04:05+00:00"


class Relay:
    """Passes connections on to a server until they are cut."""

    def __init__(self, port):
        self._target = port
        self._open = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near = self._listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            with self._lock:
                self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pass(source, sink):
        try:
            while part := source.recv(65536):
                sink.sendall(part)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self):
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                connection.close()
            self._open = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()
        self.cut()


def test_a_connection_that_breaks(server, stream, clips):
    """Cut twice in the middle of a file that is sent as fast as it plays: nothing is lost, nothing is there twice."""
    with Relay(server.port) as relay:
        process = subprocess.Popen(
            [binary(), "media", "put", "--stream", stream, str(clips["h264"]), "--realtime"],
            env=environment(server) | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{relay.port}"}, stderr=subprocess.PIPE)
        for count in (1, 3):
            until(lambda: len(listed(server, stream)) >= count, f"{count} fragments")
            relay.cut()
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()
    assert b"going on with what is not stored yet" in errors
    check_once(server, stream, clips["h264"])


def check_once(server, stream, clip):
    starts = [fragment["ProducerTimestamp"] for fragment in listed(server, stream)]
    assert len(starts) == len(set(starts))
    _, back, _ = run(server, "get", "--stream", stream)
    assert frames(back) == frames(clip.read_bytes())


def test_a_server_that_is_killed_and_started(sqlite_deployments, clips):
    server = sqlite_deployments.server()
    server.client().create_stream(StreamName="gate-7", DataRetentionInHours=24)
    process = start(server, "put", "--stream", "gate-7", clips["h264"], "--realtime", stdin=subprocess.DEVNULL)
    until(lambda: len(listed(server, "gate-7")) >= 1, "a fragment")
    server.kill()
    server = sqlite_deployments.again(server, port=server.port)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()
    check_once(server, "gate-7", clips["h264"])


def test_one_that_is_stopped_does_not_wait_for_a_server_that_says_nothing(sqlite_deployments, clips):
    """Within the time after which it gives up, with status 1, and the number of fragments that are not stored."""
    server = sqlite_deployments.server()
    server.client().create_stream(StreamName="gate-7", DataRetentionInHours=24)
    process = start(server, "put", "--stream", "gate-7", clips["h264"], "--realtime", "--give-up", "2", stdin=subprocess.DEVNULL)
    until(lambda: len(listed(server, "gate-7")) >= 1, "a fragment")
    server.process.send_signal(signal.SIGSTOP)
    try:
        process.terminate()
        _, errors = process.communicate(timeout=60)
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert process.returncode == 1, errors.decode()
    assert re.search(r"stopped, and nothing was stored for 2 seconds: \d+ fragments are not stored", errors.decode()), errors.decode()


def test_a_stream_that_keeps_nothing(server, new_stream, clips):
    name = new_stream()["StreamName"]
    status, _, told = run(server, "put", "--stream", name, clips["audio"])
    assert status == 0 and "stored" not in told, told
    assert re.search(rf"{name}: received \d+ fragments, \d+\.\d MB; nothing of it is kept, since the retention of the stream is 0 hours", told)


def test_statuses(server, stream, clips, tmp_path):
    """0: all is stored; 1: not all; 64: wrong words."""
    assert run(server, "put", "--stream", stream, tmp_path / "missing.mkv")[0] == 1
    assert run(server, "put", stream)[0] == 64
    assert run(server, "put", "--stream", stream, clips["audio"], "--start", "noon")[0] == 64
    status, _, told = run(server, "put", "--stream", "nobody", clips["audio"])
    assert status == 1 and "ResourceNotFoundException" in told
    status, _, told = run(server, "put", "--stream", stream, "-", input=b"RIFF")
    assert status == 1 and "not Matroska" in told
    broken = clips["h264"].read_bytes()[:-3000]
    status, _, told = run(server, "put", "--stream", stream, "-", input=broken)
    assert status == 1 and "breaks off" in told and listed(server, stream)
    assert run(server, "get", "--stream", "nobody")[0] == 1


def test_standard_output_that_takes_nothing(server, stream, clips):
    """A full disk is a failure, whatever is written; a reader that has left is an end."""
    assert run(server, "put", "--stream", stream, clips["h264"])[0] == 0
    keys = ["keys", "create", "--data-dir", str(server.folder), *server.database.flags]
    for words in (["media", "get", "--stream", stream], ["openapi"], keys):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([binary(), *words], env=environment(server), stdout=full, stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == 1 and b"standard output cannot be written: No space left on device" in done.stderr, done
        with subprocess.Popen([binary(), *words], env=environment(server), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdout.close()
            assert process.wait(60) in (0, -signal.SIGPIPE)


def test_tracks_that_change_begin_another_document(server, stream, clips):
    for clip in ("h264", "h264", "h265"):
        assert run(server, "put", "--stream", stream, clips[clip])[0] == 0
    status, back, told = run(server, "get", "--stream", stream)
    assert status == 0 and "2 Matroska documents" in told and back.count(bytes.fromhex("1A45DFA3")) == 2
    assert "Matroska documents" not in run(server, "get", "--stream", stream, "--from", "now")[2]


def test_what_trying_again_cannot_mend_fails_at_once(sqlite_deployments, authority, clips):
    """A wrong key, a certificate that is not trusted or of another name, a server without TLS: each with its reason."""
    pem, elsewhere = authority.pem(), authority.pem(("elsewhere.example.com",))
    encrypted = sqlite_deployments.server("--tls-certificate", pem, "--tls-key", pem)
    other = sqlite_deployments.server("--tls-certificate", elsewhere, "--tls-key", elsewhere)
    plain = sqlite_deployments.server()
    encrypted.client(verify=authority.file).create_stream(StreamName="gate", DataRetentionInHours=1)
    trusting = {"AWS_CA_BUNDLE": str(authority.file)}

    def refused(server, **environment):
        # Giving up takes minutes.
        began = time.monotonic()
        status, _, told = run(server, "put", "--stream", "gate", clips["audio"], **environment)
        assert status == 1 and time.monotonic() - began < 60 and "gave up" not in told, told
        return told

    assert run(encrypted, "put", "--stream", "gate", clips["audio"], **trusting)[0] == 0
    assert "not of an authority that is trusted here" in refused(encrypted)
    assert "its certificate is for another name" in refused(other, **trusting)
    assert "it does not speak TLS" in refused(plain, AWS_ENDPOINT_URL=plain.endpoint.replace("http:", "https:"))
    assert "403 UnrecognizedClientException" in refused(encrypted, **trusting, AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE")
    assert "403 InvalidSignatureException" in refused(encrypted, **trusting, AWS_SECRET_ACCESS_KEY="wrong" * 8)
    # The key of a device, which may say what it does and no more.
    device = encrypted.key("--thing", "arn:aws:iot:us-east-1:123456789012:thing/hub")
    assert "403 AccessDeniedException" in refused(
        encrypted, **trusting, AWS_ACCESS_KEY_ID=device.access_key, AWS_SECRET_ACCESS_KEY=device.secret_key)


def test_a_stream_that_keeps_nothing(server, new_stream, clips):
    name = new_stream()["StreamName"]
    status, _, told = run(server, "put", "--stream", name, clips["h264"])
    assert status == 0, told


def export(server, stream, path, *words):
    return run_weir("media", "export", stream, path, "--data-dir", server.folder, *server.database.flags, *server.flags, *words)


def check_file(path):
    """Fails where a reader of Matroska has anything to say against a file; returns its duration in seconds."""
    told = subprocess.run(["mkvinfo", "--ui-language", "en_US", "-v", str(path)], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0 and not re.search("error|warning|unknown element|damaged", told.stdout + told.stderr, re.I), told.stdout
    assert "size unknown" not in told.stdout
    done = subprocess.run(
        ["ffprobe", "-v", "warning", "-show_entries", "format=duration", "-of", "csv=p=0", str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stderr == ""
    return float(done.stdout)


@pytest.mark.parametrize("kind", ["h264", "h265", "audio", "webm"])
def test_an_export_is_a_file_as_players_want_it(server, stream, clips, kind, tmp_path):
    assert run(server, "put", "--stream", stream, clips[kind])[0] == 0
    path = tmp_path / "out.mkv"
    done = export(server, stream, path)
    assert done.returncode == 0, done.stderr
    assert f"{len(listed(server, stream))} fragments, {path.stat().st_size} bytes: {path}" in done.stdout
    assert frames(path.read_bytes()) == frames(clips[kind].read_bytes())
    assert times(path.read_bytes()) == times(clips[kind].read_bytes())
    assert 5.5 < check_file(path) < 6.5
    # A player jumps by the index: from four seconds on there is less than half of it.
    rest = subprocess.run(
        ["ffmpeg", "-v", "error", "-ss", "4.5", "-i", str(path), "-map", "0:0", "-c", "copy", "-f", "framemd5", "-"], capture_output=True, text=True,
        timeout=60, check=True).stdout.splitlines()
    assert 0 < sum(not line.startswith("#") for line in rest) < len(frames(path.read_bytes())["0"]) / 2
    again = export(server, stream, path)
    assert again.returncode != 0 and "File exists" in again.stderr


def test_an_export_of_a_time_and_of_what_changes(server, stream, clips, tmp_path):
    """--from and --to take the fragments that begin in them; another format is another file, and so is a clock that went back."""
    assert run(server, "put", "--stream", stream, clips["h264"], "--start", "2026-01-02T03:04:05Z")[0] == 0
    first = sorted(listed(server, stream), key=lambda fragment: fragment["ProducerTimestamp"])
    begin = first[1]["ProducerTimestamp"].timestamp()
    part = tmp_path / "part.mkv"
    done = export(server, stream, part, "--producer-time", "--from", f"{begin:.3f}", "--to", f"{begin + 0.1:.3f}")
    assert done.returncode == 0 and done.stdout.startswith("1 fragments, "), done.stderr
    assert 1.5 < check_file(part) < 2.5
    assert run(server, "put", "--stream", stream, clips["webm"])[0] == 0
    assert run(server, "put", "--stream", stream, clips["webm"], "--start", "2026-01-02T03:04:05Z")[0] == 0
    done = export(server, stream, tmp_path / "all.mkv")
    assert done.returncode == 0, done.stderr
    files = [tmp_path / name for name in ("all.mkv", "all.2.mkv", "all.3.mkv")]
    assert [frames(path.read_bytes()) for path in files] == [frames(clips[kind].read_bytes()) for kind in ("h264", "webm", "webm")]
    assert all(5.5 < check_file(path) < 6.5 for path in files)
    empty = export(server, stream, tmp_path / "empty.mkv", "--to", "2001-01-01T00:00:00Z")
    assert empty.returncode == 1 and empty.stdout.startswith("0 fragments") and not (tmp_path / "empty.mkv").exists()
    assert "no stream nobody" in export(server, "nobody", tmp_path / "nobody.mkv").stderr
