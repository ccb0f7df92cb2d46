"""What is done to a camera's frame before a model sees it; images are (height, width, 3) uint8.

Each filter is that of the client it was taken from: Pillow's bilinear as in openpi's, OpenCV's area as in starVLA's,
TensorFlow's lanczos3 and crop as in OpenVLA's. Pillow and OpenCV come with the simulators.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.policies.contract import Depth, Image
from pytest_robustplus.policies.profile import Flip, Profile, Resize

Size = tuple[int, int]
Weights = NDArray[np.float32]
Pixels = TypeVar("Pixels", Image, Depth)


def pipeline(profile: Profile, camera: str) -> Callable[[Image], Image]:
    """Compile what a profile does to one camera's frames; a frame that needs nothing is passed on uncopied."""
    steps: list[Callable[[Image], Image]] = []
    how = profile.flip.get(camera, "none")
    if how != "none":
        steps.append(lambda image: flip(image, how))
    if profile.jpeg_quality:
        steps.append(lambda image: jpeg(image, profile.jpeg_quality))
    if profile.resize != "none":
        height, width = profile.input_size
        steps.append(lambda image: resize(image, profile.resize, (height, width)))
    if profile.crop_area < 1:
        steps.append(lambda image: centre_crop(image, profile.crop_area))

    def run(image: Image) -> Image:
        for step in steps:
            image = step(image)
        return image

    return run


def flip(image: Pixels, how: Flip) -> Pixels:
    """Turn a frame, or its depth, upside down or by 180° as LIBERO's policies were trained on; one copy, contiguous."""
    if how == "vertical":
        return np.ascontiguousarray(image[::-1])
    if how == "none":
        return image
    if image.ndim == 2:
        return np.ascontiguousarray(image[::-1, ::-1])
    turned = np.empty_like(image)
    # Channel by channel: 0.17 ms for 256², where one strided copy of three-byte pixels takes 0.70 ms.
    for channel in range(image.shape[2]):
        turned[..., channel] = image[::-1, ::-1, channel]
    return turned


def jpeg(image: Image, quality: int) -> Image:
    """Encode and decode once, with 4:2:0 chroma, as data sets stored in RLDS have been."""
    pillow = _pillow()
    buffer = io.BytesIO()
    pillow.fromarray(image).save(buffer, format="JPEG", quality=quality)
    return np.asarray(pillow.open(buffer), np.uint8)


def resize(image: Image, how: Resize, size: Size) -> Image:
    """Scale to (height, width) with a filter that widens when shrinking; ``pad`` keeps the aspect ratio, on black."""
    if how == "none" or image.shape[:2] == size:
        return image
    height, width = size
    if how == "area":
        import cv2

        return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    if how == "pad":
        return _pad(image, size)
    if how == "lanczos3":
        return _filtered(image, _lanczos3(image.shape[0], height), _lanczos3(image.shape[1], width))
    pillow = _pillow()
    return np.asarray(pillow.fromarray(image).resize((width, height), pillow.Resampling.BILINEAR), np.uint8)


@lru_cache(maxsize=16)
def _lanczos3(before: int, after: int) -> Weights:
    """Weights of shape (after, before); when shrinking the kernel widens, at the border it is normalised anew."""
    scale = before / after
    distance = (np.arange(before) + 0.5)[None, :] - (np.arange(after) + 0.5)[:, None] * scale
    x = distance / max(scale, 1.0)
    weights = np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)
    normal: Weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normal


def _pad(image: Image, size: Size) -> Image:
    (height, width), (tall, wide) = image.shape[:2], size
    inner = (
        (max(1, height * wide // width), wide)
        if height * wide <= width * tall
        else (tall, max(1, width * tall // height))
    )
    scaled = resize(image, "bilinear", inner)
    if inner == size:
        return scaled
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    padded = np.zeros((*size, 3), np.uint8)
    padded[top : top + inner[0], left : left + inner[1]] = scaled
    return padded


def centre_crop(image: Image, area: float) -> Image:
    """Keep the middle ``area`` of a frame and scale it back, sampled bilinearly with the corners of the box kept.

    The box is not rounded to pixels: that is TensorFlow's crop_and_resize, with which OpenVLA's family was trained.
    """
    return _filtered(image, *(_inner(length, area**0.5) for length in image.shape[:2]))


@lru_cache(maxsize=16)
def _inner(length: int, side: float) -> Weights:
    """Weights of shape (length, length) that sample the middle ``side`` of an axis, corner to corner."""
    margin = (1 - side) / 2
    places = np.linspace(margin * (length - 1), (margin + side) * (length - 1), length)
    near: Weights = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(length)[None, :])).astype(np.float32)
    return near


def _filtered(image: Image, rows: Weights, columns: Weights) -> Image:
    """Weigh the rows, then the columns, in floats: Pillow would cut to 0..255 in between, up to 20 grey levels off."""
    tall = np.tensordot(rows, image.astype(np.float32), 1)
    both = np.tensordot(columns, tall, (1, 1)).swapaxes(0, 1)
    result: Image = np.ascontiguousarray(np.rint(both).clip(0, 255), np.uint8)
    return result


def _pillow() -> Any:
    try:
        from PIL import Image as pillow  # noqa: N813
    except ImportError as error:
        raise BadInputError(
            "The model's profile resizes or JPEG-codes images, which needs Pillow: pip install pillow."
        ) from error
    return pillow
