"""Ray as the engine of a fleet: an actor for each simulator, none of which Ray restarts by itself."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import time
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, NamedTuple

from pytest_robustplus.benchmarks.contract import Benchmark, Task
from pytest_robustplus.distributed import devices, machine
from pytest_robustplus.errors import BadInputError, SimulatorError
from pytest_robustplus.policies.transports.address import COUNT_VARIABLE, NODE_VARIABLE, SEAT_VARIABLE
from pytest_robustplus.results.notes import Note
from pytest_robustplus.rollout.cluster import access
from pytest_robustplus.rollout.cluster.fleet import Event, Key, LeftOut, Lost, Ready, Said, Unfit
from pytest_robustplus.rollout.cluster.nodes import Facts, facts, misfits, refuse_unfit
from pytest_robustplus.rollout.process import SimulatorProcess  # noqa: F401 - registers how mappings are pickled
from pytest_robustplus.rollout.simulating import Report, Setup

# Without it Ray ends the driver, pytest itself, without a word once its head is gone for a minute.
RECONNECT = "RAY_gcs_rpc_server_reconnect_timeout_s"
RECONNECT_S = 3600
# Under "ray job submit --working-dir" the job has a folder already, and Ray refuses another one unless told.
OVERRIDE = "RAY_OVERRIDE_JOB_RUNTIME_ENV"
# How long a head may be gone; ours ends the run with a sentence before Ray would.
HEAD_GONE_S = 600.0
HEAD_CHECK_S = 5.0
# Actions and pictures of a policy that is elsewhere on the machine are all that passes through it.
STORE_BYTES = 200_000_000
INSPECT_S = 300.0
# Of a project's folder what no simulator needs.
EXCLUDES = (".git/", ".venv/", ".robustplus/", "**/*.sqlite*", "**/__pycache__/", "**/*.mp4", ".pytest_cache/")


class Wanted(NamedTuple):
    """How simulators are to be had: where pytest's own project lies, and what each takes of a machine."""

    address: str
    root: Path
    gpus: float = 0.0
    served: bool = False
    open: bool = False
    limit: float | None = None
    one_renderer: bool = False


class Arrival(NamedTuple):
    """What a simulator says first: its machine's address, Ray's name for that, its renderer, versions or their want."""

    machine: str
    node: str
    renderer: str
    facts: Facts | None
    why: str


