"""The pytest hooks and fixtures: the table of contents of this package."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import TYPE_CHECKING

import pytest

from pytest_robustplus import hookspecs, options
from pytest_robustplus.fixtures import audit, baseline, frontier, fuzz, latency, play, preflight

if TYPE_CHECKING:
    from pytest_robustplus.benchmarks.contract import Benchmark
    from pytest_robustplus.options import Settings
    from pytest_robustplus.policies.request import PolicyFactory

__all__ = ["audit", "baseline", "frontier", "fuzz", "latency", "play", "preflight"]


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    from pytest_robustplus import workers
    from pytest_robustplus.outputs import Outputs
    from pytest_robustplus.report.live import Live
    from pytest_robustplus.session import session_of

    config.addinivalue_line("markers", "robustness(benchmark): this test is about cells of a benchmark, one item each.")
    workers.enter(config)
    session = session_of(config)
    config.pluginmanager.register(Outputs(config), "robustplus-outputs")
    if workers.is_controller(config):
        config.pluginmanager.register(workers.Controller(session), "robustplus-controller")
        config.pluginmanager.register(Live(session), "robustplus-live")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    from pytest_robustplus import commands, workers

    workers.hand_out_singly(config)
    return commands.run(config)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    from pytest_robustplus import workers
    from pytest_robustplus.session import session_of

    return workers.automatic(session_of(config))


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    from pytest_robustplus import items

    items.check_selection(session.config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    from pytest_robustplus import items

    items.parametrize(metafunc)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    from pytest_robustplus.items import arrange

    arrange(config, items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    from pytest_robustplus.items import explain

    return explain(item, call, (yield))


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    from pytest_robustplus.items import status

    return status(report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    from pytest_robustplus.report import terminal
    from pytest_robustplus.session import session_of

    terminal.summarize(terminalreporter, lambda: session_of(config).benchmarks)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    from pytest_robustplus.session import session_of

    session_of(session.config).close(exitstatus)


def pytest_robustplus_benchmarks(settings: Settings) -> Iterable[Benchmark]:
    from pytest_robustplus.benchmarks import built_in

    return built_in(settings)


def pytest_robustplus_policies() -> Mapping[str, PolicyFactory]:
    from pytest_robustplus.policies.specs import FACTORIES

    return FACTORIES
