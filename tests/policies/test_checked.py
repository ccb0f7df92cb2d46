"""Answers that no robot can execute are refused with what, where and what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_robustplus.errors import PolicyError
from pytest_robustplus.policies.checked import checked


def test_a_good_answer_is_passed_on_uncopied() -> None:
    chunk = np.zeros((8, 7), np.float32)
    assert checked([chunk], 1, 7, "pi05, call 3,")[0] is chunk


def test_lists_and_whole_numbers_become_floats() -> None:
    (chunk,) = checked([[[0] * 7]], 1, 7, "pi05, call 3,")
    assert chunk.dtype == np.float64
    assert chunk.shape == (1, 7)


def bad(row: int, column: int, value: float) -> np.ndarray:
    chunk = np.zeros((8, 7))
    chunk[row, column] = value
    return chunk


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(None, "NoneType", id="nothing"),
        pytest.param([], "0 for 1 observation", id="no chunk"),
        pytest.param([np.zeros((8, 7))] * 2, "2 for 1 observation", id="too many chunks"),
        pytest.param([np.zeros((8, 6))], r"shape \(8, 6\).*\(steps, 7\)", id="too narrow"),
        pytest.param([np.zeros(7)], r"shape \(7,\)", id="one action without its chunk"),
        pytest.param([np.zeros((1, 8, 7))], "batch dimension", id="a batch dimension"),
        pytest.param([np.zeros((0, 7))], r"shape \(0, 7\)", id="an empty chunk"),
        pytest.param([[[0.0] * 7, [0.0] * 6]], "unequal length", id="ragged"),
        pytest.param([np.full((8, 7), "open")], "type <U4", id="text"),
        pytest.param([np.array([[None] * 7])], "type object", id="objects"),
        pytest.param([np.zeros((8, 7), complex)], "complex128", id="complex numbers"),
        pytest.param([bad(3, 2, np.nan)], r"nan at step 3, component 2.*shape \(8, 7\)", id="NaN"),
        pytest.param([bad(0, 6, -np.inf)], "-inf at step 0, component 6", id="infinity"),
    ],
)
def test_bad_answers(answer: Any, message: str) -> None:
    with pytest.raises(PolicyError, match=message) as caught:
        checked(answer, 1, 7, "pi05, call 3,")
    assert str(caught.value).startswith("pi05, call 3, answered")
