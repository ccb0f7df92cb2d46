"""Which triangles hold a sample, as one function that is compiled on import: 20 ms for 200,000."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

_LARGE = 3.0  # pixels: what is larger holds a sample, or may as well be drawn


@numba.njit("(float64[:, :], int32[:, :], float64[:, :], float64, float64)", cache=True)
def mark(
    corners: NDArray[np.float64],
    faces: NDArray[np.int32],
    samples: NDArray[np.float64],
    size: float,
    margin: float,
) -> NDArray[np.bool_]:
    """Mark the faces (n, 3) that may show in a square picture, given where corners (m, 2) lie in it, in pixels.

    Left are those that face away, lie outside, or hold none of the ``samples`` (k, 2) of a pixel, even if every corner
    lay ``margin`` pixels elsewhere.
    """
    marked = np.zeros(len(faces), np.bool_)
    for face in range(len(faces)):
        ax, ay = corners[faces[face, 0], 0], corners[faces[face, 0], 1]
        bx, by = corners[faces[face, 1], 0], corners[faces[face, 1], 1]
        cx, cy = corners[faces[face, 2], 0], corners[faces[face, 2], 1]
        left, right = min(ax, bx, cx) - margin, max(ax, bx, cx) + margin
        low, high = min(ay, by, cy) - margin, max(ay, by, cy) + margin
        if right < 0 or left > size or high < 0 or low > size:
            continue
        ab = np.hypot(bx - ax, by - ay)
        bc = np.hypot(cx - bx, cy - by)
        ca = np.hypot(ax - cx, ay - cy)
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        sure = 2 * margin * (ab + bc + ca) + 4 * margin * margin
        if area < -sure:
            continue
        if right - left > _LARGE or high - low > _LARGE:
            marked[face] = True
            continue
        for column in range(int(np.floor(left)), int(np.floor(right)) + 1):
            for row in range(int(np.floor(low)), int(np.floor(high)) + 1):
                for sample in range(len(samples)):
                    x, y = column + samples[sample, 0], row + samples[sample, 1]
                    if x < left or x > right or y < low or y > high:
                        continue
                    # One that is seen from its edge may face either way.
                    if area < sure or (
                        (bx - ax) * (y - ay) - (by - ay) * (x - ax) >= -2 * margin * ab
                        and (cx - bx) * (y - by) - (cy - by) * (x - bx) >= -2 * margin * bc
                        and (ax - cx) * (y - cy) - (ay - cy) * (x - cx) >= -2 * margin * ca
                    ):
                        marked[face] = True
    return marked
