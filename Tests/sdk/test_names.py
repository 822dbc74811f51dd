"""Which stream a call means: name, ARN or both; accounts, regions, incarnations."""

import pytest

import model
from calls import wait_active
from deployment import ACCOUNT, REGION, read_credentials, run_weir, until

NOT_FOUND = "The requested stream is not found or not active."
NAMED = {
    "DescribeStream": {},
    "DescribeStreamStorageConfiguration": {},
    "GetDataEndpoint": {"APIName": "PUT_MEDIA"},
    "ListTagsForStream": {},
    "TagStream": {"Tags": {"a": "1"}},
    "UntagStream": {"TagKeyList": ["a"]},
    "UpdateStream": {"CurrentVersion": "v"},
    "UpdateDataRetention": {"CurrentVersion": "v", "Operation": "INCREASE_DATA_RETENTION", "DataRetentionChangeInHours": 1},
    "UpdateStreamStorageConfiguration": {"CurrentVersion": "v", "StreamStorageConfiguration": {"DefaultStorageTier": "HOT"}},
}
BY_ARN = NAMED | {"DeleteStream": {}}
OF_FORM = {"TagStream", "UntagStream", "ListTagsForStream"}


def wrong_form(operation):
    return "InvalidResourceFormatException" if operation in OF_FORM else "InvalidArgumentException"


def arn(name="some", region=REGION, account=ACCOUNT, kind="stream", partition="aws", time="1500000000000"):
    return f"arn:{partition}:kinesisvideo:{region}:{account}:{kind}/{name}/{time}"


def call(sender, operation, **members):
    return sender.call(model.path(operation), BY_ARN[operation] | members)


@pytest.mark.parametrize("operation", NAMED)
def test_neither_name_nor_arn(sender, operation):
    answer = call(sender, operation)
    assert (answer.status, answer.error) == (400, "InvalidArgumentException")
    assert "StreamName" in answer.message and "StreamARN" in answer.message


@pytest.mark.parametrize("operation", NAMED)
def test_name_and_arn_of_different_streams(sender, new_stream, operation):
    one, other = new_stream(), new_stream()
    answer = call(sender, operation, StreamName=one["StreamName"], StreamARN=other["StreamARN"])
    assert (answer.status, answer.error) == (400, "InvalidArgumentException")
    assert one["StreamName"] in answer.message and other["StreamARN"] in answer.message


@pytest.mark.parametrize("operation", NAMED)
def test_name_and_arn_of_the_same_stream(sender, new_stream, operation):
    info = new_stream()
    members = {"CurrentVersion": info["Version"]} if "CurrentVersion" in NAMED[operation] else {}
    answer = call(sender, operation, StreamName=info["StreamName"], StreamARN=info["StreamARN"], **members)
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("operation", BY_ARN)
def test_arn_of_another_account(sender, new_stream, operation):
    """Denied in the same words whether or not there is such a stream in one's own account."""
    info = new_stream()
    name = info["StreamName"]
    for foreign in (arn(name, account="210987654321", time=info["StreamARN"].rsplit("/", 1)[1]), arn("nobody", account="210987654321")):
        answer = call(sender, operation, StreamARN=foreign)
        assert (answer.status, answer.error) == (403, "AccessDeniedException")
        assert list(answer.json) == ["Message"]
        assert f"is not authorized to perform: kinesisvideo:{operation} on resource: {foreign}" in answer.message
        assert answer.message.startswith(f"User: arn:aws:iam::{ACCOUNT}:user/")


@pytest.mark.parametrize("operation", BY_ARN)
@pytest.mark.parametrize("wrong", [
    arn(region="eu-west-1"), arn(partition="aws-cn"), arn(kind="channel"), arn(kind="image"),
])
def test_arn_of_another_region_or_type(sender, operation, wrong):
    answer = call(sender, operation, StreamARN=wrong)
    assert (answer.status, answer.error) == (400, wrong_form(operation))
    assert wrong in answer.message


@pytest.mark.parametrize("time", ["0", "1", "01500000000000", "99999999999999999999999999"])
def test_arn_with_a_time_that_no_stream_has(sender, new_stream, time):
    info = new_stream()
    answer = call(sender, "DescribeStream", StreamARN=arn(info["StreamName"], time=time))
    assert (answer.status, answer.message) == (404, NOT_FOUND)


