"""What must hold of a history and of the database that it has left behind. Each check answers the violations it finds, as texts with what is needed
to look further."""

import bisect
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import linearize
from resources import AGENT, CONFIGURING, READS, TAGGING, VERSIONED, Model, State, name_of, secret_of, slot_of, subject_of, uri_of

CREATIONS = {"CreateStream": "StreamARN", "CreateSignalingChannel": "ChannelARN"}
DELETIONS = {"DeleteStream", "DeleteSignalingChannel"}
EDGE_CHANGES = {"StartEdgeConfigurationUpdate", "DeleteEdgeConfiguration"}
# Changes that an event tells of, by the operation's name.
RECORDED = set(CREATIONS) | VERSIONED | TAGGING | CONFIGURING | EDGE_CHANGES
REFUSALS = {
    "ResourceNotFoundException", "ResourceInUseException", "VersionMismatchException", "NoDataRetentionException",
    "StreamEdgeConfigurationNotFoundException", "AccountStreamLimitExceededException", "AccountChannelLimitExceededException"}
OWN_STATUS_CHANGE = {"StreamStatusChange", "ChannelStatusChange"}
PASSIVE = {"EdgeConfigurationStatusChange", "MediaStorageConfigurationChange"}
MINUTE = 60_000
TABLES = ["stream", "channel", "tag", "edge_configuration", "event", "task", "account_usage"]


@dataclass
class Facts:
    """A history, taken apart, and the rows of each table at the end."""

    calls: list
    faults: list
    samples: list
    tables: dict
    quotas: dict
    # The time of day, in milliseconds, at zero of the history's clock.
    epoch: float
    cuts: int = 0
    listings: list = field(default_factory=list)

    @classmethod
    def of(cls, history, tables):
        by_kind = defaultdict(list)
        for entry in history:
            by_kind[entry["kind"]].append(entry)
        run = by_kind["run"][0]
        listings = defaultdict(list)
        for call in by_kind["call"]:
            if "listing" in call:
                listings[call["listing"]].append(call)
        return cls(
            by_kind["call"], by_kind["fault"], by_kind["sample"], tables, run["quotas"], run["epoch"], sum(cuts["count"] for cuts in by_kind["cuts"]),
            [sorted(pages, key=lambda page: page["page"]) for pages in listings.values()])


def check(facts, progress=lambda text: None):
    """All violations, by the name of the check that found them."""
    found = {}
    for name, function in CHECKS.items():
        progress(f"checking: {name}")
        violations = function(facts)
        if violations:
            found[name] = violations
    return found


def short(entry):
    """A call in one line, for people."""
    body = json.dumps(entry["body"], ensure_ascii=False)
    answer = "" if entry["answer"] is None else f" {json.dumps(entry['answer'], ensure_ascii=False)[:400]}"
    attempts = " ".join(f"{status or code}" for _, _, status, code, _ in entry["attempts"])
    return (
        f"#{entry['id']} {entry['client']} {entry['start']:.3f}-{entry['end']:.3f} {entry['operation']} {body} -> "
        f"{entry['outcome']} {entry['code']}{answer} [{attempts}]")


# MARK: One call after the other

def check_order(facts):
    """Each cell's calls, and what the database holds of it at the end, are those of some sequence."""
    violations = []
    finals = final_states(facts.tables)
    for cell, entries in by_cell(facts.calls).items():
        created = frozenset(
            entry["answer"][CREATIONS[entry["operation"]]] for entry in entries if entry["operation"] in CREATIONS and entry["outcome"] == "ok")
        calls = [call for entry in entries if (call := to_order(entry))]
        end = max((entry["end"] for entry in entries), default=0) + 1
        final = {"operation": "Final", "body": {}, "outcome": "ok", "code": "", "answer": finals.get(cell, {slot: None for slot in State._fields})}
        calls.append(linearize.Call(end, end, False, final))
        verdict = linearize.search(calls, State(), Model(created).step)
        if not verdict.explained:
            violations.append(explain(cell, verdict))
    return violations


def by_cell(calls):
    cells = defaultdict(list)
    for entry in calls:
        if "cell" in entry:
            cells[entry["cell"]].append(entry)
    return cells


def to_order(entry):
    """The call as the search takes it; None where it tells nothing and changes nothing."""
    if entry["outcome"] == "unknown":
        return None if entry["operation"] in READS else linearize.Call(entry["start"], float("inf"), True, entry)
    return linearize.Call(entry["start"], entry["end"], False, entry)


