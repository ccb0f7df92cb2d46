"""What drawing and applying a perturbation to a compiled scene costs beyond resetting the scene without one.

Bounds: 20 ms for the median of every dimension but background, 150 ms for background, whose textures are uploaded.
Distractors need a scene with spare objects, compiled once; that is warmed up first, and no scene is compiled after.

Usage: python perf/perturb.py [DRAWS]
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.surfaces import texture_files
from pytest_robustplus.benchmarks.libero_plus.tasks import find_task
from pytest_robustplus.perturbations import (
    Background,
    Camera,
    Distractor,
    Language,
    Layout,
    Light,
    Noise,
    Perturbation,
    Robot,
)
from pytest_robustplus.perturbations.background import Texture
from pytest_robustplus.perturbations.language import REWRITES
from pytest_robustplus.perturbations.noise import NOISES

TASK = "libero_spatial/pick_up_the_black_bowl_next_to_the_plate_and_place_it_on_the_plate#0"
BOUND_MS, TEXTURES_MS = 20.0, 150.0


def background(random: np.random.Generator) -> Background:
    """Draw table, wall or floor anew, from the packages or by procedure."""
    names = list(texture_files())
    chosen = str(random.choice(names)) if random.random() < 0.5 else int(random.integers(1 << 30))
    kept: list[Texture] = [None, None, None]
    kept[random.integers(3)] = chosen
    table, wall, floor = kept
    return Background(table, wall, floor, blend=float(random.choice([0.5, 1.0])))


def layout(random: np.random.Generator) -> Layout:
    wished = tuple(Distractor(int(random.integers(99)), *random.uniform(-1, 1, 2)) for _ in range(5))
    return Layout(dx=random.uniform(-0.1, 0.1), scatter=0.03, seed=int(random.integers(99)), distractors=wished)


DRAWS: dict[str, Callable[[np.random.Generator], Perturbation]] = {
    "camera": lambda random: Camera(azimuth=random.uniform(-75, 75), roll=random.uniform(-15, 15)),
    "robot": lambda random: Robot(0.3, tuple(random.normal(size=7))),
    "language": lambda random: Language(REWRITES[random.integers(5)], 3, int(random.integers(999))),
    "light": lambda random: Light(tuple(random.uniform(0, 3.5, 3)), tilt=random.uniform(0, 82), shadow=1),
    "noise": lambda random: Noise(NOISES[random.integers(5)], random.uniform(0, 5)),
    "layout": layout,
    "background": background,
}


def main() -> int:
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    warnings.simplefilter("ignore")
    simulator = LiberoSimulator(LiberoProtocol(), cameras=("agentview",))
    plain = find_task(TASK)
    simulator.reset(replace(plain, extra=Light(shadow=1)))
    simulator.observe()
    with_spares = replace(plain, extra=Layout(distractors=(Distractor(0, 1.0, 1.0),)))
    compiled = 0.0

    def applied(extra: Perturbation | None) -> float:
        """Milliseconds until everything but the picture itself is there."""
        began = time.perf_counter()
        simulator.reset(replace(plain, extra=extra))
        simulator._scenes.painter(simulator._playing()[1])
        return 1000 * (time.perf_counter() - began)

    began = time.perf_counter()
    simulator.reset(with_spares)
    simulator.observe()
    compiled = time.perf_counter() - began
    scenes = len(simulator._scenes._scenes)
    late = []
    for name, draw in DRAWS.items():
        random = np.random.default_rng(0)
        costs, without = [], []
        for _ in range(draws):
            without.append(applied(with_spares.extra if name == "layout" else None))
            began = time.perf_counter()
            extra = draw(random)
            drawn = 1000 * (time.perf_counter() - began)
            costs.append(drawn + applied(extra))
        cost = np.median(costs) - np.median(without)
        worst = max(costs) - np.median(without)
        bound = TEXTURES_MS if name == "background" else BOUND_MS
        late += [name] if cost > bound else []
        print(
            f"{name:10} {cost:6.1f} ms (bound {bound:.0f}), at most {worst:.0f}; a reset is {np.median(without):.0f} ms"
        )
    assert len(simulator._scenes._scenes) == scenes, "a perturbation compiled a scene"
    simulator.close()
    print(f"the scene with spare objects: {compiled:.1f} s, once; over their bounds: {', '.join(late) or 'none'}")
    return int(bool(late))


if __name__ == "__main__":
    sys.exit(main())
