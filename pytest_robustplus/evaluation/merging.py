"""Joining the ledgers of shards: whatever would make one order out of two different ones is refused first."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.ledger import Ledger, StoredAudit
from pytest_robustplus.ledger.joining import Source, sources
from pytest_robustplus.results.merging import JoinedCell, Merged

Place = tuple[str, str, str]

# What a machine may do otherwise without changing what is asked; a renderer is told of, and may be refused.
OWN = frozenset({"python", "node", "driver", "ray"})
RENDERERS = frozenset({"renderer", "driver"})


class Piece(NamedTuple):
    """One ledger's part of a cell."""

    source: Source
    audit: StoredAudit

    @property
    def name(self) -> str:
        return self.source.path.name

    def facts(self) -> list[dict[str, str]]:
        """What its episodes depended on."""
        return [json.loads(text) for text in self.source.facts(self.audit.id)]


def merge(ledger: Ledger, paths: Sequence[Path], run: str, *, one_renderer: bool = False) -> Merged:
    """Join the ledgers at ``paths`` into ``ledger`` as a part of ``run``; joining them again changes nothing.

    Raises ``BadInputError``, before anything is written, for shares that overlap, and for cells that the ledgers asked
    otherwise: of another checkpoint, under another protocol, with other versions, or in another order.
    """
    if len({path.resolve() for path in paths}) < len(paths) or ledger.path.resolve() in {p.resolve() for p in paths}:
        raise BadInputError(
            f"--robust-merge names a ledger twice, or the one that it writes, {ledger.path}. Name another one to write"
            " with --robust-ledger."
        )
    with sources(paths) as opened:
        cells: dict[Place, list[Piece]] = defaultdict(list)
        for source in opened:
            for place, audit in source.latest().items():
                cells[place].append(Piece(source, audit))
        if not cells:
            raise BadInputError("The ledgers of --robust-merge hold no finished episode.")
        for place, pieces in cells.items():
            _refuse_other_questions(place, pieces)
            _refuse_other_versions(place, pieces)
            _refuse_overlap(place, pieces)
            if one_renderer and len(_renderers(pieces)) > 1:
                raise BadInputError(
                    f"{_cell(place)}: --robust-one-renderer, and the ledgers hold pictures of several:"
                    f" {', '.join(_renderers(pieces))}."
                )
        new: dict[Place, int] = defaultdict(int)
        for place, pieces in cells.items():
            for piece in pieces:
                new[place] += ledger.join(piece.source, piece.audit, run)
        unfinished = tuple(source.path.name for source in opened if source.unfinished())
        found = {place: (len(pieces), _renderers(pieces)) for place, pieces in cells.items()}
    joined = {(a.key.model, a.key.benchmark, a.key.dimension): a for a in ledger.audits(run)}
    told = [_told(ledger, joined[place], *found[place], new[place]) for place in found]
    return Merged(ledger.path, len(paths), tuple(told), unfinished)


def _told(ledger: Ledger, audit: StoredAudit, ledgers: int, renderers: Sequence[str], new: int) -> JoinedCell:
    key, outcomes, prefix = audit.key, ledger.outcomes(audit.id), ledger.prefix(audit.id)
    return JoinedCell(
        model=key.model,
        benchmark=key.benchmark,
        dimension=key.dimension,
        ledgers=ledgers,
        successes=sum(outcomes.values()),
        played=len(outcomes),
        prefix=len(prefix),
        total=audit.total,
        new=new,
        renderers=tuple(renderers),
    )


def _refuse_other_questions(place: Place, pieces: Sequence[Piece]) -> None:
    first = pieces[0]
    for other in pieces[1:]:
        _refuse_another_question(place, first, other)


def _refuse_another_question(place: Place, first: Piece, other: Piece) -> None:
    """Refuse a ledger that asks about a cell otherwise than the first."""

    def refused(why: str) -> BadInputError:
        return BadInputError(
            f"{_cell(place)}: {first.name} and {other.name} cannot be joined: {why}. Join ledgers of the same command,"
            " which differ in --robust-shard alone."
        )

    one, two = first.audit, other.audit
    if one.key.checkpoint != two.key.checkpoint:
        raise refused(f"they are of different checkpoints, {one.key.checkpoint} and {two.key.checkpoint}")
    if one.key.protocol != two.key.protocol:
        played = [_played(piece.facts()) for piece in (first, other)]
        changed = [name for name in sorted({*played[0], *played[1]}) if played[0].get(name) != played[1].get(name)]
        found = ", ".join(f"{name} {played[0].get(name)} and {played[1].get(name)}" for name in changed)
        raise refused(f"the protocol or the profile differs ({found or 'one of them was played with --robust-fresh'})")
    if (one.total, one.key.population) != (two.total, two.key.population):
        raise refused(
            f"their tasks or the order of these differ ({one.total:,} and {two.total:,} tasks: assets? budget?)"
        )
    if one.order_seed != two.order_seed:
        raise refused("they play in different orders")


def _played(facts: Iterable[Mapping[str, str]]) -> dict[str, object]:
    """Profile and protocol as one mapping."""
    told = next(iter(facts), {})
    profile, protocol = (json.loads(told.get(name, "{}")) for name in ("profile", "protocol"))
    return {**profile, **protocol}


def _refuse_other_versions(place: Place, pieces: Sequence[Piece]) -> None:
    """Refuse other versions of what computes; the package itself is of one version, too."""
    known: dict[str, tuple[str, str]] = {}
    for piece in pieces:
        packages = (json.loads(text) for text in piece.source.versions(piece.audit.id))
        told = chain(piece.facts(), ({"pytest_robustplus": one["pytest_robustplus"]} for one in packages))
        for facts in told:
            for name, value in facts.items():
                if name in OWN | RENDERERS:
                    continue
                before, where = known.setdefault(name, (value, piece.name))
                if before != value:
                    raise BadInputError(
                        f"{_cell(place)}: {name} is {before} in {where} and {value} in {piece.name}. Play all shards"
                        " with the same versions."
                    )


def _refuse_overlap(place: Place, pieces: Sequence[Piece]) -> None:
    """Refuse a position that two ledgers played; one that both know from a third is the same episode."""
    known: dict[int, tuple[tuple[object, ...], str]] = {}
    for piece in pieces:
        for position, episode in piece.source.finished(piece.audit.id).items():
            before, where = known.setdefault(position, (episode, piece.name))
            if before != episode:
                raise BadInputError(
                    f"{_cell(place)}: number {position + 1:,} of the order was played in {where} and in {piece.name}."
                    " Which one counts must not be chosen afterwards: leave one of the two out, or give each shard"
                    " another i of --robust-shard=i/N."
                )


def _renderers(pieces: Sequence[Piece]) -> list[str]:
    found = {facts["renderer"] for piece in pieces for facts in piece.facts() if "renderer" in facts}
    return sorted(found)


def _cell(place: Place) -> str:
    return "-".join(place)
