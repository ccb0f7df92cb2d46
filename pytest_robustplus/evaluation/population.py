"""The finite population that an audit is about: which tasks, in which order, and what the baseline did on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_robustplus.baselines import Baseline
from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.ledger import AuditKey, digest
from pytest_robustplus.policies.specs import weights
from pytest_robustplus.results.notes import Note
from pytest_robustplus.session.cells import TableCell
from pytest_robustplus.session.session import Session
from pytest_robustplus.statistics.order import order, order_seed


@dataclass(frozen=True, slots=True)
class Population:
    """Tasks in playing order, cut from the ``playable`` ones of those ``listed`` by the benchmark for the cell.

    ``known`` of the playable ones have an outcome in every baseline that is known task by task.
    """

    tasks: tuple[Task, ...]
    playable: int
    listed: int
    order_seed: str
    known: int

    @classmethod
    def of(
        cls,
        cell: TableCell,
        checkpoint: str,
        baselines: Sequence[Baseline],
        budget: int | None,
        recording: Mapping[str, bool] | None = None,
    ) -> Population:
        """Order a cell's playable tasks, or those of a ``recording`` that stands for the policy.

        A baseline with outcomes task by task limits them to its own tasks.
        """
        listed = cell.tasks()
        playable = [task for task in listed if (not task.blocked if recording is None else task.name in recording)]
        recorded = [baseline.outcomes for baseline in baselines if baseline.outcomes is not None]
        known = [task for task in playable if all(task.name in outcomes for outcomes in recorded)]
        benchmark, dimension = cell.benchmark.name, str(cell.dimension)
        names = [task.name for task in known]
        # Of weights that nobody has named the address belongs to what they are, and still not to the order.
        named = weights(checkpoint)
        places = order(names, benchmark=benchmark, dimension=dimension, checkpoint=named)
        seed = order_seed(benchmark=benchmark, dimension=dimension, checkpoint=named)
        return cls(tuple(known[place] for place in places[:budget]), len(playable), len(listed), seed, len(known))

    def digest(self) -> str:
        """Tell populations of different tasks or order apart."""
        return digest([task.name for task in self.tasks])

    def previous(self, baseline: Baseline) -> list[bool] | None:
        """The baseline's outcomes on these tasks, in playing order; None where only a rate is known."""
        outcomes = baseline.outcomes
        return None if outcomes is None else [outcomes[task.name] for task in self.tasks]

    def notes(self, baseline: Baseline) -> list[Note]:
        """Where the baseline is about something else than these tasks."""
        notes = []
        if baseline.outcomes is None and self.playable < self.listed:
            notes.append(Note.of("playable_tasks", listed=self.listed, playable=self.playable))
        if baseline.outcomes is None and self.known < self.playable:
            notes.append(Note.of("accepted_tasks", known=self.known))
        if baseline.disputed is not None:
            dispute = baseline.disputed
            notes.append(Note.of("disputed", rates=list(dispute.rates), source=dispute.source))
        if baseline.elsewhere:
            ends = dict.fromkeys((baseline.elsewhere[0], baseline.elsewhere[-1]))
            spread = [[end.rate, end.source] for end in ends]
            notes.append(Note.of("printed_elsewhere", ends=spread, results=len(baseline.elsewhere)))
        return notes


def audit_key(session: Session, cell: TableCell, checkpoint: str, population: str) -> AuditKey:
    """Name what the episodes of a cell depend on: equal keys may share them."""
    protocol = dict(cell.benchmark.protocol(cell.profile))
    return AuditKey(
        model=cell.card.name,
        benchmark=cell.benchmark.name,
        dimension=str(cell.dimension),
        checkpoint=checkpoint,
        # Before the hyphen it is that of any run, so that a fresh one is still known as a rerun.
        protocol=digest([repr(cell.profile), protocol, ""]) + (f"-{session.salt}" if session.salt else ""),
        population=population,
    )
