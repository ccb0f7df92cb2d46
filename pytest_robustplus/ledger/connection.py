"""One open ledger file: made whole or not at all, checked before use, never written when in doubt."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from pytest_robustplus.errors import LedgerError
from pytest_robustplus.ledger.schema import (
    APPLICATION_ID,
    CHECKSUM,
    DDL,
    MIGRATED,
    VERSION,
    checksum,
    migrate,
    seals,
    unsound,
)

BUSY_S = 60.0
ELSEWHERE = "or name another file with --robust-ledger"


class Connection:
    """A connection that threads of one process may share; every ``sqlite3.Error`` leaves it as a ``LedgerError``."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self.path = path
        self._database = database
        self._lock = threading.RLock()
        self._together = False

    @contextlib.contextmanager
    def reading(self, doing: str) -> Iterator[sqlite3.Connection]:
        """Hold the connection for queries."""
        with self._lock, translated(self.path, doing):
            yield self._database

    @contextlib.contextmanager
    def writing(self, doing: str) -> Iterator[sqlite3.Connection]:
        """Hold the write lock of the file for one transaction: all of it is committed, or nothing."""
        with self._lock, translated(self.path, doing):
            if self._together:
                with self._part():
                    yield self._database
                return
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                # A full disk has rolled back already.
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def together(self, doing: str) -> Iterator[None]:
        """Put several writings into one transaction, which costs as much as one: each is kept whole, or not at all."""
        with self._lock, translated(self.path, doing):
            self._database.execute("BEGIN IMMEDIATE")
            self._together = True
            try:
                yield
            finally:
                self._together = False
                # A full disk has rolled back already, and the error of the writing that met it is on its way.
                if self._database.in_transaction:
                    self._database.execute("COMMIT")

    @contextlib.contextmanager
    def _part(self) -> Iterator[None]:
        self._database.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK TO part")
                self._database.execute("RELEASE part")
            raise
        self._database.execute("RELEASE part")

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock, translated(self.path, "closing it"):
            self._database.close()


def connect(path: Path, *, create: bool, verify: bool) -> Connection:
    """Open the ledger at ``path``; ``verify`` reads all of it to find damage (50 MB take 0.4 s)."""
    try:
        if not path.exists():
            if not create:
                raise LedgerError(f"Ledger {path}: there is no such file; run the suites first {ELSEWHERE}.")
            path.parent.mkdir(parents=True, exist_ok=True)
            _make(path)
        if not path.is_file():
            raise LedgerError(f"Ledger {path}: this is no regular file; move it away {ELSEWHERE}.")
        size = path.stat().st_size
    except OSError as error:
        raise LedgerError(
            f"Ledger {path}: it cannot be opened ({error.strerror}); make the file and its directory writable "
            f"{ELSEWHERE}."
        ) from error
    if size == 0:
        raise LedgerError(f"Ledger {path}: the file is empty, so it is no ledger; delete it {ELSEWHERE}.")
    _check(path, verify=verify)
    with translated(path, "opening it"):
        database = _connect(path, "rw")
        try:
            _bring_up(database)
            database.execute("PRAGMA foreign_keys = ON")
            # A killed process loses nothing under NORMAL; a power cut may take the last seconds, never the file.
            database.execute("PRAGMA synchronous = NORMAL")
            # Changes nothing, but finds a file that cannot be written before episode 1.
            database.execute("UPDATE run SET run = run WHERE FALSE")
        except BaseException:
            database.close()
            raise
    return Connection(path, database)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    database = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    database.create_function(CHECKSUM, -1, checksum, deterministic=True)
    return database


def _bring_up(database: sqlite3.Connection) -> None:
    """Bring a ledger of an earlier version to this one: all of it, or nothing."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    database.execute("BEGIN IMMEDIATE")
    try:
        migrate(database)
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _make(path: Path) -> None:
    """Build an empty ledger beside ``path`` and give it its name last: nobody ever meets half a ledger."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with translated(path, "creating it"):
            database = _connect(draft, "rwc")
            try:
                database.execute("PRAGMA page_size = 8192")  # 100×7 actions: 3.3 kB an episode; 4.7 kB at 4096
                database.executescript(DDL)
                database.executescript(seals())
                # Last: what a write-ahead log cannot move into the file when that is closed is lost without a word.
                database.execute("PRAGMA journal_mode = WAL")
            finally:
                database.close()
            _check(draft, verify=True)
        # A concurrent process was first: its ledger is as good as this one.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def _check(path: Path, *, verify: bool) -> None:
    """Make sure that this is a whole ledger of this version, through a connection that cannot write."""
    with translated(path, "checking it"), contextlib.closing(_connect(path, "ro")) as database:
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID:
            raise LedgerError(
                f"Ledger {path}: this SQLite file belongs to another application. It is left as it is; move it away "
                f"{ELSEWHERE}."
            )
        if version != VERSION and version not in MIGRATED:
            age = "a newer" if version > VERSION else "an older"
            raise LedgerError(
                f"Ledger {path}: it was written by {age} pytest-robustplus (ledger version {version}, this one reads "
                f"{VERSION}). It is left as it is; install the matching release {ELSEWHERE}."
            )
        if verify:
            # Unlike quick_check it compares indexes with tables, and so finds what two exchanged pages hide.
            findings = [text for (text,) in database.execute("PRAGMA integrity_check(1)") if text != "ok"]
            if not findings and version > 2:
                findings = unsound(database, version)
            if findings:
                _damaged(path, "; ".join(findings).replace("\n", " "))


def _damaged(path: Path, finding: str) -> NoReturn:
    raise LedgerError(
        f"Ledger {path}: the file is damaged ({finding}). It is left as it is; restore a copy, or save what "
        f"`sqlite3 {path} .recover` still reads, {ELSEWHERE}."
    )


@contextlib.contextmanager
def translated(path: Path, doing: str) -> Iterator[None]:
    """Turn SQLite's errors into one paragraph: what, where, what to do."""
    try:
        yield
    except (zlib.error, json.JSONDecodeError, UnicodeDecodeError) as error:
        _damaged(path, f"{doing}: {error}")
    except sqlite3.Error as error:
        # The low byte of an extended code is its class.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        where = f"Ledger {path}"
        if code == sqlite3.SQLITE_FULL:
            raise LedgerError(
                f"{where}: the disk is full ({doing}). Everything recorded before is kept; free some space "
                f"{ELSEWHERE}, then run again: finished episodes are not replayed."
            ) from error
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
            raise LedgerError(
                f"{where}: it cannot be written ({doing}: {error}); make the file and its directory writable "
                f"{ELSEWHERE}."
            ) from error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise LedgerError(
                f"{where}: another process has kept it locked for {BUSY_S:.0f} s ({doing}); end that process, and keep "
                f"the ledger on a local disk, {ELSEWHERE}."
            ) from error
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT):
            _damaged(path, f"{doing}: {error}")
        if code == sqlite3.SQLITE_IOERR:
            raise LedgerError(
                f"{where}: the disk failed ({doing}: {error}). Everything recorded before is kept; check the disk "
                f"{ELSEWHERE}, then run again."
            ) from error
        raise LedgerError(f"{where}: {error} ({doing}).") from error
