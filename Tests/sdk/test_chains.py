"""Services that make one call after the other without looking at a status: no link of such a chain is refused."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

CHAINS = int(os.environ.get("WEIR_CHAINS", "96"))
ELSEWHERE = "postgres-worker-elsewhere"


@pytest.fixture(params=["sqlite", "postgres", ELSEWHERE])
def where(request):
    return request.param


@pytest.fixture
def engine(where):
    return "sqlite" if where == "sqlite" else "postgres"


def chain(sender, name):
    """Makes the calls of a chain."""

    def link(path, **body):
        answer = sender.call(path, body)
        assert answer.status == 200, f"{path} of {name}: {answer.status} {answer.error} {answer.message}"
        return answer

    stream = link("/createStream", StreamName=name).json["StreamARN"]
    version = link("/describeStream", StreamName=name).json["StreamInfo"]["Version"]
    link(
        "/updateDataRetention", StreamName=name, CurrentVersion=version, Operation="INCREASE_DATA_RETENTION", DataRetentionChangeInHours=24)
    channel = link("/createSignalingChannel", ChannelName=name).json["ChannelARN"]
    link("/updateMediaStorageConfiguration", ChannelARN=channel, MediaStorageConfiguration={"Status": "ENABLED", "StreamARN": stream})


@pytest.mark.parametrize("callers", [1, 16])
def test_no_link_of_a_chain_is_refused(deployments, where, callers):
    server = deployments.server(*(("--roles", "control") if where == ELSEWHERE else ()))
    if where == ELSEWHERE:
        deployments.beside(server, "--roles", "worker")
    # Who waits for a worker elsewhere waits for its next look.
    count = CHAINS if callers > 1 else CHAINS // 16

    def call(caller):
        with server.sender() as sender:
            for number in range(count // callers):
                chain(sender, f"chain-{caller}-{number}")
        return caller

    with ThreadPoolExecutor(callers) as pool:
        assert list(pool.map(call, range(callers))) == list(range(callers))


def test_a_minimum_duration_keeps_the_refusal(deployments):
    server = deployments.server("--minimum-creating-ms", "3600000")
    with server.sender() as sender:
        assert sender.call("/createStream", {"StreamName": "lasting"}).status == 200
        version = sender.call("/describeStream", {"StreamName": "lasting"}).json["StreamInfo"]["Version"]
        answer = sender.call("/updateStream", {"StreamName": "lasting", "CurrentVersion": version, "DeviceName": "lens"})
        assert (answer.status, answer.error) == (400, "ResourceInUseException")
        assert answer.message == "The stream lasting is CREATING: try again once it is ACTIVE."
