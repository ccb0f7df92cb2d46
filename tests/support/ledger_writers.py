"""What the children of these tests do; a module of its own, because children import it by name."""

from __future__ import annotations

import multiprocessing.connection
import multiprocessing.synchronize
import time
from pathlib import Path

import numpy as np
from ledger_samples import TOTAL, join, make_conclusion, make_episode

from pytest_robustplus.ledger import Ledger

# Children start in 40 ms when their server has imported pytest and numpy, in 1 s otherwise (2 busy cores).
FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["pytest", "pytest_robustplus.ledger"])
# More than are ever played: a parent on a busy machine kills late, and 60 kills have left 2,600 episodes finished.
POSITIONS = 1_000_000


def claim(
    ledger: Ledger, audit: int, worker: str, block: int = 4, stale_s: float = 60, total: int = TOTAL
) -> range | None:
    return ledger.claim(audit, worker, block=block, total=total, stale_s=stale_s)


def claim_and_wait(path: Path, audit: int, claimed: multiprocessing.synchronize.Event) -> None:
    with Ledger.open(path) as ledger:
        join(ledger, "run-1")
        claim(ledger, audit, "victim")
        claimed.set()
        time.sleep(60)


def take_all(
    path: Path, worker: str, start: multiprocessing.synchronize.Barrier, results: multiprocessing.Queue
) -> None:
    with Ledger.open(path) as ledger:
        audit = join(ledger, "run-1")
        start.wait(30)
        taken = []
        while (block := claim(ledger, audit, worker, block=3, total=150)) is not None:
            for position in block:
                taken.append(position)
                if position % 2:
                    ledger.record(audit, position, make_episode(position, worker=worker))
        results.put(taken)
        start.wait(30)  # claims last as long as the process


def play_on(path: Path, run: str, news: multiprocessing.connection.Connection) -> None:
    """Resume the audit and record what is left, telling before and after each episode."""
    actions = np.random.default_rng(0).uniform(-1, 1, (100, 7)).astype(np.float32)
    with Ledger.open(path) as ledger:
        audit = join(ledger, run)
        while (block := ledger.claim(audit, run, block=4, total=POSITIONS, stale_s=3600)) is not None:
            for position in block:
                news.send(("begun", position))
                if position % 50 == 49 and not ledger.attempts(audit, position):
                    ledger.record(audit, position, make_episode(position, worker=run, success=None, error="crash"))
                ledger.record(audit, position, make_episode(position, worker=run, actions=actions))
                news.send(("finished", position))


def conclude(path: Path, run: str, news: multiprocessing.connection.Connection) -> None:
    """Play a short audit to its verdict."""
    with Ledger.open(path) as ledger:
        audit = join(ledger, run)
        news.send("joined")
        for position in range(TOTAL):
            ledger.record(audit, position, make_episode(position, worker=run))
        ledger.close_audit(audit, make_conclusion(notes=(run,)))
