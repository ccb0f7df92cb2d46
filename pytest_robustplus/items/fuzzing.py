"""Fuzzing and frontiers as pytest items, and the ``play`` fixture behind a hypothesis test of one's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import RobustnessError
from pytest_robustplus.evaluation.resources import Resources, resources_of
from pytest_robustplus.evaluation.searching import Search
from pytest_robustplus.evaluation.trials import LedgerTrials, generated
from pytest_robustplus.fuzz.axes import Axis, axes
from pytest_robustplus.fuzz.counterexample import CONFIDENCE, Counterexample
from pytest_robustplus.fuzz.falsify import BUDGET, KNOWN_BY, FalsificationResult, falsify
from pytest_robustplus.fuzz.files import read_corpus, read_frontiers
from pytest_robustplus.fuzz.frontier import StaircaseResult, frontier, unperturbed
from pytest_robustplus.fuzz.judging import Judgement, Shown, judge, threshold
from pytest_robustplus.fuzz.points import Point
from pytest_robustplus.fuzz.space import SPACES, Spaces
from pytest_robustplus.items import helping
from pytest_robustplus.items.reports import STORY
from pytest_robustplus.perturbations import Camera, Dimension, Layout, Perturbation, part
from pytest_robustplus.reporting import skips
from pytest_robustplus.reporting.accept_frontiers import frontiers_path
from pytest_robustplus.reporting.fuzzing import judged, paragraph
from pytest_robustplus.results.fuzzing import NONE, FrontierReport, FuzzReport, Interval, Tally
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.results.notes import Note
from pytest_robustplus.rollout import replay
from pytest_robustplus.session.cells import Subject
from pytest_robustplus.session.session import Session, session_of
from pytest_robustplus.statistics.monotone import Rise

if TYPE_CHECKING:
    from pytest_robustplus.policies.contract import Image

COMBINED = "combined"
Result = TypeVar("Result")
# Episodes whose scenes are looked at, to tell whether a perturbation shows what the task is about.
_LOOKED_AT = 3
_TRIALS: pytest.StashKey[dict[tuple[str, str], LedgerTrials]] = pytest.StashKey()


def axes_of(subject: Subject, wanted: tuple[Dimension, ...] | None) -> list[Axis]:
    """Every axis that the benchmark can generate and the settings want."""
    return list(axes(_dimensions(subject, wanted)))


def spaces_of(subject: Subject, wanted: tuple[Dimension, ...] | None) -> dict[str, tuple[Dimension, ...]]:
    """Every dimension that the benchmark can generate and the settings want, and all of them together, by name."""
    chosen = _dimensions(subject, wanted)
    spaces = {str(dimension): (dimension,) for dimension in chosen}
    return {**spaces, COMBINED: chosen} if len(chosen) > 1 else dict(spaces)


def _dimensions(subject: Subject, wanted: tuple[Dimension, ...] | None) -> tuple[Dimension, ...]:
    return tuple(dimension for dimension in generated(subject) if wanted is None or dimension in wanted)


@dataclass(frozen=True, slots=True)
class Frontier:
    """Where success falls along an axis; a test marked ``robustness`` that asks for ``frontier`` gets one an axis."""

    _subject: Subject
    axis: Axis
    _item: pytest.Item

    def search(self, resources: Resources) -> Search[StaircaseResult]:
        """The measurement, before or while it is played."""
        settings, trials = resources.session.settings, trials_of(resources, self._subject)

        def work() -> StaircaseResult:
            _refuse_hopeless(trials, settings.share)
            return frontier(trials, self.axis, share=settings.share, budget=settings.budget or BUDGET)

        return Search(resources, (self._subject,), work)

    def not_nearer_than_accepted(self) -> bool:
        """Measure the frontier and hold it against the accepted one; without one the item is measured, not passed."""
        resources, subject, axis = resources_of(self._item.config), self._subject, self.axis
        session, trials = resources.session, trials_of(resources, subject)
        measured = helping.search(self._item, self).decide()
        accepted = read_frontiers(frontiers_path(session, subject.card.name), *subject.key)
        report = _frontier_report(resources, subject, axis, measured, accepted.get(axis.name), trials)
        self._item.user_properties.extend(report.properties())
        if report.outcome == "measured":
            pytest.skip(skips.of_frontier(report))
        if report.outcome == "fail":
            self._item.stash[STORY] = paragraph(report, subject.benchmark.title)
        return report.outcome == "pass"


@dataclass(frozen=True, slots=True)
class Fuzz:
    """A search for perturbations that break a model, in one dimension or in all of them together.

    A test marked ``robustness`` that asks for ``fuzz`` gets one a dimension.
    """

    _subject: Subject
    _identity: Identity
    dimensions: tuple[Dimension, ...]
    _item: pytest.Item

    def search(self, resources: Resources) -> Search[FalsificationResult]:
        """The search, before or while it is played."""
        settings, trials = resources.session.settings, trials_of(resources, self._subject)
        known = read_corpus(settings.corpus, self._subject.benchmark.name, self.dimensions)

        def work() -> FalsificationResult:
            _refuse_hopeless(trials, settings.share)
            return falsify(
                trials,
                Spaces(tuple(SPACES[dimension] for dimension in self.dimensions)),
                share=settings.share,
                budget=settings.budget or BUDGET,
                known=known,
                excuses=lambda drawn: _hides(trials, drawn),
            )

        return Search(resources, (self._subject,), work)

    def holds(self) -> bool:
        """Look for a perturbation under which the model is shown to fall short; True when the budget found none."""
        resources, subject = resources_of(self._item.config), self._subject
        trials = trials_of(resources, subject)
        result = helping.search(self._item, self).decide()
        report = _fuzz_report(resources, subject, self._identity, result, trials)
        self._item.user_properties.extend(report.properties())
        if result.shown:
            self._item.stash[STORY] = paragraph(report, subject.benchmark.title)
        return not result.shown


@dataclass(frozen=True, slots=True)
class PlayResult:
    """What came of playing under a perturbation; ``assert play(p).holds`` is the test."""

    perturbation: Perturbation
    judgement: Judgement
    threshold: float

    @property
    def holds(self) -> bool:
        """Whether enough of the unperturbed success is left."""
        return self.judgement.holds

    @property
    def failure_rate(self) -> float:
        """Share of the episodes that failed: what hypothesis' ``target`` may climb."""
        return 1 - self.judgement.successes / self.judgement.played

    def __repr__(self) -> str:
        return judged(self.judgement, self.perturbation, self.threshold)


