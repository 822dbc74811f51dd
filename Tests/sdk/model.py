"""The API as botocore's installed model states it: the oracle that the server is compared with, which shares nothing with it."""

import functools
import json

import botocore.model
import botocore.session
import botocore.validate
import regex

import agent


@functools.cache
def service():
    return botocore.session.get_session().get_service_model("kinesisvideo")


@functools.cache
def media_service(name):
    """The service of an API on media. Its ARNs are those of the reference, where the model of one has an older form."""
    model = botocore.session.get_session().get_component("data_loader").load_service_model(name, "service-2")
    model["shapes"]["ResourceARN"]["pattern"] = service().shape_for("ResourceARN").metadata["pattern"]
    return botocore.model.ServiceModel(model, name)


@functools.cache
def signaling():
    return botocore.session.get_session().get_service_model("kinesis-video-signaling")


OPERATIONS = sorted(service().operation_names)
# Operations on media that the model knows and Weir serves, each with its service.
MEDIA = {"GetClip": "kinesis-video-archived-media", "GetDASHStreamingSessionURL": "kinesis-video-archived-media", "GetHLSStreamingSessionURL": "kinesis-video-archived-media", "GetImages": "kinesis-video-archived-media", "GetMedia": "kinesis-video-media", "GetMediaForFragmentList": "kinesis-video-archived-media", "ListFragments": "kinesis-video-archived-media"}
SIGNALING = sorted(signaling().operation_names)


def operation(name):
    known = (
        agent.service() if name in agent.OPERATIONS else media_service(MEDIA[name]) if name in MEDIA else signaling() if name in SIGNALING else service()
    )
    return known.operation_model(name)


def path(name):
    return operation(name).http["requestUri"]


@functools.cache
def compiled(pattern):
    """The pattern as the service means it, which is Java's way: ASCII classes, and a dot that stops at five line terminators."""
    if pattern == ".+":
        return regex.compile("[^\n\r\u0085\u2028\u2029]+")
    text = pattern.removeprefix("^").removesuffix("$")
    return regex.compile(text.replace(r"\w", "a-zA-Z0-9_").replace(r"\d", "0-9"))


def matches(pattern, text):
    return compiled(pattern).fullmatch(text) is not None


def rules(shape, value):
    """The rules of the model that a value of the right type breaks itself, in the words of the service."""
    limits = shape.metadata
    size = value if shape.type_name in NUMBERS else len(value) if shape.type_name in ("string", "list", "map") else None
    broken = {
        "min": lambda: size < limits["min"],
        "max": lambda: size > limits["max"],
        "pattern": lambda: not matches(limits["pattern"], value),
        "enum": lambda: value not in shape.enum,
    }
    return [words for kind, words in constraints(shape) if broken[kind]()]


def lower_first(name):
    """A member as it stands in the path of a violation."""
    return name[:1].lower() + name[1:]


def constraints(shape):
    """The rules of the model for values of a shape, each as a kind and its words; `rules` finds out which of them a value breaks."""
    limits = shape.metadata
    size = "value" if shape.type_name in NUMBERS else "length"
    if "min" in limits:
        yield "min", f"Member must have {size} greater than or equal to {limits['min']}"
    if "max" in limits:
        yield "max", f"Member must have {size} less than or equal to {limits['max']}"
    if "pattern" in limits:
        yield "pattern", f"Member must satisfy regular expression pattern: {limits['pattern']}"
    if shape.type_name == "string" and shape.enum:
        yield "enum", f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"


def violations(shape, value, at=()):
    """Everything that the value breaks, as (path, rule); the value has the right JSON types."""
    here = ".".join(at)
    if value is None:
        return [(here, "Member must not be null")]
    found = [(here, rule) for rule in rules(shape, value)]
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if value.get(name) is not None or name in shape.required_members:
                found += violations(member, value.get(name), (*at, lower_first(name)))
    elif shape.type_name == "list":
        for index, element in enumerate(value, 1):
            found += violations(shape.member, element, (*at, str(index), "member"))
    elif shape.type_name == "map":
        for key, element in value.items():
            found += violations(shape.key, key, (*at, "key"))
            found += violations(shape.value, element, (*at, key, "value"))
    return found


