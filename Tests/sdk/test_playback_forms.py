"""Whatever films there are: what comes out, in every form, has the frames that went in, at times that rise."""

import json
import re
import subprocess
import time
import urllib.parse
import xml.etree.ElementTree

import pytest

from calls import fresh, refused, wait_active
from deployment import Deployments
from media import media_client, persisted, put
from test_media_clip import clip, pass_the_second
from test_playback import check, dash, fetch, hls, media_playlists, text

SECONDS = 4
PICTURE = ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=25"]
TONE = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
H264 = ["-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-pix_fmt", "yuv420p"]
AAC = ["-c:a", "aac"]
FILMS = {
    "H.264 with B-frames": [*PICTURE, *TONE, *H264, "-bf", "2", *AAC],
    "H.264 without B-frames": [*PICTURE, *TONE, *H264, "-bf", "0", *AAC],
    "H.265": [*PICTURE, *TONE, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "keyint=25:log-level=error", "-pix_fmt", "yuv420p", *AAC],
    "video only": [*PICTURE, *H264, "-bf", "2"],
    "audio only": [*TONE, *AAC],
    "one frame each": ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=1", *H264, "-g", "1"],
    "smaller": ["-f", "lavfi", "-i", "testsrc=size=160x120:rate=25", *TONE, *H264, "-bf", "2", *AAC],
    "G.711": [*PICTURE, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=8000", *H264, "-bf", "2", "-c:a", "pcm_alaw", "-ac", "1"],
}
# Films one after the other, with the second at which each begins.
CASES = {kind: [(kind, 0)] for kind in FILMS} | {
    "a gap": [("H.264 with B-frames", 0), ("H.264 with B-frames", SECONDS + 5)],
    "an overlap": [("H.264 with B-frames", 0), ("H.264 with B-frames", SECONDS - 0.5)],
}


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    found = {}
    for kind, words in FILMS.items():
        # Sound alone is cut by time, and so are pictures that are all key frames; all else at key frames.
        limit = {"audio only": "1000", "one frame each": "500"}.get(kind, "100000")
        found[kind] = run(*words, "-t", str(SECONDS), "-f", "matroska", "-cluster_time_limit", limit, "pipe:", before=False)
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Deployments("sqlite", tmp_path_factory.mktemp("forms"))
    yield made.server()
    made.close()


@pytest.fixture
def stream(server):
    name = fresh("stream")
    server.client().create_stream(StreamName=name, DataRetentionInHours=24)
    wait_active(server.client(), name)
    return name


def run(*words, data=None, before=True):
    done = subprocess.run(["ffmpeg", "-v", "error", *(["-i", "pipe:"] if before else []), *words], input=data, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def send(server, stream, films, pieces):
    begun = time.time() - 120
    for kind, offset in pieces:
        told = put(server, stream, *(films[kind][at:at + 8192] for at in range(0, len(films[kind]), 8192)), type="RELATIVE", start=f"{begun + offset:.3f}")
        assert len(persisted(told)) >= SECONDS - 1


def selector():
    now = time.time()
    return {"FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": {"StartTimestamp": now - 3600, "EndTimestamp": now + 60}}


def frames(data):
    """The frames of each track, as hashes in the order of decoding; of G.711, which has none, a hash of all of it."""
    probed = json.loads(subprocess.run(["ffprobe", "-v", "error", "-show_streams", "-of", "json", "pipe:"], input=data, capture_output=True, check=True).stdout)
    found = []
    for index, each in enumerate(probed["streams"]):
        if each["codec_name"] == "pcm_alaw":
            found.append([run("-map", f"0:{index}", "-c", "copy", "-f", "md5", "-", data=data).decode()])
        else:
            lines = run("-map", f"0:{index}", "-c", "copy", "-f", "framemd5", "-", data=data).decode().splitlines()
            found.append([line.split(",")[5].strip() for line in lines if not line.startswith("#")])
    return found


def times(data):
    """Times of decoding and of showing of a file's first track."""
    shown = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "0", "-show_entries", "packet=dts_time,pts_time", "-of", "json", "pipe:"], input=data,
        capture_output=True, check=True)
    packets = json.loads(shown.stdout)["packets"]
    # Matroska knows no times of decoding.
    return [float(each["dts_time"]) for each in packets if "dts_time" in each], [float(each["pts_time"]) for each in packets]


def check_times(data, sent):
    """Times of decoding rise, none is after its frame is shown, and frames are shown as far apart as they were sent."""
    (decoded, presented), (_, original) = times(data), times(sent)
    assert len(decoded) == len(presented) and all(a < b for a, b in zip(decoded, decoded[1:])) and all(a <= b + 0.0005 for a, b in zip(decoded, presented))
    assert len(set(presented)) == len(presented) == len(original)
    apart = [abs((a - presented[0]) - (b - original[0])) for a, b in zip(presented, original)]
    assert max(apart) < 0.025, max(apart)


