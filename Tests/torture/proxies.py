"""TCP proxies that hurt connections right where it matters: they are cut when a request has been passed on and its answer has not, refused in the
server's name, slow, or silent.

They run in a process of their own, so that clients that are busy do not slow them down. It is told what to do line by line.
"""

import asyncio
import json
import random
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from processes import Process

METHODS = {b"GET", b"HEAD", b"PUT", b"POST", b"DELETE"}
ERRORS = [
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
]


@dataclass
class Link:
    """Connections to `host` and `port` are passed on to `target_host` and `target_port`."""

    name: str
    host: str
    port: int
    target_host: str
    target_port: int
    # What a request begins with; what begins otherwise is passed on and never cut.
    begins: str = ""


class Proxies:
    """The process that holds all links, from the outside."""

    def __init__(self, links, folder, seed):
        self._process = Process(
            [sys.executable, "-B", __file__, str(seed)], Path(folder) / "proxies.log", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._ask({"links": [asdict(link) for link in links]})

    def cut(self, name, way, share):
        """From now on this share of the requests on a link lose their connection: in the way `sent`, once they have been passed on; in the way
        `answered`, once the answer to them begins to come back. In the way `refused` they are answered by an error 500 or 503 and get no further. In
        the way `slow` each piece waits for up to so many seconds, and in the way `silent` for the end of that."""
        self._ask({"cut": name, "way": way, "share": share})

    def heal(self, name):
        """Ends that, and returns how many connections were hurt."""
        return self._ask({"heal": name})

    def refuse(self, name):
        """Takes no more connections on a link, as a host does whose server has died."""
        self._ask({"refuse": name})

    def accept(self, name):
        self._ask({"accept": name})

    def _ask(self, question):
        to, answers = self._process.streams
        to.write(json.dumps(question) + "\n")
        to.flush()
        answer = answers.readline()
        if not answer:
            raise RuntimeError(f"the proxies have ended:\n{self._process.tail()}")
        return json.loads(answer)

    def stop(self):
        self._process.end()
        for stream in self._process.streams:
            stream.close()


class _Relay:
    """A link, from the inside."""

    def __init__(self, link, chance):
        self.link, self._chance = link, chance
        self._server = None
        self.way, self.share, self.cuts = None, 0.0, 0
        self.healed = asyncio.Event()

    async def accept(self):
        if not self._server:
            self._server = await asyncio.start_server(self._serve, self.link.host, self.link.port, backlog=512)

    def refuse(self):
        if self._server:
            self._server.close()
            self._server = None

    async def _serve(self, client_reader, client_writer):
        try:
            server_reader, server_writer = await asyncio.open_connection(self.link.target_host, self.link.target_port)
        except OSError:
            client_writer.transport.abort()
            return
        state = _Connection()
        await asyncio.gather(
            self._pass(client_reader, server_writer, client_writer, state, True),
            self._pass(server_reader, client_writer, server_writer, state, False))

    async def _pass(self, reader, writer, other, state, is_request):
        begins = self.link.begins.encode()
        try:
            while data := await reader.read(65536):
                if state.is_cut:
                    break
                if state.is_refused:
                    continue
                if self.way in ("slow", "silent"):
                    self.cuts += is_request
                    await self._wait()
                if is_request and self.way == "refused" and data.split(b" ", 1)[0] in METHODS and self._chance.random() < self.share:
                    state.is_refused = True
                    self.cuts += 1
                    other.write(self._chance.choice(ERRORS))
                    await other.drain()
                    other.write_eof()
                    continue
                if not is_request and state.cuts_answer:
                    self._cut(state, writer, other)
                    break
                writer.write(data)
                await writer.drain()
                if is_request and self.way in ("sent", "answered") and data.startswith(begins) and self._chance.random() < self.share:
                    if self.way == "answered":
                        state.cuts_answer = True
                    else:
                        self._cut(state, writer, other)
                        break
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            try:
                if writer.can_write_eof():
                    writer.write_eof()
                writer.close()
            except (OSError, RuntimeError):
                pass

    async def _wait(self):
        if self.way == "slow":
            await asyncio.sleep(self._chance.random() * self.share)
        else:
            await self.healed.wait()

    def _cut(self, state, writer, other):
        state.is_cut = True
        self.cuts += 1
        for end in (writer, other):
            end.transport.abort()


class _Connection:
    is_cut = False
    cuts_answer = False
    # Answered by an error: what else comes is read and forgotten.
    is_refused = False


async def _run(seed):
    chance = random.Random(seed)
    relays = {}
    loop = asyncio.get_running_loop()
    questions = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(questions), sys.stdin)
    while line := await questions.readline():
        answer = None
        match json.loads(line):
            case {"links": links}:
                for link in links:
                    relay = relays[link["name"]] = _Relay(Link(**link), chance)
                    await relay.accept()
            case {"cut": name, "way": way, "share": share}:
                relay = relays[name]
                relay.way, relay.share, relay.cuts = way, share, 0
                relay.healed.clear()
            case {"heal": name}:
                relays[name].way = None
                relays[name].healed.set()
                answer = relays[name].cuts
            case {"refuse": name}:
                relays[name].refuse()
            case {"accept": name}:
                await relays[name].accept()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1]))
