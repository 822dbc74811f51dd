"""Every command on the pages: run as a reader would, one page after the other, each in a folder of its own with a server of its own.

A block that is marked `sh` or `python` is run; `sh background` runs beside those that follow; `sh not-run: WHY` is not, and says why. There is no other block
with commands."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deployment import DEADLINE, Database, Server, binary, clean_environment

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "ops" / "runbook.md", *(ROOT / "docs").glob("*.md")])
PROSE = {"text", "json", "yaml", "hcl", "ini", "sql"}


def blocks(page):
    """The fenced blocks of a page: their mark and their text."""
    return [(mark.strip(), text) for mark, text in re.findall(r"^```([^\n]*)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_are_marked(page):
    text = page.read_text()
    for mark, _ in blocks(page):
        kind, _, rest = mark.partition(" ")
        assert kind in PROSE and not rest or mark in ("sh", "python", "sh background") or re.fullmatch(r"sh not-run: \w.{8,}", mark), mark
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert not re.search(r"^    \S", outside, re.MULTILINE), "an indented block has no mark"
    # Whom it is for.
    assert page.name == "README.md" or re.match(r"# .*\n\n\*For ", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target, _, anchor in (link.partition("#") for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text())):
        if "://" in target:
            continue
        path = (page.parent / target) if target else page
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, f"{target}#{anchor}"


def test_the_front_page_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130


def script(page, port):
    """The commands of a page as one script. Each block that fails ends it, with its number."""
    lines = [
        "set -uo pipefail",
        # A machine with little room is told so, by 1: that is no fault of the page.
        'weir() { command weir "$@" || { local code=$?; [[ ${1:-} == doctor && $code == 1 ]] || return "$code"; }; }',
    ]
    for number, (mark, text) in enumerate(blocks(page), 1):
        text = text.replace("127.0.0.1:7080", f"127.0.0.1:{port}")
        failed = f"|| {{ echo 'block {number} failed' >&2; exit 1; }}"
        if mark == "sh background":
            lines.append(f"(\n{text.strip()}\n) &")
        elif mark == "sh":
            # In braces, so that what it exports lasts; the first failing line ends it.
            commands = [command for command in re.split(r"\n(?=\S)", text.strip()) if not command.startswith("#")]
            lines += joined(commands, failed)
        elif mark == "python":
            lines.append(f"{sys.executable} - {failed} <<'PYTHON'\n{text}PYTHON")
    return "\n".join(lines) + "\n"


def joined(commands, failed):
    """Each command, which may go over several lines, with what happens where it fails."""
    made, open_command = [], ""
    for command in commands:
        open_command = f"{open_command}\n{command}" if open_command else command
        whole = subprocess.run(["bash", "-n", "-c", open_command], capture_output=True, timeout=DEADLINE).returncode == 0
        if whole and not open_command.endswith("\\"):
            made.append(f"{{ {open_command}\n}} {failed}")
            open_command = ""
    assert not open_command, open_command
    return made


@pytest.mark.parametrize("page", [page for page in PAGES if any(mark in ("sh", "python") for mark, _ in blocks(page))], ids=lambda page: page.name)
def test_commands_work(page, tmp_path):
    folder = tmp_path / "weir-data"
    folder.mkdir(mode=0o700)
    server = Server(folder, Database("sqlite", folder), port=0)
    try:
        (tmp_path / "ops").symlink_to(ROOT / "ops")
        # With port 0 the server cannot know what to write there.
        credentials = folder / "credentials"
        credentials.write_text(credentials.read_text().rstrip("\n") + f"\nendpoint_url = {server.endpoint}\n")
        path = f"{Path(binary()).parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = clean_environment(PATH=path, HOME=str(tmp_path), AWS_PAGER="", WEIR_PORT=str(server.port))
        if "export AWS_SHARED_CREDENTIALS_FILE" not in page.read_text():
            environment |= {"AWS_SHARED_CREDENTIALS_FILE": str(credentials), "AWS_PROFILE": "weir"}
        # Into a file: what runs in the background holds a pipe open.
        with open(tmp_path / "output", "w+", encoding="utf-8") as output:
            process = subprocess.Popen(
                ["bash", "-c", script(page, server.port)], cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True)
            try:
                code = process.wait(2 * DEADLINE)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            output.seek(0)
            assert code == 0, output.read()
    finally:
        server.kill()


@pytest.mark.parametrize("command", sorted(path for folder in ("ops", "scripts") for path in (ROOT / folder).iterdir() if os.access(path, os.X_OK) and
                                           path.is_file()), ids=lambda command: command.name)
def test_scripts_explain_themselves(command, tmp_path):
    """Before they install or build anything: here is neither a toolchain nor a way to get one."""
    done = subprocess.run([command, "--help"], cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=DEADLINE)
    assert done.returncode == 0 and f"{command.parent.name}/{command.name}" in done.stdout and not done.stderr, done
    assert not list(tmp_path.iterdir())


def test_the_tests_of_the_threat_model_exist():
    page = (ROOT / "docs" / "threat-model.md").read_text()
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", page)
    assert len(named) >= 20
    for file, name in named:
        assert re.search(rf"^def {name}\(", (ROOT / "Tests" / "sdk" / file).read_text(), re.M), f"{file}::{name}"
    suites = set(re.findall(r"`(\w+Tests)`", page))
    assert suites
    for suite in suites:
        assert list((ROOT / "Tests").glob(f"*/{suite}.swift")), suite
