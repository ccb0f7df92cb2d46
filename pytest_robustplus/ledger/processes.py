"""Is the process that made a claim still alive? Known at once on its own machine, elsewhere only by heartbeat."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """A process by name: ``machine`` is one boot and one pid namespace, ``born`` tells a reused pid apart."""

    machine: str
    pid: int
    born: str


def this_process() -> Process:
    """Identify the calling process."""
    return Process(_machine(), os.getpid(), _born(os.getpid()) or "")


def dead(process: Process) -> bool:
    """Say whether the process is certainly gone; False when it runs on another machine."""
    return process.machine == _machine() and _born(process.pid) != process.born


@functools.cache
def _machine() -> str:
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"


def _born(pid: int) -> str | None:
    """Return the start time of a process in clock ticks since boot; None for one that ended, zombies included."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # proc(5): after the command in parentheses, field 3 is the state and field 22 the start time.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]
