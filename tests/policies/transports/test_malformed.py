"""Whatever bytes a server sends, a decoder answers with plain values or with one kind of error, and runs nothing.

ROBUSTPLUS_FUZZ_INPUTS sets how many inputs each of the properties tries; 300 unless told.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_robustplus.errors import PolicyError
from pytest_robustplus.policies.checked import checked
from pytest_robustplus.policies.transports import json_numpy, replies
from pytest_robustplus.policies.transports.arrays import MAX_MESSAGE_BYTES, MalformedMessageError
from pytest_robustplus.policies.transports.msgpack_numpy import Codec

INPUTS = int(os.environ.get("ROBUSTPLUS_FUZZ_INPUTS", "300"))
BYTES, TEXT = Codec("bytes"), Codec("text")
SLOWEST_S = 2.0
ALLOWED = (bool, int, float, str, bytes, np.ndarray, np.generic, msgpack.Timestamp, type(None))

fuzzed = settings(max_examples=INPUTS, deadline=None, suppress_health_check=list(HealthCheck))


def plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(plain(key) and plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(plain, value))
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biuf"
    return isinstance(value, ALLOWED)


def survives(decode: Callable[[bytes], Any], frame: bytes) -> None:
    start = time.process_time()
    try:
        value = decode(frame)
    except MalformedMessageError:
        value = None
    assert plain(value)
    assert time.process_time() - start < SLOWEST_S


DTYPES = st.sampled_from(
    ["<f4", "|u1", ">f8", "O", "|O", "V8", "<c8", "S3", "U2", "f4,f4", "(9999999,)f4", "M8[s]", "", "\x00"]
)
LENGTHS = st.integers(-3, 4) | st.sampled_from([2**31, 2**62, 2**63, 2**64 - 1])
FIELDS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.binary(max_size=40)
    | st.text(max_size=10) | DTYPES | st.lists(LENGTHS, max_size=10)
)  # fmt: skip
NAMES = st.sampled_from(["__ndarray__", "__npgeneric__", "__numpy__", "data", "dtype", "shape", "actions"])


def hostile(key: Callable[[str], Any]) -> st.SearchStrategy[Any]:
    maps = st.fixed_dictionaries(
        {key("__ndarray__"): st.just(True)},
        optional={
            key("data"): st.binary(max_size=64) | FIELDS,
            key("dtype"): DTYPES | FIELDS,
            key("shape"): st.lists(LENGTHS, max_size=10) | FIELDS,
        },
    ) | st.dictionaries(NAMES.map(key), FIELDS, max_size=5)
    return st.recursive(
        maps | FIELDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
    )


@fuzzed
@given(st.binary(max_size=300))
def test_any_bytes(frame: bytes) -> None:
    for decode in (BYTES.decode, TEXT.decode, json_numpy.decode):
        survives(decode, frame)


@fuzzed
@given(hostile(str.encode))
def test_hostile_maps_with_keys_of_bytes(message: Any) -> None:
    survives(BYTES.decode, msgpack.packb(message))


@fuzzed
@given(hostile(str))
def test_hostile_maps_with_keys_of_text(message: Any) -> None:
    survives(TEXT.decode, msgpack.packb(message))


@fuzzed
@given(st.data())
def test_a_valid_frame_with_bytes_changed_or_cut_off(data: st.DataObject) -> None:
    answer = {"actions": np.zeros((3, 7), np.float32), "server_timing": {"infer_ms": 1.5}}
    frame, decode = data.draw(
        st.sampled_from(
            [
                (BYTES.encode(answer), BYTES.decode),
                (TEXT.encode(answer), TEXT.decode),
                (json_numpy.encode(answer).encode(), json_numpy.decode),
            ]
        )
    )
    damaged = bytearray(frame)
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, len(frame) - 1), st.integers(0, 255)), max_size=4)):
        damaged[place] = value
    survives(decode, bytes(damaged[: data.draw(st.integers(0, len(frame)))]))


@fuzzed
@given(st.recursive(FIELDS.filter(lambda x: not isinstance(x, bytes)), lambda i: st.dictionaries(NAMES, i, max_size=4)))
def test_hostile_json(message: Any) -> None:
    survives(json_numpy.decode, json.dumps(message).encode())


@fuzzed
@given(FIELDS | st.lists(FIELDS, max_size=3))
def test_any_value_in_place_of_actions(value: Any) -> None:
    with contextlib.suppress(PolicyError):
        checked([replies.chunk(value, "The server")], 1, 7, "The server")


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    sign = tmp_path / "it ran"
    load = pickle.dumps(Bomb(sign))
    for dtype in ("O", "|O", "object", "V8"):
        for key, codec in ((str.encode, BYTES), (str, TEXT)):
            array = {key("__ndarray__"): True, key("data"): load, key("dtype"): dtype, key("shape"): [1]}
            with pytest.raises(MalformedMessageError, match="only bool, integers and floats"):
                codec.decode(msgpack.packb(array))
    nd = {b"nd": True, b"type": "O", b"kind": b"O", b"shape": [1], b"data": load}
    assert isinstance(BYTES.decode(msgpack.packb(nd)), dict)
    assert not sign.exists()


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (b"\x91" * 100_000, "no msgpack"),
        (b"\xdd\xff\xff\xff\xff", "no msgpack"),
        (b"\xc6\xff\xff\xff\xff", "no msgpack"),
        (msgpack.packb(msgpack.ExtType(5, b"x")), "extension of type 5"),
        (b"", "no msgpack"),
        (bytes(MAX_MESSAGE_BYTES + 1), "at most"),
    ],
    ids=["nested", "long array", "long bytes", "extension", "empty", "large"],
)
def test_frames_that_ask_for_too_much(frame: bytes, said: str) -> None:
    with pytest.raises(MalformedMessageError, match=said):
        BYTES.decode(frame)


def test_json_that_asks_for_too_much() -> None:
    for text in ("[" * 200_000, "1" * 10_000, '{"__numpy__": "AAAA", "dtype": "<f4", "shape": [9223372036854775807]}'):
        with pytest.raises(MalformedMessageError):
            json_numpy.decode(text)
