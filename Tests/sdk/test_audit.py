"""Who changed what, with the real client: a record outlives kill -9, what is changed in the log is noticed, and records can be asked for."""

import json
import re
import signal
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from deployment import run_weir, until
from inspection import write


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


def test_a_new_master_key_without_a_stop(deployments):
    """The runbook's steps on one instance, which answers all the while; an old token holds until the old key is gone."""
    server = deployments.server("--audit", "file")
    client = server.client()
    for number in range(3):
        client.create_stream(StreamName=f"gate-{number}")
    token = client.list_streams(MaxResults=1)["NextToken"]
    flags = ["--data-dir", server.folder, *server.database.flags]
    old = (Path(server.folder) / "master.key").read_bytes()
    reloads = 0

    def step(*arguments, reload):
        nonlocal reloads
        done = run_weir("keys", "rewrap", *arguments, *flags)
        assert done.returncode == 0, done.stderr
        if reload:
            reloads += 1
            server.process.send_signal(signal.SIGHUP)
            until(lambda: server.log.count("read the master key again") == reloads, "the key was read again")
        assert client.describe_stream(StreamName="gate-0")
        return done.stdout

    assert "begin with --add-key" in run_weir("keys", "rewrap", "--swap", *flags).stderr
    step("--add-key", reload=True)
    step("--swap", reload=True)
    refused = run_weir("keys", "rewrap", "--drop-old", *flags)
    assert refused.returncode != 0 and "need the second key" in refused.stderr
    assert ", 0 are left" in step(reload=False)
    assert step(reload=False).startswith("0 secrets")
    assert client.list_streams(MaxResults=1, NextToken=token)["StreamInfoList"][0]["StreamName"] == "gate-1"
    step("--drop-old", reload=True)
    with pytest.raises(ClientError, match="NextToken is not valid"):
        client.list_streams(MaxResults=1, NextToken=token)
    new = (Path(server.folder) / "master.key").read_bytes()
    assert len(new) == 32 and new != old
    # Records from before and after are one chain, and the old key opens nothing any more.
    client.create_stream(StreamName="gate-3")
    server.process.terminate()
    server.process.wait()
    assert "4 records, 0 faults" in audit(server, "verify", sink="file").stdout
    (Path(server.folder) / "master.key").write_bytes(old)
    assert "not the one" in run_weir("keys", "list", *flags).stderr


def test_a_master_key_that_is_lost_for_good(deployments, tmp_path):
    """The runbook's statements take away what only that key could open, and nothing else."""
    server = deployments.server("--audit", "both")
    flags = ["--data-dir", server.folder, *server.database.flags]
    server.client().create_stream(StreamName="gate")
    for words in ("users create ada --policy viewer", "things authority create", "keys rewrap --add-key", "keys rewrap --swap", "keys rewrap",
                  "keys rewrap --drop-old"):
        done = run_weir(*words.split(), *flags)
        assert done.returncode == 0, done.stderr
    for words in ("create gate-7", f"certificate gate-7 --output {tmp_path}", "list"):
        done = run_weir("things", *words.split(), *flags)
        assert done.returncode == 0, done.stderr
    assert " ACTIVE " in done.stdout
    webhook = run_weir("subscriptions", "add", "https://receiver.example.com/", "--header", "Authorization: Bearer x", *flags).stdout.split()[0]
    assert run_weir("webhook-secrets", "rotate", webhook, *flags).returncode == 0
    # All that the key can have sealed is there.
    facts = server.database.query("SELECT name FROM deployment ORDER BY name")
    assert facts == ["audit-secret", "first-access-key", "master-key-proof", "webhook-root"]
    for table in ("access_key", "webhook_secret", "device_authority", "audit_chain", "destination WHERE headers_sealed IS NOT NULL"):
        assert server.database.query(f"SELECT count(*) FROM {table}") != ["0"], table
    server.terminate()
    for path in (server.folder / "master.key", server.folder / "credentials", *server.folder.glob("audit.jsonl*")):
        path.unlink()
    runbook = (Path(__file__).parents[2] / "ops" / "runbook.md").read_text()
    write(server.database, re.search(r"```sql\n(DELETE FROM deployment .*?)```", runbook, re.DOTALL)[1])
    server = deployments.again(server)
    assert [stream["StreamName"] for stream in server.client().list_streams()["StreamInfoList"]] == ["gate"]
    # The certificate is of an authority that is no more, whatever authority is made.
    things = lambda: run_weir("things", "list", *flags).stdout.splitlines()[1:]
    assert len(things()) == 1 and " NO AUTHORITY " in things()[0]
    for words in ("things authority create", f"webhook-secrets show {webhook}", "keys create --user ada", "keys rewrap", "doctor"):
        done = run_weir(*words.split(), *flags, "--audit", "both")
        assert done.returncode == 0 or words == "doctor" and done.returncode == 1, (words, done.stdout, done.stderr)
    assert len(things()) == 1 and " NO AUTHORITY " in things()[0]
    (tmp_path / "new").mkdir()
    assert run_weir("things", "certificate", "gate-7", "--output", tmp_path / "new", *flags).returncode == 0
    assert len(things()) == 2 and sum(" ACTIVE " in line for line in things()) == 1
    server.client().create_stream(StreamName="door")
    assert "1 records, 0 faults" in audit(server, "verify", sink="both").stdout