def explain(cell, verdict):
    lines = [f"cell {cell}: no sequence of its calls explains their answers" + (" (the search gave up)" if verdict.exhausted else "")]
    lines += [f"    after {len(verdict.sequence)} calls, the last of which were:"]
    lines += [f"        {short(entry) if 'id' in entry else 'the end'}" for entry in verdict.sequence[-12:]]
    lines += [f"    the state was {verdict.states}", "    and none of these could come next:"]
    lines += [f"        {short(entry) if 'id' in entry else 'the end: ' + json.dumps(entry['answer'])}" for entry in verdict.stuck]
    return "\n".join(lines)


def final_states(tables):
    """What the database holds of each cell, in the form of the model's final call."""
    tags = defaultdict(dict)
    for row in tables["tag"]:
        tags[row["resource_arn"]][row["key"]] = row["value"]
    edges = {
        row["stream_arn"]: [row["hub_device_arn"], secret_of(json.loads(row["configuration"])), row["sync_status"], row["revision"]]
        for row in tables["edge_configuration"]}
    cells = defaultdict(lambda: {slot: None for slot in State._fields})
    for row in tables["stream"]:
        edge = edges.get(row["arn"])
        cells[row["name"].rsplit("-", 1)[0]]["stream"] = {
            "arn": row["arn"], "status": row["status"], "version": row["version"], "device": row["device_name"], "media": row["media_type"],
            "retention": row["data_retention_in_hours"], "tier": row["default_storage_tier"], "tags": tags[row["arn"]],
            "image": uri_of(json.loads(row["image_generation_configuration"] or "null")),
            "notification": uri_of(json.loads(row["notification_configuration"] or "null")), "edge": edge, "revision": edge and edge[3]}
    for row in tables["channel"]:
        cells[row["name"].rsplit("-", 1)[0]][slot_of(row["name"])] = {
            "arn": row["arn"], "status": row["status"], "version": row["version"], "ttl": row["message_ttl_seconds"], "tags": tags[row["arn"]],
            "storage": row["media_storage_stream_arn"]}
    return dict(cells)


# MARK: Creations, versions, quotas

def check_creations(facts):
    """What was created is there until its deletion was asked for; no ARN is given out twice."""
    asked = {entry["body"][f"{prefix}ARN"] for entry in facts.calls for prefix in ("Stream", "Channel")
             if entry["operation"] in DELETIONS and entry["outcome"] != "refused" and f"{prefix}ARN" in entry["body"]}
    present = {row["arn"] for table in ("stream", "channel") for row in facts.tables[table]}
    violations, seen = [], {}
    for entry in facts.calls:
        if entry["operation"] not in CREATIONS or entry["outcome"] != "ok":
            continue
        arn = entry["answer"][CREATIONS[entry["operation"]]]
        if arn in seen:
            violations.append(f"{arn} was answered by two creations:\n    {short(seen[arn])}\n    {short(entry)}")
        seen[arn] = entry
        if arn not in present and arn not in asked:
            violations.append(f"{arn} was created, nobody asked for its deletion, and it is gone:\n    {short(entry)}")
    return violations


def check_versions(facts):
    """A version was accepted once."""
    accepted = defaultdict(list)
    for entry in facts.calls:
        if entry["operation"] in VERSIONED and entry["outcome"] == "ok" and "CurrentVersion" in entry["body"]:
            accepted[entry["cell"], subject_of(entry["body"]).slot, entry["body"]["CurrentVersion"]].append(entry)
    return [
        "\n    ".join([f"the version {version} of {cell} {slot} was accepted more than once:", *map(short, entries)])
        for (cell, slot, version), entries in accepted.items() if len(entries) > 1]


