"""The operations on streams through boto3: exact answers, and exact refusals."""

import datetime
import re

import pytest

import model
from calls import STREAM_NOT_FOUND, UUID, VERSION, call, refused, wait_active
from deployment import ACCOUNT, REGION, until


def test_create_describe_list_with_everything(client, name):
    before = datetime.datetime.now(datetime.timezone.utc)
    created = call(
        client, "CreateStream", StreamName=name, DeviceName="camera.7", MediaType="video/h264,audio/aac", KmsKeyId="alias/My key",
        DataRetentionInHours=24, Tags={"site": "north", "empty": ""}, StreamStorageConfiguration={"DefaultStorageTier": "WARM"},
    )
    arn = created["StreamARN"]
    assert created == {"StreamARN": arn}
    tail = re.fullmatch(rf"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/{name}/(\d+)", arn)[1]
    info = wait_active(client, name)
    assert VERSION.fullmatch(info.pop("Version"))
    time = info.pop("CreationTime")
    assert round(time.timestamp() * 1000) == int(tail)
    assert abs((time - before).total_seconds()) < 10
    assert info == {
        "StreamName": name, "StreamARN": arn, "DeviceName": "camera.7", "MediaType": "video/h264,audio/aac", "KmsKeyId": "alias/My key",
        "DataRetentionInHours": 24, "Status": "ACTIVE",
    }
    described = call(client, "DescribeStream", StreamARN=arn)["StreamInfo"]
    assert call(client, "DescribeStream", StreamName=name, StreamARN=arn)["StreamInfo"] == described
    listed = call(client, "ListStreams", StreamNameCondition={"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": name})
    assert listed == {"StreamInfoList": [described]}
    assert call(client, "ListTagsForStream", StreamARN=arn) == {"Tags": {"site": "north", "empty": ""}}
    assert call(client, "DescribeStreamStorageConfiguration", StreamName=name) == {
        "StreamARN": arn, "StreamName": name, "StreamStorageConfiguration": {"DefaultStorageTier": "WARM"},
    }


def test_create_with_the_name_alone_takes_the_defaults(client, name):
    arn = call(client, "CreateStream", StreamName=name)["StreamARN"]
    info = wait_active(client, name)
    del info["CreationTime"], info["Version"]
    assert info == {
        "StreamName": name, "StreamARN": arn, "KmsKeyId": f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/aws/kinesisvideo",
        "DataRetentionInHours": 0, "Status": "ACTIVE",
    }
    assert call(client, "ListTagsForStream", StreamName=name) == {"Tags": {}}
    tier = call(client, "DescribeStreamStorageConfiguration", StreamARN=arn)["StreamStorageConfiguration"]
    assert tier == {"DefaultStorageTier": "HOT"}


def test_update_stream(client, new_stream):
    info = new_stream(DeviceName="before", MediaType="video/h264")
    name = info["StreamName"]
    assert call(client, "UpdateStream", StreamName=name, CurrentVersion=info["Version"], DeviceName="after") == {}
    changed = wait_active(client, name)
    assert changed["Version"] != info["Version"] and VERSION.fullmatch(changed["Version"])
    assert changed == info | {"DeviceName": "after", "Version": changed["Version"]}
    message = refused(client, "UpdateStream", "VersionMismatchException", 400, StreamName=name, CurrentVersion=info["Version"], MediaType="a/b")
    assert name in message and info["Version"] in message
    assert client.describe_stream(StreamName=name)["StreamInfo"] == changed


def test_update_data_retention(client, new_stream):
    info = new_stream(DataRetentionInHours=10)
    name = info["StreamName"]
    assert call(
        client, "UpdateDataRetention", StreamARN=info["StreamARN"], CurrentVersion=info["Version"], Operation="INCREASE_DATA_RETENTION",
        DataRetentionChangeInHours=5) == {}
    raised = wait_active(client, name)
    assert raised == info | {"DataRetentionInHours": 15, "Version": raised["Version"]} and raised["Version"] != info["Version"]
    assert call(
        client, "UpdateDataRetention", StreamName=name, CurrentVersion=raised["Version"], Operation="DECREASE_DATA_RETENTION",
        DataRetentionChangeInHours=15) == {}
    lowered = wait_active(client, name)
    assert lowered == info | {"DataRetentionInHours": 0, "Version": lowered["Version"]}