def test_credentials_that_are_given_out(deployments):
    server = deployments.server("--audit", "file")
    client = server.client(service="sts")
    client.get_caller_identity()
    given = client.get_session_token()["Credentials"]
    records = query(server, sink="file")
    assert [(record["eventSource"], record["eventName"]) for record in records] == [("sts.amazonaws.com", "GetSessionToken")]
    assert records[0]["userIdentity"]["accessKeyId"] == server.credentials.access_key
    assert given["SessionToken"] not in json.dumps(records) and given["SecretAccessKey"] not in json.dumps(records)
    # By the key that was given out one finds who does what with it.
    assert records[0]["responseElements"] == {"credentials": {
        "accessKeyId": given["AccessKeyId"], "expiration": given["Expiration"].strftime("%Y-%m-%dT%H:%M:%SZ")}}
    trust = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}})
    assert run_weir("roles", "create", "watch", "--trust", "-", "--data-dir", server.folder, *server.database.flags, input=trust).returncode == 0
    assert records[0]["requestParameters"] is None
    taken = client.assume_role(RoleArn="arn:aws:iam::123456789012:role/watch", RoleSessionName="ada")
    record, = query(server, "--event", "AssumeRole", sink="file")
    assert record["requestParameters"] == {"roleArn": "arn:aws:iam::123456789012:role/watch", "roleSessionName": "ada"}
    assert record["responseElements"]["credentials"]["accessKeyId"] == taken["Credentials"]["AccessKeyId"]
    assert record["responseElements"]["assumedRoleUser"] == {
        "assumedRoleId": taken["AssumedRoleUser"]["AssumedRoleId"], "arn": taken["AssumedRoleUser"]["Arn"]}
    assert taken["Credentials"]["SessionToken"] not in json.dumps(record) and taken["Credentials"]["SecretAccessKey"] not in json.dumps(record)
    client.get_session_token(DurationSeconds=1800)
    assert query(server, "--event", "GetSessionToken", sink="file")[-1]["requestParameters"] == {"durationSeconds": 1800}
    # Whose role was to be taken on, under which name, for how long and with what policy, is told where it is denied, too.
    policy = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kinesisvideo:*", "Resource": ["*"] * 300}})
    narrowed = {"roleSessionName": "ada", "durationSeconds": 900, "policy": policy, "tagKeys": ["site"]}
    asked = {"RoleSessionName": "ada", "DurationSeconds": 900, "Policy": policy, "Tags": [{"Key": "site", "Value": "north"}]}
    client.assume_role(RoleArn="arn:aws:iam::123456789012:role/watch", **asked)
    assert query(server, "--event", "AssumeRole", sink="file")[-1]["requestParameters"] == {
        "roleArn": "arn:aws:iam::123456789012:role/watch", **narrowed}
    parameters = {"roleArn": "arn:aws:iam::123456789012:role/none", **narrowed}
    with pytest.raises(ClientError, match="AccessDenied"):
        client.assume_role(RoleArn=parameters["roleArn"], ExternalId="external-secret", **asked)
    records = query(server, "--event", "AssumeRole", "--refused", sink="file")
    assert [(record["requestParameters"], record["errorCode"]) for record in records] == [(parameters, "AccessDeniedException")]
    assert "external-secret" not in json.dumps(records)
