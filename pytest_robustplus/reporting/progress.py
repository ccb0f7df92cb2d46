"""What a line about a running cell says, and whether any is shown."""

from __future__ import annotations

import pytest

from pytest_robustplus.results.text import count, duration, interval, percent, quantity

# A log should show that a cell is alive without drowning what it says.
PLAIN_EVERY_S = 30.0


class Pace:
    """How fast each cell goes since it was first seen: what was resumed came for free."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[float, int]] = {}

    def line(
        self, cell: str, played: int, successes: int, total: int, bounds: tuple[float, float] | None, now: float
    ) -> str:
        """Say how a cell stands: its rate, the 95 % sequence, and what is left at most; ``now`` in seconds."""
        left = self.rest(cell, played, total - played, now)
        if not played:
            return f"{cell}: its first episode is being played, ≤{count(total)} left"
        within = f" {interval(*bounds)}" if bounds else ""
        text = f"{cell}: {percent(successes / played)}{within} after {count(played)},"
        return f"{text} ≤{quantity(total - played, 'episode')} left{left}"

    def rest(self, what: str, played: int, left: int, now: float) -> str:
        """Say how long what is left takes at this pace, as the end of a sentence; empty while that is unknown."""
        start, first = self._first.setdefault(what, (now, played))
        return "" if played <= first else f", ≤{duration((now - start) / (played - first) * left)}"


def silenced(config: pytest.Config, wanted: str) -> bool:
    """Whether nothing is to be shown: asked for, ``-q``, or no terminal reporter to show it."""
    return wanted == "off" or config.get_verbosity() < 0 or not config.pluginmanager.hasplugin("terminalreporter")
