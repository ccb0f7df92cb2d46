"""What the items of one pytest process share: settings, registries, the ledger, and whatever is costly to build."""

from __future__ import annotations

import os
import shlex
import sys
import time
import uuid
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from importlib import metadata
from pathlib import Path

import pytest

from pytest_robustplus.baselines import AcceptedLatency, Baseline, Baselines, load_timed
from pytest_robustplus.baselines.timed import latency_path
from pytest_robustplus.benchmarks.contract import Benchmark, Contained, Task
from pytest_robustplus.distributed import devices, machine
from pytest_robustplus.distributed.process import beside, is_controller, is_worker
from pytest_robustplus.errors import BadInputError, RobustnessError
from pytest_robustplus.ledger import Ledger
from pytest_robustplus.ledger.home import ledger_of, make_folder, network
from pytest_robustplus.ledger.lease import Lease
from pytest_robustplus.options import ALL, AUTO, Settings, read_settings
from pytest_robustplus.policies.places import anchor, anchored
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.results.notes import Note, packed
from pytest_robustplus.results.progress import Progress, Silent
from pytest_robustplus.session.cells import Subject, TableCell
from pytest_robustplus.session.references import References
from pytest_robustplus.session.registry import Registry

# How often is looked for what other workers bring.
POLL_S = 0.2


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
        # What of every cell this run plays.
        self.share = settings.shard or ALL
        self.questions = 1
        self.comparisons = 1
        self.registry = Registry(config.hook, settings)
        self.progress: Progress = Silent()
        # How the machines of a cluster stand, for the live lines; what was found out about them, for the summary.
        self.fleet: Callable[[], Note | None] = lambda: None
        self.notes: list[Note] = []
        # Who tells a person what is to be known while the run goes on.
        self.say: Callable[[Note], None] = lambda note: None
        self._references: dict[str, References] = {}

    def begin(self, run: str) -> None:
        """Take the run's id from pytest-xdist, under which its workers record."""
        self.run = run

    def lose(self, item: Identity) -> None:
        """Record that the worker which ran an item died for good: a check that kills its worker has failed."""
        if item.kind == "check":
            reason = packed((Note.of("worker_died"),))
            self.ledger.record_check(self.run, item.model, item.benchmark, item.subject, False, reason)

    def count_questions(self, cells: int) -> None:
        """Take note of how many cells this run asks about: a false FAIL in any of them is a false FAIL of the run."""
        self.questions = max(cells, 1)

    def count_comparisons(self, comparisons: int) -> None:
        """Take note of how many comparisons this run makes: what is wrongly said in any of them is said by the run."""
        self.comparisons = max(comparisons, 1)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger of this run, opened at the first cell."""
        path = self.ledger_path
        self._say_shared(path)
        if self.settings.ledger is None:
            make_folder(path.parent)
        ledger = Ledger.open(path)
        ledger.begin_run(
            self.run,
            command=self.command,
            versions={
                "pytest_robustplus": metadata.version("pytest-robustplus"),
                "python": sys.version.split()[0],
                "scenes_gb": machine.told(self.share_memory()),
            },
        )
        return ledger

    def _say_shared(self, path: Path) -> None:
        """Warn of a ledger that other machines could open, too; refuse one there for a shard, which others will."""
        kind = network(path.parent)
        if kind is None or (self.spread and not self.settings.shard):
            return
        shared = UserWarning(
            f"The ledger {path} lies on a file system that machines share ({kind}), across which SQLite's locks do not"
            " reach: two machines that write it destroy it."
        )
        if self.settings.shard:
            raise BadInputError(
                f"{shared} Give each shard a ledger on a disk of its own machine, such as --robust-ledger=$TMPDIR/"
                "shard.sqlite, copy it when the run has ended, and join the copies with --robust-merge."
            )
        warnings.warn(f"{shared} Let one machine alone write it, or use --robust-ledger.", stacklevel=2)

    @property
    def command(self) -> str:
        """How this run was started, the same for the workers of pytest-xdist."""
        worker = getattr(self.config, "workerinput", {})
        arguments = worker["mainargv"][1:] if "mainargv" in worker else self.config.invocation_params.args
        return shlex.join(["pytest", *map(str, arguments)])

    @property
    def ledger_path(self) -> Path:
        """Where the ledger is, whether or not it exists yet."""
        if self.settings.ledger is not None:
            return self.settings.ledger
        try:
            cache = os.path.expandvars(self.config.getini("cache_dir"))
        except ValueError:  # the plugin of pytest's cache is switched off
            cache = ".pytest_cache"
        return ledger_of(self.config.rootpath, self.config.rootpath / cache)

    def share_memory(self) -> int:
        """Tell the simulators of this process, and of those that it starts, how many bytes of scenes each may keep.

        Each machine of a cluster finds that out for itself, as does each that workers were started on.
        """
        if machine.KEPT not in os.environ and not self.settings.cluster:
            os.environ[machine.KEPT] = self.keeping(beside(self.config))
            self.config.add_cleanup(_forget_memory)
        return machine.kept()

    def keeping(self, workers: int) -> str:
        """What ``machine.KEPT`` says in each of so many workers, for every simulator; a person's own word stands."""
        return machine.said(workers * self.settings.simulators, inside=self.registry.plays_inside())

    @cached_property
    def lease(self) -> Lease:
        """Who may compute: episodes beside each other, or a latency test alone."""
        # The ledger makes the folder that both lie in.
        return Lease(self.ledger.path)

    @cached_property
    def baselines(self) -> Baselines:
        """Published and recorded numbers, those of the user after the package's own; without task lists."""
        return Baselines.load(self.registry.baselines)

    def references(self, benchmark: Benchmark) -> References:
        """The baselines as --robust-baseline names them, for cells of one benchmark."""
        if benchmark.name not in self._references:
            # Listing the tasks of every benchmark, played or not, would take a second.
            tasks: dict[str, Sequence[Task]] = {}
            with suppress(BadInputError):  # its package is not installed, which is said when a cell of it is played
                tasks[benchmark.name] = benchmark.tasks()
                if isinstance(benchmark, Contained):
                    tasks[benchmark.whole.name] = benchmark.whole.tasks()
            known = Baselines.load(self.registry.baselines, tasks)
            places = self.config.rootpath, self.config.invocation_params.dir
            self._references[benchmark.name] = References(known, tasks, *places)
        return self._references[benchmark.name]

    def baselines_of(self, cell: TableCell) -> tuple[Baseline, ...]:
        """What a cell is held against, one for each that --robust-baseline asks for and that there is."""
        found = (self.references(cell.benchmark).find(name, cell) for name in self.settings.against)
        return tuple(baseline for baseline in found if baseline is not None)

    def accepted_latencies(self, name: str, subject: Subject) -> tuple[AcceptedLatency, ...]:
        """The accepted latencies that ``name`` of --robust-baseline means for a model; the last one counts."""
        if name in ("paper", "none"):
            return ()
        if name in ("any", "last"):
            return (*self.baselines.timed, *load_timed(latency_path(self.config.rootpath, subject.card.name, None)))
        file = self.config.invocation_params.dir / name
        return (*load_timed(file), *load_timed(latency_path(self.config.rootpath, subject.card.name, file)))

    def lacking(self, cell: TableCell) -> list[Note]:
        """Note which baselines were asked for and do not exist: a missing gate must not look like a passed one."""
        references, said = self.references(cell.benchmark), list[Note]()
        for name in self.settings.against:
            if misfit := references.misfit(name, cell):
                said.append(misfit)
            elif name not in ("any", "none") and references.find(name, cell) is None:
                said.append(references.absence(name, cell))
        return said

    def wait_until(self, known: Callable[[], bool], seconds: float) -> None:
        """Wait for what other workers bring, ``seconds`` at most; not at all where nobody else plays."""
        deadline = time.monotonic() + (seconds if self.spread else 0)
        while not known() and time.monotonic() < deadline:
            time.sleep(POLL_S)

    def close(self, exitstatus: int) -> None:
        """Note in the ledger, if one was opened, how the run ended."""
        if "ledger" in self.__dict__:
            if not self.spread:
                self.ledger.end_run(self.run, int(exitstatus))
            self.ledger.close()
        elif is_controller(self.config):
            # Only here it is known how all workers ended; without a cell there is no ledger, and nothing to note.
            with suppress(RobustnessError), Ledger.open(self.ledger_path, create=False, verify=False) as ledger:
                ledger.end_run(self.run, int(exitstatus))


