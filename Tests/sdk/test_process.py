"""The program as an operator meets it: pages, signals, files, configuration, TLS, browsers, and what the log must not hold."""

import json
import os
import re
import socket
import ssl
import stat

import botocore.exceptions
import pytest

from calls import wait_active
from certificates import Authority
from deployment import ACCOUNT, DEADLINE, Database, run_weir, until
from signing import Credentials, connect, read_response


def get(server, path, method="GET"):
    with connect(server.port) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        return read_response(connection, method)


def test_pages_for_operators(server, sender):
    live, ready = get(server, "/live"), get(server, "/ready")
    assert (live.status, live.body) == (200, b"live\n")
    assert (ready.status, ready.body) == (200, b"ready\n")
    sender.call("/describeStream", {"StreamName": "nobody"})

    def count():
        text = get(server, "/metrics").body.decode()
        found = re.search(r'^weir_requests_total\{operation="DescribeStream",status="404"\} (\d+)$', text, re.MULTILINE)
        return int(found[1]) if found else 0

    before = until(count, "counted")
    sender.call("/describeStream", {"StreamName": "nobody"})
    until(lambda: count() == before + 1, "counted")
    metrics = get(server, "/metrics")
    assert metrics.headers["Content-Type"].startswith("text/plain")
    for line in metrics.body.decode().splitlines():
        assert re.fullmatch(r'#.*|[a-z_]+(\{([a-z_]+="[^"]*",?)*\})? [0-9.e+-]+', line), line
    assert "nobody" not in metrics.body.decode() and server.credentials.access_key not in metrics.body.decode()


def test_names_that_clients_make_up_are_no_labels(server, sender):
    for index in range(20):
        sender.call(f"/made-up-{index}")
    assert b"made-up" not in get(server, "/metrics").body


def test_ready_says_so_when_the_database_is_away(postgres_deployments):
    server = postgres_deployments.server()
    server.database._sql(f"ALTER DATABASE {server.database.name} WITH ALLOW_CONNECTIONS false")
    server.database._sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{server.database.name}'")
    until(lambda: get(server, "/ready").status == 503, "not ready")
    assert get(server, "/live").status == 200
    with server.sender() as sender:
        answer = until(lambda: (lambda answer: answer if answer.status == 503 else None)(sender.call("/listStreams")), "unavailable")
        assert answer.error == "ServiceUnavailable" and list(answer.json) == ["Message"]
        assert server.database.name not in answer.message
        server.database._sql(f"ALTER DATABASE {server.database.name} WITH ALLOW_CONNECTIONS true")
        until(lambda: get(server, "/ready").status == 200, "ready again")
        until(lambda: sender.call("/listStreams").status == 200, "available again")


def test_terminate_finishes_what_is_in_flight(deployments):
    server = deployments.server("--stop-seconds", "10")
    sender = server.sender()
    raw = sender.raw("/createStream", {"StreamName": "late"})
    with connect(server.port) as connection, connect(server.port) as idle:
        connection.sendall(raw[:-1])
        # The server has the request: it answers this one, which was sent after it.
        assert sender.call("/listStreams").status == 200
        sender.close()
        server.process.terminate()
        server.logged("draining")

        def is_closed():
            try:
                connect(server.port).close()
            except ConnectionError:
                return True

        until(is_closed, "no new connections", deadline=5)
        connection.sendall(raw[-1:])
        answer = read_response(connection)
        assert answer.status == 200
        assert server.wait() == 0
        assert idle.recv(1) == b""
    assert "stopped" in server.log
    server = deployments.again(server)
    client = server.client()
    assert wait_active(client, "late")["StreamARN"] == answer.json["StreamARN"]
    client.close()


def test_terminate_does_not_wait_for_ever(deployments):
    server = deployments.server("--stop-seconds", "1")
    sender = server.sender()
    with connect(server.port) as connection:
        connection.sendall(sender.raw("/listStreams", {})[:-1])
        until(lambda: get(server, "/live").status == 200, "live")
        server.process.terminate()
        try:
            server.process.wait(8)
        finally:
            server.kill()


