"""Notification events: what one must be, the commands that subscribe and look, and the servers they are received by."""

import datetime
import hashlib
import json
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import boto3
import jsonschema
from botocore.config import Config
from standardwebhooks import Webhook

from calls import UUID
from deployment import ACCOUNT, DEADLINE, REGION, binary, clean_environment, run_weir, until

# Everything that is told: of resources, of peers of a channel, and of what no resource counts.
OF_RESOURCES = {
    f"weir.kinesisvideo.{name}" for name in """
    CreateStream UpdateStream UpdateDataRetention UpdateStreamStorageConfiguration DeleteStream StreamStatusChange TagStream UntagStream
    TagResource UntagResource UpdateImageGenerationConfiguration UpdateNotificationConfiguration StartEdgeConfigurationUpdate
    DeleteEdgeConfiguration EdgeConfigurationStatusChange CreateSignalingChannel UpdateSignalingChannel DeleteSignalingChannel
    ChannelStatusChange UpdateMediaStorageConfiguration MediaStorageConfigurationChange
    """.split()
}
OF_PEERS = {f"weir.kinesisvideo.{name}" for name in ("MasterConnected", "MasterDisconnected", "ViewerConnected", "ViewerDisconnected")}
OTHERS = {
    f"weir.kinesisvideo.{name}" for name in """
    MediaSessionBegan MediaSessionEnded FirstFragmentPersisted FragmentPersisted ImagesGenerated ImageGenerationFailed LimitReached DestinationPaused DiskReserveReached MediaStoreStatusChange
    OldestMediaDropped Test
    """.split()
}

def stream_destination(uri, account=ACCOUNT):
    """The id of the destination that streams name."""
    return f"stream:{account}:{REGION}:{hashlib.sha256(uri.encode()).hexdigest()[:32]}"


# --- what an event must be ---

# CloudEvents 1.0.2, section 3 and JSON format 3, for events whose data is JSON.
_TEXT = {"type": "string", "minLength": 1}
CLOUD_EVENT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": _TEXT,
        "source": _TEXT | {"pattern": r"^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$"},
        "type": _TEXT,
        "subject": _TEXT,
        "time": _TEXT | {"pattern": r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$"},
        "datacontenttype": _TEXT | {"pattern": r"^[!#$&^_.+A-Za-z0-9-]+/[!#$&^_.+A-Za-z0-9-]+(;.*)?$"},
        "dataschema": _TEXT | {"pattern": r"^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$"},
        "data": {},
        "data_base64": {"type": "string", "contentEncoding": "base64"},
    },
    "not": {"required": ["data", "data_base64"]},
    # Extension attributes: names of lower-case letters and digits, values without structure.
    "propertyNames": {"anyOf": [{"pattern": "^[a-z0-9]{1,20}$"}, {"const": "data_base64"}]},
    "additionalProperties": {"type": ["string", "boolean", "integer"], "minimum": -(2**31), "maximum": 2**31 - 1},
}

