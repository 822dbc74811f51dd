"""What administrators see of the database: the same on both engines, cheap to ask for, without secrets; and every query of ops/sql.md."""

import itertools
import re
import time
from pathlib import Path

import pytest

from deployment import ACCOUNT, REGION, Database, Deployments, run_weir, until
from inspection import ADMINISTRATORS, Role, SQLError, migrate, migrated, read, write

PAGE = Path(__file__).parents[2] / "ops" / "sql.md"
# Each view with columns that give its rows an order.
VIEWS = {
    "clock": "ms",
    "streams": "account, region, name",
    "channels": "account, region, name",
    "tags": "resource_arn, key",
    "edge_configurations": "account, region, stream_name",
    "events": "occurred_at_ms, resource_arn, sequence",
    "tasks": "available_at_ms, resource_arn, kind",
    "instances": "id",
    "accounts": "account, region",
    "access_keys": "id",
    "users": "account, name",
    "user_tags": "account, user_name, key",
    "user_policies": "account, user_name, policy_name",
    "roles": "account, name",
    "role_tags": "account, role_name, key",
    "role_policies": "account, role_name, policy_name",
    "role_aliases": "account, name",
    "policies": "account, name",
    "things": "account, name",
    "thing_certificates": "id",
    "device_authorities": "id",
    "schema_migrations": "version",
    "destinations": "id",
    "deliveries": "occurred_at_ms, resource_arn, sequence, destination_id",
    "delivery_queues": "destination_id, resource_arn",
    "delivery_attempts": "ended_at_ms, resource_arn, destination_id",
    "fragments": "stream_arn, sequence",
    "extents": "stream_arn, first_sequence",
    "packs": "id",
    "media_sessions": "stream_arn",
    "stream_storage": "stream_arn",
    "images_waiting": "stream_arn, sequence",
    "audit_records": "event_ms, chain, sequence",
    "audit_chains": "number",
}
SECRETS = ["sealed-secret", "deployment-value", "secretsmanager", "hooks.example.com", "hook-token", "hook-password"]
FAR = 4_102_444_800_000  # 2100-01-01
STATUSES = ["ACTIVE", "CREATING", "UPDATING", "DELETING"]


@pytest.fixture(scope="module")
def role():
    role = Role()
    yield role
    role.close()


@pytest.fixture(scope="module")
def pair(role, tmp_path_factory):
    """A database of each engine with the same rows, whatever can be in one, and a secret wherever one can be."""
    made = [Deployments(engine, tmp_path_factory.mktemp(engine)) for engine in ("sqlite", "postgres")]
    databases = [migrated(deployments)[1] for deployments in made]
    for database in databases:
        write(database, "DELETE FROM schema_migration; " + ";\n".join(rows()))
    yield databases
    for deployments in made:
        deployments.close()


def insert(table, **values):
    literals = ["NULL" if value is None else str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'" for value in values.values()]
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(literals)})"


