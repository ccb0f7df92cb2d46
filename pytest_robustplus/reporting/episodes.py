"""What a ledger holds, as lists: its runs with their cells, or the episodes that a filter chooses."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from pytest_robustplus.errors import printable
from pytest_robustplus.ledger import GENERATED, Ledger, Run, StoredAudit
from pytest_robustplus.reporting.notes import texts
from pytest_robustplus.reporting.reading import row
from pytest_robustplus.reporting.selection import Found
from pytest_robustplus.results.cell import Conclusion
from pytest_robustplus.results.rows import EpisodeRow, Rows
from pytest_robustplus.results.text import count, percent, quantity

_RUN = 8
# A command of a hundred options is no help in a list.
_COMMAND = 100
_EXIT = {None: "killed", 0: "passed", 1: "failed", 2: "interrupted"}


def runs(ledger: Ledger) -> Iterator[str]:
    """A line a run, the last one last, and below it a line for each of its cells."""
    by_run: dict[str, list[StoredAudit]] = {}
    for audit in ledger.audits():
        by_run.setdefault(audit.run, []).append(audit)
    for run in ledger.runs():
        audits = by_run.get(run.run, [])
        if not audits:
            continue
        yield _head(run)
        width = max(len(_cell(audit)) for audit in audits)
        searched = Counter(_cell(audit) for audit in audits if audit.key.dimension == GENERATED)
        yield from (
            f"  {_cell(audit):{width}}  {_ending(audit)}" for audit in audits if audit.key.dimension != GENERATED
        )
        yield from (f"  {cell:{width}}  {count(times)} points of a search" for cell, times in searched.items())
    yield ""
    yield (
        "Episodes: pytest --robust-episodes=failure,camera and the like, by model, benchmark, dimension, suite, task,"
        " outcome, kind of failure, run or number."
    )


def episodes(found: Sequence[Found]) -> Iterator[str]:
    """A line an episode, below one for its cell and run."""
    before: object = None
    for one in found:
        at = (one.audit.id, one.episode.run)
        if at != before:
            compared = ", played for a comparison" if one.audit.key.compared else ""
            yield f"{_cell(one.audit)}, run {one.episode.run[:_RUN]}{compared}"
            before = at
        record = one.episode.record
        how = f"  ({one.kind})" if one.kind else ""
        told = (
            printable(record.error or "").partition("\n")[0][:_COMMAND]
            if one.outcome == "error"
            else f"{record.steps} steps"
        )
        yield f"  {one.episode.id:>7}  {one.outcome:7}  {record.task}  {told}{how}"
    outcomes = Counter(one.outcome for one in found)
    if not outcomes:
        yield "0 episodes match; for the runs and their cells, leave the filter out: pytest --robust-episodes."
        return
    told = ", ".join(f"{count(times)} {outcome}" for outcome, times in outcomes.most_common())
    yield ""
    yield f"{quantity(len(found), 'episode')}: {told}"


def table(found: Iterable[Found]) -> Rows[EpisodeRow]:
    """The episodes that have an outcome, as rows."""
    played = (one for one in found if one.outcome != "error")
    return Rows(EpisodeRow, (row(one.episode, one.audit, one.episode.run) for one in played))


def as_json(found: Iterable[Found] | None, ledger: Ledger) -> str:
    """The episodes as a list, or without a filter the runs with their cells."""
    told = listing(ledger) if found is None else table(found).dicts()
    return json.dumps(told, indent=1, ensure_ascii=False, default=dict) + "\n"


def listing(ledger: Ledger) -> list[dict[str, Any]]:
    """The runs with their cells, for programs."""
    by_run: dict[str, list[StoredAudit]] = {}
    for audit in ledger.audits():
        by_run.setdefault(audit.run, []).append(audit)
    return [
        {
            "run": run.run,
            "started": run.started,
            "ended": run.ended,
            "exitstatus": run.exitstatus,
            "command": run.command,
            "cells": [
                {
                    "audit": audit.id,
                    "model": audit.key.model,
                    "benchmark": audit.key.benchmark,
                    "dimension": audit.key.dimension,
                    "checkpoint": audit.key.checkpoint,
                    "total": audit.total,
                    **({"outcome": None} if audit.conclusion is None else _ended(audit.conclusion)),
                }
                for audit in by_run[run.run]
            ],
        }
        for run in ledger.runs()
        if run.run in by_run
    ]


def _ended(conclusion: Conclusion) -> dict[str, Any]:
    return {**asdict(conclusion), "notes": texts(conclusion.notes)}


def _head(run: Run) -> str:
    ended = "killed or still running" if run.ended is None else _EXIT.get(run.exitstatus, f"exit {run.exitstatus}")
    command = run.command if len(run.command) <= _COMMAND else f"{run.command[:_COMMAND]}…"
    return f"{run.run[:_RUN]}  {run.started[:16].replace('T', ' ')}  {ended}  {printable(command)}"


def _cell(audit: StoredAudit) -> str:
    key = audit.key
    return f"{key.model}-{key.benchmark}-{key.dimension}"


def _ending(audit: StoredAudit) -> str:
    ended, what = audit.conclusion, "comparison" if audit.key.compared else "unfinished"
    if ended is None:
        return what
    if ended.outcome == "error":
        return f"error     {' '.join(texts(ended.notes))[:_COMMAND]}"
    rate = percent(ended.successes / ended.played) if ended.played else "–"
    return f"{ended.outcome:8}  {rate:>7}  {count(ended.played)} of {count(audit.total)}"
