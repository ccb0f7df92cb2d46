"""The pytest hooks, each delegating: the table of contents of this package."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from pytest_robustplus import options
from pytest_robustplus.session import hookspecs

if TYPE_CHECKING:
    from pytest_robustplus.benchmarks.contract import Benchmark
    from pytest_robustplus.options import Settings
    from pytest_robustplus.policies.request import PolicyFactory
    from pytest_robustplus.results.notes import Note


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_options(parser)
    if "_ARGCOMPLETE" in os.environ:
        from pytest_robustplus.session import completion

        completion.offer(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    from pytest_robustplus.distributed import process
    from pytest_robustplus.items.collection import MARKS
    from pytest_robustplus.reporting.charset import make_legible

    # The stream that pytest's terminal reporter, which comes later, is about to take.
    config.add_cleanup(make_legible(sys.stdout))
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    process.enter(config)
    config.pluginmanager.register(Run(config), "robustplus-run")
    if not process.is_worker(config):
        _track(config)


def _tests(terminal: pytest.TerminalReporter) -> Iterable[pytest.TestReport]:
    return (test for tests in terminal.stats.values() for test in tests if isinstance(test, pytest.TestReport))


def _track(config: pytest.Config) -> None:
    from pytest_robustplus.session.session import session_of

    if names := session_of(config).settings.track:
        from pytest_robustplus.errors import BadInputError
        from pytest_robustplus.reporting.trackers import trackers

        try:
            for name, tracking in trackers(names, config.invocation_params.dir):
                config.pluginmanager.register(tracking, f"robustplus-{name}")
        except BadInputError as error:
            raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    from pytest_robustplus.distributed import process
    from pytest_robustplus.items import commands

    process.hand_out_singly(config)
    return commands.run(config)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    from pytest_robustplus.distributed import workers
    from pytest_robustplus.session.session import session_of

    session = session_of(config)
    settings = session.settings
    return workers.automatic(
        config,
        chosen=bool(settings.models or settings.policy),
        inside=session.registry.plays_inside(),
        workers_per_gpu=settings.workers_per_gpu,
        simulators=settings.simulators,
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    from pytest_robustplus.items import commands
    from pytest_robustplus.items.collection import check_selection

    check_selection(session.config)
    commands.merge_first(session.config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    from pytest_robustplus.items.collection import parametrize

    parametrize(metafunc)


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class) -> Generator[None, Any, object]:
    from pytest_robustplus.items.collection import asked

    made = yield
    return made if made is None or isinstance(made, pytest.Item | pytest.Collector) else asked(collector.config, made)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    from pytest_robustplus.items.collection import arrange

    arrange(config, items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    from pytest_robustplus.distributed.board import board_of
    from pytest_robustplus.items.helping import make_way

    make_way(item)
    board = board_of(item.config)
    board.begin(item.nodeid)
    ended = yield
    board.end(item.nodeid)
    return ended


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    from pytest_robustplus.items.reports import explain

    return explain(item, call, (yield))


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    from pytest_robustplus.items.reports import status

    return status(report)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    from pytest_robustplus.evaluation.campaign import rest
    from pytest_robustplus.evaluation.resources import close

    rest(session.config)
    close(session.config, exitstatus)
    if session.config.getoption("robust_strict_junit"):
        from pytest_robustplus.reporting.junit import keep_to_schema

        keep_to_schema(session.config)


def pytest_robustplus_benchmarks(settings: Settings) -> Iterable[Benchmark]:
    from pytest_robustplus.benchmarks import built_in

    return built_in(settings)


def pytest_robustplus_policies() -> Mapping[str, PolicyFactory]:
    from pytest_robustplus.policies.specs import FACTORIES

    return FACTORIES


class Run:
    """Hooks about the whole run: those that keep something, and those to which pytest gives no config."""

    def __init__(self, config: pytest.Config) -> None:
        from pytest_robustplus.distributed import process, workers
        from pytest_robustplus.distributed.board import board_of
        from pytest_robustplus.reporting.announcing import Announcer
        from pytest_robustplus.reporting.live import Live, Turns, Watch
        from pytest_robustplus.reporting.outputs import Outputs
        from pytest_robustplus.session.session import session_of

        session = session_of(config)
        session.say = self._say
        self._config = config
        self._outputs = Outputs(config)
        self._controller = (
            workers.Controller(config, began=session.begin, lost=session.lose, keeping=session.keeping)
            if process.is_controller(config)
            else None
        )
        self._announcer: Announcer | None = None
        self._live: Live | None = None
        if (controller := self._controller) is not None:
            self._announcer = Announcer(session, lambda: controller.items, self._outputs.cells)
            self._live = Watch(session, lambda: controller.items, controller.over, lambda: controller.workers)
        elif not process.is_worker(config):
            board = board_of(config)
            self._announcer = Announcer(session, board.items, self._outputs.cells)
            self._live = Turns(session, board.items, board.over)

    # Before pytest's terminal reporter, which asks what else there is to say.
    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        from pytest_robustplus.distributed.board import board_of
        from pytest_robustplus.items.collection import check_files, identities

        check_files(session)
        items = identities(session.items)
        self._outputs.expect(items)
        board_of(self._config).post(items)

    def pytest_report_collectionfinish(self) -> list[str]:
        said = "" if self._live is None or self._config.option.collectonly else self._live.forecast()
        return [said] if said else []

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        assert self._controller is not None
        self._controller.configure(node)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self) -> None:
        if self._live is not None:
            self._live.foresee()

    @pytest.hookimpl(optionalhook=True, wrapper=True)
    def pytest_xdist_make_scheduler(self) -> Generator[None, Any, Any]:
        from pytest_robustplus.distributed import workers

        scheduler = yield
        workers.guard(scheduler)
        return scheduler

    @pytest.hookimpl(optionalhook=True, wrapper=True)
    def pytest_testnodedown(self, node: Any, error: object) -> Generator[None, object, object]:
        with self._aside():
            if self._controller is not None:
                self._controller.free(node, error)
            return (yield)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport, sched: Any) -> None:
        assert self._controller is not None
        self._controller.crashed(crashitem, report, sched)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        from pytest_robustplus.distributed import ending, process
        from pytest_robustplus.items.helping import afterwards
        from pytest_robustplus.reporting.screen import HELD

        told = self._announcer.watching() if self._announcer is not None else nullcontext()
        with ending.told(), told, self._live.watching() if self._live is not None else nullcontext():
            try:
                ended = yield
            except KeyboardInterrupt:
                # Who presses Ctrl-C twice still wants the table and the files.
                said = "" if process.is_worker(self._config) else HELD
                self._config.add_cleanup(ending.finishing(ending.CTRL_C, said))
                raise
            finally:
                if self._controller is not None:
                    self._controller.stop()
            afterwards(session)
            return ended

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        from pytest_robustplus.items.collection import lost

        return True if lost(item) else None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logstart(self) -> Generator[None, object, object]:
        with self._aside():
            if self._controller is not None and self._live is not None:
                self._live.announce()
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None, object, object]:
        from pytest_robustplus.reporting.junit import forget_tries, tell_errors_apart, tell_notes

        self._outputs.add(report)
        tell_notes(self._config, report)
        with self._aside():
            if self._controller is not None:
                self._controller.poll()
            result = yield
        tell_errors_apart(self._config, report)
        forget_tries(self._config, report)
        if self._announcer is not None:
            self._announcer.add(report)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logfinish(self) -> Generator[None, object, object]:
        with self._aside():
            if self._controller is not None:
                self._controller.poll()
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        from pytest_robustplus.distributed import ending

        if exitstatus != pytest.ExitCode.INTERRUPTED:
            self._config.add_cleanup(ending.finishing())
        if self._controller is not None:
            self._outputs.expect(self._controller.items)
            self._controller.close()
        self._outputs.write(session)
        if self._announcer is not None:
            self._announcer.end(lambda: self._outputs.record(session.exitstatus))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        from pytest_robustplus.reporting import terminal
        from pytest_robustplus.reporting.annotations import annotated
        from pytest_robustplus.reporting.notes import text
        from pytest_robustplus.session.session import session_of

        terminal.summarize(terminalreporter, self._outputs.found, lambda: session_of(self._config).registry.benchmarks)
        workers = [] if self._controller is None else self._controller.notes()
        for note in (*workers, *session_of(self._config).notes):
            terminalreporter.write_line(text(note))
        self._outputs.summarize(terminalreporter)
        for line in annotated(_tests(terminalreporter), self._config.rootpath):
            terminalreporter.write_line(line)
        if self._announcer is not None:
            self._announcer.summarize(terminalreporter)

    def _say(self, note: Note) -> None:
        from pytest_robustplus.reporting.screen import say
        from pytest_robustplus.session.session import session_of

        say(session_of(self._config), note)

    def _aside(self) -> Any:
        """Live lines make room for what pytest writes."""
        return nullcontext() if self._live is None else self._live.aside()
