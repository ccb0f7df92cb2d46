"""Cells, latencies and pre-flight checks as pytest items: parametrisation, order, and what their reports say."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from pytest_robustplus import probes
from pytest_robustplus.baselines import Baseline
from pytest_robustplus.benchmarks.contract import Check, CheckContext
from pytest_robustplus.cells import Cell
from pytest_robustplus.errors import BadInputError, CheckFailedError, CheckSkipped, RobustnessError, SimulatorError
from pytest_robustplus.outputs import cell_property
from pytest_robustplus.report.figures import paragraph, percent
from pytest_robustplus.report.latency import PROPERTY as LATENCY
from pytest_robustplus.report.latency import control
from pytest_robustplus.report.latency import paragraph as latency_paragraph
from pytest_robustplus.report.progress import Silent, progress
from pytest_robustplus.session import Session, session_of
from pytest_robustplus.workers import UNABLE, WORDS, helpers, is_helper, refuse

_REFUSED: pytest.StashKey[BadInputError] = pytest.StashKey()
_STORY: pytest.StashKey[str] = pytest.StashKey()
_ERROR = "unplayable"
# Other workers run the checks in front of a cell in seconds; a model may take minutes to load.
CHECKS_S = 120.0
POLL_S = 0.2


class CheckTest(NamedTuple):
    """One pre-flight check of one model on one benchmark; ``cell`` stands for all of that model's cells there."""

    cell: Cell
    check: Check


@dataclass(frozen=True, slots=True)
class CellTest:
    """A cell in the hands of a test."""

    cell: Cell
    item: pytest.Item

    def not_worse_than(self, baseline: Baseline | Sequence[Baseline] | None) -> bool:
        """Play until it is known whether the cell reaches the baseline, or each of several, less its margin.

        Without a baseline the whole population is played and the test is skipped with the figures: measured, not
        passed. Raises ``SimulatorError`` or ``PolicyError`` when episodes could not be played.
        """
        # Collecting does not need them.
        from pytest_robustplus.audit import Audit, concluded
        from pytest_robustplus.controls import help_with_controls, with_controls

        session = session_of(self.item.config)
        helps = is_helper(self.item)
        if helps and concluded(session, self.cell):
            pytest.skip("nothing to help with")
        _run_missing_checks(session, self.cell, self.item)
        _refuse_unfit(session, self.cell)
        baselines = [] if baseline is None else [baseline] if isinstance(baseline, Baseline) else baseline
        if helps:
            played = Audit(session, self.cell, baselines, Silent()).help(patient=bool(session.settings.controls))
            if played is not None:
                help_with_controls(session, self.cell, baselines, played)
            pytest.skip("helped")
        shown = progress(self.item.config, session.settings.progress)
        report = Audit(session, self.cell, baselines, shown).decide()
        report = with_controls(session, self.cell, baselines, shown, report)
        self.item.stash[_STORY] = paragraph(
            report, f"{report.dimension} of {report.model} on {self.cell.benchmark.title}"
        )
        self.item.user_properties.extend(report.properties())
        if report.outcome == "measured":
            pytest.skip(f"measured {percent(report.rate)} of {report.played}; there is no baseline to hold it against")
        return report.outcome == "pass"


