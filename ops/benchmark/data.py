"""What the databases are filled with, and the bodies that ask for it.

Names are numbers, so that pgbench, which draws numbers only, can ask for the same streams.
"""

import json
import random
import sqlite3
from pathlib import Path

from programs import Postgres

ACCOUNT = "123456789012"
REGION = "us-east-1"
KMS_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/aws/kinesisvideo"
ARN_PREFIX = f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/"
FIRST = 10_000_000
RANGE = 5_000_000
PAGE = 100


def name(index: int, count: int) -> str:
    """The name of one of `count` streams: they are spread evenly, so that each of 10, 11, 12, 13, 14 begins a fifth of them."""
    return str(FIRST + index * (RANGE // count))


def _rows(count: int, numbers: str) -> str:
    return f"""
        INSERT INTO account_usage (account, region, stream_count, last_deleted_creation_time, change_token)
        VALUES ('{ACCOUNT}', '{REGION}', {count}, 0, 'filled');
        {numbers}
        INSERT INTO stream (account, region, name, arn, creation_time, status, version, device_name, media_type, kms_key_id,
            data_retention_in_hours, default_storage_tier, tag_count, change_token, event_sequence)
        SELECT '{ACCOUNT}', '{REGION}', CAST(n AS TEXT), '{ARN_PREFIX}' || n || '/1700000000123', 1700000000123, 'ACTIVE',
            'aBcDeFgHiJkLmNoPqRsT', NULL, NULL, '{KMS_KEY}', 0, 'HOT', 0, 'filled', 1
        FROM numbers;
    """


def fill_sqlite(path: Path, count: int) -> None:
    """Fills the database of a Weir that is stopped."""
    step = RANGE // count
    numbers = f"""
        CREATE TEMP VIEW numbers AS WITH RECURSIVE counted(n) AS
            (SELECT {FIRST} UNION ALL SELECT n + {step} FROM counted WHERE n + {step} < {FIRST + RANGE}) SELECT n FROM counted;
    """
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("BEGIN;" + _rows(count, numbers) + "DROP VIEW numbers; COMMIT; PRAGMA wal_checkpoint(TRUNCATE);")
    connection.close()


def fill_postgres(url: str, count: int) -> None:
    """Fills a migrated database, and has it analysed, as the server would by itself a little later."""
    numbers = f"CREATE TEMP VIEW numbers AS SELECT n FROM generate_series({FIRST}, {FIRST + RANGE - 1}, {RANGE // count}) AS n;"
    Postgres.sql(url, "BEGIN;" + _rows(count, numbers) + "COMMIT; VACUUM ANALYZE stream; CHECKPOINT;")


def body(**members: object) -> bytes:
    return json.dumps(members).encode()


def describes(streams: int, repeats: int) -> list[bytes]:
    bodies = [body(StreamName=name(index, streams)) for index in range(streams) for _ in range(repeats)]
    random.shuffle(bodies)
    return bodies


def creates(count: int) -> list[bytes]:
    """Names that are not there yet, in no order."""
    return [body(StreamName=f"2{number:015d}") for number in random.sample(range(10**15), count)]


def tags(streams: int, count: int) -> list[bytes]:
    return [body(StreamName=name(random.randrange(streams), streams), Tags={"site": f"north-{index}"}) for index in range(count)]


def prefixed_pages(count: int) -> list[bytes]:
    """Pages of the streams whose names have a prefix, at places all over the table. More than a page's streams have each."""
    digits = 1 if count <= 1000 else 3
    prefixes = [f"1{number:0{digits}d}" for number in range(5 * 10 ** (digits - 1))]
    random.shuffle(prefixes)
    return [
        body(MaxResults=PAGE, StreamNameCondition={"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": prefix})
        for prefix in prefixes
    ]