class RayEngine:
    """Actors of a cluster that runs, or of one of this machine alone that ends with the run."""

    def __init__(self, wanted: Wanted) -> None:
        access.refuse_open(wanted.address, told=wanted.open)
        os.environ.setdefault(RECONNECT, str(RECONNECT_S))
        os.environ.setdefault(OVERRIDE, "1")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            with quietly():
                import ray
        except ImportError as error:
            raise BadInputError(
                f"--robust-cluster needs Ray, which cannot be imported ({error}). Install it here and on every machine:"
                " pip install 'pytest-robustplus[ray]'."
            ) from error
        self._ray: Any = ray
        self._wanted = wanted
        self._attach()
        self._version = str(ray.__version__)
        self._gcs = str(ray.get_runtime_context().gcs_address)
        if wanted.address == "auto":
            access.refuse_open(self._gcs, told=wanted.open)
        self._cluster = _cluster_at(self._gcs)
        self._setups: dict[Key, Any] = {}
        self._actors: dict[int, Any] = {}
        self._coming: dict[Any, int] = {}
        self._playing: dict[Any, int] = {}
        self._refs: dict[int, Any] = {}
        self._policies: dict[tuple[str, Key], Any] = {}
        self._node_of: dict[int, str] = {}
        self._gone_since: float | None = None
        self._head_checked = time.monotonic()
        self._benchmarks: dict[str, Benchmark] = {}
        self._inspecting: dict[Any, Arrival] = {}
        self._fit: set[str] = set()
        self._unfit: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._renderer = ""
        self.notes: list[Note] = []
        self._actor = ray.remote(_actor())

    def _attach(self) -> None:
        ray, address = self._ray, self._wanted.address
        local = address == access.LOCAL
        own: dict[str, Any] = {"include_dashboard": False, "object_store_memory": STORE_BYTES} if local else {}
        folders = _folders(self._wanted.root, shipped=not local)
        variables = {"RAY_DISABLE_IMPORT_WARNING": "1", "PYTHONPATH": os.pathsep.join([*folders, "${PYTHONPATH}"])}
        environment: dict[str, Any] = {"env_vars": variables}
        if not local:
            environment |= {"working_dir": str(self._wanted.root), "excludes": list(EXCLUDES)}
        try:
            with quietly():
                ray.init(
                    address=address,
                    runtime_env=environment,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    configure_logging=False,
                    **own,
                )
        except Exception as error:
            raise BadInputError(_refusal(address, error)) from error

    def dress(self, key: Key, setup: Setup) -> None:
        """Make known what belongs to a key; raises ``BadInputError`` for what cannot be sent."""
        if key in self._setups:
            return
        try:
            packed = bytes(ForkingPickler.dumps(setup))
        except Exception as error:
            raise BadInputError(
                f"{type(setup.benchmark).__name__} cannot be sent to another machine: {error}. Define it in a module"
                " that can be imported."
            ) from error
        self._setups[key] = self._ray.put(packed)

    def processors(self) -> int:
        """How many simulators find a place on the machines that there are."""
        total = self._ray.cluster_resources()
        places = int(total.get("CPU", 0))
        if self._wanted.gpus:
            places = min(places, int(total.get("GPU", 0) / self._wanted.gpus + 1e-9))
        return places

    def ask(self, benchmark: Benchmark) -> dict[Any, tuple[str, str]]:
        """Begin to look at every machine with a processor to play on; of those that join, it is asked when they do."""
        ray = self._ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        alive = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        self._benchmarks[benchmark.name] = benchmark
        packed = bytes(ForkingPickler.dumps([benchmark]))
        inspecting = ray.remote(inspect_machine)
        asked = {}
        for node in sorted(alive, key=lambda node: str(node["NodeManagerAddress"])):
            there = NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
            ref = inspecting.options(num_cpus=0, max_retries=0, scheduling_strategy=there).remote(packed)
            asked[ref] = node["NodeID"], f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
            self._numbers.setdefault(node["NodeID"], len(self._numbers))
        return asked

    def refuse_unfit(self, benchmark: Benchmark, asked: Mapping[Any, tuple[str, str]]) -> int:
        """Raise ``BadInputError`` unless every machine that was ``asked`` can play it; returns how many there are."""
        try:
            there = self._answers(asked)
            refuse_unfit(facts([benchmark]), there)
        except BaseException:
            # Whoever wants it played later is refused, too.
            del self._benchmarks[benchmark.name]
            raise
        return len(there)

    def inspect(self, benchmark: Benchmark) -> None:
        """Look at every machine for another benchmark than those that were played so far."""
        if benchmark.name not in self._benchmarks:
            self.refuse_unfit(benchmark, self.ask(benchmark))

    def _answers(self, asked: Mapping[Any, tuple[str, str]]) -> dict[str, Facts]:
        """What each machine has; raises ``BadInputError`` for one that cannot say."""
        ray, found = self._ray, {}
        for ref, (node, name) in asked.items():
            if node in self._unfit:
                continue
            try:
                found[name] = ray.get(ref, timeout=INSPECT_S)
            except (
                ray.exceptions.TaskUnschedulableError,
                ray.exceptions.NodeDiedError,
                ray.exceptions.OutOfMemoryError,
            ):
                # It is gone, and the cluster has only just noticed; or it is short of memory and will be asked again.
                continue
            except Exception as error:
                raise BadInputError(f"{name}, a machine of the cluster, {_speechless(_said(error))}") from error
            self._fit.add(node)
        return found

    def hire(self, hand: int, seat: int, seats: int) -> None:
        wanted = self._wanted
        options = {"max_restarts": 0, "max_task_retries": 0, "num_cpus": 1, "num_gpus": wanted.gpus}
        actor = self._actor.options(**options).remote(hand, self._version, seat, seats)
        self._actors[hand] = actor
        # The setup that was made known first is most likely the first to be played.
        key, setup = next(iter(self._setups.items()), (None, None))
        self._coming[actor.ready.remote(key, setup)] = hand

    def play(self, hand: int, key: Key, task: Task) -> None:
        actor, policy = self._actors[hand], None
        if self._wanted.served:
            policy = self._policy(self._node_of[hand], key)
        ref = actor.play.remote(key, self._setups[key], task, self._wanted.limit, policy)
        self._playing[ref], self._refs[hand] = hand, ref

    def cancel(self, hand: int) -> None:
        if hand in self._refs:
            with contextlib.suppress(Exception):
                self._ray.cancel(self._refs[hand])

    def dismiss(self, hand: int) -> None:
        for refs in (self._coming, self._playing):
            for ref in [ref for ref, number in refs.items() if number == hand]:
                del refs[ref]
                self._inspecting.pop(ref, None)
        self._refs.pop(hand, None)
        if (actor := self._actors.pop(hand, None)) is not None:
            with contextlib.suppress(Exception):
                self._ray.kill(actor)

    def wait(self, timeout: float) -> Sequence[Event]:
        refs = [*self._coming, *self._playing]
        if not refs:
            time.sleep(min(timeout, 0.2))
            return []
        ready, _ = self._ray.wait(refs, num_returns=1, timeout=timeout, fetch_local=False)
        if ready:
            ready, _ = self._ray.wait(refs, num_returns=len(refs), timeout=0, fetch_local=False)
        elif time.monotonic() > self._head_checked + HEAD_CHECK_S:
            self._check_head()
        return [event for ref in ready if (event := self._hear(ref)) is not None]

    def _hear(self, ref: Any) -> Event | None:
        coming, arrival = ref in self._coming, self._inspecting.pop(ref, None)
        hand = self._coming.pop(ref) if coming else self._playing.pop(ref)
        self._refs.pop(hand, None)
        try:
            answer = self._ray.get(ref)
        except self._ray.exceptions.TaskCancelledError:
            return Said(hand, Report())
        except self._ray.exceptions.RayTaskError as error:
            fault = SimulatorError(f"Playing on the cluster failed: {_said(error)}")
            if arrival is not None:
                return self._leave_out(hand, arrival, _speechless(_said(error)))
            return Unfit(hand, BadInputError(_said(error))) if coming else Said(hand, Report(error=fault))
        except self._ray.exceptions.RayError as error:
            return Lost(hand, _said(error), _of_machine(self._ray, error))
        if not coming:
            return Said(hand, answer)
        if isinstance(answer, tuple) and not isinstance(answer, Arrival | Facts):
            # From where this package is missing, and its classes with it.
            answer = Arrival(*answer)
        if isinstance(answer, Arrival):
            return self._receive(hand, answer)
        assert arrival is not None
        if why := next(misfits(facts(self._benchmarks.values()), answer), None):
            return self._leave_out(hand, arrival, why)
        self._fit.add(arrival.node)
        return self._admit(hand, arrival)

    def _receive(self, hand: int, arrival: Arrival) -> Event | None:
        """Admit a simulator on a machine that is known to be fit; one that joined is looked at first."""
        if arrival.node in self._unfit:
            return LeftOut(hand)
        if arrival.facts is None:
            return self._leave_out(hand, arrival, _speechless(arrival.why))
        if arrival.node in self._fit:
            return self._admit(hand, arrival)
        ref = self._actors[hand].inspect_machine.remote(bytes(ForkingPickler.dumps(list(self._benchmarks.values()))))
        self._coming[ref], self._inspecting[ref] = hand, arrival
        return None

    def _admit(self, hand: int, arrival: Arrival) -> Event:
        self._renderer = self._renderer or arrival.renderer
        if self._wanted.one_renderer and arrival.renderer and arrival.renderer != self._renderer:
            return self._leave_out(
                hand,
                arrival,
                f"it draws with {arrival.renderer}, others with {self._renderer}; give it the same driver and the same"
                " MUJOCO_GL, or leave out --robust-one-renderer",
            )
        self._node_of[hand] = arrival.node
        self._numbers.setdefault(arrival.node, len(self._numbers))
        return Ready(hand, arrival.machine)

    def _leave_out(self, hand: int, arrival: Arrival, why: str) -> LeftOut:
        """Use nothing of a machine, and say so once: its simulators stay, so that no others are placed there."""
        if arrival.node not in self._unfit:
            self._unfit[arrival.node] = why
            self.notes.append(Note.of("machine_unfit", machine=arrival.machine, why=why))
        return LeftOut(hand)

    def _policy(self, node: str, key: Key) -> Any:
        """The policy of a machine, made when the first of its simulators asks for it."""
        if (node, key) not in self._policies:
            from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

            where = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
            # It takes nothing that Ray counts: what simulators or other policies have booked never becomes free.
            options = {"max_restarts": 0, "num_cpus": 0, "num_gpus": 0}
            actor = self._ray.remote(_PolicyActor).options(max_concurrency=1000, scheduling_strategy=where, **options)
            before = sum(place == node for place, _ in self._policies)
            seat = self._numbers[node], len(self._numbers)
            self._policies[node, key] = actor.remote(self._setups[key], before, *seat)
        return self._policies[node, key]

    def free_policies(self, keys: Collection[Key]) -> None:
        """End the policies of machines that answer for these; whoever asks again gets new ones."""
        for place in [place for place in self._policies if place[1] in keys]:
            with contextlib.suppress(Exception):
                self._ray.kill(self._policies.pop(place))

    def _check_head(self) -> None:
        """End the run with a sentence once the head is gone for good; simulators play on while it is away."""
        self._head_checked = time.monotonic()
        if access.reachable(self._gcs):
            if self._gone_since is not None and self._cluster not in ("", known := _cluster_at(self._gcs)) and known:
                raise BadInputError(
                    f"Ray's head at {self._gcs} was started anew and knows nothing of this run; its machines leave it."
                    " Everything recorded is kept: start Ray again on the machines, then the same command."
                )
            self._gone_since = None
            return
        if self._gone_since is None:
            self._gone_since = time.monotonic()
            warnings.warn(
                f"Ray's head at {self._gcs} does not answer; simulators play on, and nothing recorded is lost. Start it"
                f" again within {HEAD_GONE_S / 60:.0f} minutes.",
                stacklevel=2,
            )
        elif time.monotonic() > self._gone_since + HEAD_GONE_S:
            raise BadInputError(
                f"Ray's head at {self._gcs} is gone for {HEAD_GONE_S / 60:.0f} minutes. Everything recorded is kept:"
                " start the cluster again, then the same command."
            )

    def close(self) -> None:
        """End all actors, and the cluster if it is this run's own."""
        for hand in list(self._actors):
            self.dismiss(hand)
        for actor in self._policies.values():
            with contextlib.suppress(Exception):
                self._ray.kill(actor)
        with contextlib.suppress(Exception), quietly():
            self._ray.shutdown()


