"""Clients that take too long to send a request, watched in the background while other tests run: the limits are long."""

import selectors
import tempfile
import threading
import time

from deployment import Deployments
from signing import connect

LIMIT = 30.0
IDLE_LIMIT = 75.0
PATIENCE = IDLE_LIMIT + 10


class SlowClients:
    """Each client sends the start of a good request, then one byte every few seconds or nothing; keeps what comes back, and when."""

    def __init__(self):
        self.answers = {}
        self._folder = tempfile.TemporaryDirectory(prefix="weir-slow-")
        self._deployments = Deployments("sqlite", self._folder.name)
        server = self._deployments.server()
        with server.sender() as sender:
            whole = sender.raw("/listStreams", {"MaxResults": 1})
        head = whole.index(b"\r\n\r\n")
        # Name: what is sent at once, and what dribbles.
        self._clients = {
            "body that stops": (whole[:-3], b""),
            "body that dribbles": (whole[:-14], whole[-14:-1]),
            "head that stops": (whole[:head // 2], b""),
            "head that dribbles": (whole[:head // 2], whole[head // 2:head - 10]),
        }
        self._port = server.port
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        selector = selectors.DefaultSelector()
        begun = time.monotonic()
        rest = {}
        for name, (start, dribble) in self._clients.items():
            connection = connect(self._port)
            connection.sendall(start)
            selector.register(connection, selectors.EVENT_READ, name)
            rest[name] = dribble
        try:
            while len(self.answers) < len(rest) and time.monotonic() - begun < PATIENCE:
                for key, _ in selector.select(timeout=3.5):
                    try:
                        answer = key.fileobj.recv(65536)
                    except ConnectionError:
                        answer = b""
                    self.answers[key.data] = time.monotonic() - begun, answer
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                for key in list(selector.get_map().values()):
                    if rest[key.data]:
                        try:
                            key.fileobj.sendall(rest[key.data][:1])
                        except ConnectionError:
                            continue
                        rest[key.data] = rest[key.data][1:]
        finally:
            for key in list(selector.get_map().values()):
                key.fileobj.close()
            selector.close()

    def wait(self):
        self._thread.join(PATIENCE + 10)
        return self.answers

    def close(self):
        self._thread.join(PATIENCE + 10)
        self._deployments.close()
        self._folder.cleanup()
