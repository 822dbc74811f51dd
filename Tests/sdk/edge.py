"""Edge configurations and the agents they are for: things, their keys, and the way into each status."""

import subprocess
import threading

from calls import accepted, call, denied, fresh
from cases import SECRET, THING
from deployment import DEADLINE, REGION, binary, clean_environment, until
from signing import Credentials

STATUSES = ["SYNCING", "ACKNOWLEDGED", "IN_SYNC", "SYNC_FAILED", "DELETING", "DELETING_ACKNOWLEDGED", "DELETE_FAILED"]
AWAITED = {"SYNCING", "ACKNOWLEDGED", "DELETING", "DELETING_ACKNOWLEDGED"}
SETTLED = set(STATUSES) - AWAITED


def configuration(hub_arn, **members):
    """The least that an edge configuration has, and what is given."""
    source = {"MediaUriSecretArn": SECRET + "camera", "MediaUriType": "RTSP_URI"}
    return {"HubDeviceArn": hub_arn, "RecorderConfig": {"MediaSourceConfig": source}} | members


class Hub:
    """A thing with a key of its own, and the calls that its agent makes."""

    def __init__(self, server, name=None, credentials=None):
        self.arn = THING + (name or fresh("hub"))
        self.credentials = credentials or server.key("--thing", self.arn)
        self.sender = server.sender(self.credentials)

    def body(self, stream, **members):
        return {"HubDeviceArn": self.arn, "StreamARN": stream["StreamARN"]} | members

    def fetch(self, held=(), wait=0):
        """What there is to do, by the ARN of the stream, and the ARNs of the streams that are gone."""
        answer = accepted(self.sender, "FetchEdgeConfigurations", {
            "HubDeviceArn": self.arn, "WaitTimeInSeconds": wait,
            "HeldConfigurations": [{"StreamARN": stream_arn, "Revision": revision} for stream_arn, revision in held]})
        found = {given["StreamARN"]: given for given in answer["EdgeConfigurations"]}
        assert len(found) == len(answer["EdgeConfigurations"])
        return found, answer["RemovedStreamARNs"]

    def revision(self, stream):
        """Of a configuration that the agent has to act on."""
        return self.fetch()[0][stream["StreamARN"]]["Revision"]

    def acknowledge(self, stream, revision):
        return accepted(self.sender, "AcknowledgeEdgeConfiguration", self.body(stream, Revision=revision))["SyncStatus"]

    def report(self, stream, revision, result, **members):
        """The status after the report; none where the configuration is gone."""
        body = self.body(stream, Revision=revision, Result=result, **members)
        return accepted(self.sender, "ReportEdgeConfigurationResult", body).get("SyncStatus")

    def settle(self, stream):
        """Does what there is to do for a stream."""
        revision = self.revision(stream)
        self.acknowledge(stream, revision)
        return self.report(stream, revision, "SUCCEEDED")

    def refuse(self, operation, stream, error, status=400, **members):
        return denied(self.sender, operation, self.body(stream, **members), error, status)


def start(client, stream, hub, **members):
    return call(client, "StartEdgeConfigurationUpdate", StreamName=stream["StreamName"], EdgeConfig=configuration(hub.arn, **members))


def describe(client, stream):
    return call(client, "DescribeEdgeConfiguration", StreamName=stream["StreamName"])


def delete(client, stream):
    assert call(client, "DeleteEdgeConfiguration", StreamName=stream["StreamName"]) == {}


def lead(client, hub, stream, status):
    """Leads a stream without edge configuration into a status of one; returns the configuration's present revision."""
    start(client, stream, hub)
    if status not in ("SYNCING", "ACKNOWLEDGED", "SYNC_FAILED"):
        assert hub.settle(stream) == "IN_SYNC"
        if status != "IN_SYNC":
            delete(client, stream)
    revision = hub.revision(stream)
    if status in ("ACKNOWLEDGED", "DELETING_ACKNOWLEDGED"):
        assert hub.acknowledge(stream, revision) == status
    if status in ("SYNC_FAILED", "DELETE_FAILED"):
        assert hub.report(stream, revision, "FAILED", FailedStatusDetails="no room") == status
    assert describe(client, stream)["SyncStatus"] == status
    return revision


class AgentProcess:
    """A running `weir edge-agent`."""

    def __init__(self, thing, folder, endpoint, *flags, **environment):
        self.folder = folder
        self.log = []
        self.process = subprocess.Popen(
            [binary(), "edge-agent", "--thing", thing, "--folder", str(folder), "--endpoint-url", endpoint, *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
            env=clean_environment(AWS_REGION=REGION, AWS_CONFIG_FILE="/dev/null", **environment))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.log.append(line)

    def until(self, condition, what):
        """Waits as `deployment.until` does, as long as the program runs."""

        def look():
            assert self.process.poll() is None, "the agent has ended:\n" + "".join(self.log)
            return condition()

        return until(look, what)

    def files(self):
        return sorted(path.name for path in self.folder.iterdir() if not path.name.startswith(".")) if self.folder.exists() else []

    def end(self, kill=False):
        if self.process.poll() is None:
            self.process.kill() if kill else self.process.terminate()
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        self.process.stderr.close()
        return code


def in_environment(credentials: Credentials):
    return {"AWS_ACCESS_KEY_ID": credentials.access_key, "AWS_SECRET_ACCESS_KEY": credentials.secret_key}
