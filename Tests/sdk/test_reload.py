"""What is read again while the server runs, at SIGHUP and by itself, and that nobody notices who was there before."""

import json
import signal
import socket
import ssl

import pytest

from certificates import Authority
from deployment import until
from signing import read_response


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def replace(pair, source, mode=0o600):
    """Puts a certificate and its key in place of others."""
    for target, new in zip(pair, source):
        new_path = target.with_suffix(".new")
        new_path.write_bytes(new.read_bytes())
        new_path.chmod(mode)
        new_path.rename(target)


def connected(server, authority):
    context = ssl.create_default_context(cafile=authority.file)
    return context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), 10), server_hostname="kvs.localhost")


def name(connection):
    return dict(part[0] for part in connection.getpeercert()["subject"])["commonName"]


def test_certificates_are_read_again(sqlite_deployments, authority, tmp_path):
    pair = tmp_path / "server.pem", tmp_path / "server.key"
    replace(pair, authority.sign("first"))
    server = sqlite_deployments.server("--tls-certificate", pair[0], "--tls-key", pair[1])
    with connected(server, authority) as old:
        assert name(old) == "first"
        # Half of a request is there when the signal comes.
        request = b"GET /ready HTTP/1.1\r\nHost: kvs.localhost\r\n\r\n"
        old.sendall(request[:20])

        replace(pair, authority.sign("second"))
        server.process.send_signal(signal.SIGHUP)
        server.logged("read certificates, TURN secret and log level again")
        with connected(server, authority) as new:
            assert name(new) == "second"
            new.sendall(request)
            assert read_response(new).status == 200
        old.sendall(request[20:])
        assert read_response(old).status == 200

        # Not a pair: a new certificate with the old key; a key that others can read; no certificate at all.
        third = authority.sign("third")
        for count, spoil in enumerate([
            lambda: pair[0].write_bytes(third[0].read_bytes()),
            lambda: replace(pair, third, 0o644),
            lambda: (pair[0].write_text("no certificate"), pair[1].chmod(0o600)),
        ], 1):
            spoil()
            server.process.send_signal(signal.SIGHUP)
            until(lambda: server.log.count("nothing was read again") == count, "it says so")
            with connected(server, authority) as new:
                assert name(new) == "second"
        replace(pair, third)
        server.process.send_signal(signal.SIGHUP)
        until(lambda: server.log.count("read certificates, TURN secret and log level again") == 2, "read again")
        with connected(server, authority) as new:
            assert name(new) == "third"
        old.sendall(request)
        assert read_response(old).status == 200
    assert server.terminate() == 0


def served(server, authority):
    """The name in the certificate that a new connection gets."""
    with connected(server, authority) as connection:
        return name(connection)


TAKEN = "took the certificate and the key that are in place now"
REFUSED = "the certificate and the key in place cannot be used, what is in use stays"


def test_certificates_are_taken_without_a_signal_when_renamed(sqlite_deployments, authority, tmp_path):
    pair = tmp_path / "server.pem", tmp_path / "server.key"
    replace(pair, authority.sign("renamed-1"))
    server = sqlite_deployments.server("--tls-certificate", pair[0], "--tls-key", pair[1])
    assert served(server, authority) == "renamed-1"
    replace(pair, authority.sign("renamed-2"))
    server.logged(TAKEN)
    assert served(server, authority) == "renamed-2"
    assert server.terminate() == 0


@pytest.mark.parametrize("form", ["kubernetes", "certbot"])
def test_certificates_are_taken_without_a_signal_when_links_change(sqlite_deployments, authority, tmp_path, form):
    """Kubernetes changes the link to the folder that both files are in; certbot the links to the files, one after the other."""

    def folder_of(count):
        folder = tmp_path / f"at-{count}"
        folder.mkdir()
        replace((folder / "tls.crt", folder / "tls.key"), authority.sign(f"{form}-{count}"))
        return folder

    def link(path, target):
        new = path.with_name(path.name + ".new")
        new.symlink_to(target)
        new.rename(path)

    pair = tmp_path / "tls.crt", tmp_path / "tls.key"
    if form == "kubernetes":
        def swap(folder):
            link(tmp_path / "..data", folder.name)
        for path in pair:
            path.symlink_to(f"..data/{path.name}")
    else:
        def swap(folder):
            for path in pair:
                link(path, folder / path.name)
    swap(folder_of(1))
    server = sqlite_deployments.server("--tls-certificate", pair[0], "--tls-key", pair[1])
    assert served(server, authority) == f"{form}-1"
    swap(folder_of(2))
    server.logged(TAKEN)
    assert served(server, authority) == f"{form}-2"
    assert server.terminate() == 0


def test_a_pair_that_is_half_written_is_told_and_not_taken(sqlite_deployments, authority, tmp_path):
    pair = tmp_path / "server.pem", tmp_path / "server.key"
    replace(pair, authority.sign("whole-1"))
    server = sqlite_deployments.server("--tls-certificate", pair[0], "--tls-key", pair[1])
    new = authority.sign("whole-2")
    certificate = new[0].read_bytes()
    pair[0].write_bytes(certificate[:200])
    server.logged(REFUSED)
    assert served(server, authority) == "whole-1"
    # The rest of the certificate, whose key is still another: a fault of its own, told in its turn.
    pair[0].write_bytes(certificate)
    until(lambda: server.log.count(REFUSED) == 2, "the pair is refused")
    assert served(server, authority) == "whole-1"
    replace(pair[1:], new[1:])
    server.logged(TAKEN)
    assert served(server, authority) == "whole-2"
    assert server.terminate() == 0
    assert server.log.count(REFUSED) == 2 and server.log.count(TAKEN) == 1
    assert "PRIVATE KEY" not in server.log


def test_only_suites_with_forward_secrecy_and_authentication(sqlite_deployments, authority, tmp_path):
    certificate, key = authority.sign("suites")
    server = sqlite_deployments.server("--tls-certificate", certificate, "--tls-key", key)

    def handshake(suites):
        context = ssl.create_default_context(cafile=authority.file)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(suites)
        with socket.create_connection(("127.0.0.1", server.port), 10) as plain, context.wrap_socket(plain, server_hostname="kvs.localhost") as secure:
            return secure.cipher()[0]

    assert handshake("ECDHE+AESGCM").startswith("ECDHE-ECDSA-AES")
    for suites in ("ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA", "AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA"):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(suites)


def test_the_level_of_the_log_is_read_again(sqlite_deployments, tmp_path):
    file = tmp_path / "weir.json"
    folder = sqlite_deployments.folder()

    def read(level, word):
        """Has the server read a level, and waits for what it says then."""
        file.write_text(json.dumps({"log-level": level}))
        before = server.log.count(word)
        server.process.send_signal(signal.SIGHUP)
        until(lambda: server.log.count(word) > before, word)

    file.write_text(json.dumps({"log-level": "notice"}))
    server = sqlite_deployments.start(folder, sqlite_deployments.database(folder), "--config", str(file))
    read("info", "level=info")
    read("nonsense", "log-level: must be")
    read("debug", "level=debug")
    # The change is told though notices are left out from then on.
    read("error", "level=error")
    assert server.terminate() == 0
    assert "draining" not in server.log and "stopped" not in server.log
