"""What pytest does instead of testing: list models or episodes, import or export results, play episodes again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from glob import glob
from pathlib import Path
from typing import Any

import pytest

from pytest_robustplus.distributed.process import is_controller, is_worker
from pytest_robustplus.errors import RobustnessError


def run(config: pytest.Config) -> int | None:
    """Run the command that the options ask for, and return its exit code; None when they ask for tests."""
    from pytest_robustplus.session.session import session_of

    commands: dict[str, Callable[[pytest.Config, Any], int]] = {
        "init": _init,
        "import": _import,
        "merge": _merge_alone,
        "page": _page,
        "export": _export,
        "models": _list_models,
        "episodes": _list_episodes,
        "replay": _replay,
    }
    asked = {name: config.getoption(f"--robust-{name}") for name in commands}
    if asked["merge"] and session_of(config).settings.models:
        asked["merge"] = None  # before a run, not instead of one
    chosen = next((name for name, value in asked.items() if value), None)
    if chosen is None:
        return None
    # As pytest's own --version does: the cache, where the ledger lies, exists only after configuration.
    config._do_configure()
    try:
        return commands[chosen](config, asked[chosen])
    except RobustnessError as error:
        raise pytest.UsageError(str(error)) from error
    finally:
        config._ensure_unconfigure()


def _init(config: pytest.Config, name: str) -> int:
    from pytest_robustplus.items.starting import start
    from pytest_robustplus.reporting.commands import started

    folder = config.invocation_params.dir / name
    print(*started(folder, *start(folder)), sep="\n")
    return 0


def _list_models(config: pytest.Config, asked: bool) -> int:
    from pytest_robustplus.reporting.models import table
    from pytest_robustplus.session.session import session_of

    print(table(session_of(config).registry.cards, shutil.get_terminal_size((160, 24)).columns))
    return 0


def _import(config: pytest.Config, files: list[str]) -> int:
    from pytest_robustplus.evaluation.importing import import_results
    from pytest_robustplus.reporting.commands import imported
    from pytest_robustplus.session.session import session_of

    session = session_of(config)
    found = import_results(session, [config.invocation_params.dir / file for file in files])
    session.close(0)
    print(*imported(found), sep="\n")
    return 0


def merge_first(config: pytest.Config) -> None:
    """Join the ledgers that the options name before the cells of the chosen models are read from them."""
    if not config.getoption("--robust-merge"):
        return
    if is_worker(config) or is_controller(config):
        raise pytest.UsageError("--robust-merge plays nothing, so there is nothing to spread: say -n0.")
    try:
        told = _merge(config)
    except RobustnessError as error:
        raise pytest.UsageError(str(error)) from error
    if (reporter := config.pluginmanager.getplugin("terminalreporter")) is not None:
        reporter.write_line(told)


def _merge(config: pytest.Config) -> str:
    from pytest_robustplus.evaluation.merging import merge
    from pytest_robustplus.reporting.commands import merged
    from pytest_robustplus.session.session import session_of

    session = session_of(config)
    settings = session.settings
    # A shell leaves a * alone that stands behind a =.
    ledgers = [Path(file) for place in settings.merge for file in _named(str(place))]
    found = merge(session.ledger, ledgers, session.run, one_renderer=settings.one_renderer)
    return "\n".join(merged(found))


def _named(pattern: str) -> list[str]:
    """The files that a pattern matches, or itself where it is one or matches none."""
    return [pattern] if os.path.exists(pattern) else sorted(glob(pattern)) or [pattern]


def _export(config: pytest.Config, files: list[str]) -> int:
    from pytest_robustplus.evaluation.exporting import export_results
    from pytest_robustplus.ledger import Ledger
    from pytest_robustplus.reporting.commands import exported
    from pytest_robustplus.session.session import session_of

    session = session_of(config)
    # Whoever misspells it is told so, and finds no empty one there next time.
    Ledger.open(session.ledger_path, create=False, verify=False).close()
    paths = [config.invocation_params.dir / file for file in files]
    count = export_results(session, paths)
    session.close(0)
    print(exported(count, paths))
    return 0


def _merge_alone(config: pytest.Config, asked: object) -> int:
    from pytest_robustplus.session.session import session_of

    print(_merge(config))
    session_of(config).close(0)
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


def _list_episodes(config: pytest.Config, filters: list[str]) -> int:
    from pytest_robustplus.ledger import Ledger
    from pytest_robustplus.reporting import episodes
    from pytest_robustplus.reporting.selection import Selection
    from pytest_robustplus.session.session import session_of

    words = _words(filters)
    with Ledger.open(session_of(config).ledger_path, create=False) as ledger:
        found = list(Selection.read(words, ledger).find(ledger)) if words else []
        csv, json = config.getoption("--robust-csv"), config.getoption("--robust-json")
        if csv is not None and not words:
            raise RobustnessError("--robust-csv lists episodes: say which, as in --robust-episodes=last.")
        if csv is not None:
            _write(config, csv, episodes.table(found).to_csv())
        if json is not None:
            _write(config, json, episodes.as_json(found if words else None, ledger))
        if "-" not in (csv, json):
            for line in episodes.episodes(found) if words else episodes.runs(ledger):
                print(line)
    return 0 if found or not words else 1


def _replay(config: pytest.Config, filters: list[str]) -> int:
    from pytest_robustplus.ledger import Ledger
    from pytest_robustplus.reporting.retelling import retell
    from pytest_robustplus.reporting.selection import Selection
    from pytest_robustplus.session.session import session_of

    session, words = session_of(config), _words(filters)
    folder = config.invocation_params.dir / (config.getoption("--robust-replay-to") or "")
    forms = [form for part in config.getoption("--robust-replay-as") or ["mp4"] for form in _words([part])]
    with Ledger.open(session.ledger_path, create=False) as ledger:
        if words == ["last"]:
            words = [str(ledger.episode("last").id)]
        elif len(words) == 1 and words[0].isdecimal():
            ledger.episode(int(words[0]))  # which says what the ledger holds instead
        found = [one for one in Selection.read(words, ledger).find(ledger) if one.outcome != "error" or len(words) == 1]
        return retell(found, ledger, session.registry.benchmarks, forms, folder, print)


def _words(filters: list[str]) -> list[str]:
    return [word for text in filters for word in text.replace(",", " ").split()]


def _write(config: pytest.Config, place: str, text: str) -> None:
    if place == "-":
        print(text, end="")
        return
    path = config.invocation_params.dir / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
