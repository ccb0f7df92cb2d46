"""Pre-flight checks on the real simulator: what is right passes, each planted mistake is named."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from PIL import Image

from pytest_robustplus.benchmarks.contract import CheckContext
from pytest_robustplus.benchmarks.libero_plus import assets, checks
from pytest_robustplus.benchmarks.libero_plus.benchmark import LiberoPlus
from pytest_robustplus.benchmarks.libero_plus.checks import CHECKS
from pytest_robustplus.benchmarks.libero_plus.packages import SUITES, installed
from pytest_robustplus.errors import CheckFailedError, CheckSkipped
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.policies.profiled import Profiled

pytestmark = pytest.mark.skipif(not installed(), reason="LIBERO-Plus is not installed")
BY_NAME = {check.name: check.run for check in CHECKS}
BENCHMARK = LiberoPlus({})
PROFILE = replace(BENCHMARK.profile, image_size=128)


class Still:
    """Holds still for eight steps, or moves by ``motion``, the gripper as told."""

    def __init__(self, gripper: float = -1.0, width: int = 7, motion: float = 0.0) -> None:
        self._chunk = np.full((8, width), motion)
        self._chunk[:, -1] = gripper

    def reset(self, slot: int, instruction: str) -> None:
        pass

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        return [self._chunk for _ in observations]


class Altered:
    """A simulator with one thing changed."""

    def __init__(self, simulator: Any, **changes: Any) -> None:
        self.__dict__.update(changes, _simulator=simulator)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._simulator, name)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Any]:
    built = BENCHMARK.simulator(PROFILE, BENCHMARK.protocol(PROFILE))
    yield built
    built.close()


def context(simulator: Any, profile: Profile = PROFILE, policy: Any = None) -> CheckContext:
    return CheckContext(simulator, Profiled(policy or Still(), profile), profile, [])


@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - {"grasp"}))
def test_what_is_right_passes(simulator: Any, name: str) -> None:
    assert BY_NAME[name](context(simulator, policy=Still(motion=0.2)))


def test_the_gripper_is_tried_where_the_arm_stands_under_absolute_control() -> None:
    profile = replace(PROFILE, control="absolute", cameras=(), settle_steps=3)
    simulator = BENCHMARK.simulator(profile, BENCHMARK.protocol(profile))
    try:
        seen = BY_NAME["gripper"](context(simulator, profile))
        assert seen.startswith("+1 closes it")
        held = simulator.observe().state["eef_pos"]
        simulator.reset(checks._first(context(simulator, profile)))
        assert np.abs(simulator.observe().state["eef_pos"] - held).max() < 0.05
    finally:
        simulator.close()


def test_a_new_mujoco_is_refused(simulator: Any) -> None:
    def newer() -> Mapping[str, str]:
        return {**simulator.provenance(), "mujoco": "3.10.0"}

    with pytest.raises(CheckFailedError, match=r"MuJoCo 3\.10\.0.*pip install \"mujoco<3\.4\""):
        BY_NAME["versions"](context(Altered(simulator, provenance=newer)))


def test_assets_other_than_released_are_refused(
    simulator: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = assets.package_folder()
    copied = tmp_path / released.parent.name / released.name
    copied.parent.mkdir()
    shutil.copytree(released, copied, copy_function=os.symlink)
    monkeypatch.setattr(assets, "package_folder", lambda: copied)
    assert BY_NAME["versions"](context(simulator)).endswith("assets as released")
    floor = copied / "textures" / "light-gray-floor-tile.png"
    floor.unlink()
    with Image.open(released / "textures" / floor.name) as image:
        image.save(floor, icc_profile=None)  # the same pixels without their colour-space mark
    with pytest.raises(CheckFailedError, match=r"textures/light-gray-floor-tile\.png, by size.*--force-reinstall"):
        BY_NAME["versions"](context(simulator))
    floor.unlink()
    (copied / "textures" / "kona_gotham.png").unlink()
    with pytest.raises(CheckFailedError, match=r"kona_gotham\.png and 1 more"):
        BY_NAME["versions"](context(simulator))


def test_assets_without_a_record_are_not_checked(simulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> NoReturn:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(assets, "distribution", absent)
    assert "assets not checked" in BY_NAME["versions"](context(simulator))


def test_upside_down_frames_are_named(simulator: Any) -> None:
    profile = replace(PROFILE, flip={})
    with pytest.raises(CheckFailedError, match=r"upside down.*flip"):
        BY_NAME["cameras"](context(simulator, profile))


def test_swapped_cameras_are_named(simulator: Any) -> None:
    def swapped() -> Observation:
        seen = simulator.observe()
        images = {"agentview": seen.images["wrist"], "wrist": seen.images["agentview"]}
        return Observation(images, seen.state, seen.instruction)

    with pytest.raises(CheckFailedError, match="cameras are swapped"):
        BY_NAME["cameras"](context(Altered(simulator, observe=swapped)))


def test_an_inverted_gripper_is_named(simulator: Any) -> None:
    with pytest.raises(CheckFailedError, match="closes the gripper with its very first action"):
        BY_NAME["gripper"](context(simulator, policy=Still(gripper=1.0)))


def test_too_short_a_chunk_is_named(simulator: Any) -> None:
    profile = replace(PROFILE, replan=16, chunk=16)
    with pytest.raises(CheckFailedError, match=r"shape \(8, 7\).*at least 16 actions"):
        BY_NAME["shapes"](context(simulator, profile))


def test_a_scene_that_slides_is_named(simulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "SIDEWAYS_M", 0.01)
    with pytest.raises(CheckFailedError, match=r"While the scene settles, akita_black_bowl.* goes 1\.\d cm sideways"):
        BY_NAME["settling"](context(simulator))


def test_a_blank_camera_is_named(simulator: Any) -> None:
    def blank() -> Observation:
        seen = simulator.observe()
        return Observation({name: np.zeros_like(image) for name, image in seen.images.items()}, seen.state, "")

    with pytest.raises(CheckFailedError, match="one plain colour"):
        BY_NAME["renderer"](context(Altered(simulator, observe=blank)))


def test_cameras_do_not_concern_a_policy_that_does_not_look(simulator: Any) -> None:
    with pytest.raises(CheckSkipped):
        BY_NAME["cameras"](context(simulator, replace(PROFILE, cameras=())))


@pytest.mark.parametrize(
    ("motion", "said"), [(0.0, "it would stand still"), (0.0004, "at most 0.0004"), (40.0, "40 where")]
)
def test_a_first_chunk_that_cannot_be_meant_is_named(simulator: Any, motion: float, said: str) -> None:
    with pytest.raises(CheckFailedError, match=f"{said}.*unnormalise"):
        BY_NAME["motion"](context(simulator, policy=Still(motion=motion)))


def test_deltas_taken_for_poses_are_named() -> None:
    """X-VLA's actions are poses of the grip site: a policy of deltas under its control asks the arm into the table."""
    profile = replace(PROFILE, control="absolute", settle_steps=3)
    simulator = BENCHMARK.simulator(profile, BENCHMARK.protocol(profile))
    try:
        with pytest.raises(CheckFailedError, match=r"jump by \d+ cm and \d+°"):
            BY_NAME["motion"](context(simulator, profile, Still(motion=0.2)))
    finally:
        simulator.close()


