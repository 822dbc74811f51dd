"""The Dockerfile and the systemd unit, tried without an engine and without systemd: what they copy is there, what they install is what the program needs,
and what they start serves."""

import json
import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from deployment import DEADLINE, binary, clean_environment, run_weir, until

ROOT = Path(__file__).parents[2]


def steps():
    """The instructions of the Dockerfile, each as one line, by stage."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    stages = []
    for line in text.splitlines():
        if line.startswith("FROM "):
            stages.append([])
        if line and not line.startswith("#"):
            stages[-1].append(tuple(line.split(None, 1)))
    return stages


def of(stage, instruction):
    return [argument for name, argument in stage if name == instruction]


def test_what_the_image_is_made_of_is_there():
    build, image = steps()
    copied = [source for argument in of(build, "COPY") for source in argument.split()[:-1]]
    for source in copied:
        assert (ROOT / source).exists(), source
    # Every folder that the package names is copied.
    manifest = (ROOT / "Package.swift").read_text()
    for path in re.findall(r'path: "([^"]*)"', manifest):
        assert path.split("/")[0] in copied, path
    assert of(image, "COPY") == ["--from=build /out/weir /out/weir-frames /usr/local/bin/"]
    for argument in of(build, "RUN") + of(image, "RUN"):
        assert subprocess.run(["sh", "-n", "-c", argument], timeout=DEADLINE).returncode == 0


def test_the_image_has_the_libraries_of_the_program():
    """Those of Swift are in the program: the base image has none."""
    build, image = steps()
    assert "--static-swift-stdlib" in of(build, "RUN")[-1] and of(image, "FROM") == ["debian:bookworm-slim"]
    installed = re.search(r"apt-get install \S+ \S+ --no-install-recommends ([^&]*)&&", of(image, "RUN")[0])[1].split()
    own = {binary(): {"libsqlite3.so", "libpq.so"}, binary() + "-frames": {"libavcodec.so", "libswscale.so", "libavutil.so", "libjpeg.so", "libpng16.so"}}
    libraries = []
    for program, names in own.items():
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, timeout=DEADLINE, check=True).stdout
        found = [(name, path) for name, path in re.findall(r"(\S+) => (/\S+)", listed) if re.sub(r"\.\d+$", "", name) in names]
        assert {re.sub(r"\.\d+$", "", name) for name, _ in found} == names
        libraries += found
    needed = set()
    for name, path in libraries:
        # What comes with another one is not installed by name.
        if not name.startswith("libavutil"):
            found = subprocess.run(["dpkg-query", "-S", f"*/{Path(path).name}"], capture_output=True, text=True, timeout=DEADLINE)
            needed.add(found.stdout.split(":")[0] if found.returncode == 0 else name)
    assert {re.sub(r"t64$", "", package) for package in needed} <= set(installed)


def test_what_the_image_starts_serves(tmp_path):
    _, image = steps()
    environment = dict(pair.split("=", 1) for pair in of(image, "ENV")[0].split())
    command = json.loads(of(image, "ENTRYPOINT")[0]) + json.loads(of(image, "CMD")[0])
    assert command == ["weir", "serve"] and environment.pop("WEIR_DATA_DIR") == of(image, "VOLUME")[0]
    assert environment == {"WEIR_HOST": "0.0.0.0", "WEIR_AUDIT": "file"}
    done = run_weir("config", "get", "port")
    assert done.stdout.split() == of(image, "EXPOSE")
    # It asks for a certificate, or for what the first line says to give.
    assert run_weir("config", "list", environment=environment).returncode != 0
    given = re.findall(r"-e (\w+)=(\w+)", (ROOT / "Dockerfile").read_text())
    assert run_weir("config", "list", environment=environment | dict(given)).returncode == 0


@pytest.fixture
def unit():
    lines = (ROOT / "ops" / "weir.service").read_text().splitlines()
    values = {}
    for line in lines:
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            values.setdefault(name, []).append(value)
    return values


def test_what_the_unit_starts_is_a_valid_command(unit):
    program, command, *flags = shlex.split(unit["ExecStart"][0])
    assert (program, command) == ("/usr/local/bin/weir", "serve")
    done = run_weir("config", "list", *flags)
    assert done.returncode == 0 and "/var/lib/" + unit["StateDirectory"][0] in done.stdout
    limit = int(unit["TimeoutStopSec"][0])
    assert limit > sum(int(run_weir("config", "get", key).stdout) for key in ("drain-seconds", "signaling-grace-seconds", "stop-seconds"))


def test_the_unit_gives_away_nothing(unit):
    for name, value in {
        "User": "weir", "UMask": "0077", "StateDirectoryMode": "0700", "ProtectSystem": "strict", "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "", "MemoryDenyWriteExecute": "yes", "ProtectHome": "yes", "PrivateDevices": "yes",
    }.items():
        assert unit[name] == [value]


def test_systemd_knows_every_line_of_the_unit(tmp_path):
    """Where systemd's own check is at hand. Elsewhere names are compared with those that it has had since version 249."""
    known = set(
        "Description Documentation After Wants User Group StateDirectory StateDirectoryMode UMask Environment EnvironmentFile ExecStart ExecReload Restart RestartSec"
        " TimeoutStopSec LimitNOFILE ProtectSystem ProtectHome PrivateTmp PrivateDevices ProtectProc ProcSubset ProtectClock ProtectHostname ProtectKernelLogs"
        " ProtectKernelModules ProtectKernelTunables ProtectControlGroups NoNewPrivileges CapabilityBoundingSet AmbientCapabilities RestrictAddressFamilies"
        " RestrictNamespaces RestrictRealtime RestrictSUIDSGID RemoveIPC LockPersonality MemoryDenyWriteExecute SystemCallArchitectures SystemCallFilter"
        " SystemCallErrorNumber WantedBy".split())
    text = (ROOT / "ops" / "weir.service").read_text()
    assert {line.partition("=")[0] for line in text.splitlines() if "=" in line and not line.startswith("#")} <= known


