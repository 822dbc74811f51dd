"""What it costs to know who calls and what they may do, and what is left of an account's calls while another does its worst."""

import http.client
import json
import multiprocessing
import statistics
import subprocess
import threading
import time
from pathlib import Path

import data
from load import play
from programs import Weir, clean_environment
from signing import Signer

STREAMS = 200
# Calls that the well-behaved account makes in a second, all its connections together.
RATE = 200
PACED = 8
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow" if number == 9 else "Deny",
            "Action": "kinesisvideo:*",
            "Resource": "arn:aws:kinesisvideo:*:*:stream/*",
            # All ten are weighed to the end, and one holds.
            "Condition": {
                "StringEquals": {"aws:RequestedRegion": "us-east-1"},
                "IpAddress": {"aws:SourceIp": "127.0.0.0/8" if number == 9 else f"10.{number}.0.0/16"},
            },
        }
        for number in range(10)
    ],
}


def weir(binary: Path, *arguments: str, text: str | None = None) -> str:
    done = subprocess.run([str(binary), *arguments], capture_output=True, text=True, input=text, env=clean_environment())
    if done.returncode:
        raise RuntimeError(f"weir {arguments[0]} failed: {done.stderr}")
    return done.stdout


def profile(text: str) -> tuple[str, str]:
    lines = dict(line.split(" = ") for line in text.splitlines() if " = " in line)
    return lines["aws_access_key_id"], lines["aws_secret_access_key"]


def signed(key: tuple[str, str], port: int, bodies: list[bytes]) -> list[bytes]:
    return Signer(*key, "us-east-1", port).requests("/describeStream", bodies)


def measure(bench, binary: Path, folder: Path) -> None:
    """Both figures, in turn, for as many rounds as the bench has."""
    open_server, closed = Weir(binary, folder, "identity-open"), Weir(binary, folder, "identity")
    open_server.options += ["--auth", "none", "--log-requests", "false"]
    closed.options += ["--log-requests", "false"]
    for server in (open_server, closed):
        server.start()
    flags = closed.options[:2]
    (folder / "policy.json").write_text(json.dumps(POLICY))
    weir(binary, "policy", "put", "bench", str(folder / "policy.json"), *flags)
    weir(binary, "users", "create", "ada", "--policy", "bench", *flags)
    user = profile(weir(binary, "keys", "create", "--user", "ada", *flags))
    other = profile(weir(binary, "keys", "create", "--account", "999988887777", *flags))
    bodies = [json.dumps({"StreamName": f"identity-{number}"}).encode() for number in range(STREAMS)]
    for server, key in ((open_server, user), (closed, closed.key())):
        create(server.port, key, bodies)
    create(closed.port, other, bodies)

    for _ in range(bench.rounds):
        costs = {}
        for server in (open_server, closed):
            before = server.program.processor_time()
            played = play(server.port, signed(user, server.port, bodies), bench.seconds)
            name = "DescribeStream, nobody is asked" if server is open_server else "DescribeStream, signature and policy"
            used = server.program.processor_time() - before
            bench.report.played(name, played, used)
            costs[server] = used / played.requests * 1e6
        bench.report.compare(
            "signature and policy (10 statements, 2 conditions), processor", 15, costs[closed] - costs[open_server], at_most=True, unit=" us")
    attack(bench, closed, user, other, bodies)
    for server in (open_server, closed):
        server.stop()


def create(port: int, key: tuple[str, str], bodies: list[bytes]) -> None:
    for request in Signer(*key, "us-east-1", port).requests("/createStream", bodies):
        if (status := call(http.client.HTTPConnection("127.0.0.1", port, timeout=30), request)) not in (200, 400):
            raise RuntimeError(f"a create was answered {status}")


def call(connection: http.client.HTTPConnection, request: bytes) -> int:
    """Sends a whole request that was signed before."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    connection.request("POST", first.split()[1], body, dict(line.split(": ", 1) for line in lines))
    answer = connection.getresponse()
    answer.read()
    return answer.status


def attack(bench, server: Weir, attacker: tuple[str, str], victim: tuple[str, str], bodies: list[bytes]) -> None:
    """The share of its calls that an account which makes so many a second still makes, while another account calls as fast as it can from 32
    connections, and while one address sends signatures of keys that nobody has."""
    wrong = ("AKIA" + "NOBODY" * 2 + "ABCD", "x" * 40)
    for kind, key in (("another account at full speed", attacker), ("signatures of nobody at full speed", wrong)):
        for _ in range(bench.rounds):
            alone = paced(server.port, signed(victim, server.port, bodies), bench.seconds)
            flood = multiprocessing.get_context("fork").Process(
                target=flooding, args=(server.port, signed(key, server.port, bodies), bench.seconds + 2), daemon=True)
            flood.start()
            time.sleep(1)
            beside = paced(server.port, signed(victim, server.port, bodies), bench.seconds)
            flood.join()
            bench.report.compare(f"calls of an account beside {kind}", 0.8, beside / alone)


def flooding(port: int, requests: list[bytes], seconds: int) -> None:
    """Whatever it is answered."""
    try:
        play(port, requests, seconds, strict=False)
    except RuntimeError:
        pass


def paced(port: int, requests: list[bytes], seconds: int) -> float:
    """Calls a second that were answered 200, by connections each of which makes its next call when it is time, or as soon as it can."""
    answered = [0] * PACED
    end = time.monotonic() + seconds

    def run(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        due, place = time.monotonic(), number
        while (now := time.monotonic()) < end:
            if now < due:
                time.sleep(due - now)
            due += PACED / RATE
            answered[number] += call(connection, requests[place % len(requests)]) == 200
            place += PACED
        connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(PACED)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(answered) / seconds
