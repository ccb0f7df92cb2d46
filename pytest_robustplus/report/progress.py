"""One line about the running cell: rewritten in place on a terminal, now and then a plain line elsewhere."""

from __future__ import annotations

import time
from typing import Protocol

import pytest

from pytest_robustplus.report.figures import count, interval, percent

# A log should show that a cell is alive without drowning what it says.
PLAIN_EVERY_S = 30.0
REDRAW_EVERY_S = 0.1


class Progress(Protocol):
    """Where an audit says how far it is."""

    def show(self, cell: str, played: int, successes: int, total: int, bounds: tuple[float, float]) -> None:
        """Tell about one more look; may come hundreds of times a second."""
        ...

    def end(self) -> None:
        """The cell is decided, or has failed."""
        ...


class Silent:
    """Says nothing: for workers without a terminal, and for ``--robust-progress=off``."""

    def show(self, cell: str, played: int, successes: int, total: int, bounds: tuple[float, float]) -> None:
        pass

    def end(self) -> None:
        pass


class Line:
    """Writes past pytest's capture, to the terminal that shows the dots."""

    def __init__(self, config: pytest.Config) -> None:
        self._terminal: pytest.TerminalReporter = config.pluginmanager.getplugin("terminalreporter")
        self._capture = config.pluginmanager.getplugin("capturemanager")
        self._redraws = self._terminal.isatty
        self._last = 0.0
        self._drawn = ""
        self._started: tuple[str, float, int] = ("", 0.0, 0)

    def show(self, cell: str, played: int, successes: int, total: int, bounds: tuple[float, float]) -> None:
        now = time.monotonic()
        if self._started[0] != cell:
            # Resumed episodes came for free, so the pace counts from what was there at the first look.
            self._started, self._last = (cell, now, played), now - REDRAW_EVERY_S if self._redraws else now
        if now - self._last < (REDRAW_EVERY_S if self._redraws else PLAIN_EVERY_S):
            return
        self._last = now
        self._write(
            f"{cell}: {count(played)} of at most {count(total)} episodes,"
            f" {percent(successes / played)} {interval(*bounds)}{self._left(now, played, total)}"
        )

    def end(self) -> None:
        if self._drawn:
            self._put("\r" + " " * len(self._drawn) + "\r")
        self._drawn = ""
        self._started = ("", 0.0, 0)

    def _left(self, now: float, played: int, total: int) -> str:
        _, start, resumed = self._started
        if played == resumed:
            return ""
        seconds = (now - start) / (played - resumed) * (total - played)
        return f", at most {_duration(seconds)} left"

    def _write(self, text: str) -> None:
        if not self._redraws:
            self._put(f"\n{text}\n")
            return
        if not self._drawn:
            # pytest's own line, with the file's name and the letters so far, stays above.
            self._put("\n")
        text = text[: self._terminal._tw.fullwidth - 1]
        self._put("\r" + text.ljust(len(self._drawn)))
        self._drawn = text

    def _put(self, text: str) -> None:
        if self._capture is None:
            self._terminal.write(text, flush=True)
            return
        with self._capture.global_and_fixture_disabled():
            self._terminal.write(text, flush=True)


def progress(config: pytest.Config, wanted: str) -> Progress:
    """Choose how to show progress; a worker of pytest-xdist has no terminal of its own."""
    quiet = wanted == "off" or hasattr(config, "workerinput") or config.get_verbosity() < 0
    return Silent() if quiet else Line(config)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
