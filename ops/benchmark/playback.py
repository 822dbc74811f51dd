"""Playing what is kept: Weir makes playlists, MP4 and pictures out of fragments as they are asked for; nginx beside it sends the same bytes as files."""

import http.client
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import time
from pathlib import Path

from load import play
from media import Files, Store, cluster_head, curl, end_tag, ended, percentile, received
from programs import clean_environment

FRAGMENTS = 1000
FILM = 25


def measure(bench, weir: Path, folder: Path) -> None:
    film = Film(folder, "640x360", "2M")
    store, files = Store(weir, folder), Files(folder)
    start = int(time.time() - FRAGMENTS - 60) * 1000
    film.put(store, store.stream("kept"), start, FRAGMENTS)
    playlists(bench, store)
    fragments(bench, store, files)
    clips(bench, store, files)
    listed(bench, store, film)
    pictures(bench, store, Film(folder, "1920x1080", "8M"))
    store.end()
    files.end()


class Film:
    """Some seconds of a moving picture in H.264, as the clusters of Matroska: one for each second, which begins with a key frame."""

    def __init__(self, folder: Path, size: str, rate: str):
        self.path = folder / f"{size}.mkv"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={FILM}", "-vf", "noise=alls=20:allf=t", "-c:v",
             "libx264", "-preset", "ultrafast", "-g", "25", "-keyint_min", "25", "-sc_threshold", "0", "-pix_fmt", "yuv420p", "-b:v", rate, "-minrate", rate,
             "-maxrate", rate, "-bufsize", rate, "-cluster_time_limit", "100000", str(self.path)],
            check=True, env=clean_environment())
        self.header, *clusters = re.split(re.escape(bytes.fromhex("1F43B675")), self.path.read_bytes())
        # Of unknown length, as of a live stream.
        at = self.header.index(bytes.fromhex("18538067")) + 4
        self.header = self.header[:at] + b"\x01" + b"\xff" * 7 + self.header[at + 8:]
        self.blocks = [self.behind_timecode(cluster) for cluster in clusters]
        # What seeks in files comes last.
        self.blocks[-1] = self.blocks[-1][:self.blocks[-1].rfind(bytes.fromhex("1C53BB6B"))]
        assert len(self.blocks) == FILM, len(self.blocks)

    @staticmethod
    def behind_timecode(cluster: bytes) -> bytes:
        """What a cluster has behind its length, its checksum and its timecode."""
        at = 9 - cluster[0].bit_length()
        if cluster[at] == 0xBF:
            at += 6
        assert cluster[at] == 0xE7, cluster[:16]
        return cluster[at + 2 + (cluster[at + 1] & 0x7F):]

    def cluster(self, number: int, start: int) -> bytes:
        return cluster_head(start + 1000 * number) + self.blocks[number % FILM]

    def put(self, store: Store, stream: str, start: int, count: int) -> None:
        """Has a stream keep so many of the film's fragments, over and over, from a time in milliseconds on."""
        file = self.path.with_suffix(".body")
        with file.open("wb") as out:
            out.write(self.header)
            for number in range(count):
                out.write(self.cluster(number, start))
        told = ended([store.put(file, stream, "ABSOLUTE")])[0]
        assert told.count(b'"PERSISTED"') == count and b"ERROR" not in told, told[-300:]
        file.unlink()


def call(store: Store, name: str, **members: object) -> dict:
    return json.loads(curl("-d", json.dumps(members), f"{store.url}/{name[0].lower()}{name[1:]}"))


def session(store: Store, stream: str, mode: str, most: int, **selector: object) -> str:
    """The path of a new session's media playlist."""
    url = call(
        store, "GetHLSStreamingSessionURL", StreamName=stream, PlaybackMode=mode, MaxMediaPlaylistFragmentResults=most, Expires=3600,
        HLSFragmentSelector={"FragmentSelectorType": "PRODUCER_TIMESTAMP", **selector})["HLSStreamingSessionURL"]
    return "/hls/v1/" + curl(url).decode().splitlines()[-1]


def kept(store: Store) -> str:
    now = time.time()
    return session(store, "kept", "ON_DEMAND", FRAGMENTS, TimestampRange={"StartTimestamp": now - 80_000, "EndTimestamp": now})


def playlists(bench, store: Store) -> None:
    """A playlist of a thousand fragments: made anew, by a server that knows nothing of its session, and again."""
    paths = [kept(store) for _ in range(20)]
    store.program.stop()
    store.start()
    connection = http.client.HTTPConnection("127.0.0.1", store.port)

    def get(path: str) -> tuple[float, bytes]:
        began = time.perf_counter()
        connection.request("GET", path)
        text = connection.getresponse().read()
        return (time.perf_counter() - began) * 1000, text

    assert get(paths.pop())[1].count(b"#EXTINF") == FRAGMENTS
    fresh = [get(path)[0] for path in paths]
    again = [get(path)[0] for _ in range(10) for path in paths]
    bench.report.compare(f"a playlist of {FRAGMENTS} fragments, of a session not seen before, p50", 3, statistics.median(fresh), at_most=True, unit=" ms")
    bench.report.compare("the same, seen before, p50", 3, statistics.median(again), at_most=True, unit=" ms")
    used = store.program.processor_time()
    played = play(store.port, [request(path) for path in paths], bench.seconds)
    bench.report.compare("playlists a second and core", 300, played.requests / (store.program.processor_time() - used))


