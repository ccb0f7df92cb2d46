"""How a run is ended: by a batch system politely, a while before it kills; by a person with Ctrl-C, often twice."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

# Slurm and Kubernetes send the first, a closed terminal the second.
POLITE = (signal.SIGTERM, signal.SIGHUP)
CTRL_C = (signal.SIGINT,)


@contextmanager
def told() -> Iterator[None]:
    """Take a signal that asks the process to end as pytest takes Ctrl-C, so that the run leaves its table and files.

    A signal that is ignored, as under nohup, or that somebody else handles, is left as it is; so is a second one, which
    ends the process at once.
    """
    ours = [s for s in POLITE if signal.getsignal(s) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread() or not ours:
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        for each in ours:
            signal.signal(each, signal.SIG_DFL)
        raise KeyboardInterrupt(f"ended by {signal.Signals(number).name}")

    for each in ours:
        signal.signal(each, end)
    try:
        yield
    finally:
        for each in ours:
            signal.signal(each, signal.SIG_DFL)


def finishing(signals: Sequence[signal.Signals] = (*POLITE, *CTRL_C), said: str = "") -> Callable[[], None]:
    """Let a run that is about to end anyway say what it found though a signal asks it to end; returns what undoes this.

    Then ``said`` is written to standard error. A second signal ends the process at once.
    """
    usual: dict[signal.Signals, Callable[[int, FrameType | None], object] | signal.Handlers]
    usual = {**dict.fromkeys(POLITE, signal.SIG_DFL), signal.SIGINT: signal.default_int_handler}
    ours = [each for each in signals if signal.getsignal(each) is usual[each]]
    if threading.current_thread() is not threading.main_thread():
        ours = []

    def undo() -> None:
        for each in ours:
            if signal.getsignal(each) is once:
                signal.signal(each, usual[each])

    def once(_number: int, _frame: FrameType | None) -> None:
        undo()
        # Streams of Python may be in the middle of a line of their own.
        with suppress(OSError):
            os.write(2, said.encode())

    for each in ours:
        signal.signal(each, once)
    return undo
