"""Share of a control step that telling what happened in an episode costs; bound: 1 %.

Plays libero_object without cameras, by the expert and by an arm that holds still; with cameras a step takes many times
as long. Counted are the calls after every step and the one after the episode, against the simulator's steps. Of each
the quickest tenth stands for all, because what others take meanwhile is neither's cost.

Usage: python perf/events.py [EPISODES]
"""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustplus.benchmarks.libero_plus.events import EventMonitor
from pytest_robustplus.benchmarks.libero_plus.expert import Expert
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.policies.contract import Policy
from pytest_robustplus.policies.zero import Zero

if TYPE_CHECKING:
    from perf.overhead import episodes
else:  # run as a file, it finds what lies beside it
    from overhead import episodes

BOUND = 0.01


class Clock:
    """Times every call of some methods of a class."""

    def __init__(self, kind: type, *names: str) -> None:
        self.calls: list[float] = []
        for name in names:
            self._around(kind, name)

    def _around(self, kind: type, name: str) -> None:
        inner = getattr(kind, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            start = perf_counter()
            try:
                return inner(*arguments, **named)
            finally:
                self.calls.append(perf_counter() - start)

        setattr(kind, name, timed)

    def quick(self) -> float:
        """Seconds that the quickest tenth of the calls took at most since this was asked last."""
        calls, self.calls = self.calls, []
        return float(np.quantile(calls, 0.1))


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    shares = []
    players: list[Policy] = [Zero(), Expert()]
    watching, telling = Clock(EventMonitor, "watch"), Clock(EventMonitor, "events")
    stepping = Clock(LiberoSimulator, "step")
    for player in players:
        lengths = [episode.steps for episode in episodes([player] * count, replan=1)]
        watch, tell, step = watching.quick(), telling.quick() / float(np.mean(lengths)), stepping.quick()
        shares.append((watch + tell) / step)
        print(
            f"{type(player).__name__}: {1e6 * watch:.1f} µs after a step and {1e6 * tell:.1f} after the episode,"
            f" of {1e3 * step:.2f} ms: {shares[-1]:.2%}"
        )
    share = float(np.mean(shares))
    print(f"{share:.2%} of a control step to tell what happened (bound {BOUND:.0%})")
    return int(share > BOUND)


if __name__ == "__main__":
    sys.exit(main())
