"""Triangles that hold no sample are left out, and no others: told beside every place where rounding may put corners."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.libero_plus.resting_loops import mark

SAMPLES = np.array([(0.375, 0.125), (0.875, 0.375), (0.125, 0.625), (0.625, 0.875)])
SIZE, MARGIN, COUNT = 8, 0.005, 1500


def triangles(extent: float) -> NDArray[np.float64]:
    """Corners (COUNT, 3, 2) in and around a picture, every tenth triangle seen from its edge."""
    random = np.random.default_rng(0)
    found = random.uniform(-1, SIZE + 1, (COUNT, 1, 2)) + random.uniform(-extent, extent, (COUNT, 3, 2))
    found[::10, 2] = found[::10, :2].mean(axis=1)
    return found


def shows(corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which triangles (n, 3, 2) face the camera and hold a sample of the picture."""
    grid = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), axis=-1).reshape(-1, 1, 2)
    places = (grid + SAMPLES).reshape(-1, 2)
    inside = np.ones((len(corners), len(places)), bool)
    for first in range(3):
        begin, edge = corners[:, first], corners[:, (first + 1) % 3] - corners[:, first]
        away = places[None] - begin[:, None]
        inside &= edge[:, None, 0] * away[..., 1] - edge[:, None, 1] * away[..., 0] >= 0
    turned = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    found: NDArray[np.bool_] = inside.any(axis=1) & (turned > 0)
    return found


@pytest.mark.parametrize("extent", [0.02, 0.1, 0.4, 2.0])
def test_what_shows_is_marked_wherever_its_corners_are_within_the_margin(extent: float) -> None:
    corners = triangles(extent)
    faces = np.arange(3 * COUNT, dtype=np.int32).reshape(-1, 3)
    marked = mark(corners.reshape(-1, 2), faces, SAMPLES, float(SIZE), MARGIN)
    random = np.random.default_rng(1)
    for _ in range(8):
        moved = corners + random.choice((-MARGIN, 0, MARGIN), corners.shape)
        assert marked[shows(moved)].all()
    plain = shows(corners)
    assert plain.any() or extent < 0.1
    assert marked.sum() <= plain.sum() + (0.25 if extent < 1 else 0.6) * COUNT
