"""What a model's latency is held against: the paper's ratio to another model of this run, and accepted runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_robustplus.baselines import AcceptedLatency, PublishedLatency
from pytest_robustplus.results.latency import LatencyGate, LatencyReport
from pytest_robustplus.results.notes import Note
from pytest_robustplus.statistics.evalues import Verdict
from pytest_robustplus.statistics.slowdown import LatencyPlan, Timings

# A slowdown within one run of this much is no warming up and no drift of the clock.
WORSE = 0.25


def published(rows: Iterable[PublishedLatency], baseline: str) -> list[PublishedLatency]:
    """The rows that papers print about a model; ``baseline`` is the key that its card names."""
    return [row for row in rows if row.model == baseline]


def against_partner(
    report: LatencyReport, row: PublishedLatency, partner: LatencyReport, plans: Sequence[LatencyPlan]
) -> list[LatencyGate]:
    """Hold a model against another of the same run and device, which it should take ``row.ratio`` times as long as."""
    against = Note.of("beside_partner", model=partner.model, source=row.source)
    return [_gate("validate", report, partner, plan, against, row.ratio) for plan in plans]


def against_accepted(report: LatencyReport, entry: AcceptedLatency, plans: Sequence[LatencyPlan]) -> list[LatencyGate]:
    """Hold a model against its accepted run on the same device."""
    against = Note.of(
        "beside_accepted",
        date=str(entry.date),
        checkpoint=entry.checkpoint,
        milliseconds=entry.p50_ms,
        host=entry.host,
    )
    return [_gate("regress", report, entry, plan, against, 1.0) for plan in plans]


def worsening(report: LatencyReport, again: Timings | None = None) -> list[LatencyGate]:
    """A gate that failed, if the policy became slower while it was timed, and still is when it is timed ``again``."""
    plan = LatencyPlan(allowed=WORSE, level=0.99)
    timings = Timings.of(report)
    slowdown = plan.worsening(timings, own=report.elsewhere)
    # By both accounts: beside a load that ends halfway the reference alone becomes faster.
    slower = [slowdown, plan.worsening(timings, own=True)]
    if again is not None:
        # And beside one that began halfway a policy that waits for disks or memory suffers more than the reference.
        slower += [plan.since_then(again, timings, own=own) for own in (report.elsewhere, True)]
    if any(found.verdict is not Verdict.FAIL for found in slower):
        return []
    against = Note.of("beside_first_half")
    return [LatencyGate("steady", "fail", against, 1.0, *slowdown[:3], WORSE, own=report.elsewhere)]


def _gate(
    side: str,
    report: LatencyReport,
    other: LatencyReport | AcceptedLatency,
    plan: LatencyPlan,
    against: Note,
    expected: float,
) -> LatencyGate:
    new, held, own = Timings.of(report), Timings.of(other), report.elsewhere
    slowdown = plan.compare(new, held, expected=expected, own=own)
    moved = None if own else plan.moved(new, held)
    answer = slowdown.verdict
    # Under another load or clock only what holds by either account, with the reference and without, holds.
    if moved is not None and plan.compare(new, held, expected=expected, own=True).verdict is not answer:
        answer = None
    verdict = "undecided" if answer is None else str(answer)
    measure = "median" if plan.quantile == 0.5 else f"p{100 * plan.quantile:g}"
    shift = 0.0 if moved is None else moved.ratio
    return LatencyGate(side, verdict, against, expected, *slowdown[:3], plan.allowed, measure, own, shift)


def comparable(one: LatencyReport, other: LatencyReport | AcceptedLatency) -> bool:
    """Whether two series were timed on the same kind of device beside the same reference workload."""
    return (one.device, one.reference) == (other.device, other.reference)


def accepted_for(report: LatencyReport, entries: Sequence[AcceptedLatency]) -> AcceptedLatency | None:
    """The latest entry about this model, benchmark and transport on this device."""
    wanted = (report.model, report.benchmark, report.transport, report.device, report.reference)
    return next((entry for entry in reversed(entries) if entry.key == wanted), None)
