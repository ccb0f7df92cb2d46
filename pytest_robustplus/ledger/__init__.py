"""The ledger: the SQLite file in which every episode, timing and verdict is recorded."""

from pytest_robustplus.ledger.records import (
    AuditKey,
    AuditState,
    Check,
    Conclusion,
    EpisodeRecord,
    Run,
    StoredAudit,
    StoredEpisode,
    Verdict,
)
from pytest_robustplus.ledger.store import Ledger

__all__ = [
    "AuditKey",
    "AuditState",
    "Check",
    "Conclusion",
    "EpisodeRecord",
    "Ledger",
    "Run",
    "StoredAudit",
    "StoredEpisode",
    "Verdict",
]
