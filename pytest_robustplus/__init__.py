"""Robustness tables of robot policies, run as tests: every cell is a pytest item with a proven verdict.

These are the public names. What a suite is handed: ``Cell``, ``Comparison``, ``Contrast``, ``Claim``, ``Preflight``,
``Latency``, ``Frontier``, ``Fuzz``, ``Play``. What a policy is: ``Policy``, ``Observation``, ``PolicyRequest``. What a
model is: ``Card``, ``Profile``. What a benchmark is: ``Benchmark``, ``Simulator``, ``Task``, ``TaskList``, ``Check``,
``CheckContext``, ``EpisodeEvents``. What changes a task: ``Dimension``, ``Perturbation`` and its kinds,
``strategies``. What is held against: ``Baseline``. What a run has found: ``load_run``, ``RunRecord``, ``CellRow``,
``EpisodeRow``, ``Rows``. What can go wrong: ``RobustnessError`` and its kinds. Everything else may move without notice.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_robustplus.baselines import Baseline
    from pytest_robustplus.benchmarks.contract import (
        Benchmark,
        Check,
        CheckContext,
        Configured,
        Generative,
        Monitoring,
        Parallel,
        Preparing,
        Ranging,
        Scenes,
        Simulator,
        Task,
    )
    from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
    from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
    from pytest_robustplus.benchmarks.listing import TaskList
    from pytest_robustplus.errors import (
        BadInputError,
        CheckFailedError,
        CheckSkipped,
        PolicyError,
        RobustnessError,
        SimulatorError,
        unknown,
    )
    from pytest_robustplus.fuzz import strategies
    from pytest_robustplus.items.cell import Cell
    from pytest_robustplus.items.claims import Claim
    from pytest_robustplus.items.comparison import Comparison, Contrast
    from pytest_robustplus.items.fuzzing import Frontier, Fuzz, Play
    from pytest_robustplus.items.latency import Latency
    from pytest_robustplus.items.preflight import Preflight
    from pytest_robustplus.perturbations import (
        Background,
        Camera,
        Combined,
        Dimension,
        Distractor,
        Language,
        Layout,
        Light,
        Noise,
        Perturbation,
        Robot,
    )
    from pytest_robustplus.perturbations import from_json as perturbation_from_json
    from pytest_robustplus.perturbations import part as perturbation_part
    from pytest_robustplus.policies.cards import Card
    from pytest_robustplus.policies.contract import Actions, Observation, Policy, Privileged
    from pytest_robustplus.policies.profile import Profile
    from pytest_robustplus.policies.request import PolicyFactory, PolicyRequest
    from pytest_robustplus.reporting.reading import load_run
    from pytest_robustplus.results.events import EpisodeEvents, Event, Failure, Subgoal
    from pytest_robustplus.results.rows import CellRow, EpisodeRow, Rows, RunRecord

# Where each name lives; imported when asked for, so that pytest starts without numpy.
_HOMES = {
    "baselines": ("Baseline",),
    "benchmarks.contract": (
        "Benchmark",
        "Check",
        "CheckContext",
        "Configured",
        "Generative",
        "Monitoring",
        "Parallel",
        "Preparing",
        "Ranging",
        "Scenes",
        "Simulator",
        "Task",
    ),
    "benchmarks.listing": ("TaskList",),
    "benchmarks.libero_plus.protocol": ("LiberoProtocol",),
    "benchmarks.libero_plus.simulator": ("LiberoSimulator",),
    "errors": (
        "BadInputError",
        "CheckFailedError",
        "CheckSkipped",
        "PolicyError",
        "RobustnessError",
        "SimulatorError",
        "unknown",
    ),
    "items.cell": ("Cell",),
    "items.claims": ("Claim",),
    "items.comparison": ("Comparison", "Contrast"),
    "items.fuzzing": (
        "Frontier",
        "Fuzz",
        "Play",
    ),
    "items.latency": ("Latency",),
    "items.preflight": ("Preflight",),
    "perturbations": (
        "Background",
        "Camera",
        "Combined",
        "Dimension",
        "Distractor",
        "Language",
        "Layout",
        "Light",
        "Noise",
        "Perturbation",
        "Robot",
        "perturbation_from_json",
        "perturbation_part",
    ),
    "policies.cards": ("Card",),
    "policies.contract": (
        "Actions",
        "Observation",
        "Policy",
        "Privileged",
    ),
    "policies.profile": ("Profile",),
    "policies.request": (
        "PolicyFactory",
        "PolicyRequest",
    ),
    "reporting.reading": ("load_run",),
    "results.events": (
        "EpisodeEvents",
        "Event",
        "Failure",
        "Subgoal",
    ),
    "results.rows": (
        "CellRow",
        "EpisodeRow",
        "Rows",
        "RunRecord",
    ),
}

# Names that say more than those they have at home.
_THERE = {"perturbation_from_json": "from_json", "perturbation_part": "part"}

__all__ = [
    "Actions",
    "Background",
    "BadInputError",
    "Baseline",
    "Benchmark",
    "Camera",
    "Card",
    "Cell",
    "CellRow",
    "Check",
    "CheckContext",
    "CheckFailedError",
    "CheckSkipped",
    "Claim",
    "Combined",
    "Comparison",
    "Configured",
    "Contrast",
    "Dimension",
    "Distractor",
    "EpisodeEvents",
    "EpisodeRow",
    "Event",
    "Failure",
    "Frontier",
    "Fuzz",
    "Generative",
    "Language",
    "Latency",
    "Layout",
    "LiberoProtocol",
    "LiberoSimulator",
    "Light",
    "Monitoring",
    "Noise",
    "Observation",
    "Parallel",
    "Perturbation",
    "Play",
    "Policy",
    "PolicyError",
    "PolicyFactory",
    "PolicyRequest",
    "Preflight",
    "Preparing",
    "Privileged",
    "Profile",
    "Ranging",
    "Robot",
    "RobustnessError",
    "Rows",
    "RunRecord",
    "Scenes",
    "Simulator",
    "SimulatorError",
    "Subgoal",
    "Task",
    "TaskList",
    "load_run",
    "perturbation_from_json",
    "perturbation_part",
    "strategies",
    "unknown",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        # It takes longer to import than everything else here.
        from importlib import metadata

        return metadata.version("pytest-robustplus")
    if name == "strategies":
        return import_module("pytest_robustplus.fuzz.strategies")
    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), _THERE.get(name, name))


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
