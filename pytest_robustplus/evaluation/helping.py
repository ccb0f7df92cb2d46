"""Which cells and comparisons of a run a process can play for although another one reports them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pytest_robustplus.errors import RobustnessError
from pytest_robustplus.evaluation.ablation import ablation_audit
from pytest_robustplus.evaluation.audit import Audit
from pytest_robustplus.evaluation.campaign import Campaign, Question
from pytest_robustplus.evaluation.checkpoints import again
from pytest_robustplus.evaluation.comparison import Contest
from pytest_robustplus.evaluation.rerun import repeat
from pytest_robustplus.evaluation.resources import Resources
from pytest_robustplus.ledger import StoredAudit
from pytest_robustplus.policies.ablation import ablation_name
from pytest_robustplus.session.cells import TableCell
from pytest_robustplus.session.session import POLL_S

Key = tuple[str, str]
Names = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the items of a run ask, by node id, and which ``checks`` stand in front of each (model, benchmark)."""

    cells: Mapping[str, TableCell]
    comparisons: Mapping[str, tuple[TableCell, ...]] = field(default_factory=dict)
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
        self._unreachable: set[Key] = set()
        self._clear: set[Names] = set()
        self._left: set[tuple[Names, ...]] = set()
        self._last: Audit | None = None

    def needed(self) -> bool:
        """Whether any item has still to run, or runs, for which one can play."""
        return bool((self._asked.cells.keys() | self._asked.comparisons.keys()) - self._over())

    def serve(self) -> None:
        """Take part in a comparison, or in a cell's repeat, to its end; wait a little where there is none."""
        begun = {audit.key for audit in self._session.ledger.audits(self._session.run) if audit.conclusion is None}
        compared = {(key.model, key.benchmark, key.dimension) for key in begun if key.compared}
        over = self._over()
        contests = [cells for node, cells in self._asked.comparisons.items() if node not in over]
        if self._session.settings.repeat is not None:
            contests += [(cell,) for node, cell in self._asked.cells.items() if node not in over]
        for cells in contests:
            names = tuple(map(_names, cells))
            # A cell that is compared with itself has begun to be once the other one plays.
            signs = names if len(cells) > 1 else ((again(cells[0].card.name), *names[0][1:]),)
            if names not in self._left and not compared.isdisjoint(signs):
                # Whatever ends it here, it is not begun again: its own item knows whether there is more to play.
                self._left.add(names)
                self._take_part(cells)
                return
        time.sleep(POLL_S)

    def _take_part(self, cells: tuple[TableCell, ...]) -> None:
        """Play a comparison of these cells, or of the only one with itself, until it has ended."""
        try:
            if len(cells) == 1:
                repeat(self._resources, cells[0]).help()
            else:
                asked = self._session.settings.margin
                Contest(self._resources, cells, "which" if len(cells) == 2 else "best", asked).help()
        except RobustnessError as error:
            self._campaign.unable[str(error)] += 1

    def questions(self, besides: Question | None, fits: Callable[[TableCell], bool]) -> Iterator[Audit]:
        """What may have free episodes: first what was played last, then what the fewest play for, then the unbegun.

        ``fits`` says which cells can be played now.
        """
        cells = [cell for cell in self._open(fits) if besides is None or _names(cell) != _names(besides.cell)]
        if not cells:
            return
        begun: dict[Names, StoredAudit] = {}
        for stored in self._session.ledger.audits(self._session.run):
            if not stored.key.compared:
                begun[stored.key.model, stored.key.benchmark, stored.key.dimension] = stored
        known = [audit for cell in cells for audit in self._begun(cell, begun)]
        for audit in sorted(known, key=self._place):
            self._last = audit
            yield audit
        for cell in cells:
            if _names(cell) not in begun and (joined := self._ahead(cell)) is not None:
                self._last = joined
                yield joined

    def _place(self, audit: Audit) -> tuple[bool, int]:
        return audit is not self._last, audit.helpers()

    def _open(self, fits: Callable[[TableCell], bool]) -> list[TableCell]:
        over = self._over()
        cells = {_names(cell): cell for node, cell in self._asked.cells.items() if node not in over}
        return [
            cell for cell in cells.values() if cell.key not in self._unreachable and fits(cell) and self._cleared(cell)
        ]

    def _cleared(self, cell: TableCell) -> bool:
        """Whether the checks in front of a cell have passed, and something can be played at all."""
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

    def _audit(self, key: Names, build: Callable[[], Audit]) -> Audit | None:
        if key not in self._joined:
            self._joined[key] = None
            try:
                self._joined[key] = build()
            except Exception as error:
                # A policy's constructor may raise anything. Its cells' own items say so; here nobody is helped.
                self._unreachable.add(key[:2])
                reason = str(error) if isinstance(error, RobustnessError) else f"{type(error).__name__}: {error}"
                self._campaign.unable[reason] += 1
        return self._joined[key]

    def _whole(self, cell: TableCell) -> Audit:
        return Audit(self._resources, cell, self._session.baselines_of(cell))


def _names(cell: TableCell) -> Names:
    return cell.card.name, cell.benchmark.name, str(cell.dimension)
