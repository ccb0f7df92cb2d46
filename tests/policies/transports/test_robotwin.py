"""RoboTwin's policies, which drive an environment, turned into ones that are asked."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from policy_servers import request, robotwin_observed

from pytest_robustplus.errors import BadInputError, PolicyError, PolicyUnreachableError, SimulatorError
from pytest_robustplus.policies import serving
from pytest_robustplus.policies.cards import load_cards
from pytest_robustplus.policies.contract import Observation, begin
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.policies.specs import from_python
from pytest_robustplus.policies.transports.robotwin import RoboTwinPolicy, robotwin_observation
from pytest_robustplus.rollout.limit import limited

PROFILE = Profile(action_space="joint", action_width=14, settle_action=(), settle_steps=0, request={"ckpt": "a"})


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A policy module; a test sets its ``eval``."""
    made = ModuleType("deploy_policy")
    vars(made).update(get_model=lambda args: {"args": args, "resets": 0}, eval=lambda *_: None, reset_model=forget)
    monkeypatch.setitem(sys.modules, "deploy_policy", made)
    yield made
    assert not [thread for thread in threading.enumerate() if thread.name == "robotwin-policy" and thread.is_alive()]


def forget(model: dict[str, Any]) -> None:
    model["resets"] += 1


@pytest.fixture
def policy(module: ModuleType) -> Iterator[RoboTwinPolicy]:
    """The module's policy at the beginning of an episode."""
    built = from_python(request("deploy_policy", PROFILE, benchmark="robotwin_plus"))
    assert isinstance(built, RoboTwinPolicy)
    built.reset(0, "stack the bowls")
    yield built
    built.close()


def at(step: int, slot: int = 0) -> Observation:
    observation = robotwin_observed()
    return Observation(observation.images, {"state": np.full(14, float(step))}, "stack the bowls", step, slot)


def test_holobrain_is_shown_depth_in_millimetres_once_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []

    class Policy:
        def __init__(self, cfg: Any, pipeline: Any) -> None:
            self.cfg, self.told, self.resets = cfg, pipeline.told, 0

        def reset(self) -> None:
            self.resets += 1

        def act(self, seen: Any) -> Any:
            shown.append(seen)
            return np.full(14, len(shown) % 32)

    def load(**told: Any) -> Any:
        return SimpleNamespace(told=told, model=SimpleNamespace(eval=lambda: None))

    for name, contents in (
        ("projects.holobrain.policy.robotwin_policy", {"HoloBrainRoboTwinPolicy": Policy}),
        ("robo_orchard_lab.models.holobrain.pipeline", {"HoloBrainInferencePipeline": SimpleNamespace()}),
        ("robo_orchard_lab.envs.robotwin.obs", {}),
    ):
        for depth in range(name.count(".")):
            monkeypatch.setitem(sys.modules, name.rsplit(".", depth + 1)[0], ModuleType(name))
        made = ModuleType(name)
        vars(made).update(contents, HoloBrainRoboTwinPolicyCfg=SimpleNamespace)
        vars(made).update(get_joints=lambda seen: seen["joint_action"], get_observation_cams=lambda s: s["observation"])
        monkeypatch.setitem(sys.modules, name, made)
    sys.modules["robo_orchard_lab.models.holobrain.pipeline"].HoloBrainInferencePipeline.load_pipeline = load
    monkeypatch.syspath_prepend(str(Path(serving.__file__).parent))
    profile = load_cards()["holobrain0_qwen"].profiles["robotwin_plus"]
    with pytest.raises(BadInputError, match=r"asks for 'model_dir'.*request = \{ model_dir = … \}"):
        from_python(request("holobrain", profile, benchmark="robotwin_plus"))
    profile = replace(profile, request={**profile.request, "model_dir": "weights"})
    policy = from_python(request("holobrain", profile, benchmark="robotwin_plus"))
    begin(policy, 0, "stack the bowls", suite="stack_bowls_two", task="stack_bowls_two")
    frames = dict.fromkeys(profile.cameras, np.zeros((6, 8, 3), np.uint8))
    metres = {camera: np.full((6, 8), 0.1 * number, np.float32) for number, camera in enumerate(profile.depth, 1)}
    seen = Observation(frames, {"joint_pos": np.arange(14.0)}, "stack the bowls", depth=metres)
    for _ in range(2):
        (chunk,) = policy.act([seen])
        assert chunk.shape == (32, 14)
        assert chunk[0, 0] == 1
    first = shown[0]
    assert (first["instructions"], first["joints"]["vector"].tolist()) == ("stack the bowls", list(range(14)))
    assert list(first["cameras"]) == list(profile.cameras)
    np.testing.assert_array_equal(first["cameras"]["left_camera"]["depth"] / 1000, metres["left_camera"])
    assert first["cameras"]["left_camera"]["depth"].max() == pytest.approx(200)
    policy.close()  # type: ignore[attr-defined]


