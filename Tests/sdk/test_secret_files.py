"""Files with secrets: who may have them, and what is refused with words that help. The rule is PostgreSQL's: one's own and closed to all others, or root's and
closed to the world."""

import json
import os

import pytest

from certificates import Authority
from deployment import run_weir

IS_ROOT = os.geteuid() == 0
OTHER = 64_321


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def mounted(path, content, mode):
    """Puts a file where a mounted volume has it: in a folder of its own that two links lead to."""
    folder = path.parent / ".mount" / "..2026"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / path.name).write_bytes(content)
    (folder / path.name).chmod(mode)
    data = path.parent / ".mount" / "..data"
    if not data.is_symlink():
        data.symlink_to("..2026")
    path.symlink_to(data / path.name)


def test_a_mounted_master_key(sqlite_deployments):
    """As Kubernetes mounts secrets: root's, for a group (here, without root, one's own), read-only, behind links."""
    folder = sqlite_deployments.folder()
    mounted(folder / "master.key", os.urandom(32), 0o440 if IS_ROOT else 0o400)
    server = sqlite_deployments.start(folder, sqlite_deployments.database(folder))
    with server.sender() as sender:
        assert sender.call("/listStreams").status == 200


def refused(folder, *flags):
    done = run_weir("serve", "--data-dir", folder, "--port", "0", *flags)
    assert done.returncode != 0 and "listening" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("name", ["master.key", "credentials"])
def test_files_that_others_can_read(tmp_path, name):
    (tmp_path / name).write_bytes(os.urandom(32) if name == "master.key" else b"[weir]\naws_access_key_id = AKIA\naws_secret_access_key = hunter2secret\n")
    (tmp_path / name).chmod(0o644)
    told = refused(tmp_path)
    assert name in told and "0644" in told and "chmod 600" in told and "fsGroup" in told and "hunter2secret" not in told


@pytest.mark.parametrize("name", ["master.key", "credentials"])
def test_planted_files(tmp_path, name):
    """Of another owner: whoever put them there would know the secrets. Only root can make such a file for the test; the rule itself is tested in Swift."""
    (tmp_path / name).write_bytes(os.urandom(32) if name == "master.key" else b"[weir]\naws_access_key_id = AKIA\naws_secret_access_key = s\n")
    (tmp_path / name).chmod(0o600)
    if IS_ROOT:
        os.chown(tmp_path / name, OTHER, OTHER)
        assert f"belongs to user {OTHER}" in refused(tmp_path)
    else:
        (tmp_path / name).chmod(0o060)
        assert name in refused(tmp_path)


def test_a_folder_in_which_anybody_may_write(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o777)
    assert "Anybody may write" in refused(folder) and not list(folder.iterdir())


def test_the_key_of_tls(tmp_path, authority):
    certificate, key = authority.sign("open")
    key.chmod(0o644)
    told = refused(tmp_path / "data", "--tls-certificate", certificate, "--tls-key", key)
    assert "tls-key" in told and "by others" in told


def test_a_configuration_with_secrets(tmp_path):
    file = tmp_path / "weir.json"
    file.write_text(json.dumps({"database": "postgres://weir:hunter2secret@127.0.0.1:1/weir", "port": 0}))
    file.chmod(0o644)
    told = refused(tmp_path / "data", "--config", file)
    assert "database may not be in a file that others can read" in told and "hunter2secret" not in told
    # Without a secret it may be anybody's to read.
    file.write_text(json.dumps({"port": 0, "auth": "maybe"}))
    assert "may not be in a file" not in refused(tmp_path / "data", "--config", file)
