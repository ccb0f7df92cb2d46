"""What drawing and applying a perturbation to a compiled scene costs beyond resetting the scene without one.

Bounds: 20 ms for the median of every dimension but background, 150 ms for background, whose textures are uploaded, on
both benchmarks. LIBERO's distractors need a scene with spare objects, compiled once; that is warmed up first, and no
scene is compiled after. Bimanual scenes are built anew at every reset, with a perturbation and without.

Usage: python perf/perturb.py [DRAWS]
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pytest_robustplus.benchmarks.bimanual.benchmark import Bimanual
from pytest_robustplus.benchmarks.contract import Task
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

BIMANUAL_TASK = "stack_blocks_two/original#100000"
TASK = "libero_spatial/pick_up_the_black_bowl_next_to_the_plate_and_place_it_on_the_plate#0"
BOUND_MS, TEXTURES_MS = 20.0, 150.0


def background(random: np.random.Generator, names: Sequence[str]) -> Background:
    """Draw table, wall or floor anew, by name where there are names, or by procedure."""
    chosen = str(random.choice(names)) if names and random.random() < 0.5 else int(random.integers(1 << 30))
    kept: list[Texture] = [None, None, None]
    kept[random.integers(3)] = chosen
    table, wall, floor = kept
    return Background(table, wall, floor, blend=float(random.choice([0.5, 1.0])))


def layout(random: np.random.Generator) -> Layout:
    wished = tuple(Distractor(int(random.integers(99)), *random.uniform(-1, 1, 2)) for _ in range(5))
    return Layout(dx=random.uniform(-0.1, 0.1), scatter=0.03, seed=int(random.integers(99)), distractors=wished)


Draws = dict[str, Callable[[np.random.Generator], Perturbation]]
DRAWS: Draws = {
    "camera": lambda random: Camera(azimuth=random.uniform(-75, 75), roll=random.uniform(-15, 15)),
    "robot": lambda random: Robot(0.3, tuple(random.normal(size=7))),
    "language": lambda random: Language(REWRITES[random.integers(5)], 3, int(random.integers(999))),
    "light": lambda random: Light(tuple(random.uniform(0, 3.5, 3)), tilt=random.uniform(0, 82), shadow=1),
    "noise": lambda random: Noise(NOISES[random.integers(5)], random.uniform(0, 5)),
    "layout": layout,
}


@dataclass(frozen=True, slots=True)
class Bench:
    """One benchmark's simulator, the task that is reset, the textures that have names, and what comes after a reset."""

    name: str
    simulator: Any
    plain: Task
    textures: Sequence[str] = ()
    ready: Callable[[], object] = lambda: None
    crowded: Perturbation | None = None

    def applied(self, extra: Perturbation | None) -> float:
        """Milliseconds until everything but the picture itself is there."""
        began = time.perf_counter()
        self.simulator.reset(replace(self.plain, perturbation=extra))
        self.ready()
        return 1000 * (time.perf_counter() - began)

    def measure(self, draws: int) -> list[str]:
        """Measure and print each dimension; return those that miss their bounds."""
        late = []
        every: Draws = {**DRAWS, "background": lambda random: background(random, self.textures)}
        for name, draw in every.items():
            random = np.random.default_rng(0)
            costs, without = [], []
            for _ in range(draws):
                without.append(self.applied(self.crowded if name == "layout" else None))
                began = time.perf_counter()
                extra = draw(random)
                drawn = 1000 * (time.perf_counter() - began)
                costs.append(drawn + self.applied(extra))
            usual = np.median(without)
            cost, bound = np.median(costs) - usual, TEXTURES_MS if name == "background" else BOUND_MS
            late += [f"{self.name} {name}"] if cost > bound else []
            print(
                f"{self.name:11} {name:10} {cost:6.1f} ms (bound {bound:.0f}), at most {max(costs) - usual:.0f};"
                f" a reset is {usual:.0f} ms"
            )
        return late


def libero(draws: int) -> list[str]:
    simulator = LiberoSimulator(LiberoProtocol(), cameras=("agentview",))
    plain = find_task(TASK)
    simulator.reset(replace(plain, perturbation=Light(shadow=1)))
    simulator.observe()
    with_spares = Layout(distractors=(Distractor(0, 1.0, 1.0),))
    began = time.perf_counter()
    simulator.reset(replace(plain, perturbation=with_spares))
    simulator.observe()
    print(f"libero_plus the scene with spare objects: {time.perf_counter() - began:.1f} s, once")
    scenes = len(simulator._scenes._scenes)

    def ready() -> object:
        return simulator._scenes.painter(simulator.scene)

    late = Bench("libero_plus", simulator, plain, list(texture_files()), ready, with_spares).measure(draws)
    assert len(simulator._scenes._scenes) == scenes, "a perturbation compiled a scene"
    simulator.close()
    return late


def bimanual(draws: int) -> list[str]:
    benchmark = Bimanual({})
    simulator = benchmark.simulator(benchmark.profile, benchmark.protocol(benchmark.profile))
    plain = benchmark.task(BIMANUAL_TASK)
    simulator.reset(plain)
    simulator.observe()
    late = Bench("bimanual", simulator, plain).measure(draws)
    simulator.close()
    return late


def main() -> int:
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    warnings.simplefilter("ignore")
    late = libero(draws) + bimanual(draws)
    print(f"over their bounds: {', '.join(late) or 'none'}")
    return int(bool(late))


if __name__ == "__main__":
    sys.exit(main())
