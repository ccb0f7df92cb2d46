"""The checkout's interpreter running child.py, seen from here: one request at a time, and what to say when it dies."""

from __future__ import annotations

import json
import mmap
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.errors import BadInputError, RobustnessError, SimulatorError

_CHILD = Path(__file__).parent / "child.py"
_LENGTH = struct.Struct(">I")
# Sparse: pages count once they are written. Three pictures of 640 × 480 take 3 MB, an expert's path some kB.
_MEMORY_BYTES = 64 << 20
_PRINTED_BYTES = 1 << 20
_TAIL_LINES = 6
_LEAVE_S = 5.0
_STACK_S = 2.0
KEPT = "What is recorded is kept: run again once that is mended."
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# Variables that belong to the interpreter of this process, not to the checkout's.
_OWN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


class Faulty(Exception):  # noqa: N818 - an answer, translated by who asked
    """The child answered with a fault of a ``kind`` of its own; its text is the checkout's."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind, self.text = kind, text


class ChildLostError(SimulatorError):
    """What the child was doing crashed it or hung it; not raised when it was killed, as for want of memory."""


class RoboTwinProcess:
    """One child; whoever started it has to ``close`` it.

    A child that ends or is silent for ``timeout`` seconds raises ``SimulatorError`` with the last lines that it
    printed, and is gone by then, together with whatever it started. ``scene`` is what it was last told to set up.
    """

    scene = ""

    def __init__(self, python: Path, folder: Path, shader: str, timeout: float) -> None:
        self._python, self._timeout = python, timeout
        self._memory_fd = os.memfd_create("robotwin")
        os.ftruncate(self._memory_fd, _MEMORY_BYTES)
        self._memory = mmap.mmap(self._memory_fd, _MEMORY_BYTES, prot=mmap.PROT_READ)
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self._link, theirs = socket.socketpair()
        self._link.settimeout(timeout)
        environment = {name: value for name, value in os.environ.items() if name not in _OWN}
        # What a checkout's environment brings besides Python, such as ninja and ffmpeg.
        environment["PATH"] = os.pathsep.join([str(python.parent), environment.get("PATH", os.defpath)])
        log = os.open(f"/proc/self/fd/{self._printed.fileno()}", os.O_WRONLY | os.O_APPEND)
        try:
            self._process = subprocess.Popen(
                [python, "-u", _CHILD, str(theirs.fileno()), str(self._memory_fd), shader, str(os.getpid())],
                cwd=folder,
                env=environment,
                pass_fds=[theirs.fileno(), self._memory_fd],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            unfit = self._unfit(f"does not start ({error.strerror})")
            for held in (self._link, self._memory, self._printed):
                held.close()
            raise unfit from error
        finally:
            theirs.close()
            os.close(log)
            os.close(self._memory_fd)

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Send a request and return the answer; raises ``Faulty`` for a fault that the child survived."""
        message = json.dumps({"do": do, **request}).encode()
        if "seed" in request:
            self.scene = "{task}/{configuration}#{episode}, seed {seed}".format(**request)
        self._forget_prints()
        try:
            self._link.sendall(_LENGTH.pack(len(message)) + message)
            answer: dict[str, Any] = json.loads(self._receive(_LENGTH.unpack(self._receive(_LENGTH.size))[0]))
        except TimeoutError:
            raise self._hung(do) from None
        except (EOFError, OSError):
            raise self._ended() from None
        except SimulatorError as overdue:
            # The episode's limit, which interrupts whatever is waited for.
            raise SimulatorError(f"{overdue}{self._abort()}") from None
        if "fault" in answer:
            raise Faulty(answer["fault"], answer["text"])
        return answer

    def arrays(self, table: Sequence[Sequence[Any]]) -> dict[str, NDArray[Any]]:
        """Copy an answer's arrays out of the shared memory."""
        found = {}
        for name, kind, shape, place in table:
            count = int(np.prod(shape))
            found[name] = np.frombuffer(self._memory, np.dtype(kind), count, place).reshape(shape).copy()
        return found

    def tail(self) -> str:
        """The last lines that the child printed, as the end of a sentence; empty when it was silent."""
        size = os.fstat(self._printed.fileno()).st_size
        text = os.pread(self._printed.fileno(), 8192, max(size - 8192, 0)).decode("utf-8", "replace")
        lines = [line.strip() for line in re.split(r"[\r\n]+", _COLOURS.sub("", text)) if line.strip()]
        return " It printed last: " + " | ".join(line[:300] for line in lines[-_TAIL_LINES:]) if lines else ""

    def close(self) -> None:
        """Hang up, wait a moment and end whatever is left; idempotent."""
        self._link.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_LEAVE_S)
        self._kill()
        self._memory.close()
        self._printed.close()

    def _receive(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            part = self._link.recv(count - len(parts))
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)

    def _forget_prints(self) -> None:
        if os.fstat(self._printed.fileno()).st_size > _PRINTED_BYTES:
            self._printed.truncate(0)

    def _hung(self, do: str) -> SimulatorError:
        return ChildLostError(
            f"RoboTwin did not answer {do!r} within {self._timeout:.3g} s and was ended. Increase the time"
            f" limit, --robust-episode-limit=SECONDS, or find out why it hangs.{self._abort()}"
        )

    def _abort(self) -> str:
        """End a child that hangs; returns its tail, in which faulthandler says where."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGABRT)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STACK_S)
        self._kill()
        return self.tail()

    def _ended(self) -> RobustnessError:
        kind: type[SimulatorError] = ChildLostError
        try:
            status = self._process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            how = "it hung up"
        else:
            how = f"exit status {status}" if status >= 0 else signal.Signals(-status).name
            if status == -signal.SIGKILL:
                kind, how = SimulatorError, f"{how}, as when memory runs out"
        self._kill()
        if not self.scene and kind is ChildLostError:
            return self._unfit(f"ended before RoboTwin was loaded: {how}")
        return kind(f"The RoboTwin process ended in {self.scene or 'loading'}: {how}. {KEPT}{self.tail()}")

    def _unfit(self, what: str) -> BadInputError:
        return BadInputError(
            f"The interpreter {self._python} {what}. Give --robust-robotwin-python the Python of the environment in"
            f" which the checkout was installed.{self.tail()}"
        )

    def _kill(self) -> None:
        # It leads a session of its own, to which the planners belong that it forked.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
