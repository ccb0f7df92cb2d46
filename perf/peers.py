"""Episodes per hour and overhead per step beside vla-eval 0.8.0 and lerobot, as ratios in one run.

Bounds: five times the episodes per hour beside either, also beside vla-eval's raw frames, as sums and as the median
over episodes; no more overhead. Noise tasks, which hold up everybody's environment, and the episodes in
which a scene is compiled are told apart from plain ones.

All four play the same tasks in one process and take turns: vla-eval's runner and benchmark class with its own model
server, lerobot's ``rollout`` on its LiberoEnv, this package with a policy in the process and behind openpi's protocol.
The environment is the same installation of LIBERO-Plus, MuJoCo and renderer; two cameras of 256 × 256 pixels, a policy
that answers chunks of 8 at once, 10 settling steps and as many more as asked for. Compiling a scene and closing it
count; imports and connecting to a server do not.

vla-eval sends frames as PNG unless told otherwise; without that it is measured as ``raw``.

``plus`` is LIBERO-Plus' own shape, one trial of each task, here one task of each of four dimensions.
``trials`` is LIBERO's, several initial states of one task, for which both peers keep their environment.
Overhead is what passes outside of the environment and of the policy's answer, over all steps.

Usage: python perf/peers.py [--steps 90] [--rounds 1] [--peer 'vla-eval, raw'] [--environment FOLDER]
The environment of its own takes 2 to 5 GB; without a folder it is made anew and removed. On Python 3.11 lerobot is
0.4.4, on 3.12 it is 0.6.1, which knows LIBERO-Plus by itself; half an hour on two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import io
import os
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus import packages
from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import tasks, variant_name
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.cards import Card, default_profile
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.profiled import Profiled
from pytest_robustplus.policies.specs import FACTORIES, build
from pytest_robustplus.rollout.episode import play

SUITE, SEED, CHUNK, PIXELS, SETTLING = "libero_spatial", 7, 8, 256, 10
FASTER = {"lerobot": 5.0, "vla-eval": 5.0, "vla-eval, raw": 5.0}
DIMENSIONS = (Dimension.CAMERA, Dimension.ROBOT, Dimension.LANGUAGE, Dimension.NOISE)
TRIALS = 2
# A peer whose policy is in its process is compared with ours in the process, one behind a socket with ours behind one.
PAIRS = (("lerobot", "ours"), ("vla-eval", "ours over openpi"), ("vla-eval, raw", "ours over openpi"))
ROOT = Path(__file__).parents[1]
ACTIONS = np.random.default_rng(0).uniform(-0.3, 0.3, (CHUNK, 7)).astype(np.float32)


@dataclass
class Clock:
    """Seconds of wall clock inside an environment's calls, the outermost ones."""

    seconds: float = 0.0
    depth: int = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        start, self.depth = time.perf_counter(), self.depth + 1
        try:
            yield
        finally:
            self.depth -= 1
            if not self.depth:
                self.seconds += time.perf_counter() - start


CLOCK = Clock()


@dataclass
class Score:
    """Sums over the episodes of one harness."""

    episodes: int = 0
    steps: int = 0
    seconds: float = 0.0
    outside: float = 0.0
    each: list[float] = field(default_factory=list)

    def add(self, seconds: float, inside: float, steps: int) -> None:
        self.episodes += 1
        self.steps += steps
        self.seconds += seconds
        self.each.append(seconds)
        self.outside += seconds - inside

    @property
    def per_hour(self) -> float:
        return 3600 * self.episodes / self.seconds

    @property
    def overhead_ms(self) -> float:
        return 1e3 * self.outside / self.steps


