"""The programs that a run starts: each on a free port, in the run's own folder, and stopped by its process id whatever happens."""

import atexit
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

running: list["Program"] = []


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def clean_environment() -> dict[str, str]:
    """This process's environment without what would configure a server behind the run's back."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("WEIR_", "PG", "AWS_"))}


def run(*arguments: str | Path, text: str | None = None) -> str:
    """Runs a program to its end and answers what it printed; raises with its errors where it failed."""
    done = subprocess.run([str(argument) for argument in arguments], input=text, capture_output=True, text=True, env=clean_environment())
    if done.returncode != 0:
        raise RuntimeError(f"{arguments[0]} failed with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


class Program:
    """A program that runs until it is stopped. What it prints goes to a file in the run's folder."""

    def __init__(self, arguments: list[str], log: Path, **environment: str):
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=clean_environment() | environment, cwd=log.parent)
        running.append(self)

    def stop(self) -> None:
        if self in running:
            running.remove(self)
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def memory(self, name: str = "VmRSS") -> float:
        """Resident memory in MiB: now, or the most there ever was with VmHWM."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"{self.log.stem} has ended:\n{self.log.read_text()[-2000:]}")

    def processor_time(self) -> float:
        """Seconds of processor time that it has used, in the kernel too."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait_for(self, port: int, path: str, expected: set[int], deadline: float = 30) -> None:
        """Returns as soon as the server answers a GET with one of the expected statuses."""
        end = time.monotonic() + deadline
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", path)
                status = connection.getresponse().status
                connection.close()
                if status in expected:
                    return
            except OSError:
                pass
            time.sleep(0.0005)
        raise RuntimeError(f"{self.log.stem} did not come up:\n{self.log.read_text()[-2000:]}")


class Nginx(Program):
    """What this machine can do at most: nginx, whose answer to everything is a constant of the size of a described stream."""

    ANSWER = '{"StreamInfo":{"CreationTime":1705489836.421,"DataRetentionInHours":0,"KmsKeyId":"arn:aws:kms:us-east-1:123456789012:alias/aws/kinesisvideo","Status":"ACTIVE","StreamARN":"arn:aws:kinesisvideo:us-east-1:123456789012:stream/0000000000000001/1705489836421","StreamName":"0000000000000001","Version":"davN9FKg4vjyKdCSs0f4"}}'

    def __init__(self, folder: Path):
        self.port = free_port()
        folder = folder / "nginx"
        folder.mkdir()
        configuration = folder / "nginx.conf"
        configuration.write_text(f"""
            daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
            events {{ worker_connections 1024; }}
            http {{
                access_log off; keepalive_requests 1000000000;
                client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d;
                scgi_temp_path {folder}/e;
                server {{ listen 127.0.0.1:{self.port}; location / {{ default_type application/json; return 200 '{self.ANSWER}'; }} }}
            }}""")
        super().__init__(["nginx", "-e", f"{folder}/error.log", "-c", str(configuration)], folder / "nginx.log")
        self.wait_for(self.port, "/", {200})


class Weir:
    """One weir: its data folder, its first key and, while it runs, its process."""

    def __init__(self, binary: Path, folder: Path, name: str, database: str | None = None):
        self.binary, self.name, self.port = binary, name, free_port()
        self.folder = folder / name
        self.log = folder / f"{name}.log"
        self.options = ["--data-dir", str(self.folder), "--port", str(self.port)]
        if database:
            self.options += ["--database", database]
        self.program: Program | None = None

    def migrate(self) -> None:
        run(self.binary, "migrate", *self.options)

    def start(self) -> float:
        """Starts it; answers the seconds until it said that it is ready."""
        began = time.monotonic()
        self.program = Program([str(self.binary), "serve", *self.options], self.log)
        self.program.wait_for(self.port, "/ready", {200})
        return time.monotonic() - began

    def stop(self) -> None:
        if self.program:
            self.program.stop()
            self.program = None

    @property
    def sqlite(self) -> Path:
        return next(path for path in sorted(self.folder.iterdir()) if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3")

    def key(self) -> tuple[str, str]:
        lines = dict(line.split(" = ") for line in (self.folder / "credentials").read_text().splitlines() if " = " in line)
        return lines["aws_access_key_id"], lines["aws_secret_access_key"]


class Postgres:
    """A cluster of ops/postgres, with settings of postgresql.conf."""

    def __init__(self, script: Path, folder: Path, *settings: str):
        self.script, self.folder = script, folder / "postgres"
        self.url = run(script, "start", self.folder, *settings).strip()
        atexit.register(self.stop)

    def stop(self) -> None:
        stop_everything()
        run(self.script, "stop", self.folder)

    def database(self, name: str) -> str:
        """A new database; answers its URL."""
        self.sql(self.url, f"CREATE DATABASE {name}")
        return self.url.rsplit("/", 1)[0] + "/" + name

    @staticmethod
    def sql(url: str, text: str) -> str:
        return run("psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", url, text=text).strip()


def stop_everything() -> None:
    for program in reversed(running.copy()):
        program.stop()


atexit.register(stop_everything)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda number, _: sys.exit(128 + number))
