"""Devices: certificates by `weir things`, temporary credentials for them as AWS IoT's credential provider gives them, and what these may do."""

import datetime
import http.client
import json
import socket
import ssl
import subprocess
import threading
import warnings

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from calls import wait_active
from certificates import Authority
from deployment import ACCOUNT, DEADLINE, REGION, run_weir, until
from media import Producer, cluster, events, head, now_ms
from signing import Credentials, read_response

TRUST = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "credentials.iot.amazonaws.com"}}}
# The guide's: "Controlling access to Kinesis Video Streams resources using AWS IoT".
GUIDE = {"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow",
    "Action": ["kinesisvideo:DescribeStream", "kinesisvideo:PutMedia", "kinesisvideo:TagStream", "kinesisvideo:GetDataEndpoint"],
    "Resource": "arn:aws:kinesisvideo:*:*:stream/${credentials-iot:ThingName}/*"}]}


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


class Fleet:
    """A server that devices come to, with an authority and a role `cameras` of the alias `camera`."""

    def __init__(self, deployments, tls, folder, *flags):
        certificate, key = tls.sign("server")
        self.tls, self.folder = tls, folder
        self.server = deployments.server("--tls-certificate", certificate, "--tls-key", key, "--device-bind", "127.0.0.1:0", *flags)
        self.port = int(self.server.logged(r"listening for devices on https://127\.0\.0\.1:(\d+)")[1])
        self.authority = self.weir("things", "authority", "create")
        self.server.logged("the authorities of devices are others now")
        self.role("cameras", TRUST, GUIDE)
        self.weir("roles", "alias", "cameras", "camera", "--lifetime", "15m")

    def weir(self, *words):
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, *words):
        return run_weir(*words, "--data-dir", self.server.folder, *self.server.database.flags)

    def role(self, name, trust, policy):
        for file, document in ((f"{name}-trust.json", trust), (f"{name}.json", policy)):
            (self.folder / file).write_text(json.dumps(document))
        self.weir("policy", "put", name, self.folder / f"{name}.json")
        self.weir("roles", "create", name, "--trust", self.folder / f"{name}-trust.json", "--policy", name)

    def certify(self, name, *flags, folder="."):
        """Makes the files of a device; returns them, and the serial number."""
        output = self.folder / folder
        output.mkdir(exist_ok=True)
        told = self.weir("things", "certificate", name, "--output", output, *flags)
        return output / f"{name}.pem", output / f"{name}.key", told.split("serial number ")[1].split(",")[0]

    def connect(self, pair=None):
        context = ssl.create_default_context(cafile=self.tls.file)
        if pair:
            context.load_cert_chain(*pair[:2])
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=DEADLINE, context=context)

    def ask(self, pair, alias="camera", thing=None, method="GET", path=None, connection=None):
        """Asks as a device does; returns status, headers and the document."""
        connection = connection or self.connect(pair)
        try:
            connection.request(method, path or f"/role-aliases/{alias}/credentials", headers={"x-amzn-iot-thingname": thing} if thing else {})
            answer = connection.getresponse()
            return answer.status, answer.headers, json.loads(answer.read())
        finally:
            connection.close()

    def refused(self, *arguments, **options):
        """Status, type and message of a refusal."""
        status, headers, document = self.ask(*arguments, **options)
        assert list(document) == ["message"] and headers["x-amzn-RequestId"]
        return status, headers["x-amzn-ErrorType"], document["message"]

    def credentials(self, *arguments, **options):
        status, headers, document = self.ask(*arguments, **options)
        assert status == 200 and headers["Content-Type"] == "application/json", document
        given = document["credentials"]
        assert list(document) == ["credentials"] and list(given) == ["accessKeyId", "secretAccessKey", "sessionToken", "expiration"]
        return Credentials(given["accessKeyId"], given["secretAccessKey"], given["sessionToken"]), given

    def client(self, credentials):
        return boto3.Session().client(
            "kinesisvideo", endpoint_url=self.server.endpoint, region_name=REGION, aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key, aws_session_token=credentials.token, verify=str(self.tls.file),
            config=Config(retries={"total_max_attempts": 1}))

    def send(self, credentials, stream):
        """Sends a fragment; returns what becomes of it, or the refusal."""
        context = ssl.create_default_context(cafile=self.tls.file)
        with Producer(
            self.server, stream, credentials=credentials, context=context, headers={"x-amz-security-token": credentials.token}
        ) as producer:
            if producer.status != 200:
                return producer.error[0].split(":")[0]
            producer.send(head(), cluster(now_ms())).end()
            producer.rest()
            return [kind for kind, _ in events(producer)]


