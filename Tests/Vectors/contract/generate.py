"""Writes <Operation>.json, the vectors of an operation's constraints, for each operation of the control plane, on media, of signaling, and of the edge agent's API.

    python3 generate.py        (needs the packages of Tests/sdk/requirements.txt; the same versions give the same files)

Those of the control plane and on media and of signaling come from botocore's models, the edge agent's from the model in Tests/sdk/agent.py; README.md says what a vector is.
"""

import json
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parents[1] / "sdk"))

import agent  # noqa: E402
import cases  # noqa: E402
import model  # noqa: E402

OPERATIONS = [*model.OPERATIONS, *model.MEDIA, *model.SIGNALING, *agent.OPERATIONS]
# Of each type, the mistakes that decoders are known to make.
MISTAKES = {
    "string": [1, True, ["a"]], "integer": ["1", 1.5, True, 2**31], "long": ["1", 1.5, True, 2**63], "boolean": ["true", 1], "timestamp": ["1705489836", True],
    "list": ["a", {}], "map": ["a", []], "structure": ["a", []],
}
# An element that stands more often than this is written once, with its number.
LONGEST_LIST = 100


def chosen(operation):
    """The cases that become vectors: the sample, and for each place what breaks and what just keeps each rule, null, missing and wrong types."""
    every = list(cases.of(operation))
    shape = model.operation(operation).input_shape
    found = [every[0]]
    for place in cases.places(shape):
        here = [case for case in every if case.place == place]
        for kind, words in place.constraints:
            found += [breaking(here, place, words), keeping(here, place, kind, words)]
        found += [case for case in here if case.value is None]
        for mistake in MISTAKES[place.shape.type_name]:
            found += [case for case in here if case.violations is None and same(case.value, mistake)]
    unique = {case.what: case for case in found if case}
    return list(unique.values())


def breaking(here, place, words):
    """The case that breaks the rule and as little else as possible."""
    return simplest(case for case in here if case.violations and (place.at, words) in case.violations)


def keeping(here, place, kind, words):
    """The case that is just inside the rule and breaks as little else as possible."""
    if kind not in ("min", "max"):
        # Whether 24.0 is an integer is for each implementation to say.
        kept = [case for case in here if case.violations == () and case.value is not None and not isinstance(case.value, float)]
    else:
        size = (lambda value: value) if place.shape.type_name in model.NUMBERS else len
        kept = [case for case in here if case.violations is not None and case.value is not None and size(case.value) == place.shape.metadata[kind]
                and (place.at, words) not in case.violations]
    return simplest(kept)


def simplest(found):
    return min(found, key=lambda case: (len(case.violations), len(str(case.value))), default=None)


def same(value, other):
    return type(value) is type(other) and value == other


def vector(case):
    found = {"operation": case.operation, "case": case.what, "body": case.body}
    long = [name for name, value in (case.body or {}).items() if isinstance(value, list) and len(value) > LONGEST_LIST]
    if long:
        found["body"] = case.body | {name: case.body[name][:1] for name in long}
        found["repeat"] = {name: len(case.body[name]) for name in long}
    found["error"] = "SerializationException" if case.violations is None else "ValidationException" if case.violations else None
    found["violations"] = [{"path": at, "rule": rule} for at, rule in sorted(case.violations or ())]
    return found


def malformed(operation):
    """Texts that are no JSON or no single object."""
    shape = model.operation(operation).input_shape
    name = next(iter(shape.members))
    for what, text in [
        ("no end", "{"), ("a comma too many", "{,}"), ("two values", "{}{}"), ("no object", "[]"), ("null", "null"), ("a comment", "{} //"),
        ("a member without a value", f'{{"{name}":}}'), ("a comma at the end", f'{{"{name}":null,}}'), ("a name without quotes", f"{{{name}:null}}"),
        ("single quotes", f"{{'{name}':null}}"), ("a member twice", f'{{"{name}":null,"{name}":null}}'),
        ("a member twice, once escaped", f'{{"{name}":null,"\\u{ord(name[0]):04x}{name[1:]}":null}}'),
    ]:
        yield {"operation": operation, "case": what, "bodyText": text, "error": "SerializationException", "violations": []}


def text(operation):
    """The file of an operation: an array with one vector on a line."""
    vectors = [*map(vector, chosen(operation)), *malformed(operation)]
    return "[\n" + ",\n".join(json.dumps(vector, ensure_ascii=False, separators=(",", ":")) for vector in vectors) + "\n]\n"


if __name__ == "__main__":
    for operation in OPERATIONS:
        (FOLDER / f"{operation}.json").write_text(text(operation))
