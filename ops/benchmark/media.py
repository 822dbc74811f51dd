"""Media in and out: Weir beside nginx, which writes the same bytes by PUT and sends them as files. curl sends where bytes are to go as fast
as they can; many cameras at once are played here, one fragment a second each."""

import contextlib
import json
import os
import resource
import selectors
import shutil
import socket
import ssl
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import archive
from programs import Postgres, Program, clean_environment, free_port, run

FRAGMENT = 250_000
END_OF_FRAGMENT = "AWS_KINESISVIDEO_END_OF_FRAGMENT"


# --- what producers send ---


def element(identifier: str, content: bytes, width: int | None = None) -> bytes:
    width = width or next(width for width in range(1, 9) if len(content) < (1 << 7 * width) - 1)
    return bytes.fromhex(identifier) + (len(content) | 1 << 7 * width).to_bytes(width, "big") + content


def header() -> bytes:
    ebml = element("1A45DFA3", element("4282", b"matroska") + element("4287", b"\2") + element("4285", b"\2"))
    info = element("1549A966", element("2AD7B1", (1_000_000).to_bytes(4, "big")) + element("4D80", b"bench") + element("5741", b"bench"))
    video = element("AE", b"".join([
        element("D7", b"\1"), element("73C5", b"\1"), element("83", b"\1"), element("86", b"V_MPEG4/ISO/AVC"), element("63A2", b"\1\2\3\4"),
        element("E0", element("B0", b"\7\x80") + element("BA", b"\4\x38"))]))
    return ebml + bytes.fromhex("18538067FF") + info + element("1654AE6B", video)


def frames(size: int) -> bytes:
    """The blocks of a fragment of a second: 25 frames, the first a key frame and a quarter of all."""
    first, rest = size // 4, size * 3 // 4 // 24
    return b"".join(
        element("A3", b"\x81" + (40 * number).to_bytes(2, "big") + (b"\x80" if number == 0 else b"\0") + bytes(first if number == 0 else rest), 4)
        for number in range(25))


def cluster_head(timecode: int) -> bytes:
    return bytes.fromhex("1F43B675FF") + element("E7", timecode.to_bytes(8, "big"))


def end_tag() -> bytes:
    return element("1254C367", element("7373", element("67C8", element("45A3", END_OF_FRAGMENT.encode()) + element("4487", b""))))


def body(path: Path, megabytes: int) -> int:
    """Writes what one producer sends; answers its bytes."""
    content = frames(FRAGMENT)
    with path.open("wb") as file:
        file.write(header())
        for number in range(megabytes * 1_000_000 // FRAGMENT):
            file.write(cluster_head(1000 * number) + content)
        return file.tell()


# --- programs ---


class Store:
    """A Weir that asks nobody who they are, with streams that keep their media for an hour. `certificate`: over TLS, with that and its key. More flags, and what
    is in its environment."""

    def __init__(self, binary: Path, folder: Path, certificate: Path | None = None, *flags: str, name: str = "media", **environment: str):
        self.port, self.encrypted = free_port(), certificate is not None
        self.folder, self.environment = folder / name, environment
        tls = ["--tls-certificate", str(certificate), "--tls-key", str(certificate.with_suffix(".key"))] if certificate else []
        self.arguments = [
            str(binary), "serve", "--data-dir", str(self.folder), "--port", str(self.port), "--auth", "none", "--log-requests", "false",
            "--media-reserve-bytes", "0", *tls, *flags]
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> float:
        """Starts it; answers the seconds until it is ready."""
        began = time.monotonic()
        self.program = Program(self.arguments, self.folder.with_suffix(".log"), **self.environment)
        if self.encrypted:
            curl("--retry", 30, "--retry-delay", 1, "--retry-all-errors", self.url + "/ready")
        else:
            self.program.wait_for(self.port, "/ready", {200}, 120)
        return time.monotonic() - began

    def stream(self, name: str, hours: int = 1) -> str:
        curl("-d", json.dumps({"StreamName": name, "DataRetentionInHours": hours}), self.url + "/createStream")
        return name

    def known_stream(self, name: str, hours: int = 1) -> str:
        """A stream that had a producer, which sent nothing but a header."""
        file = self.folder.parent / "header.mkv"
        file.write_bytes(header())
        ended([self.put(file, self.stream(name, hours))])
        return name

    def put(self, path: Path, stream: str, timecodes: str = "RELATIVE") -> subprocess.Popen:
        return curl_process(
            "-T", path, "-X", "POST", "-H", "Transfer-Encoding: chunked", "-H", "Expect:", "-H", f"x-amzn-stream-name: {stream}",
            "-H", f"x-amzn-fragment-timecode-type: {timecodes}", self.url + "/putMedia")

    def get(self, stream: str) -> float:
        return received(self, "POST /getMedia", json.dumps({"StreamName": stream, "StartSelector": {"StartSelectorType": "EARLIEST"}}))

    def end(self) -> None:
        self.program.stop()
        shutil.rmtree(self.folder)

    def metric(self, name: str) -> float:
        page = curl(self.url + "/metrics").decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.split("{")[0].split(" ")[0] == name)


