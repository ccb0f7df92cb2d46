"""The five sensor noises of LIBERO-Plus, applied to the raw main-camera frame, before any flip.

Their draws depend on what is shown and when, never on how many frames were drawn before: the packages draw from
numpy's global generator at every control step, which a simulator that renders only some steps could not follow.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.contract import Parameter, Task
from pytest_robustplus.benchmarks.libero_plus import packages
from pytest_robustplus.benchmarks.libero_plus.protocol import Noise as Version
from pytest_robustplus.benchmarks.libero_plus.randomness import lent
from pytest_robustplus.benchmarks.libero_plus.severities import KINDS, SEVERITIES, as_noise, parameters, severity
from pytest_robustplus.errors import BadInputError, unknown
from pytest_robustplus.perturbations import Dimension, Noise, part
from pytest_robustplus.perturbations.noise import NOISES
from pytest_robustplus.policies.contract import Image

PACKAGED_GLASS = 224
PACKAGED_FOG = 256


class SeededNoise(NamedTuple):
    """What an episode's pictures get, and the name that seeds its draws."""

    noise: Noise
    name: str


def noises(task: Task) -> tuple[SeededNoise, ...]:
    """Return what a task's frames get, in order: the noise of the official list, then that of its perturbation.

    A perturbation at an official level of a base task draws as the official task of that noise does, which has its
    number in its name; levels between have a broken number.
    """
    found = []
    if task.dimension is Dimension.NOISE:
        if task.subdimension not in KINDS:
            raise unknown("sensor noise", task.subdimension, KINDS, where=task.name)
        official = as_noise(task.subdimension, int(task.parameters["severity"]))
        found.append(SeededNoise(official, task.name))
    if (noise := part(task.perturbation, Noise)).level:
        number = NOISES.index(noise.kind) * SEVERITIES + severity(noise)
        trial = f"#{task.init_state}" if task.init_state else ""
        name = f"{task.suite}/{task.base}_view_0_0_100_0_0_initstate_0_noise_{number:g}{trial}"
        found.append(SeededNoise(noise, name))
    return tuple(found)


def seed(task: str, env_seed: int, step: int) -> NDArray[np.uint32]:
    """Return the seed of one frame's noise: ``np.random.seed`` with it before a package's step gives the same frame.

    ``task`` is the task's full name, ``step`` counts control steps since the reset, settling included.
    """
    identity = int.from_bytes(hashlib.sha256(task.encode()).digest()[:16], "little")
    return np.random.SeedSequence([identity, env_seed, step]).generate_state(8).astype(np.uint32, copy=False)


def disturb(frame: Image, seeded: SeededNoise, *, env_seed: int, step: int, version: Version) -> Image:
    """Return what the camera shows instead of ``frame`` (height, width, 3).

    At 256 × 256 pixels motion blur takes 20 to 30 ms and the others 3 to 15; by the packages' code motion blur takes up
    to 80, zoom blur 250, glass blur 1,000. Raises ``BadInputError`` for a frame that the chosen version
    cannot treat.
    """
    noise, name = seeded
    kind = KINDS[NOISES.index(noise.kind)]
    height, width = frame.shape[:2]
    if height != width:
        raise BadInputError(f"{name}: sensor noise is defined on square frames, not {width} × {height} pixels.")
    if version == "packaged" and ((kind == "fog" and height != PACKAGED_FOG) or height < PACKAGED_GLASS):
        raise BadInputError(
            f"{name}: the packaged {kind} works on {PACKAGED_FOG} × {PACKAGED_FOG} pixels only, the frame has"
            f" {height}. Set the model's image_size to {PACKAGED_FOG}, or choose noise=upstream."
        )
    with lent(seed(name, env_seed, step)), warnings.catch_warnings():
        return _NOISES[kind](frame, parameters(kind, severity(noise)), version)


def _motion(frame: Image, strength: Mapping[str, Parameter], _version: Version) -> Image:
    from PIL.Image import open as opened

    with packages.wrapper().MotionImage.from_array(frame, "RGB", "char") as moved:
        moved.motion_blur(strength["radius_px"], strength["sigma_px"], np.random.uniform(-45, 45))
        # Its colours have 16 bits. The writer, and it alone, cuts them to 8 as the package does; packing them hardly
        # at all saves more time than the blur takes.
        moved.format, moved.compression_quality = "PNG", 1
        with opened(BytesIO(moved.make_blob())) as blurred:
            return np.asarray(blurred.convert("RGB"))


def _gaussian(frame: Image, strength: Mapping[str, Parameter], _version: Version) -> Image:
    return _truncated(np.clip(_smooth(frame, float(strength["sigma_px"])), 0, 1) * 255)


def _zoom(frame: Image, strength: Mapping[str, Parameter], _version: Version) -> Image:
    from pytest_robustplus.benchmarks.libero_plus.noise_loops import enlarged_sum, readings

    clear = (frame / 255.0).astype(np.float32)
    factors = np.arange(1, float(strength["zoom_limit"]), float(strength["zoom_step"]))
    total = enlarged_sum(clear, *readings(len(frame), tuple(factors)))
    blurred: Any = np.clip((clear + total) / (len(factors) + 1), 0, 1) * 255
    return _truncated(blurred)


def _fog(frame: Image, strength: Mapping[str, Parameter], _version: Version) -> Image:
    size = len(frame)
    thickness, decay = float(strength["thickness"]), float(strength["roughness_decay"])
    clouds = packages.wrapper().plasma_fractal(mapsize=1 << (size - 1).bit_length(), wibbledecay=decay)[
        :size, :size, None
    ]
    clear = frame / 255.0
    brightest = clear.max()
    return _truncated(np.clip((clear + thickness * clouds) * brightest / (brightest + thickness), 0, 1) * 255)


def _glass(frame: Image, strength: Mapping[str, Parameter], version: Version) -> Image:
    sigma, shift = float(strength["sigma_px"]), int(strength["shift_px"])
    extent = PACKAGED_GLASS if version == "packaged" else len(frame)
    pixels = _truncated(_smooth(frame, sigma) * 255)
    for _ in range(int(strength["iterations"]) if shift else 0):
        pixels = shuffle(pixels, shift, extent)
    return _truncated(np.clip(_smooth(pixels, sigma), 0, 1) * 255)


def _smooth(pixels: Image, sigma: float) -> NDArray[np.float64]:
    filters: Any = import_module("skimage.filters")  # its typing is partial
    smoothed: NDArray[np.float64] = filters.gaussian(pixels / 255.0, sigma=sigma, channel_axis=-1)
    return smoothed


def shuffle(pixels: Image, shift: int, extent: int) -> Image:
    """Copy to every pixel a neighbour's colour, drawn from numpy's global generator as glass blur does."""
    from pytest_robustplus.benchmarks.libero_plus.noise_loops import shuffled

    places = max(extent - 2 * shift, 0) ** 2
    found: Image = shuffled(pixels, np.random.randint(-shift, shift, size=(places, 2)), shift, extent)
    return found


def _truncated(values: NDArray[np.floating[Any]]) -> Image:
    frame: Image = values.astype(np.uint8)
    return frame


_NOISES: dict[str, Callable[[Image, Mapping[str, Parameter], Version], Image]] = {
    "motion blur": _motion,
    "gaussian blur": _gaussian,
    "zoom blur": _zoom,
    "fog": _fog,
    "glass blur": _glass,
}
