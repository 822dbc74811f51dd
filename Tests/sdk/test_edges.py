"""Edges of HTTP and JSON that once went wrong, or nearly did."""

import pytest

from signing import connect, exchange, read_response, request_bytes


@pytest.mark.parametrize("number", ["1e-9223372036854775808", "1e9223372036854775808", "1e-9223372036854775809", "-1e-9223372036854775807"])
def test_exponents_of_any_size(sender, number):
    """Members that an operation does not know are read too."""
    answer = sender.call("/listStreams", b'{"x":%s}' % number.encode())
    assert answer.status in (200, 400), answer.body
    assert sender.call("/listStreams").status == 200


def test_head_has_no_body(server):
    """An answer to HEAD announces a body and has none: the next answer on the connection is the next request's."""
    with connect(server.port) as connection:
        for method, path, status in [("HEAD", "/ready", 200), ("HEAD", "/describeStream", 403), ("HEAD", "/none", 403), ("GET", "/ready", 200)]:
            connection.sendall(request_bytes(method, path, {"Host": "127.0.0.1"}))
            answer = read_response(connection, method)
            assert (answer.status, len(answer.body) > 0) == (status, method == "GET")


def test_web_pages_may_not_use_a_server_without_signatures(sqlite_deployments):
    """A page needs no preflight for a plain POST, so its origin is what keeps it out."""
    server = sqlite_deployments.server("--auth", "none", "--cors-origins", "https://console.example.com")

    def call(**headers):
        return exchange(server.port, request_bytes("POST", "/listStreams", {"Host": "127.0.0.1"} | headers, b"{}"))

    assert call().status == 200
    assert call(Origin="https://console.example.com").status == 200
    refused = call(Origin="https://elsewhere.example.com")
    assert (refused.status, refused.error) == (403, "AccessDeniedException")


def test_large_answers_are_whole(sender, server):
    """An answer of more than 64 KiB goes out in pieces, also to clients that read late, and the connection goes on after it."""
    for number in range(400):
        assert sender.call("/createStream", {"StreamName": f"large-{number:03}"}).status == 200
    listing = sender.raw("/listStreams", {"StreamNameCondition": {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": "large-"}})
    late = [connect(server.port) for _ in range(20)]
    for connection in late:
        connection.sendall(listing)
    for connection in late:
        with connection:
            for _ in range(2):
                answer = read_response(connection)
                assert len(answer.body) > 65_536
                assert [info["StreamName"] for info in answer.json["StreamInfoList"]] == [f"large-{number:03}" for number in range(400)]
                connection.sendall(listing)
