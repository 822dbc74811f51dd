"""GetClip through boto3: what ffmpeg made comes back as MP4, frame for frame."""

import re
import subprocess
import time
from pathlib import Path

import pytest

import media
from calls import fresh, refused, wait_active
from media import head, media_client, persisted, put
from test_media_get import film  # noqa: F401

# 320 x 240, as x264 describes it.
AVCC = bytes.fromhex("0164000dffe100196764000dacd94141fb011000000300100000030320f142996001000668ebe3cb22c0fdf8f800")


@pytest.fixture
def stream(new_stream):
    return new_stream(DataRetentionInHours=24)["StreamName"]


def selector(start=None, end=None, source="PRODUCER_TIMESTAMP"):
    """A range that ends now unless it is given otherwise, of an hour."""
    end = end if end is not None else time.time()
    return {"FragmentSelectorType": source, "TimestampRange": {"StartTimestamp": start if start is not None else end - 3600, "EndTimestamp": end}}


def clip(server, stream, **range):
    answer = media_client(server, stream, "GET_CLIP").get_clip(StreamName=stream, ClipFragmentSelector=selector(**range))
    return answer, answer["Payload"].read()


def pass_the_second():
    """Returns in another second than it was called in: boto3 sends whole seconds, and what is of this one is no earlier than its end."""
    second = int(time.time())
    while int(time.time()) == second:
        time.sleep(0.02)


def frames(data, *options):
    """Hashes of each stream's frames, in order."""
    found = {}
    done = subprocess.run(
        ["ffmpeg", "-v", "warning", "-i", "pipe:", "-map", "0", *options, "-f", "framemd5", "-"], input=data, capture_output=True, timeout=120)
    assert done.returncode == 0 and not done.stderr, done.stderr.decode()
    for line in done.stdout.decode().splitlines():
        if not line.startswith("#"):
            fields = [field.strip() for field in line.split(",")]
            found.setdefault(fields[0], []).append(fields[5])
    return found


