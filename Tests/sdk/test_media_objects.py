"""Media of several instances in one S3-compatible store: any of them takes it, any reads it, also while it comes, and the store may be away."""

import shutil
import urllib.error
import urllib.request

import pytest

import media
from calls import call
from deployment import Deployments, run_weir, until
from media import Producer, cluster, documents, end_of_fragment, head, media_client, persisted, put
from stores import SeaweedFS


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = SeaweedFS(tmp_path_factory.mktemp("store"))
    yield made
    made.kill()


@pytest.fixture(params=["s3", "file"])
def instances(request, store, tmp_path):
    """Two instances on one Postgres and one store, and a stream."""
    made = Deployments("postgres", tmp_path)
    flags, environment = (store.flags, store.environment) if request.param == "s3" else (["--media-store", f"file:{tmp_path}/shared"], {})
    # Each test has a deployment of its own, and so a prefix.
    flags = [flag.replace("site-1", f"site-1/{tmp_path.name}") for flag in flags] + ["--get-media-idle-seconds", "1"]
    one = made.server(*flags, environment=environment)
    two = made.beside(one, environment=environment)
    # The key was made by the first.
    shutil.copy(one.credentials_file, two.credentials_file)
    make_stream(one)
    yield one, two
    made.close()


def make_stream(server):
    client = server.client()
    client.create_stream(StreamName="gate", DataRetentionInHours=24)
    until(lambda: client.describe_stream(StreamName="gate")["StreamInfo"]["Status"] == "ACTIVE", "the stream is ACTIVE")
    client.close()


def read(server, **selector):
    client = media_client(server, "gate", "GET_MEDIA")
    return documents(client.get_media(StreamName="gate", StartSelector=selector)["Payload"].read())


def listed(server):
    client = media_client(server, "gate", "LIST_FRAGMENTS")
    return sorted(each["FragmentNumber"] for each in call(client, "ListFragments", StreamName="gate")["Fragments"])