def test_a_task_that_is_solved_before_anything_was_done_is_named(simulator: Any) -> None:
    with pytest.raises(CheckFailedError, match="counts as solved though the robot has only stood still"):
        BY_NAME["unsolved"](
            context(Altered(simulator, step=lambda action, render: simulator.step(action, render=render) or True))
        )


def test_a_prompt_with_the_variants_name_in_it_is_said(simulator: Any) -> None:
    said = BY_NAME["prompt"](context(simulator))
    assert "the policy is told 'pick up the black bowl" in said
    assert "prompt_source = 'bddl'" in said
    clean = BY_NAME["prompt"](context(simulator, replace(PROFILE, prompt_source="bddl")))
    assert clean == "instructions from bddl, without the variant's name in them"


class Grasping(Still):
    """Closes the gripper once the hand has gone down to what a demonstration takes; ``held`` keeps it open."""

    def __init__(self, held: bool = False) -> None:
        super().__init__(motion=0.2)
        self._held = held
        self.asked = 0
        self.suites: tuple[str, ...] = SUITES

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        self.asked += 1
        chunk = self._chunk.copy()
        chunk[:, -1] = 1.0 if observations[0].state["eef_pos"][2] < 1.05 and not self._held else -1.0
        return [chunk]


def test_a_gripper_that_never_moves_is_named(simulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    grasping = Grasping()
    assert "gripper moves: -1.00 to +1.00" in BY_NAME["grasp"](context(simulator, policy=grasping))
    assert grasping.asked == 2
    # One demonstration is enough to see it by; the others' would cost as much again.
    monkeypatch.setattr(checks, "DEMONSTRATED", 1)
    held = Grasping(held=True)
    held.suites = ("libero_spatial",)
    with pytest.raises(CheckFailedError, match=r"never moves: at 3 moments .*for -1\.00 to -1\.00.*gripper_columns"):
        BY_NAME["grasp"](context(simulator, policy=held))
    assert held.asked == 3
    with pytest.raises(CheckSkipped, match="actions are poses"):
        BY_NAME["grasp"](context(simulator, replace(PROFILE, control="absolute")))
