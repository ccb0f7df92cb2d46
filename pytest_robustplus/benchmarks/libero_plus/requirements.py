"""Which asset files a task needs, read from the package's own text: nothing is imported and no rule of thumb is used.

A task's BDDL file names its problem class and its objects; the class names a scene file and the textures of floor and
walls; scene and object files name meshes and textures. Only variants of light, background and layout can need more
than their base task, and only they are looked up.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from posixpath import normpath
from typing import NamedTuple

from pytest_robustplus.benchmarks.libero_plus import assets, packages
from pytest_robustplus.errors import BadInputError

_PROBLEM = re.compile(r"\(\s*problem\s+([^\s()]+)", re.IGNORECASE)
_SECTION = re.compile(r"\(\s*:(?:objects|fixtures)\b([^()]*)\)", re.IGNORECASE)
_CATEGORY = re.compile(r"(?<=\s)-\s+(\S+)")
_SETTING = re.compile(r'^[^#\n]*"(scene_xml|floor_style|wall_style)": "([^"]+)"', re.MULTILINE)
_OBJECT = re.compile(r"^@register_object\s+(?:@\w+\s+)?class (\w+)\((\w+)\):(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_OBJECT_NAME = re.compile(r'obj_name\s*=\s*"([^"]+)"')
_OBJECT_PATH = re.compile(r'"assets/(new_objects/[^"]+\.xml)"')
_FILE = re.compile(r"""\sfile\s*=\s*["']([^"']+)["']""")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# Where each base class of objects looks for NAME; classes of custom_objects.py spell their path out instead.
_OBJECT_PATHS = {
    "ArticulatedObject": "articulated_objects/{0}.xml",
    "GoogleScannedObject": "stable_scanned_objects/{0}/{0}.xml",
    "HopeBaseObject": "stable_hope_objects/{0}/{0}.xml",
    "TurbosquidObjects": "turbosquid_objects/{0}/{0}.xml",
}
# Each holds one base class and its hundreds of variants, whose names start with the module's.
_MODULES = (
    "libero_coffee_table_manipulation",
    "libero_floor_manipulation",
    "libero_kitchen_tabletop_manipulation",
    "libero_living_room_tabletop_manipulation",
    "libero_study_tabletop_manipulation",
    "libero_tabletop_manipulation",
)
# Not objects of their own but parts of the arena's scene file.
_ARENA_PARTS = frozenset({"table", "kitchen_table", "living_room_table", "study_table", "coffee_table", "floor"})


class Arena(NamedTuple):
    """What a problem class draws its arena from: paths below ``assets``."""

    file: str
    floor: str
    walls: str


class Declared(NamedTuple):
    """The part of a BDDL file that decides which assets are needed: names as the parser gives them, in lower case."""

    problem: str
    categories: tuple[str, ...]


def declared(suite: str, name: str, *, objects: bool) -> Declared:
    """Read the problem's name and, when asked, the categories of objects and fixtures of a task's BDDL file."""
    path = packages.bddl_file(suite, name)
    try:
        with path.open("rb") as file:
            text = file.read(-1 if objects else 256).decode("latin-1")
    except OSError as error:
        raise _damaged(path) from error
    problem = _PROBLEM.search(text)
    if problem is None:
        raise _damaged(path)
    found = (category.lower() for section in _SECTION.findall(text) for category in _CATEGORY.findall(section))
    return Declared(problem[1].lower(), tuple(dict.fromkeys(found)))


@cache
def scene(problem: str) -> Arena:
    """Return the scene of a problem class; what a class does not set it inherits."""
    module = next((name for name in _MODULES if problem.startswith(name)), "")
    if problem not in (bodies := _problem_bodies(module)):
        raise _damaged(packages.package_folder() / "envs" / "problems")
    parent, body = bodies[problem]
    own: dict[str, str] = dict(reversed(_SETTING.findall(body)))  # the first setting counts
    inherited = None if parent == "BDDLBaseDomain" else scene(parent.lower())
    textures = {}
    for kind in ("floor", "wall"):
        style = own.get(f"{kind}_style")
        textures[kind] = f"textures/{_styles()[kind].get(style, style + '.png')}" if style else ""
    if inherited is None:
        return Arena(own["scene_xml"], textures["floor"], textures["wall"])
    return Arena(
        own.get("scene_xml", inherited.file), textures["floor"] or inherited.floor, textures["wall"] or inherited.walls
    )


@cache
def _problem_bodies(module: str) -> Mapping[str, tuple[str, str]]:
    """Cut a problem module (1.6 MB, 1,500 classes) into classes: lower-case name → (parent, body)."""
    bodies = {}
    path = packages.package_folder() / "envs" / "problems" / f"{module}.py"
    # Only ASCII is looked at; reading comments in other scripts as Latin-1 costs a third of decoding them.
    for chunk in path.read_text(encoding="latin-1").split("\nclass ")[1:]:
        head, _, body = chunk.partition("):")
        name, _, parent = head.partition("(")
        bodies[name.lower()] = (parent, body)
    return bodies


@cache
def _styles() -> Mapping[str, Mapping[str, str]]:
    """Read the package's tables of floor and wall textures: style → file name."""
    path = packages.package_folder() / "envs" / "arenas" / "style.py"
    tables = {
        target.id: ast.literal_eval(node.value)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in ("FLOOR_STYLE", "WALL_STYLE")
    }
    if len(tables) != 2:
        raise _damaged(path)
    return {"floor": tables["FLOOR_STYLE"], "wall": tables["WALL_STYLE"]}


