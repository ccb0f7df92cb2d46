"""Success by level: the first picture of a page about a graded list."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pytest_robustplus.reporting.plots import Point, level_plot, levels


def episode(success: bool, **parameters: object) -> Any:
    return SimpleNamespace(record=SimpleNamespace(parameters=parameters, success=success))


def test_levels_are_counted_over_all_ways_of_a_dimension() -> None:
    played = [
        episode(True, severity=1, azimuth_deg=9),
        episode(False, severity=1, distance=1.2),
        episode(False, severity=4, yaw_deg=7),
    ]
    assert levels(played) == [Point(1.0, 1, 2), Point(4.0, 0, 1)]


def test_what_is_not_graded_has_no_levels() -> None:
    assert not levels([episode(True, severity=1), episode(True, severity=2), episode(True, azimuth_deg=9)])
    assert not levels([episode(True, severity=3), episode(False, severity=3)]), "one level is no curve"
    assert not levels([])


def test_a_picture_for_each_dimension_and_a_name_for_each_curve() -> None:
    curve = [Point(1, 9, 10), Point(2, 4, 10)]
    rows = {"camera": {"mine": curve, "theirs": curve}, "noise": {"mine": curve}, "light": {"theirs": curve}}
    drawn = level_plot(rows, columns=2)
    assert [drawn.count(f">{word}<") for word in ("camera", "noise", "light", "mine", "theirs")] == [1] * 5
    assert ">mine<" not in level_plot({"camera": {"mine": curve}}), "one curve needs no name"
