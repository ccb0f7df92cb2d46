"""The pre-registered order in which a cell's tasks are played: random, yet fixed before the first episode.

Tasks are sorted by a keyed hash of their names rather than shuffled by a generator: the streams of numpy's
``Generator.permutation`` may change between releases, and a ledger must resume in the order in which it began. The
order also does not depend on how the list was enumerated, and leaving a task out moves no other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence


def order_seed(*, benchmark: str, dimension: str, checkpoint: str) -> str:
    """Name the order of a cell: 64 hexadecimal digits that change with each of the three.

    A rerun of the same checkpoint repeats its order; a new checkpoint gets a fresh one, so that no list of tasks stays
    "the early ones" over a training campaign.
    """
    # JSON keeps ("a", "bc") and ("ab", "c") apart; str() turns enumerations into their plain values.
    key = json.dumps([str(benchmark), str(dimension), str(checkpoint)])
    return hashlib.sha256(key.encode()).hexdigest()


def order(task_names: Sequence[str], *, benchmark: str, dimension: str, checkpoint: str) -> list[int]:
    """Return the positions of ``task_names`` in playing order, the same on every machine and in every process.

    Raises ValueError when a name occurs twice: the two would be played side by side, and could not be told apart.
    """
    if len(set(task_names)) < len(task_names):
        twice = next(name for position, name in enumerate(task_names) if name in task_names[:position])
        raise ValueError(f"Task {twice!r} is listed twice; the tasks of a cell need distinct names to have an order.")
    return ranked(task_names, order_seed(benchmark=benchmark, dimension=dimension, checkpoint=checkpoint))


def ranked(task_names: Sequence[str], seed: str) -> list[int]:
    """The same of an order that is known by what ``order_seed`` returned, as ledgers keep it."""
    rank = [hashlib.sha256(f"{seed}\n{name}".encode()).digest() for name in task_names]
    return sorted(range(len(task_names)), key=rank.__getitem__)
