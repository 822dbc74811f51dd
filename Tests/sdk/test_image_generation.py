"""Image generation: pictures of tagged fragments in a bucket or a folder, under the documented names, each once whatever dies meanwhile."""

import re
import shutil
import sys
import textwrap
import urllib.parse
import urllib.request

import pytest

import media
from calls import accepted, fresh
from deployment import ACCOUNT, REGION, Deployments, until
from media import cluster, head, persisted, put, tags
from stores import KEY, SECRET, SeaweedFS
from test_images import HEIGHT, WIDTH, frames, made, pixels, size

TAG, PREFIX = "AWS_KINESISVIDEO_IMAGE_GENERATION", "AWS_KINESISVIDEO_IMAGE_PREFIX"
RATE = 25
NAME = re.compile(r"(?:(.*)_)?(\d{12})_([a-z0-9-]+)_(\d+)_([0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\.(jpg|png)")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made_store = SeaweedFS(tmp_path_factory.mktemp("store"))
    made_store.client().create_bucket(Bucket="images")
    yield made_store
    made_store.kill()


@pytest.fixture(scope="module")
def film():
    """Its header, and its clusters of a second each."""
    data = made("-c:v", "libx264", "-bf", "2")
    header, found, at = b"", [], 0
    while at < len(data):
        identifier, start, length = media.element_at(data, at)
        if identifier == media.CLUSTER:
            end = media.cluster_end(data, start, length)
            found.append(data[at:end])
        else:
            end = start if length is None else start + length
            if not found:
                header += data[at:end]
        at = end
    assert len(found) == 4
    return data, header, found


class Bucket:
    """Where the pictures of a test go: `s3` or `file`."""

    def __init__(self, kind, store, folder):
        self.kind, self.store, self.name = kind, store, f"test-{media.unique()}"
        self.folder = folder / "pictures"
        secret = folder / "secret"
        secret.touch(0o600)
        secret.write_text(SECRET + "\n")
        if kind == "s3":
            self.uri = f"s3://images/{self.name}"
            self.flags = ["--image-store-endpoint", store.endpoint, "--image-store-access-key-id", KEY, "--image-store-secret-file", str(secret),
                          "--image-store-region", "us-east-1"]
        else:
            self.uri = f"file://{self.name}/cameras"
            self.flags = ["--image-dir", str(self.folder)]

    def objects(self):
        """The names and bytes of what is there."""
        if self.kind == "file":
            root = self.folder / self.name / "cameras"
            return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        client = self.store.client()
        keys = [each["Key"] for each in client.list_objects_v2(Bucket="images", Prefix=self.name + "/").get("Contents", [])]
        return {key.removeprefix(self.name + "/"): client.get_object(Bucket="images", Key=key)["Body"].read() for key in keys}

    def moments(self):
        """When each picture is of, in order."""
        return sorted(int(NAME.fullmatch(name)[4]) for name in self.objects())


@pytest.fixture(params=["s3", "file"])
def bucket(request, store, tmp_path):
    return Bucket(request.param, store, tmp_path)


@pytest.fixture
def files(tmp_path):
    return Bucket("file", None, tmp_path)


def imaged(server, uri, **members):
    """A stream of which images are made."""
    name = fresh("imaged")
    server.calls = server.sender()
    accepted(server.calls, "CreateStream", {"StreamName": name, "DataRetentionInHours": 24})
    until(lambda: server.calls.call("/describeStream", {"StreamName": name}).json["StreamInfo"]["Status"] == "ACTIVE", "ACTIVE")
    configure(server, name, uri, **members)
    return name


def configure(server, name, uri, **members):
    accepted(server.calls, "UpdateImageGenerationConfiguration", {"StreamName": name, "ImageGenerationConfiguration": {
        "Status": "ENABLED", "ImageSelectorType": "PRODUCER_TIMESTAMP", "SamplingInterval": 400, "Format": "PNG",
        "DestinationConfig": {"Uri": uri, "DestinationRegion": REGION}} | members})


