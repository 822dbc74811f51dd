"""Clients that do everything there is to do, in an order that a seed decides, on names that are given up after a while.

A cell is one stream and two channels with names of their own. Several clients work on each cell at once; after so many calls it is given up for a new
one, so that the history of each stays short enough to be explained. Most cells are emptied then; some are left as they are, to be found at the end.
"""

import random
import threading
import time
import traceback

from client import PATIENT, STANDARD, Client
from stack import ACCOUNT, REGION

CELLS = 8
CALLS_PER_CELL = 45
KEPT_CELLS = 6
# Fewer than there are names, so that it is met.
STREAM_QUOTA = CELLS + KEPT_CELLS - 2
CHANNEL_QUOTA = 2 * (CELLS + KEPT_CELLS) - 6
EDGE_TIMEOUT = 6
TAGS = ["site", "floor", "rack", "Ort/über", "e=mc2"]


def flags():
    """What the instances are started with, so that quotas and time limits are met within a run."""
    return ["--stream-quota", STREAM_QUOTA, "--channel-quota", CHANNEL_QUOTA, "--edge-timeout-seconds", EDGE_TIMEOUT, "--destination-limit", 1_000_000]


class Cell:
    """One stream and two channels, and what clients know of them: the latest answers, which may be out of date."""

    def __init__(self, name):
        self.name = name
        self.calls = 0
        self.known = {f"{name}-{suffix}": {} for suffix in "scd"}
        # Versions that were seen, to be used when they are out of date.
        self.versions = {name: [] for name in self.known}

    def learn(self, name, **facts):
        self.known[name] = self.known[name] | facts
        if version := facts.get("version"):
            if version not in self.versions[name]:
                self.versions[name].append(version)

    def forget(self, name):
        self.known[name] = {}


def status_of(info):
    return info.get("Status") or info["ChannelStatus"]


