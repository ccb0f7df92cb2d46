"""Sensor noise equals the package's, draws from its own seed, and leaves numpy's global generator alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL.Image import fromarray

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus import noise, packages
from pytest_robustplus.benchmarks.libero_plus.names import parse
from pytest_robustplus.benchmarks.libero_plus.protocol import Noise
from pytest_robustplus.benchmarks.libero_plus.severities import parameters
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.policies.contract import Image

SUITE, BASE = "libero_object", "pick_up_the_milk_and_place_it_in_the_basket"


def task(identifier: int) -> Task:
    name = f"{BASE}_view_0_0_100_0_0_initstate_0_noise_{identifier}"
    variant = parse(name)
    return Task(f"{SUITE}/{name}", SUITE, variant.base, variant.dimension, variant.subdimension, variant.parameters)


def frame(size: int = 256) -> Image:
    """A picture with edges, gradients and grain, so that every noise changes it."""
    rows, columns = np.mgrid[:size, :size]
    grain = np.random.default_rng(0).integers(0, 40, (size, size, 3))
    checks = (rows // 16 + columns // 16) % 2 * 120
    return (grain + checks[..., None] + (columns * 90 // size)[..., None]).astype(np.uint8)


@pytest.fixture(scope="module")
def package() -> Any:
    packages.import_environment()
    return packages.wrapper()


def disturbed(identifier: int, picture: Image, step: int = 3, version: Noise = "packaged") -> Image:
    (seeded,) = noise.noises(task(identifier))
    return noise.disturb(picture, seeded, env_seed=7, step=step, version=version)


@pytest.mark.parametrize(
    ("identifier", "function"),
    [
        (1, "motion_blur"),
        (10, "motion_blur"),
        (14, "gaussian_blur"),
        (21, "zoom_blur"),
        (29, "zoom_blur"),
        (32, "fog"),
        (40, "fog"),
        (41, "glass_blur"),
        (49, "glass_blur"),
    ],
)
@pytest.mark.filterwarnings("ignore:The binary mode of fromstring:DeprecationWarning")
def test_the_package_seeded_alike_gives_the_same_frame(package: Any, identifier: int, function: str) -> None:
    picture = frame()
    ours = disturbed(identifier, picture)
    before = np.random.get_state()
    np.random.seed(noise.seed(task(identifier).name, 7, 3))
    theirs = getattr(package, function)(fromarray(picture), severity=(identifier - 1) % 10 + 1).astype(np.uint8)
    np.random.set_state(before)
    assert np.array_equal(ours, theirs)
    assert not np.array_equal(ours, picture)


def looped(pixels: Image, shift: int, extent: int) -> Image:
    """The package's loop, as it is written."""
    x = pixels.copy()
    for row, column in product(range(extent - shift, shift, -1), repeat=2):
        dx, dy = np.random.randint(-shift, shift, size=(2,))
        other_row, other_column = row + dy, column + dx
        x[row, column], x[other_row, other_column] = x[other_row, other_column], x[row, column]
    return x


@pytest.mark.parametrize(("shift", "extent"), [(1, 32), (2, 32), (5, 32), (3, 24), (4, 32)])
def test_shuffling_equals_the_loop(shift: int, extent: int) -> None:
    pixels = frame(32)
    before = np.random.get_state()
    for seed in range(5):
        np.random.seed(seed)
        expected = looped(pixels, shift, extent)
        left: NDArray[np.float64] = np.random.random(3)
        np.random.seed(seed)
        assert np.array_equal(noise.shuffle(pixels, shift, extent), expected)
        assert np.array_equal(np.random.random(3), left), "it drew more or less than the loop"
    np.random.set_state(before)


@pytest.mark.parametrize("size", [37, 64])
def test_zoom_blur_equals_the_packages_at_every_severity(package: Any, size: int) -> None:
    picture = frame(size)
    clear = (picture / 255.0).astype(np.float32)
    for severity in range(1, 11):
        strength = parameters("zoom blur", severity)
        factors = np.arange(1, float(strength["zoom_limit"]), float(strength["zoom_step"]))
        total = np.zeros_like(clear)
        for factor in factors:
            total += package.clipped_zoom(clear, factor)
        expected = (np.clip((clear + total) / (len(factors) + 1), 0, 1) * 255).astype(np.uint8)
        assert np.array_equal(disturbed(20 + severity, picture, version="upstream"), expected), severity


def test_upstream_glass_shuffles_the_margin_too() -> None:
    picture = frame()
    packaged, upstream = disturbed(49, picture), disturbed(49, picture, version="upstream")
    margin = np.s_[240:, :]
    alike = np.abs(packaged[margin].astype(int) - upstream[margin])
    assert alike.max() > 0


@pytest.mark.parametrize("identifier", [33, 45])
def test_the_draw_depends_on_the_step_and_the_task_alone(identifier: int) -> None:
    picture = frame(64)
    first = disturbed(identifier, picture, step=5, version="upstream")
    disturbed(identifier, picture, step=6, version="upstream")
    assert np.array_equal(disturbed(identifier, picture, step=5, version="upstream"), first)
    assert not np.array_equal(disturbed(identifier, picture, step=6, version="upstream"), first)
    (official,) = noise.noises(task(identifier))
    other = official._replace(name="libero_object/another")
    assert not np.array_equal(noise.disturb(picture, other, env_seed=7, step=5, version="upstream"), first)
    assert not np.array_equal(noise.disturb(picture, official, env_seed=8, step=5, version="upstream"), first)


def test_numpys_global_generator_is_left_alone() -> None:
    np.random.seed(5)
    expected = np.random.random(4)
    np.random.seed(5)
    disturbed(33, frame(64), version="upstream")
    assert np.array_equal(np.random.random(4), expected)


@pytest.mark.parametrize("identifier", [33, 45])
def test_the_packaged_noise_refuses_frames_it_cannot_treat(identifier: int) -> None:
    with pytest.raises(BadInputError, match=r"256 × 256 pixels only, the frame has 128.*noise=upstream"):
        disturbed(identifier, frame(128))


def test_an_unknown_noise_names_the_nearest() -> None:
    with pytest.raises(BadInputError, match=r"'fogg'.*Did you mean 'fog'"):
        noise.noises(replace(task(31), subdimension="fogg"))
