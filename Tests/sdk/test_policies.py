"""Policies: the evaluator beside another that shares nothing with it, and users of a running server by the real client."""

import collections
import collections.abc
import json
import random

import pytest
from botocore.exceptions import ClientError

from calls import fresh, wait_active
from deployment import ACCOUNT, run_weir, until

# The other evaluator is of a time when Python had these names here.
collections.Mapping, collections.MutableMapping = collections.abc.Mapping, collections.abc.MutableMapping
from principalmapper.querying.local_policy_simulation import policy_has_matching_statement  # noqa: E402
from principalmapper.util.case_insensitive_dict import CaseInsensitiveDict  # noqa: E402

CASES = 6000
ACTIONS = ["PutMedia", "GetMedia", "DescribeStream", "DeleteStream", "CreateStream", "ListStreams", "TagStream"]
NAMES = ["gate", "door", "gate-7", "yard", "g"]
WORDS = ["north", "south", "nor", "n", "east-1"]
KEYS = ["aws:RequestTag/site", "aws:ResourceTag/site", "aws:PrincipalTag/team", "aws:username"]
ADDRESSES = ["10.1.2.3", "10.200.0.9", "192.168.7.7", "203.0.113.77", "2001:db8::7", "::1"]
BLOCKS = ["10.0.0.0/8", "10.1.0.0/16", "192.168.7.7/32", "203.0.113.64/26", "0.0.0.0/0", "2001:db8::/32", "::/0"]
DATES = ["2026-01-31T12:00:00Z", "2026-01-31T11:59:59Z", "2025-12-31T23:59:59Z", "1769860800", "2026-01-31T14:00:00+02:00"]
ARNS = [f"arn:aws:iot:{region}:{ACCOUNT}:thing/{name}" for region in ("us-east-1", "eu-west-1") for name in NAMES]


def some(rng, values, most=3):
    """One of them, or a list of some."""
    return rng.choice(values) if rng.random() < 0.5 else rng.sample(values, rng.randint(1, min(most, len(values))))


def wild(rng, text):
    """A pattern that may well match the text."""
    for _ in range(rng.randint(0, 2)):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice("*?") + text[min(len(text), at + rng.randint(0, 3)):]
    return text


def wild_part(rng, arn):
    """The same in the last part of an ARN, or with a whole part left open."""
    parts = arn.split(":", 5)
    parts[5] = wild(rng, parts[5])
    if rng.random() < 0.5:
        parts[rng.choice([3, 4])] = "*"
    return ":".join(parts)


def arn(rng, name=None):
    return f"arn:aws:kinesisvideo:{rng.choice(['us-east-1', 'eu-west-1'])}:{ACCOUNT}:{rng.choice(['stream', 'channel'])}/{name or rng.choice(NAMES)}/{rng.choice([17, 1705489836421])}"


def condition(rng):
    """Left out is what the other evaluator does otherwise than the documentation says: StringNotLike of a missing key, IfExists of other types than
    strings, ForAnyValue with what is negated, several dates to compare with. tests of Swift have those."""
    kind = rng.randrange(8)
    key = rng.choice(KEYS)
    match kind:
        case 0:
            name = rng.choice(["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"])
            return {name: {key: some(rng, WORDS + ["North", "SOUTH"])}}
        case 1:
            return {rng.choice(["StringLike", "StringLikeIfExists", "StringEqualsIfExists", "StringNotLikeIfExists"]): {key: some(rng, [wild(rng, word) for word in WORDS])}}
        case 2:
            name = rng.choice(["NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"])
            return {name: {"weir:count": some(rng, ["1", "2", "2.0", "3.5", "-7"])}}
        case 3:
            name = rng.choice(["DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"])
            return {name: {"aws:CurrentTime": rng.choice(DATES)}}
        case 4:
            return {"Bool": {"aws:SecureTransport": rng.choice(["true", "false"])}} if rng.random() < 0.5 else {"Null": {key: rng.choice(["true", "false"])}}
        case 5:
            return {rng.choice(["IpAddress", "NotIpAddress"]): {"aws:SourceIp": some(rng, BLOCKS)}}
        case 6:
            return {rng.choice(["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"]): {"aws:PrincipalArn": some(rng, [wild_part(rng, arn) for arn in rng.sample(ARNS, 3)])}}
        case 7:
            name = rng.choice(["ForAllValues:StringEquals", "ForAllValues:StringLike", "ForAnyValue:StringEquals", "ForAnyValue:StringLike", "ForAllValues:StringNotEquals"])
            return {name: {"aws:TagKeys": some(rng, WORDS)}}


