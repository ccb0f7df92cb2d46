"""Playing a cell until its verdict is known: the one place where statistics, ledger and rollout meet."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext, suppress
from functools import cached_property

from pytest_robustplus.baselines import Baseline
from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import BadInputError, LedgerError, RobustnessError, SimulatorError
from pytest_robustplus.evaluation.assurance import drifting, earlier, estimated, spot_p, spot_positions
from pytest_robustplus.evaluation.campaign import EVEN, Move, Standing, campaign_of
from pytest_robustplus.evaluation.credit import Credit
from pytest_robustplus.evaluation.gates import gates, share_of_alpha, strictest, watch
from pytest_robustplus.evaluation.population import Population, audit_key
from pytest_robustplus.evaluation.positions import Positions
from pytest_robustplus.evaluation.recorder import Recorder
from pytest_robustplus.evaluation.resources import Resources
from pytest_robustplus.evaluation.searching import Episodes, play
from pytest_robustplus.ledger import AuditKey, AuditState, StoredEpisode, summaries
from pytest_robustplus.options import ALL
from pytest_robustplus.results.cell import (
    CellReport,
    Conclusion,
    Drifting,
    GateReport,
    Group,
    Outcome,
    Rerun,
)
from pytest_robustplus.results.notes import Note
from pytest_robustplus.rollout.executor import EpisodeResult
from pytest_robustplus.session.cells import Subject, TableCell
from pytest_robustplus.session.session import POLL_S
from pytest_robustplus.statistics.bounded import MeanPlan
from pytest_robustplus.statistics.evalues import Plan, Verdict
from pytest_robustplus.statistics.reruns import pooled
from pytest_robustplus.statistics.sequential import Decision, Region

# Outcomes that a rate may be judged by.
KNOWN = 20
SHOWN_FAILURES = 5
# An audit that had nothing free and has not changed is asked again so often.
BARREN_S = 2.0


class Audit:
    """One cell's attempt at a verdict; any number of workers may share it through the ledger.

    An ablation brings the ``population`` of the model's cell.
    """

    def __init__(
        self,
        resources: Resources,
        cell: TableCell,
        baselines: Sequence[Baseline],
        *,
        population: Population | None = None,
    ) -> None:
        session = resources.session
        self._resources, self._session = resources, session
        self._cell, self._baselines = cell, baselines
        with nullcontext() if resources.checkpoints.loaded(cell) else session.lease.shared():
            fingerprint = resources.checkpoints.fingerprint(cell)
        budget = session.settings.budget and session.settings.budget.of(cell.dimension)
        known = resources.checkpoints.recording(cell)
        self._population = population or Population.of(
            cell, fingerprint, baselines, budget, None if known is None else known.outcomes
        )
        if not self._population.tasks:
            raise BadInputError(
                f"{cell.id}: none of its {self._population.playable:,} playable tasks has an outcome in the accepted"
                f" run ({', '.join(baseline.source for baseline in baselines)}). Accept a run that played them."
            )
        self._recorder = Recorder(session, cell)
        self._protocol = self._recorder.protocol
        # Of a whole cell all of it; a share of one has no verdict of its own, and so no gates.
        self._places = session.share.places(len(self._population.tasks))
        judged = baselines if session.share is ALL else ()
        self._gates, self._unasked = gates(judged, self._population, session.settings, session.questions)
        self._watch = watch(self._gates, session.settings)
        self._credit: Credit | None = None
        if (needed := session.settings.subgoals) and session.share is ALL:
            alpha = share_of_alpha(len(judged), session.settings, session.questions)
            plan = MeanPlan(len(self._places), needed, session.settings.alpha_pass, alpha)
            self._credit = Credit(plan)
        # Of a budget or a share of the list, too, the list's: what was played is a sample of it.
        self._interval = Plan(self._population.known, 0, 0).interval
        self._key = audit_key(session, cell, fingerprint, self._population.digest())
        self._told = False
        # How it stood, and until when, since nothing was free for helpers.
        self._barren: tuple[tuple[int, int], float] = ((-1, -1), 0.0)
        # How far into its places was handed out; how it stood, by the chance to be answered, and until when.
        self._ahead = 0
        self._stood: dict[float, tuple[int, int | None]] = {}
        self._judged: int | None = None
        self._judged_until = 0.0
        # For which prefix it was last foreseen how far the order is played with a chance, and how far that was.
        self._foreseen: dict[float, tuple[int, int]] = {}
        self._stood_until = 0.0

    @cached_property
    def _state(self) -> AuditState:
        """Joined on first use, so that who only compares ``key`` leaves no trace."""
        return self._session.ledger.open_audit(
            self.key,
            run=self._session.run,
            total=len(self._population.tasks),
            order_seed=self._population.order_seed,
        )

    @cached_property
    def _positions(self) -> Positions:
        return self._positions_of(self._state.id)

    def _positions_of(self, audit: int) -> Positions:
        """Those of this audit, or of an earlier run's with the same tasks."""
        return Positions(self._session, self._recorder, audit, len(self._population.tasks), self._task)

    @property
    def subjects(self) -> Sequence[Subject]:
        """The cell, whole or ablated."""
        return (self._cell,)

    @property
    def cell(self) -> TableCell:
        """The same."""
        return self._cell

    @property
    def empty(self) -> bool:
        """Whether the share that this run plays has none of the cell's tasks."""
        return not self._places

    @property
    def key(self) -> AuditKey:
        """What its episodes depend on."""
        return self._key

    def decide(self) -> CellReport:
        """Play until the verdict is known and record it; raises what made an episode unplayable."""
        start = time.monotonic()
        told = self._session.ledger.conclusion(self._state.id)
        # By this very run, whose test some plugin runs again, or of which two tests ask the same.
        self._told = told is not None and told.outcome != "error"
        try:
            played = campaign_of(self._session.config).decide(self)
            spots = self._spots(played)
            runs = self._all_runs(played)
        except RobustnessError as error:
            # Tells helpers to stop; a later run takes such an audit up again.
            with suppress(LedgerError):
                self._session.ledger.close_audit(self._state.id, self._unplayable(str(error)))
            raise
        finally:
            self._session.progress.end()
            # A worker that gives up on an episode must not keep others waiting for it.
            self._session.ledger.release(self._session.claimant, self._state.id)
        seconds = time.monotonic() - start
        campaign = campaign_of(self._session.config)
        report = campaign.meanwhile(self, lambda: self._report(played, spots, runs, seconds))
        if self._session.share is ALL:
            # Otherwise the question stays open: whoever has the other shares concludes it.
            self._session.ledger.close_audit(self._state.id, report)
        return report

    def decided(self) -> int | None:
        """Return how many episodes the verdict needed, once it is known; raises what makes it unknowable."""
        at = time.monotonic()
        if at < self._judged_until:
            return self._judged
        played = self._decided()
        if played is None:
            if self._session.settings.merge:
                raise self._incomplete()
            if self._session.spread:
                self._positions.count_losses()
            # Others may have finished the last one since, which the next look tells.
            if (position := self._holding()) >= 0:
                self._positions.refuse_unplayable(position)
        # What this process brings is known at once; what others bring may wait as long as they do.
        self._judged, self._judged_until = played, at + (0.0 if self._session.spread else POLL_S)
        return played

    def next(self, *, first: bool) -> Move | None:
        """Claim the next free position for the worker that leads; what it plays beside the ``first`` one is help."""
        return self._claim(len(self._places) if first else self._reach(EVEN))

    def offer(self, room: Callable[[Subject], bool], chance: float) -> Move | None:
        """Claim the next free position for a helper, who plays until the verdict is known or the lead has given up."""
        if not room(self._cell):
            return None
        ledger, audit = self._session.ledger, self._state.id
        if not self._session.spread:
            return None if self.standing(chance) is None else self._claim(self._stood[chance][1] or 0)
        stands, wait_until = (len(self._prefix()), ledger.claimed(audit)), time.monotonic() + BARREN_S
        # Claiming writes, which many idle workers must not do many times a second.
        if stands == self._barren[0] and wait_until - BARREN_S < self._barren[1]:
            return None
        if ledger.conclusion(audit) is None and self.decided() is None:
            move = self._claim(self._reach(chance))
            if move is not None:
                return move
        self._barren = stands, wait_until
        return None

    def standing(self, chance: float) -> Standing | None:
        """How much is at play and how much is needed; None once it is decided or given up."""
        at, spread = time.monotonic(), self._session.spread
        if at > self._stood_until:
            self._stood.clear()
        if chance not in self._stood:
            over = spread and self._session.ledger.conclusion(self._state.id) is not None
            reach = None if over or self.decided() is not None else self._reach(chance)
            self._stood[chance], self._stood_until = (len(self._prefix()), reach), at + POLL_S
        prefix, reach = self._stood[chance]
        if reach is None:
            return None
        flying = self._session.ledger.claimed(self._state.id) if spread else max(self._ahead - prefix, 0)
        return Standing(flying, reach - prefix)

    def expected(self) -> int:
        """How many more episodes it is likely to take: of a policy like its baselines, until they can be told apart."""
        total, played = len(self._places), len(self._prefix())
        if not self._gates or total <= KNOWN:
            return total - played
        likely = max(gate.foreseen(KNOWN, round(KNOWN * gate.rate)) for gate in self._gates)
        return max(likely - played, 1)

    def holds(self, move: Move) -> bool:
        """Whether all that follow wait for it."""
        return move.position == self._holding()

    def _holding(self) -> int:
        """The first position that has not finished; -1 where all have."""
        prefix = len(self._prefix())
        return self._places[prefix] if prefix < len(self._places) else -1

    def inherit(self, moves: Collection[Move]) -> None:
        """Take over from whoever played ahead for it here: these moves are at play, and nothing else is claimed."""
        self._positions.keep([move.position for move in moves])
        self._ahead = max([self._ahead, *(self._places.index(move.position) + 1 for move in moves)])

    def leave(self) -> None:
        """Give back whatever is claimed for it here."""
        self._ahead = 0
        self._stood.clear()
        self._positions.leave()

    def helpers(self) -> int:
        """How many play for it now."""
        return self._session.ledger.claimed(self._state.id)

    def task(self, move: Move) -> Task:
        """What is played at a position of the order."""
        return self._task(move.position)

    def _task(self, position: int) -> Task:
        return self._population.tasks[position]

    def take(self, move: Move, started: str, outcome: EpisodeResult) -> bool:
        """Record what came of a position; False when it is to be played once more."""
        self._stood.clear()
        self._judged_until = 0.0
        return self._positions.take(move.position, started, outcome)

    def give_back(self, move: Move) -> None:
        """Leave a claimed position to whoever comes."""
        self._positions.give_back(move.position)

    def _claim(self, reach: int) -> Move | None:
        """Take the next free one of the first ``reach`` of its places."""
        # Where nobody else claims, a cluster's worth at once costs as much as one.
        block = 1 if self._session.spread else campaign_of(self._session.config).players.block
        position = self._positions.claim(self._places[:reach], block=block)
        if position is None:
            return None
        self._ahead = max(self._ahead, self._places.index(position) + 1)
        return Move(self._cell, position)

    def _prefix(self) -> list[bool]:
        return self._session.ledger.prefix(self._state.id, self._places)

    def _incomplete(self) -> LedgerError:
        """Say what the joined ledgers lack for a verdict."""
        known = self._session.ledger.outcomes(self._state.id)
        total, first = len(self._places), len(self._prefix())
        missing = [place for place in self._places if place not in known]
        return LedgerError(
            f"{self._cell.id}: the joined ledgers hold {len(known):,} of {total:,} episodes, and without number"
            f" {first + 1:,} of the order, of {self._task(first).name}, the verdict is open; {len(missing):,} are"
            " missing. Join the ledgers of the missing shards, too, or play on with the same command without"
            " --robust-merge."
        )

    def _decided(self) -> int | None:
        """Return how many episodes the verdict needed, looking after each one in order, whoever played it.

        Looking at every length of the prefix, not only at its present end, is what makes verdicts independent of how
        many workers fed it.
        """
        outcomes = self._prefix()
        for gate in self._gates:
            gate.update(outcomes)
        total = len(self._places)
        if self._credit is not None:
            self._credit.update(self._shares(len(outcomes)))
        decided = self._decisions()
        # One lost question fails the cell; it passes only when every question has been answered.
        if failed := [decision.played for decision in decided if decision.verdict is Verdict.FAIL]:
            return min(failed)
        if decided and len(decided) == self._asked():
            stop = self._watch.stop(outcomes, max(decision.played for decision in decided))
            if stop is not None:
                return stop
        return total if len(outcomes) == total else None

    def _asked(self) -> int:
        """How many questions have to be answered for a PASS."""
        return len(self._gates) + (self._credit is not None and not self._credit.lost)

    def _decisions(self) -> list[Decision]:
        decided = [gate.decision for gate in self._gates]
        if self._credit is not None and not self._credit.lost:
            decided.append(self._credit.decision)
        return [decision for decision in decided if decision is not None]

    def _shares(self, played: int) -> list[float | None]:
        return self._session.ledger.shares(self._state.id, self._places[:played])

    def _reach(self, chance: float) -> int:
        """How far into the order helpers play: to where the verdict will have fallen with a ``chance``.

        Beyond it they wait. With 64 workers that takes a fifth off the episodes played in vain, and costs no time.
        """
        outcomes = self._prefix()
        played, successes, total = len(outcomes), sum(outcomes), len(self._places)
        if played < KNOWN or not self._gates or self._asked() > len(self._gates):
            return total
        if open_yet := [gate for gate in self._gates if gate.decision is None]:
            # A bisection over the plan, for a guess: two more episodes of a hundred hardly change it.
            at, reach = self._foreseen.get(chance, (-1, total))
            if not 0 <= played - at <= played // 50:
                reach = max(gate.foreseen(played, successes, chance) for gate in open_yet)
                self._foreseen[chance] = played, reach
            return max(reach, played + 1)
        passed = max(gate.decision.played for gate in self._gates if gate.decision is not None)
        return self._watch.foreseen(played, successes, passed) or total

    def _spots(self, played: int) -> list[bool]:
        """Play what is to be played beyond an early PASS, which it may contradict."""
        total, wanted = len(self._population.tasks), self._session.settings.spots
        if not wanted or played == total or self._outcome(played) != "pass":
            return []
        places = spot_positions(played, total, wanted)
        return self._played(self._state.id, places)

    def _all_runs(self, played: int) -> Rerun:
        """What earlier runs of the checkpoint ended with; played on, if asked to, until all decide together."""
        ledger = self._session.ledger
        before = earlier(ledger, self.key, self._state.id)
        verdicts = tuple(verdict for _, verdict in before)
        asked = max((g.planned.plan for g in self._gates if g.side != "above"), key=lambda p: p.needed, default=None)
        if not (self._session.settings.all_runs and before and asked is not None):
            return Rerun(verdicts)
        audits = [*(audit for audit, _ in before), self._state.id]
        for audit in audits:
            ledger.adopt(audit, self._session.run)
        while True:
            prefixes = [ledger.prefix(audit) for audit in audits]
            found = pooled(asked, prefixes)
            if found.decision is not None:
                return Rerun(verdicts, str(found.decision.verdict), found.common, found.rate)
            # At the last task of all runs the question is settled by arithmetic.
            for audit, prefix in zip(audits, prefixes, strict=True):
                if len(prefix) == found.common:
                    self._played(audit, [found.common])

    def _played(self, audit: int, places: Sequence[int]) -> list[bool]:
        """The outcomes at places of an audit, played here unless the ledger has them or another worker plays them."""
        known = self._session.ledger.outcomes(audit)
        return play(self._resources, Episodes(self._cell, self._positions_of(audit), known), places)

    def _outcome(self, played: int) -> Outcome:
        if not self._asked():
            return "measured"
        decisions = self._decisions()
        failed = any(decision.played <= played and decision.verdict is Verdict.FAIL for decision in decisions)
        return "fail" if failed else "pass"

    def _unplayable(self, reason: str) -> Conclusion:
        outcomes = self._prefix()
        played, successes = len(outcomes), sum(outcomes)
        low, high = self._interval(played, successes)
        return Conclusion(
            outcome="error",
            played=played,
            successes=successes,
            low=low,
            high=high,
            notes=(reason,),
        )

    def _report(self, played: int, spots: list[bool], runs: Rerun, seconds: float) -> CellReport:
        outcomes = self._prefix()[:played]
        successes = sum(outcomes)
        low, high = self._interval(played, successes)
        outcome = self._outcome(played)
        if runs.pooled:
            outcome = "pass" if runs.pooled == "pass" else "fail"
        tasks = [self._task(place).name for place in self._places]
        counted = [e for e in self._session.ledger.episodes(self._state.id) if e.position in self._places[:played]]
        finished = [e for e in counted if e.record.success is not None]
        episodes = [stored.id for stored in finished]
        asked = [gate.report(outcomes, tasks, episodes) for gate in self._gates]
        shown = strictest(asked)
        above = [note for gate in self._gates for note in gate.above(outcomes)]
        return CellReport(
            model=self._cell.card.name,
            benchmark=self._cell.benchmark.name,
            dimension=str(self._cell.dimension),
            outcome=outcome,
            successes=successes,
            played=played,
            total=len(self._places),
            playable=self._population.playable,
            listed=self._population.listed,
            drawn_from=self._population.known,
            low=low,
            high=high,
            seconds=seconds,
            # Not what was there when this worker joined: helpers of this very run may have come first.
            resumed=sum(stored.run != self._session.run for stored in finished),
            baseline=None if shown is None else shown.baseline,
            source="" if shown is None else shown.source,
            margin=0.0 if shown is None else shown.margin,
            margin_raised=shown is not None and shown.raised,
            log_pass=0.0 if shown is None else shown.log_pass,
            log_fail=0.0 if shown is None else shown.log_fail,
            above=bool(above),
            order_seed=self._population.order_seed,
            audit=self._state.id,
            checkpoint=self._session.ledger.audit(self._state.id).key.checkpoint,
            notes=(*above, *self._notes(), *self._renderers(finished)),
            groups=self._groups(outcomes),
            failed=tuple(summaries.failed(finished)[:SHOWN_FAILURES]),
            failures=summaries.failures(finished),
            progress=summaries.progress(finished),
            credit=None if self._credit is None else self._credit.report(self._shares(played)),
            gates=tuple(asked),
            needed=None if shown is None else _least(shown, len(tasks)),
            side="" if shown is None else shown.side,
            questions=self._session.questions,
            estimate=estimated(
                self._regions(), self._watch, played, successes, len(self._places), self._population.known
            ),
            taken="" if self._state.live else self._state.taken[:19].replace("T", " "),
            drift=self._drift(outcomes, spots),
            reruns=runs,
        )

    def _regions(self) -> list[Region | None]:
        """Where each question of the cell is answered, None for one that looks at more than counts."""
        by_subgoals = self._asked() > len(self._gates)
        return [*(gate.test.region for gate in self._gates), *([None] if by_subgoals else [])]

    def _drift(self, outcomes: list[bool], spots: list[bool]) -> Drifting | None:
        level = self._alarm_level
        found = drifting(self._gates, outcomes, level)
        asked = max((g.planned.plan for g in self._gates if g.side != "above"), key=lambda p: p.needed, default=None)
        if not spots or asked is None:
            return found
        p = spot_p(asked, len(outcomes), sum(outcomes), len(spots), sum(spots))
        base = found or Drifting(1.0, sum(outcomes) / len(outcomes), sum(outcomes) / len(outcomes), False)
        return base._replace(alarm=base.alarm or p <= level, spots=len(spots), spot_successes=sum(spots), spot_p=p)

    @property
    def _alarm_level(self) -> float:
        return self._session.settings.alpha_fail / self._session.questions

    def _notes(self) -> list[Note]:
        if (share := self._session.share) is not ALL:
            total = len(self._population.tasks)
            return [Note.of("share", share=str(share), total=total)]
        notes = list(self._session.lacking(self._cell))
        if self._told:
            notes.append(Note.of("already_answered"))
        if self._state.live:
            when = self._state.taken[:19].replace("T", " ")
            notes.append(Note.of("still_running", when=when))
        for baseline in self._baselines:
            notes += self._population.notes(baseline)
            own = self._protocol["prompt_source"]
            if baseline.prompt_source and baseline.prompt_source != own:
                notes.append(Note.of("other_prompts", here=str(own), baseline=baseline.prompt_source))
            notes += self._other_versions(baseline)
        if self._credit is not None and self._credit.lost:
            notes.append(Note.of("subgoals_unknown"))
        return notes + self._unasked

    def _renderers(self, finished: Sequence[StoredEpisode]) -> list[Note]:
        """A note where the pictures of a cell were drawn by several renderers; raises where that is not wanted."""
        found = Counter(e.record.provenance["renderer"] for e in finished if "renderer" in e.record.provenance)
        if len(found) < 2:
            return []
        if self._session.settings.one_renderer:
            told = ", ".join(f"{name} ({times:,} episodes)" for name, times in found.most_common())
            raise SimulatorError(
                f"{self._cell.id}: --robust-one-renderer, and its pictures come from {told}. Play it on machines that"
                " draw alike, with --robust-fresh."
            )
        return [Note.of("several_renderers", renderers=[[name, times] for name, times in found.most_common()])]

    def _other_versions(self, baseline: Baseline) -> list[Note]:
        if not baseline.versions:
            return []
        played = self._session.ledger.attempts(self._state.id, 0)
        here = played[-1].record.provenance if played else {}
        return [
            Note.of("other_version", name=name, here=here[name], baseline=then)
            for name, then in baseline.versions.items()
            # Simulators and what draws are named themselves; the interpreter changes nothing of either.
            if name != "python" and name in here and here[name] != then
        ]

    def _groups(self, outcomes: list[bool]) -> tuple[Group, ...]:
        found: dict[str, list[bool]] = defaultdict(list)
        for place, success in zip(self._places, outcomes, strict=False):
            task = self._task(place)
            found[task.subdimension or task.suite].append(success)
        return tuple(Group(name, sum(group), len(group)) for name, group in sorted(found.items()))


def _least(shown: GateReport, total: int) -> float:
    """The least rate that passes; of a question from above the greatest."""
    needed = max(shown.baseline_tasks - shown.margin_tasks, 0)
    return (total - needed if shown.side == "above" else needed) / total
