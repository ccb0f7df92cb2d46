"""RoboTwin behind the simulator contract: a child in the checkout's interpreter, pictures only for who looks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.playing import OneScene, playing
from pytest_robustplus.benchmarks.robotwin_plus import faults, vulkan
from pytest_robustplus.benchmarks.robotwin_plus.checkout import Checkout, inventory
from pytest_robustplus.benchmarks.robotwin_plus.process import Faulty, RoboTwinProcess
from pytest_robustplus.benchmarks.robotwin_plus.protocol import RoboTwinProtocol
from pytest_robustplus.benchmarks.robotwin_plus.seeds import Seed, SeedBook, SeededScene
from pytest_robustplus.benchmarks.robotwin_plus.tasks import CONFIGURATIONS
from pytest_robustplus.benchmarks.robotwin_plus.verification import Verified, verify
from pytest_robustplus.benchmarks.two_arms import CAMERAS, DRAWN
from pytest_robustplus.errors import BadInputError, RobustnessError, SimulatorError, unknown
from pytest_robustplus.policies.contract import Actions, Observation

WIDTHS = {"joint": 14, "eef": 16}
_TYPES = {"joint": "qpos", "eef": "ee"}


class RoboTwinSimulator(OneScene):
    """Plays RoboTwin's tasks one after another in one child process.

    Images are (240, 320, 3) uint8, top row first, with the depth that RoboTwin computes. State: ``joint_pos`` (14: six
    angles in radians and the gripper from 0 closed to 1 open, left and then right), ``left_endpose`` and
    ``right_endpose`` (7: metres in the world and quaternion wxyz) and each camera's matrices, row by row. Actions are
    absolute: the same 14 for ``joint``; position, quaternion and gripper of each arm, 16 in all, for ``eef``. RoboTwin
    re-times each, so steps last differently long. Not safe to share between threads.
    """

    def __init__(
        self,
        checkout: Checkout,
        python: Path,
        protocol: RoboTwinProtocol,
        *,
        cameras: tuple[str, ...] = CAMERAS,
        depth: tuple[str, ...] = (),
        action_space: str = "joint",
        timeout: float,
    ) -> None:
        """Start nothing yet; ``timeout`` is in seconds, for each thing that the child is asked."""
        for camera in cameras:
            if camera not in DRAWN:
                raise unknown("camera of RoboTwin", camera, DRAWN)
        super().__init__()
        self.checkout, self.protocol = checkout, protocol
        self.action_width = WIDTHS[action_space]
        self._python, self._timeout = python, timeout
        self._cameras, self._depth = cameras, depth
        self._action_type = _TYPES[action_space]
        self._child: RoboTwinProcess | None = None
        self._hello: Mapping[str, Any] = {}
        self._renderer = "none"
        self._assets = ""
        self._book: SeedBook | None = None
        self._verified: Verified | None = None
        self._limit = 0

    @property
    def limits(self) -> Mapping[str, int]:
        """The checkout's own step limits."""
        self._start()
        limits: Mapping[str, int] = self._hello["limits"]
        return limits

    @property
    def verified(self) -> Verified:
        """The seed of the episode at hand and what the expert did on it."""
        return playing(self._verified)

    def prepare(self, task: Task) -> Iterator[None]:
        """Find the seed of an episode: the expert plays those that nobody has seen it play; seconds for each piece."""
        if task.perturbation is not None:
            raise BadInputError("RoboTwin plays the perturbations of its own configurations, no generated ones.")
        if self._task == task and self._verified is not None:
            return
        self._start()
        assert self._book is not None
        self._task, self._verified = task, None
        configuration = CONFIGURATIONS[task.dimension]
        self._verified = yield from verify(
            self._book, self._expert, task.base, configuration, task.init_state, self.protocol, self._revive
        )

    def reset(self, task: Task) -> str:
        """Set up the scene of an episode; RoboTwin rebuilds everything and lets it settle, which takes seconds."""
        for _ in self.prepare(task):
            pass
        seed = self.verified
        self._seen = None
        answer = self._ask(
            "reset",
            **seed.scene._asdict(),
            info=seed.found.info,
            wording=self.protocol.instructions,
            descriptions=int(self.protocol.trials),
            cameras=list(self._cameras),
            depth=list(self._depth),
            action_type=self._action_type,
        )
        self._limit = answer["limit"]
        return self._begin(task, answer["instruction"])

    def step(self, action: Actions, *, render: bool) -> bool:
        """Execute one action; with ``render``, all cameras are rendered, as RoboTwin cannot render one alone."""
        self._seen = None
        answer = self._ask("step", action=[float(value) for value in action], render=render)
        self._step += 1
        if render:
            self._seen = self._observation(answer["arrays"])
        return bool(answer["success"])

    def state_hash(self) -> str:
        """Digest all that SAPIEN's physics engine packs: poses, velocities, joints."""
        digest: str = self._ask("digest")["digest"]
        return digest

    def provenance(self) -> Mapping[str, str]:
        """Checkout, versions, robot, shader and driver; ``scene`` is the episode's own: its seed and those skipped."""
        self._start()
        facts = {
            "checkout": self.checkout.title,
            "objects": self._assets,
            "embodiment": self._hello["embodiment"],
            "python": self._hello["python"],
            **self._hello["versions"],
            "shader": self.protocol.shader if self._cameras else "none",
            "renderer": self._renderer,
        }
        if self._verified is not None:
            skipped = {str(seed): f"{found.outcome} {found.detail}".strip() for seed, found in self._verified.skipped}
            scene = {**self._verified.scene._asdict(), "step_limit": self._limit, "skipped": skipped}
            facts["scene"] = json.dumps(scene)
        return facts

    def close(self) -> None:
        """End the child; idempotent."""
        self._leave()
        self._verified = None
        self._end_child()
        if self._book is not None:
            self._book.close()
            self._book = None

    def _start(self) -> None:
        if self._child is not None:
            return
        # RoboTwin makes its cameras for policies without eyes, too, which takes a driver but no picture.
        driver = vulkan.settle(self.protocol.shader if self._cameras else "default")
        self._renderer = driver if self._cameras else "none"
        self._child = RoboTwinProcess(self._python, self.checkout.folder, self.protocol.shader, self._timeout)
        try:
            self._hello = self._ask("hello")
            faults.check_sapien(self._hello["versions"].get("sapien", ""), self._python)
        except RobustnessError:
            # What has not been found fit must not pass for running when the next check asks.
            self._end_child()
            raise
        if self._book is None:
            versions = [f"{name} {version}" for name, version in sorted(self._hello["versions"].items())]
            self._assets = inventory(self.checkout.folder)
            world = [self.checkout.sources, self._assets, self._hello["embodiment"], *versions]
            self._book = SeedBook(" ".join(world))

    def _revive(self) -> None:
        """Replace a child that has died."""
        self._end_child()
        self._start()

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None

    def _expert(self, scene: SeededScene) -> Seed:
        answer = self._ask("expert", **scene._asdict())
        path = self._arrays(answer["arrays"])["path"] if "arrays" in answer else None
        if path is not None and path.shape[1] != WIDTHS["joint"]:
            raise BadInputError(
                f"The robot of {self.checkout.folder} takes {path.shape[1]} numbers an action; RoboTwin's published"
                f" one, aloha-agilex, takes {WIDTHS['joint']}. Set embodiment: [aloha-agilex] in its task_config."
            )
        return Seed(answer["outcome"], answer["detail"], answer.get("info"), path)

    def _ask(self, do: str, **request: Any) -> dict[str, Any]:
        if self._child is None:
            raise SimulatorError("RoboTwin is not running. Call reset(task) first.")
        try:
            return self._child.ask(do, **request)
        except Faulty as fault:
            raise faults.explained(fault, self.checkout, self._python, self._child) from None

    def _observed(self) -> Observation:
        return self._observation(self._ask("observe")["arrays"])

    def _arrays(self, table: Sequence[Sequence[Any]]) -> dict[str, Any]:
        assert self._child is not None
        return self._child.arrays(table)

    def _observation(self, table: Sequence[Sequence[Any]]) -> Observation:
        arrays = self._arrays(table)
        images = {camera: arrays.pop(camera) for camera in self._cameras}
        depth = {camera: arrays.pop(f"{camera}.depth") for camera in self._depth}
        return Observation(images, arrays, self._instruction, depth=depth)
