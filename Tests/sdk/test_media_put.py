"""PutMedia as producers use it: what they sign, what they send, what they are told, and what of it is kept."""

import json
import os
import random
import socket
import sqlite3
import time

import pytest

import media
from calls import STREAM_NOT_FOUND, call
from deployment import until
from media import Producer, block, cluster, element, end_of_fragment, events, head, persisted, put, tags


MUTATED = int(os.environ.get("WEIR_FUZZ_ROUNDS", "400"))


@pytest.fixture
def stream(new_stream):
    return new_stream(DataRetentionInHours=24)["StreamName"]


def fragments(client_server, stream):
    """The numbers of what is listed."""
    client = media.media_client(client_server, stream, "LIST_FRAGMENTS")
    return [found["FragmentNumber"] for found in call(client, "ListFragments", StreamName=stream, MaxResults=1000)["Fragments"]]


def test_each_fragment_is_told_three_times(server, stream):
    """BUFFERING, RECEIVED, PERSISTED; each acknowledgement in a chunk of its own, in the form that clients read."""
    start = media.now_ms()
    with Producer(server, stream) as producer:
        assert producer.status == 200
        assert producer.headers["content-type"] == "application/json" and producer.headers["transfer-encoding"] == "chunked"
        producer.send(head(), cluster(start), cluster(start + 2000)).end()
        producer.rest()
    told = {at: [kind for kind, of in events(producer) if of == at] for at in (start, start + 2000)}
    assert told == {at: ["BUFFERING", "RECEIVED", "PERSISTED"] for at in told}
    first = producer.acknowledgements[0]
    assert list(first) == ["EventType", "FragmentTimecode", "FragmentNumber"]
    numbers = persisted(producer)
    assert all(len(number) == 47 for number in numbers) and numbers == sorted(numbers)
    assert int(numbers[0]) >> 92 & 0xFFFF == 1 and int(numbers[1]) >> 92 & 0xFFFF == 2
    assert abs((int(numbers[0]) >> 28 & (1 << 64) - 1) - start) < 30_000
    assert fragments(server, stream) == numbers


def test_a_new_session_has_numbers_from_the_next_thousand(server, stream):
    start = media.now_ms()
    sequences = [int(persisted(put(server, stream, head(), cluster(start + 5000 * turn)))[0]) >> 92 & 0xFFFF for turn in range(3)]
    assert sequences == [1, 1001, 2001]


@pytest.mark.parametrize("form", ["c", "java", "js"])
def test_signatures_of_producers(server, stream, form):
    """The C core signs nothing's hash, the host without port and most headers; Java and JavaScript UNSIGNED-PAYLOAD."""
    assert persisted(put(server, stream, head(), cluster(media.now_ms()), form=form))


def test_a_token_that_is_not_signed(server, stream):
    given = server.client(service="sts").get_session_token()["Credentials"]
    credentials = type(server.credentials)(given["AccessKeyId"], given["SecretAccessKey"])
    for token, status in (given["SessionToken"], 200), (given["SessionToken"][:-8] + "AAAAAAAA", 403):
        with Producer(server, stream, credentials=credentials, unsigned={"x-amz-security-token": token}) as producer:
            assert producer.status == status


def test_wrong_signatures_are_refused(server, stream):
    known = server.credentials
    with Producer(server, stream, credentials=type(known)(known.access_key, "wrong")) as producer:
        assert (producer.status, producer.error[0]) == (403, "InvalidSignatureException")


@pytest.mark.parametrize("start", ["1700000000.5", "1700000000.005", "1700000000", "0", None])
def test_timestamps_of_producers(server, stream, start):
    """As the C core, Java, Go and others write them."""
    found = put(server, stream, head(), cluster(461), type="RELATIVE", start=start)
    assert found.acknowledgements[0]["FragmentTimecode"] == 461
    listed = media.media_client(server, stream, "LIST_FRAGMENTS").list_fragments(StreamName=stream)["Fragments"]
    seconds = {"1700000000.5": 1700000000.5, "1700000000.005": 1700000000.005, "1700000000": 1700000000, "0": 0, None: 0}[start]
    assert listed[0]["ProducerTimestamp"].timestamp() == pytest.approx(seconds + 0.461, abs=0.0005)


