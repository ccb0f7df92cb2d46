"""Two policies on one list: error rates by enumeration, at the hard places by the one-step mean and by simulation."""

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest

from pytest_robustplus.statistics.comparison import (
    Duel,
    Standings,
    Wealth,
    better,
    bounds,
    differences,
    e_holm,
    equivalent,
    log_wealth,
    not_worse,
    which_is_better,
)

ALPHAS = (0.5, 0.3, 0.2, 0.1, 0.05, 0.01)


def sequences(total):
    """Every sequence of differences, so every population in every order it can be played in."""
    return np.array(list(itertools.product((-1, 0, 1), repeat=total)))


def shuffled(first_only, second_only, total, orders, generator):
    base = np.zeros(total, dtype=np.int8)
    base[:first_only], base[first_only : first_only + second_only] = 1, -1
    return generator.permuted(np.tile(base, (orders, 1)), axis=1)


@pytest.mark.parametrize("total", range(1, 8))
def test_false_refutations_are_as_rare_as_stated_for_every_population(total):
    diff = sequences(total)
    net = diff.sum(axis=1)
    population = (diff == 1).sum(axis=1) * (total + 1) + (diff == -1).sum(axis=1)
    count = np.bincount(population)
    for d in range(-total - 1, total + 1):
        log_e = log_wealth(diff, total, d)
        assert ((log_e[:, -1] == np.inf) == (net > d)).all(), "at the last task the answer is exact"
        null = net <= d
        for look in range(total + 1):
            mean = np.bincount(population[null], weights=np.exp(log_e[null, look]), minlength=len(count))
            assert (mean <= count * (1 + 1e-12)).all()
        for alpha in ALPHAS:
            hit = np.bincount(
                population[null], weights=log_e[null].max(axis=1) >= -math.log(alpha), minlength=len(count)
            )
            assert (hit <= alpha * count).all()


def test_evidence_falls_as_the_refuted_net_grows():
    diff = sequences(6)
    paths = [log_wealth(diff, 6, d) for d in range(-7, 7)]
    assert all((high <= low + 1e-9).all() for low, high in itertools.pairwise(paths))