def rows():
    """The same statements for both engines."""
    yield insert("deployment", name="master-key-proof", value="deployment-value")
    yield insert("schema_migration", version=1, name="initial", checksum="c", oldest_compatible=1, applied_at=1_700_000_000_001)
    yield insert("access_key", id="AKIA1", account=ACCOUNT, secret_sealed="sealed-secret", status="ACTIVE", description="näme, \"quoted\"", created_at=1)
    yield insert(
        "access_key", id="AKIA2", account=ACCOUNT, secret_sealed="sealed-secret", status="DISABLED", description="", created_at=999,
        thing_arn="arn:aws:iot:us-east-1:123456789012:thing/hub-1")
    for id in ["0A", "0B"]:
        yield insert("device_authority", id=id, certificate="PEM", key_sealed="sealed-secret", created_at=1, expires_at=FAR)
    for number, name in enumerate(["gate", "a:b"]):
        yield insert("thing", account=ACCOUNT, name=name, created_at=number)
        yield insert(
            "thing_certificate", id=f"id-{number}", serial=f"0{number}", account=ACCOUNT, thing_name=name, created_at=number, expires_at=FAR,
            revoked_at=number or None)
    for number, name in enumerate(["ada", "_b"]):
        yield insert("iam_user", account=ACCOUNT, name=name, policy_count=1, created_at=number)
        yield insert("iam_user_tag", account=ACCOUNT, user_name=name, key="site", value="é")
        yield insert("policy", account=ACCOUNT, name=f"p{number}", document="{}", created_at=999, changed_at=1_000)
        yield insert("iam_user_policy", account=ACCOUNT, user_name=name, policy_name=f"p{number}")
        yield insert(
            "access_key", id=f"AKIAUSER{number}", account=ACCOUNT, secret_sealed="sealed-secret", status="ACTIVE", description="", created_at=7, user_name=name,
            expires_at=FAR if number else None)
        yield insert(
            "iam_role", account=ACCOUNT, name=name, id=f"AROA{number}", trust="{}", longest_session=3600, policy_count=1, created_at=number,
            revoked_at=FAR if number else None)
        yield insert("iam_role_tag", account=ACCOUNT, role_name=name, key="site", value="é")
        yield insert("iam_role_policy", account=ACCOUNT, role_name=name, policy_name=f"p{number}")
        yield insert("iam_role_alias", account=ACCOUNT, name=f"cameras-{number}", role_name=name, lifetime=900, created_at=999)
    # Names around the differences of collations, and times around those of rounding.
    names = ["B", "_b", "a", "b", "a-b", "a.b", "Z9"]
    times = [0, 1, 999, 1_000, 951_782_400_123, 1_700_000_000_499, 1_700_000_000_500, 253_402_300_799_999]
    places = [("aws", "us-east-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")]
    for number, ((partition, region), status, name) in enumerate(itertools.product(places, STATUSES, names)):
        kind = "stream" if number % 3 else "channel"
        created = times[number % len(times)]
        name = f"{name}{number}"
        arn = f"arn:{partition}:kinesisvideo:{region}:{ACCOUNT}:{kind}/{name}/{created}"
        common = dict(
            account=ACCOUNT, region=region, name=name, arn=arn, creation_time=created, status=status, version=f"v{number}", tag_count=number % 4,
            change_token=f"t{number}", event_sequence=number)
        if kind == "stream":
            image = {1: '{"Status":"ENABLED","DestinationConfig":{"Uri":"s3://b","DestinationRegion":"us-east-1"}}', 2: '{"Status":"DISABLED"}'}
            notification = '{"Status":"ENABLED","DestinationConfig":{"Uri":"https://hooks.example.com/token"}}'
            yield insert(
                "stream", **common, device_name="d" if number % 2 else None, media_type="video/h264", kms_key_id="k",
                data_retention_in_hours=number, default_storage_tier="WARM", image_generation_configuration=image.get(number % 4),
                notification_configuration=notification if number % 5 == 1 else None)
        else:
            # Of a stream that is there, and of one that is not any more.
            mapped = {0: "_b1/1", 3: "gone/5"}.get(number)
            mapped = mapped and f"arn:aws:kinesisvideo:us-east-1:{ACCOUNT}:stream/{mapped}"
            yield insert("channel", **common, channel_type="SINGLE_MASTER", message_ttl_seconds=60, media_storage_stream_arn=mapped)
        for tag in range(number % 4):
            yield insert("tag", resource_arn=arn, key=f"key {tag}/:é", value="" if tag else "stream/x:y")
        if status != "ACTIVE":
            # Scheduled, leased, due and left by a worker that died.
            yield insert(
                "task", resource_arn=arn, kind=("remove-" if status == "DELETING" else "activate-") + kind, account=ACCOUNT, region=region, name=name,
                key_id="AKIA1", request_id=f"r{number}", created_at=created % 1_700_000_000_000, available_at=FAR + number if number % 2 else number,
                attempt=number % 5, lease_token=f"lease{number % 7}" if number % 4 < 2 else None)
        for sequence in (1, 2):
            yield insert(
                "event", resource_arn=arn, sequence=sequence, type="CreateStream", account=ACCOUNT, region=region, status=status, version="v",
                change_token=f"e{number}.{sequence}", key_id="AKIA1", request_id=f"r{number}", occurred_at=created)
    limit = f"arn:aws:kinesisvideo:us-east-1:{ACCOUNT}:limit/streams"
    yield insert(
        "event", resource_arn=limit, sequence=1, type="LimitReached", account=ACCOUNT, region=REGION, status="", version="", change_token="l",
        key_id="", request_id="", occurred_at=5)
    waiting = ["SYNCING", "ACKNOWLEDGED", "DELETING", "DELETING_ACKNOWLEDGED"]
    for number, status in enumerate(waiting * 2 + ["IN_SYNC", "SYNC_FAILED", "DELETE_FAILED"]):
        yield insert(
            "edge_configuration", account=ACCOUNT, region=REGION, stream_name=f"_b{number}",
            stream_arn=f"arn:aws:kinesisvideo:us-east-1:{ACCOUNT}:stream/_b{number}/1",
            hub_device_arn=f"arn:aws:iot:us-east-1:{ACCOUNT}:thing/hub-{number}", configuration='{"Uri":"arn:aws:secretsmanager:secret"}',
            revision="r", sync_status=status, failed_status_details="no disk" if "FAILED" in status else None, creation_time=1, last_updated_time=1_999,
            deadline=None if status not in waiting else FAR if number < 4 else 1, recorder_status="SUCCESS" if number % 2 else None,
            # An agent may name any time.
            recorder_collected_at=[None, -1, -1_000, 0, 253_402_300_799_999, 253_402_300_800_000, 2**62][number % 7],
            recorder_updated_at=1_700_000_000_007, uploader_status=None, uploader_collected_at=[2**62, -(2**62), 5][number % 3], change_token="c")
    targets = [
        "https://one.example.net/hook-token", "https://two.example.net:8443?key=hook-token", "http://10.0.0.7#hook-token",
        "https://user:hook-password@three.example.net/", "https://[fd00::1]:443/hook-token"]
    topic = f"arn:aws:sns:us-east-1:{ACCOUNT}:cameras"
    for number, (kind, target) in enumerate([("WEBHOOK", target) for target in targets] + [("SNS", topic), ("FILE", "/var/log/events?x=/y"), ("FILE", "-")]):
        yield insert(
            "destination", id=f"d{number}", origin="STREAM" if number % 2 else "SUBSCRIPTION", kind=kind, target=target, account=ACCOUNT if number % 2 else None,
            region=REGION if number % 2 else None, types=",CreateStream,TagStream," if number % 3 == 0 else None, resource_prefix=None,
            status=["ACTIVE", "PAUSED", "DISABLED"][number % 3], status_reason="paused by an operator" if number % 3 == 1 else None, created_at=number,
            failing_since=999 if number % 2 else None, failed_at=1_700_000_000_500 if number % 2 else None, failures=number % 2,
            retry_at=FAR if number % 4 == 1 else 0)
        yield insert("webhook_secret", owner=f"d{number}", created_at=1, secret_sealed="sealed-secret")
        for sequence, state in enumerate(["PENDING", "DELIVERED", "DEAD"]):
            yield insert(
                "delivery", destination_id=f"d{number}", resource_arn=limit, sequence=sequence, occurred_at=5, state=state, attempts=sequence, replayed=number % 2,
                created_at=6, failing_since=7 if sequence else None, finished_at=None if state == "PENDING" else 1_999,
                last_status=500 if state == "DEAD" else None, last_error="the receiver answered 500" if state == "DEAD" else None)
        yield insert(
            "delivery_queue", destination_id=f"d{number}", resource_arn=limit, enqueued=3, available_at=FAR if number % 2 else 1_000,
            lease_token="l" if number % 4 < 2 else None)
        yield insert(
            "delivery_attempt", destination_id=f"d{number}", resource_arn=limit, sequence=2, attempt=1, ended_at=1_700_000_000_001, duration_ms=17,
            http_status=500 if number % 2 else None, error="the receiver answered 500" if number % 2 else "did not answer in time")
    for number, (status, heartbeat) in enumerate([("RUNNING", FAR), ("DRAINING", FAR), ("STOPPED", FAR), ("RUNNING", 1_000)]):
        yield insert(
            "instance", id=f"i{number}", host="h", process_id=number, version="1", roles="control,worker", schema_version=4, started_at=999,
            heartbeat_at=heartbeat, status=status, requests_per_second=7, leased_tasks=number)
    yield from media_rows(times)
    for number, name in enumerate(["b", "_a"], 1):
        yield insert(
            "audit_chain", number=number, id=name, place="" if number > 1 else "host:/var/lib/weir/audit.jsonl", is_in_table=1, started_at=999,
            is_oldest=2 - number, first_sequence=number, first_previous="0", first_seal="s", last_sequence=3, last_code="c", last_seal="s", changed_at=5,
            ended_at=1_700_000_000_499 if number > 1 else None)
        yield insert(
            "audit_record", chain=name, sequence=number, event_at=times[number], account=ACCOUNT, principal="arn:aws:iam::1:user/ada",
            event_name="CreateStream", resource="stream/gate", error_code="", line='{"eventName":"CreateStream"}')
    for number, (region, streams, channels) in enumerate([("us-east-1", 9_999, 10_000), ("eu-west-1", 0, 4_999), ("us-west-2", 10_001, 1)]):
        yield insert(
            "account_usage", account=f"{number:012}", region=region, stream_count=streams, channel_count=channels, last_deleted_creation_time=0,
            change_token="c")


