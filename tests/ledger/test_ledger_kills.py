"""A writer that is killed at any moment costs the episode it was playing and nothing else."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sqlite3
import time
from pathlib import Path

import numpy as np
from ledger_samples import TOTAL, join, make_conclusion
from ledger_writers import FORKSERVER, conclude, play_on

from pytest_robustplus.ledger import Ledger

KILLS = 60


def whole(path: Path) -> list[tuple[int, int]]:
    """Check the file with SQLite's own means and return (position, success) of everything finished.

    What is checked is a copy, so that the next writer finds the file as the killed one left it.
    """
    copy = path.with_name("copy.sqlite")
    for suffix in ("", "-wal"):
        copy.with_name(copy.name + suffix).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(path.with_name(path.name + suffix), copy.with_name(copy.name + suffix))
    with contextlib.closing(sqlite3.connect(copy)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("SELECT count(*) FROM audit").fetchone()[0] <= 1
        assert database.execute(
            "SELECT count(*) FROM episode WHERE success IS NOT NULL AND id NOT IN (SELECT episode FROM actions)"
        ).fetchone() == (0,)
        return database.execute("SELECT position, success FROM episode WHERE success IS NOT NULL ORDER BY 1").fetchall()


def test_kills_lose_nothing_and_repeat_nothing(path: Path) -> None:
    generator = np.random.default_rng(np.random.SeedSequence(20))
    finished: set[int] = set()
    kills_while_playing = 0
    for kill in range(KILLS):
        mine, theirs = FORKSERVER.Pipe(duplex=False)
        process = FORKSERVER.Process(target=play_on, args=(path, f"run-{kill}", theirs))
        process.start()
        theirs.close()
        # Some die while they start, open or create the ledger, most while they record.
        if kill % 6:
            assert mine.poll(30)
        time.sleep(generator.uniform(0, 0.05))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "a writer ended before it was killed"
        begun = []
        with contextlib.suppress(EOFError):
            while True:
                kind, position = mine.recv()
                if kind == "begun":
                    assert position not in finished, "a finished episode was played again"
                    begun.append(position)
                else:
                    finished.add(position)
        kills_while_playing += bool(begun)
        if not path.exists():
            assert not finished
            continue
        stored = whole(path)
        positions = [position for position, _ in stored]
        assert len(positions) == len(set(positions)), "an episode was counted twice"
        lost = finished - set(positions)
        assert not lost, "a finished episode was lost"
        # The one recorded and not yet told of is finished too.
        assert set(positions) - finished <= set(begun[-1:])
        finished |= set(positions)
        assert all(success == (position % 3 != 0) for position, success in stored)
    assert kills_while_playing >= 50

    with Ledger.open(path) as ledger:
        audit = join(ledger, "last")
        prefix = ledger.prefix(audit)
        assert prefix == [position % 3 != 0 for position in range(len(prefix))]
        assert len(prefix) == len(finished), "one worker at a time leaves no hole"
        assert [len(ledger.attempts(audit, position)) for position in (48, 49)] == [1, 2]
        last = ledger.episode("last").record  # one in fifty kills falls after the attempt that crashed
        assert (last.actions is None) == (last.success is None)


def test_a_kill_around_the_verdict_leaves_one_verdict_or_none(path: Path) -> None:
    generator = np.random.default_rng(np.random.SeedSequence(21))
    for kill in range(15):
        mine, theirs = FORKSERVER.Pipe(duplex=False)
        process = FORKSERVER.Process(target=conclude, args=(path, f"run-{kill}", theirs))
        process.start()
        assert mine.poll(30)
        time.sleep(generator.uniform(0, 0.06))
        process.kill()
        process.join()
        with Ledger.open(path) as ledger:
            audits = ledger.audits()
            for stored in audits:
                if stored.conclusion is not None:
                    assert len(ledger.prefix(stored.id)) == TOTAL
                    assert stored.conclusion == make_conclusion(notes=(stored.run,))
            undecided = {stored.id for stored in audits} - {stored.id for stored in audits if stored.conclusion}
            assert len(undecided) <= 1, "a new audit began although one was undecided"