@pytest.mark.parametrize("total", [20, 1600, 10030])
def test_the_next_task_never_raises_the_wealth_on_average(total):
    generator = np.random.default_rng(total)
    edge = []
    for _ in range(20):
        first_only = int(generator.integers(1, total // 2))
        diff = shuffled(first_only, first_only, total, 1, generator)[0].astype(int)
        played = int(total * generator.choice([0.02, 0.3, 0.9]) * generator.random())
        now, rest = log_wealth(diff[:played], total, 0)[-1], diff[played:]
        if np.isfinite(now):
            after = [
                np.mean(rest == x) * math.exp(log_wealth([*diff[:played], x], total, 0)[-1] - now)
                for x in (-1, 0, 1)
                if (rest == x).any()
            ]
            edge.append(sum(after))
    assert max(edge) <= 1 + 1e-9
    assert max(edge) == pytest.approx(1), "a fair bet on the boundary: nothing is given away"


def test_task_by_task_gives_the_same_evidence():
    generator = np.random.default_rng(7)
    diff = shuffled(40, 25, 200, 1, generator)[0].astype(int)
    nets = [-30, 0, 14, 15, 16]
    wealth = Wealth(200, nets)
    paths = log_wealth(diff[None], 200, np.array(nets))
    for task, difference in enumerate(diff):
        assert wealth.log == pytest.approx(paths[:, task])
        wealth.add(difference)
    assert wealth.log.tolist() == [math.inf, math.inf, math.inf, -math.inf, -math.inf]
    with pytest.raises(ValueError, match="give each task once"):
        wealth.add(1)


def test_bounds_miss_as_rarely_as_stated_over_all_looks():
    total, alpha, low, high, count = 5, 0.3, defaultdict(int), defaultdict(int), defaultdict(int)
    for diff in itertools.product((-1, 0, 1), repeat=total):
        net, key = sum(diff), (diff.count(1), diff.count(-1))
        found = [bounds(diff[:n], total, alpha) for n in range(total + 1)]
        assert found[-1] == (net, net)
        low[key] += any(b.lower > net for b in found)
        high[key] += any(b.upper < net for b in found)
        count[key] += 1
    assert max(low[key] / count[key] for key in count) <= alpha
    assert max(high[key] / count[key] for key in count) <= alpha
    assert max(low.values()) > 0, "with so large an α some sequence must be misread"


QUESTIONS = {
    "which": (which_is_better(6, 1, 0.3), lambda net: {"first": net > 0, "second": net < 0, "equal": abs(net) <= 1}),
    "better": (better(6, 0, 0.3, 0.2), lambda net: {"pass": net > 0, "fail": net <= 0}),
    "not worse": (not_worse(6, 2, 0.3, 0.2), lambda net: {"pass": net >= -2, "fail": net < -2}),
    "equivalent": (equivalent(6, 2, 0.3, 0.2), lambda net: {"pass": abs(net) <= 2, "fail": abs(net) > 2}),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_answer_is_wrong_as_rarely_as_stated(name):
    question, truth = QUESTIONS[name]
    alpha = {answer.rstrip("+-"): sum({r.alpha for r in needed}) for answer, needed in question.answers.items()}
    if name == "equivalent":
        alpha["fail"] = 0.2
    wrong, count, early = defaultdict(int), defaultdict(int), 0
    for diff in itertools.product((-1, 0, 1), repeat=6):
        duel = Duel(question)
        answer = duel.update(diff)
        assert answer is not None, "all played: decided"
        key = (diff.count(1), diff.count(-1))
        count[key] += 1
        wrong[key, answer] += not truth(sum(diff))[answer]
        early += duel.pairs < 6
        if duel.pairs == 6 and abs(sum(diff)) > 1:
            assert truth(sum(diff))[answer]
    assert all(times <= alpha[answer] * count[key] for (key, answer), times in wrong.items())
    assert early > 0


def test_an_answer_stands_whatever_is_played_beyond_it():
    question = which_is_better(400, 20, 0.05)
    diff = [1, 1, 0, 1, 1] * 10
    once = Duel(question)
    once.update(diff)
    assert (once.answer, once.pairs) == ("first", 9)
    again = Duel(question)
    for difference in diff:
        again.update([difference])
    again.update([-1] * 300)
    assert (again.answer, again.pairs) == ("first", 9)


def test_against_a_recorded_run_answers_are_wrong_as_rarely_as_stated():
    """All 4^4 pairs of outcomes in every order, the first policy's known beforehand."""
    question, truth = which_is_better(4, 1, 0.4), QUESTIONS["which"][1]
    wrong, count, early = defaultdict(int), defaultdict(int), 0
    for pairs in itertools.product(((1, 1), (1, 0), (0, 1), (0, 0)), repeat=4):
        first, second = zip(*pairs, strict=True)
        duel = Duel(question, recorded=[bool(x) for x in first])
        duel.update([a - b for a, b in pairs])
        key = tuple(sorted(pairs))
        count[key] += 1
        assert duel.answer is not None
        wrong[key, duel.answer] += not truth(sum(first) - sum(second))[duel.answer]
        early += duel.pairs < 4
    assert all(times <= 0.4 * count[key] for (key, _), times in wrong.items())
    assert early > 0


def test_a_recorded_run_saves_episodes_and_one_look_is_as_good_as_many():
    generator = np.random.default_rng(9)
    pairs, saved = [], []
    first = np.zeros(1600, bool)
    second = first.copy()
    first[:240], second[240:400], first[400:1360], second[400:1360] = True, True, True, True
    for _ in range(12):
        order = generator.permutation(1600)
        diff = first[order].astype(int) - second[order]
        question = which_is_better(1600, 80, 0.05)
        plain, recorded, steps = Duel(question), *(Duel(question, recorded=first[order]) for _ in range(2))
        plain.update(diff)
        recorded.update(diff)
        for start in range(0, 1600, 200):
            steps.update(diff[start : start + 200])
        assert (steps.answer, steps.pairs) == (recorded.answer, recorded.pairs)
        pairs.append(plain.pairs)
        saved.append(recorded.pairs)
    assert np.mean(saved) < 0.9 * np.mean(pairs)


def test_exchanging_the_two_exchanges_the_answer():
    generator = np.random.default_rng(3)
    for diff in shuffled(60, 20, 300, 20, generator).astype(int):
        one, other = Duel(which_is_better(300, 15, 0.05)), Duel(which_is_better(300, 15, 0.05))
        one.update(diff)
        other.update(-diff)
        assert one.pairs == other.pairs
        assert {one.answer, other.answer} in ({"first", "second"}, {"equal"})


@pytest.mark.parametrize(("first_only", "second_only", "expected"), [(114, 34, 207), (200, 40, 96), (500, 20, 24)])
def test_pairs_needed(first_only, second_only, expected):
    diff = shuffled(first_only, second_only, 1600, 200, np.random.default_rng(5))
    hit = np.maximum(log_wealth(diff, 1600, 0), log_wealth(-diff, 1600, 0)) >= -math.log(0.05)
    assert hit.argmax(axis=1).mean() == pytest.approx(expected, rel=0.1)


def test_equals_are_called_different_as_rarely_as_stated():
    diff = shuffled(74, 74, 1600, 400, np.random.default_rng(11))
    false = np.mean(log_wealth(diff, 1600, 0).max(axis=1) >= -math.log(0.05))
    assert 0.01 < false <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)


def test_how_many_pairs_an_answer_takes_is_guessed_from_those_played():
    """A guess for handing out: it may be wrong, and must be neither a constant nor beyond the list."""
    generator, total = np.random.default_rng(3), 400
    ratios = []
    for diff in shuffled(60, 20, total, 20, generator):
        duel = Duel(which_is_better(total, 4, 0.05))
        duel.update(diff[:40])
        if duel.answer is None:
            guess = duel.foreseen()
            assert 40 <= guess <= total
            duel.update(diff[40:])
            ratios.append(guess / duel.pairs)
    assert 0.5 <= np.median(ratios) <= 4, "evidence grows faster than evenly once there is some"
    assert min(ratios) < 1 < max(ratios)
    even = Duel(which_is_better(total, 0, 0.01))
    even.update([1, -1] * 20)
    assert even.foreseen() == total
    standings = Standings(3, total, 0.01)
    for task in range(15):
        standings.add({0: True, 1: task % 3 > 0, 2: task % 2 > 0})
    assert 15 < standings.foreseen() < total


def test_only_tasks_that_both_have_played_are_paired():
    assert differences([True, False, True], [False, False]).tolist() == [1, 0]


def standings(solved, total, alpha=0.05):
    found = Standings(len(solved), total, alpha)
    for task in range(len(solved[0])):
        found.add({i: bool(solved[i][task]) for i in found.unbeaten})
    return found


def test_a_best_policy_is_dropped_as_rarely_as_stated_for_every_population():
    """Three policies on four tasks: every table of outcomes in every order, up to exchanging the policies."""
    alpha = 0.4
    dropped, count = defaultdict(int), defaultdict(int)
    for columns in itertools.product(itertools.product((0, 1), repeat=3), repeat=4):
        key = tuple(sorted(columns))
        rates = [sum(column[i] for column in columns) for i in range(3)]
        if rates != sorted(rates):
            continue
        found = standings(list(zip(*columns, strict=True)), 4, alpha)
        count[key] += 1
        for i in range(3):
            if rates[i] == max(rates):
                dropped[key, i] += i in found.dropped
    assert all(times <= alpha * count[key] for (key, _), times in dropped.items())
    assert sum(dropped.values()) > 0


def test_at_the_end_only_the_best_are_left_and_the_worst_stopped_early():
    generator = np.random.default_rng(2)
    solved = np.array([generator.random(400) < rate for rate in (0.9, 0.8, 0.3)])
    found = standings(solved, 400)
    assert found.unbeaten == [0]
    assert found.dropped[2] < 40 < found.dropped[1] < 400
    two = standings(solved[:2], 400)
    duel = Duel(which_is_better(400, 0, 0.05))
    duel.update(differences(solved[0], solved[1]))
    assert two.dropped == {1: duel.pairs}, "of two, the set and the duel are one rule"


def test_e_holm_is_the_least_mean_over_the_sets_that_hold_a_claim():
    e = [30.0, 2.0, 0.5, 300.0]
    brute = [
        min(
            np.mean([e[i] for i in chosen])
            for size in range(1, 5)
            for chosen in itertools.combinations(range(4), size)
            if claim in chosen
        )
        for claim in range(4)
    ]
    assert np.exp(e_holm(list(np.log(e)))) == pytest.approx(brute)
    assert e_holm([3.0]) == pytest.approx([3.0])
    assert e_holm([math.inf, 0.0])[0] > 500
