"""Perturbations of our own: official ones expressed so play the same, all do what they say, none leaves anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from pytest_robustplus.benchmarks.contract import Generative, Task
from pytest_robustplus.benchmarks.libero_plus import cameras, noise, placements, visibility
from pytest_robustplus.benchmarks.libero_plus.benchmark import LiberoPlus
from pytest_robustplus.benchmarks.libero_plus.conversion import as_perturbation
from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.scene import stored_joints
from pytest_robustplus.benchmarks.libero_plus.severities import KINDS, as_noise, parameters, severity
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import find_task, tasks
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.fuzz.space import distractors
from pytest_robustplus.perturbations import (
    PERTURBATIONS,
    Background,
    Camera,
    Combined,
    Dimension,
    Distractor,
    Language,
    Layout,
    Light,
    Noise,
    Perturbation,
    Robot,
    part,
)
from pytest_robustplus.policies.contract import Image, Observation

STILL = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0])
BASE = "libero_object/pick_up_the_milk_and_place_it_in_the_basket"
KITCHEN = "libero_10/KITCHEN_SCENE3_turn_on_the_stove_and_put_the_moka_pot_on_it"
CONVERTIBLE = (Dimension.CAMERA, Dimension.ROBOT, Dimension.NOISE)
EVERYTHING = Combined(
    Camera(azimuth=20.5, roll=4.0, fov=5.0),
    Robot(radius=0.2, gripper=0.5),
    Light(colour=(1.5, 1.0, 0.6), tilt=10.0, shadow=1),
    Background(wall=3, floor="ceramic", floor_tint=(0.6, 1.0, 1.0)),
    Noise("gaussian", 0.4),
    Layout(dx=0.04, scatter=0.03, seed=2),
    Language("politeness", 2),
)


@pytest.fixture(scope="module")
def simulator() -> Iterator[LiberoSimulator]:
    built = LiberoSimulator(LiberoProtocol(noise="upstream"), cameras=("agentview",), image_size=64)
    yield built
    built.close()


def official(dimension: Dimension, place: int) -> Task:
    """The ``place``-th of the official tasks of a dimension in libero_object."""
    alike = [task for task in tasks() if task.dimension is dimension and task.suite == "libero_object"]
    return [task for task in alike if not task.blocked][place]


def as_extra(task: Task) -> Task:
    """The task's base task with its perturbation as one of our own."""
    return replace(find_task(f"{task.suite}/{task.base}#0"), perturbation=as_perturbation(task))


def seen(simulator: LiberoSimulator, task: Task, steps: int = 2) -> tuple[Observation, str]:
    simulator.reset(task)
    for step in range(steps):
        simulator.step(STILL, render=step == steps - 1)
    return simulator.observe(), simulator.state_hash()


def picture(simulator: LiberoSimulator, extra: Perturbation | None, base: str = BASE) -> Image:
    simulator.reset(replace(find_task(f"{base}#0"), perturbation=extra))
    return simulator.observe().images["agentview"]


def objects(simulator: LiberoSimulator) -> dict[str, np.ndarray]:
    sim = simulator.environment.sim
    return {name: np.array(sim.data.body_xpos[body]) for name, body in simulator.environment.obj_body_id.items()}


@pytest.mark.parametrize(
    ("dimension", "place"),
    [
        *((Dimension.CAMERA, place) for place in (0, 150, 390)),
        *((Dimension.ROBOT, place) for place in (0, 390)),
        *((Dimension.NOISE, place) for place in (0, 100, 200, 300, 420)),
        *((Dimension.BACKGROUND, place) for place in (0, 11, 30)),
    ],
)
def test_an_official_perturbation_as_one_of_ours_plays_the_same(
    simulator: LiberoSimulator, dimension: Dimension, place: int
) -> None:
    task = official(dimension, place)
    ours, our_state = seen(simulator, as_extra(task))
    theirs, their_state = seen(simulator, task)
    assert np.array_equal(ours.images["agentview"], theirs.images["agentview"])
    assert our_state == their_state
    assert not np.array_equal(ours.images["agentview"], picture(simulator, None, f"{task.suite}/{task.base}"))


def test_every_official_perturbation_with_parameters_is_one_of_ours() -> None:
    for task in tasks():
        if task.dimension in CONVERTIBLE and task.dimension is not Dimension.ROBOT:
            found = as_perturbation(task)
            assert found is not None
            assert found.parts[0].dimension is task.dimension
            if isinstance(found, Camera):
                assert cameras.official_view(found) == cameras.view(task)
            if isinstance(found, Noise):
                ours, theirs = noise.noises(as_extra(task)), noise.noises(task)
                assert ours == theirs
                drawn = parameters(task.subdimension, severity(ours[0].noise))
                assert drawn.items() <= dict(task.parameters).items()


