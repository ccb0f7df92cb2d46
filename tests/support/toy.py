"""A benchmark of a few microseconds an episode, added through the hooks that third parties use.

Task number i of a dimension is solved by a policy that pushes harder than i / COUNT; so a policy's strength is its
success rate, task by task known, and every mechanism of the plugin can be watched on exact numbers.

An extra perturbation makes everything heavier: by as much per degree of azimuth and per level of noise that a policy of
strength 0.8 keeps half of its successes at 24 degrees, or at level 2.
"""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from pytest_robustplus.benchmarks.contract import Benchmark, Check, CheckContext, Task
from pytest_robustplus.errors import BadInputError, CheckFailedError, CheckSkipped, unknown
from pytest_robustplus.perturbations import Camera, Dimension, Noise, part
from pytest_robustplus.policies.cards import Card
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.results.events import EpisodeEvents, Failure, Subgoal
from pytest_robustplus.results.totals import TotalRule

COUNT = 60
SUITES = ("left", "right")
PROFILE = Profile(
    replan=2, cameras=(), settle_steps=1, settle_action=(0.0, 0.0), horizons={"left": 3, "right": 3}, action_width=2
)
DIMENSIONS = (Dimension.ORIGINAL, Dimension.CAMERA, Dimension.NOISE, Dimension.LIGHT)


def come_to_grief(how: str) -> None:
    """End as simulators do: by a signal, for want of memory, or never."""
    if how == "memory":
        np.ones(2**48)
    if how == "hang":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        time.sleep(3600)
    if how == "gate":
        while not Path(os.environ["TOY_GATE"]).exists():
            time.sleep(0.001)
        return
    os.kill(os.getpid(), signal.Signals[how])


class ToySimulator:
    action_width = 2

    def __init__(self, protocol: Mapping[str, str]) -> None:
        self.task: Task | None = None
        self._pushed = 0.0
        self._protocol = protocol
        # Stands for a GL context: whoever opens one has to close it.
        self._open = Path(os.environ["TOY_CONTEXTS"], str(os.getpid())) if "TOY_CONTEXTS" in os.environ else None
        if self._open is not None:
            self._open.touch(exist_ok=False)

    def reset(self, task: Task) -> str:
        self.task, self._pushed = task, 0.0
        faults = Path(os.environ.get("TOY_FAULTS", "/nonexistent"))
        if faults.exists():
            left = int(faults.read_text())
            if left:
                faults.write_text(str(left - 1))
                raise RuntimeError("the physics exploded")
        deaths = Path(os.environ.get("TOY_DEATHS", "/nonexistent"))
        if deaths.exists():
            more, name, how = deaths.read_text().split()
            if int(more) and task.name == name:
                # Others may be reading it.
                partial = deaths.with_suffix(f".{os.getpid()}")
                partial.write_text(f"{int(more) - 1} {name} {how}")
                partial.replace(deaths)
                come_to_grief(how)
        return f"push {task.name}"

    def step(self, action: Actions, *, render: bool) -> bool:
        assert self.task is not None
        time.sleep(float(os.environ.get("TOY_SECONDS", "0")))
        self._pushed = max(self._pushed, float(action[0]))
        extra = abs(part(self.task.perturbation, Camera).azimuth) / 60 + part(self.task.perturbation, Noise).level / 5
        return self._pushed > float(self.task.parameters["weight"]) + extra

    def observe(self) -> Observation:
        assert self.task is not None
        return Observation({}, {"pushed": np.array([self._pushed])}, f"push {self.task.name}")

    def state_hash(self) -> str:
        return hashlib.sha256(np.float64(self._pushed).tobytes()).hexdigest()

    def provenance(self) -> Mapping[str, str]:
        shown = os.environ.get("TOY_SHOWS", "").split()
        return {"toy": "1.0", **{name: os.environ.get(name, "") for name in shown}}

    def close(self) -> None:
        self.task = None
        if self._open is not None:
            self._open.unlink()


class ToyWithEvents(ToySimulator):
    """Says how far a push fell short: none is no movement, less than half never reached."""

    def events(self, steps: int) -> EpisodeEvents:
        assert self.task is not None
        weight = float(self.task.parameters["weight"])
        stages = tuple(
            Subgoal(name, steps if self._pushed > share * weight else 0)
            for name, share in (("reach", 0.5), ("push", 1))
        )
        if stages[1].step:
            return EpisodeEvents(None, stages, peak_force_n=self._pushed)
        failure = Failure.NOT_GRASPED if stages[0].step else Failure.NEVER_REACHED
        return EpisodeEvents(failure if self._pushed else Failure.NEVER_MOVED, stages, peak_force_n=self._pushed)


