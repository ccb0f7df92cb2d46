"""The ledger's tables, version 5, and how ledgers of versions 2 to 4 become one."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping

from pytest_robustplus.ledger.packing import digest

APPLICATION_ID = 0x524F4255  # "ROBU"
VERSION = 5
MIGRATED = (2, 3, 4)
"""Versions that are brought to this one when they are opened."""

SEALED: Mapping[str, tuple[str, ...]] = {
    "run": ("run", "command", "versions", "started", "ended", "exitstatus"),
    "audit": (
        *("id", "model", "benchmark", "dimension", "checkpoint", "protocol", "population"),
        *("total", "order_seed", "opened"),
    ),
    "part": (
        *("audit", "run", "joined", "concluded", "verdict", "played", "successes", "low", "high", "log_pass"),
        *("log_fail", "margin", "margin_raised", "baseline_rate", "baseline_source", "reason"),
    ),
    "episode": (
        *("id", "audit", "run", "position", "attempt", "task", "suite", "base", "subdimension", "parameters", "trial"),
        *("seed", "instruction", "prompt_source", "success", "error", "steps", "looks", "inferences", "simulator_s"),
        *("policy_s", "wall_s", "state_hash", "worker", "started", "provenance"),
    ),
    "actions": ("episode", "dtype", "stored", "shape", "data"),
    "happened": ("episode", "events"),
    "findings": ("run", "document"),
}
"""Tables whose records carry a checksum of these columns, their key first; a trigger writes it."""
_KEY = {
    "run": ("run",),
    "audit": ("id",),
    "part": ("audit", "run"),
    "episode": ("id",),
    "actions": ("episode",),
    "happened": ("episode",),
    "findings": ("run",),
}
CHECKSUM = "record_checksum"
"""The function of SQLite's that every connection to a ledger needs."""

_HAPPENED = """CREATE TABLE happened (
    episode  INTEGER PRIMARY KEY REFERENCES episode,
    events   TEXT NOT NULL,                -- JSON: what the simulator saw
    checksum INTEGER
)"""
_FINDINGS = """CREATE TABLE findings (
    run      TEXT PRIMARY KEY REFERENCES run,
    document TEXT NOT NULL,                -- JSON: what its items ended with
    checksum INTEGER
)"""
_NEW = {4: {"happened": _HAPPENED}, 5: {"findings": _FINDINGS}}
"""Tables by the version that brought them; ledgers of before have nothing to put there."""

DDL = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};

CREATE TABLE run (
    run        TEXT PRIMARY KEY,
    command    TEXT NOT NULL,
    versions   TEXT NOT NULL,              -- JSON
    started    TEXT NOT NULL,
    ended      TEXT,
    exitstatus INTEGER,
    checksum   INTEGER
) WITHOUT ROWID;

CREATE TABLE audit (
    id         INTEGER PRIMARY KEY,
    model      TEXT NOT NULL,
    benchmark  TEXT NOT NULL,
    dimension  TEXT NOT NULL,
    checkpoint TEXT NOT NULL,
    protocol   TEXT NOT NULL,
    population TEXT NOT NULL,
    total      INTEGER NOT NULL CHECK (total > 0),
    order_seed TEXT NOT NULL,
    opened     TEXT NOT NULL,
    checksum   INTEGER
);
CREATE INDEX audit_of_cell ON audit (model, benchmark, dimension);

-- A run takes part in an audit, and may conclude it. Two runs at once can share episodes under different margins,
-- so the conclusion belongs to the run.
CREATE TABLE part (
    audit           INTEGER NOT NULL REFERENCES audit,
    run             TEXT NOT NULL REFERENCES run,
    joined          TEXT NOT NULL,
    concluded       TEXT,
    verdict         TEXT CHECK (verdict IN ('pass', 'fail', 'measured', 'error')),
    played          INTEGER,
    successes       INTEGER,
    low             REAL,
    high            REAL,
    log_pass        REAL,
    log_fail        REAL,
    margin          REAL,
    margin_raised   INTEGER,
    baseline_rate   REAL,
    baseline_source TEXT,
    reason          TEXT,
    checksum        INTEGER,
    PRIMARY KEY (audit, run),
    CHECK ((verdict IS NULL) = (concluded IS NULL))
) WITHOUT ROWID;
CREATE INDEX part_of_run ON part (run);

CREATE TABLE provenance (
    digest TEXT PRIMARY KEY,
    facts  TEXT NOT NULL                   -- JSON
) WITHOUT ROWID;

CREATE TABLE episode (
    id            INTEGER PRIMARY KEY,
    audit         INTEGER NOT NULL REFERENCES audit,
    run           TEXT NOT NULL REFERENCES run,
    position      INTEGER NOT NULL CHECK (position >= 0),
    attempt       INTEGER NOT NULL,
    task          TEXT NOT NULL,
    suite         TEXT NOT NULL,
    base          TEXT NOT NULL,
    subdimension  TEXT NOT NULL,
    parameters    TEXT NOT NULL,           -- JSON
    trial         INTEGER NOT NULL,
    seed          INTEGER NOT NULL,
    instruction   TEXT NOT NULL,
    prompt_source TEXT NOT NULL,
    success       INTEGER CHECK (success IN (0, 1)),
    error         TEXT,
    steps         INTEGER NOT NULL,
    looks         INTEGER NOT NULL,
    inferences    INTEGER NOT NULL,
    simulator_s   REAL NOT NULL,
    policy_s      REAL NOT NULL,
    wall_s        REAL NOT NULL,
    state_hash    TEXT NOT NULL,
    worker        TEXT NOT NULL,
    started       TEXT NOT NULL,
    provenance    TEXT NOT NULL REFERENCES provenance,
    checksum      INTEGER,
    UNIQUE (audit, position, attempt),
    CHECK ((success IS NULL) = (error IS NOT NULL))
);
-- An episode finishes once, whoever played it.
CREATE UNIQUE INDEX finished ON episode (audit, position) WHERE success IS NOT NULL;

