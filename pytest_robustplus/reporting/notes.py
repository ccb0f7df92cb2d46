"""Notes in words: one function a kind, named after it, whose parameters are the note's values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence

from pytest_robustplus.results.notes import Note
from pytest_robustplus.results.text import evalue, percent, quantity

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


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "nothing"


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


def _beside_accepted(date: str, checkpoint: str, milliseconds: float, host: str) -> str:
    return f"the run accepted on {date} ({checkpoint}, {milliseconds:.1f} ms on {host})"


def _beside_first_half() -> str:
    return "the first half of the same calls"


def _beside_partner(model: str, source: str) -> str:
    return f"{model} in this run ({source})"


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


def _claim_better(first: Sequence[str], second: Sequence[str], by: str, dimensions: Sequence[str]) -> str:
    what = "best" if by == "leader" else "mean"
    return f"the {what} of {_listed(first)} is above the {what} of {_listed(second)} on {_listed(dimensions)}"


def _claim_binomial(alpha: float, compared: int) -> str:
    return (
        f"each table is one run: binomial with its printed n; holds at {alpha:g} for every part, refuted at {alpha:g}"
        f" over {quantity(compared, 'comparison')}"
    )


def _claim_hardest(dimension: str, models: Sequence[str]) -> str:
    return f"{dimension} is the hardest dimension for {_listed(models)}"


def _claim_leaders(dimension: str, leaders: tuple[tuple[str, float], tuple[str, float]], p: float) -> str:
    return f"{dimension}: {' against '.join(f'{model} {percent(rate)}' for model, rate in leaders)}, p {p:.1g}"


def _claim_lowest(model: str, lowest: tuple[str, float, int], order: str, own: tuple[str, float, int], p: float) -> str:
    figures = [f"{dimension} {percent(rate)} of {n:,}" for dimension, rate, n in (lowest, own)]
    return f"{model}: {figures[0]} {order} {figures[1]}, p {p:.1g}"


def _claim_means(dimension: str, means: tuple[float, float], models: tuple[int, int], p: float) -> str:
    figures = " against ".join(f"{percent(mean)} of {size}" for mean, size in zip(means, models, strict=True))
    return f"{dimension}: mean {figures}, p {p:.2g}"


def _claim_no_figure(dimension: str) -> str:
    return f"{dimension}: one of the groups has no figure"


def _claim_no_latency(models: Sequence[str]) -> str:
    return f"no published latency for {_listed(models)}"


def _claim_other_device(models: Sequence[str]) -> str:
    return f"a figure from another device refutes nothing: {_listed(models)}"


def _claim_ratio(name: str, ratio: float, than: str, same_device: bool, source: str) -> str:
    return f"{name}: {ratio:g} times {than}{'' if same_device else ', on another device'} ({source})"


def _claim_sample(first: int, second: int) -> str:
    return (
        f"the sample is {first} and {quantity(second, 'model')}, not their episodes: so few say little about families"
    )


def _claim_slower(models: Sequence[str], least: float, most: float, than: str) -> str:
    return f"an inference of {_listed(models)} takes {least:g} to {most:g} times as long as one of {than}"


def _cluster(
    address: str, machines: int, simulators: int, by: str, useful: int, places: int, episodes: int, each: int
) -> str:
    said = f"cluster {address}: {quantity(machines, 'machine')}, {quantity(simulators, 'simulator')}"
    if by == "use":
        need = f"one for {each} of some {episodes:,} episodes that are needed"
        return f"{said} (auto: {need}, though {places:,} find a place)"
    if by == "place":
        return f"{said} (auto: as many as find a place)"
    if simulators <= useful or not episodes:
        return said
    return f"{said}; some {episodes:,} episodes are needed, for which {useful:,} would do: more would play in vain"


def _compared(comparison: str) -> str:
    return f"compared: {comparison}"


def _could_not_help(workers: int, reason: str) -> str:
    return f"{quantity(workers, 'worker')} could not help: {reason}"


def _disputed(rates: Sequence[float], source: str) -> str:
    return f"disputed baseline: {', '.join(map(percent, rates))} by {source}"


def _first_observations(tasks: int, benchmark: str) -> str:
    return f"first observations of {tasks} task{'s' if tasks > 1 else ''} of {benchmark}"


def _fleet(
    machines: int,
    simulators: int,
    wanted: int,
    playing: int,
    episodes_s: float,
    busy: float,
    waste: float,
    moved: int,
    hedged: int,
) -> str:
    parts = [
        f"{quantity(machines, 'machine')}",
        f"{simulators:,} of {wanted:,} simulators, {playing:,} at play",
        f"{episodes_s:.2g} episodes/s",
        f"busy {100 * busy:.0f} % of the time",
        f"waste {100 * waste:.0f} %",
    ]
    parts += [f"{moved:,} moved from lost machines"] if moved else []
    parts += [f"{hedged:,} played twice because they were overdue"] if hedged else []
    return f"cluster: {', '.join(parts)}"


def _helpers_died(workers: int) -> str:
    return f"{quantity(workers, 'worker')} died while playing for cells of others, which cost the episodes at hand."


def _machine_unfit(machine: str, why: str) -> str:
    return f"cluster: {machine} joined and is not used: {why}"


def _machines_differ(episodes: int, first: str) -> str:
    return f"cluster: {quantity(episodes, 'episode')} ended differently on another machine, {first} among them"


def _no_accepted_latency(name: str, model: str, transport: str, device: str) -> str:
    return f"nothing accepted ({name}) of {model} over {transport} on {device}; accept with --robust-accept"


def _no_playable_task(benchmark: str) -> str:
    return f"synthetic observations: no task of {benchmark} is playable here"


def _no_reason() -> str:
    return "no reason was given"


def _no_simulator(reason: str) -> str:
    return f"synthetic observations, as no simulator could be built: {reason}"


def _nothing_accepted(model: str) -> str:
    return f"no accepted run of {model} to regress against; accept one with --robust-accept"


def _nothing_in_file(file: str, model: str, dimension: str) -> str:
    return f"{file} holds nothing about {model} under {dimension}"


def _nothing_published(model: str) -> str:
    return f"no published number for {model} to validate against"


def _other_checkpoints(model: str, others: int) -> str:
    return f"the ledger also holds {others} other checkpoints or protocols of {model}; the latest is compared"


def _other_chunks(printed: tuple[int, int], here: tuple[int, int]) -> str:
    first, second = printed
    return f"the paper's ratio is of chunks of {first} and {second} actions; here they have {here[0]} and {here[1]}"


def _other_device(model: str, device: str) -> str:
    return f"not held against {model}, which was timed on {device}"


def _other_prompts(here: str, baseline: str) -> str:
    return f"prompts come from {here}, the baseline's from {baseline}"


def _other_rules(rules: Sequence[tuple[str, object, object]]) -> str:
    return "played by different rules: " + ", ".join(f"{key}={first} against {other}" for key, first, other in rules)


def _other_suites(rate: float, source: str, suites: Sequence[str]) -> str:
    return f"{_MEASURED}as {percent(rate)} is of all suites together ({source}), this run plays {', '.join(suites)}"


def _other_version(name: str, here: str, baseline: str) -> str:
    return f"{name} {here} here, {baseline} in the baseline"


def _part_of_list(tasks: int, listed: int) -> str:
    return f"about {tasks:,} of the {listed:,} listed tasks"


def _pictures_incomplete(error: str) -> str:
    return f"not complete: {error}"


def _playable_tasks(listed: int, playable: int) -> str:
    return f"the baseline covers all {listed:,} tasks, this run can play {playable:,} of them"


def _policy_slow(model: str, spec: str, seconds: float, served: bool) -> str:
    done = "waiting for its server to accept connections" if served else "loading it"
    return f"{model}: {done} has taken {seconds:.0f} s so far ({spec})"


def _printed_elsewhere(ends: Sequence[tuple[float, str]], results: int) -> str:
    rates = " to ".join(f"{percent(rate)} ({source})" for rate, source in ends)
    return f"printed elsewhere: {rates}" + (f", {results} results in all" if results > 2 else "")


def _printed_latency(name: str, milliseconds: float, ratio: float | None, relative_to: str, source: str) -> str:
    times = "" if ratio is None else f", {ratio:g} times {relative_to}"
    return f"printed of {name}: {milliseconds:g} ms{times} ({source}); another device's, shown and not gated"


def _prompts_differ(prompts: Mapping[str, str]) -> str:
    return "prompts differ: " + ", ".join(f"{prompt or 'unknown'} for {name}" for name, prompt in prompts.items())


def _recorded_early(file: str, tasks: int) -> str:
    return (
        f"{file} stopped at an early verdict, so its {tasks:,} recorded tasks are those on which its own outcomes"
        " decided; the comparison is about these tasks"
    )


def _repeat_short(tasks: int, discordant: int) -> str:
    return f"{tasks} tasks played twice, {discordant} with different outcomes: too few to set a margin by"


def _repeat_unplayed(error: str) -> str:
    return f"the repeat was not played: {error}"


def _robot_waits(needed_hz: float, control_hz: float) -> str:
    return f"the robot waits: {needed_hz:g} actions a second are played, {control_hz:.3g} come"


def _server_memory(milliseconds: float) -> str:
    return f"{milliseconds:.1f} ms more per inference, to feed the server's memory"


def _scenes_hide(hidden: int, scenes: int, first: str) -> str:
    return (
        f"{hidden} of {scenes} scenes do not show what the task is about, the first {first}; that is no fault of the"
        " policy"
    )


def _scenes_without_room(fewer: int, scenes: int) -> str:
    return f"{fewer} of {scenes} scenes had no room for all of it"


def _several_renderers(renderers: Sequence[tuple[str, int]]) -> str:
    told = ", ".join(f"{name} ({quantity(times, 'episode')})" for name, times in renderers)
    return f"its pictures come from several renderers: {told}"


def _share(share: str, total: int) -> str:
    return f"{_MEASURED}share {share} of {total:,} tasks; --robust-merge joins the shares for a verdict"


def _still_running(when: str) -> str:
    return f"decided at {when} by a run of the same command that is still running; --robust-fresh plays it anew"


def _subgoals_unknown() -> str:
    return "subgoals are not judged: of some episodes it is not known which were reached"


def _success_returns(before: Sequence[float], after: Sequence[float], unit: str) -> str:
    parts = [
        f"{successes:g} of {played:g} at {first:g}{unit}"
        if first == last
        else f"{successes:g} of {played:g} at {first:g} to {last:g}{unit}"
        for first, last, successes, played in (before, after)
    ]
    return f"success falls and rises again: {parts[0]}, then {parts[1]}"


def _unfinished() -> str:
    return "the run ended before this cell was decided"


def _versions_differ(name: str, versions: tuple[tuple[str, str], tuple[str, str]]) -> str:
    return f"{name} " + ", ".join(f"{version} for {model}" for version, model in versions)


def _video_differs(episode: int) -> str:
    return f"episode {episode} comes out differently when its video is made"


def _worker_died() -> str:
    return "The worker that ran it died."


WORDS: Mapping[str, Callable[..., str]] = {
    said.__name__.removeprefix("_"): said
    for said in (
        _ablation_unplayed,
        _above,
        _accepted_tasks,
        _already_answered,
        _beside_accepted,
        _beside_first_half,
        _beside_partner,
        _cannot_fail,
        _claim_better,
        _claim_binomial,
        _claim_hardest,
        _claim_leaders,
        _claim_lowest,
        _claim_means,
        _claim_no_figure,
        _claim_no_latency,
        _claim_other_device,
        _claim_ratio,
        _claim_sample,
        _claim_slower,
        _cluster,
        _compared,
        _could_not_help,
        _disputed,
        _first_observations,
        _fleet,
        _helpers_died,
        _machine_unfit,
        _machines_differ,
        _no_accepted_latency,
        _no_playable_task,
        _no_reason,
        _no_simulator,
        _nothing_accepted,
        _nothing_in_file,
        _nothing_published,
        _other_checkpoints,
        _other_chunks,
        _other_device,
        _other_prompts,
        _other_rules,
        _other_suites,
        _other_version,
        _part_of_list,
        _pictures_incomplete,
        _playable_tasks,
        _policy_slow,
        _printed_elsewhere,
        _printed_latency,
        _prompts_differ,
        _recorded_early,
        _repeat_short,
        _repeat_unplayed,
        _robot_waits,
        _server_memory,
        _scenes_hide,
        _scenes_without_room,
        _several_renderers,
        _share,
        _still_running,
        _subgoals_unknown,
        _success_returns,
        _unfinished,
        _versions_differ,
        _video_differs,
        _worker_died,
    )
}
