"""Telling plugins what has finished, through the hooks for it: on the controller, once each, whoever played."""

from __future__ import annotations

import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from pytest_robustplus.errors import LedgerError, printable
from pytest_robustplus.ledger import Ledger, StoredAudit
from pytest_robustplus.reporting.reading import cell_row, row
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.results.rows import RunRecord
from pytest_robustplus.results.run import CellName, CellResult, cell_name
from pytest_robustplus.session.session import Session

POLL_EVERY_S = 1.0
# A hook that has not returned for so long is not waited for: what it was to be told is in the ledger.
HOOK_LIMIT_S = 60.0
POLL_EVERY_S = 0.05
EPISODE, CELL, RUN = "pytest_robustplus_episode", "pytest_robustplus_cell", "pytest_robustplus_run"


class Announcer:
    """Calls the hooks about episodes, cells and the run, one call at a time, in the order in which things finished.

    All of them from one thread of its own, since the main one plays or waits for workers. It looks for episodes in the
    ledger; a tracker that keeps its state by thread finds it again; a hook that hangs is left behind. Without a plugin
    that asks for episodes nothing is read.
    """

    def __init__(
        self,
        session: Session,
        items: Callable[[], Mapping[str, Identity]],
        cells: Callable[[], list[CellResult]],
    ) -> None:
        self._session, self._items, self._cells = session, items, cells
        self._told: set[int] = set()
        self._audits: dict[int, StoredAudit] = {}
        self._last = 0
        self._ended: set[str] = set()
        self._announced: set[CellName] = set()
        self._faults: Counter[str] = Counter()
        self._ledger: Ledger | None = None
        self._jobs: SimpleQueue[tuple[Callable[[], None], Future[None]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._watched = False
        self._called = 0.0
        """Since when a hook has been running; 0 while none is."""
        self._stuck = False

    @contextmanager
    def watching(self) -> Generator[None]:
        """Tell of episodes while tests run."""
        if not self._heard(EPISODE):
            yield
            return
        self._watched = True
        self._start()
        try:
            yield
        finally:
            self._watched = False

    def add(self, report: pytest.TestReport) -> None:
        """Take one phase of one test, and tell of its cell once every item that asks about the cell is over."""
        when: str | None = report.when
        outcome: str = report.outcome
        if not self._heard(CELL) or when not in ("teardown", "???") or outcome == "rerun":
            return
        self._ended.add(report.nodeid)
        items, item = self._items(), Identity.read(report.user_properties)
        name = None if item is None else cell_name(item)
        waiting = [node for node, other in items.items() if other == item and node not in self._ended]
        if name is not None and not waiting:
            results = [result for result in self._cells() if result.name == name]
            self._have_told(lambda: self._tell_cells(results))

    def end(self, record: Callable[[], RunRecord | None]) -> None:
        """Tell of what nobody has been told yet, and of the run."""
        if self._heard(EPISODE):
            self._have_told(lambda: self._look(every=True))
        if self._heard(CELL):
            results = self._cells()
            self._have_told(lambda: self._tell_cells(results))
        if self._heard(RUN) and not self._stuck and (run := record()) is not None:
            self._have_told(lambda: self._call(RUN, run=run))
        self._jobs.put(None)

    def summarize(self, terminal: pytest.TerminalReporter) -> None:
        """Say which hooks raised: nothing else came of it."""
        for fault, times in self._faults.items():
            often = "" if times == 1 else f" ({times} times)"
            terminal.write_line(f"{fault}{often} The results are not affected.", yellow=True)

    def _have_told(self, tell: Callable[[], None]) -> None:
        """Have the thread tell, and wait for it; beyond a hook that hangs nobody is told anything more."""
        if self._stuck:
            return
        self._start()
        told: Future[None] = Future()
        self._jobs.put((tell, told))
        while not self._stuck:
            wait([told], timeout=POLL_EVERY_S)
            if told.done():
                told.result()
                return
            if 0 < self._called < time.monotonic() - HOOK_LIMIT_S:
                self._faults[f"A hook has not returned for {HOOK_LIMIT_S:.0f} s, so nobody is told any more."] += 1
                self._stuck = True

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._tell, name="robustplus-announcer", daemon=True)
            self._thread.start()

    def _tell(self) -> None:
        while not self._stuck:
            try:
                job = self._jobs.get(timeout=POLL_EVERY_S)
            except Empty:
                if not self._watched:
                    continue
                # Nobody waits for it, and what it raises must not end the thread that others will wait for.
                job = self._look, Future()
            if job is None:
                break
            tell, told = job
            try:
                told.set_result(tell())
            except BaseException as error:  # a hook's KeyboardInterrupt, too
                told.set_exception(error)
        if self._ledger is not None:
            self._ledger.close()

    def _tell_cells(self, results: Iterable[CellResult]) -> None:
        for result in results:
            if result.name in self._announced:
                continue
            self._announced.add(result.name)
            if self._heard(EPISODE):
                self._look()
            self._call(CELL, cell=cell_row(result))

    def _look(self, *, every: bool = False) -> None:
        # There is no ledger before the first cell, and what is wrong with it others will say.
        with suppress(LedgerError):
            self._tell_episodes(every=every)

    def _tell_episodes(self, *, every: bool) -> None:
        """Tell of what is new: what this run has recorded, and what was there of audits that it has joined.

        ``every`` looks through all audits, which other runs may have played on at the same time.
        """
        run = self._session.run
        self._ledger = self._ledger or Ledger.open(self._session.ledger_path, create=False, verify=False)
        joined = {audit.id: audit for audit in self._ledger.audits(run)}
        found = {episode.id: episode for episode in self._ledger.recorded(run, after=self._last)}
        for audit in joined if every else joined.keys() - self._audits.keys():
            found |= {e.id: e for e in self._ledger.episodes(audit) if e.record.success is not None}
        self._audits.update(joined)
        for identity in sorted(found.keys() - self._told):
            episode = found[identity]
            if episode.audit not in self._audits:
                continue
            self._told.add(identity)
            if episode.run == run:
                self._last = max(self._last, identity)
            self._call(EPISODE, episode=row(episode, self._audits[episode.audit], run))

    def _heard(self, hook: str) -> bool:
        return bool(getattr(self._session.config.hook, hook).get_hookimpls())

    def _call(self, hook: str, **values: Any) -> None:
        """Call each plugin by itself, so that none keeps another from being told."""
        if self._stuck:
            return
        known = {"config": self._session.config, **values}
        for implementation in reversed(getattr(self._session.config.hook, hook).get_hookimpls()):
            wanted = {name: known[name] for name in implementation.argnames}
            self._called = time.monotonic()
            try:
                implementation.function(**wanted)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                place = traceback.extract_tb(error.__traceback__)[-1]
                said = printable(f"{type(error).__name__}: {error}").partition("\n")[0]
                self._faults[
                    f"{hook} of {implementation.plugin_name} raised {said} ({place.filename}:{place.lineno})."
                ] += 1
            finally:
                self._called = 0.0
