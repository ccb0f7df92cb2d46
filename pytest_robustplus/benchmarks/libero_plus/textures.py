"""Textures in a GL context: one upload however many scenes show it, kept for the next scene while memory allows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import mujoco
import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.libero_plus import kept
from pytest_robustplus.benchmarks.libero_plus.compiled import Attributes, Texture
from pytest_robustplus.benchmarks.libero_plus.memory import forget_last_compile

PAINTED = 512  # pixels a side of textures of ours, and of files on the faces of a cube: six of those are uploaded
_EIGHT_BIT_MODES = ("RGB", "RGBA", "P", "L")


class Cover(NamedTuple):
    """A texture that no scene has: a file or a pattern of a seed, mixed with the file that it replaces by ``blend``."""

    what: str | int
    over: str
    blend: float
    attributes: Attributes


Source = tuple[str, Attributes] | Cover


class _Upload:
    """One texture in the GL context that is current, and how many scenes show it."""

    def __init__(self, source: Source) -> None:
        model = _painted(source) if isinstance(source, Cover) else _model(*source)
        self.context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
        self.number = int(self.context.texture[0])
        self.nbytes = _nbytes(source)
        self.shown = 0


class TextureLibrary:
    """Uploads by file and declaration, least recently shown first; its GL context must be current at every call."""

    def __init__(self) -> None:
        self._uploads: OrderedDict[Source, _Upload] = OrderedDict()

    def expect(self, textures: Sequence[Texture], covers: Iterable[Source] = ()) -> int:
        """Keep what a scene will show from being forgotten; return the bytes that its other textures will take."""
        keys: set[Source] = {(texture.file, texture.attributes) for texture in textures}
        keys.update(covers)
        for key in keys & self._uploads.keys():
            self._uploads.move_to_end(key)
        return sum(_nbytes(key) for key in keys - self._uploads.keys())

    def borrow(self, source: Source) -> int:
        """Return the GL number of a texture, uploading it when it is not there (0.05 s, of 4096² pixels 0.9 s)."""
        if source not in self._uploads:
            self._uploads[source] = _Upload(source)
        self._uploads[source].shown += 1
        self._uploads.move_to_end(source)
        return self._uploads[source].number

    def give_back(self, source: Source) -> None:
        """Say that one scene shows a texture no longer."""
        self._uploads[source].shown -= 1

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


def _nbytes(source: Source) -> int:
    """Bytes that the driver keeps: four a pixel, a third more for smaller copies, six faces of a square cube map."""
    from PIL import Image

    attributes = source[-1]
    if isinstance(source, Cover):
        width = height = PAINTED
    else:
        with Image.open(source[0]) as image:
            width, height = image.size
    repeated = width == height and ("type", "2d") not in attributes
    return width * height * (6 if repeated else 1) * 16 // 3


def _painted(cover: Cover) -> Any:
    """Compile a model with a texture of ours in it, (PAINTED, PAINTED) pixels, repeated on the faces of a cube."""
    new = pattern(cover.what) if isinstance(cover.what, int) else _shrunk(cover.what)
    if cover.blend < 1:
        new = np.rint(cover.blend * new + (1 - cover.blend) * _shrunk(cover.over)).astype(np.uint8)
    texture = ElementTree.Element("texture", dict(cover.attributes), name="texture")
    texture.attrib.update(builtin="flat", width=str(PAINTED), height=str(PAINTED), colorspace="linear")
    model = _alone(texture)
    model.tex_data[:] = np.tile(new.ravel(), len(model.tex_data) // new.size)
    return model


def _shrunk(file: str) -> NDArray[np.uint8]:
    from PIL import Image

    with Image.open(file) as image:
        size = (PAINTED, PAINTED)
        pixels: NDArray[np.uint8] = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BOX))
    return pixels


def pattern(seed: int) -> NDArray[np.uint8]:
    """Draw a texture, (PAINTED, PAINTED, 3): checks, stripes, blotches or grain in two colours."""
    random = np.random.default_rng(seed)
    dark, light = random.uniform(20, 235, (2, 3))
    rows, columns = np.mgrid[:PAINTED, :PAINTED] / PAINTED
    kind, count, turn = random.integers(4), random.integers(2, 13), random.uniform(0, np.pi)
    if kind == 0:
        share = ((rows * count).astype(int) + (columns * count).astype(int)) % 2
    elif kind == 1:
        share = 0.5 + 0.5 * np.sin(2 * np.pi * count * (rows * np.cos(turn) + columns * np.sin(turn)))
    elif kind == 2:
        waves = random.normal(size=(6, 2)) * count
        shifts = random.uniform(0, 2 * np.pi, 6)
        share = np.zeros_like(rows)
        for (down, right), shift in zip(waves, shifts, strict=True):
            share += np.sin(2 * np.pi * (down * rows + right * columns) + shift)
        share = 1 / (1 + np.exp(-share))
    else:
        share = random.random((PAINTED, PAINTED))
    pixels: NDArray[np.uint8] = (dark + (light - dark) * share[..., None]).astype(np.uint8)
    return pixels


def _model(file: str, attributes: Attributes) -> Any:
    """Compile a model with this one texture in it (0.05–0.5 s), or read the one that some process has compiled."""
    name = kept.digest(f"texture, {kept.COMPILER}\n{attributes}", [file])
    if known := kept.model(name):
        return known
    texture = ElementTree.Element("texture", dict(attributes), name="texture")
    pixels = _pixels(texture, file) if attributes == (("type", "2d"),) else None
    if pixels is None:
        texture.set("file", file)
    model = _alone(texture)
    if pixels is not None:
        model.tex_data[:] = pixels
    kept.keep_model(name, model)
    return model


def _alone(texture: ElementTree.Element) -> Any:
    root = ElementTree.Element("mujoco")
    visual = ElementTree.SubElement(root, "visual")
    ElementTree.SubElement(visual, "global", offwidth="1", offheight="1")
    ElementTree.SubElement(visual, "quality", shadowsize="0", offsamples="0")
    ElementTree.SubElement(root, "asset").append(texture)
    ElementTree.SubElement(root, "worldbody")
    model = mujoco.MjModel.from_xml_string(ElementTree.tostring(root, encoding="unicode"))
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
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB")).ravel()
