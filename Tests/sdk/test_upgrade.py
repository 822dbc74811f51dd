"""Rolling upgrades: this program beside a database that a newer one has migrated, and a migration beside programs that are busy."""

import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from deployment import Database, run_weir, until

MIGRATIONS = Path(__file__).resolve().parents[2] / "Migrations"


def checksum(text):
    """As the migrator makes it: FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in text:
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return f"{value:x}"


def newest(database):
    return max(int(row.split("|")[0]) for row in database.query("SELECT version FROM schema_migration"))


def pretend_newer(database, oldest_compatible):
    """What a release after this one could do in its expand step: a table, a column with a default, an index. It says who may run beside it."""
    version = newest(database) + 1
    number = "INTEGER" if database.engine == "sqlite" else "BIGINT"
    sql = (
        "CREATE TABLE later (name TEXT NOT NULL, CONSTRAINT later_pkey PRIMARY KEY (name));"
        "ALTER TABLE stream ADD COLUMN later TEXT; " f"ALTER TABLE channel ADD COLUMN later {number} NOT NULL DEFAULT 0;"
        "CREATE INDEX stream_later ON stream (later);"
        f"INSERT INTO schema_migration VALUES ({version}, 'later', 'unknown here', {oldest_compatible(version)}, 0)")
    if database.engine == "sqlite":
        import sqlite3

        connection = sqlite3.connect(database.path)
        connection.executescript(sql)
        connection.close()
    else:
        database._sql(sql, database.url)
    return version


def not_ready(server):
    """Why the instance is not ready, if it is not."""
    try:
        urllib.request.urlopen(f"{server.endpoint}/ready", timeout=10).close()
    except urllib.error.HTTPError as error:
        return error.read().decode()
    return None


def everything(client):
    """A life of a stream and of a channel."""
    name = f"upgrade-{time.monotonic_ns()}"
    arn = client.create_stream(StreamName=name, DataRetentionInHours=1, Tags={"a": "b"})["StreamARN"]
    until(lambda: client.describe_stream(StreamName=name)["StreamInfo"]["Status"] == "ACTIVE", "ACTIVE")
    version = client.describe_stream(StreamName=name)["StreamInfo"]["Version"]
    client.update_stream(StreamName=name, CurrentVersion=version, MediaType="video/h265")
    until(lambda: client.describe_stream(StreamName=name)["StreamInfo"]["Status"] == "ACTIVE", "ACTIVE again")
    channel = client.create_signaling_channel(ChannelName=name)["ChannelARN"]
    until(lambda: client.describe_signaling_channel(ChannelName=name)["ChannelInfo"]["ChannelStatus"] == "ACTIVE", "ACTIVE")
    client.update_media_storage_configuration(ChannelARN=channel, MediaStorageConfiguration={"Status": "ENABLED", "StreamARN": arn})
    client.update_media_storage_configuration(ChannelARN=channel, MediaStorageConfiguration={"Status": "DISABLED"})
    client.delete_stream(StreamARN=arn)
    until(lambda: name not in [s["StreamName"] for s in client.list_streams()["StreamInfoList"]], "gone")
    assert client.describe_media_storage_configuration(ChannelARN=channel)["MediaStorageConfiguration"]["Status"] == "DISABLED"
    client.delete_signaling_channel(ChannelARN=channel)


def test_a_program_works_beside_a_newer_schema_that_allows_it(deployments):
    server = deployments.server()
    with_client = server.client()
    everything(with_client)
    if server.database.engine == "postgres":
        pretend_newer(server.database, lambda version: version - 1)
        everything(with_client)
    server.terminate()
    if server.database.engine == "sqlite":
        pretend_newer(server.database, lambda version: version - 1)
    again = deployments.again(server)
    assert "newer than this program, and compatible" in again.log
    everything(again.client())


def test_a_program_refuses_a_newer_schema_that_forbids_it(deployments):
    server = deployments.server()
    everything(server.client())
    if server.database.engine == "postgres":
        version = pretend_newer(server.database, lambda version: version)
        assert f"schema version {version}" in until(lambda: not_ready(server), "not ready")
        server.terminate()
    else:
        server.terminate()
        version = pretend_newer(server.database, lambda version: version)
    done = run_weir("serve", "--data-dir", server.folder, "--port", "0", *server.database.flags)
    assert done.returncode != 0
    assert f"schema version {version}" in done.stderr and "Upgrade this instance" in done.stderr


def test_a_migration_takes_no_long_lock(tmp_path):
    """Whoever holds a table keeps a migration waiting, but not those who come after it."""
    database = Database("postgres", tmp_path)
    try:
        first = (MIGRATIONS / "postgres" / "m0001_initial.postgres.sql").read_text()
        database._sql(
            first + ";CREATE TABLE schema_migration (version BIGINT NOT NULL, name TEXT NOT NULL, checksum TEXT NOT NULL,"
            " oldest_compatible BIGINT NOT NULL, applied_at BIGINT NOT NULL, CONSTRAINT schema_migration_pkey PRIMARY KEY (version));"
            f"INSERT INTO schema_migration VALUES (1, 'initial', '{checksum(first.encode())}', 1, 0);"
            "INSERT INTO stream SELECT '1', 'r', 's' || i, 'arn' || i, i, 'ACTIVE', 'v', NULL, NULL, 'k', 0, 'HOT', 0, 't', 1"
            " FROM generate_series(1, 100000) i",
            database.url)
        holder = threading.Thread(target=database._sql, args=("BEGIN; SELECT count(*) FROM stream; SELECT pg_sleep(5); COMMIT", database.url))
        holder.start()
        until(lambda: database.query("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(5)%' AND pid <> pg_backend_pid()") == ["1"],
              "the table is held")
        migrated = []
        migration = threading.Thread(target=lambda: migrated.append(run_weir("migrate", *database.flags)))
        migration.start()
        longest = 0.0
        while migration.is_alive():
            start = time.monotonic()
            database._sql("SELECT 1 FROM stream WHERE account = '1' AND region = 'r' AND name = 's5'", database.url)
            longest = max(longest, time.monotonic() - start)
        holder.join()
        assert migrated[0].returncode == 0, migrated[0].stderr
        # The migration waits two seconds at a time; the reader's own process takes its time too.
        assert longest < 4.5, longest
        assert newest(database) > 1
    finally:
        database.drop()
