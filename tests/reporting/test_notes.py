"""Notes are data where they are found out, and every kind has its words."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import pytest_robustplus
from pytest_robustplus.reporting.notes import WORDS, measured, text
from pytest_robustplus.results.notes import Kind, Note


def made() -> Iterator[tuple[str, set[str]]]:
    """Every note that the package makes, as (kind, names of its values)."""
    for path in Path(pytest_robustplus.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Note.of":
                (kind,) = node.args
                yield ast.literal_eval(kind), {str(keyword.arg) for keyword in node.keywords}


def test_every_note_is_made_with_the_values_that_its_words_take() -> None:
    found = list(made())
    assert {kind for kind, _ in found} == {*get_args(Kind)} == WORDS.keys()
    taken = {kind: {*inspect.signature(said).parameters} for kind, said in WORDS.items()}
    assert not [(kind, names ^ taken[kind]) for kind, names in found if names != taken[kind]]


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("what an earlier release wrote", "what an earlier release wrote"),
        (Note.of("other_version", name="mujoco", here="3.2", baseline="2.3"), "mujoco 3.2 here, 2.3 in the baseline"),
        (Note.of("disputed", rates=[0.5, 0.75], source="arXiv 1"), "disputed baseline: 50.0 %, 75.0 % by arXiv 1"),
        (
            Note.of("above", side="regress", successes=9, played=10, baseline=0.5, log_evalue=float("inf")),
            "above its baseline by more than the margin, 90.0 % against 50.0 % (e-value ∞): accept this run?",
        ),
        (
            Note.of("success_returns", before=[10, 20, 1, 8], after=[30, 30, 7.0, 8], unit="°"),
            "success falls and rises again: 1 of 8 at 10 to 20°, then 7 of 8 at 30°",
        ),
        (Note("of_tomorrow", {"tasks": 3}), 'of_tomorrow {"tasks": 3}'),  # type: ignore[arg-type]
    ],
)
def test_a_note_in_words(note: Note | str, said: str) -> None:
    assert text(note) == said


def test_why_a_cell_has_no_verdict() -> None:
    share = Note.of("share", share="1/2", total=1400)
    cannot = Note.of("cannot_fail", rate=0.1, raised=True, total=20, margin=0.2, budget=60)
    assert measured(["a note", share]).startswith("share 1/2 of 1,400 tasks; --robust-merge")
    assert measured([cannot, share]).startswith("not held against 10.0 %: run-to-run noise at 20 episodes is 20.0")
    assert measured([Note.of("subgoals_unknown")]) == ""


def test_what_cannot_wait_is_written_while_tests_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from pytest_robustplus.results.notes import Note
        from pytest_robustplus.session.session import session_of

        def test_said(request):
            session_of(request.config).say(Note.of("machine_unfit", machine="node-2", why="no GPU"))
    """)
    result = pytester.runpytest("--robust-progress=off")
    result.stdout.fnmatch_lines(["cluster: node-2 joined and is not used: no GPU", "*1 passed*"])