def test_draining(deployments):
    """While it drains the server answers as before, but is not ready."""
    server = deployments.server("--drain-seconds", "2")
    server.process.terminate()
    server.logged("draining")
    until(lambda: get(server, "/ready").status == 503, "not ready", deadline=1.5)
    assert get(server, "/ready").body == b"not ready: draining\n"
    with server.sender() as sender:
        assert sender.call("/listStreams").status == 200
    assert server.wait() == 0


def test_a_second_server_on_the_same_file(sqlite_deployments):
    server = sqlite_deployments.server()
    done = run_weir("serve", "--data-dir", server.folder, "--port", "0", *server.database.flags)
    assert done.returncode not in (0, None)
    assert "weir.db" in done.stderr and re.search(r"another|in use|already|locked", done.stderr), done.stderr
    assert "listening" not in done.stderr
    with server.sender() as sender:
        assert sender.call("/createStream", {"StreamName": "still"}).status == 200


def test_a_port_in_use(sqlite_deployments):
    server = sqlite_deployments.server()
    folder = sqlite_deployments.folder()
    done = run_weir("serve", "--data-dir", folder, "--port", server.port)
    assert done.returncode != 0
    assert re.search(r"in use|EADDRINUSE", done.stderr, re.IGNORECASE), done.stderr


def test_files_are_the_owners_alone(deployments):
    old = os.umask(0)
    try:
        server = deployments.server()
    finally:
        os.umask(old)
    names = {path.name for path in server.folder.iterdir()}
    assert {"master.key", "credentials"} <= names
    assert ("weir.db" in names) == (deployments.engine == "sqlite")
    for path in server.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert (server.folder / "master.key").stat().st_size == 32


def test_the_folder_is_made_for_the_owner_alone(tmp_path):
    folder = tmp_path / "a" / "b"
    assert run_weir("migrate", "--data-dir", folder).returncode == 0
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_master_key_that_others_can_read(sqlite_deployments):
    server = sqlite_deployments.server()
    server.terminate()
    (server.folder / "master.key").chmod(0o644)
    done = run_weir("serve", "--data-dir", server.folder, "--port", "0", *server.database.flags)
    assert done.returncode != 0 and "master.key" in done.stderr and "chmod 600" in done.stderr


def test_another_master_key(deployments):
    server = deployments.server()
    server.terminate()
    (server.folder / "master.key").write_bytes(os.urandom(32))
    done = run_weir("serve", "--data-dir", server.folder, "--port", "0", *server.database.flags)
    assert done.returncode != 0 and "master key" in done.stderr
    (server.folder / "master.key").write_bytes(os.urandom(31))
    done = run_weir("serve", "--data-dir", server.folder, "--port", "0", *server.database.flags)
    assert done.returncode != 0 and "32 bytes" in done.stderr


def test_a_lost_master_key_is_not_replaced(deployments):
    """A new one could open none of the secrets; the old one, put back, opens all."""
    server = deployments.server()
    server.terminate()
    path = server.folder / "master.key"
    kept = path.read_bytes()
    path.unlink()
    for command in (["serve", "--port", "0"], ["keys", "list"]):
        done = run_weir(*command, "--data-dir", server.folder, *server.database.flags)
        assert done.returncode != 0 and "master.key is missing" in done.stderr
        assert not path.exists()
    path.write_bytes(kept)
    path.chmod(0o600)
    server = deployments.again(server)
    with server.sender() as sender:
        assert sender.call("/listStreams").status == 200


def test_postgres_is_not_migrated_by_serve(tmp_path):
    database = Database("postgres", tmp_path)
    try:
        done = run_weir("serve", "--data-dir", tmp_path, "--port", "0", *database.flags)
        assert done.returncode != 0 and "weir migrate" in done.stderr
        assert "Applied 1" in run_weir("migrate", "--data-dir", tmp_path, *database.flags).stdout
        assert "current" in run_weir("migrate", "--data-dir", tmp_path, *database.flags).stdout
    finally:
        database.drop()


