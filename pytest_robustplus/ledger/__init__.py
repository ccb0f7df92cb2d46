"""The ledger: the SQLite file in which every episode, timing and verdict is recorded."""

from pytest_robustplus.ledger.records import (
    GENERATED,
    AuditKey,
    AuditState,
    Check,
    EpisodeRecord,
    Run,
    StoredAudit,
    StoredEpisode,
    compared,
    digest,
)
from pytest_robustplus.ledger.store import Ledger

__all__ = [
    "GENERATED",
    "AuditKey",
    "AuditState",
    "Check",
    "EpisodeRecord",
    "Ledger",
    "Run",
    "StoredAudit",
    "StoredEpisode",
    "compared",
    "digest",
]
