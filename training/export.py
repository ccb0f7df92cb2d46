"""A trained network as one ONNX file that takes what the policies' profile makes and answers actions.

Inputs: ``agentview`` and ``wrist`` (n, 128, 128, 3) uint8, ``state`` (n, 11) float32, ``tokens`` (n, 32) int64. Output:
``actions`` (n, 16, 7) float32 in [-1, 1]. Weights are stored in half precision and computed with in single. The
metadata hold the vocabulary and how the policy was trained.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from training.network import STATE, Network, Statistics
from training.words import LENGTH

_SMALLEST_HALVED = 256


class Playable(nn.Module):
    """A network with its normalisation inside."""

    def __init__(self, network: Network, statistics: Statistics) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", statistics.mean)
        self.register_buffer("scale", statistics.scale)

    def forward(self, agentview: Tensor, wrist: Tensor, state: Tensor, tokens: Tensor) -> Tensor:
        views = [image.permute(0, 3, 1, 2).float() / 255 - 0.5 for image in (agentview, wrist)]
        actions, _ = self.network(*views, (state - self.mean) / self.scale, tokens)
        return actions.clamp(-1, 1)


def export(
    network: Network, statistics: Statistics, vocabulary: Sequence[str], path: Path, facts: Mapping[str, Any]
) -> None:
    """Write ``path`` and check that what is read back answers as the network does."""
    model = Playable(network.eval(), statistics).eval()
    image = torch.zeros(2, 128, 128, 3, dtype=torch.uint8)
    example = image, image, torch.zeros(2, STATE), torch.ones(2, LENGTH, dtype=torch.int64)
    names = ["agentview", "wrist", "state", "tokens"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            example,
            str(path),
            input_names=names,
            output_names=["actions"],
            dynamic_axes={name: {0: "n"} for name in [*names, "actions"]},
            opset_version=17,
            dynamo=False,
        )
    graph = onnx.load(path)
    _halve(graph)
    metadata = {"vocabulary": " ".join(vocabulary), **{k: json.dumps(v) for k, v in facts.items()}}
    for key, value in metadata.items():
        entry = graph.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(graph)
    onnx.save(graph, path)


def told(source: Path, target: Path) -> None:
    """Replace the input ``tokens`` by ``instruction``, n sentences as text, which the graph itself numbers."""
    model = onnx.load(source)
    words = {entry.key: entry.value for entry in model.metadata_props}["vocabulary"].split()
    numbered = {word + mark: number for number, word in enumerate(words, 1) for mark in ("", ",", ".")}
    text = helper.make_tensor_value_info("instruction", onnx.TensorProto.STRING, ["n"])
    nodes = [
        helper.make_node("StringNormalizer", ["instruction"], ["lowered"], case_change_action="LOWER", locale="C"),
        helper.make_node("StringSplit", ["lowered"], ["words", "counts"]),
        helper.make_node(
            "LabelEncoder",
            ["words"],
            ["tokens"],
            domain="ai.onnx.ml",
            keys_strings=list(numbered),
            values_int64s=list(numbered.values()),
            default_int64=0,
        ),
    ]
    inputs = [given for given in model.graph.input if given.name != "tokens"]
    graph = helper.make_graph(
        [*nodes, *model.graph.node], "policy", [*inputs, text], model.graph.output, model.graph.initializer
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 3)]
    playable = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    playable.metadata_props.extend(model.metadata_props)
    onnx.checker.check_model(playable)
    onnx.save(playable, target)


def _halve(model: onnx.ModelProto) -> None:
    """Store large weights in half precision, each with a cast that the runtime folds when it loads."""
    graph = model.graph
    for tensor in [t for t in graph.initializer if t.data_type == onnx.TensorProto.FLOAT]:
        values = numpy_helper.to_array(tensor)
        if values.size < _SMALLEST_HALVED:
            continue
        name = tensor.name
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        graph.node.insert(0, helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
