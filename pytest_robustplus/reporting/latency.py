"""What one latency item ends with, as data that travels from a worker to the controller and into every report."""

from __future__ import annotations

from pytest_robustplus.reporting.notes import text, texts
from pytest_robustplus.results.latency import LatencyGate, LatencyReport
from pytest_robustplus.statistics.slowdown import RESOLUTION_S


def held(gate: LatencyGate) -> str:
    """Say by how much an inference is slower, how sure that is, than what, and from where on it is red."""
    expected = f"{gate.expected:g} times " if gate.expected != 1 else ""
    what = "time of its own" if gate.own else "time over the reference workload's"
    measure = "" if gate.measure == "median" else f"{gate.measure}: "
    level = 99 if gate.side == "steady" else 95
    said = (
        f"{measure}{_change(gate.ratio)} {what}, {level} % interval {_change(gate.low)} to"
        f" {_change(gate.high)}, against {expected}{text(gate.against)}"
    )
    if gate.moved:
        said += f"; the reference itself changed by {_change(gate.moved)} (another load or clock)"
    if gate.moved and gate.verdict == "undecided":
        return f"{said}, so this is neither red nor green: time again, or accept anew"
    if gate.verdict == "undecided" and gate.low > 1 + gate.allowed:
        return f"{said}, which is less than {1000 * RESOLUTION_S:g} ms a call: neither red nor green"
    return f"{said}; red when the whole interval lies above {_change(1 + gate.allowed)}, green when none of it does"


def remarks(report: LatencyReport) -> list[str]:
    """What a person should know beside figures and gates: what is printed, notes, device."""
    return [
        *texts([*report.published, *report.notes]),
        f"{report.device}, over {report.transport}; {text(report.observations)}",
    ]


def sentences(report: LatencyReport) -> list[str]:
    """Everything beside the figures, the gates first."""
    return [*(f"{gate.verdict.upper()}: {held(gate)}" for gate in report.gates), *remarks(report)]


def control(report: LatencyReport) -> str:
    """Say what control rate the policy sustains, such as ``79 Hz of 20, real-time``."""
    word = "real-time" if report.real_time else "NOT real-time"
    rate = f"{report.control_hz:,.0f}" if report.control_hz >= 100 else f"{report.control_hz:.3g}"
    return f"{rate} Hz of {report.needed_hz:g}, {word}"


def _change(ratio: float) -> str:
    return f"{100 * (ratio - 1):+,.0f} %"


def paragraph(report: LatencyReport, title: str) -> str:
    """Explain a red item to the person who has to act on it; the figures first, as of a cell."""
    server = "" if report.server_ms is None else f", {report.server_ms:.1f} ms of it by the server's own account"
    size = f"; {report.sent:,} bytes sent, {report.received:,} received" if report.sent else ""
    slower = next((gate for gate in report.gates if gate.verdict == "fail"), None)
    figures = "" if slower is None else f"{_change(slower.ratio)[:-2]} > {_change(1 + slower.allowed)}, "
    lines = [
        f"{figures}median {report.p50_ms:.1f} ms: latency of {report.model} on {title}",
        f"  inference over {report.transport}{server}{size}",
        f"  calls     {report.calls} after warm-up, p95 {report.p95_ms:.1f} ms, p99 {report.p99_ms:.1f} ms",
        f"  control   {report.executed} of {report.chunk} actions played: {control(report)}",
        *(f"  {gate.verdict:<8}  {held(gate)}" for gate in report.gates),
    ]
    return "\n".join([*lines, *(f"  note      {remark}" for remark in remarks(report))])
