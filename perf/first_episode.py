"""How much sooner the first episode on a machine ends that has played the scene before; bound: 2 times.

Fresh processes play one episode of libero_spatial, 90 steps after settling with a look every 8, through two cameras of
256 × 256 pixels, in turn: as the first start on a machine, with an empty cache, and with one that an earlier start has
filled. With ``--before``, the first of the two is played by another checkout of this repository, such as an earlier
release's, with what that keeps from start to start; then the ratio is what has been gained since. The clock on the wall
and the processor's time run from where a simulator is asked for (the interpreter's start and this package's imports
are 0.2 s before either) to the end of the episode; the last line names also the ratio up to the first picture.

Usage: python perf/first_episode.py [--rounds 2] [--before CHECKOUT]
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
from typing import NamedTuple

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
    pictured = 0.0
    for step, action in enumerate([*[np.asarray(profile.settle_action)] * profile.settle_steps, *moves]):
        simulator.step(action, render=step % 8 == 1)
        pictured = pictured or (step == 1) * (time.process_time() - own)
    print(time.perf_counter() - wall, time.process_time() - own, built, pictured, simulator.state_hash())
    simulator.close()


class Start(NamedTuple):
    """Seconds to the end, by the clock and of the processor, for building, and to the first picture; the final state.

    For building by the clock, to the first picture of the processor.
    """

    wall: float
    own: float
    built: float
    pictured: float
    state: str


def played(cache: str, checkout: Path = ROOT) -> Start:
    """What came of a process that plays."""
    path = [str(checkout), os.environ.get("PYTHONPATH", "")]
    # The first start of each writes Python's bytecode, as installing does.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    run = subprocess.run(
        [sys.executable, __file__, "--inside"],
        env={**inherited, CACHE_VARIABLE: cache, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise SystemExit(run.stderr)
    *seconds, state = run.stdout.split()[-5:]
    wall, own, built, pictured = map(float, seconds)
    return Start(wall, own, built, pictured, state)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--before", type=Path, metavar="CHECKOUT")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        play()
        return 0
    name = "first start" if given.before is None else "before"
    ratios = []
    with tempfile.TemporaryDirectory() as kept, tempfile.TemporaryDirectory() as older:
        played(kept)  # also compiles numba's functions and brings files into memory
        if given.before is not None:
            played(older, given.before)
        for _ in range(given.rounds):
            if given.before is None:
                with tempfile.TemporaryDirectory() as empty:
                    first = played(empty)
            else:
                first = played(older, given.before)
            second = played(kept)
            if first.state != second.state:
                raise SystemExit("What was kept played another episode.")
            for what, one in ((name, first), ("second start", second)):
                print(
                    f"{what}: {one.wall:.2f} s, {one.own:.2f} of the processor, {one.pictured:.2f} of it to the first"
                    f" picture; {one.built:.2f} s to build the simulator",
                    flush=True,
                )
            ratios.append((first.wall / second.wall, first.own / second.own, first.pictured / second.pictured))
    wall, own, pictured = np.median(ratios, axis=0)
    print(
        f"first episode: {own:.2f} times sooner by the processor's time (first picture {pictured:.2f}), {wall:.2f} on"
        f" the wall (bound {BOUND:.0f})"
    )
    return int(own < BOUND)


if __name__ == "__main__":
    sys.exit(main())
