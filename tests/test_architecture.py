"""The floors of docs/explanation/architecture.md: a room imports from lower floors only, so there is no circle."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pytest_robustplus"
PAGE = PACKAGE.parent / "docs" / "explanation" / "architecture.md"

FLOORS = (
    {"errors", "perturbations", "statistics"},
    {"policies", "fuzz", "options", "results"},
    {"baselines", "distributed", "ledger"},
    {"benchmarks"},
    {"interchange", "rollout", "session"},
    {"evaluation", "reporting"},
    {"items"},
    {"plugin", "__init__"},
)
# A link to suites/ at the root, for a wheel to carry them; test_public_names.py says what they may import.
LINKED = {"suites"}
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def imports(source: str) -> Iterator[str]:
    """Rooms that a module names, if only for its types; a public name stands in ``__init__``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            package, _, rest = (node.module or "").partition(".")
            names = [rest.partition(".")[0]] if rest else [alias.name for alias in node.names]
            yield from (name if name in FLOOR else "__init__" for name in names if package == PACKAGE.name)
        elif isinstance(node, ast.Import):
            parts = [[*alias.name.split("."), "__init__"] for alias in node.names]
            yield from (place[1] for place in parts if place[0] == PACKAGE.name)


def arrows() -> Iterator[tuple[str, str, str]]:
    """Every import from one room into another, as (module, its room, the room it imports)."""
    for path in PACKAGE.rglob("*.py"):
        module = path.relative_to(PACKAGE).with_suffix("")
        room = module.parts[0]
        for other in imports(path.read_text(encoding="utf-8")):
            if other != room:
                yield str(module), room, other


def test_no_arrow_runs_up_or_along_a_floor() -> None:
    assert not [(module, other) for module, room, other in arrows() if FLOOR[other] >= FLOOR[room]]


def named(path: Path) -> set[Path]:
    """Modules of the package that a module names, also those that it names for readers only."""

    def module(*parts: str) -> Path | None:
        folder = PACKAGE.joinpath(*parts)
        found = [path for path in (folder.with_suffix(".py"), folder / "__init__.py") if path.is_file()]
        return found[0] if found else None

    found: set[Path | None] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE.name}."):
            parts = (node.module or "").split(".")[1:]
            found |= {module(*parts, alias.name) or module(*parts) for alias in node.names}
    return {other for other in found if other is not None} - {path}


