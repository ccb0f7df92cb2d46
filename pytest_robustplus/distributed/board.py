"""What the processes of one run tell each other beyond what pytest-xdist passes on: files in a folder of the run.

Files, because what a worker returns is lost when it dies, which is when the controller has to know.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from pytest_robustplus.results.identity import Identity

# Where a worker finds the folder among what the controller told it.
BOARD = "robustplus_board"


class Board:
    """Which items there are, which are over, which were lost with their workers; without a folder for one process."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._over: set[str] = set()
        self._own: Mapping[str, Identity] = {}
        self._read = 0

    def post(self, items: Mapping[str, Identity]) -> None:
        """Tell which items a worker collected; all of them collect alike."""
        self._own = items
        if self._folder is not None and self.reachable:
            partial = self._folder / f"items.{os.getpid()}"
            partial.write_text(json.dumps(items), encoding="utf-8")
            partial.replace(self._folder / "items.json")

    @property
    def reachable(self) -> bool:
        """Whether this process sees what others post: not where it runs on a machine with disks of its own."""
        return self._folder is None or self._folder.is_dir()

    def items(self) -> Mapping[str, Identity]:
        """What workers collected, or the only process, by node id; empty before the first has."""
        with suppress(FileNotFoundError):
            if self._folder is not None:
                text = (self._folder / "items.json").read_text(encoding="utf-8")
                return {node: Identity(*item) for node, item in json.loads(text).items()}
        return self._own

    def begin(self, node: str) -> None:
        """Note that one of the items posted here is being run; nobody waits for tests of other kinds."""
        if node in self._own:
            self._append("begun", node)

    def under_way(self) -> set[str]:
        """The items that are being run now, by workers alone."""
        begun = set() if self._folder is None else {*_lines(self._folder / "begun", 0)[0]}
        return begun - self.over()

    def end(self, node: str) -> None:
        """Note that an item has run, whatever became of it: nobody needs to play for it any more."""
        self._append("over", node)
        self._over.add(node)

    def over(self) -> set[str]:
        """The items that have run."""
        if self._folder is not None:
            text, self._read = _lines(self._folder / "over", self._read)
            self._over.update(text)
        return self._over

    def lose(self, node: str) -> None:
        """Note that an item was lost for good with the worker that ran it: it is over, and nobody runs it again."""
        self._append("lost", node)
        self.end(node)

    def lost(self, node: str) -> bool:
        """Whether an item was lost for good."""
        return self._folder is not None and node in _lines(self._folder / "lost", 0)[0]

    def rest(self, worker: str) -> None:
        """Note that a worker runs no more items and plays for those of others."""
        self._append("resting", worker)

    def rests(self, worker: str) -> bool:
        """Whether a worker had no more items to run."""
        return self._folder is not None and worker in _lines(self._folder / "resting", 0)[0]

    def stop(self) -> None:
        """Let nobody play for items of others any more: the run is about to end."""
        self._append("stop", "")

    @property
    def stopped(self) -> bool:
        """Whether the run is about to end, or has ended."""
        return self._folder is not None and ((self._folder / "stop").exists() or not self._folder.exists())

    def _append(self, name: str, line: str) -> None:
        # One write of so few bytes is never mixed with another's.
        with suppress(FileNotFoundError):
            if self._folder is not None:
                with (self._folder / name).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")


def _lines(path: Path, begin: int) -> tuple[list[str], int]:
    """Read what was appended after ``begin`` bytes, and how far that goes."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(begin)
        text, newline, _ = file.read().rpartition(b"\n")
        return [json.loads(line) for line in text.splitlines()], begin + len(text) + len(newline)
    return [], begin


_BOARD: pytest.StashKey[Board] = pytest.StashKey()


def board_of(config: pytest.Config) -> Board:
    """The board of a worker, or of the only process."""
    if _BOARD not in config.stash:
        place = getattr(config, "workerinput", {}).get(BOARD)
        config.stash[_BOARD] = Board(None if place is None else Path(place))
    return config.stash[_BOARD]
