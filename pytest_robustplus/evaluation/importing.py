"""Results of other tools become episodes of the ledger: whatever asks for them then needs no simulator."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pytest_robustplus.benchmarks.contract import Benchmark, Spoken, Task
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.interchange import Directory, Found, Imported, Placed, Trial, place, read
from pytest_robustplus.ledger import AuditKey, EpisodeRecord
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.session.cells import find_benchmark
from pytest_robustplus.session.session import Session

# Imports of one model belong together, from however many files and runs.
IMPORTED = "imported"
_DEFAULT = "libero_plus"


def import_results(session: Session, files: Sequence[Path]) -> Imported:
    """Read files into the ledger as results of the one model that --robust-model names.

    Importing a file again changes nothing. Raises ``BadInputError``, before anything is written, for a file that cannot
    be read, for results of which no task is known, and for outcomes that contradict those imported before.
    """
    model = _model(session)
    found = [one for file in files for one in read(file)]
    for one in found:
        if ", " in one.facts.get("model", ""):
            raise BadInputError(
                f"--robust-import={one.path}: it holds several models ({one.facts['model']}), and an import is of one."
                " Split it, or export them one by one."
            )
    benchmark = find_benchmark(_benchmark(session, found), session.registry.benchmarks, where="--robust-benchmark")
    spoken = benchmark if isinstance(benchmark, Spoken) else None
    tasks = benchmark.tasks()
    directory = Directory(tasks, None if spoken is None else lambda task: spoken.instruction(task, "task_language"))
    placed = place(found, directory, unperturbed=_unperturbed(session))
    if found and not placed.outcomes and not any(one.aggregates for one in found):
        reasons = "; ".join(f"{reason} ({labels[0]})" for reason, labels in placed.strangers.items())
        raise BadInputError(
            f"--robust-import={','.join(str(one.path) for one in found)}: no trial is of a task that"
            f" {benchmark.title} lists: {reasons or f'all {placed.errors} ended in errors'}."
        )
    return _record(session, model, benchmark, found, placed)


def _model(session: Session) -> str:
    models = session.settings.models
    if len(models) != 1 or not models[0].replace("-", "_").replace(".", "_").isidentifier():
        given = ", ".join(models) or "none"
        raise BadInputError(
            f"--robust-import records the results of one model; name it by --robust-model=NAME, in letters, digits and"
            f" underscores (given: {given})."
        )
    return models[0]


def _benchmark(session: Session, found: Sequence[Found]) -> str:
    if session.settings.benchmark:
        return session.settings.benchmark
    named = {one.facts.get("benchmark", "") for one in found} & {*session.registry.benchmarks}
    if len(named) == 1:
        return named.pop()
    return "robotwin_plus" if all(one.format.startswith("RoboTwin") for one in found) else _DEFAULT


def _unperturbed(session: Session) -> bool | None:
    chosen = session.settings.perturbations
    if chosen is None:
        return None
    return None if len({dimension is Dimension.ORIGINAL for dimension in chosen}) > 1 else Dimension.ORIGINAL in chosen


def _record(session: Session, model: str, benchmark: Benchmark, found: Sequence[Found], placed: Placed) -> Imported:
    listed: dict[Dimension, list[Task]] = defaultdict(list)
    for task in benchmark.tasks():
        listed[task.dimension].append(task)
    source = {id(trial): one for one in found for trial in one.trials}
    hashes = {one.path: hashlib.sha256(one.path.read_bytes()).hexdigest() for one in found if one.path.is_file()}
    counts: dict[Dimension, tuple[int, int, int]] = {}
    fresh: dict[Dimension, list[tuple[int, EpisodeRecord]]] = {}
    keys = {dimension: _key(model, benchmark, dimension) for dimension in listed}
    for dimension, tasks in listed.items():
        own = [(n, task, placed.outcomes[task.name]) for n, task in enumerate(tasks) if task.name in placed.outcomes]
        known = session.ledger.known(keys[dimension])
        _refuse_other_outcomes(session, model, own, known)
        fresh[dimension] = [
            (n, _episode(task, trial, source[id(trial)], hashes)) for n, task, trial in own if task.name not in known
        ]
        if own:
            counts[dimension] = sum(bool(trial.success) for *_, trial in own), len(own), len(tasks)
    for dimension, episodes in fresh.items():
        if episodes:
            audit = session.ledger.open_audit(
                keys[dimension], run=session.run, total=len(listed[dimension]), order_seed=IMPORTED
            )
            session.ledger.record_all(audit.id, episodes)
    new = sum(len(episodes) for episodes in fresh.values())
    return Imported(model, benchmark.title, session.ledger.path, found, placed, counts, new)


def _key(model: str, benchmark: Benchmark, dimension: Dimension) -> AuditKey:
    return AuditKey(model, benchmark.name, str(dimension), IMPORTED, IMPORTED, IMPORTED)


def _refuse_other_outcomes(
    session: Session, model: str, own: Sequence[tuple[int, Task, Trial]], known: Mapping[str, tuple[bool, int]]
) -> None:
    other = [task.name for _, task, trial in own if task.name in known and known[task.name][0] != trial.success]
    if other:
        raise BadInputError(
            f"--robust-import: {len(other):,} tasks, {other[0]} among them, came out differently in what"
            f" {session.ledger.path} holds of {model} already. If this is another run, import it under another name."
        )


def _episode(task: Task, trial: Trial, found: Found, hashes: Mapping[Path, str]) -> EpisodeRecord:
    facts = {"format": found.format, "version": found.version, "file": found.path.name, **found.facts}
    if found.path in hashes:
        facts["sha256"] = hashes[found.path]
    unknown = ", ".join(found.unknown)
    return EpisodeRecord(
        task=task.name,
        suite=task.suite,
        base=task.base,
        trial=task.init_state,
        seed=-1 if trial.seed is None else trial.seed,
        instruction=trial.words,
        prompt_source=found.facts.get("prompt_source", "unstated"),
        success=trial.success,
        worker=IMPORTED,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        subdimension=task.subdimension,
        parameters=task.parameters,
        steps=trial.steps,
        provenance={"imported": "yes", **facts, "unknown": unknown},
    )
