"""Producers and readers of media: bytes in the shape of the official C core, a connection of PutMedia over a plain socket, and a reader of Matroska
that shares nothing with the program."""

import datetime
import hashlib
import hmac
import json
import socket
import ssl
import struct
import subprocess
import time
import uuid
from dataclasses import dataclass, field

from deployment import REGION

END_OF_FRAGMENT = "AWS_KINESISVIDEO_END_OF_FRAGMENT"
EMPTY_HASH = hashlib.sha256(b"").hexdigest()
UNKNOWN = b"\xff"


# --- what the C core sends ---


def element(identifier, content, width=None):
    """An element whose size has so many bytes, the fewest unless told otherwise."""
    return bytes.fromhex(identifier) + size(len(content), width) + content


def size(value, width=None):
    if width is None:
        width = next(width for width in range(1, 9) if value < (1 << 7 * width) - 1)
    return (value | 1 << 7 * width).to_bytes(width, "big")


def number(value):
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def head(tracks=1, scale=1_000_000):
    """EBML, Segment of unknown size, Info, Tracks."""
    ebml = element("1A45DFA3", b"".join([
        element("4286", b"\1"), element("42F7", b"\1"), element("42F2", b"\4"), element("42F3", b"\x08"), element("4282", b"matroska"),
        element("4287", b"\2"), element("4285", b"\2"),
    ]))
    info = element("1549A966", b"".join([
        element("73A4", bytes(range(16))), element("2AD7B1", scale.to_bytes(8, "big")), element("7BA9", b"Kinesis"),
        element("4D80", b"AWS SDK"), element("5741", b"AWS SDK\0\0\0\0\0\0\0\0\0"),
    ]))
    entries = [track(1, 1, b"V_MPEG4/ISO/AVC", element("E0", element("B0", b"\2\x80") + element("BA", b"\1\xe0")))]
    entries += [track(index, 2, b"A_AAC", element("E1", element("B5", struct.pack(">d", 48000)) + element("9F", b"\2")))
                for index in range(2, tracks + 1)]
    return ebml + bytes.fromhex("18538067") + UNKNOWN + info + element("1654AE6B", b"".join(entries), 4)


def track(index, kind, codec, details):
    return element("AE", b"".join([
        element("D7", number(index)), element("83", number(kind)), element("73C5", index.to_bytes(8, "big")), element("536E", b"name"),
        element("86", codec), details, element("63A2", b"\1\2\3\4"),
    ]), 4)


def cluster(timecode, times=(0, 40, 80), *, length=1000, index=1):
    """A cluster of unknown size with frames at these times after its timecode, the first a key frame."""
    return bytes.fromhex("1F43B675") + UNKNOWN + element("E7", timecode.to_bytes(8, "big")) + element("A7", b"\0") + b"".join(
        block(at, index=index, key=place == 0, length=length) for place, at in enumerate(times))


