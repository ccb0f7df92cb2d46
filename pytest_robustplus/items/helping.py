"""What a process plays for the cells of others: while it waits, and once it has no more items of its own."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pytest_robustplus.distributed.board import board_of
from pytest_robustplus.distributed.process import UNABLE, may_help
from pytest_robustplus.items.reports import IDENTITY
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.session.session import session_of

if TYPE_CHECKING:
    from pytest_robustplus.evaluation.helping import Asked, Helping
    from pytest_robustplus.evaluation.resources import Resources
    from pytest_robustplus.evaluation.searching import Search


class Searching(Protocol):
    """What asks a search of a model."""

    def search(self, resources: Resources) -> Search[Any]:
        """Begin it anew."""
        ...


_HELPING: pytest.StashKey[Helping] = pytest.StashKey()
_SEARCHES: pytest.StashKey[dict[str, Search[Any]]] = pytest.StashKey()
# The models that each item asks about, by node id.
_MODELS: pytest.StashKey[dict[str, list[tuple[str, str]]]] = pytest.StashKey()
# Kinds of items that a campaign plays for; those of them that it plays for before they run.
PLAYED = "cell", "comparison", "contrast", "frontier", "fuzz", "play"
AHEAD = "frontier", "fuzz"


def prepare(session: pytest.Session) -> Helping:
    """Let this process know of every cell of the run, whoever is to report it."""
    from pytest_robustplus.evaluation.campaign import campaign_of
    from pytest_robustplus.evaluation.helping import Helping
    from pytest_robustplus.evaluation.resources import resources_of

    config = session.config
    if _HELPING not in config.stash:
        campaign = campaign_of(config)
        helping = Helping(resources_of(config), campaign, _asked(session), board_of(config).over)
        campaign.others = helping.questions
        config.stash[_HELPING] = helping
    return config.stash[_HELPING]


def search(item: pytest.Item, asked: Searching) -> Search[Any]:
    """The search of an item, which may have been begun before the item ran."""
    from pytest_robustplus.evaluation.resources import resources_of

    prepare(item.session)
    held = item.config.stash.setdefault(_SEARCHES, {})
    if item.nodeid not in held:
        held[item.nodeid] = asked.search(resources_of(item.config))
    return held[item.nodeid]


def meanwhile(session: pytest.Session, until: Callable[[], bool]) -> None:
    """Play for cells of others until what the caller waits for has come about."""
    from pytest_robustplus.evaluation.campaign import campaign_of

    prepare(session)
    campaign_of(session.config).help(until)


def make_way(item: pytest.Item) -> None:
    """Free what nothing is asked about any more, and leave the machine to an item that the campaign does not play."""
    if _HELPING not in item.config.stash:
        return
    from pytest_robustplus.evaluation.campaign import campaign_of, rest
    from pytest_robustplus.evaluation.resources import resources_of

    if getattr(item.stash.get(IDENTITY, None), "kind", "") not in PLAYED:
        rest(item.config)
    over = board_of(item.config).over()
    if _MODELS not in item.config.stash:
        ours = _identified(item.session)
        item.config.stash[_MODELS] = {one.nodeid: _models(one, identity) for one, identity in ours}
    asked = item.config.stash[_MODELS]
    needed = {key for node, keys in asked.items() if node not in over for key in keys}
    if freed := resources_of(item.config).free_all_but(needed):
        campaign_of(item.config).players.forget(freed)
        # A policy may hold itself: on a card it would keep the place of the next one.
        gc.collect()


def _models(item: Any, identity: Identity) -> list[tuple[str, str]]:
    """The models that an item asks about."""
    if identity.kind in ("comparison", "contrast"):
        return [cell.key for cell in item.callspec.params[identity.kind].of]
    return [(identity.model, identity.benchmark)]


def afterwards(session: pytest.Session) -> None:
    """Let a worker that runs no more items play for those of others, until these are over or the run ends."""
    config: Any = session.config
    if not may_help(config) or session.shouldstop or session.shouldfail or not _helpable(session):
        return
    from pytest_robustplus.evaluation.campaign import campaign_of

    campaign, board = campaign_of(config), board_of(config)
    board.rest(session_of(config).worker)
    try:
        helping = prepare(session)
        campaign.help(lambda: board.stopped or not helping.needed())
    except Exception as error:
        # Whatever it is, no verdict depends on it.
        campaign.unable[str(error)] += 1
    config.workeroutput[UNABLE] = dict(campaign.unable)


def _helpable(session: pytest.Session) -> bool:
    return any(identity.kind in ("cell", "comparison") for _, identity in _identified(session))


def _asked(session: pytest.Session) -> Asked:
    from pytest_robustplus.evaluation.helping import Asked

    held: dict[str, dict[str, Any]] = {"cell": {}, "comparison": {}}
    searches: dict[str, Callable[[], Search[Any]]] = {}
    checks: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item, identity in _identified(session):
        if identity.kind == "check":
            checks[identity.model, identity.benchmark].add(identity.subject)
        elif identity.kind in held:
            held[identity.kind][item.nodeid] = item.callspec.params[identity.kind].of
        elif identity.kind in AHEAD:
            searches[item.nodeid] = partial(search, item, item.callspec.params[identity.kind])
    named = {key: frozenset(names) for key, names in checks.items()}
    return Asked(held["cell"], held["comparison"], searches, named)


def _identified(session: pytest.Session) -> Iterator[tuple[Any, Identity]]:
    return ((item, item.stash[IDENTITY]) for item in session.items if IDENTITY in item.stash)
