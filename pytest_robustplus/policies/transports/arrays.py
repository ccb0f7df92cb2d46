"""Arrays off the wire: numbers of a known kind and size, never a pickle, never an object."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_MESSAGE_BYTES = 64 * 2**20
"""The largest message that is read. Two 720p frames are 5.3 MiB; Cosmos-Policy's predicted images are a few MiB."""
MAX_DIMENSIONS = 8

# Kinds bool, signed, unsigned and float: V, O and c would let a server choose what is built here.
_DTYPE = re.compile(r"[<>|=]?(b1|i[1248]|u[1248]|f[248])", re.ASCII)


class MalformedMessageError(ValueError):
    """What arrived is not what the protocol allows."""


def dtype_of(name: Any) -> np.dtype[Any]:
    """Read the name of a number's type, such as ``<f4``; raises ``MalformedMessageError``."""
    if isinstance(name, bytes):
        name = name.decode("ascii", "replace")
    if not isinstance(name, str) or not _DTYPE.fullmatch(name):
        raise MalformedMessageError(f"an array of dtype {name!r:.60}; only bool, integers and floats are read")
    return np.dtype(name)


def array_of(data: Any, dtype: Any, shape: Any) -> NDArray[Any]:
    """View ``data`` as a read-only array; raises ``MalformedMessageError`` unless its size is that of ``shape``."""
    kind = dtype_of(dtype)
    if not isinstance(shape, list | tuple) or len(shape) > MAX_DIMENSIONS:
        raise MalformedMessageError(f"an array whose shape is {shape!r:.60}")
    if not all(type(length) is int and 0 <= length <= MAX_MESSAGE_BYTES for length in shape):
        raise MalformedMessageError(f"an array whose shape is {shape!r:.60}")
    if not isinstance(data, bytes) or len(data) != math.prod(shape) * kind.itemsize:
        size = len(data) if isinstance(data, bytes) else type(data).__name__
        raise MalformedMessageError(f"an array of shape {list(shape)} and dtype {kind.str} with {size} bytes of data")
    return np.ndarray(tuple(shape), kind, buffer=data)


def refuse_objects(dtype: np.dtype[Any]) -> None:
    """Refuse to send what no server could read; raises ``MalformedMessageError``."""
    if dtype.kind not in "biuf":
        raise MalformedMessageError(f"an array of dtype {dtype}; only bool, integers and floats are sent")
