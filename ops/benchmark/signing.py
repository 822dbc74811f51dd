"""Signed requests in volume: the bytes an AWS SDK sends, made about ten times as fast as botocore makes them."""

import hashlib
import hmac
import json
import random
import time
from datetime import datetime, timezone

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SERVICE = "kinesisvideo"
USER_AGENT = (
    "Boto3/1.43.11 md/Botocore#1.43.11 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.11.7 md/pyimpl#CPython "
    "m/N,b,n,D,Z cfg/retry-mode#legacy Botocore/1.43.11"
)


class Signer:
    """Signs with one key for one host. A request is good for five minutes from the moment it was signed."""

    def __init__(self, key_id: str, secret: str, region: str, port: int):
        self.key_id, self.secret, self.region, self.port = key_id, secret, region, port
        self.host = f"127.0.0.1:{port}"

    def _signing_key(self, day: str) -> bytes:
        key = ("AWS4" + self.secret).encode()
        for part in (day, self.region, SERVICE, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key

    def requests(self, path: str, bodies: list[bytes], times: list[float] | None = None) -> list[bytes]:
        """A request for each body, signed at the time in seconds that stands beside it, or now."""
        now = time.time()
        signing_keys: dict[str, bytes] = {}
        stamps: dict[int, str] = {}
        made = []
        for index, body in enumerate(bodies):
            second = int(times[index] if times else now)
            stamp = stamps.get(second)
            if stamp is None:
                stamp = stamps[second] = datetime.fromtimestamp(second, timezone.utc).strftime("%Y%m%dT%H%M%SZ")
            day = stamp[:8]
            key = signing_keys.get(day)
            if key is None:
                key = signing_keys[day] = self._signing_key(day)
            canonical = (
                f"POST\n{path}\n\ncontent-type:application/json\nhost:{self.host}\nx-amz-date:{stamp}\n\n"
                f"content-type;host;x-amz-date\n{hashlib.sha256(body).hexdigest()}"
            )
            scope = f"{day}/{self.region}/{SERVICE}/aws4_request"
            text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
            signature = hmac.digest(key, text.encode(), "sha256").hex()
            call = f"{random.getrandbits(128):032x}"
            made.append(
                (
                    f"POST {path} HTTP/1.1\r\nHost: {self.host}\r\nAccept-Encoding: identity\r\nContent-Type: application/json\r\n"
                    f"User-Agent: {USER_AGENT}\r\nX-Amz-Date: {stamp}\r\n"
                    f"Authorization: AWS4-HMAC-SHA256 Credential={self.key_id}/{scope}, "
                    f"SignedHeaders=content-type;host;x-amz-date, Signature={signature}\r\n"
                    f"amz-sdk-invocation-id: {call[:8]}-{call[8:12]}-{call[12:16]}-{call[16:20]}-{call[20:]}\r\n"
                    f"amz-sdk-request: attempt=1\r\nContent-Length: {len(body)}\r\n\r\n"
                ).encode()
                + body
            )
        return made

    def check(self) -> None:
        """Compares a few signatures with those of botocore; raises where one differs."""
        auth = SigV4Auth(Credentials(self.key_id, self.secret), SERVICE, self.region)
        bodies = [b"{}", json.dumps({"StreamName": "a-b_c.d"}).encode(), json.dumps({"Tags": {"ü": "ß " * 40}}).encode()]
        for path in ("/createStream", "/listStreams"):
            for body, request in zip(bodies, self.requests(path, bodies)):
                head = dict(line.split(": ", 1) for line in request.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:])
                theirs = AWSRequest(
                    "POST", f"http://{self.host}{path}", data=body,
                    headers={"Content-Type": "application/json", "X-Amz-Date": head["X-Amz-Date"]},
                )
                theirs.context["timestamp"] = head["X-Amz-Date"]
                expected = auth.signature(auth.string_to_sign(theirs, auth.canonical_request(theirs)), theirs)
                if not head["Authorization"].endswith("Signature=" + expected):
                    raise AssertionError(f"the signature of {path} {body!r} is not botocore's")
