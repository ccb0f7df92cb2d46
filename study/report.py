"""The study's page: ``python -m study.report OUTCOMES OUT``; tables in markdown, three figures.

OUTCOMES is the ledger of ``make study`` (comparisons of the family on the generated edition), the ``.jsonl`` of
``study.make play``, or a ``.csv``, as which a run's outcomes are committed.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pytest_robustplus.benchmarks.libero_generated.tasks import tasks as listed_tasks
from pytest_robustplus.ledger import Ledger
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.statistics.counts import wilson
from pytest_robustplus.statistics.order import ranked
from study.contrasts import CLAIMS, Contrast, Outcomes, common, contrast, matrix, paired, verdicts
from study.players import ABLATIONS, ordered, read
from training.recipe import STEPS
from training.words import SUITES

BENCHMARK = "libero_plus_generated"
DIMENSIONS = ("camera", "robot", "language", "light", "background", "noise", "layout")
FAMILIES = {"vla": ("vla",), "wam": ("joint",), "hybrid": ("hybrid",)}
"""Which kinds stand for a family in the contrasts: those with three training seeds."""
KINDS = {
    "vla": "VLA",
    "flow": "VLA, denoised actions",
    "joint": "WAM, joint",
    "inverse": "WAM, inverse dynamics",
    "hybrid": "hybrid",
}
_COLOURS = {"vla": "#4477aa", "flow": "#66ccee", "joint": "#cc3311", "inverse": "#ee7733", "hybrid": "#228833"}
_FEWEST = 5  # episodes below which a cell is left blank


class Contest(NamedTuple):
    """Players that play the ``tasks`` of a stream (a dimension, or a suite unperturbed) in one order."""

    stream: str
    players: frozenset[str]
    tasks: tuple[str, ...]


class Played(NamedTuple):
    """Every outcome by player and task; ``severities`` of tasks run from 1 to 5, where they are known."""

    contests: Sequence[Contest]
    outcomes: Mapping[str, Mapping[str, bool]]
    severities: Mapping[str, int]

    @property
    def streams(self) -> Mapping[str, str]:
        """The stream of every task."""
        return {task: contest.stream for contest in self.contests for task in contest.tasks}

    def members(self, kind: str, *, robust: bool = False) -> list[str]:
        """All seeds of a kind that were played."""
        start = f"{kind}_robust-" if robust else f"{kind}-"
        return sorted(p for p in self.outcomes if p.startswith(start) and p.removeprefix(start).isdigit())

    def shared(self, players: Sequence[str], *streams: str) -> list[str]:
        """Of each stream the tasks, in the order in which all ``players`` were to play, up to the first gap."""
        return [task for stream in streams for task in self._prefix(players, stream)]

    def _prefix(self, players: Sequence[str], stream: str) -> list[str]:
        orders = [c.tasks for c in self.contests if c.stream == stream and c.players.issuperset(players)]
        return max((common(self.outcomes, players, tasks) for tasks in orders), key=len, default=[])

    @property
    def core(self) -> list[str]:
        """All members that are trained without the robust augmentation."""
        return [member for kind in KINDS for member in self.members(kind)]


def load(path: Path) -> Played:
    """Read a ledger, the outcomes of ``study.make play``, or a table of them."""
    return {".csv": _from_table, ".jsonl": _from_lines}.get(path.suffix, _from_ledger)(path)


def _from_table(path: Path) -> Played:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name not in ("stream", "task")]
    outcomes = {p: {row["task"]: row[p] == "1" for row in rows if row[p]} for p in names}
    streams: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        streams[row["stream"]].append(row["task"])
    contests = [Contest(s, frozenset(names), tuple(tasks)) for s, tasks in streams.items()]
    return Played(contests, outcomes, _severities(outcomes))


def _severities(outcomes: Outcomes) -> dict[str, int]:
    """Of tasks of the generated edition; others' are not known here."""
    known = {task for own in outcomes.values() for task in own}
    wanted = (task for task in listed_tasks() if task.name in known and "severity" in task.parameters)
    return {task.name: int(task.parameters["severity"]) for task in wanted}


