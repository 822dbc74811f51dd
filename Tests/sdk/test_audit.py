"""Who changed what, with the real client: a record outlives kill -9, what is changed in the log is noticed, and records can be asked for."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from deployment import run_weir


def audit(server, command, *flags, sink):
    return run_weir("audit", command, "--data-dir", server.folder, *server.database.flags, "--audit", sink, *flags)


def query(server, *flags, sink):
    done = audit(server, "query", *flags, sink=sink)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("sink", ["file", "table", "both"])
def test_a_record_outlives_the_process(deployments, sink):
    server = deployments.server("--audit", sink)
    client = server.client()
    arns = [client.create_stream(StreamName=f"gate-{number}")["StreamARN"] for number in range(5)]
    client.tag_stream(StreamName="gate-0", Tags={"site": "north"})
    server.process.kill()
    server.process.wait()
    records = query(server, sink=sink)
    assert [record["eventName"] for record in records] == ["CreateStream"] * 5 + ["TagStream"]
    assert [record["responseElements"]["streamARN"] for record in records[:5]] == arns
    assert records[5]["requestParameters"] == {"streamName": "gate-0", "tags": {"site": "north"}}
    assert records[5]["userIdentity"]["accessKeyId"] == server.credentials.access_key
    assert server.credentials.secret_key not in json.dumps(records)
    checked = audit(server, "verify", sink=sink)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "6 records, 0 faults" in checked.stdout


def test_a_changed_log_is_noticed(deployments):
    server = deployments.server("--audit", "file")
    client = server.client()
    for number in range(3):
        client.create_stream(StreamName=f"gate-{number}")
    server.process.terminate()
    server.process.wait()
    anchor = next(line.split()[1] for line in audit(server, "verify", sink="file").stdout.splitlines() if line.startswith("anchor"))
    path = Path(server.folder) / "audit.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600
    whole = path.read_text()
    for spoilt in [whole.replace("gate-1", "gate-9"), "".join(whole.splitlines(True)[:2]), "".join(whole.splitlines(True)[1:]), ""]:
        path.write_text(spoilt)
        checked = audit(server, "verify", sink="file")
        assert checked.returncode == 1 and "FAULT" in checked.stdout, checked.stdout + checked.stderr
    path.write_text(whole)
    assert audit(server, "verify", "--anchor", anchor, sink="file").returncode == 0
    other = anchor[:-1] + ("0" if anchor[-1] != "0" else "1")
    assert audit(server, "verify", "--anchor", other, sink="file").returncode == 1


def test_denials_are_found(deployments):
    server = deployments.server("--audit", "table")
    client = server.client()
    client.create_stream(StreamName="gate")
    with pytest.raises(ClientError):
        client.describe_stream(StreamARN="arn:aws:kinesisvideo:us-east-1:999988887777:stream/gate/1700000000000")
    assert [record["eventName"] for record in query(server, sink="table")] == ["CreateStream", "DescribeStream"]
    refused = query(server, "--refused", sink="table")
    assert [(record["eventName"], record["errorCode"], record["readOnly"]) for record in refused] == [("DescribeStream", "AccessDeniedException", True)]
    assert query(server, "--resource", "999988887777", sink="table") == refused
    assert query(server, "--principal", server.credentials.access_key, "--event", "CreateStream", sink="table")
    assert query(server, "--principal", "nobody", sink="table") == []
