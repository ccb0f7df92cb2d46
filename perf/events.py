"""Share of a control step that telling what happened in an episode costs; bound: 1 %.

Plays libero_object without cameras, by the expert and by an arm that holds still; with cameras a step takes many times
as long. Counted are the calls after every step and the one after the episode, against all of the simulator's time;
both in processor time, because what another process takes between two calls is not this package's cost.

Usage: python perf/events.py [EPISODES]
"""

from __future__ import annotations

import sys
from time import thread_time
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
    """Adds up the processor time inside methods of a class."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, kind: type, name: str) -> None:
        """Time every call of a method from now on."""
        inner = getattr(kind, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            start = thread_time()
            try:
                return inner(*arguments, **named)
            finally:
                self.seconds += thread_time() - start

        setattr(kind, name, timed)


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    watching, stepping = Clock(), Clock()
    for name in ("begin", "watch", "events"):
        watching.around(EventMonitor, name)
    stepping.around(LiberoSimulator, "step")
    shares = []
    turns: list[Policy] = [Zero(), Expert()]
    for episode in episodes([Zero(), *turns * count], replan=1):
        shares.append(watching.seconds / stepping.seconds)
        print(f"{episode.steps} steps of {1e3 * stepping.seconds / episode.steps:.2f} ms: {shares[-1]:.2%} to watch")
        watching.seconds = stepping.seconds = 0.0
    # The median, for others still empty the caches.
    share = float(np.median(shares[1:]))
    print(f"{share:.2%} of a control step to tell what happened (bound {BOUND:.0%})")
    return int(share > BOUND)


if __name__ == "__main__":
    sys.exit(main())
