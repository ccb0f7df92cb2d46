"""Playing chosen episodes again, one after another, into films, frames, recordings or a dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.errors import BadInputError, RobustnessError, unknown
from pytest_robustplus.ledger import Ledger, StoredEpisode
from pytest_robustplus.reporting.selection import Found
from pytest_robustplus.rollout.footage import FORMS, Take
from pytest_robustplus.rollout.replay import ReplayResult, film
from pytest_robustplus.session.cells import find_benchmark

LEROBOT = "lerobot"
_NO_CAMERAS = "no video: this benchmark's simulator has no cameras"
_CALLED = {"mp4": "video", "png": "frames", "rrd": "recording"}


def retell(
    found: Sequence[Found],
    ledger: Ledger,
    benchmarks: Mapping[str, Benchmark],
    forms: Sequence[str],
    folder: Path,
    say: Callable[[str], None],
) -> int:
    """Play episodes again and write each in every form; returns 1 if any came out differently, or could not be played.

    Raises ``BadInputError`` for a form that is not known and where nothing is chosen.
    """
    for form in forms:
        if form not in (*FORMS, LEROBOT):
            raise unknown("form", form, (*FORMS, LEROBOT), where="--robust-replay-as")
    if not found:
        raise BadInputError(f"No episode of {ledger.path} is meant by that. --robust-episodes lists what is there.")
    folder.mkdir(parents=True, exist_ok=True)
    dataset = None
    if LEROBOT in forms:
        from pytest_robustplus.rollout.lerobot_dataset import DatasetWriter

        dataset = DatasetWriter(folder)
    wrong = 0
    for one in found:
        try:
            result, take = _played(one, ledger, benchmarks)
        except RobustnessError as error:
            if len(found) == 1:
                raise
            say(f"episode {one.episode.id} could not be played again: {error}")
            wrong += 1
            continue
        say(told(take.footage.stored, result))
        for form in dict.fromkeys(form for form in forms if form != LEROBOT):
            path = FORMS[form](take, folder)
            say(_NO_CAMERAS if path is None else f"{_CALLED[form]}: {path}")
        if dataset is not None:
            dataset.add(take)
        wrong += not result.same
    if dataset is not None and (path := dataset.close()) is not None:
        say(f"LeRobotDataset: {path}")
    if len(found) > 1:
        say(f"{len(found)} episodes played again, {len(found) - wrong} came out the same.")
    return 1 if wrong else 0


def told(stored: StoredEpisode, result: ReplayResult) -> str:
    """Say how an episode came out when it was played again, and which versions are others than when it was recorded."""
    record, outcome = stored.record, {True: "success", False: "failure"}
    lines = [
        f"episode {stored.id}: {record.task}, {outcome[bool(record.success)]} after {record.steps} steps",
        "it came out the same, down to the last bit of the final state"
        if result.same
        else f"it came out DIFFERENT: {outcome[result.success]} now, with another final state",
    ]
    return "\n".join([*lines, *(f"  {name}: {then} when recorded, {now} now" for name, then, now in result.changes)])


def _played(one: Found, ledger: Ledger, benchmarks: Mapping[str, Benchmark]) -> tuple[ReplayResult, Take]:
    key = one.audit.key
    result, footage = film(ledger.episode(one.episode.id), find_benchmark(key.benchmark, benchmarks))
    outcome = f"{one.outcome}: {one.kind}" if one.kind else one.outcome
    return result, Take(footage, f"{key.model}, {key.benchmark}, {key.dimension}", outcome)