def media_rows(times):
    """Media of streams that are there and of one that is gone, in packs of every state."""
    for number in range(1, 6):
        yield insert(
            "pack", id=number, store_id="s", tier="WARM" if number % 2 else "HOT", retention_hours=24, state=["OPEN", "SEALED", "DELETING"][number % 3],
            created_at=times[number], committed_bytes=1000 * number, first_server_ms=times[number] if number % 2 else None,
            last_server_ms=times[number] if number % 2 else None, check_at=5, freed=0)
    for number in range(1, 6):
        name, created = [("_b1", 1), ("a2", 999), ("gone", 5), ("b4", 951_782_400_123), ("Z97", 1)][number - 1]
        yield insert(
            "media_stream", id=number, stream_arn=f"arn:aws:kinesisvideo:us-east-1:{ACCOUNT}:stream/{name}/{created}", account=ACCOUNT, region=REGION,
            name=name, creation_time=created, epoch=number, instance_id=f"i{number % 4}", opened_at=times[number],
            closed_at=None if number % 2 else 1_999, owner_epoch=number, owner_since=7, reserved_sequence=3000, sealed_fragments=7, sealed_bytes=700)
        for sequence in range(1, 4):
            yield insert(
                "fragment", stream_id=number, sequence=sequence + 2000, server_ms=times[sequence + 2], number_low=5, producer_ms=times[sequence],
                length_ms=960, size=1000, flags=sequence, pack_id=3 if sequence < 3 else 4, parts="152+1000", track_set="hash", track_set_at="160+4")
            yield insert(
                "image_work", stream_id=number, sequence=sequence + 2000, server_ms=times[sequence + 2], number_low=5, store_id="s", first_ms=-sequence,
                interval_ms=200, tags="{}", key_id="k", request_id="r", created_at=times[sequence], available_at=FAR if sequence % 2 else times[sequence],
                attempt=sequence, lease_token="l" if sequence == 1 else None, failure=None if sequence == 1 else "the store did not answer in time")
            yield insert(
                "extent", stream_id=number, first_sequence=sequence * 10, last_sequence=sequence * 10 + 5, first_server_ms=times[sequence],
                last_server_ms=times[sequence + 1], min_producer_ms=1000 * sequence * sequence * sequence, max_producer_ms=1000 * sequence * sequence * sequence,
                producer_end_ms=1000 * sequence * sequence * sequence + 500, fragments=6, bytes=600, gaps=sequence % 2, gap_ms=3000 * (sequence % 2),
                pack_id=1 if sequence % 2 else 4, footer_at=0, footer_bytes=0)