def _speechless(why: str) -> str:
    return (
        f"cannot say what it has: {why}. Install this package there (pip install 'pytest-robustplus[ray]' and the"
        " benchmark's extra), with what the suite imports."
    )


def _actor() -> type:
    """The actor around a ``Player``; single-threaded, as a GL context and an alarm need the main thread.

    A class that travels as code, not by name, and imports late: where this package is missing, it can still say so.
    """

    class _Actor:
        def __init__(self, slot: int, version: str, seat: int, seats: int) -> None:
            import ray

            context = ray.get_runtime_context()
            self._node, self._name = context.get_node_id(), ray.util.get_node_ip_address()
            self._slot, self._version, self._seat = slot, version, (seat, seats)
            self._given_up = context.is_canceled
            self._cards = ray.get_gpu_ids()
            self._served: Any = None

        def ready(self, key: Key, setup: bytes | None) -> Any:
            import importlib

            try:
                # By name, too: what is named in a class that travels as code would be imported on its arrival.
                engine = importlib.import_module("pytest_robustplus.rollout.cluster.engine")
                player = importlib.import_module("pytest_robustplus.rollout.cluster.player")
                nodes = importlib.import_module("pytest_robustplus.rollout.cluster.nodes")
                os.environ.update(engine.surroundings(self._cards, self._name, *self._seat))
                told = {**player.machine_facts(self._name), "ray": self._version}
                self._player = player.Player(self._slot, told, self._given_up, self._serve)
                renderer = self._player.warm(key, setup) if setup is not None else ""
                return engine.Arrival(self._name, self._node, renderer, nodes.facts(()), "")
            except ImportError as error:
                return self._name, self._node, "", None, str(error)

        def inspect_machine(self, packed: bytes) -> Any:
            import importlib

            return importlib.import_module("pytest_robustplus.rollout.cluster.engine").inspect_machine(packed)

        def play(self, key: Key, setup: bytes, task: Any, limit: float | None, policy: Any) -> Any:
            # Whichever belongs to the setup at hand: a simulator may change over to another model.
            self._served = policy
            return self._player.play(key, setup, task, limit)

        def _serve(self, key: Key) -> Any:
            import importlib

            if self._served is None:
                return None
            served = importlib.import_module("pytest_robustplus.rollout.cluster.player").Served
            return served(self._call, key)

        def _call(self, method: str, *arguments: Any) -> Any:
            import ray

            return ray.get(getattr(self._served, method).remote(*arguments))

    return _Actor