def test_every_stored_pose_is_an_offset_of_ours(simulator: LiberoSimulator) -> None:
    nominal = stored_joints("MountedPanda")
    for pose in range(1, 501):
        task = Task("", "libero_goal", "", Dimension.ROBOT, parameters={"pose": pose})
        robot = as_perturbation(task)
        assert isinstance(robot, Robot)
        assert np.array_equal(np.round(nominal + robot.offset, 8), stored_joints(f"MountedPanda{pose}"))


@pytest.mark.parametrize(
    "angle", [{"azimuth": 40.0}, {"elevation": 15.0}, {"yaw": -8.0, "pitch": 6.0}, {"distance": 1.6}]
)
def test_views_between_whole_degrees_continue_the_official_ones(
    simulator: LiberoSimulator, angle: dict[str, float]
) -> None:
    """The package rounds to 0.1 mm; a thousandth of a degree further the pose is that much further, not elsewhere."""
    poses = []
    for camera in (Camera(**angle), Camera(**angle, roll=1e-3)):  # type: ignore[arg-type]
        simulator.reset(replace(find_task(f"{BASE}#0"), perturbation=camera))
        model = simulator.environment.sim.model._model
        number = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, cameras.MAIN)
        quaternion = model.cam_quat[number] * np.sign(model.cam_quat[number, 0])
        poses.append(np.concatenate([model.cam_pos[number], quaternion]))
    assert poses[0] == pytest.approx(poses[1], abs=3e-4)
    assert not np.array_equal(poses[0], poses[1])


def test_nothing_is_left_behind(simulator: LiberoSimulator) -> None:
    """After every dimension at once, plain episodes have the bits that a fresh simulator gives."""
    plain = find_task(f"{BASE}#1")
    fresh = LiberoSimulator(LiberoProtocol(), cameras=("agentview",), image_size=64)
    expected, state = seen(fresh, plain)
    fresh.close()
    for extra in (EVERYTHING, Layout(distractors=(Distractor(1, 0.0, 0.0),))):
        disturbed, _ = seen(simulator, replace(plain, perturbation=extra))
        assert not np.array_equal(disturbed.images["agentview"], expected.images["agentview"])
        again, same = seen(simulator, plain)
        assert np.array_equal(again.images["agentview"], expected.images["agentview"])
        assert same == state
        assert again.instruction == expected.instruction


def test_equal_tasks_with_equal_extras_play_alike(simulator: LiberoSimulator) -> None:
    task = replace(find_task(f"{BASE}#2"), perturbation=EVERYTHING)
    first, state = seen(simulator, task)
    seen(simulator, replace(task, perturbation=Light(shadow=1, tilt=30.0)))
    second, again = seen(simulator, task)
    assert state == again
    assert np.array_equal(first.images["agentview"], second.images["agentview"])
    assert first.instruction == second.instruction
    assert "milk" in first.instruction


def test_the_target_moves_and_stops_before_it_touches(simulator: LiberoSimulator) -> None:
    picture(simulator, None)
    before = objects(simulator)
    picture(simulator, Layout(dx=0.02))
    after = objects(simulator)
    assert after["milk_1"] - before["milk_1"] == pytest.approx([0.02, 0, 0], abs=1e-9)
    assert all(np.array_equal(after[name], before[name]) for name in before if name != "milk_1")
    for dx, dy in ((0.1, 0.1), (-0.1, 0.1), (0.1, -0.1), (-0.1, -0.1)):
        picture(simulator, Layout(dx=dx, dy=dy))
        model, data = simulator.environment.sim.model._model, simulator.environment.sim.data._data
        bodies = simulator.environment.obj_body_id
        own = placements.outlines(model, data, [bodies["milk_1"]])
        others = placements.outlines(model, data, [body for name, body in bodies.items() if name != "milk_1"])
        assert not own.overlap(others).any()


def test_what_carries_the_target_moves_with_it(simulator: LiberoSimulator) -> None:
    base = "libero_spatial/pick_up_the_black_bowl_on_the_stove_and_place_it_on_the_plate"
    picture(simulator, None, base)
    before = objects(simulator)
    picture(simulator, Layout(dy=-0.01), base)
    after = objects(simulator)
    assert before["flat_stove_1"][1] - after["flat_stove_1"][1] == pytest.approx(0.01)
    assert before["akita_black_bowl_1"][1] - after["akita_black_bowl_1"][1] == pytest.approx(0.01)
    assert np.array_equal(before["plate_1"], after["plate_1"])


def test_as_many_distractors_stand_as_are_wished_for(simulator: LiberoSimulator) -> None:
    """libero_object had eight kinds to spare, so that twelve wished for and fifteen were the same scene."""
    task = find_task(f"{BASE}#0")
    for wished in (4, 12):
        simulator.reset(replace(task, perturbation=Layout(distractors=distractors(wished, seed=3))))
        stands = simulator.standing()
        assert isinstance(stands, Layout)
        assert len(stands.distractors) == wished
    barred = Combined(Camera(azimuth=9.0), Layout(dx=-0.0297, yaw=-5.0))
    simulator.reset(replace(find_task("libero_goal/put_the_bowl_on_the_plate#0"), perturbation=barred))
    stands = simulator.standing()
    assert part(stands, Camera) == Camera(azimuth=9.0)
    assert 0 < part(stands, Layout).severity < part(barred, Layout).severity, "less than was wished for is said"


