"""Share of an episode's time that passes outside simulator and policy; bound: 2 %.

Plays libero_object without cameras and with a policy that answers at once, so that nothing hides what the loop, the
checks and the profile cost; an episode with cameras takes five times as long.

Usage: python perf/overhead.py [EPISODES]
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import find_task
from pytest_robustplus.policies.contract import Actions, Observation, Policy
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.rollout.episode import Episode, play

BOUND = 0.02
SUITE = "libero_object"
TASK = f"{SUITE}/pick_up_the_milk_and_place_it_in_the_basket#0"
CHUNK = 8


class Statue:
    """Asks the arm to stay where it is."""

    def reset(self, slot: int, instruction: str) -> None:
        pass

    def act(self, observations: Sequence[Observation]) -> list[Actions]:
        return [np.zeros((CHUNK, 7)) for _ in observations]


def episodes(policies: Iterable[Policy], replan: int) -> Iterator[Episode]:
    """One episode by each policy, without cameras; the first takes longer, since it compiles the scene."""
    warnings.simplefilter("ignore")
    simulator = LiberoSimulator(LiberoProtocol(), render=False)
    task, profile = find_task(TASK), Profile(replan=replan, horizons={SUITE: 280})
    for policy in policies:
        yield play(simulator, policy, task, profile)
    simulator.close()


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    shares = []
    for episode in episodes([Statue()] * (1 + count), replan=CHUNK):
        shares.append(1 - (episode.simulator_s + episode.policy_s) / episode.wall_s)
        print(f"{episode.steps} steps in {episode.wall_s:.2f} s, {episode.looks} looks: {shares[-1]:.2%} outside")
    # The median: another process that takes the processor between two calls is not this package's cost.
    share = float(np.median(shares[1:]))
    print(f"{share:.2%} of an episode outside simulator and policy (bound {BOUND:.0%})")
    return int(share > BOUND)


if __name__ == "__main__":
    sys.exit(main())
