"""Record the expert's actions on the first seed of every task it solves into a benchmark's demonstrations.npz.

Usage: python scripts/record_expert_demonstrations.py [bimanual|maniskill]
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from pytest_robustplus.benchmarks.bimanual import benchmark as bimanual
from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.benchmarks.demo_replay import key
from pytest_robustplus.benchmarks.maniskill import benchmark as maniskill
from pytest_robustplus.benchmarks.maniskill.expert import SOLUTIONS
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.rollout.episode import play


def main(name: str = "bimanual") -> None:
    benchmark: Benchmark = maniskill.ManiSkill({}) if name == "maniskill" else bimanual.Bimanual({})
    path: Path = maniskill.DEMONSTRATIONS if name == "maniskill" else bimanual.DEMONSTRATIONS
    solved = tuple(SOLUTIONS) if name == "maniskill" else benchmark.suites
    profile = replace(benchmark.profile, cameras=(), replan=1)
    simulator = benchmark.simulator(profile, benchmark.protocol(profile))
    bank = {}
    for task in benchmark.tasks():
        if task.dimension is Dimension.ORIGINAL and key(task) not in bank and task.base in solved:
            episode = play(simulator, benchmark.script("expert"), task, profile)
            print(f"{task.name}: {episode.steps} steps, {'solved' if episode.success else 'not solved'}", flush=True)
            bank[key(task)] = episode.actions.astype(np.float32)
    simulator.close()
    np.savez_compressed(path, **bank)
    print(f"{len(bank)} demonstrations, {path.stat().st_size / 1000:.0f} kB: {path}")


if __name__ == "__main__":
    main(*sys.argv[1:])
