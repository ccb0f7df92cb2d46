"""The list, its draws, its words and its refusals; ManiSkill itself is played by `make conformance`."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from pytest_robustplus.benchmarks.demo_replay import load
from pytest_robustplus.benchmarks.maniskill.benchmark import DEMONSTRATIONS, ManiSkill, ManiSkillTwoArms
from pytest_robustplus.benchmarks.maniskill.catalogue import ONE_ARM, TWO_ARMS, wording
from pytest_robustplus.benchmarks.maniskill.draws import draw
from pytest_robustplus.benchmarks.maniskill.episodes import noisy, told
from pytest_robustplus.benchmarks.maniskill.expert import SOLUTIONS
from pytest_robustplus.benchmarks.maniskill.tasks import DIMENSIONS, EPISODES, listed
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.contract import Observation, Privileged

BENCHMARKS = (ManiSkill({}), ManiSkillTwoArms({}))


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda benchmark: benchmark.name)
def test_every_cell_has_fifty_tasks_of_each_base(benchmark: ManiSkill) -> None:
    counts = Counter((task.base, task.dimension) for task in benchmark.tasks())
    assert set(counts.values()) == {EPISODES}
    assert len(counts) == len(benchmark.suites) * len(DIMENSIONS)
    assert len({task.name for task in benchmark.tasks()}) == len(benchmark.tasks())
    assert set(benchmark.profile.horizons) == set(benchmark.suites)
    assert benchmark.task(benchmark.tasks()[77].name) == benchmark.tasks()[77]
    assert benchmark.script("zero").act([Observation({}, {}, "")])[0].shape == (1, benchmark.profile.action_width)


def test_a_draw_is_of_its_dimension_alone_and_repeats() -> None:
    for dimension in DIMENSIONS:
        drawn = [draw("PickCube-v1", dimension, seed).perturbation for seed in range(20)]
        assert drawn == [draw("PickCube-v1", dimension, seed).perturbation for seed in range(20)]
        wanted = set() if dimension is Dimension.ORIGINAL else {dimension}
        assert {part.dimension for perturbation in drawn for part in perturbation.parts} == wanted
        assert len(set(map(repr, drawn))) >= (10 if wanted else 1)


def test_the_words_of_the_language_dimension_differ_and_no_others() -> None:
    for base in {**ONE_ARM, **TWO_ARMS}:
        said = [told(listed(base, Dimension.LANGUAGE, seed)) for seed in range(10)]
        assert wording(base) not in said
        assert told(listed(base, Dimension.LIGHT, 1)) == wording(base)
    assert wording("PickSingleThing-v2") == "pick single thing"


def test_noise_depends_on_seed_and_step_and_spares_other_dimensions() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    noise = draw("PickCube-v1", Dimension.NOISE, 4).perturbation  # glass, which draws
    first, again, later = (noisy({"base_camera": picture}, noise, (4, step))["base_camera"] for step in (0, 0, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, picture)
    assert not np.array_equal(first, later)
    light = draw("PickCube-v1", Dimension.LIGHT, 4).perturbation
    assert noisy({"base_camera": picture}, light, (4, 0))["base_camera"] is picture


def test_demonstrations_are_of_what_the_expert_solves() -> None:
    assert set(load(DEMONSTRATIONS)) == {f"{base}/{base}" for base in SOLUTIONS}
    assert all(actions.shape[1] == 7 for actions in load(DEMONSTRATIONS).values())


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"physics": "gpu"}, "physics of the ManiSkill protocol"),
        ({"contrl": "pd_joint_pos"}, "contrl"),
        ({"prompt_source": "bddl"}, "brings its own"),
    ],
)
def test_wrong_choices_are_told(choices: dict[str, str], said: str) -> None:
    benchmark = ManiSkill(choices)
    with pytest.raises(BadInputError, match=said):
        benchmark.protocol(benchmark.profile)


def test_other_tasks_take_the_place_of_the_listed_ones() -> None:
    benchmark = ManiSkill({"tasks": "PushT-v1+PickCube-v1", "parameters": "released"})
    assert benchmark.suites == ("PushT-v1", "PickCube-v1")
    assert {task.base for task in benchmark.tasks()} == set(benchmark.suites)


def test_scenes_step_together_only_where_physics_is_on_a_card() -> None:
    benchmark = ManiSkill({"physics": "cuda"})
    blind = benchmark.profile
    assert ManiSkill({}).scenes(blind, ManiSkill({}).protocol(blind), 64) is None


def test_the_expert_says_what_it_cannot_play() -> None:
    expert = ManiSkill({}).script("expert")
    assert isinstance(expert, Privileged)
    for base, control, said in (
        ("RollBall-v1", "pd_ee_delta_pose", "plays PickCube-v1"),
        ("PickCube-v1", "pd_joint_pos", "needs control=pd_ee_delta_pose"),
    ):
        simulator = SimpleNamespace(
            task=listed(base, Dimension.ORIGINAL, 0), protocol=SimpleNamespace(control=control), world=None, scene=0
        )
        with pytest.raises(BadInputError, match=said):
            expert.attach(0, simulator)


def test_a_missing_mani_skill_is_told_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mani_skill", None)
    benchmark = ManiSkill({})
    blind = replace(benchmark.profile, cameras=())
    simulator = benchmark.simulator(blind, benchmark.protocol(blind))
    with pytest.raises(BadInputError, match=r"pip install 'pytest-robustplus\[maniskill\]'"):
        simulator.reset(benchmark.tasks()[0])


def test_a_listed_task_carries_the_perturbation_that_is_played() -> None:
    assert listed("PickCube-v1", Dimension.ORIGINAL, 3).perturbation is None
    for dimension in DIMENSIONS[1:]:
        task = listed("PickCube-v1", dimension, 3)
        assert task.perturbation == draw("PickCube-v1", dimension, 3).perturbation
        assert task.perturbation is not None
        assert {one.dimension for one in task.perturbation.parts} == {dimension}
