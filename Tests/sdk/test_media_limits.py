"""What limits and statuses do to calls about media."""

import pytest

import media
from calls import STREAM_NOT_FOUND, refused
from deployment import until
from media import Producer, cluster, head, media_client, put


@pytest.fixture(scope="module")
def documented(engine, tmp_path_factory):
    from deployment import Deployments

    made = Deployments(engine, tmp_path_factory.mktemp("documented"))
    yield made.server("--profile", "aws", "--get-media-idle-seconds", "1")
    made.close()


def test_documented_rates(documented):
    """Five calls of each operation in a second for a stream, and as many for another."""
    client = documented.client()
    for name in ("one", "two"):
        client.create_stream(StreamName=name, DataRetentionInHours=1)
        until(lambda: client.describe_stream(StreamName=name)["StreamInfo"]["Status"] == "ACTIVE", "ACTIVE")
    sender = documented.sender()
    calls = {
        "/getMedia": {"StartSelector": {"StartSelectorType": "EARLIEST"}}, "/listFragments": {},
        "/getMediaForFragmentList": {"Fragments": ["1"]},
    }
    for path, members in calls.items():
        for name in ("one", "two"):
            found = _burst(documented, sender, path, members | {"StreamName": name})
            # What is admitted may be refused for another reason.
            assert 12 <= found.count("ClientLimitExceededException") <= 16, found
    refusals = 0
    for _ in range(20):
        with Producer(documented, "one") as producer:
            refusals += producer.status == 400 and producer.error[0] == "ClientLimitExceededException"
    assert refusals >= 5


def _burst(server, sender, path, body):
    from signing import at_once

    return [answer.error for answer in at_once([(server.port, sender.raw(path, body)) for _ in range(20)])]


def test_streams_that_there_are_not(server, new_stream):
    name = new_stream(DataRetentionInHours=1)["StreamName"]
    clients = [media_client(server, name, api) for api in ("GET_MEDIA", "LIST_FRAGMENTS", "GET_MEDIA_FOR_FRAGMENT_LIST", "GET_CLIP")]
    calls = [("GetMedia", {"StartSelector": {"StartSelectorType": "NOW"}}), ("ListFragments", {}), ("GetMediaForFragmentList", {"Fragments": ["1"]}),
             ("GetClip", {"ClipFragmentSelector": {"FragmentSelectorType": "SERVER_TIMESTAMP", "TimestampRange": {"StartTimestamp": 1, "EndTimestamp": 2}}})]
    for client, (operation, members) in zip(clients, calls):
        assert refused(client, operation, "ResourceNotFoundException", 404, StreamName="nobody", **members) == STREAM_NOT_FOUND


def test_media_works_in_every_status_but_deleting(deployments):
    server = deployments.server("--minimum-creating-ms", "60000", "--minimum-deleting-ms", "60000")
    client = server.client()
    client.create_stream(StreamName="gate", DataRetentionInHours=1)
    assert client.describe_stream(StreamName="gate")["StreamInfo"]["Status"] == "CREATING"
    assert media.persisted(put(server, "gate", head(), cluster(media.now_ms())))
    archive = media_client(server, "gate", "LIST_FRAGMENTS")
    assert len(archive.list_fragments(StreamName="gate")["Fragments"]) == 1


def test_roles(deployments):
    """An instance for the control plane leaves media to others, and says which role it takes."""
    server = deployments.server("--roles", "control,worker")
    with server.sender() as sender:
        for path in ("/getMedia", "/listFragments"):
            answer = sender.call(path, {"StreamName": "gate", "StartSelector": {"StartSelectorType": "NOW"}})
            assert (answer.status, answer.error) == (503, "ServiceUnavailable")


def test_metrics_and_log(server, new_stream):
    """What operators see of a session."""
    import urllib.request

    name = new_stream(DataRetentionInHours=1)["StreamName"]
    start = media.now_ms()
    put(server, name, head(), cluster(start), cluster(start + 2000))
    page = urllib.request.urlopen(server.endpoint + "/metrics", timeout=30).read().decode()
    assert 'weir_media_acknowledgements_total{type="PERSISTED"}' in page
    assert 'weir_media_sessions_ended_total{reason="complete"}' in page
    assert server.logged(rf"stream/{name}/\d+ .*media session began")
    assert server.logged(rf"fragments=2 reason=complete .*stream/{name}/\d+ .*media session ended")


def test_status_shows_who_is_received(deployments):
    from deployment import run_weir

    server = deployments.server()
    server.client().create_stream(StreamName="gate", DataRetentionInHours=1)

    def status():
        return run_weir("status", "--data-dir", server.folder, *server.database.flags).stdout

    assert "streams that receive media: 0" in status()
    with Producer(server, "gate") as producer:
        producer.send(head(), cluster(media.now_ms()), media.end_of_fragment())
        producer.until("PERSISTED")
        shown = status()
        assert "streams that receive media: 1" in shown and "gate" in shown.split("streams that receive media")[1]
        producer.end()
        producer.rest()
    until(lambda: "streams that receive media: 0" in status(), "it is gone")
