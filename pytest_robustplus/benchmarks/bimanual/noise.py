"""The five sensor noises of RoboTwin 2.0-Plus, on every camera's every frame; their draws depend on the frame alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.bimanual.draws import NOISES, SensorNoise
from pytest_robustplus.benchmarks.bimanual.protocol import Parameters
from pytest_robustplus.perturbations import Noise
from pytest_robustplus.perturbations.noise import NOISES as KINDS
from pytest_robustplus.policies.contract import Image

Kernel = NDArray[np.float32]
_FOG_DEPTH = 3.0
_WHITE = 255.0


def sensor_noise(noise: Noise) -> SensorNoise:
    """RoboTwin's severities are 1 to 5, strengths 0 to 1; what is milder shows through the clear picture."""
    return SensorNoise(NOISES[KINDS.index(noise.kind)], max(noise.level - 1, 0) / 4, min(noise.level, 1.0))


def disturb(frame: Image, noise: SensorNoise, parameters: Parameters, moment: tuple[int, int, int]) -> Image:
    """Return what a camera shows instead of ``frame``; ``moment`` is (seed, camera's number, step). 0.3–4 ms."""
    rng = np.random.default_rng(np.random.SeedSequence(moment))
    disturbed = _NOISES[noise.kind](frame, noise.strength, parameters, rng)
    return disturbed if noise.share == 1 else _image(noise.share * disturbed + (1 - noise.share) * frame)


def _between(low: float, high: float, strength: float) -> float:
    return low + strength * (high - low)


def motion_kernel(radius: int, sigma: float, angle: float, *, isotropic: bool) -> Kernel:
    """Weights along a line, or all around the middle as the released code has them; they add up to 1."""
    size = 2 * radius + 1
    along = cv2.getGaussianKernel(size, sigma, cv2.CV_32F)
    kernel = along @ along.T if isotropic else np.zeros((size, size), np.float32)
    if not isotropic:
        kernel[radius] = along[:, 0]
    turn = cv2.getRotationMatrix2D((radius, radius), angle, 1.0)
    turned: Any = cv2.warpAffine(kernel, turn, (size, size))
    normal: Kernel = turned / turned.sum()
    return normal


def _motion(frame: Image, strength: float, parameters: Parameters, rng: np.random.Generator) -> Image:
    radius, sigma = int(_between(3, 15, strength)), _between(1, 8, strength)
    kernel = motion_kernel(radius, sigma, rng.uniform(-30, 30), isotropic=parameters == "released")
    return _image(cv2.filter2D(frame, -1, kernel))


def _gaussian(frame: Image, strength: float, _parameters: Parameters, _rng: np.random.Generator) -> Image:
    return _image(cv2.GaussianBlur(frame, (0, 0), _between(1, 10, strength)))


def _zoom(frame: Image, strength: float, _parameters: Parameters, _rng: np.random.Generator) -> Image:
    farthest, step = _between(1.11, 1.56, strength), _between(0.01, 0.03, strength)
    height, width = frame.shape[:2]
    scales = np.arange(1.0, farthest + 1e-6, step)
    total = np.zeros(frame.shape, np.float32)
    picture = frame.astype(np.float32)
    for scale in scales:
        larger = cv2.getRotationMatrix2D((width / 2, height / 2), 0, float(scale))
        total += cv2.warpAffine(picture, larger, (width, height), borderMode=cv2.BORDER_REFLECT)
    return _image(total / len(scales))


def _fog(frame: Image, strength: float, _parameters: Parameters, _rng: np.random.Generator) -> Image:
    transmission = np.exp(-_between(0.3, 1.5, strength) * _FOG_DEPTH)
    return _image(frame * transmission + _WHITE * (1 - transmission))


def _glass(frame: Image, strength: float, _parameters: Parameters, rng: np.random.Generator) -> Image:
    sigma, shift = _between(0.5, 2.5, strength), int(_between(1, 5, strength))
    height, width = frame.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    picture: Any = frame
    for _ in range(int(_between(3, 1, strength))):
        dx, dy = rng.uniform(-shift, shift, (2, height, width)).astype(np.float32)
        picture = cv2.remap(picture, columns + dx, rows + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    return _image(picture)


def _image(values: Any) -> Image:
    image: Image = np.asarray(values).clip(0, 255).astype(np.uint8)
    return image


_NOISES: Mapping[str, Callable[[Image, float, Parameters, np.random.Generator], Image]] = {
    "motion blur": _motion,
    "gaussian blur": _gaussian,
    "zoom blur": _zoom,
    "fog": _fog,
    "glass blur": _glass,
}
