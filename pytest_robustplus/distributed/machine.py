"""What this machine has room for: how many simulators, by cores, memory and graphics cards, and how much each keeps."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_robustplus.distributed import devices
from pytest_robustplus.errors import BadInputError

# LIBERO-Plus, measured on two H200s with 28 workers: at most 1.78 GB of memory and .7 GB of card each.
MEMORY_BYTES = 1_800_000_000
CARD_BYTES = 700_000_000
# That is with KEPT_BYTES of compiled scenes and textures, whatever the machine. With so many it takes PEAK_BYTES for
# moments, and with more as much more.
KEPT_BYTES = 850_000_000
MOST_KEPT_BYTES = 3_000_000_000
PEAK_BYTES = 2_300_000_000
KEPT = "ROBUSTPLUS_SCENES_GB"
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


def keeping(
    simulators: int, *, inside: bool, most: int = MOST_KEPT_BYTES, environment: Mapping[str, str] = os.environ
) -> int:
    """How many bytes of scenes each of so many simulators may keep: more than ``KEPT_BYTES`` where all have room.

    What one of them needs comes first. Of what is left then, half is for policies and whatever else begins. Where a
    policy ``inside`` a worker takes nobody knows how much of a card, and where a card does not say what is free, it
    stays at ``KEPT_BYTES``.
    """
    left = memory()
    spare = 0.0 if left is None else left / simulators - PEAK_BYTES
    if names := devices.visible(environment):
        free = None if inside else _free(names)
        spare = min(spare, 0.0 if free is None else sum(free) / simulators - CARD_BYTES)
    return min(KEPT_BYTES + int(max(spare, 0) / 2), most)


def told(kept: int) -> str:
    """So many bytes as ``KEPT`` names them: gigabytes, rounded down."""
    return f"{kept // 10_000_000 / 100:.2f}"


def said(
    simulators: int, *, inside: bool, most: int = MOST_KEPT_BYTES, environment: Mapping[str, str] = os.environ
) -> str:
    """What ``KEPT`` is to say in each of so many simulators: a person's own word, else what ``keeping`` finds."""
    return environment.get(KEPT) or told(keeping(simulators, inside=inside, most=most, environment=environment))


def kept(environment: Mapping[str, str] = os.environ) -> int:
    """How many bytes of scenes a simulator of this process may keep; raises ``BadInputError`` for what is no size."""
    word = environment.get(KEPT)
    if not word:
        return KEPT_BYTES
    try:
        gigabytes = float(word)
    except ValueError:
        gigabytes = 0.0
    if not 0 < gigabytes < float("inf"):
        raise BadInputError(f"{KEPT}={word} is no size: set it to gigabytes, such as 1.5, or unset it.")
    return int(gigabytes * 1e9)


def _on_cards(environment: Mapping[str, str]) -> int:
    """How many renderers fit on the cards that this process may use; 0 where that is not known."""
    free = _free(devices.visible(environment))
    return 0 if free is None else sum(there // CARD_BYTES for there in free)


def _free(names: Sequence[str]) -> list[int] | None:
    """How many bytes are free on each of these cards; None where that is not known of one."""
    free: dict[str, int] = {}
    for line in devices.ask("index,uuid,memory.free", units=False):
        index, uuid, *megabytes = (word.strip() for word in line.split(","))
        if megabytes and megabytes[0].isdecimal():
            free[index] = free[uuid] = int(megabytes[0]) << 20
    # A name that the driver does not list is the beginning of a UUID, or a part of a card; then nobody knows.
    return None if any(name not in free for name in names) else [free[name] for name in names]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()
