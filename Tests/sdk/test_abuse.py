"""Requests that no SDK sends. Whatever comes, the answer is a 4xx that says why, or the end of the connection, and the server goes on."""

import gzip
import json
import os
import random
import re
import urllib.parse

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

import agent
import cases
import model
from signing import connect, encoded, exchange, read_response, received, request_bytes

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
        answer = received(server.port, bytes(raw))
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
    answer = received(server.port, head)
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


# Each is put in place of `Content-Length: 2`, before a body of `{}`, and a second request follows that nobody may take for a part of the first, or the first for.
SMUGGLED = {
    "two lengths": (b"Content-Length: 2\r\nContent-Length: 40", b"{}"),
    "two lengths in one": (b"Content-Length: 2, 40", b"{}"),
    "a length with a sign": (b"Content-Length: +2", b"{}"),
    "a length with a dash": (b"Content-Length: -2", b"{}"),
    "a length in hexadecimal": (b"Content-Length: 0x2", b"{}"),
    "a length with an underscore": (b"Content-Length: 0_2", b"{}"),
    "a length that overflows": (b"Content-Length: 18446744073709551618", b"{}"),
    "no length in a length": (b"Content-Length:", b"{}"),
    "a space before the colon": (b"Content-Length : 2", b"{}"),
    "a folded line": (b"X-A: a\r\n b\r\nContent-Length: 2", b"{}"),
    "a folded length": (b"Content-Length:\r\n 2", b"{}"),
    "a length beside chunks": (b"Content-Length: 2\r\nTransfer-Encoding: chunked", b"2\r\n{}\r\n0\r\n\r\n"),
    "chunks beside a length": (b"Transfer-Encoding: chunked\r\nContent-Length: 2", b"2\r\n{}\r\n0\r\n\r\n"),
    "a space before the colon of chunks": (b"Transfer-Encoding : chunked", b"2\r\n{}\r\n0\r\n\r\n"),
    "chunks and identity": (b"Transfer-Encoding: chunked, identity", b"2\r\n{}\r\n0\r\n\r\n"),
    "identity": (b"Transfer-Encoding: identity\r\nContent-Length: 2", b"{}"),
    "identity alone": (b"Transfer-Encoding: identity", b"{}"),
    "another encoding": (b"Transfer-Encoding: gzip\r\nContent-Length: 2", b"{}"),
    "something like chunks": (b"Transfer-Encoding: xchunked\r\nContent-Length: 2", b"{}"),
    "chunks in quotes": (b"Transfer-Encoding: \"chunked\"\r\nContent-Length: 2", b"{}"),
    "chunks after a control character": (b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 2", b"{}"),
    "chunks twice": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"2\r\n{}\r\n0\r\n\r\n"),
    "a chunk's size with 0x": (b"Transfer-Encoding: chunked", b"0x2\r\n{}\r\n0\r\n\r\n"),
    "a chunk's size with a sign": (b"Transfer-Encoding: chunked", b"+2\r\n{}\r\n0\r\n\r\n"),
    "a chunk's size that overflows": (b"Transfer-Encoding: chunked", b"10000000000000002\r\n{}\r\n0\r\n\r\n"),
    "a chunk without its end": (b"Transfer-Encoding: chunked", b"2\r\n{}0\r\n\r\n"),
    "a chunk that is longer": (b"Transfer-Encoding: chunked", b"2\r\n{}}\r\n0\r\n\r\n"),
    "a line of its own with a null": (b"X-A: a\x00b\r\nContent-Length: 2", b"{}"),
    "a return in a value": (b"X-A: a\rContent-Length: 40\r\nContent-Length: 2", b"{}"),
    "a name with a null": (b"Content-Length\x00: 40\r\nContent-Length: 2", b"{}"),
    "a line without a colon": (b"Content-Length 40\r\nContent-Length: 2", b"{}"),
}


@pytest.mark.parametrize("kind", SMUGGLED)
def test_a_request_in_another(server, sender, kind):
    """Refused, and the connection ends with it: what follows is never read as a request."""
    framing, body = SMUGGLED[kind]
    raw = sender.raw("/listStreams", {})
    assert raw.count(b"Content-Length: 2\r\n") == 1
    head = raw.split(b"\r\n\r\n")[0].replace(b"Content-Length: 2", framing)
    assert answers(server, head + b"\r\n\r\n" + body + sender.raw("/createStream", {"StreamName": "smuggled"}, {"Connection": "close"})) == [400]
    assert sender.call("/describeStream", {"StreamName": "smuggled"}).status == 404


