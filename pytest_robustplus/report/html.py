"""A run as one self-contained page: no network, works from ``file://``, on a phone and by keyboard."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.ledger import Run, StoredEpisode
from pytest_robustplus.report.cell import CellReport
from pytest_robustplus.report.document import CellStory, totals
from pytest_robustplus.report.figures import count, evalue, interval, percent

_STATIC = Path(__file__).parent / "static"
_WORDS = {
    "pass": "pass", "fail": "FAIL", "measured": "measured", "error": "ERROR", "skipped": "not measured",
    "unfinished": "not measured",
}  # fmt: skip
_NO_PLOTS = "The plots need matplotlib: pip install 'pytest-robustplus[report]'."


def page(
    told: Sequence[CellStory],
    benchmarks: Mapping[str, Benchmark],
    run: Run | None,
    videos: Mapping[int, bytes] | None = None,
) -> str:
    """Build the page; ``videos`` holds MP4 files by episode."""
    style, script = ((_STATIC / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    # Nothing may be fetched: the policy makes a browser refuse what the page does not carry itself.
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; media-src data:"
    title = "Robustness: " + ", ".join(dict.fromkeys(benchmarks[s.result.name.benchmark].title for s in told))
    body = [*_head(title, told, run), *_filters(told), "<main id='main'>", *_table(told), *_totals(told, benchmarks)]
    body += [*_plots(told), *_changes(told), *_failures(told, videos or {}), *_latency(told), *_provenance(told)]
    return "\n".join([
        "<!doctype html>", "<html lang='en'>", "<meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        f"<title>{escape(title)}</title>", "<link rel='icon' href='data:,'>",
        f"<style>{style}</style>", *body, "</main>", f"<script>{script}</script>", "</html>", "",
    ])  # fmt: skip


def _head(title: str, told: Sequence[CellStory], run: Run | None) -> Iterator[str]:
    yield "<a class='skip' href='#main'>Skip to the table</a>"
    yield f"<h1>{escape(title)}</h1>"
    states = [_WORDS[story.result.state] for story in told]
    counts = [f"{states.count(word)} {word}" for word in dict.fromkeys(_WORDS.values()) if word in states]
    yield f"<p>{', '.join(counts)}</p>"
    if run is not None:
        started = run.started[:19].replace("T", " ")
        yield f"<p class='dim'>{escape(started)} UTC · <code>{escape(run.command)}</code></p>"


def _filters(told: Sequence[CellStory]) -> Iterator[str]:
    yield "<form aria-label='Filters'>"
    names = [story.result.name for story in told]
    for key, values in (
        ("model", [name.model for name in names]),
        ("dimension", [name.dimension for name in names]),
        ("state", [story.result.state for story in told]),
    ):
        options = "".join(f"<option>{escape(value)}</option>" for value in dict.fromkeys(values))
        yield f"<label>{key} <select name='{key}'><option value=''>all</option>{options}</select></label>"
    yield "<label>text <input name='text' type='search' placeholder='task, parameter, note'></label>"
    yield "<button type='reset'>show all</button> <output class='dim'></output></form>"


def _table(told: Sequence[CellStory]) -> Iterator[str]:
    heads = ("model", "dimension", "verdict", "rate", "", "95 % sequence", "baseline", "margin", "episodes", "notes")
    yield "<h2>Cells</h2><div class='scroll' tabindex='0' role='region' aria-label='Cells'>"
    yield "<table class='cells'><thead><tr>"
    yield "".join(f"<th scope='col'>{head}</th>" for head in heads) + "</tr></thead><tbody>"
    for story in told:
        name, report = story.result.name, story.result.figures
        state = _WORDS[story.result.state] + (", above" if report and report.above else "")
        values = [
            escape(name.model),
            escape(name.dimension),
            f"<span class='verdict {story.result.state}'>{state}</span>",
            *(_figures(report) if report else ["–", "", "–", "–", "–", "–"]),
            "<br>".join(escape(note) for note in report.notes) if report else escape(story.result.reason),
        ]
        cells = "".join(f"<td data-label='{h}'><span>{v}</span></td>" for h, v in zip(heads, values, strict=True))
        yield f"<tr {_data(story)}>{cells}</tr>"
    yield "</tbody></table></div>"
    yield (
        "<p class='note'>The bar shows the 95 % confidence sequence, the rate (dot), the baseline (line) and the least"
        " rate that passes (dotted). “noise”: run-to-run noise at this many episodes raised the margin.</p>"
    )


def _figures(report: CellReport) -> list[str]:
    held = report.baseline is not None
    return [
        f"<b>{percent(report.rate)}</b>",
        _bar(report),
        interval(report.low, report.high),
        f"{percent(report.baseline)}<br><span class='dim'>{escape(report.source)}</span>"
        if report.baseline is not None
        else "none",
        f"{100 * report.margin:.1f}{' (noise)' if report.margin_raised else ''}" if held else "–",
        f"{count(report.played)} of {count(report.total)}<br><span class='dim'>{count(report.playable)} playable of"
        f" {count(report.listed)}</span>",
    ]


def _bar(report: CellReport) -> str:
    """Draw the interval as a small SVG that a screen reader gets from the column beside it."""
    shapes = [f"<line x1='{100 * report.low:.1f}' x2='{100 * report.high:.1f}' y1='6' y2='6' stroke-width='4'/>"]
    shapes.append(f"<circle cx='{100 * report.rate:.1f}' cy='6' r='3' fill='currentColor'/>")
    if report.baseline is not None:
        floor = 100 * max(report.baseline - report.margin, 0)
        at = 100 * report.baseline
        shapes.append(f"<line x1='{at:.1f}' x2='{at:.1f}' y1='0' y2='12' stroke='#1f2328' stroke-width='1'/>")
        shapes.append(
            f"<line x1='{floor:.1f}' x2='{floor:.1f}' y1='0' y2='12' stroke='#1f2328' stroke-dasharray='2 2'/>"
        )
    return (
        f"<svg class='bar {report.outcome}' viewBox='-3 0 106 12' aria-hidden='true' stroke='currentColor'>"
        f"<line x1='0' x2='100' y1='6' y2='6' stroke='#d0d7de'/>{''.join(shapes)}</svg>"
    )


def _totals(told: Sequence[CellStory], benchmarks: Mapping[str, Benchmark]) -> Iterator[str]:
    yield "<h2>Total</h2>"
    for found in totals([story.result for story in told], benchmarks):
        what = f"{found.model} on {benchmarks[found.benchmark].title} ({found.rule.replace('_', ' ')})"
        if found.rate is None:
            text = f"not measured: {found.measured} of the rule's {found.columns} dimensions were"
        else:
            text = f"{percent(found.rate)} over {count(found.played)} episodes of {count(found.listed)} listed tasks"
        yield f"<p data-model='{escape(found.model)}'>{escape(what)}: <b>{text}</b></p>"


def _plots(told: Sequence[CellStory]) -> Iterator[str]:
    try:
        import matplotlib  # noqa: F401

        from pytest_robustplus.report import plots
    except ImportError:
        yield f"<p class='note'>{_NO_PLOTS}</p>"
        return
    decided = [story for story in told if story.result.figures is not None]
    yield "<h2>Profile over the dimensions</h2>"
    for key in dict.fromkeys((story.result.name.model, story.result.name.benchmark) for story in decided):
        reports = [s.result.figures for s in decided if s.result.figures and s.result.name[:2] == key]
        said = "; ".join(f"{r.dimension} {percent(r.rate)} {interval(r.low, r.high)}" for r in reports)
        yield _figure(
            plots.profile_plot(reports), f"{key[0]} on {key[1]}", said, f"data-model='{escape(key[0])}'", "wide"
        )
    yield "<h2>Success against severity</h2><p class='note'>Counted episodes only, with Wilson's 95 % interval and the"
    yield "number of episodes below; descriptive where an early verdict ended the cell.</p><div class='grid'>"
    for story in decided:
        for (part, parameter), points in plots.severities(story.episodes).items():
            name = story.result.name
            said = "; ".join(f"{p.severity:g}: {p.successes} of {p.played}" for p in points)
            caption = f"{name.model}, {name.dimension}: {part or 'all'}"
            yield _figure(plots.severity_plot(parameter, points), caption, said, _data(story))
    yield "</div><h2>History</h2><div class='grid'>"
    for story in decided:
        name = story.result.name
        ends = [(audit, audit.conclusion) for audit in story.history[-30:]]
        said = "; ".join(
            f"{audit.opened[:10]} {end.verdict} {percent(end.successes / end.played)} of {end.played}"
            for audit, end in ends
            if end is not None and end.played
        )
        yield _figure(plots.history_plot(story.history[-30:]), f"{name.model}, {name.dimension}", said, _data(story))
    yield "</div>"


def _figure(svg: str, caption: str, said: str, data: str, kind: str = "") -> str:
    source = base64.b64encode(svg.encode()).decode()
    return (
        f"<figure class='{kind}' {data}><img loading='lazy' alt='{escape(caption + ': ' + said)}'"
        f" src='data:image/svg+xml;base64,{source}'><figcaption>{escape(caption)}"
        f"<details><summary class='dim'>numbers</summary>{escape(said)}</details></figcaption></figure>"
    )


def _changes(told: Sequence[CellStory]) -> Iterator[str]:
    gates = [(s, gate) for s in told if s.result.figures for gate in s.result.figures.gates if gate.pairs]
    if not gates:
        return
    yield "<h2>Changed against the accepted run</h2>"
    for story, gate in gates:
        kept, lost, gained, neither = gate.pairs
        name = story.result.name
        yield f"<details {_data(story)}><summary>{escape(name.model)}, {escape(name.dimension)}: {lost} lost,"
        yield f"{gained} gained, {kept} kept, {neither} failed twice; McNemar p {gate.mcnemar_p:.2g}, sequential"
        yield f"e-value {evalue(gate.mcnemar_log)}</summary><p class='note'>{escape(gate.source)}</p><ul>"
        yield from (
            f"<li>{change.how} {escape(change.task)} <code>pytest --robust-replay {change.episode}</code></li>"
            for change in gate.changed
        )
        yield "</ul></details>"


def _failures(told: Sequence[CellStory], videos: Mapping[int, bytes]) -> Iterator[str]:
    yield "<h2>Failing episodes</h2>"
    for story in told:
        failed = [episode for episode in story.episodes if not episode.record.success]
        if not failed:
            continue
        name = story.result.name
        opened = " open" if any(episode.id in videos for episode in failed) else ""
        yield f"<details data-model='{escape(name.model)}' data-dimension='{escape(name.dimension)}'{opened}>"
        yield f"<summary>{escape(name.model)}, {escape(name.dimension)}: {count(len(failed))} failed</summary>"
        yield "<div class='scroll' tabindex='0' role='region' aria-label='Failing episodes'><table><thead><tr>"
        yield "<th>task<th>part<th>parameters<th>steps<th>see it</tr></thead><tbody>"
        yield from (_failure(story, episode, videos.get(episode.id)) for episode in failed)
        yield "</tbody></table></div></details>"


def _failure(story: CellStory, episode: StoredEpisode, video: bytes | None) -> str:
    record = episode.record
    parameters = ", ".join(f"{key} {value}" for key, value in record.parameters.items())
    film = ""
    if video is not None:
        source = base64.b64encode(video).decode()
        film = f"<video controls muted preload='metadata' src='data:video/mp4;base64,{source}'></video>"
    return (
        f"<tr {_data(story)}><td>{escape(record.task)}<td>{escape(record.subdimension)}<td>{escape(parameters)}"
        f"<td class='number'>{record.steps}<td><code>pytest --robust-replay {episode.id}</code>{film}</tr>"
    )


def _latency(told: Sequence[CellStory]) -> Iterator[str]:
    yield "<h2>Time</h2><p class='note'>On this machine, while it played; compare ratios, not machines.</p>"
    yield "<div class='scroll'><table><thead><tr><th>cell<th>policy, ms a call<th>s an episode<th>of it policy"
    yield "<th>of it simulator</tr></thead><tbody>"
    for story in (story for story in told if story.episodes):
        records = [episode.record for episode in story.episodes]
        calls, n = sum(r.inferences for r in records), len(records)
        policy, simulator = sum(r.policy_s for r in records), sum(r.simulator_s for r in records)
        per_call = f"{1000 * policy / calls:.2f}" if calls else "–"
        yield f"<tr {_data(story)}><td>{escape(str(story.result.name))}<td class='number'>{per_call}"
        yield f"<td class='number'>{sum(r.wall_s for r in records) / n:.3f}<td class='number'>{policy / n:.3f}"
        yield f"<td class='number'>{simulator / n:.3f}</tr>"
    yield "</tbody></table></div>"


def _provenance(told: Sequence[CellStory]) -> Iterator[str]:
    yield "<h2>Provenance</h2>"
    for story in (story for story in told if story.result.figures is not None):
        report = story.result.figures
        assert report is not None
        facts = {"checkpoint": story.checkpoint, "order seed": report.order_seed, **story.versions}
        yield f"<details {_data(story)}><summary>{escape(str(story.result.name))}</summary>"
        yield _list(facts.items()) + "</details>"


def _list(facts: Iterable[tuple[str, str]]) -> str:
    return "<ul>" + "".join(f"<li>{escape(key)}: <code>{escape(value)}</code></li>" for key, value in facts) + "</ul>"


def _data(story: CellStory) -> str:
    name = story.result.name
    return (
        f"data-model='{escape(name.model)}' data-dimension='{escape(name.dimension)}'"
        f" data-state='{escape(story.result.state)}'"
    )
