"""Clients, hostile and unlucky, that would use up what the server has: files, memory, the log. It goes on for the others, and for all once they end."""

import os
import re
import resource
import signal
import socket
import ssl
import subprocess

import pytest

from deployment import DEADLINE, REGION, binary, clean_environment, until
from signing import Sender, connect, read_response, request_bytes

LIVE = request_bytes("GET", "/live", {"Host": "a"})
METRICS = request_bytes("GET", "/metrics", {"Host": "a"})


def limited(files):
    """The words that have a command run with so many open files."""
    return "bash", "-c", f'ulimit -n {files}; exec "$@"', "bash"


def connected(server, address, timeout=DEADLINE):
    return socket.create_connection(("127.0.0.1", server.port), timeout, (address, 0))


def asked(connection, request=LIVE):
    """The status of the answer; 0 where the connection ends instead."""
    try:
        connection.sendall(request)
        return read_response(connection, "GET").status
    except (ConnectionError, OSError, ValueError, EOFError) as error:
        assert not isinstance(error, TimeoutError), "no answer"
        return 0


def metric(server, name):
    with connect(server.port) as connection:
        connection.sendall(METRICS)
        text = read_response(connection, "GET").body.decode()
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[1])


def memory(server, kind="VmRSS"):
    """MiB in use; of files with RssFile."""
    with open(f"/proc/{server.process.pid}/status") as status:
        return int(re.search(rf"{kind}:\s+(\d+)", status.read())[1]) / 1024


@pytest.fixture
def sockets():
    """Those of a test, which are closed with it."""
    made = []
    yield made
    for connection in made:
        connection.close()


# Connections and files


@pytest.mark.parametrize("addresses", [1, 100], ids=["one address", "many addresses"])
def test_a_flood_of_connections(sqlite_deployments, sockets, addresses):
    server = sqlite_deployments.server(wrapped_by=limited(128))
    sockets += [connected(server, "127.0.0.1") for _ in range(5)]
    assert [asked(connection) for connection in sockets] == [200] * 5
    for number in range(300):
        sockets.append(connected(server, f"127.0.2.{number % addresses + 1}"))
    # Those that were there are answered, and where one address has all it may, others have room.
    assert [asked(connection) for connection in sockets[:5]] == [200] * 5
    if addresses == 1:
        with server.sender() as sender:
            assert sender.call("/listStreams").status == 200
    for connection in sockets:
        connection.close()
    until(lambda: metric(server, "weir_connections_open") == 1, "the flood is over")
    with server.sender() as sender:
        assert sender.call("/listStreams").status == 200
    with connected(server, "127.0.2.1") as connection:
        assert asked(connection) == 200
    assert server.is_running


