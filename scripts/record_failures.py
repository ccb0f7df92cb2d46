"""Play episodes that fail in many ways, keep their actions, and draw each as a sheet of frames to be labelled by hand.

python scripts/record_failures.py FOLDER [ROUND]   plays the plan of a round (1 to 3), and draws FOLDER/NUMBER.png

Labels then go by hand into FOLDER/failures.csv, before anyone looks at what is computed; it and failures.npz belong to
tests/benchmarks/libero_plus (failures_2.*, failures_3.* for the later rounds), where perf/failures.py compares.
Actions are rounded to 1/127, so that a byte holds each and they replay exactly. Beside each sheet lie all its frames,
FOLDER/NUMBER/STEP_CAMERA.png, for a closer look at a moment.
"""

from __future__ import annotations

import csv
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pytest_robustplus.benchmarks.contract import Task, settle
from pytest_robustplus.benchmarks.libero_plus import cameras
from pytest_robustplus.benchmarks.libero_plus.benchmark import LiberoPlus
from pytest_robustplus.benchmarks.libero_plus.expert import Expert
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import instruction
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies import specs
from pytest_robustplus.policies.cards import load_cards
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.policies.profiled import Profiled
from pytest_robustplus.rollout.episode import play

SCALE = 127
_ACROSS, _DOWN = 4, 4
_PIXELS, _INSET = 384, 150
# Frames kept of an episode; the sheet shows every third.
_LOOKS = 3 * (_ACROSS * _DOWN - 1)
_SEED = 2025
_MOST = 60
_LATE = {"wanders late", "sweeps late"}
_COLUMNS = ("number", "policy", "fault", "task", "label", "sure", "why")


class Planned(NamedTuple):
    """An episode to play: which policy, what is done to it, and on which task."""

    policy: str
    fault: str
    task: Task


class Spoilt:
    """A policy whose actions are spoilt in one of several ways from some step on, and rounded to bytes."""

    def __init__(self, inner: Any, fault: str, seed: int, sentence: str) -> None:
        self._inner, self._fault, self._sentence = inner, fault, sentence
        self._random = np.random.default_rng(seed)
        self._from = int(self._random.integers(*((150, 300) if fault in _LATE else (30, 100))))
        self._offset = self._random.choice([-1, 1], 2) * self._random.uniform(0.3, 0.6, 2)
        self._wander = np.zeros(7)

    def reset(self, slot: int, instruction: str) -> None:
        self._inner.reset(slot, self._sentence or instruction)

    def attach(self, slot: int, simulator: Any) -> None:
        if hasattr(self._inner, "attach"):
            self._inner.attach(slot, simulator)

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        told = [replace(one, instruction=self._sentence or one.instruction) for one in observations]
        return [
            np.clip(np.round(self._spoilt(chunk, one.step) * SCALE), -SCALE, SCALE) / SCALE
            for chunk, one in zip(self._inner.act(told), observations, strict=True)
        ]

    def _spoilt(self, chunk: Actions, step: int) -> Actions:
        chunk = np.array(chunk, np.float64)
        if self._fault == "slow":
            chunk[:, :6] *= 0.22
        elif self._fault == "opens" and step >= self._from:
            chunk[:, 6] = -1
        elif self._fault == "aside" and step >= self._from:
            chunk[:, :2] += self._offset
        elif self._fault == "never closes":
            chunk[:, 6] = -1
        elif self._fault == "halts" and step >= self._from:
            chunk[:, :6] = 0
        elif self._fault.startswith("sweeps") and step >= self._from:
            down = step < self._from + 30
            chunk[:] = (0, 0, -1, 0, 0, 0, 1) if down else (0.1, 1 if self._offset[0] > 0 else -1, 0, 0, 0, 0, 1)
        elif self._fault.startswith("wanders") and step >= self._from:
            for row in chunk:
                self._wander += self._random.normal(0, 0.3, 7) - 0.1 * self._wander
                row[:6] = self._wander[:6] * np.array([1, 1, 1, 0.3, 0.3, 0.3])
        return chunk