def test_spaces_behind_a_header_are_no_part_of_it(server, stream):
    """RFC 9110, section 5.5."""
    sent = {"x-amzn-stream-name": stream + " ", "x-amzn-fragment-timecode-type": "ABSOLUTE \t", "x-amzn-producer-start-timestamp": "1700000000.5  "}
    assert len(persisted(put(server, stream, head(), cluster(media.now_ms()), unsigned=sent))) == 1


def test_an_acknowledgement_is_one_record_of_tls(sqlite_deployments, authority):
    """There are clients that take one read for one acknowledgement."""
    pem = authority.pem()
    server = sqlite_deployments.server("--tls-certificate", pem, "--tls-key", pem)
    client = server.client(verify=authority.file)
    client.create_stream(StreamName="gate", DataRetentionInHours=1)
    with Producer(server, "gate", context=media.unverified()) as producer:
        producer.send(head(), *(cluster(media.now_ms() + 1000 * number) for number in range(5))).end()
        # A read of TLS has one record at most.
        records = []
        while not records or records[-1] != b"0\r\n\r\n":
            records.append(producer.socket.recv(65536))
        for record in records[:-1]:
            length, line, rest = record.split(b"\r\n")
            assert len(line) == int(length, 16) and line.endswith(b"}\n") and rest == b""
        assert len(records) == 16


def test_refusals(server, stream):
    def refusal(name=stream, **options):
        with Producer(server, name, **options) as producer:
            return producer.status, *producer.error

    arn = server.client().describe_stream(StreamName=stream)["StreamInfo"]["StreamARN"]
    status, error, message = refusal("nobody")
    assert (status, error, message) == (404, "ResourceNotFoundException", STREAM_NOT_FOUND)
    assert refusal(headers={"x-amzn-stream-arn": arn})[:2] == (400, "InvalidArgumentException")
    assert refusal(drop=("x-amzn-stream-name",))[:2] == (400, "InvalidArgumentException")
    assert refusal(drop=("x-amzn-fragment-timecode-type",))[:2] == (400, "ValidationException")
    assert refusal(type="absolute")[:2] == (400, "ValidationException")
    assert refusal(start="1e9")[:2] == (400, "ValidationException")
    assert refusal(start="99999999999999")[:2] == (400, "InvalidArgumentException")
    assert refusal(arn=arn.replace("123456789012", "210987654321"))[:2] == (403, "AccessDeniedException")
    with Producer(server, stream, arn=arn) as producer:
        assert producer.status == 200


def test_a_refusal_has_its_headers_in_both_spellings(server):
    """The reference has x-amz, SDKs read x-amzn."""
    with Producer(server, "nobody") as producer:
        assert producer.headers["x-amz-errortype"] == producer.headers["x-amzn-errortype"] == "ResourceNotFoundException"
        assert producer.headers["x-amz-requestid"] == producer.headers["x-amzn-requestid"]


def test_no_permission_is_waited_for(server, stream):
    """A client that waits for 100 Continue gets the head of the answer, and nothing before it."""
    with Producer(server, stream, headers={"expect": "100-continue"}) as producer:
        assert producer.status == 200
        start = media.now_ms()
        producer.send(head(), cluster(start)).end()
        producer.rest()
    assert persisted(producer)


def test_the_end_of_a_fragment_is_told_while_the_body_is_open(server, stream):
    """The C core stops with this tag, and waits for PERSISTED before it ends its body."""
    start = media.now_ms()
    with Producer(server, stream) as producer:
        producer.send(head(), cluster(start), tags(("place", "gate")), end_of_fragment())
        number = producer.until("PERSISTED", start)["FragmentNumber"]
        producer.end()
        assert producer.next() is None and producer.is_whole
    document = read(server, stream, [number])[0]
    assert document.order == ["tags", "cluster", "tags"]
    assert document.tags[1] == [("place", "gate")]


def read(server, stream, numbers):
    client = media.media_client(server, stream, "GET_MEDIA_FOR_FRAGMENT_LIST")
    answer = client.get_media_for_fragment_list(StreamName=stream, Fragments=numbers)
    return media.documents(answer["Payload"].read())


