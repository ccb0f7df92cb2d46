"""What is said of a decided cell besides its verdict: the unbiased rate, drift, and earlier runs of the checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_robustplus.evaluation.gates import Gate, Watch
from pytest_robustplus.ledger import AuditKey, Ledger
from pytest_robustplus.results.cell import Drifting, Estimated
from pytest_robustplus.statistics.counts import Z, at_most
from pytest_robustplus.statistics.drift import drift
from pytest_robustplus.statistics.estimation import ends, estimate
from pytest_robustplus.statistics.evalues import Plan
from pytest_robustplus.statistics.sequential import Region

# A prefix shorter than this shows no drift that would be worth saying.
FEWEST = 10


def estimated(
    regions: Sequence[Region | None], watch: Watch, played: int, successes: int, total: int, listed: int
) -> Estimated | None:
    """The rate over all ``listed`` tasks, of which the cell audits ``total``, by the regions of its questions.

    A question that counts alone do not answer has none; None where such a one may have ended the cell early.
    """
    rate = successes / played
    if played == listed:
        return Estimated(rate, rate, rate, rate, 0.0)
    known = [region for region in regions if region is not None]
    if len(known) == len(regions):
        law = ends(total, known, watch.plays_on)._replace(total=listed)
        found = Estimated(*estimate(law, played, successes))
        if played < total:
            return found
        low, high = found.low, found.high
    elif played < total:
        return None
    else:
        low, high = Plan(listed, 0, 0).interval(played, successes)
    # A sample of the list, whose rate no early end biased. Where all of it fared alike its variance would be none.
    return Estimated(rate, low, high, rate, max(rate - low, high - rate) / Z)


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
    return at_most(spot_successes, spots, still, left)


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
