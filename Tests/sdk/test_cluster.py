"""Several instances behind HAProxy: short runs of what ops/torture does at length.

Longer: WEIR_TORTURE_SECONDS (20) and WEIR_KILL_SECONDS (20). WEIR_TORTURE_FAULTS names the kinds of faults, by default all; partitions need root.
WEIR_TORTURE_SEED repeats a run.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(REPOSITORY / "Tests/torture"))

import killing  # noqa: E402
import spoil  # noqa: E402
import spoil_media  # noqa: E402
import spoil_signals  # noqa: E402
import torture  # noqa: E402
from faults import KINDS  # noqa: E402
from processes import free_port  # noqa: E402
from stack import Stack  # noqa: E402

import media  # noqa: E402
from deployment import binary, clean_environment, until  # noqa: E402

SEED = os.environ.get("WEIR_TORTURE_SEED") or str(random.SystemRandom().randrange(10**9))


@pytest.fixture
def folder():
    """A folder that the user postgres can reach, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="weir-test-", dir="/var/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def stack(folder):
    stack = Stack(binary(), folder, ["--drain-seconds", 2])
    yield stack
    assert stack.stop() == []


def test_every_check_can_fail():
    assert spoil.failures() + spoil_media.failures() + spoil_signals.failures() == []


def test_what_clients_were_told_is_true_after_every_fault(folder):
    kinds = os.environ.get("WEIR_TORTURE_FAULTS", ",".join(KINDS)).split(",")
    facts, watched, troubles = torture.torture(binary(), folder, float(os.environ.get("WEIR_TORTURE_SECONDS", "20")), SEED, kinds, media=2)
    violations = torture.check(facts, watched)
    report = "\n".join(torture.describe(facts, watched, troubles, violations, SEED, 0))
    assert not troubles and not violations, report
    assert {fault["fault"] for fault in facts.faults} == set(kinds)
    assert sum(entry["outcome"] == "ok" for entry in facts.calls) > 1000, report
    assert sum(map(len, watched.persisted.values())) > 50 and sum(map(len, watched.read.values())) > 50, report


def test_what_is_really_wrong_is_found(folder):
    """A standby that confirms nothing loses what was acknowledged; clients that do not tell that they make a call again have it done twice."""
    facts, _, troubles = torture.torture(binary(), folder, 1, SEED, ["failover", "cut-web"], careless=True)
    assert not troubles
    violations = torture.checks.check(facts)
    assert {"one call after the other", "effects"} <= set(violations), violations


def test_killing_instances_costs_no_call(stack):
    callers = killing.Callers(stack)
    kills = killing.kill_one_after_the_other(stack, float(os.environ.get("WEIR_KILL_SECONDS", "20")), SEED)
    callers.stop()
    assert callers.failures == []
    assert callers.doubled() == []
    assert kills >= 9 and callers.calls > 500


def test_replacing_instances_costs_no_attempt(stack, folder):
    """Not even one: an instance that drains gets no new requests, and finishes those it has."""
    asker = killing.Asker(stack, folder)
    until(lambda: asker.count > 50, "the client is at work")
    assert killing.replace_one_after_the_other(stack) == [0, 0, 0]
    asker.stop()
    assert asker.failed == [] and asker.count > 100


def test_a_database_that_is_away_is_503_and_comes_back(stack, folder):
    """No instance is ready, so HAProxy answers by itself, in a form that SDKs understand."""
    asker = killing.Asker(stack, folder)
    stack.postgres.primary.stop("immediate")
    until(lambda: any(status == 503 for _, _, status, _ in asker.failed), "503")
    stack.postgres.primary.start()
    stack.postgres.primary.wait_until_up()
    stack.wait_until_ready()
    count = asker.count
    until(lambda: asker.count > count + 20, "calls go on")
    asker.stop()
    assert {(status, code) for _, _, status, code in asker.failed} <= {(503, "ServiceUnavailable")}


def test_the_command_that_starts_a_cluster(folder):
    """ops/cluster: ready with what it prints, and nothing of it is left after Ctrl-C."""
    with open(folder / "out", "w+") as out:
        process = subprocess.Popen(
            [REPOSITORY / "ops/cluster", "--port", str(free_port()), "--instances", "2"], stdout=out, stderr=out, start_new_session=True,
            env=clean_environment(WEIR=binary(), TMPDIR=str(folder)))

    def printed():
        return (folder / "out").read_text()

    try:
        until(lambda: "Ctrl-C stops everything" in printed() or process.poll() is not None, "it is ready")
        assert process.poll() is None, printed()
        credentials = re.search(r"AWS_SHARED_CREDENTIALS_FILE=(\S+)", printed())[1]
        environment = clean_environment(AWS_SHARED_CREDENTIALS_FILE=credentials, AWS_PROFILE="weir", AWS_EC2_METADATA_DISABLED="true")
        made = subprocess.run(
            ["aws", "kinesisvideo", "create-stream", "--stream-name", "gate-7", "--data-retention-in-hours", "24"],
            env=environment, capture_output=True, text=True, timeout=60)
        assert made.returncode == 0, made.stderr
        film = folder / "film.mkv"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=rate=25:duration=4", "-c:v", "libx264", "-g", "25", film], check=True, timeout=60)
        sent = subprocess.run([binary(), "media", "put", "--stream", "gate-7", film], env=environment, capture_output=True, text=True, timeout=60)
        assert sent.returncode == 0, sent.stderr
        read = subprocess.run(
            ["aws", "kinesis-video-media", "get-media", "--stream-name", "gate-7", "--start-selector", "StartSelectorType=EARLIEST", folder / "read.mkv"],
            env=environment, capture_output=True, text=True, timeout=60)
        assert read.returncode == 0, read.stderr
        assert media.framemd5((folder / "read.mkv").read_bytes()) == media.framemd5(film.read_bytes())
        numbers = [int(number) for number in re.findall(r"process (\d+)", printed())]
        # Two instances, HAProxy, coturn and the store.
        assert len(numbers) == 5
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert not [number for number in numbers if os.path.exists(f"/proc/{number}")]
    assert list(folder.glob("weir-cluster-*")) == []
