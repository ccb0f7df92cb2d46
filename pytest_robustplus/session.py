"""What the items of one pytest process share: settings, registries, the ledger, and whatever is costly to build."""

from __future__ import annotations

import shlex
import sys
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pytest

import pytest_robustplus
from pytest_robustplus.baselines import AcceptedLatency, Baseline, Baselines, load_timed
from pytest_robustplus.benchmarks.contract import Benchmark, Configured, Parallel, Scenes, Simulator, Task
from pytest_robustplus.cells import Cell, find_benchmark, select
from pytest_robustplus.errors import BadInputError, RobustnessError, unknown
from pytest_robustplus.latency.accepting import place
from pytest_robustplus.ledger import Ledger
from pytest_robustplus.ledger.lease import Lease
from pytest_robustplus.models.cards import Card, card_from_mapping, load_cards
from pytest_robustplus.options import Settings, read_settings
from pytest_robustplus.policies import specs
from pytest_robustplus.policies.contract import Privileged
from pytest_robustplus.policies.control import Controlled, control_name
from pytest_robustplus.policies.profiled import Profiled
from pytest_robustplus.policies.request import PolicyFactory
from pytest_robustplus.references import References
from pytest_robustplus.rollout.batch import Batch
from pytest_robustplus.rollout.executor import Executor, InProcess
from pytest_robustplus.rollout.pool import Pool
from pytest_robustplus.rollout.simulating import Script, Setup
from pytest_robustplus.workers import is_controller, is_worker

DEFAULT_MODELS = ("replay",)


class Checkpoint(NamedTuple):
    """A policy ready to be played, and the name that tells its weights apart from others."""

    policy: Profiled
    fingerprint: str