def test_a_database_that_is_not_there(tmp_path):
    for url in ("postgres://nobody:hunter2secret@127.0.0.1:1/none", "host=127.0.0.1 port=1 password=hunter2secret"):
        done = run_weir("serve", "--data-dir", tmp_path, "--port", "0", "--database", url)
        assert done.returncode != 0 and done.stderr
        assert "hunter2secret" not in done.stderr + done.stdout


@pytest.mark.parametrize("flags, environment, file, words", [
    (["--prot", "1"], {}, None, "--prot"),
    (["stray"], {}, None, "stray"),
    (["--port"], {}, None, "--port"),
    ([], {"WEIR_PROT": "1"}, None, "WEIR_PROT"),
    ([], {}, {"prot": 1}, "prot"),
    ([], {}, {"port": [1]}, "port"),
    (["--port", "65536"], {}, None, "port"),
    (["--port", "x"], {}, None, "port"),
    ([], {"WEIR_PORT": "-1"}, None, "port"),
    ([], {}, {"port": "seven"}, "port"),
    (["--account", "12"], {}, None, "account"),
    (["--region", "US EAST"], {}, None, "region"),
    (["--allowed-regions", "us-east-1,NO"], {}, None, "allowed-regions"),
    (["--auth", "maybe"], {}, None, "auth"),
    (["--database", "mysql://x:hunter2secret@y"], {}, None, "database"),
    (["--tls-key", "k"], {}, None, "tls-key"),
    (["--advertised-data", "ftp://a"], {}, None, "advertised-data"),
    (["--advertised-data", "https://{instance}.example.com"], {}, None, "advertised-data"),
    (["--advertised-data", "instance"], {}, None, "instance-address"),
    (["--advertised-archive", "https://a/b"], {}, None, "advertised-archive"),
    (["--advertised-wss", "https://a"], {}, None, "advertised-wss"),
    (["--advertised-https", "wss://a"], {}, None, "advertised-https"),
    (["--advertised-webrtc", "https://a/b"], {}, None, "advertised-webrtc"),
    (["--profile", "gcp"], {}, None, "profile"),
    (["--protective-rate", "0"], {}, None, "protective-rate"),
    (["--stream-quota", "none"], {}, None, "stream-quota"),
    (["--channel-quota", "-1"], {}, None, "channel-quota"),
    (["--edge-timeout-seconds", "0"], {}, None, "edge-timeout-seconds"),
    (["--minimum-creating-ms", "-1"], {}, None, "minimum-creating-ms"),
    (["--log-level", "loud"], {}, None, "log-level"),
    (["--log-requests", "yes"], {}, None, "log-requests"),
    (["--auth", "none", "--host", "0.0.0.0"], {}, None, "loopback"),
    (["--auth", "none", "--host", "192.0.2.1"], {}, None, "loopback"),
    (["--auth", "none", "--host", "::"], {}, None, "loopback"),
    (["--host", "0.0.0.0"], {}, None, "plain-http-beyond-loopback"),
    ([], {"WEIR_HOST": "weir.example.com"}, None, "plain-http-beyond-loopback"),
    (["--config", "/nonexistent"], {}, None, "/nonexistent"),
])
def test_wrong_configuration_is_refused_by_name(tmp_path, flags, environment, file, words):
    if file:
        path = tmp_path / "config.json"
        path.write_text(json.dumps(file))
        flags = [*flags, "--config", path]
    data = tmp_path / "data"
    done = run_weir("serve", "--data-dir", data, *flags, environment=environment)
    assert done.returncode not in (0, None), done.stderr
    assert words in done.stderr
    assert "hunter2secret" not in done.stderr
    assert not data.exists()


def test_every_fault_of_a_configuration_is_told(tmp_path):
    done = run_weir("serve", "--data-dir", tmp_path / "data", "--prot", "1", "--port", "x", "--account", "1", environment={"WEIR_REGOIN": "x"})
    for words in ("--prot", "port", "account", "WEIR_REGOIN"):
        assert words in done.stderr