class Workload:
    """The clients, from start to stop. `rate` bounds the calls of all together in a second. forgetful: as in Client."""

    def __init__(self, stack, history, seed, clients=14, rate=150, agents=2, forgetful=False):
        self._forgetful = forgetful
        self.stack, self.history, self.seed = stack, history, seed
        self._stop = threading.Event()
        self._lock = threading.RLock()
        self._pause = clients / rate
        self._generation = 0
        self.kept = []
        self.cells = [self._new_cell() for _ in range(CELLS)]
        self.broken = []
        keys = [stack.thing_key(f"hub-{number}") for number in range(1, agents + 1)]
        self.hubs = [arn for _, arn in keys]
        self._threads = [self._thread(self._work, f"client-{number}", STANDARD if number % 2 else PATIENT) for number in range(clients)]
        self._threads += [self._thread(self._list, f"lister-{number}", PATIENT) for number in range(2)]
        self._threads += [self._thread(self._act, f"agent-{number}", STANDARD, key, arn) for number, (key, arn) in enumerate(keys)]

    def _thread(self, body, name, policy, key=None, *arguments):
        def run():
            client = Client(self.stack.port, key or self.stack.key, self.history, name, policy, self.seed, self._forgetful)
            chance = random.Random(f"{self.seed}-{name}-what")
            try:
                body(client, chance, *arguments)
            except Exception as error:  # A client that dies without a word would leave the run without its calls.
                self.broken.append(f"{name}: {error!r}\n{traceback.format_exc()}")
            finally:
                client.close()

        return threading.Thread(target=run, name=name, daemon=True)

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(180)
            if thread.is_alive():
                self.broken.append(f"{thread.name} does not end")

    # MARK: Cells

    def _new_cell(self):
        with self._lock:
            self._generation += 1
            return Cell(f"c{self._generation:05}")

    def _cell(self, client, chance):
        """A cell to work on; whoever finds one used up ends it first."""
        slot = chance.randrange(CELLS)
        with self._lock:
            cell = self.cells[slot]
            cell.calls += 1
            is_last = cell.calls == CALLS_PER_CELL
        if is_last:
            with self._lock:
                is_kept = len(self.kept) < KEPT_CELLS and chance.random() < 0.3
                if is_kept:
                    self.kept.append(cell)
                self.cells[slot] = self._new_cell()
            if not is_kept:
                self._empty(client, cell)
            cell = self.cells[slot]
        return cell

    def _empty(self, client, cell):
        """Deletes what a cell holds. Whatever stays behind after some tries stays: it is found at the end."""
        # Channels first: a stream is not deleted while one stores its media there.
        for name in sorted(cell.known, key=lambda name: name.endswith("-s")):
            kind, member = ("Stream", "StreamInfo") if name.endswith("-s") else ("SignalingChannel", "ChannelInfo")
            prefix = "Stream" if name.endswith("-s") else "Channel"
            for _ in range(20):
                told = self._call(client, cell, f"Describe{kind}", {f"{prefix}Name": name})
                if told.code == "ResourceNotFoundException" or self._stop.is_set():
                    break
                if told.is_ok and status_of(told.body[member]) == "ACTIVE":
                    if prefix == "Channel":
                        self._call(client, cell, "UpdateMediaStorageConfiguration", {
                            "ChannelARN": told.body[member]["ChannelARN"], "MediaStorageConfiguration": {"Status": "DISABLED"}})
                    self._call(client, cell, f"Delete{kind}", {f"{prefix}ARN": told.body[member][f"{prefix}ARN"]})
                time.sleep(0.1)

    def _call(self, client, cell, operation, body):
        return client.call(operation, body, cell=cell.name)

    # MARK: What clients do

    def _work(self, client, chance):
        number = 0
        while not self._stop.is_set():
            number += 1
            cell = self._cell(client, chance)
            kind = chance.choices(["stream", "channel", "edge", "storage"], [56, 26, 10, 8])[0]
            mark = f"{client.name}-{number}"
            if kind == "stream":
                self._use_stream(client, chance, cell, mark)
            elif kind == "channel":
                self._use_channel(client, chance, cell, mark)
            elif kind == "edge":
                self._use_edge(client, chance, cell, mark)
            else:
                self._use_storage(client, chance, cell)
            self._stop.wait(self._pause * 2 * chance.random())

    def _named(self, chance, cell, name, prefix, always_arn=False):
        """The member that names a stream or channel, by its name or, if it is known, by its ARN."""
        arn = cell.known[name].get("arn")
        if arn and (always_arn or chance.random() < 0.3):
            return {f"{prefix}ARN": arn}
        return None if always_arn else {f"{prefix}Name": name}

    def _version(self, chance, cell, name):
        """Mostly the version that was seen last, at times an older one."""
        versions = cell.versions[name]
        if versions and chance.random() < 0.15:
            return chance.choice(versions)
        return cell.known[name].get("version") or "aaaaaaaaaaaaaaaaaaaa"

    def _note(self, cell, name, told):
        """Learns from the answer to a description or creation."""
        if told.is_ok:
            info = told.body.get("StreamInfo") or told.body.get("ChannelInfo") or told.body
            facts = {"arn": info.get("StreamARN") or info.get("ChannelARN")}
            if "Version" in info:
                facts |= {"version": info["Version"], "status": status_of(info), "retention": info.get("DataRetentionInHours", 0)}
            cell.learn(name, **facts)
        elif told.code == "ResourceNotFoundException":
            cell.forget(name)

    def _use_stream(self, client, chance, cell, mark):
        name = f"{cell.name}-s"
        if not cell.known[name]:
            if chance.random() < 0.75:
                body = {"StreamName": name, "DataRetentionInHours": chance.choice([0, 0, 2, 24])}
                if chance.random() < 0.5:
                    body |= {"Tags": {chance.choice(TAGS): mark}, "DeviceName": mark}
                if chance.random() < 0.2:
                    body |= {"StreamStorageConfiguration": {"DefaultStorageTier": "WARM"}}
                return self._note(cell, name, self._call(client, cell, "CreateStream", body))
            return self._note(cell, name, self._call(client, cell, "DescribeStream", {"StreamName": name}))
        what = chance.choices(
            ["describe", "update", "retention", "storage", "tag", "untag", "tags", "tag-resource", "image", "notification", "images", "notifications",
             "endpoint", "delete", "create"], [20, 12, 12, 4, 12, 6, 10, 3, 5, 4, 2, 2, 2, 3, 2])[0]
        named = self._named(chance, cell, name, "Stream")
        current = named | {"CurrentVersion": self._version(chance, cell, name)}
        match what:
            case "describe":
                self._note(cell, name, self._call(client, cell, "DescribeStream", named))
            case "update":
                media = {"MediaType": f"video/{mark}"} if chance.random() < 0.4 else {}
                self._call(client, cell, "UpdateStream", current | {"DeviceName": mark} | media)
                self._note(cell, name, self._call(client, cell, "DescribeStream", {"StreamName": name}))
            case "retention":
                way = chance.choice(["INCREASE_DATA_RETENTION", "INCREASE_DATA_RETENTION", "DECREASE_DATA_RETENTION"])
                self._call(client, cell, "UpdateDataRetention", current | {"Operation": way, "DataRetentionChangeInHours": chance.randint(1, 9)})
                self._note(cell, name, self._call(client, cell, "DescribeStream", {"StreamName": name}))
            case "storage":
                tier = chance.choice(["HOT", "WARM"])
                self._call(client, cell, "UpdateStreamStorageConfiguration", current | {"StreamStorageConfiguration": {"DefaultStorageTier": tier}})
            case "tag":
                self._call(client, cell, "TagStream", named | {"Tags": {key: mark for key in chance.sample(TAGS, chance.randint(1, 3))}})
            case "untag":
                self._call(client, cell, "UntagStream", named | {"TagKeyList": chance.sample(TAGS, chance.randint(1, 2))})
            case "tags":
                self._call(client, cell, "ListTagsForStream", named)
            case "tag-resource":
                arn = cell.known[name].get("arn") or self._nowhere("stream", name)
                self._call(client, cell, "TagResource", {"ResourceARN": arn, "Tags": [{"Key": chance.choice(TAGS), "Value": mark}]})
            case "image":
                self._call(client, cell, "UpdateImageGenerationConfiguration", named | self._image(chance, mark))
            case "notification":
                config = {"Status": chance.choice(["ENABLED", "DISABLED"]), "DestinationConfig": {"Uri": f"arn:aws:sns:{REGION}:{ACCOUNT}:{mark}"}}
                given = {"NotificationConfiguration": config} if chance.random() < 0.85 else {}
                self._call(client, cell, "UpdateNotificationConfiguration", named | given)
            case "images":
                self._call(client, cell, "DescribeImageGenerationConfiguration", named)
            case "notifications":
                self._call(client, cell, "DescribeNotificationConfiguration", named)
            case "endpoint":
                self._call(client, cell, "GetDataEndpoint", named | {"APIName": "PUT_MEDIA"})
            case "delete":
                if arn := cell.known[name].get("arn"):
                    version = {"CurrentVersion": current["CurrentVersion"]} if chance.random() < 0.5 else {}
                    self._call(client, cell, "DeleteStream", {"StreamARN": arn} | version)
                    self._note(cell, name, self._call(client, cell, "DescribeStream", {"StreamName": name}))
            case "create":
                self._call(client, cell, "CreateStream", {"StreamName": name})

    @staticmethod
    def _nowhere(kind, name):
        return f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:{kind}/{name}/1000000000000"

    @staticmethod
    def _image(chance, mark):
        if chance.random() < 0.15:
            return {}
        return {"ImageGenerationConfiguration": {
            "Status": chance.choice(["ENABLED", "DISABLED"]), "ImageSelectorType": "SERVER_TIMESTAMP", "SamplingInterval": 3000, "Format": "JPEG",
            "DestinationConfig": {"Uri": f"s3://bucket/{mark}", "DestinationRegion": REGION}}}

    def _use_channel(self, client, chance, cell, mark):
        name = f"{cell.name}-{chance.choice('cd')}"
        arn = cell.known[name].get("arn")
        if not arn:
            if chance.random() < 0.75:
                body = {"ChannelName": name}
                if chance.random() < 0.5:
                    body |= {"Tags": [{"Key": chance.choice(TAGS), "Value": mark}]}
                    body |= {"SingleMasterConfiguration": {"MessageTtlSeconds": chance.randint(5, 120)}}
                return self._note(cell, name, self._call(client, cell, "CreateSignalingChannel", body))
            return self._note(cell, name, self._call(client, cell, "DescribeSignalingChannel", {"ChannelName": name}))
        what = chance.choices(["describe", "update", "tag", "untag", "tags", "endpoint", "delete", "create"], [20, 12, 10, 6, 8, 3, 3, 2])[0]
        current = {"ChannelARN": arn, "CurrentVersion": self._version(chance, cell, name)}
        match what:
            case "describe":
                self._note(cell, name, self._call(client, cell, "DescribeSignalingChannel", self._named(chance, cell, name, "Channel")))
            case "update":
                seconds = chance.randint(5, 120)
                self._call(client, cell, "UpdateSignalingChannel", current | {"SingleMasterConfiguration": {"MessageTtlSeconds": seconds}})
                self._note(cell, name, self._call(client, cell, "DescribeSignalingChannel", {"ChannelName": name}))
            case "tag":
                tags = [{"Key": key, "Value": mark} for key in chance.sample(TAGS, chance.randint(1, 3))]
                self._call(client, cell, "TagResource", {"ResourceARN": arn, "Tags": tags})
            case "untag":
                self._call(client, cell, "UntagResource", {"ResourceARN": arn, "TagKeyList": chance.sample(TAGS, chance.randint(1, 2))})
            case "tags":
                self._call(client, cell, "ListTagsForResource", {"ResourceARN": arn})
            case "endpoint":
                self._call(client, cell, "GetSignalingChannelEndpoint", {"ChannelARN": arn})
            case "delete":
                version = {"CurrentVersion": current["CurrentVersion"]} if chance.random() < 0.5 else {}
                self._call(client, cell, "DeleteSignalingChannel", {"ChannelARN": arn} | version)
                self._note(cell, name, self._call(client, cell, "DescribeSignalingChannel", {"ChannelName": name}))
            case "create":
                self._call(client, cell, "CreateSignalingChannel", {"ChannelName": name})

    def _use_edge(self, client, chance, cell, mark):
        name = f"{cell.name}-s"
        named = self._named(chance, cell, name, "Stream")
        match chance.choices(["start", "describe", "delete"], [5, 4, 2])[0]:
            case "start":
                # Mostly the same agent for a cell.
                hub = self.hubs[sum(map(ord, cell.name)) % len(self.hubs)] if chance.random() < 0.9 else chance.choice(self.hubs)
                schedule = {"ScheduleExpression": "0 0 22 * * ?", "DurationInSeconds": 600}
                secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{mark}"
                self._call(client, cell, "StartEdgeConfigurationUpdate", named | {"EdgeConfig": {
                    "HubDeviceArn": hub, "RecorderConfig": {"MediaSourceConfig": {"MediaUriSecretArn": secret, "MediaUriType": "RTSP_URI"}},
                    "UploaderConfig": {"ScheduleConfig": schedule}}})
            case "describe":
                self._call(client, cell, "DescribeEdgeConfiguration", named)
            case "delete":
                self._call(client, cell, "DeleteEdgeConfiguration", named)

    def _use_storage(self, client, chance, cell):
        channel, stream = cell.known[f"{cell.name}-{chance.choice('cd')}"], cell.known[f"{cell.name}-s"]
        what = chance.choices(["enable", "disable", "describe", "mapped"], [5, 2, 3, 2])[0]
        if what == "mapped":
            if stream.get("arn"):
                self._call(client, cell, "DescribeMappedResourceConfiguration", {"StreamARN": stream["arn"]})
            return
        if not channel.get("arn"):
            return
        named = {"ChannelARN": channel["arn"]}
        if what == "enable" and stream.get("arn"):
            enabled = {"MediaStorageConfiguration": {"Status": "ENABLED", "StreamARN": stream["arn"]}}
            self._call(client, cell, "UpdateMediaStorageConfiguration", named | enabled)
        elif what == "disable":
            self._call(client, cell, "UpdateMediaStorageConfiguration", named | {"MediaStorageConfiguration": {"Status": "DISABLED"}})
        else:
            self._call(client, cell, "DescribeMediaStorageConfiguration", named)

    # MARK: Lists

    def _list(self, client, chance):
        """Lists everything, page by page, again and again."""
        number = 0
        while not self._stop.is_set():
            number += 1
            operation, member, prefix = chance.choice([
                ("ListStreams", "StreamInfoList", "Stream"), ("ListSignalingChannels", "ChannelInfoList", "Channel")])
            token, size = None, chance.choice([1, 2, 3, 5, 5, 100])
            for page in range(200):
                body = {"MaxResults": size} | ({"NextToken": token} if token else {})
                told = client.call(operation, body, listing=f"{client.name}-{number}", page=page)
                for info in told.body[member] if told.is_ok else []:
                    self._clear_away(client, info, prefix)
                token = told.is_ok and told.body.get("NextToken")
                if not token:
                    break
            self._stop.wait(0.5)

    def _clear_away(self, client, info, prefix):
        """Deletes what a cell holds that was emptied: a creation of unknown outcome may have come after that. It would use up the quota."""
        cell = info[f"{prefix}Name"].rsplit("-", 1)[0]
        with self._lock:
            is_used = any(cell == other.name for other in (*self.cells, *self.kept))
        if not is_used and status_of(info) == "ACTIVE":
            operation = "DeleteStream" if prefix == "Stream" else "DeleteSignalingChannel"
            if prefix == "Channel":
                client.call("UpdateMediaStorageConfiguration", {
                    "ChannelARN": info["ChannelARN"], "MediaStorageConfiguration": {"Status": "DISABLED"}}, cell=cell)
            client.call(operation, {f"{prefix}ARN": info[f"{prefix}ARN"]}, cell=cell)

    # MARK: Edge agents

    def _act(self, client, chance, hub):
        """An edge agent that mostly does what it is told, sometimes fails, and sometimes says nothing until its time is over."""
        held = {}
        while not self._stop.is_set():
            wait = chance.choice([0, 1, 1, 3, 20])
            told = client.call("FetchEdgeConfigurations", {
                "HubDeviceArn": hub, "WaitTimeInSeconds": wait,
                "HeldConfigurations": [{"StreamARN": arn, "Revision": revision} for arn, revision in held.items()]})
            if not told.is_ok:
                self._stop.wait(0.5)
                continue
            for arn in told.body["RemovedStreamARNs"]:
                held.pop(arn, None)
            for item in told.body["EdgeConfigurations"]:
                if chance.random() < 0.15:
                    continue
                arn, revision = item["StreamARN"], item["Revision"]
                cell = arn.split("/")[1].rsplit("-", 1)[0]
                about = {"HubDeviceArn": hub, "StreamARN": arn, "Revision": revision}
                if item["SyncStatus"] in ("SYNCING", "DELETING"):
                    client.call("AcknowledgeEdgeConfiguration", about, cell=cell)
                if chance.random() < 0.25:
                    continue
                result = chance.choices(["SUCCEEDED", "FAILED"], [5, 1])[0]
                client.call("ReportEdgeConfigurationResult", about | {"Result": result}, cell=cell)
                if item["SyncStatus"].startswith("DELETING"):
                    held.pop(arn, None)
                else:
                    held[arn] = revision
                client.call("ReportEdgeAgentStatus", {
                    "HubDeviceArn": hub, "StreamARN": arn, "RecorderStatus": {"Status": "SUCCESS", "JobStatusDetails": revision}})
            self._stop.wait(0.2)
