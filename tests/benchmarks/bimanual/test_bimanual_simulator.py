"""The simulator: the same episode comes out the same to the last bit, whatever was played and looked at before."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from pytest_robustplus.benchmarks.bimanual import simulator as simulators
from pytest_robustplus.benchmarks.bimanual.arms import HOME_ACTION
from pytest_robustplus.benchmarks.bimanual.benchmark import DEMONSTRATIONS, Bimanual
from pytest_robustplus.benchmarks.bimanual.draws import FIRST_SEED, Setup, View, draw
from pytest_robustplus.benchmarks.bimanual.expert import Expert
from pytest_robustplus.benchmarks.bimanual.goals import GOALS
from pytest_robustplus.benchmarks.bimanual.protocol import BimanualProtocol
from pytest_robustplus.benchmarks.bimanual.scene import TABLE
from pytest_robustplus.benchmarks.bimanual.simulator import BimanualSimulator
from pytest_robustplus.benchmarks.bimanual.tasks import find_task, listed, skipped
from pytest_robustplus.benchmarks.demo_replay import load
from pytest_robustplus.errors import BadInputError, SimulatorError
from pytest_robustplus.perturbations import DIMENSIONS, Dimension
from pytest_robustplus.policies.cards import default_profile
from pytest_robustplus.rollout.episode import play

PROFILE = dataclasses.replace(default_profile("bimanual"), cameras=())
FIRST = f"stack_blocks_two/original#{FIRST_SEED}"


@pytest.mark.parametrize("base", GOALS)
def test_the_expert_reaches_every_goal_within_its_limit(blind: BimanualSimulator, base: str) -> None:
    episode = play(blind, Expert(), find_task(f"{base}/original#{FIRST_SEED}"), PROFILE)
    assert episode.success
    np.testing.assert_array_equal(episode.actions.astype(np.float32), load(DEMONSTRATIONS)[f"{base}/{base}"])


def test_a_recorded_demonstration_replays_to_the_same_state(blind: BimanualSimulator) -> None:
    task, replay = find_task(f"lift_block/original#{FIRST_SEED}"), Bimanual({}).script("demo_replay")
    first, second = (play(blind, replay, task, PROFILE) for _ in range(2))
    assert first.success
    assert first.state_hash == second.state_hash


def test_a_reset_undoes_every_change(blind: BimanualSimulator) -> None:
    """Each dimension in between: then the same actions lead to the same state as in a fresh simulator."""
    task, moves = find_task(FIRST), load(DEMONSTRATIONS)["stack_blocks_two/stack_blocks_two"][:120]

    def end(simulator: BimanualSimulator) -> str:
        simulator.reset(task)
        for move in moves:
            simulator.step(move, render=False)
        return simulator.state_hash()

    first = end(blind)
    for dimension in DIMENSIONS:
        blind.reset(listed("stack_blocks_two", dimension, FIRST_SEED, blind.protocol))
        blind.step(moves[-1], render=False)
    assert end(blind) == first
    fresh = BimanualSimulator(BimanualProtocol(), cameras=())
    assert end(fresh) == first
    fresh.close()


def test_perturbed_starts_and_layouts_are_really_there(blind: BimanualSimulator) -> None:
    task = listed("stack_blocks_two", Dimension.ROBOT, FIRST_SEED, blind.protocol)
    blind.reset(task)
    away = blind.observe().state["joint_pos"] - np.array(HOME_ACTION)
    assert np.linalg.norm(away[:6]) == pytest.approx(float(task.parameters["left_offset_rad"]), abs=0.01)
    blind.reset(find_task(FIRST))
    usual = blind.scene.position("red block")
    moved = listed("stack_blocks_two", Dimension.LAYOUT, FIRST_SEED, blind.protocol)
    blind.reset(moved)
    assert blind.scene.position("red block")[0] - usual[0] == pytest.approx(
        float(moved.parameters["red_block_dx_m"]), abs=0.002
    )


def test_a_skipped_seed_really_fails(blind: BimanualSimulator) -> None:
    base, dimensions = next(iter(skipped().items()))
    dimension, seeds = next(iter(dimensions.items()))
    task = listed(base, Dimension(dimension), int(next(iter(seeds))), blind.protocol)
    assert not play(blind, Expert(), task, PROFILE).success


def test_actions_are_robotwins_joint_vector(blind: BimanualSimulator) -> None:
    blind.reset(find_task(FIRST))
    action = np.array(HOME_ACTION)
    action[0], action[13] = 0.3, 0.0
    for _ in range(25):
        blind.step(action, render=True)
    reached = blind.observe().state["joint_pos"]
    np.testing.assert_allclose(reached[:13], action[:13], atol=0.05)
    assert reached[13] < 0.15, "the pads meet before the joint's end"
    assert blind.action_width == reached.size == 14


def test_what_cannot_be_done_is_said(blind: BimanualSimulator) -> None:
    with pytest.raises(BadInputError, match="Did you mean 'head_camera'"):
        BimanualSimulator(BimanualProtocol(), cameras=("head_cam",))
    blind.reset(find_task(FIRST))
    blind.step(np.array(HOME_ACTION), render=False)
    with pytest.raises(SimulatorError, match="render=True"):
        blind.observe()


def test_looking_changes_nothing_and_pictures_repeat(drawing: BimanualSimulator, blind: BimanualSimulator) -> None:
    task, moves = find_task(FIRST), load(DEMONSTRATIONS)["stack_blocks_two/stack_blocks_two"][:24]
    hashes, pictures = [], []
    for simulator, every in ((drawing, 8), (drawing, 24), (blind, 24)):
        simulator.reset(task)
        for number, move in enumerate(moves, 1):
            simulator.step(move, render=number % every == 0)
        pictures.append(simulator.observe().images)
        hashes.append(simulator.state_hash())
    assert len(set(hashes)) == 1, "pictures have no part in the physics"
    assert all(np.array_equal(pictures[0][name], pictures[1][name]) for name in pictures[0])
    assert list(pictures[0]) == ["head_camera", "left_camera", "right_camera"]
    assert {image.shape for image in pictures[0].values()} == {(60, 80, 3)}


def test_each_dimension_of_looks_changes_the_pictures_and_leaves_the_state(
    drawing: BimanualSimulator, blind: BimanualSimulator
) -> None:
    drawing.reset(find_task(FIRST))
    usual, state = drawing.observe().images, drawing.state_hash()
    sensed = {name: value.size for name, value in drawing.observe().state.items()}
    assert sensed == {name: width for name, width in Bimanual.sensors.items() if not name.startswith("front_camera")}
    seen = {Dimension.CAMERA: ("head_camera",)}
    for dimension in (Dimension.CAMERA, Dimension.LIGHT, Dimension.BACKGROUND, Dimension.NOISE):
        drawing.reset(listed("stack_blocks_two", dimension, FIRST_SEED, drawing.protocol))
        images = drawing.observe().images
        changed = {name for name, image in images.items() if not np.array_equal(image, usual[name])}
        assert changed == set(seen.get(dimension, usual)), dimension
        assert drawing.state_hash() == state
    drawing.reset(find_task(FIRST))
    assert all(np.array_equal(image, usual[name]) for name, image in drawing.observe().images.items())


def test_the_driver_and_the_shader_are_recorded(drawing: BimanualSimulator, renderer: str) -> None:
    assert drawing.provenance()["renderer"] == renderer
    assert renderer.endswith("shader bimanual 1")


def test_a_camera_that_sees_nothing_shows_the_ambient_light(drawing: BimanualSimulator) -> None:
    from pytest_robustplus.benchmarks.bimanual import cameras

    drawing.reset(find_task(FIRST))
    scene = drawing.scene
    upwards, usual = (cameras.mount(scene, View(pitch=pitch), (cameras.HEAD,), (60, 80)) for pitch in (-140.0, 0.0))
    assert np.unique(cameras.shoot(scene, upwards)[cameras.HEAD]).tolist() == [186]
    assert np.array_equal(cameras.shoot(scene, usual)[cameras.HEAD], drawing.observe().images[cameras.HEAD])


def test_blocks_cast_shadows(drawing: BimanualSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them the same picture is brighter somewhere and darker nowhere."""
    pictures = []
    for shadow in (True, False):
        with monkeypatch.context() as patched:
            patched.setattr(simulators, "draw", lambda *given, shadow=shadow: shaded(*given, shadow=shadow))
            drawing.reset(find_task(FIRST))
        pictures.append(drawing.observe().images["head_camera"].astype(int))
    assert (pictures[1] - pictures[0]).min() >= 0
    assert (pictures[1] - pictures[0]).max() > 10