def fetched(url, addresses):
    parts = [fetch(urllib.parse.urljoin(url, each)) for each in addresses]
    assert all(status == 200 for status, _, _ in parts)
    return b"".join(part for _, _, part in parts)


def hls_files(url):
    """Of each media playlist: its initializations with their segments, as files."""
    found = []
    for playlist in media_playlists(url)[1]:
        segments, files = check(text(playlist)), {}
        for each in segments:
            files.setdefault(each["map"], []).append(each["address"])
        assert [bool(each.get("discontinuous")) for each in segments] == [bool(index) and each["map"] != segments[index - 1]["map"] for index, each in enumerate(segments)]
        found.append([fetched(playlist, [begun, *rest]) for begun, rest in files.items()])
    return found


NAMES = {"": "urn:mpeg:dash:schema:mpd:2011"}
KVS = "{urn:weir:kinesisvideo:2017-09-30}"
DURATION = r"PT\d+\.\d{3}S"
# Of ISO/IEC 23009-1, what is needed of each element and what else it may have here.
ATTRIBUTES = {
    "MPD": ({"profiles", "minBufferTime", "type"}, {"mediaPresentationDuration", "availabilityStartTime", "publishTime", "minimumUpdatePeriod", "timeShiftBufferDepth"}),
    "Period": ({"id", "start"}, set()),
    "AdaptationSet": ({"id", "contentType", "mimeType", "segmentAlignment", "startWithSAP"}, set()),
    "SegmentTemplate": ({"timescale", "initialization", "media"}, {"presentationTimeOffset"}),
    "SegmentTimeline": (set(), set()),
    "S": ({"d"}, {"t", "r", KVS + "fn", KVS + "ts"}),
    "Representation": ({"id", "bandwidth", "codecs"}, {"width", "height", "audioSamplingRate"}),
}
CHILDREN = {
    "MPD": ["Period"], "Period": ["AdaptationSet+"], "AdaptationSet": ["SegmentTemplate", "Representation+"], "SegmentTemplate": ["SegmentTimeline"],
    "SegmentTimeline": ["S+"], "S": [], "Representation": [],
}


def check_manifest(source):
    """What the schema of DASH and its rules demand of a manifest; returns of each adaptation set its template."""
    root = xml.etree.ElementTree.fromstring(source)
    for each in root.iter():
        assert each.tag.startswith("{" + NAMES[""] + "}"), each.tag
        name = each.tag.split("}")[1]
        needed, allowed = ATTRIBUTES[name]
        assert needed <= set(each.keys()) <= needed | allowed, (name, each.keys())
        order = "".join(child.tag.split("}")[1] + " " for child in each)
        assert re.fullmatch("".join(f"({child.rstrip('+')} ){child[-1] if child[-1] == '+' else ''}" for child in CHILDREN[name]), order), (name, order)
    assert re.fullmatch(DURATION, root.get("minBufferTime"))
    if root.get("type") == "static":
        assert re.fullmatch(DURATION, root.get("mediaPresentationDuration")) and not root.get("minimumUpdatePeriod")
    else:
        assert root.get("type") == "dynamic" and root.get("availabilityStartTime") and root.get("publishTime") and not root.get("mediaPresentationDuration")
    sets = root.findall("Period/AdaptationSet", NAMES)
    representations = [each.get("id") for each in root.iter("{" + NAMES[""] + "}Representation")]
    assert len({each.get("id") for each in sets}) == len(sets) and len(set(representations)) == len(representations)
    timelines = []
    for each in sets:
        assert each.get("mimeType") == each.get("contentType") + "/mp4"
        template = each.find("SegmentTemplate", NAMES)
        assert "$Time$" in template.get("media") and "$" not in template.get("initialization")
        spans = [(int(span.get("t")), int(span.get("d"))) for span in template.iterfind("SegmentTimeline/S", NAMES)]
        assert all(start >= 0 and length > 0 for start, length in spans) and all(a + b <= c for (a, b), (c, _) in zip(spans, spans[1:]))
        timelines.append(spans)
    assert all(timeline == timelines[0] for timeline in timelines)
    return [each.find("SegmentTemplate", NAMES) for each in sets]


def dash_files(url):
    found = []
    for template in check_manifest(text(url)):
        spans = template.iterfind("SegmentTimeline/S", NAMES)
        found.append(fetched(url, [template.get("initialization"), *(template.get("media").replace("$Time$", each.get("t")) for each in spans)]))
    return found


