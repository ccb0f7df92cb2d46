"""What a run leaves behind besides its exit code: files for machines and people, written once, by the controller."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_robustplus.distributed.process import is_worker
from pytest_robustplus.errors import BadInputError, LedgerError, RobustnessError
from pytest_robustplus.fuzz.files import add_to_corpus
from pytest_robustplus.ledger import Ledger, Run
from pytest_robustplus.reporting.accept_frontiers import accept_frontiers
from pytest_robustplus.reporting.reading import cell_rows, recorded_run
from pytest_robustplus.reporting.replaying import SHORT, command, complete
from pytest_robustplus.reporting.text import unanswered
from pytest_robustplus.results.comparison import ComparisonReport, ContrastReport
from pytest_robustplus.results.findings import Findings
from pytest_robustplus.results.fuzzing import FrontierReport, FuzzReport, Probe, in_order, probes
from pytest_robustplus.results.identity import Answers, Identity
from pytest_robustplus.results.latency import LatencyResult, measured, result_of
from pytest_robustplus.results.rows import RunRecord
from pytest_robustplus.results.run import CellResult, Results, reason
from pytest_robustplus.session.session import session_of

if TYPE_CHECKING:
    from pytest_robustplus.reporting.json import CellStory


class Outputs:
    """Keeps what every report said until the run is over, then writes."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._results = Results()
        self._asked: dict[str, Identity] = {}
        self._told_of: set[str] = set()
        self._probed: Answers[Probe] = Answers(lambda probe: probe.outcome == "fail")
        self._timed: Answers[LatencyResult] = Answers(lambda result: ("fail", "error").count(result.state))
        self._probes: list[Probe] = []
        self._latencies: list[LatencyResult] = []
        self._compared: Answers[ComparisonReport] = Answers(lambda report: report.answer == "fail")
        self._comparisons: list[ComparisonReport] = []
        self._apart: Answers[ContrastReport] = Answers(lambda report: 0)
        self._contrasts: list[ContrastReport] = []
        self._said: list[tuple[str, bool]] = []
        self._files: list[Path] = []
        self._something = False

    def expect(self, items: Mapping[str, Identity]) -> None:
        """Announce the items of this run."""
        asked = set(items.values())
        session_of(self._config).count_questions(sum(item.kind == "cell" for item in asked))
        session_of(self._config).count_comparisons(sum(item.kind == "comparison" for item in asked))
        self._asked.update(items)
        self._results.expect(items)

    def add(self, report: pytest.TestReport) -> None:
        """Take one phase of one test."""
        item = Identity.read(report.user_properties)
        self._results.add(report, item)
        if report.when == "call" or not report.passed:
            self._told_of.add(report.nodeid)
        if item is None:
            return
        if (latency := result_of(report, item, reason(report))) is not None:
            self._timed.put(item, report.nodeid, latency)
        if (compared := ComparisonReport.read(report.user_properties)) is not None:
            self._compared.put(item, report.nodeid, compared)
        if (apart := ContrastReport.read(report.user_properties)) is not None and report.when == "call":
            self._apart.put(item, report.nodeid, apart)
        if report.when == "call":
            for probe in probes(report.user_properties):
                self._probed.put(item, report.nodeid, probe)

    def cells(self) -> list[CellResult]:
        """How each cell has ended so far."""
        return self._results.cells()

    def unanswered(self) -> list[Identity]:
        """The questions that the run ended before, however it ended; checks are none, they come with every run."""
        answered = {item for node, item in self._asked.items() if node in self._told_of}
        asked = dict.fromkeys(item for item in self._asked.values() if item.kind != "check")
        return [item for item in asked if item not in answered]

    def write(self, session: pytest.Session) -> None:
        """Write what the options ask for; what cannot be written turns a green run red and is said."""
        cells, self._probes = self._results.cells(), in_order(self._probed.all().values())
        self._latencies, self._comparisons = [*self._timed.all().values()], [*self._compared.all().values()]
        self._contrasts = [*self._apart.all().values()]
        # A worker of pytest-xdist sees only its own cells; a run of other tests has nothing to report.
        nothing = not cells and not self._probes and not self._latencies and not self._comparisons
        nothing = nothing and not self._contrasts and not self.unanswered()
        if is_worker(self._config) or nothing or self._config.option.collectonly:
            return
        self._something = True
        self._write(cells)
        if any(wrong for _, wrong in self._said) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def record(self, exitstatus: int) -> RunRecord | None:
        """The run as data, once it is written; None where nothing of ours was asked."""
        from pytest_robustplus.reporting.json import document

        if not self._something:
            return None
        session, known = session_of(self._config), None
        with suppress(LedgerError), Ledger.open(session.ledger_path, create=False, verify=False) as ledger:
            run = next((run for run in ledger.runs() if run.run == session.run), None)
            known = None if run is None else recorded_run(ledger, run)
        known = known or RunRecord(session.run, session.command, "", cell_rows(()))
        told = document([], session.registry.benchmarks, None, self._latencies, self._comparisons, self._probes)
        return replace(
            known,
            cells=cell_rows(self._results.cells()),
            exitstatus=int(exitstatus),
            latencies=tuple(told["latencies"]),
            comparisons=tuple(told["comparisons"]),
            fuzzing=tuple(told["fuzzing"]),
            files=tuple(self._files),
        )

    def summarize(self, terminal: pytest.TerminalReporter) -> None:
        """Say what was written where, and what the run has no answer to."""
        if self._something and (left := self.unanswered()):
            terminal.write_line(unanswered(left))
        for text, wrong in self._said:
            terminal.write_line(text, red=wrong)

    def _write(self, cells: list[CellResult]) -> None:
        session = session_of(self._config)
        settings = session.settings
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if summary or settings.markdown:
            self._try(lambda: self._write_markdown(cells, summary))
        if (place := settings.csv) is not None:
            self._try(lambda: self._save(place, cell_rows(cells).to_csv()))
        self._try(lambda: self._keep(cells))
        self._try(self._write_corpus)
        self._try(self._accept_frontiers)
        if settings.json is None and settings.html is None and settings.accept is None:
            return

        def with_ledger(write: Callable[[Ledger], None]) -> None:
            with Ledger.open(session.ledger_path, verify=False) as ledger:
                write(ledger)

        if settings.json:
            self._try(lambda: with_ledger(lambda ledger: self._write_json(cells, ledger)))
        if settings.html:
            self._try(lambda: with_ledger(lambda ledger: self._write_page(cells, ledger)))
        if cells or self._latencies:
            self._try(lambda: with_ledger(lambda ledger: self._accept(cells, ledger)))

    def _try(self, write: Callable[[], None]) -> None:
        """Write one thing; what keeps it from being written keeps nothing else from it."""
        try:
            write()
        except RobustnessError as error:
            self._said.append((f"NOT written: {error}", True))
        except OSError as error:
            place = f" {error.filename}" if error.filename else ""
            self._said.append(
                (f"NOT written: {error.strerror or error}{place}. Choose a place that can be written.", True)
            )

    def _keep(self, cells: list[CellResult]) -> None:
        """Leave in the ledger, if this run has one, what its page can be made of afterwards."""
        session = session_of(self._config)
        if not session.ledger_path.is_file():
            return
        found = Findings(
            tuple(cells),
            tuple(self._latencies),
            tuple(self._comparisons),
            tuple(probe for probe in self._probes if isinstance(probe, FrontierReport)),
            tuple(probe for probe in self._probes if isinstance(probe, FuzzReport)),
        )
        with Ledger.open(session.ledger_path, create=False, verify=False) as ledger:
            ledger.record_findings(session.run, found.to_json())

    def _write_corpus(self) -> None:
        from pytest_robustplus.reporting.fuzzing import corpus_cases

        path = session_of(self._config).settings.corpus
        cases = corpus_cases(self._probes) + [
            {
                "benchmark": found.benchmark,
                "model": "-vs-".join(found.models),
                "perturbation": json.loads(found.perturbation),
                "mildest": False,
            }
            for found in self._contrasts
            if found.perturbation
        ]
        if path is None or not cases:
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
        from pytest_robustplus.reporting.markdown import markdown

        session = session_of(self._config)
        latencies, compared, left = self._latencies, self._comparisons, self.unanswered()
        text = markdown(cells, session.registry.benchmarks, latencies, compared, self._probes, left)
        text = complete(text, self._config)
        if (place := session.settings.markdown) is not None:
            self._try(lambda: self._save(place, text))
        if summary:
            # Other steps of the job write to the same file.
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(text)

    def _told(self, cells: list[CellResult], ledger: Ledger) -> tuple[list[CellStory], Run | None]:
        """What the ledger knows of the cells, and of the run."""
        from pytest_robustplus.reporting.json import stories

        told = stories(cells, ledger)
        runs = {story.episodes[-1].run for story in told if story.episodes}
        if self._latencies or self._comparisons or self._probes:
            runs.add(session_of(self._config).run)
        return told, next((run for run in reversed(ledger.runs()) if run.run in runs), None)

    def _write_json(self, cells: list[CellResult], ledger: Ledger) -> None:
        from pytest_robustplus.reporting.json import document

        session, (told, run) = session_of(self._config), self._told(cells, ledger)
        latencies, compared, left = self._latencies, self._comparisons, self.unanswered()
        content = document(told, session.registry.benchmarks, run, latencies, compared, self._probes, left)
        written = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        assert session.settings.json is not None
        self._save(session.settings.json, written + "\n")

    def _write_page(self, cells: list[CellResult], ledger: Ledger) -> None:
        from pytest_robustplus.reporting.filming import films
        from pytest_robustplus.reporting.html import page

        session, (told, run) = session_of(self._config), self._told(cells, ledger)
        latencies, compared = self._latencies, self._comparisons
        benchmarks, wanted = session.registry.benchmarks, session.settings.html_videos
        videos = films(told, compared, ledger, benchmarks, wanted, lambda text: self._said.append((text, True)))
        text = page(told, benchmarks, run, videos, self._probes, latencies, compared)
        assert session.settings.html is not None
        self._save(session.settings.html, text.replace(SHORT, escape(command(self._config))))

    def _save(self, path: Path, text: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BadInputError(
                f"Cannot write {path}: {error.strerror}. Choose a place that can be written."
            ) from error
        self._files.append(path)
        self._said.append((f"written: {path}", False))

    def _accept(self, cells: list[CellResult], ledger: Ledger) -> None:
        from pytest_robustplus.reporting.accept import DEFAULT, accept
        from pytest_robustplus.reporting.accept_latency import accept_latencies

        session = session_of(self._config)
        place = session.settings.accept
        if place is None:
            return
        root, file = self._config.rootpath, None if place == DEFAULT else self._config.invocation_params.dir / place
        timed = measured(self._latencies)
        if cells:
            partial = session.settings.accept_partial
            written = accept(cells, ledger, session.registry.benchmarks, root=root, file=file, partial=partial)
            self._said += [(accepted.text, False) for accepted in written]
        self._said += [(line, False) for line in accept_latencies(timed, root=root, file=file)]