def test_ten_thousand_idle_connections(sqlite_deployments, sockets):
    """From a hundred addresses, as many as there may be of them: who was there before goes on, and so do the pages of operators."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard >= 11_000, "ten thousand connections need as many files"
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        server = sqlite_deployments.server("--connections", 10_200, "--connections-per-address", 10_200)
        before = memory(server)
        with server.sender() as sender:
            assert sender.call("/listStreams").status == 200
            for number in range(10_000):
                connection = socket.socket()
                sockets.append(connection)
                connection.bind((f"127.0.4.{number % 100 + 1}", 0))
                connection.connect(("127.0.0.1", server.port))
            until(lambda: metric(server, "weir_connections_open") >= 10_000, "all are open")
            assert sender.call("/listStreams").status == 200
            for page in (b"/live", b"/ready"):
                with connected(server, "127.0.0.1") as connection:
                    connection.sendall(b"GET " + page + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                    assert read_response(connection, "GET").status == 200
            assert memory(server) < before + 150
            # And each of them is served, if it says something.
            assert [asked(connection) for connection in sockets[::500]] == [200] * 20
        for connection in sockets:
            connection.close()
        until(lambda: metric(server, "weir_connections_open") == 1, "all are closed")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_too_few_files_are_refused(sqlite_deployments):
    folder = sqlite_deployments.folder()
    done = subprocess.run(
        [*limited(95), binary(), "serve", "--data-dir", folder, "--port", "0"], env=clean_environment(), capture_output=True, text=True,
        timeout=DEADLINE)
    assert done.returncode != 0 and "95 files" in done.stderr and "LimitNOFILE" in done.stderr
    assert not list(folder.iterdir())


def test_the_soft_limit_is_raised(sqlite_deployments):
    words = "bash", "-c", 'ulimit -Sn 128; ulimit -Hn 512; exec "$@"', "bash"
    server = sqlite_deployments.server(wrapped_by=words)
    assert metric(server, "process_max_fds") == 512
    assert 128 < metric(server, "weir_connections_limit") < 512
    server.logged("files=512")


def test_an_address_has_so_many_and_a_proxy_any_number(sqlite_deployments, sockets):
    server = sqlite_deployments.server("--connections-per-address", 2, "--trusted-proxies", "127.0.3.0/24,::1")
    sockets += [connected(server, "127.0.0.2") for _ in range(3)]
    assert sorted(asked(connection) for connection in sockets) == [0, 200, 200]
    proxied = [connected(server, "127.0.3.9") for _ in range(5)]
    sockets += proxied
    assert [asked(connection) for connection in proxied] == [200] * 5


def test_memory_comes_back_after_a_flood(sqlite_deployments, sockets):
    """What the bodies of a flood took goes back to the system when they are gone, within a few seconds."""
    server = sqlite_deployments.server()
    before = memory(server)
    for _ in range(400):
        connection = connected(server, "127.0.0.1")
        connection.sendall(b"POST /listStreams HTTP/1.1\r\nHost: x\r\nContent-Length: 65000\r\n\r\n" + bytes(60_000))
        sockets.append(connection)
    until(lambda: memory(server) > before + 30, "the bodies are held")
    held = memory(server)
    for connection in sockets:
        connection.close()
    # Code that ran for the first time stays.
    until(lambda: memory(server) < before + (held - before) / 2, "the memory is given back")


def test_answers_that_nobody_reads(sqlite_deployments, sockets):
    server = sqlite_deployments.server("--client-unread-seconds", 1)
    before = memory(server)
    for _ in range(40):
        connection = socket.socket()
        sockets.append(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(DEADLINE)
        connection.connect(("127.0.0.1", server.port))
        connection.setblocking(False)
        try:
            connection.send(METRICS * 200)
        except BlockingIOError:
            pass
    with connected(server, "127.0.0.1") as probe:
        assert asked(probe) == 200
    assert memory(server) - before < 64
    until(lambda: metric(server, "weir_connections_open") == 1, "nobody waits any longer")
    # A call is told a moment after its connection has ended.
    until(
        lambda: metric(server, "weir_requests_in_flight") == 1 and metric(server, 'weir_held_bytes{of="answers"}') == 0,
        "nothing is left of them")


def test_a_client_that_is_silent(sqlite_deployments):
    server = sqlite_deployments.server("--client-idle-seconds", 1)
    with connected(server, "127.0.0.1") as connection:
        assert asked(connection) == 200
        assert connection.recv(1) == b""


# The log


class Unread:
    """A server whose log is a pipe that nobody reads, until `read` is called."""

    def __init__(self, server):
        self.folder, self.database = server.folder, server.database
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._end, end = os.pipe()
        self.process = subprocess.Popen(
            [binary(), "serve", "--data-dir", self.folder, "--port", str(self.port), *self.database.flags], stderr=end,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=clean_environment())
        os.close(end)
        self.text = b""
        until(self._listens, "it listens")

    def _listens(self):
        try:
            with connect(self.port) as connection:
                return asked(connection) == 200
        except ConnectionError:
            return False

    def read(self):
        """Reads what is there, and returns all of it so far."""
        os.set_blocking(self._end, False)
        try:
            while piece := os.read(self._end, 65536):
                self.text += piece
        except BlockingIOError:
            pass
        return self.text.decode()

    def close(self):
        self.process.kill()
        self.process.wait(DEADLINE)
        os.close(self._end)


def test_a_log_that_nobody_reads(sqlite_deployments):
    server = sqlite_deployments.server()
    assert server.terminate() == 0
    unread = Unread(server)
    try:
        with Sender(unread.port, server.credentials, REGION) as sender:
            request = sender.signed("/describeStream", {"StreamName": "n" * 256})
            # Lines of some 450 bytes: more than the pipe holds, and then more than the server keeps.
            for _ in range(3500):
                assert sender.send(*request).status == 404
            dropped = metric(unread, "weir_log_lines_dropped_total")
            assert dropped > 0
            told = until(lambda: re.findall(r"lines=(\d+) .*the log had no room for some lines", unread.read()), "it is told")
            assert sum(map(int, told)) == dropped
            # And nobody reads again.
            for _ in range(500):
                assert sender.send(*request).status == 404
        unread.process.send_signal(signal.SIGTERM)
        assert unread.process.wait(DEADLINE) == 0
    finally:
        unread.close()


def test_lines_of_strangers_are_a_sample(sqlite_deployments):
    server = sqlite_deployments.server()
    with connected(server, "127.0.0.1") as connection:
        for _ in range(500):
            assert asked(connection, request_bytes("POST", "/listStreams", {"Host": "a"}, b"{}")) == 403

    def lines():
        return len(re.findall(r"request status=403 .*peer=127\.0\.0\.1", server.log))

    def left_out():
        return sum(map(int, re.findall(r"requests left_out=(\d+)", server.log)))

    with connected(server, "127.0.0.1") as connection:
        assert asked(connection) == 200
    until(lambda: lines() + left_out() == 500, lambda: f"every request is told, not {lines()} + {left_out()}")
    assert lines() >= 20 and left_out() > 0
    # Pages for operators have none.
    assert "status=200" not in server.log


def test_what_is_refused_is_told(sqlite_deployments):
    """What is no HTTP has a line and a count; the line of a refused signature says who tried, and by what key."""
    server = sqlite_deployments.server()
    with connect(server.port) as connection:
        connection.sendall(b"BREW\r\n\r\n")
        assert read_response(connection).status == 400
    server.logged(r"request status=400 .*peer=127\.0\.0\.1 .*error=MalformedHttpRequestException")
    assert metric(server, 'weir_requests_total{operation="none",status="400"}') == 1
    with server.sender() as sender:
        method, target, headers, body = sender.signed("/listStreams", {})
        headers["Authorization"] = re.sub("Signature=.*", "Signature=" + "0" * 64, headers["Authorization"])
        assert sender.send(method, target, headers, body).status == 403
    server.logged(rf"request status=403 .*peer=127\.0\.0\.1 key_tried={server.credentials.access_key}")


# TLS


@pytest.mark.parametrize("kind, refused, taken", [
    (("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (("rsa:2048",), "AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
], ids=["CBC", "static RSA"])
def test_old_suites_are_refused(sqlite_deployments, tmp_path, kind, refused, taken):
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-keyout", "own.key", "-out", "own.pem", "-days", "2", "-subj", "/CN=own"],
        cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    (tmp_path / "own.key").chmod(0o600)
    server = sqlite_deployments.server("--tls-certificate", tmp_path / "own.pem", "--tls-key", tmp_path / "own.key")

    def suite(ciphers=None):
        """What server and client agree on."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if ciphers:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
        with context.wrap_socket(connect(server.port)) as connection:
            return connection.cipher()

    with pytest.raises((ssl.SSLError, ConnectionError)):
        suite(refused)
    assert suite(taken)[0] == taken
    assert suite()[1] == "TLSv1.3"


def test_what_of_the_program_only_the_start_needed_is_given_back(sqlite_deployments):
    server = sqlite_deployments.server()
    seen = []

    def is_given_back():
        seen.append(memory(server, "RssFile"))
        return seen[-1] < max(seen) * 0.8

    until(is_given_back, "a fifth of the pages of files is no longer in memory")
    # They are there again where they are wanted.
    with server.sender() as sender:
        assert sender.call("/listStreams").status == 200
