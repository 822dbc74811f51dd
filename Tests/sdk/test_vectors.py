"""The committed vectors of Tests/Vectors/contract: what the generator makes, complete, and true of the server."""

import importlib.util
import json
from pathlib import Path

import pytest

import agent
import cases
import model

FOLDER = Path(__file__).resolve().parents[1] / "Vectors" / "contract"
OPERATIONS = [*model.OPERATIONS, *model.MEDIA, *model.SIGNALING, *agent.OPERATIONS]


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("generate_contract_vectors", FOLDER / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def vectors(operation):
    return json.loads((FOLDER / f"{operation}.json").read_text())


def body_of(vector):
    """The bytes that a vector stands for."""
    if "bodyText" in vector:
        return vector["bodyText"].encode()
    return json.dumps(vector["body"] | {name: vector["body"][name] * times for name, times in vector.get("repeat", {}).items()}).encode()


def test_the_files_are_what_the_generator_makes(generator):
    assert {path.stem for path in FOLDER.glob("*.json")} == set(OPERATIONS)
    for operation in OPERATIONS:
        assert (FOLDER / f"{operation}.json").read_text() == generator.text(operation), f"stale: run {FOLDER.name}/generate.py"
    assert sum(path.stat().st_size for path in FOLDER.glob("*.json")) < 1_500_000


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_vectors_are_complete(operation):
    """Counted from the files alone: each rule is broken by one and kept by another, each member null, missing and of a wrong type."""
    found = vectors(operation)
    shape = model.operation(operation).input_shape
    assert len({vector["case"] for vector in found}) == len(found)
    assert all(line.startswith('{"operation":') for line in (FOLDER / f"{operation}.json").read_text().splitlines()[1:-1])
    broken = {(broken["path"], broken["rule"]) for vector in found for broken in vector["violations"]}
    alone = {(vector["violations"][0]["path"], vector["violations"][0]["rule"]) for vector in found if len(vector["violations"]) == 1}
    names = {vector["case"]: vector for vector in found}
    for place in cases.places(shape):
        for kind, words in place.constraints:
            if not (kind == "min" and place.shape.metadata["min"] == 0 and place.shape.type_name not in model.NUMBERS):
                assert (place.at, words) in broken, (place.at, words)
        if place.kind == "key":
            continue
        assert names[f"{place.name} null"]["error"] == ("ValidationException" if place.is_required else None)
        if place.kind == "member":
            assert names[f"{place.name} missing"]["error"] == ("ValidationException" if place.is_required else None)
            assert not place.is_required or (place.at, "Member must not be null") in alone
        assert any(case.startswith(f"{place.name} of type ") and vector["error"] == "SerializationException" for case, vector in names.items())
    for vector in found:
        if "body" in vector and vector["error"] != "SerializationException":
            stated = sorted((broken["path"], broken["rule"]) for broken in vector["violations"])
            assert stated == sorted(model.violations(shape, json.loads(body_of(vector)))), vector["case"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_server_answers_as_the_vectors_say(sender_for, operation):
    failures = []
    for vector in vectors(operation):
        answer = sender_for(operation).call(model.path(operation), body_of(vector))
        try:
            if vector["error"] == "ValidationException":
                model.check_violations(answer, [(broken["path"], broken["rule"]) for broken in vector["violations"]])
            elif vector["error"]:
                assert (answer.status, answer.error) == (400, vector["error"]), answer.body
            else:
                assert answer.status < 500 and answer.error not in ("ValidationException", "SerializationException"), answer.body
        except AssertionError as error:
            failures.append(f"{vector['case']}: {str(error)[:400]}")
    assert not failures, f"{len(failures)}:\n" + "\n".join(failures[:30])
