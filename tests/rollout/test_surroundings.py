"""What a simulator of a cluster finds on its machine: its number, its card, and the policy that the run is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from toy import Toy, Weak, card

from pytest_robustplus.distributed import devices
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.policies.ablation import Ablated
from pytest_robustplus.rollout.cluster.engine import surroundings
from pytest_robustplus.rollout.simulating import Script

WEAK = "python:toy:Weak"
CARDS = ["0, GPU-aa, 00000000:3B:00.0", "1, GPU-bb, 00000000:5E:00.0", "2, GPU-cc, 00000000:86:00.0"]


@pytest.fixture
def three_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """EGL counts them the other way round."""

    def told(command: Sequence[str], environment: Mapping[str, str]) -> list[str]:
        return ["0 2", "1 1", "2 0"] if "-c" in command else CARDS

    monkeypatch.setattr(devices, "_lines", told)
    monkeypatch.setattr("shutil.which", lambda name: name)


@pytest.mark.parametrize(("lent", "cuda", "egl"), [([0], "0,-1,2", "2"), ([2], "2,-1,0", "0"), ([1, 2], "1,2", "1")])
def test_a_simulator_draws_on_the_card_that_it_was_lent(
    three_cards: None, lent: list[int], cuda: str, egl: str
) -> None:
    found = surroundings(lent, "10.0.0.7", 3, 8)
    assert (found["CUDA_VISIBLE_DEVICES"], found["MUJOCO_EGL_DEVICE_ID"]) == (cuda, egl)
    assert [found[f"ROBUSTPLUS_{name}"] for name in ("NODE", "WORKER", "WORKERS")] == ["10.0.0.7", "3", "8"]


def test_a_simulator_without_a_card_leaves_what_its_machine_sets() -> None:
    assert not {"CUDA_VISIBLE_DEVICES", "MUJOCO_EGL_DEVICE_ID"} & surroundings([], "10.0.0.7", 0, 1).keys()


def test_a_policy_is_built_without_what_an_ablation_takes_away() -> None:
    toy, weak = Toy({}), card("weak", policy=WEAK)
    built = Script(WEAK, weak, without="language").build(toy, toy.profile)
    assert isinstance(built.policy, Ablated)
    assert isinstance(Script(WEAK, weak).build(toy, toy.profile).policy, Weak)


def test_other_weights_than_those_of_the_run_are_refused() -> None:
    toy, weak = Toy({}), card("weak", policy=WEAK)
    script = Script(WEAK, weak, checkpoint="steady-0.3")
    assert script.build(toy, toy.profile)
    with pytest.raises(BadInputError, match=r"is steady-0\.3 on .*, and steady-0\.4 where pytest runs"):
        script._replace(checkpoint="steady-0.4").build(toy, toy.profile)
