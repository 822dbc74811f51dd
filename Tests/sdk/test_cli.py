"""Every operation through the real AWS CLI, which knows the profile `weir` of the deployment's credentials file and nothing else."""

import json
import shutil
import subprocess

import pytest

import model
from deployment import DEADLINE, clean_environment, until


class CLI:
    def __init__(self, server):
        self.server = server
        self.program = shutil.which("aws")
        assert self.program, "the AWS CLI is not installed: pip install -r Tests/sdk/requirements.txt"

    def run(self, operation, *arguments):
        return subprocess.run(
            [self.program, "kinesisvideo", operation, "--endpoint-url", self.server.endpoint, "--output", "json", *arguments],
            capture_output=True, text=True, timeout=2 * DEADLINE,
            env=clean_environment(
                AWS_SHARED_CREDENTIALS_FILE=str(self.server.credentials_file), AWS_PROFILE="weir",
                AWS_CONFIG_FILE="/dev/null", AWS_EC2_METADATA_DISABLED="true", AWS_MAX_ATTEMPTS="1"),
        )

    def answer(self, operation, *arguments):
        done = self.run(operation, *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


def test_the_life_of_a_stream(server, name):
    cli = CLI(server)
    arn = cli.answer("create-stream", "--stream-name", name, "--data-retention-in-hours", "2", "--tags", "site=north")["StreamARN"]
    client = server.client()

    def active():
        info = client.describe_stream(StreamName=name)["StreamInfo"]
        return info if info["Status"] == "ACTIVE" else None

    info = until(active, "ACTIVE")
    described = cli.answer("describe-stream", "--stream-name", name)["StreamInfo"]
    assert described["StreamARN"] == arn and described["Version"] == info["Version"] and described["DataRetentionInHours"] == 2
    listed = cli.answer("list-streams", "--stream-name-condition", f"ComparisonOperator=BEGINS_WITH,ComparisonValue={name}")
    assert listed == {"StreamInfoList": [described]}
    assert cli.answer("get-data-endpoint", "--stream-name", name, "--api-name", "PUT_MEDIA") == {"DataEndpoint": server.endpoint}
    assert cli.answer("tag-stream", "--stream-arn", arn, "--tags", "floor=2,room=") is None
    assert cli.answer("untag-stream", "--stream-name", name, "--tag-key-list", "site") is None
    assert cli.answer("list-tags-for-stream", "--stream-name", name) == {"Tags": {"floor": "2", "room": ""}}
    assert cli.answer("update-stream", "--stream-name", name, "--current-version", info["Version"], "--device-name", "d") is None
    info = until(active, "ACTIVE")
    assert cli.answer(
        "update-data-retention", "--stream-name", name, "--current-version", info["Version"], "--operation", "INCREASE_DATA_RETENTION",
        "--data-retention-change-in-hours", "3") is None
    info = until(active, "ACTIVE")
    assert info["DataRetentionInHours"] == 5
    assert cli.answer(
        "update-stream-storage-configuration", "--stream-name", name, "--current-version", info["Version"],
        "--stream-storage-configuration", "DefaultStorageTier=WARM") is None
    until(active, "ACTIVE")
    assert cli.answer("describe-stream-storage-configuration", "--stream-name", name) == {
        "StreamName": name, "StreamARN": arn, "StreamStorageConfiguration": {"DefaultStorageTier": "WARM"}}
    assert cli.answer("delete-stream", "--stream-arn", arn) is None
    done = cli.run("update-stream", "--stream-name", "nobody", "--current-version", "v")
    assert done.returncode in (254, 255)  # version 2 and 1 of the CLI
    assert "An error occurred (ResourceNotFoundException) when calling the UpdateStream operation: "\
        "The requested stream is not found or not active." in done.stderr


def test_the_cli_pages_by_itself(server, client):
    made = [f"cli-page-{index}" for index in range(5)]
    for name in made:
        client.create_stream(StreamName=name)
    found = CLI(server).answer("list-streams", "--page-size", "2", "--stream-name-condition", "ComparisonValue=cli-page-")
    assert [info["StreamName"] for info in found["StreamInfoList"]] == made


def test_the_file_is_all_that_a_client_needs(tmp_path):
    """Region and endpoint come from the credentials file too, where the port is a known one."""
    import socket
    from deployment import binary

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [binary(), "serve", "--data-dir", str(tmp_path / "data"), "--port", str(port)], stderr=subprocess.PIPE, text=True,
        env=clean_environment())
    try:
        for line in process.stderr:
            if "listening on" in line:
                break
        done = subprocess.run(
            [shutil.which("aws"), "kinesisvideo", "list-streams", "--output", "json"], capture_output=True, text=True, timeout=2 * DEADLINE,
            env=clean_environment(
                AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "data" / "credentials"), AWS_PROFILE="weir", AWS_CONFIG_FILE="/dev/null",
                AWS_EC2_METADATA_DISABLED="true"))
        assert (done.returncode, json.loads(done.stdout or "null")) == (0, {"StreamInfoList": []}), done.stderr
    finally:
        process.kill()
        process.wait(DEADLINE)
        process.stderr.close()


def test_every_operation_has_a_command_here():
    """Fails when an operation is added and the tests above are not."""
    import inspect

    from botocore import xform_name

    text = inspect.getsource(test_the_life_of_a_stream)
    missing = [name for name in model.OPERATIONS if f'"{xform_name(name, "-")}"' not in text]
    assert not missing
