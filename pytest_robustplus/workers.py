"""Spreading a run over the workers of pytest-xdist: leads and helpers, a card for each worker, and who dies."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_robustplus import devices
from pytest_robustplus.cells import Cell

if TYPE_CHECKING:
    from pytest_robustplus.session import Session

HELPER = "robustness_helper"
# Outcomes of items that are no verdict, with their letters.
WORDS = {"helped": "h", "crashed": "C", "rerun": "R"}
# The property in which a helper says why it could not help.
UNABLE = "unable_to_help"
_ENVIRONMENT = "robustplus_environment"
_REFUSAL = "robustplus_refusal"


def helpers(cells: Iterable[Cell], config: pytest.Config) -> list[Any]:
    """List the further parameters by which idle workers join a cell: one a worker and cell, less the lead.

    They come in rounds, one helper of every cell at a time, so that workers spread before they crowd.
    """
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    mark = getattr(pytest.mark, HELPER)
    listed = list(cells)
    return [
        pytest.param(cell, id=f"{cell.id}-helper{number}", marks=mark)
        for number in range(2, workers + 1)
        for cell in listed
    ]


def is_helper(item: pytest.Item) -> bool:
    """Whether an item lends a hand to a cell that another item reports."""
    return item.get_closest_marker(HELPER) is not None


def hand_out_singly(config: pytest.Config) -> None:
    """Let workers take items one at a time: with xdist's own chunks four workers played 1.8 times the episodes."""
    if getattr(config.option, "maxschedchunk", "absent") is None:
        config.option.maxschedchunk = 1


def automatic(session: Session) -> int | None:
    """How many workers ``-n auto`` starts: as many as cards and their share allow; None leaves it to xdist.

    Without a chosen model no card is needed, and other tests of the project may want every core.
    """
    option = session.config.option
    chosen = session.settings.models or session.settings.policy
    if not chosen or option.numprocesses != "auto" or os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None
    return len(devices.visible(os.environ)) * session.settings.workers_per_gpu or None


def enter(config: pytest.Config) -> None:
    """Give a worker the card that the controller leased to it, before anything that draws or computes is imported."""
    config.addinivalue_line("markers", f"{HELPER}: this item plays episodes for a cell that another item reports.")
    os.environ.update(getattr(config, "workerinput", {}).get(_ENVIRONMENT, {}))


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is one of several that play, and would be replaced if it died."""
    return hasattr(config, "workerinput")


def is_controller(config: pytest.Config) -> bool:
    """Whether this process tests nothing itself but hands out to workers."""
    return config.getoption("dist", "no") != "no" and not is_worker(config)


def refuse(config: pytest.Config, items: list[pytest.Item], reason: str) -> None:
    """End a run that was asked for what cannot be, with pytest's usage code and ``reason`` alone.

    A worker leaves that to its controller and tests nothing. If it raised it would be handed items all the same, and
    counted as crashed.
    """
    if not is_worker(config):
        raise pytest.UsageError(reason)
    config.workeroutput[_REFUSAL] = reason  # type: ignore[attr-defined]
    items.clear()


class Controller:
    """The hooks of pytest-xdist, in the process that hands out: leases cards, and gives a dead worker's cell again."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._leases: devices.Leases | None = None
        self._crashes: Counter[str] = Counter()

    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker, a replacement too, which card is its own."""
        self._session.run = node.workerinput["testrunuid"]
        if self._leases is None:
            self._leases = devices.Leases(devices.find())
        device = self._leases.take(node.gateway.id)
        node.workerinput[_ENVIRONMENT] = {} if device is None else device.environment()

    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Free the card of a worker that is gone, for whoever replaces it; end the run that a worker refused."""
        if self._leases is not None:
            self._leases.give_back(node.gateway.id)
        if reason := getattr(node, "workeroutput", {}).get(_REFUSAL):
            raise pytest.UsageError(reason)

    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport, sched: Any) -> None:
        """Give a cell whose worker died to another worker, once; stop the cells of a model whose check killed one."""
        self._crashes[crashitem] += 1
        if self._is_helper(crashitem):
            # Its episodes are free again, and its cell's verdict does not depend on it.
            report.outcome = "crashed"  # type: ignore[assignment]
        elif self._is_cell(crashitem) and self._crashes[crashitem] == 1 and self._replaceable():
            sched.mark_test_pending(crashitem)
            report.outcome = "rerun"  # type: ignore[assignment]
        else:
            self._stop_model(crashitem)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say why helpers could not help: their cells may be fine, but the run was slower than it had to be."""
        reports = terminalreporter.stats.get("helped", [])
        reasons = Counter(text for report in reports for name, text in report.user_properties if name == UNABLE)
        for reason, times in reasons.items():
            terminalreporter.write_line(f"{times} helpers could not help: {reason}")

    def _replaceable(self) -> bool:
        # Where no worker may follow, handing the cell out again could lose it without a word.
        from xdist.dsession import get_default_max_worker_restart

        limit = get_default_max_worker_restart(self._session.config)
        return limit is None or self._crashes.total() <= limit

    def _is_helper(self, nodeid: str) -> bool:
        return self._is_cell(nodeid) and "-helper" in nodeid

    def _is_cell(self, nodeid: str) -> bool:
        """Only node ids reach the controller, which collects nothing itself."""
        return any(
            f"{card}-{benchmark.name}-{dimension}" in nodeid
            for card in self._session.cards
            for benchmark in self._session.benchmarks.values()
            for dimension in benchmark.dimensions
        )

    def _stop_model(self, nodeid: str) -> None:
        session = self._session
        for card in session.cards:
            for benchmark in session.benchmarks.values():
                for check in benchmark.checks():
                    if f"{card}-{benchmark.name}-{check.name}" in nodeid:
                        reason = "The worker that ran it died."
                        session.ledger.record_check(session.run, card, benchmark.name, check.name, False, reason)
