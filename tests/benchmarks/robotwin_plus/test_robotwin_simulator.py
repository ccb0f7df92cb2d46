"""The driver on a fake checkout: a real child, RoboTwin's keys, seeds found once, pictures only when looked at."""

from __future__ import annotations

import json
from pathlib import Path

import fake_robotwin
import numpy as np
import pytest
from fake_robotwin import Make, prepare

from pytest_robustplus.benchmarks.contract import Preparing, Task
from pytest_robustplus.benchmarks.robotwin_plus.benchmark import RoboTwinPlus
from pytest_robustplus.benchmarks.robotwin_plus.expert import Expert
from pytest_robustplus.benchmarks.two_arms import CAMERAS, SENSORS
from pytest_robustplus.errors import SimulatorError
from pytest_robustplus.perturbations import DIMENSIONS, Dimension
from pytest_robustplus.rollout.episode import play

PUSH, HOLD = np.full(14, 1.0), np.zeros(14)


def scene(simulator: object) -> dict[str, object]:
    found: dict[str, object] = json.loads(simulator.provenance()["scene"])  # type: ignore[attr-defined]
    return found


def test_an_episode_has_robotwins_observations_and_ends_at_its_goal(make: Make, benchmark: RoboTwinPlus) -> None:
    simulator = make()
    instruction = simulator.reset(benchmark.task("adjust_bottle/demo_clean#0"))
    assert instruction.startswith("adjust_bottle: push block 0.")
    seen = simulator.observe()
    assert list(seen.images) == list(CAMERAS)
    for number, image in enumerate(seen.images.values()):
        assert image.shape == (240, 320, 3)
        assert image.dtype == np.uint8
        assert image[0, 0, number] == 255
        assert (image[1:] == 10 * number).all()
    assert seen.state["joint_pos"].tolist() == [0.0] * 6 + [1.0] + [0.0] * 6 + [1.0]
    assert seen.state["right_endpose"][2] == 0.2
    assert seen.state["left_camera.intrinsic_cv"].reshape(3, 3)[1, 1] == 2
    assert {name: vector.shape[0] for name, vector in seen.state.items()}.items() <= dict(SENSORS).items()
    assert not simulator.step(PUSH, render=True)
    later = simulator.observe()
    assert later.images["head_camera"][1, 0, 0] == 255
    assert seen.images["head_camera"][1, 0, 0] == 0  # its own copy
    before = simulator.state_hash()
    assert not simulator.step(PUSH, render=False)
    assert simulator.state_hash() != before
    with pytest.raises(SimulatorError, match="did not render"):
        simulator.observe()
    assert simulator.step(PUSH, render=False)


def test_depth_and_the_front_camera_are_there_for_who_asks(make: Make, benchmark: RoboTwinPlus) -> None:
    task = benchmark.task("adjust_bottle/demo_clean#0")
    simulator = make(cameras=("front_camera", "head_camera"), depth=("head_camera", "front_camera"))
    simulator.reset(task)
    seen = simulator.observe()
    assert list(seen.images) == ["front_camera", "head_camera"]
    assert {name: (d.shape, d.dtype.name) for name, d in seen.depth.items()} == dict.fromkeys(
        ("head_camera", "front_camera"), ((240, 320), "float32")
    )
    # RoboTwin's millimetres, as metres; what it says of depth is no part of the state.
    assert (seen.depth["front_camera"] == np.float32(3100) / np.float32(1000)).all()
    assert not [name for name in seen.state if "depth" in name]
    simulator.step(PUSH, render=True)
    assert (simulator.observe().depth["head_camera"] == np.float32(1.1)).all()
    plain = make()
    plain.reset(task)
    assert not plain.observe().depth


def test_what_is_played_is_said(make: Make, benchmark: RoboTwinPlus) -> None:
    simulator = make()
    simulator.reset(benchmark.task("click_bell/demo_camera#1"))
    facts = simulator.provenance()
    assert facts["checkout"].startswith("RoboTwin 2.0-Plus without git, sources ")
    assert (facts["sapien"], facts["shader"], facts["renderer"]) == ("3.0.3", "rt", "nobody")
    assert scene(simulator) == {
        "task": "click_bell",
        "configuration": "demo_camera",
        "episode": 1,
        "seed": 100_001,
        "step_limit": 400,
        "skipped": {},
    }


def test_seeds_count_on_and_leave_out_what_the_expert_does_not_solve(
    make: Make, benchmark: RoboTwinPlus, checkout: Path
) -> None:
    fake_robotwin.faults(checkout, setup_100000="unstable", expert_100002="fail", expert_100003="raise")
    simulator = make()
    assert prepare(simulator, benchmark.task("adjust_bottle/demo_clean#1")) == 5
    assert scene(simulator)["seed"] == 100_004
    assert scene(simulator)["skipped"] == {
        "100002": "failed no plan",
        "100003": "error playing: ValueError: a bug of the task",
    }
    # The seed of the first episode was found on the way.
    fake_robotwin.faults(checkout, expert="exit")
    assert not prepare(simulator, benchmark.task("adjust_bottle/demo_clean#0"))
    assert scene(simulator)["seed"] == 100_001
    assert scene(simulator)["skipped"] == {"100000": "unstable box fell over"}