@dataclass(frozen=True, slots=True)
class LatencyTest:
    """A model in the hands of a latency test; ``cell`` stands for all of that model's cells on the benchmark."""

    cell: Cell
    item: pytest.Item

    def not_slower(self, allowed: float = 0.10) -> bool:
        """Time the model and say whether it is at most ``allowed`` slower than each of what it is held against.

        With nothing to hold it against the test is skipped with the figures: measured, not passed. Raises
        ``RobustnessError`` when the policy could not be reached or answered.
        """
        from pytest_robustplus.timing import time_model
        from pytest_robustplus.verdict.latency import LatencyPlan

        session = session_of(self.item.config)
        _skip_unavailable(self.cell)
        if self.cell.card.family == "script":
            pytest.skip(f"{self.cell.card.title} is a script and infers nothing")
        timed = frozenset(cell.card.name for cell in _timed(self.item.session.items, self.cell.benchmark.name))
        report = time_model(session, self.cell, LatencyPlan(allowed=allowed), timed)
        self.item.stash[_STORY] = latency_paragraph(report, self.cell.benchmark.title)
        self.item.user_properties.extend(report.properties())
        if report.outcome == "measured":
            pytest.skip(
                f"measured {report.p50_ms:.1f} ms an inference, {control(report)}; there is nothing to hold it against"
            )
        return report.outcome == "pass"


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Give a marked test one item per cell, or per pre-flight check of each model."""
    marker = metafunc.definition.get_closest_marker("robustness")
    asked = set(metafunc.fixturenames)
    wanted = {"cell", "check", "axis", "space", "play"} & asked
    if marker is None or not (wanted or asked >= {"model", "latency"}):
        return
    try:
        cells = session_of(metafunc.config).cells(_benchmark_name(marker))
    except BadInputError as error:
        # Raised here it would be one more collection error; the run as a whole was asked for something impossible.
        metafunc.config.stash[_REFUSED] = error
        cells = []
    if "cell" in metafunc.fixturenames:
        # Only an audit can be shared; whatever else a test does with its cell it does once.
        shared = helpers(cells, metafunc.config) if "audit" in metafunc.fixturenames else []
        metafunc.parametrize("cell", [*(pytest.param(cell, id=cell.id) for cell in cells), *shared])
        return
    models = {cell.card.name: cell for cell in cells}
    if "latency" in asked:
        names = [f"{cell.card.name}-{cell.benchmark.name}" for cell in models.values()]
        metafunc.parametrize("model", list(models.values()), ids=names)
        return
    if _parametrize_probes(metafunc, list(models.values())):
        return
    checks = [CheckTest(cell, check) for cell in models.values() for check in cell.benchmark.checks()]
    names = [f"{test.cell.card.name}-{test.cell.benchmark.name}-{test.check.name}" for test in checks]
    metafunc.parametrize("check", checks, ids=names)


def _benchmark_name(marker: pytest.Mark) -> str:
    match marker.args:
        case (str(name),) if not marker.kwargs:
            return name
    given = ", ".join([*map(repr, marker.args), *(f"{name}={value!r}" for name, value in marker.kwargs.items())])
    raise BadInputError(
        f"@pytest.mark.robustness({given}): the mark takes the name of one benchmark, as in"
        " @pytest.mark.robustness('libero_plus')."
    )


def _parametrize_probes(metafunc: pytest.Metafunc, cells: list[Cell]) -> bool:
    wanted = session_of(metafunc.config).settings.perturbations
    tests: list[probes.AxisTest] | list[probes.SpaceTest]
    if "play" in metafunc.fixturenames:
        names = [f"{cell.card.name}-{cell.benchmark.name}" for cell in cells]
        metafunc.parametrize("play", cells, ids=names, indirect=True, scope="session")
        return True
    if "axis" in metafunc.fixturenames:
        tests = [test for cell in cells for test in probes.axis_tests(cell, wanted)]
        metafunc.parametrize("axis", tests, ids=[test.id for test in tests])
        return True
    if "space" in metafunc.fixturenames:
        tests = [test for cell in cells for test in probes.space_tests(cell, wanted)]
        metafunc.parametrize("space", tests, ids=[test.id for test in tests])
        return True
    return False


def check_selection(config: pytest.Config) -> None:
    """Refuse models and suites that nothing offers, before anything is collected."""
    try:
        session_of(config).check_selection()
    except BadInputError as error:
        raise pytest.UsageError(str(error)) from error


def arrange(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let pre-flight checks run first, then latencies, helpers last; otherwise keep the order.

    Of the latencies that one goes first which others are held against. A run that was asked for cells that cannot be
    ends here.
    """
    for item in items:
        if "play" in getattr(item, "fixturenames", ()):
            probes.without_deadline(item)
    try:
        if _REFUSED in config.stash:
            raise config.stash[_REFUSED]
        items.sort(key=_turn)
    except BadInputError as error:
        refuse(config, items, str(error))


def _turn(item: pytest.Item) -> int:
    if "check" in getattr(item, "fixturenames", ()):
        return 0
    if timed := _timed([item]):
        latencies = session_of(item.config).baselines.latencies
        return 1 if timed[0].card.baseline in {row.relative_to for row in latencies} else 2
    return 4 if is_helper(item) else 3


def _timed(items: Iterable[pytest.Item], benchmark: str = "") -> list[Cell]:
    """The models whose latency these items test, each as one of its cells."""
    found = (item.callspec.params.get("model") for item in items if hasattr(item, "callspec"))
    return [cell for cell in found if isinstance(cell, Cell) and benchmark in ("", cell.benchmark.name)]


def run_check(test: CheckTest, item: pytest.Item) -> str:
    """Run one pre-flight check and remember its outcome for the cells that depend on it."""
    _skip_unavailable(test.cell)
    try:
        seen = _check(session_of(item.config), test)
    except CheckSkipped as reason:
        pytest.skip(str(reason))
    item.user_properties.append(("preflight", seen))
    return seen


