"""RoboTwin 2.0-Plus behind the benchmark contract: a checkout of the user's own, driven in its own environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_robustplus.benchmarks.contract import Check, Simulator
from pytest_robustplus.benchmarks.listing import TaskList
from pytest_robustplus.benchmarks.packaged import Packaged
from pytest_robustplus.benchmarks.robotwin_plus.checkout import OPTION, PLUS, Checkout, examine, interpreter
from pytest_robustplus.benchmarks.robotwin_plus.protocol import LISTING, RoboTwinProtocol
from pytest_robustplus.benchmarks.robotwin_plus.tasks import BASES, tasks
from pytest_robustplus.benchmarks.two_arms import SENSORS
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import DIMENSIONS, Dimension
from pytest_robustplus.policies.contract import Policy
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.results.totals import TotalRule

# What a child may take to answer where episodes are not limited; a planner's first warm-up takes a minute.
_TIMEOUT_S = 600.0
# Arms at home, grippers open.
_HOME = (*[0.0] * 6, 1.0) * 2


class RoboTwinPlus(Packaged):
    """50 two-armed tasks in eight configurations, 50 verified seeds each; arXiv 2603.22078."""

    name = "robotwin_plus"
    title = PLUS
    suites: tuple[str, ...] = BASES
    dimensions: tuple[Dimension, ...] = DIMENSIONS
    total_rule: TotalRule = "mean_of_eight"
    # RoboTwin re-times every action; policies are trained on demonstrations of 250 / 15 frames a second.
    control_hz = 250 / 15
    sensors: Mapping[str, int] = SENSORS
    folder = "pytest_robustplus.benchmarks.robotwin_plus"
    choices = RoboTwinProtocol

    def __init__(
        self,
        protocol: Mapping[str, str],
        folder: Path | None = None,
        python: Path | None = None,
        timeout: float | None = None,
    ) -> None:
        """Take the choices that differ from the published protocol, and where the checkout and its Python are.

        ``timeout`` is how many seconds the child may take for one thing.
        """
        super().__init__(protocol)
        self._folder, self._python = folder, python
        self._timeout = timeout or _TIMEOUT_S

    def tasks(self) -> TaskList:
        return tasks(self._checkout(), int(RoboTwinProtocol.of(self._choices, *LISTING).trials))

    def check_options(self) -> None:
        if (checkout := self._checkout()) is not None:
            interpreter(self._python, checkout.folder)

    def protocol(self, profile: Profile) -> Mapping[str, str]:
        return RoboTwinProtocol.parse({"env_seed": str(profile.env_seed), **self._choices}).choices()

    def simulator(self, profile: Profile, protocol: Mapping[str, str]) -> Simulator:
        from pytest_robustplus.benchmarks.robotwin_plus.simulator import WIDTHS, RoboTwinSimulator

        checkout = self._checkout()
        if checkout is None:
            raise BadInputError(
                f"RoboTwin is played in a checkout of your own. Name it by {OPTION}=DIR, and the Python of its"
                f" environment by {OPTION}-python=FILE; docs/reference/robotwin_plus.md says more."
            )
        if profile.action_width != WIDTHS[profile.action_space]:
            raise BadInputError(
                f"RoboTwin's actions in {profile.action_space} space are {WIDTHS[profile.action_space]} numbers wide,"
                f" and the profile says action_width = {profile.action_width}. Correct [profile.{self.name}] of the"
                " model's card."
            )
        return RoboTwinSimulator(
            checkout,
            interpreter(self._python, checkout.folder),
            RoboTwinProtocol.parse(protocol),
            cameras=profile.cameras,
            depth=profile.depth,
            action_space=profile.action_space,
            timeout=self._timeout,
        )

    def checks(self) -> Sequence[Check]:
        return super().checks() if self._folder is not None else ()

    def _hold(self) -> tuple[tuple[float, ...], ...]:
        return (_HOME,)

    def _replay(self, **conventions: Any) -> Policy:
        raise BadInputError(
            "No demonstrations come for RoboTwin: what its expert did on each seed is replayed by the model expert."
        )

    def _checkout(self) -> Checkout | None:
        return None if self._folder is None else examine(self._folder)
