"""The ledger's results as episodes for others: of each task the outcome that counts wherever results are asked for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.interchange.export import FORMAT, Episode, write
from pytest_robustplus.ledger import AuditKey, StoredEpisode
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.recorded import retold
from pytest_robustplus.session.session import Session


def export_results(session: Session, paths: list[Path]) -> int:
    """Write what the ledger holds of the chosen models to each path; returns how many episodes that are.

    Of a model's checkpoints and protocols in a dimension the latest counts, as for ``recorded:NAME``. Raises
    ``BadInputError`` where there is nothing to export.
    """
    episodes = list(_episodes(session))
    if not episodes:
        chosen = ", ".join(session.settings.models) or "any model"
        raise BadInputError(f"The ledger {session.ledger.path} holds no finished episode of {chosen} to export.")
    lists = Counter(
        (name, str(task.dimension))
        for name in {episode.benchmark for episode in episodes}
        for task in session.registry.benchmarks[name].tasks()
    )
    for path in paths:
        write(path, episodes, lists)
    return len(episodes)


def _episodes(session: Session) -> Iterator[Episode]:
    places: dict[tuple[str, str], dict[str, int]] = {}
    for key in _latest(session):
        if key.benchmark not in session.registry.benchmarks:
            continue
        tasks = session.registry.benchmarks[key.benchmark].tasks()
        if (key.benchmark, "") not in places:
            counts: Counter[tuple[str, bool]] = Counter()
            places[key.benchmark, ""] = {}
            for task in tasks:
                kind = task.suite, task.dimension is Dimension.ORIGINAL
                places[key.benchmark, ""][task.name] = counts[kind]
                counts[kind] += 1
        listed = places[key.benchmark, ""]
        known = {identity for _, identity in session.ledger.known(key).values()}
        found = (e for audit in _audits_of(session, key) for e in session.ledger.episodes(audit) if e.id in known)
        for stored in sorted(found, key=lambda e: listed.get(e.record.task, len(listed))):
            if stored.record.task in listed:
                yield _episode(key, stored, listed[stored.record.task])


def _latest(session: Session) -> list[AuditKey]:
    """The last checkpoint and protocol with results of every chosen model on every benchmark and dimension."""
    latest: dict[tuple[str, str, str], AuditKey] = {}
    dimensions = {str(dimension) for dimension in Dimension}
    settings, known = session.settings, cache(session.ledger.known)
    for audit in session.ledger.audits():
        key = audit.key
        wanted = (not settings.models or key.model in settings.models) and key.dimension in dimensions
        wanted = wanted and not retold(key.checkpoint) and settings.benchmark in (None, key.benchmark)
        if wanted and known(key):
            latest[key.model, key.benchmark, key.dimension] = key
    return list(latest.values())


def _audits_of(session: Session, key: AuditKey) -> list[int]:
    history = session.ledger.history(key.model, key.benchmark, key.dimension)
    same = (key.checkpoint, key.protocol)
    return list(dict.fromkeys(audit.id for audit in history if (audit.key.checkpoint, audit.key.protocol) == same))


def _episode(key: AuditKey, stored: StoredEpisode, listed: int) -> Episode:
    record = stored.record
    return Episode(
        format=FORMAT,
        model=key.model,
        benchmark=key.benchmark,
        dimension=key.dimension,
        task=record.task,
        suite=record.suite,
        base=record.base,
        subdimension=record.subdimension,
        trial=record.trial,
        success=bool(record.success),
        seed=None if record.seed < 0 else record.seed,
        steps=record.steps,
        instruction=record.instruction,
        prompt_source=record.prompt_source,
        checkpoint=key.checkpoint,
        protocol=key.protocol,
        started=record.started,
        parameters=json.dumps(record.parameters, sort_keys=True),
        provenance=json.dumps(dict(record.provenance), sort_keys=True),
        listed=listed,
    )
