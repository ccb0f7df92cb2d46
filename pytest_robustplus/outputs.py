"""What a run leaves behind besides its exit code: files for machines and people, written once, by the controller."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from pytest_robustplus.cells import Cell
from pytest_robustplus.errors import BadInputError, RobustnessError
from pytest_robustplus.frontiers import accept_frontiers
from pytest_robustplus.fuzz.files import add_to_corpus
from pytest_robustplus.ledger import Ledger
from pytest_robustplus.report.latency import LatencyResult, measured, result_of
from pytest_robustplus.report.probe import FrontierReport, Probe, in_order, probes
from pytest_robustplus.report.run import PROPERTY, CellResult, Results, reason
from pytest_robustplus.session import session_of

if TYPE_CHECKING:
    from pytest_robustplus.report.document import CellStory

_HELPER = re.compile(r"-helper\d+\]$")
_CELLS = "robustplus_cells"


class Outputs:
    """A plugin of its own, because it keeps what every report said until the run is over."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._results = Results()
        self._probes: list[Probe] = []
        self._latencies: dict[str, LatencyResult] = {}
        self._said: list[tuple[str, bool]] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        cells = _cells(session.items)
        session_of(self._config).count_questions(len(cells))
        self._results.expect(cells)
        output = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[_CELLS] = cells

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        # A worker that died brought no output; the others collected the same cells.
        self._results.expect(getattr(node, "workeroutput", {}).get(_CELLS, {}))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not _HELPER.search(report.nodeid):
            self._results.add(report)
            if (latency := result_of(report, reason(report))) is not None:
                self._latencies[report.nodeid] = latency
        if report.when == "call":
            self._probes += probes(report.user_properties)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        cells, self._probes = self._results.cells(), in_order(self._probes)
        # A worker of pytest-xdist sees only its own cells; a run of other tests has nothing to report.
        nothing = not cells and not self._probes and not self._latencies
        if hasattr(self._config, "workerinput") or nothing or self._config.option.collectonly:
            return
        try:
            self._write(cells)
        except RobustnessError as error:
            self._said.append((f"NOT written: {error}", True))
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for text, wrong in self._said:
            terminalreporter.write_line(text, red=wrong)

    def _write(self, cells: list[CellResult]) -> None:
        session = session_of(self._config)
        settings = session.settings
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if (cells or self._latencies) and (summary or settings.markdown):
            self._write_markdown(cells, summary)
        self._write_corpus()
        self._accept_frontiers()
        if settings.json is None and settings.html is None and settings.accept is None:
            return
        with Ledger.open(session.ledger_path, verify=False) as ledger:
            if settings.json or settings.html:
                self._write_document(cells, ledger)
            if cells or self._latencies:
                self._accept(cells, ledger)

    def _write_corpus(self) -> None:
        from pytest_robustplus.report.fuzzing import corpus_cases

        path = session_of(self._config).settings.corpus
        if path is None or not (cases := corpus_cases(self._probes)):
            return
        added = add_to_corpus(path, cases)
        self._said.append((f"corpus: {added} added to {path}", False))

    def _accept_frontiers(self) -> None:
        session = session_of(self._config)
        measured = [probe for probe in self._probes if isinstance(probe, FrontierReport)]
        if session.settings.accept is None:
            return
        for model, benchmark in dict.fromkeys((report.model, report.benchmark) for report in measured):
            own = [report for report in measured if (report.model, report.benchmark) == (model, benchmark)]
            path = accept_frontiers(session, own)
            self._said.append((f"accepted {len(own)} frontiers of {model}: {path}", False))

    def _write_markdown(self, cells: list[CellResult], summary: str | None) -> None:
        from pytest_robustplus.report.markdown import markdown

        session = session_of(self._config)
        text = markdown(cells, session.benchmarks, list(self._latencies.values()))
        if session.settings.markdown:
            self._save(session.settings.markdown, text)
        if summary:
            # Other steps of the job write to the same file.
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(text)

    def _write_document(self, cells: list[CellResult], ledger: Ledger) -> None:
        from pytest_robustplus.report.document import document, stories

        session = session_of(self._config)
        told, latencies = stories(cells, ledger), list(self._latencies.values())
        runs = {story.episodes[-1].run for story in told if story.episodes}
        if latencies:
            runs.add(session.run)
        run = next((run for run in reversed(ledger.runs()) if run.run in runs), None)
        if session.settings.json and (cells or latencies):
            content = document(told, session.benchmarks, run, latencies)
            written = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
            self._save(session.settings.json, written + "\n")
        if session.settings.html:
            from pytest_robustplus.report.html import page

            videos = self._videos(told, ledger, session.settings.html_videos)
            text = page(told, session.benchmarks, run, videos, self._probes, latencies)
            self._save(session.settings.html, text)

    def _videos(self, told: Sequence[CellStory], ledger: Ledger, wanted: int) -> dict[int, bytes]:
        """Play failing episodes again for the page, one of each cell before a second of any."""
        if not wanted:
            return {}
        from pytest_robustplus.rollout import replay

        failed = [[e.id for e in story.episodes if not e.record.success] for story in told]
        turns = (identity for turn in zip_longest(*failed) for identity in turn if identity is not None)
        videos: dict[int, bytes] = {}
        with TemporaryDirectory() as folder:
            for identity in islice(turns, wanted):
                stored, film = ledger.episode(identity), Path(folder) / f"{identity}.mp4"
                benchmark = session_of(self._config).benchmarks[ledger.audit(stored.audit).key.benchmark]
                try:
                    outcome = replay.replay(stored, benchmark, film)
                except RobustnessError as error:
                    self._said.append((f"no video of episode {identity}: {error}", True))
                    continue
                if not outcome.same:
                    self._said.append((f"no video of episode {identity}, which comes out differently here", True))
                    continue
                videos[identity] = film.read_bytes()
        return videos

    def _save(self, path: Path, text: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BadInputError(
                f"Cannot write {path}: {error.strerror}. Choose a place that can be written."
            ) from error
        self._said.append((f"written: {path}", False))

    def _accept(self, cells: list[CellResult], ledger: Ledger) -> None:
        from pytest_robustplus.accept import DEFAULT, accept
        from pytest_robustplus.latency.accepting import accept_latencies

        session = session_of(self._config)
        place = session.settings.accept
        if place is None:
            return
        root, file = self._config.rootpath, None if place == DEFAULT else self._config.invocation_params.dir / place
        timed = measured(self._latencies.values())
        if cells:
            partial = session.settings.accept_partial
            written = accept(cells, ledger, session.benchmarks, root=root, file=file, partial=partial)
            self._said += [(accepted.text, False) for accepted in written]
        self._said += [(line, False) for line in accept_latencies(timed, root=root, file=file)]


def cell_property(item: pytest.Item) -> list[tuple[str, str]]:
    """Name the cell that an item is about, as a property of its reports; empty for other items."""
    name = _name(item)
    return [(PROPERTY, json.dumps(name))] if name else []


def _cells(items: Iterable[pytest.Item]) -> dict[str, list[str]]:
    named = {item.nodeid: _name(item) for item in items if not _HELPER.search(item.nodeid)}
    return {node: name for node, name in named.items() if name}


def _name(item: pytest.Item) -> list[str]:
    cell = getattr(getattr(item, "callspec", None), "params", {}).get("cell")
    return [cell.card.name, cell.benchmark.name, str(cell.dimension)] if isinstance(cell, Cell) else []
