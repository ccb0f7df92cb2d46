"""What ``--robust-baseline`` names: the paper's number, the last accepted run, or a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_robustplus.baselines import Baseline, Baselines, ListedTask, Row
from pytest_robustplus.benchmarks.contract import Contained
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.results.notes import Note
from pytest_robustplus.session.cells import TableCell


class References:
    """Looks baselines up by ``any`` (whatever is known), ``paper``, ``last``, ``none`` or the name of a file.

    ``last`` is what was accepted for the cell's own model, ``paper`` and ``any`` belong to the model that its card
    names as its baseline; a file may hold either.
    """

    def __init__(
        self, known: Baselines, tasks: Mapping[str, Sequence[ListedTask]], root: Path, invocation: Path
    ) -> None:
        self._known, self._tasks, self._root, self._invocation = known, tasks, root, invocation
        self._files: dict[Path, Baselines] = {}
        self._published = _only(known.rows(), lambda cell: cell.outcomes is None)
        self._recorded = _only(known.rows(), lambda cell: cell.outcomes is not None)

    @property
    def known(self) -> Baselines:
        """Everything that is published or recorded, with the counts and names of the benchmark's tasks."""
        return self._known

    def check(self, names: Iterable[str]) -> None:
        """Read the files among ``names``; raises ``BadInputError`` for one that cannot be read."""
        for name in names:
            if name.endswith(".toml"):
                self._file(self._invocation / name)

    def find(self, name: str, cell: TableCell) -> Baseline | None:
        """Look up what a cell is held against; raises ``BadInputError`` for a file that cannot be read.

        The number of all suites is none for some of them: rates differ by thirty points from suite to suite.
        """
        found = self._find(name, cell)
        return None if found is None or _of_others(found, cell) else found

    def misfit(self, name: str, cell: TableCell) -> Note | None:
        """A note that what there is belongs to all suites while the cell plays some; None where that is not so."""
        found = self._find(name, cell)
        if found is None or not _of_others(found, cell):
            return None
        return Note.of("other_suites", rate=found.rate, source=found.source, suites=list(cell.suites))

    def _find(self, name: str, cell: TableCell) -> Baseline | None:
        if name == "none":
            return None
        if name == "any":
            return _found(self._known, cell.card.baseline, cell)
        if name == "paper":
            return _found(self._published, cell.card.baseline, cell)
        if name == "last":
            return _found(self._accepted(cell), cell.card.name, cell) or _found(self._recorded, cell.card.name, cell)
        rows = self._file(self._invocation / name)
        return _found(rows, cell.card.name, cell) or _found(rows, cell.card.baseline, cell)

    def absence(self, name: str, cell: TableCell) -> Note:
        """A note that a cell has no such baseline."""
        if name == "last":
            return Note.of("nothing_accepted", model=cell.card.name)
        if name == "paper":
            return Note.of("nothing_published", model=cell.card.baseline)
        return Note.of("nothing_in_file", file=name, model=cell.card.name, dimension=str(cell.dimension))

    def _accepted(self, cell: TableCell) -> Baselines:
        # Where --robust-accept writes unless told otherwise.
        path = self._root / "baselines" / f"{cell.card.name}.toml"
        return self._file(path) if path.is_file() else Baselines([])

    def _file(self, path: Path) -> Baselines:
        if path not in self._files:
            if not path.is_file():
                raise BadInputError(
                    f"--robust-baseline={path}: there is no such file. Check the path, or make it by"
                    f" --robust-accept={path}."
                )
            rows = Baselines.load((path,), self._tasks).rows()
            self._files[path] = Baselines(row for row in rows if row.rank == 1)
        return self._files[path]


def _of_others(found: Baseline, cell: TableCell) -> bool:
    """Whether only a number is known, and of more suites than the cell plays."""
    return found.outcomes is None and found.suite is None and set(cell.suites) < set(cell.benchmark.suites)


def _only(rows: Iterable[Row], wanted: Callable[[Baseline], bool]) -> Baselines:
    chosen = (replace(row, cells={d: cell for d, cell in row.cells.items() if wanted(cell)}) for row in rows)
    return Baselines(row for row in chosen if row.cells)


def _found(baselines: Baselines, model: str, cell: TableCell) -> Baseline | None:
    """Find a cell: of its suite alone where it has one and the table prints it, of its benchmark before the whole."""
    suite = cell.suites[0] if len(cell.suites) == 1 else None
    names = [cell.benchmark.name, *([cell.benchmark.whole.name] if isinstance(cell.benchmark, Contained) else ())]
    for part in dict.fromkeys((suite, None)):
        for name in names:
            if found := baselines.find(model, name, cell.dimension, suite=part):
                return found
    return None