def shaded(*given: Any, shadow: bool) -> tuple[Setup, Any]:
    drawn, record = draw(*given)
    return dataclasses.replace(drawn, lighting=drawn.lighting._replace(shadow=shadow)), record


def test_depth_puts_every_pixel_where_it_is(renderer: str) -> None:
    """Through each camera's own matrices: the table lies at its height, and where the block is seen is the block."""
    names = ("front_camera", "left_camera", "head_camera")
    simulator = BimanualSimulator(BimanualProtocol(), cameras=names, depth=names, size=(60, 80))
    try:
        simulator.reset(find_task(f"lift_block/original#{FIRST_SEED}"))
        seen = simulator.observe()
        (block,) = (simulator.scene.pose(name).p for name in simulator.scene._bodies)
    finally:
        simulator.close()
    for camera in names:
        depth = seen.depth[camera]
        assert depth.dtype == np.float32
        inverse = np.linalg.inv(seen.state[f"{camera}.intrinsic_cv"].reshape(3, 3))
        extrinsic = seen.state[f"{camera}.extrinsic_cv"].reshape(3, 4)
        row, column = np.mgrid[:60, :80] + 0.5
        rays = np.stack([column, row, np.ones((60, 80))], -1) @ inverse.T
        place = (rays * depth[..., None] - extrinsic[:, 3]) @ extrinsic[:, :3]
        table = np.abs(place[..., 2] - TABLE) < 2e-4
        assert table.mean() > 0.2, camera
        red = (seen.images[camera][..., 0] > 150) & (seen.images[camera][..., 1] < 110)
        if camera != "left_camera":
            assert red.any(), camera
            assert np.abs(place[red] - block).max() < 0.05, camera
