"""Spreading a run over the workers of pytest-xdist: a card for each worker, and what happens when one dies."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pytest_robustplus.distributed import devices, machine
from pytest_robustplus.distributed.board import BOARD, Board
from pytest_robustplus.distributed.process import ALONE, ELSEWHERE, ENVIRONMENT, REFUSAL, UNABLE
from pytest_robustplus.policies.transports.address import SEAT_VARIABLE
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.results.notes import Note

# Episodes that kill their players take two workers each; after so many deaths of helpers those that follow only lead.
LONE_AFTER = 4


def automatic(
    config: pytest.Config, *, chosen: bool, inside: bool, workers_per_gpu: int, simulators: int
) -> int | None:
    """How many workers ``-n auto`` starts; None leaves it to xdist.

    As many as the machine has room for (``machine.room``), each with ``simulators``. A policy ``inside`` the worker
    takes a part of its card that nobody here knows: then as many as cards, or ``workers_per_gpu`` times as many, if
    that is given. Where no model is ``chosen`` no card is needed, and other tests of the project may want every core.
    """
    if not chosen or config.option.numprocesses != "auto" or os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None
    cards = len(devices.visible(os.environ))
    if cards and (workers_per_gpu or inside or simulators > 1):
        return cards * max(workers_per_gpu, 1)
    return max(machine.room() // simulators, 1)


def _machine(spec: Any) -> str:
    """Through which connection a worker is reached on another machine; empty where it runs on that of its controller.

    Without ``--tx`` all are here. Workers behind one proxy (``via``) share a machine, as do those of one socket's host.
    """
    return str(spec.via or spec.ssh or spec.vagrant_ssh or (spec.socket or "").rpartition(":")[0])


def guard(scheduler: Any) -> None:
    """Keep a scheduler of pytest-xdist from handing tests to a worker that has not collected them.

    Those by scope, file and group (3.8.0) do so where a worker dies before the replacement of another has collected,
    and end the run by a KeyError. Once it has collected it is given its share anyway.
    """
    collected = getattr(scheduler, "registered_collections", None)
    if collected is None:
        return
    usual = scheduler._reschedule

    def reschedule(node: Any) -> None:
        if node in collected:
            usual(node)

    scheduler._reschedule = reschedule


class Controller:
    """The process that hands out: leases cards to workers, and gives a dead worker's cell to another.

    ``began`` is told the run's id, ``lost`` a check or another item whose worker died for good; ``keeping`` says what
    each of so many workers may keep of scenes.
    """

    def __init__(
        self,
        config: pytest.Config,
        *,
        began: Callable[[str], None],
        lost: Callable[[Identity], None],
        keeping: Callable[[int], str],
    ) -> None:
        self._config, self._began, self._lost, self._keeping = config, began, lost, keeping
        self._kept = ""
        self._leases: devices.Leases | None = None
        self._seats: dict[str, int] = {}
        self._crashes: Counter[str] = Counter()
        self._deaths, self._deaths_of_helpers = 0, 0
        self._unable: Counter[str] = Counter()
        self._folder: Path | None = None
        self._board = Board()

    def configure(self, node: Any) -> None:
        """Tell a worker, a replacement too, which card is its own, where the board is and whether it may help."""
        self._began(node.workerinput["testrunuid"])
        # pytest-xdist calls a worker that replaces another by a new number; an address counts by the place it takes.
        seat = next(number for number in count() if number not in self._seats.values())
        self._seats[node.gateway.id] = seat
        told = {SEAT_VARIABLE: str(seat)}
        place, where = [_machine(spec) for spec in node.nodemanager.specs], _machine(node.gateway.spec)
        if not where:
            if self._leases is None:
                self._leases = devices.Leases(devices.find())
            device = self._leases.take(node.gateway.id)
            # As it was before the first of them took anything.
            self._kept = self._kept or self._keeping(place.count(where))
            told |= {machine.KEPT: self._kept} | ({} if device is None else dict(device.environment()))
        else:
            # What is there only that machine knows; a person's own word goes with the run.
            if machine.KEPT in os.environ:
                told[machine.KEPT] = os.environ[machine.KEPT]
            node.workerinput[ELSEWHERE] = (place[:seat].count(where), place.count(where))
        node.workerinput[ENVIRONMENT] = told
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="robustplus-"))
            self._board = Board(self._folder)
        node.workerinput[BOARD] = str(self._folder)
        node.workerinput[ALONE] = self._deaths_of_helpers >= LONE_AFTER

    def free(self, node: Any, error: object) -> None:
        """Free the card of a worker that is gone, for whoever replaces it; end the run that a worker refused."""
        if self._leases is not None:
            self._leases.give_back(node.gateway.id)
        self._seats.pop(node.gateway.id, None)
        output = getattr(node, "workeroutput", {})
        self._unable.update(output.get(UNABLE, {}))
        if error:
            self._deaths += 1
            self._deaths_of_helpers += self._board.rests(node.gateway.id)
            if not self._replaceable():
                # What the dead one was to run stays undone, so who waits for it would wait for ever.
                self._board.stop()
        if reason := output.get(REFUSAL):
            raise pytest.UsageError(reason)

    def poll(self) -> None:
        """Let workers stop playing for others once pytest-xdist has decided to end the run early."""
        if getattr(self._config.pluginmanager.getplugin("dsession"), "shouldstop", False):
            self._board.stop()

    def stop(self) -> None:
        """Let workers stop playing for others: no more items are handed out."""
        self._board.stop()

    @property
    def items(self) -> Mapping[str, Identity]:
        """What the workers collected, by node id."""
        return self._board.items()

    @property
    def workers(self) -> int:
        """How many workers there are now."""
        return len(self._seats)

    def over(self) -> set[str]:
        """The node ids of what has run."""
        return set(self._board.over())

    def crashed(self, node: str, report: pytest.TestReport, scheduler: Any) -> None:
        """Give a cell whose worker died to another worker, once; report what else was lost."""
        self._crashes[node] += 1
        item = self.items.get(node)
        if item is None:
            return
        report.user_properties.append(item.property())
        if item.kind in ("cell", "comparison") and self._crashes[node] == 1 and self._replaceable():
            # Schedulers that keep a file or a group together hand out again by themselves whatever did not complete.
            with suppress(NotImplementedError):
                scheduler.mark_test_pending(node)
            report.outcome = "rerun"  # type: ignore[assignment]
        else:
            self._board.lose(node)
            self._lost(item)

    def notes(self) -> Iterator[Note]:
        """What kept workers from helping: the cells may be fine, but the run was slower than it had to be."""
        for reason, times in self._unable.items():
            yield Note.of("could_not_help", workers=times, reason=reason)
        if self._deaths_of_helpers:
            yield Note.of("helpers_died", workers=self._deaths_of_helpers)

    def close(self) -> None:
        """Leave nothing behind."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _replaceable(self) -> bool:
        # Where no worker may follow, handing the cell out again could lose it without a word.
        from xdist.dsession import get_default_max_worker_restart

        limit = get_default_max_worker_restart(self._config)
        return limit is None or self._deaths <= limit
