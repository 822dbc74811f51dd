"""What the slow clients, which were started before the first test, have met."""

import pytest

from slow import LIMIT


@pytest.mark.parametrize("client", ["body that stops", "body that dribbles"])
def test_a_slow_body(slow_clients, client):
    assert client in slow_clients, "no answer and no end of the connection"
    seconds, answer = slow_clients[client]
    assert answer.startswith(b"HTTP/1.1 408 ") and b"RequestTimeoutException" in answer and b'{"Message":"' in answer
    assert LIMIT - 2 < seconds < LIMIT + 6


@pytest.mark.parametrize("client", ["head that stops", "head that dribbles"])
def test_a_slow_head(slow_clients, client):
    """Nothing is known of such a request, so it may be refused or just be cut, but a client cannot hold a connection by it."""
    assert client in slow_clients, "no answer and no end of the connection"
    seconds, answer = slow_clients[client]
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
    assert seconds < LIMIT + 6
