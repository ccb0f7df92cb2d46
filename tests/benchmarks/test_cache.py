"""Where generated files lie when the usual places cannot be written."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from pathlib import Path

import pytest

from pytest_robustplus.benchmarks import cache
from pytest_robustplus.benchmarks.cache import CACHE_VARIABLE, cache_folder
from pytest_robustplus.benchmarks.libero_plus import packages
from pytest_robustplus.errors import BadInputError


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No home, no cache that can be written (not even by root), and a folder for temporary files."""
    cache._writable.cache_clear()
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/cache")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_without_a_cache_temporary_files_do_and_it_is_said_once(temporary: Path) -> None:
    with pytest.warns(UserWarning, match=f"cannot be written .* Set {CACHE_VARIABLE}") as told:
        folder, same = (cache_folder("libero_plus") for _ in range(2))
    assert len(told) == 1
    assert folder == same
    assert folder.is_dir()
    assert temporary in folder.parents
    assert folder.parent.stat().st_mode & 0o777 == 0o700


def test_what_another_user_may_have_put_there_is_not_used(temporary: Path) -> None:
    (temporary / "elsewhere").mkdir()
    (temporary / f"pytest-robustplus-{os.getuid()}").symlink_to(temporary / "elsewhere")
    with pytest.warns(UserWarning, match="cannot be written"):
        folder = cache_folder("libero_plus")
    assert temporary / "elsewhere" not in folder.resolve().parents


def test_a_folder_that_the_user_chose_is_not_replaced(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, "/dev/null/chosen")
    with pytest.raises(BadInputError, match=f"/dev/null/chosen.* cannot be written .* Set {CACHE_VARIABLE}"):
        cache_folder("libero_plus")


@pytest.mark.skipif(importlib.util.find_spec("robosuite") is None, reason="needs the extra libero")
@pytest.mark.parametrize("writable", [True, False])
def test_numba_keeps_its_code_in_our_cache_where_packages_are_read_only(
    temporary: Path, writable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda folder, mode: writable)
    monkeypatch.setattr(os, "environ", {CACHE_VARIABLE: str(temporary)})
    packages._give_numba_a_place()
    assert os.environ.get("NUMBA_CACHE_DIR") == (None if writable else str(temporary / "libero_plus" / "numba"))
