"""Demonstrations by the expert, as image and action arrays: ``python -m training.collect OUT --episodes 100``.

Nothing is drawn from the official initial states. In most episodes noise disturbs the expert's execution while the
labels stay what it would have done, so that a learner sees how to recover. With ``--learner FILE`` a trained policy
plays, and the expert labels the states that it visits (DAgger: Ross et al., 2011).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus.expert import Expert
from pytest_robustplus.benchmarks.libero_plus.expert.scene import SceneView
from pytest_robustplus.benchmarks.libero_plus.tasks import instruction, tasks
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.cards import default_profile
from pytest_robustplus.policies.contract import Image, Observation
from pytest_robustplus.policies.profiled import Profiled
from pytest_robustplus.policies.profiles.images import flip, resize
from pytest_robustplus.policies.profiles.state import assembler
from training.checkpoint import Checkpoint, profile
from training.placements import PlacedSimulator
from training.recipe import CAMERAS, CHUNK, HORIZON, RENDER_EVERY, REPLAN, SIZE, STATE
from training.relabel import label
from training.words import SUITES

# A worker keeps to a quarter of the tasks, so that it builds few scenes.
_PARTS = 4
_NOISY, _WIDE, _PUSHED = 0.8, 0.55, 0.35
# How often the expert instead of the learner plays a chunk, so that what follows a place where it is stuck is seen too.
_HELPED = 0.25
# So far below its target an object has left the table, in metres; no label helps there.
_FALLEN = 0.15
# Learners' episodes are numbered from here on; none of them has a seed of the demonstrations'.
FIRST_VISIT = 100_000
# The arm stays where it is and the fingers open: what follows the goal in every label.
_LET_GO = np.array([0, 0, 0, 0, 0, 0, -1], np.float32)


def base_tasks() -> list[Task]:
    """The 20 unperturbed tasks of both suites, numbered as in every file here."""
    return [t for t in tasks() if t.dimension is Dimension.ORIGINAL and t.init_state == 0 and t.suite in SUITES]


def seen(images: Mapping[str, Image]) -> list[Image]:
    """Turn and shrink raw frames as the policies' profile does."""
    return [resize(flip(images[name], "rotate180"), "area", (SIZE, SIZE)) for name in CAMERAS]


class Disturbance:
    """Noise on executed actions: a little always, and now and then a push that lasts up to 13 steps."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random, self._left, self._push = random, 0, np.zeros(7)

    def __call__(self, action: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        random, executed = self._random, action.copy()
        if not self._left and random.random() < 0.05:
            self._left, self._push = int(random.integers(4, 14)), push(random)
        if self._left:
            executed += self._push
            self._left -= 1
        executed[:3] += random.normal(size=3) * 0.08
        executed[3:6] += random.normal(size=3) * 0.02
        return np.clip(executed, -1, 1)


def push(random: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float64]]:
    direction = random.normal(size=3)
    along = direction / np.linalg.norm(direction) * random.uniform(0.3, 1.1)
    return np.concatenate([along, random.normal(size=3) * 0.12, [0.0]])


class Demonstration(NamedTuple):
    """One successful episode: looks (n, …) with the 16 actions from each on, and where the goal's objects were."""

    images: np.ndarray[Any, np.dtype[np.uint8]]
    state: np.ndarray[Any, np.dtype[np.float32]]
    actions: np.ndarray[Any, np.dtype[np.float32]]
    objects: np.ndarray[Any, np.dtype[np.float32]]


class Start(NamedTuple):
    """How an episode begins: with what instruction, whether its execution is noisy and the arm pushed away first."""

    words: str
    noisy: bool
    pushed: bool


def placed(simulator: PlacedSimulator, task: Task, seed: tuple[int, ...], random: np.random.Generator) -> Start:
    """Draw how an episode begins, and put the scene there."""
    noisy, wide, pushed = (random.random() < share for share in (_NOISY, _WIDE, _PUSHED))
    return Start(simulator.place(task, seed, wide=wide), noisy, pushed)


def begin(simulator: PlacedSimulator, task: Task, seed: tuple[int, ...], random: np.random.Generator) -> Start:
    """Draw a state, let it settle and, in a third of the episodes, push the arm away; the simulator has looked."""
    start = placed(simulator, task, seed, random)
    rest = np.asarray(default_profile("libero_plus").settle_action)
    for count in range(10):
        simulator.step(rest, render=count == 9 and not start.pushed)
    if start.pushed:
        away, steps = np.concatenate([push(random)[:6], [-1.0]]), int(random.integers(3, 16))
        for count in range(steps):
            simulator.step(away, render=count == steps - 1)
    return start


def demonstrate(simulator: PlacedSimulator, task: Task, seed: tuple[int, ...]) -> Demonstration | None:
    """Play the expert once; None when it fails."""
    random = np.random.default_rng([*seed, 1])
    start = begin(simulator, task, seed, random)
    expert = Expert()
    expert.reset(0, start.words)
    expert.attach(0, simulator)
    scene = SceneView(simulator.environment)
    _, held, target = scene.goals[0]
    disturb = Disturbance(random)
    looks: list[tuple[int, Observation, list[Image]]] = []
    places, labels = [], []
    done = False
    for step in range(HORIZON):
        if step % RENDER_EVERY == 0:
            looks.append((step, simulator.observe(), seen(simulator.render_randomly(random))))
            places.append(np.concatenate([scene.position(held), scene.position(target)]))
        action = expert.act([looks[-1][1]])[0][0]
        labels.append(action)
        executed = disturb(action) if start.noisy else action
        done = simulator.step(executed, render=(step + 1) % RENDER_EVERY == 0)
        if done:
            break
    if not done:
        return None
    actions = chunks(labels, [step for step, _, _ in looks])
    return demonstration([(look, drawn) for _, look, drawn in looks], actions, places)


