"""Hold a model's card against its own repository's server: python tests/conformance/upstream/run.py MODEL CHECKOUT.

``--python`` is an interpreter of upstream's environment (here: torch, numpy and what its server imports). A model that
is played by ``python:`` runs in the process, so this goes on in that interpreter, in which this package is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import player

from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import find_task, tasks
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies import places, specs
from pytest_robustplus.policies.cards import card_from_mapping, load_cards

ORIGINAL = "libero_spatial/pick_up_the_black_bowl_on_the_ramekin_and_place_it_on_the_plate#0"
SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10")
DIMENSIONS = (Dimension.CAMERA, Dimension.LANGUAGE, Dimension.NOISE, Dimension.ROBOT)
"""A task of each suite, each of another dimension, for a model whose suites are served one by one."""
BOUND = 1e-4
"""Numbers are of the order of one; what upstream computes in single precision differs in its last digits."""


class Named:
    """As much of a benchmark as a transport looks at."""

    def __init__(self, name: str) -> None:
        self.name = name


class Arms:
    """RoboTwin's observations of two real arms, which move a little at every action, whatever it says.

    The poses that a policy asks for are compared, not executed: the arms at hand are not those of RoboTwin.
    """

    action_width = 16

    def __init__(self) -> None:
        from pytest_robustplus.benchmarks.bimanual.protocol import BimanualProtocol
        from pytest_robustplus.benchmarks.bimanual.simulator import BimanualSimulator

        self._arms = BimanualSimulator(BimanualProtocol())
        self._held: Any = None
        self._count = 0

    def reset(self, task: Any) -> str:
        instruction = self._arms.reset(task)
        self._held, self._count = np.array(self._arms.observe().state["joint_pos"]), 0
        return instruction

    def step(self, action: Any, *, render: bool) -> bool:
        self._count += 1
        sway = 0.15 * np.sin(0.05 * self._count * (1 + np.arange(14) % 7))
        self._arms.step(np.clip(self._held + sway, [0 if at in (6, 13) else -9 for at in range(14)], 9), render=render)
        return False

    def observe(self) -> Any:
        return self._arms.observe()

    def state_hash(self) -> str:
        return self._arms.state_hash()

    def close(self) -> None:
        self._arms.close()


def robotwin(name: str, options: Any, statistics: Path) -> player.Seen:
    """Play RoboTwin's profile of a model on ``Arms``."""
    from pytest_robustplus.benchmarks.bimanual.benchmark import Bimanual

    card = load_cards()[name]
    profile = card.profiles["robotwin_plus"]
    horizons = {"stack_blocks_two": options.horizon or profile.horizons["stack_blocks_two"]}
    profile = replace(profile, horizons=horizons)
    if profile.unnormalise != "server":
        bounds = {"min": [-1.2] * 14, "max": [1.1] * 14, "mask": [True] * 14}
        statistics.write_text(json.dumps({"robotwin": {"action": bounds}}))
        profile = replace(profile, statistics=str(statistics))
    stacking = [task for task in Bimanual({}).tasks() if task.base == "stack_blocks_two"]
    chosen = [next(task for task in stacking if task.dimension.value == wanted) for wanted in ("original", "camera")]
    chosen = chosen[: options.tasks]
    simulator = Arms()
    card = replace(card, profiles={"robotwin_plus": profile})
    driver, spec = DRIVERS[f"{name}/robotwin_plus"]
    try:
        return player.drive(
            name, driver, options.checkout, options.python, card, Named("robotwin_plus"), simulator, chosen, spec=spec
        )
    finally:
        simulator.close()


