"""Policies without a checkpoint: the open-loop replay and the floor."""

from types import SimpleNamespace

import numpy as np
import pytest

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.demo_replay import Replay, load
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.contract import Observation, Privileged
from pytest_robustplus.policies.zero import Zero

TAPE = np.arange(21, dtype=np.float32).reshape(3, 7)
TASK = Task("pick_0", "libero_object", "pick", Dimension.CAMERA)
OTHER = Task("push_0", "libero_goal", "push", Dimension.CAMERA)


def look(step: int, slot: int = 0) -> Observation:
    return Observation({}, {}, "pick it up", step, slot)


@pytest.fixture
def replay() -> Replay:
    policy = Replay({"libero_object/pick": TAPE})
    policy.reset(0, "pick it up")
    policy.attach(0, SimpleNamespace(task=TASK))
    return policy


def test_the_rest_of_the_demonstration_is_answered_from_the_step_on(replay: Replay) -> None:
    np.testing.assert_array_equal(replay.act([look(0)])[0], TAPE)
    np.testing.assert_array_equal(replay.act([look(2)])[0], TAPE[2:])


def test_pieces_of_any_length_join_into_the_demonstration(replay: Replay) -> None:
    pieces = [replay.act([look(step)])[0][:1] for step in range(3)]
    np.testing.assert_array_equal(np.concatenate(pieces), TAPE)


def test_after_its_end_the_arm_holds_still_with_the_gripper_as_it_was(replay: Replay) -> None:
    np.testing.assert_array_equal(replay.act([look(3)])[0], [[0, 0, 0, 0, 0, 0, TAPE[-1, -1]]])


def test_a_task_without_a_demonstration_is_said_so_and_held_still(replay: Replay) -> None:
    assert replay.covers(TASK)
    assert not replay.covers(OTHER)
    replay.reset(1, "push it")
    replay.attach(1, SimpleNamespace(task=OTHER))
    np.testing.assert_array_equal(replay.act([look(0, slot=1)])[0], [[0, 0, 0, 0, 0, 0, -1]])


def test_a_reset_forgets_the_previous_episode(replay: Replay) -> None:
    replay.reset(0, "push it")
    replay.attach(0, SimpleNamespace(task=OTHER))
    assert not replay.act([look(0)])[0][:, :6].any()


def test_slots_play_their_own_demonstrations() -> None:
    policy = Replay({"libero_object/pick": TAPE, "libero_goal/push": -TAPE})
    for slot, task in enumerate((TASK, OTHER)):
        policy.reset(slot, "")
        policy.attach(slot, SimpleNamespace(task=task))
    first, second = policy.act([look(0, 0), look(1, 1)])
    np.testing.assert_array_equal(first, TAPE)
    np.testing.assert_array_equal(second, -TAPE[1:])


def test_an_answer_may_be_changed_without_changing_the_demonstration(replay: Replay) -> None:
    replay.act([look(0)])[0][:] = 9.0
    np.testing.assert_array_equal(replay.act([look(0)])[0], TAPE)


def test_the_fingerprint_follows_the_demonstrations() -> None:
    one, same, other = (Replay({"a/b": tape}).checkpoint for tape in (TAPE, TAPE.copy(), TAPE + 1))
    assert one == same != other


def test_replay_is_privileged_and_zero_is_not(replay: Replay) -> None:
    assert isinstance(replay, Privileged)
    assert not isinstance(Zero(), Privileged)


def test_a_broken_bank_says_how_to_record_it_again(tmp_path) -> None:
    path = tmp_path / "demonstrations.npz"
    with pytest.raises(BadInputError, match="record_demonstrations"):
        load(path)
    for content in (b"nonsense", b"PK\x03\x04 torn", b""):
        path.write_bytes(content)
        with pytest.raises(BadInputError, match="record_demonstrations"):
            load(path)


def test_zero_does_nothing_with_an_open_gripper() -> None:
    policy = Zero()
    policy.reset(0, "pick it up")
    answers = policy.act([look(0), look(5, 1)])
    assert len(answers) == 2
    for answer in answers:
        np.testing.assert_array_equal(answer, [[0, 0, 0, 0, 0, 0, -1]])


def test_zero_takes_the_hold_action_of_another_robot() -> None:
    assert Zero((0.5,) * 14).act([look(0)])[0].shape == (1, 14)