def statement(rng):
    made = {"Effect": rng.choice(["Allow", "Allow", "Deny"])}
    actions = [f"kinesisvideo:{wild(rng, action)}" for action in rng.sample(ACTIONS, 3)] + ["*", "kinesisvideo:*", "s3:GetObject"]
    made["NotAction" if rng.random() < 0.2 else "Action"] = some(rng, actions)
    resources = [wild_part(rng, arn(rng)) for _ in range(3)] + ["*", arn(rng, "${aws:username}"), arn(rng, "${aws:username}").rsplit("/", 1)[0] + "/*"]
    made["NotResource" if rng.random() < 0.2 else "Resource"] = some(rng, resources)
    if rng.random() < 0.7:
        made["Condition"] = {}
        for _ in range(rng.randint(1, 2)):
            made["Condition"] |= condition(rng)
    return made


def context(rng):
    given = {
        "weir:count": rng.choice(["1", "2", "3", "-7"]), "aws:CurrentTime": rng.choice(DATES), "aws:SecureTransport": rng.choice(["true", "false"]),
        "aws:SourceIp": rng.choice(ADDRESSES), "aws:PrincipalArn": rng.choice(ARNS), "aws:TagKeys": rng.sample(WORDS, rng.randint(1, 3)),
        "aws:username": rng.choice(NAMES)} | {key: rng.choice(WORDS) for key in KEYS[:3]}
    return {key: value for key, value in given.items() if rng.random() < 0.8}


def case(rng):
    documents = [{"Version": "2012-10-17", "Statement": [statement(rng) for _ in range(rng.randint(1, 3))]} for _ in range(rng.randint(1, 2))]
    return documents, f"kinesisvideo:{rng.choice(ACTIONS)}", arn(rng), context(rng)


def expected(documents, action, resource, given):
    def matches(effect):
        return any(policy_has_matching_statement(document, effect, action, resource, CaseInsensitiveDict(given)) for document in documents)

    return "explicitDeny" if matches("Deny") else "allowed" if matches("Allow") else "implicitDeny"


def simulate(cases):
    lines = "".join(
        json.dumps({"policies": [json.dumps(document) for document in documents], "action": action, "resource": resource, "context": given}) + "\n"
        for documents, action, resource, given in cases)
    done = run_weir("policy", "simulate", "--lines", input=lines)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_thousands_of_cases_beside_another_evaluator():
    rng = random.Random(20261127)
    cases = [case(rng) for _ in range(CASES)]
    told = simulate(cases)
    assert len(told) == CASES
    wanted = [expected(*made) for made in cases]
    wrong = [(made, answer, want) for made, answer, want in zip(cases, told, wanted) if answer.get("decision") != want]
    assert not wrong, (len(wrong), wrong[0])
    # The cases are worth something: none of the three is rare.
    counts = collections.Counter(wanted)
    assert min(counts.values()) > CASES / 20 and len(counts) == 3, counts


ALLOW = {"Version": "2012-10-17", "Statement": {"Sid": "Own", "Effect": "Allow", "Action": "kinesisvideo:DescribeStream",
                                                "Resource": "arn:aws:kinesisvideo:*:*:stream/${aws:username}/*"}}


