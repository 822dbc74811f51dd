"""What the slow clients, which were started before the first test, have met."""

import pytest

from slow import IDLE_LIMIT, LIMIT


@pytest.mark.parametrize("client", ["body that stops", "body that dribbles"])
def test_a_slow_body(slow_clients, client):
    assert client in slow_clients, "no answer and no end of the connection"
    seconds, answer = slow_clients[client]
    assert answer.startswith(b"HTTP/1.1 408 ") and b"RequestTimeoutException" in answer and b'{"Message":"' in answer
    assert LIMIT - 2 < seconds < LIMIT + 6


@pytest.mark.parametrize("client", ["head that stops", "head that dribbles"])
def test_a_slow_head(slow_clients, client):
    """Nothing is known of such a request: the connection counts as idle, which it may be for 75 seconds, however it dribbles."""
    assert client in slow_clients, "no answer and no end of the connection"
    seconds, answer = slow_clients[client]
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
    assert seconds < IDLE_LIMIT + 6
