"""How figures and notes are written."""

import pytest

from pytest_robustplus.reporting.text import footnotes, heading, summed
from pytest_robustplus.results.notes import Note
from pytest_robustplus.results.text import quantity


def test_a_total_is_bare_only_where_every_task_was_played() -> None:
    assert summed(0.8, 0.8, 0.8, early=False) == "80.0 %"
    assert summed(0.7, 0.8, 0.9, early=False) == "80.0 % [70.0, 90.0]"
    assert summed(0.7, 0.8, 0.9, early=True) == "~80.0 % [70.0, 90.0]"
    assert summed(None, None, None, early=True) == "–"


def test_one_is_one() -> None:
    assert [quantity(number, "episode") for number in (0, 1, 10_030)] == ["0 episodes", "1 episode", "10,030 episodes"]
    assert quantity(2, "search", "searches") == "2 searches"


def test_what_holds_for_several_cells_of_a_model_is_said_once() -> None:
    notes: list[tuple[str, str, Note | str]] = [
        ("a", "camera", "old renderer"),
        ("a", "robot", "old renderer"),
        ("a", "robot", "few"),
        ("b", "robot", "few"),
    ]
    assert footnotes(notes) == ["a, camera, robot: old renderer.", "a, robot: few.", "b, robot: few."]


def test_notes_about_renderers_are_one_line() -> None:
    old, older = (
        Note.of("other_version", name="renderer", here="a card", baseline=drew) for drew in ("llvmpipe", "OSMesa")
    )
    notes: list[tuple[str, str, Note | str]] = [
        ("a", "camera", old),
        ("a", "robot", old),
        ("a", "robot", "few"),
        ("b", "robot", old),
        ("b", "noise", older),
        ("b", "noise", "renderer is the first word of another note"),
    ]
    assert footnotes(notes) == [
        "a, robot: few.",
        "b, noise: renderer is the first word of another note.",
        "renderer a card here, llvmpipe in the baseline (a, camera, robot; b, robot);"
        " a card here, OSMesa in the baseline (b, noise).",
    ]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("pi05", "pi05"),
        ("openvla_oft", "openvla_oft"),
        ("reference_robust", "reference_\nrobust"),
        ("lingbot-va-robotwin", "lingbot-va-\nrobotwin"),
        ("unbreakablename", "unbreakablename"),
        ("", ""),
    ],
)
def test_a_name_over_a_narrow_column_breaks_between_its_words(name: str, lines: str) -> None:
    assert heading(name, 12) == lines
