"""That the checks can fail: a history that is right, told by a few lines that stand for a server, and spoilt in every way that they are to find."""

import copy
import itertools

import checks
from stack import ACCOUNT, REGION

EPOCH = 1_700_000_000_000.0
QUOTA = 3


class Tale:
    """A server without faults that answers one call after the other, a second each, and keeps what it would keep."""

    def __init__(self):
        self.history = [{"kind": "run", "quotas": {"stream": QUOTA, "channel": QUOTA}, "epoch": EPOCH}]
        self.tables = {table: [] for table in checks.TABLES}
        self.tables["account_usage"].append({"stream_count": 0, "channel_count": 0})
        self.now = 0.0
        self._numbers = itertools.count(1)

    # MARK: Calls

    def tell(self, operation, body, code="", answer=None, outcome=None, **facts):
        """Adds a call that begins now and ends half a second later."""
        self.now += 1
        number = next(self._numbers)
        entry = {
            "kind": "call", "id": number, "client": "client", "operation": operation, "body": body, "invocation": str(number), "code": code,
            "attempts": [[self.now, self.now + 0.5, 200 if not code else 400, code, f"request-{number}"]], "start": self.now, "end": self.now + 0.5,
            "outcome": outcome or ("refused" if code else "ok"), "answer": answer if answer is not None else {},
            **({} if "listing" in facts else {"cell": "c1"}), **facts}
        self.history.append(entry)
        return entry

    def event(self, row, kind, status=None, entry=None, at=None):
        row["event_sequence"] += 1
        moment = EPOCH + (entry["start"] + 0.2 if entry else self.now + 0.6) * 1000 if at is None else at
        self.tables["event"].append({
            "resource_arn": row["arn"], "sequence": row["event_sequence"], "type": kind, "status": status or row["status"], "version": row["version"],
            "request_id": entry["attempts"][-1][4] if entry else "worker", "occurred_at": moment})

    def settle(self, row):
        row["status"] = "ACTIVE"
        self.event(row, "StreamStatusChange" if ":stream/" in row["arn"] else "ChannelStatusChange")

    def create_stream(self, name, **members):
        arn = f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/{name}/{int(EPOCH + self.now * 1000)}"
        entry = self.tell("CreateStream", {"StreamName": name} | members, answer={"StreamARN": arn})
        row = {
            "arn": arn, "name": name, "status": "CREATING", "version": f"v{next(self._numbers)}", "device_name": members.get("DeviceName"),
            "media_type": None, "data_retention_in_hours": members.get("DataRetentionInHours", 0), "default_storage_tier": "HOT",
            "image_generation_configuration": None, "notification_configuration": None, "tag_count": 0, "event_sequence": 0}
        self.tables["stream"].append(row)
        self.tables["account_usage"][0]["stream_count"] += 1
        self.event(row, "CreateStream", entry=entry)
        self.settle(row)
        return row

    def create_channel(self, name):
        arn = f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:channel/{name}/{int(EPOCH + self.now * 1000)}"
        entry = self.tell("CreateSignalingChannel", {"ChannelName": name}, answer={"ChannelARN": arn})
        row = {
            "arn": arn, "name": name, "status": "CREATING", "version": f"v{next(self._numbers)}", "message_ttl_seconds": 60,
            "media_storage_stream_arn": None, "tag_count": 0, "event_sequence": 0}
        self.tables["channel"].append(row)
        self.tables["account_usage"][0]["channel_count"] += 1
        self.event(row, "CreateSignalingChannel", entry=entry)
        self.settle(row)
        return row

    def change(self, row, operation, body, **columns):
        entry = self.tell(operation, {"StreamARN": row["arn"], "CurrentVersion": row["version"]} | body)
        row.update(columns, status="UPDATING", version=f"v{next(self._numbers)}")
        self.event(row, operation, entry=entry)
        self.settle(row)
        return entry

    def tag(self, row, key, value, **facts):
        entry = self.tell("TagStream", {"StreamARN": row["arn"], "Tags": {key: value}}, **facts)
        self.set_tag(row, key, value)
        self.event(row, "TagStream", entry=entry)
        return entry

    def set_tag(self, row, key, value):
        self.tables["tag"] = [tag for tag in self.tables["tag"] if (tag["resource_arn"], tag["key"]) != (row["arn"], key)]
        self.tables["tag"].append({"resource_arn": row["arn"], "key": key, "value": value})
        row["tag_count"] = sum(tag["resource_arn"] == row["arn"] for tag in self.tables["tag"])

    def map(self, channel, stream):
        entry = self.tell("UpdateMediaStorageConfiguration", {
            "ChannelARN": channel["arn"], "MediaStorageConfiguration": {"Status": "ENABLED", "StreamARN": stream["arn"]}})
        channel["media_storage_stream_arn"] = stream["arn"]
        self.event(channel, "UpdateMediaStorageConfiguration", entry=entry)

    def start_edge(self, stream):
        hub, secret = "arn:aws:iot:us-east-1:123456789012:thing/hub-1", "arn:aws:secretsmanager:us-east-1:123456789012:secret:one"
        config = {"HubDeviceArn": hub, "RecorderConfig": {"MediaSourceConfig": {"MediaUriSecretArn": secret, "MediaUriType": "RTSP_URI"}}}
        entry = self.tell("StartEdgeConfigurationUpdate", {"StreamARN": stream["arn"], "EdgeConfig": config})
        self.event(stream, "StartEdgeConfigurationUpdate", "SYNCING", entry)
        about = {"HubDeviceArn": hub, "StreamARN": stream["arn"], "Revision": "r1"}
        self.tell("AcknowledgeEdgeConfiguration", about, answer={"SyncStatus": "ACKNOWLEDGED"})
        self.event(stream, "EdgeConfigurationStatusChange", "ACKNOWLEDGED")
        self.tell("ReportEdgeConfigurationResult", about | {"Result": "SUCCEEDED"}, answer={"SyncStatus": "IN_SYNC"})
        self.event(stream, "EdgeConfigurationStatusChange", "IN_SYNC")
        self.tables["edge_configuration"].append({
            "stream_arn": stream["arn"], "stream_name": stream["name"], "hub_device_arn": hub, "configuration": checks.json.dumps(config),
            "sync_status": "IN_SYNC", "revision": "r1", "deadline": None})

    def delete(self, row):
        entry = self.tell("DeleteStream", {"StreamARN": row["arn"]})
        row["status"] = "DELETING"
        self.event(row, "DeleteStream", entry=entry)
        self.event(row, "StreamStatusChange", "DELETED")
        self.tables["stream"].remove(row)
        self.tables["tag"] = [tag for tag in self.tables["tag"] if tag["resource_arn"] != row["arn"]]
        self.tables["account_usage"][0]["stream_count"] -= 1

    def describe(self, row):
        return self.tell("DescribeStream", {"StreamName": row["name"]}, answer={"StreamInfo": {
            "StreamName": row["name"], "StreamARN": row["arn"], "Version": row["version"], "Status": row["status"],
            "CreationTime": int(row["arn"].rsplit("/", 1)[1]) / 1000, "DataRetentionInHours": row["data_retention_in_hours"]}
            | ({"DeviceName": row["device_name"]} if row["device_name"] else {})})

    def list_streams(self):
        infos = [{"StreamName": name} for name in sorted(row["name"] for row in self.tables["stream"])]
        for page in range(0, max(len(infos), 1), 2):
            answer = {"StreamInfoList": infos[page:page + 2]} | ({"NextToken": "t"} if page + 2 < len(infos) else {})
            listing = f"list-{self.now}" if page == 0 else self.history[-1]["listing"]
            self.tell("ListStreams", {"MaxResults": 2}, answer=answer, listing=listing, page=page // 2)

    def sample(self):
        self.history.append({"kind": "sample", "time": self.now} | {kind: [len(self.tables[kind])] * 2 for kind in ("stream", "channel")})

    def violations(self):
        return checks.check(checks.Facts.of(copy.deepcopy(self.history), copy.deepcopy(self.tables)))


def a_tale():
    """A tale in which everything happens once, with its stream, a channel, and the calls that are spoilt later by their names."""
    tale = Tale()
    tale.stream = tale.create_stream("c1-s", DataRetentionInHours=5)
    tale.first_describe = tale.describe(tale.stream)
    tale.update = tale.change(tale.stream, "UpdateStream", {"DeviceName": "d1"}, device_name="d1")
    tale.describe(tale.stream)
    tale.growth = tale.change(
        tale.stream, "UpdateDataRetention", {"Operation": "INCREASE_DATA_RETENTION", "DataRetentionChangeInHours": 2}, data_retention_in_hours=7)
    tale.last_describe = tale.describe(tale.stream)
    tale.tagged = tale.tag(tale.stream, "a", "1")
    tale.tag(tale.stream, "b", "2")
    tale.channel = tale.create_channel("c1-c")
    tale.other_channel = tale.create_channel("c1-d")
    tale.map(tale.channel, tale.stream)
    tale.start_edge(tale.stream)
    tale.sample()
    gone = tale.create_stream("c2-s")
    tale.history[-1]["cell"] = "c2"
    tale.delete(gone)
    tale.history[-1]["cell"] = "c2"
    tale.gone = gone
    for name in ("c3-s", "c4-s"):
        tale.create_stream(name)
        tale.history[-1]["cell"] = name[:2]
    tale.refusal = tale.tell("CreateStream", {"StreamName": "c5-s"}, "AccountStreamLimitExceededException", {"Message": "too many"}, cell="c5")
    tale.list_streams()
    tale.sample()
    tale.in_use = tale.tell("CreateStream", {"StreamName": "c1-s"}, "ResourceInUseException", {"Message": "it exists"})
    return tale


SPOILT, SOUND = {}, {}


def spoilt(*names):
    """A tale that must violate these checks."""
    def add(function):
        SPOILT[function.__name__] = (function, names)
        return function
    return add


def sound(function):
    """A tale that must pass, though it is not plain."""
    SOUND[function.__name__] = function
    return function


ORDER, CREATIONS, VERSIONS, QUOTAS = "one call after the other", "creations", "versions", "quotas"
EVENTS, EFFECTS, REST, LISTS, ANSWERS = "events", "effects", "rest", "lists", "answers"


@sound
def as_it_was(tale):
    pass


@sound
def tags_set_at_once_come_in_either_order(tale):
    one, two = tale.tag(tale.stream, "x", "one"), tale.tag(tale.stream, "x", "two")
    one["end"] = two["end"]
    tale.set_tag(tale.stream, "x", "one")


@sound
def an_unknown_outcome_may_have_happened(tale):
    entry = tale.tag(tale.stream, "x", "one")
    entry.update(outcome="unknown", code="TimeoutError", answer=None)
    tale.describe(tale.stream)


@sound
def an_unknown_outcome_may_not_have_happened(tale):
    entry = tale.tell("TagStream", {"StreamARN": tale.stream["arn"], "Tags": {"x": "1"}})
    entry.update(outcome="unknown", code="TimeoutError", answer=None)


@sound
def a_creation_of_unknown_outcome_is_found_later(tale):
    row = tale.tables["stream"][-1]
    entry = next(entry for entry in tale.history if entry.get("operation") == "CreateStream" and entry["body"]["StreamName"] == row["name"])
    entry.update(outcome="unknown", code="TimeoutError", answer=None)
    tale.describe(row)["cell"] = entry["cell"]


@sound
def a_late_effect_of_an_unknown_outcome(tale):
    entry = tale.tag(tale.stream, "x", "late")
    entry.update(outcome="unknown", code="TimeoutError", answer=None, end=entry["start"] + 0.1)
    tale.tell("ListTagsForStream", {"StreamARN": tale.stream["arn"]}, answer={"Tags": {"a": "1", "b": "2"}})
    tale.tell("ListTagsForStream", {"StreamARN": tale.stream["arn"]}, answer={"Tags": {"a": "1", "b": "2", "x": "late"}})


@spoilt(ORDER, CREATIONS, EVENTS, REST)
def a_creation_is_lost(tale):
    tale.tables["stream"].remove(tale.stream)


@spoilt(ORDER, CREATIONS)
def a_creation_is_lost_without_a_trace(tale):
    arn = tale.tables["stream"].pop()["arn"]
    tale.tables["event"] = [event for event in tale.tables["event"] if event["resource_arn"] != arn]
    tale.tables["account_usage"][0]["stream_count"] -= 1


@spoilt(ORDER, EVENTS, REST)
def a_deletion_is_undone(tale):
    tale.tables["stream"].append(tale.gone | {"status": "ACTIVE"})


@spoilt(CREATIONS)
def an_arn_is_given_out_twice(tale):
    tale.tell("CreateStream", {"StreamName": "c4-s"}, answer={"StreamARN": tale.tables["stream"][-1]["arn"]}, cell="c4")


@spoilt(ORDER)
def an_update_is_lost(tale):
    tale.stream["device_name"] = None


@spoilt(ORDER)
def a_change_of_the_retention_is_done_twice(tale):
    tale.stream["data_retention_in_hours"] += 2


@spoilt(ORDER, REST)
def a_tag_is_lost(tale):
    tale.tables["tag"] = [tag for tag in tale.tables["tag"] if tag["key"] != "a"]


@spoilt(ORDER)
def a_tag_has_the_value_of_before(tale):
    tale.tag(tale.stream, "a", "3")
    tale.set_tag(tale.stream, "a", "1")


@spoilt(ORDER)
def a_description_is_out_of_date(tale):
    tale.last_describe["answer"] = tale.first_describe["answer"]


@spoilt(ORDER)
def a_description_tells_of_the_future(tale):
    tale.first_describe["answer"] = tale.last_describe["answer"]


@spoilt(ORDER)
def what_was_seen_is_gone_again(tale):
    entry = tale.tag(tale.stream, "x", "late")
    entry.update(outcome="unknown", code="TimeoutError", answer=None)
    tale.tell("ListTagsForStream", {"StreamARN": tale.stream["arn"]}, answer={"Tags": {"a": "1", "b": "2", "x": "late"}})
    tale.tell("ListTagsForStream", {"StreamARN": tale.stream["arn"]}, answer={"Tags": {"a": "1", "b": "2"}})


@spoilt(ORDER)
def a_refusal_without_reason(tale):
    current = {"StreamARN": tale.stream["arn"], "CurrentVersion": tale.stream["version"]}
    tale.tell("UpdateStream", current, "VersionMismatchException", {"Message": "not"})


@spoilt(ORDER)
def a_retention_that_the_model_knows_better(tale):
    body = {"StreamARN": tale.stream["arn"], "CurrentVersion": tale.stream["version"], "Operation": "DECREASE_DATA_RETENTION"}
    tale.tell("UpdateDataRetention", body | {"DataRetentionChangeInHours": 1}, "InvalidArgumentException", {"Message": "out of range"})


@spoilt(ORDER)
def an_agent_has_a_revision_that_was_never_started(tale):
    body = {"HubDeviceArn": "arn:aws:iot:us-east-1:123456789012:thing/hub-1", "StreamARN": tale.stream["arn"], "Revision": "r9"}
    tale.tell("AcknowledgeEdgeConfiguration", body, answer={"SyncStatus": "ACKNOWLEDGED"})


@spoilt(ORDER)
def an_edge_configuration_is_lost(tale):
    tale.tables["edge_configuration"].clear()


@spoilt(VERSIONS, ORDER, EFFECTS)
def a_version_is_accepted_twice(tale):
    again = copy.deepcopy(tale.update)
    again.update(id=1000, start=tale.update["start"] + 0.01)
    again["attempts"][0][4] = "request-1000"
    tale.history.append(again)


@spoilt(QUOTAS)
def a_look_shows_more_than_the_quota(tale):
    tale.history.append({"kind": "sample", "time": tale.now, "stream": [QUOTA + 1, QUOTA + 1], "channel": [2, 2]})


@spoilt(QUOTAS)
def a_look_shows_another_number_than_was_counted(tale):
    tale.history.append({"kind": "sample", "time": tale.now, "stream": [2, 3], "channel": [2, 2]})


@spoilt(QUOTAS)
def events_show_more_than_the_quota(tale):
    tale.create_stream("c6-s")
    tale.history[-1]["cell"] = "c6"


@spoilt(QUOTAS)
def a_quota_refuses_too_early(tale):
    tale.delete(tale.stream)
    tale.now += 5
    tale.tell("CreateStream", {"StreamName": "c7-s"}, "AccountStreamLimitExceededException", {"Message": "too many"}, cell="c7")


@spoilt(EVENTS)
def a_transition_tells_an_event_twice(tale):
    tale.event(tale.stream, "StreamStatusChange", "ACTIVE")


@spoilt(EVENTS)
def an_event_has_the_number_of_another(tale):
    tale.tables["event"][2]["sequence"] = tale.tables["event"][1]["sequence"]


@spoilt(EVENTS)
def a_transition_tells_no_event(tale):
    tale.tables["event"].remove(next(event for event in tale.tables["event"] if event["type"] == "StreamStatusChange"))


@sound
def a_limit_is_told_of_once_in_a_minute(tale):
    for minute in (1, 2):
        tale.tables["event"].append(limit_reached(minute))


@spoilt(EVENTS)
def a_limit_is_told_of_twice_in_a_minute(tale):
    for _ in range(2):
        tale.tables["event"].append(limit_reached(1))


def limit_reached(minute):
    return {
        "resource_arn": f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:limit/streams", "sequence": int(EPOCH) // 60_000 * 60_000 + minute * 60_000,
        "type": "LimitReached", "status": "REACHED", "version": "", "request_id": "request-1", "occurred_at": EPOCH}


@spoilt(EVENTS)
def something_happens_after_the_end(tale):
    tale.gone["event_sequence"] = 4
    tale.event(tale.gone, "TagStream", "ACTIVE")


@spoilt(EVENTS)
def a_version_comes_again(tale):
    first = tale.tables["event"][0]["version"]
    for event in tale.tables["event"]:
        if event["resource_arn"] == tale.stream["arn"] and event["version"] == tale.stream["version"]:
            event["version"] = first


@spoilt(EVENTS)
def a_row_has_no_events(tale):
    tale.tables["event"] = [event for event in tale.tables["event"] if event["resource_arn"] != tale.channel["arn"]]


@spoilt(EFFECTS)
def a_repeated_call_has_two_effects(tale):
    entry = tale.tag(tale.stream, "r", "1")
    tale.event(tale.stream, "TagStream", entry=entry)
    entry["attempts"].insert(0, [entry["start"], entry["start"] + 0.1, 503, "ServiceUnavailable", "request-before"])
    tale.tables["event"][-1]["request_id"] = "request-before"


@spoilt(EFFECTS)
def a_repeated_call_has_two_effects_one_of_them_unseen(tale):
    entry = tale.tag(tale.stream, "r", "1")
    tale.event(tale.stream, "TagStream")
    entry["attempts"].insert(0, [entry["start"], entry["start"] + 0.1, 0, "RemoteDisconnected", None])


@spoilt(EFFECTS)
def an_accepted_call_has_no_effect(tale):
    tale.tell("UntagStream", {"StreamARN": tale.stream["arn"], "TagKeyList": ["none"]})


@spoilt(EFFECTS)
def a_refused_call_has_an_effect(tale):
    entry = tale.tag(tale.stream, "a", "1")
    entry.update(outcome="refused", code="ResourceNotFoundException")
    entry["attempts"][0][2:4] = [404, "ResourceNotFoundException"]


@spoilt(REST)
def a_stream_stays_creating(tale):
    tale.stream["status"] = "CREATING"


@spoilt(REST)
def a_task_is_left(tale):
    tale.tables["task"].append({"resource_arn": tale.stream["arn"], "kind": "activate-stream"})


@spoilt(REST)
def an_agents_time_never_ends(tale):
    tale.tables["edge_configuration"][0]["deadline"] = 1


@spoilt(REST)
def the_count_is_wrong(tale):
    tale.tables["account_usage"][0]["channel_count"] += 1


@spoilt(REST, ORDER)
def two_channels_share_a_stream(tale):
    tale.other_channel["media_storage_stream_arn"] = tale.stream["arn"]


@spoilt(REST, ORDER)
def a_mapped_channel_is_deleted(tale):
    entry = tale.tell("DeleteSignalingChannel", {"ChannelARN": tale.channel["arn"]})
    tale.channel["status"] = "DELETING"
    tale.event(tale.channel, "DeleteSignalingChannel", entry=entry)


@sound
def a_mapped_channel_is_not_deleted(tale):
    tale.tell(
        "DeleteSignalingChannel", {"ChannelARN": tale.channel["arn"]}, "ResourceInUseException",
        {"Message": "Disable MediaStorageConfiguration to delete the channel"})


@spoilt(LISTS)
def a_list_lacks_a_stream(tale):
    next(entry for entry in tale.history if "listing" in entry)["answer"]["StreamInfoList"].pop()


@spoilt(LISTS)
def a_list_has_a_stream_twice(tale):
    pages = [entry for entry in tale.history if "listing" in entry]
    pages[1]["answer"]["StreamInfoList"].insert(0, pages[0]["answer"]["StreamInfoList"][-1])


@spoilt(LISTS)
def a_list_has_what_was_never_created(tale):
    pages = [entry for entry in tale.history if "listing" in entry]
    pages[-1]["answer"]["StreamInfoList"].append({"StreamName": "c9-s"})


@spoilt(ANSWERS)
def an_instance_answers_500(tale):
    tale.in_use["attempts"].insert(0, [tale.in_use["start"], tale.in_use["start"] + 0.1, 500, "InternalFailure", "request-x"])


@spoilt(ANSWERS)
def an_instance_answers_502_itself(tale):
    tale.in_use["attempts"].insert(0, [tale.in_use["start"], tale.in_use["start"] + 0.1, 502, "", "request-x"])


@spoilt(ANSWERS)
def a_client_is_told_that_its_signature_is_wrong(tale):
    tale.in_use["attempts"][0][2:4] = [403, "InvalidSignatureException"]


@spoilt(ANSWERS)
def a_client_is_told_that_it_made_a_mistake(tale):
    tale.in_use["attempts"][0][3] = "ValidationException"


def failures():
    """What is wrong with the checks: spoilt tales that pass one that they should not, and sound ones that do not pass."""
    found = []
    for name, function in SOUND.items():
        tale = a_tale()
        function(tale)
        if violations := tale.violations():
            found.append(f"{name} should pass, but: {violations}")
    for name, (function, expected) in SPOILT.items():
        tale = a_tale()
        function(tale)
        violations = tale.violations()
        if missed := set(expected) - set(violations):
            found.append(f"{name} should violate {', '.join(sorted(missed))}, but violates {', '.join(violations) or 'nothing'}")
    unproved = set(checks.CHECKS) - {check for _, expected in SPOILT.values() for check in expected}
    return found + [f"nothing shows that the check of {name} can fail" for name in unproved]
