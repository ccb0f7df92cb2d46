"""Record the expert's actions on every base task from its initial state 0 into the package's demonstrations.npz.

Keeps successes only: float32 arrays of shape (steps, 7), keyed '<suite>/<base>'. ReplayResult from the same state under
the same protocol they succeed again, which is checked before they are kept. Takes about 3 minutes on one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.demo_replay import Replay, key
from pytest_robustplus.benchmarks.libero_plus.benchmark import DEMONSTRATIONS
from pytest_robustplus.benchmarks.libero_plus.expert import Expert
from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import tasks
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.cards import default_profile
from pytest_robustplus.rollout.episode import play


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=DEMONSTRATIONS)
    arguments = parser.parse_args()
    bank = {}
    for task in tasks():
        if task.dimension is Dimension.ORIGINAL and task.init_state == 0:
            actions = demonstrate(task)
            print(f"{task.name}: {'not solved' if actions is None else f'{len(actions)} steps'}", flush=True)
            if actions is not None:
                bank[key(task)] = actions
    np.savez_compressed(arguments.output, **dict(sorted(bank.items())))
    print(f"{len(bank)} demonstrations, {arguments.output.stat().st_size / 1000:.0f} kB: {arguments.output}")


def demonstrate(task: Task) -> NDArray[np.float32] | None:
    """Actions of one success whose replay succeeds too, or None."""
    profile = default_profile("libero_plus")
    simulator = LiberoSimulator(LiberoProtocol(), render=False)
    try:
        episode = play(simulator, Expert(), task, profile)
        actions = episode.actions.astype(np.float32)
        replayed = episode.success and play(simulator, Replay({key(task): actions}), task, profile).success
        return actions if replayed else None
    finally:
        simulator.close()


if __name__ == "__main__":
    main()
