"""Collected arrays on the accelerator, split by episode, with a digest that names exactly this data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from training.recipe import ARRAYS, CHUNK, RENDER_EVERY
from training.words import tokens, vocabulary

_HELD_OUT = 15  # one episode in so many is never trained on


class Data(NamedTuple):
    """Looks of all episodes: (n, 4, 128, 128, 3) uint8 views (two nominal, two randomised) and what belongs to them.

    ``ahead`` is the row of the look 16 steps on, or of the episode's last. ``sentences`` holds the numbers of each
    task's words, (20, wordings, 32).
    """

    images: Tensor
    state: Tensor
    actions: Tensor
    objects: Tensor
    task: Tensor
    ahead: Tensor
    training: Tensor
    held_out: Tensor
    sentences: Tensor
    vocabulary: tuple[str, ...]
    digest: str
    episodes: int


def load(folders: Sequence[Path], device: str) -> Data:
    """Read what was collected into each of ``folders``, in turn."""
    digest = hashlib.sha256()
    arrays = {}
    # An index is written last: what has none was cut short.
    written = [path for folder in folders for path in sorted(folder.glob("index-*.npy"))]
    for name in ARRAYS:
        parts = [np.load(path.with_name(path.name.replace("index", name, 1))) for path in written]
        for part in parts:
            digest.update(np.ascontiguousarray(part).data if name != "images" else part[:, :, ::16, ::16].tobytes())
        arrays[name] = torch.cat([torch.from_numpy(part).to(device) for part in parts])
    index = arrays["index"]
    held_out = index[:, 1] % _HELD_OUT == 7
    wordings = json.loads((folders[0] / "collected.json").read_text())["sentences"]
    known = vocabulary(sentence for task in wordings for sentence in task)
    return Data(
        **{name: arrays[name] for name in ("images", "state", "actions", "objects")},
        task=index[:, 0],
        ahead=_ahead(index),
        training=(~held_out).nonzero()[:, 0],
        held_out=held_out.nonzero()[:, 0],
        sentences=torch.tensor(np.array([[tokens(s, known) for s in task] for task in wordings])).to(device),
        vocabulary=known,
        digest=digest.hexdigest(),
        episodes=len(torch.unique(index, dim=0)),
    )


def _ahead(index: Tensor) -> Tensor:
    """For each look the row of the one a chunk later in its episode, at most the episode's last."""
    rows = torch.arange(len(index), device=index.device)
    last = torch.ones(len(index), dtype=torch.bool, device=index.device)
    last[:-1] = (index[1:] != index[:-1]).any(1)
    ends = rows[last]
    return torch.minimum(rows + CHUNK // RENDER_EVERY, ends[torch.searchsorted(ends, rows)])
