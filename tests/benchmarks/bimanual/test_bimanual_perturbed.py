"""Perturbations of our own: RoboTwin's expressed so play the same, all do what they say, none leaves anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pytest_robustplus.benchmarks.arrangement import Outlines
from pytest_robustplus.benchmarks.bimanual.arms import HOME
from pytest_robustplus.benchmarks.bimanual.benchmark import Bimanual
from pytest_robustplus.benchmarks.bimanual.conversion import as_perturbation
from pytest_robustplus.benchmarks.bimanual.draws import CLUTTER_X, CLUTTER_Y, DOWN, FIRST_SEED, Setup, draw
from pytest_robustplus.benchmarks.bimanual.generated import perturbed
from pytest_robustplus.benchmarks.bimanual.goals import GOALS, Body
from pytest_robustplus.benchmarks.bimanual.layouts import outlines
from pytest_robustplus.benchmarks.bimanual.protocol import BimanualProtocol
from pytest_robustplus.benchmarks.bimanual.simulator import BimanualSimulator
from pytest_robustplus.benchmarks.bimanual.tasks import find_task, listed
from pytest_robustplus.benchmarks.contract import Generative, Task
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
)
from pytest_robustplus.policies.contract import Image

DOCUMENTED, RELEASED = BimanualProtocol(), BimanualProtocol(parameters="released", spherical_camera="on")
BASE = "stack_blocks_two"
PLAIN = f"{BASE}/original#{FIRST_SEED}"
EVERYTHING = Combined(
    Camera(azimuth=20.5, roll=4.0, fov=5.0),
    Robot(radius=0.2, gripper=0.5),
    Light(colour=(1.5, 1.0, 0.6), tilt=10.0, shadow=1),
    Background(wall=3, floor=4, floor_tint=(0.6, 1.0, 1.0)),
    Noise("gaussian", 0.4),
    Layout(dx=0.04, scatter=0.03, seed=2, distractors=distractors(3, 1)),
    Language("politeness", 2),
)


def drawn(extra: Perturbation | None, base: str = BASE, seed: int = FIRST_SEED) -> Setup:
    plain, _ = draw(base, Dimension.ORIGINAL, seed, DOCUMENTED)
    return perturbed(plain, extra, GOALS[base].clear, base)


def under(extra: Perturbation | None, name: str = PLAIN) -> Task:
    return replace(find_task(name), perturbation=extra)


def seen(simulator: BimanualSimulator, task: Task) -> tuple[dict[str, Image], str, str]:
    words = simulator.reset(task)
    return dict(simulator.observe().images), simulator.state_hash(), words


def same(first: dict[str, Image], second: dict[str, Image]) -> bool:
    return all(np.array_equal(image, second[name]) for name, image in first.items())


def touching(bodies: Sequence[Body], others: Sequence[Body]) -> bool:
    return bool(outlines(bodies).overlap(outlines(others)).any())


@pytest.mark.parametrize("protocol", [DOCUMENTED, RELEASED], ids=["documented", "released"])
@pytest.mark.parametrize("dimension", [Dimension.CAMERA, Dimension.ROBOT, Dimension.NOISE])
def test_every_draw_with_our_parameters_is_one_of_ours(dimension: Dimension, protocol: BimanualProtocol) -> None:
    expressed = 0
    for seed in range(FIRST_SEED, FIRST_SEED + 50):
        theirs, _ = draw(BASE, dimension, seed, protocol)
        ours = as_perturbation(Task("", BASE, BASE, dimension, init_state=seed), protocol)
        if ours is None:
            assert theirs.start.grippers[0] != theirs.start.grippers[1]
            continue
        expressed += 1
        made = drawn(ours, seed=seed)
        assert (made.view, made.noises, made.bodies, made.lighting) == (
            theirs.view,
            theirs.noises,
            theirs.bodies,
            theirs.lighting,
        )
        assert made.start.joints == pytest.approx(theirs.start.joints, abs=1e-12)
        assert made.start.grippers == pytest.approx(theirs.start.grippers)
    assert expressed >= (40 if dimension is Dimension.ROBOT else 50)


def test_what_has_no_parameters_of_ours_is_none() -> None:
    for dimension in (Dimension.LANGUAGE, Dimension.LIGHT, Dimension.BACKGROUND, Dimension.LAYOUT):
        assert as_perturbation(find_task(f"{BASE}/{dimension}#{FIRST_SEED}"), DOCUMENTED) is None


@pytest.mark.parametrize(
    ("dimension", "place"),
    [
        (Dimension.CAMERA, 1),
        (Dimension.ROBOT, 1),
        (Dimension.ROBOT, 3),
        *((Dimension.NOISE, place) for place in range(5)),
    ],
)
def test_one_of_robotwins_as_one_of_ours_plays_the_same(
    drawing: BimanualSimulator, dimension: Dimension, place: int
) -> None:
    theirs = listed(BASE, dimension, FIRST_SEED + place, drawing.protocol)
    ours = under(as_perturbation(theirs, drawing.protocol), f"{BASE}/original#{FIRST_SEED + place}")
    assert ours.perturbation is not None
    images, state, _ = seen(drawing, theirs)
    again, our_state, _ = seen(drawing, ours)
    assert state == our_state
    assert same(images, again)
    assert not same(images, seen(drawing, replace(ours, perturbation=None))[0])


def test_nothing_is_left_behind_and_equal_tasks_play_alike(drawing: BimanualSimulator) -> None:
    plain, state, words = seen(drawing, under(None))
    first, first_state, first_words = seen(drawing, under(EVERYTHING))
    assert not same(plain, first)
    assert (state, words) != (first_state, first_words)
    again, same_state, same_words = seen(drawing, under(None))
    assert same(plain, again)
    assert (state, words) == (same_state, same_words)
    second, second_state, second_words = seen(drawing, under(EVERYTHING))
    assert same(first, second)
    assert (first_state, first_words) == (second_state, second_words)


@pytest.mark.parametrize(
    "extra",
    [
        *(Camera(**{name: 0.9 if name == "distance" else 5.0}) for name in Camera.scales),
        Light(colour=(1.5, 1.0, 1.0)),
        Light(intensity=0.5),
        Light(tilt=30.0),
        Light(specular=1.0),
        Light(shadow=1),
        Background(table=1),
        Background(table=1, blend=0.5),
        Background(wall=1),
        Background(floor=1),
        *(Background(**{f"{surface}_tint": (0.5, 1.0, 1.0)}) for surface in ("table", "wall", "floor")),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_each_look_shows_and_leaves_the_state(
    drawing: BimanualSimulator, blind: BimanualSimulator, extra: Perturbation
) -> None:
    images, state, _ = seen(drawing, under(extra))
    plain, plain_state, _ = seen(drawing, under(None))
    assert not same(images, plain)
    assert state == plain_state


def test_the_camera_moves_as_its_parameters_say() -> None:
    view = drawn(Camera(distance=1.2, azimuth=10.0, elevation=-5.0, yaw=1.0, pitch=2.0, roll=3.0, fov=4.0)).view
    assert view == (1.2, 10.0, -5.0, 1.0, 2.0, 3.0, 4.0)


def test_a_joint_offset_is_of_its_radius_in_both_arms(blind: BimanualSimulator) -> None:
    start = drawn(Robot(0.3, (1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0), gripper=0.25)).start
    left, right = np.reshape(start.joints, (2, 6))
    assert np.array_equal(left, right)
    assert left == pytest.approx([0.3 / 2**0.5] * 2 + [0.0] * 4), "the seventh joint is none of theirs"
    assert start.grippers == (0.75, 0.75)
    alone = drawn(Robot(0.3, (0.0,) * 7 + (1.0,) + (0.0,) * 6)).start
    assert alone.joints == pytest.approx([0.0] * 6 + [0.3 * 2**0.5] + [0.0] * 5)
    blind.reset(under(Robot(0.3, gripper=0.25)))
    values = blind.observe().state["joint_pos"]
    assert values[[0, 7]] == pytest.approx(np.array(HOME[0]) + 0.3, abs=0.01)
    assert values[[6, 13]] == pytest.approx(0.75, abs=0.02)


def test_a_closed_gripper_opens_when_told_to(blind: BimanualSimulator) -> None:
    blind.reset(under(Robot(gripper=1.0)))
    values = blind.observe().state["joint_pos"]
    assert values[[6, 13]].max() < 0.15
    values[[6, 13]] = 1.0
    for _ in range(15):
        blind.step(values, render=True)
    assert blind.observe().state["joint_pos"][[6, 13]].min() > 0.95


def test_lights_change_alike_and_only_one_tilts() -> None:
    lighting = drawn(Light(colour=(2.0, 1.0, 0.5), intensity=0.5, tilt=40.0, heading=0.0, shadow=1)).lighting
    assert lighting.directional == (0.5, 0.25, 0.125)
    assert lighting.lamps == ((1.0, 0.5, 0.25),) * 2
    usual = np.array(DOWN) / np.linalg.norm(DOWN)
    assert np.degrees(np.arccos(usual @ lighting.direction)) == pytest.approx(40.0)
    assert lighting.direction[0] > 0
    assert not lighting.shadow


def test_noise_begins_at_none(drawing: BimanualSimulator) -> None:
    plain, _, _ = seen(drawing, under(None))
    for kind in ("motion", "gaussian", "zoom", "fog", "glass"):
        least, first = (seen(drawing, under(Noise(kind, level)))[0]["head_camera"] for level in (1e-3, 1.0))  # type: ignore[arg-type]
        clear = plain["head_camera"].astype(int)
        assert np.abs(least - clear).max() <= 1
        assert np.abs(first - clear).max() > 5


def test_the_target_moves_and_stops_before_it_touches() -> None:
    red, green = drawn(None).bodies
    moved = drawn(Layout(dx=0.02, dy=-0.01, yaw=30.0)).bodies
    assert moved == (red.moved(0.02, -0.01, float(np.radians(30.0))), green)
    for seed in range(FIRST_SEED, FIRST_SEED + 20):
        for base in ("stack_blocks_three", "place_blocks_bin"):
            for dx in (-0.1, 0.1):
                target, *others = drawn(Layout(dx=dx, dy=0.1, yaw=45.0), base, seed).bodies
                assert not touching([target], others)
    assert drawn(Layout(dx=0.1, dy=0.1)).bodies[0] != red.moved(0.1, 0.1, 0.0), "it stops beside the green one"


def test_scattered_objects_stay_within_the_named_distance() -> None:
    before = drawn(None).bodies
    shifts = [
        (after.x - body.x, after.y - body.y)
        for seed in range(10)
        for body, after in zip(before, drawn(Layout.wide(seed)).bodies, strict=True)
    ]
    assert 0.05 < np.abs(shifts).max() <= 0.06


@pytest.mark.parametrize("base", GOALS)
def test_distractors_touch_nothing_and_leave_room(blind: BimanualSimulator, base: str) -> None:
    for seed in range(3):
        laid = drawn(Layout(distractors=distractors(15, seed)), base)
        assert len(laid.clutter) == 15
        assert not touching(laid.clutter, laid.bodies)
        boxes = outlines(laid.clutter)
        assert np.array_equal(boxes.overlap(boxes), np.eye(15, dtype=bool))
        for x, y, radius in GOALS[base].clear:
            middle, reach = np.array([x, y, 0.0]), np.array([radius, radius, 0.0])
            assert not boxes.overlap(Outlines((middle - reach)[None], (middle + reach)[None])).any()
    blind.reset(under(Layout(distractors=distractors(15, 0)), f"{base}/original#{FIRST_SEED}"))
    still = blind.scene.values
    before = {name: blind.scene.position(name) for name in blind.scene._bodies}
    for _ in range(10):
        blind.step(still, render=False)
    assert all(np.abs(blind.scene.position(name) - place).max() < 0.002 for name, place in before.items())


def test_distractors_hide_nothing_of_the_task(drawing: BimanualSimulator) -> None:
    """From a low camera a tall box in front of a block would hide it; blocks are as red and green as without."""
    low = Camera(elevation=-30.0)
    plain = seen(drawing, under(low))[0]["head_camera"].astype(int)
    (left, right), (near, far) = CLUTTER_X, CLUTTER_Y
    wished = tuple(
        Distractor(item, 2 * (body.x - left) / (right - left) - 1, 2 * (body.y - ahead - near) / (far - near) - 1)
        for item, body in enumerate(drawn(None).bodies)
        for ahead in (0.07, 0.10)
    )
    image = seen(drawing, under(Combined(low, Layout(distractors=wished))))[0]["head_camera"].astype(int)
    assert not np.array_equal(image, plain)
    for channel, other in ((0, 1), (1, 0)):
        coloured = plain[..., channel] - plain[..., other] > 60
        assert coloured.sum() > 10
        assert (image[..., channel] - image[..., other] > 50)[coloured].all()


def test_words_keep_their_capital_and_full_stop(blind: BimanualSimulator) -> None:
    usual = blind.reset(under(None))
    for kind in ("synonym", "reorder", "politeness", "distractor clause", "typo"):
        words = blind.reset(under(Language(kind, 1, 3)))  # type: ignore[arg-type]
        assert words != usual
        assert words[0].isupper()
        assert words[-1] == "."


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (Background(table="oak"), "has no texture 'oak'.*Give Background.table a whole number"),
        (Robot(0.1, (0.0,) * 6 + (1.0,)), "moves only joint 7, but these arms have 6 joints"),
    ],
)
def test_what_cannot_be_shown_is_said(blind: BimanualSimulator, extra: Perturbation, said: str) -> None:
    with pytest.raises(BadInputError, match=said) as refused:
        blind.reset(under(extra))
    assert PLAIN in str(refused.value)


def test_the_benchmark_says_what_it_generates() -> None:
    benchmark = Bimanual({})
    assert isinstance(benchmark, Generative)
    assert benchmark.generates == PERTURBATIONS