class Play:
    """A function from a perturbation to what came of it: always the same, episodes being played once and recorded.

    A hypothesis test marked ``robustness`` that asks for ``play`` gets one a model.
    """

    def __init__(self, subject: Subject, item: pytest.Item) -> None:
        self._subject, self._item = subject, item

    @property
    def _trials(self) -> LedgerTrials:
        return trials_of(resources_of(self._item.config), self._subject)

    def _play(self, work: Callable[[], Result]) -> Result:
        helping.prepare(self._item.session)
        return Search(resources_of(self._item.config), (self._subject,), work).decide()

    @cached_property
    def threshold(self) -> float:
        """The success rate that counts as holding; skips the test of a model that solves nothing unperturbed."""
        share = session_of(self._item.config).settings.share
        return self._play(lambda: threshold(_refuse_hopeless(self._trials, share), share))

    def __call__(self, perturbation: Perturbation) -> PlayResult:
        """Play episodes under a perturbation until it is decided whether the model holds."""
        limit = self.threshold
        judgement = self._play(lambda: judge(self._trials, Point.of(perturbation), limit))
        return PlayResult(perturbation, judgement, limit)


def trials_of(resources: Resources, subject: Subject) -> LedgerTrials:
    """The trials of a model on a benchmark, one for all items of a process."""
    held = resources.session.config.stash.setdefault(_TRIALS, {})
    if subject.key not in held:
        held[subject.key] = LedgerTrials(resources, subject)
    return held[subject.key]