def chunks(labels: Sequence[Any], steps: Iterable[int]) -> NDArray[np.float32]:
    """The 16 actions from each of ``steps`` on, (n, 16, 7)."""
    # The goal is met some three steps after the fingers begin to open. Were labels to end there, "open" would nowhere
    # in a chunk be the likelier answer, and a policy trained by L1 loss would carry the object and never let go.
    acted = np.concatenate([np.array(labels, np.float32), np.tile(_LET_GO, (CHUNK, 1))])
    return np.stack([acted[step : step + CHUNK] for step in steps])


def visit(simulator: PlacedSimulator, task: Task, seed: tuple[int, ...], learner: Checkpoint) -> Demonstration | None:
    """Let the learner play, with the expert's label at every look; None when the object lay on the floor at once."""
    random = np.random.default_rng([*seed, 1])
    start = begin(simulator, task, seed, random)
    policy = Profiled(learner, profile())
    policy.reset(0, start.words)
    disturb = Disturbance(random)
    _, held, target = SceneView(simulator.environment).goals[0]
    looks, labels, places = [], [], []
    for _ in range(HORIZON // REPLAN):
        seen_now, scene = simulator.observe(), SceneView(simulator.environment)
        if scene.position(held)[2] < scene.position(target)[2] - _FALLEN:
            break
        looks.append((seen_now, seen(simulator.render_randomly(random))))
        places.append(np.concatenate([scene.position(held), scene.position(target)]))
        labels.append(label(simulator))
        chunk = labels[-1] if random.random() < _HELPED else np.asarray(policy.act([seen_now])[0])
        noisy = random.random() < _NOISY / 4
        for count, action in enumerate(chunk[:REPLAN], 1):
            done = simulator.step(disturb(action) if noisy else action, render=count == REPLAN)
            if done:
                break
        if done:
            break
    return demonstration(looks, np.stack(labels), places) if looks else None


def demonstration(
    looks: Sequence[tuple[Observation, list[Image]]], actions: NDArray[np.float32], places: Sequence[Any]
) -> Demonstration:
    """Put the looks of one episode together: actions (n, 16, 7), places of the object held and of its target (n, 6)."""
    vector = assembler(STATE)
    state, where = np.array([vector(look.state) for look, _ in looks], np.float32), np.array(places, np.float32)
    return Demonstration(
        images=np.array([[*seen(dict(look.images)), *drawn] for look, drawn in looks], np.uint8),
        state=state,
        actions=actions,
        objects=np.concatenate([where[:, :3], where[:, :3] - state[:, :3], where[:, 3:]], 1),
    )


class Share(NamedTuple):
    """What one of ``workers`` processes collects: episodes ``first`` to ``last`` of its tasks, for some seconds."""

    worker: int
    workers: int
    first: int
    last: int
    seconds: float
    out: Path
    learner: Path | None


def work(share: Share) -> dict[str, Any]:
    """Collect some of the tasks, and of each what its other workers leave; saves arrays below ``out``."""
    worker, workers = share.worker, share.workers
    end = time.monotonic() + share.seconds
    simulator = PlacedSimulator()
    learner = Checkpoint(share.learner) if share.learner else None
    parts_of_tasks = min(workers, _PARTS)
    own = list(enumerate(base_tasks()))[worker % parts_of_tasks :: parts_of_tasks]
    lane, lanes = worker // parts_of_tasks, len(range(worker % parts_of_tasks, workers, parts_of_tasks))
    parts: list[Demonstration] = []
    played: list[tuple[int, int, bool]] = []
    for episode in range(share.first + lane, share.last, lanes):
        for number, task in own:
            if time.monotonic() > end:
                break
            seed = number, episode
            made = visit(simulator, task, seed, learner) if learner else demonstrate(simulator, task, seed)
            played.append((number, episode, made is not None))
            if made:
                parts.append(made)
    for name in Demonstration._fields:
        np.save(share.out / f"{name}-{worker:02}.npy", np.concatenate([getattr(part, name) for part in parts]))
    successes = [(number, episode) for number, episode, success in played if success]
    index = np.concatenate([np.full((len(p.state), 2), key) for p, key in zip(parts, successes, strict=True)])
    np.save(share.out / f"index-{worker:02}.npy", index)
    return {"worker": worker, "played": played, "renderer": simulator.provenance()["renderer"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--episodes", type=int, default=120, help="of each task")
    parser.add_argument("--first", type=int, default=0, help="number, and so seed, of the first")
    parser.add_argument("--learner", type=Path, help="a checkpoint that plays; the expert labels what it sees")
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3600)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    first = options.first + FIRST_VISIT * bool(options.learner)
    jobs = [
        Share(n, options.workers, first, first + options.episodes, options.seconds, options.out, options.learner)
        for n in range(options.workers)
    ]
    with get_context("spawn").Pool(options.workers) as pool:
        reports = pool.map(work, jobs, chunksize=1)
    played = [tuple(row) for report in reports for row in report["played"]]
    summary = {
        "seconds": round(time.monotonic() - start, 1),
        "renderer": reports[0]["renderer"],
        "played": len(played),
        "succeeded": sum(success for *_, success in played),
        "sentences": [[instruction(t, "task_language"), instruction(t, "bddl")] for t in base_tasks()],
        "failures": {
            task.base: sum(not ok for number, _, ok in played if number == place)
            for place, task in enumerate(base_tasks())
        },
    }
    (options.out / "collected.json").write_text(json.dumps(summary, indent=1))
    print(json.dumps({key: value for key, value in summary.items() if key != "sentences"}))


if __name__ == "__main__":
    main()
