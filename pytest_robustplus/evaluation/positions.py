"""The episodes of one audit in the hands of who plays them: claimed, recorded, given back, tried twice at most."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import PolicyError, SimulatorError
from pytest_robustplus.evaluation.recorder import TRIES, Recorder
from pytest_robustplus.rollout.executor import EpisodeResult
from pytest_robustplus.session.session import Session

# A worker whose process is gone loses its claims at once; this bounds one that hangs.
STALE_S = 1800.0


class Positions:
    """Places of one audit, which any number of workers may share through the ledger."""

    def __init__(self, session: Session, recorder: Recorder, audit: int, total: int, task: Callable[[int], Task]):
        """Take the ledger's ``audit`` of ``total`` places, and what is played at each."""
        self._ledger, self._claimant, self._run = session.ledger, session.claimant, session.run
        self._spread, self._recorder = session.spread, recorder
        self.audit, self._total, self.task = audit, total, task
        # Claimed and not handed out yet; handed out here.
        self._reserve: deque[int] = deque()
        self._mine: set[int] = set()

    @property
    def at_play(self) -> int:
        """How many are at play, by whomever of this run."""
        return self._ledger.claimed(self.audit) if self._spread else len(self._mine)

    def has(self, position: int) -> bool:
        """Whether this process plays it."""
        return position in self._mine

    def claim(self, places: range, *, block: int = 1) -> int | None:
        """Take the next free one of ``places``; claims are made in blocks, which cost as much as one."""
        if not self._reserve:
            found = self._ledger.claim(
                self.audit,
                self._claimant,
                block=block,
                total=self._total,
                stale_s=STALE_S,
                tries=TRIES,
                places=places,
            )
            self._reserve.extend(found or ())
        if not self._reserve or self._reserve[0] not in places:
            return None
        self._mine.add(self._reserve[0])
        return self._reserve.popleft()

    def claim_one(self, position: int) -> bool:
        """Take one place, unless it has been played, or is being played."""
        if position in self._mine:
            return False
        found = self._ledger.claim(
            self.audit, self._claimant, block=1, after=position, total=position + 1, stale_s=STALE_S, tries=TRIES
        )
        if found is not None:
            self._mine.add(position)
        return found is not None

    def give_back(self, position: int) -> None:
        """Leave a claimed position to whoever comes."""
        self._mine.discard(position)
        self._ledger.give_back(self.audit, position, self._claimant)

    def keep(self, positions: Collection[int]) -> None:
        """Take over what is at play here already, claimed by the same process; nothing else is claimed any more."""
        self._reserve.clear()
        self._mine = {*positions}
        self._ledger.release(self._claimant, self.audit, keep=frozenset(positions))

    def leave(self) -> None:
        """Give back whatever is claimed here."""
        self._reserve.clear()
        self._mine.clear()
        self._ledger.release(self._claimant, self.audit)

    def take(self, position: int, started: str, outcome: EpisodeResult) -> bool:
        """Record what came of a position; False when it is to be played once more, which the second fault is not."""
        error = outcome.error
        self._recorder.record(self.audit, position, self.task(position), started, outcome)
        if error is None:
            self._mine.discard(position)
            return True
        # A policy that cannot answer this observation will not answer it the second time either.
        if isinstance(error, PolicyError) or len(self._errors(position)) >= TRIES:
            raise error
        return False

    def count_losses(self) -> None:
        """Record a try in error wherever a worker of this run died, so that an episode which kills its player ends."""
        for position, worker in self._ledger.reap(self.audit, stale_s=STALE_S, own=self._claimant):
            if worker.startswith(self._run):
                self._recorder.lose(self.audit, position, self.task(position), worker)

    def refuse_unplayable(self, position: int) -> None:
        """Raise ``SimulatorError`` for an episode that has used up its tries."""
        if len(found := self._errors(position)) >= TRIES:
            raise SimulatorError(f"Episode {position} could not be played, {len(found)} times: {found[-1]}")

    def _errors(self, position: int) -> list[str]:
        """What went wrong with an episode in this run, on whichever worker, try by try."""
        tries = self._ledger.attempts(self.audit, position)
        return [one.record.error for one in tries if one.record.error and one.run == self._run]
