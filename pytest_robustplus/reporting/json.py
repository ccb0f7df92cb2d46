"""A run as one document: what the JSON file holds and what the page shows, read from the results and the ledger."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.ledger import Ledger, Run, StoredAudit, StoredEpisode
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.reporting.comparison import answer, contrasted
from pytest_robustplus.reporting.fuzzing import line
from pytest_robustplus.reporting.notes import text, texts
from pytest_robustplus.reporting.text import ablations
from pytest_robustplus.results.cell import CellReport
from pytest_robustplus.results.claims import ClaimReport
from pytest_robustplus.results.comparison import ComparisonReport
from pytest_robustplus.results.findings import Findings
from pytest_robustplus.results.fuzzing import FrontierReport, Probe
from pytest_robustplus.results.latency import LatencyResult
from pytest_robustplus.results.notes import Note
from pytest_robustplus.results.run import CellResult
from pytest_robustplus.results.totals import columns, summed

VERSION = 2
"""Raised when a field is taken away or comes to mean something else; one that is added raises nothing."""
SCHEMA = f"https://github.com/pytest-robustplus/pytest-robustplus/raw/main/docs/reference/run-{VERSION}.schema.json"
# JSON has no infinity; evidence that arithmetic alone has settled is written as this natural logarithm.
SETTLED = 1e9


@dataclass(frozen=True, slots=True)
class CellStory:
    """One cell with what the ledger knows of it: its counted episodes and its past, both empty when undecided."""

    result: CellResult
    episodes: Sequence[StoredEpisode] = ()
    history: Sequence[StoredAudit] = ()
    checkpoint: str = ""

    @property
    def versions(self) -> dict[str, str]:
        """What the episodes' simulators said of themselves."""
        return versions(episode.record.provenance for episode in self.episodes)


class Solved:
    """The first success on each base task, of a cell or else of its model: what is seen beside a failure."""

    def __init__(self, told: Iterable[CellStory]) -> None:
        self._found: dict[tuple[str, ...], tuple[CellStory, StoredEpisode]] = {}
        for story in told:
            model, benchmark, dimension = story.result.name[:3]
            for episode in story.episodes:
                record = episode.record
                if record.success:
                    self._found.setdefault((model, benchmark, dimension, record.suite, record.base), (story, episode))
                    self._found.setdefault((model, benchmark, record.suite, record.base), (story, episode))

    def like(self, story: CellStory, episode: StoredEpisode) -> tuple[CellStory, StoredEpisode] | None:
        """A success on the episode's base task, with its cell; None where there is none."""
        model, benchmark, dimension = story.result.name[:3]
        task = (episode.record.suite, episode.record.base)
        own = self._found.get((model, benchmark, dimension, *task))
        return own or self._found.get((model, benchmark, *task))


def stories(results: Iterable[CellResult], ledger: Ledger, until: str = "") -> list[CellStory]:
    """Read what the ledger knows of every decided cell; its past ends with what was taken up ``until`` then."""
    told = []
    for result in results:
        if result.figures is None:
            told.append(CellStory(result))
            continue
        told.append(
            CellStory(
                result,
                counted(ledger, result.figures),
                [
                    audit
                    for audit in ledger.history(*result.name)
                    if audit.conclusion is not None and not audit.key.compared and (not until or audit.opened <= until)
                ],
                ledger.audit(result.figures.audit).key.checkpoint,
            )
        )
    return told


def counted(ledger: Ledger, report: CellReport) -> list[StoredEpisode]:
    """The finished episodes that a cell's verdict rests on, in the order in which they count."""
    return [
        episode
        for episode in ledger.episodes(report.audit)
        if episode.position < report.played and episode.record.success is not None
    ]


