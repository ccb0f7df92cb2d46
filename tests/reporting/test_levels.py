"""Success by level, the first picture of a page about a graded list, and against sizes of perturbations."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pytest_robustplus.reporting.plots import Point, level_plot, levels, severities


def episode(success: bool, **parameters: object) -> Any:
    return SimpleNamespace(record=SimpleNamespace(parameters=parameters, success=success, subdimension="way"))


def test_levels_are_counted_over_all_ways_of_a_dimension() -> None:
    played = [
        episode(True, severity=1, azimuth_deg=9),
        episode(False, severity=1, distance=1.2),
        episode(False, severity=4, yaw_deg=7),
    ]
    assert levels(played) == [Point(1.0, 1, 2, 1.0, 1.0), Point(4.0, 0, 1, 4.0, 4.0)]


def test_what_is_not_graded_has_no_levels() -> None:
    assert not levels([episode(True, severity=1), episode(True, severity=2), episode(True, azimuth_deg=9)])
    assert not levels([episode(True, severity=3), episode(False, severity=3)]), "one level is no curve"
    assert not levels([])


def test_a_picture_for_each_dimension_and_a_name_for_each_curve() -> None:
    curve = [Point(1, 9, 10, 1, 1), Point(2, 4, 10, 2, 2)]
    rows = {"camera": {"mine": curve, "theirs": curve}, "noise": {"mine": curve}, "light": {"theirs": curve}}
    drawn = level_plot(rows, columns=2)
    assert [drawn.count(f">{word}<") for word in ("camera", "noise", "light", "mine", "theirs")] == [1] * 5
    assert ">mine<" not in level_plot({"camera": {"mine": curve}}), "one curve needs no name"


def test_sizes_share_a_point_until_it_says_something() -> None:
    """A page of a dozen episodes had a zigzag of points with one each."""
    sizes = [float(size) for size in range(12)]
    (points,) = severities([episode(size < 6, azimuth_deg=size) for size in sizes]).values()
    assert [(point.where, point.successes, point.played) for point in points] == [("0 to 5", 6, 6), ("6 to 11", 0, 6)]
    assert [point.severity for point in points] == [2.5, 8.5]
    many = [episode(size < 6, azimuth_deg=size) for size in sizes[:3] for _ in range(5)]
    assert [point.where for point in severities(many)["way", "azimuth_deg"]] == ["0", "1", "2"]
    assert not severities([episode(True, azimuth_deg=size) for size in sizes[:9]]), "one point is no curve"
    (points,) = severities([episode(True, azimuth_deg=float(size % 100)) for size in range(1000)]).values()
    assert len(points) == 8


def test_points_of_few_episodes_are_hollow_and_joined_to_none() -> None:
    few, enough = Point(2, 1, 2, 2, 2), [Point(1, 9, 10, 1, 1), Point(3, 4, 10, 3, 3)]
    drawn = level_plot({"camera": {"mine": [enough[0], few, enough[1]]}}, columns=1)
    assert drawn.count("fill: #ffffff") == 1 + drawn.partition("</style>")[0].count("fill: #ffffff")
    joined = level_plot({"camera": {"mine": enough}}, columns=1)
    assert joined.count("<path") == drawn.count("<path") - 1, "a marker and its interval more, a line less"
