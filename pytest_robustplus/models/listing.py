"""The table of model cards that ``pytest --robust-models`` prints."""

from __future__ import annotations

import io
from collections.abc import Mapping

from pytest_robustplus.models.cards import Card

WIDTH = 160


def render(cards: Mapping[str, Card]) -> str:
    """Render one line a model: what it is, on which benchmarks, how it is reached, or why it cannot be."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("model", "title", "family", "parameters", "denoising", "benchmarks", "transports", "checkpoints"):
        grid.add_column(heading, overflow="fold")
    for card in cards.values():
        found = "\n".join(place for places in card.checkpoints.values() for place in places)
        last = found or (f"unavailable: {card.unavailable}" if card.unavailable else "")
        grid.add_row(
            card.name,
            card.title,
            card.family,
            card.parameters,
            card.denoising_steps,
            "\n".join(card.benchmarks),
            " ".join(card.transports) or card.policy,
            last,
        )
    text = io.StringIO()
    Console(file=text, width=WIDTH, color_system=None).print(grid)
    return text.getvalue()
