"""Requests of any form, signed as the SDKs sign, over plain sockets: botocore itself would refuse to send most of them."""

import datetime
import http.client
import json
import socket
import uuid
from dataclasses import dataclass

import botocore.credentials
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest

TIMEOUT = 60.0
Credentials = botocore.credentials.Credentials


@dataclass
class Response:
    status: int
    headers: object
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return (self.headers.get("x-amzn-ErrorType") or "").split(":")[0]

    @property
    def message(self):
        return self.json["Message"]


class _QueryAuth(SigV4QueryAuth):
    """Leaves the body where it is: botocore's own would move it into the query."""

    def _modify_request_before_signing(self, request):
        body, request.data = request.data, b""
        super()._modify_request_before_signing(request)
        request.data = body


class _At:
    """Signs as of another moment."""

    def __init__(self, shift):
        self._shift = datetime.timedelta(seconds=shift)

    def sign(self, auth, request):
        now = datetime.datetime.now(datetime.timezone.utc) + self._shift
        request.context["timestamp"] = now.strftime("%Y%m%dT%H%M%SZ")
        auth._modify_request_before_signing(request)
        signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        auth._inject_signature_to_request(request, signature)


def encoded(body):
    return body if isinstance(body, bytes) else json.dumps(body).encode()


class Sender:
    """Signs with one key and sends to one server. One kept connection; not for use by several threads."""

    def __init__(self, port, credentials, region, service="kinesisvideo"):
        self.port = port
        self.host = f"127.0.0.1:{port}"
        self.credentials = credentials
        self.region = region
        self.service = service
        self._connection = None

    def signed(self, path, body=b"", headers=None, method="POST", shift=0, query=False):
        """A request as `(method, target, headers, body)`, signed in its headers or its query, `shift` seconds from now."""
        body = encoded(body)
        request = AWSRequest(method=method, url=f"http://{self.host}{path}", data=body, headers=dict(headers or {}))
        kind = _QueryAuth if query else SigV4Auth
        _At(shift).sign(kind(self.credentials, self.service, self.region), request)
        prepared = request.prepare()
        target = prepared.url.split(self.host, 1)[1]
        return method, target, {"Host": self.host} | dict(prepared.headers), body

    def send(self, method, target, headers, body=b""):
        """Sends exactly this, on the kept connection."""
        headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        for attempt in range(2):
            fresh = self._connection is None
            if fresh:
                self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
            try:
                self._connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
                for name, value in headers.items():
                    self._connection.putheader(name, value)
                self._connection.putheader("Content-Length", str(len(body)))
                self._connection.endheaders(body)
                response = self._connection.getresponse()
                answer = Response(response.status, response.headers, response.read())
                if response.will_close:
                    self.close()
                return answer
            except (http.client.RemoteDisconnected, ConnectionError):
                # A kept connection may have been closed while it was idle.
                self.close()
                if fresh or attempt:
                    raise

    def call(self, path, body=b"", headers=None, **how):
        return self.send(*self.signed(path, body, headers, **how))

    def raw(self, path, body=b"", headers=None, **how):
        """The bytes of a signed request."""
        method, target, headers, body = self.signed(path, body, headers, **how)
        return request_bytes(method, target, headers, body)

    def close(self):
        if self._connection:
            self._connection.close()
            self._connection = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def request_bytes(method, target, headers, body=b""):
    headers = {name: value for name, value in headers.items() if name.lower() != "content-length"} | {"Content-Length": str(len(body))}
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return head.encode("latin-1") + b"\r\n" + body


def connect(port):
    return socket.create_connection(("127.0.0.1", port), TIMEOUT)


def read_response(connection, method="POST"):
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
        return Response(response.status, response.headers, response.read())
    finally:
        response.close()


def exchange(port, raw):
    """Sends bytes on a connection of their own and reads one answer."""
    with connect(port) as connection:
        connection.sendall(raw)
        return read_response(connection)


def received(port, raw, is_ended=True):
    """Sends bytes on a connection of their own, and, where it `is_ended`, the end of what the client sends. Returns all that comes until the server
    closes the connection or breaks it."""
    with connect(port) as connection:
        connection.sendall(raw)
        if is_ended:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except ConnectionError:
            pass
    return answer


def at_once(requests):
    """Sends many requests, given as (port, bytes), so that they are in flight together, and returns their responses in order.

    All connections are open and have all but the last byte of their request before any gets the last one.
    """
    connections = []
    try:
        for port, raw in requests:
            connection = connect(port)
            connections.append(connection)
            connection.sendall(raw[:-1])
        for connection, (_, raw) in zip(connections, requests):
            connection.sendall(raw[-1:])
        return [read_response(connection) for connection in connections]
    finally:
        for connection in connections:
            connection.close()


def invocation():
    """The header by which an SDK marks the attempts at one call."""
    return {"amz-sdk-invocation-id": str(uuid.uuid4())}
