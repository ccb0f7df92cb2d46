"""What a benchmark is to this package: a fixed list of tasks, and a simulator that plays them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import Dimension, Perturbation
from pytest_robustplus.policies.contract import Actions, Observation, Policy
from pytest_robustplus.policies.profile import Profile, PromptSource
from pytest_robustplus.policies.request import PolicyBenchmark
from pytest_robustplus.results.events import EpisodeEvents
from pytest_robustplus.results.totals import TotalRule

Parameter = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Task:
    """One entry of a benchmark's frozen list: a base task under one perturbation, from one initial state.

    ``name`` is unique within the benchmark. ``parameters`` are those of the perturbation, in the units that their
    names end in. ``blocked`` is empty for a playable task; otherwise it says why not and what would unlock it.

    ``perturbation`` is what the simulator is told to change, as a value: scene and arm before the settling steps, the
    instruction that ``reset`` returns, noise in every picture. A list whose perturbations are values sets it; where a
    list names files of its own instead (LIBERO-Plus' scenes, RoboTwin's configurations), ``dimension``,
    ``subdimension`` and ``parameters`` say what is changed, and a ``perturbation`` comes on top. Generated ones are
    played by ``Generative`` benchmarks only. Equal tasks play alike, and leave nothing behind for the next reset.
    """

    name: str
    suite: str
    base: str
    dimension: Dimension
    subdimension: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    init_state: int = 0
    blocked: str = ""
    perturbation: Perturbation | None = None

    def __post_init__(self) -> None:
        """Refuse what would steer a terminal; raises ``BadInputError``."""
        if not f"{self.name}{self.suite}{self.base}{self.subdimension}".isprintable():
            raise BadInputError(
                f"The name of task {self.name!r} (suite {self.suite!r}, base {self.base!r}) cannot be printed: it holds"
                " control characters. Mend the benchmark that lists it."
            )


class Simulator(Protocol):
    """One running scene; the loop in ``rollout`` is its only caller."""

    action_width: int

    def reset(self, task: Task) -> str:
        """Put the scene of ``task`` into its initial state and return the instruction."""
        ...

    def step(self, action: Actions, *, render: bool) -> bool:
        """Advance one control period and say whether the goal is reached.

        ``render`` promises that ``observe`` follows; only then are cameras rendered.
        """
        ...

    def observe(self) -> Observation:
        """Return what the sensors say now; raises ``SimulatorError`` after a step that did not look."""
        ...

    def state_hash(self) -> str:
        """Digest the physical state, to tell whether two playings came out the same."""
        ...

    def provenance(self) -> Mapping[str, str]:
        """Name what a result depends on: versions of the simulator and its packages, renderer, asset hashes."""
        ...

    def close(self) -> None:
        """Free the scene and its rendering context."""
        ...


def settle(
    simulator: Simulator, profile: Profile, timed: Callable[[], AbstractContextManager[object]] = nullcontext
) -> None:
    """Let a scene that was just reset come to rest, as the profile does it; each step runs within ``timed()``.

    The last step renders, so that what is seen then can be observed.
    """
    action = np.asarray(profile.settle_action)
    for count in range(profile.settle_steps):
        with timed():
            simulator.step(action, render=count == profile.settle_steps - 1)


@runtime_checkable
class Preparing(Protocol):
    """A simulator that may have to find out at length what a task is, once for all; that is no part of an episode."""

    def prepare(self, task: Task) -> Iterator[None]:
        """Make ``reset`` of this task short, yielding after each piece of work; nothing where everything is known."""
        ...


class CheckContext(NamedTuple):
    """What a pre-flight check may look at: a simulator and the policy as the cells will use them."""

    simulator: Simulator
    policy: Policy
    profile: Profile
    tasks: Sequence[Task]


class Check(NamedTuple):
    """One pre-flight check; ``run`` returns what it saw, or raises ``CheckFailedError`` or ``CheckSkipped``."""

    name: str
    run: Callable[[CheckContext], str]


class Benchmark(PolicyBenchmark, Protocol):
    """A frozen list of tasks and the simulator that plays them."""

    dimensions: tuple[Dimension, ...]
    total_rule: TotalRule

    def tasks(self) -> Sequence[Task]:
        """Every task in the benchmark's own order, blocked ones included; needs no simulator."""
        ...

    def task(self, name: str) -> Task:
        """Look one task up by name; raises ``BadInputError`` with the nearest name."""
        ...

    def protocol(self, profile: Profile) -> Mapping[str, str]:
        """Name every choice in how tasks are played that a published number may depend on."""
        ...

    def simulator(self, profile: Profile, protocol: Mapping[str, str]) -> Simulator:
        """Build a simulator for a model's profile under a protocol, such as ``protocol`` returns."""
        ...

    def checks(self) -> Sequence[Check]:
        """What has to hold before an episode is worth playing, cheapest first; needs no simulator to list."""
        ...