Harness = Callable[[Task, int], tuple[float, int]]
"""Plays a task's initial state of that number; returns the seconds inside of the environment and the control steps."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=90)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--workload", choices=("plus", "trials"), action="append")
    parser.add_argument("--peer", choices=tuple(FASTER), action="append", help="beside these only")
    parser.add_argument("--environment", default="")
    parser.add_argument("--serve", nargs=2, metavar=("WHAT", "PORT"))
    parser.add_argument("--inside", action="store_true")
    options = parser.parse_args()
    if options.serve:
        return {"openpi": _serve_openpi, "vla-eval": _serve_vla_eval}[options.serve[0]](int(options.serve[1]))
    if options.inside:
        return compare(options.steps, options.rounds, options.workload or ["plus", "trials"], options.peer or [*FASTER])
    with contextlib.ExitStack() as stack:
        folder = options.environment or stack.enter_context(tempfile.TemporaryDirectory())
        subprocess.run(["bash", str(ROOT / "tests/conformance/lerobot_environment.sh"), folder], check=True)
        python = f"{folder}/bin/python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "vla-eval==0.8.0"], check=True)
        paths = [str(ROOT), str(ROOT / "tests" / "conformance"), os.environ.get("PYTHONPATH", "")]
        within = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "HF_HUB_OFFLINE": "1", "SLURM_JOB_ID": "none"}
        inside = [python, __file__, "--inside", f"--steps={options.steps}", f"--rounds={options.rounds}"]
        inside += [f"--workload={workload}" for workload in options.workload or ()]
        inside += [f"--peer={peer}" for peer in options.peer or ()]
        return subprocess.run(inside, env=within, check=False).returncode


def compare(steps: int, rounds: int, workloads: list[str], peers: list[str]) -> int:
    """Play the workloads with every harness; 0 when all bounds are kept."""
    warnings.simplefilter("ignore")
    suite = _peers_environment("lerobot" in peers)
    _warm_up()
    with _served("openpi") as openpi, _served("vla-eval") as vla_eval:
        makers: dict[str, Callable[[], contextlib.AbstractContextManager[Harness]]] = {
            "ours": partial(_ours, "", steps),
            "ours over openpi": partial(_ours, f"openpi:ws://127.0.0.1:{openpi}", steps),
            "lerobot": partial(_lerobot, suite, steps),
            "vla-eval": partial(_vla_eval, vla_eval, "png", steps),
            "vla-eval, raw": partial(_vla_eval, vla_eval, "raw", steps),
        }
        pairs = [pair for pair in PAIRS if pair[0] in peers]
        makers = {name: make for name, make in makers.items() if any(name in pair for pair in pairs)}
        missed = []
        for workload in workloads:
            episodes = (_plus() if workload == "plus" else _trials()) * rounds
            kinds = ["noise" if t.dimension is Dimension.NOISE else "plain" for t, _ in episodes]
            kinds[0] = "compiling"
            scores = _in_turn(makers, episodes)
            for name, score in scores.items():
                print(
                    f"{workload:6} {name:17} {score.per_hour:6.0f} episodes per hour,"
                    f" {score.seconds / score.episodes:5.2f} s each, {score.overhead_ms:6.2f} ms a step outside",
                    flush=True,
                )
            for peer, mine in pairs:
                ratio = scores[mine].per_hour / scores[peer].per_hour
                excess = scores[mine].overhead_ms / scores[peer].overhead_ms
                each = np.divide(scores[peer].each, scores[mine].each)
                middle = float(np.median(each))
                apart = {kind: np.median(each[np.array(kinds) == kind]) for kind in dict.fromkeys(kinds)}
                print(
                    f"{workload:6} {mine} / {peer}: {ratio:.1f} times the episodes, {excess:.2f} times the overhead;"
                    f" medians: all {middle:.1f}, " + ", ".join(f"{kind} {value:.1f}" for kind, value in apart.items())
                )
                slow = min(ratio, middle)
                missed += [f"{workload}, {peer}: {slow:.1f} times of {FASTER[peer]:.0f}"] * (slow < FASTER[peer])
                missed += [f"{workload}, {peer}: {excess:.2f} times the overhead"] * (excess > 1)
    bounds = ", ".join(f"{least:.0f} times {peer}" for peer, least in FASTER.items() if peer in peers)
    print("peers: " + (f"MISSED {'; '.join(missed)}" if missed else f"at least {bounds}; less overhead"))
    return 1 if missed else 0


def _in_turn(
    makers: dict[str, Callable[[], contextlib.AbstractContextManager[Harness]]], episodes: list[tuple[Task, int]]
) -> dict[str, Score]:
    """Each harness plays each episode; who begins changes."""
    scores = {name: Score() for name in makers}
    with contextlib.ExitStack() as stack:
        harnesses: dict[str, Harness] = {}
        for name, make in makers.items():
            harnesses[name] = stack.enter_context(make())
        names = list(harnesses)
        for index, (task, trial) in enumerate(episodes):
            for name in names[index % len(names) :] + names[: index % len(names)]:
                start = time.perf_counter()
                inside, steps = harnesses[name](task, trial)
                took = time.perf_counter() - start
                scores[name].add(took, inside, steps)
                # Now, and not while somebody else plays.
                gc.collect()
                print(f"{task.name[-40:]}, state {trial}: {name} {took:.2f} s, {inside:.2f} s inside", flush=True)
    return scores


def _plus() -> list[tuple[Task, int]]:
    generator = np.random.default_rng(1)
    listed = [task for task in tasks() if task.suite == SUITE and not task.blocked]
    drawn = [[task for task in listed if task.dimension is dimension] for dimension in DIMENSIONS]
    return [(group[int(generator.integers(len(group)))], 0) for group in drawn]


def _trials() -> list[tuple[Task, int]]:
    """Initial states of a task whose variant moves nothing, since LIBERO-Plus lists no unperturbed one."""
    task = next(t for t in tasks() if t.suite == SUITE and t.dimension is Dimension.LANGUAGE and not t.blocked)
    return [(task, trial) for trial in range(TRIALS)]


class Stub:
    """Answers the same chunk at once; it moves a little at random, and succeeds by no chance worth naming."""

    def reset(self, slot: int, instruction: str) -> None:
        """Nothing to forget."""

    def act(self, observations: Sequence[Observation]) -> list[Actions]:
        return [ACTIONS for _ in observations]


class _Named:
    name = "libero_plus"


@contextlib.contextmanager
def _ours(spec: str, steps: int) -> Iterator[Harness]:
    profile = replace(default_profile(_Named.name), replan=CHUNK, horizons={SUITE: steps}, env_seed=SEED)
    card = Card("stub", "Stub", "own", "stub", {_Named.name: profile}, dialect="openpi")
    policy = Profiled(build(spec, FACTORIES, card, _Named()) if spec else Stub(), profile)  # type: ignore[arg-type]
    simulator = LiberoSimulator(LiberoProtocol(env_seed=SEED), image_size=PIXELS)

    def harness(task: Task, trial: int) -> tuple[float, int]:
        episode = play(simulator, policy, replace(task, init_state=trial), profile)
        assert episode.steps == steps, "a stub succeeded"
        simulator.provenance()  # raises where OpenGL has refused to draw
        _let_go()
        return episode.simulator_s, episode.steps + SETTLING

    yield harness
    policy.close()
    simulator.close()


def _let_go() -> None:
    """Leave no GL context current: robosuite frees what it drew with, by number, in whichever is, ours among them."""
    from OpenGL import EGL

    if display := EGL.eglGetCurrentDisplay():
        EGL.eglMakeCurrent(display, EGL.EGL_NO_SURFACE, EGL.EGL_NO_SURFACE, EGL.EGL_NO_CONTEXT)


def _peers_environment(lerobot: bool) -> Any:
    """Import LIBERO-Plus under the name that the peers use, with a clock around its calls; returns its suite."""
    packages.import_environment()
    with contextlib.redirect_stdout(io.StringIO()):
        import liberoplus.liberoplus.benchmark
        import liberoplus.liberoplus.envs as environments
    environments.OffScreenRenderEnv = _timed(environments.OffScreenRenderEnv)
    for name, module in list(sys.modules.items()):
        if name == "liberoplus" or name.startswith("liberoplus."):
            sys.modules[name.replace("liberoplus", "libero")] = module
    if lerobot:
        import torchvision_ops  # noqa: F401  # before lerobot imports torchvision
        from lerobot.envs import configs, libero

        if not hasattr(configs, "LiberoPlusEnv"):
            # lerobot 0.4.4 knows the file names of LIBERO's own tasks; LIBERO-Plus' package those of its variants.
            libero.get_task_init_states = lambda suite, number: suite.get_task_init_states(number)
    with contextlib.redirect_stdout(io.StringIO()):
        return liberoplus.liberoplus.benchmark.get_benchmark_dict()[SUITE]()


def _warm_up() -> None:
    """Build and step the package's environment once: compiled functions and files in memory then serve all alike."""
    task = _plus()[0][0]
    environment = packages.wrapper().OffScreenRenderEnv(
        bddl_file_name=str(packages.variant_file(SUITE, variant_name(task))),
        camera_heights=PIXELS,
        camera_widths=PIXELS,
    )
    environment.reset()
    environment.step([0.0] * 7)
    environment.close()


