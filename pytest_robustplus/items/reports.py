"""What the report of an item says: figures instead of a traceback, faults set apart from failures."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import pytest

from pytest_robustplus.errors import CheckFailedError, RobustnessError, passes
from pytest_robustplus.reporting import faults
from pytest_robustplus.reporting.replaying import complete
from pytest_robustplus.results.carried import Carried
from pytest_robustplus.results.cell import CellReport
from pytest_robustplus.results.claims import ClaimReport
from pytest_robustplus.results.comparison import ComparisonReport, ContrastReport
from pytest_robustplus.results.fuzzing import FrontierReport, FuzzReport
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.results.latency import LatencyReport
from pytest_robustplus.results.run import REASON, TRACEBACK, UNPLAYABLE, unplayable

IDENTITY: pytest.StashKey[Identity] = pytest.StashKey()
# What a person needs to know of a question that was lost; its being there makes the test red.
STORY: pytest.StashKey[str] = pytest.StashKey()
# What pytest-rerunfailures has made other plugins understand: what comes of the item another report will say.
RERUN = "rerun"
_PACKAGE = Path(__file__).parents[1]
# What a question that was asked leaves among the properties of its item.
_ANSWERS: dict[str, tuple[type[Carried], ...]] = {
    "cell": (CellReport,),
    "latency": (LatencyReport,),
    "frontier": (FrontierReport,),
    "fuzz": (FuzzReport,),
    "comparison": (ComparisonReport,),
    "contrast": (ContrastReport,),
    "claim": (ClaimReport,),
}


def explain(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> pytest.TestReport:
    """Replace the traceback of a red cell by what a person needs, and set faults apart from failures."""
    identity = item.stash.get(IDENTITY, None)
    if identity is None:
        return report
    report.user_properties.append(identity.property())
    if report.skipped and isinstance(report.longrepr, tuple):
        # Where a skip was raised is ours; -rs is to show the test.
        path, line, _ = item.reportinfo()
        report.longrepr = (str(path), (line or 0) + 1, report.longrepr[2])
    error = call.excinfo.value if call.excinfo else None
    if report.failed and error is not None and not _is_answer(error, item):
        report.user_properties.append((UNPLAYABLE, type(error).__name__))
    if isinstance(error, RobustnessError) and report.failed:
        report.longrepr = faults.told(error, item.config.getoption("tbstyle", "auto"))
        told = [(REASON, str(error))] + [(TRACEBACK, error.trace)] * bool(error.trace)
        report.user_properties.extend(told)
        # JUnit's file takes properties from the report of the teardown, which has those of the item.
        item.user_properties.extend(told)
    if report.when == "call" and report.passed and _unasked(item, identity):
        report.outcome, report.longrepr = "failed", faults.UNASKED
        report.user_properties.append((UNPLAYABLE, "unasked"))
        report.user_properties.append((REASON, faults.UNASKED))
        return report
    story = item.stash.get(STORY, None)
    if story is not None and report.when == "call" and (error is None or isinstance(error, AssertionError)):
        # A test may forget its assert, or run where asserts are compiled away.
        report.outcome, report.longrepr = "failed", complete(story, item.config)
    return report


def _unasked(item: pytest.Item, identity: Identity) -> bool:
    """Whether a test has asked nothing because its assertion, question and all, was compiled away."""
    compiled_away = sys.flags.optimize > 0 and item.config.getoption("assertmode", "rewrite") == "plain"
    kinds = _ANSWERS.get(identity.kind, ())
    return compiled_away and bool(kinds) and all(kind.read(item.user_properties) is None for kind in kinds)


def _is_answer(error: BaseException, item: pytest.Item) -> bool:
    """Whether an exception answers the question that an item asks; whatever else is raised is an error."""
    if isinstance(error, CheckFailedError):
        return True
    if isinstance(error, pytest.fail.Exception):
        # Of a suite that does not assert; within an episode it would be the policy's, and pytest-timeout's is an alarm.
        return not passes(error)
    if not isinstance(error, AssertionError):
        return False
    # An assertion of ours that does not hold is a fault of ours; one of a suite, ours or a user's, is an answer.
    frames = traceback.extract_tb(error.__traceback__)
    last = Path(frames[-1].filename) if frames else item.path
    return last == item.path or not last.is_relative_to(_PACKAGE)


def status(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    """Name what is neither passed nor failed: a worker's death, and a cell that could not be played."""
    if not isinstance(report, pytest.TestReport):
        return None
    outcome: str = report.outcome
    if outcome == RERUN:
        return RERUN, "R", RERUN.upper()
    when: str | None = report.when
    if when == "???":
        # xdist's word for a worker that died.
        return "error", "E", "ERROR"
    if when != "call" or not report.failed:
        return None
    return ("error", "E", "ERROR") if unplayable(report) else None
