"""Episodes per hour against a naive loop over the same environment, side by side in one run.

Bounds: 7 times as many where the processor draws, 6 where a card does, and 5 as the median over tasks without noise.

The naive loop builds a fresh environment for every episode and renders every step, as every harness that we know does.
Both play the same tasks of libero_spatial (camera, robot, language, noise and original, in random order), with two
cameras of 256 × 256 pixels and a policy that answers at once and replans every 8 steps; who goes first alternates. An
episode is 10 settling steps and 90 more, about what a success takes. Compiling and uploading count, and nothing is
kept from earlier runs: the first task pays for both. A noise task takes the naive loop 35 to 47 s where others take 5
to 7, so the ratio of sums says little without the medians.

Usage: python perf/throughput.py [PAIRS]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from pytest_robustplus.benchmarks.cache import CACHE_VARIABLE
from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus import packages
from pytest_robustplus.benchmarks.libero_plus.init_states import init_state
from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.scene import scene_name
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import tasks, variant_name
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.rollout.episode import play

DRAWN_BY_PROCESSOR, DRAWN_BY_CARD, MEDIAN = 7.0, 6.0, 5.0
SUITE = "libero_spatial"
SEED = 7
PROFILE = Profile(replan=8, horizons={SUITE: 90}, env_seed=SEED)
DIMENSIONS = (Dimension.CAMERA, Dimension.ROBOT, Dimension.LANGUAGE, Dimension.NOISE, Dimension.ORIGINAL)


class Wanderer:
    """Moves a little at random, the same for everyone; it takes no time and succeeds by no chance worth naming."""

    def __init__(self) -> None:
        self.chunk = np.random.default_rng(0).uniform(-0.3, 0.3, (PROFILE.replan, 7))

    def reset(self, slot: int, instruction: str) -> None:
        pass

    def act(self, observations: Sequence[Observation]) -> list[Actions]:
        return [self.chunk for _ in observations]


def naive(environments: Any, task: Task) -> None:
    """Play one episode as the package's own evaluation script does."""
    environment = environments.OffScreenRenderEnv(
        bddl_file_name=str(packages.variant_file(task.suite, variant_name(task))),
        camera_heights=PROFILE.image_size,
        camera_widths=PROFILE.image_size,
        camera_names=["agentview", "robot0_eye_in_hand"],
    )
    environment.seed(SEED)
    environment.reset()
    environment.set_init_state(init_state(task.suite, scene_name(task), task.init_state))
    for _ in range(PROFILE.settle_steps):
        environment.step(np.asarray(PROFILE.settle_action))
    chunk = Wanderer().chunk
    for step in range(PROFILE.horizons[SUITE]):
        environment.step(chunk[step % len(chunk)])
    environment.close()


def chosen(count: int) -> list[Task]:
    """Draw tasks, dimension by dimension, in random order."""
    generator = np.random.default_rng(1)
    suite = [task for task in tasks() if task.suite == SUITE and not task.blocked]
    drawn = []
    for index in range(count):
        dimension = DIMENSIONS[index % len(DIMENSIONS)]
        drawn.append(generator.choice([task for task in suite if task.dimension is dimension]))  # type: ignore[arg-type]
    generator.shuffle(drawn)
    return drawn


def main() -> int:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE_VARIABLE] = folder
        return compare(chosen(pairs))


def compare(drawn: Sequence[Task]) -> int:
    """Play the tasks both ways; 0 when the bounds are kept."""
    packages.import_environment()
    environments = packages.wrapper()
    simulator = LiberoSimulator(LiberoProtocol(env_seed=SEED), image_size=PROFILE.image_size)
    policy = Wanderer()
    seconds: dict[str, list[float]] = {"naive": [], "ours": []}
    kinds = []
    for index, task in enumerate(drawn):
        for player in ("naive", "ours") if index % 2 else ("ours", "naive"):
            start = time.perf_counter()
            if player == "naive":
                naive(environments, task)
            else:
                play(simulator, policy, task, PROFILE)
            seconds[player].append(time.perf_counter() - start)
        kinds.append("noise" if task.dimension is Dimension.NOISE else "plain" if index else "compiling")
        naives, ours = seconds["naive"][-1], seconds["ours"][-1]
        print(f"{task.dimension:9} {kinds[-1]:9} naive {naives:6.1f} s  ours {ours:6.1f} s", flush=True)
    renderer = simulator.provenance()["renderer"]
    simulator.close()
    for player, took in seconds.items():
        print(f"{player:5} {3600 * len(drawn) / sum(took):7.0f} episodes per hour")
    each = np.divide(seconds["naive"], seconds["ours"])
    for kind in dict.fromkeys(kinds):
        those = [ratio for ratio, other in zip(each, kinds, strict=True) if other == kind]
        print(f"{kind:9} {np.median(those):5.1f} times, median of {len(those)}")
    middle = float(np.median([ratio for ratio, kind in zip(each, kinds, strict=True) if kind != "noise"]))
    ratio = sum(seconds["naive"]) / sum(seconds["ours"])
    bound = DRAWN_BY_PROCESSOR if "llvmpipe" in renderer else DRAWN_BY_CARD
    print(
        f"throughput, drawn by {renderer}: {ratio:.1f} times a naive loop's episodes per hour (bound {bound:.0f}),"
        f" median without noise {middle:.1f} (bound {MEDIAN:.0f})"
    )
    return int(ratio < bound or middle < MEDIAN)


if __name__ == "__main__":
    sys.exit(main())