def without_deadline(item: pytest.Item) -> None:
    """Let a hypothesis test that plays episodes take the time they take.

    hypothesis' deadline is 200 ms by default, and a test that is slow when played and fast from the ledger is to it a
    flaky one; its explain phase plays hundreds of episodes to annotate the example.
    """
    test = getattr(item, "obj", None)
    own = getattr(test, "_hypothesis_internal_use_settings", None)
    if own is None:
        return
    from hypothesis import Phase, settings

    phases = tuple(phase for phase in own.phases if phase is not Phase.explain)
    target: Any = getattr(test, "__func__", test)
    target._hypothesis_internal_use_settings = settings(own, deadline=None, phases=phases)


def _refuse_hopeless(trials: LedgerTrials, share: float) -> float:
    """Return the unperturbed rate by which thresholds go; skip a model that has nothing to lose."""
    rate = unperturbed(trials, KNOWN_BY)
    if not rate:
        pytest.skip(skips.nothing_to_break(KNOWN_BY))
    return rate


def _frontier_report(
    resources: Resources,
    subject: Subject,
    axis: Axis,
    measured: StaircaseResult,
    accepted: Mapping[str, Any] | None,
    trials: LedgerTrials,
) -> FrontierReport:
    bounds, start = measured.bounds, axis.value(0)
    opened = bounds.high > axis.steps
    near, place, far = (axis.place(step) for step in (bounds.low, measured.place, min(bounds.high, axis.steps)))
    low, high = sorted((near, far))
    held = None
    if accepted is not None:
        places = {key: float(accepted[key]) for key in ("low", "estimate", "high")}
        held = Interval(**places, beyond=bool(accepted.get("beyond")), open=bool(accepted.get("open")))
    outcome = "measured" if held is None or measured.rises else "fail" if _nearer((near, far), held, start) else "pass"
    return FrontierReport(
        model=subject.card.name,
        benchmark=subject.benchmark.name,
        checkpoint=resources.checkpoints.of(subject).fingerprint,
        axis=axis.name,
        dimension=str(axis.dimension),
        unit=axis.unit,
        outcome=outcome,  # type: ignore[arg-type]
        share=resources.session.settings.share,
        rate=measured.rate,
        start=start,
        end=axis.value(axis.steps),
        found=Interval(low, place, high, opened and measured.beyond, opened),
        episodes=measured.episodes,
        points=tuple((axis.value(step), successes, played) for step, successes, played in measured.points),
        accepted=held,
        rises="" if measured.rises is None else _rising(measured.rises, axis),
        note=_remark(trials, axis, measured.place),
    )


def _rising(rises: Rise, axis: Axis) -> Note:
    before, after = (
        [axis.value(first), axis.value(last), successes, played]
        for first, last, successes, played in (rises.before, rises.after)
    )
    return Note.of("success_returns", before=before, after=after, unit=axis.unit)


def _hides(trials: LedgerTrials, drawn: Perturbation) -> bool:
    """Whether what the task is about begins out of the picture, in most of the episodes looked at."""
    if part(drawn, Camera).is_identity and part(drawn, Layout).is_identity:
        return False
    staged = trials.staged(Point.of(drawn), range(_LOOKED_AT))
    return 2 * sum(bool(one.unseen) for one in staged) > len(staged)


def _standing(trials: LedgerTrials, drawn: Perturbation) -> Perturbation:
    """What of a perturbation stands in the scene, in the first episode."""
    if part(drawn, Layout).is_identity:
        return drawn
    staged = trials.staged(Point.of(drawn), range(1))
    return staged[0].standing or drawn if staged else drawn


def _remark(trials: LedgerTrials, axis: Axis, step: float) -> Note | str:
    """What is to be known of the scenes at a frontier: what they do not show, what found no room."""
    if axis.dimension not in (Dimension.CAMERA, Dimension.LAYOUT):
        return ""
    point = axis.point(max(min(round(step), axis.steps), 1))
    staged = trials.staged(point, range(_LOOKED_AT))
    if hidden := [one.unseen[0] for one in staged if one.unseen]:
        return Note.of("scenes_hide", hidden=len(hidden), scenes=len(staged), first=hidden[0])
    asked = [point.at(number) for number in range(len(staged))]
    fewer = sum(one.standing != wish for one, wish in zip(staged, asked, strict=True))
    return Note.of("scenes_without_room", fewer=fewer, scenes=len(staged)) if fewer else ""