def _from_lines(path: Path) -> Played:
    """All players share one order; a task that somebody could not play, which is no outcome, counts for nobody."""
    outcomes: dict[str, dict[str, bool]] = defaultdict(dict)
    failed = set()
    for one in read(path):
        if one.success is None:
            failed.add((one.player, one.task))
        else:
            outcomes[one.player][one.task] = one.success
    lost = {task for player, task in failed if task not in outcomes[player]}
    streams: dict[str, list[str]] = defaultdict(list)
    for dimension, own in ordered().items():
        for task in own:
            if task.name not in lost:
                streams[task.suite if dimension == Dimension.ORIGINAL else dimension].append(task.name)
    everybody = frozenset(outcomes)
    contests = [Contest(stream, everybody, tuple(tasks)) for stream, tasks in streams.items()]
    return Played(contests, dict(outcomes), _severities(outcomes))


def write_table(played: Played, path: Path) -> None:
    """Write every outcome: a row a task, in the order of play, a column a player; empty where it was not played."""
    names = sorted(played.outcomes)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["stream", "task", *names])
        for stream, task in dict.fromkeys((c.stream, task) for c in played.contests for task in c.tasks):
            cells = [played.outcomes[name].get(task) for name in names]
            if any(cell is not None for cell in cells):
                writer.writerow([stream, task, *("" if cell is None else int(cell) for cell in cells)])


def _from_ledger(path: Path) -> Played:
    """Sides of one comparison share an order, which the ledger knows by its seed."""
    sides: dict[tuple[str, str], set[str]] = defaultdict(set)
    outcomes: dict[str, dict[str, bool]] = defaultdict(dict)
    with Ledger.open(path, create=False) as ledger:
        for audit in ledger.audits():
            key = audit.key
            if key.benchmark == BENCHMARK and key.compared:
                sides[key.dimension, audit.order_seed].add(key.model)
                outcomes[key.model] |= {task: success for task, (success, _) in ledger.known(key).items()}
    wanted = [task for task in listed_tasks() if task.suite in SUITES]
    contests = []
    for (dimension, seed), players in sides.items():
        own = [task for task in wanted if task.dimension == dimension]
        ordered = [own[place] for place in ranked([task.name for task in own], seed)]
        for stream in SUITES if dimension == Dimension.ORIGINAL else (dimension,):
            names = tuple(task.name for task in ordered if stream in (task.suite, dimension))
            contests.append(Contest(stream, frozenset(players), names))
    return Played(contests, dict(outcomes), _severities(outcomes))


def rate(played: Played, players: Sequence[str], tasks: Sequence[str]) -> tuple[int, int]:
    """Successes and episodes of some players on those of ``tasks`` that each has played."""
    results = [played.outcomes[p][t] for p in players for t in tasks if t in played.outcomes.get(p, {})]
    return sum(results), len(results)


def table(played: Played, groups: Mapping[str, Sequence[str]]) -> str:
    """The table as the study prints it: a row a group of members, on the tasks that all of them have played."""
    everybody = [player for players in groups.values() for player in players]
    lines = ["| | Original | " + " | ".join(d.capitalize() for d in DIMENSIONS) + " | Mean |", "|---|" + "---|" * 9]
    columns = [SUITES, *((dimension,) for dimension in DIMENSIONS)]
    shared = [played.shared(everybody, *streams) for streams in columns]
    for label, players in groups.items():
        cells = [rate(played, players, tasks) for tasks in shared]
        shown = [f"{100 * won / n:.1f}" if n >= _FEWEST else "–" for won, n in cells]
        rates = [won / n for won, n in cells[1:] if n >= _FEWEST]
        lines.append(f"| {label} | {' | '.join(shown)} | {f'{100 * np.mean(rates):.1f}' if rates else '–'} |")
    lines.append("| *tasks* | " + " | ".join(f"*{len(tasks)}*" for tasks in shared) + " | |")
    return "\n".join(lines)


