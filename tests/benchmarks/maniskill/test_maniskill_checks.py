"""Pre-flight checks in a simulator that stands for ManiSkill's, which needs torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pytest_robustplus.benchmarks.contract import CheckContext
from pytest_robustplus.benchmarks.maniskill.checks import CHECKS
from pytest_robustplus.errors import CheckFailedError, CheckSkipped
from pytest_robustplus.policies.cards import default_profile
from pytest_robustplus.policies.contract import Observation

BY_NAME = {check.name: check.run for check in CHECKS}
PROFILE = default_profile("maniskill")


class Scene:
    """Is solved by any action that moves, or from the start."""

    action_width = 7

    def __init__(self, solved: bool = False) -> None:
        self.solved = solved

    def reset(self, task: Any) -> str:
        return "pick up the cube"

    def observe(self) -> Observation:
        return Observation({"base_camera": np.zeros((8, 8, 3), np.uint8)}, {"qpos": np.zeros(9)}, "pick up the cube")

    def step(self, action: Any, *, render: bool) -> bool:
        return self.solved or bool(np.abs(action[:6]).any())


class Answers:
    """The same action again and again."""

    def __init__(self, move: float) -> None:
        self.chunk = np.full((8, 7), move)
        self.chunk[:, 6] = 9.0

    def reset(self, slot: int, instruction: str) -> None: ...

    def act(self, observations: Any) -> Any:
        return [self.chunk for _ in observations]


def run(name: str, *, move: float = 0.5, solved: bool = False, control: Any = "delta") -> str:
    scene: Any = Scene(solved)
    return BY_NAME[name](CheckContext(scene, Answers(move), replace(PROFILE, control=control), []))


def test_a_first_chunk_that_cannot_be_meant_is_found() -> None:
    assert run("motion") == "deltas up to 0.50"
    with pytest.raises(CheckFailedError, match="nobody has un-normalised it"):
        run("motion", move=40.0)
    with pytest.raises(CheckFailedError, match="it would stand still"):
        run("motion", move=1e-5)


def test_a_goal_that_holds_though_nobody_acted_is_found() -> None:
    assert run("unsolved") == "a robot that stands still solves nothing"
    with pytest.raises(CheckFailedError, match="counts as solved though the robot has only stood still"):
        run("unsolved", solved=True)


@pytest.mark.parametrize("name", ["motion", "unsolved"])
def test_poses_are_left_to_who_knows_where_the_arm_is(name: str) -> None:
    with pytest.raises(CheckSkipped, match="are no deltas"):
        run(name, control="absolute")
