"""That the checks of media can fail: a history of a camera and its viewer that is right, and spoilt in every way that they are to find."""

import copy

import recordings

STREAM = "arn:aws:kinesisvideo:eu-west-1:123456789012:stream/camera/1"


def tale():
    """Five fragments, one a second; the viewer reads each a moment after it was told. Returns the history and what there was in the end."""
    history = []
    for place in range(1, 6):
        number, at, digest = f"9000{place}", 1000 * place, f"digest-{place}"
        history += [
            {"kind": "made", "stream": STREAM, "timecode": at, "digest": digest, "time": place},
            {"kind": "persisted", "stream": STREAM, "number": number, "timecode": at, "digest": digest, "begun": place, "time": place + 0.3},
            {"kind": "read", "stream": STREAM, "number": number, "timecode": at, "digest": digest, "time": place + 0.5}]
    numbers = [entry["number"] for entry in history if entry["kind"] == "read"]
    result = {
        "streams": {STREAM: {"listed": numbers, "kept": [[f"9000{place}", f"digest-{place}"] for place in range(1, 6)], "read": numbers[-1]}},
        "extents": [{"stream_id": 1, "first_sequence": 1, "last_sequence": 3, "pack_id": 1}, {"stream_id": 1, "first_sequence": 4, "last_sequence": 5, "pack_id": 2}],
        "left": []}
    return history, result


def of(history, kind, place):
    return [entry for entry in history if entry["kind"] == kind][place - 1]


def end(result):
    return result["streams"][STREAM]


def lost(history, result):
    end(result)["listed"].remove("90003")
    end(result)["kept"].remove(["90003", "digest-3"])


def unreadable(history, result):
    end(result)["kept"].remove(["90003", "digest-3"])


def other_bytes(history, result):
    end(result)["kept"][2][1] = "digest-x"


def exchanged(history, result):
    end(result)["kept"][1][1], end(result)["kept"][2][1] = "digest-3", "digest-2"


def from_nowhere(history, result):
    end(result)["listed"].append("90006")
    end(result)["kept"].append(["90006", "digest-6"])


def never_told(history, result):
    history.remove(of(history, "persisted", 5))


def one_number_for_two(history, result):
    of(history, "persisted", 4)["number"] = "90003"


def number_steps_back(history, result):
    for kind in ("persisted", "read"):
        of(history, kind, 4)["number"] = "90000"
    end(result)["listed"][3] = end(result)["kept"][3][0] = "90000"


def listed_twice(history, result):
    end(result)["listed"].append("90003")


def runs_overlap(history, result):
    result["extents"][1]["first_sequence"] = 3


def missed_by_the_viewer(history, result):
    history.remove(of(history, "read", 3))


def last_never_read(history, result):
    history.remove(of(history, "read", 5))


def read_twice(history, result):
    history.append(copy.deepcopy(of(history, "read", 5)))


def read_out_of_order(history, result):
    third, fourth = (history.index(of(history, "read", place)) for place in (3, 4))
    history[third], history[fourth] = history[fourth], history[third]


def read_otherwise(history, result):
    of(history, "read", 3)["digest"] = "digest-x"


def object_left(history, result):
    result["left"].append("site-1/hot/r24/1.pack")


SPOILT = {
    lost: "kept media", unreadable: "kept media", other_bytes: "kept media", exchanged: "kept media", from_nowhere: "kept media", never_told: "kept media",
    one_number_for_two: "fragment numbers", number_steps_back: "fragment numbers", listed_twice: "places of fragments",
    runs_overlap: "places of fragments", missed_by_the_viewer: "viewers", last_never_read: "viewers", read_twice: "viewers",
    read_out_of_order: "viewers", read_otherwise: "viewers", object_left: "left objects",
}


# Sound, though not plain.

def plain(history, result):
    pass


def sent_again(history, result):
    """The answer to the first sending was lost: the fragment is there twice, under two numbers, and was told once."""
    end(result)["listed"].insert(3, "900030")
    end(result)["kept"].append(["900030", "digest-3"])
    again = copy.deepcopy(of(history, "read", 3)) | {"number": "900030"}
    history.insert(history.index(of(history, "read", 3)) + 1, again)


def read_and_never_stored(history, result):
    """A viewer on the camera's own instance has it before it is stored; then that instance dies, and it is sent once more."""
    for kind in ("persisted", "read"):
        of(history, kind, 5)["number"] = "90006"
    end(result)["listed"][4] = end(result)["kept"][4][0] = "90006"
    early = copy.deepcopy(of(history, "read", 5)) | {"number": "90005"}
    history.insert(history.index(of(history, "read", 5)), early)


def deleted(history, result):
    """What was told last of a stream that is gone may never have been read."""
    history.remove(of(history, "read", 5))
    history.append({"kind": "stream-deleted", "stream": STREAM, "time": 9})
    del result["streams"][STREAM]
    result["extents"].clear()


SOUND = [plain, sent_again, read_and_never_stored, deleted]


def failures():
    """What the checks say of these, where that is wrong."""
    found = []
    for spoil, expected in [*SPOILT.items(), *((sound, None) for sound in SOUND)]:
        history, result = tale()
        spoil(history, result)
        violations = set(recordings.check(recordings.Media.of(history, result)))
        if (expected not in violations) if expected else violations:
            found.append(f"{spoil.__name__} should violate {expected or 'nothing'}, but violates {', '.join(sorted(violations)) or 'nothing'}")
    return found + [f"nothing shows that the check of {name} can fail" for name in set(recordings.CHECKS) - set(SPOILT.values())]
