"""Text logs with a line per episode: those of openvla-oft and its kin (LIBERO-Plus, openpi, starVLA), and RoboTwin's.

The former print ``Task: WORDS`` and then ``Success: True`` for every episode, with running totals that are checked; the
latter ``TASK | POLICY | CONFIGURATION | CHECKPOINT`` and ``Success rate: s/n => …, current seed: N``, or a line for
each episode of a batch, which does not name its configuration. What a logging module puts in front of a line does not
matter, nor do a terminal's colours. An episode that an exception ended is an error, although every one of these tools
counts it as a failure. RLinf prints one rate for all of its trajectories, so of those there is no more to read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pytest_robustplus.interchange.trials import Aggregate, Found, Trial, refuse

LIBERO, ROBOTWIN, RLINF = "openvla-style log", "RoboTwin log", "RLinf log"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_SUITE = re.compile(r"\b(?:Task suite|task_suite_name)\W+(\w+)")
_TASK = re.compile(r"\bTask: (.+)$", re.MULTILINE)
_SUCCESS = re.compile(r"\bSuccess: (True|False)\b")
_ERROR = re.compile(r"\b(?:Caught exception|Episode error): (.+)$")
_TOTAL = re.compile(r"# episodes completed so far: (\d+)")
_SUCCESSES = re.compile(r"# successes: (\d+)")
_TWIN = re.compile(r"^\s*(\w+) \| (.+?) \| (\w+) \| (.+?)\s*$")
_RATE = re.compile(r"Success rate: (\d+)/(\d+) =>.*current seed: (\d+)")
_BATCH = re.compile(
    r"^\s*(\w+) \| episode=(\d+) \| worker=(\d+) \| seed=(\d+) \| success=(True|False) \| batch success: (\d+)/(\d+)",
    re.MULTILINE,
)
_ROLLOUT_ERROR = re.compile(r"Policy rollout error(?: in worker (\d+))?:")
_ERROR_NAME = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Interrupt|Exit)\b.*")
_ONCE = re.compile(r"\beval/success_once\W+(?:array\()?(\d+(?:\.\d+)?(?:e-?\d+)?)")
_TRAJECTORIES = re.compile(r"\beval/num_trajectories\W+(\d+)")
_UNKNOWN = ("version of the harness", "seeds", "simulator's version")


def recognises(text: str) -> bool:
    """Whether a text holds lines of any kind."""
    plain = _COLOUR.sub("", text)
    return bool(
        _RATE.search(plain)
        or _BATCH.search(plain)
        or _ONCE.search(plain)
        or (_SUCCESS.search(plain) and _TASK.search(plain))
    )


def read(path: Path, text: str) -> Found:
    """Read every episode; raises ``BadInputError`` where the log's own totals say that lines are missing."""
    lines = _COLOUR.sub("", text).splitlines()
    if any(_RATE.search(line) for line in lines):
        return _robotwin(path, lines)
    if any(_BATCH.search(line) for line in lines):
        return _robotwin_batch(path, lines)
    if any(_SUCCESS.search(line) for line in lines):
        return _libero(path, lines)
    return _rlinf(path, "\n".join(lines))


def _libero(path: Path, lines: Iterable[str]) -> Found:
    suite, words, error = "", "", ""
    trials: list[Trial] = []
    turns: Counter[tuple[str, str]] = Counter()
    solved = 0
    for number, line in enumerate(lines, start=1):
        if found := _SUITE.search(line):
            suite = found[1]
        elif found := _TASK.search(line):
            words = found[1].strip()
        elif found := _ERROR.search(line):
            error = found[1].strip()
        elif found := _SUCCESS.search(line):
            if not words:
                raise refuse(path, f"line {number} tells an outcome before any task is named", "Give the whole log")
            success = found[1] == "True"
            solved += success
            trials.append(
                Trial(None if error else success, suite, words=words, number=turns[suite, words], error=error)
            )
            turns[suite, words] += 1
            error = ""
        elif (found := _TOTAL.search(line)) and int(found[1]) != len(trials):
            raise _incomplete(path, number, f"{found[1]} episodes", len(trials))
        elif (found := _SUCCESSES.search(line)) and int(found[1]) != solved:
            raise _incomplete(path, number, f"{found[1]} successes", solved)
    return Found(path, LIBERO, "unstated", tuple(trials), unknown=(*_UNKNOWN, "checkpoint", "prompts"))


