"""What a fleet decides about simulators elsewhere, with an engine that does as it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import BadInputError, SimulatorError
from pytest_robustplus.evaluation.players import EACH, size_of
from pytest_robustplus.options import AUTO
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.reporting.notes import text
from pytest_robustplus.results.notes import Note
from pytest_robustplus.rollout.cluster.access import loopback, refuse_open, token
from pytest_robustplus.rollout.cluster.fleet import (
    MOVES,
    STILLBORN,
    UNMANNED_S,
    Event,
    Fleet,
    LeftOut,
    Lost,
    Ready,
    Said,
    Unfit,
)
from pytest_robustplus.rollout.cluster.nodes import Facts, refuse_unfit
from pytest_robustplus.rollout.episode import Episode
from pytest_robustplus.rollout.simulating import Report


def task(name: str, base: str = "base") -> Task:
    return Task(name=name, suite="left", base=base, dimension=Dimension.CAMERA)


def report(state_hash: str = "aa", **changes: Any) -> Report:
    episode = Episode(True, 3, 2, 2, 1.0, 0.5, 1.6, state_hash, "push", np.zeros((3, 2)))
    return Report(**{"finish": episode, "provenance": {"node": "n1"}, **changes})


class Told:
    """An engine whose events a test writes, on a clock that a test sets."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.playing: dict[int, str] = {}
        self.hired: list[int] = []
        self.seats: dict[int, int] = {}
        self.unfit: set[int] = set()
        self.cancelled: list[int] = []
        self.dismissed: list[int] = []
        self.now = 0.0

    def hire(self, hand: int, seat: int, seats: int) -> None:
        self.hired.append(hand)
        self.seats[hand] = seat
        self.events.append(LeftOut(hand) if hand in self.unfit else Ready(hand, f"n{hand}"))

    def play(self, hand: int, key: object, task: Task) -> None:
        self.playing[hand] = task.name

    def cancel(self, hand: int) -> None:
        self.cancelled.append(hand)

    def dismiss(self, hand: int) -> None:
        self.dismissed.append(hand)

    def wait(self, timeout: float) -> Sequence[Event]:
        found, self.events = self.events, []
        if not found:
            self.now += timeout
        return found


@pytest.fixture
def told() -> Told:
    return Told()


def fleet_of(told: Told, size: int, limit: float | None = None) -> Fleet:
    fleet = Fleet(told, size, limit=limit, clock=lambda: told.now)
    fleet.wait(0)
    return fleet


def hear(fleet: Fleet, told: Told, *events: Event) -> list[Any]:
    told.events += events
    return fleet.wait(0)


def test_an_episode_is_played_and_its_simulator_is_free_again(told: Told) -> None:
    fleet = fleet_of(told, 2)
    assert fleet.free == 2
    fleet.start(1, "pi05", task("one"))
    assert told.playing == {1: "one"}
    assert fleet.free == 1
    (result,) = hear(fleet, told, Said(1, report()))
    assert (result.ticket, result.error, result.provenance) == (1, None, {"node": "n1"})
    assert fleet.free == 2


def test_a_simulator_that_dies_costs_a_try_and_is_replaced(told: Told) -> None:
    fleet = fleet_of(told, 1)
    fleet.start(1, "pi05", task("one"))
    (result,) = hear(fleet, told, Lost(1, "worker process has died", machine=False))
    assert result.ticket == 1
    assert isinstance(result.error, SimulatorError)
    assert told.hired == [1, 2]
    assert 1 in told.dismissed


def test_a_machine_that_dies_costs_none_and_so_often_only(told: Told) -> None:
    fleet = fleet_of(told, 1)
    fleet.start(1, "pi05", task("one"))
    for hand in range(1, MOVES + 1):
        assert hear(fleet, told, Lost(hand, "node has died", machine=True)) == []
        fleet.wait(0)
        assert told.playing[hand + 1] == "one"
    (result,) = hear(fleet, told, Lost(MOVES + 1, "node has died", machine=True))
    assert "node has died" in str(result.error)
    assert fleet.tally.moved == MOVES


def test_of_an_episode_that_is_played_twice_the_first_counts_and_another_end_is_told(told: Told) -> None:
    fleet = fleet_of(told, 3)
    fleet.start(1, "pi05", task("one"))
    assert fleet.hedge(1)
    assert not fleet.hedge(1), "twice is enough"
    assert sorted(told.playing) == [1, 2]
    (result,) = hear(fleet, told, Said(2, report("aa")))
    assert (result.ticket, result.episode.state_hash) == (1, "aa")
    assert told.cancelled == [1]
    assert hear(fleet, told, Said(1, report("bb"))) == []
    assert fleet.tally.differing == ["one"]
    assert fleet.free == 3


def test_a_lost_twin_costs_nothing_while_the_other_plays(told: Told) -> None:
    fleet = fleet_of(told, 2)
    fleet.start(1, "pi05", task("one"))
    fleet.hedge(1)
    assert hear(fleet, told, Lost(1, "worker process has died", machine=False)) == []
    (result,) = hear(fleet, told, Said(2, report()))
    assert (result.ticket, result.error) == (1, None)


def test_a_simulator_that_hangs_ends_with_its_episode(told: Told) -> None:
    fleet = fleet_of(told, 1, limit=10.0)
    fleet.start(1, "pi05", task("one"))
    told.now = 619.0
    assert fleet.wait(0) == []
    told.now = 621.0
    (result,) = fleet.wait(0)
    assert "was still running after 621 s" in str(result.error)
    assert told.hired == [1, 2]


