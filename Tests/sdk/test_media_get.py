"""GetMedia, ListFragments and GetMediaForFragmentList through boto3, and real video through ffmpeg."""

import subprocess
import threading
import time

import pytest

import media
from calls import call, refused
from deployment import Deployments, until
from media import Producer, cluster, documents, end_of_fragment, head, media_client, persisted, put, tags
from signing import connect


@pytest.fixture(scope="module")
def server(engine, tmp_path_factory):
    """Readers are not made to wait for the three seconds that are documented."""
    made = Deployments(engine, tmp_path_factory.mktemp("reading"))
    yield made.server("--get-media-idle-seconds", "1")
    made.close()


@pytest.fixture
def stream(new_stream):
    return new_stream(DataRetentionInHours=24)["StreamName"]


@pytest.fixture(scope="module")
def film():
    """Some seconds of ffmpeg's test picture and a tone, a key frame and so a fragment each second."""
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25", "-f", "lavfi", "-i", "sine=frequency=440", "-t", "4",
         "-c:v", "libx264", "-g", "25", "-bf", "2", "-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "matroska", "-cluster_time_limit", "100000", "pipe:"],
        capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def reading(server, stream, **selector):
    """GetMedia from somewhere on, up to its end."""
    client = media_client(server, stream, "GET_MEDIA")
    return client.get_media(StreamName=stream, StartSelector=selector)["Payload"].read()


def fragments(server, stream, **members):
    client = media_client(server, stream, "LIST_FRAGMENTS")
    return call(client, "ListFragments", StreamName=stream, **members)


def test_endpoints_are_told(server, stream):
    client = server.client()
    for api in ("PUT_MEDIA", "GET_MEDIA", "LIST_FRAGMENTS", "GET_MEDIA_FOR_FRAGMENT_LIST"):
        assert client.get_data_endpoint(StreamName=stream, APIName=api)["DataEndpoint"] == server.endpoint


def test_what_a_fragment_looks_like(server, stream):
    """A document of its own for each: header, one Tags, the cluster, the producer's Tags, one Tags more."""
    start = media.now_ms()
    numbers = persisted(put(server, stream, head(), cluster(start), tags(("place", "gate")), cluster(start + 2000)))
    found = documents(reading(server, stream, StartSelectorType="EARLIEST"))
    assert [document.number for document in found] == numbers
    assert [document.timecode for document in found] == [start, start + 2000]
    first, last = found
    assert first.order == ["tags", "cluster", "tags", "tags"]
    assert [name for name, _ in first.tags[0]] == [
        f"AWS_KINESISVIDEO_{name}" for name in ("FRAGMENT_NUMBER", "SERVER_TIMESTAMP", "PRODUCER_TIMESTAMP")]
    assert float(first.all["AWS_KINESISVIDEO_PRODUCER_TIMESTAMP"]) == pytest.approx(start / 1000, abs=0.0005)
    assert abs(float(first.all["AWS_KINESISVIDEO_SERVER_TIMESTAMP"]) - start / 1000) < 30
    assert first.tags[1] == [("place", "gate")]
    assert [name for name, _ in first.tags[2]] == ["AWS_KINESISVIDEO_MILLIS_BEHIND_NOW", "AWS_KINESISVIDEO_CONTINUATION_TOKEN"]
    assert first.all["AWS_KINESISVIDEO_CONTINUATION_TOKEN"] == first.number
    assert last.all["AWS_KINESISVIDEO_MILLIS_BEHIND_NOW"] == "0"


def test_both_spellings_of_times(server, stream):
    start = media.now_ms()
    numbers = persisted(put(server, stream, head(), cluster(start)))
    client = media_client(server, stream, "GET_MEDIA_FOR_FRAGMENT_LIST")
    answer = client.get_media_for_fragment_list(StreamName=stream, Fragments=numbers)
    assert answer["ContentType"] == "video/webm"
    [document] = documents(answer["Payload"].read())
    assert document.order == ["tags", "cluster"]
    assert document.all["AWS_KINESISVIDEO_SERVER_TIMESTAMP"] == document.all["AWS_KINESISVIDEO_SERVER_SIDE_TIMESTAMP"]
    assert document.all["AWS_KINESISVIDEO_PRODUCER_TIMESTAMP"] == document.all["AWS_KINESISVIDEO_PRODUCER_SIDE_TIMESTAMP"]