-- Apart from the episode, so that counting outcomes does not read 3 kB of actions each.
CREATE TABLE actions (
    episode INTEGER PRIMARY KEY REFERENCES episode,
    dtype   TEXT NOT NULL,
    stored  TEXT NOT NULL,
    shape   TEXT NOT NULL,
    data    BLOB NOT NULL,
    checksum INTEGER
);

{_HAPPENED};

{_FINDINGS};

CREATE TABLE worker (
    worker    TEXT PRIMARY KEY,
    heartbeat REAL NOT NULL,               -- seconds since the epoch
    machine   TEXT NOT NULL,
    pid       INTEGER NOT NULL,
    born      TEXT NOT NULL,
    awake     REAL NOT NULL DEFAULT 0      -- seconds of the machine's monotonic clock, which nobody sets
) WITHOUT ROWID;

CREATE TABLE claim (
    audit    INTEGER NOT NULL REFERENCES audit,
    position INTEGER NOT NULL,
    worker   TEXT NOT NULL REFERENCES worker,
    PRIMARY KEY (audit, position)
) WITHOUT ROWID;
CREATE INDEX claim_of_worker ON claim (worker);

CREATE TABLE preflight (
    run       TEXT NOT NULL REFERENCES run,
    model     TEXT NOT NULL,
    benchmark TEXT NOT NULL,
    name      TEXT NOT NULL,
    passed    INTEGER NOT NULL CHECK (passed IN (0, 1)),
    detail    TEXT NOT NULL,
    PRIMARY KEY (run, model, benchmark, name)
) WITHOUT ROWID;

CREATE TABLE latency (
    run       TEXT NOT NULL REFERENCES run,
    model     TEXT NOT NULL,
    benchmark TEXT NOT NULL,
    figures   TEXT,                        -- JSON; NULL where the policy could not be timed
    PRIMARY KEY (run, model, benchmark)
) WITHOUT ROWID;
"""


def checksum(*values: object) -> int:
    """Sum up a record as SQLite gives it: the same for equal values, on every machine and under every Python."""
    parts = [zlib.crc32(value) if isinstance(value, bytes) else value for value in values]
    return zlib.crc32(json.dumps(parts).encode())


def seals(*tables: str) -> str:
    """The triggers that write checksums, whoever writes the record; of all tables where none is named."""
    lines = []
    for table in tables or SEALED:
        columns = SEALED[table]
        summed = ", ".join(f"NEW.{column}" for column in columns)
        here = " AND ".join(f"{column} = NEW.{column}" for column in _KEY[table])
        body = f"BEGIN UPDATE {table} SET checksum = {CHECKSUM}({summed}) WHERE {here}; END;"
        lines.append(f"CREATE TRIGGER sealed_{table} AFTER INSERT ON {table} {body}")
        lines.append(f"CREATE TRIGGER resealed_{table} AFTER UPDATE OF {', '.join(columns)} ON {table} {body}")
    return "\n".join(lines)


def migrate(database: sqlite3.Connection) -> None:
    """Bring a ledger of an earlier version to this one; needs the write lock."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version not in MIGRATED:
        return  # another process was first
    added = {table: ddl for number, tables in _NEW.items() if number > version for table, ddl in tables.items()}
    if version == 2:
        for table in SEALED.keys() - added.keys():
            database.execute(f"ALTER TABLE {table} ADD COLUMN checksum INTEGER")
            database.execute(f"UPDATE {table} SET checksum = {CHECKSUM}({', '.join(SEALED[table])})")
        database.execute("ALTER TABLE worker ADD COLUMN awake REAL NOT NULL DEFAULT 0")
    for ddl in added.values():
        database.execute(ddl)
    for trigger in seals(*(SEALED if version == 2 else added)).splitlines():
        database.execute(trigger)
    database.execute(f"PRAGMA user_version = {VERSION}")


def unsound(database: sqlite3.Connection, version: int = VERSION) -> list[str]:
    """What does not fit in a ledger of a version from 3 on, beyond what SQLite itself can see."""
    found = []
    for table, columns in SEALED.items():
        if any(table in tables for number, tables in _NEW.items() if number > version):
            continue
        bad: tuple[int] = database.execute(
            f"SELECT count(*) FROM {table} WHERE checksum IS NOT {CHECKSUM}({', '.join(columns)})"
        ).fetchone()
        if bad[0]:
            found.append(f"{bad[0]:,} records of the table {table} do not match their checksums")
    # Nothing is ever deleted, so numbers have no gaps.
    for table in ("audit", "episode"):
        there, last = database.execute(f"SELECT count(*), coalesce(max(id), 0) FROM {table}").fetchone()
        if there != last:
            found.append(f"{last - there:,} of {last:,} records of the table {table} are missing")
    if database.execute("SELECT 1 FROM pragma_foreign_key_check LIMIT 1").fetchone():
        found.append("some records belong to others that are missing")
    facts = database.execute("SELECT digest, facts FROM provenance")
    if wrong := sum(named != digest(text) for named, text in facts):
        found.append(f"{wrong:,} records of the table provenance do not match their digests")
    return found