def test_what_is_executed_before_the_next_look_is_the_chunk(module: ModuleType, policy: RoboTwinPolicy) -> None:
    seen = []

    def evaluate(env: Any, model: Any, observation: Any) -> None:
        seen.append((observation["joint_action"]["vector"][0], env.get_instruction(), model["args"]["ckpt"]))
        for count in range(5):
            env.take_action(np.full(14, count))

    module.eval = evaluate  # type: ignore[attr-defined]
    for step in (0, 5):
        (chunk,) = policy.act([at(step)])
        np.testing.assert_array_equal(chunk[:, 0], np.arange(5))
    assert seen == [(0.0, "stack the bowls", "a"), (5.0, "stack the bowls", "a")]


def test_a_policy_that_looks_between_its_actions_sees_what_came_of_them(
    module: ModuleType, policy: RoboTwinPolicy
) -> None:
    seen = []

    def evaluate(env: Any, _model: Any, observation: Any) -> None:
        for _ in range(3):
            seen.append(observation["joint_action"]["vector"][0])
            assert observation["observation"]["head_camera"]["rgb"].shape == (6, 8, 3)
            env.take_action(np.full(14, seen[-1]), action_type="qpos")
            observation = env.get_obs()

    module.eval = evaluate  # type: ignore[attr-defined]
    executed = [policy.act([at(step)])[0] for step in range(7)]
    assert [chunk.shape for chunk in executed] == [(1, 14)] * 7
    # Each action was chosen after the observation of its own step, across calls of eval as well.
    assert [chunk[0, 0] for chunk in executed] == list(range(7))
    policy.reset(0, "again")
    assert policy._model["resets"] == 2
    policy.act([at(9)])
    assert seen[-1] == 9


def test_the_calls_of_an_episode_share_a_thread_and_count_its_actions(
    module: ModuleType, policy: RoboTwinPolicy
) -> None:
    seen = []

    def evaluate(env: Any, _model: Any, _observation: Any) -> None:
        seen.append((threading.get_ident(), env.take_action_cnt))
        env.take_action(np.zeros(14))
        env.take_action(np.zeros(14))

    module.eval = evaluate  # type: ignore[attr-defined]
    for step in (0, 2, 4):
        policy.act([at(step)])
    assert [count for _, count in seen] == [0, 2, 4]
    assert len({thread for thread, _ in seen}) == 1
    policy.reset(0, "again")
    policy.act([at(0)])
    assert seen[-1][1] == 0


def test_a_model_is_named_by_itself_or_by_what_it_was_built_from(module: ModuleType, policy: RoboTwinPolicy) -> None:
    unnamed = policy.checkpoint
    other = Profile(action_space="joint", action_width=14, settle_action=(), settle_steps=0, request={"ckpt": "b"})
    assert unnamed != RoboTwinPolicy(module, request("", other)).checkpoint
    named = ModuleType("model")
    named.checkpoint = "run42"  # type: ignore[attr-defined]
    module.get_model = lambda _: named  # type: ignore[attr-defined]
    assert RoboTwinPolicy(module, request("", other)).checkpoint == "run42"


def test_faults_are_told(module: ModuleType, policy: RoboTwinPolicy) -> None:
    def evaluate(env: Any, _model: Any, observation: Any) -> None:
        if observation["joint_action"]["vector"][0] == 1:
            raise ValueError("no weights")
        if observation["joint_action"]["vector"][0] == 2:
            env.take_action(np.zeros(16), action_type="ee")

    module.eval = evaluate  # type: ignore[attr-defined]
    with pytest.raises(PolicyError, match=r"deploy_policy.eval\(\) executed no action"):
        policy.act([at(0)])
    with pytest.raises(ValueError, match="no weights"):
        policy.act([at(1)])
    with pytest.raises(BadInputError, match="type 'ee', but its profile means 'qpos'"):
        policy.act([at(2)])
    with pytest.raises(PolicyError, match="one episode at a time"):
        policy.act([at(0, slot=1)])


def test_a_module_without_the_three_functions_is_refused() -> None:
    with pytest.raises(BadInputError, match=r"not of the form python:module:attribute.*get_model, eval, reset_model"):
        from_python(request("json", PROFILE))


def test_looks_between_the_actions_of_a_chunk_are_not_drawn(module: ModuleType) -> None:
    """RoboTwin's own π0.5 module looks after each action and forgets all but the last look."""
    shown = []

    def evaluate(env: Any, _model: Any, observation: Any) -> None:
        for count in range(5):
            shown.append(observation["joint_action"]["vector"][0])
            env.take_action(np.full(14, count))
            observation = env.get_obs()

    module.eval = evaluate  # type: ignore[attr-defined]
    profile = replace(PROFILE, replan=5, looks="chunk")
    policy = RoboTwinPolicy(module, request("deploy_policy", profile, benchmark="robotwin_plus"))
    policy.reset(0, "stack the bowls")
    chunks = [policy.act([at(step)])[0] for step in (0, 5, 10)]
    policy.close()
    assert [chunk[:, 0].tolist() for chunk in chunks] == [[0, 1, 2, 3, 4]] * 3
    # Each call of eval begins with what is new.
    assert shown[::5] == [0, 5, 10]