def fits(shape, value):
    """Whether a value has the JSON types that the shape asks for; null has any."""
    if value is None:
        return True
    kind = shape.type_name
    # 24.0 is an integer, 24.5 is none.
    if kind in NUMBERS and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, _TYPES[kind]) or isinstance(value, bool) != (kind == "boolean"):
        return False
    match kind:
        case "integer":
            return -(2**31) <= value < 2**31
        case "long":
            return -(2**63) <= value < 2**63
        case "structure":
            return all(fits(member, value[name]) for name, member in shape.members.items() if name in value)
        case "list":
            return all(fits(shape.member, element) for element in value)
        case "map":
            return all(fits(shape.value, element) for element in value.values())
    return True


def refusal(name, raw):
    """The error by which the model refuses a request body, or none; what it takes may still be refused for what there is, or by prose."""
    try:
        text = raw.decode() or "{}"
        body = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_number)
        # A surrogate that stands alone is no character.
        json.dumps(body, ensure_ascii=False).encode()
    except ValueError:
        return "SerializationException"
    shape = operation(name).input_shape
    if not isinstance(body, dict) or not fits(shape, body):
        return "SerializationException"
    return "ValidationException" if violations(shape, body) else None


def _without_duplicates(members):
    if len({name for name, _ in members}) < len(members):
        raise ValueError("a member stands twice")
    return dict(members)


def _no_number(text):
    raise ValueError(f"{text} is no JSON")


def check_output(name, output):
    """Fails unless a parsed JSON body is exactly an output that the model allows, without members that it does not know or nulls."""
    shape = operation(name).output_shape
    _check_types(shape, output, name)
    # The model's own map of tags wants at least one, which a resource without tags does not have.
    broken = [(at, rule) for at, rule in violations(shape, output) if not (at == "tags" and output["Tags"] == {})]
    assert not broken, broken


def check_violations(answer, expected):
    """Fails unless an answer tells all these violations, given as (path, rule), and no others."""
    assert (answer.status, answer.error) == (400, "ValidationException"), answer.body
    message = answer.message
    count = len(expected)
    assert message.startswith(f"{count} validation error{'s' * (count != 1)} detected: "), message
    told = 0
    for at, rule in set(expected):
        told += message.count(f" at '{at}' failed to satisfy constraint: {rule}") and expected.count((at, rule))
    # A list that is too long to be read is cut after twenty, and says so.
    assert told == count if count <= 200 else message.endswith(f"and {count - 200} more"), message


def check_parsed(name, answer):
    """Fails unless what botocore's parser made of an answer is an output to botocore's own validator."""
    report = botocore.validate.ParamValidator().validate(answer, operation(name).output_shape)
    assert not report.has_errors(), report.generate_report()


NUMBERS = ("integer", "long")
_TYPES = {"string": str, "integer": int, "long": int, "boolean": bool, "timestamp": (int, float), "list": list, "map": dict, "structure": dict}


def _check_types(shape, value, at):
    is_boolean = shape.type_name == "boolean"
    assert isinstance(value, _TYPES[shape.type_name]) and isinstance(value, bool) == is_boolean, f"{at} is {value!r}"
    if shape.type_name == "structure":
        unknown = set(value) - set(shape.members)
        assert not unknown, f"{at} has members that the model does not know: {unknown}"
        for name, member in value.items():
            _check_types(shape.members[name], member, f"{at}.{name}")
    elif shape.type_name == "list":
        for element in value:
            _check_types(shape.member, element, f"{at}[]")
    elif shape.type_name == "map":
        for key, element in value.items():
            _check_types(shape.value, element, f"{at}[{key}]")