def module_on_robotwin(name: str, options: Any) -> player.Seen:
    """Play a model's own RoboTwin module on the arms at hand, whose joints take its actions."""
    import robotwin_modules
    import stub

    from pytest_robustplus.benchmarks.bimanual.benchmark import Bimanual
    from pytest_robustplus.benchmarks.bimanual.protocol import BimanualProtocol
    from pytest_robustplus.benchmarks.bimanual.simulator import BimanualSimulator

    card = load_cards()[name].over("python")
    base = card.profiles["robotwin_plus"]
    stacking = [task for task in Bimanual({}).tasks() if task.base == "stack_blocks_two"]
    chosen = [next(task for task in stacking if task.dimension.value == wanted) for wanted in ("original", "noise")]
    chosen = chosen[: options.tasks]
    simulator = BimanualSimulator(BimanualProtocol(), cameras=base.cameras, depth=base.depth)
    with tempfile.TemporaryDirectory() as place:
        network = stub.Network(place)
        deploy = robotwin_modules.module(name, options.checkout, network)
        told = {key: value.format(folder=place) for key, value in robotwin_modules.MODULES[name].told.items()}
        horizons = {"stack_blocks_two": options.horizon or base.horizons["stack_blocks_two"]}
        profile = replace(base, horizons=horizons, request={**base.request, **told})
        card = replace(card, profiles={"robotwin_plus": profile})
        policy = specs.build(DRIVERS[f"{name}/robotwin_plus"][1], specs.FACTORIES, card, Named("robotwin_plus"))
        recording = player.played(policy, profile, simulator, chosen)
        simulator.close()
        calls = network.calls
        theirs = list(robotwin_modules.evaluated(name, options.checkout, deploy, told, recording.looks))
        return player.compared(name, recording, theirs, Path(place), calls)


def libero(name: str, options: Any, statistics: Path) -> player.Seen:
    """Play LIBERO tasks in the real simulator."""
    table: dict[str, Any] = {"like": name}
    bounds = {"min": [-0.9] * 6 + [0.0], "max": [0.8] * 6 + [1.0], "mask": [True] * 6 + [False]}
    statistics.write_text(json.dumps({"franka": {"action": bounds}}))
    cards = load_cards()
    if cards[name].profiles["libero_plus"].unnormalise != "server":
        table["profile"] = {"libero_plus": {"statistics": str(statistics), "statistics_key": "franka"}}
    card = card_from_mapping("conformance", table, cards)
    profile = card.profiles["libero_plus"]
    protocol = LiberoProtocol(env_seed=profile.env_seed, prompt_source=profile.prompt_source)
    simulator = LiberoSimulator(
        protocol, cameras=profile.cameras, image_size=profile.image_size, control=profile.control,
        settle_steps=profile.settle_steps,
    )  # fmt: skip
    try:
        return player.drive(
            name, DRIVERS[name][0], options.checkout, options.python, card, Named("libero_plus"), simulator,
            _tasks(name)[: options.tasks], spec=DRIVERS[name][1], horizon=options.horizon,
        )  # fmt: skip
    finally:
        simulator.close()


def _tasks(name: str) -> list[Any]:
    found = [
        next(task for task in tasks() if task.suite == suite and task.dimension is dimension)
        for suite, dimension in zip(SUITES, DIMENSIONS, strict=True)
    ]
    return found if "suites:" in DRIVERS[name][1] else [find_task(ORIGINAL), found[0]]


def note(name: str, spec: str, options: Any, seen: player.Seen) -> None:
    """Keep what was found for the page of models, which `make docs` writes."""
    file = Path(__file__).with_name("found.json")
    found = json.loads(file.read_text()) if file.exists() else {}
    different = {kind: value for kind, value in seen.network.items() if value}
    found[name] = {
        "reached": places.scheme(spec),
        "upstream": options.revision or player.revision(options.checkout),
        "steps": list(seen.steps),
        "looks": seen.looks,
        "network": ", ".join(f"{kind} {value:.0e}" for kind, value in different.items()) or "nothing",
        "simulator": f"{seen.simulator:.0e}" if seen.simulator else "nothing",
    }
    file.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n")


