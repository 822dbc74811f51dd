"""Requests that no SDK sends. Whatever comes, the answer is a 4xx that says why, or the end of the connection, and the server goes on."""

import gzip
import json
import os
import random
import re
import socket

import pytest

import agent
import cases
import model
from signing import connect, encoded, exchange, read_response, request_bytes

FUZZED = int(os.environ.get("WEIR_FUZZ_ROUNDS", "1500"))
LIMIT = 1 << 20


@pytest.fixture(autouse=True)
def alive(sender, server):
    """After each test the server answers as before."""
    yield
    assert server.is_running
    assert sender.call("/listStreams").status == 200


def is_refusal(answer):
    assert 400 <= answer.status < 500, (answer.status, answer.body[:300])
    assert answer.error and list(answer.json) == ["Message"] and answer.message, answer.body[:300]
    assert answer.headers["x-amzn-RequestId"]


def mutate(chance, body):
    """One of many ways to spoil a body."""
    text = bytearray(body)
    match chance.randrange(12):
        case 0:
            return bytes(text[:chance.randrange(len(text))])
        case 1:
            for _ in range(chance.randint(1, 4)):
                text[chance.randrange(len(text))] = chance.randrange(256)
        case 2:
            at = chance.randrange(len(text))
            text[at:at] = chance.randbytes(chance.randint(1, 8))
        case 3:
            start = chance.randrange(len(text))
            del text[start:start + chance.randint(1, 8)]
        case 4:
            depth = chance.choice([50, 200, 5_000])
            return b'{"StreamName":' + chance.choice([b"[", b'{"a":']) * depth
        case 5:
            return chance.randbytes(chance.randint(1, 300))
        case 6:
            return chance.choice([b'"', b"{" * 500, b"[" * 500, b"\xff\xfe", b"\x00" * 20, b"null", b"1" * 1000, b"-", b"\\u0000"])
        case 7:
            return bytes(text).replace(b'"', b"'")
        case 8:
            return bytes(text[:-1]) + b"," + bytes(text[1:])
        case 9:
            return bytes(text).decode(errors="replace").encode("utf-16")
        case 10:
            number = chance.choice([b"1e999", b"-1e999", b"9" * 400, b"0." + b"0" * 300 + b"1", b"-0", b"1E+2", b"2147483648"])
            return re.sub(rb":\s*[^,{}\[\]]+", lambda _: b":" + number, bytes(text), count=1)
        case 11:
            wrong = json.dumps(chance.choice([None, True, 1, 1.5, "", [], {}, [[]], {"a": {}}, "\u0000", "\ud800"])).encode()
            return re.sub(rb":\s*[^,{}\[\]]+", lambda _: b":" + wrong, bytes(text))
    return bytes(text)


def test_fuzzed_bodies(sender):
    """A body that still happens to be a valid call may be one; all others are refused in good order."""
    chance = random.Random(20170930)
    bases = {name: encoded(cases.sample(model.operation(name).input_shape)) for name in model.OPERATIONS}
    refused = 0
    for _ in range(FUZZED):
        operation = chance.choice(model.OPERATIONS)
        body = mutate(chance, bases[operation])
        answer = sender.call(model.path(operation), body)
        if answer.status != 200:
            is_refusal(answer)
            refused += 1
    assert refused > FUZZED * 0.7


# Escapes of what terminals, logs, databases and C take for something else: U+0000, other controls, DEL, C1, separators of lines, marks of direction,
# half a pair, and a character beyond all of them.
FOREIGN = [
    r"\u0000", r"\u0007", r"\u000a", r"\u001b[2J", r"\u007f", r"\u0085", r"\u009b", r"\u2028", r"\u2029", r"\u202e", r"\u2066", r"\u061c", r"\ufeff", r"\uffff",
    r"\ud800", r"\udfff\ud800", r"\ud83d\ude00",
]


def texts(value, path=()):
    """Where in a body the texts are: its values, and the keys of its maps."""
    match value:
        case str():
            yield path
        case list():
            for number, inner in enumerate(value):
                yield from texts(inner, (*path, number))
        case dict():
            for name, inner in value.items():
                yield from texts(inner, (*path, name))


def with_text(value, path, change):
    if not path:
        return change(value)
    if isinstance(value, list):
        return [with_text(inner, path[1:], change) if number == path[0] else inner for number, inner in enumerate(value)]
    return {name: with_text(inner, path[1:], change) if name == path[0] else inner for name, inner in value.items()}


def test_foreign_characters_in_each_text(sender_for):
    """Whatever a text holds, it is taken or refused; no engine, log or parser fails over it."""
    mark, tried = "FOREIGN", 0
    for operation in [*model.OPERATIONS, *agent.OPERATIONS]:
        body = cases.sample(model.operation(operation).input_shape)
        for path in texts(body):
            for change in (lambda text: text + mark, lambda text: mark):
                text = json.dumps(with_text(body, path, change))
                for foreign in FOREIGN:
                    answer = sender_for(operation).call(model.path(operation), text.replace(mark, foreign).encode())
                    tried += 1
                    if answer.status != 200:
                        is_refusal(answer)
                    if foreign.startswith((r"\ud800", r"\udfff")):
                        assert answer.error == "SerializationException", (operation, path, answer.body)
    assert tried > 2000


