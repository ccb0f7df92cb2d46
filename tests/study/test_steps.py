"""Fewer denoising steps out of an exported file; seen equal to torch's own export, to the bit, for 1, 2 and 5 steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from study.steps import shorten, steps_of, write

KEPT = Path(__file__).parents[2] / "study" / "checkpoints"


def answer(path: Path) -> NDArray[Any]:
    random = np.random.default_rng(0)
    given: dict[str, Any] = {
        name: random.integers(0, 256, (1, 128, 128, 3), np.uint8) for name in ("agentview", "wrist")
    }
    given |= {"state": random.normal(size=(1, 11)).astype(np.float32), "tokens": np.ones((1, 32), np.int64)}
    given["instruction"] = np.array(["pick up the black bowl"], object)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found: NDArray[Any] = session.run(None, {node.name: given[node.name] for node in session.get_inputs()})[0]
    return found


@pytest.mark.parametrize("name", ["joint-0", "inverse-0"])
def test_as_many_steps_answer_alike_and_fewer_otherwise(name: str, tmp_path: Path) -> None:
    one, five = write(KEPT / f"{name}.onnx", tmp_path, [1, 5])
    assert np.array_equal(answer(five), answer(KEPT / f"{name}.onnx"))
    assert np.abs(answer(one) - answer(five)).max() > 1e-3
    assert len(steps_of(onnx.load(one).graph)) == 1


def test_a_file_that_does_not_denoise_is_refused() -> None:
    with pytest.raises(ValueError, match="0 denoising steps"):
        shorten(onnx.load(KEPT / "vla-0.onnx"), 1)
