"""Kept checkpoints with fewer denoising steps: ``python -m study.steps study/checkpoints/joint-0.onnx OUT 1 2``.

An exported denoiser has its steps one after the other in its graph. Fewer of them are the first few, with the noise
levels and the shares of noise kept that so many steps have (``training.family.Denoiser.denoise``).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper

from study.make import cards


class Step(NamedTuple):
    """Where one step's level and shares stand, as constants, and what it ends in."""

    level: Any
    kept: list[Any]
    ends: list[str]


def steps_of(graph: Any) -> list[Step]:
    """The steps of a denoiser's graph; none where nothing is denoised."""
    made = {output: node for node in graph.node for output in node.output}
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    found: list[Step] = []
    for node in graph.node:
        # Nodes of a module are named after it; the loop itself stands outside all of them.
        if node.name.count("/") != 1 or node.op_type not in ("Add", "Mul"):
            continue
        kinds = [made[name].op_type if name in made else "" for name in node.input]
        if node.op_type == "Add" and kinds == ["ConstantOfShape", "Constant"]:
            found.append(Step(made[node.input[1]], [], []))
        elif node.op_type == "Mul" and kinds == ["Sub", "Constant"] and found:
            found[-1].kept.append(made[node.input[1]])
            (added,) = users[node.output[0]]
            found[-1].ends.append(added.output[0])
    return [step for step in found if step.ends]


def shorten(model: Any, steps: int) -> None:
    """Leave ``steps`` denoising steps; raises ValueError where there are not as many."""
    found = steps_of(model.graph)
    if not 1 <= steps <= len(found):
        raise ValueError(f"The file has {len(found)} denoising steps, of which {steps} cannot be left.")
    for number, step in enumerate(found[:steps]):
        level = 1 - number / steps
        _set(step.level, level)
        for kept in step.kept:
            _set(kept, (level - 1 / steps) / level)
    # A step's last end is the one that all steps have: of the last step only what is played was exported.
    old, new = found[-1].ends[-1], found[steps - 1].ends[-1]
    for node in list(model.graph.node) if old != new else []:
        for place, name in enumerate(node.input):
            if name == old:
                node.input[place] = new
    wanted = _needed(model.graph)
    kept_nodes = [node for node in model.graph.node if wanted.intersection(node.output)]
    del model.graph.node[:]
    model.graph.node.extend(kept_nodes)
    for entry in model.metadata_props:
        if entry.key == "denoising_steps":
            entry.value = str(steps)


def _set(constant: Any, value: float) -> None:
    (attribute,) = constant.attribute
    like = numpy_helper.to_array(attribute.t)
    attribute.t.CopyFrom(numpy_helper.from_array(np.full(like.shape, value, like.dtype)))


def _needed(graph: Any) -> set[str]:
    wanted = {output.name for output in graph.output}
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            wanted.update(node.input)
    return wanted


def write(source: Path, out: Path, several: list[int]) -> Iterator[Path]:
    """Write ``NAME@STEPS.onnx`` for each number of steps."""
    for steps in several:
        model = onnx.load(source)
        shorten(model, steps)
        onnx.checker.check_model(model)
        path = out / f"{source.stem}@{steps}.onnx"
        onnx.save(model, path)
        yield path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("steps", type=int, nargs="+")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for path in write(options.source, options.out, options.steps):
        print(path)
    cards(options.out)


if __name__ == "__main__":
    main()
