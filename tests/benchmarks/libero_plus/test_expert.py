"""The privileged expert: its geometry, each of its skills once in the real simulator, and its demonstrations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from pytest_robustplus.benchmarks.demo_replay import Replay, key, load
from pytest_robustplus.benchmarks.libero_plus.benchmark import DEMONSTRATIONS
from pytest_robustplus.benchmarks.libero_plus.expert import Expert
from pytest_robustplus.benchmarks.libero_plus.expert.arm import Pose, downward
from pytest_robustplus.benchmarks.libero_plus.expert.articulate import moved_by
from pytest_robustplus.benchmarks.libero_plus.expert.grasp import around, closing_axis
from pytest_robustplus.benchmarks.libero_plus.expert.scene import Articulation, SceneView
from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import find_task, tasks
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.cards import default_profile
from pytest_robustplus.policies.contract import Actions, Observation, Privileged
from pytest_robustplus.rollout.episode import Episode, play

PROFILE = default_profile("libero_plus")
SAUCE = "libero_object/pick_up_the_bbq_sauce_and_place_it_in_the_basket#0"
STOVE = "libero_goal/turn_on_the_stove#0"


@pytest.fixture(scope="module")
def simulator() -> Iterator[LiberoSimulator]:
    built = LiberoSimulator(LiberoProtocol(), render=False)
    yield built
    built.close()


def box(size: Sequence[float], yaw: float = 0.0) -> np.ndarray:
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (0, 2)]) * np.array(size) / 2
    turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    return corners @ turn.T


@pytest.mark.parametrize("degrees", [0, 20, -35])
def test_fingers_close_across_the_least_width(degrees: float) -> None:
    pose = around(box((0.2, 0.04, 0.1), yaw=np.radians(degrees)))
    assert pose is not None
    closing = pose.rotation[:, 0]
    across = np.array([-np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])
    assert abs(closing[:2] @ across) > np.cos(np.radians(5))
    assert pose.rotation[2, 2] == pytest.approx(-1)


def test_what_is_wider_than_the_fingers_is_not_grasped_around() -> None:
    assert around(box((0.2, 0.09, 0.1))) is None


@pytest.mark.parametrize("height", [0.02, 0.15])
def test_fingertips_stay_above_the_table(height: float) -> None:
    pose = around(box((0.05, 0.05, height)))
    assert pose is not None
    assert 0.01 <= pose.position[2] < height


def test_a_downward_gripper_closes_along_y_at_home() -> None:
    np.testing.assert_allclose(closing_axis(0.0), [0, 1])
    np.testing.assert_allclose(downward(0.7) @ downward(0.7).T, np.eye(3), atol=1e-12)


def test_a_pose_follows_its_hinge_and_its_slide() -> None:
    pose = Pose(np.array([1.0, 0.0, 0.5]), downward(0.0))
    up = np.array([0.0, 0.0, 1.0])
    hinge = Articulation(0, 1, True, up, np.zeros(3), 0.0, 0.0, 2.0)
    turned = moved_by(hinge, pose, np.pi / 2)
    np.testing.assert_allclose(turned.position, [0, 1, 0.5], atol=1e-12)
    np.testing.assert_allclose(turned.rotation, downward(np.pi / 2), atol=1e-12)
    slid = moved_by(hinge._replace(hinge=False), pose, -0.2)
    np.testing.assert_allclose(slid.position, [1, 0, 0.3])


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(SAUCE, id="around"),
        pytest.param("libero_spatial/pick_up_the_black_bowl_on_the_stove_and_place_it_on_the_plate#1", id="rim"),
        pytest.param("libero_goal/open_the_top_drawer_and_put_the_bowl_inside#0", id="drawer-and-lean"),
        pytest.param("libero_goal/push_the_plate_to_the_front_of_the_stove#0", id="drag"),
        pytest.param(STOVE, id="knob"),
    ],
)
def test_each_skill_reaches_its_goal_within_the_horizon(simulator: LiberoSimulator, name: str) -> None:
    task = find_task(name)
    episode = play(simulator, Expert(), task, PROFILE)
    assert episode.success
    assert episode.steps < PROFILE.horizons[task.suite]
    assert np.abs(episode.actions).max() <= 1


def test_the_same_scene_gives_the_same_actions(simulator: LiberoSimulator) -> None:
    first, second = (play(simulator, Expert(), find_task(STOVE), PROFILE) for _ in range(2))
    np.testing.assert_array_equal(first.actions, second.actions)
    assert first.state_hash == second.state_hash


def test_noise_in_the_execution_is_corrected(simulator: LiberoSimulator) -> None:
    class Shaken(Expert):
        """The expert with a hand that trembles by up to 1 cm in each step."""

        generator = np.random.default_rng(np.random.SeedSequence(7))

        def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
            (action,) = super().act(observations)
            tremble = np.zeros_like(action)
            tremble[:, :3] = self.generator.uniform(-0.2, 0.2, 3)
            return [np.clip(action + tremble, -1, 1)]

    assert play(simulator, Shaken(), find_task(SAUCE), PROFILE).success


def test_without_a_scene_and_after_the_goal_the_expert_holds_still() -> None:
    expert = Expert()
    expert.reset(0, "pick it up")
    (action,) = expert.act([Observation({}, {}, "pick it up")])
    np.testing.assert_array_equal(action, [[0, 0, 0, 0, 0, 0, -1]])
    assert isinstance(expert, Privileged)


def test_goals_are_read_from_the_task_and_judged_by_the_environment(simulator: LiberoSimulator) -> None:
    simulator.reset(find_task(STOVE))
    scene = SceneView(simulator.environment)
    assert scene.goals == [("turnon", "flat_stove_1")]
    assert not scene.satisfied(scene.goals[0])
    assert scene.articulation("flat_stove_1").hinge
    assert scene.is_drawer("wooden_cabinet_1_top_region")
    assert not scene.is_drawer("wooden_cabinet_1_top_side")


def test_the_bank_holds_actions_of_known_base_tasks() -> None:
    bank = load(DEMONSTRATIONS)
    known = {key(task) for task in tasks() if task.dimension is Dimension.ORIGINAL}
    assert set(bank) <= known
    assert len(bank) >= 38
    for actions in bank.values():
        assert actions.dtype == np.float32
        assert actions.ndim == 2
        assert actions.shape[1] == 7
        assert np.isfinite(actions).all()
        assert np.abs(actions).max() <= 1
    assert Path(DEMONSTRATIONS).stat().st_size < 200_000


def test_a_demonstration_replayed_open_loop_succeeds_again(simulator: LiberoSimulator) -> None:
    task, replay = find_task(SAUCE), Replay(load(DEMONSTRATIONS))
    assert replay.covers(task)
    episode: Episode = play(simulator, replay, task, PROFILE)
    assert episode.success
    assert episode.inferences < 0.2 * episode.steps