INVALID = (403, "AccessDeniedException", "Certificate is invalid on this endpoint")
UNABLE = "Unable to assume the role, or the role to assume does not exist"


@pytest.fixture
def fleet(deployments, tls, tmp_path):
    return Fleet(deployments, tls, tmp_path)


def test_a_camera_sends_its_own_stream_and_nothing_else(fleet):
    owner = fleet.server.client(verify=str(fleet.tls.file))
    for name in ("gate-7", "gate-8"):
        fleet.weir("things", "create", name)
        owner.create_stream(StreamName=name, DataRetentionInHours=1)
        wait_active(owner, name)
    pair = fleet.certify("gate-7")
    credentials, given = fleet.credentials(pair, thing="gate-7")
    left = datetime.datetime.fromisoformat(given["expiration"]) - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(minutes=14) < left <= datetime.timedelta(minutes=15) and given["expiration"].endswith("Z")
    assert credentials.access_key.startswith("ASIA")

    own = fleet.client(credentials)
    assert own.describe_stream(StreamName="gate-7")["StreamInfo"]["Status"] == "ACTIVE"
    assert fleet.send(credentials, "gate-7") == ["BUFFERING", "RECEIVED", "PERSISTED"]
    assert fleet.send(credentials, "gate-8") == "AccessDeniedException"
    for call in (lambda: own.describe_stream(StreamName="gate-8"), own.list_streams, lambda: own.delete_stream(StreamARN=arn(owner, "gate-7"))):
        with pytest.raises(ClientError) as error:
            call()
        assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    # The certificate of one is not that of another, whatever it calls itself; its key alone is nothing.
    assert fleet.refused(pair, thing="gate-8") == (403, "AccessDeniedException", "Invalid thing name passed")
    twice = fleet.connect(pair)
    twice.putrequest("GET", "/role-aliases/camera/credentials")
    for name in ("gate-7", "gate-8"):
        twice.putheader("x-amzn-iot-thingname", name)
    twice.endheaders()
    assert twice.getresponse().status == 403
    twice.close()
    # Without the header the device is the one of its certificate.
    named, _ = fleet.credentials(pair)
    assert fleet.client(named).describe_stream(StreamName="gate-7")
    assert not [secret for secret in (credentials.secret_key, credentials.token) if secret in fleet.server.log]
    assert "operation=AssumeRoleWithCertificate" in fleet.server.log


def arn(client, name):
    return client.describe_stream(StreamName=name)["StreamInfo"]["StreamARN"]


def test_curl_gets_credentials_as_the_guide_says(fleet):
    fleet.weir("things", "create", "door")
    certificate, key, _ = fleet.certify("door")
    done = subprocess.run(
        ["curl", "-sS", "--cert", certificate, "--key", key, "-H", "x-amzn-iot-thingname: door", "--cacert", fleet.tls.file,
         f"https://127.0.0.1:{fleet.port}/role-aliases/camera/credentials"], capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0 and json.loads(done.stdout)["credentials"]["accessKeyId"].startswith("ASIA"), done.stderr


def test_certificates_are_what_openssl_takes_for_a_clients(fleet, tmp_path):
    fleet.weir("things", "create", "door")
    certificate, key, serial = fleet.certify("door")
    (tmp_path / "ca.pem").write_text(fleet.authority)

    def openssl(*words):
        done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, timeout=DEADLINE)
        return done.returncode, done.stdout.strip()

    assert openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", tmp_path / "ca.pem", certificate)[0] == 0
    assert openssl("verify", "-purpose", "sslserver", "-CAfile", tmp_path / "ca.pem", certificate)[0] != 0
    assert openssl("x509", "-in", certificate, "-noout", "-serial", "-subject") == (0, f"serial={serial}\nsubject=CN = door")
    assert openssl("x509", "-in", certificate, "-noout", "-pubkey")[1] == openssl("pkey", "-in", key, "-pubout")[1]
    assert [path.stat().st_mode & 0o777 for path in (certificate, key)] == [0o600, 0o600]
    # Nothing is written over, and a device must be there.
    assert "is there already" in fleet.run("things", "certificate", "door", "--output", tmp_path).stderr
    assert "no thing absent" in fleet.run("things", "certificate", "absent", "--output", tmp_path).stderr
    assert "already" in fleet.run("things", "create", "door").stderr
    assert "letters" in fleet.run("things", "create", "*").stderr
    assert "no certificate" in fleet.run("things", "revoke", "01").stderr
    assert fleet.authority == fleet.weir("things", "authority", "show")
    listed = fleet.weir("things", "list")
    assert serial in listed and "ACTIVE" in listed and ACCOUNT in listed


