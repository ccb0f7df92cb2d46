"""The ledger as the rest of the package sees it."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from pytest_robustplus.errors import LedgerError
from pytest_robustplus.ledger import claims, history, joining
from pytest_robustplus.ledger.connection import Connection, connect
from pytest_robustplus.ledger.joining import Source
from pytest_robustplus.ledger.packing import digest, pack_actions, to_json
from pytest_robustplus.ledger.records import (
    AuditKey,
    AuditState,
    Check,
    EpisodeRecord,
    Run,
    StoredAudit,
    StoredEpisode,
)
from pytest_robustplus.results.cell import Conclusion
from pytest_robustplus.results.events import EpisodeEvents

# All positions of an order, however long.
EVERYWHERE = range(2**31)


class Ledger:
    """The record of every episode, timing and verdict; any number of processes may have it open at once.

    What a method has returned from is on disk and survives the death of the process. Every method raises
    ``LedgerError`` when the file cannot be read or written; nothing recorded before is lost by that.
    One instance may be shared by threads, never across a fork.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._runs: dict[int, str] = {}
        self._prefixes: dict[tuple[int, range], list[bool]] = {}
        self._provenances: set[str] = set()
        self._shares: dict[int, dict[int, float | None]] = {}

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, create: bool = True, verify: bool = True) -> Self:
        """Open the ledger at ``path``, making an empty one if there is none and ``create`` allows.

        ``verify=False`` skips the search for damage, for a process whose parent has just done it.
        """
        return cls(connect(Path(path), create=create, verify=verify))

    @property
    def path(self) -> Path:
        """Where the ledger lies."""
        return self._connection.path

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def together(self) -> AbstractContextManager[None]:
        """Write what is written within in one transaction: on disk once this is left, also by an exception."""
        return self._connection.together("recording together")

    # Runs

    def begin_run(self, run: str, *, command: str, versions: Mapping[str, str]) -> None:
        """Announce a run under an id that no other has; a second announcement changes nothing."""
        with self._connection.writing("beginning a run") as database:
            claims.sweep(database)
            database.execute(
                "INSERT INTO run (run, command, versions, started) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (run, command, to_json(versions), _now()),
            )
            claims.attend(database, run)

    def end_run(self, run: str, exitstatus: int) -> None:
        """Note that a run came to its end by itself."""
        with self._connection.writing("ending a run") as database:
            database.execute("UPDATE run SET ended = ?, exitstatus = ? WHERE run = ?", (_now(), exitstatus, run))
            claims.leave(database, run)

    # Audits

    def open_audit(self, key: AuditKey, *, run: str, total: int, order_seed: str) -> AuditState:
        """Join the audit of this key that is still undecided, with all its finished episodes, or begin one.

        A run meets the same audit however often and from whichever worker it asks, decided or not. An audit that any
        run has decided or measured is history to later runs, unless the last run of the same command was interrupted or
        still goes on: then what that one has decided stands. One that ended in error is resumed.
        """
        with self._connection.writing("opening an audit") as database:
            is_key = " AND ".join(f"{name} = ?" for name in history.KEY)
            before = history.unfinished(database, run)
            row = database.execute(
                f"""SELECT id, opened FROM audit WHERE {is_key} AND total = ? AND order_seed = ? AND (
                    EXISTS (SELECT 1 FROM part WHERE audit = id AND run IN (?, ?))
                    OR NOT EXISTS (SELECT 1 FROM part WHERE audit = id AND verdict <> 'error'))
                ORDER BY EXISTS (SELECT 1 FROM part WHERE audit = id AND run = ?) DESC,
                    EXISTS (SELECT 1 FROM part WHERE audit = id AND run = ?) DESC, id DESC LIMIT 1""",
                (*astuple(key), total, order_seed, run, before, run, before),
            ).fetchone()
            if row is None:
                row = database.execute(
                    f"""INSERT INTO audit ({", ".join(history.KEY)}, total, order_seed, opened)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id, opened""",
                    (*astuple(key), total, order_seed, _now()),
                ).fetchone()
            audit, opened = row
            database.execute(
                "INSERT INTO part (audit, run, joined) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (audit, run, _now())
            )
            taken = database.execute(
                "SELECT concluded FROM part WHERE audit = ? AND run = ? AND verdict <> 'error'", (audit, before)
            ).fetchone()
            (resumed,) = database.execute(
                "SELECT count(*) FROM episode WHERE audit = ? AND success IS NOT NULL", (audit,)
            ).fetchone()
            live = bool(taken) and claims.attended(database, before)
        self._runs[audit] = run
        return AuditState(id=audit, resumed=resumed, opened=opened, taken=taken[0] if taken else "", live=live)

    def adopt(self, audit: int, run: str) -> None:
        """Let a run play on an audit of an earlier one, whatever that one ended with."""
        with self._connection.writing("playing an audit on") as database:
            database.execute(
                "INSERT INTO part (audit, run, joined) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (audit, run, _now())
            )
        self._runs[audit] = run

    def close_audit(self, audit: int, conclusion: Conclusion) -> Conclusion:
        """Record how this run ends the audit; the first conclusion of a run stands and is returned."""
        values = history.columns(conclusion)
        with self._connection.writing("recording a verdict") as database:
            run = self._run(audit)
            database.execute(
                f"""UPDATE part SET concluded = :now, {", ".join(f"{name} = :{name}" for name in values)}
                WHERE audit = :audit AND run = :run AND verdict IS NULL""",
                {**values, "now": _now(), "audit": audit, "run": run},
            )
            return history.conclusion(database, audit, run) or conclusion

    def conclusion(self, audit: int) -> Conclusion | None:
        """How the audit ended: for the run that this instance opened it for, otherwise the latest ending."""
        with self._connection.reading("reading a verdict") as database:
            return history.conclusion(database, audit, self._runs.get(audit))

    def join(self, source: Source, audit: StoredAudit, run: str) -> int:
        """Take over an audit of another ledger with its episodes, all or nothing, as a part of ``run``.

        Returns how many finished episodes are new here.
        """
        with source.connection.reading("joining it") as theirs, self._connection.writing("joining ledgers") as database:
            return joining.add(database, theirs, audit, run)

    # Episodes

    def record(self, audit: int, position: int, episode: EpisodeRecord) -> int:
        """Record one try at a position of the audit's order and return its id.

        A position finishes once: a second finisher is dropped and gets the id of the first. A try in error is always
        kept, beside whatever else happened at its position, and leaves the claim on it as it is.
        """
        with self._connection.writing("recording an episode") as database:
            return self._record(database, audit, position, episode)

    def record_all(self, audit: int, episodes: Iterable[tuple[int, EpisodeRecord]]) -> None:
        """Record tries at many positions, as ``record`` does, all of them or none."""
        with self._connection.writing("recording episodes") as database:
            for position, episode in episodes:
                self._record(database, audit, position, episode)

    def _record(self, database: sqlite3.Connection, audit: int, position: int, episode: EpisodeRecord) -> int:
        facts = to_json(episode.provenance)
        provenance = digest(facts)
        parameters = to_json(episode.parameters)
        packed = None if episode.actions is None else pack_actions(episode.actions)
        run = self._run(audit)
        claims.beat(database, episode.worker)
        tries, first = database.execute(
            """SELECT count(*), max(id) FILTER (WHERE success IS NOT NULL) FROM episode
            WHERE audit = ? AND position = ?""",
            (audit, position),
        ).fetchone()
        if episode.success is not None:
            database.execute("DELETE FROM claim WHERE audit = ? AND position = ?", (audit, position))
            if first is not None:
                return int(first)
        if provenance not in self._provenances:
            database.execute("INSERT INTO provenance VALUES (?, ?) ON CONFLICT DO NOTHING", (provenance, facts))
        cursor = database.execute(
            """INSERT INTO episode (audit, run, position, attempt, task, suite, base, subdimension, parameters,
            trial, seed, instruction, prompt_source, success, error, steps, looks, inferences, simulator_s,
            policy_s, wall_s, state_hash, worker, started, provenance)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                audit,
                run,
                position,
                tries + 1,
                episode.task,
                episode.suite,
                episode.base,
                episode.subdimension,
                parameters,
                episode.trial,
                episode.seed,
                episode.instruction,
                episode.prompt_source,
                episode.success,
                episode.error,
                episode.steps,
                episode.looks,
                episode.inferences,
                episode.simulator_s,
                episode.policy_s,
                episode.wall_s,
                episode.state_hash,
                episode.worker,
                episode.started,
                provenance,
            ),
        )
        identity = cursor.lastrowid
        assert identity is not None
        if packed is not None:
            database.execute(
                "INSERT INTO actions (episode, dtype, stored, shape, data) VALUES (?, ?, ?, ?, ?)", (identity, *packed)
            )
        if episode.events is not None:
            database.execute(
                "INSERT INTO happened (episode, events) VALUES (?, ?)", (identity, to_json(episode.events.to_json()))
            )
        self._provenances.add(provenance)
        return identity

    def prefix(self, audit: int, places: range = EVERYWHERE) -> list[bool]:
        """Outcomes at positions 0, 1, … up to the first that has not finished: the only ones that may count.

        ``places`` are the positions that somebody's share of the order consists of.
        """
        with self._connection.reading("reading outcomes") as database:
            # What has finished never changes, so each look reads only what is new.
            known = self._prefixes.setdefault((audit, places), [])
            if len(known) == len(places):
                return known.copy()
            for position, success in database.execute(
                """SELECT position, success FROM episode
                WHERE audit = ? AND position >= ? AND success IS NOT NULL ORDER BY position""",
                (audit, places[len(known)]),
            ):
                if position not in places:
                    continue
                if position != places[len(known)]:
                    break
                known.append(bool(success))
                if len(known) == len(places):
                    break
            return known.copy()

    def shares(self, audit: int, places: Sequence[int]) -> list[float | None]:
        """The share of subgoals reached by each finished episode at ``places``, None where nobody watched."""
        with self._connection.reading("reading subgoals") as database:
            known = self._shares.setdefault(audit, {})
            # As outcomes, what has finished never changes.
            if any(place not in known for place in places):
                rows = database.execute(
                    """SELECT position, events FROM episode LEFT JOIN happened ON happened.episode = episode.id
                    WHERE audit = ? AND success IS NOT NULL AND position >= ?""",
                    (audit, min(place for place in places if place not in known)),
                )
                for position, events in rows:
                    known[position] = None if events is None else EpisodeEvents.from_json(json.loads(events)).progress
            return [known[place] for place in places]

    def outcomes(self, audit: int) -> dict[int, bool]:
        """Outcome of every finished position, in order, holes or not."""
        with self._connection.reading("reading outcomes") as database:
            rows = database.execute(
                "SELECT position, success FROM episode WHERE audit = ? AND success IS NOT NULL ORDER BY position",
                (audit,),
            )
            return {position: bool(success) for position, success in rows}

    def known(self, key: AuditKey, *, after: int = 0) -> dict[str, tuple[bool, int]]:
        """Outcome and episode by task, of every audit that asks for the same but for its population, the oldest first.

        ``after`` leaves out episodes up to that one: what has finished never changes.
        """
        with self._connection.reading("reading outcomes") as database:
            rows = database.execute(
                """SELECT e.task, e.success, e.id FROM episode e JOIN audit a ON a.id = e.audit
                WHERE a.model = ? AND a.benchmark = ? AND a.dimension = ? AND a.checkpoint = ? AND a.protocol = ?
                AND e.success IS NOT NULL AND e.id > ? ORDER BY e.id DESC""",
                (key.model, key.benchmark, key.dimension, key.checkpoint, key.protocol, after),
            )
            return {task: (bool(success), identity) for task, success, identity in rows}

    def tallies(self, run: str) -> dict[int, tuple[int, int]]:
        """How many episodes are on record of each audit that a run takes part in, and how many of them it played."""
        with self._connection.reading("counting episodes") as database:
            rows = database.execute(
                """SELECT audit, count(*), sum(run = :run) FROM episode
                WHERE audit IN (SELECT audit FROM part WHERE run = :run) AND success IS NOT NULL GROUP BY audit""",
                {"run": run},
            )
            return {audit: (finished, fresh) for audit, finished, fresh in rows}

    def seconds(self, model: str, benchmark: str, latest: int = 200) -> tuple[int, float]:
        """Of how many episodes of a model, the ``latest`` at most, the wall clock is known, and its mean in seconds."""
        with self._connection.reading("reading how long episodes take") as database:
            number, mean = database.execute(
                """SELECT count(*), avg(wall_s) FROM (SELECT e.wall_s FROM episode e JOIN audit a ON a.id = e.audit
                WHERE a.model = ? AND a.benchmark = ? AND e.success IS NOT NULL AND e.wall_s > 0
                ORDER BY e.id DESC LIMIT ?)""",
                (model, benchmark, latest),
            ).fetchone()
            return int(number), mean or 0.0

    def attempts(self, audit: int, position: int) -> list[StoredEpisode]:
        """Every try at a position, errors included, oldest first, without actions."""
        with self._connection.reading("reading attempts") as database:
            return history.episodes(database, "e.audit = ? AND e.position = ?", (audit, position), actions=False)

    # Claims of workers

    def claim(
        self,
        audit: int,
        worker: str,
        *,
        block: int,
        total: int,
        stale_s: float,
        tries: int = 2,
        after: int = 0,
        places: range = EVERYWHERE,
    ) -> range | None:
        """Claim the next free positions from ``after`` to below ``total``; None when all are finished or being played.

        All positions of the range, at most ``block`` of those in ``places``, are the worker's to play. Left out are
        those that failed to play ``tries`` times in this run. Claims of workers that died on this machine, or that have
        not recorded or beaten for ``stale_s`` seconds, are free: those of this run, whose names begin with its id, once
        ``reap`` has told of them. Worker names are unique among all runs that share the ledger.
        """
        run = self._run(audit)
        after = max(after, places[len(self.prefix(audit, places)) :].start)
        places = range(places.start, min(places.stop, total), places.step)
        with self._connection.writing("claiming episodes") as database:
            return claims.claim(
                database, audit, run, worker, after=after, block=block, places=places, stale_s=stale_s, tries=tries
            )

    def claimed(self, audit: int) -> int:
        """How many positions are at play now, by whomever."""
        with self._connection.reading("reading claims") as database:
            (count,) = database.execute("SELECT count(*) FROM claim WHERE audit = ?", (audit,)).fetchone()
        return int(count)

    def reap(self, audit: int, *, stale_s: float, own: str = "") -> list[tuple[int, str]]:
        """Free the claims of workers that are dead or silent for ``stale_s`` seconds, and say which ones they were.

        ``own`` is the name of who asks, whose claims stay.
        """
        with self._connection.writing("releasing claims") as database:
            return claims.reap(database, audit, stale_s, own)

    def heartbeat(self, worker: str) -> None:
        """Keep a worker's claims while it plays an episode longer than usual."""
        with self._connection.writing("keeping claims") as database:
            claims.beat(database, worker)

    def release(self, worker: str, audit: int | None = None, keep: Collection[int] = ()) -> None:
        """Give back what a worker has claimed and not finished, of one audit but for ``keep``, or of all audits."""
        with self._connection.writing("releasing claims") as database:
            claims.release(database, worker, audit, keep)

    def give_back(self, audit: int, position: int, worker: str) -> None:
        """Give back one position that a worker has claimed and not finished."""
        with self._connection.writing("releasing a claim") as database:
            claims.give_back(database, audit, position, worker)

    def release_stale(self, stale_s: float) -> None:
        """Give back the claims of all workers that are dead or silent for ``stale_s`` seconds, in every audit."""
        with self._connection.writing("releasing claims") as database:
            claims.release_stale(database, stale_s)

    # Pre-flight checks

    def record_check(self, run: str, model: str, benchmark: str, check: str, passed: bool, detail: str) -> None:
        """Record a pre-flight check; its latest outcome in a run counts."""
        with self._connection.writing("recording a pre-flight check") as database:
            database.execute(
                "INSERT OR REPLACE INTO preflight VALUES (?, ?, ?, ?, ?, ?)",
                (run, model, benchmark, check, passed, detail),
            )

    def record_fault(self, run: str, model: str, benchmark: str, check: str, detail: str) -> str:
        """Record that a check could not be run; returns the name of another one that has failed before it, if any.

        Then it counts as passed: of checks that one fault keeps from running, on however many workers, one fails.
        """
        with self._connection.writing("recording a pre-flight check") as database:
            before: tuple[str] = database.execute(
                """SELECT coalesce(min(name), '') FROM preflight
                WHERE run = ? AND model = ? AND benchmark = ? AND name != ? AND NOT passed""",
                (run, model, benchmark, check),
            ).fetchone()
            database.execute(
                "INSERT OR REPLACE INTO preflight VALUES (?, ?, ?, ?, ?, ?)",
                (run, model, benchmark, check, before[0] != "", detail),
            )
        return before[0]

    def checks(self, run: str, model: str, benchmark: str) -> list[Check]:
        """The pre-flight checks of this run on a model and a benchmark; one that failed stops the model's cells."""
        with self._connection.reading("reading pre-flight checks") as database:
            return history.checks(database, run, model, benchmark)

    # Latencies

    def record_latency(self, run: str, model: str, benchmark: str, figures: Mapping[str, object] | None) -> None:
        """Record what timing a model gave, None where it could not be timed; the latest of a run counts."""
        with self._connection.writing("recording a latency") as database:
            database.execute(
                "INSERT OR REPLACE INTO latency VALUES (?, ?, ?, ?)",
                (run, model, benchmark, None if figures is None else to_json(figures)),
            )

    def latencies(self, run: str) -> dict[tuple[str, str], dict[str, object] | None]:
        """What a run has timed so far, by model and benchmark."""
        with self._connection.reading("reading latencies") as database:
            rows = database.execute("SELECT model, benchmark, figures FROM latency WHERE run = ?", (run,))
            return {(model, name): None if text is None else json.loads(text) for model, name, text in rows}

    # Findings

    def record_findings(self, run: str, document: Mapping[str, object]) -> None:
        """Record all that a run found out, JSON's own types; nothing for a run that recorded nothing else."""
        with self._connection.writing("recording what a run found out") as database:
            database.execute(
                "INSERT OR REPLACE INTO findings (run, document) SELECT run, ? FROM run WHERE run = ?",
                (to_json(document), run),
            )

    def findings(self, run: str) -> dict[str, object] | None:
        """What a run found out; None where it was killed, or is of an earlier release."""
        with self._connection.reading("reading what a run found out") as database:
            row = database.execute("SELECT document FROM findings WHERE run = ?", (run,)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    # Reading

    def episode(self, identity: int | Literal["last"]) -> StoredEpisode:
        """Look up one recorded try with its actions; ``"last"`` is the one recorded last."""
        with self._connection.reading("reading an episode") as database:
            (last,) = database.execute("SELECT max(id) FROM episode").fetchone()
            wanted = last if identity == "last" else identity
            found = history.episodes(database, "e.id = ?", (wanted,), actions=True)
        if not found:
            held = "it holds none yet" if last is None else f"the last one is {last}"
            raise LedgerError(f"Ledger {self.path}: there is no episode {identity}; {held}.")
        return found[0]

    def episodes(self, audit: int) -> list[StoredEpisode]:
        """Every try of an audit by position and attempt, errors included, without actions."""
        with self._connection.reading("reading episodes") as database:
            return history.episodes(database, "e.audit = ?", (audit,), actions=False)

    def recorded(self, run: str, *, after: int = 0) -> list[StoredEpisode]:
        """What a run has finished since the episode ``after``, in the order of recording, without actions."""
        with self._connection.reading("reading episodes") as database:
            found = history.episodes(
                database, "e.id > ? AND e.run = ? AND e.success IS NOT NULL", (after, run), actions=False
            )
        return sorted(found, key=lambda episode: episode.id)

    def runs(self) -> list[Run]:
        """Every run, oldest first."""
        with self._connection.reading("reading runs") as database:
            return history.runs(database)

    def audit(self, identity: int) -> StoredAudit:
        """The audit of this id, as the run saw it that joined it last."""
        with self._connection.reading("reading an audit") as database:
            found = history.audits(database, "audit.id = ?", (identity,))
        if not found:
            raise LedgerError(f"Ledger {self.path}: there is no audit {identity}.")
        return found[-1]

    def audits(self, run: str | None = None) -> list[StoredAudit]:
        """The audits that a run took part in, or those of all runs, oldest first."""
        with self._connection.reading("reading audits") as database:
            return history.audits(database, "? IS NULL OR part.run = ?", (run, run))

    def history(self, model: str, benchmark: str, dimension: str) -> list[StoredAudit]:
        """One cell through all runs, oldest first."""
        with self._connection.reading("reading a cell's history") as database:
            return history.audits(
                database, "model = ? AND benchmark = ? AND dimension = ?", (model, benchmark, dimension)
            )

    def _run(self, audit: int) -> str:
        try:
            return self._runs[audit]
        except KeyError:
            raise LedgerError(f"Ledger {self.path}: audit {audit} must be opened before it is played.") from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
