"""Cameras that send media and viewers that follow them, as the SDKs have them do it, each fragment kept in the history.

A camera makes a fragment a second, whether or not it is connected, and keeps it until it was told as PERSISTED; a connection that breaks, says ERROR or
nothing for a while is followed by another one, on which all that was not told is sent again. A viewer reads from the oldest fragment on, and after
whatever ends its connection from the continuation token of the last fragment that it has read whole.
"""

import asyncio
import hashlib
import json
import os
import random
import struct
import sys
import threading
import time
import traceback
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

sys.path.append(str(Path(__file__).resolve().parent.parent / "sdk"))
import media  # noqa: E402
from signing import Credentials, Sender, request_bytes  # noqa: E402

# Another than that of the calls, which so neither list nor count the streams of cameras.
REGION = "eu-west-1"
# Streams that stay while others come and go, of as many as the account may have (workload.STREAM_QUOTA).
MOST_KEPT = 7
BLOCKS = 10
# A camera whose fragments nobody acknowledges for so many seconds connects anew.
STALE = 15.0
# A viewer that is sent nothing for so long does too: GetMedia ends by itself before.
SILENCE = 15.0
ENDS = {media.EBML, media.SEGMENT} | media.TOP


class Broken(Exception):
    """A connection is over, for whatever reason."""


class Body:
    """The bytes of an answer, one after the other, whatever chunks they come in."""

    def __init__(self, reader, headers):
        self._reader = reader
        self._is_chunked = headers.get("transfer-encoding") == "chunked"
        self._left = int(headers.get("content-length", 0))
        self._kept = bytearray()
        self._is_over = False

    async def _more(self):
        if self._is_over:
            return False
        if not self._is_chunked:
            part = await self._reader.readexactly(self._left)
            self._is_over = True
        else:
            size = int(await self._reader.readline(), 16)
            part = await self._reader.readexactly(size)
            await self._reader.readexactly(2)
            self._is_over = size == 0
        self._kept += part
        return bool(part)

    async def take(self, count):
        """So many bytes; raises EOFError where the answer ends before."""
        while len(self._kept) < count:
            if not await self._more():
                raise EOFError()
        part = bytes(self._kept[:count])
        del self._kept[:count]
        return part

    async def rest(self):
        while await self._more():
            pass
        return bytes(self._kept)


async def element(body):
    """The head of an element: its id, and its size or None."""
    identifier = await body.take(1)
    identifier += await body.take(8 - identifier[0].bit_length())
    size = await body.take(1)
    width = 9 - size[0].bit_length()
    size += await body.take(width - 1)
    value = int.from_bytes(size, "big") & (1 << 7 * width) - 1
    return identifier.hex().upper(), None if value == (1 << 7 * width) - 1 else value


async def fragments(body):
    """(number, timecode, digest) of each fragment of an answer of GetMedia, as soon as it is whole."""
    document, following = media.Document(), None
    while True:
        try:
            identifier, size = following or await element(body)
        except EOFError:
            return
        following = None
        if identifier == media.EBML:
            await body.take(size)
            document = media.Document()
        elif identifier == media.SEGMENT:
            pass
        elif identifier == media.CLUSTER:
            if size is not None:
                media.read_cluster(await body.take(size), document)
            while size is None and following is None:
                child, length = await element(body)
                if child in ENDS:
                    following = child, length
                else:
                    media.read_cluster(media.element(child, await body.take(length), 8), document)
        elif identifier == media.TAGS:
            document.tags.append(list(media.pairs(await body.take(size))))
            found = document.all
            if "AWS_KINESISVIDEO_ERROR_CODE" in found:
                raise Broken(found["AWS_KINESISVIDEO_ERROR_CODE"])
            if "AWS_KINESISVIDEO_CONTINUATION_TOKEN" in found and document.blocks:
                yield document.number, document.timecode, digest_of(document)
        else:
            await body.take(size)


def digest_of(document):
    """What a fragment's frames come to, however its cluster was written."""
    digest = hashlib.md5(str(document.timecode).encode())
    for track, at, flags, data in document.blocks:
        digest.update(struct.pack(">BhB", track, at, flags))
        digest.update(data)
    return digest.hexdigest()


