"""Looks into a database as an administrator does: any SQL, by a client of the engine, with nothing of the server between."""

import csv
import io
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from deployment import DEADLINE, clean_environment, run_weir

MIGRATIONS = Path(__file__).parents[2] / "Migrations"
ADMINISTRATORS = "weir_admin"


def read(database, sql, role=None, settings=()):
    """The names of the columns and the rows, values as text and None, of one query that cannot write; as `role` on Postgres."""
    if database.engine == "sqlite":
        with closing(sqlite3.connect(f"file:{database.path}?mode=ro", uri=True, timeout=DEADLINE)) as connection:
            cursor = connection.execute(sql)
            rows = [[None if value is None else str(value) for value in row] for row in cursor]
            return [column[0] for column in cursor.description], rows
    text = _psql(database.url, ["-c", sql], [*settings, "default_transaction_read_only=on", *([f"role={role}"] if role else [])])
    rows = list(csv.reader(io.StringIO(text)))
    return rows[0], [[None if value == _NULL else value for value in row] for row in rows[1:]]


def write(database, sql):
    """Runs a script of statements, all or none of them, as the owner of everything."""
    if database.engine == "sqlite":
        with closing(sqlite3.connect(database.path, timeout=DEADLINE)) as connection:
            connection.executescript(f"BEGIN IMMEDIATE; {sql}; COMMIT")
    else:
        _psql(database.url, ["-1", "-f", "-"], input=sql)


_NULL = "(null)"


def _psql(url, arguments, settings=(), input=None):
    options = " ".join(f"-c {setting}" for setting in settings)
    done = subprocess.run(
        ["psql", url, "-X", "-q", "--csv", "-P", f"null={_NULL}", "-v", "ON_ERROR_STOP=1", *arguments],
        input=input, capture_output=True, text=True, timeout=DEADLINE, env=clean_environment(PGOPTIONS=options),
    )
    if done.returncode != 0:
        raise SQLError(done.stderr)
    return done.stdout


class SQLError(Exception):
    """What psql said."""


def migrated(deployments):
    """A folder, and a database with the whole schema that no server has used yet."""
    folder = deployments.folder()
    database = deployments.database(folder)
    migrate(folder, database)
    return folder, database


def migrate(folder, database):
    done = run_weir("migrate", "--data-dir", folder, *database.flags)
    assert done.returncode == 0, done.stderr


class Role:
    """The role of administrators on the Postgres of the tests: made unless it is there, and only then dropped again."""

    def __init__(self):
        self._url = os.environ["WEIR_TEST_POSTGRES"]
        self._is_made = _psql(self._url, ["-t", "-c", f"SELECT 1 FROM pg_roles WHERE rolname = '{ADMINISTRATORS}'"]) == ""
        if self._is_made:
            _psql(self._url, ["-c", f"CREATE ROLE {ADMINISTRATORS}"])

    def close(self):
        if self._is_made:
            _psql(self._url, ["-c", f"DROP ROLE {ADMINISTRATORS}"])
