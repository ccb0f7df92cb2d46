"""What the benchmarks that come with this package have in common; third parties need none of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from pytest_robustplus.benchmarks.choices import Choices
from pytest_robustplus.benchmarks.contract import Check, Task
from pytest_robustplus.benchmarks.installed import require
from pytest_robustplus.benchmarks.listing import TaskList
from pytest_robustplus.errors import unknown
from pytest_robustplus.policies.cards import default_profile
from pytest_robustplus.policies.contract import Policy
from pytest_robustplus.policies.profile import Profile

_SCRIPTS = ("expert", "demo_replay", "zero")


class Packaged(ABC):
    """A benchmark with a folder of its own, which holds ``checks`` and ``expert``, a module with a class ``Expert``."""

    name: str
    title: str
    folder: ClassVar[str]
    """The folder as a package, such as ``pytest_robustplus.benchmarks.maniskill``."""
    choices: ClassVar[type[Choices]]
    """Its protocol."""
    demonstrations: ClassVar[Path]
    """The file that holds them."""
    ranging: bool = True
    extra: ClassVar[str] = ""
    modules: ClassVar[tuple[str, ...]] = ()
    """What the simulator imports, which installing this package's ``extra`` brings."""

    def __init__(self, protocol: Mapping[str, str]) -> None:
        """Take the choices that differ from the default protocol; the options may hold another benchmark's as well."""
        self.profile = default_profile(self.name)
        self._choices = dict(protocol)

    @abstractmethod
    def tasks(self) -> TaskList:
        """Every task in the benchmark's own order."""

    def task(self, name: str) -> Task:
        return self.tasks().find(name)

    def protocol(self, profile: Profile) -> Mapping[str, str]:
        own = {"prompt_source": profile.prompt_source, "env_seed": str(profile.env_seed)}
        return self.choices.parse({**own, **self._choices}).choices()

    def checks(self) -> Sequence[Check]:
        found: Sequence[Check] = self._module("checks").CHECKS
        return found

    def script(self, name: str) -> Policy:
        """Build ``expert``, ``demo_replay`` or ``zero``, each when it is asked for; raises ``BadInputError``."""
        if name not in _SCRIPTS:
            raise unknown("script", name, _SCRIPTS)
        if name == "expert":
            self._require()
            made: Policy = self._module("expert").Expert()
            return made
        if name == "demo_replay":
            return self._replay()
        from pytest_robustplus.policies.zero import Zero

        return Zero(*self._hold())

    def _replay(self, **conventions: Any) -> Policy:
        """The demonstrations; ``conventions`` are those of ``Replay``."""
        from pytest_robustplus.benchmarks.demo_replay import Replay, load

        return Replay(load(self.demonstrations), *self._hold(), **conventions)

    def _hold(self) -> tuple[tuple[float, ...], ...]:
        """The action that holds still; empty for LIBERO's."""
        return ()

    def _require(self) -> None:
        """Raise ``BadInputError`` where packages are missing, before anything imports them."""
        require(self.title.partition(" (")[0], self.extra, *self.modules)

    def _module(self, name: str) -> Any:
        return import_module(f"{self.folder}.{name}")