def plan(benchmark: LiberoPlus, number: int) -> Iterator[Planned]:
    """What is played in a round, in an order that does not depend on how it ends."""
    random = np.random.default_rng(_SEED + number)
    tasks = [task for task in benchmark.tasks() if not task.blocked]

    def some(count: int, dimensions: Sequence[Dimension], suites: Sequence[str]) -> list[Task]:
        fitting = [task for task in tasks if task.dimension in dimensions and task.suite in suites]
        return [fitting[number] for number in random.choice(len(fitting), count, replace=False)]

    small, large = ("libero_object", "libero_spatial"), ("libero_goal", "libero_10")
    both = (*small, *large)
    camera, robot, layout = (Dimension.CAMERA,), (Dimension.ROBOT,), (Dimension.LAYOUT,)
    if number == 1:
        # Of the reference, few: a policy that looks takes ten times as long.
        yield from (Planned("reference", "", task) for task in some(7, camera, small))
        yield from (Planned("reference", "misled", task) for task in some(9, robot, small))
        yield from (Planned("demo_replay", "", task) for task in some(14, robot, both))
        yield from (Planned("demo_replay", "", task) for task in some(12, layout, both))
        yield from (Planned("zero", "", task) for task in some(2, robot, both))
        for fault, count in (("opens", 8), ("aside", 9), ("slow", 6), ("never closes", 4), ("wanders", 8)):
            yield from (Planned("expert", fault, task) for task in some(count, robot, both))
        yield from (Planned("expert", "wanders late", task) for task in some(8, robot, large[1:]))
        yield from (Planned("expert", "sweeps", task) for task in some(8, robot, both))
        return
    seen = (Dimension.CAMERA, Dimension.NOISE, Dimension.LIGHT, Dimension.BACKGROUND)
    yield from (Planned("reference", "", task) for task in some(12 if number == 2 else 5, seen, small))
    yield from (Planned("reference", "misled", task) for task in some(4 if number == 2 else 3, layout, small))
    yield from (Planned("demo_replay", "", task) for task in some(10, robot, both))
    yield from (Planned("demo_replay", "", task) for task in some(14, layout, both))
    yield from (Planned("zero", fault, task) for fault in ("", "wanders") for task in some(2, layout, both))
    faults = {"opens": 7, "aside": 8, "slow": 5, "never closes": 3, "wanders": 6, "sweeps": 6, "halts": 8}
    for fault, count in faults.items():
        yield from (Planned("expert", fault, task) for task in some(count, (*seen, *layout), both))
    for fault in ("wanders late", "sweeps late"):
        yield from (Planned("expert", fault, task) for task in some(8, (*seen, *layout), large[1:]))


def sentence(benchmark: LiberoPlus, planned: Planned) -> str:
    """What a misled policy is told: another task's words."""
    if planned.fault != "misled":
        return ""
    others = sorted({task.base for task in benchmark.tasks() if task.suite == planned.task.suite} - {planned.task.base})
    base = others[sum(map(ord, planned.task.name)) % len(others)]
    other = next(
        one for one in benchmark.tasks() if one.base == base and one.suite == planned.task.suite and not one.blocked
    )
    return instruction(other, "bddl").split(" view ")[0]


