"""Bimanual with three cameras of 320 × 240, looked at every 16 steps: cost of a step and a reset, memory, and the
ratio to the same episode rendered at every step.

Bounds, on one core: 5 ms a step on average, 100 ms a reset, 400 MB, 5 % growth over 500 resets, six times naive.
"""

from __future__ import annotations

import os
import sys
from time import process_time

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.bimanual.benchmark import DEMONSTRATIONS, Bimanual
from pytest_robustplus.benchmarks.contract import Simulator, Task
from pytest_robustplus.benchmarks.demo_replay import key, load
from pytest_robustplus.perturbations import Dimension

REPLAN = 16
STEPS = 160
RESETS = 500
BOUNDS = {"ms_a_step": 5.0, "ms_a_reset": 100.0, "megabytes": 400.0, "growth": 0.05}
LEAST_RATIO = 6.0


def main() -> int:
    benchmark = Bimanual({})
    profile = benchmark.profile
    simulator = benchmark.simulator(profile, benchmark.protocol(profile))
    tasks = [task for task in benchmark.tasks() if task.base == "stack_blocks_two"]
    original = next(task for task in tasks if task.dimension is Dimension.ORIGINAL)
    actions = load(DEMONSTRATIONS)[key(original)][:STEPS]
    played(simulator, original, actions[:REPLAN], REPLAN)  # compiles the shaders
    ours = played(simulator, original, actions, REPLAN)
    naive = played(simulator, original, actions[: STEPS // 4], 1) * 4
    found = {"ms_a_step": 1000 * ours / len(actions), "megabytes": megabytes()}
    start = process_time()
    for number in range(20):
        simulator.reset(tasks[number])
    found["ms_a_reset"] = 1000 * (process_time() - start) / 20
    before = megabytes()
    for number in range(RESETS):
        simulator.reset(tasks[number % len(tasks)])
    found["growth"] = megabytes() / before - 1
    simulator.close()
    ratio = naive / ours
    print(", ".join(f"{name} {value:.3g} (at most {BOUNDS[name]:g})" for name, value in found.items()))
    print(f"{ratio:.1f} times as fast as rendering every step (at least {LEAST_RATIO:g})")
    return int(ratio < LEAST_RATIO or any(value > BOUNDS[name] for name, value in found.items()))


def played(simulator: Simulator, task: Task, actions: NDArray[np.float32], replan: int) -> float:
    """Processor seconds of an episode of these actions, its reset included."""
    start = process_time()
    simulator.reset(task)
    simulator.observe()
    for number, action in enumerate(actions, 1):
        simulator.step(action, render=number % replan == 0 and number < len(actions))
    return process_time() - start


def megabytes() -> float:
    """Resident memory of this process."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    sys.exit(main())
