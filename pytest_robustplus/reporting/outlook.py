"""What a run has before it: at most how many episodes, and how long those take by what the ledger knows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from pytest_robustplus.errors import BadInputError, LedgerError
from pytest_robustplus.fuzz.contrast import most_of
from pytest_robustplus.fuzz.falsify import BUDGET, KNOWN_BY
from pytest_robustplus.ledger import Ledger
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.results.text import duration, quantity

if TYPE_CHECKING:
    from pytest_robustplus.options import Settings
    from pytest_robustplus.session.cells import TableCell
    from pytest_robustplus.session.session import Session

SEARCHES = ("frontier", "fuzz", "play", "contrast")
PLAYED = ("cell", "comparison", *SEARCHES)
"""The kinds of items that play episodes for their own sake."""
Bound = Callable[[Identity], int | None]
Tasks = Callable[[str, str], Sequence[str]]
_WORTH_IT = 4
"""A machine with room for fewer simulators is not told that half of it is idle."""


def bounds(session: Session) -> Bound:
    """Return what says how many episodes an item plays at most, arms and repeats included; None where nobody knows."""
    settings, tasks = session.settings, listed(session)

    @cache
    def cells(benchmark: str) -> dict[tuple[str, str], TableCell]:
        return {(cell.card.name, str(cell.dimension)): cell for cell in session.registry.cells(benchmark)}

    def size(cell: TableCell) -> int:
        if cell.recorded or settings.merge or (cell.card.unavailable and not cell.card.policy):
            return 0
        playable = len(cell.playable())
        whole = playable if settings.budget is None else min(playable, settings.budget.of(cell.dimension))
        return len(session.share.places(whole))

    @cache
    def bound(item: Identity) -> int | None:
        if item.kind == "contrast":
            return most_of(settings.budget or BUDGET)
        if item.kind in ("frontier", "fuzz"):
            return (settings.budget or BUDGET) + KNOWN_BY
        if item.kind not in ("cell", "comparison") or settings.all_runs:
            return None
        with suppress(BadInputError):  # its package is not installed, which is said when it is played
            if item.kind == "cell":
                most = size(cells(item.benchmark)[item.model, item.subject])
                again = len(tasks(item.benchmark, item.subject)) if most and settings.repeat else 0
                return most * (1 + len(settings.ablations)) + repeats(settings, again)
            for group in session.registry.contests(item.benchmark):
                if "-vs-".join(cell.card.name for cell in group) == item.model and group[0].dimension == item.subject:
                    return sum(map(size, group))
        return None

    return bound


def listed(session: Session) -> Tasks:
    """Return what names the tasks of a benchmark under a dimension that the cells of this run can play."""

    @cache
    def tasks(benchmark: str, dimension: str) -> Sequence[str]:
        with suppress(BadInputError):  # its package is not installed, which is said when it is played
            groups = session.registry.contests(benchmark) or [tuple(session.registry.cells(benchmark))]
            for cell in (cell for group in groups for cell in group if cell.dimension == dimension):
                return [task.name for task in cell.playable()]
        return []

    return tasks


def repeats(settings: Settings, tasks: int) -> int:
    """How many episodes of so many tasks a cell plays to see how two runs differ, whatever its own budget."""
    return 2 * min(settings.repeat or 0, tasks)


def idle(players: int, room: int) -> str:
    """What to add to a run that leaves half of a machine idle that has room for so many simulators; else nothing."""
    if room < _WORTH_IT or 2 * players > room:
        return ""
    return (
        f"{quantity(players, 'simulator')} where this machine has room for {room}: -n auto starts more workers,"
        " --robust-simulators=auto more simulators that share a worker's policy"
    )


def forecast(session: Session, items: Iterable[Identity], bound: Bound, players: int) -> str:
    """Say before a run begins what it takes at most; empty where nothing is to be played.

    ``players`` simulators share the work; 0 is for a cluster's, of which nobody knows yet how many there are. Times are
    those of the latest episodes that the ledger has of each model.
    """
    asked = [item for item in items if item.kind in PLAYED]
    most = {item: bound(item) for item in asked}
    if not any(episodes != 0 for episodes in most.values()):
        return ""
    known = [episodes for episodes in most.values() if episodes is not None]
    if len(known) < len(asked):
        return f"{nouns(asked)}: how many episodes that takes is not known beforehand"
    text = f"{nouns(asked)}: {quantity(sum(known), 'episode')} at most"
    models: dict[tuple[str, str], float] = defaultdict(float)
    cards = session.registry.cards
    for item, episodes in most.items():
        named = item.model.split("-vs-")
        for model in (names := [name for name in named if not cards[name].policy.startswith("recorded:")]):
            models[model, item.benchmark] += (episodes or 0) / len(names)
    wanted = {key: episodes for key, episodes in models.items() if episodes}
    try:
        with Ledger.open(session.ledger_path, create=False, verify=False) as ledger:
            seen = {key: ledger.seconds(*key) for key in wanted}
    except LedgerError:
        seen = {}
    if missing := [model for model, benchmark in wanted if not seen.get((model, benchmark), (0, 0.0))[0]]:
        whose = " or ".join(dict.fromkeys(missing))
        return f"{text}; how long those take shows once some are played: the ledger has none of {whose}"
    seconds = sum(episodes * seen[key][1] for key, episodes in wanted.items()) / max(players, 1)
    told = ", ".join(f"{mean:.2g} s each of {model}" for (model, _), (_, mean) in seen.items())
    beside = f" over {players} simulators" if players > 1 else "" if players else " of one simulator's time"
    return f"{text}, some {duration(seconds)}{beside} if they are like the latest in the ledger ({told})"


def nouns(items: Iterable[Identity]) -> str:
    """Count items by what they are, such as ``6 cells and 2 searches``."""
    found = Counter(map(noun, items))
    plural = {"search": "searches"}
    words = [quantity(n, word, plural.get(word, "")) for word, n in found.items()]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def noun(item: Identity) -> str:
    """What an item is called among others."""
    return "search" if item.kind in SEARCHES else item.kind