def test_the_rules_of_the_official_validator(server, stream):
    """One cluster; one Tags element before it with names of AWS alone; Tags after it with none. The C core sends tags before the next cluster."""
    start = media.now_ms()
    with Producer(server, stream) as producer:
        producer.send(head())
        for number in range(4):
            producer.send(cluster(start + 2000 * number), *(tags((f"name{number}", str(index))) for index in range(3)))
        producer.send(end_of_fragment())
        producer.until("PERSISTED", start + 6000)
        producer.end()
        producer.rest()
    documents = read(server, stream, persisted(producer))
    assert len(documents) == 4
    for number, document in enumerate(documents):
        assert document.order.count("cluster") == 1
        place = document.order.index("cluster")
        assert place == 1
        assert all(name.startswith("AWS_KINESISVIDEO_") for name, _ in document.tags[0])
        assert document.tags[1:] == [[(f"name{number}", str(index))] for index in range(3)]


def test_the_bytes_of_a_cluster_are_as_they_came(server, stream):
    start = media.now_ms()
    sent = cluster(start, (0, -40, 80, 40), length=3000)
    document = read(server, stream, persisted(put(server, stream, head(), sent)))[0]
    assert document.cluster == sent
    # But for how the unknown size of the segment is written.
    segment = bytes.fromhex(media.SEGMENT)
    assert document.header == head().replace(segment + b"\xff", segment + b"\x01" + b"\xff" * 7)


# Each error with a body that has it, and whether it is about a fragment.
NOW = media.now_ms()
ERRORS = {
    4004: ([head(), cluster(NOW), cluster(NOW)], True),
    4005: ([head(tracks=4)], False),
    4006: ([head(), b"\xff\xff\xff"], False),
    4007: ([head(), cluster(1000)], True),
    4009: ([head(), cluster(NOW), *(tags((f"n{number}", "v")) for number in range(11))], True),
    4010: ([head(), cluster(NOW), block(90, index=2)], True),
    4011: ([head(tracks=2), cluster(NOW), cluster(NOW + 2000)], True),
    4012: ([head(), cluster(NOW), tags(("AWS_MINE", "v"))], True),
}


def film(size):
    """A fragment of exactly so many bytes."""
    found = cluster(NOW, ())
    while (left := size - len(found)) > 0:
        # The head of a block takes 13 bytes: the last but one leaves room for the last.
        length = left - 13 if left <= 1 << 20 else min(1 << 20, left - 26)
        found += element("A3", b"\x81" + bytes(3) + bytes(length), 8)
    return found


def sized(*clusters):
    """A document whose Segment has a size, as those that are written into files."""
    header, content = head().split(bytes.fromhex(media.SEGMENT) + media.UNKNOWN)
    return header + element(media.SEGMENT, content + b"".join(clusters))


# What is allowed by so much, and what is not any more.
EDGES = {
    4001: ([head(), film(50 << 20)], [head(), film((50 << 20) + 1)]),
    4004: ([head(), cluster(NOW), cluster(NOW + 1)], [head(), cluster(NOW), cluster(NOW)]),
    4005: ([head(3), cluster(NOW), block(90, index=2), block(90, index=3)], [head(4), cluster(NOW)]),
    4006: ([sized(cluster(NOW), cluster(NOW + 1000))], [sized(cluster(NOW)), sized(cluster(NOW + 1000))]),
    4007: ([head(), cluster(365 * 86_400_000)], [head(), cluster(365 * 86_400_000 - 1)]),
    "4009, tags": ([head(), cluster(NOW), tags(*[("n", "v")] * 10)], [head(), cluster(NOW), tags(*[("n", "v")] * 11)]),
    "4009, name": ([head(), cluster(NOW), tags(("n" * 128, "v"))], [head(), cluster(NOW), tags(("n" * 129, "v"))]),
    "4009, value": ([head(), cluster(NOW), tags(("n", "v" * 256))], [head(), cluster(NOW), tags(("n", "v" * 257))]),
    4010: ([head(2), cluster(NOW), block(90, index=2)], [head(2), cluster(NOW), block(90, index=2), block(91, index=3)]),
    4011: ([head(2), cluster(NOW), block(90, index=2)], [head(2), cluster(NOW)]),
    4012: ([head(), cluster(NOW), tags(("AWS", "v"))], [head(), cluster(NOW), tags(("AWS_", "v"))]),
}