def block(at, *, index=1, key=False, length=1000):
    frame = bytes([index, at & 0xFF]) * (length // 2)
    return element("A3", size(index) + struct.pack(">h", at) + (b"\x80" if key else b"\0") + frame, 8)


def tags(*pairs):
    """One Tags element with a SimpleTag for each pair, all with sizes of eight bytes."""
    return element("1254C367", element("7373", b"".join(
        element("67C8", element("45A3", name.encode(), 8) + element("4487", value.encode(), 8), 8) for name, value in pairs), 8), 8)


def end_of_fragment():
    return tags((END_OF_FRAGMENT, ""))


# --- a connection of PutMedia ---


class Producer:
    """One PutMedia connection; its head is sent and the answer's read at once. `form`: who signs like this."""

    def __init__(self, server, stream, *, credentials=None, form="c", type="ABSOLUTE", start="1700000000.5", arn=None, headers=(), context=None,
                 drop=(), unsigned=()):
        self.acknowledgements = []
        self._rest = b""
        self._is_over = False
        connection = socket.create_connection(("127.0.0.1", server.port), 30)
        # Acknowledgements come one by one: nothing of ours may wait for them.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(connection, server_hostname="127.0.0.1") if context else connection
        named = {"x-amzn-stream-arn": arn} if arn else {"x-amzn-stream-name": stream}
        given = {"x-amzn-fragment-timecode-type": type, "x-amzn-producer-start-timestamp": start, **named} | dict(headers)
        given = {name: value for name, value in given.items() if value is not None and name not in drop}
        self.socket.sendall(signed_head(server, credentials or server.credentials, form, given, dict(unsigned)))
        self.status = self.headers = self.error = None
        self.read_head()

    def read_head(self):
        while b"\r\n\r\n" not in self._rest:
            part = self.socket.recv(65536)
            assert part, self._rest
            self._rest += part
        head, self._rest = self._rest.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        if self.status != 200:
            length = int(self.headers["content-length"])
            while len(self._rest) < length:
                self._rest += self.socket.recv(65536)
            self.error = (self.headers["x-amzn-errortype"], next(iter(json.loads(self._rest[:length]).values())))
        return self

    def send(self, *parts):
        """Each part as a chunk of its own."""
        self.socket.sendall(b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part))
        return self

    def end(self):
        self.socket.sendall(b"0\r\n\r\n")
        return self

    def next(self, deadline=30):
        """The next acknowledgement; None at the end of the answer. Each has a chunk for itself."""
        self.socket.settimeout(deadline)
        line = self._line()
        if line is None:
            return None
        length = int(line, 16)
        while len(self._rest) < length + 2:
            part = self.socket.recv(65536)
            assert part, "the answer breaks off"
            self._rest += part
        chunk, self._rest = self._rest[:length], self._rest[length + 2:]
        if not length:
            self._is_over = True
            return None
        assert chunk.endswith(b"}\n") and chunk.count(b"\n") == 1, chunk
        found = json.loads(chunk)
        assert chunk.decode() == json.dumps(found, separators=(",", ":")) + "\n"
        self.acknowledgements.append(found)
        return found

    def _line(self):
        while b"\r\n" not in self._rest:
            part = self.socket.recv(65536)
            if not part:
                return None
            self._rest += part
        line, self._rest = self._rest.split(b"\r\n", 1)
        return line

    def until(self, kind, timecode=None):
        """Reads up to an acknowledgement of this type, of the fragment if one is given."""
        while found := self.next():
            if found["EventType"] == kind and timecode in (None, found.get("FragmentTimecode")):
                return found
        raise AssertionError(f"no {kind} of {timecode}: {self.acknowledgements}")

    def rest(self):
        """All acknowledgements up to the end of the answer."""
        while self.next():
            pass
        return self.acknowledgements

    @property
    def is_whole(self):
        return self._is_over

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def signed_head(server, credentials, form, given, unsigned, region=REGION):
    """The head of a PutMedia request, signed in the way of a producer: `c` (hash of nothing and no header for it, host without port),
    `java` (UNSIGNED-PAYLOAD, its header not signed, host without port) or `js` (UNSIGNED-PAYLOAD, signed)."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    host = f"127.0.0.1:{server.port}"
    headers = {"host": host if form == "js" else "127.0.0.1", "user-agent": "producer/1", "x-amz-date": now, "transfer-encoding": "chunked",
               "connection": "keep-alive", **given}
    payload = EMPTY_HASH if form == "c" else "UNSIGNED-PAYLOAD"
    if form == "js":
        headers["x-amz-content-sha256"] = payload
    if form == "c":
        covered = sorted(headers)
    else:
        covered = sorted(name for name in headers if name in ("host", "x-amz-content-sha256") or name.startswith("x-am"))
    canonical = "\n".join(["POST", "/putMedia", "", *(f"{name}:{headers[name]}" for name in covered), "", ";".join(covered), payload])
    scope = f"{now[:8]}/{region}/kinesisvideo/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + credentials.secret_key.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    if form == "java":
        headers["x-amz-content-sha256"] = payload
    # What is sent has the port, whatever was signed.
    headers |= {"host": host} | unsigned
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={';'.join(covered)}, Signature={signature}")
    return ("POST /putMedia HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n").encode()


def put(server, stream, *parts, **options):
    """Sends a whole body and returns the producer with all its acknowledgements."""
    with Producer(server, stream, **options) as producer:
        assert producer.status == 200, producer.error
        producer.send(*parts).end()
        producer.rest()
        assert producer.is_whole
    return producer


def events(producer):
    """Acknowledgements in short: the type and the timecode, or the error."""
    return [(found["EventType"], found.get("ErrorId", found.get("FragmentTimecode"))) for found in producer.acknowledgements]


def persisted(producer):
    """The numbers of the fragments that are told as stored, in order."""
    return [found["FragmentNumber"] for found in producer.acknowledgements if found["EventType"] == "PERSISTED"]


# --- a reader of Matroska ---

CONTAINERS = {"1A45DFA3", "18538067", "1549A966", "1654AE6B", "AE", "1F43B675", "1254C367", "7373", "67C8", "E0", "E1", "A0"}
CLUSTER, TAGS, EBML, SEGMENT = "1F43B675", "1254C367", "1A45DFA3", "18538067"
TOP = {"1549A966", "1654AE6B", CLUSTER, TAGS, "1C53BB6B", "114D9B74"}


@dataclass
class Document:
    """One Matroska document of an answer."""

    order: list = field(default_factory=list)  # "tags" and "cluster", as they stand.
    tags: list = field(default_factory=list)  # Of each Tags element: its pairs.
    timecode: int = None
    blocks: list = field(default_factory=list)  # (track, time after the timecode, flags, bytes)
    cluster: bytes = b""
    header: bytes = b""

    @property
    def all(self):
        return dict(pair for pairs in self.tags for pair in pairs)

    @property
    def number(self):
        return self.all["AWS_KINESISVIDEO_FRAGMENT_NUMBER"]


def documents(data):
    """Takes an answer apart, strictly: nothing may be left over."""
    found, at = [], 0
    while at < len(data):
        identifier, start, length = element_at(data, at)
        if identifier == EBML:
            found.append(Document(header=data[at:start + length]))
            at = start + length
        elif identifier == SEGMENT:
            assert length is None
            found[-1].header += data[at:start]
            at = start
        elif identifier == CLUSTER:
            end = cluster_end(data, start, length)
            found[-1].order.append("cluster")
            found[-1].cluster += data[at:end]
            read_cluster(data[start:end], found[-1])
            at = end
        elif identifier == TAGS:
            found[-1].order.append("tags")
            found[-1].tags.append(list(pairs(data[start:start + length])))
            at = start + length
        else:
            assert identifier in TOP, identifier
            found[-1].header += data[at:start + length]
            at = start + length
    return found


def element_at(data, at):
    width = 9 - data[at].bit_length()
    identifier = data[at:at + width].hex().upper()
    at += width
    width = 9 - data[at].bit_length()
    value = int.from_bytes(data[at:at + width], "big") & (1 << 7 * width) - 1
    return identifier, at + width, None if value == (1 << 7 * width) - 1 else value


def cluster_end(data, start, length):
    if length is not None:
        return start + length
    at = start
    while at < len(data):
        identifier, inner, size = element_at(data, at)
        if identifier in TOP or identifier in (EBML, SEGMENT):
            break
        at = inner + size
    return at


def read_cluster(content, into):
    at = 0
    while at < len(content):
        identifier, start, length = element_at(content, at)
        inner = content[start:start + length]
        if identifier == "E7":
            into.timecode = int.from_bytes(inner, "big")
        elif identifier in ("A3", "A0"):
            if identifier == "A0":
                _, first, count = element_at(inner, 0)
                inner = inner[first:first + count]
            into.blocks.append((inner[0] & 0x7F, *struct.unpack(">hB", inner[1:4]), inner[4:]))
        at = start + length


def pairs(content):
    name, at = None, 0
    while at < len(content):
        identifier, start, length = element_at(content, at)
        inner = content[start:start + length]
        if identifier in ("7373", "67C8"):
            yield from pairs(inner)
        elif identifier == "45A3":
            name = inner.decode()
        elif identifier == "4487":
            yield name, inner.decode()
        at = start + length


# --- clients ---


def media_client(server, stream, api, *, service=None, **options):
    """A boto3 client of a service on media, at the endpoint that is told for the stream."""
    with_endpoint = server.client().get_data_endpoint(StreamName=stream, APIName=api)["DataEndpoint"]
    service = service or ("kinesis-video-media" if api in ("GET_MEDIA", "PUT_MEDIA") else "kinesis-video-archived-media")
    import boto3
    from botocore.config import Config

    credentials = server.credentials
    return boto3.Session().client(
        service, endpoint_url=with_endpoint, region_name=REGION, aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key, config=Config(retries={"total_max_attempts": 1}, read_timeout=60), **options)


def framemd5(data):
    """What ffmpeg makes of the frames of some media: for each its stream, size and hash, in order."""
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", "pipe:", "-map", "0", "-c", "copy", "-f", "framemd5", "-"], input=data, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    rows = [line.split(",") for line in done.stdout.decode().splitlines() if line and not line.startswith("#")]
    return [(row[0].strip(), row[4].strip(), row[5].strip()) for row in rows]


def now_ms():
    return int(time.time() * 1000)


def unique():
    return uuid.uuid4().hex[:12]


def unverified():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
