"""An S3-compatible store for tests: SeaweedFS, one process on free ports of loopback."""

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from deployment import DEADLINE, clean_environment, until

KEY, SECRET = "AKIDSTORE", "the-secret-of-the-store"


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class SeaweedFS:
    """A running store with the bucket `media`. May be killed and started again on its folder and port."""

    def __init__(self, folder):
        self.folder = Path(folder)
        end = time.monotonic() + DEADLINE
        while True:
            self.port, *self._ports = free_ports(11)
            self.start()
            try:
                return self.wait_until_up()
            except AssertionError:
                # A port that was free is another's by now.
                if time.monotonic() > end or self.process.poll() is None:
                    raise

    def wait_until_up(self):
        until(self._has_bucket, lambda: f"the store takes a bucket: {(self.folder / 'log').read_text()[-2000:]}", 60)

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def flags(self):
        """Of a server that keeps media here."""
        return ["--media-store", "s3://media/site-1", "--media-store-endpoint", self.endpoint]

    @property
    def environment(self):
        return {"WEIR_MEDIA_STORE_ACCESS_KEY_ID": KEY, "WEIR_MEDIA_STORE_SECRET_ACCESS_KEY": SECRET}

    def start(self):
        weed = shutil.which("weed") or Path(sys.executable).parent / "weed"
        names = ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc", "s3.port.grpc",
                 "admin.port", "admin.port.grpc"]
        flags = [f"-{name}={port}" for name, port in zip(names, self._ports)]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(weed), "mini", f"-dir={self.folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.port={self.port}", *flags,
                 "-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-master.telemetry=false", "-filer.localSocket=filer.sock",
                 "-master.volumeSizeLimitMB=64"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env=clean_environment(AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET))

    def client(self):
        return boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1", aws_access_key_id=KEY, aws_secret_access_key=SECRET,
                            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, connect_timeout=2, read_timeout=5))

    def _has_bucket(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            self.client().create_bucket(Bucket="media")
        except ClientError as error:
            return error.response["Error"]["Code"] in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")
        except BotoCoreError:
            return False
        return True

    def keys(self):
        """The keys of packs."""
        found = self.client().list_objects_v2(Bucket="media", Prefix="site-1/").get("Contents", [])
        return sorted(each["Key"] for each in found if each["Key"].endswith(".pack"))

    def kill(self):
        self.process.kill()
        self.process.wait()
