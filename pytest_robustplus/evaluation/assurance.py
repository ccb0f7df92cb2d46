"""What is said of a decided cell besides its verdict: the unbiased rate, drift, and earlier runs of the checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

from pytest_robustplus.evaluation.gates import Gate, Watch
from pytest_robustplus.ledger import AuditKey, Ledger
from pytest_robustplus.results.cell import Drifting, Estimated
from pytest_robustplus.statistics.drift import drift
from pytest_robustplus.statistics.estimation import ends, estimate
from pytest_robustplus.statistics.evalues import Plan

# A prefix shorter than this shows no drift that would be worth saying.
FEWEST = 10


def estimated(gates: Sequence[Gate], watch: Watch, played: int, successes: int, total: int) -> Estimated | None:
    """The rate that the full run has; None where pairs, not counts, ended the cell early."""
    if played == total:
        rate = successes / total
        return Estimated(rate, rate, rate, rate, 0.0)
    regions = [gate.test.region for gate in gates]
    known = [region for region in regions if region is not None]
    if len(known) < len(regions):
        return None
    return Estimated(*estimate(ends(total, known, watch.plays_on), played, successes))


def drifting(gates: Sequence[Gate], outcomes: Sequence[bool], alpha: float) -> Drifting | None:
    """Test the prefix on which the verdict rests; what was played on beyond it is left out."""
    decided = [gate.decision.played for gate in gates if gate.decision is not None]
    prefix = outcomes[: max(decided)] if decided and len(decided) == len(gates) else outcomes
    if len(prefix) < FEWEST:
        return None
    found = drift(prefix, [gate.test for gate in gates], alpha)
    return Drifting(*found, alarm=found.alarms(alpha))


def spot_positions(played: int, total: int, wanted: int) -> list[int]:
    """Places of the order beyond the verdict, evenly spread."""
    left = total - played
    return sorted({played + int((number + 0.5) * left / wanted) for number in range(min(wanted, left))})


def spot_p(asked: Plan, played: int, successes: int, spots: int, spot_successes: int) -> float:
    """Probability of at most so many spot successes if the full run holds just what it needs to pass."""
    left = asked.total - played
    still = min(max(asked.needed - successes, 0), left)
    ways = comb(left, spots)
    least = max(0, spots - (left - still))
    favourable = sum(
        comb(still, count) * comb(left - still, spots - count) for count in range(least, min(spot_successes, still) + 1)
    )
    return favourable / ways


def earlier(ledger: Ledger, key: AuditKey, audit: int) -> list[tuple[int, str]]:
    """Audits of the same checkpoint on the same tasks that earlier runs have decided, with their verdicts."""
    found: dict[int, str] = {}
    for stored in ledger.history(key.model, key.benchmark, key.dimension):
        same = (stored.key.checkpoint, stored.key.population) == (key.checkpoint, key.population)
        # A run with --robust-fresh has a protocol of its own, of the same beginning.
        played = stored.key.protocol.partition("-")[0] == key.protocol.partition("-")[0]
        conclusion = stored.conclusion
        if same and played and stored.id < audit and conclusion is not None and conclusion.outcome in ("pass", "fail"):
            found.setdefault(stored.id, conclusion.outcome)
    return list(found.items())
