"""ListStreams: order, prefixes, pages while rows come and go, and tokens that were not given for the call."""

import base64

import pytest

from calls import wait_active
from deployment import read_credentials, run_weir, until

NAMES = sorted([f"page-{index:03}" for index in range(20)] + ["page", "page-", "Page-000", "page.000", "page_000", "pagf", "p", "page-00", "page-0000", "PAGE", "zz", "0"])


@pytest.fixture(scope="module")
def listed(server):
    """A region of its own, with known streams."""
    with server.sender(region="page-region-1") as sender:
        for name in reversed(NAMES):
            assert sender.call("/createStream", {"StreamName": name}).status == 200
        yield sender


def page(sender, **members):
    answer = sender.call("/listStreams", members)
    assert answer.status == 200, answer.body
    body = answer.json
    assert set(body) <= {"StreamInfoList", "NextToken"} and body.get("NextToken") != ""
    return [info["StreamName"] for info in body["StreamInfoList"]], body.get("NextToken")


def pages(sender, **members):
    found, token = page(sender, **members)
    while token:
        assert len(token) <= 1024
        more, token = page(sender, NextToken=token, **members)
        assert more
        found += more
    return found


def condition(prefix):
    return {"StreamNameCondition": {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": prefix}}


def test_byte_order(listed):
    assert page(listed) == (sorted(NAMES, key=str.encode), None)
    assert page(listed, NextToken="") == page(listed)


@pytest.mark.parametrize("size", [1, 2, 7, len(NAMES) - 1, len(NAMES), len(NAMES) + 1, 10_000])
def test_page_sizes(listed, size):
    assert pages(listed, MaxResults=size) == NAMES
    first, token = page(listed, MaxResults=size)
    assert len(first) == min(size, len(NAMES)) and (token is None) == (size >= len(NAMES))


@pytest.mark.parametrize("prefix", ["page-", "page", "p", "Page", "page-0", "page-000", "page-0000", "page.", "page_", "q", "zzz", "-", "0"])
def test_prefixes(listed, prefix):
    expected = [name for name in NAMES if name.startswith(prefix)]
    assert page(listed, **condition(prefix)) == (expected, None)
    assert pages(listed, MaxResults=3, **condition(prefix)) == expected


@pytest.mark.parametrize("partial", [{}, {"ComparisonOperator": "BEGINS_WITH"}, {"ComparisonOperator": None, "ComparisonValue": None}])
def test_a_condition_without_value_means_all(listed, partial):
    assert page(listed, StreamNameCondition=partial)[0] == NAMES


def test_a_condition_without_operator_begins_with(listed):
    assert page(listed, StreamNameCondition={"ComparisonValue": "page-01"})[0] == [n for n in NAMES if n.startswith("page-01")]


def test_wildcards_are_no_wildcards(server):
    with server.sender(region="wild-region-1") as sender:
        for name in ("a_b", "axb", "a.b"):
            sender.call("/createStream", {"StreamName": name})
        assert page(sender, **condition("a_"))[0] == ["a_b"]
        assert page(sender, **condition("a.")) == (["a.b"], None)


def test_pages_while_rows_come_and_go(server):
    client = server.client(region="moving-region-1")
    with server.sender(region="moving-region-1") as sender:
        for name in ("b", "d", "f", "h", "j"):
            client.create_stream(StreamName=name)
        arns = {name: wait_active(client, name)["StreamARN"] for name in ("b", "d", "f", "h", "j")}
        first, token = page(sender, MaxResults=2)
        assert first == ["b", "d"]
        # Before the page's end, at its end and after it: one comes, one goes.
        for name in ("a", "c", "e", "k"):
            client.create_stream(StreamName=name)
        for name in ("b", "d", "f"):
            client.delete_stream(StreamARN=arns[name])
        until(lambda: not {"b", "d", "f"} & set(page(sender)[0]), "gone")
        second, token = page(sender, MaxResults=2, NextToken=token)
        assert second == ["e", "h"]
        third, token = page(sender, MaxResults=2, NextToken=token)
        assert (third, token) == (["j", "k"], None)
    client.close()


def test_the_size_may_change_between_pages(listed):
    first, token = page(listed, MaxResults=3)
    second, token = page(listed, MaxResults=5, NextToken=token)
    rest, token = page(listed, NextToken=token)
    assert (first + second + rest, token) == (NAMES, None)


def refused(answer):
    assert (answer.status, answer.error) == (400, "InvalidArgumentException"), answer.body
    assert "NextToken" in answer.message


def test_tampered_tokens(listed):
    _, token = page(listed, MaxResults=5)
    raw = base64.b64decode(token)
    for index in range(len(raw)):
        changed = bytearray(raw)
        changed[index] ^= 1
        refused(listed.call("/listStreams", {"NextToken": base64.b64encode(changed).decode()}))
    for text in (token[:-4], token + "AAAA", token * 2, "AAAA", "=", "abc", base64.b64encode(b"page-003").decode(), base64.b64encode(b"\0" * 16 + b"page-003").decode()):
        refused(listed.call("/listStreams", {"NextToken": text}))
    assert page(listed, NextToken=token)[0] == NAMES[5:]


def test_tokens_of_other_calls(server, listed, new_stream):
    _, token = page(listed, MaxResults=5)
    _, filtered = page(listed, MaxResults=5, **condition("page"))
    refused(listed.call("/listStreams", {"NextToken": token} | condition("page")))
    refused(listed.call("/listStreams", {"NextToken": filtered}))
    refused(listed.call("/listStreams", {"NextToken": filtered} | condition("page-")))
    with server.sender(region="other-region-1") as sender:
        refused(sender.call("/listStreams", {"NextToken": token}))
    refused(listed.call("/listTagsForStream", {"StreamName": NAMES[0], "NextToken": token}))


def test_tokens_outlive_the_server_and_are_of_one_account(deployments):
    server = deployments.server()
    with server.sender() as sender:
        for name in ("a", "b", "c"):
            sender.call("/createStream", {"StreamName": name})
        _, token = page(sender, MaxResults=1)
    server.terminate()
    made = run_weir("keys", "create", "--account", "210987654321", "--data-dir", server.folder, *server.database.flags)
    server = deployments.again(server)
    with server.sender() as sender:
        assert page(sender, NextToken=token) == (["b", "c"], None)
    with server.sender(read_credentials(made.stdout, "weir-210987654321")) as sender:
        refused(sender.call("/listStreams", {"NextToken": token}))


def test_boto3_pages_by_itself(server, listed):
    client = server.client(region="page-region-1")
    found = client.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 4}).build_full_result()
    assert [info["StreamName"] for info in found["StreamInfoList"]] == NAMES
    client.close()
