"""Scenes kept between episodes, while memory allows.

A scene is what a BDDL file describes apart from its sentence. Variants that move the camera, the joints, the words or
the pixels share their base task's scene, and scenes whose models come out equal (all ten tasks of libero_spatial, all
ten of libero_goal) share the compiled model: 40 base tasks have 21.
"""

from __future__ import annotations

import gc
import hashlib
import re
from collections import OrderedDict
from functools import partial
from pathlib import Path
from weakref import WeakSet

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus import packages
from pytest_robustplus.benchmarks.libero_plus.compiled import CompiledScene
from pytest_robustplus.benchmarks.libero_plus.drawing import Canvas, Painter
from pytest_robustplus.benchmarks.libero_plus.memory import bound_mesh_cache, forget_last_compile, return_freed_memory
from pytest_robustplus.benchmarks.libero_plus.scene import Scene, build, in_base_scene, scene_name
from pytest_robustplus.distributed import machine
from pytest_robustplus.errors import BadInputError, SimulatorError
from pytest_robustplus.perturbations import Layout, part

# Nothing beyond KEPT_BYTES is kept where less than this is left on the machine: others need it more.
_RESERVE_BYTES = 1_000_000_000
_COMPILING_BYTES = 150_000_000
_UPLOADING_BYTES = 50_000_000
_FEWEST_MODELS = 2
_MOST_SCENES = 48  # of 1 MB each, without their models
_OPEN: WeakSet[SceneCache] = WeakSet()
_SENTENCE = re.compile(rb"\(\s*:language\b[^()]*\)")


class SceneCache:
    """Scenes by what their BDDL files describe; the least recently played go when memory runs out.

    ``memory_bytes`` of models, shapes and textures are kept, by default what the machine has room for
    (``machine.keeping``). Imports, GL, MuJoCo's own cache of meshes and passing needs take another 1.4 GB at most.
    """

    def __init__(self, assets: Path | None, canvas: Canvas | None, memory_bytes: int | None = None) -> None:
        bound_mesh_cache()
        packages.import_environment(assets)
        self._canvas = canvas
        self._memory_bytes = machine.kept() if memory_bytes is None else memory_bytes
        self._scenes: OrderedDict[str, Scene] = OrderedDict()
        self._compiled: OrderedDict[str, CompiledScene] = OrderedDict()
        self._painters: dict[CompiledScene, Painter] = {}
        _OPEN.add(self)

    def scene(self, task: Task) -> Scene:
        """Return the scene of a task, built and compiled (0.5–3 s) unless it is kept."""
        path = packages.bddl_file(task.suite, scene_name(task))
        try:
            described = hashlib.sha256(_SENTENCE.sub(b"", path.read_bytes())).hexdigest()
        except OSError as error:
            raise BadInputError(
                f"{task.name}: {path} cannot be read ({error.strerror}). Check the task's name, or install again: "
                f"{packages.INSTALL}"
            ) from error
        spares = bool(part(task.perturbation, Layout).distractors)
        described += "with spares" if spares else ""
        if described not in self._scenes:
            compile_scene = partial(self._compile, shared=in_base_scene(task))
            self._scenes[described] = build(path, compile_scene, spares=spares)
        scene = self._scenes[described]
        self._scenes.move_to_end(described)
        self._compiled.move_to_end(scene.compiled.digest)
        return scene

    def painter(self, scene: Scene) -> Painter:
        """Return what draws a scene as its task has it; uploads shapes and textures that none shows yet (0.3–3 s)."""
        if self._canvas is None:
            raise SimulatorError("This simulator was built without rendering; build it with render=True to see images.")
        if scene.compiled not in self._painters:
            self._make_room(coming=_UPLOADING_BYTES + self._canvas.textures.expect(scene.compiled.textures))
            self._painters[scene.compiled] = Painter(self._canvas, scene.compiled)
            return_freed_memory()
        painter = self._painters[scene.compiled]
        if coming := self._canvas.textures.expect(scene.compiled.textures, scene.covers.values()):
            self._make_room(coming)
        painter.dress(scene.covers)
        return painter

    def close(self) -> None:
        while self._compiled:
            self._drop()
        _OPEN.discard(self)

    def _compile(self, xml: str, *, shared: bool) -> CompiledScene:
        digest = hashlib.sha256(xml.encode()).hexdigest()
        if digest not in self._compiled:
            self._make_room(coming=_COMPILING_BYTES)
            self._compiled[digest] = CompiledScene(xml, digest, shared=shared)
            forget_last_compile()
            return_freed_memory()
        self._compiled.move_to_end(digest)
        return self._compiled[digest]

    def _make_room(self, coming: int = 0) -> None:
        """Drop what is cheapest to get back: scenes (5 ms a megabyte), then textures (12), the last scene never."""
        while len(self._scenes) > _MOST_SCENES:
            self._scenes.popitem(last=False)
        allowed = self._allowed()
        while self._nbytes() + coming > allowed and len(self._compiled) > _FEWEST_MODELS:
            self._drop()
        if self._canvas:
            self._canvas.activate()
        while self._nbytes() + coming > allowed:
            if self._canvas and self._canvas.textures.forget_oldest():
                continue
            if len(self._compiled) < 2:
                break
            self._drop()

    def _allowed(self) -> int:
        """How much may be kept now: simulators of one process share what is more than the least."""
        least = min(self._memory_bytes, machine.KEPT_BYTES)
        left = machine.memory()
        if left is not None and left < _RESERVE_BYTES:
            return least
        return max(self._memory_bytes - sum(other._nbytes() for other in _OPEN if other is not self), least)

    def _nbytes(self) -> int:
        kept = sum(compiled.nbytes for compiled in self._compiled.values())
        drawn = sum(painter.nbytes for painter in self._painters.values())
        return kept + drawn + (self._canvas.textures.nbytes if self._canvas else 0)

    def _drop(self) -> None:
        _, compiled = self._compiled.popitem(last=False)
        if painter := self._painters.pop(compiled, None):
            painter.close()
        self._scenes = OrderedDict(
            (key, scene) for key, scene in self._scenes.items() if scene.compiled is not compiled
        )
        del compiled
        gc.collect()  # environments refer to themselves, and hold the model's 100 MB
        return_freed_memory()
