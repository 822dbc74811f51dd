"""Every documented constraint, generated from botocore's model: at the edge, past it, of the wrong type, null and missing."""

import functools
import re

import pytest

import agent
import cases
import model

OPERATIONS = [*model.OPERATIONS, *model.MEDIA, *agent.OPERATIONS]

# Rules that no value breaks alone, by shape and kind, and why. An entry that no longer applies fails the test.
ONE_KEY = "a second entry has a key that is not allowed"
PATTERN_TOO = "the pattern says so too"
NOT_ALONE = {
    ("ResourceARN", "min"): PATTERN_TOO, ("HubDeviceArn", "min"): PATTERN_TOO, ("MediaUriSecretArn", "min"): PATTERN_TOO,
    ("StreamName", "min"): PATTERN_TOO, ("ChannelName", "min"): PATTERN_TOO, ("DeviceName", "min"): PATTERN_TOO,
    ("MediaType", "min"): PATTERN_TOO, ("KmsKeyId", "min"): PATTERN_TOO, ("Version", "min"): PATTERN_TOO, ("DestinationUri", "min"): PATTERN_TOO,
    ("ScheduleExpression", "min"): PATTERN_TOO, ("ScheduleExpression", "max"): PATTERN_TOO, ("FormatConfig", "max"): ONE_KEY,
    ("FragmentNumberString", "min"): PATTERN_TOO, ("ContinuationToken", "min"): PATTERN_TOO, ("NextToken", "min"): PATTERN_TOO,
}
# Values at an edge that break another rule, so that the edge is seen by what is not told of them.
EDGE_BREAKS_MORE = {
    ("ResourceARN", "min"): PATTERN_TOO, ("HubDeviceArn", "min"): PATTERN_TOO, ("MediaUriSecretArn", "min"): PATTERN_TOO,
    ("MediaType", "min"): PATTERN_TOO, ("DestinationUri", "min"): PATTERN_TOO,
}


@functools.cache
def cases_of(operation):
    return list(cases.of(operation))


def all_constraints():
    """Every rule of the model for an input, as (operation, place, kind, words)."""
    for operation in OPERATIONS:
        for place in cases.places(model.operation(operation).input_shape):
            for kind, words in place.constraints:
                yield operation, place, kind, words


def is_at_edge(case, place, kind):
    """Whether a case has, at the place, a value just inside the rule."""
    if case.violations is None:
        return False
    if kind in ("pattern", "enum", "required"):
        return case.violations == ()
    if case.place != place or case.value is None:
        return False
    size = case.value if place.shape.type_name in model.NUMBERS else len(case.value)
    return size == place.shape.metadata[kind]


def test_the_cases_are_many(note):
    """A generator that makes too little would pass everything."""
    found = [case for operation in OPERATIONS for case in cases_of(operation)]
    kept = [case for case in found if case.violations == ()]
    broken = [case for case in found if case.violations]
    constraints = list(all_constraints())
    note(f"{len(found)} cases of {len(constraints)} constraints: {len(kept)} keep all, {len(broken)} break some, the others are of the wrong type")
    assert len(constraints) > 400 and sum(operation in model.OPERATIONS for operation, *_ in constraints) == 372
    assert len(kept) > 1000 and len(broken) > 5000 and len(found) > 7500
    rules = {re.sub(r"\d+", "N", rule).split(":")[0] for case in broken for _, rule in case.violations}
    assert len(rules) == 7, rules


def test_each_constraint_is_broken_alone_and_kept_at_its_edge():
    excused = set()
    for operation, place, kind, words in all_constraints():
        if kind == "min" and place.shape.metadata["min"] == 0 and place.shape.type_name not in model.NUMBERS:
            continue  # Nothing is shorter than nothing.
        name, here = (place.shape.name, kind), (place.at, words)
        breaking = [case for case in cases_of(operation) if case.violations and here in case.violations]
        alone = [case for case in breaking if len(case.violations) == 1]
        assert breaking and bool(alone) != (name in NOT_ALONE), f"{operation} {place.at}: {words}: {len(breaking)} broken, {len(alone)} alone"
        edge = [case for case in cases_of(operation) if is_at_edge(case, place, kind) and here not in case.violations]
        clean = [case for case in edge if not case.violations]
        assert edge and bool(clean) != (name in EDGE_BREAKS_MORE), f"{operation} {place.at}: {words}: {len(edge)} at the edge, {len(clean)} kept"
        excused.add(name)
    assert excused >= set(NOT_ALONE) | set(EDGE_BREAKS_MORE)


def check(sender, case):
    answer = sender.call(model.path(case.operation), case.body)
    assert answer.status < 500, answer.body
    if answer.status != 200:
        for secret in cases.secrets(model.operation(case.operation).input_shape, case.body):
            # One that is as short as a word may stand in any text, and a long one might be cut.
            assert len(secret) < 8 or secret[:60] not in answer.message, answer.body
    if case.violations is None:
        assert (answer.status, answer.error) == (400, "SerializationException"), answer.body
        assert answer.message
    elif case.violations:
        model.check_violations(answer, list(case.violations))
    else:
        # Accepted by the model; what comes then depends on what there is, and on limits that are stated in prose.
        assert answer.error not in ("ValidationException", "SerializationException"), answer.body
        if answer.status == 200 and answer.headers["Content-Type"].startswith("video/"):
            # Media, or why there is none: a Matroska document, or its Tags.
            assert answer.body[:4] in (b"", b"\x1a\x45\xdf\xa3", b"\x12\x54\xc3\x67"), answer.body[:100]
        elif answer.status == 200 and answer.body:
            model.check_output(case.operation, answer.json)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", ["kept", "broken", "type"])
