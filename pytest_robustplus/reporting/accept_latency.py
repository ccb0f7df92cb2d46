"""Accepting a run's latencies: a small file to review and commit, beside the one with its outcomes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from pytest_robustplus.baselines import AcceptedLatency, load_timed, write_timed
from pytest_robustplus.baselines.timed import latency_path
from pytest_robustplus.reporting.notes import text
from pytest_robustplus.results.latency import LatencyReport
from pytest_robustplus.statistics.slowdown import Timings, relative


def accept_latencies(reports: Iterable[LatencyReport], *, root: Path, file: Path | None) -> list[str]:
    """Write one file a model, keeping what it holds of other devices, transports and benchmarks; says what it wrote."""
    places: dict[Path, list[LatencyReport]] = defaultdict(list)
    for report in reports:
        places[latency_path(root, report.model, file)].append(report)
    said = []
    for path, own in places.items():
        entries = {entry.key: entry for entry in (*load_timed(path), *map(_entry, own))}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_timed(path, entries.values())
        for report in own:
            said.append(
                f"accepted latency of {report.model} on {report.benchmark} over {report.transport},"
                f" {report.p50_ms:.1f} ms on {report.device}: {path}"
            )
            if report.outcome == "fail":
                said.append("  it FAILED; what it took is the new baseline")
    return said


def _entry(report: LatencyReport) -> AcceptedLatency:
    return AcceptedLatency(
        model=report.model,
        benchmark=report.benchmark,
        transport=report.transport,
        device=report.device,
        host=report.host,
        reference=report.reference,
        checkpoint=report.checkpoint,
        observations=text(report.observations),
        date=datetime.now(UTC).date().isoformat(),
        chunk=report.chunk,
        executed=report.executed,
        control_hz=round(report.control_hz, 2),
        relative=round(float(np.median(relative(Timings.of(report)))), 4),
        p50_ms=round(report.p50_ms, 3),
        p95_ms=round(report.p95_ms, 3),
        p99_ms=round(report.p99_ms, 3),
        server_ms=round(report.server_ms or 0.0, 3),
        sent=report.sent,
        received=report.received,
        policy_ms=report.policy_ms,
        reference_ms=report.reference_ms,
    )
