"""How figures are written: one place, so that a table, a paragraph and a progress line agree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.policies.recorded import retold
from pytest_robustplus.reporting.notes import text, texts
from pytest_robustplus.results.cell import AblationResult, CellReport, GateReport
from pytest_robustplus.results.events import EpisodeEvents, Failure
from pytest_robustplus.results.identity import Identity, Kind
from pytest_robustplus.results.notes import Note
from pytest_robustplus.results.run import CellResult
from pytest_robustplus.results.text import count, evalue, interval, percent, quantity

SHOWN_CHANGES = 8
# Descriptive: the number of tasks was set by the cell's own verdict.
ABLATION_P = 0.05
# How a note about this entry of an episode's provenance begins, in words.
_RENDERER = "renderer "
MODALITIES = {"vision": "vision", "language": "the instruction", "proprioception": "proprioception"}

_NAMED = 4
_QUESTIONS: dict[Kind, tuple[str, str]] = {
    "cell": ("cell", ""),
    "comparison": ("comparison", ""),
    "contrast": ("contrast", ""),
    "frontier": ("frontier", ""),
    "fuzz": ("search", "searches"),
    "play": ("played test", ""),
    "latency": ("latency measurement", ""),
    "claim": ("claim", ""),
}


def footnotes(notes: Iterable[tuple[str, str, Note | str]]) -> list[str]:
    """Join (model, dimension, note): what holds for several of a model's cells is said once, with their dimensions.

    What drew otherwise than in the baselines is one line for all models, at the end.
    """
    cells: dict[tuple[str, str, bool], list[str]] = {}
    for model, dimension, note in notes:
        drew = isinstance(note, Note) and note.kind == "other_version" and note.values["name"] == "renderer"
        dimensions = cells.setdefault((model, text(note), drew), [])
        if dimension not in dimensions:
            dimensions.append(dimension)
    said, drawn = list[str](), dict[str, list[str]]()
    for (model, note, drew), dimensions in cells.items():
        where = f"{model}, {', '.join(dimensions)}"
        if drew:
            drawn.setdefault(note.removeprefix(_RENDERER), []).append(where)
        else:
            said.append(f"{where}: {note}.")
    if drawn:
        folded = "; ".join(f"{note} ({'; '.join(where)})" for note, where in drawn.items())
        said.append(f"{_RENDERER}{folded}.")
    return said


def rate(cell: CellReport) -> str:
    """The rate that a table shows: ``~`` for an estimate, ``ᵇ`` where a cell that stopped early has none."""
    shown = percent(cell.shown[0])
    if not cell.saved:
        return shown
    # A column of the terminal's table is eight characters wide.
    shown = shown.replace("100.0", "100")
    return f"{shown}ᵇ" if cell.estimate is None else f"~{shown}"


def threshold(cell: CellReport) -> str:
    """What the strictest question of a cell asks for, such as ``≥55.0 %``; empty where nothing is asked."""
    return "" if cell.needed is None else f"{'≤' if cell.side == 'above' else '≥'}{percent(cell.needed)}"


def summed(low: float | None, value: float | None, high: float | None, *, early: bool) -> str:
    """A Total, bare only where every task was played."""
    if value is None or low is None or high is None:
        return "–"
    shown = f"{'~' if early else ''}{percent(value)}"
    return shown if low == high else f"{shown} {interval(low, high)}"


def legend(cells: Iterable[CellReport]) -> list[str]:
    """Explain the marks that ``rate`` and ``summed`` put, and which tasks their intervals are about."""
    cells = list(cells)
    early = [cell for cell in cells if cell.saved]
    said = []
    if any(cell.estimate is not None for cell in early):
        said.append(
            "~ estimates the full run of a cell that its verdict ended early; successes over played would be biased."
        )
    if any(cell.estimate is None for cell in early):
        said.append(
            "ᵇ biased: successes over played of a cell ended early by its pairs or subgoals; reads high after PASS, low"
            " after FAIL."
        )
    if any(cell.total < cell.drawn_from for cell in cells):
        said.append("A budget or a share audits a random sample of the tasks; intervals are for all of them.")
    if any(0 < cell.drawn_from < cell.playable for cell in cells):
        said.append("Against a recorded run a cell is about the tasks that it played, and so is its interval.")
    return said


def assumptions(cell: CellReport) -> list[str]:
    """What is known about the assumption behind an early verdict, and of earlier runs of the checkpoint."""
    said = []
    if cell.drift is not None and cell.drift.alarm and cell.drift.spot_p <= cell.drift.p:
        said.append("outcomes depended on when they were played: episodes beyond the verdict contradict it")
    elif cell.drift is not None and cell.drift.alarm:
        drift = cell.drift
        said.append(
            f"outcomes depended on when they were played, so an early verdict may differ from the full run's:"
            f" {percent(drift.early)} of the first half succeeded, {percent(drift.late)} of the second"
            f" (p {drift.p:.2g})"
        )
    if cell.drift is not None and cell.drift.spots:
        drift = cell.drift
        said.append(
            f"{drift.spot_successes} of {drift.spots} spot episodes beyond the verdict succeeded (so few with p"
            f" {drift.spot_p:.2g} if it holds)"
        )
    if verdicts := cell.reruns.verdicts:
        before = ", ".join(f"{verdicts.count(word)} {word.upper()}" for word in ("pass", "fail") if word in verdicts)
        said.append(f"{_ordinal(len(verdicts) + 1)} run of this checkpoint on these tasks; before: {before}")
    if cell.reruns.pooled:
        rerun = cell.reruns
        word = "undecided" if rerun.pooled == "open" else rerun.pooled.upper()
        said.append(
            f"all {len(rerun.verdicts) + 1} runs together: {word},"
            f" {percent(rerun.rate)} over the {count(rerun.common)} tasks that all of them played"
        )
    if cell.taken:
        said.append(f"decided in the interrupted run of {cell.taken}; --robust-fresh plays it again")
    return said


def _ordinal(number: int) -> str:
    names = ("first", "second", "third", "fourth", "fifth")
    return names[number - 1] if number <= len(names) else f"{number}th"


def in_words(results: Sequence[CellResult], benchmarks: Mapping[str, Benchmark]) -> list[str]:
    """Say in a sentence a model and benchmark what came out: what holds, what was lost against what."""
    lines = []
    for key in dict.fromkeys(result.name[:2] for result in results):
        own = [result for result in results if result.name[:2] == key]
        gated = [result for result in own if result.state in ("pass", "fail")]
        lost: dict[str, list[str]] = {}
        for result in gated:
            if result.state == "fail" and result.figures is not None:
                lost.setdefault(lost_to(result.figures), []).append(result.name.dimension)
        held = sum(result.state == "pass" for result in gated)
        said = [f"holds on {held} of {len(gated)}"] if gated else []
        said += [f"lost {', '.join(dimensions)} against {source}" for source, dimensions in lost.items()]
        for word, states in (("measured", ("measured",)), ("could not be played", ("error", "skipped", "unfinished"))):
            if some := [result.name.dimension for result in own if result.state in states]:
                said.append(f"{word}: {', '.join(some)}")
        lines.append(f"{key[0]} on {benchmarks[key[1]].title}: {'; '.join(said)}.")
    return lines


def unanswered(items: Sequence[Identity]) -> str:
    """Name the questions that a run ended before, the first few of each kind, and how to go on."""
    said = []
    for kind, (noun, plural) in _QUESTIONS.items():
        named = [item.id for item in items if item.kind == kind]
        more = f" and {count(len(named) - _NAMED)} more" if len(named) > _NAMED else ""
        if named:
            said.append(f"{quantity(len(named), noun, plural)} ({', '.join(named[:_NAMED])}{more})")
    return f"ended before an answer: {'; '.join(said)}. The same command goes on with what the ledger has."


def paragraph(cell: CellReport, title: str) -> str:
    """Explain a cell to the person who has to act on it: figures, baseline, evidence, and how to see a failure.

    pytest's own summary shows as much of the first line as fits, so that begins with the figures.
    """
    lines = [
        headline(cell, title),
        f"  outcome   {cell.successes} of {cell.played} episodes succeeded, full run {_full(cell)}",
    ]
    if cell.checkpoint:
        lines.append(f"  policy    {cell.checkpoint}")
    for gate in cell.gates:
        lines += question(gate, cell, several=len(cell.gates) > 1)
    lines.append(f"  episodes  {denominators(cell)}")
    if second := credited(cell):
        lines.append(f"  subgoals  {second}")
    if how := failures(cell):
        lines.append(f"  why       {how}" + (f"; {reached}" if (reached := subgoals(cell)) else ""))
    lines += [f"  ablation  {said}" for said in ablations(cell)]
    lines += [f"  again     {said}" for said in repeats(cell)]
    lines += [f"  note      {note}" for note in [*assumptions(cell), *texts(cell.notes)]]
    for index, failure in enumerate(cell.failed):
        label = "failed  " if index == 0 else "        "
        how = f", {failure.failure}" if failure.failure not in ("", Failure.UNKNOWN) else ""
        took = "" if retold(cell.checkpoint) else f", {failure.steps} steps"
        lines.append(f"  {label}  {failure.task}{took}{how}{_replayed(cell, failure.episode)}")
    return "\n".join(lines)


def headline(cell: CellReport, title: str) -> str:
    """Say what a cell reached and what it needs, such as ``~12.0 < 33.3 %, after 25 of 60: camera of …``.

    Pytest's own summary gives it what is left of a line after the test's id: at 80 columns some twenty characters.
    """
    after = (
        f", after {count(cell.played)} of {count(cell.total)}" if cell.saved else f", all {count(cell.total)} played"
    )
    reached, above = cell.shown[0], cell.side == "above"
    if cell.needed is None:
        figures = rate(cell)
    elif reached > cell.needed if above else reached < cell.needed:
        figures = f"{rate(cell).replace(' %', '')} {'>' if above else '<'} {percent(cell.needed)}"
    else:
        # An assertion of the test's own, or all runs together, made it red.
        figures = f"{rate(cell)}, needs {'at most ' if above else ''}{percent(cell.needed)}"
    return f"{figures}{after}: {title}"


def _full(cell: CellReport) -> str:
    """What is known of the full run: an estimate with its interval, or that alone where pairs ended the cell."""
    if cell.saved and cell.estimate is None:
        return f"within {interval(*cell.shown[1:])}, of which a share of successes is no estimate"
    return f"{rate(cell)} {interval(*cell.shown[1:])}"


def _replayed(cell: CellReport, episode: int) -> str:
    return "" if retold(cell.checkpoint) else f": pytest --robust-replay={episode}"


def question(gate: GateReport, cell: CellReport, *, several: bool) -> list[str]:
    """Explain one gate: baseline, margin, evidence, and against an accepted run what was lost, worst first."""
    cells = f" in {cell.questions} cells" if cell.questions > 1 else ""
    raised = f", raised by run-to-run noise at N={cell.total}{cells}" if gate.raised else ""
    answer = f" ({gate.side}: {gate.verdict})" if several else ""
    direction = "a gain" if gate.side == "above" else "a loss"
    lines = [
        f"  baseline  {percent(gate.baseline)}: {gate.source}{answer}",
        f"  margin    {100 * gate.margin:.1f} points{raised}",
        f"  evidence  e-value {evalue(gate.log_fail)} for {direction} beyond it, {evalue(gate.log_pass)} against one",
    ]
    if gate.pairs:
        kept, lost, gained, neither = gate.pairs
        lines.append(
            f"  paired    {lost} lost, {gained} gained, {kept} kept, {neither} failed twice;"
            f" McNemar p {gate.mcnemar_p:.2g}, sequential e-value {evalue(gate.mcnemar_log)}"
        )
    lines += [
        f"  {change.how:<8}  {change.task}{_replayed(cell, change.episode)}" for change in gate.changed[:SHOWN_CHANGES]
    ]
    if (hidden := len(gate.changed) - SHOWN_CHANGES) > 0:
        lines.append(f"            and {hidden} more changed tasks")
    return lines


def ablations(cell: CellReport) -> list[str]:
    """Say of each ablation how it fared, and what the cell does and does not test, given this policy."""
    return [
        f"without {ablation.modality} {ablation.successes} of {ablation.played} against {cell.successes}:"
        f" {meaning(cell, ablation)}"
        for ablation in cell.ablations
    ]


def repeats(cell: CellReport) -> list[str]:
    """Say how far a second run of the checkpoint differed, and what margin that asks for."""
    return [
        f"played twice, {found.discordant} of {found.tasks} tasks came out differently"
        f" ({interval(found.low, found.high)} % of the list): two runs differ by more than"
        f" {100 * found.margin:.1f} points once in a hundred times"
        for found in cell.repeat
    ]


def asides(cell: CellReport) -> list[str]:
    """All that is to be known of a cell besides its figures."""
    return [*repeats(cell), *assumptions(cell), *texts(cell.notes)]


def meaning(cell: CellReport, ablation: AblationResult) -> str:
    """Say what an ablation tells of its cell."""
    modality = MODALITIES[ablation.modality]
    both, alone, _, _ = ablation.pairs
    needed = max((cell.rate if cell.baseline is None else cell.baseline) - cell.margin, 0)
    if not cell.successes:
        return f"the model fails everywhere, so nothing is learnt about {modality}"
    if ablation.successes / ablation.played >= needed and ablation.successes:
        return f"passed without {modality} too, so this cell proves nothing about {modality}"
    if alone > ablation.pairs[2] and ablation.p < ABLATION_P:
        rest = f", the other {both} say nothing about it" if both else ""
        return f"{alone} of the {cell.successes} successes need {modality}{rest}"
    return f"too few episodes to tell whether {modality} is needed"


_FAILED = {
    Failure.NEVER_MOVED: "never moved",
    Failure.LOST: "met the goal and lost it",
    Failure.KNOCKED: "knocked the goal's support",
    Failure.TIMEOUT: "ran out of time while progressing",
    Failure.MISPLACED: "placed it but off",
    Failure.DROPPED: "dropped it",
    Failure.WRONG_OBJECT: "took the wrong object",
    Failure.NOT_GRASPED: "reached but did not grasp",
    Failure.NEVER_REACHED: "never reached the target",
    Failure.UNKNOWN: "were not watched",
}


def failures(cell: CellReport) -> str:
    """Say how a cell's episodes failed, such as ``31 of 38 failures never reached the target, 7 dropped it``.

    Empty where nothing failed, or nobody watched any of it.
    """
    if all(found.failure == Failure.UNKNOWN for found in cell.failures):
        return ""
    total = sum(found.episodes for found in cell.failures)
    first, *rest = [
        (found.episodes, _FAILED[Failure(found.failure)] if found.failure in {*Failure} else found.failure)
        for found in cell.failures
    ]
    return ", ".join(
        [f"{first[0]} of {quantity(total, 'failure')} {first[1]}", *(f"{number} {how}" for number, how in rest)]
    )


def subgoals(cell: CellReport) -> str:
    """The mean share of subgoals that a cell's episodes reached; empty where it is unknown."""
    return "" if cell.progress is None else f"{percent(cell.progress)} of subgoals reached"