@pytest.mark.parametrize("kind, framing, body", [
    ("two lengths that are one", b"Content-Length: 2\r\nContent-Length: 2", b"{}"),
    ("extensions of chunks", b"Transfer-Encoding: chunked", b'2;a=b;c="d\te"\r\n{}\r\n0;x\r\n\r\n'),
    ("a trailer", b"Transfer-Encoding: chunked", b"2\r\n{}\r\n0\r\nContent-Length: 40\r\nHost: evil\r\n\r\n"),
    ("chunks in capitals", b"Transfer-Encoding: CHUNKED", b"2\r\n{}\r\n0\r\n\r\n"),
    ("zeros before a size", b"Transfer-Encoding: chunked", b"0000002\r\n{}\r\n000\r\n\r\n"),
    ("lines that end by a line feed", None, b"{}"),
])
def test_what_http_lets_be_read_in_one_way(server, sender, kind, framing, body):
    """Refused with its connection, or read as HTTP defines it, and then what follows is the next request."""
    raw = sender.raw("/listStreams", {})
    head = raw.split(b"\r\n\r\n")[0]
    head = head.replace(b"\r\n", b"\n") + b"\n\n" if framing is None else head.replace(b"Content-Length: 2", framing) + b"\r\n\r\n"
    assert answers(server, head + body + sender.raw("/describeStream", {"StreamName": "nobody"}, {"Connection": "close"})) in ([400], [200, 404]), kind


def answers(server, raw):
    """The statuses of all that comes back, until the server ends it: the last request asks for that."""
    return [int(status) for status in re.findall(rb"(?:^|\}|\r\n)HTTP/1\.1 (\d+) ", received(server.port, raw, is_ended=False))]


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


@pytest.mark.parametrize("path", [
    "/%64escribeStream", "/%64%65scribeStream", "/describe%53tream", "/describe%53%54ream", "/%2564escribeStream", "/%2fdescribeStream", "/%2FdescribeStream",
    "/x/../describeStream", "/x/%2e%2e/describeStream", "/x/%2E%2e/describeStream", "/%252e%252e/describeStream", "/./describeStream", "/%2e/describeStream",
    "/../describeStream", "/describeStream/.", "/describeStream/..", "/x//describeStream", "/describeStream//", "/describeStream;x=1", "/;/describeStream",
    "/describeStream%3bx", "/describeStream%00", "/describeStream%20", "/describeStream%0a", "/describeStream%c0%ae", "/%c0%afdescribeStream",
    "/%e0%80%afdescribeStream", "/describeStream%23", "/describeStream%3f", "/%5cdescribeStream", "/\\describeStream", "/describeStream.", "/describeStream%",
    "/describeStream%zz", "/describeStream&x",
])
def test_paths_that_others_may_read_as_an_operation(sender, path):
    """A proxy that decodes or cleans a path would let it through to what its rules forbid: it leads to nothing, though it is signed as it is sent."""
    method, target, headers, body = sender.signed("/describeStream", {"StreamName": "nobody"})
    assert sender.send(method, target, headers, body).status == 404 and sender.call("/describeStream", {"StreamName": "nobody"}).error == "ResourceNotFoundException"
    for signed_as in {path, "/describeStream"}:
        answer = sender.send(method, path, signed_raw(sender, signed_as, body), body)
        assert answer.status in (400, 403, 404) and answer.error != "ResourceNotFoundException", (signed_as, answer.body)


def signed_raw(sender, path, body):
    """The headers of a request whose path is signed as it stands, by hand: clients would clean it."""
    request = AWSRequest(method="POST", url=f"http://{sender.host}/", data=body)
    auth = SigV4Auth(sender.credentials, sender.service, sender.region)
    auth._normalize_url_path = lambda _: urllib.parse.quote(path, safe="/~")
    auth.add_auth(request)
    return {"Host": sender.host} | dict(request.headers)


def test_targets_that_are_no_path(server, sender):
    """A whole address, an authority, an asterisk, and a fragment."""
    raw = sender.raw("/listStreams", {})
    for target in (
        f"http://{sender.host}/listStreams", "http://evil.example/listStreams", f"//{sender.host}/listStreams", "*", sender.host, "listStreams", "/listStreams#x",
        "/listStreams#/../describeStream",
    ):
        answer = exchange(server.port, raw.replace(b"POST /listStreams ", f"POST {target} ".encode()))
        assert answer.status in (400, 403, 404), (target, answer.body)


def test_parameters_that_are_given_twice(server, sender):
    """Of two values one reader takes the first and another the last."""
    arn = "arn:aws:kinesisvideo:us-east-1:123456789012:channel/{}/1"
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x" * 22 + "=="}
    for second in ("X-Amz-ChannelARN", "X-Amz-Channel%41RN"):
        path = f"/?X-Amz-ChannelARN={arn.format('gate')}&{second}={arn.format('door')}"
        method, target, headers, body = sender.signed(path, b"", upgrade, method="GET")
        answer = exchange(server.port, request_bytes(method, target, headers, body))
        assert (answer.status, answer.error) == (400, "MalformedHttpRequestException"), answer.body
    method, target, headers, body = sender.signed("/listStreams", {}, query=True)
    for name in ("X-Amz-Signature", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders"):
        answer = exchange(server.port, request_bytes(method, f"{target}&{name}=x", headers, body))
        assert answer.status in (400, 403), (name, answer.body)


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
    answer = received(server.port, raw)
    assert not answer or re.match(rb"HTTP/1\.[01] 4\d\d ", answer), answer[:200]
