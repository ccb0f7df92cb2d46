"""How much sooner the first episode on a machine ends that has played the scene before; bound: 2 times.

Fresh processes play one episode of libero_spatial, 90 steps after settling with a look every 8, through two cameras of
256 × 256 pixels: in turn with an empty cache, as the first start on a machine, and with one that an earlier start has
filled. Both the clock on the wall and the processor's time are told, from where a simulator is asked for (the
interpreter's start and this package's imports are a second before either) to the end of the episode.

Usage: python perf/first_episode.py [--rounds 2]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from pytest_robustplus.benchmarks.cache import CACHE_VARIABLE

BOUND = 2.0
ROOT = Path(__file__).parents[1]
TASK = "libero_spatial/pick_up_the_black_bowl_on_the_stove_and_place_it_on_the_plate#0"
STEPS = 90


def play() -> None:
    """Play the episode and print what it took."""
    warnings.simplefilter("ignore")
    from pytest_robustplus.benchmarks.libero_plus.benchmark import LiberoPlus

    benchmark = LiberoPlus({})
    profile = benchmark.profile
    moves = np.random.default_rng(0).uniform(-0.3, 0.3, (STEPS, 7))
    wall, own = time.perf_counter(), time.process_time()
    simulator = benchmark.simulator(profile, benchmark.protocol(profile))
    built = time.perf_counter() - wall
    simulator.reset(benchmark.task(TASK))
    for step, action in enumerate([*[np.asarray(profile.settle_action)] * profile.settle_steps, *moves]):
        simulator.step(action, render=step % 8 == 1)
    print(time.perf_counter() - wall, time.process_time() - own, built, simulator.state_hash())
    simulator.close()


def played(cache: str) -> tuple[float, float, float, str]:
    """Seconds of wall clock and of the processor of a process that plays, of which for building; its final state."""
    path = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    run = subprocess.run(
        [sys.executable, __file__, "--inside"],
        env={**os.environ, CACHE_VARIABLE: cache, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise SystemExit(run.stderr)
    wall, own, built, state = run.stdout.split()[-4:]
    return float(wall), float(own), float(built), state


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        play()
        return 0
    ratios = []
    with tempfile.TemporaryDirectory() as kept:
        played(kept)  # also compiles numba's functions and brings files into memory
        for _ in range(given.rounds):
            with tempfile.TemporaryDirectory() as empty:
                first, second = played(empty), played(kept)
            if first[-1] != second[-1]:
                raise SystemExit("What was kept played another episode.")
            for name, one in (("first start", first), ("second start", second)):
                print(
                    f"{name}: {one[0]:.2f} s, {one[1]:.2f} of the processor; {one[2]:.2f} s to build the simulator",
                    flush=True,
                )
            ratios.append((first[0] / second[0], first[1] / second[1]))
    wall, own = np.median(ratios, axis=0)
    print(f"first episode: {own:.2f} times sooner by the processor's time, {wall:.2f} on the wall (bound {BOUND:.0f})")
    return int(own < BOUND)


if __name__ == "__main__":
    sys.exit(main())
