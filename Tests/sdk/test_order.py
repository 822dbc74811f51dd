"""The order in which a request meets its checks. Clients can observe it: of two faults the one that is checked first is the answer.

Design: limits, preflight, authentication, route, decoding and validation, authorisation, throttle, operation.
"""

import pytest

from cases import THING
from signing import exchange, request_bytes

FOREIGN = "arn:aws:kinesisvideo:us-east-1:999999999999:stream/gate-7/1705489836421"


@pytest.fixture(scope="module")
def strict(engine, tmp_path_factory):
    """A server that takes one request a second from an account, so that a second one is throttled wherever the throttle is reached."""
    from deployment import Deployments

    root = tmp_path_factory.mktemp("order")
    deployments = Deployments(engine, root)
    yield deployments.server("--protective-rate", "1", "--cors-origins", "https://console.example.com")
    deployments.close()


@pytest.fixture(scope="module")
def thing(strict):
    """The key of an edge agent's thing."""
    return strict.key("--thing", THING + "hub")


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


FETCH = "/edgeAgent/fetchEdgeConfigurations"
MY_OWN, ANOTHERS = {"HubDeviceArn": THING + "hub"}, {"HubDeviceArn": THING + "other"}
# What a thing's key may do is decided where other authorisation is.
OF_THINGS = {
    "route": ("/edgeAgent/nowhere", b"{", 404, "UnknownOperationException"),
    "decoding before authorisation": (FETCH, b"{", 400, "SerializationException"),
    "validation before authorisation": (FETCH, {"HubDeviceArn": THING + "other", "WaitTimeInSeconds": 21}, 400, "ValidationException"),
    "authorisation before throttle": (FETCH, ANOTHERS, 403, "AccessDeniedException"),
    "throttle before operation": (FETCH, MY_OWN, 400, "ThrottlingException"),
    "decoding before what is not a thing's": ("/listStreams", b"{", 400, "SerializationException"),
    "what is not a thing's before throttle": ("/listStreams", {}, 403, "AccessDeniedException"),
}


@pytest.mark.parametrize("case", OF_THINGS)
def test_order_of_things(strict, thing, case):
    """While the rate of the account, which is the thing's too, is used up."""
    path, body, status, error = OF_THINGS[case]
    with strict.sender() as sender, strict.sender(thing) as agent:
        while sender.call("/listStreams").status == 200:
            pass
        answer = agent.call(path, body)
    assert (answer.status, answer.error) == (status, error), answer.body[:300]