class Files(Program):
    """nginx with as many processes as cores: takes files by PUT and sends them."""

    def __init__(self, folder: Path, certificate: Path | None = None):
        self.port, self.encrypted = free_port(), certificate is not None
        self.folder = folder / "files"
        tls = f"ssl_certificate {certificate}; ssl_certificate_key {certificate.with_suffix('.key')};" if certificate else ""
        self.folder.mkdir()
        configuration = self.folder / "nginx.conf"
        configuration.write_text(f"""
            daemon off; worker_processes 2; pid {self.folder}/pid; error_log {self.folder}/error.log; user root;
            events {{ worker_connections 1024; }}
            http {{
                access_log off; client_max_body_size 0; sendfile on; proxy_temp_path {self.folder}/b; fastcgi_temp_path {self.folder}/c;
                uwsgi_temp_path {self.folder}/d; scgi_temp_path {self.folder}/e; client_body_temp_path {self.folder}/a;
                server {{ listen 127.0.0.1:{self.port}{" ssl" if tls else ""}; {tls} location / {{ root {self.folder}/www; dav_methods PUT; create_full_put_path on; }} }}
            }}""")
        (self.folder / "www").mkdir()
        super().__init__(["nginx", "-e", f"{self.folder}/error.log", "-c", str(configuration)], folder / "files.log")
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.port}"
        (self.folder / "www/ready").touch()
        curl("--retry", 30, "--retry-delay", 1, "--retry-all-errors", self.url + "/ready")

    def put(self, path: Path, name: str) -> subprocess.Popen:
        return curl_process("-T", path, "-H", "Transfer-Encoding: chunked", "-H", "Expect:", f"{self.url}/{name}")

    def get(self, name: str) -> float:
        return received(self, f"GET /{name}")

    def end(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)


