"""weir doctor: each finding is provoked, told with what to do, and shows in the exit code."""

import os
import sqlite3
import subprocess
import time

from calls import wait_active
from certificates import Authority
from deployment import DEADLINE, binary, clean_environment, run_weir, until
from inspection import migrated
from media import cluster, head, now_ms, put

WELL, ATTENTION, BROKEN = 0, 1, 2


def doctor(folder, *flags, limit=None, **environment):
    """What it finds, by subject, and its exit code. Findings of the machine are left out: room on the disk and open files."""
    command = [binary(), "doctor", "--data-dir", str(folder), *map(str, flags)]
    if limit:
        command = ["bash", "-c", f'ulimit -n {limit}; exec "$@"', "bash", *command]
    done = subprocess.run(command, env=clean_environment(**environment), capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode in (WELL, ATTENTION, BROKEN), done.stderr
    rows = [[part for part in line.split("  ") if part] for line in done.stdout.splitlines()[1:]]
    found = {}
    for row in rows:
        found.setdefault(row[1].strip(), []).append((row[0].strip(), " ".join(row[2:])))
    return found, done.returncode


def grades(found, subject):
    return {grade for grade, _ in found.get(subject, [])}


def words(found, subject):
    return " ".join(text for _, text in found.get(subject, []))


def test_of_a_deployment_that_is_well(deployments):
    server = deployments.server()
    # By a flag it would find that the password could be seen.
    found, code = doctor(server.folder, WEIR_DATABASE=server.database.flags[1])
    assert all(grades(found, subject) == {"ok"} for subject in found if subject not in ("disk", "open files")), found
    assert {"configuration", "data folder", "master key", "disk", "open files", "database", "access keys", "instances", "tasks", "destinations"} <= set(found)
    assert ("clock" in found) == (deployments.engine == "postgres")
    assert code == WELL or {"ATTENTION", "BROKEN"} & (grades(found, "disk") | grades(found, "open files"))
    assert server.credentials.secret_key not in str(found)


def test_configuration(tmp_path):
    found, code = doctor(tmp_path, "--prot", "1", "--port", "x")
    assert code == BROKEN and grades(found, "configuration") == {"BROKEN"} and "--prot" in words(found, "configuration")
    assert "port: must be" in words(found, "configuration")


def test_a_database_that_is_not_there(tmp_path):
    found, code = doctor(tmp_path)
    assert code != WELL and grades(found, "database") == {"ATTENTION"} and not (tmp_path / "weir.db").exists()
    found, code = doctor(tmp_path, "--database", "host=127.0.0.1 port=1 password=hunter2secret")
    assert code == BROKEN and grades(found, "database") == {"BROKEN"} and "hunter2secret" not in str(found)


def test_an_old_schema(sqlite_deployments):
    folder, database = migrated(sqlite_deployments)
    with sqlite3.connect(database.path) as connection:
        connection.execute("DELETE FROM schema_migration WHERE version = (SELECT max(version) FROM schema_migration)")
    connection.close()
    found, code = doctor(folder, *database.flags)
    assert code == BROKEN and "weir migrate" in words(found, "database")


def test_keys(sqlite_deployments):
    server = sqlite_deployments.server()
    server.terminate()
    key = server.folder / "master.key"
    kept = key.read_bytes()
    key.chmod(0o644)
    found, code = doctor(server.folder, *server.database.flags)
    assert code == BROKEN and grades(found, "master key") == {"BROKEN"} and "chmod 600" in words(found, "master key")
    key.chmod(0o600)
    key.write_bytes(os.urandom(32))
    found, code = doctor(server.folder, *server.database.flags)
    assert code == BROKEN and grades(found, "access keys") == {"BROKEN"}
    key.unlink()
    found, code = doctor(server.folder, *server.database.flags)
    assert code == BROKEN and "is missing" in words(found, "master key") and not key.exists()
    key.write_bytes(kept)
    key.chmod(0o600)
    server.folder.chmod(0o777)
    found, code = doctor(server.folder, *server.database.flags)
    assert code == BROKEN and "Anybody may write" in words(found, "data folder")
    server.folder.chmod(0o700)


def test_certificates(sqlite_deployments, tmp_path_factory):
    folder, database = migrated(sqlite_deployments)
    authority = Authority(tmp_path_factory.mktemp("authority"))

    def found_with(certificate, key):
        found, code = doctor(folder, *database.flags, "--tls-certificate", certificate, "--tls-key", key)
        return grades(found, "certificate"), words(found, "certificate"), code

    long = authority.sign("long", "-days", "90")
    assert found_with(*long)[0] == {"ok"}
    grade, text, code = found_with(*authority.sign("short"))
    assert grade == {"ATTENTION"} and "new pair" in text and code != WELL
    grade, text, code = found_with(*authority.sign("past", "-days", "-1"))
    assert grade == {"BROKEN"} and "is not valid since" in text and code == BROKEN
    grade, text, code = found_with(long[0], authority.folder / "short.key")
    assert grade == {"BROKEN"} and code == BROKEN


def test_the_reserve_of_the_media_disk(tmp_path):
    (tmp_path / "media").mkdir()
    whole = ["--media-reserve-bytes", 1 << 60]
    assert "its reserve is" not in words(doctor(tmp_path, "--media-reserve-bytes", 0)[0], "disk")
    found, code = doctor(tmp_path, *whole)
    assert code != WELL and "ATTENTION" in grades(found, "disk") and f"{tmp_path}/media, and its reserve is" in words(found, "disk")
    assert words(found, "disk").count("no media is taken") == 1
    assert "the oldest media is removed" in words(doctor(tmp_path, *whole, "--disk-full", "oldest")[0], "disk")


def test_open_files(tmp_path):
    found, code = doctor(tmp_path, limit=512)
    assert grades(found, "open files") == {"ATTENTION"} and "LimitNOFILE" in words(found, "open files") and code != WELL
    found, code = doctor(tmp_path, limit=90)
    assert grades(found, "open files") == {"BROKEN"} and code == BROKEN


def test_media_that_was_not_put_back(sqlite_deployments, tmp_path):
    """As after a restore of the database alone."""
    server = sqlite_deployments.server()
    assert grades(doctor(server.folder)[0], "media") == {"ok"}
    client = server.client()
    client.create_stream(StreamName="gate", DataRetentionInHours=24)
    wait_active(client, "gate")
    put(server, "gate", head(), cluster(now_ms()))
    server.terminate()
    assert grades(doctor(server.folder)[0], "media") == {"ok"}
    (server.folder / "media").rename(tmp_path / "media")
    found, code = doctor(server.folder)
    assert code == BROKEN and grades(found, "media") == {"BROKEN"} and f"{server.folder}/media is no media folder" in words(found, "media")


def test_tasks_that_a_clock_has_put_off(sqlite_deployments):
    """And that --repair makes due."""
    server = sqlite_deployments.server("--roles", "api")
    with server.sender() as sender:
        assert sender.call("/createStream", {"StreamName": "late"}).status == 200
        server.terminate()
        ahead = (int(time.time()) + 7 * 86_400) * 1000
        with sqlite3.connect(server.database.path) as connection:
            assert connection.execute("UPDATE task SET available_at = ?", (ahead,)).rowcount == 1
        connection.close()
    found, code = doctor(server.folder, *server.database.flags)
    assert code == BROKEN and "put off 1 tasks" in words(found, "tasks") and "--repair" in words(found, "tasks")
    found, code = doctor(server.folder, *server.database.flags, "--repair")
    assert "put off" not in words(found, "tasks")
    server = sqlite_deployments.again(server, "--roles", "api,worker")
    with server.sender() as sender:
        until(lambda: sender.call("/describeStream", {"StreamName": "late"}).json["StreamInfo"]["Status"] == "ACTIVE", "active")


def test_tasks_that_nobody_does(sqlite_deployments):
    server = sqlite_deployments.server("--roles", "api")
    found, code = doctor(server.folder, *server.database.flags)
    assert code == BROKEN and "none that is alive has the role worker" in words(found, "instances")
    with server.sender() as sender:
        assert sender.call("/createStream", {"StreamName": "waits"}).status == 200
        with sqlite3.connect(server.database.path, timeout=10) as connection:
            connection.execute("UPDATE task SET available_at = available_at - 60000")
        connection.close()
    found, code = doctor(server.folder, *server.database.flags)
    assert "ATTENTION" in grades(found, "tasks") and "overdue" in words(found, "tasks")


def test_destinations(sqlite_deployments, delivering):
    server = sqlite_deployments.server(*delivering())
    done = run_weir("subscriptions", "add", "file:/nonexistent/events.jsonl", "--data-dir", server.folder, *server.database.flags, *delivering())
    assert done.returncode == 0, done.stderr
    subscription = done.stdout.split()[0]
    with server.sender() as sender:
        assert sender.call("/createStream", {"StreamName": "told"}).status == 200
    until(lambda: "ATTENTION" in grades(doctor(server.folder, *server.database.flags)[0], "destination"), "it fails")
    found, code = doctor(server.folder, *server.database.flags)
    assert code != WELL and subscription in words(found, "destination") and "weir subscriptions test" in words(found, "destination")
    run_weir("subscriptions", "pause", subscription, "--data-dir", server.folder, *server.database.flags)
    found, _ = doctor(server.folder, *server.database.flags)
    assert "is PAUSED" in words(found, "destination") and "resume" in words(found, "destination")
