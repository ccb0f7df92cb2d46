"""What a policy answered, checked before a robot moves: shape, type, and no NaN."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_robustplus.errors import PolicyError
from pytest_robustplus.policies.contract import Actions


def checked(answer: Any, count: int, width: int, where: str) -> list[Actions]:
    """Return one chunk of finite floats, shape (steps ≥ 1, width), per observation.

    ``where`` names model and call for the message. Raises ``PolicyError``; costs a few µs.
    """
    try:
        answers = list(answer)
    except TypeError:
        answers = []
    if len(answers) != count:
        raise PolicyError(
            f"{where} answered {type(answer).__name__} of {len(answers)} for {count} observation(s). act() must return"
            f" a sequence of arrays, one per observation, each of shape (steps, {width})."
        )
    return [chunk_of(item, width, where) for item in answers]


def chunk_of(item: Any, width: int, where: str) -> Actions:
    """Return one action chunk as an array of floats; raises ``PolicyError``."""
    try:
        chunk = np.asarray(item)
    except ValueError as error:
        raise PolicyError(
            f"{where} answered rows of unequal length: {error}. Every action must be {width} wide."
        ) from error
    if chunk.dtype.kind not in "fiu":
        raise PolicyError(f"{where} answered an array of type {chunk.dtype}. Actions must be numbers.")
    if chunk.ndim != 2 or chunk.shape[0] == 0 or chunk.shape[1] != width:
        hint = " Drop the batch dimension." if chunk.ndim == 3 and chunk.shape[0] == 1 else ""
        raise PolicyError(
            f"{where} answered an array of shape {chunk.shape}; an action chunk has shape (steps, {width}).{hint} If"
            " the model's own actions are of another width, say how to convert them with action in its profile."
        )
    if chunk.dtype.kind != "f":
        chunk = chunk.astype(np.float64)
    if not np.isfinite(chunk).all():
        row, column = np.argwhere(~np.isfinite(chunk))[0]
        raise PolicyError(
            f"{where} answered {chunk[row, column]} at step {row}, component {column} of a chunk of shape"
            f" {chunk.shape}. Nothing was sent to the simulator. Check the checkpoint's weights and its normalisation"
            " statistics."
        )
    return chunk