def test_a_clip_is_what_was_sent(server, stream, film, tmp_path):
    start = int(time.time()) - 60
    told = put(server, stream, *(film[at:at + 4096] for at in range(0, len(film), 4096)), type="RELATIVE", start=str(start))
    assert len(persisted(told)) >= 3
    pass_the_second()
    for source in ("PRODUCER_TIMESTAMP", "SERVER_TIMESTAMP"):
        answer, data = clip(server, stream, source=source)
        assert answer["ContentType"] == "video/mp4"
        assert int(answer["ResponseMetadata"]["HTTPHeaders"]["content-length"]) == len(data)
        assert [data[4:8], data[data.index(b"moov"):][:4]] == [b"ftyp", b"moov"] and data.index(b"moov") < data.index(b"mdat")
        assert frames(data, "-c", "copy") == frames(film, "-c", "copy")
    # A player needs no more than the file.
    file = tmp_path / "clip.mp4"
    file.write_bytes(data)
    done = subprocess.run(["ffprobe", "-v", "warning", "-show_entries", "stream=width,height,codec_name", file], capture_output=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr.decode()
    assert b"width=320" in done.stdout and b"codec_name=aac" in done.stdout
    # A range takes the fragments that start in it; boto3 sends whole seconds.
    _, part = clip(server, stream, start=start + 2)
    assert 0 < len(frames(part, "-c", "copy")["0"]) < len(frames(data, "-c", "copy")["0"])


def test_a_clip_is_in_the_order_of_its_producer(server, stream):
    """What a camera sends later, after it was away, and what it sends several times."""
    now = media.now_ms() - 60_000
    parts = {place: (film_of("V_MPEG4/ISO/AVC", AVCC, PICTURE[:-1] + bytes([place]), now + 80 * place)) for place in (2, 0, 1)}
    for place in (2, 0, 1, 1, 1, 1):
        assert persisted(put(server, stream, *parts[place]))
    _, data = clip(server, stream)
    assert data[data.index(b"mdat") + 4:] == b"".join(2 * (PICTURE[:-1] + bytes([place])) for place in range(3))


def test_refusals(server, stream, new_stream):
    client = media_client(server, stream, "GET_CLIP")
    now = time.time()
    refusal = lambda error, status, **members: refused(client, "GetClip", error, status, **{"StreamName": stream, **members})  # noqa: E731
    assert refusal("ResourceNotFoundException", 404, ClipFragmentSelector=selector()) == "No fragments found in the stream for the clip request."
    for start, end, source in [(now, now - 1, "PRODUCER_TIMESTAMP"), (now, now, "PRODUCER_TIMESTAMP"), (now - 86_401, now, "PRODUCER_TIMESTAMP"),
                               (now - 10, now + 60, "SERVER_TIMESTAMP")]:
        assert "EndTimestamp" in refusal("InvalidArgumentException", 400, ClipFragmentSelector=selector(start, end, source))
    arn = server.client().describe_stream(StreamName=stream)["StreamInfo"]["StreamARN"]
    assert "StreamARN" in refusal("InvalidArgumentException", 400, StreamARN=arn, ClipFragmentSelector=selector())
    stranger = arn.replace(arn.split(":")[4], "999999999999")
    refused(client, "GetClip", "AccessDeniedException", 403, StreamARN=stranger, ClipFragmentSelector=selector())
    bare = new_stream(DataRetentionInHours=0)["StreamName"]
    refused(client, "GetClip", "NoDataRetentionException", 400, StreamName=bare, ClipFragmentSelector=selector())


def film_of(codec, details, frame, timecode):
    """A fragment with two frames of one track."""
    is_audio = codec.startswith("A_")
    entry = media.element("AE", b"".join([
        media.element("D7", b"\x01"), media.element("73C5", b"\x01"), media.element("83", b"\x02" if is_audio else b"\x01"), media.element("86", codec.encode()),
        *([media.element("63A2", details)] if details else []),
        *([] if is_audio else [media.element("E0", media.element("B0", media.number(320)) + media.element("BA", media.number(240)))])]))
    plain = head()
    at = plain.index(bytes.fromhex("1654AE6B"))
    return plain[:at] + media.element("1654AE6B", entry), media.element("1F43B675", b"".join([
        media.element("E7", media.number(timecode)), *(media.element("A3", b"\x81" + time.to_bytes(2, "big") + b"\x80" + frame) for time in (0, 40))]))


PICTURE = b"\x00\x00\x00\x02\x65\x88"


@pytest.mark.parametrize("codec, details, frame, error, text", [
    ("V_MPEG4/ISO/AVC", b"", PICTURE, "MissingCodecPrivateDataException", "Missing codec private data in fragment for track 1."),
    ("V_MPEG4/ISO/AVC", b"\x00\x00\x00\x01\x67", PICTURE, "InvalidCodecPrivateDataException", "codec private data"),
    ("V_MPEG4/ISO/AVC", AVCC, b"\x00\x00\x00\x09\x65", "InvalidMediaFrameException", "could not be parsed"),
    ("V_VP8", AVCC, PICTURE, "UnsupportedStreamMediaTypeException", "could not be determined"),
])
def test_media_that_cannot_be_a_clip(server, stream, codec, details, frame, error, text):
    assert persisted(put(server, stream, *film_of(codec, details, frame, media.now_ms() - 60_000)))
    client = media_client(server, stream, "GET_CLIP")
    assert text in refused(client, "GetClip", error, 400, StreamName=stream, ClipFragmentSelector=selector())


def test_a_clip_of_large_fragments_takes_little_memory(sqlite_deployments):
    """Twice 40 MB, of which no more is in memory than a piece and a frame."""
    server = sqlite_deployments.server()
    name = fresh("stream")
    server.client().create_stream(StreamName=name, DataRetentionInHours=24)
    wait_active(server.client(), name)
    frame, start = b"\x65" + bytes(999_999), media.now_ms() - 60_000
    picture = len(frame).to_bytes(4, "big") + frame
    header, _ = film_of("V_MPEG4/ISO/AVC", AVCC, PICTURE, start)
    clusters = [media.element("1F43B675", media.element("E7", media.number(start + 2000 * number)) + b"".join(
        media.element("A3", b"\x81" + (40 * time).to_bytes(2, "big") + b"\x80" + picture) for time in range(40))) for number in range(2)]
    assert len(persisted(put(server, name, header, *clusters))) == 2
    # What took them has memory that a clip could use.
    server.terminate()
    server = sqlite_deployments.again(server)
    pass_the_second()
    process = Path(f"/proc/{server.process.pid}")
    memory = lambda kind: int(re.search(rf"{kind}:\s+(\d+) kB", (process / "status").read_text())[1]) // 1024  # noqa: E731
    before = memory("VmRSS")
    (process / "clear_refs").write_text("5")
    _, data = clip(server, name)
    assert len(data) > 80_000_000 and data.count(frame[:64]) >= 80
    assert memory("VmHWM") - before <= 24


def test_codec_data_and_tracks_that_change(server, new_stream):
    start = media.now_ms() - 60_000
    other = AVCC[:3] + b"\x0E" + AVCC[4:]
    for codec, details, error in [("V_MPEG4/ISO/AVC", other, "InvalidCodecPrivateDataException"),
                                  ("A_AAC", b"\x11\x90", "UnsupportedStreamMediaTypeException")]:
        stream = new_stream(DataRetentionInHours=24)["StreamName"]
        assert persisted(put(server, stream, *film_of("V_MPEG4/ISO/AVC", AVCC, PICTURE, start)))
        assert persisted(put(server, stream, *film_of(codec, details, PICTURE, start + 2000)))
        client = media_client(server, stream, "GET_CLIP")
        refused(client, "GetClip", error, 400, StreamName=stream, ClipFragmentSelector=selector())
