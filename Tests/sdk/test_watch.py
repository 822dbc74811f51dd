"""`weir media watch` and its page, in Chromium: live without a hole, what is stored by a click, gaps, and links that no longer hold."""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from browser import chromium
from calls import fresh, wait_active
from deployment import until
from test_media_command import FFMPEG, run, start
from test_playback import eventually, fetch, listed

# What the browser tells of itself before the page's own program runs.
LISTENING = """window.faults = [];
addEventListener("securitypolicyviolation", event => faults.push(event.violatedDirective + " " + event.blockedURI));
addEventListener("error", event => faults.push(event.message));
addEventListener("unhandledrejection", event => faults.push(String(event.reason)));"""
COLOUR = """(() => {
  const canvas = document.createElement("canvas"), paint = canvas.getContext("2d"), video = document.querySelector("video")
  canvas.width = canvas.height = 8
  paint.drawImage(video, 0, 0, 8, 8)
  const [red, green, blue] = paint.getImageData(4, 4, 1, 1).data
  return red > green + blue ? "red" : green > red + blue ? "green" : blue > red + green ? "blue" : "none"
})()"""
BUFFERED = "(b => Array.from({ length: b.length }, (_, i) => [b.start(i), b.end(i)]))(document.querySelector('video').buffered)"


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Films of one colour each with a tone, a fragment a second, of the last one four."""
    folder = tmp_path_factory.mktemp("films")
    found = {}
    for colour, seconds, key in (("red", 4, 24), ("blue", 4, 24), ("lime", 24, 6)):
        found[colour] = folder / f"{colour}.mkv"
        subprocess.run([*FFMPEG, "-f", "lavfi", "-i", f"color={colour}:s=160x96:r=24:d={seconds}", "-f", "lavfi", "-i", f"sine=440:r=48000:d={seconds}",
                        "-c:v", "libx264", "-preset", "veryfast", "-g", str(key), "-keyint_min", str(key), "-pix_fmt", "yuv420p", "-c:a", "aac", str(found[colour])],
                       check=True, timeout=60)
    return found


@pytest.fixture
def stream():
    def make(server):
        name = fresh("stream")
        server.client().create_stream(StreamName=name, DataRetentionInHours=24)
        wait_active(server.client(), name)
        return name

    return make


def link(server, stream, *words):
    code, output, errors = run(server, "watch", "--stream", stream, *words)
    assert code == 0, errors
    return output.decode().strip()


def put(server, stream, film, start):
    code, _, errors = run(server, "put", "--stream", stream, film, "--start", start)
    assert code == 0, errors


def opened(browser, url):
    """Has the browser open a page, listening to what goes wrong from the first moment on."""
    browser.call("Page.enable")
    browser.call("Page.addScriptToEvaluateOnNewDocument", source=LISTENING)
    browser.open(url)


@contextlib.contextmanager
def ahead(deployments, server, offset):
    """The server once more, with a clock that is ahead. The program faketime stays between, and a signal to it does not reach what it started."""
    wrapped = deployments.start(server.folder, server.database, wrapped_by=["faketime", "-f", offset])
    try:
        yield wrapped
    finally:
        pid = wrapped.process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), signal.SIGTERM)
        assert wrapped.process.wait(30) == 0


def text(browser, name):
    return browser(f"document.getElementById({json.dumps(name)}).textContent")


def click(browser, part):
    """Clicks at this part of the timeline's width, as a mouse does."""
    left, top, width, height = browser("(r => [r.left, r.top, r.width, r.height])(document.getElementById('timeline').getBoundingClientRect())")
    for kind in ("mousePressed", "mouseReleased"):
        browser.call("Input.dispatchMouseEvent", type=kind, x=left + part * width, y=top + height / 2, button="left", clickCount=1)


