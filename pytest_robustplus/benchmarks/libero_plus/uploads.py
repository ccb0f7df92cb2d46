"""Putting textures into the GL context that is current, as MuJoCo does, and getting their smaller copies back.

To be imported late: this decides which library draws. The functions are the driver's own; PyOpenGL's usual names,
``OpenGL.GL``, are hundreds of modules and take 0.1 s to import.
"""

from __future__ import annotations

import ctypes

import numpy as np
from OpenGL.raw.GL.VERSION.GL_1_1 import (
    GL_LINEAR,
    GL_LINEAR_MIPMAP_LINEAR,
    GL_PACK_ALIGNMENT,
    GL_REPEAT,
    GL_RGB,
    GL_RGBA,
    GL_TEXTURE_2D,
    GL_TEXTURE_MAG_FILTER,
    GL_TEXTURE_MIN_FILTER,
    GL_TEXTURE_WRAP_S,
    GL_TEXTURE_WRAP_T,
    GL_UNPACK_ALIGNMENT,
    GL_UNSIGNED_BYTE,
    glBindTexture,
    glDeleteTextures,
    glGenTextures,
    glGetTexImage,
    glPixelStorei,
    glTexImage2D,
    glTexParameteri,
)
from OpenGL.raw.GL.VERSION.GL_1_2 import GL_CLAMP_TO_EDGE, GL_TEXTURE_WRAP_R
from OpenGL.raw.GL.VERSION.GL_1_3 import (
    GL_TEXTURE0,
    GL_TEXTURE_CUBE_MAP,
    GL_TEXTURE_CUBE_MAP_POSITIVE_X,
    glActiveTexture,
)
from OpenGL.raw.GL.VERSION.GL_2_1 import GL_SRGB8, GL_SRGB8_ALPHA8
from OpenGL.raw.GL.VERSION.GL_3_0 import glGenerateMipmap

from pytest_robustplus.benchmarks.libero_plus.rasters import Pixels, Raster, shapes

_SIDES = 6  # of a cube
# How pixels of so many channels are given, and how OpenGL stores them: linear, or encoded as sRGB.
_FORMATS = {3: (GL_RGB, GL_RGB, GL_SRGB8), 4: (GL_RGBA, GL_RGBA, GL_SRGB8_ALPHA8)}


def upload(raster: Raster) -> int:
    """Make a texture as MuJoCo 3.3's ``mjr_uploadTexture`` does; the driver computes the smaller copies that lack."""
    numbers = (ctypes.c_uint * 1)()
    glGenTextures(1, numbers)
    number = int(numbers[0])
    target = _bind(number, raster)
    wrap = GL_CLAMP_TO_EDGE if raster.cube else GL_REPEAT
    for axis in (GL_TEXTURE_WRAP_S, GL_TEXTURE_WRAP_T, *([GL_TEXTURE_WRAP_R] if raster.cube else [])):
        glTexParameteri(target, axis, wrap)
    glTexParameteri(target, GL_TEXTURE_MAG_FILTER, GL_LINEAR)
    glTexParameteri(target, GL_TEXTURE_MIN_FILTER, GL_LINEAR_MIPMAP_LINEAR)
    glPixelStorei(GL_UNPACK_ALIGNMENT, 1)
    for level, faces in enumerate(raster.levels):
        count, height, width, channels = faces.shape
        given, linear, encoded = _FORMATS[channels]
        stored = encoded if raster.srgb else linear
        for side in range(_SIDES if raster.cube else 1):
            pixels = _pointer(faces[side % count])
            glTexImage2D(_image(target, side), level, stored, width, height, 0, given, GL_UNSIGNED_BYTE, pixels)
    if len(raster.levels) == 1:
        glGenerateMipmap(target)
    return number


def whole(number: int, raster: Raster) -> Raster:
    """A texture that has been uploaded, with the smaller copies that the driver has computed."""
    target = _bind(number, raster)
    glPixelStorei(GL_PACK_ALIGNMENT, 1)
    levels = [np.empty(shape, np.uint8) for shape in shapes(raster.levels[0].shape)]
    for level, faces in enumerate(levels):
        given, *_ = _FORMATS[faces.shape[-1]]
        for side, face in enumerate(faces):
            glGetTexImage(_image(target, side), level, given, GL_UNSIGNED_BYTE, _pointer(face))
    return raster._replace(levels=tuple(levels))


def free(number: int) -> None:
    glDeleteTextures(1, (ctypes.c_uint * 1)(number))


def _bind(number: int, raster: Raster) -> int:
    target = int(GL_TEXTURE_CUBE_MAP if raster.cube else GL_TEXTURE_2D)
    glActiveTexture(GL_TEXTURE0)
    glBindTexture(target, number)
    return target


def _image(target: int, side: int) -> int:
    return int(GL_TEXTURE_CUBE_MAP_POSITIVE_X) + side if target == GL_TEXTURE_CUBE_MAP else target


def _pointer(face: Pixels) -> ctypes.c_void_p:
    """Where a face's pixels are; each is contiguous."""
    return face.ctypes.data_as(ctypes.c_void_p)
