"""Which question an item asks: data that items and their reports carry, so that nobody reads it out of a node id."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Generic, Literal, NamedTuple, TypeVar

Kind = Literal["cell", "check", "latency", "frontier", "fuzz", "play", "comparison", "contrast", "claim"]

# On every report of an item of ours, whatever became of it.
PROPERTY = "identity"


class Identity(NamedTuple):
    """A model on a benchmark, and what is asked of it.

    ``subject`` is the dimension of a cell, the name of a check or an axis, the dimensions that are fuzzed; ``test`` the
    test that asks, by its node id without parameters.
    """

    model: str
    benchmark: str
    kind: Kind
    subject: str = ""
    test: str = ""

    @property
    def id(self) -> str:
        """The stable name between the brackets of the test's id."""
        return "-".join(filter(None, (self.model, self.benchmark, self.subject)))

    def property(self) -> tuple[str, str]:
        """As a property of a test report."""
        return PROPERTY, json.dumps(self)

    @classmethod
    def read(cls, properties: Iterable[tuple[str, object]]) -> Identity | None:
        """Read back what ``property`` wrote; None for a test that is none of ours."""
        found = next((value for name, value in properties if name == PROPERTY), None)
        return None if found is None else cls(*json.loads(str(found)))


Answer = TypeVar("Answer")


class Answers(Generic[Answer]):
    """One answer a question, however many items ask it: where some plugin repeats tests, the worst of theirs."""

    def __init__(self, badness: Callable[[Answer], int]) -> None:
        self._badness = badness
        self._found: dict[Identity, dict[str, Answer]] = {}

    def put(self, item: Identity, node: str, answer: Answer) -> None:
        """Take an item's answer, in place of an earlier one of the same item."""
        self._found.setdefault(item, {})[node] = answer

    def of(self, item: Identity, node: str) -> Answer | None:
        """What an item has answered so far."""
        return self._found.get(item, {}).get(node)

    def worst(self, item: Identity) -> Answer | None:
        """The answer to a question, if there is one."""
        return max(self._found.get(item, {}).values(), key=self._badness, default=None)

    def all(self) -> dict[Identity, Answer]:
        """Every question with its answer, in the order in which the first items answered."""
        return {item: max(found.values(), key=self._badness) for item, found in self._found.items()}
