"""The frozen list: counts, names, draws within RoboTwin 2.0-Plus' ranges, words; nothing is simulated."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from pytest_robustplus.benchmarks.bimanual.benchmark import Bimanual
from pytest_robustplus.benchmarks.bimanual.draws import DOWN, FIRST_SEED, REWRITES, Rewrite, draw
from pytest_robustplus.benchmarks.bimanual.goals import GOALS
from pytest_robustplus.benchmarks.bimanual.instructions import WORDINGS, rewording
from pytest_robustplus.benchmarks.bimanual.protocol import BimanualProtocol
from pytest_robustplus.benchmarks.bimanual.tasks import EPISODES, find_task, skipped, tasks
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import DIMENSIONS, Dimension
from pytest_robustplus.policies.cards import default_profile

DOCUMENTED, RELEASED = BimanualProtocol(), BimanualProtocol(parameters="released")
SEEDS = range(FIRST_SEED, FIRST_SEED + 60)


def drawn(dimension: Dimension, protocol: BimanualProtocol = DOCUMENTED) -> list:
    return [draw("stack_blocks_two", dimension, seed, protocol)[0] for seed in SEEDS]


def test_every_cell_has_fifty_tasks_of_each_base() -> None:
    counts = Counter((task.base, task.dimension) for task in tasks())
    assert set(counts.values()) == {EPISODES}
    assert len(counts) == len(GOALS) * len(DIMENSIONS)
    assert len({task.name for task in tasks()}) == len(tasks())
    assert set(default_profile("bimanual").horizons) == set(GOALS)


def test_skipped_seeds_are_in_no_task_of_their_dimension() -> None:
    named = {task.name for task in tasks()}
    for base, dimensions in skipped().items():
        for dimension, seeds in dimensions.items():
            assert not {f"{base}/{dimension}#{seed}" for seed in seeds} & named
            assert all(seeds.values()), "every skipped seed has its reason"


def codes(protocol: BimanualProtocol) -> set[str]:
    words = {word for task in tasks(protocol) for word in task.subdimension.split()}
    return {word for word in words if word[1:].isdigit()}


def test_every_sub_dimension_acts_and_c2_by_option() -> None:
    numbered = "C1 C3 L1 L2 L3 L4 B1 B2 N1 N2 N3 N4 N5 O1 O2 R1 R2 R3 S1 S2"
    assert codes(DOCUMENTED) == set(numbered.split())
    assert codes(BimanualProtocol(spherical_camera="on")) - codes(DOCUMENTED) == {"C2"}


def test_the_placement_is_that_of_the_unperturbed_episode_except_under_layout() -> None:
    for dimension in DIMENSIONS:
        same = all(
            moved.bodies == usual.bodies
            for moved, usual in zip(drawn(dimension), drawn(Dimension.ORIGINAL), strict=True)
        )
        assert same == (dimension is not Dimension.LAYOUT)


def test_draws_stay_within_the_documented_ranges() -> None:
    views = [one.view for one in drawn(Dimension.CAMERA)]
    assert all(0.85 <= view.distance <= 1 and view.azimuth == view.elevation == 0 for view in views)
    assert all(max(abs(view.yaw), abs(view.pitch), abs(view.roll)) <= 5 for view in views)
    starts = [one.start for one in drawn(Dimension.ROBOT)]
    joints = np.array([start.joints for start in starts])
    assert np.abs(joints).max() == 0.225, "clipped"
    assert 0.08 < joints.std() < 0.12
    assert {opening for start in starts for opening in start.grippers} == {0.05, 0.95, 1.0}
    lights = [one.lighting for one in drawn(Dimension.LIGHT)]
    colours = np.array([[light.directional, *light.lamps] for light in lights])
    assert 0 <= colours.min() < 0.3
    assert 3.2 < colours.max() <= 3.5
    assert all(light.direction[2] < 0 for light in lights), "from above"
    assert {light.shadow for light in lights} == {True, False}
    surfaces = [one.surfaces for one in drawn(Dimension.BACKGROUND)]
    assert all(
        min(surface.wall) >= 0.4 and max(surface.table) <= 1.8 and max(surface.floor) <= 1 for surface in surfaces
    )
    assert all(0 <= surface.metallic <= 0.8 and 0.05 <= surface.roughness <= 0.95 for surface in surfaces)
    noises = [one.noises[0] for one in drawn(Dimension.NOISE)]
    assert [noise.kind for noise in noises[:6]] == [
        "motion blur",
        "gaussian blur",
        "zoom blur",
        "fog",
        "glass blur",
        "motion blur",
    ]
    assert {noise.strength for noise in noises} == {0, 0.25, 0.5, 0.75, 1}
    counts = {len(one.clutter) for one in drawn(Dimension.LAYOUT)}
    assert max(counts) <= 15
    assert len(counts) > 8


def test_released_does_what_the_released_code_does() -> None:
    assert {start.grippers for start in (one.start for one in drawn(Dimension.ROBOT, RELEASED))} == {(1.0, 1.0)}
    assert {one.noises[0].strength for one in drawn(Dimension.NOISE, RELEASED)} == {0.25}
    for light in (one.lighting for one in drawn(Dimension.LIGHT, RELEASED)):
        assert light.specular is None
        assert light.direction[2] > 0 if light.shadow else light.direction == DOWN


@pytest.mark.parametrize("base", GOALS)
def test_fifty_rewordings_differ(base: str) -> None:
    words = {rewording(WORDINGS[base], Rewrite(kind, n)) for kind, count in REWRITES.items() for n in range(count)}
    assert len(words) == 50
    assert all(sentence[0].isupper() and sentence[-1] in ".?" for sentence in words)


def test_a_wrong_name_or_choice_names_the_nearest() -> None:
    with pytest.raises(BadInputError, match=r"Did you mean 'stack_blocks_two/camera#100003'"):
        find_task("stack_blocks_tow/camera#100003")
    with pytest.raises(BadInputError, match=r"'documentd'.*Did you mean 'documented'"):
        BimanualProtocol.parse({"parameters": "documentd"})
    with pytest.raises(BadInputError, match=r"env_seed of the bimanual protocol is '7'.*leave it at '0'"):
        BimanualProtocol.parse({"env_seed": "7"})
    assert len(Bimanual({"noise": "packaged"}).tasks()) == len(tasks()), "another benchmark's choices are not its own"