@cache
def _object_files() -> Mapping[str, str]:
    """Map an object's category to its XML file below ``assets``."""
    files: dict[str, str] = {}
    for path in sorted((packages.package_folder() / "envs" / "objects").glob("*_objects.py")):
        for name, parent, body in _OBJECT.findall(path.read_text()):
            spelled, named = _OBJECT_PATH.search(body), _OBJECT_NAME.search(body)
            category = "_".join(re.sub(r"([A-Z0-9])", r" \1", name).split()).lower()  # the package's own rule
            if spelled:
                files[category] = spelled[1]
            elif parent in _OBJECT_PATHS and named:
                files[category] = _OBJECT_PATHS[parent].format(named[1])
    return files


def needed(task: Declared, archive: Path | None) -> Iterator[str]:
    """Yield every file below ``assets`` that a task's arena and objects need, as far as present files tell."""
    arena = scene(task.problem)
    yield from (arena.file, *_references(arena.file, archive), arena.floor, arena.walls)
    for category in task.categories:
        if category not in _ARENA_PARTS:
            file = _object_files().get(category, f"(an object of the unknown category {category})")
            yield from (file, *_references(file, archive))


def missing(task: Declared, archive: Path | None) -> str:
    """Return the first needed file that neither the packages nor the archive hold, or nothing."""
    return next((file for file in needed(task, archive) if not _present(file, archive)), "")


@cache
def _present(file: str, archive: Path | None) -> bool:
    return assets.find(file, archive) is not None


@cache
def _references(file: str, archive: Path | None) -> tuple[str, ...]:
    """Return the meshes and textures that an XML file names, as paths below ``assets``."""
    path = assets.find(file, archive)
    if path is None:
        return ()
    folder = file.rpartition("/")[0]
    # A search: parsing 2,000 scene files would cost a second.
    names = _FILE.findall(_COMMENT.sub("", path.read_text(encoding="utf-8", errors="replace")))
    return tuple(dict.fromkeys(normpath(f"{folder}/{name}") for name in names))


def _damaged(path: Path) -> BadInputError:
    return BadInputError(
        f"LIBERO-Plus' package is damaged: {path} does not read as expected. Repair it with: {packages.INSTALL}"
    )
