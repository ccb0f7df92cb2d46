"""Playing chosen episodes again, one after another, into films, frames, recordings or a dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.errors import BadInputError, RobustnessError, unknown
from pytest_robustplus.ledger import Ledger
from pytest_robustplus.reporting.selection import Found
from pytest_robustplus.rollout.footage import FORMS, Take
from pytest_robustplus.rollout.replay import NO_CAMERAS, film
from pytest_robustplus.session.cells import find_benchmark

LEROBOT = "lerobot"
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
            same, text, take = _played(one, ledger, benchmarks)
        except RobustnessError as error:
            if len(found) == 1:
                raise
            say(f"episode {one.episode.id} could not be played again: {error}")
            wrong += 1
            continue
        say(text)
        for form in dict.fromkeys(form for form in forms if form != LEROBOT):
            path = FORMS[form](take, folder)
            say(NO_CAMERAS if path is None else f"{_CALLED[form]}: {path}")
        if dataset is not None:
            dataset.add(take)
        wrong += not same
    if dataset is not None and (path := dataset.close()) is not None:
        say(f"LeRobotDataset: {path}")
    if len(found) > 1:
        say(f"{len(found)} episodes played again, {len(found) - wrong} came out the same.")
    return 1 if wrong else 0


def _played(one: Found, ledger: Ledger, benchmarks: Mapping[str, Benchmark]) -> tuple[bool, str, Take]:
    key = one.audit.key
    result, footage = film(ledger.episode(one.episode.id), find_benchmark(key.benchmark, benchmarks))
    outcome = f"{one.outcome}: {one.kind}" if one.kind else one.outcome
    return result.same, result.text, Take(footage, f"{key.model}, {key.benchmark}, {key.dimension}", outcome)
