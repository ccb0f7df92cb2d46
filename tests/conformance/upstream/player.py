"""Our side: whole episodes against a stubbed server of upstream, then upstream's own client on the same looks.

What reached the network must be the same from both, and so must what each sends to the simulator.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pytest_robustplus.benchmarks.contract import Benchmark, Simulator, Task
from pytest_robustplus.policies import specs
from pytest_robustplus.policies.contract import Actions, Observation, Policy
from pytest_robustplus.policies.profiled import Profiled
from pytest_robustplus.rollout.episode import play

HERE = Path(__file__).parent
STARTS_S = 120


class Seen(NamedTuple):
    """What a driver run found: the steps of each episode, looks compared, and the largest difference of each kind."""

    steps: Sequence[int]
    looks: int
    calls: int
    network: Mapping[str, float]
    simulator: float


class Recording:
    """A policy that keeps the raw looks which it passes on, and the actions that come back."""

    def __init__(self, policy: Profiled, replan: int) -> None:
        self.policy, self.replan = policy, replan
        self.looks: list[dict[str, Any]] = []
        self.actions: list[Actions] = []
        self.steps: list[int] = []
        self.episode = -1
        self.suite = self.task = ""

    def begin(self, slot: int, suite: str, task: str) -> None:
        self.suite, self.task = suite, task
        self.policy.begin(slot, suite, task)

    def reset(self, slot: int, instruction: str) -> None:
        self.episode += 1
        self.policy.reset(slot, instruction)

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        (seen,) = observations
        told = {"instruction": seen.instruction, "step": seen.step, "episode": self.episode}
        told |= {"suite": self.suite, "task": self.task}
        depth = {f"{camera}.depth": metres for camera, metres in seen.depth.items()}
        self.looks.append({**seen.images, **depth, **seen.state, **told})
        chunks = self.policy.act(observations)
        self.actions.append(chunks[0][: self.replan])
        return chunks


@contextlib.contextmanager
def served(python: str, driver: str, checkout: Path, folder: Path) -> Iterator[int]:
    """Start a driver's server in upstream's environment; gives its port once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [python, str(HERE / f"{driver}.py"), "serve", str(checkout), str(port), str(folder)],
            stdout=log, stderr=subprocess.STDOUT, env=_environment(),
        )  # fmt: skip
        try:
            until = time.monotonic() + STARTS_S
            while process.poll() is None and time.monotonic() < until:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.2)
            else:
                sys.exit(f"{driver}: the server did not come up\n{(folder / 'server.log').read_text()[-3000:]}")
            yield port
        finally:
            process.terminate()
            process.wait(10)


def addressed(spec: str, port: int) -> str:
    """A spec with the port of the driver's server; a driver that serves each suite takes the ports that follow it."""
    return spec.format(port=port, **{f"port{at}": port + at for at in range(4)})


def asked(python: str, driver: str, checkout: Path, port: int, looks: Sequence[Mapping[str, Any]], folder: Path) -> Any:
    """What upstream's own client answers to the same looks: one array of actions per look."""
    bank = {f"{number}/{name}": np.asarray(value) for number, look in enumerate(looks) for name, value in look.items()}
    np.savez(folder / "looks.npz", **bank)
    command = [python, str(HERE / f"{driver}.py"), "ask", str(checkout), str(port)]
    files = [str(folder / "looks.npz"), str(folder / "actions.npz")]
    # A model without a client is asked in the process of its evaluation, whose network goes on where the server's was.
    environment = {**_environment(), "RECORD": str(folder), "CALLS": str(len(list(folder.glob("[0-9]*.npz"))))}
    done = subprocess.run([*command, *files], env=environment, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{driver}: upstream's client failed\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}")
    with np.load(folder / "actions.npz") as actions:
        return [actions[name] for name in sorted(actions.files)]


def played(
    policy: Policy, profile: Any, simulator: Simulator, tasks: Sequence[Task], horizon: int | None = None
) -> Recording:
    """Play whole episodes; ``horizon`` shortens them."""
    if horizon is not None:
        profile = replace(profile, horizons=dict.fromkeys(profile.horizons, horizon))
    recording = Recording(Profiled(policy, profile), profile.replan)
    for task in tasks:
        episode = play(simulator, recording, task, profile)
        recording.steps.append(episode.steps)
        print(f"  {task.name[:80]}: {episode.steps} steps, {episode.looks} looks", flush=True)
    return recording


def compared(name: str, recording: Recording, theirs: Sequence[Any], folder: Path, calls: int) -> Seen:
    """Hold what reached the network, and what would reach the simulator, against upstream's own client; print it.

    The first ``calls`` calls are ours, and as many after them upstream's client's.
    """
    network: dict[str, float] = {}
    files = sorted(folder.glob("[0-9]*.npz"))
    assert len(files) == 2 * calls, f"upstream's client asked the network {len(files) - calls} times, ours {calls}"
    for mine, other in zip(files[:calls], files[calls:], strict=True):
        with np.load(mine) as a, np.load(other) as b:
            assert set(a.files) == set(b.files), (sorted(a.files), sorted(b.files))
            for kind in a.files:
                network[kind] = max(network.get(kind, 0.0), _difference(kind, a[kind], b[kind]))
    simulator = 0.0
    assert len(recording.actions) == len(theirs), (len(recording.actions), len(theirs))
    for mine, other in zip(recording.actions, theirs, strict=True):
        simulator = max(simulator, float(np.abs(np.asarray(mine)[: len(other)] - other[: len(mine)]).max(initial=0)))
    seen = Seen(recording.steps, len(recording.looks), calls, network, simulator)
    different = {kind: value for kind, value in network.items() if value}
    print(f"{name}: {json.dumps({**seen._asdict(), 'network': different or 'bit-equal'})}")
    return seen


def _difference(kind: str, one: Any, two: Any) -> float:
    assert one.shape == two.shape, (kind, one.shape, two.shape)
    if one.dtype.kind in "US":
        assert one == two, (kind, str(one), str(two))
        return 0.0
    return float(np.abs(one.astype(np.float64) - two).max(initial=0))


def drive(
    name: str,
    driver: str,
    checkout: Path,
    python: str,
    card: Any,
    benchmark: Benchmark,
    simulator: Simulator,
    tasks: Sequence[Task],
    *,
    spec: str,
    horizon: int | None = None,
) -> Seen:
    """Play ``tasks`` through ``spec`` (its ports are filled in) and hold every look against upstream's client."""
    profile = card.profiles[benchmark.name]
    with tempfile.TemporaryDirectory() as place, served(python, driver, checkout, Path(place)) as port:
        folder = Path(place)
        policy = specs.build(addressed(spec, port), specs.FACTORIES, card, benchmark)
        try:
            recording = played(policy, profile, simulator, tasks, horizon)
        except Exception:
            print((folder / "server.log").read_text()[-1500:])
            raise
        finally:
            close = getattr(policy, "close", None)
            if close:
                close()
        calls = len(list(folder.glob("[0-9]*.npz")))
        theirs = asked(python, driver, checkout, port, recording.looks, folder)
        return compared(name, recording, theirs, folder, calls)


def revision(checkout: Path) -> str:
    """The checkout's commit, or ``unknown`` for a tree without git."""
    done = subprocess.run(
        ["git", "-C", str(checkout), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()[:12] if done.returncode == 0 else os.environ.get("REVISION", "unknown")


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(HERE), "CUDA_VISIBLE_DEVICES": "", "TOKENIZERS_PARALLELISM": "false"}
