"""A table with an episode a row, as CSV or parquet: columns ``task`` and ``success``, and more where they are known."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytest_robustplus.interchange.trials import Found, Trial, refuse

FORMAT = "table"
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("true", "1", "1.0", "success", "yes", "pass"), True),
    **dict.fromkeys(("false", "0", "0.0", "failure", "fail", "no"), False),
    "": None,
}


def read_csv(path: Path, text: str) -> Found:
    """Read a CSV file with a header."""
    return _read(path, csv.DictReader(text.splitlines(), strict=True), first=2)


def read_parquet(path: Path) -> Found:
    """Read a parquet file; needs pyarrow."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise refuse(path, "reading parquet needs pyarrow", "Run: pip install 'pytest-robustplus[parquet]'") from error
    try:
        rows = parquet.read_table(path).to_pylist()
    except ArrowException as error:
        raise refuse(path, f"it is no parquet file ({error})", "Give it as it was written") from error
    return _read(path, rows, first=1)


def _read(path: Path, rows: Iterable[Mapping[str, Any]], *, first: int) -> Found:
    trials: list[Trial] = []
    turns: Counter[tuple[str, str]] = Counter()
    columns: set[str] = set()
    facts: dict[str, set[str]] = {}
    try:
        for number, row in enumerate(rows, start=first):
            columns |= {str(name) for name in row}
            trial = _trial(path, number, row)
            known = row.get("trial") not in (None, "")
            turn = trial.number if known else turns[trial.suite, trial.name]
            turns[trial.suite, trial.name] += 1
            trials.append(trial._replace(number=turn))
            for name in ("model", "benchmark", "checkpoint", "prompt_source", "format"):
                if row.get(name):
                    facts.setdefault(name, set()).add(str(row[name]))
    except csv.Error as error:
        raise refuse(path, f"it is no CSV ({error})", "Write a header and an episode a row") from error
    unknown = [name for name in ("seed", "checkpoint", "prompt_source") if name not in columns]
    told = {name: ", ".join(sorted(values)) for name, values in facts.items()}
    return Found(path, FORMAT, told.pop("format", "unstated"), tuple(trials), facts=told, unknown=tuple(unknown))


def _trial(path: Path, number: int, row: Mapping[str, Any]) -> Trial:
    where = f"row {number}"
    if not {"task", "success"} <= row.keys():
        listed = ", ".join(str(name) for name in row if name is not None) or "none"
        raise refuse(path, f"the columns task and success are needed, and there are {listed}", "Add a header with both")
    if None in row or None in row.values():
        raise refuse(path, f"{where} does not have as many fields as the header", "Write an episode a row")
    task, text = str(row["task"]).strip(), str(row["success"]).strip().lower()
    if not task:
        raise refuse(path, f"{where} names no task", "Write the task's name as the benchmark lists it")
    error = str(row.get("error") or "")
    if text == "none" or (text == "" and error):
        return Trial(None, str(row.get("suite") or ""), task, task, error=error or "no outcome")
    outcome = _WORDS.get(text)
    if outcome is None:
        raise refuse(path, f"{where}: success is {row['success']!r}", "Write true or false, or 1 or 0")
    whole = {name: _whole(path, where, name, row.get(name)) for name in ("trial", "seed", "steps")}
    return Trial(
        outcome,
        suite=str(row.get("suite") or ""),
        name=task,
        words=task,
        number=whole["trial"] or 0,
        seed=whole["seed"],
        steps=whole["steps"] or 0,
    )


def _whole(path: Path, where: str, name: str, value: Any) -> int | None:
    if value in (None, ""):
        return None
    try:
        return int(value)
    except ValueError:
        raise refuse(path, f"{where}: {name} is {value!r}", "Write a whole number, or leave it empty") from None
