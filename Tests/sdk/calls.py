"""Calls through boto3 and over plain sockets, with what every answer must be, and resources that are made ready for a test."""

import itertools
import re

import botocore.exceptions
import pytest

import model
from deployment import ACCOUNT, REGION, until

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
VERSION = re.compile(r"[a-z][A-Za-z0-9]{19}")
STREAM_NOT_FOUND = "The requested stream is not found or not active."

_numbers = itertools.count(1)


def fresh(kind):
    """A name that no test has used."""
    return f"{kind}-{next(_numbers)}"


def arn(kind="stream", name="some", region=REGION, account=ACCOUNT, partition="aws", time="1500000000000"):
    return f"arn:{partition}:kinesisvideo:{region}:{account}:{kind}/{name}/{time}"


def call(client, operation, **members):
    """Calls through boto3, and has botocore's validator check what botocore's parser made of the answer."""
    answer = client._make_api_call(operation, members)
    metadata = answer.pop("ResponseMetadata")
    assert metadata["HTTPStatusCode"] == 200
    assert UUID.fullmatch(metadata["RequestId"])
    model.check_parsed(operation, answer)
    return answer


def refused(client, operation, error, status, **members):
    """Calls through boto3 and returns the message of the refusal, which must be this one."""
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        client._make_api_call(operation, members)
    answer = raised.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (error, status), answer["Error"]
    assert UUID.fullmatch(answer["ResponseMetadata"]["RequestId"])
    assert answer["Error"]["Message"]
    return answer["Error"]["Message"]


def accepted(sender, operation, body):
    """Sends a call that must be accepted, and returns the JSON of its answer, none where the API has no output."""
    answer = sender.call(model.path(operation), body)
    assert answer.status == 200, (operation, body, answer.status, answer.error, answer.body)
    if not model.operation(operation).output_shape.members:
        assert answer.body == b""
        return None
    model.check_output(operation, answer.json)
    return answer.json


def denied(sender, operation, body, error, status=400):
    """Sends a call that must be refused with this error, and returns the message."""
    answer = sender.call(model.path(operation), body)
    assert (answer.status, answer.error) == (status, error), (operation, body, answer.status, answer.error, answer.body)
    assert list(answer.json) == ["Message"] and answer.message
    return answer.message


def wait_active(client, name):
    """Waits until a stream is ACTIVE, and returns its description."""
    return _active(lambda: call(client, "DescribeStream", StreamName=name)["StreamInfo"], "Status", name)


def wait_channel(client, name):
    """Waits until a channel is ACTIVE, and returns its description."""
    return _active(lambda: call(client, "DescribeSignalingChannel", ChannelName=name)["ChannelInfo"], "ChannelStatus", name)


def _active(describe, member, name):
    def look():
        info = describe()
        return info if info[member] == "ACTIVE" else None

    return until(look, f"{name} is ACTIVE")