def test_live_and_stored_in_a_browser(sqlite_deployments, stream, films, tmp_path):
    server = sqlite_deployments.server()
    name, begun = stream(server), time.time() - 60
    put(server, name, films["red"], begun)
    put(server, name, films["blue"], begun + 20)
    with start(server, "put", "--stream", name, films["lime"], "--realtime") as producer:
        eventually(lambda: len(listed(server, name)) > 15)
        url = link(server, name)
        assert url.startswith(server.endpoint + "/watch#live=")
        with chromium(tmp_path) as browser:
            opened(browser, url)
            until(lambda: browser(COLOUR) == "green", "what is live is shown")
            until(lambda: browser("document.getElementById('live').getAttribute('aria-pressed')") == "true", "it is told to be live")
            until(lambda: text(browser, "stored").endswith("3 pieces, 2 gaps"), lambda: text(browser, "stored"))
            # Sixty fragments and more, one after the other.
            until(lambda: browser(BUFFERED) and browser(f"{BUFFERED}.at(-1)[1] - {BUFFERED}[0][0]") >= 15.5, lambda: browser(BUFFERED))
            found = browser(BUFFERED)
            assert len(found) == 1, found
            # The timeline shows what is stored, and in between nothing.
            first, last = browser("[stored.segments[0].start, stored.end]")
            at = lambda time: (time * 1000 - first) / (last - first)  # noqa: E731
            shade = "document.getElementById('timeline').getContext('2d').getImageData({} * document.getElementById('timeline').width, {}, 1, 1).data[3]"
            middle = "document.getElementById('timeline').height / 2"
            assert browser(shade.format(at(begun + 2), middle)) == 255 and browser(shade.format(at(begun + 12), middle)) == 0
            # A click goes there; what is played goes on behind the gap.
            click(browser, at(begun + 2))
            until(lambda: browser(COLOUR) == "red", "what was stored first is shown")
            until(lambda: browser("document.getElementById('live').getAttribute('aria-pressed')") == "false", "it is told not to be live")
            until(lambda: browser(COLOUR) == "blue", "the gap is passed")
            for kind in ("keyDown", "keyUp"):
                browser.call("Input.dispatchKeyEvent", type=kind, key="l", text="l" if kind == "keyDown" else "")
            until(lambda: browser(COLOUR) == "green", "what is live is shown again")
            assert browser("faults") == []
        producer.communicate(timeout=60)
    token = parse_qs(urlsplit(url).fragment)["live"][0]
    assert token not in server.log


def test_a_link_that_no_longer_holds(sqlite_deployments, stream, films, tmp_path):
    server = sqlite_deployments.server()
    name, begun = stream(server), time.time() - 60
    put(server, name, films["red"], begun)
    url = link(server, name, "--from", begun - 10, "--to", begun + 10)
    assert "live=" not in url and "recorded=" in url
    server.terminate()
    with ahead(sqlite_deployments, server, "+2h") as later, chromium(tmp_path) as browser:
        message = "document.getElementById('message')?.value ?? ''"
        opened(browser, url.replace(server.endpoint, later.endpoint))
        until(lambda: "expired" in browser(message), lambda: browser(message))
        browser.open(f"{later.endpoint}/watch?#live=x")
        until(lambda: "not valid" in browser(message), lambda: browser(message))
        assert browser("faults") == []


def test_the_page_is_the_same_for_everybody_and_keeps_to_itself(sqlite_deployments, stream):
    server = sqlite_deployments.server()
    for name, kind in (("watch", "text/html"), ("watch.js", "text/javascript"), ("watch.css", "text/css")):
        status, headers, body = fetch(f"{server.endpoint}/{name}")
        assert status == 200 and headers["Content-Type"].startswith(kind) and len(body) > 500
        assert headers["Content-Security-Policy"].startswith(
            "default-src 'none'; script-src 'self'; connect-src 'self'; media-src 'self' blob:; style-src 'self'")
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer" and headers["Cache-Control"] == "no-store"
        # Nothing from outside.
        assert b"http://" not in body and b"https://" not in body and b"//cdn" not in body
    assert fetch(f"{server.endpoint}/watch.png")[0] == 403
    empty = stream(server)
    code, output, errors = run(server, "watch", "--stream", empty)
    assert code == 1 and output == b"" and "nothing of the stream" in errors
    assert run(server, "watch", "--stream", empty, "--expires", 60)[0] == 64