def test_update_storage_configuration(client, new_stream):
    info = new_stream()
    name = info["StreamName"]
    assert call(
        client, "UpdateStreamStorageConfiguration", StreamName=name, CurrentVersion=info["Version"],
        StreamStorageConfiguration={"DefaultStorageTier": "WARM"}) == {}
    changed = wait_active(client, name)
    assert changed == info | {"Version": changed["Version"]} and changed["Version"] != info["Version"]
    tier = call(client, "DescribeStreamStorageConfiguration", StreamName=name)["StreamStorageConfiguration"]
    assert tier == {"DefaultStorageTier": "WARM"}


def test_tags(client, new_stream):
    info = new_stream()
    name, arn = info["StreamName"], info["StreamARN"]
    assert call(client, "TagStream", StreamARN=arn, Tags={"a": "1", "b": "2"}) == {}
    assert call(client, "TagStream", StreamName=name, Tags={"b": "3", "c": ""}) == {}
    assert call(client, "ListTagsForStream", StreamName=name) == {"Tags": {"a": "1", "b": "3", "c": ""}}
    assert call(client, "UntagStream", StreamName=name, TagKeyList=["a", "absent"]) == {}
    assert call(client, "UntagStream", StreamARN=arn, TagKeyList=["c"]) == {}
    assert call(client, "ListTagsForStream", StreamARN=arn) == {"Tags": {"b": "3"}}
    assert client.describe_stream(StreamName=name)["StreamInfo"] == info


@pytest.mark.parametrize("api", model.operation("GetDataEndpoint").input_shape.members["APIName"].enum)
def test_get_data_endpoint(server, client, new_stream, api):
    info = new_stream()
    assert call(client, "GetDataEndpoint", StreamName=info["StreamName"], APIName=api) == {"DataEndpoint": server.endpoint}
    assert call(client, "GetDataEndpoint", StreamARN=info["StreamARN"], APIName=api) == {"DataEndpoint": server.endpoint}


def test_delete_stream(client, new_stream):
    info = new_stream(Tags={"a": "1"})
    name = info["StreamName"]
    message = refused(client, "DeleteStream", "VersionMismatchException", 400, StreamARN=info["StreamARN"], CurrentVersion="other")
    assert name in message and "other" in message
    assert call(client, "DeleteStream", StreamARN=info["StreamARN"], CurrentVersion=info["Version"]) == {}
    until(lambda: not client.list_streams(StreamNameCondition={"ComparisonValue": name})["StreamInfoList"], "the stream is gone")
    assert refused(client, "DescribeStream", "ResourceNotFoundException", 404, StreamName=name) == STREAM_NOT_FOUND


def test_delete_without_version(client, new_stream):
    info = new_stream()
    assert call(client, "DeleteStream", StreamARN=info["StreamARN"]) == {}


def test_create_of_a_name_in_use(client, new_stream):
    name = new_stream()["StreamName"]
    assert name in refused(client, "CreateStream", "ResourceInUseException", 400, StreamName=name)


@pytest.mark.parametrize("operation, members", [
    ("DescribeStream", {}),
    ("DescribeStreamStorageConfiguration", {}),
    ("GetDataEndpoint", {"APIName": "PUT_MEDIA"}),
    ("ListTagsForStream", {}),
    ("TagStream", {"Tags": {"a": "1"}}),
    ("UntagStream", {"TagKeyList": ["a"]}),
    ("UpdateStream", {"CurrentVersion": "v"}),
    ("UpdateDataRetention", {"CurrentVersion": "v", "Operation": "INCREASE_DATA_RETENTION", "DataRetentionChangeInHours": 1}),
    ("UpdateStreamStorageConfiguration", {"CurrentVersion": "v", "StreamStorageConfiguration": {"DefaultStorageTier": "HOT"}}),
    ("DeleteStream", {}),
])
def test_unknown_stream(client, operation, members):
    arn = f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/nobody/1500000000000"
    assert refused(client, operation, "ResourceNotFoundException", 404, StreamARN=arn, **members) == STREAM_NOT_FOUND
    if operation != "DeleteStream":
        assert refused(client, operation, "ResourceNotFoundException", 404, StreamName="nobody", **members) == STREAM_NOT_FOUND