@pytest.mark.parametrize("view", VIEWS)
def test_both_engines_show_the_same(pair, view):
    asked = f"SELECT * FROM {view} ORDER BY {VIEWS[view]}"
    (columns, first), (others, second) = [read(database, asked) for database in pair]
    assert columns == others
    assert len(first) == len(second) >= (1 if view in ("clock", "schema_migrations") else 2)
    # What depends on the moment of the question may differ by what lies between the two.
    moving = {"utc", "ms"} if view == "clock" else {column for column in columns if column.endswith("_seconds") and column not in ("message_ttl_seconds", "uptime_seconds")}
    for here, there in zip(first, second):
        for column, one, other in zip(columns, here, there):
            if column not in moving:
                assert one == other, (view, column, here, there)
            elif column != "utc":
                assert (one is None) == (other is None), (view, column)
                assert one is None or abs(int(one) - int(other)) < 60_000, (view, column)
    shown = {column: {row[index] for row in first} for index, column in enumerate(columns)}
    expected = {
        "streams": {"mapped_channel_name": {None, "B0"}, "image_generation": {None, "ENABLED", "DISABLED"}, "edge_sync_status": {None, "ACKNOWLEDGED", "IN_SYNC"}},
        "channels": {"media_storage": {"ENABLED", "DISABLED"}, "media_storage_stream_name": {None, "_b1", "gone"}},
        "tags": {"region": {"us-east-1", "cn-north-1", "us-gov-west-1"}, "account": {ACCOUNT}, "resource_type": {"stream", "channel"}},
        "tasks": {"state": {"SCHEDULED", "LEASED", "DUE", "LEASE_ENDED"}, "resource_type": {"stream", "channel"}},
        "events": {"resource_type": {"stream", "channel", "limit"}},
        "edge_configurations": {"is_overdue": {"0", "1"}, "recorder_collected_at": {None, "1970-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"}},
        "instances": {"is_alive": {"0", "1"}},
        "destinations": {
            "target": {"one.example.net", "two.example.net:8443", "10.0.0.7", "three.example.net", "[fd00::1]:443", f"arn:aws:sns:us-east-1:{ACCOUNT}:cameras",
                       "/var/log/events?x=/y", "-"},
            "types": {None, "CreateStream,TagStream"}, "waiting_queues": {"1"}, "retry_at": {None, "2100-01-01T00:00:00.000Z"}},
        "deliveries": {"state": {"PENDING", "DELIVERED", "DEAD"}, "type": {None, "LimitReached"}, "is_replayed": {"0", "1"}},
        "delivery_queues": {"state": {"SCHEDULED", "LEASED", "DUE", "LEASE_ENDED"}},
        "delivery_attempts": {"http_status": {None, "500"}, "duration_milliseconds": {"17"}},
        "accounts": {"stream_quota_percent": {"99", "0", "100"}, "channel_quota_percent": {"100", "99", "0"}},
    }
    for column, values in expected.get(view, {}).items():
        assert shown[column] == values, (view, column)


def test_alive_is_who_was_heard_of_lately(pair):
    for database in pair:
        assert read(database, "SELECT id FROM instances WHERE is_alive = 1 ORDER BY id")[1] == [["i0"], ["i1"]]


