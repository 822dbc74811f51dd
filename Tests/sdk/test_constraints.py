"""Every documented constraint, generated from botocore's model: at the edge, past it, of the wrong type, null and missing."""

import re

import pytest

import cases
import model

ALL = [case for operation in model.OPERATIONS for case in cases.of(operation)]


def test_the_cases_are_many():
    """A generator that makes too little would pass everything."""
    assert len(ALL) > 2500
    kept = [case for case in ALL if case.violations == ()]
    broken = [case for case in ALL if case.violations]
    assert len(kept) > 400 and len(broken) > 1000
    rules = {re.sub(r"\d+", "N", rule).split(":")[0] for case in broken for _, rule in case.violations}
    assert len(rules) == 7, rules


def check_violations(answer, expected):
    assert (answer.status, answer.error) == (400, "ValidationException"), answer.body
    message = answer.message
    count = len(expected)
    assert message.startswith(f"{count} validation error{'s' * (count != 1)} detected: "), message
    told = 0
    for at, rule in set(expected):
        told += message.count(f" at '{at}' failed to satisfy constraint: {rule}") and expected.count((at, rule))
    # A list that is too long to be read is cut after twenty, and says so.
    assert told == count if count <= 200 else message.endswith(f"and {count - 200} more"), message


def check(sender, case):
    answer = sender.call(model.path(case.operation), case.body)
    assert answer.status < 500
    if case.violations is None:
        assert (answer.status, answer.error) == (400, "SerializationException"), answer.body
        assert answer.message
    elif case.violations:
        check_violations(answer, list(case.violations))
    else:
        # Accepted by the model; what comes then depends on what there is, and on limits that are stated in prose.
        assert answer.error not in ("ValidationException", "SerializationException"), answer.body


@pytest.mark.parametrize("operation", model.OPERATIONS)
@pytest.mark.parametrize("kind", ["kept", "broken", "type"])
def test_constraints(sender, operation, kind):
    chosen = [case for case in ALL if case.operation == operation and kind == (
        "type" if case.violations is None else "broken" if case.violations else "kept")]
    failures = []
    for case in chosen:
        try:
            check(sender, case)
        except AssertionError as error:
            failures.append(f"{case.id}: {str(error)[:400]}")
    assert chosen or kind == "broken"
    assert not failures, f"{len(failures)} of {len(chosen)}:\n" + "\n".join(failures[:30])


@pytest.mark.parametrize("operation", model.OPERATIONS)
def test_all_violations_at_once(sender, operation):
    shape = model.operation(operation).input_shape
    body = cases.worst(shape)
    expected = model.violations(shape, body)
    assert len({at.split(".")[0] for at, _ in expected}) == len(shape.members)
    check_violations(sender.call(model.path(operation), body), expected)


@pytest.mark.parametrize("operation", [name for name in model.OPERATIONS if model.operation(name).input_shape.required_members])
def test_everything_missing(sender, operation):
    shape = model.operation(operation).input_shape
    expected = model.violations(shape, {})
    assert expected
    for body in (b"", b"{}"):
        check_violations(sender.call(model.path(operation), body), expected)


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