def waiting(server):
    return server.database.query("SELECT count(*) FROM image_work") == ["0"]


def wait(server, deadline=90):
    until(lambda: waiting(server), lambda: f"no image waits: {server.database.query('SELECT failure FROM images_waiting')}", deadline)


def test_pictures_under_the_documented_names(deployments, bucket, film):
    """At the interval as long as tagged fragments follow each other, from the start after one that is not; each is the frame that is seen."""
    source, header, clusters = film
    server = deployments.server(*bucket.flags)
    name = imaged(server, bucket.uri)
    start = media.now_ms() // 1000 - 60
    tag = tags((TAG, ""), (PREFIX, "gate 7/day"), ("Plate No", "AB 1"), ("city", "Zürich"), ("AWS_KINESISVIDEO_NOTIFICATION", ""))
    numbers = persisted(put(
        server, name, header, clusters[0], tag, clusters[1], tag, clusters[2], tags(("plate", "AB 1")), clusters[3], tag, type="RELATIVE", start=str(start)))
    assert len(numbers) == 4
    wait(server)
    found = bucket.objects()
    first = start * 1000
    shown = {}
    for key, content in found.items():
        assert key.startswith("gate 7/day_")
        _, account, stream, moment, _, ending = NAME.fullmatch(key).groups()
        assert (account, stream, ending) == (ACCOUNT, name, "png")
        shown[int(moment) - first] = content
    assert sorted(shown) == [0, 400, 800, 1200, 1600, 3000, 3400, 3800] and len(found) == 8
    every = frames(source)
    for moment, content in shown.items():
        assert size(content) == (WIDTH, HEIGHT) and pixels(content) == every[moment * RATE // 1000], moment
    if bucket.kind == "s3":
        key, = [key for key in found if f"_{first + 1200}_" in key]
        told = bucket.store.client().head_object(Bucket="images", Key=f"{bucket.name}/{key}")
        assert told["ContentType"] == "image/png"
        metadata = told["Metadata"]
        assert metadata["aws_kinesisvideo_fragment_number"] == numbers[1]
        assert metadata["aws_kinesisvideo_producer_timestamp"] == str(first + 1200)
        assert int(metadata["aws_kinesisvideo_server_timestamp"]) - 200 == int(numbers[1]) >> 28 & (1 << 64) - 1
        assert metadata["plate_no"] == "AB 1" and urllib.parse.unquote(metadata["city"]) == "Zürich"
        assert len(metadata) == 5


def test_other_configurations(deployments, files, film):
    """Size and quality are the configuration's when the picture is made; where it is DISABLED or gone nothing is; a long interval has one picture."""
    _, header, clusters = film
    server = deployments.server(*files.flags)
    name = imaged(server, files.uri, Format="JPEG", FormatConfig={"JPEGQuality": "30"}, WidthPixels=80, SamplingInterval=2 ** 31 - 1)

    def send(start):
        assert len(persisted(put(server, name, header, clusters[0], tags((TAG, "")), clusters[1], tags((TAG, "")), type="RELATIVE", start=str(start)))) == 2
        wait(server)

    start = media.now_ms() // 1000 - 600
    send(start)
    (key, content), = files.objects().items()
    assert key.endswith(".jpg") and size(content) == (80, 60) and files.moments() == [start * 1000]
    configure(server, name, files.uri, Status="DISABLED")
    # Producers learn of it within seconds.
    with media.Producer(server, name, type="RELATIVE", start=str(start + 60)) as producer:
        producer.send(header, clusters[0], tags((TAG, ""))).end()
        producer.rest()
    wait(server)
    accepted(server.calls, "UpdateImageGenerationConfiguration", {"StreamName": name})
    send(start + 120)
    assert len(files.objects()) == 1


def test_the_destination_is_away_and_the_server_dies(deployments, store, tmp_path, film):
    """Fragments are told as stored meanwhile; when both are back each picture is there once."""
    _, header, clusters = film
    bucket = Bucket("s3", store, tmp_path)
    server = deployments.server(*bucket.flags)
    name = imaged(server, bucket.uri, SamplingInterval=500, Format="JPEG")
    start = media.now_ms() // 1000 - 60
    parts = [part for each in clusters for part in (each, tags((TAG, "")))]
    store.kill()
    try:
        assert len(persisted(put(server, name, header, *parts, type="RELATIVE", start=str(start)))) == 4
        until(lambda: server.database.query("SELECT count(*) FROM image_work WHERE attempt > 0") != ["0"], "an attempt")
        server.process.kill()
        server.process.wait()
        again = deployments.again(server, *bucket.flags)
    finally:
        store.start()
        until(store._has_bucket, "the store is back", 60)
    wait(again, 150)
    assert bucket.moments() == [start * 1000 + 500 * number for number in range(8)]


FAKE = textwrap.dedent("""\
    #!{python} -IS
    import os, struct, sys
    def read(count):
        data = sys.stdin.buffer.read(count)
        if len(data) < count: os._exit(0)
        return data
    while True:
        body = read(struct.unpack(">I", read(4))[0])
        private, = struct.unpack(">I", body[12:16])
        at = 16 + private
        count, = struct.unpack(">I", body[at:at + 4])
        wanted = struct.unpack(">%dq" % count, body[at + 4:at + 4 + 8 * count])
        at += 8 + 8 * count
        frames = {{}}
        while at < len(body):
            time, size = struct.unpack(">qI", body[at:at + 12])
            frames[time] = body[at + 12:at + 12 + size]
            at += 12 + size
        for time in wanted:
            if frames[time][1] == 80: os._exit(1)
            picture = b"picture of %d" % frames[time][1]
            sys.stdout.buffer.write(struct.pack(">IB", len(picture) + 1, 0) + picture)
            sys.stdout.buffer.flush()
    """)


def test_a_picture_that_kills_weir_frames(deployments, files, tmp_path, receiver, delivering, subscribe):
    """It is missing, which is told once; all others are there, and nothing is tried for ever."""
    fake = tmp_path / "weir-frames"
    fake.write_text(FAKE.format(python=sys.executable))
    fake.chmod(0o755)
    sink = receiver()
    server = deployments.server("--frames", str(fake), *files.flags, *delivering())
    subscribe(server, sink, "--types", "ImagesGenerated,ImageGenerationFailed")
    name = imaged(server, files.uri, SamplingInterval=200)
    start = media.now_ms() - 60_000
    tag = tags((TAG, ""))
    # The frame at 80 ms kills: at intervals of 200 ms it is seen where it is followed by a pause.
    numbers = persisted(put(
        server, name, head(), cluster(start), tag, cluster(start + 2000), tag, cluster(start + 4000, (0, 40, 240)), tag))
    numbers += persisted(put(server, name, head(), cluster(start + 20_000, (0, 80, 240)), tag, cluster(start + 22_000), tag))
    assert len(numbers) == 5
    wait(server)
    assert server.is_running
    assert files.moments() == [start + offset for offset in (0, 2000, 4000, 4200, 20_000, 22_000)]

    def told(kind):
        return [event for event in sink.events if event["type"] == f"weir.kinesisvideo.{kind}"]

    until(lambda: len(told("ImagesGenerated")) == 4 and told("ImageGenerationFailed"), lambda: f"the events come: {sink.events}")
    failure, = told("ImageGenerationFailed")
    assert failure["data"]["status"] == "MEDIA_ERROR" and failure["subject"].endswith("/media")
    images = {event["data"]["images"]["FragmentNumber"]: event["data"]["images"] for event in told("ImagesGenerated")}
    assert sorted(images) == numbers[:3] + numbers[4:]
    assert images[numbers[2]]["Count"] == 2 and [image["Timestamp"] for image in images[numbers[2]]["Images"]] == [start + 4000, start + 4200]
    named = {image["Key"].removeprefix(f"{files.name}/cameras/") for each in images.values() for image in each["Images"]}
    assert len(named) == 5 and named < set(files.objects())


def test_without_weir_frames(deployments, files, film):
    """It is said once, the fragments wait, and their images are made once the program is there; what is deleted does not wait any more."""
    _, header, clusters = film
    server = deployments.server("--frames", "/nonexistent/weir-frames", *files.flags)
    name, other = imaged(server, files.uri, SamplingInterval=500), imaged(server, files.uri)
    start = media.now_ms() // 1000 - 60
    for stream in (name, other):
        put(server, stream, header, *[part for each in clusters for part in (each, tags((TAG, "")))], type="RELATIVE", start=str(start))
    asked = "SELECT count(*) FROM images_waiting WHERE failure LIKE '%not installed%' AND attempts > 0"
    until(lambda: server.database.query(asked) == ["8"], "all have been tried")
    assert server.log.count("images wait") == 1
    info = server.calls.call("/describeStream", {"StreamName": other}).json["StreamInfo"]
    accepted(server.calls, "DeleteStream", {"StreamARN": info["StreamARN"]})
    until(lambda: server.calls.call("/describeStream", {"StreamName": other}).status == 404, "the stream is gone")
    assert server.database.query("SELECT count(*) FROM image_work") == ["4"]
    server.terminate()
    again = deployments.again(server, *files.flags)
    wait(again)
    assert files.moments() == [start * 1000 + 500 * number for number in range(8)]


@pytest.mark.parametrize("uri, text", [
    ("s3://images/x", "image-store-access-key-id"), ("ftp://images", "s3://BUCKET/PREFIX"), ("file://../../escape", "not one that objects may have")])
def test_destinations_that_lead_nowhere(sqlite_deployments, files, film, uri, text):
    """They are accepted, as the real service does, and their images wait with the reason."""
    _, header, clusters = film
    server = sqlite_deployments.server(*files.flags)
    name = imaged(server, uri, Format="JPEG")
    put(server, name, header, clusters[0], tags((TAG, "")), type="RELATIVE", start=str(media.now_ms() // 1000 - 60))
    until(lambda: text in "".join(server.database.query("SELECT failure FROM images_waiting")), "the reason")
    assert not files.folder.exists() or not files.objects()
    assert not (files.folder.parent / "escape").exists()


def test_two_instances_share_the_work(tmp_path, files, film):
    """Each picture is there once, and each fragment is worked on once."""
    _, header, clusters = film
    made_here = Deployments("postgres", tmp_path)
    try:
        flags = ["--media-store", f"file:{tmp_path}/shared", *files.flags]
        one = made_here.server(*flags)
        two = made_here.beside(one)
        shutil.copy(one.credentials_file, two.credentials_file)
        name = imaged(one, files.uri, SamplingInterval=500)
        start = media.now_ms() // 1000 - 600
        parts = [part for each in clusters for part in (each, tags((TAG, "")))]
        for number in range(6):
            put([one, two][number % 2], name, header, *parts, type="RELATIVE", start=str(start + 10 * number))
        wait(one)
        assert files.moments() == [(start + 10 * number) * 1000 + 500 * index for number in range(6) for index in range(8)]

        def stored():
            # One of them may have made them all: what has never risen is not shown.
            return [figures(server).get('weir_image_attempts_total{result="stored"}', 0) for server in (one, two)]

        # An attempt is counted once its outcome is in the database.
        until(lambda: sum(stored()) >= 24, stored)
        assert sum(stored()) == 24
    finally:
        made_here.close()


def figures(server):
    """The metrics of an instance."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line and not line.startswith("#"))}
