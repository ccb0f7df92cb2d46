"""A policy per suite behind one: each episode goes to the policy of its suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pytest_robustplus.errors import PolicyError
from pytest_robustplus.policies.contract import Actions, Observation, Policy


class BySuite:
    """Hands each episode to the policy of its suite; asks all that a call concerns, one after another."""

    def __init__(self, build: Callable[[str], Policy], specs: Mapping[str, str]) -> None:
        """Build what each distinct spec names, once."""
        built = {spec: build(spec) for spec in dict.fromkeys(specs.values())}
        self._policies = {suite: built[spec] for suite, spec in specs.items()}
        self.all = tuple(built.values())
        self.suites = tuple(specs)
        self._playing: dict[int, Policy] = {}
        self.remembers_one = any(getattr(policy, "remembers_one", False) for policy in self.all)
        names = [str(getattr(policy, "checkpoint", "unnamed")) for policy in self.all]
        self.checkpoint = "+".join(names) if len(set(names)) > 1 else names[0]

    def begin(self, slot: int, suite: str, task: str) -> None:
        """Choose the policy of the suite."""
        if suite not in self._policies:
            raise PolicyError(f"No policy is given for suite {suite!r}; there is one for {', '.join(self._policies)}.")
        policy = self._playing[slot] = self._policies[suite]
        told = getattr(policy, "begin", None)
        if told is not None:
            told(slot, suite, task)

    def reset(self, slot: int, instruction: str) -> None:
        self._of(slot).reset(slot, instruction)

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        answers: dict[int, Actions] = {}
        for policy in self.all:
            own = [seen for seen in observations if self._of(seen.slot) is policy]
            answers |= dict(zip((seen.slot for seen in own), policy.act(own) if own else (), strict=True))
        return [answers[seen.slot] for seen in observations]

    def close(self) -> None:
        """Let every policy close its connection."""
        for policy in self.all:
            close = getattr(policy, "close", None)
            if close is not None:
                close()

    def _of(self, slot: int) -> Policy:
        # Whoever measures latency begins no episode: any of them will do.
        return self._playing.get(slot, self.all[0])
