"""Pre-flight checks as items: what they find stops the cells of their model."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pytest_robustplus.benchmarks.contract import Check, CheckContext
from pytest_robustplus.distributed.board import board_of
from pytest_robustplus.errors import BadInputError, CheckSkipped, PolicyError, RobustnessError, SimulatorError, blaming
from pytest_robustplus.items import helping
from pytest_robustplus.reporting import skips
from pytest_robustplus.session.cells import Subject, TableCell

if TYPE_CHECKING:
    from pytest_robustplus.evaluation.resources import Resources
    from pytest_robustplus.session.session import Session

# Other workers run the checks in front of a cell in seconds; a model may take minutes to load.
CHECKS_S = 120.0
# How long a worker may take from one check to the next.
UNBEGUN_S = 5.0


@dataclass(frozen=True, slots=True)
class Preflight:
    """One pre-flight check of a model on a benchmark; a failing one stops its model's cells.

    A test marked ``robustness`` that asks for ``check`` gets one item for each check of each model.
    """

    subject: Subject
    check: Check
    _item: pytest.Item

    def run(self) -> str:
        """Run the check and return what it saw; raises ``RobustnessError`` with what is wrong and what to do."""
        from pytest_robustplus.evaluation.resources import resources_of

        skip_unavailable(self.subject)
        try:
            seen = _run(resources_of(self._item.config), self.subject, self.check)
        except CheckSkipped as reason:
            pytest.skip(str(reason))
        self._item.user_properties.append(("preflight", seen))
        return seen


def _run(resources: Resources, subject: Subject, check: Check) -> str:
    session = resources.session
    ledger, which = session.ledger, (session.run, *subject.key, check.name)
    try:
        with session.lease.shared():
            policy, simulator = resources.checkpoints.of(subject).policy, resources.simulator(subject)
            with blaming(RobustnessError, f"Pre-flight check {check.name}", "-".join(subject.key)):
                seen = check.run(CheckContext(simulator, policy, subject.profile, subject.playable()))
    except (BadInputError, PolicyError, SimulatorError) as error:
        # What keeps one check from running keeps others, too; said once, it is not buried under itself.
        if before := ledger.record_fault(*which, str(error)):
            raise CheckSkipped(f"pre-flight check {before} has failed, and this one cannot be run: {error}") from None
        raise
    except Exception as error:
        ledger.record_check(*which, isinstance(error, CheckSkipped), str(error))
        raise
    ledger.record_check(*which, True, seen)
    return seen


def run_missing(resources: Resources, subject: Subject, item: pytest.Item) -> None:
    """Wait for the checks of a subject that other workers run, and run here what none of them runs.

    Nobody runs a check that waits in the queue of this worker, or of one that waits for this one: pytest-xdist lets no
    worker run its last item before it knows of no more. So it is after a death, and when another plugin has shuffled
    the items.
    """
    skip_unavailable(subject)
    session, board = resources.session, board_of(item.config)
    asked = {other.nodeid: getattr(other, "callspec", None) for other in item.session.items}
    given = {node: callspec.params.get("check") for node, callspec in asked.items() if callspec is not None}
    tests = {node: p for node, p in given.items() if isinstance(p, Preflight) and p.subject.key == subject.key}
    checks = {p.check.name: p.check for p in tests.values()}
    begun = last = time.monotonic()

    def missing() -> set[str]:
        return checks.keys() - {check.check for check in session.ledger.checks(session.run, *subject.key)}

    def over() -> bool:
        nonlocal last
        now = time.monotonic()
        if board.under_way() & tests.keys():
            last = now
        return not missing() or now >= min(begun + CHECKS_S, last + UNBEGUN_S)

    if session.spread and missing():
        helping.meanwhile(item.session, over)
    for name in sorted(missing()):
        with suppress(RobustnessError):
            _run(resources, subject, checks[name])


def skip_unavailable(subject: Subject) -> None:
    """Skip the test of a model that cannot be had, with its card's reason."""
    if subject.card.unavailable and not subject.card.policy:
        pytest.skip(f"{subject.card.title}: {subject.card.unavailable}")


def skip_unfit(session: Session, cell: TableCell) -> None:
    """Skip the test of a cell that a failed check stops, or of which nothing can be played; results need neither."""
    skip_unavailable(cell)
    if cell.recorded:
        return
    failed = [check for check in session.ledger.checks(session.run, *cell.key) if not check.passed]
    if failed:
        pytest.skip(skips.failed_check(failed[0].check, failed[0].detail))
    if not cell.playable():
        pytest.skip(skips.no_tasks(cell.benchmark.title, [task.blocked for task in cell.tasks()]))
