"""Accepted latencies are a file that a person can review, one entry a device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_robustplus.baselines import AcceptedLatency, Baselines, load_timed
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.evaluation.latency.comparisons import (
    accepted_for,
    against_accepted,
    against_partner,
    worsening,
)
from pytest_robustplus.reporting.accept_latency import accept_latencies
from pytest_robustplus.reporting.latency import held
from pytest_robustplus.results.latency import LatencyReport
from pytest_robustplus.statistics.slowdown import LatencyPlan, Timings

REPORT = LatencyReport(
    model="pi05", benchmark="libero_plus", transport="openpi", checkpoint="run42", device="H200", host="gpu1",
    reference="matmul", observations="synthetic", outcome="measured", calls=40, p50_ms=63.0, p95_ms=64.0, p99_ms=65.0,
    server_ms=None, cache_ms=0.0, sent=300_000, received=400, chunk=10, executed=5, control_hz=79.4, needed_hz=20.0,
    gates=(), published=(), notes=(), policy_ms=(63.0, 62.5) * 20, reference_ms=(2.0, 2.1) * 20,
)  # fmt: skip


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    (said,) = accept_latencies([REPORT], root=tmp_path, file=None)
    path = tmp_path / "baselines/pi05.latency.toml"
    assert said == f"accepted latency of pi05 on libero_plus over openpi, 63.0 ms on H200: {path}"
    (entry,) = load_timed(path)
    assert (entry.policy_ms, entry.reference_ms, entry.host) == (REPORT.policy_ms, REPORT.reference_ms, "gpu1")
    assert entry.relative == pytest.approx((31.5 + 62.5 / 2.1) / 2, abs=1e-3)
    assert len(path.read_text()) < 2000
    assert Baselines.load((tmp_path / "baselines",)).timed == (entry,)


def test_another_device_keeps_its_entry_and_the_same_one_replaces_it(tmp_path: Path) -> None:
    file = tmp_path / "night.toml"
    for report in (REPORT, replace(REPORT, device="A100"), replace(REPORT, p50_ms=61.0)):
        accept_latencies([report], root=tmp_path, file=file)
    entries = load_timed(tmp_path / "night.latency.toml")
    assert sorted((entry.device, entry.p50_ms) for entry in entries) == [("A100", 63.0), ("H200", 61.0)]
    assert accepted_for(REPORT, entries) == next(entry for entry in entries if entry.device == "H200")
    assert accepted_for(replace(REPORT, transport="act"), entries) is None


def test_a_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    accept_latencies([REPORT], root=tmp_path, file=None)
    path = tmp_path / "baselines/pi05.latency.toml"
    path.write_text(path.read_text().replace("reference_ms = [\n", "reference_ms = [\n    1.0,\n"))
    with pytest.raises(BadInputError, match="timed 1: policy_ms and reference_ms must be equally many"):
        load_timed(path)


def test_a_slower_machine_is_not_a_slower_policy(tmp_path: Path) -> None:
    """Nor a faster one: where the reference itself has moved, only what holds by either account is decided."""
    entry = accepted(tmp_path, REPORT)
    slightly, tired = (changed(REPORT, factor, factor) for factor in (1.1, 2.0))
    assert verdicts(slightly, entry) == ["pass"]
    assert verdicts(tired, entry) == ["undecided"]
    assert against_accepted(tired, entry, [LatencyPlan()])[0].moved == pytest.approx(2.0, rel=0.1)
    assert verdicts(changed(REPORT, 1.2, 1.0), entry) == ["fail"]
    # Accepted under load: the same policy beside a reference that is twice as fast looks twice as slow.
    assert verdicts(changed(REPORT, 1.0, 0.45), entry) == ["undecided"]
    # Two thirds slower, hidden by a load that slows the reference more.
    assert verdicts(changed(REPORT, 1.63, 1.96), entry) == ["undecided"]
    assert verdicts(changed(REPORT, 3.0, 1.5), entry) == ["fail"]


def test_a_server_is_held_by_its_own_time(tmp_path: Path) -> None:
    """What happens to this machine says nothing about that one."""
    served = replace(REPORT, device="server at gpu1:8000")
    entry = accepted(tmp_path, served)
    for load in (0.4, 1.0, 2.5):
        assert verdicts(changed(served, 1.0, load), entry) == ["pass"]
        assert verdicts(changed(served, 1.63, load), entry) == ["fail"]
    (gate,) = against_accepted(changed(served, 1.63, 2.5), entry, [LatencyPlan()])
    assert (gate.own, gate.moved) == (True, 0.0)
    assert gate.ratio == pytest.approx(1.63)


def test_what_the_interval_leaves_open_is_undecided(tmp_path: Path) -> None:
    entry = accepted(tmp_path, REPORT)
    shaky = replace(REPORT, policy_ms=tuple(63.0 * (0.9 + 0.4 * (n // 4 % 2)) for n in range(40)))
    (gate,) = against_accepted(shaky, entry, [LatencyPlan()])
    assert gate.low < 1.1 < gate.high
    assert gate.verdict == "undecided"


def test_the_95th_percentile_is_a_gate_of_its_own(tmp_path: Path) -> None:
    entry = accepted(tmp_path, REPORT)
    hiccups = replace(REPORT, policy_ms=tuple(63.0 * (2.0 if n % 8 == 0 else 1.0) for n in range(40)))
    median, p95 = against_accepted(hiccups, entry, [LatencyPlan(), LatencyPlan(allowed=0.3, quantile=0.95)])
    assert (median.verdict, p95.verdict) == ("pass", "fail")
    assert (median.measure, p95.measure) == ("median", "p95")


def test_a_policy_that_slows_down_while_it_is_timed_fails() -> None:
    assert worsening(REPORT) == []
    worn = replace(REPORT, policy_ms=tuple(63.0 * (1.0 if n < 22 else 1.8) for n in range(40)))
    (gate,) = worsening(worn)
    assert (gate.side, gate.verdict) == ("steady", "fail")
    assert worsening(worn, Timings.of(REPORT)) == [], "a load that was over when it was timed again"
    assert worsening(worn, Timings.of(changed(REPORT, 1.8, 1.0))) == [gate]
    tired = replace(worn, reference_ms=tuple(2.0 * (1.0 if n < 22 else 1.8) for n in range(40)))
    assert worsening(tired) == []
    assert worsening(replace(tired, device="server at gpu1:8000"))[0].own
    half = len(REPORT.reference_ms) // 2
    quieter = (*REPORT.reference_ms[:half], *(value / 3 for value in REPORT.reference_ms[half:]))
    assert worsening(replace(REPORT, reference_ms=quieter)) == [], "a load that ended halfway"


def test_some_microseconds_are_no_slowdown(tmp_path: Path) -> None:
    """A call of 0.1 ms took half as long again in the second half of a run, because another test began beside it."""
    half = len(REPORT.policy_ms) // 2
    tiny = replace(REPORT, policy_ms=(0.1,) * half + (0.145,) * half, reference_ms=(2.0,) * 2 * half)
    assert worsening(tiny) == []
    entry = accepted(tmp_path, replace(REPORT, policy_ms=(0.1,) * 2 * half, reference_ms=(2.0,) * 2 * half))
    (gate,) = against_accepted(replace(tiny, policy_ms=(0.145,) * 2 * half), entry, [LatencyPlan()])
    assert gate.verdict == "undecided"
    assert "less than 0.2 ms a call: neither red nor green" in held(gate)
    assert verdicts(replace(tiny, policy_ms=(0.31,) * 2 * half), entry) == ["fail"]


def test_the_papers_ratio_is_about_both_models() -> None:
    (row,) = (row for row in Baselines.load().latencies if row.model == "x_vla")
    partner = replace(REPORT, model="pi05")
    for factor, verdict in ((3.1, "pass"), (2.0, "pass"), (3.1 * 1.2, "fail")):
        mine = replace(REPORT, model="x_vla", policy_ms=tuple(factor * t for t in REPORT.policy_ms))
        (gate,) = against_partner(mine, row, partner, [LatencyPlan()])
        assert (gate.verdict, gate.expected) == (verdict, 3.1)
        assert gate.ratio == pytest.approx(factor / 3.1)


def accepted(folder: Path, report: LatencyReport) -> AcceptedLatency:
    accept_latencies([report], root=folder, file=None)
    (entry,) = load_timed(folder / "baselines/pi05.latency.toml")
    return entry


def changed(report: LatencyReport, policy: float, reference: float) -> LatencyReport:
    return replace(
        report,
        policy_ms=tuple(policy * t for t in report.policy_ms),
        reference_ms=tuple(reference * t for t in report.reference_ms),
    )


def verdicts(report: LatencyReport, entry: AcceptedLatency) -> list[str]:
    return [gate.verdict for gate in against_accepted(report, entry, [LatencyPlan()])]
