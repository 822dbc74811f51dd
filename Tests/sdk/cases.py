"""Requests for every documented constraint: at its edge, just past it, of the wrong type, null and missing. Made from botocore's model."""

import copy
from dataclasses import dataclass

import model

ARN = "arn:aws:kinesisvideo:us-east-1:123456789012:stream/"


def of_length(shape, length):
    """A string of this length that satisfies the shape's pattern, or nearly, where none so short does."""
    match shape.name:
        case "ResourceARN":
            text = (ARN + "a" * (length - len(ARN) - 2) + "/1") if length >= len(ARN) + 3 else "a" * length
        case "MediaType":
            text = "a" * (length - 2) + "/b" if length >= 3 else "a" * length
        case _:
            text = "a" * length
    assert len(text) == length
    return text


def sample(shape, member=""):
    """A value that breaks nothing."""
    match shape.type_name:
        case "string":
            if shape.enum:
                return shape.enum[0]
            value = {"ResourceARN": ARN + "sample/1", "MediaType": "video/h264"}.get(shape.name, "sample")
            assert not model.rules(shape, value), f"{shape.name} needs a sample of its own"
            return value
        case "integer":
            return max(1, shape.metadata.get("min", 1))
        case "list":
            return [sample(shape.member)]
        case "map":
            return {sample(shape.key): sample(shape.value)}
        case "structure":
            return {name: sample(member) for name, member in shape.members.items()}
    raise AssertionError(f"no sample of {shape.type_name}")


# Each is tried in each string; the model decides which of them are wrong there.
SPECIAL = [
    " ", "a b", "a\n", "\na", "a\r", "a\u2028b", "a\u0000b", "é", "e\u0301", "日本", "😀", "a/b", "a,b", "a/b,", "a/b,,c/d", "/", "a/", "a:b",
    "a+b", "a=b", "-", "_", ".", "*", "%", "'", '"', "\\", "<", "${a}", "a;b", "\u200b", "\u00a0", "٣", "Ⅷ", "\ufeff", "\ue000",
    ARN + "a/b/1", ARN + "a", ARN + "/1", ARN + "a/", "arn:aws:kinesis:us-east-1:123456789012:stream/a/1",
    "arn:aws:kinesisvideo::123456789012:stream/a/1", "arn:aws:kinesisvideo:us-east-1::stream/a/1", "arn:AWS" + ARN[7:] + "a/1",
    " " + ARN + "a/1", ARN + "a/1\n", ARN + "a/1 ", ARN.replace("stream", "Stream") + "a/1", ARN + "a/1x",
]
WRONG_TYPES = {
    "string": [1, 1.5, True, False, [], {}, ["a"]],
    "integer": ["1", "", 1.5, 1e-3, True, False, [], {}, 2**31, -(2**31) - 1, 2**63, 10**30],
    "list": ["a", 1, True, {}, {"0": "a"}],
    "map": ["a", 1, True, [], ["a"]],
    "structure": ["a", 1, True, [], [{}]],
}


@dataclass(frozen=True)
class Case:
    operation: str
    what: str
    body: object
    # None where the type is wrong, which makes a SerializationException.
    violations: tuple | None

    @property
    def id(self):
        return f"{self.operation}-{self.what}".encode("ascii", "backslashreplace").decode()[:100]


def places(shape, at=()):
    """Every member below a structure: (the way to it, its shape, whether it is required, what the way's last step is)."""
    for name, member in shape.members.items():
        here = (*at, name)
        yield here, member, name in shape.required_members
        if member.type_name == "structure":
            yield from places(member, here)


def put(body, way, value):
    body = copy.deepcopy(body)
    inner = body
    for step in way[:-1]:
        inner = inner[step]
    inner[way[-1]] = value
    return body


def drop(body, way):
    body = copy.deepcopy(body)
    inner = body
    for step in way[:-1]:
        inner = inner[step]
    del inner[way[-1]]
    return body


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
    for value in SPECIAL:
        yield f"special {value!r}", value


def integers(shape):
    limits = shape.metadata
    for edge in ("min", "max"):
        if edge in limits:
            for value in (limits[edge] - 1, limits[edge], limits[edge] + 1):
                yield f"number {value}", value
    yield "largest", 2**31 - 1
    yield "smallest", -(2**31)


def collections(shape):
    """Edges of the count, and each string case in an element."""
    limits = shape.metadata
    counts = {limits["min"] - 1, limits["min"], limits["max"], limits["max"] + 1} - {-1}
    if shape.type_name == "list":
        for count in sorted(counts):
            yield f"count {count}", [f"k{index}" for index in range(count)]
        for what, value in strings(shape.member):
            yield f"element {what}", ["fine", value]
        yield "null element", ["fine", None]
    else:
        for count in sorted(counts):
            yield f"count {count}", {f"k{index}": "v" for index in range(count)}
        for what, value in strings(shape.key):
            yield f"key {what}", {"fine": "v", value: "v"}
        for what, value in strings(shape.value):
            yield f"value {what}", {"fine": "v", "k": value}
        yield "null value", {"fine": "v", "k": None}


def values(shape):
    match shape.type_name:
        case "string":
            yield from strings(shape)
        case "integer":
            yield from integers(shape)
        case "list" | "map":
            yield from collections(shape)


def wrong_elements(shape):
    if shape.type_name == "list":
        for value in WRONG_TYPES[shape.member.type_name]:
            yield f"element {value!r}", [value]
    if shape.type_name == "map":
        for value in WRONG_TYPES[shape.value.type_name]:
            yield f"value {value!r}", {"k": value}


def of(operation):
    """All cases of an operation."""
    shape = model.operation(operation).input_shape
    base = sample(shape)

    def case(what, body):
        return Case(operation, what, body, tuple(model.violations(shape, body)))

    yield case("sample", base)
    for way, member, is_required in places(shape):
        name = ".".join(way)
        for what, value in values(member):
            yield case(f"{name} {what}", put(base, way, value))
        yield case(f"{name} null", put(base, way, None))
        yield case(f"{name} missing", drop(base, way))
        for value in WRONG_TYPES[member.type_name]:
            yield Case(operation, f"{name} of type {value!r}", put(base, way, value), None)
        for what, value in wrong_elements(member):
            yield Case(operation, f"{name} {what}", put(base, way, value), None)
    for value in ("a", 1, True, None, [], [base]):
        yield Case(operation, f"body {value!r}"[:40], value, None)


def worst(shape):
    """A value that breaks at least one rule in every member that has any."""
    match shape.type_name:
        case "string":
            return "*" * (shape.metadata["max"] + 1) if "max" in shape.metadata else "*"
        case "integer":
            return shape.metadata["min"] - 1
        case "list":
            return ["*", ""]
        case "map":
            return {"*": "*", "": "\n"}
        case "structure":
            return {name: worst(member) for name, member in shape.members.items()}
