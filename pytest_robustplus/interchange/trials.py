"""What a file of results says, before its tasks are looked up in a benchmark's list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pytest_robustplus.errors import BadInputError


class Trial(NamedTuple):
    """One episode as its file describes it; ``success`` is None for one that could not be played.

    The task goes by its ``name``, by the ``words`` that the policy was told, or by its ``place`` in the suite's list,
    as far as the file says so; ``number`` is which time the same task was played, from 0.
    """

    success: bool | None
    suite: str = ""
    name: str = ""
    words: str = ""
    place: int | None = None
    number: int = 0
    seed: int | None = None
    steps: int = 0
    error: str = ""

    @property
    def label(self) -> str:
        """The task in the file's own terms."""
        task = self.name or self.words or f"task {self.place}"
        return f"{self.suite}: {task}" if self.suite else task


class Aggregate(NamedTuple):
    """Successes of several episodes that the file does not tell apart."""

    label: str
    successes: int
    played: int


@dataclass(frozen=True, slots=True)
class Found:
    """All that one file says; ``unknown`` names what it does not.

    ``unperturbed`` is True for a file about a benchmark's original tasks alone, False where it is about perturbed ones,
    and None where the file does not say.
    """

    path: Path
    format: str
    version: str
    trials: tuple[Trial, ...]
    aggregates: tuple[Aggregate, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    unperturbed: bool | None = None


def refuse(path: Path, what: str, advice: str) -> BadInputError:
    """Word the one paragraph about a file that cannot be read."""
    return BadInputError(f"--robust-import={path}: {what}. {advice.rstrip('.')}.")


def entry(value: Any, kind: type | tuple[type, ...], path: Path, where: str) -> Any:
    """Return ``value`` if it is of ``kind``; raises ``BadInputError`` naming the place in the file."""
    if isinstance(value, kind) and not (isinstance(value, bool) and kind is int):
        return value
    names = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
    raise refuse(
        path, f"{where} is {type(value).__name__} where {names} belongs", "Give the file as the tool has written it."
    )