class Session:
    """One per pytest process; everything is built on first use, so that collecting costs nothing."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        worker = getattr(config, "workerinput", {})
        self.worker: str = worker.get("workerid", "main")
        self.spread = is_worker(config)
        self.run: str = worker.get("testrunuid", uuid.uuid4().hex)
        # Part of an audit's identity: with --robust-fresh, only workers of this very run share its episodes.
        self.salt = self.run if settings.fresh else ""
        self.claimant = f"{self.run}-{self.worker}"
        self.questions = 1
        self._policies: dict[tuple[str, str], Checkpoint] = {}
        self._simulators: dict[tuple[str, object], Simulator] = {}
        self._references: dict[str, References] = {}
        self._pool: tuple[tuple[str, str], Executor] | None = None

    def count_questions(self, cells: int) -> None:
        """Take note of how many cells this run asks about: a false FAIL in any of them is a false FAIL of the run."""
        self.questions = max(cells, 1)

    @cached_property
    def cards(self) -> Mapping[str, Card]:
        """Every model on offer: built-in, from plugins, and from ``[tool.robustplus.model]``."""
        offered = self.config.hook.pytest_robustplus_models()
        cards = dict(load_cards([card for group in offered for card in group]))
        for name, table in self.settings.own_models.items():
            cards[name] = card_from_mapping(name, table, cards)
        for spec in filter(_is_spec, self.settings.models):
            name = specs.model_name(spec)
            if name in cards and cards[name].policy != spec:
                raise BadInputError(
                    f"--robust-model {spec} would be called {name}, as another model is. Give it a name of its own:"
                    f" policy = '{spec}' in [tool.robustplus.model.NAME] of pyproject.toml."
                )
            cards[name] = _card_of_spec(name, spec, self.benchmarks)
        return cards

    @cached_property
    def benchmarks(self) -> Mapping[str, Benchmark]:
        """Every benchmark on offer, by name."""
        offered = self.config.hook.pytest_robustplus_benchmarks(settings=self.settings)
        return {benchmark.name: benchmark for group in reversed(offered) for benchmark in group}

    @cached_property
    def factories(self) -> Mapping[str, PolicyFactory]:
        """Every way of reaching a policy, by the scheme of its spec."""
        offered = self.config.hook.pytest_robustplus_policies()
        return {scheme: factory for group in reversed(offered) for scheme, factory in group.items()}

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger of this run, opened at the first cell."""
        ledger = Ledger.open(self.ledger_path)
        ledger.begin_run(
            self.run,
            command=shlex.join(["pytest", *self.config.invocation_params.args]),
            versions={"pytest_robustplus": pytest_robustplus.__version__, "python": sys.version.split()[0]},
        )
        return ledger

    @property
    def ledger_path(self) -> Path:
        """Where the ledger is, whether or not it exists yet."""
        if self.settings.ledger is not None:
            return self.settings.ledger
        cache = getattr(self.config, "cache", None)
        if cache is None:
            raise BadInputError(
                "pytest's cache is switched off, so the ledger has no place. Give --robust-ledger FILE."
            )
        return Path(cache.mkdir("robustplus")) / "ledger.sqlite"

    @cached_property
    def lease(self) -> Lease:
        """Who may compute: episodes beside each other, or a latency test alone."""
        # The ledger makes the folder that both lie in.
        return Lease(self.ledger.path)

    @cached_property
    def baselines(self) -> Baselines:
        """Published and recorded numbers, those of the user after the package's own; without task lists."""
        return Baselines.load(self.settings.baselines)

    def references(self, benchmark: Benchmark) -> References:
        """The baselines as --robust-baseline names them, for cells of one benchmark."""
        if benchmark.name not in self._references:
            # Listing the tasks of every benchmark, played or not, would take a second.
            tasks: dict[str, Sequence[Task]] = {}
            with suppress(BadInputError):  # its package is not installed, which is said when a cell of it is played
                tasks[benchmark.name] = benchmark.tasks()
            known = Baselines.load(self.settings.baselines, tasks)
            places = self.config.rootpath, self.config.invocation_params.dir
            self._references[benchmark.name] = References(known, tasks, *places)
        return self._references[benchmark.name]

    def baselines_of(self, cell: Cell) -> tuple[Baseline, ...]:
        """What a cell is held against, one for each that --robust-baseline asks for and that there is."""
        found = (self.references(cell.benchmark).find(name, cell) for name in self.settings.against)
        return tuple(baseline for baseline in found if baseline is not None)

    def accepted_latencies(self, name: str, cell: Cell) -> tuple[AcceptedLatency, ...]:
        """The accepted latencies that ``name`` of --robust-baseline means for a model; the last one counts."""
        if name in ("paper", "none"):
            return ()
        if name in ("any", "last"):
            return (*self.baselines.timed, *load_timed(place(self.config.rootpath, cell.card.name, None)))
        file = self.config.invocation_params.dir / name
        return (*load_timed(file), *load_timed(place(self.config.rootpath, cell.card.name, file)))

    def lacking(self, cell: Cell) -> list[str]:
        """Say which baselines were asked for and do not exist: a missing gate must not look like a passed one."""
        names = [name for name in self.settings.against if name not in ("any", "none")]
        references = self.references(cell.benchmark)
        return [references.absence(name, cell) for name in names if references.find(name, cell) is None]

    def check_selection(self) -> None:
        """Refuse names that nothing offers; says nothing about which benchmark they belong to."""
        for name in self.settings.models:
            if name != "all" and not _is_spec(name) and name not in self.cards:
                raise unknown("model", name, [*self.cards, "all"], where="--robust-model")
        self._other_benchmark()
        suites = {suite for benchmark in self.benchmarks.values() for suite in benchmark.suites}
        for suite in self.settings.suites:
            if suite not in suites:
                raise unknown("suite", suite, suites, where="--robust-suite")
        if self.settings.policy and len(self.settings.models) > 1:
            raise BadInputError("--robust-policy says how to reach one model; choose that one with --robust-model.")

    def cells(self, benchmark_name: str) -> list[Cell]:
        """The cells that this run was asked for on one benchmark, or on the one that it was asked to play instead.

        Raises ``BadInputError`` for names, options and protocols of the benchmark that cannot be.
        """
        benchmark = self._other_benchmark() or find_benchmark(benchmark_name, self.benchmarks)
        names = [specs.model_name(name) if _is_spec(name) else name for name in self.settings.models]
        cells = select(benchmark, self._reached(), names or DEFAULT_MODELS, self.settings)
        if isinstance(benchmark, Configured):
            benchmark.check_options()
        for cell in cells:
            benchmark.protocol(cell.profile)
        return cells

    def _other_benchmark(self) -> Benchmark | None:
        name = self.settings.benchmark
        return find_benchmark(name, self.benchmarks, where="--robust-benchmark") if name else None

    def _reached(self) -> Mapping[str, Card]:
        """The cards with the profiles that hold over the transport by which this run reaches each model."""
        spec = self.settings.policy
        return {name: card.over(specs.split(spec or card.policy)[0]) for name, card in self.cards.items()}

    def playable(self, cell: Cell) -> list[Task]:
        """The tasks of a cell that this installation can play."""
        return [task for task in cell.tasks() if not task.blocked]

    def checkpoint(self, cell: Cell) -> Checkpoint:
        """The policy behind a cell's model; raises ``BadInputError`` when nothing says how to reach it."""
        key = (cell.card.name, cell.benchmark.name)
        if key not in self._policies:
            spec = self.settings.policy or cell.card.policy
            if not spec:
                raise BadInputError(
                    f"{cell.card.title} has no policy of its own here. Serve its checkpoint and say how to reach it"
                    f" with --robust-policy SPEC, or with policy = 'SPEC' in [tool.robustplus.model.{cell.card.name}]."
                )
            policy = specs.build(spec, self.factories, cell.card, cell.benchmark)
            name = f"{spec}@{specs.fingerprint(policy)}"
            self._policies[key] = Checkpoint(Profiled(policy, cell.profile, cell.card.title), name)
        return self._policies[key]

    def control(self, cell: Cell, arm: str) -> Cell:
        """The same cell for the same policy with one sense taken away, under a name of its own.

        Raises ``BadInputError`` for a script that reads the simulator.
        """
        own = self.checkpoint(cell)
        if isinstance(own.policy, Privileged):
            raise BadInputError(f"{cell.card.title} reads the simulator itself, so no control arm says anything of it.")
        card = replace(cell.card, name=control_name(cell.card.name, arm), title=f"{cell.card.title}, {arm}")
        policy = Profiled(Controlled(own.policy.policy, arm), cell.profile, card.title)
        self._policies[card.name, cell.benchmark.name] = Checkpoint(policy, f"{own.fingerprint}+{arm}")
        return replace(cell, card=card)

    def simulator(self, cell: Cell) -> Simulator:
        """The simulator that plays a cell; cells of equal profile share one, and so its compiled scenes."""
        key = (cell.benchmark.name, repr(cell.profile))
        if key not in self._simulators:
            protocol = cell.benchmark.protocol(cell.profile)
            self._simulators[key] = cell.benchmark.simulator(cell.profile, protocol)
        return self._simulators[key]

    def drop_simulator(self, cell: Cell) -> None:
        """Close a simulator that failed, so that the next episode gets a fresh one."""
        simulator = self._simulators.pop((cell.benchmark.name, repr(cell.profile)), None)
        if simulator is not None:
            simulator.close()

    def executor(self, cell: Cell) -> Executor:
        """Where a cell's episodes are played: in this process, or by a pool or scenes that cells of its model share.

        Raises ``BadInputError`` when the model's policy cannot keep as many episodes apart as there are simulators.
        """
        settings, checkpoint = self.settings, self.checkpoint(cell)
        key = (cell.card.name, cell.benchmark.name)
        if self._pool is not None and self._pool[0] == key:
            return self._pool[1]
        scenes = self._scenes(cell)
        if scenes is None and settings.simulators == 1:
            return InProcess(
                lambda: self.simulator(cell),
                lambda: self.drop_simulator(cell),
                checkpoint.policy,
                cell.profile,
                limit=settings.episode_limit,
                expendable=self.spread,
            )
        self._close_pool()
        # The checks in front of a cell have used one in this process; it would only hold memory.
        self.drop_simulator(cell)
        self._pool = key, self._new_pool(cell, checkpoint, scenes)
        return self._pool[1]

    def _scenes(self, cell: Cell) -> Scenes | None:
        """Scenes that step together, where the benchmark has such and the protocol asks for them."""
        if not isinstance(cell.benchmark, Parallel):
            return None
        protocol = cell.benchmark.protocol(cell.profile)
        return cell.benchmark.scenes(cell.profile, protocol, self.settings.simulators)

    def _new_pool(self, cell: Cell, checkpoint: Checkpoint, scenes: Scenes | None) -> Executor:
        policy, wanted = checkpoint.policy.policy, self.settings.simulators
        if wanted > 1 and getattr(policy, "remembers_one", False):
            raise BadInputError(
                f"--robust-simulators={wanted}: the policy of {cell.card.title} keeps one episode at a time. Leave the"
                " option out, and use more workers (-n) instead."
            )
        limit = self.settings.episode_limit
        if scenes is not None:
            return Batch(scenes, checkpoint.policy, cell.profile, limit=limit, expendable=self.spread)
        script = None
        if isinstance(policy, Privileged):
            script = Script(self.settings.policy or cell.card.policy, cell.card)
        setup = Setup(cell.benchmark, cell.profile, cell.benchmark.protocol(cell.profile), script, self.lease)
        return Pool(setup, checkpoint.policy, wanted, limit=limit, expendable=self.spread)

    def _close_pool(self) -> None:
        if self._pool is not None:
            self._pool[1].close()
            self._pool = None

    def close(self, exitstatus: int) -> None:
        """Free simulators and note in the ledger, if one was opened, how the run ended."""
        self._close_pool()
        for simulator in self._simulators.values():
            simulator.close()
        self._simulators.clear()
        for checkpoint in self._policies.values():
            checkpoint.policy.close()
        if "ledger" in self.__dict__:
            if not self.spread:
                self.ledger.end_run(self.run, int(exitstatus))
            self.ledger.close()
        elif is_controller(self.config):
            # Only here it is known how all workers ended; without a cell there is no ledger, and nothing to note.
            with suppress(RobustnessError), Ledger.open(self.ledger_path, create=False, verify=False) as ledger:
                ledger.end_run(self.run, int(exitstatus))


_SESSION: pytest.StashKey[Session] = pytest.StashKey()


def session_of(config: pytest.Config) -> Session:
    """The session of this pytest process, made on first use; raises ``pytest.UsageError`` for bad options."""
    if _SESSION not in config.stash:
        try:
            config.stash[_SESSION] = Session(config, read_settings(config))
        except BadInputError as error:
            raise pytest.UsageError(str(error)) from error
    return config.stash[_SESSION]


def _is_spec(name: str) -> bool:
    return ":" in name


def _card_of_spec(name: str, spec: str, benchmarks: Mapping[str, Benchmark]) -> Card:
    profiles = {key: benchmark.profile for key, benchmark in benchmarks.items()}
    return Card(name=name, title=name, family="own", baseline=name, profiles=profiles, policy=spec)
