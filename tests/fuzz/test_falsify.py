"""Searching, simplifying and walking, on policies whose breaking point is known."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.fuzz.axes import UNPERTURBED, axes
from pytest_robustplus.fuzz.counterexample import counterexample, shrink, way
from pytest_robustplus.fuzz.falsify import falsify
from pytest_robustplus.fuzz.files import add_to_corpus, read_corpus
from pytest_robustplus.fuzz.frontier import frontier
from pytest_robustplus.fuzz.judging import shortfall
from pytest_robustplus.fuzz.points import BudgetSpent, EpisodeBudget, Point
from pytest_robustplus.fuzz.search import directed
from pytest_robustplus.fuzz.space import SPACES, Spaces
from pytest_robustplus.perturbations import (
    PERTURBATIONS,
    Camera,
    Combined,
    Dimension,
    Distractor,
    Layout,
    Noise,
    Perturbation,
    Robot,
    part,
)


class Policy:
    """Succeeds in every episode where ``breaks`` says no."""

    def __init__(self, breaks: Callable[[Perturbation], bool]) -> None:
        self.breaks = breaks
        self.asked: list[tuple[str, int]] = []

    def outcome(self, point: Point, number: int) -> bool:
        self.asked.append((point.name, number))
        return not self.breaks(point.at(number))


def dims(*dimensions: Dimension) -> Spaces:
    return Spaces(tuple(SPACES[dimension] for dimension in dimensions))


def test_the_mildest_of_a_sharp_border_is_its_first_step() -> None:
    result = falsify(
        Policy(lambda p: abs(part(p, Camera).azimuth) >= 24), dims(Dimension.CAMERA), share=0.5, budget=250
    )
    assert result.found is not None
    assert abs(part(result.found.perturbation, Camera).azimuth) == pytest.approx(24, abs=1)
    assert result.found.failing == Camera(azimuth=part(result.found.failing, Camera).azimuth)
    assert result.episodes <= 250
    assert result.found.unperturbed.successes == result.found.unperturbed.played


@pytest.mark.parametrize("budget", range(40, 61, 4))
def test_a_walk_cut_short_names_no_step_that_holds(budget: int) -> None:
    """What was played at the named step falls short itself; what is shown below it is milder."""
    episodes = EpisodeBudget(Policy(lambda p: abs(part(p, Camera).azimuth) >= 60), budget)
    found = counterexample(episodes, Camera(azimuth=75.0), 0.5, 0.5)
    assert found.at_it.played
    assert found.at_it.successes / found.at_it.played < 0.5
    assert found.perturbation is not None
    assert found.below.severity < found.perturbation.severity
    assert episodes.spent <= budget


def test_of_several_dimensions_only_the_guilty_are_kept() -> None:
    guilty = lambda p: part(p, Noise).level >= 2 and part(p, Robot).radius >= 0.2  # noqa: E731
    spaces = dims(Dimension.CAMERA, Dimension.ROBOT, Dimension.NOISE)
    result = falsify(Policy(guilty), spaces, share=0.5, budget=400)
    assert result.found is not None
    assert result.found.perturbation is not None
    assert {single.dimension for single in result.found.perturbation.parts} == {Dimension.ROBOT, Dimension.NOISE}


def test_a_known_case_is_replayed_before_anything_is_drawn() -> None:
    policy = Policy(lambda p: part(p, Noise).level > 3)
    known = [Noise("fog", 1.0), Noise("glass", 4.0)]
    result = falsify(policy, dims(Dimension.NOISE), share=0.5, budget=200, known=known)
    assert (result.first, result.known, result.replayed, result.candidates) == (known[1], True, 2, 0)


def test_what_hides_the_task_is_passed_over_and_counted() -> None:
    """A camera from which nobody could see the target was blamed on the policy."""
    breaks = lambda p: abs(part(p, Camera).azimuth) >= 10 or part(p, Camera).distance > 1.2  # noqa: E731
    hidden = lambda p: abs(part(p, Camera).azimuth) >= 10  # noqa: E731
    result = falsify(Policy(breaks), dims(Dimension.CAMERA), share=0.5, budget=250, excuses=hidden)
    assert result.found is not None
    assert part(result.found.perturbation, Camera).distance > 1
    assert result.excused > 0
    blamed = falsify(Policy(breaks), dims(Dimension.CAMERA), share=0.5, budget=250)
    assert hidden(blamed.first)
    known = falsify(
        Policy(hidden), dims(Dimension.NOISE), share=0.5, budget=60, known=[Camera(azimuth=40.0)], excuses=hidden
    )
    assert (known.excused, known.replayed, known.found) == (1, 1, None)


def test_equal_searches_ask_for_equal_episodes_within_the_budget() -> None:
    one, other = (Policy(lambda p: p.severity > 0.4) for _ in range(2))
    for policy in (one, other):
        falsify(policy, dims(*PERTURBATIONS), share=0.5, budget=120)
    assert one.asked == other.asked
    assert len(set(one.asked)) == len(one.asked) <= 120


def test_a_policy_that_holds_costs_its_budget_and_no_more() -> None:
    policy = Policy(lambda _: False)
    result = falsify(policy, dims(Dimension.LIGHT), share=0.5, budget=50)
    assert result.found is None
    assert result.first is None
    assert len(policy.asked) <= 50


def test_a_policy_that_solves_nothing_is_not_searched() -> None:
    result = falsify(Policy(lambda _: True), dims(Dimension.LIGHT), share=0.5, budget=50)
    assert (result.rate, result.candidates, result.found) == (0.0, 0, None)


def test_a_budget_counts_distinct_episodes() -> None:
    episodes = EpisodeBudget(Policy(lambda _: False), 2)
    for _ in range(3):
        assert episodes.outcome(UNPERTURBED, 0)
    episodes.outcome(UNPERTURBED, 1)
    assert (episodes.spent, episodes.left) == (2, 0)
    with pytest.raises(BudgetSpent):
        episodes.outcome(UNPERTURBED, 2)


def test_the_simplest_needs_what_it_has() -> None:
    crowded = Layout(dx=0.05, dy=0.03, yaw=20.0, distractors=(Distractor(1, 0.0, 0.0),))
    policy = Policy(lambda p: part(p, Layout).dx > 0.04)
    assert shrink(EpisodeBudget(policy, 200), Combined(crowded, Noise("fog", 2.0)), 0.5) == Layout(dx=0.05)


def test_the_way_has_the_steps_of_its_longest_parameter() -> None:
    assert way(Camera(azimuth=30.0, yaw=2.0)) == 30
    assert way(Noise("fog", 4.0)) == 40
    assert way(Layout(distractors=(Distractor(1, 0.0, 0.0),) * 7)) == 7


def test_search_finds_a_narrow_failure() -> None:
    policy = Policy(lambda p: abs(part(p, Camera).azimuth) > 40 and part(p, Camera).yaw > 5)
    space = Spaces((SPACES[Dimension.CAMERA].only("azimuth", "yaw", "roll"),))
    steps = directed(EpisodeBudget(policy, 300), lambda place: Point.of(space.build(place)), space.width, 0.5)
    found = next(filter(None, steps))
    assert not found.judgement.holds


def test_every_axis_begins_unperturbed_and_stays_on_its_dimension() -> None:
    names = [axis.name for axis in axes(PERTURBATIONS)]
    assert len(set(names)) == len(names)
    for axis, number in itertools.product(axes(PERTURBATIONS), range(3)):
        assert axis.point(0) is UNPERTURBED
        end = axis.point(axis.steps).at(number)
        assert [single.dimension for single in end.parts] == [axis.dimension]
        # A shift goes diagonally, where neither of its two parameters goes all the way.
        assert end.severity == pytest.approx(1.0, abs=0.3), axis.name
        assert axis.point(axis.steps).at(number) == end
        assert axis.place(0.5) == pytest.approx((axis.value(0) + axis.value(1)) / 2)


def test_a_sharp_frontier_is_known_to_a_step() -> None:
    (axis,) = (axis for axis in axes([Dimension.ROBOT]) if axis.name == "robot.radius")
    measured = frontier(Policy(lambda p: part(p, Robot).radius >= 0.2), axis, share=0.5, budget=150)
    assert axis.place(measured.crossing.estimate) == pytest.approx(0.195, abs=0.012)
    assert measured.found
    beyond = frontier(Policy(lambda _: False), axis, share=0.5, budget=150)
    assert not beyond.found
    assert beyond.episodes < 150


def test_a_corpus_gives_back_what_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "corpus" / "mine.json"
    cases = [
        {"benchmark": "toy", "model": "steady", "perturbation": perturbation.to_json()}
        for perturbation in (Camera(azimuth=30.0), Combined(Camera(azimuth=20.0), Noise("fog", 2.0)))
    ]
    assert read_corpus(None, "toy", PERTURBATIONS) == read_corpus(path, "toy", PERTURBATIONS) == []
    assert [add_to_corpus(path, cases), add_to_corpus(path, cases)] == [2, 0]
    assert read_corpus(path, "toy", [Dimension.CAMERA]) == [Camera(azimuth=30.0)]
    assert read_corpus(path, "toy", PERTURBATIONS) == [Combined(Camera(azimuth=20.0), Noise("fog", 2.0))]
    assert read_corpus(path, "other", PERTURBATIONS) == []


@pytest.mark.parametrize("text", ["{", "{}", '[{"benchmark": "toy"}]', '[{"perturbation": {"azimuth": 1}}]', "[3]"])
def test_what_is_no_corpus_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "corpus.json"
    path.write_text(text)
    with pytest.raises(BadInputError, match=r"corpus\.json"):
        read_corpus(path, "toy", [Dimension.CAMERA])


class Noisy:
    """Half of its episodes succeed at 24° of azimuth, drawn once each."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def outcome(self, point: Point, number: int) -> bool:
        azimuth = abs(part(point.at(number), Camera).azimuth)
        draw = np.random.default_rng(np.random.SeedSequence([self.seed, number, round(1000 * azimuth)])).random()
        return bool(draw < 1 / (1 + np.exp((azimuth - 24) / 4)))


