"""What LIBERO's simulator says of an episode; against labels by hand, see perf/failures.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from pytest_robustplus.benchmarks.contract import Monitoring, settle
from pytest_robustplus.benchmarks.libero_plus.expert import Expert
from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import find_task
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.policies.zero import Zero
from pytest_robustplus.results.events import EpisodeEvents, Failure
from pytest_robustplus.rollout.episode import play

MILK = "libero_object/pick_up_the_milk_and_place_it_in_the_basket#0"
STAGES = ["reach milk_1", "grasp milk_1", "lift milk_1", "in milk_1 basket_1_contain_region"]


class Spoilt(Expert):
    """The expert, whose gripper opens or stays open from a step on, or whose actions are too large."""

    def __init__(self, *, opens: int = 1000, scale: float = 1.0) -> None:
        super().__init__()
        self._opens, self._scale = opens, scale

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        (chunk,) = super().act(observations)
        chunk = chunk * self._scale
        if observations[0].step >= self._opens:
            chunk[:, 6] = -1
        return [chunk]


@pytest.fixture(scope="module")
def simulator() -> Iterator[LiberoSimulator]:
    built = LiberoSimulator(LiberoProtocol(), render=False)
    yield built
    built.close()


def played(simulator: LiberoSimulator, policy: Expert | Zero, longest: int = 150) -> EpisodeEvents:
    profile = Profile(replan=1, horizons={"libero_object": longest})
    events = play(simulator, policy, find_task(MILK), profile).events
    assert events is not None
    assert EpisodeEvents.from_json(events.to_json()) == events
    return events


def test_a_success_reaches_every_subgoal_in_its_order(simulator: LiberoSimulator) -> None:
    assert isinstance(simulator, Monitoring)
    events = played(simulator, Expert())
    assert (events.failure, events.progress) == (None, 1.0)
    assert [subgoal.name for subgoal in events.subgoals] == STAGES
    steps = [subgoal.step for subgoal in events.subgoals]
    assert steps == sorted(steps)
    assert steps[0] > 0
    assert events.peak_force_n is not None
    assert 1 < events.peak_force_n < 500
    assert events.clipped_steps == events.joint_limit_steps == 0


def test_who_does_nothing_never_moved(simulator: LiberoSimulator) -> None:
    events = played(simulator, Zero(), 60)
    assert (events.failure, events.progress, events.events) == (Failure.NEVER_MOVED, 0.0, ())


def test_fingers_that_never_close_reach_and_do_not_grasp(simulator: LiberoSimulator) -> None:
    events = played(simulator, Spoilt(opens=0))
    assert (events.failure, events.progress) == (Failure.NOT_GRASPED, 0.25)


def test_an_object_beside_the_hand_was_not_reached(simulator: LiberoSimulator) -> None:
    """Episode 31 of perf/failures.py: MuJoCo 3.3.7's ``mj_geomDistance`` says 0 of boxes that are 8 cm apart."""
    with np.load(Path(__file__).with_name("failures.npz")) as bank:
        actions = bank["31"] / 127
    butter = "libero_object/pick_up_the_butter_and_place_it_in_the_basket_view_312_15_100_0_0_initstate_0"
    simulator.reset(find_task(butter))
    settle(simulator, Profile())
    for action in actions:
        simulator.step(action, render=False)
    events = simulator.events(len(actions))
    assert (events.failure, events.progress) == (Failure.NEVER_REACHED, 0.0)


def test_what_stands_between_the_fingers_was_reached(simulator: LiberoSimulator) -> None:
    simulator.reset(find_task(MILK))
    monitor = simulator.scene.monitor
    state = monitor._data.qpos.copy()
    left, right = monitor._data.geom_xpos[monitor._pads]
    milk = int(monitor._free[0])
    found = []
    for share in (0.5, 2.0, -1.0):
        state[milk : milk + 3] = left + share * (right - left)
        found.append(monitor.gap(state, 0))
    assert [gap < 0 for gap in found] == [True, False, False]