DRIVERS = {
    "pi0": ("openpi", "openpi:ws://127.0.0.1:{port}"),
    "pi05": ("openpi", "openpi:ws://127.0.0.1:{port}"),
    "pi0_fast": ("openpi", "openpi:ws://127.0.0.1:{port}"),
    "abot_m0": ("abot_m0", "openpi:ws://127.0.0.1:{port}"),
    "abot_m0/robotwin_plus": ("abot_m0", "openpi:ws://127.0.0.1:{port}"),
    "cosmos_policy": ("cosmos", "act:http://127.0.0.1:{port}"),
    "fast_wam": ("fast_wam", "act:http://127.0.0.1:{port}"),
    "fast_wam_joint": ("fast_wam", "act:http://127.0.0.1:{port}"),
    "fast_wam/robotwin_plus": ("robotwin_modules", "python:deploy_policy"),
    "ge_act": ("ge_act", "openpi:ws://127.0.0.1:{port}"),
    "holobrain0_qwen/robotwin_plus": ("robotwin_modules", "python:holobrain"),
    "lingbot_va": ("lingbot_va", "openpi:ws://127.0.0.1:{port}"),
    "lingbot_va/robotwin_plus": ("lingbot_va", "openpi:ws://127.0.0.1:{port}"),
    "motus/robotwin_plus": ("robotwin_modules", "python:deploy_policy"),
    "openvla_oft": (
        "openvla_oft",
        "suites:" + " ".join(f"{suite}=act:http://127.0.0.1:{{port{at}}}" for at, suite in enumerate(SUITES)),
    ),
    "pi05/robotwin_plus": ("robotwin_modules", "python:deploy_policy"),
    "ript_vla": ("ript_vla_libero", "act:http://127.0.0.1:{port}"),
    "starvla": ("starvla", "openpi:ws://127.0.0.1:{port}"),
    "univla": ("univla_libero", "act:http://127.0.0.1:{port}"),
    "vla_jepa": ("vla_jepa", "openpi:ws://127.0.0.1:{port}"),
    "x_vla": ("x_vla", "act:http://127.0.0.1:{port}"),
    "x_vla/robotwin_plus": ("x_vla", "act:http://127.0.0.1:{port}"),
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=sorted(DRIVERS))
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--horizon", type=int, help="shorten episodes, for a quick look")
    parser.add_argument("--tasks", type=int, help="play only the first of the tasks")
    parser.add_argument("--revision", help="where the checkout is no clone")
    parser.add_argument("--random-weights", action="store_true", help="of pi0 and pi05: upstream's network, made small")
    parser.add_argument("--note", action="store_true", help="write what was found to found.json")
    options = parser.parse_args()
    if options.random_weights:
        if options.model not in ("pi0", "pi05"):
            parser.error("--random-weights is for pi0 and pi05")
        os.environ["WEIGHTS"] = "random"
    if options.note and options.horizon:
        parser.error("what is kept is found on whole episodes: no --horizon with --note")
    name, _, benchmark = options.model.partition("/")
    # One driver may be of several models or benchmarks.
    os.environ |= {"MODEL": name, "BENCHMARK": benchmark or "libero_plus"}
    inside = DRIVERS[options.model][0] == "robotwin_modules"
    if inside and Path(options.python).absolute() != Path(sys.executable):
        os.execv(options.python, [options.python, *sys.argv])
    if inside:
        seen = module_on_robotwin(name, options)
    else:
        with tempfile.TemporaryDirectory() as place:
            play = robotwin if benchmark else libero
            seen = play(name, options, Path(place) / "dataset_statistics.json")
    exceeded = max(*seen.network.values(), seen.simulator) > BOUND
    if options.note:
        note(f"{name}/{benchmark or 'libero_plus'}", DRIVERS[options.model][1], options, seen)
    sys.exit(f"{options.model} differs by more than {BOUND}" if exceeded else None)
