"""Where generated files lie that outlive a run: this user's cache."""

from __future__ import annotations

import os
import stat
import tempfile
import warnings
from functools import cache
from pathlib import Path

import platformdirs

from pytest_robustplus.errors import BadInputError

CACHE_VARIABLE = "ROBUSTPLUS_CACHE"


def cache_folder(benchmark: str) -> Path:
    """Return a benchmark's private folder, made if need be; ``ROBUSTPLUS_CACHE`` moves it.

    Where this user's cache cannot be written, or there is no home, it lies among the temporary files, and a warning
    says so once. Raises ``BadInputError`` where the variable names a folder that cannot be written.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    usual = platformdirs.user_cache_path("pytest-robustplus", appauthor=False)
    folder = (Path(chosen).expanduser() if chosen else _writable(usual)).absolute() / benchmark
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


@cache
def _writable(usual: Path) -> Path:
    try:
        if not usual.is_absolute():
            raise OSError("this user has no home")
        usual.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=usual):
            return usual
    except OSError as error:
        folder = _temporary()
        warnings.warn(
            f"This user's cache cannot be written ({error}); {folder} is used instead, of which nothing may be left at"
            f" the next start. Set {CACHE_VARIABLE} to a folder on a disk that has room and that you may write.",
            stacklevel=3,
        )
        return folder


def _temporary() -> Path:
    """A folder of this user's among the temporary files, where other users may have put one of that name."""
    folder = Path(tempfile.gettempdir()) / f"pytest-robustplus-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        about = folder.lstat()
        if stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and not about.st_mode & 0o022:
            return folder
        return Path(tempfile.mkdtemp(prefix="pytest-robustplus-"))
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(folder: Path, error: OSError) -> BadInputError:
    """Build the error for a cache that cannot be written."""
    return BadInputError(
        f"The cache folder {folder} cannot be written ({error.strerror or error}). Set {CACHE_VARIABLE} to a folder on "
        "a disk that has room and that you may write."
    )
