"""Web servers that notifications are sent to: they record every request, and fail in every way there is."""

import contextlib
import datetime
import ipaddress
import json
import random
import socket
import ssl
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deployment import DEADLINE, until

# --- certificates ---


class Authority:
    """A certificate authority of its own, and certificates for the receivers of this machine."""

    def __init__(self, folder):
        self._folder = Path(folder)
        self._folder.mkdir(exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        certificate = (
            self._builder(self._name, self._key, datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = self._folder / "ca.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, names=("localhost", "127.0.0.1"), lifetime=datetime.timedelta(days=1)):
        """What a server with a certificate for these names needs; it has expired where the lifetime is negative."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem(names, lifetime))
        return context

    def pem(self, names=("localhost", "127.0.0.1"), lifetime=datetime.timedelta(days=1)):
        """The file with such a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]), key, lifetime)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        file = self._folder / f"server-{certificate.serial_number}.pem"
        file.touch(mode=0o600)
        file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return file

    def stranger(self):
        """An authority that nobody trusts."""
        return Authority(self._folder / "stranger")

    def _builder(self, subject, key, lifetime):
        now = datetime.datetime.now(datetime.timezone.utc)
        begin = now - datetime.timedelta(days=2)
        return (
            x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(now + lifetime)
        )


def _general_name(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


# --- what a receiver does with a request ---
#
# A way to answer is called with the connection once the request is read, and answers whether the connection goes on.


def answer(status=204, headers=None, body=b"", then_closes=False):
    """A whole answer."""
    lines = [f"HTTP/1.1 {status} X"] + [f"{name}: {value}" for name, value in (headers or {}).items()]
    if status not in (204, 304):
        lines.append(f"Content-Length: {len(body)}")
    raw = ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    def act(connection):
        connection.sendall(raw)
        return not then_closes

    act.status = status
    return act


OK = answer()


def hang(connection):
    """Never answers."""
    return _wait_for_the_end(connection)


def hang_after_head(status):
    """Announces a body that never comes."""

    def act(connection):
        connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 10\r\n\r\n".encode())
        return _wait_for_the_end(connection)

    act.status = status
    return act


def hang_in_head(connection):
    connection.sendall(b"HTTP/1.1 204 X\r\nDate: ")
    return _wait_for_the_end(connection)


def close(connection):
    """Closes in good order, without an answer."""
    return False


def close_in_head(connection):
    connection.sendall(b"HTTP/1.1 204 X\r\nDate: ")
    return False


def close_in_body(status):
    def act(connection):
        connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 10\r\n\r\n12345".encode())
        return False

    act.status = status
    return act


def reset(connection):
    """Ends the connection as a machine that crashed would."""
    _linger_not(connection)
    return False


def reset_in_head(connection):
    connection.sendall(b"HTTP/1.1 204 X\r\nDate: ")
    _linger_not(connection)
    return False


def slow(status, pause=0.05):
    """A byte now and then, for ever: no pause is long, the whole never ends."""

    def act(connection):
        head = f"HTTP/1.1 {status} X\r\nX-Padding: ".encode()
        while connection.receiver.is_open:
            connection.sendall(head[:1] or b"x")
            head = head[1:]
            connection.receiver.pause(pause)
        return False

    return act


def slow_body(status, pause=0.05):
    def act(connection):
        connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 1000000\r\n\r\n".encode())
        while connection.receiver.is_open:
            connection.sendall(b"x")
            connection.receiver.pause(pause)
        return False

    act.status = status
    return act


def endless_head(connection):
    return _pour(connection, b"HTTP/1.1 204 X\r\n", b"X-Padding: " + b"x" * 60_000 + b"\r\n")


def endless_body(status):
    """A body without end, which is faster than anybody wants it."""

    def act(connection):
        return _pour(connection, f"HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n".encode(), b"10000\r\n" + b"x" * 65536 + b"\r\n")

    act.status = status
    return act


def garbage(connection):
    connection.sendall(b"\x00\x01\x02 this is no HTTP\r\n\r\n")
    return False


def sometimes(fraction, seed, ways, at_most_in_a_row=None):
    """Fails a fraction of the requests in one of the ways, at random. An event may be spared after so many failures in a row, which bounds the
    time that its back-off takes."""
    chance = random.Random(seed)
    lock = threading.Lock()
    rows = {}

    def respond(request):
        with lock:
            row = rows.get(request.id, 0)
            fails = chance.random() < fraction and (at_most_in_a_row is None or row < at_most_in_a_row)
            rows[request.id] = row + 1 if fails else 0
            return chance.choice(ways) if fails else OK

    return respond


def scripted(*ways, then=OK):
    """One way after the other."""
    left = deque(ways)
    return lambda request: left.popleft() if left else then


def _wait_for_the_end(connection):
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass
    return False


def _linger_not(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _pour(connection, head, more):
    connection.sendall(head)
    while connection.receiver.is_open:
        connection.sendall(more)
        # Not so fast that nothing else on this machine gets its turn.
        connection.receiver.pause(0.002)
        connection.receiver.most_poured = max(connection.receiver.most_poured, connection.pour(len(more)))
    return False


# --- the server ---


@dataclass
class Request:
    """A request as it came, and what was done with it."""

    method: str
    target: str
    headers: dict
    body: bytes
    connection: "Connection"
    # By time.monotonic(), when the whole of it was there.
    at: float = field(default_factory=time.monotonic)
    # Of the whole answer that it gets, if it gets one.
    status: int | None = None

    @property
    def id(self):
        """Of the event that it tells of, if it does."""
        return self.event["id"] if "webhook-id" in self.headers else None

    @property
    def event(self):
        return json.loads(self.body)

    @property
    def is_accepted(self):
        return self.status is not None and 200 <= self.status < 300


class Connection:
    """A connection of a receiver, in a thread of its own."""

    def __init__(self, receiver, plain, context):
        self.receiver = receiver
        self._poured = 0
        self._socket = plain
        self._context = context
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()

    def sendall(self, data):
        self._socket.sendall(data)

    def recv(self, count):
        return self._socket.recv(count)

    def pour(self, count):
        self._poured += count
        return self._poured

    def setsockopt(self, *option):
        self._socket.setsockopt(*option)

    def cut(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def join(self):
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive(), "a connection of a receiver does not end"

    def _run(self):
        try:
            if self._context:
                try:
                    self._socket = self._context.wrap_socket(self._socket, server_side=True)
                except (OSError, ssl.SSLError) as error:
                    self.receiver.handshake_failures.append(str(error))
                    return
            # A client may end the connection at any place, and some of the ways to answer provoke it.
            with contextlib.suppress(OSError), self._socket.makefile("rb") as stream:
                while (request := self._read(stream)) is not None and self.receiver._answer(request, self):
                    pass
        finally:
            self._socket.close()

    def _read(self, stream):
        line = stream.readline(65536)
        if not line:
            return None
        try:
            method, target, version = line.decode("ascii").split()
        except ValueError:
            # TLS, to a receiver that has none.
            self.receiver.handshake_failures.append("no HTTP")
            return None
        headers = {}
        while (line := stream.readline(65536)) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            name = name.strip().lower()
            self.receiver.check(name not in headers, f"the header {name} came twice")
            headers[name] = value.strip()
        self.receiver.check(version == "HTTP/1.1" and "content-length" in headers, f"{version} with the headers {headers}")
        body = stream.read(int(headers["content-length"]))
        if len(body) < int(headers["content-length"]):
            return None
        return Request(method, target, headers, body, self)


class Receiver:
    """A web server on a port of its own. `respond` says what is done with a request; it may be changed at any time.

    With the door closed the port is kept, and connections to it are refused.
    """

    def __init__(self, context=None, respond=lambda request: OK):
        self.respond = respond
        self.requests = []
        self.handshake_failures = []
        self.connections = 0
        self.most_poured = 0
        self.at_once = self.most_at_once = 0
        self._context = context
        self._lock = threading.Lock()
        self._arrived, self._accepted = {}, {}
        self._faults = []
        self._open = []
        self._closing = threading.Event()
        self._listener = self._thread = None
        # Two sockets may have the port; the one that does not listen keeps it.
        self._keeper = self._bound(0)
        self.port = self._keeper.getsockname()[1]
        self.open_door()

    @staticmethod
    def _bound(port):
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(("127.0.0.1", port))
        return bound

    def url(self, host="localhost", path="/hook", scheme=None):
        return f"{scheme or ('https' if self._context else 'http')}://{host}:{self.port}{path}"

    @property
    def is_open(self):
        return not self._closing.is_set()

    def pause(self, seconds):
        self._closing.wait(seconds)

    def check(self, condition, fault):
        if not condition:
            self._faults.append(fault)

    def open_door(self):
        self._closing.clear()
        self._listener = self._bound(self.port)
        self._listener.listen(128)
        self._thread = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._thread.start()

    def close_door(self):
        """Refuses connections from now on, and ends those there are."""
        if not self._listener:
            return
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(DEADLINE)
        self._listener.close()
        self._listener = None
        with self._lock:
            ending, self._open = self._open, []
        for connection in ending:
            connection.cut()
        for connection in ending:
            connection.join()

    def close(self):
        self.close_door()
        self._keeper.close()
        assert not self._faults, self._faults

    def _accept(self, listener):
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            connection = Connection(self, plain, self._context)
            with self._lock:
                self.connections += 1
                self._open = [other for other in self._open if other._thread.is_alive()] + [connection]
                connection.start()

    def _answer(self, request, connection):
        way = self.respond(request)
        with self._lock:
            self.requests.append(request)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            # Before the answer is out the sender cannot act on it, so whoever sees what it did sees this too.
            request.status = getattr(way, "status", None)
            if request.id:
                self._arrived.setdefault(request.id, request.event)
                if request.is_accepted:
                    self._accepted.setdefault(request.id, request.event)
        try:
            return way(connection)
        finally:
            with self._lock:
                self.at_once -= 1

    # What came.

    @property
    def accepted(self):
        """The requests that were answered with success, in the order in which they came."""
        return [request for request in list(self.requests) if request.is_accepted]

    @property
    def events(self):
        """The events that were accepted, each once, in the order in which they were first accepted."""
        return list(self._accepted.values())

    @property
    def arrivals(self):
        """The events that came, accepted or not, each once, in the order in which they first came."""
        return list(self._arrived.values())

    def wait(self, count, deadline=DEADLINE):
        """Waits until so many events were accepted, and returns them."""
        until(lambda: len(self._accepted) >= count, lambda: f"{count} events; there are {len(self._accepted)}", deadline)
        return self.events
