"""Where generated files lie that outlive a run: this user's cache."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from pytest_robustplus.errors import BadInputError

CACHE_VARIABLE = "ROBUSTPLUS_CACHE"


def cache_folder(benchmark: str) -> Path:
    """Return a benchmark's private folder, made if need be; ``ROBUSTPLUS_CACHE`` moves it."""
    chosen = os.environ.get(CACHE_VARIABLE)
    usual = platformdirs.user_cache_path("pytest-robustplus", appauthor=False)
    folder = (Path(chosen).expanduser() if chosen else usual).absolute() / benchmark
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


def unwritable(folder: Path, error: OSError) -> BadInputError:
    """Build the error for a cache that cannot be written."""
    return BadInputError(
        f"The cache folder {folder} cannot be written ({error.strerror or error}). Set {CACHE_VARIABLE} to a folder on "
        "a disk that has room and that you may write."
    )