def test_flags_win_over_the_environment_over_the_file(sqlite_deployments, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"stream-quota": 1, "protective-rate": 1000, "log-requests": False, "account": "000000000003"}))
    server = sqlite_deployments.server(
        "--stream-quota", "3", environment={"WEIR_CONFIG": str(path), "WEIR_STREAM_QUOTA": "2", "WEIR_ACCOUNT": "000000000002"})
    with server.sender() as sender:
        statuses = [sender.call("/createStream", {"StreamName": f"s{index}"}).status for index in range(4)]
        assert statuses == [200, 200, 200, 400]
        assert ":000000000002:" in sender.call("/listStreams").json["StreamInfoList"][0]["StreamARN"]
    server.terminate()
    assert "CreateStream" not in server.log


def test_services_of_kubernetes_are_passed_over(sqlite_deployments):
    """A service called weir has every pod beside it told of it by variables that look like keys."""
    server = sqlite_deployments.server(environment={
        "WEIR_SERVICE_HOST": "10.96.0.17", "WEIR_SERVICE_PORT": "7080", "WEIR_SERVICE_PORT_HTTP": "7080", "WEIR_PORT_7080_TCP_PROTO": "tcp",
        "WEIR_PORT_7080_TCP": "tcp://10.96.0.17:7080", "WEIR_PORT_7080_TCP_PORT": "7080", "WEIR_PORT_7080_TCP_ADDR": "10.96.0.17",
        "WEIR_PORT": "tcp://10.96.0.17:7080",
    })
    assert len([line for line in server.log.splitlines() if "enableServiceLinks" in line]) == 1
    done = run_weir("config", "get", "port", environment={"WEIR_PORT": "tcp://10.96.0.17:7080"})
    assert (done.returncode, done.stdout) == (0, "7080\n")


def test_a_secret_flag_is_hidden_and_a_misspelt_one_is_not_echoed(sqlite_deployments, tmp_path):
    server = sqlite_deployments.server("--sns-access-key-id", "AKIATEST", "--sns-secret-access-key", "hunter2secret", "--stop-seconds=9")
    with open(f"/proc/{server.process.pid}/cmdline", "rb") as file:
        words = file.read().split(b"\0")
    assert b"hunter2secret" not in b" ".join(words) and {b"serve", b"AKIATEST", b"--stop-seconds=9", b"x" * 13} <= set(words)
    assert "sns-secret-access-key was given as a flag" in server.log and "hunter2secret" not in server.log
    for flags in (["--sns-secret-key", "hunter2secret"], ["--sns-secret-key=hunter2secret"]):
        done = run_weir("serve", "--data-dir", tmp_path / "data", *flags)
        assert done.returncode != 0 and "--sns-secret-key: there is no such flag" in done.stderr
        assert "hunter2secret" not in done.stderr + done.stdout