def test_reasons_for_people(tmp_path):
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(ALLOW))
    stream = f"arn:aws:kinesisvideo:us-east-1:{ACCOUNT}:stream/gate/1"

    def ask(*words):
        return run_weir("policy", "simulate", "--file", policy, "--action", "kinesisvideo:DescribeStream", *words)

    done = ask("--resource", stream, "--context", "aws:username=gate")
    assert done.returncode == 0 and "Allowed by" in done.stdout and "(Own)" in done.stdout
    done = ask("--resource", stream, "--context", "aws:username=door")
    assert done.returncode == 2 and "Not allowed" in done.stdout and "other resources" in done.stdout
    policy.write_text('{"Statement": [\n  {"Effect": "allow"}]}')
    done = ask()
    assert done.returncode not in (0, 2) and "line 2, column 14, Statement[0].Effect: Effect is Allow or Deny" in done.stderr


def weir(server, *words, input=None):
    done = run_weir(*words, "--data-dir", server.folder, *server.database.flags, input=input)
    assert done.returncode == 0, done.stderr
    return done.stdout


def denied(call, *arguments, **members):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **members)
    error = caught.value.response
    assert error["Error"]["Code"] == "AccessDeniedException" and error["ResponseMetadata"]["HTTPStatusCode"] == 403, error
    return error["Error"]["Message"]


