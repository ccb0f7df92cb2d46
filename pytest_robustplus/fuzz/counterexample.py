"""From a perturbation under which a policy falls short to the mildest of its kind that still does.

First the simplest: every parameter that the failure does not need is reset. Then the way from no change to what is left
is walked by a staircase, in the steps of its most severe parameter. The place that the walk finds is an estimate;
what is named is the first step from there on of which fresh episodes, none of which chose it, show that success falls
short. No clock is looked at, only the budget.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from pytest_robustplus.fuzz.axes import UNPERTURBED
from pytest_robustplus.fuzz.frontier import PRECISION, StaircaseResult, measure
from pytest_robustplus.fuzz.judging import MOST_FRESH, Judgement, Shown, judge, show
from pytest_robustplus.fuzz.points import BudgetSpent, EpisodeBudget, Point
from pytest_robustplus.perturbations import Combined, Perturbation, Single
from pytest_robustplus.perturbations.value import numbers

SHOWN = 10
CONFIDENCE = 0.95
# Kept of the budget for showing that what is named falls short.
RESERVE = 2 * MOST_FRESH + SHOWN


@dataclass(frozen=True, slots=True)
class Counterexample:
    """The mildest perturbation in a direction that is shown to fail, and where failing seems to begin.

    ``failing`` is what the walk went to, in ``steps``; ``walked`` is in steps of this way. Of these ``perturbation`` is
    step ``step``, None where the budget ended before any was shown to fail. ``at_it`` are its fresh episodes, or those
    of the last step tried; ``below`` is a milder step and ``below_it`` what was played there, None without an episode.
    """

    failing: Perturbation
    perturbation: Perturbation | None
    step: int
    at_it: Shown
    below: Perturbation
    below_it: Judgement | None
    unperturbed: Judgement
    walked: StaircaseResult
    steps: int


def shrink(episodes: EpisodeBudget, failing: Perturbation, threshold: float) -> Perturbation:
    """Take away whatever ``failing`` does not need to fall short; ends early, not wrongly, when the budget is spent."""
    failing = _together([part.snapped() for part in failing.parts])
    simpler = True
    while simpler:
        simpler = False
        for candidate in _simpler(failing):
            try:
                if not judge(episodes, Point.of(candidate), threshold).holds:
                    failing, simpler = candidate, True
                    break
            except BudgetSpent:
                return failing
    return failing


def counterexample(episodes: EpisodeBudget, failing: Perturbation, share: float, threshold: float) -> Counterexample:
    """Walk the way to ``failing`` and name a step that is shown to fall short, with what is left of ``episodes``."""
    steps = way(failing)

    def point(step: int) -> Point:
        return Point.of(failing.scaled(step / steps)) if step else UNPERTURBED

    budget = max(episodes.left - RESERVE, 1)
    walked = measure(episodes, point, steps, share=share, budget=budget, precision=PRECISION)
    # Where, of all falling curves, every one that explains the walk has crossed the threshold.
    step = min(max(walked.bounds.high, 1), steps)
    below, proven, tried = min(max(round(walked.place), 1), step) - 1, False, 0
    while not proven:
        tried += 1
        # Each further step that is tried gets a smaller share of the error; together they keep it.
        confidence = 1 - (1 - CONFIDENCE) / (tried * (tried + 1))
        shown = show(episodes.outcome, point(step), threshold, confidence)
        proven = shown.short(confidence)
        if proven or step == steps or not episodes.left:
            break
        below, step = step, (step + steps + 1) // 2
    below_it = _tally(walked, below)
    return Counterexample(
        failing,
        failing.scaled(step / steps) if proven else None,
        step,
        at_it=shown,
        below=failing.scaled(below / steps),
        below_it=below_it if below_it.played else None,
        unperturbed=_tally(walked, 0),
        walked=walked,
        steps=steps,
    )


def way(failing: Perturbation) -> int:
    """How many steps of its own parameters lie between no change and ``failing``: those of the one with most."""
    return max((_steps(part) for part in failing.parts), default=1)


def _steps(part: Single) -> int:
    counts = [len(getattr(part, "distractors", ()))]
    for name, scale in part.scales.items():
        value = getattr(part, name)
        counts += [round(abs(number - scale.identity) / scale.step) for number in numbers(value)]
    return max(*counts, 1)


def _tally(walked: StaircaseResult, step: int) -> Judgement:
    """Success at a step of the walk."""
    successes, played = next(((s, n) for at, s, n in walked.points if at == step), (0, 0))
    return Judgement(successes == played, successes, played)


def _simpler(failing: Perturbation) -> Iterator[Perturbation]:
    """Everything that is ``failing`` without one dimension, or else with one parameter of one dimension unchanged."""
    parts = failing.parts
    if len(parts) > 1:
        for part in parts:
            yield _together([other for other in parts if other is not part])
    for part in parts:
        for candidate in _reset(part):
            if candidate.is_identity and len(parts) == 1:
                continue
            yield _together([candidate if other is part else other for other in parts])


def _reset(part: Single) -> Iterator[Single]:
    for field in fields(part):
        if getattr(part, field.name) != field.default and (
            field.name in part.scales or field.name in ("distractors", "table", "wall", "floor")
        ):
            yield replace(part, **{field.name: field.default})


def _together(parts: list[Single]) -> Perturbation:
    return parts[0] if len(parts) == 1 else Combined(*parts)
