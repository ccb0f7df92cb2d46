"""Record the expert's actions on the first seed of every bimanual task into the package's demonstrations.npz."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pytest_robustplus.benchmarks.bimanual.benchmark import DEMONSTRATIONS, Bimanual
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.replay import key
from pytest_robustplus.rollout.episode import play


def main() -> None:
    benchmark = Bimanual({})
    profile = replace(benchmark.profile, cameras=())
    simulator = benchmark.simulator(profile, benchmark.protocol(profile))
    bank = {}
    for task in benchmark.tasks():
        if task.dimension is Dimension.ORIGINAL and key(task) not in bank:
            episode = play(simulator, benchmark.script("expert"), task, profile)
            print(f"{task.name}: {episode.steps} steps, {'solved' if episode.success else 'not solved'}", flush=True)
            bank[key(task)] = episode.actions.astype(np.float32)
    simulator.close()
    np.savez_compressed(DEMONSTRATIONS, **bank)
    print(f"{len(bank)} demonstrations, {DEMONSTRATIONS.stat().st_size / 1000:.0f} kB: {DEMONSTRATIONS}")


if __name__ == "__main__":
    main()