def test_a_user_from_first_to_last(server, client):
    """What the command line makes, a running server goes by."""
    name, other = fresh("pol"), fresh("pol")
    client.create_stream(StreamName=name)
    client.create_stream(StreamName=other, Tags={"site": "north"})
    wait_active(client, name), wait_active(client, other)
    weir(server, "policy", "put", "own", "-", input=json.dumps(ALLOW))
    weir(server, "users", "create", name, "--policy", "own", "--tag", "site=north")
    credentials = server.key("--user", name)
    user = server.client(credentials)
    assert user.describe_stream(StreamName=name)["StreamInfo"]["StreamName"] == name
    told = denied(user.describe_stream, StreamName=other)
    assert told == f"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: kinesisvideo:DescribeStream on resource: {other}"
    # It does not tell whether there is such a stream.
    assert denied(user.describe_stream, StreamName=other + "x") == told + "x"
    assert denied(user.list_streams).endswith("on resource: *")
    assert name in weir(server, "users", "list") and "own" in weir(server, "policy", "list") and ACCOUNT in weir(server, "accounts")
    assert json.loads(weir(server, "policy", "get", "own")) == ALLOW

    # By tags of the resource and of the user; another key reads the change at once.
    tagged = ALLOW | {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/site": "${aws:PrincipalTag/site}"}}}}
    weir(server, "policy", "put", "own", "-", input=json.dumps(tagged))
    second = server.client(server.key("--user", name))
    second.describe_stream(StreamName=other)
    denied(second.describe_stream, StreamName=name)
    # The first within the age of what instances keep.
    until(lambda: allowed(user.describe_stream, StreamName=other), "the changed policy to hold")

    weir(server, "users", "detach", name, "own")
    third = server.client(server.key("--user", name))
    denied(third.describe_stream, StreamName=other)
    weir(server, "users", "delete", name)
    weir(server, "policy", "delete", "own")
    until(lambda: refused(third.describe_stream, "UnrecognizedClientException", StreamName=other), "the keys to end with their user")


def allowed(call, **members):
    try:
        return bool(call(**members))
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDeniedException", error
        return False


def refused(call, code, **members):
    try:
        call(**members)
        return False
    except ClientError as error:
        return error.response["Error"]["Code"] == code


def test_keys_follow_each_other_and_end(server):
    credentials = server.key("--expires-in", "1d")
    assert server.client(credentials).list_streams()["ResponseMetadata"]["HTTPStatusCode"] == 200
    after = read_profile(weir(server, "keys", "rotate", credentials.access_key, "--overlap", "0s"))
    server.client(after).list_streams()
    old = server.client(credentials)
    until(lambda: refused(old.list_streams, "UnrecognizedClientException"), "the old key to end")
    weir(server, "keys", "expire", after.access_key, "--in", "0s")
    new = server.client(after)
    until(lambda: refused(new.list_streams, "UnrecognizedClientException"), "the new key to end")
    assert f"{after.access_key}  {ACCOUNT}  ENDED" in weir(server, "keys", "list")
    done = run_weir("keys", "rotate", credentials.access_key, "--data-dir", server.folder, *server.database.flags)
    assert done.returncode != 0 and "no active access key" in done.stderr


def read_profile(text):
    from deployment import read_credentials

    return read_credentials(text)


READY = {
    # What each ready-made policy allows of these calls.
    "camera": {"describe_own", "endpoint_own", "create_own"}, "viewer": {"describe_own", "describe_other", "endpoint_own", "list"},
    "operator": {"describe_own", "describe_other", "endpoint_own", "create_own", "list", "tag"}, "auditor": {"describe_own", "describe_other", "list"},
}


@pytest.mark.parametrize("policy", READY)
def test_ready_made_policies(server, client, policy):
    name, other = fresh("pol"), fresh("pol")
    client.create_stream(StreamName=other)
    wait_active(client, other)
    weir(server, "users", "create", name, "--policy", policy)
    user = server.client(server.key("--user", name))
    calls = {
        "create_own": (user.create_stream, {"StreamName": name}), "describe_own": (user.describe_stream, {"StreamName": name}),
        "describe_other": (user.describe_stream, {"StreamName": other}), "endpoint_own": (user.get_data_endpoint, {"StreamName": name, "APIName": "PUT_MEDIA"}),
        "list": (user.list_streams, {}), "tag": (user.tag_stream, {"StreamName": other, "Tags": {"a": "b"}}),
        "delete": (user.delete_stream, {"StreamARN": client.describe_stream(StreamName=other)["StreamInfo"]["StreamARN"]}),
    }
    may = set()
    for what, (call, members) in calls.items():
        try:
            call(**members)
            may.add(what)
        except ClientError as error:
            # A stream that nobody made is not there for whoever may look.
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                may.add(what)
            else:
                assert error.response["Error"]["Code"] == "AccessDeniedException", error
    assert may == READY[policy]


def test_what_cannot_be_is_refused(server, tmp_path):
    def fails(*words, input=None):
        done = run_weir(*words, "--data-dir", server.folder, *server.database.flags, input=input)
        assert done.returncode != 0
        return done.stderr

    assert "Statement is missing" in fails("policy", "put", "bad", "-", input="{}")
    assert "no user" in fails("keys", "create", "--user", "nobody")
    assert "lacks" in fails("users", "create", "someone", "--policy", "absent")
    assert "no policy" in fails("policy", "get", "absent")
    assert "has no user" in fails("users", "delete", "nobody")
    # What is wrong here is the user, and not how the program was called.
    assert "Usage" not in fails("users", "delete", "nobody") and "Usage: weir users delete" in fails("users", "delete")
    for kind in ("user", "role"):
        assert f"has no {kind}" in fails("policy", "simulate", f"--{kind}", "nobody", "--action", "kinesisvideo:ListStreams")
    assert "such as kinesisvideo:" in fails("policy", "simulate", "--user", "nobody", "--action", "ListStreams")
    assert "Give one of" in fails("policy", "simulate", "--action", "kinesisvideo:ListStreams")
    assert "1 to 64" in fails("users", "create", "a b")
    assert "reserved" in fails("users", "create", "someone", "--tag", "AWS:site=north") and "letters" in fails("users", "create", "someone", "--tag", "site=a\nb")
    out = weir(server, "policy", "put", "typo", "-", input=json.dumps(
        {"Statement": {"Effect": "Allow", "Action": "kinesisvideo:PutMedai", "Resource": "*", "Condition": {"Bool": {"aws:Secure": "true"}}}}))
    assert "PutMedai" in out and "aws:secure" in out
    # The actions by which WebSockets are opened are no operations, and are the program's all the same.
    assert "Note" not in weir(server, "policy", "put", "peers", "-", input=json.dumps({"Statement": {"Effect": "Allow", "Resource": "*", "Action": [
        "kinesisvideo:ConnectAsMaster", "kinesisvideo:ConnectAsViewer", "kinesisvideo:ConnectAs*", "kinesisvideo:GetIceServerConfig", "kinesisvideo:SendAlexaOfferToMaster"]}}))
