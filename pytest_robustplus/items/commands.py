"""What pytest does instead of testing: list the models, import or export results, or play a recorded episode again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

import pytest

from pytest_robustplus.distributed.process import is_controller, is_worker
from pytest_robustplus.errors import RobustnessError


def run(config: pytest.Config) -> int | None:
    """Run the command that the options ask for, and return its exit code; None when they ask for tests."""
    episode = config.getoption("--robust-replay")
    listing = config.getoption("--robust-models")
    from pytest_robustplus.session.session import session_of

    importing, exporting = config.getoption("--robust-import"), config.getoption("--robust-export")
    merging = config.getoption("--robust-merge") and not session_of(config).settings.models
    ledger = config.getoption("--robust-page")
    if not (episode or listing or importing or exporting or merging or ledger):
        return None
    # As pytest's own --version does: the cache, where the ledger lies, exists only after configuration.
    config._do_configure()
    try:
        if importing:
            return _import(config, importing)
        if merging:
            print(_merge(config))
            session_of(config).close(0)
            return 0
        if ledger:
            return _page(config, ledger)
        if exporting:
            return _export(config, exporting)
        return _list_models(config) if listing else _replay(config, episode)
    except RobustnessError as error:
        raise pytest.UsageError(str(error)) from error
    finally:
        config._ensure_unconfigure()


def _list_models(config: pytest.Config) -> int:
    from pytest_robustplus.reporting.models import table
    from pytest_robustplus.session.session import session_of

    print(table(session_of(config).registry.cards, shutil.get_terminal_size((160, 24)).columns))
    return 0


def _import(config: pytest.Config, files: list[str]) -> int:
    from pytest_robustplus.evaluation.importing import import_results
    from pytest_robustplus.reporting.imported import account
    from pytest_robustplus.session.session import session_of

    session = session_of(config)
    imported = import_results(session, [config.invocation_params.dir / file for file in files])
    session.close(0)
    print(account(imported))
    return 0


def merge_first(config: pytest.Config) -> None:
    """Join the ledgers that the options name before the cells of the chosen models are read from them."""
    if not config.getoption("--robust-merge"):
        return
    if is_worker(config) or is_controller(config):
        raise pytest.UsageError("--robust-merge=plays nothing, so there is nothing to spread: say -n0.")
    try:
        told = _merge(config)
    except RobustnessError as error:
        raise pytest.UsageError(str(error)) from error
    if (reporter := config.pluginmanager.getplugin("terminalreporter")) is not None:
        reporter.write_line(told)


def _merge(config: pytest.Config) -> str:
    from pytest_robustplus.evaluation.merging import merge
    from pytest_robustplus.reporting.merged import account
    from pytest_robustplus.session.session import session_of

    session = session_of(config)
    settings = session.settings
    return account(merge(session.ledger, settings.merge, session.run, one_renderer=settings.one_renderer))


def _export(config: pytest.Config, files: list[str]) -> int:
    from pytest_robustplus.evaluation.exporting import export_results
    from pytest_robustplus.session.session import session_of

    session = session_of(config)
    paths = [config.invocation_params.dir / file for file in files]
    count = export_results(session, paths)
    session.close(0)
    print(f"{count:,} episodes written to {', '.join(map(str, paths))}")
    return 0


def _page(config: pytest.Config, name: str) -> int:
    from html import escape

    from pytest_robustplus.ledger import Ledger
    from pytest_robustplus.reporting.afterwards import recorded_page
    from pytest_robustplus.reporting.replaying import SHORT, command
    from pytest_robustplus.session.session import session_of

    session, said = session_of(config), list[str]()
    file = config.invocation_params.dir / name
    # What the page says how to play again is played from this ledger.
    config.option.robust_ledger = name
    wanted, videos = config.getoption("--robust-run") or "last", session.settings.html_videos
    with Ledger.open(file, create=False) as ledger:
        text = recorded_page(ledger, wanted, session.registry.benchmarks, videos, said.append)
    place = session.settings.html or config.invocation_params.dir / "robustness.html"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text.replace(SHORT, escape(command(config))), encoding="utf-8")
    print(*said, f"written: {place}", sep="\n")
    return 0


def _replay(config: pytest.Config, episode: str) -> int:
    from pytest_robustplus.ledger import Ledger
    from pytest_robustplus.rollout.replay import replay
    from pytest_robustplus.session.cells import find_benchmark
    from pytest_robustplus.session.session import session_of

    session, identity = session_of(config), _identity(episode)
    with Ledger.open(session.ledger_path, create=False) as ledger:
        stored = ledger.episode(identity)
        benchmark = find_benchmark(ledger.audit(stored.audit).key.benchmark, session.registry.benchmarks)
        outcome = replay(stored, benchmark, Path(f"robustplus-episode-{stored.id}.mp4"))
    print(outcome.text)
    return 0 if outcome.same else 1


def _identity(episode: str) -> int | Literal["last"]:
    if episode == "last":
        return "last"
    if episode.isdecimal():
        return int(episode)
    raise RobustnessError(f"--robust-replay {episode!r}: give the number of an episode, as a failing cell prints it.")
