"""The loops of zoom blur and glass blur, compiled; the packages' own take ten times as long and more.

Frames are equal to the last bit. numba keeps the compiled code beside this file, or in the user's cache where nobody
may write here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

Reading = tuple[NDArray[np.int64], NDArray[np.float64]]


@lru_cache
def readings(size: int, factors: tuple[float, ...]) -> Reading:
    """Return, of every factor and line of the enlarged frame, the first of the two lines that zoom blur reads there,
    (factor, line), and the share of each, (factor, line, 2).

    They are asked of scipy, which the packages call, so that rounding and edges are those of the version at hand.
    """
    first = np.zeros((len(factors), size), np.int64)
    shares = np.zeros((len(factors), size, 2))
    for place, factor in enumerate(factors):
        read = int(np.ceil(size / factor))
        enlarged = zoom(np.eye(read), (factor, 1), order=1)
        spare = (len(enlarged) - size) // 2
        for line, row in enumerate(enlarged[spare : spare + size]):
            begin = min(int(np.argmax(row != 0)), read - 2)
            first[place, line] = (size - read) // 2 + begin
            shares[place, line] = row[begin : begin + 2]
    return first, shares


@numba.njit(cache=True)
def enlarged_sum(frame: Any, first: Any, shares: Any) -> Any:
    """Return the sum of a square float32 frame's enlargements, with products and sums in scipy's order."""
    size, _, channels = frame.shape
    total = np.zeros_like(frame)
    for place in range(len(first)):
        for y in range(size):
            upper, lower = frame[first[place, y]], frame[first[place, y] + 1]
            upper_share, lower_share = shares[place, y]
            for x in range(size):
                left = first[place, x]
                left_share, right_share = shares[place, x]
                for channel in range(channels):
                    value = np.float64(upper[left, channel]) * upper_share * left_share
                    value += np.float64(upper[left + 1, channel]) * upper_share * right_share
                    value += np.float64(lower[left, channel]) * lower_share * left_share
                    value += np.float64(lower[left + 1, channel]) * lower_share * right_share
                    total[y, x, channel] += np.float32(value)
    return total


@numba.njit(cache=True)
def shuffled(pixels: Any, offsets: Any, shift: int, extent: int) -> Any:
    """Return pixels after glass blur's loop over rows and columns from high to low.

    The packages' loop is written as a swap, but numpy's views make it a copy from (row + dy, column + dx), with dx and
    dy, the ``offsets`` (pixel, 2), from [-shift, shift). A neighbour that was passed hands on what it received.
    """
    found = pixels.copy()
    drawn = 0
    for row in range(extent - shift, shift, -1):
        for column in range(extent - shift, shift, -1):
            dx, dy = offsets[drawn]
            drawn += 1
            for channel in range(pixels.shape[2]):
                found[row, column, channel] = found[row + dy, column + dx, channel]
    return found
