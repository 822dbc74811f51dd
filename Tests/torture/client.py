"""Calls as the AWS SDKs make them, each kept in a history with every attempt and what came of it."""

import http.client
import json
import random
import socket
import sys
import threading
import time
import uuid
from pathlib import Path

import botocore.session

sys.path.append(str(Path(__file__).resolve().parent.parent / "sdk"))
from signing import Credentials, Sender  # noqa: E402

from stack import REGION  # noqa: E402

_MODEL = botocore.session.get_session().get_service_model("kinesisvideo")
PATHS = {name: _MODEL.operation_model(name).http["requestUri"] for name in _MODEL.operation_names} | {
    name: f"/edgeAgent/{name[0].lower()}{name[1:]}"
    for name in ("FetchEdgeConfigurations", "AcknowledgeEdgeConfiguration", "ReportEdgeConfigurationResult", "ReportEdgeAgentStatus")
}
# Longer than HAProxy waits for an instance, as it is for every SDK.
READ_TIMEOUT = 40.0
RETRIED_STATUS = {500, 502, 503, 504}
RETRIED_CODES = {"ThrottlingException", "RequestTimeoutException"}


class Policy:
    """How often a call is made again, and how long is waited before."""

    def __init__(self, name, attempts, longest_pause):
        self.name, self.attempts, self.longest_pause = name, attempts, longest_pause

    def pause(self, retry, chance):
        return chance.random() * min(2 ** retry, self.longest_pause)


# The standard mode of the AWS SDKs, with their default of three attempts (their longest pause of 20 s is not reached with those).
STANDARD = Policy("standard", 3, 20.0)
# A client that is configured to wait out a failover.
PATIENT = Policy("patient", 15, 3.0)


class History:
    """A file of what happened, one JSON object in each line, in the order in which it was over. Any thread may add to it."""

    def __init__(self, path):
        self.path = Path(path)
        self._file = self.path.open("a")
        self._lock = threading.Lock()
        self._count = 0
        self.succeeded_at = time.monotonic()

    def number(self):
        with self._lock:
            self._count += 1
            return self._count

    def add(self, **entry):
        line = json.dumps(entry, separators=(",", ":"))
        with self._lock:
            self._file.write(line + "\n")

    def close(self):
        self._file.close()

    @staticmethod
    def read(path):
        with Path(path).open() as lines:
            return [json.loads(line) for line in lines]


class Answer:
    """How a call ended. outcome: `ok`, `refused` (it has had no effect and will have none), or `unknown`."""

    def __init__(self, outcome, code, body):
        self.outcome, self.code, self.body = outcome, code, body

    @property
    def is_ok(self):
        return self.outcome == "ok"


class Client:
    """One client with one kept connection; for one thread. One that is `forgetful` makes each attempt as if it were another call."""

    def __init__(self, port, key, history, name, policy, seed, forgetful=False):
        self._forgetful = forgetful
        self._sender = Sender(port, Credentials(*key), REGION)
        self._port, self._history, self.name, self._policy = port, history, name, policy
        self._chance = random.Random(f"{seed}-{name}")
        self._connection = None

    def call(self, operation, body, **facts):
        """Makes a call, again where that may help. `facts` go into the history with it."""
        number = self._history.number()
        invocation = str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
        payload = json.dumps(body).encode()
        attempts = []
        answer = None
        start = time.monotonic()
        for retry in range(self._policy.attempts):
            if retry:
                time.sleep(self._policy.pause(retry - 1, self._chance))
            if retry and self._forgetful:
                invocation = str(uuid.uuid4())
            begun = time.monotonic()
            status, code, request_id, answer = self._attempt(operation, payload, invocation, retry)
            attempts.append([begun, time.monotonic(), status, code, request_id])
            if status and status not in RETRIED_STATUS and code not in RETRIED_CODES:
                break
        end = time.monotonic()
        if status == 200:
            outcome = "ok"
        elif status and 400 <= status < 500 and all(is_without_effect(attempt) for attempt in attempts):
            outcome = "refused"
        else:
            # An attempt that got no answer may yet be worked on, even where a later one was refused.
            outcome = "unknown"
        self._history.add(
            kind="call", id=number, client=self.name, operation=operation, body=body, invocation=invocation, attempts=attempts, start=start,
            end=end, outcome=outcome, code=code, answer=answer, **facts)
        return Answer(outcome, code, answer)

    def once(self, operation, body):
        """A single attempt, of which the history hears nothing: status, error code, request id and body."""
        return self._attempt(operation, json.dumps(body).encode(), str(uuid.uuid4()), 0)

    def _attempt(self, operation, payload, invocation, retry):
        """Status, error code, request id and body of one attempt; status 0 where no answer came, code `unsent` where nothing was sent."""
        headers = {
            "Content-Type": "application/json", "amz-sdk-invocation-id": invocation,
            "amz-sdk-request": f"attempt={retry + 1}; max={self._policy.attempts}"}
        method, target, headers, payload = self._sender.signed(PATHS[operation], payload, headers)
        try:
            if not self._connection:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=READ_TIMEOUT)
                self._connection.connect()
                self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            self.close()
            return 0, "unsent", None, None
        try:
            self._connection.request(method, target, payload, headers)
            response = self._connection.getresponse()
            text = response.read()
            if response.will_close:
                self.close()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return 0, type(error).__name__, None, None
        request_id = response.getheader("x-amzn-RequestId")
        code = (response.getheader("x-amzn-ErrorType") or "").split(":")[0]
        try:
            return response.status, code, request_id, json.loads(text) if text else {}
        except ValueError:
            return response.status, code or "unreadable", request_id, {"text": text[:200].decode("latin-1")}

    def close(self):
        if self._connection:
            self._connection.close()
            self._connection = None


def is_without_effect(attempt):
    """Whether an attempt, as it stands in a history, changed nothing and will change nothing: it was refused, or was never sent."""
    _, _, status, code, _ = attempt
    return 400 <= status < 500 or code == "unsent"