# What Weir says beyond that: nothing is missing and nothing is told that is not listed here.
WEIR_EVENT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "sequence", "sequencetype", "data"],
    "properties": {
        "specversion": {}, "id": {}, "source": {}, "type": {"enum": sorted(OF_RESOURCES | OF_PEERS | OTHERS)}, "dataschema": {},
        "subject": {"pattern": r"^arn:[a-z-]+:kinesisvideo:([a-z0-9-]+:\d{12}:(stream|channel|limit)|[a-z0-9-]*:(\d{12})?:destination)/"},
        "time": {"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"},
        "datacontenttype": {"const": "application/json"},
        "sequence": {"type": "string", "pattern": "^[1-9][0-9]*$"},
        "sequencetype": {"const": "Integer"},
        "replayed": {"const": True},
        "data": {
            "type": "object",
            # The rest too, of resources; else what is known.
            "required": ["resourceARN", "sequence"],
            "properties": {
                "resourceARN": {"type": "string"},
                "account": {"type": "string", "pattern": r"^\d{12}$"},
                "region": {"type": "string", "pattern": "^[a-z0-9-]{1,32}$"},
                "status": {"type": "string", "pattern": "^[A-Z_]+$"},
                "version": {"type": "string", "pattern": "^[a-z][A-Za-z0-9]{19}$"},
                "keyId": {"type": "string", "pattern": "^[A-Z0-9]{16,128}$"},
                "requestId": {"type": "string", "pattern": f"^{UUID.pattern}$"},
                "sequence": {"type": "integer", "minimum": 1},
                "notification": {"type": "object"},
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}

# What receivers are told that an event is.
PUBLISHED = json.loads((Path(__file__).resolve().parents[2] / "openapi" / "event.schema.json").read_text())

_VALIDATORS = [jsonschema.Draft202012Validator(schema) for schema in (CLOUD_EVENT, WEIR_EVENT, PUBLISHED)]
_MARK = re.compile(r"(.*)/(\d+)@(\d+)")


def check_event(event):
    """Fails unless it is a CloudEvent that tells the same thing wherever it tells it twice; returns it."""
    for validator in _VALIDATORS:
        validator.validate(event)
    data = event["data"]
    subject, sequence, moment = _MARK.fullmatch(event["id"]).groups()
    assert event["subject"] == data["resourceARN"] == subject
    assert event["sequence"] == str(data["sequence"]) == sequence
    assert milliseconds(event["time"]) == int(moment)
    if event["type"] in OF_RESOURCES:
        assert set(data) == set(WEIR_EVENT["properties"]["data"]["properties"]) - {"notification"}
    assert ("notification" in data) == (event["type"] == "weir.kinesisvideo.FragmentPersisted")
    of = [data.get("region", ""), data.get("account", "")]
    assert event["subject"].split(":")[3:5] == of
    assert event["source"] == ":".join(["urn:weir:kinesisvideo", *filter(None, of)])
    return event


def milliseconds(time):
    """Since the epoch, of a time as events tell it."""
    then = datetime.datetime.strptime(time, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    return (then - datetime.datetime.fromtimestamp(0, datetime.timezone.utc)) // datetime.timedelta(milliseconds=1)


def message_id(event_id):
    """The header webhook-id: without a dot, by which the signed text is taken apart, and without what callers choose."""
    return "evt_" + hashlib.sha256(event_id.encode()).hexdigest()[:32]


def check_webhook(request, *secrets):
    """Fails unless a request is a CloudEvent signed with each of these secrets and with no others; returns the event."""
    assert (request.method, request.target) == ("POST", "/hook")
    assert re.fullmatch(r"application/cloudevents\+json(; ?charset=utf-8)?", request.headers["content-type"])
    event = check_event(request.event)
    assert request.headers["webhook-id"] == message_id(event["id"])
    signatures = request.headers["webhook-signature"].split(" ")
    assert len(signatures) == len(secrets) == len(set(signatures)) and all(text.startswith("v1,") for text in signatures)
    for secret in secrets:
        Webhook(secret).verify(request.body, request.headers)
    assert request.headers.get("weir-replay") == ("true" if event.get("replayed") else None)
    return event


def kinds(events):
    """The types of events without what all have in common, with the status each left."""
    return [(event["type"].removeprefix("weir.kinesisvideo."), event["data"]["status"]) for event in events]


def by_resource(events):
    found = {}
    for event in events:
        found.setdefault(event["subject"], []).append(event)
    return found


def check_order(events):
    """Fails unless each resource's events, all of which are here, are in their order without gaps."""
    for arn, own in by_resource(events).items():
        assert [event["data"]["sequence"] for event in own] == list(range(1, len(own) + 1)), arn


# --- commands ---


@dataclass(frozen=True)
class Subscription:
    id: str
    secret: str | None


class Notifications:
    """The commands of notifications, beside a running server."""

    def __init__(self, server):
        self._flags = ["--data-dir", server.folder, *server.database.flags, *server.flags]
        self._server = server

    def run(self, *arguments):
        return run_weir(*arguments, *self._flags)

    def done(self, *arguments):
        """The output of a command that must succeed."""
        done = self.run(*arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def refused(self, *arguments):
        """What a command says that must fail."""
        done = self.run(*arguments)
        assert done.returncode != 0, (arguments, done.stdout)
        return done.stderr

    def subscribe(self, target, *filters):
        output = self.done("subscriptions", "add", target, *filters)
        secret = re.search(r"whsec_[A-Za-z0-9+/=]+", output)
        return Subscription(output.split()[0], secret and secret[0])

    def row(self, id):
        """The line of a destination in the list."""
        rows = [line for line in self.done("subscriptions", "list").splitlines() if id in line.split()]
        assert len(rows) == 1, rows
        return rows[0]

    def secrets(self, owner):
        return re.findall(r"whsec_[A-Za-z0-9+/=]+", self.done("webhook-secrets", "show", owner))

    def show(self, event_id):
        return self.done("events", "show", event_id)

    def tail(self, *filters):
        return [json.loads(line) for line in self.done("events", "tail", *filters).splitlines()]

    # What has no command.

    def waiting(self):
        return int(self._server.database.query("SELECT count(*) FROM delivery WHERE state = 'PENDING'")[0])

    def deliveries(self, id, state=None):
        condition = f" AND state = '{state}'" if state else ""
        return int(self._server.database.query(f"SELECT count(*) FROM delivery WHERE destination_id = '{id}'{condition}")[0])

    def settle(self, deadline=DEADLINE):
        """Waits until nothing waits any more."""
        until(lambda: self.waiting() == 0, "nothing waits", deadline)


class Tail:
    """A running `weir events tail --follow`."""

    def __init__(self, server, *filters):
        self.lines = []
        self._process = subprocess.Popen(
            [binary(), "events", "tail", "--follow", "--data-dir", str(server.folder), *server.database.flags, *map(str, server.flags), *filters],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment(),
            # Tests that run in the background of a shell hand on that interrupts are ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            self.lines.append(json.loads(line))

    def wait(self, count):
        until(lambda: len(self.lines) >= count or self._process.poll() is not None, lambda: f"{count} events; {self.lines}")
        assert len(self.lines) >= count, self._process.stderr.read()
        return list(self.lines)

    def end(self):
        """Interrupts it as a terminal does, and answers what it wrote to standard error."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        with self._process.stdout, self._process.stderr:
            return self._process.stderr.read()


# --- an SNS with queues behind it ---


class Topics:
    """An SNS-compatible server with an SQS behind it: moto's, as a process of its own. It checks signatures and permissions."""

    def __init__(self, folder):
        self._log = Path(folder) / "moto.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=clean_environment())
        found = until(lambda: re.search(r"Running on (http://127.0.0.1:\d+)", self._log.read_text()) or self._ended(), "moto's server runs")
        self.endpoint = found[1]
        self._clients = []
        self.access_key = self._publisher()
        # From now on calls need signatures of keys that may make them.
        request = urllib.request.Request(self.endpoint + "/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"})
        urllib.request.urlopen(request, timeout=DEADLINE).close()

    def _ended(self):
        assert self._process.poll() is None, self._log.read_text()
        return None

    def _publisher(self):
        """Two keys: one that may do everything with topics and queues, for the tests, and one that may publish and nothing else."""
        iam = self._client("iam", "any", "any")
        keys = []
        for user, actions in {"tests": ["sns:*", "sqs:*"], "publisher": ["sns:Publish"]}.items():
            iam.create_user(UserName=user)
            document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
            iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=json.dumps(document))
            key = iam.create_access_key(UserName=user)["AccessKey"]
            keys.append((key["AccessKeyId"], key["SecretAccessKey"]))
        self._own_key, publisher = keys
        return publisher

    def _client(self, service, access_key, secret_key, region=REGION):
        client = boto3.client(
            service, endpoint_url=self.endpoint, region_name=region, aws_access_key_id=access_key, aws_secret_access_key=secret_key,
            config=Config(retries={"total_max_attempts": 1}))
        self._clients.append(client)
        return client

    @property
    def flags(self):
        return ["--sns-endpoint", self.endpoint, "--sns-access-key-id", self.access_key[0], "--sns-secret-access-key", self.access_key[1]]

    def topic(self, name, region=REGION):
        return Topic(self._client("sns", *self._own_key, region), self._client("sqs", *self._own_key, region), name)

    def close(self):
        for client in self._clients:
            client.close()
        self._process.terminate()
        self._process.wait(DEADLINE)


class Topic:
    """A topic, and a queue that keeps what is published to it."""

    def __init__(self, sns, sqs, name):
        self._sqs = sqs
        fifo = name.endswith(".fifo")
        self.arn = sns.create_topic(Name=name, Attributes={"FifoTopic": "true"} if fifo else {})["TopicArn"]
        self._queue = sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if fifo else {})["QueueUrl"]
        queue_arn = sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=queue_arn)
        self.messages = []

    def receive(self):
        """Takes what is in the queue, and returns all that ever was: SNS's own envelopes."""
        while got := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                self.messages.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return self.messages

    def wait(self, count):
        until(lambda: len(self.receive()) >= count, lambda: f"{count} messages; there are {len(self.messages)}")
        return list(self.messages)


# --- time ---


class ShiftedClock:
    """Moves the clock of a Postgres database, which decides every time of the deployment."""

    def __init__(self, database):
        self._database = database
        database.query(
            "CREATE TABLE test_clock (shift BIGINT NOT NULL); INSERT INTO test_clock VALUES (0); "
            "CREATE OR REPLACE FUNCTION now_ms() RETURNS BIGINT LANGUAGE sql VOLATILE AS "
            "$$ SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) + shift FROM test_clock $$")

    def advance(self, seconds):
        self._database.query(f"UPDATE test_clock SET shift = shift + {round(seconds * 1000)}")
