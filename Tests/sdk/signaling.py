"""A WebSocket client that does what it is told, for peers of signaling: it signs as botocore does, and sends frames of any form."""

import base64
import json
import os
import socket
import struct
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from deployment import DEADLINE, REGION

_BOTOCORE = botocore.session.get_session()
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Refused(Exception):
    """The answer in place of a WebSocket."""

    def __init__(self, status, headers, body):
        super().__init__(f"{status} {body}")
        self.status, self.headers, self.body = status, headers, body
        self.type = headers.get("x-amzn-errortype")
        self.message = next(iter(json.loads(body).values())) if body else ""


class Ended(Exception):
    """The connection is over."""


def presigned(server, arn, client=None, path="/", host=None, credentials=None, region=REGION, expires=299, **more):
    """A path with query that is signed for a WebSocket, as the SDK for Python signs it."""
    credentials = credentials or server.credentials
    parameters = {"X-Amz-ChannelARN": arn} | ({"X-Amz-ClientId": client} if client else {}) | more
    request = AWSRequest("GET", f"https://{host or f'127.0.0.1:{server.port}'}{path}", params=parameters)
    SigV4QueryAuth(Credentials(credentials.access_key, credentials.secret_key, credentials.token), "kinesisvideo", region, expires=expires).add_auth(request)
    url = urlsplit(request.prepare().url)
    return url.path + "?" + url.query


class Peer:
    """A connected master or viewer."""

    def __init__(self, server, target, host=None, headers=()):
        self.socket = socket.create_connection(("127.0.0.1", server.port), DEADLINE)
        self._read = b""
        self.key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {target} HTTP/1.1", f"Host: {host or f'127.0.0.1:{server.port}'}", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {self.key}", *headers,
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        head = self._until(b"\r\n\r\n").decode()
        status = int(head.split(" ")[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])}
        if status != 101:
            body = self._exactly(int(self.headers.get("content-length", 0))).decode()
            self.socket.close()
            raise Refused(status, self.headers, body)

    def _until(self, mark):
        while mark not in self._read:
            self._more()
        found, _, self._read = self._read.partition(mark)
        return found

    def _exactly(self, count):
        while len(self._read) < count:
            self._more()
        found, self._read = self._read[:count], self._read[count:]
        return found

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise Ended()
        self._read += data

    # --- sending ---

    def frame(self, opcode, data, last=True):
        mask = os.urandom(4)
        size = len(data)
        head = bytes([(0x80 if last else 0) | opcode])
        if size <= 125:
            head += bytes([0x80 | size])
        elif size <= 0xFFFF:
            head += bytes([0x80 | 126]) + struct.pack(">H", size)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", size)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
        self.socket.sendall(head + mask + masked)

    def text(self, text):
        self.frame(TEXT, text.encode() if isinstance(text, str) else text)

    def send(self, action, payload="cA==", to=None, correlation=None, **more):
        members = {"action": action, "messagePayload": payload} | more
        if to is not None:
            members["recipientClientId"] = to
        if correlation is not None:
            members["correlationId"] = correlation
        self.text(json.dumps(members))

    # --- getting ---

    def read(self):
        """The next frame as (opcode, data). Pings are answered."""
        while True:
            first, second = self._exactly(2)
            assert first & 0x70 == 0 and second & 0x80 == 0
            size = second
            if size == 126:
                size = struct.unpack(">H", self._exactly(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self._exactly(8))[0]
            data = self._exactly(size)
            if first & 0x0F == PING:
                self.frame(PONG, data)
                continue
            assert first & 0x80, "the server sends whole messages"
            return first & 0x0F, data

    def message(self):
        """The next message, which must be one."""
        opcode, data = self.read()
        assert opcode == TEXT, (opcode, data)
        return json.loads(data)

    def nothing(self):
        """Whether nothing came before the answer to a ping that is sent now."""
        mark = os.urandom(8)
        self.frame(PING, mark)
        opcode, data = self.read()
        return (opcode, data) == (PONG, mark)

    def goodbye(self):
        """Reads up to the server's goodbye; returns its code, and what came before it."""
        messages = []
        while True:
            opcode, data = self.read()
            if opcode == CLOSE:
                return struct.unpack(">H", data[:2])[0], messages
            messages.append(json.loads(data))

    def close(self):
        """Says goodbye and waits for the answer."""
        try:
            self.frame(CLOSE, struct.pack(">H", 1000))
            self.goodbye()
        except (Ended, OSError):
            pass
        self.socket.close()

    def vanish(self):
        """Goes without a word."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Peers:
    """Connects peers and sees to it that they go."""

    def __init__(self, server):
        self.server = server
        self._all = []

    def master(self, arn, server=None, headers=(), **how):
        return self._add(server, arn, None, "/master", headers, how)

    def viewer(self, arn, client, server=None, headers=(), **how):
        return self._add(server, arn, client, "/viewer", headers, how)

    def _add(self, server, arn, client, path, headers, how):
        server = server or self.server
        # Instances of one deployment know the same keys.
        how = {"credentials": self.server.credentials} | how
        path = how.pop("path", path)
        peer = Peer(server, presigned(server, arn, client, path, **how), how.get("host"), headers)
        self._all.append(peer)
        return peer

    def close(self):
        for peer in self._all:
            peer.socket.close()


def api(server, credentials=None):
    """A boto3 client of the API of signaling, that does not retry."""
    credentials = credentials or server.credentials
    return boto3.Session(botocore_session=_BOTOCORE).client(
        "kinesis-video-signaling", endpoint_url=server.endpoint, region_name=REGION, aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key, aws_session_token=credentials.token,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=150))


def stun(uri):
    """Asks a STUN server for the address that it sees; returns that and the one that was sent from."""
    host, port = uri.removeprefix("stun:").rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(DEADLINE)
        asking.bind(("127.0.0.1", 0))
        transaction = os.urandom(12)
        asking.sendto(struct.pack(">HHI", 1, 0, 0x2112A442) + transaction, (host, int(port)))
        answer = asking.recv(1500)
        kind, _, cookie = struct.unpack(">HHI", answer[:8])
        assert (kind, cookie, answer[8:20]) == (0x0101, 0x2112A442, transaction)
        attribute, _, _, family, seen_port, address = struct.unpack(">HHBBHI", answer[20:32])
        assert (attribute, family) == (0x0020, 1)
        seen = socket.inet_ntoa(struct.pack(">I", address ^ 0x2112A442)), seen_port ^ 0x2112
        return seen, asking.getsockname()
