"""A control step beside bare physics on the same states, in one run; bound: 1.5 times, over all steps together.

Recorded actions of ``reference`` and of the expert are played through, free motion and contact. Before every step its
state is copied to a second simulation, which takes 25 bare ``mj_step``; then comes our step. The first steps of an
episode are also taken with a look through two cameras of 256 × 256 pixels, and by the package's own environment, which
always looks. All take turns, step by step, in one process, so that whatever else the machine does falls on all of them.
The bound is told by this thread's processor time, of every step the least of several playings, which are the same to
the bit: what else the machine does can only add. Medians with pictures, drawn by others, are by the clock on the wall.

At last every episode is played once more with a clock around each part of a step.

Usage: python perf/step.py [--episodes 6] [--looks 12] [--rounds 4]
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import mujoco
import numpy as np

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus import packages
from pytest_robustplus.benchmarks.libero_plus.benchmark import DEMONSTRATIONS, LiberoPlus
from pytest_robustplus.benchmarks.libero_plus.init_states import init_state
from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.scene import scene_name
from pytest_robustplus.benchmarks.libero_plus.simulator import SUBSTEPS, LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import find_task, variant_name
from pytest_robustplus.policies.cards import default_profile, load_cards
from pytest_robustplus.policies.contract import Actions
from pytest_robustplus.policies.profiled import Profiled
from pytest_robustplus.policies.specs import FACTORIES, build
from pytest_robustplus.rollout.episode import play

BOUND = 1.5
PROFILE = default_profile("libero_plus")
STATE = mujoco.mjtState.mjSTATE_INTEGRATION
# Whose actions, and where: scenes of few and of many contacts, a drawer, a stove.
EPISODES = (
    ("reference", "libero_spatial/pick_up_the_black_bowl_from_table_center_and_place_it_on_the_plate"),
    ("expert", "libero_spatial/pick_up_the_black_bowl_on_the_cookie_box_and_place_it_on_the_plate"),
    ("reference", "libero_object/pick_up_the_bbq_sauce_and_place_it_in_the_basket"),
    ("expert", "libero_object/pick_up_the_milk_and_place_it_in_the_basket"),
    ("expert", "libero_goal/open_the_top_drawer_and_put_the_bowl_inside"),
    ("expert", "libero_10/KITCHEN_SCENE3_turn_on_the_stove_and_put_the_moka_pot_on_it"),
)


class Recorded(NamedTuple):
    """An episode to play through: whose it is, and every action from the first settling one on."""

    whose: str
    task: Task
    actions: list[Actions]


def recorded(whose: str, name: str) -> Recorded:
    """The bank's demonstration of a base task, or what ``reference`` does there, played once for it."""
    task = find_task(f"{name}#0")
    if whose == "expert":
        moves = list(np.load(DEMONSTRATIONS)[name].astype(float))
    else:
        card = load_cards()["reference"]
        profile = card.profiles["libero_plus"]
        policy = Profiled(build(card.policy, FACTORIES, card, LiberoPlus({})), profile)
        simulator = LiberoSimulator(LiberoProtocol(), image_size=profile.image_size)
        moves = list(play(simulator, policy, task, profile).actions)
        simulator.close()
    return Recorded(whose, task, [np.asarray(PROFILE.settle_action)] * PROFILE.settle_steps + moves)


class Clocks:
    """Milliseconds of each way of stepping, by this thread's processor time and by the clock on the wall."""

    def __init__(self) -> None:
        self.computed: dict[str, list[float]] = {}
        self.passed: dict[str, list[float]] = {}

    def time(self, what: str, call: Callable[[], Any]) -> Any:
        """Call and keep how long it took."""
        wall, own = time.perf_counter(), time.thread_time()
        result = call()
        own, wall = time.thread_time() - own, time.perf_counter() - wall
        self.computed.setdefault(what, []).append(1e3 * own)
        self.passed.setdefault(what, []).append(1e3 * wall)
        return result


def package(task: Task) -> Any:
    """The package's own environment in the task's initial state, as its evaluation script makes it."""
    environment = packages.wrapper().OffScreenRenderEnv(
        bddl_file_name=str(packages.variant_file(task.suite, variant_name(task))),
        camera_heights=PROFILE.image_size,
        camera_widths=PROFILE.image_size,
        camera_names=["agentview", "robot0_eye_in_hand"],
    )
    environment.seed(LiberoProtocol().env_seed)
    environment.reset()
    environment.set_init_state(init_state(task.suite, scene_name(task), task.init_state))
    return environment


