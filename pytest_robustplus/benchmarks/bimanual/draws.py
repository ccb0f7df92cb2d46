"""What a perturbed episode is perturbed by, drawn from its seed: RoboTwin 2.0-Plus' sub-dimensions and parameters.

Sub-dimensions have its codes: C1–C3 camera, L1–L4 light, B1–B2 background, N1–N5 noise, O1–O2 layout, R1–R3 language,
and S1–S2 for joints and grippers, which it does not number.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.bimanual.goals import GOALS, Body, Part, Triple
from pytest_robustplus.benchmarks.bimanual.protocol import BimanualProtocol
from pytest_robustplus.benchmarks.contract import Parameter
from pytest_robustplus.perturbations import Dimension

FIRST_SEED = 100_000
NOISES = ("motion blur", "gaussian blur", "zoom blur", "fog", "glass blur")
REWRITES = {"R1": 15, "R2": 25, "R3": 10}
WHITE: Triple = (1.0, 1.0, 1.0)
DOWN: Triple = (0.0, 0.5, -1.0)

_JOINT_STD, _JOINT_CLIP = 0.1, 0.225
_GRIPPERS, _GRIPPER_SHARE = (0.05, 0.95), 0.25
_MOST_DISTRACTORS, _TRIES = 15, 50
_CLUTTER_GAP = 0.015
CLUTTER_X, CLUTTER_Y = (-0.52, 0.52), (-0.18, 0.30)


class View(NamedTuple):
    """Where the head camera goes: factor of its distance, degrees about the pivot (C2), on the spot (C3), of view."""

    distance: float = 1.0
    azimuth: float = 0.0
    elevation: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    fov: float = 0.0


class Start(NamedTuple):
    """Offsets of the 6 + 6 joints (radians), and the two grippers' openings."""

    joints: tuple[float, ...] = (0.0,) * 12
    grippers: tuple[float, float] = (1.0, 1.0)


class Lighting(NamedTuple):
    """Colours of the directional light and the two lamps, where the former shines to and whether it casts shadows, what
    every material's highlights gain, and L3's material.
    """

    directional: Triple = (0.5, 0.5, 0.5)
    lamps: tuple[Triple, Triple] = (WHITE, WHITE)
    direction: Triple = DOWN
    shadow: bool = True
    highlights: float = 0.0
    specular: float | None = None
    shininess: float | None = None


class Pattern(NamedTuple):
    """A texture by its seed, and how much of it shows through a plain colour."""

    seed: int
    blend: float = 1.0
    beneath: Triple = WHITE


class Surfaces(NamedTuple):
    """Colours of wall, table and floor, which multiply their textures (None: plain), and the table's material."""

    wall: Triple = (1.0, 0.9, 0.9)
    table: Triple = (0.80, 0.72, 0.60)
    floor: Triple = (0.55, 0.55, 0.55)
    wall_texture: Pattern | None = None
    table_texture: Pattern | None = None
    floor_texture: Pattern | None = None
    metallic: float = 0.0
    roughness: float = 0.6


class SensorNoise(NamedTuple):
    """One of ``NOISES``, its strength, 0 to 1, and how much of it shows through the clear picture."""

    kind: str
    strength: float
    share: float = 1.0


class Rewrite(NamedTuple):
    """A kind of rewording and its number."""

    kind: str
    number: int


_USUAL_VIEW, _USUAL_START, _USUAL_LIGHTING, _USUAL_SURFACES = View(), Start(), Lighting(), Surfaces()


@dataclass(frozen=True, slots=True)
class Setup:
    """What an episode's scene is built from once every perturbation is applied; the defaults are unperturbed.

    No perturbation itself: it also says where the task's own bodies stand, and holds what RoboTwin 2.0-Plus changes and
    a ``Perturbation`` has no parameter for (three lights of a colour each, the table's metal, boxes of any size).
    """

    bodies: tuple[Body, ...]
    view: View = _USUAL_VIEW
    start: Start = _USUAL_START
    lighting: Lighting = _USUAL_LIGHTING
    surfaces: Surfaces = _USUAL_SURFACES
    noises: tuple[SensorNoise, ...] = ()
    rewrite: Rewrite | None = None
    clutter: tuple[Body, ...] = ()


class Summary(NamedTuple):
    """How a task list tells of a draw: which sub-dimensions act, and their parameters."""

    subdimension: str
    parameters: dict[str, Parameter]


def generator(seed: int, stream: str) -> np.random.Generator:
    """Random numbers of one episode for one purpose: a new purpose shifts no other."""
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(stream.encode())]))


