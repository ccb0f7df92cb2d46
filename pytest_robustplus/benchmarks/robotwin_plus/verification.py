"""Which seed an episode has: counted as RoboTwin counts, leaving out those that the expert does not solve."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NamedTuple

from pytest_robustplus.benchmarks.robotwin_plus.process import ChildLostError
from pytest_robustplus.benchmarks.robotwin_plus.protocol import RoboTwinProtocol
from pytest_robustplus.benchmarks.robotwin_plus.seeds import Seed, SeedBook, SeededScene
from pytest_robustplus.errors import SimulatorError

Expert = Callable[[SeededScene], Seed]

_APART = 1000
# RoboTwin itself would try for ever; its hardest task leaves out some three seeds in four.
_SEEDS = 100
# A scene that cannot be built for one reason, seed after seed: the checkout is broken, and what it still builds is no
# fair sample. Its clutter without the hub's objects, say, leaves the 2 % of the scenes that have none.
_ALIKE = 10
# What ends the child once may have been the machine; what ends it twice is the seed.
_CRASHES = 2


class Verified(NamedTuple):
    """The seed of an episode, what the expert did on it, and the seeds before it that were left out, in order."""

    scene: SeededScene
    found: Seed
    skipped: tuple[tuple[int, Seed], ...]


def verify(
    book: SeedBook,
    expert: Expert,
    task: str,
    configuration: str,
    episode: int,
    protocol: RoboTwinProtocol,
    revive: Callable[[], None],
) -> Generator[None, None, Verified]:
    """Find the seed of an episode, letting the expert play what the book does not know; yields after each such try.

    ``revive`` is called when a try has ended the child. Raises ``SimulatorError`` when that happens for the first time
    on a seed, or when too many seeds in a row are left out.
    """

    def found(number: int, first: int) -> Generator[None, None, Verified]:
        skipped: list[tuple[int, Seed]] = []
        while len(skipped) < _SEEDS:
            scene = SeededScene(task, configuration, number, first + len(skipped))
            seed = _known(book, scene)
            if seed is None:
                seed = _played(book, expert, scene, revive)
                yield
            if seed.outcome == "verified":
                return Verified(scene, seed, tuple(skipped))
            skipped.append((scene.seed, seed))
            alike = [other.detail for _, other in skipped[-_ALIKE:]]
            if seed.detail.startswith("setting up") and alike == [seed.detail] * _ALIKE:
                break
        last = skipped[-1][1]
        raise SimulatorError(
            f"RoboTwin's expert solved none of the seeds {first} to {skipped[-1][0]} of {task} in {configuration}; the"
            f" last one: {last.outcome} {last.detail}. Something of the checkout or its assets is broken: play the task"
            " by its own collect_data.sh."
        )

    if protocol.seeds == "apart":
        return (yield from found(episode, protocol.first_seed + _APART * episode))
    first = protocol.first_seed
    for number in range(episode):
        verified = yield from found(number, first)
        first = verified.scene.seed + 1
    return (yield from found(episode, first))


def _known(book: SeedBook, scene: SeededScene) -> Seed | None:
    seed = book.find(scene)
    return None if seed is None or (seed.outcome == "crashed" and seed.crashes < _CRASHES) else seed


def _played(book: SeedBook, expert: Expert, scene: SeededScene, revive: Callable[[], None]) -> Seed:
    before = book.find(scene)
    try:
        seed = expert(scene)
    except ChildLostError as error:
        crashes = 1 + (before.crashes if before else 0)
        seed = Seed("crashed", str(error), crashes=crashes)
        book.note(scene, seed)
        if crashes < _CRASHES:
            raise
        revive()
        return seed
    book.note(scene, seed)
    return seed