def test_fuzzed_heads(server, sender):
    """Bytes of a good request changed anywhere in its head."""
    chance = random.Random(20131001)
    good = sender.raw("/listStreams", {})
    end = good.index(b"\r\n\r\n")
    for _ in range(FUZZED // 5):
        raw = bytearray(good)
        for _ in range(chance.randint(1, 3)):
            raw[chance.randrange(end)] = chance.randrange(256)
        with connect(server.port) as connection:
            connection.settimeout(10)
            connection.sendall(bytes(raw))
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while part := connection.recv(65536):
                    answer += part
            except ConnectionError:
                pass
        assert not answer or re.match(rb"HTTP/1\.[01] (200|4\d\d) ", answer), answer[:200]


def test_huge_bodies(server, sender):
    for size, status in ((LIMIT, 400), (LIMIT + 1, 413), (3 * LIMIT, 413)):
        answer = sender.call("/createStream", b" " * (size - 1) + b"x")
        assert answer.status == status
        is_refusal(answer)
    assert answer.error == "RequestEntityTooLargeException" and str(LIMIT) in answer.message
    body = b'{"StreamName":"nobody"}'
    assert sender.call("/describeStream", body + b" " * (LIMIT - len(body))).status == 404


def test_a_length_that_is_a_lie(server, sender):
    method, target, headers, body = sender.signed("/listStreams")
    head = request_bytes(method, target, headers).replace(b"Content-Length: 0", b"Content-Length: 99999999999")
    with connect(server.port) as connection:
        connection.sendall(head)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except ConnectionError:
            pass
    assert not answer or answer.startswith((b"HTTP/1.1 413", b"HTTP/1.1 400")), answer


def chunked(sender, path, parts, headers=None):
    body = b"".join(parts)
    method, target, signed, _ = sender.signed(path, body, headers)
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in signed.items() if k.lower() != "content-length")
    return (head + "Transfer-Encoding: chunked\r\n\r\n").encode() + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"


def test_chunked_bodies(server, sender, new_stream):
    name = new_stream()["StreamName"].encode()
    answer = exchange(server.port, chunked(sender, "/describeStream", [b'{"Stream', b'Name":"', name, b'"}']))
    assert answer.status == 200 and answer.json["StreamInfo"]["StreamName"] == name.decode()
    assert exchange(server.port, chunked(sender, "/describeStream", [bytes([byte]) for byte in b'{"StreamName":"' + name + b'"}'])).status == 200
    answer = exchange(server.port, chunked(sender, "/createStream", [b" " * 65536] * 17))
    assert (answer.status, answer.error) == (413, "RequestEntityTooLargeException")


def test_a_broken_chunk(server, sender):
    raw = chunked(sender, "/listStreams", [b"{}"]).replace(b"\r\n2\r\n{}", b"\r\nZZ\r\n{}")
    with connect(server.port) as connection:
        connection.sendall(raw)
        assert read_response(connection).status == 400


def test_both_lengths(server, sender):
    """A request that says its length in two ways is refused, and its connection closed: two readers would see two requests (RFC 9112, section 6.3)."""
    raw = chunked(sender, "/listStreams", [b"{}"]).replace(b"Transfer-Encoding", b"Content-Length: 5\r\nTransfer-Encoding")
    with connect(server.port) as connection:
        connection.sendall(raw)
        assert read_response(connection).status == 400
        assert connection.recv(1) == b""


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"])
def test_wrong_method(server, sender, method):
    raw = sender.raw("/describeStream", method=method)
    with connect(server.port) as connection:
        connection.sendall(raw)
        answer = read_response(connection, method)
    assert (answer.status, answer.error, answer.headers["Allow"]) == (405, "MethodNotAllowedException", "POST")
    if method != "HEAD":
        is_refusal(answer)
        assert method in answer.message


@pytest.mark.parametrize("path", ["/DescribeStream", "/describestream", "/describeStream/", "/describeStream/x", "/nowhere", "/%64escribeStream2", "/tagResource", "/edgeAgent"])
def test_unknown_path(sender, path):
    answer = sender.call(path, {"StreamName": "a"})
    assert (answer.status, answer.error) == (404, "UnknownOperationException"), answer.body
    is_refusal(answer)


def test_an_endpoint_that_ends_in_a_slash(sender):
    """Makes two of them: the service's form of what is signed has one, and some clients sign both."""
    for path in ("//listStreams", "///listStreams"):
        assert sender.call(path).status == 200