def request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def fragments(bench, store: Store, files: Files) -> None:
    """Fragments of HLS in MP4, in any order, beside files of the same bytes."""
    path = kept(store)
    names = [line for line in curl(store.url + path).decode().splitlines() if line.startswith("getMP4MediaFragment")][::5]
    addresses = [f"/hls/v1/{name}" for name in names]
    sizes = []
    for number, address in enumerate(addresses):
        content = curl(store.url + address)
        sizes.append(len(content))
        (files.folder / f"www/{number}.mp4").write_bytes(content)
    for _ in range(bench.rounds):
        theirs = play(files.port, [request(f"/{number}.mp4") for number in range(len(addresses))], bench.seconds)
        used = store.program.processor_time()
        ours = play(store.port, [request(address) for address in addresses], bench.seconds)
        used = store.program.processor_time() - used
        bench.report.compare("fragments of HLS / nginx, files of the same bytes", 0.5, ours.rate / theirs.rate)
        bench.report.rate("fragments of HLS", ours.rate)
        bench.report.rate("nginx, files of the same bytes", theirs.rate)
        bench.report.rate("fragments of HLS, processor ms for a GB", used * 1e3 / (ours.requests * statistics.mean(sizes) / 1e9))


def clips(bench, store: Store, files: Files) -> None:
    """A clip of 200 fragments, beside the same as a file."""
    now = time.time()
    selector = {"FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": {"StartTimestamp": now - 80_000, "EndTimestamp": now}}
    text = json.dumps({"StreamName": "kept", "ClipFragmentSelector": selector})
    (files.folder / "www/clip.mp4").write_bytes(curl("-d", text, store.url + "/getClip"))
    for _ in range(bench.rounds):
        theirs, before = files.get("clip.mp4") / 1e6, store.program.memory("VmHWM")
        ours = received(store, "POST /getClip", text) / 1e6
        bench.report.compare("GetClip, bytes a second / nginx, the same as a file", 0.5, ours / theirs)
        bench.report.rate("GetClip, MB", ours)
        bench.report.compare("GetClip: memory that it adds", 24, store.program.memory("VmHWM") - before, at_most=True, unit=" MiB")


def listed(bench, store: Store, film: Film) -> None:
    """From the last byte of a fragment to a live playlist that has it, asked for again and again."""
    stream, count = store.stream("live"), 50 if bench.options.quick else 200
    start = int(time.time() - count) * 1000
    connection, playlist = socket.create_connection(("127.0.0.1", store.port)), None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(
        f"POST /putMedia HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nx-amzn-stream-name: {stream}\r\n"
        "x-amzn-fragment-timecode-type: ABSOLUTE\r\n\r\n".encode())
    asking, took = http.client.HTTPConnection("127.0.0.1", store.port), []
    for number in range(count):
        content = (b"" if number else film.header) + film.cluster(number, start) + end_tag()
        connection.sendall(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        sent = time.monotonic()
        while playlist and time.monotonic() < sent + 30:
            asking.request("GET", playlist)
            text = asking.getresponse().read().decode()
            if int(re.search(r"MEDIA-SEQUENCE:(\d+)", text)[1]) + text.count("#EXTINF") > number:
                took.append((time.monotonic() - sent) * 1000)
                break
            time.sleep(0.002)
        if not playlist:
            while b'"PERSISTED"' not in connection.recv(65_536):
                pass
            playlist = session(store, stream, "LIVE", 5)
    connection.sendall(b"0\r\n\r\n")
    connection.close()
    assert len(took) == count - 1, f"{count - 1 - len(took)} were not listed"
    bench.report.compare("the last byte of a fragment to listed, p99", 300, percentile(took, 99), at_most=True, unit=" ms")
    bench.report.notes.append(f"the last byte of a fragment to listed: p50 {percentile(took, 50):.1f} ms, by a player that asks every 2 ms")


def pictures(bench, store: Store, film: Film) -> None:
    """Twenty-five pictures of 1920x1080, one of each fragment, beside ffmpeg's, which reads no frame but these either."""
    start = int(time.time()) - 600
    film.put(store, store.stream("pictures"), start * 1000, FILM)
    text = json.dumps({
        "StreamName": "pictures", "ImageSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": start, "EndTimestamp": start + FILM, "SamplingInterval": 1000,
        "Format": "JPEG", "MaxResults": 100})
    for number in range(bench.rounds):
        before = store.program.processor_time() + decoders(store)
        found = json.loads(curl("-d", text, store.url + "/getImages"))["Images"]
        ours = store.program.processor_time() + decoders(store) - before
        assert sum("ImageContent" in each for each in found) == FILM, [each.get("Error") for each in found]
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-skip_frame", "nokey", "-threads", "1", "-i", str(film.path), "-fps_mode", "passthrough", "-q:v", "3",
             str(film.path.parent / "picture%d.jpg")], check=True, env=clean_environment())
        done = resource.getrusage(resource.RUSAGE_CHILDREN)
        theirs = done.ru_utime + done.ru_stime - used.ru_utime - used.ru_stime
        # The first one starts what decodes.
        if number:
            bench.report.compare("GetImages, 25 of 1920x1080, processor time / ffmpeg's", 1.3, ours / theirs, at_most=True)
            bench.report.rate("GetImages, processor ms for a picture", ours * 1000 / FILM)


def decoders(store: Store) -> float:
    """Seconds of processor time that the server's weir-frames have used."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == store.program.process.pid:
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total
