"""One simulator process, seen from the worker that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from types import MappingProxyType
from typing import Any

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.rollout.simulating import Setup

_PROGRAM = "from pytest_robustplus.rollout.simulating import main; main()"
# A GL context and compiled scenes are freed in well under a second.
_LEAVE_S = 10.0


def _sealed(mapping: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(mapping)


# Cards and profiles hold read-only mappings, which Python does not pickle by itself.
ForkingPickler.register(MappingProxyType, lambda mapping: (_sealed, (dict(mapping),)))


class SimulatorProcess:
    """A process that simulates; whoever made it has to ``kill`` it, or to let it ``leave`` and see that it is ``gone``.

    Raises ``BadInputError`` when the benchmark cannot be sent to another process.
    """

    def __init__(self, setup: Setup) -> None:
        self.link: Connection
        self.setup = setup
        self.link, theirs = Pipe()
        # Python's own import path, whatever has changed it since this process began.
        path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(theirs.fileno()), str(os.getpid())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
            # A Ctrl-C at the terminal is for the worker, which then ends its simulators.
            start_new_session=True,
        )
        theirs.close()
        self.episodes = 0
        # Of which it has compiled scenes, as far as one can tell from here.
        self.bases: set[str] = set()
        self._left = 0.0
        try:
            self.link.send(setup)
        except (OSError, EOFError):
            pass  # it died at once; the first order will tell
        except Exception as error:
            self.kill()
            raise BadInputError(
                f"{type(setup.benchmark).__name__} cannot be sent to a simulator process: {error}. Leave"
                " --robust-simulators out to simulate in the process that runs the tests."
            ) from error

    @property
    def pid(self) -> int:
        """The process' id."""
        return self._process.pid

    def tell(self, message: Any) -> bool:
        """Send a message; False when the process is gone."""
        try:
            self.link.send(message)
        except OSError:
            return False
        return True

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def leave(self) -> None:
        """Hang up, upon which the process frees its scenes and goes, in its own time."""
        self.link.close()
        self._left = time.monotonic()

    def gone(self) -> bool:
        """Whether a process that was let go has ended; kills it when it takes too long."""
        if self.alive() and time.monotonic() > self._left + _LEAVE_S:
            self.kill()
        return not self.alive()

    def end(self) -> None:
        """Wait until a process that was let go has ended."""
        try:
            self._process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process at once; nothing is left of it."""
        self.link.close()
        self._process.kill()
        self._process.wait()

    def fate(self) -> str:
        """Say how a process ended that has hung up by itself."""
        try:
            status = self._process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            return "it hung up"
        if status >= 0:
            return f"exit status {status}"
        name = signal.Signals(-status).name
        return f"{name}, as when memory runs out" if name == "SIGKILL" else name
