"""Requests for every documented constraint: at its edge, just past it, of the wrong type, null and missing. Made from botocore's model."""

import copy
from dataclasses import dataclass

import model

STREAM = "arn:aws:kinesisvideo:us-east-1:123456789012:stream/"
THING = "arn:aws:iot:us-east-1:123456789012:thing/"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
FRAGMENT = "91343852333181432412489103236310005892133364608"
# A Quartz expression of each length that the model allows at most and at least.
LONGEST_SCHEDULE = "0,1 0,1 0 ? * * " + ",".join(map(str, range(2030, 2047)))
SHORTEST_SCHEDULE = "0 0 0 ? * *"


def sample(shape, member="", number=0):
    """A value that breaks nothing; others under other numbers, where there are others."""
    match shape.type_name:
        case "string":
            value = shape.enum[number % len(shape.enum)] if shape.enum else _SAMPLES.get(shape.name, f"sample{number}")
            if value.endswith(("/", ":")):
                value += f"sample{number}" + ("/1" if shape.name == "ResourceARN" else "")
            assert not model.rules(shape, value), f"{shape.name} needs a sample of its own"
            return value
        case "integer" | "long":
            # The least sampling interval stands in prose only.
            return 3000 if member == "SamplingInterval" else max(1, shape.metadata.get("min", 1))
        case "boolean":
            return True
        case "timestamp":
            return 1705489836.421
        case "list":
            return [sample(shape.member, number=number) for number in range(min(2, shape.metadata.get("max", 2)))]
        case "map":
            return {sample(shape.key): sample(shape.value)}
        case "structure":
            return {name: sample(inner, name, number) for name, inner in shape.members.items()}
    raise AssertionError(f"no sample of {shape.type_name}")


_SAMPLES = {
    "ResourceARN": STREAM, "HubDeviceArn": THING, "MediaUriSecretArn": SECRET, "MediaType": "video/h264", "DestinationUri": "s3://sample",
    "DestinationRegion": "us-east-1", "FormatConfigValue": "80", "ScheduleExpression": "0 0 0 ? * * *", "FragmentNumberString": FRAGMENT,
}


def of_length(shape, length):
    """A string of this length that satisfies the shape's pattern, or nearly, where none so short or long does."""

    def stretched(start, end=""):
        room = length - len(start) - len(end)
        return start + "a" * room + end if room > 0 else "a" * length

    match shape.name:
        case "ResourceARN":
            text = stretched(STREAM, "/1")
        case "HubDeviceArn":
            text = stretched(THING)
        case "MediaUriSecretArn":
            text = stretched(SECRET)
        case "MediaType":
            text = stretched("", "/b")
        case "DestinationUri":
            text = stretched("s3://")
        case "DestinationRegion":
            text = stretched("us-", "-1")
        case "ScheduleExpression":
            text = SHORTEST_SCHEDULE[:length] if length <= len(SHORTEST_SCHEDULE) else LONGEST_SCHEDULE.ljust(length, "0")[:length]
        case "FragmentNumberString":
            text = "9" * length
        case _:
            text = "a" * length
    assert len(text) == length
    return text


# Each is tried in each string; the model decides which of them are wrong there.
SPECIAL = [
    " ", "a b", "a\n", "\na", "a\r", "a\u2028b", "a\u0000b", "é", "e\u0301", "日本", "😀", "a/b", "a,b", "a/b,", "a/b,,c/d", "/", "a/", "a:b",
    "a+b", "a=b", "-", "_", ".", "*", "%", "'", '"', "\\", "<", "${a}", "a;b", "\u200b", "\u00a0", "٣", "Ⅷ", "\ufeff", "\ue000",
]


def _arns(start, kind, end):
    """Spellings of an ARN, most of them wrong."""
    return [
        start + "a/b" + end, start + "a", start + end, start + "a/", start.replace(":us-east-1:", "::") + "a" + end,
        start.replace("123456789012", "") + "a" + end, start.replace("arn:aws", "arn:AWS") + "a" + end, " " + start + "a" + end,
        start + "a" + end + "\n", start + "a" + end + " ", start.replace(kind, kind.capitalize()) + "a" + end, start + "a" + end + "x",
        start + "é" + end, start + "a_.-Z9" + end, start.replace("aws", "aws-us-gov", 1) + "a" + end,
    ]