def handshake_fails(fleet, pair):
    """Whether TLS ends before anything is answered."""
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        fleet.ask(pair, thing="door")
    return True


def test_what_devices_get_and_are_refused_is_in_the_audit_log(deployments, tls, tmp_path):
    fleet = Fleet(deployments, tls, tmp_path, "--audit", "both")
    fleet.weir("things", "create", "door")
    pair = fleet.certify("door")
    _, given = fleet.credentials(pair, thing="door")
    fleet.refused(pair, thing="gate")
    fleet.refused(pair, alias="absent")
    fleet.weir("things", "revoke", pair[2])
    fleet.refused(pair, thing="door")
    for sink in ("file", "table"):
        asked = fleet.weir("audit", "query", "--event", "AssumeRoleWithCertificate", "--audit", sink)
        records = [json.loads(line) for line in asked.splitlines()]
        assert [record.get("errorMessage") for record in records] == [None, "Invalid thing name passed", "Role alias does not exist", INVALID[2]]
        for record in records:
            identity = record["userIdentity"]
            assert (record["eventSource"], record["eventType"], record["readOnly"]) == ("sts.amazonaws.com", "AwsServiceEvent", True)
            assert (identity["type"], identity["invokedBy"]) == ("AWSService", "credentials.iot.amazonaws.com")
            assert record["sourceIPAddress"] == "127.0.0.1" and record["requestID"]
            # Of the last one nothing is known but the certificate.
            assert len(identity["principalId"]) == 64 and identity["principalId"] == records[0]["userIdentity"]["principalId"]
        for record in records[:3]:
            assert (record["userIdentity"]["accountId"], record["userIdentity"]["userName"], record["recipientAccountId"]) == (ACCOUNT, "door", ACCOUNT)
        assert "accountId" not in records[3]["userIdentity"] and records[3]["errorCode"] == "AccessDeniedException"
        assert [record["requestParameters"] for record in records[:3]] == [
            {"roleAlias": "camera", "thingName": "door"}, {"roleAlias": "camera", "thingName": "gate"}, {"roleAlias": "absent"}]
        assert records[0]["responseElements"] == {"credentials": {"accessKeyId": given["accessKeyId"], "expiration": given["expiration"]}}
        assert records[0]["resources"] == [{"ARN": f"arn:aws:iam::{ACCOUNT}:role/cameras"}]
        assert [record["responseElements"] for record in records[1:]] == [None] * 3
        assert given["secretAccessKey"] not in asked and given["sessionToken"] not in asked
    assert "0 faults" in fleet.weir("audit", "verify", "--audit", "both")
    assert fleet.weir("audit", "query", "--principal", "thing/door", "--audit", "table").count("AssumeRoleWithCertificate") == 3