def test_rays_tell_what_the_picture_shows(simulator: LiberoSimulator) -> None:
    """As many pixels as differ when the object is not drawn, and none of what is out of the frame."""
    task = find_task(f"{BASE}#0")
    simulator.reset(task)
    environment = simulator.environment
    told = visibility.shown(environment)
    shown = simulator._observed().images["agentview"].astype(int)
    model = environment.sim.model._model
    own = model.body_rootid[model.geom_bodyid] == environment.obj_body_id["milk_1"]
    groups = model.geom_group.copy()
    model.geom_group[own] = 5
    hidden = simulator._observed().images["agentview"].astype(int)
    model.geom_group[:] = groups
    drawn = int((abs(shown - hidden).max(axis=-1) > 0).sum()) * (256 // len(shown)) ** 2
    assert told["milk_1"].pixels == pytest.approx(drawn, rel=0.2)
    assert told["milk_1"].centred
    assert simulator.unseen() == ()
    simulator.reset(replace(task, perturbation=Camera(yaw=15.0, pitch=-15.0, fov=-15.0, distance=0.5)))
    assert "milk_1" in simulator.unseen()


def test_distractors_touch_nothing_and_hide_nothing(simulator: LiberoSimulator) -> None:
    # One of each kind; the second ones come only after them.
    wished = tuple(Distractor(0, np.cos(item), np.sin(item), 40.0 * item) for item in range(11))
    picture(simulator, Layout(distractors=wished), KITCHEN)
    scene = simulator.scene
    model, data = scene.compiled.model, scene.compiled.sim.data._data
    laid = [spare.body for spare in scene._spares if data.xpos[spare.body, 2] < 1]
    assert len(laid) == len(wished)
    boxes = placements.outlines(model, data, laid)
    assert not boxes.overlap(placements.outlines(model, data, scene.environment.obj_body_id.values())).any()
    assert not (boxes.overlap(boxes) ^ np.eye(len(laid), dtype=bool)).any()
    placed, upright = np.array(data.xpos[laid]), np.array(data.xmat[laid])
    for _ in range(20):
        simulator.step(STILL, render=False)
    names = [model.body(body).name for body in laid]
    fell = dict(zip(names, np.abs(data.xpos[laid] - placed).max(axis=1), strict=True))
    assert max(fell.values()) < 0.012, fell
    tilted = np.degrees(np.arccos(np.clip((np.einsum("bi,bi->b", data.xmat[laid], upright) - 1) / 2, -1, 1)))
    assert tilted.max() < 12, dict(zip(names, tilted, strict=True))


def test_scattered_objects_stay_within_the_named_distance(simulator: LiberoSimulator) -> None:
    picture(simulator, None)
    before = objects(simulator)
    moved = []
    for seed in range(5):
        picture(simulator, Layout.wide(seed))
        after = objects(simulator)
        moved.append({name: np.abs(after[name] - before[name]) for name in before})
        assert all(shift[2] == 0 and shift.max() <= 0.06 + 1e-9 for shift in moved[-1].values())
        assert all(moved[-1][name].max() <= 0.03 + 1e-9 for name in before if name not in ("milk_1", "basket_1"))
    assert max(shift["milk_1"].max() for shift in moved) > 0.03


@pytest.mark.parametrize("kind", KINDS)
def test_noise_begins_at_none_and_meets_every_severity(simulator: LiberoSimulator, kind: str) -> None:
    frame = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    nothing = noise.SeededNoise(as_noise(kind, 1e-9), "x")
    same = noise.disturb(frame, nothing, env_seed=7, step=0, version="upstream")
    assert np.abs(same.astype(int) - frame).max() <= 1
    first, last = (np.array(list(parameters(kind, rung).values())) for rung in (1, 10))
    middle = np.array(list(parameters(kind, 5.5).values()))
    assert (np.minimum(first, last) <= middle).all() or kind == "zoom blur"


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (Background(floor="cermic"), "'cermic'.*Did you mean 'ceramic'"),
        (Robot(0.1, (1.0,) * 14), "LIBERO's robot has one arm, not 2; give Robot.direction 7 numbers"),
    ],
)
def test_what_cannot_be_shown_is_said(simulator: LiberoSimulator, extra: Perturbation, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        picture(simulator, extra)


def test_the_benchmark_says_what_it_generates() -> None:
    benchmark = LiberoPlus({})
    assert isinstance(benchmark, Generative)
    assert benchmark.generates == PERTURBATIONS