def test_the_configuration_can_be_asked(tmp_path):
    file = tmp_path / "weir.json"
    file.write_text(json.dumps({"stream-quota": 3, "database": "postgres://user:hunter2secret@db/weir"}))
    file.chmod(0o600)
    environment = {"WEIR_CONFIG": str(file), "WEIR_REGION": "eu-central-1"}

    def get(key, *flags):
        done = run_weir("config", "get", key, *flags, environment=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert [get("stream-quota"), get("region"), get("region", "--region", "us-west-2"), get("sns-endpoint"), get("port")] == [
        "3\n", "eu-central-1\n", "us-west-2\n", "\n", "7080\n"]
    assert get("database") == "(secret)\n" and "hunter2secret" in get("database", "--reveal")
    done = run_weir("config", "list", "--port", "1", environment=environment)
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert rows["port"] == ["1", "flag"] and rows["region"] == ["eu-central-1", "environment"] and rows["stream-quota"] == ["3", "file"]
    assert rows["database"] == ["(secret)", "file"] and rows["auth"] == ["sigv4", "default"] and "hunter2secret" not in done.stdout
    assert run_weir("config", "get", "prot").returncode != 0
    assert run_weir("config", "get", "port", "--port", "x").returncode != 0


def test_statuses_of_commands(tmp_path):
    """1: what the words name is not there, or does not allow what is asked; 64: the words are wrong."""
    folder = ["--data-dir", tmp_path]
    assert run_weir("migrate", *folder).returncode == run_weir("users", "create", "ada", *folder).returncode == 0
    absent = (
        "keys disable AKIANOBODY", "keys expire AKIANOBODY --in 1h", "keys rewrap --swap", "subscriptions pause nobody", "users delete nobody", "users create ada",
        "users attach ada nothing", "roles show nobody", "policy get nothing", "policy delete nothing", "policy put nothing absent.json",
        "policy simulate --user nobody --action kinesisvideo:GetMedia", "things revoke 01", "things authority show", "webhook-secrets show nobody",
        "channels connections nobody", "events show arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate/1/1@1", "media export nobody out.mkv",
    )
    wrong = (
        "keys disable", "keys expire AKIANOBODY --in soon", "keys create --thing nobody", "subscriptions pause", "subscriptions add arn:nothing", "users create *",
        "roles create *", "policy put", "policy simulate --user ada --action GetMedia", "things create *", "events show nothing", "config get nothing", "nothing",
        "audit query --anchor nothing", "media export",
    )
    statuses = {words: run_weir(*words.split(), *folder) for words in absent + wrong}
    found = {words: done.returncode for words, done in statuses.items()}
    assert found == {words: 1 for words in absent} | {words: 64 for words in wrong}, [statuses[words].stderr for words in statuses]
    assert all(done.stderr.startswith("Error: ") for done in statuses.values())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_keys(shell):
    done = run_weir("--generate-completion-script", shell)
    assert done.returncode == 0
    for word in ("subscriptions", "webhook-secrets", "delivery-networks", "sns-endpoint", "replay"):
        assert word in done.stdout, word


def test_a_database_that_goes_from_under_the_server(sqlite_deployments, tmp_path):
    server = sqlite_deployments.server()
    client = server.client()
    client.create_stream(StreamName="before")
    wait_active(client, "before")
    client.close()
    moved = [path.rename(tmp_path / path.name) for path in server.folder.glob("weir.db*")]
    assert len(moved) >= 3
    with server.sender() as sender:
        answer = sender.call("/createStream", {"StreamName": "lost"})
        assert (answer.status, answer.error) == (503, "ServiceUnavailable")
        assert "weir.db" not in answer.message
        until(lambda: get(server, "/ready").status == 503, "not ready", deadline=2)
        assert get(server, "/live").status == 200
        server.logged("has gone from under the server")
        assert sender.call("/describeStream", {"StreamName": "before"}).status == 503
        for path in moved:
            # The server has made the file of its lock anew.
            if path.suffix != ".lock":
                path.rename(server.folder / path.name)
        until(lambda: get(server, "/ready").status == 200, "ready again")
        server.logged("in its place again")
        assert sender.call("/createStream", {"StreamName": "after"}).status == 200
    assert server.log.count("has gone from under the server") == 1
    assert server.terminate() == 0
    server = sqlite_deployments.again(server)
    with server.sender() as sender:
        names = [stream["StreamName"] for stream in sender.call("/listStreams").json["StreamInfoList"]]
        assert sorted(names) == ["after", "before"]


def commands(command=None, words=()):
    """Every command that does something, as its words and the names of the configuration's keys that it takes."""
    command = command or json.loads(run_weir("--experimental-dump-help").stdout)["command"]
    below = [sub for sub in command.get("subcommands", []) if sub["commandName"] != "help"]
    for sub in below:
        yield from commands(sub, (*words, sub["commandName"]))
    if not below:
        yield words, {name["name"] for argument in command.get("arguments", []) for name in argument.get("names", [])}


def test_help_is_about_the_command():
    """The keys of the configuration are listed by `serve`; the help of every other command that takes them says so, and fits a screen."""
    every = dict(commands())
    assert len(every) > 40 and ("things", "authority", "create") in every
    for words, names in every.items():
        done = run_weir(*words, "--help")
        assert done.returncode == 0 and len(done.stdout.splitlines()) < (1000 if words == ("serve",) else 60), words
        listed = all(key in done.stdout for key in ("--data-dir <value>", "--database <value>", "--stop-seconds", "WEIR_DATA_DIR"))
        assert listed == (words == ("serve",)), words
        if "data-dir" in names and not listed:
            assert "weir serve --help lists" in " ".join(done.stdout.split()) and "   " not in done.stdout.partition("USAGE")[0], words


@pytest.mark.parametrize("command", ["status", "accounts", "keys list", "keys create", "users list", "subscriptions list", "events tail",
                                     "media stats", "media rebuild", "audit query"])
def test_commands_make_no_database(tmp_path, command):
    """In a folder that is likely the wrong one."""
    done = run_weir(*command.split(), "--data-dir", tmp_path / "elsewhere")
    assert done.returncode == 1 and f"There is no database at {tmp_path}/elsewhere/weir.db" in done.stderr and "--data-dir" in done.stderr
    assert not done.stdout and not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["verify", "rebuild"])
