"""ops/backup while writes go on, ops/restore into a second deployment that then serves, and what both refuse to do."""

import os
import random
import shutil
import sqlite3
import stat
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from deployment import ACCOUNT, DEADLINE, REGION, Database, binary, clean_environment, run_weir, until
from inspection import migrated, read, write

OPS = Path(__file__).parents[2] / "ops"
WRITERS = 8


def surroundings(**environment):
    """The environment of an operator, who has the program in the path."""
    path = environment.pop("PATH", os.environ["PATH"])
    return clean_environment(PATH=f"{os.path.dirname(binary())}:{path}", **environment)


def run(command, database, file, **environment):
    """Runs ops/backup or ops/restore as an operator does: with the database in the environment."""
    where = f"sqlite:{database.path}" if database.engine == "sqlite" else database.url
    return subprocess.run(
        [OPS / command, file], env=surroundings(WEIR_DATABASE=where, **environment), capture_output=True, text=True, timeout=DEADLINE * 2,
        stdin=subprocess.DEVNULL)


def succeeds(command, database, file, **environment):
    done = run(command, database, file, **environment)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def refuses(command, database, file, because):
    done = run(command, database, file)
    assert done.returncode == 1 and because in done.stderr and "Traceback" not in done.stderr, (done.returncode, done.stderr)
    assert done.stderr.startswith(f"ops/{command}: ")


def empty_database(deployments):
    """A folder, and on Postgres a database without a schema."""
    folder = deployments.folder()
    database = Database(deployments.engine, folder)
    return folder, database


class Load:
    """Clients that create, change, tag and delete streams and channels, and keep what was acknowledged."""

    def __init__(self, server):
        self._server = server
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        # Name to what is known of the stream: its ARN, and its version and device name as of the last acknowledged change.
        self.streams, self.channels = {}, {}
        self.delete_asked, self.asked = set(), set()
        self.acknowledged = 0
        self.failures = []
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(WRITERS)]
        for thread in self._threads:
            thread.start()

    def known(self):
        """What was acknowledged by now, and what may be gone by now."""
        with self._lock:
            return {name: dict(known) for name, known in self.streams.items()}, dict(self.channels), set(self.delete_asked)

    def stop(self):
        self._is_over.set()
        for thread in self._threads:
            thread.join(DEADLINE)
            assert not thread.is_alive()
        assert not self.failures, self.failures[:3]

    def _run(self, number):
        chance = random.Random(number)
        with self._server.sender() as sender:
            for turn in range(1_000_000):
                if self._is_over.is_set():
                    return
                try:
                    self._turn(sender, chance, f"w{number}-{turn:05}", turn)
                except Exception as error:
                    self.failures.append(error)
                    return

    def _turn(self, sender, chance, name, turn):
        with self._lock:
            self.asked.add(name)
        if turn % 5 == 4:
            arn = self._accepted(sender.call("/createSignalingChannel", {"ChannelName": name, "Tags": [{"Key": "name", "Value": name}]}))["ChannelARN"]
            with self._lock:
                self.channels[name] = arn
            return
        arn = self._accepted(sender.call("/createStream", {"StreamName": name, "Tags": {"name": name}}))["StreamARN"]
        with self._lock:
            self.streams[name] = {"arn": arn, "version": None, "device": None}
        if turn % 5 == 0:
            return  # Left CREATING.
        info = until(lambda: (lambda info: info if info["Status"] == "ACTIVE" else None)(self._describe(sender, name)), f"{name} is ACTIVE")
        if turn % 5 == 3:
            with self._lock:
                self.delete_asked.add(name)
            self._accepted(sender.call("/deleteStream", {"StreamARN": arn}))
            return
        device = f"camera-{chance.randrange(1000)}"
        with self._lock:
            # Between asking and knowing, either may be found.
            self.streams[name]["device"] = ...
        self._accepted(sender.call("/updateStream", {"StreamName": name, "CurrentVersion": info["Version"], "DeviceName": device}))
        self._accepted(sender.call("/tagStream", {"StreamName": name, "Tags": {"device": device}}))
        with self._lock:
            self.streams[name]["device"] = device

    def _describe(self, sender, name):
        answer = sender.call("/describeStream", {"StreamName": name})
        assert answer.status == 200, answer.body
        return answer.json["StreamInfo"]

    def _accepted(self, answer):
        assert answer.status == 200, (answer.status, answer.body)
        with self._lock:
            self.acknowledged += 1
        return answer.json if answer.body else {}


def make_heavy(database):
    """Enough rows that a copy takes longer than a call."""
    write(database, f"""
        INSERT INTO event (resource_arn, sequence, type, account, region, status, version, change_token, key_id, request_id, occurred_at)
        WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < 100000)
        SELECT 'arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/heavy/1', i, 'TagStream', '{ACCOUNT}', '{REGION}', 'ACTIVE', 'v', 'heavy' || i, 'k', 'r',
            {int(time.time() * 1000)} FROM number""")


