"""Models stand in the order asked for and dimensions in the table's, in whatever order their items are run."""

from __future__ import annotations

import json
import re

import pytest
from toy import COMPARISON, SEARCHES

MODELS, DIMENSIONS = ("weak", "steady"), ("camera", "noise")
LAST_FIRST = """
import pytest

@pytest.hookimpl(tryfirst=True, wrapper=True)
def pytest_runtestloop(session):
    session.items.reverse()
    return (yield)
"""


def test_every_report_has_the_order_of_the_table(toy: pytest.Pytester) -> None:
    """All but the terminal had that of the finishing, and there the models had it, too."""
    for name, more in ("test_suite.py", COMPARISON), ("conftest.py", LAST_FIRST):
        (toy.path / name).write_text(f"{(toy.path / name).read_text()}\n{more}")
    result = toy.runpytest(
        "-v", f"--robust-model={','.join(MODELS)}", f"--robust-compare={':'.join(MODELS)}",
        f"--robust-perturbation={','.join(DIMENSIONS)}", "--robust-budget=12", "--robust-json=r.json",
        "--robust-markdown=r.md", "--robust-html=r.html", "--robust-csv=r.csv", "--robust-ledger=l.sqlite",
    )  # fmt: skip
    said = result.stdout.str()
    ran = re.findall(r"test_success_rate\[(\w+)-toy-(\w+)\] [A-Z]", said)
    cells = [(model, dimension) for model in MODELS for dimension in DIMENSIONS]
    assert ran == cells[::-1]
    document = json.loads((toy.path / "r.json").read_text())
    assert [(cell["model"], cell["dimension"]) for cell in document["cells"]] == cells
    assert [found["dimension"] for found in document["comparisons"]] == [*DIMENSIONS]
    table = said.partition("robustness: Toy Table")[2]
    assert [line.split()[0] for line in table.splitlines() if line.startswith(MODELS)][:2] == [*MODELS]
    compared = said.partition("weak against steady")[2]
    assert re.findall("^(camera|noise) +[0-9]", compared, re.MULTILINE)[:2] == [*DIMENSIONS]
    assert re.findall(r"^(\w+),toy,(\w+)", (toy.path / "r.csv").read_text(), re.MULTILINE) == cells
    markdown = (toy.path / "r.md").read_text()
    assert re.findall(r"^\| (\w+) \| (camera|noise) \|", markdown, re.MULTILINE) == cells
    assert re.findall(r"^\| (camera|noise) \|", markdown, re.MULTILINE) == [*DIMENSIONS]
    toy.runpytest("--robust-page=l.sqlite", "--robust-html=later.html")
    for name in ("r.html", "later.html"):
        page = (toy.path / name).read_text()
        shown = r'data-label="model"><span>(\w+)</span></td>\s*<td data-label="dimension"><span>(\w+)<'
        assert re.findall(shown, page)[: len(cells)] == cells
        found = re.findall(r'<td data-label="dimension"><span>(\w+)<', page.partition("weak against steady")[2])
        assert found[:2] == [*DIMENSIONS]


def test_what_fuzzing_found_has_the_order_in_which_it_was_asked(toy: pytest.Pytester) -> None:
    """On the page it had that of the finishing, elsewhere that of the names."""
    (toy.path / "test_suite.py").write_text(SEARCHES)
    with (toy.path / "conftest.py").open("a") as file:
        file.write(LAST_FIRST)
    result = toy.runpytest(
        "-v", "--robust-model=steady", "--robust-perturbation=noise,camera", "--robust-budget=10",
        "--robust-json=r.json", "--robust-markdown=r.md", "--robust-html=r.html", "--robust-ledger=l.sqlite",
        "-k", "test_fuzz or azimuth or fog or gaussian",
    )  # fmt: skip
    said = result.stdout.str()
    axes = ["camera.azimuth+", "camera.azimuth-", "noise.gaussian", "noise.fog"]
    searches = ["camera", "noise", "combined"]
    assert re.findall(r"test_frontier\[steady-toy-(\S+)\]", said) == axes[::-1], "they ran the other way round"
    document = json.loads((toy.path / "r.json").read_text())
    assert [probe.get("axis", probe.get("what")) for probe in document["fuzzing"]] == axes + searches
    for text in (said.partition("- fuzzing -")[2], (toy.path / "r.md").read_text().partition("### Fuzzing")[2]):
        assert re.findall(r"^(?:- )?(\S+) of steady: ", text, re.MULTILINE) == axes + searches
    toy.runpytest("--robust-page=l.sqlite", "--robust-html=later.html")
    for name in ("r.html", "later.html"):
        page = (toy.path / name).read_text()
        assert re.findall(r'<td data-label="axis"><span>([^<]+)<', page) == axes
        assert re.findall(r"<(?:p|summary)>(\w+) of steady: ", page) == searches
