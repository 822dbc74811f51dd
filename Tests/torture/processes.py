"""Programs that a run starts and, whatever happens, stops again by their process ids."""

import atexit
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

DEADLINE = 60.0
_running: list["Process"] = []


def free_port(host="127.0.0.1"):
    with socket.socket() as listener:
        listener.bind((host, 0))
        return listener.getsockname()[1]


def clean_environment(**more):
    """This process's environment without what would configure a server or an SDK behind the run's back."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WEIR_", "AWS_", "PG"))}
    return kept | more


def until(condition, what, deadline=DEADLINE, pause=0.02):
    """Waits until `condition()` is true and returns its value; raises after the deadline."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"not within {deadline:.0f} s: {what}")
        time.sleep(pause)


def run(*arguments, user=None, **environment):
    """Runs a program to its end and answers what it printed; raises with its errors where it failed."""
    done = subprocess.run(
        [str(argument) for argument in arguments], env=clean_environment(**environment), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=DEADLINE, **as_user(user))
    if done.returncode != 0:
        raise RuntimeError(f"{arguments[0]} failed with {done.returncode}:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout


def as_user(user):
    """What makes a program run as another user, where this one may do so."""
    return {"user": user, "group": user, "extra_groups": []} if user and os.geteuid() == 0 else {}


class Process:
    """A program that runs until it is stopped, in a session of its own: Ctrl-C ends the run, which ends the program in its order."""

    def __init__(self, arguments, log, environment=None, user=None, cwd=None, **options):
        self.log = Path(log)
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [str(argument) for argument in arguments], stdin=options.pop("stdin", subprocess.DEVNULL),
                stdout=options.pop("stdout", out), stderr=out, env=clean_environment(**(environment or {})), cwd=cwd,
                start_new_session=True, **as_user(user), **options)
        _running.append(self)

    @property
    def id(self):
        return self._process.pid

    @property
    def streams(self):
        return self._process.stdin, self._process.stdout

    @property
    def is_running(self):
        return self._process.poll() is None

    @property
    def code(self):
        """The code that it ended with, negative for a signal; None while it runs."""
        return self._process.poll()

    def send(self, number):
        if self.is_running:
            self._process.send_signal(number)

    def end(self, number=signal.SIGTERM, deadline=30.0):
        """Ends it by a signal, or by a harder one after the deadline; returns its code."""
        if self in _running:
            _running.remove(self)
        self.send(number)
        try:
            return self._process.wait(deadline)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def processor_seconds(self):
        """Processor time that it has used, in the kernel too."""
        return processor_seconds(self.id)

    def tail(self, size=2000):
        return self.log.read_text(errors="replace")[-size:]


def processor_seconds(process_id):
    fields = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stop_everything():
    for process in reversed(_running.copy()):
        process.send(signal.SIGCONT)
        process.end(deadline=15)


class Repeated:
    """A thread that does something about every so many seconds until it is stopped."""

    def __init__(self, seconds, action):
        self._seconds, self._action = seconds, action
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(self._seconds):
            self._action()

    def stop(self):
        self._stop.set()
        self._thread.join(DEADLINE)


atexit.register(stop_everything)
