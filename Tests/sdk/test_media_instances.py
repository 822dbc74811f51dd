"""Media of several instances: read on one while another receives it, over their link; instances that stop or die; roles apart."""

import re
import shutil
import threading

import pytest

import media
from deployment import Deployments, until
from media import Producer, block, cluster, documents, end_of_fragment, head, media_client, persisted, put
from stores import SeaweedFS, free_ports
from test_media_objects import page


@pytest.fixture(params=["s3", "file"])
def instances(request, tmp_path_factory, tmp_path):
    """Two instances on one Postgres and one store, and a stream."""
    made, store = Deployments("postgres", tmp_path), None
    try:
        if request.param == "s3":
            store = SeaweedFS(tmp_path_factory.mktemp("store"))
        flags, environment = (store.flags, store.environment) if store else (["--media-store", f"file:{tmp_path}/shared"], {})
        one = made.server(*flags, "--get-media-idle-seconds", "20", environment=environment)
        two = beside(made, one, environment=environment)
        make_stream(one, "gate", 24)
        yield one, two
    finally:
        made.close()
        if store:
            store.kill()


@pytest.fixture
def postgres(tmp_path):
    made = Deployments("postgres", tmp_path)
    yield made
    made.close()


def beside(deployments, server, *flags, **options):
    """Another instance, with the key that the first has made."""
    other = deployments.beside(server, *flags, **options)
    shutil.copy(server.credentials_file, other.credentials_file)
    return other


def make_stream(server, name, retention):
    client = server.client()
    client.create_stream(StreamName=name, DataRetentionInHours=retention)
    until(lambda: client.describe_stream(StreamName=name)["StreamInfo"]["Status"] == "ACTIVE", "the stream is ACTIVE")
    client.close()


class Reader:
    """A connection of GetMedia, which a thread of its own reads to its end."""

    def __init__(self, server, stream, **selector):
        self.data, self.failure = b"", None
        payload = media_client(server, stream, "GET_MEDIA").get_media(StreamName=stream, StartSelector=selector)["Payload"]
        self._thread = threading.Thread(target=self._read, args=(payload,), daemon=True)
        self._thread.start()

    def _read(self, payload):
        try:
            while part := payload._raw_stream.read1(65536):
                self.data += part
        except Exception as failure:
            self.failure = failure

    @property
    def whole(self):
        """The numbers of the fragments that have come as a whole, so far: behind each its token stands."""
        return [found.decode() for found in re.findall(rb"AWS_KINESISVIDEO_CONTINUATION_TOKEND\x87.{1,8}?(\d{47})", self.data, re.DOTALL)]

    def end(self):
        self._thread.join(60)
        assert not self._thread.is_alive()
        return documents(self.data)


def test_what_one_receives_another_sends_on_before_it_is_whole(instances):
    one, two = instances
    start = media.now_ms() - 60_000
    with Producer(one, "gate") as producer:
        producer.send(head(), cluster(start, (0, 40), length=20_000))
        producer.until("BUFFERING")
        readers = [Reader(two, "gate", StartSelectorType="NOW") for _ in range(3)]
        # The last block is known as whole with what follows it.
        for reader in readers:
            until(lambda: len(reader.data) > 20_000, "a block is there")
        assert 'weir_media_live_links{direction="in"} 1' in page(two, "/metrics")[1]
        assert 'weir_media_live_links{direction="out"} 1' in page(one, "/metrics")[1]
        producer.send(block(80), cluster(start + 2000, length=100_000), end_of_fragment())
        producer.until("PERSISTED", start + 2000)
        for reader in readers:
            until(lambda: len(reader.whole) == 2, "both are there")
        producer.end()
        producer.rest()
    numbers = persisted(producer)
    two.terminate()
    for reader in readers:
        found = reader.end()
        assert [document.number for document in found] == numbers
        assert [[at for _, at, _, _ in document.blocks] for document in found] == [[0, 40, 80]] * 2


def test_a_stream_that_keeps_nothing_is_read_elsewhere(instances):
    one, two = instances
    make_stream(one, "live", 0)
    start = media.now_ms() - 60_000
    with Producer(one, "live") as producer:
        producer.send(head(), cluster(start))
        number = producer.until("BUFFERING")["FragmentNumber"]
        reader = Reader(two, "live", StartSelectorType="NOW")
        until(lambda: reader.data, "it is there")
        producer.send(cluster(start + 2000), end_of_fragment())
        until(lambda: len(reader.whole) == 2, "both are there")
        assert reader.whole[0] == number