def test_where_reading_begins(server, stream):
    # botocore sends whole seconds.
    start = media.now_ms() // 1000 * 1000 - 60_000
    numbers = persisted(put(server, stream, head(), *(cluster(start + 2000 * number) for number in range(4))))

    def read(**selector):
        return [document.number for document in documents(reading(server, stream, **selector))]

    assert read(StartSelectorType="EARLIEST") == numbers
    assert read(StartSelectorType="NOW") == []
    assert read(StartSelectorType="FRAGMENT_NUMBER", AfterFragmentNumber=numbers[1]) == numbers[2:]
    assert read(StartSelectorType="CONTINUATION_TOKEN", ContinuationToken=numbers[0]) == numbers[1:]
    assert read(StartSelectorType="PRODUCER_TIMESTAMP", StartTimestamp=(start + 2000) / 1000) == numbers[1:]
    # Between two fragments, the later one.
    assert read(StartSelectorType="PRODUCER_TIMESTAMP", StartTimestamp=(start + 3000) / 1000) == numbers[2:]
    assert read(StartSelectorType="SERVER_TIMESTAMP", StartTimestamp=0) == numbers
    client = media_client(server, stream, "GET_MEDIA")
    for selector in ({"StartSelectorType": "FRAGMENT_NUMBER"}, {"StartSelectorType": "SERVER_TIMESTAMP"},
                     {"StartSelectorType": "CONTINUATION_TOKEN"}, {"StartSelectorType": "CONTINUATION_TOKEN", "ContinuationToken": "x.y"}):
        refused(client, "GetMedia", "InvalidArgumentException", 400, StreamName=stream, StartSelector=selector)


def test_an_unknown_fragment_is_told_in_tags(server, stream):
    put(server, stream, head(), cluster(media.now_ms()))
    answer = reading(server, stream, StartSelectorType="FRAGMENT_NUMBER", AfterFragmentNumber="9" * 47)
    # A document as any other: readers of Matroska take nothing before its head.
    (document,) = media.documents(answer)
    assert document.order == ["tags"]
    assert document.all == {"AWS_KINESISVIDEO_ERROR_CODE": "Requested fragment is not found", "AWS_KINESISVIDEO_ERROR_ID": "4000"}


def test_frames_come_as_they_are_sent(server, stream):
    """A reader has a frame long before its fragment is whole."""
    got, ended = bytearray(), threading.Event()

    def follow():
        payload = media_client(server, stream, "GET_MEDIA").get_media(
            StreamName=stream, StartSelector={"StartSelectorType": "NOW"})["Payload"]
        while part := payload._raw_stream.read1(65536):
            got.extend(part)
        ended.set()

    start = media.now_ms()
    with Producer(server, stream) as producer:
        producer.send(head(), cluster(start, (0,)))
        producer.until("BUFFERING")
        reader = threading.Thread(target=follow)
        reader.start()
        for number in range(1, 5):
            until(lambda: got and len(documents(bytes(got))[-1].blocks) == number, f"frame {number}")
            producer.send(media.block(40 * number))
        producer.send(end_of_fragment())
        number = producer.until("PERSISTED")["FragmentNumber"]
        # The next one follows in the same answer.
        producer.send(cluster(start + 2000), end_of_fragment())
        producer.until("PERSISTED", start + 2000)
        producer.end()
    assert ended.wait(30)
    reader.join()
    found = documents(bytes(got))
    assert [document.timecode for document in found] == [start, start + 2000] and found[0].number == number
    assert [at for _, at, _, _ in found[0].blocks] == [0, 40, 80, 120, 160]