def _timed(base: Any) -> Any:
    def wrapped(method: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            with CLOCK.running():
                return method(*arguments, **named)

        return call

    names = ("__init__", "seed", "reset", "set_init_state", "step", "check_success", "close")
    return type(base.__name__, (base,), {name: wrapped(getattr(base, name)) for name in names})


def _inside(player: Callable[[], int]) -> tuple[float, int]:
    before = CLOCK.seconds
    with contextlib.redirect_stdout(io.StringIO()):
        steps = player()
    return CLOCK.seconds - before, steps


@contextlib.contextmanager
def _lerobot(suite: Any, steps: int) -> Iterator[Harness]:
    import gymnasium
    import torch
    from lerobot.envs import configs
    from lerobot.envs.factory import make_env_pre_post_processors
    from lerobot.envs.libero import create_libero_envs
    from lerobot.processor import PolicyProcessorPipeline
    from lerobot.scripts.lerobot_eval import rollout

    class Queue(torch.nn.Module):  # type: ignore[misc]  # torch has types only where it is installed
        """The stub as lerobot's policies are built: a queue of a chunk."""

        def reset(self) -> None:
            self.left: list[Any] = []

        def select_action(self, _batch: Any) -> Any:
            self.left = self.left or list(torch.from_numpy(ACTIONS)[:, None])
            return self.left.pop(0)

    numbers = {task.name: number for number, task in enumerate(suite.tasks)}
    plus = getattr(configs, "LiberoPlusEnv", None)  # lerobot 0.4.4 has none
    config = (plus or configs.LiberoEnv)(task=SUITE, observation_height=PIXELS, observation_width=PIXELS)
    around = make_env_pre_post_processors(config, None)
    nothing = PolicyProcessorPipeline(steps=[])
    of_actions = PolicyProcessorPipeline(steps=[], to_transition=lambda action: action, to_output=lambda action: action)
    kept: dict[str, Any] = {}

    def environment(task: Task) -> Any:
        if task.name not in kept:
            while kept:
                kept.popitem()[1].close()
            number = numbers[variant_name(task)]
            sizes = {"observation_height": PIXELS, "observation_width": PIXELS}
            made = create_libero_envs(
                SUITE,
                1,
                {**config.gym_kwargs, **sizes, "task_ids": [number]},
                env_cls=gymnasium.vector.SyncVectorEnv,
                episode_length=steps,
                **({"is_libero_plus": True} if plus else {}),
            )
            kept[task.name] = made[SUITE][number]
        return kept[task.name]

    def harness(task: Task, _trial: int) -> tuple[float, int]:
        def player() -> int:
            done = rollout(environment(task), Queue(), *around, nothing, of_actions, seeds=[SEED])
            return int(done["action"].shape[1]) + SETTLING

        return _inside(player)

    yield harness
    while kept:
        kept.popitem()[1].close()


@contextlib.contextmanager
def _vla_eval(port: int, image_format: str, steps: int) -> Iterator[Harness]:
    from vla_eval.benchmarks.libero_plus.benchmark import LIBEROPlusBenchmark
    from vla_eval.connection import Connection
    from vla_eval.protocol.numpy_codec import set_image_format
    from vla_eval.runners.sync_runner import SyncEpisodeRunner

    benchmark = LIBEROPlusBenchmark(suite=SUITE, seed=SEED, send_wrist_image=True, send_state=True, max_steps=steps)
    with contextlib.redirect_stdout(io.StringIO()):
        listed = {task["task_obj"].name: task for task in benchmark.get_tasks()}
    loop, connection, runner = asyncio.new_event_loop(), Connection(f"ws://127.0.0.1:{port}"), SyncEpisodeRunner()
    loop.run_until_complete(connection.connect(benchmark="libero_plus"))

    def harness(task: Task, trial: int) -> tuple[float, int]:
        set_image_format(image_format)
        chosen = {**listed[variant_name(task)], "episode_idx": trial}

        def player() -> int:
            done = loop.run_until_complete(runner.run_episode(benchmark, chosen, connection, max_steps=steps))
            return int(done["steps"]) + SETTLING

        return _inside(player)

    yield harness
    benchmark.cleanup()
    loop.run_until_complete(connection.close())
    loop.close()


@contextlib.contextmanager
def _served(what: str) -> Iterator[int]:
    """Run a server in a process of its own, and wait until it accepts connections."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    server = subprocess.Popen([sys.executable, __file__, "--serve", what, str(port)], stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if time.monotonic() > end or server.poll() is not None:
                    raise
                time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait()


def _serve_openpi(port: int) -> int:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.server import ServerConnection, serve

    from pytest_robustplus.policies.transports.msgpack_numpy import Codec

    def handler(connection: ServerConnection) -> None:
        codec = Codec("bytes")
        with contextlib.suppress(ConnectionClosed):
            connection.send(codec.encode({}))
            while True:
                codec.decode(connection.recv())  # type: ignore[arg-type]  # our own client sends bytes
                connection.send(codec.encode({"actions": ACTIONS}))

    with serve(handler, "127.0.0.1", port, compression=None, max_size=None) as server:
        server.serve_forever()
    return 0


def _serve_vla_eval(port: int) -> int:
    from vla_eval.model_servers.predict import PredictModelServer
    from vla_eval.model_servers.serve import serve

    class Server(PredictModelServer):  # type: ignore[misc]  # vla-eval is not installed where this is checked
        def predict(self, _obs: Any, _ctx: Any) -> dict[str, Any]:
            return {"actions": ACTIONS}

    serve(Server(chunk_size=CHUNK), host="127.0.0.1", port=port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
