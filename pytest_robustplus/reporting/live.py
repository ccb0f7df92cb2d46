"""What a run shows while it plays: a line per running cell and one about all of it, read from the ledger."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pytest_robustplus.distributed import machine
from pytest_robustplus.errors import LedgerError
from pytest_robustplus.ledger import GENERATED, Ledger, StoredAudit
from pytest_robustplus.policies.ablation import ablation_name
from pytest_robustplus.reporting import progress
from pytest_robustplus.reporting.notes import text
from pytest_robustplus.reporting.outlook import PLAYED, SEARCHES, Bound, bounds, forecast, idle, noun, nouns
from pytest_robustplus.reporting.screen import Screen
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.results.text import count, percent, quantity
from pytest_robustplus.statistics.evalues import Plan

if TYPE_CHECKING:
    from pytest_robustplus.session.session import Session

POLL_EVERY_S = 0.5
Items = Callable[[], Mapping[str, Identity]]
Over = Callable[[], Collection[str]]


class Overview:
    """How the items of a run stand; ``items`` by node id, ``over`` those that have run."""

    def __init__(self, session: Session, items: Items, over: Over, bound: Bound) -> None:
        self._session, self._items, self._over = session, items, over
        self._bound = bound
        self._pace = progress.Pace()
        # Searches over, and the episodes of all searches by then.
        self._searched: tuple[int, int] = (0, 0)

    def lines(self, ledger: Ledger) -> list[str]:
        """A line for each open cell, comparison and search, and one for the whole run."""
        now = time.monotonic()
        items, over = self._items(), self._over()
        audits = ledger.audits(self._session.run)
        if not audits:
            # What the run takes at most has been said, or is about to be.
            return []
        tallies = ledger.tallies(self._session.run)
        lines = []
        contests: dict[tuple[str, str, str], list[StoredAudit]] = defaultdict(list)
        searched: dict[str, list[int]] = defaultdict(list)
        # Episodes on record by what they belong to.
        known: Counter[tuple[str, str, str]] = Counter()
        for audit in audits:
            key = audit.key
            finished, played = tallies.get(audit.id, (0, 0))
            known[key.model, key.benchmark, key.dimension] += played if key.dimension == GENERATED else finished
            if key.dimension == GENERATED:
                searched[f"{key.model}-{key.benchmark}"].append(played)
            elif audit.conclusion is not None:
                continue
            elif key.compared:
                contests[key.benchmark, key.dimension, key.population].append(audit)
            else:
                lines.append(self._cell(ledger, audit, now))
        lines += [self._contest(ledger, sides, items.values(), now) for sides in contests.values()]
        running = {f"{i.model}-{i.benchmark}" for node, i in items.items() if i.kind in SEARCHES and node not in over}
        lines += [
            f"{name}: {quantity(sum(fresh), 'episode')} under {quantity(len(fresh), 'generated perturbation')}"
            for name, fresh in searched.items()
            if name in running or not items
        ]
        if fleet := self._session.fleet():
            lines.append(text(fleet))
        return lines + self._whole(items, over, audits, known, sum(fresh for _, fresh in tallies.values()), now)

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

    def _contest(self, ledger: Ledger, sides: Sequence[StoredAudit], items: Collection[Identity], now: float) -> str:
        """One about policies side by side, on the tasks that all of them have played."""
        models, benchmark, dimension = (
            [side.key.model for side in sides],
            sides[0].key.benchmark,
            sides[0].key.dimension,
        )
        names = (item.id for item in items if item.kind == "comparison" and {*models} <= {*item.model.split("-vs-")})
        name = next((n for n in names if n.endswith(f"-{benchmark}-{dimension}")), "")
        name = name or f"{'-vs-'.join(models)}-{benchmark}-{dimension}"
        outcomes = [ledger.known(side.key) for side in sides]
        common = set.intersection(*(set(found) for found in outcomes))
        total = sides[0].total
        left = sum(max(total - len(found), 0) for found in outcomes)
        pace = self._pace.rest(name, sum(map(len, outcomes)), left, now)
        if not common:
            return f"{name}: its first episodes are being played, ≤{count(left)} left"
        rates = ", ".join(
            f"{model} {percent(sum(found[task][0] for task in common) / len(common))}"
            for model, found in zip(models, outcomes, strict=True)
        )
        return f"{name}: {rates} of {quantity(len(common), 'task')}, ≤{quantity(left, 'episode')} left{pace}"

    def _whole(
        self,
        items: Mapping[str, Identity],
        over: Collection[str],
        audits: Sequence[StoredAudit],
        known: Mapping[tuple[str, str, str], int],
        fresh: int,
        now: float,
    ) -> list[str]:
        """The line about the whole run: what is left of all its items, those that have not begun among them."""
        asked = {node: item for node, item in items.items() if item.kind in PLAYED}
        ahead = [item for node, item in asked.items() if node not in over]
        if not ahead or (len(asked) == 1 and ahead[0].kind not in SEARCHES):
            return []
        # Of one kind they are called by it.
        what = nouns(asked.values()) if len({*map(noun, asked.values())}) == 1 else f"{count(len(asked))} items"
        text = f"whole run: {count(len(asked) - len(ahead))} of {what} over"
        begun = {(a.key.model, a.key.benchmark, a.key.dimension): a for a in audits if not a.key.compared}
        rests = [self._rest(item, begun, known) for item in ahead]
        if None in rests:
            return [text]
        left = sum(rest for rest in rests if rest is not None) - self._of_those_ahead(asked, over, known)
        return [f"{text}, ≤{quantity(left, 'episode')} left{self._pace.rest('', fresh, left, now)}"]

    def _of_those_ahead(
        self, asked: Mapping[str, Identity], over: Collection[str], known: Mapping[tuple[str, str, str], int]
    ) -> int:
        """How many episodes searches that are not over have played for certain: those since the last one was.

        Which of several searches of a model a point belongs to is not on record.
        """
        ended = sum(node in over for node, item in asked.items() if item.kind in SEARCHES)
        played = sum(episodes for (_, _, dimension), episodes in known.items() if dimension == GENERATED)
        if ended > self._searched[0]:
            self._searched = ended, played
        return played - self._searched[1]

    def _rest(
        self,
        item: Identity,
        begun: Mapping[tuple[str, str, str], StoredAudit],
        known: Mapping[tuple[str, str, str], int],
    ) -> int | None:
        """How many episodes an item that is not over still plays at most."""
        most = self._bound(item)
        if most is None or item.kind in SEARCHES:
            return most
        models = item.model.split("-vs-") if item.kind == "comparison" else [item.model]
        arms = [ablation_name(item.model, arm) for arm in self._session.settings.ablations]
        own = begun.get((item.model, item.benchmark, item.subject))
        if own is not None and own.conclusion is not None:
            # Its arms play what it took, and no more.
            most = len(arms) * own.conclusion.played
            models = []
        return max(most - sum(known[model, item.benchmark, item.subject] for model in (*models, *arms)), 0)


class Live:
    """Where a run shows how it stands, until pytest has something to say."""

    hold_s = 0.0

    def __init__(self, session: Session, items: Items, over: Over, workers: Callable[[], int] = lambda: 1) -> None:
        self._session, self._items, self._workers = session, items, workers
        self._bound = bounds(session)
        self._overview = Overview(session, items, over, self._bound)
        self._announced = False
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

    def announce(self) -> None:
        """Write the forecast, once."""
        if not self._announced and self._items():
            self._announced = True
            if text := self.forecast():
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
