"""What a control step leaves out, or has compiled, changes no bit of what it computes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pytest_robustplus.benchmarks.libero_plus.benchmark import DEMONSTRATIONS
from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import tasks
from pytest_robustplus.perturbations import Dimension

# It grips, carries and puts down; the scene has a stove that is looked at after every step.
BASE = "libero_spatial/pick_up_the_black_bowl_on_the_cookie_box_and_place_it_on_the_plate"
STILL = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0])


@pytest.fixture(scope="module")
def simulator() -> Iterator[LiberoSimulator]:
    built = LiberoSimulator(LiberoProtocol(), render=False)
    yield built
    built.close()


def demonstration(simulator: LiberoSimulator) -> Iterator[bool]:
    """Play a demonstration to its end, yielding after every step."""
    suite, base = BASE.split("/")
    task = next(t for t in tasks() if t.suite == suite and t.base == base and t.dimension is Dimension.CAMERA)
    simulator.reset(task)
    for action in [*[STILL] * 10, *np.load(DEMONSTRATIONS)[BASE].astype(float)]:
        yield simulator.step(action, render=False)


def test_compiled_torques_are_those_of_the_packages_own_controller(
    simulator: LiberoSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_robustplus.benchmarks.libero_plus import torques

    compiled = list(demonstration(simulator))[-1], simulator.state_hash()
    assert simulator._scene is not None
    assert simulator._scene.arm._compiled is not None
    monkeypatch.setattr(torques, "known", lambda controller, gripper: False)
    plain = list(demonstration(simulator))[-1], simulator.state_hash()
    assert simulator._scene.arm._compiled is None
    assert compiled == plain
    assert compiled[0], "an episode in which nothing is gripped shows little"


def test_the_controller_and_the_gripper_see_what_was_computed_for_them(simulator: LiberoSimulator) -> None:
    steps = demonstration(simulator)
    for _ in range(60):
        next(steps)
    robot = simulator.environment.robots[0]
    seen = robot.controller.ee_pos.copy(), robot.controller.ee_ori_mat.copy(), robot.gripper.current_action.copy()
    next(steps)
    again = robot.controller.ee_pos, robot.controller.ee_ori_mat, robot.gripper.current_action
    assert not any((one == other).all() for one, other in zip(seen[:2], again[:2], strict=True))
    assert again[2].shape == (2,)
    assert np.abs(again[2]).max() <= 1


def test_contacts_by_number_are_those_by_name(simulator: LiberoSimulator) -> None:
    """Over a whole episode, between what touches at times, always and never."""
    environment: Any
    asked: set[tuple[int, bool]] = set()
    for _ in demonstration(simulator):
        environment = simulator.environment
        bowl, plate = environment.objects_dict["akita_black_bowl_1"], environment.objects_dict["plate_1"]
        gripper = environment.robots[0].gripper
        pairs = ((bowl, plate), (gripper, bowl), (plate, None), (gripper.contact_geoms, bowl.contact_geoms[0]))
        for number, pair in enumerate(pairs):
            told = environment.check_contact(*pair)
            assert told == type(environment).check_contact(environment, *pair)
            asked.add((number, told))
    assert {(0, True), (0, False), (1, True), (1, False), (2, True)} <= asked


def test_sensors_say_after_a_step_what_they_say_in_the_package(
    simulator: LiberoSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_robustplus.benchmarks.libero_plus import simulator as module

    def told() -> list[Any]:
        return [simulator.environment.sim.data.sensordata.copy() for _ in demonstration(simulator)]

    spared = told()
    monkeypatch.setattr(module, "_NO_SENSORS", 0)
    np.testing.assert_array_equal(spared, told())
    assert np.unique(spared, axis=0).shape[0] > 50
