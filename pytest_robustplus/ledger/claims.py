"""Which worker plays which positions of an audit: disjoint blocks, in order, none held by the dead."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Collection

from pytest_robustplus.ledger.processes import Process, dead, this_process

# A worker elsewhere that has been silent for so long plays no more.
FORGOTTEN_S = 86400.0


def claim(
    database: sqlite3.Connection,
    audit: int,
    run: str,
    worker: str,
    *,
    after: int,
    block: int,
    places: range,
    stale_s: float,
    tries: int,
) -> range | None:
    """Take the first free stretch of ``places`` from ``after`` on, at most ``block`` long; needs the write lock.

    What the dead of other runs had claimed is free, what those of ``run`` had only once ``reap`` has counted it.
    """
    _register(database, worker)
    _free(database, stale_s, audit, run)
    taken = {
        position
        for (position,) in database.execute(
            """SELECT position FROM episode WHERE audit = :audit AND position >= :after AND success IS NOT NULL
            UNION ALL SELECT position FROM claim WHERE audit = :audit AND position >= :after
            UNION ALL SELECT position FROM episode WHERE audit = :audit AND position >= :after AND run = :run
                AND success IS NULL GROUP BY position HAVING count(*) >= :tries""",
            {"audit": audit, "after": after, "run": run, "tries": tries},
        )
    }
    free = (index for index, position in enumerate(places) if position >= after and position not in taken)
    start = next(free, None)
    if start is None:
        return None
    stop = start + 1
    while stop < min(start + block, len(places)) and places[stop] not in taken:
        stop += 1
    database.executemany("INSERT INTO claim VALUES (?, ?, ?)", [(audit, p, worker) for p in places[start:stop]])
    return places[start:stop]


def attend(database: sqlite3.Connection, run: str) -> None:
    """Note that this process takes part in a run, whether or not it holds a claim; needs the write lock."""
    _register(database, f"{run}-{os.getpid()}")


def leave(database: sqlite3.Connection, run: str) -> None:
    """Forget all who took part in a run that has ended and hold no claim; needs the write lock."""
    database.execute(
        """DELETE FROM worker WHERE substr(worker, 1, length(:run)) = :run
        AND worker NOT IN (SELECT worker FROM claim)""",
        {"run": f"{run}-"},
    )


def attended(database: sqlite3.Connection, run: str) -> bool:
    """Whether a process that takes part in a run is alive, as far as can be told."""
    rows = database.execute(
        "SELECT heartbeat, awake, machine, pid, born FROM worker WHERE substr(worker, 1, length(:run)) = :run",
        {"run": f"{run}-"},
    )
    return not all(_is_gone(Process(*process), beaten, awake, FORGOTTEN_S) for beaten, awake, *process in rows)


def beat(database: sqlite3.Connection, worker: str) -> None:
    """Keep the claims of a worker alive."""
    database.execute(
        "UPDATE worker SET heartbeat = ?, awake = ? WHERE worker = ?", (time.time(), time.monotonic(), worker)
    )


def release(database: sqlite3.Connection, worker: str, audit: int | None = None, keep: Collection[int] = ()) -> None:
    """Give back everything that a worker has claimed and not finished, or what it has of one audit but for ``keep``."""
    if audit is not None:
        gone = database.execute(
            "DELETE FROM claim WHERE worker = ? AND audit = ? RETURNING position", (worker, audit)
        ).fetchall()
        kept = [(audit, position, worker) for (position,) in gone if position in keep]
        database.executemany("INSERT INTO claim VALUES (?, ?, ?)", kept)
        return
    database.execute("DELETE FROM claim WHERE worker = ?", (worker,))
    database.execute("DELETE FROM worker WHERE worker = ?", (worker,))


def sweep(database: sqlite3.Connection) -> None:
    """Forget workers that are gone and have claimed nothing; what others claimed is for their runs to count."""
    claimless = "SELECT worker FROM worker WHERE worker NOT IN (SELECT worker FROM claim)"
    idle = {worker for (worker,) in database.execute(claimless)}
    for worker in idle.intersection(_gone(database, FORGOTTEN_S, None)):
        release(database, worker)


def give_back(database: sqlite3.Connection, audit: int, position: int, worker: str) -> None:
    """Give back one position that a worker has claimed."""
    database.execute("DELETE FROM claim WHERE audit = ? AND position = ? AND worker = ?", (audit, position, worker))


def release_stale(database: sqlite3.Connection, stale_s: float) -> None:
    """Give back the claims of every worker that is dead or has been silent for ``stale_s``."""
    _free(database, stale_s, None, None)


def reap(database: sqlite3.Connection, audit: int, stale_s: float, own: str) -> list[tuple[int, str]]:
    """Give back what the dead have claimed in an audit and return it: positions, and who was to play them.

    Who asks, under the name ``own``, is not dead, however long it has been silent.
    """
    dead_workers = [worker for worker in _gone(database, stale_s, audit) if worker != own]
    lost = [
        (position, worker)
        for worker in dead_workers
        for (position,) in database.execute(
            "DELETE FROM claim WHERE audit = ? AND worker = ? RETURNING position", (audit, worker)
        ).fetchall()
    ]
    for worker in dead_workers:
        # What it had claimed in other audits, those who play these will count.
        database.execute(
            "DELETE FROM worker WHERE worker = :worker AND NOT EXISTS (SELECT 1 FROM claim WHERE worker = :worker)",
            {"worker": worker},
        )
    return sorted(lost)


def _register(database: sqlite3.Connection, worker: str) -> None:
    process = this_process()
    row = database.execute("SELECT machine, pid, born FROM worker WHERE worker = ?", (worker,)).fetchone()
    if row is not None and Process(*row) != process:
        release(database, worker)  # of that name, but gone: nobody plays what it had claimed
        row = None
    if row is None:
        database.execute(
            "INSERT INTO worker (worker, heartbeat, awake, machine, pid, born) VALUES (?, ?, ?, ?, ?, ?)",
            (worker, time.time(), time.monotonic(), *process),
        )
    else:
        beat(database, worker)


def _free(database: sqlite3.Connection, stale_s: float, audit: int | None, run: str | None) -> None:
    for worker in _gone(database, stale_s, audit):
        if run is None or not worker.startswith(run):
            release(database, worker)


def _gone(database: sqlite3.Connection, stale_s: float, audit: int | None) -> list[str]:
    holders = database.execute(
        """SELECT worker, heartbeat, awake, machine, pid, born FROM worker
        WHERE :audit IS NULL OR worker IN (SELECT worker FROM claim WHERE audit = :audit)""",
        {"audit": audit},
    ).fetchall()
    return [
        worker
        for worker, heartbeat, awake, machine, pid, born in holders
        if _is_gone(Process(machine, pid, born), heartbeat, awake, stale_s)
    ]


def _is_gone(process: Process, heartbeat: float, awake: float, stale_s: float) -> bool:
    """Whether a worker is dead or has been silent for ``stale_s``."""
    if process.machine == this_process().machine:
        # People and time servers set the other clock, and it runs on while the machine sleeps.
        return dead(process) or time.monotonic() - awake > stale_s
    return time.time() - heartbeat > stale_s
