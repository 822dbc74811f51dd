"""What is told of media: fragments that producers tag, who sends, and the first fragment; to web servers and topics."""

import json
import socket

import media
from calls import accepted, fresh
from deployment import until
from events import kinds
from media import Producer, cluster, end_of_fragment, head, persisted, put, tags

NOTIFY = "AWS_KINESISVIDEO_NOTIFICATION"


def configured(server, uri):
    """A stream whose fragments are told there."""
    name = fresh("told")
    accepted(server.calls, "CreateStream", {"StreamName": name, "DataRetentionInHours": 1})
    info = until(lambda: described(server, name), "ACTIVE")
    accepted(server.calls, "UpdateNotificationConfiguration", {
        "StreamName": name, "NotificationConfiguration": {"Status": "ENABLED", "DestinationConfig": {"Uri": uri}}})
    return info


def described(server, name):
    info = server.calls.call("/describeStream", {"StreamName": name}).json["StreamInfo"]
    return info if info["Status"] == "ACTIVE" else None


def of_media(sink, count, part):
    """The first events of this part of the stream that have come to a receiver."""
    def found():
        return [event for event in sink.events if event["subject"].endswith(part)][:count]

    return until(lambda: len(found()) == count and found(), f"{count} events of {part}")


def test_a_web_server_is_told_of_tagged_fragments_and_of_sessions(telling, receiver):
    sink = receiver()
    info = configured(telling, sink.url())
    start = media.now_ms()
    producer = put(
        telling, info["StreamName"], head(), cluster(start), tags((NOTIFY, ""), ("plate", 'AB "1"')), tags(("gate", "7")), cluster(start + 2000),
        cluster(start + 4000), tags((NOTIFY, "")))
    numbers = persisted(producer)
    told = of_media(sink, 2, "/fragments")
    assert [event["data"]["notification"] for event in told] == [
        {"StreamArn": info["StreamARN"], "FragmentNumber": numbers[at], "FragmentStartProducerTimestamp": start + 2000 * at,
         "FragmentStartServerTimestamp": int(numbers[at]) >> 28 & (1 << 64) - 1, "NotificationType": "PERSISTED", "NotificationPayload": payload}
        for at, payload in ((0, {"plate": 'AB "1"', "gate": "7"}), (2, {}))]
    assert [event["data"]["sequence"] for event in told] == [1, 3]
    assert {event["subject"] for event in told} == {info["StreamARN"] + "/fragments"}
    sessions = of_media(sink, 3, "/media")
    assert kinds(sessions) == [("MediaSessionBegan", "OPEN"), ("FirstFragmentPersisted", "PERSISTED"), ("MediaSessionEnded", "COMPLETE")]
    assert [event["data"]["sequence"] for event in sessions] == [1, 2, 3]
    assert {event["data"]["keyId"] for event in sessions + told} == {telling.credentials.access_key}
    put(telling, info["StreamName"], head(), cluster(start + 9000), cluster(start + 9000))
    assert kinds(of_media(sink, 5, "/media")[3:]) == [
        ("MediaSessionBegan", "OPEN"), ("MediaSessionEnded", "FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS")]
    # One that leaves in the middle of a chunk has left; what it sent was no fault.
    with Producer(telling, info["StreamName"]) as leaving:
        leaving.send(head())
        leaving.socket.sendall(b"1000\r\n" + cluster(start + 20_000)[:100])
        leaving.socket.shutdown(socket.SHUT_WR)
        while leaving.socket.recv(65536):
            pass
    assert kinds(of_media(sink, 7, "/media")[6:]) == [("MediaSessionEnded", "CLIENT_LEFT")]


def test_a_topic_is_told_as_the_service_tells_it(deployments, delivering, topics):
    """The notification and nothing around it, under the subject that the service gives it; no sessions, which nobody of the topic expects."""
    topic = topics.topic(fresh("topic"))
    server = deployments.server(*delivering(lifecycle_notifications=None))
    server.calls = server.sender()
    info = configured(server, topic.arn)
    start = media.now_ms()
    number, = persisted(put(server, info["StreamName"], head(), cluster(start), tags((NOTIFY, ""), ("plate", "AB 1"))))
    envelope, = topic.wait(1)
    assert envelope["Subject"] == "Kinesis Video Streams Notification" and envelope["TopicArn"] == topic.arn
    message = json.loads(envelope["Message"])
    assert list(message) == [
        "StreamArn", "FragmentNumber", "FragmentStartProducerTimestamp", "FragmentStartServerTimestamp", "NotificationType", "NotificationPayload"]
    assert message["FragmentNumber"] == number and message["NotificationPayload"] == {"plate": "AB 1"}
    assert message["StreamArn"] == info["StreamARN"] and message["FragmentStartProducerTimestamp"] == start
    until(lambda: server.database.query("SELECT count(*) FROM delivery WHERE state = 'PENDING'") == ["0"], "nothing waits")
    assert topic.receive() == [envelope]


def test_what_was_told_as_persisted_is_told_after_a_kill(deployments, delivering, receiver):
    """The receiver is down while fragments come and the server dies: each that was told as stored is told of by the next, and no other is."""
    sink = receiver()
    sink.close_door()
    server = deployments.server(*delivering(delivery_attempts=100))
    server.calls = server.sender()
    info = configured(server, sink.url())
    start = media.now_ms()
    with Producer(server, info["StreamName"]) as producer:
        producer.send(head())
        for number in range(5):
            producer.send(cluster(start + 1000 * number), tags((NOTIFY, ""), ("number", str(number))), end_of_fragment())
            producer.until("PERSISTED", start + 1000 * number)
        producer.send(cluster(start + 9000), tags((NOTIFY, "")))
        producer.until("BUFFERING", start + 9000)
        server.process.kill()
        server.process.wait()
    sink.open_door()
    again = deployments.again(server)
    until(lambda: again.database.query("SELECT count(*) FROM delivery WHERE state = 'PENDING'") == ["0"], "nothing waits", 60)
    told = {event["id"]: event for event in sink.events if event["subject"].endswith("/fragments")}
    assert [event["data"]["notification"]["FragmentNumber"] for event in told.values()] == persisted(producer)
