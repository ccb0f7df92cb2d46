"""The base tasks: what lies on the table, when the goal is reached, and RoboTwin's step limit for the like.

Metres on the table: x to the right, y away from the arms, z up from the table top; the arms stand at y = -0.42.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Triple = tuple[float, float, float]

CONTROL_HZ = 25
RED, GREEN, BLUE, GREY = (0.85, 0.08, 0.08), (0.08, 0.65, 0.12), (0.10, 0.15, 0.85), (0.45, 0.45, 0.48)
HALF = 0.02
CENTRE = (0.0, 0.02)
BLOCKS = ("red block", "green block", "blue block")
_COLOURS = dict(zip(BLOCKS, (RED, GREEN, BLUE), strict=True))
_APART = 0.10
_TRIES = 1000

BIN = (0.0, 0.06)
_BIN_HALF, _BIN_HEIGHT, _BIN_WALL = 0.075, 0.05, 0.004
BAR_HALF = (0.075, 0.016, 0.016)
_LIFTED = 0.10


class Part(NamedTuple):
    """A box of a body, by its centre in the body's frame."""

    offset: Triple
    half_size: Triple


class Body(NamedTuple):
    """Something on the table: where its origin is, and the boxes that it is made of."""

    name: str
    colour: Triple
    parts: tuple[Part, ...]
    x: float
    y: float
    z: float
    yaw: float = 0.0
    fixed: bool = False

    def moved(self, dx: float, dy: float, yaw: float) -> Body:
        return self._replace(x=self.x + dx, y=self.y + dy, yaw=self.yaw + yaw)


class Bodies(Protocol):
    """What a goal may look at."""

    def position(self, body: str) -> Vector:
        """Where a body's origin is on the table, (3,) metres."""
        ...

    def released(self, side: str) -> bool:
        """Whether the gripper of the ``left`` or ``right`` arm is open."""
        ...


class Goal(NamedTuple):
    """A base task; ``clear`` are places (x, y, radius) that distractors leave free.

    ``conjuncts`` name what of the goal can be reached alone: all of them hold where it is reached. ``moved`` are the
    bodies that have to be taken.
    """

    step_limit: int
    bodies: Callable[[np.random.Generator], tuple[Body, ...]]
    reached: Callable[[Bodies], bool]
    clear: tuple[Triple, ...] = ()
    conjuncts: Mapping[str, Callable[[Bodies], bool]] = {}
    moved: tuple[str, ...] = ()


def block(name: str, x: float, y: float, yaw: float) -> Body:
    """A cube of 4 cm."""
    return Body(name, _COLOURS[name], (Part((0.0, 0.0, 0.0), (HALF, HALF, HALF)),), x, y, HALF, yaw)


def side_of(x: float) -> str:
    """The arm in whose half of the table a place is."""
    return "left" if x < 0 else "right"


def _scattered(names: tuple[str, ...], rng: np.random.Generator, *, nearest: float = 0.10) -> tuple[Body, ...]:
    """Blocks on either side of the middle, at least 10 cm apart."""
    places: list[Vector] = []
    while len(places) < len(names):
        for _ in range(_TRIES):
            place = np.array([rng.choice((-1, 1)) * rng.uniform(nearest, 0.28), rng.uniform(-0.05, 0.12)])
            if all(np.linalg.norm(place - other) >= _APART for other in places):
                places.append(place)
                break
        else:
            places.clear()
    return tuple(
        block(name, float(x), float(y), float(rng.uniform(-0.4, 0.4)))
        for name, (x, y) in zip(names, places, strict=True)
    )


def _one_block(rng: np.random.Generator) -> tuple[Body, ...]:
    side = rng.choice((-1, 1))
    x, y, yaw = side * rng.uniform(0.08, 0.30), rng.uniform(-0.05, 0.15), rng.uniform(-0.5, 0.5)
    return (block("red block", float(x), float(y), float(yaw)),)


def _one_on_each_side(rng: np.random.Generator) -> tuple[Body, ...]:
    return tuple(
        block(
            name, float(side * rng.uniform(0.16, 0.28)), float(rng.uniform(-0.05, 0.12)), float(rng.uniform(-0.4, 0.4))
        )
        for name, side in zip(BLOCKS[:2], rng.permutation((-1, 1)), strict=True)
    )


def _bar_and_pad(rng: np.random.Generator) -> tuple[Body, ...]:
    x, y, yaw = -rng.uniform(0.12, 0.22), rng.uniform(0.0, 0.10), rng.uniform(-0.15, 0.15)
    bar = Body("red bar", RED, (Part((0.0, 0.0, 0.0), BAR_HALF),), float(x), float(y), BAR_HALF[2], float(yaw))
    flat = Part((0.0, 0.0, 0.0), (0.05, 0.05, 0.002))
    pad = Body(
        "blue pad", BLUE, (flat,), float(rng.uniform(0.18, 0.28)), float(rng.uniform(0.0, 0.10)), 0.002, fixed=True
    )
    return bar, pad