def test_a_module_of_one_action_a_call_is_asked_until_its_chunk_is_whole(module: ModuleType) -> None:
    """Fast-WAM's module fills a queue when that is empty and executes one action a call."""
    queue: list[float] = []
    seen = []

    def evaluate(env: Any, _model: Any, observation: Any) -> None:
        if not queue:
            seen.append(observation["joint_action"]["vector"][0])
            queue.extend(range(4))
        env.take_action(np.full(14, queue.pop(0)))

    module.eval = evaluate  # type: ignore[attr-defined]
    policy = RoboTwinPolicy(module, request("", replace(PROFILE, replan=4, looks="chunk")))
    policy.reset(0, "stack the bowls")
    chunks = [policy.act([at(step)])[0] for step in (0, 4)]
    policy.close()
    assert [chunk[:, 0].tolist() for chunk in chunks] == [[0, 1, 2, 3]] * 2
    assert seen == [0, 4]


def test_a_longer_chunk_than_the_profiles_goes_out_in_pieces(module: ModuleType) -> None:
    seen = []

    def evaluate(env: Any, _model: Any, observation: Any) -> None:
        seen.append(observation["joint_action"]["vector"][0])
        for count in range(5):
            env.take_action(np.full(14, count))

    module.eval = evaluate  # type: ignore[attr-defined]
    policy = RoboTwinPolicy(module, request("", replace(PROFILE, replan=3)))
    policy.reset(0, "stack the bowls")
    executed = np.concatenate([policy.act([at(step)])[0] for step in (0, 3, 5, 8)])
    policy.close()
    assert executed[:, 0].tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
    assert seen == [0, 5]


def test_an_observation_is_as_robotwin_makes_it() -> None:
    state = {
        "joint_pos": np.arange(14.0), "left_endpose": np.arange(7.0), "right_endpose": np.arange(7.0) + 10,
        "head_camera.intrinsic_cv": np.eye(3).ravel(), "head_camera.extrinsic_cv": np.arange(12.0),
        "state": np.zeros(20),
    }  # fmt: skip
    seen = robotwin_observation(replace(robotwin_observed(), state=state))
    assert seen["joint_action"]["vector"].tolist() == list(range(14))
    assert seen["joint_action"]["left_arm"] == list(range(6))
    assert (seen["joint_action"]["left_gripper"], seen["joint_action"]["right_gripper"]) == (6, 13)
    assert seen["endpose"] == {
        "left_endpose": list(range(7)), "left_gripper": 6, "right_endpose": list(range(10, 17)), "right_gripper": 13,
    }  # fmt: skip
    head = seen["observation"]["head_camera"]
    assert head.keys() == {"rgb", "intrinsic_cv", "extrinsic_cv"}
    assert (head["intrinsic_cv"].shape, head["extrinsic_cv"].shape) == ((3, 3), (3, 4))


def test_a_module_is_told_its_step_limit_and_what_is_missing_is_named(module: ModuleType) -> None:
    limits = []

    def evaluate(env: Any, _model: Any, _observation: Any) -> None:
        limits.append(env.step_lim)
        env.take_action(np.zeros(14))

    module.eval = evaluate  # type: ignore[attr-defined]
    profile = replace(PROFILE, horizons={"lift_pot": 400}, longest=300)
    policy = RoboTwinPolicy(module, request("", profile))
    begin(policy, 0, "lift the pot", suite="lift_pot", task="lift_pot")
    policy.act([at(0)])
    policy.close()
    assert limits == [300]
    module.get_model = lambda args: args["train_config_name"]  # type: ignore[attr-defined]
    with pytest.raises(
        BadInputError, match=r"asks for 'train_config_name'.*request = \{ train_config_name = … \} under"
    ):
        RoboTwinPolicy(module, request("", profile))


def test_a_model_that_hangs_in_an_episode_is_told_and_its_late_actions_are_nobodys(
    module: ModuleType, policy: RoboTwinPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_robustplus.policies.transports.robotwin.STOPPING_S", 0.2)
    answered, steps = threading.Event(), iter([99.0, 1.0])

    def evaluate(env: Any, model: Any, observation: Any) -> None:
        step = next(steps)
        if step == 99.0:
            answered.wait(20)
        env.take_action(np.full(14, step))

    module.eval = evaluate  # type: ignore[attr-defined]
    with pytest.raises(SimulatorError, match="still running after"), limited(0.2, "it", expendable=False):
        policy.act([at(0)])
    with pytest.raises(PolicyUnreachableError, match=r"eval\(\) has not come back from the episode before"):
        policy.reset(0, "stack the bowls")
    answered.set()
    policy.reset(0, "stack the bowls")
    assert policy.act([at(0)])[0].max() == 1.0
