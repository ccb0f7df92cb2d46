"""What reports and replays read from a ledger."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from pytest_robustplus.ledger.packing import PackedActions, unpack_actions
from pytest_robustplus.ledger.records import AuditKey, Check, EpisodeRecord, Run, StoredAudit, StoredEpisode
from pytest_robustplus.results.cell import Conclusion
from pytest_robustplus.results.events import EpisodeEvents
from pytest_robustplus.results.notes import packed, unpacked

KEY = tuple(field.name for field in fields(AuditKey))
# Where a column of the table part is not named as the field that it holds.
_COLUMNS = {"outcome": "verdict", "baseline": "baseline_rate", "source": "baseline_source", "notes": "reason"}
_CONCLUSION = {_COLUMNS.get(field.name, field.name): field.name for field in fields(Conclusion)}
"""The columns of a conclusion, each with its field."""
_RECORD = tuple(field.name for field in fields(EpisodeRecord) if field.name not in ("actions", "provenance", "events"))


def episodes(database: sqlite3.Connection, where: str, values: Sequence[Any], *, actions: bool) -> list[StoredEpisode]:
    """Read tries in the order of their positions and attempts; ``actions`` also decompresses what was executed."""
    packed = "a.dtype, a.stored, a.shape, a.data" if actions else "NULL, NULL, NULL, NULL"
    join = "LEFT JOIN actions a ON a.episode = e.id" if actions else ""
    rows = database.execute(
        f"""SELECT e.id, e.audit, e.run, e.position, e.attempt, p.facts, h.events, {packed},
        {", ".join(f"e.{name}" for name in _RECORD)}
        FROM episode e JOIN provenance p ON p.digest = e.provenance
        LEFT JOIN happened h ON h.episode = e.id {join}
        WHERE {where} ORDER BY e.audit, e.position, e.attempt""",
        values,
    )
    return [_episode(row) for row in rows]


def _episode(row: tuple[Any, ...]) -> StoredEpisode:
    facts, events, packed, values = row[5], row[6], row[7:11], dict(zip(_RECORD, row[11:], strict=True))
    values["success"] = None if values["success"] is None else bool(values["success"])
    values["parameters"] = json.loads(values["parameters"])
    record = EpisodeRecord(
        **values,
        provenance=json.loads(facts),
        events=None if events is None else EpisodeEvents.from_json(json.loads(events)),
        actions=None if packed[0] is None else unpack_actions(PackedActions(*packed)),
    )
    identity, audit, run, position, attempt = row[:5]
    return StoredEpisode(identity, audit, run, position, attempt, record)


def audits(database: sqlite3.Connection, where: str, values: Sequence[Any]) -> list[StoredAudit]:
    """Read every run's view of the audits that ``where`` chooses, oldest first."""
    rows = database.execute(
        f"""SELECT audit.id, part.run, audit.total, audit.order_seed, part.joined,
        {", ".join(f"audit.{name}" for name in KEY)}, {", ".join(f"part.{name}" for name in _CONCLUSION)}
        FROM part JOIN audit ON audit.id = part.audit WHERE {where} ORDER BY part.joined, audit.id""",
        values,
    )
    return [
        StoredAudit(
            id=row[0],
            run=row[1],
            key=AuditKey(*row[5 : 5 + len(KEY)]),
            total=row[2],
            order_seed=row[3],
            opened=row[4],
            conclusion=_conclusion(row[5 + len(KEY) :]),
        )
        for row in rows
    ]


def conclusion(database: sqlite3.Connection, audit: int, run: str | None) -> Conclusion | None:
    """Read how ``run`` ended the audit, or without a run how it was ended last."""
    row = database.execute(
        f"""SELECT {", ".join(_CONCLUSION)} FROM part WHERE audit = ? AND verdict IS NOT NULL AND (? IS NULL OR run = ?)
        ORDER BY concluded DESC LIMIT 1""",
        (audit, run, run),
    ).fetchone()
    return None if row is None else _conclusion(row)


def _conclusion(row: tuple[Any, ...]) -> Conclusion | None:
    values = dict(zip(_CONCLUSION.values(), row, strict=True))
    if values["outcome"] is None:
        return None
    return Conclusion(
        **{
            **values,
            "margin": values["margin"] or 0.0,
            "margin_raised": bool(values["margin_raised"]),
            "notes": unpacked(values["notes"] or ""),
        }
    )


def columns(conclusion: Conclusion) -> dict[str, Any]:
    """A conclusion as the columns hold it."""
    values = {column: getattr(conclusion, name) for column, name in _CONCLUSION.items()}
    return {**values, "reason": packed(conclusion.notes)}


def unfinished(database: sqlite3.Connection, run: str) -> str:
    """The last earlier run of the same command, if it did not come to its end by itself so far; else empty."""
    row = database.execute(
        """SELECT run, ended, exitstatus FROM run
        WHERE run <> :run AND command = (SELECT command FROM run WHERE run = :run)
            AND started < (SELECT started FROM run WHERE run = :run)
        ORDER BY started DESC LIMIT 1""",
        {"run": run},
    ).fetchone()
    # pytest's own: 2 is Ctrl-C, 3 an internal error; whoever was killed wrote nothing, nor has who still plays.
    return row[0] if row is not None and (row[1] is None or row[2] in (2, 3)) else ""


def runs(database: sqlite3.Connection) -> list[Run]:
    """Read every run, oldest first."""
    rows = database.execute("SELECT run, command, versions, started, ended, exitstatus FROM run ORDER BY started, run")
    return [Run(run, command, json.loads(versions), *rest) for run, command, versions, *rest in rows]


def checks(database: sqlite3.Connection, run: str, model: str, benchmark: str) -> list[Check]:
    """Read the pre-flight checks of a model on a benchmark."""
    rows = database.execute(
        """SELECT name, passed, detail FROM preflight
        WHERE run = ? AND model = ? AND benchmark = ? ORDER BY name""",
        (run, model, benchmark),
    )
    return [Check(name, bool(passed), detail) for name, passed, detail in rows]
