"""What stands in for a network inside upstream's own server; runs in upstream's environment and imports none of ours.

A driver beside this file starts upstream's server class over a ``Network``, and asks it with upstream's own client.
"""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import types
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np

checkout = Path()
"""The user's checkout of upstream, which is also the first place that modules are looked for in."""


class Network:
    """Writes down everything that reaches it, and answers numbers that depend on nothing else.

    Two clients that show the same are answered the same, so a difference between them is one of what they showed.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.calls = 0

    def __call__(self, shape: tuple[int, ...], **seen: Any) -> np.ndarray:
        """Note ``seen`` (arrays, numbers and texts) and answer uniform numbers in [-1, 1] of ``shape``, float32."""
        digest = hashlib.sha256()
        arrays = {name: np.asarray(value) for name, value in seen.items() if value is not None}
        for name, array in sorted(arrays.items()):
            # The last digit of a state is not told apart: two ways of computing it may differ there.
            kept = np.round(array, 3) + 0.0 if array.dtype.kind == "f" else array
            digest.update(name.encode() + str((array.shape, array.dtype)).encode() + kept.tobytes())
        np.savez(self.folder / f"{self.calls:05d}.npz", **arrays)
        self.calls += 1
        rng = np.random.default_rng(int.from_bytes(digest.digest()[:8], "little"))
        return rng.uniform(-1, 1, shape).astype(np.float32)


def continued() -> Network:
    """The network that a client in the process goes on with, where the server's has stopped."""
    network = Network(os.environ["RECORD"])
    network.calls = int(os.environ["CALLS"])
    return network


def torchvision_without_a_card() -> None:
    """Let a torchvision that was built for a card be imported beside a torch that was not."""
    sys.path.append(str(Path(__file__).parents[1]))
    import torchvision_ops  # noqa: F401


class _Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Modules that a server imports and a stubbed network has no use for: each is a mock of itself."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if any(name == absent or name.startswith(absent + ".") for absent in self.names):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: Any) -> types.ModuleType:
        module = _Mocked(spec.name)
        module.__path__ = []
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to run."""


class _Mocked(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        mock = MagicMock(name=f"{self.__name__}.{name}")
        setattr(self, name, mock)
        return mock


def without(*names: str) -> None:
    """Put mocks in the place of modules, installed or not, that only a real network needs."""
    sys.meta_path.insert(0, _Absent(names))


def restored() -> None:
    """Take the mocks out again, so that later imports find what is installed; who has a mock keeps it."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Absent)]
    for name in [name for name, found in sys.modules.items() if isinstance(found, _Mocked)]:
        del sys.modules[name]


def plain(name: str, **attributes: Any) -> None:
    """Put a module with these attributes, and mocks for all others, in the place of ``name``."""
    module = _Mocked(name)
    module.__path__ = []
    vars(module).update(attributes)
    sys.modules[name] = module


def module(place: str) -> types.ModuleType:
    """Load a file of the checkout whose folders are no names of packages."""
    spec = importlib.util.spec_from_file_location("upstream_module", checkout / place)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def robosuite_transforms() -> types.ModuleType:
    """The three conversions of robosuite's ``transform_utils`` that clients use, by scipy: robosuite is elsewhere."""
    from scipy.spatial.transform import Rotation

    def quat2axisangle(quat: Any) -> Any:
        sine = np.sqrt(max(0.0, 1.0 - float(quat[3]) ** 2))
        return np.zeros(3) if sine < 1e-9 else np.asarray(quat[:3]) * 2.0 * np.arccos(quat[3]) / sine

    made = types.ModuleType("robosuite.utils.transform_utils")
    made.quat2axisangle = quat2axisangle
    made.mat2quat = lambda matrix: Rotation.from_matrix(matrix).as_quat(canonical=True)
    made.quat2mat = lambda quat: Rotation.from_quat(quat).as_matrix()
    made.axisangle2quat = lambda vector: Rotation.from_rotvec(vector).as_quat()
    return made


class LiberoLooks:
    """An environment of LIBERO that shows recorded looks, one each ``replan`` actions, and is done after the last.

    The first ``settle`` actions are of a robot that waits. ``chunks`` are the actions executed after each look.
    """

    def __init__(self, looks: list[dict[str, Any]], settle: int, replan: int) -> None:
        self.looks, self.settle, self.replan = looks, settle, replan
        self.count = -settle
        self.chunks: list[list[Any]] = []

    @property
    def env(self) -> Any:
        return self

    @property
    def timestep(self) -> int:
        return self.count + self.settle

    def seed(self, _: int) -> None: ...

    def close(self) -> None: ...

    def reset(self) -> dict[str, Any]:
        return self.seen()

    def set_init_state(self, _: Any) -> dict[str, Any]:
        return self.seen()

    def seen(self) -> dict[str, Any]:
        """Frames and sensors under LIBERO's names."""
        look = self.looks[min(max(self.count, 0) // self.replan, len(self.looks) - 1)]
        names = {"agentview": "agentview_image", "wrist": "robot0_eye_in_hand_image"}
        names |= {name: f"robot0_{name}" for name in ("eef_pos", "eef_quat", "gripper_qpos")}
        return {theirs: np.array(look[ours]) for ours, theirs in names.items() if ours in look}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, dict[str, Any]]:
        if self.count >= 0:
            if self.count % self.replan == 0:
                self.chunks.append([])
            self.chunks[-1].append(np.asarray(action, np.float64))
        self.count += 1
        return self.seen(), 0.0, self.count == self.replan * len(self.looks), {}


def episodes(looks: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The looks of each episode, in order."""
    found: dict[int, list[dict[str, Any]]] = {}
    for look in looks:
        found.setdefault(int(look["episode"]), []).append(look)
    return list(found.values())


def looks(file: str) -> list[dict[str, Any]]:
    """The looks that the player wrote down: raw frames and sensors by name, ``instruction``, ``step``, ``episode``."""
    bank = np.load(file, allow_pickle=False)
    found: dict[int, dict[str, Any]] = {}
    for key in bank.files:
        number, _, name = key.partition("/")
        found.setdefault(int(number), {})[name] = bank[key]
    return [found[number] for number in sorted(found)]


def run(serve: Any, ask: Any) -> None:
    """``serve CHECKOUT PORT FOLDER`` serves a stubbed model; ``ask CHECKOUT PORT LOOKS ACTIONS`` is upstream's client.

    ``ask(port, looks)`` gives, for each look, the actions that upstream's evaluation would execute after it.
    """
    global checkout
    verb, place, port, *files = sys.argv[1:]
    checkout = Path(place)
    sys.path.insert(0, place)
    if verb == "serve":
        serve(int(port), Network(files[0]))
    else:
        actions = ask(int(port), looks(files[0]))
        np.savez(files[1], **{f"{number:05d}": np.asarray(chunk) for number, chunk in enumerate(actions)})