def test_seeds_apart_need_no_other_episode(make: Make, benchmark: RoboTwinPlus, checkout: Path) -> None:
    simulator = make(seeds="apart", env_seed="1")
    prepare(simulator, benchmark.task("adjust_bottle/demo_clean#40"))
    assert scene(simulator)["seed"] == 240_000
    assert len((checkout / "closed.txt").read_text().splitlines()) == 1


def test_the_expert_plays_a_seed_once_for_all_processes(make: Make, benchmark: RoboTwinPlus, checkout: Path) -> None:
    task = benchmark.task("adjust_bottle/demo_clean#1")
    first = make()
    prepare(first, task)
    path = first.verified.found.path
    assert path is not None
    fake_robotwin.faults(checkout, expert="exit")
    second = make()
    assert second.reset(task) == first.reset(task)
    again = second.verified.found.path
    assert again is not None
    assert np.array_equal(again, path)


@pytest.mark.parametrize("changed", ["version", "assets"])
def test_what_an_expert_depends_on_is_verified_anew(
    make: Make, benchmark: RoboTwinPlus, checkout: Path, changed: str
) -> None:
    task = benchmark.task("adjust_bottle/demo_clean#0")
    prepare(make(), task)
    if changed == "version":
        fake_robotwin.sapien(checkout, "3.0.0b1")
    else:
        fake_robotwin.write(checkout, "assets/objects/020_hammer/base0.glb", "glb")
    fake_robotwin.faults(checkout, expert_100000="fail")
    simulator = make()
    prepare(simulator, task)
    assert scene(simulator)["seed"] == 100_001


def test_instructions_follow_configuration_and_protocol(make: Make, benchmark: RoboTwinPlus) -> None:
    clean = benchmark.task("adjust_bottle/demo_clean#0")
    assert make().reset(benchmark.task("adjust_bottle/demo_language_plus#0")) in ("one", "two", "three")
    seen, again = make().reset(clean), make().reset(clean)
    assert seen == again
    unseen = make(instructions="unseen").reset(clean)
    assert unseen == unseen.upper() != seen


def test_the_expert_is_a_policy_that_solves_its_scene(make: Make, benchmark: RoboTwinPlus) -> None:
    simulator = make(cameras=())
    episode = play(simulator, Expert(), benchmark.task("adjust_bottle/demo_clean#0"), benchmark.profile)
    assert episode.success
    assert episode.actions.shape[1] == 14
    assert episode.actions[0][13] == pytest.approx(1 - 0.24)
    assert simulator.provenance()["renderer"] == "none"


def test_a_robot_and_its_planner_outlive_their_task(make: Make, benchmark: RoboTwinPlus, checkout: Path) -> None:
    simulator = make()
    for base in ("adjust_bottle", "click_bell", "adjust_bottle", "click_bell"):
        simulator.reset(benchmark.task(f"{base}/demo_clean#0"))
    lines = [line.split() for line in (checkout / "closed.txt").read_text().splitlines()]
    assert {built for _, _, built in lines} == {"1"}
    assert [clear for _, clear, _ in lines] == ["False"] * 4 + ["True"]  # clear_cache_freq: 5


def test_a_simulator_says_that_it_prepares(make: Make) -> None:
    assert isinstance(make(), Preparing)


@pytest.mark.parametrize("dimension", list(DIMENSIONS))
def test_every_dimension_has_its_configuration(benchmark: RoboTwinPlus, dimension: Dimension) -> None:
    tasks = [task for task in benchmark.tasks() if task.dimension is dimension]
    assert len(tasks) == 50 * 50
    assert len({task.name for task in tasks}) == len(tasks)
    playable = {task.base for task in tasks if not task.blocked}
    assert playable == set(fake_robotwin.TASKS)
    kinds = {task.subdimension for task in tasks}
    assert len(kinds) == (5 if dimension is Dimension.NOISE else 1)


def test_a_checkout_of_2_0_has_the_clean_configuration_only(tmp_path: Path) -> None:
    benchmark = RoboTwinPlus({}, fake_robotwin.build(tmp_path / "plain", plus=False))
    playable: list[Task] = [task for task in benchmark.tasks() if not task.blocked]
    assert {task.dimension for task in playable} == {Dimension.ORIGINAL}
    blocked = benchmark.task("click_bell/demo_light#0").blocked
    assert blocked == "RoboTwin 2.0 has no task_config/demo_light.yml; RoboTwin 2.0-Plus does"
