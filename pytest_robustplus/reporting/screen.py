"""Lines below what pytest writes: redrawn in place on a terminal, written once and for all elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import pytest

from pytest_robustplus.reporting.charset import legible
from pytest_robustplus.reporting.notes import text
from pytest_robustplus.results.notes import Note
from pytest_robustplus.session.session import Session

# Lines of the terminal that the block leaves to pytest: beyond the upper edge it could not be erased.
KEPT = 3
# After a second Ctrl-C.
HELD = "\nThe run ends, and writes what it found; Ctrl-C once more stops that, too.\n"


def say(session: Session, note: Note) -> None:
    """Write something that a person should know while the run goes on."""
    plugins = session.config.pluginmanager
    reporter, capture = plugins.getplugin("terminalreporter"), plugins.getplugin("capturemanager")
    if reporter is not None:
        session.progress.end()
        with nullcontext() if capture is None else capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(text(note))


class Screen:
    """Writes past pytest's capture, to the terminal that shows the dots; one thread at a time."""

    def __init__(self, config: pytest.Config) -> None:
        self._terminal: pytest.TerminalReporter = config.pluginmanager.getplugin("terminalreporter")
        self._capture = config.pluginmanager.getplugin("capturemanager")
        self.redraws = self._terminal.isatty
        self._drawn = 0
        self._column = 0

    def show(self, lines: Sequence[str]) -> None:
        """Write ``lines``, in place of those shown before where the terminal can redraw."""
        if not self.redraws:
            self._put(lambda: "\n" + "".join(f"{line}\n" for line in lines))
            return
        # Only past pytest's capture is standard output the terminal, whose size is asked for.
        self._put(lambda: self._redrawn(lines))

    def _redrawn(self, lines: Sequence[str]) -> str:
        # Before they are cut: some signs take two characters where there is no UTF-8.
        lines = [legible(line, self._encoding()) for line in lines]
        erased = self._erased()
        writer = self._terminal._tw
        room = max(shutil.get_terminal_size().lines - KEPT, 1)
        if len(lines) > room:
            lines = [*lines[: room - 1], f"and {len(lines) - room + 1} more"]
        # Where pytest's own line ends, to which erasing returns.
        self._column, self._drawn = writer.width_of_current_line, len(lines)
        return erased + "".join(f"\n{line[: writer.fullwidth - 1]}" for line in lines)

    def clear(self) -> None:
        """Leave nothing of what was redrawn, and the cursor where pytest had it."""
        if self._drawn:
            self._put(self._erased)
            self._drawn = 0

    def _erased(self) -> str:
        if not self._drawn:
            return ""
        upwards = "\r\x1b[2K" + "\x1b[A\x1b[2K" * (self._drawn - 1) + "\x1b[A"
        return upwards + (f"\x1b[{self._column}C" if self._column > 0 else "")

    def _put(self, text: Callable[[], str]) -> None:
        if self._capture is None:
            self._write(text())
            return
        with self._capture.global_and_fixture_disabled():
            self._write(text())

    def _write(self, text: str) -> None:
        if not self.redraws:
            self._terminal.write(text, flush=True)
            return
        # Past pytest's writer, which would take what is about to be erased for a part of its own line.
        file = self._terminal._tw._file
        file.write(legible(text, self._encoding()))
        file.flush()

    def _encoding(self) -> str:
        return getattr(self._terminal._tw._file, "encoding", None) or "utf-8"
