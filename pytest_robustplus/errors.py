"""What can go wrong, told apart by who has to act; every message says what, where and what to do."""

from __future__ import annotations

import difflib
import os
import re
import reprlib
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

# More names than this are no help: RoboTwin and ManiSkill have dozens of tasks. Of more, so many are shown.
_LISTED = 24
_NEAREST = 5
# A screenful and a half; what a server adds to a paragraph may be megabytes.
_LONGEST = 8000
_LONGEST_TRACE = 40_000
# How many lines of the user's own code say where something was raised.
_PLACES = 3
_NOT_THEIRS = (
    f"{Path(__file__).parent}{os.sep}",
    f"{sysconfig.get_paths()['stdlib']}{os.sep}",
    f"{os.sep}site-packages{os.sep}",
    f"{os.sep}dist-packages{os.sep}",
    "<frozen",
)
# Controls, lone surrogates, and marks that turn or break what follows: they steer terminals and no encoder takes them.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


class RobustnessError(Exception):
    """Base of every error that this package raises on purpose; its text is one readable paragraph.

    Whatever of it came from outside is printable, and bounded in length.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__(printable(shortened(text)))
        self.trace = ""
        """The traceback of what foreign code raised, outermost call first; empty for what is found wrong here."""


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


@contextmanager
def blaming(blame: type[RobustnessError], doing: str, where: str) -> Iterator[None]:
    """Lay whatever foreign code raises at its door, ``SystemExit`` and the outcomes of pytest included."""
    try:
        yield
    except BaseException as error:
        if passes(error):
            raise
        raise blamed(blame, doing, where, error) from error


def passes(error: BaseException) -> bool:
    """Whether an exception is nobody's fault: one of ours, the end of a run, or the alarm of a plugin."""
    if isinstance(error, RobustnessError | KeyboardInterrupt | GeneratorExit):
        return True
    pytest = sys.modules.get("pytest")
    if pytest is None:
        return False
    # pytest-timeout interrupts whatever is running by a failure.
    alarm = isinstance(error, pytest.fail.Exception) and str(error).startswith("Timeout (")
    return alarm or isinstance(error, pytest.exit.Exception)


def blamed(blame: type[RobustnessError], doing: str, where: str, error: BaseException) -> RobustnessError:
    """Build the error for what foreign code raised: what, where in that code, and its whole traceback."""
    # A text of several lines, as torch's are, says on the first one what happened.
    said = shortened(str(error).strip(), 1000)
    fault = blame(f"{doing} failed in {where}: {type(error).__name__}: {said}{_place(error.__traceback__)}")
    lines = traceback.format_exception(error)
    fault.trace = printable(shortened("".join(lines), _LONGEST_TRACE)).rstrip()
    return fault


def _place(trace: TracebackType | None) -> str:
    """Where it was raised: the last lines of code that is neither ours nor in an installed package."""
    frames = traceback.extract_tb(trace)
    own = [frame for frame in frames if not any(part in frame.filename for part in _NOT_THEIRS)]
    last = own[-_PLACES:] or frames[-1:]
    places = [f"{Path(frame.filename).name}:{frame.lineno}, in {frame.name}" for frame in last]
    return f" ({'; '.join(places)})" if places else ""


def printable(text: str) -> str:
    """Write out what a terminal would obey, such as an escape, as Python does; newlines and tabs stay."""
    return _UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], text)


def refuse_name(kind: str, name: str) -> None:
    """Refuse a name by which a file could land in another folder or a terminal be steered; raises ``BadInputError``."""
    if not name.isprintable() or name in ("", ".", "..") or "/" in name or "\\" in name:
        raise BadInputError(
            f"A {kind} cannot be called {name!r}: files are named after it, and it stands in tables. Use letters,"
            " digits, underscores, dots and dashes."
        )


def parsed(parse: Callable[[str], Any], text: str) -> Any:
    """Parse a document whose strings are to be printable; raises ``ValueError``, also for one nested too deeply."""
    try:
        return _cleaned(parse(text))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return {_cleaned(key): _cleaned(item) for key, item in value.items()} if isinstance(value, dict) else value


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Leave out the middle of a text that is longer than ``longest`` characters."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]} […{len(text) - 2 * half:,} characters left out…] {text[-half:]}"


def shown(value: Any, longest: int = 60) -> str:
    """Show a value that came from outside, at most ``longest`` characters of it, however large it is."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = longest
    if isinstance(value, bytes):
        value = value[:longest]
    return printable(short.repr(value)[:longest])


def unknown(kind: str, name: str, known: Iterable[str], *, where: str = "", remedy: str = "") -> BadInputError:
    """Build the error for a name that is not known, naming the nearest one that is and what else there is to do."""
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    origin = f" (from {where})" if where else ""
    if len(choices) <= _LISTED:
        listed = f"Known: {', '.join(choices)}"
    else:
        nearest = difflib.get_close_matches(name, choices, n=_NEAREST, cutoff=0.0)
        listed = f"Of the {len(choices)} known, the nearest: {', '.join(nearest)}"
    return BadInputError(f"Unknown {kind} {name!r}{origin}.{hint} {listed}.{remedy and f' {remedy}'}")
