"""How many simulators this machine has room for: its cores, its memory, and what is free on its graphics cards."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pytest_robustplus.distributed import devices

# LIBERO-Plus, measured on two H200s with 28 workers: at most 1.78 GB of memory and .7 GB of card each.
MEMORY_BYTES = 1_800_000_000
CARD_BYTES = 700_000_000
_CGROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """How many processors this process may use: those that it is bound to, and no more than its container's share."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = _words(_CGROUP / "cpu.max")
    if len(share) == 2 and share[0].isdecimal():
        found = min(found, max(int(share[0]) // int(share[1]), 1))
    return found


def memory() -> int | None:
    """How many bytes can still be taken: what the system calls available, and what the container's limit leaves."""
    left = [1024 * int(line.split()[1]) for line in _lines(Path("/proc/meminfo")) if line.startswith("MemAvailable:")]
    limit, used = _words(_CGROUP / "memory.max"), _words(_CGROUP / "memory.current")
    if limit and used and limit[0].isdecimal():
        left.append(max(int(limit[0]) - int(used[0]), 0))
    return min(left, default=None)


def room(environment: Mapping[str, str] = os.environ) -> int:
    """How many simulators fit, each on a core of its own; 1 at least."""
    fitting = [cores()]
    if (left := memory()) is not None:
        fitting.append(left // MEMORY_BYTES)
    if cards := _on_cards(environment):
        fitting.append(cards)
    return max(min(fitting), 1)


def _on_cards(environment: Mapping[str, str]) -> int:
    """How many renderers fit on the cards that this process may use; 0 where that is not known."""
    names = devices.visible(environment)
    free: dict[str, int] = {}
    for line in devices.ask("index,uuid,memory.free", units=False):
        index, uuid, *megabytes = (word.strip() for word in line.split(","))
        if megabytes and megabytes[0].isdecimal():
            free[index] = free[uuid] = int(megabytes[0]) << 20
    # A name that the driver does not list is the beginning of a UUID, or a part of a card; then nobody knows.
    return 0 if any(name not in free for name in names) else sum(free[name] // CARD_BYTES for name in names)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()
