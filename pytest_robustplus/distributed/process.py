"""Which process this is: a worker of pytest-xdist, its controller, or the only one."""

from __future__ import annotations

import os
from typing import Any

import pytest

from pytest_robustplus.distributed import devices

# What a controller tells its workers, and what a worker tells its controller as it ends: why it refused the run, and
# what kept it from helping, with how often.
ENVIRONMENT = "robustplus_environment"
ALONE = "robustplus_alone"
REFUSAL = "robustplus_refusal"
UNABLE = "robustplus_unable"
# The how manyth of how many workers that a controller started through one connection to another machine.
ELSEWHERE = "robustplus_elsewhere"


def hand_out_singly(config: pytest.Config) -> None:
    """Let workers take items one at a time: with xdist's own chunks four workers played 1.8 times the episodes."""
    if getattr(config.option, "maxschedchunk", "absent") is None:
        config.option.maxschedchunk = 1


def enter(config: pytest.Config) -> None:
    """Give a worker its card before anything that draws or computes is imported.

    The controller leases those of its own machine; on another one a worker takes what is there.
    """
    told: dict[str, Any] = getattr(config, "workerinput", {})
    os.environ.update(told.get(ENVIRONMENT, {}))
    if ELSEWHERE in told and (there := devices.find()):
        os.environ.update(there[told[ELSEWHERE][0] % len(there)].environment())


def beside(config: pytest.Config) -> int:
    """How many workers share this machine, as far as this process knows: what the controller reckons is for its own."""
    place: tuple[int, int] = getattr(config, "workerinput", {}).get(ELSEWHERE, (0, 1))
    return place[1]


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is one of several that play, and would be replaced if it died."""
    return hasattr(config, "workerinput")


def may_help(config: pytest.Config) -> bool:
    """Whether this process is a worker that may play for the items of others."""
    return is_worker(config) and not config.workerinput.get(ALONE, False)  # type: ignore[attr-defined]


def is_controller(config: pytest.Config) -> bool:
    """Whether this process tests nothing itself but hands out to workers."""
    return config.getoption("dist", "no") != "no" and not is_worker(config)


def refuse(config: pytest.Config, items: list[pytest.Item], reason: str) -> None:
    """End a run that was asked for what cannot be, with pytest's usage code and ``reason`` alone.

    A worker leaves that to its controller and tests nothing. If it raised it would be handed items all the same, and
    counted as crashed.
    """
    if not is_worker(config):
        raise pytest.UsageError(reason)
    config.workeroutput[REFUSAL] = reason  # type: ignore[attr-defined]
    items.clear()
