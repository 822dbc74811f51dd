"""Who may call: the signature layer's refusals, their texts and their lower-case member `message`."""

import datetime
import re

import botocore.exceptions
import pytest

from deployment import ACCOUNT, read_credentials, run_weir, until
from signing import Credentials, exchange, request_bytes

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)
UNKNOWN = "The security token included in the request is invalid."


def refused(answer, error, message=None):
    assert (answer.status, answer.error) == (403, error), answer.body
    assert list(answer.json) == ["message"]
    assert message is None or answer.json["message"] == message
    assert answer.headers["Content-Type"] == "application/json"
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-amzn-RequestId"]) and answer.headers["Date"]
    return answer.json["message"]


def with_key(server, access_key=None, secret_key=None, token=None):
    known = server.credentials
    return server.sender(Credentials(access_key or known.access_key, secret_key or known.secret_key, token))


def test_wrong_secret(server):
    with with_key(server, secret_key="x" * 40) as sender:
        refused(sender.call("/listStreams"), "InvalidSignatureException", MISMATCH)


@pytest.mark.parametrize("key", ["AKIAUNKNOWNUNKNOWN00", "x", "' OR 1=1 --".replace(" ", "_"), "AKIA" * 32])
def test_unknown_key(server, key):
    with with_key(server, access_key=key) as sender:
        refused(sender.call("/listStreams"), "UnrecognizedClientException", UNKNOWN)


def test_the_case_of_a_key_counts(server):
    with with_key(server, access_key=server.credentials.access_key.lower()) as sender:
        refused(sender.call("/listStreams"), "UnrecognizedClientException", UNKNOWN)


def test_boto3_shows_the_refusal(server):
    client = server.client(Credentials(server.credentials.access_key, "x" * 40))
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        client.list_streams()
    assert raised.value.response["Error"]["Code"] == "InvalidSignatureException"
    assert raised.value.response["Error"]["Message"] == MISMATCH
    client.close()


def time_of(text):
    return datetime.datetime.strptime(text, "%Y%m%dT%H%M%SZ")


def test_a_clock_that_is_behind(sender):
    message = refused(sender.call("/listStreams", shift=-360), "InvalidSignatureException")
    signed, bound, now = re.fullmatch(r"Signature expired: (\w+) is now earlier than (\w+) \((\w+) - 5 min\.\)", message).groups()
    assert time_of(now) - time_of(bound) == datetime.timedelta(minutes=5)
    assert datetime.timedelta(seconds=359) <= time_of(now) - time_of(signed) <= datetime.timedelta(seconds=365)


def test_a_clock_that_is_ahead(sender):
    message = refused(sender.call("/listStreams", shift=360), "InvalidSignatureException")
    signed, bound, now = re.fullmatch(r"Signature not yet current: (\w+) is still later than (\w+) \((\w+) \+ 5 min\.\)", message).groups()
    assert time_of(bound) - time_of(now) == datetime.timedelta(minutes=5)
    assert datetime.timedelta(seconds=355) <= time_of(signed) - time_of(now) <= datetime.timedelta(seconds=361)


@pytest.mark.parametrize("shift", [-290, 290])
def test_a_clock_that_is_off_by_less_than_five_minutes(sender, shift):
    assert sender.call("/listStreams", shift=shift).status == 200