@pytest.mark.parametrize("edge", EDGES)
def test_the_edge_of_an_error(server, new_stream, edge):
    allowed, refused = EDGES[edge]
    good, bad = new_stream(DataRetentionInHours=0)["StreamName"], new_stream(DataRetentionInHours=0)["StreamName"]
    assert "ERROR" not in [kind for kind, _ in events(put(server, good, *allowed))]
    with Producer(server, bad) as producer:
        producer.send(*refused).end()
        errors = [found["ErrorId"] for found in producer.rest() if found["EventType"] == "ERROR"]
    assert errors[0] == int(str(edge)[:4])


@pytest.mark.parametrize("code", ERRORS)
def test_errors_end_the_session(server, stream, code):
    """The error is the last word, the answer ends well, and what came before is kept."""
    parts, is_of_fragment = ERRORS[code]
    with Producer(server, stream) as producer:
        producer.send(*parts)
        producer.rest()
        assert producer.is_whole
    errors = [found for found in producer.acknowledgements if found["EventType"] == "ERROR"]
    assert errors[0]["ErrorId"] == code
    if is_of_fragment:
        assert list(errors[0]) == ["EventType", "FragmentTimecode", "FragmentNumber", "ErrorCode", "ErrorId"]
    else:
        assert list(errors[0]) == ["EventType", "ErrorCode", "ErrorId"]
    # One that lacks frames is followed by a word on the stream, as the service has it.
    assert [found["ErrorId"] for found in errors[1:]] == ([4006] if code == 4011 else [])
    assert fragments(server, stream) == persisted(producer)


def test_a_body_of_any_length_is_not_read_after_an_error(server, stream):
    """The connection ends soon after the last word, however much is still sent."""
    with Producer(server, stream) as producer:
        producer.send(head(), b"\xff\xff\xff")
        until(lambda: producer.next() is None, "the answer ends")
        producer.socket.settimeout(10)
        with pytest.raises(OSError):
            for _ in range(10_000):
                producer.send(bytes(65536))
                time.sleep(0.001)


def test_a_broken_connection_keeps_every_whole_fragment(server, stream):
    start = media.now_ms()
    with Producer(server, stream) as producer:
        producer.send(head(), cluster(start), cluster(start + 2000), cluster(start + 4000))
        producer.until("BUFFERING", start + 4000)
        producer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    until(lambda: len(fragments(server, stream)) == 2, "two are listed")


def test_the_newest_connection_wins(server, stream):
    start = media.now_ms()
    with Producer(server, stream) as older, Producer(server, stream) as newer:
        older.send(head(), cluster(start))
        older.until("BUFFERING", start)
        newer.send(head(), cluster(start + 1000))
        newer.until("BUFFERING", start + 1000)
        # It may finish the fragment that it is in, and begin no other.
        older.send(end_of_fragment(), cluster(start + 5000))
        older.rest()
        assert ("PERSISTED", start) in events(older) and events(older)[-1] == ("ERROR", 4000)
        newer.send(cluster(start + 3000)).end()
        assert newer.until("PERSISTED", start + 3000)
    assert len(fragments(server, stream)) == 3


def test_the_older_connection_adds_nothing_behind_the_newest(server, stream):
    """Whoever reads on from a fragment of the newest has passed its place."""
    start = media.now_ms()
    with Producer(server, stream) as older, Producer(server, stream) as newer:
        older.send(head(), cluster(start))
        older.until("BUFFERING", start)
        newer.send(head(), cluster(start + 1000), end_of_fragment())
        newer.until("PERSISTED", start + 1000)
        older.send(end_of_fragment())
        older.rest()
        assert ("PERSISTED", start) not in events(older) and events(older)[-1] == ("ERROR", 4000)
        newer.end()
        newer.rest()
    assert len(fragments(server, stream)) == 1