def test_the_clock_is_right_and_reads_as_it_counts(pair):
    for database in pair:
        (utc, ms), = read(database, "SELECT utc, ms FROM clock")[1]
        assert abs(int(ms) / 1000 - time.time()) < 30
        assert utc == time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(ms) // 1000)) + f".{int(ms) % 1000:03}Z"


def test_a_resource_is_shown_once_with_what_it_waits_for(pair):
    for database in pair:
        for table, view in ("stream", "streams"), ("channel", "channels"):
            assert read(database, f"SELECT count(*) FROM {view}")[1] == read(database, f"SELECT count(*) FROM {table}")[1]
            assert read(database, f"SELECT count(*) FROM {view} WHERE (status = 'ACTIVE') <> (waiting_task IS NULL)")[1] == [["0"]]


LOOK_UPS = {
    "by name": ("SELECT * FROM streams WHERE account = 'a' AND region = 'r' AND name = 'n'", "stream"),
    "of an account": ("SELECT * FROM streams WHERE account = 'a'", "stream"),
    "channel by name": ("SELECT * FROM channels WHERE account = 'a' AND region = 'r' AND name = 'n'", "channel"),
    "tags of a resource": ("SELECT * FROM tags WHERE resource_arn = 'a'", "tag"),
    "edge configuration by name": ("SELECT * FROM edge_configurations WHERE account = 'a' AND region = 'r' AND stream_name = 'n'", "edge_configuration"),
    "edge configurations of an account": ("SELECT * FROM edge_configurations WHERE account = 'a'", "edge_configuration"),
    "events since": ("SELECT * FROM events WHERE occurred_at_ms > (SELECT ms - 1000 FROM clock)", "event"),
    "events of an ARN": ("SELECT * FROM events WHERE occurred_at_ms >= 5 AND resource_arn = 'a'", "event"),
    "last events": ("SELECT * FROM events ORDER BY occurred_at_ms DESC LIMIT 20", "event"),
    "due tasks": ("SELECT * FROM tasks WHERE available_at_ms < (SELECT ms FROM clock)", "task"),
    "next tasks": ("SELECT * FROM tasks ORDER BY available_at_ms LIMIT 20", "task"),
    "an account": ("SELECT * FROM accounts WHERE account = 'a'", "account_usage"),
    "an instance": ("SELECT * FROM instances WHERE id = 'i'", "instance"),
    "a destination": ("SELECT * FROM destinations WHERE id = 'i'", "destination"),
    "deliveries since": ("SELECT * FROM deliveries WHERE occurred_at_ms > (SELECT ms - 1000 FROM clock)", "delivery"),
    "deliveries of an event": ("SELECT * FROM deliveries WHERE occurred_at_ms = 5 AND resource_arn = 'a' AND sequence = 1", "delivery"),
    "queues of a destination": ("SELECT * FROM delivery_queues WHERE destination_id = 'i'", "delivery_queue"),
    "a key": ("SELECT * FROM access_keys WHERE id = 'i'", "access_key"),
    "audit records since": ("SELECT * FROM audit_records WHERE event_ms > (SELECT ms - 1000 FROM clock)", "audit_record"),
    "a pack": ("SELECT * FROM packs WHERE id = 1", "pack"),
    "users of an account": ("SELECT * FROM users WHERE account = 'a'", "iam_user"),
    "policies of a role": ("SELECT * FROM role_policies WHERE account = 'a' AND role_name = 'n'", "iam_role_policy"),
    "policies of a user": ("SELECT * FROM user_policies WHERE account = 'a' AND user_name = 'n'", "iam_user_policy"),
}
SCANS = {
    "stream by ARN": "SELECT * FROM streams WHERE arn = 'a'",
    "channel by ARN": "SELECT * FROM channels WHERE arn = 'a'",
    "all streams": "SELECT * FROM streams",
    "all tags of a value": "SELECT * FROM tags WHERE key = 'k' AND value = 'v'",
    "events of a name": "SELECT * FROM events WHERE account = 'a' AND region = 'r' AND name = 'n'",
}


def plan(database, sql):
    """As text, of Postgres with no way around an index that fits: its tables here are too small for one to pay."""
    if database.engine == "sqlite":
        return "\n".join(row[3] for row in read(database, f"EXPLAIN QUERY PLAN {sql}")[1])
    write(database, "ANALYZE")
    return "\n".join(row[0] for row in read(database, f"EXPLAIN {sql}", settings=["enable_seqscan=off", "enable_bitmapscan=off"])[1])