# Tried in the strings of one shape.
SPECIAL_OF = {
    "ResourceARN": [*_arns(STREAM, "stream", "/1"), STREAM.replace("kinesisvideo", "kinesis") + "a/1", STREAM.replace("stream", "channel") + "a/1"],
    "HubDeviceArn": [*_arns(THING, "thing", ""), THING.replace("iot", "greengrass") + "a"],
    "MediaUriSecretArn": [*_arns(SECRET, "secret", ""), SECRET.replace("secretsmanager", "ssm") + "a", SECRET + "path/to/it", SECRET + "a+b"],
    "DestinationUri": ["s3:bucket", "s3:/bucket", "s3://bucket/", "s3://bucket/a b/c", "s3://bucket/*", "s3:///bucket", "s3//bucket", "://bucket",
                       "s-3://bucket", "arn:aws:sns:us-east-1:123456789012:topic", "s3://", "s3://b\n", "sé://b"],
    "DestinationRegion": ["us-gov-west-1", "cn-north-1", "us-east-11", "us-east-1a", "US-EAST-1", "us-east-x", "useast1xx", "us_east_1", "a-b-c-d-e-1"],
    "ScheduleExpression": ["0 0 0 ? * *\n", "0 0 0\n? * * *", "not a schedule", "0 0 0 ? * *\r", "0 0 0 ? * *\u2028", "          \t"],
    "FormatConfigValue": ["0", "1", "100", "101", "080", "8_0", "8.0", "80%", "+80"],
}
WRONG_TYPES = {
    "string": [1, 1.5, True, False, [], {}, ["a"]],
    "integer": ["1", "", 1.5, 1e-3, True, False, [], {}, 2**31, -(2**31) - 1, 2**63, 10**30],
    "long": ["1", "", 1.5, 1e-3, True, False, [], {}, 2**63, -(2**63) - 1, 10**30],
    "boolean": [0, 1, "true", "false", "", 1.0, [], {}, [True]],
    "timestamp": ["2024-01-17T11:10:36Z", "1705489836", True, False, [], {}],
    "list": ["a", 1, True, {}, {"0": "a"}],
    "map": ["a", 1, True, [], ["a"]],
    "structure": ["a", 1, True, [], [{}]],
}


@dataclass(frozen=True)
class Place:
    """Somewhere in a request where a value stands."""

    way: tuple  # Members, indexes of elements and keys of maps, as steps through a sample.
    at: str  # The way, as the path of a violation says it.
    shape: object
    is_required: bool
    kind: str = "member"  # Or "element" of a list, "key" or "value" of a map.

    @property
    def name(self):
        return ".".join(map(str, self.way)) + (" key" if self.kind == "key" else "")

    @property
    def constraints(self):
        """The rules that the model states here, as (kind, words)."""
        required = [("required", "Member must not be null")] if self.is_required and self.kind == "member" else []
        return [*model.constraints(self.shape), *required]


@dataclass(frozen=True)
class Case:
    operation: str
    what: str
    body: object
    # None where the type is wrong, which makes a SerializationException.
    violations: tuple | None
    place: Place | None = None
    value: object = None

    @property
    def id(self):
        return f"{self.operation}-{self.what}".encode("ascii", "backslashreplace").decode()[:100]


def places(shape, way=(), at=()):
    """Every place below a shape, as in its sample."""
    found = []
    match shape.type_name:
        case "structure":
            for name, member in shape.members.items():
                found.append(((*way, name), (*at, model.lower_first(name)), member, name in shape.required_members, "member"))
        case "list":
            index = len(sample(shape)) - 1
            found.append(((*way, index), (*at, str(index + 1), "member"), shape.member, True, "element"))
        case "map":
            key = sample(shape.key)
            found.append(((*way, key), (*at, "key"), shape.key, False, "key"))
            found.append(((*way, key), (*at, key, "value"), shape.value, True, "value"))
    for inner_way, inner_at, inner, is_required, kind in found:
        yield Place(inner_way, ".".join(inner_at), inner, is_required, kind)
        if kind != "key":
            yield from places(inner, inner_way, inner_at)


def changed(body, place, change):
    """A copy of the body, in which `change` has been done to what holds the place's last step."""
    body = copy.deepcopy(body)
    inner = body
    for step in place.way[:-1]:
        inner = inner[step]
    change(inner, place.way[-1])
    return body


def put(body, place, value):
    def change(holder, step):
        if place.kind == "key":
            holder[value] = holder.pop(step)
        else:
            holder[step] = value

    return changed(body, place, change)