def circle(arrows: Mapping[Path, Iterable[Path]]) -> list[str]:
    """One circle of arrows, if there is any."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return [str(path) for path in error.args[1]]
    return []


def test_no_circle_even_for_readers_only() -> None:
    """A circle of types is one to the eye: neither module can be read without the other."""
    assert not circle({path: named(path) for path in PACKAGE.rglob("*.py")})


def test_a_circle_is_seen() -> None:
    a, b, c = map(Path, "abc")
    assert {*circle({a: {b}, b: {c}, c: {a}})} == {"a", "b", "c"}
    assert not circle({a: {b, c}, b: {c}})


def test_every_room_has_a_floor() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert rooms - LINKED == FLOOR.keys()
    assert {path.name for path in PACKAGE.iterdir() if path.is_symlink()} == LINKED
    assert len(FLOORS) <= 8


def test_the_page_shows_these_floors() -> None:
    page = PAGE.read_text(encoding="utf-8")
    drawn = page.partition("## Floors")[2].partition("```\n")[2].partition("```")[0]
    shown = {int(floor): set(rooms) for floor, *rooms in map(str.split, drawn.splitlines())}
    assert shown == dict(enumerate(FLOORS))


def test_the_page_tells_of_every_room_and_folder() -> None:
    page = PAGE.read_text(encoding="utf-8")
    folders = {path.name for path in PACKAGE.parent.iterdir() if any(path.glob("*.py")) or any(path.glob("*.toml"))}
    missing = [room for room in {*FLOOR, *folders} if not re.search(rf"`{room}(/|\.py)`", page)]
    assert not {*missing} - {PACKAGE.name}


def test_only_rollout_steps_a_simulator_and_only_the_ledger_opens_its_file() -> None:
    steps, connects = set(), set()
    for path in PACKAGE.rglob("*.py"):
        module, tree = path.relative_to(PACKAGE), ast.parse(path.read_text(encoding="utf-8"))
        called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        steps |= {module.parts[0] for call in called if call.endswith(".step")}
        connects |= {str(module) for call in called if call == "sqlite3.connect"}
    assert steps == {"benchmarks", "rollout"}
    # RoboTwin's seeds and vla-eval's recordings are files of their own.
    others = {"benchmarks/robotwin_plus/seeds.py", "interchange/vla_eval.py"}
    assert {module for module in connects - others if not module.startswith("ledger/")} == set()


def sentences(source: str) -> Iterator[str]:
    """Texts of three words or more that are no documentation, no members of an enumeration and no part of an error.

    What is formatted into a text stands in it as ``{}``.
    """
    pending: list[ast.AST] = [ast.parse(source)]
    while pending:
        node = pending.pop()
        documentation = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if documentation or isinstance(node, ast.Raise | ast.Assert):
            continue
        if isinstance(node, ast.Call) and re.search(r"(Error|Warning|warn|unknown|refused)$", ast.unparse(node.func)):
            continue
        if isinstance(node, ast.ClassDef) and "Enum" in "".join(map(ast.unparse, node.bases)):
            continue
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        text = "".join(p.value if isinstance(p, ast.Constant) and isinstance(p.value, str) else "{}" for p in parts)
        if len(re.findall(r"\b[a-z]{2,}\b", text)) >= 3 and " " in text:
            yield text
        if not isinstance(node, ast.JoinedStr):
            pending.extend(ast.iter_child_nodes(node))


# Names of workloads and of a source, which are compared and recorded; the instruction of an invented observation; a
# mark as pytest wants it declared; the source of a process.
DATA = re.compile(
    r"(numpy|torch|JAX) float32: |recorded in {}, checkpoint {}$|pick up the bowl$"
    r"|robustness\(benchmark\): |\nimport ctypes\n"
)


@pytest.mark.parametrize("room", ["distributed", "evaluation", "fuzz", "items", "plugin", "results", "session"])
def test_reporting_alone_makes_sentences(room: str) -> None:
    said = [
        (str(path.relative_to(PACKAGE)), text)
        for path in (*(PACKAGE / room).rglob("*.py"), *PACKAGE.glob(f"{room}.py"))
        for text in sentences(path.read_text(encoding="utf-8"))
    ]
    assert not [(module, text) for module, text in said if not DATA.match(text)]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('def f():\n    """Say what is wrong."""\n    return f"lost {n} of the tasks"', ["lost {} of the tasks"]),
        ('raise ValueError("this is an error")', []),
        ('why = BadInputError(f"{n} is no number")', []),
        ('notes.append("the robot waits: " + rate)', ["the robot waits: "]),
        ('key = "success_rate", "first half"', []),
    ],
)
def test_a_sentence_is_known_from_an_error_and_a_name(source: str, said: list[str]) -> None:
    assert list(sentences(source)) == said


def test_the_walk_of_the_page_exists() -> None:
    walk = PAGE.read_text(encoding="utf-8").partition("### From a test's id")[2].partition("\n## ")[0]
    files = re.findall(r"`((?:suites|items|evaluation|statistics)/[\w/]+\.py)`", walk)
    assert len(files) == 6
    assert not [file for file in files if not (PACKAGE / file).is_file()]


@pytest.mark.parametrize(
    ("source", "rooms"),
    [
        ("from pytest_robustplus.evaluation.audit import Audit", ["evaluation"]),
        ("from pytest_robustplus import options", ["options"]),
        ("import pytest_robustplus.ledger.store", ["ledger"]),
        ("import pytest_robustplus", ["__init__"]),
        ("from pytest_robustplus import Cell", ["__init__"]),
        ("def f():\n    from pytest_robustplus.results.cell import CellReport", ["results"]),
        ("if TYPE_CHECKING:\n    from pytest_robustplus.items.cell import CellTest", ["items"]),
        ("import pytest\nfrom pytest import Item", []),
    ],
)
def test_imports_are_seen_wherever_they_stand(source: str, rooms: list[str]) -> None:
    assert list(imports(source)) == rooms


def test_playing_and_judging_imports_no_scipy() -> None:
    """Its statistics take a second, which every worker would pay."""
    judging = "from pytest_robustplus.evaluation import audit, gates"
    code = f"import sys; {judging}; print('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
