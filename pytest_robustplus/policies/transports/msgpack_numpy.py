"""Messages of numbers and text as msgpack: openpi's form with keys of bytes, vla-eval's with keys of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from pytest_robustplus.policies.transports.arrays import (
    MAX_MESSAGE_BYTES,
    MalformedMessageError,
    array_of,
    dtype_of,
    refuse_objects,
)
from pytest_robustplus.policies.transports.libraries import load


class Codec:
    """Packs maps of arrays, scalars, text, lists and maps; ``keys`` is the form of an array's own keys on the wire."""

    def __init__(self, keys: Literal["bytes", "text"]) -> None:
        msgpack = load("msgpack", "pytest-robustplus[remote]", "Talking to a policy server")
        self._array, self._scalar, self._data, self._dtype, self._shape = _keys(keys)
        self._pack: Callable[[Any], bytes] = msgpack.Packer(default=self._encode).pack
        self._unpack: Callable[..., Any] = msgpack.unpackb
        self._broken: tuple[type[Exception], ...] = (
            msgpack.exceptions.UnpackException,
            ValueError,
            TypeError,
            OverflowError,
            RecursionError,
        )

    def encode(self, message: Any) -> bytes:
        """Pack one message; raises ``MalformedMessageError`` for an array of objects, text or complex numbers."""
        return self._pack(message)

    def decode(self, frame: bytes) -> Any:
        """Unpack one message; its arrays are read-only. Raises ``MalformedMessageError``, whatever the bytes are."""
        if len(frame) > MAX_MESSAGE_BYTES:
            raise MalformedMessageError(f"a message of {len(frame):,} bytes; at most {MAX_MESSAGE_BYTES:,} are read")
        try:
            return self._unpack(frame, object_hook=self._decode, ext_hook=_refuse, timestamp=0)
        except MalformedMessageError:
            raise
        except self._broken as error:
            raise MalformedMessageError(f"{len(frame):,} bytes that are no msgpack message: {error}") from error

    def _encode(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            refuse_objects(value.dtype)
            data = np.ascontiguousarray(value)
            # A view is packed without the copy that tobytes() makes; msgpack reads no view of an empty array.
            packed = data.reshape(-1).view(np.uint8).data if data.size else b""
            return {self._array: True, self._data: packed, self._dtype: value.dtype.str, self._shape: value.shape}
        if isinstance(value, np.generic):
            refuse_objects(value.dtype)
            return {self._scalar: True, self._data: value.item(), self._dtype: value.dtype.str}
        raise MalformedMessageError(f"a {type(value).__name__}, which no server could read")

    def _decode(self, found: dict[Any, Any]) -> Any:
        if self._array in found:
            return array_of(found.get(self._data), found.get(self._dtype), found.get(self._shape))
        if self._scalar in found:
            value = found.get(self._data)
            if not isinstance(value, bool | int | float):
                raise MalformedMessageError(f"a number given as {value!r:.60}")
            return dtype_of(found.get(self._dtype)).type(value)
        return found


def _keys(form: Literal["bytes", "text"]) -> tuple[Any, ...]:
    names = ("__ndarray__", "__npgeneric__", "data", "dtype", "shape")
    return tuple(name.encode() for name in names) if form == "bytes" else names


def _refuse(code: int, _data: bytes) -> Any:
    raise MalformedMessageError(f"a msgpack extension of type {code}; the protocol has none")