def decoded(source):
    """Hashes of the pictures of an address or a file; none where there is sound alone."""
    data, words = (None, ["-allowed_extensions", "ALL", "-i", source]) if isinstance(source, str) else (source, ["-i", "pipe:"])
    kinds = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_type", "-of", "csv=p=0", *words], input=data, capture_output=True, check=True).stdout
    video = run(*words, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-", data=data, before=False).decode() if b"video" in kinds else ""
    return [line.split(",")[5].strip() for line in video.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("kind", CASES)
def test_every_form_has_the_frames_that_were_sent(server, stream, films, kind):
    send(server, stream, films, CASES[kind])
    sent = [frames(films[name]) for name, _ in CASES[kind]]
    # Track by track, what was sent later behind what was sent first.
    sent = [[each for piece in sent for each in piece[track]] for track in range(len(sent[0]))]
    is_one = len(CASES[kind]) == 1
    if kind == "G.711":
        client = media_client(server, stream, "GET_HLS_STREAMING_SESSION_URL")
        refused(client, "GetHLSStreamingSessionURL", "UnsupportedStreamMediaTypeException", 400, StreamName=stream, PlaybackMode="ON_DEMAND", HLSFragmentSelector=selector())
    else:
        tracks = hls_files(hls(server, stream, PlaybackMode="ON_DEMAND", HLSFragmentSelector=selector()))
        assert [frames(file)[0] for (file,) in tracks] == sent
        transport = hls(server, stream, PlaybackMode="ON_DEMAND", ContainerFormat="MPEG_TS", HLSFragmentSelector=selector())
        assert decoded(transport) == [each for name, _ in CASES[kind] for each in decoded(films[name])]
        if is_one:
            check_times(tracks[0][0], films[kind])
    manifest = dash(server, stream, PlaybackMode="ON_DEMAND", DASHFragmentSelector=selector())
    files = dash_files(manifest)
    assert [frames(file)[0] for file in files] == sent
    assert kind != "G.711" or 'codecs="alaw"' in text(manifest)
    _, whole = clip(server, stream, end=time.time() + 60)
    assert frames(whole) == sent
    if is_one:
        check_times(files[0], films[kind])
        check_times(whole, films[kind])


@pytest.mark.parametrize("source", ["PRODUCER_TIMESTAMP", "SERVER_TIMESTAMP"])
def test_dash_of_what_came_at_once_or_late(server, stream, films, source):
    """By their producer the two films are seconds apart; by the server all of it came within milliseconds."""
    send(server, stream, films, CASES["a gap"])
    pass_the_second()
    now = time.time()
    url = dash(server, stream, PlaybackMode="ON_DEMAND",
               DASHFragmentSelector={"FragmentSelectorType": source, "TimestampRange": {"StartTimestamp": now - 3600, "EndTimestamp": now}})
    spans = [(int(each.get("t")), int(each.get("d"))) for each in check_manifest(text(url))[0].iterfind("SegmentTimeline/S", NAMES)]
    assert spans[0][0] == 0 and all(0 <= c - a - b <= 50 for (a, b), (c, _) in zip(spans, spans[1:])), spans
    # A fragment lasts until the end of whatever ends last in it.
    assert abs(sum(spans[-1]) - 2000 * SECONDS) < 300, spans
    sent = frames(films["H.264 with B-frames"])
    for file, track in zip(dash_files(url), sent, strict=True):
        assert frames(file)[0] == track * 2
        probed = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "packet=dts", "-of", "csv=p=0", "pipe:"], input=file, capture_output=True, check=True).stdout
        times = [int(line) for line in probed.split()]
        assert all(a < b for a, b in zip(times, times[1:])), [(a, b) for a, b in zip(times, times[1:]) if a >= b]


def test_a_resolution_that_changes(server, stream, films):
    """HLS begins anew with another initialization; DASH and clips have one for all."""
    pieces = [("H.264 with B-frames", 0), ("smaller", SECONDS + 1)]
    send(server, stream, films, pieces)
    url = hls(server, stream, PlaybackMode="ON_DEMAND", HLSFragmentSelector=selector())
    video, _ = hls_files(url)
    assert [frames(file)[0] for file in video] == [frames(films[name])[0] for name, _ in pieces]
    sizes = [json.loads(subprocess.run(["ffprobe", "-v", "error", "-show_streams", "-of", "json", "pipe:"], input=file, capture_output=True, check=True).stdout)
             ["streams"][0]["width"] for file in video]
    assert sizes == [320, 160]
    client = media_client(server, stream, "GET_DASH_STREAMING_SESSION_URL")
    refused(client, "GetDASHStreamingSessionURL", "InvalidCodecPrivateDataException", 400, StreamName=stream, PlaybackMode="ON_DEMAND", DASHFragmentSelector=selector())
    client = media_client(server, stream, "GET_CLIP")
    refused(client, "GetClip", "InvalidCodecPrivateDataException", 400, StreamName=stream, ClipFragmentSelector=selector())
