"""What the bimanual simulator says of an episode."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from pytest_robustplus.benchmarks.bimanual.arms import HOME_ACTION
from pytest_robustplus.benchmarks.bimanual.draws import FIRST_SEED
from pytest_robustplus.benchmarks.bimanual.expert import Expert
from pytest_robustplus.benchmarks.bimanual.simulator import BimanualSimulator
from pytest_robustplus.benchmarks.bimanual.tasks import find_task
from pytest_robustplus.policies.cards import default_profile
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.zero import Zero
from pytest_robustplus.results.events import EpisodeEvents, Failure
from pytest_robustplus.rollout.episode import play

PROFILE = dataclasses.replace(default_profile("bimanual"), cameras=())


class OpenHanded(Expert):
    """The expert, whose grippers never close."""

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        chunks = [np.array(chunk) for chunk in super().act(observations)]
        for chunk in chunks:
            chunk[:, [6, 13]] = 1.0
        return chunks


def played(simulator: BimanualSimulator, policy: object, base: str, longest: int = 0) -> EpisodeEvents:
    profile = dataclasses.replace(PROFILE, longest=longest or PROFILE.longest)
    events = play(simulator, policy, find_task(f"{base}/original#{FIRST_SEED}"), profile).events  # type: ignore[arg-type]
    assert events is not None
    return events


@pytest.mark.parametrize("base", ["lift_block", "stack_blocks_two", "place_blocks_bin"])
def test_a_success_reaches_its_goal(blind: BimanualSimulator, base: str) -> None:
    events = played(blind, Expert(), base)
    assert (events.failure, events.progress) == (None, 1.0)
    assert events.subgoals[-1].step > 0


def test_failures_are_told_apart(blind: BimanualSimulator) -> None:
    assert played(blind, Zero(HOME_ACTION), "stack_blocks_two", 60).failure is Failure.NEVER_MOVED
    reached = played(blind, OpenHanded(), "lift_block", 200)
    assert (reached.failure, reached.progress) == (Failure.NOT_GRASPED, 1 / 3)
    cut = played(blind, Expert(), "stack_blocks_two", 150)
    assert cut.failure in (Failure.TIMEOUT, Failure.MISPLACED)
    assert cut.progress is not None
    assert 0 < cut.progress < 1
