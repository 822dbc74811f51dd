"""The order in which a request meets its checks. Clients can observe it: of two faults the one that is checked first is the answer.

Design: limits, preflight, authentication, route, decoding and validation, authorisation, throttle, operation.
"""

import pytest

from signing import Sender, exchange, request_bytes

FOREIGN = "arn:aws:kinesisvideo:us-east-1:999999999999:stream/gate-7/1705489836421"


@pytest.fixture(scope="module")
def strict(engine, tmp_path_factory):
    """A server that takes one request a second from an account, so that a second one is throttled wherever the throttle is reached."""
    from deployment import Deployments

    root = tmp_path_factory.mktemp("order")
    deployments = Deployments(engine, root)
    yield deployments.server("--protective-rate", "1", "--cors-origins", "https://console.example.com")
    deployments.close()


def unsigned(strict, path, body=b"", method="POST", **headers):
    return exchange(strict.port, request_bytes(method, path, {"Host": f"127.0.0.1:{strict.port}"} | headers, body))


def signed(strict, path, body=b"", method="POST", **headers):
    with strict.sender() as sender:
        return sender.call(path, body, headers, method=method)


def throttled(strict, path, body=b""):
    """What a call answers while the account's rate is used up: tried until one was not let through."""
    with strict.sender() as sender:
        while sender.call("/listStreams").status == 200:
            pass
        return sender.call(path, body)


CASES = {
    "limits before authentication: size": (lambda s: unsigned(s, "/describeStream", b"x" * (1 << 20) + b"x"), 413, "RequestEntityTooLargeException"),
    "limits before authentication: encoding": (
        lambda s: unsigned(s, "/describeStream", b"{}", **{"Content-Encoding": "gzip"}), 400, "MalformedHttpRequestException"),
    "limits before preflight": (
        lambda s: unsigned(s, "/describeStream", b"{}", "OPTIONS", **{"Content-Encoding": "gzip", "Origin": "https://console.example.com",
                                                                   "Access-Control-Request-Method": "POST"}), 400, "MalformedHttpRequestException"),
    "preflight before authentication": (
        lambda s: unsigned(s, "/describeStream", b"", "OPTIONS", **{"Origin": "https://console.example.com",
                                                                 "Access-Control-Request-Method": "POST"}), 200, ""),
    "authentication before route: path": (lambda s: unsigned(s, "/noSuchOperation"), 403, "MissingAuthenticationTokenException"),
    "authentication before route: method": (lambda s: unsigned(s, "/describeStream", method="PUT"), 403, "MissingAuthenticationTokenException"),
    "authentication before decoding": (lambda s: unsigned(s, "/describeStream", b"{"), 403, "MissingAuthenticationTokenException"),
    "route before decoding": (lambda s: signed(s, "/noSuchOperation", b"{"), 404, "UnknownOperationException"),
    "method before decoding": (lambda s: signed(s, "/describeStream", b"{", method="PUT"), 405, "MethodNotAllowedException"),
    "decoding before validation": (
        lambda s: signed(s, "/describeStream", b'{"StreamName":"a b","StreamARN":1}'), 400, "SerializationException"),
    "validation before authorisation": (
        lambda s: signed(s, "/describeStream", {"StreamARN": FOREIGN, "StreamName": "a b"}), 400, "ValidationException"),
    "validation before throttle": (lambda s: throttled(s, "/describeStream", {"StreamName": "a b"}), 400, "ValidationException"),
    "authorisation before throttle": (lambda s: throttled(s, "/describeStream", {"StreamARN": FOREIGN}), 403, "AccessDeniedException"),
    "throttle before operation": (lambda s: throttled(s, "/describeStream", {"StreamName": "no-such-stream"}), 400, "ThrottlingException"),
}


@pytest.mark.parametrize("case", CASES)
def test_order(strict, case):
    call, status, error = CASES[case]
    answer = call(strict)
    assert (answer.status, answer.error) == (status, error), answer.body[:300]
