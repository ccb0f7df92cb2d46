"""Pre-flight checks on the real arms: what is right passes, each planted mistake is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pytest_robustplus.benchmarks.bimanual.benchmark import DEMONSTRATIONS, Bimanual
from pytest_robustplus.benchmarks.bimanual.checks import CHECKS
from pytest_robustplus.benchmarks.contract import CheckContext
from pytest_robustplus.benchmarks.demo_replay import load
from pytest_robustplus.errors import CheckFailedError
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.profiled import Profiled

pytest.importorskip("sapien")
pytest.importorskip("gym_aloha")
BENCHMARK = Bimanual({})
PROFILE = replace(BENCHMARK.profile, image_size=48, image_width=64)
BY_NAME = {check.name: check.run for check in CHECKS}
TAPE = load(DEMONSTRATIONS)["lift_block/lift_block"].astype(np.float64)


class Follows:
    """Goes on from where the arms are as the demonstration does; ``spoil`` changes what it answers."""

    def __init__(self, spoil: Any = lambda chunk, _: chunk) -> None:
        self._spoil = spoil

    def reset(self, slot: int, instruction: str) -> None: ...

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        here = np.asarray(observations[0].state["joint_pos"])
        nearest = int(np.abs(TAPE[:-16] - here).max(axis=1).argmin())
        return [self._spoil(TAPE[nearest : nearest + 16].copy(), here)]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Any]:
    built = BENCHMARK.simulator(PROFILE, BENCHMARK.protocol(PROFILE))
    yield built
    built.close()


def run(name: str, simulator: Any, policy: Any) -> str:
    tasks = [task for task in BENCHMARK.tasks() if task.base == "lift_block"][:1]
    return BY_NAME[name](CheckContext(simulator, Profiled(policy, PROFILE), PROFILE, tasks))


def _open(chunk: Any, _: Any) -> Any:
    chunk[:, [6, 13]] = 1.0
    return chunk


def test_a_policy_that_follows_the_demonstration_passes(simulator: Any) -> None:
    assert run("motion", simulator, Follows()).startswith("joints up to 0.")
    assert "the policy's gripper moves: +0.00 to +1.00" in run("grasp", simulator, Follows())


@pytest.mark.parametrize(
    ("name", "spoil", "said"),
    [
        ("motion", lambda chunk, here: chunk - here, r"joint to jump by \d\.\d\d rad: its actions are deltas"),
        ("motion", lambda chunk, _: chunk[:, ::-1], r"joint to jump by \d\.\d\d rad.*another order"),
        ("grasp", _open, r"gripper never moves: at 3 moments.*asks for \+1\.00 to \+1\.00.*gripper_columns"),
    ],
    ids=["deltas", "another order", "a gripper left open"],
)
def test_what_no_arm_can_mean_is_named(simulator: Any, name: str, spoil: Any, said: str) -> None:
    with pytest.raises(CheckFailedError, match=said):
        run(name, simulator, Follows(spoil))


def test_arms_that_do_nothing_have_solved_nothing(simulator: Any) -> None:
    assert run("unsolved", simulator, Follows()) == "a robot that stands still solves nothing"
