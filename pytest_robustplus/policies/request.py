"""What whoever builds a policy is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pytest_robustplus.policies.contract import Policy
from pytest_robustplus.policies.profile import Profile

if TYPE_CHECKING:
    from pytest_robustplus.policies.cards import Card


class PolicyBenchmark(Protocol):
    """A benchmark as far as its policies know it."""

    name: str
    title: str
    suites: tuple[str, ...]
    profile: Profile
    """How a policy is played that comes without a card."""
    control_hz: float
    """Actions that a robot plays a second."""
    sensors: Mapping[str, int]
    """What an observation's state holds, with the width of each vector."""

    def script(self, name: str) -> Policy:
        """Build one of the policies that need no checkpoint: ``expert``, ``demo_replay`` or ``zero``."""
        ...


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """What a factory may need to build a policy; ``address`` is the spec after its scheme."""

    address: str
    card: Card
    profile: Profile
    benchmark: PolicyBenchmark


PolicyFactory = Callable[[PolicyRequest], Policy]