def drop(body, place):
    return changed(body, place, lambda holder, step: holder.pop(step))


def strings(shape):
    """Edges of a string, and strings past them."""
    limits = shape.metadata
    if "max" in limits:
        yield f"length {limits['max']}", of_length(shape, limits["max"])
        yield f"length {limits['max']} + 1", of_length(shape, limits["max"] + 1)
        # Lengths count scalars: this one is too long in UTF-8 and in UTF-16, but not as the service counts.
        yield f"{limits['max']} wide scalars", "𝒜" * limits["max"]
    if "min" in limits:
        yield f"length {limits['min']}", of_length(shape, limits["min"])
        if limits["min"] > 0:
            yield f"length {limits['min']} - 1", of_length(shape, limits["min"] - 1)
    for value in shape.enum:
        yield f"value {value}", value
        yield f"value {value.lower()}", value.lower()
        yield f"value {value} and a space", value + " "
    if shape.enum:
        yield "no value", ""
    for value in SPECIAL + SPECIAL_OF.get(shape.name, []):
        yield f"special {value!r}", value


def integers(shape):
    limits = shape.metadata
    for edge in ("min", "max"):
        if edge in limits:
            for value in (limits[edge] - 1, limits[edge], limits[edge] + 1):
                yield f"number {value}", value
    yield "whole with a point", float(max(1, limits.get("min", 1)))
    bits = 31 if shape.type_name == "integer" else 63
    yield "largest", 2**bits - 1
    yield "smallest", -(2**bits)


def counts(shape):
    """As many elements as a list or entries as a map may have, and one more or less."""
    limits = shape.metadata
    edges = {limits[edge] + more for edge in ("min", "max") if edge in limits for more in (0, -1 if edge == "min" else 1)} - {-1}
    for count in sorted(edges):
        if shape.type_name == "list":
            yield f"count {count}", [sample(shape.member, number=number) for number in range(count)]
        else:
            keys = [*shape.key.enum, *(f"key{number}" for number in range(count))]
            yield f"count {count}", {key: sample(shape.value) for key in keys[:count]}


def values(shape):
    """Values of the right type."""
    match shape.type_name:
        case "string":
            return strings(shape)
        case "integer" | "long":
            return integers(shape)
        case "boolean":
            return (("true", True), ("false", False))
        case "timestamp":
            return (("whole", 1705489836), ("fraction", 1705489836.4215), ("zero", 0))
        case "list" | "map":
            return counts(shape)
        case "structure":
            return ()


def of(operation):
    """All cases of an operation."""
    shape = model.operation(operation).input_shape
    base = sample(shape)

    def case(what, body, place=None, value=None):
        return Case(operation, what, body, tuple(model.violations(shape, body)), place, value)

    def malformed(what, body, place=None, value=None):
        return Case(operation, what, body, None, place, value)

    yield case("sample", base)
    for place in places(shape):
        for what, value in values(place.shape):
            yield case(f"{place.name} {what}", put(base, place, value), place, value)
        if place.kind == "key":
            continue
        yield case(f"{place.name} null", put(base, place, None), place)
        if place.kind == "member":
            yield case(f"{place.name} missing", drop(base, place), place)
        for value in WRONG_TYPES[place.shape.type_name]:
            yield malformed(f"{place.name} of type {value!r}", put(base, place, value), place, value)
    for value in ("a", 1, True, None, [], [base]):
        yield malformed(f"body {value!r}"[:40], value)


def secrets(shape, body):
    """The strings of a body that no answer may repeat."""
    if body is None:
        return []
    match shape.type_name:
        case "string":
            return [body] if shape.metadata.get("sensitive") and isinstance(body, str) else []
        case "structure" if isinstance(body, dict):
            return [found for name, inner in shape.members.items() for found in secrets(inner, body.get(name))]
        case "list" if isinstance(body, list):
            return [found for inner in body for found in secrets(shape.member, inner)]
        case _:
            return []


def worst(shape):
    """A value that breaks at least one rule in every member that has any."""
    match shape.type_name:
        case "string":
            return "*" * (shape.metadata["max"] + 1) if "max" in shape.metadata else "*"
        case "integer" | "long":
            return shape.metadata.get("min", 1) - 1
        case "boolean":
            return False
        case "timestamp":
            return 0
        case "list":
            return [worst(shape.member), worst(shape.member)]
        case "map":
            return {"*": "*", "": "\n"}
        case "structure":
            return {name: worst(member) for name, member in shape.members.items()}
