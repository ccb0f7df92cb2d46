"""Why an item is skipped, in words: it was measured and has nothing to be held against, or it cannot be asked."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_robustplus.reporting.fuzzing import line
from pytest_robustplus.reporting.latency import control, held
from pytest_robustplus.reporting.notes import measured, text, texts
from pytest_robustplus.results.cell import CellReport
from pytest_robustplus.results.claims import ClaimReport
from pytest_robustplus.results.comparison import ComparisonReport
from pytest_robustplus.results.fuzzing import FrontierReport
from pytest_robustplus.results.latency import LatencyReport
from pytest_robustplus.results.notes import unpacked
from pytest_robustplus.results.text import percent

ON_A_CLUSTER = (
    "not timed on a cluster: a latency means something only on a machine where nothing else computes, and against"
    " others timed there. Time it by a run of its own, without --robust-cluster"
)


def of_cell(report: CellReport) -> str:
    """A cell that was measured, not held against anything."""
    why = measured(report.notes) or "there is no baseline to hold it against"
    return f"measured {percent(report.rate)} of {report.played}; {why}"


def of_comparison(report: ComparisonReport) -> str:
    """A comparison whose budget ended before its answer."""
    return f"undecided after {report.pairs} of {report.total:,} pairs; --robust-budget ends it there"


def of_frontier(report: FrontierReport) -> str:
    """A frontier that was measured, not held against an accepted one."""
    why = "success comes back" if report.rises else "there is no accepted frontier to hold it against"
    return f"measured {line(report)}; {why}"


def of_latency(report: LatencyReport) -> str:
    """A latency that was measured and not held against anything, or whose interval leaves the answer open."""
    said = f"{report.p50_ms:.1f} ms an inference"
    if report.outcome == "undecided":
        return f"undecided: {said}, {held(next(gate for gate in report.gates if gate.verdict == 'undecided'))}"
    return f"measured {said}, {control(report)}; there is nothing to hold it against"


def of_claim(report: ClaimReport) -> str:
    """A claim on which the published figures are not sure enough."""
    return f"undecided: {text(report.sentence)}"


def empty_share(share: object) -> str:
    """A cell none of whose tasks is in the part of them that a shard plays."""
    return f"share {share} has none of its tasks"


def failed_check(check: str, detail: str) -> str:
    """A cell that a failed pre-flight check stops."""
    return f"not played: pre-flight check {check} failed: {' '.join(texts(unpacked(detail)))}"


def no_tasks(benchmark: str, blocked: Sequence[str]) -> str:
    """A cell of which nothing can be played; ``blocked`` says so for each task."""
    return f"0 of {len(blocked):,} tasks can be played: {blocked[0] if blocked else f'{benchmark} has no such task'}"


def of_two(asked: str, policies: int) -> str:
    """A question about two policies, asked of another number of them."""
    return f"{asked} is asked of two policies; here are {policies}"


def not_generated(dimension: object, models: Sequence[str], benchmark: str) -> str:
    """A contrast in a dimension of which no perturbations are generated for these."""
    return f"{dimension} is not generated for {' and '.join(models)} on {benchmark}"


def nothing_to_break(episodes: int) -> str:
    """A search for what breaks a model that solves nothing unperturbed."""
    return f"none of {episodes} unperturbed episodes succeeds: there is nothing that a perturbation could break"


def infers_nothing(title: str) -> str:
    """The latency of a script."""
    return f"{title} is a script and infers nothing"