def curl_process(*arguments: object) -> subprocess.Popen:
    return subprocess.Popen(["curl", "-sS", "-f", "-k", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())


def curl(*arguments: object) -> bytes:
    return ended([curl_process(*arguments)])[0]


def ended(processes: list[subprocess.Popen]) -> list[bytes]:
    """What they print, once all have ended well."""
    printed = []
    for process in processes:
        out, err = process.communicate()
        if process.returncode:
            raise RuntimeError(f"curl: {err.decode()}")
        printed.append(out)
    return printed


def received(server: Store | Files, request: str, content: str = "") -> float:
    """How many bytes of an answer come in a second, until its last one: GetMedia ends its answers seconds later."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    if server.encrypted:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = context.wrap_socket(connection)
    buffer, count = bytearray(1 << 20), 0
    began = last = time.monotonic()
    with connection:
        connection.settimeout(2)
        connection.sendall(
            f"{request} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n{content}".encode())
        with contextlib.suppress(TimeoutError):
            while length := connection.recv_into(buffer):
                assert count or buffer.startswith(b"HTTP/1.1 200"), buffer[:300]
                last = time.monotonic()
                count += length
    return count / (last - began)


# --- the lines ---


def measure(bench, weir: Path, folder: Path) -> None:
    """Every part, or the one that is asked for; each on a store of its own, whose files are gone before the next."""
    for name, part in PARTS.items():
        if bench.options.part in (None, name):
            part(bench, weir, folder)


def transfers(bench, weir: Path, folder: Path, certificate: Path | None = None) -> None:
    """One connection, a hundred, and reading what the one has sent, beside the same bytes as files."""
    report, over = bench.report, ", TLS" if certificate else ""
    store, files = Store(weir, folder, certificate), Files(folder, certificate)
    megabytes = 128 if bench.options.quick else 512
    large, small = folder / "large.mkv", folder / "small.mkv"
    large_bytes, small_bytes = body(large, megabytes), body(small, 4)
    for number in range(bench.rounds):
        stream = store.stream(f"one-{number}")
        rates = {}
        for name, put in (("nginx", lambda: files.put(large, "one")), ("weir", lambda: store.put(large, stream))):
            began, used = time.monotonic(), store.program.processor_time()
            printed = ended([put()])[0]
            rates[name] = large_bytes / (time.monotonic() - began) / 1e6
        told = printed.count(b'"PERSISTED"')
        assert told == megabytes * 1_000_000 // FRAGMENT and b"ERROR" not in printed, printed[-300:]
        report.compare(f"PutMedia, durable, 1 connection{over} / nginx PUT", 0.5, rates["weir"] / rates["nginx"])
        report.rate(f"PutMedia, 1 connection{over}, MB", rates["weir"])
        report.rate(f"nginx PUT, 1 connection{over}, MB", rates["nginx"])
        report.rate(f"PutMedia{over}, processor ms for a GB", (store.program.processor_time() - used) * 1e3 / (large_bytes / 1e9))
        streams = [store.stream(f"many-{number}-{index}") for index in range(100)]
        for name, put in (("nginx", lambda index: files.put(small, f"many-{index}")), ("weir", lambda index: store.put(small, streams[index]))):
            began = time.monotonic()
            printed = ended([put(index) for index in range(100)])
            rates[name] = 100 * small_bytes / (time.monotonic() - began) / 1e6
        assert all(out.count(b'"PERSISTED"') == 16 for out in printed)
        report.compare(f"PutMedia, durable, 100 connections{over} / nginx PUT", 0.5, rates["weir"] / rates["nginx"])
        for name, get in (("nginx", lambda: files.get("one")), ("weir", lambda: store.get(stream))):
            used = store.program.processor_time()
            rates[name] = get() / 1e6
        report.rate(f"GetMedia{over}, processor ms for a GB", (store.program.processor_time() - used) * 1e3 / (large_bytes / 1e9))
        report.compare(f"GetMedia from the archive{over} / nginx, a file", 0.8 if certificate else 0.6, rates["weir"] / rates["nginx"])
        report.rate(f"GetMedia{over}, MB", rates["weir"])
        report.rate(f"nginx, a file{over}, MB", rates["nginx"])
    store.end()
    files.end()


def encrypted(bench, weir: Path, folder: Path) -> None:
    """The same over TLS on both sides."""
    certificate = folder / "bench.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-keyout", str(certificate.with_suffix(".key")), "-out", str(certificate)], check=True, capture_output=True)
    certificate.with_suffix(".key").chmod(0o600)
    transfers(bench, weir, folder, certificate)


def surveillance(bench, weir: Path, folder: Path) -> None:
    """Cameras of 2 Mbit/s, a fragment a second each, beside whoever plays them."""
    seconds, counts = (10, (100, 200)) if bench.options.quick else (120, (200, 400))
    for count in counts:
        store = Store(weir, folder)
        used = store.program.processor_time()
        latencies, sent = cameras(store, count, seconds)
        used = store.program.processor_time() - used
        name = f"{count} cameras of 2 Mbit/s for {seconds} s"
        bench.report.compare(f"{name}: PERSISTED p99", 500, percentile(latencies, 99), at_most=True, unit=" ms")
        bench.report.compare(f"{name}: syncs a second", 100, store.metric("weir_media_sync_seconds_count") / seconds, at_most=True)
        bench.report.notes.append(
            f"{count} cameras: {sent:,} fragments sent, {len(latencies):,} told as stored, p50 {percentile(latencies, 50):.0f} ms; "
            f"{store.program.memory():.0f} MiB resident; {used / seconds:.2f} cores, {used / (sent * FRAGMENT / 1e9):.2f} processor s for a GB")
        if len(latencies) != sent:
            raise RuntimeError(f"{sent - len(latencies)} of {sent} fragments were not told as stored")
        store.end()


def sessions(bench, weir: Path, folder: Path) -> None:
    """A thousand producers at once, with small fragments: what they cost in memory."""
    store = Store(weir, folder)
    latencies, sent = cameras(store, 1000, 10 if bench.options.quick else 60, size=20_000)
    assert len(latencies) == sent
    bench.report.compare("1000 producers: resident memory", 1200, store.program.memory(), at_most=True, unit=" MiB")
    bench.report.notes.append(f"1000 producers: PERSISTED p50 {percentile(latencies, 50):.0f} ms, p99 {percentile(latencies, 99):.0f} ms")
    store.end()


def following(bench, weir: Path, folder: Path) -> None:
    store = Store(weir, folder)
    latency = follow(store)
    bench.report.compare("block sent to block at a reader, p50", 5, percentile(latency, 50), at_most=True, unit=" ms")
    bench.report.compare("block sent to block at a reader, p99", 30, percentile(latency, 99), at_most=True, unit=" ms")
    store.end()


def packs(bench, weir: Path, folder: Path) -> None:
    """The store without HTTP: a thousand fragments a second, beside one sync and one commit alone."""
    for streams in (100, 1000):
        own = folder / "packs"
        own.mkdir()
        measured = subprocess.run(
            [str(bench.options.media_store), str(own), str(streams), "1000", "20000", "5" if bench.options.quick else "20"],
            stdout=subprocess.PIPE, check=True, env=clean_environment())
        found = json.loads(measured.stdout)
        bench.report.compare(f"{streams} streams, 1000 fragments a second: stored, p50 / a sync and a commit alone", 3, found["p50_to_alone"], at_most=True)
        bench.report.compare(f"{streams} streams, 1000 fragments a second: syncs a second", 100, found["syncs_per_second"], at_most=True)
        bench.report.notes.append(f"packs alone, {streams} streams: {measured.stdout.decode().strip()}")
        shutil.rmtree(own)
    bench.report.notes.append("A round begins 10 ms after the one before at the earliest, so half of that is in each median: a hundred syncs a "
                              "second at most, and three times a disk that syncs in less than three milliseconds, exclude one another.")


def years(bench, weir: Path, folder: Path) -> None:
    """Pages of a stream that has kept a hundred million fragments beside those of one with a hundred thousand, and starting with such an index."""
    count, pages = (10_000_000, 10) if bench.options.quick else (100_000_000, 40)
    store, medians = Store(weir, folder), {}
    for name, fragments, first in (("short", 100_000, archive.FIRST_PACK), ("long", count, archive.FIRST_PACK + 10_000_000)):
        store.known_stream(name, archive.RETENTION)
        store.program.stop()
        kept = archive.Archive(store.folder, name, fragments, first)
        store.start()
        medians[name] = [statistics.median(times) for times in kept.pages(store.port, pages)]
    for kind, short, long in zip(("server", "producer"), medians["short"], medians["long"]):
        bench.report.compare(f"ListFragments by {kind} time, a page of 1000 of {count:,} / of 100,000", 1.3, long / short, at_most=True)
        bench.report.notes.append(f"ListFragments by {kind} time: {short:.1f} ms of 100,000, {long:.1f} ms of {count:,}")
    extents = count // archive.EXTENT
    if not bench.options.quick:
        extents = 4_300_000
        store.known_stream("all-others", archive.RETENTION)
        store.program.stop()
        archive.Archive(store.folder, "all-others", extents * archive.EXTENT - count, archive.FIRST_PACK + 20_000_000)
    store.program.stop()
    seconds = statistics.median([store.start(), (store.program.stop(), store.start())[1], (store.program.stop(), store.start())[1]])
    bench.report.compare(f"start with {extents:,} extents", 1, seconds, at_most=True, unit=" s")
    store.end()


def month(bench, weir: Path, folder: Path) -> None:
    """A thousand cameras whose media is kept for a month, beside a day of the same: starting, listing and expiry."""
    count = 100 if bench.options.quick else 1000
    found: list[tuple[float, float, float]] = []
    for kept in (1, 30):
        store = Store(weir, folder)
        cameras(store, count, 0, name="kept", hours=archive.Month.RETENTION)
        store.program.stop()
        made = archive.Month(store.folder, kept)
        seconds = statistics.median([store.start(), (store.program.stop(), store.start())[1], (store.program.stop(), store.start())[1]])
        pages = statistics.median(made.pages(store.port, 40))
        found.append((seconds, pages, made.expire()))
        bench.report.notes.append(
            f"{made.extents:,} extents of {count} cameras and {kept} days: start {found[-1][0]:.2f} s, a page of 1000 {found[-1][1]:.1f} ms, a day of "
            f"{made.PACKS_OF_A_DAY} packs expires in {found[-1][2]:.2f} s; {sum(file.stat().st_size for file in store.folder.glob('weir.db*')) / 1e9:.2f} GB of index")
        store.end()
    (_, pages, expired), (start_month, pages_month, expired_month) = found
    bench.report.compare(f"{count} cameras, a month: start", 1, start_month, at_most=True, unit=" s")
    bench.report.compare(f"{count} cameras, a page of 1000 of a month / of a day", 1.3, pages_month / pages, at_most=True)
    bench.report.compare(f"{count} cameras, a day expires out of a month / alone", 1.3, expired_month / expired, at_most=True)


def expiry(bench, weir: Path, folder: Path) -> None:
    """A thousand packs expire while cameras send."""
    seconds = 10 if bench.options.quick else 30
    for number in range(bench.rounds):
        store = Store(weir, folder)
        before, _ = cameras(store, 100, seconds)
        store.program.stop()
        store.start()
        store.known_stream("old")
        old = archive.Expiring(store.folder, "old", 1000, 2)
        due = threading.Timer(2, old.are_due)
        due.start()
        during, sent = cameras(store, 100, seconds, name="later")
        due.join()
        assert len(during) == sent and old.left == 0, f"{old.left} packs are left"
        bench.report.compare(
            "1000 packs expire: PERSISTED p99 / without", 1.2, percentile(during, 99) / percentile(before, 99), at_most=True)
        bench.report.notes.append(f"expiry, round {number + 1}: p99 {percentile(before, 99):.0f} ms before, {percentile(during, 99):.0f} ms during")
        store.end()


def recorders(bench, weir: Path, folder: Path) -> None:
    """Processor time for what cameras of 2 Mbit/s send: Weir, which stores durably, beside nginx-rtmp and a copying ffmpeg for each."""
    count, short, long = (50, 4, 12) if bench.options.quick else (100, 5, 65)
    clip = folder / "clip.flv"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25", "-t", "10", "-c:v", "libx264", "-preset", "ultrafast",
         "-b:v", "2M", "-maxrate", "2M", "-bufsize", "2M", "-nal-hrd", "cbr", "-g", "25", str(clip)], check=True)
    play = ["ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-i", str(clip), "-c", "copy"]

    def by_weir(seconds: int) -> tuple[float, int]:
        store = Store(weir, folder)
        used = store.program.processor_time()
        _, sent = cameras(store, count, seconds)
        used = store.program.processor_time() - used
        store.end()
        return used, sent * FRAGMENT

    def by_nginx(seconds: int) -> tuple[float, int]:
        port, own = free_port(), folder / "rtmp"
        own.mkdir()
        (own / "nginx.conf").write_text(f"""
            load_module /usr/lib/nginx/modules/ngx_rtmp_module.so; daemon off; master_process off; pid {own}/pid; error_log {own}/error.log;
            events {{ worker_connections 1024; }}
            rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; record all; record_path {own}; record_unique on; }} }} }}""")
        nginx = Program(["nginx", "-e", f"{own}/error.log", "-c", f"{own}/nginx.conf"], folder / "rtmp.log")
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.05)
        used = nginx.processor_time()
        ended([subprocess.Popen([*play, "-t", str(seconds), "-f", "flv", f"rtmp://127.0.0.1:{port}/live/{number}"], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE) for number in range(count)])
        used = nginx.processor_time() - used
        size = sum(file.stat().st_size for file in own.glob("*.flv"))
        nginx.stop()
        shutil.rmtree(own)
        return used, size

    def by_ffmpeg(seconds: int) -> tuple[float, int]:
        own = folder / "segments"
        own.mkdir()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ended([subprocess.Popen([*play, "-t", str(seconds), "-f", "segment", "-segment_time", "1", f"{own}/{number}-%d.mkv"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE) for number in range(count)])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        size = sum(file.stat().st_size for file in own.iterdir())
        shutil.rmtree(own)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, size

    costs = {}
    for name, recorder in (("weir", by_weir), ("nginx-rtmp", by_nginx), ("ffmpeg", by_ffmpeg)):
        # What starting costs is in both.
        (used, size), (used_longer, size_longer) = recorder(short), recorder(long)
        costs[name] = (used_longer - used) / ((size_longer - size) / 1e9)
    bench.report.compare("processor time for a GB from cameras / nginx-rtmp", 1, costs["weir"] / costs["nginx-rtmp"], at_most=True)
    bench.report.compare("processor time for a GB from cameras / ffmpeg -c copy", 0.3, costs["weir"] / costs["ffmpeg"], at_most=True)
    bench.report.notes.append("processor s for a GB from cameras: " + ", ".join(f"{name} {cost:.2f}" for name, cost in costs.items()))


def cluster(bench, weir: Path, folder: Path) -> None:
    """Two instances on one Postgres and one SeaweedFS: how long a frame takes from one to the other, how long a fragment until it is told as stored, what the store
    is asked for it, and what the database."""
    own = folder / "cluster"
    own.mkdir()
    own.chmod(0o711)
    postgres = Postgres(bench.options.postgres, own, "shared_preload_libraries=pg_stat_statements")
    url = postgres.database("weir_media")
    postgres.sql(url, "CREATE EXTENSION pg_stat_statements")
    key, secret = "AKIDBENCH", "a-secret-of-the-benchmark"
    objects = own / "objects"
    objects.mkdir()
    port, *ports = (free_port() for _ in range(10))
    names = ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc", "s3.port.grpc", "admin.port",
             "admin.port.grpc"]
    Program(
        ["weed", "mini", f"-dir={objects}", "-bucket=media", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.port={port}",
         *(f"-{name}={number}" for name, number in zip(names, ports)), "-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false",
         "-master.telemetry=false", "-filer.localSocket=filer.sock"], own / "objects.log", AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret)
    master_key = own / "master.key"
    master_key.touch(mode=0o600)
    master_key.write_bytes(os.urandom(32))
    shared = ["--database", url, "--master-key-file", str(master_key), "--media-store", "s3://media/weir", "--media-store-endpoint",
              f"http://127.0.0.1:{port}"]
    run(weir, "migrate", "--data-dir", own, *shared[:4])

    def instance(name: str) -> Store:
        end = time.monotonic() + 60
        while True:
            try:
                return Store(weir, own, None, *shared, name=name, WEIR_MEDIA_STORE_ACCESS_KEY_ID=key, WEIR_MEDIA_STORE_SECRET_ACCESS_KEY=secret)
            except RuntimeError:
                # The store has no bucket yet.
                if time.monotonic() > end:
                    raise

    def forget_statements() -> None:
        while postgres.sql(url, "SELECT count(*) FROM task") != "0":
            time.sleep(0.1)
        postgres.sql(url, "SELECT pg_stat_statements_reset()")

    report, one, two = bench.report, instance("one"), instance("two")
    latency = follow(one, two)
    report.compare("block sent to one instance to block at a reader of another, p50", 15, percentile(latency, 50), at_most=True, unit=" ms")
    report.compare("block sent to one instance to block at a reader of another, p99", 80, percentile(latency, 99), at_most=True, unit=" ms")
    seconds = 10 if bench.options.quick else 60
    for count in (10, 100, 400):
        # Small ones: what bytes alone ask for, a request for each 8 MiB, is left out of account.
        before = one.metric("weir_media_sync_seconds_count")
        latencies, sent = cameras(one, count, seconds, size=20_000, made=forget_statements)
        assert len(latencies) == sent, f"{sent - len(latencies)} of {sent} fragments were not told as stored"
        requests = (one.metric("weir_media_sync_seconds_count") - before) / seconds
        report.compare(f"{count} cameras, media in S3: PUT requests a second", 4.2, requests, at_most=True)
        report.compare(f"{count} cameras, media in S3: PERSISTED p99", 800, percentile(latencies, 99), at_most=True, unit=" ms")
        bill = [line.split("|", 2) for line in postgres.sql(
            url, "SELECT calls, rows, left(regexp_replace(query, '\\s+', ' ', 'g'), 60) FROM pg_stat_statements "
            "WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY calls DESC").splitlines()]
        statements, rows = (sum(int(line[column]) for line in bill) / sent for column in (0, 1))
        # What is asked each second or for each session, whoever sends, is most of it where few do.
        if count == 400:
            report.compare(f"{count} cameras, media in S3: statements of SQL for a fragment", 2, statements, at_most=True)
            report.compare(f"{count} cameras, media in S3: rows for a fragment", 2, rows, at_most=True)
        report.notes.append(
            f"{count} cameras, media in S3: p50 {percentile(latencies, 50):.0f} ms; {statements:.2f} statements and {rows:.2f} rows for a fragment: "
            + "; ".join(f"{int(calls) / sent:.2f} {text.strip()}" for calls, _, text in bill[:5]))
    for store in (one, two):
        store.end()
    postgres.stop()
    shutil.rmtree(own)


PARTS = {
    "transfers": transfers, "tls": encrypted, "cameras": surveillance, "sessions": sessions, "following": following, "packs": packs,
    "cluster": cluster, "years": years, "month": month, "expiry": expiry, "recorders": recorders,
}


def percentile(values: list[float], share: int) -> float:
    return statistics.quantiles(values, n=100)[share - 1]


class Camera:
    """One connection that sends a fragment each second."""

    def __init__(self, store: Store, name: str, start: float):
        self.socket = socket.create_connection(("127.0.0.1", store.port))
        # As producers have it: a block does not wait until the one before is acknowledged by the network.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(
            f"POST /putMedia HTTP/1.1\r\nHost: 127.0.0.1:{store.port}\r\nTransfer-Encoding: chunked\r\nx-amzn-stream-name: {name}\r\n"
            "x-amzn-fragment-timecode-type: RELATIVE\r\n\r\n".encode() + chunk(header()))
        self.socket.setblocking(False)
        self.due, self.timecode, self.sent = start, 0, 0
        self.out, self.answer, self.ended_at = [], b"", {}

    def begin(self, content: bytes) -> None:
        self.out += [memoryview(b"%x\r\n" % (len(cluster_head(0)) + len(content)) + cluster_head(self.timecode)), memoryview(content),
                     memoryview(b"\r\n")]
        self.timecode += 1000
        self.due += 1

    def write(self) -> None:
        while self.out:
            try:
                count = self.socket.sendmsg(self.out)
            except BlockingIOError:
                return
            while count and self.out:
                if count >= len(self.out[0]):
                    count -= len(self.out.pop(0))
                else:
                    self.out[0], count = self.out[0][count:], 0
        self.ended_at[self.timecode - 1000] = time.monotonic()
        self.sent += 1

    def read(self, latencies: list[float]) -> None:
        part = self.socket.recv(65536)
        if not part:
            raise RuntimeError("the connection of a camera has ended")
        now = time.monotonic()
        *lines, self.answer = (self.answer + part).split(b"\n")
        for line in lines:
            if b'"PERSISTED"' in line:
                latencies.append((now - self.ended_at.pop(json.loads(line)["FragmentTimecode"])) * 1e3)
            elif b'"ERROR"' in line:
                raise RuntimeError(line.decode())


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def cameras(store: Store, count: int, seconds: int, size: int = FRAGMENT, name: str = "camera", hours: int = 1,
            made: Callable[[], None] = lambda: None) -> tuple[list[float], int]:
    """How long after its last byte each fragment was told as stored, in milliseconds; and how many were sent. `made` is called once there are the streams."""
    content = frames(size) + end_tag()
    names = [store.stream(f"{name}-{count}-{number}", hours) for number in range(count)]
    made()
    start = time.monotonic() + 1
    playing = [Camera(store, name, start + number / count) for number, name in enumerate(names)]
    latencies: list[float] = []
    with selectors.DefaultSelector() as selector:
        for camera in playing:
            selector.register(camera.socket, selectors.EVENT_READ, camera)
        end = start + seconds
        while time.monotonic() < end + 10 and (time.monotonic() < end or any(camera.ended_at or camera.out for camera in playing)):
            now = time.monotonic()
            for camera in playing:
                if camera.due <= now < end and not camera.out:
                    camera.begin(content)
                    camera.write()
                    if camera.out:
                        selector.modify(camera.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, camera)
            for key, events in selector.select(0.002):
                camera = key.data
                if events & selectors.EVENT_WRITE:
                    camera.write()
                    if not camera.out:
                        selector.modify(camera.socket, selectors.EVENT_READ, camera)
                if events & selectors.EVENT_READ:
                    camera.read(latencies)
    for camera in playing:
        camera.socket.close()
    return latencies, sum(camera.sent for camera in playing)


def follow(store: Store, elsewhere: Store | None = None) -> list[float]:
    """How long a frame takes from a producer to a reader, of the same instance or of another one, in milliseconds. Its bytes hold its number."""
    read_at = elsewhere or store
    stream = store.stream("followed")
    producer = Camera(store, stream, time.monotonic())
    producer.socket.setblocking(True)
    reader = socket.create_connection(("127.0.0.1", read_at.port))
    request = json.dumps({"StreamName": stream, "StartSelector": {"StartSelectorType": "NOW"}}).encode()
    reader.sendall(b"POST /getMedia HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %d\r\n\r\n%s" % (read_at.port, len(request), request))
    received, latencies = b"", []
    while b"\r\n\r\n" not in received:
        received += reader.recv(65536)
    for number in range(1000):
        frame = b"frame-%06d-" % number * 300
        start = cluster_head(1000 * (number // 25)) if number % 25 == 0 else b""
        data = start + element("A3", b"\x81" + (40 * (number % 25)).to_bytes(2, "big") + (b"\x80" if start else b"\0") + frame, 4)
        began = time.monotonic()
        producer.socket.sendall(chunk(data))
        while frame not in received:
            received += reader.recv(65536)
        latencies.append((time.monotonic() - began) * 1e3)
        received = received[-100:]
        time.sleep(0.002)
    reader.close()
    producer.socket.close()
    return latencies