def test_who_has_no_certificate_of_the_deployment_is_not_heard(fleet, tls, tmp_path):
    fleet.weir("things", "create", "door")
    assert handshake_fails(fleet, None)
    # Another authority's, with the name of a device; and one that came to its end.
    assert handshake_fails(fleet, tls.sign("door"))
    assert handshake_fails(fleet, fleet.certify("door", "--expires-in", "0s", folder="ended"))
    # One made by hand with the name of the deployment's authority, but not its key.
    (tmp_path / "ca.pem").write_text(fleet.authority)
    name = subprocess.run(
        ["openssl", "x509", "-in", tmp_path / "ca.pem", "-noout", "-subject"], capture_output=True, text=True, timeout=DEADLINE).stdout
    forger = Authority(tmp_path, "/CN=" + name.strip().split("CN = ")[1])
    assert handshake_fails(fleet, forger.sign("door"))
    # TLS 1.1 is not spoken; 1.2 is.
    pair = fleet.certify("door", folder="good")
    for name, is_spoken in (("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)):
        context = ssl.create_default_context(cafile=tls.file)
        context.load_cert_chain(*pair[:2])
        with warnings.catch_warnings(action="ignore"):
            context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion[name]
        connection = http.client.HTTPSConnection("127.0.0.1", fleet.port, timeout=DEADLINE, context=context)
        if is_spoken:
            assert fleet.ask(pair, connection=connection)[0] == 200
        else:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                connection.connect()


def test_a_stolen_device_gets_nothing_from_five_seconds_on(fleet):
    owner = fleet.server.client(verify=str(fleet.tls.file))
    owner.create_stream(StreamName="door", DataRetentionInHours=1)
    fleet.weir("things", "create", "door")
    pair = fleet.certify("door")
    credentials, _ = fleet.credentials(pair, thing="door")
    # A connection that stays open from before.
    kept = fleet.connect(pair)
    kept.connect()
    fleet.client(credentials).describe_stream(StreamName="door")
    spelt = ":".join(pair[2][place:place + 2] for place in range(0, len(pair[2]), 2)).lower()
    fleet.weir("things", "revoke", spelt)
    assert fleet.refused(pair, thing="door") == INVALID
    assert fleet.refused(pair, thing="door", connection=kept) == INVALID

    # What it got before is refused too.
    def is_refused():
        try:
            fleet.client(credentials).describe_stream(StreamName="door")
        except ClientError as error:
            return error.response["Error"]["Code"] in ("UnrecognizedClientException", "ExpiredTokenException")

    until(is_refused, "credentials of before are refused", 10)
    assert "REVOKED" in fleet.weir("things", "list")
    # Its next certificate is good.
    assert fleet.ask(fleet.certify("door", folder="next"), thing="door")[0] == 200


def test_roles_that_a_device_cannot_have(fleet):
    fleet.weir("things", "create", "door")
    pair = fleet.certify("door")
    assert fleet.refused(pair, alias="absent") == (404, "ResourceNotFoundException", "Role alias does not exist")
    # No trust in devices, or in this one.
    account = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    conditional = TRUST["Statement"] | {"Condition": {"StringEquals": {"credentials-iot:ThingName": "gate"}}}
    for name, trust in (
        ("closed", TRUST | {"Statement": TRUST["Statement"] | {"Principal": account}}),
        ("denied", TRUST | {"Statement": [TRUST["Statement"], TRUST["Statement"] | {"Effect": "Deny"}]}),
        ("others", TRUST | {"Statement": conditional}),
    ):
        fleet.role(name, trust, GUIDE)
        fleet.weir("roles", "alias", name, name)
        status, _, message = fleet.refused(pair, alias=name)
        assert (status, message) == (400, UNABLE), name
    # A role that trusts this one by name.
    trusting = TRUST["Statement"] | {"Condition": {"StringEquals": {"credentials-iot:ThingName": "door"}}}
    fleet.role("own", TRUST | {"Statement": trusting}, GUIDE)
    fleet.weir("roles", "alias", "own", "own")
    assert fleet.ask(pair, alias="own")[0] == 200
    # Longer than the role allows.
    fleet.weir("roles", "alias", "own", "long", "--lifetime", "2h")
    status, _, message = fleet.refused(pair, alias="long")
    assert (status, message) == (400, "The requested CredentialDurationSeconds exceeds the MaxSessionDuration set for the role")
    # A role that goes takes its aliases along; what was made from it ends.
    credentials, _ = fleet.credentials(pair, alias="own")
    fleet.weir("roles", "delete", "own")
    assert fleet.refused(pair, alias="own")[0] == 404

    def is_refused():
        try:
            fleet.client(credentials).describe_stream(StreamName="door")
        except ClientError as error:
            return error.response["Error"]["Code"] not in ("AccessDeniedException", "ResourceNotFoundException")

    until(is_refused, "credentials of the role are refused", 10)


def test_names_of_things(fleet):
    """A device's name is its session's too, which has 64 characters."""
    long = "a:_-Z" + "9" * 59
    fleet.weir("things", "create", long)
    credentials, _ = fleet.credentials(fleet.certify(long), thing=long)
    with pytest.raises(ClientError, match=f"assumed-role/cameras/{long} is not authorized"):
        fleet.client(credentials).list_streams()
    for name in (long + "9", "", "gate 7", "gate/7", "gate.7", "é"):
        made = fleet.run("things", "create", name)
        assert made.returncode == 64 and "1 to 64 letters, digits and the characters :_-" in made.stderr, name


def test_paths_and_methods_that_are_none(fleet):
    fleet.weir("things", "create", "door")
    pair = fleet.certify("door")
    for method, path in (
        ("POST", "/role-aliases/camera/credentials"), ("GET", "/"), ("GET", "/role-aliases/camera"), ("GET", "/role-aliases//credentials"),
        ("GET", "/role-aliases/a/b/credentials"), ("GET", "/role-aliases/%ff%00/credentials"), ("GET", "/ready"), ("POST", "/createStream"),
        ("GET", f"/role-aliases/{'x' * 9000}/credentials"),
    ):
        assert fleet.refused(pair, method=method, path=path)[0] == 404, path
    # A device that asks on and on is held up, and others are not.
    fleet.weir("things", "create", "gate")
    connection, other = fleet.connect(pair), fleet.certify("gate")
    for _ in range(200):
        connection.request("GET", "/role-aliases/camera/credentials")
        answer = connection.getresponse()
        document = json.loads(answer.read())
        if answer.status != 200:
            break
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (400, "ThrottlingException"), document
    assert fleet.ask(other)[0] == 200
    connection.close()


def test_authorities_follow_each_other(fleet):
    fleet.weir("things", "create", "door")
    old = fleet.certify("door")
    assert fleet.ask(old)[0] == 200
    fleet.weir("things", "authority", "create")
    fleet.server.logged("count=2 .*the authorities of devices are others now")
    new = fleet.certify("door", folder="new")
    for pair in (old, new):
        assert fleet.ask(pair)[0] == 200
    shown = fleet.weir("things", "authority", "show")
    assert shown.count("BEGIN CERTIFICATE") == 2 and "PRIVATE" not in shown


def test_many_devices_at_once_and_a_resumed_session(fleet):
    pairs = []
    for number in range(3):
        fleet.weir("things", "create", f"camera-{number}")
        pairs.append(fleet.certify(f"camera-{number}"))
    found = []
    threads = [threading.Thread(target=lambda pair=pair: found.append(fleet.ask(pair)[0])) for pair in pairs * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert found == [200] * 12
    # A session that is taken up again is still that of the certificate.
    context = ssl.create_default_context(cafile=fleet.tls.file)
    context.load_cert_chain(*pairs[0][:2])
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    session = None
    for name, status in (("camera-0", 200), ("camera-0", 200), ("camera-1", 403)):
        with context.wrap_socket(socket.create_connection(("127.0.0.1", fleet.port), DEADLINE), server_hostname="127.0.0.1", session=session) as secure:
            secure.sendall(f"GET /role-aliases/camera/credentials HTTP/1.1\r\nHost: a\r\nx-amzn-iot-thingname: {name}\r\n\r\n".encode())
            assert read_response(secure).status == status
            session = secure.session


def test_where_devices_come_needs_tls(tmp_path):
    for flags, words in ((["--device-bind", "127.0.0.1:0"], "device-bind: devices come over TLS only"),
                         (["--device-bind", "here", "--tls-certificate", "c", "--tls-key", "k"], "device-bind: must be an address and a port")):
        done = run_weir("serve", "--data-dir", tmp_path / "data", *flags)
        assert done.returncode != 0 and words in done.stderr
