"""The generated edition behind the benchmark contract: its own list, played by LIBERO-Plus' simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_robustplus.benchmarks.contract import Check, Simulator, Task
from pytest_robustplus.benchmarks.libero_generated.tasks import played, tasks
from pytest_robustplus.benchmarks.libero_plus.benchmark import LiberoPlus
from pytest_robustplus.benchmarks.listing import TaskList
from pytest_robustplus.perturbations import DIMENSIONS, Dimension, Language, part
from pytest_robustplus.perturbations.rewording import reword
from pytest_robustplus.policies.profile import Profile, PromptSource


class LiberoGenerated(LiberoPlus):
    """LIBERO's 40 base tasks under perturbations drawn once: seven dimensions, five levels, no download."""

    name = "libero_plus_generated"
    # In the heading of every report: another list, so scores published on LIBERO-Plus do not transfer.
    title = "LIBERO-Plus, generated edition 1 (its own list: published scores do not transfer)"
    dimensions: tuple[Dimension, ...] = (*DIMENSIONS, Dimension.COMBINED)

    def tasks(self) -> TaskList:
        return tasks()

    def instruction(self, task: Task, source: PromptSource) -> str:
        base = played(task)
        return reword(super().instruction(base, source), part(base.perturbation, Language))

    def checks(self) -> Sequence[Check]:
        """LIBERO-Plus' without the one of its prompts: here a task's own name is never told."""
        return [check for check in super().checks() if check.name != "prompt"]

    def simulator(self, profile: Profile, protocol: Mapping[str, str]) -> Simulator:
        self._require()
        from pytest_robustplus.benchmarks.libero_generated.simulator import GeneratedSimulator

        return GeneratedSimulator(**self._arguments(profile, protocol))
