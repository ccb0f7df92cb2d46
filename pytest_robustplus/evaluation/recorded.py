"""Results in place of a policy: what an accepted file or the ledger knows, task by task."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pytest_robustplus.baselines import Baselines
from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.ledger import GENERATED, digest
from pytest_robustplus.policies.recorded import RECORDED, Recorded, retold
from pytest_robustplus.results.notes import Note
from pytest_robustplus.rollout.episode import Episode
from pytest_robustplus.rollout.executor import EpisodeResult
from pytest_robustplus.session.cells import TableCell
from pytest_robustplus.session.session import Session


@dataclass(frozen=True, slots=True)
class Recording:
    """Outcomes of one policy on a cell's tasks; ``episodes`` are those of the ledger that they come from."""

    outcomes: Mapping[str, bool]
    source: str
    prompt_source: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    episodes: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    repeats: tuple[int, int] | None = None
    """Tasks that the checkpoint played twice, and how many of them came out otherwise."""

    @property
    def identity(self) -> str:
        """Tell runs of different outcomes apart."""
        return f"{RECORDED}:{digest(sorted(self.outcomes.items()))}"


def recording(session: Session, cell: TableCell, policy: Recorded) -> Recording:
    """Look up what is recorded about a cell; raises ``BadInputError`` where nothing is."""
    if policy.source.endswith(".toml"):
        return _accepted(session, cell, policy.source)
    return _in_ledger(session, cell, policy.source)


def accepted_file(session: Session, source: str) -> Path:
    """Find an accepted run from where pytest was started or from its root; raises ``BadInputError``."""
    places = [Path(folder) / source for folder in (session.config.invocation_params.dir, session.config.rootpath)]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise BadInputError(
            f"recorded:{source}: there is no such file. Check the path, or make it by --robust-accept={source}."
        )
    return path


def _accepted(session: Session, cell: TableCell, source: str) -> Recording:
    path = accepted_file(session, source)
    known = Baselines.load((path,), {cell.benchmark.name: cell.benchmark.tasks()})
    rows = [row for row in known.rows() if row.rank == 1 and row.benchmark == cell.benchmark.name and row.suite is None]
    found = [row.cells[cell.dimension] for row in rows if cell.dimension in row.cells]
    recorded = [baseline for baseline in found if baseline.outcomes is not None]
    if not recorded:
        raise BadInputError(
            f"{path} holds {'only a rate, and pairing needs outcomes task by task' if found else 'nothing'} about"
            f" {cell.dimension} on {cell.benchmark.title}. Choose a recorded run, such as --robust-accept writes, or"
            " hold the other policy against this one with --robust-baseline."
        )
    if len(recorded) > 1:
        models = ", ".join(baseline.model for baseline in recorded)
        raise BadInputError(f"{path} holds several runs ({models}); compare with a file that holds one.")
    baseline = recorded[0]
    outcomes = _of_cell(cell, baseline.outcomes or {})
    early = "early verdict" in baseline.source and len(outcomes) < len(cell.tasks())
    note = Note.of("recorded_early", file=policy_name(source), tasks=len(outcomes))
    return Recording(
        outcomes,
        baseline.source,
        baseline.prompt_source,
        baseline.versions,
        notes=(note,) if early else (),
        repeats=baseline.repeats,
    )


def policy_name(source: str) -> str:
    """Name a recorded run in a sentence."""
    return Path(source).name


def _in_ledger(session: Session, cell: TableCell, model: str) -> Recording:
    place = (model, cell.benchmark.name, str(cell.dimension))
    # A model may bear the name of the recording that it is told from.
    held_audits = [audit for audit in session.ledger.audits() if not retold(audit.key.checkpoint)]
    audits = [audit for audit in held_audits if (a := audit.key) and (a.model, a.benchmark, a.dimension) == place]
    # A run that has only just begun has no results yet.
    while audits and not session.ledger.known(audits[-1].key):
        audits.pop()
    if not audits:
        keys = [audit.key for audit in held_audits]
        models = sorted({key.model for key in keys})
        held = sorted({key.dimension for key in keys if (key.model, key.benchmark) == place[:2]} - {GENERATED})
        raise BadInputError(
            f"recorded:{model}: the ledger {session.ledger.path} holds no episode of {model} under {cell.dimension} on"
            f" {cell.benchmark.title}. It knows {', '.join(models) or 'no model'}, and of {model} there"
            f" {', '.join(held) or 'nothing'}: choose by --robust-perturbation, or import results with --robust-import."
        )
    latest = audits[-1].key
    known = session.ledger.known(latest)
    outcomes = _of_cell(cell, {task: success for task, (success, _) in known.items()})
    others = {(audit.key.checkpoint, audit.key.protocol) for audit in audits} - {(latest.checkpoint, latest.protocol)}
    note = Note.of("other_checkpoints", model=model, others=len(others))
    facts = session.ledger.attempts(audits[-1].id, 0)
    record = facts[-1].record if facts else None
    return Recording(
        outcomes,
        f"recorded in {session.ledger.path.name}, checkpoint {latest.checkpoint}",
        "" if record is None else record.prompt_source,
        {} if record is None else record.provenance,
        {task: identity for task, (_, identity) in known.items()},
        (note,) if others else (),
    )


def _of_cell(cell: TableCell, outcomes: Mapping[str, bool]) -> Mapping[str, bool]:
    return {task.name: outcomes[task.name] for task in cell.tasks() if task.name in outcomes}


class Recall:
    """An executor that plays nothing: what comes of a task is what was recorded of it."""

    pieces = 0
    free = 1

    def __init__(self, known: Recording) -> None:
        self._known = known
        prompts = known.prompt_source or "unstated"
        self._facts = {**known.versions, "recorded": known.source, "prompt_source": prompts}
        self._next: tuple[int, Task] | None = None

    def start(self, ticket: int, task: Task) -> None:
        self._next, self.free = (ticket, task), 0

    def wait(self, timeout: float) -> Sequence[EpisodeResult]:
        if self._next is None:
            return []
        ticket, task = self._next
        self.abandon()
        nothing = np.zeros((0, 0))
        episode = Episode(self._known.outcomes[task.name], 0, 0, 0, 0.0, 0.0, 0.0, "", "", nothing)
        return [EpisodeResult(ticket, episode, self._facts)]

    def abandon(self, tickets: Collection[int] | None = None) -> None:
        if tickets is None or (self._next is not None and self._next[0] in tickets):
            self._next, self.free = None, 1

    def close(self) -> None:
        """There is nothing to close."""
