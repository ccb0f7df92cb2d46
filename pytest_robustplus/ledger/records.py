"""What goes into the ledger and what comes out of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.results.cell import Conclusion
from pytest_robustplus.results.events import EpisodeEvents, Failure

Parameter = str | int | float | bool


# What the population of a comparison's audits begins with.
COMPARISON = "comparison:"


def compared(tasks: Sequence[str]) -> str:
    """The population of a comparison on these tasks, in this order."""
    return COMPARISON + digest(tasks)


def digest(value: Sequence[object]) -> str:
    """Digest JSON-like data into 16 hexadecimal digits, as keys of audits hold it."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


GENERATED = "generated"
"""The dimension of audits about one point of a search: as long as the search asks, and never concluded."""


@dataclass(frozen=True, slots=True)
class AuditKey:
    """What an episode depends on; two attempts with equal keys may share episodes.

    ``protocol`` digests how episodes are played, ``population`` the ordered task names. Baseline and margin are not
    part of it: they may change between looks, episodes do not.
    """

    model: str
    benchmark: str
    dimension: str
    checkpoint: str
    protocol: str
    population: str

    @property
    def compared(self) -> bool:
        """Whether the episodes were played to compare the model with another one, and so say nothing of a cell."""
        return self.population.startswith(COMPARISON)


@dataclass(frozen=True, slots=True)
class AuditState:
    """An audit as its run finds it: ``resumed`` finished episodes are there already.

    ``taken`` is when the last run of the same command decided it, if that was interrupted or is ``live``, still going
    on; it is empty where it did not.
    """

    id: int
    resumed: int
    opened: str
    taken: str = ""
    live: bool = False


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """One try at one episode.

    Either it finished (``success`` is set) or it could not be played (``success`` is None, ``error`` says why).
    ``actions`` are those executed, (steps, action width); ``provenance`` names versions, renderer and hashes.
    ``started`` is ISO 8601 in UTC; durations are in seconds.
    """

    task: str
    suite: str
    base: str
    trial: int
    seed: int
    instruction: str
    prompt_source: str
    success: bool | None
    worker: str
    started: str
    subdimension: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    error: str | None = None
    steps: int = 0
    looks: int = 0
    inferences: int = 0
    simulator_s: float = 0.0
    policy_s: float = 0.0
    wall_s: float = 0.0
    state_hash: str = ""
    actions: NDArray[np.floating[Any]] | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    events: EpisodeEvents | None = None
    """What the simulator saw; None where nobody watched."""

    @property
    def failure(self) -> Failure | None:
        """How it failed; None where it succeeded, or was not played to its end."""
        if self.success is not False:
            return None
        return Failure.UNKNOWN if self.events is None or self.events.failure is None else self.events.failure

    def __post_init__(self) -> None:
        if (self.success is None) != (self.error is not None):
            raise ValueError(f"Episode of {self.task!r}: it has either an outcome or an error, never both or neither.")


@dataclass(frozen=True, slots=True)
class StoredEpisode:
    """A recorded try: ``attempt`` counts from 1 at its ``position`` of the audit's order."""

    id: int
    audit: int
    run: str
    position: int
    attempt: int
    record: EpisodeRecord


@dataclass(frozen=True, slots=True)
class StoredAudit:
    """One run's view of an audit; ``conclusion`` is None while that run has not ended it."""

    id: int
    run: str
    key: AuditKey
    total: int
    order_seed: str
    opened: str
    conclusion: Conclusion | None


@dataclass(frozen=True, slots=True)
class Run:
    """One invocation of pytest; ``ended`` and ``exitstatus`` stay None when it was killed."""

    run: str
    command: str
    versions: Mapping[str, str]
    started: str
    ended: str | None
    exitstatus: int | None


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one pre-flight check of a model on a benchmark."""

    check: str
    passed: bool
    detail: str
