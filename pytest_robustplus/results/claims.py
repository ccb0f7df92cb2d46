"""What became of a claim, as data that travels with its test's report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pytest_robustplus.results.carried import Carried
from pytest_robustplus.results.notes import Note, Notes

Verdict = Literal["holds", "refuted", "undecided"]


@dataclass(frozen=True, slots=True)
class ClaimReport(Carried):
    """A sentence, whether it holds, and the figures that say so; ``refuted_by`` names what contradicts it."""

    PROPERTY: ClassVar[str] = "claim"

    sentence: Note | str
    verdict: Verdict
    refuted_by: tuple[str, ...]
    lines: Notes
    notes: Notes = ()
