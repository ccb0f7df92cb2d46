"""Episodes under generated perturbations: played once, remembered by the ledger across runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatch
from functools import partial
from typing import NamedTuple

from pytest_robustplus.benchmarks.contract import Generative, Staging, Task, settle
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.evaluation.positions import Positions
from pytest_robustplus.evaluation.recorder import Recorder
from pytest_robustplus.evaluation.resources import Resources
from pytest_robustplus.evaluation.searching import Episodes, Wanted, ask, play
from pytest_robustplus.evaluation.stack import current
from pytest_robustplus.fuzz.points import Point
from pytest_robustplus.ledger import GENERATED, AuditKey, digest
from pytest_robustplus.perturbations import Dimension, Perturbation
from pytest_robustplus.session.cells import Subject
from pytest_robustplus.statistics.order import order, order_seed

# The order of base tasks is one for all checkpoints, so that their frontiers are measured on the same episodes.
_ORDER = {"dimension": "generated", "checkpoint": "any"}
# A bound on what is stored of a point, which the ledger wants to know; nothing ever asks for so many.
_TOTAL = 100_000


class Staged(NamedTuple):
    """How an episode begins: what of its perturbation stands in the scene, and what is out of the picture."""

    standing: Perturbation | None
    unseen: tuple[str, ...]


class LedgerTrials:
    """Outcomes of one model's episodes by point and number, from the ledger or played now and recorded there.

    Episode ``number`` is always of the same base task and initial state. An episode that could not be played raises the
    same error whenever it is asked for again, so that nothing that asks sees an outcome change.
    """

    def __init__(self, resources: Resources, subject: Subject) -> None:
        self.subject = subject
        self._resources, self._session = resources, resources.session
        self._recorder = Recorder(self._session, subject)
        self.tasks = base_tasks(subject, self._session.settings.tasks)
        self._episodes: dict[str, Episodes] = {}

    @property
    def protocol(self) -> dict[str, str]:
        """How episodes are played."""
        return dict(self._recorder.protocol)

    def task(self, point: Point, number: int) -> Task:
        """What is played as episode ``number`` of a point."""
        found = point.at(number)
        task = self.tasks[number % len(self.tasks)]
        return replace(task, perturbation=None if found.is_identity else found)

    def outcome(self, point: Point, number: int) -> bool:
        """Whether episode ``number`` succeeds under ``point``; raises what makes it unplayable."""
        if current() is None:
            return play(self._resources, self._of(point), [number])[0]
        return ask(Wanted(self._of(point), number))

    def episodes(self, point: Point) -> dict[int, int]:
        """The ledger's episode by number, for those of a point that were played."""
        stored = self._session.ledger.episodes(self._of(point).positions.audit)
        return {episode.position: episode.id for episode in stored if episode.record.success is not None}

    def staged(self, point: Point, numbers: Iterable[int]) -> list[Staged]:
        """How some episodes of a point begin once they have settled; none where the simulator cannot say."""
        if (stack := current()) is not None:
            # Drawing belongs to the thread that has begun to draw.
            found: list[Staged] = stack.ask(lambda: self._staged(point, numbers))
            return found
        return self._staged(point, numbers)

    def _staged(self, point: Point, numbers: Iterable[int]) -> list[Staged]:
        simulator, profile = self._resources.simulator(self.subject), self.subject.profile
        if not isinstance(simulator, Staging):
            return []
        found = []
        for number in numbers:
            simulator.reset(self.task(point, number))
            settle(simulator, profile)
            found.append(Staged(simulator.standing(), tuple(simulator.unseen())))
        return found

    def _of(self, point: Point) -> Episodes:
        if point.name not in self._episodes:
            subject = self.subject
            # Never concluded, so that every later run takes it up again.
            key = AuditKey(
                model=subject.card.name,
                benchmark=subject.benchmark.name,
                dimension=GENERATED,
                checkpoint=self._resources.checkpoints.of(subject).fingerprint,
                protocol=digest([repr(subject.profile), self.protocol, self._session.salt]),
                population=digest([point.name, [task.name for task in self.tasks]]),
            )
            seed = order_seed(benchmark=subject.benchmark.name, **_ORDER)
            audit = self._session.ledger.open_audit(key, run=self._session.run, total=_TOTAL, order_seed=seed).id
            positions = Positions(self._session, self._recorder, audit, _TOTAL, partial(self.task, point))
            self._episodes[point.name] = Episodes(subject, positions, self._session.ledger.outcomes(audit))
        return self._episodes[point.name]


def base_tasks(subject: Subject, patterns: tuple[str, ...]) -> list[Task]:
    """The unperturbed tasks that episodes are played on, in their order; raises ``BadInputError`` for none."""
    listed = [task for task in subject.tasks() if task.dimension is Dimension.ORIGINAL]
    chosen = [
        task
        for task in listed
        if not task.blocked and (not patterns or any(fnmatch(task.name, pattern) for pattern in patterns))
    ]
    if not chosen:
        raise BadInputError(
            f"{subject.benchmark.title}: none of its {len(listed):,} unperturbed tasks in {', '.join(subject.suites)}"
            f" can be played and matches {' or '.join(patterns) or '*'}. Choose others by --robust-task or"
            " --robust-suite."
        )
    places = order([task.name for task in chosen], benchmark=subject.benchmark.name, **_ORDER)
    return [chosen[place] for place in places]


def generated(subject: Subject) -> tuple[Dimension, ...]:
    """The dimensions in which a subject's benchmark generates perturbations; none where it cannot."""
    return subject.benchmark.generates if isinstance(subject.benchmark, Generative) else ()
