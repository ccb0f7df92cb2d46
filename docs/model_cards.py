"""What the page of models takes from the cards, and from what tests/conformance/upstream has found."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pytest_robustplus.baselines import Baselines
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.cards import PUBLISHED, Card, load_cards

ROOT = Path(__file__).parents[1]
FOUND = ROOT / "tests" / "conformance" / "upstream" / "found.json"
FAMILIES = ("vla", "hybrid", "wam")


def found() -> str:
    """A row for each model and benchmark: how far our side and upstream's differ, or why nobody knows."""
    known = json.loads(FOUND.read_text()) if FOUND.exists() else {}
    head = ["model", "benchmark", "transport", "upstream", "steps", "observations", "network", "simulator"]
    rows = [_row(card, benchmark, known) for card in _cards() for benchmark in _benchmarks(card)]
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *rows])


def cards() -> str:
    """A section for each model."""
    return "\n".join(map(_model, _cards()))


def _cards() -> list[Card]:
    return [card for card in load_cards().values() if card.family in FAMILIES]


def _benchmarks(card: Card) -> Iterable[str]:
    """Where the paper's tables have a row for it, or it has a checkpoint."""
    baselines = Baselines.load()
    for benchmark in card.profiles:
        row = baselines.find(card.baseline, benchmark, Dimension.CAMERA) is not None
        if row or card.checkpoints.get(benchmark) or (card.unavailable and benchmark == next(iter(card.profiles))):
            yield benchmark


def _row(card: Card, benchmark: str, found: dict[str, dict[str, Any]]) -> str:
    name = f"{card.name}/{benchmark}"
    if name in found:
        seen = found[name]
        cells = [seen[column] for column in ("reached", "upstream", "steps", "looks", "network", "simulator")]
        cells[2] = " + ".join(map(str, seen["steps"]))
        return f"| {card.title} | {benchmark} | " + " | ".join(str(cell) for cell in cells) + " |"
    reason = card.unavailable or "not yet tested against upstream's code"
    reached = card.transports[0] if card.transports and not card.unavailable else "–"
    return f"| {card.title} | {benchmark} | {reached} | {reason} | – | – | – | – |"


def _model(card: Card) -> str:
    lines = [
        f"## {card.title}",
        "",
        f"`{card.name}`, {card.paper}" + (f", {card.repository}" if card.repository else ""),
    ]
    if card.unavailable:
        lines += ["", f"Not playable without a policy of your own: {card.unavailable}."]
    for benchmark, places in card.checkpoints.items():
        lines += ["", f"Checkpoints for {benchmark}: " + ", ".join(f"`{place}`" for place in places) + "."]
    if card.serve:
        lines += ["", "### Serve " + card.title, ""]
        for benchmark, commands in card.serve.items():
            lines += [f"{benchmark}:", "", "```", *commands, "```", ""]
    for benchmark, reason in card.per_suite.items():
        lines += [f"- {benchmark}: {reason}; give a policy per suite."]
    for benchmark, script in card.follows.items():
        profile = card.profiles[benchmark]
        horizons = sorted({min(steps, profile.longest or steps) for steps in profile.horizons.values()})
        limit = f"{horizons[0]}" if len(horizons) == 1 else f"{horizons[0]} to {horizons[-1]}"
        played = f"at most {limit} steps, an observation every {profile.replan} actions"
        lines += [f"- {benchmark} follows `{script}`: {played}."]
    for choice, options in card.choices.items():
        named = ", ".join(f"`{option}`" for option in (PUBLISHED, *options))
        lines += [f"- `choose = {{ {choice} = … }}`: {named}."]
    # Benchmarks that are played as another share its notes.
    noted: dict[str, list[str]] = {}
    for benchmark, profile in card.profiles.items():
        for note in profile.notes:
            noted.setdefault(note, []).append(benchmark)
    lines += [f"- {', '.join(benchmarks)}: {note}" for note, benchmarks in noted.items()]
    return "\n".join([*lines, ""])