def told(simulator: LiberoSimulator, places: Sequence[tuple[float, ...]], holder: Sequence[str]) -> EpisodeEvents:
    """What is told of a milk that is at these places relative to the basket, touched by the gripper or by a table."""
    simulator.reset(find_task(MILK))
    monitor = simulator.scene.monitor
    milk, basket = (int(start) for start in monitor._free[[monitor._names.index(n) for n in ("milk_1", "basket_1")]])
    finger, hand = (int(np.flatnonzero(monitor._part == part)[0]) for part in (1, 4))
    table = int(np.flatnonzero(monitor._fixed)[0])
    carton = int(np.flatnonzero(monitor._owner == monitor._names.index("milk_1"))[0])
    monitor.begin()
    monitor.watch(np.zeros(7), monitor.met())
    before, grip, _, _, forces, action, met = monitor._moments[0]
    for place, by in zip(places, holder, strict=True):
        qpos = before.copy()
        qpos[milk : milk + 3] = qpos[basket : basket + 3] + place
        geoms = np.array([[{"gripper": finger, "hand": hand, "table": table}[by], carton]], np.int32)
        rows = np.array([-1], np.int32)
        monitor._moments.append((qpos, grip + 0.1, geoms, rows, forces, action, met))
    return simulator.events(len(places))


@pytest.mark.parametrize(("by", "failure"), [("hand", Failure.NEVER_REACHED), ("gripper", Failure.NOT_GRASPED)])
def test_fingers_reach_and_a_hand_brushes(simulator: LiberoSimulator, by: str, failure: Failure) -> None:
    """Episodes 2.33, 3.34 and 3.42 of perf/failures.py: a bottle and a bowl that the hand brushed in passing."""
    places = [(0.15, 0.0, 0.0)] * 80
    assert told(simulator, places, [by] * 10 + ["table"] * 70).failure == failure


@pytest.mark.parametrize(("rise", "failure"), [(0.004, Failure.NOT_GRASPED), (0.02, Failure.MISPLACED)])
def test_what_rises_by_millimetres_was_not_lifted(simulator: LiberoSimulator, rise: float, failure: Failure) -> None:
    """Episode 2.2 of perf/failures.py: a pot whose knob was pressed left its table for 16 steps, by 4 mm."""
    places = [(0.15, 0.0, height) for height in [*np.linspace(0, rise, 20), *[0.0] * 40]]
    assert told(simulator, places, ["gripper"] * 20 + ["table"] * 40).failure == failure


@pytest.mark.parametrize(("end", "failure"), [(0.2, Failure.MISPLACED), (-0.2, Failure.DROPPED)])
def test_what_falls_long_after_it_was_set_down_was_dropped(
    simulator: LiberoSimulator, end: float, failure: Failure
) -> None:
    """Episodes 2.35 and 2.40 of perf/failures.py: a mug that was set on the microwave fell to the floor much later."""
    places = [(0.15, 0.0, height) for height in [*np.linspace(0.1, 0.2, 20), *[0.2] * 80, *[end] * 20]]
    assert told(simulator, places, ["gripper"] * 20 + ["table"] * 100).failure == failure


def test_fingers_that_open_on_the_way_drop(simulator: LiberoSimulator) -> None:
    events = played(simulator, Spoilt(opens=52))
    assert (events.failure, events.progress) == (Failure.DROPPED, 0.75)
    assert any(event.what == "let go milk_1" for event in events.events)


def test_the_horizon_ends_an_episode_under_way(simulator: LiberoSimulator) -> None:
    events = played(simulator, Expert(), 60)
    assert (events.failure, events.progress) == (Failure.TIMEOUT, 0.75)


def test_actions_beyond_their_range_are_counted(simulator: LiberoSimulator) -> None:
    events = played(simulator, Spoilt(scale=3.0), 30)
    assert events.clipped_steps is not None
    assert 5 < events.clipped_steps <= 30


def test_conjuncts_are_what_libero_calls_success(simulator: LiberoSimulator) -> None:
    simulator.reset(find_task(MILK))
    scene = simulator._scene
    assert scene is not None
    sites = scene.environment.sim.data
    for _ in range(2):
        assert all(scene.monitor.met()) == bool(scene.environment._check_success())
        basket = sites.get_site_xpos("basket_1_contain_region")
        start = int(scene.monitor._free[0])
        sites.qpos[start : start + 3] = np.array(basket)
        scene.environment.sim.forward()
    assert all(scene.monitor.met())