@runtime_checkable
class Ranging(Protocol):
    """A benchmark that shows a policy the ``depth`` that its profile wants."""

    ranging: bool
    """Whether its cameras measure it."""


@runtime_checkable
class Configured(Protocol):
    """A benchmark with options of its own, which may name what is not there."""

    def check_options(self) -> None:
        """Raise ``BadInputError`` for options by which nothing can be played; asked while collecting, so quickly."""
        ...


@runtime_checkable
class Contained(Protocol):
    """A benchmark all of whose tasks another one lists, too: what is known of them there holds here."""

    whole: Benchmark


@runtime_checkable
class Generative(Protocol):
    """A benchmark whose simulators play any playable task under the ``perturbation`` that it carries."""

    generates: tuple[Dimension, ...]
    """The dimensions in which a generated perturbation may change something."""


@runtime_checkable
class Spoken(Protocol):
    """A benchmark that knows a task's instruction without a simulator."""

    def instruction(self, task: Task, source: PromptSource) -> str:
        """Return the words that a policy is told, from either source."""
        ...


@runtime_checkable
class Staging(Protocol):
    """A simulator that can say what of a perturbation stands in the scene, and whether the task is in the picture."""

    def standing(self) -> Perturbation | None:
        """The task's ``perturbation`` as it was carried out: less than asked for where there was no room."""
        ...

    def unseen(self) -> Sequence[str]:
        """What the task is about and the main camera does not show, as the scene is now."""
        ...


@runtime_checkable
class Monitoring(Protocol):
    """A simulator that can say what happened in the episode that it has just played."""

    def events(self, steps: int) -> EpisodeEvents:
        """Tell what happened in the last ``steps`` control steps, which are the policy's."""
        ...


class Scenes(Protocol):
    """Scenes of one simulator that step together, as on a graphics card; numbered from 0 to ``count`` - 1.

    All that play at a time are of one base task. Those that do not play are stepped along, to no end.
    """

    count: int
    action_width: int

    def reset(self, tasks: Mapping[int, Task]) -> Mapping[int, str]:
        """Put some scenes into the initial states of their tasks, leaving the others be; return the instructions."""
        ...

    def step(self, actions: Mapping[int, Actions], *, render: bool) -> frozenset[int]:
        """Advance every scene by one control period; return which of those given an action have reached their goal.

        ``render`` promises that ``observe`` follows for any of them.
        """
        ...

    def observe(self, scenes: Sequence[int]) -> Sequence[Observation]:
        """Return what some scenes' sensors say now."""
        ...

    def view(self, scene: int) -> object:
        """One scene, for a script that reads the simulator (``Privileged``)."""
        ...

    def state_hash(self, scene: int) -> str:
        """Digest one scene's physical state."""
        ...

    def provenance(self) -> Mapping[str, str]:
        """Name what a result depends on, as a ``Simulator`` does."""
        ...

    def close(self) -> None:
        """Free the scenes."""
        ...


@runtime_checkable
class Parallel(Protocol):
    """A benchmark that can play many scenes at once in one process."""

    def scenes(self, profile: Profile, protocol: Mapping[str, str], count: int) -> Scenes | None:
        """Build ``count`` scenes; None where the protocol asks for one simulator an episode."""
        ...
