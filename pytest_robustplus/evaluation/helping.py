"""Which cells and comparisons of a run a process can play for although another one reports them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from pytest_robustplus.errors import RobustnessError
from pytest_robustplus.evaluation.ablation import ablation_audit
from pytest_robustplus.evaluation.audit import Audit
from pytest_robustplus.evaluation.campaign import Campaign, Fits, Question
from pytest_robustplus.evaluation.checkpoints import again
from pytest_robustplus.evaluation.comparison import Contest
from pytest_robustplus.evaluation.rerun import repeat
from pytest_robustplus.evaluation.resources import Resources
from pytest_robustplus.evaluation.searching import Search
from pytest_robustplus.ledger import GENERATED, StoredAudit
from pytest_robustplus.policies.ablation import ablation_name
from pytest_robustplus.session.cells import Subject, TableCell

Key = tuple[str, str]
Names = tuple[str, str, str]
Name = TypeVar("Name")
Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the items of a run ask, by node id, and which ``checks`` stand in front of each (model, benchmark)."""

    cells: Mapping[str, TableCell]
    comparisons: Mapping[str, tuple[TableCell, ...]] = field(default_factory=dict)
    searches: Mapping[str, Callable[[], Search[Any]]] = field(default_factory=dict)
    checks: Mapping[Key, frozenset[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.cells or self.comparisons)


class Helping:
    """Joins what a run's items play: audits at play, those of their ablations, those still to be begun, comparisons.

    ``over`` says which items have run. A cell is begun ahead of its item once the checks of its model have passed, on
    the baselines that the run's options name. Where its test holds it against others that make it another question,
    only its item plays it.
    """

    def __init__(self, resources: Resources, campaign: Campaign, asked: Asked, over: Callable[[], set[str]]) -> None:
        self._resources, self._session, self._campaign = resources, resources.session, campaign
        self._asked, self._over = asked, over
        self._joined: dict[Names, Audit | None] = {}
        self._contests: dict[tuple[Names, ...], Contest | None] = {}
        self._searches: dict[str, Search[Any] | None] = {}
        self._unreachable: set[Key] = set()
        self._clear: set[Names] = set()
        self._last: Audit | None = None

    def needed(self) -> bool:
        """Whether any item has still to run, or runs, for which one can play."""
        return bool((self._asked.cells.keys() | self._asked.comparisons.keys()) - self._over())

    def questions(self, besides: Question | None, fits: Fits) -> Iterator[Question]:
        """What may have free episodes: first what was played last, then what the fewest play for, then the unbegun.

        ``fits`` says which cells can be played now.
        """
        own = () if besides is None or isinstance(besides, Search) else tuple(map(_names, besides.subjects))
        cells = [cell for cell in self._open(fits) if own != (_names(cell),)]
        contests = [sides for sides in self._compared(fits) if own != tuple(map(_names, _live(sides)))]
        searches = list(self._searched(besides, fits))
        if not cells and not contests:
            yield from searches
            return
        begun: dict[Names, StoredAudit] = {}
        compared: set[Names] = set()
        for stored in self._session.ledger.audits(self._session.run):
            names = stored.key.model, stored.key.benchmark, stored.key.dimension
            if not stored.key.compared:
                begun[names] = stored
            elif stored.conclusion is None:
                compared.add(names)
        known = [audit for cell in cells for audit in self._begun(cell, begun)]
        for audit in sorted(known, key=self._place):
            self._last = audit
            yield audit
        for sides in contests:
            if compared.issuperset(map(_names, _live(sides))) and (contest := self._contest(sides)) is not None:
                yield contest
        for cell in cells:
            if _names(cell) not in begun and (joined := self._ahead(cell)) is not None:
                self._last = joined
                yield joined
        # What exactly its test asks is not known before it runs, so that other processes wait for that.
        for sides in contests if not self._session.spread else ():
            if not compared.issuperset(map(_names, _live(sides))) and (contest := self._contest(sides)) is not None:
                yield contest

        yield from searches

    def _searched(self, besides: Question | None, fits: Fits) -> Iterator[Search[Any]]:
        """Searches that have still to run, where simulators of this process would idle for want of other questions."""
        if not self._campaign.players.several or self._session.spread:
            return
        over = self._over()
        for node, begin in self._asked.searches.items():
            if node in over:
                continue
            search = self._built(self._searches, node, (), begin)
            if search is None or search is besides:
                continue
            if fits(search.subjects) and all(map(self._cleared, search.subjects)) and search.decided() is None:
                yield search

    def _compared(self, fits: Fits) -> Iterator[tuple[TableCell, ...]]:
        """The sides of comparisons that have still to run, or run, and of cells that are played a second time."""
        over = self._over()
        contests = [sides for node, sides in self._asked.comparisons.items() if node not in over]
        if self._session.settings.repeat is not None and self._session.spread:
            contests += [(cell,) for node, cell in self._asked.cells.items() if node not in over]
        for sides in contests:
            live = _live(sides)
            reachable = all(cell.key not in self._unreachable for cell in sides)
            if live and reachable and fits(live) and all(map(self._cleared, live)):
                yield sides if len(sides) > 1 else (sides[0], _again(sides[0]))

    def _contest(self, sides: tuple[TableCell, ...]) -> Contest | None:
        """A comparison of these cells; of two, what is asked is known where nobody has to be told of it."""

        def build() -> Contest:
            if sides[1].key == _again(sides[0]).key:
                return repeat(self._resources, sides[0])
            asked: Literal["which", "best"] | None = "which" if len(sides) == 2 else "best"
            if asked == "which" and self._session.spread:
                asked = None
            return Contest(self._resources, sides, asked, self._session.settings.margin)

        return self._built(self._contests, tuple(map(_names, sides)), (), build)

    def _place(self, audit: Audit) -> tuple[bool, int]:
        return audit is not self._last, audit.helpers()

    def _open(self, fits: Fits) -> list[TableCell]:
        over = self._over()
        cells = {_names(cell): cell for node, cell in self._asked.cells.items() if node not in over}
        return [
            cell
            for cell in cells.values()
            if cell.key not in self._unreachable and fits([cell]) and self._cleared(cell)
        ]

    def _cleared(self, cell: Subject) -> bool:
        """Whether the checks in front of a cell or a search have passed, and something can be played at all."""
        if _names(cell) in self._clear:
            return True
        if cell.recorded or (cell.card.unavailable and not cell.card.policy):
            return False
        found = {check.check: check.passed for check in self._session.ledger.checks(self._session.run, *cell.key)}
        passed = all(found.values()) and self._asked.checks.get(cell.key, frozenset()) <= found.keys()
        if passed and cell.playable():
            self._clear.add(_names(cell))
            return True
        return False

    def _begun(self, cell: TableCell, begun: Mapping[Names, StoredAudit]) -> Iterable[Audit]:
        """The audits of a cell and of its ablations that have begun and are not decided."""
        own = begun.get(_names(cell))
        if own is not None and own.conclusion is None:
            yield from self._join(cell, own, None)
        for modality in self._session.settings.ablations:
            ablated = begun.get((ablation_name(cell.card.name, modality), *_names(cell)[1:]))
            if ablated is not None and ablated.conclusion is None:
                yield from self._join(cell, ablated, modality)

    def _join(self, cell: TableCell, stored: StoredAudit, modality: str | None) -> Iterable[Audit]:
        def build() -> Audit:
            if modality is None:
                return self._whole(cell)
            return ablation_audit(self._resources, cell, modality, self._session.baselines_of(cell), stored.total)

        audit = self._audit((stored.key.model, *_names(cell)[1:]), build)
        return [audit] if audit is not None and audit.key == stored.key else []

    def _ahead(self, cell: TableCell) -> Audit | None:
        return self._audit(_names(cell), lambda: self._whole(cell))

    def _audit(self, names: Names, build: Callable[[], Audit]) -> Audit | None:
        return self._built(self._joined, names, [names[:2]], build)

    def _built(
        self, kept: dict[Name, Kind | None], name: Name, keys: Sequence[Key], build: Callable[[], Kind]
    ) -> Kind | None:
        """Build a question once; what goes wrong is told once."""
        if name not in kept:
            kept[name] = None
            try:
                kept[name] = build()
            except Exception as error:
                # A policy's constructor may raise anything. Its cells' own items say so; here nobody is helped.
                self._unreachable.update(keys)
                reason = str(error) if isinstance(error, RobustnessError) else f"{type(error).__name__}: {error}"
                self._campaign.unable[reason] += 1
        return kept[name]

    def _whole(self, cell: TableCell) -> Audit:
        return Audit(self._resources, cell, self._session.baselines_of(cell))


def _live(sides: Sequence[TableCell]) -> list[TableCell]:
    """Those that play, and are not known by results alone."""
    return [cell for cell in sides if not cell.recorded]


def _again(cell: TableCell) -> TableCell:
    """The same cell under the name by which it is played once more."""
    return replace(cell, card=replace(cell.card, name=again(cell.card.name)))


def _names(cell: Subject) -> Names:
    return *cell.key, str(cell.dimension) if isinstance(cell, TableCell) else GENERATED
