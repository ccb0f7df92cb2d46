"""What one latency item ends with, as data that travels from a worker to the controller and into every report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import pytest

from pytest_robustplus.results.carried import CarriedByField
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.results.notes import Note, Notes

LatencyState = Literal["pass", "fail", "undecided", "measured", "error", "skipped"]
ELSEWHERE = "server at "


class LatencyGate(NamedTuple):
    """One comparison: ``ratio`` of now to ``expected`` times ``against``, 95 % interval ``low`` to ``high``.

    ``side`` is validate (the paper's ratio), regress (an accepted run) or steady (the first half of the same calls);
    ``verdict`` pass, fail or undecided; ``allowed`` the slowdown that passes, as a fraction. ``measure`` is median or
    p95, of the policy's ``own`` time or of its time over the reference workload's. Where ``moved`` is not 0, the
    reference itself took so many times as long as in what is compared with: then only what the policy's own time says,
    too, is decided.
    """

    side: str
    verdict: str
    against: Note | str
    expected: float
    ratio: float
    low: float
    high: float
    allowed: float
    measure: str = "median"
    own: bool = False
    moved: float = 0.0


@dataclass(frozen=True, slots=True)
class LatencyReport(CarriedByField):
    """Figures of one model's inference over one transport; durations in milliseconds, sizes in bytes.

    ``p50_ms`` to ``p99_ms`` are round trips of calls that inferred. ``control_hz`` is what the policy sustains,
    ``executed`` actions an inference, ``needed_hz`` what the benchmark plays. The series stand call by call.
    """

    PROPERTY: ClassVar[str] = "latency_"

    model: str
    benchmark: str
    transport: str
    checkpoint: str
    device: str
    host: str
    reference: str
    observations: Note | str
    outcome: Literal["pass", "fail", "undecided", "measured"]
    calls: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    server_ms: float | None
    cache_ms: float
    sent: int
    received: int
    chunk: int
    executed: int
    control_hz: float
    needed_hz: float
    gates: tuple[LatencyGate, ...]
    published: Notes
    notes: Notes
    policy_ms: tuple[float, ...]
    reference_ms: tuple[float, ...]

    @property
    def elsewhere(self) -> bool:
        """Whether the policy computes on another machine, of whose load the reference here says nothing."""
        return self.device.startswith(ELSEWHERE)

    @property
    def real_time(self) -> bool:
        """Whether the policy answers as fast as the benchmark's robot moves."""
        return self.control_hz >= self.needed_hz


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """How one latency item ended; ``figures`` are there exactly when calls were timed, otherwise ``reason`` is."""

    node: str
    model: str
    benchmark: str
    state: LatencyState
    reason: Note | str = ""
    figures: LatencyReport | None = None


def result_of(report: pytest.TestReport, item: Identity | None, reason: Note | str) -> LatencyResult | None:
    """Read how a latency item ended from one phase of it; None for other tests and phases that decide nothing."""
    if item is None or item.kind != "latency" or (report.when != "call" and report.passed):
        return None
    model, benchmark = item.model, item.benchmark
    figures = LatencyReport.read(report.user_properties) if report.when == "call" else None
    if figures is not None:
        return LatencyResult(report.nodeid, model, benchmark, "fail" if report.failed else figures.outcome, "", figures)
    return LatencyResult(report.nodeid, model, benchmark, "error" if report.failed else "skipped", reason)


def measured(results: Iterable[LatencyResult]) -> list[LatencyReport]:
    """The figures of those results that have some."""
    return [result.figures for result in results if result.figures is not None]
