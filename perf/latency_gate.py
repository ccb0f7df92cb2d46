"""Whether the latency gate stays green for the same policy and turns red for one that is slowed by a fifth.

Timed for real, as a latency item does it: a policy of a few milliseconds between runs of the reference workload, an
accepted run and a new one for every comparison. Half of the comparisons happen beside a process that keeps a core busy
now and then. Bounds: green in 20 of 20 comparisons of a policy with itself, red in at least 19 of 20 when the policy
does a fifth more work.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence

# On as many threads as cores, one core's other work stalls both: medians of one policy then differ by 5 to 10 %.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import numpy as np

from pytest_robustplus.latency.measure import measure
from pytest_robustplus.models.profile import Profile
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.verdict.audit import Verdict
from pytest_robustplus.verdict.latency import LatencyPlan, Slowdown

COMPARISONS, LAYERS, SLOWED = 20, 5, 1.2
PROFILE = Profile()


class Network:
    """As many layers as told; five take some 3 ms."""

    def __init__(self, layers: int) -> None:
        rng = np.random.default_rng(0)
        self._layers, self._weights = layers, rng.standard_normal((384, 384), dtype=np.float32) / 20

    def reset(self, slot: int, instruction: str) -> None:
        """Nothing to forget."""

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        return [self._chunk(observation) for observation in observations]

    def _chunk(self, observation: Observation) -> Actions:
        seen = observation.images["agentview"][:96, ::2, 0].astype(np.float32)
        hidden = np.tile(seen, (1, 3)) / 255
        for _ in range(self._layers):
            hidden = np.tanh(hidden @ self._weights)
        return np.asarray(hidden[:8, :7])


def compare(observation: Observation, layers: int, seed: int) -> Slowdown:
    """Hold a policy of so many layers against a fresh accepted run of the usual one."""
    accepted = measure(Network(LAYERS), [observation], PROFILE)
    new = measure(Network(layers), [observation], PROFILE)
    return LatencyPlan().compare(new.timings, accepted.timings, seed=seed)


@contextlib.contextmanager
def busy_neighbour() -> Iterator[None]:
    """A process that computes for half of the time, in stretches of tenths of a second."""
    process = multiprocessing.get_context("spawn").Process(target=_disturb, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _disturb() -> None:
    rng = np.random.default_rng(1)
    matrix = rng.random((384, 384), dtype=np.float32)
    while True:
        end = time.perf_counter() + rng.exponential(0.3)
        while time.perf_counter() < end:
            matrix @ matrix
        time.sleep(rng.exponential(0.3))


def main() -> int:
    """Print every ratio and the counts; return 1 when a bound is missed."""
    frame = np.random.default_rng(2).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    observation = Observation({"agentview": frame}, {}, "pick up the milk")
    found: dict[int, list[Slowdown]] = {LAYERS: [], round(SLOWED * LAYERS): []}
    for half in range(2):
        with busy_neighbour() if half else contextlib.nullcontext():
            for number in range(COMPARISONS // 2):
                for layers, slowdowns in found.items():
                    slowdowns.append(compare(observation, layers, number))
    same, slowed = found.values()
    for name, slowdowns in (("same policy", same), ("a fifth more work", slowed)):
        print(f"{name}: " + " ".join(f"{s.ratio:.2f} [{s.low:.2f}, {s.high:.2f}]" for s in slowdowns))
    green = sum(s.verdict is Verdict.PASS for s in same)
    red = sum(s.verdict is Verdict.FAIL for s in slowed)
    print(
        f"latency gate: green in {green} of {COMPARISONS} comparisons of a policy with itself (all needed), red in"
        f" {red} of {COMPARISONS} when it is slowed by a fifth (at least 19)"
    )
    return int(green < COMPARISONS or red < COMPARISONS - 1)


if __name__ == "__main__":
    sys.exit(main())
