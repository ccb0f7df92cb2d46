"""Films for the page: recorded episodes played again, failures beside a success of the same task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.errors import RobustnessError
from pytest_robustplus.ledger import Ledger
from pytest_robustplus.reporting.json import CellStory, Solved
from pytest_robustplus.results.comparison import ComparisonReport


def films(
    told: Sequence[CellStory],
    compared: Sequence[ComparisonReport],
    ledger: Ledger,
    benchmarks: Mapping[str, Benchmark],
    wanted: int,
    say: Callable[[str], None],
) -> dict[int, bytes]:
    """Play ``wanted`` failing episodes again, each with a success of its task; in turn of each cell, pairs first.

    Of a comparison, both of a task that one policy solves. What cannot be filmed is told to ``say``.
    """
    if not wanted:
        return {}
    from pytest_robustplus.rollout import replay

    solved = Solved(told)
    beside: dict[int, int] = {}
    failed: list[list[int]] = []
    for story in told:
        own = [episode for episode in story.episodes if not episode.record.success]
        like = {episode.id: found[1].id for episode in own if (found := solved.like(story, episode))}
        failed.append([*like, *(episode.id for episode in own if episode.id not in like)])
        beside |= like
    failed += [[i for one in report.discordant for i in one.episodes if i] for report in compared]
    turns = (identity for turn in zip_longest(*failed) for identity in turn if identity is not None)
    chosen = list(islice(turns, wanted))
    videos: dict[int, bytes] = {}
    with TemporaryDirectory() as folder:
        for identity in dict.fromkeys([*chosen, *(beside[one] for one in chosen if one in beside)]):
            stored, film = ledger.episode(identity), Path(folder) / f"{identity}.mp4"
            benchmark = benchmarks[ledger.audit(stored.audit).key.benchmark]
            try:
                outcome = replay.replay(stored, benchmark, film)
            except RobustnessError as error:
                say(f"no video of episode {identity}: {error}")
                continue
            if not outcome.same:
                say(f"no video of episode {identity}, which comes out differently here")
                continue
            videos[identity] = film.read_bytes()
    return videos