def versions(facts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Merge what simulators said of themselves, not of single episodes; where they differ, every value is named."""
    seen: dict[str, set[str]] = defaultdict(set)
    for fact in facts:
        for key in fact.keys() - {"profile", "protocol", "scene", "node"}:
            seen[key].add(fact[key])
    return {key: ", ".join(sorted(values)) for key, values in sorted(seen.items())}


def document(
    told: Sequence[CellStory],
    benchmarks: Mapping[str, Benchmark],
    run: Run | None,
    found: Findings,
) -> dict[str, Any]:
    """Put a run into the form that ``schema.json`` beside this module describes; ``told`` are its cells."""
    return {
        "$schema": SCHEMA,
        "version": VERSION,
        "run": None if run is None else {"id": run.run, "command": run.command, "started": run.started, **run.versions},
        "cells": [_cell(story) for story in told],
        "totals": [asdict(total) for total in totals([story.result for story in told], benchmarks)],
        "latencies": [_latency(result) for result in found.latencies],
        "comparisons": [_comparison(report) for report in found.comparisons],
        "contrasts": [{**_fields(report), "says": contrasted(report)} for report in found.contrasts],
        "claims": [_claim(report) for report in found.claims],
        "fuzzing": [_probe(probe) for probe in found.probes],
        "unanswered": [
            {"kind": item.kind, "model": item.model, "benchmark": item.benchmark, "subject": item.subject}
            for item in found.unanswered
        ],
    }


def _claim(report: ClaimReport) -> dict[str, Any]:
    return {
        "sentence": text(report.sentence),
        "verdict": report.verdict,
        "refuted_by": report.refuted_by,
        "lines": texts(report.lines),
        "notes": texts(report.notes),
    }


def _probe(probe: Probe) -> dict[str, Any]:
    """A frontier or a search as it travels on reports, with its line; what is no number stands as null."""
    kind = "frontier" if isinstance(probe, FrontierReport) else "fuzz"
    # Tuples with names are objects, and JSON has neither infinity nor NaN.
    values = {key: _value(value) for key, value in _fields(probe).items()}
    finite: dict[str, Any] = _writable({"kind": kind, **values, "says": line(probe)})
    return finite


def _value(value: Any) -> Any:
    return text(value) if isinstance(value, Note) else value._asdict() if hasattr(value, "_asdict") else value


def _fields(report: Any) -> dict[str, Any]:
    """The fields of a dataclass, one level deep."""
    return {field.name: getattr(report, field.name) for field in fields(report)}


def _writable(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _writable(item) for key, item in value.items()}
    return [_writable(item) for item in value] if isinstance(value, list | tuple) else value


def _comparison(report: ComparisonReport) -> dict[str, Any]:
    return {
        **asdict(report),
        "sides": [side._asdict() for side in report.sides],
        "differences": [found._asdict() for found in report.differences],
        "discordant": [one._asdict() for one in report.discordant],
        "splits": [split._asdict() for split in report.splits],
        "notes": texts(report.notes),
        "says": answer(report),
        "unbeaten": report.unbeaten,
        "beyond_noise": report.beyond_noise,
    }


@dataclass(frozen=True, slots=True)
class RowTotal:
    """A model's Total under its benchmark's own rule; ``rate`` is None unless every column was measured.

    ``low`` and ``high`` are its 95 % interval: equal to it where every task was played. ``early`` says that a verdict
    ended some cell before the last task it audits.
    """

    model: str
    benchmark: str
    rule: str
    rate: float | None
    measured: int
    columns: int
    played: int
    listed: int
    low: float | None
    high: float | None
    early: bool


def totals(results: Sequence[CellResult], benchmarks: Mapping[str, Benchmark]) -> list[RowTotal]:
    """Sum up each model's row, only where all columns of the rule were measured."""
    rows: dict[tuple[str, str], dict[Dimension, CellReport]] = defaultdict(dict)
    for result in results:
        row = rows[result.name.model, result.name.benchmark]
        if result.figures is not None:
            row[Dimension(result.name.dimension)] = result.figures
    found = []
    for (model, name), row in rows.items():
        rule = benchmarks[name].total_rule
        needed = columns(rule)
        own = {dimension: row[dimension] for dimension in needed if dimension in row}
        together = summed(rule, row)
        found.append(
            RowTotal(
                model,
                name,
                rule,
                together.rate,
                len(own),
                len(needed),
                sum(report.played for report in own.values()),
                sum(report.listed for report in own.values()),
                together.low,
                together.high,
                together.early,
            )
        )
    return found


def _cell(story: CellStory) -> dict[str, Any]:
    result, figures = story.result, story.result.figures
    cell: dict[str, Any] = {
        **result.name._asdict(),
        "test": result.node,
        "state": result.state,
        "reason": text(result.reason),
    }
    if figures is None:
        return cell
    values = asdict(figures)
    for known in ("model", "benchmark", "dimension", "outcome"):
        del values[known]
    inferences = sum(episode.record.inferences for episode in story.episodes)
    return {
        **cell,
        **values,
        "notes": texts(figures.notes),
        "rate": figures.rate,
        "log_pass": _finite(figures.log_pass),
        "log_fail": _finite(figures.log_fail),
        "checkpoint": story.checkpoint,
        "versions": story.versions,
        "policy_s_per_call": sum(e.record.policy_s for e in story.episodes) / inferences if inferences else None,
        "wall_s_per_episode": sum(e.record.wall_s for e in story.episodes) / len(story.episodes),
        "estimate": None if figures.estimate is None else figures.estimate._asdict(),
        "drift": None if figures.drift is None else figures.drift._asdict(),
        "reruns": figures.reruns._asdict(),
        "groups": [group._asdict() for group in figures.groups],
        "failed": [failed._asdict() for failed in figures.failed],
        "credit": None
        if figures.credit is None
        else {
            **figures.credit._asdict(),
            "log_pass": _finite(figures.credit.log_pass),
            "log_fail": _finite(figures.credit.log_fail),
        },
        "failures": {found.failure: found.episodes for found in figures.failures},
        "repeat": [again._asdict() for again in figures.repeat],
        "ablations": [
            {
                **ablation._asdict(),
                "pairs": dict(zip(("both", "model", "ablated", "neither"), ablation.pairs, strict=True)),
                "says": said,
            }
            for ablation, said in zip(figures.ablations, ablations(figures), strict=True)
        ],
        "gates": [
            {
                **gate._asdict(),
                "log_pass": _finite(gate.log_pass),
                "log_fail": _finite(gate.log_fail),
                "pairs": dict(zip(("kept", "lost", "gained", "neither"), gate.pairs, strict=True))
                if gate.pairs
                else None,
                "mcnemar_p": gate.mcnemar_p if gate.pairs else None,
                "mcnemar_log": gate.mcnemar_log if gate.pairs else None,
                "changed": [change._asdict() for change in gate.changed],
                "elsewhere": [other._asdict() for other in gate.elsewhere],
            }
            for gate in figures.gates
        ],
    }


def _latency(result: LatencyResult) -> dict[str, Any]:
    ended = {
        "model": result.model,
        "benchmark": result.benchmark,
        "test": result.node,
        "state": result.state,
        "reason": text(result.reason),
    }
    if result.figures is None:
        return ended
    values = asdict(result.figures)
    del values["outcome"]
    figures = result.figures
    return {
        **values,
        **ended,
        "real_time": figures.real_time,
        "gates": [{**gate._asdict(), "against": text(gate.against)} for gate in figures.gates],
        "published": texts(figures.published),
        "notes": texts(figures.notes),
        "observations": text(figures.observations),
    }


def _finite(log: float) -> float:
    return max(-SETTLED, min(SETTLED, log))