def unperturbed(played: Played) -> str:
    """Every member on the initial states of both suites."""
    lines = ["| member | libero_object | libero_spatial |", "|---|---|---|"]
    for player in sorted(p for p in played.outcomes if not set("~@+").intersection(p)):
        cells = []
        for suite in SUITES:
            won, n = rate(played, [player], played.shared([player], suite))
            low, high = wilson(won, n) if n else (0.0, 1.0)
            cells.append(f"{won}/{n} ({100 * low:.0f}–{100 * high:.0f})" if n else "–")
        lines.append(f"| {player} | {' | '.join(cells)} |")
    return "\n".join(lines)


def compared(played: Played, better: Sequence[str], worse: Sequence[str], dimension: str) -> Contrast | None:
    """Contrast two groups of members in a dimension, in ``all`` of them, or ``original``."""
    streams = {"all": DIMENSIONS, "original": SUITES}.get(dimension, (dimension,))
    groups = [played.shared([*better, *worse], stream) for stream in streams]
    tasks = [task for group in groups for task in group]
    strata = [place for place, group in enumerate(groups) for _ in group]
    if not better or not worse or len(tasks) < 2 * _FEWEST or len(set(strata)) < len(streams):
        return None
    return contrast(matrix(played.outcomes, better, tasks), matrix(played.outcomes, worse, tasks), strata)


def family(played: Played, name: str) -> list[str]:
    return [member for kind in FAMILIES[name] for member in played.members(kind)]


