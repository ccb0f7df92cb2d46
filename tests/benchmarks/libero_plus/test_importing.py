"""Packages whose modules are imported without them: nothing that anybody imports later is missing, or there twice."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_robustplus.benchmarks.libero_plus.importing import without_init

FILES = {
    "outer/__init__.py": "",
    "outer/envs/__init__.py": "from .wrapper import Wrapper\nfrom .parts import *\nDONE = ['done']",
    "outer/envs/wrapper.py": "from outer.envs import *\nclass Wrapper: ...",
    "outer/envs/light.py": "import outer.envs.lighter as lighter\nclass Light: ...",
    "outer/envs/lighter.py": "class Lighter: ...",
    "outer/envs/parts/__init__.py": "from .one import One\nfrom .two import Two",
    "outer/envs/parts/one.py": "import outer.envs.light as light\nclass One: ...",
    "outer/envs/parts/two.py": "class Two: ...",
}


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    with without_init("outer.envs", "outer.envs.parts"):
        pass  # whatever a test has begun is taken up, and forgotten with the rest
    for name in [name for name in sys.modules if name.partition(".")[0] == "outer"]:
        del sys.modules[name]


def loaded() -> set[str]:
    return {name for name in sys.modules if name.startswith("outer.envs")}


def begin() -> None:
    with without_init("outer.envs"):
        importlib.import_module("outer.envs.light")
    with without_init("outer.envs", "outer.envs.parts"):
        importlib.import_module("outer.envs.parts.one")


def test_only_the_modules_themselves_are_imported() -> None:
    begin()
    assert loaded() == {"outer.envs.light", "outer.envs.lighter", "outer.envs.parts.one"}


@pytest.mark.parametrize(
    "later",
    [
        "import outer.envs",
        "import outer.envs.wrapper",
        "import outer.envs.parts.two",
        "from outer.envs import Wrapper, light",
        "from outer.envs.wrapper import Wrapper",
        "from outer.envs import *; Wrapper, One, Two",
        "import outer.envs.light as light; light.Light",
        "import outer.envs.light; outer.envs.light.Light, outer.envs.Wrapper",
        "import outer; outer.envs.DONE, outer.envs.parts.Two",
    ],
)
def test_who_imports_the_package_later_gets_all_of_it_once(later: str) -> None:
    begin()
    light = sys.modules["outer.envs.light"]
    exec(later, {})
    envs = importlib.import_module("outer.envs")
    assert (envs.DONE, envs.light, envs.wrapper.Wrapper) == (["done"], light, envs.Wrapper)
    assert (envs.One, envs.Two) == (envs.parts.one.One, envs.parts.two.Two)
    assert importlib.import_module("outer.envs") is envs
    assert importlib.import_module("outer.envs.light") is light


def test_a_package_that_is_there_already_stays() -> None:
    envs = importlib.import_module("outer.envs")
    with without_init("outer.envs"):
        assert sys.modules["outer.envs"] is envs
    assert sys.modules["outer.envs"] is envs


def test_what_nobody_defines_is_missing_as_ever() -> None:
    begin()
    outer = importlib.import_module("outer")
    with pytest.raises(AttributeError, match="nothing"):
        _ = outer.envs.nothing
    with pytest.raises(ImportError):
        importlib.import_module("outer.envs.nowhere")


def test_a_fault_while_importing_leaves_the_package_to_be_imported(tmp_path: Path) -> None:
    (tmp_path / "outer" / "envs" / "lighter.py").write_text("raise RuntimeError('once')")
    with pytest.raises(RuntimeError, match="once"):
        begin()
    (tmp_path / "outer" / "envs" / "lighter.py").write_text("class Lighter: ...  # mended")
    importlib.invalidate_caches()
    begin()
    assert importlib.import_module("outer.envs").DONE == ["done"]
