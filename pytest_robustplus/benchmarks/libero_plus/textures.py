"""Textures in a GL context: one upload however many scenes show it, kept for the next scene while memory allows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import mujoco
import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.libero_plus.compiled import Texture
from pytest_robustplus.benchmarks.libero_plus.memory import forget_last_compile

_Attributes = tuple[tuple[str, str], ...]
_EIGHT_BIT_MODES = ("RGB", "RGBA", "P", "L")


class _Upload:
    """One texture in the GL context that is current, and how many scenes show it."""

    def __init__(self, file: str, attributes: _Attributes) -> None:
        model = _model(file, attributes)
        self.context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
        self.number = int(self.context.texture[0])
        self.nbytes = _nbytes(file, attributes)
        self.shown = 0


class TextureLibrary:
    """Uploads by file and declaration, least recently shown first; its GL context must be current at every call."""

    def __init__(self) -> None:
        self._uploads: OrderedDict[tuple[str, _Attributes], _Upload] = OrderedDict()

    def expect(self, textures: Sequence[Texture]) -> int:
        """Keep what a scene will show from being forgotten; return the bytes that its other textures will take."""
        keys = {(texture.file, texture.attributes) for texture in textures}
        for key in keys & self._uploads.keys():
            self._uploads.move_to_end(key)
        return sum(_nbytes(*key) for key in keys - self._uploads.keys())

    def borrow(self, texture: Texture) -> int:
        """Return the GL number of a texture, uploading it when it is not there (0.05 s, of 4096² pixels 0.9 s)."""
        key = texture.file, texture.attributes
        if key not in self._uploads:
            self._uploads[key] = _Upload(*key)
        self._uploads[key].shown += 1
        self._uploads.move_to_end(key)
        return self._uploads[key].number

    def give_back(self, texture: Texture) -> None:
        """Say that one scene shows a texture no longer."""
        self._uploads[texture.file, texture.attributes].shown -= 1

    def forget_oldest(self) -> bool:
        """Free the least recently shown texture that no scene shows; say whether there was one."""
        for key, upload in self._uploads.items():
            if not upload.shown:
                del self._uploads[key]
                upload.context.free()
                return True
        return False

    @property
    def nbytes(self) -> int:
        return sum(upload.nbytes for upload in self._uploads.values())


def _nbytes(file: str, attributes: _Attributes) -> int:
    """Bytes that the driver keeps: four a pixel, a third more for smaller copies, six faces of a square cube map."""
    from PIL import Image

    with Image.open(file) as image:
        width, height = image.size
    repeated = width == height and ("type", "2d") not in attributes
    return width * height * (6 if repeated else 1) * 16 // 3


def _model(file: str, attributes: _Attributes) -> Any:
    """Compile a model with this one texture in it."""
    root = ElementTree.Element("mujoco")
    visual = ElementTree.SubElement(root, "visual")
    ElementTree.SubElement(visual, "global", offwidth="1", offheight="1")
    ElementTree.SubElement(visual, "quality", shadowsize="0", offsamples="0")
    asset = ElementTree.SubElement(root, "asset")
    texture = ElementTree.SubElement(asset, "texture", dict(attributes), name="texture")
    ElementTree.SubElement(root, "worldbody")
    pixels = _pixels(texture, file) if attributes == (("type", "2d"),) else None
    if pixels is None:
        texture.set("file", file)
    model = mujoco.MjModel.from_xml_string(ElementTree.tostring(root, encoding="unicode"))
    if pixels is not None:
        model.tex_data[:] = pixels
    forget_last_compile()
    return model


def _pixels(texture: ElementTree.Element, file: str) -> NDArray[np.uint8] | None:
    """Declare a blank texture of the file's size and return the file's pixels, or None if MuJoCo had better read it.

    MuJoCo keeps what it reads from files in its cache, where textures would drive out meshes: of a scene's compile
    time meshes save 1.5 s and textures, which stay uploaded here, nothing.
    """
    from PIL import Image

    if Path(file).suffix.lower() != ".png":
        return None
    with Image.open(file) as image:
        if image.mode not in _EIGHT_BIT_MODES:
            return None
        width, height = image.size
        colorspace = "sRGB" if "srgb" in image.info else "linear"
        texture.attrib.update(builtin="flat", width=str(width), height=str(height), colorspace=colorspace)
        return np.asarray(image.convert("RGB")).ravel()