def check_quotas(facts):
    """No look at the database, no list and no moment between two events shows more than may be; and who was refused was refused for a reason."""
    violations = []
    for sample in facts.samples:
        for kind, quota in facts.quotas.items():
            count, counted = sample[kind]
            if count > quota or count != counted:
                violations.append(f"at {sample['time']:.3f} there were {count} {kind}s, counted as {counted}, with a quota of {quota}")
    counts = {"stream": alive(facts, "stream"), "channel": alive(facts, "channel")}
    for kind, moments in counts.items():
        for moment, count in moments:
            if count > facts.quotas[kind]:
                violations.append(f"by the events there were {count} {kind}s at {moment} ms, with a quota of {facts.quotas[kind]}")
    for entry in facts.calls:
        kind = {"AccountStreamLimitExceededException": "stream", "AccountChannelLimitExceededException": "channel"}.get(entry["code"])
        if kind and entry["outcome"] == "refused":
            # Clocks of one machine, but told to the millisecond only, and an event a little before its commit.
            first, last = facts.epoch + entry["start"] * 1000 - 1000, facts.epoch + entry["end"] * 1000 + 1000
            begin, end = (bisect.bisect_left(counts[kind], (moment, 0)) for moment in (first, last))
            most = max((count for _, count in counts[kind][max(begin - 1, 0):end]), default=0)
            if most < facts.quotas[kind]:
                violations.append(f"there were at most {most} {kind}s of {facts.quotas[kind]}, and one more was refused:\n    {short(entry)}")
    return violations


def alive(facts, kind):
    """How many of a kind there were, by the events: (milliseconds, count) after each creation and removal."""
    creation, change = {"stream": ("CreateStream", "StreamStatusChange"), "channel": ("CreateSignalingChannel", "ChannelStatusChange")}[kind]
    steps = [(row["occurred_at"], 1) for row in facts.tables["event"] if row["type"] == creation]
    steps += [(row["occurred_at"], -1) for row in facts.tables["event"] if row["type"] == change and row["status"] == "DELETED"]
    moments, count = [], 0
    # Within one millisecond, removals first: which came first cannot be told.
    for moment, step in sorted(steps):
        count += step
        moments.append((moment, count))
    return moments


# MARK: Events

def check_events(facts):
    """Each resource's events are numbered without gaps, tell a life that is possible, and end in what the resource is now. That a limit was reached
    is told once in a minute, by whose beginning the event is numbered."""
    violations = []
    lives, limits = defaultdict(list), Counter()
    for row in facts.tables["event"]:
        if row["type"] == "LimitReached":
            limits[row["resource_arn"], row["sequence"]] += 1
        else:
            lives[row["resource_arn"]].append(row)
    violations += [f"that {arn} was reached is told {count} times at {at} ms" for (arn, at), count in limits.items() if count > 1 or at % MINUTE]
    rows = {row["arn"]: row for table in ("stream", "channel") for row in facts.tables[table]}
    for arn, events in lives.items():
        events.sort(key=lambda row: row["sequence"])
        fault = life_fault(events, rows.get(arn))
        if fault:
            told = "\n".join(f"    {row['sequence']} {row['type']} {row['status']} {row['version']} {row['request_id']}" for row in events[-20:])
            violations.append(f"{arn}: {fault}; its last events:\n{told}\n    and its row: {rows.get(arn)}")
    violations += [f"{arn} has no events" for arn in rows if arn not in lives]
    return violations


def life_fault(events, row):
    """What is wrong with the events of one resource; None where nothing is."""
    status, version, versions = None, None, set()
    for number, event in enumerate(events, 1):
        kind = event["type"]
        if event["sequence"] != number:
            return f"event {number} has the number {event['sequence']}"
        if status == "DELETED":
            return "something happened after its end"
        if (number == 1) != (kind in CREATIONS):
            return f"event {number} is {kind}"
        fits = True
        if kind in CREATIONS:
            fits, status = event["status"] == "CREATING", "CREATING"
        elif kind in OWN_STATUS_CHANGE:
            fits = (status, event["status"]) in {("CREATING", "ACTIVE"), ("UPDATING", "ACTIVE"), ("DELETING", "DELETED")}
            status = event["status"]
        elif kind in DELETIONS:
            fits, status = (status, event["status"]) == ("ACTIVE", "DELETING"), "DELETING"
        elif kind in VERSIONED:
            fits, status = (status, event["status"]) == ("ACTIVE", "UPDATING"), "UPDATING"
        elif kind in TAGGING:
            fits = event["status"] == status != "DELETING"
        elif kind in CONFIGURING:
            fits = event["status"] == status == "ACTIVE"
        elif kind == "StartEdgeConfigurationUpdate":
            fits = status == "ACTIVE"
        elif kind == "DeleteEdgeConfiguration":
            fits = status != "DELETING"
        elif kind not in PASSIVE:
            return f"event {number} is of the unknown type {kind}"
        if not fits:
            return f"event {number}, {kind} to {event['status']}, could not happen"
        is_new = kind in CREATIONS or (kind in VERSIONED and kind not in DELETIONS)
        if is_new == (event["version"] == version) or (is_new and event["version"] in versions):
            return f"event {number}, {kind}, has the version {event['version']} after {version}"
        version = event["version"]
        versions.add(version)
    if status == "DELETED":
        return "it is gone by its events, but not from the database" if row else None
    if not row:
        return "it is gone from the database, but not by its events"
    if (row["status"], row["version"], row["event_sequence"]) != (status, version, len(events)):
        return "its row is not what its events say"
    return None