def _blocks_and_bin(rng: np.random.Generator) -> tuple[Body, ...]:
    middle, wall, height = _BIN_HALF - _BIN_WALL, _BIN_WALL, _BIN_HEIGHT / 2
    parts = (
        Part((0.0, 0.0, wall), (_BIN_HALF, _BIN_HALF, wall)),
        *(Part((sign * middle, 0.0, height), (wall, _BIN_HALF, height)) for sign in (-1, 1)),
        *(Part((0.0, sign * middle, height), (_BIN_HALF, wall, height)) for sign in (-1, 1)),
    )
    return (*_one_on_each_side(rng), Body("grey bin", GREY, parts, *BIN, 0.0, fixed=True))


def _all_released(state: Bodies) -> bool:
    return state.released("left") and state.released("right")


def _is_lifted(state: Bodies) -> bool:
    return bool(state.position("red block")[2] > _LIFTED)


def _is_on(state: Bodies, upper: str, lower: str) -> bool:
    way = state.position(upper) - state.position(lower)
    return bool(np.abs(way[:2]).max() < HALF and abs(way[2] - 2 * HALF) < HALF / 2)


def _two_are_stacked(state: Bodies) -> bool:
    return _is_on(state, "green block", "red block") and _all_released(state)


def _three_are_stacked(state: Bodies) -> bool:
    return _two_are_stacked(state) and _is_on(state, "blue block", "green block")


def _are_neighbours(state: Bodies, left: str, right: str) -> bool:
    way = state.position(right) - state.position(left)
    return bool(0 < way[0] < 0.13 and abs(way[1]) < 0.03 and abs(way[2]) < HALF)


def _are_ranked(state: Bodies) -> bool:
    """In a row from left to right: neighbours less than 13 cm apart along x and 3 cm along y, as RoboTwin has it."""
    in_row = all(_are_neighbours(state, left, right) for left, right in pairwise(BLOCKS))
    return in_row and _all_released(state)


def _is_handed_over(state: Bodies) -> bool:
    way = state.position("red bar") - state.position("blue pad")
    return bool(np.linalg.norm(way[:2]) < 0.05 and way[2] < 0.03 and state.released("right"))


def _is_in_bin(state: Bodies, name: str) -> bool:
    way = state.position(name) - state.position("grey bin")
    return bool(np.abs(way[:2]).max() < _BIN_HALF and way[2] < _BIN_HEIGHT + HALF)


def _are_in_bin(state: Bodies) -> bool:
    return all(_is_in_bin(state, name) for name in BLOCKS[:2]) and _all_released(state)


# RoboTwin's step limits (arXiv 2506.18088): those of the tasks of the same name, of lift_pot for lift_block and of
# place_can_basket for place_blocks_bin.
GOALS: Mapping[str, Goal] = {
    "lift_block": Goal(400, _one_block, _is_lifted, conjuncts={"red block lifted": _is_lifted}, moved=BLOCKS[:1]),
    "stack_blocks_two": Goal(
        800,
        lambda rng: _scattered(BLOCKS[:2], rng),
        _two_are_stacked,
        ((*CENTRE, 0.10),),
        {"green block on red block": lambda state: _is_on(state, "green block", "red block")},
        BLOCKS[:2],
    ),
    "stack_blocks_three": Goal(
        1200,
        lambda rng: _scattered(BLOCKS, rng),
        _three_are_stacked,
        ((*CENTRE, 0.10),),
        {
            "green block on red block": lambda state: _is_on(state, "green block", "red block"),
            "blue block on green block": lambda state: _is_on(state, "blue block", "green block"),
        },
        BLOCKS,
    ),
    "blocks_ranking_rgb": Goal(
        1200,
        lambda rng: _scattered(BLOCKS, rng, nearest=0.16),
        _are_ranked,
        tuple((x, CENTRE[1], 0.08) for x in (-0.09, 0.0, 0.09)),
        {
            "red block left of green block": lambda state: _are_neighbours(state, "red block", "green block"),
            "green block left of blue block": lambda state: _are_neighbours(state, "green block", "blue block"),
        },
        BLOCKS,
    ),
    "handover_block": Goal(
        800,
        _bar_and_pad,
        _is_handed_over,
        ((0.0, 0.05, 0.10),),
        {"red bar on blue pad": _is_handed_over},
        ("red bar",),
    ),
    "place_blocks_bin": Goal(
        700,
        _blocks_and_bin,
        _are_in_bin,
        (),
        {
            "red block in grey bin": lambda state: _is_in_bin(state, "red block"),
            "green block in grey bin": lambda state: _is_in_bin(state, "green block"),
        },
        BLOCKS[:2],
    ),
}
