"""Copies of a deployment's database, made and put back. The rest of ops/backup and ops/restore; needs Python 3.9, the program weir (in PATH, or built
here) and, for Postgres, its client programs of the server's version or newer."""

import argparse
import collections
import contextlib
import ctypes
import fcntl
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import urllib.parse

# Milliseconds to wait for a lock of Weir's, none of which lasts.
LOCK_TIMEOUT = 60_000


class Refusal(Exception):
    """Why nothing was done, in words for the operator."""


def main(name, description, run):
    """Runs `run(database, options)` on the database that the configuration names, and tells what went wrong in one line."""
    # Ended by a signal, it cleans up all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(prog=f"ops/{name}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--database", help="as for weir serve: sqlite, sqlite:PATH, or a libpq URL or key/value string; better in WEIR_DATABASE")
    parser.add_argument("--data-dir", help="as for weir serve")
    parser.add_argument("--config", help="as for weir serve")
    options = parser.parse_args()
    try:
        text = setting(options, "database")
        if text == "sqlite" or text.startswith("sqlite:"):
            database = SQLite(text[len("sqlite:") :] or os.path.join(setting(options, "data-dir"), "weir.db"))
        else:
            database = Postgres(text)
        run(database, options)
    except (Refusal, OSError, sqlite3.Error) as error:
        sys.exit(f"ops/{name}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def setting(options, key):
    """The value of a key of the configuration, as `weir config get` tells it."""
    weir = shutil.which("weir") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".build", "release", "weir")
    flags = [f"--{name}={value}" for name in ("data-dir", "config") if (value := getattr(options, name.replace("-", "_")))]
    # Not as a flag, where others would see it.
    environment = os.environ | ({"WEIR_DATABASE": options.database} if options.database else {})
    try:
        done = subprocess.run([weir, "config", "get", key, "--reveal", *flags], env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Refusal("the program weir, which knows the configuration, is neither in PATH nor in .build/release") from None
    if done.returncode != 0:
        raise Refusal(done.stderr.removeprefix("Error: ").strip())
    return done.stdout.removesuffix("\n")


def summary(counts):
    """The rows of each table that has any, in words."""
    return ", ".join(f"{table} {count}" for table, count in sorted(counts.items()) if count)


@contextlib.contextmanager
def new_file(path):
    """A path beside `path` to write to, which becomes `path` when the body has ended well: whole, on the disk, and its owner's only. An existing
    file is refused. What is left of a writer that was killed is an empty file, which nobody takes for a copy."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise Refusal(f"{path} exists: nothing is overwritten") from None
    folder = os.path.dirname(os.path.abspath(path))
    handle, written = tempfile.mkstemp(dir=folder, prefix="." + os.path.basename(path) + ".")
    try:
        os.close(handle)
        yield written
        sync(written)
        os.replace(written, path)
        sync(folder)
    except BaseException:
        for leftover in (written, path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(leftover)
        raise


def sync(path):
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class SQLite:
    """A deployment in one file, whether or not it is served."""

    def __init__(self, path):
        self.path = path

    def copy_to(self, path):
        """A copy as of one moment, compact, checked; returns its counts. Weir goes on serving; its log grows by what it writes meanwhile."""
        if not os.path.exists(self.path):
            raise Refusal(f"{self.path} does not exist")
        with new_file(path) as written:
            with self._opened(self.path) as source:
                migrations = self._migrations(source)
                source.execute("VACUUM INTO ?", (written,))
            os.chmod(written, 0o600)
            with self._opened(written) as copy:
                if self._migrations(copy) != migrations:
                    raise Refusal("the schema was migrated meanwhile: try again")
                return self._checked(copy)

    def restore(self, path):
        """Makes the file anew from a copy; returns its counts."""
        for leftover in (self.path, self.path + "-wal", self.path + "-shm", self.path + "-journal"):
            if os.path.lexists(leftover):
                raise Refusal(f"{leftover} exists: nothing is overwritten. Move it away, or restore into another folder")
        if not os.path.isfile(path):
            raise Refusal(f"{path} is not a file")
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), mode=0o700, exist_ok=True)
        with self._held(), new_file(self.path) as written:
            with self._opened(path) as copy:
                self._migrations(copy)
                counts = self._checked(copy)
            shutil.copyfile(path, written)
            with self._opened(written, "rw") as restored:
                # Those that ran on the other deployment are none of this one's.
                if counts.get("instance"):
                    restored.execute("DELETE FROM instance")
                if self._checked(restored) != counts | ({"instance": 0} if "instance" in counts else {}):
                    raise Refusal(f"what was written is not what {path} holds: see to the disk")
        return counts

    @contextlib.contextmanager
    def _held(self):
        """Keeps Weir away from the file."""
        with open(os.open(self.path + ".lock", os.O_RDWR | os.O_CREAT, 0o600), "r+b") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refusal(f"weir serves {self.path}: stop it first") from None
            yield

    @staticmethod
    @contextlib.contextmanager
    def _opened(path, mode="ro"):
        connection = sqlite3.connect(f"file:{urllib.parse.quote(os.path.abspath(path))}?mode={mode}", uri=True, isolation_level=None)
        with contextlib.closing(connection):
            connection.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT}")
            yield connection

    @staticmethod
    def _migrations(connection):
        try:
            rows = connection.execute("SELECT version, name, checksum FROM schema_migration ORDER BY version").fetchall()
        except sqlite3.DatabaseError as error:
            raise Refusal(f"this is no database of Weir's: {error}") from None
        if not rows:
            raise Refusal("this database has no migration: it is not one of Weir's, or was never started")
        return rows

    @staticmethod
    def _checked(connection):
        """The rows of each table of a database whose every page, key and value was found good."""
        problems, doubtful = [], set()
        for (message,) in connection.execute("PRAGMA integrity_check(2000000000)"):
            value = re.fullmatch(r"(?:NULL|non-[A-Z]+) value in (\w+)\.(\w+)", message)
            if value:
                doubtful.add(value.groups())
            elif message != "ok":
                problems.append(message)
            if len(problems) == 5:
                break
        # SQLite 3.40.0 to 3.41.0 take one column for another where a primary key has another order than its table, and report values that
        # are not there. So the column itself is asked.
        for table, column in sorted(doubtful):
            declared = connection.execute("SELECT lower(type) FROM pragma_table_info(?) WHERE name = ?", (table, column)).fetchone()[0]
            required = connection.execute('SELECT "notnull" FROM pragma_table_info(?) WHERE name = ?', (table, column)).fetchone()[0]
            wrong = connection.execute(
                f'''SELECT count(*) FROM "{table}" WHERE typeof("{column}") NOT IN (?, ?)''', (declared, declared if required else "null")
            ).fetchone()[0]
            if wrong:
                problems.append(f"{wrong} values that may not be in {table}.{column}")
        if problems:
            raise Refusal("the database is damaged: " + "; ".join(problems))
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
        return {table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in tables}


class Postgres:
    """A deployment in a database of a Postgres server. Nothing of the connection string is on any command line, where others would see it."""

    def __init__(self, text):
        self._settings = connection_settings(text)

    def copy_to(self, path):
        """A dump of the whole database as of one moment, in Postgres' custom format, read through to its end; returns its counts."""
        with new_file(path) as written:
            # Waits for no lock for long: a migration that runs has one.
            self._run("pg_dump", "--format=custom", f"--lock-wait-timeout={LOCK_TIMEOUT}", f"--file={written}", "--dbname=service=weir")
            return self._counts_of(written)

    def restore(self, path):
        """Fills an empty database from a dump, in one transaction; returns the counts."""
        counts = self._counts_of(path)
        found = self._query(
            "SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
            " WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'")
        if found != "0":
            raise Refusal("the database is not empty: nothing is overwritten. Restore into a new one (createdb)")
        self._run("pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--dbname=service=weir", path)
        tables = [table for table in counts if not table.endswith(".instance")]
        questions = [f"SELECT '{table}', count(*) FROM {table}" for table in tables]
        restored = dict(line.rsplit("|", 1) for line in self._query(" UNION ALL ".join(questions)).splitlines())
        if restored != {table: str(counts[table]) for table in tables}:
            raise Refusal("what was restored is not what the dump holds: drop the database")
        for table in set(counts) - set(tables):
            # Those that ran on the other deployment are none of this one's.
            self._query(f"DELETE FROM {table}")
        # A dump has no statistics, and without them plans are bad.
        self._query("ANALYZE")
        return counts

    def _counts_of(self, path):
        """The rows of each table in a dump, which is read as a restore would read it."""
        counts = collections.Counter()
        migrations = 0
        with self._started("pg_restore", "--data-only", "--file=-", path) as lines:
            table = None
            for line in lines:
                if table is None:
                    begun = re.match(rb"COPY (\S+) \(.*\) FROM stdin;$", line)
                    if begun:
                        table = begun[1].decode()
                        counts[table] = 0
                elif line == b"\\.\n":
                    table = None
                else:
                    counts[table] += 1
                    migrations += table.endswith(".schema_migration")
        if migrations == 0:
            raise Refusal(f"{path} holds no migration: it is no dump of a database of Weir's")
        return dict(counts)

    def _query(self, sql):
        return self._run("psql", "--dbname=service=weir", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql).strip()

    def _run(self, *command):
        with self._started(*command) as lines:
            return b"".join(lines).decode()

    @contextlib.contextmanager
    def _started(self, *command):
        """The lines that a program of Postgres writes; its failure is a refusal with its own words."""
        with tempfile.TemporaryDirectory() as folder:  # The owner's only.
            services, errors = os.path.join(folder, "services"), os.path.join(folder, "errors")
            with open(services, "w", encoding="utf-8") as file:
                file.write("[weir]\n" + "".join(f"{key}={value}\n" for key, value in self._settings.items()))
            environment = {name: value for name, value in os.environ.items() if name not in ("PGSERVICE", "PGSYSCONFDIR", "WEIR_DATABASE")}
            with open(errors, "w+b") as said:
                try:
                    process = subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env=environment | {"PGSERVICEFILE": services})
                except FileNotFoundError:
                    raise Refusal(f"{command[0]} is not installed (Debian: apt-get install postgresql-client)") from None
                try:
                    yield process.stdout
                    status = process.wait()
                except BaseException:
                    process.terminate()
                    raise
                finally:
                    process.stdout.close()
                    process.wait()
                if status != 0:
                    said.seek(0)
                    raise Refusal(said.read().decode(errors="replace").strip() or f"{command[0]} ended with status {status}")


class _Option(ctypes.Structure):
    _fields_ = [(name, ctypes.c_char_p) for name in ("keyword", "envvar", "compiled", "val", "label", "dispchar")] + [("dispsize", ctypes.c_int)]


def connection_settings(text):
    """What a connection string sets, as libpq itself reads it: URL or keys and values."""
    try:
        library = ctypes.CDLL("libpq.so.5")
    except OSError:
        raise Refusal("libpq is not installed (Debian: apt-get install postgresql-client)") from None
    library.PQconninfoParse.restype = ctypes.POINTER(_Option)
    library.PQconninfoParse.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p)]
    message = ctypes.c_char_p()
    parsed = library.PQconninfoParse(text.encode(), ctypes.byref(message))
    if not parsed:
        # The message may quote the string, and with it the password.
        raise Refusal("the connection string of --database is not valid")
    settings = {}
    index = 0
    while parsed[index].keyword:
        if parsed[index].val is not None:
            settings[parsed[index].keyword.decode()] = parsed[index].val.decode()
        index += 1
    return settings
