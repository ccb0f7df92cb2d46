"""What the pages show runs, what they name exists, and what exists is named."""

from __future__ import annotations

import re
import runpy
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import pytest_robustplus
from pytest_robustplus.options import OPTIONS as DECLARED
from pytest_robustplus.perturbations import PERTURBATIONS
from pytest_robustplus.policies.contract import Observation

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
TEXTS = (".md", ".py", ".sh", ".toml", ".yml", ".yaml", ".html", ".json", ".ini", ".txt")
HOW_TO = ROOT / "docs" / "how_to"
OPTIONS = ROOT / "docs" / "reference" / "options.md"
SUITE, BENCHMARK = HOW_TO / "writing_a_suite.md", HOW_TO / "adding_a_benchmark.md"


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def write_files(page: Path, folder: Path) -> None:
    """Write each block that begins with ``# NAME``; ``# NAME, continued`` goes on with it."""
    for block in [*blocks(page, "python"), *blocks(page, "toml")]:
        if named := re.match(r"# (\w+\.(?:py|toml))(, continued)?\n", block):
            with (folder / named[1]).open("a" if named[2] else "w", encoding="utf-8") as file:
                file.write(block)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_that_are_named_exist(page: Path, pytestconfig: pytest.Config) -> None:
    named = set(re.findall(r"--robust-[a-z-]*[a-z]", page.read_text(encoding="utf-8")))
    assert named <= flags(pytestconfig)


def test_values_of_options_are_written_with_an_equals_sign_everywhere() -> None:
    # After a space in place of it, the FILE of --robust-ledger becomes a path to collect once there is such a file.
    names = "|".join(sorted((option.flag for option in DECLARED if option.metavar), key=len, reverse=True))
    placeholder = rf"(?:{names}) [A-Z][A-Z0-9]*(?![a-z])"
    in_a_command = rf"pytest [^`\n]*?(?:{names}) [^\s\-#`'\"(|]"
    alone = rf"`(?:{names}) [^`\n]*`"
    folders = ("docs", "examples", "suites", "pytest_robustplus", "changes", "study", "scripts", "perf", ".github")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in TEXTS]
    files += [path for path in ROOT.iterdir() if path.suffix in TEXTS or path.name == "Makefile"]
    assert len(files) > 300
    wrong = [
        f"{path.relative_to(ROOT)}: {found}"
        for path in files
        for found in re.findall("|".join((placeholder, in_a_command, alone)), path.read_text("utf-8"))
    ]
    assert not wrong


def test_suites_are_run_as_an_installed_package_has_them() -> None:
    """Most pages once named ``suites/libero_plus``, which only a checkout has."""
    folder = Path(pytest_robustplus.__file__).parent / "suites"
    for page in [*ROOT.glob("docs/**/*.md"), ROOT / "action.yml"]:
        text = page.read_text("utf-8")
        assert not re.search(r"(pytest|arguments:|such as) suites/", text), page
        for module in re.findall(r"pytest_robustplus\.suites\.([a-z_.]*[a-z_])", text):
            place = folder.joinpath(*module.split("."))
            assert place.is_dir() or place.with_suffix(".py").is_file(), (page, module)


def flags(config: pytest.Config) -> set[str]:
    group = config._parser.getgroup("robustplus")
    return {name for option in group.options for name in option.names()}


def test_the_table_of_options_is_what_pytest_knows(pytestconfig: pytest.Config) -> None:
    known = [(option.names(), option.attrs()) for option in pytestconfig._parser.getgroup("robustplus").options]
    rows = re.findall(r"^\| `(--robust-[a-z-]+)(\S*)` \| (?:`(\w+)`)? \| (.*) \|$", OPTIONS.read_text("utf-8"), re.M)

    def value(attributes: Mapping[str, str]) -> str:
        given = f"={attributes['metavar']}" if attributes.get("metavar") else ""
        return f"[{given}]" if attributes.get("nargs") == "?" else given

    assert [row[:2] + row[3:] for row in rows] == [
        (flag, value(attributes), attributes["help"]) for (flag,), attributes in known
    ], "run `make docs`, which writes this table"
    keys = {f"robust_{key}" for _, _, key, _ in rows if key}
    assert keys == {key for key in pytestconfig._parser._inidict if key.startswith("robust_")}


