"""Red cells as annotations of GitHub, on the line of the test that asked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from pytest_robustplus.errors import shortened
from pytest_robustplus.reporting.notes import text as worded
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.results.run import reason, unplayable

_LONGEST = 4000


def annotated(
    reports: Iterable[pytest.TestReport], root: Path, environment: Mapping[str, str] = os.environ
) -> Iterator[str]:
    """One workflow command for each question of ours that was lost or could not be asked; none outside of GitHub."""
    if environment.get("GITHUB_ACTIONS") != "true":
        return
    told = set()
    top = Path(environment.get("GITHUB_WORKSPACE") or root)
    for report in reports:
        item = Identity.read(report.user_properties)
        if item is None or not report.failed or item in told:
            continue
        told.add(item)
        file, line, _ = report.location
        place = os.path.relpath(root / file, top)
        title = f"{item.kind} {item.id}: {'could not be played' if unplayable(report) else 'lost'}"
        text = worded(reason(report)) if unplayable(report) else report.longreprtext
        yield (
            f"::error file={_property(place)},line={(line or 0) + 1},title={_property(title)}"
            f"::{_data(shortened(text, _LONGEST))}"
        )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