def check_effects(facts):
    """Every accepted change happened once, whatever number of attempts it took; no refused one happened, and no more than were asked for."""
    violations = []
    by_request, by_cell_and_type = defaultdict(list), Counter()
    for row in facts.tables["event"]:
        by_request[row["request_id"], row["type"]].append(row)
        if row["type"] in RECORDED:
            by_cell_and_type[name_of(row["resource_arn"]), row["type"]] += 1
    surely, perhaps, examples = Counter(), Counter(), defaultdict(list)
    for entry in facts.calls:
        if entry["operation"] not in RECORDED or "cell" not in entry:
            continue
        slot = subject_of(entry["body"]).slot
        suffix = {"stream": "s", "first": "c", "second": "d"}[slot]
        key = f"{entry['cell']}-{suffix}", entry["operation"]
        effects = [row for attempt in entry["attempts"] for row in by_request.get((attempt[4], entry["operation"]), [])] if entry["attempts"] else []
        if entry["outcome"] == "refused":
            # A start that was accepted answers "not found" where the stream was deleted before its answer was written.
            is_missing = entry["code"] in ("ResourceNotFoundException", "StreamEdgeConfigurationNotFoundException")
            if entry["operation"] == "StartEdgeConfigurationUpdate" and is_missing:
                perhaps[key] += 1
            elif effects:
                violations.append(f"a refused call had an effect: {effects}\n    {short(entry)}")
            continue
        (surely if entry["outcome"] == "ok" else perhaps)[key] += 1
        examples[key].append(entry)
        if len(effects) > 1:
            violations.append(f"a call had {len(effects)} effects: {effects}\n    {short(entry)}")
        if entry["outcome"] == "ok" and len(entry["attempts"]) == 1 and len(effects) != 1:
            violations.append(f"an accepted call had {len(effects)} effects\n    {short(entry)}")
    for key in set(surely) | set(perhaps) | set(by_cell_and_type):
        happened = by_cell_and_type[key]
        if not surely[key] <= happened <= surely[key] + perhaps[key]:
            calls = "\n".join(f"    {short(entry)}" for entry in examples[key][-20:])
            violations.append(
                f"{key[0]}: {key[1]} happened {happened} times, was accepted {surely[key]} times and {perhaps[key]} times perhaps:\n{calls}")
    return violations


def check_rest(facts):
    """Nothing is on its way any more."""
    rows = [row for table in ("stream", "channel") for row in facts.tables[table]]
    violations = [f"{row['name']} stays {row['status']}" for row in rows if row["status"] != "ACTIVE"]
    violations += [f"a task is left: {row}" for row in facts.tables["task"]]
    violations += [
        f"the edge configuration of {row['stream_name']} stays {row['sync_status']}"
        for row in facts.tables["edge_configuration"] if row["deadline"] is not None]
    counted = Counter()
    for row in facts.tables["account_usage"]:
        counted["stream"] += row["stream_count"]
        counted["channel"] += row["channel_count"]
    for kind in ("stream", "channel"):
        if counted[kind] != len(facts.tables[kind]):
            violations.append(f"there are {len(facts.tables[kind])} {kind}s, counted as {counted[kind]}")
    arns = {row["arn"]: row for row in rows}
    tags = Counter(row["resource_arn"] for row in facts.tables["tag"])
    violations += [f"tags of {arn}, which is gone" for arn in tags if arn not in arns]
    violations += [f"{arn} has {tags[arn]} tags, counted as {row['tag_count']}" for arn, row in arns.items() if tags[arn] != row["tag_count"]]
    mapped = Counter(row["media_storage_stream_arn"] for row in facts.tables["channel"] if row["media_storage_stream_arn"])
    violations += [f"{arn} holds the media of {count} channels" for arn, count in mapped.items() if count > 1]
    violations += [f"a channel stores its media in {arn}, which is gone" for arn in mapped if arn not in arns]
    edges = {row["stream_arn"] for row in facts.tables["edge_configuration"]}
    violations += [f"an edge configuration of {arn}, which is gone" for arn in edges if arn not in arns]
    return violations


