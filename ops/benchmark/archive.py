"""What is kept for years, made in the index and never sent: rows of packs and extents, and packs that are nothing but the index at their end.
As `Sources/FragmentStore/PackFormat.swift` lays them out."""

import http.client
import json
import os
import random
import sqlite3
import struct
import time
from datetime import datetime, timezone
from pathlib import Path

EXTENT = 600  # Fragments of an extent: one a second for ten minutes.
FIRST_PACK = 1 << 60
FOOTER = 300_000
RETENTION = 87_600


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


TABLE = _table()


def checksum(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def section(stream_id: int, arn: str, start: int, extent: int) -> bytes:
    """What the index of a pack says of the fragments of an extent, the first of which would have the sequence 1 a second after `start`."""
    name = arn.encode()
    parts = [struct.pack("<IIqII", 0x43455357, EXTENT, stream_id, 1, len(name)), name, bytes(32), struct.pack("<qI", 152, 8)]
    for sequence in range(extent * EXTENT + 1, (extent + 1) * EXTENT + 1):
        at = start + sequence * 1000
        parts.append(struct.pack("<qqqIIIIIqI", sequence, at, at - 50, 960, 7, 0, 0, 1, 400, 250_000))
    content = b"".join(parts)
    return content + struct.pack("<I", checksum(content))


class Month:
    """Cameras of a store that is stopped: a pack for each ten minutes, with an extent of each camera, of `days` days until now; and before them those of a day that
    has expired, which are due when that is said."""

    RETENTION = 720
    PACKS_OF_A_DAY = 144
    SLOT = 27_000

    def __init__(self, data: Path, days: int):
        self.data, self.days = data, days
        now = int(time.time() * 1000)
        self.old, self.kept = now - (self.RETENTION + 26) * 3_600_000, now - days * 86_400_000
        self.packs = (days + 1) * self.PACKS_OF_A_DAY
        with open_database(data) as database:
            self.streams = database.execute("SELECT id, stream_arn, name FROM media_stream ORDER BY id").fetchall()
            database.execute(
                f"""WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < {self.packs - 1})
                INSERT INTO pack (id, store_id, tier, retention_hours, state, created_at, committed_bytes, first_server_ms, last_server_ms,
                    check_at, freed)
                SELECT {FIRST_PACK} + i, ?, 'HOT', {self.RETENTION}, 'SEALED', 0, {FOOTER + len(self.streams) * self.SLOT}, 0, 0,
                    9000000000000000000, 0 FROM numbers""", ((data / "media/store").read_text(),))
            span = EXTENT * 1000
            first = (f"CASE WHEN i < {self.PACKS_OF_A_DAY} THEN {self.old} + i * {span} "
                     f"ELSE {self.kept} + (i - {self.PACKS_OF_A_DAY}) * {span} END + 1000")
            for index, (stream_id, arn, _) in enumerate(self.streams):
                database.execute(
                    f"""WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < {self.packs - 1})
                    INSERT INTO extent (stream_id, first_sequence, last_sequence, first_server_ms, last_server_ms, min_producer_ms,
                        max_producer_ms, producer_end_ms, fragments, bytes, gaps, gap_ms, pack_id, footer_at, footer_bytes)
                    SELECT {stream_id}, i * {EXTENT} + 1, (i + 1) * {EXTENT}, first, first + {span - 1000}, first - 50, first + {span - 1050},
                        first + {span - 90}, {EXTENT}, 150000000, 0, 0, {FIRST_PACK} + i, {FOOTER + index * self.SLOT},
                        {len(section(stream_id, arn, 0, 0))} FROM (SELECT i, {first} AS first FROM numbers)""")
            database.execute(
                f"UPDATE media_stream SET sealed_fragments = {self.packs * EXTENT}, sealed_bytes = {self.packs * 150_000_000}")
        for number in range(self.packs):
            self._pack(number).parent.mkdir(parents=True, exist_ok=True)
            self._pack(number).touch()

    @property
    def extents(self) -> int:
        return self.packs * len(self.streams)

    def _pack(self, number: int) -> Path:
        day = datetime.fromtimestamp((FIRST_PACK + number >> 20) / 1000, timezone.utc).strftime("%Y-%m-%d")
        return self.data / f"media/hot/r{self.RETENTION}/{day}/{FIRST_PACK + number:016x}.pack"

    def pages(self, port: int, count: int) -> list[float]:
        """How long pages of 1000 of any camera of the last day take, in milliseconds."""
        connection = http.client.HTTPConnection("127.0.0.1", port)
        found = []
        for _ in range(count):
            index = random.randrange(len(self.streams))
            stream_id, arn, name = self.streams[index]
            number = random.randrange(self.packs - self.PACKS_OF_A_DAY, self.packs - 2)
            # As the sequences of kept packs are counted on from those of the expired ones.
            start = self.kept - self.PACKS_OF_A_DAY * EXTENT * 1000
            for pack in (number, number + 1):
                with self._pack(pack).open("r+b") as file:
                    file.seek(FOOTER + index * self.SLOT)
                    file.write(section(stream_id, arn, start, pack))
            begin = start + (number * EXTENT + random.randrange(1, 200)) * 1000
            body = json.dumps({"StreamName": name, "MaxResults": 1000, "FragmentSelector": {
                "FragmentSelectorType": "SERVER_TIMESTAMP",
                "TimestampRange": {"StartTimestamp": begin / 1000, "EndTimestamp": begin / 1000 + 999}}})
            began = time.monotonic()
            connection.request("POST", "/listFragments", body)
            response = connection.getresponse()
            answer = response.read()
            found.append((time.monotonic() - began) * 1e3)
            assert response.status == 200 and len(json.loads(answer)["Fragments"]) == 1000, answer[:300]
        connection.close()
        return found

    def expire(self) -> float:
        """Says that the first day is due; answers the seconds from the first pack that is gone to the last."""
        first = None
        with open_database(self.data) as database:
            database.execute("UPDATE pack SET check_at = 0 WHERE id < ?", (FIRST_PACK + self.PACKS_OF_A_DAY,))
        while True:
            left = sum(self._pack(number).exists() for number in range(self.PACKS_OF_A_DAY))
            if first is None and left < self.PACKS_OF_A_DAY:
                first = time.monotonic()
            if left == 0:
                return time.monotonic() - first
            time.sleep(0.01)


class Archive:
    """A stream of a store that is stopped, with so many fragments, the last of which is of now."""

    def __init__(self, data: Path, stream: str, fragments: int, first_pack: int = FIRST_PACK):
        self.data, self.name, self.first_pack = data, stream, first_pack
        self.extents = fragments // EXTENT
        self.start = int(time.time() * 1000) - self.extents * EXTENT * 1000
        self._made: set[int] = set()
        with open_database(data) as database:
            self.id, self.arn = database.execute("SELECT id, stream_arn FROM media_stream WHERE name = ?", (stream,)).fetchone()
            size = len(self._section(0))
            database.execute(
                f"""WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < {self.extents - 1})
                INSERT INTO pack (id, store_id, tier, retention_hours, state, created_at, committed_bytes, first_server_ms, last_server_ms,
                    check_at, freed)
                SELECT {first_pack} + i, ?, 'HOT', {RETENTION}, 'SEALED', 0, {FOOTER}, 0, 0, 9000000000000000000, 0 FROM numbers""",
                ((data / "media/store").read_text(),))
            last = f"{self.start} + (i + 1) * {EXTENT * 1000}"
            first = f"{self.start} + (i * {EXTENT} + 1) * 1000"
            database.execute(
                f"""WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < {self.extents - 1})
                INSERT INTO extent (stream_id, first_sequence, last_sequence, first_server_ms, last_server_ms, min_producer_ms,
                    max_producer_ms, producer_end_ms, fragments, bytes, gaps, gap_ms, pack_id, footer_at, footer_bytes)
                SELECT {self.id}, i * {EXTENT} + 1, (i + 1) * {EXTENT}, {first}, {last}, {first} - 50, {last} - 50, {last} + 910, {EXTENT},
                    150000000, 0, 0, {first_pack} + i, {FOOTER}, {size} FROM numbers""")
            database.execute(
                f"UPDATE media_stream SET sealed_fragments = {self.extents * EXTENT}, sealed_bytes = {self.extents * 150_000_000} WHERE id = ?",
                (self.id,))

    def _section(self, extent: int) -> bytes:
        return section(self.id, self.arn, self.start, extent)

    def pack(self, number: int) -> Path:
        day = datetime.fromtimestamp((self.first_pack + number >> 20) / 1000, timezone.utc).strftime("%Y-%m-%d")
        return self.data / f"media/hot/r{RETENTION}/{day}/{self.first_pack + number:016x}.pack"

    def make_packs(self, first: int, last: int) -> None:
        """The packs with the fragments from one sequence to another."""
        for extent in range((first - 1) // EXTENT, min((last - 1) // EXTENT, self.extents - 1) + 1):
            if extent in self._made:
                continue
            self._made.add(extent)
            path = self.pack(extent)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.seek(FOOTER)
                file.write(self._section(extent))

    def pages(self, port: int, count: int) -> tuple[list[float], list[float]]:
        """How long pages of 1000 take that were never read before, by server time and by producer time; in milliseconds."""
        connection = http.client.HTTPConnection("127.0.0.1", port)
        found: dict[str, list[float]] = {"SERVER_TIMESTAMP": [], "PRODUCER_TIMESTAMP": []}
        for selector, shift in (("SERVER_TIMESTAMP", 0), ("PRODUCER_TIMESTAMP", -50)):
            for _ in range(count):
                sequence = random.randrange(1, self.extents * EXTENT - 1000)
                self.make_packs(sequence, sequence + 1000)
                begin = self.start + sequence * 1000 + shift
                body = json.dumps({"StreamName": self.name, "MaxResults": 1000, "FragmentSelector": {
                    "FragmentSelectorType": selector, "TimestampRange": {"StartTimestamp": begin / 1000, "EndTimestamp": begin / 1000 + 999}}})
                began = time.monotonic()
                connection.request("POST", "/listFragments", body)
                response = connection.getresponse()
                answer = response.read()
                found[selector].append((time.monotonic() - began) * 1e3)
                fragments = json.loads(answer)["Fragments"]
                assert response.status == 200 and len(fragments) == 1000, answer[:300]
                assert min(fragment["ServerTimestamp"] for fragment in fragments) == self.start / 1000 + sequence, fragments[0]
        connection.close()
        return found["SERVER_TIMESTAMP"], found["PRODUCER_TIMESTAMP"]


def open_database(data: Path) -> sqlite3.Connection:
    database = sqlite3.connect(data / "weir.db", timeout=30)
    database.execute("PRAGMA synchronous = OFF")
    return database


class Expiring:
    """Packs of a running store that hold nothing but what has expired, and are due when that is said."""

    def __init__(self, data: Path, stream: str, packs: int, megabytes: int):
        self.data, self.packs = data, packs
        day = datetime.fromtimestamp((FIRST_PACK >> 20) / 1000, timezone.utc).strftime("%Y-%m-%d")
        self.folder = data / f"media/hot/r1/{day}"
        self.folder.mkdir(parents=True)
        for number in range(packs):
            with (self.folder / f"{FIRST_PACK + number:016x}.pack").open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, megabytes << 20)
        old = int(time.time() * 1000) - 7_200_000
        with open_database(data) as database:
            stream_id, = database.execute("SELECT id FROM media_stream WHERE name = ?", (stream,)).fetchone()
            store = (data / "media/store").read_text()
            database.executemany(
                """INSERT INTO pack (id, store_id, tier, retention_hours, state, created_at, committed_bytes, first_server_ms, last_server_ms,
                    check_at, freed) VALUES (?, ?, 'HOT', 1, 'SEALED', 0, ?, 0, 0, 9000000000000000000, 0)""",
                [(FIRST_PACK + number, store, megabytes << 20) for number in range(packs)])
            database.executemany(
                """INSERT INTO extent (stream_id, first_sequence, last_sequence, first_server_ms, last_server_ms, min_producer_ms,
                    max_producer_ms, producer_end_ms, fragments, bytes, gaps, gap_ms, pack_id, footer_at, footer_bytes)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 1000, 0, 0, ?, 64, 100)""",
                [(stream_id, number - 10_000_000, number - 10_000_000, old, old, old, old, old, FIRST_PACK + number) for number in range(packs)])
            database.execute(
                "UPDATE media_stream SET sealed_fragments = sealed_fragments + ?, sealed_bytes = sealed_bytes + ? WHERE id = ?",
                (packs, packs * 1000, stream_id))

    def are_due(self) -> None:
        with open_database(self.data) as database:
            database.execute("UPDATE pack SET check_at = 0 WHERE id >= ? AND id < ?", (FIRST_PACK, FIRST_PACK + self.packs))

    @property
    def left(self) -> int:
        return sum(1 for _ in self.folder.iterdir())
