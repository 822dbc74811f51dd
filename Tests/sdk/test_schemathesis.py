"""The OpenAPI document against the running server, by Schemathesis: what the document allows and forbids, and chains of calls along its links.

Schemathesis makes the requests and holds the answers against the document. Whether a request is well formed is not for it to say: it knows neither
that null means absent nor that `\\w` is ASCII; botocore's model decides that for each request, from the bytes that were sent.
WEIR_SCHEMATHESIS_EXAMPLES is how many requests are made up for each operation in the random phases, beside those that cover the document.
"""

import collections
import json
import os

import pytest
import schemathesis
from hypothesis.configuration import set_hypothesis_home_dir
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

import model
from deployment import Deployments, run_weir
from signing import Credentials

EXAMPLES = int(os.environ.get("WEIR_SCHEMATHESIS_EXAMPLES", "20"))
SEED = 20170930
# What may be answered to a request that the model accepts: these depend on what there is, and on limits that stand in prose.
BY_STATE = {
    "ResourceNotFoundException", "ResourceInUseException", "VersionMismatchException", "NoDataRetentionException", "InvalidArgumentException",
    "AccessDeniedException", "StreamEdgeConfigurationNotFoundException", "TagsPerResourceExceededLimitException",
    "AccountStreamLimitExceededException", "AccountChannelLimitExceededException", "ClientLimitExceededException", "InvalidResourceFormatException",
}
CHECKS = [
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance", "response_schema_conformance",
    "unsupported_method", "decided_by_the_model",
]


@schemathesis.check
def decided_by_the_model(context, response, case):
    """In place of Schemathesis' own checks that valid data is accepted and other data is refused."""
    operation = case.operation.definition.raw["operationId"]
    error = (response.headers.get("x-amzn-errortype") or [""])[0]
    if case.method != "POST":
        assert (response.status_code, error) == (405, "MethodNotAllowedException"), f"{case.method} is answered with {response.status_code} {error}"
        return
    sent = response.request.body or b""
    expected = model.refusal(operation, sent if isinstance(sent, bytes) else sent.encode())
    if expected:
        assert (response.status_code, error) == (400, expected), f"{response.status_code} {error}, where the model says {expected}"
    elif response.status_code != 200:
        assert error in BY_STATE, f"{response.status_code} {error}, where the model has nothing against it"
    elif model.operation(operation).output_shape.members:
        model.check_output(operation, json.loads(response.content))


def configuration(url):
    random = {"max-examples": EXAMPLES}
    # What the server has answered must not decide what is sent next, but along links: no run would be like another.
    alike = {"extra-data-sources": {"responses": False}}
    return SchemathesisConfig.from_dict({
        "seed": SEED, "base-url": url, "workers": 1, "request-timeout": 30,
        "generation": {"deterministic": True, "mode": "all", "with-security-parameters": False, "no-shrink": True, "database": "none"},
        "analysis": {"constants": {"enabled": False}},
        "checks": {"enabled": False} | {name: {"enabled": True} for name in CHECKS},
        "phases": {
            "examples": alike, "coverage": alike, "fuzzing": alike | {"generation": random, "error-feedback": {"enabled": False}},
            "stateful": {"generation": {"max-examples": EXAMPLES * 15}, "inference": {"algorithms": []}, "link-calibration": False},
        },
    })


@pytest.fixture(scope="module")
def open_server(engine, tmp_path_factory):
    """A server that asks for no signatures."""
    deployments = Deployments(engine, tmp_path_factory.mktemp("schemathesis"))
    yield deployments.server("--auth", "none", "--log-requests", "false")
    deployments.close()


def test_schemathesis(open_server, tmp_path, note, monkeypatch):
    set_hypothesis_home_dir(tmp_path)
    # Hypothesis tries what it finds in the modules that happen to be loaded: the requests would depend on which other tests run.
    monkeypatch.setattr("hypothesis.internal.conjecture.providers.is_local_module_file", lambda path: False)
    document = json.loads(run_weir("openapi").stdout)
    schema = schemathesis.openapi.from_dict(document, config=configuration(open_server.endpoint))
    cases, answers, failures, errors = collections.Counter(), collections.defaultdict(collections.Counter), {}, []
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            record(event, cases, answers, failures)
        elif isinstance(event, (events.NonFatalError, events.FatalError)):
            errors.append(str(event.info if isinstance(event, events.NonFatalError) else event.exception))
    note(f"Schemathesis: {sum(cases.values())} cases on {open_server.database.engine}: " + ", ".join(f"{count} {phase}" for phase, count in sorted(cases.items())))
    assert not errors, "\n".join(errors)
    assert not failures, f"{len(failures)}:\n" + "\n\n".join(list(failures.values())[:20])
    # A run that makes little or is refused everywhere proves little.
    assert {phase.split()[0] for phase in cases} >= {"coverage", "examples", "fuzzing", "stateful"}, cases
    assert any("negative" in phase for phase in cases) and any("positive" in phase for phase in cases), cases
    assert sum(cases.values()) > 2000, cases
    assert sorted(answers) == model.OPERATIONS
    never = sorted(operation for operation, statuses in answers.items() if not statuses[200])
    # Which transitions are over when the next call comes depends on the machine.
    assert len(never) <= 10, f"never accepted: {never}"
    with open_server.sender(Credentials("any", "any")) as sender:
        assert sender.call("/listStreams", {"MaxResults": 1}).status == 200


def record(event, cases, answers, failures):
    """Counts the cases of a scenario, their answers, and keeps what failed once for each check and operation."""
    recorder = event.recorder
    for case_id, node in recorder.cases.items():
        case = node.value
        mode = case.meta.generation.mode.value if case.meta else "positive"
        cases[f"{event.phase.value} {mode}"] += 1
        interaction = recorder.interactions.get(case_id)
        if interaction and interaction.response:
            answers[case.operation.definition.raw["operationId"]][interaction.response.status_code] += 1
        for check in recorder.checks.get(case_id, []):
            if check.status is not Status.SUCCESS:
                why = check.failure_info.failure if check.failure_info else "it crashed"
                body = interaction.response.content[:300] if interaction and interaction.response else b""
                failures.setdefault((check.name, case.operation.label), f"{check.name} of {case.operation.label} {case.body!r:.600}: {why}; {body!r}")
