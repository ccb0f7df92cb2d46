"""Where things may stand: boxes seen from above, moves that touch nothing, places for distractors that hide nothing.

Geometry only; a benchmark says what stands where, and puts its objects to the places found. Metres, z upwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.perturbations import Distractor

Floats = NDArray[np.float64]
# The most that scattering moves what the goal does not name.
OTHERS = 0.03
_CLOSER, _FAR_ENOUGH = 0.012, 0.14
_TRIES = 300
_FRACTIONS = np.linspace(1, 0, 21)
_GAP = 0.005
_GRID = 0.03
_AT_ONCE = 64
_FINENESS = 3


class Outlines(NamedTuple):
    """Boxes round bodies: lower and upper corners, (bodies, 3), in metres."""

    low: Floats
    high: Floats

    def overlap(self, other: Outlines, gap: float = _GAP) -> NDArray[np.bool_]:
        """Which of these boxes, seen from above, come nearer than ``gap`` to which of the others: (these, others)."""
        apart = (self.low[:, None, :2] > other.high[None, :, :2] + gap) | (
            self.high[:, None, :2] + gap < other.low[None, :, :2]
        )
        touching: NDArray[np.bool_] = ~apart.any(axis=2)
        return touching

    def joined(self, other: Outlines) -> Outlines:
        """These boxes and the others."""
        return Outlines(np.vstack([self.low, other.low]), np.vstack([self.high, other.high]))


def box(middle: Floats, reach: Floats) -> Outlines:
    """Boxes by their centres, (3,) or (boxes, 3), and half their size."""
    return Outlines(np.atleast_2d(middle - reach), np.atleast_2d(middle + reach))


def furthest(moved: Callable[[float], Outlines], standing: Outlines) -> float:
    """Move something as far as it comes without touching what it did not touch before; return that share of its way.

    ``moved`` carries out a share (0–1) of the move and returns the outlines of what has moved.
    """
    before = moved(0.0).overlap(standing)
    for share in _FRACTIONS:
        if not (moved(float(share)).overlap(standing) & ~before).any():
            return float(share)
    return 0.0


def scattered(
    places: Floats, widths: Floats, group: NDArray[np.int64], fixed: NDArray[np.bool_], random: np.random.Generator
) -> Floats:
    """Draw by how much each of ``places`` (objects, 2) moves, so that none comes much closer to another than it was.

    An object goes up to its width to each side, together with the one that ``group`` names, or not at all when
    ``fixed``. All zero when no draw of 300 leaves enough room.
    """
    apart = np.eye(len(places)) * 9
    away = distances(places) + apart
    for _ in range(_TRIES):
        shift = random.uniform(-1, 1, places.shape) * widths[:, None]
        shift = np.where(fixed[:, None], 0.0, shift[group])
        after = distances(places + shift) + apart
        if (after > np.minimum(away - _CLOSER, _FAR_ENOUGH)).all():
            return shift
    return np.zeros_like(places)


def distances(points: Floats) -> Floats:
    """Distances between points, (points, points)."""
    found: Floats = np.linalg.norm(points[:, None] - points[None], axis=-1)
    return found


def grid(low: Floats, high: Floats) -> Floats:
    """Places every 3 cm between two corners, (places, 2), the corners first and last."""
    counts = np.maximum(np.rint((high - low) / _GRID).astype(int), 1) + 1
    sides = [np.linspace(start, stop, count) for start, stop, count in zip(low, high, counts, strict=True)]
    places: Floats = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 2)
    return places


def lattice(outlines: Outlines) -> Floats:
    """Points all over and in boxes, (points, 3): what is not to be hidden."""
    steps = np.array(list(np.ndindex((_FINENESS + 1,) * 3))) / _FINENESS
    points = [low + steps * (high - low) for low, high in zip(*outlines, strict=True)]
    return np.reshape(points, (-1, 3))


class Floor(NamedTuple):
    """Where distractors may stand: ``places`` (places, 2) on a surface at height ``top``, opposite corners first and
    last, at least ``gap`` from what is ``standing`` and not between ``eye`` and any of ``points``.
    """

    places: Floats
    top: float
    standing: Outlines
    eye: Floats
    points: Floats
    gap: float

    def nearest(self, wish: Distractor, reach: Floats) -> Floats | None:
        """The free place, (2,), nearest to the one wished for, for a box of half size ``reach``; None without one."""
        low, high = self.places[0], self.places[-1]
        wished = (low + high) / 2 + np.array([wish.x, wish.y]) * (high - low) / 2
        order = np.argsort(np.linalg.norm(self.places - wished, axis=1), kind="stable")
        for begin in range(0, len(order), _AT_ONCE):
            some = self.places[order[begin : begin + _AT_ONCE]]
            boxes = box(np.column_stack([some, np.full(len(some), self.top + reach[2])]), reach)
            free = ~boxes.overlap(self.standing, self.gap).any(axis=1)
            free[free] = ~_hides(boxes.low[free], boxes.high[free], self.eye, self.points).any(axis=1)
            if free.any():
                place: Floats = some[int(np.argmax(free))]
                return place
        return None

    def with_box(self, place: Floats, reach: Floats) -> Floor:
        """The same with one more box standing there."""
        middle = np.array([*place, self.top + reach[2]])
        return self._replace(standing=self.standing.joined(box(middle, reach)))


def one_by_one(count: int, wishes: Iterable[Distractor]) -> Iterator[tuple[int, Distractor]]:
    """Which of ``count`` objects each wish takes, as its ``item`` counts those that are left; ends when none is."""
    left = list(range(count))
    for wish in wishes:
        if not left:
            return
        yield left.pop(wish.item % len(left)), wish


def _hides(low: Floats, high: Floats, eye: Floats, points: Floats) -> NDArray[np.bool_]:
    """Which boxes cut the line of sight from the eye to which points: (boxes, points)."""
    way = points - eye
    way = np.where(np.abs(way) < 1e-12, 1e-12, way)
    first, second = (low[:, None] - eye) / way, (high[:, None] - eye) / way
    enters, leaves = np.minimum(first, second).max(axis=2), np.maximum(first, second).min(axis=2)
    hidden: NDArray[np.bool_] = (enters <= leaves) & (leaves > 0) & (enters < 1)
    return hidden