class _PolicyActor:
    """One policy for all simulators of a machine: answers together whatever waits."""

    def __init__(self, packed: bytes, before: int, number: int, machines: int) -> None:
        import pickle

        import ray

        # The machine's cards in turn, for the policies of several models.
        found = devices.find()
        cards = [found[before % len(found)].cuda] if found else []
        os.environ.update(surroundings(cards, ray.util.get_node_ip_address(), number, machines))
        setup: Setup = pickle.loads(packed)
        assert setup.script is not None
        self._policy = setup.script.build(setup.benchmark, setup.profile)
        self._waiting: list[tuple[Any, Any]] = []
        self._answering: Any = None

    async def reset(self, _key: Key, slot: int, instruction: str, suite: str, task: str) -> None:
        from pytest_robustplus.policies.contract import begin

        begin(self._policy, slot, instruction, suite=suite, task=task)

    async def act(self, _key: Key, observation: Any) -> Any:
        import asyncio

        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((observation, answer))
        if self._answering is None or self._answering.done():
            self._answering = asyncio.ensure_future(self._answer())
        return await answer

    async def _answer(self) -> None:
        import asyncio

        while self._waiting:
            # Whoever asks at the same moment is in the same batch.
            await asyncio.sleep(0)
            batch, self._waiting = self._waiting, []
            try:
                chunks = await asyncio.to_thread(self._policy.act, [observation for observation, _ in batch])
            except Exception as error:
                for _, answer in batch:
                    answer.set_exception(error)
                continue
            for (_, answer), chunk in zip(batch, chunks, strict=True):
                answer.set_result(chunk)