def draw(base: str, dimension: Dimension, seed: int, protocol: BimanualProtocol) -> tuple[Setup, Summary]:
    """Draw an episode; the placement is that of the unperturbed episode of the same seed."""
    placed = Setup(GOALS[base].bodies(generator(seed, base)))
    rng = generator(seed, dimension)
    released = protocol.parameters == "released"
    match dimension:
        case Dimension.CAMERA:
            return _camera(placed, rng, spherical=protocol.spherical_camera == "on")
        case Dimension.ROBOT:
            return _robot(placed, rng, released=released)
        case Dimension.LANGUAGE:
            return _language(placed, rng)
        case Dimension.LIGHT:
            return _light(placed, rng, released=released)
        case Dimension.BACKGROUND:
            return _background(placed, rng)
        case Dimension.NOISE:
            return _noise(placed, rng, seed, released=released)
        case Dimension.LAYOUT:
            return _layout(placed, rng, base)
    return placed, Summary("", {})


def _camera(placed: Setup, rng: np.random.Generator, *, spherical: bool) -> tuple[Setup, Summary]:
    distance = float(rng.uniform(0.85, 1.0))
    yaw, pitch, roll = _triple(rng.choice((-1, 1), 3) * rng.uniform(0, 5, 3))
    azimuth, elevation = (float(angle) for angle in rng.uniform(-10, 10, 2))
    farther = float(rng.uniform(0.9, 1.1))
    view = View(distance, 0.0, 0.0, yaw, pitch, roll)
    if spherical:
        view = View(distance * farther, azimuth, elevation, yaw, pitch, roll)
    parameters: dict[str, Parameter] = {"distance_scale": round(view.distance, 4)}
    if spherical:
        parameters |= {"azimuth_deg": round(azimuth, 2), "elevation_deg": round(elevation, 2)}
    parameters |= {"yaw_deg": round(yaw, 2), "pitch_deg": round(pitch, 2), "roll_deg": round(roll, 2)}
    return replace(placed, view=view), Summary("C1 C2 C3" if spherical else "C1 C3", parameters)


def _robot(placed: Setup, rng: np.random.Generator, *, released: bool) -> tuple[Setup, Summary]:
    offsets = np.clip(rng.normal(0, _JOINT_STD, 12), -_JOINT_CLIP, _JOINT_CLIP)
    extreme = rng.random() < _GRIPPER_SHARE
    left, right = (float(opening) for opening in rng.choice(_GRIPPERS, 2))
    grippers = (left, right) if extreme and not released else (1.0, 1.0)
    start = Start(tuple(float(offset) for offset in offsets), grippers)
    parameters: dict[str, Parameter] = {
        "left_offset_rad": round(float(np.linalg.norm(offsets[:6])), 4),
        "right_offset_rad": round(float(np.linalg.norm(offsets[6:])), 4),
        "left_gripper": grippers[0],
        "right_gripper": grippers[1],
    }
    return replace(placed, start=start), Summary("S1 S2" if grippers != (1.0, 1.0) else "S1", parameters)


def _language(placed: Setup, rng: np.random.Generator) -> tuple[Setup, Summary]:
    every = [Rewrite(kind, number) for kind, count in REWRITES.items() for number in range(count)]
    rewrite = every[int(rng.integers(len(every)))]
    return replace(placed, rewrite=rewrite), Summary(rewrite.kind, {"rewrite": rewrite.number})


def _light(placed: Setup, rng: np.random.Generator, *, released: bool) -> tuple[Setup, Summary]:
    colours = [_triple(rng.uniform(0, 3.5, 3)) for _ in range(3)]
    material, shadow = bool(rng.random() < 0.5), bool(rng.random() < 0.5)
    theta = rng.uniform(8, 82)
    if rng.random() < 0.35:
        theta = rng.uniform(68, 82)
    phi = rng.uniform(0, 2 * np.pi)
    sine, cosine = np.sin(np.radians(theta)), np.cos(np.radians(theta))
    turned = shadow or not released
    # The released code means the way to the light where SAPIEN takes the way from it: the table's upper side gets none.
    direction = _triple(np.array([sine * np.cos(phi), sine * np.sin(phi), cosine if released else -cosine]))
    lighting = Lighting(colours[0], (colours[1], colours[2]), direction if turned else DOWN, shadow)
    applied = ["L1", *(["L2"] if turned else [])]
    specular, shininess = float(rng.uniform(0.3, 6.0)), float(rng.uniform(10, 250))
    parameters: dict[str, Parameter] = {
        f"{light}_{channel}": round(value, 2)
        for light, colour in zip(("sun", "lamp1", "lamp2"), colours, strict=True)
        for channel, value in zip("rgb", colour, strict=True)
    }
    if turned:
        parameters |= {"theta_deg": round(float(theta), 1), "phi_deg": round(float(np.degrees(phi)), 1)}
    if material and not released:
        lighting = lighting._replace(specular=specular, shininess=shininess)
        parameters |= {"specular": round(specular, 2), "shininess": round(shininess, 1)}
        applied.append("L3")
    parameters["shadow"] = shadow
    return replace(placed, lighting=lighting), Summary(" ".join([*applied, "L4"]), parameters)


