"""Policies in an ONNX file: inputs are found by name, and shaped as the file says."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.errors import BadInputError, PolicyError, unknown
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.transports import replies, timing
from pytest_robustplus.policies.transports.libraries import load

if TYPE_CHECKING:
    from pytest_robustplus.policies.profile import Profile
    from pytest_robustplus.policies.request import PolicyRequest

TYPES = {
    "tensor(uint8)": np.uint8,
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
}
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
PACKAGED = "package/"
CHECKPOINTS = Path(__file__).parent.parent / "checkpoints"
Read = Callable[[Observation], NDArray[Any]]


class Onnx:
    """A file with an input per camera, ``CAMERA.depth`` for those that measure it, ``state`` and ``instruction``.

    ``actions``, or its only output, is the chunk.

    A frame of three axes has a batch axis put before it where the file has four; where the file has three channels
    first, the axes are moved; a float input receives 0 to 1. Depth is in metres, of two axes, of three with a batch
    axis, or of four with one for a channel, too. ``instruction`` is a text tensor. Raises ``BadInputError`` for an
    input of any other name.
    """

    def __init__(self, request: PolicyRequest) -> None:
        path = located(request.address)
        library = load("onnxruntime", "pytest-robustplus[onnx]", "Playing an ONNX file")
        # By the order in which onnxruntime lists them, TensorRT would come first and build an engine for minutes.
        providers = [name for name in PROVIDERS if name in library.get_available_providers()]

        def session(threads: int) -> Any:
            options = library.SessionOptions()
            options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            return library.InferenceSession(str(path), options, providers=providers)

        try:
            self.checkpoint = f"onnx-{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
            # Workers share a machine's cores; one chunk of the packaged policies takes 18 ms on one core.
            self._session = session(1)
        except OSError as error:
            raise BadInputError(
                f"Cannot read the ONNX file {path}: {error.strerror}. Check the path: it begins in the working"
                " directory, or beside the pyproject.toml that names it."
            ) from error
        except Exception as error:
            # onnxruntime's own exceptions share no public base class.
            raise BadInputError(f"{path} is not an ONNX file that can be played: {error}") from error
        self._together = partial(session, _threads())
        self._batch: Any = None
        self._inputs = {node.name: _reader(node, request.profile, str(path)) for node in self._session.get_inputs()}
        outputs = [node.name for node in self._session.get_outputs()]
        if "actions" not in outputs and len(outputs) != 1:
            raise unknown("output", "actions", outputs, where=str(path))
        self._output = ["actions"] if "actions" in outputs else outputs
        answers = [node for node in self._session.get_outputs() if node.name in self._output]
        ranks = {"state": 2, "instruction": 1}
        ranks |= {node.name: max(len(node.shape), 3) for node in self._session.get_inputs() if _of_depth(node.name)}
        self._batches = all(_free(node, ranks.get(node.name, 4)) for node in self._session.get_inputs())
        self._batches = self._batches and all(_free(node, 3) for node in answers)
        self.timings: deque[timing.Timing] = deque(maxlen=timing.KEPT)

    def reset(self, slot: int, instruction: str) -> None:
        """A file remembers nothing."""

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        """Answer several in one call if the file's batch axis is free, on as many threads as simulators leave idle."""
        fed = [{name: read(seen) for name, read in self._inputs.items()} for seen in observations]
        if len(fed) < 2 or not self._batches:
            return [replies.chunk(self._run(self._session, one), "The ONNX file") for one in fed]
        if self._batch is None:
            self._batch = self._together()
        together = {name: np.concatenate([one[name] for one in fed]) for name in self._inputs}
        answers = self._run(self._batch, together)
        if len(answers) != len(fed):
            raise PolicyError(f"The ONNX file answered {len(answers)} of {len(fed)} observations in a batch.")
        return [replies.chunk(answer, "The ONNX file") for answer in answers]

    def _run(self, session: Any, fed: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        start = perf_counter()
        try:
            (answer,) = session.run(self._output, dict(fed))
        except PolicyError:
            raise
        except Exception as error:
            raise PolicyError(f"The ONNX file failed: {error}") from error
        self.timings.append(timing.Timing(perf_counter() - start, None, 0, 0))
        return np.asarray(answer)


def _free(node: Any, rank: int) -> bool:
    """Whether a tensor has a batch axis before what it holds, of any length."""
    return len(node.shape) == rank and not isinstance(node.shape[0], int)


def _threads() -> int:
    """This worker's share of the cores: while a batch is answered, the simulators that asked wait."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(cores // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")), 1)


def located(address: str) -> Path:
    """Return the file of an address: ``package/NAME.onnx`` is a checkpoint that this package ships."""
    if address.startswith(PACKAGED):
        return CHECKPOINTS / address.removeprefix(PACKAGED)
    return Path(address).expanduser()


def _of_depth(name: str) -> str:
    """The camera whose depth an input of this name takes, or nothing."""
    camera, dot, kind = name.rpartition(".")
    return camera if dot and kind == "depth" else ""


def _reader(node: Any, profile: Profile, where: str) -> Read:
    cameras = profile.cameras
    if node.name in cameras:
        return _frame_reader(node, where)
    if (camera := _of_depth(node.name)) and camera in profile.depth:
        return _depth_reader(node, camera, where)
    if node.name == "state":
        dtype, batched = _dtype(node, where), len(node.shape) == 2
        return lambda seen: _vector(seen).astype(dtype)[None] if batched else _vector(seen).astype(dtype)
    if node.name == "instruction" and node.type == "tensor(string)":
        return lambda seen: np.array([seen.instruction], dtype=object)
    depths = [f"{camera}.depth" for camera in profile.depth]
    raise unknown("input", node.name, [*cameras, *depths, "state", "instruction"], where=where)


def _frame_reader(node: Any, where: str) -> Read:
    dtype, rank = _dtype(node, where), len(node.shape)
    if rank not in (3, 4):
        raise BadInputError(f"Input {node.name} of {where} has shape {node.shape}; a frame has three axes, or four.")
    first = node.shape[-3] == 3 and node.shape[-1] != 3

    def read(seen: Observation) -> NDArray[Any]:
        frame: NDArray[Any] = seen.images[node.name]
        if dtype is not np.uint8:
            frame = frame.astype(dtype) / dtype(255)
        if first:
            frame = np.ascontiguousarray(np.moveaxis(frame, -1, 0))
        return frame[None] if rank == 4 else frame

    return read


def _depth_reader(node: Any, camera: str, where: str) -> Read:
    dtype, rank = _dtype(node, where), len(node.shape)
    if rank not in (2, 3, 4) or dtype is np.uint8:
        raise BadInputError(
            f"Input {node.name} of {where} is a {node.type} of shape {node.shape}; depth is of floats, with two to four"
            " axes."
        )
    # A channel's axis is the last one, unless the file has it second.
    added = {2: (), 3: (0,), 4: (0, 1) if node.shape[1] == 1 else (0, 3)}[rank]
    return lambda seen: np.expand_dims(seen.depth[camera].astype(dtype), added)


def _vector(seen: Observation) -> NDArray[Any]:
    if "state" not in seen.state:
        raise PolicyError("The ONNX file reads a state, but the model's profile describes none: set state in it.")
    return np.asarray(seen.state["state"])


def _dtype(node: Any, where: str) -> Any:
    if node.type not in TYPES:
        raise BadInputError(f"Input {node.name} of {where} is a {node.type}; readable are {', '.join(TYPES)}.")
    return TYPES[node.type]