def _incomplete(path: Path, line: int, said: str, seen: int) -> Exception:
    return refuse(
        path, f"line {line} counts {said} so far, and the lines above tell of {seen}", "Give the whole log of one run"
    )


def _robotwin(path: Path, lines: Iterable[str]) -> Found:
    task, configuration, policy = "", "", ""
    trials: list[Trial] = []
    counted: dict[tuple[str, str], tuple[int, int]] = {}
    errors = _RolloutErrors()
    for number, line in enumerate(lines, start=1):
        errors.see(line)
        if found := _TWIN.search(line):
            task, policy, configuration = found[1], found[2], found[3]
        elif found := _RATE.search(line):
            solved, played, seed = (int(part) for part in found.groups())
            before, turns = counted.get((task, configuration), (0, 0))
            if played == 1:
                before, turns = 0, 0
            if not task or played != turns + 1 or solved - before not in (0, 1):
                raise _miscounted(path, number, (solved, played), (before, turns))
            counted[task, configuration] = solved, played
            error = errors.taken()
            success = None if error else solved > before
            name = f"{task}/{configuration}#{turns}"
            trials.append(Trial(success, suite=task, name=name, number=turns, seed=seed, error=error))
    facts = {"policy": policy} if policy else {}
    return Found(path, ROBOTWIN, "unstated", tuple(trials), facts=facts, unknown=("version", "simulator's version"))


def _robotwin_batch(path: Path, lines: Iterable[str]) -> Found:
    """Read the lines of simulators side by side, in the order in which their episodes ended."""
    trials: list[Trial] = []
    before = (0, 0)
    errors = _RolloutErrors()
    for number, line in enumerate(lines, start=1):
        errors.see(line)
        if found := _BATCH.search(line):
            task, episode, worker, seed, success = found.groups()[:5]
            counted = int(found[6]), int(found[7])
            if counted == (int(success == "True"), 1):
                before = (0, 0)
            if counted != (before[0] + (success == "True"), before[1] + 1):
                raise _miscounted(path, number, counted, before)
            before = counted
            error = errors.taken(worker) if success == "False" else ""
            outcome = None if error else success == "True"
            name = f"{task}#{episode}"
            trials.append(Trial(outcome, suite=task, name=name, number=int(episode), seed=int(seed), error=error))
    unknown = ("configuration", "version", "simulator's version")
    return Found(path, ROBOTWIN, "unstated", tuple(trials), unknown=unknown)


class _RolloutErrors:
    """Exceptions of RoboTwin's policies, each of which its script prints before it counts a failure."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}
        self._last: str | None = None

    def see(self, line: str) -> None:
        """Take in the next line: the announcement of an exception, or its name at the traceback's end."""
        if found := _ROLLOUT_ERROR.search(line):
            self._last = found[1] or ""
            self._found[self._last] = "the policy raised an exception"
        elif self._last is not None and _ERROR_NAME.match(line):
            self._found[self._last] = line.strip()
            self._last = None

    def taken(self, worker: str = "") -> str:
        """What ended the episode that is being counted, if anything did."""
        self._last = None
        return self._found.pop(worker, "")


def _miscounted(path: Path, line: int, counted: tuple[int, int], before: tuple[int, int]) -> Exception:
    return refuse(
        path,
        f"line {line} counts {counted[0]} of {counted[1]} episodes after {before[0]} of {before[1]}",
        "Give the whole log of one run",
    )


def _rlinf(path: Path, text: str) -> Found:
    rate, trajectories = _ONCE.search(text), _TRAJECTORIES.search(text)
    assert rate is not None
    if trajectories is None:
        raise refuse(
            path,
            f"it tells a rate ({rate[1]}) and not of how many trajectories",
            "Give the whole log: RLinf prints eval/num_trajectories beside eval/success_once",
        )
    played = int(trajectories[1])
    aggregate = Aggregate("all trajectories", round(float(rate[1]) * played), played)
    unknown = ("outcomes of single episodes", "tasks", "seeds", "version", "simulator's version")
    return Found(path, RLINF, "unstated", (), (aggregate,), unknown=unknown)
