"""Ledgers of several machines become one: episodes of the same question, each in its place of the order."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from pytest_robustplus.errors import LedgerError
from pytest_robustplus.ledger import history
from pytest_robustplus.ledger.connection import Connection, connect
from pytest_robustplus.ledger.records import StoredAudit

_SAME = ("run", "position", "task", "worker", "started", "success", "state_hash")


class Source(NamedTuple):
    """A ledger to join, by the name under which its owner knows it, and an open copy of it."""

    path: Path
    connection: Connection

    def latest(self) -> dict[tuple[str, str, str], StoredAudit]:
        """The last audit of each cell that it holds episodes of."""
        with self.connection.reading("reading audits") as database:
            played = "audit.id IN (SELECT audit FROM episode WHERE success IS NOT NULL)"
            found = history.audits(database, played, ())
        return {(audit.key.model, audit.key.benchmark, audit.key.dimension): audit for audit in found}

    def facts(self, audit: int) -> list[str]:
        """What the finished episodes of an audit depended on, as JSON, each once."""
        with self.connection.reading("reading provenance") as database:
            rows = database.execute(
                """SELECT DISTINCT p.facts FROM episode e JOIN provenance p ON p.digest = e.provenance
                WHERE e.audit = ? AND e.success IS NOT NULL""",
                (audit,),
            )
            return [facts for (facts,) in rows]

    def versions(self, audit: int) -> list[str]:
        """The versions of this package, as JSON, with which the finished episodes of an audit were played."""
        with self.connection.reading("reading runs") as database:
            rows = database.execute(
                """SELECT DISTINCT run.versions FROM run JOIN episode e ON e.run = run.run
                WHERE e.audit = ? AND e.success IS NOT NULL""",
                (audit,),
            )
            return [versions for (versions,) in rows]

    def finished(self, audit: int) -> dict[int, tuple[object, ...]]:
        """What tells the finished episodes of an audit apart from others, by position."""
        with self.connection.reading("reading episodes") as database:
            rows = database.execute(
                f"SELECT {', '.join(_SAME)} FROM episode WHERE audit = ? AND success IS NOT NULL", (audit,)
            )
            return {row[_SAME.index("position")]: row for row in rows}

    def unfinished(self) -> bool:
        """Whether its last run was killed, or still plays."""
        with self.connection.reading("reading runs") as database:
            row = database.execute("SELECT ended FROM run ORDER BY started DESC LIMIT 1").fetchone()
        return row is not None and row[0] is None


@contextmanager
def sources(paths: Sequence[Path]) -> Iterator[list[Source]]:
    """Open copies of ledgers, which may lie where nobody may write or lock; raises ``LedgerError``."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="robustplus-")))
        found = []
        for number, path in enumerate(paths):
            copy = folder / f"{number}.sqlite"
            _copy(path, copy)
            try:
                connection = connect(copy, create=False, verify=True)
            except LedgerError as error:
                raise LedgerError(str(error).replace(str(copy), str(path))) from error
            stack.callback(connection.close)
            found.append(Source(path, connection))
        yield found


def _copy(path: Path, copy: Path) -> None:
    if not path.is_file():
        raise LedgerError(
            f"--robust-merge {path}: there is no such ledger. What else pytest is to collect stands before the option,"
            " or after another one."
        )
    try:
        # What the last process of a killed run had no time to move into the file is in the log beside it.
        for suffix in ("", "-wal"):
            if (beside := path.with_name(path.name + suffix)).exists():
                shutil.copyfile(beside, copy.with_name(copy.name + suffix))
    except OSError as error:
        raise LedgerError(f"--robust-merge {path}: it cannot be read ({error.strerror}).") from error


def add(target: sqlite3.Connection, source: sqlite3.Connection, audit: StoredAudit, run: str) -> int:
    """Copy an audit's episodes into the audit of the same question and order in ``target``, as seen by ``run``.

    Episodes that are there stay as they are. Needs the write lock; returns how many finished ones are new.
    """
    _copy_runs(target, source, audit.id)
    mine = _audit(target, audit)
    target.execute(
        "INSERT INTO part (audit, run, joined) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (mine, run, datetime.now(UTC).isoformat(timespec="microseconds")),
    )
    parts = _columns(source, "part")
    for row in source.execute(f"SELECT {', '.join(parts)} FROM part WHERE audit = ?", (audit.id,)):
        _insert(target, "part", parts, (mine, *row[1:]))
    return _copy_episodes(target, source, audit.id, mine)


def _audit(target: sqlite3.Connection, audit: StoredAudit) -> int:
    where = " AND ".join(f"{name} = ?" for name in (*history.KEY, "total", "order_seed"))
    values = (*astuple(audit.key), audit.total, audit.order_seed)
    row = target.execute(f"SELECT max(id) FROM audit WHERE {where}", values).fetchone()
    if row[0] is not None:
        return int(row[0])
    columns = (*history.KEY, "total", "order_seed", "opened")
    marks = ", ".join("?" * len(columns))
    cursor = target.execute(f"INSERT INTO audit ({', '.join(columns)}) VALUES ({marks})", (*values, audit.opened))
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _copy_runs(target: sqlite3.Connection, source: sqlite3.Connection, audit: int) -> None:
    runs = "SELECT run FROM part WHERE audit = ?"
    for table in ("run", "preflight", "latency"):
        columns = _columns(source, table)
        for row in source.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE run IN ({runs})", (audit,)):
            _insert(target, table, columns, row)


def _copy_episodes(target: sqlite3.Connection, source: sqlite3.Connection, audit: int, mine: int) -> int:
    columns = [name for name in _columns(source, "episode") if name not in ("id", "audit", "attempt")]
    packed = [name for name in _columns(source, "actions") if name != "episode"]
    place = columns.index("position"), columns.index("success"), columns.index("provenance")
    known = set(target.execute(f"SELECT {', '.join(_SAME)} FROM episode WHERE audit = ?", (mine,)).fetchall())
    same = [columns.index(name) for name in _SAME]
    new = 0
    for identity, *row in source.execute(
        f"SELECT id, {', '.join(columns)} FROM episode WHERE audit = ? ORDER BY id", (audit,)
    ):
        if tuple(row[index] for index in same) in known:
            continue
        position, success, provenance = (row[index] for index in place)
        facts = source.execute("SELECT digest, facts FROM provenance WHERE digest = ?", (provenance,)).fetchone()
        _insert(target, "provenance", ["digest", "facts"], facts)
        (tries,) = target.execute(
            "SELECT count(*) FROM episode WHERE audit = ? AND position = ?", (mine, position)
        ).fetchone()
        cursor = target.execute(
            f"INSERT INTO episode (audit, attempt, {', '.join(columns)}) VALUES (?, ?, {', '.join('?' * len(row))})",
            (mine, tries + 1, *row),
        )
        if (
            actions := source.execute(
                f"SELECT {', '.join(packed)} FROM actions WHERE episode = ?", (identity,)
            ).fetchone()
        ) is not None:
            _insert(target, "actions", ["episode", *packed], (cursor.lastrowid, *actions))
        new += success is not None
    return new


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    # A trigger writes the checksum, of what stands here and not there.
    rows = database.execute(f"PRAGMA table_info({table})")
    return [name for _, name, *_ in rows if name != "checksum"]


def _insert(target: sqlite3.Connection, table: str, columns: Sequence[str], row: Sequence[object]) -> None:
    marks = ", ".join("?" * len(columns))
    target.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING", tuple(row))
