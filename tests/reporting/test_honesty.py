"""What a number rests on stands beside it, whoever reads: in the table, the paragraph, JSON, markdown and the page."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest

PLAY = ["--robust-model=strong", "--robust-perturbation=camera,light", "--robust-protocol=prompt_source=bddl"]
DISPUTED = """
[[table.disputed]]
row = "Strong"
column = "camera"
percent = [12.0]
source = "a rerun by others"
"""
NOTES = (
    "above its baseline by more than the margin, 100.0 % against 30.0 % (e-value ",
    "no accepted run of strong to regress against",
    "audited on the 40 tasks that the accepted run played, not on all of the paper's",
    "disputed baseline: 12.0 % by a rerun by others",
    "prompts come from bddl, the baseline's from task_language",
    "toy 1.0 here, 0.9 in the baseline",
)


@pytest.fixture
def reserved(toy: pytest.Pytester) -> pytest.Pytester:
    """A project in which a cell has every reservation there is, and another dimension cannot be played."""
    baselines = toy.path / "toy_baselines.toml"
    baselines.write_text(baselines.read_text().replace("100.0, 100.0, 100.0", "30.0, 30.0, 30.0") + DISPUTED)
    toy.runpytest(*PLAY, "--robust-baseline=none", "--robust-budget=40", "--robust-accept=then.toml")
    accepted = toy.path / "then.toml"
    accepted.write_text(accepted.read_text().replace('toy = "1.0"', 'toy = "0.9"'))
    return toy


def test_every_reservation_is_beside_the_number(reserved: pytest.Pytester) -> None:
    written = ["--robust-json=r.json", "--robust-markdown=r.md", "--robust-html=r.html"]
    result = reserved.runpytest(*PLAY, "--robust-baseline=paper,last,then.toml", *written)
    result.assert_outcomes(passed=1, skipped=1)
    table = result.stdout.str()
    assert re.search(r"^strong +100 %ᵇ† +–\n +≥80\.0 %\* +1 of 7\n +ABOVE ", table, re.MULTILINE)
    assert "* the least rate that passes, where run-to-run noise at this many episodes raised the margin" in table
    markdown = (reserved.path / "r.md").read_text()
    row = r"\| strong \| camera \| ✅ pass, ⚠️ \*\*above\*\* \| 100 %ᵇ† \| .* \| 100\.0 % \| \d+\.\d \(noise\) \|"
    assert re.search(row, markdown)
    assert "Total (mean of seven) not measured, 1 of 7 dimensions were" in markdown
    page = _words((reserved.path / "r.html").read_text())
    assert "1 pass, 1 of them above, 1 not measured" in page
    assert "strong camera pass, ABOVE 100 %ᵇ" in page
    assert "by noise" in page.partition("Below each rate")[0]
    assert "raised to what an identical policy loses from run to run" in page
    assert "not measured: 1 of the rule's 7 dimensions were" in page
    camera, light = json.loads((reserved.path / "r.json").read_text())["cells"]
    assert (camera["above"], camera["margin_raised"]) == (True, True)
    assert "rate" not in light
    for note in NOTES:
        assert f"† strong, camera: {note}" in table
        assert f"- † strong, camera: {note}" in markdown
        assert note in page.partition("Total")[0]
        assert any(text.startswith(note) for text in camera["notes"])


def test_a_red_cell_says_it_in_its_paragraph(reserved: pytest.Pytester) -> None:
    result = reserved.runpytest(*PLAY, "--robust-baseline=paper,last,then.toml", "--robust-two-sided")
    result.assert_outcomes(failed=1, skipped=1)
    text = result.stdout.str()
    assert re.search(r"^  margin +\d+\.\d points, raised by run-to-run noise at N=40 in 2 cells$", text, re.MULTILINE)
    for note in NOTES:
        assert f"\n  note      {note}" in text


def _words(page: str) -> str:
    """What a reader of the page sees, roughly: its text without tags."""
    shown = re.sub(r"<(style|script|title|form).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(shown).split())


def test_an_interval_is_for_the_list_of_which_a_budget_audits_a_sample(toy: pytest.Pytester) -> None:
    """After 8 of 60 tasks there stood "100.0 % [100.0, 100.0]"."""
    written = ["--robust-json=r.json", "--robust-markdown=r.md", "--robust-html=r.html"]
    chosen = ["--robust-model=strong", "--robust-perturbation=camera", "--robust-baseline=none"]
    said = toy.runpytest(*chosen, "--robust-budget=8", *written).stdout.str()
    assert "\n8 episodes, all that were asked for.\n" in said
    (cell,) = json.loads((toy.path / "r.json").read_text())["cells"]
    assert (cell["state"], cell["rate"], cell["high"], cell["estimate"]["rate"]) == ("measured", 1.0, 1.0, 1.0)
    assert cell["low"] < cell["estimate"]["low"] < 0.8
    shown = f"[{100 * cell['estimate']['low']:.1f}, 100.0]"
    markdown, page = (toy.path / "r.md").read_text(), _words((toy.path / "r.html").read_text())
    assert f"| 100.0 % | {shown} |" in markdown
    assert f"100.0 % {shown}" in page
    for text in (said, markdown, page):
        assert "A budget or a share audits a random sample of the tasks; intervals are for all of them." in text
    # The tasks of an accepted run are all that could be audited against it.
    toy.runpytest(*chosen, "--robust-budget=8", "--robust-accept=then.toml")
    gate = toy.runpytest(*chosen[:2], "--robust-baseline=then.toml", "--robust-json=r.json").stdout.str()
    (cell,) = json.loads((toy.path / "r.json").read_text())["cells"]
    assert (cell["total"], cell["drawn_from"], cell["playable"]) == (8, 8, 60)
    assert "random sample" not in gate
    assert "Against a recorded run a cell is about the tasks that it played, and so is its interval." in gate
    toy.runpytest(*chosen, "--robust-html=whole.html")
    whole = _words((toy.path / "whole.html").read_text())
    assert "100.0 % [100.0, 100.0]" in whole
    assert "random sample" not in whole


def test_a_red_cell_says_what_its_sample_tells_of_the_list(toy: pytest.Pytester) -> None:
    lost = toy.runpytest("--robust-model=weak", "--robust-perturbation=camera", "--robust-budget=20").stdout.str()
    found = re.search(r"episodes succeeded, full run ~?[\d.]+ % \[([\d.]+), ([\d.]+)\]", lost)
    assert found, lost
    assert float(found[2]) - float(found[1]) > 25
