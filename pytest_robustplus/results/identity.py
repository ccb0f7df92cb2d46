"""Which question an item asks: data that items and their reports carry, so that nobody reads it out of a node id."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Literal, NamedTuple

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