def inspect_machine(packed: bytes) -> Facts:
    """What this machine has for some benchmarks."""
    import pickle

    return facts(pickle.loads(packed))


def surroundings(cards: Sequence[Any], node: str, seat: int, seats: int) -> Mapping[str, str]:
    """What a process finds in its environment: who it is, and the cards that it computes on; it draws on the first."""
    found = {NODE_VARIABLE: node, SEAT_VARIABLE: str(seat), COUNT_VARIABLE: str(seats)}
    # Ray tells nobody how many will be beside each other here: as many as cores at most.
    found[machine.KEPT] = machine.said(machine.cores(), inside=bool(cards))
    if not cards:
        return found
    named = devices.find({**os.environ, "CUDA_VISIBLE_DEVICES": ",".join(map(str, cards))})
    if not named:
        return found
    return found | named[0]._replace(cuda=",".join(card.cuda for card in named)).environment()


def _folders(root: Path, *, shipped: bool) -> list[str]:
    """Where modules of this process come from, besides its environment; of a project that is ``shipped``, relative."""
    found = dict.fromkeys([str(root), *(folder for folder in sys.path if folder)])
    # What is installed here is no business of another machine, which has versions of its own to be looked at.
    installed, packages = (sys.prefix + os.sep, sys.base_prefix + os.sep), {"site-packages", "dist-packages"}
    own = [folder for folder in found if not folder.startswith(installed) and not packages & {*Path(folder).parts}]
    if not shipped:
        return own
    # Workers begin in their copy of the project.
    return [os.path.relpath(folder, root) if Path(folder).is_relative_to(root) else folder for folder in own]