def test_a_producer_goes_on_elsewhere_when_its_instance_dies(instances):
    """The reader stays where it is; what was acknowledged it has once, in order."""
    one, two = instances
    start = media.now_ms() - 60_000
    with Producer(one, "gate") as producer:
        producer.send(head(), cluster(start), end_of_fragment())
        reader = Reader(two, "gate", StartSelectorType="EARLIEST")
        producer.send(cluster(start + 2000), end_of_fragment())
        producer.until("PERSISTED", start + 2000)
        numbers = persisted(producer)
        until(lambda: reader.whole == numbers, "it is read")
        one.kill()
    numbers += persisted(put(two, "gate", head(), cluster(start + 4000), cluster(start + 6000)))
    until(lambda: reader.whole == numbers, lambda: f"{reader.whole} becomes {numbers}")


def test_an_instance_stops_under_load(instances):
    """Producers are told of whole fragments before their connection ends, and go on at the other instance; readers end with a whole fragment too."""
    one, two = instances
    make_stream(one, "door", 24)
    stored, readers = {"gate": [], "door": []}, {}
    begun, stopping = threading.Event(), threading.Event()

    def produce(stream):
        time = media.now_ms() - 600_000
        for server in (one, two):
            with Producer(server, stream) as producer:
                producer.send(head(), cluster(time))
                try:
                    while True:
                        time += 100
                        producer.send(cluster(time))
                        found = producer.until("RECEIVED")
                        if len(persisted(producer)) >= 3:
                            begun.set()
                            if server is two:
                                break
                        assert found
                except (AssertionError, OSError):
                    assert stopping.is_set() and server is one
                if server is two:
                    producer.send(end_of_fragment()).end()
                try:
                    producer.rest()
                except OSError:
                    # What was sent after the end of the answer is refused by the system.
                    pass
                assert producer.is_whole, producer.acknowledgements
                stored[stream] += persisted(producer)
                # Every fragment that it was told to have arrived is stored.
                received = [found["FragmentNumber"] for found in producer.acknowledgements if found["EventType"] == "RECEIVED"]
                assert persisted(producer) == received

    threads = [threading.Thread(target=produce, args=(stream,)) for stream in stored]
    failures = []
    threading.excepthook = lambda told: failures.append(told)
    for thread in threads:
        thread.start()
    assert begun.wait(30)
    for stream in stored:
        readers[stream] = Reader(one, stream, StartSelectorType="EARLIEST")
        until(lambda: readers[stream].data, "it is read")
    stopping.set()
    assert one.terminate() == 0
    for thread in threads:
        thread.join(60)
    threading.excepthook = threading.__excepthook__
    assert not failures, failures
    for stream, numbers in stored.items():
        found = [document.number for document in readers[stream].end()]
        assert found and found == readers[stream].whole
        rest = Reader(two, stream, StartSelectorType="CONTINUATION_TOKEN", ContinuationToken=found[-1])
        until(lambda: found + rest.whole == numbers, lambda: f"{found} and {rest.whole} become {numbers}")