@pytest.mark.parametrize("path", ["/joinStorageSession", "/joinStorageSessionAsViewer"])
def test_paths_of_media_and_signaling(sender, path):
    answer = sender.call(path, b"")
    assert (answer.status, answer.error) == (404, "UnknownOperationException")
    assert path in answer.message and "media" in answer.message


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "aws-chunked", "identity, gzip"])
def test_encoded_bodies(sender, encoding):
    answer = sender.call("/listStreams", gzip.compress(b"{}"), {"Content-Encoding": encoding})
    assert (answer.status, answer.error) == (400, "MalformedHttpRequestException")
    is_refusal(answer)
    assert "Content-Encoding" in answer.message


def test_an_encoding_that_is_none(sender):
    assert sender.call("/listStreams", {}, {"Content-Encoding": "identity"}).status == 200


def test_expect_continue(server, sender):
    raw = sender.raw("/listStreams", {}, {"Expect": "100-continue"})
    head, body = raw.split(b"\r\n\r\n", 1)
    with connect(server.port) as connection:
        connection.sendall(head + b"\r\n\r\n")
        interim = connection.recv(65536)
        assert interim.startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert read_response(connection).status == 200


def test_expect_continue_of_a_body_that_is_too_large(server, sender):
    """The client hears so before it sends."""
    raw = sender.raw("/listStreams", b" " * (LIMIT + 1), {"Expect": "100-continue"})
    head = raw.split(b"\r\n\r\n", 1)[0]
    with connect(server.port) as connection:
        connection.settimeout(5)
        connection.sendall(head + b"\r\n\r\n")
        answer = read_response(connection)
    assert answer.status == 413


def test_no_host(server, sender):
    raw = sender.raw("/listStreams", {})
    without = re.sub(rb"Host: [^\r]*\r\n", b"", raw)
    assert without != raw
    with connect(server.port) as connection:
        connection.sendall(without)
        answer = read_response(connection)
    assert answer.status in (400, 403)


def test_two_hosts(server, sender):
    raw = sender.raw("/listStreams", {}).replace(b"Host: ", b"Host: evil.example.com\r\nHost: ", 1)
    with connect(server.port) as connection:
        connection.sendall(raw)
        assert read_response(connection).status in (400, 403)


def test_http_1_0(server, sender):
    raw = sender.raw("/listStreams", {}).replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1)
    assert exchange(server.port, raw).status == 200


def test_pipelined_requests(server, sender, new_stream):
    """Answered in their order, each with its own answer."""
    name = new_stream()["StreamName"]
    bodies = [("/describeStream", {"StreamName": name}), ("/listStreams", b"{"), ("/nowhere", {}), ("/listTagsForStream", {"StreamName": name})]
    raws = [sender.raw(*bodies[index % 4]) for index in range(40)]
    with connect(server.port) as connection:
        connection.sendall(b"".join(raws))
        stream = connection.makefile("rb")
        statuses = []
        for _ in raws:
            status = int(stream.readline().split()[1])
            length = 0
            while (line := stream.readline().strip()):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            stream.read(length)
            statuses.append(status)
        stream.close()
    assert statuses == [200, 400, 404, 200] * 10


@pytest.mark.parametrize("headers", [
    {"X-Long": "a" * 100_000},
    {f"X-Many-{index}": "a" for index in range(500)},
    {f"X-Much-{index}": "a" * 8000 for index in range(20)},
    {"X" * 70_000: "a"},
], ids=["long value", "many", "much", "long name"])
def test_absurd_headers(server, sender, headers):
    method, target, signed, body = sender.signed("/listStreams")
    raw = request_bytes(method, target, signed | headers, body)
    with connect(server.port) as connection:
        try:
            connection.sendall(raw)
            answer = read_response(connection)
        except ConnectionError:
            return
    assert answer.status in (400, 431)


def test_a_long_target(server, sender):
    method, target, signed, body = sender.signed("/listStreams")
    with connect(server.port) as connection:
        try:
            connection.sendall(request_bytes(method, target + "?" + "a" * 200_000, signed, body))
            answer = read_response(connection)
        except ConnectionError:
            return
    assert 400 <= answer.status < 500


@pytest.mark.parametrize("raw", [
    b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
    b"POST http://[::1 HTTP/1.1\r\nHost: a\r\n\r\n", b"POST /listStreams HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n", b"\x00" * 1000,
    b"POST /listStreams HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", b"POST /listStreams HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"BREW /describeStream HTTP/1.1\r\nHost: a\r\n\r\n", b"POST * HTTP/1.1\r\nHost: a\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "POST /é HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
], ids=lambda raw: repr(raw[:24]))
def test_what_is_no_http(server, raw):
    with connect(server.port) as connection:
        connection.settimeout(10)
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except ConnectionError:
            pass
    assert not answer or re.match(rb"HTTP/1\.[01] 4\d\d ", answer), answer[:200]
