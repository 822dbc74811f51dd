"""HLS and DASH as players meet them: sessions through boto3, what their addresses lead to through plain HTTP, frames through ffmpeg."""

import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree

import pytest

import media
from calls import refused
from media import media_client, persisted, put
from test_media_clip import AVCC, PICTURE, film_of, frames, pass_the_second
from test_media_get import film  # noqa: F401


@pytest.fixture
def stream(new_stream):
    return new_stream(DataRetentionInHours=24)["StreamName"]


@pytest.fixture
def filled(server, stream, film):  # noqa: F811
    """A stream with a film that started a minute ago, by its producer."""
    start = time.time() - 60
    told = put(server, stream, *(film[at:at + 4096] for at in range(0, len(film), 4096)), type="RELATIVE", start=f"{start:.3f}")
    assert len(persisted(told)) >= 3
    pass_the_second()
    return stream


def selector(source="PRODUCER_TIMESTAMP", start=None, end=None):
    end = time.time() if end is None else end
    return {"FragmentSelectorType": source, "TimestampRange": {"StartTimestamp": end - 3600 if start is None else start, "EndTimestamp": end}}


def hls(server, stream, **members):
    return media_client(server, stream, "GET_HLS_STREAMING_SESSION_URL").get_hls_streaming_session_url(StreamName=stream, **members)["HLSStreamingSessionURL"]


def dash(server, stream, **members):
    return media_client(server, stream, "GET_DASH_STREAMING_SESSION_URL").get_dash_streaming_session_url(StreamName=stream, **members)["DASHStreamingSessionURL"]