def fragment(timecode, size, filler):
    """A cluster that no other is like, and its digest."""
    mark, parts, document = os.urandom(16), [], media.Document(timecode=timecode)
    for place in range(BLOCKS):
        at, flags = place * 1000 // BLOCKS, 0 if place else 0x80
        data = mark + filler[:max(size // BLOCKS - 16, 0)]
        document.blocks.append((1, at, flags, data))
        parts.append(media.element("A3", b"\x81" + struct.pack(">hB", at, flags) + data, 8))
    cluster = bytes.fromhex("1F43B675") + media.UNKNOWN + media.element("E7", timecode.to_bytes(8, "big")) + b"".join(parts)
    return cluster, digest_of(document)


class Camera:
    """A stream, what of its media is not told as PERSISTED yet, and where it is sent to at the moment."""

    def __init__(self, name, number):
        self.name, self.number, self.arn = name, number, None
        # Who signs like it: the C core or the SDK for Java.
        self.form = "java" if number % 2 else "c"
        self.unacknowledged = OrderedDict()
        self.last = None
        self.is_on = True
        self.port = None
        self.tasks = []


class Cameras:
    """All cameras and viewers, in a thread of their own from start to stop.

    ports: what a camera, and its viewer, connect to, the first one as long as it is there. bytes: of a fragment. lasting: no stream is deleted
    before the end.
    """

    def __init__(self, stack, history, seed, count, ports=None, size=20_000, lasting=False):
        self._stack, self._history, self._count, self._size, self._lasting = stack, history, count, size, lasting
        self._ports = ports or (lambda camera: ([stack.port], [stack.port]))
        self._chance = random.Random(f"{seed}-cameras")
        self._filler = self._chance.randbytes(size)
        self._credentials = Credentials(*stack.key)
        self._is_over = False
        self._number = 0
        self.cameras = []
        self.broken = []
        self.result = {}
        self._loop = asyncio.new_event_loop()
        self._finish = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="cameras", daemon=True)

    def start(self):
        self._thread.start()

    def stop(self, sweep=True, deadline=600):
        """Has all media that was made arrive and be read, reads everything once more, deletes the streams, and ends."""
        self._sweep = sweep
        self._loop.call_soon_threadsafe(self._finish.set)
        self._thread.join(deadline)
        if self._thread.is_alive():
            self.broken.append("the cameras do not end")
        return self.result

    def _run(self):
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._all())
        except Exception as error:
            self.broken.append(f"cameras: {error!r}\n{traceback.format_exc()}")
        finally:
            self._loop.close()

    async def _all(self):
        lives = [asyncio.create_task(self._place(number)) for number in range(self._count)]
        await self._finish.wait()
        self._is_over = True
        await asyncio.gather(*lives)
        await self._look_once_more()
        for camera in self.cameras:
            for task in camera.tasks:
                task.cancel()
        await asyncio.gather(*(self._delete(camera) for camera in self.cameras))
        if self._sweep:
            self.result["left"] = await asyncio.to_thread(self._wait_for_the_sweep)

    # MARK: Calls

    async def _call(self, operation, body, port=None):
        """Status and body of a call, with another try where there is no instance for it."""
        path = "/" + operation[0].lower() + operation[1:]
        for attempt in range(60):
            if attempt:
                await asyncio.sleep(0.5)
            try:
                async with asyncio.timeout(30):
                    status, _, answer, writer = await self._request(port or self._stack.port, path, body)
                    content = await answer.rest()
                    writer.close()
            except (OSError, EOFError, TimeoutError, ValueError, asyncio.IncompleteReadError):
                continue
            if status < 500:
                return status, content
        raise Broken(f"{operation} gets no answer")

    async def _request(self, port, path, body):
        """Sends a signed request; returns status, headers, body and the connection."""
        sender = Sender(port, self._credentials, REGION)
        method, target, headers, body = sender.signed(path, json.dumps(body).encode(), {"Content-Type": "application/json", "Connection": "close"})
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        writer.write(request_bytes(method, target, headers, body))
        return *await head_of(reader), writer

    # MARK: A camera's life

    async def _place(self, number):
        """One camera after the other, each with a viewer, for half a minute or more, or one for ever."""
        while not self._is_over:
            self._number += 1
            camera = Camera(f"camera-{number}-{self._number}", number)
            if not await self._create(camera):
                return
            self.cameras.append(camera)
            camera.tasks = [asyncio.create_task(self._guarded(self._send_for_ever(camera))), asyncio.create_task(self._guarded(self._view(camera)))]
            made = asyncio.create_task(self._make(camera))
            seconds = float("inf") if self._lasting else self._chance.uniform(20, 60)
            end = time.monotonic() + seconds
            while not self._is_over and time.monotonic() < end:
                await asyncio.sleep(0.2)
            camera.is_on = False
            await made
            if self._is_over or (self._chance.random() < 0.3 and len(self.cameras) < MOST_KEPT):
                # It stays as it is, to be looked at in the end.
                continue
            for task in camera.tasks:
                task.cancel()
            self.cameras.remove(camera)
            await self._delete(camera)

    async def _guarded(self, body):
        try:
            await body
        except Exception as error:
            self.broken.append(f"a camera or viewer ended: {error!r}\n{traceback.format_exc()}")

    async def _create(self, camera):
        for _ in range(400):
            status, content = await self._call("DescribeStream", {"StreamName": camera.name})
            found = json.loads(content).get("StreamInfo", {}) if status == 200 else {}
            if found.get("Status") == "ACTIVE":
                camera.arn = found["StreamARN"]
                return True
            # Refused while those that are being deleted are among the streams that the account may have.
            if not found:
                await self._call("CreateStream", {"StreamName": camera.name, "DataRetentionInHours": 24})
            await asyncio.sleep(0.1)
        self.broken.append(f"{camera.name} does not become ACTIVE")
        return False

    async def _delete(self, camera):
        self._history.add(kind="stream-deleted", stream=camera.arn, time=time.monotonic())
        for _ in range(200):
            status, content = await self._call("DescribeStream", {"StreamARN": camera.arn})
            if status == 404:
                return
            if status == 200 and json.loads(content)["StreamInfo"]["Status"] == "ACTIVE":
                await self._call("DeleteStream", {"StreamARN": camera.arn})
            await asyncio.sleep(0.3)
        self.broken.append(f"{camera.name} is not deleted within a minute")

    async def _make(self, camera):
        """A fragment a second."""
        due = time.monotonic() + self._chance.random()
        while camera.is_on:
            await asyncio.sleep(max(due - time.monotonic(), 0))
            due += 1
            timecode = max(media.now_ms(), (camera.last or 0) + 1)
            camera.last = timecode
            cluster, digest = fragment(timecode, self._size, self._filler)
            self._history.add(kind="made", stream=camera.arn, timecode=timecode, digest=digest, time=time.monotonic())
            camera.unacknowledged[timecode] = (cluster, digest)

    # MARK: Sending

    async def _send_for_ever(self, camera):
        tried = 0
        while camera.is_on or camera.unacknowledged or not self._is_over:
            ports = self._ports(camera)[0]
            camera.port = ports[tried % len(ports)]
            try:
                reason = await self._session(camera)
                tried = 0
            except (OSError, EOFError, TimeoutError, ValueError, asyncio.IncompleteReadError, Broken) as error:
                reason = repr(error)
                tried += 1
            self._history.add(kind="session", stream=camera.arn, port=camera.port, reason=reason, time=time.monotonic())
            await asyncio.sleep(0.1 + 0.4 * self._chance.random())

    async def _session(self, camera):
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", camera.port, limit=1 << 20)
        try:
            server = SimpleNamespace(port=camera.port)
            given = {"x-amzn-fragment-timecode-type": "ABSOLUTE", "x-amzn-producer-start-timestamp": str(time.time()),
                     "x-amzn-stream-name": camera.name}
            writer.write(media.signed_head(server, self._credentials, camera.form, given, {}, region=REGION))
            async with asyncio.timeout(10):
                status, headers, body = await head_of(reader)
                if status != 200:
                    raise Broken(f"{status} {(await body.rest())[:200]}")
            begun = {}
            acknowledged = SimpleNamespace(at=time.monotonic())
            listening = asyncio.create_task(self._acknowledgements(camera, body, begun, acknowledged))
            try:
                chunk(writer, media.head())
                while True:
                    for timecode in [each for each in camera.unacknowledged if each not in begun]:
                        if timecode not in camera.unacknowledged:
                            continue
                        begun[timecode] = time.monotonic()
                        chunk(writer, camera.unacknowledged[timecode][0])
                        chunk(writer, media.end_of_fragment())
                        async with asyncio.timeout(STALE):
                            await writer.drain()
                    if listening.done():
                        return listening.result()
                    if camera.unacknowledged and time.monotonic() - acknowledged.at > STALE:
                        raise Broken("no acknowledgement")
                    if not camera.unacknowledged:
                        acknowledged.at = time.monotonic()
                    await asyncio.wait([listening], timeout=0.05)
            finally:
                listening.cancel()
        finally:
            writer.close()

    async def _acknowledgements(self, camera, body, begun, acknowledged):
        kept = b""
        while True:
            try:
                kept += await body.take(1)
                kept += bytes(body._kept)
                body._kept.clear()
            except EOFError:
                return "ended"
            *lines, kept = kept.split(b"\n")
            for line in filter(bytes.strip, lines):
                found = json.loads(line)
                acknowledged.at = time.monotonic()
                if found["EventType"] == "ERROR":
                    raise Broken(f"ERROR {found.get('ErrorCode')}")
                if found["EventType"] == "PERSISTED" and found["FragmentTimecode"] in begun:
                    timecode = found["FragmentTimecode"]
                    _, digest = camera.unacknowledged.pop(timecode, (None, None))
                    self._history.add(
                        kind="persisted", stream=camera.arn, number=found["FragmentNumber"], timecode=timecode, digest=digest,
                        begun=begun[timecode], time=time.monotonic())

    # MARK: Viewing

    async def _view(self, camera):
        token, tried = None, 0
        camera.read = None
        while True:
            ports = self._ports(camera)[1]
            ports = [port for port in ports if port != camera.port] or ports
            port = ports[tried % len(ports)]
            selector = {"StartSelectorType": "CONTINUATION_TOKEN", "ContinuationToken": token} if token else {"StartSelectorType": "EARLIEST"}
            reason = "ended"
            writer = None
            try:
                async with asyncio.timeout(10):
                    status, _, body, writer = await self._request(port, "/getMedia", {"StreamARN": camera.arn, "StartSelector": selector})
                    if status != 200:
                        raise Broken(f"{status} {(await body.rest())[:200]}")
                tried = 0
                found = fragments(body)
                while True:
                    async with asyncio.timeout(SILENCE):
                        one = await anext(found, None)
                    if one is None:
                        break
                    token, timecode, digest = one
                    camera.read = token
                    self._history.add(
                        kind="read", stream=camera.arn, number=token, timecode=timecode, digest=digest, time=time.monotonic())
            except (OSError, EOFError, TimeoutError, ValueError, asyncio.IncompleteReadError, Broken) as error:
                reason = repr(error)
                tried += 1
            finally:
                if writer:
                    writer.close()
            self._history.add(kind="viewed", stream=camera.arn, port=port, reason=reason, time=time.monotonic())
            await asyncio.sleep(0.1 + 0.3 * self._chance.random())

    # MARK: The end

    async def _look_once_more(self):
        """Waits until all that was made is told and read, and reads what is listed of each stream."""
        end = time.monotonic() + 90
        while any(camera.unacknowledged for camera in self.cameras) and time.monotonic() < end:
            await asyncio.sleep(0.2)
        self.broken += [
            f"{camera.name}: {len(camera.unacknowledged)} fragments are not PERSISTED, 90 s after everything was healed"
            for camera in self.cameras if camera.unacknowledged]
        streams = self.result["streams"] = {}
        for camera in self.cameras:
            listed = []
            page = {"StreamARN": camera.arn, "MaxResults": 1000}
            while page:
                status, content = await self._call("ListFragments", page)
                if status != 200:
                    raise Broken(f"ListFragments: {status} {content[:300]}")
                answer = json.loads(content)
                listed += [found["FragmentNumber"] for found in answer["Fragments"]]
                page = answer.get("NextToken") and {"NextToken": answer["NextToken"]}
            kept = []
            for first in range(0, len(listed), 100):
                part = listed[first:first + 100]
                status, content = await self._call("GetMediaForFragmentList", {"StreamARN": camera.arn, "Fragments": part})
                if status != 200:
                    raise Broken(f"GetMediaForFragmentList: {status} {content[:300]}")
                kept += [(document.number, digest_of(document)) for document in media.documents(content) if document.blocks]
            while listed and (camera.read or "") < max(listed) and time.monotonic() < end + 60:
                await asyncio.sleep(0.2)
            streams[camera.arn] = {"listed": sorted(listed), "kept": kept, "read": camera.read}
        self.result["extents"] = self._stack.postgres.rows("extent")

    def _wait_for_the_sweep(self):
        """What of the streams is left in the store, once the hours have passed after which it is to be gone: they are made to pass. Instances look
        about once a minute."""
        end = time.monotonic() + 300
        while True:
            self._stack.postgres.sql("UPDATE pack SET created_at = created_at - 10800000, check_at = 0, claimed_until = 0")
            left = self._stack.store.keys()
            if not left or time.monotonic() > end:
                return left
            time.sleep(5)


async def head_of(reader):
    """Status, headers and body of an answer."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
    return int(lines[0].split()[1]), headers, Body(reader, headers)


def chunk(writer, data):
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))


def let_time_pass(stack):
    """Has packs be old enough to be put together, which otherwise takes ten minutes."""
    try:
        stack.postgres.sql(
            "UPDATE pack SET created_at = created_at - 700000 WHERE state = 'OPEN' AND committed_bytes > 0 AND created_at > now_ms() - 600000")
    except (RuntimeError, OSError):
        pass
