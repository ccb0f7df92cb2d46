"""Recording what came of episodes: what audits, comparisons and searches have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import SimulatorError, printable
from pytest_robustplus.ledger import EpisodeRecord
from pytest_robustplus.rollout.executor import EpisodeResult
from pytest_robustplus.rollout.replay import GENERATED, provenance
from pytest_robustplus.session.cells import Subject
from pytest_robustplus.session.session import Session

# In the provenance of what was not played here but recalled, see recorded.py.
RECORDED, PROMPTS = "recorded", "prompt_source"
# One retry tells a passing fault of the infrastructure from a lasting one.
TRIES = 2


class Recorder:
    """Writes what came of a cell's episodes into the ledger, with all that they depend on."""

    def __init__(self, session: Session, subject: Subject) -> None:
        self._session, self._subject = session, subject
        self.protocol: Mapping[str, str] = subject.benchmark.protocol(subject.profile)

    def record(self, audit: int, position: int, task: Task, started: str, played: EpisodeResult) -> None:
        """Record an episode or a fault."""
        if played.error is not None:
            self._fault(audit, position, task, started, played.error)
            return
        assert played.episode is not None
        if RECORDED in played.provenance:
            # Played elsewhere: the protocol of this run says nothing of it.
            known = {name: value for name, value in played.provenance.items() if name != PROMPTS}
            told = {"provenance": known, PROMPTS: played.provenance[PROMPTS]}
            self._write(audit, position, task, started, **{**played.episode._asdict(), **told})
            return
        facts = provenance(played.provenance, self._subject.profile, self.protocol)
        self._write(audit, position, task, started, **played.episode._asdict(), provenance=facts)

    def lose(self, audit: int, position: int, task: Task, worker: str) -> None:
        """Record a try that came to nothing as ``worker``, which played it, died."""
        error = SimulatorError(f"The worker that played {task.name} died.")
        self._fault(audit, position, task, now(), error, worker=worker)

    def _fault(self, audit: int, position: int, task: Task, started: str, error: Exception, **facts: str) -> None:
        self._write(audit, position, task, started, success=None, error=str(error), instruction="", **facts)

    def _write(self, audit: int, position: int, task: Task, started: str, **outcome: Any) -> None:
        generated = task.perturbation
        if generated is not None and generated == self._subject.benchmark.task(task.name).perturbation:
            generated = None  # the list's own
        beside = {} if generated is None else {GENERATED: json.dumps(generated.to_json())}
        record = EpisodeRecord(
            task=task.name,
            suite=task.suite,
            base=task.base,
            subdimension=task.subdimension,
            parameters={**task.parameters, **beside},
            trial=task.init_state,
            seed=int(self.protocol["env_seed"]),
            started=started,
            **{"worker": self._session.claimant, PROMPTS: self.protocol[PROMPTS], **outcome},
        )
        if not record.instruction.isprintable():
            record = replace(record, instruction=printable(record.instruction))
        self._session.ledger.record(audit, position, record)


def now() -> str:
    """The present moment as the ledger writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
