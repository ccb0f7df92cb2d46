"""Memory of one simulator with two 256 × 256 cameras over 200 episodes of all suites in random order.

Bounds: 2.3 GB at any moment where it keeps no more than 0.85 GB of scenes, as much more where it may keep more
(``--kept``, up to 3 GB, as ``machine.keeping`` finds it), and no higher after the episodes of the second hundred than
after those of the first, in the median and but for 5 %: how much the scenes kept at one time take differs by as much,
and so the highest of a hundred episodes does. Episodes are short, because what takes memory is changing scenes: each
looks once. Without ``--kept`` the least and the most are measured one after the other, each in a process of its own.

Usage: python perf/memory.py [--kept GB] [EPISODES]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import tasks
from pytest_robustplus.distributed import machine
from pytest_robustplus.policies.profile import Profile

GROWTH = 1.05


def status(key: str) -> int:
    """Bytes that the system counts for this process: ``VmRSS`` now, ``VmHWM`` at most so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("episodes", type=int, nargs="?", default=200)
    parser.add_argument("--kept", metavar="GB")
    given = parser.parse_args()
    if given.kept is None:
        sizes = map(machine.told, (machine.KEPT_BYTES, machine.MOST_KEPT_BYTES))
        runs = [subprocess.run([sys.executable, __file__, "--kept", size, str(given.episodes)]) for size in sizes]
        return max(run.returncode for run in runs)
    os.environ[machine.KEPT] = given.kept
    return measure(given.episodes, machine.PEAK_BYTES + machine.kept() - machine.KEPT_BYTES)


def measure(episodes: int, bound: int) -> int:
    """Play and say how much memory that takes, ``bound`` bytes at most."""
    warnings.simplefilter("ignore")
    playable = [task for task in tasks() if not task.blocked]
    order = np.random.default_rng(0).choice(len(playable), episodes, replace=False)
    simulator = LiberoSimulator(LiberoProtocol())
    still = np.asarray(Profile().settle_action)
    resident = []
    for count, index in enumerate(order, 1):
        simulator.reset(playable[index])
        simulator.step(still, render=False)
        simulator.step(still, render=True)
        simulator.observe()
        resident.append(status("VmRSS"))
        if count % 20 == 0:
            print(f"{count:4} episodes: {resident[-1] / 1e9:.2f} GB, at most {status('VmHWM') / 1e9:.2f}", flush=True)
    simulator.close()
    first, second = np.median(resident[: episodes // 2]), np.median(resident[episodes // 2 :])
    peak = status("VmHWM")
    print(f"after episodes: {first / 1e9:.2f} GB in the first half, {second / 1e9:.2f} in the second (growth {GROWTH})")
    print(f"{peak / 1e9:.2f} GB at most (bound {bound / 1e9:.2f})", flush=True)
    return int(peak > bound or second > first * GROWTH)


if __name__ == "__main__":
    sys.exit(main())
