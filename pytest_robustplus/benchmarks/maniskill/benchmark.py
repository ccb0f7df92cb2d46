"""ManiSkill3 behind the contract: tasks of one arm, tasks of two, both with what protocol options add."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pytest_robustplus.benchmarks.contract import Scenes, Simulator
from pytest_robustplus.benchmarks.listing import TaskList
from pytest_robustplus.benchmarks.maniskill.catalogue import ONE_ARM, TWO_ARMS
from pytest_robustplus.benchmarks.maniskill.protocol import ManiSkillProtocol
from pytest_robustplus.benchmarks.maniskill.tasks import DIMENSIONS, tasks
from pytest_robustplus.benchmarks.packaged import Packaged
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.results.totals import TotalRule

DEMONSTRATIONS = Path(__file__).parent / "demonstrations.npz"
HOLD = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)  # no way, gripper open


class ManiSkill(Packaged):
    """Twelve tasks of a Franka Panda at a table, in six dimensions, 50 seeds each; others by protocol option."""

    name = "maniskill"
    title = "ManiSkill3"
    dimensions: tuple[Dimension, ...] = DIMENSIONS
    total_rule: TotalRule = "weighted"
    control_hz = 20.0
    sensors: Mapping[str, int] = MappingProxyType({"qpos": 9, "tcp_pose": 7})
    folder = "pytest_robustplus.benchmarks.maniskill"
    choices = ManiSkillProtocol
    demonstrations = DEMONSTRATIONS
    _listed: Mapping[str, str] = ONE_ARM
    _holding: tuple[float, ...] = HOLD

    def __init__(self, protocol: Mapping[str, str]) -> None:
        super().__init__(protocol)
        self.suites: tuple[str, ...] = self._asked() or tuple(self._listed)

    def tasks(self) -> TaskList:
        return tasks(self.suites)

    def simulator(self, profile: Profile, protocol: Mapping[str, str]) -> Simulator:
        from pytest_robustplus.benchmarks.maniskill.simulator import ManiSkillSimulator

        parsed = ManiSkillProtocol.parse(protocol)
        return ManiSkillSimulator(
            parsed,
            cameras=profile.cameras,
            depth=profile.depth,
            size=profile.frame_size,
            action_width=profile.action_width,
        )

    def scenes(self, profile: Profile, protocol: Mapping[str, str], count: int) -> Scenes | None:
        parsed = ManiSkillProtocol.parse(protocol)
        if parsed.physics == "cpu":
            return None
        from pytest_robustplus.benchmarks.maniskill.scenes import ManiSkillScenes

        return ManiSkillScenes(parsed, count, profile.cameras, profile.frame_size, profile.action_width, profile.depth)

    def _hold(self) -> tuple[tuple[float, ...], ...]:
        return (self._holding,)

    def _asked(self) -> tuple[str, ...]:
        return ManiSkillProtocol.of(self._choices, "tasks").bases


class ManiSkillTwoArms(ManiSkill):
    """ManiSkill's two tasks of two Pandas face to face; actions and states are arm after arm."""

    name = "maniskill_two_arms"
    title = "ManiSkill3, two arms"
    sensors: Mapping[str, int] = MappingProxyType({"qpos": 18, "tcp_pose": 14})
    _listed = TWO_ARMS
    _holding = HOLD + HOLD

    def _asked(self) -> tuple[str, ...]:
        return ()
