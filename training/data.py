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

from training.recipe import ARRAYS
from training.words import tokens, vocabulary

_HELD_OUT = 15  # one episode in so many is never trained on


class Data(NamedTuple):
    """Looks of all episodes: (n, 4, 128, 128, 3) uint8 views (two nominal, two randomised) and what belongs to them.

    ``sentences`` holds the numbers of each task's words, (20, wordings, 32).
    """

    images: Tensor
    state: Tensor
    actions: Tensor
    mask: Tensor
    objects: Tensor
    task: Tensor
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
    for name in ARRAYS:
        parts = [np.load(path) for folder in folders for path in sorted(folder.glob(f"{name}-*.npy"))]
        for part in parts:
            digest.update(np.ascontiguousarray(part).data if name != "images" else part[:, :, ::16, ::16].tobytes())
        arrays[name] = torch.cat([torch.from_numpy(part).to(device) for part in parts])
    index = arrays["index"]
    held_out = index[:, 1] % _HELD_OUT == 7
    wordings = json.loads((folders[0] / "collected.json").read_text())["sentences"]
    known = vocabulary(sentence for task in wordings for sentence in task)
    return Data(
        **{name: arrays[name] for name in ("images", "state", "actions", "mask", "objects")},
        task=index[:, 0],
        training=(~held_out).nonzero()[:, 0],
        held_out=held_out.nonzero()[:, 0],
        sentences=torch.tensor(np.array([[tokens(s, known) for s in task] for task in wordings])).to(device),
        vocabulary=known,
        digest=digest.hexdigest(),
        episodes=len(torch.unique(index, dim=0)),
    )