class Toy:
    name = "toy"
    title = "Toy Table"
    suites: tuple[str, ...] = SUITES
    dimensions: tuple[Dimension, ...] = DIMENSIONS
    generates = (Dimension.CAMERA, Dimension.NOISE)
    total_rule: TotalRule = "mean_of_seven"
    profile = PROFILE
    control_hz = 20.0
    sensors: Mapping[str, int] = MappingProxyType({"pushed": 1})

    def __init__(self, choices: Mapping[str, str]) -> None:
        self._choices = choices

    def __getstate__(self) -> dict[str, object]:
        # Another machine looks for itself what it can play.
        return {"_choices": self._choices}

    @cached_property
    def _tasks(self) -> Sequence[Task]:
        blocked = os.environ.get("TOY_BLOCKED", ""), "the toy shop has no lamps; --toy-lamps would unlock it"
        return [
            Task(
                name=f"{SUITES[i % 2]}/{dimension}_{i}",
                suite=SUITES[i % 2],
                base=f"base_{i % 5}",
                dimension=dimension,
                subdimension="odd" if i % 2 else "even",
                parameters={"weight": (i + 0.5) / COUNT},
                blocked=blocked[dimension == "light"],
            )
            for dimension in DIMENSIONS
            for i in range(COUNT)
        ]

    def tasks(self) -> Sequence[Task]:
        return self._tasks

    def task(self, name: str) -> Task:
        found = {task.name: task for task in self._tasks}
        if name not in found:
            raise unknown("toy task", name, found)
        return found[name]

    def protocol(self, profile: Profile) -> Mapping[str, str]:
        for key in self._choices:
            if key != "prompt_source":
                raise unknown("protocol key", key, ["prompt_source"], where="--robust-protocol")
        return {"prompt_source": profile.prompt_source, "env_seed": "0", **self._choices}

    def simulator(self, profile: Profile, protocol: Mapping[str, str]) -> ToySimulator:
        # Most tests are about simulators that cannot tell, as those of third parties.
        return ToyWithEvents(protocol) if "TOY_EVENTS" in os.environ else ToySimulator(protocol)

    def script(self, name: str) -> Steady:
        return {"expert": Steady(1.0), "demo_replay": Steady(0.8), "zero": Steady(0.0)}[name]

    def checks(self) -> Sequence[Check]:
        return (Check("scales", _scales), Check("colours", _colours))


def _scales(context: CheckContext) -> str:
    if os.environ.get("TOY_SCALES") == "broken":
        raise CheckFailedError("The scales show 3 g with nothing on them. Calibrate them.")
    context.simulator.reset(context.tasks[0])
    return "the scales show 0 g"


def _colours(context: CheckContext) -> str:
    raise CheckSkipped("nothing here looks at colours")


class Steady:
    """Pushes equally hard at everything."""

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self.checkpoint = f"steady-{strength}"

    def reset(self, slot: int, instruction: str) -> None:
        self.instruction = instruction

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        time.sleep(float(os.environ.get("TOY_THINKS", "0")))
        return [np.full((4, 2), self.strength) for _ in observations]


class Weak(Steady):
    def __init__(self) -> None:
        super().__init__(0.3)


class Nan(Steady):
    def __init__(self) -> None:
        super().__init__(float("nan"))


class Wide(Steady):
    def __init__(self) -> None:
        super().__init__(0.5)

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        return [np.zeros((4, 7))]


class Raises(Steady):
    def __init__(self) -> None:
        super().__init__(0.5)

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        raise ValueError("CUDA error: out of memory")


class NoPolicy:
    pass


unnamed = Steady(0.8)


def card(name: str, **changes: object) -> Card:
    values = {
        "title": name.title(),
        "family": "own",
        "baseline": name,
        "profiles": {"toy": PROFILE},
        "benchmarks": ("toy",),
    } | changes
    return Card(name=name, **values)  # type: ignore[arg-type]


def pytest_robustplus_models() -> Iterable[Card]:
    return [
        card("strong", policy="expert"),
        card("steady", policy="demo_replay"),
        card("weak", policy="python:toy:Weak", baseline="steady"),
        card("secret", unavailable="nobody has published its checkpoint"),
        card("served"),
    ]


def pytest_robustplus_benchmarks(settings: object) -> Iterable[Benchmark]:
    protocol: Mapping[str, str] = settings.protocol  # type: ignore[attr-defined]
    if "broken" in protocol:
        raise BadInputError("broken benchmark")
    return [Toy(protocol)]


class Reader(Steady):
    """Pushes hard when told which task, and otherwise with the strength of chance."""

    def __init__(self) -> None:
        super().__init__(0.9)

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        told = all(o.instruction.startswith("push") for o in observations)
        return [np.full((4, 2), self.strength if told else 0.2) for _ in observations]


SUITE = """
import pytest

@pytest.mark.robustness("toy")
def test_success_rate(cell):
    assert cell.not_worse_than(cell.baseline)
"""

PREFLIGHT = """
import pytest

@pytest.mark.robustness("toy")
def test_preflight(check):
    check.run()
"""

LATENCY = """
import pytest

@pytest.mark.robustness("toy")
def test_latency(latency):
    assert latency.not_slower()
"""

COMPARISON = """
import pytest

@pytest.mark.robustness("toy")
def test_comparison(comparison):
    assert comparison.answer()
"""

SEARCHES = """
import pytest

@pytest.mark.robustness("toy")
def test_fuzz(fuzz):
    assert fuzz.holds()

@pytest.mark.robustness("toy")
def test_frontier(frontier):
    assert frontier.not_nearer_than_accepted()
"""

BASELINES = """
[[table]]
benchmark = "toy"
paper = "arXiv 2600.00001v1"
table = "Table 1"
label = "toy"
across = "dimension"
columns = ["original", "camera", "noise", "light"]
prompt_source = "task_language"
protocol = "one trial a task"
row = [
    { model = "strong", name = "Strong", percent = [100.0, 100.0, 100.0, 100.0], default = true },
    { model = "steady", name = "Steady", percent = [80.0, 80.0, 80.0, 80.0], default = true },
]
"""


@pytest.fixture
def toy(pytester: pytest.Pytester, request: pytest.FixtureRequest) -> pytest.Pytester:
    """A project that uses the plugin on the toy benchmark, as a user would."""
    spread = getattr(request, "param", "")
    pytester.makeconftest("from toy import pytest_robustplus_benchmarks, pytest_robustplus_models")
    pytester.makepyfile(test_suite=SUITE)
    pytester.path.joinpath("toy_baselines.toml").write_text(BASELINES)
    pytester.makeini(
        f"[pytest]\npythonpath = {Path(__file__).parent}\nrobust_baselines = toy_baselines.toml\n"
        f"robust_perturbations = camera noise\naddopts = {spread}\n"
    )
    return pytester
