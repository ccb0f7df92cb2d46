"""What many workers play in an hour over what one does, on the LIBERO-Plus simulator; bound: .9 of the workers.

Both runs play the same episodes of the same cells, each into a ledger of its own, on a suite whose ten tasks are one
compiled scene. What counts is the time from when every worker has finished its first episode to the last one's end,
without the seconds in which pytest, its workers and their simulators start. With ``--alone`` the run of one worker
ends earlier than that of many, and what both have played is compared. Control steps are counted, since the episodes
that one worker has played by then may be shorter than those of all (by an eighth, once).

Beside it stands what the machine itself gives: bare ``mj_step`` of the same scene in as many processes at once. Cores
that share caches, memory and clock give less than as many times one.

Usage: python perf/scaling.py [--workers 2] [--episodes 120] [--alone 120] [--cells robot,camera]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from pytest_robustplus.ledger import Ledger

BOUND = 0.9
STEPPING_S = 8.0
ROOT = Path(__file__).parent.parent
SUITE = ROOT / "suites" / "libero_plus" / "test_success_rate.py"


Outcomes = dict[tuple[str, str], tuple[bool, str]]


class Pace(NamedTuple):
    """What is played in an hour."""

    episodes: float
    steps: float


def played_an_hour(given: argparse.Namespace, workers: int, episodes: int, folder: Path) -> tuple[Pace, Outcomes]:
    """Play and return the pace, and what came of each episode of each cell: its success and its final state."""
    ledger_path = folder / f"{workers}.sqlite"
    arguments = [
        f"-n{workers}",
        f"--robust-model={given.model}",
        f"--robust-suite={given.suite}",
        f"--robust-perturbation={given.cells}",
        "--robust-baseline=none",
        f"--robust-budget={episodes}",
        f"--robust-ledger={ledger_path}",
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(SUITE), *arguments]
    played = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if played.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{played.stdout}\n{played.stderr}")
    with Ledger.open(ledger_path, create=False) as ledger:
        found = {
            (audit.key.dimension, stored.record.task): stored.record
            for audit in ledger.audits()
            for stored in ledger.episodes(audit.id)
        }
    ends: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for record in found.values():
        end = datetime.fromisoformat(record.started).timestamp() + record.wall_s
        ends[record.worker].append((end, record.steps))
    if len(ends) < max(workers, 1):
        print(f"only {len(ends)} of {workers} workers played")
    begin, _ = max(min(own) for own in ends.values())
    later = [(end, steps) for own in ends.values() for end, steps in own if end > begin]
    outcomes = {key: (bool(record.success), record.state_hash) for key, record in found.items()}
    hours = (max(later)[0] - begin) / 3600
    return Pace(len(later) / hours, sum(steps for _, steps in later) / hours), outcomes


def bare_steps(seconds: float, suite: str, barrier: Any = None) -> float:
    """Bare physics steps a second of a scene of ``suite``, from when all processes have built theirs."""
    import mujoco

    from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
    from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
    from pytest_robustplus.benchmarks.libero_plus.tasks import tasks

    simulator = LiberoSimulator(LiberoProtocol(), render=False)
    simulator.reset(next(task for task in tasks() if task.suite == suite and not task.blocked))
    model, data = (getattr(simulator.environment.sim, part) for part in ("model", "data"))
    if barrier is not None:
        barrier.wait()
    end, steps = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        mujoco.mj_step(model._model, data._data, nstep=25)
        steps += 25
    return steps / seconds


def bare_scaling(workers: int, suite: str) -> float:
    """How many times one process's bare physics so many processes at once get done."""
    context = get_context("spawn")
    with context.Pool(1) as pool:
        alone = pool.apply(bare_steps, (STEPPING_S, suite))
    with context.Manager() as manager, context.Pool(workers) as pool:
        stepping = partial(bare_steps, STEPPING_S, suite, manager.Barrier(workers))
        together = [pool.apply_async(stepping) for _ in range(workers)]
        return sum(each.get() for each in together) / alone


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--episodes", type=int, default=120)
    parser.add_argument("--alone", type=int)
    parser.add_argument("--model", default="demo_replay")
    parser.add_argument("--suite", default="libero_goal")
    parser.add_argument("--cells", default="robot")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        alone, expected = played_an_hour(given, 0, given.alone or given.episodes, Path(folder))
        spread, outcomes = played_an_hour(given, given.workers, given.episodes, Path(folder))
    print(
        f"{len(outcomes)} episodes: {alone.episodes:,.0f} episodes and {alone.steps:,.0f} steps an hour alone,"
        f" {spread.episodes:,.0f} and {spread.steps:,.0f} with {given.workers} workers"
    )
    same = all(outcomes.get(key) == outcome for key, outcome in expected.items())
    print("same outcomes and final states" if same else "OUTCOMES OR FINAL STATES DIFFER")
    print(
        f"bare physics in {given.workers} processes at once: {bare_scaling(given.workers, given.suite):.2f} times one's"
    )
    ratio = spread.steps / alone.steps
    print(
        f"scaling: {ratio:.2f} times as many steps an hour with {given.workers} workers on {given.cells}"
        f" (bound {BOUND * given.workers:.1f})"
    )
    return 0 if ratio >= BOUND * given.workers and same else 1


if __name__ == "__main__":
    sys.exit(main())
