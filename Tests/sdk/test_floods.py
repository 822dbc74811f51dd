"""What floods a server does not keep it from others. ops/torture --floods does the same for longer."""

import pytest

import floods
from deployment import Deployments


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    deployments = Deployments("sqlite", tmp_path_factory.mktemp("floods"))
    yield floods.Target(deployments.server())
    deployments.close()


@pytest.mark.parametrize("kind", floods.KINDS)
def test_a_flood(target, kind, note):
    idle = target.idle()
    seen = target.withstand(kind, seconds=2)
    note(f"flood of {kind}: {seen}")
    assert seen.calls > 3
    assert list(seen.troubles(idle)) == []
    # A poll that nobody waits for any more would go on for twenty seconds.
    assert seen.rest < 15
