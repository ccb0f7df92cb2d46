"""Accepting a run: its outcomes, task by task, become a baseline file to review and commit, as snapshots do."""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast, get_args

from pytest_robustplus.baselines import write_recorded
from pytest_robustplus.baselines.baseline import PromptSource
from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.ledger import Ledger
from pytest_robustplus.reporting.json import counted, versions
from pytest_robustplus.reporting.notes import text as worded
from pytest_robustplus.results.cell import CellReport
from pytest_robustplus.results.run import CellResult

LABEL = "accepted"
FOLDER = "baselines"
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Accepted:
    """One file that was written, and what a person should know before committing it."""

    path: Path
    text: str


class _Group(list[CellResult]):
    """The cells of one model on one benchmark: what one file holds."""

    @property
    def model(self) -> str:
        return self[0].name.model

    @property
    def benchmark(self) -> str:
        return self[0].name.benchmark

    @property
    def decided(self) -> list[CellReport]:
        return [cell.figures for cell in self if cell.figures is not None]


def default_path(root: Path, model: str) -> Path:
    """Where a model's accepted run lies unless it was given a place: ``baselines/MODEL.toml``."""
    return root / FOLDER / f"{model}.toml"


def accept(
    results: Sequence[CellResult],
    ledger: Ledger,
    benchmarks: Mapping[str, Benchmark],
    *,
    root: Path,
    file: Path | None,
    partial: bool,
) -> list[Accepted]:
    """Write one baseline file per model and benchmark of a run, to ``file`` or to the default place.

    What is stored is what the verdicts rest on: the tasks played up to each cell's verdict. Raises ``BadInputError``,
    before anything is written, when cells are missing and ``partial`` does not allow it, and when two would share
    a file.
    """
    groups = _groups(results)
    if not any(group.decided for group in groups):
        raise BadInputError("No cell of this run was decided, so there is nothing to accept.")
    chosen = [group for group in groups if group.decided]
    paths = _paths(chosen, root, file)
    missing = [line for group in groups for line in _missing(group, benchmarks[group.benchmark])]
    missing += [line for group, path in zip(chosen, paths, strict=True) for line in _dropped(group, path)]
    if missing and not partial:
        listed = "\n".join(f"  {line}" for line in missing)
        raise BadInputError(
            f"This run is not complete:\n{listed}\nPlay what is missing, or accept the rest with"
            " --robust-accept-partial."
        )
    return [_write(group, path, ledger, benchmarks[group.benchmark]) for group, path in zip(chosen, paths, strict=True)]


def _groups(results: Iterable[CellResult]) -> list[_Group]:
    groups: dict[tuple[str, str], _Group] = defaultdict(_Group)
    for result in results:
        groups[result.name.model, result.name.benchmark].append(result)
    return list(groups.values())


def _paths(groups: Sequence[_Group], root: Path, file: Path | None) -> list[Path]:
    if file is not None and len(groups) > 1:
        names = ", ".join(f"{group.model} on {group.benchmark}" for group in groups)
        raise BadInputError(
            f"One baseline file holds one model on one benchmark, and this run has {names}. Accept them without naming"
            f" a file, which writes {FOLDER}/MODEL.toml for each, or run them one by one."
        )
    paths = [file or default_path(root, group.model) for group in groups]
    for path, group in zip(paths, groups, strict=True):
        if paths.count(path) > 1:
            raise BadInputError(f"{path} cannot hold two benchmarks; accept them in two runs, each with its own FILE.")
        held = _held(path)
        if held and (held["model"], held["benchmark"]) != (group.model, group.benchmark):
            raise BadInputError(
                f"{path} holds {held['model']} on {held['benchmark']}, not {group.model} on {group.benchmark}. Choose"
                " another place with --robust-accept=FILE."
            )
    return paths


def _held(path: Path) -> Mapping[str, object]:
    """Read the head of the recorded baseline at ``path``; empty when there is none yet."""
    if not path.exists():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("recorded")
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} cannot be replaced, because it cannot be read: {error}. Move it away.") from error
    if not isinstance(table, dict) or not {"model", "benchmark"} <= table.keys():
        raise BadInputError(f"{path} is no recorded baseline, and will not be overwritten. Choose another FILE.")
    return table


def _missing(group: _Group, benchmark: Benchmark) -> list[str]:
    """Name the undecided cells, except those of which this installation cannot play a single task."""
    return [
        f"{cell.name}: {cell.state}, {worded(cell.reason)}"
        for cell in group
        if not cell.decided and _playable(cell, benchmark)
    ]


def _playable(cell: CellResult, benchmark: Benchmark) -> bool:
    return any(str(task.dimension) == cell.name.dimension and not task.blocked for task in benchmark.tasks())


def _dropped(group: _Group, path: Path) -> list[str]:
    """Name the cells that the file holds now and would lose."""
    rates = _held(path).get("rates")
    held = list(rates) if isinstance(rates, dict) else []
    played = {report.dimension for report in group.decided}
    return [
        f"{group.model}-{group.benchmark}-{dimension}: {path.name} holds it, this run did not decide it"
        for dimension in held
        if dimension not in played
    ]


def _write(group: _Group, path: Path, ledger: Ledger, benchmark: Benchmark) -> Accepted:
    episodes = [episode for report in group.decided for episode in counted(ledger, report)]
    facts = [episode.record.provenance for episode in episodes]
    sources = {episode.record.prompt_source for episode in episodes}
    source = sources.pop() if len(sources) == 1 else "unstated"
    checkpoints = {ledger.audit(report.audit).key.checkpoint for report in group.decided}
    task_list = _task_list(group, benchmark)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_recorded(
        path,
        {episode.record.task: bool(episode.record.success) for episode in episodes},
        benchmark.tasks(),
        model=group.model,
        benchmark=group.benchmark,
        label=LABEL,
        date=datetime.now(UTC).date().isoformat(),
        task_list=task_list,
        prompt_source=cast(PromptSource, source if source in get_args(PromptSource) else "unstated"),
        protocol=_protocol(facts),
        repeats={report.dimension: report.repeat[0][:2] for report in group.decided if report.repeat},
        versions={"checkpoint": ", ".join(sorted(checkpoints)), **versions(facts)},
    )
    lines = [f"accepted {group.model} on {benchmark.title}, {task_list}: {path}"]
    lines += [
        f"  {report.dimension} FAILED against {report.source}; its {100 * report.rate:.1f} % is the new baseline"
        for report in group.decided
        if report.outcome == "fail"
    ]
    return Accepted(path, "\n".join(lines))


def _protocol(facts: Iterable[Mapping[str, str]]) -> str:
    texts = {fact.get("protocol", "{}") for fact in facts}
    spelled = [", ".join(f"{key}={value}" for key, value in json.loads(text).items()) for text in sorted(texts)]
    return "; or ".join(spelled) or "not stated"


def _task_list(group: _Group, benchmark: Benchmark) -> str:
    decided = group.decided
    played, listed = sum(report.played for report in decided), sum(report.listed for report in decided)
    parts = [f"{played:,} of {listed:,} tasks"]
    if early := [report.dimension for report in decided if report.saved]:
        parts.append(f"early verdicts in {', '.join(early)}")
    if absent := [cell.name.dimension for cell in group if not cell.decided]:
        parts.append(f"without {', '.join(absent)}")
    return ", ".join(parts)
