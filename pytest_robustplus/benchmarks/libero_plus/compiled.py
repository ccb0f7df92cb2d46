"""Compiled scenes without their textures: physics sees none, and scenes share most of them.

Two thirds of a compiled LIBERO scene (180 of 270 MB in libero_spatial) and of its compile time are textures; a bowl
that appears twice brings its 50 MB twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import mujoco
import numpy as np

from pytest_robustplus.benchmarks.libero_plus import kept
from pytest_robustplus.benchmarks.libero_plus.memory import forget_last_compile, return_freed_memory

# Larger arrays (meshes, bounding volumes, textures) are never written to.
_LARGEST_MUTABLE_BYTES = 1 << 16


Attributes = tuple[tuple[str, str], ...]


class Texture(NamedTuple):
    """A texture left out of a compiled scene: its number there, its file if any, and what the scene's XML says."""

    number: int
    file: str
    attributes: Attributes


class CompiledScene:
    """One scene's model, the simulation that runs it, and what it takes to put both back as they were compiled."""

    def __init__(self, xml: str, digest: str, *, shared: bool = True) -> None:
        from robosuite.utils.binding_utils import MjSim

        self.digest = digest
        root = ElementTree.fromstring(xml)
        declared = _without_textures(root)
        model = _model(ElementTree.tostring(root, encoding="unicode"), shared=shared)
        self.casts_shadows = bool(model.light_castshadow.any())
        self.sim: Any = MjSim(model)
        self.model: Any = model
        self.textures = tuple(Texture(number, file, attributes) for number, (file, attributes) in enumerate(declared))
        self._compiled = {
            name: array.copy()
            for name in dir(model)
            if isinstance(array := getattr(model, name), np.ndarray)
            and array.flags.writeable
            and array.nbytes <= _LARGEST_MUTABLE_BYTES
        }

    def restore(self) -> None:
        """Undo whatever episodes wrote to the model: fixtures' places, the camera's pose, which sites are shown."""
        for name, array in self._compiled.items():
            getattr(self.model, name)[:] = array

    @property
    def nbytes(self) -> int:
        return int(mujoco.mj_sizeModel(self.model))


def _model(xml: str, *, shared: bool = True) -> Any:
    """Compile a model (1.2 s), or read the one that some process of this user has compiled (0.1 s)."""
    files = [element.get("file", "") for element in ElementTree.fromstring(xml).iter() if "file" in element.attrib]
    try:
        name = kept.digest(f"{kept.COMPILER}\n{xml}", files)
    except OSError:  # a path that MuJoCo finds in its own way
        return mujoco.MjModel.from_xml_string(xml)
    if known := kept.model(name):
        return known
    model = mujoco.MjModel.from_xml_string(xml)
    # Before it is written, which takes as much memory again.
    forget_last_compile()
    return_freed_memory()
    kept.keep_model(name, model, shared=shared)
    return model


def _without_textures(root: ElementTree.Element) -> list[tuple[str, Attributes]]:
    """Put one plain pixel in place of every texture; return what each was, file and declaration, by its number."""
    declared = []
    for texture in root.iter("texture"):
        file = texture.attrib.pop("file", "")
        name = texture.attrib.pop("name", "") or Path(file).stem  # MuJoCo's own rule
        declared.append((file, tuple(sorted(texture.attrib.items()))))
        height = "1" if texture.get("type", "cube") == "2d" else "6"
        texture.attrib.update(builtin="flat", width="1", height=height)
        if name:
            texture.set("name", name)
    return declared
