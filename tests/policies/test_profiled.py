"""A policy behind its profile: what it sees, and what becomes of its answers, model by model."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_robustplus.errors import BadInputError, PolicyError
from pytest_robustplus.policies.cards import default_profile, load_cards
from pytest_robustplus.policies.contract import Actions, Observation, Privileged, begin
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.policies.profiled import Profiled

CARDS = load_cards()
DEFAULT = default_profile("libero_plus")


class Recorder:
    """Answers what it is told to, and keeps what it saw."""

    def __init__(self, answer: Actions | Callable[[Observation], Actions]) -> None:
        self.answer = answer
        self.seen: list[Observation] = []
        self.resets: list[tuple[int, str]] = []

    def reset(self, slot: int, instruction: str) -> None:
        self.resets.append((slot, instruction))

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        self.seen += observations
        return [self.answer(o) if callable(self.answer) else self.answer for o in observations]


def frame(seed: int, height: int = 256, width: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def observed(slot: int = 0, pos: Sequence[float] = (0.1, 0.2, 0.3), step: int = 0) -> Observation:
    """A frame and state as the LIBERO simulator gives them."""
    state = {
        "eef_pos": np.array(pos),
        "eef_quat": np.array([0.0, 0.0, 0.0, 1.0]),
        "gripper_qpos": np.array([0.04, -0.04]),
        "controller_pos": np.array(pos),
        "controller_mat": np.eye(3).ravel(),
    }
    return Observation({"wrist": frame(1), "agentview": frame(2), "side": frame(3)}, state, "pick it up", step, slot)


def libero(model: str, transport: str = "") -> Profile:
    return CARDS[model].over(transport).profiles["libero_plus"]


def test_pi05_sees_upright_frames_of_224_and_state8() -> None:
    policy = Recorder(np.zeros((10, 7)))
    Profiled(policy, libero("pi05")).act([observed()])
    (seen,) = policy.seen
    assert list(seen.images) == ["agentview", "wrist"]
    assert seen.images["agentview"].shape == (224, 224, 3)
    np.testing.assert_allclose(seen.state["state"], [0.1, 0.2, 0.3, 0, 0, 0, 0.04, -0.04])
    # The upper left corner of what it sees is the lower right of the raw frame.
    corner = seen.images["agentview"][:20, :20].mean((0, 1))
    np.testing.assert_allclose(corner, frame(2)[-23:, -23:].mean((0, 1)), atol=4)
    assert (seen.instruction, seen.step, seen.slot) == ("pick it up", 0, 0)


def test_oft_sees_whole_frames_and_its_gripper_is_turned_into_liberos() -> None:
    # Its server does all else. It answers 0 for closed and 1 for open, and LIBERO takes +1 to close and -1 to open.
    chunk = np.zeros((8, 7))
    chunk[:, -1] = [0.0, 0.1, 0.49, 0.5, 0.51, 0.9, 0.99, 1.0]
    policy = Recorder(chunk)
    (actions,) = Profiled(policy, libero("openvla_oft")).act([observed()])
    np.testing.assert_array_equal(actions[:, -1], [1, 1, 1, 0, -1, -1, -1, -1])
    np.testing.assert_array_equal(policy.seen[0].images["wrist"], frame(1)[::-1, ::-1])


def test_through_vla_eval_oft_answers_in_liberos_convention_already() -> None:
    chunk = np.full((1, 7), 0.25)
    (actions,) = Profiled(Recorder(chunk), libero("openvla_oft", "vla-eval")).act([observed()])
    np.testing.assert_array_equal(actions, chunk)


def x_vla_rows(x: float) -> np.ndarray:
    """30 absolute poses at x with no rotation, gripper closing in the second half."""
    rows = np.zeros((30, 20))
    rows[:, 0] = x + np.arange(30) / 100
    rows[:, 3] = rows[:, 7] = 1.0
    rows[15:, 9] = 0.9
    return rows


def test_x_vla_end_to_end() -> None:
    policy = Recorder(lambda o: x_vla_rows(o.slot))
    profiled = Profiled(policy, libero("x_vla"))
    profiled.reset(0, "pick it up")
    (actions,) = profiled.act([observed()])
    assert actions.shape == (30, 7)
    np.testing.assert_allclose(actions[:, 0], np.arange(30) / 100)
    np.testing.assert_allclose(actions[:, 1:6], 0, atol=1e-9)
    np.testing.assert_array_equal(actions[:, 6], [-1] * 15 + [1] * 15)
    np.testing.assert_array_equal(policy.seen[0].images["agentview"], frame(2)[::-1, ::-1])
    np.testing.assert_array_equal(policy.seen[0].images["wrist"], frame(1))
    # Sensed at first: position, no rotation as two columns, zeros.
    np.testing.assert_allclose(policy.seen[0].state["state"], [0.1, 0.2, 0.3, 1, 0, 0, 0, 1, 0] + [0] * 11)


def test_x_vla_reads_its_own_last_pose_until_the_next_episode() -> None:
    policy = Recorder(lambda o: x_vla_rows(o.slot))
    profiled = Profiled(policy, libero("x_vla"))
    profiled.act([observed(slot=0), observed(slot=5)])
    profiled.act([observed(slot=5), observed(slot=0)])
    # The last of 30 rows, each slot its own; the gripper column stays as sensed, zero.
    assert [o.state["state"][0] for o in policy.seen[2:]] == [5.29, 0.29]
    assert policy.seen[2].state["state"][9] == 0
    np.testing.assert_array_equal(policy.seen[2].state["eef_pos"], [0.1, 0.2, 0.3])
    profiled.reset(5, "put it down")
    profiled.act([observed(slot=5), observed(slot=0)])
    assert [o.state["state"][0] for o in policy.seen[4:]] == [0.1, 0.29]
    assert policy.resets == [(5, "put it down")]


def test_cosmos_sees_frames_upside_down_only_and_proprio9() -> None:
    policy = Recorder(np.zeros((16, 7)))
    Profiled(policy, libero("cosmos_policy")).act([observed()])
    np.testing.assert_array_equal(policy.seen[0].images["agentview"], frame(2)[::-1])
    np.testing.assert_allclose(policy.seen[0].state["state"], [0.04, -0.04, 0.1, 0.2, 0.3, 0, 0, 0, 1])


def test_vla_jepa_is_unnormalised_here(tmp_path: Path) -> None:
    file = tmp_path / "dataset_statistics.json"
    entry = {"min": [-2] * 6 + [0], "max": [4] * 6 + [1], "mask": [True] * 6 + [False]}
    file.write_text(json.dumps({"franka": {"action": entry}}))
    profile = replace(libero("vla_jepa"), statistics=str(file))
    # Cut to ±1 and mapped to [-2, 4]: 0 is 1, 9 is 4. The gripper is left alone and 1 - 2·(g > ½).
    rows = np.array([[0, 9, -1, 0.5, 0, 0, 0.2], [0, 0, 0, 0, 0, 0, 0.8]])
    policy = Recorder(rows)
    (actions,) = Profiled(policy, profile).act([observed()])
    np.testing.assert_allclose(actions, [[1, 4, -2, 2.5, 1, 1, 1], [1.0, 1, 1, 1, 1, 1, -1]])
    assert policy.seen[0].images["agentview"].shape == (224, 224, 3)


def test_without_its_statistics_such_a_model_says_what_it_needs() -> None:
    with pytest.raises(BadInputError, match=r"set statistics to the path of its dataset_statistics\.json"):
        Profiled(Recorder(np.zeros((7, 7))), libero("vla_jepa"))


def test_abot_m0_on_robotwin_sorts_its_joints() -> None:
    profile = replace(CARDS["abot_m0"].profiles["robotwin_plus"], unnormalise="server")
    state = {"joint_pos": np.zeros(14)}
    images = {name: frame(0, 240, 320) for name in profile.cameras}
    # It answers [left 6, right 6, left gripper, right gripper]; RoboTwin takes each arm with its gripper.
    (actions,) = Profiled(Recorder(np.arange(14.0)[None]), profile).act([Observation(images, state, "")])
    assert actions.tolist() == [[0, 1, 2, 3, 4, 5, 12, 6, 7, 8, 9, 10, 11, 13]]


def test_x_vla_on_robotwin_turns_both_arms() -> None:
    profile = CARDS["x_vla"].profiles["robotwin_plus"]
    half = math.sqrt(0.5)
    pose = [0.1, 0.2, 0.3, 0, 0, half, half]
    state = {f"{side}_endpose": np.array(pose) for side in ("left", "right")} | {"joint_pos": np.ones(14)}
    images = {name: frame(0, 240, 320) for name in profile.cameras}
    # RoboTwin's four numbers taken for xyzw, as its client takes them: a quarter turn about z, whose columns (0, 1, 0)
    # and (-1, 0, 0) go row by row; an open gripper, 1, reads -1.
    arm = [0.1, 0.2, 0.3, 0, -1, 1, 0, 0, 0, -1]
    row = [*arm[:9], 0.71, *arm[:9], 0.7]
    policy = Recorder(np.array([row]))
    (actions,) = Profiled(policy, profile).act([Observation(images, state, "")])
    np.testing.assert_allclose(policy.seen[0].state["state"], arm + arm, atol=1e-12)
    np.testing.assert_allclose(actions, [[*pose, -1, *pose, 1]], atol=1e-12)


@pytest.mark.parametrize("model", sorted(CARDS))
@pytest.mark.parametrize("transport", ["", "vla-eval", "lerobot"])
def test_every_card_can_be_applied(model: str, transport: str) -> None:
    card = CARDS[model].over(transport)
    assert card.profiles
    for profile in card.profiles.values():
        width = Profiled(Recorder(np.zeros((1, 1))), replace(profile, unnormalise="server"))._actions.taken
        profiled = Profiled(Recorder(np.ones((3, width))), replace(profile, unnormalise="server", state=()))
        images = {camera: frame(0, 64, 64) for camera in profile.cameras}
        depth = {camera: np.ones((64, 64), np.float32) for camera in profile.depth}
        seen = Observation(images, {}, "", depth=depth)
        (actions,) = profiled.act([seen]) if not profile.state_from_action else (None,)
        assert actions is None or actions.shape == (3, profile.action_width)


def test_neither_the_observation_nor_the_answer_is_changed() -> None:
    chunk = np.full((8, 7), 0.3)
    chunk.flags.writeable = False
    seen = observed()
    before = {name: image.copy() for name, image in seen.images.items()}
    Profiled(Recorder(chunk), libero("openvla_oft")).act([seen])
    assert (chunk == 0.3).all()
    assert "state" not in seen.state
    for name, image in seen.images.items():
        np.testing.assert_array_equal(image, before[name])


def test_a_bad_answer_names_model_and_call() -> None:
    profiled = Profiled(Recorder(lambda o: np.full((8, 7), np.nan if o.step else 0.0)), DEFAULT, "pi05")
    profiled.act([observed()])
    with pytest.raises(PolicyError, match=r"pi05, call 2, answered nan at step 0, component 0"):
        profiled.act([observed(step=8)])


@pytest.mark.parametrize(
    ("second", "first"),
    [([0.0] * 3, [1.0, 0.0, 0.0]), ([2.0, 0.0, 0.0], [1.0, 0.0, 0.0]), ([0.0, 1.0, 0.0], [0.0] * 3)],
)
def test_what_a_profile_turns_into_nan_is_an_error_of_the_policy(first: list[float], second: list[float]) -> None:
    chunk = np.tile([0.0, 0.0, 0.0, *first, *second, 0.0, *[0.0] * 10], (30, 1))
    with pytest.raises(PolicyError, match=r"its profile turns into nan at step 0, component 3.*no rotation"):
        Profiled(Recorder(chunk), libero("x_vla"), "X-VLA").act([observed()])


@pytest.mark.parametrize("source", ["quat", "quat_wxyz"])
def test_a_quaternion_of_a_network_is_scaled_and_one_of_zeros_is_an_error(source: str) -> None:
    profile = replace(DEFAULT, action=("copy:3", f"{source}->axis_angle", "copy:1"))
    quat = [0.0, 0.0, 3.0, 3.0] if source == "quat" else [3.0, 0.0, 0.0, 3.0]
    (chunk,) = Profiled(Recorder(np.array([[0.0, 0, 0, *quat, 1]])), profile).act([observed()])
    np.testing.assert_allclose(chunk[0, 3:6], [0, 0, math.pi / 2], atol=1e-12)
    with pytest.raises(PolicyError, match="its profile turns into nan"):
        Profiled(Recorder(np.zeros((1, 8))), profile).act([observed()])


def test_statistics_that_blow_a_number_up_are_an_error(tmp_path: Path) -> None:
    file = tmp_path / "statistics.json"
    file.write_text(json.dumps({"action": {"min": [-1e308] * 7, "max": [1e308] * 7}}))
    profile = replace(DEFAULT, unnormalise="min_max", statistics=str(file))
    with pytest.raises(PolicyError, match="its profile turns into inf"):
        Profiled(Recorder(np.ones((1, 7))), profile).act([observed()])


@pytest.mark.parametrize("changes", [{"settle_action": (0.0,) * 6 + (math.nan,)}, {"gripper_threshold": math.inf}])
def test_a_profile_holds_no_number_that_is_none(changes: dict[str, Any]) -> None:
    with pytest.raises(BadInputError, match=next(iter(changes))):
        replace(DEFAULT, **changes)


def test_the_width_checked_is_the_models_own() -> None:
    with pytest.raises(PolicyError, match=r"shape \(30, 10\).*\(steps, 20\)"):
        Profiled(Recorder(np.zeros((30, 10))), libero("x_vla")).act([observed()])


def test_a_camera_that_is_not_there_is_named() -> None:
    with pytest.raises(BadInputError, match=r"camera 'wirst'.*'wrist'"):
        Profiled(Recorder(np.zeros((8, 7))), replace(DEFAULT, cameras=("wirst",))).act([observed()])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"action": ("copy:3",)}, "makes actions 3 wide, but action_width is 7", id="narrow layout"),
        pytest.param({"action_order": (0, 1)}, "makes actions 2 wide", id="short order"),
        pytest.param({"action_order": (0, 1, 2, 3, 4, 5, 7)}, "reaches outside", id="order beyond the end"),
        pytest.param({"gripper_columns": (7,)}, "gripper_columns", id="gripper beyond the end"),
        pytest.param({"state": ("ones:3",)}, "zeros:N", id="unknown part of the state"),
    ],
)
def test_a_profile_that_contradicts_itself_is_refused_before_the_first_episode(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInputError, match=message):
        Profiled(Recorder(np.zeros((8, 7))), replace(DEFAULT, **changes))


def test_statistics_of_another_width_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "stats.json"
    file.write_text(json.dumps({"action": {"min": [0], "max": [1]}}))
    with pytest.raises(BadInputError, match="describes 1 components, but the model's actions have 7"):
        Profiled(Recorder(np.zeros((8, 7))), replace(DEFAULT, unnormalise="min_max", statistics=str(file)))


class Script(Recorder):
    """A privileged policy."""

    simulator: object = None

    def attach(self, slot: int, simulator: Any) -> None:
        self.simulator = simulator


def test_a_privileged_script_is_handed_the_simulator_and_the_raw_observation() -> None:
    script = Script(np.zeros((1, 7)))
    profiled = Profiled(script, DEFAULT)
    assert isinstance(profiled, Privileged)
    simulator = object()
    profiled.attach(0, simulator)
    seen = observed()
    profiled.act([seen])
    assert script.simulator is simulator
    assert script.seen[0] is seen
    script.answer = np.zeros((1, 6))
    with pytest.raises(PolicyError, match=r"\(1, 6\)"):
        profiled.act([seen])


def test_a_model_is_never_privileged() -> None:
    assert not isinstance(Profiled(Recorder(np.zeros((1, 7))), DEFAULT), Privileged)


def test_a_task_told_by_name_and_a_pose_fed_back_as_it_was_executed() -> None:
    seen: list[Observation] = []

    class Remote:
        def begin(self, slot: int, suite: str, task: str) -> None:
            self.told = (slot, suite, task)

        def reset(self, slot: int, instruction: str) -> None:
            self.instruction = instruction

        def act(self, observations: Any) -> Any:
            seen.extend(observations)
            return [np.array([[1.0, 0.2], [2.0, 0.9]])]

    profile = Profile(
        cameras=(), state=("pose",), action_width=2, gripper="threshold", sensed_from_action={"pose": (1, 0)},
        prompt="task_name", settle_action=(), settle_steps=0,
    )  # fmt: skip
    remote = Remote()
    policy = Profiled(remote, profile)
    for _ in range(2):
        begin(policy, 3, "stack the two blocks", suite="stack_blocks_two", task="stack_blocks_two")
        for _ in range(2):
            policy.act([Observation({}, {"pose": np.zeros(2)}, "stack the two blocks", slot=3)])
    assert remote.told == (3, "stack_blocks_two", "stack_blocks_two")
    assert remote.instruction == "stack blocks two"
    assert {observation.instruction for observation in seen} == {"stack blocks two"}
    # Sensed at first, then what was executed last: the gripper is that of the environment.
    np.testing.assert_array_equal([o.state["state"] for o in seen], [[0, 0], [1, 2], [0, 0], [1, 2]])


def test_depth_is_shown_of_the_cameras_asked_for_and_turned_as_their_frames_are() -> None:
    policy = Recorder(np.zeros((8, 7)))
    distances = {camera: np.random.default_rng(4).random((256, 256), np.float32) for camera in ("side", "wrist")}
    profile = replace(DEFAULT, depth=("wrist",))
    Profiled(policy, profile).act([replace(observed(), depth=distances)])
    (seen,) = policy.seen
    assert list(seen.depth) == ["wrist"]
    assert seen.depth["wrist"].dtype == np.float32
    assert seen.depth["wrist"].flags.c_contiguous
    np.testing.assert_array_equal(seen.depth["wrist"], distances["wrist"][::-1, ::-1])
    with pytest.raises(BadInputError, match=r"Unknown camera 'wrist'.*depth in the model's profile"):
        Profiled(policy, profile).act([observed()])
    Profiled(policy, DEFAULT).act([replace(observed(), depth=distances)])
    assert not policy.seen[-1].depth