def test_what_one_takes_the_other_reads(instances):
    one, two = instances
    start = media.now_ms() - 60_000
    numbers = persisted(put(one, "gate", head(), *(cluster(start + 2000 * number, length=100_000) for number in range(4))))
    assert len(numbers) == 4
    # A fragment that is longer than is kept in memory, to the other.
    large = [number * 40 for number in range(30)]
    numbers += persisted(put(two, "gate", head(), cluster(start + 20_000, large, length=200_000)))
    for server in instances:
        assert listed(server) == sorted(numbers)
        found = read(server, StartSelectorType="EARLIEST")
        assert [document.number for document in found] == numbers
        assert [len(document.blocks) for document in found] == [3, 3, 3, 3, 30]
        assert all(data == bytes([1, at & 0xFF]) * (len(data) // 2) for document in found for _, at, _, data in document.blocks)


def test_a_producer_moves_and_a_reader_elsewhere_follows(instances):
    """What is acknowledged is there once, in order; a fragment that the older connection begins after the newer one's first is refused."""
    one, two = instances
    start = media.now_ms() - 60_000
    with Producer(one, "gate") as older:
        older.send(head(), cluster(start), end_of_fragment())
        first = older.until("PERSISTED")["FragmentNumber"]
        payload = media_client(two, "gate", "GET_MEDIA").get_media(
            StreamName="gate", StartSelector={"StartSelectorType": "CONTINUATION_TOKEN", "ContinuationToken": first})["Payload"]
        with Producer(two, "gate") as newer:
            newer.send(head(), cluster(start + 2000), end_of_fragment())
            second = newer.until("PERSISTED")["FragmentNumber"]
            older.send(cluster(start + 4000), end_of_fragment())
            assert any(found["EventType"] == "ERROR" for found in older.rest())
            assert persisted(older) == [first]
            newer.send(cluster(start + 6000), end_of_fragment())
            third = newer.until("PERSISTED", start + 6000)["FragmentNumber"]
            newer.end()
            newer.rest()
    assert [document.number for document in documents(payload.read())] == [second, third]
    assert listed(one) == [first, second, third]


def page(server, path):
    try:
        with urllib.request.urlopen(server.endpoint + path, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def told(server):
    return [row[0] for row in server.database.rows("SELECT status FROM event WHERE type = 'MediaStoreStatusChange' ORDER BY sequence")]


def test_the_store_is_away_and_comes_back(store, tmp_path):
    """Sessions are refused meanwhile, and what was acknowledged is there afterwards."""
    made = Deployments("postgres", tmp_path)
    try:
        flags = [flag.replace("site-1", f"site-1/{tmp_path.name}") for flag in store.flags]
        server = made.server(*flags, "--get-media-idle-seconds", "1", environment=store.environment)
        make_stream(server)
        start = media.now_ms() - 60_000
        numbers = persisted(put(server, "gate", head(), cluster(start)))
        store.kill()
        with Producer(server, "gate") as producer:
            producer.send(head(), cluster(start + 2000), end_of_fragment())
            errors = [found for found in producer.rest() if found["EventType"] == "ERROR"]
            assert [found["ErrorCode"] for found in errors] == ["ARCHIVAL_ERROR"] and not persisted(producer)
        with Producer(server, "gate") as producer:
            assert producer.status == 503 or producer.error
        # The control plane goes on: the instance is ready, but not for media.
        assert page(server, "/ready") == (200, "ready\nmedia: the media store cannot be written to\n")
        assert page(server, "/ready?role=media") == (503, "not ready: the media store cannot be written to\n")
        assert page(server, "/ready?role=control") == (200, "ready\n")
        assert 'weir_media_disk_refusing{tier="HOT"} 1' in page(server, "/metrics")[1]
        until(lambda: told(server) == ["UNAVAILABLE"], "it is told")
        store.start()

        def again():
            with Producer(server, "gate") as producer:
                if producer.status != 200:
                    return None
                producer.send(head(), cluster(start + 4000)).end()
                producer.rest()
                return persisted(producer)

        numbers += until(again, "media is taken again", 60)
        until(lambda: told(server) == ["UNAVAILABLE", "AVAILABLE"], "that is told too")
        assert page(server, "/ready") == (200, "ready\n")
        assert listed(server) == sorted(numbers)
        assert [document.number for document in read(server, StartSelectorType="EARLIEST")] == numbers
    finally:
        made.close()


@pytest.mark.parametrize("kind", ["s3", "file"])
def test_what_is_stored_is_verified_and_makes_an_index_anew(store, tmp_path, kind):
    """`weir media verify` reads every byte of the bucket; `rebuild` makes another database of it, from objects alone, and once."""
    made = Deployments("postgres", tmp_path)
    flags = [flag.replace("site-1", f"site-1/{tmp_path.name}") for flag in store.flags] if kind == "s3" else ["--media-store", f"file:{tmp_path}/shared"]
    environment = store.environment if kind == "s3" else {}

    def run(server_or_database, folder, command):
        done = run_weir("media", command, "--data-dir", folder, *server_or_database.flags, *flags, environment=environment)
        return done.returncode, done.stdout.strip().splitlines(), done.stderr

    try:
        server = made.server(*flags, "--get-media-idle-seconds", "1", environment=environment)
        make_stream(server)
        start = media.now_ms() - 60_000
        numbers = persisted(put(server, "gate", head(), *(cluster(start + 2000 * number, length=50_000) for number in range(3))))
        numbers += persisted(put(server, "gate", head(), cluster(start + 20_000, [number * 40 for number in range(30)], length=200_000)))
        code, lines, _ = run(server.database, server.folder, "verify")
        assert code == 0 and "fragments: 4" in lines[-1] and "faults: 0" in lines[-1]
        code, _, refusal = run(server.database, server.folder, "rebuild")
        assert code != 0 and "stop every server" in refusal
        assert server.terminate() == 0
        folder = made.folder()
        database = made.database(folder)
        for found in ("fragments: 4", "fragments: 0"):
            code, lines, error = run(database, folder, "rebuild")
            assert code == 0 and found in lines[-1] and "faults: 0" in lines[-1], (lines, error)
        code, lines, _ = run(database, folder, "verify")
        assert code == 0 and "fragments: 4" in lines[-1] and "faults: 0" in lines[-1]
        again = made.start(folder, database, *flags, "--get-media-idle-seconds", "1", environment=environment)
        assert listed(again) == sorted(numbers)
        assert [document.number for document in read(again, StartSelectorType="EARLIEST")] == numbers
        if kind == "file":
            pack = max((tmp_path / "shared").rglob("*.pack"), key=lambda path: path.stat().st_size)
            pack.chmod(0o600)
            with pack.open("r+b") as file:
                file.seek(pack.stat().st_size // 2)
                file.write(b"spoilt")
            code, lines, _ = run(database, folder, "verify")
            assert code == 1 and any("damaged" in line for line in lines)
    finally:
        made.close()
