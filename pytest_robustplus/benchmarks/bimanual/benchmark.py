"""The bimanual benchmark behind the contract: its frozen list, its protocol, its simulator and its scripts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_robustplus.benchmarks.bimanual.goals import CONTROL_HZ, GOALS
from pytest_robustplus.benchmarks.bimanual.protocol import DRAWING, BimanualProtocol
from pytest_robustplus.benchmarks.bimanual.tasks import tasks
from pytest_robustplus.benchmarks.contract import Simulator
from pytest_robustplus.benchmarks.listing import TaskList
from pytest_robustplus.benchmarks.packaged import Packaged
from pytest_robustplus.benchmarks.two_arms import SENSORS
from pytest_robustplus.perturbations import DIMENSIONS, PERTURBATIONS, Dimension
from pytest_robustplus.policies.contract import Policy
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.results.totals import TotalRule

DEMONSTRATIONS = Path(__file__).parent / "demonstrations.npz"


class Bimanual(Packaged):
    """Six two-armed tasks in RoboTwin 2.0-Plus' eight configurations, 50 seeds each, in SAPIEN without any download."""

    name = "bimanual"
    # In the heading of every report: these arms are not RoboTwin's, so its scores do not transfer.
    title = "Bimanual (ViperX, not Aloha-AgileX: published scores do not transfer)"
    suites: tuple[str, ...] = tuple(GOALS)
    dimensions: tuple[Dimension, ...] = DIMENSIONS
    generates: tuple[Dimension, ...] = PERTURBATIONS
    total_rule: TotalRule = "mean_of_eight"
    control_hz = float(CONTROL_HZ)
    sensors: Mapping[str, int] = SENSORS
    folder = "pytest_robustplus.benchmarks.bimanual"
    choices = BimanualProtocol
    demonstrations = DEMONSTRATIONS
    extra, modules = "bimanual", ("sapien", "gym_aloha", "cv2", "scipy")

    def tasks(self) -> TaskList:
        return tasks(BimanualProtocol.of(self._choices, *DRAWING))

    def simulator(self, profile: Profile, protocol: Mapping[str, str]) -> Simulator:
        self._require()
        from pytest_robustplus.benchmarks.bimanual.simulator import BimanualSimulator

        return BimanualSimulator(
            BimanualProtocol.parse(protocol), cameras=profile.cameras, depth=profile.depth, size=profile.frame_size
        )

    def _hold(self) -> tuple[tuple[float, ...], ...]:
        self._require()
        from pytest_robustplus.benchmarks.bimanual.arms import HOME_ACTION

        return (HOME_ACTION,)

    def _replay(self, **conventions: Any) -> Policy:
        return super()._replay(absolute=True, **conventions)