@pytest.mark.parametrize("look_up", LOOK_UPS)
def test_look_ups_search_an_index_and_sort_nothing(pair, look_up):
    sql, table = LOOK_UPS[look_up]
    lite, postgres = [plan(database, sql) for database in pair]
    assert re.search(rf"SEARCH {table} USING (PRIMARY KEY|INDEX {table}_)" if "WHERE" in sql else rf"SCAN {table}$", lite, re.MULTILINE), lite
    assert not re.search(r"TEMP B-TREE|MATERIALIZE (?!waiting)|CO-ROUTINE (?!present|clock)", lite), lite
    assert re.search(rf"Index (Only )?Scan (Backward )?using {table}_pkey on {table}\b", postgres) or re.search(rf"Index Scan using {table}_\w+ on {table}\b", postgres), postgres
    assert "WHERE" not in sql or "Index Cond" in postgres, postgres
    assert not re.search(r"Sort|Subquery Scan|Materialize", postgres), postgres


@pytest.mark.parametrize("scan", SCANS)
def test_other_questions_read_the_table_once_and_sort_nothing(pair, scan):
    lite, postgres = [plan(database, SCANS[scan]) for database in pair]
    assert not re.search(r"TEMP B-TREE|MATERIALIZE (?!waiting)", lite), lite
    # What waits is not read again for each row.
    assert "waiting" not in lite or "SEARCH waiting USING AUTOMATIC COVERING INDEX" in lite, lite
    assert not re.search(r"Sort|Subquery Scan", postgres), postgres


def test_nothing_secret_is_shown(pair):
    for database in pair:
        everything = [row for view in VIEWS for row in read(database, f"SELECT * FROM {view}")[1]]
        assert len(everything) > 100
        shown = "\n".join(str(value) for row in everything for value in row)
        assert "näme" in shown
        assert [secret for secret in SECRETS if secret in shown] == []


def test_every_view_is_tested(pair):
    lite, postgres = pair
    names = read(lite, "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name")[1]
    assert names == read(postgres, "SELECT viewname FROM pg_views WHERE schemaname = current_schema() ORDER BY viewname COLLATE \"C\"")[1]
    assert set(VIEWS) <= {name for name, in names}


