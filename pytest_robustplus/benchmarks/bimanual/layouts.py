"""Where bodies lie under a layout perturbation of one's own, and which boxes lie there besides.

Distractors are boxes of eight colours and three shapes, none of them a colour or a shape that an instruction names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from pytest_robustplus.benchmarks.arrangement import (
    Floats,
    Floor,
    Outlines,
    box,
    furthest,
    grid,
    lattice,
    one_by_one,
    scattered,
)
from pytest_robustplus.benchmarks.bimanual.draws import CLUTTER_X, CLUTTER_Y, Setup
from pytest_robustplus.benchmarks.bimanual.goals import Body, Part, Triple
from pytest_robustplus.perturbations import Distractor, Layout

_COLOURS: tuple[Triple, ...] = (
    (0.90, 0.75, 0.10),
    (0.45, 0.15, 0.60),
    (0.95, 0.95, 0.92),
    (0.10, 0.70, 0.75),
    (0.10, 0.10, 0.10),
    (0.95, 0.55, 0.70),
    (0.45, 0.28, 0.12),
    (0.95, 0.50, 0.10),
)
_SHAPES: tuple[Triple, ...] = ((0.014, 0.014, 0.034), (0.030, 0.018, 0.012), (0.024, 0.030, 0.022))
_ITEMS = [(colour, shape) for shape in _SHAPES for colour in _COLOURS]
_GRIPPER_GAP = 0.03  # room for a gripper's open fingers


def arranged(setup: Setup, layout: Layout, clear: Sequence[Triple]) -> Setup:
    """Return the setup with its bodies scattered, its target (the first body) moved, and distractors added.

    The target goes as far as it comes without touching what it did not touch. A distractor takes the place nearest to
    where it is wished for in which it touches nothing, leaves room for a gripper and the places ``clear`` (x, y,
    radius), and hides nothing from the head camera; without such a place it is left out.
    """
    bodies = setup.bodies
    if layout.scatter:
        bodies = _scattered(bodies, layout)
    if layout.dx or layout.dy or layout.yaw:
        bodies = _shifted(bodies, layout, outlines(setup.clutter))
    setup = replace(setup, bodies=bodies)
    clutter = _laid(setup, layout.distractors, clear) if layout.distractors else ()
    return replace(setup, clutter=(*setup.clutter, *clutter))


def outlines(bodies: Iterable[Body]) -> Outlines:
    """Boxes round bodies where they lie, on the table's axes."""
    corners = [_corners(body) for body in bodies]
    low, high = [corner.min(axis=0) for corner in corners], [corner.max(axis=0) for corner in corners]
    return Outlines(np.reshape(low, (-1, 3)), np.reshape(high, (-1, 3)))


def _corners(body: Body) -> Floats:
    signs = np.array(list(np.ndindex(2, 2, 2))) * 2 - 1
    own = np.concatenate([np.array(part.offset) + signs * np.array(part.half_size) for part in body.parts])
    cosine, sine = np.cos(body.yaw), np.sin(body.yaw)
    turned = np.column_stack([cosine * own[:, 0] - sine * own[:, 1], sine * own[:, 0] + cosine * own[:, 1], own[:, 2]])
    found: Floats = turned + np.array([body.x, body.y, body.z])
    return found


def _scattered(bodies: tuple[Body, ...], layout: Layout) -> tuple[Body, ...]:
    """Every body belongs to the goal."""
    places = np.array([(body.x, body.y) for body in bodies])
    widths, alone = np.full(len(bodies), layout.scatter), np.arange(len(bodies))
    shifts = scattered(places, widths, alone, np.zeros(len(bodies), bool), np.random.default_rng(layout.seed))
    return tuple(body.moved(float(dx), float(dy), 0.0) for body, (dx, dy) in zip(bodies, shifts, strict=True))


def _shifted(bodies: tuple[Body, ...], layout: Layout, clutter: Outlines) -> tuple[Body, ...]:
    target, *others = bodies

    def moved(share: float) -> Body:
        return target.moved(share * layout.dx, share * layout.dy, share * float(np.radians(layout.yaw)))

    share = furthest(lambda part: outlines([moved(part)]), outlines(others).joined(clutter))
    return (moved(share), *others)


def _laid(setup: Setup, wishes: Sequence[Distractor], clear: Sequence[Triple]) -> list[Body]:
    from pytest_robustplus.benchmarks.bimanual.cameras import head_place

    task = outlines(setup.bodies)
    kept, flat = np.reshape(np.array(clear, np.float64), (-1, 3)), np.array([1.0, 1.0, 0.0])
    free = box(kept * flat, kept[:, 2:] * flat)
    standing = task.joined(outlines(setup.clutter)).joined(free)
    corners = (np.array(corner) for corner in zip(CLUTTER_X, CLUTTER_Y, strict=True))
    floor = Floor(grid(*corners), 0.0, standing, head_place(setup.view), lattice(task), _GRIPPER_GAP)
    found: list[Body] = []
    for item, wish in one_by_one(len(_ITEMS), wishes):
        colour, half = _ITEMS[item]
        name = f"distractor {len(setup.clutter) + len(found)}"
        body = Body(name, colour, (Part((0.0, 0.0, 0.0), half),), 0.0, 0.0, half[2], float(np.radians(wish.yaw)))
        reach = outlines([body]).high[0] - np.array([0.0, 0.0, half[2]])
        place = floor.nearest(wish, reach)
        if place is not None:
            found.append(body.moved(float(place[0]), float(place[1]), 0.0))
            floor = floor.with_box(place, reach)
    return found
