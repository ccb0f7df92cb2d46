"""The packages draw from numpy's global generator; here it is lent to them and put back as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray


@contextmanager
def lent(seed: int | Sequence[int] | NDArray[np.uint32]) -> Iterator[None]:
    """Let the block draw from the global generator seeded with ``seed``; nothing of it is left behind."""
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)
