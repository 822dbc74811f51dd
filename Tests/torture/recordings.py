"""What must hold of a history of cameras and viewers, and of the media that is left behind. Each check returns the violations it finds, as texts."""

import bisect
from collections import defaultdict
from dataclasses import dataclass, field


@dataclass
class Media:
    """What cameras made and were told and what viewers read, by stream; and what there was in the end."""

    made: dict = field(default_factory=lambda: defaultdict(dict))
    persisted: dict = field(default_factory=lambda: defaultdict(list))
    read: dict = field(default_factory=lambda: defaultdict(list))
    deleted: set = field(default_factory=set)
    faults: list = field(default_factory=list)
    # streams: of each that was there in the end what was listed, in order, and the digests of what was read. extents: rows. left: objects that were
    # still there when every stream was deleted and their time was over.
    result: dict = field(default_factory=dict)

    @classmethod
    def of(cls, history, result):
        found = cls(result=result)
        for entry in history:
            match entry["kind"]:
                case "made":
                    found.made[entry["stream"]][entry["timecode"]] = entry["digest"]
                case "persisted":
                    found.persisted[entry["stream"]].append(entry)
                case "read":
                    found.read[entry["stream"]].append(entry)
                case "stream-deleted":
                    found.deleted.add(entry["stream"])
                case "fault":
                    found.faults.append(entry)
        return found


def check(media):
    """All violations, by the name of the check that found them."""
    return {name: violations for name, function in CHECKS.items() if (violations := function(media))}


def check_kept(media):
    """What was told as PERSISTED is there, as it was sent, and everything that is there was sent."""
    violations = []
    for arn, end in media.result["streams"].items():
        kept = dict(map(tuple, end["kept"]))
        listed = set(end["listed"])
        for entry in media.persisted[arn]:
            number = entry["number"]
            if number not in listed:
                violations.append(f"{arn}: {number} of {entry['timecode']} was told as PERSISTED and is not listed")
            elif number not in kept:
                violations.append(f"{arn}: {number} of {entry['timecode']} was told as PERSISTED and cannot be read")
            elif kept[number] != media.made[arn].get(entry["timecode"]):
                violations.append(f"{arn}: {number} of {entry['timecode']} is not what was sent")
        sent = set(media.made[arn].values())
        violations += [f"{arn}: {number} is nothing that was sent" for number, digest in kept.items() if digest not in sent]
        told = {entry["timecode"] for entry in media.persisted[arn]}
        violations += [f"{arn}: {timecode} was made and never told as PERSISTED" for timecode in media.made[arn] if timecode not in told]
    return violations


def check_numbers(media):
    """A number is one fragment's; and one that was begun after another was told has the larger number."""
    violations = []
    for arn, entries in media.persisted.items():
        owners = {}
        for entry in entries:
            other = owners.setdefault(entry["number"], entry["timecode"])
            if other != entry["timecode"]:
                violations.append(f"{arn}: {entry['number']} is the number of {other} and of {entry['timecode']}")
        entries = sorted(entries, key=lambda entry: entry["time"])
        times, largest = [entry["time"] for entry in entries], []
        for entry in entries:
            largest.append(max(largest[-1], entry["number"]) if largest else entry["number"])
        for entry in entries:
            before = bisect.bisect_left(times, entry["begun"])
            if before and largest[before - 1] >= entry["number"]:
                violations.append(f"{arn}: {entry['number']} was begun after {largest[before - 1]} was told")
    return violations


def check_places(media):
    """A fragment is in one place: no list has it twice, and the runs of a stream have nothing in common."""
    violations = []
    for arn, end in media.result["streams"].items():
        listed = sorted(end["listed"])
        violations += [f"{arn}: {one} is listed twice" for one, other in zip(listed, listed[1:]) if one == other]
    runs = defaultdict(list)
    for row in media.result["extents"]:
        runs[row["stream_id"]].append((row["first_sequence"], row["last_sequence"], row["pack_id"]))
    for stream, found in runs.items():
        found.sort()
        violations += [
            f"the stream {stream} has {one} and {other}, which have fragments in common" for one, other in zip(found, found[1:]) if one[1] >= other[0]]
    return violations


def check_viewers(media):
    """A viewer that goes on from its continuation token reads each fragment that is kept once, in order, and as it was sent."""
    violations = []
    for arn, entries in media.read.items():
        for entry in entries:
            if media.made[arn].get(entry["timecode"]) != entry["digest"]:
                violations.append(f"{arn}: what was read as {entry['number']} is not what was sent as {entry['timecode']}")
        numbers = [entry["number"] for entry in entries]
        violations += [f"{arn}: {other} was read after {one}" for one, other in zip(numbers, numbers[1:]) if other <= one]
        end = media.result["streams"].get(arn)
        # Of a stream that was deleted meanwhile, what was told may not have been read yet.
        kept = end["listed"] if end else [entry["number"] for entry in media.persisted[arn]]
        last = max(kept, default="") if end else max(numbers, default="")
        seen = set(numbers)
        violations += [f"{arn}: {number} was never read" for number in kept if number <= last and number not in seen]
    return violations


def check_left(media):
    """Of streams that were deleted nothing is in the store, once their time is over."""
    return [f"the object {key} is left" for key in media.result.get("left", [])]


CHECKS = {
    "kept media": check_kept,
    "fragment numbers": check_numbers,
    "places of fragments": check_places,
    "viewers": check_viewers,
    "left objects": check_left,
}


def gaps(media):
    """For each kind of fault, the longest time that a camera waited for PERSISTED and that a viewer waited for a fragment, in seconds, while or soon
    after it happened."""
    longest = {}
    for name, entries in (("camera", media.persisted), ("viewer", media.read)):
        for found in entries.values():
            times = [entry["time"] for entry in found]
            for fault in media.faults:
                gap = max((after - before for before, after in zip(times, times[1:]) if after > fault["start"] and before < fault["ready"]), default=0)
                of = longest.setdefault(fault["fault"], {"camera": 0.0, "viewer": 0.0})
                of[name] = max(of[name], gap)
    return longest


def describe(media):
    """The report, as lines."""
    made, told, read = (sum(map(len, found.values())) for found in (media.made, media.persisted, media.read))
    kept = sum(len(end["listed"]) for end in media.result["streams"].values())
    runs = len(media.result["extents"])
    yield (
        f"media: {len(media.made)} streams, {made} fragments made, {told} told as PERSISTED, {read} read live; in the end {kept} kept of "
        f"{len(media.result['streams'])} streams, {runs} runs of sealed packs")
    for kind, longest in sorted(gaps(media).items()):
        yield f"{kind:<14} longest wait of a camera for PERSISTED {longest['camera']:>6.2f} s, of a viewer for a fragment {longest['viewer']:>6.2f} s"


def each_gap(media):
    """Of each fault, in order, the longest waits, as lines."""
    for fault in media.faults:
        one = Media(persisted=media.persisted, read=media.read, faults=[fault])
        longest = gaps(one)[fault["fault"]]
        yield (
            f"{fault['fault']} of {fault['detail']}, ready after {fault['ready'] - fault['start']:.1f} s: "
            f"camera {longest['camera']:.2f} s, viewer {longest['viewer']:.2f} s")