def test_roles_apart(postgres, tmp_path):
    """Each instance has one role: addresses lead to the one that has it, and another says so."""
    roles = ["control", "media", "archive", "signaling", "worker"]
    ports = dict(zip(roles, free_ports(len(roles))))
    flags = ["--media-store", f"file:{tmp_path}/shared", "--drain-seconds", "0"]
    for key in ("data", "archive", "wss", "https"):
        flags += [f"--advertised-{key}", "instance"]
    servers = {}
    for role in roles:
        own = [*flags, "--roles", role, "--instance-address", f"http://127.0.0.1:{ports[role]}"]
        first = servers.get("control")
        servers[role] = beside(postgres, first, *own, port=ports[role]) if first else postgres.server(*own, port=ports[role])
    control = servers["control"]
    make_stream(control, "gate", 24)
    client = control.client()

    def address(api):
        return client.get_data_endpoint(StreamName="gate", APIName=api)["DataEndpoint"]

    until(lambda: address("PUT_MEDIA") == servers["media"].endpoint and address("LIST_FRAGMENTS") == servers["archive"].endpoint, "all are known")
    numbers = persisted(put(servers["media"], "gate", head(), cluster(media.now_ms() - 60_000)))
    found = media_client(control, "gate", "LIST_FRAGMENTS").list_fragments(StreamName="gate")["Fragments"]
    assert [each["FragmentNumber"] for each in found] == numbers
    assert [document.number for document in documents(
        media_client(control, "gate", "GET_MEDIA").get_media(StreamName="gate", StartSelector={"StartSelectorType": "EARLIEST"})["Payload"].read())] == numbers
    client.create_signaling_channel(ChannelName="bell")
    channel = client.describe_signaling_channel(ChannelName="bell")["ChannelInfo"]["ChannelARN"]
    found = client.get_signaling_channel_endpoint(
        ChannelARN=channel, SingleMasterChannelEndpointConfiguration={"Protocols": ["WSS", "HTTPS"], "Role": "VIEWER"})["ResourceEndpointList"]
    port = ports["signaling"]
    assert {each["ResourceEndpoint"] for each in found} == {f"ws://127.0.0.1:{port}/viewer", f"http://127.0.0.1:{port}"}
    with Producer(servers["archive"], "gate") as producer:
        assert producer.status == 503 and "is not answered by this instance" in producer.error[1]
    assert page(servers["media"], "/ready?role=media") == (200, "ready\n")
    assert page(servers["archive"], "/ready?role=media") == (503, "not ready: this instance has another role\n")


def test_the_address_of_a_stream_is_that_of_its_receiver(postgres, tmp_path):
    ports = free_ports(2)
    flags = ["--media-store", f"file:{tmp_path}/shared", "--advertised-data", "instance", "--instance-address"]
    one = postgres.server(*flags, f"http://127.0.0.1:{ports[0]}", port=ports[0])
    two = beside(postgres, one, *flags, f"http://127.0.0.1:{ports[1]}", port=ports[1])
    servers = {server.endpoint: server for server in (one, two)}
    client = one.client()

    def address(stream):
        return client.get_data_endpoint(StreamName=stream, APIName="GET_MEDIA")["DataEndpoint"]

    # Streams are shared out while nobody sends.
    names = [f"gate-{number}" for number in range(12)]
    for name in names:
        make_stream(one, name, 24)
    until(lambda: {address(name) for name in names} == set(servers), "both are told")
    usual = address(names[0])
    other = next(endpoint for endpoint in servers if endpoint != usual)
    with Producer(servers[other], names[0]) as producer:
        until(lambda: address(names[0]) == other, "its readers are led to it")
        producer.end()
        producer.rest()
    until(lambda: address(names[0]) == usual, "and where they were before")


def test_two_folders_are_not_one_store(postgres):
    """Without a store that both have, media is that of the instance that runs longer; the other goes on with everything else, and says so."""
    one = postgres.server()
    two = beside(postgres, one)
    make_stream(two, "gate", 24)
    refused = (200, "ready\nmedia: media of this deployment is in a folder of another instance, which runs longer: give all instances the same media-store\n")
    until(lambda: page(two, "/ready") == refused, lambda: page(two, "/ready"))
    assert page(two, "/ready?role=media")[0] == 503 and page(one, "/ready") == (200, "ready\n")
    with Producer(two, "gate") as producer:
        assert producer.status == 503 and "media-store" in producer.error[1]
    assert len(persisted(put(one, "gate", head(), cluster(media.now_ms() - 60_000)))) == 1
    one.kill()
    until(lambda: page(two, "/ready") == (200, "ready\n"), "the other has media", 40)


def test_the_folder_of_a_killed_instance_is_its_successors_at_once(postgres):
    """A lock that was got is a process that is gone, however young its last heartbeat is."""
    server = postgres.server()
    make_stream(server, "gate", 24)
    for number in range(1, 4):
        assert len(persisted(put(server, "gate", head(), cluster(media.now_ms() - 60_000 * number)))) == 1
        server.kill()
        server = postgres.again(server)
        assert page(server, "/ready") == (200, "ready\n")
    assert len(media_client(server, "gate", "LIST_FRAGMENTS").list_fragments(StreamName="gate")["Fragments"]) == 3