def _nearer(now: tuple[float, float], accepted: Interval, start: float) -> bool:
    """Whether the interval lies entirely closer to zero perturbation than the accepted one."""
    return max(abs(value - start) for value in now) < min(abs(value - start) for value in (accepted.low, accepted.high))


def _fuzz_report(
    resources: Resources, subject: Subject, identity: Identity, result: FalsificationResult, trials: LedgerTrials
) -> FuzzReport:
    session = resources.session
    report = FuzzReport(
        model=subject.card.name,
        benchmark=subject.benchmark.name,
        what=identity.subject,
        outcome="pass",
        rate=result.rate,
        threshold=result.threshold,
        candidates=result.candidates,
        replayed=result.replayed,
        episodes=result.episodes,
        known=result.known,
        hidden=result.excused,
    )
    found = result.found
    if found is None:
        return report
    begins = tuple(
        found.failing.scaled(min(step / found.steps, 1.0)).severity
        for step in (found.walked.place, found.walked.bounds.low, found.walked.bounds.high)
    )
    report = replace(report, first=repr(result.first), at_it=_tally(found.at_it), begins=begins)
    if found.perturbation is None:
        return report
    episode = _failing_episode(session, trials, found)
    stands = _standing(trials, found.perturbation)
    return replace(
        report,
        outcome="fail",
        mildest=repr(found.perturbation),
        severity=stands.severity,
        stands="" if stands == found.perturbation else repr(stands),
        perturbation=json.dumps(found.failing.to_json()),
        confidence=CONFIDENCE,
        below=repr(found.below),
        below_it=NONE if found.below_it is None else _tally(found.below_it),
        unperturbed=_tally(found.unperturbed),
        episode=episode,
        **_files(session, subject, identity, trials, episode),
    )


def _tally(judgement: Judgement | Shown) -> Tally:
    return Tally(judgement.successes, judgement.played)


def _failing_episode(session: Session, trials: LedgerTrials, found: Counterexample) -> int | None:
    assert found.perturbation is not None
    played = trials.episodes(Point.of(found.perturbation)).values()
    return next((one for one in sorted(played) if session.ledger.episode(one).record.success is False), None)


def _files(
    session: Session, subject: Subject, identity: Identity, trials: LedgerTrials, episode: int | None
) -> dict[str, Any]:
    """Show the failing episode's scene without and with the perturbation, and the episode; nothing without cameras.

    What was found stands without its pictures, so what keeps them from being made is told, not raised.
    """
    if episode is None:
        return {}
    stored = session.ledger.episode(episode)
    benchmark = subject.benchmark
    perturbed = replay.recorded_task(stored, benchmark)
    folder = session.ledger_path.parent / "found"
    try:
        images = _pictures(subject, trials, [replace(perturbed, perturbation=None), perturbed])
        if not images:
            return {}
        import imageio.v3

        folder.mkdir(exist_ok=True)
        paths = {name: folder / f"{identity.id}-{episode}-{name}.png" for name in ("before", "after")}
        for path, image in zip(paths.values(), images, strict=True):
            imageio.v3.imwrite(path, image)
        paths["video"] = folder / f"{identity.id}-{episode}.mp4"
        again = replay.replay(stored, benchmark, paths["video"])
    except (RobustnessError, ImportError, OSError) as error:
        return {"unseen": Note.of("pictures_incomplete", error=str(error))}
    unseen = "" if again.same else Note.of("video_differs", episode=episode)
    return {name: str(path) for name, path in paths.items() if path.exists()} | {"unseen": unseen}


def _pictures(subject: Subject, trials: LedgerTrials, tasks: list[Task]) -> list[Image]:
    return replay.picture(subject.benchmark, subject.profile, trials.protocol, tasks)
