"""Episodes for other tools: tables with an episode a row, outcome vectors, and entries of public leaderboards."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import PERTURBATIONS, Dimension

# Of the columns below; docs/how_to/comparing.md documents them.
FORMAT = "robustplus-episodes-1"
# As LIBERO-Plus calls its dimensions in task_classification.json.
CATEGORIES: Mapping[Dimension, str] = {
    Dimension.CAMERA: "Camera Viewpoints",
    Dimension.ROBOT: "Robot Initial States",
    Dimension.LANGUAGE: "Language Instructions",
    Dimension.LIGHT: "Light Conditions",
    Dimension.BACKGROUND: "Background Textures",
    Dimension.NOISE: "Sensor Noise",
    Dimension.LAYOUT: "Objects Layout",
}


class Episode(NamedTuple):
    """One row; ``listed`` is the task's place in its suite's list, from 0."""

    format: str
    model: str
    benchmark: str
    dimension: str
    task: str
    suite: str
    base: str
    subdimension: str
    trial: int
    success: bool
    seed: int | None
    steps: int
    instruction: str
    prompt_source: str
    checkpoint: str
    protocol: str
    started: str
    parameters: str
    provenance: str
    listed: int


Lists = Mapping[tuple[str, str], int]
"""How many tasks a benchmark lists in a dimension."""


def write(path: Path, episodes: Sequence[Episode], lists: Lists) -> None:
    """Write episodes in the form that the file's name asks for; rates say of how many tasks of the list they are.

    Raises ``BadInputError`` for a name that asks for none, for a form that holds one model only, and for a file that
    cannot be written.
    """
    name = path.name.lower()
    form = next((form for ending, form in _FORMS.items() if name.endswith(ending)), None)
    if form is None:
        raise BadInputError(
            f"--robust-export={path}: the name has to end in one of {', '.join(_FORMS)}, which says what to write."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        form(path, episodes, lists)
    except OSError as error:
        raise BadInputError(f"--robust-export={path}: it cannot be written ({error.strerror}).") from error


def _csv(path: Path, episodes: Sequence[Episode], _: Lists) -> None:
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(Episode._fields)
    table.writerows(["" if value is None else value for value in episode] for episode in episodes)
    path.write_text(stream.getvalue(), encoding="utf-8")


def _parquet(path: Path, episodes: Sequence[Episode], _: Lists) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise BadInputError(
            f"--robust-export={path}: parquet needs pyarrow. Run: pip install 'pytest-robustplus[parquet]'"
        ) from error
    kinds = {"trial": pyarrow.int64(), "seed": pyarrow.int64(), "steps": pyarrow.int64(), "listed": pyarrow.int64()}
    fields = [
        pyarrow.field(name, pyarrow.bool_() if name == "success" else kinds.get(name, pyarrow.string()))
        for name in Episode._fields
    ]
    schema = pyarrow.schema(fields, metadata={"format": FORMAT})
    parquet.write_table(pyarrow.Table.from_pylist([e._asdict() for e in episodes], schema=schema), path)


def _vectors(path: Path, episodes: Sequence[Episode], _: Lists) -> None:
    """Outcomes beside the entries of task_classification.json: by suite, in the list's order, with ids from 1."""
    suites: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for episode in sorted(episodes, key=lambda episode: (episode.suite, episode.listed)):
        category = CATEGORIES.get(Dimension(episode.dimension), episode.dimension)
        name = episode.task.removeprefix(f"{episode.suite}/")
        entry = {"id": episode.listed + 1, "name": name, "category": category, "success": episode.success}
        suites[episode.suite].append(entry)
    head = {"format": FORMAT, "model": _only_model(path, episodes), "benchmark": episodes[0].benchmark}
    _json(path, {**head, "suites": suites})


def _leaderboard(path: Path, episodes: Sequence[Episode], lists: Lists) -> None:
    """Entries as vla-eval's leaderboard takes them; one of part of a list has no overall score, as its rules ask."""
    entries = []
    groups: dict[tuple[str, str], list[Episode]] = defaultdict(list)
    for episode in episodes:
        groups[episode.benchmark, episode.model].append(episode)
    for (benchmark, model), own in sorted(groups.items()):
        rates = {d: found for d, found in _rates(own).items() if d is not Dimension.ORIGINAL}
        scores = {str(d): round(100 * rate, 2) for d, (rate, _) in rates.items()}
        asked = sum(lists[benchmark, str(d)] for d in PERTURBATIONS if (benchmark, str(d)) in lists)
        played = sum(count for _, count in rates.values())
        whole = played == asked and len(rates) == len(PERTURBATIONS)
        entries.append(
            {
                "model": model,
                "display_name": model,
                "name_in_paper": None,
                "benchmark": benchmark,
                "overall_score": round(sum(scores.values()) / len(scores), 2) if whole else None,
                "suite_scores": scores,
                "reported_paper": None,
                "reported_table": None,
                "curated_by": "human",
                "notes": f"{played:,} of {asked:,} tasks, by pytest-robustplus; checkpoint {own[0].checkpoint}",
                "date_added": max(episode.started for episode in own)[:10],
                "weight_type": "shared",
            }
        )
    _json(path, {"last_updated": max(episode.started for episode in episodes)[:10], "results": entries})


def _hub(path: Path, episodes: Sequence[Episode], lists: Lists) -> None:
    """``.eval_results/*.yaml`` of a model repository: a value a dimension, in percent."""
    model = _only_model(path, episodes)
    lines = []
    for dimension, (rate, count) in _rates(episodes).items():
        date = max(episode.started for episode in episodes if episode.dimension == dimension)[:10]
        lines += [
            "- dataset:",
            f"    id: {_HUB.get(episodes[0].benchmark, episodes[0].benchmark)}",
            f"    task_id: {dimension}",
            f"  value: {100 * rate:.2f}",
            f'  date: "{date}"',
            f"  notes: {json.dumps(f'{model}: {count:,} of {lists[episodes[0].benchmark, str(dimension)]:,} tasks')}",
        ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


_HUB = {"libero_plus": "Sylvest/LIBERO-plus"}
_FORMS: Mapping[str, Callable[[Path, Sequence[Episode], Lists], None]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".vectors.json": _vectors,
    ".leaderboard.json": _leaderboard,
    ".yaml": _hub,
}


def _rates(episodes: Iterable[Episode]) -> Mapping[Dimension, tuple[float, int]]:
    outcomes: dict[Dimension, list[bool]] = defaultdict(list)
    for episode in episodes:
        outcomes[Dimension(episode.dimension)].append(episode.success)
    return {d: (sum(outcomes[d]) / len(outcomes[d]), len(outcomes[d])) for d in Dimension if d in outcomes}


def _only_model(path: Path, episodes: Sequence[Episode]) -> str:
    models = sorted({episode.model for episode in episodes})
    benchmarks = sorted({episode.benchmark for episode in episodes})
    if len(models) > 1 or len(benchmarks) > 1:
        raise BadInputError(
            f"--robust-export={path}: this form holds one model on one benchmark, and the ledger has"
            f" {', '.join(models)} on {', '.join(benchmarks)}. Choose with --robust-model and --robust-benchmark."
        )
    return models[0]


def _json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