def lost_to(cell: CellReport) -> str:
    """What a failed cell was lost against, in words."""
    if any(gate.verdict == "fail" for gate in cell.gates):
        return cell.source
    if cell.credit is not None and cell.credit.verdict == "fail":
        return f"the {percent(cell.credit.needed)} of subgoals asked for"
    return cell.source or "an assertion of its suite"


def credited(cell: CellReport) -> str:
    """Tell a cell's second question, about subgoals; empty where it was not asked."""
    credit = cell.credit
    if credit is None:
        return ""
    answer = "undecided" if credit.verdict == "open" else credit.verdict.upper()
    return (
        f"{answer}: {percent(credit.mean)} of subgoals reached, needs {percent(credit.needed)}; e-value"
        f" {evalue(credit.log_pass)} for it, {evalue(credit.log_fail)} against it"
    )


def happened(events: EpisodeEvents) -> str:
    """Tell an episode's events in order, and what its simulator counted."""
    said = [f"{event.what} at {event.step}" for event in events.events]
    if events.peak_force_n is not None:
        said.append(f"peak contact {events.peak_force_n:.0f} N")
    counts = (
        (events.joint_limit_steps, "at a joint's limit"),
        (events.workspace_steps, "against something fixed"),
        (events.clipped_steps, "with a clipped action"),
    )
    said += [f"{number} steps {what}" for number, what in counts if number]
    return ", ".join(said)


def denominators(cell: CellReport) -> str:
    """Say of how many tasks the played ones are, down to the benchmark's own list."""
    saved = f", {count(cell.saved)} saved" if cell.saved else ""
    resumed = f", {count(cell.resumed)} of them resumed" if cell.resumed else ""
    return (
        f"{count(cell.played)} played of {count(cell.total)} audited{saved}{resumed};"
        f" {count(cell.playable)} playable of {count(cell.listed)} listed"
    )


def heading(name: str, width: int = 12) -> str:
    """A model's name over as many lines as a narrow column needs, broken at its own separators."""
    lines = [""]
    for part in re.findall(r"[^_.-]+[_.-]*|[_.-]+", name):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)
