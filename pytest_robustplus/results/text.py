"""How figures are written: one place, so that a table, a paragraph and a progress line agree."""

from __future__ import annotations

import math


def percent(fraction: float) -> str:
    """Write a rate, such as ``85.7 %``."""
    return f"{100 * fraction:.1f} %"


def interval(low: float, high: float) -> str:
    """Write an interval of rates, such as ``[70.9, 79.6]``."""
    return f"[{100 * low:.1f}, {100 * high:.1f}]"


def count(number: int) -> str:
    """Write a count with thousands separated."""
    return f"{number:,}"


def quantity(number: int, noun: str, plural: str = "") -> str:
    """Write how many there are of what is counted, such as ``1 episode`` or ``10,030 episodes``."""
    return f"{count(number)} {noun if number == 1 else plural or f'{noun}s'}"


def duration(seconds: float) -> str:
    """Write a stretch of time, such as ``1 h 12 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{count(hours)} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def evalue(log: float) -> str:
    """Write an e-value given as a natural logarithm, such as ``312`` or ``10^6.2``."""
    if math.isinf(log):
        return "∞" if log > 0 else "0"
    return f"10^{log / math.log(10):.1f}" if log > math.log(1e4) else f"{math.exp(log):.3g}"