# MARK: Lists

def check_lists(facts):
    """A list holds everything that was there all the while, nothing that was not yet asked for, in order and once."""
    violations = []
    created, deleted, asked = defaultdict(list), {}, {}
    for entry in facts.calls:
        operation = entry["operation"]
        if operation in CREATIONS:
            name = entry["body"][CREATIONS[operation].replace("ARN", "Name")]
            if entry["outcome"] != "refused":
                asked[name] = min(asked.get(name, float("inf")), entry["start"])
            if entry["outcome"] == "ok":
                created[name].append((entry["end"], entry["answer"][CREATIONS[operation]]))
        elif operation in DELETIONS and entry["outcome"] != "refused":
            arn = entry["body"].get("StreamARN") or entry["body"].get("ChannelARN")
            deleted[arn] = min(deleted.get(arn, float("inf")), entry["start"])
    there = [(name, at, deleted.get(arn, float("inf"))) for name, creations in created.items() for at, arn in creations]
    for pages in facts.listings:
        last = pages[-1]
        if any(page["outcome"] != "ok" for page in pages) or last["answer"].get("NextToken"):
            continue
        is_streams = last["operation"] == "ListStreams"
        member, prefix = ("StreamInfoList", "Stream") if is_streams else ("ChannelInfoList", "Channel")
        infos = [info for page in pages for info in page["answer"][member]]
        names = [info[f"{prefix}Name"] for info in infos]
        about = f"the list {pages[0]['listing']} of {len(pages)} pages, #{pages[0]['id']} to #{last['id']}"
        if names != sorted(set(names)):
            violations.append(f"{about} is not in order or has something twice: {names}")
        if any(len(page["answer"][member]) > page["body"]["MaxResults"] for page in pages):
            violations.append(f"{about} has a page that is too long")
        start, end = pages[0]["start"], last["end"]
        suffixes = "s" if is_streams else "cd"
        for name, at, until in there:
            if at < start and until > end and name[-1] in suffixes and name not in names:
                violations.append(f"{about} lacks {name}, which was there all the while")
        for name in names:
            if asked.get(name, float("inf")) > end:
                violations.append(f"{about} has {name}, which nobody has created yet")
        count = sum(len(page["answer"][member]) for page in pages)
        if len(pages) == 1 and count > facts.quotas["stream" if is_streams else "channel"]:
            violations.append(f"{about} has {count} on one page, more than the quota")
    return violations


# MARK: Answers

def check_answers(facts):
    """No answer but those that the API knows: an instance that cannot do its work says 503, and HAProxy 502, 503 or 504 for one that says nothing."""
    violations = []
    skewed = [(fault["start"], fault["healed"]) for fault in facts.faults if fault["fault"] == "skew"]
    for entry in facts.calls:
        for start, end, status, code, request_id in entry["attempts"]:
            if status in (0, 200):
                continue
            if status >= 500:
                if status == 503 or (request_id is None and status in (502, 504)):
                    continue
            elif request_id and code in REFUSALS:
                continue
            elif request_id and code == "InvalidArgumentException" and entry["operation"] == "UpdateDataRetention":
                continue
            elif request_id and code == "InvalidSignatureException" and any(first <= end and start <= last for first, last in skewed):
                continue
            violations.append(f"an attempt was answered {status} {code}\n    {short(entry)}")
    return violations


CHECKS = {
    "one call after the other": check_order,
    "creations": check_creations,
    "versions": check_versions,
    "quotas": check_quotas,
    "events": check_events,
    "effects": check_effects,
    "rest": check_rest,
    "lists": check_lists,
    "answers": check_answers,
}


def unavailability(facts):
    """For each kind of fault, the longest time without a successful answer, and without an accepted change, while or soon after it happened."""
    answers = {
        "any": sorted(entry["end"] for entry in facts.calls if entry["outcome"] == "ok"),
        "change": sorted(entry["end"] for entry in facts.calls if entry["outcome"] == "ok" and entry["operation"] in RECORDED)}
    longest = {}
    for fault in facts.faults:
        for kind, times in answers.items():
            gap = max((after - before for before, after in zip(times, times[1:]) if after > fault["start"] and before < fault["ready"]), default=0)
            longest.setdefault(fault["fault"], {}).setdefault(kind, 0)
            longest[fault["fault"]][kind] = max(longest[fault["fault"]][kind], gap)
    return longest
