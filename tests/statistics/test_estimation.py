"""The estimate of a cell that stopped early: exact over every population, against brute force and against its bias."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from math import comb

import numpy as np
import pytest

from pytest_robustplus.evaluation.assurance import estimated
from pytest_robustplus.evaluation.gates import Watch
from pytest_robustplus.statistics.estimation import Ends, ends, estimate
from pytest_robustplus.statistics.evalues import Plan, plan
from pytest_robustplus.statistics.sequential import Counted, Mirrored, SequentialTest, traced

PLAN = plan(0.6, 100, 0.05, noise=0.5).plan
SMALL = Plan(10, 7, 2, 0.3, 0.2)


def law(*tests: SequentialTest) -> Ends:
    regions = [test.region for test in tests]
    assert None not in regions
    return ends(tests[0].plan.total, regions)  # type: ignore[arg-type]


def above(asked: Plan) -> Mirrored:
    return Mirrored(Counted(replace(asked, baseline=asked.total - asked.baseline)))


def stop(tests: list[SequentialTest], outcomes: tuple[bool, ...]) -> int:
    decisions = [test.decide(outcomes) for test in tests]
    failed = [d.played for d in decisions if d is not None and d.verdict == "fail"]
    return min(failed) if failed else max(d.played for d in decisions if d is not None)


@pytest.mark.parametrize("tests", [[Counted(SMALL)], [Counted(SMALL), above(SMALL)]], ids=["one", "both sides"])
def test_the_ends_are_those_of_every_order(tests: list[SequentialTest]) -> None:
    """All 2^10 sequences: how many of those with k successes end where."""
    found = law(*tests)
    seen: Counter[tuple[int, int, int]] = Counter()
    for outcomes in itertools.product([False, True], repeat=10):
        played = stop(tests, outcomes)
        seen[sum(outcomes), played, sum(outcomes[:played])] += 1
    chances = found.chances(np.arange(11))
    for count in range(11):
        assert chances[count].sum() == pytest.approx(1)
        for column, place in enumerate(zip(found.played.tolist(), found.successes.tolist(), strict=True)):
            same = (found.played == place[0]) & (found.successes == place[1])
            expected = seen[(count, *place)] / comb(10, count)
            assert chances[count, same].sum() == pytest.approx(expected), (count, place, column)


@pytest.mark.parametrize("tests", [[Counted(PLAN)], [Counted(PLAN), above(PLAN)]], ids=["one", "both sides"])
def test_the_mean_is_exactly_unbiased(tests: list[SequentialTest]) -> None:
    found, counts = law(*tests), np.arange(5, 96, 10)
    assert found.chances(counts) @ found.first == pytest.approx(counts / 100)
    raw = found.chances(counts) @ (found.successes / found.played)
    assert abs(raw - counts / 100).max() > 0.02


def test_the_estimate_is_as_often_too_high_as_too_low_and_covered() -> None:
    found = law(Counted(PLAN))
    told = [estimate(found, n, s) for n, s in zip(found.played.tolist(), found.successes.tolist(), strict=True)]
    raw = found.successes / found.played
    for count in (30, 60, 70):
        chances, truth = found.chances(np.array([count]))[0], count / 100
        high = sum(c for c, e in zip(chances, told, strict=True) if e.rate > truth + 1e-9)
        low = sum(c for c, e in zip(chances, told, strict=True) if e.rate < truth - 1e-9)
        assert high <= 0.58
        assert low <= 0.58
        covered = sum(c for c, e in zip(chances, told, strict=True) if e.low <= truth + 1e-9 and e.high >= truth - 1e-9)
        assert covered >= 0.93
    # What was shown before: above the truth in two of three PASSes.
    assert found.chances(np.array([60]))[0][raw > 0.6].sum() > 0.6


def test_a_cell_that_is_watched_after_its_pass_is_known_too() -> None:
    """Against simulated orders of a policy far above its paper."""
    test, watch = Counted(PLAN), Watch([PLAN])
    found = ends(100, [test.region], watch.plays_on)
    draws = np.random.default_rng(np.random.SeedSequence(3))
    stopped: Counter[int] = Counter()
    for _ in range(400):
        outcomes = draws.permutation([True] * 90 + [False] * 10).tolist()
        passed = test.decide(outcomes)
        assert passed is not None
        on = Watch([PLAN]).stop(outcomes, passed.played)
        assert on is not None
        stopped[on] += 1
    chances = found.chances(np.array([90]))[0]
    assert chances.sum() == pytest.approx(1)
    assert chances @ found.first == pytest.approx(0.9)
    assert chances @ found.played == pytest.approx(sum(n * times for n, times in stopped.items()) / 400, rel=0.08)


def test_what_is_no_end_is_refused() -> None:
    with pytest.raises(ValueError, match="no end of this cell"):
        estimate(law(Counted(SMALL)), 1, 0)


def test_a_region_is_where_the_plan_decides() -> None:
    for test in (Counted(SMALL), above(SMALL)):
        region = test.region
        assert region is not None
        for played, successes in itertools.combinations(range(11), 2):
            verdict = test.plan.verdict(successes, successes - played if isinstance(test, Mirrored) else played)
            passing = region.pass_from[successes] <= played <= region.pass_to[successes]
            failing = region.fail_from[successes] <= played <= region.fail_to[successes]
            assert (passing, failing and not passing) == (verdict == "pass", verdict == "fail")
    assert traced(SMALL) is traced(SMALL)


@pytest.mark.parametrize(("played", "successes"), [(7, 2), (7, 7), (7, 0), (40, 40)])
def test_a_budget_played_to_its_end_is_a_sample_of_the_list(played: int, successes: int) -> None:
    """Its interval was that of the tasks played, [28.6, 28.6] after 7 of 400."""
    found = estimated([], Watch([]), played, successes, played, 400)
    by_pairs = estimated([None], Watch([]), played, successes, played, 400)
    assert found is not None
    assert by_pairs is not None
    assert found.rate == found.mean == by_pairs.rate == successes / played
    assert by_pairs.low <= found.low <= found.rate <= found.high <= by_pairs.high
    assert found.high - found.low > 0.05
    assert found.deviation > 0.02
    whole = estimated([None], Watch([]), played, successes, played, played)
    assert whole == (successes / played,) * 4 + (0.0,)


@pytest.mark.parametrize("tests", [[], [Counted(SMALL)]], ids=["measured", "gated"])
def test_a_sample_covers_the_list(tests: list[SequentialTest]) -> None:
    """Exactly, over every number of successes that a list of 60 holds, of which ten tasks are audited."""
    regions = [test.region for test in tests if test.region is not None]
    found, counts = ends(10, regions)._replace(total=60), np.arange(61)
    covered = np.zeros(61)
    for column, (played, successes) in enumerate(zip(found.played.tolist(), found.successes.tolist(), strict=True)):
        told = estimated(regions, Watch([]), played, successes, 10, 60)
        assert told is not None
        inside = (told.low <= counts / 60 + 1e-9) & (counts / 60 <= told.high + 1e-9)
        covered += np.where(inside, found.chances(counts)[:, column], 0.0)
    # Mid-p is 95 % on average and no less than 91 % anywhere.
    assert covered.min() > 0.91
    assert covered.mean() > 0.95
