"""Temporary credentials by the real clients: STS calls, and what sessions may do on every plane."""

import datetime
import json
import os
import subprocess

import botocore.exceptions
import pytest
from botocore.credentials import Credentials

from calls import fresh, wait_active, wait_channel
from deployment import ACCOUNT, REGION, clean_environment, run_weir, until
from media import Producer
from signaling import Peers, Refused, api
from signing import Sender
from test_policies import denied, refused, weir

OTHER = "999988887777"


def statement(action, resource="*", effect="Allow", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(principal, action="sts:AssumeRole", **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Action": action, **more}]})


def sts(server, credentials=None):
    return server.client(credentials, service="sts")


def role_arn(name, account=ACCOUNT):
    return f"arn:aws:iam::{account}:role/{name}"


def role(server, policy, principal=None, name=None, *flags, **more):
    """A role of these statements, which the principal may take on: by default whoever may in the account."""
    name = name or fresh("role")
    weir(server, "policy", "put", f"of-{name}", "-", input=document(*policy))
    weir(server, "roles", "create", name, "--trust", "-", "--policy", f"of-{name}", *flags, input=trust(principal or {"AWS": ACCOUNT}, **more))
    return name


def user(server, *statements):
    """A user of these statements, with a key."""
    name = fresh("user")
    weir(server, "policy", "put", f"of-{name}", "-", input=document(*statements))
    weir(server, "users", "create", name, "--policy", f"of-{name}")
    return name, server.key("--user", name)


def taken(made):
    given = made["Credentials"]
    return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def assume(server, name, credentials=None, session="ada", **more):
    return taken(sts(server, credentials).assume_role(RoleArn=role_arn(name), RoleSessionName=session, **more))


def fails(code, call, **members):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**members)
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    return error["Message"]


def test_who_calls(server):
    """Every kind of key, and no policy can forbid it."""
    name, key = user(server, statement("*", effect="Deny"))
    root, own = sts(server).get_caller_identity(), sts(server, key).get_caller_identity()
    assert (root["Arn"], root["Account"], root["UserId"]) == (f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, ACCOUNT)
    assert (own["Arn"], own["Account"]) == (f"arn:aws:iam::{ACCOUNT}:user/{name}", ACCOUNT) and own["UserId"].startswith("AIDA")
    taken_on = role(server, [statement("*", effect="Deny")])
    session = sts(server, assume(server, taken_on)).get_caller_identity()
    assert session["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{taken_on}/ada"
    assert session["UserId"].startswith("AROA") and session["UserId"].endswith(":ada")
    thing = f"arn:aws:iot:{REGION}:{ACCOUNT}:thing/{fresh('hub')}"
    assert sts(server, server.key("--thing", thing)).get_caller_identity()["Arn"] == thing


def test_the_command_line(server):
    """The AWS CLI, unchanged."""
    name = role(server, [statement("kinesisvideo:ListStreams")])
    key = server.credentials

    def aws(*words, credentials=key):
        environment = clean_environment(
            AWS_ACCESS_KEY_ID=credentials.access_key, AWS_SECRET_ACCESS_KEY=credentials.secret_key, AWS_DEFAULT_REGION=REGION,
            AWS_EC2_METADATA_DISABLED="true", PATH=os.environ["PATH"], **({"AWS_SESSION_TOKEN": credentials.token} if credentials.token else {}))
        done = subprocess.run(["aws", *words, "--endpoint-url", server.endpoint, "--output", "json"], capture_output=True, text=True, timeout=60,
                              env=environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert aws("sts", "get-caller-identity")["Account"] == ACCOUNT
    session = taken(aws("sts", "get-session-token", "--duration-seconds", "900"))
    assert aws("sts", "get-caller-identity", credentials=session)["Arn"].endswith(":root")
    watching = taken(aws("sts", "assume-role", "--role-arn", role_arn(name), "--role-session-name", "cli", credentials=session))
    assert "StreamInfoList" in aws("kinesisvideo", "list-streams", credentials=watching)


def test_a_session_of_a_user(server):
    """It may do what the user may, and ends with the key."""
    name, key = user(server, statement("kinesisvideo:ListStreams"))
    made = sts(server, key).get_session_token(DurationSeconds=900)
    end = made["Credentials"]["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(seconds=840) < end < datetime.timedelta(seconds=960)
    session = taken(made)
    assert session.access_key.startswith("ASIA")
    server.client(session).list_streams()
    assert denied(server.client(session).describe_stream, StreamName="x").startswith(f"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized")
    assert "session credentials" in fails("AccessDenied", sts(server, session).get_session_token)
    second = taken(sts(server, key).get_session_token())
    weir(server, "keys", "disable", key.access_key)
    until(lambda: refused(server.client(session).list_streams, "UnrecognizedClientException"), "the session to end with its key")
    assert refused(server.client(second).list_streams, "UnrecognizedClientException")


def test_a_session_on_every_plane(server, client):
    """Control, media, archive, signaling by request and by WebSocket: with the token, and never without."""
    name = fresh("sts")
    client.create_stream(StreamName=name, DataRetentionInHours=1)
    channel = client.create_signaling_channel(ChannelName=name)["ChannelARN"]
    wait_active(client, name), wait_channel(client, name)
    own = [f"arn:aws:kinesisvideo:*:*:stream/{name}/*", f"arn:aws:kinesisvideo:*:*:channel/{name}/*"]
    session = assume(server, role(server, [statement("*", own)]))
    stranger = assume(server, role(server, [statement("kinesisvideo:ListStreams")]))
    bare = Credentials(session.access_key, session.secret_key)
    denials = f"assumed-role/{stranger_name(server, stranger)} is not authorized to perform: kinesisvideo:"

    assert server.client(session).describe_stream(StreamName=name)["StreamInfo"]["StreamName"] == name
    assert denials + "DescribeStream" in denied(server.client(stranger).describe_stream, StreamName=name)
    assert refused(server.client(bare).describe_stream, "UnrecognizedClientException", StreamName=name)

    for credentials, status in [(session, 200), (stranger, 403), (bare, 403)]:
        headers = {"x-amz-security-token": credentials.token} if credentials.token else {}
        with Producer(server, name, credentials=credentials, headers=headers) as producer:
            assert producer.status == status, producer.error
        if status == 403:
            assert (denials + "PutMedia" in producer.error[1]) == (credentials is stranger)

    archive = server.client(session, service="kinesis-video-archived-media")
    assert archive.list_fragments(StreamName=name)["Fragments"] == []
    assert denials + "ListFragments" in denied(server.client(stranger, service="kinesis-video-archived-media").list_fragments, StreamName=name)
    assert api(server, session).get_ice_server_config(ChannelARN=channel)
    assert denials + "GetIceServerConfig" in denied(api(server, stranger).get_ice_server_config, ChannelARN=channel)

    peers = Peers(server)
    try:
        peers.master(channel, credentials=session)
        with pytest.raises(Refused, match="ConnectAsMaster"):
            peers.master(channel, credentials=stranger)
        with pytest.raises(Refused, match="security token"):
            peers.master(channel, credentials=bare)
    finally:
        peers.close()


def stranger_name(server, credentials):
    return sts(server, credentials).get_caller_identity()["Arn"].split("assumed-role/")[1]


def test_who_may_take_a_role_on(server):
    """Trust and the caller's own policies, as IAM weighs them."""
    everything = [statement("kinesisvideo:*")]
    by_account = role(server, everything)
    (plain_name, plain), (able_name, able) = user(server, statement("kinesisvideo:ListStreams")), user(server, statement("sts:AssumeRole"))
    by_name = role(server, everything, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{plain_name}"})
    (barred_name, barred) = user(server, statement("sts:AssumeRole"), statement("sts:*", role_arn("*"), effect="Deny"))
    to_barred = role(server, everything, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{barred_name}"})

    told = fails("AccessDenied", sts(server, plain).assume_role, RoleArn=role_arn(by_account), RoleSessionName="ada")
    assert told == f"User: arn:aws:iam::{ACCOUNT}:user/{plain_name} is not authorized to perform: sts:AssumeRole on resource: {role_arn(by_account)}"
    assert assume(server, by_account, able) and assume(server, by_account) and assume(server, by_name, plain)
    # Nobody is told whether there is such a role.
    assert fails("AccessDenied", sts(server, able).assume_role, RoleArn=role_arn(by_name), RoleSessionName="ada").endswith(role_arn(by_name))
    assert fails("AccessDenied", sts(server, able).assume_role, RoleArn=role_arn("absent"), RoleSessionName="ada").endswith(role_arn("absent"))
    fails("AccessDenied", sts(server, barred).assume_role, RoleArn=role_arn(to_barred), RoleSessionName="ada")

    # Conditions: an id that another gave, and tags.
    guarded = role(server, everything, Condition={"StringEquals": {"sts:ExternalId": "x7"}})
    fails("AccessDenied", sts(server, able).assume_role, RoleArn=role_arn(guarded), RoleSessionName="ada")
    fails("AccessDenied", sts(server, able).assume_role, RoleArn=role_arn(guarded), RoleSessionName="ada", ExternalId="x8")
    assert assume(server, guarded, able, ExternalId="x7")
    fails("AccessDenied", sts(server, able).assume_role, RoleArn=role_arn(by_account), RoleSessionName="ada", Tags=[{"Key": "site", "Value": "north"}])

    # Another account needs its own permission, and the role's trust.
    stranger = server.key("--account", OTHER)
    fails("AccessDenied", sts(server, stranger).assume_role, RoleArn=role_arn(by_account), RoleSessionName="ada")
    across = role(server, everything, {"AWS": OTHER})
    made = sts(server, stranger).assume_role(RoleArn=role_arn(across), RoleSessionName="ada")
    assert sts(server, taken(made)).get_caller_identity()["Account"] == ACCOUNT
    fails("AccessDenied", sts(server).assume_role, RoleArn=role_arn(across), RoleSessionName="ada")


def test_session_policies_and_tags(server, client):
    """A session may do what both the role and its own policy allow; a denial overrules."""
    name, other = fresh("sts"), fresh("sts")
    client.create_stream(StreamName=name, Tags={"site": "north"})
    client.create_stream(StreamName=other, Tags={"site": "south"})
    wait_active(client, name), wait_active(client, other)
    wide = role(server, [statement(["kinesisvideo:Describe*", "kinesisvideo:ListStreams"])])

    def may(policy, call, **members):
        session = assume(server, wide, **({"Policy": policy} if policy else {}))
        return not refused(getattr(server.client(session), call), "AccessDeniedException", **members)

    # Lists without elements, as SDKs send them, are as none.
    assert assume(server, wide, Tags=[], PolicyArns=[], TransitiveTagKeys=[])
    narrow = document(statement("*", f"arn:aws:kinesisvideo:*:*:stream/{name}/*"))
    assert may(None, "describe_stream", StreamName=other)
    assert may(narrow, "describe_stream", StreamName=name) and not may(narrow, "describe_stream", StreamName=other)
    # What the role lacks no session has.
    assert not may(narrow, "tag_stream", StreamName=name, Tags={"a": "b"})
    forbids = document(statement("*"), statement("kinesisvideo:DescribeStream", effect="Deny"))
    assert not may(forbids, "describe_stream", StreamName=name) and may(forbids, "list_streams")

    tagged = role(
        server, [statement("*", Condition={"StringEquals": {"aws:ResourceTag/site": "${aws:PrincipalTag/site}"}})], None, None, "--tag", "site=south",
        action=["sts:AssumeRole", "sts:TagSession"])
    assert refused(server.client(assume(server, tagged)).describe_stream, "AccessDeniedException", StreamName=name)
    assert server.client(assume(server, tagged)).describe_stream(StreamName=other)
    north = assume(server, tagged, Tags=[{"Key": "Site", "Value": "north"}])
    assert server.client(north).describe_stream(StreamName=name)
    assert refused(server.client(north).describe_stream, "AccessDeniedException", StreamName=other)


def test_sessions_end_with_their_role(server):
    name = role(server, [statement("kinesisvideo:ListStreams")])
    first = server.client(assume(server, name))
    first.list_streams()
    weir(server, "roles", "revoke-sessions", name)
    until(lambda: refused(first.list_streams, "UnrecognizedClientException"), "sessions to be refused")
    second = server.client(assume(server, name))
    second.list_streams()
    weir(server, "roles", "delete", name)
    weir(server, "policy", "delete", f"of-{name}")
    role(server, [statement("kinesisvideo:ListStreams")], name=name)
    until(lambda: refused(second.list_streams, "UnrecognizedClientException"), "a session of the old role to be refused")
    server.client(assume(server, name)).list_streams()
    assert name in weir(server, "roles", "list") and "AssumeRole" in weir(server, "roles", "show", name)
    simulated = run_weir(
        "policy", "simulate", "--role", name, "--action", "kinesisvideo:ListStreams", "--data-dir", server.folder, *server.database.flags)
    assert simulated.returncode == 0 and "Allowed by" in simulated.stdout


@pytest.mark.parametrize("change, code", [
    ({"RoleSessionName": "a b"}, "ValidationError"), ({"RoleArn": "arn:aws:iam::1:role/some-role"}, "ValidationError"),
    ({"DurationSeconds": 3601}, "ValidationError"), ({"Policy": "{}"}, "MalformedPolicyDocument"),
    ({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]}, "ValidationError"), ({"SourceIdentity": "ada"}, "ValidationError"),
    ({"TransitiveTagKeys": ["site"]}, "ValidationError"), ({"SerialNumber": "123456789", "TokenCode": "123456"}, "ValidationError"),
    ({"Tags": [{"Key": "Site", "Value": "a"}, {"Key": "site", "Value": "b"}]}, "ValidationError"),
    ({"Tags": [{"Key": "aws:site", "Value": "a"}]}, "ValidationError"), ({"Tags": [{"Key": "site\n", "Value": "a"}]}, "ValidationError"),
    ({"Tags": [{"Key": "site", "Value": "a\u0000"}]}, "ValidationError"),
])
def test_what_is_wrong_with_a_call(server, change, code):
    name = role(server, [statement("*")], action=["sts:AssumeRole", "sts:TagSession"])
    members = {"RoleArn": role_arn(name), "RoleSessionName": "ada"} | change
    fails(code, sts(server).assume_role, **members)


def test_chains_are_short(server):
    first = role(server, [statement("sts:AssumeRole")])
    second = role(server, [statement("*")], {"AWS": role_arn(first)}, None, "--longest-session", "12h")
    session = assume(server, first)
    assert "role chaining" in fails(
        "ValidationError", sts(server, session).assume_role, RoleArn=role_arn(second), RoleSessionName="ada", DurationSeconds=7200)
    assert assume(server, second, session)


@pytest.mark.parametrize("how, code", [
    ({"service": "kinesisvideo"}, "SignatureDoesNotMatch"), ({"secret": "x" * 40}, "SignatureDoesNotMatch"), ({"key": "AKIAUNKNOWN"}, "InvalidClientTokenId"),
    ({"unsigned": True}, "MissingAuthenticationToken"), ({"shift": -400}, "SignatureDoesNotMatch"), ({"body": b"Action=Nothing&Version=2011-06-15"}, "InvalidAction"),
    ({"body": b"Action=GetCallerIdentity"}, "InvalidAction"), ({"body": b"Action=%FF&Version=2011-06-15"}, "ValidationError"), ({"body": b""}, "InvalidAction"),
    ({"body": b"Action=GetCallerIdentity&Action=GetCallerIdentity&Version=2011-06-15"}, "ValidationError"), ({"body": b"a=1&" * 400}, "ValidationError"),
    ({"body": b"Action=GetSessionToken&DurationSeconds=899&Version=2011-06-15"}, "ValidationError"),
    ({"body": b"Action=GetSessionToken&DurationSeconds=129601&Version=2011-06-15"}, "ValidationError"),
    ({"body": b"Action=GetCallerIdentity&Other=1&Version=2011-06-15"}, "ValidationError"),
])
def test_refusals_are_xml(server, how, code):
    own = server.credentials
    sender = Sender(
        server.port, Credentials(how.get("key", own.access_key), how.get("secret", own.secret_key)), REGION, service=how.get("service", "sts"))
    with sender:
        method, target, headers, body = sender.signed("/", how.get("body", b"Action=GetCallerIdentity&Version=2011-06-15"), shift=how.get("shift", 0))
        if how.get("unsigned"):
            headers.pop("Authorization")
        answer = sender.send(method, target, headers, body)
    assert answer.headers["Content-Type"] == "text/xml" and f"<Code>{code}</Code>".encode() in answer.body, answer.body
    # As the reference of that service lists them: 403 is for who calls, 400 for everything else.
    assert answer.status == (400 if code in ("InvalidAction", "ValidationError") else 403) and answer.headers["x-amzn-RequestId"].encode() in answer.body


# The calls of Terraform's provider for aws_kinesis_video_stream: create, waits, tags, update, delete.
PROVIDER = ["CreateStream", "DescribeStream", "UpdateStream", "DeleteStream", "ListTagsForStream", "TagStream", "UntagStream"]


def test_terraforms_order_of_calls(server):
    """The provider's calls by a user who may make them on one stream, and no other; it is asked who it is first."""
    name = fresh("tf")
    _, key = user(server, statement([f"kinesisvideo:{action}" for action in PROVIDER], f"arn:aws:kinesisvideo:*:{ACCOUNT}:stream/{name}/*"))
    caller = sts(server, key).get_caller_identity()
    assert caller["Account"] == ACCOUNT and caller["Arn"].startswith("arn:aws:iam::")
    provider = server.client(key)

    def info():
        return provider.describe_stream(StreamARN=arn)["StreamInfo"]

    def settled():
        until(lambda: info()["Status"] == "ACTIVE", "the stream to be active")
        return info()

    arn = provider.create_stream(StreamName=name, DataRetentionInHours=1, DeviceName="camera", MediaType="video/h264", Tags={"Name": "gate"})["StreamARN"]
    assert settled()["DataRetentionInHours"] == 1
    assert provider.list_tags_for_stream(StreamARN=arn)["Tags"] == {"Name": "gate"}
    # A change of tags and of the device: tags come first, and the version is that of before.
    version = info()["Version"]
    provider.untag_stream(StreamARN=arn, TagKeyList=["Name"])
    provider.tag_stream(StreamARN=arn, Tags={"Site": "north"})
    provider.update_stream(StreamARN=arn, CurrentVersion=version, DeviceName="camera-2", MediaType="video/h264")
    assert settled()["DeviceName"] == "camera-2"
    assert provider.list_tags_for_stream(StreamARN=arn)["Tags"] == {"Site": "north"}
    provider.delete_stream(StreamARN=arn, CurrentVersion=info()["Version"])
    until(lambda: refused(provider.describe_stream, "ResourceNotFoundException", StreamARN=arn), "the stream to be gone")
    # And nothing beyond that.
    assert refused(provider.list_streams, "AccessDeniedException")
    assert refused(provider.create_stream, "AccessDeniedException", StreamName=fresh("tf"))
