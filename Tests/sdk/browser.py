"""Debian's Chromium without a screen, driven by its own protocol (DevTools)."""

import base64
import itertools
import json
import shutil
import subprocess
import urllib.request
from contextlib import contextmanager

from websockets.sync.client import connect

from deployment import DEADLINE, until


class Page:
    """A page that is open."""

    def __init__(self, socket):
        self._socket, self._numbers = socket, itertools.count(1)

    def call(self, method, **parameters):
        """Has the browser do something, by the method's name in its protocol."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (message := json.loads(self._socket.recv(DEADLINE))).get("id") != number:
            pass
        assert "result" in message, message
        return message["result"]

    def __call__(self, script):
        """The value of an expression, or of what it promises."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def open(self, url):
        """Leads to a page and waits until it is there."""
        assert "errorText" not in (answer := self.call("Page.navigate", url=url)), answer
        until(lambda: self("document.readyState") == "complete", "the page is there")

    def picture(self):
        """What there is to see, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])


@contextmanager
def chromium(folder):
    """Starts a browser with an empty page; `folder` is for what it writes."""
    program = shutil.which("chromium")
    assert program, "chromium is missing: ops/install test gets it"
    with open(folder / "chromium.log", "w") as log:
        process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-port=0",
             "--allow-loopback-in-peer-connection", "--autoplay-policy=no-user-gesture-required", "--window-size=820,900",
             f"--user-data-dir={folder}/chromium", "about:blank"],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        told = folder / "chromium" / "DevToolsActivePort"
        until(lambda: told.exists() and told.read_text().count("\n") == 1, "the browser listens")
        port = told.read_text().split("\n")[0]

        def target():
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=DEADLINE) as answer:
                found = [each for each in json.load(answer) if each["type"] == "page"]
            return found and found[0]["webSocketDebuggerUrl"]

        until(target, "the page is open")
        with connect(target(), max_size=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait(DEADLINE)
