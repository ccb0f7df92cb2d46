"""Demonstrations without pictures, as states to draw later: ``python -m training.record OUT --episodes 100``.

Physics takes 0.7 s of an episode on a processor, pictures the rest; so a machine with a GPU is asked for pictures only
(``training.draw``). Episodes are those of ``training.collect``: initial states drawn anew and never official ones, half
with objects moved, most with noise in the execution and clean labels. Killed and started again, it goes on.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus.expert import Expert
from pytest_robustplus.benchmarks.libero_plus.expert.scene import SceneView
from pytest_robustplus.policies.contract import Observation
from pytest_robustplus.policies.profiles.state import assembler
from training.collect import Disturbance, base_tasks, begin, chunks
from training.placements import PlacedSimulator
from training.recipe import HORIZON, RENDER_EVERY, STATE

PART = 20  # episodes a file


class Recording(NamedTuple):
    """One successful episode's looks: positions (n, nq) and what ``training.collect.Demonstration`` holds of each."""

    positions: NDArray[np.float32]
    state: NDArray[np.float32]
    actions: NDArray[np.float32]
    objects: NDArray[np.float32]


class NotingSimulator(PlacedSimulator):
    """Draws nothing; notes where every joint is at the moment, within a step, at which pictures are taken."""

    def __init__(self) -> None:
        super().__init__(render=False)
        self.positions = np.zeros(0)

    def _observed(self) -> Observation:
        self.positions = np.array(self.environment.sim.data.qpos)
        return super()._observed()


def record(simulator: NotingSimulator, task: Task, seed: tuple[int, ...]) -> Recording | None:
    """Play the expert once; None when it fails."""
    random = np.random.default_rng([*seed, 1])
    start = begin(simulator, task, seed, random)
    expert = Expert()
    expert.reset(0, start.words)
    expert.attach(0, simulator)
    scene, vector, disturb = SceneView(simulator.environment), assembler(STATE), Disturbance(random)
    _, held, target = scene.goals[0]
    positions, states, places, labels = [], [], [], []
    for step in range(HORIZON):
        if step % RENDER_EVERY == 0:
            look = simulator.observe()
            positions.append(simulator.positions)
            states.append(vector(look.state))
            here, there = scene.position(held), scene.position(target)
            places.append(np.concatenate([here, here - states[-1][:3], there]))
        action = expert.act([look])[0][0]
        labels.append(action)
        if simulator.step(disturb(action) if start.noisy else action, render=(step + 1) % RENDER_EVERY == 0):
            acted = chunks(labels, range(0, step + 1, RENDER_EVERY))
            return Recording(*(np.array(part, np.float32) for part in (positions, states, acted, places)))
    return None


def save(path: Path, episodes: dict[tuple[int, int], Recording | None]) -> None:
    """Write one file: arrays named by field, task and episode; an episode that failed has none."""
    arrays = {
        f"{n}/{e}/{key}": value for (n, e), made in episodes.items() if made for key, value in made._asdict().items()
    }
    partial = path.with_suffix(".partial.npz")
    np.savez_compressed(partial, **arrays)
    partial.rename(path)


def load(path: Path) -> dict[tuple[int, int], Recording]:
    """Read one file by (task, episode)."""
    with np.load(path) as arrays:
        keys = dict.fromkeys(tuple(map(int, name.split("/")[:2])) for name in arrays)
        return {(n, e): Recording(*(arrays[f"{n}/{e}/{field}"] for field in Recording._fields)) for n, e in keys}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--episodes", type=int, default=100, help="of each task")
    parser.add_argument("--seconds", type=float, default=36000)
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    end, simulator = time.monotonic() + options.seconds, NotingSimulator()
    for first in range(0, options.episodes, PART):
        for number, task in list(enumerate(base_tasks()))[options.worker :: options.workers]:
            path = options.out / f"{number:02}-{first:04}.npz"
            if path.exists():
                continue
            if time.monotonic() > end:
                return
            save(path, {(number, e): record(simulator, task, (number, e)) for e in range(first, first + PART)})
            print(path.name, len(load(path)), flush=True)


if __name__ == "__main__":
    main()