def _forget_memory() -> None:
    os.environ.pop(machine.KEPT, None)


def _anchored(settings: Settings, config: pytest.Config) -> Settings:
    """The settings with the files of policy specs found from the folder in which they are written."""
    root = config.rootpath
    own = {name: anchor(table, root) for name, table in settings.own_models.items()}
    policy, models = settings.policy, settings.models
    # What stands on the command line is relative to where that was typed.
    if policy and config.getoption("robust_policy") is None:
        policy = anchored(policy, root)
    if config.getoption("robust_model") is None:
        models = tuple(anchored(name, root) for name in models)
    return replace(settings, own_models=own, policy=policy, models=models)


def _fitted(settings: Settings, config: pytest.Config) -> Settings:
    """Find how many simulators a worker of this machine has room for, where that was left to us."""
    if settings.simulators != AUTO or settings.cluster:
        return settings
    started = os.environ.get("PYTEST_XDIST_WORKER_COUNT") or getattr(config.option, "numprocesses", None) or 1
    workers = len(devices.visible(os.environ)) if started == "auto" else int(started)
    return replace(settings, simulators=max(machine.room() // max(workers, 1), 1))


_SESSION: pytest.StashKey[Session] = pytest.StashKey()


def session_of(config: pytest.Config) -> Session:
    """The session of this pytest process, made on first use; raises ``pytest.UsageError`` for bad options."""
    if _SESSION not in config.stash:
        try:
            machine.kept()  # refuses what nobody can mean
            config.stash[_SESSION] = Session(config, _fitted(_anchored(read_settings(config), config), config))
        except BadInputError as error:
            raise pytest.UsageError(str(error)) from error
    return config.stash[_SESSION]
