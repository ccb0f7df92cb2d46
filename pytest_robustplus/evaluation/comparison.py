"""Playing policies side by side until it is known which of them solves more of the same tasks."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import nullcontext, suppress
from itertools import combinations

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import BadInputError, LedgerError, RobustnessError
from pytest_robustplus.evaluation.campaign import Move, Standing, campaign_of
from pytest_robustplus.evaluation.population import audit_key
from pytest_robustplus.evaluation.positions import Positions
from pytest_robustplus.evaluation.recorder import Recorder
from pytest_robustplus.evaluation.resources import Resources
from pytest_robustplus.ledger import compared, digest
from pytest_robustplus.policies.specs import weights
from pytest_robustplus.results import comparison as results
from pytest_robustplus.results.cell import Conclusion
from pytest_robustplus.results.comparison import Asked, ComparisonReport, Difference, Discordant, Split
from pytest_robustplus.results.notes import Note
from pytest_robustplus.rollout.executor import EpisodeResult
from pytest_robustplus.session.cells import Subject, TableCell
from pytest_robustplus.session.session import POLL_S
from pytest_robustplus.statistics import comparison as statistics
from pytest_robustplus.statistics.discordance import FEWEST, rerun_margin
from pytest_robustplus.statistics.evalues import noise_floor
from pytest_robustplus.statistics.order import order, order_seed
from pytest_robustplus.statistics.paired import Pairs

# Pairs by which it is guessed how many the answer takes.
KNOWN = 20


class _Side:
    """What is known of one policy on the tasks of a comparison, and how the rest of them is played."""

    def __init__(self, resources: Resources, cell: TableCell) -> None:
        self.cell = cell
        self._resources, self._session = resources, resources.session
        checkpoint = resources.checkpoints.of(cell)
        self.recording = resources.checkpoints.recording(cell)
        self.fingerprint = checkpoint.fingerprint if self.recording is None else self.recording.identity
        self.recorder = Recorder(self._session, cell)
        self.tasks: tuple[Task, ...] = ()
        self.outcomes: dict[int, bool] = {}
        self.episodes: dict[str, int] = {}
        self.audit = 0
        self._known = 0

    @property
    def key(self) -> object:
        """What its episodes depend on, those of a recorded one on what was recorded."""
        return self.fingerprint if self.recording is not None else self._key

    def join(self, tasks: tuple[Task, ...], seed: str) -> None:
        """Take up the tasks of the comparison in their order, and what is known of them."""
        self.tasks = tasks
        self._positions = {task.name: position for position, task in enumerate(tasks)}
        if self.recording is not None:
            self.outcomes = {position: self.recording.outcomes[task.name] for position, task in enumerate(tasks)}
            self.episodes = dict(self.recording.episodes)
            return
        ledger = self._session.ledger
        population = compared([task.name for task in tasks])
        self._key = audit_key(self._session, self.cell, self.fingerprint, population)
        self.audit = ledger.open_audit(self._key, run=self._session.run, total=len(tasks), order_seed=seed).id
        self.positions = Positions(self._session, self.recorder, self.audit, len(tasks), tasks.__getitem__)
        self._seen = 0
        self.refresh()

    def refresh(self) -> None:
        """Learn what came of episodes since the last look, whoever played them."""
        if self.recording is not None:
            return
        found = self._session.ledger.known(self._key, after=self._seen)
        self._seen = max([self._seen, *(identity for _, identity in found.values())])
        for name, (success, identity) in found.items():
            if name in self._positions:
                self.outcomes.setdefault(self._positions[name], success)
                self.episodes.setdefault(name, identity)

    @property
    def known(self) -> int:
        """How long the prefix of the order is on which the outcomes are known."""
        while self._known in self.outcomes:
            self._known += 1
        return self._known

    def reused(self, played: int) -> int:
        """How many of the first outcomes the ledger knew before this run."""
        if self.recording is not None:
            return 0
        stored = self._session.ledger.episodes(self.audit)
        fresh = {e.position for e in stored if e.run == self._session.run and e.record.success is not None}
        return sum(position not in fresh for position in range(played))


class Contest:
    """One comparison's attempt at an answer; any number of workers may share it through the ledger."""

    def __init__(
        self,
        resources: Resources,
        cells: Sequence[TableCell],
        asked: Asked | None,
        margin: float,
        *,
        budget: int | None = None,
    ) -> None:
        """Ask ``asked`` of the cells' policies about ``budget`` tasks; --robust-budget only ends the playing.

        Who does not know what exactly is asked, None, plays on until it is told that there is an answer.
        """
        session = resources.session
        self._budget = budget
        self._resources, self._session = resources, session
        self._asked, self._margin = asked, margin
        with nullcontext() if all(map(resources.checkpoints.loaded, cells)) else session.lease.shared():
            self._sides = [_Side(resources, cell) for cell in cells]
        self._id = "-vs-".join(cell.card.name for cell in cells) + f"-{cells[0].benchmark.name}-{cells[0].dimension}"
        self._listed = len(cells[0].tasks())
        tasks, self._seed = self._population()
        self._total = len(tasks)
        # What is asked of policies is answered for the whole list, from as many pairs as there are.
        usual = session.settings.budget.of(cells[0].dimension) if session.settings.budget else self._total
        self._most = min(usual, self._total) if budget is None else self._total
        for side in self._sides:
            side.join(tasks, self._seed)
        self._known = all(side.known == self._total for side in self._sides)
        self._within = int(margin * self._total + 1e-9)
        self._alpha = session.settings.alpha_pass / session.comparisons
        self._duel: statistics.Duel | None = None
        self._standings: statistics.Standings | None = None
        if asked == "best":
            self._standings = statistics.Standings(len(cells), self._total, self._alpha)
        else:
            self._duel = self._new_duel()
        self._judged = 0
        # How it stood, and until when that is believed; how far the order is likely to be played, and since when.
        self._over: int | None = None
        self._over_until = self._stood_until = 0.0
        self._stood: Standing | None = None
        self._foreseen, self._foreseen_at = self._most, -1

    def _population(self) -> tuple[tuple[Task, ...], str]:
        """The tasks that all policies can be compared on, in an order that belongs to all of them alike."""
        cell = self._sides[0].cell
        live = [side for side in self._sides if side.recording is None]
        recorded = [side.recording.outcomes for side in self._sides if side.recording is not None]
        common = [
            task
            for task in cell.tasks()
            if not (live and task.blocked) and all(task.name in outcomes for outcomes in recorded)
        ]
        if not common:
            raise BadInputError(
                f"{self._id}: there is no task that all of these policies can be compared on. Of {len(cell.tasks()):,}"
                f" listed, {len(cell.playable()):,} can be played here and "
                + ", ".join(f"{len(outcomes):,} are recorded" for outcomes in recorded)
                + "."
            )
        names = {
            "benchmark": cell.benchmark.name,
            "dimension": str(cell.dimension),
            "checkpoint": digest(sorted(weights(side.fingerprint) for side in self._sides)),
        }
        places = order([task.name for task in common], **names)
        return tuple(common[place] for place in places[: self._budget]), order_seed(**names)

    def _new_duel(self) -> statistics.Duel:
        total, within, alpha = self._total, self._within, self._alpha
        alpha_fail = self._session.settings.alpha_fail / self._session.comparisons
        alpha_pass = self._session.settings.alpha_pass
        # Two runs of one policy: nothing is asked before both are over.
        nothing = statistics.Question(total, {"equal": (statistics.Refute(1, -total - 1, 1.0),)})
        questions: dict[Asked | None, Callable[[], statistics.Question]] = {
            "rerun": lambda: nothing,
            None: lambda: nothing,
            "which": lambda: statistics.which_is_better(total, within, alpha),
            "better": lambda: statistics.better(total, 0, alpha_pass, alpha_fail),
            "not_worse": lambda: statistics.not_worse(total, within, alpha_pass, alpha_fail),
            "equivalent": lambda: statistics.equivalent(total, within, alpha_pass, alpha_fail),
        }
        first, second = self._sides
        # What is known of one policy beforehand is bet with; of both, everything is known.
        if first.recording is not None and second.recording is None:
            return statistics.Duel(questions[self._asked](), recorded=[first.outcomes[i] for i in range(total)])
        if second.recording is not None and first.recording is None:
            known = [second.outcomes[i] for i in range(total)]
            return statistics.Duel(questions[self._asked](), recorded=known, sign=-1)
        return statistics.Duel(questions[self._asked]())

    def decide(self) -> ComparisonReport:
        """Play until the answer is known and record that; raises what made an episode unplayable."""
        start, campaign = time.monotonic(), campaign_of(self._session.config)
        try:
            campaign.decide(self)
        except RobustnessError as error:
            # Tells helpers to stop.
            with suppress(LedgerError):
                self._conclude("error", str(error))
            raise
        finally:
            self._session.progress.end()
            self.leave()
        seconds = time.monotonic() - start
        report = campaign.meanwhile(self, lambda: self._report(seconds))
        self._conclude("measured", Note.of("compared", comparison=self._id))
        return report

    # What the campaign asks

    @property
    def subjects(self) -> Sequence[Subject]:
        """The policies that have anything to play."""
        return [side.cell for side in self._sides if side.recording is None]

    @property
    def key(self) -> object:
        """What its episodes depend on."""
        return tuple(side.key for side in self._sides)

    def decided(self) -> int | None:
        """Return after how many tasks the answer was known; raises what makes that impossible."""
        at = time.monotonic()
        if at < self._over_until:
            return self._over
        for side in self._sides:
            side.refresh()
        known = self._judged_pairs() if self._duel is not None else self._judged_standings()
        if not known:
            for side in self._live:
                if self._session.spread:
                    side.positions.count_losses()
                # Others may have finished the last one since, which the next look tells.
                if side.known < self._total:
                    side.positions.refuse_unplayable(side.known)
        # What this process brings is known at once; what others bring may wait as long as they do.
        self._over = self._judged if known else None
        self._over_until = at + (0.0 if self._session.spread else POLL_S)
        return self._over

    def next(self, *, first: bool) -> Move | None:
        """Claim the next move for who decides it, whatever became of an earlier attempt."""
        return self._claim(lambda _: True)

    def offer(self, room: Callable[[Subject], bool], chance: float) -> Move | None:
        """Claim the next move for who helps; None also when the answer is known, or who asked has given up."""
        return None if self.standing(chance) is None else self._claim(room)

    def _claim(self, room: Callable[[Subject], bool]) -> Move | None:
        """Take the next move: both sides of a pair, as many pairs ahead as there are simulators at work on them."""
        live = self._live
        free = max(campaign_of(self._session.config).players.free, 1)
        # Of a rerun the second run begins when the first has ended, so what both know says nothing of what is next.
        start = min((side.known for side in live), default=0)
        stop = min(start + sum(side.positions.at_play for side in live) + free, self._reach())
        for position, side in self._wanted(live, start, stop):
            if room(side.cell) and side.positions.claim_one(position):
                self._stood = self._stood and self._stood._replace(flying=self._stood.flying + 1)
                return Move(side.cell, position)
        return None

    def standing(self, chance: float) -> Standing | None:
        """How much is at play and how much its answer still takes; None once that is known or given up.

        Evidence grows faster than evenly, so that it seldom takes more than is foreseen, whatever the ``chance``.
        """
        at = time.monotonic()
        if at > self._stood_until:
            live, ledger = self._live, self._session.ledger
            over = self._session.spread and any(ledger.conclusion(side.audit) is not None for side in live)
            self._stood = None
            if not over and self.decided() is None:
                reach = self._reach()
                flying = sum(side.positions.at_play for side in live)
                self._stood = Standing(flying, max(sum(reach - side.known for side in live), 0))
            self._stood_until = at + POLL_S
        return self._stood

    def expected(self) -> int:
        """How many more episodes it takes at most."""
        return sum(self._most - side.known for side in self._live if side.known < self._most)

    def holds(self, move: Move) -> bool:
        """Whether all that follow wait for it."""
        return move.position == min((side.known for side in self._live), default=-1)

    def inherit(self, moves: Collection[Move]) -> None:
        """Take over from whoever played ahead for it here: these moves are at play, and nothing else is claimed."""
        self._stood_until = 0.0
        for side in self._playing:
            side.positions.keep([move.position for move in moves if move.subject.key == side.cell.key])

    def leave(self) -> None:
        """Give back whatever is claimed for it here."""
        self._stood_until = 0.0
        for side in self._playing:
            side.positions.leave()

    def task(self, move: Move) -> Task:
        """What is played."""
        return self._of(move).tasks[move.position]

    def take(self, move: Move, started: str, outcome: EpisodeResult) -> bool:
        """Record what came of a move; False when it is to be played once more."""
        self._over_until = self._stood_until = 0.0
        return self._of(move).positions.take(move.position, started, outcome)

    def give_back(self, move: Move) -> None:
        """Leave a claimed move to whoever comes."""
        self._of(move).positions.give_back(move.position)

    def _of(self, move: Move) -> _Side:
        return next(side for side in self._sides if side.cell.key == move.subject.key)

    @property
    def _playing(self) -> list[_Side]:
        """The sides that are not known by results alone."""
        return [side for side in self._sides if side.recording is None]

    @property
    def _live(self) -> list[_Side]:
        """The sides that have something to play: neither recorded nor beaten."""
        dropped = {} if self._standings is None else self._standings.dropped
        live = [side for n, side in enumerate(self._sides) if side.recording is None and n not in dropped]
        if self._asked == "rerun":
            # One policy object, which two pools at once would mix up: one run after the other.
            return [side for side in live if side.known < self._total][:1]
        return live

    def _reach(self) -> int:
        """How far into the order it is worth playing: to where the answer will be known if all goes on as so far."""
        played = self._judged
        if self._asked in ("rerun", None) or played < KNOWN:
            return self._most
        # Two more pairs of a hundred hardly change a guess.
        if not 0 <= played - self._foreseen_at <= played // 50:
            evidence = self._duel or self._standings
            assert evidence is not None
            self._foreseen, self._foreseen_at = min(evidence.foreseen(), self._most), played
        return min(max(self._foreseen, played + 1), self._most)

    @staticmethod
    def _wanted(live: Sequence[_Side], start: int, stop: int) -> Iterator[tuple[int, _Side]]:
        """What is not known yet, task by task; who goes first alternates, so that drift and load hit all alike."""
        for position in range(start, stop):
            turn = position % len(live)
            for side in (*live[turn:], *live[:turn]):
                if position not in side.outcomes:
                    yield position, side

    def _judged_pairs(self) -> bool:
        duel, (first, second) = self._duel, self._sides
        assert duel is not None
        new = min(first.known, second.known)
        diff = [int(first.outcomes[i]) - int(second.outcomes[i]) for i in range(self._judged, new)]
        # What was known beforehand counts whole; of what is played the prefix that answers, however late that is seen.
        if self._asked in ("rerun", None) or self._known or duel.update(diff) is None:
            self._judged = new
            if new == self._total:
                duel.settle(self._net(first, second, new))
        else:
            self._judged = duel.pairs
        return duel.answer is not None or self._judged >= self._most

    def _judged_standings(self) -> bool:
        standings = self._standings
        assert standings is not None
        while standings.played < self._most:
            if len(standings.unbeaten) == 1 or self._all_equal():
                break
            solved = {n: self._sides[n].outcomes.get(standings.played) for n in standings.unbeaten}
            if None in solved.values():
                self._judged = standings.played
                return False
            standings.add({n: bool(outcome) for n, outcome in solved.items()})
        self._judged = standings.played
        return True

    def _all_equal(self) -> bool:
        """Whether those not beaten are proven to lie within the margin of each other."""
        standings = self._standings
        assert standings is not None
        if not self._within or standings.played < self._total // 50 or standings.played % 10:
            return False
        sides = [self._sides[n] for n in standings.unbeaten]
        found = [self._bounds(a, b, standings.played) for a, b in combinations(sides, 2)]
        return all(-self._within <= b.lower and b.upper <= self._within for b in found)

    def _conclude(self, verdict: str, reason: Note | str) -> None:
        for side in self._sides:
            if side.recording is not None:
                continue
            played = [side.outcomes[i] for i in range(min(self._judged, side.known))]
            self._session.ledger.close_audit(
                side.audit,
                Conclusion(
                    outcome="error" if verdict == "error" else "measured",
                    played=len(played),
                    successes=sum(played),
                    low=0.0,
                    high=1.0,
                    notes=(reason,),
                ),
            )

    # What is reported

    @staticmethod
    def _net(first: _Side, second: _Side, pairs: int) -> int:
        return sum(int(first.outcomes[i]) - int(second.outcomes[i]) for i in range(pairs))

    def _bounds(self, first: _Side, second: _Side, pairs: int) -> statistics.Bounds:
        diff = [int(first.outcomes[i]) - int(second.outcomes[i]) for i in range(pairs)]
        return statistics.bounds(diff, self._total, self._alpha)

    def _pairs_of(self, first: int, second: int) -> int:
        """How many pairs of two sides count: until either was dropped."""
        dropped = {} if self._standings is None else self._standings.dropped
        return min(dropped.get(first, self._judged), dropped.get(second, self._judged))

    def _report(self, seconds: float) -> ComparisonReport:
        pairs, duel = self._judged, self._duel
        sides = self._side_reports()
        first, second = self._sides[:2]
        answer = "unbeaten" if duel is None else str(duel.answer or "undecided")
        logs = {} if duel is None else duel.log
        noise, measured = self._noise(sides[:2])
        return ComparisonReport(
            models=tuple(side.cell.card.name for side in self._sides),
            benchmark=first.cell.benchmark.name,
            dimension=str(first.cell.dimension),
            asked=self._asked or "which",
            answer=answer,  # type: ignore[arg-type]
            pairs=pairs,
            total=self._total,
            listed=self._listed,
            within=self._within,
            noise=int(noise * self._total + 1e-9),
            noise_measured=measured,
            alpha=self._alpha,
            family=self._session.comparisons,
            sides=sides,
            differences=tuple(self._difference(a, b) for a, b in combinations(range(len(self._sides)), 2)),
            discordant=self._discordant(first, second, self._pairs_of(0, 1)),
            splits=self._splits(first, second, self._pairs_of(0, 1)),
            log_first=_finite(max((log for (side, _), log in logs.items() if side > 0), default=0.0)),
            log_second=_finite(max((log for (side, _), log in logs.items() if side < 0), default=0.0)),
            order_seed=self._seed,
            seconds=seconds,
            notes=tuple(self._notes()),
        )

    def _noise(self, sides: Sequence[results.Side]) -> tuple[float, bool]:
        """What two runs of one policy differ by once in a hundred times, and whether that was measured."""
        recordings = [side.recording for side in self._sides if side.recording is not None]
        repeats = [one.repeats for one in recordings if one.repeats is not None and one.repeats[0] >= FEWEST]
        if repeats:
            return max(rerun_margin(discordant, tasks, self._total) for tasks, discordant in repeats), True
        played = max(sum(side.played for side in sides), 1)
        return noise_floor(sum(side.successes for side in sides) / played, self._total), False

    def _side_reports(self) -> tuple[results.Side, ...]:
        dropped = {} if self._standings is None else self._standings.dropped
        found = []
        for number, side in enumerate(self._sides):
            played = dropped.get(number, self._judged)
            found.append(
                results.Side(
                    side.cell.card.name,
                    sum(side.outcomes[i] for i in range(played)),
                    played,
                    "" if side.recording is None else side.recording.source,
                    side.audit,
                    side.reused(played),
                    dropped.get(number, 0),
                )
            )
        return tuple(found)

    def _difference(self, a: int, b: int) -> Difference:
        first, second, pairs = self._sides[a], self._sides[b], self._pairs_of(a, b)
        outcomes = [[side.outcomes[i] for i in range(pairs)] for side in (first, second)]
        counted = Pairs.of(outcomes[0], outcomes[1])
        bounds = self._bounds(first, second, pairs)
        names = first.cell.card.name, second.cell.card.name
        return Difference(*names, pairs, counted.lost, counted.gained, bounds.lower, bounds.upper, counted.mcnemar_p)

    @staticmethod
    def _discordant(first: _Side, second: _Side, pairs: int) -> tuple[Discordant, ...]:
        found = []
        for position in range(pairs):
            if first.outcomes[position] != second.outcomes[position]:
                name = first.tasks[position].name
                solver = (first if first.outcomes[position] else second).cell.card.name
                found.append(Discordant(name, solver, (first.episodes.get(name, 0), second.episodes.get(name, 0))))
        return tuple(found)

    @staticmethod
    def _splits(first: _Side, second: _Side, pairs: int) -> tuple[Split, ...]:
        counts: dict[str, Counter[int]] = defaultdict(Counter)
        for position in range(pairs):
            task = first.tasks[position]
            counts[task.subdimension or task.suite][first.outcomes[position] - second.outcomes[position]] += 1
        return tuple(Split(name, count.total(), count[1], count[-1]) for name, count in sorted(counts.items()))

    def _notes(self) -> Iterator[Note]:
        for side in self._sides:
            if side.recording is not None:
                yield from side.recording.notes
        prompts = {side.cell.card.name: self._prompts(side) for side in self._sides}
        if len({prompt for prompt in prompts.values() if prompt}) > 1:
            yield Note.of("prompts_differ", prompts=prompts)
        protocols = [dict(side.recorder.protocol) for side in self._sides if side.recording is None]
        for other in protocols[1:]:
            differ = [key for key in protocols[0] if key != "prompt_source" and other.get(key) != protocols[0][key]]
            if differ:
                yield Note.of("other_rules", rules=[[key, protocols[0][key], other.get(key)] for key in differ])
        if any(side.recording is not None for side in self._sides):
            yield from self._other_versions()
        if self._total < self._listed:
            yield Note.of("part_of_list", tasks=self._total, listed=self._listed)

    @staticmethod
    def _prompts(side: _Side) -> str:
        own = side.recording.prompt_source if side.recording is not None else side.recorder.protocol["prompt_source"]
        return "" if own == "unstated" else str(own)

    def _other_versions(self) -> Iterator[Note]:
        first, *others = self._sides
        versions = self._versions(first)
        for side in others:
            own = self._versions(side)
            for name, version in versions.items():
                if name in own and name not in ("python", "checkpoint") and own[name] != version:
                    told = [[version, first.cell.card.name], [own[name], side.cell.card.name]]
                    yield Note.of("versions_differ", name=name, versions=told)

    def _versions(self, side: _Side) -> dict[str, str]:
        if side.recording is not None:
            return dict(side.recording.versions)
        identity = next(iter(side.episodes.values()), None)
        if identity is None:
            return {}
        kept = ("profile", "protocol")
        facts = self._session.ledger.episode(identity).record.provenance
        return {name: value for name, value in facts.items() if name not in kept}


def _finite(log: float) -> float:
    return min(max(log, -statistics.LARGEST_LOG), statistics.LARGEST_LOG)