def _cluster_at(address: str) -> str:
    """What a head calls its cluster: another name after a restart without memory; empty where it does not say."""
    try:
        from ray._raylet import GcsClient

        return str(GcsClient(address=address).cluster_id.hex())
    except Exception:
        return ""


def _of_machine(ray: Any, error: Exception) -> bool:
    """Whether a loss was that of a machine, which no episode is to blame for."""
    kinds = ray.exceptions.ActorUnavailableError, ray.exceptions.NodeDiedError, ray.exceptions.ObjectLostError
    # Its monitor ends whatever is the youngest on a machine that runs out of memory, whoever uses it up.
    starved = isinstance(error, ray.exceptions.OutOfMemoryError) or "low on memory" in str(error).lower()
    said = str(error).lower()
    machine = "node has died" in said or "node is terminated" in said or "node was preempted" in said
    return isinstance(error, kinds) or machine or starved


def _said(error: Exception) -> str:
    """The first line of Ray's text that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("class_name", "actor_id", "pid", "namespace", "ip:"))]
    return " ".join(told[:3])[:600] or type(error).__name__


def _refusal(address: str, error: Exception) -> str:
    said = _said(error)
    lowered = str(error).lower()
    host, _, port = address.rpartition(":")
    if "token" in lowered or "unauthenticated" in lowered or type(error).__name__ == "AuthenticationError":
        return (
            f"--robust-cluster={address}: the cluster refuses the token. Give the one with which it was started: {said}"
        )
    if "version" in lowered and ("mismatch" in lowered or "python" in lowered):
        return f"--robust-cluster={address}: the cluster runs other versions of Ray or Python than this process: {said}"
    if host and port.isdecimal() and access.reachable(address):
        return (
            f"--robust-cluster={address}: somebody listens there and does not answer as Ray does. A wrong token looks"
            f" so: compare RAY_AUTH_TOKEN or ~/.ray/auth_token with the cluster's. ({said})"
        )
    return (
        f"--robust-cluster={address}: no cluster answers there. Start one (ray start --head), run pytest within it (ray"
        f" job submit -- pytest …), or say --robust-cluster=local. ({said})"
    )


@contextmanager
def quietly() -> Iterator[None]:
    """Keep what Ray says while it is imported or begins from the terminal and from ``-W error``."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