def test_what_pages_take_from_the_code_is_up_to_date() -> None:
    pages = runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]
    assert not [page.name for page, text in pages() if page.read_text("utf-8") != text], "run make docs"


def test_every_field_of_the_json_document_is_described() -> None:
    page = (ROOT / "docs" / "reference" / "json.md").read_text("utf-8")
    rows = re.findall(r"^\| `[^`]+` \| .* \| (.*) \|$", page, re.MULTILINE)
    assert len(rows) > 200
    assert all(rows)


def test_every_public_name_is_on_the_page_of_the_api() -> None:
    page = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    documented = {*re.findall(r"^\.\. (?:autoclass|autoexception|autofunction|py:data):: (\w+)", page, re.MULTILINE)}
    assert documented | {"strategies"} == {*pytest_robustplus.__all__}


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "tutorials").glob("*.md")), ids=lambda page: page.stem)
def test_tutorials_show_the_files_of_their_examples(page: Path) -> None:
    shown = [block for language in ("python", "toml", "sh") for block in blocks(page, language)]
    named = [(match[1], block) for block in shown if (match := re.match(r"# (\w+\.\w+)(?=[:\n])", block))]
    assert named or page.stem == "quick_start"
    for name, block in named:
        text = (ROOT / "examples" / page.stem / name).read_text(encoding="utf-8")
        assert text.removeprefix("#!/bin/sh\n") == block


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in ROOT.glob("docs/*/*.md")]
    assert not [page for page in pages if f"]({page})" not in index]


def test_the_benchmark_of_the_page_plays(pytester: pytest.Pytester) -> None:
    write_files(BENCHMARK, pytester.path)
    result = pytester.runpytest_subprocess("-v", "-rs", "-p", "no:xdist")
    result.assert_outcomes(passed=2, skipped=1)
    shown = re.findall(r"^test_toy_table\S+ [A-Z]+$", blocks(BENCHMARK, "console")[0], re.MULTILINE)
    assert len(shown) == 3
    for line in shown:
        result.stdout.fnmatch_lines([f"{line.replace('[', '[[]')}*"])
    result.stdout.fnmatch_lines(["*0 of 60 tasks can be played: needs lamps*"])


def test_the_card_of_the_page_is_offered(pytester: pytest.Pytester) -> None:
    page = HOW_TO / "adding_a_model.md"
    (card,) = [block for block in blocks(page, "toml") if block.startswith('title = "Mine"')]
    (pytester.mkdir("cards") / "mine.toml").write_text(card)
    (hook,) = blocks(page, "python")
    pytester.makeconftest(hook)
    result = pytester.runpytest_inprocess("--robust-models")
    assert result.ret == 0
    result.stdout.re_match_lines([r"mine +Mine\b"])


def test_the_suite_of_the_page_has_these_cells(pytester: pytest.Pytester) -> None:
    write_files(SUITE, pytester.path)
    command, *shown = blocks(SUITE, "console")[0].splitlines()
    result = pytester.runpytest_inprocess(*shlex.split(command)[2:])
    assert [line for line in result.outlines if line.startswith("test_")] == shown


def test_the_policy_of_the_readme_keeps_episodes_apart() -> None:
    """With four simulators it once acted on the instruction of whichever episode had begun last."""
    (source,) = [block for block in blocks(ROOT / "README.md", "python") if block.startswith("# my_policy.py")]
    code: dict[str, Any] = {"my_network": lambda image, state, told: (image, told)}
    exec(source, code)
    policy = code["Policy"]()
    episodes = [Observation({"agentview": slot}, {"state": None}, f"task {slot}", 0, slot) for slot in range(4)]  # type: ignore[dict-item]
    for seen in episodes:
        policy.reset(seen.slot, seen.instruction)
    assert policy.act(episodes) == [(slot, f"task {slot}") for slot in range(4)]
    for page in [*PAGES, *ROOT.glob("examples/**/*.py"), *ROOT.glob("suites/**/*.py")]:
        assert not re.search(r"self\.\w+ = instruction", page.read_text("utf-8")), page


def test_the_readme_shows_a_run() -> None:
    shown = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = shown.partition("<!-- evaluate:begin -->")[2].partition("<!-- evaluate:end -->")[0]
    assert "reference against reference_robust: LIBERO-Plus, generated edition" in shown
    assert all(f"\n{dimension} " in shown for dimension in PERTURBATIONS)
