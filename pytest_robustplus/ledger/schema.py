"""The ledger's tables, version 2."""

from __future__ import annotations

APPLICATION_ID = 0x524F4255  # "ROBU"
VERSION = 2

DDL = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};

CREATE TABLE run (
    run        TEXT PRIMARY KEY,
    command    TEXT NOT NULL,
    versions   TEXT NOT NULL,              -- JSON
    started    TEXT NOT NULL,
    ended      TEXT,
    exitstatus INTEGER
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
    opened     TEXT NOT NULL
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
    data    BLOB NOT NULL
);

CREATE TABLE worker (
    worker    TEXT PRIMARY KEY,
    heartbeat REAL NOT NULL,               -- seconds since the epoch
    machine   TEXT NOT NULL,
    pid       INTEGER NOT NULL,
    born      TEXT NOT NULL
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
