"""What a run leaves behind besides its exit code: files for machines and people, written once, by the controller."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
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
from pytest_robustplus.results.answers import Results
from pytest_robustplus.results.findings import Findings
from pytest_robustplus.results.fuzzing import FrontierReport
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.results.latency import measured
from pytest_robustplus.results.rows import RunRecord
from pytest_robustplus.results.run import CellResult
from pytest_robustplus.results.text import quantity
from pytest_robustplus.session.session import session_of

if TYPE_CHECKING:
    from pytest_robustplus.reporting.json import CellStory


class Outputs:
    """Keeps what every report said until the run is over, then writes."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._results = Results(lambda name: session_of(config).registry.benchmarks[name].dimensions)
        self.found = Findings()
        """What the run found out, once it is over."""
        self._said: list[tuple[str, bool]] = []
        self._files: list[Path] = []

    def expect(self, items: Mapping[str, Identity]) -> None:
        """Announce the items of this run."""
        asked = set(items.values())
        session_of(self._config).count_questions(sum(item.kind == "cell" for item in asked))
        session_of(self._config).count_comparisons(sum(item.kind == "comparison" for item in asked))
        self._results.expect(items)

    def add(self, report: pytest.TestReport) -> None:
        """Take one phase of one test."""
        self._results.add(report)

    def cells(self) -> list[CellResult]:
        """How each cell has ended so far."""
        return self._results.cells()

    def write(self, session: pytest.Session) -> None:
        """Write what the options ask for; what cannot be written turns a green run red and is said."""
        # A worker of pytest-xdist sees only its own cells.
        if is_worker(self._config) or self._config.option.collectonly:
            return
        # Of a run of other tests nothing.
        self.found = self._results.findings()
        if self.found:
            self._write(self.found)
        if any(wrong for _, wrong in self._said) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def record(self, exitstatus: int) -> RunRecord | None:
        """The run as data, once it is written; None where nothing of ours was asked."""
        from pytest_robustplus.reporting.json import document

        if not self.found:
            return None
        session, known = session_of(self._config), None
        with suppress(LedgerError), Ledger.open(session.ledger_path, create=False, verify=False) as ledger:
            run = self._run(ledger)
            known = None if run is None else recorded_run(ledger, run)
        known = known or RunRecord(session.run, session.command, "", cell_rows(()))
        told = document([], session.registry.benchmarks, None, self.found)
        return replace(
            known,
            cells=cell_rows(self.found.cells),
            exitstatus=int(exitstatus),
            latencies=tuple(told["latencies"]),
            comparisons=tuple(told["comparisons"]),
            fuzzing=tuple(told["fuzzing"]),
            files=tuple(self._files),
        )

    def summarize(self, terminal: pytest.TerminalReporter) -> None:
        """Say what was written where, and what the run has no answer to."""
        if self.found.unanswered:
            terminal.write_line(unanswered(self.found.unanswered))
        for text, wrong in self._said:
            terminal.write_line(text, red=wrong)

    def _write(self, found: Findings) -> None:
        session = session_of(self._config)
        settings = session.settings
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if summary or settings.markdown:
            self._try(lambda: self._write_markdown(found, summary))
        if (place := settings.csv) is not None:
            self._try(lambda: self._save(place, cell_rows(found.cells).to_csv()))
        self._try(lambda: self._keep(found))
        self._try(lambda: self._write_corpus(found))
        self._try(lambda: self._accept_frontiers(found.frontiers))
        if settings.json is None and settings.html is None and settings.accept is None:
            return

        def with_ledger(write: Callable[[Findings, Ledger], None]) -> None:
            with Ledger.open(session.ledger_path, verify=False) as ledger:
                write(found, ledger)

        if settings.json:
            self._try(lambda: with_ledger(self._write_json))
        if settings.html:
            self._try(lambda: with_ledger(self._write_page))
        if found.cells or found.latencies:
            self._try(lambda: with_ledger(self._accept))

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

    def _keep(self, found: Findings) -> None:
        """Leave in the ledger, if this run has one, what its page can be made of afterwards."""
        session = session_of(self._config)
        if not session.ledger_path.is_file():
            return
        with Ledger.open(session.ledger_path, create=False, verify=False) as ledger:
            ledger.record_findings(session.run, found.to_json())

    def _write_corpus(self, found: Findings) -> None:
        from pytest_robustplus.reporting.fuzzing import corpus_cases

        path = session_of(self._config).settings.corpus
        cases = corpus_cases(found.probes) + [
            {
                "benchmark": apart.benchmark,
                "model": "-vs-".join(apart.models),
                "perturbation": json.loads(apart.perturbation),
                "mildest": False,
            }
            for apart in found.contrasts
            if apart.perturbation
        ]
        if path is None or not cases:
            return
        added = add_to_corpus(path, cases)
        self._said.append((f"corpus: {added} added to {path}", False))

    def _accept_frontiers(self, measured: Sequence[FrontierReport]) -> None:
        session = session_of(self._config)
        if session.settings.accept is None:
            return
        for model, benchmark in dict.fromkeys((report.model, report.benchmark) for report in measured):
            own = [report for report in measured if (report.model, report.benchmark) == (model, benchmark)]
            path = accept_frontiers(session, own)
            self._said.append((f"accepted {quantity(len(own), 'frontier')} of {model}: {path}", False))

    def _write_markdown(self, found: Findings, summary: str | None) -> None:
        from pytest_robustplus.reporting.markdown import markdown

        session = session_of(self._config)
        text = complete(markdown(found, session.registry.benchmarks), self._config)
        if (place := session.settings.markdown) is not None:
            self._try(lambda: self._save(place, text))
        if summary:
            # Other steps of the job write to the same file.
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(text)

    def _told(self, found: Findings, ledger: Ledger) -> tuple[list[CellStory], Run | None]:
        """What the ledger knows of the cells, and of the run."""
        from pytest_robustplus.reporting.json import stories

        return stories(found.cells, ledger), self._run(ledger)

    def _run(self, ledger: Ledger) -> Run | None:
        """This run; None where it had no use for a ledger."""
        return next((run for run in ledger.runs() if run.run == session_of(self._config).run), None)

    def _write_json(self, found: Findings, ledger: Ledger) -> None:
        from pytest_robustplus.reporting.json import document

        session, (told, run) = session_of(self._config), self._told(found, ledger)
        content = document(told, session.registry.benchmarks, run, found)
        written = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        assert session.settings.json is not None
        self._save(session.settings.json, written + "\n")

    def _write_page(self, found: Findings, ledger: Ledger) -> None:
        from pytest_robustplus.reporting.filming import films
        from pytest_robustplus.reporting.html import page

        session, (told, run) = session_of(self._config), self._told(found, ledger)
        benchmarks, wanted = session.registry.benchmarks, session.settings.html_videos
        videos = films(
            told, found.comparisons, ledger, benchmarks, wanted, lambda text: self._said.append((text, True))
        )
        text = page(told, benchmarks, run, found, videos)
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

    def _accept(self, found: Findings, ledger: Ledger) -> None:
        from pytest_robustplus.reporting.accept import DEFAULT, accept
        from pytest_robustplus.reporting.accept_latency import accept_latencies

        session = session_of(self._config)
        place = session.settings.accept
        if place is None:
            return
        root, file = self._config.rootpath, None if place == DEFAULT else self._config.invocation_params.dir / place
        timed = measured(found.latencies)
        if found.cells:
            partial = session.settings.accept_partial
            written = accept(found.cells, ledger, session.registry.benchmarks, root=root, file=file, partial=partial)
            self._said += [(accepted.text, False) for accepted in written]
        self._said += [(line, False) for line in accept_latencies(timed, root=root, file=file)]
