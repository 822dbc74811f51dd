"""One of three instances is killed every two seconds, and clients that follow the AWS SDK's standard retries notice nothing; instances are replaced
one after the other, and even a client without any retries notices nothing."""

import random
import threading
import time

import boto3
from botocore.config import Config

from client import STANDARD, Client, History
from stack import REGION

STEPS_HOURS = 3


class Callers:
    """Threads that each make streams of their own and change them by calls of which none may fail, from start to `stop`.

    retries: as boto3 takes them; the default of the SDK's standard mode is three attempts in all.
    """

    def __init__(self, stack, count=6, retries={"mode": "standard", "max_attempts": 3}):
        self._stack, self._retries = stack, retries
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.calls = self.retried = 0
        self.longest = 0.0
        self.failures = []
        # Of each stream that was made to the end: its name, and how often it was changed.
        self.made = {}
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def _run(self, number):
        key_id, secret = self._stack.key
        client = boto3.session.Session().client(
            "kinesisvideo", endpoint_url=f"http://127.0.0.1:{self._stack.port}", region_name=REGION, aws_access_key_id=key_id,
            aws_secret_access_key=secret, config=Config(retries=self._retries))
        serial = 0
        while not self._stop.is_set():
            serial += 1
            try:
                self._use(client, f"caller-{number}-{serial:05}")
            except Exception as error:
                self.failures.append(f"caller-{number}-{serial:05}: {type(error).__name__}: {error}")
        client.close()

    def _use(self, client, name):
        """A stream's life up to where its last state tells how often each change was made."""
        self._call(client.create_stream, StreamName=name, DataRetentionInHours=1, Tags={"name": name})
        for step in range(STEPS_HOURS):
            version = self._active(client, name)["Version"]
            self._call(
                client.update_data_retention, StreamName=name, CurrentVersion=version, Operation="INCREASE_DATA_RETENTION",
                DataRetentionChangeInHours=1)
            self._call(client.tag_stream, StreamName=name, Tags={f"step-{step}": name})
        info = self._active(client, name)
        assert info["DataRetentionInHours"] == 1 + STEPS_HOURS, info
        tags = self._call(client.list_tags_for_stream, StreamName=name)["Tags"]
        assert len(tags) == 1 + STEPS_HOURS, tags
        self._call(client.delete_stream, StreamARN=info["StreamARN"])
        with self._lock:
            self.made[name] = info["StreamARN"]

    def _active(self, client, name):
        end = time.monotonic() + 30
        while True:
            info = self._call(client.describe_stream, StreamName=name)["StreamInfo"]
            if info["Status"] == "ACTIVE":
                return info
            # A worker that was killed holds its tasks for a lease.
            assert time.monotonic() < end, info
            time.sleep(0.05)

    def _call(self, operation, **members):
        begun = time.monotonic()
        answer = operation(**members)
        with self._lock:
            self.calls += 1
            self.retried += answer["ResponseMetadata"]["RetryAttempts"] > 0
            self.longest = max(self.longest, time.monotonic() - begun)
        return answer

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive()

    def doubled(self):
        """Streams whose events are not exactly those of the calls that were made."""
        wanted = {"CreateStream": 1, "UpdateDataRetention": STEPS_HOURS, "TagStream": STEPS_HOURS, "DeleteStream": 1}
        counts = {}
        counted = "SELECT resource_arn, type, count(*) FROM event WHERE type <> 'StreamStatusChange' GROUP BY 1, 2"
        for line in self._stack.postgres.sql(counted).splitlines():
            arn, kind, count = line.split("|")
            counts.setdefault(arn, {})[kind] = int(count)
        return [f"{name}: {counts.get(arn)}" for name, arn in self.made.items() if counts.get(arn) != wanted]


def kill_one_after_the_other(stack, seconds, seed, every=2.0):
    """Kills an instance every two seconds and starts it again at once; returns how often."""
    chance = random.Random(f"{seed}-kills")
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        due = time.monotonic() + every
        instance = chance.choice(stack.instances)
        instance.kill()
        instance.start()
        instance.wait_until_ready()
        count += 1
        time.sleep(max(due - time.monotonic(), 0))
    return count


class Asker:
    """A client without retries of its own that asks all the time and keeps every answer but success."""

    def __init__(self, stack, folder):
        history = History(folder / "asker.jsonl")
        self._stop = threading.Event()
        self.count = 0
        self.failed = []
        self._thread = threading.Thread(target=self._run, args=(stack, history), daemon=True)
        self._thread.start()

    def _run(self, stack, history):
        client = Client(stack.port, stack.key, history, "asker", STANDARD, "0")
        while not self._stop.is_set():
            self.count += 1
            name = f"asked-{self.count:06}"
            for operation, body in [("CreateStream", {"StreamName": name}), ("DescribeStream", {"StreamName": name})]:
                attempt = client.once(operation, body)
                if attempt[0] != 200:
                    self.failed.append((time.monotonic(), operation, *attempt[:2]))
                    break
        client.close()
        history.close()

    def stop(self):
        self._stop.set()
        self._thread.join(60)


def replace_one_after_the_other(stack):
    """Every instance is asked to end and is started again, as an upgrade does; returns the codes that they ended with."""
    codes = []
    for instance in stack.instances:
        codes.append(instance.terminate())
        instance.start()
        stack.wait_until_ready()
    return codes
