"""Whether a server that came back answers as it did: what tells weights apart of which it says nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.transports import retry, timing
from pytest_robustplus.policies.transports.address import Address

# A restart may pick other kernels, which round otherwise: bfloat16 keeps a hundredth or so of a chunk's extent.
ROUNDING = 0.02


class ReconnectionCheck:
    """Keeps the first observation with its answer, and asks it again of every server behind a new connection.

    One that answers otherwise, and twice alike, has other weights. A policy that draws its actions answers twice
    otherwise; of it nothing can be told, and it is not asked again.
    """

    def __init__(
        self,
        address: Address,
        ask: Callable[[Observation], Actions],
        opened: Callable[[], int],
        timings: deque[timing.Timing],
    ) -> None:
        """Take how to ask the server, how many connections there have been so far, and where each request is timed."""
        self._address, self._ask, self._opened, self._timings = address, ask, opened, timings
        self._first: tuple[Observation, Actions] | None = None
        self._known = opened()
        # The user's name for the weights stands, whatever comes of them.
        self._silent = bool(address.checkpoint)

    def act(self, observations: Sequence[Observation]) -> list[Actions]:
        """Ask about each observation; raises ``PolicyError`` where another model answered."""
        answers = [self._ask(observation) for observation in observations]
        if self._silent:
            return answers
        if self._first is None:
            self._first = (observations[0], answers[0])
            self._known = self._opened()
        elif self._opened() != self._known:
            self._recognise(*self._first)
            self._known = self._opened()
        return answers

    def _recognise(self, seen: Observation, before: Actions) -> None:
        now = self._again(seen)
        if _alike(before, now):
            return
        if not _alike(now, self._again(seen)):
            self._silent = True
            return
        far = "another shape" if before.shape != now.shape else f"up to {np.abs(before - now).max():.2g} away"
        raise retry.answers_otherwise(self._address, far)

    def _again(self, seen: Observation) -> Actions:
        answer = self._ask(seen)
        self._timings.pop()  # of no episode
        return answer


def _alike(one: Actions, other: Actions) -> bool:
    if one.shape != other.shape:
        return False
    extent = max(float(np.abs(one).max()), float(np.abs(other).max()))
    return float(np.abs(one - other).max()) <= ROUNDING * extent