def test_regions_are_apart(server, client, name):
    other = server.client(region="eu-west-1")
    one = client.create_stream(StreamName=name)["StreamARN"]
    two = other.create_stream(StreamName=name)["StreamARN"]
    assert ":us-east-1:" in one and ":eu-west-1:" in two
    assert wait_active(other, name)["KmsKeyId"] == f"arn:aws:kms:eu-west-1:{ACCOUNT}:alias/aws/kinesisvideo"
    assert [info["StreamARN"] for info in other.list_streams()["StreamInfoList"]] == [two]
    other.delete_stream(StreamARN=two)
    until(lambda: not other.list_streams()["StreamInfoList"], "gone")
    assert wait_active(client, name)["StreamARN"] == one


def test_partitions_follow_the_region(server, name):
    for region, partition in (("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")):
        with server.sender(region=region) as sender:
            made = sender.call("/createStream", {"StreamName": name}).json["StreamARN"]
            assert made.startswith(f"arn:{partition}:kinesisvideo:{region}:{ACCOUNT}:stream/{name}/")
            info = sender.call("/describeStream", {"StreamARN": made}).json["StreamInfo"]
            assert info["KmsKeyId"] == f"arn:{partition}:kms:{region}:{ACCOUNT}:alias/aws/kinesisvideo"


def test_an_old_arn_does_not_find_the_new_stream(sender, client, new_stream):
    info = new_stream(Tags={"old": "1"})
    name, old = info["StreamName"], info["StreamARN"]
    client.delete_stream(StreamARN=old)
    new = until(lambda: sender.call("/createStream", {"StreamName": name}).json.get("StreamARN"), "the name is free")
    assert new != old
    assert int(new.rsplit("/", 1)[1]) > int(old.rsplit("/", 1)[1])
    current = wait_active(client, name)
    assert current["StreamARN"] == new and current["Version"] != info["Version"]
    for operation in BY_ARN:
        members = {"CurrentVersion": current["Version"]} if "CurrentVersion" in BY_ARN[operation] else {}
        answer = call(sender, operation, StreamARN=old, **members)
        assert (answer.status, answer.error, answer.message) == (404, "ResourceNotFoundException", NOT_FOUND), operation
        if operation in NAMED:
            answer = call(sender, operation, StreamARN=old, StreamName=name, **members)
            assert (answer.status, answer.error) == (404, "ResourceNotFoundException"), operation
    assert client.describe_stream(StreamName=name)["StreamInfo"] == current
    assert client.list_tags_for_stream(StreamName=name)["Tags"] == {}


def test_accounts_are_apart(deployments):
    """Two accounts have streams of the same name, and neither sees the other's."""
    server = deployments.server()
    mine = server.client()
    arn_of_mine = mine.create_stream(StreamName="shared-name")["StreamARN"]
    done = run_weir("keys", "create", "--account", "210987654321", "--data-dir", server.folder, *server.database.flags)
    assert done.returncode == 0, done.stderr
    credentials = read_credentials(done.stdout, "weir-210987654321")
    theirs = server.client(credentials)
    assert theirs.list_streams()["StreamInfoList"] == []
    arn_of_theirs = theirs.create_stream(StreamName="shared-name")["StreamARN"]
    assert ":210987654321:" in arn_of_theirs
    wait_active(theirs, "shared-name")
    with server.sender(credentials) as sender:
        answer = sender.call("/deleteStream", {"StreamARN": arn_of_mine})
        assert (answer.status, answer.error) == (403, "AccessDeniedException")
    theirs.delete_stream(StreamARN=arn_of_theirs)
    assert wait_active(mine, "shared-name")["StreamARN"] == arn_of_mine
    mine.close()
    theirs.close()


def test_allowed_regions(deployments):
    server = deployments.server("--allowed-regions", "us-east-1,eu-west-1")
    for region, status in (("us-east-1", 200), ("eu-west-1", 200), ("us-west-2", 403)):
        with server.sender(region=region) as sender:
            answer = sender.call("/listStreams")
            assert answer.status == status
    assert (answer.error, answer.json) == ("InvalidSignatureException", {"message": "Credential should be scoped to a valid region."})
