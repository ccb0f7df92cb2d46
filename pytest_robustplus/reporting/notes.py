"""Notes in words: one function a kind, named after it, whose parameters are the note's values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence

from pytest_robustplus.results.notes import Note
from pytest_robustplus.results.text import evalue, percent

# Notes of these kinds begin so: they say why a cell that was played has no verdict.
_MEASURED = "measured, "


def text(note: Note | str) -> str:
    """Put a note into words; one of a kind that a later release has added is shown as it is."""
    if isinstance(note, str):
        return note
    said = WORDS.get(note.kind)
    return f"{note.kind} {json.dumps(note.values)}" if said is None else said(**note.values)


def texts(notes: Iterable[Note | str]) -> list[str]:
    """Put notes into words, in their order."""
    return [text(note) for note in notes]


def measured(notes: Iterable[Note | str]) -> str:
    """Why a cell was measured and not held against anything; empty where no note says so."""
    said = (told for told in texts(notes) if told.startswith(_MEASURED))
    return next(said, "").removeprefix(_MEASURED)


def _ablation_unplayed(modality: str, error: str) -> str:
    return f"the ablation of {modality} was not played: {error}"


def _above(side: str, successes: int, played: int, baseline: float, log_evalue: float) -> str:
    # Of an accepted run that is hoped for, of a paper it is not.
    advice = "as suspicious as a loss (leaked tasks? protocol?)" if side == "validate" else "accept this run?"
    return (
        f"above its baseline by more than the margin, {percent(successes / played)} against {percent(baseline)}"
        f" (e-value {evalue(log_evalue)}): {advice}"
    )


def _accepted_tasks(known: int) -> str:
    return f"audited on the {known:,} tasks that the accepted run played, not on all of the paper's"


def _already_answered() -> str:
    return "asked again in this run and answered from its record: one verdict, nothing was played again"


def _cannot_fail(rate: float, raised: bool, total: int, margin: float, budget: int | None) -> str:
    why = "run-to-run noise at" if raised else "the margin asked of"
    advice = (
        "no budget would let it; give a smaller --robust-margin"
        if budget is None
        else f"--robust-budget={budget} or more would let it"
    )
    return (
        f"{_MEASURED}not held against {percent(rate)}: {why} {total:,} episodes is {100 * margin:.1f} points, so"
        f" this cell could not fail; {advice}"
    )


def _disputed(rates: Sequence[float], source: str) -> str:
    return f"disputed baseline: {', '.join(map(percent, rates))} by {source}"


def _nothing_accepted(model: str) -> str:
    return f"no accepted run of {model} to regress against; accept one with --robust-accept"


def _nothing_in_file(file: str, model: str, dimension: str) -> str:
    return f"{file} holds nothing about {model} under {dimension}"


def _nothing_published(model: str) -> str:
    return f"no published number for {model} to validate against"


def _other_prompts(here: str, baseline: str) -> str:
    return f"prompts come from {here}, the baseline's from {baseline}"


def _other_suites(rate: float, source: str, suites: Sequence[str]) -> str:
    return f"{_MEASURED}as {percent(rate)} is of all suites together ({source}), this run plays {', '.join(suites)}"


def _other_version(name: str, here: str, baseline: str) -> str:
    return f"{name} {here} here, {baseline} in the baseline"


def _playable_tasks(listed: int, playable: int) -> str:
    return f"the baseline covers all {listed:,} tasks, this run can play {playable:,} of them"


def _printed_elsewhere(ends: Sequence[tuple[float, str]], results: int) -> str:
    rates = " to ".join(f"{percent(rate)} ({source})" for rate, source in ends)
    return f"printed elsewhere: {rates}" + (f", {results} results in all" if results > 2 else "")


def _repeat_short(tasks: int, discordant: int) -> str:
    return f"{tasks} tasks played twice, {discordant} with another outcome: too few to set a margin by"


def _repeat_unplayed(error: str) -> str:
    return f"the repeat was not played: {error}"


def _several_renderers(renderers: Sequence[tuple[str, int]]) -> str:
    told = ", ".join(f"{name} ({times:,} episodes)" for name, times in renderers)
    return f"its pictures come from several renderers: {told}"


def _share(share: str, total: int) -> str:
    return f"{_MEASURED}share {share} of {total:,} tasks; --robust-merge joins the shares for a verdict"


def _still_running(when: str) -> str:
    return f"decided at {when} by a run of the same command that still goes on; --robust-fresh plays it anew"


def _subgoals_unknown() -> str:
    return "subgoals are not judged: of some episodes it is not known which were reached"


WORDS: Mapping[str, Callable[..., str]] = {
    said.__name__.removeprefix("_"): said
    for said in (
        _ablation_unplayed,
        _above,
        _accepted_tasks,
        _already_answered,
        _cannot_fail,
        _disputed,
        _nothing_accepted,
        _nothing_in_file,
        _nothing_published,
        _other_prompts,
        _other_suites,
        _other_version,
        _playable_tasks,
        _printed_elsewhere,
        _repeat_short,
        _repeat_unplayed,
        _several_renderers,
        _share,
        _still_running,
        _subgoals_unknown,
    )
}