def count(database, sql):
    return int(read(database, f"SELECT count(*) FROM {sql}")[1][0][0])


def listed(client):
    return {info["StreamName"]: info for page in client.get_paginator("list_streams").paginate() for info in page["StreamInfoList"]}


def test_restored_under_load_into_a_second_deployment(deployments, tmp_path):
    folder, database = migrated(deployments)
    make_heavy(database)
    slow = ["--minimum-creating-ms", "200", "--minimum-updating-ms", "100", "--minimum-deleting-ms", "200"]
    first = deployments.start(folder, database, *slow)
    load = Load(first)
    until(lambda: load.acknowledged > 60 and len(load.delete_asked) > 5, "the load runs")

    copy = tmp_path / "weir.backup"

    def copied_under_load():
        """What was known before the copy and what was said, where enough was acknowledged while it was made."""
        copy.unlink(missing_ok=True)
        known, acknowledged = load.known(), load.acknowledged
        said = succeeds("backup", database, copy)
        return load.acknowledged - acknowledged > 5 and (known, said)

    (before, channels_before, deletable_before), said = until(copied_under_load, "a copy is made while the load is acknowledged")
    load.stop()
    assert "master.key" in said and "event 1" in said
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    held = copy.read_bytes()
    assert (first.folder / "master.key").read_bytes() not in held and first.credentials.secret_key.encode() not in held
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []

    second_folder, second_database = empty_database(deployments)
    try:
        said = succeeds("restore", second_database, copy)
        assert "master key" in said
        # What was in flight when the copy was made is in it, and a worker that held some of it is not.
        assert count(second_database, "task") > 0
        assert count(second_database, "instance") == 0
        assert count(database, "instance") > 0
        write(second_database, "UPDATE task SET lease_token = 'of-a-worker-of-the-first', attempt = 1")
        assert count(second_database, "task WHERE lease_token IS NOT NULL") > 0

        # The one does not start without the other.
        refused = run_weir("serve", "--data-dir", second_folder, "--port", "0", *second_database.flags)
        assert refused.returncode != 0 and "master.key is missing" in refused.stderr
        shutil.copy(first.folder / "master.key", second_folder / "master.key")
        second = deployments.start(second_folder, second_database)
        client = second.client(first.credentials)
        until(lambda: {info["Status"] for info in listed(client).values()} == {"ACTIVE"}, "nothing stays in passing")
        until(lambda: count(second_database, "task") == 0, "no work is left")
        assert count(second_database, "channel WHERE status <> 'ACTIVE'") == 0
        found = listed(client)

        lost = [name for name in before if name not in found and name not in load.delete_asked]
        assert not lost
        assert before.keys() - load.delete_asked and deletable_before
        assert set(found) <= load.asked
        for name, known in before.items():
            if name in found:
                assert found[name]["StreamARN"] == known["arn"]
                if known["device"] not in (None, ...):
                    assert found[name]["DeviceName"] == known["device"]
                    assert client.list_tags_for_stream(StreamName=name)["Tags"] == {"name": name, "device": known["device"]}
        for name, arn in channels_before.items():
            assert client.describe_signaling_channel(ChannelName=name)["ChannelInfo"]["ChannelARN"] == arn

        # The books agree.
        streams, channels = count(second_database, "stream"), count(second_database, "channel")
        assert read(second_database, "SELECT sum(stream_count), sum(channel_count) FROM account_usage")[1] == [[str(streams), str(channels)]]
        for table in "stream", "channel":
            assert count(second_database, f"{table} WHERE tag_count <> (SELECT count(*) FROM tag WHERE resource_arn = arn)") == 0
        assert count(second_database, "tag WHERE resource_arn NOT IN (SELECT arn FROM stream UNION SELECT arn FROM channel)") == 0
        # No event is missing, none is there twice: numbers without gaps, and one end for each begun passing.
        told = read(second_database, """
            SELECT resource_arn, count(*), count(DISTINCT sequence), min(sequence), max(sequence),
                sum(CASE WHEN status IN ('CREATING', 'UPDATING') AND type NOT IN ('TagStream', 'StreamStatusChange') THEN 1 ELSE 0 END),
                sum(CASE WHEN type IN ('StreamStatusChange', 'ChannelStatusChange') AND status = 'ACTIVE' THEN 1 ELSE 0 END),
                sum(CASE WHEN type = 'DeleteStream' THEN 1 ELSE 0 END), sum(CASE WHEN status = 'DELETED' THEN 1 ELSE 0 END)
            FROM event WHERE resource_arn NOT LIKE '%/heavy/%' AND resource_arn NOT LIKE '%:disk/%' GROUP BY resource_arn""")[1]
        assert len(told) >= streams + channels
        for arn, *numbers in told:
            events, distinct, lowest, highest, begun, ended, delete, deleted = map(int, numbers)
            assert events == distinct == highest and lowest == 1, arn
            assert begun == ended and delete == deleted <= 1, arn
        assert count(second_database, "event WHERE resource_arn LIKE '%/heavy/%'") == 100_000

        # It takes changes: of what it was given, and new ones.
        name, info = next((name, info) for name, info in found.items() if name in before)
        client.update_stream(StreamName=name, CurrentVersion=info["Version"], MediaType="video/h265")
        client.create_stream(StreamName="new-here", Tags={"a": "1"})
        until(lambda: {listed(client)[each]["Status"] for each in (name, "new-here")} == {"ACTIVE"}, "both are ACTIVE")
        assert listed(client)[name]["MediaType"] == "video/h265"
        client.delete_stream(StreamARN=listed(client)["new-here"]["StreamARN"])
        until(lambda: "new-here" not in listed(client), "it is gone")
        client.close()
        # The first goes on as if nothing had been.
        assert "new-here" not in listed(first.client(first.credentials)) and first.is_running
        second.terminate()
    finally:
        second_database.drop()


