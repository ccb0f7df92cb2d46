"""Pictures of recorded demonstrations: ``python -m training.draw RECORDED OUT --workers 32``.

Every look is drawn twice, as it is and under a random camera, lights and colours, as ``training.collect`` does; OUT
then holds the arrays that ``training.train`` reads. Of tasks with fewer recorded episodes than ``--episodes``, more
are played here, until ``--seconds`` are over.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pytest_robustplus.benchmarks.libero_plus.tasks import instruction
from training.collect import base_tasks, demonstrate, placed, seen
from training.placements import PlacedSimulator
from training.recipe import ARRAYS
from training.record import PART, Recording, load

_DRAWN = 10  # recorded episodes at a time: a small job, so that all workers end together
_PLAYED = 4  # episodes of one task at a time, where none are recorded
_worker: dict[str, Any] = {}


def draw(
    simulator: PlacedSimulator, task: Any, seed: tuple[int, int], recording: Recording, plain: bool
) -> np.ndarray[Any, Any]:
    """The four views of each look, (n, 4, 128, 128, 3) uint8; ``plain`` only the two that are not randomised."""
    placed(simulator, task, seed, np.random.default_rng([*seed, 1]))
    random = np.random.default_rng([*seed, 2])
    views = []
    for positions in recording.positions:
        plainly = seen(simulator.render_from(positions))
        views.append([*plainly, *([] if plain else seen(simulator.render_randomly(random)))])
    return np.array(views, np.uint8)


class Job(NamedTuple):
    """A part of a file of recordings to draw; or, without a file, episodes to play of a task."""

    out: Path
    end: float
    recorded: Path | None = None
    part: int = 0
    plain: bool = False
    number: int = 0
    episodes: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return (
            f"{self.recorded.stem}-{self.part}" if self.recorded else f"{self.number:02}-{self.episodes[0]:04}-played"
        )


def _start() -> None:
    _worker["simulator"] = PlacedSimulator()


def _work(job: Job) -> int:
    made: list[tuple[Any, ...]] = []
    if job.recorded:
        episodes = list(load(job.recorded).items())
        for (number, episode), recording in episodes[job.part * _DRAWN : (job.part + 1) * _DRAWN]:
            images = draw(_worker["simulator"], base_tasks()[number], (number, episode), recording, job.plain)
            index = np.full((len(images), 2), (number, episode))
            made.append((images, recording.state, recording.actions, recording.objects, index))
    for episode in job.episodes:
        if time.time() > job.end:
            break
        played = demonstrate(_worker["simulator"], base_tasks()[job.number], (job.number, episode))
        if played is not None:
            played = played._replace(images=played.images[:, : 2 if job.plain else 4])
            made.append((*played, np.full((len(played.state), 2), (job.number, episode))))
    for name, parts in zip(ARRAYS, zip(*made, strict=True), strict=bool(made)):
        np.save(job.out / f"{name}-{job.name}.npy", np.concatenate(parts))
    return len(made)


def jobs(recorded: Path, out: Path, episodes: int, end: float, plain: bool) -> list[Job]:
    """What is to be drawn, then what is to be played, a few episodes of every task in turn."""
    files = [path for path in sorted(recorded.glob("*.npz")) if ".partial" not in path.name]
    found = [Job(out, end, path, part, plain) for path in files for part in range(PART // _DRAWN)]
    have = Counter(int(path.stem.split("-")[0]) for path in files)
    for first in range(0, episodes, _PLAYED):
        numbers = [n for n in range(len(base_tasks())) if first >= have[n] * PART]
        several = tuple(range(first, first + _PLAYED))
        found += [Job(out, end, plain=plain, number=n, episodes=several) for n in numbers]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recorded", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--episodes", type=int, default=0, help="of each task at least")
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--share", type=int, nargs=2, default=(0, 1), metavar=("NUMBER", "OF"), help="0 1 is all of it")
    parser.add_argument("--plain", action="store_true", help="no random views: half the time, and no robust members")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    sentences = [[instruction(t, "task_language"), instruction(t, "bddl")] for t in base_tasks()]
    (options.out / "collected.json").write_text(json.dumps({"sentences": sentences}, indent=1))
    work = jobs(options.recorded, options.out, options.episodes, time.time() + options.seconds, options.plain)
    share, shares = options.share
    # Unlike multiprocessing's own pool, this one ends when its workers cannot start.
    with ProcessPoolExecutor(options.workers, get_context("spawn"), _start) as pool:
        episodes = sum(pool.map(_work, work[share::shares]))
    print(f"{episodes} episodes in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