def sheet(simulator: LiberoSimulator, task: Task, profile: Profile, actions: Actions, path: Path) -> None:
    """Play actions again and draw frames from LIBERO's own view, whatever the task's camera, the wrist's beside it."""
    from PIL import Image, ImageDraw

    simulator.reset(task)
    scene = simulator._scene
    assert scene is not None
    cameras.place(scene.environment, scene.compiled.model, cameras.view(replace(task, dimension=Dimension.ORIGINAL)))
    settle(simulator, profile)
    steps = sorted({0, *np.linspace(1, len(actions), _LOOKS).astype(int).tolist()})
    shown = {steps[number] for number in np.linspace(0, len(steps) - 1, _ACROSS * _DOWN).astype(int)}
    folder = path.with_suffix("")
    folder.mkdir(exist_ok=True)
    page = Image.new("RGB", (_ACROSS * _PIXELS, _DOWN * _PIXELS + 24))
    place = 0
    for step in range(len(actions) + 1):
        if step:
            simulator.step(actions[step - 1], render=False)
        if step not in steps:
            continue
        painter = simulator._scenes.painter(scene)
        main, wrist = (
            Image.fromarray(np.ascontiguousarray(painter.draw(cameras.NAMES[name])[::-1]))
            for name in ("agentview", "wrist")
        )
        main.save(folder / f"{step:03}_main.png")
        wrist.save(folder / f"{step:03}_wrist.png")
        if step in shown:
            main.paste(wrist.resize((_INSET, _INSET)), (_PIXELS - _INSET, 0))
            ImageDraw.Draw(main).text((3, 3), f"{step}", fill=(255, 255, 0))
            page.paste(main, (place % _ACROSS * _PIXELS, place // _ACROSS * _PIXELS + 24))
            place += 1
    ImageDraw.Draw(page).text((4, 6), f"{instruction(task, 'bddl')}   ({task.suite})", fill=(255, 255, 255))
    page.save(path)


def main() -> int:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    benchmark = LiberoPlus({})
    cards = load_cards()
    kept: list[tuple[Planned, Actions]] = []
    number_of_round = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    planned = list(plan(benchmark, number_of_round))
    simulators: dict[str, Any] = {}
    for number, one in enumerate(planned):
        profile = cards["reference"].profiles["libero_plus"] if one.policy == "reference" else benchmark.profile
        if one.policy != "reference":
            profile = replace(profile, replan=1)
        render = one.policy == "reference"
        if one.policy not in simulators:
            for simulator in simulators.values():
                simulator.close()
            simulators.clear()
            simulators[one.policy] = LiberoSimulator(
                benchmark_protocol(benchmark, profile), cameras=profile.cameras if render else (), render=render
            )
        inner: Any
        if one.policy == "reference":
            card = cards["reference"]
            inner = Profiled(specs.build(str(card.policy), specs.FACTORIES, card, benchmark), profile, card.title)
        else:
            inner = Expert() if one.policy == "expert" else benchmark.script(one.policy)
        spoilt = Spoilt(inner, one.fault, number, sentence(benchmark, one))
        episode = play(simulators[one.policy], spoilt, one.task, profile)
        print(number, one.policy, one.fault, one.task.name, episode.success, episode.steps, flush=True)
        if not episode.success:
            kept.append((one, episode.actions))
    for simulator in simulators.values():
        simulator.close()
    simulators.clear()
    order = np.random.default_rng(_SEED + number_of_round).permutation(len(kept))[:_MOST]
    drawing = LiberoSimulator(benchmark_protocol(benchmark, benchmark.profile), image_size=_PIXELS)
    arrays, rows = {}, []
    for number, index in enumerate(order):
        one, actions = kept[index]
        arrays[str(number)] = np.round(actions * SCALE).astype(np.int8)
        rows.append((number, one.policy, one.fault, one.task.name, "", "", ""))
        sheet(drawing, one.task, benchmark.profile, arrays[str(number)] / SCALE, folder / f"{number:02}.png")
    np.savez_compressed(folder / "failures.npz", **arrays)
    with (folder / "failures.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([_COLUMNS, *rows])
    drawing.close()
    return 0


def benchmark_protocol(benchmark: LiberoPlus, profile: Profile) -> Any:
    """The published protocol for a profile."""
    from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol

    return LiberoProtocol.parse(benchmark.protocol(profile))


if __name__ == "__main__":
    sys.exit(main())
