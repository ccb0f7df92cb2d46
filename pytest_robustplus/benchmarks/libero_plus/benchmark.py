"""LIBERO-Plus behind the benchmark contract: its frozen list, its protocol, its simulator and its scripts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pytest_robustplus.benchmarks.contract import Simulator, Task
from pytest_robustplus.benchmarks.libero_plus.packages import SUITES, uncollected
from pytest_robustplus.benchmarks.libero_plus.protocol import CONTROL_HZ, LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.renderer import choose_renderer
from pytest_robustplus.benchmarks.libero_plus.tasks import instruction, tasks
from pytest_robustplus.benchmarks.listing import TaskList
from pytest_robustplus.benchmarks.packaged import Packaged
from pytest_robustplus.perturbations import DIMENSIONS, PERTURBATIONS, Dimension
from pytest_robustplus.policies.profile import Profile, PromptSource
from pytest_robustplus.results.totals import TotalRule

DEMONSTRATIONS = Path(__file__).parent / "demonstrations.npz"


class LiberoPlus(Packaged):
    """10,030 perturbed LIBERO tasks in four suites, each played once; arXiv 2510.13626."""

    name = "libero_plus"
    title = "LIBERO-Plus"
    suites: tuple[str, ...] = SUITES
    dimensions: tuple[Dimension, ...] = DIMENSIONS
    generates: tuple[Dimension, ...] = PERTURBATIONS
    total_rule: TotalRule = "weighted"
    control_hz = float(CONTROL_HZ)
    sensors: Mapping[str, int] = MappingProxyType(
        {"eef_pos": 3, "eef_quat": 4, "gripper_qpos": 2, "joint_pos": 7, "controller_pos": 3, "controller_mat": 9}
    )
    folder = "pytest_robustplus.benchmarks.libero_plus"
    choices = LiberoProtocol
    demonstrations = DEMONSTRATIONS
    extra, modules = "libero", ("liberoplus", "mujoco", "robosuite", "scipy")

    def __init__(self, protocol: Mapping[str, str], assets: Path | None = None) -> None:
        """Take the choices that differ from the published protocol, and an unpacked assets archive if there is one."""
        super().__init__(protocol)
        self._assets = assets

    def tasks(self) -> TaskList:
        with uncollected():
            return tasks(self._assets)

    def instruction(self, task: Task, source: PromptSource) -> str:
        return instruction(task, source)

    def simulator(self, profile: Profile, protocol: Mapping[str, str]) -> Simulator:
        self._require()
        with uncollected():
            from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator

        return LiberoSimulator(**self._arguments(profile, protocol))

    def _arguments(self, profile: Profile, protocol: Mapping[str, str]) -> dict[str, Any]:
        """What a simulator is built with."""
        return {
            "protocol": LiberoProtocol.parse(protocol),
            "cameras": profile.cameras,
            "depth": profile.depth,
            "image_size": profile.image_size,
            "control": profile.control,
            "settle_steps": profile.settle_steps,
            "assets": self._assets,
        }

    def _require(self) -> None:
        super()._require()
        # Before anything imports MuJoCo, which binds whatever draws as it is imported.
        choose_renderer()