def test_what_is_reported_was_shown_by_episodes_that_had_no_part_in_finding_it() -> None:
    class Noted(Noisy):
        def __init__(self, seed: int) -> None:
            super().__init__(seed)
            self.asked: dict[str, list[int]] = {}

        def outcome(self, point: Point, number: int) -> bool:
            self.asked.setdefault(point.name, []).append(number)
            return super().outcome(point, number)

    trials = Noted(2)
    result = falsify(trials, Spaces((SPACES[Dimension.CAMERA].only("azimuth"),)), share=0.5, budget=250, seed=2)
    assert result.shown
    assert result.found is not None
    assert result.found.perturbation is not None
    numbers = trials.asked[Point.of(result.found.perturbation).name]
    assert len(set(numbers)) == len(numbers)
    assert sum(number >= 1000 for number in numbers) == result.found.at_it.played


def test_what_is_reported_falls_short_in_its_own_episodes() -> None:
    """With noisy policies a third of the reports used to be contradicted by the episodes beside them."""
    space = Spaces((SPACES[Dimension.CAMERA].only("azimuth"),))
    shown = 0
    for seed in range(18):
        result = falsify(Noisy(seed), space, share=0.5, budget=(60, 120, 250)[seed % 3], seed=seed)
        found = result.found
        if not result.shown:
            continue
        assert found is not None
        assert found.perturbation is not None
        shown += 1
        assert shortfall(found.at_it.successes, found.at_it.played, result.threshold) >= np.log(20)
        assert found.at_it.successes < result.threshold * found.at_it.played
        assert found.below_it is None or found.below_it.played
        assert abs(part(found.perturbation, Camera).azimuth) > 20
    assert shown >= 9


def test_a_search_that_its_budget_ended_shows_nothing() -> None:
    result = falsify(Noisy(5), Spaces((SPACES[Dimension.CAMERA].only("azimuth"),)), share=0.5, budget=18, seed=1)
    assert not result.shown
    assert result.episodes <= 18


@pytest.mark.parametrize(("successes", "played", "shown"), [(0, 7, True), (0, 4, False), (3, 18, True), (7, 10, False)])
def test_a_shortfall_is_shown_by_an_e_value(successes: int, played: int, shown: bool) -> None:
    assert (shortfall(successes, played, 0.5) >= np.log(20)) == shown


def test_a_shortfall_is_rarely_shown_where_there_is_none() -> None:
    """Looked at after every episode, up to sixty."""
    draws = np.random.default_rng(np.random.SeedSequence(8)).random((2000, 60)) < 0.5
    won = np.cumsum(draws, axis=1)
    looks = [[shortfall(int(s), n, 0.5) for n, s in enumerate(row, start=1)] for row in won[:400]]
    assert np.mean([max(row) >= np.log(20) for row in looks]) <= 0.05