def test_answers_on_the_wire(sender, name):
    """What SDKs do not show: headers, the order of the wrapper, absent members, empty bodies, numbers."""
    created = sender.call("/createStream", {"StreamName": name})
    model.check_output("CreateStream", created.json)
    assert created.headers["Content-Type"] == "application/json"
    assert created.headers["Content-Length"] == str(len(created.body))
    assert UUID.fullmatch(created.headers["x-amzn-RequestId"])
    date = datetime.datetime.strptime(created.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=datetime.timezone.utc)
    assert abs((datetime.datetime.now(datetime.timezone.utc) - date).total_seconds()) < 10

    described = until(lambda: (lambda r: r if b"ACTIVE" in r.body else None)(sender.call("/describeStream", {"StreamName": name})), "ACTIVE")
    model.check_output("DescribeStream", described.json)
    assert list(described.json) == ["StreamInfo"]
    assert re.search(rb'"CreationTime":(\d+\.\d{3}|\d+(\.\d{1,2})?)[,}]', described.body)
    assert sorted(described.json["StreamInfo"]) == [
        "CreationTime", "DataRetentionInHours", "KmsKeyId", "Status", "StreamARN", "StreamName", "Version"]
    version = described.json["StreamInfo"]["Version"]
    for operation, body in [
        ("ListStreams", {"StreamNameCondition": {"ComparisonValue": name}}),
        ("DescribeStreamStorageConfiguration", {"StreamName": name}),
        ("GetDataEndpoint", {"StreamName": name, "APIName": "GET_CLIP"}),
        ("ListTagsForStream", {"StreamName": name}),
    ]:
        answer = sender.call(model.path(operation), body)
        assert answer.status == 200
        model.check_output(operation, answer.json)
    for operation, body in [
        ("TagStream", {"StreamName": name, "Tags": {"a": "1"}}),
        ("UntagStream", {"StreamName": name, "TagKeyList": ["a"]}),
        ("UpdateStream", {"StreamName": name, "CurrentVersion": version}),
    ]:
        answer = sender.call(model.path(operation), body)
        assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")


def test_an_empty_body_means_an_empty_object(sender):
    for body in (b"", b"{}", b"  {\n} "):
        answer = sender.call("/listStreams", body)
        assert answer.status == 200
        model.check_output("ListStreams", answer.json)


def test_unknown_members_are_ignored_and_null_is_absent(sender, new_stream):
    info = new_stream(DeviceName="kept")
    name = info["StreamName"]
    answer = sender.call("/describeStream", {"StreamName": name, "StreamARN": None, "Unknown": {"deep": [1, None]}})
    assert answer.status == 200
    changed = sender.call("/updateStream", {"StreamName": name, "CurrentVersion": info["Version"], "DeviceName": None, "MediaType": None})
    assert changed.status == 200
    described = sender.call("/describeStream", {"StreamName": name}).json["StreamInfo"]
    assert described["DeviceName"] == "kept" and "MediaType" not in described


@pytest.mark.parametrize("content_type", ["application/json", "application/x-amz-json-1.1", "application/x-amz-json-1.0", "text/plain", None])
def test_any_content_type(sender, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    assert sender.call("/listStreams", {}, headers).status == 200


def test_an_error_on_the_wire(sender):
    answer = sender.call("/describeStream", {"StreamName": "nobody"})
    assert answer.status == 404
    assert answer.headers["x-amzn-ErrorType"] == "ResourceNotFoundException"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert UUID.fullmatch(answer.headers["x-amzn-RequestId"])
    assert answer.json == {"Message": STREAM_NOT_FOUND}
