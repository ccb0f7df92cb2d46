"""The pixels of textures, as MuJoCo compiles them; with a driver's smaller copies where these take long to compute.

MuJoCo compiles them in models of their own, once: the pixels are kept for the next start.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import mujoco
import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.libero_plus import kept
from pytest_robustplus.benchmarks.libero_plus.compiled import Attributes
from pytest_robustplus.benchmarks.libero_plus.memory import forget_last_compile

PAINTED = 512  # pixels a side of textures of ours, and of files on the faces of a cube: six of those are uploaded
_EIGHT_BIT_MODES = ("RGB", "RGBA", "P", "L")
_KEPT = "pixels"
_HEADER = np.dtype([("cube", np.int64), ("srgb", np.int64), ("levels", np.int64), ("shape", np.int64, 4)])

Pixels = NDArray[np.uint8]


class Cover(NamedTuple):
    """A texture that no scene has: a file or a pattern of a seed, mixed with the file that it replaces by ``blend``."""

    what: str | int
    over: str
    blend: float
    attributes: Attributes


Source = tuple[str, Attributes] | Cover


class Raster(NamedTuple):
    """A texture's levels, each (faces, height, width, channels): the texture itself, then its smaller copies.

    The copies may be missing. A cube of one face shows it on all six sides; ``srgb`` tells how 2D ones are encoded.
    """

    cube: bool
    srgb: bool
    levels: tuple[Pixels, ...]


def shapes(whole: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The shapes of all levels that OpenGL knows of a texture of this shape, down to one pixel."""
    faces, height, width, channels = whole
    count = max(height, width).bit_length()
    return [(faces, max(height >> level, 1), max(width >> level, 1), channels) for level in range(count)]


def compiled(file: str, attributes: Attributes) -> Raster:
    """Let MuJoCo make a texture of a file, or of what is declared (0.05–0.5 s)."""
    texture = ElementTree.Element("texture", dict(attributes), name="texture")
    pixels = _read(texture, file) if attributes == (("type", "2d"),) else None
    if file and pixels is None:
        texture.set("file", file)
    model = _alone(texture)
    return _raster(model, model.tex_data if pixels is None else pixels)


def name(source: tuple[str, Attributes], driver: str) -> str:
    """What a texture is kept as; with its smaller copies as a ``driver`` has computed them, unless that is empty."""
    file, attributes = source
    return kept.digest(f"pixels, {kept.COMPILER}, {driver}\n{attributes}", [file] if file else [])


def find(name: str) -> Raster | None:
    """Return what is kept under a name, mapped into memory."""
    path = kept.find(_KEPT, name)
    if path is None:
        return None
    content = np.memmap(path, np.uint8, "r")
    header = content[: _HEADER.itemsize].view(_HEADER)[0]
    levels, begin = [], _HEADER.itemsize
    for shape in shapes(tuple(map(int, header["shape"])))[: int(header["levels"])]:
        end = begin + math.prod(shape)
        levels.append(content[begin:end].reshape(shape))
        begin = end
    return Raster(bool(header["cube"]), bool(header["srgb"]), tuple(levels))


def keep(name: str, raster: Raster) -> None:
    """Write a texture for the next start, as ``kept.keep`` does."""
    header = np.array([(raster.cube, raster.srgb, len(raster.levels), raster.levels[0].shape)], _HEADER)
    kept.keep(_KEPT, name, header.view(np.uint8), *map(np.ascontiguousarray, raster.levels))


def nbytes(source: Source) -> int:
    """Bytes that the driver keeps: four a pixel, a third more for smaller copies, six faces of a square cube map."""
    from PIL import Image

    attributes = source[-1]
    flat = ("type", "2d") in attributes
    if isinstance(source, Cover):
        width = height = PAINTED
    elif source[0]:
        with Image.open(source[0]) as image:
            width, height = image.size
    else:
        declared = dict(attributes)
        width = int(declared.get("width", 0))
        height = int(declared.get("height", 0)) if flat else width
    repeated = width == height and not flat
    return width * height * (6 if repeated else 1) * 16 // 3


def painted(cover: Cover) -> Raster:
    """A texture of ours, (PAINTED, PAINTED) pixels, the same on the faces of a cube."""
    new = pattern(cover.what) if isinstance(cover.what, int) else _shrunk(cover.what)
    if cover.blend < 1:
        new = np.rint(cover.blend * new + (1 - cover.blend) * _shrunk(cover.over)).astype(np.uint8)
    return Raster(("type", "2d") not in cover.attributes, False, (new[None],))


def _shrunk(file: str) -> Pixels:
    from PIL import Image

    with Image.open(file) as image:
        size = (PAINTED, PAINTED)
        pixels: Pixels = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BOX))
    return pixels


def pattern(seed: int) -> Pixels:
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
    pixels: Pixels = (dark + (light - dark) * share[..., None]).astype(np.uint8)
    return pixels


def _raster(model: Any, pixels: Pixels) -> Raster:
    """The one texture of a model; ``pixels`` stand in for its own."""
    cube = bool(model.tex_type[0] != mujoco.mjtTexture.mjTEXTURE_2D)
    width, height, channels = int(model.tex_width[0]), int(model.tex_height[0]), int(model.tex_nchannel[0])
    # The faces of a cube lie one below the other, unless there is one for all of them.
    side = width if cube else height
    srgb = model.tex_colorspace[0] == mujoco.mjtColorSpace.mjCOLORSPACE_SRGB
    return Raster(cube, not cube and bool(srgb), (np.reshape(pixels, (height // side, side, width, channels)),))


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


def _read(texture: ElementTree.Element, file: str) -> Pixels | None:
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
