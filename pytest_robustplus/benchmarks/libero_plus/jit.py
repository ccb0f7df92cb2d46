"""Machine code of robosuite's functions and of ours, which numba makes as they are called first and keeps.

That takes 8 s of processor. Of several workers that begin at once on a machine that has none of it, one makes it, and
the others wait for what they would otherwise make, too: four took 52 s of processor on two cores, and take 22.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from pytest_robustplus.benchmarks.cache import cache_folder
from pytest_robustplus.benchmarks.libero_plus import kept
from pytest_robustplus.errors import BadInputError

# Whoever makes it may hang; then each makes its own.
WAIT_S = 120.0
_POLL_S = 0.1
_OURS = ("torques.py", "noise_loops.py", "resting_loops.py")


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let no other process make machine code while this one does, unless all of it is known to be there."""
    with contextlib.ExitStack() as stack:
        made: Path | None = None
        # Without a place to write, each makes its own.
        with contextlib.suppress(OSError, BadInputError):
            made = _made()
            if made.exists() or not _turn(made, stack):
                made = None
        yield
        if made is not None:
            with contextlib.suppress(OSError):
                made.touch()


def _turn(made: Path, stack: contextlib.ExitStack) -> bool:
    """Wait until nobody else is at it, ``WAIT_S`` at most; False when it has been made meanwhile."""
    file = stack.enter_context(made.with_suffix(".lock").open("a"))
    end = time.monotonic() + WAIT_S
    while not made.exists():
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stack.callback(fcntl.flock, file, fcntl.LOCK_UN)
            return not made.exists()
        if time.monotonic() > end:
            return True
        time.sleep(_POLL_S)
    return False


def _made() -> Path:
    """The file that says so, named for packages, sources, the processor, and where numba was told to keep the code.

    Machines that share a cache may have processors of several kinds.
    """
    packages = " ".join(f"{name} {version(name)}" for name in ("numba", "robosuite", "numpy"))
    about = f"{packages} {platform.python_version()} {_processor()} {os.environ.get('NUMBA_CACHE_DIR', '')}"
    name = kept.digest(about, (str(Path(__file__).with_name(name)) for name in _OURS))
    return cache_folder("libero_plus") / f"compiled-{name}"


def _processor() -> str:
    from llvmlite.binding import get_host_cpu_name

    return str(get_host_cpu_name())