def test_an_abandoned_episode_frees_its_simulator_when_it_says_so(told: Told) -> None:
    fleet = fleet_of(told, 1)
    fleet.start(1, "pi05", task("one"))
    fleet.abandon([1])
    assert (told.cancelled, fleet.free) == ([1], 0)
    assert hear(fleet, told, Said(1, Report())) == []
    assert fleet.free == 1


def test_scenes_that_are_compiled_are_preferred_then_the_same_policy_then_a_fresh_simulator(told: Told) -> None:
    fleet = fleet_of(told, 3)
    fleet.start(1, "pi05", task("one", "bowl"))
    fleet.start(2, "pi05", task("two", "mug"))
    hear(fleet, told, Said(1, report()), Said(2, report()))
    fleet.start(3, "pi05", task("three", "mug"))
    assert told.playing[2] == "three"
    fleet.start(4, "other", task("four", "mug"))
    assert told.playing[3] == "four", "rather a fresh one than one that would have to load another policy"


def test_a_fault_comes_back_and_its_simulator_is_not_used_again(told: Told) -> None:
    fleet = fleet_of(told, 1)
    fleet.start(1, "pi05", task("one"))
    fault = SimulatorError("the physics exploded")
    (result,) = hear(fleet, told, Said(1, report(finish=None, error=fault)))
    assert result.error is fault
    assert told.hired == [1, 2]


def test_what_cannot_be_had_ends_the_run(told: Told) -> None:
    fleet = fleet_of(told, 1)
    with pytest.raises(BadInputError, match="no such module"):
        hear(fleet, told, Unfit(1, BadInputError("no such module")))


def test_simulators_that_never_live_end_the_run(told: Told) -> None:
    fleet = fleet_of(told, 1)
    for hand in range(1, STILLBORN):
        hear(fleet, told, Lost(hand, "out of memory", machine=False))
    with pytest.raises(BadInputError, match="No simulator of the cluster stays alive: out of memory"):
        hear(fleet, told, Lost(STILLBORN, "out of memory", machine=False))


def test_machines_that_would_play_something_else_are_refused_with_what_to_run() -> None:
    here = Facts("3.11", {"mujoco": "3.3.7", "numpy": "1.26.4"}, {"libero_plus": (10_030, 10_030)})
    refuse_unfit(here, {"a": here})
    others = {
        "a": here._replace(versions={"mujoco": "3.3.6"}),
        "b": here._replace(python="3.12"),
        "c": here._replace(playable={"libero_plus": (7_045, 10_030)}),
    }
    with pytest.raises(BadInputError) as raised:
        refuse_unfit(here, others)
    said = str(raised.value)
    assert "a: mujoco 3.3.6, numpy missing; run: pip install mujoco==3.3.7 numpy==1.26.4" in said
    assert "b: Python 3.12, here 3.11" in said
    assert "c: it can play 7,045 of 10,030 tasks of libero_plus, here 10,030 of 10,030" in said


def test_a_cluster_that_anybody_reaches_is_refused_without_a_token(tmp_path: Any) -> None:
    assert all(map(loopback, ("local", "auto", "127.0.0.1:6379", "localhost:6379", "[::1]:6379")))
    assert not loopback("10.0.0.1:6379")
    with pytest.raises(BadInputError, match="whoever reaches them runs code there"):
        refuse_open("10.0.0.1:6379", told=False, environment={"RAY_AUTH_MODE": "disabled"})
    refuse_open("10.0.0.1:6379", told=True, environment={})
    refuse_open("10.0.0.1:6379", told=False, environment={"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "x"})
    assert not token({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(tmp_path / "none")}, tmp_path)
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("x")
    assert token({}, tmp_path)


def test_how_many_simulators_are_asked_for() -> None:
    def said(*asked: int) -> tuple[int, str]:
        size = size_of(*asked)
        told = text(Note.of("cluster", address="auto", machines=2, each=EACH, **size._asdict()))
        return size.simulators, told.removeprefix(f"cluster auto: 2 machines, {size.simulators} simulators")

    assert said(8, 4, 10_000) == (8, "")
    assert said(8, 4, 0) == (8, "")
    beyond = "; some 500 episodes are needed, for which 10 would do: more would play in vain"
    assert said(64, 64, 500) == (64, beyond)
    needed = " (auto: one for 50 of some 2,700 episodes that are needed, though 4,096 find a place)"
    assert said(AUTO, 4096, 2_700) == (54, needed)
    assert said(AUTO, 16, 2_700) == (16, " (auto: as many as find a place)")
    assert said(AUTO, 0, 0)[0] == 1


def test_a_lost_simulator_gives_its_seat_to_the_next(told: Told) -> None:
    fleet = fleet_of(told, 3)
    hear(fleet, told, Lost(2, "node has died", machine=True))
    assert told.seats == {1: 0, 2: 1, 3: 2, 4: 1}


def test_one_on_an_unfit_machine_stays_there_unused_and_another_is_asked_for(told: Told) -> None:
    told.unfit = {1}
    fleet = fleet_of(told, 1)
    fleet.wait(0)
    assert (told.hired, told.seats, told.dismissed) == ([1, 2], {1: 0, 2: 0}, [])
    assert (fleet.free, dict(fleet.nodes)) == (1, {"n2": 1})
    fleet.start(1, "pi05", task("one"))
    assert told.playing == {2: "one"}


def test_a_run_without_any_simulator_says_so_and_ends(told: Told) -> None:
    fleet = fleet_of(told, 1)
    fleet.start(1, "pi05", task("one"))
    hear(fleet, told, Lost(1, "node has died", machine=True))
    told.events.clear()
    with pytest.warns(UserWarning, match="room for a simulator for 60 s"):
        fleet.wait(61)
    with pytest.raises(BadInputError, match="no simulator for 30 minutes"):
        fleet.wait(UNMANNED_S)