def _check(session: Session, test: CheckTest) -> str:
    cell, ledger = test.cell, session.ledger
    which = session.run, *_model(cell), test.check.name
    try:
        with session.lease.shared():
            context = CheckContext(
                session.simulator(cell), session.checkpoint(cell).policy, cell.profile, session.playable(cell)
            )
            seen = test.check.run(context)
    except (BadInputError, SimulatorError) as error:
        # What keeps one check from running keeps others, too; said once, it is not buried under itself.
        if before := ledger.record_fault(*which, str(error)):
            raise CheckSkipped(f"pre-flight check {before} has failed, and this one cannot be run: {error}") from None
        raise
    except Exception as error:
        ledger.record_check(*which, isinstance(error, CheckSkipped), str(error))
        raise
    ledger.record_check(*which, True, seen)
    return seen


def explain(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> pytest.TestReport:
    """Replace the traceback of a red cell by what a person needs, and set faults apart from failures."""
    if item.get_closest_marker("robustness") is None:
        return report
    error = call.excinfo.value if call.excinfo else None
    if is_helper(item) and (report.when == "call" or not report.passed):
        if report.failed:
            report.user_properties.append((UNABLE, str(error)))
        # Neither passed nor skipped, which would be counted; whatever is wrong with the cell its lead will say.
        report.outcome, report.longrepr = "helped", None  # type: ignore[assignment]
        return report
    if isinstance(error, RobustnessError) and report.failed:
        report.longrepr = str(error)
        if not isinstance(error, CheckFailedError):
            report.user_properties.append((_ERROR, type(error).__name__))
    report.user_properties.extend(cell_property(item))
    if timed := _timed([item]):
        report.user_properties.append((LATENCY, json.dumps([timed[0].card.name, timed[0].benchmark.name])))
    for key in (probes.PARAGRAPH, _STORY):
        story = item.stash.get(key, None)
        if story is not None and report.when == "call" and isinstance(error, AssertionError):
            report.longrepr = story
    return report


def status(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    """Name what is neither passed nor failed: a helper, a worker's death, and a cell that could not be played."""
    if not isinstance(report, pytest.TestReport):
        return None
    outcome: str = report.outcome
    if outcome in WORDS:
        return outcome, WORDS[outcome], outcome.upper()
    when: str | None = report.when
    if when == "???":
        # xdist's word for a worker that died.
        return "error", "E", "ERROR"
    if when != "call" or not report.failed:
        return None
    at_fault = any(name == _ERROR for name, _ in report.user_properties)
    return ("error", "E", "ERROR") if at_fault else None


def _refuse_unfit(session: Session, cell: Cell) -> None:
    _skip_unavailable(cell)
    failed = [check for check in session.ledger.checks(session.run, *_model(cell)) if not check.passed]
    if failed:
        pytest.skip(f"not played: pre-flight check {failed[0].check} failed: {failed[0].detail}")
    if not session.playable(cell):
        listed = cell.tasks()
        reason = listed[0].blocked if listed else f"{cell.benchmark.title} has no such task"
        pytest.skip(f"0 of {len(listed):,} tasks can be played: {reason}")


def _run_missing_checks(session: Session, cell: Cell, item: pytest.Item) -> None:
    """Wait for the checks of a cell's model that other workers run, and run here what nobody has run in time.

    Nobody does when a worker dies with a check in its queue, or when another plugin has shuffled the items.
    """
    _skip_unavailable(cell)
    functions = [other for other in item.session.items if isinstance(other, pytest.Function)]
    params = [other.callspec.params.get("check") for other in functions if hasattr(other, "callspec")]
    tests = {p.check.name: p for p in params if isinstance(p, CheckTest) and _model(p.cell) == _model(cell)}
    deadline = time.monotonic() + (CHECKS_S if session.spread else 0)
    while missing := tests.keys() - {check.check for check in session.ledger.checks(session.run, *_model(cell))}:
        if time.monotonic() < deadline:
            time.sleep(POLL_S)
            continue
        for name in sorted(missing):
            with suppress(RobustnessError):
                _check(session, tests[name])


def _skip_unavailable(cell: Cell) -> None:
    if cell.card.unavailable and not cell.card.policy:
        pytest.skip(f"{cell.card.title}: {cell.card.unavailable}")


def _model(cell: Cell) -> tuple[str, str]:
    return cell.card.name, cell.benchmark.name