def _background(placed: Setup, rng: np.random.Generator) -> tuple[Setup, Summary]:
    textures = [int(texture) for texture in rng.integers(2**31, size=2)]
    plain = rng.random(2) <= 0.02
    wall, table, floor = _triple(rng.uniform(0.4, 1.8, 3)), _triple(rng.uniform(0.4, 1.8, 3)), rng.uniform(0.3, 1, 3)
    surfaces = Surfaces(
        wall=wall,
        table=table,
        floor=_triple(floor),
        wall_texture=None if plain[0] else Pattern(textures[0]),
        table_texture=None if plain[1] else Pattern(textures[1]),
        metallic=float(rng.uniform(0, 0.8)),
        roughness=float(rng.uniform(0.05, 0.95)),
    )
    parameters: dict[str, Parameter] = {
        f"{surface}_{channel}": round(float(value), 2)
        for surface in ("wall", "table", "floor")
        for channel, value in zip("rgb", getattr(surfaces, surface), strict=True)
    }
    parameters |= {"metallic": round(surfaces.metallic, 2), "roughness": round(surfaces.roughness, 2)}
    return replace(placed, surfaces=surfaces), Summary("B1 B2", parameters)


def _noise(placed: Setup, rng: np.random.Generator, seed: int, *, released: bool) -> tuple[Setup, Summary]:
    number = (seed - FIRST_SEED) % len(NOISES)
    severity = int(rng.integers(1, 6))
    if released:
        severity = 2
    noise = SensorNoise(NOISES[number], (severity - 1) / 4)
    return replace(placed, noises=(noise,)), Summary(f"N{number + 1} {noise.kind}", {"severity": severity})


def _layout(placed: Setup, rng: np.random.Generator, base: str) -> tuple[Setup, Summary]:
    count = int(rng.integers(3, _MOST_DISTRACTORS + 1))
    shifts, turns = rng.normal(0, 0.02, (len(placed.bodies), 2)), rng.uniform(-15, 15, len(placed.bodies))
    bodies = tuple(
        body.moved(float(dx), float(dy), float(np.radians(turn)))
        for body, (dx, dy), turn in zip(placed.bodies, shifts, turns, strict=True)
    )
    clutter = _clutter(bodies, GOALS[base].clear, count, rng)
    parameters: dict[str, Parameter] = {"distractors": len(clutter)}
    for body, (dx, dy), turn in zip(bodies, shifts, turns, strict=True):
        name = body.name.replace(" ", "_")
        parameters |= {f"{name}_dx_m": round(float(dx), 4), f"{name}_dy_m": round(float(dy), 4)}
        parameters[f"{name}_yaw_deg"] = round(float(turn), 1)
    return replace(placed, bodies=bodies, clutter=clutter), Summary("O1 O2", parameters)


def _clutter(
    bodies: tuple[Body, ...], clear: tuple[Triple, ...], count: int, rng: np.random.Generator
) -> tuple[Body, ...]:
    """Boxes of any size, colour and place that touch nothing; as many of ``count`` as 50 tries find room for."""
    taken = [(body.x, body.y, _radius(body)) for body in bodies] + list(clear)
    found: list[Body] = []
    for _ in range(_TRIES):
        if len(found) == count:
            break
        half = rng.uniform((0.012, 0.012, 0.010), (0.030, 0.030, 0.035))
        place = rng.uniform((CLUTTER_X[0], CLUTTER_Y[0]), (CLUTTER_X[1], CLUTTER_Y[1]))
        colour, yaw = _triple(rng.uniform(0, 1, 3)), float(rng.uniform(-np.pi, np.pi))
        radius = float(np.hypot(half[0], half[1]))
        if all(np.hypot(place[0] - x, place[1] - y) > radius + r + _CLUTTER_GAP for x, y, r in taken):
            part = Part((0.0, 0.0, 0.0), _triple(half))
            name = f"distractor {len(found)}"
            found.append(Body(name, colour, (part,), float(place[0]), float(place[1]), float(half[2]), yaw))
            taken.append((float(place[0]), float(place[1]), radius))
    return tuple(found)


def _radius(body: Body) -> float:
    # Room for a gripper's open fingers, too.
    return max(float(np.hypot(*part.half_size[:2])) + float(np.hypot(*part.offset[:2])) for part in body.parts) + 0.03


def _triple(values: NDArray[np.float64]) -> Triple:
    first, second, third = (float(value) for value in values)
    return first, second, third
