"""First chunks that can and cannot be meant, on two arms; test_checks.py of LIBERO-Plus has one arm, simulated."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pytest_robustplus.benchmarks import plausible
from pytest_robustplus.errors import CheckFailedError
from pytest_robustplus.policies.contract import Observation

WXYZ = [0.5, 0.5, -0.5, 0.5]
STATE: dict[str, NDArray[np.float64]] = {
    "joint_pos": np.linspace(0, 1, 14),
    "left_endpose": np.array([-0.3, -0.3, 0.9, *WXYZ]),
    "right_endpose": np.array([0.3, -0.3, 0.9, *WXYZ]),
}
SEEN = Observation(images={}, state=STATE, instruction="")
HERE = np.concatenate([STATE["left_endpose"], [1.0], STATE["right_endpose"], [1.0]])


def test_a_step_from_where_the_arms_are_is_plausible() -> None:
    assert plausible.two_arms(STATE["joint_pos"][None] + 0.1, SEEN) == "joints up to 0.10 rad away"
    # Either sign is the same rotation.
    near = HERE * np.where(np.arange(16) % 8 // 3 == 1, -1, 1)
    near[[6, 14]] *= -1
    assert plausible.two_arms(near[None], SEEN).startswith("the left arm 0 cm and 0° away")


def test_deltas_and_other_orders_are_named() -> None:
    with pytest.raises(CheckFailedError, match=r"joint to jump by 3\.\d\d rad: its actions are deltas"):
        plausible.two_arms(STATE["joint_pos"][None] - 3, SEEN)
    # What X-VLA's client did from ccd1992 on with actions that were learnt as wxyz read as xyzw.
    misread = HERE.copy()
    for at in (3, 11):
        misread[at : at + 4] = Rotation.from_quat([0.9, 0.1, -0.3, 0.2]).as_quat()
    with pytest.raises(CheckFailedError, match=r"the left arm to jump by 0 cm and \d+°.*read in another order"):
        plausible.two_arms(misread[None], SEEN)
    far = HERE.copy()
    far[0] += 0.5
    with pytest.raises(CheckFailedError, match="the left arm to jump by 50 cm"):
        plausible.two_arms(far[None], SEEN)


def test_a_jump_in_the_middle_of_a_chunk_is_named() -> None:
    """Rotation vectors cross half a turn so, and columns that are skipped in every second action."""
    poses = np.tile(HERE, (4, 1))
    poses[2, 11:15] = [0.5, -0.5, 0.5, 0.5]
    with pytest.raises(CheckFailedError, match=r"Action 3 of the policy's chunk asks the right arm to jump by 0 cm"):
        plausible.two_arms(poses, SEEN)
    joints = np.tile(STATE["joint_pos"], (4, 1))
    joints[1, 8] += 0.9
    with pytest.raises(CheckFailedError, match=r"Action 2 of the policy's chunk asks a joint to jump by 0\.90 rad"):
        plausible.two_arms(joints, SEEN)


def test_a_robot_that_does_nothing_solves_nothing() -> None:
    assert plausible.unsolved(False, "task") == "a robot that stands still solves nothing"
    with pytest.raises(CheckFailedError, match="task counts as solved"):
        plausible.unsolved(True, "task")