@pytest.mark.parametrize("words", [
    "run --prot 1", "run --tls --prot=1", "cluster --nonsense", "cluster --instances 2 --roles control --nonsense", "bench --nonsense", "bench --only nothing",
    "torture --floods --minutes 3", "torture --media many", "fuzz parser --minutes 1", "install all", "test swift --only X",
])
def test_wrong_words_are_refused_before_anything_is_built(tmp_path, words):
    for tool in ("swift", "apt-get", "sudo"):
        (tmp_path / tool).write_text("#!/bin/sh\nsleep 60\n")
        (tmp_path / tool).chmod(0o755)
    script, *words = words.split()
    done = subprocess.run(
        [ROOT / "ops" / script, *words], cwd=tmp_path, env=clean_environment(PATH=f"{tmp_path}:{os.environ['PATH']}"), capture_output=True, text=True,
        timeout=30)
    assert done.returncode != 0 and f"ops/{script}" in done.stderr, done.stderr


def test_ops_run_finds_the_configuration_as_the_server_does(tmp_path):
    """With a swift that has built the program already. It takes port and folder from the file, makes certificates, and says what to paste."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "swift").write_text(f'#!/bin/sh\ncase "$*" in *--show-bin-path*) echo {Path(binary()).parent} ;; esac\n')
    (tools / "swift").chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "weir.json").write_text(json.dumps({"port": 1, "data-dir": "./elsewhere", "log-requests": False}))
    output = tmp_path / "output"
    with open(output, "w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [ROOT / "ops" / "run", "--tls", "--host", "0.0.0.0", "--config", "weir.json"], cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            env=clean_environment(PATH=f"{tools}:{os.environ['PATH']}", WEIR_PORT=str(port)))
    try:
        until(lambda: "The log of the server follows" in output.read_text() or process.poll() is not None, "served")
        told = output.read_text()
        assert f"Weir is ready at https://127.0.0.1:{port}" in told and f"{tmp_path}/elsewhere/credentials" in told
        assert f"endpoint_url = https://127.0.0.1:{port}" in (tmp_path / "elsewhere" / "credentials").read_text()
        context = ssl.create_default_context(cafile=tmp_path / "elsewhere" / "tls" / "ca.pem")
        with socket.create_connection(("127.0.0.1", port), 10) as plain, context.wrap_socket(plain, server_hostname="localhost"):
            pass
        # What is taken already, and what is wrong, is said before anything is served.
        for flags, words in ((["--port", str(port)], "in use"), (["--prot", "1"], "there is no such flag")):
            done = subprocess.run(
                [ROOT / "ops" / "run", *flags], cwd=tmp_path, env=clean_environment(PATH=f"{tools}:{os.environ['PATH']}"), capture_output=True,
                text=True, timeout=DEADLINE)
            assert done.returncode != 0 and words in done.stderr, done.stderr
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE)
    assert process.returncode == 0, output.read_text()