def small(deployments):
    """A deployment with a stream, whose server was killed: on SQLite there is a log that was not copied into the file."""
    folder, database = migrated(deployments)
    server = deployments.start(folder, database)
    with server.sender() as sender:
        assert sender.call("/createStream", {"StreamName": "kept"}).status == 200
    server.kill()
    return database


def test_of_a_deployment_that_is_down(deployments, tmp_path):
    database = small(deployments)
    copy = tmp_path / "copy"
    succeeds("backup", database, copy)
    _, other = empty_database(deployments)
    try:
        succeeds("restore", other, copy)
        tables = [line for line in ("stream", "event", "task", "access_key", "account_usage", "schema_migration")]
        for table in tables:
            assert read(other, f"SELECT * FROM {table} ORDER BY 1, 2, 3") == read(database, f"SELECT * FROM {table} ORDER BY 1, 2, 3")
        assert read(other, "SELECT name FROM streams")[1] == [["kept"]]
        # A second generation is as good as the first.
        succeeds("backup", other, tmp_path / "again")
    finally:
        other.drop()


def test_nothing_is_overwritten(deployments, tmp_path):
    database = small(deployments)
    copy = tmp_path / "copy"
    copy.write_text("of yesterday")
    refuses("backup", database, copy, "exists: nothing is overwritten")
    assert copy.read_text() == "of yesterday"
    copy.unlink()
    succeeds("backup", database, copy)
    before = read(database, "SELECT * FROM event ORDER BY 1, 2")
    refuses("restore", database, copy, "nothing is overwritten")
    assert read(database, "SELECT * FROM event ORDER BY 1, 2") == before
    if database.engine == "sqlite":
        # A log that lies there belongs to another file, and would be played into the restored one.
        folder, other = empty_database(deployments)
        other.path.with_name(other.path.name + "-wal").write_bytes(b"")
        refuses("restore", other, copy, "weir.db-wal exists")
        assert not other.path.exists()
    else:
        _, other = empty_database(deployments)
        try:
            write(other, "CREATE VIEW somebody_elses AS SELECT 1 AS one")
            refuses("restore", other, copy, "is not empty")
            assert count(other, "pg_tables WHERE schemaname = current_schema()") == 0
        finally:
            other.drop()