def test_the_date_header_corrects_a_clock(sender):
    """What SDKs do after a refusal for the date."""
    answer = sender.call("/listStreams", shift=-3600)
    date = datetime.datetime.strptime(answer.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=datetime.timezone.utc)
    correction = (date - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    assert sender.call("/listStreams", shift=correction).status == 200


@pytest.mark.parametrize("change", ["body", "path", "query", "header", "date", "region", "hash"])
def test_what_is_changed_after_signing(sender, change):
    method, target, headers, body = sender.signed("/listStreams", {"MaxResults": 5}, {"X-Amz-Meta": "a"})
    assert sender.send(method, target, headers, body).status == 200
    match change:
        case "body":
            body = body.replace(b"5", b"6")
        case "path":
            target = "/describeStream"
        case "query":
            target += "?a=b"
        case "header":
            headers["X-Amz-Meta"] = "b"
        case "date":
            date = headers["X-Amz-Date"]
            headers["X-Amz-Date"] = date[:-2] + ("0Z" if date[-2] != "0" else "1Z")
        case "region":
            headers["Authorization"] = headers["Authorization"].replace("us-east-1", "us-east-2")
        case "hash":
            headers["X-Amz-Content-SHA256"] = "0" * 64
    refused(sender.send(method, target, headers, body), "InvalidSignatureException", MISMATCH)


def test_a_host_that_is_changed_after_signing(server, sender):
    """A port more or less may come from a client's library; another name may not."""
    method, target, headers, body = sender.signed("/listStreams")
    for host in ("localhost", f"localhost:{server.port}", "127.0.0.2", f"127.0.0.1.example:{server.port}", "127.0.0.1:1"):
        refused(sender.send(method, target, headers | {"Host": host}, body), "InvalidSignatureException", MISMATCH)


def test_a_header_that_is_added_after_signing(sender):
    """One that a call acts upon must be signed; others change nothing."""
    body = b""
    for name, value in (
        ("x-amzn-stream-name", "gate"), ("x-amzn-stream-arn", f"arn:aws:kinesisvideo:us-east-1:{ACCOUNT}:stream/gate/1"),
        ("X-Amzn-Fragment-Timecode-Type", "ABSOLUTE"), ("x-amzn-producer-start-timestamp", "1"),
    ):
        method, target, headers, _ = sender.signed("/putMedia", body, {})
        message = refused(sender.send(method, target, headers | {name: value}, body), "InvalidSignatureException")
        assert f"'{name.lower()}'" in message and "SignedHeader" in message
        # Also where there is one already that was signed.
        method, target, headers, _ = sender.signed("/putMedia", body, {name: value})
        raw = request_bytes(method, target, headers, body)
        assert exchange(sender.port, raw).status in (400, 404)
        refused(exchange(sender.port, raw.replace(b"Host:", f"{name}: other\r\nHost:".encode(), 1)), "InvalidSignatureException", MISMATCH)
    method, target, headers, body = sender.signed("/listStreams")
    assert sender.send(method, target, headers | {"X-Meta": "a"}, body).status == 200


def test_a_token_that_is_added_after_signing(sender):
    method, target, headers, body = sender.signed("/listStreams")
    for token in ("x", "A" * 1000):
        refused(sender.send(method, target, headers | {"X-Amz-Security-Token": token}, body), "UnrecognizedClientException", UNKNOWN)


def test_each_digit_of_the_signature_counts(sender):
    method, target, headers, body = sender.signed("/listStreams")
    signature = headers["Authorization"].rsplit("=", 1)[1]
    for index in range(64):
        digit = "0" if signature[index] != "0" else "1"
        wrong = headers | {"Authorization": headers["Authorization"].replace(signature, signature[:index] + digit + signature[index + 1:])}
        refused(sender.send(method, target, wrong, body), "InvalidSignatureException", MISMATCH)
    for other in ("", signature[:-1], signature + "0", signature.upper(), "g" * 64):
        wrong = headers | {"Authorization": headers["Authorization"].replace(signature, other)}
        answer = sender.send(method, target, wrong, body)
        assert answer.status == 403 and list(answer.json) == ["message"]


def test_no_signature(server, sender):
    refused(sender.send("POST", "/listStreams", {"Host": sender.host}), "MissingAuthenticationTokenException", "Missing Authentication Token")
    basic = {"Host": sender.host, "Authorization": "Basic YTpi"}
    refused(sender.send("POST", "/listStreams", basic), "MissingAuthenticationTokenException")


@pytest.mark.parametrize("part, replacement", [
    ("Credential=", "Kredential="),
    ("SignedHeaders=", "Other="),
    ("Signature=", "Signatur="),
    ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"),
    ("/kinesisvideo/aws4_request", "/aws4_request"),
    ("host;", ""),
])
def test_incomplete_signature(sender, part, replacement):
    method, target, headers, body = sender.signed("/listStreams")
    assert part in headers["Authorization"]
    headers["Authorization"] = headers["Authorization"].replace(part, replacement)
    refused(sender.send(method, target, headers, body), "IncompleteSignatureException")


def test_no_date(sender):
    method, target, headers, body = sender.signed("/listStreams")
    del headers["X-Amz-Date"]
    refused(sender.send(method, target, headers, body), "IncompleteSignatureException")
    refused(sender.send(method, target, headers | {"X-Amz-Date": "yesterday"}, body), "IncompleteSignatureException")


def test_scope_of_another_service_day_or_terminator(server):
    sender = server.sender()
    sender.service = "kinesis"
    with sender:
        message = refused(sender.call("/listStreams"), "InvalidSignatureException")
        assert message == "Credential should be scoped to correct service: 'kinesisvideo'."
    with server.sender() as sender:
        method, target, headers, body = sender.signed("/listStreams")
        today = headers["X-Amz-Date"][:8]
        authorization = headers["Authorization"]
        message = refused(
            sender.send(method, target, headers | {"Authorization": authorization.replace(f"/{today}/", "/20200101/")}, body),
            "InvalidSignatureException")
        assert "Date in Credential scope does not match" in message
        message = refused(
            sender.send(method, target, headers | {"Authorization": authorization.replace("aws4_request", "aws3_request")}, body),
            "InvalidSignatureException")
        assert "aws4_request" in message


@pytest.mark.parametrize("region", ["US-EAST-1", "x" * 33, "us_east_1"])
def test_a_region_that_looks_like_none(server, region):
    with server.sender(region=region) as sender:
        refused(sender.call("/listStreams"), "InvalidSignatureException", "Credential should be scoped to a valid region.")


def test_a_presigned_request(sender):
    method, target, headers, body = sender.signed("/listStreams", {"MaxResults": 1}, query=True)
    assert "X-Amz-Signature=" in target and "Authorization" not in headers
    assert sender.send(method, target, headers, body).status == 200
    refused(sender.send(method, target, headers, b'{"MaxResults": 2}'), "InvalidSignatureException", MISMATCH)
    refused(sender.send(method, target.replace("X-Amz-Expires=3600", "X-Amz-Expires=3601"), headers, body), "InvalidSignatureException", MISMATCH)
    # Good for as long as it says: an hour here.
    assert sender.call("/listStreams", query=True, shift=-3500).status == 200
    message = refused(sender.call("/listStreams", query=True, shift=-3700), "InvalidSignatureException")
    assert message.startswith("Signature expired: ")
    message = refused(sender.call("/listStreams", query=True, shift=360), "InvalidSignatureException")
    assert message.startswith("Signature not yet current: ")


def test_signed_twice(sender):
    method, target, headers, body = sender.signed("/listStreams", query=True)
    _, _, signed, _ = sender.signed("/listStreams")
    refused(sender.send(method, target, headers | signed, body), "InvalidSignatureException")


def test_signatures_come_before_everything_that_tells_something(sender):
    """Nobody learns of paths, methods, bodies or streams without a key."""
    for method, target, body in (("POST", "/nowhere", b""), ("GET", "/describeStream", b""), ("POST", "/createStream", b"{"), ("DELETE", "/", b"")):
        answer = sender.send(method, target, {"Host": sender.host}, body)
        refused(answer, "MissingAuthenticationTokenException")


def test_header_names_in_any_case(sender):
    method, target, headers, body = sender.signed("/listStreams")
    for change in (str.upper, str.lower):
        assert sender.send(method, target, {change(name): value for name, value in headers.items()}, body).status == 200


def test_host_signed_without_the_port(server):
    sender = server.sender()
    sender.host = "127.0.0.1"
    method, target, headers, body = sender.signed("/listStreams")
    headers["Host"] = f"127.0.0.1:{server.port}"
    raw = request_bytes(method, target, headers, body)
    assert exchange(server.port, raw).status == 200


def test_keys_are_made_listed_and_disabled(deployments):
    """While the server runs; a disabled key signs nothing more after five seconds."""
    server = deployments.server()
    flags = ["--data-dir", server.folder, *server.database.flags]
    made = run_weir("keys", "create", *flags)
    assert made.returncode == 0, made.stderr
    second = read_credentials(made.stdout, f"weir-{ACCOUNT}")
    first = server.credentials
    listed = run_weir("keys", "list", *flags)
    assert listed.returncode == 0, listed.stderr
    assert re.match(r"ID +ACCOUNT +STATUS +USER +CREATED +ENDS +DESCRIPTION\n", listed.stdout)
    for key in (first, second):
        assert re.search(rf"^{key.access_key}  {ACCOUNT}  ACTIVE ", listed.stdout, re.MULTILINE)
        assert key.secret_key not in listed.stdout + listed.stderr
    with server.sender(second) as sender, server.sender(first) as other:
        assert sender.call("/listStreams").status == 200
        done = run_weir("keys", "disable", second.access_key, *flags)
        assert done.returncode == 0, done.stderr
        refusal = until(lambda: (lambda answer: answer if answer.status == 403 else None)(sender.call("/listStreams")), "refused", deadline=7)
        refused(refusal, "UnrecognizedClientException", UNKNOWN)
        assert other.call("/listStreams").status == 200
    assert f"{second.access_key}  {ACCOUNT}  DISABLED" in run_weir("keys", "list", *flags).stdout
    done = run_weir("keys", "disable", "AKIANOBODY", *flags)
    assert done.returncode != 0 and "AKIANOBODY" in done.stderr


def test_the_first_key_is_not_made_again(deployments):
    server = deployments.server()
    credentials = server.credentials_file.read_text()
    server.terminate()
    server.credentials_file.unlink()
    server = deployments.again(server)
    assert not server.credentials_file.exists()
    server.credentials_file.write_text(credentials)
    with server.sender() as sender:
        assert sender.call("/listStreams").status == 200


def test_without_authentication(deployments):
    server = deployments.server("--auth", "none", "--account", "000000000001", "--region", "eu-north-1")
    assert not server.credentials_file.exists()
    sender = server.sender(Credentials("any", "any"))
    with sender:
        answer = sender.send("POST", "/createStream", {"Host": sender.host}, b'{"StreamName":"open"}')
        assert answer.status == 200
        assert answer.json["StreamARN"].startswith("arn:aws:kinesisvideo:eu-north-1:000000000001:stream/open/")
        # A signature is not looked at.
        assert sender.call("/listStreams").status == 200