def test_administrators_read_views_and_no_tables(pair):
    database = pair[1]
    for view in VIEWS:
        assert read(database, f"SELECT * FROM {view} LIMIT 1", ADMINISTRATORS)[1]
        with pytest.raises(SQLError, match="permission denied|cannot (update|delete|execute)"):
            read(database, f"DELETE FROM {view}", ADMINISTRATORS)
    tables = [name for name, in read(database, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")[1]]
    assert len(tables) > 8
    for table in tables:
        with pytest.raises(SQLError, match="permission denied"):
            read(database, f"SELECT * FROM {table}", ADMINISTRATORS)


def test_rights_that_were_given_too_freely_are_taken_back(role, postgres_deployments):
    """An owner whose new tables are readable to administrators by default does not show them the secrets."""
    folder = postgres_deployments.folder()
    database = Database("postgres", folder)
    try:
        write(database, f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {ADMINISTRATORS}")
        migrate(folder, database)
        assert read(database, "SELECT * FROM stream", ADMINISTRATORS)[1] == []
        for table in "access_key", "deployment":
            with pytest.raises(SQLError, match="permission denied"):
                read(database, f"SELECT * FROM {table}", ADMINISTRATORS)
    finally:
        database.drop()


# --- ops/sql.md ---


def queries():
    """The queries of the page, each with the engine that it is for (None: both) and its sample."""
    blocks = re.findall(r"```sql\n(.*?)\n```\n+```text\n(.*?)\n```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == PAGE.read_text().count("```sql") >= 20
    for sql, sample in blocks:
        mark = re.match(r"-- (Postgres|SQLite)\n", sql)
        yield (mark[1].lower() if mark else None), sql, sample


def populated(deployments, silence=-60_000):
    """A deployment with an answer to every question of the page; no server runs on it. Instances were last heard of `silence` milliseconds ago."""
    folder, database = migrated(deployments)
    server = deployments.start(folder, database)
    client = server.client()

    def create(name, hours=0, **tags):
        client.create_stream(StreamName=name, DataRetentionInHours=hours, **({"Tags": tags} if tags else {}))
        until(lambda: client.describe_stream(StreamName=name)["StreamInfo"]["Status"] == "ACTIVE", f"{name} is ACTIVE")
        return client.describe_stream(StreamName=name)["StreamInfo"]

    gate = create("gate-7", hours=24, site="north", floor="2")
    for name, hours in ("gate-6", 48), ("gate-8", 0), ("gate-9", 0), ("gate-10", 0), ("gate-11", 24):
        create(name, hours, **({} if hours == 48 else {"site": "south"}))
    answer = client.update_data_retention(
        StreamName="gate-7", CurrentVersion=gate["Version"], Operation="INCREASE_DATA_RETENTION", DataRetentionChangeInHours=24)
    request = answer["ResponseMetadata"]["RequestId"]
    channel = client.create_signaling_channel(ChannelName="door-1")["ChannelARN"]
    until(lambda: client.describe_signaling_channel(ChannelName="door-1")["ChannelInfo"]["ChannelStatus"] == "ACTIVE", "door-1 is ACTIVE")
    until(lambda: client.describe_stream(StreamName="gate-7")["StreamInfo"]["Status"] == "ACTIVE", "gate-7 is ACTIVE")
    client.update_media_storage_configuration(ChannelARN=channel, MediaStorageConfiguration={"Status": "ENABLED", "StreamARN": gate["StreamARN"]})
    for name in "gate-6", "gate-11":
        client.start_edge_configuration_update(StreamName=name, EdgeConfig={
            "HubDeviceArn": f"arn:aws:iot:us-east-1:{ACCOUNT}:thing/hub-1",
            "RecorderConfig": {"MediaSourceConfig": {
                "MediaUriSecretArn": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:camera", "MediaUriType": "RTSP_URI"}}})
    client.delete_stream(StreamARN=client.describe_stream(StreamName="gate-8")["StreamInfo"]["StreamARN"])
    until(lambda: "gate-8" not in [info["StreamName"] for info in client.list_streams()["StreamInfoList"]], "gate-8 is gone")
    credentials = server.credentials
    client.close()
    server.terminate()
    made = run_weir("keys", "create", "--data-dir", folder, *database.flags)
    assert made.returncode == 0, made.stderr

    server = deployments.again(server, "--minimum-deleting-ms", "3600000")
    client = server.client(credentials)
    for name in "gate-9", "gate-10":
        client.delete_stream(StreamARN=client.describe_stream(StreamName=name)["StreamInfo"]["StreamARN"])
    until(lambda: read(database, "SELECT count(*) FROM instances WHERE status = 'RUNNING'")[1] == [["1"]], "it was heard of")
    client.close()
    server.kill()

    # What goes wrong seldom, and what takes longer than a test.
    now = int(time.time() * 1000)
    write(database, f"""
        UPDATE task SET lease_token = 'kqjT2QUwbw4yWkzP0a5H', attempt = 3, available_at = {now - 62_000}, created_at = {now - 91_000} WHERE name = 'gate-10';
        UPDATE stream SET status = 'UPDATING' WHERE name = 'gate-6';
        UPDATE instance SET heartbeat_at = {now - silence}, leased_tasks = 1 WHERE status = 'RUNNING';
        UPDATE edge_configuration SET sync_status = 'SYNC_FAILED', deadline = NULL, failed_status_details = 'The camera does not answer.'
            WHERE stream_name = 'gate-11';
        INSERT INTO account_usage (account, region, stream_count, channel_count, last_deleted_creation_time, change_token)
            VALUES ('210987654321', 'eu-west-1', 9532, 4100, 0, 'c');
        UPDATE access_key SET created_at = {now - 2_592_000_000} WHERE description = 'made by weir keys create';
        INSERT INTO destination (id, origin, kind, target, status, created_at, failing_since, failed_at, failures, retry_at)
            VALUES ('sub-7hw3kq9mzr4d', 'SUBSCRIPTION', 'WEBHOOK', 'https://hooks.example.com/kvs', 'ACTIVE', {now - 3_600_000}, {now - 95_000}, {now - 31_000}, 7, 0);
        INSERT INTO delivery (destination_id, resource_arn, sequence, occurred_at, state, attempts, replayed, created_at, failing_since, finished_at, last_status, last_error)
            SELECT 'sub-7hw3kq9mzr4d', resource_arn, sequence, occurred_at, CASE WHEN sequence = 1 THEN 'DELIVERED' WHEN sequence = 2 THEN 'DEAD' ELSE 'PENDING' END,
                CASE WHEN sequence = 1 THEN 1 WHEN sequence = 2 THEN 15 WHEN sequence = 3 THEN 4 ELSE 0 END, 0, occurred_at, CASE WHEN sequence IN (2, 3) THEN {now - 95_000} END,
                CASE WHEN sequence < 3 THEN {now - 95_000} END, CASE WHEN sequence = 1 THEN 204 WHEN sequence < 4 THEN 503 END,
                CASE WHEN sequence IN (2, 3) THEN 'the receiver answered 503' END
            FROM event WHERE resource_arn = '{gate["StreamARN"]}';
        INSERT INTO delivery_queue (destination_id, resource_arn, enqueued, available_at) VALUES ('sub-7hw3kq9mzr4d', '{gate["StreamARN"]}', 4, {now - 2_000});
        INSERT INTO delivery_attempt (destination_id, resource_arn, sequence, attempt, ended_at, duration_ms, http_status, error)
            VALUES ('sub-7hw3kq9mzr4d', '{gate["StreamARN"]}', 3, 4, {now - 31_000}, 21, 503, 'the receiver answered 503')""")
    write(database, f"""
        INSERT INTO media_stream (id, stream_arn, account, region, name, creation_time, epoch, instance_id, opened_at, closed_at, owner_epoch, owner_since, reserved_sequence, sealed_fragments, sealed_bytes)
            SELECT 1, arn, account, region, name, creation_time, 3, (SELECT max(id) FROM instance WHERE status = 'RUNNING'), {now - 9_000_000}, NULL, 3, {now - 9_000_000}, 3000, 1200, 300000000
            FROM stream WHERE name = 'gate-7';
        INSERT INTO pack (id, store_id, tier, retention_hours, state, created_at, committed_bytes, first_server_ms, last_server_ms, check_at, freed)
            VALUES (1880000000000000001, 'kqjT2QUwbw4yWkzP0a5H', 'HOT', 48, 'SEALED', {now - 172_000_000}, 150048000, {now - 172_000_000}, {now - 171_400_000}, {now + 800_000}, 0),
                (1880000000000000002, 'kqjT2QUwbw4yWkzP0a5H', 'HOT', 48, 'SEALED', {now - 7_200_000}, 150048000, {now - 7_200_000}, {now - 6_600_000}, {now + 3_600_000}, 0),
                (1880000000000000003, 'kqjT2QUwbw4yWkzP0a5H', 'HOT', 48, 'OPEN', {now - 60_000}, 500240, {now - 60_000}, {now - 59_000}, 0, 0);
        INSERT INTO extent (stream_id, first_sequence, last_sequence, first_server_ms, last_server_ms, min_producer_ms, max_producer_ms, producer_end_ms, fragments, bytes, gaps, gap_ms, pack_id, footer_at, footer_bytes)
            VALUES (1, 1, 600, {now - 172_000_000}, {now - 171_400_000}, {now - 172_000_000}, {now - 171_400_000}, {now - 171_399_000}, 600, 150000000, 1, 12000, 1880000000000000001, 150000000, 48000),
                (1, 1001, 1600, {now - 7_200_000}, {now - 6_600_000}, {now - 7_200_000}, {now - 6_600_000}, {now - 6_599_000}, 600, 150000000, 0, 0, 1880000000000000002, 150000000, 48000);
        INSERT INTO fragment (stream_id, sequence, server_ms, number_low, producer_ms, length_ms, size, flags, pack_id, parts, track_set, track_set_at)
            VALUES (1, 2001, {now - 60_000}, 7, {now - 60_100}, 967, 250000, 8, 1880000000000000003, '424+250000', 'b94d27b9934d3e08', '152+184'),
                (1, 2002, {now - 59_000}, 8, {now - 59_100}, 967, 250000, 8, 1880000000000000003, '250512+250000', 'b94d27b9934d3e08', '152+184');
        INSERT INTO image_work (stream_id, sequence, server_ms, number_low, store_id, first_ms, interval_ms, tags, key_id, request_id, created_at, available_at, attempt, failure)
            SELECT 1, sequence, server_ms, number_low, 'kqjT2QUwbw4yWkzP0a5H', 0, 1000, '{{}}', '', '', server_ms, {now + 20_000}, 3,
                's3://pictures/gates/ at store.example.com did not answer in time' FROM fragment WHERE stream_id = 1;
        INSERT INTO audit_record (chain, sequence, event_at, account, principal, event_name, resource, error_code, line)
            VALUES ('c', 1, {now - 61_000}, '{ACCOUNT}', 'arn:aws:iam::{ACCOUNT}:user/ada', 'TagStream', 'stream/gate-7', '', '{{}}'),
                ('c', 2, {now - 60_000}, '{ACCOUNT}', 'arn:aws:iam::{ACCOUNT}:user/bob', 'DeleteStream', 'stream/gate-7', 'AccessDeniedException', '{{}}')""")
    # The page's examples of what every deployment has its own of.
    arn = gate["StreamARN"]
    examples = {
        "arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-7/1795608000000": arn, "1795608000000": arn.rsplit("/")[-1],
        "9efbd054-6c4e-4b07-9d5c-0a1d6a3c6f0b": request, "AKIAIOSFODNN7EXAMPLE": credentials.access_key,
    }
    return database, examples


def with_own(sql, examples):
    for example, own in examples.items():
        sql = sql.replace(example, own)
    return sql


def test_every_query_of_the_page_answers(role, deployments):
    database, examples = populated(deployments)
    role_here = ADMINISTRATORS if database.engine == "postgres" else None
    used = set()
    for engine, sql, sample in queries():
        if engine in (None, database.engine):
            columns, found = read(database, with_own(sql, examples), role_here)
            assert found, f"no answer: {sql}"
            assert sample.splitlines()[0].replace("|", " ").split() == columns, f"the sample has other columns: {sql}"
            used |= {example for example in examples if example in sql}
    assert used == set(examples)
