"""What would still save processor time of a first run without a graphics card; bound: nothing exact saves over 5 %.

Of ``make evaluate``'s kind of run: two checkpoints on libero_object of the generated edition, eight tasks of each
dimension in pre-registered order, by one worker. The ideas:

- *shared first pictures*: the second checkpoint takes the settled scene and the first observation from the first one;
- *by scene*: a worker's tasks sorted by the scene that they are compiled into, against the order as registered, upon
  whose randomness every answer before the last task rests;
- *room for all*: the order as registered, but no scene has to go for want of memory (a simulator may keep 8 GB);
- *libero_object first*, within a budget over both suites that the checkpoints know: what an episode of it costs beside
  one of libero_spatial, whose scene has a mirror. Rates would then be of one suite, not of the dimension's tasks.

Each way is reset, settled and looked at in a process of its own, with a cache of compiled scenes that is filled before.
A simulator keeps what it may beside a second one on this machine (``machine.keeping``); what it takes where no machine
has room for more than the least is told as well.

Usage: python perf/first_run.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from typing import Any

import numpy as np

from pytest_robustplus.benchmarks.contract import Task, settle
from pytest_robustplus.benchmarks.libero_generated.benchmark import LiberoGenerated
from pytest_robustplus.distributed import machine
from pytest_robustplus.perturbations import PERTURBATIONS
from pytest_robustplus.policies.cards import load_cards
from pytest_robustplus.policies.profiled import Profiled
from pytest_robustplus.policies.specs import FACTORIES, build
from pytest_robustplus.rollout.episode import play
from pytest_robustplus.statistics.order import order

MODELS = ("reference", "reference_robust")
SUITE, OTHER = "libero_object", "libero_spatial"
EACH = 8
WORTH = 0.05
ROOM = 8_000_000_000
LEAST = "with the least room"


def chosen(suite: str, each: int) -> list[Task]:
    """The first tasks of every dimension, dimension by dimension, in a pre-registered order."""
    benchmark = LiberoGenerated({})
    found = []
    for dimension in PERTURBATIONS:
        own = [task for task in benchmark.tasks() if task.suite == suite and task.dimension is dimension]
        names = [task.name for task in own]
        places = order(names, benchmark=benchmark.name, dimension=str(dimension), checkpoint="")
        found += [own[place] for place in places[:each]]
    return found


def main() -> int:
    if sys.argv[1:]:
        return looks(sys.argv[1])
    looked("registered")  # fills the cache of compiled scenes
    seconds = {how: looked(how) for how in ("registered", "by scene", "room for all")}
    least = looked(LEAST)
    first, whole = episodes(SUITE)
    _, other = episodes(OTHER)
    count = len(chosen(SUITE, EACH))
    run = 2 * count * whole + seconds["registered"] - count * first
    saved = {how: (seconds["registered"] - took) / run for how, took in seconds.items() if how != "registered"}
    saved["shared first pictures"] = count * first / run
    print(
        ", ".join(f"{how} {took:.1f} s" for how, took in {**seconds, LEAST: least}.items())
        + f" to look at {count} tasks once; a simulator keeps {machine.told(kept())} GB, which saves"
        f" {(least - seconds['registered']) / (run + least - seconds['registered']):.1%} of a run"
    )
    print(f"an episode of {SUITE} {whole:.2f} s, of {OTHER} {other:.2f} s; of that a first look at hand {first:.2f} s")
    print(
        f"first run, {run:.0f} s of processor, could save at most: "
        + ", ".join(f"{how} {share:.1%}" for how, share in saved.items())
        + f" (bound {WORTH:.0%}); {SUITE} first {1 - whole / other:.0%} an episode"
    )
    return int(max(saved.values()) > WORTH)


def looked(how: str) -> float:
    """Seconds of processor that a fresh process takes to reset, settle and look at every task once."""
    run = subprocess.run([sys.executable, __file__, how], capture_output=True, text=True, check=True)
    return float(json.loads(run.stdout.splitlines()[-1]))


def looks(how: str) -> int:
    warnings.simplefilter("ignore")
    if how != LEAST:
        os.environ[machine.KEPT] = machine.told(ROOM if how == "room for all" else kept())
    simulator, profile = _simulator()
    tasks = chosen(SUITE, EACH)
    if how == "by scene":
        tasks.sort(key=lambda task: (task.base, "distractors" in task.parameters))
    took = sum(_look(simulator, profile, task) for task in tasks)
    simulator.close()
    print(json.dumps(took))
    return 0


def kept() -> int:
    """What a simulator may keep beside a second one."""
    return machine.keeping(2, inside=False)


def episodes(suite: str) -> tuple[float, float]:
    """Seconds of processor that a first look takes with everything at hand, and an episode, each the mean."""
    warnings.simplefilter("ignore")
    os.environ[machine.KEPT] = machine.told(kept())
    simulator, profile = _simulator()
    benchmark, cards = LiberoGenerated({}), load_cards()
    policies = [
        Profiled(build(str(cards[model].policy), FACTORIES, cards[model], benchmark), profile, model)
        for model in MODELS
    ]
    first, whole = [], []
    for task in chosen(suite, 1):
        _look(simulator, profile, task)
        first.append(_look(simulator, profile, task))
        for policy in policies:
            begun = time.process_time()
            play(simulator, policy, task, profile)
            whole.append(time.process_time() - begun)
    simulator.close()
    return float(np.mean(first)), float(np.mean(whole))


def _simulator() -> tuple[Any, Any]:
    benchmark = LiberoGenerated({})
    profile = load_cards()[MODELS[0]].profiles[benchmark.name]
    return benchmark.simulator(profile, benchmark.protocol(profile)), profile


def _look(simulator: Any, profile: Any, task: Task) -> float:
    begun = time.process_time()
    simulator.reset(task)
    settle(simulator, profile)
    simulator.observe()
    return time.process_time() - begun


if __name__ == "__main__":
    sys.exit(main())