def fetch(url, method="GET", **headers):
    request = urllib.request.Request(url, method=method, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def text(url):
    status, _, body = fetch(url)
    assert status == 200, body
    return body.decode()


def played(url):
    """The frames that ffmpeg finds at an address."""
    done = subprocess.run(["ffmpeg", "-v", "error", "-allowed_extensions", "ALL", "-i", url, "-map", "0", "-c", "copy", "-f", "framemd5", "-"],
                          capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    found = {}
    for line in done.stdout.decode().splitlines():
        if not line.startswith("#"):
            fields = [field.strip() for field in line.split(",")]
            found.setdefault(fields[0], []).append(fields[5])
    return found


def pictures(source, *options):
    """The decoded pictures, whatever carries them."""
    name = source if isinstance(source, str) else "pipe:"
    done = subprocess.run(["ffmpeg", "-v", "error", *options, "-i", name, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"],
                          input=None if name is source else source, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return [line.split(",")[5].strip() for line in done.stdout.decode().splitlines() if not line.startswith("#")]


def media_playlists(url):
    master = text(url)
    found = [line for line in master.splitlines() if line and not line.startswith("#")]
    found += re.findall(r'URI="([^"]+)"', master)
    return master, [urllib.parse.urljoin(url, each) for each in found]


def check(playlist):
    """What RFC 8216 demands of a media playlist; returns its segments."""
    lines = playlist.splitlines()
    assert lines[0] == "#EXTM3U" and playlist.endswith("\n")
    for tag in ("#EXT-X-VERSION:", "#EXT-X-TARGETDURATION:", "#EXT-X-MEDIA-SEQUENCE:"):
        assert sum(line.startswith(tag) for line in lines) == 1, tag
    target = int(re.search(r"#EXT-X-TARGETDURATION:(\d+)", playlist)[1])
    segments = []
    map_, pending = None, {}
    for line in lines[1:]:
        if line.startswith("#EXTINF:"):
            pending["seconds"] = float(re.fullmatch(r"#EXTINF:(\d+\.\d{3}),", line)[1])
            # Section 4.3.3.1: rounded to the nearest integer, not more than the target.
            assert int(pending["seconds"] + 0.5) <= target
        elif line == "#EXT-X-DISCONTINUITY":
            pending["discontinuous"] = True
        elif line.startswith("#EXT-X-MAP:"):
            map_ = re.search(r'URI="([^"]+)"', line)[1]
        elif line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
            pending["time"] = line.split(":", 1)[1]
        elif line and not line.startswith("#"):
            assert "seconds" in pending, "a segment without EXTINF"
            segments.append({"address": line, "map": map_, **pending})
            pending = {}
    assert not pending
    assert len({segment["address"] for segment in segments}) == len(segments)
    return segments


@pytest.mark.parametrize("source", ["PRODUCER_TIMESTAMP", "SERVER_TIMESTAMP"])
def test_hls_is_what_was_sent(server, filled, film, source):  # noqa: F811
    url = hls(server, filled, PlaybackMode="ON_DEMAND", HLSFragmentSelector=selector(source), DisplayFragmentTimestamp="ALWAYS")
    assert urllib.parse.urlsplit(url).path == "/hls/v1/getHLSMasterPlaylist.m3u8"
    master, playlists = media_playlists(url)
    assert re.search(r'CODECS="avc1\.[0-9a-f]{6},mp4a\.40\.2"', master) and "RESOLUTION=320x240" in master and len(playlists) == 2
    video, audio = (check(text(each)) for each in playlists)
    assert [each["seconds"] for each in video] == [each["seconds"] for each in audio] and len(video) >= 3
    assert all("time" in each and "getMP4InitFragment.mp4" in each["map"] for each in video)
    assert [bool(each.get("discontinuous")) for each in video[1:]] == [source == "SERVER_TIMESTAMP"] * (len(video) - 1)
    text_ = text(playlists[0])
    assert "#EXT-X-PLAYLIST-TYPE:VOD" in text_ and text_.endswith("#EXT-X-ENDLIST\n")
    if source == "SERVER_TIMESTAMP":
        # What was sent at once starts at once, and overlaps.
        return
    sent = frames(film, "-c", "copy")
    # Each track by itself, as bytes: the initialization and all segments make a file.
    for playlist, track in zip(playlists, ("0", "1")):
        segments = check(text(playlist))
        whole = b"".join(fetch(urllib.parse.urljoin(playlist, each))[2] for each in [segments[0]["map"], *(each["address"] for each in segments)])
        assert frames(whole, "-c", "copy")["0"] == sent[track]
    assert sorted(played(url).values()) == sorted(sent.values())


def test_transport_streams_are_what_was_sent(server, filled, film):  # noqa: F811
    url = hls(server, filled, PlaybackMode="ON_DEMAND", ContainerFormat="MPEG_TS", HLSFragmentSelector=selector())
    _, playlists = media_playlists(url)
    assert len(playlists) == 1
    segments = check(text(playlists[0]))
    assert all(each["map"] is None and each["address"].startswith("getTSFragment.ts?") for each in segments)
    for each in segments:
        status, headers, body = fetch(urllib.parse.urljoin(url, each["address"]))
        assert status == 200 and headers["Content-Type"] == "video/mp2t" and len(body) % 188 == 0 and set(body[::188]) == {0x47}
    assert pictures(url, "-allowed_extensions", "ALL") == pictures(film)


def test_dash_is_what_was_sent(server, filled, film):  # noqa: F811
    url = dash(server, filled, PlaybackMode="ON_DEMAND", DASHFragmentSelector=selector(), DisplayFragmentNumber="ALWAYS", DisplayFragmentTimestamp="ALWAYS")
    manifest = xml.etree.ElementTree.fromstring(text(url))
    names = {"": "urn:mpeg:dash:schema:mpd:2011"}
    assert manifest.get("type") == "static" and manifest.get("mediaPresentationDuration")
    sets = manifest.findall("Period/AdaptationSet", names)
    assert [each.get("contentType") for each in sets] == ["video", "audio"]
    for each in sets:
        spans = each.findall("SegmentTemplate/SegmentTimeline/S", names)
        assert len(spans) >= 3 and all(int(a.get("t")) + int(a.get("d")) <= int(b.get("t")) for a, b in zip(spans, spans[1:]))
        assert all(any(name.endswith("}fn") for name in span.keys()) and any(name.endswith("}ts") for name in span.keys()) for span in spans)
    # Each track by itself, as the manifest names it.
    sent = frames(film, "-c", "copy")
    for each, track in zip(sets, ("0", "1")):
        template = each.find("SegmentTemplate", names)
        parts = [template.get("initialization")] + [template.get("media").replace("$Time$", span.get("t")) for span in template.iterfind("SegmentTimeline/S", names)]
        whole = b"".join(fetch(urllib.parse.urljoin(url, part))[2] for part in parts)
        assert frames(whole, "-c", "copy")["0"] == sent[track]


def test_live_lists_the_newest(server, stream):
    start = media.now_ms() - 9000
    header, first = film_of("V_MPEG4/ISO/AVC", AVCC, PICTURE, start)
    clusters = [first] + [film_of("V_MPEG4/ISO/AVC", AVCC, PICTURE, start + 1000 * index)[1] for index in range(1, 9)]
    with media.Producer(server, stream) as producer:
        assert producer.status == 200
        producer.send(header, *clusters[:5])
        eventually(lambda: len(listed(server, stream)) >= 4)
        known = len(listed(server, stream))
        url = hls(server, stream, MaxMediaPlaylistFragmentResults=3, Expires=300)
        _, (playlist,) = media_playlists(url)
        # As many as there may be: what is there is listed at once.
        _, (wide,) = media_playlists(hls(server, stream, MaxMediaPlaylistFragmentResults=5000))
        assert len(check(text(wide))) == known
        before = text(playlist)
        assert "#EXT-X-MEDIA-SEQUENCE:0\n" in before and "ENDLIST" not in before and len(check(before)) == 3
        producer.send(*clusters[5:]).end()
        producer.rest()
    eventually(lambda: len(listed(server, stream)) == 9)
    after = text(playlist)
    segments, old = check(after), check(before)
    passed = 9 - known
    assert f"#EXT-X-MEDIA-SEQUENCE:{passed}\n" in after and len(segments) == 3
    assert len(check(text(wide))) == 9
    # hls.js and AVPlayer stop where discontinuities that are gone are not counted. Each but the first was one.
    assert f"#EXT-X-DISCONTINUITY-SEQUENCE:{passed - 1}\n" in after or passed == 1
    assert segments[-1]["address"] not in [each["address"] for each in old]


def eventually(holds):
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def listed(server, stream):
    return media_client(server, stream, "LIST_FRAGMENTS").list_fragments(StreamName=stream, MaxResults=1000)["Fragments"]


def test_a_token_is_all_that_is_needed_and_all_that_counts(server, filled, new_stream):
    url = hls(server, filled, PlaybackMode="ON_DEMAND", HLSFragmentSelector=selector())
    assert fetch(url)[0] == 200
    _, headers, _ = fetch(url, Origin="https://player.example")
    assert headers["Access-Control-Allow-Origin"] == "https://player.example"
    status, headers, _ = fetch(url, method="OPTIONS", Origin="https://player.example", Access_Control_Request_Method="GET")
    assert status == 200 and "GET" in headers["Access-Control-Allow-Methods"]
    status, headers, body = fetch(url, method="HEAD")
    assert status == 200 and int(headers["Content-Length"]) > 100 and body == b""
    token = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["SessionToken"][0]
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)
    flipped = token[:40] + ("A" if token[40] != "A" else "B") + token[41:]
    for wrong in (flipped, "", "x" * 5000, token[:-4]):
        status, headers, body = fetch(url.replace(token, wrong))
        assert status == 403 and headers["x-amzn-ErrorType"] == "AccessDeniedException" and b"token is invalid" in body
    # A session of HLS is none of DASH.
    assert fetch(url.replace("/hls/v1/getHLSMasterPlaylist.m3u8", "/dash/v1/getDASHManifest.mpd"))[0] == 403
    # What is outside of its range is not there, nor is what is of another stream.
    # boto3 sends whole seconds, and two fragments may start in one.
    first, *_, last = sorted(listed(server, filled), key=lambda each: each["ProducerTimestamp"])
    part = hls(server, filled, PlaybackMode="ON_DEMAND", HLSFragmentSelector=selector(start=last["ProducerTimestamp"].timestamp()))
    segment = part.replace("getHLSMasterPlaylist.m3u8", "getMP4MediaFragment.mp4") + "&TrackNumber=1&FragmentNumber="
    assert fetch(segment + last["FragmentNumber"])[0] == 200
    for number in (first["FragmentNumber"], "1", "x", "9" * 200):
        assert fetch(segment + number)[0] == 404
    assert fetch(segment.replace("TrackNumber=1", "TrackNumber=9") + last["FragmentNumber"])[0] == 404
    assert token not in server.log


def test_rules_of_sessions(server, stream, filled, new_stream):
    for name, key, path in (("GetHLSStreamingSessionURL", "HLSFragmentSelector", "GET_HLS_STREAMING_SESSION_URL"),
                            ("GetDASHStreamingSessionURL", "DASHFragmentSelector", "GET_DASH_STREAMING_SESSION_URL")):
        client = media_client(server, stream, path)
        now = time.time()
        bad = lambda text, **members: text in refused(client, name, "InvalidArgumentException", 400, StreamName=filled, **members)  # noqa: B023, E731
        assert bad("TimestampRange", PlaybackMode="LIVE", **{key: selector()})
        assert bad("TimestampRange", PlaybackMode="ON_DEMAND")
        assert bad("TimestampRange", PlaybackMode="LIVE_REPLAY", **{key: {"FragmentSelectorType": "SERVER_TIMESTAMP"}})
        assert bad("EndTimestamp", PlaybackMode="ON_DEMAND", **{key: {"TimestampRange": {"StartTimestamp": now - 10}}})
        assert bad("later", PlaybackMode="ON_DEMAND", **{key: selector(start=now, end=now - 1)})
        assert bad("24 hours", PlaybackMode="ON_DEMAND", **{key: selector(start=now - 86_401, end=now)})
        assert bad("past", PlaybackMode="ON_DEMAND", **{key: selector("SERVER_TIMESTAMP", end=now + 60)})
        empty = new_stream(DataRetentionInHours=24)["StreamName"]
        found = refused(client, name, "ResourceNotFoundException", 404, StreamName=empty)
        assert found == "No fragments found in the stream for the streaming request."
        refused(client, name, "ResourceNotFoundException", 404, StreamName="nobody")
        bare = new_stream(DataRetentionInHours=0)["StreamName"]
        refused(client, name, "NoDataRetentionException", 400, StreamName=bare)
        arn = server.client().describe_stream(StreamName=filled)["StreamInfo"]["StreamARN"]
        refused(client, name, "InvalidArgumentException", 400, StreamName=filled, StreamARN=arn)
        stranger = arn.replace(arn.split(":")[4], "999999999999")
        refused(client, name, "AccessDeniedException", 403, StreamARN=stranger)
    # The end may be absent where a session goes on.
    replay = hls(server, filled, PlaybackMode="LIVE_REPLAY", HLSFragmentSelector={"TimestampRange": {"StartTimestamp": time.time() - 3600}})
    _, playlists = media_playlists(replay)
    assert 1 <= len(check(text(playlists[0]))) <= 5


@pytest.mark.parametrize("codec, details, error", [
    ("V_MPEG4/ISO/AVC", b"", "MissingCodecPrivateDataException"),
    ("V_MPEG4/ISO/AVC", b"\x00\x00\x00\x01\x67", "InvalidCodecPrivateDataException"),
    ("V_VP8", AVCC, "UnsupportedStreamMediaTypeException"),
])
def test_media_that_cannot_be_played(server, stream, codec, details, error):
    assert persisted(put(server, stream, *film_of(codec, details, PICTURE, media.now_ms() - 5000)))
    for name, path in (("GetHLSStreamingSessionURL", "GET_HLS_STREAMING_SESSION_URL"), ("GetDASHStreamingSessionURL", "GET_DASH_STREAMING_SESSION_URL")):
        refused(media_client(server, stream, path), name, error, 400, StreamName=stream)


def test_a_frame_that_cannot_be_read_is_told_to_whoever_asks_for_it(server, stream):
    """A session has no error for it, and goes on with what follows."""
    start = media.now_ms() - 20_000
    assert persisted(put(server, stream, *film_of("V_MPEG4/ISO/AVC", AVCC, b"\x00\x00\x00\x09\x65", start)))
    assert persisted(put(server, stream, *film_of("V_MPEG4/ISO/AVC", AVCC, PICTURE, start + 1000)))
    _, (playlist,) = media_playlists(hls(server, stream, PlaybackMode="ON_DEMAND", HLSFragmentSelector=selector(end=time.time() + 60)))
    told = [fetch(urllib.parse.urljoin(playlist, each["address"])) for each in check(text(playlist))]
    assert [status for status, _, _ in told] == [400, 200]
    assert told[0][1]["x-amzn-ErrorType"] == "InvalidMediaFrameException"
    assert fetch(dash(server, stream, PlaybackMode="ON_DEMAND", DASHFragmentSelector=selector(end=time.time() + 60)))[0] == 200


def test_codec_private_data_that_changes(server, stream):
    start = media.now_ms() - 20_000
    other = AVCC[:3] + b"\x0E" + AVCC[4:]
    for details, at in ((AVCC, start), (other, start + 1000)):
        assert persisted(put(server, stream, *film_of("V_MPEG4/ISO/AVC", details, PICTURE, at)))
    _, (playlist,) = media_playlists(hls(server, stream, HLSFragmentSelector={"FragmentSelectorType": "PRODUCER_TIMESTAMP"}))
    segments = check(text(playlist))
    assert segments[1].get("discontinuous") and segments[0]["map"] != segments[1]["map"]
    assert fetch(urllib.parse.urljoin(playlist, segments[0]["map"]))[2] != fetch(urllib.parse.urljoin(playlist, segments[1]["map"]))[2]
    client = media_client(server, stream, "GET_DASH_STREAMING_SESSION_URL")
    refused(client, "GetDASHStreamingSessionURL", "InvalidCodecPrivateDataException", 400, StreamName=stream)


def test_codec_private_data_that_goes_missing(server, stream):
    start = media.now_ms() - 20_000
    assert persisted(put(server, stream, *film_of("V_MPEG4/ISO/AVC", AVCC, PICTURE, start)))
    _, (playlist,) = media_playlists(hls(server, stream, PlaybackMode="ON_DEMAND", HLSFragmentSelector=selector(end=time.time() + 60)))
    assert len(check(text(playlist))) == 1
    assert persisted(put(server, stream, *film_of("V_MPEG4/ISO/AVC", b"", PICTURE, start + 1000)))
    status, headers, body = fetch(playlist)
    assert status == 400 and headers["x-amzn-ErrorType"] == "MissingCodecPrivateDataException"
    assert b"Missing codec private data in fragment for track 1." in body


def test_two_key_frames_in_a_fragment(server, stream):
    """Both are there, and both are known as such."""
    assert persisted(put(server, stream, *film_of("V_MPEG4/ISO/AVC", AVCC, PICTURE, media.now_ms() - 20_000)))
    _, (playlist,) = media_playlists(hls(server, stream, PlaybackMode="ON_DEMAND", HLSFragmentSelector=selector(end=time.time() + 60)))
    (segment,) = check(text(playlist))
    file = b"".join(fetch(urllib.parse.urljoin(playlist, segment[part]))[2] for part in ("map", "address"))
    shown = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "packet=flags", "-of", "csv=p=0", "pipe:"], input=file, capture_output=True).stdout
    assert [flags[:1] for flags in shown.split()] == [b"K", b"K"]


def test_of_fragments_that_start_together_the_newest_is_listed(server, stream):
    start = media.now_ms() - 20_000
    for _ in range(2):
        assert persisted(put(server, stream, *film_of("V_MPEG4/ISO/AVC", AVCC, PICTURE, start)))
    newest = max(each["FragmentNumber"] for each in listed(server, stream))
    _, (playlist,) = media_playlists(hls(server, stream, PlaybackMode="ON_DEMAND", HLSFragmentSelector=selector()))
    (segment,) = check(text(playlist))
    assert newest in segment["address"]
