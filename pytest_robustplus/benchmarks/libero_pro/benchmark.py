"""LIBERO-PRO behind the benchmark contract: arXiv 2510.03827, the edition with 160 playable tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_robustplus.benchmarks.contract import Check, Simulator, Task
from pytest_robustplus.benchmarks.libero_plus.benchmark import LiberoPlus
from pytest_robustplus.benchmarks.libero_pro import files
from pytest_robustplus.benchmarks.libero_pro.tasks import COLUMNS, played, tasks
from pytest_robustplus.benchmarks.listing import TaskList
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.profile import Profile, PromptSource
from pytest_robustplus.results.totals import TotalRule


class LiberoPro(LiberoPlus):
    """LIBERO's 40 tasks with other objects, places, words or goals; 50 stored initial states each."""

    name = "libero_pro"
    # LIBERO-PRO 2.0, of 1,688 instances, is another list.
    title = "LIBERO-PRO (its first edition: 4 of 5 columns have task files)"
    dimensions: tuple[Dimension, ...] = tuple(COLUMNS.values())
    total_rule: TotalRule = "mean_of_five"

    def tasks(self) -> TaskList:
        return tasks()

    def protocol(self, profile: Profile) -> Mapping[str, str]:
        """LIBERO-Plus', but with the task file's sentence unless another is chosen.

        The file's name keeps the old sentence where words or goals change; published scores told it all the same.
        """
        own = {"prompt_source": "bddl", "env_seed": str(profile.env_seed)}
        return self.choices.parse({**own, **self._choices}).choices()

    def instruction(self, task: Task, source: PromptSource) -> str:
        return super().instruction(played(task), source)

    def checks(self) -> Sequence[Check]:
        """LIBERO-Plus' without the one of its own list's prompts."""
        return [check for check in super().checks() if check.name != "prompt"]

    def simulator(self, profile: Profile, protocol: Mapping[str, str]) -> Simulator:
        self._require()
        from pytest_robustplus.benchmarks.libero_pro.simulator import ProSimulator

        return ProSimulator(**self._arguments(profile, protocol))

    def _require(self) -> None:
        files.folder()
        super()._require()
