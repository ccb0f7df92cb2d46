"""ONNX files: built here, fed by the names of their inputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from policy_servers import observed, request

from pytest_robustplus.errors import BadInputError, PolicyError
from pytest_robustplus.policies.cards import load_cards
from pytest_robustplus.policies.contract import Observation
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.policies.transports.onnx import Onnx


def saved(path: Path, inputs: list[onnx.ValueInfoProto], nodes: list[onnx.NodeProto], shape: list[int]) -> str:
    output = helper.make_tensor_value_info("actions", TensorProto.FLOAT, shape)
    constants = [helper.make_tensor("steps", TensorProto.INT64, [3], [1, 4, 1])]
    graph = helper.make_graph(nodes, "policy", inputs, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return str(path)


def tiled(source: str) -> list[onnx.NodeProto]:
    """Four equal actions out of a vector of shape (1, 1, width)."""
    return [helper.make_node("Tile", [source, "steps"], ["actions"])]


@pytest.fixture
def policy(tmp_path: Path) -> Onnx:
    """Actions are the mean brightness of each channel of the wrist camera, then the first four of the state."""
    inputs = [
        helper.make_tensor_value_info("wrist", TensorProto.FLOAT, [1, 3, 8, 8]),
        helper.make_tensor_value_info("state", TensorProto.FLOAT, [1, 4]),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["wrist"], ["bright"], axes=[2, 3], keepdims=0),
        helper.make_node("Concat", ["bright", "state"], ["flat"], axis=1),
        helper.make_node("Unsqueeze", ["flat", "axis"], ["row"]),
        *tiled("row"),
    ]
    nodes.insert(0, helper.make_node("Constant", [], ["axis"], value_ints=[1]))
    return Onnx(request(saved(tmp_path / "policy.onnx", inputs, nodes, [1, 4, 7]), Profile()))


def seen() -> Observation:
    observation = observed()
    return Observation(observation.images, {"state": np.arange(4.0)}, "pick it up")


def test_a_float_frame_goes_in_channels_first_from_0_to_1(policy: Onnx) -> None:
    (chunk,) = policy.act([seen()])
    assert chunk.shape == (4, 7)
    np.testing.assert_allclose(chunk[0, :3], observed().images["wrist"].mean((0, 1)) / 255, rtol=1e-5)
    np.testing.assert_allclose(chunk[3, 3:], np.arange(4))
    assert policy.checkpoint.startswith("onnx-")
    assert len(policy.timings) == 1


def test_a_uint8_frame_goes_in_as_it_is(tmp_path: Path) -> None:
    inputs = [helper.make_tensor_value_info("agentview", TensorProto.UINT8, ["height", "width", 3])]
    nodes = [
        helper.make_node("Cast", ["agentview"], ["frame"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["frame"], ["bright"], axes=[0], keepdims=1),
        helper.make_node("ReduceMean", ["bright"], ["row"], axes=[1], keepdims=1),
        *tiled("row"),
    ]
    policy = Onnx(request(saved(tmp_path / "p.onnx", inputs, nodes, [1, 4, 3]), Profile()))
    (chunk,) = policy.act([seen()])
    np.testing.assert_allclose(chunk[0], observed().images["agentview"].mean((0, 1)), rtol=1e-5)


def packaged() -> Onnx:
    return Onnx(request("package/reference.onnx", load_cards()["reference"].profiles["libero_plus"]))


def looks(count: int) -> list[Observation]:
    random = np.random.default_rng(0)
    return [
        Observation(
            {name: random.integers(0, 256, (128, 128, 3), np.uint8) for name in ("agentview", "wrist")},
            {"state": random.normal(size=11)},
            f"pick up the {thing} and place it in the basket",
        )
        for thing in ("milk", "ketchup", "butter", "bbq sauce", "orange juice")[:count]
    ]


def test_a_pools_observations_are_answered_in_one_call_and_as_alone() -> None:
    policy, several = packaged(), looks(5)
    together = policy.act(several)
    assert len(policy.timings) == 1
    alone = [policy.act([one])[0] for one in several]
    np.testing.assert_array_equal(together, alone)
    assert np.ptp([chunk[0] for chunk in alone], axis=0).max() > 1e-3, "five different observations"


def test_a_file_with_a_batch_of_one_answers_one_by_one(policy: Onnx) -> None:
    together = policy.act([seen(), seen()])
    assert len(policy.timings) == 2
    np.testing.assert_array_equal(together[0], together[1])


def test_no_provider_is_taken_by_surprise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    taken: list[list[str]] = []
    made = onnxruntime.InferenceSession

    def session(path: str, options: object, providers: list[str]) -> object:
        taken.append(providers)
        return made(path, options, providers=["CPUExecutionProvider"])

    offered = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "AzureExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    packaged()
    assert taken == [["CUDAExecutionProvider", "CPUExecutionProvider"]]


def test_a_state_of_another_width_is_told(policy: Onnx) -> None:
    with pytest.raises(PolicyError, match="The ONNX file failed"):
        policy.act([observed()])


@pytest.mark.parametrize("shape", [[8, 8], [1, 8, 8], [1, 8, 8, 1], [1, 1, 8, 8]])
def test_depth_goes_in_by_its_cameras_name(tmp_path: Path, shape: list[int]) -> None:
    """Actions are what is measured in the picture's second row."""
    nodes = [
        helper.make_node("Constant", [], ["rows"], value_ints=[1, 8, 8]),
        helper.make_node("Constant", [], ["from"], value_ints=[1, 0]),
        helper.make_node("Constant", [], ["to"], value_ints=[2, 7]),
        helper.make_node("Constant", [], ["axes"], value_ints=[1, 2]),
        helper.make_node("Reshape", ["wrist.depth", "rows"], ["flat"]),
        helper.make_node("Slice", ["flat", "from", "to", "axes"], ["row"]),
        *tiled("row"),
    ]
    inputs = [helper.make_tensor_value_info("wrist.depth", TensorProto.FLOAT, shape)]
    path = saved(tmp_path / "p.onnx", inputs, nodes, [1, 4, 7])
    profile = Profile(depth=("wrist",))
    metres = np.arange(64, dtype=np.float32).reshape(8, 8) / 10
    (chunk,) = Onnx(request(path, profile)).act([replace(seen(), depth={"wrist": metres})])
    np.testing.assert_array_equal(chunk, np.tile(metres[1, :7], (4, 1)))
    with pytest.raises(BadInputError, match=r"Unknown input 'wrist\.depth'"):
        Onnx(request(path, Profile()))


def test_an_input_that_nothing_feeds_is_refused(tmp_path: Path) -> None:
    inputs = [helper.make_tensor_value_info("wrist_image", TensorProto.FLOAT, [1, 1, 7])]
    path = saved(tmp_path / "p.onnx", inputs, tiled("wrist_image"), [1, 4, 7])
    with pytest.raises(BadInputError, match=r"Unknown input 'wrist_image'.*Did you mean 'wrist'"):
        Onnx(request(path, Profile()))


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"Cannot read the ONNX file.*Check the path"):
        Onnx(request(str(tmp_path / "none.onnx"), Profile()))
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(BadInputError, match="is not an ONNX file that can be played"):
        Onnx(request(str(tmp_path / "text.onnx"), Profile()))
