"""What one stream and two channels do when calls come one after the other: the model that histories are compared with.

It shares nothing with the program. What happens by itself (CREATING ends, an edge agent's time runs out) may happen in it at any moment. What a
client cannot know yet, such as the version that an update has given, is None until an answer tells it, and is that from then on.
"""

from typing import NamedTuple

AWAITING = {"SYNCING": "SYNC_FAILED", "ACKNOWLEDGED": "SYNC_FAILED", "DELETING": "DELETE_FAILED", "DELETING_ACKNOWLEDGED": "DELETE_FAILED"}
SUFFIXES = {"s": "stream", "c": "first", "d": "second"}
READS = {
    "DescribeStream", "DescribeSignalingChannel", "ListTagsForStream", "ListTagsForResource", "DescribeImageGenerationConfiguration",
    "DescribeNotificationConfiguration", "DescribeEdgeConfiguration", "DescribeMediaStorageConfiguration", "DescribeMappedResourceConfiguration",
    "GetDataEndpoint", "GetSignalingChannelEndpoint",
}
VERSIONED = {
    "UpdateStream", "UpdateDataRetention", "UpdateStreamStorageConfiguration", "DeleteStream", "UpdateSignalingChannel", "DeleteSignalingChannel"}
TAGGING = {"TagStream", "UntagStream", "TagResource", "UntagResource"}
CONFIGURING = {"UpdateImageGenerationConfiguration", "UpdateNotificationConfiguration", "UpdateMediaStorageConfiguration"}
AGENT = {"AcknowledgeEdgeConfiguration", "ReportEdgeConfigurationResult"}
EDGE = AGENT | {"StartEdgeConfigurationUpdate", "DeleteEdgeConfiguration", "DescribeEdgeConfiguration"}
# Refusals that tell nothing about the resource.
INDIFFERENT = {"ThrottlingException", "InvalidSignatureException"}


class Edge(NamedTuple):
    hub: str
    # What tells one configuration from another.
    secret: str
    status: str
    revision: str | None


class Stream(NamedTuple):
    arn: str | None
    status: str
    version: str | None
    # Versions and revisions that it had before: none of them comes again.
    used: frozenset
    device: str | None
    media: str | None
    retention: int
    tier: str
    tags: frozenset
    image: str | None
    notification: str | None
    edge: Edge | None


class Channel(NamedTuple):
    arn: str | None
    status: str
    version: str | None
    used: frozenset
    ttl: int
    tags: frozenset
    storage: str | None


class State(NamedTuple):
    stream: Stream | None = None
    first: Channel | None = None
    second: Channel | None = None


def name_of(arn):
    return arn.split(":")[5].split("/")[1]


def slot_of(name):
    return SUFFIXES[name[-1]]


def secret_of(config):
    return config["RecorderConfig"]["MediaSourceConfig"]["MediaUriSecretArn"]


def uri_of(config):
    return config["DestinationConfig"]["Uri"] if config else None


class Subject(NamedTuple):
    """What a call is about: the slot of the cell, and the incarnation where the call names one."""

    slot: str
    arn: str | None


def subject_of(body):
    for member in ("StreamARN", "ChannelARN", "ResourceARN"):
        if member in body:
            return Subject(slot_of(name_of(body[member])), body[member])
    return Subject(slot_of(body.get("StreamName") or body["ChannelName"]), None)


