"""Runs read back, from a ledger or from a JSON document, in the form that programs may rely on."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pytest_robustplus.errors import BadInputError, parsed, unknown
from pytest_robustplus.ledger import GENERATED, Ledger, Run, StoredAudit, StoredEpisode
from pytest_robustplus.reporting.notes import text, texts
from pytest_robustplus.results.findings import Findings
from pytest_robustplus.results.rows import CellRow, EpisodeRow, Rows, RunRecord
from pytest_robustplus.results.run import CellResult

LAST = "last"
_DATE = re.compile(r"\d{4}-\d")
_SQLITE = b"SQLite format 3\0"
# The documents whose cells are read here: fields have been added since the first, none has changed its meaning.
READABLE = (2,)


def load_run(path: str | os.PathLike[str], run: str = LAST) -> RunRecord:
    """Read a run back, from a ledger or from what ``--robust-json`` wrote.

    Of a ledger ``run`` names the run, by its id or how that begins, as ``--robust-episodes`` lists them, or the last of
    a date (2026-11-28, in UTC); "last" is the last that played. A ledger holds every episode, a document has more
    figures of a cell. Raises ``BadInputError`` for what is neither, and ``LedgerError`` for a damaged ledger.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            head = stream.read(len(_SQLITE))
    except OSError as error:
        raise BadInputError(f"{file} cannot be read: {error.strerror}. Name a ledger or a JSON document.") from error
    if head == _SQLITE:
        with Ledger.open(file, create=False) as ledger:
            return recorded_run(ledger, chosen_run(ledger, run))
    return _from_document(file)


def chosen_run(ledger: Ledger, run: str) -> Run:
    """The run of that id, the last one of a date, or the last one that joined an audit; raises ``BadInputError``."""
    runs = ledger.runs()
    if run == LAST:
        played = {audit.run for audit in ledger.audits()}
        runs = [one for one in runs if one.run in played]
    elif _DATE.match(run):
        # Of a day with several runs, the last.
        runs = [one for one in runs if one.started.startswith(run.replace(" ", "T"))][-1:]
    else:
        runs = [one for one in runs if one.run.startswith(run)]
    if not runs and run == LAST:
        raise BadInputError(f"The ledger {ledger.path} holds no run yet.")
    if not runs:
        raise unknown("run", run, [one.run for one in ledger.runs()], where=str(ledger.path))
    if run != LAST and len(runs) > 1:
        raise BadInputError(f"Several runs in {ledger.path} begin with {run!r}: {', '.join(one.run for one in runs)}.")
    return runs[-1]


def recorded_run(ledger: Ledger, run: Run) -> RunRecord:
    """A run as the ledger holds it."""
    audits = ledger.audits(run.run)
    kept = ledger.findings(run.run)
    cells: Iterable[CellRow] = (_cell(audit) for audit in audits if is_cell(audit))
    if kept is not None:
        cells = map(cell_row, Findings.read(kept).cells)
    found = [(audit, episode) for audit in audits for episode in finished(ledger.episodes(audit.id))]
    found.sort(key=lambda pair: pair[1].id)
    return RunRecord(
        run=run.run,
        command=run.command,
        started=run.started,
        cells=Rows(CellRow, cells),
        versions=run.versions,
        exitstatus=run.exitstatus,
        episodes=Rows(EpisodeRow, (row(episode, audit, run.run) for audit, episode in found)),
    )


def finished(episodes: Iterable[StoredEpisode]) -> list[StoredEpisode]:
    """Those that have an outcome."""
    return [episode for episode in episodes if episode.record.success is not None]


def is_cell(audit: StoredAudit) -> bool:
    """Whether an audit asks about a cell, not about a comparison or a point of a search."""
    return not audit.key.compared and audit.key.dimension != GENERATED


def cell_row(result: CellResult) -> CellRow:
    """Flatten what a cell of a run ended with."""
    return CellRow.of(result, text(result.reason))


def cell_rows(found: Iterable[CellResult]) -> Rows[CellRow]:
    """Flatten every cell of a run."""
    return Rows(CellRow, map(cell_row, found))


def row(episode: StoredEpisode, audit: StoredAudit, run: str) -> EpisodeRow:
    """Flatten an episode of the ledger, as the run of that id sees it."""
    record, key, events = episode.record, audit.key, episode.record.events
    return EpisodeRow(
        id=episode.id,
        model=key.model,
        benchmark=key.benchmark,
        dimension=key.dimension,
        checkpoint=key.checkpoint,
        task=record.task,
        suite=record.suite,
        base=record.base,
        subdimension=record.subdimension,
        trial=record.trial,
        seed=record.seed,
        instruction=record.instruction,
        success=bool(record.success),
        steps=record.steps,
        inferences=record.inferences,
        simulator_s=record.simulator_s,
        policy_s=record.policy_s,
        wall_s=record.wall_s,
        started=record.started,
        worker=record.worker,
        audit=episode.audit,
        position=episode.position,
        run=episode.run,
        resumed=episode.run != run,
        failure="" if events is None or events.failure is None else str(events.failure),
        progress=None if events is None else events.progress,
        parameters=record.parameters,
    )


def _cell(audit: StoredAudit) -> CellRow:
    key, ended = audit.key, audit.conclusion
    known: dict[str, Any] = {
        "model": key.model,
        "benchmark": key.benchmark,
        "dimension": key.dimension,
        "checkpoint": key.checkpoint,
        "audit": audit.id,
        "order_seed": audit.order_seed,
        "total": audit.total,
    }
    if ended is None:
        return CellRow(state="unfinished", **known)
    if ended.outcome == "error":
        return CellRow(state="error", reason=" ".join(texts(ended.notes)), **known)
    return CellRow(
        state=ended.outcome,
        rate=ended.successes / ended.played,
        low=ended.low,
        high=ended.high,
        successes=ended.successes,
        played=ended.played,
        baseline=ended.baseline,
        margin=None if ended.baseline is None else ended.margin,
        source=ended.source,
        **known,
    )


def _from_document(path: Path) -> RunRecord:
    try:
        document = parsed(json.loads, path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInputError(f"{path} is neither a ledger nor JSON: {error}.") from error
    if not isinstance(document, dict) or "version" not in document or "cells" not in document:
        raise BadInputError(f"{path} is no document of --robust-json: it has no cells, or does not say its version.")
    if document["version"] not in READABLE:
        raise BadInputError(
            f"{path} is version {document['version']}, and this release reads {', '.join(map(str, READABLE))}. Read it"
            " with the release that wrote it."
        )
    run = dict(document["run"] or {})
    return RunRecord(
        run=run.pop("id", ""),
        command=run.pop("command", ""),
        started=run.pop("started", ""),
        cells=Rows(CellRow, map(CellRow.read, document["cells"])),
        versions=run,
        latencies=tuple(document.get("latencies", ())),
        comparisons=tuple(document.get("comparisons", ())),
        fuzzing=tuple(document.get("fuzzing", ())),
    )