def test_a_stream_without_retention(server, new_stream):
    stream = new_stream(DataRetentionInHours=0)["StreamName"]
    start = media.now_ms()
    found = put(server, stream, head(), cluster(start), cluster(start + 2000))
    assert [kind for kind, _ in events(found)].count("RECEIVED") == 2 and not persisted(found)
    assert fragments(server, stream) == []


def test_a_stream_that_is_deleted_meanwhile(server, stream):
    start = media.now_ms()
    with Producer(server, stream) as producer:
        producer.send(head(), cluster(start))
        producer.until("BUFFERING")
        client = server.client()
        client.delete_stream(StreamARN=client.describe_stream(StreamName=stream)["StreamInfo"]["StreamARN"])
        producer.send(cluster(start + 2000), cluster(start + 4000))
        producer.rest()
        assert events(producer)[-1] == ("ERROR", 4008)
    with Producer(server, stream) as late:
        assert late.status == 404


def test_limits_of_the_profile(deployments):
    """Of the documented profile: two connections, 20 seconds of a fragment, no overlap, a connection's time; the others on request."""
    server = deployments.server("--profile", "aws", "--put-media-seconds", "3", "--put-media-idle-seconds", "2")
    client = server.client()
    client.create_stream(StreamName="gate", DataRetentionInHours=1)
    until(lambda: client.describe_stream(StreamName="gate")["StreamInfo"]["Status"] == "ACTIVE", "ACTIVE")
    start = media.now_ms()
    with Producer(server, "gate") as one, Producer(server, "gate") as two, Producer(server, "gate") as three:
        assert (one.status, two.status, three.status) == (200, 200, 400)
        assert three.error[0] == "ConnectionLimitExceededException"
        # A fragment spans twenty seconds, and not a millisecond more.
        two.send(head(), cluster(start, (0, 20_000)), end_of_fragment())
        two.until("PERSISTED", start)
        two.send(cluster(start + 30_000, (0, 20_001)))
        two.rest()
        assert events(two)[-1] == ("ERROR", 4002) and ("RECEIVED", start + 30_000) not in events(two)
        # It sends nothing, and is closed without an error.
        one.rest()
        assert one.is_whole and not any(kind == "ERROR" for kind, _ in events(one))
    overlap = put(server, "gate", head(), cluster(start, (0, 1000)), cluster(start + 1000))
    assert events(overlap)[-1] == ("ERROR", 4004)
    follows = put(server, "gate", head(), cluster(start, (0, 1000)), cluster(start + 1001))
    assert "ERROR" not in [kind for kind, _ in events(follows)]


def test_the_time_of_a_connection(sqlite_deployments):
    """Not before it is over; at once where no fragment is open, and else once that is whole, which is stored."""
    server = sqlite_deployments.server("--put-media-seconds", "2")
    client = server.client()
    for name in ("idle", "busy"):
        client.create_stream(StreamName=name, DataRetentionInHours=1)
    begun = time.monotonic()
    with Producer(server, "idle") as idle, Producer(server, "busy") as busy:
        start = media.now_ms()
        idle.send(head(), cluster(start), end_of_fragment())
        idle.until("PERSISTED", start)
        busy.send(head(), cluster(start))
        busy.until("BUFFERING", start)
        idle.rest()
        assert idle.is_whole and events(idle)[-1] == ("ERROR", 4003) and time.monotonic() - begun >= 2
        assert "FragmentTimecode" not in idle.acknowledgements[-1]
        busy.send(block(120), end_of_fragment())
        busy.rest()
        assert busy.is_whole and events(busy)[-1] == ("ERROR", 4003) and ("PERSISTED", start) in events(busy)
    assert fragments(server, "busy") == persisted(busy)


def test_the_quota_of_an_account(sqlite_deployments):
    """The fragment that reaches it is kept, and the next is not; with a byte more the next is the one that reaches it."""
    size = len(cluster(NOW))
    for quota, kept in ((size, 1), (size + 1, 2)):
        server = sqlite_deployments.server("--media-quota-bytes", str(quota))
        server.client().create_stream(StreamName="gate", DataRetentionInHours=1)
        with Producer(server, "gate") as producer:
            producer.send(head())
            for number in range(kept):
                producer.send(cluster(NOW + 1000 * number), end_of_fragment())
                producer.until("PERSISTED", NOW + 1000 * number)
            producer.send(cluster(NOW + 1000 * kept), end_of_fragment())
            producer.rest()
            assert producer.is_whole and events(producer)[-1] == ("ERROR", 5001)
        assert fragments(server, "gate") == persisted(producer) and len(persisted(producer)) == kept
        with Producer(server, "gate") as late:
            assert (late.status, late.error[0]) == (400, "ClientLimitExceededException")