def side_by_side(
    episode: Recorded, blind: LiberoSimulator, looking: LiberoSimulator, looks: int
) -> tuple[Clocks, tuple[int, int]]:
    """Every way of stepping in turn; also the fewest and most contacts."""
    clocks = Clocks()
    blind.reset(episode.task)
    looking.reset(episode.task)
    theirs = package(episode.task)
    context = theirs.env.sim._render_context_offscreen.gl_ctx

    def step_theirs(action: Actions) -> None:
        context.make_current()  # it relies on there being no other
        theirs.step(action)

    model, data = (getattr(blind.environment.sim, part) for part in ("model", "data"))
    model, data = model._model, data._data
    state, bare = np.empty(mujoco.mj_stateSize(model, STATE)), mujoco.MjData(model)
    contacts = []
    for number, action in enumerate(episode.actions):
        mujoco.mj_getState(model, data, state, STATE)
        mujoco.mj_setState(model, bare, state, STATE)
        ways: list[tuple[str, Callable[[], Any]]] = [
            ("bare", lambda: mujoco.mj_step(model, bare, nstep=SUBSTEPS)),
            ("ours", lambda action=action: blind.step(action, render=False)),  # type: ignore[misc]
        ]
        if number < looks:
            ways.append(("ours, looking", lambda action=action: looking.step(action, render=True)))  # type: ignore[misc]
            ways.append(("package", lambda action=action: step_theirs(action)))  # type: ignore[misc]
        else:
            looking.step(action, render=False)
        for turn in range(len(ways)):
            name, way = ways[(number + turn) % len(ways)]
            clocks.time(name, way)
        contacts.append(int(data.ncon))
    context.make_current()  # what it drew with is freed, by number, in whichever is
    theirs.close()
    if blind.state_hash() != looking.state_hash():
        raise SystemExit(f"{episode.task.name}: looking changed the episode.")
    return clocks, (min(contacts), max(contacts))


def least(episode: Recorded, simulator: LiberoSimulator) -> dict[str, Any]:
    """Milliseconds of every step, bare and ours, by the processor's time of one more playing without any picture."""
    clocks = Clocks()
    simulator.reset(episode.task)
    model, data = simulator.environment.sim.model._model, simulator.environment.sim.data._data
    state, bare = np.empty(mujoco.mj_stateSize(model, STATE)), mujoco.MjData(model)
    for action in episode.actions:
        mujoco.mj_getState(model, data, state, STATE)
        mujoco.mj_setState(model, bare, state, STATE)
        clocks.time("bare", lambda: mujoco.mj_step(model, bare, nstep=SUBSTEPS))
        clocks.time("ours", lambda action=action: simulator.step(action, render=False))  # type: ignore[misc]
    return {name: np.array(values) for name, values in clocks.computed.items()}


def breakdown(episode: Recorded, simulator: LiberoSimulator) -> dict[str, float]:
    """Milliseconds of all steps by part; what no clock runs around is Python between the physics steps."""
    spent: defaultdict[str, float] = defaultdict(float)

    def timed(what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            result = call(*arguments, **named)
            spent[what] += 1e3 * (time.perf_counter() - begun)
            return result

        return wrapped

    simulator.reset(episode.task)
    scene: Any = simulator._scene
    scene.arm.act, scene.arm.begin = timed("controller", scene.arm.act), timed("new goal", scene.arm.begin)
    scene.monitor.met = timed("goal predicates", scene.monitor.met)
    scene.monitor.watch = timed("keeping contacts", scene.monitor.watch)
    environment = simulator.environment
    environment._post_process = timed("stoves and lights", environment._post_process)
    physics = mujoco.mj_step1, mujoco.mj_step2
    look = simulator._observed
    simulator._observed = timed("pictures and readings", look)  # type: ignore[method-assign]
    mujoco.mj_step1, mujoco.mj_step2 = (timed("physics", call) for call in physics)
    try:
        begun = time.perf_counter()
        for number, action in enumerate(episode.actions):
            simulator.step(action, render=number % PROFILE.replan == PROFILE.replan - 1)
        spent["between"] = 1e3 * (time.perf_counter() - begun) - sum(spent.values())
    finally:
        mujoco.mj_step1, mujoco.mj_step2 = physics
        simulator._observed = look  # type: ignore[method-assign]
        del environment._post_process
    return spent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=len(EPISODES))
    parser.add_argument("--looks", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=4)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    episodes = [recorded(*episode) for episode in EPISODES[: given.episodes]]
    blind = LiberoSimulator(LiberoProtocol(), render=False)
    looking = LiberoSimulator(LiberoProtocol(), image_size=PROFILE.image_size)
    sums = dict.fromkeys(("bare", "ours", "steps"), 0.0)
    parts: defaultdict[str, float] = defaultdict(float)
    for episode in episodes:
        clocks, (fewest, most) = side_by_side(episode, blind, looking, given.looks)
        playings = [clocks.computed, *(least(episode, blind) for _ in range(given.rounds - 1))]
        bare, ours = (np.min([playing[name] for playing in playings], axis=0) for name in ("bare", "ours"))
        for name, more in (("bare", bare.sum()), ("ours", ours.sum()), ("steps", len(ours))):
            sums[name] += float(more)
        wall = {name: float(np.median(values)) for name, values in clocks.passed.items()}
        print(
            f"{episode.whose:9} {episode.task.suite:14} {len(ours):3} steps, {fewest}–{most} contacts:"
            f" bare {bare.mean():.2f} ms, ours {ours.mean():.2f} ({ours.sum() / bare.sum():.2f} times);"
            " medians, in bare physics: "
            + ", ".join(f"{name} {wall[name] / wall['bare']:.1f}" for name in wall if name != "bare"),
            flush=True,
        )
        for part, spent in breakdown(episode, looking).items():
            parts[part] += spent
    shares = sorted(((spent / sum(parts.values()), part) for part, spent in parts.items()), reverse=True)
    print("a step that looks every 8: " + ", ".join(f"{part} {share:.1%}" for share, part in shares))
    blind.close()
    looking.close()
    ratio = sums["ours"] / sums["bare"]
    print(f"step: {ratio:.2f} times bare physics over {sums['steps']:.0f} steps (bound {BOUND})")
    return int(ratio > BOUND)


if __name__ == "__main__":
    sys.exit(main())