def test_many_readers_of_a_long_past_catch_up(server, stream):
    start = media.now_ms() - 3_600_000
    numbers = persisted(put(server, stream, head(), *(cluster(start + 2000 * number, length=20_000) for number in range(60))))
    answers = [None] * 4

    def read(place):
        answers[place] = documents(reading(server, stream, StartSelectorType="EARLIEST"))

    readers = [threading.Thread(target=read, args=(place,)) for place in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert all([document.number for document in answer] == numbers for answer in answers)


def test_lists(server, stream):
    # botocore sends whole seconds.
    start = media.now_ms() // 1000 * 1000 - 60_000
    numbers = persisted(put(server, stream, head(), *(cluster(start + 2000 * number) for number in range(7))))
    first = fragments(server, stream, MaxResults=3)
    assert [found["FragmentNumber"] for found in first["Fragments"]] == numbers[:3]
    found = first["Fragments"][0]
    assert found["FragmentLengthInMilliseconds"] == 80 and found["FragmentSizeInBytes"] == len(cluster(start))
    assert found["ProducerTimestamp"].timestamp() == pytest.approx(start / 1000, abs=0.0005)
    second = fragments(server, stream, MaxResults=3, NextToken=first["NextToken"])
    third = fragments(server, stream, MaxResults=3, NextToken=second["NextToken"])
    assert [found["FragmentNumber"] for page in (first, second, third) for found in page["Fragments"]] == numbers
    assert "NextToken" not in third

    def within(kind, since, until):
        return [found["FragmentNumber"] for found in fragments(server, stream, FragmentSelector={
            "FragmentSelectorType": kind, "TimestampRange": {"StartTimestamp": since / 1000, "EndTimestamp": until / 1000}})["Fragments"]]

    assert within("PRODUCER_TIMESTAMP", start + 1000, start + 4000) == numbers[1:3]
    assert within("SERVER_TIMESTAMP", 0, media.now_ms() + 1000) == numbers
    assert within("PRODUCER_TIMESTAMP", 0, 1000) == []
    client = media_client(server, stream, "LIST_FRAGMENTS")
    old = {"FragmentSelectorType": "SERVER_TIMESTAMP", "TimestampRange": {"StartTimestamp": 0, "EndTimestamp": 1000}}
    message = refused(client, "ListFragments", "InvalidArgumentException", 400, StreamName=stream, FragmentSelector=old)
    assert message == "End timestamp 1000000 is outside of the stream retention period."
    reversed_range = {"FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": {"StartTimestamp": 2, "EndTimestamp": 1}}
    refused(client, "ListFragments", "InvalidArgumentException", 400, StreamName=stream, FragmentSelector=reversed_range)
    refused(client, "ListFragments", "InvalidArgumentException", 400, StreamName=stream, NextToken="AAAA")
    refused(client, "ListFragments", "ResourceNotFoundException", 404, StreamName="nobody")


def test_fragments_that_there_are_not(server, stream, new_stream):
    other = new_stream(DataRetentionInHours=24)["StreamName"]
    number = persisted(put(server, stream, head(), cluster(media.now_ms())))[0]
    client = media_client(server, stream, "GET_MEDIA_FOR_FRAGMENT_LIST")
    for name, wanted in ((stream, "1"), (other, number), (stream, "9" * 128)):
        message = refused(client, "GetMediaForFragmentList", "InvalidArgumentException", 400, StreamName=name, Fragments=[wanted])
        assert message.startswith("Fragment numbers are invalid : ")
    unkept = new_stream(DataRetentionInHours=0)["StreamName"]
    refused(client, "GetMediaForFragmentList", "InvalidArgumentException", 400, StreamName=unkept, Fragments=[number])
    arn = server.client().describe_stream(StreamName=stream)["StreamInfo"]["StreamARN"]
    refused(client, "GetMediaForFragmentList", "InvalidArgumentException", 400, StreamName=stream, StreamARN=arn, Fragments=[number])
    refused(client, "GetMediaForFragmentList", "AccessDeniedException", 403, Fragments=[number],
            StreamARN=arn.replace("123456789012", "210987654321"))


def test_readers_of_the_documented_profile(deployments):
    """Three at a time; who leaves makes room at once."""
    server = deployments.server("--profile", "aws", "--get-media-idle-seconds", "60")
    server.client().create_stream(StreamName="gate", DataRetentionInHours=1)
    body = {"StreamName": "gate", "StartSelector": {"StartSelectorType": "NOW"}}
    with server.sender() as sender:
        readers = []

        def admitted():
            reader = connect(server.port)
            reader.sendall(sender.raw("/getMedia", body))
            head = reader.recv(65536)
            if head.startswith(b"HTTP/1.1 200"):
                readers.append(reader)
                return True
            reader.close()
            assert b"LimitExceededException" in head
            return False

        assert all(admitted() for _ in range(3))
        answer = sender.call("/getMedia", body)
        assert (answer.status, answer.error) == (400, "ConnectionLimitExceededException")
        readers[0].close()
        until(admitted, "another reader is admitted")
        for reader in readers:
            reader.close()


def test_real_video_comes_back_frame_for_frame(server, stream, film):
    """ffmpeg's own Matroska in, its frames out, bit for bit: known sizes, cues, lacing and all."""
    found = put(server, stream, *(film[at:at + 4096] for at in range(0, len(film), 4096)), type="RELATIVE", start=f"{time.time():.3f}")
    assert not [told for told in found.acknowledgements if told["EventType"] == "ERROR"], found.acknowledgements
    numbers = persisted(found)
    assert len(numbers) >= 3
    expected = media.framemd5(film)
    assert len(expected) > 200
    for answer in (reading(server, stream, StartSelectorType="EARLIEST"), listed(server, stream, numbers)):
        # Each fragment is a document; their clusters behind one header are what was sent.
        read = documents(answer)
        assert media.framemd5(read[0].header + b"".join(document.cluster for document in read)) == expected


def listed(server, stream, numbers):
    client = media_client(server, stream, "GET_MEDIA_FOR_FRAGMENT_LIST")
    return client.get_media_for_fragment_list(StreamName=stream, Fragments=numbers)["Payload"].read()


def test_with_tls(deployments, film, authority):
    """As a new user would: the same with certificates."""
    pem = authority.pem()
    server = deployments.server("--tls-certificate", pem, "--tls-key", pem)
    client = server.client(verify=authority.file)
    client.create_stream(StreamName="gate", DataRetentionInHours=1)
    start = media.now_ms()
    with Producer(server, "gate", context=media.unverified()) as producer:
        assert producer.status == 200
        producer.send(head(), cluster(start, length=100_000), end_of_fragment())
        number = producer.until("PERSISTED")["FragmentNumber"]
        producer.end()
        producer.rest()
    reader = server.client(verify=authority.file)
    endpoint = reader.get_data_endpoint(StreamName="gate", APIName="GET_MEDIA")["DataEndpoint"]
    assert endpoint.startswith("https://")
    import boto3

    credentials = server.credentials
    answer = boto3.client(
        "kinesis-video-media", endpoint_url=endpoint, region_name=media.REGION, aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key, verify=authority.file,
    ).get_media(StreamName="gate", StartSelector={"StartSelectorType": "EARLIEST"})["Payload"].read()
    assert [document.number for document in documents(answer)] == [number]
