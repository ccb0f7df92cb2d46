"""Pre-flight checks on a fake checkout, whose expert sweeps the left arm's joints and closes the right gripper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_robotwin import Make, faults

from pytest_robustplus.benchmarks.contract import CheckContext
from pytest_robustplus.benchmarks.robotwin_plus.benchmark import RoboTwinPlus
from pytest_robustplus.benchmarks.robotwin_plus.checks import CHECKS
from pytest_robustplus.errors import CheckFailedError
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.profiled import Profiled

BY_NAME = {check.name: check.run for check in CHECKS}


class Stays:
    """Asks for where the arms are, less ``share`` of it; with its grippers ``held``, or as they are."""

    def __init__(self, share: float = 0.0, held: float | None = None) -> None:
        self.share, self.held = share, held

    def reset(self, slot: int, instruction: str) -> None: ...

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        here = np.array(observations[0].state["joint_pos"])
        chunk = np.tile(here * (1 - self.share), (8, 1))
        chunk[:, [6, 13]] = here[[6, 13]] if self.held is None else self.held
        return [chunk]


def run(make: Make, benchmark: RoboTwinPlus, name: str, policy: Any) -> str:
    simulator = make()
    tasks = [benchmark.task("adjust_bottle/demo_clean#0")]
    profile = benchmark.profile
    return BY_NAME[name](CheckContext(simulator, Profiled(policy, profile), profile, tasks))


def test_the_gripper_is_watched_along_the_experts_path(make: Make, benchmark: RoboTwinPlus) -> None:
    assert run(make, benchmark, "motion", Stays()).startswith("joints up to 0.00 rad")
    assert "the policy's gripper moves" in run(make, benchmark, "grasp", Stays())
    with pytest.raises(CheckFailedError, match=r"gripper never moves.*\+1\.00 to \+1\.00"):
        run(make, benchmark, "grasp", Stays(held=1.0))


def test_deltas_are_seen_where_the_arms_no_longer_stand_at_zero(make: Make, benchmark: RoboTwinPlus) -> None:
    """RoboTwin's default robot begins with all joints at zero, where deltas and joints are the same numbers."""
    assert run(make, benchmark, "motion", Stays(share=2.0)).startswith("joints up to 0.00 rad")
    with pytest.raises(CheckFailedError, match=r"joint to jump by 0\.\d\d rad: its actions are deltas"):
        run(make, benchmark, "grasp", Stays(share=2.0))


@pytest.mark.parametrize("space", ["joint", "eef"])
def test_a_goal_that_holds_though_nobody_acted_is_found(
    make: Make, benchmark: RoboTwinPlus, checkout: Path, space: Any
) -> None:
    profile = replace(benchmark.profile, action_space=space, action_width={"joint": 14, "eef": 16}[space])
    simulator = benchmark.simulator(profile, benchmark.protocol(profile))
    context = CheckContext(simulator, Stays(), profile, [benchmark.task("adjust_bottle/demo_clean#0")])
    try:
        assert BY_NAME["unsolved"](context) == "a robot that stands still solves nothing"
        faults(checkout, step="solved")
        with pytest.raises(CheckFailedError, match="counts as solved though the robot has only stood still"):
            BY_NAME["unsolved"](context)
    finally:
        simulator.close()


def test_a_camera_that_measures_nothing_is_found(make: Make, benchmark: RoboTwinPlus) -> None:
    profile = replace(benchmark.profile, depth=("head_camera",))
    simulator = make(cameras=profile.cameras, depth=profile.depth)
    context = CheckContext(simulator, Stays(), profile, [benchmark.task("adjust_bottle/demo_clean#0")])
    # A fake's depth is the same everywhere.
    with pytest.raises(CheckFailedError, match="camera 'head_camera' measures the same depth everywhere"):
        BY_NAME["renderer"](context)