def test_media_that_was_not_put_back(tmp_path, command):
    """After a restore of the database alone."""
    assert run_weir("migrate", "--data-dir", tmp_path).returncode == 0
    done = run_weir("media", command, "--data-dir", tmp_path)
    assert done.returncode == 1 and f"{tmp_path}/media is no media folder" in done.stderr and "lock" not in done.stderr


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A certificate authority and a certificate for 127.0.0.1 and kvs.localhost."""
    authority = Authority(tmp_path_factory.mktemp("certificates"))
    authority.sign("server")
    return authority.folder


def test_tls(sqlite_deployments, certificates):
    server = sqlite_deployments.server("--tls-certificate", certificates / "server.pem", "--tls-key", certificates / "server.key")
    assert server.scheme == "https"
    # With port 0 the address is another at each start, so the file cannot tell it.
    assert "endpoint_url" not in server.credentials_file.read_text()
    client = server.client(verify=str(certificates / "ca.pem"))
    client.create_stream(StreamName="safe")
    assert client.get_data_endpoint(StreamName="safe", APIName="PUT_MEDIA")["DataEndpoint"] == server.endpoint
    client.close()
    untrusting = server.client()
    with pytest.raises(botocore.exceptions.SSLError):
        untrusting.list_streams()
    untrusting.close()
    context = ssl.create_default_context(cafile=certificates / "ca.pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", server.port)) as plain, context.wrap_socket(plain, server_hostname="kvs.localhost") as secure:
        assert secure.version() == "TLSv1.2"
    # Who speaks no TLS gets no answer in the clear.
    with connect(server.port) as connection:
        connection.sendall(b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n")
        try:
            assert b"live" not in connection.recv(100)
        except ConnectionError:
            pass
    assert server.is_running


def test_tls_files_that_cannot_be_used(tmp_path, certificates):
    for flags in (["--tls-certificate", "/nonexistent.pem", "--tls-key", "/nonexistent.key"],
                  ["--tls-certificate", certificates / "server.pem", "--tls-key", certificates / "extensions"]):
        done = run_weir("serve", "--data-dir", tmp_path / "data", "--port", "0", *flags)
        assert done.returncode != 0 and "tls-certificate" in done.stderr


ORIGIN = "https://console.example.com"
ASKED = "authorization,content-type,x-amz-date,x-amz-user-agent"


def preflight(server, origin, path="/listStreams"):
    with connect(server.port) as connection:
        connection.sendall(
            f"OPTIONS {path} HTTP/1.1\r\nHost: a\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\n"
            f"Access-Control-Request-Headers: {ASKED}\r\n\r\n".encode())
        return read_response(connection, "OPTIONS")


@pytest.mark.parametrize("configured", [ORIGIN, f"https://other.example.com,{ORIGIN}", "*"])
def test_browsers_of_allowed_origins(sqlite_deployments, configured):
    server = sqlite_deployments.server("--cors-origins", configured)
    answer = preflight(server, ORIGIN)
    assert answer.status == 200 and answer.body == b""
    assert answer.headers["Access-Control-Allow-Origin"] in (ORIGIN, "*")
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"] == ASKED
    with server.sender() as sender:
        for path, status in (("/listStreams", 200), ("/describeStream", 400)):
            answer = sender.call(path, {}, {"Origin": ORIGIN})
            assert answer.status == status and answer.headers["Access-Control-Allow-Origin"] in (ORIGIN, "*")
            exposed = answer.headers["Access-Control-Expose-Headers"].lower()
            assert {"x-amzn-requestid", "x-amzn-errortype", "date"} <= {name.strip() for name in exposed.split(",")}
        unsigned = sender.send("POST", "/listStreams", {"Host": sender.host, "Origin": ORIGIN})
        assert unsigned.status == 403 and unsigned.headers["Access-Control-Allow-Origin"]
    if configured != "*":
        assert preflight(server, "https://evil.example.com").headers["Access-Control-Allow-Origin"] is None


def test_no_origin_is_allowed_by_default(server, sender):
    answer = preflight(server, ORIGIN)
    assert answer.status >= 400 and answer.headers["Access-Control-Allow-Origin"] is None
    assert sender.call("/listStreams", {}, {"Origin": ORIGIN}).headers["Access-Control-Allow-Origin"] is None


def test_the_log_tells_requests_and_no_secrets(deployments):
    server = deployments.server("--log-level", "trace")
    secret = server.credentials.secret_key
    sender = server.sender()
    signatures = []

    def call(path, body, **how):
        method, target, headers, body = sender.signed(path, body, **how)
        authorization = headers.get("Authorization") or target
        signatures.append(re.search(r"Signature=([0-9a-f]{64})", authorization)[1])
        return sender.send(method, target, headers, body)

    marks = ["tagvaluemark1", "devicemark2", "kmsmark3", "brokenmark4", "sessionmark5", "tagkeymark6", "badtagmark7"]
    created = call("/createStream", {"StreamName": "logged", "DeviceName": marks[1], "KmsKeyId": marks[2], "Tags": {marks[5]: marks[0]}})
    assert created.status == 200
    assert call("/createStream", {"StreamName": "logged", "Tags": {marks[5]: marks[0]}}).status == 400
    assert call("/tagStream", {"StreamName": "logged", "Tags": {"k": marks[6] + "*"}}).status == 400
    assert call("/createStream", b'{"StreamName": "' + marks[3].encode()).status == 400
    assert call("/listStreams", {}, query=True).status == 200
    refusals = []
    for token in None, marks[4]:
        with server.sender(Credentials(server.credentials.access_key, "wrongsecret8", token)) as other:
            refusals.append(other.call("/listStreams"))
            assert refusals[-1].status == 403
    sender.close()
    assert server.terminate() == 0
    log = server.log
    line = next(line for line in log.splitlines() if created.headers["x-amzn-RequestId"] in line)
    for part in ("status=200", "operation=CreateStream", f"account={ACCOUNT}", "resource=logged", f"key={server.credentials.access_key}"):
        assert part in line
    for refused, error in zip(refusals, ["InvalidSignatureException", "UnrecognizedClientException"]):
        assert f"error={error}" in next(line for line in log.splitlines() if refused.headers["x-amzn-RequestId"] in line)
    for hidden in [secret, "wrongsecret8", *marks, *signatures]:
        assert hidden not in log, hidden
    if server.database.engine == "sqlite":
        stored = b"".join(path.read_bytes() for path in server.folder.glob("weir.db*"))
        assert secret.encode() not in stored
    else:
        assert secret not in "".join(server.database.query("SELECT * FROM access_key"))


def test_a_name_cannot_forge_a_line_of_the_log(sqlite_deployments):
    server = sqlite_deployments.server()
    with server.sender() as sender:
        sender.call("/createStream", {"StreamName": "a\n2020-01-01T00:00:00Z request status=200 forged"})
        sender.call("/a%0Aforged")
    with server.sender(Credentials("A\u00e9forged", "x")) as sender:
        sender.call("/listStreams")
    server.terminate()
    assert not [line for line in server.log.splitlines() if line.startswith("forged") or line.endswith(" forged")]
