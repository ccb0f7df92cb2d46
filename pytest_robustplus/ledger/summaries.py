"""What the finished episodes of a cell come to, beside their successes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pytest_robustplus.ledger.records import StoredEpisode
from pytest_robustplus.results.cell import FailedTask, FailureCount
from pytest_robustplus.results.events import Failure


def failed(finished: Sequence[StoredEpisode]) -> list[FailedTask]:
    """Those that failed, in the order given."""
    return [
        FailedTask(stored.id, stored.record.task, stored.record.steps, str(stored.record.failure))
        for stored in finished
        if not stored.record.success
    ]


def failures(finished: Sequence[StoredEpisode]) -> tuple[FailureCount, ...]:
    """How the failed ones failed, most frequent first, those that nobody watched last."""
    found = Counter(one.failure for one in failed(finished))
    ordered = sorted(found.items(), key=lambda entry: (entry[0] == Failure.UNKNOWN, -entry[1], entry[0]))
    return tuple(FailureCount(failure, count) for failure, count in ordered)


def progress(finished: Sequence[StoredEpisode]) -> float | None:
    """The mean share of subgoals reached; None where it is unknown of some episode."""
    shares = [None if stored.record.events is None else stored.record.events.progress for stored in finished]
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if known and len(known) == len(shares) else None
