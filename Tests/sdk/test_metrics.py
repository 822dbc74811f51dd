"""The page of metrics of a running server: what it tells, and that Prometheus' own tool has nothing to say against it."""

import pathlib
import re
import subprocess
import time

import pytest

from calls import fresh, wait_active
from deployment import until
from test_process import get

PROMTOOL = pathlib.Path(__file__).parents[2] / ".build/tools/promtool"


def page(server):
    return get(server, "/metrics").body.decode()


def figures(server, pattern):
    """The values of the series that match, by their text."""
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in page(server).splitlines() if re.match(pattern, line)}


def check(text):
    return subprocess.run([PROMTOOL, "check", "metrics"], input=text, text=True, capture_output=True)


@pytest.fixture(scope="module")
def used(server, client, sender):
    """A server that has answered, refused and written."""
    client.create_stream(StreamName=fresh("stream"))
    name = fresh("stream")
    client.create_stream(StreamName=name)
    wait_active(client, name)
    sender.call("/describeStream", {"StreamName": "nobody"})
    sender.call("/made-up")
    until(lambda: figures(server, r"weir_tasks\{"), "what waits was counted")
    return server


def test_promtool_finds_nothing(used):
    text = page(used)
    for type in "counter", "gauge", "histogram":
        assert re.search(rf"^# TYPE \w+ {type}$", text, re.MULTILINE)
    found = check(text)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("weir_requests_total", "weir_requests"),
        lambda text: re.sub("# HELP weir_build_info .*\n", "", text),
        lambda text: text.replace("_seconds", "_milliseconds"),
        lambda text: text.replace('le="+Inf"', 'le="+"'),
    ],
)
def test_promtool_can_find_something(used, spoil):
    assert check(spoil(page(used))).returncode != 0


def test_every_part_of_the_program_tells(used, engine):
    text = page(used)
    for family in [
        "weir_requests_total", "weir_request_duration_seconds", "weir_request_first_byte_seconds", "weir_connections_open",
        "weir_connections_refused_total", "weir_requests_in_flight", "weir_streams_open", "weir_log_lines_dropped_total",
        "weir_database_group_size", "weir_database_wait_seconds", "weir_database_waiting", "weir_tasks", "weir_task_oldest_age_seconds",
        "weir_deliveries_waiting", "weir_delivery_oldest_age_seconds", "weir_build_info", "process_cpu_seconds_total",
        "process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds", "process_max_fds", "process_start_time_seconds",
    ]:
        assert f"# TYPE {family} " in text, family
    connections = figures(used, "weir_database_(connections|in_flight|reconnects)")
    assert bool(connections) == (engine == "postgres")
    if engine == "postgres":
        assert connections["weir_database_connections"] == connections["weir_database_connections_limit"] == 4
    # Two creations, each with its transition, and perhaps more than one of them in a group.
    sizes = figures(used, "weir_database_group_size_(sum|count)")
    assert sizes["weir_database_group_size_sum"] >= sizes["weir_database_group_size_count"] >= 2
    process = figures(used, "process_")
    assert abs(process["process_start_time_seconds"] - time.time()) < 3600
    assert process["process_resident_memory_bytes"] > 1 << 20 and 10 < process["process_open_fds"] < process["process_max_fds"]
    assert figures(used, r"weir_build_info\{version=\"[0-9.]+\"\}").popitem()[1] == 1


def test_what_waits_is_shown(deployments):
    server = deployments.server("--minimum-creating-ms", "600000")
    with server.sender() as sender:
        assert sender.call("/createStream", {"StreamName": "gate"}).status == 200
    # What waits is counted at the start, and then every ten seconds.
    server.terminate()
    server = deployments.again(server)
    waiting = until(lambda: figures(server, r"weir_tasks\{"), "counted")
    assert waiting.pop('weir_tasks{kind="activate-stream"}') == 1
    assert len(waiting) == 3 and set(waiting.values()) == {0}
    age = figures(server, r"weir_task_oldest_age_seconds\{kind=\"activate-stream\"\}")
    assert 0 < age.popitem()[1] < 60