@pytest.mark.parametrize("damage", ["cut", "other", "none"])
def test_a_spoiled_copy_is_refused_and_leaves_nothing(deployments, tmp_path, damage):
    database = small(deployments)
    make_heavy(database)
    copy = tmp_path / "copy"
    succeeds("backup", database, copy)
    match damage:
        case "cut":
            with open(copy, "r+b") as file:
                file.truncate(copy.stat().st_size * 2 // 3)
        case "other":
            copy.write_bytes(os.urandom(100_000))
        case "none":
            copy.unlink()
    folder, other = empty_database(deployments)
    try:
        done = run("restore", other, copy)
        assert done.returncode == 1 and done.stderr.startswith("ops/restore: ") and "Traceback" not in done.stderr, done.stderr
        if other.engine == "sqlite":
            assert [path.name for path in folder.iterdir() if path.name != "weir.db.lock"] == []
        else:
            assert count(other, "pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace)") == 0
    finally:
        other.drop()


def test_a_value_that_may_not_be_there_is_found(sqlite_deployments, tmp_path):
    """The check is SQLite's own, but for what some of its versions report wrongly: the column that they name is asked."""
    database = small(sqlite_deployments)
    make_heavy(database)
    schema = "UPDATE sqlite_schema SET sql = replace(sql, {}, {}) WHERE name = 'event'"
    version = read(database, "SELECT schema_version FROM pragma_schema_version")[1][0][0]
    with_null, without = "'status TEXT NOT NULL'", "'status TEXT         '"
    for script in (
        f"PRAGMA writable_schema = ON; {schema.format(with_null, without)}; PRAGMA schema_version = {int(version) + 1}",
        "UPDATE event SET status = NULL WHERE sequence = 77",
        f"PRAGMA writable_schema = ON; {schema.format(without, with_null)}; PRAGMA schema_version = {int(version) + 2}",
    ):
        with closing(sqlite3.connect(database.path)) as connection:
            connection.executescript(script)
    refuses("backup", database, tmp_path / "copy", "damaged: 1 values that may not be in event.status")


def test_a_database_of_somebody_else_is_refused(deployments, tmp_path):
    _, database = empty_database(deployments)
    try:
        write(database, "CREATE TABLE theirs (one BIGINT)")
        refuses("backup", database, tmp_path / "copy", "no")
        assert list(tmp_path.glob("*copy*")) == []
    finally:
        database.drop()


def test_a_backup_that_fails_leaves_nothing(deployments, tmp_path):
    folder = deployments.folder()
    if deployments.engine == "sqlite":
        database = Database("sqlite", folder)
        because = "does not exist"
    else:
        database = Database("postgres", folder)
        database.drop()
        because = "does not exist"
    refuses("backup", database, tmp_path / "copy", because)
    assert list(tmp_path.glob("*copy*")) == []
    assert list(folder.iterdir()) == []


def test_a_served_file_is_not_restored_over(sqlite_deployments, tmp_path):
    """Not even where the file was moved away under the server."""
    folder, database = migrated(sqlite_deployments)
    server = sqlite_deployments.start(folder, database)
    copy = tmp_path / "copy"
    succeeds("backup", database, copy)
    for path in folder.glob("weir.db*"):
        if not path.name.endswith(".lock"):
            path.rename(tmp_path / path.name)
    refuses("restore", database, copy, "weir serves")
    assert not database.path.exists()
    server.kill()


def test_nor_where_every_file_was_removed_under_it(sqlite_deployments, tmp_path):
    """The server takes its lock anew where the file of the lock was removed with the others."""
    folder, database = migrated(sqlite_deployments)
    server = sqlite_deployments.start(folder, database)
    copy = tmp_path / "copy"
    succeeds("backup", database, copy)
    for path in folder.glob("weir.db*"):
        path.unlink()
    server.logged("has gone from under the server")
    refuses("restore", database, copy, "weir serves")
    assert not database.path.exists()
    assert server.terminate() == 0
    succeeds("restore", database, copy)


def test_no_password_is_on_a_command_line(postgres_deployments, tmp_path):
    """Every user of the host can read those."""
    database = small(postgres_deployments)
    programs = tmp_path / "programs"
    programs.mkdir()
    for program in "pg_dump", "pg_restore", "psql":
        wrapper = programs / program
        wrapper.write_text(f'#!/bin/sh\necho "$0" "$@" >>{tmp_path}/commands\nexec {shutil.which(program)} "$@"\n')
        wrapper.chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    succeeds("backup", database, tmp_path / "copy", PATH=path)
    _, other = empty_database(postgres_deployments)
    try:
        succeeds("restore", other, tmp_path / "copy", PATH=path)
    finally:
        other.drop()
    commands = (tmp_path / "commands").read_text()
    assert all(program in commands for program in ("pg_dump", "pg_restore", "psql"))
    password = database.url.split("@")[0].rsplit(":", 1)[1]
    assert len(password) > 8 and password not in commands
    # Nor in a message.
    done = run("backup", type("Wrong", (), {"engine": "postgres", "url": f"postgres://u:{password}@[::1/x"}), tmp_path / "more")
    assert done.returncode == 1 and password not in done.stderr and "not valid" in done.stderr


def test_the_configuration_is_read_as_the_server_reads_it(sqlite_deployments, tmp_path):
    folder, database = migrated(sqlite_deployments)
    file = tmp_path / "weir.json"
    file.write_text(f'{{"data-dir": "{folder}"}}')
    done = subprocess.run(
        [OPS / "backup", "--config", file, tmp_path / "copy"], env=surroundings(), capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [OPS / "restore", "--data-dir", tmp_path / "new", tmp_path / "copy"], env=surroundings(WEIR_CONFIG=str(file)), capture_output=True,
        text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "weir.db").stat().st_mode) == 0o600
