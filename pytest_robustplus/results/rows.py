"""Runs as flat rows, the stable form for programs: what hooks are handed, what is read back, what CSV files hold."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.results.run import CellResult, State

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """One finished episode as the ledger holds it; durations are in seconds.

    ``dimension`` is ``generated`` where a search drew the perturbation; ``resumed`` says that an earlier run played it.
    ``failure`` is how it failed and ``progress`` the share of its subgoals that it reached, as far as somebody watched.
    """

    id: int
    model: str
    benchmark: str
    dimension: str
    checkpoint: str
    task: str
    suite: str
    base: str
    subdimension: str
    trial: int
    seed: int
    instruction: str
    success: bool
    steps: int
    inferences: int
    simulator_s: float
    policy_s: float
    wall_s: float
    started: str
    worker: str
    audit: int
    position: int
    run: str
    resumed: bool = False
    failure: str = ""
    progress: float | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CellRow:
    """How one cell ended; rates, margins and bounds are fractions, None where nothing was decided or nothing is known.

    ``low`` and ``high`` bound the rate over all tasks that could have been audited, at every look; ``estimate`` is it
    without the bias of stopping early. Of a run that was killed the ledger lacks ``needed``, ``estimate``, ``listed``,
    ``playable``, ``seconds``, ``resumed`` and ``test``.
    """

    model: str
    benchmark: str
    dimension: str
    state: State
    rate: float | None = None
    low: float | None = None
    high: float | None = None
    successes: int | None = None
    played: int | None = None
    total: int | None = None
    baseline: float | None = None
    margin: float | None = None
    needed: float | None = None
    source: str = ""
    estimate: float | None = None
    playable: int | None = None
    listed: int | None = None
    seconds: float | None = None
    resumed: int | None = None
    checkpoint: str = ""
    audit: int | None = None
    order_seed: str = ""
    test: str = ""
    reason: str = ""

    @classmethod
    def of(cls, result: CellResult, reason: str) -> CellRow:
        """Flatten what a cell of this run ended with, the ``reason`` in words."""
        name, figures = result.name, result.figures
        own = {"test": result.node, "reason": reason, "state": result.state}
        if figures is None:
            return cls(**name._asdict(), **own)  # type: ignore[arg-type]
        same = {entry.name: getattr(figures, entry.name) for entry in fields(cls) if hasattr(figures, entry.name)}
        known: dict[str, Any] = {**same, **name._asdict(), **own}
        known["estimate"] = None if figures.estimate is None else figures.estimate.rate
        known["margin"] = None if figures.baseline is None else figures.margin
        return cls(**known)

    @classmethod
    def read(cls, cell: Mapping[str, Any]) -> CellRow:
        """Flatten a cell of a JSON document."""
        known = {entry.name: cell[entry.name] for entry in fields(cls) if entry.name in cell}
        known["estimate"] = (known.get("estimate") or {}).get("rate")
        if known.get("baseline") is None:
            known["margin"] = None
        return cls(**known)


Row = TypeVar("Row", bound="EpisodeRow | CellRow")


class Rows(Sequence[Row]):
    """Rows of one kind, in order, that can become dictionaries, a pandas table or CSV."""

    def __init__(self, kind: type[Row], found: Iterable[Row] = ()) -> None:
        self._columns = tuple(entry.name for entry in fields(kind))
        self._found: tuple[Row, ...] = tuple(found)

    def __len__(self) -> int:
        return len(self._found)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | Sequence[Row]:
        return self._found[place]

    def __repr__(self) -> str:
        return f"Rows({list(self._found)!r})"

    def dicts(self) -> list[dict[str, Any]]:
        """Each row as a dictionary of its fields."""
        return [{name: getattr(row, name) for name in self._columns} for row in self._found]

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a table of pandas, with all its columns even where there is no row; imports pandas."""
        try:
            import pandas
        except ImportError as error:
            raise BadInputError("Rows become a table of pandas only where that is there: pip install pandas") from error
        return pandas.DataFrame(self.dicts(), columns=list(self._columns))

    def to_csv(self) -> str:
        """The rows as CSV with a line of heads; what is None is empty, and parameters are JSON."""
        stream = io.StringIO()
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(self._columns)
        table.writerows([_written(value) for value in row.values()] for row in self.dicts())
        return stream.getvalue()


def _written(value: Any) -> Any:
    if isinstance(value, Mapping):
        return json.dumps(dict(value), ensure_ascii=False)
    return "" if value is None else value


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run: of this process when a hook is handed it, or read back by ``load_run``.

    ``latencies``, ``comparisons`` and ``fuzzing`` are as in the JSON document, empty when read from a ledger;
    ``files`` is what the run wrote: page, JSON, markdown, CSV.
    """

    run: str
    command: str
    started: str
    cells: Rows[CellRow]
    versions: Mapping[str, str] = field(default_factory=dict)
    exitstatus: int | None = None
    latencies: tuple[Mapping[str, Any], ...] = ()
    comparisons: tuple[Mapping[str, Any], ...] = ()
    fuzzing: tuple[Mapping[str, Any], ...] = ()
    files: tuple[Path, ...] = ()
    episodes: Rows[EpisodeRow] = field(default_factory=lambda: Rows(EpisodeRow))
    """Every finished episode that the run rests on; empty when read from JSON."""