def test_a_database_that_does_not_take_a_fragment(sqlite_deployments):
    """5000 for that one, which is not kept; what came before is."""
    server = sqlite_deployments.server()
    server.client().create_stream(StreamName="gate", DataRetentionInHours=1)
    with sqlite3.connect(server.folder / "weir.db", timeout=30) as database:
        database.execute(
            f"CREATE TRIGGER refused BEFORE INSERT ON fragment WHEN NEW.producer_ms > {NOW} BEGIN SELECT RAISE(ABORT, 'no'); END")
    with Producer(server, "gate") as producer:
        producer.send(head(), cluster(NOW), end_of_fragment())
        producer.until("PERSISTED", NOW)
        producer.send(cluster(NOW + 1), end_of_fragment())
        producer.rest()
        assert producer.is_whole and events(producer)[-1] == ("ERROR", 5000)
        assert producer.acknowledgements[-1]["FragmentTimecode"] == NOW + 1
    assert fragments(server, "gate") == persisted(producer)


def test_a_body_that_breaks_the_rules_of_http(server, stream):
    """4000; what came whole is kept."""
    start = media.now_ms()
    with Producer(server, stream) as producer:
        producer.send(head(), cluster(start), end_of_fragment())
        producer.until("PERSISTED", start)
        producer.socket.sendall(b"not a length\r\n")
        producer.rest()
        assert events(producer)[-1] == ("ERROR", 4000)
    assert fragments(server, stream) == persisted(producer)


def test_stopping_takes_the_fragment_that_is_on_its_way(deployments):
    server = deployments.server()
    client = server.client()
    client.create_stream(StreamName="gate", DataRetentionInHours=1)
    start = media.now_ms()
    with Producer(server, "gate") as busy, Producer(server, "gate") as idle:
        busy.send(head(), cluster(start))
        busy.until("BUFFERING", start)
        server.process.terminate()
        idle.rest()
        assert idle.is_whole
        busy.send(block(120), end_of_fragment())
        busy.rest()
        assert busy.is_whole and ("PERSISTED", start) in events(busy)
    assert server.wait() == 0
    again = deployments.again(server)
    assert fragments(again, "gate") == persisted(busy)


def test_mutated_bodies(server, stream):
    """Bytes of a good body changed anywhere: no answer but the documented ones, and the server goes on."""
    chance = random.Random(int(os.environ.get("WEIR_FUZZ_FIRST", "20170930")))
    good = head(2) + b"".join(
        cluster(1_700_000_000_000 + 2000 * number) + block(20, index=2) + tags(("place", "gate")) for number in range(3))
    for _ in range(MUTATED):
        raw = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            match chance.randrange(3):
                case 0:
                    raw[chance.randrange(len(raw))] = chance.randrange(256)
                case 1:
                    at = chance.randrange(len(raw))
                    del raw[at:at + chance.randint(1, 200)]
                case _:
                    at = chance.randrange(len(raw))
                    raw[at:at] = chance.randbytes(chance.randint(1, 20))
        with Producer(server, stream) as producer:
            assert producer.status == 200
            try:
                producer.send(*(bytes(raw[at:at + 700]) for at in range(0, len(raw), 700))).end()
            except ConnectionError:
                pass  # The last word may come before all is sent.
            producer.rest()
            assert producer.is_whole, producer.acknowledgements
            kinds = {found["EventType"] for found in producer.acknowledgements}
            assert kinds <= {"BUFFERING", "RECEIVED", "PERSISTED", "ERROR"}
            codes = {found["ErrorId"] for found in producer.acknowledgements if "ErrorId" in found}
            assert not codes & {5000, 5001} and all(4000 <= code <= 4012 for code in codes), codes
    assert server.is_running
    assert json.loads(server.sender().call("/listStreams", {}).body)
