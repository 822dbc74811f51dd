"""ListStreams and ListSignalingChannels: order, prefixes, pages while rows come and go, and tokens that were not given for the call."""

import base64
from dataclasses import dataclass

import pytest

import model
from calls import accepted, call, denied, wait_active, wait_channel
from deployment import until
from signing import at_once

NAMES = sorted([f"page-{index:03}" for index in range(20)] + ["page", "page-", "Page-000", "page.000", "page_000", "pagf", "p", "page-00", "page-0000", "PAGE", "zz", "0"])


@dataclass(frozen=True)
class Kind:
    """What is listed, and by which names the API calls it."""

    word: str
    list: str
    create: str
    delete: str
    rows: str
    wait: object

    @property
    def name(self):
        return self.word + "Name"

    @property
    def arn(self):
        return self.word + "ARN"

    def make(self, sender, name):
        accepted(sender, self.create, {self.name: name})

    def page(self, sender, **members):
        body = accepted(sender, self.list, members)
        assert set(body) <= {self.rows, "NextToken"} and body.get("NextToken") != ""
        return [info[self.name] for info in body[self.rows]], body.get("NextToken")

    def pages(self, sender, **members):
        found, token = self.page(sender, **members)
        while token:
            assert len(token) <= 1024
            more, token = self.page(sender, NextToken=token, **members)
            assert more
            found += more
        return found

    def condition(self, prefix):
        return {self.word + "NameCondition": {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": prefix}}

    def refuse(self, sender, body):
        assert "NextToken" in denied(sender, self.list, body, "InvalidArgumentException")


KINDS = {
    "streams": Kind("Stream", "ListStreams", "CreateStream", "DeleteStream", "StreamInfoList", wait_active),
    "channels": Kind(
        "Channel", "ListSignalingChannels", "CreateSignalingChannel", "DeleteSignalingChannel", "ChannelInfoList", wait_channel),
}


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture(scope="module")
def listed(server, kind):
    """A region of its own, with known names."""
    with server.sender(region="page-region-1") as sender:
        for name in reversed(NAMES):
            kind.make(sender, name)
        yield sender


def test_byte_order(listed, kind):
    assert kind.page(listed) == (sorted(NAMES, key=str.encode), None)
    assert kind.page(listed, NextToken="") == kind.page(listed)


@pytest.mark.parametrize("size", [1, 2, 7, len(NAMES) - 1, len(NAMES), len(NAMES) + 1, 10_000])
def test_page_sizes(listed, kind, size):
    assert kind.pages(listed, MaxResults=size) == NAMES
    first, token = kind.page(listed, MaxResults=size)
    assert len(first) == min(size, len(NAMES)) and (token is None) == (size >= len(NAMES))


@pytest.mark.parametrize("prefix", ["page-", "page", "p", "Page", "page-0", "page-000", "page-0000", "page.", "page_", "q", "zzz", "-", "0"])
def test_prefixes(listed, kind, prefix):
    expected = [name for name in NAMES if name.startswith(prefix)]
    assert kind.page(listed, **kind.condition(prefix)) == (expected, None)
    assert kind.pages(listed, MaxResults=3, **kind.condition(prefix)) == expected


@pytest.mark.parametrize("partial", [{}, {"ComparisonOperator": "BEGINS_WITH"}, {"ComparisonOperator": None, "ComparisonValue": None}])
def test_a_condition_without_value_means_all(listed, kind, partial):
    assert kind.page(listed, **{kind.word + "NameCondition": partial})[0] == NAMES


def test_a_condition_without_operator_begins_with(listed, kind):
    condition = {kind.word + "NameCondition": {"ComparisonValue": "page-01"}}
    assert kind.page(listed, **condition)[0] == [name for name in NAMES if name.startswith("page-01")]


def test_wildcards_are_no_wildcards(server, kind):
    with server.sender(region="wild-region-1") as sender:
        for name in ("a_b", "axb", "a.b"):
            kind.make(sender, name)
        assert kind.page(sender, **kind.condition("a_"))[0] == ["a_b"]
        assert kind.page(sender, **kind.condition("a.")) == (["a.b"], None)


def test_streams_are_no_channels(server):
    with server.sender(region="apart-region-1") as sender:
        for kind, name in zip(KINDS.values(), ("a-stream", "a-channel")):
            kind.make(sender, name)
        for kind, name in zip(KINDS.values(), ("a-stream", "a-channel")):
            assert kind.page(sender) == ([name], None)


def test_the_default_page_of_channels(server):
    """500, as documented; streams have 10,000."""
    with server.sender(region="large-region-1") as sender:
        names = [f"c{number:03}" for number in range(501)]
        for part in range(0, len(names), 167):
            raws = [sender.raw(model.path("CreateSignalingChannel"), {"ChannelName": name}) for name in names[part:part + 167]]
            assert {answer.status for answer in at_once([(server.port, raw) for raw in raws])} == {200}
        first, token = KINDS["channels"].page(sender)
        assert first == names[:500]
        assert KINDS["channels"].page(sender, NextToken=token) == (names[500:], None)
        assert KINDS["channels"].page(sender, MaxResults=10_000) == (names, None)


def test_pages_while_rows_come_and_go(server, kind):
    client = server.client(region="moving-region-1")
    with server.sender(region="moving-region-1") as sender:
        for name in ("b", "d", "f", "h", "j"):
            kind.make(sender, name)
        arns = {name: kind.wait(client, name)[kind.arn] for name in ("b", "d", "f", "h", "j")}
        first, token = kind.page(sender, MaxResults=2)
        assert first == ["b", "d"]
        # Before the page's end, at its end and after it: one comes, one goes.
        for name in ("a", "c", "e", "k"):
            kind.make(sender, name)
        for name in ("b", "d", "f"):
            call(client, kind.delete, **{kind.arn: arns[name]})
        until(lambda: not {"b", "d", "f"} & set(kind.page(sender)[0]), "gone")
        second, token = kind.page(sender, MaxResults=2, NextToken=token)
        assert second == ["e", "h"]
        third, token = kind.page(sender, MaxResults=2, NextToken=token)
        assert (third, token) == (["j", "k"], None)
    client.close()


def test_the_size_may_change_between_pages(listed, kind):
    first, token = kind.page(listed, MaxResults=3)
    second, token = kind.page(listed, MaxResults=5, NextToken=token)
    rest, token = kind.page(listed, NextToken=token)
    assert (first + second + rest, token) == (NAMES, None)


def test_tampered_tokens(listed, kind):
    _, token = kind.page(listed, MaxResults=5)
    raw = base64.b64decode(token)
    for index in range(len(raw)):
        changed = bytearray(raw)
        changed[index] ^= 1
        kind.refuse(listed, {"NextToken": base64.b64encode(changed).decode()})
    for text in (token[:-4], token + "AAAA", token * 2, "AAAA", "=", "abc", base64.b64encode(b"page-003").decode(), base64.b64encode(b"\0" * 16 + b"page-003").decode()):
        kind.refuse(listed, {"NextToken": text})
    assert kind.page(listed, NextToken=token)[0] == NAMES[5:]


def test_tokens_of_other_calls(server, listed, kind):
    _, token = kind.page(listed, MaxResults=5)
    _, filtered = kind.page(listed, MaxResults=5, **kind.condition("page"))
    kind.refuse(listed, {"NextToken": token} | kind.condition("page"))
    kind.refuse(listed, {"NextToken": filtered})
    kind.refuse(listed, {"NextToken": filtered} | kind.condition("page-"))
    with server.sender(region="other-region-1") as sender:
        kind.refuse(sender, {"NextToken": token})
    for other in KINDS.values():
        if other is not kind:
            other.refuse(listed, {"NextToken": token})
    if kind.word == "Stream":
        denied(listed, "ListTagsForStream", {"StreamName": NAMES[0], "NextToken": token}, "InvalidArgumentException")


def test_tokens_outlive_the_server_and_are_of_one_account(deployments, kind):
    server = deployments.server()
    with server.sender() as sender:
        for name in ("a", "b", "c"):
            kind.make(sender, name)
        _, token = kind.page(sender, MaxResults=1)
    server.terminate()
    theirs = server.key("--account", "210987654321")
    server = deployments.again(server)
    with server.sender() as sender:
        assert kind.page(sender, NextToken=token) == (["b", "c"], None)
    with server.sender(theirs) as sender:
        kind.refuse(sender, {"NextToken": token})


def test_boto3_pages_by_itself(server, listed, kind):
    client = server.client(region="page-region-1")
    paginator = client.get_paginator({"Stream": "list_streams", "Channel": "list_signaling_channels"}[kind.word])
    found = paginator.paginate(PaginationConfig={"PageSize": 4}).build_full_result()
    assert [info[kind.name] for info in found[kind.rows]] == NAMES
    client.close()
