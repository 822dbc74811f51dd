"""Every operation through the real AWS CLI, which knows the profile `weir` of the deployment's credentials file and nothing else."""

import inspect
import json
import shutil
import subprocess

from botocore import xform_name

import model
from calls import fresh, wait_active, wait_channel
from cases import SECRET, THING
from deployment import DEADLINE, clean_environment, until
from edge import Hub


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


def test_the_life_of_a_channel(server, client, new_stream):
    cli, name = CLI(server), fresh("channel")
    arn = cli.answer("create-signaling-channel", "--channel-name", name, "--tags", "Key=site,Value=north")["ChannelARN"]
    info = wait_channel(client, name)
    described = cli.answer("describe-signaling-channel", "--channel-name", name)["ChannelInfo"]
    assert (described["ChannelARN"], described["Version"], described["SingleMasterConfiguration"]) == (arn, info["Version"], {"MessageTtlSeconds": 60})
    condition = f"ComparisonOperator=BEGINS_WITH,ComparisonValue={name}"
    assert cli.answer("list-signaling-channels", "--channel-name-condition", condition) == {"ChannelInfoList": [described]}
    endpoint = cli.answer(
        "get-signaling-channel-endpoint", "--channel-arn", arn, "--single-master-channel-endpoint-configuration", "Protocols=HTTPS,Role=VIEWER")
    assert endpoint == {"ResourceEndpointList": [{"Protocol": "HTTPS", "ResourceEndpoint": server.endpoint}]}
    assert cli.answer("tag-resource", "--resource-arn", arn, "--tags", "Key=floor,Value=2") is None
    assert cli.answer("untag-resource", "--resource-arn", arn, "--tag-key-list", "site") is None
    assert cli.answer("list-tags-for-resource", "--resource-arn", arn) == {"Tags": {"floor": "2"}}
    stream = new_stream(DataRetentionInHours=1)
    assert cli.answer(
        "update-media-storage-configuration", "--channel-arn", arn, "--media-storage-configuration",
        f"Status=ENABLED,StreamARN={stream['StreamARN']}") is None
    assert cli.answer("describe-media-storage-configuration", "--channel-name", name) == {
        "MediaStorageConfiguration": {"Status": "ENABLED", "StreamARN": stream["StreamARN"]}}
    mapped = cli.answer("describe-mapped-resource-configuration", "--stream-name", stream["StreamName"])
    assert [found["ARN"] for found in mapped["MappedResourceConfigurationList"]] == [arn]
    assert cli.answer(
        "update-signaling-channel", "--channel-arn", arn, "--current-version", info["Version"], "--single-master-configuration",
        "MessageTtlSeconds=30") is None
    version = wait_channel(client, name)["Version"]
    assert cli.answer("update-media-storage-configuration", "--channel-arn", arn, "--media-storage-configuration", "Status=DISABLED") is None
    assert cli.answer("delete-signaling-channel", "--channel-arn", arn, "--current-version", version) is None
    done = cli.run("create-signaling-channel", "--channel-name", "mesh", "--channel-type", "FULL_MESH")
    assert done.returncode in (254, 255)
    assert "An error occurred (InvalidArgumentException) when calling the CreateSignalingChannel operation: " in done.stderr


def test_the_configurations_of_a_stream(server, client, new_stream):
    cli = CLI(server)
    name = new_stream(DataRetentionInHours=1)["StreamName"]
    images = {
        "Status": "ENABLED", "ImageSelectorType": "SERVER_TIMESTAMP", "DestinationConfig": {"Uri": "s3://b", "DestinationRegion": "us-east-1"},
        "SamplingInterval": 200, "Format": "JPEG", "FormatConfig": {"JPEGQuality": "70"}}
    assert cli.answer("update-image-generation-configuration", "--stream-name", name, "--image-generation-configuration", json.dumps(images)) is None
    assert cli.answer("describe-image-generation-configuration", "--stream-name", name) == {"ImageGenerationConfiguration": images}
    notifications = {"Status": "DISABLED", "DestinationConfig": {"Uri": "arn:aws:sns:us-east-1:123456789012:events"}}
    assert cli.answer("update-notification-configuration", "--stream-name", name, "--notification-configuration", json.dumps(notifications)) is None
    assert cli.answer("describe-notification-configuration", "--stream-name", name) == {"NotificationConfiguration": notifications}
    edge = {
        "HubDeviceArn": THING + fresh("hub"), "DeletionConfig": {"DeleteAfterUpload": False},
        "RecorderConfig": {"MediaSourceConfig": {"MediaUriSecretArn": SECRET + "camera", "MediaUriType": "RTSP_URI"}}}
    started = cli.answer("start-edge-configuration-update", "--stream-name", name, "--edge-config", json.dumps(edge))
    assert (started["SyncStatus"], started["EdgeConfig"]) == ("SYNCING", edge)
    assert cli.answer("describe-edge-configuration", "--stream-name", name) == started
    assert cli.answer("list-edge-agent-configurations", "--hub-device-arn", edge["HubDeviceArn"]) == {"EdgeConfigs": [started]}
    hub = Hub(server, name=edge["HubDeviceArn"].rsplit("/", 1)[1])
    assert hub.settle(wait_active(client, name)) == "IN_SYNC"
    assert cli.answer("delete-edge-configuration", "--stream-name", name) is None
    done = cli.run("describe-edge-configuration", "--stream-name", new_stream()["StreamName"])
    assert done.returncode in (254, 255) and "(StreamEdgeConfigurationNotFoundException)" in done.stderr


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
    text = "".join(map(inspect.getsource, (test_the_life_of_a_stream, test_the_life_of_a_channel, test_the_configurations_of_a_stream)))
    missing = [name for name in model.OPERATIONS if f'"{xform_name(name, "-")}"' not in text]
    assert not missing