def test_constraints(sender_for, operation, kind):
    chosen = [case for case in cases_of(operation) if kind == (
        "type" if case.violations is None else "broken" if case.violations else "kept")]
    assert chosen
    failures = []
    for case in chosen:
        try:
            check(sender_for(operation), case)
        except AssertionError as error:
            failures.append(f"{case.id}: {str(error)[:400]}")
    assert not failures, f"{len(failures)} of {len(chosen)}:\n" + "\n".join(failures[:30])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_all_violations_at_once(sender_for, operation):
    shape = model.operation(operation).input_shape
    body = cases.worst(shape)
    expected = model.violations(shape, body)
    free = [name for name, member in shape.members.items() if has_no_constraint(member)]
    assert len({at.split(".")[0] for at, _ in expected}) == len(shape.members) - len(free)
    model.check_violations(sender_for(operation).call(model.path(operation), body), expected)


def has_no_constraint(member):
    """Whether any value of the type will do."""
    return member.type_name in ("timestamp", "integer", "long") and not member.metadata.keys() & {"min", "max"}


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if model.operation(name).input_shape.required_members])
def test_everything_missing(sender_for, operation):
    shape = model.operation(operation).input_shape
    expected = model.violations(shape, {})
    assert expected
    for body in (b"", b"{}"):
        model.check_violations(sender_for(operation).call(model.path(operation), body), expected)


def test_a_list_of_broken_elements_is_told_in_part(sender):
    """A mebibyte of mistakes is not worth a mebibyte of answer: the first are told, and an element behind a list's maximum is not looked at."""
    answer = sender.call(model.path("TagResource"), {"ResourceARN": "x", "Tags": [{}] * 100_000})
    assert answer.error == "ValidationException"
    number = answer.message.count("failed to satisfy constraint")
    assert answer.message.startswith(f"At least {number} validation errors detected, and no more looked for: ")
    assert 2 <= number <= 200 and len(answer.body) < 100_000


def test_the_words_of_a_violation(sender):
    answer = sender.call("/createStream", {"StreamName": "x y"})
    assert answer.json == {
        "Message": "1 validation error detected: Value 'x y' at 'streamName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"}
    answer = sender.call("/getDataEndpoint", {"StreamName": ""})
    words = answer.message
    assert words.startswith("3 validation errors detected: ")
    assert sorted(words.removeprefix("3 validation errors detected: ").split("; ")) == [
        "Value '' at 'streamName' failed to satisfy constraint: Member must have length greater than or equal to 1",
        "Value '' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
        "Value null at 'aPIName' failed to satisfy constraint: Member must not be null",
    ]


MALFORMED = [
    b"{", b"}", b"[", b"nul", b"{]", b'{"StreamName"}', b'{"StreamName":}', b'{"StreamName":"a",}', b'{"StreamName":"a"}x',
    b'{"StreamName":"a"}{}', b"{'StreamName':'a'}", b'{StreamName:"a"}', b'{"StreamName":"a" /* */}', b'{"StreamName":"a\n"}',
    b'{"StreamName":"\\x"}', b'{"StreamName":"\\u12"}', b'{"StreamName":"\\ud800"}', b'{"StreamName":"\xff"}',
    b'{"StreamName":"\xed\xa0\x80"}', b'{"StreamName":"\xc0\xaf"}', b"\xef\xbb\xbf{}", '{"StreamName":"a"}'.encode("utf-16"),
    b'{"DataRetentionInHours":01}', b'{"DataRetentionInHours":+1}', b'{"DataRetentionInHours":.5}', b'{"DataRetentionInHours":1.}',
    b'{"DataRetentionInHours":1e}', b'{"DataRetentionInHours":NaN}', b'{"DataRetentionInHours":Infinity}', b'{"DataRetentionInHours":0x1}',
    b"\x00", b"{}\x00", b"{\x0b}", b"{\xc2\xa0}",
]
DUPLICATES = [
    b'{"StreamName":"a","StreamName":"a"}', b'{"StreamName":"a","Stream\\u004eame":"b"}', b'{"StreamName":"a","Tags":{"k":"1","k":"2"}}',
    b'{"StreamName":"a","Unknown":{"x":1,"x":2}}', b'{"StreamName":"a","Tags":{"k":"1","\\u006b":"2"}}',
]


@pytest.mark.parametrize("body", MALFORMED + DUPLICATES, ids=repr)
def test_malformed_and_duplicate(sender, body):
    answer = sender.call("/createStream", body)
    assert (answer.status, answer.error) == (400, "SerializationException"), answer.body
    assert list(answer.json) == ["Message"]


def test_depth_is_bounded(sender):
    for depth in (100, 10_000, 400_000):
        answer = sender.call("/createStream", b'{"Unknown":' + b"[" * depth + b"]" * depth + b"}")
        assert answer.status == 400
        assert answer.error in ("SerializationException", "ValidationException")
