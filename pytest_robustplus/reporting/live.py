"""What a run shows while it plays: a line per running cell and one about all of it, read from the ledger."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from pytest_robustplus.distributed import machine
from pytest_robustplus.errors import LedgerError
from pytest_robustplus.ledger import GENERATED, Ledger, StoredAudit, compared
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.ablation import ablation_name
from pytest_robustplus.reporting import progress
from pytest_robustplus.reporting.notes import text
from pytest_robustplus.reporting.outlook import (
    PLAYED,
    SEARCHES,
    Bound,
    Tasks,
    bounds,
    forecast,
    idle,
    listed,
    noun,
    nouns,
    repeats,
)
from pytest_robustplus.reporting.screen import Screen
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.results.text import count, percent, quantity
from pytest_robustplus.statistics.evalues import Plan
from pytest_robustplus.statistics.order import ranked

if TYPE_CHECKING:
    from pytest_robustplus.session.session import Session

POLL_EVERY_S = 0.5
Items = Callable[[], Mapping[str, Identity]]
Over = Callable[[], Collection[str]]


class _Contest(NamedTuple):
    """Policies side by side; ``item`` is None where a cell is played a second time.

    ``outcomes`` are those known of each on the tasks; ``left`` says how many episodes the answer still takes at most.
    """

    models: Sequence[str]
    item: Identity | None
    sides: Sequence[StoredAudit]
    outcomes: Sequence[Mapping[str, bool]]
    left: int

    @property
    def where(self) -> tuple[str, str]:
        """The benchmark and the dimension."""
        return self.sides[0].key.benchmark, self.sides[0].key.dimension

    @property
    def open(self) -> bool:
        """Whether an answer is still looked for."""
        return any(side.conclusion is None for side in self.sides)


class _Look(NamedTuple):
    """What the ledger tells at one time; ``tallies`` are episodes on record of each audit, and those of this run."""

    items: Mapping[str, Identity]
    over: Collection[str]
    audits: Sequence[StoredAudit]
    tallies: Mapping[int, tuple[int, int]]
    contests: Sequence[_Contest]
    begun: Mapping[tuple[str, str, str], StoredAudit]

    def finished(self, audit: StoredAudit | None) -> int:
        """How many episodes of an audit are on record."""
        return 0 if audit is None else self.tallies.get(audit.id, (0, 0))[0]

    @property
    def fresh(self) -> int:
        """How many episodes this run has played."""
        return sum(fresh for _, fresh in self.tallies.values())


class Overview:
    """How the items of a run stand; ``items`` by node id, ``over`` those that have run."""

    def __init__(self, session: Session, items: Items, over: Over, bound: Bound, tasks: Tasks) -> None:
        self._session, self._items, self._over = session, items, over
        self._bound, self._tasks = bound, tasks
        self._pace = progress.Pace()
        # The tasks of comparisons in playing order, by their population; None where they are not known.
        self._orders: dict[str, Sequence[str] | None] = {}
        # Searches over, and the episodes of all searches by then.
        self._searched: tuple[int, int] = (0, 0)

    def lines(self, ledger: Ledger) -> list[str]:
        """A line for each open cell, comparison and search, and one for the whole run."""
        now = time.monotonic()
        look = self._look(ledger)
        if not look.audits:
            # What the run takes at most has been said, or is about to be.
            return []
        cells = (audit for audit in look.audits if not audit.key.compared and audit.key.dimension != GENERATED)
        lines = [self._cell(ledger, audit, now) for audit in cells if audit.conclusion is None]
        lines += [self._contest(contest, now) for contest in look.contests if contest.open]
        searched: dict[str, list[int]] = defaultdict(list)
        for audit in look.audits:
            if audit.key.dimension == GENERATED:
                searched[f"{audit.key.model}-{audit.key.benchmark}"].append(look.tallies.get(audit.id, (0, 0))[1])
        running = {
            f"{i.model}-{i.benchmark}" for node, i in look.items.items() if i.kind in SEARCHES and node not in look.over
        }
        lines += [
            f"{name}: {quantity(sum(fresh), 'episode')} under {quantity(len(fresh), 'generated perturbation')}"
            for name, fresh in searched.items()
            if name in running or not look.items
        ]
        if fleet := self._session.fleet():
            lines.append(text(fleet))
        return lines + self._whole(look, sum(map(sum, searched.values())), now)

    def _look(self, ledger: Ledger) -> _Look:
        items, over, audits = self._items(), self._over(), ledger.audits(self._session.run)
        tallies = ledger.tallies(self._session.run) if audits else {}
        sides: dict[tuple[str, str, str], list[StoredAudit]] = defaultdict(list)
        begun: dict[tuple[str, str, str], StoredAudit] = {}
        for audit in audits:
            key = audit.key
            if key.compared:
                sides[key.benchmark, key.dimension, key.population].append(audit)
            elif key.dimension != GENERATED:
                begun[key.model, key.benchmark, key.dimension] = audit
        contests: list[_Contest] = []
        for group in sides.values():
            taken = {contest.item.id for contest in contests if contest.item is not None}
            contests.append(self._contested(ledger, group, [i for i in items.values() if i.id not in taken], tallies))
        return _Look(items, over, audits, tallies, contests, begun)

    def _contested(
        self,
        ledger: Ledger,
        sides: Sequence[StoredAudit],
        items: Collection[Identity],
        tallies: Mapping[int, tuple[int, int]],
    ) -> _Contest:
        first, models, total = sides[0], [side.key.model for side in sides], sides[0].total
        where = first.key.benchmark, first.key.dimension
        asked = (i for i in items if i.kind == "comparison" and (i.benchmark, i.subject) == where)
        # Sides that are known by results alone play nothing.
        among = (i for i in asked if {*models} <= {*i.model.split("-vs-")})
        item = min(among, key=lambda i: i.model.count("-vs-"), default=None)
        contest = _Contest(models, item, sides, (), 0)
        if not contest.open:
            return contest
        most = total if item is None else min(total, self._budget(first.key.dimension, total))
        found = [{task: success for task, (success, _) in ledger.known(side.key).items()} for side in sides]
        order = self._order(first)
        if order is None:
            left = sum(max(most - tallies.get(side.id, (0, 0))[0], 0) for side in sides)
            return contest._replace(outcomes=found, left=left)
        outcomes = [{task: known[task] for task in order[:most] if task in known} for known in found]
        return contest._replace(outcomes=outcomes, left=sum(most - len(known) for known in outcomes))

    def _budget(self, dimension: str, usual: int) -> int:
        budget = self._session.settings.budget
        return usual if budget is None else budget.of(Dimension(dimension))

    def _order(self, audit: StoredAudit) -> Sequence[str] | None:
        """The tasks of a comparison in the order in which they are played.

        Where results stand for a policy they may be fewer than those listed; which, nobody here knows.
        """
        key = audit.key
        if key.population not in self._orders:
            tasks = self._tasks(key.benchmark, key.dimension)
            order = [tasks[place] for place in ranked(tasks, audit.order_seed)[: audit.total]]
            self._orders[key.population] = order if compared(order) == key.population else None
        return self._orders[key.population]

    def _cell(self, ledger: Ledger, audit: StoredAudit, now: float) -> str:
        places = self._session.share.places(audit.total)
        outcomes = ledger.prefix(audit.id, places)
        played, successes = len(outcomes), sum(outcomes)
        name = f"{audit.key.model}-{audit.key.benchmark}-{audit.key.dimension}"
        if played and not ledger.claimed(audit.id):
            # Its lead waits behind another cell on its worker, and helpers need to play no further.
            return f"{name}: {percent(successes / played)} after {count(played)}, nobody plays it now"
        # A budget or a share is a sample of tasks, and the ledger does not say of how many.
        sampled = self._session.settings.budget is not None or len(places) < audit.total
        interval = None if sampled else Plan(max(len(places), 1), 0, 0).interval(played, successes)
        return self._pace.line(name, played, successes, len(places), interval, now)

    def _contest(self, contest: _Contest, now: float) -> str:
        """One about policies side by side, on the tasks that all of them have played."""
        outcomes, left, models = contest.outcomes, contest.left, contest.models
        # Its policies are named with their rates, and in 80 columns there is no room for both.
        name = "-".join(contest.where)
        common = set[str].intersection(*map(set, outcomes))
        pace = self._pace.rest("-".join((*models, name)), sum(map(len, outcomes)), left, now)
        if not common:
            return f"{name}: the first episodes of {' and '.join(models)} are being played, ≤{count(left)} left"
        rates = ", ".join(
            f"{model} {percent(sum(found[task] for task in common) / len(common))}"
            for model, found in zip(models, outcomes, strict=True)
        )
        return f"{name}: {rates} of {quantity(len(common), 'task')}, ≤{quantity(left, 'episode')} left{pace}"

    def _whole(self, look: _Look, searched: int, now: float) -> list[str]:
        """The line about the whole run: what is left of all its items, those that have not begun among them."""
        asked = {node: item for node, item in look.items.items() if item.kind in PLAYED}
        ahead = [item for node, item in asked.items() if node not in look.over]
        if not ahead or (len(asked) == 1 and ahead[0].kind not in SEARCHES):
            return []
        # Of one kind they are called by it.
        what = nouns(asked.values()) if len({*map(noun, asked.values())}) == 1 else f"{count(len(asked))} items"
        text = f"whole run: {count(len(asked) - len(ahead))} of {what} over"
        rests = [self._rest(item, look) for item in ahead]
        if None in rests:
            return [text]
        over = sum(node in look.over for node, item in asked.items() if item.kind in SEARCHES)
        left = sum(rest for rest in rests if rest is not None) - self._of_those_ahead(over, searched)
        return [f"{text}, ≤{quantity(left, 'episode')} left{self._pace.rest('', look.fresh, left, now)}"]

    def _of_those_ahead(self, over: int, played: int) -> int:
        """How many episodes searches that are not over have played for certain: those since the last one was.

        Which of several searches of a model a point belongs to is not on record.
        """
        if over > self._searched[0]:
            self._searched = over, played
        return played - self._searched[1]

    def _rest(self, item: Identity, look: _Look) -> int | None:
        """How many episodes an item that is not over still plays at most."""
        most = self._bound(item)
        if most is None or item.kind in SEARCHES:
            return most
        where = item.benchmark, item.subject
        if item.kind == "comparison":
            if contest := next((c for c in look.contests if c.item is not None and c.item.id == item.id), None):
                return contest.left
            # Of what cells have played it can pass over what exceeds the tasks that it leaves out.
            tasks = len(self._tasks(*where))
            unasked = tasks - min(self._budget(item.subject, tasks), tasks)
            cells = (look.begun.get((model, *where)) for model in item.model.split("-vs-"))
            return most - sum(max(look.finished(cell) - unasked, 0) for cell in cells)
        again = repeats(self._session.settings, len(self._tasks(*where))) if most else 0
        reruns = (c for c in look.contests if c.item is None and c.where == where and item.model in c.models)
        left = next((contest.left for contest in reruns), again)
        arms = [ablation_name(item.model, arm) for arm in self._session.settings.ablations]
        own = look.begun.get((item.model, *where))
        if own is not None and own.conclusion is not None:
            # Its arms play what it took, and no more.
            most, own = len(arms) * own.conclusion.played, None
        else:
            most -= again
        played = sum(look.finished(audit) for audit in (own, *(look.begun.get((arm, *where)) for arm in arms)))
        return max(most - played, 0) + left


class Live:
    """Where a run shows how it stands, until pytest has something to say."""

    hold_s = 0.0

    def __init__(self, session: Session, items: Items, over: Over, workers: Callable[[], int] = lambda: 1) -> None:
        self._session, self._items, self._workers = session, items, workers
        self._bound = bounds(session)
        self._overview = Overview(session, items, over, self._bound, listed(session))
        self._announced = False
        self._foreseen: str | None = None
        self._screen: Screen | None = None
        self._every = POLL_EVERY_S
        self._lock = threading.Lock()
        self._held_until = 0.0

    @contextmanager
    def watching(self) -> Generator[None]:
        """Show the lines while tests run."""
        config = self._session.config
        if progress.silenced(config, self._session.settings.progress):
            yield
            return
        self._screen = Screen(config)
        self._every = POLL_EVERY_S if self._screen.redraws else progress.PLAIN_EVERY_S
        try:
            with self._looking():
                yield
        finally:
            self._screen.clear()

    @contextmanager
    def aside(self) -> Generator[None]:
        """Make room for what pytest writes."""
        with self._lock:
            if self._screen is not None:
                self._screen.clear()
            yield
            self._held_until = time.monotonic() + self.hold_s

    def forecast(self) -> str:
        """What the run takes at most, for the line after what was collected; empty where nobody wants to see it."""
        if progress.silenced(self._session.config, self._session.settings.progress):
            return ""
        players = self._workers() * self._session.settings.simulators
        said = forecast(self._session, self._items().values(), self._bound, players)
        hint = "" if not said or self._session.settings.cluster else idle(players, machine.room())
        return f"{said}\n{hint}" if hint else said

    def foresee(self) -> None:
        """Look at what the ledger has before anything is played."""
        if self._foreseen is None and self._items():
            self._foreseen = self.forecast()

    def announce(self) -> None:
        """Write the forecast, once."""
        self.foresee()
        if not self._announced and self._foreseen is not None:
            self._announced = True
            if text := self._foreseen:
                self._session.config.pluginmanager.getplugin("terminalreporter").write_line(text)

    @contextmanager
    def _looking(self) -> Generator[None]:
        raise NotImplementedError

    def _show(self, ledger: Ledger) -> None:
        lines = self._overview.lines(ledger)
        with self._lock:
            if lines and self._screen is not None and time.monotonic() >= self._held_until:
                self._screen.show(lines)


class Watch(Live):
    """Looks into the ledger from a thread, because pytest-xdist's controller only waits for workers."""

    # pytest-xdist writes lines of its own, about crashed workers, right after the hooks that announce them.
    hold_s = 0.2

    @contextmanager
    def _looking(self) -> Generator[None]:
        over = threading.Event()
        watch = threading.Thread(target=self._watch, args=(over,), name="robustplus-live", daemon=True)
        watch.start()
        try:
            yield
        finally:
            over.set()
            watch.join()

    def _watch(self, over: threading.Event) -> None:
        ledger: Ledger | None = None
        while not over.wait(self._every):
            # There is none before the first cell, and what is wrong with it the workers will say.
            with suppress(LedgerError):
                ledger = ledger or Ledger.open(self._session.ledger_path, create=False, verify=False)
                self._show(ledger)
        if ledger is not None:
            ledger.close()


class Turns(Live):
    """Looks between two turns of a process that plays by itself: only there pytest's capture may be lifted."""

    @contextmanager
    def _looking(self) -> Generator[None]:
        self._last = time.monotonic() - (self._every if self._screen is not None and self._screen.redraws else 0)
        self._session.progress = self
        yield

    def update(self) -> None:
        """Show how the run stands, unless that was done just now."""
        if time.monotonic() - self._last >= self._every:
            self._last = time.monotonic()
            self._show(self._session.ledger)

    def end(self) -> None:
        """Leave nothing of it, whatever the test writes next."""
        if self._screen is not None:
            self._screen.clear()
