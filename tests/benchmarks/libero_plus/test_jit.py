"""Workers that begin at once on a new machine compile one after the other, and only the first of them compiles."""

from __future__ import annotations

import fcntl
import shutil
import threading
from pathlib import Path

import pytest

from pytest_robustplus.benchmarks.cache import CACHE_VARIABLE
from pytest_robustplus.benchmarks.libero_plus import jit


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    return jit._made()


def test_one_compiles_and_the_others_wait_for_it(made: Path) -> None:
    begun, done = threading.Event(), list[str]()

    def other() -> None:
        begun.set()
        with jit.alone():
            done.append("second")

    with jit.alone():
        beside = threading.Thread(target=other)
        beside.start()
        begun.wait()
        # Long enough for who would not wait.
        beside.join(3 * jit._POLL_S)
        done.append("first")
    beside.join()
    assert done == ["first", "second"]
    # Now that it is made nobody asks who else is at it.
    with made.with_suffix(".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with jit.alone():
            pass


def test_all_that_is_compiled_is_known_by_its_source() -> None:
    """What ``mark`` is made of once was not: each worker compiled it for itself, at its second look."""
    folder = Path(jit.__file__).parent
    assert {path.name for path in folder.glob("*.py") if "numba.njit(" in path.read_text("utf-8")} == {*jit._OURS}


def test_machines_with_other_processors_take_no_turns(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once undid what the other had noted in the cache that they share, and all waited for all."""
    with jit.alone():
        pass
    with monkeypatch.context() as other:
        other.setattr(jit, "_processor", lambda: "another")
        with jit.alone():
            pass
    assert made.exists()
    monkeypatch.setattr(jit, "_turn", lambda *_: pytest.fail("asked whose turn it is"))
    with jit.alone():
        pass


def test_what_was_not_made_is_made_by_the_next(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError), jit.alone():
        raise RuntimeError
    assert not made.exists()
    with jit.alone():
        pass
    assert made.exists()
    # One that hangs is not waited for without end.
    made.unlink()
    monkeypatch.setattr(jit, "WAIT_S", 0.0)
    with made.with_suffix(".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with jit.alone():
            pass


def test_a_folder_that_cannot_be_written_costs_time_alone(made: Path) -> None:
    shutil.rmtree(made.parent, ignore_errors=True)
    made.parent.write_text("no folder")
    with jit.alone():
        pass
