"""Settings of this package's own tests. They stand here and not in pyproject, which a run in a checkout reads, too."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["pytester"]
# Toys and servers; what pytest starts in another process inherits the path.
sys.path.insert(0, str(Path(__file__).parent / "support"))
# As much as on a machine without room, whatever this one has: runs within tests follow, too.
os.environ["ROBUSTPLUS_SCENES_GB"] = "0.85"


class _Checkout:
    """Finds study/ and training/, which are no part of what is installed.

    On ``sys.path`` their folder would bring the metadata of an editable installation a second time, and each
    pytest-in-pytest a warning.
    """

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name not in ("study", "training"):
            return None
        return PathFinder.find_spec(name, [str(Path(__file__).parents[1])])


sys.meta_path.append(_Checkout)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--everywhere", action="store_true", help="run every plugin test without xdist, at -n0 and at -n2")


@pytest.fixture(autouse=True)
def documents_hold_to_their_schema(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test made --robust-json write is what the published schema says."""
    folder = request.getfixturevalue("pytester").path if "pytester" in request.fixturenames else None
    yield
    for path in () if folder is None else folder.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        if '"$schema"' in text:
            _schema().validate(json.loads(text))


@cache
def _schema() -> Any:
    import jsonschema

    file = Path(__file__).parents[1] / "docs" / "reference" / "run-2.schema.json"
    return jsonschema.Draft202012Validator(json.loads(file.read_text(encoding="utf-8")))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", "error")