class Model:
    """The model of one cell. `created`: the ARNs that creations have answered, which no creation of unknown outcome can have made."""

    def __init__(self, created=frozenset()):
        self._created = created

    def step(self, state, entry):
        """The states that a call of a history can lead to with its answer."""
        operation, body, outcome = entry["operation"], entry["body"], entry["outcome"]
        answer = entry["answer"] if outcome == "ok" else None
        found = []
        for before in self._views(state, operation, body, answer):
            if outcome == "refused":
                if entry["code"] in INDIFFERENT or self._refuses(before, operation, body, entry["code"], entry["answer"]):
                    found.append(before)
            else:
                after = getattr(self, operation)(before, body, answer)
                if after is not None:
                    found.append(after)
        return found

    # MARK: What happens by itself, and what becomes known

    def _views(self, state, operation, body, answer):
        """The state as the call may find it: what happens by itself has happened or not, and what was unknown is what the call names or not."""
        if operation == "Final":
            states = [state]
            for slot in State._fields:
                info = answer[slot] or {}
                states = [new for old in states for new in self._slot_views(old, slot, info.get("arn"), info.get("version"), info.get("revision"))]
            return states
        subject = subject_of(body)
        told = (answer or {}).get("StreamInfo") or (answer or {}).get("ChannelInfo") or {}
        arn = subject.arn or told.get("StreamARN") or told.get("ChannelARN")
        version = body.get("CurrentVersion") or told.get("Version")
        states = self._slot_views(state, subject.slot, arn, version, body.get("Revision"), edge=operation in EDGE)
        if operation == "UpdateMediaStorageConfiguration" and "StreamARN" in body["MediaStorageConfiguration"]:
            arn = body["MediaStorageConfiguration"]["StreamARN"]
            states = [new for old in states for new in self._slot_views(old, "stream", arn, None, None)]
            # Another channel may have gone, and have given the stream free.
            for slot in {"first", "second"} - {subject.slot}:
                states = [new for old in states for new in self._slot_views(old, slot, None, None, None)]
        if operation == "DescribeMediaStorageConfiguration":
            states = [new for old in states for new in self._slot_views(old, "stream", None, None, None)]
        if operation == "DescribeMappedResourceConfiguration":
            arn = next((item["ARN"] for item in (answer or {}).get("MappedResourceConfigurationList", [])), None)
            for slot in ("first", "second"):
                own = arn if arn and slot_of(name_of(arn)) == slot else None
                states = [new for old in states for new in self._slot_views(old, slot, own, None, None)]
        return states

    def _slot_views(self, state, slot, arn, version, revision, edge=True):
        resource = getattr(state, slot)
        if resource is None:
            return [state]
        views = [resource]
        if resource.status in ("CREATING", "UPDATING"):
            views.append(resource._replace(status="ACTIVE"))
        elif resource.status == "DELETING":
            views.append(None)
        if arn and resource.arn is None and arn not in self._created:
            views += [view._replace(arn=arn) for view in views if view]
        if version and resource.version is None and version not in resource.used:
            views += [view._replace(version=version) for view in views if view]
        if edge and slot == "stream" and resource.edge:
            if revision and resource.edge.revision is None and revision not in resource.used:
                views += [view._replace(edge=view.edge._replace(revision=revision)) for view in views if view]
            if resource.edge.status in AWAITING:
                views += [view._replace(edge=view.edge._replace(status=AWAITING[view.edge.status])) for view in views if view]
        return [self._put(state, slot, view) for view in views]

    @staticmethod
    def _put(state, slot, resource):
        before = getattr(state, slot)
        state = state._replace(**{slot: resource})
        if slot == "stream" and before and not resource and before.arn:
            # A stream that goes takes the mapping of its channel with it.
            for other in ("first", "second"):
                channel = getattr(state, other)
                if channel and channel.storage == before.arn:
                    state = state._replace(**{other: channel._replace(storage=None)})
        return state

    # MARK: Refusals

    def _refuses(self, state, operation, body, code, answer):
        """Whether a call may be refused with this code."""
        subject = subject_of(body)
        found = getattr(state, subject.slot)
        message = (answer or {}).get("Message", "")
        missing = found is None or (subject.arn is not None and found.arn != subject.arn)
        active = not missing and found.status == "ACTIVE"
        edge = None if missing or subject.slot != "stream" else found.edge
        if operation == "UpdateMediaStorageConfiguration" and "StreamARN" in body["MediaStorageConfiguration"]:
            return self._refuses_media_storage(state, body, code, message, subject, missing, active)
        match code:
            case "ResourceNotFoundException":
                if operation == "StartEdgeConfigurationUpdate":
                    return True
                hidden = TAGGING | {"GetDataEndpoint", "GetSignalingChannelEndpoint", "DeleteEdgeConfiguration"}
                return missing or (operation in hidden and found.status == "DELETING")
            case "StreamEdgeConfigurationNotFoundException":
                return edge is None or (operation in AGENT and edge.hub != body["HubDeviceArn"])
            case "ResourceInUseException":
                if "being changed by others" in message:
                    return True
                if operation in ("CreateStream", "CreateSignalingChannel"):
                    return found is not None
                if operation in AGENT:
                    return edge is not None and edge.revision == body["Revision"] and self._agent(edge, operation, body) is None
                if operation == "DeleteEdgeConfiguration":
                    return edge is not None and edge.status in AWAITING
                if operation == "StartEdgeConfigurationUpdate":
                    taken = edge is not None and (edge.status in AWAITING or edge.hub != body["EdgeConfig"]["HubDeviceArn"])
                    return taken or (not missing and not active)
                if operation in ("DeleteStream", "DeleteSignalingChannel") and active and self._is_mapped(state, subject.slot):
                    return True
                return operation in VERSIONED | CONFIGURING and not missing and not active
            case "VersionMismatchException":
                if operation in AGENT:
                    return edge is not None and edge.revision != body["Revision"]
                return operation in VERSIONED and active and found.version != body.get("CurrentVersion")
            case "NoDataRetentionException":
                return active and found.retention == 0
            case "AccountStreamLimitExceededException" | "AccountChannelLimitExceededException":
                return found is None
            case "InvalidArgumentException":
                return operation == "UpdateDataRetention" and self._is_current(found, subject, body) and self._range(found, body) is None
        return False

    def _refuses_media_storage(self, state, body, code, message, subject, missing, active):
        arn = body["MediaStorageConfiguration"]["StreamARN"]
        stream, channel = state.stream, getattr(state, subject.slot)
        stream_missing = stream is None or stream.arn != arn
        other = state.second if subject.slot == "first" else state.first
        match code:
            case "ResourceNotFoundException":
                return missing or stream_missing
            case "NoDataRetentionException":
                return not stream_missing and stream.retention == 0
            case "ResourceInUseException":
                return (
                    "being changed by others" in message or (not missing and not active) or (not stream_missing and stream.status != "ACTIVE")
                    or (not missing and channel.storage not in (None, arn)) or (other is not None and other.storage == arn))
        return False

    # MARK: Streams

    def CreateStream(self, state, body, answer):
        if state.stream is not None:
            return None
        return state._replace(stream=Stream(
            arn=answer and answer["StreamARN"], status="CREATING", version=None, used=frozenset(), device=body.get("DeviceName"),
            media=body.get("MediaType"), retention=body.get("DataRetentionInHours", 0),
            tier=body.get("StreamStorageConfiguration", {}).get("DefaultStorageTier", "HOT"), tags=frozenset(body.get("Tags", {}).items()),
            image=None, notification=None, edge=None))

    @staticmethod
    def _is_current(found, subject, body):
        """Whether a call that changes an ACTIVE resource of a version may do so."""
        return (
            found is not None and (subject.arn is None or found.arn == subject.arn) and found.status == "ACTIVE"
            and ("CurrentVersion" not in body or found.version == body["CurrentVersion"]))

    def _update(self, state, body, **members):
        subject = subject_of(body)
        found = getattr(state, subject.slot)
        if not self._is_current(found, subject, body):
            return None
        return state._replace(**{subject.slot: found._replace(status="UPDATING", version=None, used=found.used | {found.version}, **members)})

    def UpdateStream(self, state, body, answer):
        found = state.stream
        return found and self._update(
            state, body, device=body.get("DeviceName", found.device), media=body.get("MediaType", found.media))

    @staticmethod
    def _range(found, body):
        """The retention after a change; None where it would leave its range."""
        change = body["DataRetentionChangeInHours"] * (1 if body["Operation"] == "INCREASE_DATA_RETENTION" else -1)
        return found.retention + change if 0 <= found.retention + change <= 87600 else None

    def UpdateDataRetention(self, state, body, answer):
        if state.stream is None or (hours := self._range(state.stream, body)) is None:
            return None
        return self._update(state, body, retention=hours)

    def UpdateStreamStorageConfiguration(self, state, body, answer):
        return self._update(state, body, tier=body["StreamStorageConfiguration"]["DefaultStorageTier"])

    def _delete(self, state, body, answer):
        subject = subject_of(body)
        found = getattr(state, subject.slot)
        if not self._is_current(found, subject, body) or self._is_mapped(state, subject.slot):
            return None
        return state._replace(**{subject.slot: found._replace(status="DELETING")})

    @staticmethod
    def _is_mapped(state, slot):
        """Whether the stream holds a channel's media, or the channel has its media held: then it is not deleted."""
        if slot == "stream":
            return any(channel and channel.storage == state.stream.arn for channel in (state.first, state.second))
        return getattr(state, slot).storage is not None

    DeleteStream = DeleteSignalingChannel = _delete

    def DescribeStream(self, state, body, answer):
        info = answer["StreamInfo"]
        found = self._described(state, body, info, info["StreamARN"])
        if not found or (found.device, found.media, found.retention) != (info.get("DeviceName"), info.get("MediaType"), info["DataRetentionInHours"]):
            return None
        return state

    @staticmethod
    def _described(state, body, info, arn):
        found = getattr(state, subject_of(body).slot)
        if not found or (found.arn, found.version, found.status) != (arn, info["Version"], info.get("Status") or info["ChannelStatus"]):
            return None
        return found if round(info["CreationTime"] * 1000) == int(arn.rsplit("/", 1)[1]) else None

    def GetDataEndpoint(self, state, body, answer):
        found = getattr(state, subject_of(body).slot)
        return state if found and found.status != "DELETING" else None

    # MARK: Tags

    def _tagged(self, state, body, change):
        subject = subject_of(body)
        found = getattr(state, subject.slot)
        if not found or (subject.arn and found.arn != subject.arn) or found.status == "DELETING":
            return None
        return state._replace(**{subject.slot: found._replace(tags=frozenset(change(dict(found.tags)).items()))})

    def TagStream(self, state, body, answer):
        return self._tagged(state, body, lambda tags: tags | body["Tags"])

    def TagResource(self, state, body, answer):
        return self._tagged(state, body, lambda tags: tags | {tag["Key"]: tag["Value"] for tag in body["Tags"]})

    def _untag(self, state, body, answer):
        return self._tagged(state, body, lambda tags: {key: value for key, value in tags.items() if key not in body["TagKeyList"]})

    UntagStream = UntagResource = _untag

    def _list_tags(self, state, body, answer):
        subject = subject_of(body)
        found = getattr(state, subject.slot)
        if not found or (subject.arn and found.arn != subject.arn):
            return None
        return state if dict(found.tags) == answer["Tags"] else None

    ListTagsForStream = ListTagsForResource = _list_tags

    # MARK: Configurations

    def _configure(self, state, body, member, config):
        found = state.stream
        if not self._is_current(found, subject_of(body), {}) or (config and config["Status"] == "ENABLED" and found.retention == 0):
            return None
        return state._replace(stream=found._replace(**{member: uri_of(config)}))

    def UpdateImageGenerationConfiguration(self, state, body, answer):
        return self._configure(state, body, "image", body.get("ImageGenerationConfiguration"))

    def UpdateNotificationConfiguration(self, state, body, answer):
        return self._configure(state, body, "notification", body.get("NotificationConfiguration"))

    def DescribeImageGenerationConfiguration(self, state, body, answer):
        return state if state.stream and state.stream.image == uri_of(answer.get("ImageGenerationConfiguration")) else None

    def DescribeNotificationConfiguration(self, state, body, answer):
        return state if state.stream and state.stream.notification == uri_of(answer.get("NotificationConfiguration")) else None

    # MARK: Edge

    def StartEdgeConfigurationUpdate(self, state, body, answer):
        found, config = state.stream, body["EdgeConfig"]
        if not self._is_current(found, subject_of(body), {}) or found.retention == 0:
            return None
        edge = found.edge
        if edge and (edge.status in AWAITING or edge.hub != config["HubDeviceArn"]):
            return None
        new = Edge(config["HubDeviceArn"], secret_of(config), "SYNCING", None)
        return state._replace(stream=found._replace(edge=new, used=found.used | {edge and edge.revision}))

    def DeleteEdgeConfiguration(self, state, body, answer):
        found = state.stream
        if not found or found.status == "DELETING" or not found.edge or found.edge.status in AWAITING:
            return None
        edge = found.edge
        return state._replace(stream=found._replace(edge=edge._replace(status="DELETING", revision=None), used=found.used | {edge.revision}))

    def DescribeEdgeConfiguration(self, state, body, answer):
        edge = state.stream and state.stream.edge
        told = (answer["EdgeConfig"]["HubDeviceArn"], secret_of(answer["EdgeConfig"]), answer["SyncStatus"])
        return state if edge and (edge.hub, edge.secret, edge.status) == told else None

    @staticmethod
    def _agent(edge, operation, body):
        """Where an agent's word leads: a status, "" for the end of the configuration, None where it is refused."""
        if operation == "AcknowledgeEdgeConfiguration":
            return {
                "SYNCING": "ACKNOWLEDGED", "ACKNOWLEDGED": "ACKNOWLEDGED", "DELETING": "DELETING_ACKNOWLEDGED",
                "DELETING_ACKNOWLEDGED": "DELETING_ACKNOWLEDGED"}.get(edge.status)
        if body["Result"] == "SUCCEEDED":
            return {"ACKNOWLEDGED": "IN_SYNC", "IN_SYNC": "IN_SYNC", "DELETING_ACKNOWLEDGED": ""}.get(edge.status)
        return AWAITING.get(edge.status) or (edge.status if edge.status in ("SYNC_FAILED", "DELETE_FAILED") else None)

    def _agent_says(self, operation, state, body, answer):
        found = state.stream
        edge = found and found.arn == body["StreamARN"] and found.edge
        if not edge or edge.hub != body["HubDeviceArn"] or edge.revision != body["Revision"]:
            return None
        status = self._agent(edge, operation, body)
        if status is None or (answer is not None and answer.get("SyncStatus", "") != status):
            return None
        after = edge._replace(status=status) if status else None
        return state._replace(stream=found._replace(edge=after, used=found.used if after else found.used | {edge.revision}))

    def AcknowledgeEdgeConfiguration(self, state, body, answer):
        return self._agent_says("AcknowledgeEdgeConfiguration", state, body, answer)

    def ReportEdgeConfigurationResult(self, state, body, answer):
        return self._agent_says("ReportEdgeConfigurationResult", state, body, answer)

    # MARK: Channels

    def CreateSignalingChannel(self, state, body, answer):
        slot = subject_of(body).slot
        if getattr(state, slot) is not None:
            return None
        return state._replace(**{slot: Channel(
            arn=answer and answer["ChannelARN"], status="CREATING", version=None, used=frozenset(),
            ttl=body.get("SingleMasterConfiguration", {}).get("MessageTtlSeconds", 60),
            tags=frozenset((tag["Key"], tag["Value"]) for tag in body.get("Tags", [])), storage=None)})

    def UpdateSignalingChannel(self, state, body, answer):
        return self._update(state, body, ttl=body["SingleMasterConfiguration"]["MessageTtlSeconds"])

    def DescribeSignalingChannel(self, state, body, answer):
        info = answer["ChannelInfo"]
        found = self._described(state, body, info, info["ChannelARN"])
        return state if found and found.ttl == info["SingleMasterConfiguration"]["MessageTtlSeconds"] else None

    GetSignalingChannelEndpoint = GetDataEndpoint

    def UpdateMediaStorageConfiguration(self, state, body, answer):
        subject, config = subject_of(body), body["MediaStorageConfiguration"]
        channel, stream = getattr(state, subject.slot), state.stream
        if not self._is_current(channel, subject, {}):
            return None
        if config["Status"] == "DISABLED":
            return state._replace(**{subject.slot: channel._replace(storage=None)})
        arn = config["StreamARN"]
        other = state.second if subject.slot == "first" else state.first
        if not stream or stream.arn != arn or stream.status != "ACTIVE" or stream.retention == 0:
            return None
        if channel.storage not in (None, arn) or (other and other.storage == arn):
            return None
        return state._replace(**{subject.slot: channel._replace(storage=arn)})

    def DescribeMediaStorageConfiguration(self, state, body, answer):
        found = getattr(state, subject_of(body).slot)
        return state if found and found.storage == answer["MediaStorageConfiguration"].get("StreamARN") else None

    def DescribeMappedResourceConfiguration(self, state, body, answer):
        listed = [item["ARN"] for item in answer["MappedResourceConfigurationList"]]
        mapped = [channel.arn for channel in (state.first, state.second) if channel and channel.storage == body["StreamARN"]]
        return state if listed == mapped else None

    # MARK: The end

    def Final(self, state, body, answer):
        """Everything as the database has it once all is at rest."""
        for slot in State._fields:
            resource, info = getattr(state, slot), answer[slot]
            if (resource is None) != (info is None):
                return None
            if resource is None:
                continue
            told = {name: info.get(name) for name in resource._fields if name not in ("used", "edge", "tags")}
            if told != {name: getattr(resource, name) for name in told} or info["tags"] != dict(resource.tags):
                return None
            if slot == "stream":
                edge = resource.edge and (resource.edge.hub, resource.edge.secret, resource.edge.status, resource.edge.revision)
                if edge != (info["edge"] and tuple(info["edge"])):
                    return None
        return state
