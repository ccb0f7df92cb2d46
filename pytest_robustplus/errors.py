"""What can go wrong, told apart by who has to act; every message says what, where and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# More names than this are no help: RoboTwin and ManiSkill have dozens of tasks.
_LISTED = 24


class RobustnessError(Exception):
    """Base of every error that this package raises on purpose; its text is one readable paragraph."""


class BadInputError(RobustnessError):
    """The user asked for something that is not there or does not fit; ends a run with pytest's usage code."""


class SimulatorError(RobustnessError):
    """An episode could not be played: retried once, recorded, never scored against the policy."""


class PolicyUnreachableError(SimulatorError):
    """The server behind a policy is gone, silent or out of step: infrastructure, treated like a simulator's fault."""


class PolicyError(RobustnessError):
    """The policy raised, or answered with something that no robot can execute: recorded, never scored."""


class CheckFailedError(RobustnessError):
    """A pre-flight check found something that would make every episode meaningless."""


class CheckSkipped(RobustnessError):  # noqa: N818 - an answer, not an error
    """A pre-flight check does not apply to this model."""


class LedgerError(RobustnessError):
    """The ledger cannot be read or written; what it holds is left as it is."""


def unknown(kind: str, name: str, known: Iterable[str], *, where: str = "") -> BadInputError:
    """Build the error for a name that is not known, naming the nearest one that is."""
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    origin = f" (from {where})" if where else ""
    if len(choices) <= _LISTED:
        listed = f"Known: {', '.join(choices)}"
    else:
        nearest = sorted(difflib.get_close_matches(name, choices, n=_LISTED, cutoff=0.0))
        listed = f"Of the {len(choices)} known, the nearest: {', '.join(nearest)}"
    return BadInputError(f"Unknown {kind} {name!r}{origin}.{hint} {listed}.")
