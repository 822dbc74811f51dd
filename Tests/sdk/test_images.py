"""GetImages: pictures of stored video, held against what ffmpeg makes of the same source."""

import base64
import json
import math
import os
import random
import subprocess
import threading
import time

import pytest

import media
from calls import call, refused, wait_active
from deployment import Deployments, until
from media import cluster, head, media_client, put

MINUTES = int(os.environ.get("WEIR_FUZZ_MINUTES", "0"))
WIDTH, HEIGHT, RATE, SECONDS = 320, 240, 25, 4
CODECS = {
    "h264": ["-c:v", "libx264", "-bf", "0"], "h264 with B-frames": ["-c:v", "libx264", "-bf", "3"],
    "h265": ["-c:v", "libx265", "-x265-params", "log-level=none"],
}


def ffmpeg(*arguments, input=None):
    done = subprocess.run(["ffmpeg", "-v", "error", *arguments], input=input, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def made(*codec, sound=False):
    """Seconds of ffmpeg's test picture, a key frame and a cluster each second."""
    inputs = ["-f", "lavfi", "-i", f"testsrc=size={WIDTH}x{HEIGHT}:rate={RATE}"] if codec else []
    if sound:
        inputs += ["-f", "lavfi", "-i", "sine=frequency=440"]
    return ffmpeg(*inputs, "-t", str(SECONDS), *codec, "-g", str(RATE), *(["-pix_fmt", "yuv420p"] if codec else []), "-c:a", "aac",
                  "-f", "matroska", "-cluster_time_limit", "1000", "pipe:")


@pytest.fixture(scope="module")
def films():
    return {name: made(*codec) for name, codec in CODECS.items()}


@pytest.fixture(scope="module")
def server(engine, tmp_path_factory):
    folder = Deployments(engine, tmp_path_factory.mktemp("images"))
    yield folder.server()
    folder.close()


@pytest.fixture
def stream(new_stream):
    return new_stream(DataRetentionInHours=24)["StreamName"]


@pytest.fixture(scope="module")
def start():
    """A whole second: botocore sends no parts of one."""
    return media.now_ms() // 1000 - 60


def send(server, stream, film, start):
    numbers = media.persisted(put(server, stream, film, type="RELATIVE", start=str(start)))
    assert numbers
    return numbers


def images(server, stream, start, end, *, interval=None, format="PNG", selector="PRODUCER_TIMESTAMP", **members):
    if interval is not None:
        members["SamplingInterval"] = interval
    client = media_client(server, stream, "GET_IMAGES")
    return call(client, "GetImages", StreamName=stream, StartTimestamp=start, EndTimestamp=end, Format=format, ImageSelectorType=selector, **members)


def contents(answer):
    """Each picture, or the error in its place."""
    return [base64.b64decode(image["ImageContent"]) if "ImageContent" in image else image["Error"] for image in answer["Images"]]


def moments(answer):
    return [round(image["TimeStamp"].timestamp() * 1000) for image in answer["Images"]]


def size(picture):
    """Width and height, as the file says."""
    if picture.startswith(b"\x89PNG\r\n\x1a\n"):
        return int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")
    assert picture.startswith(b"\xff\xd8\xff") and picture.endswith(b"\xff\xd9")
    at = 2
    while picture[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + int.from_bytes(picture[at + 2:at + 4], "big")
    return int.from_bytes(picture[at + 7:at + 9], "big"), int.from_bytes(picture[at + 5:at + 7], "big")


def pixels(picture):
    return ffmpeg("-i", "pipe:", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:", input=picture)


def frames(film):
    """What ffmpeg's own decoder makes of each frame."""
    every = ffmpeg("-i", "pipe:", "-vsync", "passthrough", "-vf", "scale=flags=bicubic+accurate_rnd+full_chroma_int", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:", input=film)
    each = WIDTH * HEIGHT * 3
    assert len(every) == each * RATE * SECONDS
    return [every[at:at + each] for at in range(0, len(every), each)]


def psnr(one, other):
    """In decibels, of every seventh byte."""
    squares = sum((a - b) ** 2 for a, b in zip(one[::7], other[::7]))
    return math.inf if squares == 0 else 10 * math.log10(255 ** 2 * (len(one[::7])) / squares)


@pytest.mark.parametrize("codec", CODECS)
def test_pictures_are_those_that_ffmpeg_decodes(server, stream, start, films, codec):
    """Each moment has its own frame, at whatever place of its group, with and without frames that are decoded out of order."""
    send(server, stream, films[codec], start)
    answer = images(server, stream, start, start + SECONDS - 1, interval=440)
    assert moments(answer) == [start * 1000 + 440 * index for index in range(7)]
    source = frames(films[codec])
    for index, picture in enumerate(contents(answer)):
        frame = 11 * index
        assert size(picture) == (WIDTH, HEIGHT)
        assert pixels(picture) == source[frame] and source[frame] != source[frame + 1]
    jpeg, = contents(images(server, stream, start, start, format="JPEG", FormatConfig={"JPEGQuality": "95"}))
    assert size(jpeg) == (WIDTH, HEIGHT) and psnr(pixels(jpeg), source[0]) > 28


def test_sizes_and_qualities(server, stream, start, films):
    send(server, stream, films["h264"], start)

    def one(**members):
        picture, = contents(images(server, stream, start, start, **members))
        return picture

    assert size(one(HeightPixels=120)) == (160, 120)
    assert size(one(HeightPixels=2160, format="JPEG")) == (2880, 2160)
    assert size(one(WidthPixels=100, HeightPixels=50)) == (100, 50)
    assert size(one(WidthPixels=1, HeightPixels=1, format="JPEG")) == (1, 1)
    coarse, usual, fine = (len(one(format="JPEG", **members)) for members in (
        {"FormatConfig": {"JPEGQuality": "1"}}, {}, {"FormatConfig": {"JPEGQuality": "100"}}))
    assert coarse < usual < fine
    assert len(one(format="JPEG", FormatConfig={"JPEGQuality": "80"})) == usual


@pytest.mark.parametrize("range", ["tv", "pc"])
@pytest.mark.parametrize("matrix", ["smpte170m", "bt709"])
def test_colours(server, stream, start, range, matrix):
    """Of the source there are two ranges of values and several matrices; of JPEG there is one, up to its last row and column."""
    colour = (0xC0, 0x40, 0x20)
    film = ffmpeg(
        "-f", "lavfi", "-i", f"color=0x{bytes(colour).hex()}:size=320x240:rate=25,scale=out_range={range}:out_color_matrix={matrix},format=yuv420p", "-t", "1",
        "-c:v", "libx264", "-color_range", range, "-colorspace", matrix, "-f", "matroska", "pipe:")
    send(server, stream, film, start)
    for members in ({"format": "PNG"}, {"format": "JPEG"}, {"format": "JPEG", "WidthPixels": 83, "HeightPixels": 61}):
        picture, = contents(images(server, stream, start, start, **members))
        shown = pixels(picture)
        assert all(abs(a - b) <= 4 for a, b in zip(shown, colour * (len(shown) // 3))), (members, shown[:3], shown[-3:])


def test_pages_and_gaps(server, stream, start, films):
    """Pages of 25 whatever is asked for, each moment once; where nothing was sent there is no media."""
    send(server, stream, films["h264"], start)
    send(server, stream, films["h265"], start + SECONDS + 3)
    asked = {"interval": 200, "format": "JPEG", "HeightPixels": 24}
    pages, token = [], {}
    while True:
        answer = images(server, stream, start, start + 11, MaxResults=40, **asked, **token)
        pages.append(answer)
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert [len(page["Images"]) for page in pages] == [25, 25, 6]
    assert sum((moments(page) for page in pages), []) == [start * 1000 + 200 * index for index in range(56)]
    shown = [content != "NO_MEDIA" for page in pages for content in contents(page)]
    # The source lasts for 4 s, then there are 3 s of nothing; the last moment is the end of the second one.
    assert shown == [index < 20 or 35 <= index < 55 for index in range(56)]
    small = images(server, stream, start, start + 11, MaxResults=3, **asked)
    assert len(small["Images"]) == 3
    client = media_client(server, stream, "GET_IMAGES")
    common = {"StreamName": stream, "StartTimestamp": start, "Format": "JPEG", "HeightPixels": 24, "ImageSelectorType": "PRODUCER_TIMESTAMP"}
    for other in ({"SamplingInterval": 400}, {"SamplingInterval": 200, "HeightPixels": 25}):
        refused(client, "GetImages", "InvalidArgumentException", 400, **common | {"EndTimestamp": start + 11, "NextToken": small["NextToken"]} | other)
    # Without an interval there is one picture for three seconds; without a range one.
    assert moments(images(server, stream, start, start + 6)) == [(start + seconds) * 1000 for seconds in (0, 3, 6)]


def test_only_fragments_that_start_within_the_range_count(server, stream, start, films):
    """By the clock of the server too: the moment before the first fragment has no media."""
    before = media.now_ms() // 1000
    numbers = send(server, stream, films["h264"], start)
    listed = media_client(server, stream, "LIST_FRAGMENTS").list_fragments(StreamName=stream)["Fragments"]
    assert {found["FragmentNumber"] for found in listed} == set(numbers)
    answer = images(server, stream, before - 2, before + 5, interval=1000, selector="SERVER_TIMESTAMP", format="JPEG")
    found = contents(answer)
    assert found[0] == found[1] == "NO_MEDIA" and any(isinstance(content, bytes) for content in found)
    # From within a fragment on, that one does not count.
    milliseconds = start * 1000 + 500
    body = {"StreamName": stream, "StartTimestamp": milliseconds / 1000, "EndTimestamp": start + 2, "Format": "JPEG", "ImageSelectorType": "PRODUCER_TIMESTAMP",
            "SamplingInterval": 500}
    told = json.loads(server.sender().call("/getImages", body).body)["Images"]
    assert [image.get("Error") for image in told] == ["NO_MEDIA", None, None, None]
    assert told[0]["TimeStamp"] == milliseconds / 1000


def test_calls_that_are_refused(server, stream, new_stream, start):
    client = media_client(server, stream, "GET_IMAGES")
    sound = {"StreamName": stream, "StartTimestamp": start, "EndTimestamp": start + 10, "Format": "JPEG", "ImageSelectorType": "PRODUCER_TIMESTAMP"}
    assert {image["Error"] for image in call(client, "GetImages", **sound)["Images"]} == {"NO_MEDIA"}
    for code, changes in (
        ("ValidationException", {"WidthPixels": 100}), ("InvalidArgumentException", {"EndTimestamp": start + 301}),
        ("InvalidArgumentException", {"EndTimestamp": start - 1}), ("InvalidArgumentException", {"SamplingInterval": 199}),
        ("InvalidArgumentException", {"FormatConfig": {"JPEGQuality": "0"}}), ("InvalidArgumentException", {"FormatConfig": {"JPEGQuality": "best"}}),
        ("InvalidArgumentException", {"NextToken": "AAAA"}),
    ):
        refused(client, "GetImages", code, 400, **sound | changes)
    assert len(call(client, "GetImages", **sound | {"EndTimestamp": start + 300, "MaxResults": 100})["Images"]) == 25
    unkept = new_stream()["StreamName"]
    refused(client, "GetImages", "NoDataRetentionException", 400, **sound | {"StreamName": unkept})
    refused(client, "GetImages", "ResourceNotFoundException", 404, **sound | {"StreamName": "nobody"})
    del sound["StreamName"]
    refused(client, "GetImages", "InvalidArgumentException", 400, **sound)
    foreign = f"arn:aws:kinesisvideo:us-east-1:999999999999:stream/{stream}/1705489836421"
    refused(client, "GetImages", "AccessDeniedException", 403, StreamARN=foreign, **sound)


def test_media_without_pictures(server, new_stream, start):
    """Sound alone, and frames that no decoder knows, are errors of each picture."""
    for source in (made(sound=True), head() + cluster(0) + cluster(2000)):
        stream = new_stream(DataRetentionInHours=1)["StreamName"]
        send(server, stream, source, start)
        assert contents(images(server, stream, start, start + 2, interval=1000)) == ["MEDIA_ERROR"] * 3


def test_sound_beside_the_picture(server, stream, start):
    film = made("-c:v", "libx264", "-bf", "2", sound=True)
    send(server, stream, film, start)
    # ffmpeg begins with the sound, a part of a frame before the picture.
    first, second = contents(images(server, stream, start, start + 1, interval=1000))
    assert first == "NO_MEDIA" and pixels(second) == frames(film)[RATE]


def test_without_weir_frames(deployments, start):
    """Where there is no weir-frames everything else works, and GetImages says what is missing."""
    server = deployments.server("--frames", "/nonexistent/weir-frames")
    client = server.client()
    client.create_stream(StreamName="gate", DataRetentionInHours=1)
    until(lambda: client.describe_stream(StreamName="gate")["StreamInfo"]["Status"] == "ACTIVE", "an ACTIVE stream")
    message = refused(
        media_client(server, "gate", "GET_IMAGES"), "GetImages", "InvalidArgumentException", 400, StreamName="gate", StartTimestamp=start,
        EndTimestamp=start, Format="JPEG", ImageSelectorType="PRODUCER_TIMESTAMP")
    assert "weir-frames" in message


def children(server):
    """The processes of weir-frames that a server has."""
    found = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(server.process.pid)], capture_output=True, text=True).stdout.splitlines()
    return [int(line.split()[0]) for line in found if "weir-frames" in line]


def alive(process):
    try:
        with open(f"/proc/{process}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_no_process_outlives_the_server(sqlite_deployments, films, start, end):
    server = sqlite_deployments.server()
    server.client().create_stream(StreamName="gate", DataRetentionInHours=1)
    send(server, "gate", films["h264"], start)
    assert size(contents(images(server, "gate", start, start))[0]) == (WIDTH, HEIGHT)
    processes = children(server)
    assert len(processes) == 1
    # One that is gone is another's work.
    os.kill(processes[0], 9)
    assert size(contents(images(server, "gate", start, start))[0]) == (WIDTH, HEIGHT)
    processes = until(lambda: [process for process in children(server) if alive(process)], "a process")
    getattr(server, end)()
    until(lambda: not any(alive(process) for process in processes), "the end of weir-frames")


def test_many_at_once(server, stream, start, films):
    """Calls wait for each other, and each has its own pictures; what is too much is told so."""
    send(server, stream, films["h264"], start)
    expected = contents(images(server, stream, start, start + 3, interval=500, HeightPixels=60))
    answers, refusals = [], []

    def ask():
        client = media_client(server, stream, "GET_IMAGES")
        try:
            answer = client.get_images(
                StreamName=stream, StartTimestamp=start, EndTimestamp=start + 3, Format="PNG", ImageSelectorType="PRODUCER_TIMESTAMP",
                SamplingInterval=500, HeightPixels=60)
            answers.append(contents(answer))
        except client.exceptions.ClientLimitExceededException as refusal:
            refusals.append(refusal)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers and len(answers) + len(refusals) == 12
    assert all(answer == expected for answer in answers)


def places(data):
    """Where the payloads of frames and of codec private data are in a Matroska file."""
    found, at = [], 0
    while at < len(data):
        identifier, start, length = media.element_at(data, at)
        if identifier in ("18538067", "1654AE6B", "AE", "1F43B675", "A0"):
            at = start
            continue
        if identifier in ("A3", "A1"):
            found.append((start + 4, start + length))
        elif identifier == "63A2":
            found.append((start, start + length))
        at = start + length
    return found


def broken(film, where, number, chance):
    """A film with one to a few of the mistakes that break decoders: bytes of frames and codec data, and frames that are cut, doubled or torn apart. Sizes of
    elements stay right: what they break is the parser's, which `ops/fuzz parser` is for."""
    raw = bytearray(film)
    # The codec private data is in every third of them at least.
    chosen = [where[0]] * (number % 3 == 0) + chance.choices(where[1:8], k=chance.randint(0, 3)) + chance.choices(where, k=2)
    for first, last in chosen:
        kind = chance.randrange(6)
        if kind < 3:
            for _ in range(chance.randint(1, 6)):
                raw[chance.randrange(first, last)] = chance.randrange(256)
        elif kind == 3:
            # A length, or a parameter, as large as it can be.
            at = chance.randrange(first, last)
            raw[at:min(at + 4, last)] = b"\xff" * len(raw[at:min(at + 4, last)])
        elif kind == 4:
            other, end = chance.choice(where)
            part = min(last - first, end - other, chance.randint(1, 400))
            raw[first:first + part] = film[other:other + part]
        else:
            at = chance.randrange(first, last)
            raw[at:last] = bytes(last - at)
    return bytes(raw)


def test_mutated_media(deployments, start, films):
    """Frames and codec private data changed anywhere, into pictures of any size: a picture or a MEDIA_ERROR, the server goes on, and no process is left."""
    chance = random.Random(int(os.environ.get("WEIR_FUZZ_FIRST", "20170930")))
    sources = [(film, places(film)) for film in films.values()]
    outcomes, number, end = set(), 0, time.monotonic() + 60 * MINUTES
    server = deployments.server()
    client = server.client()
    while number < 40 or time.monotonic() < end:
        if number % 20 == 0:
            stream = f"stream-{number}"
            client.create_stream(StreamName=stream, DataRetentionInHours=1)
            wait_active(client, stream)
        film, where = sources[number % len(sources)]
        begin = start - 10_000 + 10 * (number % 20)
        send(server, stream, broken(film, where, number, chance), begin)
        height = 2160 if number % 40 == 39 else chance.choice([1, 48, 48, 48, 479])
        answer = images(server, stream, begin, begin + 3, interval=600, format=chance.choice(["JPEG", "PNG"]), HeightPixels=height)
        for content in contents(answer):
            assert content == "MEDIA_ERROR" or size(content)[1] == height
            outcomes.add(isinstance(content, bytes))
        number += 1
    assert outcomes == {True, False}
    assert server.is_running and len(children(server)) <= max(os.cpu_count(), 1)
    processes = children(server)
    server.terminate()
    until(lambda: not any(alive(process) for process in processes), "the end of weir-frames")