def contrasts(played: Played, pairs: Iterable[tuple[str, Sequence[str], Sequence[str]]]) -> str:
    """A row a dimension, a column a pair: difference in points, over tasks and seeds, and over tasks alone."""
    pairs = list(pairs)
    lines = ["| | " + " | ".join(label for label, _, _ in pairs) + " |", "|---|" + "---|" * len(pairs)]
    for dimension in ("original", *DIMENSIONS, "all"):
        cells = [_said(compared(played, first, second, dimension)) for _, first, second in pairs]
        lines.append(f"| {dimension} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _said(one: Contrast | None) -> str:
    if one is None:
        return "–"
    return (
        f"{one.difference:+.1f} [{one.low:+.1f}, {one.high:+.1f}]; tasks alone [{one.tasks_low:+.1f},"
        f" {one.tasks_high:+.1f}]; n = {one.tasks}"
    )


def claims(played: Played) -> str:
    """Each claim of the study: holds, refuted or undecided for this family."""
    found_ = [compared(played, family(played, c.better), family(played, c.worse), c.dimensions[0]) for c in CLAIMS]
    lines = ["| claim | here | points, better minus worse | p |", "|---|---|---|---|"]
    for claim, one, verdict in zip(CLAIMS, found_, verdicts(found_), strict=True):
        points = "–" if one is None else f"{one.difference:+.1f} [{one.low:+.1f}, {one.high:+.1f}]"
        p = "–" if one is None else f"{one.p:.3f}" if one.p >= 0.0005 else "< 0.001"
        lines.append(f"| {claim.text} | **{verdict}** | {points} | {p} |")
    for kind in KINDS:
        members = played.members(kind)
        rates = [(rate(played, members, played.shared(members, d)), d) for d in DIMENSIONS]
        known = sorted((won / n, d) for (won, n), d in rates if n >= _FEWEST)
        if known:
            least = "camera" if known[0][1] == "camera" else f"{known[0][1]}, not camera"
            lines.append(f"| Camera is the hardest dimension: {KINDS[kind]} | seen: {least} | | |")
    return "\n".join(lines)


def variants(played: Played, marks: Sequence[str], beside: str = "") -> str:
    """Members beside their variants (denoising steps, eight bits, ablations) on the tasks that both have played.

    With ``beside``, a kind, its member of the same seed on these tasks, too.
    """
    columns = [
        "variant",
        "itself",
        "variant",
        "points, over tasks",
        *([f"{beside}, same seed"] if beside else []),
        "tasks",
    ]
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for player in sorted(p for p in played.outcomes if any(mark in p for mark in marks)):
        base = player.split("@")[0].split("+")[0].split("~")[0]
        others = [f"{beside}-{base.partition('-')[2]}"] if beside else []
        groups = [played.shared([base, player, *others], *streams) for streams in (SUITES, *((d,) for d in DIMENSIONS))]
        if tasks := [task for group in groups for task in group]:
            (own, n), (other, _) = rate(played, [base], tasks), rate(played, [player], tasks)
            low, high = paired(*matrix(played.outcomes, [player, base], tasks))
            cells = [
                _worded(player),
                f"{own}/{n}",
                f"{other}/{n}",
                f"{100 * (other - own) / n:+.0f} [{low:+.0f}, {high:+.0f}]",
            ]
            cells += [f"{rate(played, [name], tasks)[0]}/{n}" for name in others]
            sizes = sorted(map(len, groups))
            each = f"{sizes[0]}–{sizes[-1]}" if sizes[0] < sizes[-1] else f"{sizes[0]}"
            lines.append(f"| {' | '.join(cells)} | {each} of each dimension |")
    return "\n".join(lines)


def _worded(player: str) -> str:
    member, _, ablated = player.partition("~")
    return f"{member} without {ABLATIONS[ablated]}" if ablated else player


def latency(timings: Mapping[str, Mapping[str, float]]) -> str:
    """A row a player: milliseconds of processor a chunk, and as a ratio to ``vla-0`` in the same run."""
    lines = ["| policy | median ms | × vla-0 | p95 ms |", "|---|---|---|---|"]
    base = timings["vla-0"]["median_ms"]
    for player, row in sorted(timings.items(), key=lambda item: item[1]["median_ms"]):
        ratio = row["median_ms"] / base
        lines.append(f"| {player} | {row['median_ms']:.1f} | {ratio:.2f} | {row['p95_ms']:.1f} |")
    return "\n".join(lines)


def twins(played: Played) -> str:
    """What the robust augmentation buys each kind: the twin minus the member of the same seed, in points."""
    lines = ["| | " + " | ".join(["original", *DIMENSIONS, "all"]) + " |", "|---|" + "---|" * 9]
    for kind in KINDS:
        pairs = [(p, p.replace("_robust", "")) for p in played.members(kind, robust=True)]
        pairs = [pair for pair in pairs if pair[1] in played.outcomes]
        if pairs:
            better, worse = ([pair[side] for pair in pairs] for side in (0, 1))
            found = [compared(played, better, worse, d) for d in ("original", *DIMENSIONS, "all")]
            cells = [f"{c.difference:+.0f} [{c.tasks_low:+.0f}, {c.tasks_high:+.0f}]" if c else "–" for c in found]
            lines.append(f"| {KINDS[kind]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def trained(facts: Mapping[str, Mapping[str, Any]]) -> str:
    """Every member's error on held-out demonstrations: mean absolute error of an action, as training went on."""
    steps = sorted({point["step"] for one in facts.values() for point in one["curve"] if "held_out" in point})
    lines = ["| held-out error | " + " | ".join(map(str, steps)) + " |", "|---|" + "---|" * len(steps)]
    for name, one in sorted(facts.items()):
        known = {point["step"]: point["held_out"] for point in one["curve"] if "held_out" in point}
        cells = [f"{known[step]:.3f}" if step in known else "" for step in steps]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def severity(played: Played, stream: str, players: Sequence[str]) -> list[tuple[int, int, int]]:
    """Successes and episodes at each severity."""
    levels: dict[int, list[str]] = defaultdict(list)
    for task in played.shared(players, stream):
        if task in played.severities:
            levels[played.severities[task]].append(task)
    return [(level, *rate(played, players, tasks)) for level, tasks in sorted(levels.items())]


def figures(played: Played, timings: Mapping[str, Mapping[str, float]], out: Path) -> None:
    """Draw the profiles, the severity curves and success against latency."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    kinds = {kind: played.members(kind) for kind in KINDS if played.members(kind)}
    figure, axes = pyplot.subplots(figsize=(8, 3.6))
    names = ["original", *DIMENSIONS]
    for shift, (kind, members) in enumerate(kinds.items()):
        streams = [SUITES if name == "original" else (name,) for name in names]
        cells = [rate(played, members, played.shared(played.core, *several)) for several in streams]
        x = np.arange(len(names)) + 0.14 * (shift - len(kinds) / 2 + 0.5)
        y = np.array([100 * won / n if n else np.nan for won, n in cells])
        bounds = 100 * np.array([wilson(won, n) if n else (np.nan, np.nan) for won, n in cells]).T
        bars = np.abs(bounds - y)
        axes.errorbar(x, y, bars, fmt="o", ms=4, lw=1, color=_COLOURS[kind], label=f"{KINDS[kind]} × {len(members)}")
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel("success, %")
    axes.set_ylim(0, 103)
    axes.legend(fontsize=7, ncol=5, loc="upper center", bbox_to_anchor=(0.5, -0.1))
    _save(figure, out / "study_profiles.png")

    if played.severities:
        figure, panels = pyplot.subplots(1, len(DIMENSIONS), figsize=(13, 2.8), sharey=True)
        for axes, stream in zip(panels, DIMENSIONS, strict=True):
            for kind, members in kinds.items():
                shares = [(level, 100 * won / n) for level, won, n in severity(played, stream, members)]
                if shares:
                    axes.plot(*zip(*shares, strict=True), "o-", ms=3, lw=1, color=_COLOURS[kind], label=KINDS[kind])
            axes.set_title(stream, fontsize=9)
            axes.set_xlabel("severity", fontsize=8)
            axes.set_xticks(range(1, 6))
            axes.set_ylim(0, 103)
        panels[0].set_ylabel("success, %")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, fontsize=7, ncol=len(labels), loc="upper center", bbox_to_anchor=(0.5, 0.02))
        _save(figure, out / "study_severity.png")

    figure, axes = pyplot.subplots(figsize=(6, 3.6))
    points: list[tuple[float, float]] = []
    for kind, members in kinds.items():
        first = f"{kind}-0"
        if first not in timings:
            continue
        place = timings[first]["median_ms"], _mean(played, members)
        axes.plot(*place, "o", color=_COLOURS[kind])
        own = sorted((row["median_ms"], p) for p, row in timings.items() if p.startswith(f"{kind}-0@") or p == first)
        brief = [(ms, _shared(played, first, p)) for ms, p in own]
        curve = [(ms, share) for ms, share in brief if share is not None]
        if len(curve) > 1:
            axes.plot(*zip(*curve, strict=True), "x--", lw=0.8, ms=4, color=_COLOURS[kind])
        # Curves of denoisers begin near the points of those that need one pass, whose labels stand to the left.
        right = len(curve) > 1
        offset = (6, -11) if right else (-6, -11 if _taken(place, points) else 4)
        side = "left" if right else "right"
        axes.annotate(KINDS[kind], place, xytext=offset, ha=side, textcoords="offset points", fontsize=7)
        points.append(place)
    axes.set_xlim(0, 1.35 * max((x for x, _ in points), default=1.0))
    axes.set_ylim(0, 103)
    axes.set_xlabel("milliseconds of processor a chunk")
    axes.set_ylabel("success, %")
    axes.set_title("●: mean of seven dimensions; ×: fewer tasks, by denoising steps", fontsize=7)
    _save(figure, out / "study_latency.png")


def _taken(place: tuple[float, float], others: Iterable[tuple[float, float]]) -> bool:
    """Whether another point is so near that its label stands where this one's would."""
    return any(abs(x / place[0] - 1) < 0.05 and abs(y - place[1]) < 5 for x, y in others)


def _mean(played: Played, members: Sequence[str]) -> float:
    cells = [rate(played, members, played.shared(played.core, d)) for d in DIMENSIONS]
    rates = [won / n for won, n in cells if n]
    return 100 * float(np.mean(rates)) if rates else float("nan")


def _shared(played: Played, first: str, player: str) -> float | None:
    """Success of a variant, and of the member itself, on the tasks that all variants of the member have played."""
    several = [p for p in played.outcomes if p == first or p.startswith(f"{first}@")]
    tasks = played.shared(several, *dict.fromkeys(played.streams.values())) if player in several else []
    won, n = rate(played, [player], tasks) if tasks else (0, 0)
    return 100 * won / n if n else None


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot

    figure.tight_layout()
    figure.savefig(path, dpi=110, bbox_inches="tight")
    pyplot.close(figure)


def page(
    played: Played, timings: Mapping[str, Mapping[str, float]], facts: Mapping[str, Mapping[str, Any]] | None = None
) -> str:
    """All tables, one after the other."""
    plain = {f"{KINDS[kind]} × {len(m)}": m for kind in KINDS if (m := played.members(kind))}
    single = {member: [member] for kind in KINDS for member in played.members(kind)}
    robust = {
        label: members
        for kind in KINDS
        if (own := played.members(kind, robust=True))
        for label, members in ((f"{KINDS[kind]}, seed 0", [f"{kind}-0"]), (f"{KINDS[kind]}, robust twin", own))
    }
    vla, wam, hybrid = (family(played, name) for name in ("vla", "wam", "hybrid"))
    pairs = [("WAM − VLA", wam, vla), ("hybrid − VLA", hybrid, vla), ("WAM − hybrid", wam, hybrid)]
    flow, inverse = played.members("flow"), played.members("inverse")
    controls = [("joint − denoised VLA", wam, flow), ("inverse − joint", inverse, wam), ("inverse − VLA", inverse, vla)]
    controls = [pair for pair in controls if pair[1] and pair[2]]
    parts = [
        ("The table", table(played, plain)),
        ("Member by member", table(played, single)),
        ("Unperturbed", unperturbed(played)),
        ("Robust twins", table(played, robust) if robust else ""),
        ("What augmentation buys", twins(played) if robust else ""),
        ("Contrasts", contrasts(played, pairs)),
        ("Other contrasts", contrasts(played, controls) if controls else ""),
        ("Claims", claims(played)),
        (f"Denoising steps (usually {STEPS})", variants(played, ["@"], beside="vla")),
        ("Eight bits", variants(played, ["+int8"])),
        ("Modality ablation", variants(played, ["~"])),
        ("Latency", latency(timings) if "vla-0" in timings else ""),
        ("Training", trained(facts) if facts else ""),
    ]
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in parts if text) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("outcomes", type=Path, metavar="OUTCOMES")
    parser.add_argument("out", type=Path)
    parser.add_argument("--timings", type=Path, help="what study.time has written")
    parser.add_argument("--training", type=Path, help="what study.make has collected of how members were trained")
    options = parser.parse_args()
    played = load(options.outcomes)
    given = (options.timings, options.training)
    timings, facts = (json.loads(path.read_text()) if path and path.exists() else {} for path in given)
    options.out.mkdir(parents=True, exist_ok=True)
    text = page(played, timings, facts)
    (options.out / "study.md").write_text(text)
    write_table(played, options.out / "outcomes.csv")
    figures(played, timings, options.out)
    print(text)


if __name__ == "__main__":
    main()
