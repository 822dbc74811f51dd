"""openapi/PARITY.md: complete, and about tests that there are."""

import ast
import functools
import json
import re
from pathlib import Path

import pytest

import agent
import model
from deployment import run_weir
from test_openapi import COMMON_ERRORS

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "openapi" / "PARITY.md"
OPERATIONS = [*model.OPERATIONS, *model.MEDIA, "PutMedia", *model.SIGNALING, *agent.OPERATIONS]
# Of other services than the documents are about.
BESIDE = ["GetCallerIdentity", "GetSessionToken", "AssumeRole", "credentials of a device"]
COLUMNS = ["operation", "rule", "documented", "decided", "tests"]


@functools.cache
def rows():
    """The rows of all tables, by column."""
    found = []
    for line in TABLE.read_text().splitlines():
        if line.startswith("|") and not line.startswith(("| operation |", "|---")):
            cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            assert len(cells) == len(COLUMNS) and all(cells), line
            found.append(dict(zip(COLUMNS, cells)))
    return found


def rows_of(operation):
    return [row for row in rows() if row["operation"] == operation]


def errors(rule):
    """The errors that a rule is about: what stands in code before any colon."""
    return set(re.findall(r"`(\w+Exception)`", rule.split(":")[0]))


@functools.cache
def declared():
    """The errors of each operation's contract, without those that any request may meet."""
    found = {}
    for arguments in ([], ["--api", "media"], ["--api", "archived-media"], ["--api", "signaling"], ["--api", "edge-agent"]):
        for methods in json.loads(run_weir("openapi", *arguments).stdout)["paths"].values():
            responses = [response for status, response in methods["post"]["responses"].items() if status != "200"]
            names = {name for response in responses for name in response["headers"]["x-amzn-ErrorType"]["schema"]["enum"]}
            # A denial is an AccessDeniedException, whichever of the two the model has.
            found[methods["post"]["operationId"]] = names - (COMMON_ERRORS - {"AccessDeniedException"}) - {"NotAuthorizedException"}
    return found


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_and_error_has_a_row(operation):
    assert rows_of(operation)
    covered = set().union(*(errors(row["rule"]) for row in rows_of(operation)))
    assert covered == declared()[operation], f"no row: {declared()[operation] - covered}; not declared: {covered - declared()[operation]}"


def test_no_row_is_of_an_operation_that_there_is_not():
    assert {row["operation"] for row in rows()} == {*OPERATIONS, *BESIDE, "every operation"}
    assert len({(row["operation"], row["rule"]) for row in rows()}) == len(rows())
    assert set(declared()) == set(OPERATIONS)


@functools.cache
def python_tests(file):
    tree = ast.parse((ROOT / "Tests" / "sdk" / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@functools.cache
def swift_tests(file):
    paths = [path for path in (ROOT / "Tests").glob(f"*/{file}")]
    return {name for path in paths for name in re.findall(r"func (?:`([^`]+)`|(\w+))", path.read_text()) for name in name if name}


def is_there(test):
    if python := re.fullmatch(r"(test_\w+\.py)::(test_\w+)", test):
        return (ROOT / "Tests" / "sdk" / python[1]).exists() and python[2] in python_tests(python[1])
    swift = re.fullmatch(r"(\w+\.swift): (.+)", test)
    return bool(swift) and swift[2] in swift_tests(swift[1])


def test_every_test_that_a_row_names_is_there():
    named = [(row, test) for row in rows() for test in re.findall(r"`([^`]+)`", row["tests"])]
    assert all(re.search("`", row["tests"]) for row in rows())
    missing = {test for _, test in named if not is_there(test)}
    assert not missing, sorted(missing)
    # And the look-up can fail.
    assert not is_there("test_parity.py::test_nothing") and not is_there("PatternTests.swift: nothing") and not is_there("nothing")


def test_the_table_speaks_of_this_product_in_its_own_words():
    """A row says why where the documentation leaves room: "not documented" alone decides nothing."""
    assert not [row for row in rows() if row["decided"].rstrip(".") in ("", "Not documented", "Own API")]
